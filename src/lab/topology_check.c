/* SPDX-License-Identifier: Apache-2.0 */
/* Checks run in the order of the file's sections; the first contradiction ends them. */
#include "lab/topology_check.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MTU_MINIMUM = 1280 };

struct check {
	struct topology *topology;
	const char *file;
	const char *folder;
	struct arena *arena;
	struct config_problem *problem;
};

static int refuse(struct check *check, int code, const char *format, ...) PRINTF(3, 4);

static int refuse(struct check *check, int code, const char *format, ...)
{
	char reason[384];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	check->problem->line = 0;
	snprintf(check->problem->text, sizeof(check->problem->text), "%s: %s", check->file, reason);
	return code;
}

/* Names become interface names: these exist in every namespace or in /proc/sys/net. */
static bool is_reserved(const char *name)
{
	static const char *const reserved[] = {"lo", "all", "default"};

	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (strcmp(name, reserved[i]) == 0)
			return true;
	return false;
}

static int check_names(struct check *check)
{
	const struct topology *topology = check->topology;

	if (topology->gateways.count == 0)
		return refuse(check, BUSBAR_ERROR_MISSING_FIELD, "gateways: at least one is needed");
	for (size_t node = 0; node < topology_nodes(topology); node++) {
		const char *name = topology_node_name(topology, node);

		if (!topology_name_is_valid(name, TOPOLOGY_NAME) || is_reserved(name))
			return refuse(check, BUSBAR_ERROR_BAD_VALUE,
			              "node '%s': not a node name (a-z, 0-9, -; %d at most)", name,
			              TOPOLOGY_NAME);
		if ((size_t)topology_find(topology, name) != node)
			return refuse(check, BUSBAR_ERROR_DUPLICATE, "node '%s': the name is used twice",
			              name);
	}
	return 0;
}

static int check_supply(struct check *check, const struct topology_gateway *gateway)
{
	const struct topology_supply *supply = &gateway->supply;

	if (supply->cores == 0) {
		if (supply->share || supply->memory || supply->storage || supply->resources.count)
			return refuse(check, BUSBAR_ERROR_MISSING_FIELD,
			              "gateway '%s': supply.cores is missing", gateway->name);
		return 0;
	}
	if (strcmp(topology_models[gateway->model], "transit") == 0)
		return refuse(check, BUSBAR_ERROR_BAD_VALUE, "gateway '%s': a transit gateway has no supply",
		              gateway->name);
	if (supply->share == 0 || supply->memory == 0)
		return refuse(check, BUSBAR_ERROR_MISSING_FIELD,
		              "gateway '%s': supply needs share and memory", gateway->name);
	return 0;
}

/* One that maps for itself. */
static int check_controller(struct check *check, const struct topology_gateway *gateway)
{
	const struct topology *topology = check->topology;
	int node = gateway->controller == NULL ? 0 : topology_find(topology, gateway->controller);

	if (gateway->controller == NULL)
		return 0;
	if (node < 0 || !topology_node_is_gateway(topology, (size_t)node))
		return refuse(check, BUSBAR_ERROR_NOT_FOUND, "gateway '%s': no gateway '%s'", gateway->name,
		              gateway->controller);
	if (topology_gateway(topology, (size_t)node)->controller != NULL)
		return refuse(check, BUSBAR_ERROR_BAD_VALUE, "gateway '%s': controller '%s' has one itself",
		              gateway->name, gateway->controller);
	return 0;
}

static int check_gateways(struct check *check)
{
	const struct topology *topology = check->topology;
	int code = 0;

	for (size_t i = 0; code >= 0 && i < topology->gateways.count; i++) {
		const struct topology_gateway *gateway = topology_gateway(topology, i);

		for (size_t j = 0; j < i; j++) {
			const struct topology_gateway *other = topology_gateway(topology, j);

			if (gateway->site == other->site)
				return refuse(check, BUSBAR_ERROR_DUPLICATE,
				              "gateways '%s' and '%s': same site %lld", other->name,
				              gateway->name, (long long)gateway->site);
		}
		code = check_supply(check, gateway);
		if (code >= 0)
			code = check_controller(check, gateway);
	}
	return code;
}

static void fill(int64_t *value, int64_t fallback)
{
	if (*value == 0)
		*value = fallback;
}

static int check_quality(struct check *check, const char *what, int64_t rate, int64_t mtu)
{
	if (rate == 0)
		return refuse(check, BUSBAR_ERROR_AMOUNT_ZERO, "%s: rate is zero", what);
	if (mtu < MTU_MINIMUM)
		return refuse(check, BUSBAR_ERROR_BAD_VALUE, "%s: mtu %lld is below IPv6's %d", what,
		              (long long)mtu, MTU_MINIMUM);
	return 0;
}

static int check_clients(struct check *check)
{
	struct topology *topology = check->topology;
	struct topology_client *clients = topology->clients.items;
	int code = 0;

	for (size_t i = 0; code >= 0 && i < topology->clients.count; i++) {
		struct topology_client *client = &clients[i];
		int at = topology_find(topology, client->gateway);

		if (at < 0 || !topology_node_is_gateway(topology, (size_t)at))
			return refuse(check, BUSBAR_ERROR_NOT_FOUND, "client '%s': no gateway '%s'",
			              client->name, client->gateway);
		client->at = (size_t)at;
		fill(&client->rate, topology->access.rate);
		fill(&client->queue, topology->access.queue);
		fill(&client->mtu, topology->access.mtu);
		fill(&client->ceiling, client->delay + topology->access.margin);
		code = check_quality(check, client->name, client->rate, client->mtu);
	}
	return code;
}

static int resolve_link(struct check *check, size_t index, struct topology_link *link)
{
	const char *const *names = link->between.items;

	if (link->between.count != 2)
		return refuse(check, BUSBAR_ERROR_BAD_VALUE, "links[%zu].between: two gateways are needed",
		              index);
	for (size_t end = 0; end < 2; end++) {
		int node = topology_find(check->topology, names[end]);

		if (node < 0 || !topology_node_is_gateway(check->topology, (size_t)node))
			return refuse(check, BUSBAR_ERROR_NOT_FOUND, "links[%zu].between: no gateway '%s'",
			              index, names[end]);
		link->ends[end] = (size_t)node;
	}
	if (link->ends[0] == link->ends[1])
		return refuse(check, BUSBAR_ERROR_BAD_VALUE, "links[%zu].between: '%s' twice", index,
		              names[0]);
	return 0;
}

static bool joins_same(const struct topology_link *a, const struct topology_link *b)
{
	return (a->ends[0] == b->ends[0] && a->ends[1] == b->ends[1]) ||
	       (a->ends[0] == b->ends[1] && a->ends[1] == b->ends[0]);
}

/*
 * No output can promise less: its queues let six frames pass before a guaranteed one, and what a timer that
 * is a millisecond late owes (busbard adds as much to a link's latency).
 */
static int64_t output_time(const struct topology_link *link)
{
	int64_t rate = topology_shaped(link->rate);
	int64_t frame = ((link->mtu + TOPOLOGY_FRAME) * 8 * CLOCK_SECOND + rate - 1) / rate;

	return CLOCK_MILLISECOND + CLOCK_MILLISECOND / 32 + 6 * frame;
}

static void fill_link(const struct topology_core *core, struct topology_link *link)
{
	fill(&link->rate, core->rate);
	fill(&link->queue, core->queue);
	fill(&link->mtu, core->mtu);
	fill(&link->price, core->price);
	fill(&link->tariff, core->tariff);
	fill(&link->steepness, core->steepness);
}

static int check_links(struct check *check)
{
	struct topology *topology = check->topology;
	struct topology_link *links = topology->links.items;
	char what[32];

	for (size_t i = 0; i < topology->links.count; i++) {
		int64_t least;
		int code = resolve_link(check, i, &links[i]);

		if (code < 0)
			return code;
		for (size_t j = 0; j < i; j++)
			if (joins_same(&links[i], &links[j]))
				return refuse(check, BUSBAR_ERROR_DUPLICATE,
				              "links[%zu]: links[%zu] joins the same gateways", i, j);
		fill_link(&topology->core, &links[i]);
		snprintf(what, sizeof(what), "links[%zu]", i);
		code = check_quality(check, what, links[i].rate, links[i].mtu);
		if (code < 0)
			return code;
		least = links[i].delay + topology->core.slack + output_time(&links[i]);
		fill(&links[i].ceiling, least + topology->core.margin);
		if (links[i].ceiling < least)
			return refuse(check, BUSBAR_ERROR_BAD_VALUE,
			              "links[%zu].ceiling: below the delay and what an empty output needs",
			              i);
	}
	return 0;
}

static int resolve_path(struct check *check, const char **path)
{
	if ((*path)[0] == '/')
		return 0;
	*path = arena_format(check->arena, "%s/%s", strcmp(check->folder, "/") == 0 ? "" : check->folder,
	                     *path);
	return *path ? 0 : -ENOMEM;
}

static int resolve_service_paths(struct check *check, struct topology_service *service)
{
	const char **words = service->command.items;
	int code = service->folder ? resolve_path(check, &service->folder) : 0;

	for (size_t i = 0; code >= 0 && i < service->command.count; i++)
		if (strncmp(words[i], "./", 2) == 0 || strncmp(words[i], "../", 3) == 0)
			code = resolve_path(check, &words[i]);
	return code;
}

static int check_service_sites(struct check *check, const struct topology_service *service)
{
	const char *const *sites = service->sites.items;

	for (size_t i = 0; i < service->sites.count; i++) {
		int node = topology_find(check->topology, sites[i]);

		if (node < 0 || !topology_node_is_gateway(check->topology, (size_t)node))
			return refuse(check, BUSBAR_ERROR_NOT_FOUND, "service '%s': no gateway '%s'",
			              service->name, sites[i]);
		if (topology_gateway(check->topology, (size_t)node)->supply.cores == 0)
			return refuse(check, BUSBAR_ERROR_BAD_VALUE, "service '%s': '%s' has no supply",
			              service->name, sites[i]);
	}
	return 0;
}

static int check_services(struct check *check)
{
	struct topology *topology = check->topology;
	struct topology_service *services = topology->services.items;
	int code = 0;

	for (size_t i = 0; code >= 0 && i < topology->services.count; i++) {
		struct topology_service *service = &services[i];

		if (service->command.count == 0)
			return refuse(check, BUSBAR_ERROR_MISSING_FIELD, "service '%s': command is empty",
			              service->name);
		for (size_t j = 0; j < i; j++)
			if (memcmp(service->address.octets, services[j].address.octets, 16) == 0)
				return refuse(check, BUSBAR_ERROR_DUPLICATE,
				              "services '%s' and '%s': same address", services[j].name,
				              service->name);
		code = check_service_sites(check, service);
		if (code >= 0)
			code = resolve_service_paths(check, service);
	}
	return code;
}

static int check_tenants(struct check *check)
{
	const struct topology *topology = check->topology;

	for (size_t i = 0; i < topology->tenants.count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(topology_tenant(topology, i)->name, topology_tenant(topology, j)->name) ==
			    0)
				return refuse(check, BUSBAR_ERROR_DUPLICATE,
				              "tenant '%s': the name is used twice",
				              topology_tenant(topology, i)->name);
	return 0;
}

int topology_check(struct topology *topology, const char *file, const char *folder, struct arena *arena,
                   struct config_problem *problem)
{
	static int (*const checks[])(struct check * check) = {
	        check_names, check_gateways, check_clients, check_links, check_services, check_tenants,
	};
	struct check check = {topology, file, folder, arena, problem};
	int code = 0;

	for (size_t i = 0; code >= 0 && i < ARRAY_SIZE(checks); i++)
		code = checks[i](&check);
	if (code == -ENOMEM)
		refuse(&check, code, "out of memory");
	return code;
}
