/*
 * The calls that the case makes, and what is shared with the process that watches this one.
 */
#ifndef FORKORACLE_CALLS_H
#define FORKORACLE_CALLS_H

#include "objects.h"
#include "panic.h"

enum call {
#define CALL(number, name, items) CALL_##name = number,
#include "calls.def"
#undef CALL
};

/* A call's items by name: struct call_mutex_enter { int64_t lock; }. */
#define N(item) int64_t item;
#define P(item) int64_t item;
#define S(item) int64_t item;
#define CALL(number, name, items) \
	struct call_##name {      \
		items             \
	};
#include "calls.def"
#undef CALL
#undef N
#undef P
#undef S

/* Takes note of a call: NOTE(vref, .vp = name(vp)). */
#define NOTE(call, ...)                                                                             \
	do {                                                                                        \
		const struct call_##call items_ = {__VA_ARGS__};                                    \
		calls_note(CALL_##call, (const int64_t *)&items_, sizeof items_ / sizeof(int64_t)); \
	} while (0)
void calls_note(enum call, const int64_t *items, size_t count);

struct progress {
#define HEAD(name)
#define PROGRESS(name) int64_t name;
#include "frame.def"
#undef HEAD
#undef PROGRESS
	int64_t words[MAX_CALL_WORDS];
};
extern volatile struct progress *progress;

/* Where the state before each call goes, or NULL. */
extern int64_t *snapshot;

/* Forgets the calls of the case before. */
void calls_begin(void);

#endif
