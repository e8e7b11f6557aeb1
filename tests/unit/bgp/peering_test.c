/* SPDX-License-Identifier: Apache-2.0 */
/* A speaker before peers that do as they like: strangers, bad messages, peers without ADD-PATH, slow ones. */
#include "tests/unit/bgp/raw_peer.h"
#include <unistd.h>

enum { OWN_AS = 65000, AS_1 = 65001, AS_2 = 65002, AS_3 = 65003 };

#define NEXT_HOP "00000000000000000000000000000001"
#define PREFIX \
	"30"   \
	"20010db80001"
#define REACH    \
	"800e1c" \
	"000201" \
	"10" NEXT_HOP "00" PREFIX
#define UNREACH  \
	"800f0a" \
	"000201" PREFIX
#define ORIGIN "40010100"
#define PATH_1   \
	"400206" \
	"0201"   \
	"0000fde9"
#define PATH_2     \
	"40020a"   \
	"0202"     \
	"0000fdea" \
	"0000fdef"
#define OPAQUE   \
	"c0ff03" \
	"010203"

static const uint8_t prefix[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1};

struct fixture {
	struct harness harness;
	struct raw_peer peers[3];
	uint16_t port;
};

static struct harness_node *node(struct fixture *fixture)
{
	return &fixture->harness.nodes[0];
}

static struct fixture *open_fixture(void)
{
	const struct speaker_peer peers[] = {harness_peer("one", AS_1, 0, true),
	                                     harness_peer("two", AS_2, 0, true),
	                                     harness_peer("three", AS_3, 0, true)};
	const uint32_t domain[] = {OWN_AS, AS_1, AS_2, AS_3};
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	T_TRUE(fixture != NULL);
	harness_open(&fixture->harness);
	harness_start(&fixture->harness, 0, OWN_AS,
	              (struct speaker_settings){.peer_count = 3,
	                                        .peers = peers,
	                                        .domain = domain,
	                                        .domain_count = 4,
	                                        .hold = 9000000000});
	fixture->port = speaker_port(node(fixture)->speaker);
	for (int i = 0; i < 3; i++)
		fixture->peers[i].descriptor = -1;
	return fixture;
}

static void shut_fixture(struct fixture *fixture)
{
	for (int i = 0; i < 3; i++)
		if (fixture->peers[i].descriptor >= 0)
			raw_close(&fixture->peers[i]);
	harness_shut(&fixture->harness);
	free(fixture);
}

static struct speaker_statistics statistics_of(struct fixture *fixture)
{
	struct speaker_statistics statistics;

	speaker_statistics(node(fixture)->speaker, &statistics);
	return statistics;
}

static bool one_is_up(struct harness *harness)
{
	return harness->nodes[0].established[0];
}

static bool knows_one_route(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 1;
}

static bool knows_two_routes(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 2;
}

static bool knows_three_routes(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 3;
}

static bool knows_none(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 0;
}

/* ---- strangers ---- */

static void test_first_message_must_be_open(void **state)
{
	struct fixture *fixture = open_fixture();
	struct raw_peer *peer = &fixture->peers[0];
	uint8_t bad[MESSAGE_HEADER] = {0};

	raw_open(peer, &fixture->harness, fixture->port);
	raw_send_keepalive(peer);
	raw_expect_refusal(peer, MESSAGE_FSM_ERROR, FSM_IN_OPEN_SENT);
	raw_close(peer);
	raw_open(peer, &fixture->harness, fixture->port);
	raw_send(peer, bad, sizeof(bad));
	raw_expect_refusal(peer, MESSAGE_HEADER_ERROR, HEADER_NOT_SYNCHRONISED);
	T_EQ(statistics_of(fixture).refused_connections, 2);
	T_EQ(statistics_of(fixture).established, 0);
	shut_fixture(fixture);
}

static void test_wrong_as(void **state)
{
	struct fixture *fixture = open_fixture();
	struct raw_peer *peer = &fixture->peers[0];

	raw_open(peer, &fixture->harness, fixture->port);
	raw_send_open(peer, 64999, true, true);
	(void)raw_expect(peer, MESSAGE_OPEN);
	raw_expect_refusal(peer, MESSAGE_OPEN_ERROR, OPEN_BAD_PEER_AS);
	shut_fixture(fixture);
}

/* Coming and going before an OPEN harms nothing. */
static void test_end_before_open(void **state)
{
	struct fixture *fixture = open_fixture();
	struct raw_peer *peer = &fixture->peers[0];

	for (int i = 0; i < 10; i++) {
		raw_open(peer, &fixture->harness, fixture->port);
		if (i % 2)
			raw_send(peer, "\xff\xff", 2);
		harness_run(&fixture->harness, 2);
		raw_close(peer);
	}
	raw_establish(peer, &fixture->harness, fixture->port, AS_1, true);
	harness_until(&fixture->harness, one_is_up);
	shut_fixture(fixture);
}

static void test_octet_by_octet(void **state)
{
	struct fixture *fixture = open_fixture();
	struct raw_peer *peer = &fixture->peers[0];
	const struct message_open open = {
	        .as = AS_1, .identifier = 1, .hold_time = 90, .ipv6_unicast = true, .four_octet_as = true};
	uint8_t bytes[128];
	int size = message_open_encode(&open, bytes, sizeof(bytes));

	raw_open(peer, &fixture->harness, fixture->port);
	for (int i = 0; i < size; i++) {
		raw_send(peer, &bytes[i], 1);
		harness_run(&fixture->harness, 1);
	}
	(void)raw_expect(peer, MESSAGE_OPEN);
	raw_send_keepalive(peer);
	harness_until(&fixture->harness, one_is_up);
	shut_fixture(fixture);
}

static void test_second_connection_of_a_peer(void **state)
{
	struct fixture *fixture = open_fixture();

	raw_establish(&fixture->peers[0], &fixture->harness, fixture->port, AS_1, true);
	raw_establish(&fixture->peers[1], &fixture->harness, fixture->port, AS_2, true);
	raw_establish(&fixture->peers[2], &fixture->harness, fixture->port, AS_3, true);
	raw_close(&fixture->peers[2]);
	harness_run(&fixture->harness, 5);
	raw_establish(&fixture->peers[2], &fixture->harness, fixture->port, AS_3,
	              true); /* its old one is gone */
	raw_close(&fixture->peers[1]);
	raw_open(&fixture->peers[1], &fixture->harness, fixture->port);
	harness_run(&fixture->harness, 5);
	raw_send_open(&fixture->peers[1], AS_1, true, true); /* AS 65001 is here already */
	(void)raw_expect(&fixture->peers[1], MESSAGE_OPEN);
	raw_expect_refusal(&fixture->peers[1], MESSAGE_OPEN_ERROR, OPEN_BAD_PEER_AS);
	T_TRUE(node(fixture)->established[0]);
	shut_fixture(fixture);
}

static void test_unknown_address(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct speaker_peer peer = harness_peer("elsewhere", AS_1, 0, true);
	struct message_frame frame;

	T_TRUE(fixture != NULL);
	peer.remote[15] = 2;
	harness_open(&fixture->harness);
	harness_start(&fixture->harness, 0, OWN_AS,
	              (struct speaker_settings){.peer_count = 1, .peers = &peer});
	raw_open(&fixture->peers[0], &fixture->harness, speaker_port(node(fixture)->speaker));
	T_TRUE(!raw_receive(&fixture->peers[0], &frame)); /* not a word */
	T_EQ(statistics_of(fixture).refused_connections, 1);
	fixture->peers[1].descriptor = fixture->peers[2].descriptor = -1;
	shut_fixture(fixture);
}

static bool six_are_refused(struct harness *harness)
{
	struct speaker_statistics statistics;

	speaker_statistics(harness->nodes[0].speaker, &statistics);
	return statistics.refused_connections == 6;
}

static void test_silent_connections_are_bounded(void **state)
{
	struct fixture *fixture = open_fixture();
	struct raw_peer *silent = calloc(70, sizeof(*silent));

	T_TRUE(silent != NULL);
	for (int i = 0; i < 70; i++) {
		raw_open(&silent[i], &fixture->harness, fixture->port);
		harness_run(&fixture->harness, 1);
	}
	harness_until(&fixture->harness, six_are_refused);
	for (int i = 0; i < 70; i++)
		raw_close(&silent[i]);
	harness_run(&fixture->harness, 20);
	raw_establish(&fixture->peers[0], &fixture->harness, fixture->port, AS_1, true);
	shut_fixture(fixture);
	free(silent);
}

/* ---- routes of a peer without ADD-PATH ---- */

static void bring_route(struct fixture *fixture)
{
	raw_establish(&fixture->peers[0], &fixture->harness, fixture->port, AS_1, false);
	raw_send_update(&fixture->peers[0], REACH ORIGIN PATH_1 OPAQUE);
	harness_until(&fixture->harness, knows_one_route);
}

static void test_treat_as_withdraw(void **state)
{
	struct fixture *fixture = open_fixture();

	bring_route(fixture);
	T_EQ(harness_find(node(fixture), prefix, AS_1)->attribute_size, 3);
	raw_send_update(&fixture->peers[0], REACH "40010109" PATH_1 OPAQUE);
	harness_until(&fixture->harness, knows_none);
	T_TRUE(node(fixture)->established[0]);
	T_EQ(statistics_of(fixture).withdrawn_for_error, 1);
	raw_send_update(&fixture->peers[0], REACH ORIGIN PATH_1);
	harness_until(&fixture->harness, knows_one_route);
	T_EQ(harness_find(node(fixture), prefix, AS_1)->attribute_size, 0);
	shut_fixture(fixture);
}

static void test_unreadable_update_resets(void **state)
{
	struct fixture *fixture = open_fixture();

	bring_route(fixture);
	raw_send_update(&fixture->peers[0], "800e04"
	                                    "00020110");
	(void)raw_expect(&fixture->peers[0], MESSAGE_UPDATE); /* our End-of-RIB */
	raw_expect_refusal(&fixture->peers[0], MESSAGE_UPDATE_ERROR, UPDATE_OPTIONAL_ERROR);
	T_TRUE(!node(fixture)->established[0]);
	harness_until(&fixture->harness, knows_none);
	T_EQ(statistics_of(fixture).sessions_lost, 1);
	shut_fixture(fixture);
}

/* Our own AS in the path, an impossible next hop, a multicast prefix: each also withdraws what was there. */
static void test_refused_routes(void **state)
{
	static const char *const bad[] = {
	        REACH ORIGIN "40020a"
	                     "0202"
	                     "0000fde9"
	                     "0000fde8",
	        "800e1c"
	        "000201"
	        "10"
	        "00000000000000000000000000000000"
	        "00" PREFIX ORIGIN PATH_1,
	        "800e1c"
	        "000201"
	        "10"
	        "ff020000000000000000000000000001"
	        "00" PREFIX ORIGIN PATH_1,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fixture *fixture = open_fixture();

		bring_route(fixture);
		raw_send_update(&fixture->peers[0], bad[i]);
		harness_until(&fixture->harness, knows_none);
		T_EQ(statistics_of(fixture).refused_routes, 1);
		raw_send_update(&fixture->peers[0], "800e1a"
		                                    "000201"
		                                    "10" NEXT_HOP "00"
		                                    "20ff020000" ORIGIN PATH_1);
		raw_send_update(&fixture->peers[0], REACH ORIGIN PATH_1);
		harness_until(&fixture->harness, knows_one_route);
		T_EQ(statistics_of(fixture).refused_routes, 2);
		shut_fixture(fixture);
	}
}

/* Reads UPDATEs until one withdraws or announces; true: announced. */
static bool next_change(struct raw_peer *peer, struct update *update)
{
	const struct update_form form = {.external = true,
	                                 .remote_as = OWN_AS,
	                                 .opaque_code = HARNESS_ATTRIBUTE};

	for (;;) {
		struct message_frame frame = raw_expect(peer, MESSAGE_UPDATE);
		struct message_error error;

		T_OK(update_decode(&form, frame.body, frame.body_size, update, &error));
		T_TRUE(!update->treat_as_withdraw && frame.size < 3500);
		if (!update->end_of_rib)
			return update->announced.size > 0;
	}
}

/* Of two origins it gets the overall best one alone. */
static void test_observer_without_add_path(void **state)
{
	struct fixture *fixture = open_fixture();
	struct raw_peer *observer = &fixture->peers[2];
	struct update update;

	bring_route(fixture);
	raw_establish(&fixture->peers[1], &fixture->harness, fixture->port, AS_2, true);
	raw_send_update(&fixture->peers[1], "800e20"
	                                    "000201"
	                                    "10" NEXT_HOP "00"
	                                    "00000007" PREFIX ORIGIN PATH_2);
	harness_until(&fixture->harness, knows_two_routes);
	raw_establish(observer, &fixture->harness, fixture->port, AS_3, false);
	T_TRUE(next_change(observer, &update));
	T_EQ(update.attributes.as_count, 2);
	T_EQ(update.attributes.as_path[1], AS_1);
	T_EQ(update.attributes.opaque_size, 3);
	raw_send_update(&fixture->peers[0], UNREACH);
	T_TRUE(next_change(observer, &update));
	T_EQ(update.attributes.as_count, 3);
	T_EQ(update.attributes.as_path[2], 65007);
	T_TRUE(!update.attributes.has_opaque);
	raw_close(&fixture->peers[1]);
	T_TRUE(!next_change(observer, &update));
	T_EQ(node(fixture)->best_reports, 3);
	T_TRUE(!node(fixture)->has_best);
	shut_fixture(fixture);
}

/* ADD-PATH: one path per origin, numbered by it. */
static void test_observer_with_add_path(void **state)
{
	const struct update_form form = {
	        .add_path = true, .external = true, .remote_as = OWN_AS, .opaque_code = HARNESS_ATTRIBUTE};
	struct fixture *fixture = open_fixture();
	uint32_t numbers = 0;

	bring_route(fixture);
	raw_establish(&fixture->peers[1], &fixture->harness, fixture->port, AS_2, true);
	raw_send_update(&fixture->peers[1], "800e20"
	                                    "000201"
	                                    "10" NEXT_HOP "00"
	                                    "00000007" PREFIX ORIGIN PATH_2);
	raw_send_update(&fixture->peers[1], "800e20"
	                                    "000201"
	                                    "10" NEXT_HOP "00"
	                                    "00000008" PREFIX ORIGIN "40020a"
	                                    "0202"
	                                    "0000fdea"
	                                    "0000fdeb"); /* 65003's own: not back to it */
	harness_until(&fixture->harness, knows_three_routes);
	raw_establish(&fixture->peers[2], &fixture->harness, fixture->port, AS_3, true);
	for (;;) {
		struct message_frame frame = raw_expect(&fixture->peers[2], MESSAGE_UPDATE);
		struct message_error error;
		struct update_prefix told;
		struct update update;

		T_OK(update_decode(&form, frame.body, frame.body_size, &update, &error));
		if (update.end_of_rib)
			break;
		T_TRUE(update_next(&update.announced, &told));
		T_EQ(told.path_id, update.attributes.as_path[update.attributes.as_count - 1]);
		numbers += told.path_id;
	}
	T_EQ(numbers, AS_1 + 65007);
	shut_fixture(fixture);
}

/* ---- sizes ---- */

static void send_large(struct raw_peer *peer)
{
	static uint8_t list[6000];
	struct writer writer = writer_open(list, sizeof(list));
	static const uint8_t head[] = {0x80, 14,   28, 0, 2, 1,    16, 0, 0, 0,  0,    0,    0,    0,    0,
	                               0,    0,    0,  0, 0, 0,    0,  1, 0, 48, 0x20, 0x01, 0x0d, 0xb8, 0,
	                               1,    0x40, 1,  1, 0, 0x40, 2,  6, 2, 1,  0,    0,    0xfd, 0xe9};

	writer_bytes(&writer, head, sizeof(head));
	writer_u32(&writer, UINT32_C(0xd0fa0000) + 5000); /* unknown and large */
	memset(writer_reserve(&writer, 5000), 1, 5000);
	T_EQ(writer.error, 0);
	raw_send_list(peer, list, writer_size(&writer));
}

/* A message above 4096 octets is taken where it was agreed on; what no message of ours can hold stays here.
 */
static void test_extended_messages(void **state)
{
	struct fixture *fixture = open_fixture();

	raw_establish(&fixture->peers[1], &fixture->harness, fixture->port, AS_2, false);
	raw_establish(&fixture->peers[0], &fixture->harness, fixture->port, AS_1, false);
	send_large(&fixture->peers[0]);
	harness_until(&fixture->harness, knows_one_route);
	harness_run(&fixture->harness, 20);
	T_EQ(statistics_of(fixture).oversized, 1);
	T_EQ(statistics_of(fixture).advertised, 0);
	raw_close(&fixture->peers[0]);
	harness_until(&fixture->harness, knows_none);

	raw_open(&fixture->peers[0], &fixture->harness, fixture->port);
	raw_send_open(&fixture->peers[0], AS_1, false, false);
	(void)raw_expect(&fixture->peers[0], MESSAGE_OPEN);
	raw_send_keepalive(&fixture->peers[0]);
	(void)raw_expect(&fixture->peers[0], MESSAGE_UPDATE);
	send_large(&fixture->peers[0]);
	raw_expect_refusal(&fixture->peers[0], MESSAGE_HEADER_ERROR, HEADER_BAD_LENGTH);
	shut_fixture(fixture);
}

enum { ROUTES = 4000 };

static void number_prefix(uint8_t address[16], unsigned number)
{
	memcpy(address, prefix, 16);
	address[6] = (uint8_t)(number >> 8);
	address[7] = (uint8_t)number;
}

/* A peer that does not read is not fed without bound, and gets everything once it reads. */
static void test_slow_peer(void **state)
{
	static uint8_t attribute[SPEAKER_ATTRIBUTE_MAXIMUM];
	struct fixture *fixture = open_fixture();
	static bool told[ROUTES];
	uint64_t sent;

	memset(told, 0, sizeof(told));
	raw_establish(&fixture->peers[0], &fixture->harness, fixture->port, AS_1, false);
	for (unsigned i = 0; i < ROUTES; i++) {
		uint8_t address[16];

		number_prefix(address, i);
		T_OK(speaker_announce(node(fixture)->speaker, address, 64, attribute, sizeof(attribute)));
	}
	harness_run(&fixture->harness, 200);
	sent = statistics_of(fixture).updates_sent;
	T_TRUE(sent > 50 && sent < ROUTES); /* 12 MB are more than buffers hold */
	for (unsigned count = 0; count < ROUTES; count++) {
		struct update_prefix announced;
		struct update update;
		unsigned number;

		T_TRUE(next_change(&fixture->peers[0], &update));
		T_TRUE(update_next(&update.announced, &announced));
		number = (unsigned)announced.address[6] << 8 | announced.address[7];
		T_TRUE(number < ROUTES && !told[number]);
		told[number] = true;
	}
	shut_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_first_message_must_be_open),
	        cmocka_unit_test(test_wrong_as),
	        cmocka_unit_test(test_end_before_open),
	        cmocka_unit_test(test_octet_by_octet),
	        cmocka_unit_test(test_second_connection_of_a_peer),
	        cmocka_unit_test(test_unknown_address),
	        cmocka_unit_test(test_silent_connections_are_bounded),
	        cmocka_unit_test(test_treat_as_withdraw),
	        cmocka_unit_test(test_unreadable_update_resets),
	        cmocka_unit_test(test_refused_routes),
	        cmocka_unit_test(test_observer_without_add_path),
	        cmocka_unit_test(test_observer_with_add_path),
	        cmocka_unit_test(test_extended_messages),
	        cmocka_unit_test(test_slow_peer),
	};

	return T_RUN(tests);
}
