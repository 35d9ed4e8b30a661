/* Words, numbers and lines, without a C library. */
#ifndef TEXT_H
#define TEXT_H

#include "types.h"

/* A text that is put together piece by piece and never runs over. */
struct text {
	char *at, *end;
};

/* The compiler calls these two. */
void *memset(void *to, int value, unsigned long size);
void *memcpy(void *restrict to, const void *restrict from, unsigned long size);

unsigned long length(const char *s);
int same(const char *a, const char *b);
void put(struct text *t, const char *s);
void put_number(struct text *t, u64 value, unsigned base);
int number(const char *s, unsigned base, u64 *value);

#endif
