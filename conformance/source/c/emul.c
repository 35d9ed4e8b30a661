#include "emul.h"

#include "calls.h"

void e_proc_fork(struct proc *child, struct lwp *l, int flags)
{
	NOTE(e_proc_fork, .p2 = name(child), .l1 = name(l), .flags = flags, .l_private = (int64_t)l2.l_private);
}

void e_syscall_intern(struct proc *p) { NOTE(e_syscall_intern, .p2 = name(p), .p_trace_enabled = p->p_trace_enabled); }

int trace_is_enabled(struct proc *p)
{
	NOTE(trace_is_enabled, .p2 = name(p));
	return (int)given.trace_enabled;
}
