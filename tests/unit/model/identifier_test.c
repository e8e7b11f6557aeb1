/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers: order by time, RFC 9562 layout, stable and distinct derivation, text. */
#include "base/clock.h"
#include "model/identifier.h"
#include "t.h"

static int compare(const void *a, const void *b)
{
	return identifier_compare(a, b);
}

static void test_layout(void **state)
{
	struct random random;

	random_seed(&random, 1);
	for (int i = 0; i < 1000; i++) {
		int64_t now = (int64_t)random_below(&random, INT64_MAX);
		struct identifier identifier = identifier_make(now, &random);

		T_EQ(identifier.octets[6] >> 4, 7);
		T_EQ(identifier.octets[8] >> 6, 2);
		T_EQ(identifier_time(&identifier), now / CLOCK_MILLISECOND * CLOCK_MILLISECOND);
	}
}

static void test_order_by_time(void **state)
{
	struct random random;
	struct identifier before, after;
	int64_t now = INT64_C(1700000000) * CLOCK_SECOND;

	random_seed(&random, 2);
	before = identifier_make(now, &random);
	for (int i = 0; i < 100000; i++) {
		now += CLOCK_MILLISECOND * (int64_t)(1 + random_below(&random, 1000));
		after = identifier_make(now, &random);
		T_TRUE(identifier_compare(&before, &after) < 0);
		T_TRUE(identifier_compare(&after, &before) > 0);
		before = after;
	}
}

static void test_floor(void **state)
{
	int64_t now = INT64_C(1700000000) * CLOCK_SECOND;
	struct identifier floor = identifier_floor(now + 999999), before, after;
	struct random random;

	random_seed(&random, 7);
	for (int i = 0; i < 1000; i++) {
		before = identifier_make(now - 1, &random);
		after = identifier_make(now, &random);
		T_TRUE(identifier_compare(&before, &floor) < 0);
		T_TRUE(identifier_compare(&floor, &after) < 0);
	}
}

static void test_same_time_differs(void **state)
{
	enum { COUNT = 100000 };
	struct identifier *all = calloc(COUNT, sizeof(*all));
	struct random random;

	T_TRUE(all != NULL);
	random_seed(&random, 3);
	for (int i = 0; i < COUNT; i++)
		all[i] = identifier_make(CLOCK_SECOND, &random);
	qsort(all, COUNT, sizeof(*all), compare);
	for (int i = 1; i < COUNT; i++)
		T_TRUE(!identifier_equal(&all[i - 1], &all[i]));
	free(all);
}

static void test_derive(void **state)
{
	enum { COUNT = 200000 };
	struct identifier *all = calloc(COUNT, sizeof(*all));
	struct identifier parent;
	struct random random;

	T_TRUE(all != NULL);
	random_seed(&random, 4);
	parent = identifier_make(INT64_C(1700000000123456789), &random);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct identifier again;

		all[i] = identifier_derive(&parent, i);
		again = identifier_derive(&parent, i);
		T_TRUE(identifier_equal(&all[i], &again));
		T_EQ(identifier_time(&all[i]), identifier_time(&parent));
		T_EQ(all[i].octets[6] >> 4, 7);
		T_EQ(all[i].octets[8] >> 6, 2);
		T_TRUE(!identifier_equal(&all[i], &parent));
	}
	qsort(all, COUNT, sizeof(*all), compare);
	for (uint32_t i = 1; i < COUNT; i++)
		T_TRUE(!identifier_equal(&all[i - 1], &all[i]));
	free(all);
}

/* Derivation is part of the protocol: the value of today is the value of the next release. */
static void test_derive_is_fixed(void **state)
{
	struct identifier parent, child;
	char text[IDENTIFIER_TEXT];

	T_OK(identifier_parse("018f3c00112277778899aabbccddeeff", &parent));
	child = identifier_derive(&parent, 0);
	T_TEXT(identifier_text(&child, text), "018f3c001122708eb1a091797753760d");
	child = identifier_derive(&parent, 257);
	T_TEXT(identifier_text(&child, text), "018f3c00112275cf8a38f0e99df648aa");
}

static void test_derive_of_different_parents(void **state)
{
	struct random random;

	random_seed(&random, 5);
	for (int i = 0; i < 10000; i++) {
		struct identifier a = identifier_make(CLOCK_SECOND, &random);
		struct identifier b = a;
		struct identifier child_a, child_b;

		b.octets[9 + random_below(&random, 7)] ^= (uint8_t)(1 + random_below(&random, 255));
		child_a = identifier_derive(&a, 1);
		child_b = identifier_derive(&b, 1);
		T_TRUE(!identifier_equal(&child_a, &child_b));
	}
}

static void test_zero(void **state)
{
	struct identifier identifier = {{0}};

	T_TRUE(identifier_is_zero(&identifier));
	T_EQ(identifier_time(&identifier), 0);
	identifier.octets[15] = 1;
	T_TRUE(!identifier_is_zero(&identifier));
}

/* 48 bits of milliseconds reach past what nanoseconds in 63 bits can say. */
static void test_far_time(void **state)
{
	struct identifier identifier;

	memset(identifier.octets, 0xff, sizeof(identifier.octets));
	T_EQ(identifier_time(&identifier), INT64_MAX);
}

static void test_text(void **state)
{
	static const char *const bad[] = {
	        "",
	        "0",
	        "0123456789abcdef0123456789abcde",
	        "0123456789abcdef0123456789abcdef0",
	        "0123456789abcdef0123456789abcdeg",
	        " 123456789abcdef0123456789abcdef",
	        "0123456789abcdef-123456789abcdef",
	};
	struct identifier identifier, kept = {{9}};
	char text[IDENTIFIER_TEXT];
	struct random random;

	random_seed(&random, 6);
	for (int i = 0; i < 1000; i++) {
		struct identifier from;

		random_fill(&random, from.octets, sizeof(from.octets));
		T_EQ(strlen(identifier_text(&from, text)), IDENTIFIER_TEXT - 1);
		T_OK(identifier_parse(text, &identifier));
		T_TRUE(identifier_equal(&from, &identifier));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		T_ERROR(identifier_parse(bad[i], &kept), BUSBAR_ERROR_BAD_VALUE);
	T_EQ(kept.octets[0], 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_layout),
	        cmocka_unit_test(test_order_by_time),
	        cmocka_unit_test(test_floor),
	        cmocka_unit_test(test_same_time_differs),
	        cmocka_unit_test(test_derive),
	        cmocka_unit_test(test_derive_is_fixed),
	        cmocka_unit_test(test_derive_of_different_parents),
	        cmocka_unit_test(test_zero),
	        cmocka_unit_test(test_far_time),
	        cmocka_unit_test(test_text),
	};

	return T_RUN(tests);
}
