/* Waiting: for the kernel's clock, or for something that another process does. */
#include "clock.h"
#include "os.h"
#include "syscall.h"

void wait_for_ticks(int ticks)
{
	u64 seen = os_coarse_time();
	for (int i = 0; i < ticks;) {
		u64 now = os_coarse_time();
		i += now != seen;
		seen = now;
		CALL(sched_yield);
	}
}

void wait_a_little(u64 waited)
{
	if (waited < os_spin)
		CALL(sched_yield);
	else
		os_nap(50);
}
