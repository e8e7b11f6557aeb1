/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of message against its octets in tests/golden/wire: the fixed message encodes to them, they
 * decode to what encodes to them again, no shorter or longer message is accepted, and none that differs
 * in a bit where it is authenticated.
 *
 * With a folder as its argument the program writes the files there instead: only for a format that is
 * meant to change.
 */
#include "base/file.h"
#include "base/hex.h"
#include "sample.h"
#include "tests/t.h"
#include "wire/demand_codec.h"
#include "wire/packet.h"
#include <stdio.h>

enum { ARENA = 1 << 20, LINE = 32, HMAC_FLAGS_AT = 245 };

static struct arena *arena;

static int encode_datagram(enum datagram_type type, uint8_t *buffer)
{
	struct datagram datagram = sample_datagram(type);
	struct demand demand = sample_demand_for(type);
	struct demand_stage stages[DEMAND_STAGES];

	if (type == DATAGRAM_CALL)
		demand = sample_staged_demand(stages);
	return datagram_encode(&datagram, &demand, sample_secret(NULL, SAMPLE_TENANT), buffer, SAMPLE_BUFFER);
}

static int again_datagram(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	struct datagram datagram;
	struct demand demand;
	int code = datagram_decode(bytes, size, sample_secret, NULL, arena, &datagram, &demand);

	if (code < 0)
		return code;
	return datagram_encode(&datagram, &demand, sample_secret(NULL, datagram.key), buffer, SAMPLE_BUFFER);
}

#define DATAGRAM(name, type)                               \
	static int encode_datagram_##name(uint8_t *buffer) \
	{                                                  \
		return encode_datagram(type, buffer);      \
	}
DATAGRAM(quote, DATAGRAM_QUOTE)
DATAGRAM(run, DATAGRAM_RUN)
DATAGRAM(call, DATAGRAM_CALL)
DATAGRAM(document, DATAGRAM_DOCUMENT)
DATAGRAM(output, DATAGRAM_OUTPUT)
DATAGRAM(cancel, DATAGRAM_CANCEL)
DATAGRAM(reserve, DATAGRAM_RESERVE)
DATAGRAM(follow, DATAGRAM_FOLLOW)
DATAGRAM(error, DATAGRAM_ERROR)
DATAGRAM(task, DATAGRAM_TASK)
DATAGRAM(result, DATAGRAM_RESULT)
DATAGRAM(slice, DATAGRAM_SLICE_OF)

static int encode_refusal(uint8_t *buffer)
{
	struct datagram datagram = sample_datagram(DATAGRAM_ERROR);

	datagram.error.code = BUSBAR_ERROR_UNKNOWN_TENANT;
	datagram.error.text[0] = '\0';
	return datagram_encode(&datagram, NULL, NULL, buffer, SAMPLE_BUFFER);
}

/* Content without authentication. */
static int again_refusal(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	struct datagram datagram;
	int code = datagram_decode(bytes, size, sample_secret, NULL, arena, &datagram, NULL);

	if (code != BUSBAR_ERROR_BAD_MAC || datagram.type != DATAGRAM_ERROR || datagram.authentic ||
	    datagram.error.code == 0)
		return BUSBAR_ERROR_MALFORMED;
	code = datagram_encode(&datagram, NULL, NULL, buffer, SAMPLE_BUFFER);
	return code == (int)size ? code : BUSBAR_ERROR_MALFORMED;
}

static int encode_demand(uint8_t *buffer)
{
	struct demand demand = sample_demand();

	return demand_codec_encode(&demand, buffer, SAMPLE_BUFFER);
}

static int encode_stages(uint8_t *buffer)
{
	struct demand_stage stages[DEMAND_STAGES];
	struct demand demand = sample_staged_demand(stages);

	return demand_codec_encode(&demand, buffer, SAMPLE_BUFFER);
}

static int again_demand(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	struct demand demand;
	int code = demand_codec_decode(bytes, size, arena, &demand);

	return code < 0 ? code : demand_codec_encode(&demand, buffer, SAMPLE_BUFFER);
}

static const uint8_t source[16] = {0xfc, [5] = 1, [15] = 1};

static int encode_program_of(const struct program *program, const char *payload, uint8_t *buffer)
{
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];

	sample_segments(program, segments);
	return packet_encode(program, (const uint8_t(*)[16])segments, source, seal_first(&sample_ring),
	                     payload, strlen(payload), buffer, SAMPLE_BUFFER);
}

static int encode_run(uint8_t *buffer)
{
	struct program program = sample_program();

	return encode_program_of(&program, "inline input", buffer);
}

static int encode_release(uint8_t *buffer)
{
	struct program program = sample_release();

	return encode_program_of(&program, "", buffer);
}

static int encode_reservation(uint8_t *buffer)
{
	struct program program = sample_reservation();

	return encode_program_of(&program, "", buffer);
}

static int encode_refresh(uint8_t *buffer)
{
	struct program program = sample_refresh();

	return encode_program_of(&program, "", buffer);
}

static int again_program(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	struct packet packet;
	int code = packet_decode(bytes, size, &sample_ring, &packet);

	if (code < 0)
		return code;
	return packet_encode(&packet.program, (const uint8_t(*)[16])packet.segments, packet.source,
	                     seal_find(&sample_ring, packet.key), packet.payload, packet.payload_size, buffer,
	                     SAMPLE_BUFFER);
}

static int encode_alone(uint8_t *buffer)
{
	struct program program = sample_program();

	return packet_encode_program(&program, buffer, SAMPLE_BUFFER);
}

static int again_alone(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	struct program program;
	int code = packet_decode_program(bytes, size, &program);

	return code < 0 ? code : packet_encode_program(&program, buffer, SAMPLE_BUFFER);
}

static int encode_answer(enum answer_type type, uint8_t *buffer)
{
	struct answer answer = sample_answer(type);

	return answer_encode(&answer, seal_first(&sample_ring), buffer, SAMPLE_BUFFER);
}

static int again_answer(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	struct answer answer;
	int code = answer_decode(bytes, size, &sample_ring, &answer);

	return code < 0 ? code : answer_encode(&answer, seal_first(&sample_ring), buffer, SAMPLE_BUFFER);
}

#define ANSWER(name, type)                               \
	static int encode_answer_##name(uint8_t *buffer) \
	{                                                \
		return encode_answer(type, buffer);      \
	}
ANSWER(granted, ANSWER_GRANTED)
ANSWER(refused, ANSWER_REFUSED)
ANSWER(accepted, ANSWER_ACCEPTED)
ANSWER(running, ANSWER_RUNNING)
ANSWER(result, ANSWER_RESULT)
ANSWER(receipt, ANSWER_RECEIPT)
ANSWER(acknowledge, ANSWER_ACKNOWLEDGE)
ANSWER(follow, ANSWER_FOLLOW)
ANSWER(relay, ANSWER_RELAY)
ANSWER(ask, ANSWER_ASK)

static int encode_receipt(uint8_t *buffer)
{
	struct answer answer = sample_answer(ANSWER_RECEIPT);

	return answer_encode_receipt(&answer.receipt, buffer, SAMPLE_BUFFER);
}

static int again_receipt(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	struct receipt receipt;
	int code = answer_decode_receipt(bytes, size, &receipt);

	return code < 0 ? code : answer_encode_receipt(&receipt, buffer, SAMPLE_BUFFER);
}

/* An answer on its way back through two gateways, as a packet of its own. */
static int encode_plain(uint8_t *buffer)
{
	const uint8_t from[16] = {0xfc, [5] = 4, [15] = 1};
	const uint8_t segments[2][16] = {{0xfc, [5] = 3, [7] = 1}, {0xfc, [5] = 2, [7] = 1}};
	uint8_t answer[ANSWER_MAXIMUM];
	int size = encode_answer(ANSWER_GRANTED, answer);

	return packet_encode_plain(from, source, 4180, 4180, segments, 2, seal_first(&sample_ring), answer,
	                           (size_t)size, buffer, SAMPLE_BUFFER);
}

static int encode_site(uint8_t *buffer)
{
	struct attribute_header header = sample_header(ATTRIBUTE_SITE);
	struct site site = sample_site();

	return attribute_encode_site(&header, &site, sample_prefix, SAMPLE_PREFIX, seal_first(&sample_ring),
	                             buffer, SAMPLE_BUFFER);
}

static int encode_service(uint8_t *buffer)
{
	struct attribute_header header = sample_header(ATTRIBUTE_SERVICE);
	struct service_offer service = sample_service();

	return attribute_encode_service(&header, &service, sample_prefix, SAMPLE_PREFIX,
	                                seal_first(&sample_ring), buffer, SAMPLE_BUFFER);
}

static int again_attribute(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	const struct seal_key *key = seal_first(&sample_ring);
	struct attribute_header header;
	struct service_offer service;
	struct site site;
	int code = attribute_decode(bytes, size, sample_prefix, SAMPLE_PREFIX, &sample_ring, &header, &site,
	                            &service);

	if (code < 0)
		return code;
	if (header.content == ATTRIBUTE_SITE)
		return attribute_encode_site(&header, &site, sample_prefix, SAMPLE_PREFIX, key, buffer,
		                             SAMPLE_BUFFER);
	return attribute_encode_service(&header, &service, sample_prefix, SAMPLE_PREFIX, key, buffer,
	                                SAMPLE_BUFFER);
}

#define STAMP(name, kind, key)                                                                      \
	static int encode_##name(uint8_t *buffer)                                                   \
	{                                                                                           \
		struct stamp_##kind message = sample_##kind();                                      \
                                                                                                    \
		return stamp_encode_##kind(&message, key, buffer, SAMPLE_BUFFER);                   \
	}                                                                                           \
	static int again_##name(const uint8_t *bytes, size_t size, uint8_t *buffer)                 \
	{                                                                                           \
		struct stamp_##kind message;                                                        \
		int code = stamp_decode_##kind(bytes, size, key, &message);                         \
                                                                                                    \
		if (code == 0)                                                                      \
			code = message.tlvs.error;                                                  \
		return code < 0 ? code : stamp_encode_##kind(&message, key, buffer, SAMPLE_BUFFER); \
	}
STAMP(probe, probe, NULL)
STAMP(probe_authenticated, probe, sample_stamp_key)
STAMP(reply, reply, NULL)
STAMP(reply_authenticated, reply, sample_stamp_key)

static struct stamp_probe sample_asking(void)
{
	struct stamp_probe probe = sample_probe();

	probe.room = 96;
	probe.padding = 5;
	probe.way_count = 1;
	memcpy(probe.way[0], (const uint8_t[16]){0xfc, [5] = 3, [7] = 1}, 16);
	return probe;
}

static int encode_asking(uint8_t *buffer)
{
	struct stamp_probe probe = sample_asking();

	return stamp_encode_probe(&probe, sample_stamp_key, buffer, SAMPLE_BUFFER);
}

static int encode_telling(uint8_t *buffer)
{
	uint8_t asking[STAMP_MAXIMUM];
	int size = encode_asking(asking);
	struct stamp_reply reply = sample_reply();
	struct stamp_probe probe;

	T_OK(stamp_decode_probe(asking, (size_t)size, sample_stamp_key, &probe));
	reply.tlvs = probe.tlvs;
	reply.has_load = true;
	reply.load = sample_load();
	T_EQ(stamp_encode_reply(&reply, sample_stamp_key, buffer, SAMPLE_BUFFER), size);
	return size;
}

/* Extensions can be taken off a packet, whose own code does not cover them: then nothing is asked, or told.
 */
static int again_asking(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	return size == STAMP_SIZE_AUTHENTICATED ? BUSBAR_ERROR_MISSING_FIELD
	                                        : again_probe_authenticated(bytes, size, buffer);
}

static int again_telling(const uint8_t *bytes, size_t size, uint8_t *buffer)
{
	struct stamp_reply reply;
	int code = stamp_decode_reply(bytes, size, sample_stamp_key, &reply);

	return code == 0 && reply.tlvs.error == 0 && !reply.has_load
	               ? BUSBAR_ERROR_MISSING_FIELD
	               : again_reply_authenticated(bytes, size, buffer);
}

enum protection { OPEN, AUTHENTICATED };

static const struct golden {
	const char *name;
	const char *description;
	enum protection protection;
	int (*encode)(uint8_t *buffer);
	int (*again)(const uint8_t *bytes, size_t size,
	             uint8_t *buffer); /* decodes, and encodes what came out */
} goldens[] = {
        {"datagram-quote", "QUOTE request", AUTHENTICATED, encode_datagram_quote, again_datagram},
        {"datagram-run", "RUN request", AUTHENTICATED, encode_datagram_run, again_datagram},
        {"datagram-call", "CALL request, two stages", AUTHENTICATED, encode_datagram_call, again_datagram},
        {"datagram-document", "DOCUMENT request, a task from 1200 on", AUTHENTICATED,
         encode_datagram_document, again_datagram},
        {"datagram-output", "OUTPUT request, part 2", AUTHENTICATED, encode_datagram_output, again_datagram},
        {"datagram-cancel", "CANCEL request", AUTHENTICATED, encode_datagram_cancel, again_datagram},
        {"datagram-reserve", "RESERVE request", AUTHENTICATED, encode_datagram_reserve, again_datagram},
        {"datagram-follow", "FOLLOW request", AUTHENTICATED, encode_datagram_follow, again_datagram},
        {"datagram-error", "ERROR reply to a tenant", AUTHENTICATED, encode_datagram_error, again_datagram},
        {"datagram-refusal", "ERROR reply to a stranger, without MAC", OPEN, encode_refusal, again_refusal},
        {"datagram-task", "TASK reply, running", AUTHENTICATED, encode_datagram_task, again_datagram},
        {"datagram-result", "RESULT reply, inline", AUTHENTICATED, encode_datagram_result, again_datagram},
        {"datagram-slice", "SLICE reply, the last of a document", AUTHENTICATED, encode_datagram_slice,
         again_datagram},
        {"demand", "a demand's TLVs", OPEN, encode_demand, again_demand},
        {"demand-stages", "a demand's TLVs, two stages", OPEN, encode_stages, again_demand},
        {"packet-run", "program packet: reserve, forward, claim, fetch, execute, deliver", AUTHENTICATED,
         encode_run, again_program},
        {"packet-release", "program packet: release at two gateways", AUTHENTICATED, encode_release,
         again_program},
        {"packet-reserve", "program packet: reserve, claim, attach", AUTHENTICATED, encode_reservation,
         again_program},
        {"packet-refresh", "program packet: refresh at three gateways", AUTHENTICATED, encode_refresh,
         again_program},
        {"packet-plain", "plain packet: an answer back through two gateways", OPEN, encode_plain, NULL},
        {"program", "a program alone, without packet", OPEN, encode_alone, again_alone},
        {"answer-granted", "GRANTED answer", AUTHENTICATED, encode_answer_granted, again_answer},
        {"answer-refused", "REFUSED answer", AUTHENTICATED, encode_answer_refused, again_answer},
        {"answer-accepted", "ACCEPTED answer", AUTHENTICATED, encode_answer_accepted, again_answer},
        {"answer-running", "RUNNING answer", AUTHENTICATED, encode_answer_running, again_answer},
        {"answer-result", "RESULT answer, inline", AUTHENTICATED, encode_answer_result, again_answer},
        {"answer-receipt", "RECEIPT answer of three lines", AUTHENTICATED, encode_answer_receipt,
         again_answer},
        {"answer-acknowledge", "ACKNOWLEDGE of a receipt", AUTHENTICATED, encode_answer_acknowledge,
         again_answer},
        {"answer-follow", "FOLLOW of a client that moved", AUTHENTICATED, encode_answer_follow, again_answer},
        {"answer-relay", "RELAY of a datagram to it", AUTHENTICATED, encode_answer_relay, again_answer},
        {"answer-ask", "ASK for a client at an edge", AUTHENTICATED, encode_answer_ask, again_answer},
        {"receipt", "a receipt alone, as its owner keeps it", OPEN, encode_receipt, again_receipt},
        {"attribute-site", "BGP attribute of a site", AUTHENTICATED, encode_site, again_attribute},
        {"attribute-service", "BGP attribute of a service", AUTHENTICATED, encode_service, again_attribute},
        {"stamp-probe", "STAMP probe, unauthenticated", OPEN, encode_probe, again_probe},
        {"stamp-probe-authenticated", "STAMP probe, authenticated", AUTHENTICATED, encode_probe_authenticated,
         again_probe_authenticated},
        {"stamp-reply", "STAMP reply, unauthenticated", OPEN, encode_reply, again_reply},
        {"stamp-reply-authenticated", "STAMP reply, authenticated", AUTHENTICATED, encode_reply_authenticated,
         again_reply_authenticated},
        {"stamp-probe-asking", "STAMP probe, asks for the site's load and a way back", AUTHENTICATED,
         encode_asking, again_asking},
        {"stamp-reply-telling", "STAMP reply to it", AUTHENTICATED, encode_telling, again_telling},
};

/* Octets of a file of hexadecimal lines; lines that start with # say what it is. */
static size_t read_golden(const char *name, uint8_t *bytes)
{
	char *path = arena_format(arena, "%s/%s.hex", GOLDEN, name), *text, *line, *rest;
	size_t total = 0, size;

	T_OK(file_read(path, 1 << 16, arena, &text, &size));
	T_TRUE(text[0] == '#');
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		size = strlen(line) / 2;
		if (line[0] == '#')
			continue;
		T_TRUE(total + size <= SAMPLE_BUFFER);
		T_OK(hex_parse(line, bytes + total, size));
		total += size;
	}
	return total;
}

static void octets_are_kept(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		uint8_t kept[SAMPLE_BUFFER], bytes[SAMPLE_BUFFER];
		size_t size = read_golden(goldens[i].name, kept);

		if (goldens[i].encode(bytes) != (int)size || memcmp(bytes, kept, size) != 0)
			fail_msg("%s encodes to other octets", goldens[i].name);
		memset(bytes, 0, sizeof(bytes));
		if (goldens[i].again == NULL)
			continue;
		if (goldens[i].again(kept, size, bytes) != (int)size || memcmp(bytes, kept, size) != 0)
			fail_msg("%s does not decode to what it was", goldens[i].name);
		arena_reset(arena);
	}
}

static const struct golden *present;

static int verdict(const uint8_t *bytes, size_t size)
{
	uint8_t buffer[SAMPLE_BUFFER];
	int code = present->again(bytes, size, buffer);

	arena_reset(arena);
	return code;
}

/* A demand alone may end behind any of its TLVs: demand_codec_test has that. */
static void other_sizes_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		uint8_t bytes[SAMPLE_BUFFER];
		size_t size = read_golden(goldens[i].name, bytes);

		present = &goldens[i];
		if (present->again != NULL && present->again != again_demand && present->again != again_alone)
			sample_check_sizes(bytes, size, verdict);
	}
}

/* What networks change in a program packet: traffic class, flow label (behind the version), hop limit. The
 * code of extensions does not cover its own flags. */
static bool may_change(size_t bit)
{
	size_t octet = bit / 8;

	if (present->again == again_asking || present->again == again_telling)
		return octet == HMAC_FLAGS_AT;
	return present->again == again_program &&
	       ((octet == 0 && bit % 8 < 4) || (octet >= 1 && octet <= 3) || octet == 7);
}

static void changed_bits_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		uint8_t bytes[SAMPLE_BUFFER];
		size_t size = read_golden(goldens[i].name, bytes);

		present = &goldens[i];
		if (present->protection == AUTHENTICATED)
			sample_check_bits(bytes, size, verdict, may_change);
	}
}

static int write_golden(const char *folder, const struct golden *golden)
{
	uint8_t bytes[SAMPLE_BUFFER];
	int size = golden->encode(bytes);
	char path[512];
	FILE *stream;

	if (snprintf(path, sizeof(path), "%s/%s.hex", folder, golden->name) >= (int)sizeof(path) || size < 0)
		return -1;
	stream = fopen(path, "w");
	if (stream == NULL)
		return -1;
	fprintf(stream, "# %s, %d octets\n", golden->description, size);
	for (int at = 0; at < size; at++)
		fprintf(stream, "%02x%s", bytes[at], at % LINE == LINE - 1 || at == size - 1 ? "\n" : "");
	return fclose(stream);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(octets_are_kept),
	        cmocka_unit_test(other_sizes_are_refused),
	        cmocka_unit_test(changed_bits_are_refused),
	};
	int result = 0;

	arena = arena_create(ARENA);
	for (size_t i = 0; count == 2 && i < ARRAY_SIZE(goldens) && result == 0; i++)
		result = write_golden(arguments[1], &goldens[i]);
	if (count != 2)
		result = T_RUN(tests);
	arena_free(arena);
	return result;
}
