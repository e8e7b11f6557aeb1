/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway identities: order and text. */
#include "base/random.h"
#include "model/gateway.h"
#include "t.h"

static struct gateway_identity make(uint32_t site, uint16_t gateway)
{
	return (struct gateway_identity){.site = site, .gateway = gateway};
}

static void test_order(void **state)
{
	/* Ascending. */
	const struct gateway_identity order[] = {
	        make(0, 0), make(0, 9), make(1, 0),          make(1, 65535),
	        make(2, 1), make(2, 2), make(UINT32_MAX, 0),
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(order); j++) {
			int compared = gateway_compare(order[i], order[j]);

			T_EQ((compared > 0) - (compared < 0), (i > j) - (i < j));
			T_EQ(gateway_equal(order[i], order[j]), i == j);
		}
	}
}

static void test_none(void **state)
{
	T_TRUE(gateway_is_none(make(0, 0)));
	T_TRUE(gateway_is_none(make(0, 7)));
	T_TRUE(!gateway_is_none(make(1, 0)));
}

static void test_text(void **state)
{
	char text[GATEWAY_TEXT];
	struct gateway_identity identity = {0};

	T_TEXT(gateway_text(make(4, 1), text), "4.1");
	T_TEXT(gateway_text(make(UINT32_MAX, UINT16_MAX), text), "4294967295.65535");
	T_OK(gateway_parse("4294967295.65535", &identity));
	T_TRUE(gateway_equal(identity, make(UINT32_MAX, UINT16_MAX)));
	T_OK(gateway_parse("7.0", &identity));
	T_TRUE(gateway_equal(identity, make(7, 0)));
}

static void test_bad_text(void **state)
{
	static const char *const bad[] = {
	        "",
	        ".",
	        "4",
	        "4.",
	        ".1",
	        "0.1",
	        "4.1 ",
	        " 4.1",
	        "+4.1",
	        "-4.1",
	        "4.-1",
	        "4..1",
	        "4.1.1",
	        "04.1",
	        "4.01",
	        "a.1",
	        "4.a",
	        "4,1",
	        "4.65536",
	        "4294967296.1",
	        "4.00",
	        "99999999999999999999999.1",
	        "4.99999999999999999999999",
	        "0x4.1",
	        "4 .1",
	};
	struct gateway_identity identity = make(9, 9);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (gateway_parse(bad[i], &identity) != BUSBAR_ERROR_BAD_VALUE)
			fail_msg("taken: \"%s\"", bad[i]);
	T_TRUE(gateway_equal(identity, make(9, 9)));
}

static void test_round_trip(void **state)
{
	struct random random;

	random_seed(&random, 3);
	for (int i = 0; i < 20000; i++) {
		struct gateway_identity from =
		        make((uint32_t)random_u64(&random) >> random_below(&random, 32),
		             (uint16_t)random_u64(&random));
		struct gateway_identity to;
		char text[GATEWAY_TEXT];

		if (gateway_is_none(from))
			continue;
		T_OK(gateway_parse(gateway_text(from, text), &to));
		T_TRUE(gateway_equal(from, to));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_order),      cmocka_unit_test(test_none),
	        cmocka_unit_test(test_text),       cmocka_unit_test(test_bad_text),
	        cmocka_unit_test(test_round_trip),
	};

	return T_RUN(tests);
}
