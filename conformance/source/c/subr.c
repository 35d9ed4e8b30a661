/*
 * Small things from subr_*.c, kern_hook.c, kern_time.c, kern_tc.c, and from headers.
 */
#include "calls.h"

u_int atomic_inc_uint_nv(volatile u_int *word) { return ++*word; }

void atomic_inc_uint(volatile u_int *word) { ++*word; }

void atomic_dec_uint(volatile u_int *word) { --*word; }

u_int atomic_dec_uint_nv(volatile u_int *word) { return --*word; }

u_int atomic_add_int_nv(volatile u_int *word, int difference) { return *word += (u_int)difference; }

void atomic_add_int(volatile u_int *word, int difference) { *word += (u_int)difference; }

void atomic_or_uint(volatile u_int *word, u_int bits) { *word |= bits; }

void atomic_and_uint(volatile u_int *word, u_int bits) { *word &= bits; }

u_int atomic_swap_uint(volatile u_int *word, u_int value)
{
	u_int before = *word;

	*word = value;
	return before;
}

u_int atomic_cas_uint(volatile u_int *word, u_int expected, u_int value)
{
	return *word == expected ? atomic_swap_uint(word, value) : *word;
}

int ratecheck(struct timeval *last, const struct timeval *interval)
{
	static struct timeval *known;

	NOTE(ratecheck, .seconds = interval->tv_sec, .microseconds = interval->tv_usec);
	MUST(known == NULL || last == known, "ratecheck: another time each time");
	known = last;
	return (int)given.ratecheck;
}

void tablefull(const char *table, const char *hint)
{
	NOTE(tablefull, .table = hash(table), .hint = hash(hint), .nprocs = nprocs);
}

char *kmem_strdupsize(const char *text, size_t *size, int how)
{
	NOTE(kmem_strdupsize, .path = name(text));
	MUST_BE(size, NULL, "kmem_strdupsize: somewhere for the size");
	MUST(how == KM_SLEEP, "kmem_strdupsize: may fail");
	return path_copied;
}

/* The last callee without proc_lock: what other LWPs of the parent do shows here. */
void doforkhooks(struct proc *child, struct proc *parent)
{
	NOTE(doforkhooks, .p2 = name(child), .p1 = name(parent));
	if (given.other_sflag != -1)
		p1.p_sflag = (int)given.other_sflag;
	if (given.other_stflag != -1)
		p1.p_stflag = (int)given.other_stflag;
}

void getmicrotime(struct timeval *now)
{
	now->tv_sec = given.microtime;
	now->tv_usec = 0;
}

void getnanotime(struct timespec *now)
{
	now->tv_sec = given.microtime;
	now->tv_nsec = 0;
}

void getbinuptime(struct bintime *now)
{
	now->sec = given.microtime;
	now->frac = 0;
}

int cpu_number(void) { return 0; }

/* Other probes have no effect: an edit may have some of its own. */
void forkoracle_sdt_probe(const char *probe, uintptr_t child, uintptr_t parent, uintptr_t flags,
    uintptr_t fourth __unused, uintptr_t fifth __unused)
{
	if (hash(probe) != hash("proc:kernel::create"))
		return;
	NOTE(
	    sdt_probe, .name = hash(probe), .p2 = name((void *)child), .p1 = name((void *)parent), .flags = (int)flags);
}

void forkoracle_cpu_count(int which, int difference)
{
	MUST(preempt == 1, "CPU_COUNT: preemption is not disabled");
	cpu_count[which] += difference;
}

void forkoracle_kpreempt(struct lwp *l, int difference)
{
	MUST_BE(l, &l1, "kpreempt: not the current LWP");
	preempt += difference;
	MUST(preempt == 0 || preempt == 1, "kpreempt: enabled or disabled twice");
}
