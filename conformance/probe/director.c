/*
 * The director reads scenarios, has them played, and prints what was seen.
 *
 * It plays the scenarios of one process itself, one after the other.  For the
 * others it forks the roots, in a process group whose leader stays a zombie
 * until the director reaps it, so that no other process can get its number,
 * and watches (watch.c).
 */
#include <sys/resource.h>

#include "actor.h"
#include "director.h"
#include "ending.h"
#include "errand.h"
#include "io.h"
#include "log.h"
#include "mailbox.h"
#include "own.h"
#include "roots.h"
#include "syscall.h"
#include "text.h"
#include "watch.h"

const char *external_name;

enum { FLUSH_AFTER = 50000 }; /* microseconds */

/* A page that stays as it was before a fork need not be copied. */
static void set(volatile i64 *where, i64 value)
{
	if (*where != value)
		*where = value;
}

/* Lines before a scenario that ask for something else; the scenario's first line, or 0 at the end. */
static char *read_errands(void)
{
	char *line;
	u64 loops;
	while ((line = read_line())) {
		if (mail.open && same(line, "program"))
			run_program();
		else if (*line == 'b' && number(line + 6, 10, &loops)) /* bench N */
			bench(loops);
		else if (*line)
			break;
	}
	return line;
}

/* The next scenario into the stage; 0 at the end; what is wrong with it in *wrong. */
static int read_scenario(const char **wrong)
{
	struct scenario *s = &stage->scenario;
	char *line = read_errands();
	*wrong = 0;
	if (!line)
		return 0;
	clear_scenario(s);
	for (; line && *line; line = read_line()) {
		u64 value;
		if (line[0] >= 'A' && line[0] <= 'Z' && !*wrong)
			*wrong = read_step(s, line);
		else if (line[0] == 'c' && number(line + 6, 10, &value)) /* count N */
			set(&user_count, (i64)value);
		else if (line[0] == 'f' && number(line + 5, 10, &value)) /* free N */
			set(&free_uid, (i64)value);
		else if (line[0] == 's') /* staged: by an actor that we watch, even where we could ourselves */
			s->alone = 0;
		else if (line[0] == 't') /* together: the first root may share our memory */
			s->together = 1;
	}
	find_roots(s);
	if (!*wrong && !s->steps)
		*wrong = "no steps";
	return 1;
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

/* Whether our priority decides when we run; as init's child we may take the best one again. */
static int has_priorities(void) { return mail.open && os_has_futex(); }

/* With the lowest priority, the director only runs when no other process can. */
static void set_lowest_priority(int lowest)
{
	if (has_priorities())
		CALL(setpriority, PRIO_PROCESS, 0, lowest ? PRIO_MAX : 0);
}

static void play_staged(void)
{
	int hung_at = 0;
	if (bring_roots()) {
		set_lowest_priority(1);
		stage->turn = 0;
		call_for(0);
		hung_at = watch();
	}
	settle_results(hung_at);
	clear_stage();
	set_lowest_priority(0);
}

static void play(void)
{
	clear_stage_for(external_name ? actor_named(&stage->scenario, external_name, 0) : -1);
	set(&the_word, 0);
	io->running = 1;
	stage->epoch++;
	if (stage->scenario.alone && !stage->external)
		play_alone();
	else
		play_staged();
	stage->epoch++;
	finish_scenario();
	/* A process that cannot be killed is init's from now on: else each later scenario would wait for it. */
	if (io->left)
		os_exit(0);
	if (!stage->scenario.alone && os_microtime() - io->flushed > FLUSH_AFTER)
		flush();
}

void direct(void)
{
	const char *wrong;
	os_prepare();
	CALL(setpgid, 0, 0);
	io->sees_all = has_priorities() && os_nicest_runs_last();
	while (read_scenario(&wrong))
		if (wrong)
			refuse_scenario(wrong);
		else
			play();
	flush();
	os_exit(0);
}
