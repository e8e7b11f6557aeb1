/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/collect.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/slab.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "collect"

/* Longer prefixes are CS-IDs, which are reached by programs and not by plain routes. */
enum { INSTALL_LENGTH = 64 };

struct key {
	uint8_t prefix[16];
	uint32_t as;
	uint32_t length;
};

/* What a route brought into the view. */
struct brought {
	struct key key;
	enum attribute_content content;
	struct gateway_identity sender;
	uint64_t sequence;
};

struct collect {
	struct collect_settings settings;
	struct view *view;
	struct steer *steer;
	struct hash *routes; /* key -> struct brought */
	struct slab *slab;
	uint64_t refusals[ERROR_COUNT];
};

static struct key key_of(const struct speaker_route *route)
{
	struct key key = {.as = route->origin_as, .length = route->prefix_length};

	memcpy(key.prefix, route->prefix, sizeof(key.prefix));
	return key;
}

static void take_back(struct collect *collect, const struct key *key)
{
	struct brought *brought = hash_remove(collect->routes, key);
	char text[GATEWAY_TEXT];

	if (brought == NULL)
		return;
	log_info(TAG, "event=withdrawn gateway=%s content=%s", gateway_text(brought->sender, text),
	         brought->content == ATTRIBUTE_SITE ? "site" : "service");
	if (brought->content == ATTRIBUTE_SITE)
		(void)view_remove_site(collect->view, brought->sender);
	else
		(void)view_remove_service(collect->view, brought->sender, key->prefix);
	slab_release(collect->slab, brought);
}

static struct brought *remember(struct collect *collect, const struct key *key)
{
	struct brought *brought = hash_get(collect->routes, key);

	if (brought != NULL)
		return brought;
	brought = slab_take(collect->slab);
	if (brought == NULL)
		return NULL;
	brought->key = *key;
	if (hash_put(collect->routes, key, brought) < 0) {
		slab_release(collect->slab, brought);
		return NULL;
	}
	return brought;
}

/* False when the route now brings something else, whose sequence is another. */
static bool brings_same(const struct brought *brought, const struct attribute_header *header)
{
	return brought->content == header->content && gateway_equal(brought->sender, header->sender);
}

static int take_in(struct collect *collect, const struct key *key, const struct attribute_header *header,
                   const struct site *site, const struct service_offer *service)
{
	struct brought *brought = hash_get(collect->routes, key);
	int code;

	if (gateway_equal(header->sender, collect->settings.identity))
		return BUSBAR_ERROR_REPLAYED;
	if (brought != NULL && !brings_same(brought, header)) {
		take_back(collect, key);
		brought = NULL;
	}
	if (brought != NULL && header->sequence < brought->sequence)
		return BUSBAR_ERROR_STALE;
	code = header->content == ATTRIBUTE_SITE ? view_put_site(collect->view, site)
	                                         : view_put_service(collect->view, service);
	if (code < 0)
		return code;
	brought = remember(collect, key);
	if (brought == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	brought->content = header->content;
	brought->sender = header->sender;
	brought->sequence = header->sequence;
	return 0;
}

void collect_route(struct collect *collect, const struct speaker_route *route, bool withdrawn)
{
	struct key key = key_of(route);
	struct attribute_header header;
	struct service_offer service;
	struct site site;
	int code;

	if (withdrawn || route->attribute_size == 0) {
		take_back(collect, &key);
		return;
	}
	code = attribute_decode(route->attribute, route->attribute_size, route->prefix, route->prefix_length,
	                        collect->settings.ring, &header, &site, &service);
	if (code == 0)
		code = take_in(collect, &key, &header, &site, &service);
	if (code < 0 && code != BUSBAR_ERROR_STALE) {
		collect->refusals[error_index(code)]++;
		log_notice(TAG, "event=attribute-refused as=%u error=%d cause=\"%s\"", route->origin_as, code,
		           error_text(code));
	}
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
	collect->routes = hash_create(sizeof(struct key), COLLECT_ROUTES, settings->seed);
	collect->slab = slab_create(sizeof(struct brought), COLLECT_ROUTES);
	if (collect->routes == NULL || collect->slab == NULL) {
		(void)collect_free(collect);
		return -ENOMEM;
	}
	*ret_collect = collect;
	return 0;
}

struct collect *collect_free(struct collect *collect)
{
	size_t position = 0;
	const void *key;
	void *value;

	if (collect == NULL)
		return NULL;
	while (collect->routes != NULL && hash_next(collect->routes, &position, &key, &value))
		slab_release(collect->slab, value);
	hash_free(collect->routes);
	slab_free(collect->slab);
	free(collect);
	return NULL;
}

const uint64_t *collect_refusals(const struct collect *collect)
{
	return collect->refusals;
}
