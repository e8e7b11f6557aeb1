/* SPDX-License-Identifier: Apache-2.0 */
/* TCP MD5 and GTSM over ::1, on the connections that are accepted and on those that are made. */
#include "base/clock.h"
#include "tests/unit/bgp/raw_peer.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OWN_AS = 65001, PEER_AS = 65002, FOR_A_WHILE = 300 /* ms */ };

struct fixture {
	struct harness harness;
	struct raw_peer peer;
	struct speaker_peer settings;
	uint16_t port;
};

static struct fixture *open_fixture(const char *password, uint8_t hops)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	T_TRUE(fixture != NULL);
	harness_open(&fixture->harness);
	fixture->settings = harness_peer("one", PEER_AS, 0, true);
	(void)snprintf(fixture->settings.password, sizeof(fixture->settings.password), "%s", password);
	fixture->settings.gtsm_hops = hops;
	harness_start(&fixture->harness, 0, OWN_AS,
	              (struct speaker_settings){
	                      .peer_count = 1, .peers = &fixture->settings, .hold = 90 * CLOCK_SECOND});
	fixture->port = speaker_port(fixture->harness.nodes[0].speaker);
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
	return harness->nodes[0].established[0];
}

/* A socket of the test's that has a key and a hop limit. */
static int make_socket(const char *password, int hop_limit)
{
	const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	struct tcp_md5sig key = {.tcpm_keylen = (uint16_t)strlen(password)};
	int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	T_TRUE(descriptor >= 0);
	memcpy(&key.tcpm_addr, &loopback, sizeof(loopback));
	memcpy(key.tcpm_key, password, key.tcpm_keylen);
	if (key.tcpm_keylen > 0)
		T_OK(setsockopt(descriptor, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof(key)));
	T_OK(setsockopt(descriptor, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hop_limit, sizeof(hop_limit)));
	return descriptor;
}

/* Whether the handshake of TCP succeeds within a while. */
static bool connects(struct fixture *fixture, const char *password, int hop_limit)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_addr = in6addr_loopback,
	                               .sin6_port = htons(fixture->port)};
	struct pollfd file = {.events = POLLOUT};
	struct raw_peer *peer = &fixture->peer;

	*peer = (struct raw_peer){.harness = &fixture->harness,
	                          .descriptor = make_socket(password, hop_limit)};
	file.fd = peer->descriptor;
	if (connect(peer->descriptor, (struct sockaddr *)&address, sizeof(address)) == 0)
		return true;
	return errno == EINPROGRESS && poll(&file, 1, FOR_A_WHILE) == 1 && file.revents == POLLOUT;
}

static void establish(struct fixture *fixture)
{
	struct raw_peer *peer = &fixture->peer;

	T_OK(fcntl(peer->descriptor, F_SETFL, 0)); /* blocking again */
	raw_send_this_open(peer, (struct message_open){.as = PEER_AS});
	(void)raw_expect(peer, MESSAGE_OPEN);
	raw_send_keepalive(peer);
	harness_until(&fixture->harness, is_up);
}

static void need_md5(void)
{
	struct tcp_md5sig key = {.tcpm_keylen = 1, .tcpm_key = "x"};
	const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
	int code;

	memcpy(&key.tcpm_addr, &loopback, sizeof(loopback));
	code = setsockopt(descriptor, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof(key));
	close(descriptor);
	if (code == 0)
		return;
	print_message("skipped: this kernel has no TCP MD5\n");
	skip();
}

static void test_password(void **state)
{
	struct fixture *fixture;

	need_md5();
	fixture = open_fixture("s3cret", 0);
	T_TRUE(!connects(fixture, "", 255));
	raw_close(&fixture->peer);
	T_TRUE(!connects(fixture, "wrong", 255));
	raw_close(&fixture->peer);
	T_TRUE(connects(fixture, "s3cret", 255));
	establish(fixture);
	shut_fixture(fixture);
}

/* Given, changed and taken away while the speaker runs. */
static void test_password_changes(void **state)
{
	struct fixture *fixture;
	struct speaker *speaker;

	need_md5();
	fixture = open_fixture("", 0);
	speaker = fixture->harness.nodes[0].speaker;
	T_TRUE(!connects(fixture, "s3cret", 255));
	raw_close(&fixture->peer);
	memcpy(fixture->settings.password, "s3cret", 7);
	T_OK(speaker_reconfigure(speaker, &fixture->settings, 1));
	T_TRUE(!connects(fixture, "", 255));
	raw_close(&fixture->peer);
	T_TRUE(connects(fixture, "s3cret", 255));
	raw_close(&fixture->peer);
	T_OK(speaker_reconfigure(speaker, NULL, 0)); /* the key goes with the peer */
	harness_run(&fixture->harness, 20);          /* and its slot is free */
	fixture->settings.password[0] = '\0';
	T_OK(speaker_reconfigure(speaker, &fixture->settings, 1));
	fixture->port = speaker_port(speaker);
	T_TRUE(connects(fixture, "", 255));
	establish(fixture);
	shut_fixture(fixture);
}

static bool both_up(struct harness *harness)
{
	return harness->nodes[0].established[0] && harness->nodes[1].established[0];
}

/* A second speaker, which connects to the first. */
static void start_second(struct fixture *fixture, const char *password, uint8_t hops)
{
	struct speaker_peer peer = harness_peer("zero", OWN_AS, fixture->port, false);

	(void)snprintf(peer.password, sizeof(peer.password), "%s", password);
	peer.gtsm_hops = hops;
	harness_start(&fixture->harness, 1, PEER_AS,
	              (struct speaker_settings){.peer_count = 1, .peers = &peer, .hold = 90 * CLOCK_SECOND});
}

static void test_speakers_with_both(void **state)
{
	struct fixture *fixture;

	need_md5();
	fixture = open_fixture("s3cret", 1);
	start_second(fixture, "s3cret", 1);
	harness_until(&fixture->harness, both_up);
	shut_fixture(fixture);
	fixture = open_fixture("s3cret", 0);
	start_second(fixture, "other", 0);
	harness_run(&fixture->harness, FOR_A_WHILE);
	T_TRUE(!is_up(&fixture->harness));
	shut_fixture(fixture);
}

/* ---- GTSM ---- */

static void expect_distance(uint8_t hops, int hop_limit, bool near)
{
	struct fixture *fixture = open_fixture("", hops);
	struct speaker_statistics statistics;
	struct message_frame frame;

	T_TRUE(connects(fixture, "", hop_limit));
	if (near) {
		establish(fixture);
	} else {
		T_TRUE(!raw_receive(&fixture->peer, &frame)); /* closed without a word */
		speaker_statistics(fixture->harness.nodes[0].speaker, &statistics);
		T_EQ(statistics.refused_connections, 1);
	}
	shut_fixture(fixture);
}

static void test_distance_of_who_connects(void **state)
{
	expect_distance(1, 255, true);
	expect_distance(1, 254, false);
	expect_distance(1, 64, false);
	expect_distance(3, 253, true);
	expect_distance(3, 252, false);
	expect_distance(0, 64, true);
}

/* Packets from too far away do not count, although the first ones came from near. */
static void test_distance_of_later_packets(void **state)
{
	struct fixture *fixture = open_fixture("", 1);
	int far = 64;

	T_TRUE(connects(fixture, "", 255));
	harness_run(&fixture->harness, 50); /* accepted, and limited */
	T_OK(setsockopt(fixture->peer.descriptor, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &far, sizeof(far)));
	T_OK(fcntl(fixture->peer.descriptor, F_SETFL, 0));
	raw_send_this_open(&fixture->peer, (struct message_open){.as = PEER_AS});
	raw_send_keepalive(&fixture->peer);
	harness_run(&fixture->harness, FOR_A_WHILE);
	T_TRUE(!is_up(&fixture->harness));
	shut_fixture(fixture);
}

/* Who answers from too far away is not heard: the attempt does not even get its handshake. */
static void test_distance_of_who_is_connected_to(void **state)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct speaker_peer_status status;
	socklen_t size = sizeof(address);
	int listener = make_socket("", 64);

	T_TRUE(fixture != NULL);
	fixture->peer.descriptor = -1;
	harness_open(&fixture->harness);
	T_OK(bind(listener, (struct sockaddr *)&address, size));
	T_OK(listen(listener, 8));
	T_OK(getsockname(listener, (struct sockaddr *)&address, &size));
	fixture->settings = harness_peer("far", PEER_AS, ntohs(address.sin6_port), false);
	fixture->settings.gtsm_hops = 1;
	harness_start(&fixture->harness, 0, OWN_AS,
	              (struct speaker_settings){
	                      .peer_count = 1, .peers = &fixture->settings, .hold = 90 * CLOCK_SECOND});
	harness_run(&fixture->harness, FOR_A_WHILE);
	T_OK(speaker_peer_status(fixture->harness.nodes[0].speaker, 0, &status));
	T_TEXT(status.state, "active"); /* the accepting machine's; the other one is still connecting */
	T_EQ(status.sent.open, 0);
	T_TRUE(accept(listener, NULL, NULL) < 0);
	close(listener);
	shut_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_password),
	        cmocka_unit_test(test_password_changes),
	        cmocka_unit_test(test_speakers_with_both),
	        cmocka_unit_test(test_distance_of_who_connects),
	        cmocka_unit_test(test_distance_of_later_packets),
	        cmocka_unit_test(test_distance_of_who_is_connected_to),
	};

	return T_RUN(tests);
}
