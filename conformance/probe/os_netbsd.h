/* NetBSD: raw system calls; every number comes from the headers. */
#include <sys/types.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/sched.h>
#include <sys/signal.h>
#include <sys/siginfo.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "arch.h"
#include "os.h"
#include "text.h"

/* A static program has to say that it is one of NetBSD's. */
__asm__(".section .note.netbsd.ident,\"a\",%note\n"
	"	.balign 4\n	.long 7,4,1\n	.ascii \"NetBSD\\0\\0\"\n	.long " STR(__NetBSD_Version__) "\n"
	"	.previous\n");

#define SYS(nr, a, b, c, d, e, f) \
	raw_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f), 0)

static pair_t os_fork(int kind, long flags, void *child_stack, long sentinel, void *run_on, long slot)
{
	switch (kind) {
	case FORK:
		return raw_fork(SYS_fork, sentinel, sentinel, sentinel, run_on, slot);
	case VFORK:
		return raw_fork(SYS_vfork, sentinel, sentinel, sentinel, run_on, slot);
	case VFORK14:
		return raw_fork(SYS___vfork14, sentinel, sentinel, sentinel, run_on, slot);
	default:
		return raw_fork(SYS___clone, flags, (long)child_stack, sentinel, run_on, slot);
	}
}

static long os_wait4(long pid, struct status *status, int options)
{
	int s = 0;
	long got = SYS(SYS___wait450, pid, &s, options, 0, 0, 0);
	status->how = 0;
	status->value = 0;
	if (got <= 0)
		return got;
	if (WIFEXITED(s))
		status->how = 'e', status->value = WEXITSTATUS(s);
	else if (WIFCONTINUED(s))
		status->how = 'c';
	else if (WIFSTOPPED(s))
		status->how = 's', status->value = WSTOPSIG(s);
	else
		status->how = 'k', status->value = WTERMSIG(s);
	return got;
}

static long os_getpid(void) { return SYS(SYS_getpid, 0, 0, 0, 0, 0, 0); }
static long os_getppid(void) { return SYS(SYS_getppid, 0, 0, 0, 0, 0, 0); }
static void os_exit(int status)
{
	for (;;)
		SYS(SYS_exit, status, 0, 0, 0, 0, 0);
}
static long os_kill(long pid, int signal) { return SYS(SYS_kill, pid, signal, 0, 0, 0, 0); }
static long os_setpgid(long pid, long group) { return SYS(SYS_setpgid, pid, group, 0, 0, 0, 0); }
static long os_open(const char *path) { return SYS(SYS_open, path, O_RDONLY, 0, 0, 0, 0); }
static void os_power_off(void)
{
	for (;;)
		SYS(SYS_reboot, RB_POWERDOWN, 0, 0, 0, 0, 0);
}
static long os_close(long fd) { return SYS(SYS_close, fd, 0, 0, 0, 0, 0); }
static long os_dup2(long from, long to) { return SYS(SYS_dup2, from, to, 0, 0, 0, 0); }
static long os_pipe(int end[2]) { return SYS(SYS_pipe2, end, 0, 0, 0, 0, 0); }
#ifdef __i386__
/* off_t takes two words here, behind the padding word that every machine has. */
static long os_lseek(long fd, long offset, int whence) { return SYS(SYS_lseek, fd, 0, offset, 0, whence, 0); }
#else
static long os_lseek(long fd, long offset, int whence) { return SYS(SYS_lseek, fd, 0, offset, whence, 0, 0); }
#endif
static long os_read(long fd, void *buf, long size) { return SYS(SYS_read, fd, buf, size, 0, 0, 0); }
static long os_write(long fd, const void *buf, long size) { return SYS(SYS_write, fd, buf, size, 0, 0, 0); }

/* The mailbox is the second disk.  Nobody has opened anything for init: that would be descriptor 0. */
enum { MAIL_DISK = 10 };
static long os_mail_open(void)
{
	return os_dup2(SYS(SYS_open, "/dev/rld1d", O_RDWR, 0, 0, 0, 0), MAIL_DISK);
}
static long os_mail_get(void *buf, long size, long offset)
{
	os_lseek(MAIL_DISK, offset, 0);
	return os_read(MAIL_DISK, buf, size);
}
static long os_mail_put(const void *buf, long size, long offset)
{
	os_lseek(MAIL_DISK, offset, 0);
	return os_write(MAIL_DISK, buf, size);
}
static long os_chdir(const char *path) { return SYS(SYS_chdir, path, 0, 0, 0, 0, 0); }
static long os_getcwd(char *buf, long size)
{
	long got = SYS(SYS___getcwd, buf, size, 0, 0, 0, 0);
	return got < 0 ? got : 0;
}
static long os_umask(long mask) { return SYS(SYS_umask, mask, 0, 0, 0, 0, 0); }

static void caught(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	SYS(SYS_setcontext, context, 0, 0, 0, 0, 0); /* so that no trampoline is needed */
}

#ifndef __SIGTRAMP_SIGINFO_VERSION
#define __SIGTRAMP_SIGINFO_VERSION 2
#endif

static long os_sigaction(int signal, int disposition)
{
	struct sigaction new = {0}, old = {0};
	long error;
	new.sa_flags = SA_RESTART | (disposition == 'c' ? SA_SIGINFO : 0);
	if (disposition == 'c')
		new.sa_sigaction = caught;
	else
		new.sa_handler = disposition == 'i' ? SIG_IGN : SIG_DFL;
	error = SYS(SYS___sigaction_sigtramp, signal, disposition < 0 ? 0 : &new, &old,
	    (void *)caught, __SIGTRAMP_SIGINFO_VERSION, 0);
	if (error < 0)
		return error;
	return old.sa_handler == SIG_DFL ? 'd' : old.sa_handler == SIG_IGN ? 'i' : 'c';
}

static long os_block(int block, int signal)
{
	sigset_t set = {{0}};
	if (signal)
		set.__bits[(signal - 1) / 32] = 1u << (signal - 1) % 32;
	else
		set.__bits[0] = set.__bits[1] = ~0u;
	return SYS(SYS___sigprocmask14, block ? SIG_BLOCK : SIG_UNBLOCK, &set, 0, 0, 0, 0);
}

static u64 os_pending(void)
{
	sigset_t set = {{0}};
	SYS(SYS___sigpending14, &set, 0, 0, 0, 0, 0);
	return set.__bits[0] | (u64)set.__bits[1] << 32;
}

static long os_setrlimit(u64 cur, u64 max)
{
	struct rlimit limit = {cur == ~0ull ? RLIM_INFINITY : cur, max == ~0ull ? RLIM_INFINITY : max};
	return SYS(SYS_setrlimit, RLIMIT_NPROC, &limit, 0, 0, 0, 0);
}

static long os_getrlimit(u64 *cur, u64 *max)
{
	struct rlimit limit = {0, 0};
	long error = SYS(SYS_getrlimit, RLIMIT_NPROC, &limit, 0, 0, 0, 0);
	*cur = limit.rlim_cur == RLIM_INFINITY ? ~0ull : limit.rlim_cur;
	*max = limit.rlim_max == RLIM_INFINITY ? ~0ull : limit.rlim_max;
	return error;
}

static long os_setreuid(long ruid, long euid) { return SYS(SYS_setreuid, ruid, euid, 0, 0, 0, 0); }
static long os_getuid(void) { return SYS(SYS_getuid, 0, 0, 0, 0, 0, 0); }
static long os_exec(const char *path, char *const argv[])
{
	char *env[] = {0};
	return SYS(SYS_execve, path, argv, env, 0, 0, 0);
}

static void os_nap(long microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	SYS(SYS___nanosleep50, &t, 0, 0, 0, 0, 0);
}
static void os_yield(void) { SYS(SYS_sched_yield, 0, 0, 0, 0, 0, 0); }

enum { FUTEX_WAIT, FUTEX_WAKE };
static int has_futex;
static void os_sleep_on(u32 *word, long microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	if (has_futex)
		SYS(SYS___futex, word, FUTEX_WAIT, 0, &t, 0, 0);
	else
		os_yield();
}
/* By their priorities (sched_4bsd.c, resetpriority()); but each CPU has a queue of its own. */
static int os_nicest_runs_last(void) { return os_cpus() == 1; }
static long os_wake(u32 *word) { return has_futex ? SYS(SYS___futex, word, FUTEX_WAKE, 1, 0, 0, 0) : 1; }
static u64 os_microtime(void)
{
	struct timespec t = {0, 0};
	SYS(SYS___clock_gettime50, CLOCK_MONOTONIC, &t, 0, 0, 0, 0);
	return (u64)t.tv_sec * 1000000 + (u32)t.tv_nsec / 1000;
}

static void *os_shared(unsigned long size)
{
	long at = raw_syscall(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0, 0);
	return at < 0 && at > -4096 ? 0 : (void *)at;
}
/* Only Linux has its tracer in another program. */
static void *os_shared_file(const char *path, unsigned long size)
{
	(void)path, (void)size;
	return 0;
}

static long sysctl_get(const int *name, u32 depth, void *buf, unsigned long size)
{
	unsigned long got = size;
	long error = SYS(SYS___sysctl, name, depth, buf, &got, 0, 0);
	return error < 0 ? error : (long)got;
}

/* What kern.proc2 says of a process, dead or alive: 0, or minus the error number. */
static long proc_info(long pid, struct kinfo_proc2 *kp)
{
	int name[] = {CTL_KERN, KERN_PROC2, KERN_PROC_PID, (int)pid, sizeof *kp, 1};
	long got = sysctl_get(name, 6, kp, sizeof *kp);
	return got < 0 ? got : got < (long)sizeof *kp ? -ESRCH : 0;
}

/*
 * An LWP's state and what it sleeps on (sys/lwp.h: LSSLEEP 3, LSSTOP 4, LSZOMB 5). Who waits for a
 * lock will get it: a call is not held by that. Until NetBSD 10 all locks were "tstile".
 */
static int lwp_state(int stat, const char *wmesg)
{
	if (stat == 3)
		return same(wmesg, "mutex") || same(wmesg, "rwlock") || same(wmesg, "tstile") ? RUNNING : ASLEEP;
	return stat == 4 ? STOPPED : stat == 5 ? ZOMBIE : RUNNING;
}

static int os_state(long pid)
{
	struct kinfo_proc2 kp;
	if (proc_info(pid, &kp) < 0)
		return NOBODY;
	/* p_realstat: sys/proc.h's SACTIVE 2, SSTOP 4, SZOMB 5; p_stat: that of an LWP */
	switch (kp.p_realstat) {
	case 2:
		return lwp_state(kp.p_stat, kp.p_wmesg);
	case 4:
		return STOPPED;
	case 5:
		return ZOMBIE;
	default:
		return RUNNING;
	}
}

static void os_identity(char *buf, unsigned long size)
{
	int type[] = {CTL_KERN, KERN_OSTYPE}, release[] = {CTL_KERN, KERN_OSRELEASE}, machine[] = {CTL_HW, HW_MACHINE};
	unsigned long at = 0;
	const int *names[] = {type, release, machine};
	for (int i = 0; i < 3; i++) {
		if (i)
			buf[at++] = ' ';
		long got = sysctl_get(names[i], 2, buf + at, size - at - 2);
		if (got > 0)
			at += (unsigned long)got - 1;
	}
	buf[at] = 0;
}

static void os_no_core(void)
{
	struct rlimit none = {0, 0};
	SYS(SYS_setrlimit, RLIMIT_CORE, &none, 0, 0, 0, 0);
}

/* A call that a kernel has not, or was built without, is ENOSYS and, by default, SIGSYS. */
static void os_prepare(void)
{
	u32 word = 0;
	os_sigaction(SIGSYS, 'i');
	has_futex = SYS(SYS___futex, &word, FUTEX_WAKE, 1, 0, 0, 0) == 0; /* since NetBSD 10 */
	os_sigaction(SIGSYS, 'd');
}

static u64 os_maxproc(void)
{
	int name[] = {CTL_KERN, KERN_MAXPROC}, n = 0;
	return sysctl_get(name, 2, &n, sizeof n) == sizeof n ? (u64)n : 0;
}

static long os_clofork(long fd, int on) { return SYS(SYS_fcntl, fd, F_SETFD, on ? FD_CLOFORK : 0, 0, 0, 0); }
static int has_close_on_fork(void)
{
	int end[2];
	if (os_pipe(end) < 0)
		return 0;
	os_clofork(end[0], 1);
	int kept = (int)SYS(SYS_fcntl, end[0], F_GETFD, 0, 0, 0, 0) & FD_CLOFORK;
	os_close(end[0]);
	os_close(end[1]);
	return kept != 0;
}

static const char *os_lacks(void)
{
	static char lacks[64];
	char *end = lacks;
	os_sigaction(SIGSYS, 'i');
	struct {
		const char *option;
		int there;
	} options[] = {
		{"PTRACE", SYS(SYS_ptrace, -1, 0, 0, 0, 0, 0) != -ENOSYS},
		{"KTRACE", SYS(SYS_fktrace, -1, 0, 0, 0, 0, 0) != -ENOSYS},
		{"AIO", SYS(SYS_aio_error, 0, 0, 0, 0, 0, 0) != -ENOSYS},
		{"CLOFORK", has_close_on_fork()},
	};
	os_sigaction(SIGSYS, 'd');
	for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++)
		if (!options[i].there) {
			if (end != lacks)
				*end++ = ',';
			for (const char *s = options[i].option; *s; s++)
				*end++ = *s;
		}
	*end = 0;
	return *lacks ? lacks : "-";
}

#include "look_netbsd.h"
static void os_prepare_init(void)
{
	os_show_addresses();
	os_log_no_ends();
	os_choose_clock();
	os_mount_proc();
}

/* ---- the tracer ---- */

#define HAVE_TRACER 1

enum { OS_SPIN = 30000 }; /* microseconds to spin: a nap takes a tick or two, 20 ms at 100 Hz */

static long os_ptrace(int request, long pid, void *addr, long data)
{
	return SYS(SYS_ptrace, request, pid, addr, data, 0, 0);
}
static long os_trace_me(void) { return os_ptrace(PT_TRACE_ME, 0, 0, 0); }
static long os_attach(long pid) { return os_ptrace(PT_ATTACH, pid, 0, 0); }
static long os_continue(long pid, int signal) { return os_ptrace(PT_CONTINUE, pid, (void *)1, signal); }
static long os_detach(long pid) { return os_ptrace(PT_DETACH, pid, (void *)1, 0); }
static long os_trace_kill(long pid) { return os_ptrace(PT_KILL, pid, 0, 0); }
static long os_set_events(long pid, int events)
{
	struct ptrace_event e = {.pe_set_event = events};
	return os_ptrace(PT_SET_EVENT_MASK, pid, &e, sizeof e);
}
static long os_get_events(long pid)
{
	struct ptrace_event e = {0};
	long error = os_ptrace(PT_GET_EVENT_MASK, pid, &e, sizeof e);
	return error < 0 ? error : e.pe_set_event;
}
static long os_get_state(long pid, int *event, long *other)
{
	struct ptrace_state s = {0};
	long error = os_ptrace(PT_GET_PROCESS_STATE, pid, &s, sizeof s);
	*event = s.pe_report_event;
	*other = s.pe_other_pid;
	return error;
}
static long os_set_sigpass(long pid, u64 signals)
{
	sigset_t set = {{(u32)signals, (u32)(signals >> 32)}};
	return os_ptrace(PT_SET_SIGPASS, pid, &set, sizeof set);
}
static long os_get_sigpass(long pid, u64 *signals)
{
	sigset_t set = {{0}};
	long error = os_ptrace(PT_GET_SIGPASS, pid, &set, sizeof set);
	*signals = set.__bits[0] | (u64)set.__bits[1] << 32;
	return error;
}
static long os_get_siginfo(long pid, int *signal, int *code, int *event, long *other)
{
	struct ptrace_siginfo s = {0};
	long error = os_ptrace(PT_GET_SIGINFO, pid, &s, sizeof s);
	*signal = s.psi_siginfo.si_signo;
	*code = s.psi_siginfo.si_code;
	*event = s.psi_siginfo.si_pe_report_event;
	*other = s.psi_siginfo.si_pe_other_pid;
	return error;
}

#define OS_SIGNALS(X) \
	X(HUP) X(INT) X(QUIT) X(ILL) X(TRAP) X(ABRT) X(EMT) X(FPE) X(KILL) X(BUS) X(SEGV) X(SYS) \
	X(PIPE) X(ALRM) X(TERM) X(URG) X(STOP) X(TSTP) X(CONT) X(CHLD) X(TTIN) X(TTOU) X(IO) \
	X(XCPU) X(XFSZ) X(VTALRM) X(PROF) X(WINCH) X(INFO) X(USR1) X(USR2) X(PWR)
