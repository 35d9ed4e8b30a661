/* The scenario's text, read into steps.  The verbs and the kinds of their arguments are those of verbs.def. */
#include "scenario.h"
#include "words.h"

i64 user_count, free_uid;

/* The kinds of arguments, in scenario.py's words. */
enum kind {
	K_,
	K_CHILD,
	K_LWP,
	K_ACTOR,
	K_WHOM,
	K_FLAGS,
	K_STACK,
	K_INTEGER,
	K_SIGNAL,
	K_SIGNALS,
	K_OPTIONS,
	K_PATH,
	K_OCTAL,
	K_DISPOSITION,
	K_HOW,
	K_LIMIT,
	K_UID,
	K_EVENTS,
	K_SHOWN,
	K_FIELD,
	K_PFLAGS,
	K_NOTES,
	K_FACILITIES,
	K_INHERITANCE,
	K_TIMER,
	K_RAS,
	K_DESCRIPTOR,
	K_STATUS,
	K_MILLISECONDS,
	K_GROUP,
	K_IDTYPE,
	K_WAITOPTIONS,
	K_PROGRAM,
	K_POLICY,
	MAY_BE_LEFT_OUT = 128
};
#define K_OPTIONAL(kind) (K_##kind | MAY_BE_LEFT_OUT)
#define KINDS(...) KINDS_(__VA_ARGS__, , , )
#define KINDS_(a, b, c, ...) {K_##a, K_##b, K_##c}

static const struct {
	const char *name;
	unsigned char kinds[MAX_ARGUMENTS], properties;
} verbs[VERBS] = {
#define GROUP(name, text)
#define VERB(name, kinds, arguments, needs, properties, ...) {#name, KINDS kinds, properties},
#include "verbs.def"
#undef VERB
#undef GROUP
};

int has(int verb, enum property property) { return (verbs[verb].properties & property) != 0; }

int names_actor(const struct step *step, int argument)
{
	int kind = verbs[step->verb].kinds[argument] & ~MAY_BE_LEFT_OUT;
	return (kind == K_ACTOR || kind == K_WHOM) && step->arg[argument] < MAX_ACTORS;
}

int actor_named(struct scenario *s, const char *name, int make)
{
	int i;
	for (i = 0; i < s->actors; i++)
		if (same(s->names[i], name))
			return i;
	if (!make || i == MAX_ACTORS || length(name) >= sizeof s->names[i])
		return -1;
	memcpy(s->names[i], name, length(name) + 1);
	s->actors++;
	return i;
}

/* inf, count+N, count-N or a number. */
static const char *read_limit(const char *word, i64 *arg)
{
	u64 n;
	if (same(word, "inf")) {
		*arg = -1;
		return 0;
	}
	if (word[0] == 'c' && length(word) > 6) {
		if (!number(word + 6, 10, &n))
			return "expected count+N";
		*arg = user_count + (word[5] == '-' ? -(i64)n : (i64)n);
		return 0;
	}
	if (!number(word, 10, &n))
		return "expected a limit";
	*arg = (i64)n;
	return 0;
}

/* 0, -1, free1 or free2. */
static const char *read_uid(const char *word, i64 *arg)
{
	u64 n;
	if (same(word, "free1") || same(word, "free2")) {
		*arg = free_uid + (word[4] - '1');
		return free_uid ? 0 : "no free user ID is known";
	}
	if (same(word, "-1"))
		*arg = -1;
	else if (number(word, 10, &n))
		*arg = (i64)n;
	else
		return "expected a user ID";
	return 0;
}

static const char *read_number(const char *word, unsigned base, i64 *arg, const char *expected)
{
	u64 n;
	if (!number(word, base, &n) || (i64)n < 0)
		return expected;
	*arg = (i64)n;
	return 0;
}

static const char *read_path(const char *word, char *path)
{
	if (length(word) >= PATH_SIZE)
		return "path too long";
	memcpy(path, word, length(word) + 1);
	return 0;
}

static const char *read_argument(struct scenario *s, struct step *step, int kind, char *word)
{
	i64 *arg = &step->arg[step->args];
	switch (kind & ~MAY_BE_LEFT_OUT) {
	case K_CHILD:
	case K_LWP:
		*arg = step->child = same(word, "-") ? ANONYMOUS : actor_named(s, word, 1);
		return *arg < 0 ? "too many actors" : 0;
	case K_ACTOR:
		*arg = actor_named(s, word, 1);
		return *arg < 0 ? "too many actors" : 0;
	case K_WHOM:
		*arg = same(word, "-") ? ANONYMOUS : same(word, "any") ? ANYBODY : actor_named(s, word, 1);
		return *arg < 0 ? "too many actors" : 0;
	case K_GROUP:
		*arg = same(word, "own") ? OWN_GROUP : actor_named(s, word, 1);
		return *arg < 0 ? "too many actors" : 0;
	case K_IDTYPE:
		return read_bits(&idtypes, 0, word, arg) ? 0 : "unknown kind of ID";
	case K_WAITOPTIONS:
		return read_bits(&wait6_options, 0, word, arg) ? 0 : "unknown option";
	case K_POLICY:
		return read_bits(&policies, 0, word, arg) ? 0 : "unknown policy";
	case K_FLAGS:
		return read_bits(&clone_flags, &signals, word, arg) ? 0 : "unknown flag";
	case K_SIGNAL:
		return read_bits(&signals, 0, word, arg) ? 0 : "unknown signal";
	case K_OPTIONS:
		return read_bits(&wait_options, 0, word, arg) ? 0 : "unknown option";
	case K_EVENTS:
		return read_bits(&ptrace_events, 0, word, arg) ? 0 : "unknown event";
	case K_PFLAGS:
		return read_bits(&p_flags, 0, word, arg) ? 0 : "unknown flag";
	case K_NOTES:
		return read_bits(&notes, 0, word, arg) ? 0 : "unknown note";
	case K_FACILITIES:
		return read_bits(&trace_facilities, 0, word, arg) ? 0 : "unknown facility";
	case K_INHERITANCE:
		return read_bits(&inheritances, 0, word, arg) ? 0 : "unknown inheritance";
	case K_SIGNALS:
		return read_signals(word, arg) ? 0 : "unknown signal";
	case K_SHOWN:
		*arg = index_of(field_names, SHOWN_FIELDS, word);
		return *arg < 0 ? "unknown field" : 0;
	case K_FIELD:
		*arg = index_of(field_names, FIELDS, word);
		return *arg < 0 ? "unknown field" : 0;
	case K_TIMER:
		*arg = index_of(timer_names, TIMERS, word);
		return *arg < 0 ? "unknown timer" : 0;
	case K_RAS:
		*arg = same(word, "install");
		return 0;
	case K_STACK:
		*arg = 1;
		return same(word, "own") ? 0 : "expected own";
	case K_INTEGER:
	case K_DESCRIPTOR:
	case K_STATUS:
	case K_MILLISECONDS:
		return read_number(word, 10, arg, "expected a number");
	case K_PROGRAM:
		*arg = index_of(program_names, PROGRAMS, word);
		*arg = *arg < 0 ? *arg : FIRST_PROGRAM + *arg;
		return *arg < 0 ? read_number(word, 10, arg, "expected a descriptor or a program") : 0;
	case K_OCTAL:
		return read_number(word, 8, arg, "expected an octal number");
	case K_DISPOSITION:
		*arg = word[0]; /* the letters of enum disposition */
		return 0;
	case K_HOW:
		*arg = same(word, "block");
		return 0;
	case K_LIMIT:
		return read_limit(word, arg);
	case K_UID:
		return read_uid(word, arg);
	case K_PATH:
		return read_path(word, step->path);
	}
	return "unknown kind";
}

enum { MAX_WORDS = 8 }; /* of a line */

/* Cuts the line into its words, up to the clause in brackets: how many, or -1 for too many. */
static int cut_into_words(char *line, char *word[MAX_WORDS])
{
	int count = 0;
	while (*line && *line != '[') {
		while (*line == ' ')
			*line++ = 0;
		if (!*line || *line == '[')
			break;
		if (count == MAX_WORDS)
			return -1;
		word[count++] = line;
		while (*line && *line != ' ')
			line++;
	}
	*line = 0;
	return count;
}

static int verb_named(const char *name)
{
	int verb = 0;
	while (verb < VERBS && !same(verbs[verb].name, name))
		verb++;
	return verb;
}

/* The arguments behind the actor and the verb. */
static const char *read_arguments(struct scenario *s, struct step *step, char **word, int count)
{
	const unsigned char *kinds = verbs[step->verb].kinds;
	int most = 0, least = 0;
	while (most < MAX_ARGUMENTS && kinds[most])
		least += !(kinds[most++] & MAY_BE_LEFT_OUT);
	if (count < least || count > most)
		return "wrong number of arguments";
	for (; step->args < count; step->args++) {
		const char *wrong = read_argument(s, step, kinds[step->args], word[step->args]);
		if (wrong)
			return wrong;
	}
	if (step->verb == V_kinfo && (step->args == 3) != (step->arg[1] == KP_SIGMASK || step->arg[1] == KP_SIGIGNORE))
		return "wrong number of arguments";
	return 0;
}

/* What a bit of __clone's without a name does on another kernel may outlast the call. */
static int has_unnamed_bits(const struct step *step)
{
	u64 named = NETBSD_CLONE_CSIGNAL;
	if (step->verb != V___clone)
		return 0;
	for (int i = 0; i < clone_flags.count; i++)
		named |= clone_flags.word[i].value;
	return (step->arg[0] & ~(i64)named) != 0;
}

const char *read_step(struct scenario *s, char *line)
{
	char *word[MAX_WORDS], *colon;
	const char *wrong;
	struct step *step = &s->step[s->steps];
	if (s->steps == MAX_STEPS)
		return "too many steps";
	int count = cut_into_words(line, word);
	if (count < 0)
		return "too many words";
	if (count < 2 || *(colon = word[0] + length(word[0]) - 1) != ':')
		return "expected ACTOR: VERB";
	*colon = 0;
	memset(step, 0, sizeof *step);
	step->child = -1;
	if ((step->actor = actor_named(s, word[0], 1)) < 0)
		return "too many actors";
	if ((step->verb = verb_named(word[1])) == VERBS)
		return "unknown verb";
	if ((wrong = read_arguments(s, step, word + 2, count - 2)))
		return wrong;
	s->alone &= has(step->verb, DIRECTOR) && step->actor == 0 && (step->child < 0 || step->child == ANONYMOUS)
		    && !has_unnamed_bits(step);
	s->traced |= has(step->verb, TRACER);
	s->measured |= has(step->verb, MEASURED);
	s->steps++;
	return 0;
}

/* The table of steps is not cleared: read_step() clears each entry that it fills. */
void clear_scenario(struct scenario *s)
{
	s->steps = s->actors = s->traced = s->measured = s->together = 0;
	s->alone = 1;
}

void find_roots(struct scenario *s)
{
	s->roots = s->lwps = 0;
	for (int i = 0; i < s->steps; i++)
		s->roots |= 1 << s->step[i].actor;
	for (int i = 0; i < s->steps; i++)
		if (s->step[i].child >= 0 && s->step[i].child < MAX_ACTORS)
			s->roots &= ~(1 << s->step[i].child);
	for (int i = 0; i < s->steps; i++)
		if (s->step[i].verb == V__lwp_create)
			s->lwps |= 1 << s->step[i].child;
}
