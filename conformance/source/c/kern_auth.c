/*
 * The traditional security model: the superuser by effective user ID, and the last five slots his.
 */
#include "calls.h"
#include "rules.h"

/* A process's credentials may be replaced meanwhile: p_cred is p_lock's. */
static void read_cred(kauth_cred_t cred) { ASKS(cred, cred != &cred_p || lock1.owned); }

uid_t kauth_cred_getuid(kauth_cred_t cred)
{
	read_cred(cred);
	return cred->cr_uid;
}

uid_t kauth_cred_geteuid(kauth_cred_t cred)
{
	read_cred(cred);
	return cred->cr_euid;
}

int kauth_authorize_process(kauth_cred_t cred, int action, struct proc *p, void *arg1, void *arg2, void *arg3)
{
	NOTE(kauth_authorize_process, .cred = name(cred), .action = action, .p = name(p), .arg1 = (int64_t)arg1,
	    .arg2 = action == KAUTH_PROCESS_RLIMIT ? name(arg2) : (int64_t)arg2, .arg3 = (int64_t)arg3,
	    .nprocs = nprocs);
	MUST(cred == &cred_l || cred == &cred_p, "kauth_authorize_process: no credential");
	if (cred->cr_euid == 0)
		return 0;
	if (action == KAUTH_PROCESS_FORK)
		return (int)(uintptr_t)arg1 >= maxproc - 5;
	return 1;
}

/* kern_auth.c 1.84, line 240, takes p_lock. */
void kauth_proc_fork(struct proc *parent, struct proc *child)
{
	NOTE(kauth_proc_fork, .p1 = name(parent), .p2 = name(child));
	MUST_BE(parent, &p1, "kauth_proc_fork: not the parent");
	MUST_BE(child, &p2, "kauth_proc_fork: not the child");
	MUST(!parent->p_lock->owned, "kauth_proc_fork: locking against myself");
	child->p_cred = parent->p_cred;
	child->p_cred->refcnt++;
}
