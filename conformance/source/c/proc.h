/*
 * A process, an LWP, and what they share or copy, as small as they can be and still show what
 * fork1 did to them.  REVISION is that of the file, 1232 for 1.232.
 */
#ifndef FORKORACLE_PROC_H
#define FORKORACLE_PROC_H

#include "queue.h"
#include "types.h"

/* Locks. */
#define LOCK_READY 0x10c4
typedef struct kmutex {
	int ready, type, ipl, refcnt;
	bool owned, spin;
} kmutex_t;
typedef struct krwlock {
	int ready;
} krwlock_t;
typedef struct kcondvar {
	int ready;
	const char *wmesg;
} kcondvar_t;

#if REVISION >= 1226
extern kmutex_t proc_lock;
#else
extern kmutex_t *proc_lock;
#endif
extern kmutex_t ktrace_lock;

/* What a process shares or copies. */
typedef struct kauth_cred {
	uid_t cr_uid, cr_euid;
	int refcnt;
} *kauth_cred_t;

struct filedesc {
	int fd_refcnt;
	bool fd_foclose;
};

struct cwdinfo {
	int cwdi_refcnt;
};

struct rlimit {
	rlim_t rlim_cur, rlim_max;
};

struct plimit {
	struct rlimit pl_rlimit[12];
	bool pl_writeable;
	int pl_refcnt;
};

struct sigacts {
	int sa_refcnt;
};

struct vmspace {
	int vm_refcnt;
};

struct pstats {
	struct timeval p_start;
};

struct session {
	pid_t s_sid;
	void *s_ttyvp;
};

struct vnode {
	int v_usecount;
};

struct proc;
struct lwp;

struct emul {
	void (*e_proc_fork)(struct proc *, struct lwp *, int);
	void (*e_syscall_intern)(struct proc *);
};

struct execsw;
struct ras;
struct aioproc;
struct knote;
struct radix_tree {
	int unused;
};

LIST_HEAD(proclist, proc);
LIST_HEAD(lwplist, lwp);

struct pgrp {
	pid_t pg_id;
	struct session *pg_session;
	struct proclist pg_members;
};

typedef struct sigpend {
	struct {
		struct ksiginfo *first, **last;
	} sp_info;
	sigset_t sp_set;
} sigpend_t;

struct sigctx {
	bool ps_faked;
	struct {
		int _signo, _code, _event, _other;
	} ps_info;
	sigset_t ps_sigpass, ps_sigignore, ps_sigcatch;
};

typedef struct {
	int ss_flags;
} stack_t;

/* The order of the sections is sys/sys/proc.h's, as far as fork1 sees it. */
struct proc {
	LIST_ENTRY(proc) p_list;
	kmutex_t *p_lock;
	kcondvar_t p_waitcv, p_lwpcv;
	kauth_cred_t p_cred;
	struct filedesc *p_fd;
	struct cwdinfo *p_cwdi;
	struct pstats *p_stats;
	struct plimit *p_limit;
	struct vmspace *p_vmspace;
	struct sigacts *p_sigacts;
	struct aioproc *p_aio;
	u_int p_mqueue_cnt;
	int p_exitsig, p_flag, p_sflag, p_stflag;
	short p_slflag;
	char p_stat, p_lflag, p_trace_enabled;
	pid_t p_pid;
	LIST_ENTRY(proc) p_pglist;
	struct proc *p_pptr;
	LIST_ENTRY(proc) p_sibling;
	struct proclist p_children;
	struct lwplist p_lwps;
	struct ras *p_raslist;

#define p_startzero p_nlwps
	int p_nlwps, p_nrlwps;
	u_int p_nstopchild, p_waited;
	struct lwp *p_vforklwp;
	u_int p_forktime;
	struct proc *p_opptr;
	int p_traceflag;
	void *p_tracep;
	struct vnode *p_textvp;
	struct emul *p_emul;
	void *p_emuldata;
	const struct execsw *p_execsw;
	struct {
		struct knote *first;
	} p_klist;
	struct lwplist p_sigwaiters;
	sigpend_t p_sigpend;
	pid_t p_ppid, p_oppid;
	char *p_path;
#if REVISION < 1215
	pid_t p_fpid, p_vfpid, p_vfpid_done;
#endif

#define p_endzero p_startcopy
#define p_startcopy p_sigctx
	struct sigctx p_sigctx;
	u_char p_nice;
	char p_comm[17];
	struct pgrp *p_pgrp;
	int p_xexit;

#define p_endcopy p_xsig
	u_short p_xsig, p_acflag;
	kmutex_t p_auxlock, p_stmutex;
	krwlock_t p_reflock;
#if REVISION < 1223
	struct radix_tree p_lwptree;
	krwlock_t p_treelock;
#endif
};
#define p_rlimit p_limit->pl_rlimit
#define p_session p_pgrp->pg_session

struct schedstate_percpu {
	kmutex_t *spc_lwplock;
};
struct cpu_info {
	struct schedstate_percpu ci_schedstate;
};

struct lwp {
	struct cpu_info *l_cpu;
	int l_stat, l_class;
	lwpid_t l_lid;
	const char *l_name;
	struct proc *l_proc;
	kcondvar_t l_waitcv;
	const void *l_wchan;
	bool l_vforkwaiting;
	sigset_t l_sigmask;
	stack_t l_sigstk;
	void *l_private, *l_stack;
	kauth_cred_t l_cred;
	struct filedesc *l_fd;
	bool locked;
	LIST_ENTRY(lwp) l_sibling;
};
typedef struct lwp lwp_t;

extern struct proclist allproc;
extern struct proc *initproc;
extern struct lwp *curlwp;
extern int maxproc, hz, cold;
extern const char *panicstr;
#define curproc (curlwp->l_proc)
#define curcpu() (curlwp->l_cpu)

#endif
