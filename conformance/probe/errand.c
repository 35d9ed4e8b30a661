/* What a probe is asked for beside scenarios: to be measured by, and to run a program. */
#include "birth.h"
#include "errand.h"
#include "io.h"
#include "stage.h"
#include "syscall.h"

void bench(u64 count)
{
	struct status status;
	u64 start = os_microtime();
	for (u64 i = 0; i < count; i++) {
		long pid = (long)os_fork(BY_FORK, 0, 0, 0, 0, SLOT_OF_NONE);
		if (pid < 0 || os_wait4(pid, &status, 0) != pid)
			os_exit(1);
	}
	say("bench ");
	say_number(count);
	say(" ");
	say_number(os_microtime() - start);
	say("\n");
}

/* Where vm/image.py puts a program, and its output. */
#define PROGRAM_PATH "/bin/sh"
static int program_output;

void become_program(void)
{
	char *name[] = {PROGRAM_PATH, 0}, *environment[] = {0};
	os_dup2(program_output, 1);
	os_dup2(1, 2);
	os_dup2(os_open("/dev/null"), 0);
	for (int fd = 3; fd < 64; fd++)
		CALL(close, fd);
	os_block(0, ALL_SIGNALS);
	CALL(execve, PROGRAM_PATH, name, environment);
	os_exit(127);
}

void run_program(void)
{
	struct status status;
	int end[2];
	char c[2] = {0, 0}, last = '\n';
	CALL(pipe2, end, 0);
	program_output = end[1];
	long pid = (long)os_fork(BY_FORK, 0, 0, 0, stack_of(0), SLOT(ROLE_PROGRAM, 0));
	if (pid < 0 || os_wait4(pid, &status, 0) != pid)
		os_exit(3);
	/* A process that it leaves behind may have the pipe, too: a byte of ours marks the end. */
	CALL(write, end[1], c, 1);
	say(status.how == EXITED ? "exited " : "killed ");
	say_number((u64)status.value);
	say("\n");
	while (CALL(read, end[0], c, 1) == 1 && c[0]) {
		if (last == '\n')
			say("|");
		last = c[0];
		say(c);
	}
	say(last == '\n' ? ".\n" : "\n.\n");
}
