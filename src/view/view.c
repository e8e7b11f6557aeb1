/* SPDX-License-Identifier: Apache-2.0 */
#include "view/view_internal.h"

#include "base/error.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

struct view *view_create(const struct view_limits *limits)
{
	struct view *view = calloc(1, sizeof(*view));

	if (view == NULL)
		return NULL;
	view->limits = *limits;
	view->next_number = 1;
	/* Every snapshot can show other values of everything. */
	view->slabs[ENTRY_NODE] = slab_create(sizeof(struct node), limits->sites * (VIEW_SNAPSHOTS + 1));
	view->slabs[ENTRY_SERVICE] =
	        slab_create(sizeof(struct service), limits->services * (VIEW_SNAPSHOTS + 1));
	view->nodes = calloc(limits->sites, sizeof(*view->nodes));
	view->services = calloc(limits->services, sizeof(*view->services));
	view->reservations = calloc(limits->reservations, sizeof(*view->reservations));
	view->suspects = calloc(limits->suspects, sizeof(*view->suspects));
	view->bytes = sizeof(*view) + limits->sites * sizeof(*view->nodes) +
	              limits->services * sizeof(*view->services) +
	              limits->reservations * sizeof(*view->reservations) +
	              limits->suspects * sizeof(*view->suspects);
	if (view->slabs[ENTRY_NODE] == NULL || view->slabs[ENTRY_SERVICE] == NULL || view->nodes == NULL ||
	    view->services == NULL || view->reservations == NULL || view->suspects == NULL)
		return view_free(view);
	return view;
}

struct view *view_free(struct view *view)
{
	if (view == NULL)
		return NULL;
	view_collect(view);
	assert(view->newest == NULL);
	for (size_t i = 0; i < view->node_count; i++)
		slab_release(view->slabs[ENTRY_NODE], view->nodes[i]);
	for (size_t i = 0; i < view->service_count; i++)
		slab_release(view->slabs[ENTRY_SERVICE], view->services[i]);
	slab_free(view->slabs[ENTRY_NODE]);
	slab_free(view->slabs[ENTRY_SERVICE]);
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

static const struct node *find_node(const struct view *view, struct gateway_identity identity)
{
	int index = view_site_index(view, identity);

	return index < 0 ? NULL : view->nodes[index];
}

/* The node to be changed: a copy in its place when a snapshot shows it. NULL when memory is short. */
static struct node *own_node(struct view *view, int index)
{
	struct node *node = view->nodes[index], *copy;

	if (!view_is_shown(view, &node->entry))
		return node;
	copy = view_new_entry(view, ENTRY_NODE);
	if (copy == NULL)
		return NULL;
	copy->announced = node->announced;
	copy->shown = node->shown;
	view->nodes[index] = copy;
	view->changed[ENTRY_NODE] = true;
	view_drop_entry(view, ENTRY_NODE, &node->entry);
	return copy;
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

static void show(const struct view *view, struct node *node)
{
	node->shown = node->announced;
	for (size_t i = 0; i < view->reservation_count; i++)
		if (gateway_equal(view->reservations[i].owner, node->announced.identity))
			subtract(node, &view->reservations[i]);
}

/* A node without values in the place of an identity that has none yet. */
static struct node *add_node(struct view *view, struct gateway_identity identity)
{
	size_t place = find_place(view, identity);
	struct node *node = view->node_count == view->limits.sites ? NULL : view_new_entry(view, ENTRY_NODE);

	if (node == NULL)
		return NULL;
	memmove(view->nodes + place + 1, view->nodes + place,
	        (view->node_count - place) * sizeof(*view->nodes));
	view->nodes[place] = node;
	view->node_count++;
	view->changed[ENTRY_NODE] = true;
	return node;
}

int view_put_site(struct view *view, const struct site *site)
{
	int index = view_site_index(view, site->identity);
	struct node *node;

	if (index >= 0 && site->measured < view->nodes[index]->announced.measured)
		return BUSBAR_ERROR_STALE;
	node = index >= 0 ? own_node(view, index) : add_node(view, site->identity);
	if (node == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	node->announced = *site;
	show(view, node);
	return 0;
}

static void remove_service_at(struct view *view, size_t index)
{
	view_drop_entry(view, ENTRY_SERVICE, &view->services[index]->entry);
	view->service_count--;
	memmove(view->services + index, view->services + index + 1,
	        (view->service_count - index) * sizeof(*view->services));
	view->changed[ENTRY_SERVICE] = true;
}

int view_remove_site(struct view *view, struct gateway_identity identity)
{
	int index = view_site_index(view, identity);

	if (index < 0)
		return index;
	for (size_t i = view->service_count; i-- > 0;)
		if (gateway_equal(view->services[i]->offer.site, identity))
			remove_service_at(view, i);
	view_drop_entry(view, ENTRY_NODE, &view->nodes[index]->entry);
	view->node_count--;
	memmove(view->nodes + index, view->nodes + index + 1,
	        (view->node_count - (size_t)index) * sizeof(*view->nodes));
	view->changed[ENTRY_NODE] = true;
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
		if (gateway_equal(view->services[i]->offer.site, site) &&
		    memcmp(view->services[i]->offer.address, address, 16) == 0)
			return (int)i;
	return BUSBAR_ERROR_NOT_FOUND;
}

static void insert_service(struct view *view, struct service *service)
{
	size_t place = 0;

	while (place < view->service_count &&
	       compare_services(&view->services[place]->offer, &service->offer) < 0)
		place++;
	memmove(view->services + place + 1, view->services + place,
	        (view->service_count - place) * sizeof(*view->services));
	view->services[place] = service;
	view->service_count++;
	view->changed[ENTRY_SERVICE] = true;
}

int view_put_service(struct view *view, const struct service_offer *offer)
{
	int index = find_service(view, offer->site, offer->address);
	struct service *service;

	/* The same name in the same place: only the values changed. */
	if (index >= 0 && compare_services(&view->services[index]->offer, offer) == 0 &&
	    !view_is_shown(view, &view->services[index]->entry)) {
		view->services[index]->offer = *offer;
		return 0;
	}
	if (index < 0 && view->service_count == view->limits.services)
		return BUSBAR_ERROR_TABLE_FULL;
	service = view_new_entry(view, ENTRY_SERVICE);
	if (service == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	service->offer = *offer;
	if (index >= 0)
		remove_service_at(view, (size_t)index);
	insert_service(view, service);
	return 0;
}

int view_remove_service(struct view *view, struct gateway_identity site, const uint8_t address[16])
{
	int index = find_service(view, site, address);

	if (index < 0)
		return index;
	remove_service_at(view, (size_t)index);
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
	int index = view_site_index(view, from);
	struct node *node = index < 0 ? NULL : own_node(view, index);

	if (node == NULL)
		return index < 0 ? index : BUSBAR_ERROR_TABLE_FULL;
	(void)set_delay(&node->shown, toward, delay, jitter, loss);
	return set_delay(&node->announced, toward, delay, jitter, loss);
}

static int add_reservation(struct view *view, const struct reservation *reservation)
{
	int index = view_site_index(view, reservation->owner);
	struct node *node = NULL;

	if (view->reservation_count == view->limits.reservations)
		return BUSBAR_ERROR_TABLE_FULL;
	if (index >= 0) {
		node = own_node(view, index);
		if (node == NULL)
			return BUSBAR_ERROR_TABLE_FULL;
		subtract(node, reservation);
	}
	view->reservations[view->reservation_count++] = *reservation;
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

/* Where memory is short what was noted stays taken off until the owner's next values. */
static void show_owner(struct view *view, struct gateway_identity owner)
{
	int index = view_site_index(view, owner);
	struct node *node = index < 0 ? NULL : own_node(view, index);

	if (node != NULL)
		show(view, node);
}

typedef bool (*reservation_test)(const struct view *view, const struct reservation *reservation,
                                 int64_t time);

static size_t drop_reservations(struct view *view, reservation_test is_over, int64_t time)
{
	struct reservation *all = view->reservations;
	size_t kept = 0, count = view->reservation_count;

	/* Those that stay come first, in their order; behind them those that go. */
	for (size_t i = 0; i < count; i++) {
		struct reservation reservation = all[i];

		if (is_over(view, &reservation, time))
			continue;
		all[i] = all[kept];
		all[kept++] = reservation;
	}
	view->reservation_count = kept;
	for (size_t i = kept; i < count; i++)
		show_owner(view, all[i].owner);
	return count - kept;
}

static bool was_decided_at(const struct view *view, const struct reservation *reservation, int64_t decided)
{
	return reservation->decided == decided;
}

void view_unreserve(struct view *view, int64_t decided)
{
	(void)drop_reservations(view, was_decided_at, decided);
}

int view_suspect(struct view *view, struct gateway_identity owner, int error, int64_t until)
{
	for (size_t i = 0; i < view->suspect_count; i++) {
		if (!gateway_equal(view->suspects[i].owner, owner))
			continue;
		view->suspects_changed = true;
		view->suspects[i].error = error;
		view->suspects[i].until = MAXIMUM(view->suspects[i].until, until);
		return 0;
	}
	if (view->suspect_count == view->limits.suspects)
		return BUSBAR_ERROR_TABLE_FULL;
	view->suspects_changed = true;
	view->suspects[view->suspect_count++] =
	        (struct suspect){.owner = owner, .error = error, .until = until};
	return 0;
}

void view_heard(struct view *view, struct gateway_identity owner, int64_t until)
{
	for (size_t i = 0; i < view->suspect_count; i++) {
		struct suspect *suspect = &view->suspects[i];

		if (!gateway_equal(suspect->owner, owner) || suspect->error != BUSBAR_ERROR_NO_ANSWER ||
		    suspect->until <= until)
			continue;
		view->suspects_changed = true;
		suspect->until = until;
	}
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

static size_t drop_suspects(struct view *view, int64_t now)
{
	size_t kept = 0, dropped;

	for (size_t i = 0; i < view->suspect_count; i++)
		if (view->suspects[i].until > now)
			view->suspects[kept++] = view->suspects[i];
	dropped = view->suspect_count - kept;
	view->suspect_count = kept;
	view->suspects_changed = view->suspects_changed || dropped > 0;
	return dropped;
}

size_t view_expire(struct view *view, int64_t now)
{
	view_collect(view);
	return drop_suspects(view, now) + drop_reservations(view, is_over, now);
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
	return index < view->service_count ? &view->services[index]->offer : NULL;
}

int view_service_first(const struct view *view, const char *name)
{
	size_t low = 0, high = view->service_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(view->services[middle]->offer.name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == view->service_count || strcmp(view->services[low]->offer.name, name) != 0)
		return BUSBAR_ERROR_NOT_FOUND;
	return (int)low;
}

size_t view_bytes(const struct view *view)
{
	size_t bytes = view->bytes + view_snapshot_bytes(view);

	for (int kind = 0; kind < ENTRY_KINDS && view->slabs[kind] != NULL; kind++)
		bytes += slab_bytes(view->slabs[kind]);
	return bytes;
}
