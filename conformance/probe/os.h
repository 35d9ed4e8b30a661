/*
 * What the probe asks of an operating system.  One implementation for each:
 * os_netbsd.h and os_linux.h.  A result below zero is minus the error number.
 * Signals, wait options and clone flags are NetBSD's numbers here; the Linux
 * implementation translates.
 */
#ifndef OS_H
#define OS_H

typedef unsigned int u32;
typedef int i32;
typedef long long i64;
typedef unsigned long long u64;

/*
 * What is large, or has to have a page of its own, lies behind all that is small: each page that
 * a process touches costs it a page fault, and a new process has none of them yet.
 */
#define LARGE __attribute__((section(".bss.large")))

enum { FORK, VFORK, VFORK14, CLONE };

/* What a process is doing, as far as the kernel tells. */
enum { RUNNING = 'R', ASLEEP = 'S', STOPPED = 'T', ZOMBIE = 'Z', NOBODY = 'X' };

struct status {
	int how; /* 'e'xited, 'k'illed, 's'topped, 'c'ontinued, 0: nobody */
	int value;
};

static pair_t os_fork(int kind, long flags, void *child_stack, long sentinel, void *run_on, long slot);
static long os_wait4(long pid, struct status *status, int options);
static long os_getpid(void);
static long os_getppid(void);
static void os_exit(int status) __attribute__((noreturn));
static long os_kill(long pid, int signal);
static long os_setpgid(long pid, long group);
static long os_open(const char *path);
static long os_mail_open(void); /* see mailbox.h; the sizes and places are whole sectors */
static long os_mail_get(void *buf, long size, long offset);
static long os_mail_put(const void *buf, long size, long offset);
static void os_power_off(void);
static long os_close(long fd);
static long os_dup2(long from, long to);
static long os_pipe(int end[2]); /* read, write */
static long os_lseek(long fd, long offset, int whence); /* 0 set, 1 current */
static long os_read(long fd, void *buf, long size);
static long os_write(long fd, const void *buf, long size);
static long os_chdir(const char *path);
static long os_getcwd(char *buf, long size);
static long os_umask(long mask);
static long os_sigaction(int signal, int disposition); /* -1 asks; the old one: 'd', 'i', 'c' */
static long os_block(int block, int signal);           /* signal 0: all of them */
static u64 os_pending(void);                           /* bit n-1 for signal n */
static long os_setrlimit(u64 cur, u64 max);            /* ~0: infinity */
static long os_getrlimit(u64 *cur, u64 *max);
static long os_setreuid(long ruid, long euid);
static long os_getuid(void);
static long os_exec(const char *path, char *const argv[]);
static void os_nap(long microseconds);
/* Until somebody wakes the word, which is 0, or for so long. */
static void os_sleep_on(u32 *word, long microseconds);
static long os_wake(u32 *word); /* how many were woken: one at most */
static void os_yield(void);
static u64 os_microtime(void);
static int os_nicest_runs_last(void); /* who has the worst priority: only when nobody else can */
static void *os_shared(unsigned long size);
static void *os_shared_file(const char *path, unsigned long size);
static int os_state(long pid);
static void os_no_core(void); /* who is killed leaves no file behind */
static void os_identity(char *buf, unsigned long size); /* "NetBSD 10.1 amd64" */
static u64 os_maxproc(void); /* how many processes there may be; 0 where nobody knows */
static const char *os_lacks(void); /* "PTRACE,KTRACE", by targets/needs.py: what this kernel has not */
static void os_prepare(void);
void *memcpy(void *restrict to, const void *restrict from, unsigned long size); /* text.h */
void *memset(void *to, int value, unsigned long size);
static void os_prepare_init(void); /* what init has to do for itself */
static const char *os_errno(long error);

/* What the system says of a process and of itself; CANNOT where it has no such call. */
enum { CANNOT = -0x7000 };
/* The fields of kern.proc2, in the order of scenario.h's names; the first ones can be shown. */
enum field {
	KP_NICE, KP_EXITSIG, KP_ACFLAG, KP_ENAME, KP_TRACEFLAG, KP_NLWPS, KP_REALSTAT, KP_COMM, KP_PPID,
	KP_SIGMASK, KP_SIGIGNORE, SHOWN,
	KP_PGID = SHOWN, KP_SESS, KP_FD, KP_CWDI, KP_LIMIT, KP_VMSPACE, KP_SIGACTS, KP_STATS,
	KP_TRACEP, KP_TEXTVP, KP_PATHNAME, KP_START, FIELDS, KP_FLAG = FIELDS
};
struct seen_value {
	i64 number; /* of a set of signals: bit n-1 for signal n */
	char text[128];
};
enum { MAXPROC, FORKFSLEEP };
struct effort {
	long ticks, sleeps; /* of the clock since the start; how often this process gave up its CPU */
};
static long os_field(long pid, int field, struct seen_value *v);
static u64 os_coarse_time(void);             /* of the clock that new processes are dated by */
static long os_setitimer(int which); /* 0 real, 1 virtual, 2 profiling */
static long os_getitimer(int which); /* 1: it runs */
static long os_childrens_usage(void); /* 0: none at all */
static long os_nice(long value);
static long os_setsid(void);
static long os_sigaltstack(long size); /* below 0 asks; the old size, 0: none */

#ifdef __NetBSD__
#define HAVE_LOOKS 1
static long os_lwp_create(void (*start)(void), void *stack); /* its ID */
static long os_lwp_self(void);
static void os_lwp_exit(void);
static int os_lwp_state(long pid, long lid);
static long os_clofork(long fd, int on); /* the close-on-fork flag */
static long os_counts(u64 *count); /* forks, of these with a waiting parent, with shared memory */
static long os_processes(void);
static long os_knob(int knob, long value); /* below 0 asks; the old value */
static void os_effort(struct effort *now);
static int os_cpus(void);
static long os_stopflag(long pid, int at_exec, long value);
static long os_messages(const char *wanted); /* how often the kernel has said so */
static long os_kqueue(void);
static long os_watch(long kq, long pid, u32 notes);
static long os_event(long kq, long *pid, u32 *notes, long *data); /* 0: none */
static long os_ktrace(long fd, long pid, u32 facilities);
static long os_ktrace_end(long fd);
static long os_utrace(void);
static long os_record(long fd, long *pid, int *type, int *code); /* 0: the end */
static int os_is_fork_return(int type, int code);
static long os_ras(int install);
static long os_profil(void);
static long os_aio_read(long fd); /* a byte, asynchronously, until it is there */
static long os_aio_error(void); /* of the last one; what is left of it, in a child */
static long os_minherit(void *page, long size, int inheritance);
static long os_setprivate(long value);
static long os_getprivate(void);
static long os_lwp_ctl(void);
static long os_lwp_counter(int *counter); /* of this memory's control block; 0: it has none */
static long os_controlling_tty(void);
static long os_default_sigchld(int nocldstop); /* with SA_NOCLDSTOP or else SA_NOCLDWAIT */
#else
#define HAVE_LOOKS 0
#endif

#endif
