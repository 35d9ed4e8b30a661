/* NetBSD: what the system says of a process and of itself beside the calls that scenarios make. */
#ifndef LOOK_NETBSD_H
#define LOOK_NETBSD_H

#include <aio.h>
#include <sys/stat.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/ktrace.h>
#include <sys/lwpctl.h>
#include <sys/ras.h>
#include <sys/ttycom.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_param.h>

enum { MAX_LWPS = 8 }; /* no scenario has more actors; as many again that nobody has asked for */

static long sysctl_set(const int *name, u32 depth, int *old, int new)
{
	unsigned long got = sizeof *old;
	return SYS(SYS___sysctl, name, depth, old, &got, &new, sizeof new);
}

/* procfs shows the vnode of a process's program: which file it is. */
static long text_of(long pid, i64 *file)
{
	struct stat st = {0};
	char path[32];
	struct text t = {path, path + sizeof path - 1};
	if (SYS(SYS___stat50, "/proc/curproc/status", &st, 0, 0, 0, 0) < 0)
		return CANNOT; /* no procfs there */
	put(&t, "/proc/");
	put_number(&t, (u64)pid, 10);
	put(&t, "/file");
	long error = SYS(SYS___stat50, path, &st, 0, 0, 0, 0);
	*file = (i64)st.st_dev << 32 ^ (i64)st.st_ino;
	return error;
}

/* A guest of our own has procfs, where its kernel has it. */
static void os_mount_proc(void)
{
	struct {
		int version, flags;
	} args = {1 /* PROCFS_ARGSVERSION */, 0};
	SYS(SYS___mount50, "procfs", "/proc", 0, &args, sizeof args, 0);
}

/* One field of kern.proc2; what is a name goes into `text`. */
static long os_field(long pid, int field, struct seen_value *v)
{
	struct kinfo_proc2 kp;
	memset(v, 0, sizeof *v);
	if (field == KP_PATHNAME) {
		int path[] = {CTL_KERN, KERN_PROC_ARGS, (int)pid, KERN_PROC_PATHNAME};
		return sysctl_get(path, 4, v->text, sizeof v->text - 1);
	}
	if (proc_info(pid, &kp) < 0)
		return -ESRCH;
	switch (field) {
	case KP_TEXTVP:
		return text_of(pid, &v->number);
	case KP_NICE:
		v->number = kp.p_nice;
		return 0;
	case KP_EXITSIG:
		v->number = kp.p_exitsig;
		return 0;
	case KP_ACFLAG:
		v->number = kp.p_acflag;
		return 0;
	case KP_ENAME:
		memcpy(v->text, kp.p_ename, sizeof kp.p_ename);
		return 0;
	case KP_TRACEFLAG:
		v->number = (u32)kp.p_traceflag & ~(u32)(KTRFAC_PERSISTENT | KTRFAC_VER_MASK | KTRFAC_TRC_EMUL);
		v->number |= (u32)kp.p_traceflag & KTRFAC_TRC_EMUL;
		return 0;
	case KP_NLWPS:
		v->number = (i64)kp.p_nlwps;
		return 0;
	case KP_REALSTAT: /* sys/proc.h: SACTIVE 2, SSTOP 4, SZOMB 5 */
		v->number = kp.p_realstat;
		return 0;
	case KP_PPID:
		v->number = kp.p_ppid;
		return 0;
	case KP_SIGMASK:
		v->number = (i64)(kp.p_sigmask.__bits[0] | (u64)kp.p_sigmask.__bits[1] << 32);
		return 0;
	case KP_SIGIGNORE:
		v->number = (i64)(kp.p_sigignore.__bits[0] | (u64)kp.p_sigignore.__bits[1] << 32);
		return 0;
	case KP_FLAG:
		v->number = (u32)kp.p_realflag;
		return 0;
	case KP_COMM:
		memcpy(v->text, kp.p_comm, sizeof kp.p_comm);
		return 0;
	case KP_PGID:
		v->number = kp.p__pgid;
		return 0;
	case KP_START:
		v->number = (i64)kp.p_ustart_sec * 1000000 + kp.p_ustart_usec;
		return 0;
	}
	v->number = (i64)(field == KP_FD ? kp.p_fd
	    : field == KP_CWDI           ? kp.p_cwdi
	    : field == KP_LIMIT          ? kp.p_limit
	    : field == KP_VMSPACE        ? kp.p_vmspace
	    : field == KP_SIGACTS        ? kp.p_sigacts
	    : field == KP_STATS          ? kp.p_stats
	    : field == KP_TRACEP         ? kp.p_tracep
	                                : kp.p_sess);
	/* No process is without these: the kernel does not show addresses. */
	return v->number || field == KP_TRACEP ? 0 : CANNOT;
}

/* ---- LWPs ---- */

static long os_lwp_create(void (*start)(void), void *stack)
{
	ucontext_t context;
	lwpid_t lid = 0;
	long error = SYS(SYS_getcontext, &context, 0, 0, 0, 0, 0);
	if (error < 0)
		return error;
	context.uc_flags = _UC_CPU; /* so that the signal mask is ours */
	context.uc_link = 0;
	_UC_MACHINE_SET_PC(&context, (__greg_t)start);
	context.uc_mcontext.__gregs[STACK_REGISTER] = (__greg_t)((char *)stack - ENTRY_BELOW);
	error = SYS(SYS__lwp_create, &context, 0, &lid, 0, 0, 0);
	return error < 0 ? error : lid;
}
static long os_lwp_self(void) { return SYS(SYS__lwp_self, 0, 0, 0, 0, 0, 0); }
static struct lwpctl *the_lwpctl; /* of the LWP of this memory that asked last */

static long os_lwp_ctl(void)
{
	return SYS(SYS__lwp_ctl, LWPCTL_FEATURE_CURCPU | LWPCTL_FEATURE_PCTR, &the_lwpctl, 0, 0, 0, 0);
}

static long os_lwp_counter(int *counter)
{
	sigset_t set;
	if (!the_lwpctl)
		return 0;
	/* Only the kernel can look at what may not be mapped; it reads before it refuses the first argument. */
	if (SYS(SYS___sigprocmask14, 99, the_lwpctl, &set, 0, 0, 0) == -EFAULT)
		return -EFAULT;
	*counter = (int)*(volatile int *)&the_lwpctl->lc_pctr;
	return 1;
}
static void os_lwp_exit(void) { SYS(SYS__lwp_exit, 0, 0, 0, 0, 0, 0); }

/*
 * As os_state(), for one LWP of a process; where another one runs, that one is not asked about, since
 * who waits for its turn sleeps, and so nothing is to be seen yet.
 *
 * kern.lwp holds the process's lock, and NetBSD panics where that meets a traced fork of the process:
 * fork1 (kern_fork.c 1.232, line 535) calls proc_changeparent() without the lock that that one lets
 * go of if it cannot have the parent's.  So it is asked only when all LWPs are asleep: kern.proc2 shows
 * the one that is the most awake (kern_proc.c, proc_active_lwp()), and takes that lock behind proc_lock.
 */
static int os_lwp_state(long pid, long lid)
{
	LARGE static struct kinfo_lwp lwp[2 * MAX_LWPS];
	int name[] = {CTL_KERN, KERN_LWP, (int)pid, sizeof lwp[0], 2 * MAX_LWPS}, state = os_state(pid);
	if (state != ASLEEP && (state != RUNNING || has_futex))
		return state;
	long got = sysctl_get(name, 5, lwp, sizeof lwp);
	for (long i = 0; got > 0 && i < got / (long)sizeof lwp[0]; i++)
		if (lwp[i].l_lid == lid)
			return lwp_state(lwp[i].l_stat, lwp[i].l_wmesg);
	return ZOMBIE;
}

static long os_counts(u64 *count)
{
	struct uvmexp_sysctl u;
	int name[] = {CTL_VM, VM_UVMEXP2};
	long got = sysctl_get(name, 2, &u, sizeof u);
	if (got < 0)
		return got;
	count[0] = (u64)u.forks;
	count[1] = (u64)u.forks_ppwait;
	count[2] = (u64)u.forks_sharevm;
	return 0;
}

/* All processes, the dead that nobody has waited for included: eight bytes of each will do. */
static long os_processes(void)
{
	LARGE static u64 start_of_each[2048];
	int name[] = {CTL_KERN, KERN_PROC2, KERN_PROC_ALL, 0, sizeof start_of_each[0], 2048};
	long got = sysctl_get(name, 6, start_of_each, sizeof start_of_each);
	return got < 0 ? got : got / (long)sizeof start_of_each[0];
}

static long os_knob(int knob, long value)
{
	int name[] = {CTL_KERN, knob == MAXPROC ? KERN_MAXPROC : KERN_FORKFSLEEP}, old = 0;
	long error = value < 0 ? sysctl_get(name, 2, &old, sizeof old) : sysctl_set(name, 2, &old, (int)value);
	return error < 0 ? error : old;
}

static int hardclock_ticks(void)
{
	int name[] = {CTL_KERN, KERN_HARDCLOCK_TICKS}, ticks = 0;
	sysctl_get(name, 2, &ticks, sizeof ticks);
	return ticks;
}

static void os_effort(struct effort *now)
{
	struct rusage ru = {0};
	SYS(SYS___getrusage50, RUSAGE_SELF, &ru, 0, 0, 0, 0);
	now->ticks = hardclock_ticks();
	now->sleeps = ru.ru_nvcsw;
}

static int os_cpus(void)
{
	int name[] = {CTL_HW, HW_NCPU}, n = 0;
	sysctl_get(name, 2, &n, sizeof n);
	return n;
}

static long os_stopflag(long pid, int at_exec, long value)
{
	int name[] = {CTL_PROC, (int)pid, at_exec ? PROC_PID_STOPEXEC : PROC_PID_STOPFORK}, old = 0;
	long error = sysctl_set(name, 3, &old, (int)value);
	return error < 0 ? error : 0;
}

/* How often the kernel's message buffer has the text. */
static long os_messages(const char *wanted)
{
	LARGE static char buffer[1 << 18];
	int name[] = {CTL_KERN, KERN_MSGBUF};
	long got = sysctl_get(name, 2, buffer, sizeof buffer), found = 0;
	if (got < 0)
		return got;
	for (long i = 0; i < got; i++) {
		long n = 0;
		while (wanted[n] && i + n < got && buffer[i + n] == wanted[n])
			n++;
		found += !wanted[n];
	}
	return found;
}

/*
 * The clock that new processes are dated by, and the sum of the counters, go on with the kernel's
 * count of ticks: right behind it (kern_clock.c, hardclock(), which calls tc_ticktock()). After its
 * second change the first one's work is done. The date of a new pipe would not do: with
 * PIPE_SOCKETPAIR, which MICROVM has, a pipe has none.
 */
static u64 os_coarse_time(void)
{
	return (u64)hardclock_ticks();
}

/* ---- kqueue ---- */

struct kevent_before_11 { /* without the extensions that __kevent100 has */
	unsigned long ident;
	u32 filter, flags, fflags;
	i64 data;
	void *udata;
};

static long os_kqueue(void) { return SYS(SYS_kqueue, 0, 0, 0, 0, 0, 0); }

static long os_kevent(long kq, const struct kevent *change, struct kevent *event)
{
	struct timespec now = {0, 0};
	struct kevent_before_11 old[2];
	static int has_100 = -1;
	if (has_100 < 0) {
		int was = (int)os_sigaction(SIGSYS, 'i');
		has_100 = SYS(SYS___kevent100, -1, 0, 0, 0, 0, 0) != -ENOSYS;
		os_sigaction(SIGSYS, was);
	}
	if (has_100)
		return SYS(SYS___kevent100, kq, change, change != 0, event, event != 0, &now);
	if (change)
		old[0] = (struct kevent_before_11){change->ident, change->filter, change->flags, change->fflags, change->data, 0};
	long got = SYS(SYS_compat_100___kevent50, kq, change ? old : 0, change != 0, event ? old + 1 : 0, event != 0, &now);
	if (got > 0) {
		event->ident = old[1].ident;
		event->fflags = old[1].fflags;
		event->data = old[1].data;
	}
	return got;
}

static long os_watch(long kq, long pid, u32 notes)
{
	struct kevent change = {0};
	change.ident = (unsigned long)pid;
	change.filter = EVFILT_PROC;
	change.flags = EV_ADD;
	change.fflags = notes;
	return os_kevent(kq, &change, 0);
}

static long os_event(long kq, long *pid, u32 *notes, long *data)
{
	struct kevent event = {0};
	long got = os_kevent(kq, 0, &event);
	*pid = (long)event.ident;
	*notes = event.fflags;
	*data = (long)event.data;
	return got;
}

/* ---- ktrace ---- */

static long os_ktrace(long fd, long pid, u32 facilities)
{
	return SYS(SYS_fktrace, fd, KTROP_SET | KTRFACv2, facilities, pid, 0, 0);
}
static long os_ktrace_end(long fd) { return SYS(SYS_fktrace, fd, KTROP_CLEARFILE | KTRFACv2, ~0u, 0, 0, 0); }
static long os_utrace(void) { return SYS(SYS_utrace, "step", 0, 0, 0, 0, 0); }

static long read_fully(long fd, void *buf, unsigned long size)
{
	unsigned long at = 0;
	while (at < size) {
		long got = os_read(fd, (char *)buf + at, (long)(size - at));
		if (got <= 0)
			return got;
		at += (unsigned long)got;
	}
	return (long)size;
}

/* The next record of a trace: above 0 where there is one, 0 at the end of the file. */
static long os_record(long fd, long *pid, int *type, int *code)
{
	struct ktr_header head;
	char skipped[64];
	long got = read_fully(fd, &head, sizeof head);
	if (got <= 0)
		return got;
	*pid = head.ktr_pid;
	*type = head.ktr_type;
	*code = 0;
	unsigned long left = (unsigned long)head.ktr_len;
	for (int first = 1; left; first = 0) {
		unsigned long part = left < sizeof skipped ? left : sizeof skipped;
		if ((got = read_fully(fd, skipped, part)) <= 0)
			return got;
		if (first && head.ktr_type == KTR_SYSRET && part >= sizeof(short))
			memcpy(code, skipped, sizeof(short)); /* ktr_code, a short */
		left -= part;
	}
	return 1;
}
static int os_is_fork_return(int type, int code) { return type == KTR_SYSRET && code == SYS_fork; }

/* ---- what a process has, or not ---- */

static long os_ras(int install)
{
	static char sequence[16];
	return SYS(SYS_rasctl, sequence, sizeof sequence, install ? RAS_INSTALL : RAS_PURGE, 0, 0, 0);
}

static long os_profil(void)
{
	static unsigned short samples[64];
	return SYS(SYS_profil, samples, sizeof samples, 0, 1 << 16, 0, 0);
}

static struct aiocb request;
static long os_aio_error(void) { return SYS(SYS_aio_error, &request, 0, 0, 0, 0, 0); }

static long os_aio_read(long fd)
{
	static char byte;
	long error;
	memset(&request, 0, sizeof request);
	request.aio_fildes = (int)fd;
	request.aio_buf = &byte;
	request.aio_nbytes = 1;
	request.aio_sigevent.sigev_notify = SIGEV_NONE;
	if ((error = SYS(SYS_aio_read, &request, 0, 0, 0, 0, 0)) < 0)
		return error;
	while ((error = os_aio_error()) == EINPROGRESS)
		os_nap(1000);
	return error > 0 ? -error : error;
}

static long os_setitimer(int which)
{
	struct itimerval value = {.it_value = {100000, 0}};
	return SYS(SYS___setitimer50, which, &value, 0, 0, 0, 0);
}
static long os_getitimer(int which)
{
	struct itimerval value = {0};
	long error = SYS(SYS___getitimer50, which, &value, 0, 0, 0, 0);
	return error < 0 ? error : value.it_value.tv_sec || value.it_value.tv_usec;
}

static long os_childrens_usage(void)
{
	struct rusage ru = {0};
	long error = SYS(SYS___getrusage50, RUSAGE_CHILDREN, &ru, 0, 0, 0, 0);
	char any = 0;
	for (unsigned long i = 0; i < sizeof ru; i++)
		any |= ((char *)&ru)[i];
	return error < 0 ? error : any != 0;
}

static long os_minherit(void *page, long size, int inheritance) { return SYS(SYS_minherit, page, size, inheritance, 0, 0, 0); }
static long os_setprivate(long value) { return SYS(SYS__lwp_setprivate, value, 0, 0, 0, 0, 0); }
static long os_getprivate(void) { return SYS(SYS__lwp_getprivate, 0, 0, 0, 0, 0, 0); }
static long os_nice(long value) { return SYS(SYS_setpriority, PRIO_PROCESS, 0, value, 0, 0, 0); }
static long os_setsid(void) { return SYS(SYS_setsid, 0, 0, 0, 0, 0, 0); }

/* The console becomes the session's terminal, for as long as somebody has it open. */
static long os_controlling_tty(void)
{
	long fd = SYS(SYS_open, "/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK, 0, 0, 0, 0);
	return fd < 0 ? fd : SYS(SYS_ioctl, fd, TIOCSCTTY, 0, 0, 0, 0);
}

static long os_sigaltstack(long size)
{
	LARGE static char area[65536];
	stack_t new = {.ss_sp = area, .ss_size = (unsigned long)size}, old = {0};
	long error = SYS(SYS___sigaltstack14, size < 0 ? 0 : &new, &old, 0, 0, 0, 0);
	return error < 0 ? error : old.ss_flags & SS_DISABLE ? 0 : (long)old.ss_size;
}

static long os_default_sigchld(int nocldstop)
{
	struct sigaction new = {0};
	new.sa_flags = (nocldstop ? SA_NOCLDSTOP : SA_NOCLDWAIT) | SA_RESTART;
	new.sa_handler = SIG_DFL;
	return SYS(SYS___sigaction_sigtramp, SIGCHLD, &new, 0, (void *)caught, __SIGTRAMP_SIGINFO_VERSION, 0);
}

/* The number of the node with that name below the first `depth` of `name`; -1: none. */
static int node_named(int *name, u32 depth, const char *wanted)
{
	struct sysctlnode query = {.sysctl_flags = SYSCTL_VERSION};
	LARGE static struct sysctlnode node[512];
	unsigned long got = sizeof node;
	name[depth] = CTL_QUERY;
	if (SYS(SYS___sysctl, name, depth + 1, node, &got, &query, sizeof query) >= 0)
		for (unsigned long i = 0; i < got / sizeof node[0]; i++) {
			const char *a = node[i].sysctl_name, *b = wanted;
			while (*a && *a == *b)
				a++, b++;
			if (*a == *b)
				return node[i].sysctl_num;
		}
	return -1;
}

/* A guest of our own shows kernel addresses: only whether two are the same is ever looked at. */
static void os_show_addresses(void)
{
	int name[] = {CTL_KERN, 0}, old = 0;
	if ((name[1] = node_named(name, 1, "expose_address")) >= 0)
		sysctl_set(name, 2, &old, 2);
}

/*
 * Nor need it write on its console who died of what: in a guest each letter takes long.  While somebody
 * has /dev/klog open, what is logged stays in the message buffer (subr_prf.c, log()); a panic does not.
 */
static void os_log_no_ends(void)
{
	int name[] = {CTL_KERN, KERN_LOGSIGEXIT}, old = 0;
	sysctl_set(name, 2, &old, 0);
	long fd = SYS(SYS_open, "/dev/klog", O_RDONLY, 0, 0, 0, 0);
	os_dup2(fd, MAIL_DISK + 1); /* out of the way of what scenarios open */
	os_close(fd);
}

/*
 * The kernel reads the time whenever it switches between processes, and in a
 * guest each clock but the processor's own is slow to read.  How fast that one
 * runs is measured by the kernel as it boots, which can go wrong there: it is
 * taken if it runs as the kernel believes, within a tenth.
 */
static void os_choose_clock(void)
{
#ifdef __x86_64__
	enum { MEASURED = 20000 }; /* microseconds */
	static char tsc[] = "TSC";
	int name[] = {CTL_MACHDEP, 0, 0};
	u64 believed, time, start = os_microtime(), counter = __builtin_ia32_rdtsc();
	if ((name[1] = node_named(name, 1, "tsc_freq")) < 0
	    || sysctl_get(name, 2, &believed, sizeof believed) != sizeof believed)
		return;
	while ((time = os_microtime() - start) < MEASURED)
		;
	u64 counted = __builtin_ia32_rdtsc() - counter, expected = believed / 1000000 * time;
	if (counted < expected - expected / 10 || counted > expected + expected / 10)
		return;
	name[0] = CTL_KERN;
	if ((name[1] = node_named(name, 1, "timecounter")) >= 0
	    && (name[2] = node_named(name, 2, "hardware")) >= 0)
		SYS(SYS___sysctl, name, 3, 0, 0, tsc, sizeof tsc);
#endif
}

#endif
