/*
 * kern_mutex.c, kern_mutex_obj.c, kern_rwlock.c and kern_condvar.c.
 */
#include "calls.h"
#include "newborn.h"
#include "rules.h"

/* Whether it can be a lock: one of ours, or one that the file has itself. */
static bool is_lock(const kmutex_t *lock)
{
	int64_t n = name(lock);

	return n != 0 && n != STALE_NAME;
}

/* Keeps the file's own locks that are held; world_begin() releases them. */
static void keep(kmutex_t *lock)
{
	if (name(lock) != UNKNOWN)
		return;
	MUST(others_held < MAX_OTHERS, "mutex_enter: too many locks");
	others[others_held++] = lock;
}

static void drop(const kmutex_t *lock)
{
	for (int n = 0; n < others_held; n++)
		if (others[n] == lock) {
			others[n] = others[--others_held];
			return;
		}
}

static void enter(kmutex_t *lock, bool spin)
{
	rules_check();
	MUST(is_lock(lock), "mutex_enter: no lock");
	MUST(lock->ready == LOCK_READY, "mutex_enter: not initialised");
	MUST(!lock->owned, "mutex_enter: locking against myself");
	MUST(spin || !spin_held(), "mutex_enter: spin lock held");
	ASKS(order, lock != PROC_LOCK || (!lock1.owned && !lock2.owned));
	lock->owned = true;
	lock->spin = spin;
	keep(lock);
}

static void leave(kmutex_t *lock, bool spin)
{
	rules_check();
	MUST(is_lock(lock), "mutex_exit: no lock");
	MUST(lock->ready == LOCK_READY, "mutex_exit: not initialised");
	MUST(lock->owned, "mutex_exit: not held");
	MUST(lock->spin == spin, "mutex_exit: entered as the other kind");
	lock->owned = false;
	drop(lock);
}

void mutex_enter(kmutex_t *lock) { enter(lock, false); }

void mutex_exit(kmutex_t *lock) { leave(lock, false); }

void mutex_spin_enter(kmutex_t *lock) { enter(lock, true); }

void mutex_spin_exit(kmutex_t *lock) { leave(lock, true); }

int mutex_tryenter(kmutex_t *lock)
{
	MUST(is_lock(lock), "mutex_tryenter: no lock");
	if (lock->owned)
		return 0;
	enter(lock, false);
	return 1;
}

int mutex_owned(const kmutex_t *lock) { return is_lock(lock) && lock->ready == LOCK_READY && lock->owned; }

void mutex_destroy(kmutex_t *lock)
{
	MUST(!mutex_owned(lock), "mutex_destroy: held");
	lock->ready = 0;
}

void mutex_init(kmutex_t *lock, int type, int ipl)
{
	ready(lock);
	lock->type = type;
	lock->ipl = ipl;
}

kmutex_t *mutex_obj_alloc(int type, int ipl)
{
	NOTE(mutex_obj_alloc, .type = type, .ipl = ipl);
	mutex_init(&lock2, type, ipl);
	return &lock2;
}

void mutex_obj_hold(kmutex_t *lock)
{
	NOTE(mutex_obj_hold, .lock = name(lock));
	MUST_BE(lock, &lock1, "mutex_obj_hold: no lock");
	lock->refcnt++;
}

void rw_init(krwlock_t *lock) { lock->ready = LOCK_READY; }

void cv_init(kcondvar_t *cv, const char *wmesg)
{
	cv->ready = LOCK_READY;
	cv->wmesg = wmesg;
}

void cv_broadcast(kcondvar_t *cv) { MUST(cv->ready == LOCK_READY, "cv_broadcast: not initialised"); }

void cv_signal(kcondvar_t *cv) { MUST(cv->ready == LOCK_READY, "cv_signal: not initialised"); }

void cv_wait(kcondvar_t *cv, kmutex_t *lock)
{
	NOTE(cv_wait, .cv = name(cv), .lock = name(lock));
	MUST(lock == PROC_LOCK && lock->owned, "cv_wait: proc_lock not held");
	MUST(!lock1.owned && !lock2.owned, "cv_wait: sleeping with another lock");
	MUST(l1.l_vforkwaiting, "cv_wait: no child to wait for");
	MUST(waits < 100, "cv_wait: it waits without end");
	if (waits++ >= given.wakeups) {
		l1.l_vforkwaiting = false;
		newborn_ends();
		if (given.wait_slflag != -1)
			p1.p_slflag = (short)given.wait_slflag;
	}
	rules_forget();
}
