/* SPDX-License-Identifier: Apache-2.0 */
/* Every text that comes from the topology is written as a quoted YAML scalar. */
#include "lab/configuration.h"

#include "base/compiler.h"
#include "base/hex.h"
#include "base/unit.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

static void put_text(FILE *stream, const char *text)
{
	fputc('"', stream);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(stream, "\\%c", *c);
		else if ((unsigned char)*c < ' ')
			fprintf(stream, "\\x%02x", (unsigned)*c);
		else
			fputc(*c, stream);
	}
	fputc('"', stream);
}

static void put_pair(FILE *stream, const char *key, const char *text)
{
	fprintf(stream, "%s: ", key);
	put_text(stream, text);
}

static void put_duration(FILE *stream, const char *key, int64_t nanoseconds)
{
	char text[UNIT_TEXT];

	fprintf(stream, "%s: %s", key, unit_format_duration(nanoseconds, text));
}

static void put_bytes(FILE *stream, const char *key, int64_t bytes)
{
	char text[UNIT_TEXT];

	fprintf(stream, "%s: %s", key, unit_format_bytes(bytes, text));
}

static void put_decimal(FILE *stream, const char *key, int64_t value, int64_t scale)
{
	char text[UNIT_TEXT];

	fprintf(stream, "%s: %s", key, unit_format_decimal(value, scale, text));
}

static void put_price(FILE *stream, int64_t price, int64_t tariff)
{
	put_decimal(stream, ", price", price, TOPOLOGY_PRICE_SCALE);
	put_decimal(stream, ", tariff", tariff, TOPOLOGY_PRICE_SCALE);
}

static void put_secret(FILE *stream, const char *key, const uint8_t *secret)
{
	char text[2 * CONFIGURATION_SECRET + 1];

	fprintf(stream, "%s: \"%s\"", key, hex_format(secret, CONFIGURATION_SECRET, text));
}

static const char *address_text(const struct in6_addr *address, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
}

static void put_identity(FILE *stream, const struct topology *topology,
                         const struct topology_gateway *gateway, const struct configuration_place *place)
{
	put_pair(stream, "node", gateway->name);
	fprintf(stream, "\nidentity: {site: %" PRId64 ", gateway: %" PRId64 "}\n", gateway->site,
	        gateway->gateway);
	fprintf(stream, "locator: \"fc00:0:%" PRIx64 "::/48\"\n", (uint64_t)gateway->site);
	fprintf(stream, "state: \"%s/%s/state\"\n", place->folder, gateway->name);
	fprintf(stream, "cgroup: \"busbar-lab-%s/%s\"\n", place->lab, gateway->name);
	put_pair(stream, "operator", topology->operator_name);
	put_pair(stream, "\nregion", gateway->region);
	put_pair(stream, "\nmodel", topology_models[gateway->model]);
	/*
	 * Prices are those of the moment, and nothing is damped, so that what happens does not depend on what
	 * happened a minute ago; every change of a price is news, so that it can be seen.
	 */
	fprintf(stream,
	        "\nprices: {half-life: 0 s}\nannounce: {price: 0 %%, half-life: 0 s}\ndecisions: %s\n",
	        topology->decisions ? "true" : "false");
}

static bool as_came_before(const struct topology *topology, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (topology_gateway(topology, i)->as == topology_gateway(topology, index)->as)
			return true;
	return false;
}

static void put_domain(FILE *stream, const struct topology *topology,
                       const struct configuration_secrets *secrets)
{
	fputs("domain:\n  block: \"fc00::/32\"\n  members: [", stream);
	for (size_t i = 0; i < topology->gateways.count; i++)
		if (!as_came_before(topology, i))
			fprintf(stream, "%s%" PRId64, i ? ", " : "", topology_gateway(topology, i)->as);
	fputs("]\n  keys:\n    - {id: 1, ", stream);
	put_secret(stream, "secret", secrets->domain);
	fputs("}\n", stream);
}

static void put_bgp(FILE *stream, const struct topology *topology, const struct topology_gateway *gateway)
{
	fprintf(stream, "bgp: {as: %" PRId64 ", router-id: %" PRId64, gateway->as, gateway->site);
	put_duration(stream, ", hold", topology->bgp.hold);
	put_duration(stream, ", minimum-interval", topology->bgp.minimum_interval);
	fputs("}\n", stream);
}

static void put_link(FILE *stream, const struct topology *topology, size_t index, size_t end)
{
	const struct topology_link *link = topology_link(topology, index);
	const struct topology_gateway *neighbour = topology_gateway(topology, link->ends[1 - end]);
	struct topology_wire wire;
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN], rate[UNIT_TEXT], ceiling[UNIT_TEXT];

	topology_wire(topology, index, &wire);
	put_pair(stream, "  - {name", neighbour->name);
	fprintf(stream, ", site: %" PRId64 ", gateway: %" PRId64 ", as: %" PRId64, neighbour->site,
	        neighbour->gateway, neighbour->as);
	put_pair(stream, ", interface", wire.ends[end].interface);
	fprintf(stream, ",\n     local: \"%s\", remote: \"%s\"", address_text(&wire.ends[end].address, local),
	        address_text(&wire.ends[1 - end].address, remote));
	fprintf(stream, ", capacity: %s", unit_format_bitrate(link->rate / 10 * 9, rate));
	fprintf(stream, ", rate: %s", unit_format_bitrate(topology_shaped(link->rate), rate));
	/* The bridge's lines have no preamble. */
	fprintf(stream, ", overhead: 0 B,\n     ");
	put_bytes(stream, "largest-packet", link->mtu + TOPOLOGY_FRAME);
	put_duration(stream, ", latency", link->delay + topology->core.slack);
	put_duration(stream, ", least", link->delay);
	fprintf(stream, ", ceilings: [%s]", unit_format_duration(link->ceiling, ceiling));
	put_price(stream, link->price, link->tariff);
	fprintf(stream, ", steepness: %" PRId64 "}\n", link->steepness);
}

static void put_links(FILE *stream, const struct topology *topology, size_t gateway)
{
	size_t count = 0;

	for (size_t i = 0; i < topology->links.count; i++)
		for (size_t end = 0; end < 2; end++)
			if (topology_link(topology, i)->ends[end] == gateway) {
				fputs(count++ ? "" : "links:\n", stream);
				put_link(stream, topology, i, end);
			}
}

static void put_listen(FILE *stream, const char *key, const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	fprintf(stream, "%s: \"[%s]:%d\"", key, address_text(address, text), TOPOLOGY_PORT);
}

static bool has_clients(const struct topology *topology, size_t gateway)
{
	for (size_t i = 0; i < topology->clients.count; i++)
		if (topology_client(topology, i)->at == gateway)
			return true;
	return false;
}

/* The first tenant of either sort speaks for the client. */
static int first_tenant(const struct topology *topology, bool is_operator)
{
	for (size_t i = 0; i < topology->tenants.count; i++)
		if (topology_tenant(topology, i)->is_operator == is_operator)
			return (int)i;
	return -1;
}

static void put_access(FILE *stream, const struct topology *topology, size_t gateway)
{
	if (!has_clients(topology, gateway))
		return;
	fputs("access:\n", stream);
	for (size_t i = 0; i < topology->clients.count; i++) {
		const struct topology_client *client = topology_client(topology, i);
		struct topology_wire wire;
		struct in6_addr prefix;
		char text[MAXIMUM(INET6_ADDRSTRLEN, UNIT_TEXT)];

		if (client->at != gateway)
			continue;
		topology_wire(topology, topology->links.count + i, &wire);
		prefix = wire.ends[0].address;
		memset(prefix.s6_addr + 8, 0, 8);
		put_pair(stream, "  - {interface", client->name);
		put_listen(stream, ", listen", &wire.ends[0].address);
		fprintf(stream, ", prefix: \"%s/64\"", address_text(&prefix, text));
		put_duration(stream, ", delay", client->delay);
		put_duration(stream, ", ceiling", client->ceiling);
		fprintf(stream, ", rate: %s", unit_format_bitrate(topology_shaped(client->rate), text));
		/* The operator asks all gateways from any client. */
		fputs(first_tenant(topology, true) >= 0 ? ", operator: true}\n" : "}\n", stream);
	}
}

static void put_supply(FILE *stream, const struct topology_supply *supply)
{
	const struct topology_resource *resources = supply->resources.items;

	if (supply->cores == 0)
		return;
	fprintf(stream, "supply:\n  cores: %" PRId64 "\n", supply->cores);
	put_decimal(stream, "  share", supply->share, 1000000);
	put_bytes(stream, "\n  memory", supply->memory);
	put_bytes(stream, "\n  storage", supply->storage);
	fputc('\n', stream);
	if (supply->resources.count > 0)
		fputs("  resources:\n", stream);
	for (size_t i = 0; i < supply->resources.count; i++) {
		put_pair(stream, "    - {kind", resources[i].kind);
		put_price(stream, resources[i].price, resources[i].tariff);
		fprintf(stream, ", steepness: %" PRId64 "}\n", resources[i].steepness);
	}
}

static bool offers(const struct topology_service *service, const char *gateway)
{
	const char *const *sites = service->sites.items;

	for (size_t i = 0; i < service->sites.count; i++)
		if (strcmp(sites[i], gateway) == 0)
			return true;
	return false;
}

static void put_service(FILE *stream, const struct topology_service *service)
{
	const char *const *words = service->command.items;
	struct in6_addr address;
	char text[INET6_ADDRSTRLEN];

	memcpy(&address, service->address.octets, sizeof(address));
	put_pair(stream, "  - {name", service->name);
	put_pair(stream, ", version", service->version);
	fprintf(stream, ", address: \"%s\",\n     command: [", address_text(&address, text));
	for (size_t i = 0; i < service->command.count; i++) {
		fputs(i ? ", " : "", stream);
		put_text(stream, words[i]);
	}
	put_decimal(stream, "],\n     cpu", service->cpu, 1000);
	put_bytes(stream, ", memory", service->memory);
	fprintf(stream, ", processes: %" PRId64, service->processes);
	put_duration(stream, ", time", service->time);
	put_price(stream, service->price, service->tariff);
	if (service->listens)
		fputs(", listens: true", stream);
	if (service->folder)
		put_pair(stream, ",\n     folder", service->folder);
	fputs("}\n", stream);
}

static void put_services(FILE *stream, const struct topology *topology, const char *gateway)
{
	size_t count = 0;

	for (size_t i = 0; i < topology->services.count; i++) {
		if (!offers(topology_service(topology, i), gateway))
			continue;
		fputs(count++ ? "" : "services:\n", stream);
		put_service(stream, topology_service(topology, i));
	}
}

static bool controls_others(const struct topology *topology, const struct topology_gateway *gateway)
{
	for (size_t i = 0; i < topology->gateways.count; i++) {
		const struct topology_gateway *other = topology_gateway(topology, i);

		if (other->controller != NULL && strcmp(other->controller, gateway->name) == 0)
			return true;
	}
	return false;
}

static void put_controller(FILE *stream, const struct topology *topology,
                           const struct topology_gateway *gateway)
{
	const struct topology_gateway *controller;

	if (controls_others(topology, gateway))
		fputs("controller: {serves: true}\n", stream);
	if (gateway->controller == NULL)
		return;
	controller = topology_gateway(topology, (size_t)topology_find(topology, gateway->controller));
	fprintf(stream, "controller: {site: %" PRId64 ", gateway: %" PRId64 "}\n", controller->site,
	        controller->gateway);
}

/* Where tasks are kept, there is their tenants' money. */
static void put_tenants(FILE *stream, const struct topology *topology, const struct topology_gateway *gateway,
                        bool all, const struct configuration_secrets *secrets)
{
	size_t count = 0;

	for (size_t i = 0; i < topology->tenants.count; i++) {
		const struct topology_tenant *tenant = topology_tenant(topology, i);

		if (!all && !tenant->is_operator)
			continue;
		fputs(count++ ? "" : "tenants:\n", stream);
		put_pair(stream, "  - {name", tenant->name);
		fprintf(stream, ", key: %zu", i + 1);
		put_secret(stream, ", secret", secrets->tenants[i]);
		if (gateway->controller == NULL)
			put_decimal(stream, ", balance", tenant->balance, TOPOLOGY_PRICE_SCALE);
		put_pair(stream, ", plan", tenant->plan);
		fputs(tenant->is_operator ? ", operator: true}\n" : "}\n", stream);
	}
}

/* The share of the host's power that one of the site's cores stands for. */
static void put_power(FILE *stream, const struct topology_supply *supply,
                      const struct configuration_place *place)
{
	double share = (double)supply->share / 1e6;

	if (supply->cores == 0 || place->core_gflops <= 0)
		return;
	fprintf(stream, "gflops-per-core: %.3f\n",
	        place->core_gflops * share * place->host_cores / (double)supply->cores);
}

void configuration_gateway(FILE *stream, const struct topology *topology, size_t gateway,
                           const struct configuration_place *place,
                           const struct configuration_secrets *secrets)
{
	const struct topology_gateway *node = topology_gateway(topology, gateway);

	put_identity(stream, topology, node, place);
	put_domain(stream, topology, secrets);
	put_bgp(stream, topology, node);
	put_links(stream, topology, gateway);
	put_access(stream, topology, gateway);
	put_supply(stream, &node->supply);
	put_power(stream, &node->supply, place);
	put_services(stream, topology, node->name);
	put_controller(stream, topology, node);
	put_tenants(stream, topology, node, has_clients(topology, gateway) || controls_others(topology, node),
	            secrets);
}

void configuration_client(FILE *stream, const struct topology *topology, size_t client,
                          const struct configuration_secrets *secrets)
{
	int tenant = first_tenant(topology, false);
	int operator_tenant = first_tenant(topology, true);
	struct topology_wire wire;

	topology_wire(topology, topology->links.count + client, &wire);
	put_listen(stream, "gateway", &wire.ends[0].address);
	fputc('\n', stream);
	if (tenant >= 0) {
		put_pair(stream, "tenant", topology_tenant(topology, (size_t)tenant)->name);
		fprintf(stream, "\nkey: %d\n", tenant + 1);
		put_secret(stream, "secret", secrets->tenants[tenant]);
		fputc('\n', stream);
	}
	if (operator_tenant >= 0) {
		fprintf(stream, "operator: {key: %d", operator_tenant + 1);
		put_secret(stream, ", secret", secrets->tenants[operator_tenant]);
		fputs("}\n", stream);
	}
	fputs("gateways:\n", stream);
	for (size_t i = 0; i < topology->gateways.count; i++)
		fprintf(stream, "  - \"[fc00:0:%" PRIx64 "::1]:%d\"\n",
		        (uint64_t)topology_gateway(topology, i)->site, TOPOLOGY_PORT);
}
