/* The end of a scenario: its processes are killed, and what it changed for the whole system is put back. */
#include "clock.h"
#include "ending.h"
#include "io.h"
#include "stage.h"
#include "syscall.h"

enum { KILL_AGAIN = 5000, GIVE_UP = 1000000 }; /* microseconds */

static int is_external(int actor) { return (stage->external & 1u << actor) != 0; }

static void restore_knobs(void)
{
	for (int knob = 0; knob < KNOBS; knob++)
		if (stage->knob_before[knob] >= 0)
			os_knob((enum knob)knob, (long)stage->knob_before[knob]);
}

/* The processes that are left in the roots' group. */
static void kill_group(void)
{
	if (stage->group)
		os_kill(-stage->group, NETBSD_SIGKILL);
}

static void kill_all(void)
{
	for (int i = 0; i < stage->scenario.actors; i++) {
		long pid = pid_known(i);
		if (pid > 1 && pid != stage->director && !is_external(i))
			os_kill(pid, NETBSD_SIGKILL);
	}
	kill_group();
}

/* They are killed again and again: NetBSD 10.99.12 forgets a SIGKILL that comes during execve. */
void reap(void)
{
	struct status status;
	u64 since = os_microtime(), killed = since;
	for (;;) {
		long got = os_wait4(-1, &status, NETBSD_WNOHANG | NETBSD_WALLSIG);
		if (got < 0)
			return;
		u64 time = os_microtime();
		if (got == 0 && time - since > GIVE_UP) {
			io->left = 1;
			return;
		}
		if (got == 0 && time - killed > KILL_AGAIN) {
			kill_all();
			killed = time;
		}
		if (got == 0)
			wait_a_little(time - since);
	}
}

static void wait_until_gone(long pid, u64 until)
{
	while (pid > 1) {
		enum state state = os_state(pid);
		/* With a tracer of its own, Linux's init gets the orphans, and some are slow to reap. */
		if (state == NO_PROCESS || (state == ZOMBIE && stage->external) || os_microtime() > until)
			return;
		kill_group(); /* an orphan, too, may have lost its SIGKILL in execve */
		CALL(sched_yield);
	}
}

void clear_stage(void)
{
	stage->over = 1;
	restore_knobs();
	kill_all();
	reap();
	/* Orphans are init's to reap: until it has, they count against their user's limit. */
	u64 until = os_microtime() + GIVE_UP;
	for (int i = 0; i < stage->scenario.actors; i++)
		if (!is_external(i))
			wait_until_gone(pid_known(i), until);
	for (int i = 0; i < stage->scenario.steps; i++)
		wait_until_gone(stage->result[i].anonymous, until);
}
