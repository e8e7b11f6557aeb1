/* SPDX-License-Identifier: Apache-2.0 */
/* Pool: everything released once, children first, the rest in reverse order of registration. */
#include "base/pool.h"
#include "t.h"

/* Objects write their names here when they are released. */
struct record {
	char text[64];
	size_t size;
};

struct object {
	struct record *record;
	char name;
};

static void release(void *pointer)
{
	struct object *object = pointer;

	object->record->text[object->record->size++] = object->name;
}

static void own(struct pool *pool, struct object *objects, struct record *record, char name)
{
	struct object *object = &objects[name - 'a'];

	*object = (struct object){.record = record, .name = name};
	T_OK(pool_own(pool, object, release));
}

static void test_reverse_order(void **state)
{
	struct record record = {.size = 0};
	struct object objects[26];
	struct pool *pool = pool_create(NULL);

	for (char name = 'a'; name <= 'h'; name++)
		own(pool, objects, &record, name);
	T_EQ(pool_count(pool), 8);
	T_EQ(record.size, 0);
	T_TRUE(pool_free(pool) == NULL);
	T_TEXT(record.text, "hgfedcba");
	T_TRUE(pool_free(NULL) == NULL);
}

static void test_children_go_first(void **state)
{
	struct record record = {.size = 0};
	struct object objects[26];
	struct pool *root = pool_create(NULL);
	struct pool *older = pool_create(root);
	struct pool *younger = pool_create(root);
	struct pool *grandchild = pool_create(older);

	own(root, objects, &record, 'a');
	own(older, objects, &record, 'b');
	own(grandchild, objects, &record, 'c');
	own(younger, objects, &record, 'd');
	own(older, objects, &record, 'e');
	T_EQ(pool_count(root), 1);
	T_EQ(pool_count(older), 2);
	(void)pool_free(root);
	T_TEXT(record.text, "dceba");
}

static void test_a_child_may_go_alone(void **state)
{
	struct record record = {.size = 0};
	struct object objects[26];
	struct pool *root = pool_create(NULL);
	struct pool *children[3];

	own(root, objects, &record, 'r');
	for (int i = 0; i < 3; i++) {
		children[i] = pool_create(root);
		own(children[i], objects, &record, (char)('a' + i));
	}
	(void)pool_free(children[1]);
	T_TEXT(record.text, "b");
	(void)pool_free(children[2]);
	T_TEXT(record.text, "bc");
	children[1] = pool_create(root);
	own(children[1], objects, &record, 'd');
	(void)pool_free(root);
	T_TEXT(record.text, "bcdar");
}

static void test_memory(void **state)
{
	struct pool *pool = pool_create(NULL);

	for (size_t size = 0; size < 300; size++) {
		uint8_t *bytes = pool_alloc(pool, size);

		T_TRUE(bytes != NULL);
		T_EQ((uintptr_t)bytes % 16, 0);
		for (size_t i = 0; i < size; i++)
			T_EQ(bytes[i], 0);
		memset(bytes, 0xff, size);
	}
	T_EQ(pool_count(pool), 300);
	T_TRUE(pool_alloc(pool, SIZE_MAX) == NULL);
	T_EQ(pool_count(pool), 300);
	(void)pool_free(pool);
}

/* Memory of the pool lives until what was registered after it is gone. */
static void test_release_may_use_older_memory(void **state)
{
	struct record record = {.size = 0};
	struct pool *pool = pool_create(NULL);
	struct object *object = pool_alloc(pool, sizeof(*object));

	*object = (struct object){.record = &record, .name = 'm'};
	T_OK(pool_own(pool, object, release));
	(void)pool_free(pool);
	T_TEXT(record.text, "m");
}

static void test_deep_tree(void **state)
{
	struct pool *root = pool_create(NULL);
	struct pool *pool = root;

	for (int i = 0; i < 100000; i++) {
		pool = pool_create(pool);
		T_TRUE(pool != NULL);
	}
	T_TRUE(pool_free(root) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_reverse_order),
	        cmocka_unit_test(test_children_go_first),
	        cmocka_unit_test(test_a_child_may_go_alone),
	        cmocka_unit_test(test_memory),
	        cmocka_unit_test(test_release_may_use_older_memory),
	        cmocka_unit_test(test_deep_tree),
	};

	return T_RUN(tests);
}
