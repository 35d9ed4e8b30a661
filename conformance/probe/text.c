/* Words, numbers and lines, without a C library. */
#include "text.h"

void *memset(void *to, int value, unsigned long size)
{
	char *p = to;
	while (size--)
		*p++ = (char)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, unsigned long size)
{
	char *p = to;
	const char *q = from;
	while (size--)
		*p++ = *q++;
	return to;
}

unsigned long length(const char *s)
{
	unsigned long n = 0;
	while (s[n])
		n++;
	return n;
}

int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

void put(struct text *t, const char *s)
{
	while (*s && t->at < t->end)
		*t->at++ = *s++;
	*t->at = 0;
}

/* By hand: a 32-bit machine's 64-bit division is in the compiler's library. */
static u64 divide(u64 value, unsigned by, unsigned *left)
{
	u64 quotient = 0, rest = 0;
	for (int bit = 63; bit >= 0; bit--) {
		rest = rest << 1 | (value >> bit & 1);
		if (rest >= by) {
			rest -= by;
			quotient |= 1ull << bit;
		}
	}
	*left = (unsigned)rest;
	return quotient;
}

void put_number(struct text *t, u64 value, unsigned base)
{
	unsigned digit;
	char digits[24], *d = digits + sizeof digits - 1;
	*d = 0;
	do {
		if (value >> 32)
			value = divide(value, base, &digit);
		else {
			digit = (unsigned)value % base;
			value = (unsigned)value / base;
		}
		*--d = "0123456789abcdef"[digit];
	} while (value);
	put(t, d);
}

/* Decimal (or, after 0x or with base 8, other) digits to the end of the word; 0 where it is none. */
int number(const char *s, unsigned base, u64 *value)
{
	u64 v = 0;
	if (s[0] == '0' && s[1] == 'x')
		base = 16, s += 2;
	if (!*s)
		return 0;
	for (; *s; s++) {
		unsigned digit = *s >= '0' && *s <= '9'   ? (unsigned)(*s - '0')
				 : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a') + 10
							  : 99;
		if (digit >= base)
			return 0;
		v = v * base + digit;
	}
	*value = v;
	return 1;
}
