/* SPDX-License-Identifier: Apache-2.0 */
/* Announcements: what is said of links and instances, what is news, and how often the network is told. */
#include "tests/t.h"

#include "daemon/announce.h"
#include "tests/unit/bgp/speaker_harness.h"
#include "tests/unit/wire/sample.h"

#define START_OF_TIME (INT64_C(1800000000) * CLOCK_SECOND)
#define INTERVAL (100 * CLOCK_MILLISECOND)
#define PERIOD_MS 1000

static const struct gateway_identity own = {1, 1}, neighbour = {2, 1}, stranger = {3, 1};

struct gateway {
	struct harness harness; /* its loop is everyone's */
	int64_t now;
	struct view *view;
	struct book *book;
	struct announce *announce;
	struct owner_service service;
};

static struct gateway *gateway;

static int64_t read_wall(void *context)
{
	return START_OF_TIME + gateway->now;
}

static int64_t read_monotonic(void *context)
{
	return 100 * CLOCK_SECOND + gateway->now;
}

static void open_book(void)
{
	const struct resource_offer cpu = {
	        .kind = RESOURCE_CPU, .capacity = 4000000, .free = 4000000, .base = 100, .steepness = 32000};
	const struct link_offer link = {.from = own,
	                                .toward = neighbour,
	                                .delay = CLOCK_MILLISECOND,
	                                .ceilings = {5 * CLOCK_MILLISECOND},
	                                .capacity = 1000000,
	                                .free = 1000000,
	                                .base = 100,
	                                .steepness = 32000};

	gateway->book = book_create(16, 1);
	T_OK(book_add_resource(gateway->book, &cpu));
	T_OK(book_add_link(gateway->book, &link, &(struct book_output){.rate = 1000000}));
}

static struct announce_settings settings_of_gateway(void)
{
	struct announce_settings settings = {
	        .site = {.identity = own, .locator = {0xfc, 0, 0, 0, 0, 1}, .name = "edge"},
	        .news = news_defaults,
	        .metrics = metric_agent_defaults,
	        .ring = &sample_ring,
	        .clock = {read_wall, read_monotonic, NULL},
	        .domain_count = 2,
	        .domain = {HARNESS_AS_BASE, HARNESS_AS_BASE + 1},
	        .services = &gateway->service,
	        .service_count = 1};

	settings.news.interval = INTERVAL;
	return settings;
}

static int set_up(void **state)
{
	const struct view_limits limits = {.sites = 4, .services = 4, .reservations = 4, .suspects = 4};
	struct announce_settings settings;

	gateway = calloc(1, sizeof(*gateway));
	harness_open(&gateway->harness);
	gateway->view = view_create(&limits);
	open_book();
	gateway->service.offer = sample_service();
	gateway->service.offer.site = own;
	gateway->service.offer.running = 0;
	settings = settings_of_gateway();
	return announce_create(&gateway->harness.loop, &settings, gateway->view, gateway->book,
	                       &gateway->announce);
}

static int tear_down(void **state)
{
	announce_close(gateway->announce);
	harness_shut(&gateway->harness);
	book_free(gateway->book);
	view_free(gateway->view);
	free(gateway);
	return 0;
}

static const struct site *own_site(void)
{
	const struct site *site = view_site(gateway->view, own);

	T_TRUE(site != NULL);
	return site;
}

static void measure(int64_t delay, uint32_t loss)
{
	const struct probe_measurement measurement = {.delay = delay,
	                                              .jitter = 10 * CLOCK_MICROSECOND,
	                                              .loss = loss};

	announce_link_measured(gateway->announce, neighbour, &measurement, false);
}

static void lose(void)
{
	const struct probe_measurement measurement = {.loss = 1000000};

	announce_link_measured(gateway->announce, neighbour, &measurement, true);
}

static void see_timer(uv_handle_t *handle, void *context)
{
	int64_t *due = context;

	if (handle->type != UV_TIMER || handle == (uv_handle_t *)&gateway->harness.watchdog)
		return;
	if (uv_is_active(handle))
		*due = (int64_t)uv_timer_get_due_in((uv_timer_t *)handle);
	else if (*due == -2)
		*due = -1;
}

/* Milliseconds until the network is told; no speaker may be on the loop. */
static int64_t due_in(void)
{
	int64_t due = -2;

	uv_walk(&gateway->harness.loop, see_timer, &due);
	return due;
}

static void turn(void)
{
	(void)uv_run(&gateway->harness.loop, UV_RUN_NOWAIT);
}

static void the_own_view_is_told_at_once(void **state)
{
	T_EQ(own_site()->measured, START_OF_TIME);
	T_EQ(own_site()->resource_count, 1);
	T_EQ(own_site()->resources[0].free, 4000000);
	T_EQ(view_service_count(gateway->view), 1);
	T_EQ(view_service_at(gateway->view, 0)->running, 0); /* no owner yet */
	gateway->now += CLOCK_SECOND;
	announce_changed(gateway->announce);
	T_EQ(own_site()->measured, START_OF_TIME + CLOCK_SECOND);
}

static void a_link_needs_a_session_and_a_measurement(void **state)
{
	T_EQ(own_site()->link_count, 0);
	announce_link_session(gateway->announce, neighbour, true);
	T_EQ(own_site()->link_count, 0);
	measure(2 * CLOCK_MILLISECOND, 100);
	T_EQ(own_site()->link_count, 1);
	T_EQ(own_site()->links[0].delay, 2 * CLOCK_MILLISECOND);
	T_EQ(own_site()->links[0].loss, 100);
	T_EQ(own_site()->links[0].ceilings[0], 5 * CLOCK_MILLISECOND);
	announce_link_session(gateway->announce, neighbour, false);
	T_EQ(own_site()->link_count, 0);
	announce_link_session(gateway->announce, neighbour, true);
	T_EQ(own_site()->link_count, 1);
	lose();
	T_EQ(own_site()->link_count, 0);
	measure(3 * CLOCK_MILLISECOND, 0);
	T_EQ(own_site()->link_count, 1);
	T_EQ(own_site()->links[0].delay, 3 * CLOCK_MILLISECOND);
}

static void a_measurement_without_a_session_is_not_announced(void **state)
{
	measure(2 * CLOCK_MILLISECOND, 0);
	T_EQ(own_site()->link_count, 0);
	announce_link_session(gateway->announce, neighbour, true);
	T_EQ(own_site()->link_count, 1);
	/* A session with someone to whom the book knows no link brings none. */
	announce_link_session(gateway->announce, stranger, true);
	T_EQ(own_site()->link_count, 1);
}

static void only_news_of_delay_is_told(void **state)
{
	static const struct {
		int64_t before, after; /* microseconds */
		bool news;
	} cases[] = {
	        {1000, 1200, false}, {1000, 1201, true},   {1000, 801, false},    {1000, 799, true},
	        {20, 210, false},    {20, 221, true},      {10000, 11000, false}, {10000, 11001, true},
	        {10000, 8999, true}, {10000, 9100, false}, {50000, 54000, false},
	};

	announce_link_session(gateway->announce, neighbour, true);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t before = cases[i].before * CLOCK_MICROSECOND,
		        after = cases[i].after * CLOCK_MICROSECOND;

		lose();
		gateway->now += 60 * CLOCK_SECOND; /* that it was lost is forgotten */
		measure(before, 0);
		T_EQ(own_site()->links[0].delay, before);
		measure(after, 0);
		T_EQ(own_site()->links[0].delay, cases[i].news ? after : before);
	}
}

/* Steps that are small add up to news. */
static void a_drift_becomes_news(void **state)
{
	announce_link_session(gateway->announce, neighbour, true);
	for (int64_t delay = 1000; delay <= 1200; delay += 50)
		measure(delay * CLOCK_MICROSECOND, 0);
	T_EQ(own_site()->links[0].delay, CLOCK_MILLISECOND);
	measure(1250 * CLOCK_MICROSECOND, 0);
	T_EQ(own_site()->links[0].delay, 1250 * CLOCK_MICROSECOND);
}

static void only_news_of_loss_is_told(void **state)
{
	announce_link_session(gateway->announce, neighbour, true);
	measure(CLOCK_MILLISECOND, 30000);
	T_EQ(own_site()->links[0].loss, 30000);
	measure(CLOCK_MILLISECOND, 50000);
	T_EQ(own_site()->links[0].loss, 30000);
	measure(CLOCK_MILLISECOND, 50001);
	T_EQ(own_site()->links[0].loss, 50001);
	measure(CLOCK_MILLISECOND, 30001);
	T_EQ(own_site()->links[0].loss, 50001);
	measure(CLOCK_MILLISECOND, 30000);
	T_EQ(own_site()->links[0].loss, 30000);
}

/* Means and prices move by themselves. */
static void it_is_looked_at_once_a_second(void **state)
{
	T_EQ(due_in(), PERIOD_MS);
	announce_changed(gateway->announce);
	T_EQ(due_in(), PERIOD_MS);
	announce_amounts_changed(gateway->announce);
	T_TRUE(due_in() <= 1);
}

static bool peer_knows_both(struct harness *harness)
{
	return harness_count(&harness->nodes[1]) == 2;
}

static bool peer_is_up(struct harness *harness)
{
	return harness->nodes[0].established[0] && harness->nodes[1].established[0];
}

/* What the peer was told last of the site. */
static struct site heard_site(struct attribute_header *ret_header)
{
	static const uint8_t locator[16] = {0xfc, 0, 0, 0, 0, 1};
	const struct harness_route *route =
	        harness_find(&gateway->harness.nodes[1], locator, HARNESS_AS_BASE);
	struct service_offer service;
	struct site site;

	T_TRUE(route != NULL);
	T_OK(attribute_decode(route->attribute, route->attribute_size, route->prefix, route->length,
	                      &sample_ring, ret_header, &site, &service));
	return site;
}

static void open_speakers(void)
{
	struct harness *harness = &gateway->harness;
	struct speaker_peer peer = harness_peer("second", HARNESS_AS_BASE + 1, 0, true);
	static const uint32_t domain[] = {HARNESS_AS_BASE, HARNESS_AS_BASE + 1};
	struct speaker_settings settings = {.hold = 30 * CLOCK_SECOND,
	                                    .domain = domain,
	                                    .domain_count = 2,
	                                    .peers = &peer,
	                                    .peer_count = 1};

	harness_start(harness, 0, HARNESS_AS_BASE, settings);
	peer = harness_peer("first", HARNESS_AS_BASE, speaker_port(harness->nodes[0].speaker), false);
	harness_start(harness, 1, HARNESS_AS_BASE + 1, settings);
	harness_until(harness, peer_is_up);
}

static bool peer_heard_of_less(struct harness *harness)
{
	struct attribute_header header;

	return heard_site(&header).resources[0].free == 3000000;
}

static const struct identifier program = {{1}};

static void claim_core(void)
{
	const struct program_claim claim = {.resource_count = 1,
	                                    .resources = {{RESOURCE_CPU, 1000000, 0, MONEY_UNIT}},
	                                    .time = 3600 * CLOCK_SECOND};

	T_OK(book_claim(gateway->book, &program, own, &claim, START_OF_TIME + gateway->now, NULL));
}

static uint64_t told(void)
{
	return announce_counters(gateway->announce)->told;
}

/* The peer knows the site and its service, which were told at once. */
static void open_network(void)
{
	open_speakers();
	gateway->now += CLOCK_SECOND;
	announce_set_speaker(gateway->announce, gateway->harness.nodes[0].speaker);
	announce_changed(gateway->announce);
	T_EQ(told(), 2);
	harness_until(&gateway->harness, peer_knows_both);
}

static void close_network(void)
{
	announce_set_speaker(gateway->announce, NULL);
}

/* Through two speakers: many changes are one announcement, with the newest values and a greater sequence. */
static void the_network_hears_the_newest_values_once(void **state)
{
	struct attribute_header before, after;
	struct site site;
	size_t reports;

	open_network();
	site = heard_site(&before);
	T_TRUE(gateway_equal(site.identity, own));
	T_EQ(site.resources[0].free, 4000000);
	T_EQ(site.validity, 30 * CLOCK_SECOND);
	T_EQ(site.metrics[METRIC_COMPUTING].score, 10);
	T_EQ(site.metrics[METRIC_COMPUTING].window, 10000);
	T_EQ(before.domain_count, 2);
	reports = gateway->harness.nodes[1].route_reports;
	claim_core();
	gateway->now += INTERVAL;
	for (int i = 0; i < 50; i++)
		announce_changed(gateway->announce);
	T_EQ(told(), 3);
	harness_until(&gateway->harness, peer_heard_of_less);
	harness_run(&gateway->harness, 50);
	(void)heard_site(&after);
	T_TRUE(after.sequence > before.sequence);
	T_EQ(gateway->harness.nodes[1].route_reports, reports + 1); /* the service is as it was */
	close_network();
}

/* At once when it was quiet; by the timer, when the interval has passed, otherwise. */
static void the_network_waits_for_the_interval(void **state)
{
	uint64_t before;

	open_network();
	claim_core();
	announce_changed(gateway->announce);
	T_EQ(told(), 2);
	T_EQ(announce_counters(gateway->announce)->early, 1);
	gateway->now += INTERVAL;
	harness_until(&gateway->harness, peer_heard_of_less);
	before = told();
	gateway->now += INTERVAL;
	(void)book_release(gateway->book, &program, NULL);
	announce_changed(gateway->announce);
	T_TRUE(told() > before);
	close_network();
}

static bool peer_heard_of_full(struct harness *harness)
{
	struct attribute_header header;

	return heard_site(&header).resources[0].free == 4000000;
}

/* In its next life a gateway is believed more than in the one before, from its first word on. */
static void sequences_grow_over_restarts(void **state)
{
	const struct announce_settings settings = settings_of_gateway();
	struct attribute_header before, after;

	open_network();
	claim_core();
	gateway->now += INTERVAL;
	announce_changed(gateway->announce);
	harness_until(&gateway->harness, peer_heard_of_less);
	(void)heard_site(&before);
	close_network();
	announce_close(gateway->announce);
	turn();
	(void)book_release(gateway->book, &program, NULL);
	gateway->now += CLOCK_MILLISECOND;
	T_OK(announce_create(&gateway->harness.loop, &settings, gateway->view, gateway->book,
	                     &gateway->announce));
	announce_set_speaker(gateway->announce, gateway->harness.nodes[0].speaker);
	announce_changed(gateway->announce);
	harness_until(&gateway->harness, peer_heard_of_full);
	(void)heard_site(&after);
	T_TRUE(after.sequence > before.sequence);
	close_network();
}

static bool peer_knows_the_site_alone(struct harness *harness)
{
	return harness_count(&harness->nodes[1]) == 1;
}

static void a_service_without_instances_is_withdrawn(void **state)
{
	open_network();
	announce_instances(gateway->announce, 0, (struct metric_instances){.configured = 2});
	T_EQ(announce_counters(gateway->announce)->withdrawn, 1);
	harness_until(&gateway->harness, peer_knows_the_site_alone);
	/* Whoever asks here can still have one started. */
	T_EQ(view_service_count(gateway->view), 1);
	T_EQ(view_service_at(gateway->view, 0)->score, 0);
	gateway->now += INTERVAL;
	announce_instances(gateway->announce, 0, (struct metric_instances){.configured = 2, .well = 1});
	harness_until(&gateway->harness, peer_knows_both);
	T_TRUE(view_service_at(gateway->view, 0)->score > 0);
	close_network();
}

static uint64_t updates_sent(void)
{
	struct speaker_statistics statistics;

	speaker_statistics(gateway->harness.nodes[0].speaker, &statistics);
	return statistics.updates_sent;
}

static void flap_all(int i)
{
	announce_instances(gateway->announce, 0,
	                   (struct metric_instances){.configured = 4, .well = i % 2 == 0 ? 0 : 4});
}

static void flap_some(int i)
{
	announce_instances(gateway->announce, 0,
	                   (struct metric_instances){.configured = 4, .well = i % 2 == 0 ? 1 : 4});
}

static void flap_link(int i)
{
	announce_link_session(gateway->announce, neighbour, i % 2 == 0);
}

static void swing_price(int i)
{
	if (i % 2 == 0)
		claim_core();
	else
		(void)book_release(gateway->book, &program, NULL);
	announce_changed(gateway->announce);
}

/* Real speakers, virtual time: so many steps, 100 ms apart. The UPDATEs that came of them. */
static uint64_t updates_of(void (*step)(int i), int steps)
{
	uint64_t before = updates_sent();

	for (int i = 0; i < steps; i++) {
		gateway->now += 100 * CLOCK_MILLISECOND;
		step(i);
		turn();
	}
	harness_run(&gateway->harness, 50);
	return updates_sent() - before;
}

enum { FLAPS = 600, FLAP_SECONDS = 60, REFRESHES = FLAP_SECONDS / 10 + 1 };

/* The site itself is told every ten seconds, whatever happens. */
static void what_flaps_ten_times_a_second_is_told_less_than_once(void **state)
{
	static void (*const steps[])(int i) = {flap_all, flap_some, flap_link, swing_price};
	static const char *const names[] = {"all instances", "some instances", "a link", "a price"};

	open_network();
	measure(CLOCK_MILLISECOND, 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t updates = updates_of(steps[i], FLAPS);

		print_message("# %s: %u updates in %d s\n", names[i], (unsigned)updates, FLAP_SECONDS);
		T_TRUE(updates < FLAP_SECONDS / 2);
		T_TRUE(updates <= 3 * REFRESHES);
	}
	close_network();
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(the_own_view_is_told_at_once),
	        CASE(a_link_needs_a_session_and_a_measurement),
	        CASE(a_measurement_without_a_session_is_not_announced),
	        CASE(only_news_of_delay_is_told),
	        CASE(a_drift_becomes_news),
	        CASE(only_news_of_loss_is_told),
	        CASE(it_is_looked_at_once_a_second),
	        CASE(the_network_hears_the_newest_values_once),
	        CASE(the_network_waits_for_the_interval),
	        CASE(sequences_grow_over_restarts),
	        CASE(a_service_without_instances_is_withdrawn),
	        CASE(what_flaps_ten_times_a_second_is_told_less_than_once),
	};

	return T_RUN(tests);
}
