/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's probes: of its links, by which it knows what they are like; of the sites that its decisions
 * want, by which it knows how those are; and what it tells of itself to those that probe it. The latter
 * follows every change before the loop waits for the next event.
 */
#include "base/error.h"
#include "base/log.h"
#include "daemon/gateway_internal.h"
#include <string.h>

#define TAG "gateway"
/* Of what is told: longer than the slowest prober waits. */
#define VALIDITY (5 * CLOCK_SECOND)
#define PUBLISH_PAUSE (2 * CLOCK_MILLISECOND)

/* What is heard. Sessions of links come first, and in their order. */

static void on_link(struct gateway *gateway, struct gateway_link *link, const struct probe_news *news)
{
	link->longest = news->measurement.longest;
	link->probes = news->measurement.received;
	announce_link_measured(gateway->announce, link->toward, &news->measurement, news->lost);
}

static void on_heard(void *context, uint32_t session, const struct probe_news *news)
{
	struct gateway *gateway = context;

	if (gateway->closing)
		return;
	if (session < gateway->link_count)
		on_link(gateway, &gateway->links[session], news);
	else if (gateway->watch != NULL)
		gateway->watch_effect =
		        MAXIMUM(gateway->watch_effect, watch_heard(gateway->watch, session, news));
}

/* Decisions of other threads see new values within PUBLISH_PAUSE, new states at once. */
static void publish_view(struct gateway *gateway)
{
	int64_t now = clock_monotonic(&gateway->clock);

	if (gateway->front == NULL ||
	    (gateway->watch_effect == WATCH_VALUES && now - gateway->view_published < PUBLISH_PAUSE))
		return;
	gateway->watch_effect = WATCH_NONE;
	gateway->view_published = now;
	front_publish(gateway->front, gateway->view);
}

void gateway_on_decided(void *context, const struct plan *plan)
{
	struct gateway *gateway = context;

	if (gateway->watch != NULL && !gateway->closing)
		watch_decided(gateway->watch, plan);
}

/* What is told. */

static void put_resources(const struct gateway *gateway, struct site_load *load)
{
	for (size_t i = 0; i < book_resource_count(gateway->book) && load->resource_count < RESOURCE_KINDS;
	     i++) {
		struct resource_offer offer;
		uint32_t place = load->resource_count;

		if (book_resource_at(gateway->book, i, &offer) < 0)
			continue;
		for (; place > 0 && load->resources[place - 1].kind > offer.kind; place--)
			load->resources[place] = load->resources[place - 1];
		load->resources[place] =
		        (struct load_resource){.kind = offer.kind, .free = offer.free, .base = offer.base};
		load->resource_count++;
	}
}

static void put_links(const struct gateway *gateway, struct site_load *load)
{
	for (size_t i = 0; i < book_link_count(gateway->book) && load->link_count < SITE_LINKS; i++) {
		struct link_offer offer;

		if (book_link_at(gateway->book, i, &offer) == 0)
			load->links[load->link_count++] = (struct load_link){.toward = offer.toward,
			                                                     .free = offer.free,
			                                                     .base = offer.base};
	}
}

static void publish_load(struct gateway *gateway)
{
	struct site_load load = {.identity = gateway->identity,
	                         .measured = clock_wall(&gateway->clock),
	                         .validity = VALIDITY};

	for (uint32_t i = 0; i < (uint32_t)gateway->settings->services.count && gateway->owner != NULL; i++)
		load.running += owner_running(gateway->owner, i);
	put_resources(gateway, &load);
	put_links(gateway, &load);
	probe_publish(gateway->probe, &load);
	gateway->load_changed = false;
	gateway->load_told = uv_now(gateway->loop);
}

/* That the loop turns is all it is for. */
static void on_turn(uv_timer_t *timer)
{
	(void)timer;
}

/*
 * The loop is about to wait: all that happened together is told together, to others and to other threads; at
 * most once in a millisecond or two, and what comes sooner when that is over.
 */
static void on_prepare(uv_prepare_t *prepare)
{
	struct gateway *gateway = prepare->data;

	if (gateway->closing)
		return;
	if (gateway->load_changed && uv_now(gateway->loop) != gateway->load_told)
		publish_load(gateway);
	if (gateway->watch_effect != WATCH_NONE)
		publish_view(gateway);
	if ((gateway->load_changed || gateway->watch_effect != WATCH_NONE) &&
	    !uv_is_active((uv_handle_t *)&gateway->turn))
		(void)uv_timer_start(&gateway->turn, on_turn, 1, 0);
}

void gateway_load_changed(struct gateway *gateway)
{
	gateway->load_changed = true;
}

/* Life. */

static int open_handles(struct gateway *gateway)
{
	int code = uv_prepare_init(gateway->loop, &gateway->prepare);

	if (code < 0)
		return code;
	(void)uv_timer_init(gateway->loop,
	                    &gateway->turn); /* as the other one: it only fills the handle in */
	gateway->prepare.data = gateway;
	gateway->prepare_open = true;
	return uv_prepare_start(&gateway->prepare, on_prepare);
}

/* Probes are authenticated with a key of the domain that is used for nothing else. */
static int make(struct gateway *gateway)
{
	const struct settings *settings = gateway->settings;
	uint8_t key[SEAL_SECRET];
	const struct probe_settings probe = {.key = key,
	                                     .segment_key = seal_first(&gateway->ring),
	                                     .source_rate = (uint32_t)settings->probe.source_rate,
	                                     .total_rate = (uint32_t)settings->probe.total_rate,
	                                     .seed = gateway->seed,
	                                     .heard = on_heard,
	                                     .context = gateway};
	int code =
	        seal_domain_mac(probe.segment_key, SEAL_PROBE, (struct gateway_identity){0, 0}, NULL, 0, key);

	if (code == 0)
		code = probe_create(gateway->loop, &probe, &gateway->probe);
	explicit_bzero(key, sizeof(key));
	return code;
}

static int open_links(struct gateway *gateway)
{
	const struct settings_link *links = gateway->settings->links.items;
	int code = 0;

	for (size_t i = 0; i < gateway->settings->links.count && code >= 0; i++) {
		struct probe_target target = {.port = STAMP_PORT};

		memcpy(target.local, links[i].local.octets, 16);
		memcpy(target.remote, links[i].remote.octets, 16);
		code = probe_reflect(gateway->probe, target.local, 0, STAMP_PORT);
		if (code >= 0)
			code = probe_add(gateway->probe, &target, gateway->settings->probe.interval);
	}
	return code < 0 ? code : 0;
}

/* Sites are probed, and answer, at gateways' own addresses. */
static int open_watch(struct gateway *gateway)
{
	const struct settings *settings = gateway->settings;
	struct watch_settings watch = {.identity = gateway->identity,
	                               .fastest = settings->probe.fastest,
	                               .slowest = settings->probe.slowest,
	                               .idle = settings->probe.idle,
	                               .sites = (uint32_t)settings->probe.sites,
	                               .budget = (uint32_t)settings->probe.budget,
	                               .clock = gateway->clock};
	int code = probe_reflect(gateway->probe, gateway->address, 0, STAMP_PORT);

	if (code < 0)
		return code;
	memcpy(watch.address, gateway->address, sizeof(watch.address));
	return watch_create(&watch, gateway->view, gateway->probe, &gateway->watch);
}

int gateway_open_probe(struct gateway *gateway)
{
	int code = make(gateway);

	if (code == 0)
		code = open_links(gateway);
	if (code == 0 && gateway->steer != NULL)
		code = open_watch(gateway);
	if (code == 0)
		code = open_handles(gateway);
	return code;
}

void gateway_tick_probe(struct gateway *gateway)
{
	if (gateway->probe == NULL)
		return;
	publish_load(gateway);
	if (gateway->watch != NULL)
		watch_tick(gateway->watch);
}

void gateway_close_probe(struct gateway *gateway)
{
	gateway->watch = watch_free(gateway->watch);
	probe_close(gateway->probe);
	gateway->probe = NULL;
	if (!gateway->prepare_open)
		return;
	uv_close((uv_handle_t *)&gateway->prepare, NULL);
	uv_close((uv_handle_t *)&gateway->turn, NULL);
}
