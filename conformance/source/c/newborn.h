/*
 * What becomes of the child while its parent sleeps.
 */
#ifndef FORKORACLE_NEWBORN_H
#define FORKORACLE_NEWBORN_H

/* The child has ended: its memory holds another process's from now on. */
void newborn_ends(void);

#endif
