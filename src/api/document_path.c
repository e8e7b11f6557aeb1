/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to a service or a site as the mapper would choose it now, hop by hop, with what is known of each
 * link and gateway on it: value, source, age. Nothing is asked of anybody: this is the view of this gateway.
 */
#include "api/document_internal.h"
#include "base/error.h"
#include "base/text.h"
#include "map/map.h"
#include "map/path.h"
#include "view/age.h"
#include <errno.h>
#include <string.h>

enum { PATH_ARENA = 64 << 20 };

/* What was found, and where it is described. */
struct way {
	const struct document_source *source;
	const struct view_sight *sight;
	int64_t now;
	struct gateway_identity site;
	struct plan_path path;
	json_t *service; /* as it is at the site; NULL: a site was asked for, or none serves */
	json_t *hops, *gateways;
};

/* ---- the choice ---- */

static const struct view_service *find_service(const struct view *view, const struct identifier *about)
{
	for (size_t i = 0; i < view_service_count(view); i++) {
		const struct view_service *service = view_service_at(view, i);

		if (memcmp(service->address, about->octets, sizeof(service->address)) == 0)
			return service;
	}
	return NULL;
}

static int choose_for_service(struct way *way, const struct view_service *service, struct arena *arena,
                              json_t **ret_plan)
{
	struct demand *demand = arena_alloc(arena, sizeof(*demand));
	struct map_request request = {.demand = demand,
	                              .ingress = way->source->identity,
	                              .sight = way->sight,
	                              .spot = true,
	                              .now = way->now};
	struct plan plan;
	int code;

	if (demand == NULL)
		return -ENOMEM;
	memset(demand, 0, sizeof(*demand));
	text_copy(demand->body.service, sizeof(demand->body.service), service->title->name);
	text_copy(demand->body.version, sizeof(demand->body.version), service->title->version);
	code = map_demand(way->source->view, &request, arena, &plan);
	if (code < 0)
		return code;
	if (plan.part_count > 0) {
		way->site = plan.parts[0].site;
		way->path = plan.parts[0].path;
		way->service =
		        document_service_object(way->source,
		                                view_service_of(way->source->view, service->title->name,
		                                                service->title->version, way->site));
	}
	*ret_plan = document_plan_object(way->source, &plan);
	return 0;
}

static int choose_for_site(struct way *way, struct gateway_identity site, struct arena *arena)
{
	const struct path_request request = {.ingress = way->source->identity, .parts = 1, .now = way->now};
	struct path_frontier frontier;
	int node = view_site_index(way->source->view, site);
	int code = node < 0 || !view_sees_site(way->sight, view_site_at(way->source->view, (size_t)node))
	                   ? BUSBAR_ERROR_NOT_FOUND
	                   : path_search(way->source->view, &request, arena, &frontier);

	if (code < 0)
		return code;
	way->site = site;
	if (frontier.first[node] != PATH_LABELS)
		path_describe(way->source->view, &request, &frontier, frontier.first[node], &way->path);
	return 0;
}

/* ---- the description ---- */

/* Of values: who says so, how long ago, and whether that was too long ago. */
static json_t *stamp_object(const struct way *way, const struct site *owner, const struct view_stamp *stamp)
{
	bool own = gateway_equal(owner->identity, way->source->identity);

	return json_pack("{s:s, s:o, s:b}", "source", own ? "own" : view_source_names[stamp->source],
	                 "age_ms", document_milliseconds(way->now - stamp->measured), "stale",
	                 view_staleness(stamp, way->now) > 0);
}

/* Delay, jitter and loss: as this gateway measured them, if it did, else as the owner says. */
static json_t *measured_object(const struct way *way, const struct site *owner, uint32_t link)
{
	const struct view_facts *facts = view_facts(owner);

	if ((facts->links_measured >> link & 1) == 0)
		return stamp_object(way, owner, &facts->structure);
	return json_pack("{s:s, s:n, s:b}", "source", view_source_names[VIEW_MEASURED], "age_ms", "stale", 0);
}

/* NULL: it is not known, or what it has is not for the reader. */
static const struct site *find_seen(const struct way *way, struct gateway_identity identity)
{
	const struct site *site = view_site(way->source->view, identity);

	return site != NULL && view_sees_site(way->sight, site) ? site : NULL;
}

static void add_hop(struct way *way, struct gateway_identity from, struct gateway_identity toward,
                    const char *direction)
{
	const struct site *owner = find_seen(way, from);
	const struct link_offer *link = owner == NULL ? NULL : path_link(owner, toward);
	json_t *object = json_pack("{s:o, s:o, s:s}", "from", document_gateway(way->source, from), "toward",
	                           document_gateway(way->source, toward), "direction", direction);

	if (link != NULL && object != NULL) {
		const struct view_stamp *stamp = &view_facts(owner)->structure;

		json_object_set_new(object, "delay_ms", document_milliseconds(link->delay));
		json_object_set_new(object, "jitter_ms", document_milliseconds(link->jitter));
		json_object_set_new(object, "loss_ppm", json_integer((json_int_t)link->loss));
		json_object_set_new(object, "measured",
		                    measured_object(way, owner, (uint32_t)(link - owner->links)));
		json_object_set_new(object, "capacity_bps", json_integer((json_int_t)link->capacity));
		json_object_set_new(object, "free_bps", json_integer((json_int_t)link->free));
		json_object_set_new(object, "price",
		                    document_money(
		                            view_link_price(link, 0, view_staleness(stamp, way->now))));
		json_object_set_new(object, "offered", stamp_object(way, owner, stamp));
	}
	json_array_append_new(way->hops, object);
}

static void add_gateway(struct way *way, struct gateway_identity identity)
{
	const struct site *site = find_seen(way, identity);
	json_t *resources = json_array(), *object;

	for (uint32_t i = 0; site != NULL && i < site->resource_count; i++)
		json_array_append_new(resources, document_resource_object(&site->resources[i]));
	object = json_pack("{s:o, s:o}", "gateway", document_gateway(way->source, identity), "resources",
	                   resources);
	if (site != NULL && object != NULL) {
		json_object_set_new(object, "model", json_string(supply_model_names[site->model]));
		json_object_set_new(object, "start_ms", document_milliseconds(site->start));
		json_object_set_new(object, "offered", stamp_object(way, site, &view_facts(site)->amounts));
	}
	json_array_append_new(way->gateways, object);
}

static void describe(struct way *way)
{
	const struct plan_path *path = &way->path;

	for (uint32_t i = 0; i + 1 < path->hop_count; i++)
		add_hop(way, path->hops[i], path->hops[i + 1], "up");
	for (uint32_t i = path->hop_count; i > 1; i--)
		add_hop(way, path->hops[i - 1], path->hops[i - 2], "down");
	for (uint32_t i = 0; i < path->hop_count; i++)
		add_gateway(way, path->hops[i]);
}

/* Ten zero octets and an identity (docs/wire.md 4); none when it is a CS-ID. */
static struct gateway_identity site_of(const struct identifier *about)
{
	static const uint8_t zeros[10];
	const uint8_t *octets = about->octets + sizeof(zeros);

	if (memcmp(about->octets, zeros, sizeof(zeros)) != 0)
		return (struct gateway_identity){0, 0};
	return (struct gateway_identity){(uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
	                                         (uint32_t)octets[2] << 8 | octets[3],
	                                 (uint16_t)(octets[4] << 8 | octets[5])};
}

static int choose(struct way *way, const struct identifier *about, struct arena *arena, json_t **ret_plan)
{
	struct gateway_identity site = site_of(about);
	const struct view_service *service;

	if (!gateway_is_none(site))
		return choose_for_site(way, site, arena);
	service = find_service(way->source->view, about);
	return service == NULL || !view_sees_service(way->sight, service->title->name)
	               ? BUSBAR_ERROR_UNKNOWN_SERVICE
	               : choose_for_service(way, service, arena, ret_plan);
}

int document_path_object(const struct document_source *source, const struct identifier *about,
                         const struct view_sight *sight, json_t **ret_object)
{
	struct arena *arena = arena_create(PATH_ARENA);
	struct way way = {.source = source, .sight = sight, .now = clock_wall(&source->clock)};
	json_t *plan = json_null();
	int code = arena == NULL ? -ENOMEM : choose(&way, about, arena, &plan);

	arena_free(arena);
	if (code < 0)
		return code;
	way.hops = json_array();
	way.gateways = json_array();
	describe(&way);
	*ret_object = json_pack("{s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "node", source->node, "site",
	                        gateway_is_none(way.site) ? json_null() : document_gateway(source, way.site),
	                        "reachable", way.path.hop_count > 0, "network_ms",
	                        document_milliseconds(way.path.delay_up + way.path.delay_down), "hops",
	                        way.hops, "gateways", way.gateways, "plan", plan, "service",
	                        way.service == NULL ? json_null() : way.service);
	return 0;
}
