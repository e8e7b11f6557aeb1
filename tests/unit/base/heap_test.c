/* SPDX-License-Identifier: Apache-2.0 */
/* Heap: random pushes, pops, removals and key changes against a search through all items. */
#include "base/heap.h"
#include "base/random.h"
#include "t.h"

struct item {
	struct heap_node node;
	int64_t key;
};

enum { ITEMS = 200 };

static struct item *item_of(const struct heap_node *node)
{
	return CONTAINER_OF(node, struct item, node);
}

/* Of the same key, in the order in memory. */
static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return a < b;
}

/* The head's key is the least of all inside, and the counts agree. */
static void check(const struct heap *heap, const struct item *items)
{
	int64_t least = INT64_MAX;
	size_t inside = 0;

	for (size_t i = 0; i < ITEMS; i++) {
		if (items[i].node.position == 0)
			continue;
		inside++;
		if (items[i].key < least)
			least = items[i].key;
	}
	T_EQ(heap_count(heap), inside);
	if (inside == 0)
		T_TRUE(heap_peek(heap) == NULL);
	else
		T_TRUE(item_of(heap_peek(heap))->key == least);
	T_EQ(heap_least(heap), least);
}

static void step(struct heap *heap, struct item *items, struct random *random)
{
	struct item *item = &items[random_below(random, ITEMS)];
	bool inside = item->node.position != 0;

	switch (random_below(random, 5)) {
	case 0:
		(void)heap_pop(heap);
		break;
	case 1:
		heap_remove(heap, &item->node);
		T_EQ(item->node.position, 0);
		break;
	case 2:
		item->key = (int64_t)random_below(random, 50);
		heap_update(heap, &item->node, item->key);
		T_EQ(item->node.position != 0, inside);
		break;
	default:
		if (inside) {
			T_ERROR(heap_push(heap, &item->node, item->key), BUSBAR_ERROR_STATE);
			break;
		}
		item->key = (int64_t)random_below(random, 50);
		T_OK(heap_push(heap, &item->node, item->key));
	}
}

static void test_random_operations(void **state)
{
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct heap *heap = heap_create(before, ITEMS);
		struct item items[ITEMS] = {0};
		struct item *last = NULL;
		struct random random;

		random_seed(&random, seed);
		for (int i = 0; i < 5000; i++) {
			step(heap, items, &random);
			check(heap, items);
		}
		while (heap_count(heap) > 0) {
			struct item *item = item_of(heap_pop(heap));

			T_TRUE(last == NULL || item->key > last->key ||
			       (item->key == last->key && item > last));
			T_EQ(item->node.position, 0);
			last = item;
		}
		(void)heap_free(heap);
	}
}

static void test_maximum(void **state)
{
	struct heap *heap = heap_create(before, 3);
	struct item items[4] = {{.key = 3}, {.key = 1}, {.key = 2}, {.key = 0}};

	for (int i = 0; i < 3; i++)
		T_OK(heap_push(heap, &items[i].node, items[i].key));
	T_ERROR(heap_push(heap, &items[3].node, items[3].key), BUSBAR_ERROR_TABLE_FULL);
	T_EQ(items[3].node.position, 0);
	T_TRUE(heap_pop(heap) == &items[1].node);
	T_OK(heap_push(heap, &items[3].node, items[3].key));
	T_TRUE(heap_peek(heap) == &items[3].node);
	(void)heap_free(heap);
}

static void test_empty_and_clear(void **state)
{
	struct heap *heap = heap_create(before, 100);
	struct item items[100] = {0};

	T_TRUE(heap_peek(heap) == NULL);
	T_TRUE(heap_pop(heap) == NULL);
	heap_remove(heap, &items[0].node);
	heap_update(heap, &items[0].node, 1);
	for (int i = 0; i < 100; i++)
		T_OK(heap_push(heap, &items[i].node, items[i].key));
	heap_clear(heap);
	T_EQ(heap_count(heap), 0);
	for (int i = 0; i < 100; i++)
		T_EQ(items[i].node.position, 0);
	T_OK(heap_push(heap, &items[5].node, items[5].key));
	T_TRUE(heap_free(heap) == NULL);
	T_EQ(items[5].node.position, 0);
	T_TRUE(heap_free(NULL) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_random_operations),
	        cmocka_unit_test(test_maximum),
	        cmocka_unit_test(test_empty_and_clear),
	};

	return T_RUN(tests);
}
