/* What the kernel tells of a process. */
#include "observe.h"
#include "words.h"

/* Whether the name, which may be cut off, is what stands behind the path's last slash. */
static int is_last_part(const char *name, const char *path)
{
	const char *last = path;
	for (; *path; path++)
		if (*path == '/')
			last = path + 1;
	while (*name && *name == *last)
		name++, last++;
	return !*name;
}

static void put_nice(struct text *t, i64 p_nice)
{
	put(t, p_nice < NETBSD_NZERO ? "-" : "");
	put_number(t, (u64)(p_nice < NETBSD_NZERO ? NETBSD_NZERO - p_nice : p_nice - NETBSD_NZERO), 10);
}

/* `signal` is the one that is looked for in a set, `path` where the program is. */
static void put_field(struct text *t, int field, const struct seen_value *v, int signal, const char *path)
{
	switch (field) {
	case KP_NICE:
		put_nice(t, v->number);
		break;
	case KP_EXITSIG:
		if (v->number)
			put_signal(t, (int)v->number);
		else
			put(t, "0");
		break;
	case KP_ACFLAG:
		put_names(t, &accounting_flags, (u64)v->number);
		break;
	case KP_TRACEFLAG:
		put_names(t, &trace_facilities, (u64)v->number);
		break;
	case KP_REALSTAT:
		put(t, v->number == NETBSD_SACTIVE ? "SACTIVE"
		       : v->number == NETBSD_SSTOP ? "SSTOP"
		       : v->number == NETBSD_SZOMB ? "SZOMB"
						   : "other");
		break;
	case KP_COMM: /* exec takes it from the path's last part */
		put(t, *v->text && is_last_part(v->text, path) ? "program" : "other");
		break;
	case KP_ENAME:
		put(t, v->text);
		break;
	case KP_PPID:
		put_pid(t, (long)v->number);
		break;
	case KP_SIGMASK:
	case KP_SIGIGNORE:
		put(t, (u64)v->number >> (signal - 1) & 1 ? "yes" : "no");
		break;
	default:
		put_number(t, (u64)v->number, 10);
	}
}

void do_kinfo(struct act *act)
{
	struct seen_value v, path = {0};
	int field = (int)act->step->arg[1];
	long pid = pid_of(act->me, act->step->arg[0]), error = os_field(pid, field, &v);
	if (error >= 0 && field == KP_COMM)
		error = os_field(pid, KP_PATHNAME, &path);
	if (error < 0)
		put_error(&act->said, error);
	else
		put_field(&act->said, field, &v, (int)act->step->arg[2], path.text);
}

/* The same or not; of times, whether the second is later. */
void do_compare(struct act *act)
{
	struct seen_value one, other;
	i64 *arg = act->step->arg;
	int field = (int)arg[2];
	long error = os_field(pid_of(act->me, arg[0]), field, &one);
	if (error >= 0)
		error = os_field(pid_of(act->me, arg[1]), field, &other);
	if (error < 0)
		put_error(&act->said, error);
	else if (field == KP_START && one.number != other.number)
		put(&act->said, one.number < other.number ? "later" : "earlier");
	else
		put(&act->said, one.number == other.number && same(one.text, other.text) ? "same" : "other");
}

void do_flags(struct act *act)
{
	struct seen_value v;
	long error = os_field(pid_of(act->me, act->step->arg[0]), KP_FLAG, &v);
	if (error < 0)
		put_error(&act->said, error);
	else
		put_names(&act->said, &p_flags, (u64)(v.number & act->step->arg[1]));
}
