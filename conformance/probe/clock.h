/* Waiting: for the kernel's clock, or for something that another process does. */
#ifndef CLOCK_H
#define CLOCK_H

#include "types.h"

/* Until the kernel's coarse clock has gone on so often. */
void wait_for_ticks(int ticks);
/* Gives way: by spinning at first, then, since nothing has happened for long, by a nap. */
void wait_a_little(u64 waited);

#endif
