/* Lines in and out, through buffers that survive the processes that read and write them. */
#include "io.h"
#include "os.h"
#include "text.h"

struct io *io;

void flush(void)
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

void say(const char *s)
{
	unsigned long n = length(s);
	if (io->out_end + n >= BUFFER)
		flush();
	memcpy(io->out + io->out_end, s, n);
	io->out_end += (u32)n;
}

void say_number(u64 n)
{
	char digits[24];
	struct text t = {digits, digits + sizeof digits - 1};
	put_number(&t, n, 10);
	say(digits);
}

char *read_line(void)
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
