#include "subr_prf.h"

struct said *said;

/* Whether the format is the one that was kept, as far as it was. */
static bool is_same(const char *kept, const char *format)
{
	for (size_t n = 0; n < sizeof said->format - 1; n++)
		if (kept[n] != format[n] || format[n] == '\0')
			return kept[n] == format[n];
	return true;
}

void vprintf(const char *format, va_list arguments)
{
	char text[sizeof said->text];

	vsnprintf(text, sizeof text, format, arguments);
	if (said == NULL)
		return;
	for (struct said *one = said; one < said + MAX_SAID; one++) {
		if (one->count == 0) {
			snprintf(one->format, sizeof one->format, "%s", format);
			memcpy(one->text, text, sizeof text);
		}
		if (is_same(one->format, format)) {
			one->count++;
			return;
		}
	}
}

#define PRINTS(name, ...)                              \
	void name(__VA_ARGS__ const char *format, ...) \
	{                                              \
		va_list arguments;                     \
		va_start(arguments, format);           \
		vprintf(format, arguments);            \
		va_end(arguments);                     \
	}
PRINTS(printf)
PRINTS(printf_nolog)
PRINTS(printf_tolog)
PRINTS(uprintf)
PRINTS(ttyprintf, struct tty *tty __unused, )
PRINTS(log, int level __unused, )
PRINTS(addlog)
PRINTS(aprint_normal)
PRINTS(aprint_naive)
PRINTS(aprint_verbose)
PRINTS(aprint_debug)
PRINTS(aprint_error)
PRINTS(device_printf, device_t device __unused, )

void vlog(int level __unused, const char *format, va_list arguments) { vprintf(format, arguments); }
