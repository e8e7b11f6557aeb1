/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's side towards other gateways: the kernel's routes, BGP and STAMP. What they say while the
 * gateway closes reaches nobody: view, announce and steer may be gone.
 */
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/gateway_internal.h"
#include <errno.h>
#include <string.h>

#define TAG "gateway"

static const char tunnel_name[] = "busbar0";

static void on_packet(void *context, uint8_t *bytes, size_t size)
{
	struct gateway *gateway = context;

	exchange_packet(gateway->exchange, bytes, size);
}

/* What steer_settings points into. */
struct guard {
	const char *interfaces[SITE_LINKS], *operators[FRONT_PLACES];
	uint8_t ends[2 * SITE_LINKS][16];
	struct steer_key keys[SEAL_KEYS];
};

static int put_keys(const struct seal_ring *ring, struct guard *guard, struct steer_settings *steer)
{
	int code = 0;

	for (uint32_t i = 0; i < ring->count && code == 0; i++) {
		struct steer_key *key = &guard->keys[steer->key_count++];

		key->identifier = ring->keys[i].identifier;
		code = seal_segment_secret(&ring->keys[i], key->secret);
	}
	steer->keys = guard->keys;
	return code;
}

static void put_edge(const struct settings *settings, struct guard *guard, struct steer_settings *steer)
{
	const struct settings_link *links = settings->links.items;
	const struct settings_access *access = settings->access.items;
	const struct config_address block = settings_block(settings);

	memcpy(steer->block, block.octets, sizeof(steer->block));
	steer->block_length = (uint32_t)block.length;
	for (size_t i = 0; i < settings->links.count; i++) {
		guard->interfaces[steer->interface_count++] = links[i].interface;
		memcpy(guard->ends[steer->end_count++], links[i].local.octets, 16);
		memcpy(guard->ends[steer->end_count++], links[i].remote.octets, 16);
	}
	for (size_t i = 0; i < settings->access.count; i++)
		if (access[i].operator)
			guard->operators[steer->operator_count++] = access[i].interface;
	steer->interfaces = guard->interfaces;
	steer->ends = (const uint8_t(*)[16])guard->ends;
	steer->operators = guard->operators;
	steer->operator_port = GATEWAY_PORT;
}

int gateway_open_steer(struct gateway *gateway)
{
	const struct settings_link *links = gateway->settings->links.items;
	struct steer_settings steer = {.tunnel = tunnel_name, .packet = on_packet, .context = gateway};
	struct guard guard;
	int code;

	if (gateway->settings->links.count == 0)
		return 0;
	memcpy(steer.locator, gateway->locator, sizeof(steer.locator));
	put_edge(gateway->settings, &guard, &steer);
	code = put_keys(&gateway->ring, &guard, &steer);
	if (code == 0)
		code = steer_open(gateway->loop, &steer, &gateway->steer);
	explicit_bzero(guard.keys, sizeof(guard.keys));
	for (size_t i = 0; i < gateway->settings->links.count && code == 0; i++) {
		struct gateway_link *link = &gateway->links[gateway->link_count++];

		link->toward = (struct gateway_identity){.site = (uint32_t)links[i].site,
		                                         .gateway = (uint16_t)links[i].gateway};
		code = steer_interface(gateway->steer, links[i].interface, &link->interface);
		if (code < 0)
			log_error(TAG, "event=no-interface name=%s", links[i].interface);
	}
	return code == 0 ? gateway_open_flows(gateway) : code;
}

static void on_route(void *context, const struct speaker_route *route, bool withdrawn)
{
	struct gateway *gateway = context;

	if (!gateway->closing)
		collect_route(gateway->collect, route, withdrawn);
}

static void on_best(void *context, const uint8_t prefix[16], uint8_t length,
                    const struct speaker_route *route)
{
	struct gateway *gateway = context;
	uint32_t interface = route == NULL ? 0 : gateway->links[route->peer].interface;

	if (!gateway->closing)
		collect_best(gateway->collect, prefix, length, route, interface);
}

static void on_peer(void *context, uint32_t peer, bool established)
{
	struct gateway *gateway = context;

	if (!gateway->closing)
		announce_link_session(gateway->announce, gateway->links[peer].toward, established);
}

static int open_collect(struct gateway *gateway)
{
	struct collect_settings collect = {.identity = gateway->identity,
	                                   .ring = &gateway->ring,
	                                   .clock = gateway->clock,
	                                   .routes = (size_t)gateway->settings->view.routes,
	                                   .seed = gateway->seed};
	const int64_t *members = gateway->settings->domain.members.items;
	size_t count = gateway->settings->domain.members.count;

	collect.domain[collect.domain_count++] = (uint32_t)gateway->settings->bgp.as;
	for (size_t i = 0; i < count && collect.domain_count < COLLECT_DOMAIN; i++)
		collect.domain[collect.domain_count++] = (uint32_t)members[i];

	return collect_create(&collect, gateway->view, gateway->steer, &gateway->collect);
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

static int open_speaker(struct gateway *gateway)
{
	const struct settings *settings = gateway->settings;
	const struct settings_link *links = settings->links.items;
	const int64_t *members = settings->domain.members.items;
	struct speaker_peer peers[SITE_LINKS];
	uint32_t domain[ATTRIBUTE_DOMAIN];
	struct speaker_settings speaker = {
	        .as = (uint32_t)settings->bgp.as,
	        .identifier = (uint32_t)settings->bgp.router_id,
	        .hold = settings->bgp.hold,
	        .minimum_interval = settings->bgp.minimum_interval,
	        .attribute = (uint8_t)settings->bgp.attribute,
	        .port = (uint16_t)settings->bgp.port,
	        .domain = domain,
	        .domain_count = (uint32_t)settings->domain.members.count,
	        .peers = peers,
	        .peer_count = (uint32_t)settings->links.count,
	        .seed = gateway->seed,
	};
	const struct speaker_callbacks callbacks = {
	        .context = gateway, .route = on_route, .best = on_best, .peer = on_peer};
	int code;

	memset(peers, 0, sizeof(peers));
	for (uint32_t i = 0; i < speaker.domain_count; i++)
		domain[i] = (uint32_t)members[i];
	for (uint32_t i = 0; i < speaker.peer_count; i++) {
		text_copy(peers[i].name, sizeof(peers[i].name), links[i].name);
		memcpy(peers[i].local, links[i].local.octets, 16);
		memcpy(peers[i].remote, links[i].remote.octets, 16);
		peers[i].as = (uint32_t)links[i].as;
	}
	code = speaker_create(gateway->loop, &speaker, &callbacks, &gateway->speaker);
	return code < 0 ? code : announce_access(gateway);
}

static void on_measured(void *context, uint32_t session, const struct probe_measurement *measurement,
                        bool lost)
{
	struct gateway *gateway = context;
	struct gateway_link *link = &gateway->links[session];

	link->longest = measurement->longest;
	link->probes = measurement->received;
	if (!gateway->closing)
		announce_link_measured(gateway->announce, link->toward, measurement, lost);
}

/* Probes are authenticated with a key of the domain that is used for nothing else. */
static int probe_key(const struct gateway *gateway, uint8_t key[SEAL_SECRET])
{
	return seal_domain_mac(seal_first(&gateway->ring), SEAL_PROBE, (struct gateway_identity){0, 0}, NULL,
	                       0, key);
}

static int open_probe(struct gateway *gateway)
{
	const struct settings_link *links = gateway->settings->links.items;
	uint8_t key[SEAL_SECRET];
	int code = probe_key(gateway, key);

	if (code == 0)
		code = probe_create(gateway->loop, key, gateway->settings->probe.interval, on_measured,
		                    gateway, &gateway->probe);
	for (size_t i = 0; i < gateway->settings->links.count && code >= 0; i++) {
		struct probe_target target = {.port = 0};

		memcpy(target.local, links[i].local.octets, 16);
		memcpy(target.remote, links[i].remote.octets, 16);
		code = probe_reflect(gateway->probe, target.local, 0, 862);
		if (code >= 0)
			code = probe_add(gateway->probe, &target);
	}
	return code < 0 ? code : 0;
}

int gateway_open_network(struct gateway *gateway)
{
	int code;

	if (gateway->settings->links.count == 0)
		return 0;
	code = exchange_connect(gateway->exchange, gateway->steer);
	if (code == 0)
		code = open_collect(gateway);
	if (code == 0)
		code = open_speaker(gateway);
	if (code == 0) {
		announce_set_speaker(gateway->announce, gateway->speaker);
		announce_changed(gateway->announce);
		code = open_probe(gateway);
	}
	return code;
}

uint32_t gateway_edge(void *context, struct document_count counts[DOCUMENT_EDGE])
{
	const struct gateway *gateway = context;
	struct steer_statistics statistics;

	_Static_assert((int)STEER_CAUSES <= (int)DOCUMENT_EDGE, "every cause has a place in the document");
	if (gateway->steer == NULL)
		return 0;
	steer_statistics(gateway->steer, &statistics);
	for (uint32_t i = 0; i < STEER_CAUSES; i++)
		counts[i] = (struct document_count){steer_cause_name((enum steer_cause)i),
		                                    statistics.filtered[i]};
	return STEER_CAUSES;
}

void gateway_close_network(struct gateway *gateway)
{
	if (gateway->announce != NULL)
		announce_set_speaker(gateway->announce, NULL);
	probe_close(gateway->probe);
	speaker_close(gateway->speaker, NULL, NULL);
	steer_close(gateway->steer, NULL, NULL);
	gateway->probe = NULL;
	gateway->speaker = NULL;
}
