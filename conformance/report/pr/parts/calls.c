/* Calls that show what a child has from its parent. */

//@ word
static volatile long word;		/* private memory */

//@ page NetBSD
/* More than a page on any machine. */
static char page[1 << 16] __attribute__((__aligned__(1 << 16)));

//@ page_word page saw_result
/* The kernel reads and writes it: what is not mapped is an error then. */
static void
page_word(int step, int storing, long value)
{
	int end[2];
	ssize_t done = pipe(end);

	if (done != -1)
		done = write(end[1], storing ? (void *)&value : page,
		    sizeof(value));
	if (done != -1)
		done = read(end[0], storing ? (void *)page : &value,
		    sizeof(value));
	saw_result(step, done == -1 ? -1 : value, storing ? "ok" : NULL);
	close(end[0]);
	close(end[1]);
}

//@ open saw_result
/* Open a file that is there, as the given descriptor. */
static void
open_as(int step, int wanted)
{
	int fd = open("/bin/sh", O_RDONLY);

	if (fd != -1 && fd != wanted) {
		int moved = dup2(fd, wanted);

		close(fd);
		fd = moved;
	}
	saw_result(step, fd, NULL);
}

//@ pipe saw_result
static void
pipe_as(int step, int reading, int writing)
{
	int end[2], wanted[2] = { reading, writing }, result = pipe(end);

	for (int i = 0; i < 2 && result != -1; i++) {
		result = dup2(end[i], wanted[i]);
		close(end[i]);
	}
	saw_result(step, result, "ok");
}

//@ getcwd saw_result
static void
look_at_folder(int step)
{
	char path[128];

	saw_result(step, getcwd(path, sizeof(path)) == NULL ? -1 : 0, path);
}

//@ umask saw
static void
set_umask(int step, mode_t mask)
{
	mode_t old = umask(mask);

	saw(step, "%s%o", old ? "0" : "", (unsigned)old);
}

//@ caught
static void
caught(int number)
{
	(void)number;
}

//@ sigaction saw_result
/* Set a disposition, or only look at it, and note what it was. */
static void
set_disposition(int step, int number, int set, void (*handler)(int))
{
	struct sigaction new, old;
	int result;

	memset(&new, 0, sizeof(new));
	memset(&old, 0, sizeof(old));
	new.sa_handler = handler;
	new.sa_flags = SA_RESTART;
	result = sigaction(number, set ? &new : NULL, &old);
	saw_result(step, result, old.sa_handler == SIG_DFL ? "default"
	    : old.sa_handler == SIG_IGN ? "ignore" : "catch");
}

#define look_at_disposition(step, number) \
	set_disposition(step, number, 0, SIG_DFL)

//@ sigprocmask saw_result
static void
set_mask(int step, int how, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	saw_result(step, sigprocmask(how, &set, NULL), "ok");
}

//@ sigpending saw signal_names
static void
look_at_pending(int step)
{
	sigset_t set;

	sigpending(&set);
	saw(step, "%s", signal_names(&set));
}

//@ setrlimit saw_result
static void
set_limit(int step, rlim_t soft, rlim_t hard)
{
	struct rlimit limit;

	limit.rlim_cur = soft;
	limit.rlim_max = hard;
	saw_result(step, setrlimit(RLIMIT_NPROC, &limit), "ok");
}

//@ getrlimit saw_result
static void
look_at_limit(int step)
{
	struct rlimit limit;
	char text[2][24];

	if (getrlimit(RLIMIT_NPROC, &limit) == -1) {
		saw_result(step, -1, NULL);
		return;
	}
	for (int i = 0; i < 2; i++) {
		rlim_t value = i == 0 ? limit.rlim_cur : limit.rlim_max;

		if (value == RLIM_INFINITY)
			snprintf(text[i], sizeof(text[i]), "inf");
		else
			snprintf(text[i], sizeof(text[i]), "%llu",
			    (unsigned long long)value);
	}
	saw(step, "%s %s", text[0], text[1]);
}

//@ clofork saw_result
/* Set the close-on-fork flag.  A kernel without it forgets it. */
static void
set_clofork(int step, int fd)
{
	int result = fcntl(fd, F_SETFD, FD_CLOFORK);

	if (result != -1 && (fcntl(fd, F_GETFD) & FD_CLOFORK) == 0) {
		errno = ENOSYS;
		result = -1;
	}
	saw_result(step, result, "ok");
}

//@ processes_of_user
//BEGIN 	begun |= count_processes();
/* How many processes the user has; this one and its like are not counted. */
static rlim_t processes_of_user;

static int
count_processes(void)
{
#ifdef __NetBSD__
	int name[] = { CTL_KERN, KERN_PROC2, KERN_PROC_RUID, (int)getuid(),
	    sizeof(struct kinfo_proc2), 0 };
	size_t size = 0;

	if (sysctl(name, 6, NULL, &size, NULL, 0) == 0) {
		void *all = malloc(size);

		name[5] = (int)(size / sizeof(struct kinfo_proc2));
		if (all != NULL && sysctl(name, 6, all, &size, NULL, 0) == 0) {
			processes_of_user = size / sizeof(struct kinfo_proc2);
			free(all);
			return 0;
		}
	}
#endif
	snprintf(complaint, sizeof(complaint),
	    "cannot count the user's processes here");
	return -1;
}
