/* SPDX-License-Identifier: Apache-2.0 */
/* Explain: the true reason, with its numbers, why a candidate of an outcome does not serve. */
#ifndef MAP_EXPLAIN_H
#define MAP_EXPLAIN_H

#include "map/parts.h"

/* What one number of parts led to. */
struct outcome {
	struct job job;
	struct candidate *candidates;
	uint32_t count;
	struct distribution distribution;
};

/*
 * Appends a reason for every candidate without a part. A candidate that could serve lost by the demand's
 * preference (price, latency or carbon: have is its own figure, need the worst chosen one's; equal figures
 * are a draw), or because links or budget have no room for it beside the other parts. -ENOMEM.
 */
int explain_outcome(const struct outcome *outcome, struct plan *plan) CHECKED;

#endif
