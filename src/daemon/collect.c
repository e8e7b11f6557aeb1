/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/collect.h"

#include "base/error.h"
#include "base/log.h"
#include "daemon/collect_table.h"
#include "wire/edge_metadata.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "collect"

/* Longer prefixes are CS-IDs, which are reached by programs and not by plain routes. */
enum { INSTALL_LENGTH = 64 };

struct collect {
	struct collect_settings settings;
	struct view *view;
	struct steer *steer;
	struct collect_table *table;
	struct seal_cache *ciphers;
	uint64_t told; /* number of the newest contradiction that was logged */
	uint64_t refusals[ERROR_COUNT];
};

static struct route_key key_of(const struct speaker_route *route)
{
	struct route_key key = {.as = route->origin_as,
	                        .originator = route->originator,
	                        .length = route->prefix_length};

	memcpy(key.prefix, route->prefix, sizeof(key.prefix));
	return key;
}

/* Whoever sends much of it must not fill the log: the first ones, then each time there are twice as many. */
static bool is_worth_a_line(uint64_t count)
{
	return count <= 8 || (count & (count - 1)) == 0;
}

static void refuse(struct collect *collect, const struct speaker_route *route, int code)
{
	uint64_t count = ++collect->refusals[error_index(code)];

	if (code != BUSBAR_ERROR_STALE && is_worth_a_line(count))
		log_notice(TAG, "event=attribute-refused as=%u error=%d count=%llu cause=\"%s\"",
		           route->origin_as, code, (unsigned long long)count, error_text(code));
}

static void drop_edge(struct collect *collect, struct brought *brought)
{
	if (brought->edge)
		(void)view_remove_edge(collect->view, collect_table_sender(brought), brought->prefix,
		                       brought->as, brought->originator);
	brought->edge = false;
}

/* The route no longer brings its attribute; what no other route brings either goes out of the view. */
static void take_back(struct collect *collect, struct brought *brought)
{
	struct gateway_identity sender = collect_table_sender(brought);
	bool site = brought->content == ATTRIBUTE_SITE;
	char text[GATEWAY_TEXT];

	if (brought->site == 0 || !collect_table_leave(collect->table, brought))
		return;
	if (site) /* services are too many for lines of their own */
		log_info(TAG, "event=withdrawn gateway=%s", gateway_text(sender, text));
	if (site)
		(void)view_remove_site(collect->view, sender);
	else
		(void)view_remove_service(collect->view, sender, brought->prefix);
}

/* False when the route now brings something else, whose sequence is another. */
static bool brings_same(const struct brought *brought, const struct attribute_header *header)
{
	return brought->content == header->content &&
	       gateway_equal(collect_table_sender(brought), header->sender);
}

/* The newest sequence that any route brings of the same, and how many routes do. */
static uint64_t newest_of(const struct brought *first, uint32_t *ret_ways)
{
	uint64_t newest = 0;

	*ret_ways = 0;
	for (const struct brought *way = first; way != NULL; way = way->next) {
		newest = MAXIMUM(newest, way->sequence);
		++*ret_ways;
	}
	return newest;
}

static int64_t time_of(uint64_t sequence)
{
	return (int64_t)MINIMUM(sequence, (uint64_t)INT64_MAX);
}

/*
 * Another originator that goes on telling what is long past says something else of the same gateway.
 * Sequences are times of their sender.
 */
static void compare_ways(struct collect *collect, const struct brought *first, uint64_t newest)
{
	uint64_t oldest = newest;

	if (first->content != ATTRIBUTE_SITE)
		return;
	for (const struct brought *way = first; way != NULL; way = way->next)
		oldest = MINIMUM(oldest, way->sequence);
	view_compare_content(collect->view, collect_table_sender(first), time_of(newest), time_of(oldest));
}

static int put_in_view(struct collect *collect, const struct attribute_header *header,
                       const struct site *site, const struct service_offer *service)
{
	return header->content == ATTRIBUTE_SITE ? view_put_site(collect->view, site)
	                                         : view_put_service(collect->view, service);
}

/* What a decoded attribute says, by a route that is known or new. */
static int take_in(struct collect *collect, const struct route_key *key, struct brought *brought,
                   const struct attribute_header *header, const struct site *site,
                   const struct service_offer *service)
{
	struct brought *first =
	        collect_table_first(collect->table, header, key->prefix, (uint8_t)key->length);
	uint32_t ways;
	uint64_t newest = newest_of(first, &ways);
	int code =
	        header->sequence < newest ? BUSBAR_ERROR_STALE : put_in_view(collect, header, site, service);

	if (brought->site != 0) {
		if (header->sequence >= brought->sequence)
			brought->sequence = header->sequence;
	} else if (code == 0 || code == BUSBAR_ERROR_STALE) {
		int kept = ways == COLLECT_WAYS ? BUSBAR_ERROR_TABLE_FULL
		                                : collect_table_bring(collect->table, brought, header);

		code = kept < 0 ? kept : code;
		if (kept < 0 && first == NULL && header->content == ATTRIBUTE_SITE)
			(void)view_remove_site(collect->view, header->sender);
		else if (kept < 0 && first == NULL)
			(void)view_remove_service(collect->view, header->sender, key->prefix);
	}
	if (first != NULL)
		compare_ways(collect, first, MAXIMUM(newest, header->sequence));
	return code;
}

static int take_attribute(struct collect *collect, const struct speaker_route *route,
                          const struct route_key *key, struct brought *brought)
{
	struct seal_ring ring = *collect->settings.ring;
	struct attribute_header header;
	struct service_offer service;
	struct site site;
	int code;

	seal_use_cache(&ring, collect->ciphers);
	code = attribute_decode(route->attribute, route->attribute_size, route->prefix, route->prefix_length,
	                        &ring, &header, &site, &service);
	explicit_bzero(&ring, sizeof(ring));
	if (code < 0)
		return code;
	if (gateway_equal(header.sender, collect->settings.identity))
		return BUSBAR_ERROR_REPLAYED;
	if (brought->site != 0 && !brings_same(brought, &header))
		take_back(collect, brought);
	return take_in(collect, key, brought, &header, &site, &service);
}

static int take_edge(struct collect *collect, const struct speaker_route *route, struct brought *brought)
{
	struct view_edge edge = {.site = collect_table_sender(brought),
	                         .length = route->prefix_length,
	                         .as = route->origin_as,
	                         .originator = route->originator,
	                         .measured = clock_wall(&collect->settings.clock)};
	int code;

	if (route->edge_metadata == NULL)
		return 0;
	code = edge_metadata_decode(route->edge_metadata, route->edge_metadata_size, &edge.metadata);
	if (code < 0)
		return code;
	memcpy(edge.address, route->prefix, sizeof(edge.address));
	code = view_put_edge(collect->view, &edge);
	brought->edge = code == 0;
	return code;
}

void collect_route(struct collect *collect, const struct speaker_route *route, bool withdrawn)
{
	struct route_key key = key_of(route);
	struct brought *brought = collect_table_find(collect->table, &key);
	bool brings = !withdrawn && (route->attribute_size > 0 || route->edge_metadata != NULL);
	int code = 0;

	if (brought == NULL && brings)
		brought = collect_table_add(collect->table, &key);
	if (brought == NULL) {
		if (brings)
			refuse(collect, route, BUSBAR_ERROR_TABLE_FULL);
		return;
	}
	drop_edge(collect, brought);
	if (!brings || route->attribute_size == 0)
		take_back(collect, brought);
	else
		code = take_attribute(collect, route, &key, brought);
	if (code < 0)
		refuse(collect, route, code);
	code = brings ? take_edge(collect, route, brought) : 0;
	if (code < 0)
		refuse(collect, route, code);
	if (brought->site == 0 && !brought->edge)
		collect_table_remove(collect->table, brought);
}

void collect_best(struct collect *collect, const uint8_t prefix[16], uint8_t length,
                  const struct speaker_route *route, uint32_t interface)
{
	char text[INET6_ADDRSTRLEN] = "";
	int code;

	if (collect->steer == NULL || length > INSTALL_LENGTH)
		return;
	code = route == NULL ? steer_route_remove(collect->steer, prefix, length)
	                     : steer_route_put(collect->steer, prefix, length, route->next_hop, interface);
	(void)inet_ntop(AF_INET6, prefix, text, sizeof(text));
	if (code < 0)
		log_warning(TAG, "event=route-failed prefix=%s/%u cause=\"%s\"", text, length,
		            error_text(code));
	else
		log_debug(TAG, "event=%s prefix=%s/%u", route == NULL ? "route-removed" : "route-put", text,
		          length);
}

int collect_create(const struct collect_settings *settings, struct view *view, struct steer *steer,
                   struct collect **ret_collect)
{
	struct collect *collect = calloc(1, sizeof(*collect));

	if (collect == NULL)
		return -ENOMEM;
	collect->settings = *settings;
	collect->view = view;
	collect->steer = steer;
	collect->table = collect_table_create(settings->routes, settings->seed);
	collect->ciphers = seal_cache_create(COLLECT_CIPHERS);
	if (collect->table == NULL || collect->ciphers == NULL) {
		(void)collect_free(collect);
		return -ENOMEM;
	}
	*ret_collect = collect;
	return 0;
}

struct collect *collect_free(struct collect *collect)
{
	if (collect == NULL)
		return NULL;
	collect_table_free(collect->table);
	seal_cache_free(collect->ciphers);
	free(collect);
	return NULL;
}

static void tell_contradictions(struct collect *collect)
{
	const struct view_contradiction *found;
	char text[GATEWAY_TEXT];

	for (size_t i = view_contradiction_count(collect->view); i-- > 0;) {
		found = view_contradiction_at(collect->view, i);
		if (found->number <= collect->told)
			break;
		log_notice(TAG, "event=contradiction gateway=%s value=%s %s=%lld %s=%lld",
		           gateway_text(found->site, text), view_value_names[found->value],
		           view_source_names[found->sources[0]], (long long)found->values[0],
		           view_source_names[found->sources[1]], (long long)found->values[1]);
	}
	if (view_contradiction_count(collect->view) > 0)
		collect->told =
		        view_contradiction_at(collect->view, view_contradiction_count(collect->view) - 1)
		                ->number;
}

void collect_tick(struct collect *collect)
{
	struct collect_memory memory = collect_memory(collect);

	tell_contradictions(collect);
	view_note_routes(collect->view, memory.routes, memory.bytes, memory.maximum);
}

struct collect_memory collect_memory(const struct collect *collect)
{
	return (struct collect_memory){.routes = collect_table_count(collect->table),
	                               .bytes = collect_table_bytes(collect->table),
	                               .maximum = collect->settings.routes};
}

const uint64_t *collect_refusals(const struct collect *collect)
{
	return collect->refusals;
}
