/* Linux: what the system says of itself, the mailbox, and what init sets up. */
#include <fcntl.h>
#include <linux/reboot.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>

#include "os_linux.h"
#include "syscall.h"
#include "text.h"

void os_identity(char *buf, unsigned long size)
{
	struct utsname u;
	const char *parts[] = {u.sysname, u.release, u.machine};
	unsigned long at = 0;
	CALL(uname, &u);
	for (int i = 0; i < 3; i++) {
		for (const char *s = parts[i]; *s && at + 2 < size; s++)
			buf[at++] = *s;
		buf[at++] = ' ';
	}
	buf[at - 1] = 0;
}

u64 os_maxproc(void)
{
	char text[32];
	u64 n = 0;
	long fd = os_open("/proc/sys/kernel/threads-max"), got = fd < 0 ? 0 : CALL(read, fd, text, sizeof text);
	for (long i = 0; i < got && text[i] >= '0' && text[i] <= '9'; i++)
		n = n * 10 + (u64)(text[i] - '0');
	if (fd >= 0)
		CALL(close, fd);
	return n;
}

const char *os_lacks(void) { return "AIO,CLOFORK,KTRACE,MQUEUE,NETBSD"; }

u64 os_coarse_time(void)
{
	struct timespec t = {0, 0};
	CALL(clock_gettime, CLOCK_REALTIME_COARSE, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

int os_nicest_runs_last(void) { return 0; } /* it only has a smaller share */

long os_knob(enum knob knob, long value)
{
	(void)knob, (void)value;
	return CANNOT;
}

/*
 * The mailbox is memory that the host shares, the third region of the PCI
 * device in slot 5: a disk would need a driver that Debian's kernels have in
 * a module only, or one that QEMU cannot snapshot.
 */
enum { MAILBOX_SIZE = 2 << 20 };
static char *mail_memory;
long os_mail_open(void)
{
	long fd = CALL(openat, AT_FDCWD, "/sys/bus/pci/devices/0000:00:05.0/resource2", O_RDWR);
	long at = CALL(mmap, 0, MAILBOX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	CALL(close, fd);
	mail_memory = (char *)at;
	return at < 0 && at > -PAGE ? -1 : 0;
}
long os_mail_get(void *buf, long size, long offset)
{
	memcpy(buf, mail_memory + offset, (unsigned long)size);
	return size;
}
long os_mail_put(const void *buf, long size, long offset)
{
	__sync_synchronize(); /* a letter is there before its head says so */
	memcpy(mail_memory + offset, buf, (unsigned long)size);
	return size;
}

void os_no_core(void)
{
	u64 none[2] = {0, 0};
	CALL(prlimit64, 0, RLIMIT_CORE, none);
}

void os_prepare_init(void)
{
	CALL(mount, "proc", "/proc", "proc");
	CALL(mount, "sysfs", "/sys", "sysfs");
	/* Linux leaves its init no room for real-time signals. */
	u64 pending[2] = {1024, 1024};
	CALL(prlimit64, 0, RLIMIT_SIGPENDING, pending);
}

void os_power_off(void)
{
	for (;;)
		CALL(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF);
}
