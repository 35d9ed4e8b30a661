/* An init for tests: says on the console what the file system of its disk has at each path. */
#include "../conformance/probe/os_netbsd.h"

#include <sys/stat.h>

void child_main(void);
void child_main(void) { os_exit(0); }

static long console;

static void say(const char *text)
{
	long length = 0;
	while (text[length])
		length++;
	os_write(console, text, length);
}

static void say_number(unsigned long value, unsigned base)
{
	char digits[24];
	char *at = digits + sizeof digits;
	*--at = 0;
	do
		*--at = "0123456789"[value % base];
	while (value /= base);
	say(" ");
	say(at);
}

/* A line for a path: mode, links, owner, group, device, size, mtime, and a link's target. */
static void look(const char *path)
{
	struct stat is;
	char target[256];
	say("look ");
	say(path);
	if (SYS(SYS___lstat50, path, &is, 0, 0, 0, 0) < 0) {
		say(" none\n");
		return;
	}
	say_number(is.st_mode, 8);
	say_number(is.st_nlink, 10);
	say_number(is.st_uid, 10);
	say_number(is.st_gid, 10);
	say_number(S_ISBLK(is.st_mode) || S_ISCHR(is.st_mode) ? is.st_rdev : 0, 10);
	say_number(S_ISREG(is.st_mode) ? is.st_size : 0, 10);
	say_number(is.st_mtimespec.tv_sec, 10);
	if (S_ISLNK(is.st_mode)) {
		long length = SYS(SYS_readlink, path, target, sizeof target - 1, 0, 0, 0);
		target[length < 0 ? 0 : length] = 0;
		say(" ");
		say(target);
	}
	say("\n");
}

void probe_start(void);
void probe_start(void)
{
	static const char *const paths[] = {PATHS};
	static const sigset_t nothing;
	console = SYS(SYS_open, "/dev/console", O_RDWR, 0, 0, 0, 0);
	say("\n");
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
		look(paths[i]);
	say("look done\n");
	for (;;)
		SYS(SYS___sigsuspend14, &nothing, 0, 0, 0, 0, 0);
}

START_ASM;
