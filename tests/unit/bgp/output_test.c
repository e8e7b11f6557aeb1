/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is still to be told: one turn per burst, the interval, withdrawals at once. */
#include "bgp/output.h"
#include "busbar-error.h"
#include "tests/t.h"

enum { INTERVAL = 100, MAXIMUM_NAMES = 8 };

static struct output_name name_of(uint8_t number)
{
	return (struct output_name){.address = {0x20, number}, .length = 48, .path_id = 5};
}

static void mark(struct output *output, uint8_t number, int64_t now)
{
	struct output_name name = name_of(number);

	T_OK(output_mark(output, &name, now));
}

/* Takes the entry that must be there. */
static struct output_entry *take(struct output *output, int64_t now)
{
	struct output_entry *entry = output_take(output, now);

	T_TRUE(entry != NULL);
	return entry;
}

static void test_one_turn_for_a_burst(void **state)
{
	struct output *output = output_create(MAXIMUM_NAMES, INTERVAL, 1);
	struct output_name expected = name_of(1);

	T_TRUE(output != NULL);
	T_EQ(output_due(output), OUTPUT_NEVER);
	T_TRUE(output_take(output, INT64_MAX - 1) == NULL);
	for (int64_t now = 0; now < 10; now++)
		mark(output, 1, now);
	T_EQ(output_waiting(output), 1);
	T_EQ(output_due(output), 0);
	T_BYTES(output_entry_name(take(output, 10)), &expected, sizeof(expected));
	T_EQ(output_due(output), OUTPUT_NEVER);
	output_free(output);
}

static void test_interval(void **state)
{
	struct output *output = output_create(MAXIMUM_NAMES, INTERVAL, 1);
	struct output_entry *entry;

	mark(output, 1, 1000);
	entry = take(output, 1000);
	T_TRUE(!output_entry_advertised(entry) && output_entry_ready(entry, 1000));
	output_announced(output, entry, 1000);
	T_EQ(output_advertised(output), 1);
	mark(output, 1, 1001);
	entry = take(output, 1001);
	T_TRUE(output_entry_advertised(entry) && !output_entry_ready(entry, 1001));
	output_postponed(output, entry);
	T_TRUE(output_take(output, 1099) == NULL);
	T_EQ(output_due(output), 1100);
	mark(output, 1, 1050); /* might be a withdrawal: it gets its look at once */
	entry = take(output, 1050);
	output_postponed(output, entry);
	entry = take(output, 1100);
	T_TRUE(output_entry_ready(entry, 1100));
	output_announced(output, entry, 1100);
	T_EQ(output_advertised(output), 1);
	T_EQ(output_due(output), OUTPUT_NEVER);
	output_free(output);
}

/* Going and coming back does not get round the interval. */
static void test_flapping(void **state)
{
	struct output *output = output_create(MAXIMUM_NAMES, INTERVAL, 1);
	struct output_entry *entry;

	mark(output, 1, 0);
	output_announced(output, take(output, 0), 0);
	mark(output, 1, 10);
	output_withdrawn(output, take(output, 10), 10);
	T_EQ(output_advertised(output), 0);
	mark(output, 1, 20);
	entry = take(output, 20);
	T_TRUE(!output_entry_advertised(entry) && !output_entry_ready(entry, 20));
	output_postponed(output, entry);
	entry = take(output, 100);
	T_TRUE(output_entry_ready(entry, 100));
	output_withdrawn(output, entry, 100); /* nothing to announce any more: forgotten */
	T_EQ(output_waiting(output), 0);
	T_EQ(output_advertised(output), 0);
	output_free(output);
}

static void test_order_and_limit(void **state)
{
	struct output *output = output_create(MAXIMUM_NAMES, INTERVAL, 1);
	struct output_name extra = name_of(99);
	int64_t last = 0;

	for (uint8_t i = 0; i < MAXIMUM_NAMES; i++)
		mark(output, i, (i * 5) % MAXIMUM_NAMES);
	T_ERROR(output_mark(output, &extra, 0), BUSBAR_ERROR_TABLE_FULL);
	mark(output, 3, 0); /* one that is there needs no room */
	for (int i = 0; i < MAXIMUM_NAMES; i++) {
		int64_t due = output_due(output);

		T_TRUE(due >= last);
		last = due;
		output_announced(output, take(output, 50), 50);
	}
	T_EQ(output_advertised(output), MAXIMUM_NAMES);
	T_ERROR(output_mark(output, &extra, 60), BUSBAR_ERROR_TABLE_FULL);
	mark(output, 2, 200);
	output_withdrawn(output, take(output, 200), 200);
	T_OK(output_mark(output, &extra, 200));
	output_free(output);
}

static void test_clear(void **state)
{
	struct output *output = output_create(MAXIMUM_NAMES, INTERVAL, 1);

	for (uint8_t i = 0; i < MAXIMUM_NAMES; i++) {
		mark(output, i, 0);
		if (i % 2)
			output_announced(output, take(output, 0), 0);
	}
	output_clear(output);
	T_EQ(output_advertised(output), 0);
	T_EQ(output_waiting(output), 0);
	for (uint8_t i = 0; i < MAXIMUM_NAMES; i++)
		mark(output, (uint8_t)(100 + i), 1);
	T_TRUE(output_entry_ready(take(output, 1), 1));
	output_free(output);
	T_TRUE(output_free(NULL) == NULL);
}

/* Names differ by prefix, length and path. */
static void test_names(void **state)
{
	struct output *output = output_create(MAXIMUM_NAMES, 0, 1);
	struct output_name names[4] = {name_of(1), name_of(1), name_of(1), name_of(2)};

	names[1].length = 49;
	names[2].path_id = 6;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < 4; i++)
			T_OK(output_mark(output, &names[i], 0));
	T_EQ(output_waiting(output), 4);
	output_free(output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_one_turn_for_a_burst),
	        cmocka_unit_test(test_interval),
	        cmocka_unit_test(test_flapping),
	        cmocka_unit_test(test_order_and_limit),
	        cmocka_unit_test(test_clear),
	        cmocka_unit_test(test_names),
	};

	return T_RUN(tests);
}
