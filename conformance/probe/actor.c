/* What one process of a scenario does: waits for its turn, takes its step, notes what it saw. */
#include "actor.h"
#include "observe.h"
#include "syscall.h"

static void (*const function_of[VERBS])(struct act *) = {
#define GROUP(name, text)
#define VERB(name, ...) do_##name,
#include "verbs.def"
#undef VERB
#undef GROUP
};

/*
 * Waits for the own word of each newborn that the step names: 0 where there is none, since the newborn is
 * stopped.  There is no process ID to give to the kernel then, and so no answer of the kernel's.
 */
static int can_name_all(const struct step *step)
{
	enum { WAIT = 300000 }; /* microseconds */
	u64 until = os_microtime() + WAIT;
	for (int i = 0; i < step->args; i++)
		while (names_actor(step, i) && is_unnamed((int)step->arg[i])) {
			if (os_microtime() > until)
				return 0;
			CALL(sched_yield);
		}
	return 1;
}

void perform(int me, u32 index)
{
	char seen[SEEN];
	struct act act = {
	    .me = me,
	    .index = index,
	    .step = &stage->scenario.step[index],
	    .result = &stage->result[index],
	    .said = {seen, seen + SEEN - 1},
	};
	seen[0] = 0;
	act.result->state = BEGUN;
	if (!can_name_all(act.step))
		put(&act.said, "unnamed");
	else if (function_of[act.step->verb])
		function_of[act.step->verb](&act);
	else
		put_error(&act.said, CANNOT);
	conclude(index, seen);
	take_turn(index, me);
}

void actor_main(int me)
{
	enum { NAP = 10000, NAP_BESIDE_EXTERNAL = 50 }; /* microseconds; another program wakes no actor */
	if (stage->scenario.lwps)
		stage->actor[me].lid = (i32)os_lwp_self();
	stage->actor[me].pid = (i32)CALL(getpid);
	while (!stage->over) {
		stage->asleep[me] = 1;
		__sync_synchronize();
		u32 now = stage->turn;
		if (now < (u32)stage->scenario.steps && stage->scenario.step[now].actor == me
		    && stage->result[now].state == NOT_BEGUN) {
			stage->asleep[me] = 0;
			perform(me, now);
		} else
			os_sleep_on(&places[me], stage->external ? NAP_BESIDE_EXTERNAL : NAP);
	}
	os_exit(0);
}

void traced_main(int me)
{
	os_trace_me();
	os_kill(CALL(getpid), NETBSD_SIGSTOP);
	actor_main(me);
}
