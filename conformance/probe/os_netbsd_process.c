/* NetBSD: what the system says of a process. */
#include <sys/errno.h>
#include <sys/ktrace.h>
#include <sys/resource.h>
#include <sys/sched.h>
#include <sys/stat.h>

#include "os_netbsd.h"
#include "text.h"

/* What kern.proc2 says of a process, dead or alive: 0, or minus the error number. */
static long proc_info(long pid, struct kinfo_proc2 *kp)
{
	int name[] = {CTL_KERN, KERN_PROC2, KERN_PROC_PID, (int)pid, sizeof *kp, 1};
	long got = sysctl_get(name, 6, kp, sizeof *kp);
	return got < 0 ? got : got < (long)sizeof *kp ? -ESRCH : 0;
}

/*
 * An LWP's state, from its status (sys/lwp.h) and what it sleeps on.  An LWP that waits for a lock of the
 * kernel will get it, so its call is not blocked.  Until NetBSD 10 all locks were "tstile".
 */
static enum state lwp_state(int stat, const char *wmesg)
{
	switch (stat) {
	case NETBSD_LSSLEEP:
		return same(wmesg, "mutex") || same(wmesg, "rwlock") || same(wmesg, "tstile") ? RUNNING : ASLEEP;
	case NETBSD_LSSTOP:
		return STOPPED;
	case NETBSD_LSZOMB:
		return ZOMBIE;
	default:
		return RUNNING;
	}
}

enum state os_state(long pid)
{
	struct kinfo_proc2 kp;
	if (proc_info(pid, &kp) < 0)
		return NO_PROCESS;
	switch (kp.p_realstat) { /* p_stat is that of an LWP */
	case NETBSD_SACTIVE:
		return lwp_state(kp.p_stat, kp.p_wmesg);
	case NETBSD_SSTOP:
		return STOPPED;
	case NETBSD_SZOMB:
		return ZOMBIE;
	default:
		return RUNNING;
	}
}

/* procfs shows the vnode of a process's program: which file it is. */
static long text_of(long pid, i64 *file)
{
	struct stat st = {0};
	char path[32];
	struct text t = {path, path + sizeof path - 1};
	if (CALL(__stat50, "/proc/curproc/status", &st) < 0)
		return CANNOT; /* no procfs there */
	put(&t, "/proc/");
	put_number(&t, (u64)pid, 10);
	put(&t, "/file");
	long error = CALL(__stat50, path, &st);
	*file = (i64)st.st_dev << 32 ^ (i64)st.st_ino;
	return error;
}

static u64 address_in(const struct kinfo_proc2 *kp, int field)
{
	switch (field) {
	case KP_FD:
		return kp->p_fd;
	case KP_CWDI:
		return kp->p_cwdi;
	case KP_LIMIT:
		return kp->p_limit;
	case KP_VMSPACE:
		return kp->p_vmspace;
	case KP_SIGACTS:
		return kp->p_sigacts;
	case KP_STATS:
		return kp->p_stats;
	case KP_TRACEP:
		return kp->p_tracep;
	default:
		return kp->p_sess;
	}
}

/* One field of kern.proc2; what is a name goes into `text`. */
long os_field(long pid, int field, struct seen_value *v)
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
	case KP_REALSTAT:
		v->number = kp.p_realstat;
		return 0;
	case KP_PPID:
		v->number = kp.p_ppid;
		return 0;
	case KP_SIGMASK:
		v->number = (i64)set_of(kp.p_sigmask.__bits);
		return 0;
	case KP_SIGIGNORE:
		v->number = (i64)set_of(kp.p_sigignore.__bits);
		return 0;
	case KP_FLAG:
		v->number = (u32)kp.p_realflag;
		return 0;
	case KP_COMM:
		memcpy(v->text, kp.p_comm, sizeof kp.p_comm);
		return 0;
	case KP__PGID:
		v->number = kp.p__pgid;
		return 0;
	case KP_START:
		v->number = (i64)kp.p_ustart_sec * 1000000 + kp.p_ustart_usec;
		return 0;
	}
	v->number = (i64)address_in(&kp, field);
	/* No process is without these: the kernel does not show addresses. */
	return v->number || field == KP_TRACEP ? 0 : CANNOT;
}

long os_lwp_self(void) { return CALL(_lwp_self); }

/*
 * As os_state(), for one LWP of a process.  Where another LWP runs, this one is not asked about: an LWP
 * that waits for its turn sleeps, so there is nothing to be seen yet.
 *
 * kern.lwp takes the process's lock, and NetBSD panics where that meets a traced fork of the process:
 * fork1 (kern_fork.c 1.232, line 535) calls proc_changeparent() without the lock, which proc_changeparent()
 * lets go of if it cannot have the parent's.  So kern.lwp is asked only when all LWPs are asleep: kern.proc2
 * shows the LWP that is the most awake (kern_proc.c, proc_active_lwp()), and takes that lock after proc_lock.
 */
enum state os_lwp_state(long pid, long lid)
{
	enum { ROOM = 2 * MAX_ACTORS }; /* all LWPs of a scenario, and as many that it does not know of */
	LARGE static struct kinfo_lwp lwp[ROOM];
	int name[] = {CTL_KERN, KERN_LWP, (int)pid, sizeof lwp[0], ROOM};
	enum state state = os_state(pid);
	if (state != ASLEEP && (state != RUNNING || os_has_futex()))
		return state;
	long got = sysctl_get(name, 5, lwp, sizeof lwp);
	for (long i = 0; got > 0 && i < got / (long)sizeof lwp[0]; i++)
		if (lwp[i].l_lid == lid)
			return lwp_state(lwp[i].l_stat, lwp[i].l_wmesg);
	return ZOMBIE;
}

long os_childrens_usage(void)
{
	struct rusage ru = {0};
	long error = CALL(__getrusage50, RUSAGE_CHILDREN, &ru);
	char any = 0;
	for (unsigned long i = 0; i < sizeof ru; i++)
		any |= ((char *)&ru)[i];
	return error < 0 ? error : any != 0;
}

void os_effort(struct effort *now)
{
	struct rusage ru = {0};
	CALL(__getrusage50, RUSAGE_SELF, &ru);
	now->ticks = hardclock_ticks();
	now->sleeps = ru.ru_nvcsw;
}

/* PRI_NONE: no priority. */
long os_sched_setparam(int policy, int priority)
{
	struct sched_param param = {priority < 0 ? -1 : priority};
	return CALL(_sched_setparam, 0, 0, policy, &param);
}

long os_sched_getparam(int *policy)
{
	struct sched_param param = {0};
	long error = CALL(_sched_getparam, 0, os_lwp_self(), policy, &param);
	return error < 0 ? error : *policy == NETBSD_SCHED_OTHER ? 0 : param.sched_priority;
}
