/*
 * Sets up the objects for a case.
 */
#ifndef FORKORACLE_WORLD_H
#define FORKORACLE_WORLD_H

#include "types.h"

/* Sets everything up as the case says; `fields` are those of case.def. */
void world_begin(const int64_t *fields);

#endif
