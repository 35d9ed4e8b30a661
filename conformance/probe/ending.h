/* The end of a scenario: nothing of it is left. */
#ifndef ENDING_H
#define ENDING_H

/* Until no child is left, but for no longer than a second: then io->left says so. */
void reap(void);
/* Ends every process of the scenario, and puts back what a step changed for the whole system. */
void clear_stage(void);

#endif
