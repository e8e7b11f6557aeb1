/* SPDX-License-Identifier: Apache-2.0 */
/* Which sites are probed how often: decisions and news go in, time is a number. The probe is a real one;
 * nobody answers it. */
#include "daemon/watch.h"

#include "base/error.h"
#include "tests/t.h"

#define MS CLOCK_MILLISECOND
#define WALL (INT64_C(1700000000) * CLOCK_SECOND)

enum { SITES = 40, OWN = 1000 };

struct bench {
	int64_t now;
	uv_loop_t loop;
	struct view *view;
	struct probe *probe;
	struct watch *watch;
};

static int64_t monotonic(void *context)
{
	return ((struct bench *)context)->now;
}

static int64_t wall(void *context)
{
	return WALL + ((struct bench *)context)->now;
}

static void on_heard(void *context, uint32_t session, const struct probe_news *news)
{
	/* What the tests have the watch hear they make up themselves. */
}

static struct gateway_identity identity_of(uint32_t number)
{
	return (struct gateway_identity){number, 1};
}

/* Sites 1, 2, ... and this gateway, all of them joined to it. */
static void fill_view(struct bench *bench)
{
	struct site own = {.identity = identity_of(OWN), .measured = 1};

	for (uint32_t i = 1; i <= SITES; i++) {
		struct site site = {.identity = identity_of(i),
		                    .locator = {0xfc, 0, 0, 0, 0, (uint8_t)i},
		                    .measured = 1,
		                    .resource_count = 1,
		                    .resources = {{.kind = RESOURCE_CPU, .capacity = 9, .free = 9}}};

		T_OK(view_put_site(bench->view, &site));
	}
	T_OK(view_put_site(bench->view, &own));
}

static int set_up(void **state)
{
	const struct view_limits limits = {.sites = 64, .services = 1, .reservations = 1, .suspects = 64};
	struct bench *bench = calloc(1, sizeof(*bench));
	const struct probe_settings settings = {
	        .source_rate = 1, .total_rate = 1, .heard = on_heard, .context = bench};

	assert_non_null(bench);
	bench->now = 1000 * CLOCK_SECOND;
	T_OK(uv_loop_init(&bench->loop));
	bench->view = view_create(&limits);
	assert_non_null(bench->view);
	fill_view(bench);
	T_OK(probe_create(&bench->loop, &settings, &bench->probe));
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	(void)watch_free(bench->watch);
	probe_close(bench->probe);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	T_OK(uv_loop_close(&bench->loop));
	(void)view_free(bench->view);
	free(bench);
	return 0;
}

static void start(struct bench *bench, uint32_t sites, uint32_t budget)
{
	const struct watch_settings settings = {
	        .identity = identity_of(OWN),
	        .address = {[15] = 1},
	        .fastest = 10 * MS,
	        .slowest = 1000 * MS,
	        .idle = 60 * CLOCK_SECOND,
	        .sites = sites,
	        .budget = budget,
	        .clock = {.monotonic = monotonic, .wall = wall, .context = bench},
	};

	T_OK(watch_create(&settings, bench->view, bench->probe, &bench->watch));
}

static void tick_after(struct bench *bench, int64_t time)
{
	bench->now += time;
	watch_tick(bench->watch);
}

/* A decision for one site, and a runner-up that would have cost so much for each 100 of the winner's. */
static void decide(struct bench *bench, uint32_t site, uint32_t runner_up, int64_t price)
{
	struct plan_part part = {.site = identity_of(site),
	                         .path = {.hop_count = 2, .hops = {identity_of(OWN), identity_of(site)}}};
	struct plan plan = {
	        .part_count = 1,
	        .parts = &part,
	        .reason_count = 2,
	        .reasons = {
	                {.kind = REASON_NONE, .site = identity_of(site)},
	                {.kind = REASON_PRICE, .site = identity_of(runner_up), .have = price, .need = 100}}};

	watch_decided(bench->watch, &plan);
}

static int64_t interval(const struct bench *bench, uint32_t site)
{
	return watch_interval(bench->watch, identity_of(site));
}

static struct watch_statistics counts(const struct bench *bench)
{
	struct watch_statistics statistics;

	watch_read_statistics(bench->watch, &statistics);
	return statistics;
}

static uint32_t sessions(const struct bench *bench)
{
	struct probe_statistics statistics;

	probe_read_statistics(bench->probe, &statistics);
	return statistics.sessions;
}

static void what_was_used_is_probed_the_less_the_longer_ago(void **state)
{
	struct bench *bench = *state;
	int64_t last = 0;

	start(bench, 64, 1000);
	watch_tick(bench->watch);
	T_EQ(sessions(bench), 0);
	decide(bench, 1, 2, 1000);
	tick_after(bench, 0);
	T_EQ(sessions(bench), 1);
	T_EQ(interval(bench, 1), 10 * MS);
	T_EQ(interval(bench, 2), 0); /* it did not come close */
	for (int i = 0; i < 600; i++) {
		tick_after(bench, 100 * MS);
		T_TRUE(interval(bench, 1) >= last && interval(bench, 1) <= 1000 * MS);
		last = interval(bench, 1);
		if (i == 9)
			T_TRUE(last >= 100 * MS && last <= 200 * MS);
	}
	T_EQ(last, 1000 * MS);
	T_EQ(sessions(bench), 1);
	decide(bench, 1, 2, 1000);
	tick_after(bench, 0);
	T_EQ(interval(bench, 1), 10 * MS);
	tick_after(bench, 61 * CLOCK_SECOND);
	T_EQ(interval(bench, 1), 0);
	T_EQ(sessions(bench), 0);
}

static void what_came_close_is_probed_too_but_less(void **state)
{
	struct bench *bench = *state;

	start(bench, 64, 1000);
	decide(bench, 1, 2, 120);
	tick_after(bench, 0);
	T_EQ(interval(bench, 1), 10 * MS);
	T_EQ(interval(bench, 2), 80 * MS);
	/* Reasons are looked at now and then, choices always. */
	decide(bench, 4, 5, 100);
	tick_after(bench, 10 * MS);
	T_EQ(interval(bench, 4), 10 * MS);
	T_EQ(interval(bench, 5), 0);
	decide(bench, 4, 5, 121);
	tick_after(bench, 10 * MS);
	T_EQ(interval(bench, 5), 0);
	decide(bench, 4, 5, 100);
	tick_after(bench, 0);
	T_EQ(interval(bench, 5), 80 * MS);
}

static void this_gateway_is_not_probed(void **state)
{
	struct bench *bench = *state;

	start(bench, 64, 1000);
	decide(bench, OWN, OWN, 100);
	tick_after(bench, 0);
	T_EQ(sessions(bench), 0);
	T_EQ(counts(bench).sites, 0);
}

static void decisions_for_another_ingress_are_not_watched(void **state)
{
	struct bench *bench = *state;
	struct plan_part part = {.site = identity_of(1),
	                         .path = {.hop_count = 2, .hops = {identity_of(7), identity_of(1)}}};
	const struct plan plan = {.part_count = 1, .parts = &part};

	start(bench, 64, 1000);
	watch_decided(bench->watch, &plan);
	tick_after(bench, 0);
	T_EQ(sessions(bench), 0);
}

static void the_budget_is_shared(void **state)
{
	struct bench *bench = *state;

	start(bench, 64, 500);
	for (uint32_t site = 1; site <= 20; site++)
		decide(bench, site, 0, 1000);
	tick_after(bench, 0);
	T_TRUE(counts(bench).rate <= 500);
	T_EQ(interval(bench, 1), interval(bench, 20));
	T_EQ(interval(bench, 1), 40 * MS);
	T_EQ(sessions(bench), 20);
}

static void the_table_keeps_who_was_wanted_last(void **state)
{
	struct bench *bench = *state;

	start(bench, 4, 1000);
	for (uint32_t site = 1; site <= 6; site++)
		decide(bench, site, 0, 1000);
	tick_after(bench, 0);
	T_EQ(counts(bench).sites, 4);
	T_EQ(counts(bench).passed, 2); /* nobody is put out a moment after he was wanted */
	T_TRUE(interval(bench, 1) > 0);
	bench->now += 2 * CLOCK_SECOND;
	for (uint32_t site = 2; site <= 5; site++)
		decide(bench, site, 0, 1000);
	tick_after(bench, 0);
	T_EQ(interval(bench, 1), 0);
	T_TRUE(interval(bench, 5) > 0);
	T_EQ(sessions(bench), 4);
}

static void who_is_gone_is_not_probed(void **state)
{
	struct bench *bench = *state;

	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	decide(bench, 2, 0, 1000);
	tick_after(bench, 0);
	T_EQ(sessions(bench), 2);
	T_OK(view_remove_site(bench->view, identity_of(1)));
	tick_after(bench, 0);
	T_EQ(sessions(bench), 1);
	T_EQ(interval(bench, 1), 0);
	T_TRUE(interval(bench, 2) > 0);
}

static int suspected(const struct bench *bench, uint32_t site)
{
	return view_suspected(bench->view, identity_of(site), WALL + bench->now);
}

static void a_silent_site_is_avoided_until_it_is_heard(void **state)
{
	struct bench *bench = *state;
	struct probe_news news = {.state = PROBE_HEARD};

	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES);
	T_EQ(suspected(bench, 1), 0);
	news.state = PROBE_SILENT;
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_STATE);
	T_EQ(suspected(bench, 1), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(counts(bench).silent, 1);
	/* As long as it lasts. */
	for (int i = 0; i < 100; i++) {
		tick_after(bench, 100 * MS);
		T_EQ(suspected(bench, 1), BUSBAR_ERROR_NO_ANSWER);
	}
	news.state = PROBE_HEARD;
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_STATE);
	T_EQ(suspected(bench, 1), 0);
	T_EQ(counts(bench).silent, 0);
	T_EQ(counts(bench).silences, 1);
	tick_after(bench, 100 * MS);
	T_EQ(suspected(bench, 1), 0);
}

/* Probes may be filtered where programs are not. */
static void who_was_never_heard_is_not_suspected(void **state)
{
	struct bench *bench = *state;
	const struct probe_news news = {.state = PROBE_SILENT, .lost = true};

	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES);
	T_EQ(suspected(bench, 1), 0);
	tick_after(bench, 100 * MS);
	T_EQ(suspected(bench, 1), 0);
	T_EQ(counts(bench).silences, 0);
}

/* What somebody else suspects it of is not forgotten because it answers probes. */
static void other_suspicions_stay(void **state)
{
	struct bench *bench = *state;
	const struct probe_news news = {.state = PROBE_HEARD};

	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	T_OK(view_suspect(bench->view, identity_of(1), BUSBAR_ERROR_NO_ANSWER,
	                  WALL + bench->now + 5000 * MS));
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES);
	T_EQ(suspected(bench, 1), BUSBAR_ERROR_NO_ANSWER);
}

static void sessions_of_others_are_left_to_them(void **state)
{
	const struct probe_target target = {.local = {[15] = 1}, .remote = {[15] = 1}, .port = 9};
	struct bench *bench = *state;
	const struct probe_news news = {.state = PROBE_HEARD};

	T_EQ(probe_add(bench->probe, &target, CLOCK_SECOND), 0);
	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_NONE);
	T_EQ(watch_heard(bench->watch, 1, &news), WATCH_VALUES);
	tick_after(bench, 61 * CLOCK_SECOND);
	T_EQ(watch_heard(bench->watch, 1, &news), WATCH_NONE); /* not any more */
	T_EQ(sessions(bench), 1);
}

static void a_load_is_taken_from_its_site_alone(void **state)
{
	struct bench *bench = *state;
	struct probe_news news = {.state = PROBE_HEARD,
	                          .has_load = true,
	                          .load = {.identity = identity_of(2),
	                                   .validity = CLOCK_SECOND,
	                                   .resource_count = 1,
	                                   .resources = {{.kind = RESOURCE_CPU, .free = 4, .base = 7}}}};

	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	news.load.measured = WALL + bench->now;
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES);
	T_EQ(counts(bench).loads, 0);
	T_EQ(counts(bench).refused, 1);
	news.load.identity = identity_of(1);
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES);
	T_EQ(counts(bench).loads, 1);
	T_EQ(view_site(bench->view, identity_of(1))->resources[0].free, 4);
	T_EQ(view_site(bench->view, identity_of(1))->resources[0].base, 7);
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES); /* the same again */
	T_EQ(counts(bench).loads, 1);
	news.load.measured--; /* older is as good as never said */
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES);
	T_EQ(counts(bench).loads, 1);
	T_EQ(counts(bench).refused, 1);
}

static void what_is_measured_of_the_way_is_in_the_view(void **state)
{
	struct bench *bench = *state;
	const struct probe_news news = {.state = PROBE_HEARD,
	                                .measurement = {.delay = 7 * MS, .jitter = MS, .loss = 5}};
	const struct view_facts *facts;

	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES);
	facts = view_facts(view_site(bench->view, identity_of(1)));
	T_EQ(facts->path.delay, 7 * MS);
	T_EQ(facts->path.jitter, MS);
	T_EQ(facts->path.loss, 5);
	T_EQ(facts->path.measured, WALL + bench->now);
	T_TRUE(facts->path.validity >= 10 * interval(bench, 1));
}

static void join(struct bench *bench, uint32_t a, uint32_t b, int64_t delay)
{
	const uint32_t ends[] = {a, b, a};

	for (uint32_t i = 0; i < 2; i++) {
		struct site site;

		view_copy_site(view_site(bench->view, identity_of(ends[i])), &site);
		site.links[site.link_count++] = (struct link_offer){.from = identity_of(ends[i]),
		                                                    .toward = identity_of(ends[i + 1]),
		                                                    .delay = delay};
		T_OK(view_put_site(bench->view, &site));
	}
}

static bool is_contradicted(const struct bench *bench, uint32_t site)
{
	return view_facts(view_site(bench->view, identity_of(site)))->contradicted != 0;
}

/* Says so at a time that is late enough to be taken. */
static void measure(struct bench *bench, int64_t delay, uint64_t received)
{
	const struct probe_news news = {.state = PROBE_HEARD,
	                                .measurement = {.delay = delay, .received = received}};

	bench->now += WATCH_TICK;
	T_EQ(watch_heard(bench->watch, 0, &news), WATCH_VALUES);
}

static void a_measured_way_is_held_against_its_links(void **state)
{
	struct bench *bench = *state;

	join(bench, OWN, 1, 7 * MS);
	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	measure(bench, 7 * MS, 100);
	T_TRUE(!is_contradicted(bench, 1));
	measure(bench, 30 * MS, 101);
	T_TRUE(is_contradicted(bench, 1));
	T_EQ(view_facts(view_site(bench->view, identity_of(1)))->path.delay, 30 * MS);
	measure(bench, 7 * MS, 102);
	T_TRUE(!is_contradicted(bench, 1));
}

/* It may have come late for another reason. */
static void a_first_reply_contradicts_nothing(void **state)
{
	struct bench *bench = *state;

	join(bench, OWN, 1, 7 * MS);
	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	measure(bench, 30 * MS, 1);
	T_TRUE(!is_contradicted(bench, 1));
	T_EQ(view_contradiction_count(bench->view), 0);
}

/* A decision takes another way at once, its probes with the next tick. */
static void a_measured_way_is_not_held_against_the_next_one(void **state)
{
	struct bench *bench = *state;
	struct plan_part part = {.site = identity_of(1),
	                         .path = {.hop_count = 3,
	                                  .hops = {identity_of(OWN), identity_of(2), identity_of(1)}}};
	const struct plan plan = {.part_count = 1, .parts = &part};

	join(bench, OWN, 1, 7 * MS);
	join(bench, OWN, 2, MS);
	join(bench, 2, 1, MS);
	start(bench, 64, 1000);
	decide(bench, 1, 0, 1000);
	tick_after(bench, 0);
	measure(bench, 7 * MS, 100);
	watch_decided(bench->watch, &plan);
	measure(bench, 7 * MS, 101);
	T_TRUE(!is_contradicted(bench, 1));
	/* Here no routing headers can be sent: how the kernels route is not known. */
	tick_after(bench, 0);
	measure(bench, 7 * MS, 102);
	tick_after(bench, 0);
	T_EQ(sessions(bench), 1);
	measure(bench, 7 * MS, 103);
	T_EQ(view_contradiction_count(bench->view), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(what_was_used_is_probed_the_less_the_longer_ago),
	        TEST(what_came_close_is_probed_too_but_less),
	        TEST(this_gateway_is_not_probed),
	        TEST(decisions_for_another_ingress_are_not_watched),
	        TEST(the_budget_is_shared),
	        TEST(the_table_keeps_who_was_wanted_last),
	        TEST(who_is_gone_is_not_probed),
	        TEST(a_silent_site_is_avoided_until_it_is_heard),
	        TEST(who_was_never_heard_is_not_suspected),
	        TEST(other_suspicions_stay),
	        TEST(sessions_of_others_are_left_to_them),
	        TEST(a_load_is_taken_from_its_site_alone),
	        TEST(what_is_measured_of_the_way_is_in_the_view),
	        TEST(a_measured_way_is_held_against_its_links),
	        TEST(a_first_reply_contradicts_nothing),
	        TEST(a_measured_way_is_not_held_against_the_next_one),
	};

	return T_RUN(tests);
}
