/* Counters and limits of the whole system. */

//@ set_knob board NetBSD
//BEFORE_BOARD enum { MAXPROC, FORKFSLEEP, EXPOSE_ADDRESS, MQ_OPEN_MAXIMUM, KNOBS };
//BOARD 	struct {
//BOARD 		volatile int changed, before;
//BOARD 	} knob[KNOBS];		/* what was changed for the whole system */
//END 	put_back();
static const char *const knobs[] = {
	"kern.maxproc", "kern.forkfsleep", "kern.expose_address",
	"kern.mqueue.mq_open_max",
};

static int
set_knob(int which, int value)
{
	size_t size = sizeof(value);
	int before;

	if (sysctlbyname(knobs[which], &before, &size, NULL, 0) == -1)
		return -1;
	if (!board->knob[which].changed) {
		board->knob[which].before = before;
		board->knob[which].changed = 1;
	}
	return sysctlbyname(knobs[which], NULL, NULL, &value, sizeof(value));
}

static void
put_back(void)
{
	for (int which = 0; which < KNOBS; which++) {
		int before = board->knob[which].before;

		if (board->knob[which].changed)
			sysctlbyname(knobs[which], NULL, NULL, &before,
			    sizeof(before));
	}
}

//@ show_addresses set_knob get_process
//BEGIN 	begun |= show_addresses();
/* Only whether two are the same is looked at. */
static int
show_addresses(void)
{
	struct kinfo_proc2 self;

	if (set_knob(EXPOSE_ADDRESS, 2) == 0
	    && get_process(getpid(), &self) == 0 && self.p_vmspace != 0)
		return 0;
	snprintf(complaint, sizeof(complaint), "kern.expose_address: %s",
	    strerror(errno));
	return -1;
}

//@ wait_for_ticks ticks nap
/* Processes are dated, and counters are brought up to date, once a tick. */
static void
wait_for_ticks(void)
{
	int begun = ticks();

	while (ticks() - begun < 3)
		nap(1000);
}

//@ fork_counts saw saw_result wait_for_ticks <uvm/uvm_extern.h>
//BOARD 	int counted;
//BOARD 	int64_t first_counts[3];
/* Forks since the first look: all, with PPWAIT, with SHAREVM. */
static void
look_at_counts(int step)
{
	struct uvmexp_sysctl u;
	size_t size = sizeof(u);
	int64_t count[3], *first = board->first_counts;

	wait_for_ticks();
	if (sysctlbyname("vm.uvmexp2", &u, &size, NULL, 0) == -1) {
		saw_result(step, -1, NULL);
		return;
	}
	count[0] = u.forks;
	count[1] = u.forks_ppwait;
	count[2] = u.forks_sharevm;
	if (!board->counted)
		memcpy(first, count, sizeof(count));
	board->counted = 1;
	saw(step, "%ld %ld %ld", (long)(count[0] - first[0]),
	    (long)(count[1] - first[1]), (long)(count[2] - first[2]));
}

//@ maxproc set_knob saw_result wait_for_ticks
/* So many more than there are now, those not waited for included. */
static void
set_maxproc(int step, int room)
{
	static uint64_t part_of_each[16384];
	int name[] = { CTL_KERN, KERN_PROC2, KERN_PROC_ALL, 0,
		sizeof(part_of_each[0]), 16384 };
	size_t size = sizeof(part_of_each);
	int result;

	wait_for_ticks();
	result = sysctl(name, 6, part_of_each, &size, NULL, 0);
	if (result != -1)
		result = set_knob(MAXPROC,
		    (int)(size / sizeof(part_of_each[0])) + room);
	saw_result(step, result, "ok");
}

//@ took effort saw birth
static void
look_at_sleep(int step, int me, int milliseconds)
{
	struct clockinfo clock = { .hz = 100 };
	size_t size = sizeof(clock), size_of_count = sizeof(int);
	int cpus = 1;

	sysctlbyname("kern.clockrate", &clock, &size, NULL, 0);
	sysctlbyname("hw.ncpu", &cpus, &size_of_count, NULL, 0);
	/* In a guest, CPUs' ticks may not agree: then only whether it slept. */
	if (took[me].sleeps > 0 && (cpus > 1
	    || took[me].ticks >= milliseconds * clock.hz / 1000))
		saw(step, "yes");
	else
		saw(step, "no");
}

//@ tablefull saw saw_result NetBSD
//BOARD 	int looked, first_said;
/* Whether the kernel ever said so; or how often since the first look. */
static void
look_for_message(int step)
{
	static char messages[1 << 18];
	static const char text[] = "proc: table is full";
	size_t size = sizeof(messages);
	int said = 0;

	if (sysctlbyname("kern.msgbuf", messages, &size, NULL, 0) == -1) {
		saw_result(step, -1, NULL);
		return;
	}
	for (size_t i = 0; i + sizeof(text) - 1 <= size; i++)
		said += memcmp(messages + i, text, sizeof(text) - 1) == 0;
	if (!board->looked)
		board->first_said = said;
	board->looked = 1;
	if (said - board->first_said > 1)
		saw(step, "%d times", said - board->first_said);
	else
		saw(step, "%s", said ? "said" : "never");
}
