/* Observations: what a step saw, in words. */
#include <errno.h>

#include "observe.h"
#include "words.h"

static const char *name_of_error(long error)
{
#define NAMED(name)         \
	{                   \
		name, #name \
	}
	static const struct {
		int error;
		const char *name;
	} names[] = {NAMED(EPERM), NAMED(ENOENT), NAMED(ESRCH), NAMED(EINTR), NAMED(EIO), NAMED(E2BIG), NAMED(EBADF),
	    NAMED(ECHILD), NAMED(EAGAIN), NAMED(ENOMEM), NAMED(EACCES), NAMED(EFAULT), NAMED(EBUSY), NAMED(EEXIST),
	    NAMED(EINVAL), NAMED(ENFILE), NAMED(EMFILE), NAMED(ENOSPC), NAMED(ESPIPE), NAMED(EDEADLK), NAMED(ENOSYS),
	    NAMED(EUSERS), NAMED(EDOM), NAMED(ERANGE), NAMED(ENOTDIR), NAMED(EISDIR)};
#undef NAMED
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].error == error)
			return names[i].name;
	return 0;
}

void put_error(struct text *t, long error)
{
	const char *name = error == CANNOT ? "cannot" : name_of_error(-error);
	if (name)
		put(t, name);
	else {
		put(t, "errno ");
		put_number(t, (u64)-error, 10);
	}
}

void put_pid(struct text *t, long pid)
{
	put(t, "@");
	put_number(t, (u64)pid, 10);
}

void put_result(struct text *t, long result, const char *good)
{
	if (result < 0)
		put_error(t, result);
	else if (good)
		put(t, good);
	else
		put_number(t, (u64)result, 10);
}

void say_result(struct act *act, long result, const char *good) { put_result(&act->said, result, good); }

void put_status(struct text *t, long got, const struct status *status)
{
	if (got <= 0) {
		put_result(t, got, "none");
		return;
	}
	put_pid(t, got);
	switch (status->how) {
	case EXITED:
		put(t, " exited ");
		put_number(t, (u64)status->value, 10);
		break;
	case WAS_CONTINUED:
		put(t, " continued");
		break;
	default:
		put(t, status->how == KILLED ? " killed " : " stopped ");
		put_signal(t, status->value);
	}
}

/* What only clearing the stage has brought about is not told. */
void conclude(u32 index, const char *seen)
{
	if (stage->over)
		os_exit(0);
	settle_result((int)index, seen);
}

void conclude_before(struct act *act) { conclude(act->index, "ok"); }
