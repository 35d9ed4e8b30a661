/* NetBSD: what the system says of itself, and what init sets up. */
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>

#include "os_netbsd.h"
#include "text.h"

void os_identity(char *buf, unsigned long size)
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

u64 os_maxproc(void)
{
	int name[] = {CTL_KERN, KERN_MAXPROC}, n = 0;
	return sysctl_get(name, 2, &n, sizeof n) == sizeof n ? (u64)n : 0;
}

static int has_close_on_fork(void)
{
	int end[2];
	if (CALL(pipe2, end, 0) < 0)
		return 0;
	CALL(fcntl, end[0], F_SETFD, FD_CLOFORK);
	int kept = (int)CALL(fcntl, end[0], F_GETFD) & FD_CLOFORK;
	CALL(close, end[0]);
	CALL(close, end[1]);
	return kept != 0;
}

const char *os_lacks(void)
{
	static char lacks[64];
	char *end = lacks;
	os_sigaction(SIGSYS, IGNORE);
	struct {
		const char *option;
		int there;
	} options[] = {
	    {"PTRACE", CALL(ptrace, -1) != -ENOSYS},
	    {"KTRACE", CALL(fktrace, -1) != -ENOSYS},
	    {"AIO", CALL(aio_error) != -ENOSYS},
	    {"CLOFORK", has_close_on_fork()},
	    {"MQUEUE", CALL(mq_unlink, 0) != -ENOSYS},
	};
	os_sigaction(SIGSYS, DEFAULT);
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

long os_knob(enum knob knob, long value)
{
	int name[] = {CTL_KERN, knob == MAXPROC ? KERN_MAXPROC : KERN_FORKFSLEEP, 0}, old = 0;
	u32 depth = 2;
	if (knob == MQ_MAX) {
		if ((name[1] = node_named(name, 1, "mqueue")) < 0 || (name[2] = node_named(name, 2, "mq_open_max")) < 0)
			return CANNOT;
		depth = 3;
	}
	long error = value < 0 ? sysctl_get(name, depth, &old, sizeof old) : sysctl_set(name, depth, &old, (int)value);
	return error < 0 ? error : old;
}

/*
 * The clock that new processes are dated by, and the sum of the counters, go on with the kernel's
 * count of ticks: right behind it (kern_clock.c, hardclock(), which calls tc_ticktock()). After its
 * second change the first one's work is done. The date of a new pipe would not do: with
 * PIPE_SOCKETPAIR, which MICROVM has, a pipe has none.
 */
u64 os_coarse_time(void) { return (u64)hardclock_ticks(); }

/* By their priorities (sched_4bsd.c, resetpriority()); but each CPU has a queue of its own. */
int os_nicest_runs_last(void) { return number_of_cpus() == 1; }

/* A guest of our own has procfs, where its kernel has it. */
static void mount_proc(void)
{
	enum { PROCFS_ARGSVERSION = 1 }; /* miscfs/procfs/procfs.h, which is the kernel's own */
	struct {
		int version, flags;
	} args = {PROCFS_ARGSVERSION, 0};
	CALL(__mount50, "procfs", "/proc", 0, &args, sizeof args);
}

/* A guest of our own shows kernel addresses: only whether two are the same is ever looked at. */
static void show_addresses(void)
{
	int name[] = {CTL_KERN, 0}, old = 0;
	if ((name[1] = node_named(name, 1, "expose_address")) >= 0)
		sysctl_set(name, 2, &old, 2);
}

/*
 * Nor need it write on its console which process died of what: in a guest each letter takes long.  While a
 * process has /dev/klog open, what is logged stays in the message buffer (subr_prf.c, log()); a panic does not.
 */
static void log_no_ends(void)
{
	int name[] = {CTL_KERN, KERN_LOGSIGEXIT}, old = 0;
	sysctl_set(name, 2, &old, 0);
	long fd = CALL(open, "/dev/klog", O_RDONLY);
	os_dup2(fd, MAIL_DISK + 1); /* out of the way of what scenarios open */
	CALL(close, fd);
}

/*
 * The kernel reads the time whenever it switches between processes, and in a
 * guest each clock but the processor's own is slow to read.  How fast that one
 * runs is measured by the kernel as it boots, which can go wrong there: it is
 * taken if it runs as the kernel believes, within a tenth.
 */
static void choose_clock(void)
{
#ifdef __x86_64__
	enum { MEASURE_FOR = 20000 }; /* microseconds */
	static char tsc[] = "TSC";
	int name[] = {CTL_MACHDEP, 0, 0};
	u64 believed, time, start = os_microtime(), counter = __builtin_ia32_rdtsc();
	if ((name[1] = node_named(name, 1, "tsc_freq")) < 0
	    || sysctl_get(name, 2, &believed, sizeof believed) != sizeof believed)
		return;
	while ((time = os_microtime() - start) < MEASURE_FOR)
		;
	u64 counted = __builtin_ia32_rdtsc() - counter, expected = believed / 1000000 * time;
	if (counted < expected - expected / 10 || counted > expected + expected / 10)
		return;
	name[0] = CTL_KERN;
	if ((name[1] = node_named(name, 1, "timecounter")) >= 0 && (name[2] = node_named(name, 2, "hardware")) >= 0)
		CALL(__sysctl, name, 3, 0, 0, tsc, sizeof tsc);
#endif
}

void os_prepare_init(void)
{
	show_addresses();
	log_no_ends();
	choose_clock();
	mount_proc();
}

void os_power_off(void)
{
	for (;;)
		CALL(reboot, RB_POWERDOWN);
}
