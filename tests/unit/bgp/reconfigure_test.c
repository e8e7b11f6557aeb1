/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that come, change and go while the others stay; policies, limits, and what is shown of it all. */
#include "base/clock.h"
#include "busbar-error.h"
#include "tests/unit/bgp/raw_peer.h"

enum { OWN_AS = 65001, AS_ONE = 65002, AS_TWO = 65003 };

struct fixture {
	struct harness harness;
	struct raw_peer peers[2];
	struct speaker_peer settings[2];
	uint16_t port;
};

static struct speaker *speaker(struct fixture *fixture)
{
	return fixture->harness.nodes[0].speaker;
}

static struct fixture *open_fixture(uint32_t count)
{
	static const uint32_t domain[] = {OWN_AS, AS_ONE, AS_TWO};
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	T_TRUE(fixture != NULL);
	harness_open(&fixture->harness);
	fixture->settings[0] = harness_peer("one", AS_ONE, 0, true);
	fixture->settings[1] = harness_peer("two", AS_TWO, 0, true);
	harness_start(&fixture->harness, 0, OWN_AS,
	              (struct speaker_settings){.peer_count = count,
	                                        .peers = fixture->settings,
	                                        .hold = 90 * CLOCK_SECOND,
	                                        .domain = domain,
	                                        .domain_count = 3});
	fixture->port = speaker_port(speaker(fixture));
	fixture->peers[0].descriptor = fixture->peers[1].descriptor = -1;
	return fixture;
}

static void shut_fixture(struct fixture *fixture)
{
	for (int i = 0; i < 2; i++)
		if (fixture->peers[i].descriptor >= 0)
			raw_close(&fixture->peers[i]);
	harness_shut(&fixture->harness);
	free(fixture);
}

static void reconfigure(struct fixture *fixture, uint32_t count)
{
	T_OK(speaker_reconfigure(speaker(fixture), fixture->settings, count));
}

static bool one_is_up(struct harness *harness)
{
	return harness->nodes[0].established[0];
}

static bool one_is_down(struct harness *harness)
{
	return !harness->nodes[0].established[0];
}

static bool two_is_up(struct harness *harness)
{
	return harness->nodes[0].established[1];
}

static void establish(struct fixture *fixture, int peer)
{
	const struct message_open open = {.as = peer == 0 ? AS_ONE : AS_TWO, .route_refresh = true};
	struct raw_peer *raw = &fixture->peers[peer];

	raw_open(raw, &fixture->harness, fixture->port);
	raw_send_this_open(raw, open);
	(void)raw_expect(raw, MESSAGE_OPEN);
	raw_send_keepalive(raw);
	harness_until(&fixture->harness, peer == 0 ? one_is_up : two_is_up);
}

static struct speaker_peer_status status_of(struct fixture *fixture, uint32_t slot)
{
	struct speaker_peer_status status;

	T_OK(speaker_peer_status(speaker(fixture), slot, &status));
	return status;
}

static bool knows_none(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 0;
}

static bool knows_one(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 1;
}

static bool knows_two(struct harness *harness)
{
	return harness_count(&harness->nodes[0]) == 2;
}

/* ---- peers ---- */

static void test_others_stay(void **state)
{
	struct fixture *fixture = open_fixture(1);
	struct harness *harness = &fixture->harness;
	struct speaker_peer_status status;

	T_EQ(speaker_peer_slots(speaker(fixture)), 1);
	establish(fixture, 0);
	raw_announce(&fixture->peers[0], AS_ONE, 1, 1);
	reconfigure(fixture, 2);
	T_EQ(speaker_peer_slots(speaker(fixture)), 2);
	establish(fixture, 1);
	raw_announce(&fixture->peers[1], AS_TWO, 1, 2);
	harness_until(harness, knows_two);
	T_EQ(status_of(fixture, 0).flaps, 0);
	T_TEXT(status_of(fixture, 1).name, "two");

	fixture->settings[0] = fixture->settings[1]; /* the first one goes */
	reconfigure(fixture, 1);
	(void)raw_expect(&fixture->peers[0], MESSAGE_UPDATE); /* End-of-RIB, and then goodbye */
	while (harness_count(&harness->nodes[0]) != 1)
		harness_run(harness, 5);
	T_TRUE(harness->nodes[0].established[1] && !harness->nodes[0].established[0]);
	T_EQ(status_of(fixture, 1).flaps, 0);
	T_EQ(status_of(fixture, 1).paths, 1);
	T_ERROR(speaker_peer_status(speaker(fixture), 0, &status), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(speaker_peer_status(speaker(fixture), 9, &status), BUSBAR_ERROR_NOT_FOUND);

	fixture->settings[1] = harness_peer("one again", AS_ONE, 0, true); /* into the slot that is free */
	reconfigure(fixture, 2);
	T_TEXT(status_of(fixture, 0).name, "one again");
	raw_close(&fixture->peers[0]);
	establish(fixture, 0);
	T_EQ(status_of(fixture, 1).flaps, 0);
	shut_fixture(fixture);
}

static void test_removed_peer_is_told(void **state)
{
	struct fixture *fixture = open_fixture(1);

	establish(fixture, 0);
	(void)raw_expect(&fixture->peers[0], MESSAGE_UPDATE);
	reconfigure(fixture, 0);
	raw_expect_refusal(&fixture->peers[0], MESSAGE_CEASE, CEASE_DECONFIGURED);
	raw_close(&fixture->peers[0]);
	shut_fixture(fixture);
}

/* What a session is made of needs a new one; a name does not. */
static void test_what_needs_a_new_session(void **state)
{
	struct fixture *fixture = open_fixture(1);
	struct raw_peer *peer = &fixture->peers[0];

	establish(fixture, 0);
	(void)raw_expect(peer, MESSAGE_UPDATE);
	memcpy(fixture->settings[0].name, "other", 6);
	fixture->settings[0].maximum_paths = 9;
	reconfigure(fixture, 1);
	T_TEXT(status_of(fixture, 0).name, "other");
	T_TRUE(fixture->harness.nodes[0].established[0]);
	fixture->settings[0].hold = 30 * CLOCK_SECOND;
	reconfigure(fixture, 1);
	raw_expect_refusal(peer, MESSAGE_CEASE, CEASE_CHANGED);
	harness_until(&fixture->harness, one_is_down);
	raw_close(peer);
	establish(fixture, 0);
	T_EQ(status_of(fixture, 0).hold, 30);
	T_EQ(status_of(fixture, 0).flaps, 1);
	shut_fixture(fixture);
}

static void test_bad_settings_change_nothing(void **state)
{
	const struct speaker_rule rule = {.least = 2, .most = 1};
	struct fixture *fixture = open_fixture(1);

	establish(fixture, 0);
	fixture->settings[1].import_policy = (struct speaker_policy){1, &rule};
	T_ERROR(speaker_reconfigure(speaker(fixture), fixture->settings, 2), BUSBAR_ERROR_BAD_VALUE);
	fixture->settings[1] = harness_peer("two", AS_TWO, 0, true);
	memset(fixture->settings[1].password, 'x', sizeof(fixture->settings[1].password));
	T_ERROR(speaker_reconfigure(speaker(fixture), fixture->settings, 2), BUSBAR_ERROR_BAD_VALUE);
	T_EQ(speaker_peer_slots(speaker(fixture)), 1);
	T_TRUE(fixture->harness.nodes[0].established[0]);
	shut_fixture(fixture);
}

/* An address that cannot be listened on: the whole change is off. */
static void test_failed_listening_changes_nothing(void **state)
{
	struct fixture *fixture = open_fixture(1);
	struct speaker_statistics statistics;

	establish(fixture, 0);
	memset(fixture->settings[1].local, 0xff, 16); /* multicast */
	T_TRUE(speaker_reconfigure(speaker(fixture), fixture->settings, 2) < 0);
	speaker_statistics(speaker(fixture), &statistics);
	T_EQ(statistics.peers, 1);
	T_EQ(statistics.established, 1);
	fixture->settings[1] = harness_peer("two", AS_TWO, 0, true);
	reconfigure(fixture, 2);
	establish(fixture, 1);
	shut_fixture(fixture);
}

/* ---- policies ---- */

static const struct speaker_rule only_one[] = {
        {.prefix = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1},
         .length = 64,
         .least = 64,
         .most = 64,
         .accept = true},
};

static void test_import_policy(void **state)
{
	struct fixture *fixture = open_fixture(1);
	struct raw_peer *peer = &fixture->peers[0];

	establish(fixture, 0);
	(void)raw_expect(peer, MESSAGE_UPDATE);
	for (uint16_t i = 1; i <= 2; i++)
		raw_announce(peer, AS_ONE, i, 1);
	harness_until(&fixture->harness, knows_two);
	fixture->settings[0].import_policy = (struct speaker_policy){1, only_one};
	reconfigure(fixture, 1);
	(void)raw_expect(peer, MESSAGE_ROUTE_REFRESH); /* it is asked again, and held against the new rules */
	for (uint16_t i = 1; i <= 2; i++)
		raw_announce(peer, AS_ONE, i, 1);
	harness_until(&fixture->harness, knows_one);
	T_EQ(status_of(fixture, 0).announced_in, 4);
	T_EQ(status_of(fixture, 0).refused_in, 1);
	T_EQ(status_of(fixture, 0).flaps, 0);
	reconfigure(fixture, 1); /* the same again: nothing happens */
	harness_run(&fixture->harness, 30);
	T_EQ(status_of(fixture, 0).sent.route_refresh, 1);
	raw_withdraw(peer, 1);
	harness_until(&fixture->harness, knows_none);
	T_EQ(status_of(fixture, 0).withdrawn_in, 1);
	shut_fixture(fixture);
}

static bool withdrawal_went(struct harness *harness)
{
	struct speaker_statistics statistics;

	speaker_statistics(harness->nodes[0].speaker, &statistics);
	return statistics.advertised == 1;
}

static bool both_went(struct harness *harness)
{
	struct speaker_statistics statistics;

	speaker_statistics(harness->nodes[0].speaker, &statistics);
	return statistics.advertised == 2;
}

static void test_export_policy(void **state)
{
	struct fixture *fixture = open_fixture(1);

	for (uint8_t i = 1; i <= 2; i++) {
		const uint8_t prefix[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, i};

		T_OK(speaker_announce(speaker(fixture), prefix, 64, &i, 1));
	}
	establish(fixture, 0);
	harness_until(&fixture->harness, both_went);
	fixture->settings[0].export_policy = (struct speaker_policy){1, only_one};
	reconfigure(fixture, 1);
	harness_until(&fixture->harness, withdrawal_went);
	fixture->settings[0].export_policy = (struct speaker_policy){0};
	reconfigure(fixture, 1);
	harness_until(&fixture->harness, both_went);
	T_EQ(status_of(fixture, 0).flaps, 0);
	shut_fixture(fixture);
}

/* ---- limits ---- */

static void test_excess_is_refused(void **state)
{
	struct fixture *fixture = open_fixture(1);

	fixture->settings[0].maximum_paths = 2;
	reconfigure(fixture, 1);
	establish(fixture, 0);
	for (uint16_t i = 1; i <= 5; i++)
		raw_announce(&fixture->peers[0], AS_ONE, i, 1);
	while (status_of(fixture, 0).refused_in < 3)
		harness_run(&fixture->harness, 5);
	T_EQ(harness_count(&fixture->harness.nodes[0]), 2);
	T_TRUE(fixture->harness.nodes[0].established[0]);
	shut_fixture(fixture);
}

static void test_excess_ends_the_session(void **state)
{
	struct fixture *fixture = open_fixture(1);
	struct raw_peer *peer = &fixture->peers[0];

	fixture->settings[0].maximum_paths = 2;
	fixture->settings[0].cease_at_maximum = true;
	reconfigure(fixture, 1);
	establish(fixture, 0);
	(void)raw_expect(peer, MESSAGE_UPDATE);
	for (uint16_t i = 1; i <= 5; i++)
		raw_announce(peer, AS_ONE, i, 1);
	raw_expect_refusal(peer, MESSAGE_CEASE, CEASE_MAXIMUM_PREFIXES);
	harness_until(&fixture->harness, knows_none);
	raw_close(peer);
	raw_open(peer, &fixture->harness, fixture->port); /* and is not let in again at once */
	raw_send_this_open(peer, (struct message_open){.as = AS_ONE});
	raw_expect_refusal(peer, MESSAGE_CEASE, CEASE_REJECTED);
	shut_fixture(fixture);
}

/* ---- looking ---- */

struct list {
	size_t count, best, chosen;
	struct speaker_path last;
	uint32_t as_path[4];
};

static void note_path(void *context, const struct speaker_path *path)
{
	struct list *list = context;

	list->count++;
	list->best += path->best;
	list->chosen += path->chosen;
	list->last = *path;
	memcpy(list->as_path, path->route.as_path,
	       MINIMUM(path->route.as_path_count, 4u) * sizeof(*list->as_path));
}

static void test_list_in_pieces(void **state)
{
	struct fixture *fixture = open_fixture(2);
	struct list list = {0};
	size_t position = 0, calls = 0;

	establish(fixture, 0);
	establish(fixture, 1);
	for (uint16_t i = 0; i < 50; i++) {
		raw_announce(&fixture->peers[0], AS_ONE, i, 1);
		raw_announce(&fixture->peers[1], AS_TWO, i, 2);
	}
	while (status_of(fixture, 0).paths + status_of(fixture, 1).paths < 100)
		harness_run(&fixture->harness, 5);
	harness_run(&fixture->harness, 5);
	while (speaker_each_route(speaker(fixture), &position, 10, note_path, &list)) {
		calls++;
		T_TRUE(list.count >= 10 * calls);
	}
	T_EQ(list.count, 100);
	T_EQ(list.chosen, 100); /* two origins of each prefix */
	T_EQ(list.best, 50);
	T_EQ(list.last.route.prefix_length, 64);
	T_EQ(list.last.route.as_path_count, 1);
	T_EQ(list.as_path[0], list.last.route.peer == 0 ? AS_ONE : AS_TWO);
	T_EQ(list.last.route.attribute_size, 1);
	shut_fixture(fixture);
}

static void test_status(void **state)
{
	struct fixture *fixture = open_fixture(1);
	struct speaker_peer_status status = status_of(fixture, 0);

	T_TEXT(status.state, "active");
	T_TRUE(!status.established && !status.internal);
	establish(fixture, 0);
	status = status_of(fixture, 0);
	T_TEXT(status.state, "established");
	T_TRUE(status.established && status.route_refresh && !status.enhanced_refresh &&
	       !status.add_path_send);
	T_EQ(status.as, AS_ONE);
	T_EQ(status.identifier, AS_ONE);
	T_EQ(status.hold, 90);
	T_EQ(status.received.open, 1);
	T_EQ(status.sent.open, 1);
	T_EQ(status.received.keepalive, 1);
	T_TEXT(status.last_error, "");
	raw_close(&fixture->peers[0]);
	harness_until(&fixture->harness, one_is_down);
	status = status_of(fixture, 0);
	T_TRUE(strncmp(status.last_error, "connection lost", 15) == 0);
	T_EQ(status.flaps, 1);
	shut_fixture(fixture);
}

/* ---- attribute 42 ---- */

static bool two_knows_it(struct harness *harness)
{
	struct speaker_statistics statistics;

	speaker_statistics(harness->nodes[0].speaker, &statistics);
	return statistics.advertised == 1;
}

/* Attributes of a route to the second peer: whether 42 is among them. */
static bool is_passed_on(bool edge_metadata)
{
	/* MP_REACH, ORIGIN, AS_PATH 65002, attribute 42 */
	static const char list[] = "800e1a000201"
	                           "10fd000000000000000000000000000009"
	                           "00"
	                           "20fd0a0000"
	                           "40010100"
	                           "40020602010000fdea"
	                           "802a050001020304";
	struct fixture *fixture = open_fixture(2);
	struct message_frame frame;
	struct message_error error;
	struct update update;
	struct list known = {0};
	size_t position = 0;

	fixture->settings[1].edge_metadata = edge_metadata;
	reconfigure(fixture, 2);
	establish(fixture, 0);
	establish(fixture, 1);
	(void)raw_expect(&fixture->peers[1], MESSAGE_UPDATE);
	raw_send_update(&fixture->peers[0], list);
	harness_until(&fixture->harness, two_knows_it);
	(void)speaker_each_route(speaker(fixture), &position, 10, note_path, &known);
	T_EQ(known.last.route.edge_metadata_size, 5);
	T_BYTES(known.last.route.edge_metadata, "\0\1\2\3\4", 5);
	frame = raw_expect(&fixture->peers[1], MESSAGE_UPDATE);
	T_OK(update_decode(&(struct update_form){.external = true, .opaque_code = 255}, frame.body,
	                   frame.body_size, &update, &error));
	T_EQ(update.attributes.as_count, 2);
	shut_fixture(fixture);
	return update.attributes.edge_metadata_size == 5;
}

static void test_edge_metadata(void **state)
{
	T_TRUE(!is_passed_on(false));
	T_TRUE(is_passed_on(true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_others_stay),
	        cmocka_unit_test(test_removed_peer_is_told),
	        cmocka_unit_test(test_what_needs_a_new_session),
	        cmocka_unit_test(test_bad_settings_change_nothing),
	        cmocka_unit_test(test_failed_listening_changes_nothing),
	        cmocka_unit_test(test_import_policy),
	        cmocka_unit_test(test_export_policy),
	        cmocka_unit_test(test_excess_is_refused),
	        cmocka_unit_test(test_excess_ends_the_session),
	        cmocka_unit_test(test_list_in_pieces),
	        cmocka_unit_test(test_status),
	        cmocka_unit_test(test_edge_metadata),
	};

	return T_RUN(tests);
}
