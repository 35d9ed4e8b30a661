/* The end of a process, and another program in it.  The director passes the turn on once it is dead. */
#include "observe.h"
#include "own.h"
#include "syscall.h"

void do_exit(struct act *act)
{
	conclude_before(act);
	os_exit((int)act->step->arg[0]);
}

/* The program is the probe itself, which reads the descriptor to its end: see probe.c. */
void do_exec(struct act *act)
{
	char until[] = "--until-eof", fd[24], *argv[] = {self_path, until, fd, 0}, *env[] = {0};
	struct text t = {fd, fd + sizeof fd - 1};
	put_number(&t, (u64)act->step->arg[0], 10);
	conclude_before(act);
	stage->actor[act->me].replaced = 1;
	take_turn(act->index, act->me);
	CALL(execve, self_path, argv, env);
	os_exit(127);
}
