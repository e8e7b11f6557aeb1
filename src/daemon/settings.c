/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/settings_internal.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/text.h"
#include "daemon/settings_announce.h"
#include "daemon/settings_view.h"
#include "daemon/watch.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FIELD SETTINGS_FIELD
#define SUB SETTINGS_SUB
#define END SETTINGS_END
#define PRICES(structure)                                                                                   \
	{"price",         CONFIG_DECIMAL,      FIELD(structure, price),                                     \
	 .fallback = "0", .scale = MONEY_UNIT, .help = "scarcity price when idle"},                         \
	{                                                                                                   \
		"tariff", CONFIG_DECIMAL, FIELD(structure, tariff),                                         \
		        .fallback = "0", .scale = MONEY_UNIT, .help = "what plans without spot pricing pay" \
	}
#define STEEPNESS(structure)                                                                     \
	{                                                                                        \
		"steepness", CONFIG_DECIMAL, FIELD(structure, steepness),                        \
		        .fallback = "32", .scale = 1000, .minimum = 1000, .maximum = 1000000000, \
		        .help = "price when full over price when idle"                           \
	}
#define TIDE(structure)                                                                    \
	{                                                                                  \
		"tide", CONFIG_LIST, FIELD(structure, tide),                               \
		        .element = CONFIG_DECIMAL, .element_size = sizeof(int64_t),        \
		        .list_maximum = BOOK_HOURS, .scale = 1000, .maximum = BOOK_FACTOR, \
		        .help = "factors of the price for equal parts of the day (UTC)"    \
	}

/* A block that is nearly everything would close the gateway to its clients. */
enum { BLOCK_LEAST = 8, BLOCK_DEFAULT = 32 };

enum { QUEUE_FRAMES = 5 };

static const char *const plan_names[] = {"spot", "fixed", NULL};

static const struct config_field key_fields[] = {
        {"id", CONFIG_INTEGER, FIELD(settings_key, id), .required = true, .minimum = 1, .maximum = 255},
        {"secret", CONFIG_TEXT, FIELD(settings_key, secret), .required = true,
         .help = "64 hexadecimal digits"},
        END,
};

static const struct config_field domain_fields[] = {
        {"block", CONFIG_ADDRESS, offsetof(struct settings, domain.block) - offsetof(struct settings, domain),
         .help = "prefix of all locators, closed to the outside; the locator's /32 unless given"},
        {"members", CONFIG_LIST,
         offsetof(struct settings, domain.members) - offsetof(struct settings, domain),
         .element = CONFIG_INTEGER, .element_size = sizeof(int64_t), .list_maximum = ATTRIBUTE_DOMAIN,
         .help = "autonomous systems that may read the domain's attributes"},
        {"keys", CONFIG_LIST, offsetof(struct settings, domain.keys) - offsetof(struct settings, domain),
         .fields = key_fields, .element_size = sizeof(struct settings_key), .list_maximum = SEAL_KEYS,
         .help = "the first one seals, all of them open"},
        END,
};

static const struct config_field identity_fields[] = {
        {"site", CONFIG_INTEGER, SUB(identity, site), .fallback = "1", .minimum = 1, .maximum = UINT32_MAX},
        {"gateway", CONFIG_INTEGER, SUB(identity, gateway), .fallback = "1", .minimum = 1,
         .maximum = UINT16_MAX},
        END,
};

static const struct config_field probe_fields[] = {
        {"interval", CONFIG_DURATION, SUB(probe, interval), .fallback = "200 ms",
         .minimum = CLOCK_MILLISECOND, .maximum = 60 * CLOCK_SECOND, .help = "of links"},
        {"fastest", CONFIG_DURATION, SUB(probe, fastest), .fallback = "10 ms", .minimum = CLOCK_MILLISECOND,
         .maximum = 60 * CLOCK_SECOND, .help = "of sites that were used a moment ago"},
        {"slowest", CONFIG_DURATION, SUB(probe, slowest), .fallback = "1 s", .minimum = CLOCK_MILLISECOND,
         .maximum = 60 * CLOCK_SECOND, .help = "of the others that are probed"},
        {"idle", CONFIG_DURATION, SUB(probe, idle), .fallback = "60 s", .minimum = CLOCK_SECOND,
         .maximum = 86400 * CLOCK_SECOND, .help = "after which a site that nobody wants is not probed"},
        {"sites", CONFIG_INTEGER, SUB(probe, sites), .fallback = "64", .minimum = 1, .maximum = WATCH_SITES,
         .help = "most that are probed at a time"},
        {"budget", CONFIG_INTEGER, SUB(probe, budget), .fallback = "2000", .minimum = 1, .maximum = 100000,
         .help = "probes of sites a second, all together"},
        {"source-rate", CONFIG_INTEGER, SUB(probe, source_rate), .fallback = "1000", .minimum = 1,
         .maximum = 1000000, .help = "probes a second that are answered to one address"},
        {"total-rate", CONFIG_INTEGER, SUB(probe, total_rate), .fallback = "20000", .minimum = 1,
         .maximum = 1000000, .help = "... and to all"},
        END,
};

static const struct config_field link_fields[] = {
        {"name", CONFIG_TEXT, FIELD(settings_link, name), .required = true},
        {"site", CONFIG_INTEGER, FIELD(settings_link, site), .required = true, .minimum = 1,
         .maximum = UINT32_MAX},
        {"gateway", CONFIG_INTEGER, FIELD(settings_link, gateway), .fallback = "1", .minimum = 1,
         .maximum = UINT16_MAX},
        {"as", CONFIG_INTEGER, FIELD(settings_link, as), .fallback = "0", .minimum = 0, .maximum = UINT32_MAX,
         .help = "of the other end"},
        {"bgp", CONFIG_BOOLEAN, FIELD(settings_link, bgp), .fallback = "true",
         .help = "the other end is a BGP peer"},
        {"interface", CONFIG_TEXT, FIELD(settings_link, interface), .required = true},
        {"local", CONFIG_ADDRESS, FIELD(settings_link, local), .required = true},
        {"remote", CONFIG_ADDRESS, FIELD(settings_link, remote), .required = true},
        {"capacity", CONFIG_BITRATE, FIELD(settings_link, capacity), .required = true, .minimum = 1,
         .maximum = INT64_MAX},
        {"rate", CONFIG_BITRATE, FIELD(settings_link, rate), .fallback = "0 bit/s",
         .help = "that the output is shaped to, a little below the line's; 0: the capacity"},
        {"overhead", CONFIG_BYTES, FIELD(settings_link, overhead), .fallback = "24 B", .maximum = 256,
         .help = "of the line for each frame, which rates and bursts count (Ethernet: 24)"},
        {"largest-packet", CONFIG_BYTES, FIELD(settings_link, largest_packet), .fallback = "1600 B",
         .minimum = 64, .maximum = 1 << 20},
        {"latency", CONFIG_DURATION, FIELD(settings_link, latency), .fallback = "0 s",
         .maximum = 60 * CLOCK_SECOND, .help = "propagation at most; the queues' own slack is added"},
        {"least", CONFIG_DURATION, FIELD(settings_link, least), .fallback = "0 s",
         .maximum = 60 * CLOCK_SECOND, .help = "propagation at least; 0: unknown, and bursts count as grown"},
        {"ceilings", CONFIG_LIST, FIELD(settings_link, ceilings), .element = CONFIG_DURATION,
         .element_size = sizeof(int64_t), .list_maximum = LINK_CLASSES, .maximum = 60 * CLOCK_SECOND,
         .help = "constant delay ceilings of the guaranteed classes"},
        PRICES(settings_link),
        STEEPNESS(settings_link),
        TIDE(settings_link),
        END,
};

static const struct config_field access_fields[] = {
        {"interface", CONFIG_TEXT, FIELD(settings_access, interface)},
        {"listen", CONFIG_ADDRESS, FIELD(settings_access, listen), .required = true},
        {"prefix", CONFIG_ADDRESS, FIELD(settings_access, prefix), .help = "of the clients; announced"},
        {"delay", CONFIG_DURATION, FIELD(settings_access, delay), .fallback = "0 s",
         .help = "one way, of the access link"},
        {"rate", CONFIG_BITRATE, FIELD(settings_access, rate), .fallback = "0 bit/s",
         .help = "of the line to the clients, so that what is reserved goes first; 0: no queues of ours"},
        {"operator", CONFIG_BOOLEAN, FIELD(settings_access, operator), .fallback = "false",
         .help = "operators come in here: gateways' own addresses can be asked"},
        {"ceiling", CONFIG_DURATION, FIELD(settings_access, ceiling), .fallback = "0 s",
         .help = "that the access link keeps, one way; 0: none, no bound beyond it is hard"},
        END,
};

static const struct config_field resource_fields[] = {
        {"kind", CONFIG_TEXT, FIELD(settings_resource, kind), .required = true},
        PRICES(settings_resource),
        STEEPNESS(settings_resource),
        TIDE(settings_resource),
        END,
};

static const struct config_field price_fields[] = {
        {"energy", CONFIG_DECIMAL, SUB(prices, energy), .fallback = "1", .scale = 1000,
         .maximum = BOOK_FACTOR, .help = "factor of all prices for what energy costs"},
        {"carbon", CONFIG_DECIMAL, SUB(prices, carbon), .fallback = "1", .scale = 1000,
         .maximum = BOOK_FACTOR, .help = "factor of all prices for what energy emits"},
        {"half-life", CONFIG_DURATION, SUB(prices, half_life), .fallback = "10 s",
         .maximum = 86400 * CLOCK_SECOND, .help = "of the damping of announced prices; 0: none"},
        END,
};

static const struct config_field controller_fields[] = {
        {"site", CONFIG_INTEGER, SUB(controller, site), .fallback = "0", .maximum = UINT32_MAX,
         .help = "of the gateway that maps for the clients here; 0: this one does"},
        {"gateway", CONFIG_INTEGER, SUB(controller, gateway), .fallback = "1", .maximum = UINT16_MAX},
        {"serves", CONFIG_BOOLEAN, SUB(controller, serves), .fallback = "false",
         .help = "this gateway maps for clients at others"},
        END,
};

static const struct config_field supply_fields[] = {
        {"cores", CONFIG_DECIMAL, SUB(supply, cores), .fallback = "0", .scale = 1000000,
         .help = "as offered; 0: nothing runs here"},
        {"share", CONFIG_RATIO, SUB(supply, share), .fallback = "100 %", .minimum = 1, .maximum = 1000000,
         .help = "of this host that the cores stand for"},
        {"memory", CONFIG_BYTES, SUB(supply, memory), .fallback = "0 B"},
        {"storage", CONFIG_BYTES, SUB(supply, storage), .fallback = "0 B"},
        {"runs", CONFIG_INTEGER, SUB(supply, runs), .fallback = "256", .minimum = 1, .maximum = 1024},
        {"scratch", CONFIG_BYTES, SUB(supply, scratch), .fallback = "64 MiB", .minimum = 4096,
         .maximum = INT64_C(1) << 40, .help = "file space of a run"},
        {"output", CONFIG_BYTES, SUB(supply, output), .fallback = "64 MiB", .minimum = 1,
         .maximum = INT64_C(1) << 40, .help = "most output of a run"},
        {"processes", CONFIG_INTEGER, SUB(supply, processes), .fallback = "64", .minimum = 1,
         .maximum = 65536},
        {"blobs", CONFIG_BYTES, SUB(supply, blobs), .fallback = "1 GiB", .minimum = 1 << 20,
         .maximum = INT64_C(1) << 50, .help = "quota of the content store"},
        {"resources", CONFIG_LIST, SUB(supply, resources), .fields = resource_fields,
         .element_size = sizeof(struct settings_resource), .list_maximum = RESOURCE_KINDS},
        END,
};

static const struct config_field openmetrics_fields[] = {
        {"listen", CONFIG_ADDRESS, SUB(openmetrics, listen), .fallback = "[::1]:4183",
         .help = "GET /metrics for whoever can reach it; \"::\" without a port: nobody"},
        SETTINGS_END,
};

static const struct config_field front_fields[] = {
        {"receivers", CONFIG_INTEGER, SUB(front, receivers), .fallback = "1", .minimum = 1,
         .maximum = FRONT_RECEIVERS, .help = "threads that take in clients' requests"},
        {"source-rate", CONFIG_INTEGER, SUB(front, source), .fallback = "100000", .minimum = 1,
         .maximum = 1000000000, .help = "messages a second from one network of clients (a /64)"},
        {"stranger-rate", CONFIG_INTEGER, SUB(front, stranger), .fallback = "1000", .minimum = 1,
         .maximum = 1000000000, .help = "... that are not authentic; then it is not listened to for a while"},
        {"tenant-rate", CONFIG_INTEGER, SUB(front, tenant), .fallback = "100000", .minimum = 1,
         .maximum = 1000000000, .help = "requests a second of one tenant"},
        END,
};

static const struct config_field service_fields[] = {
        {"name", CONFIG_TEXT, FIELD(settings_service, name), .required = true},
        {"version", CONFIG_TEXT, FIELD(settings_service, version), .fallback = "1"},
        {"address", CONFIG_ADDRESS, FIELD(settings_service, address), .required = true,
         .help = "CS-ID, the same at every site"},
        {"command", CONFIG_LIST, FIELD(settings_service, command), .required = true, .element = CONFIG_TEXT,
         .element_size = sizeof(const char *), .list_maximum = OWNER_SERVICE_ARGUMENTS},
        {"folder", CONFIG_TEXT, FIELD(settings_service, folder), .help = "read-only at /service"},
        {"cpu", CONFIG_DECIMAL, FIELD(settings_service, cpu), .fallback = "1", .scale = 1000000,
         .minimum = 1000, .maximum = INT64_C(1000000000000)},
        {"memory", CONFIG_BYTES, FIELD(settings_service, memory), .fallback = "128 MiB", .minimum = 1 << 20,
         .maximum = INT64_C(1) << 50},
        {"processes", CONFIG_INTEGER, FIELD(settings_service, processes), .fallback = "16", .minimum = 1,
         .maximum = 65536},
        {"time", CONFIG_DURATION, FIELD(settings_service, time), .fallback = "1 s", .minimum = 1,
         .maximum = 86400 * CLOCK_SECOND, .help = "expected run time of a call"},
        {"listens", CONFIG_BOOLEAN, FIELD(settings_service, listens), .fallback = "false",
         .help = "something on this gateway listens at the address: reserved flows reach it"},
        {"instances", CONFIG_INTEGER, FIELD(settings_service, instances), .fallback = "0", .minimum = 0,
         .maximum = RESIDENT_INSTANCES, .help = "kept running, for calls under an allowance"},
        PRICES(settings_service),
        END,
};

static const struct config_field tenant_fields[] = {
        {"name", CONFIG_TEXT, FIELD(settings_tenant, name), .required = true},
        {"key", CONFIG_INTEGER, FIELD(settings_tenant, key), .required = true, .minimum = 1,
         .maximum = UINT32_MAX},
        {"secret", CONFIG_TEXT, FIELD(settings_tenant, secret), .required = true,
         .help = "64 hexadecimal digits"},
        {"balance", CONFIG_DECIMAL, FIELD(settings_tenant, balance), .fallback = "0", .scale = MONEY_UNIT,
         .help = "deposited once"},
        {"allowance", CONFIG_DECIMAL, FIELD(settings_tenant, allowance), .fallback = "0", .scale = MONEY_UNIT,
         .help = "put aside for calls of resident services, again and again"},
        {"plan", CONFIG_CHOICE, FIELD(settings_tenant, plan), .fallback = "spot", .choices = plan_names},
        {"operator", CONFIG_BOOLEAN, FIELD(settings_tenant, operator), .fallback = "false"},
        END,
};

const struct config_field settings_fields[] = {
        {"node", CONFIG_TEXT, FIELD(settings, node), .fallback = "busbar", .help = "name shown to people"},
        {"identity", CONFIG_SECTION, FIELD(settings, identity), .fields = identity_fields},
        {"locator", CONFIG_ADDRESS, FIELD(settings, locator), .fallback = "fc00:0:1::/48"},
        {"state", CONFIG_TEXT, FIELD(settings, state), .fallback = "/var/lib/busbar", .help = "folder"},
        {"cgroup", CONFIG_TEXT, FIELD(settings, cgroup), .fallback = "busbar"},
        {"operator", CONFIG_TEXT, FIELD(settings, operator), .fallback = ""},
        {"region", CONFIG_TEXT, FIELD(settings, region), .fallback = ""},
        {"model", CONFIG_CHOICE, FIELD(settings, model), .fallback = "edge", .choices = supply_model_names},
        {"domain", CONFIG_SECTION, FIELD(settings, domain), .fields = domain_fields},
        {"bgp", CONFIG_SECTION, FIELD(settings, bgp), .fields = settings_bgp_fields},
        {"probe", CONFIG_SECTION, FIELD(settings, probe), .fields = probe_fields},
        {"links", CONFIG_LIST, FIELD(settings, links), .fields = link_fields,
         .element_size = sizeof(struct settings_link), .list_maximum = SITE_LINKS},
        {"access", CONFIG_LIST, FIELD(settings, access), .fields = access_fields,
         .element_size = sizeof(struct settings_access), .list_maximum = FRONT_PLACES - 1},
        {"front", CONFIG_SECTION, FIELD(settings, front), .fields = front_fields},
        {"openmetrics", CONFIG_SECTION, FIELD(settings, openmetrics), .fields = openmetrics_fields},
        {"supply", CONFIG_SECTION, FIELD(settings, supply), .fields = supply_fields},
        {"prices", CONFIG_SECTION, FIELD(settings, prices), .fields = price_fields},
        {"announce", CONFIG_SECTION, FIELD(settings, announce), .fields = settings_announce_fields},
        {"metrics", CONFIG_SECTION, FIELD(settings, metrics), .fields = settings_metrics_fields},
        {"view", CONFIG_SECTION, FIELD(settings, view), .fields = settings_view_fields},
        {"controller", CONFIG_SECTION, FIELD(settings, controller), .fields = controller_fields},
        {"gflops-per-core", CONFIG_DECIMAL, FIELD(settings, gflops_per_core), .fallback = "0",
         .scale = 1000000, .help = "of one offered core; 0: measured at start"},
        {"services", CONFIG_LIST, FIELD(settings, services), .fields = service_fields,
         .element_size = sizeof(struct settings_service), .list_maximum = OWNER_SERVICES},
        {"tenants", CONFIG_LIST, FIELD(settings, tenants), .fields = tenant_fields,
         .element_size = sizeof(struct settings_tenant), .list_maximum = FRONT_TENANTS},
        {"fee", CONFIG_RATIO, FIELD(settings, fee), .fallback = "0 %", .maximum = 1000000,
         .help = "operator's share of every charge"},
        {"decisions", CONFIG_BOOLEAN, FIELD(settings, decisions), .fallback = "false",
         .help = "keep what every decision was made from"},
        END,
};

int settings_refuse(struct config_problem *problem, const char *path, const char *format, ...)
{
	char cause[256];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(cause, sizeof(cause), format, arguments);
	va_end(arguments);
	problem->line = 0;
	(void)snprintf(problem->text, sizeof(problem->text), "%.200s: %s", path, cause);
	return BUSBAR_ERROR_BAD_VALUE;
}

static bool fits(const char *text, size_t capacity)
{
	return text != NULL && strlen(text) < capacity;
}

static int check_texts(const struct settings *settings, const char *path, struct config_problem *problem)
{
	if (!fits(settings->node, GATEWAY_NAME) || settings->node[0] == '\0')
		return settings_refuse(problem, path, "node: 1 to %d characters", GATEWAY_NAME - 1);
	if (!fits(settings->operator, SITE_TEXT) || !fits(settings->region, SITE_TEXT))
		return settings_refuse(problem, path, "operator, region: at most %d characters",
		                       SITE_TEXT - 1);
	if (settings->locator.length != GATEWAY_LOCATOR_BITS)
		return settings_refuse(problem, path, "locator: must be a /%d", GATEWAY_LOCATOR_BITS);
	if (settings_check_announce(settings) != NULL)
		return settings_refuse(problem, path, "%s", settings_check_announce(settings));
	if (settings->probe.slowest < settings->probe.fastest)
		return settings_refuse(problem, path, "probe.slowest: not below probe.fastest");
	return 0;
}

static bool within(const uint8_t address[16], const struct config_address *prefix)
{
	for (int bit = 0; bit < prefix->length; bit++)
		if (((address[bit / 8] ^ prefix->octets[bit / 8]) & (0x80 >> bit % 8)) != 0)
			return false;
	return true;
}

static int check_edge(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_access *access = settings->access.items;
	const struct config_address block = settings_block(settings);

	if (block.length < BLOCK_LEAST || block.length > GATEWAY_LOCATOR_BITS ||
	    !within(settings->locator.octets, &block))
		return settings_refuse(problem, path, "domain.block: must be a /%d to /%d around the locator",
		                       BLOCK_LEAST, GATEWAY_LOCATOR_BITS);
	for (size_t i = 0; i < settings->access.count; i++)
		if (access[i].operator&& access[i].interface == NULL)
			return settings_refuse(problem, path, "access[%zu].operator: needs an interface", i);
	return 0;
}

static int check_services(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_service *services = settings->services.items;

	for (size_t i = 0; i < settings->services.count; i++) {
		if (!fits(services[i].name, SERVICE_NAME) || !fits(services[i].version, SERVICE_VERSION))
			return settings_refuse(problem, path, "services[%zu]: name or version is too long",
			                       i);
		for (size_t before = 0; before < i; before++)
			if (memcmp(services[before].address.octets, services[i].address.octets, 16) == 0)
				return settings_refuse(problem, path, "services[%zu].address: used twice", i);
	}
	if (settings->services.count > 0 && settings->supply.cores == 0)
		return settings_refuse(problem, path, "services: need supply.cores");
	return 0;
}

static int check_tenants(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_tenant *tenants = settings->tenants.items;

	for (size_t i = 0; i < settings->tenants.count; i++) {
		if (!fits(tenants[i].name, sizeof(((struct front_tenant *)0)->name)))
			return settings_refuse(problem, path, "tenants[%zu].name: too long", i);
		for (size_t before = 0; before < i; before++)
			if (tenants[before].key == tenants[i].key ||
			    strcmp(tenants[before].name, tenants[i].name) == 0)
				return settings_refuse(problem, path, "tenants[%zu]: name or key used twice",
				                       i);
	}
	return 0;
}

static int check_resources(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_resource *resources = settings->supply.resources.items;

	for (size_t i = 0; i < settings->supply.resources.count; i++) {
		int kind = resource_kind_parse(resources[i].kind);

		if (kind != RESOURCE_CPU && kind != RESOURCE_MEMORY && kind != RESOURCE_STORAGE)
			return settings_refuse(problem, path,
			                       "supply.resources[%zu].kind: cpu, memory or storage", i);
	}
	return 0;
}

static bool divides_a_day(const struct config_list *tide)
{
	return tide->count == 0 || BOOK_HOURS % tide->count == 0;
}

static int check_tides(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_resource *resources = settings->supply.resources.items;
	const struct settings_link *links = settings->links.items;

	for (size_t i = 0; i < settings->supply.resources.count; i++)
		if (!divides_a_day(&resources[i].tide))
			return settings_refuse(problem, path,
			                       "supply.resources[%zu].tide: must divide 24 hours", i);
	for (size_t i = 0; i < settings->links.count; i++)
		if (!divides_a_day(&links[i].tide))
			return settings_refuse(problem, path, "links[%zu].tide: must divide 24 hours", i);
	return 0;
}

/* What the book would not take of a link. */
static int check_links(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_link *links = settings->links.items;

	for (size_t i = 0; i < settings->links.count; i++) {
		struct link_offer offer = settings_link_offer(settings, &links[i]);
		struct book_output output = settings_link_output(&links[i]);

		if (links[i].rate != 0 && links[i].rate < links[i].capacity)
			return settings_refuse(problem, path, "links[%zu].rate: below the capacity", i);
		if (book_check_link(&offer, &output) < 0)
			return settings_refuse(
			        problem, path,
			        "links[%zu].ceilings: must ascend, and the empty link keep them", i);
	}
	return 0;
}

/* Tasks and money are kept in one place. */
static int check_controller(const struct settings *settings, const char *path, struct config_problem *problem)
{
	const struct settings_tenant *tenants = settings->tenants.items;
	const struct gateway_identity controller = settings_controller(settings);

	if (gateway_is_none(controller))
		return 0;
	if (settings->controller.serves)
		return settings_refuse(problem, path,
		                       "controller: one that has a controller does not serve others");
	if (gateway_equal(controller, settings_identity(settings)))
		return settings_refuse(problem, path, "controller: is this gateway itself");
	for (size_t i = 0; i < settings->tenants.count; i++)
		if (tenants[i].balance != 0 || tenants[i].allowance != 0)
			return settings_refuse(problem, path, "tenants[%zu]: the controller has their money",
			                       i);
	return 0;
}

static int check_secrets(const struct settings *settings, struct arena *arena, const char *path,
                         struct config_problem *problem)
{
	struct front_tenant *tenants;
	struct seal_ring ring;

	if (settings_ring(settings, &ring) < 0)
		return settings_refuse(problem, path, "domain.keys: a secret has 64 hexadecimal digits");
	if (settings_tenants(settings, arena, &tenants) < 0)
		return settings_refuse(problem, path, "tenants: a secret has 64 hexadecimal digits");
	return 0;
}

/* Folders are relative to the file that names them, and must be there. */
static int find_folders(struct settings *settings, struct arena *arena, const char *path,
                        struct config_problem *problem)
{
	struct settings_service *services = settings->services.items;
	const char *slash = strrchr(path, '/');
	int length = slash == NULL ? 1 : (int)(slash - path);

	for (size_t i = 0; i < settings->services.count; i++) {
		const char *folder = services[i].folder;
		char whole[PATH_MAX];

		if (folder == NULL)
			continue;
		if (folder[0] != '/')
			folder = arena_format(arena, "%.*s/%s", length, slash == NULL ? "." : path, folder);
		if (folder == NULL || realpath(folder, whole) == NULL)
			return settings_refuse(problem, path, "services[%zu].folder: %s", i, strerror(errno));
		services[i].folder = arena_text(arena, whole);
	}
	return 0;
}

int settings_read(const char *path, struct arena *arena, struct settings *ret_settings,
                  struct config_problem *ret_problem)
{
	struct settings settings;
	int code = config_read(path, settings_fields, &settings, sizeof(settings), arena, ret_problem);

	if (code == 0)
		code = check_texts(&settings, path, ret_problem);
	if (code == 0)
		code = settings_check_bgp(&settings, path, ret_problem);
	if (code == 0)
		code = settings_make_policies(&settings, arena);
	if (code == 0)
		code = check_edge(&settings, path, ret_problem);
	if (code == 0)
		code = check_services(&settings, path, ret_problem);
	if (code == 0)
		code = find_folders(&settings, arena, path, ret_problem);
	if (code == 0)
		code = check_tenants(&settings, path, ret_problem);
	if (code == 0)
		code = check_resources(&settings, path, ret_problem);
	if (code == 0)
		code = check_tides(&settings, path, ret_problem);
	if (code == 0)
		code = check_links(&settings, path, ret_problem);
	if (code == 0)
		code = check_controller(&settings, path, ret_problem);
	if (code == 0)
		code = check_secrets(&settings, arena, path, ret_problem);
	settings.file = arena_text(arena, path);
	if (code == 0 && settings.file == NULL)
		code = -ENOMEM;
	if (code < 0)
		return code;
	*ret_settings = settings;
	return 0;
}

struct gateway_identity settings_identity(const struct settings *settings)
{
	return (struct gateway_identity){.site = (uint32_t)settings->identity.site,
	                                 .gateway = (uint16_t)settings->identity.gateway};
}

struct gateway_identity settings_controller(const struct settings *settings)
{
	if (settings->controller.site == 0)
		return (struct gateway_identity){0};
	return (struct gateway_identity){.site = (uint32_t)settings->controller.site,
	                                 .gateway = (uint16_t)settings->controller.gateway};
}

struct config_address settings_block(const struct settings *settings)
{
	struct config_address block = settings->domain.block;

	if (!block.present) {
		block = settings->locator;
		block.length = BLOCK_DEFAULT;
	}
	for (int bit = block.length; bit < 128; bit++)
		block.octets[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return block;
}

static int parse_secret(const char *text, uint8_t secret[SEAL_SECRET])
{
	return hex_parse(text, secret, SEAL_SECRET);
}

int settings_ring(const struct settings *settings, struct seal_ring *ret_ring)
{
	const struct settings_key *keys = settings->domain.keys.items;
	struct seal_ring ring = {.count = (uint32_t)settings->domain.keys.count};

	for (uint32_t i = 0; i < ring.count; i++) {
		ring.keys[i].identifier = (uint8_t)keys[i].id;
		if (parse_secret(keys[i].secret, ring.keys[i].secret) < 0)
			return BUSBAR_ERROR_BAD_VALUE;
	}
	*ret_ring = ring;
	return 0;
}

int settings_tenants(const struct settings *settings, struct arena *arena, struct front_tenant **ret_tenants)
{
	const struct settings_tenant *given = settings->tenants.items;
	struct front_tenant *tenants = arena_array(arena, settings->tenants.count + 1, sizeof(*tenants));

	if (tenants == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < settings->tenants.count; i++) {
		text_copy(tenants[i].name, sizeof(tenants[i].name), given[i].name);
		tenants[i].key = (uint32_t)given[i].key;
		tenants[i].number = (uint32_t)i;
		tenants[i].spot = given[i].plan == 0;
		tenants[i].operator= given[i].operator;
		if (parse_secret(given[i].secret, tenants[i].secret) < 0)
			return BUSBAR_ERROR_BAD_VALUE;
	}
	*ret_tenants = tenants;
	return 0;
}

static struct owner_service service_of(const struct settings *settings, const struct settings_service *given,
                                       int64_t start)
{
	const char *const *command = given->command.items;
	struct owner_service service = {
	        .offer =
	                {
	                        .site = settings_identity(settings),

	                        .cpu = (uint64_t)given->cpu,
	                        .memory = (uint64_t)given->memory,
	                        .processes = (uint32_t)given->processes,
	                        .time = given->time,
	                        .start = start,
	                        .price = given->price,
	                        .tariff = given->tariff,
	                },
	        .folder = given->folder,
	};

	memcpy(service.offer.address, given->address.octets, 16);
	text_copy(service.offer.name, sizeof(service.offer.name), given->name);
	text_copy(service.offer.version, sizeof(service.offer.version), given->version);
	for (size_t i = 0; i < given->command.count; i++)
		service.arguments[i] = command[i];
	return service;
}

int settings_services(const struct settings *settings, int64_t start, struct arena *arena,
                      struct owner_service **ret_services)
{
	const struct settings_service *given = settings->services.items;
	struct owner_service *services = arena_array(arena, settings->services.count + 1, sizeof(*services));

	if (services == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < settings->services.count; i++)
		services[i] = service_of(settings, &given[i], start);
	*ret_services = services;
	return 0;
}

struct link_offer settings_link_offer(const struct settings *settings, const struct settings_link *link)
{
	const int64_t *ceilings = link->ceilings.items;
	struct link_offer offer = {
	        .from = settings_identity(settings),
	        .toward = {.site = (uint32_t)link->site, .gateway = (uint16_t)link->gateway},
	        .least = link->least,
	        .capacity = (uint64_t)link->capacity,
	        .free = (uint64_t)link->capacity,
	        .base = link->price,
	        .steepness = (uint32_t)link->steepness,
	        .tariff = link->tariff,
	};

	for (size_t i = 0; i < link->ceilings.count; i++)
		offer.ceilings[i] = ceilings[i];
	return offer;
}

/*
 * What the output's own queues let pass before a guaranteed packet that they are not allowed to hold up: all
 * that a late timer owes, of the whole output and of the two classes below (a 32nd of it), and two frames of
 * each, of which admission itself counts one.
 */
static int64_t queue_slack(const struct book_output *output)
{
	uint64_t frame =
	        (output->largest_packet * 8 * (uint64_t)CLOCK_SECOND + output->rate - 1) / output->rate;

	return LINK_SLACK + LINK_SLACK / 32 + (int64_t)(QUEUE_FRAMES * frame);
}

struct book_output settings_link_output(const struct settings_link *link)
{
	struct book_output output = {
	        .rate = (uint64_t)(link->rate == 0 ? link->capacity : link->rate),
	        .largest_packet = (uint64_t)(link->largest_packet + link->overhead),
	};

	output.latency = link->latency + queue_slack(&output);
	return output;
}

static uint64_t capacity_of(const struct settings *settings, enum resource_kind kind)
{
	if (kind == RESOURCE_CPU)
		return (uint64_t)settings->supply.cores;
	return (uint64_t)(kind == RESOURCE_MEMORY ? settings->supply.memory : settings->supply.storage);
}

uint32_t settings_resources(const struct settings *settings, struct resource_offer offers[RESOURCE_KINDS])
{
	static const enum resource_kind kinds[] = {RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_STORAGE};
	const struct settings_resource *given = settings->supply.resources.items;
	uint32_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && settings->supply.cores > 0; i++) {
		struct resource_offer *offer = &offers[count];
		uint64_t capacity = capacity_of(settings, kinds[i]);

		if (capacity == 0)
			continue;
		*offer = (struct resource_offer){
		        .kind = kinds[i], .capacity = capacity, .free = capacity, .steepness = 1000};
		for (size_t j = 0; j < settings->supply.resources.count; j++) {
			if (resource_kind_parse(given[j].kind) != (int)kinds[i])
				continue;
			offer->base = given[j].price;
			offer->tariff = given[j].tariff;
			offer->steepness = (uint32_t)given[j].steepness;
		}
		count++;
	}
	return count;
}

/* Every hour's factor, when the given ones are for equal parts of the day; all 1 when none is given. */
static void spread_tide(const struct config_list *given, uint32_t tide[BOOK_HOURS])
{
	const int64_t *factors = given->items;

	for (size_t hour = 0; hour < BOOK_HOURS; hour++)
		tide[hour] = given->count == 0 ? 1000 : (uint32_t)factors[hour * given->count / BOOK_HOURS];
}

int settings_set_prices(const struct settings *settings, struct book *book)
{
	const struct settings_resource *resources = settings->supply.resources.items;
	const struct settings_link *links = settings->links.items;
	const struct book_prices prices = {.energy = (uint32_t)settings->prices.energy,
	                                   .carbon = (uint32_t)settings->prices.carbon,
	                                   .half_life = settings->prices.half_life};
	uint32_t tide[BOOK_HOURS];
	int code = 0;

	for (size_t i = 0; i < settings->supply.resources.count && code == 0; i++) {
		spread_tide(&resources[i].tide, tide);
		code = book_set_resource_tide(book,
		                              (enum resource_kind)resource_kind_parse(resources[i].kind),
		                              tide);
		/* A price may be given for what the site has none of. */
		if (code == BUSBAR_ERROR_NOT_FOUND)
			code = 0;
	}
	for (size_t i = 0; i < settings->links.count && code == 0; i++) {
		const struct gateway_identity toward = {.site = (uint32_t)links[i].site,
		                                        .gateway = (uint16_t)links[i].gateway};

		spread_tide(&links[i].tide, tide);
		code = book_set_link_tide(book, toward, tide);
	}
	return code < 0 ? code : book_set_prices(book, &prices);
}
