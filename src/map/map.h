/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping: a demand and a view give a plan, with the reason for every site that lost.
 *
 * Pure and exact: among all sites and all loop-free paths (at most PLAN_HOPS gateways) the plan is the
 * one of least cost in the order of the demand's preference (prefer cost: price, latency: worst finish,
 * carbon: the sum over parts, with sites that do not state theirs last; then price, then finish, then fewer
 * parts, then identity) that meets every constraint; plan.exact says when a search limit was reached
 * before that was proven.
 *
 * Cost of a part = compute + storage + sum of link prices x bandwidth, at the prices that the plan
 * itself causes (each further part at a site pays the price after the parts before it, links are priced at
 * the whole demand's use), over the expected time. Parts of one demand are alike; split chooses how many and
 * where.
 *
 * Latencies: network = delay up + delay down of the path including the access link; respond
 * = network + start + run; finish = respond + transfer of data in and out at the bandwidth asked for
 * (or the narrowest free capacity on the path when none was asked for, which then must not be zero).
 *
 * Values that are older than their validity serve still, at the prices that view/age.h makes of them; a plan
 * that rests on such says so. What a run waits for at a site, by its last word, is a part of its start.
 *
 * Guarantees: a path is hard when both directions are reserved on its links, all of them promise a ceiling in
 * one class, and the access link promises one too; its bound is the sum of those. `network within T
 * guaranteed` needs a hard path with a bound of at most T, whatever is measured. Reservations travel in the
 * loosest class that serves: a tight one is left to those who need it.
 *
 * A reservation (`reserve for T`) starts and runs nothing: its time is T, its claims are its needs alone.
 * What an owner holds for it is soft state of at most PLAN_RESERVATION_LIFETIME, which is refreshed; what is
 * held of money covers T and PLAN_RESERVE_GRACE.
 *
 * Resources: the service's own cpu and memory, or more where `need` says so; `work` divides over parts and
 * runs at the part's rate: one core, or as many as finish/respond within demands (whole cores, at most what
 * is free). cpu.gflops of a part are cpu at the site's measured GFLOPS per core; who names both
 * gets the larger of the two, once. A part without a word on
 * memory has 128 MiB; a run without a word on time is expected to take a minute.
 *
 * Money: each claim is a charge rounded half up; so is the sum over the links of a path. What is held for
 * links is rounded up, plus one nano-unit per link and direction, because receipts round every line. Parts
 * at one site take their place in the order of the prices of their paths.
 */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include "base/arena.h"
#include "base/compiler.h"
#include "base/random.h"
#include "model/demand.h"
#include "model/plan.h"
#include "view/sight.h"
#include "view/view.h"

struct map_request {
	const struct demand *demand;
	struct gateway_identity ingress;
	struct gateway_identity site;   /* the only one that will do; none: any */
	const struct view_sight *sight; /* what may serve; others are not spoken of. NULL: all */
	int64_t access_up, access_down; /* one-way delays of the client's access link */
	int64_t access_ceiling_up, access_ceiling_down; /* what it takes at most; 0: none is promised */
	bool spot; /* tariff = scarcity price at decision time; else the site's tariff */
	int64_t now;
	struct random *random; /* draws among sites that are equal for a part; NULL: lowest identity */
};

/*
 * 0 when *ret_plan was filled, also when nothing is feasible: then plan.status is negative and reasons
 * say why. Otherwise -ENOMEM (arena), TOO_LARGE (more kinds than a plan's part claims) or NOT_FOUND (the
 * ingress is not in the view). The plan's arrays live in `arena`. Stages, affinity
 * and offload give status NOT_SUPPORTED.
 */
int map_demand(const struct view *view, const struct map_request *request, struct arena *arena,
               struct plan *ret_plan) CHECKED;

enum { MAP_REASON_TEXT = 160 };
/* "hpc-1: network 31.2 ms > 25 ms"; names from the view. Returns text. */
char *map_reason_text(const struct view *view, const struct plan_reason *reason, char text[MAP_REASON_TEXT]);
/* Stable machine word of a reason: "network", "price", ... */
const char *map_reason_name(enum plan_reason_kind kind);

#endif
