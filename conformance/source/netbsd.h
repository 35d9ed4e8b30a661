/*
 * What kern_fork.c 1.213 to 1.232 uses of NetBSD's headers, and no more.
 *
 * Each header that it includes leads here (build.py makes them).  The names and
 * the numbers are NetBSD's, the numbers come from reference_model/language/netbsd.py in
 * constants.h; what they stand for is as small as it can be and still show what
 * was done to it.  REVISION is that of the file, 1232 for 1.232.
 */
#ifndef FORKORACLE_NETBSD_H
#define FORKORACLE_NETBSD_H

#include "constants.h"

#define NULL ((void *)0)
#define true 1
#define false 0
#define bool _Bool
#define INFTIM (-1)

typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int, uint;
typedef unsigned long u_long, size_t, vaddr_t, uintptr_t, uint64_t, rlim_t, sigset_t;
typedef long register_t, int64_t, time_t, intptr_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned int uid_t;
typedef int pid_t;

struct timeval {
	time_t tv_sec;
	int tv_usec;
};

void *memset(void *, int, size_t);
void *memcpy(void *, const void *, size_t);

/* Annotations that mean nothing here. */
#define __KERNEL_RCSID(number, id) struct forkoracle_rcsid
#define __cacheline_aligned
#define __read_mostly
#define __unused __attribute__((__unused__))
#define __predict_false(condition) (condition)
#define __predict_true(condition) (condition)
#define SET(word, bits) ((word) |= (bits))
#define CLR(word, bits) ((word) &= ~(bits))
#define ISSET(word, bits) ((word) & (bits))

/* KASSERT: a failure ends the call, and says which. */
void forkoracle_panic(const char *, int) __attribute__((__noreturn__));
#ifdef FORKORACLE_PLAIN /* for comparing object code: no texts, no lines */
#define KASSERT(condition) ((condition) ? (void)0 : forkoracle_panic("", 0))
#else
#define KASSERT(condition) \
	((condition) ? (void)0 : forkoracle_panic("KASSERT(" #condition ")", __LINE__))
#endif

/* Lists, with a head that knows its first entry and entries that know their neighbours. */
#define LIST_HEAD(name, type) struct name { struct type *first; }
#define LIST_ENTRY(type) struct { struct type *next, **here; }
#define LIST_INIT(head) ((void)((head)->first = NULL))
#define LIST_INSERT_HEAD(head, element, field) do {			\
	(element)->field.next = (head)->first;				\
	(element)->field.here = &(head)->first;				\
	if ((head)->first != NULL)					\
		(head)->first->field.here = &(element)->field.next;	\
	(head)->first = (element);					\
} while (0)
#define LIST_INSERT_AFTER(old, element, field) do {			\
	(element)->field.next = (old)->field.next;			\
	(element)->field.here = &(old)->field.next;			\
	if ((old)->field.next != NULL)					\
		(old)->field.next->field.here = &(element)->field.next;	\
	(old)->field.next = (element);					\
} while (0)
#define LIST_REMOVE(element, field) do {				\
	if ((element)->field.next != NULL)				\
		(element)->field.next->field.here = (element)->field.here; \
	*(element)->field.here = (element)->field.next;			\
} while (0)
#define SLIST_EMPTY(head) ((head)->first == NULL)
#define TAILQ_INIT(head) do {						\
	(head)->first = NULL;						\
	(head)->last = &(head)->first;					\
} while (0)

/* Locks: who enters leaves, and an uninitialised one is noticed. */
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

void mutex_init(kmutex_t *, int, int);
void mutex_enter(kmutex_t *);
void mutex_exit(kmutex_t *);
void mutex_spin_enter(kmutex_t *);
void mutex_spin_exit(kmutex_t *);
kmutex_t *mutex_obj_alloc(int, int);
void mutex_obj_hold(kmutex_t *);
void rw_init(krwlock_t *);
void cv_init(kcondvar_t *, const char *);
void cv_wait(kcondvar_t *, kmutex_t *);

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
	struct session *pg_session;
	struct proclist pg_members;
};

typedef struct sigpend {
	struct { struct ksiginfo *first, **last; } sp_info;
	sigset_t sp_set;
} sigpend_t;

struct sigctx {
	bool ps_faked;
	struct { int _signo, _code, _event, _other; } ps_info;
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
	struct { struct knote *first; } p_klist;
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
extern int maxproc;
extern int forkfsleep;
extern u_int nprocs;

/* System calls' arguments. */
struct sys___clone_args {
	struct { int datum; } flags;
	struct { void *datum; } stack;
};
#define SCARG(args, name) ((args)->name.datum)
#define syscallarg(type) type

/* Counting. */
u_int atomic_inc_uint_nv(volatile u_int *);
void atomic_inc_uint(volatile u_int *);
void atomic_dec_uint(volatile u_int *);
int chgproccnt(uid_t, int);
#define CPU_COUNT_FORKS 0
#define CPU_COUNT_FORKS_PPWAIT 1
#define CPU_COUNT_FORKS_SHAREVM 2
void forkoracle_cpu_count(int, int);
void forkoracle_kpreempt(struct lwp *, int);
#define CPU_COUNT(which, difference) forkoracle_cpu_count(which, difference)
#define KPREEMPT_DISABLE(l) forkoracle_kpreempt(l, 1)
#define KPREEMPT_ENABLE(l) forkoracle_kpreempt(l, -1)
extern struct uvmexp {
	int forks, forks_ppwait, forks_sharevm;
} uvmexp;

/* Authority. */
#define KAUTH_PROCESS_FORK 3
#define KAUTH_PROCESS_RLIMIT 9
#define KAUTH_REQ_PROCESS_RLIMIT_GET 1
#define KAUTH_REQ_PROCESS_RLIMIT_SET 2
#define KAUTH_REQ_PROCESS_RLIMIT_BYPASS 3
#define KAUTH_ARG(value) ((void *)(unsigned long)(value))
int kauth_authorize_process(kauth_cred_t, int, struct proc *, void *, void *, void *);
uid_t kauth_cred_getuid(kauth_cred_t);
uid_t kauth_cred_geteuid(kauth_cred_t);
void kauth_proc_fork(struct proc *, struct proc *);

/* Everything else that kern_fork.c calls. */
int ratecheck(struct timeval *, const struct timeval *);
void tablefull(const char *, const char *);
int kpause(const char *, bool, int, kmutex_t *);
vaddr_t uvm_uarea_alloc(void);
void uvm_uarea_free(vaddr_t);
struct proc *proc_alloc(void);
#define __HAVE_RAS
void ras_fork(struct proc *, struct proc *);
void vref(struct vnode *);
#define KM_SLEEP 1
char *kmem_strdupsize(const char *, size_t *, int);
void fd_share(struct proc *);
struct filedesc *fd_init(struct filedesc *);
struct filedesc *fd_copy(void);
void cwdshare(struct proc *);
struct cwdinfo *cwdinit(void);
void lim_addref(struct plimit *);
struct plimit *lim_copy(struct plimit *);
void ktradref(struct proc *);
bool forkoracle_ktrpoint(int);
#define ktrpoint(facility) forkoracle_ktrpoint(facility)
struct sigacts *sigactsinit(struct proc *, int);
void sched_proc_fork(struct proc *, struct proc *);
struct pstats *pstatscopy(struct pstats *);
void uvm_proc_fork(struct proc *, struct proc *, bool);
int lwp_create(struct lwp *, struct proc *, vaddr_t, int, void *, size_t, void (*)(void *), void *,
    struct lwp **, int, const sigset_t *, const stack_t *);
void doforkhooks(struct proc *, struct proc *);
#define SDT_PROVIDER_DECLARE(provider) struct forkoracle_sdt
#define SDT_PROBE_DEFINE3(provider, module, function, name, a, b, c) struct forkoracle_sdt
#define SDT_PROBE(provider, module, function, name, a, b, c, d, e) \
	forkoracle_sdt_probe(#provider ":" #module ":" #function ":" #name, a, b, c)
void forkoracle_sdt_probe(const char *, struct proc *, struct proc *, int);
void proc_changeparent(struct proc *, struct proc *);
int trace_is_enabled(struct proc *);
#define __HAVE_SYSCALL_INTERN
void knote_proc_fork(struct proc *, struct proc *);
void forkoracle_knote(void *, long);
#define KNOTE(list, hint) forkoracle_knote(list, hint)
void startprofclock(struct proc *);
void getmicrotime(struct timeval *);
void lwp_lock(struct lwp *);
void lwp_unlock(struct lwp *);
void lwp_unlock_to(struct lwp *, kmutex_t *);
void setrunnable(struct lwp *);
void sched_enqueue(struct lwp *, bool);
#if REVISION < 1223
void radix_tree_init_tree(struct radix_tree *);
#endif
#if REVISION >= 1214
void eventswitch(int, int, int);
#else
void eventswitch(int);
#endif
void eventswitchchild(struct proc *, int, int);
void md_child_return(struct lwp *);
void forkoracle_ktrsysret(int, int, const register_t *);
#define ktrsysret(code, error, values) forkoracle_ktrsysret(code, error, (const register_t *)(values))

/* kern_fork.c's own. */
int fork1(struct lwp *, int, int, void *, size_t, void (*)(void *), void *, register_t *);
int sys_fork(struct lwp *, const void *, register_t *);
int sys_vfork(struct lwp *, const void *, register_t *);
int sys___vfork14(struct lwp *, const void *, register_t *);
int sys___clone(struct lwp *, const struct sys___clone_args *, register_t *);
void child_return(void *);

#endif
