/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"
#include "tests/t.h"
#include "wire/field.h"

enum { ROUNDS = 20000 };

static uint64_t read_number(const uint8_t *bytes, size_t size, uint64_t maximum, int *ret_code)
{
	struct cursor cursor = cursor_open(bytes, size);
	uint64_t number = field_number(&cursor, maximum);

	*ret_code = cursor_finish(&cursor);
	return number;
}

static void check_number(uint64_t number)
{
	uint8_t bytes[16];
	struct writer writer = writer_open(bytes, sizeof(bytes));
	size_t bits = number == 0 ? 1 : 64 - (size_t)__builtin_clzll(number);
	int code;

	field_put_number(&writer, number);
	T_EQ(field_finish(&writer), (bits + 6) / 7);
	T_TRUE(read_number(bytes, writer_size(&writer), INT64_MAX, &code) == number);
	T_OK(code);
	(void)read_number(bytes, writer_size(&writer) - 1, INT64_MAX, &code);
	T_TRUE(code < 0);
}

static void numbers_take_what_they_need(void **state)
{
	struct random random;

	for (int bit = 0; bit < 63; bit++) {
		check_number(UINT64_C(1) << bit);
		check_number((UINT64_C(1) << bit) - 1);
	}
	check_number(INT64_MAX);
	random_seed(&random, 1);
	for (int i = 0; i < ROUNDS; i++)
		check_number(random_u64(&random) >> (1 + random_below(&random, 62)));
}

static void numbers_have_one_form(void **state)
{
	const uint8_t zero_first[] = {0x80, 0x05},
	              ten[] = {0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
	const uint8_t most[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	int code;

	(void)read_number(zero_first, sizeof(zero_first), INT64_MAX, &code);
	T_ERROR(code, BUSBAR_ERROR_MALFORMED);
	(void)read_number(ten, sizeof(ten), INT64_MAX, &code);
	T_ERROR(code, BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_EQ(read_number(most, sizeof(most), INT64_MAX, &code), INT64_MAX);
	T_OK(code);
	T_EQ(read_number(most, sizeof(most), INT64_MAX - 1, &code), 0);
	T_ERROR(code, BUSBAR_ERROR_MALFORMED);
}

static void top_bits_are_refused(void **state)
{
	const uint8_t top[8] = {0x80}, largest[8] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct cursor cursor = cursor_open(top, sizeof(top));
	uint8_t bytes[16];
	struct writer writer;

	T_EQ(field_amount(&cursor), 0);
	T_ERROR(cursor.error, BUSBAR_ERROR_AMOUNT_OVERFLOW);
	cursor = cursor_open(largest, sizeof(largest));
	T_EQ(field_amount(&cursor), INT64_MAX);
	T_OK(cursor_finish(&cursor));
	writer = writer_open(bytes, sizeof(bytes));
	field_put_amount(&writer, UINT64_C(1) << 63);
	T_ERROR(field_finish(&writer), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	writer = writer_open(bytes, sizeof(bytes));
	field_put_number(&writer, UINT64_C(1) << 63);
	T_ERROR(field_finish(&writer), BUSBAR_ERROR_AMOUNT_OVERFLOW);
}

static void small_fields_have_their_range(void **state)
{
	const uint8_t octets[] = {4, 5, 0x03, 0x04, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff};
	struct cursor cursor = cursor_open(octets, sizeof(octets));

	T_EQ(field_choice(&cursor, 5), 4);
	T_OK(cursor.error);
	T_EQ(field_choice(&cursor, 5), 0);
	T_ERROR(cursor.error, BUSBAR_ERROR_MALFORMED);
	cursor = cursor_open(octets + 2, 2);
	T_EQ(field_flags(&cursor, 3), 3);
	T_EQ(field_flags(&cursor, 3), 0);
	T_ERROR(cursor.error, BUSBAR_ERROR_MALFORMED);
	cursor = cursor_open(octets + 4, 4);
	T_EQ(field_code(&cursor), 0);
	T_ERROR(cursor.error, BUSBAR_ERROR_MALFORMED);
	cursor = cursor_open(octets + 8, 4);
	T_EQ(field_code(&cursor), -1);
	T_OK(cursor_finish(&cursor));
	cursor = cursor_open(octets + 4, 1);
	T_EQ(field_present(&cursor), 0);
	T_ERROR(cursor.error, BUSBAR_ERROR_AMOUNT_ZERO);
	cursor = cursor_open("\0\0\0\0\0\7", 6);
	T_EQ(field_somebody(&cursor).gateway, 7);
	T_ERROR(cursor.error, BUSBAR_ERROR_MISSING_FIELD);
}

static int put_with(void (*put)(struct writer *writer))
{
	uint8_t bytes[64];
	struct writer writer = writer_open(bytes, sizeof(bytes));

	put(&writer);
	return field_finish(&writer);
}

static void put_choice(struct writer *writer)
{
	field_put_choice(writer, 5, 5);
}

static void put_code(struct writer *writer)
{
	field_put_code(writer, 1);
}

static void put_nobody(struct writer *writer)
{
	field_put_somebody(writer, (struct gateway_identity){0, 1});
}

static void put_control(struct writer *writer)
{
	field_put_text(writer, "a\x1b[2J");
}

static void put_delete(struct writer *writer)
{
	field_put_text(writer, "a\x7f");
}

static void put_argument_control(struct writer *writer)
{
	field_put_arguments(writer, 1, "a\rb", 4);
}

static void put_endless_argument(struct writer *writer)
{
	field_put_arguments(writer, 1, "abcd", 4);
}

static void writers_refuse_what_readers_would(void **state)
{
	T_ERROR(put_with(put_choice), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(put_with(put_code), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(put_with(put_nobody), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(put_with(put_control), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(put_with(put_delete), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(put_with(put_argument_control), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(put_with(put_endless_argument), BUSBAR_ERROR_TOO_LARGE);
}

static int read_arguments(const char *octets, size_t size, uint32_t count, char *target, size_t capacity)
{
	struct cursor cursor = cursor_open(octets, size);

	field_arguments(&cursor, count, target, capacity);
	return cursor_finish(&cursor);
}

static void arguments_come_with_their_ends(void **state)
{
	char target[8];

	T_OK(read_arguments("\x02"
	                    "ab"
	                    "\x00"
	                    "\x02"
	                    "\t\n",
	                    7, 3, target, 7));
	T_BYTES(target, "ab\0\0\t\n", 7);
	T_ERROR(read_arguments("\x02"
	                       "ab"
	                       "\x00"
	                       "\x02"
	                       "\t\n",
	                       7, 3, target, 6),
	        BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(read_arguments("\x02"
	                       "ab",
	                       3, 2, target, 8),
	        BUSBAR_ERROR_TRUNCATED);
	T_ERROR(read_arguments("\x09"
	                       "ab",
	                       3, 1, target, 8),
	        BUSBAR_ERROR_TRUNCATED);
	T_ERROR(read_arguments("\x02"
	                       "a\0",
	                       3, 1, target, 8),
	        BUSBAR_ERROR_MALFORMED);
	T_ERROR(read_arguments("\x01"
	                       "\x1b",
	                       2, 1, target, 8),
	        BUSBAR_ERROR_MALFORMED);
	T_ERROR(read_arguments("\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9, 1, target, 8),
	        BUSBAR_ERROR_TRUNCATED);
}

/* A message of three fields: a required number, an optional one, and any number of octets. */
struct message {
	uint64_t first, second;
	uint32_t count;
	uint8_t octets[4];
};

static uint32_t count_first(const void *object)
{
	return ((const struct message *)object)->first != 0;
}

static void write_first(struct writer *writer, const void *object, uint32_t index)
{
	field_put_number(writer, ((const struct message *)object)->first);
}

static void read_first(struct cursor *cursor, void *object, void *context)
{
	((struct message *)object)->first = field_present(cursor);
}

static uint32_t count_second(const void *object)
{
	return ((const struct message *)object)->second != 0;
}

static void write_second(struct writer *writer, const void *object, uint32_t index)
{
	field_put_number(writer, ((const struct message *)object)->second);
}

static void read_second(struct cursor *cursor, void *object, void *context)
{
	((struct message *)object)->second = field_present(cursor);
	*(int *)context += 1;
}

static uint32_t count_octets(const void *object)
{
	return ((const struct message *)object)->count;
}

static void write_octet(struct writer *writer, const void *object, uint32_t index)
{
	writer_u8(writer, ((const struct message *)object)->octets[index]);
}

static void read_octet(struct cursor *cursor, void *object, void *context)
{
	struct message *message = object;

	if (message->count == sizeof(message->octets))
		cursor_fail(cursor, BUSBAR_ERROR_TOO_LARGE);
	else
		message->octets[message->count++] = cursor_u8(cursor);
}

static const struct field_row head[] = {{10, false, true, count_first, write_first, read_first}};
static const struct field_row tail[] = {{20, false, false, count_second, write_second, read_second},
                                        {30, true, false, count_octets, write_octet, read_octet}};

static int read_message(const char *octets, size_t size, unsigned optional, struct message *message)
{
	const struct field_set sets[] = {{head, 1, message}, {tail, 2, message}};
	struct cursor cursor = cursor_open(octets, size);
	int context = 0;

	*message = (struct message){0};
	field_read(&cursor, sets, 2, optional, &context);
	T_TRUE(cursor.error != 0 || context == (message->second != 0));
	return cursor_finish(&cursor);
}

static void messages_are_their_fields_in_order(void **state)
{
	static const char expected[] = "\x0a\x00\x01\x05\x14\x00\x02\x81\x00\x1e\x00\x01\x07\x1e\x00\x01\x08";
	struct message message = {.first = 5, .second = 128, .count = 2, .octets = {7, 8}}, again;
	const struct field_set sets[] = {{head, 1, &message}, {tail, 2, &message}};
	uint8_t bytes[64];
	struct writer writer = writer_open(bytes, sizeof(bytes));

	field_write(&writer, sets, 2);
	T_EQ(field_finish(&writer), sizeof(expected) - 1);
	T_BYTES(bytes, expected, sizeof(expected) - 1);
	T_OK(read_message(expected, sizeof(expected) - 1, FIELD_OPTIONAL, &again));
	T_BYTES(&again, &message, sizeof(message));
	for (size_t room = 0; room < sizeof(expected) - 1; room++) {
		writer = writer_open(bytes, room);
		field_write(&writer, sets, 2);
		T_ERROR(field_finish(&writer), BUSBAR_ERROR_TOO_LARGE);
	}
}

#define READ(octets, optional) read_message(octets, sizeof(octets) - 1, optional, &message)

static void order_and_number_of_fields_are_checked(void **state)
{
	struct message message;

	T_OK(READ("\x0a\x00\x01\x05", FIELD_OPTIONAL));
	T_ERROR(READ("", FIELD_OPTIONAL), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(READ("\x14\x00\x01\x05", FIELD_OPTIONAL), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(READ("\x14\x00\x01\x05\x0a\x00\x01\x05", FIELD_OPTIONAL), BUSBAR_ERROR_MALFORMED);
	T_ERROR(READ("\x0a\x00\x01\x05\x0a\x00\x01\x05", FIELD_OPTIONAL), BUSBAR_ERROR_MALFORMED);
	T_ERROR(READ("\x0a\x00\x02\x05\x05", FIELD_OPTIONAL), BUSBAR_ERROR_MALFORMED); /* left over */
	T_ERROR(READ("\x0a\x00\x01\x85", FIELD_OPTIONAL), BUSBAR_ERROR_MALFORMED);     /* value cut */
	T_ERROR(READ("\x0a\x00\x02\x05", FIELD_OPTIONAL), BUSBAR_ERROR_TRUNCATED);     /* message cut */
	T_ERROR(READ("\x0a\x00", FIELD_OPTIONAL), BUSBAR_ERROR_TRUNCATED);
	T_ERROR(READ("\x0a\x00\x01\x05\x1e\x00\x01\x01\x1e\x00\x01\x01\x1e\x00\x01\x01\x1e\x00\x01\x01\x1e"
	             "\x00\x01\x01",
	             FIELD_OPTIONAL),
	        BUSBAR_ERROR_TOO_LARGE);
}

static void unknown_fields_are_skipped_or_refused(void **state)
{
	struct message message;

	T_ERROR(READ("\x0a\x00\x01\x05\x0b\x00\x00", FIELD_OPTIONAL), BUSBAR_ERROR_UNKNOWN_FIELD);
	T_ERROR(READ("\x0a\x00\x01\x05\x7f\x00\x00", FIELD_OPTIONAL), BUSBAR_ERROR_UNKNOWN_FIELD);
	T_OK(READ("\x0a\x00\x01\x05\x80\x00\x01\x09\x80\x00\x00\xff\x00\x00", FIELD_OPTIONAL));
	T_OK(READ("\x00\x00\x00\x0a\x00\x01\x05\x0b\x00\x02\x09\x09\x1e\x00\x01\x04", 0));
	T_EQ(message.octets[0], 4);
	T_ERROR(READ("\x0a\x00\x01\x05\x80\x00\x01", FIELD_OPTIONAL), BUSBAR_ERROR_TRUNCATED);
	T_ERROR(READ("\x0a\x00\x01\x05\xff\x00\x00\x80\x00\x00", FIELD_OPTIONAL), BUSBAR_ERROR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(numbers_take_what_they_need),
	        cmocka_unit_test(numbers_have_one_form),
	        cmocka_unit_test(top_bits_are_refused),
	        cmocka_unit_test(small_fields_have_their_range),
	        cmocka_unit_test(writers_refuse_what_readers_would),
	        cmocka_unit_test(arguments_come_with_their_ends),
	        cmocka_unit_test(messages_are_their_fields_in_order),
	        cmocka_unit_test(order_and_number_of_fields_are_checked),
	        cmocka_unit_test(unknown_fields_are_skipped_or_refused),
	};

	return T_RUN(tests);
}
