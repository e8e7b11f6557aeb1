/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: zeroed, aligned, bounded, and given back in the order of marks. */
#include "base/arena.h"
#include "base/random.h"
#include "t.h"
#include <stdbool.h>

static bool is_zero(const void *bytes, size_t size)
{
	const uint8_t *octets = bytes;

	for (size_t i = 0; i < size; i++) {
		if (octets[i] != 0)
			return false;
	}
	return true;
}

static void test_zeroed_and_aligned(void **state)
{
	struct arena *arena = arena_create(1 << 20);

	T_EQ(arena_taken(arena), 0);
	for (int round = 0; round < 3; round++) {
		for (size_t size = 1; size < 200; size++) {
			void *bytes = arena_alloc(arena, size);

			T_TRUE(bytes != NULL);
			T_EQ((uintptr_t)bytes % 16, 0);
			T_TRUE(is_zero(bytes, size));
			memset(bytes, 0xff, size);
		}
		arena_reset(arena);
		T_EQ(arena_used(arena), 0);
	}
	T_TRUE(arena_free(arena) == NULL);
	T_TRUE(arena_free(NULL) == NULL);
}

static void test_the_whole_maximum_and_no_more(void **state)
{
	static const size_t maxima[] = {1, 15, 16, 17, 1000, 4096, 4097, 100001};

	for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
		struct arena *arena = arena_create(maxima[i]);

		T_TRUE(arena_alloc(arena, 0) == NULL);
		T_TRUE(arena_alloc(arena, maxima[i] + 1) == NULL);
		T_TRUE(arena_alloc(arena, SIZE_MAX) == NULL);
		T_TRUE(arena_alloc(arena, maxima[i]) != NULL);
		T_TRUE(arena_alloc(arena, 1) == NULL);
		T_TRUE(arena_taken(arena) <= maxima[i]);
		(void)arena_free(arena);
	}
	T_TRUE(arena_free(arena_create(0)) == NULL);
}

static void test_small_pieces_reach_the_maximum(void **state)
{
	struct arena *arena = arena_create(1000 * 16);
	size_t count = 0;

	while (arena_alloc(arena, 16))
		count++;
	T_EQ(count, 1000);
	T_EQ(arena_used(arena), 16000);
	T_EQ(arena_taken(arena), 16000);
	(void)arena_free(arena);
}

static void test_product_is_checked(void **state)
{
	struct arena *arena = arena_create(SIZE_MAX);

	T_TRUE(arena_array(arena, SIZE_MAX / 2 + 2, 2) == NULL);
	T_TRUE(arena_array(arena, SIZE_MAX, SIZE_MAX) == NULL);
	T_TRUE(arena_alloc(arena, SIZE_MAX - 8) == NULL);
	T_TRUE(arena_array(arena, 0, 8) == NULL);
	T_TRUE(arena_array(arena, 100, 8) != NULL);
	(void)arena_free(arena);
}

static void test_texts(void **state)
{
	struct arena *arena = arena_create(8192);
	char *text = arena_format(arena, "%s-%03d", "edge", 7);

	T_TEXT(text, "edge-007");
	T_TEXT(arena_text(arena, ""), "");
	T_TEXT(arena_text(arena, text), "edge-007");
	T_BYTES(arena_copy(arena, "a\0b", 3), "a\0b", 3);
	T_TRUE(arena_format(arena, "%9000d", 1) == NULL);
	T_TEXT(text, "edge-007");
	(void)arena_free(arena);
}

static void test_marks_nest(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct arena_mark empty = arena_save(arena);
	struct arena_mark outer, inner;
	char *kept = arena_text(arena, "kept");
	char *first, *again;

	outer = arena_save(arena);
	first = arena_alloc(arena, 3000);
	inner = arena_save(arena);
	T_TRUE(arena_alloc(arena, 50000) != NULL);
	T_TRUE(arena_alloc(arena, 200000) != NULL);
	arena_restore(arena, inner);
	T_EQ(arena_used(arena), 16 + 3008);
	arena_restore(arena, outer);
	T_EQ(arena_used(arena), 16);
	again = arena_alloc(arena, 3000);
	T_TRUE(again == first);
	T_TRUE(is_zero(again, 3000));
	T_TEXT(kept, "kept");
	arena_restore(arena, empty);
	T_EQ(arena_used(arena), 0);
	(void)arena_free(arena);
}

static void test_chunks_serve_the_next_round(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	size_t taken = 0;

	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 100; i++)
			T_TRUE(arena_alloc(arena, 1000) != NULL);
		if (round > 0)
			T_EQ(arena_taken(arena), taken);
		taken = arena_taken(arena);
		arena_reset(arena);
		T_EQ(arena_taken(arena), taken);
	}
	(void)arena_free(arena);
}

static void test_small_spare_chunks_do_not_block_a_large_one(void **state)
{
	struct arena *arena = arena_create(64 * 1024);

	while (arena_alloc(arena, 64))
		;
	T_EQ(arena_taken(arena), 64 * 1024);
	arena_reset(arena);
	T_TRUE(arena_alloc(arena, 64 * 1024) != NULL);
	T_EQ(arena_taken(arena), 64 * 1024);
	arena_reset(arena);
	T_TRUE(arena_alloc(arena, 16) != NULL);
	(void)arena_free(arena);
}

/* Random allocations and nested restores: what lives keeps its content, and the maximum holds. */
static void test_random_rounds(void **state)
{
	enum { DEPTH = 8, MAXIMUM_SIZE = 300000 };
	struct {
		struct arena_mark mark;
		uint8_t *bytes;
		size_t size;
		size_t used;
	} stack[DEPTH];
	struct arena *arena = arena_create(MAXIMUM_SIZE);
	struct random random;
	size_t depth = 0;

	random_seed(&random, 11);
	for (int round = 0; round < 20000; round++) {
		if (depth < DEPTH && random_below(&random, 2) == 0) {
			size_t size = 1 + random_below(&random, UINT64_C(1) << random_below(&random, 18));

			stack[depth].mark = arena_save(arena);
			stack[depth].used = arena_used(arena);
			stack[depth].size = size;
			stack[depth].bytes = arena_alloc(arena, size);
			if (stack[depth].bytes) {
				T_TRUE(is_zero(stack[depth].bytes, size));
				memset(stack[depth].bytes, (int)depth + 1, size);
				depth++;
			}
		} else if (depth > 0) {
			depth = random_below(&random, depth);
			arena_restore(arena, stack[depth].mark);
			T_EQ(arena_used(arena), stack[depth].used);
		}
		T_TRUE(arena_taken(arena) <= MAXIMUM_SIZE);
		T_TRUE(arena_used(arena) <= arena_taken(arena));
		for (size_t i = 0; i < depth; i++) {
			T_EQ(stack[i].bytes[0], i + 1);
			T_EQ(stack[i].bytes[stack[i].size - 1], i + 1);
		}
	}
	(void)arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_zeroed_and_aligned),
	        cmocka_unit_test(test_the_whole_maximum_and_no_more),
	        cmocka_unit_test(test_small_pieces_reach_the_maximum),
	        cmocka_unit_test(test_product_is_checked),
	        cmocka_unit_test(test_texts),
	        cmocka_unit_test(test_marks_nest),
	        cmocka_unit_test(test_chunks_serve_the_next_round),
	        cmocka_unit_test(test_small_spare_chunks_do_not_block_a_large_one),
	        cmocka_unit_test(test_random_rounds),
	};

	return T_RUN(tests);
}
