/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"
#include "tests/t.h"
#include "tests/unit/grammar/generate.h"
#include <stdio.h>

enum { ROUNDS = 3000, ARENA = 1 << 20, HEADER = 34 };
enum { VERSION_AT = 4, TYPE_AT = 5, KEY_AT = 6, SENT_AT = 26, BODY_AT = HEADER };

static const enum datagram_type types[] = {
        DATAGRAM_QUOTE,  DATAGRAM_RUN,     DATAGRAM_CALL,     DATAGRAM_DOCUMENT, DATAGRAM_OUTPUT,
        DATAGRAM_CANCEL, DATAGRAM_RESERVE, DATAGRAM_FOLLOW,   DATAGRAM_RELOAD,   DATAGRAM_ERROR,
        DATAGRAM_TASK,   DATAGRAM_RESULT,  DATAGRAM_SLICE_OF,
};

static struct arena *arena;
static struct demand_stage stages[DEMAND_STAGES];

static int set_up(void **state)
{
	arena = arena_create(ARENA);
	return arena ? 0 : -1;
}

static int tear_down(void **state)
{
	arena = arena_free(arena);
	return 0;
}

static int encode(const struct datagram *datagram, const struct demand *demand, uint8_t *bytes)
{
	return datagram_encode(datagram, demand, sample_secret(NULL, datagram->key), bytes, SAMPLE_BUFFER);
}

static int decode(const uint8_t *bytes, int size, struct datagram *datagram)
{
	struct demand demand;
	int code = datagram_decode(bytes, (size_t)size, sample_secret, NULL, arena, datagram, &demand);

	arena_reset(arena);
	return code;
}

/* Puts the right MAC behind what was changed. */
static void authenticate(uint8_t *bytes, int size)
{
	const struct seal_bytes part = {bytes, (size_t)size - SEAL_MAC};

	T_OK(seal_mac(sample_secret(NULL, SAMPLE_TENANT), &part, 1, bytes + size - SEAL_MAC));
}

static bool carries_demand(enum datagram_type type)
{
	return type <= DATAGRAM_CALL || type == DATAGRAM_RESERVE;
}

static void assert_same(const struct datagram *a, const struct datagram *b)
{
	T_EQ(a->type, b->type);
	T_EQ(a->key, b->key);
	T_EQ(a->sent, b->sent);
	T_TRUE(identifier_equal(&a->identifier, &b->identifier));
	if (a->type == DATAGRAM_ERROR) {
		T_EQ(a->error.code, b->error.code);
		T_TEXT(a->error.text, b->error.text);
	} else if (a->type == DATAGRAM_RESULT) {
		T_EQ(a->result.code, b->result.code);
		T_EQ(a->result.size, b->result.size);
		T_EQ(a->result.inline_size, b->result.inline_size);
		T_BYTES(a->result.digest, b->result.digest, 32);
		T_BYTES(a->result.output, b->result.output, a->result.inline_size);
	} else if (a->type == DATAGRAM_SLICE_OF) {
		T_EQ(a->slice.total, b->slice.total);
		T_EQ(a->slice.offset, b->slice.offset);
		T_EQ(a->slice.size, b->slice.size);
		T_BYTES(a->slice.bytes, b->slice.bytes, a->slice.size);
	} else if (a->type == DATAGRAM_TASK) {
		T_TRUE(identifier_equal(&a->task.task, &b->task.task));
		T_EQ(a->task.state, b->task.state);
		T_EQ(a->task.code, b->task.code);
		T_TRUE(gateway_equal(a->task.anchor, b->task.anchor));
	} else if (a->type == DATAGRAM_FOLLOW) {
		T_TRUE(identifier_equal(&a->follow.task, &b->follow.task));
		T_TRUE(gateway_equal(a->follow.anchor, b->follow.anchor));
	} else if (!carries_demand(a->type)) {
		T_EQ(a->ask.document, b->ask.document);
		T_TRUE(identifier_equal(&a->ask.task, &b->ask.task));
		T_EQ(a->ask.part, b->ask.part);
		T_EQ(a->ask.offset, b->ask.offset);
	}
}

static void check_round(struct random *random, enum datagram_type type, int *ret_fitted)
{
	struct datagram datagram = sample_random_datagram(random, type), decoded;
	struct demand demand, decoded_demand;
	uint8_t bytes[SAMPLE_BUFFER];
	int size;

	generate_demand(random, stages, &demand);
	size = encode(&datagram, &demand, bytes);
	if (carries_demand(type) && type != DATAGRAM_QUOTE &&
	    (demand.body.reserve_time > 0) != (type == DATAGRAM_RESERVE)) {
		T_TRUE(size < 0);
		return;
	}
	if (size == BUSBAR_ERROR_TOO_LARGE && carries_demand(type))
		return;
	T_OK(size);
	T_TRUE(size <= DATAGRAM_MAXIMUM);
	T_OK(datagram_decode(bytes, (size_t)size, sample_secret, NULL, arena, &decoded, &decoded_demand));
	T_TRUE(decoded.authentic);
	assert_same(&decoded, &datagram);
	if (carries_demand(type))
		assert_same_demand(&decoded_demand, &demand);
	arena_reset(arena);
	*ret_fitted += 1;
}

static void what_is_encoded_decodes(void **state)
{
	struct random random;
	int fitted = 0;

	random_seed(&random, 31);
	for (int i = 0; i < ROUNDS; i++)
		for (size_t t = 0; t < ARRAY_SIZE(types); t++)
			check_round(&random, types[t], &fitted);
	T_TRUE(fitted > ROUNDS * 9); /* few random demands are too large */
}

static void a_demand_fits_or_is_too_large(void **state)
{
	struct datagram datagram = sample_datagram(DATAGRAM_RUN);
	struct demand demand = sample_demand();
	uint8_t bytes[SAMPLE_BUFFER];

	for (uint32_t input = 1; input <= DEMAND_INPUT; input++) {
		demand.input_size = input;
		T_OK(encode(&datagram, &demand, bytes));
	}
	demand.region_count = demand.operator_count = DEMAND_PLACES;
	for (uint32_t i = 0; i < DEMAND_PLACES; i++) {
		(void)snprintf(demand.regions[i], SITE_TEXT, "region-of-a-long-name-%u", i);
		(void)snprintf(demand.operators[i], SITE_TEXT, "operator-of-a-name-%u", i);
	}
	T_ERROR(encode(&datagram, &demand, bytes), BUSBAR_ERROR_TOO_LARGE);
	/* Less input fills the datagram to its last octet. */
	while (encode(&datagram, &demand, bytes) == BUSBAR_ERROR_TOO_LARGE)
		demand.input_size--;
	T_EQ(encode(&datagram, &demand, bytes), DATAGRAM_MAXIMUM);
	T_OK(decode(bytes, DATAGRAM_MAXIMUM, &datagram));
	bytes[DATAGRAM_MAXIMUM] = 0;
	T_ERROR(decode(bytes, DATAGRAM_MAXIMUM + 1, &datagram), BUSBAR_ERROR_TOO_LARGE);
}

static void little_room_is_too_large(void **state)
{
	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct datagram datagram = sample_datagram(types[t]);
		const uint8_t *secret = sample_secret(NULL, datagram.key);
		struct demand demand = sample_demand_for(types[t]);
		uint8_t bytes[SAMPLE_BUFFER];
		int size = encode(&datagram, &demand, bytes);

		T_OK(size);
		T_EQ(datagram_encode(&datagram, &demand, secret, bytes, (size_t)size), size);
		for (size_t room = 0; room < (size_t)size; room++)
			T_ERROR(datagram_encode(&datagram, &demand, secret, bytes, room),
			        BUSBAR_ERROR_TOO_LARGE);
	}
}

static void strangers_are_told_by_name(void **state)
{
	struct datagram datagram = sample_datagram(DATAGRAM_CANCEL), decoded;
	uint8_t bytes[SAMPLE_BUFFER];
	int size = encode(&datagram, NULL, bytes);

	bytes[KEY_AT + 3] = 99;
	T_ERROR(decode(bytes, size, &decoded), BUSBAR_ERROR_UNKNOWN_TENANT);
	T_EQ(decoded.type, DATAGRAM_CANCEL);
	T_EQ(decoded.key, 99);
	T_TRUE(identifier_equal(&decoded.identifier, &datagram.identifier));
	T_TRUE(!decoded.authentic);
	bytes[KEY_AT + 3] = SAMPLE_OTHER_TENANT;
	T_ERROR(decode(bytes, size, &decoded), BUSBAR_ERROR_BAD_MAC);
	T_EQ(decoded.type, DATAGRAM_CANCEL);
	T_TRUE(!decoded.authentic);
	T_ERROR(decode(bytes, HEADER, &decoded), BUSBAR_ERROR_TRUNCATED);
	T_TRUE(!decoded.authentic);
	bytes[VERSION_AT] = 2;
	T_ERROR(decode(bytes, size, &decoded), BUSBAR_ERROR_VERSION);
	T_TRUE(identifier_equal(&decoded.identifier, &datagram.identifier));
	bytes[0] = 'b';
	T_ERROR(decode(bytes, size, &decoded), BUSBAR_ERROR_MALFORMED);
}

/* No request is so small that its refusal would be larger. */
static void refusals_to_strangers_are_small_and_plain(void **state)
{
	struct datagram refusal = sample_datagram(DATAGRAM_ERROR), decoded;
	struct demand least = {.body = {.service = "s"}};
	struct demand held = {.body = {.need_count = 1, .needs = {{.amount = 1}}, .reserve_time = 1}};
	uint8_t bytes[SAMPLE_BUFFER], request[SAMPLE_BUFFER];
	int size;

	refusal.error.text[0] = '\0';
	size = datagram_encode(&refusal, NULL, NULL, bytes, sizeof(bytes));
	T_OK(size);
	for (size_t t = 0; types[t] < DATAGRAM_ERROR; t++) {
		struct datagram datagram = sample_datagram(types[t]);

		T_TRUE(encode(&datagram, types[t] == DATAGRAM_RESERVE ? &held : &least, request) > size);
	}
	T_ERROR(decode(bytes, size, &decoded), BUSBAR_ERROR_BAD_MAC);
	T_EQ(decoded.type, DATAGRAM_ERROR);
	T_EQ(decoded.error.code, refusal.error.code);
	T_TEXT(decoded.error.text, "");
	T_TRUE(!decoded.authentic);
	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct datagram datagram = sample_datagram(types[t]);

		if (types[t] != DATAGRAM_ERROR)
			T_ERROR(datagram_encode(&datagram, &least, NULL, bytes, sizeof(bytes)),
			        BUSBAR_ERROR_BAD_VALUE);
	}
}

/* The content of an ERROR is read also where the MAC is not right, as a hint and no more. */
static void changed_refusals_are_hints(void **state)
{
	struct datagram refusal = sample_datagram(DATAGRAM_ERROR), decoded;
	uint8_t bytes[SAMPLE_BUFFER];
	int size = encode(&refusal, NULL, bytes);

	bytes[size - 1] ^= 1;
	T_ERROR(decode(bytes, size, &decoded), BUSBAR_ERROR_BAD_MAC);
	T_EQ(decoded.error.code, refusal.error.code);
	T_TEXT(decoded.error.text, refusal.error.text);
	T_TRUE(!decoded.authentic);
	T_ERROR(decode(bytes, HEADER + 2, &decoded), BUSBAR_ERROR_BAD_MAC);
	T_EQ(decoded.error.code, 0);
}

static void what_no_reader_takes_is_not_written(void **state)
{
	uint8_t bytes[SAMPLE_BUFFER];
	struct datagram datagram = sample_datagram(DATAGRAM_CANCEL);
	struct demand demand = sample_demand();

	datagram.sent = -1;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	datagram = sample_datagram(DATAGRAM_QUOTE);
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_MISSING_FIELD);
	demand.name[2] = '\x1b';
	T_ERROR(encode(&datagram, &demand, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram.type = DATAGRAM_RELOAD + 1;
	T_ERROR(encode(&datagram, &demand, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram = sample_datagram(DATAGRAM_DOCUMENT);
	datagram.ask.document = DOCUMENTS;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram.ask.document = 0;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram = sample_datagram(DATAGRAM_FOLLOW);
	datagram.follow.anchor.site = 0;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_MISSING_FIELD);
	datagram = sample_datagram(DATAGRAM_ERROR);
	datagram.error.text[3] = '\n';
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram.error.text[3] = ' ';
	datagram.error.code = 1;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram = sample_datagram(DATAGRAM_TASK);
	datagram.task.state = 16;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram = sample_datagram(DATAGRAM_RESULT);
	datagram.result.size++;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram.result.inline_size = DATAGRAM_SLICE + 1;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_TOO_LARGE);
	datagram = sample_datagram(DATAGRAM_SLICE_OF);
	datagram.slice.offset++;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_BAD_VALUE);
	datagram.slice.size = DATAGRAM_SLICE + 1;
	T_ERROR(encode(&datagram, NULL, bytes), BUSBAR_ERROR_TOO_LARGE);
}

/* One octet of an authentic message set to a value, and what comes of it. */
static const struct {
	enum datagram_type type;
	int at;
	uint8_t value;
	int expected;
} changes[] = {
        {DATAGRAM_CANCEL, SENT_AT, 0x80, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {DATAGRAM_DOCUMENT, BODY_AT, 0, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_DOCUMENT, BODY_AT, DOCUMENTS, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_OUTPUT, BODY_AT, DOCUMENTS, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_OUTPUT, BODY_AT + 21, 0x80, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {DATAGRAM_ERROR, BODY_AT, 0x7f, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_ERROR, BODY_AT + 5, '\x1b', BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_ERROR, BODY_AT + 5, 0, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_ERROR, BODY_AT + 4, 255, BUSBAR_ERROR_TRUNCATED},
        {DATAGRAM_ERROR, BODY_AT + 4, 3, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_TASK, BODY_AT + 16, 16, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_TASK, BODY_AT + 20, 1, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_RESULT, BODY_AT + 20, 0x80, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {DATAGRAM_RESULT, BODY_AT + 27, 25, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_RESULT, BODY_AT + 60, 0xff, BUSBAR_ERROR_TOO_LARGE},
        {DATAGRAM_SLICE_OF, BODY_AT, 0x80, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {DATAGRAM_SLICE_OF, BODY_AT + 7, 0xd7, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_SLICE_OF, BODY_AT + 16, 0xff, BUSBAR_ERROR_TOO_LARGE},
        {DATAGRAM_FOLLOW, BODY_AT + 19, 0, BUSBAR_ERROR_MISSING_FIELD},
        {DATAGRAM_RUN, TYPE_AT, DATAGRAM_TASK, BUSBAR_ERROR_MALFORMED},
        {DATAGRAM_RUN, TYPE_AT, DATAGRAM_RESERVE, BUSBAR_ERROR_BAD_VALUE},
        {DATAGRAM_RESERVE, TYPE_AT, DATAGRAM_CALL, BUSBAR_ERROR_BAD_VALUE},
        {DATAGRAM_TASK, TYPE_AT, 11, BUSBAR_ERROR_MALFORMED},
};

static void senders_with_a_key_are_not_trusted_either(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct datagram datagram = sample_datagram(changes[i].type), decoded;
		struct demand demand = sample_demand_for(changes[i].type);
		uint8_t bytes[SAMPLE_BUFFER];
		int size = encode(&datagram, &demand, bytes), code;

		T_OK(size);
		T_TRUE(bytes[changes[i].at] != changes[i].value);
		bytes[changes[i].at] = changes[i].value;
		authenticate(bytes, size);
		code = decode(bytes, size, &decoded);
		if (code != changes[i].expected)
			fail_msg("change %zu: %d (%s)", i, code, error_text(code));
	}
}

static void a_demand_needs_somebody_who_expects_it(void **state)
{
	struct datagram datagram = sample_datagram(DATAGRAM_RUN), decoded;
	struct demand demand = sample_demand();
	uint8_t bytes[SAMPLE_BUFFER];
	int size = encode(&datagram, &demand, bytes);

	T_ERROR(datagram_decode(bytes, (size_t)size, sample_secret, NULL, NULL, &decoded, NULL),
	        BUSBAR_ERROR_MALFORMED);
	T_TRUE(decoded.authentic);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(what_is_encoded_decodes),
	        TEST(a_demand_fits_or_is_too_large),
	        TEST(little_room_is_too_large),
	        TEST(strangers_are_told_by_name),
	        TEST(refusals_to_strangers_are_small_and_plain),
	        TEST(changed_refusals_are_hints),
	        TEST(what_no_reader_takes_is_not_written),
	        TEST(senders_with_a_key_are_not_trusted_either),
	        TEST(a_demand_needs_somebody_who_expects_it),
	};

	return T_RUN(tests);
}
