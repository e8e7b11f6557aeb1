/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's side towards other gateways: the kernel's routes, BGP and STAMP. What they say while the
 * gateway closes reaches nobody: view, announce and steer may be gone.
 */
#include "base/error.h"
#include "base/log.h"
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

static int open_collect(struct gateway *gateway)
{
	const struct collect_settings collect = {.identity = gateway->identity,
	                                         .ring = &gateway->ring,
	                                         .clock = gateway->clock,
	                                         .routes = (size_t)gateway->settings->view.routes,
	                                         .seed = gateway->seed};

	return collect_create(&collect, gateway->view, gateway->steer, &gateway->collect);
}

int gateway_open_network(struct gateway *gateway)
{
	int code = 0;

	if (!settings_has_network(gateway->settings))
		return 0;
	if (gateway->steer != NULL)
		code = exchange_connect(gateway->exchange, gateway->steer);
	if (code == 0)
		code = open_collect(gateway);
	if (code == 0)
		code = gateway_open_speaker(gateway);
	if (code == 0) {
		announce_set_speaker(gateway->announce, gateway->speaker);
		announce_changed(gateway->announce);
		code = gateway_open_probe(gateway);
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
	gateway_close_probe(gateway);
	gateway_close_speaker(gateway);
	steer_close(gateway->steer, NULL, NULL);
}
