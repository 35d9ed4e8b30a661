/*
 * What kern_fork.c itself defines.
 */
#ifndef FORKORACLE_KERN_FORK_H
#define FORKORACLE_KERN_FORK_H

#include "proc.h"

struct sys___clone_args {
	struct {
		int datum;
	} flags;
	struct {
		void *datum;
	} stack;
};
#define SCARG(args, name) ((args)->name.datum)
#define syscallarg(type) type

int fork1(struct lwp *, int, int, void *, size_t, void (*)(void *), void *, register_t *);
int sys_fork(struct lwp *, const void *, register_t *);
int sys_vfork(struct lwp *, const void *, register_t *);
int sys___vfork14(struct lwp *, const void *, register_t *);
int sys___clone(struct lwp *, const struct sys___clone_args *, register_t *);
void child_return(void *);

extern int forkfsleep;
extern u_int nprocs;

#endif
