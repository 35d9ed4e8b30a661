/*
 * The memory that all processes share, and how the turn goes from one to the next.
 *
 * Each page that a process touches for the first time costs it a page fault, and each scenario has new
 * processes.  In an emulated machine a change of address space is dear, too.  So
 *   - what all processes look at lies together at the stage's start, since a fault brings in a few pages;
 *   - a process's own small data lies in one page, and what is LARGE behind it (types.h): a root had 13
 *     faults before, and 7 after;
 *   - all stacks are shared memory, which no fork has to copy; a new program (again.c) has new ones;
 *   - a page is written to only where that changes something (set() in director.c);
 *   - the first root of a generated program shares the director's memory (roots.c).  Together with the
 *     stacks this took a quarter of QEMU's work for a program: 7,300 lookups of translated code instead of
 *     9,700, and 2,400 fills of its TLB instead of 3,500.
 *
 * Tried and given up: futexes on the stage itself (see `places`), and actors that spin (watch.c).
 *
 * Sources: sys/uvm/uvm_map.c (uvm_voaddr_acquire()), sys/kern/sys_futex.c.
 */
#include "stage.h"
#include "syscall.h"
#include "text.h"

enum { STACK_SIZE = 32768, NOT_A_PID = 0x7ffffff0 };
enum { ABOVE_STACK = 64 };

struct stage *stage;

/*
 * What actors sleep on until their turn comes: a word each, in a page to which
 * no process ever writes.  NetBSD 10.99.12 takes a futex in anonymous memory for
 * another one once its page has been written to: a sleeper holds the page's
 * anon, so that a write makes a new one (uvm_map.c, uvm_voaddr_acquire()).
 */
u32 *places;

/*
 * A stack for each actor and one for the director.  Each is used by one process at a time (but see
 * raw_fork in arch.c); as all share the memory, none is copied by a fork.
 */
static char (*stacks)[STACK_SIZE];

int stage_is_kept;

enum { STAGE_SIZE = (2 * PAGE + sizeof(struct stage) - 1) & ~(PAGE - 1) }; /* whole pages */

static int lay_out(void *memory)
{
	places = memory;
	stacks = os_shared(STACKS * sizeof *stacks);
	stage = memory ? (void *)(places + PAGE / sizeof *places) : 0;
	return stage && stacks;
}

int make_stage(const char *path)
{
	long file = os_memory_file(path, STAGE_SIZE);
	if (file >= 0 && file != STAGE_FILE) {
		os_dup2(file, STAGE_FILE);
		CALL(close, file);
	}
	stage_is_kept = file >= 0;
	return file < 0 && path ? 0
				: lay_out(file < 0 ? os_shared(STAGE_SIZE) : os_shared_file(STAGE_FILE, STAGE_SIZE));
}

int find_stage(void)
{
	stage_is_kept = 1;
	return lay_out(os_shared_file(STAGE_FILE, STAGE_SIZE));
}

void clear_stage_for(int external_actor)
{
	for (int i = 0; i < stage->scenario.steps; i++) {
		stage->result[i].state = NOT_BEGUN;
		stage->result[i].seen[0] = 0;
		stage->result[i].anonymous = 0;
	}
	for (int i = 0; i < stage->scenario.actors; i++)
		stage->actor[i] = (struct actor){.retval1 = NO_RETVAL, .entry_stack = OTHER_STACK};
	stage->director = (i32)CALL(getpid);
	stage->has_futex = os_has_futex();
	stage->external = external_actor < 0 ? 0 : 1u << external_actor;
	stage->turn = stage->over = 0;
	stage->group = 0;
	for (int i = 0; i < MAX_ACTORS; i++)
		stage->asleep[i] = 0;
	for (int knob = 0; knob < KNOBS; knob++)
		stage->knob_before[knob] = -1;
	stage->counted = 0;
	stage->said_before = -1;
}

void *stack_of(int slot) { return stacks[slot] + STACK_SIZE - ABOVE_STACK; }
int actor_on(const char *stack) { return (int)((stack - stacks[0]) / STACK_SIZE); }

void settle_result(int step, const char *seen)
{
	struct result *r = &stage->result[step];
	struct text t = {r->seen, r->seen + SEEN - 1};
	put(&t, seen);
	__sync_synchronize();
	r->state = DONE;
}

/* An actor that is not yet asleep is called again. */
void call_for(u32 step)
{
	enum { CALLS = 20 };
	if (step >= (u32)stage->scenario.steps)
		return;
	int actor = stage->scenario.step[step].actor;
	for (int i = 0; i < CALLS && stage->asleep[actor] && stage->result[step].state == NOT_BEGUN; i++) {
		if (os_wake(&places[actor]) > 0)
			return;
		CALL(sched_yield);
	}
}

void take_turn(u32 from, int me)
{
	if (__sync_bool_compare_and_swap(&stage->turn, from, from + 1)
	    && (from + 1 >= (u32)stage->scenario.steps || stage->scenario.step[from + 1].actor != me))
		call_for(from + 1);
}

/* By its own word, else by that of the process that saw it born; 0: not known. */
long pid_known(int actor)
{
	struct actor *a = &stage->actor[actor];
	return a->pid ? a->pid : a->expected;
}

long pid_of(int me, i64 who)
{
	if (who == OWN_GROUP)
		return 0;
	long pid = who == ANYBODY ? -1 : who == ANONYMOUS ? stage->actor[me].anonymous : pid_known((int)who);
	return pid ? pid : NOT_A_PID;
}

int is_unnamed(int actor)
{
	for (int i = 0; i < stage->scenario.steps; i++)
		if (stage->scenario.step[i].child == actor)
			return stage->result[i].state == BEGUN && !pid_known(actor);
	return 0;
}

void note_newborn(long pid)
{
	for (int i = 0; i < stage->scenario.actors; i++)
		if (stage->actor[i].pid == pid || stage->actor[i].expected == pid)
			return;
	for (int i = 0; i < stage->scenario.steps; i++)
		if (stage->result[i].anonymous == pid)
			return;
	for (int i = 0; i < stage->scenario.steps; i++) {
		int child = stage->scenario.step[i].child;
		if (stage->scenario.step[i].verb == V__lwp_create)
			continue;
		if (stage->result[i].state == BEGUN && child >= 0 && child < MAX_ACTORS && !pid_known(child)) {
			stage->actor[child].expected = (i32)pid;
			return;
		}
	}
}

/* The old value is noted first, so that it is put back whichever process dies: see ending.c. */
long set_knob(enum knob knob, long value)
{
	if (stage->knob_before[knob] < 0)
		stage->knob_before[knob] = os_knob(knob, -1);
	long error = os_knob(knob, value);
	return error < 0 ? error : 0;
}
