/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows between a client and a service through four gateways, each in a network namespace of its own:
 *
 *                  tob  B  toc
 *   client -- access  A        C  service 2001:db8:5e::1, on its loopback
 *                  toe  E  toc
 *
 * Locators are fd00:0:a::/48 and so on; links 2001:db8:N::/64. Plain routes between A and C go by B. Outputs
 * have 20 Mbit/s. Needs root, TUN, segment routing, nftables and HTB; is skipped without.
 */
#include "base/compiler.h"
#include "base/error.h"
#include "base/log.h"
#include "namespaces.h"
#include "steer/netlink.h"
#include "steer/queue.h"
#include "steer/route.h"
#include "steer/steer.h"
#include "steer/sysctl.h"
#include "stream.h"
#include "t.h"
#include "wire/segment.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/seg6_genl.h>
#include <linux/seg6_hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { A, B, C, E, NODES };
enum {
	MBIT = 1000000,
	RATE = 20 * MBIT,
	RESERVED = 5 * MBIT,
	TRIES = 4,
	LINK_HEADER = 14,
	IPV6_HEADER = 40,
	DESTINATION = 24,
	FIRST_SEGMENT = IPV6_HEADER + 8 + 16,                /* of two, stored last */
	HEADERS = STREAM_HEADERS + IPV6_HEADER + 8 + 2 * 16, /* encapsulated, two segments */
	CLASS_EF = 46 << 2,
	CLASS_CS5 = 40 << 2,
	CLASS_CS6 = 48 << 2,
	CLASS_CS1 = 8 << 2,
};

static const int64_t millisecond = 1000000;
static const char client[] = "2001:db8:c::2", other_client[] = "2001:db8:c::3", service[] = "2001:db8:5e::1";
static const char locators[NODES][16] = {"fd00:0:a::", "fd00:0:b::", "fd00:0:c::", "fd00:0:e::"};

struct node {
	int namespace;
	uint8_t locator[16];
	struct steer *steer;
};

struct fixture {
	uv_loop_t loop;
	int home, clients;
	struct node nodes[NODES];
	struct stream flow, other; /* from the two clients to the service */
};

static void on_packet(void *context, uint8_t *bytes, size_t size)
{
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void close_steer(struct fixture *fixture, struct node *node)
{
	bool closed = false;

	enter(node->namespace);
	if (!node->steer)
		return;
	steer_close(node->steer, on_closed, &closed);
	node->steer = NULL;
	while (!closed)
		uv_run(&fixture->loop, UV_RUN_ONCE);
}

/* The topology. */

static uint32_t index_of(struct node *node, const char *interface)
{
	uint32_t index = 0;

	T_OK(steer_interface(node->steer, interface, &index));
	return index;
}

static void add_output(struct node *node, const char *interface)
{
	struct steer_output output = {.interface = index_of(node, interface), .rate = RATE, .share = 1000};

	enter(node->namespace);
	T_OK(steer_output_add(node->steer, &output));
	for (uint32_t class = 0; class < STEER_CLASSES; class ++)
		T_OK(steer_output_set(node->steer, output.interface, class, RESERVED, 20000));
}

static void open_node(struct fixture *fixture, int which, const char *first, const char *second)
{
	const char *interfaces[] = {first, second};
	struct node *node = &fixture->nodes[which];
	struct steer_settings settings = {
	        .tunnel = "busbar0", .interfaces = interfaces, .interface_count = 2, .packet = on_packet};

	memcpy(settings.locator, node->locator, 16);
	enter(node->namespace);
	T_OK(steer_open(&fixture->loop, &settings, &node->steer));
	add_output(node, first);
	add_output(node, second);
}

static void put_route(struct node *node, const char *prefix, uint32_t length, const char *next_hop,
                      const char *interface)
{
	struct in6_addr to = address_of(prefix), via = address_of(next_hop);

	enter(node->namespace);
	T_OK(steer_route_put(node->steer, to.s6_addr, length, via.s6_addr, index_of(node, interface)));
}

static void add_link(struct fixture *fixture, int from, const char *name, const char *address, int to,
                     const char *peer, const char *peer_address)
{
	enter(fixture->nodes[from].namespace);
	T_OK(add_pair(name, peer, fixture->nodes[to].namespace));
	set_up(name, address);
	enter(fixture->nodes[to].namespace);
	set_up(peer, peer_address);
}

static void add_address(int namespace, const char *interface, const char *address)
{
	struct in6_addr octets = address_of(address);
	struct route *route = NULL;

	enter(namespace);
	T_OK(route_open(&route));
	T_OK(route_add_address(route, interface_of(interface), octets.s6_addr, 128));
	route_close(route);
}

static void make_clients(struct fixture *fixture)
{
	struct in6_addr service_network = address_of("2001:db8:5e::"), gateway = address_of("2001:db8:c::1");
	struct route *route = NULL;

	enter(fixture->nodes[A].namespace);
	T_OK(add_pair("access", "up", fixture->clients));
	set_up("access", "2001:db8:c::1");
	add_output(&fixture->nodes[A], "access");
	enter(fixture->clients);
	set_up("up", client);
	add_address(fixture->clients, "up", other_client);
	T_OK(route_open(&route));
	T_OK(route_put_via(route, service_network.s6_addr, 16, gateway.s6_addr, NULL, interface_of("up")));
	route_close(route);
}

static void make_links(struct fixture *fixture)
{
	add_link(fixture, A, "tob", "2001:db8:1::1", B, "toa", "2001:db8:1::2");
	add_link(fixture, B, "toc", "2001:db8:2::1", C, "tob", "2001:db8:2::2");
	add_link(fixture, A, "toe", "2001:db8:3::1", E, "toa", "2001:db8:3::2");
	add_link(fixture, E, "toc", "2001:db8:4::1", C, "toe", "2001:db8:4::2");
	open_node(fixture, A, "tob", "toe");
	open_node(fixture, B, "toa", "toc");
	open_node(fixture, C, "tob", "toe");
	open_node(fixture, E, "toa", "toc");
}

static void make_routes(struct node *nodes)
{
	put_route(&nodes[A], locators[B], 48, "2001:db8:1::2", "tob");
	put_route(&nodes[A], locators[C], 48, "2001:db8:1::2", "tob");
	put_route(&nodes[A], locators[E], 48, "2001:db8:3::2", "toe");
	put_route(&nodes[A], service, 128, "2001:db8:1::2", "tob");
	put_route(&nodes[B], locators[A], 48, "2001:db8:1::1", "toa");
	put_route(&nodes[B], locators[C], 48, "2001:db8:2::2", "toc");
	put_route(&nodes[B], service, 128, "2001:db8:2::2", "toc");
	put_route(&nodes[B], "2001:db8:c::", 64, "2001:db8:1::1", "toa");
	put_route(&nodes[E], locators[A], 48, "2001:db8:3::1", "toa");
	put_route(&nodes[E], locators[C], 48, "2001:db8:4::2", "toc");
	put_route(&nodes[C], locators[A], 48, "2001:db8:2::1", "tob");
	put_route(&nodes[C], locators[B], 48, "2001:db8:2::1", "tob");
	put_route(&nodes[C], locators[E], 48, "2001:db8:4::1", "toe");
	put_route(&nodes[C], "2001:db8:c::", 64, "2001:db8:2::1", "tob");
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct in6_addr address = address_of(service);

	assert_non_null(fixture);
	T_OK(uv_loop_init(&fixture->loop));
	fixture->home = current_namespace();
	fixture->clients = new_namespace();
	for (int i = 0; i < NODES; i++) {
		parse(locators[i], fixture->nodes[i].locator);
		fixture->nodes[i].namespace = new_namespace();
	}
	make_links(fixture);
	make_routes(fixture->nodes);
	make_clients(fixture);
	add_address(fixture->nodes[C].namespace, "lo", service);
	T_OK(steer_service_put(fixture->nodes[C].steer, address.s6_addr, NULL, 0));
	stream_open(&fixture->flow, fixture->clients, client, fixture->nodes[C].namespace, service);
	stream_open(&fixture->other, fixture->clients, other_client, fixture->nodes[C].namespace, service);
	fixture->flow.rate = RESERVED * 3 / 4;
	stream_settle(&fixture->flow);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	stream_close(&fixture->flow);
	stream_close(&fixture->other);
	for (int i = 0; i < NODES; i++) {
		close_steer(fixture, &fixture->nodes[i]);
		close(fixture->nodes[i].namespace);
	}
	enter(fixture->home);
	close(fixture->clients);
	close(fixture->home);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	T_OK(uv_loop_close(&fixture->loop));
	free(fixture);
	return 0;
}

/* Flows. */

/* From the client by B or E to an address at C. */
static struct steer_flow flow_by(struct fixture *fixture, int by, const char *destination)
{
	struct node *nodes = fixture->nodes;
	struct steer_flow flow = {.segment_count = 2, .rate = RESERVED, .burst = 10000};

	parse(client, flow.source);
	parse(destination, flow.destination);
	segment_make(nodes[by].locator, SEGMENT_FUNCTION_END, 0, flow.segments[0]);
	segment_make(nodes[C].locator, SEGMENT_FUNCTION_SERVICES, 0, flow.segments[1]);
	flow.interface = index_of(&nodes[A], by == B ? "tob" : "toe");
	return flow;
}

static void put(struct fixture *fixture, const struct steer_flow *flow)
{
	enter(fixture->nodes[A].namespace);
	T_OK(steer_flow_put(fixture->nodes[A].steer, flow));
}

static struct steer_queue_statistics output_of(struct node *node, const char *interface,
                                               enum steer_queue which)
{
	struct steer_queue_statistics statistics = {0};

	T_OK(steer_output_statistics(node->steer, index_of(node, interface), which, &statistics));
	return statistics;
}

static uint64_t best_effort_of(struct node *node, const char *interface)
{
	return output_of(node, interface, STEER_QUEUE_BEST_EFFORT).packets;
}

static void run(struct fixture *fixture, int64_t duration, void (*between)(void *context), void *context)
{
	/* The flow comes second: when the other has filled what it can. */
	struct stream *streams[] = {&fixture->other, &fixture->flow};

	stream_reset(streams[0]);
	stream_reset(streams[1]);
	stream_run(streams, ARRAY_SIZE(streams), duration, between, context);
}

/* Frames on a link, as they come in. */

static int open_capture(int namespace, const char *interface)
{
	struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6)};
	int descriptor;

	enter(namespace);
	name.sll_ifindex = (int)interface_of(interface);
	descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IPV6));
	T_TRUE(descriptor >= 0);
	T_EQ(bind(descriptor, (struct sockaddr *)&name, sizeof(name)), 0);
	return descriptor;
}

/*
 * The next packet that has `address` at an offset, from its IPv6 header on; 0 when there is none. The kernel
 * has worked on it already: End has set the next destination.
 */
static size_t next_packet(int descriptor, size_t offset, const uint8_t address[16], uint8_t bytes[2048])
{
	ssize_t size;

	while ((size = recv(descriptor, bytes, 2048, 0)) > LINK_HEADER + IPV6_HEADER) {
		memmove(bytes, bytes + LINK_HEADER, (size_t)size - LINK_HEADER);
		if (memcmp(bytes + offset, address, 16) == 0)
			return (size_t)size - LINK_HEADER;
	}
	return 0;
}

static uint8_t traffic_class_of(const uint8_t *packet)
{
	return (uint8_t)(packet[0] << 4 | packet[1] >> 4);
}

/* Tests. */

static void path(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	struct steer_flow flow = flow_by(fixture, E, service);
	uint8_t packet[2048], own[16];
	int capture = open_capture(nodes[E].namespace, "toa");

	put(fixture, &flow);
	put(fixture, &flow);
	/* The client's own mark stays inside. */
	stream_set_traffic_class(&fixture->flow, CLASS_CS1);
	stream_settle(&fixture->flow);
	T_EQ(fixture->flow.traffic_class, CLASS_CS1);
	T_TRUE(next_packet(capture, FIRST_SEGMENT, flow.segments[0], packet) > 0);
	segment_gateway_address(nodes[A].locator, own);
	T_BYTES(packet + 8, own, 16);
	T_EQ(packet[6], IPPROTO_ROUTING);
	T_EQ(traffic_class_of(packet), CLASS_EF);
	T_TRUE(output_of(&nodes[E], "toc", STEER_QUEUE_GUARANTEED).packets > 0);
	T_EQ(best_effort_of(&nodes[E], "toc"), 0);
	/* Another client of the service takes the plain path. */
	stream_settle(&fixture->other);
	T_EQ(next_packet(capture, FIRST_SEGMENT, flow.segments[0], packet), 0);
	flow.class = 1;
	put(fixture, &flow);
	stream_settle(&fixture->flow);
	T_TRUE(next_packet(capture, FIRST_SEGMENT, flow.segments[0], packet) > 0);
	T_EQ(traffic_class_of(packet), CLASS_CS5);
	T_TRUE(output_of(&nodes[E], "toc", STEER_QUEUE_GUARANTEED + 1).packets > 0);
	while (next_packet(capture, FIRST_SEGMENT, flow.segments[0], packet) > 0)
		;
	enter(nodes[A].namespace);
	T_OK(steer_flow_remove(nodes[A].steer, flow.source, flow.destination));
	T_OK(steer_flow_remove(nodes[A].steer, flow.source, flow.destination));
	stream_settle(&fixture->flow);
	T_EQ(next_packet(capture, FIRST_SEGMENT, flow.segments[0], packet), 0);
	close(capture);
}

static void set_key(int namespace, uint8_t key)
{
	static const char secret[] = "known to all gateways";
	struct netlink_request request;
	struct netlink *netlink = NULL;
	struct genlmsghdr *body;
	uint16_t family = 0;

	enter(namespace);
	T_OK(netlink_open(NETLINK_GENERIC, &netlink));
	T_ERROR(netlink_find_family(netlink, "NONE", &family), -ENOENT);
	T_OK(netlink_find_family(netlink, SEG6_GENL_NAME, &family));
	body = netlink_begin(netlink, &request, family, NLM_F_ACK, sizeof(*body));
	body->cmd = SEG6_CMD_SETHMAC;
	body->version = SEG6_GENL_VERSION;
	mnl_attr_put_u32(request.header, SEG6_ATTR_HMACKEYID, key);
	mnl_attr_put_u8(request.header, SEG6_ATTR_SECRETLEN, sizeof(secret));
	mnl_attr_put_u8(request.header, SEG6_ATTR_ALGID, SEG6_HMAC_ALGO_SHA256);
	mnl_attr_put(request.header, SEG6_ATTR_SECRET, sizeof(secret), secret);
	T_OK(netlink_ask(netlink, &request, "set-key", NULL, NULL));
	netlink_close(netlink);
}

/* Gateways that ask for HMACs get the right ones. */
static void authenticated(void **state)
{
	enum { KEY = 7 };
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	struct steer_flow flow = flow_by(fixture, E, service);

	set_key(nodes[A].namespace, KEY);
	set_key(nodes[E].namespace, KEY);
	set_key(nodes[C].namespace, KEY);
	T_OK(sysctl_write("toe", "seg6_require_hmac", 1));
	enter(nodes[E].namespace);
	T_OK(sysctl_write("toa", "seg6_require_hmac", 1));
	flow.key = KEY;
	put(fixture, &flow);
	stream_settle(&fixture->flow);
	flow.key = 0;
	put(fixture, &flow);
	run(fixture, 20 * millisecond, NULL, NULL);
	T_TRUE(fixture->flow.sent > 5);
	T_EQ(fixture->flow.received, 0);
}

/* From the service, a local address, to the client: what this host itself sends. */
static void back(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	struct steer_flow flow = {.segment_count = 2, .rate = RESERVED, .burst = 10000};
	int capture = open_capture(nodes[E].namespace, "toc");
	uint64_t through = output_of(&nodes[A], "access", STEER_QUEUE_GUARANTEED).packets;
	struct stream stream;
	uint8_t packet[2048];

	parse(service, flow.source);
	parse(client, flow.destination);
	segment_make(nodes[E].locator, SEGMENT_FUNCTION_END, 0, flow.segments[0]);
	segment_make(nodes[A].locator, SEGMENT_FUNCTION_CLIENTS, 0, flow.segments[1]);
	flow.interface = index_of(&nodes[C], "toe");
	enter(nodes[C].namespace);
	T_OK(steer_flow_put(nodes[C].steer, &flow));
	stream_open(&stream, nodes[C].namespace, service, fixture->clients, client);
	stream_settle(&stream);
	T_EQ(stream.traffic_class, 0);
	T_TRUE(next_packet(capture, FIRST_SEGMENT, flow.segments[0], packet) > 0);
	T_EQ(traffic_class_of(packet), CLASS_EF);
	T_TRUE(output_of(&nodes[A], "access", STEER_QUEUE_GUARANTEED).packets > through);
	stream_close(&stream);
	close(capture);
}

/* Marks that a client makes count for nothing. */
static void marks(void **state)
{
	static const int classes[] = {CLASS_EF, CLASS_CS5, CLASS_CS6, CLASS_CS1};
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	uint64_t packets = best_effort_of(&nodes[A], "tob");

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		stream_set_traffic_class(&fixture->other, classes[i]);
		stream_settle(&fixture->other);
		T_EQ(fixture->other.traffic_class, 0);
	}
	T_TRUE(best_effort_of(&nodes[A], "tob") >= packets + ARRAY_SIZE(classes));
	T_EQ(output_of(&nodes[A], "tob", STEER_QUEUE_GUARANTEED).packets, 0);
	T_EQ(output_of(&nodes[B], "toc", STEER_QUEUE_GUARANTEED).packets, 0);
	T_EQ(output_of(&nodes[B], "toc", STEER_QUEUE_GUARANTEED + 1).packets, 0);
}

/* What gateways tell each other: BGP here, and at the next one by its mark. */
static void control(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(862)};
	uint64_t packets = output_of(&nodes[B], "toc", STEER_QUEUE_CONTROL).packets;
	int capture = open_capture(nodes[C].namespace, "tob"), descriptor;
	uint8_t packet[2048];

	segment_gateway_address(nodes[C].locator, name.sin6_addr.s6_addr);
	enter(nodes[A].namespace);
	descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	T_EQ(sendto(descriptor, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)), 1);
	stream_settle(&fixture->other);
	T_TRUE(next_packet(capture, DESTINATION, name.sin6_addr.s6_addr, packet) > 0);
	T_EQ(traffic_class_of(packet), CLASS_CS6);
	T_TRUE(output_of(&nodes[B], "toc", STEER_QUEUE_CONTROL).packets > packets);
	close(descriptor);
	close(capture);
}

static int open_receiver(int namespace, const uint8_t address[16], uint16_t *port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6};
	socklen_t size = sizeof(name);
	int descriptor, on = 1;

	enter(namespace);
	descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	T_EQ(setsockopt(descriptor, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)), 0);
	memcpy(&name.sin6_addr, address, 16);
	T_EQ(bind(descriptor, (struct sockaddr *)&name, size), 0);
	T_EQ(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
	*port = ntohs(name.sin6_port);
	return descriptor;
}

static void send_to(int namespace, const char *source, const uint8_t address[16], uint16_t port)
{
	struct sockaddr_in6 from = {.sin6_family = AF_INET6},
	                    to = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int descriptor;

	from.sin6_addr = address_of(source);
	memcpy(&to.sin6_addr, address, 16);
	enter(namespace);
	descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	T_EQ(bind(descriptor, (struct sockaddr *)&from, sizeof(from)), 0);
	T_EQ(sendto(descriptor, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	close(descriptor);
}

/* Whether a packet from the client to an address of C is received when C decapsulates it so. */
static bool arrives(struct fixture *fixture, const char *address, uint16_t function)
{
	struct in6_addr to = address_of(address), gateway = address_of("2001:db8:c::1");
	struct node *nodes = fixture->nodes;
	struct steer_flow flow = flow_by(fixture, B, address);
	struct route *route = NULL;
	uint16_t port = 0;
	uint8_t byte;
	int receiver = open_receiver(nodes[C].namespace, flow.destination, &port);
	bool arrived;

	enter(fixture->clients);
	T_OK(route_open(&route));
	T_OK(route_put_via(route, to.s6_addr, 128, gateway.s6_addr, NULL, interface_of("up")));
	route_close(route);
	segment_make(nodes[C].locator, function, 0, flow.segments[1]);
	put(fixture, &flow);
	send_to(fixture->clients, client, flow.destination, port);
	stream_settle(&fixture->flow); /* what was sent last comes last */
	arrived = recv(receiver, &byte, 1, 0) == 1;
	T_TRUE(arrived || errno == EAGAIN);
	close(receiver);
	return arrived;
}

/*
 * Decapsulation reaches services, the addresses of transfers, and nothing else of the gateway: neither by
 * L:6:: nor, where clients are, by L:7::.
 */
static void doors(void **state)
{
	static const uint16_t functions[] = {SEGMENT_FUNCTION_SERVICES, SEGMENT_FUNCTION_CLIENTS};
	static const char *const closed[] = {"fd00:0:c::1", "2001:db8:2::2", "2001:db8:4::2"};
	static const char *const transfers[] = {"fd00:0:c:8::1", "fd00:0:c:8:8123:4567:89ab:cdef"};
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	struct steer_flow open = flow_by(fixture, B, service);

	put(fixture, &open);
	for (size_t k = 0; k < ARRAY_SIZE(functions); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(closed); i++)
			T_TRUE(!arrives(fixture, closed[i], functions[k]));
		for (size_t i = 0; i < ARRAY_SIZE(transfers); i++)
			T_TRUE(arrives(fixture, transfers[i], functions[k]));
	}
	/* And the service no more, once it is taken out. */
	enter(nodes[C].namespace);
	T_OK(steer_service_remove(nodes[C].steer, open.destination));
	T_OK(steer_service_remove(nodes[C].steer, open.destination));
	run(fixture, 20 * millisecond, NULL, NULL);
	T_TRUE(fixture->flow.sent > 5);
	T_EQ(fixture->flow.received, 0);
	T_OK(steer_service_put(nodes[C].steer, open.destination, NULL, 0));
	stream_settle(&fixture->flow);
}

static void overload(struct fixture *fixture)
{
	fixture->other.rate = 3 * RATE;
	fixture->flow.size = fixture->other.size = 1400;
}

/* The guarantee, from end to end, and the same without. */
static void guarantee(void **state)
{
	struct fixture *fixture = *state;
	struct steer_flow flow = flow_by(fixture, B, service);
	bool good = false;

	overload(fixture);
	put(fixture, &flow);
	for (int try = 0; try < TRIES && !good; try++) {
		run(fixture, 500 * millisecond, NULL, NULL);
		T_EQ(fixture->flow.received, fixture->flow.sent);
		T_TRUE(fixture->other.received < fixture->other.sent / 2);
		good = stream_delay(&fixture->flow, 99) < 5 * millisecond;
	}
	print_message("# flow: median %" PRId64 " us, 99 %% %" PRId64 " us, of %" PRIu64 " none lost\n",
	              stream_delay(&fixture->flow, 50) / 1000, stream_delay(&fixture->flow, 99) / 1000,
	              fixture->flow.sent);
	T_TRUE(good);
	enter(fixture->nodes[A].namespace);
	T_OK(steer_flow_remove(fixture->nodes[A].steer, flow.source, flow.destination));
	run(fixture, 500 * millisecond, NULL, NULL);
	print_message("# without: median %" PRId64 " us, lost %" PRIu64 " of %" PRIu64 "\n",
	              stream_delay(&fixture->flow, 50) / 1000, fixture->flow.sent - fixture->flow.received,
	              fixture->flow.sent);
	T_TRUE(fixture->flow.received < fixture->flow.sent);
	T_TRUE(stream_delay(&fixture->flow, 50) > 10 * millisecond);
}

/* More than is reserved is not let in. */
static void shaping(void **state)
{
	struct fixture *fixture = *state;
	struct steer_flow flow = flow_by(fixture, B, service);
	struct steer_queue_statistics statistics;
	uint64_t before = best_effort_of(&fixture->nodes[B], "toc");
	int64_t rate = 0;
	bool good = false;

	put(fixture, &flow);
	fixture->flow.rate = 2 * RESERVED;
	for (int try = 0; try < TRIES && !good; try++) {
		run(fixture, 500 * millisecond, NULL, NULL);
		rate = stream_rate(&fixture->flow, HEADERS);
		T_TRUE(rate <= RESERVED * INT64_C(105) / 100);
		good = rate >= RESERVED * INT64_C(95) / 100;
	}
	print_message("# reserved %.1f Mbit/s: %.3f\n", (double)RESERVED / MBIT, (double)rate / MBIT);
	T_TRUE(good);
	enter(fixture->nodes[A].namespace);
	T_OK(steer_flow_statistics(fixture->nodes[A].steer, flow.source, flow.destination, &statistics));
	T_TRUE(statistics.drops > 0);
	T_TRUE(statistics.packets > 0);
	T_EQ(statistics.octets % statistics.packets, 0);
	T_EQ(best_effort_of(&fixture->nodes[B], "toc"), before);
}

struct changes {
	struct fixture *fixture;
	uint32_t count;
};

/* Another path, another class, another rate, each as often as the others and with every other. */
static void change(void *context)
{
	struct changes *changes = context;
	uint32_t count = changes->count++;
	struct steer_flow flow = flow_by(changes->fixture, count & 1 ? E : B, service);

	flow.class = count >> 1 & 1;
	flow.rate += (count >> 2 & 1) * MBIT;
	put(changes->fixture, &flow);
}

static void changing(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	struct changes changes = {.fixture = fixture};
	uint64_t by_b, by_e;
	struct steer_flow flow = flow_by(fixture, B, service);

	put(fixture, &flow);
	stream_settle(&fixture->flow);
	flow = flow_by(fixture, E, service);
	put(fixture, &flow);
	stream_settle(&fixture->flow);
	/* In bursts of more than conforms, so that packets wait when it changes. */
	fixture->flow.pieces = 12;
	by_b = best_effort_of(&nodes[A], "tob");
	by_e = best_effort_of(&nodes[A], "toe");
	run(fixture, 500 * millisecond, change, &changes);
	T_TRUE(changes.count > 20);
	T_EQ(fixture->flow.received, fixture->flow.sent);
	T_EQ(best_effort_of(&nodes[A], "tob"), by_b);
	T_EQ(best_effort_of(&nodes[A], "toe"), by_e);
	T_TRUE(output_of(&nodes[B], "toc", STEER_QUEUE_GUARANTEED).packets > 10);
	T_TRUE(output_of(&nodes[E], "toc", STEER_QUEUE_GUARANTEED).packets > 10);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 * millisecond + time.tv_nsec;
}

/* ns each. */
static int64_t put_many(struct node *node, struct steer_flow flow, uint16_t count)
{
	int64_t start = now();

	for (uint16_t i = 0; i < count; i++) {
		memcpy(flow.source + 14, &i, sizeof(i));
		flow.class = i % STEER_CLASSES;
		T_OK(steer_flow_put(node->steer, &flow));
	}
	return (now() - start) / count;
}

static int64_t remove_many(struct node *node, struct steer_flow flow, uint16_t count)
{
	int64_t start = now();

	for (uint16_t i = 0; i < count; i++) {
		memcpy(flow.source + 14, &i, sizeof(i));
		T_OK(steer_flow_remove(node->steer, flow.source, flow.destination));
	}
	return (now() - start) / count;
}

static void many(void **state)
{
	enum { FLOWS = 1000 };
	struct fixture *fixture = *state;
	struct node *node = &fixture->nodes[A];
	struct steer_flow flow = flow_by(fixture, B, service);
	struct steer_queue_statistics counts;
	struct steer_statistics statistics;
	int64_t first, removed, second;

	enter(node->namespace);
	put(fixture, &flow);
	stream_settle(&fixture->flow);
	enter(node->namespace);
	T_OK(steer_flow_remove(node->steer, flow.source, flow.destination));
	first = put_many(node, flow, FLOWS);
	steer_statistics(node->steer, &statistics);
	T_EQ(statistics.flows, FLOWS);
	removed = remove_many(node, flow, FLOWS);
	steer_statistics(node->steer, &statistics);
	T_EQ(statistics.flows, 0);
	second = put_many(node, flow, FLOWS);
	print_message("# %d flows: put %" PRId64 " us, removed %" PRId64 " us, put again %" PRId64
	              " us each\n",
	              FLOWS, first / 1000, removed / 1000, second / 1000);
	/* One that has the class of a former flow begins to count at nothing. */
	for (uint16_t i = 0; i < FLOWS; i++) {
		memcpy(flow.source + 14, &i, sizeof(i));
		T_OK(steer_flow_statistics(node->steer, flow.source, flow.destination, &counts));
		T_EQ(counts.packets, 0);
	}
	stream_settle(&fixture->flow);
}

static void bad_input(void **state)
{
	struct fixture *fixture = *state;
	struct node *node = &fixture->nodes[A];
	struct steer_flow good = flow_by(fixture, B, service), flow;
	struct steer_queue_statistics statistics;
	struct steer_statistics counts;

	enter(node->namespace);
	flow = good;
	flow.segment_count = 0;
	T_ERROR(steer_flow_put(node->steer, &flow), -EINVAL);
	flow.segment_count = STEER_SEGMENTS + 1;
	T_ERROR(steer_flow_put(node->steer, &flow), -EINVAL);
	flow = good;
	flow.class = STEER_CLASSES;
	T_ERROR(steer_flow_put(node->steer, &flow), -EINVAL);
	flow = good;
	flow.interface = 1;
	T_ERROR(steer_flow_put(node->steer, &flow), -ENODEV);
	T_ERROR(steer_flow_statistics(node->steer, flow.source, flow.destination, &statistics),
	        BUSBAR_ERROR_NOT_FOUND);
	steer_statistics(node->steer, &counts);
	T_EQ(counts.flows, 0);
	/* One that cannot be changed stays as it was. */
	put(fixture, &good);
	T_ERROR(steer_flow_put(node->steer, &flow), -ENODEV);
	flow = good;
	flow.rate = 0;
	T_ERROR(steer_flow_put(node->steer, &flow), -EINVAL);
	stream_settle(&fixture->flow);
	T_OK(steer_flow_statistics(node->steer, good.source, good.destination, &statistics));
	T_TRUE(statistics.packets > 0);
	T_ERROR(steer_output_set(node->steer, 1, 0, RESERVED, 0), -ENODEV);
	T_ERROR(steer_output_statistics(node->steer, 1, STEER_QUEUE_CONTROL, &statistics), -ENODEV);
}

/* A daemon that dies leaves table, rule and queues; the next one begins without. */
static void former_life(void **state)
{
	struct fixture *fixture = *state;
	struct node *node = &fixture->nodes[A];
	struct steer_flow flow = flow_by(fixture, B, service);
	int status = 0;
	pid_t child;

	close_steer(fixture, node);
	child = fork();
	T_TRUE(child >= 0);
	if (child == 0) {
		open_node(fixture, A, "tob", "toe");
		put(fixture, &flow);
		_exit(0);
	}
	T_EQ(waitpid(child, &status, 0), child);
	T_EQ(status, 0);
	open_node(fixture, A, "tob", "toe");
	put_route(node, locators[B], 48, "2001:db8:1::2", "tob");
	put_route(node, service, 128, "2001:db8:1::2", "tob");
	stream_set_traffic_class(&fixture->flow, CLASS_EF);
	stream_settle(&fixture->flow);
	T_EQ(fixture->flow.traffic_class, 0);
	T_EQ(output_of(node, "tob", STEER_QUEUE_GUARANTEED).packets, 0);
	put(fixture, &flow);
	stream_settle(&fixture->flow);
	T_TRUE(output_of(node, "tob", STEER_QUEUE_GUARANTEED).packets > 0);
}

static const char *lacking(void)
{
	const char *what = missing();
	struct steer_settings settings = {.tunnel = "busbar0", .packet = on_packet};
	struct steer_output output = {.rate = RATE};
	struct fixture fixture = {.home = 0};

	if (what)
		return what;
	fixture.home = current_namespace();
	fixture.nodes[A].namespace = new_namespace();
	parse(locators[A], settings.locator);
	if (uv_loop_init(&fixture.loop) < 0 ||
	    steer_open(&fixture.loop, &settings, &fixture.nodes[A].steer) < 0)
		what = "a gateway cannot be opened";
	if (!what) {
		output.interface = interface_of("lo");
		if (steer_output_add(fixture.nodes[A].steer, &output) < 0)
			what = "the kernel has no HTB or no nftables";
		close_steer(&fixture, &fixture.nodes[A]);
		uv_run(&fixture.loop, UV_RUN_DEFAULT);
		uv_loop_close(&fixture.loop);
	}
	enter(fixture.home);
	close(fixture.nodes[A].namespace);
	close(fixture.home);
	return what;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(path),     TEST(authenticated), TEST(back),      TEST(marks),
	        TEST(control),  TEST(doors),         TEST(guarantee), TEST(shaping),
	        TEST(changing), TEST(many),          TEST(bad_input), TEST(former_life),
	};
	const char *cause = lacking();

	if (cause) {
		printf("1..0 # SKIP %s\n", cause);
		return 0;
	}
	return T_RUN(tests);
}
