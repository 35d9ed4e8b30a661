/* The log of a scenario: a line a step. */
#ifndef LOG_H
#define LOG_H

/* After the last step: says the log, and that this scenario is over. */
void finish_scenario(void);
/* The same for a scenario that cannot be read. */
void refuse_scenario(const char *wrong);
/* Gives each step that is not done its word: where the end came, and why. */
void settle_results(int hung_at);

#endif
