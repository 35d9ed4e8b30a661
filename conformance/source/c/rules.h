/*
 * Rules of locking that a call of the file may break without being noticed at once (rules.def).
 */
#ifndef FORKORACLE_RULES_H
#define FORKORACLE_RULES_H

#include "objects.h"

enum rule {
#define RULE(number, name, clause, text) RULE_##name = number,
#define WATCH(rule, value, condition)
#include "rules.def"
#undef RULE
#undef WATCH
};

/* Whether the case has broken a rule: a bit for each, and above them 1 and the words of the calls before. */
extern int64_t *broken;
#define BROKEN_CALL_SHIFT 32

/* Takes note of a broken rule unless the condition holds. */
#define ASKS(rule, condition)                     \
	do {                                      \
		if (!(condition))                 \
			rule_broken(RULE_##rule); \
	} while (0)
void rule_broken(enum rule);

/* Looks at what the file has changed since it was last here, and under which locks. */
void rules_check(void);
/* Takes what is watched as it is now: a stand-in has changed it itself. */
void rules_forget(void);

/* The locks that are held: a bit for each. */
int64_t locks_held(void);
/* Whether one of them is a spin lock. */
bool spin_held(void);

#endif
