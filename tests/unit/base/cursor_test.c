/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors and writers: bounds, byte order, and errors that stick. */
#include "base/cursor.h"
#include "t.h"

static const uint8_t sample[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void test_numbers_are_big_endian(void **state)
{
	struct cursor cursor = cursor_open(sample, 15);

	T_EQ(cursor_u8(&cursor), 0x01);
	T_EQ(cursor_u16(&cursor), 0x0203);
	T_EQ(cursor_u32(&cursor), 0x04050607);
	T_EQ(cursor_u64(&cursor), 0x08090a0b0c0d0e0f);
	T_EQ(cursor_left(&cursor), 0);
	T_OK(cursor_finish(&cursor));
}

static void test_left_over_bytes_are_malformed(void **state)
{
	struct cursor cursor = cursor_open(sample, 2);

	(void)cursor_u8(&cursor);
	T_EQ(cursor_left(&cursor), 1);
	T_ERROR(cursor_finish(&cursor), BUSBAR_ERROR_MALFORMED);
}

static void test_read_errors_stick(void **state)
{
	struct cursor cursor = cursor_open(sample, 3);
	uint8_t copy[2] = {0xaa, 0xaa};
	char text[4] = "xyz";
	struct cursor part;

	T_EQ(cursor_u32(&cursor), 0);
	T_EQ(cursor.error, BUSBAR_ERROR_TRUNCATED);
	/* Three bytes are there, but nothing is read any more. */
	T_EQ(cursor_u8(&cursor), 0);
	T_EQ(cursor_u16(&cursor), 0);
	T_EQ(cursor_u64(&cursor), 0);
	T_TRUE(cursor_bytes(&cursor, 1) == NULL);
	T_TRUE(cursor_bytes(&cursor, 0) == NULL);
	cursor_copy(&cursor, copy, sizeof(copy));
	T_EQ(copy[0] | copy[1], 0);
	cursor_text(&cursor, text, sizeof(text));
	T_TEXT(text, "");
	part = cursor_part(&cursor, 1);
	T_EQ(part.error, BUSBAR_ERROR_TRUNCATED);
	T_EQ(cursor_left(&part), 0);
	T_EQ(cursor_left(&cursor), 0);
	cursor_fail(&cursor, BUSBAR_ERROR_VERSION);
	T_ERROR(cursor_finish(&cursor), BUSBAR_ERROR_TRUNCATED);
}

static void test_callers_own_error_stops_reading(void **state)
{
	struct cursor cursor = cursor_open(sample, sizeof(sample));

	cursor_fail(&cursor, BUSBAR_ERROR_VERSION);
	T_EQ(cursor_u8(&cursor), 0);
	T_ERROR(cursor_finish(&cursor), BUSBAR_ERROR_VERSION);
}

static void test_every_prefix_is_truncated(void **state)
{
	for (size_t size = 0; size < 15; size++) {
		uint8_t *exact = malloc(size ? size : 1);
		struct cursor cursor;

		T_TRUE(exact != NULL);
		memcpy(exact, sample, size);
		cursor = cursor_open(exact, size);
		(void)cursor_u8(&cursor);
		(void)cursor_u16(&cursor);
		(void)cursor_u32(&cursor);
		(void)cursor_u64(&cursor);
		T_ERROR(cursor_finish(&cursor), BUSBAR_ERROR_TRUNCATED);
		free(exact);
	}
}

static void test_sizes_do_not_wrap(void **state)
{
	struct cursor cursor = cursor_open(sample, sizeof(sample));

	(void)cursor_u8(&cursor);
	T_TRUE(cursor_bytes(&cursor, SIZE_MAX) == NULL);
	T_ERROR(cursor_finish(&cursor), BUSBAR_ERROR_TRUNCATED);
}

static void test_empty_and_null(void **state)
{
	struct cursor cursor = cursor_open(NULL, 0);

	T_TRUE(cursor_bytes(&cursor, 0) != NULL);
	T_OK(cursor_finish(&cursor));
	T_EQ(cursor_u8(&cursor), 0);
	T_ERROR(cursor_finish(&cursor), BUSBAR_ERROR_TRUNCATED);
}

static void test_part_is_bounded(void **state)
{
	struct cursor cursor = cursor_open(sample, 6);
	struct cursor part = cursor_part(&cursor, 4);

	T_EQ(cursor_left(&part), 4);
	T_EQ(cursor_u16(&cursor), 0x0506);
	T_OK(cursor_finish(&cursor));
	T_EQ(cursor_u32(&part), 0x01020304);
	T_EQ(cursor_u8(&part), 0);
	T_ERROR(cursor_finish(&part), BUSBAR_ERROR_TRUNCATED);
	/* A failure inside a part is the part's own. */
	T_OK(cursor_finish(&cursor));
}

/* Reads one text of `bytes` into `capacity` and gives the error. */
static int read_text(const char *bytes, size_t size, char *target, size_t capacity)
{
	struct cursor cursor = cursor_open(bytes, size);

	cursor_text(&cursor, target, capacity);
	return cursor_finish(&cursor);
}

static void test_texts(void **state)
{
	char text[8] = "before";

	T_OK(read_text("\3abc", 4, text, sizeof(text)));
	T_TEXT(text, "abc");
	T_OK(read_text("\0", 1, text, sizeof(text)));
	T_TEXT(text, "");
	T_OK(read_text("\7abcdefg", 8, text, 8));
	T_TEXT(text, "abcdefg");
	T_ERROR(read_text("\7abcdefg", 8, text, 7), BUSBAR_ERROR_TOO_LARGE);
	T_TEXT(text, "");
	T_ERROR(read_text("\1a", 2, NULL, 0), BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(read_text("\3ab", 3, text, sizeof(text)), BUSBAR_ERROR_TRUNCATED);
	T_ERROR(read_text("", 0, text, sizeof(text)), BUSBAR_ERROR_TRUNCATED);
	T_ERROR(read_text("\3a\0b", 4, text, sizeof(text)), BUSBAR_ERROR_MALFORMED);
	T_ERROR(read_text("\3a\nb", 4, text, sizeof(text)), BUSBAR_ERROR_MALFORMED);
	T_ERROR(read_text("\3a\x7f"
	                  "b",
	                  4, text, sizeof(text)),
	        BUSBAR_ERROR_MALFORMED);
	T_TEXT(text, "");
	T_OK(read_text("\2\xc3\xa9", 3, text, sizeof(text)));
	T_TEXT(text, "\xc3\xa9");
}

static void test_round_trip(void **state)
{
	uint8_t bytes[64];
	struct writer writer = writer_open(bytes, sizeof(bytes));
	struct cursor cursor;
	char text[16];

	writer_u8(&writer, 0xfe);
	writer_u16(&writer, 0xfedc);
	writer_u32(&writer, 0xfedcba98);
	writer_u64(&writer, UINT64_C(0xfedcba9876543210));
	writer_text(&writer, "busbar");
	writer_bytes(&writer, sample, 3);
	writer_bytes(&writer, NULL, 0);
	T_EQ(writer.error, 0);
	T_EQ(writer_size(&writer), 1 + 2 + 4 + 8 + 7 + 3);

	cursor = cursor_open(bytes, writer_size(&writer));
	T_EQ(cursor_u8(&cursor), 0xfe);
	T_EQ(cursor_u16(&cursor), 0xfedc);
	T_EQ(cursor_u32(&cursor), 0xfedcba98);
	T_TRUE(cursor_u64(&cursor) == UINT64_C(0xfedcba9876543210));
	cursor_text(&cursor, text, sizeof(text));
	T_TEXT(text, "busbar");
	T_BYTES(cursor_bytes(&cursor, 3), sample, 3);
	T_OK(cursor_finish(&cursor));
}

static void test_writer_is_bounded_and_sticky(void **state)
{
	uint8_t bytes[5] = {0, 0, 0, 0, 0x77};
	struct writer writer = writer_open(bytes, 4);

	writer_u16(&writer, 0x0102);
	writer_u32(&writer, 0xffffffff);
	T_EQ(writer.error, BUSBAR_ERROR_TOO_LARGE);
	writer_u8(&writer, 0x03);
	T_TRUE(writer_reserve(&writer, 1) == NULL);
	writer_patch_u8(&writer, 0, 0x55);
	T_EQ(writer_size(&writer), 2);
	T_BYTES(bytes, ((uint8_t[]){1, 2, 0, 0, 0x77}), 5);

	writer = writer_open(NULL, 0);
	writer_bytes(&writer, NULL, 0);
	T_EQ(writer.error, 0);
	writer_u8(&writer, 1);
	T_EQ(writer.error, BUSBAR_ERROR_TOO_LARGE);
}

static void test_text_length_limit(void **state)
{
	uint8_t bytes[300];
	char text[257];
	struct writer writer = writer_open(bytes, sizeof(bytes));

	memset(text, 'a', 256);
	text[255] = '\0';
	writer_text(&writer, text);
	T_EQ(writer.error, 0);
	T_EQ(writer_size(&writer), 256);
	text[255] = 'a';
	text[256] = '\0';
	writer = writer_open(bytes, sizeof(bytes));
	writer_text(&writer, text);
	T_EQ(writer.error, BUSBAR_ERROR_TOO_LARGE);
	T_EQ(writer_size(&writer), 0);
}

static void test_patches_stay_inside_what_was_written(void **state)
{
	uint8_t bytes[8] = {0};
	struct writer writer = writer_open(bytes, sizeof(bytes));
	uint8_t *place;

	writer_u16(&writer, 0);
	place = writer_reserve(&writer, 2);
	T_TRUE(place == bytes + 2);
	writer_patch_u16(&writer, 0, 0xabcd);
	writer_patch_u16(&writer, 2, 0x1234);
	writer_patch_u8(&writer, 3, 0x99);
	T_BYTES(bytes, ((uint8_t[]){0xab, 0xcd, 0x12, 0x99}), 4);
	T_EQ(writer.error, 0);
	writer_patch_u16(&writer, 3, 0xffff);
	T_EQ(writer.error, BUSBAR_ERROR_TOO_LARGE);
	T_EQ(bytes[3], 0x99);
	writer = writer_open(bytes, sizeof(bytes));
	writer_patch_u8(&writer, SIZE_MAX, 1);
	T_EQ(writer.error, BUSBAR_ERROR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_numbers_are_big_endian),
	        cmocka_unit_test(test_left_over_bytes_are_malformed),
	        cmocka_unit_test(test_read_errors_stick),
	        cmocka_unit_test(test_callers_own_error_stops_reading),
	        cmocka_unit_test(test_every_prefix_is_truncated),
	        cmocka_unit_test(test_sizes_do_not_wrap),
	        cmocka_unit_test(test_empty_and_null),
	        cmocka_unit_test(test_part_is_bounded),
	        cmocka_unit_test(test_texts),
	        cmocka_unit_test(test_round_trip),
	        cmocka_unit_test(test_writer_is_bounded_and_sticky),
	        cmocka_unit_test(test_text_length_limit),
	        cmocka_unit_test(test_patches_stay_inside_what_was_written),
	};

	return T_RUN(tests);
}
