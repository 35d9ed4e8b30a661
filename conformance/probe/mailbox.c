/*
 * How the probe talks when it is init: through a raw disk, or on Linux memory,
 * that the host reads and writes too.  A disk is the one device that a kernel
 * must have to get as far as init, and it carries megabytes in a second where
 * a tty loses bytes.
 *
 * Sector 0 is the host's: the number of its last message, that message's
 * length, and the number of the last of ours that it has read.  Sector 8 is
 * ours: the number and the length of our last message.  (Sector 1 is out of
 * bounds: NetBSD keeps a disk's label there.)  vm/mailbox.py is the other end.
 */
#include "mailbox.h"
#include "os.h"
#include "syscall.h"
#include "text.h"

enum {
	SECTOR = 512,
	MAIL_HEAD = 1 << 12, /* where our letter's head lies, in bytes */
	MAIL_IN = 1 << 16, /* where the host's messages begin, in bytes */
	MAIL_OUT = 1 << 20, /* where ours do */
	MAIL_MAGIC = 0x6d61696c,
};

struct letter_head {
	u32 magic, number, length, read;
};

struct mail mail;

LARGE static union {
	struct letter_head head;
	char sector[SECTOR];
} mail_sector;

LARGE static char mail_buffer[1 << 16];

/* Read the host's sector; after many looks in vain, with a nap before: 20 ms at 100 Hz. */
static void mail_look(int looks)
{
	if (looks > 50)
		os_nap(500);
	os_mail_get(mail_sector.sector, SECTOR, 0);
}

/* Say what we have read and written; 0 where the disk does not take it. */
static int mail_head(void)
{
	mail_sector.head = (struct letter_head){MAIL_MAGIC, mail.shared->sent, mail.shared->length, mail.shared->got};
	return os_mail_put(mail_sector.sector, SECTOR, MAIL_HEAD) == SECTOR;
}

/* The next message, or as much of it as fits; 0 where the host wants an end of it. */
static long mail_read(char *buf, long size)
{
	for (int looks = 0;; looks++) {
		mail_look(looks);
		if (mail_sector.head.magic == MAIL_MAGIC && mail_sector.head.number != mail.shared->got)
			break;
	}
	long length = (long)mail_sector.head.length, sectors = (length + SECTOR - 1) & ~(SECTOR - 1L);
	if (length > size || sectors > (long)sizeof mail_buffer)
		return 0;
	mail.shared->got = mail_sector.head.number;
	if (sectors && os_mail_get(mail_buffer, sectors, MAIL_IN) != sectors)
		return 0;
	memcpy(buf, mail_buffer, (unsigned long)length);
	mail_head(); /* so that the host can send the next one while we work */
	return length;
}

static long mail_write(const char *buf, long size)
{
	long sectors;
	if (size > (long)sizeof mail_buffer)
		size = sizeof mail_buffer;
	sectors = (size + SECTOR - 1) & ~(SECTOR - 1L);
	for (int looks = 0;; looks++) {
		mail_look(looks);
		if (mail.shared->sent == 0 || mail_sector.head.read == mail.shared->sent)
			break;
	}
	memcpy(mail_buffer, buf, (unsigned long)size);
	if (os_mail_put(mail_buffer, sectors, MAIL_OUT) != sectors)
		return -1;
	mail.shared->sent++;
	mail.shared->length = (u32)size;
	return mail_head() ? size : -1;
}

enum { STANDARD_INPUT, STANDARD_OUTPUT };

long port_read(void *buf, long size)
{
	return mail.open ? mail_read(buf, size) : CALL(read, STANDARD_INPUT, buf, size);
}
long port_write(const void *buf, long size)
{
	return mail.open ? mail_write(buf, size) : CALL(write, STANDARD_OUTPUT, buf, size);
}
