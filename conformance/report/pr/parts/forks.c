/* The calls that make children, and waiting for them. */

//@ ticks NetBSD
static int
ticks(void)
{
	int now = 0;
	size_t size = sizeof(now);

	sysctlbyname("kern.hardclock_ticks", &now, &size, NULL, 0);
	return now;
}

//@ effort ticks
/* How long a process's last fork slept.  The kernel counts that in ticks. */
static struct effort {
	long sleeps;
	int ticks;
} took[ACTORS];

/* From one call to the next. */
static void
note_effort(int me)
{
	struct rusage usage;
	int error = errno;

	getrusage(RUSAGE_SELF, &usage);
	took[me].sleeps = usage.ru_nvcsw - took[me].sleeps;
	took[me].ticks = ticks() - took[me].ticks;
	errno = error;
}
//BEFORE_FORK 	memset(&took[me], 0, sizeof(took[me]));
//BEFORE_FORK 	note_effort(me);
//AFTER_FORK 	note_effort(me);

//@ own_stack
/* The stack that __clone is given. */
static char stack_given[4096] __attribute__((aligned(64)));
static char *const own_stack = stack_given + sizeof(stack_given) - 64;

//@ stack own_stack saw birth
/* The parent's stack pointer in its call, and the child's after it. */
static char *forked_on __attribute__((used)), *born_on __attribute__((used));
static const char *first_stack[ACTORS];
//PARENT 	    "	mov	%%rsp,forked_on(%%rip)\n"
//CHILD 	    "	mov	%%rsp,born_on(%%rip)\n"
//START 	first_stack[actor] = born_on == NULL ? "cannot"
//START 	    : born_on == forked_on ? "kept"
//START 	    : born_on == own_stack ? "given" : "other";

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
 * So it gets a stack of its own at once, before it touches its first one.
 */
#define STACK_SIZE 65536
static char stacks[ACTORS][STACK_SIZE] __attribute__((aligned(64)));
static struct {
	int known;
	long value;
} second[ACTORS];		/* the second return register, after a fork */
static long untouched[4];

static void __attribute__((used, noreturn))
start(long actor)
{
	board->pid[actor] = getpid();
//START
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
	register char *top __asm__("r13") =
	    actor < 0 ? NULL : stacks[actor] + STACK_SIZE - 64;

	__asm__ volatile(
//PARENT
	    "	syscall\n"
	    ERROR_IS_NEGATIVE
	    "	test	%%rax,%%rax\n"
	    "	jnz	2f\n"
	    "	test	%%r12,%%r12\n"
	    "	js	1f\n"
//CHILD
	    "	mov	%%r13,%%rsp\n"		/* the child */
	    "	mov	%%r12,%%rdi\n"
	    "	call	start\n"
	    "1:	mov	%[exit],%%eax\n"	/* one that takes no steps */
	    "	xor	%%edi,%%edi\n"
	    "	syscall\n"
	    "2:"
	    : "+r"(result), "+r"(a3), "+r"(a1)
	    : "r"(a2), "r"(a4), "r"(a5), "r"(who), "r"(top),
	      [exit] "i"(SYS_exit)
	    : "rcx", "r11", "cc", "memory");
	*other = a3;
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	return result;
}
#else
/* Elsewhere the C library has to do: it hides the second return register. */
static int
started(void *actor)
{
	if ((intptr_t)actor < 0)
		_exit(0);
	start((long)(intptr_t)actor);
}

static long
fork_call(long number, long first, void *stack, long actor, long *other)
{
	long pid;

	*other = (long)untouched;
	if (stack != NULL)
		return clone(started, stack, (int)first,
		    (void *)(intptr_t)actor);
	if (actor >= 0 && (first & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
		return clone(started, stacks[actor] + STACK_SIZE - 64,
		    (int)first, (void *)(intptr_t)actor);
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

/* The call was blocked up to the last step that began before it returned. */
static void
give_birth(int step, int me, long number, long first, void *stack, int child)
{
	long pid;
	char name[32];

//BEFORE_FORK
	pid = fork_call(number, first, stack, child, &second[me].value);
//AFTER_FORK
	second[me].known = pid != -1;
	if (pid == -1) {
		saw(step, "%s", error_name(errno));
		return;
	}
	if (child < 0)
		board->nameless[step] = (pid_t)pid;
	else
		board->pid[child] = (pid_t)pid;
	snprintf(name, sizeof(name), "@%ld", pid);
	for (int i = STEPS - 1; i > step && !TRACED; i--)
		if (board->state[i] != NOT_YET) {
			saw(step, "%s blocked %d", name, i);
			return;
		}
	saw(step, "%s", name);
}

//@ retval1 birth
static void
look_at_second_value(int step, int me)
{
	long value = second[me].value;

#ifndef __x86_64__
	saw(step, "cannot");
	return;
#endif
	if (!second[me].known)
		saw(step, "none");
	else if (value == (long)untouched)
		saw(step, "kept");
	else if (value == 0)
		saw(step, "0");
	else
		saw(step, "0x%lx", value);
}

//@ stopped saw saw_result
/* Nobody says by which signal a child is stopped that was born so. */
static void
look_for_stopped(int step, pid_t whom)
{
	int status = 0;
	pid_t pid = wait4(whom, &status, WNOHANG | WUNTRACED, NULL);

	if (pid <= 0)
		saw_result(step, pid, "none");
	else
		saw(step, "@%d %s", (int)pid,
		    WIFSTOPPED(status) ? "stopped" : "other");
}

//@ newborn board
/* A process that nobody knows yet is the child of a fork that is under way. */
static void
newborn(pid_t pid)
{
	for (int i = 0; i < ACTORS; i++)
		if (board->pid[i] == pid)
			return;
	for (int i = 0; i < STEPS; i++)
		if (board->state[i] == BEGUN && births[i] >= 0
		    && board->pid[births[i]] == 0) {
			board->pid[births[i]] = pid;
			return;
		}
}

//@ found saw saw_result signal_name newborn
/* What a wait has found. */
static void
found(int step, pid_t pid, int status)
{
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
		saw(step, "@%d stopped %s", (int)pid,
		    signal_name(WSTOPSIG(status)));
	else
		saw(step, "@%d killed %s", (int)pid,
		    signal_name(WTERMSIG(status)));
}

//@ wait4 found
static void
wait_for(int step, pid_t whom, int options)
{
	int status = 0;
	pid_t pid = wait4(whom, &status, options, NULL);

	found(step, pid, status);
}

//@ wait6 found NetBSD
static void
wait_by_id(int step, idtype_t type, id_t id, int options)
{
	int status = 0;
	pid_t pid = (pid_t)syscall(SYS_wait6, type, id, &status, options, NULL,
	    NULL);

	found(step, pid, status);
}

//@ no_words
static char *const no_words[] = { NULL };

//@ again board board_in_file saw
/* Where a new program begins: the step is done, and its actor goes on. */
static void
go_on(int step, int fd)
{
	char byte;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED,
	    BOARD_FILE, 0);
	if (board == MAP_FAILED || board->over)
		_exit(2);
	saw(step, "ok");
	if (after[step] != NULL)
		after[step]();
	while (read(fd, &byte, 1) == 1)
		continue;
	_exit(7);
}

/* Run this program anew, in the place of the actor's. */
static void
become(int step, int fd)
{
	char words[2][16];
	char *const arguments[] = { self, again, words[0], words[1], NULL };

	snprintf(words[0], sizeof(words[0]), "%d", step);
	snprintf(words[1], sizeof(words[1]), "%d", fd);
	execv(self, arguments);
}

//@ exec again saw error_name
/* Become a program that reads a descriptor to its end, then exits with 7. */
static void
become_reader(int step, int fd)
{
	become(step, fd);
	saw(step, "%s", error_name(errno));
}

//@ exec_self again saw error_name
/* Become a program that takes the actor's further steps. */
static void
become_again(int step)
{
	become(step, -1);
	saw(step, "%s", error_name(errno));
	after[step]();
}
