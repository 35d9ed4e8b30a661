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

static const char *external_name; /* the actor that another program plays */

enum { FLUSH_AFTER = 50000, KILL_AGAIN = 5000 }; /* microseconds */

/* A page that stays as it was before a fork need not be copied. */
static void set(volatile i64 *where, i64 value)
{
	if (*where != value)
		*where = value;
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
	s->steps = s->actors = s->traced = s->measured = s->together = 0;
	s->alone = 1;
	for (; line && *line; line = read_line()) {
		u64 value;
		if (line[0] >= 'A' && line[0] <= 'Z' && !*wrong)
			*wrong = read_step(s, line);
		else if (line[0] == 'c' && number(line + 6, 10, &value)) /* count N */
			set(&user_count, (i64)value);
		else if (line[0] == 'f' && number(line + 5, 10, &value)) /* free N */
			set(&free_uid, (i64)value);
		else if (line[0] == 's') /* staged: by an actor whom we watch, even where we could ourselves */
			s->alone = 0;
		else if (line[0] == 't') /* together: the first root may share our memory */
			s->together = 1;
	}
	find_roots(s);
	if (!*wrong && !s->steps)
		*wrong = "no steps";
	return 1;
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
	for (int i = 0; i < MAX_ACTORS; i++)
		stage->asleep[i] = 0;
	stage->knob_before[MAXPROC] = stage->knob_before[FORKFSLEEP] = -1;
	stage->counted = 0;
	stage->said_before = -1;
	set(&the_word, 0);
}

static void kill_everybody(void)
{
	for (int i = 0; i < stage->scenario.actors; i++) {
		long pid = pid_known(i);
		if (pid > 1 && pid != stage->director && !(stage->external & 1u << i))
			os_kill(pid, 9 /* SIGKILL */);
	}
	if (stage->group)
		os_kill(-stage->group, 9);
}

/*
 * Until no child is left, but for no longer than a second.  They are killed
 * again and again: NetBSD 10.99.12 forgets a SIGKILL that comes during execve.
 */
static void reap(void)
{
	struct status status;
	u64 since = os_microtime(), killed = since;
	for (;;) {
		long got = os_wait4(-1, &status, 1 | 8 /* WNOHANG|WALLSIG */);
		if (got < 0)
			return;
		u64 time = os_microtime();
		if (got == 0 && time - since > 1000000) {
			io->left = 1;
			return;
		}
		if (got == 0 && time - killed > KILL_AGAIN) {
			kill_everybody();
			killed = time;
		}
		if (got == 0)
			wait_a_little(time - since);
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

static void wait_until_gone(long pid, u64 until)
{
	while (pid > 1) {
		int state = os_state(pid);
		/* With a tracer of its own, Linux's init gets the orphans, and some are slow to reap. */
		if (state == NOBODY || (state == ZOMBIE && stage->external) || os_microtime() > until)
			return;
		/* An orphan, too, may have lost its SIGKILL in execve (see reap()). */
		if (stage->group)
			os_kill(-stage->group, 9);
		os_yield();
	}
}

static void clear_stage(void)
{
	stage->over = 1;
	restore_knobs();
	kill_everybody();
	reap();
	/* Orphans are init's to reap: until it has, they count against their user's limit. */
	u64 until = os_microtime() + 1000000;
	for (int i = 0; i < stage->scenario.actors; i++)
		if (!(stage->external & 1u << i))
			wait_until_gone(pid_known(i), until);
	for (int i = 0; i < stage->scenario.steps; i++)
		wait_until_gone(stage->result[i].anonymous, until);
}

/* Whoever has something to do comes first: the director only runs when nobody else can. */
static void stand_back(int back)
{
	/* As init's child it may come to the front again; without a futex everybody always has. */
	if (mail.open && has_futex)
		os_nice(back ? 20 : 0);
}

static void play_staged(void)
{
	int stuck_at = 0;
	if (bring_roots()) {
		stand_back(1);
		stage->turn = 0;
		call_for(0);
		stuck_at = watch();
	}
	settle_results(stuck_at);
	clear_stage();
	stand_back(0);
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
	io->sees_all = mail.open && has_futex && os_nicest_runs_last();
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
