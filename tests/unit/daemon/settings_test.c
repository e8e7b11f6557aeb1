/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's configuration: what is taken, what is refused and how that is said. */
#include "t.h"

#include "base/file.h"
#include "daemon/settings.h"
#include "daemon/settings_announce.h"
#include "daemon/settings_view.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char secret[] = SECRET;

/* Reads a text as if it stood in a file; the problem's text goes to `ret_text`. */
static int read_text(const char *text, struct arena *arena, struct settings *settings, char ret_text[512])
{
	char path[] = "/tmp/busbar-settings-XXXXXX";
	int descriptor = mkstemp(path), code;
	struct config_problem problem = {.line = 0};

	T_TRUE(descriptor >= 0);
	T_TRUE(write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
	close(descriptor);
	code = settings_read(path, arena, settings, &problem);
	T_EQ(unlink(path), 0);
	(void)snprintf(ret_text, 512, "%s", problem.text);
	return code;
}

static void an_empty_file_is_a_gateway_alone(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct settings settings;
	char text[512];

	T_OK(read_text("", arena, &settings, text));
	T_TEXT(settings.node, "busbar");
	T_EQ(settings.identity.site, 1);
	T_EQ(settings.locator.length, 48);
	T_EQ(settings.bgp.as, 0);
	T_EQ(settings.supply.cores, 0);
	arena_free(arena);
}

static void a_view_is_bounded_and_shown_in_part(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct front_tenant *tenants;
	struct view_limits limits;
	struct settings settings;
	char text[512], yaml[2048];

	(void)snprintf(yaml, sizeof(yaml),
	               "view: {sites: 100, services: 2000, edge-metadata: 0, tolerance: 10 %%, window: 3 s}\n"
	               "tenants: [{name: demo, key: 9, secret: %s, sees: {regions: [east, west], services: "
	               "[ocr]}},\n"
	               "  {name: all, key: 8, secret: %s}]\n",
	               secret, secret);
	T_OK(read_text(yaml, arena, &settings, text));
	limits = settings_view_limits(&settings);
	T_EQ(limits.sites, 100);
	T_EQ(limits.services, 2000);
	T_EQ(limits.edges, 0);
	T_EQ(limits.tolerance, 100);
	T_EQ(limits.window, 3 * CLOCK_SECOND);
	T_EQ(settings.view.routes, 262144);
	T_OK(settings_tenants(&settings, arena, &tenants));
	T_EQ(tenants[0].sight->regions.count, 2);
	T_TEXT(tenants[0].sight->regions.names[1], "west");
	T_EQ(tenants[0].sight->sites.count, 0);
	T_TEXT(tenants[0].sight->services.names[0], "ocr");
	T_TRUE(tenants[1].sight == NULL);
	arena_free(arena);
}

static void values_reach_the_rooms(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct resource_offer offers[RESOURCE_KINDS];
	struct owner_service *services;
	struct front_tenant *tenants;
	struct settings settings;
	struct seal_ring ring;
	char text[512], yaml[2048];

	(void)snprintf(yaml, sizeof(yaml),
	               "identity: {site: 7, gateway: 2}\n"
	               "domain: {members: [65001, 65002], keys: [{id: 3, secret: %s}]}\n"
	               "supply: {cores: 2.5, memory: 1 GiB, resources: [{kind: cpu, price: 0.00002, tariff: "
	               "0.00003}]}\n"
	               "services: [{name: echo, address: \"fd00::1\", command: [/bin/cat, -u], time: 20 ms,"
	               " folder: /usr/bin}]\n"
	               "tenants: [{name: demo, key: 9, secret: %s, plan: fixed}]\n",
	               secret, secret);
	T_OK(read_text(yaml, arena, &settings, text));
	T_EQ(settings_identity(&settings).site, 7);
	T_OK(settings_ring(&settings, &ring));
	T_EQ(ring.count, 1);
	T_EQ(ring.keys[0].identifier, 3);
	T_EQ(ring.keys[0].secret[1], 0x23);
	T_EQ(settings_resources(&settings, offers), 2);
	T_EQ(offers[0].capacity, 2500000);
	T_EQ(offers[0].base, 20000);
	T_EQ(offers[0].steepness, 32000);
	T_EQ(offers[1].kind, RESOURCE_MEMORY);
	T_EQ(offers[1].steepness, 1000); /* a resource without a price has no slope either */
	T_OK(settings_services(&settings, 5, arena, &services));
	T_TEXT(services[0].arguments[1], "-u");
	T_EQ(services[0].offer.time, 20 * CLOCK_MILLISECOND);
	T_EQ(services[0].offer.start, 5);
	T_OK(settings_tenants(&settings, arena, &tenants));
	T_EQ(tenants[0].key, 9);
	T_TRUE(!tenants[0].spot);
	arena_free(arena);
}

static void assert_same_news(const struct news_settings *a, const struct news_settings *b)
{
	T_EQ(a->interval, b->interval);
	T_EQ(a->age, b->age);
	for (int kind = 0; kind < NEWS_KINDS; kind++)
		T_TRUE(a->thresholds[kind].relative == b->thresholds[kind].relative &&
		       a->thresholds[kind].absolute == b->thresholds[kind].absolute);
	T_EQ(a->damping.half_life, b->damping.half_life);
	T_TRUE(a->damping.suppress == b->damping.suppress && a->damping.reuse == b->damping.reuse);
	T_EQ(a->damping.most, b->damping.most);
}

static void assert_same_metrics(const struct metric_agent_settings *a, const struct metric_agent_settings *b)
{
	T_EQ(a->window, b->window);
	T_EQ(a->statistic, b->statistic);
	T_EQ(a->function, b->function);
	T_TRUE(a->steepness == b->steepness && a->band == b->band);
	for (int category = 0; category < METRIC_CATEGORIES; category++)
		T_EQ(a->aggregations[category], b->aggregations[category]);
	for (int category = 0; category < METRIC_COMPOSED; category++)
		T_TRUE(a->weights[category] == b->weights[category]);
	T_EQ(a->link_delay, b->link_delay);
	T_EQ(a->call_delay, b->call_delay);
	T_EQ(a->loss, b->loss);
}

/* The book's defaults are the configuration's; what is given is heeded. */
static void announcements_and_metrics_reach_the_book(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct metric_agent_settings metrics;
	struct news_settings news;
	struct settings settings;
	char text[512];

	T_OK(read_text("", arena, &settings, text));
	news = settings_news(&settings);
	metrics = settings_metrics(&settings);
	assert_same_news(&news, &news_defaults);
	assert_same_metrics(&metrics, &metric_agent_defaults);
	T_OK(read_text("announce: {refresh: 4 s, price: 20 %, suppress: 5, reuse: 1.5, longest: 40 s}\n"
	               "metrics: {window: 0 s, statistic: current, normalization: sigmoid, steepness: 6,\n"
	               " composed: least, weights: [1, 0, 2.5], band: 0}\nbgp: {minimum-interval: 30 ms}\n",
	               arena, &settings, text));
	news = settings_news(&settings);
	metrics = settings_metrics(&settings);
	T_EQ(news.interval, 30 * CLOCK_MILLISECOND);
	T_EQ(news.age, 4 * CLOCK_SECOND);
	T_TRUE(news.thresholds[NEWS_PRICE].relative == 0.2);
	T_TRUE(news.damping.suppress == 5000 && news.damping.reuse == 1500);
	T_EQ(news.damping.most, 40 * CLOCK_SECOND);
	T_EQ(metrics.window, 0);
	T_EQ(metrics.statistic, METRIC_CURRENT);
	T_EQ(metrics.function, METRIC_SIGMOID);
	T_TRUE(metrics.steepness == 6 && metrics.weights[1] == 0 && metrics.weights[2] == 2.5);
	T_EQ(metrics.aggregations[METRIC_COMPOSED], METRIC_AGGREGATE_LEAST);
	arena_free(arena);
}

static void check_block(const char *yaml, const char *expected, int length)
{
	struct arena *arena = arena_create(1 << 20);
	struct config_address block;
	struct settings settings;
	char text[512];

	T_OK(read_text(yaml, arena, &settings, text));
	block = settings_block(&settings);
	T_TEXT(inet_ntop(AF_INET6, block.octets, text, sizeof(text)), expected);
	T_EQ(block.length, length);
	arena_free(arena);
}

static void the_block_is_around_the_locator(void **state)
{
	check_block("", "fc00::", 32);
	check_block("locator: \"fd12:3456:789a::/48\"\n", "fd12:3456::", 32);
	check_block("locator: \"fd12:3456:789a::/48\"\ndomain: {block: \"fd12:3456:7800::/40\"}\n",
	            "fd12:3456:7800::", 40);
	/* What is behind the prefix says nothing. */
	check_block("domain: {block: \"fc00:0:1::7/30\"}\n", "fc00::", 30);
	check_block("domain: {block: \"fc00:0:1::/48\"}\n", "fc00:0:1::", 48);
}

#define PEERS(list)                                                                                       \
	"bgp: {as: 1, peers: [" list "], policies: [{name: p, otherwise: permit, rules: [{action: deny, " \
	"prefix: \"fd00::/16\", least: 48, community: \"65000:7\"}]}]}\ndomain: {keys: [{id: 1, secret: " \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}]}\n"
#define TO_LINK                                                                                           \
	"links: [{name: a, site: 2, interface: e, local: \"fd00::1\", remote: \"fd00::2\", capacity: 10 " \
	"Mbit/s"

static void what_is_printed_reads_back(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct settings settings, again;
	char text[512], *printed = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&printed, &size);

	T_OK(read_text(
	        "node: here\nsupply: {cores: 1, memory: 1 GiB}\naccess: [{listen: \"[::1]:4179\"}]\n" PEERS(
	                "{name: r, remote: \"fd00::2\", as: 9, hops: 1, import: p}"),
	        arena, &settings, text));
	config_print(stream, settings_fields, &settings);
	(void)fclose(stream);
	T_OK(read_text(printed, arena, &again, text));
	T_TEXT(again.node, "here");
	T_EQ(again.supply.memory, settings.supply.memory);
	T_EQ(again.access.count, 1);
	T_EQ(again.bgp.peers.count, 1);
	T_EQ(((const struct settings_peer *)again.bgp.peers.items)[0].hops, 1);
	T_EQ(((const struct settings_policy *)again.bgp.policies.items)[0].made.count, 2);
	free(printed);
	arena_free(arena);
}

#define LINK                                                                                               \
	"bgp: {as: 1}\ndomain: {keys: [{id: 1, secret: "                                                   \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}]}\nlinks: [{name: a, site: 2, " \
	"as: 5, interface: e, local: \"fd00::1\", remote: \"fd00::2\", capacity: 10 Mbit/s"

/* What a guarantee rests on, and prices: as the book gets them. */
static void links_and_prices_reach_the_book(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct book *book = book_create(1, 1);
	const struct settings_link *links;
	struct resource_offer offers[RESOURCE_KINDS];
	struct settings settings;
	struct link_offer link;
	struct book_output output;
	struct book_load load;
	char text[512];

	T_OK(read_text(
	        "supply: {cores: 1, resources: [{kind: cpu, price: 0.001, tide: [2, 3]}, {kind: memory}]}\n"
	        "prices: {energy: 1.5, carbon: 2, half-life: 0 s}\n" LINK
	        ", rate: 20 Mbit/s, largest-packet: 1500 B, latency: 1 ms, overhead: 20 B, least: 900 us, "
	        "ceilings: [6 ms, 9 ms]"
	        ", price: 0.000001, tide: [0.5]}]\n",
	        arena, &settings, text));
	links = settings.links.items;
	output = settings_link_output(&links[0]);
	T_EQ(output.rate, 20000000);
	T_EQ(output.largest_packet, 1520);
	/* A millisecond of timers and a 32nd of it, and five frames. */
	T_EQ(output.latency, 2 * CLOCK_MILLISECOND + CLOCK_MILLISECOND / 32 + INT64_C(5) * 1520 * 8 * 50);
	link = settings_link_offer(&settings, &links[0]);
	T_EQ(link.capacity, 10000000);
	T_EQ(link.least, 900 * CLOCK_MICROSECOND);
	T_OK(book_add_link(book, &link, &output));
	T_EQ(settings_resources(&settings, offers), 1);
	T_OK(book_add_resource(book, &offers[0]));
	T_OK(settings_set_prices(&settings, book)); /* also for the memory that is not there */
	T_OK(book_load_at(book, 0, 1, &load));
	T_EQ(load.ceiling, 9 * CLOCK_MILLISECOND);
	T_EQ(load.delay, output.latency + 608 * CLOCK_MICROSECOND); /* a frame */
	T_OK(book_link_at(book, 0, &link));
	T_EQ(link.base, 1500); /* 1000 x 0.5 x 1.5 x 2 */
	book_tick(book, INT64_C(11) * 3600 * CLOCK_SECOND);
	T_OK(book_resource_at(book, 0, &offers[0]));
	T_EQ(offers[0].base, 6000000); /* 0.001 x 2 x 3: the first half of the day */
	book_tick(book, INT64_C(12) * 3600 * CLOCK_SECOND);
	T_OK(book_resource_at(book, 0, &offers[0]));
	T_EQ(offers[0].base, 9000000);
	book_free(book);
	arena_free(arena);
}

/* Links first, then those of the list; one with a link's address is the link's. */
static void peers_reach_the_speaker(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct settings_speaker *made = calloc(1, sizeof(*made));
	const struct speaker_policy *policy;
	struct settings settings;
	char text[512];

	T_OK(read_text(
	        PEERS("{name: r, local: \"fe80::1\", remote: \"fe80::7\", interface: eth0, as: 9, port: "
	              "1179, passive: true, "
	              "password: hidden, hops: 1, hold: 30 s, restart-time: 20 s, maximum-paths: 10, "
	              "import: p, edge-metadata: true}") "links: [{name: a, site: 2, as: 5, interface: e, "
	                                                 "local: \"fd00::1\", remote: "
	                                                 "\"fd00::2\", capacity: 10 Mbit/s}]\n",
	        arena, &settings, text));
	settings_speaker(&settings, made);
	T_EQ(made->speaker.peer_count, 2);
	T_TEXT(made->peers[0].name, "a");
	T_EQ(made->peers[0].as, 5);
	T_EQ(made->sessions[0].link, 0);
	T_EQ(made->peers[0].restart_time, 0);
	T_EQ(made->peers[1].remote[15], 7);
	T_TEXT(made->sessions[1].interface, "eth0");
	T_EQ(made->sessions[1].link, -1);
	T_EQ(made->peers[1].port, 1179);
	T_TRUE(made->peers[1].passive && made->peers[1].edge_metadata);
	T_TEXT(made->peers[1].password, "hidden");
	T_EQ(made->peers[1].gtsm_hops, 1);
	T_EQ(made->peers[1].hold, 30 * CLOCK_SECOND);
	T_EQ(made->peers[1].restart_time, 20 * CLOCK_SECOND);
	T_EQ(made->peers[1].maximum_paths, 10);
	T_EQ(made->peers[1].export_policy.count, 0);
	policy = &made->peers[1].import_policy;
	T_EQ(policy->count, 2);
	T_TRUE(!policy->rules[0].accept && policy->rules[1].accept);
	T_EQ(policy->rules[0].length, 16);
	T_EQ(policy->rules[0].least, 48);
	T_EQ(policy->rules[0].most, 128);
	T_EQ(policy->rules[0].community, 65000u << 16 | 7);
	T_EQ(policy->rules[1].most, 128);
	T_EQ(settings_link_of_session(made, "a"), 0);
	T_EQ(settings_link_of_session(made, "r"), -1);
	T_OK(read_text(PEERS("{name: a, remote: \"fd00::2\", as: 6}") TO_LINK "}]\n", arena, &settings,
	               text));
	settings_speaker(&settings, made);
	T_EQ(made->speaker.peer_count, 1);
	T_EQ(made->peers[0].as, 6);
	T_EQ(made->peers[0].local[15], 1); /* the link's */
	T_EQ(settings_link_of_session(made, "a"), 0);
	T_OK(read_text(PEERS("") TO_LINK ", bgp: false}]\n", arena, &settings, text));
	settings_speaker(&settings, made);
	T_EQ(made->speaker.peer_count, 0);
	T_OK(read_text(
	        PEERS("") "links: [{name: a, site: 2, as: 5, interface: e, local: \"fe80::1\", remote: "
	                  "\"fe80::2\", capacity: 10 Mbit/s}]\n",
	        arena, &settings, text));
	settings_speaker(&settings, made);
	T_TEXT(made->sessions[0].interface, "e");
	free(made);
	arena_free(arena);
}

static void mistakes_are_said_where_they_are(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *said;
	} mistakes[] = {
	        {"nod: x\n", BUSBAR_ERROR_UNKNOWN_FIELD, ":1:"},
	        {"node: x\nbgp: {hold: 5}\n", BUSBAR_ERROR_UNKNOWN_UNIT, ":2:"},
	        {"bgp: {hold: 1 s}\n", BUSBAR_ERROR_BAD_VALUE, "hold"},
	        {"bgp: {attribute: 254}\n", BUSBAR_ERROR_BAD_VALUE, "254"},
	        {"locator: \"fc00::/64\"\n", BUSBAR_ERROR_BAD_VALUE, "locator"},
	        {"supply: {cores: 1, resources: [{kind: gpu}]}\n", BUSBAR_ERROR_BAD_VALUE,
	         "resources[0].kind"},
	        {"supply: {cores: 1, share: 120 %}\n", BUSBAR_ERROR_BAD_VALUE, "share"},
	        {"services: [{name: a, address: \"fd00::1\", command: [x]}]\n", BUSBAR_ERROR_BAD_VALUE,
	         "supply.cores"},
	        {"supply: {cores: 1}\nservices: [{name: a, address: \"fd00::1\", command: [x], folder: "
	         "/none}]\n",
	         BUSBAR_ERROR_BAD_VALUE, "folder"},
	        {"tenants: [{name: a, key: 1, secret: abc}]\n", BUSBAR_ERROR_BAD_VALUE, "tenants"},
	        {"domain: {keys: [{id: 1, secret: abc}]}\n", BUSBAR_ERROR_BAD_VALUE, "domain.keys"},
	        {"links: [{name: a, site: 2, as: 5, interface: e, local: \"fd00::1\", remote: \"fd00::2\","
	         " capacity: 1 Gbit/s}]\n",
	         BUSBAR_ERROR_BAD_VALUE, "bgp.as"},
	        {"bgp: {peers: [{name: r, remote: \"fd00::2\", as: 5}]}\n", BUSBAR_ERROR_BAD_VALUE, "bgp.as"},
	        {PEERS("{name: r, remote: \"fd00::/48\", as: 5}"), BUSBAR_ERROR_BAD_VALUE,
	         "bgp.peers[0].local"},
	        {PEERS("{name: r, remote: \"fe80::2\", as: 5}"), BUSBAR_ERROR_BAD_VALUE, "[0].interface"},
	        {PEERS("{name: r, remote: \"fd00::2\", as: 5, hold: 2 s}"), BUSBAR_ERROR_BAD_VALUE,
	         "[0].hold"},
	        {PEERS("{name: r, remote: \"fd00::2\", as: 5, import: q}"), BUSBAR_ERROR_BAD_VALUE,
	         "[0].import"},
	        {PEERS("{name: r, remote: \"fd00::2\", as: 5, export: q}"), BUSBAR_ERROR_BAD_VALUE,
	         "[0].export"},
	        {PEERS("{name: r, remote: \"fd00::2\", as: 5, password: \"\"}"), BUSBAR_ERROR_BAD_VALUE,
	         "[0].password"},
	        {PEERS("{name: r, remote: \"fd00::2\", as: 5}, {name: r, remote: \"fd00::3\", as: 5}"),
	         BUSBAR_ERROR_BAD_VALUE, "[1].name"},
	        {PEERS("{name: r, remote: \"fd00::2\", as: 5}, {name: s, remote: \"fd00::2\", as: 5}"),
	         BUSBAR_ERROR_BAD_VALUE, "[1].remote"},
	        {PEERS("{name: a, remote: \"fd00::9\", as: 5}") TO_LINK ", as: 7}]\n", BUSBAR_ERROR_BAD_VALUE,
	         "bgp.peers[0].name"},
	        {PEERS("{name: r, remote: \"fd00::2\", as: 5}, {name: s, local: \"fd00::1\", remote: "
	               "\"fd00::3\", "
	               "as: 5}"),
	         BUSBAR_ERROR_BAD_VALUE, "bgp.peers[0].local"},
	        {PEERS("") TO_LINK "}]\n", BUSBAR_ERROR_BAD_VALUE, "links[0].as"},
	        {"bgp: {policies: [{name: p}, {name: p}]}\n", BUSBAR_ERROR_BAD_VALUE, "policies[1].name"},
	        {"bgp: {policies: [{name: p, rules: [{action: deny, least: 9, most: 8}]}]}\n",
	         BUSBAR_ERROR_BAD_VALUE, "policies[0].rules[0]"},
	        {"bgp: {policies: [{name: p, rules: [{action: deny, community: \"70000:1\"}]}]}\n",
	         BUSBAR_ERROR_BAD_VALUE, "policies[0].rules[0]"},
	        {"bgp: {policies: [{name: p, rules: [{action: deny, community: \"0:0\"}]}]}\n",
	         BUSBAR_ERROR_BAD_VALUE, "policies[0].rules[0]"},
	        {"bgp: {policies: [{name: p, rules: [{action: deny, community: \"1:2x\"}]}]}\n",
	         BUSBAR_ERROR_BAD_VALUE, "policies[0].rules[0]"},
	        {LINK ", ceilings: [1 ms, 500 us]}]\n", BUSBAR_ERROR_BAD_VALUE, "ceilings"},
	        {LINK ", latency: 2 ms, ceilings: [2 ms]}]\n", BUSBAR_ERROR_BAD_VALUE, "ceilings"},
	        {LINK ", ceilings: [1 ms, 2 ms, 3 ms]}]\n", BUSBAR_ERROR_TOO_LARGE, "ceilings"},
	        {LINK ", rate: 9 Mbit/s}]\n", BUSBAR_ERROR_BAD_VALUE, "rate"},
	        {LINK ", tide: [1, 2, 3, 4, 5]}]\n", BUSBAR_ERROR_BAD_VALUE, "links[0].tide"},
	        {LINK ", tide: [1001]}]\n", BUSBAR_ERROR_BAD_VALUE, "tide"},
	        {"supply: {cores: 1, resources: [{kind: cpu, tide: [1, 1, 1, 1, 1]}]}\n",
	         BUSBAR_ERROR_BAD_VALUE, "resources[0].tide"},
	        {"prices: {energy: -1}\n", BUSBAR_ERROR_AMOUNT_NEGATIVE, "energy"},
	        {"access: [{delay: 1 ms}]\n", BUSBAR_ERROR_MISSING_FIELD, "listen"},
	        {"access: [{listen: \"[::1]:4179\", operator: true}]\n", BUSBAR_ERROR_BAD_VALUE,
	         "access[0].operator"},
	        {"domain: {block: \"fc00:1::/32\"}\n", BUSBAR_ERROR_BAD_VALUE, "domain.block"},
	        {"domain: {block: \"::/0\"}\n", BUSBAR_ERROR_BAD_VALUE, "domain.block"},
	        {"domain: {block: \"fc00:0:1::1\"}\n", BUSBAR_ERROR_BAD_VALUE, "domain.block"},
	        {"probe: {fastest: 2 s}\n", BUSBAR_ERROR_BAD_VALUE, "probe.slowest"},
	        {"probe: {sites: 257}\n", BUSBAR_ERROR_BAD_VALUE, "sites"},
	        {"announce: {suppress: 1, reuse: 1}\n", BUSBAR_ERROR_BAD_VALUE, "announce.reuse"},
	        {"announce: {longest: 20 s}\n", BUSBAR_ERROR_BAD_VALUE, "announce.longest"},
	        {"announce: {refresh: 1 ms}\n", BUSBAR_ERROR_BAD_VALUE, "refresh"},
	        {"metrics: {weights: [1, 1]}\n", BUSBAR_ERROR_BAD_VALUE, "metrics.weights"},
	        {"metrics: {weights: [0, 0, 0]}\n", BUSBAR_ERROR_BAD_VALUE, "metrics.weights"},
	        {"metrics: {window: 20 min}\n", BUSBAR_ERROR_BAD_VALUE, "window"},
	        {"metrics: {band: 0.6}\n", BUSBAR_ERROR_BAD_VALUE, "band"},
	        {"metrics: {composed: worst}\n", BUSBAR_ERROR_BAD_VALUE, "composed"},
	        {"supply: {memory: -1 GiB}\n", BUSBAR_ERROR_AMOUNT_NEGATIVE, "memory"},
	        {"controller: {site: 1}\n", BUSBAR_ERROR_BAD_VALUE, "itself"},
	        {"controller: {site: 2, serves: true}\n", BUSBAR_ERROR_BAD_VALUE, "serve"},
	        {"controller: {site: 2}\ntenants: [{name: a, key: 1, balance: 1, secret: \"" SECRET "\"}]\n",
	         BUSBAR_ERROR_BAD_VALUE, "tenants[0]"},
	};
	struct arena *arena = arena_create(1 << 20);

	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		struct settings settings;
		char text[512];

		T_ERROR(read_text(mistakes[i].text, arena, &settings, text), mistakes[i].code);
		if (strstr(text, mistakes[i].said) == NULL)
			fail_msg("'%s' does not speak of '%s'", text, mistakes[i].said);
	}
	arena_free(arena);
}

static void used_twice_is_refused(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct settings settings;
	char text[512], yaml[1024];

	(void)snprintf(yaml, sizeof(yaml),
	               "tenants: [{name: a, key: 1, secret: %s}, {name: b, key: 1, secret: %s}]\n", secret,
	               secret);
	T_ERROR(read_text(yaml, arena, &settings, text), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(read_text("supply: {cores: 1}\nservices: [{name: a, address: \"fd00::1\", command: [x]},"
	                  " {name: b, address: \"fd00::1\", command: [x]}]\n",
	                  arena, &settings, text),
	        BUSBAR_ERROR_BAD_VALUE);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_empty_file_is_a_gateway_alone),
	        cmocka_unit_test(a_view_is_bounded_and_shown_in_part),
	        cmocka_unit_test(values_reach_the_rooms),
	        cmocka_unit_test(links_and_prices_reach_the_book),
	        cmocka_unit_test(announcements_and_metrics_reach_the_book),
	        cmocka_unit_test(the_block_is_around_the_locator),
	        cmocka_unit_test(what_is_printed_reads_back),
	        cmocka_unit_test(peers_reach_the_speaker),
	        cmocka_unit_test(mistakes_are_said_where_they_are),
	        cmocka_unit_test(used_twice_is_refused),
	};

	return T_RUN(tests);
}
