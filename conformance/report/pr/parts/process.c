/* What kern.proc2 shows of a process, and what a process sets up for itself. */

//@ get_process
#ifdef __NetBSD__
/* Of any process, dead ones that nobody has waited for included. */
static int
get_process(pid_t pid, struct kinfo_proc2 *kp)
{
	int name[] = { CTL_KERN, KERN_PROC2, KERN_PROC_PID, (int)pid,
		sizeof(*kp), 1 };
	size_t size = sizeof(*kp);

	if (sysctl(name, 6, kp, &size, NULL, 0) == -1)
		return -1;
	if (size < sizeof(*kp)) {
		errno = ESRCH;
		return -1;
	}
	return 0;
}
#endif

//@ look get_process saw_result NetBSD
static struct kinfo_proc2 kp;

/* Get a process's kp, or note why there is none. */
static int
look(int step, pid_t pid)
{
	if (get_process(pid, &kp) == -1) {
		saw_result(step, -1, NULL);
		return 0;
	}
	return 1;
}

//@ look_at_both look
static struct kinfo_proc2 other;

/* The first one's kp, and the other's. */
static int
look_at_both(int step, pid_t one, pid_t two)
{
	if (!look(step, two))
		return 0;
	other = kp;
	return look(step, one);
}

//@ accounting_flags names_of <sys/acct.h>
static const struct name accounting_flags[] = {
	NAME(AFORK), NAME(ASU), NAME(ACOMPAT), NAME(ACORE), NAME(AXSIG),
};

//@ KTRFAC_SHOWN <sys/ktrace.h>
#define KTRFAC_SHOWN (~(KTRFAC_PERSISTENT | KTRFAC_VER_MASK))

//@ trace_facilities KTRFAC_SHOWN names_of
static const struct name trace_facilities[] = {
	NAME(KTRFAC_SYSRET), NAME(KTRFAC_PSIG), NAME(KTRFAC_EMUL),
	NAME(KTRFAC_USER), NAME(KTRFAC_TRC_EMUL), NAME(KTRFAC_INHERIT),
};

//@ process_flags names_of NetBSD
static const struct name process_flags[] = {
	NAME(P_CONTROLT), NAME(P_NOCLDSTOP), NAME(P_PPWAIT), NAME(P_PROFIL),
	NAME(P_SUGID), NAME(P_TRACED), NAME(P_EXEC), NAME(P_NOCLDWAIT),
	NAME(P_CLDSIGIGN), NAME(P_CHTRACED), NAME(P_STOPFORK), NAME(P_STOPEXEC),
	NAME(P_SYSCALL),
};

//@ state_name
/* By the numbers of <sys/proc.h>, which it has for kernels only. */
static const char *
state_name(uint64_t state)
{
	switch (state) {
	case 2: return "SACTIVE";
	case 4: return "SSTOP";
	case 5: return "SZOMB";
	default: return "other";
	}
}

//@ is_member
static const char *
is_member(const ki_sigset_t *set, int number)
{
	uint32_t bit = 1u << (number - 1) % 32;

	return set->__bits[(number - 1) / 32] & bit ? "yes" : "no";
}

//@ get_path
static int
get_path(pid_t pid, char *path, size_t size)
{
	int name[] = { CTL_KERN, KERN_PROC_ARGS, (int)pid, KERN_PROC_PATHNAME };

	memset(path, 0, size--);
	return sysctl(name, 4, path, &size, NULL, 0);
}

//@ look_at_command look get_path
/* exec takes the command's name from the path's end, and may cut it off. */
static void
look_at_command(int step, pid_t pid)
{
	char path[PATH_MAX];
	const char *last;

	if (get_path(pid, path, sizeof(path)) == -1) {
		saw_result(step, -1, NULL);
		return;
	}
	last = strrchr(path, '/');
	last = last == NULL ? path : last + 1;
	if (kp.p_comm[0] != 0
	    && strncmp(last, kp.p_comm, strlen(kp.p_comm)) == 0)
		saw(step, "program");
	else
		saw(step, "other");
}

//@ compare_paths look_at_both get_path
static void
compare_paths(int step, pid_t one, pid_t two)
{
	char path[2][PATH_MAX];

	if (get_path(one, path[0], PATH_MAX) == -1
	    || get_path(two, path[1], PATH_MAX) == -1)
		saw_result(step, -1, NULL);
	else
		saw(step, "%s",
		    strcmp(path[0], path[1]) == 0 ? "same" : "other");
}

//@ compare_texts look_at_both
/* Whether both run the same file, as procfs shows it. */
static void
compare_texts(int step, pid_t one, pid_t two)
{
	struct stat st[2];
	const pid_t pid[2] = { one, two };
	char path[32];

	if (stat("/proc/curproc/status", &st[0]) == -1) {
		saw(step, "cannot");	/* procfs is not mounted */
		return;
	}
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/file", (int)pid[i]);
		if (stat(path, &st[i]) == -1) {
			saw_result(step, -1, NULL);
			return;
		}
	}
	saw(step, "%s", st[0].st_dev == st[1].st_dev
	    && st[0].st_ino == st[1].st_ino ? "same" : "other");
}

//@ compare_starts look_at_both
static void
compare_starts(int step)
{
	if (kp.p_ustart_sec == other.p_ustart_sec
	    && kp.p_ustart_usec == other.p_ustart_usec)
		saw(step, "same");
	else if (kp.p_ustart_sec < other.p_ustart_sec
	    || (kp.p_ustart_sec == other.p_ustart_sec
		&& kp.p_ustart_usec < other.p_ustart_usec))
		saw(step, "later");
	else
		saw(step, "earlier");
}

//@ setitimer saw_result
static void
set_timer(int step, int which)
{
	struct itimerval day;

	memset(&day, 0, sizeof(day));
	day.it_value.tv_sec = 24 * 60 * 60;
	saw_result(step, setitimer(which, &day, NULL), "ok");
}

//@ getitimer saw_result
static void
look_at_timer(int step, int which)
{
	struct itimerval left;
	int result;

	memset(&left, 0, sizeof(left));
	result = getitimer(which, &left);
	saw_result(step, result,
	    left.it_value.tv_sec || left.it_value.tv_usec ? "runs" : "none");
}

//@ childrens_usage saw_result
static void
look_at_usage(int step)
{
	struct rusage usage, none;
	int result;

	memset(&usage, 0, sizeof(usage));
	memset(&none, 0, sizeof(none));
	result = getrusage(RUSAGE_CHILDREN, &usage);
	saw_result(step, result,
	    memcmp(&usage, &none, sizeof(none)) ? "some" : "none");
}

//@ sigaltstack saw_result
/* The size of the signal stack before; a new one where a size is given. */
static void
set_signal_stack(int step, size_t size)
{
	static char area[65536];
	stack_t new, old;
	int result;

	memset(&new, 0, sizeof(new));
	memset(&old, 0, sizeof(old));
	new.ss_sp = area;
	new.ss_size = size;
	result = sigaltstack(size ? &new : NULL, &old);
	if (result == 0 && !(old.ss_flags & SS_DISABLE))
		result = (int)old.ss_size;
	saw_result(step, result, NULL);
}

//@ default_sigchld saw_result
static void
default_sigchld(int step, int flag)
{
	struct sigaction new;

	memset(&new, 0, sizeof(new));
	new.sa_handler = SIG_DFL;
	new.sa_flags = flag | SA_RESTART;
	saw_result(step, sigaction(SIGCHLD, &new, NULL), "ok");
}

//@ controlling_tty saw_result <sys/ioctl.h>
/* A new pty, or else the console, becomes the session's terminal. */
static void
set_terminal(int step)
{
	struct ptmget pty;
	int fd = open("/dev/ptm", O_RDWR | O_NOCTTY);

	if (fd != -1 && ioctl(fd, TIOCPTMGET, &pty) != -1)
		fd = pty.sfd;
	else
		fd = open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
	saw_result(step, fd == -1 ? -1 : ioctl(fd, TIOCSCTTY, 0), "ok");
}

//@ private <lwp.h>
//BEGIN 	private = _lwp_getprivate();
/* The C library's.  What is set and looked at is the distance to it. */
static char *private;

//@ lwpctl <sys/lwpctl.h>
static struct lwpctl *lwpctl;

static int
lwp_control(void)
{

	return (int)syscall(SYS__lwp_ctl,
	    LWPCTL_FEATURE_CURCPU | LWPCTL_FEATURE_PCTR, &lwpctl);
}

//@ lc_pctr lwpctl saw_result nap
/* Whether a sleep and the return from it are counted. */
static void
look_at_switches(int step)
{
	int before = 0, after = 0;

	if (lwpctl == NULL) {
		saw(step, "none");
		return;
	}
	/* It may not be mapped: a bad argument is refused after it is read. */
	if (sigprocmask(99, (sigset_t *)(void *)lwpctl, NULL) == -1 &&
	    errno == EFAULT) {
		saw_result(step, -1, NULL);
		return;
	}
	before = *(volatile int *)&lwpctl->lc_pctr;
	nap(20000);
	after = *(volatile int *)&lwpctl->lc_pctr;
	saw(step, before != after ? "counted" : "still");
}

//@ rasctl saw_result <sys/ras.h>
static char sequence[16];		/* any addresses will do */

//@ profil saw_result NetBSD
static char samples[128];

//@ aio saw_result nap <aio.h>
/* By system calls: the functions are in librt. */
static struct aiocb request;
static char request_byte;

//@ aio_read aio
/* Read a byte asynchronously, and wait until that is done. */
static void
read_asynchronously(int step, int fd)
{
	int error;

	memset(&request, 0, sizeof(request));
	request.aio_fildes = fd;
	request.aio_buf = &request_byte;
	request.aio_nbytes = 1;
	request.aio_sigevent.sigev_notify = SIGEV_NONE;
	if (syscall(SYS_aio_read, &request) == -1) {
		saw_result(step, -1, NULL);
		return;
	}
	while ((error = (int)syscall(SYS_aio_error, &request)) == EINPROGRESS)
		nap(1000);
	if (error > 0)
		errno = error;
	saw_result(step, error == 0 ? 0 : -1, "ok");
}

//@ stop_flag saw_result NetBSD
/* proc.PID.stopfork and proc.PID.stopexec */
static void
set_stop_flag(int step, pid_t pid, int which, int value)
{
	int name[] = { CTL_PROC, (int)pid, which };
	int result = sysctl(name, 3, NULL, NULL, &value, sizeof(value));

	saw_result(step, result, "ok");
}

//@ posix_timer saw_result
/* By system calls: the functions may be in librt. */
#ifndef __NetBSD__
#define SYS___timer_settime50	SYS_timer_settime
#define SYS___timer_gettime50	SYS_timer_gettime
#endif
static int posix_timer = -1;

//@ timer_create posix_timer
/* Make a timer, and start it. */
static void
make_timer(int step)
{
	struct sigevent event;
	struct itimerspec day;
	int result;

	memset(&event, 0, sizeof(event));
	memset(&day, 0, sizeof(day));
	event.sigev_notify = SIGEV_NONE;
	day.it_value.tv_sec = 24 * 60 * 60;
	result = (int)syscall(SYS_timer_create, CLOCK_MONOTONIC, &event,
	    &posix_timer);
	if (result == 0)
		result = (int)syscall(SYS___timer_settime50, posix_timer, 0,
		    &day, NULL);
	saw_result(step, result, "ok");
}

//@ timer_gettime posix_timer
static void
look_at_posix_timer(int step)
{
	struct itimerspec left;

	saw_result(step, syscall(SYS___timer_gettime50, posix_timer, &left),
	    "runs");
}

//@ sched_setparam saw_result
static void
set_policy(int step, int policy, int priority)
{
	struct sched_param param;
	int result;

	memset(&param, 0, sizeof(param));
#ifdef __NetBSD__
	param.sched_priority = policy == SCHED_OTHER ? -1 : priority;
	result = (int)syscall(SYS__sched_setparam, 0, 0, policy, &param);
#else
	param.sched_priority = priority;
	result = sched_setscheduler(0, policy, &param);
#endif
	saw_result(step, result, "ok");
}

//@ sched_getparam saw saw_result
static void
look_at_policy(int step)
{
	struct sched_param param;
	int policy;

#ifdef __NetBSD__
	if (syscall(SYS__sched_getparam, 0, 0, &policy, &param) == -1) {
#else
	policy = sched_getscheduler(0);
	if (sched_getparam(0, &param) == -1) {
#endif
		saw_result(step, -1, NULL);
		return;
	}
	if (policy == SCHED_OTHER)
		saw(step, "SCHED_OTHER");
	else
		saw(step, "%s %d",
		    policy == SCHED_FIFO ? "SCHED_FIFO" : "SCHED_RR",
		    param.sched_priority);
}

//@ affinity saw saw_result NetBSD
/* A set of CPUs is an array of 32-bit words for the kernel. */
static void
set_affinity(int step)
{
	uint32_t set[8] = { 1 };

	saw_result(step, (int)syscall(SYS__sched_setaffinity, 0, 0,
	    sizeof(set), set), "ok");
}

static void
look_at_affinity(int step)
{
	uint32_t set[8] = { 0 }, rest = 0;

	if (syscall(SYS__sched_getaffinity, 0, 0, sizeof(set), set) == -1) {
		saw_result(step, -1, NULL);
		return;
	}
	for (int i = 1; i < 8; i++)
		rest |= set[i];
	saw(step, "%s", rest || set[0] > 1 ? "other"
	    : set[0] ? "first" : "any");
}

//@ burn get_process saw NetBSD <uvm/uvm_param.h>
static uint32_t
charge(void)
{
	struct kinfo_proc2 own;

	return get_process(getpid(), &own) == -1 ? 0 : own.p_estcpu;
}

/* Use the CPU; with a load average of 0 the kernel does not charge for it. */
static void
burn(int step)
{
	int name[] = { CTL_VM, VM_LOADAVG };
	struct timespec start, now;
	struct loadavg load;
	size_t size;

	syscall(SYS___clock_gettime50, CLOCK_MONOTONIC, &start);
	do {
		size = sizeof(load);
		memset(&load, 0, size);
		sysctl(name, 2, &load, &size, NULL, 0);
		syscall(SYS___clock_gettime50, CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > 12) {
			saw(step, "cannot");
			return;
		}
	} while (charge() < 4 << 10 || load.ldavg[0] == 0);
	saw(step, "ok");
}

//@ mq_open saw_result <mqueue.h>
/* By system calls: the functions are in librt. */
static void
open_queue(int step, int wanted)
{
	int fd = (int)syscall(SYS_mq_open, "/repro", O_CREAT | O_RDWR, 0600,
	    NULL);
	int error = errno;

	syscall(SYS_mq_unlink, "/repro");
	errno = error;
	if (fd != -1 && fd != wanted) {
		int moved = dup2(fd, wanted);

		close(fd);
		fd = moved;
	}
	saw_result(step, fd, NULL);
}
