/* SPDX-License-Identifier: Apache-2.0 */
/* Program packets, against a reader of IPv6, SRH and UDP of the test's own. */
#include "base/clock.h"
#include "sample.h"
#include "tests/t.h"
#include "tests/unit/grammar/generate.h"
#include "wire/packet.h"
#include "wire/segment.h"

enum { ROUNDS = 4000, IPV6 = 40, SRH = 8, UDP = 8, PADN = 4, HMAC = 5 };
enum { PROGRAM = 124, OPERAND = 125, MAC = 126, HMAC_TLV = 40, HMAC_FLAG = 8 };
enum {
	NEXT_AT = 6,
	HOP_AT = 7,
	SOURCE_AT = 8,
	DESTINATION_AT = 24,
	LEFT_AT = 43,
	LAST_AT = 44,
	LIST_AT = 48
};

static const uint8_t source[16] = {0xfc, [5] = 1, [15] = 1};

struct message {
	uint8_t bytes[SAMPLE_BUFFER];
	size_t size;
};

static int encode(const struct program *program, const void *payload, size_t size, struct message *message)
{
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	int code;

	sample_segments(program, segments);
	code = packet_encode(program, (const uint8_t(*)[16])segments, source, seal_first(&sample_ring),
	                     payload, size, message->bytes, sizeof(message->bytes));
	message->size = code < 0 ? 0 : (size_t)code;
	return code;
}

static struct message sample_message(void)
{
	struct program program = sample_program();
	struct message message;

	T_OK(encode(&program, "inline input", 12, &message));
	return message;
}

static int decode(const struct message *message, struct packet *packet)
{
	return packet_decode(message->bytes, message->size, &sample_ring, packet);
}

static unsigned number_at(const uint8_t *bytes, size_t at)
{
	return (unsigned)bytes[at] << 8 | bytes[at + 1];
}

static size_t udp_at(const uint8_t *bytes)
{
	return bytes[NEXT_AT] == 17 ? IPV6 : IPV6 + (bytes[IPV6 + 1] + 1u) * 8;
}

/* RFC 1071 over the pseudo header of RFC 8200 8.1, written out octet by octet; 0 when it is right. */
static unsigned check_sum(const struct message *message, const uint8_t destination[16])
{
	static uint8_t text[40 + SAMPLE_BUFFER + 1];
	size_t udp = udp_at(message->bytes), size = message->size - udp;
	uint64_t sum = 0;

	memset(text, 0, sizeof(text));
	memcpy(text, message->bytes + SOURCE_AT, 16);
	memcpy(text + 16, destination, 16);
	text[34] = (uint8_t)(size >> 8);
	text[35] = (uint8_t)size;
	text[39] = 17;
	memcpy(text + 40, message->bytes + udp, size);
	for (size_t i = 0; i < 40 + size; i += 2)
		sum += number_at(text, i);
	return (unsigned)(~((sum % 65535) == 0 && sum != 0 ? 65535 : sum % 65535) & 0xffff);
}

/* The last segment, first in the list, is in the sum. */
static void put_check_sum(struct message *message)
{
	size_t at = udp_at(message->bytes) + 6;
	unsigned sum;

	message->bytes[at] = message->bytes[at + 1] = 0;
	sum = check_sum(message, message->bytes + LIST_AT);
	message->bytes[at] = (uint8_t)(sum >> 8);
	message->bytes[at + 1] = (uint8_t)sum;
}

/* Where the first TLV of a type starts; 0: there is none. Pad1 counts as a type. */
static size_t find_tlv(const struct message *message, unsigned type)
{
	size_t at = LIST_AT + (message->bytes[LAST_AT] + 1u) * 16, end = udp_at(message->bytes);

	while (at < end && message->bytes[at] != type)
		at += message->bytes[at] == 0 ? 1 : 2u + message->bytes[at + 1];
	T_TRUE(at <= end);
	return at < end ? at : 0;
}

/* RFC 8754 2.1.2.1, over what the packet says now: its last TLV. */
static void authenticate_segments(struct message *message, const struct seal_key *key)
{
	uint8_t *bytes = message->bytes, secret[SEAL_SECRET];
	const struct seal_bytes parts[] = {{bytes + SOURCE_AT, 16},
	                                   {bytes + LAST_AT, 2},
	                                   {bytes + udp_at(bytes) - HMAC_TLV + 4, 4},
	                                   {bytes + LIST_AT, (bytes[LAST_AT] + 1u) * 16}};

	T_OK(seal_domain_mac(key, SEAL_SEGMENT, (struct gateway_identity){0, 0}, NULL, 0, secret));
	T_OK(seal_mac(secret, parts, 4, bytes + udp_at(bytes) - SEAL_MAC));
}

/* The MACs as docs/wire.md has them. */
static void authenticate(struct message *message, struct gateway_identity ingress)
{
	uint8_t *bytes = message->bytes;
	size_t tlvs = LIST_AT + (bytes[LAST_AT] + 1u) * 16, mac = find_tlv(message, MAC);
	size_t payload = udp_at(bytes) + UDP, list = (bytes[LAST_AT] + 1u) * 16;
	const uint8_t tlvs_size[] = {(uint8_t)((mac - tlvs) >> 8), (uint8_t)(mac - tlvs)};
	const struct seal_bytes parts[] = {{bytes + SOURCE_AT, 16},
	                                   {bytes + LAST_AT, 4 + list},
	                                   {tlvs_size, 2},
	                                   {bytes + tlvs, mac - tlvs},
	                                   {bytes + payload, message->size - payload}};

	T_OK(seal_domain_mac(seal_first(&sample_ring), SEAL_PROGRAM, ingress, parts, 5, bytes + mac + 2));
	authenticate_segments(message, seal_first(&sample_ring));
}

/* Everything of the frame that is not the program's. */
static void check_frame(const struct message *message, const struct program *program, size_t payload)
{
	const uint8_t *bytes = message->bytes;
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	uint32_t count = program->instruction_count;
	size_t udp = udp_at(bytes);

	sample_segments(program, segments);
	T_TRUE(message->size <= PACKET_MAXIMUM);
	T_EQ(bytes[0], 0x60);
	T_EQ(number_at(bytes, 4), message->size - IPV6);
	T_EQ(bytes[NEXT_AT], 43);
	T_EQ(bytes[HOP_AT], PACKET_HOP_LIMIT);
	T_BYTES(bytes + SOURCE_AT, source, 16);
	T_BYTES(bytes + DESTINATION_AT, segments[0], 16);
	T_EQ(bytes[IPV6], 17);
	T_EQ(bytes[IPV6 + 2], 4);
	T_EQ(bytes[LEFT_AT], count - 1);
	T_EQ(bytes[LAST_AT], count - 1);
	T_EQ(bytes[LAST_AT + 1], HMAC_FLAG);
	T_EQ(number_at(bytes, LAST_AT + 2), 0);
	for (uint32_t i = 0; i < count; i++)
		T_BYTES(bytes + LIST_AT + (size_t)i * 16, segments[count - 1 - i], 16);
	T_EQ(find_tlv(message, PROGRAM), LIST_AT + count * 16);
	T_EQ(find_tlv(message, MAC), udp - HMAC_TLV - 2 - SEAL_MAC);
	T_EQ(find_tlv(message, HMAC), udp - HMAC_TLV);
	T_EQ(bytes[udp - HMAC_TLV + 1], HMAC_TLV - 2);
	T_EQ(number_at(bytes, udp - HMAC_TLV + 2), 0);
	T_EQ(find_tlv(message, 0), 0); /* no Pad1 */
	T_EQ(number_at(bytes, udp), 4180);
	T_EQ(number_at(bytes, udp + 2), 4180);
	T_EQ(number_at(bytes, udp + 4), UDP + payload);
	T_TRUE(number_at(bytes, udp + 6) != 0);
	T_EQ(check_sum(message, segments[count - 1]), 0);
}

static void check_decoded(const struct message *message, const struct program *program,
                          const uint8_t *payload, size_t size)
{
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	struct packet packet;

	T_OK(decode(message, &packet));
	sample_segments(program, segments);
	assert_same_program(&packet.program, program);
	T_EQ(packet.segment_count, program->instruction_count);
	T_EQ(packet.segments_left, program->instruction_count - 1);
	T_EQ(packet.key, 1);
	T_BYTES(packet.segments, segments, packet.segment_count * 16);
	T_BYTES(packet.source, source, 16);
	T_BYTES(packet.destination, segments[0], 16);
	T_EQ(packet.payload_size, size);
	T_BYTES(packet.payload, payload, size);
}

static void what_is_encoded_decodes(void **state)
{
	static uint8_t payload[PACKET_PAYLOAD];
	struct random random;
	int fitted = 0;

	random_seed(&random, 41);
	random_fill(&random, payload, sizeof(payload));
	for (int i = 0; i < ROUNDS; i++) {
		size_t size = random_below(&random, 2) ? 0 : random_below(&random, PACKET_PAYLOAD + 1);
		struct program program;
		struct message message;
		int code;

		generate_program(&random, &program);
		code = encode(&program, payload, size, &message);
		/* The forecast may err by the padding, to the safe side alone. */
		if (packet_fits(&program, size))
			T_OK(code);
		else
			T_TRUE(code < 0 || code > PACKET_MAXIMUM - 10);
		if (code == BUSBAR_ERROR_TOO_LARGE)
			continue;
		T_OK(code);
		check_frame(&message, &program, size);
		check_decoded(&message, &program, payload, size);
		fitted++;
	}
	T_TRUE(fitted > ROUNDS / 2);
}

static void a_program_alone_is_the_same(void **state)
{
	struct random random;
	uint8_t bytes[SAMPLE_BUFFER], again[SAMPLE_BUFFER];

	random_seed(&random, 42);
	for (int i = 0; i < ROUNDS; i++) {
		struct program program, decoded;
		int size;

		generate_program(&random, &program);
		size = packet_encode_program(&program, bytes, sizeof(bytes));
		if (size == BUSBAR_ERROR_TOO_LARGE)
			continue;
		T_OK(size);
		T_OK(packet_decode_program(bytes, (size_t)size, &decoded));
		assert_same_program(&decoded, &program);
		T_EQ(packet_encode_program(&decoded, again, sizeof(again)), size);
		T_BYTES(again, bytes, (size_t)size);
		for (int room = 0; room < size; room += 7)
			T_ERROR(packet_encode_program(&program, again, (size_t)room), BUSBAR_ERROR_TOO_LARGE);
	}
}

/* Twelve gateways that reserve in both directions, then everything a site can be asked, with input. */
static struct program longest_program(void)
{
	struct program program = sample_program(), whole = program;

	whole.instruction_count = 0;
	for (uint32_t i = 0; i < PLAN_HOPS; i++) {
		struct instruction *at = &whole.instructions[whole.instruction_count++];

		*at = program.instructions[1];
		at->at.site = 100 + i;
		at->reserve.rate = at->reserve.back_rate = UINT64_C(100000000000);
		at->reserve.jitter = at->reserve.back_jitter = CLOCK_SECOND;
		at->reserve.time = 3600 * CLOCK_SECOND;
		at->reserve.tariff = at->reserve.back_tariff = at->reserve.limit = 1000000000;
	}
	for (uint32_t i = 3; i < 7; i++)
		whole.instructions[whole.instruction_count++] = program.instructions[i];
	for (uint32_t i = PLAN_HOPS; i < whole.instruction_count; i++)
		whole.instructions[i].at.site = 100 + PLAN_HOPS - 1;
	return whole;
}

static void the_longest_path_fits(void **state)
{
	struct program program = longest_program();
	struct message message;
	uint8_t payload[PACKET_PAYLOAD + 1] = {0};
	size_t input = 0;

	T_EQ(program.instruction_count, 16);
	T_OK(encode(&program, payload, 0, &message));
	while (encode(&program, payload, input, &message) > 0)
		input++;
	T_ERROR(encode(&program, payload, input, &message), BUSBAR_ERROR_TOO_LARGE);
	T_TRUE(input > 256); /* and some input with it */
	T_OK(encode(&program, payload, input - 1, &message));
	T_EQ(message.size, PACKET_MAXIMUM);
	program = sample_program();
	T_OK(encode(&program, payload, PACKET_PAYLOAD, &message));
	T_ERROR(encode(&program, payload, PACKET_PAYLOAD + 1, &message), BUSBAR_ERROR_TOO_LARGE);
}

static void little_room_is_too_large(void **state)
{
	struct program program = sample_program();
	struct message message = sample_message();
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];

	sample_segments(&program, segments);
	for (size_t room = 0; room < message.size; room++)
		T_ERROR(packet_encode(&program, (const uint8_t(*)[16])segments, source, &sample_ring.keys[0],
		                      "inline input", 12, message.bytes, room),
		        BUSBAR_ERROR_TOO_LARGE);
}

static void what_no_reader_takes_is_not_written(void **state)
{
	struct program program = sample_program();
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	struct message message;

	program.instruction_count = 0;
	T_ERROR(encode(&program, "", 0, &message), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(packet_encode_program(&program, message.bytes, SAMPLE_BUFFER), BUSBAR_ERROR_MISSING_FIELD);
	program.instruction_count = PROGRAM_INSTRUCTIONS + 1;
	T_ERROR(packet_encode_program(&program, message.bytes, SAMPLE_BUFFER), BUSBAR_ERROR_TOO_LARGE);
	program = sample_program();
	program.instructions[0].reserve.rate = UINT64_C(1) << 63;
	T_ERROR(encode(&program, "", 0, &message), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	program = sample_program();
	program.instructions[5].execute.service[1] = '\x1b';
	T_ERROR(encode(&program, "", 0, &message), BUSBAR_ERROR_BAD_VALUE);
	program = sample_program();
	sample_segments(&program, segments);
	segments[3][7] ^= 1; /* claim becomes fetch */
	T_ERROR(packet_encode(&program, (const uint8_t(*)[16])segments, source, &sample_ring.keys[0], "", 0,
	                      message.bytes, SAMPLE_BUFFER),
	        BUSBAR_ERROR_MALFORMED);
}

/* RFC 8754 4.3.1.1, gateway by gateway; the MAC holds all the way. */
static void advancing_follows_the_list(void **state)
{
	struct message message = sample_message();
	struct program program = sample_program();
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	struct packet packet;

	sample_segments(&program, segments);
	for (uint32_t i = 1; i < program.instruction_count; i++) {
		T_OK(packet_advance(message.bytes, message.size, 1));
		T_EQ(message.bytes[HOP_AT], PACKET_HOP_LIMIT - i);
		T_OK(decode(&message, &packet));
		T_EQ(packet.segments_left, program.instruction_count - 1 - i);
		T_BYTES(packet.destination, segments[i], 16);
		T_EQ(packet.segment_count - 1 - packet.segments_left, i);
	}
	T_ERROR(packet_advance(message.bytes, message.size, 1), BUSBAR_ERROR_STATE);
	message = sample_message();
	T_ERROR(packet_advance(message.bytes, message.size, 7), BUSBAR_ERROR_STATE);
	T_ERROR(packet_advance(message.bytes, message.size, 0), BUSBAR_ERROR_STATE);
	T_OK(packet_advance(message.bytes, message.size, 6));
	T_OK(decode(&message, &packet));
	T_BYTES(packet.destination, segments[6], 16);
	T_EQ(message.bytes[HOP_AT], PACKET_HOP_LIMIT - 1);
}

static void advancing_ends_with_the_hop_limit(void **state)
{
	struct message message = sample_message(), before;

	message.bytes[HOP_AT] = 2;
	T_OK(packet_advance(message.bytes, message.size, 1));
	T_EQ(message.bytes[HOP_AT], 1);
	before = message;
	T_ERROR(packet_advance(message.bytes, message.size, 1), BUSBAR_ERROR_EXPIRED);
	message.bytes[HOP_AT] = 0;
	T_ERROR(packet_advance(message.bytes, message.size, 1), BUSBAR_ERROR_EXPIRED);
	message.bytes[HOP_AT] = 1;
	T_BYTES(message.bytes, before.bytes, message.size);
}

static void only_packets_advance(void **state)
{
	struct message message = sample_message();

	for (size_t size = 0; size < LIST_AT + 7 * 16; size++)
		T_ERROR(packet_advance(message.bytes, size, 1), BUSBAR_ERROR_TRUNCATED);
	message.bytes[LEFT_AT] = 7; /* past Last Entry */
	T_ERROR(packet_advance(message.bytes, message.size, 1), BUSBAR_ERROR_MALFORMED);
	message = sample_message();
	message.bytes[NEXT_AT] = 17;
	T_ERROR(packet_advance(message.bytes, message.size, 1), BUSBAR_ERROR_MALFORMED);
	message = sample_message();
	message.bytes[IPV6 + 2] = 3;
	T_ERROR(packet_advance(message.bytes, message.size, 1), BUSBAR_ERROR_MALFORMED);
}

/* Puts `size` octets into the TLVs, so that all lengths agree. */
static void insert(struct message *message, size_t at, const void *octets, size_t size)
{
	unsigned length = number_at(message->bytes, 4) + (unsigned)size;

	memmove(message->bytes + at + size, message->bytes + at, message->size - at);
	memcpy(message->bytes + at, octets, size);
	message->size += size;
	message->bytes[4] = (uint8_t)(length >> 8);
	message->bytes[5] = (uint8_t)length;
	message->bytes[IPV6 + 1] = (uint8_t)(message->bytes[IPV6 + 1] + size / 8);
}

static void later_versions_may_add_what_the_mac_covers(void **state)
{
	uint8_t stranger[8] = {99, 6};
	struct message message = sample_message();
	struct packet packet;

	insert(&message, find_tlv(&message, OPERAND), stranger, sizeof(stranger));
	T_ERROR(decode(&message, &packet), BUSBAR_ERROR_BAD_PROGRAM_MAC);
	authenticate(&message, sample_program().ingress);
	T_OK(decode(&message, &packet));
}

static void nothing_hides_behind_the_mac(void **state)
{
	const uint8_t types[] = {PROGRAM, OPERAND, MAC, 0, PADN, HMAC, 99};

	for (size_t i = 0; i < sizeof(types); i++) {
		struct message message = sample_message();
		uint8_t tlv[HMAC_TLV] = {types[i], types[i] == HMAC ? HMAC_TLV - 2 : 6};
		size_t size = types[i] == HMAC ? HMAC_TLV : 8;
		struct packet packet;

		insert(&message, udp_at(message.bytes) - HMAC_TLV, tlv, size);
		T_ERROR(decode(&message, &packet), BUSBAR_ERROR_MALFORMED);
		message = sample_message();
		insert(&message, udp_at(message.bytes), tlv, size);
		T_ERROR(decode(&message, &packet), BUSBAR_ERROR_MALFORMED);
	}
}

static int decode_changed(size_t at, uint8_t value)
{
	struct message message = sample_message();
	struct packet packet;

	message.bytes[at] = value;
	return decode(&message, &packet);
}

/* Kernels look at the flag and at the last 40 octets of the header; nothing may read otherwise. */
static void the_segments_have_a_mac_of_their_own(void **state)
{
	struct message message = sample_message();
	size_t hmac = udp_at(message.bytes) - HMAC_TLV;
	struct packet packet;

	T_ERROR(decode_changed(LAST_AT + 1, 0), BUSBAR_ERROR_MALFORMED);
	T_ERROR(decode_changed(LAST_AT + 1, HMAC_FLAG | 1), BUSBAR_ERROR_MALFORMED);
	T_ERROR(decode_changed(hmac, PADN), BUSBAR_ERROR_MALFORMED);
	T_ERROR(decode_changed(hmac + 1, HMAC_TLV - 10), BUSBAR_ERROR_MALFORMED);
	T_ERROR(decode_changed(hmac + 2, 0x80), BUSBAR_ERROR_MALFORMED); /* a reduced list */
	T_ERROR(decode_changed(hmac + 7, 2), BUSBAR_ERROR_MALFORMED);    /* not the program's key */
	T_ERROR(decode_changed(hmac + 8, message.bytes[hmac + 8] ^ 1), BUSBAR_ERROR_BAD_SEGMENT_MAC);
	message.bytes[hmac + 8] ^= 1;
	authenticate_segments(&message, &sample_ring.keys[1]);
	T_ERROR(decode(&message, &packet), BUSBAR_ERROR_BAD_SEGMENT_MAC);
	authenticate_segments(&message, &sample_ring.keys[0]);
	T_OK(decode(&message, &packet));
}

/* Lengths and checksum of a packet that was put together by hand. */
static void put_lengths(struct message *message, size_t udp)
{
	size_t payload = message->size - IPV6, datagram = message->size - udp;

	message->bytes[4] = (uint8_t)(payload >> 8);
	message->bytes[5] = (uint8_t)payload;
	message->bytes[IPV6 + 1] = (uint8_t)((udp - IPV6) / 8 - 1);
	message->bytes[udp + 4] = (uint8_t)(datagram >> 8);
	message->bytes[udp + 5] = (uint8_t)datagram;
	put_check_sum(message);
}

static void append(struct message *message, const void *octets, size_t size)
{
	T_TRUE(message->size + size <= PACKET_MAXIMUM);
	memcpy(message->bytes + message->size, octets, size);
	message->size += size;
}

/* The octets that the input starts with become TLVs (of Pad1), under the same MAC. */
static void forge_shorter_input(const struct message *honest, size_t size, struct message *forged)
{
	size_t mac = find_tlv(honest, MAC), input = udp_at(honest->bytes) + UDP;

	forged->size = 0;
	append(forged, honest->bytes, mac);
	append(forged, honest->bytes + input, size);
	append(forged, honest->bytes + mac, input - mac);
	append(forged, honest->bytes + input + size, honest->size - input - size);
	put_lengths(forged, input - UDP + size);
	authenticate_segments(forged, seal_first(&sample_ring));
}

/*
 * The segment list and what the input starts with become TLVs, what it ends with the segment list: a
 * program of the tenant's own, in the name of the ingress.
 */
static void forge_program(const struct message *honest, const struct message *wanted, size_t size,
                          struct message *forged)
{
	size_t list = LIST_AT + (honest->bytes[LAST_AT] + 1u) * 16, mac = find_tlv(honest, MAC);
	size_t udp = udp_at(honest->bytes), wanted_list = LIST_AT + (wanted->bytes[LAST_AT] + 1u) * 16;

	forged->size = 0;
	append(forged, wanted->bytes, wanted_list);
	append(forged, honest->bytes + list, mac - list);
	append(forged, honest->bytes + LAST_AT, list - LAST_AT);
	append(forged, honest->bytes + udp + UDP, size);
	append(forged, honest->bytes + mac, udp - mac);
	append(forged, honest->bytes + udp, UDP);
	put_lengths(forged, forged->size - UDP);
	authenticate_segments(forged, seal_first(&sample_ring));
}

/* What a tenant sends as input is covered by the MAC like the rest: it must not be read as the rest. */
static void input_stays_input(void **state)
{
	struct program program = sample_program(), wider = program;
	uint8_t alone[PACKET_MAXIMUM], wider_alone[PACKET_MAXIMUM], input[PACKET_PAYLOAD] = {0};
	struct message wanted, honest, forged;
	struct packet packet;
	size_t filled, list;
	int before = packet_encode_program(&program, alone, sizeof(alone)), after;

	T_OK(before);
	wider.instructions[wider.instruction_count] = wider.instructions[1];
	wider.instructions[wider.instruction_count].at = (struct gateway_identity){99, 1};
	wider.instruction_count++;
	after = packet_encode_program(&wider, wider_alone, sizeof(wider_alone));
	T_TRUE(after > before);
	T_OK(encode(&wider, NULL, 0, &wanted));
	list = 4 + wider.instruction_count * 16u;
	/* Zeros behind which no TLV of the list reaches, so that all ends on 8 octets; operand; list. */
	filled = 264 + (8 - (size_t)(after - before + 4) % 8) % 8;
	memcpy(input + filled, wider_alone + before, (size_t)(after - before));
	filled += (size_t)(after - before);
	memcpy(input + filled, wanted.bytes + LAST_AT, list);
	T_OK(encode(&program, input, filled + list, &honest));
	T_OK(decode(&honest, &packet));
	forge_program(&honest, &wanted, filled, &forged);
	T_ERROR(decode(&forged, &packet), BUSBAR_ERROR_BAD_PROGRAM_MAC);
	forge_shorter_input(&honest, 8, &forged);
	T_ERROR(decode(&forged, &packet), BUSBAR_ERROR_BAD_PROGRAM_MAC);
}

/* One octet of an authentic packet changed by its sender. `tlv` 0: counted from the packet's start. */
static const struct {
	unsigned tlv;
	size_t at;
	uint8_t value;
	int expected;
} changes[] = {
        {PROGRAM, 2, 2, BUSBAR_ERROR_VERSION},
        {PROGRAM, 3, 2, BUSBAR_ERROR_MALFORMED},      /* sealed with another key than its segments */
        {PROGRAM, 23, 0, BUSBAR_ERROR_MISSING_FIELD}, /* nobody is the ingress */
        {PROGRAM, 27, 9, BUSBAR_ERROR_BAD_VALUE},     /* part 9 of 8 */
        {PROGRAM, 30, 0x80, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {OPERAND, 2, 1, BUSBAR_ERROR_MALFORMED}, /* not its position */
        {OPERAND, 3, OPERATIONS, BUSBAR_ERROR_MALFORMED},
        {OPERAND, 7, 0, BUSBAR_ERROR_MISSING_FIELD}, /* nobody's */
        {OPERAND, 0, 99, BUSBAR_ERROR_MALFORMED},    /* one operand less */
        {MAC, 1, 33, BUSBAR_ERROR_MALFORMED},
        {0, LIST_AT + 7, 4, BUSBAR_ERROR_MALFORMED}, /* execute where the operand says deliver */
        {0, LEFT_AT, 7, BUSBAR_ERROR_MALFORMED},
        {0, LAST_AT, PROGRAM_INSTRUCTIONS, BUSBAR_ERROR_MALFORMED},
        {0, LAST_AT, 255, BUSBAR_ERROR_MALFORMED},
        {0, NEXT_AT, 60, BUSBAR_ERROR_MALFORMED},
        {0, IPV6, 6, BUSBAR_ERROR_MALFORMED},
        {0, IPV6 + 2, 0, BUSBAR_ERROR_MALFORMED},
};

static void senders_with_a_key_are_not_trusted_either(void **state)
{
	struct gateway_identity ingress = sample_program().ingress;

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct message message = sample_message();
		size_t tlv = changes[i].tlv == 0 ? 0 : find_tlv(&message, changes[i].tlv);
		struct packet packet;
		int code;

		T_TRUE(message.bytes[tlv + changes[i].at] != changes[i].value);
		message.bytes[tlv + changes[i].at] = changes[i].value;
		if (changes[i].tlv == PROGRAM || changes[i].tlv == OPERAND || changes[i].at == LIST_AT + 7) {
			put_check_sum(&message);
			authenticate(&message, ingress);
		}
		code = decode(&message, &packet);
		if (code != changes[i].expected)
			fail_msg("change %zu: %d (%s)", i, code, error_text(code));
	}
}

static void a_program_is_its_ingress_own(void **state)
{
	struct message message = sample_message();
	size_t program = find_tlv(&message, PROGRAM);
	struct packet packet = {.key = 77};

	/* Another gateway of the domain, with its own sub-key, cannot speak for the ingress. */
	authenticate(&message, (struct gateway_identity){9, 1});
	T_ERROR(decode(&message, &packet), BUSBAR_ERROR_BAD_PROGRAM_MAC);
	message.bytes[program + 23] = 9;
	authenticate(&message, (struct gateway_identity){9, 1});
	T_EQ(packet.key, 77);
	T_OK(decode(&message, &packet));
	T_EQ(packet.program.ingress.site, 9);
}

/* With a checksum that fits, so that only the MAC is left to tell. */
static void answers_go_to_the_source_that_sent_it(void **state)
{
	struct message message = sample_message();
	struct packet packet;

	message.bytes[SOURCE_AT + 5] = 9;
	T_ERROR(decode(&message, &packet), BUSBAR_ERROR_MALFORMED);
	put_check_sum(&message);
	T_ERROR(decode(&message, &packet), BUSBAR_ERROR_BAD_SEGMENT_MAC);
	authenticate_segments(&message, seal_first(&sample_ring));
	T_ERROR(decode(&message, &packet), BUSBAR_ERROR_BAD_PROGRAM_MAC);
}

static void older_keys_still_open(void **state)
{
	const struct seal_ring none = {.count = 0};
	struct program program = sample_program();
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	struct message message;
	struct packet packet;
	int size;

	sample_segments(&program, segments);
	size = packet_encode(&program, (const uint8_t(*)[16])segments, source, &sample_ring.keys[1], "", 0,
	                     message.bytes, SAMPLE_BUFFER);
	T_OK(size);
	message.size = (size_t)size;
	T_OK(packet_decode(message.bytes, (size_t)size, &sample_ring, &packet));
	T_EQ(packet.key, 2);
	T_ERROR(packet_decode(message.bytes, (size_t)size, &none, &packet), BUSBAR_ERROR_UNKNOWN_KEY);
	message.bytes[find_tlv(&message, PROGRAM) + 3] = 3;
	message.bytes[udp_at(message.bytes) - HMAC_TLV + 7] = 3;
	put_check_sum(&message);
	T_ERROR(packet_decode(message.bytes, (size_t)size, &sample_ring, &packet), BUSBAR_ERROR_UNKNOWN_KEY);
}

static int encode_plain(uint32_t segments, const void *payload, size_t size, struct message *message)
{
	const uint8_t from[16] = {0xfc, [5] = 9, [15] = 1};
	uint8_t list[PROGRAM_INSTRUCTIONS + 1][16];
	int code;

	for (uint32_t i = 0; i <= PROGRAM_INSTRUCTIONS; i++)
		segment_make((const uint8_t[16]){0xfc, [5] = (uint8_t)(20 + i)}, SEGMENT_FUNCTION_END, 0,
		             list[i]);
	code = packet_encode_plain(from, source, 4180, 4181, (const uint8_t(*)[16])list, segments,
	                           seal_first(&sample_ring), payload, size, message->bytes,
	                           sizeof(message->bytes));
	message->size = code < 0 ? 0 : (size_t)code;
	return code;
}

static void plain_packets_go_through_their_segments(void **state)
{
	for (uint32_t count = 0; count <= PROGRAM_INSTRUCTIONS; count++) {
		struct message message;
		size_t udp;

		T_OK(encode_plain(count, "answer.", 7, &message));
		udp = udp_at(message.bytes);
		T_EQ(udp, count == 0 ? IPV6 : IPV6 + SRH + (count + 1) * 16 + HMAC_TLV);
		T_EQ(message.size, udp + UDP + 7);
		T_EQ(number_at(message.bytes, 4), message.size - IPV6);
		T_EQ(number_at(message.bytes, udp), 4180);
		T_EQ(number_at(message.bytes, udp + 2), 4181);
		T_BYTES(message.bytes + udp + UDP, "answer.", 7);
		T_EQ(check_sum(&message, source), 0);
		if (count > 0) {
			struct message again = message;

			T_EQ(message.bytes[LAST_AT + 1], HMAC_FLAG);
			T_EQ(find_tlv(&message, HMAC), udp - HMAC_TLV);
			authenticate_segments(&again, seal_first(&sample_ring));
			T_BYTES(message.bytes, again.bytes, message.size);
		}
		for (uint32_t i = 0; i < count; i++) {
			T_EQ(message.bytes[DESTINATION_AT + 5], 20 + i);
			T_EQ(segment_function(message.bytes + DESTINATION_AT), SEGMENT_FUNCTION_END);
			T_OK(packet_advance(message.bytes, message.size, 1));
		}
		T_BYTES(message.bytes + DESTINATION_AT, source, 16);
	}
}

static void plain_packets_have_their_limits(void **state)
{
	static uint8_t payload[70000];
	struct message message;

	T_ERROR(encode_plain(PROGRAM_INSTRUCTIONS + 1, "", 0, &message), BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(encode_plain(0, payload, SAMPLE_BUFFER, &message), BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(encode_plain(0, payload, sizeof(payload), &message), BUSBAR_ERROR_TOO_LARGE);
	/* No length field ever wraps. */
	T_ERROR(encode_plain(3, payload, 65487, &message), BUSBAR_ERROR_TOO_LARGE);
}

/* A sum of zero is sent as 0xffff: zero would say that there is none (RFC 8200 8.1). */
static void no_checksum_is_zero(void **state)
{
	unsigned seen = 0;

	for (unsigned value = 0; value < 65536; value++) {
		const uint8_t payload[] = {(uint8_t)(value >> 8), (uint8_t)value};
		struct message message;

		T_OK(encode_plain(0, payload, sizeof(payload), &message));
		T_TRUE(number_at(message.bytes, IPV6 + 6) != 0);
		seen += number_at(message.bytes, IPV6 + 6) == 0xffff;
		T_EQ(check_sum(&message, source), 0);
	}
	T_EQ(seen, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_encoded_decodes),
	        cmocka_unit_test(a_program_alone_is_the_same),
	        cmocka_unit_test(the_longest_path_fits),
	        cmocka_unit_test(little_room_is_too_large),
	        cmocka_unit_test(what_no_reader_takes_is_not_written),
	        cmocka_unit_test(advancing_follows_the_list),
	        cmocka_unit_test(advancing_ends_with_the_hop_limit),
	        cmocka_unit_test(only_packets_advance),
	        cmocka_unit_test(later_versions_may_add_what_the_mac_covers),
	        cmocka_unit_test(nothing_hides_behind_the_mac),
	        cmocka_unit_test(the_segments_have_a_mac_of_their_own),
	        cmocka_unit_test(input_stays_input),
	        cmocka_unit_test(senders_with_a_key_are_not_trusted_either),
	        cmocka_unit_test(a_program_is_its_ingress_own),
	        cmocka_unit_test(answers_go_to_the_source_that_sent_it),
	        cmocka_unit_test(older_keys_still_open),
	        cmocka_unit_test(plain_packets_go_through_their_segments),
	        cmocka_unit_test(plain_packets_have_their_limits),
	        cmocka_unit_test(no_checksum_is_zero),
	};

	return T_RUN(tests);
}
