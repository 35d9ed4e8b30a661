/* Names of numbers.  All come from netbsd.py and scenario.py: constants.py writes constants.h. */
#include "words.h"

#define ENTRY(name) {#name, NETBSD_##name},
#define TABLE(name, list)                                   \
	static const struct word name##_[] = {list(ENTRY)}; \
	const struct words name = {name##_, sizeof name##_ / sizeof name##_[0]};

TABLE(clone_flags, WORDS_CLONE_FLAGS)
TABLE(signals, WORDS_SIGNALS)
TABLE(wait_options, WORDS_WAIT_OPTIONS)
TABLE(wait6_options, WORDS_WAIT6_OPTIONS)
TABLE(idtypes, WORDS_IDTYPES)
TABLE(policies, WORDS_POLICIES)
TABLE(ptrace_events, WORDS_PTRACE_EVENTS)
TABLE(p_flags, WORDS_P_FLAGS)
TABLE(accounting_flags, WORDS_ACCOUNTING_FLAGS)
TABLE(notes, WORDS_NOTES)
TABLE(trace_facilities, WORDS_TRACE_FACILITIES)
TABLE(inheritances, WORDS_INHERITANCES)

const char *const field_names[FIELDS] = {FIELD_NAMES};
const char *const timer_names[TIMERS] = {TIMER_NAMES};
const char *const program_names[PROGRAMS] = {PROGRAM_NAMES};

int index_of(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (same(names[i], name))
			return i;
	return -1;
}

static const struct word *word_named(const struct words *words, const char *name)
{
	for (int i = 0; words && i < words->count; i++)
		if (same(words->word[i].name, name))
			return &words->word[i];
	return 0;
}

/* The end of the part before the next bar, where a 0 is put; 0 where no other part comes. */
static char *cut_at_bar(char *s)
{
	while (*s && *s != '|')
		s++;
	if (!*s)
		return 0;
	*s = 0;
	return s + 1;
}

int read_bits(const struct words *first, const struct words *second, char *s, i64 *value)
{
	u32 v = 0;
	for (char *next; s; s = next) {
		const struct word *word;
		u64 n;
		next = cut_at_bar(s);
		if ((word = word_named(first, s)) || (word = word_named(second, s)))
			v |= word->value;
		else if (s[0] == 'S' && s[1] == 'I' && s[2] == 'G' && number(s + 3, 10, &n))
			v |= (u32)n;
		else if (number(s, 10, &n))
			v |= (u32)n;
		else
			return 0;
	}
	*value = v;
	return 1;
}

int read_signals(char *s, i64 *set)
{
	for (char *next; s; s = next) {
		i64 signal;
		next = cut_at_bar(s);
		if (!read_bits(&signals, 0, s, &signal) || signal < 0 || signal >= NETBSD__NSIG)
			return 0;
		*set |= signal ? (i64)(1ull << (signal - 1)) : 0;
	}
	return 1;
}

void put_signal(struct text *t, int signal)
{
	for (int i = 0; i < signals.count; i++)
		if (signals.word[i].value == (u32)signal) {
			put(t, signals.word[i].name);
			return;
		}
	put(t, "SIG");
	put_number(t, (u64)signal, 10);
}

void put_names(struct text *t, const struct words *words, u64 value)
{
	int any = 0;
	for (int i = 0; i < words->count; i++)
		if (value & words->word[i].value) {
			put(t, any ? "|" : "");
			put(t, words->word[i].name);
			value &= ~(u64)words->word[i].value;
			any = 1;
		}
	if (value) {
		put(t, any ? "|0x" : "0x");
		put_number(t, value, 16);
	} else if (!any)
		put(t, "0");
}

void put_signals(struct text *t, u64 set)
{
	put(t, set ? "" : "0");
	for (int n = 1, any = 0; n < NETBSD__NSIG; n++)
		if (set >> (n - 1) & 1) {
			put(t, any++ ? "|" : "");
			put_signal(t, n);
		}
}
