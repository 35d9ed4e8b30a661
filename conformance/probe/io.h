/* Lines in and out, through buffers that survive whoever reads and writes them. */
#ifndef IO_H
#define IO_H

enum { BUFFER = 1 << 16 };

/* Survives the director: whoever comes next goes on from here. */
struct io {
	volatile u32 running, number, eof;
	volatile u32 returned; /* the fork that was tried has */
	volatile u32 left; /* a child of the director's cannot be killed */
	u32 sees_all; /* while the director runs, nobody else can */
	i32 kind; /* of call that our own processes are made by */
	i32 sharing; /* what comes of one that shares our memory, once it has been tried */
	u32 mail[3]; /* see mailbox.h */
	u64 flushed;
	u32 in_start, in_end, out_end;
	char in[BUFFER], out[BUFFER];
};

static struct io *io;

static void flush(void)
{
	u32 at = 0;
	while (at < io->out_end) {
		long sent = port_write(io->out + at, io->out_end - at);
		if (sent <= 0)
			os_exit(3);
		at += (u32)sent;
	}
	io->out_end = 0;
	io->flushed = os_microtime();
}

static void say(const char *s)
{
	unsigned long n = length(s);
	if (io->out_end + n >= BUFFER)
		flush();
	memcpy(io->out + io->out_end, s, n);
	io->out_end += (u32)n;
}

static void say_number(u64 n)
{
	char digits[24];
	struct text t = {digits, digits + sizeof digits - 1};
	put_number(&t, n, 10);
	say(digits);
}

/* One line without its end, or 0 at the end of the input. */
static char *read_line(void)
{
	for (;;) {
		for (u32 i = io->in_start; i < io->in_end; i++)
			if (io->in[i] == '\n') {
				char *line = io->in + io->in_start;
				io->in[i] = 0;
				io->in_start = i + 1;
				return line;
			}
		if (io->eof)
			return 0;
		for (u32 i = io->in_start; i < io->in_end; i++)
			io->in[i - io->in_start] = io->in[i];
		io->in_end -= io->in_start;
		io->in_start = 0;
		if (io->in_end == BUFFER)
			io->in_end = 0; /* a line of that length is none */
		flush();
		long got = port_read(io->in + io->in_end, BUFFER - io->in_end);
		if (got <= 0)
			io->eof = 1;
		else
			io->in_end += (u32)got;
	}
}

#endif
