/* The calls of kern_fork.c, and what a fork returned. */
#include "birth.h"
#include "observe.h"
#include "own.h"

/* For how long the call was blocked: up to the last step that began before it returned. */
static void put_blocked(struct text *t, u32 index)
{
	for (u32 i = (u32)stage->scenario.steps - 1; i > index; i--)
		if (stage->result[i].state) {
			put(t, " blocked ");
			put_number(t, i, 10);
			return;
		}
}

/* Only where a step will ask for it: else the page of fork_took need not be copied. */
static struct effort measure(void)
{
	struct effort now = {0, 0};
	if (stage->scenario.measured)
		os_effort(&now);
	return now;
}

static void fork_by(enum fork_kind kind, struct act *act)
{
	const long sentinel = 0x5a5a5a;
	struct step *step = act->step;
	struct actor *self = &stage->actor[act->me];
	int child = step->child;
	void *given = step->args == 3 ? given_stack_top() : 0; /* __clone FLAGS C own */
	struct effort before = measure();
	pair_t both = os_fork(kind, step->arg[0], given, sentinel, child == ANONYMOUS ? 0 : stack_of(child),
	    child == ANONYMOUS ? SLOT_OF_NONE : SLOT(ROLE_ACTOR, child));
	long pid = (long)both, second = (long)(both >> PAIR_BITS);
	if (stage->scenario.measured) {
		struct effort after = measure();
		fork_took = (struct effort){after.ticks - before.ticks, after.sleeps - before.sleeps};
	}
	if (pid < 0) {
		self->retval1 = NO_RETVAL;
		put_error(&act->said, pid);
	} else {
		self->retval1 = second == os_kept_register(kind, sentinel, given) ? RETVAL_KEPT : second;
		if (child == ANONYMOUS)
			self->anonymous = act->result->anonymous = (i32)pid;
		else
			stage->actor[child].expected = (i32)pid;
		put_pid(&act->said, pid);
	}
	if (!stage->scenario.traced)
		put_blocked(&act->said, act->index);
}

void do_fork(struct act *act) { fork_by(BY_FORK, act); }
void do_vfork(struct act *act) { fork_by(BY_VFORK, act); }
void do___vfork14(struct act *act) { fork_by(BY_VFORK14, act); }
void do___clone(struct act *act) { fork_by(BY_CLONE, act); }

void do_retval1(struct act *act)
{
	i64 value = stage->actor[act->me].retval1;
	if (value < 0) {
		put(&act->said, value == RETVAL_KEPT ? "kept" : "none");
		return;
	}
	put(&act->said, value ? "0x" : "");
	put_number(&act->said, (u64)value, 16);
}

void do_fp_register(struct act *act)
{
	put(&act->said, stage->actor[act->me].entry_stack & FP_REGISTER_KEPT ? "kept" : "other");
}

void do_stack(struct act *act)
{
	i32 stack = stage->actor[act->me].entry_stack & ~FP_REGISTER_KEPT;
	put(&act->said, stack == PARENTS_STACK ? "kept" : stack == GIVEN_STACK ? "given" : "other");
}
