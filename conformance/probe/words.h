/* Names of numbers: flags, signals, fields. */
#ifndef WORDS_H
#define WORDS_H

#include "constants.h"
#include "text.h"

struct word {
	const char *name;
	u32 value;
};

/* A table of netbsd.py. */
struct words {
	const struct word *word;
	int count;
};

extern const struct words clone_flags, signals, wait_options, wait6_options, idtypes, policies, ptrace_events, p_flags,
    accounting_flags, notes, trace_facilities, inheritances;
extern const char *const field_names[FIELDS];
extern const char *const timer_names[TIMERS];
extern const char *const program_names[PROGRAMS];

int index_of(const char *const *names, int count, const char *name);
/* Reads A|B|SIG40|0x1000, with the names of one table or two (the second one may be 0); 0: it is none. */
int read_bits(const struct words *first, const struct words *second, char *s, i64 *value);
/* Reads SIGCHLD|SIGUSR1: bit n-1 for signal n. */
int read_signals(char *s, i64 *set);

void put_signal(struct text *t, int signal);
/* A|B for the bits that have a name, 0x... for the others. */
void put_names(struct text *t, const struct words *words, u64 value);
void put_signals(struct text *t, u64 set); /* bit n-1 for signal n */

#endif
