/* Steps that look at a process, or at the whole system, and those that set up what is looked for. */
#ifndef LOOK_H
#define LOOK_H

enum { PAGE = 4096 }; /* of every machine that NetBSD's probe is for */

static void restore_knobs(void)
{
#if HAVE_LOOKS
	for (int knob = MAXPROC; knob <= FORKFSLEEP; knob++)
		if (stage->knob_before[knob] >= 0)
			os_knob(knob, (long)stage->knob_before[knob]);
#endif
}

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

/* `signal` is the one that is looked for in a set, `path` where the program is. */
static void put_field(struct text *t, int field, const struct seen_value *v, int signal, const char *path)
{
	switch (field) {
	case KP_NICE: /* sys/param.h: NZERO is 20 */
		put(t, v->number < 20 ? "-" : "");
		put_number(t, (u64)(v->number < 20 ? 20 - v->number : v->number - 20), 10);
		break;
	case KP_EXITSIG:
		if (v->number)
			put_signal(t, (int)v->number);
		else
			put(t, "0");
		break;
	case KP_ACFLAG:
		put_names(t, "AFORK", "AXSIG", (u64)v->number);
		break;
	case KP_TRACEFLAG:
		put_names(t, "KTRFAC_SYSRET", "KTRFAC_INHERIT", (u64)v->number);
		break;
	case KP_REALSTAT:
		put(t, v->number == 2 ? "SACTIVE" : v->number == 4 ? "SSTOP" : v->number == 5 ? "SZOMB" : "other");
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

/* The same or not; of times, whether the second is later. */
static void compare_step(int me, struct step *step, struct text *t)
{
	struct seen_value one, other;
	int field = (int)step->arg[2];
	long error = os_field(pid_of(me, step->arg[0]), field, &one);
	if (error >= 0)
		error = os_field(pid_of(me, step->arg[1]), field, &other);
	if (error < 0)
		put_error(t, error);
	else if (field == KP_START && one.number != other.number)
		put(t, one.number < other.number ? "later" : "earlier");
	else
		put(t, one.number == other.number && same(one.text, other.text) ? "same" : "other");
}

/* Wait until the kernel's coarse clock has gone on twice. */
static void wait_for_ticks(int ticks)
{
	u64 seen = os_coarse_time();
	for (int i = 0; i < ticks;) {
		u64 now = os_coarse_time();
		i += now != seen;
		seen = now;
		os_yield();
	}
}

#if HAVE_LOOKS
/* Each CPU counts by itself, and the sum is made when the first one in a tick asks (subr_cpu.c, cpu_count_sync()). */
static void counts_step(struct text *t)
{
	u64 now[3];
	wait_for_ticks(1);
	long error = os_counts(now);
	if (error < 0) {
		put_error(t, error);
		return;
	}
	if (!stage->counted)
		for (int i = 0; i < 3; i++)
			stage->counts_before[i] = now[i];
	stage->counted = 1;
	for (int i = 0; i < 3; i++) {
		put(t, i ? " " : "");
		put_number(t, now[i] - stage->counts_before[i], 10);
	}
}

static long set_knob(int knob, long value)
{
	if (stage->knob_before[knob] < 0)
		stage->knob_before[knob] = os_knob(knob, -1);
	long error = os_knob(knob, value);
	return error < 0 ? error : 0;
}

/* Only since the scenario's first look: whether there is one before depends on the ten seconds before. */
static void tablefull_step(struct text *t)
{
	long found = os_messages("proc: table is full");
	if (stage->said_before < 0)
		stage->said_before = found;
	if (found < 0)
		put_error(t, found);
	else if (found - stage->said_before > 1) {
		put_number(t, (u64)(found - stage->said_before), 10);
		put(t, " times");
	} else
		put(t, found ? "said" : "never");
}

/* All events that wait, by actor: who, what, and for a newborn whose child it is. */
static void kevent_step(int me, long kq, struct text *t)
{
	struct {
		long pid, data;
		u32 notes;
	} event[16];
	int count = 0, any = 0;
	long got;
	while (count < 16 && (got = os_event(kq, &event[count].pid, &event[count].notes, &event[count].data)) > 0)
		count++;
	if (!count && got < 0) {
		put_error(t, got);
		return;
	}
	for (int who = 0; who <= stage->scenario.actors; who++)
		for (int i = 0; i < count; i++) {
			int known = 0;
			for (int a = 0; a < stage->scenario.actors && !known; a++)
				known = pid_of(me, a) == event[i].pid ? a + 1 : 0;
			if (known ? known != who + 1 : who != stage->scenario.actors)
				continue;
			put(t, any++ ? ", " : "");
			put_pid(t, event[i].pid);
			put(t, " ");
			put_names(t, "NOTE_TRACK", "NOTE_EXIT", event[i].notes);
			if (event[i].notes & 4 /* NOTE_CHILD */) {
				put(t, " ");
				put_pid(t, event[i].data);
			}
		}
	put(t, any ? "" : "none");
}

/* The records of one process, until the trace is closed. */
static void records_step(int me, struct step *step, struct text *t)
{
	long pid, got, wanted = pid_of(me, step->arg[1]);
	int type, code, any = 0;
	while ((got = os_record((long)step->arg[0], &pid, &type, &code)) > 0) {
		const char *name = os_is_fork_return(type, code) ? "SYSRET" : type == 7 ? "EMUL" : type == 8 ? "USER" : 0;
		if (pid != wanted || !name)
			continue;
		put(t, any++ ? " " : "");
		put(t, name);
	}
	if (got < 0)
		put_error(t, got);
	else if (!any)
		put(t, "none");
}

static void stopped_step(int me, struct step *step, struct text *t)
{
	struct status status;
	long got = os_wait4(pid_of(me, step->arg[0]), &status, 1 | 2 /* WNOHANG|WUNTRACED */);
	if (got <= 0) {
		put_result(t, got, "none");
		return;
	}
	put_pid(t, got);
	put(t, status.how == 's' ? " stopped" : " other");
}
#endif

/* The word at the start of a page, by way of a pipe: where nothing is mapped the kernel says so. */
LARGE static char the_page[PAGE] __attribute__((aligned(PAGE)));

static void page_step(struct step *step, struct text *t)
{
	int end[2];
	i64 word = step->arg[0], load = step->verb == V_PAGE_LOAD;
	long error = os_pipe(end);
	if (error >= 0) {
		error = os_write(end[1], load ? (void *)the_page : &word, sizeof word);
		if (error > 0)
			error = os_read(end[0], load ? &word : (void *)the_page, sizeof word);
		os_close(end[0]);
		os_close(end[1]);
	}
	put_result(t, error < 0 ? error : (long)word, load ? 0 : "ok");
}

#if HAVE_LOOKS
/* Whether a sleep of this LWP, and its return, are counted in the control block that its memory knows of. */
static void lc_pctr_step(struct text *t)
{
	int before = 0, after = 0;
	long r = os_lwp_counter(&before);
	if (r > 0) {
		os_nap(500);
		os_lwp_counter(&after);
	}
	put_result(t, r, r == 0 ? "none" : before != after ? "counted" : "still");
}
#endif

static void put_timer(struct text *t, long runs) { put_result(t, runs, runs ? "runs" : "none"); }

/* 1 where the step is one of these. */
static int look_step(int me, struct step *step, struct text *t)
{
	struct seen_value v, path = {0};
	long a = (long)step->arg[0], r;
	switch (step->verb) {
	case V_KINFO:
		r = os_field(pid_of(me, a), (int)step->arg[1], &v);
		if (r >= 0 && step->arg[1] == KP_COMM)
			r = os_field(pid_of(me, a), KP_PATHNAME, &path);
		if (r < 0)
			put_error(t, r);
		else
			put_field(t, (int)step->arg[1], &v, (int)step->arg[2], path.text);
		return 1;
	case V_COMPARE:
		compare_step(me, step, t);
		return 1;
	case V_FLAGS:
		r = os_field(pid_of(me, a), KP_FLAG, &v);
		if (r < 0)
			put_error(t, r);
		else
			put_names(t, "P_CONTROLT", "P_SYSCALL", (u64)(v.number & step->arg[1]));
		return 1;
	case V_TICK:
		wait_for_ticks(2);
		put(t, "ok");
		return 1;
	case V_SLEEP:
		os_nap(a * 1000);
		put(t, "ok");
		return 1;
	case V_NICE:
		put_result(t, os_nice(a), "ok");
		return 1;
	case V_SETITIMER:
		put_result(t, os_setitimer((int)a), "ok");
		return 1;
	case V_GETITIMER:
		put_timer(t, os_getitimer((int)a));
		return 1;
	case V_CHILDREN_USAGE:
		r = os_childrens_usage();
		put_result(t, r, r ? "some" : "none");
		return 1;
	case V_SIGALTSTACK:
		r = os_sigaltstack(step->args ? a : -1);
		put_result(t, r, 0);
		return 1;
	case V_PAGE_STORE:
	case V_PAGE_LOAD:
		page_step(step, t);
		return 1;
	case V_SETSID:
		r = os_setsid();
		put_result(t, r, "ok");
		return 1;
#if HAVE_LOOKS
	case V_CLOFORK:
		put_result(t, os_clofork(a, 1), "ok");
		return 1;
	case V_NOCLDSTOP:
	case V_NOCLDWAIT:
		put_result(t, os_default_sigchld(step->verb == V_NOCLDSTOP), "ok");
		return 1;
	case V_CONTROL:
		put_result(t, os_controlling_tty(), "ok");
		return 1;
	case V_MINHERIT:
		put_result(t, os_minherit(the_page, PAGE, (int)a), "ok");
		return 1;
	case V_SETPRIVATE:
		put_result(t, os_setprivate(a), "ok");
		return 1;
	case V_GETPRIVATE:
		put_result(t, os_getprivate(), 0);
		return 1;
	case V_LWP_CTL:
		put_result(t, os_lwp_ctl(), "ok");
		return 1;
	case V_LC_PCTR:
		lc_pctr_step(t);
		return 1;
	case V_RAS:
		put_result(t, os_ras((int)a), "ok");
		return 1;
	case V_PROFIL:
		put_result(t, os_profil(), "ok");
		return 1;
	case V_AIO:
		put_result(t, os_aio_read(a), "ok");
		return 1;
	case V_AIO_ERROR:
		put_result(t, os_aio_error(), 0);
		return 1;
	case V_STOPFORK:
	case V_STOPEXEC:
		put_result(t, os_stopflag(pid_of(me, a), step->verb == V_STOPEXEC, (long)step->arg[1]), "ok");
		return 1;
	case V_STOPPED:
		stopped_step(me, step, t);
		return 1;
	case V_COUNTS:
		counts_step(t);
		return 1;
	case V_MAXPROC:
		wait_for_ticks(2); /* whoever was just waited for has been counted out */
		r = os_processes();
		put_result(t, r < 0 ? r : set_knob(MAXPROC, r + a), "ok");
		return 1;
	case V_FORKFSLEEP:
		put_result(t, set_knob(FORKFSLEEP, a), "ok");
		return 1;
	case V_TOOK:
		/*
		 * The kernel counts its sleep in ticks. In a guest these come late
		 * and then fast, and each CPU has its own, so that neither the time
		 * nor, with several CPUs, the ticks tell how long it was.
		 */
		put(t, fork_took.sleeps && (os_cpus() > 1 || fork_took.ticks >= a / 10) ? "yes" : "no");
		return 1;
	case V_TABLEFULL:
		tablefull_step(t);
		return 1;
	case V_KQUEUE:
		r = os_kqueue();
		if (r >= 0 && r != a) {
			long moved = os_dup2(r, a);
			os_close(r);
			r = moved;
		}
		put_result(t, r, 0);
		return 1;
	case V_WATCH:
		put_result(t, os_watch(a, pid_of(me, step->arg[1]), (u32)step->arg[2]), "ok");
		return 1;
	case V_KEVENT:
		kevent_step(me, a, t);
		return 1;
	case V_KTRACE:
		put_result(t, os_ktrace(a, pid_of(me, step->arg[1]), (u32)step->arg[2]), "ok");
		return 1;
	case V_KTRACE_END:
		put_result(t, os_ktrace_end(a), "ok");
		return 1;
	case V_UTRACE:
		put_result(t, os_utrace(), "ok");
		return 1;
	case V_RECORDS:
		records_step(me, step, t);
		return 1;
#endif
	}
	return 0;
}

#endif
