/* SPDX-License-Identifier: Apache-2.0 */
/* The speaker's peers, routes and counters as documents. Routes come in pages, each with where the next
 * begins. */
#include "api/document_internal.h"
#include "base/error.h"
#include "base/hex.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many routes take the loop a few milliseconds. */
enum { ROUTES_A_PAGE = 500 };

static json_t *address_text(const uint8_t address[16])
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(AF_INET6, address, text, sizeof(text)));
}

static json_t *prefix_text(const uint8_t address[16], unsigned length)
{
	char text[INET6_ADDRSTRLEN];

	return json_sprintf("%s/%u", inet_ntop(AF_INET6, address, text, sizeof(text)), length);
}

/* As people write BGP identifiers; null for none. */
static json_t *identifier_or_null(uint32_t identifier)
{
	if (identifier == 0)
		return json_null();
	return json_sprintf("%u.%u.%u.%u", identifier >> 24, identifier >> 16 & 255, identifier >> 8 & 255,
	                    identifier & 255);
}

static json_t *octets_or_null(const uint8_t *octets, size_t size)
{
	char *text;
	json_t *string;

	if (octets == NULL)
		return json_null();
	text = malloc(2 * size + 1);
	if (text == NULL)
		return NULL;
	(void)hex_format(octets, size, text);
	string = json_string(text);
	free(text);
	return string;
}

static json_t *counter(uint64_t number)
{
	return json_integer((json_int_t)number);
}

/* ---- peers ---- */

static json_t *messages_object(const struct speaker_messages *messages)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "open", counter(messages->open), "update",
	                 counter(messages->update), "notification", counter(messages->notification),
	                 "keepalive", counter(messages->keepalive), "route_refresh",
	                 counter(messages->route_refresh));
}

/* What both sides can do. */
static json_t *capabilities_object(const struct speaker_peer_status *status)
{
	const struct {
		bool agreed;
		const char *name;
	} capabilities[] = {
	        {status->add_path_send, "add-path-send"},
	        {status->add_path_receive, "add-path-receive"},
	        {status->extended_messages, "extended-messages"},
	        {status->route_refresh, "route-refresh"},
	        {status->enhanced_refresh, "enhanced-route-refresh"},
	        {status->graceful_restart, "graceful-restart"},
	        {status->graceful_notification, "graceful-notification"},
	};
	json_t *names = json_array();

	for (size_t i = 0; status->established && i < ARRAY_SIZE(capabilities); i++)
		if (capabilities[i].agreed)
			json_array_append_new(names, json_string(capabilities[i].name));
	return names;
}

static json_t *error_object(const struct speaker_peer_status *status, int64_t now)
{
	if (status->last_error[0] == '\0')
		return json_null();
	return json_pack("{s:s, s:s, s:o}", "text", status->last_error, "by",
	                 status->last_error_received ? "peer" : "us", "age_ms",
	                 document_milliseconds(now - status->last_error_at));
}

static json_t *peer_object(const struct speaker_peer_status *status, int64_t now)
{
	json_t *object = json_pack("{s:s, s:o, s:I, s:s, s:s, s:o, s:o, s:o, s:I, s:I}", "name", status->name,
	                           "remote", address_text(status->remote), "as", (json_int_t)status->as,
	                           "type", status->internal ? "internal" : "external", "state", status->state,
	                           "since_ms", document_milliseconds(now - status->since), "identifier",
	                           identifier_or_null(status->identifier), "capabilities",
	                           capabilities_object(status), "hold_s", (json_int_t)status->hold,
	                           "restart_time_s", (json_int_t)status->peer_restart_time);

	if (object == NULL)
		return NULL;
	json_object_set_new(object, "paths", counter(status->paths));
	json_object_set_new(object, "stale_paths", counter(status->stale_paths));
	json_object_set_new(object, "advertised", counter(status->advertised));
	json_object_set_new(object, "waiting", counter(status->waiting));
	json_object_set_new(object, "announced", counter(status->announced_in));
	json_object_set_new(object, "withdrawn", counter(status->withdrawn_in));
	json_object_set_new(object, "refused", counter(status->refused_in));
	json_object_set_new(object, "received", messages_object(&status->received));
	json_object_set_new(object, "sent", messages_object(&status->sent));
	json_object_set_new(object, "flaps", counter(status->flaps));
	json_object_set_new(object, "last_error", error_object(status, now));
	return object;
}

static json_t *peers_object(const struct document_source *source)
{
	int64_t now = clock_monotonic(&source->clock);
	json_t *peers = json_array();

	for (uint32_t slot = 0; slot < speaker_peer_slots(source->speaker); slot++) {
		struct speaker_peer_status status;

		if (speaker_peer_status(source->speaker, slot, &status) == 0)
			json_array_append_new(peers, peer_object(&status, now));
	}
	return json_pack("{s:s, s:o}", "node", source->node, "peers", peers);
}

/* ---- routes ---- */

struct page {
	const struct document_source *source;
	json_t *routes;
};

static json_t *as_path_object(const struct speaker_route *route)
{
	json_t *path = json_array();

	for (uint32_t i = 0; i < route->as_path_count; i++)
		json_array_append_new(path, counter(route->as_path[i]));
	return path;
}

static json_t *communities_object(const struct speaker_route *route)
{
	json_t *communities = json_array();

	for (uint32_t i = 0; i < route->community_count; i++)
		json_array_append_new(communities, json_sprintf("%u:%u", route->communities[i] >> 16,
		                                                route->communities[i] & UINT16_MAX));
	return communities;
}

/* null: our own. */
static json_t *peer_name(const struct document_source *source, uint32_t slot)
{
	struct speaker_peer_status status;

	return speaker_peer_status(source->speaker, slot, &status) < 0 ? json_null()
	                                                               : json_string(status.name);
}

static void add_path(void *context, const struct speaker_path *path)
{
	static const char *const origins[] = {"igp", "egp", "incomplete"};
	const struct page *page = context;
	const struct speaker_route *route = &path->route;
	json_t *object =
	        json_pack("{s:o, s:o, s:I, s:o, s:s, s:o, s:I, s:o, s:b, s:b, s:b}", "prefix",
	                  prefix_text(route->prefix, route->prefix_length), "peer",
	                  peer_name(page->source, route->peer), "path_id", (json_int_t)path->path_id,
	                  "next_hop", address_text(route->next_hop), "origin",
	                  path->origin_code < ARRAY_SIZE(origins) ? origins[path->origin_code] : "?",
	                  "as_path", as_path_object(route), "origin_as", (json_int_t)route->origin_as,
	                  "originator", identifier_or_null(route->originator), "chosen", path->chosen, "best",
	                  path->best, "stale", path->stale);

	if (object == NULL)
		return;
	json_object_set_new(object, "preference",
	                    path->has_preference ? counter(path->preference) : json_null());
	json_object_set_new(object, "med", path->has_med ? counter(path->med) : json_null());
	json_object_set_new(object, "communities", communities_object(route));
	json_object_set_new(object, "attribute", octets_or_null(route->attribute, route->attribute_size));
	json_object_set_new(object, "edge_metadata",
	                    octets_or_null(route->edge_metadata, route->edge_metadata_size));
	json_array_append_new(page->routes, object);
}

static uint64_t position_of(const struct identifier *about)
{
	uint64_t position = 0;

	for (size_t i = 8; i < sizeof(about->octets); i++)
		position = position << 8 | about->octets[i];
	return position;
}

static json_t *routes_object(const struct document_source *source, const struct identifier *about)
{
	struct page page = {.source = source, .routes = json_array()};
	size_t position = (size_t)position_of(about);
	bool more = speaker_each_route(source->speaker, &position, ROUTES_A_PAGE, add_path, &page);

	return json_pack("{s:s, s:o, s:o}", "node", source->node, "routes", page.routes, "next",
	                 more ? counter(position) : json_null());
}

/* ---- statistics ---- */

static json_t *statistics_object(const struct document_source *source)
{
	struct speaker_statistics statistics;
	json_t *object = json_object();

	speaker_statistics(source->speaker, &statistics);
	json_object_set_new(object, "node", json_string(source->node));
	json_object_set_new(object, "peers", counter(statistics.peers));
	json_object_set_new(object, "established", counter(statistics.established));
	json_object_set_new(object, "prefixes", counter(statistics.prefixes));
	json_object_set_new(object, "origins", counter(statistics.origins));
	json_object_set_new(object, "paths", counter(statistics.paths));
	json_object_set_new(object, "bytes", counter(statistics.bytes));
	json_object_set_new(object, "advertised", counter(statistics.advertised));
	json_object_set_new(object, "refused_paths", counter(statistics.refused_paths));
	json_object_set_new(object, "updates_received", counter(statistics.updates_received));
	json_object_set_new(object, "updates_sent", counter(statistics.updates_sent));
	json_object_set_new(object, "withdrawn_for_error", counter(statistics.withdrawn_for_error));
	json_object_set_new(object, "discarded_attributes", counter(statistics.discarded_attributes));
	json_object_set_new(object, "refused_routes", counter(statistics.refused_routes));
	json_object_set_new(object, "oversized", counter(statistics.oversized));
	json_object_set_new(object, "refused_connections", counter(statistics.refused_connections));
	json_object_set_new(object, "sessions_lost", counter(statistics.sessions_lost));
	return object;
}

int document_bgp_object(const struct document_source *source, const struct document_request *request,
                        json_t **ret_object)
{
	if (source->speaker == NULL)
		return BUSBAR_ERROR_NOT_SUPPORTED;
	if (request->document == DOCUMENT_BGP_PEERS)
		*ret_object = peers_object(source);
	else if (request->document == DOCUMENT_BGP_ROUTES)
		*ret_object = routes_object(source, &request->task);
	else
		*ret_object = statistics_object(source);
	return 0;
}
