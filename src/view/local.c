/* SPDX-License-Identifier: Apache-2.0 */
/* What this gateway knows of sites beside what their owners announced, and how it is shown. */
#include "base/error.h"
#include "view/view_internal.h"

#include <errno.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

static struct local *local_in(const struct entry *entry)
{
	return (struct local *)(uintptr_t)entry;
}

static int compare_local(const void *key, const struct entry *entry)
{
	return gateway_compare(*(const struct gateway_identity *)key, local_in(entry)->identity);
}

int view_open_locals(struct view *view)
{
	const struct view_limits *limits = &view->limits;

	view->local_index = (struct tree){.compare = compare_local, .hidden = true};
	view->locals = slab_create(sizeof(struct local), limits->sites + limits->reservations);
	view->reservations = slab_create(sizeof(struct reservation), limits->reservations);
	return view->locals == NULL || view->reservations == NULL ? -ENOMEM : 0;
}

static void drop_announced(struct view *view, struct local *local)
{
	if (local->announced != NULL)
		view_release_entry(view, ENTRY_NODE, &local->announced->entry);
	local->announced = NULL;
}

/* False when memory is short. */
static bool keep_announced(struct view *view, struct local *local, const struct site *site)
{
	struct node *copy = view_new_node(view, site->link_count);

	if (copy == NULL)
		return false;
	memcpy(&copy->shown.site, site, view_site_size(site->link_count));
	drop_announced(view, local);
	local->announced = copy;
	return true;
}

static const struct site *announced(const struct local *local)
{
	return &local->announced->shown.site;
}

void view_close_locals(struct view *view)
{
	struct entry *entry;

	while (view->oldest != NULL) {
		struct reservation *next = view->oldest->newer;

		slab_release(view->reservations, view->oldest);
		view->oldest = next;
	}
	for (size_t i = 0; (entry = tree_at(&view->local_index, i)) != NULL; i++) {
		drop_announced(view, local_in(entry));
		slab_release(view->locals, entry);
	}
	tree_clear(view, &view->local_index);
	view->locals = slab_free(view->locals);
	view->reservations = slab_free(view->reservations);
}

struct local *view_local(const struct view *view, struct gateway_identity identity)
{
	return local_in(tree_find(&view->local_index, &identity));
}

struct local *view_need_local(struct view *view, struct gateway_identity identity)
{
	struct local *local = view_local(view, identity);
	const struct node *node;

	if (local != NULL)
		return local;
	node = view_node(view, identity);
	local = slab_take(view->locals);
	if (local == NULL)
		return NULL;
	local->identity = identity;
	local->last = &local->reservations;
	if ((node != NULL && !keep_announced(view, local, &node->shown.site)) ||
	    tree_insert(view, &view->local_index, &identity, &local->entry) < 0) {
		drop_announced(view, local);
		slab_release(view->locals, local);
		return NULL;
	}
	return local;
}

static bool knows_nothing(const struct local *local)
{
	return local->reservations == NULL && local->contradicted == 0 && !local->noted &&
	       (local->announced == NULL ||
	        (!local->loaded && local->path.measured == 0 && local->link_count == 0));
}

static const struct load_link *load_of_link(const struct local *local, struct gateway_identity toward)
{
	for (uint32_t i = 0; i < local->load.link_count; i++)
		if (gateway_equal(local->load.links[i].toward, toward))
			return &local->load.links[i];
	return NULL;
}

/* The owner's own values, newer than which a decision is that must still be taken off. */
static int64_t measured_of(const struct local *local, const struct reservation *reservation)
{
	bool loaded =
	        local->loaded && (!reservation->link || load_of_link(local, reservation->toward) != NULL);

	return loaded ? local->load.measured : announced(local)->measured;
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

static void subtract(struct site *site, const struct reservation *reservation)
{
	if (measured_of(reservation->local, reservation) > reservation->decided)
		return; /* the owner's values show it */
	if (!reservation->link) {
		subtract_resource(site, reservation->kind, reservation->amount);
		return;
	}
	for (uint32_t i = 0; i < site->link_count; i++)
		if (gateway_equal(site->links[i].toward, reservation->toward))
			site->links[i].free = less(site->links[i].free, reservation->amount);
}

/* Takes the cautious one where both are of the same moment and differ; true then. */
static bool reconcile(struct view *view, struct local *local, enum view_value value, bool differ,
                      const int64_t values[2])
{
	const struct view_contradiction what = {.site = local->identity,
	                                        .value = value,
	                                        .sources = {VIEW_ROUTE, VIEW_PROBE},
	                                        .values = {values[0], values[1]},
	                                        .times = {announced(local)->measured, local->load.measured}};
	uint32_t bit = UINT32_C(1) << value;

	if (!differ || !view_is_at_once(announced(local)->measured, local->load.measured))
		return false;
	if (!(local->contradicted & bit))
		view_note_contradiction(view, local, &what);
	return true;
}

static void show_resource(struct view *view, struct local *local, const struct load_resource *resource,
                          struct resource_offer *offer, struct view_facts *facts)
{
	uint64_t free = MINIMUM(resource->free, offer->capacity);

	if (reconcile(view, local, VIEW_FREE, view_amounts_differ(view, free, offer->free, offer->capacity),
	              (const int64_t[2]){(int64_t)offer->free, (int64_t)free})) {
		facts->contradicted |= 1U << VIEW_FREE;
		free = MINIMUM(free, offer->free);
	}
	offer->free = free;
	if (reconcile(view, local, VIEW_PRICE, view_prices_differ(view, resource->base, offer->base),
	              (const int64_t[2]){offer->base, resource->base})) {
		facts->contradicted |= 1U << VIEW_PRICE;
		offer->base = MAXIMUM(offer->base, resource->base);
	} else {
		offer->base = resource->base;
	}
}

static void show_load(struct view *view, struct local *local, struct site *site, struct view_facts *facts)
{
	const struct site_load *load = &local->load;

	for (uint32_t i = 0; i < load->resource_count; i++) {
		struct resource_offer *offer = find_offer(site, load->resources[i].kind);

		if (offer != NULL)
			show_resource(view, local, &load->resources[i], offer, facts);
	}
	for (uint32_t i = 0; i < site->link_count; i++) {
		const struct load_link *link = load_of_link(local, site->links[i].toward);

		if (link == NULL)
			continue;
		site->links[i].free = MINIMUM(link->free, site->links[i].capacity);
		site->links[i].base = link->base;
	}
	site->measured = load->measured;
	site->validity = load->validity;
	facts->amounts = (struct view_stamp){VIEW_PROBE, load->measured, load->validity};
	facts->running = load->running;
	facts->waiting = load->waiting;
	facts->wait = load->wait;
}

/* What is measured, but no shorter delay than is declared where they contradict each other. */
static void show_link(struct view *view, struct local *local, const struct measured_link *measured,
                      struct link_offer *link, uint32_t bit, struct view_facts *facts)
{
	const struct view_path *values = &measured->values;
	const struct view_contradiction what = {.site = local->identity,
	                                        .value = VIEW_LINK_DELAY,
	                                        .toward = measured->toward,
	                                        .sources = {VIEW_ROUTE, VIEW_MEASURED},
	                                        .values = {link->delay, values->delay},
	                                        .times = {announced(local)->measured, values->measured}};

	facts->links_measured |= bit;
	link->jitter = values->jitter;
	link->loss = values->loss;
	if (!view_delays_differ(view, link->delay, values->delay) ||
	    !view_is_same_time(view, announced(local)->measured, values->measured)) {
		link->delay = values->delay;
		return;
	}
	if (!(local->links_contradicted & bit))
		view_note_contradiction(view, local, &what);
	link->delay = MAXIMUM(link->delay, values->delay);
	facts->links_contradicted |= bit;
	facts->contradicted |= 1U << VIEW_LINK_DELAY;
}

static void show_links(struct view *view, struct local *local, struct site *site, struct view_facts *facts)
{
	for (uint32_t i = 0; i < local->link_count; i++)
		for (uint32_t j = 0; j < site->link_count; j++)
			if (gateway_equal(site->links[j].toward, local->links[i].toward))
				show_link(view, local, &local->links[i], &site->links[j], UINT32_C(1) << j,
				          facts);
}

static void show_path(struct view *view, struct local *local, struct view_facts *facts)
{
	const uint32_t bit = 1U << VIEW_PATH_DELAY;
	const struct view_contradiction what = {.site = local->identity,
	                                        .value = VIEW_PATH_DELAY,
	                                        .sources = {VIEW_ROUTE, VIEW_MEASURED},
	                                        .values = {local->declared_path, local->path.delay},
	                                        .times = {announced(local)->measured, local->path.measured}};

	facts->path = local->path;
	if (local->path.measured == 0 || local->declared_path == 0 ||
	    !view_delays_differ(view, local->declared_path, local->path.delay))
		return;
	if (!(local->contradicted & bit))
		view_note_contradiction(view, local, &what);
	facts->path.delay = MAXIMUM(local->declared_path, local->path.delay);
	facts->contradicted |= bit;
}

static int show(struct view *view, struct local *local)
{
	struct view_stamp stamp = {VIEW_ROUTE, announced(local)->measured, announced(local)->validity};
	struct view_facts facts = {.structure = stamp,
	                           .amounts = stamp,
	                           .contradicted = local->contradicted & 1U << VIEW_CONTENT};
	struct site site;

	memcpy(&site, announced(local), view_site_size(announced(local)->link_count));
	if (local->loaded)
		show_load(view, local, &site, &facts);
	show_links(view, local, &site, &facts);
	show_path(view, local, &facts);
	local->contradicted = facts.contradicted;
	local->links_contradicted = facts.links_contradicted;
	for (const struct reservation *here = local->reservations; here != NULL; here = here->next)
		subtract(&site, here);
	return view_show_site(view, &site, &facts);
}

int view_show_local(struct view *view, struct local *local)
{
	int code = local->announced == NULL ? 0 : show(view, local);

	if (code < 0 || !knows_nothing(local))
		return code;
	(void)tree_remove(view, &view->local_index, &local->identity);
	drop_announced(view, local);
	slab_release(view->locals, local);
	return 0;
}

int view_announce_local(struct view *view, struct local *local, const struct site *site)
{
	if (!keep_announced(view, local, site))
		return BUSBAR_ERROR_TABLE_FULL;
	local->loaded = local->loaded && local->load.measured > site->measured;
	return view_show_local(view, local);
}

void view_forget_announced(struct view *view, struct local *local)
{
	drop_announced(view, local);
	local->loaded = false;
	local->path = (struct view_path){.measured = 0};
	local->declared_path = 0;
	local->link_count = 0;
	local->contradicted = local->links_contradicted = 0;
	(void)view_show_local(view, local);
}

void view_compare_content(struct view *view, struct gateway_identity site, int64_t newest, int64_t oldest)
{
	const struct view_contradiction what = {.site = site,
	                                        .value = VIEW_CONTENT,
	                                        .sources = {VIEW_ROUTE, VIEW_ROUTE},
	                                        .values = {newest, oldest},
	                                        .times = {newest, oldest}};
	const uint32_t bit = 1U << VIEW_CONTENT;
	const struct node *node = view_node(view, site);
	bool differ = node != NULL && !view_is_same_time(view, newest, oldest) &&
	              newest - oldest > node->shown.facts.structure.validity;
	struct local *local = view_local(view, site);

	if (local == NULL && differ)
		local = view_need_local(view, site);
	if (local == NULL || differ == ((local->contradicted & bit) != 0))
		return;
	if (differ)
		view_note_contradiction(view, local, &what);
	local->contradicted ^= bit;
	(void)view_show_local(view, local);
}

int view_put_load(struct view *view, const struct site_load *load)
{
	const struct node *node = view_node(view, load->identity);
	struct local *local;

	if (node == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	if (load->measured < node->shown.facts.amounts.measured)
		return BUSBAR_ERROR_STALE;
	local = view_need_local(view, load->identity);
	if (local == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	local->loaded = true;
	local->load = *load;
	return view_show_local(view, local);
}

int view_put_path(struct view *view, struct gateway_identity toward, int64_t delay, int64_t jitter,
                  uint32_t loss, int64_t measured, int64_t validity)
{
	struct local *local = view_node(view, toward) == NULL ? NULL : view_need_local(view, toward);

	if (local == NULL)
		return view_node(view, toward) == NULL ? BUSBAR_ERROR_NOT_FOUND : BUSBAR_ERROR_TABLE_FULL;
	local->path = (struct view_path){delay, jitter, loss, measured, validity};
	return view_show_local(view, local);
}

void view_compare_path(struct view *view, struct gateway_identity toward, int64_t declared)
{
	struct local *local = view_local(view, toward);

	if (local == NULL || local->path.measured == 0 || local->declared_path == declared)
		return;
	local->declared_path = declared;
	(void)view_show_local(view, local);
}

static bool has_link(const struct site *site, struct gateway_identity toward)
{
	for (uint32_t i = 0; site != NULL && i < site->link_count; i++)
		if (gateway_equal(site->links[i].toward, toward))
			return true;
	return false;
}

/* The place of a link's measurement; NULL when LOCAL_LINKS others are there. */
static struct measured_link *need_link(struct local *local, struct gateway_identity toward)
{
	for (uint32_t i = 0; i < local->link_count; i++)
		if (gateway_equal(local->links[i].toward, toward))
			return &local->links[i];
	if (local->link_count == LOCAL_LINKS)
		return NULL;
	local->links[local->link_count].toward = toward;
	return &local->links[local->link_count++];
}

int view_put_link_delay(struct view *view, struct gateway_identity from, struct gateway_identity toward,
                        int64_t delay, int64_t jitter, uint32_t loss, int64_t measured, int64_t validity)
{
	struct measured_link *link;
	struct local *local;

	if (!has_link(view_site(view, from), toward))
		return BUSBAR_ERROR_NOT_FOUND;
	local = view_need_local(view, from);
	link = local == NULL ? NULL : need_link(local, toward);
	if (link == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	link->values = (struct view_path){delay, jitter, loss, measured, validity};
	return view_show_local(view, local);
}

static void link_reservation(struct view *view, struct reservation *reservation)
{
	struct local *local = reservation->local;

	*local->last = reservation;
	local->last = &reservation->next;
	reservation->older = view->latest;
	*(view->latest == NULL ? &view->oldest : &view->latest->newer) = reservation;
	view->latest = reservation;
}

static int add_reservation(struct view *view, struct gateway_identity owner, struct reservation values)
{
	struct reservation *reservation = slab_take(view->reservations);
	struct node *node = view_node(view, owner);
	struct local *local = reservation == NULL ? NULL : view_need_local(view, owner);

	if (local != NULL && node != NULL)
		node = view_own_node(view, node);
	if (local == NULL || (local->announced != NULL && node == NULL)) {
		slab_release(view->reservations, reservation);
		return BUSBAR_ERROR_TABLE_FULL;
	}
	*reservation = values;
	reservation->local = local;
	link_reservation(view, reservation);
	if (node != NULL)
		subtract(&node->shown.site, reservation);
	return 0;
}

int view_reserve(struct view *view, struct gateway_identity owner, enum resource_kind kind, uint64_t amount,
                 int64_t decided, int64_t until)
{
	return add_reservation(
	        view, owner,
	        (struct reservation){.kind = kind, .amount = amount, .decided = decided, .until = until});
}

int view_reserve_link(struct view *view, struct gateway_identity owner, struct gateway_identity toward,
                      uint64_t rate, int64_t decided, int64_t until)
{
	return add_reservation(
	        view, owner,
	        (struct reservation){
	                .link = true, .toward = toward, .amount = rate, .decided = decided, .until = until});
}

static void unlink_reservation(struct view *view, struct reservation *reservation)
{
	*(reservation->older == NULL ? &view->oldest : &reservation->older->newer) = reservation->newer;
	*(reservation->newer == NULL ? &view->latest : &reservation->newer->older) = reservation->older;
	reservation->over = true;
}

/* Puts a local on the list of those that are shown anew, once. */
static void mark(struct local *local, struct local **changed)
{
	if (local->marked)
		return;
	local->marked = true;
	local->next = *changed;
	*changed = local;
}

static void drop_over(struct view *view, struct local *local)
{
	local->last = &local->reservations;
	while (*local->last != NULL) {
		struct reservation *here = *local->last;

		if (here->over) {
			*local->last = here->next;
			slab_release(view->reservations, here);
		} else {
			local->last = &here->next;
		}
	}
}

/* Where memory is short what was noted stays taken off until the owner's next values. */
static void show_changed(struct view *view, struct local *changed)
{
	while (changed != NULL) {
		struct local *next = changed->next;

		changed->marked = false;
		drop_over(view, changed);
		(void)view_show_local(view, changed);
		changed = next;
	}
}

typedef bool (*reservation_test)(const struct reservation *reservation, int64_t time);

static size_t drop_reservations(struct view *view, reservation_test is_over, int64_t time,
                                struct local **changed)
{
	size_t dropped = 0;

	for (struct reservation *here = view->oldest, *next; here != NULL; here = next) {
		next = here->newer;
		if (!is_over(here, time))
			continue;
		unlink_reservation(view, here);
		mark(here->local, changed);
		dropped++;
	}
	return dropped;
}

static bool was_decided_at(const struct reservation *reservation, int64_t decided)
{
	return reservation->decided == decided;
}

void view_unreserve(struct view *view, int64_t decided)
{
	struct local *changed = NULL;

	(void)drop_reservations(view, was_decided_at, decided, &changed);
	show_changed(view, changed);
}

static bool is_over(const struct reservation *reservation, int64_t now)
{
	const struct local *local = reservation->local;

	return reservation->until <= now ||
	       (local->announced != NULL && measured_of(local, reservation) > reservation->decided);
}

static bool has_ended(int64_t measured, int64_t validity, int64_t now)
{
	return validity > 0 && now - measured > validity;
}

/* Own values that are no longer valid; true when there were some. */
static bool drop_values(struct local *local, int64_t now)
{
	uint32_t kept = 0, count = local->link_count;
	bool loaded = local->loaded, measured = local->path.measured != 0, noted = local->noted;

	if (loaded && has_ended(local->load.measured, local->load.validity, now))
		local->loaded = false;
	if (measured && has_ended(local->path.measured, local->path.validity, now))
		local->path = (struct view_path){.measured = 0};
	if (local->path.measured == 0)
		local->declared_path = 0;
	for (uint32_t i = 0; i < count; i++)
		if (!has_ended(local->links[i].values.measured, local->links[i].values.validity, now))
			local->links[kept++] = local->links[i];
	local->link_count = kept;
	if (noted && now - local->noted_at >= VIEW_TRACE_INTERVAL)
		local->noted = false;
	return local->noted != noted || local->loaded != loaded || (local->path.measured != 0) != measured ||
	       kept < count;
}

static size_t drop_suspects(struct view *view, int64_t now)
{
	size_t kept = 0, dropped;

	for (size_t i = 0; i < view->suspect_count; i++)
		if (view->suspects[i].until > now)
			view->suspects[kept++] = view->suspects[i];
	dropped = view->suspect_count - kept;
	view->suspect_count = kept;
	view->changed = view->changed || dropped > 0;
	return dropped;
}

size_t view_expire(struct view *view, int64_t now)
{
	struct local *changed = NULL;
	struct entry *entry;
	size_t dropped;

	view->now = now;
	view_collect(view);
	dropped = drop_suspects(view, now) + drop_reservations(view, is_over, now, &changed);
	for (size_t i = 0; (entry = tree_at(&view->local_index, i)) != NULL; i++)
		if (drop_values(local_in(entry), now))
			mark(local_in(entry), &changed);
	show_changed(view, changed);
	return dropped;
}

int view_suspect(struct view *view, struct gateway_identity owner, int error, int64_t until)
{
	for (size_t i = 0; i < view->suspect_count; i++) {
		if (!gateway_equal(view->suspects[i].owner, owner))
			continue;
		view->changed = true;
		view->suspects[i].error = error;
		view->suspects[i].until = MAXIMUM(view->suspects[i].until, until);
		return 0;
	}
	if (view->suspect_count == view->limits.suspects)
		return BUSBAR_ERROR_TABLE_FULL;
	view->changed = true;
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
		view->changed = true;
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
