/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway with a door to the outside and a link to the core, each end in a network namespace of its
 * own:
 *
 *   outside 2001:db8:1::2 -- door -- gateway fc00:0:1::/48 -- core -- fd00:9::2 peer fc00:0:2::/48
 *
 * What the edge drops and counts, what passes, and which routing headers the kernel takes from the peer.
 * Needs root, TUN, segment routing with HMACs and nftables; is skipped without.
 */
#include "base/compiler.h"
#include "namespaces.h"
#include "steer/filter.h"
#include "steer/segment_key.h"
#include "steer/steer.h"
#include "steer/sysctl.h"
#include "t.h"
#include "wire/packet.h"
#include "wire/segment.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OUTSIDE, GATEWAY, PEER, NODES };
enum { LARGEST = 2000, OPERATOR_PORT = 4179, PORT = 7777, PATIENCE_MS = 5000, TURN_MS = 5 };

struct fixture {
	uv_loop_t loop;
	int home, namespaces[NODES];
	struct steer *steer;
	unsigned tunnelled; /* packets that our device was given */
};

static const char outside_address[] = "2001:db8:1::2", door_address[] = "2001:db8:1::1";
static const uint8_t locator[16] = {0xfc, [5] = 1}, peer_locator[16] = {0xfc, [5] = 2};
static const struct seal_key seal_keys[] = {{.identifier = 1, .secret = "the first"},
                                            {.identifier = 2, .secret = "the second"},
                                            {.identifier = 3, .secret = "the third"},
                                            {.identifier = 1, .secret = "another first"}};

static void enter_node(const struct fixture *fixture, int node)
{
	enter(fixture->namespaces[node]);
}

/* A shell's command where we are, quietly. */
static void shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* What a command says, where we are. */
static const char *hear(const char *command)
{
	static char text[8192];
	FILE *stream = popen(command, "r");
	size_t size;

	T_TRUE(stream != NULL);
	size = fread(text, 1, sizeof(text) - 1, stream);
	text[size] = '\0';
	pclose(stream);
	return text;
}

/* The kernel takes up an address some time after it was given it. */
static void await_address(const struct fixture *fixture, int node, const char *address)
{
	char line[80];

	enter_node(fixture, node);
	(void)snprintf(line, sizeof(line), "local %s dev", address);
	for (int waited = 0; strstr(hear("ip -6 route show table local"), line) == NULL; waited += TURN_MS) {
		T_TRUE(waited < PATIENCE_MS);
		(void)poll(NULL, 0, TURN_MS);
	}
}

/* The gateway. */

static void on_packet(void *context, uint8_t *bytes, size_t size)
{
	struct fixture *fixture = context;

	fixture->tunnelled++;
}

static struct steer_key key_of(const struct seal_key *seal)
{
	struct steer_key key = {.identifier = seal->identifier};

	T_OK(seal_segment_secret(seal, key.secret));
	return key;
}

static int open_with(struct fixture *fixture, const struct steer_key *keys, uint32_t count,
                     const char *operator)
{
	static const char *const links[] = {"core"};
	uint8_t ends[2][16];
	struct steer_settings settings = {
	        .tunnel = "busbar0",
	        .interfaces = links,
	        .interface_count = 1,
	        .keys = keys,
	        .key_count = count,
	        .block = {0xfc},
	        .block_length = 32,
	        .ends = (const uint8_t(*)[16])ends,
	        .end_count = 2,
	        .operators = &operator,
	        .operator_count = operator== NULL ? 0 : 1,
	        .operator_port = OPERATOR_PORT,
	        .packet = on_packet,
	        .context = fixture,
	};

	memcpy(settings.locator, locator, 16);
	parse("fd00:9::1", ends[0]);
	parse("fd00:9::2", ends[1]);
	enter_node(fixture, GATEWAY);
	return steer_open(&fixture->loop, &settings, &fixture->steer);
}

static void open_steer(struct fixture *fixture, const struct steer_key keys[2], const char *operator)
{
	uint8_t peer[16];
	uint32_t interface;

	T_OK(open_with(fixture, keys, 2, operator));
	parse("fd00:9::2", peer);
	T_OK(steer_interface(fixture->steer, "core", &interface));
	T_OK(steer_route_put(fixture->steer, peer_locator, 48, peer, interface));
	await_address(fixture, GATEWAY, "fc00:0:1::1");
	await_address(fixture, PEER, "fc00:0:2::1");
	await_address(fixture, PEER, "fd00:9::2");
	await_address(fixture, OUTSIDE, outside_address);
	await_address(fixture, GATEWAY, door_address);
}

/* With the first two keys. */
static void open_usual(struct fixture *fixture, const char *operator)
{
	const struct steer_key keys[] = {key_of(&seal_keys[0]), key_of(&seal_keys[1])};

	open_steer(fixture, keys, operator);
}

static void close_steer(struct fixture *fixture)
{
	steer_close(fixture->steer, NULL, NULL);
	fixture->steer = NULL;
	(void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

static void make_nodes(struct fixture *fixture)
{
	for (int i = 0; i < NODES; i++) {
		fixture->namespaces[i] = new_namespace();
		shell("ip link set lo up");
	}
	enter_node(fixture, GATEWAY);
	T_OK(add_pair("door", "out", fixture->namespaces[OUTSIDE]));
	T_OK(add_pair("core", "gate", fixture->namespaces[PEER]));
	set_up("door", door_address);
	set_up("core", "fd00:9::1");
	enter_node(fixture, OUTSIDE);
	set_up("out", outside_address);
	shell("ip -6 route add default via 2001:db8:1::1");
	enter_node(fixture, PEER);
	set_up("gate", "fd00:9::2");
	shell("ip address add fc00:0:2::1/128 dev lo && ip -6 route add default via fd00:9::1");
	/* It takes what has arrived by our routing headers, and leaves the keys to the gateway. */
	T_OK(sysctl_write("all", "seg6_enabled", 1));
	T_OK(sysctl_write("gate", "seg6_enabled", 1));
	T_OK(sysctl_write("gate", "seg6_require_hmac", -1));
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->home = current_namespace();
	T_EQ(uv_loop_init(&fixture->loop), 0);
	make_nodes(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	close_steer(fixture);
	for (int i = 0; i < NODES; i++)
		close(fixture->namespaces[i]);
	enter(fixture->home);
	close(fixture->home);
	T_OK(uv_loop_close(&fixture->loop));
	free(fixture);
	return 0;
}

/* Packets. */

/* From a node, whole. */
static void inject(const struct fixture *fixture, int node, const uint8_t *bytes, size_t size)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6};
	int outlet;

	enter_node(fixture, node);
	outlet = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	memcpy(&name.sin6_addr, bytes + 24, 16);
	T_EQ(sendto(outlet, bytes, size, 0, (struct sockaddr *)&name, sizeof(name)), size);
	close(outlet);
}

/* A datagram of `text`, through one segment (NULL: plainly). Keys as in packet_encode_plain(). */
static size_t make(const char *source, const uint8_t *through, const char *destination, uint16_t port,
                   const struct seal_key *key, const char *text, uint8_t bytes[LARGEST])
{
	uint8_t from[16], to[16], segments[1][16] = {{0}};
	int size;

	parse(source, from);
	parse(destination, to);
	if (through != NULL)
		memcpy(segments[0], through, 16);
	size = packet_encode_plain(from, to, port, port, (const uint8_t(*)[16])segments, through != NULL, key,
	                           text, strlen(text), bytes, LARGEST);
	T_OK(size);
	return (size_t)size;
}

static void send_plain(const struct fixture *fixture, int node, const char *source, const char *destination,
                       uint16_t port, const char *text)
{
	uint8_t bytes[LARGEST];

	inject(fixture, node, bytes, make(source, NULL, destination, port, &seal_keys[0], text, bytes));
}

static int listen_at(const struct fixture *fixture, int node, const char *address, uint16_t port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int inlet;

	enter_node(fixture, node);
	inlet = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	parse(address, name.sin6_addr.s6_addr);
	T_EQ(bind(inlet, (struct sockaddr *)&name, sizeof(name)), 0);
	return inlet;
}

/* The next datagram there is this one. */
static void expect_text(struct fixture *fixture, int inlet, const char *text)
{
	struct pollfd poller = {.fd = inlet, .events = POLLIN};
	char bytes[128] = "nothing";
	ssize_t size;

	for (int waited = 0; waited < PATIENCE_MS && poll(&poller, 1, TURN_MS) == 0; waited += TURN_MS)
		(void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
	size = recv(inlet, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
	if (size >= 0)
		bytes[size] = '\0';
	T_TEXT(bytes, text);
}

static struct steer_statistics statistics_of(const struct fixture *fixture)
{
	struct steer_statistics statistics;

	steer_statistics(fixture->steer, &statistics);
	return statistics;
}

/* So many packets of each cause, and none of them came to the device. */
static void expect_dropped(struct fixture *fixture, uint64_t headers, uint64_t sources, uint64_t destinations)
{
	const uint64_t expected[STEER_CAUSES] = {headers, sources, destinations};
	struct steer_statistics statistics = statistics_of(fixture);

	for (int waited = 0;
	     waited < PATIENCE_MS && memcmp(statistics.filtered, expected, sizeof(expected)) != 0;
	     waited += TURN_MS) {
		(void)poll(NULL, 0, TURN_MS);
		statistics = statistics_of(fixture);
	}
	for (size_t i = 0; i < STEER_CAUSES; i++)
		T_EQ(statistics.filtered[i], expected[i]);
	(void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
	T_EQ(fixture->tunnelled, 0);
}

/* Tests. */

static void the_edge_drops_by_cause(void **state)
{
	struct fixture *fixture = *state;
	uint8_t end[16], function[16], bytes[LARGEST];
	size_t size;

	open_usual(fixture, NULL);
	segment_make(locator, SEGMENT_FUNCTION_END, 0, end);
	segment_make(locator, SEGMENT_FUNCTION_BASE + 1, 0, function);
	/* Authentic, and yet from outside; towards us, and towards somebody outside. */
	size = make(outside_address, end, "fc00:0:1::1", PORT, &seal_keys[0], "end", bytes);
	inject(fixture, OUTSIDE, bytes, size);
	size = make(outside_address, function, "fc00:0:2::1", PORT, &seal_keys[0], "function", bytes);
	inject(fixture, OUTSIDE, bytes, size);
	parse("2001:db8:9::1", end);
	size = make("fc00:0:2::1", end, "2001:db8:9::2", PORT, &seal_keys[0], "elsewhere", bytes);
	inject(fixture, OUTSIDE, bytes, size);
	expect_dropped(fixture, 3, 0, 0);
	send_plain(fixture, OUTSIDE, "fc00:0:2::1", door_address, PORT, "in the name of the peer");
	send_plain(fixture, OUTSIDE, "fc00:0:1::1", door_address, PORT, "in our own");
	send_plain(fixture, OUTSIDE, "fd00:9::2", door_address, PORT, "in that of its link");
	send_plain(fixture, OUTSIDE, "fc00:0:ffff::1", "fc00:0:1::1", PORT, "of nobody that is");
	expect_dropped(fixture, 3, 4, 0);
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:1::1", PORT, "own address");
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:1::1", OPERATOR_PORT, "no operators here");
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:1:b001::", PORT, "function");
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:1:1::", PORT, "end");
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:2::1", PORT, "peer");
	send_plain(fixture, OUTSIDE, outside_address, "fd00:9::1", PORT, "our end of the link");
	send_plain(fixture, OUTSIDE, outside_address, "fd00:9::2", PORT, "the peer's");
	expect_dropped(fixture, 3, 4, 7);
}

static void clients_reach_what_is_for_them(void **state)
{
	struct fixture *fixture = *state;
	int door, own, peer;

	open_usual(fixture, "door");
	door = listen_at(fixture, GATEWAY, door_address, PORT);
	own = listen_at(fixture, GATEWAY, "fc00:0:1::1", OPERATOR_PORT);
	peer = listen_at(fixture, PEER, "fc00:0:2::1", OPERATOR_PORT);
	send_plain(fixture, OUTSIDE, outside_address, door_address, PORT, "client");
	expect_text(fixture, door, "client");
	/* Operators come in here: their port of our own address and of others', and no other. */
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:1::1", PORT, "another port");
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:1::2", OPERATOR_PORT, "another address");
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:1::1", OPERATOR_PORT, "operator");
	expect_text(fixture, own, "operator");
	send_plain(fixture, OUTSIDE, outside_address, "fc00:0:2::1", OPERATOR_PORT, "operator's peer");
	expect_text(fixture, peer, "operator's peer");
	expect_dropped(fixture, 0, 0, 2);
	close(door);
	close(own);
	close(peer);
}

static void gateways_are_not_filtered(void **state)
{
	struct fixture *fixture = *state;
	int own, peer;

	open_usual(fixture, NULL);
	own = listen_at(fixture, GATEWAY, "fc00:0:1::1", PORT);
	peer = listen_at(fixture, PEER, "fc00:0:2::1", PORT);
	send_plain(fixture, PEER, "fc00:0:2::1", "fc00:0:1::1", PORT, "from the peer");
	expect_text(fixture, own, "from the peer");
	send_plain(fixture, GATEWAY, "fc00:0:1::1", "fc00:0:1::1", PORT, "to itself");
	expect_text(fixture, own, "to itself");
	send_plain(fixture, GATEWAY, "fc00:0:1::1", "fc00:0:2::1", PORT, "to the peer");
	expect_text(fixture, peer, "to the peer");
	expect_dropped(fixture, 0, 0, 0);
	close(own);
	close(peer);
}

/* By the gateway's End back to the peer: nothing is delivered where it was forwarded. */
static void send_sealed(const struct fixture *fixture, const struct seal_key *key, const char *text)
{
	uint8_t bytes[LARGEST], end[16];

	segment_make(locator, SEGMENT_FUNCTION_END, 0, end);
	inject(fixture, PEER, bytes, make("fd00:9::2", end, "fc00:0:2::1", PORT, key, text, bytes));
}

/* As somebody would who has no key. */
static void send_unsealed(const struct fixture *fixture)
{
	uint8_t bytes[LARGEST], end[16];
	size_t size;

	segment_make(locator, SEGMENT_FUNCTION_END, 0, end);
	size = make("fd00:9::2", end, "fc00:0:2::1", PORT, &seal_keys[0], "unsealed", bytes);
	bytes[45] = 0; /* nothing says that there is an HMAC */
	inject(fixture, PEER, bytes, size);
}

static void links_take_sealed_routing_headers(void **state)
{
	struct fixture *fixture = *state;
	int peer;

	open_usual(fixture, NULL);
	peer = listen_at(fixture, PEER, "fc00:0:2::1", PORT);
	send_unsealed(fixture);
	send_sealed(fixture, &seal_keys[2], "an unknown key");
	send_sealed(fixture, &seal_keys[3], "another's key of that number");
	send_sealed(fixture, &seal_keys[0], "first key");
	expect_text(fixture, peer, "first key");
	send_sealed(fixture, &seal_keys[1], "second key");
	expect_text(fixture, peer, "second key");
	close(peer);
}

/* The second becomes the first, the first goes, a new one comes: what the kernel had is not asked. */
static void keys_roll_over_with_a_restart(void **state)
{
	struct fixture *fixture = *state;
	const struct steer_key former[] = {key_of(&seal_keys[0]), {.identifier = 200}};
	const struct steer_key keys[] = {key_of(&seal_keys[1]), key_of(&seal_keys[2])};
	struct segment_keys *before = NULL;
	const char *said;
	int peer;

	enter_node(fixture, GATEWAY);
	T_OK(segment_keys_open(&before));
	T_OK(segment_keys_set(before, former, 2));
	segment_keys_close(before);
	shell("echo secret | ip sr hmac set 1000 sha256 >/dev/null 2>&1");
	open_steer(fixture, keys, NULL);
	said = hear("ip sr hmac show");
	T_TRUE(strstr(said, "hmac 200 ") == NULL);
	T_TRUE(strstr(said, "hmac 1000 ") != NULL); /* not the domain's */
	peer = listen_at(fixture, PEER, "fc00:0:2::1", PORT);
	send_sealed(fixture, &seal_keys[0], "the old key");
	send_sealed(fixture, &seal_keys[2], "the new key");
	expect_text(fixture, peer, "the new key");
	send_sealed(fixture, &seal_keys[1], "the one between");
	expect_text(fixture, peer, "the one between");
	close(peer);
	close_steer(fixture);
	enter_node(fixture, GATEWAY);
	said = hear("ip sr hmac show");
	T_TRUE(strstr(said, "hmac 2 ") == NULL && strstr(said, "hmac 3 ") == NULL);
	T_TRUE(strstr(said, "hmac 1000 ") != NULL);
}

/* A daemon that died leaves its table; the next one puts in its own, and takes it out when it ends in order.
 */
static void the_table_is_replaced_as_a_whole(void **state)
{
	struct fixture *fixture = *state;

	enter_node(fixture, GATEWAY);
	shell("nft 'table inet busbar_edge { counter source_inside { packets 9 bytes 9; };"
	      "set strange { type ifname; }; }'");
	shell("nft 'table inet neighbours { }'");
	open_usual(fixture, NULL);
	expect_dropped(fixture, 0, 0, 0);
	enter_node(fixture, GATEWAY);
	T_TRUE(strstr(hear("nft list table inet busbar_edge"), "strange") == NULL);
	close_steer(fixture);
	T_TEXT(hear("nft list tables"), "table inet neighbours\n");
}

static void bad_settings_leave_nothing(void **state)
{
	static const char *const names[] = {"", "a name", "a\"b", "a*", "sixteen-letters-"};
	struct fixture *fixture = *state;
	const struct steer_key nobody[] = {{.identifier = 0}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		T_ERROR(open_with(fixture, NULL, 0, names[i]), -EINVAL);
	T_ERROR(open_with(fixture, nobody, 1, NULL), -EINVAL);
	T_ERROR(open_with(fixture, nobody, STEER_KEYS + 1, NULL), -EINVAL);
	assert_null(fixture->steer);
	(void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
	T_TEXT(hear("nft list tables"), "");
	T_TEXT(hear("ip sr hmac show"), "");
}

/* What it lacks for an edge. */
static const char *missing_here(void)
{
	int home = current_namespace();
	struct segment_keys *keys = NULL;
	const char *what = NULL;

	close(new_namespace());
	if (segment_keys_open(&keys) < 0)
		what = "the kernel has no HMACs of segment routing";
	else if (system("nft list tables >/dev/null 2>&1") != 0)
		what = "no nftables";
	segment_keys_close(keys);
	enter(home);
	close(home);
	return what;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(the_edge_drops_by_cause),       TEST(clients_reach_what_is_for_them),
	        TEST(gateways_are_not_filtered),     TEST(links_take_sealed_routing_headers),
	        TEST(keys_roll_over_with_a_restart), TEST(the_table_is_replaced_as_a_whole),
	        TEST(bad_settings_leave_nothing),
	};
	const char *cause = missing();

	if (!cause)
		cause = missing_here();
	if (cause) {
		printf("1..0 # SKIP %s\n", cause);
		return 0;
	}
	return T_RUN(tests);
}
