/* What a kqueue tells of processes. */

//@ kqueue saw_result <sys/event.h>
static void
kqueue_as(int step, int wanted)
{
	int fd = kqueue();

	if (fd != -1 && fd != wanted) {
		int moved = dup2(fd, wanted);

		close(fd);
		fd = moved;
	}
	saw_result(step, fd, NULL);
}

//@ watch saw_result <sys/event.h>
static void
watch(int step, int kq, pid_t pid, unsigned notes)
{
	struct kevent change;

	EV_SET(&change, (uintptr_t)pid, EVFILT_PROC, EV_ADD, notes, 0, NULL);
	saw_result(step, kevent(kq, &change, 1, NULL, 0, NULL), "ok");
}

//@ kevent board saw saw_result names_of <sys/event.h>
static const struct name notes[] = {
	NAME(NOTE_TRACK), NAME(NOTE_TRACKERR), NAME(NOTE_CHILD),
	NAME(NOTE_FORK), NAME(NOTE_EXIT),
};

/* All events that wait, by process; of a newborn also whose child it is. */
static void
look_at_events(int step, int kq)
{
	static const struct timespec now;
	struct kevent event[16];
	char text[160] = "none";
	size_t end = 0;
	int count = kevent(kq, NULL, 0, event, 16, &now);

	if (count == -1) {
		saw_result(step, -1, NULL);
		return;
	}
	for (int who = 0; who <= ACTORS; who++)		/* ACTORS: any other */
		for (int i = 0; i < count; i++) {
			int actor = 0;

			while (actor < ACTORS
			    && board->pid[actor] != (pid_t)event[i].ident)
				actor++;
			if (actor != who || end >= sizeof(text))
				continue;
			end += (size_t)snprintf(text + end, sizeof(text) - end,
			    "%s@%d %s", end ? ", " : "", (int)event[i].ident,
			    NAMES_OF(notes, event[i].fflags));
			if (event[i].fflags & NOTE_CHILD && end < sizeof(text))
				end += (size_t)snprintf(text + end,
				    sizeof(text) - end, " @%d",
				    (int)event[i].data);
		}
	saw(step, "%s", text);
}
