/* A scenario, read from its text into steps. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "constants.h"
#include "types.h"

/* What stands in an actor's place and is none. */
enum { ANONYMOUS = MAX_ACTORS, ANYBODY, OWN_GROUP };
enum { PATH_SIZE = 128, FIRST_PROGRAM = 1000 }; /* a program's name stands for its number behind that one */

/* The verbs, and their properties: verbs.def explains each. */
enum verb {
#define GROUP(name, text)
#define VERB(name, ...) V_##name,
#include "verbs.def"
#undef VERB
#undef GROUP
	VERBS
};
enum property { PLAIN = 0, DIRECTOR = 1, FORK = 2, SLEEPS = 4, TRACER = 8, MEASURED = 16, STAYS = 32 };

struct step {
	int actor, verb, child; /* child: -1 where the step gives birth to none */
	i64 arg[MAX_ARGUMENTS];
	int args;
	char path[PATH_SIZE];
};

struct scenario {
	int steps, actors;
	int alone; /* one process takes all steps, and leaves nothing behind: the director may */
	int traced, measured;
	int together; /* its first root may share the director's memory */
	int roots, lwps; /* a bit for each actor that is one; an LWP is one that _lwp_create makes */
	char names[MAX_ACTORS][8];
	struct step step[MAX_STEPS];
};

extern i64 user_count; /* what `count` stands for in a limit */
extern i64 free_uid; /* what `free1` stands for; `free2` is the next one */

int has(int verb, enum property property);
/* Whether this argument of the step is an actor that another step makes, or a root. */
int names_actor(const struct step *step, int argument);
/* The actor's number, or -1; with `make`, a new one gets the next number. */
int actor_named(struct scenario *s, const char *name, int make);
void clear_scenario(struct scenario *s);
/* Reads one line `ACTOR: VERB ARGUMENT ... [CLAUSE]`: 0, or what is wrong with it. */
const char *read_step(struct scenario *s, char *line);
/* After the last step: the actors that no step gives birth to, and those that will be no process. */
void find_roots(struct scenario *s);

#endif
