/* SPDX-License-Identifier: Apache-2.0 */
/* Hash table against a plain array as the model; removal during a walk; the keyed hash's values. */
#include "base/hash.h"
#include "base/random.h"
#include "t.h"

/* The model: value of key k, NULL when absent. Values are addresses inside `cells`. */
enum { KEYS = 300 };
struct model {
	char cells[KEYS];
	void *values[KEYS];
	size_t count;
};

static void model_set(struct model *model, uint32_t key, void *value)
{
	model->count += (value != NULL) - (model->values[key] != NULL);
	model->values[key] = value;
}

static void check_all(const struct hash *hash, const struct model *model)
{
	T_EQ(hash_count(hash), model->count);
	for (uint32_t key = 0; key < KEYS; key++)
		T_TRUE(hash_get(hash, &key) == model->values[key]);
}

/* Walks, removing every entry that chance picks; each entry must come exactly once. */
static void walk_and_remove(struct hash *hash, struct model *model, struct random *random, uint64_t odds)
{
	bool seen[KEYS] = {false};
	size_t position = 0, visited = 0, before = hash_count(hash);
	const void *key;
	void *value;

	while (hash_next(hash, &position, &key, &value)) {
		uint32_t number;

		memcpy(&number, key, sizeof(number));
		T_TRUE(number < KEYS && !seen[number]);
		T_TRUE(value == model->values[number]);
		seen[number] = true;
		visited++;
		if (random_below(random, odds) == 0) {
			/* The key given is the one inside the table. */
			T_TRUE(hash_remove(hash, key) == value);
			model_set(model, number, NULL);
		}
	}
	T_EQ(visited, before);
}

static void step(struct hash *hash, struct model *model, struct random *random)
{
	uint32_t key = (uint32_t)random_below(random, KEYS);
	void *value = &model->cells[random_below(random, KEYS)];

	switch (random_below(random, 3)) {
	case 0:
		T_TRUE(hash_remove(hash, &key) == model->values[key]);
		model_set(model, key, NULL);
		break;
	default:
		T_OK(hash_put(hash, &key, value));
		model_set(model, key, value);
	}
}

static void test_random_operations(void **state)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct hash *hash = hash_create(sizeof(uint32_t), KEYS, seed);
		struct model model = {.count = 0};
		struct random random;

		random_seed(&random, seed);
		for (int round = 0; round < 60; round++) {
			for (int i = 0; i < 100; i++)
				step(hash, &model, &random);
			walk_and_remove(hash, &model, &random, 1 + random_below(&random, 6));
			check_all(hash, &model);
		}
		(void)hash_free(hash);
	}
}

/* Runs that wrap around the end of the table are where walks go wrong: many small, nearly full tables. */
static void test_walks_over_small_full_tables(void **state)
{
	for (uint64_t seed = 0; seed < 3000; seed++) {
		struct hash *hash = hash_create(sizeof(uint32_t), KEYS, seed);
		struct model model = {.count = 0};
		struct random random;

		random_seed(&random, seed);
		for (uint32_t key = 0; key < 12; key++) {
			T_OK(hash_put(hash, &key, &model.cells[key]));
			model_set(&model, key, &model.cells[key]);
		}
		walk_and_remove(hash, &model, &random, 2);
		check_all(hash, &model);
		walk_and_remove(hash, &model, &random, 1);
		T_EQ(hash_count(hash), 0);
		(void)hash_free(hash);
	}
}

static void test_maximum(void **state)
{
	struct hash *hash = hash_create(sizeof(uint32_t), 100, 1);
	char value, other;
	uint32_t key;

	for (key = 0; key < 100; key++)
		T_OK(hash_put(hash, &key, &value));
	T_ERROR(hash_put(hash, &key, &value), BUSBAR_ERROR_TABLE_FULL);
	T_EQ(hash_count(hash), 100);
	key = 50;
	T_OK(hash_put(hash, &key, &other));
	T_TRUE(hash_get(hash, &key) == &other);
	T_EQ(hash_count(hash), 100);
	T_TRUE(hash_remove(hash, &key) == &other);
	key = 1000;
	T_OK(hash_put(hash, &key, &value));
	(void)hash_free(hash);
	hash = hash_create(4, 0, 1);
	T_ERROR(hash_put(hash, &key, &value), BUSBAR_ERROR_TABLE_FULL);
	(void)hash_free(hash);
}

static void test_key_sizes(void **state)
{
	T_TRUE(hash_create(0, 10, 1) == NULL);
	T_TRUE(hash_create(65, 10, 1) == NULL);
	for (size_t size = 1; size <= 64; size++) {
		struct hash *hash = hash_create(size, SIZE_MAX, 9);
		uint8_t key[64] = {0};
		char values[200];

		/* Keys that differ in their last octet alone. */
		for (int i = 0; i < 200; i++) {
			key[size - 1] = (uint8_t)i;
			T_OK(hash_put(hash, key, &values[i]));
		}
		for (int i = 0; i < 200; i++) {
			key[size - 1] = (uint8_t)i;
			T_TRUE(hash_get(hash, key) == &values[i]);
		}
		(void)hash_free(hash);
	}
}

static void test_empty_table(void **state)
{
	struct hash *hash = hash_create(4, 10, 0);
	uint32_t key = 1;
	size_t position = 0;
	const void *found;
	void *value;

	T_TRUE(hash_get(hash, &key) == NULL);
	T_TRUE(hash_remove(hash, &key) == NULL);
	T_TRUE(!hash_next(hash, &position, &found, &value));
	T_TRUE(hash_bytes(hash) > 0);
	T_TRUE(hash_free(hash) == NULL);
	T_TRUE(hash_free(NULL) == NULL);
}

static void test_memory_grows_with_the_count(void **state)
{
	struct hash *hash = hash_create(8, 1 << 20, 3);
	size_t empty = hash_bytes(hash);
	char value;

	for (uint64_t key = 0; key < 10000; key++)
		T_OK(hash_put(hash, &key, &value));
	/* 24 bytes a slot, between 3/8 and 3/4 full. */
	T_TRUE(hash_bytes(hash) - empty >= 10000 * 24 * 4 / 3);
	T_TRUE(hash_bytes(hash) - empty <= 10000 * 24 * 8 / 3);
	(void)hash_free(hash);
}

static void test_keyed_hash(void **state)
{
	/* Computed apart from this code, for the key (seed, not seed) and the octets 0, 1, 2, ... */
	static const struct {
		uint64_t seed;
		size_t size;
		uint64_t expected;
	} examples[] = {
	        {0, 0, UINT64_C(0x6b3c89e238a4996e)},
	        {0, 1, UINT64_C(0x7edf1f1d26a8b928)},
	        {UINT64_C(0x0706050403020100), 7, UINT64_C(0xddb8794e0272d354)},
	        {UINT64_C(0x0706050403020100), 8, UINT64_C(0x9366216f206d91bd)},
	        {UINT64_MAX, 15, UINT64_C(0x8c8708be091b4de4)},
	        {42, 64, UINT64_C(0xebe5fe87f50e4eca)},
	};
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
		T_TRUE(hash_bytes_of(bytes, examples[i].size, examples[i].seed) == examples[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_random_operations), cmocka_unit_test(test_walks_over_small_full_tables),
	        cmocka_unit_test(test_maximum),           cmocka_unit_test(test_key_sizes),
	        cmocka_unit_test(test_empty_table),       cmocka_unit_test(test_memory_grows_with_the_count),
	        cmocka_unit_test(test_keyed_hash),
	};

	return T_RUN(tests);
}
