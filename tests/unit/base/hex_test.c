/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal text. */
#include "base/hex.h"
#include "t.h"

static void test_all_octets_round_trip(void **state)
{
	uint8_t bytes[256], back[256];
	char text[513];

	for (int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	T_TRUE(hex_format(bytes, sizeof(bytes), text) == text);
	T_EQ(strlen(text), 512);
	T_OK(hex_parse(text, back, sizeof(back)));
	T_BYTES(back, bytes, sizeof(bytes));
}

static void test_format(void **state)
{
	char text[9];

	T_TEXT(hex_format("\x00\x1f\xab\xff", 4, text), "001fabff");
	T_TEXT(hex_format(NULL, 0, text), "");
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {"",     "1",    "123",  "12345", "123456",
	                                  "12 4", "12g4", "0x12", "-123",  "12\n4"};
	uint8_t target[2] = {0x55, 0x66};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		T_ERROR(hex_parse(bad[i], target, 2), BUSBAR_ERROR_BAD_VALUE);
		T_EQ(target[0], 0x55);
		T_EQ(target[1], 0x66);
	}
	T_OK(hex_parse("aBCd", target, 2));
	T_EQ(target[0], 0xab);
	T_EQ(target[1], 0xcd);
	T_OK(hex_parse("", NULL, 0));
	T_ERROR(hex_parse("00", NULL, 0), BUSBAR_ERROR_BAD_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_all_octets_round_trip),
	        cmocka_unit_test(test_format),
	        cmocka_unit_test(test_parse_refuses),
	};

	return T_RUN(tests);
}
