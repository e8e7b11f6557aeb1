/* SPDX-License-Identifier: Apache-2.0 */
/* Routes by prefix and origin: what is chosen, what is reported, and what a lost peer takes with it. */
#include "tests/t.h"
#include "base/random.h"
#include "bgp/table.h"
#include "busbar-error.h"

enum { OWN_AS = 65000, OWN_IDENTIFIER = 77, PEERS = 3, PATHS = 64, LOG = 512 };

struct seen {
	struct table_choice choice;
	bool withdrawn, best, gone, was_foreign;
};

struct fixture {
	struct table *table;
	size_t count;
	struct seen seen[LOG];
	int depth; /* of changes made by the receiver */
};

static const uint8_t place[16] = {0x20, 0x01, 0x0d, 0xb8};

static struct seen *add(struct fixture *fixture)
{
	T_TRUE(fixture->count < LOG);
	return &fixture->seen[fixture->count++];
}

static void on_origin(void *context, const struct table_choice *choice, bool withdrawn)
{
	*add(context) = (struct seen){.choice = *choice, .withdrawn = withdrawn};
	T_TRUE(choice->attributes != NULL);
}

static void on_best(void *context, const uint8_t address[16], uint8_t length,
                    const struct table_choice *choice, bool was_foreign)
{
	struct seen *seen = add(context);

	*seen = (struct seen){.best = true, .gone = choice == NULL, .was_foreign = was_foreign};
	if (choice != NULL)
		seen->choice = *choice;
}

static const struct table_report report = {on_origin, on_best};

static void open_fixture(struct fixture *fixture)
{
	const struct table_settings settings = {.as = OWN_AS, .identifier = OWN_IDENTIFIER, .seed = 1};

	memset(fixture, 0, sizeof(*fixture));
	fixture->table = table_create(&settings);
	T_TRUE(fixture->table != NULL);
	T_OK(table_set_peers(fixture->table, PEERS));
	for (int i = 0; i < PEERS; i++)
		table_set_maximum(fixture->table, i, PATHS);
	for (int i = 0; i < PEERS; i++)
		table_set_peer(fixture->table, i,
		               &(struct table_peer){.external = i < 2,
		                                    .identifier = 10 + (uint32_t)i,
		                                    .address = {(uint8_t)i}});
}

static struct update_prefix prefix_of(uint8_t number, uint32_t path_id)
{
	struct update_prefix prefix = {.length = 64, .path_id = path_id};

	memcpy(prefix.address, place, 16);
	prefix.address[7] = number;
	return prefix;
}

/* A path over `count` ASes that ends in the last of them. */
static int put(struct fixture *fixture, int peer, uint8_t number, uint32_t path_id, const uint32_t *as_path,
               size_t as_count, const char *value)
{
	const struct update_attributes content = {.as_path = as_path,
	                                          .as_count = as_count,
	                                          .has_opaque = true,
	                                          .opaque = (const uint8_t *)value,
	                                          .opaque_size = strlen(value)};
	struct update_prefix prefix = prefix_of(number, path_id);
	struct attributes *attributes = attributes_create(&content);
	int code;

	T_TRUE(attributes != NULL);
	code = table_update(fixture->table, peer, &prefix, attributes);
	attributes_release(attributes);
	return code;
}

static void take(struct fixture *fixture, int peer, uint8_t number, uint32_t path_id)
{
	struct update_prefix prefix = prefix_of(number, path_id);

	table_withdraw(fixture->table, peer, &prefix);
}

static void publish(struct fixture *fixture)
{
	fixture->count = 0;
	table_publish(fixture->table, &report, fixture);
	T_TRUE(!table_dirty(fixture->table));
}

static const struct seen *best_seen(const struct fixture *fixture)
{
	const struct seen *found = NULL;

	for (size_t i = 0; i < fixture->count; i++)
		if (fixture->seen[i].best)
			found = &fixture->seen[i];
	return found;
}

static void expect_empty(const struct fixture *fixture)
{
	struct table_statistics statistics;

	table_count(fixture->table, &statistics);
	T_EQ(statistics.prefixes, 0);
	T_EQ(statistics.origins, 0);
	T_EQ(statistics.paths, 0);
}

static const uint32_t via_a[] = {1, 9}, via_b[] = {2, 9}, long_way[] = {2, 3, 9}, other[] = {2, 8};

static void test_one_choice_per_origin(void **state)
{
	struct fixture fixture;
	struct table_choice choice;

	open_fixture(&fixture);
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "a"));
	T_OK(put(&fixture, 1, 0, 1, long_way, 3, "long"));
	T_OK(put(&fixture, 1, 0, 2, other, 2, "other"));
	publish(&fixture);
	T_EQ(fixture.count, 3); /* origins 9 and 8, and the best */
	T_TRUE(table_origin(fixture.table, prefix_of(0, 0).address, 64, 9, &choice));
	T_EQ(choice.peer, 0);
	T_EQ(choice.origin_as, 9);
	T_EQ(choice.originator, 0);
	T_TRUE(table_origin(fixture.table, prefix_of(0, 0).address, 64, 8, &choice));
	T_EQ(choice.peer, 1);
	T_TRUE(!table_origin(fixture.table, prefix_of(0, 0).address, 64, 7, &choice));
	T_TRUE(!table_origin(fixture.table, prefix_of(0, 0).address, 63, 9, &choice));
	T_TRUE(table_best(fixture.table, prefix_of(0, 0).address, 64, &choice));
	T_EQ(choice.peer, 0); /* the lower identifier */
	take(&fixture, 0, 0, 0);
	publish(&fixture);
	T_TRUE(table_origin(fixture.table, prefix_of(0, 0).address, 64, 9, &choice));
	T_EQ(choice.peer, 1); /* the longer path steps in */
	T_EQ(attributes_view(choice.attributes).as_count, 3);
	T_TRUE(table_best(fixture.table, prefix_of(0, 0).address, 64, &choice));
	T_EQ(choice.origin_as, 8);
	table_free(fixture.table);
}

static void test_reports_only_changes(void **state)
{
	struct fixture fixture;

	open_fixture(&fixture);
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "one"));
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "two"));
	publish(&fixture);
	T_EQ(fixture.count, 2); /* a burst is decided once */
	T_BYTES(attributes_view(fixture.seen[0].choice.attributes).opaque, "two", 3);
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "two"));
	T_TRUE(!table_dirty(fixture.table));
	T_OK(put(&fixture, 1, 0, 0, long_way, 3, "worse"));
	publish(&fixture);
	T_EQ(fixture.count, 0);
	take(&fixture, 0, 0, 0);
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "two")); /* gone and back within a round */
	publish(&fixture);
	T_EQ(fixture.count, 0);
	take(&fixture, 0, 1, 0);
	take(&fixture, 0, 0, 5);
	T_TRUE(!table_dirty(fixture.table)); /* what never was */
	take(&fixture, 0, 0, 0);
	take(&fixture, 1, 0, 0);
	publish(&fixture);
	T_EQ(fixture.count, 2);
	T_TRUE(fixture.seen[0].withdrawn && fixture.seen[1].gone && fixture.seen[1].was_foreign);
	T_EQ(fixture.seen[0].choice.peer, 0);
	expect_empty(&fixture);
	table_free(fixture.table);
}

/* A path that changes its origin leaves one and enters the other. */
static void test_path_moves_to_another_origin(void **state)
{
	struct fixture fixture;

	open_fixture(&fixture);
	T_OK(put(&fixture, 1, 0, 0, via_b, 2, "x"));
	publish(&fixture);
	T_OK(put(&fixture, 1, 0, 0, other, 2, "x"));
	publish(&fixture);
	T_EQ(fixture.count, 3);
	for (size_t i = 0; i < 2; i++)
		T_EQ(fixture.seen[i].withdrawn, fixture.seen[i].choice.origin_as == 9);
	T_EQ(best_seen(&fixture)->choice.origin_as, 8);
	T_EQ(table_peer_paths(fixture.table, 1), 1);
	table_free(fixture.table);
}

static void test_own_routes_come_first(void **state)
{
	struct fixture fixture;

	open_fixture(&fixture);
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "theirs"));
	publish(&fixture);
	T_TRUE(!best_seen(&fixture)->was_foreign);
	T_OK(put(&fixture, TABLE_LOCAL, 0, 0, NULL, 0, "ours"));
	publish(&fixture);
	T_EQ(best_seen(&fixture)->choice.peer, TABLE_LOCAL);
	T_EQ(best_seen(&fixture)->choice.origin_as, OWN_AS);
	T_EQ(best_seen(&fixture)->choice.originator, OWN_IDENTIFIER);
	T_TRUE(best_seen(&fixture)->was_foreign);
	take(&fixture, TABLE_LOCAL, 0, 0);
	publish(&fixture);
	T_EQ(best_seen(&fixture)->choice.peer, 0);
	T_TRUE(!best_seen(&fixture)->was_foreign);
	table_free(fixture.table);
}

/* Inside one AS the announcing router tells sites apart, and numbers stay unique. */
static void test_origins_inside_our_as(void **state)
{
	struct update_attributes content = {.has_originator = true};
	struct update_prefix prefix = prefix_of(0, 0);
	struct attributes *attributes;
	struct table_choice choice;
	struct fixture fixture;
	const uint32_t nine[] = {9};

	open_fixture(&fixture);
	T_OK(put(&fixture, 2, 0, 0, NULL, 0, "direct"));
	content.originator = 9;
	attributes = attributes_create(&content);
	T_TRUE(attributes != NULL);
	prefix.path_id = 1;
	T_OK(table_update(fixture.table, 2, &prefix, attributes));
	attributes_release(attributes);
	T_OK(put(&fixture, 0, 0, 0, nine, 1, "AS 9"));
	publish(&fixture);
	T_EQ(fixture.count, 4);
	T_TRUE(table_origin(fixture.table, place, 64, 12, &choice)); /* the peer's identifier */
	T_EQ(choice.originator, 12);
	T_TRUE(table_origin(fixture.table, place, 64, 9, &choice));
	T_TRUE(table_origin(fixture.table, place, 64, 10, &choice)); /* the next free number */
	table_free(fixture.table);
}

static void test_flush_takes_exactly_one_peer(void **state)
{
	struct fixture fixture;
	struct table_choice choice;

	open_fixture(&fixture);
	for (uint8_t i = 0; i < 20; i++) {
		T_OK(put(&fixture, 0, i, 0, via_a, 2, "a"));
		if (i % 2 == 0)
			T_OK(put(&fixture, 1, i, 0, via_b, 2, "b"));
	}
	publish(&fixture);
	table_flush(fixture.table, 0);
	T_EQ(table_peer_paths(fixture.table, 0), 0);
	T_EQ(table_peer_paths(fixture.table, 1), 10);
	publish(&fixture);
	T_EQ(fixture.count, 40);
	for (uint8_t i = 0; i < 20; i++)
		T_EQ(table_best(fixture.table, prefix_of(i, 0).address, 64, &choice), i % 2 == 0);
	table_flush(fixture.table, 1);
	publish(&fixture);
	expect_empty(&fixture);
	table_free(fixture.table);
}

static void test_limit_per_peer(void **state)
{
	struct table_statistics statistics;
	struct fixture fixture;

	open_fixture(&fixture);
	for (uint8_t i = 0; i < PATHS; i++)
		T_OK(put(&fixture, 0, i, 0, via_a, 2, "x"));
	T_ERROR(put(&fixture, 0, PATHS, 0, via_a, 2, "x"), BUSBAR_ERROR_TABLE_FULL);
	T_OK(put(&fixture, 0, 3, 0, via_a, 2, "replaced"));
	T_OK(put(&fixture, 1, 3, 0, via_b, 2, "another peer's"));
	publish(&fixture);
	table_count(fixture.table, &statistics);
	T_EQ(statistics.refused, 1);
	T_EQ(statistics.prefixes, PATHS);
	T_EQ(statistics.paths, PATHS + 1);
	T_TRUE(statistics.bytes > 0);
	take(&fixture, 0, 0, 0);
	T_OK(put(&fixture, 0, PATHS, 0, via_a, 2, "x"));
	table_free(fixture.table);
}

/* ---- a receiver that changes the table ---- */

static void on_origin_meddling(void *context, const struct table_choice *choice, bool withdrawn)
{
	struct fixture *fixture = context;

	on_origin(context, choice, withdrawn);
	if (fixture->depth++ == 0) {
		take(fixture, 0, 0, 0); /* the very path that is being reported */
		T_OK(put(fixture, TABLE_LOCAL, 1, 0, NULL, 0, "new"));
	}
}

static void test_receiver_may_change_the_table(void **state)
{
	const struct table_report meddling = {on_origin_meddling, on_best};
	struct table_choice choice;
	struct fixture fixture;

	open_fixture(&fixture);
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "x"));
	table_publish(fixture.table, &meddling, &fixture);
	T_EQ(fixture.count, 2);
	T_TRUE(table_dirty(fixture.table));
	T_TRUE(table_best(fixture.table, place, 64, &choice)); /* public until the next round */
	publish(&fixture);
	T_EQ(fixture.count, 4);
	T_TRUE(!table_best(fixture.table, place, 64, &choice));
	T_TRUE(table_best(fixture.table, prefix_of(1, 0).address, 64, &choice));
	table_free(fixture.table);
}

/* ---- against a list that is searched in full ---- */

struct entry {
	bool used;
	uint32_t as_path[3];
	size_t as_count;
};

static void check_model(const struct fixture *fixture, struct entry model[PEERS][4][3], uint8_t number)
{
	struct table_choice choice;
	size_t shortest = 9;
	bool any = table_best(fixture->table, prefix_of(number, 0).address, 64, &choice);

	for (int peer = 0; peer < PEERS; peer++)
		for (int id = 0; id < 3; id++)
			if (model[peer][number][id].used)
				shortest = MINIMUM(shortest, model[peer][number][id].as_count);
	T_EQ(any, shortest < 9);
	if (any)
		T_EQ(attributes_view(choice.attributes).as_count, shortest);
}

static void test_random_changes(void **state)
{
	static struct entry model[PEERS][4][3];
	struct fixture fixture;
	struct random random;

	open_fixture(&fixture);
	random_seed(&random, 8);
	for (int round = 0; round < 4000; round++) {
		int peer = (int)random_below(&random, PEERS);
		uint8_t number = (uint8_t)random_below(&random, 4);
		uint32_t id = (uint32_t)random_below(&random, 3);
		struct entry *entry = &model[peer][number][id];

		if (random_below(&random, 200) == 0) {
			table_flush(fixture.table, peer);
			memset(model[peer], 0, sizeof(model[peer]));
		} else if (random_below(&random, 3) == 0) {
			take(&fixture, peer, number, id);
			entry->used = false;
		} else {
			entry->used = true;
			entry->as_count = 1 + random_below(&random, 3);
			for (size_t i = 0; i < entry->as_count; i++)
				entry->as_path[i] = 1 + (uint32_t)random_below(&random, 4);
			T_OK(put(&fixture, peer, number, id, entry->as_path, entry->as_count, "v"));
		}
		if (random_below(&random, 3) != 0)
			continue;
		publish(&fixture);
		for (uint8_t i = 0; i < 4; i++)
			check_model(&fixture, model, i);
	}
	for (int peer = 0; peer < PEERS; peer++)
		table_flush(fixture.table, peer);
	publish(&fixture);
	expect_empty(&fixture);
	table_free(fixture.table);
}

static void count_choice(void *context, const struct table_choice *choice, bool best)
{
	size_t *counts = context;

	counts[best]++;
}

static void test_each(void **state)
{
	size_t counts[2] = {0};
	struct fixture fixture;

	open_fixture(&fixture);
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "a"));
	T_OK(put(&fixture, 1, 0, 0, other, 2, "b"));
	T_OK(put(&fixture, 1, 1, 0, other, 2, "c"));
	table_each(fixture.table, count_choice, counts);
	T_EQ(counts[0] + counts[1], 0); /* nothing is public yet */
	publish(&fixture);
	table_each(fixture.table, count_choice, counts);
	T_EQ(counts[0], 1);
	T_EQ(counts[1], 2);
	table_free(fixture.table);
	T_TRUE(table_free(NULL) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_one_choice_per_origin),
	        cmocka_unit_test(test_reports_only_changes),
	        cmocka_unit_test(test_path_moves_to_another_origin),
	        cmocka_unit_test(test_own_routes_come_first),
	        cmocka_unit_test(test_origins_inside_our_as),
	        cmocka_unit_test(test_flush_takes_exactly_one_peer),
	        cmocka_unit_test(test_limit_per_peer),
	        cmocka_unit_test(test_receiver_may_change_the_table),
	        cmocka_unit_test(test_random_changes),
	        cmocka_unit_test(test_each),
	};

	return T_RUN(tests);
}
