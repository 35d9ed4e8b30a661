/* What a probe is asked for beside scenarios: to be measured by, and to run a program. */
#ifndef ERRAND_H
#define ERRAND_H

/* A bare loop of fork, _exit and wait4: what forkoracle's bench compares scenarios with. */
static void bench(u64 count)
{
	struct status status;
	u64 start = os_microtime();
	for (u64 i = 0; i < count; i++) {
		long pid = (long)os_fork(FORK, 0, 0, 0, 0, -1);
		if (pid < 0 || os_wait4(pid, &status, 0) != pid)
			os_exit(1);
	}
	say("bench ");
	say_number(count);
	say(" ");
	say_number(os_microtime() - start);
	say("\n");
}

/* Where vm/image.py puts a program, the slot of the child that becomes it, and its output. */
#define PROGRAM_PATH "/bin/sh"
enum { PROGRAM = 3 * MAX_ACTORS + 2 };
static int program_output;

/* In that child: become the program, with nothing of ours. */
static void become_program(void)
{
	char *name[] = {PROGRAM_PATH, 0};
	os_dup2(program_output, 1);
	os_dup2(1, 2);
	os_dup2(os_open("/dev/null"), 0);
	for (int fd = 3; fd < 64; fd++)
		os_close(fd);
	os_block(0, 0);
	os_exec(PROGRAM_PATH, name);
	os_exit(127);
}

/* Run the program that lies beside us: how it ended, and what it said, each line behind a bar. */
static void run_program(void)
{
	struct status status;
	int end[2];
	char c[2] = {0, 0}, last = '\n';
	os_pipe(end);
	program_output = end[1];
	long pid = (long)os_fork(FORK, 0, 0, 0, stack_of(0), PROGRAM);
	if (pid < 0 || os_wait4(pid, &status, 0) != pid)
		os_exit(3);
	/* Who is left of it may have the pipe, too: a byte of ours marks the end. */
	os_write(end[1], c, 1);
	say(status.how == 'e' ? "exited " : "killed ");
	say_number((u64)status.value);
	say("\n");
	while (os_read(end[0], c, 1) == 1 && c[0]) {
		if (last == '\n')
			say("|");
		last = c[0];
		say(c);
	}
	say(last == '\n' ? ".\n" : "\n.\n");
}

#endif
