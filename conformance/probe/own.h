/* What each process has for itself, unlike the stage: stage.c says where it lies. */
#ifndef OWN_H
#define OWN_H

#include "os.h"
#include "scenario.h"

enum { GIVEN_SIZE = 4096 };

extern char given_stack[GIVEN_SIZE]; /* for __clone with `own` */
extern volatile i64 the_word; /* of `store` and `load` */
extern char the_page[PAGE]; /* of `page_store`, `page_load` and `minherit` */
extern struct effort fork_took; /* this process's last fork */
extern char self_path[PATH_SIZE], file_path[PATH_SIZE]; /* what `exec` becomes, and what `open` opens */

void *given_stack_top(void);

#endif
