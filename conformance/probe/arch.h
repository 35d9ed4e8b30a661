/* The way into the kernel, for each machine: see arch.c. */
#ifndef ARCH_H
#define ARCH_H

#if __SIZEOF_POINTER__ == 8
typedef unsigned __int128 pair_t;
enum { PAIR_BITS = 64 };
#else
typedef unsigned long long pair_t;
enum { PAIR_BITS = 32 };
#endif

#if defined(__x86_64__)
#define STACK_REGISTER _REG_RSP
enum { ENTRY_BELOW = sizeof(long), KEPT_IS_A2 = 1 };
#elif defined(__i386__)
#define STACK_REGISTER _REG_UESP
enum { ENTRY_BELOW = sizeof(long), KEPT_IS_A2 = 1 };
#elif defined(__aarch64__)
#define STACK_REGISTER _REG_SP
enum { ENTRY_BELOW = 0, KEPT_IS_A2 = 0 };
#else
#error "the probe knows x86_64, i386 and aarch64"
#endif
/*
 * ENTRY_BELOW: how far below an aligned stack a function begins, as if it had been called.
 * KEPT_IS_A2: which argument shows that a call left the second return register alone.  On x86 it is
 * rdx, the third one; on aarch64 it is x1, the second one.
 */

#define QUOTED_(x) #x
#define QUOTED(x) QUOTED_(x)

long raw_syscall(long nr, long a0, long a1, long a2, long a3, long a4, long a5, long a6);
pair_t raw_fork(long nr, long a0, long a1, long a2, void *stack, long slot);

/* What the kernel, or raw_fork, begins a process with: probe.c has both. */
void probe_start(long *args) __attribute__((noreturn));
void child_main(char *stack, char *parents_stack, long slot, long fp_register) __attribute__((noreturn));

#endif
