/*
 * The stage: the memory that all processes of a scenario share, whatever else
 * they share or not.  It holds the scenario, whose turn it is, who is who, and
 * what was seen.  conformance/targets/linux_tracer.py reads and writes the
 * head, the actors and the results; the sizes at the start let it check that it may.
 */
#ifndef STAGE_H
#define STAGE_H

enum { BEGUN = 1, DONE = 2, SEEN = 392, MAGIC = 0x666f726b, NOT_YET = 0x7fffffff };

struct result {
	volatile u32 state;
	i32 anonymous;  /* the child called - that this step gave birth to */
	char seen[SEEN]; /* process IDs as @1234: the director puts the names in */
};

struct actor {
	volatile i32 pid;      /* by its own word; 0: it has not run yet */
	volatile i32 expected; /* by the word of its parent, or of its tracer */
	i32 anonymous;    /* its last child called - */
	i32 replaced;     /* has called exec: takes no more steps */
	i32 entry_stack;  /* 'k'ept its parent's stack pointer, 'g'iven one, '?' another */
	volatile i32 lid; /* its LWP's ID, in scenarios in which a process has several */
	i64 retval1;      /* second return register of its last fork; -1 none, -2 kept */
};

struct stage {
	u32 magic, size_of_result, size_of_actor;
	volatile u32 epoch; /* counts scenarios; odd while one runs */
	volatile u32 turn;  /* the step whose time has come; NOT_YET before all roots are there */
	volatile u32 over;  /* everybody leaves */
	volatile u32 external; /* the actors that somebody else plays, a bit each */
	volatile i32 director;
	volatile i32 group; /* the process group of all roots: the first one's process ID */
	u32 results_at; /* the offset of the results; and the actors lie where a 64-bit word may */
	volatile u32 asleep[MAX_ACTORS]; /* this actor sleeps, or is about to, until it is called */
	/* What everybody looks at lies together, since a page fault brings in a few pages around it. */
	struct actor actor[MAX_ACTORS];
	struct scenario scenario;
	struct result result[MAX_STEPS];
	/* What a step changed for the whole system, as it was before; -1: untouched. */
	volatile i64 knob_before[2];
	u64 counts_before[3]; /* at the scenario's first look */
	u32 counted;
	i64 said_before; /* messages that the table is full; -1: nobody has looked yet */
};

static struct stage *stage;

/*
 * What actors sleep on until their turn comes: a word each, in a page to which
 * nobody ever writes.  NetBSD 10.99.12 takes a futex in anonymous memory for
 * another one once somebody has written to its page: a sleeper holds the page's
 * anon, so that a write makes a new one (uvm_map.c, uvm_voaddr_acquire()).
 */
static u32 *places;

/* That step is done. */
static void settle_result(int i, const char *seen)
{
	struct result *r = &stage->result[i];
	struct text t = {r->seen, r->seen + SEEN - 1};
	put(&t, seen);
	__sync_synchronize();
	r->state = DONE;
}

enum { CALLS = 20 };

/* Call the actor of a step, whose time has come.  Who is not yet asleep is called again. */
static void call_for(u32 step)
{
	if (step >= (u32)stage->scenario.steps)
		return;
	int actor = stage->scenario.step[step].actor;
	for (int i = 0; i < CALLS && stage->asleep[actor] && stage->result[step].state == 0; i++) {
		if (os_wake(&places[actor]) > 0)
			return;
		os_yield();
	}
}

/* From one step to the next, if that is where we are; the actor `me` need not be called. */
static void take_turn(u32 from, int me)
{
	if (__sync_bool_compare_and_swap(&stage->turn, from, from + 1)
	    && (from + 1 >= (u32)stage->scenario.steps || stage->scenario.step[from + 1].actor != me))
		call_for(from + 1);
}

#endif
