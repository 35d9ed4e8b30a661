/*
 * What Python calls, in a process of its own that may die of what the file under test does.
 */
#ifndef FORKORACLE_HARNESS_H
#define FORKORACLE_HARNESS_H

#include "types.h"

/*
 * Runs `count` cases of `width` words from `cases` and writes their records to `out`, of `room`
 * words.  Returns the number of the cases that were run.  `shared` is a struct progress.
 * `snapshots`, unless it is NULL, gets the state before each call of the only case.  `rules` gets
 * for each case the rules that it broke (rules.h), `printed` what the file printed (subr_prf.h).
 */
int64_t forkoracle_run(const int64_t *cases, int64_t count, int64_t width, int64_t *out, int64_t room,
    volatile void *shared, int64_t *snapshots, int64_t *rules, void *printed);

#ifdef FORKORACLE_COVERAGE
/* Writes what gcov counted. */
void forkoracle_dump(void);
#endif

#endif
