/* SPDX-License-Identifier: Apache-2.0 */
/* Announcements: what is said of links, what is news, and how often the network is told. */
#include "tests/t.h"

#include "daemon/announce.h"
#include "tests/unit/bgp/speaker_harness.h"
#include "tests/unit/wire/sample.h"

#define START_OF_TIME (INT64_C(1800000000) * CLOCK_SECOND)
#define INTERVAL (100 * CLOCK_MILLISECOND)
#define REFRESH_MS 10000

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

static int set_up(void **state)
{
	const struct view_limits limits = {.sites = 4, .services = 4, .reservations = 4, .suspects = 4};
	struct announce_settings settings = {
	        .site = {.identity = own, .locator = {0xfc, 0, 0, 0, 0, 1}, .name = "edge"},
	        .interval = INTERVAL,
	        .ring = &sample_ring,
	        .clock = {read_wall, read_monotonic, NULL},
	        .domain_count = 2,
	        .domain = {HARNESS_AS_BASE, HARNESS_AS_BASE + 1},
	        .service_count = 1};

	gateway = calloc(1, sizeof(*gateway));
	harness_open(&gateway->harness);
	gateway->view = view_create(&limits);
	open_book();
	gateway->service.offer = sample_service();
	gateway->service.offer.site = own;
	gateway->service.offer.running = 0;
	settings.services = &gateway->service;
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

static void the_network_waits_for_the_interval(void **state)
{
	T_EQ(due_in(), 0); /* nothing was ever said */
	turn();
	T_EQ(due_in(), REFRESH_MS);
	announce_changed(gateway->announce);
	T_EQ(due_in(), INTERVAL / CLOCK_MILLISECOND);
	/* More changes neither hasten nor delay it. */
	gateway->now += 30 * CLOCK_MILLISECOND;
	announce_changed(gateway->announce);
	T_EQ(due_in(), INTERVAL / CLOCK_MILLISECOND);
}

static void what_comes_late_in_the_interval_waits_for_its_rest(void **state)
{
	turn();
	gateway->now += 70 * CLOCK_MILLISECOND;
	announce_changed(gateway->announce);
	T_EQ(due_in(), 30);
}

static void what_comes_after_the_interval_is_said_at_once(void **state)
{
	turn();
	gateway->now += INTERVAL;
	announce_changed(gateway->announce);
	T_EQ(due_in(), 0);
	turn();
	T_EQ(due_in(), REFRESH_MS);
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

/* Through two speakers: many changes are one announcement, with the newest values and a greater sequence. */
static void the_network_hears_the_newest_values_once(void **state)
{
	const struct program_claim claim = {.resource_count = 1,
	                                    .resources = {{RESOURCE_CPU, 1000000, 0, MONEY_UNIT}},
	                                    .time = CLOCK_SECOND};
	const struct identifier program = {{1}};
	struct attribute_header before, after;
	struct site site;
	size_t reports;

	open_speakers();
	announce_set_speaker(gateway->announce, gateway->harness.nodes[0].speaker);
	gateway->now += INTERVAL;
	announce_changed(gateway->announce);
	harness_until(&gateway->harness, peer_knows_both);
	site = heard_site(&before);
	T_TRUE(gateway_equal(site.identity, own));
	T_EQ(site.resources[0].free, 4000000);
	T_EQ(site.validity, 30 * CLOCK_SECOND);
	T_EQ(before.domain_count, 2);
	reports = gateway->harness.nodes[1].route_reports;
	T_OK(book_claim(gateway->book, &program, own, &claim, START_OF_TIME, NULL));
	for (int i = 0; i < 50; i++)
		announce_changed(gateway->announce);
	harness_until(&gateway->harness, peer_heard_of_less);
	harness_run(&gateway->harness, 50);
	(void)heard_site(&after);
	T_TRUE(after.sequence > before.sequence);
	T_EQ(gateway->harness.nodes[1].route_reports, reports + 2); /* site and service */
	announce_set_speaker(gateway->announce, NULL);
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
	        CASE(the_network_waits_for_the_interval),
	        CASE(what_comes_late_in_the_interval_waits_for_its_rest),
	        CASE(what_comes_after_the_interval_is_said_at_once),
	        CASE(the_network_hears_the_newest_values_once),
	};

	return T_RUN(tests);
}
