/*
 * A C library for NetBSD/amd64: what the programs of reports call, and no more.
 *
 * A guest of nothing but a kernel has no library, and ziglang brings NetBSD's
 * headers only.  A program that calls something else does not link, and is not
 * run.  What is simple is simple here: nothing is buffered, and memory is never
 * given back.
 *
 * BSD-2-Clause; see LICENSE.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STR2(x) #x
#define STR(x) STR2(x)

/* A static program has to say that it is one of NetBSD's. */
__asm__(".section .note.netbsd.ident,\"a\",%note\n"
	"	.balign 4\n	.long 7,4,1\n	.ascii \"NetBSD\\0\\0\"\n	.long " STR(__NetBSD_Version__) "\n"
	"	.previous\n");

/* ---- system calls ---- */

/* Nobody has threads here, so there is one errno. */
static int error_number __attribute__((used));
int *__errno(void) { return &error_number; }

__asm__(".text\n.globl _start\n_start:\n"
	"	mov %rsp,%rdi\n	and $-16,%rsp\n	call begin\n"
	"enter:	mov %rcx,%r10\n	syscall\n	jc 1f\n	ret\n"
	"1:	mov %eax,error_number(%rip)\n	mov $-1,%rax\n	ret\n"
	/* Where a handler returns to: r15 has the context (sendsig_siginfo of amd64/machdep.c). */
	"trampoline: mov %r15,%rdi\n	mov $" STR(SYS_setcontext) ",%eax\n	syscall\n	hlt\n");

/* The headers give each function the name of its system call. */
#define CALL_AS(function, number) \
	__asm__(".globl " #function "\n" #function ":	mov $" STR(number) ",%eax\n	jmp enter\n");
#define CALL(name) CALL_AS(name, SYS_##name)
CALL(__getcwd) CALL(__getitimer50) CALL(__getrusage50) CALL(__kevent100) CALL(__nanosleep50)
CALL(__setitimer50) CALL(__sigaction_sigtramp) CALL(__sigaltstack14) CALL(__sigpending14)
CALL(__sigprocmask14) CALL(__stat50) CALL(__syscall) CALL(__sysctl) CALL(__wait450) CALL(_lwp_getprivate)
CALL(_lwp_setprivate) CALL(chdir) CALL(close) CALL(dup2) CALL(execve) CALL(fcntl) CALL(fktrace)
CALL(fork) CALL(geteuid) CALL(getpid) CALL(getppid) CALL(getrlimit) CALL(getuid) CALL(ioctl)
CALL(kill) CALL(kqueue) CALL(minherit) CALL(open) CALL(pipe2) CALL(profil) CALL(ptrace) CALL(rasctl) CALL(read)
CALL(setpgid) CALL(setpriority) CALL(setreuid) CALL(setrlimit) CALL(setsid) CALL(syscall)
CALL(umask) CALL(unlink) CALL(utrace) CALL(write) CALL_AS(_exit, SYS_exit)

int __sigaction_sigtramp(int, const struct sigaction *, struct sigaction *, const void *, int);
int __sysctl(const int *, u_int, void *, size_t *, const void *, size_t);
int __getcwd(char *, size_t);
quad_t __syscall(quad_t, ...);
extern const char trampoline[];

/* The kernel's offsets have a word of padding before them. */
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	return (void *)__syscall(SYS_mmap, at, size, prot, flags, fd, 0, offset);
}
off_t lseek(int fd, off_t offset, int whence) { return __syscall(SYS_lseek, fd, 0, offset, whence); }
int ftruncate(int fd, off_t size) { return (int)__syscall(SYS_ftruncate, fd, 0, size); }
int pipe(int end[2]) { return pipe2(end, 0); }
char *getcwd(char *path, size_t size) { return __getcwd(path, size) == -1 ? NULL : path; }
int sysctl(const int *name, u_int names, void *old, size_t *size, const void *new, size_t new_size)
{
	return __sysctl(name, names, old, size, new, new_size);
}
/* The kernel gives the nodes below one (sys/sysctl.h: CTL_QUERY); a number names itself. */
int sysctlbyname(const char *name, void *old, size_t *size, const void *new, size_t new_size)
{
	enum { ROOM = 1 << 16 };
	struct sysctlnode query = { .sysctl_flags = SYSCTL_VERSION }, *nodes = malloc(ROOM);
	int path[CTL_MAXNAME];
	u_int depth = 0;
	for (size_t n; *name; name += n + (name[n] == '.')) {
		const char *end = strchr(name, '.');
		size_t got = ROOM, i = 0;
		n = end ? (size_t)(end - name) : strlen(name);
		if (depth == CTL_MAXNAME || !nodes)
			return errno = ENOENT, -1;
		path[depth] = CTL_QUERY;
		if (*name >= '0' && *name <= '9') {
			path[depth++] = atoi(name);
			continue;
		}
		if (__sysctl(path, depth + 1, nodes, &got, &query, sizeof(query)) == -1)
			return -1;
		for (; i < got / sizeof(*nodes); i++)
			if (!strncmp(nodes[i].sysctl_name, name, n) && !nodes[i].sysctl_name[n])
				break;
		if (i == got / sizeof(*nodes))
			return errno = ENOENT, -1;
		path[depth++] = nodes[i].sysctl_num;
	}
	return __sysctl(path, depth, old, size, new, new_size);
}
int raise(int number) { return kill(getpid(), number); }
int execv(const char *path, char *const arguments[])
{
	char *none[] = { NULL };
	return execve(path, arguments, none);
}

/* ---- signals ---- */

int sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
	return __sigaction_sigtramp(number, new, old, new ? trampoline : NULL, new ? 2 : 0);
}
void (*signal(int number, void (*handler)(int)))(int)
{
	struct sigaction new = { .sa_flags = SA_RESTART }, old;
	new.sa_handler = handler;
	return sigaction(number, &new, &old) == -1 ? SIG_ERR : old.sa_handler;
}

/* ---- strings ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}
void *memset(void *to, int value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((char *)to)[i] = (char)value;
	return to;
}
int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;
	for (size_t i = 0; i < size; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}
size_t strlen(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}
int strncmp(const char *a, const char *b, size_t size)
{
	size_t i = 0;
	while (i + 1 < size && a[i] && a[i] == b[i])
		i++;
	return size ? (unsigned char)a[i] - (unsigned char)b[i] : 0;
}
int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }
char *strcpy(char *restrict to, const char *restrict from) { return memcpy(to, from, strlen(from) + 1); }
char *strcat(char *restrict to, const char *restrict from)
{
	strcpy(to + strlen(to), from);
	return to;
}
char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}
char *strrchr(const char *s, int c)
{
	const char *found = NULL;
	for (; (s = strchr(s, c)); s++) {
		found = s;
		if (!*s)
			break;
	}
	return (char *)(uintptr_t)found;
}
/* In base 10 only, which is what the programs ask for. */
long strtol(const char *restrict s, char **restrict end, int base)
{
	long value = 0;
	int minus = *s == '-';
	for (s += minus; base == 10 && *s >= '0' && *s <= '9'; s++)
		value = value * 10 + *s - '0';
	if (end)
		*end = (char *)(uintptr_t)s;
	return minus ? -value : value;
}
int atoi(const char *s) { return (int)strtol(s, NULL, 10); }

/* ---- memory, paths, the end ---- */

void *malloc(size_t size)
{
	void *got = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	return got == MAP_FAILED ? NULL : got;
}
void free(void *memory) { (void)memory; }
/* Only of a path that is one already. */
char *realpath(const char *restrict path, char *restrict to)
{
	if (*path == '/' && strlen(path) < PATH_MAX)
		return strcpy(to, path);
	errno = ENOENT;
	return NULL;
}
void exit(int status) { _exit(status); }

/* ---- output ---- */

struct out {
	char *at, *end; /* what is past the end is counted only */
	size_t length;
};
static void put(struct out *o, char c)
{
	if (o->at < o->end)
		*o->at++ = c;
	o->length++;
}
static void put_field(struct out *o, const char *s, size_t size, size_t width, char fill)
{
	for (size_t n = size; n < width; n++)
		put(o, fill);
	for (size_t i = 0; i < size; i++)
		put(o, s[i]);
}

/* A format that is not known here must not look like an answer: status 2. */
static void __attribute__((noreturn)) unknown_format(void)
{
	static const char text[] = "the C library of forkoracle does not know this format of printf\n";
	write(STDOUT_FILENO, text, sizeof(text) - 1);
	_exit(2);
}

int vsnprintf(char *restrict to, size_t size, const char *restrict f, va_list ap)
{
	struct out o = { to, size ? to + size - 1 : to, 0 };
	for (; *f; f++) {
		char digits[24], *first = digits + sizeof(digits), fill = ' ';
		size_t width = 0, precision = SIZE_MAX;
		int longs = 0, minus = 0;
		unsigned base = 10;
		unsigned long long value;
		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		if (*++f == '0')
			fill = *f++;
		for (; *f >= '0' && *f <= '9'; f++)
			width = width * 10 + (size_t)(*f - '0');
		if (f[0] == '.' && f[1] == '*') {
			precision = (size_t)va_arg(ap, int);
			f += 2;
		}
		for (; *f == 'l' || *f == 'z' || *f == 'j'; f++)
			longs++; /* all of them have 64 bits */
		switch (*f) {
		case '%':
		case 'c':
			put(&o, *f == '%' ? '%' : (char)va_arg(ap, int));
			continue;
		case 's': {
			const char *s = va_arg(ap, const char *);
			size_t n = 0;
			while (n < precision && s[n])
				n++;
			put_field(&o, s, n, width, ' ');
			continue;
		}
		case 'd':
		case 'i': {
			long long number = longs ? va_arg(ap, long) : va_arg(ap, int);
			minus = number < 0;
			value = minus ? -(unsigned long long)number : (unsigned long long)number;
			break;
		}
		case 'x':
		case 'o':
		case 'u':
			base = *f == 'x' ? 16 : *f == 'o' ? 8 : 10;
			value = longs ? va_arg(ap, unsigned long) : va_arg(ap, unsigned);
			break;
		default:
			unknown_format();
		}
		do
			*--first = "0123456789abcdef"[value % base];
		while (value /= base);
		if (minus)
			*--first = '-';
		put_field(&o, first, (size_t)(digits + sizeof(digits) - first), width, fill);
	}
	if (size)
		*o.at = 0;
	return (int)o.length;
}
int snprintf(char *restrict to, size_t size, const char *restrict format, ...)
{
	va_list ap;
	va_start(ap, format);
	int length = vsnprintf(to, size, format, ap);
	va_end(ap);
	return length;
}
int printf(const char *restrict format, ...)
{
	char text[4096];
	va_list ap;
	va_start(ap, format);
	int length = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return (int)write(STDOUT_FILENO, text, MIN((size_t)length, sizeof(text) - 1));
}
int puts(const char *s) { return printf("%s\n", s); }
int (putchar)(int c) { return printf("%c", c); }
char *strerror(int error)
{
	static char text[24];
	snprintf(text, sizeof(text), "error %d", error);
	return text;
}
void perror(const char *what) { printf("%s: error %d\n", what, errno); }

int main(int, char **, char **);

__attribute__((used, noreturn)) static void begin(long *stack)
{
	char **arguments = (char **)(stack + 1);
	exit(main((int)stack[0], arguments, arguments + stack[0] + 1));
}
