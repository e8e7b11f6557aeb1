/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations through owners and ingress: granted, refreshed, lost, ended; and gateways that die meanwhile.
 */
#include "t.h"

#include "base/log.h"
#include "twin.h"

static const struct twin_weather fair = {0};

/* A path of three gateways and a core at its end, for a time. */
#define OVER_A_PATH(time)                                                                                  \
	"demand d { service \"work\"; region \"site\"; need cpu 1; bandwidth up 10 Mbit/s down 20 Mbit/s;" \
	" reserve for " time "; }"
/* A core at the edge itself. */
#define AT_THE_EDGE(time) "demand d { need cpu 1; region \"edge\"; reserve for " time "; }"

static struct task_record read_task(struct twin *twin, const struct identifier *task)
{
	struct task_record record;

	twin_read(twin, task, &record);
	return record;
}

static enum task_state state_of(struct twin *twin, const struct identifier *task)
{
	struct task_record record = read_task(twin, task);

	task_record_clear(&record);
	return record.state;
}

static int32_t code_of(struct twin *twin, const struct identifier *task)
{
	struct task_record record = read_task(twin, task);

	task_record_clear(&record);
	return record.code;
}

/* Of a task of one part, also while it waits. */
static int32_t part_code_of(struct twin *twin, const struct identifier *task)
{
	struct task_record record = read_task(twin, task);
	int32_t code = record.parts[0].code;

	task_record_clear(&record);
	return code;
}

static uint32_t attempts_of(struct twin *twin, const struct identifier *task)
{
	struct task_record record = read_task(twin, task);
	uint32_t attempts = record.parts[0].attempts;

	task_record_clear(&record);
	return attempts;
}

static money spent(struct twin *twin)
{
	return 1000 * MONEY_UNIT - twin_balance(twin, "tenant:demo");
}

/* Lets time pass and looks again and again. */
static void watch(struct twin *twin, int64_t time)
{
	for (int64_t past = 0; past < time; past += 100 * CLOCK_MILLISECOND) {
		twin_run(twin, 100 * CLOCK_MILLISECOND);
		twin_check_grants(twin);
	}
}

static void a_path_is_held_for_its_time(void **state)
{
	struct twin *twin = twin_create(1, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("100 s"), &task));
	T_EQ(state_of(twin, &task), TASK_MAPPED);
	watch(twin, CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(twin_grants(twin, &task), 1);
	T_EQ(twin_free_cores(twin, TWIN_SITE), 7000000);
	watch(twin, 98 * CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(twin_free_cores(twin, TWIN_SITE), 7000000);
	T_EQ(twin_grants(twin, &task), 1);
	watch(twin, 2 * CLOCK_SECOND);
	T_TRUE(state_of(twin, &task) >= TASK_DONE);
	T_EQ(code_of(twin, &task), 0);
	T_EQ(twin_free_cores(twin, TWIN_SITE), 8000000);
	T_TRUE(twin_settle(twin, 10 * CLOCK_SECOND));
	T_EQ(state_of(twin, &task), TASK_SETTLED);
	twin_check(twin);
	twin_free(twin);
}

static void its_traffic_takes_the_path(void **state)
{
	struct twin *twin = twin_create(2, &fair);
	const struct owner_flow *entry, *exit;

	T_OK(twin_demand(twin, OVER_A_PATH("20 s"), NULL));
	watch(twin, CLOCK_SECOND);
	T_EQ(twin_flows(twin, TWIN_EDGE), 1);
	T_EQ(twin_flows(twin, TWIN_CORE), 0);
	T_EQ(twin_flows(twin, TWIN_SITE), 1);
	entry = twin_flow(twin, TWIN_EDGE);
	exit = twin_flow(twin, TWIN_SITE);
	T_TRUE(entry->entry && !exit->entry);
	T_EQ(entry->rate, 10000000);
	T_EQ(exit->rate, 20000000);
	T_EQ(entry->toward.site, TWIN_CORE + 1);
	T_EQ(exit->toward.site, TWIN_CORE + 1);
	T_EQ(entry->hop_count, 2);
	T_EQ(exit->hop_count, 2);
	T_EQ(entry->hops[0][5], TWIN_CORE + 1);
	T_EQ(entry->hops[1][5], TWIN_SITE + 1);
	T_EQ(exit->hops[0][5], TWIN_CORE + 1);
	T_EQ(exit->hops[1][5], TWIN_EDGE + 1);
	T_EQ(entry->client[0], 0xfd);
	T_EQ(entry->client[1], 9);
	T_EQ(entry->service[1], 1);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

static void a_gateway_reserves_at_itself(void **state)
{
	struct twin *twin = twin_create(3, &fair);
	struct identifier task;
	money price;

	T_OK(twin_demand(twin, AT_THE_EDGE("40 s"), &task));
	twin_run(twin, 10 * CLOCK_MILLISECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(twin_free_cores(twin, TWIN_EDGE), 1000000);
	watch(twin, 39 * CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_TRUE(twin_settle(twin, 10 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	price = spent(twin);
	T_TRUE(price > 0);
	twin_check(twin);
	/* The same for half the time, and without a refresh: about half of it. */
	T_OK(twin_demand(twin, AT_THE_EDGE("20 s"), NULL));
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_TRUE(spent(twin) - price > price * 45 / 100 && spent(twin) - price < price * 55 / 100);
	twin_check(twin);
	twin_free(twin);
}

static void a_short_one_is_confirmed_too(void **state)
{
	struct twin *twin = twin_create(4, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, AT_THE_EDGE("500 ms"), &task));
	twin_run(twin, 600 * CLOCK_MILLISECOND);
	T_TRUE(state_of(twin, &task) >= TASK_DONE);
	T_TRUE(twin_settle(twin, 10 * CLOCK_SECOND));
	T_TRUE(spent(twin) > 0);
	twin_check(twin);
	twin_free(twin);
}

static void cancelled_it_is_billed_for_the_time(void **state)
{
	struct twin *twin = twin_create(5, &fair);
	struct identifier task;
	money whole;

	T_OK(twin_demand(twin, OVER_A_PATH("40 s"), NULL));
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	whole = spent(twin);
	T_OK(twin_demand(twin, OVER_A_PATH("40 s"), &task));
	watch(twin, 10 * CLOCK_SECOND);
	twin_cancel(twin, &task);
	watch(twin, CLOCK_SECOND);
	T_EQ(twin_free_cores(twin, TWIN_SITE), 8000000);
	T_TRUE(twin_settle(twin, 10 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), BUSBAR_ERROR_CANCELLED);
	T_TRUE(spent(twin) - whole > whole / 5 && spent(twin) - whole < whole / 3);
	twin_check(twin);
	twin_free(twin);
}

/* A gateway on the path is gone for good: what it held is reserved over another one, for the rest of the
 * time. */
static void a_lost_owner_is_gone_round(void **state)
{
	struct twin *twin = twin_create(6, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("100 s"), &task));
	watch(twin, 5 * CLOCK_SECOND);
	T_EQ(attempts_of(twin, &task), 1);
	twin_kill(twin, TWIN_CORE);
	twin_run(twin, 40 * CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(attempts_of(twin, &task), 2);
	T_EQ(twin_grants(twin, &task), 2);
	watch(twin, 50 * CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	watch(twin, 10 * CLOCK_SECOND);
	T_TRUE(state_of(twin, &task) >= TASK_DONE);
	T_EQ(code_of(twin, &task), 0);
	twin_start(twin, TWIN_CORE);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

static void without_another_way_it_fails(void **state)
{
	struct twin *twin = twin_create(7, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("100 s"), &task));
	watch(twin, 5 * CLOCK_SECOND);
	twin_isolate(twin, TWIN_SITE, true);
	twin_run(twin, 60 * CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_FAILED);
	T_EQ(code_of(twin, &task), BUSBAR_ERROR_NO_ANSWER);
	twin_check_book(twin, TWIN_CORE);
	/* It ended by itself, and is billed up to then: somebody had confirmed it. */
	twin_check_book(twin, TWIN_SITE);
	twin_isolate(twin, TWIN_SITE, false);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_TRUE(spent(twin) > 0);
	twin_check(twin);
	twin_free(twin);
}

static void owners_that_restart_go_on(void **state)
{
	struct twin *twin = twin_create(8, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("60 s"), &task));
	watch(twin, 5 * CLOCK_SECOND);
	for (uint32_t node = TWIN_CORE; node <= TWIN_SITE; node += TWIN_SITE - TWIN_CORE) {
		twin_kill(twin, node);
		twin_run(twin, 3 * CLOCK_SECOND);
		twin_start(twin, node);
		watch(twin, 10 * CLOCK_SECOND);
	}
	T_EQ(twin_flows(twin, TWIN_SITE), 1);
	T_EQ(attempts_of(twin, &task), 1);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	twin_check(twin);
	twin_free(twin);
}

static void an_ingress_that_restarts_goes_on(void **state)
{
	struct twin *twin = twin_create(9, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("60 s"), &task));
	watch(twin, 5 * CLOCK_SECOND);
	twin_kill(twin, TWIN_EDGE);
	twin_run(twin, 5 * CLOCK_SECOND);
	twin_start(twin, TWIN_EDGE);
	watch(twin, 40 * CLOCK_SECOND);
	T_EQ(attempts_of(twin, &task), 1);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(twin_flows(twin, TWIN_EDGE), 1);
	watch(twin, 12 * CLOCK_SECOND);
	T_TRUE(state_of(twin, &task) >= TASK_DONE);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	twin_check(twin);
	twin_free(twin);
}

/* The answer comes long after the grant: owners are asked for more before what they granted is over. */
static void grant_late(int64_t absence)
{
	struct twin *twin = twin_create(13, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("2 s"), &task));
	while (twin_free_cores(twin, TWIN_SITE) == 8000000)
		twin_run(twin, CLOCK_MILLISECOND);
	twin_kill(twin, TWIN_EDGE);
	twin_run(twin, absence);
	twin_start(twin, TWIN_EDGE);
	T_EQ(state_of(twin, &task), TASK_MAPPED);
	watch(twin, 2 * CLOCK_SECOND);
	T_EQ(twin_grants(twin, &task), 1);
	T_TRUE(twin_settle(twin, 10 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	T_EQ(attempts_of(twin, &task), 1);
	twin_check(twin);
	twin_free(twin);
}

static void granted_late_it_is_held_to_its_end(void **state)
{
	for (int64_t absence = 1000; absence <= 1600; absence += 100)
		grant_late(absence * CLOCK_MILLISECOND);
}

/* So late that it is over where it was granted: that is no grant, and it is reserved anew. */
static void granted_too_late_it_is_no_grant(void **state)
{
	struct twin *twin = twin_create(17, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("2 s"), &task));
	twin_stall(twin, TWIN_EDGE, true);
	twin_run(twin, 2100 * CLOCK_MILLISECOND);
	T_EQ(twin_grants(twin, &task), 0);
	twin_stall(twin, TWIN_EDGE, false);
	watch(twin, CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(attempts_of(twin, &task), 2);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	twin_check(twin);
	twin_free(twin);
}

/* What was planned on what the view has no more is planned again. */
static void a_plan_that_is_out_of_date_is_made_again(void **state)
{
	struct twin *twin = twin_create(18, &fair);
	struct identifier task;

	T_ERROR(twin_demand_late(twin, OVER_A_PATH("2 s"), TWIN_SITE, NULL), BUSBAR_ERROR_INFEASIBLE);
	twin_free(twin);
	twin = twin_create(19, &fair);
	T_OK(twin_demand_late(twin,
	                      "demand d { service \"work\"; bandwidth up 1 Mbit/s; reserve for 2 s;"
	                      " region \"site\", \"far-site\"; }",
	                      TWIN_SITE, &task));
	watch(twin, CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	twin_check(twin);
	twin_free(twin);
}

/*
 * An owner that was silent is asked again soon after it was heard of: who has no other candidate waits for
 * that. Who comes meanwhile is told at once that there is none.
 */
static void silence_is_forgiven(void **state)
{
	struct twin *twin = twin_create(14, &fair);
	struct identifier task;

	twin_isolate(twin, TWIN_SITE, true);
	T_OK(twin_demand(twin, OVER_A_PATH("2 s"), &task));
	twin_run(twin, 3200 * CLOCK_MILLISECOND);
	T_EQ(state_of(twin, &task), TASK_MAPPED);
	T_EQ(part_code_of(twin, &task), BUSBAR_ERROR_NO_ANSWER);
	T_ERROR(twin_demand(twin, OVER_A_PATH("2 s"), NULL), BUSBAR_ERROR_INFEASIBLE);
	twin_isolate(twin, TWIN_SITE, false);
	watch(twin, 4500 * CLOCK_MILLISECOND);
	T_EQ(twin_grants(twin, &task), 1);
	T_EQ(attempts_of(twin, &task), 2);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	twin_check(twin);
	twin_free(twin);
}

/* A demand whose first attempt, of 3 s, is answered by nobody, and that waits. */
static struct twin *begin_waiting(uint64_t seed, struct identifier *ret_task)
{
	struct twin *twin = twin_create(seed, &fair);

	twin_isolate(twin, TWIN_SITE, true);
	T_OK(twin_demand(twin, OVER_A_PATH("2 s"), ret_task));
	twin_run(twin, 4 * CLOCK_SECOND);
	T_EQ(state_of(twin, ret_task), TASK_MAPPED);
	return twin;
}

static void patience_has_an_end(void **state)
{
	struct identifier task;
	struct twin *twin = begin_waiting(20, &task);

	twin_run(twin, 3900 * CLOCK_MILLISECOND);
	T_EQ(state_of(twin, &task), TASK_MAPPED);
	twin_run(twin, 200 * CLOCK_MILLISECOND);
	T_TRUE(state_of(twin, &task) >= TASK_FAILED);
	T_EQ(code_of(twin, &task), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(attempts_of(twin, &task), 1);
	T_EQ(twin_grants(twin, &task), 0);
	twin_isolate(twin, TWIN_SITE, false);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(spent(twin), 0);
	twin_check(twin);
	twin_free(twin);
}

static void waiting_it_can_be_cancelled(void **state)
{
	struct identifier task;
	struct twin *twin = begin_waiting(21, &task);

	twin_cancel(twin, &task);
	T_TRUE(state_of(twin, &task) >= TASK_CANCELLED);
	twin_isolate(twin, TWIN_SITE, false);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(state_of(twin, &task), TASK_SETTLED);
	T_EQ(code_of(twin, &task), BUSBAR_ERROR_CANCELLED);
	T_EQ(attempts_of(twin, &task), 1);
	T_EQ(spent(twin), 0);
	twin_check(twin);
	twin_free(twin);
}

/* One in sixteen of the tasks that there may be, and one: the rest fails as it would without patience. */
static void not_everybody_can_wait(void **state)
{
	struct twin *twin = twin_create(24, &fair);
	struct identifier tasks[20];
	uint32_t waiting = 0;

	twin_isolate(twin, TWIN_SITE, true);
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		T_OK(twin_demand(twin, "demand d { need cpu 0.01; region \"site\"; reserve for 2 s; }",
		                 &tasks[i]));
	twin_run(twin, 3200 * CLOCK_MILLISECOND);
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		if (state_of(twin, &tasks[i]) == TASK_MAPPED)
			waiting++;
		else
			T_EQ(code_of(twin, &tasks[i]), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(waiting, TWIN_TASKS / 16 + 1);
	twin_isolate(twin, TWIN_SITE, false);
	watch(twin, 4500 * CLOCK_MILLISECOND);
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		waiting -= twin_grants(twin, &tasks[i]);
	T_EQ(waiting, 0);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

/* Another process goes on: to a grant, or no longer than the one before would have. */
static void go_on_after_a_restart(bool ends_well)
{
	struct identifier task;
	struct twin *twin = begin_waiting(22, &task);

	twin_kill(twin, TWIN_EDGE);
	twin_run(twin, CLOCK_SECOND / 2);
	/* Without, the site is not in its view. */
	twin_isolate(twin, TWIN_SITE, !ends_well);
	twin_start(twin, TWIN_EDGE);
	T_EQ(state_of(twin, &task), TASK_MAPPED);
	T_EQ(part_code_of(twin, &task), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(attempts_of(twin, &task), 1);
	watch(twin, CLOCK_SECOND);
	T_EQ(state_of(twin, &task), ends_well ? TASK_GRANTED : TASK_MAPPED);
	T_EQ(part_code_of(twin, &task), ends_well ? 0 : BUSBAR_ERROR_NO_ANSWER);
	watch(twin, 2700 * CLOCK_MILLISECOND);
	T_TRUE(state_of(twin, &task) >= TASK_DONE);
	T_EQ(code_of(twin, &task), ends_well ? 0 : BUSBAR_ERROR_NO_ANSWER);
	twin_isolate(twin, TWIN_SITE, false);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(attempts_of(twin, &task), ends_well ? 2 : 1);
	twin_check(twin);
	twin_free(twin);
}

static void a_restart_goes_on(void **state)
{
	go_on_after_a_restart(true);
	go_on_after_a_restart(false);
}

/* What was granted and lost is granted again when its only way is there again, for the rest of its time. */
static void a_lost_way_is_waited_for(void **state)
{
	struct twin *twin = twin_create(23, &fair);
	struct identifier task;
	int64_t past = 5 * CLOCK_SECOND;

	T_OK(twin_demand(twin, OVER_A_PATH("60 s"), &task));
	watch(twin, past);
	twin_isolate(twin, TWIN_SITE, true);
	for (; state_of(twin, &task) == TASK_GRANTED; past += 100 * CLOCK_MILLISECOND)
		twin_run(twin, 100 * CLOCK_MILLISECOND);
	T_EQ(state_of(twin, &task), TASK_MAPPED);
	T_EQ(part_code_of(twin, &task), BUSBAR_ERROR_NO_ANSWER);
	twin_isolate(twin, TWIN_SITE, false);
	watch(twin, 4500 * CLOCK_MILLISECOND);
	past += 4500 * CLOCK_MILLISECOND;
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(attempts_of(twin, &task), 2);
	T_EQ(twin_grants(twin, &task), 2);
	watch(twin, 59 * CLOCK_SECOND - past);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	watch(twin, 2 * CLOCK_SECOND);
	T_TRUE(state_of(twin, &task) >= TASK_DONE);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	twin_check(twin);
	twin_free(twin);
}

/* An ingress that was away itself does not take others for silent. */
static void absence_accuses_nobody(void **state)
{
	struct twin *twin = twin_create(15, &fair);
	struct identifier task;

	twin_mute(twin, TWIN_SITE, true);
	T_OK(twin_demand(twin, OVER_A_PATH("2 s"), &task));
	twin_run(twin, 500 * CLOCK_MILLISECOND);
	twin_kill(twin, TWIN_EDGE);
	twin_run(twin, 2 * CLOCK_SECOND);
	twin_start(twin, TWIN_EDGE);
	twin_run(twin, CLOCK_SECOND);
	T_EQ(attempts_of(twin, &task), 2);
	twin_mute(twin, TWIN_SITE, false);
	watch(twin, CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	twin_check(twin);
	twin_free(twin);
}

/* A gateway that is behind with itself begins nothing and repeats nothing, and then goes on. */
static void behind_it_makes_no_more_work(void **state)
{
	struct twin *twin = twin_create(16, &fair);
	struct identifier task;

	twin_mute(twin, TWIN_SITE, true);
	T_OK(twin_demand(twin, OVER_A_PATH("2 s"), &task));
	twin_run(twin, 90 * CLOCK_MILLISECOND);
	twin_delay(twin, TWIN_EDGE, true);
	T_ERROR(twin_demand(twin, OVER_A_PATH("2 s"), NULL), BUSBAR_ERROR_TABLE_FULL);
	twin_mute(twin, TWIN_SITE, false);
	twin_run(twin, CLOCK_SECOND);
	T_EQ(twin_free_cores(twin, TWIN_SITE), 8000000);
	twin_delay(twin, TWIN_EDGE, false);
	watch(twin, CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	twin_delay(twin, TWIN_EDGE, true);
	watch(twin, 2 * CLOCK_SECOND);
	twin_delay(twin, TWIN_EDGE, false);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(code_of(twin, &task), 0);
	twin_check(twin);
	twin_free(twin);
}

/* What a lost ingress left behind ends by itself, and is billed up to its end. */
static void an_ingress_that_is_lost_leaves_nothing(void **state)
{
	struct twin *twin = twin_create(10, &fair);
	struct identifier task;
	money held;

	T_OK(twin_demand(twin, OVER_A_PATH("1000 s"), &task));
	watch(twin, 15 * CLOCK_SECOND);
	held = twin_balance(twin, "escrow");
	twin_kill(twin, TWIN_EDGE);
	twin_run(twin, 35 * CLOCK_SECOND);
	twin_check_book(twin, TWIN_CORE);
	twin_check_book(twin, TWIN_SITE);
	T_EQ(twin_flows(twin, TWIN_SITE), 0);
	twin_start(twin, TWIN_EDGE);
	/* What it lost is reserved again, by the same task. */
	watch(twin, 10 * CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(attempts_of(twin, &task), 2);
	twin_cancel(twin, &task);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	/* Held for 45 s or less, and 10 s, of 1,000. */
	T_TRUE(spent(twin) > held / 50 && spent(twin) < held / 10);
	twin_check(twin);
	twin_free(twin);
}

/* An ingress that dies before it has confirmed: nobody is billed for what expires. */
static void what_nobody_confirmed_is_void(void **state)
{
	struct twin *twin = twin_create(11, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("30 s"), &task));
	twin_run(twin, 500 * CLOCK_MILLISECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	twin_kill(twin, TWIN_EDGE);
	twin_run(twin, 60 * CLOCK_SECOND);
	twin_start(twin, TWIN_EDGE);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_EQ(spent(twin), 0);
	twin_check(twin);
	twin_free(twin);
}

static void a_full_site_refuses(void **state)
{
	struct twin *twin = twin_create(12, &fair);
	struct identifier tasks[3];
	uint32_t granted = 0;

	/* There are two cores. */
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
		int code = twin_demand(twin, AT_THE_EDGE("30 s"), &tasks[i]);

		T_TRUE(code == 0 || code == BUSBAR_ERROR_INFEASIBLE);
		granted += code == 0;
		/* The decision counts in the view for so long beside what the site says. */
		twin_run(twin, 5 * CLOCK_SECOND);
	}
	T_EQ(granted, 2);
	watch(twin, 5 * CLOCK_SECOND);
	T_EQ(twin_free_cores(twin, TWIN_EDGE), 0);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

static void some_demand(struct twin *twin)
{
	static const char *const demands[] = {
	        OVER_A_PATH("3 s"),
	        OVER_A_PATH("12 s"),
	        OVER_A_PATH("45 s"),
	        AT_THE_EDGE("2 s"),
	        AT_THE_EDGE("25 s"),
	        "demand d { service \"work\"; region \"far-site\"; bandwidth up 30 Mbit/s down 30 Mbit/s;"
	        " reserve for 8 s; }",
	        "demand d { need cpu 4; reserve for 15 s; }",
	        "demand d { service \"work\"; }",
	        "demand d { service \"work\"; region \"site\"; bandwidth up 5 Mbit/s down 5 Mbit/s; }",
	        "demand d { service \"work\"; split into 3; }",
	};
	int code = twin_demand(twin, demands[random_below(twin_random(twin), ARRAY_SIZE(demands))], NULL);

	/* A full or suspected network may refuse. */
	T_TRUE(code == 0 || code == BUSBAR_ERROR_INFEASIBLE);
}

/* Watches, as long as a random time up to `most`. */
static void pass(struct twin *twin, int64_t most)
{
	twin_run(twin, (int64_t)random_below(twin_random(twin), (uint64_t)most));
	twin_check_grants(twin);
}

/*
 * Kills come at random moments, with whatever was written last not on the disk. They are short: what is
 * granted stays so.
 */
static void survive(uint64_t seed, const struct twin_weather *weather)
{
	struct twin *twin = twin_create(seed, weather);

	for (uint32_t i = 0; i < 25; i++) {
		uint32_t victim = (uint32_t)random_below(twin_random(twin), TWIN_NODES);

		some_demand(twin);
		pass(twin, CLOCK_SECOND);
		if (i % 2 != 0)
			continue;
		twin_kill(twin, victim);
		if (victim != TWIN_EDGE)
			pass(twin, 2 * CLOCK_SECOND);
		twin_start(twin, victim);
		pass(twin, 10 * CLOCK_MILLISECOND);
	}
	twin_clear_up(twin);
	if (!twin_settle(twin, 300 * CLOCK_SECOND))
		fail_msg("seed %" PRIu64 ": not settled", seed);
	twin_check_grants(twin);
	twin_check(twin);
	twin_free(twin);
}

static void deaths_in_fair_weather(void **state)
{
	for (uint64_t seed = 300; seed < 315; seed++)
		survive(seed, &fair);
}

static void deaths_in_foul_weather(void **state)
{
	const struct twin_weather foul = {.loss = 10, .doubling = 15, .run_failures = 5};

	for (uint64_t seed = 400; seed < 430; seed++)
		survive(seed, &foul);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_path_is_held_for_its_time),
	        cmocka_unit_test(its_traffic_takes_the_path),
	        cmocka_unit_test(a_gateway_reserves_at_itself),
	        cmocka_unit_test(a_short_one_is_confirmed_too),
	        cmocka_unit_test(cancelled_it_is_billed_for_the_time),
	        cmocka_unit_test(a_lost_owner_is_gone_round),
	        cmocka_unit_test(without_another_way_it_fails),
	        cmocka_unit_test(owners_that_restart_go_on),
	        cmocka_unit_test(an_ingress_that_restarts_goes_on),
	        cmocka_unit_test(granted_late_it_is_held_to_its_end),
	        cmocka_unit_test(granted_too_late_it_is_no_grant),
	        cmocka_unit_test(a_plan_that_is_out_of_date_is_made_again),
	        cmocka_unit_test(silence_is_forgiven),
	        cmocka_unit_test(patience_has_an_end),
	        cmocka_unit_test(waiting_it_can_be_cancelled),
	        cmocka_unit_test(not_everybody_can_wait),
	        cmocka_unit_test(a_restart_goes_on),
	        cmocka_unit_test(a_lost_way_is_waited_for),
	        cmocka_unit_test(absence_accuses_nobody),
	        cmocka_unit_test(behind_it_makes_no_more_work),
	        cmocka_unit_test(an_ingress_that_is_lost_leaves_nothing),
	        cmocka_unit_test(what_nobody_confirmed_is_void),
	        cmocka_unit_test(a_full_site_refuses),
	        cmocka_unit_test(deaths_in_fair_weather),
	        cmocka_unit_test(deaths_in_foul_weather),
	};

	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
