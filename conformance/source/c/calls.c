#include "calls.h"
#include "record.h"
#include "rules.h"

volatile struct progress *progress;
int64_t *snapshot;
static int snapshots;

static const char *const names[] = {
#define CALL(number, name, items) [number] = #name,
#include "calls.def"
#undef CALL
};

/* Whether the real callee sleeps or takes a lock that is no spin lock, by the sources. */
static bool may_sleep(enum call call)
{
	switch (call) {
	case CALL_ratecheck:
	case CALL_tablefull:
	case CALL_uvm_uarea_free:
	case CALL_mutex_obj_hold:
	case CALL_vref:
	case CALL_lim_addref:
	case CALL_ktradref:
	case CALL_sched_proc_fork:
	case CALL_sdt_probe:
	case CALL_trace_is_enabled:
	case CALL_e_syscall_intern:
	case CALL_ktrpoint:
	case CALL_startprofclock:
	case CALL_setrunnable:
	case CALL_md_child_return:
		return false;
	default:
		return true;
	}
}

void calls_begin(void)
{
	progress->call_words = 0;
	snapshots = 0;
}

void calls_note(enum call call, const int64_t *items, size_t count)
{
	rules_check();
	MUST(!may_sleep(call) || !spin_held(), "spin lock held by a caller of %s()", names[call]);
	if (progress->call_words + (int64_t)count + 1 > MAX_CALL_WORDS)
		forkoracle_panic(0, "it calls without end");
	if (snapshot != NULL && snapshots++ < MAX_SNAPSHOTS)
		snapshot = record_state(snapshot);
	progress->words[progress->call_words++] = call;
	for (size_t n = 0; n < count; n++)
		progress->words[progress->call_words++] = items[n];
}
