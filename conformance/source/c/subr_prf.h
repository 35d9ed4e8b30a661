/*
 * What a person puts into kern_fork.c to look at it: panic(9), printf(9), log(9) and the like.
 * What they print is shown to the user; it is no call that is compared.
 */
#ifndef FORKORACLE_SUBR_PRF_H
#define FORKORACLE_SUBR_PRF_H

#include "sizes.h"
#include "types.h"

typedef __builtin_va_list va_list;
#define va_start(list, last) __builtin_va_start(list, last)
#define va_end(list) __builtin_va_end(list)
#define va_arg(list, type) __builtin_va_arg(list, type)

#define LOG_EMERG 0
#define LOG_ALERT 1
#define LOG_CRIT 2
#define LOG_ERR 3
#define LOG_WARNING 4
#define LOG_NOTICE 5
#define LOG_INFO 6
#define LOG_DEBUG 7
#define LOG_KERN 0

typedef struct device *device_t;
struct tty;

void panic(const char *, ...) __attribute__((__noreturn__));
void vpanic(const char *, va_list) __attribute__((__noreturn__));
void printf(const char *, ...);
void vprintf(const char *, va_list);
void printf_nolog(const char *, ...);
void printf_tolog(const char *, ...);
void uprintf(const char *, ...);
void ttyprintf(struct tty *, const char *, ...);
void log(int, const char *, ...);
void vlog(int, const char *, va_list);
void addlog(const char *, ...);
void aprint_normal(const char *, ...);
void aprint_naive(const char *, ...);
void aprint_verbose(const char *, ...);
void aprint_debug(const char *, ...);
void aprint_error(const char *, ...);
void device_printf(device_t, const char *, ...);

/* The host's C library has these. */
int snprintf(char *, size_t, const char *, ...);
int vsnprintf(char *, size_t, const char *, va_list);

/* A format that was printed, how often, and what came of it for the first time. */
struct said {
	int64_t count;
	char format[FORMAT_WORDS * sizeof(int64_t)];
	char text[MESSAGE_WORDS * sizeof(int64_t)];
};
extern struct said *said; /* MAX_SAID of them, or NULL */

/* Ends the case at a call of a function that has no stand-in. */
void forkoracle_unknown_call(const char *, ...) __attribute__((__noreturn__));

#endif
