/*
 * A plain system call: CALL(setsid), CALL(umask, mask).  Where both systems have a call under one name
 * and with the same arguments, this is all that it takes; what differs is in os.h.
 */
#ifndef SYSCALL_H
#define SYSCALL_H

#include "arch.h"

/* The name is pasted at once: as a macro of the headers, such as musl's prlimit64, it must not be expanded. */
#ifdef __NetBSD__
#include <sys/syscall.h>
#define CALL(name, ...) CALL_(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#else
#include <asm/unistd.h>
#define CALL(name, ...) CALL_(__NR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#endif

#define CALL_(nr, a, b, c, d, e, f, ...) \
	raw_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f), 0)

#endif
