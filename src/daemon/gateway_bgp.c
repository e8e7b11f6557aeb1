/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's BGP: its peers, at the ends of its links and elsewhere, and what they tell.
 *
 * Routes become the view whoever told them. Into the kernel go those whose next hop is the other end of a
 * link of ours, and locators only: how to reach what is further away, the network below knows by itself.
 */
#include "base/log.h"
#include "daemon/gateway_internal.h"
#include "wire/edge_metadata.h"
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define TAG "gateway"

/* More than a site has gateways: exact for sites below this, and beyond two hardly fall together. */
#define ANNOUNCER_SITES 65537u

static void on_route(void *context, const struct speaker_route *route, bool withdrawn)
{
	struct gateway *gateway = context;

	if (!gateway->closing)
		collect_route(gateway->collect, route, withdrawn);
}

/* Gateways of one AS are told apart elsewhere by what their attributes say in the clear. */
static uint32_t announcer_of(const uint8_t *attribute, size_t size)
{
	struct attribute_header header;

	if (attribute_peek(attribute, size, &header) < 0)
		return 0;
	return header.sender.site * ANNOUNCER_SITES + header.sender.gateway;
}

static bool scope_of(const uint8_t *bytes, size_t size, uint32_t *ret_as)
{
	struct edge_metadata metadata;

	if (edge_metadata_decode(bytes, size, &metadata) < 0 || (metadata.present & EDGE_SCOPE) == 0)
		return false;
	*ret_as = metadata.scope;
	return true;
}

/* The link whose other end is the peer in a slot; -1: none. */
static int link_of(const struct gateway *gateway, uint32_t slot)
{
	return slot < GATEWAY_SLOTS ? gateway->slot_links[slot] : -1;
}

/* The link that leads to a route's next hop; NULL: none of ours. */
static const struct gateway_link *link_toward(const struct gateway *gateway,
                                              const struct speaker_route *route)
{
	const struct settings_link *links = gateway->settings->links.items;
	int link = link_of(gateway, route->peer);

	if (link >= 0)
		return &gateway->links[link];
	for (size_t i = 0; i < gateway->settings->links.count; i++)
		if (memcmp(links[i].remote.octets, route->next_hop, sizeof(route->next_hop)) == 0)
			return &gateway->links[i];
	return NULL;
}

static void on_best(void *context, const uint8_t prefix[16], uint8_t length,
                    const struct speaker_route *route)
{
	struct gateway *gateway = context;
	const struct gateway_link *link = route == NULL ? NULL : link_toward(gateway, route);

	if (!gateway->closing)
		collect_best(gateway->collect, prefix, length, link == NULL ? NULL : route,
		             link == NULL ? 0 : link->interface);
}

static void on_peer(void *context, uint32_t peer, bool established)
{
	struct gateway *gateway = context;
	int link = link_of(gateway, peer);

	if (!gateway->closing && link >= 0)
		announce_link_session(gateway->announce, gateway->links[link].toward, established);
}

/* Clients are reached, and reach, through the gateway they are attached to. */
static int announce_access(struct gateway *gateway)
{
	const struct settings_access *access = gateway->settings->access.items;
	int code = 0;

	for (size_t i = 0; i < gateway->settings->access.count && code == 0; i++)
		if (access[i].prefix.present)
			code = speaker_announce(gateway->speaker, access[i].prefix.octets,
			                        (uint8_t)access[i].prefix.length, NULL, 0);
	return code;
}

/* An interface that is not there is one on which no connection comes up. */
static void find_interfaces(struct settings_speaker *made)
{
	for (uint32_t i = 0; i < made->speaker.peer_count; i++) {
		const char *name = made->sessions[i].interface;

		if (name == NULL)
			continue;
		made->peers[i].interface = if_nametoindex(name);
		if (made->peers[i].interface == 0)
			log_error(TAG, "event=no-interface name=%s peer=%s", name, made->peers[i].name);
	}
}

/*
 * The speaker knows its peers by slots, we by the names that are theirs alone. A link without a session is
 * there as long as it is measured.
 */
static void find_slots(struct gateway *gateway)
{
	uint32_t slots = MINIMUM(speaker_peer_slots(gateway->speaker), (uint32_t)GATEWAY_SLOTS);
	bool up[SITE_LINKS];

	memset(up, true, sizeof(up));
	for (uint32_t slot = 0; slot < slots; slot++) {
		struct speaker_peer_status status;
		int link;

		gateway->slot_links[slot] = -1;
		if (speaker_peer_status(gateway->speaker, slot, &status) < 0)
			continue;
		link = settings_link_of_session(gateway->made, status.name);
		gateway->slot_links[slot] = link;
		if (link >= 0)
			up[link] = status.established;
	}
	for (uint32_t i = 0; i < gateway->link_count; i++)
		announce_link_session(gateway->announce, gateway->links[i].toward, up[i]);
}

static struct settings_speaker *make(const struct settings *settings)
{
	struct settings_speaker *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return NULL;
	settings_speaker(settings, made);
	find_interfaces(made);
	return made;
}

static void forget(struct settings_speaker *made)
{
	if (made != NULL)
		explicit_bzero(made, sizeof(*made)); /* passwords */
	free(made);
}

int gateway_open_speaker(struct gateway *gateway)
{
	const struct speaker_callbacks callbacks = {
	        .context = gateway, .route = on_route, .best = on_best, .peer = on_peer};
	int code;

	gateway->made = make(gateway->settings);
	if (gateway->made == NULL)
		return -ENOMEM;
	gateway->made->speaker.seed = gateway->seed;
	gateway->made->speaker.announcer = announcer_of;
	gateway->made->speaker.scope = scope_of;
	code = speaker_create(gateway->loop, &gateway->made->speaker, &callbacks, &gateway->speaker);
	if (code < 0)
		return code;
	find_slots(gateway);
	gateway->source.speaker = gateway->speaker;
	return announce_access(gateway);
}

int gateway_change_peers(struct gateway *gateway, const struct settings *settings)
{
	struct settings_speaker *made;
	int code;

	if (gateway->speaker == NULL)
		return 0;
	made = make(settings);
	if (made == NULL)
		return -ENOMEM;
	code = speaker_reconfigure(gateway->speaker, made->peers, made->speaker.peer_count);
	if (code < 0) {
		forget(made);
		return code;
	}
	forget(gateway->made);
	gateway->made = made;
	find_slots(gateway);
	return 0;
}

void gateway_close_speaker(struct gateway *gateway)
{
	gateway->source.speaker = NULL;
	if (gateway->returns)
		speaker_leave(gateway->speaker, NULL, NULL);
	else
		speaker_close(gateway->speaker, NULL, NULL);
	gateway->speaker = NULL;
	forget(gateway->made);
	gateway->made = NULL;
}
