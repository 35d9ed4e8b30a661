/*
 * Where a process begins: its slot says which role it has, and which actor it plays if it plays one.
 * probe.c has the functions that begin a process or an LWP, as it alone knows all roles.
 */
#ifndef BIRTH_H
#define BIRTH_H

#include "os.h"

enum role {
	ROLE_ACTOR, /* a step gave birth to it */
	ROLE_TRACED, /* so did `spawn`: it is to be traced */
	ROLE_ROOT, /* it is there from the start */
	ROLE_DIRECTOR,
	ROLE_TRIAL, /* it only tries how a fork behaves: see roots.c */
	ROLE_PROGRAM, /* it becomes a program that is none of ours: see errand.c */
};

enum { SLOT_OF_NONE = -1 }; /* a child that exits at once: raw_fork has it do so */
#define SLOT(role, actor) ((long)(role) * MAX_ACTORS + (actor))
#define ROLE_IN(slot) ((enum role)((slot) / MAX_ACTORS))
#define ACTOR_IN(slot) ((int)((slot) % MAX_ACTORS))

/* Where a second LWP begins, on the stack of the actor that it plays. */
void lwp_main(void);

#endif
