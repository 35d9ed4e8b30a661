/*
 * The stage: the memory that all processes of a scenario share, whatever else
 * they share or not.  It holds the scenario, whose turn it is, which process plays
 * which actor, and what was seen.  conformance/targets/linux_tracer.py reads and writes
 * the head, the actors and the results; the sizes at the start let it check that it may.
 */
#ifndef STAGE_H
#define STAGE_H

#include "os.h"
#include "scenario.h"

enum result_state { NOT_BEGUN, BEGUN, DONE };
enum { SEEN = 392, MAGIC = 0x666f726b, NOT_YET = 0x7fffffff };

struct result {
	volatile u32 state;
	i32 anonymous; /* the child called - that this step gave birth to */
	char seen[SEEN]; /* process IDs as @1234: the director puts the names in */
};

/* The stack pointer with which an actor began, and what an actor's last fork left in the second register. */
enum entry_stack { PARENTS_STACK = 'k', GIVEN_STACK = 'g', OTHER_STACK = '?' };
enum { FP_REGISTER_KEPT = 1 << 8 }; /* beside the stack */
enum { NO_RETVAL = -1, RETVAL_KEPT = -2 };

struct actor {
	volatile i32 pid; /* by its own word; 0: it has not run yet */
	volatile i32 expected; /* by the word of its parent, or of its tracer */
	i32 anonymous; /* its last child called - */
	i32 replaced; /* has called exec: takes no more steps */
	i32 entry_stack;
	volatile i32 lid; /* its LWP's ID, in scenarios in which a process has several */
	i64 retval1; /* second return register of its last fork */
};

struct stage {
	u32 magic, size_of_result, size_of_actor;
	volatile u32 epoch; /* counts scenarios; odd while one runs */
	volatile u32 turn; /* the step whose time has come; NOT_YET before all roots are there */
	volatile u32 over; /* every actor leaves */
	volatile u32 external; /* the actors that another program plays, a bit each */
	volatile i32 director;
	volatile i32 group; /* the process group of all roots: the first one's process ID */
	u32 results_at; /* the offset of the results; and the actors lie where a 64-bit word may */
	volatile u32 asleep[MAX_ACTORS]; /* this actor sleeps, or is about to, until it is called */
	/* What all processes look at lies together, since a page fault brings in a few pages around it. */
	struct actor actor[MAX_ACTORS];
	struct scenario scenario;
	struct result result[MAX_STEPS];
	/* What a step changed for the whole system, as it was before; -1: untouched. */
	volatile i64 knob_before[KNOBS];
	u64 counts_before[3]; /* at the scenario's first look */
	u32 counted;
	i32 has_futex; /* as a new program cannot find out without leaving a trace */
	i64 said_before; /* messages that the table is full; -1: no step has looked yet */
};

extern struct stage *stage;
/* Shared memory beside it: for each actor a word that it sleeps on, and a stack. */
extern u32 *places;

int make_stage(const char *path); /* in the file, if there is a path; 0: there is no memory */
/* The stage lies in a file that a new program finds as this descriptor, unless the system has no such file. */
enum { STAGE_FILE = 12 };
extern int stage_is_kept;
int find_stage(void); /* the new program's part; 0: it is not there */
void clear_stage_for(int external_actor); /* for the next scenario; -1: no other program plays */
void *stack_of(int slot);
enum { DIRECTORS_STACK = MAX_ACTORS, STACKS };
int actor_on(const char *stack); /* the actor whose stack it is */

/* Notes that the step is done, and what it saw. */
void settle_result(int step, const char *seen);
/* Calls the actor of a step, whose time has come. */
void call_for(u32 step);
/* Passes the turn to the next step, if it is still at `from`; the actor `me` need not be called. */
void take_turn(u32 from, int me);

/* Changes a setting of the whole system until the scenario ends. */
long set_knob(enum knob knob, long value);

long pid_known(int actor);
long pid_of(int me, i64 who);
/* Whether the actor has been born, as far as its parent's step says, and nobody has told its process ID yet. */
int is_unnamed(int actor);
/* Takes a process that is no known actor's for the child of a fork that is still under way. */
void note_newborn(long pid);

#endif
