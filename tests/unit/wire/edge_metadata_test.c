/* SPDX-License-Identifier: Apache-2.0 */
/* Edge Metadata: golden octets of every sub-TLV, every reading of the draft, and what is refused. */
#include "sample.h"
#include "tests/t.h"
#include "wire/edge_metadata.h"

#include "base/hex.h"

enum { ROUNDS = 20000, MUTATIONS = 200000 };
#define MILLISECOND INT64_C(1000000)

/* All that one attribute can say but for a delay as a share and a resource as an amount. */
static const struct edge_metadata whole = {
        .present = EDGE_PREFERENCE | EDGE_GROUP | EDGE_AVAILABILITY | EDGE_DELAY | EDGE_RELATIVE_DELAY |
                   EDGE_TRAFFIC | EDGE_CAPABILITY | EDGE_RESOURCE_SHARE | EDGE_SCOPE,
        .preference = 100,
        .group = 7,
        .available_group = 9,
        .availability = 50,
        .delay = 2500 * MILLISECOND,
        .relative_delay = 40,
        .traffic = {.octets = true, .period = 30, .toward = 0x01020304, .from = 0x05060708},
        .capability = 50,
        .resource_share = 80,
        .scope = 65001,
};
static const char golden[] = "0001050000000064"                          /* preference 100 */
                             "0002058000070000"                          /* of group 7 */
                             "0002050000090032"                          /* group 9: 50 % */
                             "0003050000028000"                          /* 2.5 s, NTP short format */
                             "0003058000000028"                          /* delay 40 of 100 */
                             "000411000001 0d800000001e0102030405060708" /* octets of 30 s */
                             "0005050000000032"                          /* capability 50 */
                             "0006058000000050"                          /* 80 % of it are free */
                             "000705000000fde9";                         /* for AS 65001 */

/* Octets of hexadecimal text in which blanks are for the eye. */
static size_t octets_of(const char *text, uint8_t *bytes, size_t capacity)
{
	char digits[2 * EDGE_METADATA_MAXIMUM + 1];
	size_t count = 0;

	for (; *text != '\0'; text++)
		if (*text != ' ')
			digits[count++] = *text;
	digits[count] = '\0';
	T_TRUE(count / 2 <= capacity);
	T_OK(hex_parse(digits, bytes, count / 2));
	return count / 2;
}

static int decode_text(const char *text, struct edge_metadata *ret_metadata)
{
	uint8_t bytes[EDGE_METADATA_MAXIMUM];
	size_t size = octets_of(text, bytes, sizeof(bytes));

	return edge_metadata_decode(bytes, size, ret_metadata);
}

static struct edge_metadata decoded(const char *text)
{
	struct edge_metadata metadata;

	T_OK(decode_text(text, &metadata));
	return metadata;
}

static void assert_same(const struct edge_metadata *a, const struct edge_metadata *b)
{
	T_EQ(a->present, b->present);
	T_EQ(a->preference, b->preference);
	T_EQ(a->group, b->group);
	T_EQ(a->available_group, b->available_group);
	T_EQ(a->availability, b->availability);
	T_EQ(a->delay, b->delay);
	T_EQ(a->relative_delay, b->relative_delay);
	T_EQ(a->traffic.octets, b->traffic.octets);
	T_EQ(a->traffic.period, b->traffic.period);
	T_EQ(a->traffic.toward, b->traffic.toward);
	T_EQ(a->traffic.from, b->traffic.from);
	T_EQ(a->capability, b->capability);
	T_EQ(a->resource, b->resource);
	T_EQ(a->resource_share, b->resource_share);
	T_EQ(a->scope, b->scope);
}

static void every_sub_tlv_has_its_octets(void **state)
{
	uint8_t expected[EDGE_METADATA_MAXIMUM], bytes[EDGE_METADATA_MAXIMUM];
	size_t size = octets_of(golden, expected, sizeof(expected));
	struct edge_metadata metadata = decoded(golden);

	T_EQ(edge_metadata_encode(&whole, bytes, sizeof(bytes)), size);
	T_BYTES(bytes, expected, size);
	assert_same(&metadata, &whole);
}

/* The draft's two readings of L never fit the same length. */
static void a_delay_is_read_by_its_length(void **state)
{
	static const struct {
		const char *text;
		int64_t delay;
	} cases[] = {
	        {"0003054000000019", 25 * MILLISECOND}, /* L, 4 octets: milliseconds */
	        {"00030540ffffffff", 4294967295 * MILLISECOND},
	        {"0003050000018000", 1500 * MILLISECOND}, /* no L, 4 octets: NTP short */
	        {"00030500ffffffff", INT64_C(65535999984741)},
	        {"0003090000000001 80000000", 1500 * MILLISECOND}, /* 8 octets: NTP long, L or not */
	        {"0003094000000001 80000000", 1500 * MILLISECOND},
	        {"00030900ffffffff ffffffff", INT64_C(4294967295999999999)},
	        {"0003050000000000", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct edge_metadata metadata = decoded(cases[i].text);

		T_EQ(metadata.present, EDGE_DELAY);
		T_EQ(metadata.delay, cases[i].delay);
	}
}

static void a_delay_too_long_for_the_short_format_is_written_in_the_long_one(void **state)
{
	struct edge_metadata metadata = {.present = EDGE_DELAY, .delay = 65536000 * MILLISECOND};
	uint8_t bytes[EDGE_METADATA_MAXIMUM], expected[EDGE_METADATA_MAXIMUM];
	size_t size = octets_of("0003090000010000 00000000", expected, sizeof(expected));

	T_EQ(edge_metadata_encode(&metadata, bytes, sizeof(bytes)), size);
	T_BYTES(bytes, expected, size);
	metadata.delay = INT64_MAX;
	T_ERROR(edge_metadata_encode(&metadata, bytes, sizeof(bytes)), BUSBAR_ERROR_BAD_VALUE);
}

/* A sub-sub-TLV with a type of 16 or of 8 bits, and a length of 13, or of 22 with 13 or 22 octets. */
static void traffic_is_read_in_every_form_that_the_draft_gives_it(void **state)
{
	static const char *const forms[] = {
	        "000411 00 00010d 80 0000001e 01020304 05060708",
	        "000410 00 010d 80 0000001e 01020304 05060708",
	        "000411 00 000116 80 0000001e 01020304 05060708",
	        "000410 00 0116 80 0000001e 01020304 05060708",
	        "00041a 00 000116 80 0000001e 01020304 05060708 000000000000000000",
	        "000415 00 000201ff 00010d 80 0000001e 01020304 05060708", /* behind an unknown one */
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct edge_metadata metadata = decoded(forms[i]);

		T_EQ(metadata.present, EDGE_TRAFFIC);
		T_TRUE(metadata.traffic.octets);
		T_EQ(metadata.traffic.period, 30);
		T_EQ(metadata.traffic.toward, 0x01020304);
		T_EQ(metadata.traffic.from, 0x05060708);
	}
}

/* Out of range, of an unknown kind or metric type, or later than the first: as if they had not come. */
static void what_cannot_be_used_is_ignored(void **state)
{
	static const char *const texts[] = {
	        "0001050000000000", /* preference 0 */
	        "0002050000090065", /* 101 % */
	        "0003058000000065", /* relative delay 101 */
	        "0003098000000001 00000000",
	        "0005050100000032",
	        "0006050100000032",                               /* metric type 1 */
	        "0006058000000065",                               /* 101 % */
	        "000401 00",                                      /* no measurement */
	        "000411 00 00010d 80 00000000 01020304 05060708", /* in no time */
	        "000411 00 00020d 80 0000001e 01020304 05060708", /* another kind */
	        "000411 00 0001ff 80 0000001e 01020304 05060708", /* longer than it is */
	        "000406 00 000102 8000",                          /* shorter than it must be */
	        "000000",
	        "ffff0401020304",
	        "000803ffffff", /* nobody's types */
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		T_EQ(decoded(texts[i]).present, 0);
}

static void of_several_the_first_counts(void **state)
{
	static const struct {
		const char *text;
		struct edge_metadata expected;
	} cases[] = {
	        {"0001050000000005 0001050000000006", {.present = EDGE_PREFERENCE, .preference = 5}},
	        {"0001050000000000 0001050000000006", {.present = EDGE_PREFERENCE, .preference = 6}},
	        {"0002058000010000 0002058000020000", {.present = EDGE_GROUP, .group = 1}},
	        {"0003054000000001 0003054000000002", {.present = EDGE_DELAY, .delay = MILLISECOND}},
	        {"0005050100000009 0005050000000001 0005050000000002",
	         {.present = EDGE_CAPABILITY, .capability = 1}},
	        {"0006050000000001 0006058000000002", {.present = EDGE_RESOURCE, .resource = 1}},
	        {"0006058000000003 0006050000000002", {.present = EDGE_RESOURCE_SHARE, .resource_share = 3}},
	        {"0007050000000001 0007050000000002", {.present = EDGE_SCOPE, .scope = 1}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct edge_metadata metadata = decoded(cases[i].text);

		assert_same(&metadata, &cases[i].expected);
	}
}

static void a_scope_has_the_drawn_or_the_stated_length(void **state)
{
	T_EQ(decoded("000705000000fde9").scope, 65001);
	T_EQ(decoded("000706000000fde900").scope, 65001);
}

static void what_is_malformed_is_refused(void **state)
{
	static const struct {
		const char *text;
		int expected;
	} cases[] = {
	        {"", BUSBAR_ERROR_MISSING_FIELD},
	        {"00", BUSBAR_ERROR_TRUNCATED},
	        {"0001", BUSBAR_ERROR_TRUNCATED},
	        {"000105", BUSBAR_ERROR_TRUNCATED},
	        {"00010500000000", BUSBAR_ERROR_TRUNCATED},
	        {"0001050000000064 0002", BUSBAR_ERROR_TRUNCATED},
	        {"00ff05000000", BUSBAR_ERROR_TRUNCATED}, /* an unknown one too */
	        {"000100", BUSBAR_ERROR_MALFORMED},
	        {"00010400000000", BUSBAR_ERROR_MALFORMED},
	        {"000106000000000000", BUSBAR_ERROR_MALFORMED},
	        {"00020400000000", BUSBAR_ERROR_MALFORMED},
	        {"000306000000000000", BUSBAR_ERROR_MALFORMED},
	        {"0003080000000000000000", BUSBAR_ERROR_MALFORMED},
	        {"00030a00000000000000000000", BUSBAR_ERROR_MALFORMED},
	        {"000400", BUSBAR_ERROR_MALFORMED},
	        {"00050400000000", BUSBAR_ERROR_MALFORMED},
	        {"00060400000000", BUSBAR_ERROR_MALFORMED},
	        {"00070400000000", BUSBAR_ERROR_MALFORMED},
	        {"00070700000000000000", BUSBAR_ERROR_MALFORMED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct edge_metadata metadata = {.preference = 77};

		T_ERROR(decode_text(cases[i].text, &metadata), cases[i].expected);
		T_EQ(metadata.preference, 77);
	}
}

static void what_a_reader_would_ignore_is_not_written(void **state)
{
	const struct {
		struct edge_metadata metadata;
		int expected;
	} cases[] = {
	        {{.present = 0}, BUSBAR_ERROR_MISSING_FIELD},
	        {{.present = EDGE_PREFERENCE}, BUSBAR_ERROR_BAD_VALUE},
	        {{.present = EDGE_AVAILABILITY, .availability = 101}, BUSBAR_ERROR_BAD_VALUE},
	        {{.present = EDGE_DELAY, .delay = -1}, BUSBAR_ERROR_BAD_VALUE},
	        {{.present = EDGE_RELATIVE_DELAY, .relative_delay = 101}, BUSBAR_ERROR_BAD_VALUE},
	        {{.present = EDGE_TRAFFIC}, BUSBAR_ERROR_BAD_VALUE},
	        {{.present = EDGE_RESOURCE_SHARE, .resource_share = 101}, BUSBAR_ERROR_BAD_VALUE},
	        {{.present = EDGE_RESOURCE | EDGE_RESOURCE_SHARE}, BUSBAR_ERROR_BAD_VALUE},
	};
	uint8_t bytes[EDGE_METADATA_MAXIMUM];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		T_ERROR(edge_metadata_encode(&cases[i].metadata, bytes, sizeof(bytes)), cases[i].expected);
	for (size_t room = 0; room < strlen(golden) / 2 - 1; room++)
		T_ERROR(edge_metadata_encode(&whole, bytes, room), BUSBAR_ERROR_TOO_LARGE);
}

/* Whatever is read can be written, and then reads and writes the same. */
static bool survives(const uint8_t *bytes, size_t size)
{
	uint8_t first[EDGE_METADATA_MAXIMUM], second[EDGE_METADATA_MAXIMUM];
	struct edge_metadata metadata;
	int length;

	if (edge_metadata_decode(bytes, size, &metadata) < 0)
		return false;
	length = edge_metadata_encode(&metadata, first, sizeof(first));
	if (metadata.present == 0) {
		T_ERROR(length, BUSBAR_ERROR_MISSING_FIELD);
		return true;
	}
	T_OK(length);
	T_OK(edge_metadata_decode(first, (size_t)length, &metadata));
	T_EQ(edge_metadata_encode(&metadata, second, sizeof(second)), length);
	T_BYTES(first, second, (size_t)length);
	return true;
}

/* One to three octets of a sound attribute changed, or its end cut off. */
static void a_changed_attribute_is_read_or_refused(void **state)
{
	uint8_t sound[EDGE_METADATA_MAXIMUM];
	size_t size = octets_of(golden, sound, sizeof(sound)), read = 0;
	struct random random;

	random_seed(&random, 42);
	for (int i = 0; i < MUTATIONS; i++) {
		size_t left = random_below(&random, 8) == 0 ? random_below(&random, size) : size;
		uint8_t *bytes = malloc(left + 1);

		T_TRUE(bytes != NULL);
		memcpy(bytes, sound, left);
		for (uint64_t j = random_below(&random, 3) + 1; left > 0 && j > 0; j--)
			bytes[random_below(&random, left)] = (uint8_t)random_u64(&random);
		read += survives(bytes, left);
		free(bytes);
	}
	T_TRUE(read > MUTATIONS / 10 && read < MUTATIONS);
}

static struct edge_metadata random_metadata(struct random *random)
{
	struct edge_metadata metadata = {
	        .present = (uint32_t)random_below(random, EDGE_SCOPE) + EDGE_SCOPE,
	        .preference = (uint32_t)random_u64(random) | 1,
	        .group = (uint16_t)random_u64(random),
	        .available_group = (uint16_t)random_u64(random),
	        .availability = (uint16_t)random_below(random, EDGE_PERCENT + 1),
	        .delay = (int64_t)random_below(random, 1000) * 1000 * MILLISECOND,
	        .relative_delay = (uint32_t)random_below(random, EDGE_PERCENT + 1),
	        .traffic = {.octets = random_below(random, 2) == 0,
	                    .period = (uint32_t)random_u64(random) | 1,
	                    .toward = (uint32_t)random_u64(random),
	                    .from = (uint32_t)random_u64(random)},
	        .capability = (uint32_t)random_u64(random),
	        .resource = (uint32_t)random_u64(random),
	        .resource_share = (uint32_t)random_below(random, EDGE_PERCENT + 1),
	        .scope = (uint32_t)random_u64(random),
	};

	if (metadata.present & EDGE_RESOURCE)
		metadata.present &= ~(uint32_t)EDGE_RESOURCE_SHARE;
	return metadata;
}

static void random_metadata_decode_as_they_were(void **state)
{
	struct random random;

	random_seed(&random, 7);
	for (int i = 0; i < ROUNDS; i++) {
		struct edge_metadata metadata = random_metadata(&random), again;
		uint8_t bytes[EDGE_METADATA_MAXIMUM];
		int size = edge_metadata_encode(&metadata, bytes, sizeof(bytes));

		T_OK(size);
		T_OK(edge_metadata_decode(bytes, (size_t)size, &again));
		T_EQ(again.present, metadata.present);
		T_TRUE(!(again.present & EDGE_DELAY) || again.delay == metadata.delay);
		T_TRUE(!(again.present & EDGE_TRAFFIC) || again.traffic.from == metadata.traffic.from);
		T_EQ(again.scope, metadata.scope);
		T_TRUE(survives(bytes, (size_t)size));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_sub_tlv_has_its_octets),
	        cmocka_unit_test(a_delay_is_read_by_its_length),
	        cmocka_unit_test(a_delay_too_long_for_the_short_format_is_written_in_the_long_one),
	        cmocka_unit_test(traffic_is_read_in_every_form_that_the_draft_gives_it),
	        cmocka_unit_test(what_cannot_be_used_is_ignored),
	        cmocka_unit_test(of_several_the_first_counts),
	        cmocka_unit_test(a_scope_has_the_drawn_or_the_stated_length),
	        cmocka_unit_test(what_is_malformed_is_refused),
	        cmocka_unit_test(what_a_reader_would_ignore_is_not_written),
	        cmocka_unit_test(a_changed_attribute_is_read_or_refused),
	        cmocka_unit_test(random_metadata_decode_as_they_were),
	};

	return T_RUN(tests);
}
