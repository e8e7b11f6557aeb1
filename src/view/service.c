/* SPDX-License-Identifier: Apache-2.0 */
/* Services: in the order in which they are read, and by the place where they are offered. */
#include "base/error.h"
#include "view/view_internal.h"

#include <errno.h>
#include <string.h>

/* In the order of services. A site may offer the same at two addresses. */
struct service_key {
	const struct view_title *title;
	struct gateway_identity site;
	const uint8_t *address;
};

struct place_key {
	struct gateway_identity site;
	const uint8_t *address;
};

static const uint8_t no_address[16];

static struct service *service_in(const struct entry *entry)
{
	return (struct service *)(uintptr_t)entry;
}

static inline int compare_titles(const struct view_title *a, const struct view_title *b)
{
	int order = a == b ? 0 : strcmp(a->name, b->name);

	return order != 0 || a == b ? order : strcmp(a->version, b->version);
}

static int compare_title(const void *key, const struct entry *entry)
{
	return compare_titles(key, &((const struct title *)(const void *)entry)->text);
}

static inline int compare_place(const void *key, const struct entry *entry)
{
	const struct place_key *place = key;
	const struct view_service *offer = &service_in(entry)->offer;
	int order = view_compare_identity(place->site, offer->site);

	return order != 0 ? order : memcmp(place->address, offer->address, sizeof(offer->address));
}

static inline int compare_service(const void *key, const struct entry *entry)
{
	const struct service_key *service = key;
	const struct view_service *offer = &service_in(entry)->offer;
	int order = compare_titles(service->title, offer->title);

	if (order == 0)
		order = view_compare_identity(service->site, offer->site);
	return order != 0 ? order : memcmp(service->address, offer->address, sizeof(offer->address));
}

static struct service_key key_of(const struct service *service)
{
	return (struct service_key){service->offer.title, service->offer.site, service->offer.address};
}

static struct place_key place_of(const struct service *service)
{
	return (struct place_key){service->offer.site, service->offer.address};
}

static struct service *find(const struct view *view, struct gateway_identity site, const uint8_t address[16])
{
	const struct place_key place = {site, address};
	size_t index;
	struct entry *entry = tree_search(&view->places, &place, compare_place, &index);

	return entry != NULL && compare_place(&place, entry) == 0 ? service_in(entry) : NULL;
}

int view_open_services(struct view *view)
{
	view->service_slab =
	        slab_create(sizeof(struct service), view->limits.services * (VIEW_SNAPSHOTS + 1));
	view->titles = slab_create(sizeof(struct title), view->limits.services * (VIEW_SNAPSHOTS + 1));
	view->services = (struct tree){.compare = compare_service};
	view->places = (struct tree){.compare = compare_place, .hidden = true};
	view->title_index = (struct tree){.compare = compare_title, .hidden = true};
	return view->service_slab == NULL || view->titles == NULL ? -ENOMEM : 0;
}

void view_close_services(struct view *view)
{
	struct entry *entry;

	tree_clear(view, &view->services);
	for (size_t i = 0; (entry = tree_at(&view->places, i)) != NULL; i++)
		view_release_entry(view, ENTRY_SERVICE, entry);
	tree_clear(view, &view->places);
	tree_clear(view, &view->title_index);
	view->service_slab = slab_free(view->service_slab);
	view->titles = slab_free(view->titles);
}

/* The one copy of a title, with one more user. NULL when memory is short. */
static const struct view_title *share_title(struct view *view, const struct service_offer *offer)
{
	struct view_title text = {.name = ""};
	struct title *title;

	memcpy(text.name, offer->name, sizeof(text.name));
	memcpy(text.version, offer->version, sizeof(text.version));
	title = (struct title *)(void *)tree_find(&view->title_index, &text);
	if (title == NULL) {
		title = slab_take(view->titles);
		if (title == NULL)
			return NULL;
		title->text = text;
		if (tree_insert(view, &view->title_index, &text, &title->entry) < 0) {
			slab_release(view->titles, title);
			return NULL;
		}
	}
	title->uses++;
	return &title->text;
}

void view_release_title(struct view *view, const struct view_title *text)
{
	struct title *title = CONTAINER_OF((uintptr_t)text, struct title, text);

	if (--title->uses > 0)
		return;
	(void)tree_remove(view, &view->title_index, text);
	slab_release(view->titles, title);
}

/* Of what is declared and what Edge Metadata predict, the longer one where they contradict each other. */
static void show_time(struct view *view, struct service *service, bool was_contradicted)
{
	struct view_service *offer = &service->offer;
	int64_t measured = 0, delay = view_edge_delay(view, offer->site, offer->address, &measured);
	const struct view_contradiction what = {.site = offer->site,
	                                        .value = VIEW_SERVICE_TIME,
	                                        .sources = {VIEW_ROUTE, VIEW_EDGE},
	                                        .values = {service->declared, delay},
	                                        .times = {measured, measured}};
	bool differ = delay >= 0 && view_delays_differ(view, service->declared, delay);
	struct local *local = differ && !was_contradicted ? view_need_local(view, offer->site) : NULL;

	offer->contradicted = differ;
	offer->time = differ ? MAXIMUM(service->declared, delay) : service->declared;
	if (local != NULL)
		view_note_contradiction(view, local, &what);
}

static struct view_service compact(const struct service_offer *offer, const struct view_title *title)
{
	struct view_service service = {.title = title,
	                               .site = offer->site,
	                               .score = offer->score,
	                               .processes = offer->processes,
	                               .cpu = offer->cpu,
	                               .memory = offer->memory,
	                               .running = offer->running,
	                               .time = offer->time,
	                               .start = offer->start,
	                               .price = offer->price,
	                               .tariff = offer->tariff};

	memcpy(service.address, offer->address, sizeof(service.address));
	memcpy(service.metrics, offer->metrics, sizeof(service.metrics));
	return service;
}

static bool has_title(const struct service *service, const struct service_offer *offer)
{
	return strcmp(service->offer.title->name, offer->name) == 0 &&
	       strcmp(service->offer.title->version, offer->version) == 0;
}

static const struct view_title *use_title(const struct view_title *text)
{
	CONTAINER_OF((uintptr_t)text, struct title, text)->uses++;
	return text;
}

/* `former` has the same place, maybe the same title. */
static struct service *new_service(struct view *view, const struct service_offer *offer,
                                   const struct service *former)
{
	const struct view_title *title = former != NULL && has_title(former, offer)
	                                         ? use_title(former->offer.title)
	                                         : share_title(view, offer);
	struct service *service = title == NULL ? NULL : view_new_entry(view, ENTRY_SERVICE);

	if (service == NULL) {
		if (title != NULL)
			view_release_title(view, title);
		return NULL;
	}
	service->offer = compact(offer, title);
	service->declared = offer->time;
	return service;
}

static int add_service(struct view *view, struct service *service)
{
	struct service_key key = key_of(service);
	struct place_key place = place_of(service);
	int code = tree_insert(view, &view->services, &key, &service->entry);

	if (code < 0)
		return code;
	code = tree_insert(view, &view->places, &place, &service->entry);
	if (code < 0)
		(void)tree_remove(view, &view->services, &key);
	return code;
}

/* Another service, or other values that a snapshot must not see, at the address of one that is there. */
static int replace_service(struct view *view, struct service *former, struct service *service)
{
	struct service_key key = key_of(service), former_key = key_of(former);
	struct place_key place = place_of(service);
	int code;

	if (former->offer.title == service->offer.title) {
		code = tree_replace(view, &view->services, &key, &service->entry);
	} else {
		code = tree_insert(view, &view->services, &key, &service->entry);
		if (code == 0)
			code = tree_remove(view, &view->services, &former_key);
		if (code < 0 && tree_find(&view->services, &key) == &service->entry)
			(void)tree_remove(view, &view->services, &key);
	}
	if (code < 0)
		return code;
	code = tree_replace(view, &view->places, &place, &service->entry);
	view_drop_entry(view, ENTRY_SERVICE, &former->entry);
	return code;
}

int view_put_service(struct view *view, const struct service_offer *offer)
{
	struct service *former = find(view, offer->site, offer->address), *service;
	int code;

	view->changed = true;
	if (former != NULL && has_title(former, offer) && !view_is_shown(view, &former->entry)) {
		bool contradicted = former->offer.contradicted;

		former->offer = compact(offer, former->offer.title);
		former->declared = offer->time;
		show_time(view, former, contradicted);
		return 0;
	}
	if (former == NULL && view->services.count == view->limits.services)
		return BUSBAR_ERROR_TABLE_FULL;
	service = new_service(view, offer, former);
	if (service == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	show_time(view, service, former != NULL && former->offer.contradicted);
	code = former == NULL ? add_service(view, service) : replace_service(view, former, service);
	if (code == 0)
		return 0;
	view_release_entry(view, ENTRY_SERVICE, &service->entry);
	return BUSBAR_ERROR_TABLE_FULL;
}

void view_review_service(struct view *view, struct gateway_identity site, const uint8_t address[16])
{
	struct service *service = find(view, site, address), *copy;
	struct service_offer offer;

	if (service == NULL)
		return;
	if (view_is_shown(view, &service->entry)) {
		view_copy_service(&service->offer, &offer);
		copy = new_service(view, &offer, service);
		if (copy == NULL)
			return;
		copy->declared = service->declared;
		copy->offer.contradicted = service->offer.contradicted;
		if (replace_service(view, service, copy) < 0) {
			view_release_entry(view, ENTRY_SERVICE, &copy->entry);
			return;
		}
		service = copy;
	}
	show_time(view, service, service->offer.contradicted);
	view->changed = true;
}

static int remove_service(struct view *view, struct service *service)
{
	struct service_key key = key_of(service);
	struct place_key place = place_of(service);
	int code = tree_remove(view, &view->services, &key);

	if (code < 0)
		return code;
	view->changed = true;
	code = tree_remove(view, &view->places, &place);
	view_drop_entry(view, ENTRY_SERVICE, &service->entry);
	return code;
}

int view_remove_service(struct view *view, struct gateway_identity site, const uint8_t address[16])
{
	struct service *service = find(view, site, address);

	return service == NULL ? BUSBAR_ERROR_NOT_FOUND : remove_service(view, service);
}

int view_remove_services(struct view *view, struct gateway_identity site)
{
	const struct place_key first = {site, no_address};
	struct entry *entry;
	size_t index;
	int code = 0;

	while (code == 0 && (entry = tree_seek(&view->places, &first, &index)) != NULL &&
	       gateway_equal(service_in(entry)->offer.site, site))
		code = remove_service(view, service_in(entry));
	return code;
}

size_t view_service_count(const struct view *view)
{
	return view->services.count;
}

static const struct view_service *offer_in(const struct entry *entry)
{
	return entry == NULL ? NULL : &service_in(entry)->offer;
}

const struct view_service *view_service_at(const struct view *view, size_t index)
{
	return offer_in(tree_at(&view->services, index));
}

/* The first that does not sort before a title at a site. */
static const struct view_service *seek(const struct view *view, const struct view_title *title,
                                       struct gateway_identity site, size_t *ret_index)
{
	const struct service_key key = {title, site, no_address};

	return offer_in(tree_search(&view->services, &key, compare_service, ret_index));
}

static struct view_title title_of(const char *name, const char *version)
{
	struct view_title title = {.name = ""};

	memcpy(title.name, name, strnlen(name, sizeof(title.name) - 1));
	memcpy(title.version, version, strnlen(version, sizeof(title.version) - 1));
	return title;
}

int view_service_first(const struct view *view, const char *name)
{
	const struct view_title title = title_of(name, "");
	size_t index;
	const struct view_service *service = seek(view, &title, (struct gateway_identity){0}, &index);

	return service == NULL || strcmp(service->title->name, name) != 0 ? BUSBAR_ERROR_NOT_FOUND
	                                                                  : (int)index;
}

/* In its place among the versions, newest first; the oldest one goes when there are too many. */
static void add_version(struct view_versions *versions, const struct view_title *title)
{
	uint32_t at = versions->count;

	while (at > 0 && strverscmp(versions->titles[at - 1]->version, title->version) < 0)
		at--;
	if (at == VIEW_VERSIONS)
		return;
	versions->count = MINIMUM(versions->count + 1, (uint32_t)VIEW_VERSIONS);
	memmove(versions->titles + at + 1, versions->titles + at,
	        (versions->count - 1 - at) * sizeof(*versions->titles));
	versions->titles[at] = title;
}

void view_list_versions(const struct view *view, const char *name, const char *version,
                        struct view_versions *ret_versions)
{
	const struct gateway_identity first = {0}, last = {UINT32_MAX, UINT16_MAX};
	const struct view_title title = title_of(name, version);
	const struct view_service *service;
	size_t index;

	ret_versions->count = 0;
	service = seek(view, &title, first, &index);
	while (service != NULL && strcmp(service->title->name, title.name) == 0) {
		const struct view_title *here = service->title;

		if (version[0] != '\0' && strcmp(here->version, title.version) != 0)
			return;
		add_version(ret_versions, here);
		for (service = seek(view, here, last, &index); service != NULL && service->title == here;)
			service = view_service_at(view, ++index);
	}
}

const struct view_service *view_newest_service(const struct view *view, const struct view_versions *versions,
                                               struct gateway_identity site)
{
	size_t index;

	for (uint32_t i = 0; i < versions->count; i++) {
		const struct view_service *service = seek(view, versions->titles[i], site, &index);

		if (service != NULL && service->title == versions->titles[i] &&
		    gateway_equal(service->site, site))
			return service;
	}
	return NULL;
}

const struct view_service *view_service_of(const struct view *view, const char *name, const char *version,
                                           struct gateway_identity site)
{
	struct view_versions versions;

	view_list_versions(view, name, version, &versions);
	return view_newest_service(view, &versions, site);
}

void view_copy_service(const struct view_service *service, struct service_offer *ret_offer)
{
	struct service_offer offer = {.site = service->site,
	                              .score = service->score,
	                              .cpu = service->cpu,
	                              .memory = service->memory,
	                              .processes = service->processes,
	                              .time = service->time,
	                              .start = service->start,
	                              .running = service->running,
	                              .price = service->price,
	                              .tariff = service->tariff};

	memcpy(offer.address, service->address, sizeof(offer.address));
	memcpy(offer.metrics, service->metrics, sizeof(offer.metrics));
	memcpy(offer.name, service->title->name, sizeof(offer.name));
	memcpy(offer.version, service->title->version, sizeof(offer.version));
	*ret_offer = offer;
}
