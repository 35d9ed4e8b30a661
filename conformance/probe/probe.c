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
#ifdef __NetBSD__
#include "os_netbsd.h"
#else
#include "os_linux.h"
#endif
#include "text.h"
#include "scenario.h"
#include "stage.h"
#include "actor.h"
#include "mailbox.h"
#include "io.h"
#include "errand.h"
#include "watch.h"
#include "roots.h"
#include "director.h"

#define VERSION "2"

static const char *os_errno(long error)
{
#define E(name) \
	if (error == name) \
		return #name;
	E(EPERM) E(ENOENT) E(ESRCH) E(EINTR) E(EIO) E(E2BIG) E(EBADF) E(ECHILD) E(EAGAIN) E(ENOMEM)
	E(EACCES) E(EFAULT) E(EBUSY) E(EEXIST) E(EINVAL) E(ENFILE) E(EMFILE) E(ENOSPC) E(ESPIPE)
	E(EDEADLK) E(ENOSYS) E(EUSERS) E(EDOM) E(ERANGE) E(ENOTDIR) E(EISDIR)
#undef E
	return 0;
}

static void show_verbs(void)
{
	for (int i = 0; i < VERBS; i++) {
		say(verbs[i].name);
		say(" ");
		say(verbs[i].kinds);
		say("\n");
	}
	flush();
	os_exit(0);
}

static void hello(void)
{
	char who[160];
	u64 cur = 0, max = 0;
	os_identity(who, sizeof who);
	say("forkoracle-probe " VERSION " ");
	say(who);
	say(" uid=");
	say_number((u64)os_getuid());
	say(HAVE_TRACER ? " tracer=yes nproc=" : " tracer=no nproc=");
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

/* The end; init has no parent to tell, so it switches the machine off. */
static void leave(int status)
{
	if (mail.open)
		os_power_off();
	os_exit(status);
}

/* Start a director, and another one where it dies or hangs, until the input is used up. */
static void supervise(void)
{
	struct status status;
	for (;;) {
		u32 number = io->number;
		u64 since = os_microtime();
		int hung = 0;
		io->left = 0;
		long director = fork_one_of_ours(stack_of(DIRECTORS), 3 * MAX_ACTORS);
		if (director < 0)
			leave(3);
		for (;;) {
			/* As init we reap at once, and the host watches; else we watch. */
			long got = os_wait4(-1, &status, mail.open ? 8 : 1 | 8 /* WNOHANG|WALLSIG */);
			if (got == director || got == -ECHILD) /* clear_stage() may have reaped it */
				break;
			if (got > 0)
				continue;
			if (io->number != number || !io->running) {
				number = io->number;
				since = os_microtime();
			} else if (os_microtime() - since > 3 * patience + (u64)stage->scenario.steps * patience) {
				hung = 1;
				clear_stage();
				os_kill(director, 9);
			}
			os_nap(2000);
		}
		if (io->left && !io->running)
			continue;
		if (status.how == 'e' && !io->running)
			leave(status.value);
		/* It died in the middle of a scenario: it was P, or the kernel is not well. */
		for (int i = 0, first = 1; io->running && i < stage->scenario.steps; i++)
			if (stage->result[i].state != DONE) {
				settle_result(i, !hung ? "gone" : first ? "stuck" : "not reached");
				first = 0;
			}
		if (io->running) { /* else the processes that the stage names are long gone */
			clear_stage();
			finish_scenario();
		}
		flush();
	}
}

/* Whatever our parent left us: every signal blocked and at its default, known files, / and 022, not nice. */
static void own_surroundings(void)
{
	os_block(1, 0);
	for (int signal = 1; signal < 64; signal++)
		os_sigaction(signal, 'd');
	for (int fd = 3; fd < 64; fd++)
		os_close(fd);
	os_no_core();
	os_umask(022);
	os_chdir("/");
	os_nice(0); /* as far as we may: who is not root stays as nice as he is */
}

START_ASM;

__attribute__((used, noreturn)) void probe_start(long *args)
{
	int count = (int)args[0], stop = 0;
	char **arg = (char **)(args + 1);
	const char *stage_path = 0, *actor = 0;
	u64 value, loops = 0;
	int is_init = os_getpid() == 1;

	for (int i = 1; i < count; i++) {
		char *next = i + 1 < count ? arg[i + 1] : "";
		if (same(arg[i], "--until-eof") && number(next, 10, &value)) {
			LARGE static char piece[1 << 16]; /* what a step `exec` runs */
			while (os_read((long)value, piece, sizeof piece) > 0)
				;
			os_exit(7);
		} else if (same(arg[i], "--patience") && number(next, 10, &value))
			patience = value * 1000, i++;
		else if (same(arg[i], "--bench") && number(next, 10, &value))
			loops = value, i++;
		else if (same(arg[i], "--stage"))
			stage_path = next, i++;
		else if (same(arg[i], "--actor"))
			actor = next, i++;
		else if (same(arg[i], "--stop"))
			stop = 1;
		else if (same(arg[i], "--external"))
			external_name = next, i++;
		else if (same(arg[i], "--verbs"))
			loops = ~0ull;
		else
			os_exit(2);
	}
	/* The kernel gives init a name that is no path. */
	const char *self = is_init && *arg[0] != '/' ? "/sbin/init" : arg[0];
	for (unsigned long i = 0; i < WORD - 1 && self[i]; i++)
		self_path[i] = file_path[i] = self[i];
	own_surroundings();
	io = os_shared(sizeof *io);
	places = os_shared(PAGE + sizeof *stage);
	stacks = os_shared(STACKS * sizeof *stacks);
	stage = stage_path ? os_shared_file(stage_path, sizeof *stage) : (void *)(places + PAGE / sizeof *places);
	if (!stage || !io || !places || !stacks)
		os_exit(3);
	if (actor) {
		if (stop)
			os_kill(os_getpid(), 17 /* SIGSTOP */);
		actor_main(actor_named(&stage->scenario, actor, 0));
	}
	if (loops == ~0ull)
		show_verbs();
	if (loops) {
		bench(loops);
		flush();
		os_exit(0);
	}
	*(volatile u32 *)places = 0; /* the page is there from now on */
	mail.shared = io->mail;
	if (is_init) {
		os_prepare_init();
		mail.open = os_mail_open() >= 0;
		if (!mail.open)
			os_power_off();
	}
	stage->magic = MAGIC;
	stage->size_of_result = sizeof(struct result);
	stage->size_of_actor = sizeof(struct actor);
	stage->results_at = (u32)((char *)stage->result - (char *)stage);
	choose_own_fork();
	hello();
	supervise();
	os_exit(0);
}
