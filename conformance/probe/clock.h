/* Waiting: for the kernel's clock, or for something that another process does. */
#ifndef CLOCK_H
#define CLOCK_H

#include "types.h"

/* Waits until the kernel's coarse clock has gone on `ticks` times. */
void wait_for_ticks(int ticks);
/* Gives way: by spinning at first, by a nap once `waited` microseconds have gone by. */
void wait_a_little(u64 waited);

#endif
