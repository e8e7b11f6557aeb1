/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time in nanoseconds. Pure rooms get `now` as a number; edges read it here or, in tests and
 * simulation, from a struct clock with its own function.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_MICROSECOND INT64_C(1000)
#define CLOCK_MILLISECOND INT64_C(1000000)
#define CLOCK_SECOND INT64_C(1000000000)

struct clock {
	int64_t (*wall)(void *context);      /* since 1970, may step */
	int64_t (*monotonic)(void *context); /* never steps back */
	void *context;
};

/* The host's clocks. */
extern const struct clock clock_system;

int64_t clock_wall(const struct clock *clock);
int64_t clock_monotonic(const struct clock *clock);

#endif
