/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "sample.h"
#include "tests/t.h"

enum { ROUNDS = 10000 };

static int64_t random_time(struct random *random)
{
	return (int64_t)random_below(random, (UINT64_C(1) << 32) * CLOCK_SECOND);
}

static struct stamp_error random_error(struct random *random)
{
	return (struct stamp_error){.synchronised = random_below(random, 2) != 0,
	                            .scale = (uint8_t)random_below(random, 64),
	                            .multiplier = (uint8_t)(1 + random_below(random, 255))};
}

static void assert_same_error(const struct stamp_error *a, const struct stamp_error *b)
{
	T_EQ(a->synchronised, b->synchronised);
	T_EQ(a->scale, b->scale);
	T_EQ(a->multiplier, b->multiplier);
}

static void probes_decode_as_they_were(void **state)
{
	struct random random;

	random_seed(&random, 71);
	for (int i = 0; i < ROUNDS; i++) {
		const uint8_t *key = i % 2 ? sample_stamp_key : NULL;
		struct stamp_probe probe = {.sequence = (uint32_t)random_u64(&random),
		                            .sent = random_time(&random),
		                            .error = random_error(&random),
		                            .session = (uint16_t)random_u64(&random)},
		                   decoded;
		uint8_t bytes[200];
		int size = stamp_encode_probe(&probe, key, bytes, sizeof(bytes));

		T_EQ(size, key ? STAMP_SIZE_AUTHENTICATED : STAMP_SIZE);
		T_OK(stamp_decode_probe(bytes, (size_t)size, key, &decoded));
		T_EQ(decoded.sequence, probe.sequence);
		T_EQ(decoded.sent, probe.sent);
		T_EQ(decoded.session, probe.session);
		assert_same_error(&decoded.error, &probe.error);
		T_ERROR(stamp_encode_probe(&probe, key, bytes, (size_t)size - 1), BUSBAR_ERROR_TOO_LARGE);
	}
}

static void replies_decode_as_they_were(void **state)
{
	struct random random;

	random_seed(&random, 72);
	for (int i = 0; i < ROUNDS; i++) {
		const uint8_t *key = i % 2 ? sample_stamp_key : NULL;
		struct stamp_reply reply = {.sequence = (uint32_t)random_u64(&random),
		                            .sent = random_time(&random),
		                            .error = random_error(&random),
		                            .session = (uint16_t)random_u64(&random),
		                            .received = random_time(&random),
		                            .sender_sequence = (uint32_t)random_u64(&random),
		                            .sender_sent = random_time(&random),
		                            .sender_error = random_error(&random),
		                            .sender_ttl = (uint8_t)random_u64(&random)},
		                   decoded;
		uint8_t bytes[200];
		int size = stamp_encode_reply(&reply, key, bytes, sizeof(bytes));

		T_EQ(size, key ? STAMP_SIZE_AUTHENTICATED : STAMP_SIZE);
		T_OK(stamp_decode_reply(bytes, (size_t)size, key, &decoded));
		T_EQ(decoded.sequence, reply.sequence);
		T_EQ(decoded.sent, reply.sent);
		T_EQ(decoded.session, reply.session);
		T_EQ(decoded.received, reply.received);
		T_EQ(decoded.sender_sequence, reply.sender_sequence);
		T_EQ(decoded.sender_sent, reply.sender_sent);
		T_EQ(decoded.sender_ttl, reply.sender_ttl);
		assert_same_error(&decoded.error, &reply.error);
		assert_same_error(&decoded.sender_error, &reply.sender_error);
	}
}

static uint64_t number_at(const uint8_t *bytes, size_t at, size_t size)
{
	uint64_t number = 0;

	while (size-- > 0)
		number = number << 8 | bytes[at++];
	return number;
}

/* Offsets of RFC 8762 4.2.1 and 4.2.2. */
static void probes_have_the_standard_layout(void **state)
{
	struct stamp_probe probe = sample_probe();
	uint8_t bytes[STAMP_SIZE_AUTHENTICATED];

	for (int authenticated = 0; authenticated < 2; authenticated++) {
		size_t shift = authenticated ? 12 : 0, size = authenticated ? 96 : STAMP_SIZE;

		T_OK(stamp_encode_probe(&probe, authenticated ? sample_stamp_key : NULL, bytes,
		                        sizeof(bytes)));
		T_EQ(number_at(bytes, 0, 4), probe.sequence);
		T_EQ(number_at(bytes, 4 + shift, 4), probe.sent / CLOCK_SECOND);
		T_EQ(number_at(bytes, 8 + shift, 4), probe.sent % CLOCK_SECOND);
		T_EQ(number_at(bytes, 12 + shift, 2),
		     0x6001); /* not synchronised, PTPv2, scale 32, multiplier 1 */
		T_EQ(number_at(bytes, 14 + shift, 2), probe.session);
		for (size_t i = 4; i < 4 + shift; i++)
			T_EQ(bytes[i], 0);
		for (size_t i = 16 + shift; i < size; i++)
			T_EQ(bytes[i], 0);
	}
}

/* Offsets of RFC 8762 4.3.1 and 4.3.2. */
static void replies_have_the_standard_layout(void **state)
{
	static const struct {
		size_t sequence, sent, error, session, received, sender_sequence, sender_sent, sender_error,
		        ttl;
	} at[] = {{0, 4, 12, 14, 16, 24, 28, 36, 40}, {0, 16, 24, 26, 32, 48, 64, 72, 80}};
	struct stamp_reply reply = sample_reply();
	uint8_t bytes[STAMP_SIZE_AUTHENTICATED];

	for (int i = 0; i < 2; i++) {
		T_OK(stamp_encode_reply(&reply, i ? sample_stamp_key : NULL, bytes, sizeof(bytes)));
		T_EQ(number_at(bytes, at[i].sequence, 4), reply.sequence);
		T_EQ(number_at(bytes, at[i].sent, 4), reply.sent / CLOCK_SECOND);
		T_EQ(number_at(bytes, at[i].sent + 4, 4), reply.sent % CLOCK_SECOND);
		T_EQ(number_at(bytes, at[i].error, 2),
		     0xcac8); /* synchronised, PTPv2, scale 10, multiplier 200 */
		T_EQ(number_at(bytes, at[i].session, 2), reply.session);
		T_EQ(number_at(bytes, at[i].received, 4), reply.received / CLOCK_SECOND);
		T_EQ(number_at(bytes, at[i].received + 4, 4), reply.received % CLOCK_SECOND);
		T_EQ(number_at(bytes, at[i].sender_sequence, 4), reply.sender_sequence);
		T_EQ(number_at(bytes, at[i].sender_sent, 4), reply.sender_sent / CLOCK_SECOND);
		T_EQ(number_at(bytes, at[i].sender_error, 2), 0x6001);
		T_EQ(bytes[at[i].ttl], 255);
	}
}

/* HMAC-SHA-256 over the first 96 octets, the first 16 octets of it. */
static void codes_cover_the_whole_packet(void **state)
{
	struct stamp_probe probe = sample_probe();
	uint8_t bytes[STAMP_SIZE_AUTHENTICATED], mac[SEAL_MAC];
	const struct seal_bytes part = {bytes, 96};
	const uint8_t other[STAMP_KEY] = "another key";

	T_OK(stamp_encode_probe(&probe, sample_stamp_key, bytes, sizeof(bytes)));
	T_OK(seal_mac(sample_stamp_key, &part, 1, mac));
	T_BYTES(bytes + 96, mac, 16);
	T_ERROR(stamp_decode_probe(bytes, sizeof(bytes), other, &probe), BUSBAR_ERROR_BAD_MAC);
	/* In the other mode its tail is no extension, nor are its times. */
	T_ERROR(stamp_decode_probe(bytes, sizeof(bytes), NULL, &probe), BUSBAR_ERROR_MALFORMED);
	T_ERROR(stamp_decode_probe(bytes, STAMP_SIZE, sample_stamp_key, &probe), BUSBAR_ERROR_TRUNCATED);
}

/* A probe thrown back at its sender is no reply, with the same key though it is made. */
static void probes_are_no_replies(void **state)
{
	struct stamp_probe probe = sample_probe();
	struct stamp_reply reply = {.sequence = 77};
	uint8_t bytes[STAMP_SIZE_AUTHENTICATED];
	int size = stamp_encode_probe(&probe, sample_stamp_key, bytes, sizeof(bytes));

	T_ERROR(stamp_decode_reply(bytes, (size_t)size, sample_stamp_key, &reply), BUSBAR_ERROR_MALFORMED);
	size = stamp_encode_probe(&probe, NULL, bytes, sizeof(bytes));
	T_ERROR(stamp_decode_reply(bytes, (size_t)size, NULL, &reply), BUSBAR_ERROR_MALFORMED);
	T_EQ(reply.sequence, 77);
}

static void impossible_fields_are_refused(void **state)
{
	struct stamp_probe probe = sample_probe();
	uint8_t bytes[STAMP_SIZE], changed[STAMP_SIZE];

	T_OK(stamp_encode_probe(&probe, NULL, bytes, sizeof(bytes)));
	memcpy(changed, bytes, sizeof(bytes));
	changed[12] &= 0xbf; /* NTP format */
	T_ERROR(stamp_decode_probe(changed, sizeof(changed), NULL, &probe), BUSBAR_ERROR_MALFORMED);
	memcpy(changed, bytes, sizeof(bytes));
	changed[13] = 0; /* RFC 4656 4.1.2: a multiplier of 0 means a corrupt packet */
	T_ERROR(stamp_decode_probe(changed, sizeof(changed), NULL, &probe), BUSBAR_ERROR_MALFORMED);
	memcpy(changed, bytes, sizeof(bytes));
	memcpy(changed + 8, "\x3b\x9a\xca\x00", 4); /* 10^9 ns */
	T_ERROR(stamp_decode_probe(changed, sizeof(changed), NULL, &probe), BUSBAR_ERROR_MALFORMED);
	memset(bytes + 16, 0xff, 28); /* what must be zero is ignored */
	T_OK(stamp_decode_probe(bytes, sizeof(bytes), NULL, &probe));
}

static void what_no_reader_takes_is_not_written(void **state)
{
	struct stamp_probe probe = sample_probe();
	uint8_t bytes[STAMP_SIZE];

	probe.sent = -1;
	T_ERROR(stamp_encode_probe(&probe, NULL, bytes, sizeof(bytes)), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	probe.sent = (INT64_C(1) << 32) * CLOCK_SECOND;
	T_ERROR(stamp_encode_probe(&probe, NULL, bytes, sizeof(bytes)), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	probe = sample_probe();
	probe.error.multiplier = 0;
	T_ERROR(stamp_encode_probe(&probe, NULL, bytes, sizeof(bytes)), BUSBAR_ERROR_BAD_VALUE);
	probe.error = (struct stamp_error){.scale = 64, .multiplier = 1};
	T_ERROR(stamp_encode_probe(&probe, NULL, bytes, sizeof(bytes)), BUSBAR_ERROR_BAD_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(probes_decode_as_they_were),
	        cmocka_unit_test(replies_decode_as_they_were),
	        cmocka_unit_test(probes_have_the_standard_layout),
	        cmocka_unit_test(replies_have_the_standard_layout),
	        cmocka_unit_test(codes_cover_the_whole_packet),
	        cmocka_unit_test(probes_are_no_replies),
	        cmocka_unit_test(impossible_fields_are_refused),
	        cmocka_unit_test(what_no_reader_takes_is_not_written),
	};

	return T_RUN(tests);
}
