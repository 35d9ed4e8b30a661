/* How many processes a user may have, and which user it is. */
#include "observe.h"
#include "syscall.h"

void do_setrlimit(struct act *act)
{
	say_result(act, os_setrlimit((u64)act->step->arg[0], (u64)act->step->arg[1]), "ok");
}

static void put_limit(struct text *t, u64 limit)
{
	if (limit == NO_LIMIT)
		put(t, "inf");
	else
		put_number(t, limit, 10);
}

void do_getrlimit(struct act *act)
{
	u64 cur, max;
	long error = os_getrlimit(&cur, &max);
	if (error < 0) {
		put_error(&act->said, error);
		return;
	}
	put_limit(&act->said, cur);
	put(&act->said, " ");
	put_limit(&act->said, max);
}

void do_setreuid(struct act *act) { say_result(act, CALL(setreuid, act->step->arg[0], act->step->arg[1]), "ok"); }
