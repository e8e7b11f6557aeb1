/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/gateway.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/gateway_internal.h"
#include "daemon/settings_announce.h"
#include "daemon/settings_view.h"
#include "supply/host.h"
#include "supply/local.h"
#include "wire/segment.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "gateway"

enum {
	GATEWAY_ARENA = 8 << 20,
	GATEWAY_PATH = 512,
};

/* Longest wait between two looks at owner and tasks, and between two expiries of the view. */
#define TICK_MOST (50 * CLOCK_MILLISECOND)

static void on_tick(uv_timer_t *timer)
{
	struct gateway *gateway = timer->data;
	int64_t now = clock_monotonic(&gateway->clock);
	int64_t next = owner_tick(gateway->owner), wanted;

	if (gateway->tasks != NULL)
		next = MINIMUM(next, task_tick(gateway->tasks));
	wanted = gateway_tick_calls(gateway);
	next = MINIMUM(next, wanted);
	gateway_tick_flows(gateway);
	gateway_tick_probe(gateway);
	(void)view_expire(gateway->view, clock_wall(&gateway->clock));
	if (!gateway->closing && gateway->collect != NULL)
		collect_tick(gateway->collect);
	if (!gateway->closing)
		front_publish(gateway->front, gateway->view);
	next = MAXIMUM(CLOCK_MILLISECOND, MINIMUM(next - now, TICK_MOST));
	if (!gateway->closing)
		(void)uv_timer_start(timer, on_tick, (uint64_t)(next / CLOCK_MILLISECOND), 0);
}

static int open_folders(const struct gateway *gateway, char runs[GATEWAY_PATH])
{
	const char *state = gateway->settings->state;
	int code = file_make_folder(state, 0700);

	if (code < 0)
		return code;
	if (snprintf(runs, GATEWAY_PATH, "%s/runs", state) >= GATEWAY_PATH)
		return -ENAMETOOLONG;
	/* What a run of a former life wrote is of no use. */
	code = file_remove_tree(runs);
	return code < 0 ? code : file_make_folder(runs, 0700);
}

/* What waited for the disk leaves. */
static void on_durable(void *context)
{
	struct gateway *gateway = context;

	if (gateway->closing)
		return;
	/* Nobody hears of a grant before the queues keep it. */
	gateway_tick_flows(gateway);
	if (gateway->owner != NULL)
		owner_durable(gateway->owner);
	if (gateway->exchange != NULL)
		exchange_durable(gateway->exchange);
	if (gateway->front != NULL)
		front_durable(gateway->front);
}

/* Without a disk that keeps what is decided, nothing may be decided: the daemon ends and is started again. */
static void on_failed(void *context, int code, const char *problem)
{
	log_error(TAG, "event=disk-failed error=%d cause=\"%s\"", code, problem);
}

static int open_accounts(struct gateway *gateway)
{
	char path[GATEWAY_PATH], journal[GATEWAY_PATH];
	const struct database_settings database = {.durable = on_durable,
	                                           .failed = on_failed,
	                                           .context = gateway};
	int code;

	if (snprintf(path, sizeof(path), "%s/state.db", gateway->settings->state) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (snprintf(journal, sizeof(journal), "%s/journal", gateway->settings->state) >=
	    (int)sizeof(journal))
		return -ENAMETOOLONG;
	code = database_open_behind(gateway->loop, path, journal, &database, &gateway->database);
	if (code == 0)
		code = usage_open(gateway->database, &gateway->usage);
	if (code == 0)
		code = ledger_open(gateway->database, (uint32_t)gateway->settings->fee, &gateway->ledger);
	return code;
}

int gateway_deposit(struct gateway *gateway)
{
	const struct settings_tenant *tenants = gateway->settings->tenants.items;

	for (size_t i = 0; i < gateway->settings->tenants.count; i++) {
		char reference[LEDGER_NAME];
		int code;

		if (tenants[i].balance == 0)
			continue;
		(void)snprintf(reference, sizeof(reference), "configured:%.40s", tenants[i].name);
		code = ledger_deposit(gateway->ledger, tenants[i].name, tenants[i].balance, reference,
		                      clock_wall(&gateway->clock));
		if (code < 0)
			return code;
	}
	return 0;
}

static uint32_t usable_threads(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

/* What one offered core is worth: its share of the host's threads, measured unless configured. */
static int find_power(struct gateway *gateway)
{
	const struct settings *settings = gateway->settings;
	double threads = usable_threads();
	double cores = (double)settings->supply.cores / 1e6;
	double share = (double)settings->supply.share / 1e6;
	struct host host;
	int code;

	if (settings->supply.cores == 0)
		return 0;
	gateway->host_cpu_per_core = (uint64_t)(threads * share / cores * 1e6);
	gateway->gflops_per_core = (uint64_t)settings->gflops_per_core;
	if (gateway->gflops_per_core != 0)
		return 0;
	code = host_measure(&host);
	if (code < 0)
		return code;
	gateway->gflops_per_core = (uint64_t)(host.core_gflops * threads * share / cores * 1e6);
	log_info(TAG, "event=measured core_gflops=%.2f offered_gflops_per_core=%.2f", host.core_gflops,
	         (double)gateway->gflops_per_core / 1e6);
	return 0;
}

static int open_book(struct gateway *gateway)
{
	const struct settings_link *links = gateway->settings->links.items;
	struct resource_offer offers[RESOURCE_KINDS];
	uint32_t count = settings_resources(gateway->settings, offers);
	int code = 0;

	gateway->book = book_create(OWNER_HOLDINGS, gateway->seed);
	if (gateway->book == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count && code == 0; i++)
		code = book_add_resource(gateway->book, &offers[i]);
	if (gateway->gflops_per_core != 0)
		book_set_calibration(gateway->book, gateway->gflops_per_core);
	for (size_t i = 0; i < gateway->settings->links.count && code == 0; i++) {
		struct link_offer offer = settings_link_offer(gateway->settings, &links[i]);
		struct book_output output = settings_link_output(&links[i]);

		/* What nothing enforces is not promised: paths are measured, not hard. */
		if (!gateway->enforces)
			memset(offer.ceilings, 0, sizeof(offer.ceilings));
		code = book_add_link(gateway->book, &offer, &output);
	}
	return code < 0 ? code : settings_set_prices(gateway->settings, gateway->book);
}

static int open_driver(struct gateway *gateway)
{
	struct local_settings local = {.cgroup_base = gateway->settings->cgroup,
	                               .maximum = (uint32_t)gateway->settings->supply.runs};
	struct driver_callbacks callbacks = gateway_driver_callbacks;

	if (gateway->settings->supply.cores == 0)
		return 0;
	callbacks.context = gateway;
	return local_create(gateway->loop, &local, &callbacks, &gateway->driver);
}

static int open_store(struct gateway *gateway)
{
	char path[GATEWAY_PATH];

	if (snprintf(path, sizeof(path), "%s/blobs", gateway->settings->state) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return store_open(path, (uint64_t)gateway->settings->supply.blobs, &gateway->store);
}

static int open_view(struct gateway *gateway)
{
	const struct view_limits limits = settings_view_limits(gateway->settings);

	gateway->view = view_create(&limits);
	return gateway->view == NULL ? -ENOMEM : 0;
}

static int open_announce(struct gateway *gateway)
{
	const struct settings *settings = gateway->settings;
	struct announce_settings announce = {
	        .site = {.identity = gateway->identity,
	                 .model = (enum supply_model)settings->model,
	                 .gflops_per_core = gateway->gflops_per_core,
	                 .start = gateway->driver == NULL ? 0 : driver_start_latency(gateway->driver)},
	        .news = settings_news(settings),
	        .metrics = settings_metrics(settings),
	        .ring = &gateway->ring,
	        .clock = gateway->clock,
	        .services = gateway->services,
	        .service_count = (uint32_t)settings->services.count,
	        .domain_count = (uint32_t)settings->domain.members.count,
	};
	const int64_t *members = settings->domain.members.items;

	memcpy(announce.site.locator, gateway->locator, sizeof(announce.site.locator));
	text_copy(announce.site.name, sizeof(announce.site.name), settings->node);
	text_copy(announce.site.operator, sizeof(announce.site.operator), settings->operator);
	text_copy(announce.site.region, sizeof(announce.site.region), settings->region);
	for (uint32_t i = 0; i < announce.domain_count; i++)
		announce.domain[i] = (uint32_t)members[i];
	return announce_create(gateway->loop, &announce, gateway->view, gateway->book, &gateway->announce);
}

static int open_owner(struct gateway *gateway, const char *runs)
{
	const struct settings *settings = gateway->settings;
	struct owner_settings owner = {
	        .identity = gateway->identity,
	        .clock = gateway->clock,
	        .seed = gateway->seed,
	        .host_cpu_per_core = gateway->host_cpu_per_core,
	        .gflops_per_core = gateway->gflops_per_core,
	        .scratch = (uint64_t)settings->supply.scratch,
	        .output_maximum = (uint64_t)settings->supply.output,
	        .processes = (uint32_t)settings->supply.processes,
	        .folder = arena_text(gateway->arena, runs),
	        .services = gateway->services,
	        .service_count = (uint32_t)settings->services.count,
	};
	struct owner_rooms rooms = {.database = gateway->database,
	                            .book = gateway->book,
	                            .usage = gateway->usage,
	                            .store = gateway->store,
	                            .driver = gateway->driver};
	struct owner_ports ports = gateway_owner_ports;

	memcpy(owner.locator, gateway->locator, sizeof(owner.locator));
	ports.context = gateway;
	return owner.folder == NULL ? -ENOMEM : owner_create(&owner, &rooms, &ports, &gateway->owner);
}

/* Tasks exist where tenants enter the network, or at the controller of that place. */
static bool keeps_tasks(const struct settings *settings)
{
	return settings->controller.serves ||
	       (settings->access.count > 0 && gateway_is_none(settings_controller(settings)));
}

/* Who is no tenant any more sees nothing: what is open of its tasks goes nowhere else. */
static const struct view_sight *sight_of(void *context, const char *name)
{
	static const char *const none[] = {""};
	static const struct view_sight blind = {.sites = {1, none}, .services = {1, none}};
	const struct gateway *gateway = context;
	const struct front_tenant *tenant = gateway->tenants;

	for (size_t i = 0; i < gateway->settings->tenants.count; i++, tenant++)
		if (strcmp(tenant->name, name) == 0)
			return tenant->sight;
	return &blind;
}

static int open_tasks(struct gateway *gateway)
{
	struct task_settings tasks = {.identity = gateway->identity,
	                              .port = EXCHANGE_PORT,
	                              .clock = gateway->clock,
	                              .seed = gateway->seed,
	                              .output_maximum = (uint64_t)gateway->settings->supply.output,
	                              .sight = sight_of,
	                              .context = gateway,
	                              .decisions = gateway->settings->decisions};
	struct task_rooms rooms = {.database = gateway->database,
	                           .view = gateway->view,
	                           .ledger = gateway->ledger,
	                           .store = gateway->store,
	                           .ring = &gateway->ring};
	struct task_ports ports = gateway_task_ports;

	if (!keeps_tasks(gateway->settings))
		return 0;
	memcpy(tasks.address, gateway->address, sizeof(tasks.address));
	ports.context = gateway;
	return tasks_create(&tasks, &rooms, &ports, &gateway->tasks);
}

static int open_exchange(struct gateway *gateway)
{
	struct exchange_settings exchange = {.identity = gateway->identity,
	                                     .ring = &gateway->ring,
	                                     .program = gateway_on_program,
	                                     .answer = gateway_on_answer,
	                                     .context = gateway};
	int code = latest_open(gateway->database, &gateway->clock, &gateway->latest);

	exchange.latest = gateway->latest;
	exchange.database = gateway->database;
	memcpy(exchange.locator, gateway->locator, sizeof(exchange.locator));
	return code < 0 ? code : exchange_create(gateway->loop, &exchange, &gateway->exchange);
}

static int listen_at(struct gateway *gateway, const struct config_address *address, int64_t delay,
                     int64_t ceiling)
{
	struct front_listen listen = {.port = (uint16_t)address->port,
	                              .access_up = delay,
	                              .access_down = delay,
	                              .access_ceiling_up = ceiling,
	                              .access_ceiling_down = ceiling};

	memcpy(listen.address, address->octets, sizeof(listen.address));
	return front_listen(gateway->front, &listen);
}

/* Clients' sockets, and the operator's on the gateway's own address where there is a network. */
static int open_front(struct gateway *gateway)
{
	const struct settings_access *access = gateway->settings->access.items;
	struct config_address own = {.port = GATEWAY_PORT};
	struct front_settings front = {.source = &gateway->source,
	                               .database = gateway->database,
	                               .store = gateway->store,
	                               .seed = gateway->seed,
	                               .tenants = gateway->tenants,
	                               .tenant_count = (uint32_t)gateway->settings->tenants.count,
	                               .receivers = (uint32_t)gateway->settings->front.receivers,
	                               .rates = {.source = (uint64_t)gateway->settings->front.source,
	                                         .stranger = (uint64_t)gateway->settings->front.stranger,
	                                         .tenant = (uint64_t)gateway->settings->front.tenant},
	                               .allowances = gateway->allowances,
	                               .residents = gateway->residents,
	                               .resident_count = gateway->resident_count,
	                               .late = gateway_on_late,
	                               .answer = gateway_front_answer,
	                               .carry = gateway_front_carry,
	                               .reload = gateway_reload,
	                               .context = gateway,
	                               .controller = settings_controller(gateway->settings),
	                               .controls = gateway->settings->controller.serves};
	int code = front_create(gateway->loop, &front, &gateway->front);

	memcpy(own.octets, gateway->address, sizeof(own.octets));
	for (size_t i = 0; i < gateway->settings->access.count && code >= 0; i++)
		code = listen_at(gateway, &access[i].listen, access[i].delay, access[i].ceiling);
	if (code >= 0 && gateway->steer != NULL)
		code = listen_at(gateway, &own, 0, 0);
	return code < 0 ? code : 0;
}

static int open_transfer(struct gateway *gateway)
{
	const struct settings_access *access = gateway->settings->access.items;
	struct transfer_settings transfer = {
	        .store = gateway->store,
	        .keys = {.ring = &gateway->ring, .secret = front_secret, .context = gateway->front},
	        .identity = gateway->identity,
	        .clock = gateway->clock,
	        .maximum = (uint64_t)gateway->settings->supply.blobs,
	        .context = gateway,
	};
	uint8_t reserved[16];
	uint16_t port;
	int code;

	segment_transfers_address(gateway->locator, reserved);
	if (!gateway_is_none(settings_controller(gateway->settings)))
		transfer.through = gateway_way_to_controller;
	if (gateway->steer != NULL)
		memcpy(transfer.source, gateway->address, sizeof(transfer.source));
	code = transfer_create(gateway->loop, &transfer, &gateway->transfer);
	if (code == 0 && gateway->steer != NULL)
		code = transfer_listen(gateway->transfer, gateway->address, TRANSFER_PORT, &port);
	if (code == 0 && gateway->steer != NULL)
		code = transfer_listen(gateway->transfer, reserved, TRANSFER_PORT, &port);
	for (size_t i = 0; i < gateway->settings->access.count && code == 0; i++)
		code = transfer_listen(gateway->transfer, access[i].listen.octets,
		                       (uint16_t)(access[i].listen.port + 2), &port);
	return code;
}

static int open_timer(struct gateway *gateway)
{
	int code = uv_timer_init(gateway->loop, &gateway->timer);

	if (code < 0)
		return code;
	gateway->timer.data = gateway;
	gateway->timer_open = true;
	return uv_timer_start(&gateway->timer, on_tick, 1, 0);
}

static void fill_source(struct gateway *gateway)
{
	gateway->source = (struct document_source){
	        .node = gateway->settings->node,
	        .identity = gateway->identity,
	        .clock = gateway->clock,
	        .started = clock_wall(&gateway->clock),
	        .view = gateway->view,
	        .tasks = gateway->tasks,
	        .ledger = gateway->tasks == NULL ? NULL : gateway->ledger,
	        .usage = gateway->usage,
	        .owner = gateway->owner,
	        .packets_refused = exchange_refusals(gateway->exchange),
	        .edge = gateway_edge,
	        .link = gateway_link_facts,
	        .context = gateway,
	};
}

/* In the order in which the rooms need each other; the executor is forked before anything else is open. */
static int open_rooms(struct gateway *gateway)
{
	const struct settings *settings = gateway->settings;
	char runs[GATEWAY_PATH];
	int code = open_driver(gateway);

	if (code == 0)
		code = open_folders(gateway, runs);
	if (code == 0)
		code = find_power(gateway);
	if (code == 0)
		code = open_accounts(gateway);
	if (code == 0)
		code = gateway_deposit(gateway);
	if (code == 0)
		code = open_store(gateway);
	if (code == 0)
		code = gateway_open_steer(gateway);
	if (code == 0)
		code = open_book(gateway);
	if (code == 0)
		code = open_view(gateway);
	if (code == 0)
		code = settings_services(settings,
		                         gateway->driver == NULL ? 0 : driver_start_latency(gateway->driver),
		                         gateway->arena, &gateway->services);
	if (code == 0)
		code = open_announce(gateway);
	if (code == 0)
		code = open_exchange(gateway);
	if (code == 0)
		code = open_owner(gateway, runs);
	if (code == 0)
		code = open_tasks(gateway);
	if (code == 0)
		code = gateway_open_calls(gateway);
	return code;
}

static int open_doors(struct gateway *gateway)
{
	int code;

	announce_set_owner(gateway->announce, gateway->owner);
	fill_source(gateway);
	code = gateway_open_network(gateway);
	if (code == 0)
		code = open_front(gateway);
	if (code == 0)
		gateway->source.requests_refused = front_refusals(gateway->front);
	if (code == 0)
		code = open_transfer(gateway);
	if (code == 0)
		code = gateway_open_metrics(gateway);
	if (code == 0)
		code = open_timer(gateway);
	return code;
}

/* A gateway alone has no domain to share a key with: it makes one for its own programs. */
static int find_keys(struct gateway *gateway)
{
	int code = settings_ring(gateway->settings, &gateway->ring);

	if (code == 0)
		code = settings_tenants(gateway->settings, gateway->arena, &gateway->tenants);
	if (code == 0 && gateway->ring.count == 0) {
		gateway->ring.count = 1;
		gateway->ring.keys[0].identifier = 1;
		code = random_system(gateway->ring.keys[0].secret, SEAL_SECRET);
	}
	return code < 0 ? code : seal_prepare(&gateway->ring);
}

int gateway_open(uv_loop_t *loop, const struct settings *settings, struct gateway **ret_gateway)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	int code;

	if (gateway == NULL)
		return -ENOMEM;
	gateway->settings = settings;
	gateway->loop = loop;
	gateway->clock = clock_system;
	gateway->identity = settings_identity(settings);
	memcpy(gateway->locator, settings->locator.octets, sizeof(gateway->locator));
	segment_gateway_address(gateway->locator, gateway->address);
	gateway->arena = arena_create(GATEWAY_ARENA);
	code = gateway->arena == NULL ? -ENOMEM : random_system(&gateway->seed, sizeof(gateway->seed));
	random_seed(&gateway->random, gateway->seed);
	if (code == 0)
		code = find_keys(gateway);
	if (code == 0)
		code = open_rooms(gateway);
	if (code == 0)
		code = open_doors(gateway);
	*ret_gateway = gateway;
	return code;
}

static void on_driver_closed(void *context)
{
	(void)context;
}

static void on_timer_closed(uv_handle_t *handle)
{
	(void)handle;
}

void gateway_close(struct gateway *gateway, bool returns)
{
	if (gateway == NULL || gateway->closing)
		return;
	gateway->closing = true;
	gateway->returns = returns;
	gateway_close_network(gateway);
	if (gateway->timer_open)
		uv_close((uv_handle_t *)&gateway->timer, on_timer_closed);
	front_close(gateway->front);
	gateway->front = NULL;
	transfer_close(gateway->transfer, NULL, NULL);
	scrape_close(gateway->scrape);
	announce_close(gateway->announce);
	if (gateway->driver != NULL)
		driver_close(gateway->driver, on_driver_closed, gateway);
}

struct gateway *gateway_free(struct gateway *gateway)
{
	if (gateway == NULL)
		return NULL;
	exchange_close(gateway->exchange);
	(void)uv_run(gateway->loop, UV_RUN_DEFAULT);
	(void)latest_close(gateway->latest);
	gateway_close_calls(gateway);
	gateway_close_flows(gateway);
	(void)collect_free(gateway->collect);
	(void)tasks_free(gateway->tasks);
	(void)owner_free(gateway->owner);
	(void)view_free(gateway->view);
	(void)book_free(gateway->book);
	(void)store_close(gateway->store);
	(void)ledger_close(gateway->ledger);
	(void)usage_close(gateway->usage);
	(void)database_close(gateway->database);
	gateway_free_past(gateway);
	(void)arena_free(gateway->arena);
	free(gateway);
	return NULL;
}
