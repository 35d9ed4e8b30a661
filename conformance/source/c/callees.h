/*
 * What kern_fork.c calls, by the file of sys/kern that the real one is in.  Each has a stand-in
 * in a file of that name here, or in subr.c.
 */
#ifndef FORKORACLE_CALLEES_H
#define FORKORACLE_CALLEES_H

#include "proc.h"
#include "subr_kmem.h"
#include "subr_prf.h"

/* kern_auth.c */
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

/* kern_descrip.c and vfs_cwd.c */
void fd_share(struct proc *);
struct filedesc *fd_init(struct filedesc *);
struct filedesc *fd_copy(void);
void cwdshare(struct proc *);
struct cwdinfo *cwdinit(void);

/* kern_event.c */
void knote_proc_fork(struct proc *, struct proc *);
void forkoracle_knote(void *, long);
#define KNOTE(list, hint) forkoracle_knote(list, hint)

/* kern_exit.c */
void proc_changeparent(struct proc *, struct proc *);

/* kern_ktrace.c */
void ktradref(struct proc *);
bool forkoracle_ktrpoint(int);
#define ktrpoint(facility) forkoracle_ktrpoint(facility)
void forkoracle_ktrsysret(int, int, const register_t *);
#define ktrsysret(code, error, values) forkoracle_ktrsysret(code, error, (const register_t *)(values))

/* kern_lwp.c */
int lwp_create(struct lwp *, struct proc *, vaddr_t, int, void *, size_t, void (*)(void *), void *, struct lwp **, int,
    const sigset_t *, const stack_t *);
void lwp_lock(struct lwp *);
int lwp_locked(struct lwp *, kmutex_t *);
void lwp_unlock(struct lwp *);
void lwp_unlock_to(struct lwp *, kmutex_t *);
void md_child_return(struct lwp *);

/* kern_mutex.c, kern_mutex_obj.c, kern_rwlock.c and kern_condvar.c */
void mutex_init(kmutex_t *, int, int);
void mutex_enter(kmutex_t *);
void mutex_exit(kmutex_t *);
int mutex_tryenter(kmutex_t *);
int mutex_owned(const kmutex_t *);
void mutex_destroy(kmutex_t *);
void mutex_spin_enter(kmutex_t *);
void mutex_spin_exit(kmutex_t *);
kmutex_t *mutex_obj_alloc(int, int);
void mutex_obj_hold(kmutex_t *);
void rw_init(krwlock_t *);
void cv_init(kcondvar_t *, const char *);
void cv_broadcast(kcondvar_t *);
void cv_signal(kcondvar_t *);
void cv_wait(kcondvar_t *, kmutex_t *);

/* kern_proc.c and kern_uidinfo.c */
struct proc *proc_alloc(void);
int chgproccnt(uid_t, int);
#if REVISION < 1223
void radix_tree_init_tree(struct radix_tree *);
#endif

/* kern_ras.c */
#define __HAVE_RAS
void ras_fork(struct proc *, struct proc *);

/* kern_resource.c */
void lim_addref(struct plimit *);
struct plimit *lim_copy(struct plimit *);
struct pstats *pstatscopy(struct pstats *);

/* kern_sig.c */
struct sigacts *sigactsinit(struct proc *, int);
#if REVISION >= 1214
void eventswitch(int, int, int);
#else
void eventswitch(int);
#endif
void eventswitchchild(struct proc *, int, int);

/* kern_synch.c, kern_clock.c and sched_4bsd.c */
int kpause(const char *, bool, int, kmutex_t *);
void setrunnable(struct lwp *);
void sched_enqueue(struct lwp *, bool);
void sched_proc_fork(struct proc *, struct proc *);
void startprofclock(struct proc *);

/* kern_syscall.c */
int trace_is_enabled(struct proc *);
#define __HAVE_SYSCALL_INTERN

/* uvm_glue.c, and vref() of vfs_vnode.c */
vaddr_t uvm_uarea_alloc(void);
void uvm_uarea_free(vaddr_t);
void uvm_proc_fork(struct proc *, struct proc *, bool);
void vref(struct vnode *);

/* subr_*.c, kern_hook.c, kern_time.c, kern_tc.c, and macros of headers */
u_int atomic_inc_uint_nv(volatile u_int *);
void atomic_inc_uint(volatile u_int *);
void atomic_dec_uint(volatile u_int *);
u_int atomic_dec_uint_nv(volatile u_int *);
u_int atomic_add_int_nv(volatile u_int *, int);
void atomic_add_int(volatile u_int *, int);
void atomic_or_uint(volatile u_int *, u_int);
void atomic_and_uint(volatile u_int *, u_int);
u_int atomic_cas_uint(volatile u_int *, u_int, u_int);
u_int atomic_swap_uint(volatile u_int *, u_int);
#define atomic_load_relaxed(place) (*(place))
#define atomic_load_acquire(place) (*(place))
#define atomic_load_consume(place) (*(place))
#define atomic_store_relaxed(place, value) ((void)(*(place) = (value)))
#define atomic_store_release(place, value) ((void)(*(place) = (value)))
#define membar_acquire() __sync_synchronize()
#define membar_release() __sync_synchronize()
#define membar_producer() __sync_synchronize()
#define membar_consumer() __sync_synchronize()
#define membar_sync() __sync_synchronize()
#define membar_enter() __sync_synchronize()
#define membar_exit() __sync_synchronize()
int ratecheck(struct timeval *, const struct timeval *);
void tablefull(const char *, const char *);
char *kmem_strdupsize(const char *, size_t *, int);
void doforkhooks(struct proc *, struct proc *);
void getmicrotime(struct timeval *);
void getnanotime(struct timespec *);
void getbinuptime(struct bintime *);
#define SDT_PROVIDER_DECLARE(...) struct forkoracle_sdt
#define SDT_PROVIDER_DEFINE(...) struct forkoracle_sdt
#define SDT_PROBE_DECLARE(...) struct forkoracle_sdt
#define SDT_PROBE_DEFINE0(...) struct forkoracle_sdt
#define SDT_PROBE_DEFINE1(...) struct forkoracle_sdt
#define SDT_PROBE_DEFINE2(...) struct forkoracle_sdt
#define SDT_PROBE_DEFINE3(...) struct forkoracle_sdt
#define SDT_PROBE_DEFINE4(...) struct forkoracle_sdt
#define SDT_PROBE_DEFINE5(...) struct forkoracle_sdt
#define SDT_PROBE(provider, module, function, name, a, b, c, d, e)                                          \
	forkoracle_sdt_probe(#provider ":" #module ":" #function ":" #name, (uintptr_t)(a), (uintptr_t)(b), \
	    (uintptr_t)(c), (uintptr_t)(d), (uintptr_t)(e))
#define SDT_PROBE0(provider, module, function, name) SDT_PROBE(provider, module, function, name, 0, 0, 0, 0, 0)
#define SDT_PROBE1(provider, module, function, name, a) SDT_PROBE(provider, module, function, name, a, 0, 0, 0, 0)
#define SDT_PROBE2(provider, module, function, name, a, b) SDT_PROBE(provider, module, function, name, a, b, 0, 0, 0)
#define SDT_PROBE3(provider, module, function, name, a, b, c) SDT_PROBE(provider, module, function, name, a, b, c, 0, 0)
#define SDT_PROBE4(provider, module, function, name, a, b, c, d) \
	SDT_PROBE(provider, module, function, name, a, b, c, d, 0)
#define SDT_PROBE5(provider, module, function, name, a, b, c, d, e) \
	SDT_PROBE(provider, module, function, name, a, b, c, d, e)
void forkoracle_sdt_probe(const char *, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);
#define CPU_COUNT_FORKS 0
#define CPU_COUNT_FORKS_PPWAIT 1
#define CPU_COUNT_FORKS_SHAREVM 2
void forkoracle_cpu_count(int, int);
void forkoracle_kpreempt(struct lwp *, int);
#define CPU_COUNT(which, difference) forkoracle_cpu_count(which, difference)
#define KPREEMPT_DISABLE(l) forkoracle_kpreempt(l, 1)
#define KPREEMPT_ENABLE(l) forkoracle_kpreempt(l, -1)
#define kpreempt_disable() forkoracle_kpreempt(curlwp, 1)
#define kpreempt_enable() forkoracle_kpreempt(curlwp, -1)
int cpu_number(void);
extern struct uvmexp {
	int forks, forks_ppwait, forks_sharevm;
} uvmexp;

#endif
