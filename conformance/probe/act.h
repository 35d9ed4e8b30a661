/* A step that is being taken, and the functions that take it: one for each verb. */
#ifndef ACT_H
#define ACT_H

#include "stage.h"
#include "text.h"

struct act {
	int me; /* the actor */
	u32 index;
	struct step *step;
	struct result *result;
	struct text said; /* the observation */
};

/*
 * Each is in the file of its group, as do_VERB(); a group is a GROUP of verbs.def.  Where a system has not
 * what a verb needs, there need be no function: the probe says `cannot`.
 */
#ifdef __NetBSD__
#define MAY_BE_MISSING
#else
#define MAY_BE_MISSING __attribute__((weak))
#endif
#define FUNCTION_THAT_NEEDS_NOTHING
#define FUNCTION_THAT_NEEDS_NETBSD MAY_BE_MISSING
#define FUNCTION_THAT_NEEDS_PTRACE MAY_BE_MISSING
#define FUNCTION_THAT_NEEDS_KTRACE MAY_BE_MISSING
#define FUNCTION_THAT_NEEDS_AIO MAY_BE_MISSING
#define FUNCTION_THAT_NEEDS_CLOFORK MAY_BE_MISSING
#define FUNCTION_THAT_NEEDS_MQUEUE MAY_BE_MISSING
#define FUNCTION_THAT_NEEDS_ALONE MAY_BE_MISSING

#define GROUP(name, text)
#define VERB(name, kinds, arguments, needs, ...) void do_##name(struct act *act) FUNCTION_THAT_NEEDS_##needs;
#include "verbs.def"
#undef VERB
#undef GROUP

#endif
