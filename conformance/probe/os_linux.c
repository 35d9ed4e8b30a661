/*
 * Linux: raw system calls.  Signals, wait options and limits are translated
 * from NetBSD's numbers; clone's flag bits below 0x8000 are the same on both,
 * and the others go through as they are.
 */
#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "os_linux.h"
#include "syscall.h"

/*
 * NetBSD's signal n by its name on Linux.  EMT and INFO have none: they get
 * two numbers of Linux that NetBSD has no name for, STKFLT and the first
 * real-time one.  NetBSD has no 64th signal; 64 and above stay as they are.
 */
static const unsigned char to_linux[NETBSD__NSIG] = {0, SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT,
    SIGSTKFLT /* for EMT */, SIGFPE, SIGKILL, SIGBUS, SIGSEGV, SIGSYS, SIGPIPE, SIGALRM, SIGTERM, SIGURG, SIGSTOP,
    SIGTSTP, SIGCONT, SIGCHLD, SIGTTIN, SIGTTOU, SIGIO, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH,
    32 /* for INFO */, SIGUSR1, SIGUSR2, SIGPWR, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
    51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

int host_signal(int n) { return n < NETBSD__NSIG ? to_linux[n] : n; }

int netbsd_signal(int host)
{
	for (int n = 1; n < NETBSD__NSIG; n++)
		if (to_linux[n] == host)
			return n;
	return host;
}

u64 netbsd_signals(u64 host)
{
	u64 set = 0;
	for (int n = 1; n < NETBSD__NSIG; n++)
		if (host >> (to_linux[n] - 1) & 1)
			set |= 1ull << (n - 1);
	return set;
}

/* What is left alone by a call that knows of no second return register. */
static int scratch[4];

pair_t os_fork(enum fork_kind kind, long flags, void *child_stack, long sentinel, void *run_on, long slot)
{
	(void)sentinel;
	switch (kind) {
	case BY_FORK:
		flags = SIGCHLD;
		break;
	case BY_VFORK: /* 4.4BSD's: blocks, shares no memory */
		flags = CLONE_VFORK | SIGCHLD;
		break;
	case BY_VFORK14:
		flags = CLONE_VFORK | CLONE_VM | SIGCHLD;
		break;
	default:
		flags = (flags & ~(long)NETBSD_CLONE_CSIGNAL) | host_signal(flags & NETBSD_CLONE_CSIGNAL);
	}
	return raw_fork(__NR_clone, flags, (long)child_stack, (long)&scratch[0], run_on, slot);
}

static int host_options(int options)
{
	static const int from_netbsd[][2] = {{NETBSD_WNOHANG, WNOHANG}, {NETBSD_WUNTRACED, WUNTRACED},
	    {NETBSD_WALTSIG, (int)__WCLONE}, {NETBSD_WALLSIG, __WALL}, {NETBSD_WCONTINUED, WCONTINUED},
	    {NETBSD_WEXITED, WEXITED}, {NETBSD_WNOWAIT, WNOWAIT}};
	int host = 0;
	for (unsigned i = 0; i < sizeof from_netbsd / sizeof from_netbsd[0]; i++)
		if (options & from_netbsd[i][0])
			host |= from_netbsd[i][1];
	return host;
}

long os_wait4(long pid, struct status *status, int options)
{
	int s = 0;
	long got = CALL(wait4, pid, &s, host_options(options));
	status->how = NOT_ENDED;
	status->value = 0;
	if (got <= 0)
		return got;
	if ((s & 0x7f) == 0)
		status->how = EXITED, status->value = s >> 8 & 0xff;
	else if (s == 0xffff)
		status->how = WAS_CONTINUED;
	else if ((s & 0xff) == 0x7f)
		status->how = WAS_STOPPED, status->value = netbsd_signal(s >> 8 & 0xff);
	else
		status->how = KILLED, status->value = netbsd_signal(s & 0x7f);
	return got;
}

long os_wait6(int idtype, long id, struct status *status, int options)
{
	siginfo_t found = {0};
	int kind = idtype == NETBSD_P_PID ? P_PID : idtype == NETBSD_P_PGID ? P_PGID : P_ALL;
	if (options & (NETBSD_WTRAPPED | NETBSD_WNOZOMBIE))
		return CANNOT; /* it has no such options */
	long error = CALL(waitid, kind, id, &found, host_options(options));
	status->how = NOT_ENDED;
	status->value = 0;
	if (error < 0 || !found.si_pid)
		return error;
	switch (found.si_code) {
	case CLD_EXITED:
		status->how = EXITED, status->value = found.si_status;
		break;
	case CLD_CONTINUED:
		status->how = WAS_CONTINUED;
		break;
	case CLD_STOPPED:
	case CLD_TRAPPED:
		status->how = WAS_STOPPED, status->value = netbsd_signal(found.si_status);
		break;
	default:
		status->how = KILLED, status->value = netbsd_signal(found.si_status);
	}
	return found.si_pid;
}

void os_exit(int status)
{
	for (;;)
		CALL(exit_group, status);
}
long os_kept_register(enum fork_kind kind, long sentinel, void *child_stack)
{
	(void)kind, (void)sentinel;
	return KEPT_IS_A2 ? (long)&scratch[0] : (long)child_stack;
}

long os_trace_me(void) { return CANNOT; } /* the tracer is another program */
long os_kill(long pid, int signal) { return CALL(kill, pid, host_signal(signal)); }
long os_open(const char *path) { return CALL(openat, AT_FDCWD, path, O_RDONLY); }
long os_dup2(long from, long to) { return from == to ? from : CALL(dup3, from, to); }
long os_lseek(long fd, long offset, enum whence whence) { return CALL(lseek, fd, offset, whence); }
long os_getcwd(char *buf, long size)
{
	long got = CALL(getcwd, buf, size);
	return got < 0 ? got : 0;
}

struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	u64 mask;
};

static void caught(int signal) { (void)signal; }

#ifdef __x86_64__
void restore(void);
__asm__(".text\n.globl restore\nrestore:\n	mov $" QUOTED(__NR_rt_sigreturn) ",%eax\n	syscall\n");
#define RESTORER 0x04000000ul
#else
#define restore 0
#define RESTORER 0ul
#endif

long os_sigaction(int signal, enum disposition disposition)
{
	struct kernel_sigaction new = {0, RESTORER | SA_RESTART, restore, 0}, old = {0, 0, 0, 0};
	long error;
	if (disposition == CATCH)
		new.handler = (void *)caught;
	else
		new.handler = disposition == IGNORE ? (void *)SIG_IGN : 0;
	error = CALL(rt_sigaction, host_signal(signal), disposition == ASK_ONLY ? 0 : &new, &old, 8);
	if (error < 0)
		return error;
	return old.handler == 0 ? DEFAULT : old.handler == (void *)SIG_IGN ? IGNORE : CATCH;
}

long os_block(int block, int signal)
{
	u64 set = signal ? 1ull << (host_signal(signal) - 1) : ~0ull;
	return CALL(rt_sigprocmask, block ? SIG_BLOCK : SIG_UNBLOCK, &set, 0, 8);
}

u64 os_pending(void)
{
	u64 host = 0;
	CALL(rt_sigpending, &host, 8);
	return netbsd_signals(host);
}

long os_setrlimit(u64 cur, u64 max)
{
	u64 limit[2] = {cur, max};
	return CALL(prlimit64, 0, RLIMIT_NPROC, limit);
}
long os_getrlimit(u64 *cur, u64 *max)
{
	u64 limit[2] = {0, 0};
	long error = CALL(prlimit64, 0, RLIMIT_NPROC, 0, limit);
	*cur = limit[0];
	*max = limit[1];
	return error;
}
void os_nap(long microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	CALL(nanosleep, &t);
}
enum { FUTEX_WAIT, FUTEX_WAKE };
int os_has_futex(void) { return 1; }
void os_assume_futex(int there) { (void)there; }
void os_sleep_on(u32 *word, long microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	CALL(futex, word, FUTEX_WAIT, 0, &t);
}
long os_wake(u32 *word) { return CALL(futex, word, FUTEX_WAKE, 1); }
u64 os_microtime(void)
{
	struct timespec t = {0, 0};
	CALL(clock_gettime, CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

void *os_shared(unsigned long size)
{
	long at = CALL(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_SHARED, -1);
	return at < 0 && at > -PAGE ? 0 : (void *)at;
}
long os_memory_file(const char *path, unsigned long size)
{
	long fd = path ? CALL(openat, AT_FDCWD, path, O_RDWR) : CALL(memfd_create, "stage");
	return fd < 0 ? fd : CALL(ftruncate, fd, size) < 0 ? -1 : fd;
}
void *os_shared_file(long file, unsigned long size)
{
	long at = CALL(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, file);
	return at < 0 && at > -PAGE ? 0 : (void *)at;
}

/* Orphans come to the director, as they come to init on NetBSD. */
const int os_gives_us_orphans = 1;
void os_prepare(void) { CALL(prctl, PR_SET_CHILD_SUBREAPER, 1); }

long os_setitimer(enum timer which)
{
	long value[4] = {0, 0, 100000, 0}; /* interval, then seconds and microseconds */
	return CALL(setitimer, which, value);
}
long os_getitimer(enum timer which)
{
	long value[4] = {0};
	long error = CALL(getitimer, which, value);
	return error < 0 ? error : value[2] || value[3];
}
long os_sigaltstack(long size)
{
	LARGE static char area[65536];
	stack_t new = {.ss_sp = area, .ss_size = (unsigned long)size}, old = {0};
	long error = CALL(sigaltstack, size < 0 ? 0 : &new, &old);
	return error < 0 ? error : old.ss_flags & SS_DISABLE ? 0 : (long)old.ss_size;
}

/* A nap of 50 microseconds takes hardly longer. */
const u64 os_spin = 60;
const int os_has_tracer = 0;
const char *const os_own_program = "/proc/self/exe";

/* Its ID is the kernel's own, not that of a C library. */
long os_timer_create(int *id)
{
	struct sigevent none = {.sigev_notify = SIGEV_NONE};
	long value[4] = {0, 0, 100000, 0}; /* interval, then seconds and nanoseconds */
	long error = CALL(timer_create, CLOCK_MONOTONIC, &none, id);
	return error < 0 ? error : CALL(timer_settime, *id, 0, value, 0);
}

long os_timer_gettime(int id)
{
	long value[4] = {0};
	long error = CALL(timer_gettime, id, value);
	return error < 0 ? error : value[2] > 0;
}

/* The numbers of the policies are NetBSD's. */
long os_sched_setparam(int policy, int priority)
{
	int param = priority < 0 ? 0 : priority;
	return CALL(sched_setscheduler, 0, policy, &param);
}

long os_sched_getparam(int *policy)
{
	int param = 0;
	long got = CALL(sched_getscheduler, 0);
	if (got < 0)
		return got;
	*policy = (int)got;
	got = CALL(sched_getparam, 0, &param);
	return got < 0 ? got : param;
}
