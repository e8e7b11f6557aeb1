/* SPDX-License-Identifier: Apache-2.0 */
/* Error table: every code has a text, a name and a dense index that leads back to it. */
#include "t.h"
#include <errno.h>
#include <limits.h>

static void test_table_is_dense_and_distinct(void **state)
{
	for (unsigned i = 1; i < ERROR_COUNT; i++) {
		int code = error_code_at(i);

		T_TRUE(code <= -2001);
		T_EQ(error_index(code), i);
		T_TRUE(error_name(code) != NULL);
		T_TRUE(strlen(error_text(code)) > 0);
		for (unsigned j = 1; j < i; j++) {
			T_TRUE(error_code_at(j) != code);
			T_TRUE(strcmp(error_name(error_code_at(j)), error_name(code)) != 0);
		}
	}
}

static void test_released_numbers_stay(void **state)
{
	T_EQ(BUSBAR_ERROR_MALFORMED, -2001);
	T_EQ(BUSBAR_ERROR_BAD_MAC, -2006);
	T_EQ(BUSBAR_ERROR_DATABASE, -2037);
	T_TEXT(error_name(BUSBAR_ERROR_BAD_MAC), "BAD_MAC");
	T_TEXT(error_text(BUSBAR_ERROR_TABLE_FULL), "table is full");
}

static void test_codes_outside_the_table(void **state)
{
	static const int outside[] = {0, 1, -1, -2000, -2100, INT_MAX, INT_MIN};

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		T_EQ(error_index(outside[i]), 0);
		T_TRUE(error_name(outside[i]) == NULL);
		T_TRUE(error_text(outside[i]) != NULL);
	}
	T_EQ(error_code_at(0), 0);
	T_EQ(error_code_at(ERROR_COUNT), 0);
	T_EQ(error_code_at(UINT_MAX), 0);
	T_TEXT(error_text(0), "no error");
	T_TEXT(error_text(INT_MIN), "unknown error");
	T_TEXT(error_text(42), "unknown error");
}

static void test_errno_has_the_systems_text(void **state)
{
	T_TEXT(error_text(-ENOENT), "No such file or directory");
	T_TEXT(error_text(-ENOMEM), "Cannot allocate memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_table_is_dense_and_distinct),
	        cmocka_unit_test(test_released_numbers_stay),
	        cmocka_unit_test(test_codes_outside_the_table),
	        cmocka_unit_test(test_errno_has_the_systems_text),
	};

	return T_RUN(tests);
}
