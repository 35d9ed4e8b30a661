/*
 * kmem(9) and other small things that fork1 does not use, but an edit may.
 */
#ifndef FORKORACLE_SUBR_KMEM_H
#define FORKORACLE_SUBR_KMEM_H

#include "types.h"

#define KM_SLEEP 1
#define KM_NOSLEEP 2
void *kmem_alloc(size_t, int);
void *kmem_zalloc(size_t, int);
void kmem_free(void *, size_t);
void delay(unsigned int);
#define DELAY(microseconds) delay(microseconds)

/* The memory of the case before is free again. */
void kmem_begin(void);

#endif
