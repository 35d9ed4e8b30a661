/* The way to the host: through the mailbox if we are init, else standard input and output. */
#ifndef MAILBOX_H
#define MAILBOX_H

#include "types.h"

/* Survives the director: the number of messages that were got and sent, and the last one's length. */
struct mail_count {
	u32 got, sent, length;
};

struct mail {
	int open; /* else standard input and output are used */
	struct mail_count *shared;
};
extern struct mail mail;

long port_read(void *buf, long size);
long port_write(const void *buf, long size);

#endif
