/*
 * The way into the kernel: raw system calls, and forks whose child never
 * returns to the caller's stack.  One part for each machine.
 *
 * raw_syscall(nr, a0..a6) returns the result, or minus the error number.
 * raw_fork(nr, a0, a1, a2, stack, slot) returns both return registers of the
 * parent as one double word, low word first (a negative low word is minus the
 * error number).  The child calls child_main(its stack pointer, the parent's,
 * slot, a floating point register) on `stack`; the parent has put the slot into that register.  With slot -1 it exits with status 0 and touches no memory.
 *
 * Until then the child is on its parent's stack, which is shared, and a signal that it catches before
 * its first instruction leaves a frame there: so the call is made FAR_BELOW what the parent has on it.
 */
#ifdef __NetBSD__
#include <sys/syscall.h>
#else
#include <asm/unistd.h>
#endif

#include "arch.h"

#define FAR_BELOW "8192" /* bytes */

#ifdef __NetBSD__
#define IF_NETBSD(x) x
#define IF_LINUX(x)
#define EXIT_CALL QUOTED(SYS_exit)
#else
#define IF_NETBSD(x)
#define IF_LINUX(x) x
#define EXIT_CALL QUOTED(__NR_exit)
#endif

/* A line of the assembler's stays a line. */
/* clang-format off */
#if defined(__x86_64__)
__asm__(
	".text\n.globl raw_syscall\nraw_syscall:\n"
	"	mov %rdi,%rax\n	mov %rsi,%rdi\n	mov %rdx,%rsi\n	mov %rcx,%rdx\n"
	"	mov %r8,%r10\n	mov %r9,%r8\n	mov 8(%rsp),%r9\n"
	"	push 16(%rsp)\n	push $0\n"
	"	syscall\n"
	"	lea 16(%rsp),%rsp\n"
	IF_NETBSD("	jnc 1f\n	neg %rax\n1:")
	"	ret\n"

	".globl raw_fork\nraw_fork:\n"
	"	push %rbx\n	push %r12\n	push %r13\n"
	"	mov %r8,%rbx\n	mov %r9,%r12\n"
	"	sub $" FAR_BELOW ",%rsp\n	mov %rsp,%r13\n"
	"	mov %rdi,%rax\n	mov %rsi,%rdi\n	mov %rdx,%rsi\n	mov %rcx,%rdx\n"
	"	xor %r10d,%r10d\n	xor %r8d,%r8d\n"
	"	movq %r12,%xmm8\n"
	"	syscall\n"
	IF_NETBSD("	jc 1f\n")
	"	test %rax,%rax\n	jz 3f\n	jmp 2f\n"
	"1:	neg %rax\n"
	"2:	add $" FAR_BELOW ",%rsp\n	pop %r13\n	pop %r12\n	pop %rbx\n	ret\n"
	"3:	cmp $-1,%r12\n	je 4f\n"
	"	mov %rsp,%rdi\n	mov %r13,%rsi\n	mov %r12,%rdx\n	movq %xmm8,%rcx\n"
	"	mov %rbx,%rsp\n	xor %ebp,%ebp\n	call child_main\n"
	"4:	mov $" EXIT_CALL ",%eax\n	xor %edi,%edi\n	syscall\n	jmp 4b\n");
__asm__(".text\n.globl _start\n_start:\n	mov %rsp,%rdi\n"
		"	and $-16,%rsp\n	call probe_start\n");

#elif defined(__i386__)
__asm__(
	/* The caller's frame is just what the kernel wants, once `nr` is gone. */
	".text\n.globl raw_syscall\nraw_syscall:\n"
	"	pop %ecx\n	pop %eax\n	push %ecx\n	int $0x80\n"
	"	mov (%esp),%ecx\n	push %ecx\n"
	"	jnc 1f\n	neg %eax\n1:	ret\n"

	".globl raw_fork\nraw_fork:\n"
	"	push %ebx\n	push %esi\n	push %edi\n"
	"	mov 16(%esp),%eax\n	mov 32(%esp),%ebx\n	mov 36(%esp),%esi\n"
	"	mov 28(%esp),%edx\n	mov 24(%esp),%ecx\n	mov 20(%esp),%edi\n"
	"	sub $" FAR_BELOW ",%esp\n	push %ecx\n	push %edi\n	push $0\n"
	"	push %esi\n	fildl (%esp)\n	add $4,%esp\n"
	"	mov %esp,%edi\n	int $0x80\n	jc 1f\n"
	"	test %eax,%eax\n	jz 3f\n	jmp 2f\n"
	"1:	neg %eax\n"
	"2:	fstp %st(0)\n	add $(12+" FAR_BELOW "),%esp\n	pop %edi\n	pop %esi\n	pop %ebx\n	ret\n"
	"3:	cmp $-1,%esi\n	je 4f\n"
	"	mov %esp,%eax\n	mov %ebx,%esp\n	xor %ebp,%ebp\n"
	"	sub $4,%esp\n	fistpl (%esp)\n	push %esi\n	push %edi\n	push %eax\n	call child_main\n"
	"4:	push $0\n	push $0\n	mov $" EXIT_CALL ",%eax\n	int $0x80\n	jmp 4b\n");
__asm__(".text\n.globl _start\n_start:\n	mov %esp,%eax\n"
		"	and $-16,%esp\n	sub $12,%esp\n	push %eax\n	call probe_start\n");

#elif defined(__aarch64__)
#define NUMBER IF_NETBSD("x17") IF_LINUX("x8")
__asm__(
	".text\n.globl raw_syscall\nraw_syscall:\n"
	"	mov " NUMBER ",x0\n"
	"	mov x0,x1\n	mov x1,x2\n	mov x2,x3\n	mov x3,x4\n	mov x4,x5\n"
	"	mov x5,x6\n	mov x6,x7\n	svc #0\n"
	IF_NETBSD("	b.cc 1f\n	neg x0,x0\n1:")
	"	ret\n"

	".globl raw_fork\nraw_fork:\n"
	"	stp x29,x30,[sp,#-48]!\n	stp x19,x20,[sp,#16]\n	str x21,[sp,#32]\n"
	"	mov x19,x4\n	mov x20,x5\n	sub sp,sp,#" FAR_BELOW "\n	mov x21,sp\n"
	"	mov " NUMBER ",x0\n	mov x0,x1\n	mov x1,x2\n	mov x2,x3\n"
	"	mov x3,#0\n	mov x4,#0\n	fmov d16,x20\n	svc #0\n"
	IF_NETBSD("	b.cs 1f\n")
	"	cbz x0,3f\n	b 2f\n"
	"1:	neg x0,x0\n"
	"2:	add sp,sp,#" FAR_BELOW "\n	ldr x21,[sp,#32]\n	ldp x19,x20,[sp,#16]\n	ldp x29,x30,[sp],#48\n	ret\n"
	"3:	cmn x20,#1\n	b.eq 4f\n"
	"	mov x0,sp\n	mov x1,x21\n	mov x2,x20\n	fmov x3,d16\n	mov sp,x19\n"
	"	mov x29,#0\n	bl child_main\n"
	"4:	mov x0,#0\n	mov " NUMBER ",#" EXIT_CALL "\n	svc #0\n	b 4b\n");
__asm__(".text\n.globl _start\n_start:\n	mov x0,sp\n	bl probe_start\n");

#endif
/* clang-format on */
