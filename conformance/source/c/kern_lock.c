/*
 * kern_mutex.c, kern_mutex_obj.c, kern_rwlock.c and kern_condvar.c.
 */
#include "calls.h"
#include "newborn.h"

static bool is_recorded(const kmutex_t *lock) { return lock == PROC_LOCK || lock == &lock1 || lock == &lock2; }

static bool is_known(int64_t number) { return number != 0 && number != UNKNOWN && number != STALE_NAME; }

static void enter(kmutex_t *lock, bool spin)
{
	int64_t n = name(lock);

	MUST(is_known(n), "mutex_enter: no lock");
	MUST(lock->ready == LOCK_READY, "mutex_enter: not initialised");
	MUST(!lock->owned, "mutex_enter: locking against myself");
	lock->owned = true;
	lock->spin = spin;
	if (is_recorded(lock))
		NOTE(mutex_enter, .lock = n);
}

static void leave(kmutex_t *lock, bool spin)
{
	int64_t n = name(lock);

	MUST(is_known(n), "mutex_exit: no lock");
	MUST(lock->owned, "mutex_exit: not held");
	MUST(lock->spin == spin, "mutex_exit: entered as the other kind");
	lock->owned = false;
	if (is_recorded(lock))
		NOTE(mutex_exit, .lock = n);
}

void mutex_enter(kmutex_t *lock) { enter(lock, false); }

void mutex_exit(kmutex_t *lock) { leave(lock, false); }

void mutex_spin_enter(kmutex_t *lock) { enter(lock, true); }

void mutex_spin_exit(kmutex_t *lock) { leave(lock, true); }

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
}
