#include "objects.h"
#include "record.h"
#include "rules.h"

static u_int nprocs_at_boot;
static int forkfsleep_at_boot;

void record_boot(void)
{
	static bool booted;

	if (!booted) {
		nprocs_at_boot = nprocs;
		forkfsleep_at_boot = forkfsleep;
		booted = true;
	}
}

/* The pending signals, where the queue of them is well formed and empty. */
static int64_t pending(const struct proc *p, const struct proc *at)
{
	return p->p_sigpend.sp_info.first == NULL && p->p_sigpend.sp_info.last == (void *)&at->p_sigpend.sp_info.first
		   ? (int64_t)p->p_sigpend.sp_set
		   : -1;
}

#define PUT_LIST(head, field)                                              \
	do {                                                               \
		__typeof__((head).first) at = (head).first;                \
		int n = 0;                                                 \
		while (n < PLACES && name(at) != 0) {                      \
			*out++ = name(at);                                 \
			n++;                                               \
			if (name(at) == UNKNOWN || name(at) == STALE_NAME) \
				break;                                     \
			at = at->field.next;                               \
		}                                                          \
		for (; n < PLACES; n++)                                    \
			*out++ = 0;                                        \
	} while (0)

int64_t *record_state(int64_t *out)
{
	static struct proc absent;
	static struct lwp absent_lwp;
	struct proc *child = !p2_there ? &absent : p2_gone ? &p2_before : &p2;
	struct lwp *newborn = l2.l_stat == 0 ? &absent_lwp : &l2;
	struct {
		int64_t nprocs, forkfsleep, forks, forks_ppwait, forks_sharevm, count_l, count_p;
		int64_t held, nprocs_at_boot, forkfsleep_at_boot, retval0, retval1;
		int64_t lock1_refcnt, fd1_refcnt, cwdi1_refcnt, limit1_refcnt, sigacts1_refcnt;
		int64_t vmspace1_refcnt, textvp1_usecount, tracefile_refcnt, p_start;
		struct proclist allproc, init_children, tracer_children, members;
	} k = {
	    .nprocs = nprocs,
	    .forkfsleep = forkfsleep,
	    .forks = cpu_count[CPU_COUNT_FORKS] + uvmexp.forks,
	    .forks_ppwait = cpu_count[CPU_COUNT_FORKS_PPWAIT] + uvmexp.forks_ppwait,
	    .forks_sharevm = cpu_count[CPU_COUNT_FORKS_SHAREVM] + uvmexp.forks_sharevm,
	    .count_l = count_l,
	    .count_p = count_p,
	    .held = locks_held(),
	    .nprocs_at_boot = nprocs_at_boot,
	    .forkfsleep_at_boot = forkfsleep_at_boot,
	    .retval0 = retval[0],
	    .retval1 = retval[1],
	    .lock1_refcnt = lock1.refcnt,
	    .fd1_refcnt = fd1.fd_refcnt,
	    .cwdi1_refcnt = cwdi1.cwdi_refcnt,
	    .limit1_refcnt = limit1.pl_refcnt,
	    .sigacts1_refcnt = sigacts1.sa_refcnt,
	    .vmspace1_refcnt = vmspace1.vm_refcnt,
	    .textvp1_usecount = textvp1.v_usecount,
	    .tracefile_refcnt = tracefile,
	    .p_start = stats_copied.p_start.tv_sec,
	    .allproc = allproc,
	    .init_children = init_.p_children,
	    .tracer_children = tracer.p_children,
	    .members = pgrp1.pg_members,
	};

/* The parts of a field that are what the model has of it. */
#define ps_faked p_sigctx.ps_faked
#define ps_sigpass p_sigctx.ps_sigpass
#define ps_sigignore p_sigctx.ps_sigignore
#define ps_sigcatch p_sigctx.ps_sigcatch
#define p_stmutex_type p_stmutex.type
#define p_stmutex_ipl p_stmutex.ipl
#define p_auxlock_type p_auxlock.type
#define p_auxlock_ipl p_auxlock.ipl
#define p_waitcv_wmesg p_waitcv.wmesg
#define p_lwpcv_wmesg p_lwpcv.wmesg
#define p_klist p_klist.first
#define l_sigstk l_sigstk.ss_flags
#define OF_k k
#define OF_p1 p1
#define OF_l1 l1
#define OF_p2 (*child)
#define OF_l2 (*newborn)
#define N(object, field) *out++ = (int64_t)OF_##object.field;
#define P(object, field) *out++ = name(OF_##object.field);
#define F(object, field) *out++ = name(OF_##object.field);
#define R(object, field) *out++ = OF_##object.field.ready == LOCK_READY;
#define S(object, field) *out++ = hash(OF_##object.field);
#define L(object, field, entry) PUT_LIST(OF_##object.field, entry);
#define Q(object, field) *out++ = child == &absent ? 0 : pending(child, &p2);
#include "record.def"
	return out;
}

#undef ps_faked
#undef ps_sigpass
#undef ps_sigignore
#undef ps_sigcatch
#undef p_stmutex_type
#undef p_stmutex_ipl
#undef p_auxlock_type
#undef p_auxlock_ipl
#undef p_waitcv_wmesg
#undef p_lwpcv_wmesg
#undef p_klist
#undef l_sigstk
#undef OF_k
#undef OF_p1
#undef OF_l1
#undef OF_p2
#undef OF_l2
#undef N
#undef P
#undef F
#undef R
#undef S
#undef L
#undef Q
