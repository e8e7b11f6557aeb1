/* SPDX-License-Identifier: Apache-2.0 */
/* Reading topologies: what a whole one yields, and every contradiction that must be refused. */
#include "../../t.h"

#include "base/clock.h"
#include "lab/topology.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>

#define SUPPLY ", supply: {cores: 2, share: 10 %, memory: 1 GiB}"
#define GATEWAYS                                                            \
	"operator: o\ngateways:\n"                                          \
	"  - {name: a, site: 1, as: 1, model: edge, region: r" SUPPLY "}\n" \
	"  - {name: b, site: 2, as: 2, model: transit, region: r}\n"
#define SERVICE "name: s, version: '1', address: 'fd00::1', time: 1 s, price: 1, tariff: 1, "

static int parse(const char *text, struct topology *topology, struct config_problem *problem,
                 struct arena *arena)
{
	memset(problem, 0, sizeof(*problem));
	return topology_parse(text, strlen(text), "t.yaml", "/place", arena, topology, problem);
}

static void read_small(void **state)
{
	struct arena *arena = arena_create(1 << 22);
	struct config_problem problem;
	struct topology topology;
	const struct topology_link *link;
	const char *const *words;
	char folder[PATH_MAX];

	if (topology_read(LAB_TEST_FOLDER "/small.yaml", arena, &topology, &problem) < 0)
		fail_msg("%s", problem.text);
	T_EQ(topology_nodes(&topology), 5);
	T_EQ(topology_wires(&topology), 4);
	T_EQ(topology_find(&topology, "client-1"), 3);
	T_ERROR(topology_find(&topology, "nobody"), BUSBAR_ERROR_NOT_FOUND);
	T_TRUE(topology_node_is_gateway(&topology, 2));
	T_TRUE(!topology_node_is_gateway(&topology, 3));
	T_EQ(topology_gateway(&topology, 1)->supply.cores, 0);
	T_EQ(topology_gateway(&topology, 0)->supply.share, 150000);
	link = topology_link(&topology, 0);
	T_EQ(link->rate, 1000000000);
	T_EQ(link->mtu, 2000);
	/* Delay, slack and margin, the timer's slack, and six frames at 970 Mbit/s. */
	T_EQ(link->ceiling, 3 * CLOCK_MILLISECOND + 1031250 + 6 * 16611);
	T_EQ(topology_client(&topology, 0)->ceiling, 5 * CLOCK_MILLISECOND);
	T_EQ(topology_client(&topology, 1)->ceiling, 7 * CLOCK_MILLISECOND);
	T_TRUE(topology_service(&topology, 0)->listens);
	T_EQ(link->price, 100);
	T_EQ(topology_link(&topology, 1)->rate, INT64_C(10000000000));
	T_EQ(topology_link(&topology, 1)->steepness, 8);
	T_EQ(topology_client(&topology, 0)->loss, 10000);
	T_EQ(topology_client(&topology, 1)->mtu, 1400);
	T_EQ(topology_client(&topology, 1)->queue, 50 * CLOCK_MILLISECOND);
	words = topology_service(&topology, 0)->command.items;
	T_TRUE(realpath(LAB_TEST_FOLDER, folder));
	T_TRUE(strncmp(words[0], folder, strlen(folder)) == 0);
	T_TEXT(words[0] + strlen(folder), "/./bin/echo");
	T_TEXT(words[1] + strlen(folder), "/../share/x");
	T_TEXT(words[3], "plain");
	T_TEXT(topology_service(&topology, 0)->folder + strlen(folder), "/data");
	arena_free(arena);
}

static void check_address(const struct in6_addr *address, const char *expected)
{
	char text[INET6_ADDRSTRLEN];

	T_TEXT(inet_ntop(AF_INET6, address, text, sizeof(text)), expected);
}

static void wires_name_both_ends(void **state)
{
	struct arena *arena = arena_create(1 << 22);
	struct config_problem problem;
	struct topology topology;
	struct topology_wire wire;

	T_OK(topology_read(LAB_TEST_FOLDER "/small.yaml", arena, &topology, &problem));
	topology_wire(&topology, 1, &wire);
	T_EQ(wire.ends[0].node, 1);
	T_TEXT(wire.ends[0].interface, "core-2");
	check_address(&wire.ends[0].address, "fd00:2::1");
	T_EQ(wire.ends[1].node, 2);
	T_TEXT(wire.ends[1].interface, "core-1");
	check_address(&wire.ends[1].address, "fd00:2::2");
	T_EQ(wire.quality.delay, 10 * CLOCK_MILLISECOND);
	topology_wire(&topology, 3, &wire);
	T_EQ(wire.ends[0].node, 0);
	T_TEXT(wire.ends[0].interface, "client-2");
	check_address(&wire.ends[0].address, "2001:db8:2::1");
	T_EQ(wire.ends[1].node, 4);
	T_TEXT(wire.ends[1].interface, "edge-1");
	check_address(&wire.ends[1].address, "2001:db8:2::2");
	T_EQ(wire.quality.rate, 20000000);
	arena_free(arena);
}

static void shipped_topology_is_valid(void **state)
{
	struct arena *arena = arena_create(1 << 22);
	struct config_problem problem;
	struct topology topology;

	if (topology_read(LAB_SOURCE_FOLDER "/metro.yaml", arena, &topology, &problem) < 0)
		fail_msg("%s", problem.text);
	T_EQ(topology.gateways.count, 6);
	T_EQ(topology.links.count, 9);
	T_EQ(topology.clients.count, 2);
	arena_free(arena);
}

static void contradictions(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} cases[] = {
	        {"", BUSBAR_ERROR_MISSING_FIELD, "operator"},
	        {"operator: o\ngateways: []", BUSBAR_ERROR_MISSING_FIELD, "at least one"},
	        {"operator: o\ngateways: [{name: A, site: 1, as: 1, model: edge, region: r}]",
	         BUSBAR_ERROR_BAD_VALUE, "'A'"},
	        {"operator: o\ngateways: [{name: lo, site: 1, as: 1, model: edge, region: r}]",
	         BUSBAR_ERROR_BAD_VALUE, "'lo'"},
	        {"operator: o\ngateways: [{name: sixteen-letters-, site: 1, as: 1, model: edge, region: r}]",
	         BUSBAR_ERROR_BAD_VALUE, "not a node name"},
	        {"operator: o\ngateways: [{name: a/b, site: 1, as: 1, model: edge, region: r}]",
	         BUSBAR_ERROR_BAD_VALUE, "not a node name"},
	        {"operator: o\ngateways: [{name: a, site: 0, as: 1, model: edge, region: r}]",
	         BUSBAR_ERROR_BAD_VALUE, "site"},
	        {"operator: o\ngateways: [{name: a, site: 1, as: 1, model: sun, region: r}]",
	         BUSBAR_ERROR_BAD_VALUE, "model"},
	        {"operator: o\ngateways: [{name: a, site: 1, as: 1, model: edge, region: r, power: 3}]",
	         BUSBAR_ERROR_UNKNOWN_FIELD, "power"},
	        {"operator: o\ngateways: [{name: a, site: 1, as: 1, model: transit, region: r" SUPPLY "}]",
	         BUSBAR_ERROR_BAD_VALUE, "transit"},
	        {"operator: o\ngateways: [{name: a, site: 1, as: 1, model: edge, region: r, supply: {cores: "
	         "1}}]",
	         BUSBAR_ERROR_MISSING_FIELD, "supply"},
	        {GATEWAYS "  - {name: a, site: 3, as: 3, model: edge, region: r}", BUSBAR_ERROR_DUPLICATE,
	         "'a'"},
	        {GATEWAYS "  - {name: c, site: 2, as: 3, model: edge, region: r}", BUSBAR_ERROR_DUPLICATE,
	         "site 2"},
	        {GATEWAYS "clients: [{name: a, gateway: b, delay: 1 ms}]", BUSBAR_ERROR_DUPLICATE, "'a'"},
	        {GATEWAYS "clients: [{name: c, gateway: x, delay: 1 ms}]", BUSBAR_ERROR_NOT_FOUND, "'x'"},
	        {GATEWAYS "clients: [{name: c, gateway: c, delay: 1 ms}]", BUSBAR_ERROR_NOT_FOUND, "'c'"},
	        {GATEWAYS "clients: [{name: c, gateway: a, delay: 1 ms, mtu: 1000}]", BUSBAR_ERROR_BAD_VALUE,
	         "1280"},
	        {GATEWAYS "clients: [{name: c, gateway: a, delay: 1}]", BUSBAR_ERROR_UNKNOWN_UNIT, "delay"},
	        {GATEWAYS "clients: [{name: c, gateway: a, delay: 11 s}]", BUSBAR_ERROR_BAD_VALUE, "delay"},
	        {GATEWAYS "clients: [{name: c, gateway: a, delay: 1 ms, loss: 101 %}]",
	         BUSBAR_ERROR_BAD_VALUE, "loss"},
	        {GATEWAYS "access: {rate: 0 bit/s}\nclients: [{name: c, gateway: a, delay: 1 ms}]",
	         BUSBAR_ERROR_AMOUNT_ZERO, "rate"},
	        {GATEWAYS "links: [{between: [a], delay: 1 ms}]", BUSBAR_ERROR_BAD_VALUE, "two gateways"},
	        {GATEWAYS "links: [{between: [a, a], delay: 1 ms}]", BUSBAR_ERROR_BAD_VALUE, "twice"},
	        {GATEWAYS "links: [{between: [a, z], delay: 1 ms}]", BUSBAR_ERROR_NOT_FOUND, "'z'"},
	        {GATEWAYS "links: [{between: [a, b], delay: 1 ms}, {between: [b, a], delay: 2 ms}]",
	         BUSBAR_ERROR_DUPLICATE, "links[1]"},
	        {GATEWAYS "links: [{between: [a, b], delay: 2 ms, ceiling: 2 ms}]", BUSBAR_ERROR_BAD_VALUE,
	         "ceiling"},
	        {GATEWAYS "services: [{" SERVICE "command: [], sites: [a]}]", BUSBAR_ERROR_MISSING_FIELD,
	         "command"},
	        {GATEWAYS "services: [{" SERVICE "command: [x], sites: [b]}]", BUSBAR_ERROR_BAD_VALUE,
	         "no supply"},
	        {GATEWAYS "services: [{" SERVICE "command: [x], sites: [q]}]", BUSBAR_ERROR_NOT_FOUND, "'q'"},
	        {GATEWAYS "services: [{" SERVICE "command: [x], sites: [a]}, {" SERVICE
	                  "command: [x], sites: [a]}]",
	         BUSBAR_ERROR_DUPLICATE, "address"},
	        {GATEWAYS "tenants: [{name: t}, {name: t}]", BUSBAR_ERROR_DUPLICATE, "'t'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena *arena = arena_create(1 << 20);
		struct config_problem problem;
		struct topology topology = {.seed = 77};

		if (parse(cases[i].text, &topology, &problem, arena) != cases[i].code ||
		    !strstr(problem.text, cases[i].says))
			fail_msg("case %zu: '%s', expected '%s' (%s)", i, problem.text, cases[i].says,
			         error_text(cases[i].code));
		T_TRUE(strncmp(problem.text, "t.yaml:", 7) == 0);
		T_EQ(topology.seed, 77);
		arena_free(arena);
	}
}

static void absent_file(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct config_problem problem;
	struct topology topology;

	T_ERROR(topology_read("/nonexistent/t.yaml", arena, &topology, &problem), -ENOENT);
	T_TRUE(strstr(problem.text, "/nonexistent/t.yaml"));
	arena_free(arena);
}

static void names(void **state)
{
	T_TRUE(topology_name_is_valid("a", 15));
	T_TRUE(topology_name_is_valid("core-2", 15));
	T_TRUE(topology_name_is_valid("abcdefghijklmno", 15));
	T_TRUE(!topology_name_is_valid("abcdefghijklmnop", 15));
	T_TRUE(!topology_name_is_valid("", 15));
	T_TRUE(!topology_name_is_valid("-a", 15));
	T_TRUE(!topology_name_is_valid("a-", 15));
	T_TRUE(!topology_name_is_valid("1a", 15));
	T_TRUE(!topology_name_is_valid("a.log", 15));
	T_TRUE(!topology_name_is_valid("..", 15));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(read_small),     cmocka_unit_test(wires_name_both_ends),
	        cmocka_unit_test(contradictions), cmocka_unit_test(shipped_topology_is_valid),
	        cmocka_unit_test(absent_file),    cmocka_unit_test(names),
	};

	return T_RUN(tests);
}
