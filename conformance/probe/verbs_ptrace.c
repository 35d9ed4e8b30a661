/* What a tracer does.  On Linux the tracer is another program: conformance/targets/linux_tracer.py. */
#ifdef __NetBSD__
#include <sys/types.h>
#include <sys/ptrace.h>
#include <sys/siginfo.h>

#include "birth.h"
#include "observe.h"
#include "os_netbsd.h"
#include "words.h"

#define GO_ON_WHERE_IT_STOPPED ((void *)1) /* ptrace(2) */

static long tracee(struct act *act) { return pid_of(act->me, act->step->arg[0]); }

void do_spawn(struct act *act)
{
	int child = act->step->child;
	long pid = (long)os_fork(BY_FORK, 0, 0, 0, stack_of(child), SLOT(ROLE_TRACED, child));
	if (pid < 0) {
		put_error(&act->said, pid);
		return;
	}
	stage->actor[child].expected = (i32)pid;
	put_pid(&act->said, pid);
}

void do_PT_ATTACH(struct act *act) { say_result(act, CALL(ptrace, PT_ATTACH, tracee(act)), "ok"); }
void do_PT_KILL(struct act *act) { say_result(act, CALL(ptrace, PT_KILL, tracee(act)), "ok"); }
void do_PT_TRACE_ME(struct act *act) { say_result(act, os_trace_me(), "ok"); }

void do_PT_CONTINUE(struct act *act)
{
	say_result(act, CALL(ptrace, PT_CONTINUE, tracee(act), GO_ON_WHERE_IT_STOPPED, act->step->arg[1]), "ok");
}

void do_PT_DETACH(struct act *act)
{
	say_result(act, CALL(ptrace, PT_DETACH, tracee(act), GO_ON_WHERE_IT_STOPPED), "ok");
}

void do_PT_SET_EVENT_MASK(struct act *act)
{
	struct ptrace_event e = {.pe_set_event = (int)act->step->arg[1]};
	say_result(act, CALL(ptrace, PT_SET_EVENT_MASK, tracee(act), &e, sizeof e), "ok");
}

void do_PT_GET_EVENT_MASK(struct act *act)
{
	struct ptrace_event e = {0};
	long error = CALL(ptrace, PT_GET_EVENT_MASK, tracee(act), &e, sizeof e);
	if (error < 0)
		put_error(&act->said, error);
	else
		put_names(&act->said, &ptrace_events, (u32)e.pe_set_event);
}

void do_PT_GET_PROCESS_STATE(struct act *act)
{
	struct ptrace_state s = {0};
	long error = CALL(ptrace, PT_GET_PROCESS_STATE, tracee(act), &s, sizeof s);
	if (error < 0) {
		put_error(&act->said, error);
		return;
	}
	put_names(&act->said, &ptrace_events, (u32)s.pe_report_event);
	if (s.pe_report_event) {
		put(&act->said, " ");
		put_pid(&act->said, s.pe_other_pid);
		note_newborn(s.pe_other_pid);
	}
}

void do_PT_GET_SIGINFO(struct act *act)
{
	struct ptrace_siginfo s = {0};
	long error = CALL(ptrace, PT_GET_SIGINFO, tracee(act), &s, sizeof s);
	if (error < 0) {
		put_error(&act->said, error);
		return;
	}
	put_signal(&act->said, s.psi_siginfo.si_signo);
	if (s.psi_siginfo.si_signo == SIGTRAP && s.psi_siginfo.si_code == TRAP_EXEC)
		put(&act->said, " TRAP_EXEC");
	if (s.psi_siginfo.si_signo == SIGTRAP && s.psi_siginfo.si_code == TRAP_CHLD) {
		put(&act->said, " TRAP_CHLD ");
		put_names(&act->said, &ptrace_events, (u32)s.psi_siginfo.si_pe_report_event);
		put(&act->said, " ");
		put_pid(&act->said, s.psi_siginfo.si_pe_other_pid);
	}
}

void do_PT_SET_SIGPASS(struct act *act)
{
	u64 wanted = (u64)act->step->arg[1];
	sigset_t set = {{(u32)wanted, (u32)(wanted >> 32)}};
	say_result(act, CALL(ptrace, PT_SET_SIGPASS, tracee(act), &set, sizeof set), "ok");
}

void do_PT_GET_SIGPASS(struct act *act)
{
	sigset_t set = {{0}};
	long error = CALL(ptrace, PT_GET_SIGPASS, tracee(act), &set, sizeof set);
	if (error < 0)
		put_error(&act->said, error);
	else
		put_signals(&act->said, set_of(set.__bits));
}
#endif
