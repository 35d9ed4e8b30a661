/*
 * The scenario's text, read into steps.  The verbs and the kinds of their
 * arguments are those of reference_model/language/scenario.py; `probe --verbs` prints
 * them, and a test compares the two.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

enum { MAX_STEPS = 64, MAX_ACTORS = 8, ANONYMOUS = MAX_ACTORS, ANYBODY, WORD = 128 };

enum verb {
	V_FORK, V_VFORK, V_VFORK14, V_CLONE, V_RETVAL1, V_STACK, V_LWP_CREATE, V_LWP_EXIT, V_EXIT, V_EXEC, V_GETPPID, V_KILL,
	V_WAIT4, V_STORE, V_LOAD, V_OPEN, V_CLOSE, V_DUP2, V_LSEEK, V_TELL, V_PIPE, V_CHDIR, V_GETCWD,
	V_UMASK, V_SIGACTION, V_SIGPROCMASK, V_SIGPENDING, V_SETRLIMIT, V_GETRLIMIT, V_SETREUID,
	V_CLOFORK, V_KINFO, V_COMPARE, V_FLAGS, V_NICE, V_TICK, V_SLEEP, V_SETITIMER, V_GETITIMER, V_CHILDREN_USAGE,
	V_SIGALTSTACK, V_NOCLDSTOP, V_NOCLDWAIT, V_SETSID, V_CONTROL, V_MINHERIT, V_PAGE_STORE, V_PAGE_LOAD, V_SETPRIVATE, V_GETPRIVATE, V_LWP_CTL, V_LC_PCTR, V_RAS, V_PROFIL, V_AIO, V_AIO_ERROR,
	V_STOPFORK, V_STOPEXEC, V_STOPPED, V_COUNTS, V_MAXPROC, V_FORKFSLEEP, V_TOOK, V_TABLEFULL,
	V_KQUEUE, V_WATCH, V_KEVENT, V_KTRACE, V_KTRACE_END, V_UTRACE, V_RECORDS,
	V_SPAWN, V_ATTACH, V_SET_EVENT_MASK, V_GET_EVENT_MASK, V_GET_PROCESS_STATE, V_GET_SIGINFO,
	V_CONTINUE, V_DETACH, V_TRACE_KILL, V_TRACE_ME, V_SET_SIGPASS, V_GET_SIGPASS, VERBS
};

/*
 * c child, y LWP, a actor, w whom, f flags, k stack, i integer, g signal, o options,
 * p path, m octal, d disposition, h how, l limit, u uid, e events, q field,
 * s field to show, b flags of a process, n notes, t trace facilities, r
 * install or purge, v timer, x signals, j inheritance; a capital letter may be left out.  `alone` marks what a process can do that runs one
 * scenario after another without carrying anything over.
 */
static const struct {
	const char *name, *kinds;
	int alone;
} verbs[VERBS] = {
	[V_FORK] = {"fork", "c", 1},
	[V_VFORK] = {"vfork", "c", 1},
	[V_VFORK14] = {"__vfork14", "c", 1},
	[V_CLONE] = {"__clone", "fcK", 1},
	[V_RETVAL1] = {"retval1", "", 1},
	[V_STACK] = {"stack", "", 0},
	[V_LWP_CREATE] = {"_lwp_create", "y", 0},
	[V_LWP_EXIT] = {"_lwp_exit", "", 0},
	[V_EXIT] = {"exit", "i", 0},
	[V_EXEC] = {"exec", "i", 0},
	[V_GETPPID] = {"getppid", "", 0},
	[V_KILL] = {"kill", "ag", 0},
	[V_WAIT4] = {"wait4", "wO", 1},
	[V_STORE] = {"store", "i", 1},
	[V_LOAD] = {"load", "", 1},
	[V_OPEN] = {"open", "i", 0},
	[V_CLOSE] = {"close", "i", 0},
	[V_DUP2] = {"dup2", "ii", 0},
	[V_LSEEK] = {"lseek", "ii", 0},
	[V_TELL] = {"tell", "i", 0},
	[V_PIPE] = {"pipe", "ii", 0},
	[V_CHDIR] = {"chdir", "p", 0},
	[V_GETCWD] = {"getcwd", "", 0},
	[V_UMASK] = {"umask", "m", 0},
	[V_SIGACTION] = {"sigaction", "gD", 0},
	[V_SIGPROCMASK] = {"sigprocmask", "hg", 0},
	[V_SIGPENDING] = {"sigpending", "", 0},
	[V_SETRLIMIT] = {"setrlimit", "ll", 0},
	[V_GETRLIMIT] = {"getrlimit", "", 0},
	[V_SETREUID] = {"setreuid", "uu", 0},
	[V_CLOFORK] = {"clofork", "i", 0},
	[V_KINFO] = {"kinfo", "asG", 0},
	[V_COMPARE] = {"compare", "aaq", 0},
	[V_FLAGS] = {"flags", "ab", 0},
	[V_NICE] = {"nice", "i", 0},
	[V_TICK] = {"tick", "", 0},
	[V_SLEEP] = {"sleep", "i", 0},
	[V_SETITIMER] = {"setitimer", "v", 0},
	[V_GETITIMER] = {"getitimer", "v", 0},
	[V_CHILDREN_USAGE] = {"childrens_usage", "", 0},
	[V_SIGALTSTACK] = {"sigaltstack", "I", 0},
	[V_NOCLDSTOP] = {"nocldstop", "", 0},
	[V_NOCLDWAIT] = {"nocldwait", "", 0},
	[V_SETSID] = {"setsid", "", 0},
	[V_CONTROL] = {"controlling_tty", "", 0},
	[V_MINHERIT] = {"minherit", "j", 0},
	[V_PAGE_STORE] = {"page_store", "i", 0},
	[V_PAGE_LOAD] = {"page_load", "", 0},
	[V_SETPRIVATE] = {"setprivate", "i", 0},
	[V_GETPRIVATE] = {"getprivate", "", 0},
	[V_LWP_CTL] = {"_lwp_ctl", "", 0},
	[V_LC_PCTR] = {"lc_pctr", "", 0},
	[V_RAS] = {"rasctl", "r", 0},
	[V_PROFIL] = {"profil", "", 0},
	[V_AIO] = {"aio_read", "i", 0},
	[V_AIO_ERROR] = {"aio_error", "", 0},
	[V_STOPFORK] = {"stopfork", "ai", 0},
	[V_STOPEXEC] = {"stopexec", "ai", 0},
	[V_STOPPED] = {"stopped", "w", 0},
	[V_COUNTS] = {"fork_counts", "", 0},
	[V_MAXPROC] = {"maxproc", "i", 0},
	[V_FORKFSLEEP] = {"forkfsleep", "i", 0},
	[V_TOOK] = {"took", "i", 0},
	[V_TABLEFULL] = {"tablefull", "", 0},
	[V_KQUEUE] = {"kqueue", "i", 0},
	[V_WATCH] = {"watch", "ian", 0},
	[V_KEVENT] = {"kevent", "i", 0},
	[V_KTRACE] = {"ktrace", "iat", 0},
	[V_KTRACE_END] = {"ktrace_end", "i", 0},
	[V_UTRACE] = {"utrace", "", 0},
	[V_RECORDS] = {"records", "iw", 0},
	[V_SPAWN] = {"spawn", "c", 0},
	[V_ATTACH] = {"PT_ATTACH", "a", 0},
	[V_SET_EVENT_MASK] = {"PT_SET_EVENT_MASK", "ae", 0},
	[V_GET_EVENT_MASK] = {"PT_GET_EVENT_MASK", "a", 0},
	[V_GET_PROCESS_STATE] = {"PT_GET_PROCESS_STATE", "a", 0},
	[V_GET_SIGINFO] = {"PT_GET_SIGINFO", "a", 0},
	[V_CONTINUE] = {"PT_CONTINUE", "aG", 0},
	[V_DETACH] = {"PT_DETACH", "a", 0},
	[V_TRACE_KILL] = {"PT_KILL", "a", 0},
	[V_TRACE_ME] = {"PT_TRACE_ME", "", 0},
	[V_SET_SIGPASS] = {"PT_SET_SIGPASS", "ax", 0},
	[V_GET_SIGPASS] = {"PT_GET_SIGPASS", "a", 0},
};

struct step {
	int actor, verb, child; /* child: -1 where the step gives birth to nobody */
	i64 arg[3];
	int args;
	char path[WORD];
};

struct scenario {
	int steps, actors, alone, traced, measured, together;
	int roots, lwps; /* a bit for each actor that is one; an LWP is one that _lwp_create makes */
	char names[MAX_ACTORS][8];
	struct step step[MAX_STEPS];
};

static i64 user_count; /* what `count` stands for in a limit */
static i64 free_uid;   /* what `free1` stands for; `free2` is the next one */

static const struct {
	const char *name;
	u32 value;
} words[] = {
	/* NetBSD's numbers; test_constants.py compares them with its headers. */
	{"CLONE_VM", 0x100}, {"CLONE_FS", 0x200}, {"CLONE_FILES", 0x400}, {"CLONE_SIGHAND", 0x800},
	{"CLONE_PTRACE", 0x2000}, {"CLONE_VFORK", 0x4000},
	{"WNOHANG", 1}, {"WUNTRACED", 2}, {"WALTSIG", 4}, {"WALLSIG", 8}, {"WCONTINUED", 16},
	{"PTRACE_FORK", 1}, {"PTRACE_VFORK", 2}, {"PTRACE_VFORK_DONE", 4}, {"PTRACE_LWP_CREATE", 8},
	{"PTRACE_LWP_EXIT", 0x10}, {"PTRACE_POSIX_SPAWN", 0x20},
	{"P_CONTROLT", 0x2}, {"P_NOCLDSTOP", 0x8}, {"P_PPWAIT", 0x10}, {"P_PROFIL", 0x20},
	{"P_SUGID", 0x100}, {"P_TRACED", 0x800}, {"P_EXEC", 0x4000}, {"P_NOCLDWAIT", 0x20000},
	{"P_CLDSIGIGN", 0x80000}, {"P_CHTRACED", 0x400000}, {"P_STOPFORK", 0x800000},
	{"P_STOPEXEC", 0x1000000}, {"P_SYSCALL", 0x4000000},
	{"AFORK", 1}, {"ASU", 2}, {"ACOMPAT", 4}, {"ACORE", 8}, {"AXSIG", 16},
	{"NOTE_TRACK", 1}, {"NOTE_TRACKERR", 2}, {"NOTE_CHILD", 4}, {"NOTE_FORK", 0x40000000},
	{"NOTE_EXIT", 0x80000000},
	{"KTRFAC_SYSRET", 0x4}, {"KTRFAC_PSIG", 0x20}, {"KTRFAC_EMUL", 0x80}, {"KTRFAC_USER", 0x100},
	{"KTRFAC_TRC_EMUL", 0x10000000}, {"KTRFAC_INHERIT", 0x40000000},
	{"MAP_INHERIT_SHARE", 0}, {"MAP_INHERIT_COPY", 1}, {"MAP_INHERIT_NONE", 2}, {"MAP_INHERIT_ZERO", 4},
	{"SIGHUP", 1}, {"SIGINT", 2}, {"SIGQUIT", 3}, {"SIGILL", 4}, {"SIGTRAP", 5}, {"SIGABRT", 6},
	{"SIGEMT", 7}, {"SIGFPE", 8}, {"SIGKILL", 9}, {"SIGBUS", 10}, {"SIGSEGV", 11}, {"SIGSYS", 12},
	{"SIGPIPE", 13}, {"SIGALRM", 14}, {"SIGTERM", 15}, {"SIGURG", 16}, {"SIGSTOP", 17},
	{"SIGTSTP", 18}, {"SIGCONT", 19}, {"SIGCHLD", 20}, {"SIGTTIN", 21}, {"SIGTTOU", 22},
	{"SIGIO", 23}, {"SIGXCPU", 24}, {"SIGXFSZ", 25}, {"SIGVTALRM", 26}, {"SIGPROF", 27},
	{"SIGWINCH", 28}, {"SIGINFO", 29}, {"SIGUSR1", 30}, {"SIGUSR2", 31}, {"SIGPWR", 32},
};
enum { NAMED_BITS = 0xff | 0x100 | 0x200 | 0x400 | 0x800 | 0x2000 | 0x4000 };
enum { N_WORDS = sizeof words / sizeof words[0] };

/* The fields of kern.proc2 in the order of os.h. */
static const char *const fields[FIELDS] = {"p_nice", "p_exitsig", "p_acflag", "p_ename", "p_traceflag", "p_nlwps",
    "p_realstat", "p_comm", "p_ppid", "p_sigmask", "p_sigignore", "p__pgid", "p_sess", "p_fd", "p_cwdi", "p_limit",
    "p_vmspace", "p_sigacts", "p_stats", "p_tracep", "p_textvp", "pathname", "start"};
static const char *const timers[] = {"real", "virtual", "prof"};

static int index_of(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (same(names[i], name))
			return i;
	return -1;
}

/* A|B|SIG40|0x1000 */
static int bits(char *s, i64 *value)
{
	u32 v = 0;
	for (char *next; s; s = next) {
		u64 n;
		int i;
		for (next = s; *next && *next != '|'; next++)
			;
		if (*next)
			*next++ = 0;
		else
			next = 0;
		for (i = 0; i < N_WORDS && !same(words[i].name, s); i++)
			;
		if (i < N_WORDS)
			v |= words[i].value;
		else if (s[0] == 'S' && s[1] == 'I' && s[2] == 'G' && number(s + 3, 10, &n))
			v |= (u32)n;
		else if (number(s, 10, &n))
			v |= (u32)n;
		else
			return 0;
	}
	*value = v;
	return 1;
}

static void put_signal(struct text *t, int signal)
{
	for (int i = N_WORDS - 32; i < N_WORDS; i++)
		if (words[i].value == (u32)signal) {
			put(t, words[i].name);
			return;
		}
	put(t, "SIG");
	put_number(t, (u64)signal, 10);
}

static int actor_named(struct scenario *s, const char *name, int make)
{
	int i;
	for (i = 0; i < s->actors; i++)
		if (same(s->names[i], name))
			return i;
	if (!make || i == MAX_ACTORS || length(name) > 7)
		return -1;
	memcpy(s->names[i], name, length(name) + 1);
	s->actors++;
	return i;
}

static const char *read_argument(struct scenario *s, struct step *step, char kind, char *word)
{
	i64 *arg = &step->arg[step->args];
	u64 n = 0;
	switch (kind | 0x20) {
	case 'c':
		step->child = same(word, "-") ? ANONYMOUS : actor_named(s, word, 1);
		*arg = step->child;
		return step->child < 0 ? "too many actors" : 0;
	case 'y':
		step->child = actor_named(s, word, 1);
		return step->child < 0 ? "too many actors" : 0;
	case 'a':
		*arg = actor_named(s, word, 1);
		return *arg < 0 ? "too many actors" : 0;
	case 'w':
		*arg = same(word, "-") ? ANONYMOUS : same(word, "any") ? ANYBODY : actor_named(s, word, 1);
		return *arg < 0 ? "too many actors" : 0;
	case 'f':
	case 'g':
	case 'o':
	case 'e':
	case 'b':
	case 'n':
	case 't':
	case 'j':
		return bits(word, arg) ? 0 : "unknown name";
	case 's':
		*arg = index_of(fields, SHOWN, word);
		return *arg < 0 ? "unknown field" : 0;
	case 'q':
		*arg = index_of(fields, FIELDS, word);
		return *arg < 0 ? "unknown field" : 0;
	case 'v':
		*arg = index_of(timers, 3, word);
		return *arg < 0 ? "unknown timer" : 0;
	case 'r':
		*arg = same(word, "install");
		return 0;
	case 'x': /* SIGCHLD|SIGUSR1: bit n-1 for signal n */
		for (char *next = word; next; word = next) {
			while (*next && *next != '|')
				next++;
			next = *next ? *next = 0, next + 1 : 0;
			i64 signal;
			if (!bits(word, &signal) || signal < 0 || signal > 63)
				return "unknown signal";
			*arg |= signal ? (i64)(1ull << (signal - 1)) : 0;
		}
		return 0;
	case 'k':
		*arg = 1;
		return same(word, "own") ? 0 : "expected own";
	case 'i':
		*arg = number(word, 10, &n) ? (i64)n : -1;
		return *arg < 0 ? "expected a number" : 0;
	case 'm':
		*arg = number(word, 8, &n) ? (i64)n : -1;
		return *arg < 0 ? "expected an octal number" : 0;
	case 'd':
		*arg = word[0];
		return 0;
	case 'h':
		*arg = same(word, "block");
		return 0;
	case 'l':
		if (same(word, "inf")) {
			*arg = -1;
			return 0;
		}
		if (word[0] == 'c' && length(word) > 6) { /* count+N, count-N */
			if (!number(word + 6, 10, &n))
				return "expected count+N";
			*arg = user_count + (word[5] == '-' ? -(i64)n : (i64)n);
			return 0;
		}
		*arg = number(word, 10, &n) ? (i64)n : -2;
		return *arg == -2 ? "expected a limit" : 0;
	case 'u':
		if (same(word, "free1") || same(word, "free2")) {
			*arg = free_uid + (word[4] - '1');
			return free_uid ? 0 : "no free user ID is known";
		}
		*arg = same(word, "-1") ? -1 : number(word, 10, &n) ? (i64)n : -2;
		return *arg == -2 ? "expected a user ID" : 0;
	case 'p':
		if (length(word) >= WORD)
			return "path too long";
		memcpy(step->path, word, length(word) + 1);
		return 0;
	}
	return "unknown kind";
}

/* One line `ACTOR: VERB ARGUMENT ... [CLAUSE]`; 0, or what is wrong with it. */
static const char *read_step(struct scenario *s, char *line)
{
	char *word[8];
	int count = 0;
	struct step *step = &s->step[s->steps];
	if (s->steps == MAX_STEPS)
		return "too many steps";
	while (*line && *line != '[') {
		while (*line == ' ')
			*line++ = 0;
		if (!*line || *line == '[')
			break;
		if (count == 8)
			return "too many words";
		word[count++] = line;
		while (*line && *line != ' ')
			line++;
	}
	*line = 0;
	if (count < 2 || word[0][length(word[0]) - 1] != ':')
		return "expected ACTOR: VERB";
	word[0][length(word[0]) - 1] = 0;
	memset(step, 0, sizeof *step);
	step->child = -1;
	if ((step->actor = actor_named(s, word[0], 1)) < 0)
		return "too many actors";
	for (step->verb = 0; step->verb < VERBS && !same(verbs[step->verb].name, word[1]); step->verb++)
		;
	if (step->verb == VERBS)
		return "unknown verb";
	const char *kinds = verbs[step->verb].kinds;
	int most = (int)length(kinds), least = 0;
	while (kinds[least] >= 'a')
		least++;
	if (count - 2 < least || count - 2 > most)
		return "wrong number of arguments";
	for (; step->args < count - 2; step->args++) {
		const char *wrong = read_argument(s, step, kinds[step->args], word[step->args + 2]);
		if (wrong)
			return wrong;
	}
	if (step->verb == V_KINFO && (step->args == 3) != (step->arg[1] == KP_SIGMASK || step->arg[1] == KP_SIGIGNORE))
		return "wrong number of arguments";
	s->alone &= verbs[step->verb].alone && step->actor == 0 && (step->child < 0 || step->child == ANONYMOUS);
	/* What a bit without a name does on another kernel may outlast the call. */
	s->alone &= step->verb != V_CLONE || !(step->arg[0] & ~(i64)NAMED_BITS);
	s->traced |= step->verb >= V_SPAWN;
	s->measured |= step->verb == V_TOOK;
	s->steps++;
	return 0;
}

/* Who exists from the start: whoever no step gives birth to. And who will be no process. */
static void find_roots(struct scenario *s)
{
	s->roots = s->lwps = 0;
	for (int i = 0; i < s->steps; i++)
		s->roots |= 1 << s->step[i].actor;
	for (int i = 0; i < s->steps; i++)
		if (s->step[i].child >= 0 && s->step[i].child < MAX_ACTORS)
			s->roots &= ~(1 << s->step[i].child);
	for (int i = 0; i < s->steps; i++)
		if (s->step[i].verb == V_LWP_CREATE)
			s->lwps |= 1 << s->step[i].child;
}

#endif
