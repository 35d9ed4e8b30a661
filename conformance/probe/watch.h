/* The watch over a scenario's processes: see watch.c. */
#ifndef WATCH_H
#define WATCH_H

#include "os.h"

extern u64 patience; /* microseconds in which something has to happen */

enum state state_of(int actor);
/* Watches until the scenario is over; the step at which it hung, or -1. */
int watch(void);

#endif
