/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limit: how many probes a second a reflector looks at, of one source and of all.
 *
 * A leaky bucket is one number, the time at which it will be empty (GCRA). Sources share LIMIT_SOURCES
 * buckets by a keyed hash of their address: nobody can aim at the bucket of another, and no number of sources
 * takes more memory.
 */
#ifndef PROBE_LIMIT_H
#define PROBE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { LIMIT_SOURCES = 1024 };

struct limit {
	uint64_t seed;
	int64_t source_step, source_most, total_step, total_most; /* ns */
	int64_t total;                                            /* empty at */
	int64_t sources[LIMIT_SOURCES];
};

/* Rates a second, at least 1; at once comes what a quarter of a second holds, one at least. */
void limit_init(struct limit *limit, uint32_t source_rate, uint32_t total_rate, uint64_t seed);
/* False when it is one too many; `now` of a clock that never steps back. */
bool limit_take(struct limit *limit, const uint8_t source[16], int64_t now);

#endif
