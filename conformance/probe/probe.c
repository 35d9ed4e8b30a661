/*
 * forkoracle's probe: runs scenarios in a kernel and says what was seen.
 *
 * Scenarios come in on standard input, as reference_model/language/scenario.py writes
 * them; logs go out on standard output, a line a step (docs/language.md).
 * No C library, no file, no environment: a kernel is all it needs.
 *
 * Three kinds of processes: the supervisor, which only watches; the director,
 * which may die with what it tries; the actors of a scenario.
 *
 * BSD-2-Clause; see LICENSE.
 */
#include <sys/resource.h>

#include "actor.h"
#include "again.h"
#include "birth.h"
#include "director.h"
#include "errand.h"
#include "io.h"
#include "mailbox.h"
#include "own.h"
#include "roots.h"
#include "stage.h"
#include "supervisor.h"
#include "syscall.h"
#include "text.h"
#include "watch.h"

#define VERSION "3"

enum { FIRST_DESCRIPTOR = 3, DESCRIPTORS = 64 }; /* of those that a parent may have left us */

static void hello(void)
{
	char who[160];
	u64 cur = 0, max = 0;
	os_identity(who, sizeof who);
	say("forkoracle-probe " VERSION " ");
	say(who);
	say(" uid=");
	say_number((u64)CALL(getuid));
	say(os_has_tracer ? " tracer=yes nproc=" : " tracer=no nproc=");
	os_getrlimit(&cur, &max);
	say_number(cur);
	say("/");
	say_number(max);
	say(" maxproc=");
	say_number(os_maxproc());
	say(" lacks=");
	say(os_lacks());
	say("\n");
	flush();
}

/* Whatever our parent left us: every signal blocked and at its default, known files, / and 022, not nice. */
static void own_surroundings(void)
{
	os_block(1, ALL_SIGNALS);
	for (int signal = 1; signal < NETBSD__NSIG; signal++)
		os_sigaction(signal, DEFAULT);
	for (int fd = FIRST_DESCRIPTOR; fd < DESCRIPTORS; fd++)
		CALL(close, fd);
	os_no_core();
	CALL(umask, 022);
	CALL(chdir, "/");
	CALL(setpriority, PRIO_PROCESS, 0, 0); /* as far as we may: without root's rights we stay as nice as we are */
}

struct options {
	const char *stage_path, *actor; /* an actor on another program's stage */
	int stop;
	u64 loops; /* of a bare fork, to be measured by */
};

static struct options read_options(int count, char **arg)
{
	struct options options = {0, 0, 0, 0};
	u64 value;
	for (int i = 1; i < count; i++) {
		char *next = i + 1 < count ? arg[i + 1] : "";
		if (same(arg[i], "--patience") && number(next, 10, &value))
			patience = value * 1000, i++;
		else if (same(arg[i], "--bench") && number(next, 10, &value))
			options.loops = value, i++;
		else if (same(arg[i], "--stage"))
			options.stage_path = next, i++;
		else if (same(arg[i], "--actor"))
			options.actor = next, i++;
		else if (same(arg[i], "--stop"))
			options.stop = 1;
		else if (same(arg[i], "--external"))
			external_name = next, i++;
		else
			os_exit(2);
	}
	return options;
}

/* Init has a raw disk to talk through, or nothing. */
static void prepare_init(void)
{
	os_prepare_init();
	mail.open = os_mail_open() >= 0;
	if (!mail.open)
		os_power_off();
}

static void describe_stage(void)
{
	stage->magic = MAGIC;
	stage->size_of_result = sizeof(struct result);
	stage->size_of_actor = sizeof(struct actor);
	stage->results_at = (u32)((char *)stage->result - (char *)stage);
}

/* Where every child with a name starts, on a stack of its own: see raw_fork in arch.c. */
__attribute__((used)) void child_main(char *stack, char *parents_stack, long slot, long fp_register)
{
	int actor = ACTOR_IN(slot);
	switch (ROLE_IN(slot)) {
	case ROLE_PROGRAM:
		become_program();
	case ROLE_TRIAL:
		try_fork();
	case ROLE_DIRECTOR:
		direct();
	case ROLE_TRACED:
		traced_main(actor);
	case ROLE_ROOT:
		actor_main(actor);
	case ROLE_ACTOR:
		break;
	}
	stage->actor[actor].entry_stack = stack == parents_stack               ? PARENTS_STACK
					  : stack == (char *)given_stack_top() ? GIVEN_STACK
									       : OTHER_STACK;
	if (fp_register == slot)
		stage->actor[actor].entry_stack |= FP_REGISTER_KEPT;
	actor_main(actor);
}

void lwp_main(void)
{
	char here = 0;
	actor_main(actor_on(&here));
}

__attribute__((used)) void probe_start(long *args)
{
	int count = (int)args[0], is_init = CALL(getpid) == 1;
	char **arg = (char **)(args + 1);
	/* The kernel gives init a name that is no path. */
	const char *self = is_init && *arg[0] != '/' ? "/sbin/init" : arg[0];
	for (unsigned long i = 0; i < PATH_SIZE - 1 && self[i]; i++)
		self_path[i] = file_path[i] = self[i];
	if (count == AGAIN_WORDS && same(arg[1], AGAIN))
		begin_again(arg + 2);
	struct options options = read_options(count, arg);
	own_surroundings();
	io = os_shared(sizeof *io);
	if (!make_stage(options.stage_path) || !io)
		os_exit(3);
	if (options.actor) {
		if (options.stop)
			os_kill(CALL(getpid), NETBSD_SIGSTOP);
		actor_main(actor_named(&stage->scenario, options.actor, 0));
	}
	if (options.loops) {
		bench(options.loops);
		flush();
		os_exit(0);
	}
	*(volatile u32 *)places = 0; /* the page is there from now on */
	mail.shared = &io->mail;
	if (is_init)
		prepare_init();
	describe_stage();
	choose_own_fork();
	hello();
	supervise();
}
