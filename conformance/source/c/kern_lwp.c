#include "calls.h"
#include "rules.h"

/* As the record has the function in which the new LWP starts. */
static int64_t function_name(void (*func)(void *)) { return func == child_return ? 1 : func == some_function ? 2 : 0; }

/* kern_lwp.c 1.270, lines 790, 925 and 979, takes p_lock of the child, and proc_lock. */
int lwp_create(struct lwp *caller, struct proc *p, vaddr_t address, int flags, void *stack, size_t stacksize,
    void (*func)(void *), void *arg, struct lwp **new, int class, const sigset_t *sigmask, const stack_t *sigstk)
{
	NOTE(lwp_create, .l1 = name(caller), .p2 = name(p), .uaddr = name((void *)address), .flags = flags,
	    .stack = (int64_t)stack, .stacksize = (int64_t)stacksize, .func = function_name(func), .arg = (int64_t)arg,
	    .class = class, .sigmask = (int64_t)*sigmask, .sigstk = sigstk->ss_flags, .p_lflag = p->p_lflag,
	    .p_vforklwp = name(p->p_vforklwp));
	MUST_BE(caller, &l1, "lwp_create: not the caller");
	MUST_BE(p, &p2, "lwp_create: not the child");
	MUST(!PROC_LOCK->owned && !p->p_lock->owned, "lwp_create: sleeping with a lock");
	memset(&l2, 0, sizeof l2);
	l2.l_stat = LSIDL;
	l2.l_lid = p->p_pid;
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
	rules_forget();
	return 0;
}

void lwp_lock(struct lwp *l)
{
	MUST_BE(l, &l2, "lwp_lock: not the new LWP");
	rules_check();
	MUST(!l->locked, "lwp_lock: locking against myself");
	l->locked = true;
}

int lwp_locked(struct lwp *l, kmutex_t *lock __unused) { return l->locked; }

void lwp_unlock(struct lwp *l)
{
	MUST_BE(l, &l2, "lwp_unlock: not the new LWP");
	rules_check();
	MUST(l->locked, "lwp_unlock: not held");
	l->locked = false;
}

void lwp_unlock_to(struct lwp *l, kmutex_t *lock __unused) { lwp_unlock(l); }

void md_child_return(struct lwp *l) { NOTE(md_child_return, .l = name(l)); }
