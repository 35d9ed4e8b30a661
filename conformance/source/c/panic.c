#include "panic.h"

#include "subr_prf.h"

struct panic the_panic;

static void end(int how, int line, const char *format, va_list arguments) __attribute__((__noreturn__));

/* Ends the case; the text is that of the panic, or the name of the function. */
static void end(int how, int line, const char *format, va_list arguments)
{
	memset(the_panic.message, 0, sizeof the_panic.message);
	vsnprintf(the_panic.message, sizeof the_panic.message, format, arguments);
	the_panic.line = line;
	the_panic.how = how;
	__builtin_longjmp(the_panic.recover, 1);
}

void forkoracle_panic(int line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	end(PANICKED, line, format, arguments);
}

void forkoracle_unknown_call(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	end(UNKNOWN_CALL, 0, format, arguments);
}

void vpanic(const char *format, va_list arguments)
{
	char message[sizeof the_panic.message];

	vsnprintf(message, sizeof message, format, arguments);
	forkoracle_panic(0, "panic: %s", message);
}

void panic(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vpanic(format, arguments);
}
