/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a site and its services, and when: on virtual time, with the default settings. */
#include "book/news.h"

#include "base/clock.h"
#include "base/random.h"
#include "tests/t.h"

#define MS CLOCK_MILLISECOND
#define QUIET (100 * CLOCK_SECOND)

static const struct gateway_identity own = {1, 1}, left = {2, 1}, right = {3, 1};

struct state {
	struct news_site site;
	struct news_service service;
	struct news_counters counters;
	struct site present;
	struct service_offer offer;
	bool shown;
	int64_t now, next;
	uint32_t told, withdrawn; /* of whatever is being looked at */
};

static struct link_offer link_toward(struct gateway_identity toward)
{
	return (struct link_offer){.from = own,
	                           .toward = toward,
	                           .delay = 10 * MS,
	                           .ceilings = {20 * MS, 30 * MS},
	                           .capacity = 1000000000,
	                           .free = 1000000000,
	                           .base = 1000,
	                           .steepness = 32000,
	                           .tariff = 1000};
}

/* Told when its age was half of what it may be. */
static struct state quiet(void)
{
	struct state state = {
	        .present = {.identity = own,
	                    .resource_count = 1,
	                    .resources = {{.kind = RESOURCE_CPU,
	                                   .capacity = 64000000,
	                                   .free = 64000000,
	                                   .base = 1000,
	                                   .steepness = 1000}},
	                    .link_count = 2,
	                    .links = {link_toward(left), link_toward(right)},
	                    .metrics = {[METRIC_COMPUTING] = {.score = 8, .source = METRIC_MEASURED}}},
	        .offer = {.site = own, .score = 7, .time = 100 * MS, .price = 100, .running = 4},
	        .shown = true,
	};
	const int64_t before = QUIET - news_defaults.age / 2;
	struct news_counters counters = {0};

	T_EQ(news_site_step(&state.site, &news_defaults, &state.present, before, &counters, &state.next),
	     NEWS_TELL);
	T_EQ(news_service_step(&state.service, &news_defaults, &state.offer, true, before, &counters,
	                       &state.next),
	     NEWS_TELL);
	T_EQ(counters.told, 2);
	state.now = QUIET;
	return state;
}

static bool look_at_site(struct state *state)
{
	enum news_verdict verdict = news_site_step(&state->site, &news_defaults, &state->present, state->now,
	                                           &state->counters, &state->next);

	T_TRUE(verdict != NEWS_WITHDRAW);
	T_TRUE(state->next > state->now);
	state->told += verdict == NEWS_TELL;
	return verdict == NEWS_TELL;
}

static enum news_verdict look_at_service(struct state *state)
{
	enum news_verdict verdict =
	        news_service_step(&state->service, &news_defaults, &state->offer, state->shown, state->now,
	                          &state->counters, &state->next);

	T_TRUE(state->next > state->now);
	state->told += verdict == NEWS_TELL;
	state->withdrawn += verdict == NEWS_WITHDRAW;
	return verdict;
}

static void what_is_new_is_told_at_once(void **context)
{
	struct state state = {.shown = true};

	T_TRUE(look_at_site(&state));
	T_EQ(state.next, news_defaults.age);
	T_EQ(look_at_service(&state), NEWS_TELL);
	T_EQ(state.next, INT64_MAX);
}

/* Each kind of value, a little less and a little more than its threshold. */
static void a_change_is_news_past_its_threshold(void **context)
{
	static const struct {
		const char *what;
		size_t offset;
		int64_t small, large;
	} cases[] = {
	        {"amount", offsetof(struct site, resources[0].free), 57700000, 57500000},
	        {"price", offsetof(struct site, resources[0].base), 1100, 1101},
	        {"cheaper", offsetof(struct site, resources[0].base), 900, 899},
	        {"delay", offsetof(struct site, links[0].delay), 11 * MS, 11 * MS + 1},
	        {"shorter", offsetof(struct site, links[0].delay), 9 * MS, 9 * MS - 1},
	        {"link's price", offsetof(struct site, links[1].base), 1100, 1101},
	        {"link's room", offsetof(struct site, links[1].free), 980000000, 970000000},
	        {"tariff", offsetof(struct site, links[1].tariff), 1000, 1001},
	        {"ceiling", offsetof(struct site, links[1].ceilings[1]), 30 * MS, 30 * MS + 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct state state = quiet();

		memcpy((char *)&state.present + cases[i].offset, &cases[i].small, sizeof(int64_t));
		if (look_at_site(&state))
			fail_msg("%s: told too early", cases[i].what);
		memcpy((char *)&state.present + cases[i].offset, &cases[i].large, sizeof(int64_t));
		if (!look_at_site(&state))
			fail_msg("%s: not told", cases[i].what);
	}
}

static void loss_and_scores_are_news(void **context)
{
	struct state state = quiet();

	state.present.links[0].loss = 20000;
	T_TRUE(!look_at_site(&state));
	state.present.links[0].loss = 20001;
	T_TRUE(look_at_site(&state));
	state = quiet();
	state.present.metrics[METRIC_COMPUTING].score = 7;
	T_TRUE(look_at_site(&state));
	state = quiet();
	state.offer.score = 6;
	T_EQ(look_at_service(&state), NEWS_TELL);
	state = quiet();
	state.offer.running = 12;
	T_EQ(look_at_service(&state), NEWS_WAIT);
	state.offer.running = 13;
	T_EQ(look_at_service(&state), NEWS_TELL);
}

/* However few there are of many. */
static void running_out_is_news(void **context)
{
	struct state state = quiet();

	state.present.resources[0].free = 100;
	T_TRUE(look_at_site(&state));
	state.now += QUIET;
	(void)look_at_site(&state);
	state.now += 2 * CLOCK_SECOND;
	state.present.resources[0].free = 0;
	T_TRUE(look_at_site(&state));
	state.now += 2 * CLOCK_SECOND;
	state.present.resources[0].free = 1;
	T_TRUE(look_at_site(&state));
}

static void small_steps_add_up(void **context)
{
	struct state state = quiet();

	for (int i = 0; i < 10; i++) {
		state.present.resources[0].base += 10;
		T_TRUE(!look_at_site(&state));
	}
	T_EQ(state.counters.small, 10);
	state.present.resources[0].base++;
	T_TRUE(look_at_site(&state));
}

static void the_next_waits_for_the_interval(void **context)
{
	struct state state = quiet();

	state.present.resources[0].base = 2000;
	T_TRUE(look_at_site(&state));
	state.now += 300 * MS;
	state.present.resources[0].base = 4000;
	T_TRUE(!look_at_site(&state));
	T_EQ(state.next, QUIET + CLOCK_SECOND);
	T_EQ(state.counters.early, 1);
	state.now = state.next;
	T_TRUE(look_at_site(&state));
}

static void a_site_is_told_again_at_its_age(void **context)
{
	struct state state = quiet();

	T_TRUE(!look_at_site(&state));
	T_EQ(state.next, QUIET + 5 * CLOCK_SECOND);
	state.now = state.next;
	T_TRUE(look_at_site(&state));
	T_EQ(state.counters.refreshed, 1);
}

/* A service is not, unless something differs: a route stays until it is withdrawn. */
static void a_service_is_told_again_for_what_differs(void **context)
{
	struct state state = quiet();

	state.now += QUIET;
	T_EQ(look_at_service(&state), NEWS_WAIT);
	T_EQ(state.next, INT64_MAX);
	state.offer.running = 5;
	T_EQ(look_at_service(&state), NEWS_TELL);
	T_EQ(state.counters.refreshed, 1);
	state.offer.running = 6;
	T_EQ(look_at_service(&state), NEWS_WAIT);
	T_EQ(state.next, 2 * QUIET + news_defaults.age);
}

static void what_is_gone_is_withdrawn_at_once(void **context)
{
	struct state state = quiet();

	state.offer.score = 3;
	T_EQ(look_at_service(&state), NEWS_TELL);
	state.now += MS;
	state.shown = false;
	T_EQ(look_at_service(&state), NEWS_WITHDRAW);
	T_EQ(look_at_service(&state), NEWS_WAIT);
	/* What comes back waits for the interval. */
	state.now += MS;
	state.shown = true;
	T_EQ(look_at_service(&state), NEWS_WAIT);
	T_EQ(state.next, QUIET + MS + CLOCK_SECOND);
	state.now = state.next;
	T_EQ(look_at_service(&state), NEWS_TELL);
}

static void a_lost_link_is_told_at_once(void **context)
{
	struct state state = quiet();

	state.present.resources[0].base = 2000;
	T_TRUE(look_at_site(&state));
	state.now += MS;
	state.present.link_count = 1;
	T_TRUE(look_at_site(&state));
	/* One that comes back is not in such a hurry. */
	state.now += MS;
	state.present.link_count = 2;
	T_TRUE(!look_at_site(&state));
	T_EQ(state.next, QUIET + MS + CLOCK_SECOND);
	state.now = state.next;
	T_TRUE(look_at_site(&state));
}

/* Instances that come and go every 100 ms for ten minutes. */
static void a_service_that_flaps_is_seldom_told(void **context)
{
	struct state state = quiet();
	struct damping damping = {0};

	for (int i = 0; i < 6000; i++, state.now += 100 * MS) {
		state.shown = damping_step(&damping, &news_defaults.damping, i % 2 == 1, state.now);
		(void)look_at_service(&state);
	}
	T_TRUE(state.withdrawn >= 1 && state.withdrawn + state.told <= 3);
	/* It comes to rest, and is there within a minute. */
	for (int i = 0; i < 610 && !state.service.route.told; i++, state.now += 100 * MS) {
		state.shown = damping_step(&damping, &news_defaults.damping, true, state.now);
		(void)look_at_service(&state);
	}
	T_TRUE(state.service.route.told);
}

static void a_price_that_swings_is_told_as_its_dear_end(void **context)
{
	struct state state = quiet();

	for (int i = 0; i < 6000; i++, state.now += 100 * MS) {
		state.present.resources[0].base = i % 2 == 0 ? 4000 : 1000;
		(void)look_at_site(&state);
		if (i > 50)
			T_TRUE(state.site.resources[0].values[0].told == 4000 ||
			       state.counters.refreshed > 0);
	}
	/* A refresh every 10 s tells what is; the dear end follows. */
	T_TRUE(state.told - state.counters.refreshed <= 60 + 4);
	T_TRUE(state.counters.unsteady > 1000);
}

/* What lasts is told within the minimum interval, whatever happened before. */
static void a_step_is_not_held_back_by_a_swing(void **context)
{
	static const money levels[] = {1000, 2500, 4000, 9000, 100};

	for (size_t level = 0; level < ARRAY_SIZE(levels); level++) {
		struct state state = quiet();
		int64_t step;

		for (int i = 0; i < 100; i++, state.now += 100 * MS) {
			state.present.resources[0].base = i % 2 == 0 ? 4000 : 1000;
			(void)look_at_site(&state);
		}
		step = state.now;
		state.present.resources[0].base = levels[level];
		while (state.site.resources[0].values[0].told != (double)levels[level]) {
			if (!look_at_site(&state))
				state.now = MINIMUM(state.next, state.now + 100 * MS);
			T_TRUE(state.now <= step + news_defaults.interval);
		}
	}
}

/* Whatever moves however: the interval is kept, and nothing is forgotten for longer than the age. */
static void any_sequence_keeps_the_interval_and_the_age(void **context)
{
	struct random random;

	random_seed(&random, 23);
	for (int round = 0; round < 200; round++) {
		struct state state = quiet();
		int64_t last = state.now - 5 * CLOCK_SECOND;

		for (int i = 0; i < 300; i++) {
			state.now += (int64_t)random_below(&random, 400 * MS);
			state.present.resources[0].base = (money)random_below(&random, 3000);
			state.present.links[0].delay = (int64_t)random_below(&random, 20 * MS);
			if (random_below(&random, 4) == 0)
				state.now = MAXIMUM(state.now, MINIMUM(state.next, state.now + CLOCK_SECOND));
			if (look_at_site(&state)) {
				T_TRUE(state.now - last >= news_defaults.interval);
				last = state.now;
			}
			T_TRUE(state.now - last < news_defaults.age);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_new_is_told_at_once),
	        cmocka_unit_test(a_change_is_news_past_its_threshold),
	        cmocka_unit_test(loss_and_scores_are_news),
	        cmocka_unit_test(running_out_is_news),
	        cmocka_unit_test(small_steps_add_up),
	        cmocka_unit_test(the_next_waits_for_the_interval),
	        cmocka_unit_test(a_site_is_told_again_at_its_age),
	        cmocka_unit_test(a_service_is_told_again_for_what_differs),
	        cmocka_unit_test(what_is_gone_is_withdrawn_at_once),
	        cmocka_unit_test(a_lost_link_is_told_at_once),
	        cmocka_unit_test(a_service_that_flaps_is_seldom_told),
	        cmocka_unit_test(a_price_that_swings_is_told_as_its_dear_end),
	        cmocka_unit_test(a_step_is_not_held_back_by_a_swing),
	        cmocka_unit_test(any_sequence_keeps_the_interval_and_the_age),
	};

	return T_RUN(tests);
}
