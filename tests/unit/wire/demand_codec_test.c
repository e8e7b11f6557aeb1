/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"
#include "sample.h"
#include "tests/t.h"
#include "tests/unit/grammar/generate.h"
#include "wire/demand_codec.h"

enum { ROUNDS = 5000, CUTS = 300, BINARY = 65536, ARENA = 1 << 20 };

static struct arena *arena;
static struct demand_stage stages[DEMAND_STAGES];
static uint8_t binary[BINARY], again[BINARY];

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

static void random_demand(struct random *random, struct demand *demand)
{
	generate_demand(random, stages, demand);
	if (random_below(random, 2))
		demand->identifier = identifier_make((int64_t)random_below(random, INT64_MAX), random);
	if (demand->body.reserve_time == 0 && random_below(random, 3) == 0)
		demand->input_size = (uint32_t)random_below(random, DEMAND_INPUT + 1);
	random_fill(random, demand->input, demand->input_size);
}

static void what_is_encoded_decodes(void **state)
{
	struct random random;

	random_seed(&random, 21);
	for (int i = 0; i < ROUNDS; i++) {
		struct demand demand, decoded;
		int size;

		random_demand(&random, &demand);
		size = demand_codec_encode(&demand, binary, BINARY);
		T_OK(size);
		T_OK(demand_codec_decode(binary, (size_t)size, arena, &decoded));
		assert_same_demand(&decoded, &demand);
		T_TRUE(identifier_equal(&decoded.identifier, &demand.identifier));
		T_EQ(decoded.input_size, demand.input_size);
		T_BYTES(decoded.input, demand.input, demand.input_size + 1); /* zero behind it */
		T_EQ(demand_codec_encode(&decoded, again, BINARY), size);
		T_BYTES(again, binary, (size_t)size);
		arena_reset(arena);
	}
}

/* Where a TLV ends. */
static bool is_boundary(const uint8_t *bytes, size_t size, size_t at)
{
	struct cursor cursor = cursor_open(bytes, size);

	while (cursor_left(&cursor) > size - at) {
		(void)cursor_u8(&cursor);
		(void)cursor_bytes(&cursor, cursor_u16(&cursor));
	}
	return cursor_left(&cursor) == size - at;
}

static void cuts_inside_a_field_are_errors(void **state)
{
	struct random random;

	random_seed(&random, 22);
	for (int i = 0; i < CUTS; i++) {
		struct demand demand, decoded = {.trust = 77};
		int size;

		random_demand(&random, &demand);
		size = demand_codec_encode(&demand, binary, BINARY);
		T_OK(size);
		for (size_t cut = 0; cut < (size_t)size; cut++) {
			uint8_t *part = malloc(cut ? cut : 1);
			int code;

			assert_non_null(part);
			memcpy(part, binary, cut);
			code = demand_codec_decode(part, cut, arena, &decoded);
			free(part);
			if (code < 0)
				T_EQ(decoded.trust, 77);
			else
				T_TRUE(is_boundary(binary, (size_t)size, cut));
			decoded.trust = 77;
			arena_reset(arena);
		}
	}
}

static void too_little_room_is_too_large(void **state)
{
	struct demand demand = sample_demand();
	int size = demand_codec_encode(&demand, binary, BINARY);

	T_OK(size);
	for (size_t room = 0; room < (size_t)size; room++)
		T_ERROR(demand_codec_encode(&demand, again, room), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(demand_codec_encode(&demand, again, (size_t)size), size);
}

static void counters_past_their_tables_are_too_large(void **state)
{
	struct demand demand = sample_staged_demand(stages);

	demand.stage_count = DEMAND_STAGES + 1;
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_TOO_LARGE);
	demand.stage_count = 2;
	stages[1].after_count = DEMAND_AFTER + 1;
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_TOO_LARGE);
	stages[1].after_count = 1;
	stages[1].body.data_count = DEMAND_DATA + 1;
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_TOO_LARGE);
	stages[1].body.data_count = 0;
	demand.input_size = DEMAND_INPUT + 1;
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_TOO_LARGE);
	demand.input_size = 0;
	T_OK(demand_codec_encode(&demand, binary, BINARY));
}

static void what_no_reader_takes_is_not_written(void **state)
{
	struct demand demand = sample_demand();

	demand.budget = -1;
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	demand = sample_demand();
	demand.body.bandwidth_up = UINT64_C(1) << 63;
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	demand = sample_demand();
	demand.name[0] = '\n';
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_BAD_VALUE);
	demand = sample_demand();
	demand.body.needs[0].kind = RESOURCE_KINDS;
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_BAD_VALUE);
	demand = sample_demand();
	demand.prefer = PREFER_CHOICES;
	T_ERROR(demand_codec_encode(&demand, binary, BINARY), BUSBAR_ERROR_BAD_VALUE);
}

static int decode(const char *octets, size_t size)
{
	struct demand demand;
	int code = demand_codec_decode((const uint8_t *)octets, size, arena, &demand);

	arena_reset(arena);
	return code;
}

#define DECODE(octets) decode(octets, sizeof(octets) - 1)
#define SERVICE "\x10\x00\x03\x01s\x00" /* service "s", any version */

static void a_service_is_enough(void **state)
{
	T_OK(DECODE(SERVICE));
	T_ERROR(DECODE(""), BUSBAR_ERROR_MISSING_FIELD);
	T_OK(DECODE("\x11\x00\x05\x01\x03"
	            "cmd"));
	T_ERROR(DECODE(SERVICE "\x11\x00\x05\x01\x03"
	                       "cmd"),
	        BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(DECODE("\x10\x00\x03\x00\x01"
	               "1"),
	        BUSBAR_ERROR_MISSING_FIELD);
}

static void unknown_fields_are_skipped_or_refused(void **state)
{
	T_OK(DECODE(SERVICE "\x80\x00\x02xx\xff\x00\x00"));
	T_ERROR(DECODE(SERVICE "\x7f\x00\x02xx"), BUSBAR_ERROR_UNKNOWN_FIELD);
	T_ERROR(DECODE(SERVICE "\x3f\x00\x00"), BUSBAR_ERROR_UNKNOWN_FIELD);
	T_ERROR(DECODE("\x80\x00\x00" SERVICE), BUSBAR_ERROR_MALFORMED);
}

static void a_reservation_by_hand(void **state)
{
#define LIMITS "\x15\x00\x01\x14\x18\x00\x01\x02\x19\x00\x01\x03"
	static const uint8_t bytes[] = SERVICE LIMITS "\x1e\x00\x02\x81\x00\x1f\x00\x00";
	struct demand demand;

	T_OK(demand_codec_decode(bytes, sizeof(bytes) - 1, arena, &demand));
	T_EQ(demand.body.reserve_time, 128);
	T_TRUE(demand.body.network_guaranteed);
	T_EQ(demand.body.network_within, 20);
	T_EQ(demand.body.bandwidth_up, 2);
	T_EQ(demand.body.bandwidth_down, 3);
	/* A guarantee without a reservation; a reservation with input. */
	T_ERROR(DECODE(SERVICE LIMITS "\x1f\x00\x00"), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(DECODE(SERVICE LIMITS "\x1e\x00\x01\x01\x49\x00\x01i"), BUSBAR_ERROR_BAD_VALUE);
}

static void values_have_one_form(void **state)
{
	T_ERROR(DECODE(SERVICE SERVICE), BUSBAR_ERROR_MALFORMED);                /* twice */
	T_ERROR(DECODE(SERVICE "\x1a\x00\x01\x00"), BUSBAR_ERROR_AMOUNT_ZERO);   /* burst 0 */
	T_ERROR(DECODE(SERVICE "\x1a\x00\x02\x80\x01"), BUSBAR_ERROR_MALFORMED); /* not the shortest */
	T_ERROR(DECODE("\x02\x00\x01\x00" SERVICE), BUSBAR_ERROR_MALFORMED);     /* an empty name */
	T_ERROR(DECODE(SERVICE "\x42\x00\x01\x00"),
	        BUSBAR_ERROR_MALFORMED); /* the preference there is anyway */
	T_ERROR(DECODE(SERVICE "\x42\x00\x01\x03"), BUSBAR_ERROR_MALFORMED);   /* no preference */
	T_ERROR(DECODE(SERVICE "\x46\x00\x01\x00"), BUSBAR_ERROR_AMOUNT_ZERO); /* trust 0 */
	T_ERROR(DECODE(SERVICE "\x48\x00\x01\x00"), BUSBAR_ERROR_MALFORMED);   /* offload has no value */
	T_ERROR(DECODE(SERVICE "\x49\x00\x00"), BUSBAR_ERROR_MALFORMED);       /* no input */
	T_ERROR(DECODE(SERVICE "\x1e\x00\x01\x00"), BUSBAR_ERROR_AMOUNT_ZERO); /* reserve for 0 */
	T_ERROR(DECODE(SERVICE "\x1f\x00\x01\x01"), BUSBAR_ERROR_MALFORMED);   /* guaranteed has none */
	T_ERROR(DECODE(SERVICE "\x12\x00\x03\x00\x02\x05"), BUSBAR_ERROR_MALFORMED); /* a flag not known */
	T_ERROR(DECODE(SERVICE "\x12\x00\x03\x07\x00\x05"), BUSBAR_ERROR_MALFORMED); /* a kind not known */
	T_ERROR(DECODE(SERVICE "\x1c\x00\x02\x00\x00"), BUSBAR_ERROR_AMOUNT_ZERO);   /* split 0 */
	T_ERROR(DECODE("\x01\x00\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" SERVICE), BUSBAR_ERROR_MALFORMED);
}

static void amounts_past_63_bits_are_refused(void **state)
{
	T_OK(DECODE(SERVICE "\x1a\x00\x09\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
	T_ERROR(DECODE(SERVICE "\x1a\x00\x0a\x81\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
	        BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_ERROR(DECODE(SERVICE "\x41\x00\x0a\x81\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
	        BUSBAR_ERROR_AMOUNT_OVERFLOW);
}

static void control_characters_are_refused(void **state)
{
	T_ERROR(DECODE("\x10\x00\x03\x01\x07\x00"), BUSBAR_ERROR_MALFORMED);
	T_ERROR(DECODE("\x02\x00\x03\x02\x1bZ" SERVICE), BUSBAR_ERROR_MALFORMED);
	T_ERROR(DECODE("\x02\x00\x03\x02Z\x7f" SERVICE), BUSBAR_ERROR_MALFORMED);
	T_ERROR(DECODE("\x02\x00\x03\x02Z\x00" SERVICE), BUSBAR_ERROR_MALFORMED);
	T_OK(DECODE("\x11\x00\x06\x01\x04"
	            "a\t\nb"));
	T_ERROR(DECODE("\x11\x00\x05\x01\x03"
	               "a\rb"),
	        BUSBAR_ERROR_MALFORMED);
}

static void tables_have_their_ends(void **state)
{
	static const struct {
		uint8_t type;
		const char *value;
		size_t size, most;
	} rows[] = {
	        {27, "\x00\x05", 2, DEMAND_DATA},
	        {67, "\x01r", 2, DEMAND_PLACES},
	        {68, "\x01o", 2, DEMAND_PLACES},
	        {69, "\x01", 1, DEMAND_PLACES},
	};

	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		struct writer writer = writer_open(binary, BINARY);

		writer_bytes(&writer, SERVICE, sizeof(SERVICE) - 1);
		for (size_t i = 0; i <= rows[row].most; i++) {
			writer_u8(&writer, rows[row].type);
			writer_u16(&writer, (uint16_t)rows[row].size);
			writer_bytes(&writer, rows[row].value, rows[row].size);
			T_ERROR(decode((const char *)binary, writer_size(&writer)),
			        i < rows[row].most ? 0 : BUSBAR_ERROR_TOO_LARGE);
		}
	}
}

static void stages_need_an_arena_with_room(void **state)
{
	struct arena *small = arena_create(64);
	struct demand demand = sample_staged_demand(stages);
	int size = demand_codec_encode(&demand, binary, BINARY);

	assert_non_null(small);
	T_OK(size);
	T_TRUE(demand_codec_decode(binary, (size_t)size, small, &demand) < 0);
	arena_free(small);
}

/* Stages do not nest, and carry nothing of the demand as a whole. */
static void stages_are_bodies(void **state)
{
	T_OK(DECODE("\x40\x00\x0b\x02\x00\x02\x01x" SERVICE));
	T_ERROR(DECODE("\x40\x00\x06" SERVICE), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(DECODE("\x40\x00\x05\x02\x00\x02\x01x"), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(DECODE("\x40\x00\x19\x02\x00\x02\x01x" SERVICE "\x40\x00\x0b\x02\x00\x02\x01y" SERVICE),
	        BUSBAR_ERROR_UNKNOWN_FIELD);
	T_ERROR(DECODE("\x40\x00\x0f\x02\x00\x02\x01x" SERVICE "\x41\x00\x01\x05"),
	        BUSBAR_ERROR_UNKNOWN_FIELD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(what_is_encoded_decodes),
	        TEST(cuts_inside_a_field_are_errors),
	        TEST(too_little_room_is_too_large),
	        TEST(counters_past_their_tables_are_too_large),
	        TEST(what_no_reader_takes_is_not_written),
	        TEST(a_service_is_enough),
	        TEST(unknown_fields_are_skipped_or_refused),
	        TEST(a_reservation_by_hand),
	        TEST(values_have_one_form),
	        TEST(amounts_past_63_bits_are_refused),
	        TEST(control_characters_are_refused),
	        TEST(tables_have_their_ends),
	        TEST(stages_need_an_arena_with_room),
	        TEST(stages_are_bodies),
	};

	return T_RUN(tests);
}
