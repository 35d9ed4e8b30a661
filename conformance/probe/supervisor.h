/* The supervisor: starts a director, and another one where it dies or hangs. */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

/* Runs until the input is used up. */
void supervise(void) __attribute__((noreturn));

#endif
