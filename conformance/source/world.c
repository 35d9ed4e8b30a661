/*
 * The world around one call: the objects that it starts from, their state before it, and the
 * record of it afterwards.
 */
#include "world.h"

struct the_case c;
volatile int64_t *progress;
int64_t *snapshot;
static int nsnapshots;

/* The objects of objects.def. */
struct proc p1, p2, p2_before;
static struct proc init_, tracer, sibling, member;
struct lwp l1, l2;
kmutex_t lock1, lock2;
static struct filedesc fd1;
struct filedesc fd_copied, fd_fresh;
static struct cwdinfo cwdi1;
struct cwdinfo cwdi_copied;
static struct plimit limit1;
struct plimit limit_copied;
static struct sigacts sigacts1;
struct sigacts sigacts_copied;
static struct vmspace vmspace1;
struct vmspace vmspace_copied;
static struct pstats stats1;
struct pstats stats_copied;
struct kauth_cred cred_l, cred_p;
static struct vnode textvp1;
static char path1[] = "/bin/program";
char path_copied[sizeof path1];
int tracefile;
static struct emul emul1;
static char execsw1, emuldata1, ras1, aio1, knote1;
char ras_copied, uarea;
static struct pgrp pgrp1;
static struct session session1;

/* NetBSD's globals. */
kmutex_t ktrace_lock;
#if REVISION >= 1226
kmutex_t proc_lock;
#else
kmutex_t proc_lock_object;
kmutex_t *proc_lock = &proc_lock_object;
#endif
struct proclist allproc;
struct proc *initproc = &init_;
struct lwp *curlwp;
int maxproc;
struct uvmexp uvmexp;

int cpu_count[3], preempt, proccnt[2], waits;
bool p2_there, p2_gone, stopped_once;
static struct cpu_info cpu;
static int64_t boot[2]; /* nprocs and forkfsleep as the file has them before any call */

int64_t
name(const volatile void *object)
{
	if (object == NULL)
		return 0;
	if ((uintptr_t)object == STALE_POINTER)
		return STALE_NAME;
#define OBJECT(number, name, address) if (object == (const volatile void *)(address)) return number;
#include "objects.def"
#undef OBJECT
	return UNKNOWN;
}

int64_t
hash(const char *text)
{
	uint32_t h = 2166136261u;

	if (text == NULL)
		return 0;
	if ((uintptr_t)text == STALE_POINTER || *text == STALE)
		return STALE_NAME;
	if (*text == '\0')
		return 0;
	for (int n = 0; n < 60 && *text != '\0'; n++, text++)
		h = (h ^ (u_char)*text) * 16777619u;
	return h;
}

void
note(enum call call, int count, ...)
{
	__builtin_va_list arguments;

	if (nevents + count + 1 > MAX_WORDS)
		forkoracle_panic("it calls without end", 0);
	if (snapshot != NULL && nsnapshots++ < MAX_SNAPSHOTS)
		snapshot = world_record(snapshot);
	events[nevents++] = call;
	__builtin_va_start(arguments, count);
	while (count-- > 0)
		events[nevents++] = __builtin_va_arg(arguments, int64_t);
	__builtin_va_end(arguments);
}

void
ready(kmutex_t *lock)
{
	lock->ready = LOCK_READY;
	lock->owned = lock->spin = false;
	lock->refcnt = 1;
}

static void
some_process(struct proc *p, pid_t pid, struct proc *parent)
{
	memset(p, 0, sizeof *p);
	p->p_pid = pid;
	p->p_pptr = parent;
	p->p_ppid = parent->p_pid;
	p->p_stat = SACTIVE;
	p->p_lock = &lock1;
}

void
world_boot(void)
{
	static bool booted;

	if (!booted) {
		boot[0] = nprocs;
		boot[1] = forkfsleep;
		booted = true;
	}
}

void
world_begin(const int64_t *fields)
{
	memcpy(&c, fields, sizeof c);
	nevents = 0;
	nsnapshots = 0;
	preempt = waits = 0;
	p2_there = p2_gone = stopped_once = false;
	maxproc = (int)c.maxproc;
	nprocs = (u_int)c.nprocs;
	forkfsleep = (int)c.forkfsleep;
	memset(cpu_count, 0, sizeof cpu_count);
	memset(&uvmexp, 0, sizeof uvmexp);
	proccnt[0] = (int)c.count;
	proccnt[1] = (int)c.count_p;
	ready(PROC_LOCK);
	ready(&ktrace_lock);
	ready(&lock1);
	memset(&lock2, STALE, sizeof lock2);
	lock2.owned = lock2.spin = false;
	tracefile = 1;

	some_process(&init_, 1, &init_);
	some_process(&tracer, 50, &init_);
	some_process(&p1, 60, c.traced_by ? &tracer : &init_);
	some_process(&sibling, 61, &p1);
	some_process(&member, 62, &init_);
	memset(&p2, 0, sizeof p2);
	allproc.first = NULL;
	LIST_INSERT_HEAD(&allproc, &init_, p_list);
	LIST_INSERT_HEAD(&allproc, &tracer, p_list);
	LIST_INSERT_HEAD(&allproc, &p1, p_list);
	LIST_INSERT_HEAD(&init_.p_children, &tracer, p_sibling);
	LIST_INSERT_HEAD(&p1.p_pptr->p_children, &p1, p_sibling);
	if (c.children)
		LIST_INSERT_HEAD(&p1.p_children, &sibling, p_sibling);
	pgrp1.pg_session = &session1;
	session1.s_ttyvp = c.s_ttyvp ? &session1 : NULL;
	pgrp1.pg_members.first = NULL;
	LIST_INSERT_HEAD(&pgrp1.pg_members, &p1, p_pglist);
	if (c.members)
		LIST_INSERT_AFTER(&p1, &member, p_pglist);

	cred_l.cr_uid = (uid_t)c.l_ruid;
	cred_l.cr_euid = (uid_t)c.l_euid;
	cred_p.cr_uid = cred_p.cr_euid = (uid_t)c.p_ruid;
	cred_l.refcnt = cred_p.refcnt = 1;
	fd1.fd_refcnt = cwdi1.cwdi_refcnt = limit1.pl_refcnt = sigacts1.sa_refcnt = 1;
	vmspace1.vm_refcnt = textvp1.v_usecount = 1;
	fd1.fd_foclose = c.fd == 2;
	memset(limit1.pl_rlimit, 0, sizeof limit1.pl_rlimit);
	limit1.pl_rlimit[RLIMIT_NPROC].rlim_cur = (rlim_t)c.rlim_cur;
	limit1.pl_rlimit[RLIMIT_NPROC].rlim_max = ~0ul >> 1;
	limit1.pl_writeable = c.pl_writeable;
	emul1.e_proc_fork = c.e_proc_fork ? e_proc_fork : NULL;
	emul1.e_syscall_intern = e_syscall_intern;
	stats_copied.p_start.tv_sec = 0;

	cv_init(&p1.p_waitcv, "wait");
	p1.p_cred = &cred_p;
	p1.p_fd = c.fd ? &fd1 : NULL;
	p1.p_cwdi = &cwdi1;
	p1.p_stats = &stats1;
	p1.p_limit = &limit1;
	p1.p_vmspace = &vmspace1;
	p1.p_sigacts = &sigacts1;
	p1.p_aio = c.p_aio ? (void *)&aio1 : NULL;
	p1.p_mqueue_cnt = (u_int)c.p_mqueue_cnt;
	p1.p_exitsig = SIGCHLD;
	p1.p_flag = (int)c.p_flag;
	p1.p_sflag = (int)c.p_sflag;
	p1.p_stflag = (int)c.p_stflag;
	p1.p_slflag = (short)c.p_slflag;
	p1.p_lflag = (char)c.p_lflag;
	p1.p_raslist = c.p_raslist ? (void *)&ras1 : NULL;
	p1.p_nlwps = p1.p_nrlwps = (int)c.p_nrlwps;
	p1.p_nstopchild = (u_int)c.p_nstopchild;
	p1.p_waited = 1;
	p1.p_forktime = 7;
	p1.p_opptr = c.traced_by ? &init_ : NULL;
	p1.p_traceflag = (int)c.p_traceflag;
	p1.p_tracep = c.p_tracep ? &tracefile : NULL;
	p1.p_textvp = c.p_textvp ? &textvp1 : NULL;
	p1.p_emul = &emul1;
	p1.p_emuldata = &emuldata1;
	p1.p_execsw = (void *)&execsw1;
	p1.p_klist.first = c.p_klist ? (void *)&knote1 : NULL;
	TAILQ_INIT(&p1.p_sigpend.sp_info);
	p1.p_sigpend.sp_set = 1 << SIGCHLD;
	p1.p_oppid = 1;
	p1.p_path = c.p_path ? path1 : NULL;
	p1.p_sigctx.ps_faked = true;
	p1.p_sigctx.ps_sigpass = 0x10;
	p1.p_sigctx.ps_sigignore = 0x20;
	p1.p_sigctx.ps_sigcatch = 0x40;
	p1.p_nice = (u_char)c.p_nice;
	memcpy(p1.p_comm, "program", 8);
	p1.p_pgrp = &pgrp1;
	p1.p_xexit = 3;
	p1.p_xsig = 4;
	p1.p_acflag = 0x12;
#if REVISION < 1215
	if (c.call == 5) /* where fork1 left it for the newborn */
		*(c.p_lflag & PL_PPWAIT ? &p1.p_vfpid : &p1.p_fpid) = p1.p_pptr->p_pid;
#endif
	if (c.call == 5)
		p1.p_opptr = p1.p_pptr;

	memset(&l1, 0, sizeof l1);
	l1.l_cpu = &cpu;
	l1.l_stat = LSONPROC;
	l1.l_class = (int)c.l_class;
	l1.l_proc = &p1;
	cv_init(&l1.l_waitcv, "vfork");
	l1.l_vforkwaiting = c.l_vforkwaiting;
	l1.l_sigmask = (sigset_t)c.l_sigmask;
	l1.l_sigstk.ss_flags = (int)c.l_sigstk;
	l1.l_private = (void *)c.l_private;
	l1.l_cred = &cred_l;
	l1.l_fd = p1.p_fd;
	LIST_INSERT_HEAD(&p1.p_lwps, &l1, l_sibling);
	p1.p_sigwaiters.first = &l1;
	memset(&l2, 0, sizeof l2);
	curlwp = &l1;
}

static int64_t
held(void)
{
	return PROC_LOCK->owned | lock1.owned << 1 | lock2.owned << 2 |
	    ktrace_lock.owned << 3 |
	    (p2_there && p2.p_stmutex.ready == LOCK_READY && p2.p_stmutex.owned) << 4 |
	    l2.locked << 5 | (preempt != 0) << 6;
}

/* The pending signals, where the queue of them is well formed and empty. */
static int64_t
pending(const struct proc *p, const struct proc *at)
{
	return p->p_sigpend.sp_info.first == NULL &&
	    p->p_sigpend.sp_info.last == (void *)&at->p_sigpend.sp_info.first ?
	    (int64_t)p->p_sigpend.sp_set : -1;
}

#define PUT_LIST(head, field) do {				\
	__typeof__((head).first) at = (head).first;		\
	int n = 0;						\
	while (n < 4 && name(at) != 0) {			\
		*out++ = name(at);				\
		n++;						\
		if (name(at) == UNKNOWN || name(at) == STALE_NAME) \
			break;					\
		at = at->field.next;				\
	}							\
	for (; n < 4; n++)					\
		*out++ = 0;					\
} while (0)

int64_t *
world_record(int64_t *out)
{
	static struct proc nobody;
	static struct lwp no_lwp;
	struct proc *child = !p2_there ? &nobody : p2_gone ? &p2_before : &p2;
	struct lwp *newborn = l2.l_stat == 0 ? &no_lwp : &l2;
	struct {
		int64_t nprocs, forkfsleep, forks, forks_ppwait, forks_sharevm, count_l, count_p;
		int64_t held, nprocs_at_boot, forkfsleep_at_boot, retval0, retval1;
		int64_t lock1_refcnt, fd1_refcnt, cwdi1_refcnt, limit1_refcnt, sigacts1_refcnt;
		int64_t vmspace1_refcnt, textvp1_usecount, tracefile_refcnt, p_start;
		struct proclist allproc, init_children, tracer_children, members;
	} k = {
		nprocs, forkfsleep, cpu_count[CPU_COUNT_FORKS] + uvmexp.forks,
		cpu_count[CPU_COUNT_FORKS_PPWAIT] + uvmexp.forks_ppwait,
		cpu_count[CPU_COUNT_FORKS_SHAREVM] + uvmexp.forks_sharevm,
		proccnt[0], proccnt[1], held(), boot[0], boot[1], forkoracle_retval[0], forkoracle_retval[1],
		lock1.refcnt, fd1.fd_refcnt, cwdi1.cwdi_refcnt, limit1.pl_refcnt, sigacts1.sa_refcnt,
		vmspace1.vm_refcnt, textvp1.v_usecount, tracefile, stats_copied.p_start.tv_sec,
		allproc, init_.p_children, tracer.p_children, pgrp1.pg_members,
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
#define Q(object, field) *out++ = child == &nobody ? 0 : pending(child, &p2);
#include "record.def"
	return out;
}
