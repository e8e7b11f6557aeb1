/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/t.h"
#include "wire/segment.h"

static const uint8_t locator[16] = {0xfc, 0x00, 0x12, 0x34, 0x56, 0x78};

static void parts_have_their_places(void **state)
{
	const uint8_t expected[16] = {0xfc, 0x00, 0x12, 0x34, 0x56, 0x78, 0xb0, 0x04, 1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t segment[16];

	segment_make(locator, 0xb004, UINT64_C(0x0102030405060708), segment);
	T_BYTES(segment, expected, 16);
	T_EQ(segment_function(segment), 0xb004);
	T_EQ(segment_argument(segment), INT64_C(0x0102030405060708));
	T_TRUE(segment_within(segment, locator));
}

static void extremes_are_kept(void **state)
{
	uint8_t segment[16];

	segment_make(locator, UINT16_MAX, UINT64_MAX, segment);
	T_EQ(segment_function(segment), UINT16_MAX);
	T_TRUE(segment_argument(segment) == UINT64_MAX);
	segment_make(locator, 0, 0, segment);
	T_BYTES(segment, locator, 16);
}

static void a_segment_may_become_another_in_place(void **state)
{
	uint8_t segment[16];

	segment_make(locator, 0xb001, 9, segment);
	segment_make(segment, 0xb002, 10, segment);
	T_TRUE(segment_within(segment, locator));
	T_EQ(segment_function(segment), 0xb002);
	T_EQ(segment_argument(segment), 10);
}

static void all_48_bits_of_a_locator_count(void **state)
{
	for (int bit = 0; bit < 128; bit++) {
		uint8_t other[16];

		memcpy(other, locator, 16);
		other[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		T_EQ(segment_within(other, locator), bit >= GATEWAY_LOCATOR_BITS);
	}
}

static void a_gateway_has_its_address(void **state)
{
	const uint8_t expected[16] = {0xfc, 0x00, 0x12, 0x34, 0x56, 0x78, [15] = 1};
	uint8_t address[16];

	segment_gateway_address(locator, address);
	T_BYTES(address, expected, 16);
}

static void transfers_have_addresses(void **state)
{
	const struct identifier program = {{0, 1, 2, 3, 4, 5, 6, 7, 0x88, 9, 10, 11, 12, 13, 14, 15}};
	const uint8_t taken[16] = {0xfc, 0x00, 0x12, 0x34, 0x56, 0x78, 0, 8, [15] = 1};
	const uint8_t made[16] = {0xfc, 0x00, 0x12, 0x34, 0x56, 0x78, 0, 8, 0x88, 9, 10, 11, 12, 13, 14, 15};
	uint8_t address[16];

	segment_transfers_address(locator, address);
	T_BYTES(address, taken, 16);
	segment_program_address(locator, &program, address);
	T_BYTES(address, made, 16);
}

static void operations_have_functions(void **state)
{
	T_EQ(segment_function_of(OPERATION_FORWARD), SEGMENT_FUNCTION_END);
	T_EQ(segment_function_of(OPERATION_RESERVE), 0xb001);
	T_EQ(segment_function_of(OPERATION_CLAIM), 0xb002);
	T_EQ(segment_function_of(OPERATION_FETCH), 0xb003);
	T_EQ(segment_function_of(OPERATION_EXECUTE), 0xb004);
	T_EQ(segment_function_of(OPERATION_DELIVER), 0xb005);
	T_EQ(segment_function_of(OPERATION_RELEASE), 0xb006);
	/* All of ours lie under locator:b000::/52, which is routed to the gateway's device. */
	for (int i = OPERATION_RESERVE; i < OPERATIONS; i++)
		T_EQ(segment_function_of((enum operation)i) >> (64 - SEGMENT_FUNCTION_BITS), 0xb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(parts_have_their_places),
	        cmocka_unit_test(extremes_are_kept),
	        cmocka_unit_test(a_segment_may_become_another_in_place),
	        cmocka_unit_test(all_48_bits_of_a_locator_count),
	        cmocka_unit_test(a_gateway_has_its_address),
	        cmocka_unit_test(transfers_have_addresses),
	        cmocka_unit_test(operations_have_functions),
	};

	return T_RUN(tests);
}
