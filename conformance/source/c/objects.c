#include "objects.h"

#define STALE_POINTER 0x5a5a5a5a5a5a5a5aul

struct given given;

struct proc init_, p1, p2, tracer, sibling, member;
struct lwp l1, l2;
kmutex_t lock1, lock2, lock_other;
struct filedesc fd1, fd_copied, fd_fresh;
struct cwdinfo cwdi1, cwdi_copied;
struct plimit limit1, limit_copied;
struct sigacts sigacts1, sigacts_copied;
struct vmspace vmspace1, vmspace_copied;
struct pstats stats1, stats_copied;
struct kauth_cred cred_l, cred_p;
struct vnode textvp1;
char path1[] = "/bin/program";
char path_copied[sizeof path1];
int tracefile;
struct emul emul1;
struct pgrp pgrp1;
struct session session1;
char execsw1, emuldata1, ras1, ras_copied, aio1, knote1, uarea;

/* NetBSD's globals. */
kmutex_t ktrace_lock;
#if REVISION >= 1226
kmutex_t proc_lock;
#else
kmutex_t proc_lock_object;
kmutex_t *proc_lock = &proc_lock_object;
#endif
struct proclist allproc;
struct proc *initproc = &init_;
struct lwp *curlwp;
int maxproc, hz = 100, cold;
const char *panicstr;
struct uvmexp uvmexp;

kmutex_t *others[MAX_OTHERS];
int others_held;
int cpu_count[3], preempt, count_l, count_p, waits;
bool p2_there, p2_gone, stopped_once;
struct proc p2_before;
register_t retval[2];

int64_t name(const volatile void *object)
{
	if (object == NULL)
		return 0;
	if ((uintptr_t)object == STALE_POINTER)
		return STALE_NAME;
#define OBJECT(number, name, address)                   \
	if (object == (const volatile void *)(address)) \
		return number;
#include "objects.def"
#undef OBJECT
	return UNKNOWN;
}

int64_t hash(const char *text)
{
	uint32_t h = 2166136261u;

	if (text == NULL)
		return 0;
	if ((uintptr_t)text == STALE_POINTER || *text == STALE)
		return STALE_NAME;
	if (*text == '\0')
		return 0;
	for (int n = 0; n < 60 && *text != '\0'; n++, text++)
		h = (h ^ (u_char)*text) * 16777619u;
	return h;
}

void ready(kmutex_t *lock)
{
	lock->ready = LOCK_READY;
	lock->owned = lock->spin = false;
	lock->refcnt = 1;
}

void some_function(void *arg __unused) {}
