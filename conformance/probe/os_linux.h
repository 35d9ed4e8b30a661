/*
 * Linux: raw system calls.  Signals, wait options and limits are translated
 * from NetBSD's numbers; clone's flag bits below 0x8000 are the same on both,
 * and the others go through as they are.
 */
#define _GNU_SOURCE
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <signal.h>

#include "arch.h"
#include "os.h"

#define SYS(nr, a, b, c, d, e, f) \
	raw_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f), 0)

/*
 * NetBSD's signal n by its name on Linux.  EMT and INFO have none: they get
 * two numbers of Linux that NetBSD has no name for, STKFLT and the first
 * real-time one.  NetBSD has no 64th signal; 64 and above stay as they are.
 */
static const unsigned char to_linux[64] = {0, SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT,
    16 /* STKFLT for EMT */, SIGFPE, SIGKILL, SIGBUS, SIGSEGV, SIGSYS, SIGPIPE, SIGALRM, SIGTERM,
    SIGURG, SIGSTOP, SIGTSTP, SIGCONT, SIGCHLD, SIGTTIN, SIGTTOU, SIGIO, SIGXCPU, SIGXFSZ,
    SIGVTALRM, SIGPROF, SIGWINCH, 32 /* for INFO */, SIGUSR1, SIGUSR2, SIGPWR, 33, 34, 35, 36, 37,
    38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61,
    62, 63};

static int host_signal(int n) { return n < 64 ? to_linux[n] : n; }
static int netbsd_signal(int host)
{
	for (int n = 1; n < 64; n++)
		if (to_linux[n] == host)
			return n;
	return host;
}

/* What is left alone by a call that knows of no second return register. */
static int scratch[4];

static pair_t os_fork(int kind, long flags, void *child_stack, long sentinel, void *run_on, long slot)
{
	(void)sentinel;
	switch (kind) {
	case FORK:
		flags = SIGCHLD;
		break;
	case VFORK: /* 4.4BSD's: blocks, shares no memory */
		flags = CLONE_VFORK | SIGCHLD;
		break;
	case VFORK14:
		flags = CLONE_VFORK | CLONE_VM | SIGCHLD;
		break;
	default:
		flags = (flags & ~0xffL) | host_signal(flags & 0xff);
	}
	return raw_fork(__NR_clone, flags, (long)child_stack, (long)&scratch[0], run_on, slot);
}

static long os_wait4(long pid, struct status *status, int options)
{
	int s = 0, host = 0;
	if (options & 1)
		host |= 1; /* WNOHANG */
	if (options & 2)
		host |= 2; /* WUNTRACED */
	if (options & 4)
		host |= (int)__WCLONE;
	if (options & 8)
		host |= __WALL;
	if (options & 16)
		host |= 8; /* WCONTINUED */
	long got = SYS(__NR_wait4, pid, &s, host, 0, 0, 0);
	status->how = 0;
	status->value = 0;
	if (got <= 0)
		return got;
	if ((s & 0x7f) == 0)
		status->how = 'e', status->value = s >> 8 & 0xff;
	else if (s == 0xffff)
		status->how = 'c';
	else if ((s & 0xff) == 0x7f)
		status->how = 's', status->value = netbsd_signal(s >> 8 & 0xff);
	else
		status->how = 'k', status->value = netbsd_signal(s & 0x7f);
	return got;
}

static long os_getpid(void) { return SYS(__NR_getpid, 0, 0, 0, 0, 0, 0); }
static long os_getppid(void) { return SYS(__NR_getppid, 0, 0, 0, 0, 0, 0); }
static void os_exit(int status)
{
	for (;;)
		SYS(__NR_exit_group, status, 0, 0, 0, 0, 0);
}
static long os_kill(long pid, int signal) { return SYS(__NR_kill, pid, host_signal(signal), 0, 0, 0, 0); }
static long os_setpgid(long pid, long group) { return SYS(__NR_setpgid, pid, group, 0, 0, 0, 0); }
static long os_open(const char *path) { return SYS(__NR_openat, AT_FDCWD, path, O_RDONLY, 0, 0, 0); }
static void os_power_off(void)
{
	for (;;)
		SYS(__NR_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0, 0, 0);
}
static long os_close(long fd) { return SYS(__NR_close, fd, 0, 0, 0, 0, 0); }
static long os_dup2(long from, long to)
{
	return from == to ? from : SYS(__NR_dup3, from, to, 0, 0, 0, 0);
}
static long os_pipe(int end[2]) { return SYS(__NR_pipe2, end, 0, 0, 0, 0, 0); }
static long os_lseek(long fd, long offset, int whence) { return SYS(__NR_lseek, fd, offset, whence, 0, 0, 0); }
static long os_read(long fd, void *buf, long size) { return SYS(__NR_read, fd, buf, size, 0, 0, 0); }
static long os_write(long fd, const void *buf, long size) { return SYS(__NR_write, fd, buf, size, 0, 0, 0); }
static long os_chdir(const char *path) { return SYS(__NR_chdir, path, 0, 0, 0, 0, 0); }
static long os_getcwd(char *buf, long size)
{
	long got = SYS(__NR_getcwd, buf, size, 0, 0, 0, 0);
	return got < 0 ? got : 0;
}
static long os_umask(long mask) { return SYS(__NR_umask, mask, 0, 0, 0, 0, 0); }

struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	u64 mask;
};

static void caught(int signal) { (void)signal; }

#ifdef __x86_64__
void restore(void);
__asm__(".text\n.globl restore\nrestore:\n	mov $" STR(__NR_rt_sigreturn) ",%eax\n	syscall\n");
#define RESTORER 0x04000000ul
#else
#define restore 0
#define RESTORER 0ul
#endif

static long os_sigaction(int signal, int disposition)
{
	struct kernel_sigaction new = {0, RESTORER | SA_RESTART, restore, 0}, old = {0, 0, 0, 0};
	long error;
	if (disposition == 'c')
		new.handler = (void *)caught;
	else
		new.handler = disposition == 'i' ? (void *)1 : 0;
	error = SYS(__NR_rt_sigaction, host_signal(signal), disposition < 0 ? 0 : &new, &old, 8, 0, 0);
	if (error < 0)
		return error;
	return old.handler == 0 ? 'd' : old.handler == (void *)1 ? 'i' : 'c';
}

static long os_block(int block, int signal)
{
	u64 set = signal ? 1ull << (host_signal(signal) - 1) : ~0ull;
	return SYS(__NR_rt_sigprocmask, block ? SIG_BLOCK : SIG_UNBLOCK, &set, 0, 8, 0, 0);
}

static u64 netbsd_signals(u64 host)
{
	u64 set = 0;
	for (int n = 1; n < 64; n++)
		if (host >> (to_linux[n] - 1) & 1)
			set |= 1ull << (n - 1);
	return set;
}

static u64 os_pending(void)
{
	u64 host = 0;
	SYS(__NR_rt_sigpending, &host, 8, 0, 0, 0, 0);
	return netbsd_signals(host);
}

static long os_setrlimit(u64 cur, u64 max)
{
	u64 limit[2] = {cur, max};
	return SYS(__NR_prlimit64, 0, RLIMIT_NPROC, limit, 0, 0, 0);
}
static long os_getrlimit(u64 *cur, u64 *max)
{
	u64 limit[2] = {0, 0};
	long error = SYS(__NR_prlimit64, 0, RLIMIT_NPROC, 0, limit, 0, 0);
	*cur = limit[0];
	*max = limit[1];
	return error;
}
static long os_setreuid(long ruid, long euid) { return SYS(__NR_setreuid, ruid, euid, 0, 0, 0, 0); }
static long os_getuid(void) { return SYS(__NR_getuid, 0, 0, 0, 0, 0, 0); }
static long os_exec(const char *path, char *const argv[])
{
	char *env[] = {0};
	return SYS(__NR_execve, path, argv, env, 0, 0, 0);
}

static void os_nap(long microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	SYS(__NR_nanosleep, &t, 0, 0, 0, 0, 0);
}
enum { FUTEX_WAIT, FUTEX_WAKE, has_futex = 1 };
static void os_sleep_on(u32 *word, long microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	SYS(__NR_futex, word, FUTEX_WAIT, 0, &t, 0, 0);
}
static long os_wake(u32 *word) { return SYS(__NR_futex, word, FUTEX_WAKE, 1, 0, 0, 0); }
static void os_yield(void) { SYS(__NR_sched_yield, 0, 0, 0, 0, 0, 0); }
static u64 os_microtime(void)
{
	struct timespec t = {0, 0};
	SYS(__NR_clock_gettime, CLOCK_MONOTONIC, &t, 0, 0, 0, 0);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

static int os_nicest_runs_last(void) { return 0; } /* it only has a smaller share */
static void *os_shared(unsigned long size)
{
	long at = SYS(__NR_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	return at < 0 && at > -4096 ? 0 : (void *)at;
}
static void *os_shared_file(const char *path, unsigned long size)
{
	long fd = SYS(__NR_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0, 0, 0);
	if (fd < 0 || SYS(__NR_ftruncate, fd, size, 0, 0, 0, 0) < 0)
		return 0;
	long at = SYS(__NR_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	os_close(fd);
	return at < 0 && at > -4096 ? 0 : (void *)at;
}

/*
 * The mailbox is memory that the host shares, the third region of the PCI
 * device in slot 5: a disk would need a driver that Debian's kernels have in
 * a module only, or one that QEMU cannot snapshot.
 */
static char *mail_memory;
static long os_mail_open(void)
{
	long fd = SYS(__NR_openat, AT_FDCWD, "/sys/bus/pci/devices/0000:00:05.0/resource2", O_RDWR, 0, 0, 0);
	long at = SYS(__NR_mmap, 0, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	os_close(fd);
	mail_memory = (char *)at;
	return at < 0 && at > -4096 ? -1 : 0;
}
static long os_mail_get(void *buf, long size, long offset)
{
	memcpy(buf, mail_memory + offset, (unsigned long)size);
	return size;
}
static long os_mail_put(const void *buf, long size, long offset)
{
	__sync_synchronize(); /* a letter is there before its head says so */
	memcpy(mail_memory + offset, buf, (unsigned long)size);
	return size;
}

/* What a file of /proc says of the process, or minus the error number. */
static long read_proc(long pid, const char *file, char *text, long size)
{
	char path[32] = "/proc/";
	int at = 6, digits = 1;
	for (long n = pid; n >= 10; n /= 10)
		digits++;
	for (int i = digits - 1; i >= 0; i--, pid /= 10)
		path[at + i] = (char)('0' + pid % 10);
	at += digits;
	for (const char *s = file; *s; s++)
		path[at++] = *s;
	path[at] = 0;
	long fd = os_open(path);
	if (fd < 0)
		return fd;
	long got = os_read(fd, text, size);
	os_close(fd);
	return got;
}

static int os_state(long pid)
{
	char text[512];
	long got = read_proc(pid, "/stat", text, sizeof text - 1);
	if (got <= 0)
		return got == 0 || got == -ENOENT || got == -ESRCH ? NOBODY : RUNNING;
	while (got > 0 && text[got - 1] != ')')
		got--;
	switch (text[got + 1]) {
	case 'R':
		return RUNNING;
	case 'Z':
	case 'X':
		return ZOMBIE;
	case 'T':
	case 't':
		return STOPPED;
	default:
		return ASLEEP;
	}
}

/* The number behind `name:` in the text of a status file. */
static u64 status_field(const char *text, const char *name, u64 base)
{
	u64 value = 0;
	for (; *text; text++) {
		const char *at = text, *s = name;
		while (*s && *at == *s)
			at++, s++;
		if (*s)
			continue;
		while (*at == ':' || *at == '\t')
			at++;
		for (; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
			value = value * base + (u64)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
		break;
	}
	return value;
}

static void os_no_core(void)
{
	u64 none[2] = {0, 0};
	SYS(__NR_prlimit64, 0, RLIMIT_CORE, none, 0, 0, 0);
}

static void os_identity(char *buf, unsigned long size)
{
	struct utsname u;
	const char *parts[] = {u.sysname, u.release, u.machine};
	unsigned long at = 0;
	SYS(__NR_uname, &u, 0, 0, 0, 0, 0);
	for (int i = 0; i < 3; i++) {
		for (const char *s = parts[i]; *s && at + 2 < size; s++)
			buf[at++] = *s;
		buf[at++] = ' ';
	}
	buf[at - 1] = 0;
}

/* Orphans come to the director, as they come to init on NetBSD. */
static void os_prepare(void) { SYS(__NR_prctl, 36 /* PR_SET_CHILD_SUBREAPER */, 1, 0, 0, 0, 0); }

static void os_prepare_init(void)
{
	SYS(__NR_mount, "proc", "/proc", "proc", 0, 0, 0);
	SYS(__NR_mount, "sysfs", "/sys", "sysfs", 0, 0, 0);
	/* Linux leaves its init no room for real-time signals. */
	u64 pending[2] = {1024, 1024};
	SYS(__NR_prlimit64, 0, RLIMIT_SIGPENDING, pending, 0, 0, 0);
}

static u64 os_maxproc(void)
{
	char text[32];
	u64 n = 0;
	long fd = os_open("/proc/sys/kernel/threads-max"), got = fd < 0 ? 0 : os_read(fd, text, sizeof text);
	for (long i = 0; i < got && text[i] >= '0' && text[i] <= '9'; i++)
		n = n * 10 + (u64)(text[i] - '0');
	if (fd >= 0)
		os_close(fd);
	return n;
}

static const char *os_lacks(void) { return "AIO,CLOFORK,KTRACE,NETBSD"; }

/* ---- what the system says of a process and of itself; the rest Linux does not have ---- */

static long os_field(long pid, int field, struct seen_value *v)
{
	char text[4096];
	int state;
	long got;
	memset(v, 0, sizeof *v);
	switch (field) {
	case KP_NICE:
		got = SYS(__NR_getpriority, PRIO_PROCESS, pid, 0, 0, 0, 0); /* 20 - nice */
		v->number = 40 - got;
		return got < 0 ? got : 0;
	case KP_REALSTAT: /* in NetBSD's numbers */
		state = os_state(pid);
		v->number = state == ZOMBIE ? 5 : state == STOPPED ? 4 : 2;
		return state == NOBODY ? -ESRCH : 0;
	case KP_PPID:
	case KP_SIGMASK:
	case KP_SIGIGNORE:
		if ((got = read_proc(pid, "/status", text, sizeof text - 1)) <= 0)
			return -ESRCH;
		text[got] = 0;
		v->number = field == KP_PPID ? (i64)status_field(text, "\nPPid", 10)
		    : (i64)netbsd_signals(status_field(text, field == KP_SIGMASK ? "\nSigBlk" : "\nSigIgn", 16));
		return 0;
	default:
		return CANNOT;
	}
}
static long os_nice(long value) { return SYS(__NR_setpriority, PRIO_PROCESS, 0, value, 0, 0, 0); }
static long os_setsid(void) { return SYS(__NR_setsid, 0, 0, 0, 0, 0, 0); }

static long os_setitimer(int which)
{
	long value[4] = {0, 0, 100000, 0}; /* interval, then seconds and microseconds */
	return SYS(__NR_setitimer, which, value, 0, 0, 0, 0);
}
static long os_getitimer(int which)
{
	long value[4] = {0};
	long error = SYS(__NR_getitimer, which, value, 0, 0, 0, 0);
	return error < 0 ? error : value[2] || value[3];
}
static long os_childrens_usage(void)
{
	struct rusage ru = {0};
	long error = SYS(__NR_getrusage, RUSAGE_CHILDREN, &ru, 0, 0, 0, 0);
	char any = 0;
	for (unsigned long i = 0; i < sizeof ru; i++)
		any |= ((char *)&ru)[i];
	return error < 0 ? error : any != 0;
}
static u64 os_coarse_time(void)
{
	struct timespec t = {0, 0};
	SYS(__NR_clock_gettime, CLOCK_REALTIME_COARSE, &t, 0, 0, 0, 0);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}
static long os_sigaltstack(long size)
{
	LARGE static char area[65536];
	stack_t new = {.ss_sp = area, .ss_size = (unsigned long)size}, old = {0};
	long error = SYS(__NR_sigaltstack, size < 0 ? 0 : &new, &old, 0, 0, 0, 0);
	return error < 0 ? error : old.ss_flags & SS_DISABLE ? 0 : (long)old.ss_size;
}

#define HAVE_TRACER 0
enum { OS_SPIN = 60 }; /* microseconds to spin: a nap of 50 takes hardly longer */

#define OS_SIGNALS(X) /* wait statuses are translated above; no name is needed */
