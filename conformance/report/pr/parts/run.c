/* Who lets the steps be taken, and judges. */

//@ dead get_process
/* Whether a process has ended, reaped or not. */
static int
dead(pid_t pid)
{
#ifdef __NetBSD__
	struct kinfo_proc2 kp;

	/* 5 is SZOMB of <sys/proc.h>. */
	return get_process(pid, &kp) == -1 || kp.p_realstat == 5;
#else
	char path[64], text[512], *end;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd == -1)
		return 1;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got > 0 ? got : 0] = 0;
	end = strrchr(text, ')');
	return end == NULL || end[2] == 'Z' || end[2] == 'X';
#endif
}

//@ direct board nap dead
/*
 * Let the steps be taken one after the other.  A step is over when it has
 * returned, when its process is dead, or when it is clear that it is blocked.
 */
static void
direct(void)
{
	for (int step = 0; step < STEPS; step++) {
		const char *wrong = NULL;
		long waited = 0;

		/* Whoever is dead, or was never born, takes no step. */
		if (board->pid[actors_of[step]] == 0
		    || dead(board->pid[actors_of[step]])) {
			strcpy(board->seen[step], "gone");
			board->state[step] = DONE;
			continue;
		}
		board->turn = step;
		while (board->state[step] != DONE || ends[step]) {
			if (dead(board->pid[actors_of[step]]))
				break;
			if (board->state[step] == BEGUN
			    && waited > (may_block[step] ? BLOCKED : PATIENCE))
				break;
			if (waited > PATIENCE) {
				wrong = "hung";
				break;
			}
			nap(1000);
			waited += 1000;
		}
		if (wrong != NULL && board->state[step] == NOT_YET) {
			strcpy(board->seen[step], wrong);
			board->state[step] = DONE;
			for (int i = step + 1; i < STEPS; i++)
				strcpy(board->seen[i], "not reached");
			break;
		}
		board->turn = -1;
	}
	nap(LAST_LOOK);
	/* What is to come yet may take its time on a busy machine. */
	for (int step = 0, waited = 0; step < STEPS; step++)
		while (board->state[step] == BEGUN
		    && strcmp(expected[0][step], "unfinished") != 0
		    && waited < PATIENCE
		    && !dead(board->pid[actors_of[step]])) {
			nap(10000);
			waited += 10000;
		}
	for (int step = 0; step < STEPS; step++)
		if (board->seen[step][0] == 0)
			strcpy(board->seen[step],
			    dead(board->pid[actors_of[step]])
			    ? "gone" : "unfinished");
}

//@ names board
static const char *
name_of(long pid)
{
	for (int i = 0; i < ACTORS; i++)
		if (board->pid[i] == pid)
			return actor_names[i];
	for (int i = 0; i < STEPS; i++)
		if (board->nameless[i] == pid)
			return "-";
	return pid == 1 || pid == getpid() ? "init" : "somebody else";
}

/* Put the processes' names in the place of their numbers. */
static void
name_processes(char *seen, size_t size)
{
	char text[256];
	size_t end = 0;

	for (char *from = seen; *from != 0 && end < sizeof(text) - 16;) {
		const char *name;

		if (*from != '@') {
			text[end++] = *from++;
			continue;
		}
		name = name_of(strtol(from + 1, &from, 10));
		memcpy(text + end, name, strlen(name));
		end += strlen(name);
	}
	end = end < size ? end : size - 1;
	memcpy(seen, text, end);
	seen[end] = 0;
}

//@ judge board names
/* Returns 0 if all observations are expected; else tells the first wrong. */
static int
judge(void)
{
	int best = -1, order = 0;

	for (int step = 0; step < STEPS; step++)
		name_processes(board->seen[step], sizeof(board->seen[step]));
	for (int i = 0; i < ORDERS; i++) {
		int step = 0;

		while (step < STEPS
		    && strcmp(board->seen[step], expected[i][step]) == 0)
			step++;
		if (step == STEPS)
			return 0;
		if (step > best) {
			best = step;
			order = i;
		}
	}
	if (strcmp(board->seen[best], "cannot") == 0
	    || strcmp(board->seen[best], "ENOSYS") == 0) {
		snprintf(complaint, sizeof(complaint),
		    "step %d, %s: not possible here", best, steps[best]);
		return 2;
	}
	snprintf(complaint, sizeof(complaint),
	    "step %d, %s: expected %s, observed %s", best, steps[best],
	    expected[order][best], board->seen[best]);
	return 1;
}

//@ run board direct judge
/* One process group, with a parent outside: no orphans for terminal stops. */
static int
start_roots(void)
{
	pid_t group = 0;

	for (int actor = 0; actor < ACTORS; actor++) {
		pid_t pid = is_root[actor] ? fork() : 0;

		if (pid == -1) {
			snprintf(complaint, sizeof(complaint),
			    "cannot fork: %s", strerror(errno));
			return -1;
		}
		if (is_root[actor] && pid == 0)
			processes[actor]();
		board->pid[actor] = pid;
		if (pid > 0) {
			group = group ? group : pid;
			setpgid(pid, group);
		}
	}
	return 0;
}

/* 0 if the kernel behaves, 1 if it does not, 2 if that cannot be told. */
static int
run(void)
{
	sigset_t all;
	int begun = 0;

	if (NEEDS_ROOT && geteuid() != 0) {
		snprintf(complaint, sizeof(complaint), "has to be run as root");
		return 2;
	}
	board = new_board();
	if (board == MAP_FAILED || chdir("/") == -1) {
		snprintf(complaint, sizeof(complaint), "cannot begin: %s",
		    strerror(errno));
		return 2;
	}
	board->turn = -1;
	for (int number = 1; number < 64; number++)
		signal(number, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	umask(022);
//BEGIN
	if (begun == 0)
		begun = start_roots();
	if (begun == 0)
		direct();
	board->over = 1;
	for (int actor = 0; actor < ACTORS; actor++)
		if (board->pid[actor] > 1 && !dead(board->pid[actor]))
			kill(board->pid[actor], SIGKILL);
//END
	return begun == 0 ? judge() : 2;
}
