/*
 * The world around one call (world.c): the case that sets it up, the objects, and the record of
 * what is called.
 */
#ifndef FORKORACLE_WORLD_H
#define FORKORACLE_WORLD_H

#include "netbsd.h"

struct the_case {
#define FIELD(name, plain) int64_t name;
#include "case.def"
#undef FIELD
};

enum call {
#define CALL(number, name, arguments) CALL_##name = number,
#include "calls.def"
#undef CALL
};

/* What a new process still has of the one that had its memory before. */
#define STALE 0x5a

#define MAX_WORDS 2000

extern struct the_case c;
/*
 * Shared with the process that watches this one: cases begun, words written, and the
 * calls of the case that is being run.
 */
extern volatile int64_t *progress;
#define nevents (progress[2])
#define events (progress + 3)
/* Where the state before each call goes, when that is asked for. */
extern int64_t *snapshot;
#define MAX_SNAPSHOTS 150
extern register_t forkoracle_retval[2];

/* What an object is called that is none of objects.def, or that is left of another process. */
#define UNKNOWN 98
#define STALE_NAME 99
#define STALE_POINTER 0x5a5a5a5a5a5a5a5aul

/* The objects that callees work on; the others are world.c's own. */
extern struct proc p1, p2, p2_before;
extern struct lwp l1, l2;
extern kmutex_t lock1, lock2;
#if REVISION >= 1226
#define PROC_LOCK (&proc_lock)
#else
extern kmutex_t proc_lock_object;
#define PROC_LOCK (&proc_lock_object)
#endif
extern struct filedesc fd_copied, fd_fresh;
extern struct cwdinfo cwdi_copied;
extern struct plimit limit_copied;
extern struct sigacts sigacts_copied;
extern struct vmspace vmspace_copied;
extern struct pstats stats_copied;
extern struct kauth_cred cred_l, cred_p;
extern char path_copied[], ras_copied, uarea;
extern int tracefile; /* how often it is referenced */

extern int cpu_count[3], preempt;
extern int proccnt[2]; /* of the two real user IDs that there can be */
extern int waits;      /* of the parent in vfork */
extern bool p2_there, p2_gone, stopped_once;

/* What the new process's emulation hears; in callees.c. */
void e_proc_fork(struct proc *, struct lwp *, int);
void e_syscall_intern(struct proc *);

void world_boot(void);
void world_begin(const int64_t *);
int64_t *world_record(int64_t *);
void note(enum call, int, ...);
int64_t name(const volatile void *);
void ready(kmutex_t *);
int64_t hash(const char *);

#define STATUS_RETURNED 0
#define STATUS_PANICKED 1

#endif
