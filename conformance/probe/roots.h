/* How processes of ours are born: the director, and the roots of a scenario. */
#ifndef ROOTS_H
#define ROOTS_H

/* How the kernel's fork behaves is tried out once, before we rely on it. */
void choose_own_fork(void);
/* The role of the child that tries it. */
void try_fork(void) __attribute__((noreturn));
long fork_director(void);
/* Forks the roots, and waits until each of several is there; 0 where one could not be. */
int bring_roots(void);

#endif
