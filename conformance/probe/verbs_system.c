/* The whole system: its counters, its limits, its messages.  Linux has none of it. */
#ifdef __NetBSD__
#include <sys/types.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_param.h>

#include "clock.h"
#include "observe.h"
#include "os_netbsd.h"
#include "own.h"

enum { COUNTS = 3 };

/* Forks, of these with a waiting parent, with shared memory. */
static long read_counts(u64 count[COUNTS])
{
	struct uvmexp_sysctl u;
	int name[] = {CTL_VM, VM_UVMEXP2};
	long got = sysctl_get(name, 2, &u, sizeof u);
	if (got < 0)
		return got;
	count[0] = (u64)u.forks;
	count[1] = (u64)u.forks_ppwait;
	count[2] = (u64)u.forks_sharevm;
	return 0;
}

/* Each CPU counts by itself, and the sum is made when the first one in a tick asks (subr_cpu.c, cpu_count_sync()). */
void do_fork_counts(struct act *act)
{
	u64 now[COUNTS];
	wait_for_ticks(1);
	long error = read_counts(now);
	if (error < 0) {
		put_error(&act->said, error);
		return;
	}
	if (!stage->counted)
		memcpy(stage->counts_before, now, sizeof now);
	stage->counted = 1;
	for (int i = 0; i < COUNTS; i++) {
		put(&act->said, i ? " " : "");
		put_number(&act->said, now[i] - stage->counts_before[i], 10);
	}
}

/* All processes, the dead that no parent has waited for included: eight bytes of each will do. */
static long number_of_processes(void)
{
	LARGE static u64 start_of_each[2048];
	int name[] = {CTL_KERN, KERN_PROC2, KERN_PROC_ALL, 0, sizeof start_of_each[0], 2048};
	long got = sysctl_get(name, 6, start_of_each, sizeof start_of_each);
	return got < 0 ? got : got / (long)sizeof start_of_each[0];
}

void do_maxproc(struct act *act)
{
	wait_for_ticks(2); /* a process that was just waited for has been counted out */
	long there = number_of_processes();
	say_result(act, there < 0 ? there : set_knob(MAXPROC, there + (long)act->step->arg[0]), "ok");
}

void do_forkfsleep(struct act *act) { say_result(act, set_knob(FORKFSLEEP, (long)act->step->arg[0]), "ok"); }

/*
 * The kernel counts its sleep in ticks. In a guest these come late and then fast, and each CPU has its
 * own, so that neither the time nor, with several CPUs, the ticks tell how long it was.
 */
void do_took(struct act *act)
{
	enum { TICK = 10 }; /* milliseconds */
	int long_enough = number_of_cpus() > 1 || fork_took.ticks >= (long)act->step->arg[0] / TICK;
	put(&act->said, fork_took.sleeps && long_enough ? "yes" : "no");
}

/* How often the kernel's message buffer has the text. */
static long count_messages(const char *wanted)
{
	LARGE static char buffer[1 << 18];
	int name[] = {CTL_KERN, KERN_MSGBUF};
	long got = sysctl_get(name, 2, buffer, sizeof buffer), found = 0;
	if (got < 0)
		return got;
	for (long i = 0; i < got; i++) {
		long n = 0;
		while (wanted[n] && i + n < got && buffer[i + n] == wanted[n])
			n++;
		found += !wanted[n];
	}
	return found;
}

/* Only since the scenario's first look: whether there is one before depends on the ten seconds before. */
void do_tablefull(struct act *act)
{
	long found = count_messages("proc: table is full");
	if (stage->said_before < 0)
		stage->said_before = found;
	if (found < 0)
		put_error(&act->said, found);
	else if (found - stage->said_before > 1) {
		put_number(&act->said, (u64)(found - stage->said_before), 10);
		put(&act->said, " times");
	} else
		put(&act->said, found ? "said" : "never");
}
#endif
