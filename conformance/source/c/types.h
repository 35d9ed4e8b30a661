/*
 * NetBSD's types, constants and annotations, as far as kern_fork.c uses them.  The constants are
 * those of reference_model/language/netbsd.py: compile.py writes constants.h.
 */
#ifndef FORKORACLE_TYPES_H
#define FORKORACLE_TYPES_H

#include "constants.h"

#define NULL ((void *)0)
#define true 1
#define false 0
#define bool _Bool
#define INFTIM (-1)

typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int, uint;
typedef unsigned long u_long, size_t, vaddr_t, uintptr_t, uint64_t, rlim_t, sigset_t;
typedef long register_t, int64_t, time_t, intptr_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned int uid_t;
typedef int pid_t, lwpid_t;
typedef long long longlong_t, intmax_t;
typedef unsigned long long uintmax_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef long ssize_t, off_t;

struct timespec {
	time_t tv_sec;
	long tv_nsec;
};

struct bintime {
	time_t sec;
	uint64_t frac;
};

struct timeval {
	time_t tv_sec;
	int tv_usec;
};

size_t strlen(const char *);
int strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
int memcmp(const void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
void *memcpy(void *, const void *, size_t);

/* Annotations that mean nothing here. */
#define __KERNEL_RCSID(number, id) struct forkoracle_rcsid
#define __cacheline_aligned
#define __read_mostly
#define __diagused __attribute__((__unused__))
#define __debugused __attribute__((__unused__))
#define __used __attribute__((__used__))
#define __dead __attribute__((__noreturn__))
#define __noinline __attribute__((__noinline__))
#define __inline inline
#define __printflike(format, first) __attribute__((__format__(__printf__, format, first)))
#define __aligned(size) __attribute__((__aligned__(size)))
#define __packed __attribute__((__packed__))
#define __BIT(n) (1ul << (n))
#define __arraycount(array) (sizeof(array) / sizeof((array)[0]))
#define __UNCONST(pointer) ((void *)(uintptr_t)(const void *)(pointer))
#define __FPTRCAST(type, function) ((type)(void *)(function))
#define __STRING(text) #text
#define CTASSERT(condition) _Static_assert(condition, #condition)
#define __CTASSERT(condition) _Static_assert(condition, #condition)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define KDASSERT(condition) ((void)sizeof(condition))
#define KDASSERTMSG(condition, ...) ((void)sizeof(condition))
#define KERNEL_LOCK(count, l) ((void)0)
#define KERNEL_UNLOCK_ONE(l) ((void)0)
#define ASSERT_SLEEPABLE() ((void)0)
#define __unused __attribute__((__unused__))
#define __predict_false(condition) (condition)
#define __predict_true(condition) (condition)
#define SET(word, bits) ((word) |= (bits))
#define CLR(word, bits) ((word) &= ~(bits))
#define ISSET(word, bits) ((word) & (bits))

/* KASSERT: a failure ends the call, and says which. */
#define DIAGNOSTIC 1
void forkoracle_panic(int, const char *, ...) __attribute__((__noreturn__, __format__(__printf__, 2, 3)));
#ifdef FORKORACLE_PLAIN /* for comparing object code: no texts, no lines */
#define KASSERT(condition) ((condition) ? (void)0 : forkoracle_panic(0, ""))
#define KASSERTMSG(condition, ...) KASSERT(condition)
#else
#define KASSERT(condition) ((condition) ? (void)0 : forkoracle_panic(__LINE__, "%s", "KASSERT(" #condition ")"))
#define KASSERTMSG(condition, format, ...) \
	((condition) ? (void)0 : forkoracle_panic(__LINE__, "%s: " format, "KASSERT(" #condition ")", ##__VA_ARGS__))
#endif

#endif
