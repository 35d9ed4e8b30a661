/* The scheduler: policy, priority, CPU, and the charge for CPU time. */
#include "observe.h"
#include "words.h"

void do_sched_setparam(struct act *act)
{
	int priority = act->step->args > 1 ? (int)act->step->arg[1] : -1;
	say_result(act, os_sched_setparam((int)act->step->arg[0], priority), "ok");
}

void do_sched_getparam(struct act *act)
{
	int policy = 0;
	long priority = os_sched_getparam(&policy);
	if (priority < 0) {
		put_error(&act->said, priority);
		return;
	}
	for (int i = 0; i < policies.count; i++)
		if (policies.word[i].value == (u32)policy)
			put(&act->said, policies.word[i].name);
	if (policy != NETBSD_SCHED_OTHER) {
		put(&act->said, " ");
		put_number(&act->said, (u64)priority, 10);
	}
}

#ifdef __NetBSD__
#include <sys/resource.h>
#include <uvm/uvm_param.h>

#include "os_netbsd.h"

enum { CPU_SET = 32 }; /* bytes: 256 CPUs */

void do_sched_setaffinity(struct act *act)
{
	u32 set[CPU_SET / sizeof(u32)] = {1};
	say_result(act, CALL(_sched_setaffinity, 0, 0, sizeof set, set), "ok");
}

void do_sched_getaffinity(struct act *act)
{
	u32 set[CPU_SET / sizeof(u32)] = {0}, others = 0;
	long error = CALL(_sched_getaffinity, 0, os_lwp_self(), sizeof set, set);
	for (u32 i = 1; i < sizeof set / sizeof set[0]; i++)
		others |= set[i];
	say_result(act, error, others || set[0] > 1 ? "other" : set[0] ? "first" : "any");
}

/* By sched_4bsd.c: what the scheduler adds at a time, and 32 times that, which is close to the most. */
enum { ESTCPU_ACCUM = 1 << 10, BURNT = 4 * ESTCPU_ACCUM, MOST = 32 * ESTCPU_ACCUM };

static struct kinfo_proc2 self(void)
{
	struct kinfo_proc2 kp = {0};
	int name[] = {CTL_KERN, KERN_PROC2, KERN_PROC_PID, (int)CALL(getpid), sizeof kp, 1};
	sysctl_get(name, 6, &kp, sizeof kp);
	return kp;
}

static u32 charge(void) { return self().p_estcpu; }

/* The clock's ticks at which the process itself ran; each of them may have charged it. */
static u64 ticks(void)
{
	struct kinfo_proc2 kp = self();
	return kp.p_uticks + kp.p_sticks + kp.p_iticks;
}

static u64 ticks_when_burnt;

/*
 * With a load average of 0, as after the boot, the kernel takes any charge for paid at once
 * (decay_cpu_batch()).  The average is made every five seconds.
 */
static int has_load(void)
{
	struct loadavg load = {{0}, 0};
	int name[] = {CTL_VM, VM_LOADAVG};
	return sysctl_get(name, 2, &load, sizeof load) > 0 && load.ldavg[0] > 0;
}

void do_burn(struct act *act)
{
	u64 since = os_microtime();
	while (!has_load() || charge() < BURNT)
		if (os_microtime() - since > BURN_FOR) {
			put_error(&act->said, CANNOT); /* another scheduler */
			return;
		}
	ticks_when_burnt = ticks();
	put(&act->said, "ok");
}

/* On a busy machine the process may have run for so long that its own time explains the charge. */
void do_charged(struct act *act)
{
	int own = (ticks() - ticks_when_burnt) * ESTCPU_ACCUM >= MOST - BURNT;
	put(&act->said, charge() >= MOST && !own && has_load() ? "most" : "less");
}
#endif
