#include "calls.h"

vaddr_t uvm_uarea_alloc(void)
{
	NOTE(uvm_uarea_alloc, .nprocs = nprocs);
	return given.no_uarea ? 0 : (vaddr_t)&uarea;
}

void uvm_uarea_free(vaddr_t address) { NOTE(uvm_uarea_free, .uaddr = name((void *)address)); }

void uvm_proc_fork(struct proc *from, struct proc *to, bool shared)
{
	NOTE(uvm_proc_fork, .p1 = name(from), .p2 = name(to), .shared = shared);
	MUST_BE(from, &p1, "uvm_proc_fork: not the parent");
	MUST_BE(to, &p2, "uvm_proc_fork: not the child");
	if (shared) {
		to->p_vmspace = from->p_vmspace;
		from->p_vmspace->vm_refcnt++;
	} else {
		vmspace_copied.vm_refcnt = 1;
		to->p_vmspace = &vmspace_copied;
	}
}

void vref(struct vnode *vp)
{
	NOTE(vref, .vp = name(vp));
	vp->v_usecount++;
}
