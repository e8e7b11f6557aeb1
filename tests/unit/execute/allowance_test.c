/* SPDX-License-Identifier: Apache-2.0 */
/* Allowances: what is taken, counted, written down, billed and given back, over restarts too. */
#include "t.h"

#include "execute/allowance.h"
#include <pthread.h>

#define NOW INT64_C(1800000000000000000)

enum { DEMO, POOR, NONE, TENANTS };

static const struct gateway_identity self = {1, 1};

/* A gateway's accounts with a clock that is turned by hand. */
struct station {
	int64_t now; /* since the start */
	uint64_t lives;
	struct database *database;
	struct usage *usage;
	struct ledger *ledger;
	struct allowances *allowances;
	struct allowance_tenant tenants[TENANTS];
};

static int64_t read_monotonic(void *context)
{
	return ((struct station *)context)->now;
}

static int64_t read_wall(void *context)
{
	return NOW + ((struct station *)context)->now;
}

static struct clock clock_of(struct station *station)
{
	return (struct clock){.monotonic = read_monotonic, .wall = read_wall, .context = station};
}

static void start(struct station *station)
{
	const struct allowance_settings settings = {.identity = self,
	                                            .supplier = "own",
	                                            .clock = clock_of(station),
	                                            .seed = ++station->lives,
	                                            .tenants = station->tenants,
	                                            .tenant_count = TENANTS,
	                                            .tariffs = {10, 3},
	                                            .service_count = 2};

	T_OK(allowances_create(&settings, station->database, station->ledger, station->usage,
	                       &station->allowances));
}

static void open_station(struct station *station)
{
	*station = (struct station){.tenants = {{"demo", 1000}, {"poor", 100}, {"none", 0}}};
	T_OK(database_open(":memory:", &station->database));
	T_OK(usage_open(station->database, &station->usage));
	T_OK(ledger_open(station->database, 0, &station->ledger));
	T_OK(ledger_deposit(station->ledger, "demo", 5000, "first", NOW));
	T_OK(ledger_deposit(station->ledger, "poor", 150, "first", NOW));
	start(station);
}

/* What was metered is what was billed, and nothing has come or gone. */
static struct ledger_check checked(struct station *station)
{
	struct ledger_check check;
	struct ledger_summary metered[4];

	T_OK(ledger_check(station->ledger, &check));
	T_EQ(usage_summary(station->usage, metered, 4), check.summary_count);
	for (uint32_t i = 0; i < check.summary_count; i++) {
		T_EQ(metered[i].count, check.summaries[i].count);
		T_EQ(metered[i].total, check.summaries[i].total);
		T_BYTES(metered[i].digest, check.summaries[i].digest, 32);
	}
	return check;
}

static void shut_station(struct station *station)
{
	(void)checked(station);
	allowances_free(station->allowances);
	ledger_close(station->ledger);
	usage_close(station->usage);
	database_close(station->database);
}

static money balance(struct station *station, const char *account)
{
	money amount;

	T_OK(ledger_balance(station->ledger, account, &amount));
	return amount;
}

static void tick(struct station *station, int64_t later)
{
	station->now += later;
	(void)allowances_tick(station->allowances);
}

/* The memory of a life is gone, the database stays. */
static void restart(struct station *station)
{
	allowances_free(station->allowances);
	start(station);
}

static void call(struct station *station, uint32_t tenant, uint32_t service, uint32_t times)
{
	for (uint32_t i = 0; i < times; i++) {
		T_TRUE(allowance_take(station->allowances, tenant, service));
		allowance_count(station->allowances, tenant, service);
	}
}

static void the_price_is_held_and_taken(void **state)
{
	struct station station;

	open_station(&station);
	T_EQ(balance(&station, "tenant:demo"), 4000);
	T_EQ(balance(&station, "escrow"), 1100);
	T_TRUE(allowance_has(station.allowances, DEMO) && !allowance_has(station.allowances, NONE));
	T_TRUE(!allowance_take(station.allowances, NONE, 0));
	call(&station, DEMO, 0, 7);
	T_EQ(allowance_left(station.allowances, DEMO), 930);
	T_TRUE(allowance_take(station.allowances, DEMO, 1));
	allowance_return(station.allowances, DEMO, 1);
	T_EQ(allowance_left(station.allowances, DEMO), 930);
	T_EQ(allowance_calls(station.allowances, DEMO, 0), 7);
	T_EQ(allowance_calls(station.allowances, DEMO, 1), 0);
	/* Nothing is paid until it is settled. */
	T_EQ(balance(&station, "supplier:own"), 0);
	shut_station(&station);
}

static void never_more_than_is_left(void **state)
{
	struct station station;
	uint32_t calls = 0;

	open_station(&station);
	while (allowance_take(station.allowances, POOR, 1)) {
		allowance_count(station.allowances, POOR, 1);
		calls++;
	}
	T_EQ(calls, 33);
	T_EQ(allowance_left(station.allowances, POOR), 1);
	shut_station(&station);
}

static void half_used_is_settled_and_renewed(void **state)
{
	struct station station;

	open_station(&station);
	T_TRUE(allowance_take(station.allowances, DEMO, 0)); /* still under way */
	call(&station, DEMO, 0, 49);
	tick(&station, ALLOWANCE_PERIOD);
	T_EQ(balance(&station, "supplier:own"), 0);
	call(&station, DEMO, 1, 4);
	tick(&station, ALLOWANCE_PERIOD);
	/* 49 x 10 + 4 x 3 are billed; the next one is whole but for the call under way. */
	T_EQ(balance(&station, "supplier:own"), 502);
	T_EQ(balance(&station, "tenant:demo"), 5000 - 502 - 1000);
	T_EQ(allowance_left(station.allowances, DEMO), 990);
	allowance_count(station.allowances, DEMO, 0);
	tick(&station, 61 * CLOCK_SECOND);
	T_EQ(balance(&station, "supplier:own"), 512);
	T_EQ(allowance_left(station.allowances, DEMO), 1000);
	T_EQ(checked(&station).summaries[0].count, 2);
	shut_station(&station);
}

static void an_unused_one_is_left_alone(void **state)
{
	struct station station;

	open_station(&station);
	tick(&station, 600 * CLOCK_SECOND);
	T_EQ(checked(&station).open_programs, 2);
	T_EQ(checked(&station).summary_count, 0);
	shut_station(&station);
}

static void without_money_it_ends_when_used_up(void **state)
{
	struct station station;

	open_station(&station);
	call(&station, POOR, 0, 10);
	tick(&station, ALLOWANCE_PERIOD); /* 50 are left, an allowance is 100 */
	T_EQ(balance(&station, "supplier:own"), 100);
	T_EQ(balance(&station, "tenant:poor"), 50);
	T_EQ(allowance_left(station.allowances, POOR), 0);
	T_TRUE(!allowance_take(station.allowances, POOR, 1));
	T_OK(ledger_deposit(station.ledger, "poor", 60, "second", NOW));
	tick(&station, ALLOWANCE_PERIOD);
	T_TRUE(!allowance_take(station.allowances, POOR, 1));
	tick(&station, 2 * CLOCK_SECOND); /* asked for again after a while */
	T_EQ(balance(&station, "tenant:poor"), 10);
	T_TRUE(allowance_take(station.allowances, POOR, 1));
	shut_station(&station);
}

static void a_restart_bills_what_was_written_down(void **state)
{
	struct station station;

	open_station(&station);
	call(&station, DEMO, 0, 5);
	tick(&station, ALLOWANCE_PERIOD);
	call(&station, DEMO, 0, 3); /* of the last ten milliseconds: the operator's loss */
	restart(&station);
	T_EQ(balance(&station, "supplier:own"), 50);
	T_EQ(balance(&station, "tenant:demo"), 5000 - 50 - 1000);
	T_EQ(allowance_left(station.allowances, DEMO), 1000);
	T_EQ(allowance_calls(station.allowances, DEMO, 0), 0);
	restart(&station);
	T_EQ(balance(&station, "supplier:own"), 50);
	T_EQ(balance(&station, "tenant:demo"), 5000 - 50 - 1000);
	shut_station(&station);
}

static void *call_many(void *context)
{
	struct allowances *allowances = context;

	for (uint32_t i = 0; i < 20000; i++)
		if (allowance_take(allowances, DEMO, i % 2))
			i % 5 == 0 ? allowance_return(allowances, DEMO, i % 2)
			           : allowance_count(allowances, DEMO, i % 2);
	return NULL;
}

static void threads_lose_nothing(void **state)
{
	struct station station;
	pthread_t threads[3];
	money used;

	open_station(&station);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		T_EQ(pthread_create(&threads[i], NULL, call_many, station.allowances), 0);
	for (uint32_t i = 0; i < 2000; i++)
		tick(&station, ALLOWANCE_PERIOD);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		T_EQ(pthread_join(threads[i], NULL), 0);
	used = (money)allowance_calls(station.allowances, DEMO, 0) * 10 +
	       (money)allowance_calls(station.allowances, DEMO, 1) * 3;
	tick(&station, 61 * CLOCK_SECOND);
	tick(&station, ALLOWANCE_PERIOD);
	T_EQ(balance(&station, "supplier:own"), used);
	T_EQ(balance(&station, "tenant:demo") + used + balance(&station, "escrow") - 100, 5000);
	shut_station(&station);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_price_is_held_and_taken),
	        cmocka_unit_test(never_more_than_is_left),
	        cmocka_unit_test(half_used_is_settled_and_renewed),
	        cmocka_unit_test(an_unused_one_is_left_alone),
	        cmocka_unit_test(without_money_it_ends_when_used_up),
	        cmocka_unit_test(a_restart_bills_what_was_written_down),
	        cmocka_unit_test(threads_lose_nothing),
	};

	return T_RUN(tests);
}
