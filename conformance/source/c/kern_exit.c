#include "calls.h"
#include "rules.h"

/*
 * kern_exit.c 1.300, lines 1284-1330: proc_reparent() asserts proc_lock.  Before that it takes the
 * lock of the parent that there was, for which it may leave the child's and take it again.
 */
void proc_changeparent(struct proc *t, struct proc *p)
{
	NOTE(proc_changeparent, .p2 = name(t), .parent = name(p));
	MUST(PROC_LOCK->owned, "proc_changeparent: proc_lock not held");
	MUST_BE(t, &p2, "proc_changeparent: not the child");
	MUST(p == &init_ || p == &p1 || p == &tracer, "proc_changeparent: no parent");
	t->p_slflag |= PSL_TRACED;
	t->p_opptr = t->p_pptr;
	if (t->p_pptr == p)
		return;
	ASKS(changeparent, mutex_owned(t->p_lock));
	MUST(t->p_lock == t->p_pptr->p_lock || !mutex_owned(t->p_pptr->p_lock),
	    "proc_changeparent: locking against myself");
	t->p_pptr->p_slflag |= PSL_CHTRACED;
	if (p == initproc) {
		t->p_exitsig = SIGCHLD;
		t->p_ppid = p->p_pid;
	}
	LIST_REMOVE(t, p_sibling);
	LIST_INSERT_HEAD(&p->p_children, t, p_sibling);
	t->p_pptr = p;
	rules_forget();
}
