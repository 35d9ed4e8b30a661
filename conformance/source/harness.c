/*
 * Runs cases: sets up the world, makes the call, records what there is afterwards.
 *
 * forkoracle_run() is called from Python, in a process of its own that may die of
 * what the file under test does.
 */
#include "world.h"

register_t forkoracle_retval[2];

static void *recover[5]; /* __builtin_setjmp's */
static char message[200];
static int panic_line;

void
forkoracle_panic(const char *text, int line)
{
	size_t n = 0;

	for (; n < sizeof message - 1 && text[n] != '\0'; n++)
		message[n] = text[n];
	message[n] = '\0';
	panic_line = line;
	__builtin_longjmp(recover, 1);
}

void forkoracle_func(void *arg) { (void)arg; }

static int
call(void)
{
	struct sys___clone_args args = { { (int)c.flags }, { (void *)c.stack } };
	register_t *retval = c.no_retval ? NULL : forkoracle_retval;

	switch (c.call) {
	case 0:
		return fork1(curlwp, (int)c.flags, (int)c.exitsig, (void *)c.stack, (size_t)c.stacksize,
		    c.func ? forkoracle_func : NULL, (void *)c.arg, retval);
	case 1:
		return sys_fork(curlwp, NULL, retval);
	case 2:
		return sys_vfork(curlwp, NULL, retval);
	case 3:
		return sys___vfork14(curlwp, NULL, retval);
	case 4:
		return sys___clone(curlwp, &args, retval);
	default:
		child_return(curlwp);
		return 0;
	}
}

/*
 * Run `count` cases of `width` words from `cases` and write their records to `out`,
 * of `room` words; the number that were run.  A record: its length, 1 after a panic,
 * the panic's line, what the call returned, the state, the length of the list of
 * calls, the list, and the panic's text.  `snapshots`, unless it is NULL, is for the
 * state before each call of the one case that there is then.
 */
int64_t
forkoracle_run(const int64_t *cases, int64_t count, int64_t width, int64_t *out, int64_t room,
    volatile int64_t *shared, int64_t *snapshots)
{
	int64_t *volatile at = out;
	volatile int64_t n;

	world_boot();
	progress = shared;
	snapshot = snapshots;
	for (n = 0; n < count; n++) {
		int64_t *record = at, *state = at + 4;
		int i;

		if (out + room - at < MAX_WORDS + 600)
			break;
		progress[0] = n + 1;
		world_begin(cases + n * width);
		forkoracle_retval[0] = -7;
		forkoracle_retval[1] = -8;
		record[1] = record[2] = 0;
		if (__builtin_setjmp(recover) == 0) {
			record[3] = call();
		} else {
			record = at;
			state = at + 4;
			record[1] = 1;
			record[2] = panic_line;
			record[3] = -1;
		}
		state = world_record(state);
		*state++ = nevents;
		for (i = 0; i < nevents; i++)
			*state++ = events[i];
		if (record[1]) {
			memset(state, 0, sizeof message);
			memcpy(state, message, sizeof message);
			state += sizeof message / sizeof *state;
		}
		record[0] = state - record;
		at = state;
		progress[1] = at - out;
	}
	return n;
}

#ifdef FORKORACLE_COVERAGE
extern void __gcov_dump(void);
void forkoracle_dump(void) { __gcov_dump(); }
#endif
