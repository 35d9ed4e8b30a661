/* NetBSD: raw system calls; every number comes from the headers. */
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "os_netbsd.h"
#include "text.h"

/* A static program has to say that it is one of NetBSD's. */
/* clang-format off */
__asm__(".section .note.netbsd.ident,\"a\",%note\n"
	"	.balign 4\n	.long 7,4,1\n	.ascii \"NetBSD\\0\\0\"\n	.long " QUOTED(__NetBSD_Version__) "\n"
	"	.previous\n");
/* clang-format on */

pair_t os_fork(enum fork_kind kind, long flags, void *child_stack, long sentinel, void *run_on, long slot)
{
	switch (kind) {
	case BY_FORK:
		return raw_fork(SYS_fork, sentinel, sentinel, sentinel, run_on, slot);
	case BY_VFORK:
		return raw_fork(SYS_vfork, sentinel, sentinel, sentinel, run_on, slot);
	case BY_VFORK14:
		return raw_fork(SYS___vfork14, sentinel, sentinel, sentinel, run_on, slot);
	default:
		return raw_fork(SYS___clone, flags, (long)child_stack, sentinel, run_on, slot);
	}
}

/* What a wait has found; `got` is its result. */
static long read_status(long got, int s, struct status *status)
{
	status->how = NOT_ENDED;
	status->value = 0;
	if (got <= 0)
		return got;
	if (WIFEXITED(s))
		status->how = EXITED, status->value = WEXITSTATUS(s);
	else if (WIFCONTINUED(s))
		status->how = WAS_CONTINUED;
	else if (WIFSTOPPED(s))
		status->how = WAS_STOPPED, status->value = WSTOPSIG(s);
	else
		status->how = KILLED, status->value = WTERMSIG(s);
	return got;
}

long os_wait4(long pid, struct status *status, int options)
{
	int s = 0;
	long got = CALL(__wait450, pid, &s, options);
	return read_status(got, s, status);
}

long os_wait6(int idtype, long id, struct status *status, int options)
{
	int s = 0;
	long got = CALL(wait6, idtype, id, &s, options);
	return read_status(got, s, status);
}

void os_exit(int status)
{
	for (;;)
		CALL(exit, status);
}
/*
 * Where the second register is the third argument of the call, the child's sentinel stays in it; on
 * aarch64 it is the second one, of __clone the stack.
 */
long os_kept_register(enum fork_kind kind, long sentinel, void *child_stack)
{
	return KEPT_IS_A2 || kind != BY_CLONE ? sentinel : (long)child_stack;
}

long os_trace_me(void) { return CALL(ptrace, PT_TRACE_ME); }
long os_kill(long pid, int signal) { return CALL(kill, pid, signal); }
long os_open(const char *path) { return CALL(open, path, O_RDONLY); }
long os_dup2(long from, long to) { return CALL(dup2, from, to); }
#ifdef __i386__
/* off_t takes two words here, behind the padding word that every machine has. */
long os_lseek(long fd, long offset, enum whence whence) { return CALL(lseek, fd, 0, offset, 0, whence); }
#else
long os_lseek(long fd, long offset, enum whence whence) { return CALL(lseek, fd, 0, offset, whence); }
#endif

/* The mailbox is the second disk.  Init has no open file, so this would be descriptor 0. */
long os_mail_open(void) { return os_dup2(CALL(open, "/dev/rld1d", O_RDWR), MAIL_DISK); }
long os_mail_get(void *buf, long size, long offset)
{
	os_lseek(MAIL_DISK, offset, FROM_START);
	return CALL(read, MAIL_DISK, buf, size);
}
long os_mail_put(const void *buf, long size, long offset)
{
	os_lseek(MAIL_DISK, offset, FROM_START);
	return CALL(write, MAIL_DISK, buf, size);
}
long os_getcwd(char *buf, long size)
{
	long got = CALL(__getcwd, buf, size);
	return got < 0 ? got : 0;
}

void caught(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	CALL(setcontext, context); /* so that no trampoline is needed */
}

long os_sigaction(int signal, enum disposition disposition)
{
	struct sigaction new = {0}, old = {0};
	long error;
	new.sa_flags = SA_RESTART | (disposition == CATCH ? SA_SIGINFO : 0);
	if (disposition == CATCH)
		new.sa_sigaction = caught;
	else
		new.sa_handler = disposition == IGNORE ? SIG_IGN : SIG_DFL;
	error = CALL(__sigaction_sigtramp, signal, disposition == ASK_ONLY ? 0 : &new, &old, (void *)caught,
	    __SIGTRAMP_SIGINFO_VERSION);
	if (error < 0)
		return error;
	return old.sa_handler == SIG_DFL ? DEFAULT : old.sa_handler == SIG_IGN ? IGNORE : CATCH;
}

long os_block(int block, int signal)
{
	sigset_t set = {{0}};
	if (signal)
		set.__bits[(signal - 1) / 32] = 1u << (signal - 1) % 32;
	else
		set.__bits[0] = set.__bits[1] = ~0u;
	return CALL(__sigprocmask14, block ? SIG_BLOCK : SIG_UNBLOCK, &set);
}

u64 set_of(const u32 bits[2]) { return bits[0] | (u64)bits[1] << 32; }

u64 os_pending(void)
{
	sigset_t set = {{0}};
	CALL(__sigpending14, &set);
	return set_of(set.__bits);
}

long os_setrlimit(u64 cur, u64 max)
{
	struct rlimit limit = {cur == NO_LIMIT ? RLIM_INFINITY : cur, max == NO_LIMIT ? RLIM_INFINITY : max};
	return CALL(setrlimit, RLIMIT_NPROC, &limit);
}

long os_getrlimit(u64 *cur, u64 *max)
{
	struct rlimit limit = {0, 0};
	long error = CALL(getrlimit, RLIMIT_NPROC, &limit);
	*cur = limit.rlim_cur == RLIM_INFINITY ? NO_LIMIT : limit.rlim_cur;
	*max = limit.rlim_max == RLIM_INFINITY ? NO_LIMIT : limit.rlim_max;
	return error;
}

void os_nap(long microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	CALL(__nanosleep50, &t);
}

enum { FUTEX_WAIT, FUTEX_WAKE };
static int has_futex;
int os_has_futex(void) { return has_futex; }
void os_assume_futex(int there) { has_futex = there; }
void os_sleep_on(u32 *word, long microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	if (has_futex)
		CALL(__futex, word, FUTEX_WAIT, 0, &t);
	else
		CALL(sched_yield);
}
long os_wake(u32 *word) { return has_futex ? CALL(__futex, word, FUTEX_WAKE, 1) : 1; }
u64 os_microtime(void)
{
	struct timespec t = {0, 0};
	CALL(__clock_gettime50, CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + (u32)t.tv_nsec / 1000;
}

/* off_t takes two words on i386, where raw_syscall hands on all that lies on its caller's stack. */
static void *map_shared(long file, unsigned long size, int flags)
{
	long (*call)(long, ...) = (long (*)(long, ...))raw_syscall;
	long at = call(
	    SYS_mmap, 0l, (long)size, (long)(PROT_READ | PROT_WRITE), (long)(flags | MAP_SHARED), file, 0l, 0l, 0l);
	return at < 0 && at > -PAGE ? 0 : (void *)at;
}

void *os_shared(unsigned long size) { return map_shared(-1, size, MAP_ANON); }
void *os_shared_file(long file, unsigned long size) { return map_shared(file, size, 0); }

#ifndef SYS_memfd_create
#define SYS_memfd_create 500 /* since NetBSD 11: its sys/syscall.h */
#endif

/* Where the kernel has no files in memory, one in /tmp that has no name any more. */
static long unnamed_file(void)
{
	char path[48];
	struct text t = {path, path + sizeof path - 1};
	put(&t, "/tmp/.forkoracle-");
	put_number(&t, (u64)CALL(getpid), 10);
	long fd = CALL(open, path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd >= 0)
		CALL(unlink, path);
	return fd;
}

/* Only Linux has its tracer in another program, and so a path. */
long os_memory_file(const char *path, unsigned long size)
{
	if (path)
		return -1;
	os_sigaction(SIGSYS, IGNORE);
	long fd = CALL(memfd_create, "stage");
	os_sigaction(SIGSYS, DEFAULT);
	if (fd < 0)
		fd = unnamed_file();
	return fd < 0 ? fd : CALL(ftruncate, fd, 0, size) < 0 ? -1 : fd;
}

void os_no_core(void)
{
	struct rlimit none = {0, 0};
	CALL(setrlimit, RLIMIT_CORE, &none);
}

/* A call that a kernel has not, or was built without, is ENOSYS and, by default, SIGSYS. */
void os_prepare(void)
{
	u32 word = 0;
	os_sigaction(SIGSYS, IGNORE);
	has_futex = CALL(__futex, &word, FUTEX_WAKE, 1) == 0; /* since NetBSD 10 */
	os_sigaction(SIGSYS, DEFAULT);
}

/* A nap takes a tick or two, 20 ms at 100 Hz. */
const u64 os_spin = 30000;
const int os_has_tracer = 1;
const int os_gives_us_orphans = 0;
const char *const os_own_program = 0;

long os_setitimer(enum timer which)
{
	struct itimerval value = {.it_value = {100000, 0}};
	return CALL(__setitimer50, which, &value);
}

long os_getitimer(enum timer which)
{
	struct itimerval value = {0};
	long error = CALL(__getitimer50, which, &value);
	return error < 0 ? error : value.it_value.tv_sec || value.it_value.tv_usec;
}

long os_sigaltstack(long size)
{
	LARGE static char area[65536];
	stack_t new = {.ss_sp = area, .ss_size = (unsigned long)size}, old = {0};
	long error = CALL(__sigaltstack14, size < 0 ? 0 : &new, &old);
	return error < 0 ? error : old.ss_flags & SS_DISABLE ? 0 : (long)old.ss_size;
}

long os_timer_create(int *id)
{
	enum { A_DAY = 100000, DOES_NOTHING = 0 }; /* SIGEV_NONE */
	struct sigevent none = {.sigev_notify = DOES_NOTHING};
	struct itimerspec value = {.it_value = {A_DAY, 0}};
	long error = CALL(timer_create, CLOCK_MONOTONIC, &none, id);
	return error < 0 ? error : CALL(__timer_settime50, *id, 0, &value, 0);
}

long os_timer_gettime(int id)
{
	struct itimerspec value = {0};
	long error = CALL(__timer_gettime50, id, &value);
	return error < 0 ? error : value.it_value.tv_sec > 0;
}
