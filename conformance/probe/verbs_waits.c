/* Parents and children, and what became of a child. */
#include "observe.h"
#include "syscall.h"

void do_getppid(struct act *act) { put_pid(&act->said, CALL(getppid)); }

static void say_found(struct act *act, long got, const struct status *status)
{
	if (got > 0)
		note_newborn(got);
	put_status(&act->said, got, status);
}

void do_wait4(struct act *act)
{
	struct status status;
	say_found(act, os_wait4(pid_of(act->me, act->step->arg[0]), &status, (int)act->step->arg[1]), &status);
}

void do_waitpg(struct act *act)
{
	struct status status;
	say_found(act, os_wait4(-pid_of(act->me, act->step->arg[0]), &status, (int)act->step->arg[1]), &status);
}

void do_wait6(struct act *act)
{
	struct status status;
	i64 *arg = act->step->arg;
	say_found(act, os_wait6((int)arg[0], pid_of(act->me, arg[1]), &status, (int)arg[2]), &status);
}

#ifdef __NetBSD__
void do_stopped(struct act *act)
{
	struct status status;
	long got = os_wait4(pid_of(act->me, act->step->arg[0]), &status, NETBSD_WNOHANG | NETBSD_WUNTRACED);
	if (got <= 0) {
		say_result(act, got, "none");
		return;
	}
	put_pid(&act->said, got);
	put(&act->said, status.how == WAS_STOPPED ? " stopped" : " other");
}
#endif
