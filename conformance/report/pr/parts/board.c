/* What every program has: shared memory, and words for observations. */

//@ board
enum { NOT_YET, BEGUN, DONE };
//BEFORE_BOARD

/* Shared by all processes: whose turn it is, their IDs, the observations. */
static struct board {
	volatile int turn, over;
	volatile pid_t pid[ACTORS];		/* 0: not born */
	volatile pid_t nameless[STEPS];		/* born, and takes no steps */
	volatile int state[STEPS];
	char seen[STEPS][160];
//BOARD
} *board;

//@ board_in_memory board
static struct board *
new_board(void)
{
	return mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
	    MAP_ANON | MAP_SHARED, -1, 0);
}

//@ board_in_file board
/* A new program finds it again, in a file that has no name any more. */
enum { BOARD_FILE = 12 };

static struct board *
new_board(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/board.%d", (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return MAP_FAILED;
	unlink(path);
	if (dup2(fd, BOARD_FILE) == -1
	    || ftruncate(BOARD_FILE, sizeof(*board)) == -1)
		return MAP_FAILED;
	if (fd != BOARD_FILE)
		close(fd);
	return mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED,
	    BOARD_FILE, 0);
}

//@ nap
static void
nap(long microseconds)
{
	struct timespec t = { microseconds / 1000000,
		microseconds % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

//@ saw board
/* Records the observation of a step. */
static void __attribute__((format(printf, 2, 3)))
saw(int step, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(board->seen[step], sizeof(board->seen[step]), format, ap);
	va_end(ap);
	__sync_synchronize();
	board->state[step] = DONE;
}

//@ my_turn board nap
/* Wait until it is time for a step. */
static void
my_turn(int step)
{
	while (board->turn != step) {
		if (board->over)
			_exit(0);
		nap(500);
	}
	board->state[step] = BEGUN;
}

//@ rest board nap
/* Nothing more to do: stay until all is over. */
static void
rest(void)
{
	while (!board->over)
		nap(1000);
	_exit(0);
}

//@ error_name
static const char *
error_name(int error)
{
	static char other[32];

	switch (error) {
	case EPERM: return "EPERM";
	case ENOENT: return "ENOENT";
	case ESRCH: return "ESRCH";
	case EINTR: return "EINTR";
	case EIO: return "EIO";
	case EBADF: return "EBADF";
	case ECHILD: return "ECHILD";
	case EAGAIN: return "EAGAIN";
	case ENOMEM: return "ENOMEM";
	case ENOTDIR: return "ENOTDIR";
	case EACCES: return "EACCES";
	case EFAULT: return "EFAULT";
	case EBUSY: return "EBUSY";
	case EEXIST: return "EEXIST";
	case EINVAL: return "EINVAL";
	case EMFILE: return "EMFILE";
	case ENOSPC: return "ENOSPC";
	case ENOSYS: return "ENOSYS";
	default:
		snprintf(other, sizeof(other), "errno %d", error);
		return other;
	}
}

//@ saw_result saw error_name
/* Note the result of a call: the error's name, or else what is good. */
static void
saw_result(int step, long result, const char *good)
{
	if (result == -1)
		saw(step, "%s", error_name(errno));
	else if (good != NULL)
		saw(step, "%s", good);
	else
		saw(step, "%ld", result);
}

//@ NAME
#define NAME(name)	{ name, #name }

//@ signals NAME
/* The signals' names on NetBSD, in its order. */
static const struct {
	int number;
	const char *name;
} signals[] = {
	NAME(SIGHUP), NAME(SIGINT), NAME(SIGQUIT), NAME(SIGILL), NAME(SIGTRAP),
	NAME(SIGABRT), NAME(SIGEMT), NAME(SIGFPE), NAME(SIGKILL), NAME(SIGBUS),
	NAME(SIGSEGV), NAME(SIGSYS), NAME(SIGPIPE), NAME(SIGALRM),
	NAME(SIGTERM), NAME(SIGURG), NAME(SIGSTOP), NAME(SIGTSTP),
	NAME(SIGCONT), NAME(SIGCHLD), NAME(SIGTTIN), NAME(SIGTTOU), NAME(SIGIO),
	NAME(SIGXCPU), NAME(SIGXFSZ), NAME(SIGVTALRM), NAME(SIGPROF),
	NAME(SIGWINCH), NAME(SIGINFO), NAME(SIGUSR1), NAME(SIGUSR2),
	NAME(SIGPWR),
};

//@ signal_name signals
static const char *
signal_name(int number)
{
	static char other[16];

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signals[i].number == number)
			return signals[i].name;
	snprintf(other, sizeof(other), "SIG%d", number);
	return other;
}

//@ signal_names signals
/* A|B for the signals of a set. */
static const char *
signal_names(const sigset_t *set)
{
	static char text[256];
	size_t end = 0;

	text[0] = 0;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigismember(set, signals[i].number) == 1)
			end += (size_t)snprintf(text + end, sizeof(text) - end,
			    "%s%s", end ? "|" : "", signals[i].name);
	for (int number = 33; number < 64; number++)
		if (sigismember(set, number) == 1)
			end += (size_t)snprintf(text + end, sizeof(text) - end,
			    "%sSIG%d", end ? "|" : "", number);
	return end ? text : "0";
}

//@ names_of NAME
struct name {
	unsigned bit;
	const char *name;
};

/* A|B for the bits that are set. */
static const char *
names_of(const struct name *table, size_t count, unsigned bits)
{
	static char text[128];
	size_t end = 0;

	for (size_t i = 0; i < count; i++)
		if (bits & table[i].bit) {
			end += (size_t)snprintf(text + end, sizeof(text) - end,
			    "%s%s", end ? "|" : "", table[i].name);
			bits &= ~table[i].bit;
		}
	if (bits != 0 || end == 0)
		snprintf(text + end, sizeof(text) - end,
		    bits ? "%s0x%x" : "%s%x", end ? "|" : "", bits);
	return text;
}

#define NAMES_OF(table, bits) \
	names_of(table, sizeof(table) / sizeof((table)[0]), bits)

//@ NOBODY
#define NOBODY	0x7ffffff0

//@ pid_of board NOBODY
static pid_t
pid_of(int actor)
{
	return board->pid[actor] ? board->pid[actor] : NOBODY;
}

//@ last_nameless board NOBODY
/* The last child of somebody's that takes no steps, before this step. */
static pid_t
last_nameless(int step)
{
	int me = actors_of[step];

	while (step-- > 0)
		if (actors_of[step] == me && board->nameless[step] != 0)
			return board->nameless[step];
	return NOBODY;
}
