/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates: what each site would do with one of `parts` equal parts of a demand, over each of its
 * unbeaten paths; or the first constraint that rules the site out.
 *
 * The rate rule: a part without `need cpu` runs on the least number of whole cores with which the site meets
 * every ceiling over its fastest path, one if there is no ceiling. All parts at a site run alike.
 */
#ifndef MAP_CANDIDATE_H
#define MAP_CANDIDATE_H

#include "map/map.h"
#include "map/path.h"

/* What a job of the mapper has for one number of parts. */
struct job {
	const struct view *view;
	const struct map_request *request;
	struct arena *arena;
	uint32_t parts;
	struct path_request path_request;
	struct path_frontier frontier;
};

/* One site over one path. */
struct option {
	uint32_t candidate;
	uint32_t label;
	int64_t transfer_in, transfer_out;
	int64_t network, respond, finish;
	int64_t limit, reserve;
	money link_price, link_tariff, link_hold; /* of one part: expected, and at most */
};

struct candidate {
	const struct site *site;
	const struct service_offer *service; /* NULL for `run` */
	struct plan_reason reason;           /* kind REASON_NONE: it can serve */
	uint32_t claim_count;
	struct plan_claim claims[PLAN_CLAIMS]; /* kinds and amounts of one part */
	int64_t start, time;
	money call_price, call_tariff;
	uint64_t carbon; /* of one part */
	uint32_t most;   /* parts that fit */
	uint32_t option_count;
	struct option *options;
};

/*
 * Every site with resources, in order of identity; candidates that cannot serve keep their reason. -ENOMEM,
 * TOO_LARGE.
 */
int candidate_list(const struct job *job, struct candidate **ret_candidates, uint32_t *ret_count) CHECKED;

/* Price, charge and worst charge of the `ordinal`-th part (1-based) at the candidate over the option. */
struct candidate_cost {
	money price, tariff, hold;
};
int candidate_cost(const struct job *job, const struct candidate *candidate, const struct option *option,
                   uint32_t ordinal, struct candidate_cost *ret_cost) CHECKED;
/* The part as the plan shows it. */
int candidate_part(const struct job *job, const struct candidate *candidate, const struct option *option,
                   uint32_t ordinal, struct plan_part *ret_part) CHECKED;

#endif
