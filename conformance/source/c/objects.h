/*
 * The case, the objects around a call, and their numbers.
 */
#ifndef FORKORACLE_OBJECTS_H
#define FORKORACLE_OBJECTS_H

#include "callees.h"
#include "kern_fork.h"
#include "sizes.h"

extern struct given {
#define FIELD(name, plain) int64_t name;
#include "case.def"
#undef FIELD
} given;

enum function {
#define FUNCTION(number, name) FUNCTION_##name = number,
#include "functions.def"
#undef FUNCTION
};

enum object {
#define OBJECT(number, name, address) OBJECT_##name = number,
#include "objects.def"
#undef OBJECT
};

/* The objects of objects.def.  `copied` and `fresh` are what callees make for the child. */
extern struct proc init_, p1, p2, tracer, sibling, member;
extern struct lwp l1, l2;
extern kmutex_t lock1, lock2, lock_other; /* of p1, p2, and the other processes */
#if REVISION >= 1226
#define PROC_LOCK (&proc_lock)
#else
extern kmutex_t proc_lock_object;
#define PROC_LOCK (&proc_lock_object)
#endif
extern struct filedesc fd1, fd_copied, fd_fresh;
extern struct cwdinfo cwdi1, cwdi_copied;
extern struct plimit limit1, limit_copied;
extern struct sigacts sigacts1, sigacts_copied;
extern struct vmspace vmspace1, vmspace_copied;
extern struct pstats stats1, stats_copied;
extern struct kauth_cred cred_l, cred_p;
extern struct vnode textvp1;
extern char path1[], path_copied[];
extern int tracefile; /* the number of references to it */
extern struct emul emul1;
extern struct pgrp pgrp1;
extern struct session session1;
extern char execsw1, emuldata1, ras1, ras_copied, aio1, knote1, uarea;

/* What else there is. */
extern int cpu_count[3]; /* by CPU_COUNT_* */
extern int preempt; /* how often preemption is disabled */
extern int count_l; /* processes of the calling LWP's real user ID */
extern int count_p; /* processes of the process's real user ID, where that is another */
extern int waits; /* calls of cv_wait() */
extern bool p2_there; /* whether proc_alloc() gave p2 away */
extern bool p2_gone; /* whether the memory of p2 is another process's */
extern struct proc p2_before; /* p2 as it was before that */
#define MAX_OTHERS 8
extern kmutex_t *others[MAX_OTHERS]; /* the file's own locks that are held */
extern int others_held; /* the number of them */
extern bool stopped_once; /* whether the caller stopped for its tracer */
extern register_t retval[2];

/* The number of an object in objects.def, 0 for NULL, STALE_NAME or UNKNOWN. */
int64_t name(const volatile void *);
/* A string as the record has it: FNV-1a of its first 60 characters. */
int64_t hash(const char *);
/* Makes a lock ready for use. */
void ready(kmutex_t *);
/* The function that a case gives to fork1. */
void some_function(void *);

#endif
