/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that move while their tasks go on: what is reserved follows, or stays as it was. */
#include "t.h"

#include "base/log.h"
#include "twin.h"

static const struct twin_weather fair = {0};

#define OVER_A_PATH(time)                                                                                  \
	"demand d { service \"work\"; region \"site\"; need cpu 1; bandwidth up 10 Mbit/s down 20 Mbit/s;" \
	" reserve for " time "; }"

static struct twin *open_twin(uint64_t seed, const char *demand, struct identifier *ret_task)
{
	struct twin *twin = twin_create_wide(seed, &fair);

	T_OK(twin_demand(twin, demand, ret_task));
	twin_run(twin, CLOCK_SECOND);
	return twin;
}

static void close_twin(struct twin *twin)
{
	T_TRUE(twin_settle(twin, 120 * CLOCK_SECOND));
	twin_check(twin);
	twin_free(twin);
}

static enum task_state state_of(struct twin *twin, const struct identifier *task)
{
	struct task_record record;

	twin_read(twin, task, &record);
	task_record_clear(&record);
	return record.state;
}

static uint32_t attempts_of(struct twin *twin, const struct identifier *task)
{
	struct task_record record;
	uint32_t attempts;

	twin_read(twin, task, &record);
	attempts = record.parts[0].attempts;
	task_record_clear(&record);
	return attempts;
}

static void watch(struct twin *twin, int64_t time)
{
	for (int64_t past = 0; past < time; past += 100 * CLOCK_MILLISECOND) {
		twin_run(twin, 100 * CLOCK_MILLISECOND);
		twin_check_grants(twin);
	}
}

/* The flow is at one edge alone, and the site sends to the client there. */
static void expect_at(struct twin *twin, uint32_t edge)
{
	uint32_t other = edge == TWIN_EDGE ? TWIN_OTHER_EDGE : TWIN_EDGE;

	T_EQ(twin_flows(twin, edge), 1);
	T_EQ(twin_flows(twin, other), 0);
	T_EQ(twin_flows(twin, TWIN_SITE), 1);
	T_BYTES(twin_flow(twin, edge)->client, twin_flow(twin, TWIN_SITE)->client, 16);
	T_TRUE(twin_flow(twin, edge)->entry);
	T_EQ(twin_flow(twin, edge)->rate, 10000000);
	T_EQ(twin_flow(twin, TWIN_SITE)->rate, 20000000);
	T_EQ(twin_free_cores(twin, TWIN_SITE), 7000000);
	T_EQ(twin_free_rate(twin, edge, TWIN_CORE) + twin_free_rate(twin, edge, TWIN_OTHER_CORE), 190000000);
	T_EQ(twin_free_rate(twin, other, TWIN_CORE) + twin_free_rate(twin, other, TWIN_OTHER_CORE),
	     200000000);
}

static void expect_moves(struct twin *twin, const struct identifier *task, uint32_t count, int code)
{
	int found;

	T_EQ(twin_moves(twin, task, &found), count);
	T_EQ(found, code);
}

static void a_flow_moves_with_its_client(void **state)
{
	struct identifier task;
	struct twin *twin = open_twin(1, OVER_A_PATH("60 s"), &task);

	expect_at(twin, TWIN_EDGE);
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
	/* Nothing of the old gives way before all of the new is there. */
	for (int code; twin_moves(twin, &task, &code) == 0;) {
		T_EQ(twin_flows(twin, TWIN_EDGE), 1);
		T_TRUE(twin_flows(twin, TWIN_SITE) >= 1);
		twin_run(twin, 4 * CLOCK_MILLISECOND);
	}
	expect_moves(twin, &task, 1, 0);
	watch(twin, CLOCK_SECOND);
	expect_at(twin, TWIN_OTHER_EDGE);
	T_EQ(twin_flow(twin, TWIN_OTHER_EDGE)->client[15], TWIN_OTHER_EDGE + 1);
	T_EQ(attempts_of(twin, &task), 2);
	/* It is refreshed there, and ends in its time. */
	watch(twin, 55 * CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	expect_at(twin, TWIN_OTHER_EDGE);
	watch(twin, 4 * CLOCK_SECOND);
	T_TRUE(state_of(twin, &task) >= TASK_DONE);
	close_twin(twin);
}

static void and_back_again(void **state)
{
	struct identifier task;
	struct twin *twin = open_twin(2, OVER_A_PATH("30 s"), &task);

	for (uint32_t i = 0; i < 6; i++) {
		uint32_t edge = i % 2 == 0 ? TWIN_OTHER_EDGE : TWIN_EDGE;

		T_EQ(twin_follow(twin, &task, edge, false), 1);
		watch(twin, CLOCK_SECOND);
		expect_moves(twin, &task, i + 1, 0);
		expect_at(twin, edge);
	}
	close_twin(twin);
}

static void a_word_is_heard_once(void **state)
{
	struct identifier task;
	struct twin *twin = open_twin(3, OVER_A_PATH("20 s"), &task);

	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, true), 1);
	twin_run(twin, CLOCK_SECOND);
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, true), 0);
	/* From elsewhere it is not the client's. */
	T_ERROR(twin_follow(twin, &task, TWIN_EDGE, true), BUSBAR_ERROR_REPLAYED);
	T_EQ(attempts_of(twin, &task), 2);
	expect_moves(twin, &task, 1, 0);
	/* A new word from where it is changes nothing. */
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 0);
	T_EQ(attempts_of(twin, &task), 2);
	close_twin(twin);
}

static void a_later_word_overtakes(void **state)
{
	struct identifier task;
	struct twin *twin = open_twin(4, OVER_A_PATH("20 s"), &task);

	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
	twin_run(twin, 12 * CLOCK_MILLISECOND);
	/* It never left, or is back already. */
	T_EQ(twin_follow(twin, &task, TWIN_EDGE, false), 1);
	watch(twin, 6 * CLOCK_SECOND);
	expect_at(twin, TWIN_EDGE);
	expect_moves(twin, &task, 1, 0);
	close_twin(twin);
}

static void what_is_not_granted_does_not_move(void **state)
{
	struct twin *twin = twin_create_wide(5, &fair);
	struct identifier task;

	T_OK(twin_demand(twin, OVER_A_PATH("20 s"), &task));
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
	twin_run(twin, CLOCK_SECOND);
	expect_at(twin, TWIN_EDGE);
	/* The same word once more, now that there is something to take along. */
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, true), 1);
	watch(twin, CLOCK_SECOND);
	expect_at(twin, TWIN_OTHER_EDGE);
	close_twin(twin);
}

/* Its site has no room for both. */
static void without_room_everything_stays(void **state)
{
	struct identifier task;
	struct twin *twin = open_twin(6,
	                              "demand d { service \"work\"; region \"site\"; need cpu 5; "
	                              "bandwidth up 10 Mbit/s down 20 Mbit/s; reserve for 30 s; }",
	                              &task);

	twin_run(twin, 5 * CLOCK_SECOND);
	T_ERROR(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), BUSBAR_ERROR_INFEASIBLE);
	T_ERROR(twin_follow(twin, &task, TWIN_OTHER_EDGE, true), BUSBAR_ERROR_INFEASIBLE);
	watch(twin, 20 * CLOCK_SECOND);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	T_EQ(twin_flows(twin, TWIN_EDGE), 1);
	T_EQ(twin_free_cores(twin, TWIN_SITE), 3000000);
	T_EQ(attempts_of(twin, &task), 1);
	close_twin(twin);
}

/* The edge forwards and does nothing else: the money comes back, and the old flow is refreshed as before. */
static void a_silent_edge_changes_nothing(void **state)
{
	struct identifier task;
	struct twin *twin = open_twin(7, OVER_A_PATH("60 s"), &task);

	twin_mute(twin, TWIN_OTHER_EDGE, true);
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
	watch(twin, 40 * CLOCK_SECOND);
	expect_moves(twin, &task, 1, BUSBAR_ERROR_NO_ANSWER);
	T_ERROR(twin_follow(twin, &task, TWIN_OTHER_EDGE, true), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(state_of(twin, &task), TASK_GRANTED);
	expect_at(twin, TWIN_EDGE);
	twin_mute(twin, TWIN_OTHER_EDGE, false);
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
	watch(twin, CLOCK_SECOND);
	expect_at(twin, TWIN_OTHER_EDGE);
	close_twin(twin);
}

/* A gateway on the new path is silent: there is another path. */
static void a_move_goes_round_a_silent_gateway(void **state)
{
	struct identifier task;
	struct twin *twin = open_twin(8, OVER_A_PATH("60 s"), &task);
	uint32_t old = twin_free_rate(twin, TWIN_EDGE, TWIN_CORE) < 100000000 ? TWIN_CORE : TWIN_OTHER_CORE;
	uint32_t other = old == TWIN_CORE ? TWIN_OTHER_CORE : TWIN_CORE;

	twin_mute(twin, other, true);
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
	watch(twin, 8 * CLOCK_SECOND);
	expect_moves(twin, &task, 1, 0);
	expect_at(twin, TWIN_OTHER_EDGE);
	T_EQ(twin_free_rate(twin, TWIN_OTHER_EDGE, old), 90000000);
	twin_mute(twin, other, false);
	close_twin(twin);
}

static void a_task_without_traffic_only_learns_of_it(void **state)
{
	struct identifier claim, run;
	struct twin *twin =
	        open_twin(9, "demand d { need cpu 1; region \"site\"; reserve for 10 s; }", &claim);

	T_EQ(twin_follow(twin, &claim, TWIN_OTHER_EDGE, false), 0);
	T_EQ(attempts_of(twin, &claim), 1);
	T_OK(twin_demand(twin, "demand d { service \"work\"; region \"site\"; bandwidth up 5 Mbit/s; }",
	                 &run));
	T_EQ(twin_follow(twin, &run, TWIN_OTHER_EDGE, false), 0);
	T_TRUE(twin_settle(twin, 60 * CLOCK_SECOND));
	T_ERROR(twin_follow(twin, &run, TWIN_EDGE, false), BUSBAR_ERROR_STATE);
	twin_check(twin);
	twin_free(twin);
}

static void it_ends_on_the_way(void **state)
{
	struct identifier task;
	struct twin *twin = open_twin(10, OVER_A_PATH("30 s"), &task);
	int code;

	twin_mute(twin, TWIN_OTHER_EDGE, true);
	T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
	twin_run(twin, 100 * CLOCK_MILLISECOND);
	twin_cancel(twin, &task);
	T_EQ(twin_moves(twin, &task, &code), 1);
	T_EQ(code, BUSBAR_ERROR_STATE);
	T_ERROR(twin_follow(twin, &task, TWIN_OTHER_EDGE, true), BUSBAR_ERROR_STATE);
	close_twin(twin);
}

/* The anchor forgets a move that was under way, and nothing else. */
static void an_anchor_that_restarts(void **state)
{
	for (uint64_t seed = 20; seed < 40; seed++) {
		struct identifier task;
		struct twin *twin = open_twin(seed, OVER_A_PATH("60 s"), &task);
		int code;

		T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, false), 1);
		twin_run(twin, (int64_t)random_below(twin_random(twin), 150) * CLOCK_MILLISECOND);
		twin_kill(twin, TWIN_EDGE);
		twin_run(twin, CLOCK_SECOND);
		twin_start(twin, TWIN_EDGE);
		watch(twin, 5 * CLOCK_SECOND);
		T_EQ(state_of(twin, &task), TASK_GRANTED);
		/* The client goes on asking. */
		code = twin_follow(twin, &task, TWIN_OTHER_EDGE, true);
		T_TRUE(code >= 0);
		watch(twin, CLOCK_SECOND);
		T_EQ(twin_follow(twin, &task, TWIN_OTHER_EDGE, true), 0);
		expect_at(twin, TWIN_OTHER_EDGE);
		close_twin(twin);
	}
}

/* What was to move, when what it was to replace is lost and reserved again, and the anchor restarts then. */
static void a_move_that_is_overtaken(void **state)
{
	uint32_t overtaken = 0;

	for (uint64_t seed = 60; seed < 80; seed++) {
		struct identifier task;
		struct twin *twin = open_twin(seed, OVER_A_PATH("300 s"), &task);

		twin_isolate(twin, TWIN_CORE, true);
		twin_run(twin,
		         19 * CLOCK_SECOND + (int64_t)random_below(twin_random(twin), 12 * CLOCK_SECOND));
		twin_mute(twin, TWIN_OTHER_EDGE, true);
		(void)twin_follow(twin, &task, TWIN_OTHER_EDGE, false);
		twin_run(twin, 2 * CLOCK_SECOND);
		twin_isolate(twin, TWIN_CORE, false);
		overtaken += attempts_of(twin, &task) > 2;
		twin_kill(twin, TWIN_EDGE);
		twin_mute(twin, TWIN_OTHER_EDGE, false);
		twin_start(twin, TWIN_EDGE);
		twin_run(twin, 2 * CLOCK_SECOND);
		twin_cancel(twin, &task);
		T_TRUE(twin_settle(twin, 40 * CLOCK_SECOND));
		close_twin(twin);
	}
	T_TRUE(overtaken > 0);
}

/* Clients move all the time, and gateways die: what is granted is held, and everything is paid for once. */
static void roam(uint64_t seed, const struct twin_weather *weather)
{
	struct twin *twin = twin_create_wide(seed, weather);
	struct identifier tasks[8];

	for (uint32_t i = 0; i < 8; i++) {
		uint32_t victim = (uint32_t)random_below(twin_random(twin), TWIN_WIDE_NODES);
		int code = twin_demand(twin, OVER_A_PATH("40 s"), &tasks[i]);

		if (code < 0)
			tasks[i] = tasks[0];
		for (uint32_t j = 0; j < 4; j++) {
			uint64_t which = random_below(twin_random(twin), i + 1);
			uint32_t edge = random_below(twin_random(twin), 2) == 0 ? TWIN_EDGE : TWIN_OTHER_EDGE;

			code = twin_follow(twin, &tasks[which], edge, false);
			T_TRUE(code >= 0 || code == BUSBAR_ERROR_STATE || code == BUSBAR_ERROR_INFEASIBLE ||
			       code == BUSBAR_ERROR_REFUSED);
			twin_run(twin, (int64_t)random_below(twin_random(twin), CLOCK_SECOND));
			twin_check_grants(twin);
		}
		if (i % 2 != 0)
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

static void roaming_in_fair_weather(void **state)
{
	for (uint64_t seed = 500; seed < 515; seed++)
		roam(seed, &fair);
}

static void roaming_in_foul_weather(void **state)
{
	const struct twin_weather foul = {.loss = 10, .doubling = 15};

	for (uint64_t seed = 600; seed < 630; seed++)
		roam(seed, &foul);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_flow_moves_with_its_client),
	        cmocka_unit_test(and_back_again),
	        cmocka_unit_test(a_word_is_heard_once),
	        cmocka_unit_test(a_later_word_overtakes),
	        cmocka_unit_test(what_is_not_granted_does_not_move),
	        cmocka_unit_test(without_room_everything_stays),
	        cmocka_unit_test(a_silent_edge_changes_nothing),
	        cmocka_unit_test(a_move_goes_round_a_silent_gateway),
	        cmocka_unit_test(a_task_without_traffic_only_learns_of_it),
	        cmocka_unit_test(it_ends_on_the_way),
	        cmocka_unit_test(an_anchor_that_restarts),
	        cmocka_unit_test(a_move_that_is_overtaken),
	        cmocka_unit_test(roaming_in_fair_weather),
	        cmocka_unit_test(roaming_in_foul_weather),
	};

	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
