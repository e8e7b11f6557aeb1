/* SPDX-License-Identifier: Apache-2.0 */
/* UPDATE octet by octet: goldens, truncations, and the ladder of RFC 7606. */
#include "base/hex.h"
#include "base/random.h"
#include "bgp/attributes.h"
#include "bgp/update.h"
#include "tests/t.h"
#include <stdio.h>

#define MARKER "ffffffffffffffffffffffffffffffff"
#define NEXT_HOP "20010db8000000000000000000000001"
#define NLRI_PATH  \
	"0000fde9" \
	"30"       \
	"20010db80001" /* path 65001 of 2001:db8:1::/48 */
#define NLRI \
	"30" \
	"20010db80001"
#define REACH    \
	"800e1c" \
	"000201" \
	"10" NEXT_HOP "00" NLRI
#define UNREACH  \
	"800f0a" \
	"000201" NLRI
#define ORIGIN "40010100"
#define AS_PATH  \
	"400206" \
	"0201"   \
	"0000fde9"
#define PREFERENCE "40050400000064"
#define OPAQUE   \
	"c0ff03" \
	"010203"

static const char golden_announce[] = MARKER "0051"
                                             "02"
                                             "0000"
                                             "003a"
                                             "800e20"
                                             "000201"
                                             "10" NEXT_HOP "00" NLRI_PATH ORIGIN "40020a"
                                             "0202"
                                             "0000fde9"
                                             "0000fdeb" OPAQUE;
static const char golden_withdraw[] = MARKER "0028"
                                             "02"
                                             "0000"
                                             "0011"
                                             "800f0e"
                                             "000201" NLRI_PATH;
static const char golden_end[] = MARKER "001d"
                                        "02"
                                        "0000"
                                        "0006"
                                        "800f03"
                                        "000201";

static const struct update_form external = {.external = true, .remote_as = 65001, .opaque_code = 255};
static const struct update_form internal = {.opaque_code = 255};
static const struct update_form with_paths = {
        .add_path = true, .external = true, .remote_as = 65001, .opaque_code = 255};

static size_t octets(const char *text, uint8_t *bytes, size_t capacity)
{
	size_t size = strlen(text) / 2;

	T_TRUE(size <= capacity);
	T_OK(hex_parse(text, bytes, size));
	return size;
}

/* The body of an UPDATE whose attribute list is `text`. */
static size_t body_of(const char *text, uint8_t *body, size_t capacity)
{
	size_t size = octets(text, body + 4, capacity - 4);

	memset(body, 0, 2);
	body[2] = (uint8_t)(size >> 8);
	body[3] = (uint8_t)size;
	return 4 + size;
}

static int decode_list(const struct update_form *form, const char *text, struct update *update,
                       struct message_error *error)
{
	static uint8_t body[8192]; /* an update points into it */

	return update_decode(form, body, body_of(text, body, sizeof(body)), update, error);
}

static size_t count(struct update_nlri list)
{
	struct update_prefix prefix;
	size_t number = 0;

	while (update_next(&list, &prefix))
		number++;
	return number;
}

static void expect_encoded(const struct update_form *form, const struct update *update, const char *golden)
{
	uint8_t bytes[256], expected[256];
	size_t size = octets(golden, expected, sizeof(expected));

	T_EQ(update_encode(form, update, bytes, sizeof(bytes)), size);
	T_BYTES(bytes, expected, size);
	for (size_t room = 0; room < size; room++)
		T_ERROR(update_encode(form, update, bytes, room), BUSBAR_ERROR_TOO_LARGE);
}

static void decode_golden(const char *golden, struct update *update)
{
	static uint8_t bytes[256];
	size_t size = octets(golden, bytes, sizeof(bytes));
	struct message_error error;
	struct message_frame frame;

	T_EQ(message_frame(bytes, size, MESSAGE_MAXIMUM, &frame, &error), size);
	T_EQ(frame.type, MESSAGE_UPDATE);
	T_OK(update_decode(&with_paths, frame.body, frame.body_size, update, &error));
	T_TRUE(!update->treat_as_withdraw);
	T_EQ(update->discarded, 0);
}

static void test_golden_announce(void **state)
{
	static const uint8_t next_hop[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	static const uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1};
	struct update_prefix prefix;
	struct update_nlri list;
	struct update update;

	decode_golden(golden_announce, &update);
	T_BYTES(update.attributes.next_hop, next_hop, 16);
	T_EQ(update.attributes.as_count, 2);
	T_EQ(update.attributes.as_path[0], 65001);
	T_EQ(update.attributes.as_path[1], 65003);
	T_EQ(update.attributes.opaque_size, 3);
	T_BYTES(update.attributes.opaque, "\1\2\3", 3);
	T_TRUE(update.attributes.has_opaque && !update.attributes.opaque_partial);
	T_TRUE(!update.end_of_rib && update.withdrawn.size == 0);
	list = update.announced;
	T_TRUE(update_next(&list, &prefix));
	T_BYTES(prefix.address, address, 16);
	T_EQ(prefix.length, 48);
	T_EQ(prefix.path_id, 65001);
	T_TRUE(!update_next(&list, &prefix));
	expect_encoded(&with_paths, &update, golden_announce);
}

static void test_golden_withdraw_and_end(void **state)
{
	struct update update;

	decode_golden(golden_withdraw, &update);
	T_EQ(count(update.withdrawn), 1);
	T_EQ(count(update.announced), 0);
	T_TRUE(!update.end_of_rib);
	expect_encoded(&with_paths, &update, golden_withdraw);
	decode_golden(golden_end, &update);
	T_TRUE(update.end_of_rib);
	T_EQ(count(update.withdrawn), 0);
	expect_encoded(&with_paths, &update, golden_end);
}

static void test_every_truncation(void **state)
{
	static const char *const goldens[] = {golden_announce, golden_withdraw, golden_end};

	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		uint8_t bytes[256];
		size_t size = octets(goldens[i], bytes, sizeof(bytes));

		for (size_t cut = MESSAGE_HEADER; cut < size; cut++) {
			struct message_error error = {0};
			struct message_frame frame;
			struct update update;
			int code;

			bytes[17] = (uint8_t)cut;
			code = message_frame(bytes, cut, MESSAGE_MAXIMUM, &frame, &error);
			if (code > 0)
				code = update_decode(&with_paths, frame.body, frame.body_size, &update,
				                     &error);
			T_ERROR(code, BUSBAR_ERROR_MALFORMED);
			T_TRUE(error.code == MESSAGE_HEADER_ERROR || error.code == MESSAGE_UPDATE_ERROR);
		}
	}
}

/* ---- the ladder ---- */

/* Each row names the section of RFC 7606 (or of another one) that asks for it. */
enum rung { KEPT, DISCARDED, WITHDRAWN, RESET };

static const struct {
	const char *name;
	const struct update_form *form;
	const char *list;
	enum rung rung;
	uint8_t detail; /* of WITHDRAWN: the attribute, of RESET: the subcode, of DISCARDED: how many */
} ladder[] = {
        {"2: plain eBGP", &external, REACH ORIGIN AS_PATH, KEPT, 0},
        {"2: plain iBGP", &internal, REACH ORIGIN AS_PATH PREFERENCE, KEPT, 0},
        {"2: iBGP with an empty path", &internal, REACH ORIGIN "400200" PREFERENCE, KEPT, 0},
        {"5.1: order does not matter", &external, OPAQUE AS_PATH ORIGIN REACH, KEPT, 0},
        {"4: extended length where not needed", &external, REACH "5001000100" AS_PATH, KEPT, 0},

        {"3 d: no ORIGIN", &external, REACH AS_PATH, WITHDRAWN, 1},
        {"7.1: ORIGIN 3", &external, REACH "40010103" AS_PATH, WITHDRAWN, 1},
        {"7.1: ORIGIN of two octets", &external, REACH "4001020000" AS_PATH, WITHDRAWN, 1},
        {"7.1: ORIGIN empty", &external, REACH "400100" AS_PATH, WITHDRAWN, 1},
        {"3 c: ORIGIN optional", &external, REACH "c0010100" AS_PATH, WITHDRAWN, 1},
        {"3 g: ORIGIN twice: the first counts", &external, REACH ORIGIN "40010107" AS_PATH, DISCARDED, 1},

        {"3 d: no AS_PATH", &external, REACH ORIGIN, WITHDRAWN, 2},
        {"7.2: empty AS_PATH from eBGP", &external, REACH ORIGIN "400200", WITHDRAWN, 2},
        {"7.2: first AS is another", &external,
         REACH ORIGIN "400206"
                      "0201"
                      "0000fdea",
         WITHDRAWN, 2},
        {"RFC 9774: AS_SET", &external,
         REACH ORIGIN "40020c"
                      "02010000fde9"
                      "01010000fdeb",
         WITHDRAWN, 2},
        {"RFC 5065 5: confederation", &external,
         REACH ORIGIN "400206"
                      "0301"
                      "0000fde9",
         WITHDRAWN, 2},
        {"7.2: segment of none", &external,
         REACH ORIGIN "400202"
                      "0200",
         WITHDRAWN, 2},
        {"7.2: segment ends early", &external,
         REACH ORIGIN "400206"
                      "0202"
                      "0000fde9",
         WITHDRAWN, 2},
        {"7.2: segment header ends early", &external,
         REACH ORIGIN "400207"
                      "02010000fde9"
                      "02",
         WITHDRAWN, 2},
        {"RFC 7607: AS 0", &external,
         REACH ORIGIN "40020a"
                      "0202"
                      "0000fde9"
                      "00000000",
         WITHDRAWN, 2},

        {"7.3: IPv4 next hop", &external,
         REACH ORIGIN AS_PATH "400304"
                              "0a000001",
         KEPT, 0},
        {"7.3: IPv4 next hop of three", &external,
         REACH ORIGIN AS_PATH "400303"
                              "0a0000",
         WITHDRAWN, 3},
        {"7.4: MED", &external,
         REACH ORIGIN AS_PATH "800404"
                              "00000005",
         KEPT, 0},
        {"7.4: MED of five", &external,
         REACH ORIGIN AS_PATH "800405"
                              "0000000500",
         WITHDRAWN, 4},
        {"3 c: MED transitive", &external,
         REACH ORIGIN AS_PATH "c00404"
                              "00000005",
         WITHDRAWN, 4},
        {"7.5: LOCAL_PREF from eBGP", &external, REACH ORIGIN AS_PATH PREFERENCE, DISCARDED, 1},
        {"7.5: LOCAL_PREF from eBGP, of a bad length", &external, REACH ORIGIN AS_PATH "40050101", DISCARDED,
         1},
        {"3 d: no LOCAL_PREF from iBGP", &internal, REACH ORIGIN AS_PATH, WITHDRAWN, 5},
        {"7.5: LOCAL_PREF of three", &internal, REACH ORIGIN AS_PATH "400503000064", WITHDRAWN, 5},
        {"7.6: ATOMIC_AGGREGATE", &external, REACH ORIGIN AS_PATH "400600", KEPT, 0},
        {"7.6: ATOMIC_AGGREGATE with a value", &external, REACH ORIGIN AS_PATH "40060100", DISCARDED, 1},
        {"7.7: AGGREGATOR of six", &external, REACH ORIGIN AS_PATH "c00706fde90a000001", DISCARDED, 1},
        {"7.7: AGGREGATOR", &external, REACH ORIGIN AS_PATH "c007080000fde90a000001", KEPT, 0},
        {"7.8: communities", &external,
         REACH ORIGIN AS_PATH "c00804"
                              "ffffff01",
         KEPT, 0},
        {"7.8: communities, none", &external, REACH ORIGIN AS_PATH "c00800", WITHDRAWN, 8},
        {"7.8: communities of five", &external, REACH ORIGIN AS_PATH "c00805ffffff0100", WITHDRAWN, 8},
        {"7.1: ORIGINATOR_ID from eBGP", &external, REACH ORIGIN AS_PATH "8009040a000001", DISCARDED, 1},
        {"7.1: ORIGINATOR_ID of three", &internal, REACH ORIGIN AS_PATH PREFERENCE "8009030a0000", WITHDRAWN,
         9},
        {"7.10: CLUSTER_LIST from eBGP", &external, REACH ORIGIN AS_PATH "800a040a000001", DISCARDED, 1},
        {"7.10: CLUSTER_LIST of six", &internal, REACH ORIGIN AS_PATH PREFERENCE "800a060a0000010000",
         WITHDRAWN, 10},
        {"7.14: extended communities of nine", &external,
         REACH ORIGIN AS_PATH "c01009"
                              "000000000000000000",
         WITHDRAWN, 16},
        {"RFC 8092 6: large communities of four", &external,
         REACH ORIGIN AS_PATH "c02004"
                              "00000000",
         WITHDRAWN, 32},
        {"RFC 6793 6: AS4_PATH between speakers of 4 octets", &external,
         REACH ORIGIN AS_PATH "c01106"
                              "02010000fde9",
         DISCARDED, 1},
        {"RFC 6793 6: AS4_AGGREGATOR likewise", &external,
         REACH ORIGIN AS_PATH "c01208"
                              "0000fde90a000001",
         DISCARDED, 1},

        {"8: our attribute, Partial set on the way", &external, REACH ORIGIN AS_PATH "e0ff03010203", KEPT, 0},
        {"3 c: our attribute not transitive", &external, REACH ORIGIN AS_PATH "80ff03010203", WITHDRAWN, 255},
        {"3 g: our attribute twice", &external, REACH ORIGIN AS_PATH OPAQUE "c0ff0109", DISCARDED, 1},
        {"8: our attribute empty", &external, REACH ORIGIN AS_PATH "c0ff00", KEPT, 0},
        {"8: unknown transitive", &external, REACH ORIGIN AS_PATH "c0fa0107", KEPT, 0},
        {"8: unknown, not transitive: ignored", &external, REACH ORIGIN AS_PATH "80fa0107", KEPT, 0},
        {"RFC 4271 6.3: unknown and well-known", &external, REACH ORIGIN AS_PATH "40fa0107", RESET,
         UPDATE_UNKNOWN_WELL_KNOWN},

        {"4: last attribute ends early", &external, REACH ORIGIN AS_PATH "c0ff0901", WITHDRAWN, 0},
        {"4: a lonely octet behind", &external, REACH ORIGIN AS_PATH "c0", WITHDRAWN, 0},
        {"4: ends early before any prefix", &external, ORIGIN AS_PATH "c0ff0901", RESET,
         UPDATE_MALFORMED_LIST},

        {"3 g: MP_REACH twice", &external, REACH REACH ORIGIN AS_PATH, RESET, UPDATE_MALFORMED_LIST},
        {"3 g: MP_UNREACH twice", &external, UNREACH UNREACH, RESET, UPDATE_OPTIONAL_ERROR},
        {"3 c: MP_REACH, wrong flags", &external,
         "c00e1c"
         "000201"
         "10" NEXT_HOP "00" NLRI ORIGIN AS_PATH,
         WITHDRAWN, 14},
        {"3 c: MP_UNREACH, wrong flags", &external,
         "400f0a"
         "000201" NLRI,
         WITHDRAWN, 15},
        {"7.11: MP_REACH of four octets", &external,
         "800e04"
         "00020110",
         RESET, UPDATE_OPTIONAL_ERROR},
        {"7.11: MP_REACH, next hop of four", &external,
         "800e10"
         "000201"
         "04"
         "0a000001"
         "00" NLRI,
         RESET, UPDATE_OPTIONAL_ERROR},
        {"5.3: MP_REACH, prefix of 129", &external,
         "800e16"
         "000201"
         "10" NEXT_HOP "00"
         "81",
         RESET, UPDATE_OPTIONAL_ERROR},
        {"5.3: MP_REACH, prefix ends early", &external,
         "800e17"
         "000201"
         "10" NEXT_HOP "00"
         "3020",
         RESET, UPDATE_OPTIONAL_ERROR},
        {"7.12: MP_UNREACH of two octets", &external,
         "800f02"
         "0002",
         RESET, UPDATE_OPTIONAL_ERROR},
        {"5.3: MP_UNREACH, prefix ends early", &external,
         "800f05"
         "000201"
         "3020",
         RESET, UPDATE_OPTIONAL_ERROR},
        {"7.11: MP_REACH of another family", &external,
         "800e0e"
         "000101"
         "04"
         "0a000001"
         "00"
         "20c0000201" ORIGIN,
         DISCARDED, 1},
        {"7.12: MP_UNREACH of another family", &external,
         "800f08"
         "000101"
         "20c0000201",
         DISCARDED, 1},
        {"5.3: prefix of zero bits", &external,
         "800e16"
         "000201"
         "10" NEXT_HOP "00"
         "00" ORIGIN AS_PATH,
         KEPT, 0},
        {"7.14: extended communities", &external,
         REACH ORIGIN AS_PATH "c01008"
                              "0002fde900000001",
         KEPT, 0},
        {"7.14: extended communities, none", &external, REACH ORIGIN AS_PATH "c01000", WITHDRAWN, 16},
        {"7.15: IPv6 extended communities of eight", &external,
         REACH ORIGIN AS_PATH "c01908"
                              "0002fde900000001",
         WITHDRAWN, 25},
        {"3 h: two errors, the worse step counts", &external, REACH AS_PATH "40060100" ORIGIN "c00801ff",
         WITHDRAWN, 8},
        {"3 h: and a reset is worse than all", &external,
         REACH AS_PATH "c00801ff"
                       "40fa0107",
         RESET, UPDATE_UNKNOWN_WELL_KNOWN},
        {"3 j: withdrawn in the same message too", &external, REACH UNREACH AS_PATH, WITHDRAWN, 1},
        {"3 e: errors of what is discarded anyway", &external,
         REACH ORIGIN AS_PATH "800a05"
                              "0000000000",
         DISCARDED, 1},
        {"attribute 42", &external, REACH ORIGIN AS_PATH "802a0400010000", KEPT, 0},
        {"attribute 42, empty", &external, REACH ORIGIN AS_PATH "802a00", DISCARDED, 1},
        {"3 c: attribute 42, transitive", &external, REACH ORIGIN AS_PATH "c02a0400010000", WITHDRAWN, 42},
};

static void check_rung(size_t row)
{
	struct message_error error = {0};
	struct update update;
	int code = decode_list(ladder[row].form, ladder[row].list, &update, &error);
	bool right = false;

	switch (ladder[row].rung) {
	case KEPT:
		right = code == 0 && !update.treat_as_withdraw && update.discarded == 0;
		break;
	case DISCARDED:
		right = code == 0 && !update.treat_as_withdraw && update.discarded == ladder[row].detail;
		break;
	case WITHDRAWN:
		right = code == 0 && update.treat_as_withdraw && update.cause == ladder[row].detail;
		break;
	case RESET:
		right = code == BUSBAR_ERROR_MALFORMED && error.code == MESSAGE_UPDATE_ERROR &&
		        error.subcode == ladder[row].detail;
		break;
	}
	if (!right)
		fail_msg("%s: code %d, error %u/%u, withdraw %d for %u, discarded %u", ladder[row].name, code,
		         error.code, error.subcode, update.treat_as_withdraw, update.cause, update.discarded);
	if (code == 0 && ladder[row].rung == WITHDRAWN) /* what is to be withdrawn is known */
		T_TRUE(count(update.announced) + count(update.withdrawn) > 0);
}

static void test_ladder(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(ladder); i++)
		check_rung(i);
}

/* RFC 7606 section 3 c: every known attribute under every pair of Optional and Transitive but its own. */
static void test_every_wrong_flag(void **state)
{
	static const struct {
		const char *value; /* length and value */
		uint8_t code, flags;
	} known[] = {
	        {"0100", 1, 0x40},
	        {"0602010000fde9", 2, 0x40},
	        {"040a000001", 3, 0x40},
	        {"0400000001", 4, 0x80},
	        {"0400000064", 5, 0x40},
	        {"00", 6, 0x40},
	        {"080000fde90a000001", 7, 0xc0},
	        {"04fde90001", 8, 0xc0},
	        {"040a000001", 9, 0x80},
	        {"040a000001", 10, 0x80},
	        {"080002fde900000001", 16, 0xc0},
	        {"140002000000000000000000000000000000000000", 25, 0xc0},
	        {"0c0000fde90000000100000002", 32, 0xc0},
	        {"0400010000", 42, 0x80},
	        {"03010203", 255, 0xc0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		for (unsigned flags = 0; flags <= 0xc0; flags += 0x40) {
			struct message_error error = {0};
			struct update update;
			char list[256];

			(void)snprintf(list, sizeof(list), REACH "%02x%02x%s%s%s%s", flags, known[i].code,
			               known[i].value, known[i].code != 1 ? ORIGIN : "",
			               known[i].code != 2 ? AS_PATH : "",
			               known[i].code != 5 ? PREFERENCE : "");
			T_OK(decode_list(&internal, list, &update, &error));
			if (update.treat_as_withdraw != (flags != known[i].flags) ||
			    (update.treat_as_withdraw && update.cause != known[i].code))
				fail_msg("attribute %u with flags %02x: withdraw %d for %u", known[i].code,
				         flags, update.treat_as_withdraw, update.cause);
			T_EQ(count(update.announced), 1);
		}
}

/* ---- outside the ladder ---- */

static void test_fields_of_internal_update(void **state)
{
	struct message_error error;
	struct update update;

	T_OK(decode_list(&internal,
	                 REACH ORIGIN AS_PATH "40050400000102"
	                                      "80040400000007"
	                                      "8009040a000009"
	                                      "800a08"
	                                      "0a0000010a000002"
	                                      "c00808"
	                                      "ffffff01fde90001"
	                                      "e0fa0107"
	                                      "400600",
	                 &update, &error));
	T_TRUE(update.attributes.has_local_preference && update.attributes.has_med &&
	       update.attributes.has_originator);
	T_EQ(update.attributes.local_preference, 0x102);
	T_EQ(update.attributes.med, 7);
	T_EQ(update.attributes.originator, 0x0a000009);
	T_EQ(update.attributes.cluster_count, 2);
	T_EQ(update.attributes.clusters[1], 0x0a000002);
	T_EQ(update.attributes.community_count, 2);
	T_EQ(update.attributes.communities[0], UPDATE_NO_EXPORT);
	T_EQ(update.attributes.kept_count, 2);
	T_EQ(update.attributes.kept[0].code, 250);
	T_EQ(update.attributes.kept[0].flags, 0xe0);
	T_EQ(update.attributes.kept[1].code, 6);
}

/* RFC 4271 section 5: who passes on what he does not know says so. */
static void test_unknown_gets_partial(void **state)
{
	struct message_error error;
	struct update update;

	T_OK(decode_list(&external, REACH ORIGIN AS_PATH "c0fa0107", &update, &error));
	T_EQ(update.attributes.kept[0].flags, 0xe0);
	T_OK(decode_list(&external, REACH ORIGIN AS_PATH "e0ff03010203", &update, &error));
	T_TRUE(update.attributes.opaque_partial);
	T_EQ(update.attributes.kept_count, 0);
}

static void test_next_hops(void **state)
{
	static const struct {
		const char *list;
		uint8_t first;
	} cases[] = {
	        {REACH ORIGIN AS_PATH, 0x20},
	        {"800e2c"
	         "000201"
	         "20" NEXT_HOP "fe80000000000000"
	         "0000000000000001"
	         "00" NLRI ORIGIN AS_PATH,
	         0x20},
	        {"800e2c"
	         "000201"
	         "20"
	         "00000000000000000000000000000000"
	         "fe80000000000000"
	         "0000000000000001"
	         "00" NLRI ORIGIN AS_PATH,
	         0xfe},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct message_error error;
		struct update update;

		T_OK(decode_list(&external, cases[i].list, &update, &error));
		T_EQ(update.attributes.next_hop[0], cases[i].first);
		T_EQ(update.attributes.next_hop[15], 1);
		T_EQ(count(update.announced), 1);
	}
}

static void test_limits(void **state)
{
	static uint8_t body[8192];
	struct message_error error;
	struct update update;
	struct writer writer;
	size_t length;

	for (unsigned extra = 0; extra < 2; extra++) {
		writer = writer_open(body, sizeof(body));
		writer_u32(&writer, 0);
		length = octets(REACH ORIGIN AS_PATH, writer_reserve(&writer, 44), 44);
		T_EQ(length, 44);
		writer_u32(&writer, UINT32_C(0xd0ff0000) | (UPDATE_OPAQUE_MAXIMUM + extra));
		memset(writer_reserve(&writer, UPDATE_OPAQUE_MAXIMUM + extra), 3,
		       UPDATE_OPAQUE_MAXIMUM + extra);
		writer_u8(&writer, 0xd0); /* communities: one too many is dropped */
		writer_u8(&writer, 8);
		writer_u16(&writer, 4 * (uint16_t)(UPDATE_COMMUNITIES + extra));
		for (unsigned i = 0; i < UPDATE_COMMUNITIES + extra; i++)
			writer_u32(&writer, i);
		for (unsigned i = 0; i < UPDATE_KEPT + extra; i++)
			writer_u32(&writer, UINT32_C(0xc0320100) + (i << 16));
		T_EQ(writer.error, 0);
		writer_patch_u16(&writer, 2, (uint16_t)(writer_size(&writer) - 4));
		T_OK(update_decode(&external, body, writer_size(&writer), &update, &error));
		T_TRUE(!update.treat_as_withdraw);
		T_EQ(update.discarded, 3 * extra);
		T_EQ(update.attributes.has_opaque, extra == 0);
		T_EQ(update.attributes.community_count, UPDATE_COMMUNITIES);
		T_EQ(update.attributes.kept_count, UPDATE_KEPT);
	}
}

static void test_as_path_limit(void **state)
{
	for (unsigned extra = 0; extra < 2; extra++) {
		uint8_t body[4096];
		struct writer writer = writer_open(body, sizeof(body));
		unsigned total = UPDATE_AS_MAXIMUM + extra;
		struct message_error error;
		struct update update;

		writer_u32(&writer, 0);
		T_EQ(octets(REACH ORIGIN, writer_reserve(&writer, 35), 35), 35);
		writer_u32(&writer, UINT32_C(0x50020000) + 4 * total + 4);
		for (unsigned i = 0; i < total; i++) { /* two segments */
			if (i == 0 || i == 100) {
				writer_u8(&writer, 2);
				writer_u8(&writer, (uint8_t)(i == 0 ? 100 : total - 100));
			}
			writer_u32(&writer, 65001 + i);
		}
		writer_patch_u16(&writer, 2, (uint16_t)(writer_size(&writer) - 4));
		T_OK(update_decode(&external, body, writer_size(&writer), &update, &error));
		T_EQ(update.treat_as_withdraw, extra == 1);
		if (extra == 0)
			T_EQ(update.attributes.as_path[UPDATE_AS_MAXIMUM - 1], 65001 + UPDATE_AS_MAXIMUM - 1);
	}
}

/* IPv4 prefixes are nothing to us, but must be prefixes; the two lengths must fit the message. */
static void test_outer_lists(void **state)
{
	static const struct {
		const char *body;
		int subcode; /* -1: fine */
	} cases[] = {
	        {"00000000", -1},
	        {"0004"
	         "180a0000"
	         "0000"
	         "180a0001",
	         -1},
	        {"0001"
	         "21"
	         "0000",
	         UPDATE_BAD_NETWORK},
	        {"0002"
	         "180a"
	         "0000",
	         UPDATE_BAD_NETWORK},
	        {"00000000"
	         "21",
	         UPDATE_BAD_NETWORK},
	        {"0005"
	         "0000",
	         UPDATE_MALFORMED_LIST},
	        {"00000001", UPDATE_MALFORMED_LIST},
	        {"0000", UPDATE_MALFORMED_LIST},
	        {"00", UPDATE_MALFORMED_LIST},
	        {"", UPDATE_MALFORMED_LIST},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct message_error error = {0};
		struct update update;
		uint8_t body[32];
		int code = update_decode(&external, body, octets(cases[i].body, body, sizeof(body)), &update,
		                         &error);

		T_ERROR(code, cases[i].subcode < 0 ? 0 : BUSBAR_ERROR_MALFORMED);
		if (code == 0)
			T_TRUE(!update.end_of_rib && !update.treat_as_withdraw &&
			       count(update.announced) == 0);
		else
			T_EQ(error.subcode, cases[i].subcode);
	}
}

static void test_mask_and_prefixes(void **state)
{
	for (unsigned length = 0; length <= 128; length++) {
		struct update_prefix prefix = {.length = (uint8_t)length, .path_id = length * 7919}, again;
		uint8_t bytes[UPDATE_PREFIX_MAXIMUM];
		struct writer writer = writer_open(bytes, sizeof(bytes));
		struct update_nlri list;
		unsigned ones = 0;

		memset(prefix.address, 0xff, 16);
		update_mask(prefix.address, length);
		for (unsigned i = 0; i < 16; i++)
			ones += (unsigned)__builtin_popcount(prefix.address[i]);
		T_EQ(ones, length);
		update_put_prefix(&writer, &prefix, true);
		T_EQ(writer.error, 0);
		T_EQ(writer_size(&writer), 5 + (length + 7) / 8);
		list = (struct update_nlri){bytes, writer_size(&writer), true};
		T_TRUE(update_next(&list, &again));
		T_BYTES(&again, &prefix, sizeof(prefix));
		T_TRUE(!update_next(&list, &again));
	}
}

/* Bits behind the length do not make another prefix. */
static void test_stray_bits_are_masked(void **state)
{
	uint8_t bytes[] = {44, 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff};
	struct update_nlri list = {bytes, sizeof(bytes), false};
	struct update_prefix prefix;

	T_TRUE(update_next(&list, &prefix));
	T_EQ(prefix.address[5], 0xf0);
	T_EQ(prefix.path_id, 0);
}

/* ---- round trips ---- */

struct sample {
	struct update update;
	uint8_t nlri[256], opaque[UPDATE_OPAQUE_MAXIMUM], value[40];
};

static void make_sample(struct sample *sample, struct random *random)
{
	struct update_attributes *a = &sample->update.attributes;
	struct writer writer = writer_open(sample->nlri, sizeof(sample->nlri));

	memset(&sample->update, 0, sizeof(sample->update));
	for (uint64_t left = 1 + random_below(random, 8); left > 0; left--) {
		struct update_prefix prefix = {.length = (uint8_t)random_below(random, 129),
		                               .path_id = (uint32_t)random_u64(random)};

		random_fill(random, prefix.address, 16);
		update_mask(prefix.address, prefix.length);
		update_put_prefix(&writer, &prefix, true);
	}
	sample->update.announced = (struct update_nlri){sample->nlri, writer_size(&writer), true};
	a->origin = (uint8_t)random_below(random, 3);
	random_fill(random, a->next_hop, 16);
	a->as_count = 1 + random_below(random, UPDATE_AS_MAXIMUM);
	a->as_path = sample->update.as_storage;
	for (size_t i = 0; i < a->as_count; i++)
		sample->update.as_storage[i] =
		        i == 0 ? 65001 : 1 + (uint32_t)random_below(random, UINT32_MAX);
	a->community_count = random_below(random, UPDATE_COMMUNITIES + 1);
	a->communities = sample->update.community_storage;
	random_fill(random, sample->update.community_storage, sizeof(sample->update.community_storage));
	a->has_med = random_below(random, 2);
	a->med = (uint32_t)random_u64(random);
	random_fill(random, sample->opaque, sizeof(sample->opaque));
	random_fill(random, sample->value, sizeof(sample->value));
	a->has_opaque = random_below(random, 2);
	a->opaque_partial = a->has_opaque && random_below(random, 2);
	a->opaque = sample->opaque;
	a->opaque_size = a->has_opaque ? random_below(random, sizeof(sample->opaque) + 1) : 0;
	a->kept_count = random_below(random, 3);
	a->kept = sample->update.kept_storage;
	for (size_t i = 0; i < a->kept_count; i++)
		sample->update.kept_storage[i] =
		        (struct update_attribute){0xe0, (uint8_t)(100 + i), 40, sample->value};
}

static void test_round_trips(void **state)
{
	struct sample *sample = calloc(1, sizeof(*sample));
	struct random random;

	T_TRUE(sample != NULL);
	random_seed(&random, 99);
	for (int round = 0; round < 2000; round++) {
		static uint8_t bytes[8192];
		struct message_error error;
		struct message_frame frame;
		struct attributes *copy, *wanted;
		struct update decoded;
		int size;

		make_sample(sample, &random);
		size = update_encode(&with_paths, &sample->update, bytes, sizeof(bytes));
		T_OK(size);
		T_EQ(message_frame(bytes, (size_t)size, MESSAGE_EXTENDED, &frame, &error), size);
		T_OK(update_decode(&with_paths, frame.body, frame.body_size, &decoded, &error));
		T_TRUE(!decoded.treat_as_withdraw);
		T_EQ(decoded.discarded, 0);
		T_EQ(decoded.announced.size, sample->update.announced.size);
		T_BYTES(decoded.announced.bytes, sample->nlri, decoded.announced.size);
		copy = attributes_create(&decoded.attributes);
		wanted = attributes_create(&sample->update.attributes);
		T_TRUE(copy != NULL && wanted != NULL);
		memset(bytes, 0, sizeof(bytes)); /* the copy stands for itself */
		T_TRUE(attributes_equal(copy, wanted));
		T_EQ(attributes_bytes(copy), attributes_bytes(wanted));
		attributes_release(copy);
		attributes_release(wanted);
	}
	free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_golden_announce),
	        cmocka_unit_test(test_golden_withdraw_and_end),
	        cmocka_unit_test(test_every_truncation),
	        cmocka_unit_test(test_ladder),
	        cmocka_unit_test(test_every_wrong_flag),
	        cmocka_unit_test(test_fields_of_internal_update),
	        cmocka_unit_test(test_unknown_gets_partial),
	        cmocka_unit_test(test_next_hops),
	        cmocka_unit_test(test_limits),
	        cmocka_unit_test(test_as_path_limit),
	        cmocka_unit_test(test_outer_lists),
	        cmocka_unit_test(test_mask_and_prefixes),
	        cmocka_unit_test(test_stray_bits_are_masked),
	        cmocka_unit_test(test_round_trips),
	};

	return T_RUN(tests);
}
