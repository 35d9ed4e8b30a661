/* What NetBSD's parts of the probe have in common. */
#ifndef OS_NETBSD_H
#define OS_NETBSD_H

#include <sys/types.h>
#include <sys/param.h>
#include <sys/signal.h>
#include <sys/siginfo.h>
#include <sys/sysctl.h>
#include <sys/time.h>

#include "os.h"
#include "syscall.h"

#ifndef __SIGTRAMP_SIGINFO_VERSION
#define __SIGTRAMP_SIGINFO_VERSION 2
#endif

/* A descriptor that no scenario uses: the second disk. */
enum { MAIL_DISK = 10 };

/* The handler of every signal that is caught. */
void caught(int signal, siginfo_t *info, void *context);

/* os_netbsd_sysctl.c */
long sysctl_get(const int *name, u32 depth, void *buf, unsigned long size);
long sysctl_set(const int *name, u32 depth, int *old, int new);
int node_named(int *name, u32 depth, const char *wanted);
int hardclock_ticks(void);
int number_of_cpus(void);

u64 set_of(const u32 bits[2]); /* bit n-1 for signal n, of what a set of signals has in __bits */

#endif
