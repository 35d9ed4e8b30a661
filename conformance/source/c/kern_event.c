#include "calls.h"

/* kern_event.c 1.150, line 1210, takes p_lock; with NOTE_TRACK it takes proc_lock, too. */
void knote_proc_fork(struct proc *parent, struct proc *child)
{
	NOTE(knote_proc_fork, .p1 = name(parent), .p2 = name(child));
	MUST(!PROC_LOCK->owned, "knote_proc_fork: proc_lock held");
	MUST(!lock1.owned && !lock2.owned, "knote_proc_fork: locking against myself");
}

void forkoracle_knote(void *list, long hint)
{
	NOTE(KNOTE, .p1 = list == &p1.p_klist ? OBJECT_p1 : UNKNOWN, .hint = hint);
	MUST(!PROC_LOCK->owned, "KNOTE: proc_lock held");
}
