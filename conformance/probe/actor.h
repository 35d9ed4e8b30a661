/* What one process of a scenario does. */
#ifndef ACTOR_H
#define ACTOR_H

#include "stage.h"

/* Takes a step and says what it saw. */
void perform(int me, u32 index);
/* Takes this actor's steps, each when its turn comes. */
void actor_main(int me) __attribute__((noreturn));
/* The same for an actor that is to be traced by the process that gave birth to it. */
void traced_main(int me) __attribute__((noreturn));

#endif
