/* What Linux's parts of the probe have in common: NetBSD's signals in Linux's numbers, and back. */
#ifndef OS_LINUX_H
#define OS_LINUX_H

#include "os.h"

int host_signal(int n);
int netbsd_signal(int host);
u64 netbsd_signals(u64 host); /* of a set: bit n-1 for signal n */

#endif
