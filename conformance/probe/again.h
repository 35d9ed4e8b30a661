/* The probe as the new program of an actor that has called exec: probe --again ACTOR STEP DESCRIPTOR. */
#ifndef AGAIN_H
#define AGAIN_H

#define AGAIN "--again"
enum { AGAIN_WORDS = 5, NOTHING_TO_READ = 0x7fffffff };

/* Where that program begins, with the words behind AGAIN. */
void begin_again(char **word) __attribute__((noreturn));

#endif
