/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three gateways in a row, each in a network namespace of its own, and the packets between them:
 *
 *   A  2001:db8:1::/64  B  2001:db8:2::/64  C      locators fd00:0:a::/48, fd00:0:b::/48, fd00:0:c::/48
 *
 * Needs root, TUN and segment routing in the kernel; is skipped without.
 */
#include "base/compiler.h"
#include "base/log.h"
#include "namespaces.h"
#include "steer/route.h"
#include "steer/steer.h"
#include "steer/sysctl.h"
#include "steer/tunnel.h"
#include "t.h"
#include "wire/segment.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	NODES = 3,
	PATIENCE = 10000,
	TICK = 5,
	LARGEST = 2000,
	PAYLOAD = 64,
	FUNCTION = SEGMENT_FUNCTION_BASE + 3
};
enum { A, B, C };
/* Offsets within IPv6 and a segment routing header. */
enum {
	TRAFFIC_CONTROL = 0xc0, /* the traffic class of CS6, in octets 0 and 1 */
	HOP_LIMIT = 7,
	SOURCE = 8,
	DESTINATION = 24,
	SRH = 40,
	SEGMENTS_LEFT = SRH + 3,
	SEGMENT_LIST = SRH + 8
};

struct node {
	struct fixture *fixture;
	int namespace;
	struct steer *steer;
	uint8_t locator[16];
	bool forwards; /* sends on what comes */
	unsigned count;
	uint8_t last[LARGEST];
	size_t last_size;
};

struct fixture {
	uv_loop_t loop;
	uv_timer_t tick;
	unsigned ticks;
	int home;
	struct node nodes[NODES];
};

/* Gateways. */

static void advance(uint8_t *bytes)
{
	bytes[HOP_LIMIT]--;
	bytes[SEGMENTS_LEFT]--;
	memcpy(bytes + DESTINATION, bytes + SEGMENT_LIST + 16 * bytes[SEGMENTS_LEFT], 16);
}

static void on_packet(void *context, uint8_t *bytes, size_t size)
{
	struct node *node = context;

	node->count++;
	node->last_size = size;
	memcpy(node->last, bytes, MINIMUM(size, LARGEST));
	if (node->forwards && bytes[SEGMENTS_LEFT] > 0) {
		advance(bytes);
		T_OK(steer_send(node->steer, bytes, size));
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct fixture *fixture = timer->data;

	if (++fixture->ticks * TICK > PATIENCE)
		fail_msg("not done after %d ms", PATIENCE);
}

static void open_steer(struct node *node, const char *const *interfaces, uint32_t count)
{
	struct steer_settings settings = {.tunnel = "busbar0",
	                                  .interfaces = interfaces,
	                                  .interface_count = count,
	                                  .packet = on_packet,
	                                  .context = node};

	memcpy(settings.locator, node->locator, 16);
	enter(node->namespace);
	T_OK(steer_open(&node->fixture->loop, &settings, &node->steer));
}

static void put_route(struct node *node, const char *prefix, const char *next_hop, const char *interface)
{
	struct in6_addr to = address_of(prefix), via = address_of(next_hop);
	uint32_t index;

	T_OK(steer_interface(node->steer, interface, &index));
	T_OK(steer_route_put(node->steer, to.s6_addr, 48, via.s6_addr, index));
}

static void make_line(struct fixture *fixture)
{
	struct node *nodes = fixture->nodes;

	enter(nodes[B].namespace);
	T_OK(add_pair("toa", "tob", nodes[A].namespace));
	T_OK(add_pair("toc", "tob", nodes[C].namespace));
	set_up("toa", "2001:db8:1::2");
	set_up("toc", "2001:db8:2::1");
	enter(nodes[A].namespace);
	set_up("tob", "2001:db8:1::1");
	enter(nodes[C].namespace);
	set_up("tob", "2001:db8:2::2");
	open_steer(&nodes[A], (const char *const[]){"tob"}, 1);
	open_steer(&nodes[B], (const char *const[]){"toa", "toc"}, 2);
	open_steer(&nodes[C], (const char *const[]){"tob"}, 1);
	put_route(&nodes[A], "fd00:0:b::", "2001:db8:1::2", "tob");
	put_route(&nodes[A], "fd00:0:c::", "2001:db8:1::2", "tob");
	put_route(&nodes[B], "fd00:0:a::", "2001:db8:1::1", "toa");
	put_route(&nodes[B], "fd00:0:c::", "2001:db8:2::2", "toc");
	put_route(&nodes[C], "fd00:0:a::", "2001:db8:2::1", "tob");
	put_route(&nodes[C], "fd00:0:b::", "2001:db8:2::1", "tob");
}

/* Three namespaces with nothing in them. */
static int setup_bare(void **state)
{
	static const char *const locators[NODES] = {"fd00:0:a::", "fd00:0:b::", "fd00:0:c::"};
	struct fixture *fixture;

	fixture = calloc(1, sizeof(*fixture));
	assert_non_null(fixture);
	fixture->home = current_namespace();
	for (int i = 0; i < NODES; i++) {
		fixture->nodes[i].fixture = fixture;
		parse(locators[i], fixture->nodes[i].locator);
		fixture->nodes[i].namespace = new_namespace();
	}
	T_OK(uv_loop_init(&fixture->loop));
	T_OK(uv_timer_init(&fixture->loop, &fixture->tick));
	fixture->tick.data = fixture;
	T_OK(uv_timer_start(&fixture->tick, on_tick, TICK, TICK));
	*state = fixture;
	return 0;
}

static int setup(void **state)
{
	(void)setup_bare(state);
	make_line(*state);
	return 0;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void close_steer(struct node *node)
{
	bool closed = false;

	if (!node->steer)
		return;
	steer_close(node->steer, on_closed, &closed);
	node->steer = NULL;
	T_TRUE(!closed);
	while (!closed)
		uv_run(&node->fixture->loop, UV_RUN_ONCE);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < NODES; i++) {
		close_steer(&fixture->nodes[i]);
		close(fixture->nodes[i].namespace);
	}
	enter(fixture->home);
	close(fixture->home);
	uv_close((uv_handle_t *)&fixture->tick, NULL);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	T_OK(uv_loop_close(&fixture->loop));
	free(fixture);
	return 0;
}

/* Packets. */

static uint16_t checksum(const uint8_t *packet, const uint8_t last_segment[16], const uint8_t *datagram,
                         size_t size)
{
	uint32_t sum = (uint32_t)size + IPPROTO_UDP;

	for (size_t i = 0; i < 16; i += 2) {
		sum += (uint32_t)(packet[SOURCE + i] << 8 | packet[SOURCE + i + 1]);
		sum += (uint32_t)(last_segment[i] << 8 | last_segment[i + 1]);
	}
	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)(datagram[i] << 8 | datagram[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_u16(uint8_t *target, uint16_t value)
{
	target[0] = (uint8_t)(value >> 8);
	target[1] = (uint8_t)value;
}

/*
 * From the gateway's own address through segments in order of travel, with an experimental TLV of 8 octets
 * in the SRH and a UDP datagram of PAYLOAD octets to `port`. Returns the size.
 */
static size_t make_packet(const struct node *from, uint8_t segments[][16], size_t count, uint16_t port,
                          uint8_t packet[LARGEST])
{
	size_t srh = 8 + 16 * count + 8;
	uint8_t *datagram = packet + SRH + srh;

	memset(packet, 0, LARGEST);
	packet[0] = 0x60;
	put_u16(packet + 4, (uint16_t)(srh + 8 + PAYLOAD));
	packet[6] = IPPROTO_ROUTING;
	packet[HOP_LIMIT] = 64;
	segment_gateway_address(from->locator, packet + SOURCE);
	memcpy(packet + DESTINATION, segments[0], 16);
	packet[SRH] = IPPROTO_UDP;
	packet[SRH + 1] = (uint8_t)(srh / 8 - 1);
	packet[SRH + 2] = 4;
	packet[SEGMENTS_LEFT] = (uint8_t)(count - 1);
	packet[SRH + 4] = (uint8_t)(count - 1);
	for (size_t i = 0; i < count; i++)
		memcpy(packet + SEGMENT_LIST + 16 * i, segments[count - 1 - i], 16);
	memcpy(packet + SRH + srh - 8, "\x7c\x06operan", 8);
	put_u16(datagram, 4000);
	put_u16(datagram + 2, port);
	put_u16(datagram + 4, 8 + PAYLOAD);
	memset(datagram + 8, 'p', PAYLOAD);
	put_u16(datagram + 6, checksum(packet, segments[count - 1], datagram, 8 + PAYLOAD));
	return SRH + srh + 8 + PAYLOAD;
}

static void function_of(const struct node *node, uint8_t segment[16])
{
	segment_make(node->locator, FUNCTION, 0x1122334455667788, segment);
}

static void end_of(const struct node *node, uint8_t segment[16])
{
	segment_make(node->locator, SEGMENT_FUNCTION_END, 7, segment);
}

static void wait_for(struct node *node, unsigned count)
{
	while (node->count < count)
		uv_run(&node->fixture->loop, UV_RUN_ONCE);
	T_EQ(node->count, count);
}

static struct steer_statistics statistics_of(const struct node *node)
{
	struct steer_statistics statistics;

	steer_statistics(node->steer, &statistics);
	return statistics;
}

/* 0 when this namespace has a route there, else what connect() says. */
static int reach(const char *address)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6,
	                            .sin6_port = htons(9),
	                            .sin6_addr = address_of(address)};
	int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int code = connect(descriptor, (struct sockaddr *)&name, sizeof(name)) < 0 ? -errno : 0;

	close(descriptor);
	return code;
}

static int bind_to(const uint8_t address[16], uint16_t *port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6};
	socklen_t size = sizeof(name);
	int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(&name.sin6_addr, address, 16);
	if (bind(descriptor, (struct sockaddr *)&name, size) < 0) {
		int code = -errno;

		close(descriptor);
		return code;
	}
	T_EQ(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
	*port = ntohs(name.sin6_port);
	return descriptor;
}

/* Tests. */

static void functions(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	uint8_t segments[2][16], packet[LARGEST];
	size_t size;

	function_of(&nodes[B], segments[0]);
	function_of(&nodes[C], segments[1]);
	size = make_packet(&nodes[A], segments, 2, 9, packet);
	nodes[B].forwards = true;
	T_OK(steer_send(nodes[A].steer, packet, size));
	wait_for(&nodes[C], 1);
	/* At B: two routers have lowered the hop limit, and marked it as control (CS6); nothing else has
	 * changed. */
	T_EQ(nodes[B].count, 1);
	T_EQ(nodes[B].last_size, size);
	packet[0] |= TRAFFIC_CONTROL >> 4;
	packet[HOP_LIMIT] -= 2;
	T_BYTES(nodes[B].last, packet, size);
	/* At C: B's user space has moved it on, B and C have routed it. */
	advance(packet);
	packet[HOP_LIMIT] -= 2;
	T_EQ(nodes[C].last_size, size);
	T_BYTES(nodes[C].last, packet, size);
	T_EQ(nodes[A].count, 0);
	T_EQ(statistics_of(&nodes[A]).sent, 1);
	T_EQ(statistics_of(&nodes[B]).received, 1 + statistics_of(&nodes[B]).foreign);
	T_EQ(statistics_of(&nodes[B]).sent, 1);
	T_EQ(statistics_of(&nodes[B]).dropped, 0);
}

static void own_function(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	uint8_t segments[2][16], packet[LARGEST];

	function_of(&nodes[A], segments[0]);
	function_of(&nodes[B], segments[1]);
	nodes[A].forwards = true;
	T_OK(steer_send(nodes[A].steer, packet, make_packet(&nodes[A], segments, 2, 9, packet)));
	wait_for(&nodes[B], 1);
	T_EQ(nodes[A].count, 1);
}

static void plain_end(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	uint8_t segments[2][16], packet[LARGEST];

	end_of(&nodes[B], segments[0]);
	function_of(&nodes[C], segments[1]);
	T_OK(steer_send(nodes[A].steer, packet, make_packet(&nodes[A], segments, 2, 9, packet)));
	wait_for(&nodes[C], 1);
	T_EQ(nodes[B].count, 0);
	T_EQ(nodes[C].last[SEGMENTS_LEFT], 0);
	T_BYTES(nodes[C].last + DESTINATION, segments[1], 16);
}

/* Answers: through End to the other gateway's own address, where a socket takes them. */
static void end_to_address(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	uint8_t segments[2][16], packet[LARGEST], got[2 * PAYLOAD];
	uint16_t port = 0;
	ssize_t size = -1;
	int descriptor;

	end_of(&nodes[B], segments[0]);
	segment_gateway_address(nodes[C].locator, segments[1]);
	enter(nodes[C].namespace);
	descriptor = bind_to(segments[1], &port);
	T_OK(descriptor);
	T_OK(steer_send(nodes[A].steer, packet, make_packet(&nodes[A], segments, 2, port, packet)));
	while (size < 0) {
		size = recv(descriptor, got, sizeof(got), 0);
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
	T_EQ(size, PAYLOAD);
	T_EQ(got[0], 'p');
	T_EQ(nodes[C].count, 0);
	close(descriptor);
}

static void functions_off(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	uint8_t to_function[1][16], through_end[2][16], packet[LARGEST];

	function_of(&nodes[B], to_function[0]);
	end_of(&nodes[B], through_end[0]);
	function_of(&nodes[C], through_end[1]);
	T_TRUE(statistics_of(&nodes[B]).functions);
	T_OK(steer_enable_functions(nodes[B].steer, false));
	T_OK(steer_enable_functions(nodes[B].steer, false));
	T_TRUE(!statistics_of(&nodes[B]).functions);
	enter(nodes[B].namespace);
	T_ERROR(reach("fd00:0:b:b003::1"), -EHOSTUNREACH);
	T_OK(steer_send(nodes[A].steer, packet, make_packet(&nodes[A], to_function, 1, 9, packet)));
	/* What comes behind it is still forwarded. */
	T_OK(steer_send(nodes[A].steer, packet, make_packet(&nodes[A], through_end, 2, 9, packet)));
	wait_for(&nodes[C], 1);
	T_EQ(nodes[B].count, 0);
	T_OK(steer_enable_functions(nodes[B].steer, true));
	T_OK(steer_enable_functions(nodes[B].steer, true));
	T_OK(steer_send(nodes[A].steer, packet, make_packet(&nodes[A], to_function, 1, 9, packet)));
	wait_for(&nodes[B], 1);
}

static void unknown_segment(void **state)
{
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	uint8_t segments[1][16], packet[LARGEST];

	/* A function outside the range: unreachable, and no packet for us. */
	segment_make(nodes[B].locator, 0xc000, 1, segments[0]);
	T_OK(steer_send(nodes[A].steer, packet, make_packet(&nodes[A], segments, 1, 9, packet)));
	segment_make(nodes[B].locator, 0xbfff, UINT64_MAX, segments[0]);
	T_OK(steer_send(nodes[A].steer, packet, make_packet(&nodes[A], segments, 1, 9, packet)));
	wait_for(&nodes[B], 1);
	T_BYTES(nodes[B].last + DESTINATION, segments[0], 16);
}

static void burst(void **state)
{
	enum { BURST = 300 };
	struct fixture *fixture = *state;
	struct node *nodes = fixture->nodes;
	uint8_t segments[1][16], packet[LARGEST];
	size_t size;

	function_of(&nodes[B], segments[0]);
	size = make_packet(&nodes[A], segments, 1, 9, packet);
	/* The first finds the neighbour; few packets can wait for that. */
	T_OK(steer_send(nodes[A].steer, packet, size));
	wait_for(&nodes[B], 1);
	for (int i = 0; i < BURST; i++)
		T_OK(steer_send(nodes[A].steer, packet, size));
	/* One turn of the loop takes a batch, not all. */
	while (nodes[B].count == 1)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	T_TRUE(nodes[B].count <= 1 + TUNNEL_BATCH);
	wait_for(&nodes[B], 1 + BURST);
}

static void source_address(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	socklen_t size = sizeof(name);
	uint8_t own[16];
	int descriptor;

	name.sin6_addr = address_of("fd00:0:c::1");
	segment_gateway_address(fixture->nodes[A].locator, own);
	enter(fixture->nodes[A].namespace);
	descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	T_EQ(connect(descriptor, (struct sockaddr *)&name, sizeof(name)), 0);
	T_EQ(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
	T_BYTES(&name.sin6_addr, own, 16);
	close(descriptor);
}

static void bad_packets(void **state)
{
	struct fixture *fixture = *state;
	struct node *node = &fixture->nodes[A];
	uint8_t packet[LARGEST] = {0x30};

	T_ERROR(steer_send(node->steer, packet, 0), -EINVAL);
	T_ERROR(steer_send(node->steer, packet, 100), -EINVAL); /* of no known version */
	T_EQ(statistics_of(node).dropped, 2);
}

static void opening_and_closing(void **state)
{
	struct fixture *fixture = *state;
	struct node *node = &fixture->nodes[B];
	struct steer_settings settings = {.tunnel = "busbar0", .packet = on_packet, .context = node};
	struct steer *second = NULL;
	uint8_t own[16];
	uint16_t port;
	int value = 0, descriptor;

	segment_gateway_address(node->locator, own);
	memcpy(settings.locator, node->locator, 16);
	enter(node->namespace);
	T_ERROR(bind_to(own, &port), -EADDRNOTAVAIL);
	open_steer(node, NULL, 0);
	descriptor = bind_to(own, &port);
	T_OK(descriptor);
	close(descriptor);
	T_OK(sysctl_read("all", "forwarding", &value));
	T_EQ(value, 1);
	value = 0;
	T_OK(sysctl_read("busbar0", "seg6_enabled", &value));
	T_EQ(value, 1);
	T_OK(reach("fd00:0:b:b000::1"));
	T_ERROR(reach("fd00:0:b:c000::1"), -EHOSTUNREACH);
	T_ERROR(reach("fd00:0:d::1"), -ENETUNREACH);
	/* A second one of the same name is refused, and leaves the first alone. */
	T_ERROR(steer_open(&fixture->loop, &settings, &second), -EBUSY);
	settings.tunnel = "";
	T_ERROR(steer_open(&fixture->loop, &settings, &second), -EINVAL);
	settings.tunnel = "a-name-that-is-too-long";
	T_ERROR(steer_open(&fixture->loop, &settings, &second), -EINVAL);
	settings.tunnel = "bus%d";
	T_ERROR(steer_open(&fixture->loop, &settings, &second), -EINVAL);
	assert_null(second);
	T_OK(reach("fd00:0:b:b000::1"));
	close_steer(node);
	T_ERROR(reach("fd00:0:b:b000::1"), -ENETUNREACH);
	T_ERROR(bind_to(own, &port), -EADDRNOTAVAIL);
	T_ERROR(sysctl_read("busbar0", "seg6_enabled", &value), -ENOENT);
	/* And again, as after a restart. */
	open_steer(node, NULL, 0);
	T_OK(reach("fd00:0:b:b000::1"));
	steer_close(NULL, NULL, NULL);
}

/* A route of protocol `static`, as a person would set it. */
static int add_static(const char *prefix)
{
	char bytes[512] __attribute__((aligned(8))) = {0};
	struct in6_addr octets = address_of(prefix);
	struct nlmsghdr *header = mnl_nlmsg_put_header(bytes);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(header, sizeof(*body));

	header->nlmsg_type = RTM_NEWROUTE;
	header->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	*body = (struct rtmsg){.rtm_family = AF_INET6,
	                       .rtm_dst_len = 48,
	                       .rtm_table = RT_TABLE_MAIN,
	                       .rtm_protocol = RTPROT_STATIC,
	                       .rtm_type = RTN_UNREACHABLE};
	mnl_attr_put(header, RTA_DST, 16, &octets);
	return ask(header);
}

static void former_life(void **state)
{
	enum { ROUTES = 600 };
	struct fixture *fixture = *state;
	struct node *node = &fixture->nodes[B];
	struct in6_addr prefix = address_of("fd00:1::");
	struct route *route = NULL;

	enter(node->namespace);
	T_OK(add_static("fd00:0:e::"));
	T_OK(add_static("fd00:1:5::"));
	T_OK(route_open(&route));
	T_EQ(route_flush_own(route), 0);
	for (unsigned i = 0; i < ROUTES; i++) {
		prefix.s6_addr[4] = (uint8_t)(i >> 8);
		prefix.s6_addr[5] = (uint8_t)i;
		T_OK(route_put_unreachable(route, prefix.s6_addr, 48));
	}
	prefix = address_of("::");
	T_OK(route_put_unreachable(route, prefix.s6_addr, 0));
	/* Without any address connect() has nothing to look up a route with. */
	prefix = address_of("2001:db8:9::1");
	T_OK(route_set_up(route, interface_of("lo")));
	T_OK(route_add_address(route, interface_of("lo"), prefix.s6_addr, 128));
	T_ERROR(reach("fd00:1:2::1"), -EHOSTUNREACH);
	/* As much as a life leaves behind; the next one begins without it. */
	open_steer(node, NULL, 0);
	T_ERROR(reach("fd00:1:2::1"), -ENETUNREACH);
	T_ERROR(reach("2001:db8::1"), -ENETUNREACH);
	/* Others' routes stay, also where ours had the same prefix. */
	T_ERROR(reach("fd00:0:e::1"), -EHOSTUNREACH);
	T_ERROR(reach("fd00:1:5::1"), -EHOSTUNREACH);
	/* The locator, End, twice End.DT6, the functions, twice the addresses of transfers. */
	T_EQ(route_flush_own(route), 7);
	T_EQ(route_flush_own(route), 0);
	route_close(route);
}

static void routes(void **state)
{
	struct fixture *fixture = *state;
	struct node *node = &fixture->nodes[A];
	struct in6_addr prefix = address_of("fd00:9::"), near = address_of("2001:db8:1::2"),
	                other = address_of("2001:db8:1::3"), far = address_of("2001:db8:77::1"),
	                own = address_of("2001:db8:1::1");
	struct steer_statistics before = statistics_of(node), after;
	uint32_t interface = 0;

	enter(node->namespace);
	T_OK(steer_interface(node->steer, "tob", &interface));
	T_ERROR(steer_interface(node->steer, "none", &interface), -ENODEV);
	T_ERROR(steer_interface(node->steer, "", &interface), -ENODEV);
	T_ERROR(steer_interface(node->steer, "a-name-that-is-too-long", &interface), -ENODEV);
	T_ERROR(reach("fd00:9::1"), -ENETUNREACH);
	/* Putting replaces: one removal takes it out, whatever was put before. */
	T_OK(steer_route_put(node->steer, prefix.s6_addr, 48, near.s6_addr, interface));
	T_OK(steer_route_put(node->steer, prefix.s6_addr, 48, near.s6_addr, interface));
	T_OK(steer_route_put(node->steer, prefix.s6_addr, 48, other.s6_addr, interface));
	T_OK(reach("fd00:9::1"));
	T_OK(steer_route_remove(node->steer, prefix.s6_addr, 48));
	T_ERROR(reach("fd00:9::1"), -ENETUNREACH);
	T_OK(steer_route_remove(node->steer, prefix.s6_addr, 48));
	T_ERROR(steer_route_put(node->steer, prefix.s6_addr, 129, near.s6_addr, interface), -EINVAL);
	T_ERROR(steer_route_remove(node->steer, prefix.s6_addr, 129), -EINVAL);
	T_ERROR(steer_route_put(node->steer, prefix.s6_addr, 48, far.s6_addr, interface), -EHOSTUNREACH);
	T_ERROR(steer_route_put(node->steer, prefix.s6_addr, 48, near.s6_addr, 99999), -ENODEV);
	T_ERROR(steer_route_put(node->steer, prefix.s6_addr, 48, own.s6_addr, interface), -EINVAL);
	after = statistics_of(node);
	T_EQ(after.route_changes - before.route_changes, 5);
	T_EQ(after.route_failures - before.route_failures, 3);
}

static void switches(void **state)
{
	int value = 5;

	T_ERROR(sysctl_write("../../ipv4", "ip_forward", 1), -EINVAL);
	T_ERROR(sysctl_write("..", "x", 1), -EINVAL);
	T_ERROR(sysctl_write("", "x", 1), -EINVAL);
	T_ERROR(sysctl_write("none", "seg6_enabled", 1), -ENOENT);
	T_OK(sysctl_write("all", "seg6_enabled", 0));
	T_OK(sysctl_read("all", "seg6_enabled", &value));
	T_EQ(value, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define BARE(function) cmocka_unit_test_setup_teardown(function, setup_bare, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(functions),     TEST(own_function),        TEST(plain_end),   TEST(end_to_address),
	        TEST(functions_off), TEST(unknown_segment),     TEST(burst),       TEST(source_address),
	        TEST(bad_packets),   BARE(opening_and_closing), BARE(former_life), TEST(routes),
	        BARE(switches),
	};

	const char *cause = missing();

	if (cause) {
		printf("1..0 # SKIP %s\n", cause);
		return 0;
	}
	return T_RUN(tests);
}
