/* SPDX-License-Identifier: Apache-2.0 */
/* Composition: what a locator needs of the kernel, put in and taken out in one place. */
#include "steer/steer.h"

#include "base/cursor.h"
#include "base/error.h"
#include "base/log.h"
#include "steer/classify.h"
#include "steer/filter.h"
#include "steer/flow.h"
#include "steer/queue.h"
#include "steer/route.h"
#include "steer/segment_key.h"
#include "steer/segment_source.h"
#include "steer/sysctl.h"
#include "steer/tunnel.h"
#include "wire/segment.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "steer"

enum {
	IPV6_DESTINATION = 24,
	ADDRESS_BITS = 128,
	LOCATOR_BITS = 48,
	FUNCTION_BITS = 64,                     /* one function */
	FUNCTIONS_BITS = SEGMENT_FUNCTION_BITS, /* all of them */
};

static const uint8_t no_address[16];

struct steer {
	uint8_t locator[16], address[16], end[16], services[16], clients[16], functions[16];
	uint8_t transfers[16], transfers_address[16];
	steer_packet packet;
	void *context;
	struct route *route;
	struct tunnel *tunnel;
	struct queue *queue; /* these three together, or none */
	struct classify *classify;
	struct flow *flow;
	struct filter *filter;        /* NULL: nothing is filtered */
	struct segment_keys *keys;    /* NULL: none */
	uint32_t loopback, interface; /* indices of lo and of the TUN device */
	struct steer_statistics statistics;
	steer_closed closed;
	void *closed_context;
};

/* Counts a change of the kernel's tables. */
static int changed(struct steer *steer, int code)
{
	if (code < 0)
		steer->statistics.route_failures++;
	else
		steer->statistics.route_changes++;
	return code;
}

/* True when the packet's destination is one of our functions; the kernel itself also talks on a device. */
static bool is_ours(const struct steer *steer, const uint8_t *bytes, size_t size)
{
	struct cursor cursor = cursor_open(bytes, size);
	uint8_t version = cursor_u8(&cursor) >> 4;
	const uint8_t *destination;

	(void)cursor_bytes(&cursor, IPV6_DESTINATION - 1);
	destination = cursor_bytes(&cursor, 16);
	return destination && version == 6 && segment_within(destination, steer->locator) &&
	       segment_function(destination) >> 12 == SEGMENT_FUNCTION_BASE >> 12;
}

static void on_packet(void *context, uint8_t *bytes, size_t size)
{
	struct steer *steer = context;

	if (is_ours(steer, bytes, size))
		steer->packet(steer->context, bytes, size);
	else
		steer->statistics.foreign++;
}

/* Opening. */

static int open_link(const char *interface, bool authenticated)
{
	int code = sysctl_write(interface, "seg6_require_hmac", authenticated);

	return code == 0 ? sysctl_write(interface, "seg6_enabled", 1) : code;
}

static int set_switches(const struct steer_settings *settings)
{
	/* Not `default`: routing headers are for links alone. */
	static const char *const always[] = {"all", "lo"};
	int code = sysctl_write("all", "forwarding", 1);

	for (size_t i = 0; code == 0 && i < ARRAY_SIZE(always); i++)
		code = sysctl_write(always[i], "seg6_enabled", 1);
	if (code == 0)
		code = sysctl_write(settings->tunnel, "seg6_enabled", 1);
	for (uint32_t i = 0; code == 0 && i < settings->interface_count; i++)
		code = open_link(settings->interfaces[i], settings->key_count > 0);
	return code;
}

static int set_guards(struct steer *steer, const struct steer_settings *settings)
{
	int code = 0;

	if (settings->key_count > STEER_KEYS || settings->end_count > STEER_ENDS ||
	    settings->operator_count > STEER_INTERFACES)
		return -EINVAL;
	if (settings->key_count > 0) {
		code = segment_keys_open(&steer->keys);
		if (code == 0)
			code = segment_keys_set(steer->keys, settings->keys, settings->key_count);
	}
	if (code == 0 && settings->block_length > 0)
		code = filter_open(settings, &steer->filter);
	return code;
}

static int set_up_links(struct steer *steer, const char *tunnel)
{
	int code = route_interface(steer->route, "lo", &steer->loopback);

	if (code == 0)
		code = route_set_up(steer->route, steer->loopback);
	if (code == 0)
		code = route_interface(steer->route, tunnel, &steer->interface);
	return code == 0 ? route_set_up_bare(steer->route, steer->interface, STEER_MTU) : code;
}

static int put_segments(struct steer *steer)
{
	int code = changed(steer, route_put_end(steer->route, steer->end, FUNCTION_BITS, steer->interface));

	if (code == 0)
		code = changed(steer, route_put_decapsulate(steer->route, steer->services, FUNCTION_BITS,
		                                            ROUTE_TABLE_SERVICES, steer->interface));
	if (code == 0)
		code = changed(steer, route_put_decapsulate(steer->route, steer->clients, FUNCTION_BITS,
		                                            ROUTE_TABLE_MAIN, steer->interface));
	return code;
}

/* Decapsulated packets find them by either function: the main table is an ingress's, the other one a site's.
 */
static int put_transfers(struct steer *steer)
{
	static const uint8_t tables[] = {ROUTE_TABLE_MAIN, ROUTE_TABLE_SERVICES};
	int code = route_add_address(steer->route, steer->loopback, steer->transfers_address, ADDRESS_BITS);

	for (size_t i = 0; i < ARRAY_SIZE(tables) && code == 0; i++)
		code = changed(steer, route_put_local(steer->route, tables[i], steer->transfers,
		                                      FUNCTION_BITS, steer->loopback));
	return code;
}

static int install(struct steer *steer)
{
	int code = route_flush_own(steer->route);

	if (code > 0)
		log_info(TAG, "routes_of_a_former_life=%d", code);
	if (code >= 0)
		code = changed(steer, route_put_unreachable(steer->route, steer->locator, LOCATOR_BITS));
	if (code == 0)
		code = route_add_address(steer->route, steer->loopback, steer->address, ADDRESS_BITS);
	if (code == 0)
		code = put_segments(steer);
	if (code == 0)
		code = put_transfers(steer);
	return code == 0 ? steer_enable_functions(steer, true) : code;
}

static void make_segments(struct steer *steer, const uint8_t locator[16])
{
	memcpy(steer->locator, locator, LOCATOR_BITS / 8);
	segment_gateway_address(steer->locator, steer->address);
	segment_make(steer->locator, SEGMENT_FUNCTION_END, 0, steer->end);
	segment_make(steer->locator, SEGMENT_FUNCTION_SERVICES, 0, steer->services);
	segment_make(steer->locator, SEGMENT_FUNCTION_CLIENTS, 0, steer->clients);
	segment_make(steer->locator, SEGMENT_FUNCTION_BASE, 0, steer->functions);
	segment_make(steer->locator, SEGMENT_FUNCTION_TRANSFERS, 0, steer->transfers);
	segment_transfers_address(steer->locator, steer->transfers_address);
}

static void close_enforcement(struct steer *steer)
{
	steer->classify = classify_close(steer->classify);
	steer->flow = flow_close(steer->flow);
	steer->queue = queue_close(steer->queue);
}

static int open_enforcement(struct steer *steer, const struct steer_settings *settings)
{
	struct flow_ports ports = {.route = steer->route, .interface = steer->interface};
	int code = queue_open(&steer->queue);

	if (code == 0)
		code = classify_open(settings->interfaces, settings->interface_count, settings->tunnel,
		                     &steer->classify);
	/* What this host sends with segments is routed to the tunnel before it has them. */
	if (code == 0)
		code = queue_set_single(steer->queue, steer->interface, true);
	ports.queue = steer->queue;
	ports.classify = steer->classify;
	if (code == 0)
		code = flow_open(&ports, &steer->flow);
	if (code == 0)
		code = segment_source_set(steer->address);
	return code == 0 ? route_use_flows(steer->route, true) : code;
}

/* A gateway that cannot enforce reservations still forwards; it must not promise any. */
static void try_enforcement(struct steer *steer, const struct steer_settings *settings)
{
	int code = open_enforcement(steer, settings);

	if (code == 0)
		return;
	log_warning(TAG, "error=\"reservations cannot be enforced: %s\"", error_text(code));
	close_enforcement(steer);
}

int steer_open(uv_loop_t *loop, const struct steer_settings *settings, struct steer **ret_steer)
{
	struct steer *steer = calloc(1, sizeof(*steer));
	int code;

	if (!steer)
		return -ENOMEM;
	steer->packet = settings->packet;
	steer->context = settings->context;
	make_segments(steer, settings->locator);
	code = settings->interface_count > STEER_INTERFACES ? -EINVAL : route_open(&steer->route);
	if (code == 0)
		code = tunnel_open(loop, settings->tunnel, on_packet, steer, &steer->tunnel);
	if (code == 0)
		code = set_guards(steer, settings);
	if (code == 0)
		code = set_switches(settings);
	if (code == 0)
		code = set_up_links(steer, settings->tunnel);
	if (code == 0)
		code = install(steer);
	if (code == 0)
		try_enforcement(steer, settings);
	if (code < 0) {
		log_error(TAG, "tunnel=%s error=\"cannot open: %s\"", settings->tunnel, error_text(code));
		steer_close(steer, NULL, NULL);
		return code;
	}
	*ret_steer = steer;
	return 0;
}

/* Closing. */

static void on_tunnel_closed(void *context)
{
	struct steer *steer = context;

	if (steer->closed)
		steer->closed(steer->closed_context);
	free(steer);
}

static int take_out(struct steer *steer)
{
	int code = route_remove_address(steer->route, steer->loopback, steer->address, ADDRESS_BITS);

	if (code == 0)
		code = route_remove_address(steer->route, steer->loopback, steer->transfers_address,
		                            ADDRESS_BITS);
	return code == 0 ? route_flush_own(steer->route) : code;
}

void steer_close(struct steer *steer, steer_closed closed, void *context)
{
	int code;

	if (!steer)
		return;
	steer->closed = closed;
	steer->closed_context = context;
	if (steer->flow)
		(void)segment_source_set(no_address);
	close_enforcement(steer);
	if (steer->loopback && (code = take_out(steer)) < 0)
		log_warning(TAG, "error=\"cannot take routes out: %s\"", error_text(code));
	steer->route = route_close(steer->route);
	if (steer->keys && segment_keys_set(steer->keys, NULL, 0) < 0)
		log_warning(TAG, "error=\"cannot take the domain's keys out\"");
	steer->keys = segment_keys_close(steer->keys);
	steer->filter = filter_close(steer->filter);
	if (steer->tunnel)
		tunnel_close(steer->tunnel, on_tunnel_closed, steer);
	else
		free(steer);
}

/* Work. */

int steer_route_put(struct steer *steer, const uint8_t prefix[16], uint32_t length,
                    const uint8_t next_hop[16], uint32_t interface)
{
	if (length > ADDRESS_BITS)
		return -EINVAL;
	return changed(steer,
	               route_put_via(steer->route, prefix, length, next_hop, steer->address, interface));
}

int steer_route_remove(struct steer *steer, const uint8_t prefix[16], uint32_t length)
{
	if (length > ADDRESS_BITS)
		return -EINVAL;
	return changed(steer, route_remove(steer->route, prefix, length));
}

int steer_service_put(struct steer *steer, const uint8_t address[16], const uint8_t *next_hop,
                      uint32_t interface)
{
	return changed(steer, route_put_service(steer->route, address, next_hop,
	                                        next_hop == NULL ? steer->loopback : interface));
}

int steer_service_remove(struct steer *steer, const uint8_t address[16])
{
	return changed(steer, route_remove_service(steer->route, address));
}

int steer_interface(struct steer *steer, const char *name, uint32_t *ret_interface)
{
	return route_interface(steer->route, name, ret_interface);
}

/* Reservations. */

int steer_output_add(struct steer *steer, const struct steer_output *output)
{
	return steer->flow == NULL ? -ENOTSUP : queue_add(steer->queue, output);
}

int steer_output_set(struct steer *steer, uint32_t interface, uint32_t class, uint64_t rate, uint64_t burst)
{
	if (steer->flow == NULL)
		return -ENOTSUP;
	return queue_set(steer->queue, interface, class, (struct queue_bucket){.rate = rate, .burst = burst});
}

int steer_output_statistics(struct steer *steer, uint32_t interface, enum steer_queue which,
                            struct steer_queue_statistics *ret_statistics)
{
	struct steer_queue_statistics through;
	int code;

	if (steer->flow == NULL)
		return -ENOTSUP;
	if (which == STEER_QUEUE_CONTROL)
		return queue_read(steer->queue, interface, QUEUE_CONTROL, ret_statistics);
	if (which == STEER_QUEUE_BEST_EFFORT)
		return queue_read(steer->queue, interface, QUEUE_BEST_EFFORT, ret_statistics);
	code = queue_read(steer->queue, interface, QUEUE_THROUGH + which, &through);
	if (code == 0)
		code = queue_read(steer->queue, interface, QUEUE_GUARANTEED + which, ret_statistics);
	if (code == 0) {
		ret_statistics->drops = through.drops;
		ret_statistics->backlog = through.backlog;
	}
	return code;
}

int steer_flow_put(struct steer *steer, const struct steer_flow *flow)
{
	return steer->flow == NULL ? -ENOTSUP : changed(steer, flow_put(steer->flow, flow));
}

int steer_flow_remove(struct steer *steer, const uint8_t source[16], const uint8_t destination[16])
{
	return steer->flow == NULL ? 0 : changed(steer, flow_remove(steer->flow, source, destination));
}

int steer_flow_statistics(struct steer *steer, const uint8_t source[16], const uint8_t destination[16],
                          struct steer_queue_statistics *ret_statistics)
{
	if (steer->flow == NULL)
		return -ENOTSUP;
	return flow_read(steer->flow, source, destination, ret_statistics);
}

/* Functions. */

int steer_send(struct steer *steer, const uint8_t *bytes, size_t size)
{
	return tunnel_send(steer->tunnel, bytes, size);
}

int steer_enable_functions(struct steer *steer, bool enable)
{
	int code;

	if (enable)
		code = route_put_device(steer->route, steer->functions, FUNCTIONS_BITS, steer->interface);
	else
		code = route_remove(steer->route, steer->functions, FUNCTIONS_BITS);
	if (changed(steer, code) == 0 && steer->statistics.functions != enable) {
		steer->statistics.functions = enable;
		log_notice(TAG, "functions=%s", enable ? "on" : "off");
	}
	return code;
}

void steer_statistics(const struct steer *steer, struct steer_statistics *ret_statistics)
{
	struct tunnel_statistics tunnel;

	tunnel_statistics(steer->tunnel, &tunnel);
	*ret_statistics = steer->statistics;
	ret_statistics->received = tunnel.received;
	ret_statistics->sent = tunnel.sent;
	ret_statistics->dropped = tunnel.dropped;
	ret_statistics->flows = steer->flow == NULL ? 0 : flow_count(steer->flow);
	if (steer->filter && filter_read(steer->filter, ret_statistics->filtered) < 0)
		log_warning(TAG, "error=\"the filter's counters cannot be read\"");
}
