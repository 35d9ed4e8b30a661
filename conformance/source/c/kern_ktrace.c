#include "calls.h"

/* kern_ktrace.c 1.186, line 462, asserts ktrace_lock. */
void ktradref(struct proc *p)
{
	NOTE(ktradref, .p2 = name(p), .p_tracep = name(p->p_tracep));
	MUST(ktrace_lock.owned, "ktradref: ktrace_lock not held");
	MUST_BE(p->p_tracep, &tracefile, "ktradref: no trace file");
	tracefile++;
}

bool forkoracle_ktrpoint(int facility)
{
	NOTE(ktrpoint, .facility = facility);
	return given.ktr_emul;
}

void forkoracle_ktrsysret(int code, int error, const register_t *values)
{
	NOTE(ktrsysret, .code = code, .error = error, .retval = name(values));
}
