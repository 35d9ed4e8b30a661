/*
 * A plain system call: CALL(setsid), CALL(umask, mask).  Where both systems have a call under one name
 * and with the same arguments, this is all that it takes; what differs is in os.h.
 */
#ifndef SYSCALL_H
#define SYSCALL_H

#ifdef __NetBSD__
#include <sys/syscall.h>
#define CALL_NUMBER(name) SYS_##name
#else
#include <asm/unistd.h>
#define CALL_NUMBER(name) __NR_##name
#endif

#include "arch.h"

#define CALL(...) CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define CALL_(name, a, b, c, d, e, f, ...) \
	raw_syscall(CALL_NUMBER(name), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f), 0)

#endif
