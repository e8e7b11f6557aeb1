/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bgp/speaker_harness.h"
#include <signal.h>

enum { PATIENCE = 10000 }; /* ms */

static void on_watchdog(uv_timer_t *timer)
{
	struct harness *harness = timer->data;

	harness->late = true;
}

void harness_open(struct harness *harness)
{
	memset(harness, 0, sizeof(*harness));
	(void)signal(SIGPIPE, SIG_IGN);
	T_OK(uv_loop_init(&harness->loop));
	T_OK(uv_timer_init(&harness->loop, &harness->watchdog));
	harness->watchdog.data = harness;
}

static struct harness_route *slot(struct harness_node *node, const struct speaker_route *route)
{
	struct harness_route *vacant = NULL;

	for (size_t i = 0; i < HARNESS_ROUTES; i++) {
		struct harness_route *known = &node->routes[i];

		if (known->used && memcmp(known->prefix, route->prefix, 16) == 0 &&
		    known->length == route->prefix_length && known->origin_as == route->origin_as)
			return known;
		if (!known->used && vacant == NULL)
			vacant = known;
	}
	T_TRUE(vacant != NULL);
	return vacant;
}

static void take(struct harness_route *known, const struct speaker_route *route)
{
	memset(known, 0, sizeof(*known));
	known->used = true;
	memcpy(known->prefix, route->prefix, 16);
	memcpy(known->next_hop, route->next_hop, 16);
	known->length = route->prefix_length;
	known->origin_as = route->origin_as;
	known->peer = route->peer;
	known->attribute_size = route->attribute_size;
	T_TRUE(route->attribute_size <= sizeof(known->attribute));
	T_TRUE((route->attribute == NULL) == (route->attribute_size == 0));
	if (route->attribute_size > 0)
		memcpy(known->attribute, route->attribute, route->attribute_size);
	T_TRUE(route->as_path_count <= 8);
	known->as_path_count = route->as_path_count;
	for (uint32_t i = 0; i < route->as_path_count; i++)
		known->as_path[i] = route->as_path[i];
}

static void on_route(void *context, const struct speaker_route *route, bool withdrawn)
{
	struct harness_node *node = context;
	struct harness_route *known = slot(node, route);

	node->route_reports++;
	T_TRUE(!node->closed);
	T_TRUE(known->used || !withdrawn);
	take(known, route);
	known->used = !withdrawn;
}

static void on_best(void *context, const uint8_t prefix[16], uint8_t length,
                    const struct speaker_route *route)
{
	struct harness_node *node = context;

	node->best_reports++;
	node->gone_reports += route == NULL;
	node->has_best = route != NULL;
	if (route == NULL)
		return;
	T_BYTES(route->prefix, prefix, 16);
	T_EQ(route->prefix_length, length);
	take(&node->best, route);
}

static void on_peer(void *context, uint32_t peer, bool established)
{
	struct harness_node *node = context;

	T_TRUE(peer < HARNESS_NODES);
	T_TRUE(node->established[peer] != established);
	node->established[peer] = established;
}

void harness_start(struct harness *harness, size_t index, uint32_t as, struct speaker_settings settings)
{
	struct harness_node *node = &harness->nodes[index];
	const struct speaker_callbacks callbacks = {node, on_route, on_best, on_peer};
	struct harness_route *routes = calloc(HARNESS_ROUTES, sizeof(*routes));

	T_TRUE(routes != NULL);
	*node = (struct harness_node){.as = as, .routes = routes};
	settings.as = as;
	if (settings.identifier == 0)
		settings.identifier = UINT32_C(0x0a000001) + (uint32_t)index;
	if (settings.attribute == 0)
		settings.attribute = HARNESS_ATTRIBUTE;
	if (settings.seed == 0)
		settings.seed = 77 + index;
	T_OK(speaker_create(&harness->loop, &settings, &callbacks, &node->speaker));
}

static void on_closed(void *context)
{
	struct harness_node *node = context;

	node->closed = true;
	node->speaker = NULL;
}

void harness_stop(struct harness *harness, size_t index)
{
	speaker_close(harness->nodes[index].speaker, on_closed, &harness->nodes[index]);
}

struct speaker_peer harness_peer(const char *name, uint32_t as, uint16_t port, bool passive)
{
	struct speaker_peer peer = {
	        .local[15] = 1, .remote[15] = 1, .as = as, .port = port, .passive = passive};

	(void)snprintf(peer.name, sizeof(peer.name), "%s", name);
	return peer;
}

void harness_until(struct harness *harness, bool (*holds)(struct harness *harness))
{
	harness->late = false;
	T_OK(uv_timer_start(&harness->watchdog, on_watchdog, PATIENCE, 0));
	while (!holds(harness) && !harness->late)
		(void)uv_run(&harness->loop, UV_RUN_ONCE);
	T_TRUE(!harness->late);
	T_OK(uv_timer_stop(&harness->watchdog));
}

void harness_run(struct harness *harness, uint64_t milliseconds)
{
	harness->late = false;
	T_OK(uv_timer_start(&harness->watchdog, on_watchdog, milliseconds, 0));
	while (!harness->late)
		(void)uv_run(&harness->loop, UV_RUN_ONCE);
}

static bool all_closed(struct harness *harness)
{
	for (size_t i = 0; i < HARNESS_NODES; i++)
		if (harness->nodes[i].speaker != NULL)
			return false;
	return true;
}

void harness_shut(struct harness *harness)
{
	for (size_t i = 0; i < HARNESS_NODES; i++)
		if (harness->nodes[i].speaker != NULL)
			harness_stop(harness, i);
	harness_until(harness, all_closed);
	for (size_t i = 0; i < HARNESS_NODES; i++)
		free(harness->nodes[i].routes);
	uv_close((uv_handle_t *)&harness->watchdog, NULL);
	(void)uv_run(&harness->loop, UV_RUN_DEFAULT);
	T_OK(uv_loop_close(&harness->loop));
}

size_t harness_count(const struct harness_node *node)
{
	size_t count = 0;

	for (size_t i = 0; i < HARNESS_ROUTES; i++)
		count += node->routes[i].used;
	return count;
}

const struct harness_route *harness_find(const struct harness_node *node, const uint8_t prefix[16],
                                         uint32_t origin_as)
{
	for (size_t i = 0; i < HARNESS_ROUTES; i++)
		if (node->routes[i].used && memcmp(node->routes[i].prefix, prefix, 16) == 0 &&
		    node->routes[i].origin_as == origin_as)
			return &node->routes[i];
	return NULL;
}
