/* What a probe is asked for beside scenarios: to be measured by, and to run a program. */
#ifndef ERRAND_H
#define ERRAND_H

#include "types.h"

/* A bare loop of fork, _exit and wait4: what forkoracle's bench compares scenarios with. */
void bench(u64 count);
/* Runs the program that lies beside us: how it ended, and what it said, each line behind a bar. */
void run_program(void);
/* The role of its child: becomes the program, with nothing of ours. */
void become_program(void) __attribute__((noreturn));

#endif
