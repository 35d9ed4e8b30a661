/*
 * A panic ends the case that is being run: forkoracle_run() goes on behind its __builtin_setjmp().
 * types.h declares forkoracle_panic(), since KASSERT calls it.
 */
#ifndef FORKORACLE_PANIC_H
#define FORKORACLE_PANIC_H

#include "sizes.h"
#include "types.h"

extern struct panic {
	void *recover[5]; /* of __builtin_setjmp() */
	char message[MESSAGE_WORDS * sizeof(int64_t)];
	int line;
	enum { PANICKED = 1, UNKNOWN_CALL } how;
} the_panic;

/* What the real callee would fault on, or assert. */
#define MUST(condition, ...)                              \
	do {                                              \
		if (!(condition))                         \
			forkoracle_panic(0, __VA_ARGS__); \
	} while (0)
#define MUST_BE(object, expected, text) MUST((const void *)(object) == (const void *)(expected), text)

#endif
