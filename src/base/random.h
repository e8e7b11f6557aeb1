/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded pseudo-random numbers (xoshiro256**) for choices and simulation; not for secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state[4];
};

/* Same seed, same sequence. */
void random_seed(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);
/* Uniform in 0..bound-1, without bias; bound must not be 0. */
uint64_t random_below(struct random *random, uint64_t bound);
/* Uniform in [0, 1). */
double random_unit(struct random *random);
void random_fill(struct random *random, void *bytes, size_t size);

/* Bytes from the system's generator, for seeds and keys; negative errno. */
int random_system(void *bytes, size_t size) CHECKED;

#endif
