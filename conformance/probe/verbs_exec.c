/* The end of a process, and another program in it.  The director passes the turn on once it is dead. */
#include "again.h"
#include "observe.h"
#include "own.h"
#include "syscall.h"

void do_exit(struct act *act)
{
	conclude_before(act);
	os_exit((int)act->step->arg[0]);
}

/* What the kernel is given for a program of the language that is none; 0: it is one. */
static const char *path_that_fails(int program)
{
	switch (program) {
	case PROGRAM_MISSING:
		return "/forkoracle-has-no-such-program";
	case PROGRAM_BELOWFILE:
		return "/dev/null/program";
	case PROGRAM_DIRECTORY:
		return "/";
	case PROGRAM_DEVICE:
		return "/dev/null";
	case PROGRAM_BADADDRESS:
		return (const char *)-1l;
	default:
		return 0;
	}
}

static char *number_word(char *word, int size, u64 value)
{
	struct text t = {word, word + size - 1};
	put_number(&t, value, 10);
	return word;
}

/* The program is the probe itself.  It says on the stage that it has begun: see again.c. */
static long become_probe(struct act *act, u64 reads)
{
	enum { DIGITS = 24 };
	char again[] = AGAIN, words[3][DIGITS];
	char *argv[AGAIN_WORDS + 1] = {self_path, again, number_word(words[0], DIGITS, (u64)act->me),
	    number_word(words[1], DIGITS, act->index), number_word(words[2], DIGITS, reads), 0};
	stage->actor[act->me].replaced = reads != NOTHING_TO_READ;
	long error = CALL(execve, os_own_program ? os_own_program : self_path, argv, argv + AGAIN_WORDS);
	stage->actor[act->me].replaced = 0;
	return error;
}

void do_exec(struct act *act)
{
	i64 program = act->step->arg[0] - FIRST_PROGRAM;
	const char *wrong = path_that_fails((int)program);
	char *argv[] = {self_path, 0};
	if (wrong)
		say_result(act, CALL(execve, wrong, argv, argv + 1), 0);
	else if (!stage_is_kept)
		put_error(&act->said, CANNOT);
	else
		say_result(
		    act, become_probe(act, program == PROGRAM_SELF ? NOTHING_TO_READ : (u64)act->step->arg[0]), 0);
}
