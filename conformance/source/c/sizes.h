/*
 * The numbers of sizes.def.
 */
#ifndef FORKORACLE_SIZES_H
#define FORKORACLE_SIZES_H

enum {
#define SIZE(name, value) name = value,
#include "sizes.def"
#undef SIZE
};

#endif
