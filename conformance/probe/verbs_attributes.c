/* What else a process has, and a child inherits or not; and time, which goes by. */
#include <sys/resource.h>
#ifdef __NetBSD__
#include <sys/fcntl.h>
#include <sys/ioctl.h>
#include <sys/ras.h>
#include <sys/ttycom.h>

#include "os_netbsd.h"
#endif

#include "clock.h"
#include "observe.h"
#include "syscall.h"

void do_nice(struct act *act) { say_result(act, CALL(setpriority, PRIO_PROCESS, 0, act->step->arg[0]), "ok"); }

void do_setitimer(struct act *act) { say_result(act, os_setitimer((enum timer)act->step->arg[0]), "ok"); }

void do_getitimer(struct act *act)
{
	long runs = os_getitimer((enum timer)act->step->arg[0]);
	say_result(act, runs, runs ? "runs" : "none");
}

void do_childrens_usage(struct act *act)
{
	long used = os_childrens_usage();
	say_result(act, used, used ? "some" : "none");
}

void do_sigaltstack(struct act *act)
{
	say_result(act, os_sigaltstack(act->step->args ? (long)act->step->arg[0] : -1), 0);
}

void do_getpgrp(struct act *act) { put_pid(&act->said, CALL(getpgid, 0)); }
void do_setpgid(struct act *act)
{
	i64 *arg = act->step->arg;
	say_result(act, CALL(setpgid, pid_of(act->me, arg[0]), pid_of(act->me, arg[1])), "ok");
}

void do_setsid(struct act *act) { say_result(act, CALL(setsid), "ok"); }

void do_tick(struct act *act)
{
	wait_for_ticks(2);
	put(&act->said, "ok");
}

void do_sleep(struct act *act)
{
	os_nap((long)act->step->arg[0] * 1000);
	put(&act->said, "ok");
}

static int posix_timer = -1; /* the last one of this memory */

void do_timer_create(struct act *act) { say_result(act, os_timer_create(&posix_timer), "ok"); }
void do_timer_gettime(struct act *act) { say_result(act, os_timer_gettime(posix_timer), "runs"); }

#ifdef __NetBSD__
/* The console becomes the session's terminal, for as long as a process has it open. */
void do_controlling_tty(struct act *act)
{
	long fd = CALL(open, "/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
	say_result(act, fd < 0 ? fd : CALL(ioctl, fd, TIOCSCTTY), "ok");
}

void do_setprivate(struct act *act) { say_result(act, CALL(_lwp_setprivate, act->step->arg[0]), "ok"); }
void do_getprivate(struct act *act) { say_result(act, CALL(_lwp_getprivate), 0); }

void do_rasctl(struct act *act)
{
	static char sequence[16];
	int how = act->step->arg[0] ? RAS_INSTALL : RAS_PURGE;
	say_result(act, CALL(rasctl, sequence, sizeof sequence, how), "ok");
}

void do_profil(struct act *act)
{
	static unsigned short samples[64];
	say_result(act, CALL(profil, samples, sizeof samples, 0, 1 << 16), "ok");
}

static void set_stop(struct act *act, int which)
{
	int name[] = {CTL_PROC, (int)pid_of(act->me, act->step->arg[0]), which}, old = 0;
	long error = sysctl_set(name, 3, &old, (int)act->step->arg[1]);
	say_result(act, error < 0 ? error : 0, "ok");
}

void do_stopfork(struct act *act) { set_stop(act, PROC_PID_STOPFORK); }
void do_stopexec(struct act *act) { set_stop(act, PROC_PID_STOPEXEC); }
#endif
