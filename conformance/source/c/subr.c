/*
 * Small things from subr_*.c, kern_hook.c, kern_time.c, kern_tc.c, and from headers.
 */
#include "calls.h"

u_int atomic_inc_uint_nv(volatile u_int *word) { return ++*word; }

void atomic_inc_uint(volatile u_int *word) { ++*word; }

void atomic_dec_uint(volatile u_int *word) { --*word; }

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

void forkoracle_sdt_probe(const char *probe, struct proc *child, struct proc *parent, int flags)
{
	NOTE(sdt_probe, .name = hash(probe), .p2 = name(child), .p1 = name(parent), .flags = flags);
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
