/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts: which candidate and path serve how many of `parts` equal parts.
 *
 * Prices at a site only rise with every further part, so the cheapest next part, taken again and again, is
 * the best distribution while sites are independent of each other. What joins them - links that several
 * paths share, and the budget - is checked afterwards; only when it binds, a branch and bound over the
 * numbers of parts per option decides, up to the demand's PARTS_STEPS.
 */
#ifndef MAP_PARTS_H
#define MAP_PARTS_H

#include "map/candidate.h"

enum { PARTS_STEPS = 1 << 18 };

/* What is minimised, first to last. */
struct score {
	int64_t primary; /* prefer latency: worst finish; prefer carbon: sum; prefer cost: 0 */
	money price;
	int64_t finish; /* worst */
};
int score_compare(const struct score *a, const struct score *b);

struct distribution {
	bool found;
	bool exact; /* nothing better exists, or nothing at all when none was found */
	struct score score;
	money hold;
	const struct option **options; /* of each part, in the arena */
	uint32_t *ordinals;            /* how many parts its site has by then */
	/* When the budget alone was in the way: the least that any distribution holds; else 0. */
	money least_hold;
};

/* The best distribution; among equal sites one drawn by the request's random, else the first. -ENOMEM. */
int parts_distribute(const struct job *job, const struct candidate *candidates, uint32_t count,
                     struct distribution *ret_distribution) CHECKED;

#endif
