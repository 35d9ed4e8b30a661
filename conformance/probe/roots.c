/*
 * How processes of ours are born: the director, and the roots of a scenario.  What a fork does wrong is
 * for the scenarios to see, so it is tried out before we rely on it.
 */
#include "birth.h"
#include "io.h"
#include "roots.h"
#include "stage.h"
#include "syscall.h"
#include "watch.h"

/* The child of a fork that is tried: does its parent go on before it ends? */
void try_fork(void)
{
	u64 until = os_microtime() + 500000;
	while (!io->returned) {
		if (os_microtime() > until)
			os_exit(1);
		CALL(sched_yield);
	}
	os_exit(0);
}

/* Flags of __clone. */
enum { TELLS_US = NETBSD_SIGCHLD, SHARES_OURS = NETBSD_CLONE_VM };
enum outcome { UNTRIED, GOES_ON, BLOCKS, FAILS };

static enum outcome outcome_of_fork(enum fork_kind kind, long flags)
{
	struct status status;
	io->returned = 0;
	long pid = (long)os_fork(kind, flags, 0, 0, stack_of(0), SLOT(ROLE_TRIAL, 0));
	io->returned = 1;
	if (pid <= 0 || os_wait4(pid, &status, NETBSD_WALLSIG) != pid || status.how != EXITED)
		return FAILS;
	return status.value ? BLOCKS : GOES_ON;
}

/*
 * A fork that blocks its caller, as vfork does, would block all of us before the first step.
 */
void choose_own_fork(void) { io->kind = outcome_of_fork(BY_FORK, TELLS_US) == BLOCKS ? BY_CLONE : BY_FORK; }

static long fork_one_of_ours(void *run_on, long slot)
{
	return (long)os_fork((enum fork_kind)io->kind, TELLS_US, 0, 0, run_on, slot);
}

long fork_director(void) { return fork_one_of_ours(stack_of(DIRECTORS_STACK), SLOT(ROLE_DIRECTOR, 0)); }

static int may_share_ours(const struct scenario *s)
{
	if (!s->together)
		return 0;
	for (int i = 0; i < s->steps; i++)
		if (has(s->step[i].verb, STAYS))
			return 0;
	if (io->sharing == UNTRIED) {
		io->sharing = FAILS; /* for the director after us, if it is our end */
		io->sharing = outcome_of_fork(BY_CLONE, TELLS_US | SHARES_OURS);
	}
	return io->sharing == GOES_ON;
}

/*
 * The first root may share the director's memory.  An emulated machine looks up anew what it has
 * translated, and where it lies, after each change of address space: that is most of its work.
 */
static long fork_root(int actor, int first)
{
	long slot = SLOT(ROLE_ROOT, actor);
	if (first && may_share_ours(&stage->scenario))
		return (long)os_fork(BY_CLONE, TELLS_US | SHARES_OURS, 0, 0, stack_of(actor), slot);
	return fork_one_of_ours(stack_of(actor), slot);
}

static int is_played_here(int actor)
{
	return (stage->scenario.roots & 1 << actor) && !(stage->external & 1u << actor);
}

/* Whether there is one root only, and no other program's: then there is no need to wait until it is there. */
static int is_lone_root(void)
{
	u32 roots = (u32)stage->scenario.roots;
	return !stage->external && !(roots & (roots - 1));
}

/*
 * No root begins before all have been put into their group: setpgid looks for us among the ancestors,
 * and NetBSD looks for ever where two processes that trace each other are in the way (kern_proc.c,
 * p_inferior()).
 */
int bring_roots(void)
{
	u64 until = os_microtime() + patience;
	stage->turn = NOT_YET;
	for (int i = 0; i < stage->scenario.actors; i++) {
		if (!is_played_here(i))
			continue;
		long pid = fork_root(i, !stage->group);
		if (pid < 0)
			return 0;
		/*
		 * All in one group: NetBSD 10.99.12 loses count of pg_jobc, and panics,
		 * where a traced child is in another group than its tracer.
		 */
		if (!stage->group)
			stage->group = (i32)pid;
		CALL(setpgid, pid, stage->group);
		stage->actor[i].expected = (i32)pid;
	}
	if (is_lone_root())
		return 1;
	for (int i = 0; i < stage->scenario.actors; i++)
		while (is_played_here(i) && !stage->actor[i].pid) {
			if (os_microtime() > until)
				return 0;
			CALL(sched_yield);
		}
	return 1;
}
