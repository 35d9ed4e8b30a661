/* Observations: what a step saw, in words. */
#ifndef OBSERVE_H
#define OBSERVE_H

#include "act.h"

void put_error(struct text *t, long error);
/* Writes @1234: the director puts the name in. */
void put_pid(struct text *t, long pid);
/* Writes a plain result: the error's name, or `good`, or without it the number. */
void put_result(struct text *t, long result, const char *good);
void say_result(struct act *act, long result, const char *good);
void put_status(struct text *t, long got, const struct status *status);

/* Notes what a step has seen; ends the process instead if the scenario is over. */
void conclude(u32 index, const char *seen);
/* Ends the step before its call, which does not return. */
void conclude_before(struct act *act);

#endif
