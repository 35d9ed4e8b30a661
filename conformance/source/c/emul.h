/*
 * What the process's emulation hears: stand-ins that no file of sys/kern has.
 */
#ifndef FORKORACLE_EMUL_H
#define FORKORACLE_EMUL_H

#include "proc.h"

void e_proc_fork(struct proc *, struct lwp *, int);
void e_syscall_intern(struct proc *);

#endif
