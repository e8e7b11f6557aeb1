/* SPDX-License-Identifier: Apache-2.0 */
#include "map/path.h"

#include "base/clock.h"
#include "base/error.h"
#include <errno.h>
#include <string.h>

#define NONE PATH_LABELS

/* Labels that wait, as a binary heap of their indices. */
struct queue {
	struct path_label *labels;
	uint32_t *items;
	uint32_t count;
};

static bool comes_before(const struct path_label *a, const struct path_label *b)
{
	if (a->price != b->price)
		return a->price < b->price;
	if (a->delay != b->delay)
		return a->delay < b->delay;
	return a->hops < b->hops;
}

static bool item_before(const struct queue *queue, uint32_t a, uint32_t b)
{
	return comes_before(&queue->labels[queue->items[a]], &queue->labels[queue->items[b]]);
}

static void swap_items(struct queue *queue, uint32_t a, uint32_t b)
{
	uint32_t item = queue->items[a];

	queue->items[a] = queue->items[b];
	queue->items[b] = item;
}

static void push(struct queue *queue, uint32_t label)
{
	uint32_t at = queue->count++;

	queue->items[at] = label;
	while (at > 0 && item_before(queue, at, (at - 1) / 2)) {
		swap_items(queue, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static uint32_t pop(struct queue *queue)
{
	uint32_t top = queue->items[0], at = 0;

	queue->items[0] = queue->items[--queue->count];
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < queue->count && item_before(queue, child + 1, child))
			child++;
		if (child >= queue->count || !item_before(queue, child, at))
			return top;
		swap_items(queue, at, child);
		at = child;
	}
}

const struct link_offer *path_link(const struct site *from, struct gateway_identity toward)
{
	for (uint32_t i = 0; i < from->link_count; i++)
		if (gateway_equal(from->links[i].toward, toward))
			return &from->links[i];
	return NULL;
}

static money rate_price(const struct link_offer *link, uint64_t rate, uint64_t total)
{
	money charge;

	if (rate == 0)
		return 0;
	if (money_charge(rate, LINK_PRICE_SCALE, CLOCK_SECOND, link_price(link, total), &charge) < 0)
		return INT64_MAX / 4;
	return charge;
}

/* Settled labels of the node that are no worse in everything make a new one useless. */
static bool is_beaten(const struct path_frontier *frontier, const struct path_label *label)
{
	for (uint32_t i = frontier->first[label->node]; i != NONE; i = frontier->labels[i].next) {
		const struct path_label *settled = &frontier->labels[i];

		if (settled->price <= label->price && settled->delay <= label->delay &&
		    settled->hops <= label->hops)
			return true;
	}
	return false;
}

/* Labels settle in order of price: a new one goes last. */
static void settle(struct path_frontier *frontier, uint32_t index)
{
	uint32_t *place = &frontier->first[frontier->labels[index].node];

	while (*place != NONE)
		place = &frontier->labels[*place].next;
	frontier->labels[index].next = NONE;
	*place = index;
}

static bool is_usable(const struct view *view, const struct path_request *request, const struct site *site)
{
	return request->use_suspects || view_suspected(view, site->identity, request->now) == 0;
}

/* Extends a label over one link; false when the link cannot be used. */
static bool extend(const struct view *view, const struct path_request *request, const struct site *from,
                   const struct link_offer *link, const struct path_label *label,
                   struct path_label *ret_label)
{
	int target = view_site_index(view, link->toward);
	const struct site *site = target < 0 ? NULL : view_site_at(view, (size_t)target);
	const struct link_offer *back = site == NULL ? NULL : path_link(site, from->identity);

	if (back == NULL || label->hops == PLAN_HOPS || !is_usable(view, request, site))
		return false;
	if (link->free < request->rate_up || back->free < request->rate_down)
		return false;
	*ret_label = (struct path_label){
	        .price = label->price + rate_price(link, request->rate_up, request->total_up) +
	                 rate_price(back, request->rate_down, request->total_down),
	        .delay = label->delay + link->delay + back->delay,
	        .up = label->up + link->delay,
	        .down = label->down + back->delay,
	        .node = (uint32_t)target,
	        .hops = label->hops + 1,
	        .measured = label->measured || link->ceiling == 0 || back->ceiling == 0,
	};
	return true;
}

static void expand(const struct view *view, const struct path_request *request,
                   struct path_frontier *frontier, struct queue *queue, uint32_t index)
{
	const struct site *site = view_site_at(view, frontier->labels[index].node);

	for (uint32_t i = 0; i < site->link_count; i++) {
		struct path_label label;

		if (!extend(view, request, site, &site->links[i], &frontier->labels[index], &label) ||
		    is_beaten(frontier, &label))
			continue;
		label.parent = index;
		frontier->labels[frontier->count] = label;
		push(queue, frontier->count++);
	}
}

/* Room grows with the view: few labels are ever needed in a small one. */
static uint32_t label_room(const struct view *view)
{
	size_t room = 4096 + 64 * view_site_count(view);

	return (uint32_t)MINIMUM(room, (size_t)PATH_LABELS);
}

int path_search(const struct view *view, const struct path_request *request, struct arena *arena,
                struct path_frontier *ret_frontier)
{
	int ingress = view_site_index(view, request->ingress);
	size_t nodes = view_site_count(view);
	uint32_t room = label_room(view);
	struct path_frontier frontier = {.complete = true};
	struct queue queue;

	if (ingress < 0)
		return ingress;
	frontier.labels = arena_array(arena, room, sizeof(*frontier.labels));
	frontier.first = arena_array(arena, nodes, sizeof(*frontier.first));
	queue = (struct queue){.labels = frontier.labels,
	                       .items = arena_array(arena, room, sizeof(*queue.items))};
	if (frontier.labels == NULL || frontier.first == NULL || queue.items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < nodes; i++)
		frontier.first[i] = NONE;
	frontier.labels[0] = (struct path_label){.node = (uint32_t)ingress, .parent = NONE, .hops = 1};
	frontier.count = 1;
	push(&queue, 0);
	while (queue.count > 0) {
		uint32_t index = pop(&queue);

		if (is_beaten(&frontier, &frontier.labels[index]))
			continue;
		settle(&frontier, index);
		if (frontier.count + SITE_LINKS > room) {
			frontier.complete = false;
			continue;
		}
		expand(view, request, &frontier, &queue, index);
	}
	*ret_frontier = frontier;
	return 0;
}

static struct plan_link describe_link(const struct path_request *request, const struct link_offer *link,
                                      const struct link_offer *back, bool spot)
{
	struct plan_link described = {.price = link_price(link, request->total_up),
	                              .back_price = link_price(back, request->total_down)};

	described.tariff = spot ? described.price : link->tariff;
	described.back_tariff = spot ? described.back_price : back->tariff;
	return described;
}

void path_describe(const struct view *view, const struct path_request *request,
                   const struct path_frontier *frontier, uint32_t label, bool spot,
                   struct plan_path *ret_path)
{
	const struct path_label *last = &frontier->labels[label];
	struct plan_path path = {.hop_count = last->hops,
	                         .delay_up = last->up,
	                         .delay_down = last->down,
	                         .rate_up = request->rate_up,
	                         .rate_down = request->rate_down,
	                         .price = last->price,
	                         .measured = last->measured};

	for (uint32_t hop = last->hops; hop-- > 0; label = frontier->labels[label].parent)
		path.hops[hop] = view_site_at(view, frontier->labels[label].node)->identity;
	for (uint32_t hop = 0; hop + 1 < path.hop_count; hop++)
		path.links[hop] =
		        describe_link(request, path_link(view_site(view, path.hops[hop]), path.hops[hop + 1]),
		                      path_link(view_site(view, path.hops[hop + 1]), path.hops[hop]), spot);
	*ret_path = path;
}

/* Width of a node on the widest path so far, as a share of the rates asked for. */
struct width {
	double share;
	struct gateway_identity owner;
	uint64_t free, rate;
	bool done;
};

static double share_of(uint64_t free, uint64_t rate)
{
	return rate == 0 ? 1e300 : (double)free / (double)rate;
}

static struct width narrow(struct width width, const struct link_offer *link, uint64_t rate)
{
	double share = share_of(link->free, rate);

	if (share < width.share)
		width = (struct width){.share = share, .owner = link->from, .free = link->free, .rate = rate};
	width.done = false;
	return width;
}

static void widen_neighbours(const struct view *view, const struct path_request *request,
                             struct width *widths, uint32_t node)
{
	const struct site *site = view_site_at(view, node);

	for (uint32_t i = 0; i < site->link_count; i++) {
		int target = view_site_index(view, site->links[i].toward);
		const struct link_offer *back =
		        target < 0 ? NULL : path_link(view_site_at(view, (size_t)target), site->identity);
		struct width width;

		if (back == NULL || !is_usable(view, request, view_site_at(view, (size_t)target)))
			continue;
		width = narrow(narrow(widths[node], &site->links[i], request->rate_up), back,
		               request->rate_down);
		if (!widths[target].done && width.share > widths[target].share)
			widths[target] = width;
	}
}

bool path_widest(const struct view *view, const struct path_request *request, uint32_t target,
                 struct arena *arena, struct gateway_identity *ret_owner, uint64_t *ret_free,
                 uint64_t *ret_rate)
{
	size_t nodes = view_site_count(view);
	struct width *widths = arena_array(arena, nodes, sizeof(*widths));
	int ingress = view_site_index(view, request->ingress);

	if (widths == NULL || ingress < 0)
		return false;
	for (size_t i = 0; i < nodes; i++)
		widths[i].share = -1;
	widths[ingress].share = 1e300;
	for (;;) {
		uint32_t best = (uint32_t)nodes;

		for (uint32_t i = 0; i < nodes; i++)
			if (!widths[i].done && widths[i].share >= 0 &&
			    (best == nodes || widths[i].share > widths[best].share))
				best = i;
		if (best == nodes || best == target)
			break;
		widths[best].done = true;
		widen_neighbours(view, request, widths, best);
	}
	if (widths[target].share < 0)
		return false;
	*ret_owner = widths[target].owner;
	*ret_free = widths[target].free;
	*ret_rate = widths[target].rate;
	return true;
}
