/*
 * What kern_fork.c 1.213 to 1.232 uses of NetBSD's headers, and no more: each header that it
 * includes leads here (compile.py makes them).
 */
#ifndef FORKORACLE_NETBSD_H
#define FORKORACLE_NETBSD_H

#include "callees.h"
#include "kern_fork.h"
#include "proc.h"

#endif
