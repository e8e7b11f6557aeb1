/* SPDX-License-Identifier: Apache-2.0 */
/* Messages octet by octet: goldens, their truncations, and what a bad one is answered with. */
#include "base/hex.h"
#include "bgp/message.h"
#include "tests/t.h"

#define MARKER "ffffffffffffffffffffffffffffffff"
#define OPEN_FIXED "04fde9005a0a000001"
#define CAPABILITIES                                                           \
	"010400020001" /* multiprotocol */ "0600"      /* extended messages */ \
	"41040000fde9" /* 4-octet AS */ "450400020103" /* ADD-PATH, both ways */

static const char golden_open[] = MARKER "0033"
                                         "01" OPEN_FIXED "16"
                                         "0214" CAPABILITIES;
static const char golden_keepalive[] = MARKER "0013"
                                              "04";
static const char golden_cease[] = MARKER "0015"
                                          "03"
                                          "0602";
static const char golden_notification[] = MARKER "001b"
                                                 "03"
                                                 "0207"
                                                 "010400020001";

static const struct message_open plain_open = {
        .as = 65001,
        .identifier = 0x0a000001,
        .hold_time = 90,
        .ipv6_unicast = true,
        .four_octet_as = true,
        .extended_messages = true,
        .add_path_receive = true,
        .add_path_send = true,
};

static size_t octets(const char *text, uint8_t *bytes, size_t capacity)
{
	size_t size = strlen(text) / 2;

	T_TRUE(size <= capacity);
	T_OK(hex_parse(text, bytes, size));
	return size;
}

static void expect_golden(const char *text, const uint8_t *bytes, int size)
{
	uint8_t golden[256];

	T_EQ(size, octets(text, golden, sizeof(golden)));
	T_BYTES(bytes, golden, (size_t)size);
}

static void expect_open(const struct message_open *actual, const struct message_open *expected)
{
	T_EQ(actual->as, expected->as);
	T_EQ(actual->identifier, expected->identifier);
	T_EQ(actual->hold_time, expected->hold_time);
	T_EQ(actual->ipv6_unicast, expected->ipv6_unicast);
	T_EQ(actual->four_octet_as, expected->four_octet_as);
	T_EQ(actual->extended_messages, expected->extended_messages);
	T_EQ(actual->add_path_receive, expected->add_path_receive);
	T_EQ(actual->add_path_send, expected->add_path_send);
}

static int decode_whole(const uint8_t *bytes, size_t size, struct message_open *open,
                        struct message_error *error)
{
	struct message_frame frame;
	int code = message_frame(bytes, size, MESSAGE_MAXIMUM, &frame, error);

	if (code <= 0)
		return code < 0 ? code : 1;
	T_EQ(frame.size, size);
	T_EQ(frame.body_size, size - MESSAGE_HEADER);
	return frame.type == MESSAGE_OPEN ? message_open_decode(frame.body, frame.body_size, open, error) : 2;
}

static void test_golden_open(void **state)
{
	struct message_error error = {0};
	struct message_open open;
	uint8_t bytes[256];
	int size = message_open_encode(&plain_open, bytes, sizeof(bytes));

	expect_golden(golden_open, bytes, size);
	T_OK(decode_whole(bytes, (size_t)size, &open, &error));
	expect_open(&open, &plain_open);
}

static void test_golden_others(void **state)
{
	struct message_error cease = message_error_make(MESSAGE_CEASE, CEASE_SHUTDOWN, NULL, 0), decoded;
	struct message_error missing = message_error_make(MESSAGE_OPEN_ERROR, OPEN_UNSUPPORTED_CAPABILITY,
	                                                  "\001\004\000\002\000\001", 6);
	uint8_t bytes[128];
	int size;

	expect_golden(golden_keepalive, bytes, message_keepalive_encode(bytes, sizeof(bytes)));
	expect_golden(golden_cease, bytes, message_notification_encode(&cease, bytes, sizeof(bytes)));
	size = message_notification_encode(&missing, bytes, sizeof(bytes));
	expect_golden(golden_notification, bytes, size);
	T_OK(message_notification_decode(bytes + MESSAGE_HEADER, (size_t)size - MESSAGE_HEADER, &decoded));
	T_EQ(decoded.code, 2);
	T_EQ(decoded.subcode, 7);
	T_EQ(decoded.size, 6);
	T_BYTES(decoded.data, missing.data, 6);
}

/* A stream that stops early asks for more; a message that says it is shorter than it is, is an error. */
static void test_every_truncation(void **state)
{
	static const char *const goldens[] = {golden_open, golden_keepalive, golden_cease};

	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		uint8_t bytes[256];
		size_t size = octets(goldens[i], bytes, sizeof(bytes));

		for (size_t cut = 0; cut < size; cut++) {
			struct message_error error = {0};
			struct message_open open;

			T_EQ(decode_whole(bytes, cut, &open, &error), 1);
			T_EQ(error.code, 0);
		}
		for (size_t cut = 0; cut < size; cut++) {
			struct message_error error = {0};
			struct message_open open;

			bytes[17] = (uint8_t)cut;
			T_ERROR(decode_whole(bytes, MAXIMUM(cut, (size_t)MESSAGE_HEADER), &open, &error),
			        BUSBAR_ERROR_MALFORMED);
			T_TRUE(error.code == MESSAGE_HEADER_ERROR || error.code == MESSAGE_OPEN_ERROR);
		}
	}
}

/* No answer may need more room than there is. */
static void test_encoders_need_room(void **state)
{
	struct message_error error = message_error_make(6, 2, "abc", 3);
	uint8_t bytes[64];

	for (size_t room = 0; room < 51; room++)
		T_ERROR(message_open_encode(&plain_open, bytes, room), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(message_open_encode(&plain_open, bytes, 51), 51);
	for (size_t room = 0; room < 19; room++)
		T_ERROR(message_keepalive_encode(bytes, room), BUSBAR_ERROR_TOO_LARGE);
	for (size_t room = 0; room < 24; room++)
		T_ERROR(message_notification_encode(&error, bytes, room), BUSBAR_ERROR_TOO_LARGE);
}

static const struct {
	const char *text;
	uint8_t subcode;
	const char *data;
} bad_headers[] = {
        {"fffffffffffffffffffffffffffffffe"
         "0013"
         "04",
         HEADER_NOT_SYNCHRONISED, ""},
        {"00ffffffffffffffffffffffffffffff"
         "0013"
         "04",
         HEADER_NOT_SYNCHRONISED, ""},
        {MARKER "0012"
                "04",
         HEADER_BAD_LENGTH, "0012"},
        {MARKER "0014"
                "0400",
         HEADER_BAD_LENGTH, "0014"}, /* KEEPALIVE with a body */
        {MARKER "1001"
                "02",
         HEADER_BAD_LENGTH, "1001"}, /* 4097 without extended messages */
        {MARKER "001c"
                "01",
         HEADER_BAD_LENGTH, "001c"}, /* OPEN too short */
        {MARKER "0016"
                "02",
         HEADER_BAD_LENGTH, "0016"}, /* UPDATE too short */
        {MARKER "0014"
                "03",
         HEADER_BAD_LENGTH, "0014"}, /* NOTIFICATION too short */
        {MARKER "0013"
                "00",
         HEADER_BAD_TYPE, "00"},
        {MARKER "0013"
                "05",
         HEADER_BAD_LENGTH, "0013"}, /* ROUTE-REFRESH too short */
        {MARKER "0013"
                "06",
         HEADER_BAD_TYPE, "06"},
        {MARKER "0013"
                "ff",
         HEADER_BAD_TYPE, "ff"},
};

static void test_bad_headers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_headers); i++) {
		uint8_t bytes[64], data[8];
		size_t size = octets(bad_headers[i].text, bytes, sizeof(bytes));
		size_t data_size = octets(bad_headers[i].data, data, sizeof(data));
		struct message_error error = {0};
		struct message_frame frame;

		T_ERROR(message_frame(bytes, size, MESSAGE_MAXIMUM, &frame, &error), BUSBAR_ERROR_MALFORMED);
		T_EQ(error.code, MESSAGE_HEADER_ERROR);
		T_EQ(error.subcode, bad_headers[i].subcode);
		T_EQ(error.size, data_size);
		T_BYTES(error.data, data, data_size);
	}
}

static void test_extended_length(void **state)
{
	static uint8_t bytes[MESSAGE_EXTENDED];
	struct message_error error;
	struct message_frame frame;

	memset(bytes, 0xff, 18);
	bytes[18] = MESSAGE_UPDATE;
	T_EQ(message_frame(bytes, sizeof(bytes), MESSAGE_EXTENDED, &frame, &error), MESSAGE_EXTENDED);
	T_EQ(message_frame(bytes, sizeof(bytes) - 1, MESSAGE_EXTENDED, &frame, &error), 0);
	bytes[18] = MESSAGE_OPEN; /* RFC 8654 section 4: an OPEN keeps the old limit */
	T_ERROR(message_frame(bytes, sizeof(bytes), MESSAGE_EXTENDED, &frame, &error),
	        BUSBAR_ERROR_MALFORMED);
}

/* Bodies of OPENs; subcode -1: accepted. */
static const struct {
	const char *body;
	int subcode;
} opens[] = {
        {"03fde9005a0a00000100", OPEN_UNSUPPORTED_VERSION},
        {"05fde9005a0a00000100", OPEN_UNSUPPORTED_VERSION},
        {"040000005a0a00000100", OPEN_BAD_PEER_AS},
        {"04fde9005a0000000000", OPEN_BAD_IDENTIFIER},
        {"04fde900010a00000100", OPEN_BAD_HOLD_TIME},
        {"04fde900020a00000100", OPEN_BAD_HOLD_TIME},
        {"04fde900000a00000100", -1},
        {"04fde900030a00000100", -1},
        {"04fde9005a0a000001020100", OPEN_UNSUPPORTED_PARAMETER}, /* authentication: gone since RFC 4271 */
        {"04fde9005a0a00000101", OPEN_UNSPECIFIC},                /* parameters end early */
        {"04fde9005a0a00000102"
         "0201",
         OPEN_UNSPECIFIC}, /* capabilities end early */
        {"04fde9005a0a00000104"
         "02024102",
         OPEN_UNSPECIFIC}, /* capability ends early */
        {"04fde9005a0a00000107"
         "0205410300fde9",
         OPEN_UNSPECIFIC}, /* AS of three octets */
        {"04fde9005a0a00000108"
         "0206410400000000",
         OPEN_BAD_PEER_AS}, /* AS 0 */
        {"04fde9005a0a00000105"
         "0203010100",
         OPEN_UNSPECIFIC}, /* multiprotocol of one octet */
        {"04fde9005a0a00000105"
         "0203060100",
         OPEN_UNSPECIFIC}, /* extended messages with a value */
        {"04fde9005a0a00000107"
         "02054503000201",
         OPEN_UNSPECIFIC}, /* ADD-PATH of three octets */
        {"04fde9005a0a00000100"
         "00",
         OPEN_UNSPECIFIC}, /* octets behind the end */
        {"04fde9005a0a0000010a"
         "02034901aa"
         "0203"
         "4a01bb",
         -1}, /* unknown ones, in two parameters */
        {"04fde9005a0a00000102"
         "0200",
         -1}, /* an empty parameter */
        {"04fde9005a0a000001ff"
         "ff0006"
         "020003"
         "4901aa",
         -1}, /* the extended form of RFC 9072 */
        {"04fde9005a0a00000103"
         "ff0006"
         "020003"
         "4901aa",
         -1}, /* whatever the short length says */
        {"04fde9005a0a000001ff"
         "ff0006"
         "020004"
         "4901aa",
         OPEN_UNSPECIFIC}, /* its parameter ends early */
        {"04fde9005a0a000001ff"
         "ff0007"
         "020003"
         "4901aa",
         OPEN_UNSPECIFIC}, /* and all of them do */
        {"04fde9005a0a00000102"
         "ff00",
         OPEN_UNSPECIFIC}, /* no room for a length */
};

static void test_opens(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(opens); i++) {
		uint8_t body[64];
		size_t size = octets(opens[i].body, body, sizeof(body));
		struct message_open open = {.as = 7};
		struct message_error error = {0};
		int code = message_open_decode(body, size, &open, &error);

		if (opens[i].subcode < 0) {
			T_OK(code);
			T_EQ(open.as, 65001);
			T_TRUE(!open.ipv6_unicast && !open.four_octet_as && !open.add_path_send);
			continue;
		}
		T_ERROR(code, BUSBAR_ERROR_MALFORMED);
		T_EQ(error.code, MESSAGE_OPEN_ERROR);
		T_EQ(error.subcode, opens[i].subcode);
		T_EQ(open.as, 7); /* untouched */
	}
}

static void test_version_is_told(void **state)
{
	static const uint8_t body[] = {3, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 0};
	struct message_error error;
	struct message_open open;

	T_ERROR(message_open_decode(body, sizeof(body), &open, &error), BUSBAR_ERROR_MALFORMED);
	T_EQ(error.size, 2);
	T_EQ(error.data[0], 0);
	T_EQ(error.data[1], 4);
}

/* ADD-PATH may name other families and, in one capability or several, ours. */
static void test_add_path_of_our_family(void **state)
{
	static const struct {
		const char *capability;
		bool receive, send;
	} cases[] = {
	        {"450400020101", true, false},
	        {"450400020102", false, true},
	        {"450800010103"
	         "00020102",
	         false, true},
	        {"450800020101"
	         "00010103",
	         true, false},
	        {"450400020104", false, false}, /* RFC 7911: other values are ignored */
	        {"450400020203", false, false}, /* multicast */
	        {"4500", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t body[64] = {4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1};
		size_t size = octets(cases[i].capability, body + 12, sizeof(body) - 12);
		struct message_error error;
		struct message_open open;

		body[9] = (uint8_t)(size + 2);
		body[10] = 2;
		body[11] = (uint8_t)size;
		T_OK(message_open_decode(body, 12 + size, &open, &error));
		T_EQ(open.add_path_receive, cases[i].receive);
		T_EQ(open.add_path_send, cases[i].send);
	}
}

static void test_large_as_numbers(void **state)
{
	struct message_open large = plain_open, decoded;
	struct message_error error;
	uint8_t bytes[64];

	large.as = UINT32_C(4200000001);
	T_EQ(message_open_encode(&large, bytes, sizeof(bytes)), 51);
	T_EQ(bytes[20] << 8 | bytes[21], MESSAGE_AS_TRANS);
	T_OK(decode_whole(bytes, 51, &decoded, &error));
	expect_open(&decoded, &large);
}

static void test_notification_limits(void **state)
{
	uint8_t body[2 + MESSAGE_ERROR_DATA + 1] = {3, 1};
	struct message_error error = {.code = 9};

	memset(body + 2, 7, sizeof(body) - 2);
	T_ERROR(message_notification_decode(body, 0, &error), BUSBAR_ERROR_MALFORMED);
	T_ERROR(message_notification_decode(body, 1, &error), BUSBAR_ERROR_MALFORMED);
	T_EQ(error.code, 9);
	T_OK(message_notification_decode(body, sizeof(body), &error));
	T_EQ(error.size, MESSAGE_ERROR_DATA);
	T_EQ(error.data[MESSAGE_ERROR_DATA - 1], 7);
}

static void test_names(void **state)
{
	for (unsigned code = 0; code < 256; code++)
		for (unsigned subcode = 0; subcode < 256; subcode++) {
			struct message_error error =
			        message_error_make((uint8_t)code, (uint8_t)subcode, NULL, 0);

			T_TRUE(message_error_name(&error) != NULL && message_error_name(&error)[0] != '\0');
		}
	T_TEXT(message_error_name(&(struct message_error){.code = 6, .subcode = 2}),
	       "administrative shutdown");
	T_TEXT(message_error_name(&(struct message_error){.code = 6, .subcode = 99}), "cease");
	T_TEXT(message_error_name(&(struct message_error){.code = 99}), "unknown error");
}

/* Both ways through octets written by hand: RFC 4724 section 3, RFC 8538 section 2. */
static void test_graceful_restart_capability(void **state)
{
	static const struct {
		const char *capability;
		struct message_open open;
	} cases[] = {
	        {"40020000", {.graceful_restart = true}},
	        {"4002c078",
	         {.graceful_restart = true,
	          .restarting = true,
	          .graceful_notification = true,
	          .restart_time = 120}},
	        {"40068fff00020180",
	         {.graceful_restart = true,
	          .restart_ipv6_unicast = true,
	          .forwarding_kept = true,
	          .restarting = true,
	          .restart_time = 4095}},
	        {"4006000a00020100",
	         {.graceful_restart = true, .restart_ipv6_unicast = true, .restart_time = 10}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct message_open wanted = cases[i].open, open;
		uint8_t bytes[128], capability[16];
		size_t size = octets(cases[i].capability, capability, sizeof(capability));
		struct message_error error;
		int written;

		wanted.as = 65001;
		wanted.identifier = 1;
		written = message_open_encode(&wanted, bytes, sizeof(bytes));
		T_EQ(written, 31 + (int)size);
		T_BYTES(bytes + 31, capability, size);
		T_OK(decode_whole(bytes, (size_t)written, &open, &error));
		T_TRUE(open.graceful_restart);
		T_EQ(open.restart_ipv6_unicast, wanted.restart_ipv6_unicast);
		T_EQ(open.forwarding_kept, wanted.forwarding_kept);
		T_EQ(open.restarting, wanted.restarting);
		T_EQ(open.graceful_notification, wanted.graceful_notification);
		T_EQ(open.restart_time, wanted.restart_time);
	}
}

/* What is kept of IPv4 unicast alone says nothing of us. */
static void test_graceful_restart_of_another_family(void **state)
{
	struct message_error error;
	struct message_open open;
	uint8_t body[64];
	size_t size = octets("04fde9005a0a0000010a020840060078000101"
	                     "80",
	                     body, sizeof(body));

	T_OK(message_open_decode(body, size, &open, &error));
	T_TRUE(open.graceful_restart && !open.restart_ipv6_unicast && !open.forwarding_kept);
	size = octets("04fde9005a0a00000109020740050078000201", body, sizeof(body));
	T_ERROR(message_open_decode(body, size, &open, &error), BUSBAR_ERROR_MALFORMED);
	T_EQ(error.subcode, OPEN_UNSPECIFIC);
}

static void test_route_refresh(void **state)
{
	const struct message_refresh end = {MESSAGE_AFI_IPV6, MESSAGE_SAFI_UNICAST, REFRESH_END};
	struct message_refresh refresh = {.afi = 9};
	struct message_error error;
	uint8_t bytes[32], golden[32];
	size_t size = octets(MARKER "00170500020201", golden, sizeof(golden));

	T_EQ(message_refresh_encode(&end, bytes, sizeof(bytes)), size);
	T_BYTES(bytes, golden, size);
	T_OK(message_refresh_decode(bytes + MESSAGE_HEADER, 4, &refresh, &error));
	T_EQ(refresh.afi, 2);
	T_EQ(refresh.safi, 1);
	T_EQ(refresh.kind, REFRESH_END);
	refresh.afi = 9;
	for (size_t length = 0; length < 8; length++) {
		if (length == 4)
			continue;
		T_ERROR(message_refresh_decode(bytes + MESSAGE_HEADER, length, &refresh, &error),
		        BUSBAR_ERROR_MALFORMED);
		T_EQ(error.code, MESSAGE_REFRESH_ERROR);
		T_EQ(error.subcode, REFRESH_BAD_LENGTH);
		T_EQ(refresh.afi, 9); /* untouched */
	}
}

static void test_descriptions(void **state)
{
	struct message_error error = message_cease(CEASE_SHUTDOWN, "back at ten\n");
	char text[128], small[12];

	T_EQ(error.data[0], 12);
	message_error_describe(&error, text, sizeof(text));
	T_TEXT(text, "6/2 administrative shutdown: back at ten?");
	error = message_hard_reset(&error);
	T_EQ(error.subcode, CEASE_HARD_RESET);
	message_error_describe(&error, text, sizeof(text));
	T_TEXT(text, "6/9 hard reset: 6/2 administrative shutdown: back at ten?");
	message_error_describe(&error, small, sizeof(small));
	T_TEXT(small, "6/9 hard re");
	error = message_error_make(MESSAGE_CEASE, CEASE_SHUTDOWN, "\xffx", 2); /* longer than what is there */
	message_error_describe(&error, text, sizeof(text));
	T_TEXT(text, "6/2 administrative shutdown: x");
	error = message_error_make(MESSAGE_UPDATE_ERROR, 1, "abc", 3);
	message_error_describe(&error, text, sizeof(text));
	T_TEXT(text, "3/1 malformed attribute list");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_golden_open),
	        cmocka_unit_test(test_golden_others),
	        cmocka_unit_test(test_every_truncation),
	        cmocka_unit_test(test_encoders_need_room),
	        cmocka_unit_test(test_bad_headers),
	        cmocka_unit_test(test_extended_length),
	        cmocka_unit_test(test_opens),
	        cmocka_unit_test(test_version_is_told),
	        cmocka_unit_test(test_add_path_of_our_family),
	        cmocka_unit_test(test_large_as_numbers),
	        cmocka_unit_test(test_notification_limits),
	        cmocka_unit_test(test_names),
	        cmocka_unit_test(test_graceful_restart_capability),
	        cmocka_unit_test(test_graceful_restart_of_another_family),
	        cmocka_unit_test(test_route_refresh),
	        cmocka_unit_test(test_descriptions),
	};

	return T_RUN(tests);
}
