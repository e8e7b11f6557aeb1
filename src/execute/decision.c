/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/decision.h"

#include "base/cursor.h"
#include "base/error.h"
#include "wire/attribute.h"
#include "wire/demand_codec.h"
#include <errno.h>
#include <string.h>

enum { DECISION_VERSION = 3, DEMAND_OCTETS = 4096 };
/* Flags before the facts of a site that follow. */
enum { FACTS_PROBED = 1, FACTS_PATH = 2 };

/* A suspicion outlives any decision that is decided again from the record. */
#define SUSPICION_UNTIL INT64_MAX

static void put_identity(struct writer *writer, struct gateway_identity identity)
{
	writer_u32(writer, identity.site);
	writer_u16(writer, identity.gateway);
}

static struct gateway_identity get_identity(struct cursor *cursor)
{
	struct gateway_identity identity;

	identity.site = cursor_u32(cursor);
	identity.gateway = cursor_u16(cursor);
	return identity;
}

/* Octets that were encoded apart, behind their length. */
static int put_block(struct writer *writer, const uint8_t *bytes, int size)
{
	if (size < 0)
		return size;
	writer_u16(writer, (uint16_t)size);
	writer_bytes(writer, bytes, (size_t)size);
	return 0;
}

/*
 * Where amounts are a probe's, the time of all the rest is another than theirs. The way that was measured
 * counts where it contradicts its links.
 */
static void put_facts(struct writer *writer, const struct view_facts *facts)
{
	bool probed = facts->amounts.source == VIEW_PROBE;
	bool path = (facts->contradicted >> VIEW_PATH_DELAY & 1) != 0;

	writer_u8(writer, (uint8_t)((probed ? FACTS_PROBED : 0) | (path ? FACTS_PATH : 0)));
	if (probed) {
		writer_u64(writer, (uint64_t)facts->structure.measured);
		writer_u64(writer, (uint64_t)facts->structure.validity);
		writer_u64(writer, (uint64_t)facts->wait);
	}
	if (path)
		writer_u64(writer, (uint64_t)facts->path.delay);
}

/* What was out of the tenant's sight could only be passed through. */
static int put_site(struct writer *writer, const struct site *shown, const struct view_sight *sight)
{
	uint8_t values[ATTRIBUTE_MAXIMUM];
	struct site site;

	view_copy_site(shown, &site);
	if (!view_sees_site(sight, shown))
		site.resource_count = 0;
	return put_block(writer, values, attribute_encode_site_values(&site, values, sizeof(values)));
}

static int put_sites(struct writer *writer, const struct view *view, const struct map_request *request)
{
	int code = 0;

	writer_u32(writer, (uint32_t)view_site_count(view));
	for (size_t i = 0; i < view_site_count(view) && code == 0; i++) {
		const struct site *site = view_site_at(view, i);

		put_identity(writer, site->identity);
		writer_u32(writer, (uint32_t)view_suspected(view, site->identity, request->now));
		put_facts(writer, view_facts(site));
		code = put_site(writer, site, request->sight);
	}
	return code;
}

static int put_services(struct writer *writer, const struct view *view, const struct view_sight *sight)
{
	uint8_t values[ATTRIBUTE_MAXIMUM];
	uint32_t count = 0;
	int code = 0;

	for (size_t i = 0; i < view_service_count(view); i++)
		count += view_sees_service(sight, view_service_at(view, i)->title->name);
	writer_u32(writer, count);
	for (size_t i = 0; i < view_service_count(view) && code == 0; i++) {
		struct service_offer service;

		if (!view_sees_service(sight, view_service_at(view, i)->title->name))
			continue;
		view_copy_service(view_service_at(view, i), &service);
		put_identity(writer, service.site);
		code = put_block(writer, values,
		                 attribute_encode_service_values(&service, values, sizeof(values)));
	}
	return code;
}

static int put_demand(struct writer *writer, const struct demand *demand)
{
	uint8_t octets[DEMAND_OCTETS];
	struct demand without_input = *demand;

	without_input.input_size = 0;
	return put_block(writer, octets, demand_codec_encode(&without_input, octets, sizeof(octets)));
}

int64_t decision_bound(const struct plan *plan)
{
	int64_t bound = 0;

	for (uint32_t i = 0; i < plan->part_count; i++)
		bound = MAXIMUM(bound, plan->parts[i].path.bound_up + plan->parts[i].path.bound_down);
	return bound;
}

int decision_encode(const struct view *view, const struct map_request *request, const struct plan *plan,
                    uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, capacity);
	int code;

	writer_u8(&writer, DECISION_VERSION);
	put_identity(&writer, request->ingress);
	writer_u64(&writer, (uint64_t)request->access_up);
	writer_u64(&writer, (uint64_t)request->access_down);
	writer_u64(&writer, (uint64_t)request->access_ceiling_up);
	writer_u64(&writer, (uint64_t)request->access_ceiling_down);
	writer_u64(&writer, (uint64_t)request->now);
	writer_u8(&writer, request->spot ? 1 : 0);
	code = put_demand(&writer, request->demand);
	if (code == 0)
		code = put_sites(&writer, view, request);
	if (code == 0)
		code = put_services(&writer, view, request->sight);
	writer_u32(&writer, plan->part_count);
	writer_u64(&writer, (uint64_t)plan->price);
	writer_u64(&writer, (uint64_t)plan->finish);
	writer_u64(&writer, (uint64_t)decision_bound(plan));
	writer_u8(&writer, plan->exact ? 1 : 0);
	if (code < 0)
		return code;
	return writer.error != 0 ? writer.error : (int)writer_size(&writer);
}

/* What put_facts() wrote; the flags. */
static uint8_t get_facts(struct cursor *cursor, struct view_facts *facts)
{
	uint8_t flags = cursor_u8(cursor);

	if (flags & FACTS_PROBED) {
		facts->structure.measured = (int64_t)cursor_u64(cursor);
		facts->structure.validity = (int64_t)cursor_u64(cursor);
		facts->wait = (int64_t)cursor_u64(cursor);
	}
	if (flags & FACTS_PATH)
		facts->path.delay = (int64_t)cursor_u64(cursor);
	return flags;
}

/* As long as it was taken to be, which its links contradict. */
static int put_path(struct view *view, struct gateway_identity identity, int64_t delay)
{
	int code = view_put_path(view, identity, delay, 0, 0, 1, 0);

	if (code == 0)
		view_compare_path(view, identity, 1);
	return code;
}

/* The site as it was announced, and what a probe said of it later. */
static int put_probed(struct view *view, struct site *site, const struct view_facts *facts)
{
	struct site_load load = {.identity = site->identity,
	                         .measured = site->measured,
	                         .validity = site->validity,
	                         .wait = facts->wait,
	                         .resource_count = site->resource_count};
	int code;

	for (uint32_t i = 0; i < site->resource_count; i++)
		load.resources[i] = (struct load_resource){site->resources[i].kind, site->resources[i].free,
		                                           site->resources[i].base};
	site->measured = facts->structure.measured;
	site->validity = facts->structure.validity;
	code = view_put_site(view, site);
	return code < 0 ? code : view_put_load(view, &load);
}

static int get_sites(struct cursor *cursor, struct view *view)
{
	uint32_t count = cursor_u32(cursor);
	int code = 0;

	for (uint32_t i = 0; i < count && code == 0 && cursor->error == 0; i++) {
		struct gateway_identity identity = get_identity(cursor);
		int suspicion = (int)cursor_u32(cursor);
		struct view_facts facts;
		uint8_t flags = get_facts(cursor, &facts);
		size_t size = cursor_u16(cursor);
		const uint8_t *values = cursor_bytes(cursor, size);
		struct site site;

		if (values == NULL)
			break;
		code = attribute_decode_site_values(values, size, &site);
		if (code < 0)
			break;
		site.identity = identity;
		for (uint32_t link = 0; link < site.link_count; link++)
			site.links[link].from = identity;
		code = flags & FACTS_PROBED ? put_probed(view, &site, &facts) : view_put_site(view, &site);
		if (code == 0 && flags & FACTS_PATH)
			code = put_path(view, identity, facts.path.delay);
		if (code == 0 && suspicion != 0)
			code = view_suspect(view, identity, suspicion, SUSPICION_UNTIL);
	}
	return code;
}

static int get_services(struct cursor *cursor, struct view *view)
{
	uint32_t count = cursor_u32(cursor);
	int code = 0;

	for (uint32_t i = 0; i < count && code == 0 && cursor->error == 0; i++) {
		struct gateway_identity site = get_identity(cursor);
		size_t size = cursor_u16(cursor);
		const uint8_t *values = cursor_bytes(cursor, size);
		struct service_offer service;

		if (values == NULL)
			break;
		code = attribute_decode_service_values(values, size, &service);
		service.site = site;
		if (code == 0)
			code = view_put_service(view, &service);
	}
	return code;
}

static int get_demand(struct cursor *cursor, struct arena *arena, struct demand *demand)
{
	size_t size = cursor_u16(cursor);
	const uint8_t *octets = cursor_bytes(cursor, size);

	return octets == NULL ? BUSBAR_ERROR_TRUNCATED : demand_codec_decode(octets, size, arena, demand);
}

int decision_decode(const uint8_t *bytes, size_t size, struct arena *arena, struct decision *ret_decision)
{
	const struct view_limits limits = {
	        .sites = 4096, .services = 65536, .reservations = 1, .suspects = 4096};
	struct cursor cursor = cursor_open(bytes, size);
	struct decision decision = {.view = NULL};
	int code;

	if (cursor_u8(&cursor) != DECISION_VERSION)
		return BUSBAR_ERROR_VERSION;
	decision.view = view_create(&limits);
	if (decision.view == NULL)
		return -ENOMEM;
	decision.ingress = get_identity(&cursor);
	decision.access_up = (int64_t)cursor_u64(&cursor);
	decision.access_down = (int64_t)cursor_u64(&cursor);
	decision.access_ceiling_up = (int64_t)cursor_u64(&cursor);
	decision.access_ceiling_down = (int64_t)cursor_u64(&cursor);
	decision.now = (int64_t)cursor_u64(&cursor);
	decision.spot = cursor_u8(&cursor) != 0;
	code = get_demand(&cursor, arena, &decision.demand);
	if (code == 0)
		code = get_sites(&cursor, decision.view);
	if (code == 0)
		code = get_services(&cursor, decision.view);
	decision.part_count = cursor_u32(&cursor);
	decision.price = (money)cursor_u64(&cursor);
	decision.finish = (int64_t)cursor_u64(&cursor);
	decision.bound = (int64_t)cursor_u64(&cursor);
	decision.exact = cursor_u8(&cursor) != 0;
	if (code == 0)
		code = cursor_finish(&cursor);
	if (code < 0) {
		(void)view_free(decision.view);
		return code;
	}
	*ret_decision = decision;
	return 0;
}
