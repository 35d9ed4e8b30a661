/* The end of a scenario: nothing of it is left. */
#ifndef ENDING_H
#define ENDING_H

/* Waits until no child is left; after a second it gives up and sets io->left. */
void reap(void);
/* Ends every process of the scenario, and puts back what a step changed for the whole system. */
void clear_stage(void);

#endif
