#include "calls.h"
#include "newborn.h"
#include "rules.h"

struct sigacts *sigactsinit(struct proc *p, int share)
{
	NOTE(sigactsinit, .p1 = name(p), .share = share != 0);
	MUST(!lock1.owned, "sigactsinit: sleeping with a lock");
	if (share) {
		p->p_sigacts->sa_refcnt++;
		return p->p_sigacts;
	}
	sigacts_copied.sa_refcnt = 1;
	return &sigacts_copied;
}

/*
 * A stop for the tracer: both locks are left, and the world moves on meanwhile.
 * kern_sig.c 1.410, lines 1577-1578, asserts both.
 */
static void stop(int code, int event, int pid)
{
	struct proc *p = curlwp->l_proc;

	NOTE(eventswitch, .code = code, .event = event, .pid = pid);
	MUST(PROC_LOCK->owned, "eventswitch: proc_lock not held");
	MUST(p->p_lock->owned, "eventswitch: p_lock not held");
	PROC_LOCK->owned = p->p_lock->owned = false;
	MUST(!lock1.owned && !lock2.owned, "eventswitch: sleeping with another lock");
	if (given.call == FUNCTION_child_return || stopped_once)
		return;
	stopped_once = true;
	if (given.stop_slflag != -1)
		p->p_slflag = (short)given.stop_slflag;
	if (given.stop_release) {
		curlwp->l_vforkwaiting = false;
		newborn_ends();
	}
	rules_forget();
}

#if REVISION >= 1214
void eventswitch(int code, int event, int pid) { stop(code, event, pid); }
#else
/* 1.213 leaves the other's process ID where ptrace(2) finds it, and by that the event. */
void eventswitch(int code)
{
	struct proc *p = curlwp->l_proc;
	pid_t pid;

	if ((pid = p->p_fpid) != 0)
		stop(code, PTRACE_FORK, pid);
	else if ((pid = p->p_vfpid) != 0)
		stop(code, PTRACE_VFORK, pid);
	else
		stop(code, PTRACE_VFORK_DONE, p->p_vfpid_done);
	p->p_fpid = p->p_vfpid = p->p_vfpid_done = 0;
}
#endif

/* kern_sig.c 1.410, lines 1680-1681, takes both locks. */
void eventswitchchild(struct proc *p, int code, int event)
{
	NOTE(eventswitchchild, .p = name(p), .code = code, .event = event);
	MUST(!PROC_LOCK->owned && !lock1.owned, "eventswitchchild: locking against myself");
}
