/* NetBSD: sysctl. */
#include "os_netbsd.h"
#include "text.h"

long sysctl_get(const int *name, u32 depth, void *buf, unsigned long size)
{
	unsigned long got = size;
	long error = CALL(__sysctl, name, depth, buf, &got);
	return error < 0 ? error : (long)got;
}

long sysctl_set(const int *name, u32 depth, int *old, int new)
{
	unsigned long got = sizeof *old;
	return CALL(__sysctl, name, depth, old, &got, &new, sizeof new);
}

/* The number of the node with that name below the first `depth` of `name`; -1: none. */
int node_named(int *name, u32 depth, const char *wanted)
{
	struct sysctlnode query = {.sysctl_flags = SYSCTL_VERSION};
	LARGE static struct sysctlnode node[512];
	unsigned long got = sizeof node;
	name[depth] = CTL_QUERY;
	if (CALL(__sysctl, name, depth + 1, node, &got, &query, sizeof query) >= 0)
		for (unsigned long i = 0; i < got / sizeof node[0]; i++) {
			if (same(node[i].sysctl_name, wanted))
				return node[i].sysctl_num;
		}
	return -1;
}

int hardclock_ticks(void)
{
	int name[] = {CTL_KERN, KERN_HARDCLOCK_TICKS}, ticks = 0;
	sysctl_get(name, 2, &ticks, sizeof ticks);
	return ticks;
}

int number_of_cpus(void)
{
	int name[] = {CTL_HW, HW_NCPU}, n = 0;
	sysctl_get(name, 2, &n, sizeof n);
	return n;
}
