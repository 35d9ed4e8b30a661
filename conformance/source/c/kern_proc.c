#include "calls.h"

/*
 * A new process comes in memory that another had: what fork1 forgets to set shows.
 * kern_proc.c 1.280, line 1150, takes proc_lock.
 */
struct proc *proc_alloc(void)
{
	NOTE(proc_alloc, .nprocs = nprocs);
	MUST(!PROC_LOCK->owned, "proc_alloc: locking against myself");
	if (given.no_pid)
		return NULL;
	MUST(!p2_there, "proc_alloc: a second child");
	p2_there = true;
	memset(&p2, STALE, sizeof p2);
	p2.p_stat = SIDL;
	p2.p_pid = (pid_t)given.pid;
	return &p2;
}

#if REVISION < 1223
void radix_tree_init_tree(struct radix_tree *tree) { tree->unused = 0; }
#endif

static int *count_of(uid_t uid)
{
	if (uid == cred_l.cr_uid)
		return &count_l;
	MUST(uid == cred_p.cr_uid, "chgproccnt: an unknown user ID");
	return &count_p;
}

int chgproccnt(uid_t uid, int difference)
{
	int *count = count_of(uid);

	*count += difference;
	NOTE(chgproccnt, .uid = uid, .difference = difference, .nprocs = nprocs, .count = *count);
	MUST(*count >= 0, "KASSERT(proccnt >= 0)");
	return *count;
}

void ras_fork(struct proc *from, struct proc *to)
{
	NOTE(ras_fork, .p1 = name(from), .p2 = name(to));
	MUST_BE(from, &p1, "ras_fork: not the parent");
	MUST_BE(to, &p2, "ras_fork: not the child");
	MUST(to->p_raslist == NULL, "ras_fork: the child has some already");
	if (from->p_raslist != NULL)
		to->p_raslist = (struct ras *)&ras_copied;
}
