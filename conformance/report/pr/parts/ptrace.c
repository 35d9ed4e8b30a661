/* What a tracer does. */

//@ ptrace <sys/ptrace.h>

//@ spawn board saw saw_result <sys/ptrace.h>
/* A child that asks to be traced, and stops itself. */
static void
spawn(int step, int child)
{
	pid_t pid = fork();

	if (pid == 0) {
		board->pid[child] = getpid();
		ptrace(PT_TRACE_ME, 0, NULL, 0);
		raise(SIGSTOP);
		processes[child]();
		_exit(0);
	}
	if (pid == -1)
		saw_result(step, -1, NULL);
	else {
		board->pid[child] = pid;
		saw(step, "@%d", (int)pid);
	}
}

//@ events names_of <sys/ptrace.h>
static const struct name events[] = {
	NAME(PTRACE_FORK), NAME(PTRACE_VFORK), NAME(PTRACE_VFORK_DONE),
	NAME(PTRACE_LWP_CREATE), NAME(PTRACE_LWP_EXIT),
	NAME(PTRACE_POSIX_SPAWN),
};

static const char *
event_names(int bits)
{
	return NAMES_OF(events, (unsigned)bits);
}

//@ set_events saw_result <sys/ptrace.h>
static void
set_events(int step, pid_t pid, int events)
{
	struct ptrace_event e;

	memset(&e, 0, sizeof(e));
	e.pe_set_event = events;
	saw_result(step, ptrace(PT_SET_EVENT_MASK, pid, &e, sizeof(e)), "ok");
}

//@ get_events saw_result events <sys/ptrace.h>
static void
get_events(int step, pid_t pid)
{
	struct ptrace_event e;
	int result;

	memset(&e, 0, sizeof(e));
	result = ptrace(PT_GET_EVENT_MASK, pid, &e, sizeof(e));
	saw_result(step, result, event_names(e.pe_set_event));
}

//@ get_state newborn saw saw_result events <sys/ptrace.h>
static void
get_state(int step, pid_t pid)
{
	struct ptrace_state s;

	memset(&s, 0, sizeof(s));
	if (ptrace(PT_GET_PROCESS_STATE, pid, &s, sizeof(s)) == -1)
		saw_result(step, -1, NULL);
	else if (s.pe_report_event == 0)
		saw(step, "0");
	else {
		newborn(s.pe_other_pid);
		saw(step, "%s @%d", event_names(s.pe_report_event),
		    (int)s.pe_other_pid);
	}
}

//@ get_siginfo saw saw_result events signal_name <sys/ptrace.h>
static void
get_siginfo(int step, pid_t pid)
{
	struct ptrace_siginfo s;
	siginfo_t *si = &s.psi_siginfo;

	memset(&s, 0, sizeof(s));
	if (ptrace(PT_GET_SIGINFO, pid, &s, sizeof(s)) == -1)
		saw_result(step, -1, NULL);
	else if (si->si_signo == SIGTRAP && si->si_code == TRAP_CHLD)
		saw(step, "SIGTRAP TRAP_CHLD %s @%d",
		    event_names(si->si_pe_report_event),
		    (int)si->si_pe_other_pid);
	else
		saw(step, "%s", signal_name(si->si_signo));
}

//@ set_sigpass saw_result <sys/ptrace.h>
/* Which signals need no stop of a traced process: a list that ends with 0. */
static void
set_sigpass(int step, pid_t pid, const int *numbers)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *numbers != 0; numbers++)
		sigaddset(&set, *numbers);
	saw_result(step, ptrace(PT_SET_SIGPASS, pid, &set, sizeof(set)), "ok");
}

//@ get_sigpass saw_result signal_names <sys/ptrace.h>
static void
get_sigpass(int step, pid_t pid)
{
	sigset_t set;
	int result;

	sigemptyset(&set);
	result = ptrace(PT_GET_SIGPASS, pid, &set, sizeof(set));
	saw_result(step, result, signal_names(&set));
}
