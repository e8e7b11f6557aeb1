/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts: which candidate and path serve how many of `parts` equal parts.
 *
 * Prices at a site only rise with every further part, so the cheapest next part, taken again and again, is
 * the best distribution while sites are independent of each other. What joins them - links that several
 * paths share, and the budget - is checked afterwards; only when it binds, a branch and bound over the
 * numbers of parts per option decides, up to PARTS_STEPS.
 */
#ifndef MAP_PARTS_H
#define MAP_PARTS_H

#include "map/candidate.h"

enum { PARTS_STEPS = 1 << 20 };

/* What is minimised, first to last. */
struct score {
	int64_t primary; /* prefer latency: worst finish; prefer carbon: sum; prefer cost: 0 */
	money price;
	int64_t finish; /* worst */
};
int score_compare(const struct score *a, const struct score *b);

struct distribution {
	struct score score;
	money hold;
	const struct option **options; /* of each part, in the arena */
	uint32_t *ordinals;            /* how many parts its site has by then */
	bool exact;
};

/*
 * 1 and the best distribution, 0 when there is none. *ret_hold is then the least that any distribution
 * would hold if the budget alone was in the way, else 0.
 */
int parts_distribute(const struct job *job, const struct candidate *candidates, uint32_t count,
                     struct distribution *ret_distribution, money *ret_hold) CHECKED;

#endif
