/*
 * What the probe asks of an operating system, where NetBSD and Linux differ: os_netbsd*.c and os_linux*.c
 * each have all of it.  A call that is the same on both is made directly (syscall.h).
 *
 * A result below zero is minus the error number.  Signals, wait options and clone flags are NetBSD's
 * numbers here; Linux's part translates.
 */
#ifndef OS_H
#define OS_H

#include "arch.h"
#include "constants.h"
#include "types.h"

/* ---- processes ---- */

enum fork_kind { BY_FORK, BY_VFORK, BY_VFORK14, BY_CLONE };
/* The child begins on the stack `run_on`, as raw_fork (arch.c) says. */
pair_t os_fork(enum fork_kind kind, long flags, void *child_stack, long sentinel, void *run_on, long slot);
/* What the second register of a parent holds where the call left it alone. */
long os_kept_register(enum fork_kind kind, long sentinel, void *child_stack);

enum end { NOT_ENDED = 0, EXITED = 'e', KILLED = 'k', WAS_STOPPED = 's', WAS_CONTINUED = 'c' };
struct status {
	enum end how;
	int value;
};
long os_wait4(long pid, struct status *status, int options);
long os_wait6(int idtype, long id, struct status *status, int options); /* on Linux it is waitid */
extern const int os_gives_us_orphans; /* else they are init's */
void os_exit(int status) __attribute__((noreturn));
long os_kill(long pid, int signal);
long os_trace_me(void);

/* What a process is doing, as far as the kernel tells. */
enum state { RUNNING = 'R', ASLEEP = 'S', STOPPED = 'T', ZOMBIE = 'Z', NO_PROCESS = 'X' };
enum state os_state(long pid);
enum state os_lwp_state(long pid, long lid);
long os_lwp_self(void);

/* What the system says of a process and of itself; CANNOT where it has no such call. */
enum { CANNOT = -0x7000 };
enum { KP_FLAG = FIELDS }; /* p_realflag, which no scenario names as a field */
struct seen_value {
	i64 number; /* of a set of signals: bit n-1 for signal n */
	char text[128];
};
long os_field(long pid, int field, struct seen_value *v);
long os_childrens_usage(void); /* 0: none at all */

/* ---- files ---- */

long os_open(const char *path);
long os_dup2(long from, long to);
enum whence { FROM_START, FROM_HERE };
long os_lseek(long fd, long offset, enum whence whence);
long os_getcwd(char *buf, long size);

/* ---- signals, limits, timers ---- */

enum disposition { ASK_ONLY = -1, DEFAULT = 'd', IGNORE = 'i', CATCH = 'c' }; /* first letters of the words */
long os_sigaction(int signal, enum disposition disposition); /* the old one */
enum { ALL_SIGNALS = 0 };
long os_block(int block, int signal);
u64 os_pending(void); /* bit n-1 for signal n */
long os_sigaltstack(long size); /* below 0 asks; the old size, 0: none */
#define NO_LIMIT (~0ull)
long os_setrlimit(u64 cur, u64 max);
long os_getrlimit(u64 *cur, u64 *max);
void os_no_core(void); /* a process that is killed leaves no file behind */
long os_setitimer(enum timer which);
long os_getitimer(enum timer which); /* 1: it runs */
long os_timer_create(int *id); /* a POSIX timer, which runs for a day */
long os_timer_gettime(int id); /* 1: it runs */
long os_sched_setparam(int policy, int priority); /* of this process; below 0: none */
long os_sched_getparam(int *policy); /* the priority */

enum { BURN_FOR = 12000000 }; /* microseconds: the longest `burn` */

/* ---- time ---- */

void os_nap(long microseconds);
u64 os_microtime(void);
u64 os_coarse_time(void); /* of the clock that new processes are dated by */
extern const u64 os_spin; /* microseconds for which it is better to spin than to nap */
/* Sleeps until another process wakes the word, which is 0, or for that time. */
void os_sleep_on(u32 *word, long microseconds);
long os_wake(u32 *word); /* how many were woken: one at most */
int os_has_futex(void); /* else os_sleep_on() only yields */
void os_assume_futex(int there); /* instead of os_prepare(), which changes what scenarios look at */
int os_nicest_runs_last(void); /* the process with the worst priority runs only when no other can */

/* ---- the system ---- */

void *os_shared(unsigned long size);
/* A file in memory, or that of the path: its descriptor, or below 0 where there can be none. */
long os_memory_file(const char *path, unsigned long size);
void *os_shared_file(long file, unsigned long size);
void os_identity(char *buf, unsigned long size); /* "NetBSD 10.1 amd64" */
u64 os_maxproc(void); /* the limit on processes; 0 where it is unknown */
const char *os_lacks(void); /* "PTRACE,KTRACE", by targets/needs.py: what this kernel has not */
extern const int os_has_tracer;
extern const char *const os_own_program; /* a path to it that each user may use; 0: only its own */
void os_prepare(void);
void os_prepare_init(void); /* what init has to do for itself */
void os_power_off(void) __attribute__((noreturn));
/* Settings of the whole system. */
enum knob { MAXPROC, FORKFSLEEP, MQ_MAX, KNOBS };
long os_knob(enum knob knob, long value); /* below 0 asks; the old value */
struct effort {
	long ticks, sleeps; /* of the clock since the start; how often this process gave up its CPU */
};
void os_effort(struct effort *now);

/* The mailbox (mailbox.c); the sizes and places are whole sectors. */
long os_mail_open(void);
long os_mail_get(void *buf, long size, long offset);
long os_mail_put(const void *buf, long size, long offset);

#endif
