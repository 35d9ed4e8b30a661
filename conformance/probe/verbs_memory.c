/* What of its parent's memory a child has: a word, and a page. */
#include "observe.h"
#include "own.h"
#include "syscall.h"

void do_store(struct act *act)
{
	the_word = act->step->arg[0];
	put(&act->said, "ok");
}

void do_load(struct act *act) { put_number(&act->said, (u64)the_word, 10); }

/* Copies by way of a pipe: where nothing is mapped, the kernel says so, and no signal ends us. */
static long copy_by_pipe(void *to, const void *from, long size)
{
	int end[2];
	long error = CALL(pipe2, end, 0);
	if (error < 0)
		return error;
	error = CALL(write, end[1], from, size);
	if (error > 0)
		error = CALL(read, end[0], to, size);
	CALL(close, end[0]);
	CALL(close, end[1]);
	return error;
}

void do_page_store(struct act *act)
{
	i64 word = act->step->arg[0];
	say_result(act, copy_by_pipe(the_page, &word, sizeof word), "ok");
}

void do_page_load(struct act *act)
{
	i64 word = 0;
	long error = copy_by_pipe(&word, the_page, sizeof word);
	say_result(act, error < 0 ? error : (long)word, 0);
}

#ifdef __NetBSD__
void do_minherit(struct act *act) { say_result(act, CALL(minherit, the_page, PAGE, act->step->arg[0]), "ok"); }
#endif
