#include "rules.h"

#include "calls.h"

#define BIT_STMUTEX (1 << 4)
#define BIT_LWP (1 << 5)

int64_t *broken;

static int64_t watched[] = {
#define RULE(number, name, clause, text)
#define WATCH(rule, value, condition) 0,
#include "rules.def"
#undef RULE
#undef WATCH
};

void rule_broken(enum rule rule)
{
	if (*broken == 0)
		*broken = (progress->call_words + 1) << BROKEN_CALL_SHIFT;
	*broken |= 1 << rule;
}

/* Whether other processes can find the child. */
static bool is_visible(void) { return watched[0] == (int64_t)(uintptr_t)&p2 && !p2_gone; }

void rules_check(void)
{
	int64_t *at = watched;

#define RULE(number, name, clause, text)
#define WATCH(rule, value, condition)           \
	if (*at != (int64_t)(uintptr_t)(value)) \
		ASKS(rule, condition);          \
	at++;
#include "rules.def"
#undef WATCH
	rules_forget();
}

void rules_forget(void)
{
	int64_t *at = watched;

#define WATCH(rule, value, condition) *at++ = (int64_t)(uintptr_t)(value);
#include "rules.def"
#undef RULE
#undef WATCH
}

int64_t locks_held(void)
{
	return PROC_LOCK->owned | lock1.owned << 1 | lock2.owned << 2 | ktrace_lock.owned << 3
	       | (p2_there && p2.p_stmutex.ready == LOCK_READY && p2.p_stmutex.owned) * BIT_STMUTEX
	       | l2.locked * BIT_LWP | (preempt != 0) << 6 | (others_held != 0) << 7;
}

bool spin_held(void) { return (locks_held() & (BIT_STMUTEX | BIT_LWP)) != 0; }
