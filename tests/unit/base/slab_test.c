/* SPDX-License-Identifier: Apache-2.0 */
/* Slab: distinct zeroed objects, counted, never above the maximum. */
#include "base/random.h"
#include "base/slab.h"
#include "t.h"
#include <stdbool.h>

static bool is_filled(const void *object, size_t size, uint8_t with)
{
	const uint8_t *octets = object;

	for (size_t i = 0; i < size; i++) {
		if (octets[i] != with)
			return false;
	}
	return true;
}

static void test_maximum(void **state)
{
	static const size_t maxima[] = {0, 1, 15, 16, 17, 100, 1000};

	for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
		struct slab *slab = slab_create(24, maxima[i]);
		void *objects[1000];

		for (size_t j = 0; j < maxima[i]; j++) {
			objects[j] = slab_take(slab);
			T_TRUE(objects[j] != NULL);
		}
		T_TRUE(slab_take(slab) == NULL);
		T_EQ(slab_count(slab), maxima[i]);
		for (size_t j = 0; j < maxima[i]; j++)
			slab_release(slab, objects[j]);
		T_EQ(slab_count(slab), 0);
		T_TRUE(slab_free(slab) == NULL);
	}
	T_TRUE(slab_free(NULL) == NULL);
	T_TRUE(slab_create(0, 10) == NULL);
	T_TRUE(slab_create(SIZE_MAX, 10) == NULL);
	T_TRUE(slab_create(SIZE_MAX / 16, 10) == NULL);
}

/* Every object keeps its own content while others come and go. */
static void test_random_operations(void **state)
{
	enum { OBJECTS = 120, MAXIMUM_COUNT = 100, SIZE = 33 };
	struct slab *slab = slab_create(SIZE, MAXIMUM_COUNT);
	void *objects[OBJECTS] = {NULL};
	struct random random;
	size_t count = 0;

	random_seed(&random, 3);
	for (int round = 0; round < 20000; round++) {
		size_t i = random_below(&random, OBJECTS);

		if (objects[i]) {
			T_TRUE(is_filled(objects[i], SIZE, (uint8_t)(i + 1)));
			slab_release(slab, objects[i]);
			objects[i] = NULL;
			count--;
		} else {
			objects[i] = slab_take(slab);
			T_EQ(objects[i] != NULL, count < MAXIMUM_COUNT);
			if (!objects[i])
				continue;
			T_EQ((uintptr_t)objects[i] % 16, 0);
			T_TRUE(is_filled(objects[i], SIZE, 0));
			memset(objects[i], (int)(i + 1), SIZE);
			count++;
		}
		T_EQ(slab_count(slab), count);
	}
	for (size_t i = 0; i < OBJECTS; i++)
		slab_release(slab, objects[i]);
	T_EQ(slab_count(slab), 0);
	(void)slab_free(slab);
}

static void test_memory_is_counted_and_used_again(void **state)
{
	struct slab *slab = slab_create(64, 1000);
	void *objects[1000];
	size_t full = 0;

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 1000; i++)
			objects[i] = slab_take(slab);
		if (round > 0)
			T_EQ(slab_bytes(slab), full);
		full = slab_bytes(slab);
		T_TRUE(full >= 64 * 1000 && full < 64 * 1000 + 1000);
		for (size_t i = 0; i < 1000; i++)
			slab_release(slab, objects[i]);
	}
	(void)slab_free(slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_maximum),
	        cmocka_unit_test(test_random_operations),
	        cmocka_unit_test(test_memory_is_counted_and_used_again),
	};

	return T_RUN(tests);
}
