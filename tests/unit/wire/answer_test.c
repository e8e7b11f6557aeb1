/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"
#include "tests/t.h"

enum { ROUNDS = 5000, SENDER_AT = 3, PROGRAM_AT = 9, BODY_AT = 27 /* a processing time of two octets */ };

static int encode(const struct answer *answer, uint8_t *bytes)
{
	return answer_encode(answer, seal_first(&sample_ring), bytes, SAMPLE_BUFFER);
}

static void assert_same_receipt(const struct receipt *a, const struct receipt *b)
{
	T_TRUE(identifier_equal(&a->program, &b->program));
	T_TRUE(gateway_equal(a->owner, b->owner));
	T_TRUE(gateway_equal(a->ingress, b->ingress));
	T_EQ(a->error, b->error);
	T_EQ(a->started, b->started);
	T_EQ(a->ended, b->ended);
	T_EQ(a->run_wall, b->run_wall);
	T_EQ(a->run_cpu, b->run_cpu);
	T_EQ(a->memory_peak, b->memory_peak);
	T_EQ(a->line_count, b->line_count);
	for (uint32_t i = 0; i < a->line_count; i++) {
		T_EQ(a->lines[i].kind, b->lines[i].kind);
		T_EQ(a->lines[i].resource, b->lines[i].resource);
		T_TRUE(gateway_equal(a->lines[i].toward, b->lines[i].toward));
		T_EQ(a->lines[i].amount, b->lines[i].amount);
		T_EQ(a->lines[i].time, b->lines[i].time);
		T_EQ(a->lines[i].tariff, b->lines[i].tariff);
		T_EQ(a->lines[i].charge, b->lines[i].charge);
	}
}

static void assert_same_client(const struct answer_client *a, const struct answer_client *b)
{
	T_BYTES(a->address, b->address, sizeof(a->address));
	T_EQ(a->port, b->port);
}

static void assert_same_access(const struct answer_access *a, const struct answer_access *b)
{
	T_EQ(a->up, b->up);
	T_EQ(a->down, b->down);
	T_EQ(a->ceiling_up, b->ceiling_up);
	T_EQ(a->ceiling_down, b->ceiling_down);
}

static void assert_same(const struct answer *a, const struct answer *b)
{
	T_EQ(a->type, b->type);
	T_TRUE(identifier_equal(&a->program, &b->program));
	T_TRUE(gateway_equal(a->sender, b->sender));
	T_EQ(a->processing, b->processing);
	if (a->type == ANSWER_REFUSED) {
		T_EQ(a->refusal.error, b->refusal.error);
		T_EQ(a->refusal.resource, b->refusal.resource);
		T_TRUE(gateway_equal(a->refusal.toward, b->refusal.toward));
		T_EQ(a->refusal.have, b->refusal.have);
		T_EQ(a->refusal.need, b->refusal.need);
		T_EQ(a->refusal.price, b->refusal.price);
	} else if (a->type == ANSWER_RESULT) {
		T_EQ(a->result.error, b->result.error);
		T_EQ(a->result.exit_status, b->result.exit_status);
		T_EQ(a->result.size, b->result.size);
		T_EQ(a->result.run_wall, b->result.run_wall);
		T_EQ(a->result.inline_size, b->result.inline_size);
		T_BYTES(a->result.digest, b->result.digest, 32);
		T_BYTES(a->result.output, b->result.output, a->result.inline_size);
	} else if (a->type == ANSWER_RECEIPT) {
		assert_same_receipt(&a->receipt, &b->receipt);
	} else if (a->type == ANSWER_ACKNOWLEDGE) {
		T_EQ(a->acknowledged, b->acknowledged);
	} else if (a->type == ANSWER_FOLLOW) {
		assert_same_client(&a->follow.client, &b->follow.client);
		T_EQ(a->follow.key, b->follow.key);
		T_TRUE(identifier_equal(&a->follow.request, &b->follow.request));
		T_EQ(a->follow.sent, b->follow.sent);
		assert_same_access(&a->follow.access, &b->follow.access);
	} else if (a->type == ANSWER_RELAY) {
		assert_same_client(&a->relay.client, &b->relay.client);
		T_EQ(a->relay.size, b->relay.size);
		T_BYTES(a->relay.datagram, b->relay.datagram, a->relay.size);
	} else if (a->type == ANSWER_ASK) {
		assert_same_client(&a->ask.client, &b->ask.client);
		assert_same_access(&a->ask.access, &b->ask.access);
		T_EQ(a->ask.size, b->ask.size);
		T_BYTES(a->ask.datagram, b->ask.datagram, a->ask.size);
	}
}

static void what_is_encoded_decodes(void **state)
{
	struct random random;

	random_seed(&random, 51);
	for (int i = 0; i < ROUNDS; i++) {
		for (int type = ANSWER_GRANTED; type < ANSWER_TYPES; type++) {
			struct answer answer = sample_random_answer(&random, (enum answer_type)type), decoded;
			uint8_t bytes[SAMPLE_BUFFER];
			int size = encode(&answer, bytes);

			T_OK(size);
			T_TRUE(size <= ANSWER_MAXIMUM);
			T_OK(answer_decode(bytes, (size_t)size, &sample_ring, &decoded));
			assert_same(&decoded, &answer);
		}
	}
}

static void receipts_alone_are_the_same(void **state)
{
	struct random random;

	random_seed(&random, 52);
	for (int i = 0; i < ROUNDS; i++) {
		struct receipt receipt = sample_random_receipt(&random), decoded;
		uint8_t bytes[SAMPLE_BUFFER];
		int size = answer_encode_receipt(&receipt, bytes, sizeof(bytes));

		T_OK(size);
		T_OK(answer_decode_receipt(bytes, (size_t)size, &decoded));
		assert_same_receipt(&decoded, &receipt);
		T_ERROR(answer_encode_receipt(&receipt, bytes, (size_t)size - 1), BUSBAR_ERROR_TOO_LARGE);
	}
}

static void the_largest_fit(void **state)
{
	struct answer answer = sample_answer(ANSWER_RESULT);
	uint8_t bytes[SAMPLE_BUFFER];

	answer.result.inline_size = ANSWER_OUTPUT;
	answer.result.size = ANSWER_OUTPUT;
	answer.result.run_wall = answer.processing = INT64_MAX;
	T_OK(encode(&answer, bytes));
	answer = sample_answer(ANSWER_RELAY);
	answer.processing = INT64_MAX;
	answer.relay.size = ANSWER_RELAYED;
	T_OK(encode(&answer, bytes));
	T_ERROR(answer_decode(bytes, ANSWER_MAXIMUM + 1, &sample_ring, &answer), BUSBAR_ERROR_TOO_LARGE);
}

static void little_room_is_too_large(void **state)
{
	for (int type = ANSWER_GRANTED; type < ANSWER_TYPES; type++) {
		struct answer answer = sample_answer((enum answer_type)type);
		uint8_t bytes[SAMPLE_BUFFER];
		int size = encode(&answer, bytes);

		T_OK(size);
		for (size_t room = 0; room < (size_t)size; room++)
			T_ERROR(answer_encode(&answer, seal_first(&sample_ring), bytes, room),
			        BUSBAR_ERROR_TOO_LARGE);
	}
}

static void what_no_reader_takes_is_not_written(void **state)
{
	struct answer answer = sample_answer(ANSWER_GRANTED);
	uint8_t bytes[SAMPLE_BUFFER];

	answer.type = 0;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer.type = ANSWER_TYPES;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_GRANTED);
	answer.sender.site = 0;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_MISSING_FIELD);
	answer = sample_answer(ANSWER_GRANTED);
	answer.processing = -1;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	answer = sample_answer(ANSWER_REFUSED);
	answer.refusal.error = 5;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_RESULT);
	answer.result.size++;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer.result.inline_size = ANSWER_OUTPUT + 1;
	answer.result.size = ANSWER_OUTPUT + 1;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_RECEIPT);
	answer.receipt.line_count = RECEIPT_LINES + 1;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_RECEIPT);
	answer.receipt.owner.gateway++;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_RECEIPT);
	answer.receipt.program.octets[3]++;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_ACKNOWLEDGE);
	answer.acknowledged = ANSWER_GRANTED;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_FOLLOW);
	answer.follow.sent = -1;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	answer = sample_answer(ANSWER_FOLLOW);
	answer.follow.access.up = -1;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	answer = sample_answer(ANSWER_RELAY);
	answer.relay.size = 0;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer.relay.size = ANSWER_RELAYED + 1;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_ASK);
	answer.ask.size = 0;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_BAD_VALUE);
	answer = sample_answer(ANSWER_ASK);
	answer.ask.access.down = -1;
	T_ERROR(encode(&answer, bytes), BUSBAR_ERROR_AMOUNT_OVERFLOW);
}

/* Puts the right MAC of the sender in the message behind what was changed. */
static void authenticate(uint8_t *bytes, int size)
{
	const struct seal_bytes part = {bytes, (size_t)size - SEAL_MAC};
	struct gateway_identity sender = {(uint32_t)bytes[SENDER_AT + 3], bytes[SENDER_AT + 5]};

	T_OK(seal_domain_mac(seal_first(&sample_ring), SEAL_ANSWER, sender, &part, 1,
	                     bytes + size - SEAL_MAC));
}

/* One octet of an authentic answer set to a value. */
static const struct {
	enum answer_type type;
	int at;
	uint8_t value;
	int expected;
} changes[] = {
        {ANSWER_GRANTED, 0, 2, BUSBAR_ERROR_VERSION},
        {ANSWER_GRANTED, 1, 0, BUSBAR_ERROR_MALFORMED},
        {ANSWER_GRANTED, 1, ANSWER_TYPES, BUSBAR_ERROR_MALFORMED},
        {ANSWER_ACCEPTED, 1, ANSWER_REFUSED, BUSBAR_ERROR_TRUNCATED},
        {ANSWER_REFUSED, 1, ANSWER_RUNNING, BUSBAR_ERROR_MALFORMED}, /* octets left over */
        {ANSWER_GRANTED, 2, 2, BUSBAR_ERROR_BAD_MAC},
        {ANSWER_GRANTED, 2, 9, BUSBAR_ERROR_UNKNOWN_KEY},
        {ANSWER_GRANTED, SENDER_AT + 3, 0, BUSBAR_ERROR_MISSING_FIELD},
        {ANSWER_REFUSED, BODY_AT, 0x7f, BUSBAR_ERROR_MALFORMED},
        {ANSWER_REFUSED, BODY_AT + 4, RESOURCE_KINDS, BUSBAR_ERROR_MALFORMED},
        {ANSWER_RESULT, BODY_AT, 0, BUSBAR_ERROR_MALFORMED},
        {ANSWER_RESULT, BODY_AT + 8, 21, BUSBAR_ERROR_MALFORMED},   /* not what came inline */
        {ANSWER_RECEIPT, SENDER_AT + 5, 2, BUSBAR_ERROR_MALFORMED}, /* another owner's receipt */
        {ANSWER_RECEIPT, PROGRAM_AT, 9, BUSBAR_ERROR_MALFORMED},
        {ANSWER_RECEIPT, BODY_AT + 32, 0x80, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {ANSWER_ACKNOWLEDGE, BODY_AT, ANSWER_GRANTED, BUSBAR_ERROR_MALFORMED},
        {ANSWER_ACKNOWLEDGE, BODY_AT, ANSWER_TYPES, BUSBAR_ERROR_MALFORMED},
        {ANSWER_FOLLOW, BODY_AT + 38, 0x80, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {ANSWER_RELAY, BODY_AT + 18, 94, BUSBAR_ERROR_TRUNCATED},
        {ANSWER_RELAY, BODY_AT + 18, 92, BUSBAR_ERROR_MALFORMED},
        {ANSWER_RELAY, BODY_AT + 18, 0, BUSBAR_ERROR_MALFORMED},
        {ANSWER_ASK, BODY_AT + 18, 0x80, BUSBAR_ERROR_MALFORMED},
};

static void senders_with_a_key_are_not_trusted_either(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct answer answer = sample_answer(changes[i].type);
		uint8_t bytes[SAMPLE_BUFFER];
		int size, code;

		answer.processing = 200; /* two octets */
		size = encode(&answer, bytes);
		T_OK(size);
		/* An error code of 0 has four octets; a positive one is meant. */
		if (changes[i].type == ANSWER_RESULT && changes[i].at == BODY_AT)
			bytes[BODY_AT + 3] = 1;
		bytes[changes[i].at] = changes[i].value;
		authenticate(bytes, size);
		code = answer_decode(bytes, (size_t)size, &sample_ring, &answer);
		if (code != changes[i].expected)
			fail_msg("change %zu: %d (%s)", i, code, error_text(code));
	}
}

static void older_keys_still_open(void **state)
{
	struct answer answer = sample_answer(ANSWER_RESULT), decoded = {.processing = 77};
	const struct seal_ring none = {.count = 0};
	uint8_t bytes[SAMPLE_BUFFER];
	int size = answer_encode(&answer, &sample_ring.keys[1], bytes, sizeof(bytes));

	T_OK(size);
	T_ERROR(answer_decode(bytes, (size_t)size, &none, &decoded), BUSBAR_ERROR_UNKNOWN_KEY);
	T_EQ(decoded.processing, 77);
	T_OK(answer_decode(bytes, (size_t)size, &sample_ring, &decoded));
}

/* A MAC of another purpose or of another gateway does not do. */
static void gateways_answer_for_themselves(void **state)
{
	struct answer answer = sample_answer(ANSWER_GRANTED);
	const struct seal_key *key = seal_first(&sample_ring);
	struct gateway_identity other = {answer.sender.site, answer.sender.gateway + 1};
	uint8_t bytes[SAMPLE_BUFFER];
	size_t size = (size_t)encode(&answer, bytes);
	const struct seal_bytes part = {bytes, size - SEAL_MAC};

	T_OK(seal_domain_mac(key, SEAL_ANSWER, other, &part, 1, bytes + size - SEAL_MAC));
	T_ERROR(answer_decode(bytes, size, &sample_ring, &answer), BUSBAR_ERROR_BAD_MAC);
	T_OK(seal_domain_mac(key, SEAL_PROGRAM, answer.sender, &part, 1, bytes + size - SEAL_MAC));
	T_ERROR(answer_decode(bytes, size, &sample_ring, &answer), BUSBAR_ERROR_BAD_MAC);
	T_OK(seal_domain_mac(key, SEAL_ANSWER, answer.sender, &part, 1, bytes + size - SEAL_MAC));
	T_OK(answer_decode(bytes, size, &sample_ring, &answer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_encoded_decodes),
	        cmocka_unit_test(receipts_alone_are_the_same),
	        cmocka_unit_test(the_largest_fit),
	        cmocka_unit_test(little_room_is_too_large),
	        cmocka_unit_test(what_no_reader_takes_is_not_written),
	        cmocka_unit_test(senders_with_a_key_are_not_trusted_either),
	        cmocka_unit_test(older_keys_still_open),
	        cmocka_unit_test(gateways_answer_for_themselves),
	};

	return T_RUN(tests);
}
