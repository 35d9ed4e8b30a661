/*
 * The world around one call: the objects that it starts from, the case that set
 * them up, and the record of what is called.
 */
#ifndef FORKORACLE_WORLD_H
#define FORKORACLE_WORLD_H

#include "netbsd.h"

struct the_case {
#define FIELD(name, plain) int64_t name;
#include "case.def"
#undef FIELD
};

enum call {
#define CALL(number, name, arguments) CALL_##name = number,
#include "calls.def"
#undef CALL
};

/* What a new process still has of the one that had its memory before. */
#define STALE 0x5a

#define MAX_WORDS 2000

extern struct the_case c;
/*
 * Shared with the process that watches this one: cases begun, words written, and the
 * calls of the case that is being run.
 */
extern volatile int64_t *progress;
#define nevents (progress[2])
#define events (progress + 3)
/* Where the state before each call goes, when that is asked for. */
extern int64_t *snapshot;
#define MAX_SNAPSHOTS 150
extern register_t forkoracle_retval[2];

void world_boot(void);
void world_begin(const int64_t *);
int64_t *world_record(int64_t *);
void note(enum call, int, ...);
int64_t hash(const char *);

#define STATUS_RETURNED 0
#define STATUS_PANICKED 1

#endif
