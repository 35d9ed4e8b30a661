/* Linux: what the system says of a process, mostly in /proc. */
#include <errno.h>
#include <sys/resource.h>

#include "os_linux.h"
#include "syscall.h"
#include "text.h"

/* What a file of /proc says of the process, or minus the error number. */
static long read_proc(long pid, const char *file, char *text, long size)
{
	char path[32];
	struct text t = {path, path + sizeof path - 1};
	put(&t, "/proc/");
	put_number(&t, (u64)pid, 10);
	put(&t, file);
	long fd = os_open(path);
	if (fd < 0)
		return fd;
	long got = CALL(read, fd, text, size);
	CALL(close, fd);
	return got;
}

enum state os_state(long pid)
{
	char text[512];
	long got = read_proc(pid, "/stat", text, sizeof text - 1);
	if (got <= 0)
		return got == 0 || got == -ENOENT || got == -ESRCH ? NO_PROCESS : RUNNING;
	while (got > 0 && text[got - 1] != ')')
		got--;
	switch (text[got + 1]) {
	case 'R':
		return RUNNING;
	case 'Z':
	case 'X':
		return ZOMBIE;
	case 'T':
	case 't':
		return STOPPED;
	default:
		return ASLEEP;
	}
}

/* The number behind `name:` in the text of a status file. */
static u64 status_field(const char *text, const char *name, u64 base)
{
	u64 value = 0;
	for (; *text; text++) {
		const char *at = text, *s = name;
		while (*s && *at == *s)
			at++, s++;
		if (*s)
			continue;
		while (*at == ':' || *at == '\t')
			at++;
		for (; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
			value = value * base + (u64)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
		break;
	}
	return value;
}

long os_field(long pid, int field, struct seen_value *v)
{
	char text[4096];
	enum state state;
	long got;
	memset(v, 0, sizeof *v);
	switch (field) {
	case KP_NICE:
		got = CALL(getpriority, PRIO_PROCESS, pid); /* the call's 20 is NZERO, too: 20 - nice */
		v->number = 2 * NETBSD_NZERO - got;
		return got < 0 ? got : 0;
	case KP_REALSTAT: /* in NetBSD's numbers */
		state = os_state(pid);
		v->number = state == ZOMBIE ? NETBSD_SZOMB : state == STOPPED ? NETBSD_SSTOP : NETBSD_SACTIVE;
		return state == NO_PROCESS ? -ESRCH : 0;
	case KP_PPID:
	case KP_SIGMASK:
	case KP_SIGIGNORE:
		if ((got = read_proc(pid, "/status", text, sizeof text - 1)) <= 0)
			return -ESRCH;
		text[got] = 0;
		if (field == KP_PPID)
			v->number = (i64)status_field(text, "\nPPid", 10);
		else
			v->number =
			    (i64)netbsd_signals(status_field(text, field == KP_SIGMASK ? "\nSigBlk" : "\nSigIgn", 16));
		return 0;
	default:
		return CANNOT;
	}
}

enum state os_lwp_state(long pid, long lid)
{
	(void)lid;
	return os_state(pid); /* a scenario with several LWPs is for NetBSD only */
}
long os_lwp_self(void) { return CANNOT; }

long os_childrens_usage(void)
{
	struct rusage ru = {0};
	long error = CALL(getrusage, RUSAGE_CHILDREN, &ru);
	char any = 0;
	for (unsigned long i = 0; i < sizeof ru; i++)
		any |= ((char *)&ru)[i];
	return error < 0 ? error : any != 0;
}

void os_effort(struct effort *now) { *now = (struct effort){0, 0}; } /* only `took` asks, which is NetBSD's */
