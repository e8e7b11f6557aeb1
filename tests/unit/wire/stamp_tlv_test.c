/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions as RFC 8972 4 has them, from both sides: probes as others may make them, and what comes back. */
#include "base/clock.h"
#include "sample.h"
#include "tests/t.h"
#include "wire/seal.h"

enum {
	BASE = STAMP_SIZE_AUTHENTICATED,
	U = 0x80,
	M = 0x40,
	I = 0x20,
	PADDING = 1,
	HMAC = 8,
	WAY = 10,
	LOAD = 252
};
enum { UNKNOWN = 77, ROUNDS = 20000 };

/* A probe that is written octet by octet. */
struct draft {
	uint8_t bytes[STAMP_MAXIMUM];
	size_t size;
};

static struct draft draft_of(const uint8_t *key)
{
	struct stamp_probe probe = sample_probe();
	struct draft draft;
	int size = stamp_encode_probe(&probe, key, draft.bytes, sizeof(draft.bytes));

	T_OK(size);
	draft.size = (size_t)size;
	return draft;
}

static void add(struct draft *draft, uint8_t flags, uint8_t type, const void *value, size_t size)
{
	uint8_t head[] = {flags, type, (uint8_t)(size >> 8), (uint8_t)size};

	T_TRUE(draft->size + sizeof(head) + size <= sizeof(draft->bytes));
	memcpy(draft->bytes + draft->size, head, sizeof(head));
	if (value == NULL)
		memset(draft->bytes + draft->size + sizeof(head), 0, size);
	else
		memcpy(draft->bytes + draft->size + sizeof(head), value, size);
	draft->size += sizeof(head) + size;
}

/* RFC 8972 4.8: over the sequence number and what stands before it. */
static void add_mac(struct draft *draft, const uint8_t *key)
{
	const struct seal_bytes parts[] = {{draft->bytes, 4}, {draft->bytes + BASE, draft->size - BASE}};
	uint8_t mac[SEAL_MAC];

	T_OK(seal_mac(key, parts, 2, mac));
	add(draft, U, HMAC, mac, 16);
}

/* What a reflector with a load answers. */
static struct stamp_reply reflect(const struct draft *draft, const uint8_t *key, bool way_refused,
                                  uint8_t bytes[STAMP_MAXIMUM])
{
	struct stamp_reply reply = sample_reply(), decoded;
	struct stamp_probe probe;

	T_OK(stamp_decode_probe(draft->bytes, draft->size, key, &probe));
	reply.tlvs = probe.tlvs;
	reply.way_refused = way_refused;
	reply.has_load = true;
	reply.load = sample_load();
	T_EQ(stamp_encode_reply(&reply, key, bytes, STAMP_MAXIMUM), draft->size);
	T_OK(stamp_decode_reply(bytes, draft->size, key, &decoded));
	T_EQ(decoded.sequence, reply.sequence);
	return decoded;
}

static void a_load_comes_back_in_the_room(void **state)
{
	struct draft draft = draft_of(sample_stamp_key);
	uint8_t bytes[STAMP_MAXIMUM];
	struct stamp_reply reply;

	add(&draft, U, LOAD, NULL, 100);
	add_mac(&draft, sample_stamp_key);
	reply = reflect(&draft, sample_stamp_key, false, bytes);
	T_OK(reply.tlvs.error);
	T_TRUE(reply.has_load);
	T_EQ(reply.load.running, sample_load().running);
	T_EQ(reply.load.resources[1].free, sample_load().resources[1].free);
	T_EQ(bytes[BASE], 0); /* U is taken away from what is understood */
	T_EQ(bytes[BASE + 104], 0);
}

static void a_room_too_small_stays_empty(void **state)
{
	struct draft draft = draft_of(sample_stamp_key);
	uint8_t bytes[STAMP_MAXIMUM];
	struct stamp_reply reply;

	add(&draft, U, LOAD, NULL, 10);
	add_mac(&draft, sample_stamp_key);
	reply = reflect(&draft, sample_stamp_key, false, bytes);
	T_OK(reply.tlvs.error);
	T_TRUE(!reply.has_load);
}

static void what_is_unknown_is_said_to_be(void **state)
{
	struct draft draft = draft_of(sample_stamp_key);
	uint8_t bytes[STAMP_MAXIMUM];
	struct stamp_reply reply;

	add(&draft, U, UNKNOWN, "xyz", 3);
	add(&draft, U, LOAD, NULL, 100);
	add_mac(&draft, sample_stamp_key);
	reply = reflect(&draft, sample_stamp_key, false, bytes);
	T_ERROR(reply.tlvs.error, BUSBAR_ERROR_UNKNOWN_FIELD);
	T_EQ(bytes[BASE], U);
	T_BYTES(bytes + BASE + 4, "xyz", 3);
	T_EQ(bytes[BASE + 7], 0);
	T_TRUE(reply.has_load); /* it stands beside */
}

static void padding_comes_back_and_may_stand_behind_the_code(void **state)
{
	struct draft draft = draft_of(sample_stamp_key);
	uint8_t bytes[STAMP_MAXIMUM];
	struct stamp_reply reply;

	add(&draft, U, LOAD, NULL, 100);
	add_mac(&draft, sample_stamp_key);
	add(&draft, U, PADDING, NULL, 33);
	reply = reflect(&draft, sample_stamp_key, false, bytes);
	T_OK(reply.tlvs.error);
	T_TRUE(reply.has_load);
	/* Alone it needs none. */
	draft = draft_of(sample_stamp_key);
	add(&draft, U, PADDING, NULL, 33);
	reply = reflect(&draft, sample_stamp_key, false, bytes);
	T_OK(reply.tlvs.error);
	T_EQ(bytes[BASE], 0);
}

static void expect_unverified(const struct draft *draft)
{
	uint8_t bytes[STAMP_MAXIMUM];
	struct stamp_reply reply = reflect(draft, sample_stamp_key, false, bytes);

	T_ERROR(reply.tlvs.error, BUSBAR_ERROR_BAD_MAC);
	T_TRUE(!reply.has_load);
	T_EQ(bytes[BASE] & I, I);
	/* Nothing of the site is in it. */
	T_BYTES(bytes + BASE + 1, draft->bytes + BASE + 1, 100);
}

static void without_a_good_code_nothing_is_told(void **state)
{
	struct draft draft = draft_of(sample_stamp_key);

	add(&draft, U, LOAD, NULL, 100);
	expect_unverified(&draft);
	add_mac(&draft, sample_stamp_key);
	draft.bytes[draft.size - 1] ^= 1;
	expect_unverified(&draft);
	draft.bytes[draft.size - 1] ^= 1;
	draft.bytes[BASE + 50] ^= 1;
	expect_unverified(&draft);
	/* One that stands elsewhere is none. */
	draft = draft_of(sample_stamp_key);
	add(&draft, U, LOAD, NULL, 100);
	add_mac(&draft, sample_stamp_key);
	add(&draft, U, UNKNOWN, NULL, 4);
	expect_unverified(&draft);
}

static void what_is_malformed_is_marked_and_ends_it(void **state)
{
	struct draft draft = draft_of(sample_stamp_key);
	uint8_t bytes[STAMP_MAXIMUM];
	struct stamp_reply reply;

	add(&draft, U, LOAD, NULL, 100);
	add(&draft, U, LOAD, NULL, 20); /* twice */
	add_mac(&draft, sample_stamp_key);
	reply = reflect(&draft, sample_stamp_key, false, bytes);
	T_ERROR(reply.tlvs.error, BUSBAR_ERROR_MALFORMED);
	T_TRUE(!reply.has_load);
	T_EQ(bytes[BASE], 0);
	T_EQ(bytes[BASE + 104], M);
	T_BYTES(bytes + BASE + 105, draft.bytes + BASE + 105, draft.size - BASE - 105);
	/* Longer than the packet. */
	draft = draft_of(sample_stamp_key);
	add(&draft, U, PADDING, NULL, 8);
	draft.bytes[BASE + 3] = 9;
	reply = reflect(&draft, sample_stamp_key, false, bytes);
	T_ERROR(reply.tlvs.error, BUSBAR_ERROR_MALFORMED);
	T_EQ(bytes[BASE], M);
}

static void a_way_back_is_read_or_refused(void **state)
{
	uint8_t list[4 + 16 * (STAMP_SEGMENTS + 1)] = {U, 4, 0, 32};
	struct draft draft = draft_of(sample_stamp_key);
	uint8_t bytes[STAMP_MAXIMUM];
	struct stamp_reply reply;
	struct stamp_probe probe;

	list[4] = 0xfc;
	list[20] = 0xfd;
	add(&draft, U, WAY, list, 36);
	add_mac(&draft, sample_stamp_key);
	T_OK(stamp_decode_probe(draft.bytes, draft.size, sample_stamp_key, &probe));
	T_OK(probe.tlvs.error);
	T_EQ(probe.way_count, 2);
	T_EQ(probe.way[0][0], 0xfc);
	T_EQ(probe.way[1][0], 0xfd);
	reply = reflect(&draft, sample_stamp_key, false, bytes);
	T_OK(reply.tlvs.error);
	T_EQ(bytes[BASE], 0);
	reply = reflect(&draft, sample_stamp_key, true, bytes);
	T_ERROR(reply.tlvs.error, BUSBAR_ERROR_UNKNOWN_FIELD);
	T_EQ(bytes[BASE], U);
	/* Not whole segments, too many, another kind of list. */
	for (int i = 0; i < 3; i++) {
		size_t size = i == 0 ? 30 : i == 1 ? 16 * (STAMP_SEGMENTS + 1) : 32;

		draft = draft_of(sample_stamp_key);
		list[1] = i == 2 ? 3 : 4;
		list[3] = (uint8_t)size;
		add(&draft, U, WAY, list, 4 + size);
		add_mac(&draft, sample_stamp_key);
		T_OK(stamp_decode_probe(draft.bytes, draft.size, sample_stamp_key, &probe));
		T_ERROR(probe.tlvs.error, BUSBAR_ERROR_MALFORMED);
		T_EQ(probe.way_count, 0);
		(void)reflect(&draft, sample_stamp_key, false, bytes);
		T_EQ(bytes[BASE], M);
	}
}

static void without_a_key_there_is_only_padding(void **state)
{
	struct draft draft = draft_of(NULL);
	uint8_t bytes[STAMP_MAXIMUM];
	struct stamp_probe probe;
	struct stamp_reply reply;

	add(&draft, U, PADDING, NULL, 12);
	add(&draft, U, LOAD, NULL, 100);
	T_OK(stamp_decode_probe(draft.bytes, draft.size, NULL, &probe));
	T_EQ(probe.room, 0);
	T_EQ(probe.padding, 12);
	reply = reflect(&draft, NULL, false, bytes);
	T_TRUE(!reply.has_load);
	T_EQ(bytes[STAMP_SIZE], 0);
	T_EQ(bytes[STAMP_SIZE + 16], U);
}

/* The code binds extensions to their packet: those of one reply are no use in another. */
static void extensions_of_another_packet_are_refused(void **state)
{
	struct draft draft = draft_of(sample_stamp_key);
	uint8_t one[STAMP_MAXIMUM], other[STAMP_MAXIMUM];
	struct stamp_reply reply;

	add(&draft, U, LOAD, NULL, 100);
	add_mac(&draft, sample_stamp_key);
	reply = reflect(&draft, sample_stamp_key, false, one);
	reply.sequence++;
	T_EQ(stamp_encode_reply(&reply, sample_stamp_key, other, sizeof(other)), draft.size);
	memcpy(other + BASE, one + BASE, draft.size - BASE);
	T_OK(stamp_decode_reply(other, draft.size, sample_stamp_key, &reply));
	T_ERROR(reply.tlvs.error, BUSBAR_ERROR_BAD_MAC);
	T_TRUE(!reply.has_load);
}

static void what_no_reader_takes_is_not_written(void **state)
{
	struct stamp_probe probe = sample_probe();
	uint8_t bytes[2 * STAMP_MAXIMUM];

	probe.room = STAMP_MAXIMUM - BASE;
	T_ERROR(stamp_encode_probe(&probe, sample_stamp_key, bytes, sizeof(bytes)), BUSBAR_ERROR_TOO_LARGE);
	probe.room = 0;
	probe.way_count = STAMP_SEGMENTS + 1;
	T_ERROR(stamp_encode_probe(&probe, sample_stamp_key, bytes, sizeof(bytes)), BUSBAR_ERROR_TOO_LARGE);
	probe.way_count = STAMP_SEGMENTS;
	probe.room = LOAD_CODEC_ROOM;
	T_OK(stamp_encode_probe(&probe, sample_stamp_key, bytes, sizeof(bytes)));
	memset(bytes, 0, sizeof(bytes));
	T_ERROR(stamp_decode_probe(bytes, STAMP_MAXIMUM + 1, NULL, &probe), BUSBAR_ERROR_TOO_LARGE);
}

/* Whatever is made of extensions: the reply is as large as the probe, and tells its load to nobody but one
 * who has the key. */
static void mutations_are_answered_in_their_own_size(void **state)
{
	struct random random;

	random_seed(&random, 84);
	for (int i = 0; i < ROUNDS; i++) {
		struct draft draft = draft_of(sample_stamp_key);
		uint8_t bytes[STAMP_MAXIMUM];
		struct stamp_reply reply;

		add(&draft, U, WAY, "\x80\x04\x00\x10 the way back ..", 20);
		add(&draft, U, UNKNOWN, "abcd", 4);
		add(&draft, U, LOAD, NULL, 90);
		add_mac(&draft, sample_stamp_key);
		for (uint64_t n = 1 + random_below(&random, 4); n > 0; n--)
			draft.bytes[BASE + random_below(&random, draft.size - BASE)] ^=
			        (uint8_t)(1u << random_below(&random, 8));
		draft.size -= random_below(&random, 3) * random_below(&random, 60);
		reply = reflect(&draft, sample_stamp_key, false, bytes);
		T_TRUE(reply.tlvs.error != 0);
		/* An even number of changes may cancel out. */
		if (memcmp(bytes + BASE + 4, draft.bytes + BASE + 4, draft.size - BASE - 4) == 0)
			T_TRUE(!reply.has_load);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_load_comes_back_in_the_room),
	        cmocka_unit_test(a_room_too_small_stays_empty),
	        cmocka_unit_test(what_is_unknown_is_said_to_be),
	        cmocka_unit_test(padding_comes_back_and_may_stand_behind_the_code),
	        cmocka_unit_test(without_a_good_code_nothing_is_told),
	        cmocka_unit_test(what_is_malformed_is_marked_and_ends_it),
	        cmocka_unit_test(a_way_back_is_read_or_refused),
	        cmocka_unit_test(without_a_key_there_is_only_padding),
	        cmocka_unit_test(extensions_of_another_packet_are_refused),
	        cmocka_unit_test(what_no_reader_takes_is_not_written),
	        cmocka_unit_test(mutations_are_answered_in_their_own_size),
	};

	return T_RUN(tests);
}
