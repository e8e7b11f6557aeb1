/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates: what each site would do with one of `parts` equal parts of a demand, over each of its
 * unbeaten paths; or the first constraint that rules the site out.
 *
 * The rate rule: a part without `need cpu` runs on the least number of whole cores with which some path
 * meets every ceiling, one if there is no ceiling; a site where no number does is judged with all its free
 * cores. All parts at a site run alike.
 *
 * Figures that no real offer has are bounded: times by PATH_TIME_MOST, money by CANDIDATE_MONEY_MOST per
 * line. A candidate that would reach the latter cannot serve.
 */
#ifndef MAP_CANDIDATE_H
#define MAP_CANDIDATE_H

#include "map/map.h"
#include "map/path.h"

/* 2 million units of the currency: the sums over a demand's parts fit. */
#define CANDIDATE_MONEY_MOST (INT64_MAX >> 12)

/* What a job of the mapper has for one number of parts. */
struct job {
	const struct view *view;
	const struct map_request *request;
	struct arena *arena;
	uint32_t *steps; /* left for the searches of this demand */
	uint32_t parts;
	struct path_request path_request;
	struct path_frontier frontier;
	struct view_versions versions; /* of the demand's service */
};

/* One site over one path. */
struct option {
	uint32_t candidate;
	uint32_t label;
	int64_t transfer_in, transfer_out;
	int64_t network, respond, finish;
	int64_t bound; /* where one must be guaranteed: the least of the path; PATH_NO_BOUND: not hard */
	int64_t limit, reserve;
	int64_t claim_most, link_most;            /* that claim and links can be charged for */
	money link_price, link_tariff, link_hold; /* of one part: expected, and at most */
};

struct candidate {
	const struct site *site;
	const struct view_service *service; /* NULL for `run` */
	uint32_t staleness;                 /* of what the site has free and asks for it */
	struct plan_reason reason;          /* kind REASON_NONE: it can serve */
	uint32_t claim_count;
	struct plan_claim claims[PLAN_CLAIMS]; /* kinds and amounts of one part */
	int64_t start, time;
	int64_t least_network; /* of any path, up + down: as measured, where links declare too little */
	money call_price, call_tariff;
	uint64_t carbon;   /* of one part; 0: the site does not say */
	uint32_t most;     /* parts that fit */
	uint32_t tightest; /* the claim that limits them */
	uint32_t option_count;
	struct option *options;
};

/*
 * Every site with resources, in order of identity; candidates that cannot serve keep their reason. -ENOMEM,
 * TOO_LARGE.
 */
int candidate_list(struct job *job, struct candidate **ret_candidates, uint32_t *ret_count) CHECKED;

/* Price, charge and worst charge of the `ordinal`-th part (1-based) at the candidate over the option. */
struct candidate_cost {
	money price, tariff, hold;
};
struct candidate_cost candidate_cost(const struct job *job, const struct candidate *candidate,
                                     const struct option *option, uint32_t ordinal);
/* The part as the plan shows it. */
struct plan_part candidate_part(const struct job *job, const struct candidate *candidate,
                                const struct option *option, uint32_t ordinal);

/* Whether the site, or a link on the way, has values that are older than their validity. */
bool candidate_is_stale(const struct job *job, const struct candidate *candidate,
                        const struct option *option);

/* The option of least price among those that finish by `latest`, the faster of equals; NULL: none does. */
const struct option *candidate_cheapest(const struct candidate *candidate, int64_t latest);
/* Carbon for comparisons: what is not known counts as more than any known amount. */
int64_t candidate_carbon(const struct candidate *candidate);

#endif
