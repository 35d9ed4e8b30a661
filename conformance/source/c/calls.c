#include "calls.h"
#include "record.h"

volatile struct progress *progress;
int64_t *snapshot;
static int snapshots;

void calls_begin(void)
{
	progress->call_words = 0;
	snapshots = 0;
}

void calls_note(enum call call, const int64_t *items, size_t count)
{
	if (progress->call_words + (int64_t)count + 1 > MAX_CALL_WORDS)
		forkoracle_panic("it calls without end", 0);
	if (snapshot != NULL && snapshots++ < MAX_SNAPSHOTS)
		snapshot = record_state(snapshot);
	progress->words[progress->call_words++] = call;
	for (size_t n = 0; n < count; n++)
		progress->words[progress->call_words++] = items[n];
}
