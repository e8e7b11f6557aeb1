/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "sample.h"
#include "tests/t.h"
#include "wire/load_codec.h"

enum { ROUNDS = 20000, LARGEST = 1024 };

static void assert_same(const struct site_load *a, const struct site_load *b, uint32_t links)
{
	T_TRUE(gateway_equal(a->identity, b->identity));
	T_EQ(a->measured, b->measured);
	T_EQ(a->validity, b->validity);
	T_EQ(a->running, b->running);
	T_EQ(a->waiting, b->waiting);
	T_EQ(a->wait, b->wait);
	T_EQ(a->resource_count, b->resource_count);
	for (uint32_t i = 0; i < a->resource_count; i++) {
		T_EQ(a->resources[i].kind, b->resources[i].kind);
		T_EQ(a->resources[i].free, b->resources[i].free);
		T_EQ(a->resources[i].base, b->resources[i].base);
	}
	T_EQ(b->link_count, links);
	for (uint32_t i = 0; i < links; i++) {
		T_TRUE(gateway_equal(a->links[i].toward, b->links[i].toward));
		T_EQ(a->links[i].free, b->links[i].free);
		T_EQ(a->links[i].base, b->links[i].base);
	}
}

static void loads_decode_as_they_were(void **state)
{
	struct random random;

	random_seed(&random, 81);
	for (int i = 0; i < ROUNDS; i++) {
		struct site_load load = sample_random_load(&random), decoded;
		uint8_t room[LARGEST];

		T_OK(load_codec_encode(&load, room, sizeof(room)));
		T_OK(load_codec_decode(room, sizeof(room), &decoded));
		assert_same(&load, &decoded, load.link_count);
	}
}

/* Every room is filled with as much as is certain to be read again, or with nothing at all. */
static void links_go_in_as_long_as_there_is_room(void **state)
{
	struct random random;

	random_seed(&random, 82);
	for (int i = 0; i < ROUNDS; i++) {
		struct site_load load = sample_random_load(&random), decoded;
		size_t size = random_below(&random, LARGEST);
		uint8_t room[LARGEST];
		int code;

		memset(room, 0x5a, sizeof(room));
		code = load_codec_encode(&load, room, size);
		if (code < 0) {
			T_ERROR(code, BUSBAR_ERROR_TOO_LARGE);
			T_TRUE(size < 64 + RESOURCE_KINDS * 19);
			T_TRUE(load_codec_decode(room, size, &decoded) < 0);
			continue;
		}
		T_EQ(room[size], 0x5a);
		T_OK(load_codec_decode(room, size, &decoded));
		T_TRUE(decoded.link_count <= load.link_count);
		assert_same(&load, &decoded, decoded.link_count);
		if (size > 64 + RESOURCE_KINDS * 19 + SITE_LINKS * 24)
			T_EQ(decoded.link_count, load.link_count);
	}
}

static void the_usual_room_holds_five_links(void **state)
{
	struct site_load load = sample_load(), decoded;
	uint8_t room[LOAD_CODEC_ROOM];

	load.link_count = 5;
	for (uint32_t i = 0; i < load.link_count; i++)
		load.links[i] = (struct load_link){{i + 1, 1}, UINT64_C(10000000000), 100000};
	load.resource_count = 0;
	for (unsigned kind = 0; kind < RESOURCE_KINDS; kind++)
		load.resources[load.resource_count++] =
		        (struct load_resource){(enum resource_kind)kind, UINT64_C(1) << 34, 100000};
	T_OK(load_codec_encode(&load, room, sizeof(room)));
	T_OK(load_codec_decode(room, sizeof(room), &decoded));
	assert_same(&load, &decoded, 5);
}

static void an_empty_room_is_no_load(void **state)
{
	struct site_load decoded = {.running = 77};
	uint8_t room[64] = {0};

	T_ERROR(load_codec_decode(room, sizeof(room), &decoded), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(load_codec_decode(room, 0, &decoded), BUSBAR_ERROR_TRUNCATED);
	room[9] = 1;
	T_ERROR(load_codec_decode(room, sizeof(room), &decoded), BUSBAR_ERROR_MALFORMED);
	room[0] = 2;
	T_ERROR(load_codec_decode(room, sizeof(room), &decoded), BUSBAR_ERROR_VERSION);
	T_EQ(decoded.running, 77);
}

static void what_no_reader_takes_is_not_written(void **state)
{
	struct site_load load = sample_load();
	uint8_t room[LARGEST];

	load.resources[1].kind = load.resources[0].kind;
	T_ERROR(load_codec_encode(&load, room, sizeof(room)), BUSBAR_ERROR_BAD_VALUE);
	load = sample_load();
	load.identity.site = 0;
	T_ERROR(load_codec_encode(&load, room, sizeof(room)), BUSBAR_ERROR_MISSING_FIELD);
	load = sample_load();
	load.links[0].base = -1;
	T_ERROR(load_codec_encode(&load, room, sizeof(room)), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	load = sample_load();
	load.resource_count = RESOURCE_KINDS + 1;
	T_ERROR(load_codec_encode(&load, room, sizeof(room)), BUSBAR_ERROR_BAD_VALUE);
	load = sample_load();
	load.link_count = SITE_LINKS + 1;
	T_ERROR(load_codec_encode(&load, room, sizeof(room)), BUSBAR_ERROR_BAD_VALUE);
}

/* What is changed at random is refused, or is another load that encodes to the same. */
static void mutations_are_refused_or_meant(void **state)
{
	struct random random;

	random_seed(&random, 83);
	for (int i = 0; i < ROUNDS; i++) {
		struct site_load load = sample_random_load(&random), decoded;
		uint8_t room[LARGEST], again[LARGEST];

		T_OK(load_codec_encode(&load, room, sizeof(room)));
		for (uint64_t n = 1 + random_below(&random, 4); n > 0; n--)
			room[random_below(&random, 200)] = (uint8_t)random_u64(&random);
		if (load_codec_decode(room, sizeof(room), &decoded) < 0)
			continue;
		T_OK(load_codec_encode(&decoded, again, sizeof(again)));
		T_BYTES(again, room, sizeof(room));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(loads_decode_as_they_were),
	        cmocka_unit_test(links_go_in_as_long_as_there_is_room),
	        cmocka_unit_test(the_usual_room_holds_five_links),
	        cmocka_unit_test(an_empty_room_is_no_load),
	        cmocka_unit_test(what_no_reader_takes_is_not_written),
	        cmocka_unit_test(mutations_are_refused_or_meant),
	};

	return T_RUN(tests);
}
