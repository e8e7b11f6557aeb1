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
	table_publish(fixture->table, &report, fixture, SIZE_MAX);
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

static void note_number(void *context, const struct table_choice *choice, bool best)
{
	*add(context) = (struct seen){.choice = *choice};
}

/* Every origin of the first prefix can be found by a number that no other has. */
static void expect_numbers(struct fixture *fixture, size_t count)
{
	fixture->count = 0;
	table_each(fixture->table, note_number, fixture);
	T_EQ(fixture->count, count);
	for (size_t i = 0; i < count; i++) {
		const struct table_choice *wanted = &fixture->seen[i].choice;
		struct table_choice found;

		T_TRUE(wanted->number != 0);
		T_TRUE(table_origin(fixture->table, place, 64, wanted->number, &found));
		T_EQ(found.origin_as, wanted->origin_as);
		T_EQ(found.originator, wanted->originator);
	}
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
	expect_numbers(&fixture, 3);
	table_free(fixture.table);
}

/* The first letter of a value says whose it is: of "." it is not known. */
static uint32_t announcer(const uint8_t *attribute, size_t size)
{
	return size == 0 || attribute[0] == '.' ? 0 : attribute[0];
}

static void test_origins_inside_another_as(void **state)
{
	const struct table_settings settings = {
	        .as = OWN_AS, .identifier = OWN_IDENTIFIER, .seed = 1, .announcer = announcer};
	const uint32_t near[] = {9}, far[] = {8, 9};
	struct fixture fixture;

	open_fixture(&fixture);
	table_free(fixture.table);
	fixture.table = table_create(&settings);
	T_TRUE(fixture.table != NULL);
	T_OK(table_set_peers(fixture.table, PEERS));
	for (int i = 0; i < PEERS; i++)
		table_set_peer(fixture.table, i, &(struct table_peer){.external = true, .identifier = 10});
	/* Two of one AS are two; the same one by another way is the same one; who says nothing is a third. */
	T_OK(put(&fixture, 0, 0, 1, near, 1, "a1"));
	T_OK(put(&fixture, 0, 0, 2, near, 1, "b1"));
	T_OK(put(&fixture, 1, 0, 1, far, 2, "a1"));
	T_OK(put(&fixture, 0, 0, 3, near, 1, "."));
	publish(&fixture);
	T_EQ(fixture.count, 4); /* three origins, and the best of all */
	for (size_t i = 0; i < fixture.count; i++)
		T_TRUE(fixture.seen[i].best || fixture.seen[i].choice.peer == 0);
	/* A path that is another's now is another origin. */
	T_OK(put(&fixture, 0, 0, 2, near, 1, "c1"));
	publish(&fixture);
	T_EQ(fixture.count, 2);
	T_TRUE(fixture.seen[0].withdrawn != fixture.seen[1].withdrawn);
	/* Without the nearer way the other one is chosen. */
	take(&fixture, 0, 0, 1);
	publish(&fixture);
	T_TRUE(!fixture.seen[0].withdrawn);
	T_EQ(fixture.seen[0].choice.peer, 1);
	T_EQ(fixture.seen[0].choice.originator, 'a');
	table_free(fixture.table);
}

/* Many ASes say that their routes are of one and the same announcer, which has the number of a router here.
 */
static void test_numbers_of_one_announcer(void **state)
{
	const struct table_settings settings = {
	        .as = OWN_AS, .identifier = 'a', .seed = 1, .announcer = announcer};
	struct fixture fixture;

	open_fixture(&fixture);
	table_free(fixture.table);
	fixture.table = table_create(&settings);
	T_TRUE(fixture.table != NULL);
	T_OK(table_set_peers(fixture.table, PEERS));
	for (uint32_t i = 1; i <= PATHS; i++)
		T_OK(put(&fixture, 0, 0, i, &i, 1, "a"));
	T_OK(put(&fixture, TABLE_LOCAL, 0, 0, NULL, 0, "ours"));
	publish(&fixture);
	expect_numbers(&fixture, PATHS + 1);
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
	table_publish(fixture.table, &meddling, &fixture, SIZE_MAX);
	T_EQ(fixture.count, 2);
	T_TRUE(table_dirty(fixture.table));
	T_TRUE(table_best(fixture.table, place, 64, &choice)); /* public until the next round */
	publish(&fixture);
	T_EQ(fixture.count, 4);
	T_TRUE(!table_best(fixture.table, place, 64, &choice));
	T_TRUE(table_best(fixture.table, prefix_of(1, 0).address, 64, &choice));
	table_free(fixture.table);
}

static void on_origin_replacing(void *context, const struct table_choice *choice, bool withdrawn)
{
	on_origin(context, choice, withdrawn);
	if (withdrawn)
		T_OK(put(context, 1, 0, 0, other, 2, "newer"));
}

/* What the receiver marks keeps its mark where it goes when the reported path before it goes. */
static void test_receiver_may_mark_what_moves(void **state)
{
	const struct table_report replacing = {on_origin_replacing, on_best};
	struct fixture fixture;

	open_fixture(&fixture);
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "a"));
	T_OK(put(&fixture, 1, 0, 0, other, 2, "b"));
	publish(&fixture);
	take(&fixture, 0, 0, 0);
	table_publish(fixture.table, &replacing, &fixture, SIZE_MAX);
	publish(&fixture);
	T_EQ(fixture.count, 2);
	T_BYTES(attributes_view(fixture.seen[0].choice.attributes).opaque, "newer", 5);
	table_free(fixture.table);
}

/* ---- stale paths ---- */

static void test_stale_until_told_again(void **state)
{
	struct fixture fixture;

	open_fixture(&fixture);
	for (uint8_t i = 0; i < 4; i++)
		T_OK(put(&fixture, 0, i, 0, via_a, 2, "x"));
	T_OK(put(&fixture, 1, 0, 0, long_way, 3, "another peer's"));
	publish(&fixture);
	table_mark_stale(fixture.table, 0);
	T_EQ(table_peer_stale(fixture.table, 0), 4);
	T_TRUE(!table_dirty(fixture.table)); /* as good as ever, for now */
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "x"));
	T_EQ(table_peer_stale(fixture.table, 0), 3);
	T_TRUE(!table_dirty(fixture.table));
	T_OK(put(&fixture, 0, 1, 0, via_a, 2, "y")); /* changed */
	T_OK(put(&fixture, 0, 2, 0, other, 2, "x")); /* of another origin */
	T_EQ(table_peer_stale(fixture.table, 0), 1);
	take(&fixture, 0, 3, 0);
	T_EQ(table_peer_stale(fixture.table, 0), 0);
	publish(&fixture);
	table_mark_stale(fixture.table, 0);
	T_OK(put(&fixture, 0, 1, 0, via_a, 2, "y"));
	table_flush_stale(fixture.table, 0);
	T_EQ(table_peer_paths(fixture.table, 0), 1);
	T_EQ(table_peer_paths(fixture.table, 1), 1);
	publish(&fixture);
	T_EQ(table_peer_stale(fixture.table, 0), 0);
	table_flush_stale(fixture.table, 0);
	T_TRUE(!table_dirty(fixture.table));
	table_free(fixture.table);
}

/* A peer is known as long as something of it is still to be reported as gone. */
static void test_known_until_reported(void **state)
{
	struct fixture fixture;

	open_fixture(&fixture);
	T_TRUE(!table_peer_known(fixture.table, 0));
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "x"));
	publish(&fixture);
	table_flush(fixture.table, 0);
	T_EQ(table_peer_paths(fixture.table, 0), 0);
	T_TRUE(table_peer_known(fixture.table, 0));
	publish(&fixture);
	T_TRUE(!table_peer_known(fixture.table, 0));
	table_free(fixture.table);
}

static void put_preference(struct fixture *fixture, int peer, bool has, uint32_t preference)
{
	const struct update_attributes content = {
	        .as_path = via_a, .as_count = 2, .has_local_preference = has, .local_preference = preference};
	struct update_prefix prefix = prefix_of(0, 0);
	struct attributes *attributes = attributes_create(&content);

	T_TRUE(attributes != NULL);
	T_OK(table_update(fixture->table, peer, &prefix, attributes));
	attributes_release(attributes);
}

static void test_default_preference(void **state)
{
	struct table_choice choice;
	struct fixture fixture;

	open_fixture(&fixture);
	put_preference(&fixture, 0, true, DECISION_DEFAULT_PREFERENCE - 1);
	put_preference(&fixture, 1, false, 0);
	publish(&fixture);
	T_TRUE(table_best(fixture.table, place, 64, &choice));
	T_EQ(choice.peer, 1);
	put_preference(&fixture, 0, true, DECISION_DEFAULT_PREFERENCE + 1);
	publish(&fixture);
	T_TRUE(table_best(fixture.table, place, 64, &choice));
	T_EQ(choice.peer, 0);
	table_free(fixture.table);
}

/* ---- against lists that are searched in full ---- */

enum { NUMBERS = 3, IDS = 8, ORIGINS = 6 };

struct entry {
	bool used;
	uint32_t as_path[3];
	size_t as_count;
	uint32_t med;
	char value[2];
};

/* All that peers say, and what reports have told of it. */
struct model {
	struct fixture fixture;
	struct random random;
	bool with_med;
	struct entry entries[PEERS][NUMBERS][IDS];
	struct told {
		bool known;
		int peer;
		uint32_t med;
		size_t as_count;
		uint8_t value;
	} origins[NUMBERS][ORIGINS], best[NUMBERS];
};

static struct told told_of(const struct table_choice *choice)
{
	const struct update_attributes a = attributes_view(choice->attributes);

	return (struct told){true, choice->peer, a.med, a.as_count, a.opaque[0]};
}

static void note_origin(void *context, const struct table_choice *choice, bool withdrawn)
{
	struct model *model = context;
	struct told *told = &model->origins[choice->address[7]][choice->origin_as];

	T_TRUE(choice->origin_as < ORIGINS);
	T_TRUE(told->known || !withdrawn);
	*told = told_of(choice);
	told->known = !withdrawn;
}

static void note_best(void *context, const uint8_t address[16], uint8_t length,
                      const struct table_choice *choice, bool was_foreign)
{
	struct model *model = context;
	struct told *told = &model->best[address[7]];

	T_EQ(was_foreign, told->known);
	*told = choice != NULL ? told_of(choice) : (struct told){0};
}

/* The candidates of one origin (0: of all chosen ones, which are then given) and the decision over them. */
static struct decision_candidate candidate_of(const struct model *model, int peer, int number, int id)
{
	static const uint8_t addresses[PEERS][16] = {{0}, {1}, {2}};
	const struct entry *entry = &model->entries[peer][number][id];

	return (struct decision_candidate){.external = peer < 2,
	                                   .preference = DECISION_DEFAULT_PREFERENCE,
	                                   .as_count = (uint32_t)entry->as_count,
	                                   .med = entry->med,
	                                   .neighbour_as = entry->as_path[0],
	                                   .identifier = 10 + (uint32_t)peer,
	                                   .address = addresses[peer],
	                                   .path_id = (uint32_t)id,
	                                   .number = (uint32_t)(peer * IDS + id)};
}

static void expect_told(const struct model *model, int number, const struct told *told,
                        const struct decision_candidate *wanted)
{
	const struct entry *entry;

	T_EQ(told->known, wanted != NULL);
	if (wanted == NULL)
		return;
	entry = &model->entries[wanted->number / IDS][number][wanted->number % IDS];
	T_EQ(told->peer, wanted->number / IDS);
	T_EQ(told->as_count, entry->as_count);
	T_EQ(told->med, entry->med);
	T_EQ(told->value, entry->value[0]);
}

static void check_number(struct model *model, int number)
{
	struct decision_candidate chosen[ORIGINS];
	struct table_choice choice;
	size_t chosen_count = 0;
	uint8_t address = (uint8_t)number;

	for (uint32_t origin = 1; origin < ORIGINS; origin++) {
		struct decision_candidate list[PEERS * IDS];
		const struct decision_candidate *best;
		size_t count = 0;

		for (int peer = 0; peer < PEERS; peer++)
			for (int id = 0; id < IDS; id++) {
				const struct entry *entry = &model->entries[peer][number][id];

				if (entry->used && entry->as_path[entry->as_count - 1] == origin)
					list[count++] = candidate_of(model, peer, number, id);
			}
		best = decision_best(list, count);
		expect_told(model, number, &model->origins[number][origin], best);
		T_EQ(table_origin(model->fixture.table, prefix_of(address, 0).address, 64, origin, &choice),
		     best != NULL);
		if (best != NULL)
			chosen[chosen_count++] = *best;
	}
	expect_told(model, number, &model->best[number], decision_best(chosen, chosen_count));
	T_EQ(table_best(model->fixture.table, prefix_of(address, 0).address, 64, &choice), chosen_count > 0);
}

static int put_entry(struct model *model, int peer, uint8_t number, uint32_t id, const struct entry *entry)
{
	const struct update_attributes content = {.as_path = entry->as_path,
	                                          .as_count = entry->as_count,
	                                          .has_med = entry->med > 0,
	                                          .med = entry->med,
	                                          .has_opaque = true,
	                                          .opaque = (const uint8_t *)entry->value,
	                                          .opaque_size = 1};
	struct update_prefix prefix = prefix_of(number, id);
	struct attributes *attributes = attributes_create(&content);
	int code;

	T_TRUE(attributes != NULL);
	code = table_update(model->fixture.table, peer, &prefix, attributes);
	attributes_release(attributes);
	return code;
}

static void change_something(struct model *model)
{
	struct random *random = &model->random;
	int peer = (int)random_below(random, PEERS);
	uint8_t number = (uint8_t)random_below(random, NUMBERS);
	uint32_t id = (uint32_t)random_below(random, IDS);
	struct entry *entry = &model->entries[peer][number][id];

	if (random_below(random, 300) == 0) {
		table_flush(model->fixture.table, peer);
		memset(model->entries[peer], 0, sizeof(model->entries[peer]));
	} else if (random_below(random, 3) == 0) {
		take(&model->fixture, peer, number, id);
		entry->used = false;
	} else {
		entry->used = true;
		entry->as_count = 1 + random_below(random, 3);
		entry->value[0] = (char)('a' + random_below(random, 3));
		entry->med = model->with_med ? (uint32_t)random_below(random, 3) : 0;
		for (size_t i = 0; i < entry->as_count; i++)
			entry->as_path[i] = 1 + (uint32_t)random_below(random, ORIGINS - 1);
		T_OK(put_entry(model, peer, number, id, entry));
	}
}

/* A peer restarts and tells half of what it had told. */
static void restart_peer(struct model *model)
{
	int peer = (int)random_below(&model->random, PEERS);

	table_mark_stale(model->fixture.table, peer);
	for (uint8_t number = 0; number < NUMBERS; number++)
		for (uint32_t id = 0; id < IDS; id++) {
			struct entry *entry = &model->entries[peer][number][id];

			if (!entry->used)
				continue;
			entry->used = random_below(&model->random, 2) == 0;
			if (entry->used)
				T_OK(put_entry(model, peer, number, id, entry));
		}
	table_flush_stale(model->fixture.table, peer);
	T_EQ(table_peer_stale(model->fixture.table, peer), 0);
}

static void run_model(bool with_med)
{
	static const struct table_report noting = {note_origin, note_best};
	struct model *model = calloc(1, sizeof(*model));

	T_TRUE(model != NULL);
	open_fixture(&model->fixture);
	model->with_med = with_med;
	random_seed(&model->random, 8);
	for (int round = 0; round < 6000; round++) {
		if (random_below(&model->random, 100) == 0)
			restart_peer(model);
		else
			change_something(model);
		if (random_below(&model->random, 3) != 0)
			continue;
		while (table_dirty(model->fixture.table)) /* in pieces */
			table_publish(model->fixture.table, &noting, model,
			              1 + random_below(&model->random, 4));
		for (int number = 0; number < NUMBERS; number++)
			check_number(model, number);
	}
	for (int peer = 0; peer < PEERS; peer++)
		table_flush(model->fixture.table, peer);
	table_publish(model->fixture.table, &noting, model, SIZE_MAX);
	expect_empty(&model->fixture);
	table_free(model->fixture.table);
	free(model);
}

static void test_random_changes(void **state)
{
	run_model(false);
}

static void test_random_changes_with_med(void **state)
{
	run_model(true);
}

/* ---- an anycast prefix of many sites ---- */

enum { SITES = 700 };

struct heard {
	size_t origins, best;
	uint32_t best_as;
};

static void hear_origin(void *context, const struct table_choice *choice, bool withdrawn)
{
	((struct heard *)context)->origins++;
}

static void hear_best(void *context, const uint8_t address[16], uint8_t length,
                      const struct table_choice *choice, bool was_foreign)
{
	struct heard *heard = context;

	heard->best++;
	heard->best_as = choice != NULL ? choice->origin_as : 0;
}

static const struct table_report hearing = {hear_origin, hear_best};

static void put_site(struct fixture *fixture, uint32_t site, size_t hops, const char *value)
{
	const uint32_t path[] = {5, 5, 1000 + site};

	T_OK(put(fixture, 1, 0, SITES - site, path + 3 - hops, hops, value));
}

static void count_paths(void *context, const struct table_path *path)
{
	size_t *count = context;

	(*count)++;
}

/* A long list is worked off in pieces, the oldest first. */
static void test_rounds_are_bounded(void **state)
{
	struct heard heard = {0};
	struct fixture fixture;

	open_fixture(&fixture);
	for (uint8_t i = 0; i < 50; i++)
		T_OK(put(&fixture, 0, i, 0, via_a, 2, "x"));
	table_publish(fixture.table, &hearing, &heard, 20);
	T_EQ(heard.origins, 10); /* each counts twice: the prefix, and its change */
	T_TRUE(table_dirty(fixture.table));
	T_OK(put(&fixture, 0, 0, 0, via_a, 2, "again"));
	table_publish(fixture.table, &hearing, &heard, 80);
	T_EQ(heard.origins, 50);
	T_TRUE(table_dirty(fixture.table));
	table_publish(fixture.table, &hearing, &heard, 1);
	T_EQ(heard.origins, 51);
	T_TRUE(!table_dirty(fixture.table));
	table_publish(fixture.table, &hearing, &heard, 1);
	T_EQ(heard.origins, 51);
	table_free(fixture.table);
}

static void test_anycast_of_many_sites(void **state)
{
	struct heard heard = {0};
	struct fixture fixture;
	size_t count = 0, position = 0;

	open_fixture(&fixture);
	table_set_maximum(fixture.table, 1, SITES);
	for (uint32_t site = 0; site < SITES; site++)
		put_site(&fixture, site, 3, "x");
	table_publish(fixture.table, &hearing, &heard, SIZE_MAX);
	T_EQ(heard.origins, SITES);
	T_EQ(heard.best, 1);
	T_EQ(heard.best_as, 1000 + SITES - 1); /* the lowest path identifier */
	put_site(&fixture, 300, 2, "better");
	table_publish(fixture.table, &hearing, &heard, SIZE_MAX);
	T_EQ(heard.origins, SITES + 1); /* one change, one report */
	T_EQ(heard.best_as, 1300);
	put_site(&fixture, 301, 3, "y");
	table_publish(fixture.table, &hearing, &heard, SIZE_MAX);
	T_EQ(heard.origins, SITES + 2);
	T_EQ(heard.best, 2);
	put_site(&fixture, 300, 3, "x");
	table_publish(fixture.table, &hearing, &heard, SIZE_MAX);
	T_EQ(heard.best_as, 1000 + SITES - 1);
	T_TRUE(!table_each_path(fixture.table, &position, SITES + 1, count_paths, &count));
	T_EQ(count, SITES);
	table_flush(fixture.table, 1);
	table_publish(fixture.table, &hearing, &heard, SIZE_MAX);
	T_EQ(heard.origins, 2 * SITES + 3);
	T_EQ(heard.best_as, 0);
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
	        cmocka_unit_test(test_origins_inside_another_as),
	        cmocka_unit_test(test_numbers_of_one_announcer),
	        cmocka_unit_test(test_flush_takes_exactly_one_peer),
	        cmocka_unit_test(test_limit_per_peer),
	        cmocka_unit_test(test_receiver_may_change_the_table),
	        cmocka_unit_test(test_receiver_may_mark_what_moves),
	        cmocka_unit_test(test_stale_until_told_again),
	        cmocka_unit_test(test_known_until_reported),
	        cmocka_unit_test(test_default_preference),
	        cmocka_unit_test(test_random_changes),
	        cmocka_unit_test(test_random_changes_with_med),
	        cmocka_unit_test(test_rounds_are_bounded),
	        cmocka_unit_test(test_anycast_of_many_sites),
	        cmocka_unit_test(test_each),
	};

	return T_RUN(tests);
}
