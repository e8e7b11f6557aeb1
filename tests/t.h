/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with this project's habits: T_OK prints the error text, T_EQ decimal values, main() speaks TAP. */
#ifndef TESTS_T_H
#define TESTS_T_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define T_OK(expression)                                                                    \
	do {                                                                                \
		int t_code_ = (int)(expression);                                            \
		if (t_code_ < 0)                                                            \
			fail_msg("%s: %d (%s)", #expression, t_code_, error_text(t_code_)); \
	} while (0)
#define T_ERROR(expression, expected)                                                                        \
	do {                                                                                                 \
		int t_code_ = (int)(expression);                                                             \
		int t_expected_ = (int)(expected);                                                           \
		if (t_code_ != t_expected_)                                                                  \
			fail_msg("%s: %d (%s), expected %d (%s)", #expression, t_code_, error_text(t_code_), \
			         t_expected_, error_text(t_expected_));                                      \
	} while (0)
#define T_EQ(actual, expected)                                                                           \
	do {                                                                                             \
		int64_t t_actual_ = (int64_t)(actual);                                                   \
		int64_t t_wanted_ = (int64_t)(expected);                                                 \
		if (t_actual_ != t_wanted_)                                                              \
			fail_msg("%s is %" PRId64 ", expected %" PRId64, #actual, t_actual_, t_wanted_); \
	} while (0)
#define T_TRUE(expression)                                     \
	do {                                                   \
		if (!(expression))                             \
			fail_msg("not true: %s", #expression); \
	} while (0)
#define T_TEXT(actual, expected) assert_string_equal(actual, expected)
#define T_BYTES(actual, expected, size) assert_memory_equal(actual, expected, size)

#define T_RUN(tests) \
	(cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL))

#endif
