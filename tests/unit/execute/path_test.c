/* SPDX-License-Identifier: Apache-2.0 */
/* The life of demands through owners and ingress: in fair weather, in foul, and with gateways that die. */
#include "t.h"

#include "base/log.h"
#include "twin.h"

static const struct twin_weather fair = {0};

static void demand_is_served_and_billed(void **state)
{
	struct twin *twin = twin_create(1, &fair);
	money before = twin_balance(twin, "tenant:demo");
	struct task_record record;
	struct identifier task;

	T_OK(twin_demand(twin, "demand d { service \"work\"; budget 1; }", &task));
	T_TRUE(twin_balance(twin, "escrow") > 0);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_read(twin, &task, &record);
	T_EQ(record.state, TASK_SETTLED);
	T_EQ(record.code, 0);
	T_EQ(record.parts[0].attempts, 1);
	T_TRUE(record.parts[0].size > 0 && record.parts[0].network > 0);
	T_TRUE(twin_balance(twin, "tenant:demo") < before);
	T_EQ(twin_balance(twin, "escrow"), 0);
	task_record_clear(&record);
	twin_check(twin);
	twin_free(twin);
}

static void reservations_are_held_and_billed_per_owner(void **state)
{
	struct twin *twin = twin_create(2, &fair);
	struct task_record record;
	struct identifier task;

	T_OK(twin_demand(
	        twin,
	        "demand d { service \"work\"; region \"site\"; bandwidth up 10 Mbit/s down 20 Mbit/s; }",
	        &task));
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_read(twin, &task, &record);
	T_EQ(record.code, 0);
	task_record_clear(&record);
	twin_check(twin);
	twin_free(twin);
}

#define WITH_BANDWIDTH \
	"demand d { service \"work\"; region \"site\"; bandwidth up 10 Mbit/s down 20 Mbit/s; }"

/* Until a run at the site has ended whose output does not fit in a datagram, and is on its way. */
static struct twin *begin_delivery(uint64_t seed)
{
	struct twin *twin = twin_create(seed, &fair);

	(void)twin_hold_output(twin, TWIN_SITE, true);
	do {
		T_OK(twin_demand(twin, WITH_BANDWIDTH, NULL));
		twin_run(twin, 5 * CLOCK_SECOND);
	} while (!twin_hold_output(twin, TWIN_SITE, true));
	return twin;
}

static void end_delivery(struct twin *twin)
{
	(void)twin_hold_output(twin, TWIN_SITE, false);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

static uint64_t free_at_site(struct twin *twin)
{
	uint64_t core = twin_free_rate(twin, TWIN_SITE, TWIN_CORE);

	return MINIMUM(core, twin_free_rate(twin, TWIN_SITE, TWIN_OTHER_CORE));
}

static void an_output_keeps_its_path(void **state)
{
	struct twin *twin = begin_delivery(11);
	const struct owner_flow *edge = twin_flow(twin, TWIN_EDGE), *site = twin_flow(twin, TWIN_SITE);

	/* What ran is over, the path is still there, at both ends and for the same traffic. */
	T_EQ(twin_free_cores(twin, TWIN_SITE), 8000000);
	T_EQ(free_at_site(twin), 80000000);
	T_EQ(twin_flows(twin, TWIN_EDGE), 1);
	T_EQ(twin_flows(twin, TWIN_SITE), 1);
	T_TRUE(edge->entry && edge->rate == 10000000 && !site->entry && site->rate == 20000000);
	T_BYTES(edge->client, site->client, 16);
	T_BYTES(edge->service, site->service, 16);
	T_EQ(edge->hop_count, 2);
	T_EQ(site->hop_count, 2);
	T_BYTES(edge->hops[0], site->hops[0], 16);
	(void)twin_hold_output(twin, TWIN_SITE, false);
	T_EQ(twin_flows(twin, TWIN_SITE), 0);
	T_EQ(free_at_site(twin), 100000000);
	end_delivery(twin);
}

static void a_path_is_kept_no_longer_than_it_was_reserved(void **state)
{
	struct twin *twin = begin_delivery(12);

	twin_run(twin, 120 * CLOCK_SECOND);
	T_EQ(twin_flows(twin, TWIN_SITE), 0);
	T_EQ(twin_flows(twin, TWIN_EDGE), 0);
	twin_check_book(twin, TWIN_SITE);
	end_delivery(twin);
}

static void a_path_is_there_after_a_restart(void **state)
{
	struct twin *twin = begin_delivery(13);

	twin_kill(twin, TWIN_SITE);
	twin_start(twin, TWIN_SITE);
	T_EQ(twin_flows(twin, TWIN_SITE), 1);
	T_EQ(twin_free_cores(twin, TWIN_SITE), 8000000);
	T_EQ(free_at_site(twin), 80000000);
	twin_run(twin, CLOCK_SECOND);
	T_TRUE(twin_hold_output(twin, TWIN_SITE, true)); /* on its way once more */
	end_delivery(twin);
}

static void one_direction_is_a_flow_at_one_end(void **state)
{
	struct twin *twin = twin_create(14, &fair);

	T_OK(twin_demand(twin, "demand d { service \"work\"; region \"site\"; bandwidth down 20 Mbit/s; }",
	                 NULL));
	twin_run(twin, 300 * CLOCK_MILLISECOND);
	T_EQ(twin_flows(twin, TWIN_EDGE), 0);
	T_EQ(twin_flows(twin, TWIN_SITE), 1);
	/* All the way to an ingress that was asked for nothing. */
	T_EQ(twin_flow(twin, TWIN_SITE)->hop_count, 2);
	end_delivery(twin);
}

static void parts_spread_and_all_arrive(void **state)
{
	struct twin *twin = twin_create(3, &fair);
	struct task_record record;
	struct identifier task;

	T_OK(twin_demand(twin, "demand d { service \"work\"; split into 12; }", &task));
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_read(twin, &task, &record);
	T_EQ(record.part_count, 12);
	for (uint32_t i = 0; i < record.part_count; i++) {
		T_EQ(record.parts[i].state, TASK_DONE);
		T_TRUE(record.parts[i].size > 0);
	}
	task_record_clear(&record);
	twin_check(twin);
	twin_free(twin);
}

static void silent_transit_is_avoided(void **state)
{
	struct twin *twin = twin_create(4, &fair);
	struct task_record record;
	struct identifier task;

	twin_mute(twin, TWIN_CORE, true);
	T_OK(twin_demand(twin, "demand d { service \"work\"; region \"site\"; bandwidth up 1 Mbit/s; }",
	                 &task));
	T_TRUE(twin_settle(twin, 120 * CLOCK_SECOND));
	twin_read(twin, &task, &record);
	T_EQ(record.code, 0);
	T_EQ(record.parts[0].attempts, 2); /* the second one over the other core */
	task_record_clear(&record);
	twin_check(twin);
	twin_free(twin);
}

static void no_path_left_is_a_failure_with_its_cause(void **state)
{
	struct twin *twin = twin_create(5, &fair);
	struct task_record record;
	struct identifier task;

	twin_mute(twin, TWIN_CORE, true);
	twin_mute(twin, TWIN_OTHER_CORE, true);
	T_OK(twin_demand(twin, "demand d { service \"work\"; region \"site\"; bandwidth up 1 Mbit/s; }",
	                 &task));
	T_TRUE(twin_settle(twin, 120 * CLOCK_SECOND));
	twin_read(twin, &task, &record);
	T_EQ(record.code, BUSBAR_ERROR_NO_ANSWER);
	task_record_clear(&record);
	twin_check(twin);
	twin_free(twin);
}

/* A run of 3 s at a site that is silent for a while. */
static struct task_record wait_for_site(struct twin *twin, const char *demand, int64_t silence, int64_t then)
{
	struct task_record record;
	struct identifier task;

	twin_isolate(twin, TWIN_SITE, true);
	T_OK(twin_demand(twin, demand, &task));
	twin_run(twin, silence);
	twin_isolate(twin, TWIN_SITE, false);
	twin_run(twin, then);
	twin_read(twin, &task, &record);
	return record;
}

/* Who says by when it wants its answer waits for a candidate until then, as long as one could keep to it. */
static void patience_is_the_demands(void **state)
{
	static const struct {
		const char *demand;
		int64_t silence, then;
		int code;
		uint32_t attempts;
	} cases[] = {
	        {"demand d { service \"work\"; region \"site\"; respond within 15 s; }", 9 * CLOCK_SECOND,
	         8 * CLOCK_SECOND, 0, 2},
	        {"demand d { service \"work\"; region \"site\"; finish within 15 s; }", 9 * CLOCK_SECOND,
	         8 * CLOCK_SECOND, 0, 2},
	        {"demand d { service \"work\"; region \"site\"; finish within 11 s; }", 9 * CLOCK_SECOND,
	         2100 * CLOCK_MILLISECOND, BUSBAR_ERROR_NO_ANSWER, 1},
	        {"demand d { service \"work\"; region \"site\"; respond within 3100 ms; }",
	         2900 * CLOCK_MILLISECOND, 300 * CLOCK_MILLISECOND, BUSBAR_ERROR_NO_ANSWER, 1},
	        {"demand d { service \"work\"; region \"site\"; }", 7900 * CLOCK_MILLISECOND,
	         300 * CLOCK_MILLISECOND, BUSBAR_ERROR_NO_ANSWER, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct twin *twin = twin_create(11, &fair);
		struct task_record record =
		        wait_for_site(twin, cases[i].demand, cases[i].silence, cases[i].then);

		T_TRUE(record.state >= TASK_DONE);
		T_EQ(record.code, cases[i].code);
		T_EQ(record.parts[0].attempts, cases[i].attempts);
		task_record_clear(&record);
		T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
		twin_check(twin);
		twin_free(twin);
	}
}

#define ANYWHERE "demand d { service \"work\"; }"

static void hush_sites(struct twin *twin, bool hushed)
{
	twin_hush(twin, TWIN_SITE, hushed);
	twin_hush(twin, TWIN_FAR_SITE, hushed);
}

/* Every answer is lost for longer than a program is valid, also while the ingress starts again. */
static void what_ran_unheard_runs_once(void **state)
{
	for (uint64_t seed = 20; seed < 24; seed++) {
		struct twin *twin = twin_create(seed, &fair);
		struct task_record record;
		struct identifier task;

		hush_sites(twin, true);
		T_OK(twin_demand(twin, ANYWHERE, &task));
		twin_run(twin, 3500 * CLOCK_MILLISECOND);
		if (seed % 2 != 0) {
			twin_kill(twin, TWIN_EDGE);
			twin_start(twin, TWIN_EDGE);
		}
		twin_run(twin, 3500 * CLOCK_MILLISECOND);
		T_EQ(twin_runs(twin, &task), 1);
		hush_sites(twin, false);
		T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
		twin_read(twin, &task, &record);
		T_EQ(record.code, 0);
		T_EQ(record.parts[0].attempts, 1);
		T_EQ(twin_runs(twin, &task), 1);
		task_record_clear(&record);
		twin_check(twin);
		twin_free(twin);
	}
}

/* Nobody else runs it while the site may have; somebody else does as soon as it says that it has not. */
static void what_never_arrived_runs_elsewhere(void **state)
{
	struct twin *twin = twin_create(24, &fair);
	struct task_record record;
	struct identifier task;
	uint32_t first;

	twin_isolate(twin, TWIN_SITE, true);
	twin_isolate(twin, TWIN_FAR_SITE, true);
	T_OK(twin_demand(twin, ANYWHERE, &task));
	twin_read(twin, &task, &record);
	first = record.parts[0].site.site - 1;
	task_record_clear(&record);
	twin_isolate(twin, first == TWIN_SITE ? TWIN_FAR_SITE : TWIN_SITE, false);
	twin_run(twin, 4 * CLOCK_SECOND);
	T_EQ(twin_runs(twin, &task), 0);
	twin_isolate(twin, first, false);
	twin_run(twin, CLOCK_SECOND);
	T_EQ(twin_runs(twin, &task), 1);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_read(twin, &task, &record);
	T_EQ(record.code, 0);
	T_EQ(record.parts[0].attempts, 2);
	T_TRUE(record.parts[0].site.site - 1 != first);
	task_record_clear(&record);
	twin_check(twin);
	twin_free(twin);
}

/* It has run the part, and never says so: the tenant is told so after 8 s, and nobody else runs it. */
static void a_dead_site_fails_the_part(void **state)
{
	struct twin *twin = twin_create(25, &fair);
	struct task_record record;
	struct identifier task;

	hush_sites(twin, true);
	T_OK(twin_demand(twin, ANYWHERE, &task));
	twin_run(twin, 60 * CLOCK_MILLISECOND);
	twin_read(twin, &task, &record);
	twin_isolate(twin, record.parts[0].site.site - 1, true);
	task_record_clear(&record);
	twin_run(twin, 7900 * CLOCK_MILLISECOND);
	twin_read(twin, &task, &record);
	T_TRUE(record.state < TASK_DONE);
	task_record_clear(&record);
	twin_run(twin, 200 * CLOCK_MILLISECOND);
	twin_read(twin, &task, &record);
	T_EQ(record.state, TASK_FAILED);
	T_EQ(record.code, BUSBAR_ERROR_NO_ANSWER);
	task_record_clear(&record);
	T_TRUE(twin_balance(twin, "escrow") > 0); /* it is known what it costs when the site is heard of */
	hush_sites(twin, false);
	twin_isolate(twin, TWIN_SITE, false);
	twin_isolate(twin, TWIN_FAR_SITE, false);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(twin_runs(twin, &task), 1);
	twin_check(twin);
	twin_free(twin);
}

/* A site that is asked by a way of its own says at once that it never heard of what the path swallowed. */
static void a_silent_path_is_left_soon(void **state)
{
	struct twin *twin = twin_create(26, &fair);
	struct task_record record;
	struct identifier task;

	twin_mute(twin, TWIN_CORE, true);
	T_OK(twin_demand(twin, WITH_BANDWIDTH, &task));
	twin_run(twin, 2900 * CLOCK_MILLISECOND);
	T_EQ(twin_runs(twin, &task), 0);
	twin_run(twin, 300 * CLOCK_MILLISECOND);
	T_EQ(twin_runs(twin, &task), 1);
	twin_read(twin, &task, &record);
	T_EQ(record.parts[0].attempts, 2);
	task_record_clear(&record);
	end_delivery(twin);
}

static void cancel_bills_what_was_used(void **state)
{
	struct twin *twin = twin_create(6, &fair);
	struct task_record record;
	struct identifier task;

	T_OK(twin_demand(twin, "demand d { service \"work\"; region \"site\"; }", &task));
	twin_run(twin, 150 * CLOCK_MILLISECOND);
	T_TRUE(twin_free_cores(twin, TWIN_SITE) < 8000000);
	twin_cancel(twin, &task);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_read(twin, &task, &record);
	T_EQ(record.code, BUSBAR_ERROR_CANCELLED);
	task_record_clear(&record);
	T_TRUE(twin_balance(twin, "tenant:demo") < 1000 * MONEY_UNIT);
	twin_check(twin);
	twin_free(twin);
}

static void refused_demands_leave_no_trace(void **state)
{
	struct twin *twin = twin_create(7, &fair);
	money before = twin_balance(twin, "tenant:demo");

	T_ERROR(twin_demand(twin, "demand d { service \"none\"; }", NULL), BUSBAR_ERROR_UNKNOWN_SERVICE);
	T_ERROR(twin_demand(twin, "demand d { service \"work\"; network within 1 us; }", NULL),
	        BUSBAR_ERROR_INFEASIBLE);
	T_ERROR(twin_demand(twin, "demand d { service \"work\"; budget 0.000000001; }", NULL),
	        BUSBAR_ERROR_BUDGET);
	T_EQ(twin_balance(twin, "tenant:demo"), before);
	T_TRUE(twin_settle(twin, CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

/* A site that comes back finds its run lost, bills the last checkpoint and says so. */
static void killed_site_bills_its_last_checkpoint(void **state)
{
	struct twin *twin = twin_create(8, &fair);
	struct task_record record;
	struct identifier task;

	T_OK(twin_demand(twin, "demand d { service \"work\"; region \"site\"; need cpu 1 for 3 s; }", &task));
	twin_run(twin, 200 * CLOCK_MILLISECOND);
	twin_kill(twin, TWIN_SITE);
	twin_run(twin, CLOCK_SECOND);
	twin_start(twin, TWIN_SITE);
	T_TRUE(twin_settle(twin, 120 * CLOCK_SECOND));
	twin_read(twin, &task, &record);
	T_TRUE(record.code == BUSBAR_ERROR_LOST || record.code == 0);
	task_record_clear(&record);
	twin_check(twin);
	twin_free(twin);
}

static void some_demand(struct twin *twin)
{
	static const char *const demands[] = {
	        "demand d { service \"work\"; }",
	        "demand d { service \"work\"; region \"site\"; bandwidth up 5 Mbit/s down 5 Mbit/s; }",
	        "demand d { service \"work\"; region \"far-site\"; bandwidth up 9 Mbit/s; }",
	        "demand d { service \"work\"; split into 5; }",
	        "demand d { service \"work\"; network within 30 ms; prefer latency; }",
	};
	int code = twin_demand(twin, demands[random_below(twin_random(twin), ARRAY_SIZE(demands))], NULL);

	/* A full or suspected network may refuse. */
	T_TRUE(code == 0 || code == BUSBAR_ERROR_INFEASIBLE);
}

static void survive(uint64_t seed, bool kills)
{
	const struct twin_weather foul = {.loss = 15, .doubling = 15, .run_failures = 5};
	struct twin *twin = twin_create(seed, &foul);

	for (uint32_t i = 0; i < 20; i++) {
		uint32_t victim = (uint32_t)random_below(twin_random(twin), TWIN_NODES);

		some_demand(twin);
		twin_run(twin, (int64_t)random_below(twin_random(twin), CLOCK_SECOND));
		if (!kills || i % 3 != 0)
			continue;
		twin_kill(twin, victim);
		if (victim != TWIN_EDGE)
			twin_run(twin, (int64_t)random_below(twin_random(twin), 2 * CLOCK_SECOND));
		twin_start(twin, victim);
	}
	twin_clear_up(twin);
	if (!twin_settle(twin, 300 * CLOCK_SECOND))
		fail_msg("seed %" PRIu64 ": not settled", seed);
	twin_check(twin);
	twin_free(twin);
}

static void foul_weather(void **state)
{
	for (uint64_t seed = 100; seed < 115; seed++)
		survive(seed, false);
}

static void foul_weather_and_deaths(void **state)
{
	for (uint64_t seed = 200; seed < 230; seed++)
		survive(seed, true);
}

/* Nobody is left to release anything: what was granted ends by itself. */
static void orphaned_holdings_expire(void **state)
{
	struct twin *twin = twin_create(10, &fair);

	T_OK(twin_demand(
	        twin,
	        "demand d { service \"work\"; region \"site\"; bandwidth up 10 Mbit/s down 10 Mbit/s; }",
	        NULL));
	twin_run(twin, 300 * CLOCK_MILLISECOND);
	T_TRUE(twin_free_cores(twin, TWIN_SITE) < 8000000);
	twin_kill(twin, TWIN_EDGE);
	twin_run(twin, 60 * CLOCK_SECOND);
	twin_check_book(twin, TWIN_CORE);
	twin_check_book(twin, TWIN_SITE);
	twin_start(twin, TWIN_EDGE);
	T_TRUE(twin_settle(twin, 120 * CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

static void a_partition_heals(void **state)
{
	struct twin *twin = twin_create(9, &fair);

	for (uint32_t i = 0; i < 5; i++)
		some_demand(twin);
	twin_run(twin, 200 * CLOCK_MILLISECOND);
	twin_isolate(twin, TWIN_SITE, true);
	twin_run(twin, 40 * CLOCK_SECOND);
	twin_isolate(twin, TWIN_SITE, false);
	T_TRUE(twin_settle(twin, 120 * CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(demand_is_served_and_billed),
	        cmocka_unit_test(reservations_are_held_and_billed_per_owner),
	        cmocka_unit_test(an_output_keeps_its_path),
	        cmocka_unit_test(a_path_is_kept_no_longer_than_it_was_reserved),
	        cmocka_unit_test(a_path_is_there_after_a_restart),
	        cmocka_unit_test(one_direction_is_a_flow_at_one_end),
	        cmocka_unit_test(parts_spread_and_all_arrive),
	        cmocka_unit_test(silent_transit_is_avoided),
	        cmocka_unit_test(no_path_left_is_a_failure_with_its_cause),
	        cmocka_unit_test(patience_is_the_demands),
	        cmocka_unit_test(what_ran_unheard_runs_once),
	        cmocka_unit_test(what_never_arrived_runs_elsewhere),
	        cmocka_unit_test(a_dead_site_fails_the_part),
	        cmocka_unit_test(a_silent_path_is_left_soon),
	        cmocka_unit_test(cancel_bills_what_was_used),
	        cmocka_unit_test(refused_demands_leave_no_trace),
	        cmocka_unit_test(killed_site_bills_its_last_checkpoint),
	        cmocka_unit_test(foul_weather),
	        cmocka_unit_test(foul_weather_and_deaths),
	        cmocka_unit_test(orphaned_holdings_expire),
	        cmocka_unit_test(a_partition_heals),
	};

	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
