/* The parts of the programs that show a difference: cprogram.py takes those that a scenario needs. */

//@ board
enum { NOT_YET, BEGUN, DONE };

/* What all processes see, whatever else they share: whose turn it is, and what was seen. */
static struct board {
	volatile int turn, over;
	volatile pid_t pid[ACTORS];		/* 0: not born */
	volatile pid_t nameless;		/* the last child that takes no steps */
	volatile int state[STEPS];
	char seen[STEPS][160];
} *board;

//@ nap
static void
nap(long microseconds)
{
	struct timespec t = { microseconds / 1000000, microseconds % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

//@ saw board
/* Note what was seen of a step. */
static void __attribute__((format(printf, 2, 3)))
saw(int step, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(board->seen[step], sizeof(board->seen[step]), format, ap);
	va_end(ap);
	__sync_synchronize();
	board->state[step] = DONE;
}

//@ my_turn board nap
/* Wait until it is time for a step. */
static void
my_turn(int step)
{
	while (board->turn != step) {
		if (board->over)
			_exit(0);
		nap(500);
	}
	board->state[step] = BEGUN;
}

//@ rest board nap
/* Nothing more to do: stay until all is over. */
static void
rest(void)
{
	while (!board->over)
		nap(1000);
	_exit(0);
}

//@ error_name
static const char *
error_name(int error)
{
	static char other[32];

	switch (error) {
	case EPERM: return "EPERM";
	case ENOENT: return "ENOENT";
	case ESRCH: return "ESRCH";
	case EINTR: return "EINTR";
	case EIO: return "EIO";
	case EBADF: return "EBADF";
	case ECHILD: return "ECHILD";
	case EAGAIN: return "EAGAIN";
	case ENOMEM: return "ENOMEM";
	case EACCES: return "EACCES";
	case EFAULT: return "EFAULT";
	case EBUSY: return "EBUSY";
	case EEXIST: return "EEXIST";
	case EINVAL: return "EINVAL";
	case EMFILE: return "EMFILE";
	case ENOSPC: return "ENOSPC";
	case ENOSYS: return "ENOSYS";
	default:
		snprintf(other, sizeof(other), "errno %d", error);
		return other;
	}
}

//@ saw_result saw error_name
/* Note the result of a call: the error's name, or else what is good. */
static void
saw_result(int step, long result, const char *good)
{
	if (result == -1)
		saw(step, "%s", error_name(errno));
	else if (good != NULL)
		saw(step, "%s", good);
	else
		saw(step, "%ld", result);
}

//@ signals
/* The signals' names on NetBSD, in its order. */
static const struct {
	int number;
	const char *name;
} signals[] = {
	{ SIGHUP, "SIGHUP" }, { SIGINT, "SIGINT" }, { SIGQUIT, "SIGQUIT" },
	{ SIGILL, "SIGILL" }, { SIGTRAP, "SIGTRAP" }, { SIGABRT, "SIGABRT" },
#ifdef SIGEMT
	{ SIGEMT, "SIGEMT" },
#endif
	{ SIGFPE, "SIGFPE" }, { SIGKILL, "SIGKILL" }, { SIGBUS, "SIGBUS" },
	{ SIGSEGV, "SIGSEGV" }, { SIGSYS, "SIGSYS" }, { SIGPIPE, "SIGPIPE" },
	{ SIGALRM, "SIGALRM" }, { SIGTERM, "SIGTERM" }, { SIGURG, "SIGURG" },
	{ SIGSTOP, "SIGSTOP" }, { SIGTSTP, "SIGTSTP" }, { SIGCONT, "SIGCONT" },
	{ SIGCHLD, "SIGCHLD" }, { SIGTTIN, "SIGTTIN" }, { SIGTTOU, "SIGTTOU" },
	{ SIGIO, "SIGIO" }, { SIGXCPU, "SIGXCPU" }, { SIGXFSZ, "SIGXFSZ" },
	{ SIGVTALRM, "SIGVTALRM" }, { SIGPROF, "SIGPROF" }, { SIGWINCH, "SIGWINCH" },
#ifdef SIGINFO
	{ SIGINFO, "SIGINFO" },
#endif
	{ SIGUSR1, "SIGUSR1" }, { SIGUSR2, "SIGUSR2" }, { SIGPWR, "SIGPWR" },
};

//@ signal_name signals
static const char *
signal_name(int number)
{
	static char other[16];

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signals[i].number == number)
			return signals[i].name;
	snprintf(other, sizeof(other), "SIG%d", number);
	return other;
}

//@ pid_of board
static pid_t
pid_of(int actor)
{
	pid_t pid = actor == NAMELESS ? board->nameless : board->pid[actor];

	return pid ? pid : 0x7ffffff0;		/* nobody */
}

//@ birth board saw error_name
#ifdef __NetBSD__
#define FORK		SYS_fork, 0
#define VFORK		SYS_vfork, 0
#define VFORK14		SYS___vfork14, 0
#define CLONE(flags)	SYS___clone, flags
#else
#define FORK		SYS_clone, SIGCHLD
#define VFORK		SYS_clone, CLONE_VFORK | SIGCHLD
#define VFORK14		SYS_clone, CLONE_VFORK | CLONE_VM | SIGCHLD
#define CLONE(flags)	SYS_clone, flags
#endif

/*
 * A child must not return into the frames of a parent whose memory it shares.
 * So it gets a stack of its own at once, before it touches the one it was born on.
 */
#define STACK_SIZE 65536
static char stacks[ACTORS][STACK_SIZE] __attribute__((aligned(64)));
static struct {
	int known;
	long value;
} second[ACTORS];			/* the second return register, after a fork */
static long untouched[4];

static void __attribute__((used, noreturn))
start(long actor)
{
	board->pid[actor] = getpid();
	processes[actor]();
	_exit(0);
}

#if defined(__x86_64__)
#ifdef __NetBSD__
#define ERROR_IS_NEGATIVE "	jnc	3f\n	neg	%%rax\n	jmp	2f\n3:"
#else
#define ERROR_IS_NEGATIVE ""
#endif
static long
fork_call(long number, long first, void *stack, long actor, long *other)
{
	register long result __asm__("rax") = number;
	register long a1 __asm__("rdi") = first;
	register void *a2 __asm__("rsi") = stack;
	register long a3 __asm__("rdx") = (long)untouched;
	register long a4 __asm__("r10") = 0;
	register long a5 __asm__("r8") = 0;
	register long who __asm__("r12") = actor;
	register char *top __asm__("r13") = actor < 0 ? NULL : stacks[actor] + STACK_SIZE - 64;

	__asm__ volatile(
	    "	syscall\n"
	    ERROR_IS_NEGATIVE
	    "	test	%%rax,%%rax\n"
	    "	jnz	2f\n"
	    "	test	%%r12,%%r12\n"
	    "	js	1f\n"
	    "	mov	%%r13,%%rsp\n"		/* the child */
	    "	mov	%%r12,%%rdi\n"
	    "	call	start\n"
	    "1:	mov	%[exit],%%eax\n"	/* one that takes no steps */
	    "	xor	%%edi,%%edi\n"
	    "	syscall\n"
	    "2:"
	    : "+r"(result), "+r"(a3), "+r"(a1)
	    : "r"(a2), "r"(a4), "r"(a5), "r"(who), "r"(top), [exit] "i"(SYS_exit)
	    : "rcx", "r11", "cc", "memory");
	*other = a3;
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	return result;
}
#else
/* Elsewhere the C library has to do: the second return register stays unknown. */
static int
started(void *actor)
{
	start((long)(intptr_t)actor);
}

static long
fork_call(long number, long first, void *stack, long actor, long *other)
{
	long pid;

	*other = (long)untouched;
	if (actor >= 0 && (first & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
		return clone(started, stacks[actor] + STACK_SIZE - 64, (int)first,
		    (void *)(intptr_t)actor);
#ifdef __NetBSD__
	pid = number == SYS___vfork14 ? vfork() : syscall(number, first, stack);
#else
	pid = syscall(number, first, stack, 0L, 0L, 0L);
#endif
	if (pid != 0)
		return pid;
	if (actor < 0)
		_exit(0);
	start(actor);
}
#endif

/* For how long was the call held?  Up to the last step that began before it returned. */
static void
give_birth(int step, int me, long number, long first, void *stack, int child)
{
	long pid;
	char name[32];

	pid = fork_call(number, first, stack, child, &second[me].value);
	second[me].known = pid != -1;
	if (pid == -1) {
		saw(step, "%s", error_name(errno));
		return;
	}
	if (child < 0)
		board->nameless = (pid_t)pid;
	else
		board->pid[child] = (pid_t)pid;
	snprintf(name, sizeof(name), "@%ld", pid);
	for (int i = STEPS - 1; i > step && !TRACED; i--)
		if (board->state[i] != NOT_YET) {
			saw(step, "%s held %d", name, i);
			return;
		}
	saw(step, "%s", name);
}

//@ retval1 birth
static void
look_at_second_value(int step, int me)
{
	long value = second[me].value;

	if (!second[me].known)
		saw(step, "none");
	else if (value == (long)untouched)
		saw(step, "kept");
	else if (value == 0)
		saw(step, "0");
	else
		saw(step, "0x%lx", value);
}

//@ wait4 saw saw_result signal_name
/* A process that nobody knows yet is the child of a fork that is under way. */
static void
newborn(pid_t pid)
{
	for (int i = 0; i < ACTORS; i++)
		if (board->pid[i] == pid)
			return;
	for (int i = 0; i < STEPS; i++)
		if (board->state[i] == BEGUN && births[i] >= 0 && board->pid[births[i]] == 0) {
			board->pid[births[i]] = pid;
			return;
		}
}

static void
wait_for(int step, pid_t whom, int options)
{
	int status = 0;
	pid_t pid = wait4(whom, &status, options, NULL);

	if (pid <= 0) {
		saw_result(step, pid, "none");
		return;
	}
	newborn(pid);
	if (WIFEXITED(status))
		saw(step, "@%d exited %d", (int)pid, WEXITSTATUS(status));
	else if (WIFCONTINUED(status))
		saw(step, "@%d continued", (int)pid);
	else if (WIFSTOPPED(status))
		saw(step, "@%d stopped %s", (int)pid, signal_name(WSTOPSIG(status)));
	else
		saw(step, "@%d killed %s", (int)pid, signal_name(WTERMSIG(status)));
}

//@ word
static volatile long word;		/* private memory */

//@ open saw_result
/* Open a file that is there, as the given descriptor. */
static void
open_as(int step, int wanted)
{
	int fd = open("/bin/sh", O_RDONLY);

	if (fd != -1 && fd != wanted) {
		int moved = dup2(fd, wanted);

		close(fd);
		fd = moved;
	}
	saw_result(step, fd, NULL);
}

//@ pipe saw_result
static void
pipe_as(int step, int reading, int writing)
{
	int end[2], wanted[2] = { reading, writing }, result = pipe(end);

	for (int i = 0; i < 2 && result != -1; i++) {
		result = dup2(end[i], wanted[i]);
		close(end[i]);
	}
	saw_result(step, result, "ok");
}

//@ getcwd saw_result
static void
look_at_folder(int step)
{
	char path[128];

	saw_result(step, getcwd(path, sizeof(path)) == NULL ? -1 : 0, path);
}

//@ umask saw
static void
set_umask(int step, mode_t mask)
{
	mode_t old = umask(mask);

	saw(step, "%s%o", old ? "0" : "", (unsigned)old);
}

//@ caught
static void
caught(int number)
{
	(void)number;
}

//@ sigaction saw_result
/* Set a disposition, or only look at it, and note what it was. */
static void
set_disposition(int step, int number, int set, void (*handler)(int))
{
	struct sigaction new, old;
	int result;

	memset(&new, 0, sizeof(new));
	memset(&old, 0, sizeof(old));
	new.sa_handler = handler;
	new.sa_flags = SA_RESTART;
	result = sigaction(number, set ? &new : NULL, &old);
	saw_result(step, result, old.sa_handler == SIG_DFL ? "default"
	    : old.sa_handler == SIG_IGN ? "ignore" : "catch");
}

#define look_at_disposition(step, number) set_disposition(step, number, 0, SIG_DFL)

//@ sigprocmask saw_result
static void
set_mask(int step, int how, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	saw_result(step, sigprocmask(how, &set, NULL), "ok");
}

//@ sigpending saw signals
static void
add_name(char *names, size_t size, const char *name)
{
	size_t end = strlen(names);

	snprintf(names + end, size - end, "%s%s", end ? "|" : "", name);
}

static void
look_at_pending(int step)
{
	sigset_t set;
	char names[128] = "", other[16];

	sigpending(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigismember(&set, signals[i].number) == 1)
			add_name(names, sizeof(names), signals[i].name);
	for (int number = 33; number < 64; number++)
		if (sigismember(&set, number) == 1) {
			snprintf(other, sizeof(other), "SIG%d", number);
			add_name(names, sizeof(names), other);
		}
	saw(step, "%s", names[0] ? names : "0");
}

//@ setrlimit saw_result
static void
set_limit(int step, rlim_t soft, rlim_t hard)
{
	struct rlimit limit;

	limit.rlim_cur = soft;
	limit.rlim_max = hard;
	saw_result(step, setrlimit(RLIMIT_NPROC, &limit), "ok");
}

//@ getrlimit saw_result
static void
look_at_limit(int step)
{
	struct rlimit limit;
	char text[2][24];

	if (getrlimit(RLIMIT_NPROC, &limit) == -1) {
		saw_result(step, -1, NULL);
		return;
	}
	for (int i = 0; i < 2; i++) {
		rlim_t value = i == 0 ? limit.rlim_cur : limit.rlim_max;

		if (value == RLIM_INFINITY)
			snprintf(text[i], sizeof(text[i]), "inf");
		else
			snprintf(text[i], sizeof(text[i]), "%llu", (unsigned long long)value);
	}
	saw(step, "%s %s", text[0], text[1]);
}

//@ count
/* How many processes the user has; this one and its like are not counted. */
static rlim_t processes_of_user;

static void
count_processes(void)
{
#ifdef __NetBSD__
	int name[] = { CTL_KERN, KERN_PROC2, KERN_PROC_RUID, (int)getuid(),
	    sizeof(struct kinfo_proc2), 0 };
	size_t size = 0;

	if (sysctl(name, 6, NULL, &size, NULL, 0) == 0) {
		void *all = malloc(size);

		name[5] = (int)(size / sizeof(struct kinfo_proc2));
		if (all != NULL && sysctl(name, 6, all, &size, NULL, 0) == 0) {
			processes_of_user = size / sizeof(struct kinfo_proc2);
			free(all);
			return;
		}
	}
#endif
	printf("cannot count the user's processes here\n");
	exit(2);
}

//@ exec board
/* Become a program that reads a descriptor to its end, then exits with status 7. */
static void
become_reader(int fd)
{
	char number[16];
	char *const arguments[] = { self, until_eof, number, NULL };

	snprintf(number, sizeof(number), "%d", fd);
	execv(self, arguments);
	_exit(127);
}

//@ spawn board saw saw_result
/* A child that asks to be traced, and stops itself. */
static void
spawn(int step, int child)
{
	pid_t pid = fork();

	if (pid == 0) {
		board->pid[child] = getpid();
		ptrace(PT_TRACE_ME, 0, NULL, 0);
		raise(SIGSTOP);
		processes[child]();
		_exit(0);
	}
	if (pid == -1)
		saw_result(step, -1, NULL);
	else {
		board->pid[child] = pid;
		saw(step, "@%d", (int)pid);
	}
}

//@ events
static const char *
event_names(int events)
{
	static char names[64];
	static const char *const name[] = { "PTRACE_FORK", "PTRACE_VFORK", "PTRACE_VFORK_DONE" };

	names[0] = 0;
	for (int i = 0; i < 3; i++)
		if (events & 1 << i) {
			if (names[0])
				strcat(names, "|");
			strcat(names, name[i]);
		}
	if (events & ~7)
		snprintf(names, sizeof(names), "0x%x", (unsigned)events);
	return names[0] ? names : "0";
}

//@ set_events saw_result
static void
set_events(int step, pid_t pid, int events)
{
	struct ptrace_event e;

	memset(&e, 0, sizeof(e));
	e.pe_set_event = events;
	saw_result(step, ptrace(PT_SET_EVENT_MASK, pid, &e, sizeof(e)), "ok");
}

//@ get_events saw_result events
static void
get_events(int step, pid_t pid)
{
	struct ptrace_event e;
	int result;

	memset(&e, 0, sizeof(e));
	result = ptrace(PT_GET_EVENT_MASK, pid, &e, sizeof(e));
	saw_result(step, result, event_names(e.pe_set_event));
}

//@ get_state saw saw_result events
static void
get_state(int step, pid_t pid)
{
	struct ptrace_state s;

	memset(&s, 0, sizeof(s));
	if (ptrace(PT_GET_PROCESS_STATE, pid, &s, sizeof(s)) == -1)
		saw_result(step, -1, NULL);
	else if (s.pe_report_event == 0)
		saw(step, "0");
	else
		saw(step, "%s @%d", event_names(s.pe_report_event), (int)s.pe_other_pid);
}

//@ get_siginfo saw saw_result events signal_name
static void
get_siginfo(int step, pid_t pid)
{
	struct ptrace_siginfo s;
	siginfo_t *si = &s.psi_siginfo;

	memset(&s, 0, sizeof(s));
	if (ptrace(PT_GET_SIGINFO, pid, &s, sizeof(s)) == -1)
		saw_result(step, -1, NULL);
	else if (si->si_signo == SIGTRAP && si->si_code == TRAP_CHLD)
		saw(step, "SIGTRAP TRAP_CHLD %s @%d", event_names(si->si_pe_report_event),
		    (int)si->si_pe_other_pid);
	else
		saw(step, "%s", signal_name(si->si_signo));
}

//@ dead
/* Whether a process has ended, reaped or not. */
static int
dead(pid_t pid)
{
#ifdef __NetBSD__
	struct kinfo_proc2 kp;
	size_t size = sizeof(kp);
	int name[] = { CTL_KERN, KERN_PROC2, KERN_PROC_PID, (int)pid, sizeof(kp), 1 };

	if (sysctl(name, 6, &kp, &size, NULL, 0) == -1 || size < sizeof(kp))
		return 1;
	return kp.p_realstat == 5;	/* SZOMB of <sys/proc.h> */
#else
	char path[64], text[512], *end;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd == -1)
		return 1;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got > 0 ? got : 0] = 0;
	end = strrchr(text, ')');
	return end == NULL || end[2] == 'Z' || end[2] == 'X';
#endif
}

//@ direct board nap dead
/*
 * Let the steps be taken one after the other.  A step is over when it has
 * returned, when its process is dead, or when it is clear that it is held.
 */
static void
direct(void)
{
	for (int step = 0; step < STEPS; step++) {
		const char *wrong = NULL;
		long waited = 0;

		/* Whoever is dead, or was never born, takes no step. */
		if (board->pid[actors_of[step]] == 0 || dead(board->pid[actors_of[step]])) {
			strcpy(board->seen[step], "gone");
			board->state[step] = DONE;
			continue;
		}
		board->turn = step;
		while (board->state[step] != DONE || ends[step]) {
			if (dead(board->pid[actors_of[step]]))
				break;
			if (board->state[step] == BEGUN && waited > (may_block[step] ? HELD : PATIENCE))
				break;
			if (waited > PATIENCE) {
				wrong = "stuck";
				break;
			}
			nap(1000);
			waited += 1000;
		}
		if (wrong != NULL && board->state[step] == NOT_YET) {
			strcpy(board->seen[step], wrong);
			board->state[step] = DONE;
			for (int i = step + 1; i < STEPS; i++)
				strcpy(board->seen[i], "not reached");
			break;
		}
		board->turn = -1;
	}
	nap(LAST_LOOK);
	for (int step = 0; step < STEPS; step++)
		if (board->seen[step][0] == 0)
			strcpy(board->seen[step],
			    dead(board->pid[actors_of[step]]) ? "gone" : "unfinished");
}

//@ names board
/* Put the processes' names in the place of their numbers. */
static void
name_processes(int step)
{
	char text[160], *at = strchr(board->seen[step], '@'), *end;
	const char *name = "somebody else";
	long pid;

	if (at == NULL)
		return;
	pid = strtol(at + 1, &end, 10);
	if (pid == 1 || pid == getpid())
		name = "init";
	for (int i = 0; i < ACTORS; i++)
		if (board->pid[i] == pid)
			name = actor_names[i];
	if (board->nameless == pid)
		name = "-";
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - board->seen[step]), board->seen[step], name, end);
	strcpy(board->seen[step], text);
}

//@ judge board names
/* 0 if what was seen is one of the logs that may be seen; else say what is wrong first. */
static int
judge(void)
{
	int best = -1, order = 0;

	for (int step = 0; step < STEPS; step++)
		name_processes(step);
	for (int i = 0; i < ORDERS; i++) {
		int step = 0;

		while (step < STEPS && strcmp(board->seen[step], expected[i][step]) == 0)
			step++;
		if (step == STEPS)
			return 0;
		if (step > best) {
			best = step;
			order = i;
		}
	}
	snprintf(complaint, sizeof(complaint), "step %d, %s: expected %s, seen %s", best, steps[best],
	    expected[order][best], board->seen[best]);
	return 1;
}

//@ run board direct judge
/* Play it all; 0 if the kernel behaves, 1 if it does not, 2 if that cannot be told. */
static int
run(void)
{
	sigset_t all;
	pid_t group = 0;

	if (NEEDS_ROOT && geteuid() != 0) {
		snprintf(complaint, sizeof(complaint), "has to be run as root");
		return 2;
	}
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0);
	if (board == MAP_FAILED || chdir("/") == -1) {
		snprintf(complaint, sizeof(complaint), "cannot begin: %s", strerror(errno));
		return 2;
	}
	board->turn = -1;
	for (int number = 1; number < 64; number++)
		signal(number, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	umask(022);
	for (int actor = 0; actor < ACTORS; actor++) {
		pid_t pid = is_root[actor] ? fork() : 0;

		if (pid == -1) {
			snprintf(complaint, sizeof(complaint), "cannot fork: %s", strerror(errno));
			return 2;
		}
		if (is_root[actor] && pid == 0)
			processes[actor]();
		board->pid[actor] = pid;
		/* One process group, with a parent outside: no orphans for terminal stops. */
		if (pid > 0) {
			group = group ? group : pid;
			setpgid(pid, group);
		}
	}
	direct();
	board->over = 1;
	for (int actor = 0; actor < ACTORS; actor++)
		if (board->pid[actor] > 1 && !dead(board->pid[actor]))
			kill(board->pid[actor], SIGKILL);
	return judge();
}
