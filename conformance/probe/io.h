/* Lines in and out, through buffers that survive the processes that read and write them. */
#ifndef IO_H
#define IO_H

#include "mailbox.h"

enum { BUFFER = 1 << 16 };

/* Survives the director: the next one goes on from here. */
struct io {
	volatile u32 running, number, eof;
	volatile u32 returned; /* the fork that was tried has returned */
	volatile u32 left; /* a child of the director's cannot be killed */
	u32 sees_all; /* while the director runs, no other process can */
	i32 kind; /* enum fork_kind: how our own processes are made */
	i32 sharing; /* enum outcome: what comes of a fork that shares our memory */
	struct mail_count mail;
	u64 flushed;
	u32 in_start, in_end, out_end;
	char in[BUFFER], out[BUFFER];
};

extern struct io *io;

void flush(void);
void say(const char *s);
void say_number(u64 n);
/* One line without its end, or 0 at the end of the input. */
char *read_line(void);

#endif
