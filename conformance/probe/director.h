/*
 * The director reads scenarios, has them played, and prints what was seen.
 *
 * It plays the scenarios of one process itself, one after the other.  For the
 * others it forks the roots, in a process group whose leader stays a zombie
 * until the director reaps it, so that its number cannot become somebody
 * else's, and watches: a step is over when it is done, or when its process
 * sleeps in the kernel, is stopped or is dead.
 */
#ifndef DIRECTOR_H
#define DIRECTOR_H

enum { BUFFER = 1 << 16 };

/* Survives the director: whoever comes next goes on from here. */
struct io {
	volatile u32 running, number, eof;
	volatile u32 returned; /* the fork that was tried has */
	volatile u32 left; /* a child of the director's cannot be killed */
	i32 kind; /* of call that our own processes are made by */
	u32 mail[3]; /* see mailbox.h */
	u64 flushed;
	u32 in_start, in_end, out_end;
	char in[BUFFER], out[BUFFER];
};

static struct io *io;
static const char *external_name; /* the actor that another program plays */
static u64 patience = 2000000; /* microseconds in which something has to happen */

enum { FLUSH_AFTER = 50000, LOOK_SOON = 15, LOOK_AGAIN = 150, CALM = 50000, LONG_CALM = 1000000 }; /* microseconds */

static void flush(void)
{
	u32 at = 0;
	while (at < io->out_end) {
		long sent = port_write(io->out + at, io->out_end - at);
		if (sent <= 0)
			os_exit(3);
		at += (u32)sent;
	}
	io->out_end = 0;
	io->flushed = os_microtime();
}

static void say(const char *s)
{
	unsigned long n = length(s);
	if (io->out_end + n >= BUFFER)
		flush();
	memcpy(io->out + io->out_end, s, n);
	io->out_end += (u32)n;
}

static void say_number(u64 n)
{
	char digits[24];
	struct text t = {digits, digits + sizeof digits - 1};
	put_number(&t, n, 10);
	say(digits);
}

/* One line without its end, or 0 at the end of the input. */
static char *read_line(void)
{
	for (;;) {
		for (u32 i = io->in_start; i < io->in_end; i++)
			if (io->in[i] == '\n') {
				char *line = io->in + io->in_start;
				io->in[i] = 0;
				io->in_start = i + 1;
				return line;
			}
		if (io->eof)
			return 0;
		for (u32 i = io->in_start; i < io->in_end; i++)
			io->in[i - io->in_start] = io->in[i];
		io->in_end -= io->in_start;
		io->in_start = 0;
		if (io->in_end == BUFFER)
			io->in_end = 0; /* a line of that length is none */
		flush();
		long got = port_read(io->in + io->in_end, BUFFER - io->in_end);
		if (got <= 0)
			io->eof = 1;
		else
			io->in_end += (u32)got;
	}
}

/* A bare loop of fork, _exit and wait4: what forkoracle's bench compares scenarios with. */
static void bench(u64 count)
{
	struct status status;
	u64 start = os_microtime();
	for (u64 i = 0; i < count; i++) {
		long pid = (long)os_fork(FORK, 0, 0, 0, 0, -1);
		if (pid < 0 || os_wait4(pid, &status, 0) != pid)
			os_exit(1);
	}
	say("bench ");
	say_number(count);
	say(" ");
	say_number(os_microtime() - start);
	say("\n");
}

/* Where vm/image.py puts a program, the slot of the child that becomes it, and its output. */
#define PROGRAM_PATH "/bin/sh"
enum { PROGRAM = 3 * MAX_ACTORS + 2 };
static int program_output;

/* In that child: become the program, with nothing of ours. */
static void become_program(void)
{
	char *name[] = {PROGRAM_PATH, 0};
	os_dup2(program_output, 1);
	os_dup2(1, 2);
	os_dup2(os_open("/dev/null"), 0);
	for (int fd = 3; fd < 64; fd++)
		os_close(fd);
	os_block(0, 0);
	os_exec(PROGRAM_PATH, name);
	os_exit(127);
}

/* Run the program that lies beside us: how it ended, and what it said, each line behind a bar. */
static void run_program(void)
{
	struct status status;
	int end[2];
	char c[2] = {0, 0}, last = '\n';
	os_pipe(end);
	program_output = end[1];
	long pid = (long)os_fork(FORK, 0, 0, 0, stack_of(0), PROGRAM);
	if (pid < 0 || os_wait4(pid, &status, 0) != pid)
		os_exit(3);
	/* Who is left of it may have the pipe, too: a byte of ours marks the end. */
	os_write(end[1], c, 1);
	say(status.how == 'e' ? "exited " : "killed ");
	say_number((u64)status.value);
	say("\n");
	while (os_read(end[0], c, 1) == 1 && c[0]) {
		if (last == '\n')
			say("|");
		last = c[0];
		say(c);
	}
	say(last == '\n' ? ".\n" : "\n.\n");
}

/* The next scenario into the stage; 0 at the end; what is wrong with it in *wrong. */
static int read_scenario(const char **wrong)
{
	struct scenario *s = &stage->scenario;
	char *line;
	*wrong = 0;
	u64 loops;
	while ((line = read_line())) {
		if (mail.open && same(line, "program"))
			run_program();
		else if (*line == 'b' && number(line + 6, 10, &loops)) /* bench N */
			bench(loops);
		else if (*line)
			break;
	}
	if (!line)
		return 0;
	/* The step table is not cleared: read_step() clears each entry that it fills. */
	s->steps = s->actors = s->traced = s->measured = 0;
	s->alone = 1;
	for (; line && *line; line = read_line()) {
		u64 value;
		if (line[0] >= 'A' && line[0] <= 'Z' && !*wrong)
			*wrong = read_step(s, line);
		else if (line[0] == 'c' && number(line + 6, 10, &value)) /* count N */
			user_count = (i64)value;
		else if (line[0] == 'f' && number(line + 5, 10, &value)) /* free N */
			free_uid = (i64)value;
	}
	find_roots(s);
	if (!*wrong && !s->steps)
		*wrong = "no steps";
	return 1;
}

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

/* A process's name is that of the actor who was there first; LWPs have IDs of the same kind. */
static const char *name_of(long pid)
{
	for (int i = 0; i < stage->scenario.actors; i++)
		if ((stage->scenario.lwps & 1 << i ? stage->actor[i].lid : pid_known(i)) == pid)
			return stage->scenario.names[i];
	for (int i = 0; i < stage->scenario.steps; i++)
		if (stage->result[i].anonymous == pid)
			return "-";
	return pid == 1 || pid == stage->director ? "init" : 0;
}

/* What was seen, a line a step, with names for process IDs. */
static void say_results(void)
{
	for (int i = 0; i < stage->scenario.steps; i++) {
		char *s = stage->result[i].seen;
		s[SEEN - 1] = 0;
		while (*s) {
			char one[2] = {*s++, 0};
			const char *name;
			long pid = 0;
			if (one[0] != '@') {
				say(one);
				continue;
			}
			while (*s >= '0' && *s <= '9')
				pid = pid * 10 + *s++ - '0';
			if ((name = name_of(pid)))
				say(name);
			else {
				say("pid ");
				say_number((u64)pid);
			}
		}
		say("\n");
	}
	say(".\n");
}

static void settle_result(int i, const char *seen)
{
	struct result *r = &stage->result[i];
	struct text t = {r->seen, r->seen + SEEN - 1};
	put(&t, seen);
	r->state = DONE;
}

/* Give every step that is not done its word: where the end came, and why. */
static void settle_results(int stuck_at)
{
	for (int i = 0; i < stage->scenario.steps; i++) {
		if (stage->result[i].state == DONE)
			continue;
		if (i == stuck_at)
			settle_result(i, "stuck");
		else if (stuck_at >= 0 && i > stuck_at)
			settle_result(i, "not reached");
		else {
			int state = state_of(stage->scenario.step[i].actor);
			settle_result(i, state == ZOMBIE || state == NOBODY ? "gone" : "unfinished");
		}
	}
}

static void new_stage(void)
{
	for (int i = 0; i < stage->scenario.steps; i++) {
		stage->result[i].state = 0;
		stage->result[i].seen[0] = 0;
		stage->result[i].anonymous = 0;
	}
	for (int i = 0; i < stage->scenario.actors; i++)
		stage->actor[i] = (struct actor){.retval1 = -1, .entry_stack = '?'};
	stage->director = (i32)os_getpid();
	int external = external_name ? actor_named(&stage->scenario, external_name, 0) : -1;
	stage->external = external < 0 ? 0 : 1u << external;
	stage->turn = stage->over = 0;
	stage->group = 0;
	stage->knob_before[MAXPROC] = stage->knob_before[FORKFSLEEP] = -1;
	stage->counted = 0;
	stage->said_before = -1;
	the_word = 0;
}

/* Until no child is left, but for no longer than a second. */
static void reap(void)
{
	struct status status;
	u64 since = os_microtime();
	for (;;) {
		long got = os_wait4(-1, &status, 1 | 8 /* WNOHANG|WALLSIG */);
		if (got < 0)
			return;
		if (got == 0 && os_microtime() - since > 1000000) {
			io->left = 1;
			return;
		}
		if (got == 0)
			wait_a_little(since);
	}
}

static void play_alone(void)
{
	int forked = 0;
	stage->actor[0].pid = stage->director;
	for (u32 i = 0; i < (u32)stage->scenario.steps; i++) {
		forked |= stage->scenario.step[i].child == ANONYMOUS;
		perform(0, i);
	}
	if (forked)
		reap();
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
	int external = (stage->external & 1u << step->actor) != 0, impatient = waited > patience, state;
	long pid = pid_known(step->actor);
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
		take_turn(now);
		return 0;
	}
	if (result->state == DONE) {
		if (external) /* somebody else's: we pass its turn on */
			take_turn(now);
		else if (state == ASLEEP && waited > CALM && exits_behind_another(step))
			take_turn(now);
	} else if (result->state == BEGUN) {
		if (state == RUNNING || (state == ASLEEP && !may_sleep(step->verb)))
			*calm = 0;
		else if (++*calm == 2) {
			take_turn(now);
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
		} else if (time - looked > (stage->result[now].state == DONE ? LOOK_SOON : LOOK_AGAIN)) {
			looked = time;
			if (is_stuck(now, time - since, &calm))
				return (int)now;
		}
		wait_a_little(since);
	}
}

static int is_played_here(int actor)
{
	return (stage->scenario.roots & 1 << actor) && !(stage->external & 1u << actor);
}

static void wait_until_gone(long pid, u64 until)
{
	while (pid > 1 && os_microtime() < until) {
		int state = os_state(pid);
		/* With a tracer of its own, Linux's init gets the orphans, and some are slow to reap. */
		if (state == NOBODY || (state == ZOMBIE && stage->external))
			return;
		/* NetBSD's execve drops what is pending, SIGKILL too (kern_sig.c, ksiginfo_exechook()). */
		if (stage->group)
			os_kill(-stage->group, 9);
		os_yield();
	}
}

static void clear_stage(void)
{
	stage->over = 1;
	restore_knobs();
	for (int i = 0; i < stage->scenario.actors; i++) {
		long pid = pid_known(i);
		if (pid > 1 && !(stage->external & 1u << i))
			os_kill(pid, 9 /* SIGKILL */);
	}
	if (stage->group)
		os_kill(-stage->group, 9);
	reap();
	/* Orphans are init's to reap: until it has, they count against their user's limit. */
	u64 until = os_microtime() + 1000000;
	for (int i = 0; i < stage->scenario.actors; i++)
		if (!(stage->external & 1u << i))
			wait_until_gone(pid_known(i), until);
	for (int i = 0; i < stage->scenario.steps; i++)
		wait_until_gone(stage->result[i].anonymous, until);
}

/* The child of a fork that is tried: does its parent go on before it ends? */
static void try_fork(void)
{
	u64 until = os_microtime() + 500000;
	while (!io->returned) {
		if (os_microtime() > until)
			os_exit(1);
		os_yield();
	}
	os_exit(0);
}

/*
 * A fork that holds its caller, as vfork does, would hold all of us before the
 * first step: what it does wrong is for the scenarios to see.
 */
static void choose_own_fork(void)
{
	struct status status;
	io->kind = FORK;
	long pid = (long)os_fork(FORK, 0, 0, 0, stack_of(0), 3 * MAX_ACTORS + 1);
	io->returned = 1;
	if (pid > 0 && os_wait4(pid, &status, 8 /* WALLSIG */) == pid && status.how == 'e' && status.value)
		io->kind = CLONE;
}

static long fork_one_of_ours(void *run_on, long slot)
{
	return (long)os_fork(io->kind, 20 /* SIGCHLD */, 0, 0, run_on, slot);
}

/* Fork the roots, and wait until each of them is there; 0 where one could not be. */
static int bring_roots(void)
{
	u64 until = os_microtime() + patience;
	for (int i = 0; i < stage->scenario.actors; i++) {
		if (!is_played_here(i))
			continue;
		long pid = fork_one_of_ours(stack_of(i), i + 2 * MAX_ACTORS);
		if (pid < 0)
			return 0;
		/*
		 * All in one group: NetBSD 10.99.12 loses count of pg_jobc, and panics,
		 * where a traced child is in another group than its tracer.
		 */
		if (!stage->group)
			stage->group = (i32)pid;
		os_setpgid(pid, stage->group);
		stage->actor[i].expected = (i32)pid;
	}
	for (int i = 0; i < stage->scenario.actors; i++)
		while (is_played_here(i) && !stage->actor[i].pid) {
			if (os_microtime() > until)
				return 0;
			os_yield();
		}
	return 1;
}

static void play_staged(void)
{
	int stuck_at = 0;
	stage->turn = NOT_YET;
	if (bring_roots()) {
		stage->turn = 0;
		stuck_at = watch();
	}
	settle_results(stuck_at);
	clear_stage();
}

static void finish_scenario(void)
{
	say("= ");
	say_number(io->number);
	say("\n");
	say_results();
	io->running = 0;
	io->number++;
}

static void direct(void)
{
	const char *wrong;
	os_prepare();
	os_setpgid(0, 0);
	while (read_scenario(&wrong)) {
		if (wrong) {
			say("= ");
			say_number(io->number++);
			say("\n! ");
			say(wrong);
			say("\n.\n");
			continue;
		}
		new_stage();
		io->running = 1;
		stage->epoch++;
		if (stage->scenario.alone && !stage->external)
			play_alone();
		else
			play_staged();
		stage->epoch++;
		finish_scenario();
		/* Whom nobody can kill is init's from now on: else each later scenario would wait for it. */
		if (io->left)
			os_exit(0);
		if (!stage->scenario.alone && os_microtime() - io->flushed > FLUSH_AFTER)
			flush();
	}
	flush();
	os_exit(0);
}

#endif
