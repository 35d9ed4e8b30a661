/* Numbers by their width, and where data lies. */
#ifndef TYPES_H
#define TYPES_H

typedef unsigned int u32;
typedef int i32;
typedef long long i64;
typedef unsigned long long u64;

/*
 * Data that is large, or needs a page of its own, lies behind all small data.  A new process has no
 * page yet, and each page that it touches costs a page fault: all small data is in one page.
 */
#define LARGE __attribute__((section(".bss.large")))

enum { PAGE = 4096 }; /* of every machine that NetBSD's probe is for */

#endif
