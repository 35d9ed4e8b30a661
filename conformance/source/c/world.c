#include "world.h"

#include "calls.h"
#include "emul.h"
#include "rules.h"

static struct cpu_info cpu;

static void some_process(struct proc *p, pid_t pid, struct proc *parent)
{
	memset(p, 0, sizeof *p);
	p->p_pid = pid;
	p->p_pptr = parent;
	p->p_ppid = parent->p_pid;
	p->p_stat = SACTIVE;
	p->p_lock = &lock_other;
}

static void begin_counts(void)
{
	preempt = waits = 0;
	p2_there = p2_gone = stopped_once = false;
	maxproc = (int)given.maxproc;
	nprocs = (u_int)given.nprocs;
	forkfsleep = (int)given.forkfsleep;
	memset(cpu_count, 0, sizeof cpu_count);
	memset(&uvmexp, 0, sizeof uvmexp);
	count_l = (int)given.count;
	count_p = (int)given.count_p;
}

static void begin_locks(void)
{
	while (others_held > 0)
		others[--others_held]->owned = false;
	ready(PROC_LOCK);
	ready(&ktrace_lock);
	ready(&lock1);
	ready(&lock_other);
	memset(&lock2, STALE, sizeof lock2);
	lock2.owned = lock2.spin = false;
	tracefile = 1;
}

static void begin_lists(void)
{
	some_process(&init_, 1, &init_);
	some_process(&tracer, 50, &init_);
	some_process(&p1, 60, given.traced_by ? &tracer : &init_);
	some_process(&sibling, 61, &p1);
	some_process(&member, 62, &init_);
	allproc.first = NULL;
	LIST_INSERT_HEAD(&allproc, &init_, p_list);
	LIST_INSERT_HEAD(&allproc, &tracer, p_list);
	LIST_INSERT_HEAD(&allproc, &p1, p_list);
	LIST_INSERT_HEAD(&init_.p_children, &tracer, p_sibling);
	LIST_INSERT_HEAD(&p1.p_pptr->p_children, &p1, p_sibling);
	if (given.children)
		LIST_INSERT_HEAD(&p1.p_children, &sibling, p_sibling);
	pgrp1.pg_session = &session1;
	pgrp1.pg_id = session1.s_sid = 60;
	session1.s_ttyvp = given.s_ttyvp ? &session1 : NULL;
	pgrp1.pg_members.first = NULL;
	LIST_INSERT_HEAD(&pgrp1.pg_members, &p1, p_pglist);
	if (given.members)
		LIST_INSERT_AFTER(&p1, &member, p_pglist);
}

static void begin_shared(void)
{
	cred_l.cr_uid = (uid_t)given.l_ruid;
	cred_l.cr_euid = (uid_t)given.l_euid;
	cred_p.cr_uid = cred_p.cr_euid = (uid_t)given.p_ruid;
	cred_l.refcnt = cred_p.refcnt = 1;
	fd1.fd_refcnt = cwdi1.cwdi_refcnt = limit1.pl_refcnt = sigacts1.sa_refcnt = 1;
	vmspace1.vm_refcnt = textvp1.v_usecount = 1;
	fd1.fd_foclose = given.fd == 2;
	memset(limit1.pl_rlimit, 0, sizeof limit1.pl_rlimit);
	limit1.pl_rlimit[RLIMIT_NPROC].rlim_cur = (rlim_t)given.rlim_cur;
	limit1.pl_rlimit[RLIMIT_NPROC].rlim_max = ~0ul >> 1;
	limit1.pl_writeable = given.pl_writeable;
	emul1.e_proc_fork = given.e_proc_fork ? e_proc_fork : NULL;
	emul1.e_syscall_intern = e_syscall_intern;
	stats_copied.p_start.tv_sec = 0;
}

static void begin_process(void)
{
	cv_init(&p1.p_waitcv, "wait");
	p1.p_lock = &lock1;
	p1.p_cred = &cred_p;
	p1.p_fd = given.fd ? &fd1 : NULL;
	p1.p_cwdi = &cwdi1;
	p1.p_stats = &stats1;
	p1.p_limit = &limit1;
	p1.p_vmspace = &vmspace1;
	p1.p_sigacts = &sigacts1;
	p1.p_aio = given.p_aio ? (void *)&aio1 : NULL;
	p1.p_mqueue_cnt = (u_int)given.p_mqueue_cnt;
	p1.p_exitsig = SIGCHLD;
	p1.p_flag = (int)given.p_flag;
	p1.p_sflag = (int)given.p_sflag;
	p1.p_stflag = (int)given.p_stflag;
	p1.p_slflag = (short)given.p_slflag;
	p1.p_lflag = (char)given.p_lflag;
	p1.p_raslist = given.p_raslist ? (void *)&ras1 : NULL;
	p1.p_nlwps = p1.p_nrlwps = (int)given.p_nrlwps;
	p1.p_nstopchild = (u_int)given.p_nstopchild;
	p1.p_waited = 1;
	p1.p_forktime = 7;
	p1.p_opptr = given.call == FUNCTION_child_return ? p1.p_pptr : given.traced_by ? &init_ : NULL;
	p1.p_traceflag = (int)given.p_traceflag;
	p1.p_tracep = given.p_tracep ? &tracefile : NULL;
	p1.p_textvp = given.p_textvp ? &textvp1 : NULL;
	p1.p_emul = &emul1;
	p1.p_emuldata = &emuldata1;
	p1.p_execsw = (void *)&execsw1;
	p1.p_klist.first = given.p_klist ? (void *)&knote1 : NULL;
	TAILQ_INIT(&p1.p_sigpend.sp_info);
	p1.p_sigpend.sp_set = 1 << SIGCHLD;
	p1.p_oppid = 1;
	p1.p_path = given.p_path ? path1 : NULL;
	p1.p_sigctx.ps_faked = true;
	p1.p_sigctx.ps_sigpass = 0x10;
	p1.p_sigctx.ps_sigignore = 0x20;
	p1.p_sigctx.ps_sigcatch = 0x40;
	p1.p_nice = (u_char)given.p_nice;
	memcpy(p1.p_comm, "program", 8);
	p1.p_pgrp = &pgrp1;
	p1.p_xexit = 3;
	p1.p_xsig = 4;
	p1.p_acflag = 0x12;
#if REVISION < 1215
	if (given.call == FUNCTION_child_return) /* where fork1 left it for the newborn */
		*(given.p_lflag & PL_PPWAIT ? &p1.p_vfpid : &p1.p_fpid) = p1.p_pptr->p_pid;
#endif
}

static void begin_lwp(void)
{
	memset(&l1, 0, sizeof l1);
	l1.l_cpu = &cpu;
	l1.l_stat = LSONPROC;
	l1.l_lid = p1.p_pid;
	l1.l_class = (int)given.l_class;
	l1.l_proc = &p1;
	cv_init(&l1.l_waitcv, "vfork");
	l1.l_vforkwaiting = given.l_vforkwaiting;
	l1.l_sigmask = (sigset_t)given.l_sigmask;
	l1.l_sigstk.ss_flags = (int)given.l_sigstk;
	l1.l_private = (void *)given.l_private;
	l1.l_cred = &cred_l;
	l1.l_fd = p1.p_fd;
	LIST_INSERT_HEAD(&p1.p_lwps, &l1, l_sibling);
	p1.p_sigwaiters.first = &l1;
}

void world_begin(const int64_t *fields)
{
	memcpy(&given, fields, sizeof given);
	calls_begin();
	kmem_begin();
	begin_counts();
	begin_locks();
	begin_lists();
	begin_shared();
	begin_process();
	begin_lwp();
	memset(&p2, 0, sizeof p2);
	memset(&l2, 0, sizeof l2);
	curlwp = &l1;
	retval[0] = -7;
	retval[1] = -8;
	rules_forget();
}
