/* ktrace: what a traced process leaves in a file.  Linux has none of it. */
#ifdef __NetBSD__
#include <sys/types.h>
#include <sys/ktrace.h>

#include "observe.h"
#include "os_netbsd.h"

void do_ktrace(struct act *act)
{
	i64 *arg = act->step->arg;
	say_result(act, CALL(fktrace, arg[0], KTROP_SET | KTRFACv2, (u32)arg[2], pid_of(act->me, arg[1])), "ok");
}

void do_ktrace_end(struct act *act)
{
	say_result(act, CALL(fktrace, act->step->arg[0], KTROP_CLEARFILE | KTRFACv2, ~0u), "ok");
}

void do_utrace(struct act *act) { say_result(act, CALL(utrace, "step"), "ok"); }

static long read_fully(long fd, void *buf, unsigned long size)
{
	unsigned long at = 0;
	while (at < size) {
		long got = CALL(read, fd, (char *)buf + at, size - at);
		if (got <= 0)
			return got;
		at += (unsigned long)got;
	}
	return (long)size;
}

struct record {
	long pid;
	int type, code;
};

/* The next record of a trace: above 0 where there is one, 0 at the end of the file. */
static long read_record(long fd, struct record *record)
{
	struct ktr_header head;
	char skipped[64];
	long got = read_fully(fd, &head, sizeof head);
	if (got <= 0)
		return got;
	*record = (struct record){head.ktr_pid, head.ktr_type, 0};
	unsigned long left = (unsigned long)head.ktr_len;
	for (int first = 1; left; first = 0) {
		unsigned long part = left < sizeof skipped ? left : sizeof skipped;
		if ((got = read_fully(fd, skipped, part)) <= 0)
			return got;
		if (first && head.ktr_type == KTR_SYSRET && part >= sizeof(short))
			memcpy(&record->code, skipped, sizeof(short)); /* ktr_code, a short */
		left -= part;
	}
	return 1;
}

static const char *name_of_record(const struct record *record)
{
	switch (record->type) {
	case KTR_SYSRET:
		return record->code == SYS_fork ? "SYSRET" : 0;
	case KTR_EMUL:
		return "EMUL";
	case KTR_USER:
		return "USER";
	default:
		return 0;
	}
}

/* The records of one process, until the trace is closed. */
void do_records(struct act *act)
{
	struct record record;
	long got, wanted = pid_of(act->me, act->step->arg[1]);
	int any = 0;
	while ((got = read_record((long)act->step->arg[0], &record)) > 0) {
		const char *name = name_of_record(&record);
		if (record.pid != wanted || !name)
			continue;
		put(&act->said, any++ ? " " : "");
		put(&act->said, name);
	}
	if (got < 0)
		put_error(&act->said, got);
	else if (!any)
		put(&act->said, "none");
}
#endif
