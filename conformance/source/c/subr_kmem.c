#include "subr_kmem.h"

#include "calls.h"
#include "rules.h"

static char arena[1 << 20] __attribute__((__aligned__(16)));
static size_t used;

void kmem_begin(void) { used = 0; }

void *kmem_alloc(size_t size, int how)
{
	char *memory = arena + used;

	MUST(size != 0, "kmem_alloc: nothing asked for");
	MUST(how == KM_NOSLEEP || !spin_held(), "kmem_alloc: spin lock held");
	MUST(size <= sizeof arena - used, "kmem_alloc: more than 1 MiB in one case");
	used += (size + 15) & ~15ul;
	if (used > sizeof arena)
		used = sizeof arena;
	memset(memory, STALE, size);
	return memory;
}

void *kmem_zalloc(size_t size, int how) { return memset(kmem_alloc(size, how), 0, size); }

void kmem_free(void *memory, size_t size __unused)
{
	MUST((char *)memory >= arena && (char *)memory < arena + used, "kmem_free: not of kmem_alloc()");
}

void delay(unsigned int microseconds __unused) {}
