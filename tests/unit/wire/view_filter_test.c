/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for of a view, in sixteen octets. */
#include "tests/t.h"

#include "base/random.h"
#include "wire/view_filter.h"

static struct view_filter through(const struct view_filter *filter)
{
	struct view_filter read = {.parts = 0xff};
	struct identifier argument;

	view_filter_encode(filter, &argument);
	T_OK(view_filter_decode(&argument, &read));
	return read;
}

static void nothing_is_all_zeros(void **state)
{
	const struct view_filter none = {.parts = 0};
	struct identifier argument;

	view_filter_encode(&none, &argument);
	T_TRUE(identifier_is_zero(&argument));
	T_EQ(through(&none).price, 0);
	T_EQ(through(&none).service, 0);
}

static void what_is_written_is_read(void **state)
{
	const struct view_filter filter = {.parts = VIEW_PART_SERVICES,
	                                   .models = 1 << SUPPLY_GRID,
	                                   .kinds = 1 << RESOURCE_GPU | 1 << RESOURCE_CPU,
	                                   .service = view_filter_name("render"),
	                                   .region = view_filter_name("cn-east"),
	                                   .price = 1000,
	                                   .latency = 5 << 20};
	struct view_filter read = through(&filter);
	struct identifier argument;

	T_EQ(read.parts, filter.parts);
	T_EQ(read.models, filter.models);
	T_EQ(read.kinds, filter.kinds);
	T_EQ(read.service, filter.service);
	T_EQ(read.region, filter.region);
	T_EQ(read.price, 1000);
	T_EQ(read.latency, 5 << 20);
	view_filter_encode(&filter, &argument);
	/* parts, models, kinds, zero, service, region, price, latency: docs/wire.md */
	T_EQ(argument.octets[0], 2);
	T_EQ(argument.octets[1], 16);
	T_EQ(argument.octets[2], 5);
	T_EQ(argument.octets[12], 1000 >> 8);
	T_EQ(argument.octets[13], 1000 & 255);
	T_EQ(argument.octets[14] >> 2, 13); /* 640 x 2^13 */
	T_EQ((argument.octets[14] & 3) << 8 | argument.octets[15], 640);
}

/* FNV-1a, by its published values. */
static void names_are_digests(void **state)
{
	T_EQ(view_filter_name(""), UINT32_C(0x811c9dc5));
	T_EQ(view_filter_name("a"), UINT32_C(0xe40c292c));
	T_EQ(view_filter_name("foobar"), UINT32_C(0xbf9cf968));
}

/* No bound becomes a stricter one, nor one that is looser by more than a thousandth or so. */
static void bounds_are_rounded_up(void **state)
{
	struct random random;

	random_seed(&random, 3);
	for (uint32_t i = 0; i < 20000; i++) {
		struct view_filter filter = {.price = 1 + (int64_t)(random_u64(&random) >> (2 + i % 62)),
		                             .latency = (int64_t)(random_u64(&random) >> (2 + i % 60))};
		struct view_filter read = through(&filter);

		T_TRUE(read.price >= filter.price);
		T_TRUE(read.price - filter.price <= filter.price / 500);
		T_TRUE(read.latency >= filter.latency);
		T_TRUE(read.latency - filter.latency <= filter.latency / 500);
	}
	T_EQ(through(&(struct view_filter){.price = -5}).price, 0);
	T_EQ(through(&(struct view_filter){.price = INT64_MAX}).price, INT64_C(1023) << 53);
}

static void what_nobody_writes_is_refused(void **state)
{
	static const struct {
		uint8_t octet, value;
	} wrong[] = {{0, 16}, {1, 1 << SUPPLY_MODELS}, {2, 1 << RESOURCE_KINDS},
	             {3, 1},  {12, 54 << 2},           {14, 255}};
	struct view_filter read = {.parts = 9};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct identifier argument = {.octets = {[0] = 1}};

		argument.octets[wrong[i].octet] = wrong[i].value;
		T_ERROR(view_filter_decode(&argument, &read), BUSBAR_ERROR_BAD_VALUE);
		T_EQ(read.parts, 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_is_all_zeros),
	        cmocka_unit_test(what_is_written_is_read),
	        cmocka_unit_test(names_are_digests),
	        cmocka_unit_test(bounds_are_rounded_up),
	        cmocka_unit_test(what_nobody_writes_is_refused),
	};

	return T_RUN(tests);
}
