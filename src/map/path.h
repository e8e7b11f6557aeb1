/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constrained paths: from the ingress to every site, all paths that no other path beats.
 *
 * Label setting over (price, delay, hops): a label is dropped only when another one of the same node is no
 * worse in all three, so the frontier of a node holds a cheapest path for every delay bound (Hansen 1980,
 * Martins 1984). A link is used when both directions exist and have the bandwidth free.
 */
#ifndef MAP_PATH_H
#define MAP_PATH_H

#include "base/arena.h"
#include "base/compiler.h"
#include "model/plan.h"
#include "view/view.h"
#include <stdbool.h>

enum { PATH_LABELS = 1 << 18 };

struct path_request {
	struct gateway_identity ingress;
	uint64_t rate_up, rate_down;   /* of one part: must be free */
	uint64_t total_up, total_down; /* of the demand: prices are taken at this use */
	bool use_suspects;
	int64_t now;
};

struct path_label {
	money price;   /* per second */
	int64_t delay; /* up + down */
	int64_t up, down;
	uint32_t node;   /* index in the view */
	uint32_t parent; /* index of a label; PATH_LABELS at the ingress */
	uint32_t hops;   /* gateways so far */
	bool measured;
	uint32_t next; /* next label of the node, in order of price; PATH_LABELS at the end */
};

struct path_frontier {
	struct path_label *labels;
	uint32_t count;
	uint32_t *first; /* per node of the view: its cheapest label, or PATH_LABELS */
	bool complete;   /* no label was given up for want of room */
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
 * asked for. False when the node cannot be reached at all.
 */
bool path_widest(const struct view *view, const struct path_request *request, uint32_t target,
                 struct arena *arena, struct gateway_identity *ret_owner, uint64_t *ret_free,
                 uint64_t *ret_rate);

#endif
