/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lateness: a histogram of how far behind their deadlines frames were sent.
 *
 * Buckets are log-linear over units of 256 ns: sixteen to every power of two, so that a quantile is at
 * most 1/16 (or one unit) above the truth. One process writes, another reads: fields are relaxed atomics,
 * and a reader may see a sample counted but not yet in a bucket.
 */
#ifndef LAB_LATENESS_H
#define LAB_LATENESS_H

#include <stdint.h>

enum { LATENESS_BUCKETS = 464 };

struct lateness {
	uint64_t count;
	uint64_t maximum; /* nanoseconds */
	uint64_t buckets[LATENESS_BUCKETS];
};

/* Negative values (sent early) count as 0. */
void lateness_add(struct lateness *lateness, int64_t nanoseconds);
/* The bound below which `millionths` of the samples lie; 0 without samples. Never above the maximum. */
int64_t lateness_quantile(const struct lateness *lateness, uint32_t millionths);
/* Adds what `from` holds. */
void lateness_merge(struct lateness *into, const struct lateness *from);

#endif
