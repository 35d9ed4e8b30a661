#include "calls.h"

void lim_addref(struct plimit *limit)
{
	NOTE(lim_addref, .limit = name(limit));
	limit->pl_refcnt++;
}

struct plimit *lim_copy(struct plimit *limit)
{
	NOTE(lim_copy, .limit = name(limit));
	limit_copied = *limit;
	limit_copied.pl_refcnt = 1;
	return &limit_copied;
}

struct pstats *pstatscopy(struct pstats *stats)
{
	NOTE(pstatscopy, .stats = name(stats));
	memset(&stats_copied, 0, sizeof stats_copied);
	return &stats_copied;
}
