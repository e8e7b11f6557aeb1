/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include "base/text.h"

static void copies_what_fits(void **state)
{
	char target[6];

	text_copy(target, sizeof(target), "abc");
	T_TEXT(target, "abc");
	text_copy(target, sizeof(target), "abcde");
	T_TEXT(target, "abcde");
	text_copy(target, sizeof(target), "abcdefgh");
	T_TEXT(target, "abcde");
}

static void empty_and_absent_are_empty(void **state)
{
	char target[2] = "x";

	text_copy(target, sizeof(target), "");
	T_TEXT(target, "");
	target[0] = 'x';
	text_copy(target, sizeof(target), NULL);
	T_TEXT(target, "");
	text_copy(target, 1, "abc");
	T_TEXT(target, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(copies_what_fits),
	        cmocka_unit_test(empty_and_absent_are_empty),
	};

	return T_RUN(tests);
}
