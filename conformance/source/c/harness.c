#include "harness.h"

#include "calls.h"
#include "record.h"
#include "rules.h"
#include "world.h"

struct head {
#define HEAD(name) int64_t name;
#define PROGRESS(name)
#include "frame.def"
#undef HEAD
#undef PROGRESS
};
#define HEAD_WORDS (sizeof(struct head) / sizeof(int64_t))

static int call(void)
{
	struct sys___clone_args args = {{(int)given.flags}, {(void *)given.stack}};
	register_t *values = given.no_retval ? NULL : retval;

	switch ((enum function)given.call) {
	case FUNCTION_fork1:
		return fork1(curlwp, (int)given.flags, (int)given.exitsig, (void *)given.stack, (size_t)given.stacksize,
		    given.func ? some_function : NULL, (void *)given.arg, values);
	case FUNCTION_sys_fork:
		return sys_fork(curlwp, NULL, values);
	case FUNCTION_sys_vfork:
		return sys_vfork(curlwp, NULL, values);
	case FUNCTION_sys___vfork14:
		return sys___vfork14(curlwp, NULL, values);
	case FUNCTION_sys___clone:
		return sys___clone(curlwp, &args, values);
	case FUNCTION_child_return:
		child_return(curlwp);
		return 0;
	}
	return 0;
}

/* Writes the words of the calls and their number to `out`; returns the place behind them. */
static int64_t *put_calls(int64_t *out)
{
	*out++ = progress->call_words;
	for (int64_t n = 0; n < progress->call_words; n++)
		*out++ = progress->words[n];
	return out;
}

/* Runs one case and writes its record; returns the place behind it. */
static int64_t *run_one(const int64_t *fields, int64_t *out)
{
	struct head *head = (struct head *)out;
	int64_t *volatile at = out + HEAD_WORDS;

	world_begin(fields);
	memset(head, 0, sizeof *head);
	if (__builtin_setjmp(the_panic.recover) == 0) {
		head->returned = call();
		rules_check();
	} else {
		head = (struct head *)(at - HEAD_WORDS);
		head->panicked = the_panic.how;
		head->line = the_panic.line;
		head->returned = -1;
	}
	at = put_calls(record_state(at));
	if (head->panicked) {
		memcpy(at, the_panic.message, sizeof the_panic.message);
		at += MESSAGE_WORDS;
	}
	head->length = at - (int64_t *)head;
	return at;
}

int64_t forkoracle_run(const int64_t *cases, int64_t count, int64_t width, int64_t *out, int64_t room,
    volatile void *shared, int64_t *snapshots, int64_t *rules, void *printed)
{
	int64_t *at = out, n;

	record_boot();
	progress = shared;
	snapshot = snapshots;
	said = printed;
	for (n = 0; n < count && out + room - at >= MAX_RECORD; n++) {
		progress->begun = n + 1;
		broken = rules + n;
		*broken = 0;
		at = run_one(cases + n * width, at);
		progress->written = at - out;
	}
	return n;
}

#ifdef FORKORACLE_COVERAGE
extern void __gcov_dump(void);

void forkoracle_dump(void) { __gcov_dump(); }
#endif
