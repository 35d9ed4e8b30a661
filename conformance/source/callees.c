/*
 * Stand-ins for what kern_fork.c calls.
 *
 * Each takes note of its call, checks what the real one asks of its caller (a lock
 * held, an object known), and does to the objects what the real one does, no more.
 * Whether it fails, and what it answers, is the case's to say.
 */
#include "world.h"

static struct timeval *ratecheck_last;

#define N(value) ((int64_t)(value))
#define NOTE0(call) note(CALL_##call, 0)
#define NOTE1(call, a) note(CALL_##call, 1, N(a))
#define NOTE2(call, a, b) note(CALL_##call, 2, N(a), N(b))
#define NOTE3(call, a, b, d) note(CALL_##call, 3, N(a), N(b), N(d))
#define NOTE4(call, a, b, d, e) note(CALL_##call, 4, N(a), N(b), N(d), N(e))

/* What the real callee would fault on, or assert. */
#define MUST(condition, text) do {			\
	if (!(condition))				\
		forkoracle_panic(text, 0);		\
} while (0)
#define MUST_BE(object, expected, text) MUST((const void *)(object) == (const void *)(expected), text)

/* -- locks ---------------------------------------------------------------- */

static void
enter(kmutex_t *lock, bool spin)
{
	int64_t n = name(lock);

	MUST(n != 0 && n != UNKNOWN && n != STALE_NAME, "mutex_enter: no lock");
	MUST(lock->ready == LOCK_READY, "mutex_enter: not initialised");
	MUST(!lock->owned, "mutex_enter: locking against myself");
	lock->owned = true;
	lock->spin = spin;
	if (lock == PROC_LOCK || lock == &lock1 || lock == &lock2)
		NOTE1(mutex_enter, n);
}

static void
leave(kmutex_t *lock, bool spin)
{
	int64_t n = name(lock);

	MUST(n != 0 && n != UNKNOWN && n != STALE_NAME, "mutex_exit: no lock");
	MUST(lock->owned, "mutex_exit: not held");
	MUST(lock->spin == spin, "mutex_exit: entered as the other kind");
	lock->owned = false;
	if (lock == PROC_LOCK || lock == &lock1 || lock == &lock2)
		NOTE1(mutex_exit, n);
}

void mutex_enter(kmutex_t *lock) { enter(lock, false); }
void mutex_exit(kmutex_t *lock) { leave(lock, false); }
void mutex_spin_enter(kmutex_t *lock) { enter(lock, true); }
void mutex_spin_exit(kmutex_t *lock) { leave(lock, true); }

void
mutex_init(kmutex_t *lock, int type, int ipl)
{
	ready(lock);
	lock->type = type;
	lock->ipl = ipl;
}

kmutex_t *
mutex_obj_alloc(int type, int ipl)
{
	NOTE2(mutex_obj_alloc, type, ipl);
	mutex_init(&lock2, type, ipl);
	return &lock2;
}

void
mutex_obj_hold(kmutex_t *lock)
{
	NOTE1(mutex_obj_hold, name(lock));
	MUST_BE(lock, &lock1, "mutex_obj_hold: no lock");
	lock->refcnt++;
}

void rw_init(krwlock_t *lock) { lock->ready = LOCK_READY; }

void
cv_init(kcondvar_t *cv, const char *wmesg)
{
	cv->ready = LOCK_READY;
	cv->wmesg = wmesg;
}

/* The child's memory may be another process's as soon as its parent slept. */
static void
child_goes(void)
{
	if (p2_there && !p2_gone) {
		p2_before = p2;
		p2_gone = true;
		memset(&p2, STALE, sizeof p2);
		p2.p_list = p2_before.p_list;
		p2.p_pglist = p2_before.p_pglist;
		p2.p_sibling = p2_before.p_sibling;
	}
}

void
cv_wait(kcondvar_t *cv, kmutex_t *lock)
{
	NOTE2(cv_wait, name(cv), name(lock));
	MUST(lock == PROC_LOCK && lock->owned, "cv_wait: proc_lock not held");
	MUST(!lock1.owned && !lock2.owned, "cv_wait: sleeping with another lock");
	MUST(l1.l_vforkwaiting, "cv_wait: nobody to wait for");
	MUST(waits < 100, "cv_wait: it waits without end");
	if (waits++ >= c.wakeups) {
		l1.l_vforkwaiting = false;
		child_goes();
		if (c.wait_slflag != -1)
			p1.p_slflag = c.wait_slflag;
	}
}

void
lwp_lock(struct lwp *l)
{
	MUST_BE(l, &l2, "lwp_lock: not the new LWP");
	MUST(!l->locked, "lwp_lock: locking against myself");
	l->locked = true;
}

void
lwp_unlock(struct lwp *l)
{
	MUST_BE(l, &l2, "lwp_unlock: not the new LWP");
	MUST(l->locked, "lwp_unlock: not held");
	l->locked = false;
}

void lwp_unlock_to(struct lwp *l, kmutex_t *lock) { (void)lock; lwp_unlock(l); }

void
forkoracle_kpreempt(struct lwp *l, int difference)
{
	MUST_BE(l, &l1, "kpreempt: not the current LWP");
	preempt += difference;
	MUST(preempt == 0 || preempt == 1, "kpreempt: enabled or disabled twice");
}

/* -- counting ------------------------------------------------------------- */

u_int atomic_inc_uint_nv(volatile u_int *word) { return ++*word; }
void atomic_inc_uint(volatile u_int *word) { ++*word; }
void atomic_dec_uint(volatile u_int *word) { --*word; }

static int *
count_of(uid_t uid)
{
	if (uid == cred_l.cr_uid)
		return &proccnt[0];
	MUST(uid == cred_p.cr_uid, "chgproccnt: nobody's user ID");
	return &proccnt[1];
}

int
chgproccnt(uid_t uid, int difference)
{
	int *count = count_of(uid);

	*count += difference;
	note(CALL_chgproccnt, 4, N(uid), N(difference), N(nprocs), N(*count));
	MUST(*count >= 0, "KASSERT(proccnt >= 0)");
	return *count;
}

void
forkoracle_cpu_count(int which, int difference)
{
	MUST(preempt == 1, "CPU_COUNT: preemption is not disabled");
	cpu_count[which] += difference;
}

/* -- authority: the traditional security model ------------------------------ */

uid_t kauth_cred_getuid(kauth_cred_t cred) { return cred->cr_uid; }
uid_t kauth_cred_geteuid(kauth_cred_t cred) { return cred->cr_euid; }

int
kauth_authorize_process(kauth_cred_t cred, int action, struct proc *p, void *arg1, void *arg2,
    void *arg3)
{
	uintptr_t second = (uintptr_t)arg2;

	if (action == KAUTH_PROCESS_RLIMIT)
		second = name(arg2);
	note(CALL_kauth_authorize_process, 7, name(cred), N(action), name(p), N(arg1), N(second),
	    N(arg3), N(nprocs));
	MUST(name(cred) == 60 || name(cred) == 61, "kauth_authorize_process: no credential");
	if (cred->cr_euid == 0)
		return 0;
	if (action == KAUTH_PROCESS_FORK)
		return (int)(uintptr_t)arg1 >= maxproc - 5;
	return 1;
}

void
kauth_proc_fork(struct proc *parent, struct proc *child)
{
	NOTE2(kauth_proc_fork, name(parent), name(child));
	MUST_BE(parent, &p1, "kauth_proc_fork: not the parent");
	MUST_BE(child, &p2, "kauth_proc_fork: not the child");
	MUST(!parent->p_lock->owned, "kauth_proc_fork: locking against myself");
	child->p_cred = parent->p_cred;
	child->p_cred->refcnt++;
}

/* -- refusals ------------------------------------------------------------- */

int
ratecheck(struct timeval *last, const struct timeval *interval)
{
	NOTE2(ratecheck, interval->tv_sec, interval->tv_usec);
	MUST(ratecheck_last == NULL || last == ratecheck_last, "ratecheck: another time each time");
	ratecheck_last = last;
	return c.ratecheck;
}

void
tablefull(const char *table, const char *hint)
{
	NOTE3(tablefull, hash(table), hash(hint), nprocs);
}

int
kpause(const char *wmesg, bool intr, int timo, kmutex_t *lock)
{
	note(CALL_kpause, 6, hash(wmesg), N(intr), N(timo), name(lock), N(nprocs), N(proccnt[0]));
	MUST(!PROC_LOCK->owned && !lock1.owned, "kpause: sleeping with a lock");
	return 0;
}

/* -- allocation ------------------------------------------------------------- */

vaddr_t
uvm_uarea_alloc(void)
{
	NOTE1(uvm_uarea_alloc, nprocs);
	return c.no_uarea ? 0 : (vaddr_t)&uarea;
}

void uvm_uarea_free(vaddr_t address) { NOTE1(uvm_uarea_free, name((void *)address)); }

struct proc *
proc_alloc(void)
{
	NOTE1(proc_alloc, nprocs);
	if (c.no_pid)
		return NULL;
	MUST(!p2_there, "proc_alloc: a second child");
	p2_there = true;
	memset(&p2, STALE, sizeof p2);
	p2.p_stat = SIDL;
	p2.p_pid = (pid_t)c.pid;
	return &p2;
}

char *
kmem_strdupsize(const char *text, size_t *size, int how)
{
	NOTE1(kmem_strdupsize, name(text));
	MUST_BE(size, NULL, "kmem_strdupsize: somewhere for the size");
	MUST(how == KM_SLEEP, "kmem_strdupsize: may fail");
	return path_copied;
}

int
lwp_create(struct lwp *caller, struct proc *p, vaddr_t address, int flags, void *stack,
    size_t stacksize, void (*func)(void *), void *arg, struct lwp **new, int class,
    const sigset_t *sigmask, const stack_t *sigstk)
{
	extern void forkoracle_func(void *);

	note(CALL_lwp_create, 13, name(caller), name(p), name((void *)address), N(flags), N(stack),
	    N(stacksize), N(func == child_return ? 1 : func == forkoracle_func ? 2 : 0), N(arg),
	    N(class), N(*sigmask), N(sigstk->ss_flags), N(p->p_lflag), name(p->p_vforklwp));
	MUST_BE(caller, &l1, "lwp_create: not the caller");
	MUST_BE(p, &p2, "lwp_create: not the child");
	MUST(!PROC_LOCK->owned && !p->p_lock->owned, "lwp_create: sleeping with a lock");
	memset(&l2, 0, sizeof l2);
	l2.l_stat = LSIDL;
	l2.l_proc = p;
	l2.l_class = class;
	l2.l_sigmask = *sigmask;
	l2.l_sigstk = *sigstk;
	l2.l_stack = stack;
	l2.l_cred = p->p_cred;
	l2.l_cpu = caller->l_cpu;
	LIST_INSERT_HEAD(&p->p_lwps, &l2, l_sibling);
	p->p_nlwps++;
	p->p_nrlwps++;
	*new = &l2;
	return 0;
}

/* -- what is shared or copied ----------------------------------------------- */

void
ras_fork(struct proc *from, struct proc *to)
{
	NOTE2(ras_fork, name(from), name(to));
	MUST_BE(from, &p1, "ras_fork: not the parent");
	MUST_BE(to, &p2, "ras_fork: not the child");
	MUST(to->p_raslist == NULL, "ras_fork: the child has some already");
	if (from->p_raslist != NULL)
		to->p_raslist = (struct ras *)&ras_copied;
}

void
vref(struct vnode *vp)
{
	NOTE1(vref, name(vp));
	vp->v_usecount++;
}

void
fd_share(struct proc *p)
{
	NOTE1(fd_share, name(p));
	p->p_fd = curlwp->l_fd;
	if (p->p_fd != NULL)
		p->p_fd->fd_refcnt++;
}

struct filedesc *
fd_init(struct filedesc *fdp)
{
	NOTE1(fd_init, name(fdp));
	fd_fresh.fd_refcnt = 1;
	return &fd_fresh;
}

struct filedesc *
fd_copy(void)
{
	NOTE0(fd_copy);
	fd_copied.fd_refcnt = 1;
	return &fd_copied;
}

void
cwdshare(struct proc *p)
{
	NOTE1(cwdshare, name(p));
	p->p_cwdi = curlwp->l_proc->p_cwdi;
	p->p_cwdi->cwdi_refcnt++;
}

struct cwdinfo *
cwdinit(void)
{
	NOTE0(cwdinit);
	cwdi_copied.cwdi_refcnt = 1;
	return &cwdi_copied;
}

void
lim_addref(struct plimit *limit)
{
	NOTE1(lim_addref, name(limit));
	limit->pl_refcnt++;
}

struct plimit *
lim_copy(struct plimit *limit)
{
	NOTE1(lim_copy, name(limit));
	limit_copied = *limit;
	limit_copied.pl_refcnt = 1;
	return &limit_copied;
}

void
ktradref(struct proc *p)
{
	NOTE2(ktradref, name(p), name(p->p_tracep));
	MUST(ktrace_lock.owned, "ktradref: ktrace_lock not held");
	MUST_BE(p->p_tracep, &tracefile, "ktradref: no trace file");
	tracefile++;
}

struct sigacts *
sigactsinit(struct proc *p, int share)
{
	NOTE2(sigactsinit, name(p), share != 0);
	MUST(!lock1.owned, "sigactsinit: sleeping with a lock");
	if (share) {
		p->p_sigacts->sa_refcnt++;
		return p->p_sigacts;
	}
	sigacts_copied.sa_refcnt = 1;
	return &sigacts_copied;
}

void
sched_proc_fork(struct proc *parent, struct proc *child)
{
	NOTE2(sched_proc_fork, name(parent), name(child));
	MUST(lock1.owned, "sched_proc_fork: p_lock not held");
}

struct pstats *
pstatscopy(struct pstats *stats)
{
	NOTE1(pstatscopy, name(stats));
	memset(&stats_copied, 0, sizeof stats_copied);
	return &stats_copied;
}

void
uvm_proc_fork(struct proc *from, struct proc *to, bool shared)
{
	NOTE3(uvm_proc_fork, name(from), name(to), shared);
	MUST_BE(from, &p1, "uvm_proc_fork: not the parent");
	MUST_BE(to, &p2, "uvm_proc_fork: not the child");
	if (shared) {
		to->p_vmspace = from->p_vmspace;
		from->p_vmspace->vm_refcnt++;
	} else {
		vmspace_copied.vm_refcnt = 1;
		to->p_vmspace = &vmspace_copied;
	}
}

/* -- who hears of it ---------------------------------------------------------- */

void
e_proc_fork(struct proc *child, struct lwp *l, int flags)
{
	note(CALL_e_proc_fork, 4, name(child), name(l), N(flags), N(l2.l_private));
}

void
e_syscall_intern(struct proc *p)
{
	NOTE2(e_syscall_intern, name(p), p->p_trace_enabled);
}

/* The last callee without proc_lock: what other LWPs of the parent do shows here. */
void
doforkhooks(struct proc *child, struct proc *parent)
{
	NOTE2(doforkhooks, name(child), name(parent));
	if (c.other_sflag != -1)
		p1.p_sflag = (int)c.other_sflag;
	if (c.other_stflag != -1)
		p1.p_stflag = (int)c.other_stflag;
}

void
forkoracle_sdt_probe(const char *probe, struct proc *child, struct proc *parent, int flags)
{
	NOTE4(sdt_probe, hash(probe), name(child), name(parent), flags);
}

void
proc_changeparent(struct proc *t, struct proc *p)
{
	NOTE2(proc_changeparent, name(t), name(p));
	MUST(PROC_LOCK->owned, "proc_changeparent: proc_lock not held");
	MUST_BE(t, &p2, "proc_changeparent: not the child");
	MUST(name(p) == 1 || name(p) == 2 || name(p) == 4, "proc_changeparent: no parent");
	t->p_slflag |= PSL_TRACED;
	t->p_opptr = t->p_pptr;
	if (t->p_pptr == p)
		return;
	t->p_pptr->p_slflag |= PSL_CHTRACED;
	if (p == initproc) {
		t->p_exitsig = SIGCHLD;
		t->p_ppid = p->p_pid;
	}
	LIST_REMOVE(t, p_sibling);
	LIST_INSERT_HEAD(&p->p_children, t, p_sibling);
	t->p_pptr = p;
}

int
trace_is_enabled(struct proc *p)
{
	NOTE1(trace_is_enabled, name(p));
	return (int)c.trace_enabled;
}

bool
forkoracle_ktrpoint(int facility)
{
	NOTE1(ktrpoint, facility);
	return c.ktr_emul;
}

void
knote_proc_fork(struct proc *parent, struct proc *child)
{
	NOTE2(knote_proc_fork, name(parent), name(child));
	MUST(!PROC_LOCK->owned, "knote_proc_fork: proc_lock held");
}

void
forkoracle_knote(void *list, long hint)
{
	NOTE2(KNOTE, list == &p1.p_klist ? 2 : UNKNOWN, hint);
	MUST(!PROC_LOCK->owned, "KNOTE: proc_lock held");
}

void
startprofclock(struct proc *p)
{
	NOTE1(startprofclock, name(p));
	MUST(p2.p_stmutex.owned, "startprofclock: p_stmutex not held");
}

void
getmicrotime(struct timeval *now)
{
	now->tv_sec = c.microtime;
	now->tv_usec = 0;
}

void
setrunnable(struct lwp *l)
{
	note(CALL_setrunnable, 5, name(l), N(p2.p_stat), N(p2.p_nrlwps), N(p2.p_exitsig),
	    N(p2.p_acflag));
	MUST_BE(l, &l2, "setrunnable: not the new LWP");
	MUST(l->locked, "setrunnable: LWP not locked");
	MUST(p2.p_lock->owned, "setrunnable: p_lock not held");
	l->l_stat = LSRUN;
	l->locked = false;
}

void
sched_enqueue(struct lwp *l, bool yielding)
{
	MUST(l->l_stat == LSRUN && !yielding, "sched_enqueue: not runnable");
	setrunnable(l);
	l->locked = true;
}

#if REVISION < 1223
void radix_tree_init_tree(struct radix_tree *tree) { tree->unused = 0; }
#endif

/* A stop for the tracer: both locks are left, and the world moves on meanwhile. */
static void
stop(int code, int event, int pid)
{
	struct proc *p = curlwp->l_proc;

	NOTE3(eventswitch, code, event, pid);
	MUST(PROC_LOCK->owned, "eventswitch: proc_lock not held");
	MUST(p->p_lock->owned, "eventswitch: p_lock not held");
	PROC_LOCK->owned = p->p_lock->owned = false;
	MUST(!lock1.owned && !lock2.owned, "eventswitch: sleeping with another lock");
	if (c.call == 5 || stopped_once)
		return;
	stopped_once = true;
	if (c.stop_slflag != -1)
		p->p_slflag = c.stop_slflag;
	if (c.stop_release) {
		curlwp->l_vforkwaiting = false;
		child_goes();
	}
}

#if REVISION >= 1214
void eventswitch(int code, int event, int pid) { stop(code, event, pid); }
#else
/* 1.213 leaves the other's process ID where ptrace(2) finds it, and by that the event. */
void
eventswitch(int code)
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

void
eventswitchchild(struct proc *p, int code, int event)
{
	NOTE3(eventswitchchild, name(p), code, event);
	MUST(!PROC_LOCK->owned && !lock1.owned, "eventswitchchild: locking against myself");
}

void md_child_return(struct lwp *l) { NOTE1(md_child_return, name(l)); }

void
forkoracle_ktrsysret(int code, int error, const register_t *values)
{
	NOTE3(ktrsysret, code, error, name(values));
}
