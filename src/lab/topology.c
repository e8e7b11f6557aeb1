/* SPDX-License-Identifier: Apache-2.0 */
/* The topology's fields and the readers of a topology. Checks of meaning are in topology_check.c. */
#include "lab/topology.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "lab/topology_check.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDARD_RATE_MAXIMUM INT64_C(100000000000)
#define FIELD(structure, member) .offset = offsetof(struct structure, member)
#define PRICE(structure, member) \
	.type = CONFIG_DECIMAL, FIELD(structure, member), .scale = TOPOLOGY_PRICE_SCALE
#define RATE(structure, text)                                                               \
	{                                                                                   \
		"rate", CONFIG_BITRATE, FIELD(structure, rate),                             \
		        .fallback = (text), .minimum = 0, .maximum = STANDARD_RATE_MAXIMUM, \
		        .help = "bits per second; a frame takes its length over the rate"   \
	}
#define QUEUE(structure, text)                                                          \
	{                                                                               \
		"queue", CONFIG_DURATION, FIELD(structure, queue),                      \
		        .fallback = (text), .minimum = 0, .maximum = 10 * CLOCK_SECOND, \
		        .help = "longest wait of a frame before it is dropped"          \
	}
#define MTU(structure, text)                                                                                 \
	{                                                                                                    \
		"mtu", CONFIG_INTEGER, FIELD(structure, mtu),                                                \
		        .fallback = (text), .minimum = 0, .maximum = 9000, .help = "largest packet in bytes" \
	}
#define DELAY(structure)                                                                           \
	{                                                                                          \
		"delay", CONFIG_DURATION, FIELD(structure, delay), .required = true, .minimum = 0, \
		                                                   .maximum = 10 * CLOCK_SECOND,   \
		                                                   .help = "one-way delay"         \
	}
#define LOSS(structure)                                                                                   \
	{                                                                                                 \
		"loss", CONFIG_RATIO, FIELD(structure, loss), .fallback = "0", .minimum = 0,              \
		                                              .maximum = 1000000,                         \
		                                              .help = "share of the frames that are lost" \
	}

const char *const topology_models[] = {"supercomputing", "cloud", "grid", "edge", "device", "transit", NULL};

static const struct config_field resource_fields[] = {
        {"kind", CONFIG_TEXT, FIELD(topology_resource, kind), .required = true, .help = "cpu, memory, ..."},
        {"price", PRICE(topology_resource, price), .required = true, .help = "per unit second"},
        {"tariff", PRICE(topology_resource, tariff), .required = true, .help = "per unit second"},
        {"steepness", CONFIG_INTEGER, FIELD(topology_resource, steepness), .fallback = "32", .minimum = 1,
         .maximum = 1000000, .help = "price when full over price when empty"},
        {0},
};

static const struct config_field supply_fields[] = {
        {"cores", CONFIG_INTEGER, FIELD(topology_supply, cores), .minimum = 0, .maximum = 1000000,
         .help = "cores offered"},
        {"share", CONFIG_RATIO, FIELD(topology_supply, share), .minimum = 0, .maximum = 1000000,
         .help = "share of this host that stands for them"},
        {"memory", CONFIG_BYTES, FIELD(topology_supply, memory), .help = "memory offered"},
        {"storage", CONFIG_BYTES, FIELD(topology_supply, storage), .help = "storage offered"},
        {"resources", CONFIG_LIST, FIELD(topology_supply, resources), .fields = resource_fields,
         .element_size = sizeof(struct topology_resource), .list_maximum = 16, .help = "prices by kind"},
        {0},
};

static const struct config_field gateway_fields[] = {
        {"name", CONFIG_TEXT, FIELD(topology_gateway, name), .required = true, .help = "node name"},
        {"site", CONFIG_INTEGER, FIELD(topology_gateway, site), .required = true, .minimum = 1,
         .maximum = 65535, .help = "site number; its locator is fc00:0:SITE::/48"},
        {"gateway", CONFIG_INTEGER, FIELD(topology_gateway, gateway), .fallback = "1", .minimum = 1,
         .maximum = 65535, .help = "number within the site"},
        {"as", CONFIG_INTEGER, FIELD(topology_gateway, as), .required = true, .minimum = 1,
         .maximum = UINT32_MAX, .help = "autonomous system"},
        {"model", CONFIG_CHOICE, FIELD(topology_gateway, model), .required = true, .choices = topology_models,
         .help = "supply model"},
        {"region", CONFIG_TEXT, FIELD(topology_gateway, region), .required = true, .help = "where it is"},
        {"controller", CONFIG_TEXT, FIELD(topology_gateway, controller),
         .help = "gateway that maps for the clients here; absent: this one does"},
        {"supply", CONFIG_SECTION, FIELD(topology_gateway, supply), .fields = supply_fields,
         .help = "absent: the gateway offers no computing"},
        {0},
};

static const struct config_field client_fields[] = {
        {"name", CONFIG_TEXT, FIELD(topology_client, name), .required = true, .help = "node name"},
        {"gateway", CONFIG_TEXT, FIELD(topology_client, gateway), .required = true, .help = "its edge"},
        DELAY(topology_client),
        RATE(topology_client, NULL),
        QUEUE(topology_client, NULL),
        LOSS(topology_client),
        MTU(topology_client, NULL),
        {"ceiling", CONFIG_DURATION, FIELD(topology_client, ceiling), .minimum = 0,
         .maximum = 20 * CLOCK_SECOND, .help = "promised delay; default delay + access.margin"},
        {0},
};

static const struct config_field link_fields[] = {
        {"between", CONFIG_LIST, FIELD(topology_link, between), .required = true, .element = CONFIG_TEXT,
         .element_size = sizeof(const char *), .list_maximum = 2, .help = "the two gateways"},
        DELAY(topology_link),
        RATE(topology_link, NULL),
        QUEUE(topology_link, NULL),
        LOSS(topology_link),
        MTU(topology_link, NULL),
        {"ceiling", CONFIG_DURATION, FIELD(topology_link, ceiling), .minimum = 0,
         .maximum = 20 * CLOCK_SECOND,
         .help = "promised delay; default delay + core.slack + core.margin + an empty output's"},
        {"price", PRICE(topology_link, price), .help = "per Mbit/s second"},
        {"tariff", PRICE(topology_link, tariff), .help = "per Mbit/s second"},
        {"steepness", CONFIG_INTEGER, FIELD(topology_link, steepness), .minimum = 0, .maximum = 1000000,
         .help = "price when full over price when empty"},
        {0},
};

static const struct config_field service_fields[] = {
        {"name", CONFIG_TEXT, FIELD(topology_service, name), .required = true, .help = "service name"},
        {"version", CONFIG_TEXT, FIELD(topology_service, version), .required = true, .help = "its version"},
        {"address", CONFIG_ADDRESS, FIELD(topology_service, address), .required = true,
         .help = "its anycast address (CS-ID)"},
        {"command", CONFIG_LIST, FIELD(topology_service, command), .required = true, .element = CONFIG_TEXT,
         .element_size = sizeof(const char *), .list_maximum = 32,
         .help = "program and arguments; ./ and ../ start at the topology file"},
        {"cpu", CONFIG_DECIMAL, FIELD(topology_service, cpu), .fallback = "1", .scale = 1000, .minimum = 1,
         .maximum = 1000000000, .help = "cores"},
        {"memory", CONFIG_BYTES, FIELD(topology_service, memory), .fallback = "64 MiB", .minimum = 1048576,
         .maximum = INT64_MAX, .help = "memory limit"},
        {"processes", CONFIG_INTEGER, FIELD(topology_service, processes), .fallback = "16", .minimum = 1,
         .maximum = 65536, .help = "processes and threads at most"},
        {"time", CONFIG_DURATION, FIELD(topology_service, time), .required = true, .minimum = 1,
         .maximum = 86400 * CLOCK_SECOND, .help = "time limit"},
        {"listens", CONFIG_BOOLEAN, FIELD(topology_service, listens), .fallback = "false",
         .help = "something listens at the address, in the sites' nodes"},
        {"price", PRICE(topology_service, price), .required = true, .help = "per call"},
        {"tariff", PRICE(topology_service, tariff), .required = true, .help = "per call"},
        {"folder", CONFIG_TEXT, FIELD(topology_service, folder), .help = "folder the program may read"},
        {"sites", CONFIG_LIST, FIELD(topology_service, sites), .required = true, .element = CONFIG_TEXT,
         .element_size = sizeof(const char *), .list_maximum = TOPOLOGY_GATEWAYS,
         .help = "gateways that offer it"},
        {0},
};

static const struct config_field tenant_fields[] = {
        {"name", CONFIG_TEXT, FIELD(topology_tenant, name), .required = true, .help = "tenant name"},
        {"balance", CONFIG_DECIMAL, FIELD(topology_tenant, balance), .fallback = "0",
         .scale = TOPOLOGY_PRICE_SCALE, .help = "money at the start"},
        {"plan", CONFIG_TEXT, FIELD(topology_tenant, plan), .fallback = "spot", .help = "price plan"},
        {"operator", CONFIG_BOOLEAN, FIELD(topology_tenant, is_operator), .fallback = "false",
         .help = "may ask for what only operators may see"},
        {0},
};

static const struct config_field access_fields[] = {
        RATE(topology_access, "100 Mbit/s"),
        QUEUE(topology_access, "50 ms"),
        MTU(topology_access, "1500"),
        {"margin", CONFIG_DURATION, FIELD(topology_access, margin), .fallback = "4 ms", .minimum = 1,
         .maximum = 10 * CLOCK_SECOND, .help = "an access link's ceiling above its delay"},
        {0},
};

static const struct config_field core_fields[] = {
        RATE(topology_core, "1 Gbit/s"),
        QUEUE(topology_core, "10 ms"),
        MTU(topology_core, "2000"),
        {"slack", CONFIG_DURATION, FIELD(topology_core, slack), .fallback = "500 us", .minimum = 1,
         .maximum = CLOCK_SECOND, .help = "by which the bridge may be late in ordinary times"},
        {"margin", CONFIG_DURATION, FIELD(topology_core, margin), .fallback = "1 ms", .minimum = 1,
         .maximum = 10 * CLOCK_SECOND, .help = "of a link's ceiling, for bursts"},
        {"price", PRICE(topology_core, price), .fallback = "0.0000001", .help = "per Mbit/s second"},
        {"tariff", PRICE(topology_core, tariff), .fallback = "0.0000002", .help = "per Mbit/s second"},
        {"steepness", CONFIG_INTEGER, FIELD(topology_core, steepness), .fallback = "32", .minimum = 1,
         .maximum = 1000000, .help = "price when full over price when empty"},
        {0},
};

static const struct config_field bgp_fields[] = {
        {"hold", CONFIG_DURATION, offsetof(struct topology, bgp.hold) - offsetof(struct topology, bgp),
         .fallback = "9 s", .minimum = 3 * CLOCK_SECOND, .maximum = 3600 * CLOCK_SECOND, .help = "hold time"},
        {"minimum-interval", CONFIG_DURATION,
         offsetof(struct topology, bgp.minimum_interval) - offsetof(struct topology, bgp),
         .fallback = "100 ms", .minimum = 1, .maximum = 60 * CLOCK_SECOND,
         .help = "shortest time between updates"},
        {0},
};

const struct config_field topology_fields[] = {
        {"operator", CONFIG_TEXT, FIELD(topology, operator_name), .required = true, .help = "who runs it"},
        {"ready", CONFIG_DURATION, FIELD(topology, ready), .fallback = "30 s", .minimum = CLOCK_MILLISECOND,
         .maximum = 3600 * CLOCK_SECOND, .help = "how long daemons may take to get ready"},
        {"seed", CONFIG_INTEGER, FIELD(topology, seed), .fallback = "1", .minimum = 0, .maximum = INT64_MAX,
         .help = "of the losses"},
        {"decisions", CONFIG_BOOLEAN, FIELD(topology, decisions), .fallback = "true",
         .help = "gateways keep what every decision was made from"},
        {"bgp", CONFIG_SECTION, FIELD(topology, bgp), .fields = bgp_fields, .help = "routing timers"},
        {"access", CONFIG_SECTION, FIELD(topology, access), .fields = access_fields,
         .help = "defaults for clients"},
        {"core", CONFIG_SECTION, FIELD(topology, core), .fields = core_fields, .help = "defaults for links"},
        {"gateways", CONFIG_LIST, FIELD(topology, gateways), .required = true, .fields = gateway_fields,
         .element_size = sizeof(struct topology_gateway), .list_maximum = TOPOLOGY_GATEWAYS,
         .help = "gateway nodes"},
        {"clients", CONFIG_LIST, FIELD(topology, clients), .fields = client_fields,
         .element_size = sizeof(struct topology_client), .list_maximum = TOPOLOGY_CLIENTS,
         .help = "client nodes"},
        {"links", CONFIG_LIST, FIELD(topology, links), .fields = link_fields,
         .element_size = sizeof(struct topology_link), .list_maximum = TOPOLOGY_LINKS,
         .help = "links between gateways"},
        {"services", CONFIG_LIST, FIELD(topology, services), .fields = service_fields,
         .element_size = sizeof(struct topology_service), .list_maximum = TOPOLOGY_SERVICES,
         .help = "services that sites offer"},
        {"tenants", CONFIG_LIST, FIELD(topology, tenants), .fields = tenant_fields,
         .element_size = sizeof(struct topology_tenant), .list_maximum = TOPOLOGY_TENANTS,
         .help = "who may use it"},
        {0},
};

int topology_parse(const char *text, size_t size, const char *file, const char *folder, struct arena *arena,
                   struct topology *ret_topology, struct config_problem *problem)
{
	struct topology topology;
	int code =
	        config_parse(text, size, file, topology_fields, &topology, sizeof(topology), arena, problem);

	if (code >= 0)
		code = topology_check(&topology, file, folder, arena, problem);
	if (code >= 0)
		*ret_topology = topology;
	return code;
}

int topology_read(const char *path, struct arena *arena, struct topology *ret_topology,
                  struct config_problem *problem)
{
	char folder[PATH_MAX];
	char *slash;
	char *text;
	size_t size;
	int code = file_read(path, 1 << 20, arena, &text, &size);

	if (code < 0 || !realpath(path, folder)) {
		code = code < 0 ? code : -ENOENT;
		snprintf(problem->text, sizeof(problem->text), "%s: %s", path, error_text(code));
		return code;
	}
	slash = strrchr(folder, '/');
	slash[slash == folder ? 1 : 0] = '\0';
	return topology_parse(text, size, path, folder, arena, ret_topology, problem);
}

int64_t topology_shaped(int64_t rate)
{
	return rate / 100 * 97;
}

const struct topology_gateway *topology_gateway(const struct topology *topology, size_t index)
{
	return &((const struct topology_gateway *)topology->gateways.items)[index];
}

const struct topology_client *topology_client(const struct topology *topology, size_t index)
{
	return &((const struct topology_client *)topology->clients.items)[index];
}

const struct topology_link *topology_link(const struct topology *topology, size_t index)
{
	return &((const struct topology_link *)topology->links.items)[index];
}

const struct topology_service *topology_service(const struct topology *topology, size_t index)
{
	return &((const struct topology_service *)topology->services.items)[index];
}

const struct topology_tenant *topology_tenant(const struct topology *topology, size_t index)
{
	return &((const struct topology_tenant *)topology->tenants.items)[index];
}

size_t topology_nodes(const struct topology *topology)
{
	return topology->gateways.count + topology->clients.count;
}

bool topology_node_is_gateway(const struct topology *topology, size_t node)
{
	return node < topology->gateways.count;
}

const char *topology_node_name(const struct topology *topology, size_t node)
{
	if (topology_node_is_gateway(topology, node))
		return topology_gateway(topology, node)->name;
	return topology_client(topology, node - topology->gateways.count)->name;
}

int topology_find(const struct topology *topology, const char *name)
{
	for (size_t node = 0; node < topology_nodes(topology); node++)
		if (strcmp(topology_node_name(topology, node), name) == 0)
			return (int)node;
	return BUSBAR_ERROR_NOT_FOUND;
}

size_t topology_wires(const struct topology *topology)
{
	return topology->links.count + topology->clients.count;
}

/* fd00:LINK::1 and ::2, links counted from 1. */
static struct in6_addr link_address(size_t link, int end)
{
	struct in6_addr address = {.s6_addr = {0xfd, 0x00, (uint8_t)((link + 1) >> 8), (uint8_t)(link + 1)}};

	address.s6_addr[15] = (uint8_t)(end + 1);
	return address;
}

/* 2001:db8:CLIENT::1 at the gateway and ::2 at the client, clients counted from 1. */
static struct in6_addr access_address(size_t client, int end)
{
	struct in6_addr address = {.s6_addr = {0x20, 0x01, 0x0d, 0xb8, 0, (uint8_t)(client + 1)}};

	address.s6_addr[15] = (uint8_t)(end + 1);
	return address;
}

static void access_wire(const struct topology *topology, size_t index, struct topology_wire *ret_wire)
{
	const struct topology_client *client = topology_client(topology, index);

	*ret_wire = (struct topology_wire){
	        .quality = {client->delay, client->rate, client->queue, client->loss, client->mtu},
	        .ends = {{client->at, client->name, access_address(index, 0)},
	                 {topology->gateways.count + index, client->gateway, access_address(index, 1)}},
	};
}

void topology_wire(const struct topology *topology, size_t index, struct topology_wire *ret_wire)
{
	const struct topology_link *link;

	if (index >= topology->links.count) {
		access_wire(topology, index - topology->links.count, ret_wire);
		return;
	}
	link = topology_link(topology, index);
	*ret_wire = (struct topology_wire){
	        .quality = {link->delay, link->rate, link->queue, link->loss, link->mtu},
	        .ends = {{link->ends[0], topology_node_name(topology, link->ends[1]), link_address(index, 0)},
	                 {link->ends[1], topology_node_name(topology, link->ends[0]),
	                  link_address(index, 1)}},
	};
}

bool topology_name_is_valid(const char *name, size_t longest)
{
	size_t size = strlen(name);

	if (size == 0 || size > longest || name[0] < 'a' || name[0] > 'z' || name[size - 1] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}
