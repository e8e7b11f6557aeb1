/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/answer.h"

#include "base/cursor.h"
#include "base/error.h"
#include "wire/datagram.h"
#include "wire/field.h"
#include <string.h>

enum { ANSWER_VERSION = 1 };
_Static_assert((int)ANSWER_RELAYED == (int)DATAGRAM_MAXIMUM, "any datagram can be relayed");

static int64_t number(struct cursor *cursor)
{
	return (int64_t)field_number(cursor, INT64_MAX);
}

static void put_line(struct writer *writer, const struct receipt_line *line)
{
	field_put_choice(writer, line->kind, LINE_KINDS);
	field_put_choice(writer, line->resource, RESOURCE_KINDS);
	field_put_identity(writer, line->toward);
	field_put_number(writer, line->amount);
	field_put_number(writer, (uint64_t)line->time);
	field_put_number(writer, (uint64_t)line->tariff);
	field_put_number(writer, (uint64_t)line->charge);
}

static void get_line(struct cursor *cursor, struct receipt_line *line)
{
	line->kind = (enum receipt_line_kind)field_choice(cursor, LINE_KINDS);
	line->resource = (enum resource_kind)field_choice(cursor, RESOURCE_KINDS);
	line->toward = field_identity(cursor);
	line->amount = field_number(cursor, INT64_MAX);
	line->time = number(cursor);
	line->tariff = number(cursor);
	line->charge = number(cursor);
}

static void put_receipt(struct writer *writer, const struct receipt *receipt)
{
	field_put_identifier(writer, &receipt->program);
	field_put_somebody(writer, receipt->owner);
	field_put_somebody(writer, receipt->ingress);
	field_put_code(writer, receipt->error);
	field_put_amount(writer, (uint64_t)receipt->started);
	field_put_amount(writer, (uint64_t)receipt->ended);
	field_put_number(writer, (uint64_t)receipt->run_wall);
	field_put_number(writer, (uint64_t)receipt->run_cpu);
	field_put_number(writer, receipt->memory_peak);
	field_put_choice(writer, receipt->line_count, RECEIPT_LINES + 1);
	for (uint32_t i = 0; i < MINIMUM(receipt->line_count, (uint32_t)RECEIPT_LINES); i++)
		put_line(writer, &receipt->lines[i]);
}

static void get_receipt(struct cursor *cursor, struct receipt *receipt)
{
	receipt->program = field_identifier(cursor);
	receipt->owner = field_somebody(cursor);
	receipt->ingress = field_somebody(cursor);
	receipt->error = field_code(cursor);
	receipt->started = (int64_t)field_amount(cursor);
	receipt->ended = (int64_t)field_amount(cursor);
	receipt->run_wall = number(cursor);
	receipt->run_cpu = number(cursor);
	receipt->memory_peak = field_number(cursor, INT64_MAX);
	receipt->line_count = field_choice(cursor, RECEIPT_LINES + 1);
	for (uint32_t i = 0; i < receipt->line_count; i++)
		get_line(cursor, &receipt->lines[i]);
}

static void put_grant(struct writer *writer, const struct answer *answer)
{
	field_put_amount(writer, (uint64_t)answer->valid);
}

static void get_grant(struct cursor *cursor, struct answer *answer)
{
	answer->valid = (int64_t)field_amount(cursor);
}

static void put_refusal(struct writer *writer, const struct answer *answer)
{
	const struct answer_refusal *refusal = &answer->refusal;

	field_put_code(writer, refusal->error);
	field_put_choice(writer, refusal->resource, RESOURCE_KINDS);
	field_put_identity(writer, refusal->toward);
	field_put_number(writer, (uint64_t)refusal->have);
	field_put_number(writer, (uint64_t)refusal->need);
	field_put_number(writer, (uint64_t)refusal->price);
}

static void get_refusal(struct cursor *cursor, struct answer *answer)
{
	struct answer_refusal *refusal = &answer->refusal;

	refusal->error = field_code(cursor);
	refusal->resource = (enum resource_kind)field_choice(cursor, RESOURCE_KINDS);
	refusal->toward = field_identity(cursor);
	refusal->have = number(cursor);
	refusal->need = number(cursor);
	refusal->price = number(cursor);
}

static void put_result(struct writer *writer, const struct answer *answer)
{
	const struct answer_result *result = &answer->result;

	if (result->inline_size > ANSWER_OUTPUT ||
	    (result->inline_size > 0 && result->inline_size != result->size))
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	field_put_code(writer, result->error);
	writer_u32(writer, (uint32_t)result->exit_status);
	field_put_number(writer, result->size);
	writer_bytes(writer, result->digest, sizeof(result->digest));
	field_put_number(writer, (uint64_t)result->run_wall);
	field_put_number(writer, result->inline_size);
	if (writer->error == 0)
		writer_bytes(writer, result->output, result->inline_size);
}

static void get_result(struct cursor *cursor, struct answer *answer)
{
	struct answer_result *result = &answer->result;

	result->error = field_code(cursor);
	result->exit_status = (int32_t)cursor_u32(cursor);
	result->size = field_number(cursor, INT64_MAX);
	cursor_copy(cursor, result->digest, sizeof(result->digest));
	result->run_wall = number(cursor);
	result->inline_size = (uint32_t)field_number(cursor, ANSWER_OUTPUT);
	if (result->inline_size > 0 && result->inline_size != result->size)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	cursor_copy(cursor, result->output, result->inline_size);
}

/* A receipt is its owner's own, about the program of the answer. */
static bool receipt_belongs(const struct answer *answer)
{
	return gateway_equal(answer->receipt.owner, answer->sender) &&
	       identifier_equal(&answer->receipt.program, &answer->program);
}

static void put_receipt_answer(struct writer *writer, const struct answer *answer)
{
	if (!receipt_belongs(answer))
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	put_receipt(writer, &answer->receipt);
}

static void get_receipt_answer(struct cursor *cursor, struct answer *answer)
{
	get_receipt(cursor, &answer->receipt);
	if (cursor->error == 0 && !receipt_belongs(answer))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

/* Only what is repeated until it is acknowledged. */
static bool is_repeated(enum answer_type type)
{
	return type == ANSWER_RESULT || type == ANSWER_RECEIPT;
}

static void put_acknowledge(struct writer *writer, const struct answer *answer)
{
	if (!is_repeated(answer->acknowledged))
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, (uint8_t)answer->acknowledged);
}

static void get_acknowledge(struct cursor *cursor, struct answer *answer)
{
	answer->acknowledged = (enum answer_type)field_choice(cursor, ANSWER_TYPES);
	if (!is_repeated(answer->acknowledged))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

static void put_client(struct writer *writer, const struct answer_client *client)
{
	writer_bytes(writer, client->address, sizeof(client->address));
	writer_u16(writer, client->port);
}

static struct answer_client get_client(struct cursor *cursor)
{
	struct answer_client client;

	cursor_copy(cursor, client.address, sizeof(client.address));
	client.port = cursor_u16(cursor);
	return client;
}

static void put_access(struct writer *writer, const struct answer_access *access)
{
	field_put_number(writer, (uint64_t)access->up);
	field_put_number(writer, (uint64_t)access->down);
	field_put_number(writer, (uint64_t)access->ceiling_up);
	field_put_number(writer, (uint64_t)access->ceiling_down);
}

static struct answer_access get_access(struct cursor *cursor)
{
	struct answer_access access;

	access.up = number(cursor);
	access.down = number(cursor);
	access.ceiling_up = number(cursor);
	access.ceiling_down = number(cursor);
	return access;
}

/* A datagram within the answer; never empty. */
static void put_datagram(struct writer *writer, const uint8_t *datagram, uint32_t size)
{
	if (size == 0 || size > ANSWER_RELAYED)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	field_put_number(writer, size);
	if (writer->error == 0)
		writer_bytes(writer, datagram, size);
}

static uint32_t get_datagram(struct cursor *cursor, uint8_t datagram[ANSWER_RELAYED])
{
	uint32_t size = (uint32_t)field_number(cursor, ANSWER_RELAYED);

	if (cursor->error == 0 && size == 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	cursor_copy(cursor, datagram, size);
	return size;
}

static void put_follow(struct writer *writer, const struct answer *answer)
{
	put_client(writer, &answer->follow.client);
	writer_u32(writer, answer->follow.key);
	field_put_identifier(writer, &answer->follow.request);
	field_put_amount(writer, (uint64_t)answer->follow.sent);
	put_access(writer, &answer->follow.access);
}

static void get_follow(struct cursor *cursor, struct answer *answer)
{
	answer->follow.client = get_client(cursor);
	answer->follow.key = cursor_u32(cursor);
	answer->follow.request = field_identifier(cursor);
	answer->follow.sent = (int64_t)field_amount(cursor);
	answer->follow.access = get_access(cursor);
}

static void put_relay(struct writer *writer, const struct answer *answer)
{
	put_client(writer, &answer->relay.client);
	put_datagram(writer, answer->relay.datagram, answer->relay.size);
}

static void get_relay(struct cursor *cursor, struct answer *answer)
{
	answer->relay.client = get_client(cursor);
	answer->relay.size = get_datagram(cursor, answer->relay.datagram);
}

static void put_ask(struct writer *writer, const struct answer *answer)
{
	put_client(writer, &answer->ask.client);
	put_access(writer, &answer->ask.access);
	put_datagram(writer, answer->ask.datagram, answer->ask.size);
}

static void get_ask(struct cursor *cursor, struct answer *answer)
{
	answer->ask.client = get_client(cursor);
	answer->ask.access = get_access(cursor);
	answer->ask.size = get_datagram(cursor, answer->ask.datagram);
}

static void put_nothing(struct writer *writer, const struct answer *answer)
{
}

static void get_nothing(struct cursor *cursor, struct answer *answer)
{
}

static const struct {
	void (*put)(struct writer *writer, const struct answer *answer);
	void (*get)(struct cursor *cursor, struct answer *answer);
} codecs[ANSWER_TYPES] = {
        [ANSWER_GRANTED] = {put_grant, get_grant},
        [ANSWER_REFUSED] = {put_refusal, get_refusal},
        [ANSWER_ACCEPTED] = {put_nothing, get_nothing},
        [ANSWER_RUNNING] = {put_nothing, get_nothing},
        [ANSWER_RESULT] = {put_result, get_result},
        [ANSWER_RECEIPT] = {put_receipt_answer, get_receipt_answer},
        [ANSWER_ACKNOWLEDGE] = {put_acknowledge, get_acknowledge},
        [ANSWER_FOLLOW] = {put_follow, get_follow},
        [ANSWER_RELAY] = {put_relay, get_relay},
        [ANSWER_ASK] = {put_ask, get_ask},
};

static int answer_mac(const uint8_t *bytes, size_t size, const struct seal_key *key,
                      struct gateway_identity sender, uint8_t mac[SEAL_MAC])
{
	const struct seal_bytes part = {bytes, size};

	return seal_domain_mac(key, SEAL_ANSWER, sender, &part, 1, mac);
}

int answer_encode(const struct answer *answer, const struct seal_key *key, uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, MINIMUM(capacity, (size_t)ANSWER_MAXIMUM));
	uint8_t mac[SEAL_MAC];
	int code;

	if (answer->type <= 0 || answer->type >= ANSWER_TYPES)
		return BUSBAR_ERROR_BAD_VALUE;
	writer_u8(&writer, ANSWER_VERSION);
	writer_u8(&writer, (uint8_t)answer->type);
	writer_u8(&writer, key->identifier);
	field_put_somebody(&writer, answer->sender);
	field_put_identifier(&writer, &answer->program);
	field_put_number(&writer, (uint64_t)answer->processing);
	codecs[answer->type].put(&writer, answer);
	if (writer.error != 0)
		return writer.error;
	code = answer_mac(buffer, writer_size(&writer), key, answer->sender, mac);
	if (code < 0)
		return code;
	writer_bytes(&writer, mac, sizeof(mac));
	return field_finish(&writer);
}

int answer_decode(const uint8_t *bytes, size_t size, const struct seal_ring *ring, struct answer *ret_answer)
{
	struct answer answer = {.type = ANSWER_GRANTED};
	struct cursor cursor;
	const struct seal_key *key;
	uint8_t mac[SEAL_MAC], type, version, number_of_key;
	int code;

	if (size < SEAL_MAC || size > ANSWER_MAXIMUM)
		return size < SEAL_MAC ? BUSBAR_ERROR_TRUNCATED : BUSBAR_ERROR_TOO_LARGE;
	cursor = cursor_open(bytes, size - SEAL_MAC);
	version = cursor_u8(&cursor);
	type = cursor_u8(&cursor);
	number_of_key = cursor_u8(&cursor);
	answer.sender = field_somebody(&cursor);
	if (cursor.error != 0)
		return cursor.error;
	if (version != ANSWER_VERSION)
		return BUSBAR_ERROR_VERSION;
	key = seal_find(ring, number_of_key);
	if (key == NULL)
		return BUSBAR_ERROR_UNKNOWN_KEY;
	code = answer_mac(bytes, size - SEAL_MAC, key, answer.sender, mac);
	if (code < 0)
		return code;
	if (seal_compare(mac, bytes + size - SEAL_MAC, SEAL_MAC) != 0)
		return BUSBAR_ERROR_BAD_MAC;
	if (type == 0 || type >= ANSWER_TYPES)
		return BUSBAR_ERROR_MALFORMED;
	answer.type = (enum answer_type)type;
	answer.program = field_identifier(&cursor);
	answer.processing = number(&cursor);
	codecs[type].get(&cursor, &answer);
	code = cursor_finish(&cursor);
	if (code < 0)
		return code;
	*ret_answer = answer;
	return 0;
}

int answer_encode_receipt(const struct receipt *receipt, uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, capacity);

	put_receipt(&writer, receipt);
	return field_finish(&writer);
}

int answer_decode_receipt(const uint8_t *bytes, size_t size, struct receipt *ret_receipt)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct receipt receipt = {.line_count = 0};
	int code;

	get_receipt(&cursor, &receipt);
	code = cursor_finish(&cursor);
	if (code < 0)
		return code;
	*ret_receipt = receipt;
	return 0;
}
