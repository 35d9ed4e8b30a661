#include "panic.h"

struct panic the_panic;

void forkoracle_panic(const char *text, int line)
{
	size_t n = 0;

	memset(the_panic.message, 0, sizeof the_panic.message);
	for (; n < sizeof the_panic.message - 1 && text[n] != '\0'; n++)
		the_panic.message[n] = text[n];
	the_panic.line = line;
	__builtin_longjmp(the_panic.recover, 1);
}
