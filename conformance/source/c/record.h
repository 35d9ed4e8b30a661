/*
 * The state of the objects, as words (record.def).
 */
#ifndef FORKORACLE_RECORD_H
#define FORKORACLE_RECORD_H

#include "types.h"

/* Keeps what kern_fork.c's own variables hold before any call. */
void record_boot(void);
/* Writes the state to `out`; returns the place behind it. */
int64_t *record_state(int64_t *out);

#endif
