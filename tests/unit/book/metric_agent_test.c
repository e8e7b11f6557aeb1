/* SPDX-License-Identifier: Apache-2.0 */
/* The metric agents: scores of levels 1 and 2 from what a site has, its links, instances and delays. */
#include "book/metric_agent.h"

#include "base/clock.h"
#include "tests/t.h"

static const struct gateway_identity own = {1, 1};

struct state {
	struct metric_agent_settings settings;
	struct metric_agent *agent;
	struct site site;
	struct service_offer service;
	struct metric_instances instances;
	int64_t now;
};

static struct state open_agent(const struct metric_agent_settings *settings)
{
	struct state state = {
	        .settings = *settings,
	        .site = {.identity = own,
	                 .resource_count = 3,
	                 .resources = {{.kind = RESOURCE_CPU, .capacity = 8000000, .free = 8000000},
	                               {.kind = RESOURCE_CPU_GFLOPS, .capacity = 100, .free = 0},
	                               {.kind = RESOURCE_MEMORY, .capacity = 1000, .free = 1000}},
	                 .link_count = 2,
	                 .links = {{.capacity = 100, .free = 100, .delay = 10 * CLOCK_MILLISECOND},
	                           {.capacity = 100, .free = 100, .delay = 30 * CLOCK_MILLISECOND}}},
	        .service = {.cpu = 2000000, .memory = 100, .time = CLOCK_SECOND, .start = CLOCK_SECOND},
	};

	state.agent = metric_agent_create(&state.settings, 1);
	T_TRUE(state.agent != NULL);
	return state;
}

static struct metric_agent_settings without_window(void)
{
	struct metric_agent_settings settings = metric_agent_defaults;

	settings.window = 0;
	settings.statistic = METRIC_CURRENT;
	settings.band = 0;
	return settings;
}

static void step(struct state *state)
{
	metric_agent_site(state->agent, &state->site, state->now);
	metric_agent_service(state->agent, 0, &state->site, state->instances, &state->service, state->now);
}

static void assert_score(const struct metric metrics[METRIC_KINDS], enum metric_kind kind, uint32_t score)
{
	T_TRUE(metrics[kind].source != 0);
	if (metrics[kind].score != score)
		fail_msg("%s is %u, expected %u", metric_descriptions[kind].name, metrics[kind].score, score);
}

static void an_idle_site_is_as_good_as_its_worst_delay(void **context)
{
	const struct metric_agent_settings settings = without_window();
	struct state state = open_agent(&settings);

	step(&state);
	assert_score(state.site.metrics, METRIC_COMPUTING, 10);
	assert_score(state.site.metrics, METRIC_COMMUNICATION, 8); /* the mean of 0.9 and 0.7 */
	T_EQ(state.site.metrics[METRIC_SERVICE].source, 0);
	assert_score(state.service.metrics, METRIC_SERVICE, 8);  /* 2 s of 10 s */
	assert_score(state.service.metrics, METRIC_COMPOSED, 9); /* (1 + 0.8 + 0.8) / 3 */
	assert_score(state.service.metrics, METRIC_NORM, 9);
	T_EQ(state.service.score, 9);
	state.agent = metric_agent_free(state.agent);
}

/* Source, statistic and window come with every value. */
static void metrics_say_where_they_come_from(void **context)
{
	static const uint32_t sources[METRIC_KINDS] = {
	        [METRIC_SERVICE] =
	                METRIC_MEASURED | METRIC_NOMINAL | METRIC_NORMALIZATION | METRIC_AGGREGATION,
	        [METRIC_COMPOSED] = METRIC_NORMALIZATION | METRIC_AGGREGATION,
	        [METRIC_NORM] = METRIC_NORMALIZATION | METRIC_AGGREGATION,
	};
	struct state state = open_agent(&metric_agent_defaults);

	step(&state);
	T_EQ(state.site.metrics[METRIC_COMPUTING].source,
	     METRIC_MEASURED | METRIC_NORMALIZATION | METRIC_AGGREGATION);
	T_EQ(state.site.metrics[METRIC_COMMUNICATION].source,
	     METRIC_MEASURED | METRIC_ESTIMATION | METRIC_NORMALIZATION | METRIC_AGGREGATION);
	for (int kind = 0; kind < METRIC_KINDS; kind++) {
		T_EQ(state.service.metrics[kind].source, sources[kind]);
		if (sources[kind] == 0)
			continue;
		T_EQ(state.service.metrics[kind].statistic, METRIC_MEAN);
		T_EQ(state.service.metrics[kind].window, 10000);
	}
	state.agent = metric_agent_free(state.agent);
}

static void load_lowers_the_score(void **context)
{
	const struct metric_agent_settings settings = without_window();
	struct state state = open_agent(&settings);
	uint32_t last = 10;

	for (uint64_t used = 0; used <= 8000000; used += 500000) {
		state.site.resources[0].free = 8000000 - used;
		step(&state);
		assert_score(state.site.metrics, METRIC_COMPUTING, (uint32_t)((80 - used / 100000 + 4) / 8));
		T_TRUE(state.service.score <= last);
		last = state.service.score;
	}
	T_TRUE(last <= 3);
	state.agent = metric_agent_free(state.agent);
}

/* Memory for three calls more, but cores for none. */
static void a_service_that_no_call_fits_is_low(void **context)
{
	const struct metric_agent_settings settings = without_window();
	struct state state = open_agent(&settings);

	state.site.resources[0].free = 2000000;
	step(&state);
	T_TRUE(state.service.score >= METRIC_MEDIUM);
	state.site.resources[0].free = 1999999;
	step(&state);
	T_TRUE(state.service.score < METRIC_MEDIUM);
	state.agent = metric_agent_free(state.agent);
}

/* Whatever the window remembers. */
static void a_service_without_an_instance_that_is_well_has_nothing(void **context)
{
	struct state state = open_agent(&metric_agent_defaults);

	state.instances = (struct metric_instances){.configured = 4, .well = 4};
	step(&state);
	T_TRUE(state.service.score >= METRIC_HIGH);
	state.now += 9 * CLOCK_SECOND;
	step(&state);
	state.instances.well = 0;
	state.now += CLOCK_MILLISECOND;
	step(&state);
	T_EQ(state.service.score, 0);
	assert_score(state.service.metrics, METRIC_NORM, 0);
	T_TRUE(state.service.metrics[METRIC_COMPOSED].score > 0);
	state.agent = metric_agent_free(state.agent);
}

static void instances_that_are_not_well_count(void **context)
{
	const struct metric_agent_settings settings = without_window();
	struct state state = open_agent(&settings);

	state.instances = (struct metric_instances){.configured = 4, .well = 2};
	step(&state);
	assert_score(state.service.metrics, METRIC_SERVICE, 5);
	state.instances.well = 3;
	step(&state);
	assert_score(state.service.metrics, METRIC_SERVICE, 8);
	state.agent = metric_agent_free(state.agent);
}

static void a_peak_counts_as_long_as_it_lasts(void **context)
{
	struct state state = open_agent(&metric_agent_defaults);

	step(&state);
	state.now += 10 * CLOCK_SECOND;
	state.site.resources[0].free = 0;
	step(&state);
	assert_score(state.site.metrics, METRIC_COMPUTING, 10);
	state.now += 4500 * CLOCK_MILLISECOND;
	step(&state);
	assert_score(state.site.metrics, METRIC_COMPUTING, 5);
	state.now += 6 * CLOCK_SECOND;
	step(&state);
	assert_score(state.site.metrics, METRIC_COMPUTING, 0);
	state.agent = metric_agent_free(state.agent);
}

static void a_bad_link_lowers_the_mean_and_is_the_least(void **context)
{
	struct metric_agent_settings settings = without_window();
	struct state state;

	for (int least = 0; least < 2; least++) {
		if (least)
			settings.aggregations[METRIC_COMMUNICATION] = METRIC_AGGREGATE_LEAST;
		state = open_agent(&settings);
		state.site.links[0].loss = 50000;
		state.site.links[1].free = 90;
		step(&state);
		assert_score(state.site.metrics, METRIC_COMMUNICATION, least ? 5 : 6);
		state.agent = metric_agent_free(state.agent);
	}
}

/* A site that is alone, and a gateway that only forwards. */
static void what_is_not_there_has_no_metric(void **context)
{
	struct state state = open_agent(&metric_agent_defaults);

	state.site.link_count = 0;
	step(&state);
	T_EQ(state.site.metrics[METRIC_COMMUNICATION].source, 0);
	assert_score(state.service.metrics, METRIC_COMPOSED, 9);
	state.site.resource_count = 0;
	state.now += CLOCK_MILLISECOND;
	step(&state);
	T_EQ(state.site.metrics[METRIC_COMPUTING].source, 0);
	state.agent = metric_agent_free(state.agent);
}

static void every_function_orders_sites_alike(void **context)
{
	for (int function = 0; function < METRIC_FUNCTIONS; function++) {
		struct metric_agent_settings settings = without_window();
		struct state idle, busy;

		settings.function = (enum metric_function)function;
		idle = open_agent(&settings);
		busy = open_agent(&settings);
		busy.site.resources[0].free = 1000000;
		busy.site.links[0].delay = busy.site.links[1].delay = 90 * CLOCK_MILLISECOND;
		step(&idle);
		step(&busy);
		T_TRUE(idle.service.score > busy.service.score);
		T_TRUE(idle.site.metrics[METRIC_COMPUTING].score > busy.site.metrics[METRIC_COMPUTING].score);
		idle.agent = metric_agent_free(idle.agent);
		busy.agent = metric_agent_free(busy.agent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_idle_site_is_as_good_as_its_worst_delay),
	        cmocka_unit_test(metrics_say_where_they_come_from),
	        cmocka_unit_test(load_lowers_the_score),
	        cmocka_unit_test(a_service_that_no_call_fits_is_low),
	        cmocka_unit_test(a_service_without_an_instance_that_is_well_has_nothing),
	        cmocka_unit_test(instances_that_are_not_well_count),
	        cmocka_unit_test(a_peak_counts_as_long_as_it_lasts),
	        cmocka_unit_test(a_bad_link_lowers_the_mean_and_is_the_least),
	        cmocka_unit_test(what_is_not_there_has_no_metric),
	        cmocka_unit_test(every_function_orders_sites_alike),
	};

	return T_RUN(tests);
}
