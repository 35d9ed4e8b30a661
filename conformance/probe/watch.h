/*
 * When a step is over: when it is done, or when its process sleeps in the
 * kernel (not for a lock), is stopped or is dead.  Nobody but the director watches.
 */
#ifndef WATCH_H
#define WATCH_H

static u64 patience = 2000000; /* microseconds in which something has to happen */
/* In microseconds. */
enum { LOOK_SOON = 15, LOOK_AGAIN = 150, CALM = 50000, LONG_CALM = 1000000 };

/* The actor's process ID: by its own word, else by that of whoever saw it born; 0 for nobody. */
static long pid_known(int actor)
{
	struct actor *a = &stage->actor[actor];
	return a->pid ? a->pid : a->expected;
}

/* What an actor's LWP is doing; of a process that is not known to have several, the process. */
static int state_of(int actor)
{
#if HAVE_LOOKS
	if (stage->actor[actor].lid)
		return os_lwp_state(pid_known(actor), stage->actor[actor].lid);
#endif
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
	for (int i = 0; i < stage->scenario.actors && step->verb == V_EXIT; i++)
		if (i != step->actor && pid_known(i) == pid_known(step->actor) && waits_in_a_step(i))
			return 1;
	return 0;
}

/* Which calls may sleep for as long as they like; all others are only waited for. */
static int may_sleep(int verb) { return verb <= V_CLONE || verb == V_WAIT4; }

/* Whether anything in the scenario is still on its way. */
static int anything_runs(void)
{
	for (int i = 0; i < stage->scenario.actors; i++)
		if (waits_in_a_step(i) && state_of(i) == RUNNING)
			return 1; /* whoever is in no step only waits for its turn */
	for (int i = 0; i < stage->scenario.steps; i++) {
		long pid = stage->result[i].anonymous;
		int state = pid ? os_state(pid) : NOBODY;
		if (state != ZOMBIE && state != NOBODY)
			return 1; /* it does nothing but end, so it has not ended yet */
	}
	return 0;
}

/* Look at the step whose turn it is, and pass the turn on where it is over; 1 where it is stuck. */
static int is_stuck(u32 now, u64 waited, int *calm)
{
	struct step *step = &stage->scenario.step[now];
	struct actor *who = &stage->actor[step->actor];
	struct result *result = &stage->result[now];
	u64 sleeps = step->verb == V_SLEEP ? (u64)step->arg[0] * 1000 : 0;
	int external = (stage->external & 1u << step->actor) != 0, impatient = waited > patience + sleeps, state;
	long pid = pid_known(step->actor);
	/* It may be about to be called, and to fork: see os_lwp_state(). */
	if (who->lid && !result->state && waited < CALM)
		return 0;
	if (pid == 0 && !external) {
		if (!never_born(step->actor))
			return impatient;
		state = NOBODY;
	} else
		state = pid ? state_of(step->actor) : RUNNING;
	if (stage->turn != now)
		return 0;
	if (state == ZOMBIE || state == NOBODY) {
		if (result->state != DONE)
			settle_result((int)now, "gone");
		take_turn(now, -1);
		return 0;
	}
	if (result->state == DONE) {
		if (external) /* somebody else's: we pass its turn on */
			take_turn(now, -1);
		else if (state == ASLEEP && waited > CALM && exits_behind_another(step))
			take_turn(now, -1);
	} else if (result->state == BEGUN) {
		if (state == RUNNING || (state == ASLEEP && !may_sleep(step->verb)))
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

/* Nothing will come of it any more, so that nobody has to wait for that. */
static int is_dead(int actor)
{
	long pid = pid_known(actor);
	int state = pid ? state_of(actor) : RUNNING;
	return state == ZOMBIE || state == NOBODY;
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
			/* Whoever it waits for may be dying, which can take its time. */
			u64 calm = step->verb == V_WAIT4 ? LONG_CALM : CALM;
			wanted = calm > wanted ? calm : wanted;
		} else if (child >= 0 && child < MAX_ACTORS && stage->result[i].seen[0] == '@'
		    && !stage->actor[child].pid && wanted < CALM && !is_dead(child))
			wanted = CALM; /* born, and not yet there to say its own process ID */
	}
	return wanted;
}

/* Until the scenario is over; the step at which it got stuck, or -1. */
static int watch(void)
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
		} else if (io->sees_all || time - looked > (stage->result[now].state == DONE ? LOOK_SOON : LOOK_AGAIN)) {
			looked = time;
			if (is_stuck(now, time - since, &calm))
				return (int)now;
		}
		wait_a_little(time - since);
	}
}

#endif
