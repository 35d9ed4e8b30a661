/* Traces of system calls, and what is in them. */

//@ ktrace saw_result <sys/ktrace.h>

//@ records saw saw_result <sys/ktrace.h>
static int
read_all(int fd, void *buffer, size_t size)
{
	char *to = buffer;
	ssize_t got = 1;

	for (; size > 0 && (got = read(fd, to, size)) > 0; size -= (size_t)got)
		to += got;
	return got < 0 ? -1 : size == 0;
}

/* The records of one process, until nobody writes to the pipe any more. */
static void
look_at_records(int step, int fd, pid_t pid)
{
	static union {
		char bytes[65536];
		struct ktr_sysret sysret;
	} body;
	struct ktr_header head;
	char text[160] = "none";
	size_t end = 0;
	int got;

	while ((got = read_all(fd, &head, sizeof(head))) == 1) {
		const char *name = NULL;
		size_t length = (size_t)head.ktr_len;

		if (length > sizeof(body)
		    || (length > 0 && read_all(fd, body.bytes, length) != 1))
			break;
		if (head.ktr_type == KTR_EMUL)
			name = "EMUL";
		else if (head.ktr_type == KTR_USER)
			name = "USER";
		else if (head.ktr_type == KTR_SYSRET
		    && body.sysret.ktr_code == SYS_fork)
			name = "SYSRET";
		if (name != NULL && head.ktr_pid == pid && end < sizeof(text))
			end += (size_t)snprintf(text + end, sizeof(text) - end,
			    "%s%s", end ? " " : "", name);
	}
	saw_result(step, got, text);
}
