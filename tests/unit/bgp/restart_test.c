/* SPDX-License-Identifier: Apache-2.0 */
/* Graceful restart of a peer and of our own, route refresh both ways, and a peer that does not read. */
#include "base/clock.h"
#include "busbar-error.h"
#include "tests/unit/bgp/raw_peer.h"
#include <sys/socket.h>

enum { OWN_AS = 65001, PEER_AS = 65002, OTHER_AS = 65003 };

struct fixture {
	struct harness harness;
	struct raw_peer peer;
	uint16_t port;
};

static struct harness_node *node(struct harness *harness)
{
	return &harness->nodes[0];
}

static struct fixture *open_fixture(struct speaker_settings settings)
{
	struct speaker_peer peers[] = {harness_peer("one", PEER_AS, 0, true)};
	static const uint32_t domain[] = {OWN_AS, PEER_AS};
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	T_TRUE(fixture != NULL);
	harness_open(&fixture->harness);
	peers[0].restart_time = 60 * CLOCK_SECOND;
	settings.peer_count = 1;
	settings.peers = peers;
	settings.hold = 90 * CLOCK_SECOND;
	settings.domain = domain;
	settings.domain_count = 2;
	harness_start(&fixture->harness, 0, OWN_AS, settings);
	fixture->port = speaker_port(node(&fixture->harness)->speaker);
	fixture->peer.descriptor = -1;
	return fixture;
}

static void shut_fixture(struct fixture *fixture)
{
	if (fixture->peer.descriptor >= 0)
		raw_close(&fixture->peer);
	harness_shut(&fixture->harness);
	free(fixture);
}

static bool is_up(struct harness *harness)
{
	return node(harness)->established[0];
}

static bool is_down(struct harness *harness)
{
	return !node(harness)->established[0];
}

static bool knows_three(struct harness *harness)
{
	return harness_count(node(harness)) == 3;
}

static bool knows_one(struct harness *harness)
{
	return harness_count(node(harness)) == 1;
}

static bool knows_none(struct harness *harness)
{
	return harness_count(node(harness)) == 0;
}

static struct speaker_peer_status status_of(struct harness *harness)
{
	struct speaker_peer_status status;

	T_OK(speaker_peer_status(node(harness)->speaker, 0, &status));
	return status;
}

/* An OPEN that agrees to graceful restart. */
static struct message_open graceful(uint16_t seconds, bool restarting, bool forwarding_kept)
{
	return (struct message_open){.as = PEER_AS,
	                             .graceful_restart = true,
	                             .restart_ipv6_unicast = true,
	                             .restart_time = seconds,
	                             .restarting = restarting,
	                             .forwarding_kept = forwarding_kept,
	                             .route_refresh = true,
	                             .enhanced_refresh = true};
}

static void establish(struct fixture *fixture, struct message_open open)
{
	if (fixture->peer.descriptor >= 0)
		raw_close(&fixture->peer);
	raw_open(&fixture->peer, &fixture->harness, fixture->port);
	raw_send_this_open(&fixture->peer, open);
	(void)raw_expect(&fixture->peer, MESSAGE_OPEN);
	raw_send_keepalive(&fixture->peer);
	harness_until(&fixture->harness, is_up);
}

/* Three routes of a peer, whose connection is then lost. */
static void lose_peer(struct fixture *fixture, struct message_open open)
{
	establish(fixture, open);
	for (uint16_t i = 0; i < 3; i++)
		raw_announce(&fixture->peer, PEER_AS, i, 7);
	raw_send_end_of_rib(&fixture->peer);
	harness_until(&fixture->harness, knows_three);
	raw_close(&fixture->peer);
	harness_until(&fixture->harness, is_down);
}

static void test_routes_outlive_the_connection(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){0});
	struct harness *harness = &fixture->harness;

	lose_peer(fixture, graceful(60, false, true));
	harness_run(harness, 50);
	T_EQ(harness_count(node(harness)), 3);
	T_EQ(status_of(harness).stale_paths, 3);
	T_EQ(status_of(harness).flaps, 1);
	establish(fixture, graceful(60, true, true));
	T_EQ(status_of(harness).stale_paths, 3);
	raw_announce(&fixture->peer, PEER_AS, 1, 7); /* as before: nothing to be reported */
	raw_send_end_of_rib(&fixture->peer);
	harness_until(harness, knows_one);
	T_EQ(status_of(harness).stale_paths, 0);
	T_EQ(node(harness)->route_reports, 3 + 2); /* what was told again never went */
	shut_fixture(fixture);
}

static void test_routes_go_with_the_restart_time(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){0});

	lose_peer(fixture, graceful(1, false, true));
	T_EQ(harness_count(node(&fixture->harness)), 3);
	harness_until(&fixture->harness, knows_none);
	T_EQ(status_of(&fixture->harness).stale_paths, 0);
	shut_fixture(fixture);
}

static void test_routes_go_with_the_stale_time(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){.stale_time = CLOCK_SECOND / 5});

	lose_peer(fixture, graceful(60, false, true));
	establish(fixture, graceful(60, true, true)); /* and never says that it has told all */
	harness_until(&fixture->harness, knows_none);
	T_TRUE(node(&fixture->harness)->established[0]);
	shut_fixture(fixture);
}

/* What forwards at the peer is gone, or it does not speak of it any more. */
static void test_routes_go_without_forwarding(void **state)
{
	const struct message_open later[] = {graceful(60, true, false), {.as = PEER_AS}};

	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		struct fixture *fixture = open_fixture((struct speaker_settings){0});

		lose_peer(fixture, graceful(60, false, true));
		establish(fixture, later[i]);
		harness_until(&fixture->harness, knows_none);
		T_TRUE(node(&fixture->harness)->established[0]);
		shut_fixture(fixture);
	}
}

/* A NOTIFICATION ends it all where it was not agreed otherwise. */
static void test_notification_takes_the_routes(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){0});
	const struct message_error cease = message_cease(CEASE_SHUTDOWN, "good night");
	uint8_t bytes[64];

	establish(fixture, graceful(60, false, true));
	for (uint16_t i = 0; i < 3; i++)
		raw_announce(&fixture->peer, PEER_AS, i, 7);
	harness_until(&fixture->harness, knows_three);
	raw_send(&fixture->peer, bytes, (size_t)message_notification_encode(&cease, bytes, sizeof(bytes)));
	harness_until(&fixture->harness, knows_none);
	T_TEXT(status_of(&fixture->harness).last_error, "6/2 administrative shutdown: good night");
	T_TRUE(status_of(&fixture->harness).last_error_received);
	shut_fixture(fixture);
}

/* The machine of a peer crashed: its old connection still looks alive when it comes back. */
static void test_restarted_peer_replaces_its_session(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){0});
	struct harness *harness = &fixture->harness;
	struct raw_peer old;

	establish(fixture, graceful(60, false, true));
	for (uint16_t i = 0; i < 3; i++)
		raw_announce(&fixture->peer, PEER_AS, i, 7);
	raw_send_keepalive(&fixture->peer); /* the session has lasted */
	harness_until(harness, knows_three);
	while (status_of(harness).received.keepalive < 2)
		harness_run(harness, 5);
	old = fixture->peer;
	old.harness = harness;
	fixture->peer.descriptor = -1;
	raw_open(&fixture->peer, harness, fixture->port);
	raw_send_this_open(&fixture->peer, graceful(60, true, true));
	(void)raw_expect(&fixture->peer, MESSAGE_OPEN);
	raw_send_keepalive(&fixture->peer);
	(void)raw_expect(&fixture->peer, MESSAGE_KEEPALIVE);
	harness_until(harness, is_up);
	T_EQ(harness_count(node(harness)), 3);
	raw_send_end_of_rib(&fixture->peer);
	harness_until(harness, knows_none);
	raw_close(&old);
	shut_fixture(fixture);
}

/* ---- our own restart ---- */

static bool both_up(struct harness *harness)
{
	return harness->nodes[0].established[0] && harness->nodes[1].established[0];
}

static void start_pair(struct harness *harness, size_t index, uint16_t port, bool forwarding_kept)
{
	struct speaker_peer peer = harness_peer("twin", OWN_AS + 1 - (uint32_t)index, port, port == 0);
	static const uint32_t domain[] = {OWN_AS, OWN_AS + 1};
	struct speaker_settings settings = {.peer_count = 1,
	                                    .peers = &peer,
	                                    .hold = 9 * CLOCK_SECOND,
	                                    .domain = domain,
	                                    .domain_count = 2,
	                                    .forwarding_kept = forwarding_kept,
	                                    .deferral = 30 * CLOCK_SECOND};

	peer.restart_time = 60 * CLOCK_SECOND;
	free(harness->nodes[index].routes);
	harness_start(harness, index, OWN_AS + (uint32_t)index, settings);
}

static const uint8_t first[16] = {0xfd, 1}, second[16] = {0xfd, 2};

static bool first_has_both(struct harness *harness)
{
	return both_up(harness) && harness_count(&harness->nodes[0]) == 2;
}

static bool first_has_one(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 1;
}

static bool second_is_closed(struct harness *harness)
{
	return harness->nodes[1].closed;
}

/*
 * One of two leaves without a word and comes back: meanwhile its routes stay, and only what it does not
 * announce any more goes. Both wait for each other's routes no longer than these take to come.
 */
static void test_own_restart(void **state)
{
	struct harness harness;
	uint64_t begun;

	harness_open(&harness);
	begun = uv_hrtime();
	start_pair(&harness, 0, 0, false);
	start_pair(&harness, 1, speaker_port(harness.nodes[0].speaker), false);
	T_OK(speaker_announce(harness.nodes[1].speaker, first, 48, first, 2));
	T_OK(speaker_announce(harness.nodes[1].speaker, second, 48, second, 2));
	harness_until(&harness, first_has_both);
	speaker_leave(harness.nodes[1].speaker, NULL, NULL);
	harness.nodes[1].speaker = NULL;
	while (harness.nodes[0].established[0])
		harness_run(&harness, 5);
	T_EQ(harness_count(&harness.nodes[0]), 2);
	start_pair(&harness, 1, speaker_port(harness.nodes[0].speaker), true);
	T_OK(speaker_announce(harness.nodes[1].speaker, first, 48, first, 2));
	harness_until(&harness, first_has_one);
	T_TRUE(harness_find(&harness.nodes[0], first, OWN_AS + 1) != NULL);
	T_EQ(harness.nodes[0].route_reports, 3); /* two came and one went */
	T_TRUE(uv_hrtime() - begun < 30 * UINT64_C(1000000000));
	harness_stop(&harness, 1); /* with a goodbye */
	harness_until(&harness, second_is_closed);
	harness_until(&harness, knows_none);
	harness_shut(&harness);
}

static void on_nothing(uv_timer_t *timer)
{
}

/* How often the loop turns within a tenth of a second in which nothing happens. */
static unsigned count_turns(struct harness *harness)
{
	uint64_t end = uv_hrtime() + 100000000;
	unsigned turns = 0;

	for (; uv_hrtime() < end; turns++) {
		(void)uv_timer_start(&harness->watchdog, on_nothing, 20, 0);
		(void)uv_run(&harness->loop, UV_RUN_ONCE);
	}
	(void)uv_timer_stop(&harness->watchdog);
	return turns;
}

/* Nothing is decided and told before the peer has told all, or its time is over. */
static void test_deferral(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){.deferral = 30 * CLOCK_SECOND});
	struct harness *harness = &fixture->harness;
	struct message_frame frame;

	T_OK(speaker_announce(node(harness)->speaker, first, 48, first, 2));
	establish(fixture, graceful(60, false, true));
	raw_announce(&fixture->peer, PEER_AS, 1, 7);
	raw_send_refresh(&fixture->peer, REFRESH_REQUEST); /* has to wait like everything else */
	harness_run(harness, 100);
	T_TRUE(count_turns(harness) < 100);
	T_EQ(harness_count(node(harness)), 0);
	T_EQ(status_of(harness).paths, 1);
	T_EQ(status_of(harness).sent.update, 0);
	raw_send_end_of_rib(&fixture->peer);
	harness_until(harness, knows_one);
	frame = raw_expect(&fixture->peer, MESSAGE_UPDATE);
	T_TRUE(frame.size > 40);
	shut_fixture(fixture);
	fixture = open_fixture((struct speaker_settings){.deferral = CLOCK_SECOND / 5});
	harness = &fixture->harness;
	establish(fixture, graceful(60, false, true));
	raw_announce(&fixture->peer, PEER_AS, 1, 7);
	harness_until(harness, knows_one);
	shut_fixture(fixture);
}

/* ---- refresh ---- */

static uint8_t expect_refresh(struct raw_peer *peer)
{
	struct message_frame frame = raw_expect(peer, MESSAGE_ROUTE_REFRESH);
	struct message_refresh refresh;
	struct message_error error;

	T_OK(message_refresh_decode(frame.body, frame.body_size, &refresh, &error));
	T_EQ(refresh.afi, MESSAGE_AFI_IPV6);
	T_EQ(refresh.safi, MESSAGE_SAFI_UNICAST);
	return refresh.kind;
}

static void test_refresh_is_answered(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){0});
	struct speaker *speaker = node(&fixture->harness)->speaker;
	struct raw_peer *peer = &fixture->peer;
	size_t announced, end;

	T_OK(speaker_announce(speaker, first, 48, first, 2));
	establish(fixture, graceful(60, false, true));
	announced = raw_expect(peer, MESSAGE_UPDATE).size;
	end = raw_expect(peer, MESSAGE_UPDATE).size;
	T_TRUE(end < announced);
	raw_send_refresh(peer, REFRESH_REQUEST);
	T_EQ(expect_refresh(peer), REFRESH_BEGIN);
	T_EQ(raw_expect(peer, MESSAGE_UPDATE).size, announced);
	T_EQ(expect_refresh(peer), REFRESH_END);
	T_EQ(status_of(&fixture->harness).received.route_refresh, 1);
	T_EQ(status_of(&fixture->harness).sent.route_refresh, 2);
	T_OK(speaker_refresh(speaker, 0));
	T_EQ(expect_refresh(peer), REFRESH_REQUEST);
	T_ERROR(speaker_refresh(speaker, 1), BUSBAR_ERROR_NOT_FOUND);
	shut_fixture(fixture);
}

/* A route that was told a moment ago is told again before the end all the same, or the peer would drop it. */
static void test_refresh_does_not_wait_for_the_interval(void **state)
{
	struct fixture *fixture =
	        open_fixture((struct speaker_settings){.minimum_interval = 60 * CLOCK_SECOND});
	struct speaker *speaker = node(&fixture->harness)->speaker;
	struct raw_peer *peer = &fixture->peer;

	establish(fixture, graceful(60, false, true));
	(void)raw_expect(peer, MESSAGE_UPDATE); /* End-of-RIB */
	raw_send_refresh(peer, REFRESH_REQUEST);
	T_EQ(expect_refresh(peer), REFRESH_BEGIN);
	T_EQ(expect_refresh(peer), REFRESH_END); /* of nothing */
	T_OK(speaker_announce(speaker, first, 48, first, 2));
	(void)raw_expect(peer, MESSAGE_UPDATE);
	raw_send_refresh(peer, REFRESH_REQUEST);
	T_EQ(expect_refresh(peer), REFRESH_BEGIN);
	(void)raw_expect(peer, MESSAGE_UPDATE);
	T_EQ(expect_refresh(peer), REFRESH_END);
	shut_fixture(fixture);
}

static void test_refresh_of_the_peer_takes_what_is_missing(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){0});
	struct raw_peer *peer = &fixture->peer;

	establish(fixture, graceful(60, false, true));
	for (uint16_t i = 0; i < 3; i++)
		raw_announce(peer, PEER_AS, i, 7);
	harness_until(&fixture->harness, knows_three);
	raw_send_refresh(peer, REFRESH_BEGIN);
	raw_announce(peer, PEER_AS, 2, 8);
	raw_send_refresh(peer, REFRESH_END);
	harness_until(&fixture->harness, knows_one);
	T_EQ(status_of(&fixture->harness).flaps, 0);
	shut_fixture(fixture);
}

static void test_bad_refresh(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){0});
	uint8_t bytes[MESSAGE_HEADER + 5];

	memset(bytes, 0xff, 16);
	memcpy(bytes + 16, "\0\x18\x05\0\x02\0\x01\0", 8);
	establish(fixture, graceful(60, false, true));
	raw_send(&fixture->peer, bytes, sizeof(bytes));
	(void)raw_expect(&fixture->peer, MESSAGE_UPDATE); /* End-of-RIB */
	raw_expect_refusal(&fixture->peer, MESSAGE_REFRESH_ERROR, REFRESH_BAD_LENGTH);
	shut_fixture(fixture);
}

/* ---- a peer that does not read ---- */

static bool has_flapped(struct harness *harness)
{
	return status_of(harness).flaps == 1;
}

static void test_send_hold(void **state)
{
	struct fixture *fixture = open_fixture((struct speaker_settings){.send_hold = CLOCK_SECOND / 2});
	struct speaker *speaker = node(&fixture->harness)->speaker;
	static uint8_t value[SPEAKER_ATTRIBUTE_MAXIMUM];
	int small = 4096;

	raw_open(&fixture->peer, &fixture->harness, fixture->port);
	T_OK(setsockopt(fixture->peer.descriptor, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	raw_send_this_open(&fixture->peer, (struct message_open){.as = PEER_AS});
	raw_send_keepalive(&fixture->peer);
	harness_until(&fixture->harness, is_up);
	for (uint16_t i = 0; i < 4000; i++) {
		const uint8_t prefix[16] = {0xfd, (uint8_t)(i >> 8), (uint8_t)i};

		T_OK(speaker_announce(speaker, prefix, 64, value, sizeof(value)));
	}
	harness_until(&fixture->harness, has_flapped);
	T_TEXT(status_of(&fixture->harness).last_error, "8/0 send hold timer expired");
	shut_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_routes_outlive_the_connection),
	        cmocka_unit_test(test_routes_go_with_the_restart_time),
	        cmocka_unit_test(test_routes_go_with_the_stale_time),
	        cmocka_unit_test(test_routes_go_without_forwarding),
	        cmocka_unit_test(test_notification_takes_the_routes),
	        cmocka_unit_test(test_restarted_peer_replaces_its_session),
	        cmocka_unit_test(test_own_restart),
	        cmocka_unit_test(test_deferral),
	        cmocka_unit_test(test_refresh_is_answered),
	        cmocka_unit_test(test_refresh_does_not_wait_for_the_interval),
	        cmocka_unit_test(test_refresh_of_the_peer_takes_what_is_missing),
	        cmocka_unit_test(test_bad_refresh),
	        cmocka_unit_test(test_send_hold),
	};

	return T_RUN(tests);
}
