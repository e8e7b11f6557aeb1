/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constrained paths: from the ingress to every site, all paths that no other path beats.
 *
 * Label setting (Hansen 1980, Martins 1984): a label is dropped only when another one of the same node is no
 * worse in everything that can matter - price, delay, number of gateways, where a budget is given what the
 * links charge, where data move at whatever is free how wide the path is, where parts share links which of
 * the links that cannot carry them all it takes, and where a bound must be guaranteed what the ceilings of
 * each class sum up to. So the frontier of a node holds a best path for every bound and every choice of other
 * parts. A link is used when both directions exist and have the bandwidth free.
 */
#ifndef MAP_PATH_H
#define MAP_PATH_H

#include "base/arena.h"
#include "base/compiler.h"
#include "model/plan.h"
#include "view/view.h"
#include <stdbool.h>

enum { PATH_LABELS = 1 << 18 };

/* No time in a plan is longer than this (834 days): sums of them fit. */
#define PATH_TIME_MOST (INT64_MAX / 128)

/* The bound of a path on which some link promises none. */
#define PATH_NO_BOUND INT64_MAX

__extension__ typedef unsigned __int128 path_wide;

struct path_request {
	struct gateway_identity ingress;
	uint32_t parts;                /* that may share links */
	uint64_t rate_up, rate_down;   /* of one part: must be free */
	uint64_t total_up, total_down; /* of the demand: prices are taken at this use */
	bool moves_in, moves_out;      /* data travel without a rate asked for: at what is free */
	bool bounded;                  /* what links charge matters, not only their price */
	bool spot;                     /* they charge their price, as it was last known */
	bool guaranteed;               /* what they promise matters */
	int64_t bound;                 /* guaranteed: what the ceilings of all links may sum up to */
	bool use_suspects;
	int64_t now;
};

struct path_label {
	path_wide price, tariff;       /* of the rates asked for, all links: money x 10^-6 per second */
	int64_t delay;                 /* up + down */
	int64_t bounds[LINK_CLASSES];  /* ceilings per class, up + down; 0 where they do not matter */
	uint64_t width_up, width_down; /* least free on the way; UINT64_MAX where no data move at it */
	uint64_t scarce;               /* links taken that cannot carry all parts */
	uint32_t node;                 /* index in the view */
	uint32_t parent;               /* index of a label; PATH_LABELS at the ingress */
	uint32_t link, back;           /* index of the link taken at the parent, and of the one back to it */
	uint32_t hops;                 /* gateways so far */
	uint32_t next;                 /* next label of the node, in order of price; PATH_LABELS at the end */
};

struct path_frontier {
	struct path_label *labels;
	uint32_t count;
	uint32_t *first;      /* per node of the view: its cheapest label, or PATH_LABELS */
	bool complete;        /* no label was given up for want of room */
	bool scarce_complete; /* every scarce link has its own bit in path_label.scarce */
};

/* Whether links carry both directions as reserved traffic: only then do their ceilings hold for it. */
bool path_is_reserved(const struct path_request *request);

/* -ENOMEM (arena). NOT_FOUND when the ingress is not in the view. */
int path_search(const struct view *view, const struct path_request *request, struct arena *arena,
                struct path_frontier *ret_frontier) CHECKED;
/*
 * The path of a label, with prices, tariffs and rates. Its class is the loosest one
 * that all its links promise and, where guaranteed, that keeps to the bound: a tight class is left to those
 * who need it.
 */
void path_describe(const struct view *view, const struct path_request *request,
                   const struct path_frontier *frontier, uint32_t label, struct plan_path *ret_path);
/* On a path without bound: the first gateway on the way with whose link no class is left that all promise. */
struct gateway_identity path_unbounded(const struct view *view, const struct path_frontier *frontier,
                                       uint32_t label);
/* Whether a link that the path takes, in either direction, has values that are older than their validity. */
bool path_is_stale(const struct view *view, const struct path_request *request,
                   const struct path_frontier *frontier, uint32_t label);
/* The link of a gateway toward a neighbour; NULL when there is none. */
const struct link_offer *path_link(const struct site *from, struct gateway_identity toward);

/*
 * The most bandwidth that reaches a node, and who binds it: the widest path by the share of the rates
 * asked for, of any length. False when the node cannot be reached at all.
 */
bool path_widest(const struct view *view, const struct path_request *request, uint32_t target,
                 struct arena *arena, struct gateway_identity *ret_owner, uint64_t *ret_free,
                 uint64_t *ret_rate);

#endif
