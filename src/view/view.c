/* SPDX-License-Identifier: Apache-2.0 */
#include "view/view.h"

#include "base/error.h"
#include "base/slab.h"
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* One gateway: what it announced, and the same with the local reservations taken off. */
struct node {
	struct site announced;
	struct site shown;
};

/* A decision of this ingress that the owner's own values do not show yet. */
struct reservation {
	struct gateway_identity owner;
	bool link;
	enum resource_kind kind;
	struct gateway_identity toward;
	uint64_t amount;
	int64_t decided, until;
};

struct suspect {
	struct gateway_identity owner;
	int error;
	int64_t until;
};

struct view {
	struct view_limits limits;
	struct slab *slab;
	struct node **nodes; /* ordered by identity */
	size_t node_count;
	struct service_offer *services; /* ordered by name, version, site */
	size_t service_count;
	struct reservation *reservations;
	size_t reservation_count;
	struct suspect *suspects;
	size_t suspect_count;
};

struct view *view_create(const struct view_limits *limits)
{
	struct view *view = calloc(1, sizeof(*view));

	if (view == NULL)
		return NULL;
	view->limits = *limits;
	view->slab = slab_create(sizeof(struct node), limits->sites);
	view->nodes = calloc(limits->sites, sizeof(*view->nodes));
	view->services = calloc(limits->services, sizeof(*view->services));
	view->reservations = calloc(limits->reservations, sizeof(*view->reservations));
	view->suspects = calloc(limits->suspects, sizeof(*view->suspects));
	if (view->slab == NULL || view->nodes == NULL || view->services == NULL ||
	    view->reservations == NULL || view->suspects == NULL)
		return view_free(view);
	return view;
}

struct view *view_free(struct view *view)
{
	if (view == NULL)
		return NULL;
	for (size_t i = 0; i < view->node_count; i++)
		slab_release(view->slab, view->nodes[i]);
	slab_free(view->slab);
	free(view->nodes);
	free(view->services);
	free(view->reservations);
	free(view->suspects);
	free(view);
	return NULL;
}

/* Position of an identity, or of the first greater one. */
static size_t find_place(const struct view *view, struct gateway_identity identity)
{
	size_t low = 0, high = view->node_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (gateway_compare(view->nodes[middle]->announced.identity, identity) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int view_site_index(const struct view *view, struct gateway_identity identity)
{
	size_t place = find_place(view, identity);

	if (place == view->node_count || !gateway_equal(view->nodes[place]->announced.identity, identity))
		return BUSBAR_ERROR_NOT_FOUND;
	return (int)place;
}

static struct node *find_node(const struct view *view, struct gateway_identity identity)
{
	int index = view_site_index(view, identity);

	return index < 0 ? NULL : view->nodes[index];
}

static uint64_t less(uint64_t amount, uint64_t taken)
{
	return amount > taken ? amount - taken : 0;
}

static struct resource_offer *find_offer(struct site *site, enum resource_kind kind)
{
	for (uint32_t i = 0; i < site->resource_count; i++)
		if (site->resources[i].kind == kind)
			return &site->resources[i];
	return NULL;
}

/*
 * cpu and cpu.gflops are the same cores (book.h): what is taken of one is taken of both, with the book's own
 * rounding, so that never more is shown than the owner would grant.
 */
static void subtract_resource(struct site *site, enum resource_kind kind, uint64_t amount)
{
	const wide scale = resource_descriptions[RESOURCE_CPU].scale, speed = site->gflops_per_core;
	struct resource_offer *offer = find_offer(site, kind), *cpu = find_offer(site, RESOURCE_CPU);
	struct resource_offer *gflops = find_offer(site, RESOURCE_CPU_GFLOPS);

	if (offer != NULL)
		offer->free = less(offer->free, amount);
	if (cpu == NULL || gflops == NULL || speed == 0 || (offer != cpu && offer != gflops))
		return;
	if (offer == gflops) {
		wide cores = ((wide)amount * scale + speed - 1) / speed;

		cpu->free = cores > cpu->free ? 0 : cpu->free - (uint64_t)cores;
	}
	gflops->free = MINIMUM(gflops->free, (uint64_t)MINIMUM((wide)cpu->free * speed / scale, UINT64_MAX));
}

static void subtract(struct node *node, const struct reservation *reservation)
{
	struct site *site = &node->shown;

	if (site->measured > reservation->decided)
		return; /* the owner's values show it */
	if (!reservation->link) {
		subtract_resource(site, reservation->kind, reservation->amount);
		return;
	}
	for (uint32_t i = 0; i < site->link_count; i++)
		if (gateway_equal(site->links[i].toward, reservation->toward))
			site->links[i].free = less(site->links[i].free, reservation->amount);
}

static void show(struct view *view, struct node *node)
{
	node->shown = node->announced;
	for (size_t i = 0; i < view->reservation_count; i++)
		if (gateway_equal(view->reservations[i].owner, node->announced.identity))
			subtract(node, &view->reservations[i]);
}

int view_put_site(struct view *view, const struct site *site)
{
	size_t place = find_place(view, site->identity);
	struct node *node = find_node(view, site->identity);

	if (node != NULL && site->measured < node->announced.measured)
		return BUSBAR_ERROR_STALE;
	if (node == NULL) {
		node = slab_take(view->slab);
		if (node == NULL)
			return BUSBAR_ERROR_TABLE_FULL;
		memmove(view->nodes + place + 1, view->nodes + place,
		        (view->node_count - place) * sizeof(*view->nodes));
		view->nodes[place] = node;
		view->node_count++;
	}
	node->announced = *site;
	show(view, node);
	return 0;
}

static void remove_services_of(struct view *view, struct gateway_identity identity)
{
	size_t kept = 0;

	for (size_t i = 0; i < view->service_count; i++)
		if (!gateway_equal(view->services[i].site, identity))
			view->services[kept++] = view->services[i];
	view->service_count = kept;
}

int view_remove_site(struct view *view, struct gateway_identity identity)
{
	int index = view_site_index(view, identity);

	if (index < 0)
		return index;
	remove_services_of(view, identity);
	slab_release(view->slab, view->nodes[index]);
	view->node_count--;
	memmove(view->nodes + index, view->nodes + index + 1,
	        (view->node_count - (size_t)index) * sizeof(*view->nodes));
	return 0;
}

static int compare_services(const struct service_offer *a, const struct service_offer *b)
{
	int order = strcmp(a->name, b->name);

	if (order == 0)
		order = strcmp(a->version, b->version);
	return order != 0 ? order : gateway_compare(a->site, b->site);
}

static int find_service(const struct view *view, struct gateway_identity site, const uint8_t address[16])
{
	for (size_t i = 0; i < view->service_count; i++)
		if (gateway_equal(view->services[i].site, site) &&
		    memcmp(view->services[i].address, address, 16) == 0)
			return (int)i;
	return BUSBAR_ERROR_NOT_FOUND;
}

int view_put_service(struct view *view, const struct service_offer *service)
{
	int index = find_service(view, service->site, service->address);
	size_t place = 0;
	int code;

	/* The same name in the same place: only the values changed. */
	if (index >= 0 && compare_services(&view->services[index], service) == 0) {
		view->services[index] = *service;
		return 0;
	}
	code = index >= 0 ? view_remove_service(view, service->site, service->address) : 0;
	if (code == 0 && view->service_count == view->limits.services)
		code = BUSBAR_ERROR_TABLE_FULL;
	if (code < 0)
		return code;
	while (place < view->service_count && compare_services(&view->services[place], service) < 0)
		place++;
	memmove(view->services + place + 1, view->services + place,
	        (view->service_count - place) * sizeof(*view->services));
	view->services[place] = *service;
	view->service_count++;
	return 0;
}

int view_remove_service(struct view *view, struct gateway_identity site, const uint8_t address[16])
{
	int index = find_service(view, site, address);

	if (index < 0)
		return index;
	view->service_count--;
	memmove(view->services + index, view->services + index + 1,
	        (view->service_count - (size_t)index) * sizeof(*view->services));
	return 0;
}

static int set_delay(struct site *site, struct gateway_identity toward, int64_t delay, int64_t jitter,
                     uint32_t loss)
{
	for (uint32_t i = 0; i < site->link_count; i++) {
		if (!gateway_equal(site->links[i].toward, toward))
			continue;
		site->links[i].delay = delay;
		site->links[i].jitter = jitter;
		site->links[i].loss = loss;
		return 0;
	}
	return BUSBAR_ERROR_NOT_FOUND;
}

int view_put_link_delay(struct view *view, struct gateway_identity from, struct gateway_identity toward,
                        int64_t delay, int64_t jitter, uint32_t loss)
{
	struct node *node = find_node(view, from);
	int code = node == NULL ? BUSBAR_ERROR_NOT_FOUND
	                        : set_delay(&node->announced, toward, delay, jitter, loss);

	return code < 0 ? code : set_delay(&node->shown, toward, delay, jitter, loss);
}

static int add_reservation(struct view *view, const struct reservation *reservation)
{
	struct node *node = find_node(view, reservation->owner);

	if (view->reservation_count == view->limits.reservations)
		return BUSBAR_ERROR_TABLE_FULL;
	view->reservations[view->reservation_count++] = *reservation;
	if (node != NULL)
		subtract(node, reservation);
	return 0;
}

int view_reserve(struct view *view, struct gateway_identity owner, enum resource_kind kind, uint64_t amount,
                 int64_t decided, int64_t until)
{
	return add_reservation(view, &(struct reservation){.owner = owner,
	                                                   .kind = kind,
	                                                   .amount = amount,
	                                                   .decided = decided,
	                                                   .until = until});
}

int view_reserve_link(struct view *view, struct gateway_identity owner, struct gateway_identity toward,
                      uint64_t rate, int64_t decided, int64_t until)
{
	return add_reservation(view, &(struct reservation){.owner = owner,
	                                                   .link = true,
	                                                   .toward = toward,
	                                                   .amount = rate,
	                                                   .decided = decided,
	                                                   .until = until});
}

static void show_all(struct view *view)
{
	for (size_t i = 0; i < view->node_count; i++)
		show(view, view->nodes[i]);
}

void view_unreserve(struct view *view, int64_t decided)
{
	size_t kept = 0, count = view->reservation_count;

	for (size_t i = 0; i < count; i++)
		if (view->reservations[i].decided != decided)
			view->reservations[kept++] = view->reservations[i];
	view->reservation_count = kept;
	if (kept < count)
		show_all(view);
}

int view_suspect(struct view *view, struct gateway_identity owner, int error, int64_t until)
{
	for (size_t i = 0; i < view->suspect_count; i++) {
		if (!gateway_equal(view->suspects[i].owner, owner))
			continue;
		view->suspects[i].error = error;
		view->suspects[i].until = MAXIMUM(view->suspects[i].until, until);
		return 0;
	}
	if (view->suspect_count == view->limits.suspects)
		return BUSBAR_ERROR_TABLE_FULL;
	view->suspects[view->suspect_count++] =
	        (struct suspect){.owner = owner, .error = error, .until = until};
	return 0;
}

int view_suspected(const struct view *view, struct gateway_identity owner, int64_t now)
{
	for (size_t i = 0; i < view->suspect_count; i++)
		if (gateway_equal(view->suspects[i].owner, owner) && view->suspects[i].until > now)
			return view->suspects[i].error;
	return 0;
}

static bool is_over(const struct view *view, const struct reservation *reservation, int64_t now)
{
	const struct node *node = find_node(view, reservation->owner);

	return reservation->until <= now || (node != NULL && node->announced.measured > reservation->decided);
}

size_t view_expire(struct view *view, int64_t now)
{
	size_t kept = 0, dropped = 0;

	for (size_t i = 0; i < view->suspect_count; i++)
		if (view->suspects[i].until > now)
			view->suspects[kept++] = view->suspects[i];
	dropped += view->suspect_count - kept;
	view->suspect_count = kept;
	kept = 0;
	for (size_t i = 0; i < view->reservation_count; i++)
		if (!is_over(view, &view->reservations[i], now))
			view->reservations[kept++] = view->reservations[i];
	if (kept == view->reservation_count)
		return dropped;
	dropped += view->reservation_count - kept;
	view->reservation_count = kept;
	show_all(view);
	return dropped;
}

size_t view_site_count(const struct view *view)
{
	return view->node_count;
}

const struct site *view_site_at(const struct view *view, size_t index)
{
	return index < view->node_count ? &view->nodes[index]->shown : NULL;
}

const struct site *view_site(const struct view *view, struct gateway_identity identity)
{
	const struct node *node = find_node(view, identity);

	return node == NULL ? NULL : &node->shown;
}

const struct site *view_site_by_name(const struct view *view, const char *name)
{
	for (size_t i = 0; i < view->node_count; i++)
		if (strcmp(view->nodes[i]->shown.name, name) == 0)
			return &view->nodes[i]->shown;
	return NULL;
}

bool view_site_stale(const struct site *site, int64_t now)
{
	return site->validity > 0 && now - site->measured > site->validity;
}

size_t view_service_count(const struct view *view)
{
	return view->service_count;
}

const struct service_offer *view_service_at(const struct view *view, size_t index)
{
	return index < view->service_count ? &view->services[index] : NULL;
}

int view_service_first(const struct view *view, const char *name)
{
	size_t low = 0, high = view->service_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(view->services[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == view->service_count || strcmp(view->services[low].name, name) != 0)
		return BUSBAR_ERROR_NOT_FOUND;
	return (int)low;
}

size_t view_bytes(const struct view *view)
{
	return sizeof(*view) + view->limits.sites * sizeof(*view->nodes) + slab_bytes(view->slab) +
	       view->limits.services * sizeof(*view->services) +
	       view->limits.reservations * sizeof(*view->reservations) +
	       view->limits.suspects * sizeof(*view->suspects);
}
