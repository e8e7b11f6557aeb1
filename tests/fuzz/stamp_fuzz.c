/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STAMP packets of both kinds in both modes, as they come and with their codes put right. What is accepted as
 * a probe is answered in its own size, and the answer is one to its sender; what is accepted as a reply
 * encodes to the same base again; a load that is taken out of one encodes to what is read again.
 */
#include "base/error.h"
#include "wire/seal.h"
#include "wire/stamp.h"
#include <stdlib.h>
#include <string.h>

enum { COVERED = 96, CODE = 16, BASE = STAMP_SIZE_AUTHENTICATED, HEAD = 4 };

static const uint8_t key[STAMP_KEY] = "secret";
static const struct site_load load = {.identity = {5, 1}, .measured = 7, .running = 3};

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static void check_probe(const uint8_t *bytes, size_t size, const uint8_t *used)
{
	struct stamp_reply reply = {.error = {.multiplier = 1}, .load = load, .has_load = true}, decoded;
	uint8_t answer[STAMP_MAXIMUM];
	struct stamp_probe probe;

	if (stamp_decode_probe(bytes, size, used, &probe) < 0)
		return;
	reply.sequence = reply.sender_sequence = probe.sequence;
	reply.sender_error = probe.error;
	reply.sender_sent = probe.sent;
	reply.tlvs = probe.tlvs;
	REQUIRE(stamp_encode_reply(&reply, used, answer, sizeof(answer)) == (int)size);
	REQUIRE(stamp_decode_reply(answer, size, used, &decoded) == 0);
	REQUIRE(decoded.sender_sent == probe.sent);
	REQUIRE(probe.tlvs.error == 0 || decoded.tlvs.error != 0 || used == NULL);
	if (probe.room >= 64)
		REQUIRE(decoded.has_load && decoded.load.running == load.running);
}

static void check_reply(const uint8_t *bytes, size_t size, const uint8_t *used)
{
	uint8_t first[STAMP_MAXIMUM], second[STAMP_MAXIMUM], room[1024];
	struct stamp_reply reply, again;
	struct site_load told;
	int base = used == NULL ? STAMP_SIZE : BASE;

	if (stamp_decode_reply(bytes, size, used, &reply) < 0)
		return;
	if (reply.has_load) {
		REQUIRE(used != NULL);
		REQUIRE(load_codec_encode(&reply.load, room, sizeof(room)) == 0);
		REQUIRE(load_codec_decode(room, sizeof(room), &told) == 0);
	}
	/* What must be zero is ignored and sent as zero: the second encoding is the one to compare. */
	memset(&reply.tlvs, 0, sizeof(reply.tlvs));
	REQUIRE(stamp_encode_reply(&reply, used, first, sizeof(first)) == base);
	REQUIRE(stamp_decode_reply(first, (size_t)base, used, &again) == 0);
	memset(&again.tlvs, 0, sizeof(again.tlvs));
	REQUIRE(stamp_encode_reply(&again, used, second, sizeof(second)) == base);
	REQUIRE(memcmp(first, second, (size_t)base) == 0);
}

static void put_code(uint8_t *at, const struct seal_bytes *parts, size_t count)
{
	uint8_t mac[SEAL_MAC];

	REQUIRE(seal_mac(key, parts, count, mac) == 0);
	memcpy(at, mac, CODE);
}

/* With the right code of the base, and then with one of the extensions behind them. */
static void check_authentic(const uint8_t *data, size_t size)
{
	uint8_t bytes[STAMP_MAXIMUM];
	const struct seal_bytes base = {bytes, COVERED};
	const struct seal_bytes extensions[] = {{bytes, 4}, {bytes + BASE, size - BASE}};
	const uint8_t head[HEAD] = {0x80, 8, 0, CODE};

	memcpy(bytes, data, size);
	put_code(bytes + COVERED, &base, 1);
	check_probe(bytes, size, key);
	check_reply(bytes, size, key);
	memcpy(bytes + size, head, HEAD);
	put_code(bytes + size + HEAD, extensions, 2);
	check_probe(bytes, size + HEAD + CODE, key);
	bytes[size] = 0;
	check_reply(bytes, size + HEAD + CODE, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_probe(data, size, NULL);
	check_reply(data, size, NULL);
	check_probe(data, size, key);
	check_reply(data, size, key);
	if (size >= BASE && size <= STAMP_MAXIMUM - HEAD - CODE)
		check_authentic(data, size);
	return 0;
}
