/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's BGP: its peers, at the ends of its links and elsewhere, and what they tell.
 *
 * Routes become the view whoever told them. Into the kernel go those whose next hop is the other end of a
 * link of ours, and locators only: how to reach what is further away, the network below knows by itself.
 */
#include "base/log.h"
#include "daemon/gateway_internal.h"
#include <errno.h>
#include <net/if.h>
#include <string.h>

#define TAG "gateway"

static void on_route(void *context, const struct speaker_route *route, bool withdrawn)
{
	struct gateway *gateway = context;

	if (!gateway->closing)
		collect_route(gateway->collect, route, withdrawn);
}

/* The link that leads to a next hop; NULL: none of ours. */
static const struct gateway_link *link_toward(const struct gateway *gateway, const struct speaker_route *route)
{
	const struct settings_link *links = gateway->settings->links.items;
	int link = gateway->made.sessions[route->peer].link;

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
	int link = gateway->made.sessions[peer].link;

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

/* A link without a session is there as long as it is measured. */
static void tell_links_without(struct gateway *gateway)
{
	bool has_session[SITE_LINKS] = {false};

	for (uint32_t i = 0; i < gateway->made.speaker.peer_count; i++)
		if (gateway->made.sessions[i].link >= 0)
			has_session[gateway->made.sessions[i].link] = true;
	for (uint32_t i = 0; i < gateway->link_count; i++)
		if (!has_session[i])
			announce_link_session(gateway->announce, gateway->links[i].toward, true);
}

int gateway_open_speaker(struct gateway *gateway)
{
	const struct speaker_callbacks callbacks = {
	        .context = gateway, .route = on_route, .best = on_best, .peer = on_peer};
	int code;

	settings_speaker(gateway->settings, &gateway->made);
	gateway->made.speaker.seed = gateway->seed;
	find_interfaces(&gateway->made);
	tell_links_without(gateway);
	code = speaker_create(gateway->loop, &gateway->made.speaker, &callbacks, &gateway->speaker);
	return code < 0 ? code : announce_access(gateway);
}
