/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink: routes, rules, addresses and links, one request each. */
#include "steer/route.h"

#include "steer/netlink.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <linux/seg6.h>
#include <linux/seg6_hmac.h>
#include <linux/seg6_iptunnel.h>
#include <linux/seg6_local.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	FLUSH_BATCH = 256,
	ADDRESS_BITS = 128,
	ROUTING_TYPE_SEGMENTS = 4, /* RFC 8754 2 */
};

struct route {
	struct netlink *netlink;
};

/* What tells one of our routes from the others. */
struct place {
	uint8_t table;
	uint8_t length, source_length;
	uint8_t prefix[16], source[16];
};

struct dump {
	struct place found[FLUSH_BATCH];
	size_t count;
};

int route_open(struct route **ret_route)
{
	struct route *route = calloc(1, sizeof(*route));
	int code = route ? netlink_open(NETLINK_ROUTE, &route->netlink) : -ENOMEM;

	if (code < 0) {
		route_close(route);
		return code;
	}
	*ret_route = route;
	return 0;
}

struct route *route_close(struct route *route)
{
	if (route)
		netlink_close(route->netlink);
	free(route);
	return NULL;
}

static int request_send(struct route *route, struct netlink_request *request, const char *what)
{
	return netlink_ask(route->netlink, request, what, NULL, NULL);
}

/* Routes. */

static struct place place_of(uint8_t table, const uint8_t prefix[16], uint32_t length)
{
	struct place place = {.table = table, .length = (uint8_t)length};

	assert(length <= ADDRESS_BITS);
	memcpy(place.prefix, prefix, sizeof(place.prefix));
	return place;
}

static struct place place_of_flow(const uint8_t source[16], const uint8_t destination[16])
{
	struct place place = place_of(ROUTE_TABLE_FLOWS, destination, ADDRESS_BITS);

	place.source_length = ADDRESS_BITS;
	memcpy(place.source, source, sizeof(place.source));
	return place;
}

static void open_route(struct route *route, struct netlink_request *request, uint16_t type, uint16_t flags,
                       const struct place *place)
{
	struct rtmsg *body = netlink_begin(route->netlink, request, type, flags | NLM_F_ACK, sizeof(*body));

	body->rtm_family = AF_INET6;
	body->rtm_dst_len = place->length;
	body->rtm_src_len = place->source_length;
	body->rtm_table = place->table;
	body->rtm_protocol = ROUTE_PROTOCOL;
	body->rtm_scope = RT_SCOPE_UNIVERSE;
	body->rtm_type = RTN_UNICAST;
	mnl_attr_put(request->header, RTA_DST, 16, place->prefix);
	if (place->source_length > 0)
		mnl_attr_put(request->header, RTA_SRC, 16, place->source);
	mnl_attr_put_u32(request->header, RTA_PRIORITY, ROUTE_METRIC);
}

static void open_put(struct route *route, struct netlink_request *request, const struct place *place)
{
	open_route(route, request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, place);
}

static void set_type(const struct netlink_request *request, uint8_t type)
{
	struct rtmsg *body = mnl_nlmsg_get_payload(request->header);

	body->rtm_type = type;
}

static int remove_route(struct route *route, const struct place *place)
{
	struct netlink_request request;
	int code;

	open_route(route, &request, RTM_DELROUTE, 0, place);
	code = request_send(route, &request, "remove");
	return code == -ESRCH ? 0 : code;
}

int route_put_via(struct route *route, const uint8_t prefix[16], uint32_t length, const uint8_t next_hop[16],
                  const uint8_t *source, uint32_t interface)
{
	struct place place = place_of(RT_TABLE_MAIN, prefix, length);
	struct netlink_request request;

	open_put(route, &request, &place);
	mnl_attr_put(request.header, RTA_GATEWAY, 16, next_hop);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	if (source)
		mnl_attr_put(request.header, RTA_PREFSRC, 16, source);
	return request_send(route, &request, "put-via");
}

int route_put_device(struct route *route, const uint8_t prefix[16], uint32_t length, uint32_t interface)
{
	struct place place = place_of(RT_TABLE_MAIN, prefix, length);
	struct netlink_request request;

	open_put(route, &request, &place);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	return request_send(route, &request, "put-device");
}

/* A behaviour of RFC 8986; `table` is 0 for those that look nothing up in one. */
static int put_behaviour(struct route *route, const struct place *place, uint32_t action, uint32_t table,
                         uint32_t interface)
{
	struct netlink_request request;
	struct nlattr *nest;

	open_put(route, &request, place);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	mnl_attr_put_u16(request.header, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6_LOCAL);
	nest = mnl_attr_nest_start(request.header, RTA_ENCAP);
	mnl_attr_put_u32(request.header, SEG6_LOCAL_ACTION, action);
	if (table > 0)
		mnl_attr_put_u32(request.header, SEG6_LOCAL_TABLE, table);
	mnl_attr_nest_end(request.header, nest);
	return request_send(route, &request, "put-behaviour");
}

int route_put_end(struct route *route, const uint8_t prefix[16], uint32_t length, uint32_t interface)
{
	struct place place = place_of(RT_TABLE_MAIN, prefix, length);

	return put_behaviour(route, &place, SEG6_LOCAL_ACTION_END, 0, interface);
}

int route_put_decapsulate(struct route *route, const uint8_t prefix[16], uint32_t length, uint32_t table,
                          uint32_t interface)
{
	struct place place = place_of(RT_TABLE_MAIN, prefix, length);

	return put_behaviour(route, &place, SEG6_LOCAL_ACTION_END_DT6, table, interface);
}

int route_put_unreachable(struct route *route, const uint8_t prefix[16], uint32_t length)
{
	struct place place = place_of(RT_TABLE_MAIN, prefix, length);
	struct netlink_request request;

	open_put(route, &request, &place);
	set_type(&request, RTN_UNREACHABLE);
	return request_send(route, &request, "put-unreachable");
}

int route_put_local(struct route *route, uint8_t table, const uint8_t prefix[16], uint32_t length,
                    uint32_t interface)
{
	struct place place = place_of(table, prefix, length);
	struct netlink_request request;

	open_put(route, &request, &place);
	set_type(&request, RTN_LOCAL);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	return request_send(route, &request, "put-local");
}

int route_remove(struct route *route, const uint8_t prefix[16], uint32_t length)
{
	struct place place = place_of(RT_TABLE_MAIN, prefix, length);

	return remove_route(route, &place);
}

/* Services. */

int route_put_service(struct route *route, const uint8_t address[16], const uint8_t *next_hop,
                      uint32_t interface)
{
	struct place place = place_of(ROUTE_TABLE_SERVICES, address, ADDRESS_BITS);
	struct netlink_request request;

	open_put(route, &request, &place);
	if (next_hop)
		mnl_attr_put(request.header, RTA_GATEWAY, 16, next_hop);
	else
		set_type(&request, RTN_LOCAL);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	return request_send(route, &request, "put-service");
}

int route_remove_service(struct route *route, const uint8_t address[16])
{
	struct place place = place_of(ROUTE_TABLE_SERVICES, address, ADDRESS_BITS);

	return remove_route(route, &place);
}

/* Flows. */

struct encapsulation {
	struct seg6_iptunnel_encap head;
	uint8_t bytes[sizeof(struct ipv6_sr_hdr) + 16 * STEER_SEGMENTS + sizeof(struct sr6_tlv_hmac)];
};

/* RFC 8754 2: the last segment comes first. Returns the size. The kernel fills in the HMAC. */
static size_t make_encapsulation(const struct steer_flow *flow, struct encapsulation *encapsulation)
{
	size_t size = sizeof(struct ipv6_sr_hdr) + 16 * (size_t)flow->segment_count;
	struct ipv6_sr_hdr header = {.type = ROUTING_TYPE_SEGMENTS,
	                             .segments_left = (uint8_t)(flow->segment_count - 1),
	                             .first_segment = (uint8_t)(flow->segment_count - 1)};
	struct sr6_tlv_hmac hmac = {.tlvhdr = {.type = SR6_TLV_HMAC,
	                                       .len = sizeof(hmac) - sizeof(hmac.tlvhdr)},
	                            .hmackeyid = htonl(flow->key)};

	memset(encapsulation, 0, sizeof(*encapsulation));
	encapsulation->head.mode = SEG6_IPTUN_MODE_ENCAP;
	for (uint32_t i = 0; i < flow->segment_count; i++)
		memcpy(encapsulation->bytes + size - 16 * (i + 1), flow->segments[i], 16);
	if (flow->key > 0) {
		header.flags = SR6_FLAG1_HMAC;
		memcpy(encapsulation->bytes + size, &hmac, sizeof(hmac));
		size += sizeof(hmac);
	}
	header.hdrlen = (uint8_t)(size / 8 - 1);
	memcpy(encapsulation->bytes, &header, sizeof(header));
	return offsetof(struct encapsulation, bytes) + size;
}

int route_put_flow(struct route *route, const struct steer_flow *flow, uint32_t interface)
{
	struct place place = place_of_flow(flow->source, flow->destination);
	struct encapsulation encapsulation;
	struct netlink_request request;
	struct nlattr *nest;

	assert(flow->segment_count > 0 && flow->segment_count <= STEER_SEGMENTS);
	open_put(route, &request, &place);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	mnl_attr_put_u16(request.header, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6);
	nest = mnl_attr_nest_start(request.header, RTA_ENCAP);
	mnl_attr_put(request.header, SEG6_IPTUNNEL_SRH, make_encapsulation(flow, &encapsulation),
	             &encapsulation);
	mnl_attr_nest_end(request.header, nest);
	return request_send(route, &request, "put-flow");
}

int route_remove_flow(struct route *route, const uint8_t source[16], const uint8_t destination[16])
{
	struct place place = place_of_flow(source, destination);

	return remove_route(route, &place);
}

int route_use_flows(struct route *route, bool use)
{
	struct netlink_request request;
	struct fib_rule_hdr *body;
	int code;

	body = netlink_begin(route->netlink, &request, use ? RTM_NEWRULE : RTM_DELRULE,
	                     NLM_F_ACK | (use ? NLM_F_CREATE | NLM_F_EXCL : 0), sizeof(*body));
	body->family = AF_INET6;
	body->table = ROUTE_TABLE_FLOWS;
	body->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(request.header, FRA_PRIORITY, ROUTE_RULE);
	mnl_attr_put_u8(request.header, FRA_PROTOCOL, ROUTE_PROTOCOL);
	code = request_send(route, &request, "use-flows");
	return code == (use ? -EEXIST : -ENOENT) ? 0 : code;
}

/* What a former life left. */

struct wanted {
	struct place place;
	bool has_prefix;
	uint32_t metric;
};

/* Copies, since only the kernel's word says that attributes are aligned. */
static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct wanted *wanted = context;
	bool is_address = mnl_attr_get_payload_len(attribute) == 16;

	switch (mnl_attr_get_type(attribute)) {
	case RTA_DST:
		wanted->has_prefix = is_address;
		if (is_address)
			memcpy(wanted->place.prefix, mnl_attr_get_payload(attribute), 16);
		break;
	case RTA_SRC:
		if (is_address)
			memcpy(wanted->place.source, mnl_attr_get_payload(attribute), 16);
		break;
	case RTA_PRIORITY:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			wanted->metric = mnl_attr_get_u32(attribute);
		break;
	}
	return MNL_CB_OK;
}

static bool is_own_table(uint8_t table)
{
	return table == RT_TABLE_MAIN || table == ROUTE_TABLE_SERVICES || table == ROUTE_TABLE_FLOWS;
}

static void take_route(void *context, const struct nlmsghdr *header)
{
	struct dump *dump = context;
	const struct rtmsg *body = mnl_nlmsg_get_payload(header);
	struct wanted wanted = {.metric = 0};

	if (header->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(header) < sizeof(*body) ||
	    dump->count == FLUSH_BATCH)
		return;
	if (body->rtm_family != AF_INET6 || body->rtm_protocol != ROUTE_PROTOCOL ||
	    !is_own_table(body->rtm_table))
		return;
	(void)mnl_attr_parse(header, sizeof(*body), take_attribute, &wanted);
	/* ::/0 is dumped without a destination. */
	if (wanted.metric != ROUTE_METRIC || (!wanted.has_prefix && body->rtm_dst_len > 0))
		return;
	wanted.place.table = body->rtm_table;
	wanted.place.length = body->rtm_dst_len;
	wanted.place.source_length = body->rtm_src_len;
	dump->found[dump->count++] = wanted.place;
}

/* Up to FLUSH_BATCH own routes. */
static int dump_own(struct route *route, struct dump *dump)
{
	struct netlink_request request;
	struct rtmsg *body = netlink_begin(route->netlink, &request, RTM_GETROUTE, NLM_F_DUMP, sizeof(*body));

	body->rtm_family = AF_INET6;
	body->rtm_protocol = ROUTE_PROTOCOL;
	dump->count = 0;
	return netlink_ask(route->netlink, &request, "dump", take_route, dump);
}

int route_flush_own(struct route *route)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	int removed = 0;
	int code = dump ? route_use_flows(route, false) : -ENOMEM;

	if (code == 0)
		code = dump_own(route, dump);
	while (code == 0 && dump->count > 0) {
		for (size_t i = 0; code == 0 && i < dump->count; i++)
			code = remove_route(route, &dump->found[i]);
		removed += (int)dump->count;
		if (code == 0)
			code = dump_own(route, dump);
	}
	free(dump);
	return code < 0 ? code : removed;
}

/* Addresses. */

static void open_address(struct route *route, struct netlink_request *request, uint16_t type, uint16_t flags,
                         uint32_t interface, const uint8_t address[16], uint32_t length)
{
	struct ifaddrmsg *body =
	        netlink_begin(route->netlink, request, type, flags | NLM_F_ACK, sizeof(*body));

	body->ifa_family = AF_INET6;
	body->ifa_prefixlen = (uint8_t)length;
	body->ifa_index = interface;
	mnl_attr_put(request->header, IFA_LOCAL, 16, address);
	mnl_attr_put(request->header, IFA_ADDRESS, 16, address);
}

int route_add_address(struct route *route, uint32_t interface, const uint8_t address[16], uint32_t length)
{
	struct netlink_request request;

	open_address(route, &request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, interface, address, length);
	/* An address alone needs no route to its neighbours, who would be itself. */
	mnl_attr_put_u32(request.header, IFA_FLAGS,
	                 IFA_F_NODAD | (length == ADDRESS_BITS ? IFA_F_NOPREFIXROUTE : 0));
	return request_send(route, &request, "add-address");
}

int route_remove_address(struct route *route, uint32_t interface, const uint8_t address[16], uint32_t length)
{
	struct netlink_request request;
	int code;

	open_address(route, &request, RTM_DELADDR, 0, interface, address, length);
	code = request_send(route, &request, "remove-address");
	return code == -EADDRNOTAVAIL ? 0 : code;
}

/* Links. */

static void take_index(void *context, const struct nlmsghdr *header)
{
	const struct ifinfomsg *body = mnl_nlmsg_get_payload(header);
	uint32_t *index = context;

	if (header->nlmsg_type == RTM_NEWLINK && mnl_nlmsg_get_payload_len(header) >= sizeof(*body))
		*index = (uint32_t)body->ifi_index;
}

int route_interface(struct route *route, const char *name, uint32_t *ret_interface)
{
	uint32_t index = 0;
	struct netlink_request request;
	int code;

	if (name[0] == '\0' || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	netlink_begin(route->netlink, &request, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	code = netlink_ask(route->netlink, &request, "interface", take_index, &index);
	if (code < 0)
		return code;
	if (index == 0)
		return -ENODEV;
	*ret_interface = index;
	return 0;
}

static void open_link(struct route *route, struct netlink_request *request, uint32_t interface)
{
	struct ifinfomsg *body =
	        netlink_begin(route->netlink, request, RTM_NEWLINK, NLM_F_ACK, sizeof(*body));

	body->ifi_index = (int)interface;
}

int route_set_up(struct route *route, uint32_t interface)
{
	struct netlink_request request;
	struct ifinfomsg *body;

	open_link(route, &request, interface);
	body = mnl_nlmsg_get_payload(request.header);
	body->ifi_flags = IFF_UP;
	body->ifi_change = IFF_UP;
	return request_send(route, &request, "up");
}

int route_set_up_bare(struct route *route, uint32_t interface, uint32_t mtu)
{
	struct netlink_request request;
	struct nlattr *families, *family;
	int code;

	open_link(route, &request, interface);
	mnl_attr_put_u32(request.header, IFLA_MTU, mtu);
	families = mnl_attr_nest_start(request.header, IFLA_AF_SPEC);
	family = mnl_attr_nest_start(request.header, AF_INET6);
	mnl_attr_put_u8(request.header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request.header, family);
	mnl_attr_nest_end(request.header, families);
	/* Apart, so that the mode is set before the device comes up. */
	code = request_send(route, &request, "bare");
	return code < 0 ? code : route_set_up(route, interface);
}
