/* A process's own memory, but for a root that shares the director's. */
#include "own.h"

LARGE char given_stack[GIVEN_SIZE] __attribute__((aligned(GIVEN_SIZE)));
volatile i64 the_word;
LARGE char the_page[PAGE] __attribute__((aligned(PAGE)));
struct effort fork_took;
char self_path[PATH_SIZE], file_path[PATH_SIZE];

void *given_stack_top(void) { return given_stack + sizeof given_stack - 64; }
