/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that come again: while their task runs, after it, after the gateway was killed and started anew,
 * after their expiry, and after the wall clock was set back. Each runs at most once, and takes nothing twice.
 */
#include "tests/t.h"

#include "daemon/exchange.h"
#include "tests/unit/api/station.h"
#include <unistd.h>

#define WORK "demand d { service \"work\"; budget 1; }"
#define HOUR (3600 * CLOCK_SECOND)

enum { AGAIN = 5, REPLAYS = 8 };

static struct station *station;
static struct exchange *exchange;
static struct latest *latest;
static int client;
/* The last program that came. */
static uint8_t kept[PACKET_MAXIMUM];
static size_t kept_size;
static uint32_t runs; /* most at a time, ever */

static void on_program(void *context, uint8_t *bytes, size_t size, const struct packet *packet)
{
	owner_receive(station->owner, packet, bytes, size);
	runs = MAXIMUM(runs, station->run_count);
}

static void on_answer(void *context, const struct answer *answer)
{
	fail_msg("answers come otherwise");
}

/* Programs through the exchange, as from the network. */
static void take(struct station *at, struct station_message *message)
{
	if (!message->answer) {
		kept_size = message->size;
		memcpy(kept, message->bytes, message->size);
		exchange_packet(exchange, message->bytes, message->size);
	} else if (message->content.type == ANSWER_ACKNOWLEDGE) {
		owner_acknowledged(at->owner, &message->content.program, message->content.acknowledged);
	} else {
		task_answer(at->tasks, &message->content);
	}
}

static void open_exchange(void)
{
	struct exchange_settings settings = {
	        .ring = &station->ring, .latest = latest, .program = on_program, .answer = on_answer};

	settings.identity = station->identity;
	memcpy(settings.locator, station->locator, sizeof(settings.locator));
	T_OK(exchange_create(&station->loop, &settings, &exchange));
}

static int set_up(void **state)
{
	station = calloc(1, sizeof(*station));
	assert_non_null(station);
	station_open(station);
	station->take = take;
	T_OK(latest_open(station->database, &station->source.clock, &latest));
	open_exchange();
	client = station_client(station);
	kept_size = 0;
	runs = 0;
	return 0;
}

static int tear_down(void **state)
{
	struct ledger_check check;

	T_OK(ledger_check(station->ledger, &check));
	T_EQ(check.entries_sum, 0);
	close(client);
	exchange_close(exchange);
	latest_close(latest);
	station_shut(station);
	free(station);
	return 0;
}

static void kill_and_start(void)
{
	exchange_close(exchange);
	latest_close(latest);
	station_restart(station);
	T_OK(latest_open(station->database, &station->source.clock, &latest));
	open_exchange();
}

static void begin_task(struct identifier *ret_task)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RUN), reply;

	station_ask(station, client, &request, WORK, &reply);
	if (reply.type != DATAGRAM_TASK)
		fail_msg("%d %s", reply.error.code, reply.error.text);
	*ret_task = request.identifier;
}

static void check_task(const struct identifier *task, int code)
{
	struct task_record record;

	T_OK(task_read(station->tasks, task, &record));
	T_EQ(record.state, TASK_SETTLED);
	T_EQ(record.code, code);
	task_record_clear(&record);
}

static uint64_t free_cores(void)
{
	struct resource_offer offer;

	T_OK(book_resource_at(station->book, 0, &offer));
	return offer.free;
}

static money balance(void)
{
	money amount;

	T_OK(ledger_balance(station->ledger, "demo", &amount));
	return amount;
}

/* The program that was kept, as often as somebody likes. */
static void replay(void)
{
	uint8_t bytes[PACKET_MAXIMUM];

	for (int i = 0; i < AGAIN; i++) {
		memcpy(bytes, kept, kept_size);
		exchange_packet(exchange, bytes, kept_size);
	}
}

/* It takes nothing, runs nothing and costs nothing, now and later. */
static void check_harmless(void)
{
	uint64_t cores = free_cores();
	size_t holdings = owner_holding_count(station->owner);
	uint32_t running = station->run_count;
	money before = balance();

	replay();
	T_EQ(free_cores(), cores);
	T_EQ(owner_holding_count(station->owner), holdings);
	T_EQ(station->run_count, running);
	station_settle(station);
	T_EQ(free_cores(), 8000000);
	T_EQ(owner_holding_count(station->owner), 0);
	if (running == 0)
		T_EQ(balance(), before);
}

static void while_it_runs(void **state)
{
	struct identifier task;

	begin_task(&task);
	station_turn(station);
	T_EQ(station->run_count, 1);
	check_harmless();
	check_task(&task, 0);
	T_EQ(runs, 1);
}

static void when_it_is_over(void **state)
{
	struct identifier task;

	begin_task(&task);
	station_settle(station);
	check_task(&task, 0);
	check_harmless();
	kill_and_start();
	check_harmless();
	kill_and_start();
	check_harmless();
	T_EQ(runs, 1);
}

/* Its run died with the daemon: the program does not begin a second one. */
static void when_it_ran_as_the_gateway_was_killed(void **state)
{
	struct identifier task;

	begin_task(&task);
	station_turn(station);
	T_EQ(station->run_count, 1);
	kill_and_start();
	T_EQ(free_cores(), 8000000);
	replay();
	T_EQ(station->run_count, 0);
	T_EQ(free_cores(), 8000000);
}

static void never_seen_and_expired(void **state)
{
	uint64_t before = owner_refusals(station->owner)[error_index(BUSBAR_ERROR_EXPIRED)];
	struct identifier task;

	begin_task(&task);
	T_EQ(station->message_count, 1);
	kept_size = station->messages[0].size;
	memcpy(kept, station->messages[0].bytes, kept_size);
	/* Lost on the way, and the gateway with it. */
	kill_and_start();
	station->message_count = 0;
	station->now += HOUR;
	replay();
	T_EQ(owner_refusals(station->owner)[error_index(BUSBAR_ERROR_EXPIRED)], before + AGAIN);
	T_EQ(station->run_count, 0);
	T_EQ(free_cores(), 8000000);
}

/* Once all memory of the program is gone, and after ticks have pruned what they prune. */
static void forget(void)
{
	for (int i = 0; i < 4; i++) {
		station->now += HOUR;
		station_settle(station);
	}
}

static void refused_for_the_clock(void)
{
	uint64_t before = exchange_refusals(exchange)[error_index(BUSBAR_ERROR_EXPIRED)];

	replay();
	T_EQ(exchange_refusals(exchange)[error_index(BUSBAR_ERROR_EXPIRED)], before + AGAIN);
	T_EQ(station->run_count, 0);
	T_EQ(free_cores(), 8000000);
}

/* The time of the program comes round once more. */
static void the_clock_was_set_back(void **state)
{
	struct identifier task;
	int64_t then = station->now;

	begin_task(&task);
	station_settle(station);
	check_task(&task, 0);
	forget();
	check_harmless(); /* by which the gateway looks at its clock */
	station->now = then + CLOCK_SECOND;
	refused_for_the_clock();
	kill_and_start();
	refused_for_the_clock();
	T_EQ(runs, 1);
}

/* By less than programs are valid: those that are made now are taken. */
static void the_clock_was_set_back_a_little(void **state)
{
	struct identifier task;

	begin_task(&task);
	station_settle(station);
	station->now -= CLOCK_SECOND;
	check_harmless();
	begin_task(&task);
	station_settle(station);
	check_task(&task, 0);
	T_EQ(runs, 1);
}

static void the_clock_catches_up(void **state)
{
	struct identifier task;

	station->now += HOUR / 2;
	begin_task(&task);
	station_settle(station);
	station->now -= HOUR / 4;
	begin_task(&task);
	station_turn(station);
	T_EQ(station->run_count, 0); /* refused */
	station->now += HOUR / 4;
	station_settle(station);
	station->now += 20 * CLOCK_SECOND; /* the silent one is avoided for a while */
	begin_task(&task);
	station_settle(station);
	check_task(&task, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(while_it_runs),
	        CASE(when_it_is_over),
	        CASE(when_it_ran_as_the_gateway_was_killed),
	        CASE(never_seen_and_expired),
	        CASE(the_clock_was_set_back),
	        CASE(the_clock_was_set_back_a_little),
	        CASE(the_clock_catches_up),
	};

	return T_RUN(tests);
}
