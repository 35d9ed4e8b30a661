/* The log of a scenario: a line a step, with names for process IDs. */
#include "io.h"
#include "log.h"
#include "stage.h"
#include "watch.h"

/* A process's name is that of the actor that was there first; LWPs have IDs of the same kind. */
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

static void say_pid(long pid)
{
	const char *name = name_of(pid);
	if (name) {
		say(name);
		return;
	}
	say("pid ");
	say_number((u64)pid);
}

static void say_seen(char *s)
{
	s[SEEN - 1] = 0;
	while (*s) {
		char one[2] = {*s++, 0};
		long pid = 0;
		if (one[0] != '@') {
			say(one);
			continue;
		}
		while (*s >= '0' && *s <= '9')
			pid = pid * 10 + *s++ - '0';
		say_pid(pid);
	}
}

static void begin_log(void)
{
	say("= ");
	say_number(io->number);
	say("\n");
}

void finish_scenario(void)
{
	begin_log();
	for (int i = 0; i < stage->scenario.steps; i++) {
		say_seen(stage->result[i].seen);
		say("\n");
	}
	say(".\n");
	io->running = 0;
	io->number++;
}

void refuse_scenario(const char *wrong)
{
	begin_log();
	say("! ");
	say(wrong);
	say("\n.\n");
	io->number++;
}

void settle_results(int hung_at)
{
	for (int i = 0; i < stage->scenario.steps; i++) {
		if (stage->result[i].state == DONE)
			continue;
		if (i == hung_at)
			settle_result(i, "hung");
		else if (hung_at >= 0 && i > hung_at)
			settle_result(i, "not reached");
		else {
			enum state state = state_of(stage->scenario.step[i].actor);
			settle_result(i, state == ZOMBIE || state == NO_PROCESS ? "gone" : "unfinished");
		}
	}
}
