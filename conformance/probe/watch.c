/*
 * The watch over a scenario's processes: when is a step over?
 *
 * A step is over when its call has returned, or when its process sleeps in the kernel, is stopped or is
 * dead.  The process itself says only the first, by DONE on the stage.  For the rest the director looks
 * from outside, at what the kernel tells of the process: kern.proc2, or /proc on Linux.
 *
 * A process that is seen asleep may be about to run, so
 *   - a sleep for one of the kernel's locks counts as running (lwp_state() in os_netbsd_process.c);
 *   - only a fork and wait4 may sleep (SLEEPS in verbs.def); every other call is waited for;
 *   - an exec is over once the new program has said so (again.c), and if it takes no more steps, once it sleeps;
 *   - the process has to be seen asleep in two looks, unless the director runs only when no other
 *     process can (sees_all): then one look is enough.
 * A step that neither ends nor sleeps counts as hung once `patience` is over.  One that cannot begin (its process
 * is stopped, or still in an earlier step) counts as hung after LONG_CALM, if nothing runs that might let it.
 *
 * Tried and given up:
 *   - actors that spin, then nap, until it is their turn: a nap takes two ticks, 20 ms at 100 Hz, and a
 *     generated program spent more time on that than on its forks.  They sleep on a futex, and the process
 *     that passes the turn on calls them (stage.c).
 *   - kern.lwp at each look: it runs into a race of fork1's own, and one full run in ten panicked with two
 *     CPUs (os_lwp_state()).
 *   - one rule for all calls: under load a call of the tracer that slept for a moment counted as blocked.
 *
 * Sources: sys/kern/kern_proc.c (fill_kproc2(), proc_active_lwp()), sys/kern/kern_fork.c (fork1()),
 * sys/kern/sched_4bsd.c (resetpriority()).
 */
#include "clock.h"
#include "io.h"
#include "stage.h"
#include "watch.h"

u64 patience = 2000000;
/* In microseconds. */
enum { LOOK_SOON = 15, LOOK_AGAIN = 150, CALM = 50000, LONG_CALM = 1000000 };

/* What an actor's LWP is doing; of a process that is not known to have several, the process. */
enum state state_of(int actor)
{
	if (stage->actor[actor].lid)
		return os_lwp_state(pid_known(actor), stage->actor[actor].lid);
	return os_state(pid_known(actor));
}

/* Whether the actor can never be born: the step that should bear it is done and did not. */
static int never_born(int actor)
{
	for (int i = 0; i < stage->scenario.steps; i++)
		if (stage->scenario.step[i].child == actor)
			return stage->result[i].state == DONE && !pid_known(actor);
	return 0;
}

static int waits_in_a_step(int actor)
{
	for (int i = 0; i < stage->scenario.steps; i++)
		if (stage->scenario.step[i].actor == actor && stage->result[i].state == BEGUN)
			return 1;
	return 0;
}

/* Whether the process cannot end yet, since another of its LWPs is in a call. */
static int exits_behind_another(struct step *step)
{
	for (int i = 0; i < stage->scenario.actors && (step->verb == V_exit || step->verb == V_exec); i++)
		if (i != step->actor && pid_known(i) == pid_known(step->actor) && waits_in_a_step(i))
			return 1;
	return 0;
}

/* Whether anything in the scenario is still on its way. */
static int anything_runs(void)
{
	for (int i = 0; i < stage->scenario.actors; i++)
		if (waits_in_a_step(i) && state_of(i) == RUNNING)
			return 1; /* an actor that is in no step only waits for its turn */
	for (int i = 0; i < stage->scenario.steps; i++) {
		long pid = stage->result[i].anonymous;
		enum state state = pid ? os_state(pid) : NO_PROCESS;
		if (state != ZOMBIE && state != NO_PROCESS)
			return 1; /* it does nothing but end, so it has not ended yet */
	}
	return 0;
}

/* Looks at the step that has its turn, and passes the turn on where it is over; 1 where it is hung. */
static int is_hung(u32 now, u64 waited, int *calm)
{
	struct step *step = &stage->scenario.step[now];
	struct actor *who = &stage->actor[step->actor];
	struct result *result = &stage->result[now];
	u64 sleeps = step->verb == V_sleep ? (u64)step->arg[0] * 1000 : step->verb == V_burn ? BURN_FOR : 0;
	int external = (stage->external & 1u << step->actor) != 0, impatient = waited > patience + sleeps;
	enum state state;
	long pid = pid_known(step->actor);
	/* It may be about to be called, and to fork: see os_lwp_state(). */
	if (who->lid && !result->state && waited < CALM)
		return 0;
	if (pid == 0 && !external) {
		if (!never_born(step->actor))
			return impatient;
		state = NO_PROCESS;
	} else
		state = pid ? state_of(step->actor) : RUNNING;
	if (stage->turn != now)
		return 0;
	if (state == ZOMBIE || state == NO_PROCESS) {
		if (result->state != DONE)
			settle_result((int)now, "gone");
		take_turn(now, -1);
		return 0;
	}
	if (result->state == DONE) {
		if (external) /* another program's: we pass its turn on */
			take_turn(now, -1);
		else if (state == STOPPED || (state == ASLEEP && waited > CALM && exits_behind_another(step)))
			take_turn(now, -1); /* stopped on its way out, for a tracer, or behind another LWP */
		else if (who->replaced && state == ASLEEP && ++*calm >= 2)
			take_turn(now, -1); /* the new program reads, and takes no more steps */
	} else if (result->state == BEGUN) {
		/* An exec that waits for other LWPs looks for them at each tick: we may always meet it awake. */
		if (waited > (state == ASLEEP ? CALM : 4 * CALM) && exits_behind_another(step))
			take_turn(now, -1);
		else if (state == RUNNING || (state == ASLEEP && !has(step->verb, SLEEPS)))
			*calm = 0;
		else if (++*calm >= (io->sees_all ? 1 : 2)) {
			take_turn(now, -1);
			return 0;
		}
	} else if ((state == STOPPED || who->replaced || waits_in_a_step(step->actor)) && waited > LONG_CALM
		   && !anything_runs())
		return 1; /* it cannot begin, and nothing runs that might let it */
	return impatient;
}

/* Nothing will come of it any more. */
static int is_dead(int actor)
{
	long pid = pid_known(actor);
	enum state state = pid ? state_of(actor) : RUNNING;
	return state == ZOMBIE || state == NO_PROCESS;
}

/*
 * All steps have had their turn: 0 once all are done; otherwise for how long
 * it must stay calm, in microseconds, until what is left counts as unfinished.
 */
static u64 calm_wanted(void)
{
	u64 wanted = 0;
	for (int i = 0; i < stage->scenario.steps; i++) {
		struct step *step = &stage->scenario.step[i];
		int child = step->child;
		if (stage->result[i].state != DONE && !is_dead(step->actor)) {
			/* The process that it waits for may be dying, which can take its time. */
			u64 calm = has(step->verb, SLEEPS) && !has(step->verb, FORK) ? LONG_CALM : CALM;
			wanted = calm > wanted ? calm : wanted;
		} else if (child >= 0 && child < MAX_ACTORS && stage->result[i].seen[0] == '@'
			   && !stage->actor[child].pid && wanted < CALM && !is_dead(child))
			wanted = CALM; /* born, and not yet there to say its own process ID */
	}
	return wanted;
}

/* In init's place: reaps the dead that were left to us.  The roots' process IDs stay theirs to the end. */
static void reap_orphans(void)
{
	struct status status;
	for (int i = 0; i < stage->scenario.actors; i++)
		if (!(stage->scenario.roots & 1 << i) && pid_known(i))
			os_wait4(pid_known(i), &status, NETBSD_WNOHANG | NETBSD_WALLSIG);
	for (int i = 0; i < stage->scenario.steps; i++)
		if (stage->result[i].anonymous)
			os_wait4(stage->result[i].anonymous, &status, NETBSD_WNOHANG | NETBSD_WALLSIG);
}

int watch(void)
{
	u32 now = 0, steps = (u32)stage->scenario.steps;
	u64 since = os_microtime(), looked = since, quiet = since;
	int calm = 0;
	for (;;) {
		u64 time = os_microtime();
		if (stage->turn != now) {
			now = stage->turn;
			since = looked = quiet = time;
			calm = 0;
			if (os_gives_us_orphans)
				reap_orphans();
		}
		if (now >= steps) {
			u64 wanted = calm_wanted();
			if (!wanted)
				return -1;
			if (time - looked > LOOK_AGAIN && anything_runs())
				quiet = time;
			if (time - looked > LOOK_AGAIN)
				looked = time;
			if (time - quiet > wanted || time - since > 2 * patience)
				return -1;
		} else if (io->sees_all
			   || time - looked > (stage->result[now].state == DONE ? LOOK_SOON : LOOK_AGAIN)) {
			looked = time;
			if (is_hung(now, time - since, &calm))
				return (int)now;
		}
		wait_a_little(time - since);
	}
}
