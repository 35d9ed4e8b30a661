#include "calls.h"

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
	t->p_pptr->p_slflag |= PSL_CHTRACED;
	if (p == initproc) {
		t->p_exitsig = SIGCHLD;
		t->p_ppid = p->p_pid;
	}
	LIST_REMOVE(t, p_sibling);
	LIST_INSERT_HEAD(&p->p_children, t, p_sibling);
	t->p_pptr = p;
}
