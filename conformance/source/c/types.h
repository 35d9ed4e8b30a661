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
typedef int pid_t;

struct timeval {
	time_t tv_sec;
	int tv_usec;
};

void *memset(void *, int, size_t);
void *memcpy(void *, const void *, size_t);

/* Annotations that mean nothing here. */
#define __KERNEL_RCSID(number, id) struct forkoracle_rcsid
#define __cacheline_aligned
#define __read_mostly
#define __unused __attribute__((__unused__))
#define __predict_false(condition) (condition)
#define __predict_true(condition) (condition)
#define SET(word, bits) ((word) |= (bits))
#define CLR(word, bits) ((word) &= ~(bits))
#define ISSET(word, bits) ((word) & (bits))

/* KASSERT: a failure ends the call, and says which. */
void forkoracle_panic(const char *, int) __attribute__((__noreturn__));
#ifdef FORKORACLE_PLAIN /* for comparing object code: no texts, no lines */
#define KASSERT(condition) ((condition) ? (void)0 : forkoracle_panic("", 0))
#else
#define KASSERT(condition) ((condition) ? (void)0 : forkoracle_panic("KASSERT(" #condition ")", __LINE__))
#endif

#endif
