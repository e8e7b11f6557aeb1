/* SPDX-License-Identifier: Apache-2.0 */
/* Resources: names, amounts with units, and the price curve. */
#include "base/random.h"
#include "model/resource.h"
#include "t.h"
#include <math.h>

static void test_names(void **state)
{
	static const char *const names[] = {"cpu",      "cpu.gflops", "gpu",    "gpu.tflops",
	                                    "npu.tops", "memory",     "storage"};

	T_EQ(ARRAY_SIZE(names), RESOURCE_KINDS);
	for (int kind = 0; kind < RESOURCE_KINDS; kind++) {
		T_TEXT(resource_descriptions[kind].name, names[kind]);
		T_EQ(resource_kind_parse(names[kind]), kind);
		T_TRUE(resource_descriptions[kind].scale > 0 && resource_descriptions[kind].price_scale > 0);
	}
	T_ERROR(resource_kind_parse(""), BUSBAR_ERROR_UNKNOWN_KIND);
	T_ERROR(resource_kind_parse("CPU"), BUSBAR_ERROR_UNKNOWN_KIND);
	T_ERROR(resource_kind_parse("cpu."), BUSBAR_ERROR_UNKNOWN_KIND);
	T_ERROR(resource_kind_parse("cpux"), BUSBAR_ERROR_UNKNOWN_KIND);
}

static void test_amounts(void **state)
{
	uint64_t amount = 0;

	T_OK(resource_amount_parse(RESOURCE_CPU, "2", &amount));
	T_EQ(amount, 2000000);
	T_OK(resource_amount_parse(RESOURCE_CPU_GFLOPS, "0.000001", &amount));
	T_EQ(amount, 1);
	T_OK(resource_amount_parse(RESOURCE_MEMORY, "2 GiB", &amount));
	T_EQ(amount, INT64_C(2) << 30);
	T_OK(resource_amount_parse(RESOURCE_STORAGE, "1 B", &amount));
	T_EQ(amount, 1);
	T_OK(resource_amount_parse(RESOURCE_GPU, "9223372036854.775807", &amount));
	T_EQ(amount, INT64_MAX);
}

static void test_bad_amounts(void **state)
{
	static const struct {
		enum resource_kind kind;
		const char *text;
		int error;
	} cases[] = {
	        {RESOURCE_CPU, "0", BUSBAR_ERROR_AMOUNT_ZERO},
	        {RESOURCE_CPU, "0.000000", BUSBAR_ERROR_AMOUNT_ZERO},
	        {RESOURCE_MEMORY, "0 B", BUSBAR_ERROR_AMOUNT_ZERO},
	        {RESOURCE_CPU, "-1", BUSBAR_ERROR_AMOUNT_NEGATIVE},
	        {RESOURCE_MEMORY, "-1 B", BUSBAR_ERROR_AMOUNT_NEGATIVE},
	        {RESOURCE_CPU, "0.0000001", BUSBAR_ERROR_BAD_VALUE},
	        {RESOURCE_CPU, "", BUSBAR_ERROR_BAD_VALUE},
	        {RESOURCE_CPU, "2 GiB", BUSBAR_ERROR_UNKNOWN_UNIT},
	        {RESOURCE_MEMORY, "2", BUSBAR_ERROR_UNKNOWN_UNIT},
	        {RESOURCE_MEMORY, "0.5 B", BUSBAR_ERROR_BAD_VALUE},
	        {RESOURCE_MEMORY, "9223372036854775808 B", BUSBAR_ERROR_AMOUNT_OVERFLOW},
	        {RESOURCE_CPU, "9223372036854.775808", BUSBAR_ERROR_AMOUNT_OVERFLOW},
	};
	uint64_t amount = 77;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		T_ERROR(resource_amount_parse(cases[i].kind, cases[i].text, &amount), cases[i].error);
	T_EQ(amount, 77);
}

static void test_texts(void **state)
{
	char text[RESOURCE_TEXT];

	T_TEXT(resource_amount_text(RESOURCE_CPU_GFLOPS, 400000000, text), "400 GFLOPS");
	T_TEXT(resource_amount_text(RESOURCE_CPU, 500000, text), "0.5 cores");
	T_TEXT(resource_amount_text(RESOURCE_MEMORY, UINT64_C(2) << 30, text), "2 GiB");
	T_TEXT(resource_amount_text(RESOURCE_STORAGE, 0, text), "0 B");
	/* Beyond what is shown exactly: the largest that is, never a wrapped number. */
	T_TEXT(resource_amount_text(RESOURCE_STORAGE, UINT64_MAX, text), "9223372036854775807 B");
	T_TEXT(resource_amount_text(RESOURCE_GPU_TFLOPS, UINT64_MAX, text), "9223372036854.775807 TFLOPS");
}

static void test_text_round_trip(void **state)
{
	struct random random;

	random_seed(&random, 9);
	for (int i = 0; i < 50000; i++) {
		enum resource_kind kind = (enum resource_kind)random_below(&random, RESOURCE_KINDS);
		uint64_t from = random_u64(&random) >> (1 + random_below(&random, 63)), to;
		char text[RESOURCE_TEXT];

		if (from == 0)
			continue;
		(void)resource_amount_text(kind, from, text);
		/* The unit of a rate is shown, not read. */
		if (resource_descriptions[kind].scale != 1)
			*strchr(text, ' ') = '\0';
		T_OK(resource_amount_parse(kind, text, &to));
		T_EQ(to, from);
	}
}

static void test_price_ends(void **state)
{
	T_EQ(resource_price_at(1000, 8000, 0, 100), 1000);
	T_EQ(resource_price_at(1000, 8000, 100, 100), 8000);
	T_EQ(resource_price_at(1000, 8000, 101, 100), 8000);
	T_EQ(resource_price_at(1000, 8000, UINT64_MAX, 100), 8000);
	T_EQ(resource_price_at(1000, 8000, 0, 0), 8000);
	T_EQ(resource_price_at(0, 8000, 50, 100), 0);
	/* Flat. */
	T_EQ(resource_price_at(1000, 1000, 50, 100), 1000);
	T_EQ(resource_price_at(1000, 1000, 100, 100), 1000);
	/* A third of the way to a factor of 8 is a factor of 2. */
	T_EQ(resource_price_at(1000000, 8000, 1, 3), 2000000);
	T_EQ(resource_price_at(1000000, 8000, 2, 3), 4000000);
	/* More than money can say. */
	T_EQ(resource_price_at(INT64_MAX, 2000, 100, 100), INT64_MAX);
	T_EQ(resource_price_at(INT64_MAX, 1000, 0, 100), INT64_MAX);
}

static void test_price_is_monotone(void **state)
{
	struct random random;

	random_seed(&random, 10);
	for (int i = 0; i < 2000; i++) {
		money base = (money)(random_u64(&random) >> (20 + random_below(&random, 40)));
		uint32_t steepness = 1000 + (uint32_t)random_below(&random, 100000);
		uint64_t capacity = 1 + (random_u64(&random) >> random_below(&random, 64));
		money before = resource_price_at(base, steepness, 0, capacity);

		if (capacity == 0)
			continue;
		T_EQ(before, base);
		for (int step = 1; step <= 50; step++) {
			uint64_t used = capacity / 50 * (uint64_t)step;
			money price = resource_price_at(base, steepness, used, capacity);

			T_TRUE(price >= before);
			before = price;
		}
		T_TRUE(resource_price_at(base, steepness, capacity, capacity) >= before);
		T_EQ(resource_price_at(base, steepness, capacity, capacity),
		     llround((double)base * ((double)steepness / 1000.0)));
	}
}

/* Equal steps of use multiply the price by equal factors. */
static void test_price_is_exponential(void **state)
{
	money first = resource_price_at(INT64_C(1000000000), 20000, 10, 100);
	money second = resource_price_at(INT64_C(1000000000), 20000, 35, 100);
	money third = resource_price_at(INT64_C(1000000000), 20000, 60, 100);

	T_TRUE(fabs((double)second / (double)first - (double)third / (double)second) < 1e-8);
	T_TRUE(fabs((double)second / (double)first - pow(20.0, 0.25)) < 1e-8);
}

static void test_offer_price(void **state)
{
	const struct resource_offer offer = {
	        .kind = RESOURCE_CPU, .capacity = 1000, .free = 400, .base = 500000, .steepness = 16000};
	const struct resource_offer none = {.base = 500000, .steepness = 16000};

	T_EQ(resource_price(&offer, 0), resource_price_at(500000, 16000, 600, 1000));
	T_EQ(resource_price(&offer, 150), 500000 * 8);
	T_EQ(resource_price(&offer, 400), 500000 * 16);
	T_EQ(resource_price(&offer, 401), 500000 * 16);
	T_EQ(resource_price(&offer, UINT64_MAX), 500000 * 16);
	T_TRUE(resource_price(&offer, 399) < resource_price(&offer, 400));
	T_EQ(resource_price(&none, 0), 500000 * 16);
	T_EQ(resource_price(&none, 1), 500000 * 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_names),
	        cmocka_unit_test(test_amounts),
	        cmocka_unit_test(test_bad_amounts),
	        cmocka_unit_test(test_texts),
	        cmocka_unit_test(test_text_round_trip),
	        cmocka_unit_test(test_price_ends),
	        cmocka_unit_test(test_price_is_monotone),
	        cmocka_unit_test(test_price_is_exponential),
	        cmocka_unit_test(test_offer_price),
	};

	return T_RUN(tests);
}
