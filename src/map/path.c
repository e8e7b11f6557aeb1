/* SPDX-License-Identifier: Apache-2.0 */
#include "map/path.h"

#include "base/clock.h"
#include "base/error.h"
#include "view/age.h"
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

/* rate x price, bounded so that the sum over a path cannot overflow. */
static path_wide rate_price(uint64_t rate, money price)
{
	path_wide product = (path_wide)rate * (uint64_t)MAXIMUM(price, 0), most = (path_wide)1 << 110;

	return MINIMUM(product, most);
}

static int64_t bounded_delay(int64_t delay)
{
	return delay < 0 ? 0 : MINIMUM(delay, PATH_TIME_MOST);
}

/* Free rate that a direction must have to be of use. */
static uint64_t least_free(uint64_t rate, bool moves)
{
	return rate == 0 && moves ? 1 : rate;
}

/* Whether no class's bound is better on the other path; none is where they do not matter. */
static bool bounds_no_worse(const struct path_label *a, const struct path_label *b)
{
	for (uint32_t class = 0; class < LINK_CLASSES; class ++)
		if (a->bounds[class] > b->bounds[class])
			return false;
	return true;
}

/* Settled labels of the node that are no worse in everything make a new one useless. */
static bool is_beaten(const struct path_request *request, const struct path_frontier *frontier,
                      const struct path_label *label)
{
	for (uint32_t i = frontier->first[label->node]; i != NONE; i = frontier->labels[i].next) {
		const struct path_label *settled = &frontier->labels[i];

		if (settled->price <= label->price && settled->delay <= label->delay &&
		    settled->hops <= label->hops && (!request->bounded || settled->tariff <= label->tariff) &&
		    settled->width_up >= label->width_up && settled->width_down >= label->width_down &&
		    (settled->scarce & ~label->scarce) == 0 &&
		    (!request->guaranteed || bounds_no_worse(settled, label)))
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

/* What one search has at hand. */
struct search {
	const struct view *view;
	const struct path_request *request;
	struct path_frontier frontier;
	struct queue queue;
	struct arena *arena;
	uint32_t room; /* of labels and queue */
	uint8_t *bits; /* per node and link: 1 + its bit among the scarce ones; NULL: there are none */
	uint32_t bit_count;
};

static const struct link_offer *link_back(const struct view *view, const struct site *from,
                                          const struct link_offer *link)
{
	const struct site *site = view_site(view, link->toward);

	return site == NULL ? NULL : path_link(site, from->identity);
}

/* Whether a link can be too narrow for all parts in either direction, whichever way each of them takes it. */
static bool is_scarce(const struct path_request *request, const struct link_offer *link,
                      const struct link_offer *back)
{
	path_wide most = (path_wide)request->parts * MAXIMUM(request->rate_up, request->rate_down);

	return link->free < most || back->free < most;
}

static int number_scarce_links(struct search *search)
{
	const struct path_request *request = search->request;
	size_t nodes = view_site_count(search->view);

	search->frontier.scarce_complete = true;
	if (request->parts <= 1 || (request->rate_up == 0 && request->rate_down == 0))
		return 0;
	search->bits = arena_array(search->arena, nodes, SITE_LINKS);
	if (search->bits == NULL)
		return -ENOMEM;
	for (size_t node = 0; node < nodes; node++) {
		const struct site *site = view_site_at(search->view, node);

		for (uint32_t i = 0; i < site->link_count; i++) {
			const struct link_offer *back = link_back(search->view, site, &site->links[i]);

			if (back == NULL || !is_scarce(request, &site->links[i], back))
				continue;
			if (search->bit_count == 64)
				search->frontier.scarce_complete = false;
			else
				search->bits[node * SITE_LINKS + i] = (uint8_t)++search->bit_count;
		}
	}
	return 0;
}

static uint64_t scarce_bit(const struct search *search, uint32_t node, uint32_t link)
{
	uint8_t bit = search->bits == NULL ? 0 : search->bits[(size_t)node * SITE_LINKS + link];

	return bit == 0 ? 0 : UINT64_C(1) << (bit - 1);
}

static uint64_t width_of(uint64_t rate, bool moves, uint64_t width, const struct link_offer *link)
{
	return rate == 0 && moves ? MINIMUM(width, link->free) : UINT64_MAX;
}

bool path_is_reserved(const struct path_request *request)
{
	return request->rate_up > 0 && request->rate_down > 0;
}

static void add_ceilings(const struct path_request *request, const struct path_label *label,
                         const struct link_offer *link, const struct link_offer *back,
                         int64_t bounds[LINK_CLASSES])
{
	for (uint32_t class = 0; class < LINK_CLASSES; class ++) {
		bool promised =
		        path_is_reserved(request) && link->ceilings[class] > 0 && back->ceilings[class] > 0;

		if (!promised || label->bounds[class] == PATH_NO_BOUND)
			bounds[class] = PATH_NO_BOUND;
		else
			bounds[class] = label->bounds[class] + bounded_delay(link->ceilings[class]) +
			                bounded_delay(back->ceilings[class]);
	}
}

static uint32_t link_staleness(const struct path_request *request, const struct site *owner)
{
	return view_staleness(&view_facts(owner)->structure, request->now);
}

struct link_cost {
	money price, tariff;
};

/* The price ages, what is charged does not. */
static struct link_cost link_cost(const struct path_request *request, const struct site *owner,
                                  const struct link_offer *link, uint64_t total)
{
	uint32_t staleness = link_staleness(request, owner);
	struct link_cost cost = {.price = view_link_price(link, total, staleness), .tariff = link->tariff};

	if (request->spot)
		cost.tariff = staleness == 0 ? cost.price : link_price(link, total);
	return cost;
}

/* Extends a label over one link; false when the link cannot be used. */
static bool extend(const struct search *search, const struct path_label *label, uint32_t link_index,
                   struct path_label *ret_label)
{
	const struct path_request *request = search->request;
	const struct site *from = view_site_at(search->view, label->node);
	const struct link_offer *link = &from->links[link_index];
	size_t target = 0;
	const struct site *site = view_site_and_index(search->view, link->toward, &target);
	const struct link_offer *back = site == NULL ? NULL : path_link(site, from->identity);
	struct link_cost up = {0}, down = {0};

	if (back == NULL || label->hops == PLAN_HOPS || !is_usable(search->view, request, site))
		return false;
	if (link->free < least_free(request->rate_up, request->moves_in) ||
	    back->free < least_free(request->rate_down, request->moves_out))
		return false;
	if (request->rate_up > 0)
		up = link_cost(request, from, link, request->total_up);
	if (request->rate_down > 0)
		down = link_cost(request, site, back, request->total_down);
	*ret_label = (struct path_label){
	        .price = label->price + rate_price(request->rate_up, up.price) +
	                 rate_price(request->rate_down, down.price),
	        .tariff = label->tariff + rate_price(request->rate_up, up.tariff) +
	                  rate_price(request->rate_down, down.tariff),
	        .delay = label->delay + bounded_delay(link->delay) + bounded_delay(back->delay),
	        .width_up = width_of(request->rate_up, request->moves_in, label->width_up, link),
	        .width_down = width_of(request->rate_down, request->moves_out, label->width_down, back),
	        .scarce = label->scarce | scarce_bit(search, label->node, link_index),
	        .node = (uint32_t)target,
	        .link = link_index,
	        .back = (uint32_t)(back - site->links),
	        .hops = label->hops + 1,
	};
	if (request->guaranteed)
		add_ceilings(request, label, link, back, ret_label->bounds);
	return true;
}

static void expand(struct search *search, uint32_t index)
{
	struct path_frontier *frontier = &search->frontier;
	const struct site *site = view_site_at(search->view, frontier->labels[index].node);

	for (uint32_t i = 0; i < site->link_count; i++) {
		struct path_label label;

		if (!extend(search, &frontier->labels[index], i, &label) ||
		    is_beaten(search->request, frontier, &label))
			continue;
		label.parent = index;
		frontier->labels[frontier->count] = label;
		push(&search->queue, frontier->count++);
	}
}

/* Few labels are ever needed in a small view. */
static uint32_t most_labels(const struct view *view)
{
	size_t most = 4096 + 64 * view_site_count(view);

	return (uint32_t)MINIMUM(most, (size_t)PATH_LABELS);
}

/* Twice the room; what was there before stays with the arena until it is reset. */
static int grow(struct search *search)
{
	size_t nodes = view_site_count(search->view);
	uint32_t first = nodes < SITE_LINKS ? 2 * SITE_LINKS : 8 * SITE_LINKS;
	uint32_t room = search->room == 0 ? first : 2 * search->room;
	struct path_label *labels = arena_array(search->arena, room, sizeof(*labels));
	uint32_t *items = arena_array(search->arena, room, sizeof(*items));

	if (labels == NULL || items == NULL)
		return -ENOMEM;
	if (search->room > 0) {
		memcpy(labels, search->frontier.labels, search->frontier.count * sizeof(*labels));
		memcpy(items, search->queue.items, search->queue.count * sizeof(*items));
	}
	search->frontier.labels = labels;
	search->queue.labels = labels;
	search->queue.items = items;
	search->room = room;
	return 0;
}

static int open_search(struct search *search)
{
	struct path_frontier *frontier = &search->frontier;
	size_t nodes = view_site_count(search->view);
	int code = grow(search);

	if (code < 0)
		return code;
	frontier->complete = true;
	frontier->first = arena_array(search->arena, nodes, sizeof(*frontier->first));
	if (frontier->first == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < nodes; i++)
		frontier->first[i] = NONE;
	return number_scarce_links(search);
}

/* Settles the next label and extends it, unless there are too many already. */
static int step(struct search *search)
{
	struct path_frontier *frontier = &search->frontier;
	uint32_t index = pop(&search->queue);
	int code = 0;

	if (is_beaten(search->request, frontier, &frontier->labels[index]))
		return 0;
	settle(frontier, index);
	if (frontier->count + SITE_LINKS > most_labels(search->view)) {
		frontier->complete = false;
		return 0;
	}
	if (frontier->count + SITE_LINKS > search->room)
		code = grow(search);
	if (code == 0)
		expand(search, index);
	return code;
}

int path_search(const struct view *view, const struct path_request *request, struct arena *arena,
                struct path_frontier *ret_frontier)
{
	struct search search = {.view = view, .request = request, .arena = arena};
	struct path_frontier *frontier = &search.frontier;
	int ingress = view_site_index(view, request->ingress);
	int code = ingress < 0 ? ingress : open_search(&search);

	if (code < 0)
		return code;
	frontier->labels[frontier->count++] = (struct path_label){.node = (uint32_t)ingress,
	                                                          .parent = NONE,
	                                                          .hops = 1,
	                                                          .width_up = UINT64_MAX,
	                                                          .width_down = UINT64_MAX};
	push(&search.queue, 0);
	while (search.queue.count > 0 && code == 0)
		code = step(&search);
	if (code == 0)
		*ret_frontier = *frontier;
	return code;
}

/* The links of a path as they are offered: links[i] joins the gateways i and i + 1, backs[i] the other way.
 */
struct route {
	uint32_t hops;
	const struct site *sites[PLAN_HOPS];
	const struct link_offer *links[PLAN_HOPS], *backs[PLAN_HOPS];
};

static void find_route(const struct view *view, const struct path_frontier *frontier, uint32_t index,
                       struct route *route)
{
	const struct path_label *label = &frontier->labels[index];

	route->hops = label->hops;
	route->sites[label->hops - 1] = view_site_at(view, label->node);
	for (uint32_t hop = label->hops - 1; hop-- > 0;) {
		const struct path_label *parent = &frontier->labels[label->parent];

		route->sites[hop] = view_site_at(view, parent->node);
		route->links[hop] = &route->sites[hop]->links[label->link];
		route->backs[hop] = &route->sites[hop + 1]->links[label->back];
		label = parent;
	}
}

struct gateway_identity path_unbounded(const struct view *view, const struct path_frontier *frontier,
                                       uint32_t label)
{
	const struct gateway_identity nobody = {0};
	uint32_t left = (1U << LINK_CLASSES) - 1; /* a bit for each class that all links so far promise */
	struct route route;

	find_route(view, frontier, label, &route);
	for (uint32_t step = 0; step < 2 * (route.hops - 1); step++) {
		bool up = step % 2 == 0;
		const struct link_offer *link = up ? route.links[step / 2] : route.backs[step / 2];

		for (uint32_t class = 0; class < LINK_CLASSES; class ++)
			if (link->ceilings[class] <= 0)
				left &= ~(1U << class);
		if (left == 0)
			return route.sites[up ? step / 2 : step / 2 + 1]->identity;
	}
	return nobody;
}

bool path_is_stale(const struct view *view, const struct path_request *request,
                   const struct path_frontier *frontier, uint32_t label)
{
	struct route route;

	find_route(view, frontier, label, &route);
	for (uint32_t hop = 0; hop < route.hops && route.hops > 1; hop++)
		if (link_staleness(request, route.sites[hop]) > 0)
			return true;
	return false;
}

/* Ceilings of a class summed up in both directions; false when some link promises none. */
static bool sum_ceilings(const struct route *route, uint32_t class, int64_t *ret_up, int64_t *ret_down)
{
	int64_t up = 0, down = 0;

	for (uint32_t i = 0; i + 1 < route->hops; i++) {
		if (route->links[i]->ceilings[class] <= 0 || route->backs[i]->ceilings[class] <= 0)
			return false;
		up += bounded_delay(route->links[i]->ceilings[class]);
		down += bounded_delay(route->backs[i]->ceilings[class]);
	}
	*ret_up = up;
	*ret_down = down;
	return true;
}

static void choose_class(const struct path_request *request, const struct route *route,
                         struct plan_path *path)
{
	path->measured = route->hops > 1 && !path_is_reserved(request);
	for (uint32_t class = LINK_CLASSES; class -- > 0;) {
		int64_t up, down;

		if (!sum_ceilings(route, class, &up, &down) ||
		    (request->guaranteed && up + down > request->bound))
			continue;
		path->class = class;
		path->bound_up = up;
		path->bound_down = down;
		return;
	}
	path->measured = true;
}

static struct plan_link describe_link(const struct path_request *request, const struct route *route,
                                      uint32_t hop, uint32_t class)
{
	const struct link_offer *link = route->links[hop], *back = route->backs[hop];
	struct link_cost up = link_cost(request, route->sites[hop], link, request->total_up);
	struct link_cost down = link_cost(request, route->sites[hop + 1], back, request->total_down);

	return (struct plan_link){.price = up.price,
	                          .back_price = down.price,
	                          .tariff = up.tariff,
	                          .back_tariff = down.tariff,
	                          .delay = bounded_delay(link->delay),
	                          .back_delay = bounded_delay(back->delay),
	                          .least = bounded_delay(link->least),
	                          .back_least = bounded_delay(back->least),
	                          .ceiling = bounded_delay(link->ceilings[class]),
	                          .back_ceiling = bounded_delay(back->ceilings[class])};
}

/* Rounded half up, like every charge. */
static money per_second(path_wide price)
{
	path_wide rounded = (price + LINK_PRICE_SCALE / 2) / LINK_PRICE_SCALE;

	return rounded > INT64_MAX ? INT64_MAX : (money)rounded;
}

void path_describe(const struct view *view, const struct path_request *request,
                   const struct path_frontier *frontier, uint32_t label, struct plan_path *ret_path)
{
	struct plan_path path = {.hop_count = frontier->labels[label].hops,
	                         .rate_up = request->rate_up,
	                         .rate_down = request->rate_down,
	                         .price = per_second(frontier->labels[label].price)};
	struct route route;

	find_route(view, frontier, label, &route);
	choose_class(request, &route, &path);
	for (uint32_t hop = 0; hop < path.hop_count; hop++)
		path.hops[hop] = route.sites[hop]->identity;
	for (uint32_t hop = 0; hop + 1 < path.hop_count; hop++) {
		path.links[hop] = describe_link(request, &route, hop, path.class);
		path.delay_up += path.links[hop].delay;
		path.delay_down += path.links[hop].back_delay;
	}
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
		size_t target = 0;
		const struct site *far = view_site_and_index(view, site->links[i].toward, &target);
		const struct link_offer *back = far == NULL ? NULL : path_link(far, site->identity);
		struct width width;

		if (back == NULL || !is_usable(view, request, far))
			continue;
		width = narrow(widths[node], &site->links[i],
		               least_free(request->rate_up, request->moves_in));
		width = narrow(width, back, least_free(request->rate_down, request->moves_out));
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
