/* The director: reads scenarios, has them played, and prints what was seen. */
#ifndef DIRECTOR_H
#define DIRECTOR_H

extern const char *external_name; /* the actor that another program plays */

/* The role of the director's process. */
void direct(void) __attribute__((noreturn));

#endif
