/* The supervisor: starts a director, and another one where it dies or hangs. */
#include <errno.h>

#include "ending.h"
#include "io.h"
#include "log.h"
#include "mailbox.h"
#include "os.h"
#include "roots.h"
#include "stage.h"
#include "supervisor.h"
#include "watch.h"

enum { LOOK_EVERY = 2000 }; /* microseconds */

/* Init has no parent to tell, so it switches the machine off. */
static void leave(int status)
{
	if (mail.open)
		os_power_off();
	os_exit(status);
}

/*
 * Waits for the director's end: 1 where it had to be killed, since a scenario took too long.
 * As init we reap at once, and the host watches; else we watch.
 */
static int await_director(long director, struct status *status)
{
	int options = mail.open ? NETBSD_WALLSIG : NETBSD_WNOHANG | NETBSD_WALLSIG, hung = 0;
	u32 number = io->number;
	u64 since = os_microtime();
	for (;;) {
		long got = os_wait4(-1, status, options);
		if (got == director || got == -ECHILD) /* clear_stage() may have reaped it */
			return hung;
		if (got > 0)
			continue;
		if (io->number != number || !io->running) {
			number = io->number;
			since = os_microtime();
		} else if (os_microtime() - since > 3 * patience + (u64)stage->scenario.steps * patience) {
			hung = 1;
			clear_stage();
			os_kill(director, NETBSD_SIGKILL);
		}
		os_nap(LOOK_EVERY);
	}
}

/* The director died in the middle of a scenario: it was P, or the kernel is not well. */
static void end_scenario(int hung)
{
	int first = 1;
	for (int i = 0; i < stage->scenario.steps; i++)
		if (stage->result[i].state != DONE) {
			settle_result(i, !hung ? "gone" : first ? "hung" : "not reached");
			first = 0;
		}
	clear_stage();
	finish_scenario();
}

void supervise(void)
{
	for (;;) {
		struct status status = {NOT_ENDED, 0};
		io->left = 0;
		long director = fork_director();
		if (director < 0)
			leave(3);
		int hung = await_director(director, &status);
		if (io->left && !io->running)
			continue;
		if (status.how == EXITED && !io->running)
			leave(status.value);
		if (io->running) /* else the processes that the stage names are long gone */
			end_scenario(hung);
		flush();
	}
}
