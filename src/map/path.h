/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constrained paths: from the ingress to every site, all paths that no other path beats.
 *
 * Label setting (Hansen 1980, Martins 1984): a label is dropped only when another one of the same node is no
 * worse in everything that can matter - price, delay, number of gateways, where a budget is given what the
 * links charge, where data move at whatever is free how wide the path is, and where parts share links which
 * of the links that cannot carry them all it takes. So the frontier of a node holds a best path for every
 * bound and every choice of other parts. A link is used when both directions exist and have the bandwidth
 * free.
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

__extension__ typedef unsigned __int128 path_wide;

struct path_request {
	struct gateway_identity ingress;
	uint32_t parts;                /* that may share links */
	uint64_t rate_up, rate_down;   /* of one part: must be free */
	uint64_t total_up, total_down; /* of the demand: prices are taken at this use */
	bool moves_in, moves_out;      /* data travel without a rate asked for: at what is free */
	bool bounded;                  /* what links charge matters, not only their price */
	bool use_suspects;
	int64_t now;
};

struct path_label {
	path_wide price, tariff; /* of the rates asked for, all links: money x 10^-6 per second */
	int64_t delay;           /* up + down */
	int64_t up, down;
	uint64_t width_up, width_down; /* least free on the way; UINT64_MAX where no data move at it */
	uint64_t scarce;               /* links taken that cannot carry all parts */
	uint32_t node;                 /* index in the view */
	uint32_t parent;               /* index of a label; PATH_LABELS at the ingress */
	uint32_t link, back;           /* index of the link taken at the parent, and of the one back to it */
	uint32_t hops;                 /* gateways so far */
	bool measured;
	uint32_t next; /* next label of the node, in order of price; PATH_LABELS at the end */
};

struct path_frontier {
	struct path_label *labels;
	uint32_t count;
	uint32_t *first;      /* per node of the view: its cheapest label, or PATH_LABELS */
	bool complete;        /* no label was given up for want of room */
	bool scarce_complete; /* every scarce link has its own bit in path_label.scarce */
};

/* -ENOMEM (arena). NOT_FOUND when the ingress is not in the view. */
int path_search(const struct view *view, const struct path_request *request, struct arena *arena,
                struct path_frontier *ret_frontier) CHECKED;
/* The path of a label, with prices, tariffs and rates. `spot`: tariff = price. */
void path_describe(const struct view *view, const struct path_request *request,
                   const struct path_frontier *frontier, uint32_t label, bool spot,
                   struct plan_path *ret_path);
/* The links that both directions of a path use; NULL when there is none. */
const struct link_offer *path_link(const struct site *from, struct gateway_identity toward);

/*
 * The most bandwidth that reaches a node, and who binds it: the widest path by the share of the rates
 * asked for, of any length. False when the node cannot be reached at all.
 */
bool path_widest(const struct view *view, const struct path_request *request, uint32_t target,
                 struct arena *arena, struct gateway_identity *ret_owner, uint64_t *ret_free,
                 uint64_t *ret_rate);

#endif
