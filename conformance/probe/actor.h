/* What one process of a scenario does: waits for its turn, takes its step, notes what it saw. */
#ifndef ACTOR_H
#define ACTOR_H

enum { STACK_SIZE = 32768, NOT_A_PID = 0x7ffffff0 };

/*
 * A stack for each actor and one for the director.  Each is used by one process at a time (but see
 * raw_fork in arch.h); as all share the memory, none is copied by a fork.
 */
static char (*stacks)[STACK_SIZE];
enum { STACKS = MAX_ACTORS + 1, DIRECTORS = MAX_ACTORS };

/* A process's own memory, but for a root that shares the director's: a stack for __clone, and the word. */
LARGE static char given_stack[4096] __attribute__((aligned(4096)));
static volatile i64 the_word;
static struct effort fork_took; /* the last call of this process */
static char self_path[WORD], file_path[WORD];

/* Only where a step will ask for it. */
static struct effort measure(void)
{
	struct effort now = {0, 0};
#if HAVE_LOOKS
	if (stage->scenario.measured)
		os_effort(&now);
#endif
	return now;
}

static void actor_main(int me);
static void *stack_of(int slot) { return stacks[slot] + STACK_SIZE - 64; }

static void put_error(struct text *t, long error)
{
	const char *name = error == CANNOT ? "cannot" : os_errno(-error);
	if (name)
		put(t, name);
	else {
		put(t, "errno ");
		put_number(t, (u64)-error, 10);
	}
}

static void put_pid(struct text *t, long pid)
{
	put(t, "@");
	put_number(t, (u64)pid, 10);
}

/* A result that is plain: a number, or the error's name. */
static void put_result(struct text *t, long result, const char *good)
{
	if (result < 0)
		put_error(t, result);
	else if (good)
		put(t, good);
	else
		put_number(t, (u64)result, 10);
}

static long pid_of(int me, i64 who)
{
	long pid = who == ANYBODY ? -1 : who == ANONYMOUS ? stage->actor[me].anonymous : stage->actor[who].pid;
	if (!pid)
		pid = stage->actor[who].expected;
	return pid ? pid : NOT_A_PID;
}

/* A process that nobody knows yet is the child of a fork that is still under way. */
static void newborn(long pid)
{
	for (int i = 0; i < stage->scenario.actors; i++)
		if (stage->actor[i].pid == pid || stage->actor[i].expected == pid)
			return;
	for (int i = 0; i < stage->scenario.steps; i++)
		if (stage->result[i].anonymous == pid)
			return;
	for (int i = 0; i < stage->scenario.steps; i++) {
		int child = stage->scenario.step[i].child;
		if (stage->scenario.step[i].verb == V_LWP_CREATE)
			continue;
		if (stage->result[i].state == BEGUN && child >= 0 && child < MAX_ACTORS
		    && !stage->actor[child].pid && !stage->actor[child].expected) {
			stage->actor[child].expected = (i32)pid;
			return;
		}
	}
}

/* For how long the call was held: up to the last step that anybody began before it returned. */
static void put_held(struct text *t, u32 index)
{
	for (u32 i = (u32)stage->scenario.steps - 1; i > index; i--)
		if (stage->result[i].state) {
			put(t, " held ");
			put_number(t, i, 10);
			return;
		}
}

static void fork_step(int me, struct step *step, struct result *result, struct text *t)
{
	static const int kinds[] = {FORK, VFORK, VFORK14, CLONE};
	int child = step->child;
	void *given = step->args == 3 ? given_stack + sizeof given_stack - 64 : 0;
	long sentinel = 0x5a5a5a;
	struct effort before = measure();
	pair_t both = os_fork(kinds[step->verb], step->arg[0], given, sentinel,
	    child == ANONYMOUS ? 0 : stack_of(child), child == ANONYMOUS ? -1 : child);
	long pid = (long)both, second = (long)(both >> PAIR_BITS);
	if (stage->scenario.measured) { /* else the page need not be copied */
		struct effort after = measure();
		fork_took = (struct effort){after.ticks - before.ticks, after.sleeps - before.sleeps};
	}
	if (pid < 0) {
		stage->actor[me].retval1 = -1;
		put_error(t, pid);
		return;
	}
#ifdef __NetBSD__
	long kept = KEPT_IS_A2 || step->verb != V_CLONE ? sentinel : (long)given;
#else
	long kept = KEPT_IS_A2 ? (long)&scratch[0] : (long)given;
#endif
	stage->actor[me].retval1 = second == kept ? -2 : second;
	if (child == ANONYMOUS)
		stage->actor[me].anonymous = result->anonymous = (i32)pid;
	else
		stage->actor[child].expected = (i32)pid;
	put_pid(t, pid);
}

#if HAVE_LOOKS
/* Where a process's second LWP starts: on the stack of the actor that it is. */
static void lwp_main(void)
{
	char here;
	actor_main((int)((&here - stacks[0]) / STACK_SIZE));
}

static void lwp_create_step(int me, int child, struct text *t)
{
	long lid = os_lwp_create(lwp_main, stack_of(child));
	if (lid > 0) {
		stage->actor[child].lid = (i32)lid;
		stage->actor[child].expected = stage->actor[me].pid;
	}
	put_result(t, lid, "ok");
}
#endif

static void put_status(struct text *t, long got, const struct status *status)
{
	if (got <= 0) {
		put_result(t, got, "none");
		return;
	}
	put_pid(t, got);
	switch (status->how) {
	case 'e':
		put(t, " exited ");
		put_number(t, (u64)status->value, 10);
		break;
	case 'c':
		put(t, " continued");
		break;
	default:
		put(t, status->how == 'k' ? " killed " : " stopped ");
		put_signal(t, status->value);
	}
}

static void open_step(struct step *step, struct text *t)
{
	long fd = os_open(file_path);
	if (fd >= 0 && fd != step->arg[0]) {
		long moved = os_dup2(fd, (long)step->arg[0]);
		os_close(fd);
		fd = moved;
	}
	put_result(t, fd, 0);
}

static void pipe_step(struct step *step, struct text *t)
{
	int end[2] = {-1, -1};
	long error = os_pipe(end);
	for (int i = 0; i < 2 && error >= 0; i++) {
		error = os_dup2(end[i], (long)step->arg[i]);
		os_close(end[i]);
	}
	put_result(t, error, "ok");
}

static void put_disposition(struct text *t, long was)
{
	put_result(t, was, was == 'd' ? "default" : was == 'i' ? "ignore" : "catch");
}

static void put_limit(struct text *t, u64 limit)
{
	if (limit == ~0ull)
		put(t, "inf");
	else
		put_number(t, limit, 10);
}

/* A|B for the bits that have a name, from the word `first` to `last`. */
static void put_names(struct text *t, const char *first, const char *last, u64 value)
{
	int any = 0, on = 0;
	for (int i = 0; i < N_WORDS; i++) {
		on |= same(words[i].name, first);
		if (on && value & words[i].value) {
			put(t, any ? "|" : "");
			put(t, words[i].name);
			value &= ~(u64)words[i].value;
			any = 1;
		}
		on &= !same(words[i].name, last);
	}
	if (value) {
		put(t, any ? "|0x" : "0x");
		put_number(t, value, 16);
	} else if (!any)
		put(t, "0");
}

static void put_signals(struct text *t, u64 set) /* bit n-1 for signal n */
{
	put(t, set ? "" : "0");
	for (int n = 1, any = 0; n < 64; n++)
		if (set >> (n - 1) & 1) {
			put(t, any++ ? "|" : "");
			put_signal(t, n);
		}
}

#include "look.h"

/* Give way: by spinning at first, then, since nothing has happened for long, by a nap. */
static void wait_a_little(u64 waited)
{
	if (waited < OS_SPIN)
		os_yield();
	else
		os_nap(50);
}

static void direct(void);
static void become_program(void);
static void try_fork(void);

#if HAVE_TRACER
static void put_events(struct text *t, int events)
{
	static const char *const names[] = {"PTRACE_FORK", "PTRACE_VFORK", "PTRACE_VFORK_DONE",
	    "PTRACE_LWP_CREATE", "PTRACE_LWP_EXIT", "PTRACE_POSIX_SPAWN"};
	enum { NAMES = sizeof names / sizeof names[0], OTHERS = ~((1 << NAMES) - 1) };
	int any = 0;
	for (int i = 0; i < NAMES; i++)
		if (events & 1 << i) {
			put(t, any ? "|" : "");
			put(t, names[i]);
			any = 1;
		}
	if (events & OTHERS) {
		put(t, any ? "|0x" : "0x");
		put_number(t, (u32)(events & OTHERS), 16);
	} else if (!any)
		put(t, "0");
}

static void spawned(int me)
{
	os_trace_me();
	os_kill(os_getpid(), 17 /* SIGSTOP */);
	actor_main(me);
}

static void trace_step(int me, struct step *step, struct text *t)
{
	long pid = pid_of(me, step->arg[0]), error, other;
	int event, signal, code;
	u64 set;
	switch (step->verb) {
	case V_ATTACH:
		put_result(t, os_attach(pid), "ok");
		break;
	case V_SET_EVENT_MASK:
		put_result(t, os_set_events(pid, (int)step->arg[1]), "ok");
		break;
	case V_GET_EVENT_MASK:
		error = os_get_events(pid);
		if (error < 0)
			put_error(t, error);
		else
			put_events(t, (int)error);
		break;
	case V_GET_PROCESS_STATE:
		error = os_get_state(pid, &event, &other);
		if (error < 0)
			put_error(t, error);
		else {
			put_events(t, event);
			if (event) {
				put(t, " ");
				put_pid(t, other);
				newborn(other);
			}
		}
		break;
	case V_GET_SIGINFO:
		error = os_get_siginfo(pid, &signal, &code, &event, &other);
		if (error < 0) {
			put_error(t, error);
			break;
		}
		put_signal(t, signal);
		if (signal == 5 /* SIGTRAP */ && code == 4 /* TRAP_CHLD */) {
			put(t, " TRAP_CHLD ");
			put_events(t, event);
			put(t, " ");
			put_pid(t, other);
		}
		break;
	case V_CONTINUE:
		put_result(t, os_continue(pid, step->args > 1 ? (int)step->arg[1] : 0), "ok");
		break;
	case V_DETACH:
		put_result(t, os_detach(pid), "ok");
		break;
	case V_TRACE_KILL:
		put_result(t, os_trace_kill(pid), "ok");
		break;
	case V_TRACE_ME:
		put_result(t, os_trace_me(), "ok");
		break;
	case V_SET_SIGPASS:
		put_result(t, os_set_sigpass(pid, (u64)step->arg[1]), "ok");
		break;
	case V_GET_SIGPASS:
		error = os_get_sigpass(pid, &set);
		if (error < 0)
			put_error(t, error);
		else
			put_signals(t, set);
		break;
	}
}
#endif

/* What a step has seen, unless all is over: what only clearing the stage has brought about is not told. */
static void conclude(u32 index, const char *seen)
{
	if (stage->over)
		os_exit(0);
	settle_result((int)index, seen);
}

static void perform(int me, u32 index)
{
	struct step *step = &stage->scenario.step[index];
	struct result *result = &stage->result[index];
	char seen[SEEN];
	struct text t = {seen, seen + SEEN - 1};
	struct status status;
	struct actor *self = &stage->actor[me];
	u64 cur, max;
	char path[WORD];
	long r;

	seen[0] = 0;
	result->state = BEGUN;
	switch (step->verb) {
	case V_FORK:
	case V_VFORK:
	case V_VFORK14:
	case V_CLONE:
		fork_step(me, step, result, &t);
		if (!stage->scenario.traced)
			put_held(&t, index);
		break;
	case V_RETVAL1:
		if (self->retval1 < 0)
			put(&t, self->retval1 == -2 ? "kept" : "none");
		else {
			put(&t, self->retval1 ? "0x" : "");
			put_number(&t, (u64)self->retval1, 16);
		}
		break;
	case V_STACK:
		put(&t, self->entry_stack == 'k' ? "kept" : self->entry_stack == 'g' ? "given" : "other");
		break;
#if HAVE_LOOKS
	case V_LWP_CREATE:
		lwp_create_step(me, step->child, &t);
		break;
	case V_LWP_EXIT:
#endif
	case V_EXIT:
	case V_EXEC:
		conclude(index, "ok");
		if (step->verb == V_EXEC) {
			self->replaced = 1;
			take_turn(index, me);
			char until[] = "--until-eof", fd[24], *argv[] = {self_path, until, fd, 0};
			struct text word = {fd, fd + sizeof fd - 1};
			put_number(&word, (u64)step->arg[0], 10);
			os_exec(self_path, argv);
			os_exit(127);
		}
#if HAVE_LOOKS
		if (step->verb == V_LWP_EXIT)
			os_lwp_exit();
#endif
		os_exit((int)step->arg[0]); /* the director passes the turn on, once we are dead */
	case V_GETPPID:
		put_pid(&t, os_getppid());
		break;
	case V_KILL:
		put_result(&t, os_kill(pid_of(me, step->arg[0]), (int)step->arg[1]), "ok");
		break;
	case V_WAIT4:
		r = os_wait4(pid_of(me, step->arg[0]), &status, step->args > 1 ? (int)step->arg[1] : 0);
		if (r > 0)
			newborn(r);
		put_status(&t, r, &status);
		break;
	case V_STORE:
		the_word = step->arg[0];
		put(&t, "ok");
		break;
	case V_LOAD:
		put_number(&t, (u64)the_word, 10);
		break;
	case V_OPEN:
		open_step(step, &t);
		break;
	case V_CLOSE:
		put_result(&t, os_close((long)step->arg[0]), "ok");
		break;
	case V_DUP2:
		put_result(&t, os_dup2((long)step->arg[0], (long)step->arg[1]), 0);
		break;
	case V_LSEEK:
		put_result(&t, os_lseek((long)step->arg[0], (long)step->arg[1], 0), 0);
		break;
	case V_TELL:
		put_result(&t, os_lseek((long)step->arg[0], 0, 1), 0);
		break;
	case V_PIPE:
		pipe_step(step, &t);
		break;
	case V_CHDIR:
		put_result(&t, os_chdir(step->path), "ok");
		break;
	case V_GETCWD:
		memset(path, 0, sizeof path);
		r = os_getcwd(path, sizeof path - 1);
		put_result(&t, r, path);
		break;
	case V_UMASK:
		r = os_umask((long)step->arg[0]);
		put(&t, r ? "0" : "");
		put_number(&t, (u64)r, 8);
		break;
	case V_SIGACTION:
		put_disposition(&t, os_sigaction((int)step->arg[0], step->args > 1 ? (int)step->arg[1] : -1));
		break;
	case V_SIGPROCMASK:
		put_result(&t, os_block((int)step->arg[0], (int)step->arg[1]), "ok");
		break;
	case V_SIGPENDING:
		put_signals(&t, os_pending());
		break;
	case V_SETRLIMIT:
		put_result(&t, os_setrlimit((u64)step->arg[0], (u64)step->arg[1]), "ok");
		break;
	case V_GETRLIMIT:
		r = os_getrlimit(&cur, &max);
		if (r < 0) {
			put_error(&t, r);
			break;
		}
		put_limit(&t, cur);
		put(&t, " ");
		put_limit(&t, max);
		break;
	case V_SETREUID:
		put_result(&t, os_setreuid((long)step->arg[0], (long)step->arg[1]), "ok");
		break;
#if HAVE_TRACER
	case V_SPAWN:
		r = (long)os_fork(FORK, 0, 0, 0, stack_of(step->child), step->child + MAX_ACTORS);
		if (r < 0)
			put_error(&t, r);
		else {
			stage->actor[step->child].expected = (i32)r;
			put_pid(&t, r);
		}
		break;
#endif
	default:
		if (look_step(me, step, &t))
			break;
#if HAVE_TRACER
		trace_step(me, step, &t);
#else
		put(&t, "cannot");
#endif
	}
	conclude(index, seen);
	take_turn(index, me);
}

static void actor_main(int me)
{
#if HAVE_LOOKS
	if (stage->scenario.lwps)
		stage->actor[me].lid = (i32)os_lwp_self();
#endif
	stage->actor[me].pid = (i32)os_getpid();
	while (!stage->over) {
		stage->asleep[me] = 1;
		__sync_synchronize();
		u32 now = stage->turn;
		if (now < (u32)stage->scenario.steps && stage->scenario.step[now].actor == me
		    && stage->result[now].state == 0) {
			stage->asleep[me] = 0;
			perform(me, now);
		} else
			os_sleep_on(&places[me], stage->external ? 50 : 10000);
	}
	os_exit(0);
}

/*
 * Where every child with a name starts, on a stack of its own.  The slot says
 * who it is: an actor that a step gave birth to, one that is to be traced, a
 * root, the director, or a program that is none of ours.
 */
__attribute__((used, noreturn)) void child_main(char *stack, char *parents_stack, long slot)
{
	if (slot == 3 * MAX_ACTORS + 2)
		become_program();
	if (slot == 3 * MAX_ACTORS + 1)
		try_fork();
	if (slot == 3 * MAX_ACTORS)
		direct();
	if (slot >= 2 * MAX_ACTORS)
		actor_main((int)slot - 2 * MAX_ACTORS);
#if HAVE_TRACER
	if (slot >= MAX_ACTORS)
		spawned((int)slot - MAX_ACTORS);
#endif
	stage->actor[slot].entry_stack = stack == parents_stack ? 'k'
	    : stack == given_stack + sizeof given_stack - 64 ? 'g' : '?';
	actor_main((int)slot);
	os_exit(0);
}

#endif
