/* kqueue: the events of processes.  Linux has none of it. */
#ifdef __NetBSD__
#include <sys/errno.h>
#include <sys/event.h>

#include "observe.h"
#include "os_netbsd.h"
#include "words.h"

struct kevent_before_11 { /* without the extensions that __kevent100 has */
	unsigned long ident;
	u32 filter, flags, fflags;
	i64 data;
	void *udata;
};

static int has_kevent100(void)
{
	static int known = -1;
	if (known < 0) {
		enum disposition was = (enum disposition)os_sigaction(NETBSD_SIGSYS, IGNORE);
		known = CALL(__kevent100, -1) != -ENOSYS;
		os_sigaction(NETBSD_SIGSYS, was);
	}
	return known;
}

static long change_or_take(long kq, const struct kevent *change, struct kevent *event)
{
	struct timespec now = {0, 0};
	struct kevent_before_11 old[2];
	if (has_kevent100())
		return CALL(__kevent100, kq, change, change != 0, event, event != 0, &now);
	if (change)
		old[0] = (struct kevent_before_11){
		    change->ident, change->filter, change->flags, change->fflags, change->data, 0};
	long got =
	    CALL(compat_100___kevent50, kq, change ? old : 0, change != 0, event ? old + 1 : 0, event != 0, &now);
	if (got > 0) {
		event->ident = old[1].ident;
		event->fflags = old[1].fflags;
		event->data = old[1].data;
	}
	return got;
}

void do_kqueue(struct act *act)
{
	long kq = CALL(kqueue), wanted = (long)act->step->arg[0];
	if (kq >= 0 && kq != wanted) {
		long moved = os_dup2(kq, wanted);
		CALL(close, kq);
		kq = moved;
	}
	say_result(act, kq, 0);
}

void do_watch(struct act *act)
{
	struct kevent change = {0};
	change.ident = (unsigned long)pid_of(act->me, act->step->arg[1]);
	change.filter = EVFILT_PROC;
	change.flags = EV_ADD;
	change.fflags = (u32)act->step->arg[2];
	say_result(act, change_or_take((long)act->step->arg[0], &change, 0), "ok");
}

/* The number of the actor whom the event is about; all that are no actor's come last. */
static int actor_of(const struct kevent *event, int me)
{
	int actor = 0;
	while (actor < stage->scenario.actors && pid_of(me, actor) != (long)event->ident)
		actor++;
	return actor;
}

/* Takes all events that wait, and tells them by actor; for a newborn, with its parent. */
void do_kevent(struct act *act)
{
	enum { EVENTS = 16 };
	struct kevent event[EVENTS];
	int count = 0, any = 0;
	long got = 0;
	for (; count < EVENTS; count++) {
		event[count] = (struct kevent){0};
		if ((got = change_or_take((long)act->step->arg[0], 0, &event[count])) <= 0)
			break;
	}
	if (!count && got < 0) {
		put_error(&act->said, got);
		return;
	}
	for (int actor = 0; actor <= stage->scenario.actors; actor++)
		for (int i = 0; i < count; i++) {
			if (actor_of(&event[i], act->me) != actor)
				continue;
			put(&act->said, any++ ? ", " : "");
			put_pid(&act->said, (long)event[i].ident);
			put(&act->said, " ");
			put_names(&act->said, &notes, event[i].fflags);
			if (event[i].fflags & NOTE_CHILD) {
				put(&act->said, " ");
				put_pid(&act->said, (long)event[i].data);
			}
		}
	put(&act->said, any ? "" : "none");
}
#endif
