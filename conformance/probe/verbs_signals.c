/* Signals, and what becomes of them. */
#include "observe.h"
#include "words.h"

void do_kill(struct act *act)
{
	say_result(act, os_kill(pid_of(act->me, act->step->arg[0]), (int)act->step->arg[1]), "ok");
}

void do_killpg(struct act *act)
{
	long group = -pid_of(act->me, act->step->arg[0]);
	say_result(act, os_kill(group, (int)act->step->arg[1]), "ok");
}

void do_sigaction(struct act *act)
{
	enum disposition wanted = act->step->args > 1 ? (enum disposition)act->step->arg[1] : ASK_ONLY;
	long was = os_sigaction((int)act->step->arg[0], wanted);
	say_result(act, was, was == DEFAULT ? "default" : was == IGNORE ? "ignore" : "catch");
}

void do_sigprocmask(struct act *act)
{
	say_result(act, os_block((int)act->step->arg[0], (int)act->step->arg[1]), "ok");
}

void do_sigpending(struct act *act) { put_signals(&act->said, os_pending()); }

#ifdef __NetBSD__
#include "os_netbsd.h"

static void default_for_children(struct act *act, int flag)
{
	struct sigaction new = {0};
	new.sa_flags = flag | SA_RESTART;
	new.sa_handler = SIG_DFL;
	say_result(act, CALL(__sigaction_sigtramp, SIGCHLD, &new, 0, caught, __SIGTRAMP_SIGINFO_VERSION), "ok");
}

void do_nocldstop(struct act *act) { default_for_children(act, SA_NOCLDSTOP); }
void do_nocldwait(struct act *act) { default_for_children(act, SA_NOCLDWAIT); }
#endif
