/* A second LWP, and what each LWP has of its own.  Linux has none of it. */
#ifdef __NetBSD__
#include <sys/errno.h>
#include <sys/lwpctl.h>
#include <ucontext.h>

#include "birth.h"
#include "observe.h"
#include "os_netbsd.h"

static long create_lwp(void (*start)(void), void *stack)
{
	ucontext_t context;
	lwpid_t lid = 0;
	long error = CALL(getcontext, &context);
	if (error < 0)
		return error;
	context.uc_flags = _UC_CPU; /* so that the signal mask is ours */
	context.uc_link = 0;
	_UC_MACHINE_SET_PC(&context, (__greg_t)start);
	context.uc_mcontext.__gregs[STACK_REGISTER] = (__greg_t)((char *)stack - ENTRY_BELOW);
	error = CALL(_lwp_create, &context, 0, &lid);
	return error < 0 ? error : lid;
}

void do__lwp_create(struct act *act)
{
	int child = act->step->child;
	long lid = create_lwp(lwp_main, stack_of(child));
	if (lid > 0) {
		stage->actor[child].lid = (i32)lid;
		stage->actor[child].expected = stage->actor[act->me].pid;
	}
	say_result(act, lid, "ok");
}

void do__lwp_exit(struct act *act)
{
	conclude_before(act);
	CALL(_lwp_exit);
	os_exit(0);
}

static struct lwpctl *the_lwpctl; /* of the LWP of this memory that asked last */

void do__lwp_ctl(struct act *act)
{
	say_result(act, CALL(_lwp_ctl, LWPCTL_FEATURE_CURCPU | LWPCTL_FEATURE_PCTR, &the_lwpctl), "ok");
}

/* The counter of this memory's control block; 0: it has none. */
static long read_counter(int *counter)
{
	enum { NO_HOW = 99 }; /* sigprocmask refuses it, but only after it has read the set */
	sigset_t set;
	if (!the_lwpctl)
		return 0;
	/* Only the kernel can look at what may not be mapped. */
	if (CALL(__sigprocmask14, NO_HOW, the_lwpctl, &set) == -EFAULT)
		return -EFAULT;
	*counter = (int)*(volatile int *)&the_lwpctl->lc_pctr;
	return 1;
}

/* Whether a sleep of this LWP, and its return, are counted in the control block that its memory knows of. */
void do_lc_pctr(struct act *act)
{
	int before = 0, after = 0;
	long got = read_counter(&before);
	if (got > 0) {
		os_nap(500);
		read_counter(&after);
	}
	say_result(act, got, got == 0 ? "none" : before != after ? "counted" : "still");
}
#endif
