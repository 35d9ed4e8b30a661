/*
 * kern_synch.c, kern_clock.c and the scheduler.
 */
#include "calls.h"
#include "rules.h"

int kpause(const char *wmesg, bool intr, int timo, kmutex_t *lock)
{
	NOTE(kpause, .wmesg = hash(wmesg), .intr = intr, .timo = timo, .lock = name(lock), .nprocs = nprocs,
	    .count = count_l);
	MUST(!PROC_LOCK->owned && !lock1.owned, "kpause: sleeping with a lock");
	return 0;
}

/* kern_synch.c 1.366, lines 893-894, asserts p_lock and the LWP's lock, and leaves the latter. */
void setrunnable(struct lwp *l)
{
	NOTE(setrunnable, .l2 = name(l), .p_stat = p2.p_stat, .p_nrlwps = p2.p_nrlwps, .p_exitsig = p2.p_exitsig,
	    .p_acflag = p2.p_acflag);
	MUST_BE(l, &l2, "setrunnable: not the new LWP");
	MUST(l->locked, "setrunnable: LWP not locked");
	MUST(p2.p_lock->owned, "setrunnable: p_lock not held");
	l->l_stat = LSRUN;
	l->locked = false;
	rules_forget();
}

void sched_enqueue(struct lwp *l, bool yielding)
{
	MUST(l->l_stat == LSRUN && !yielding, "sched_enqueue: not runnable");
	setrunnable(l);
	l->locked = true;
}

/* sched_4bsd.c 1.47, line 450, asserts p_lock. */
void sched_proc_fork(struct proc *parent, struct proc *child)
{
	NOTE(sched_proc_fork, .p1 = name(parent), .p2 = name(child));
	MUST(lock1.owned, "sched_proc_fork: p_lock not held");
}

/* kern_clock.c 1.151, line 360, asserts p_stmutex. */
void startprofclock(struct proc *p)
{
	NOTE(startprofclock, .p2 = name(p));
	MUST(p2.p_stmutex.owned, "startprofclock: p_stmutex not held");
}
