/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink by libmnl: one request, one acknowledgement. Acknowledgements carry the kernel's reason as text
 * (NETLINK_EXT_ACK) and not the request (NETLINK_CAP_ACK).
 */
#include "steer/route.h"

#include "base/error.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <linux/seg6_local.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TAG "route"

enum { REQUEST_SIZE = 1024, ANSWER_SIZE = 32768, FLUSH_BATCH = 256, SHUT_SECONDS = 5 };

struct route {
	struct mnl_socket *socket;
	uint32_t sequence;
	char answer[ANSWER_SIZE] __attribute__((aligned(8)));
};

struct request {
	struct nlmsghdr *header;
	char bytes[REQUEST_SIZE] __attribute__((aligned(8)));
};

/* A destination, as dumped. */
struct destination {
	uint8_t prefix[16];
	uint8_t length;
};

struct dump {
	struct destination found[FLUSH_BATCH];
	size_t count;
};

/* What to do with the answers before the last one. */
struct conversation {
	const char *what;                                           /* for the log */
	void (*take)(void *context, const struct nlmsghdr *header); /* may be NULL */
	void *context;
};

/* Requests and answers. */

static int enable(struct mnl_socket *socket, int option)
{
	int on = 1;

	return mnl_socket_setsockopt(socket, option, &on, sizeof(on));
}

int route_open(struct route **ret_route)
{
	struct timeval patience = {.tv_sec = SHUT_SECONDS};
	struct route *route = calloc(1, sizeof(*route));
	int code;

	if (!route)
		return -ENOMEM;
	route->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!route->socket || mnl_socket_bind(route->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(route->socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
	               sizeof(patience)) < 0) {
		code = -errno;
		route_close(route);
		return code;
	}
	/* Only comfort: a kernel without them answers less. */
	(void)enable(route->socket, NETLINK_EXT_ACK);
	(void)enable(route->socket, NETLINK_CAP_ACK);
	(void)enable(route->socket, NETLINK_GET_STRICT_CHK);
	*ret_route = route;
	return 0;
}

struct route *route_close(struct route *route)
{
	if (route && route->socket)
		mnl_socket_close(route->socket);
	free(route);
	return NULL;
}

static void *request_open(struct route *route, struct request *request, uint16_t type, uint16_t flags,
                          size_t body)
{
	memset(request->bytes, 0, sizeof(request->bytes));
	request->header = mnl_nlmsg_put_header(request->bytes);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->header->nlmsg_seq = ++route->sequence;
	return mnl_nlmsg_put_extra_header(request->header, body);
}

static int find_text(const struct nlattr *attribute, void *context)
{
	const char **text = context;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		*text = mnl_attr_get_str(attribute);
	return MNL_CB_OK;
}

/* The kernel's own words about a refused request; "" when it has none. */
static const char *reason_of(const struct nlmsghdr *header)
{
	const char *text = "";

	if (header->nlmsg_flags & NLM_F_ACK_TLVS)
		(void)mnl_attr_parse(header, sizeof(struct nlmsgerr), find_text, &text);
	return text;
}

static ssize_t receive(struct route *route)
{
	ssize_t size = mnl_socket_recvfrom(route->socket, route->answer, sizeof(route->answer));

	if (size < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return size;
}

static int error_of(const struct nlmsghdr *header, const char *what)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(header);

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*error))
		return -EBADMSG;
	if (error->error < 0 && *reason_of(header))
		log_info(TAG, "request=%s error=\"%s\" reason=\"%s\"", what, strerror(-error->error),
		         reason_of(header));
	return error->error;
}

/* One datagram of answers: true when it holds the last one of `conversation`. */
static bool take_answers(struct route *route, size_t size, const struct conversation *conversation,
                         int *ret_code)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)route->answer;
	int left = (int)size;

	for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
		/* Answers to a request that was given up are passed over. */
		if (header->nlmsg_seq != route->sequence)
			continue;
		if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) {
			*ret_code =
			        header->nlmsg_type == NLMSG_DONE ? 0 : error_of(header, conversation->what);
			return true;
		}
		if (conversation->take)
			conversation->take(conversation->context, header);
	}
	return false;
}

/* Sends, and waits for the acknowledgement or, after a dump, for its end. */
static int converse(struct route *route, struct request *request, const struct conversation *conversation)
{
	int code = 0;
	ssize_t size;

	if (mnl_socket_sendto(route->socket, request->header, request->header->nlmsg_len) < 0)
		return -errno;
	do {
		size = receive(route);
		if (size < 0)
			return (int)size;
	} while (!take_answers(route, (size_t)size, conversation, &code));
	return code;
}

static int request_send(struct route *route, struct request *request, const char *what)
{
	const struct conversation conversation = {.what = what};

	return converse(route, request, &conversation);
}

/* Routes. */

static void open_route(struct route *route, struct request *request, uint16_t type, uint16_t flags,
                       const uint8_t prefix[16], uint32_t length)
{
	struct rtmsg *body = request_open(route, request, type, flags | NLM_F_ACK, sizeof(*body));

	assert(length <= 128);
	body->rtm_family = AF_INET6;
	body->rtm_dst_len = (uint8_t)length;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = ROUTE_PROTOCOL;
	body->rtm_scope = RT_SCOPE_UNIVERSE;
	body->rtm_type = RTN_UNICAST;
	mnl_attr_put(request->header, RTA_DST, 16, prefix);
	mnl_attr_put_u32(request->header, RTA_PRIORITY, ROUTE_METRIC);
}

static void open_put(struct route *route, struct request *request, const uint8_t prefix[16], uint32_t length)
{
	open_route(route, request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, prefix, length);
}

int route_put_via(struct route *route, const uint8_t prefix[16], uint32_t length, const uint8_t next_hop[16],
                  const uint8_t *source, uint32_t interface)
{
	struct request request;

	open_put(route, &request, prefix, length);
	mnl_attr_put(request.header, RTA_GATEWAY, 16, next_hop);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	if (source)
		mnl_attr_put(request.header, RTA_PREFSRC, 16, source);
	return request_send(route, &request, "put-via");
}

int route_put_device(struct route *route, const uint8_t prefix[16], uint32_t length, uint32_t interface)
{
	struct request request;

	open_put(route, &request, prefix, length);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	return request_send(route, &request, "put-device");
}

int route_put_end(struct route *route, const uint8_t prefix[16], uint32_t length, uint32_t interface)
{
	struct request request;
	struct nlattr *nest;

	open_put(route, &request, prefix, length);
	mnl_attr_put_u32(request.header, RTA_OIF, interface);
	mnl_attr_put_u16(request.header, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_SEG6_LOCAL);
	nest = mnl_attr_nest_start(request.header, RTA_ENCAP);
	mnl_attr_put_u32(request.header, SEG6_LOCAL_ACTION, SEG6_LOCAL_ACTION_END);
	mnl_attr_nest_end(request.header, nest);
	return request_send(route, &request, "put-end");
}

int route_put_unreachable(struct route *route, const uint8_t prefix[16], uint32_t length)
{
	struct request request;

	open_put(route, &request, prefix, length);
	((struct rtmsg *)mnl_nlmsg_get_payload(request.header))->rtm_type = RTN_UNREACHABLE;
	return request_send(route, &request, "put-unreachable");
}

int route_remove(struct route *route, const uint8_t prefix[16], uint32_t length)
{
	struct request request;
	int code;

	open_route(route, &request, RTM_DELROUTE, 0, prefix, length);
	code = request_send(route, &request, "remove");
	return code == -ESRCH ? 0 : code;
}

/* What was asked of a route's attributes; unaligned copies, since only the kernel's word says they are
 * aligned. */
struct wanted {
	bool has_prefix, has_metric;
	uint8_t prefix[16];
	uint32_t metric;
};

static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct wanted *wanted = context;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type == RTA_DST && mnl_attr_get_payload_len(attribute) == sizeof(wanted->prefix)) {
		memcpy(wanted->prefix, mnl_attr_get_payload(attribute), sizeof(wanted->prefix));
		wanted->has_prefix = true;
	}
	if (type == RTA_PRIORITY && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) {
		wanted->metric = mnl_attr_get_u32(attribute);
		wanted->has_metric = true;
	}
	return MNL_CB_OK;
}

static void take_route(void *context, const struct nlmsghdr *header)
{
	struct dump *dump = context;
	const struct rtmsg *body = mnl_nlmsg_get_payload(header);
	struct wanted wanted = {0};

	if (header->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(header) < sizeof(*body) ||
	    dump->count == FLUSH_BATCH)
		return;
	if (body->rtm_family != AF_INET6 || body->rtm_protocol != ROUTE_PROTOCOL ||
	    body->rtm_table != RT_TABLE_MAIN)
		return;
	(void)mnl_attr_parse(header, sizeof(*body), take_attribute, &wanted);
	/* ::/0 is dumped without a destination. */
	if (!wanted.has_metric || wanted.metric != ROUTE_METRIC ||
	    (!wanted.has_prefix && body->rtm_dst_len > 0))
		return;
	dump->found[dump->count].length = body->rtm_dst_len;
	memcpy(dump->found[dump->count++].prefix, wanted.prefix, sizeof(wanted.prefix));
}

/* Up to FLUSH_BATCH own routes. */
static int dump_own(struct route *route, struct dump *dump)
{
	const struct conversation conversation = {.what = "dump", .take = take_route, .context = dump};
	struct request request;
	struct rtmsg *body = request_open(route, &request, RTM_GETROUTE, NLM_F_DUMP, sizeof(*body));

	body->rtm_family = AF_INET6;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = ROUTE_PROTOCOL;
	dump->count = 0;
	return converse(route, &request, &conversation);
}

int route_flush_own(struct route *route)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	int removed = 0;
	int code = dump ? dump_own(route, dump) : -ENOMEM;

	while (code == 0 && dump->count > 0) {
		for (size_t i = 0; code == 0 && i < dump->count; i++)
			code = route_remove(route, dump->found[i].prefix, dump->found[i].length);
		removed += (int)dump->count;
		if (code == 0)
			code = dump_own(route, dump);
	}
	free(dump);
	return code < 0 ? code : removed;
}

/* Addresses. */

static void open_address(struct route *route, struct request *request, uint16_t type, uint16_t flags,
                         uint32_t interface, const uint8_t address[16], uint32_t length)
{
	struct ifaddrmsg *body = request_open(route, request, type, flags | NLM_F_ACK, sizeof(*body));

	body->ifa_family = AF_INET6;
	body->ifa_prefixlen = (uint8_t)length;
	body->ifa_index = interface;
	mnl_attr_put(request->header, IFA_LOCAL, 16, address);
	mnl_attr_put(request->header, IFA_ADDRESS, 16, address);
}

int route_add_address(struct route *route, uint32_t interface, const uint8_t address[16], uint32_t length)
{
	struct request request;

	open_address(route, &request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, interface, address, length);
	mnl_attr_put_u32(request.header, IFA_FLAGS, IFA_F_NODAD);
	return request_send(route, &request, "add-address");
}

int route_remove_address(struct route *route, uint32_t interface, const uint8_t address[16], uint32_t length)
{
	struct request request;
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
	const struct conversation conversation = {.what = "interface", .take = take_index, .context = &index};
	struct request request;
	int code;

	if (name[0] == '\0' || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	request_open(route, &request, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	code = converse(route, &request, &conversation);
	if (code < 0)
		return code;
	if (index == 0)
		return -ENODEV;
	*ret_interface = index;
	return 0;
}

static void open_link(struct route *route, struct request *request, uint32_t interface)
{
	struct ifinfomsg *body = request_open(route, request, RTM_NEWLINK, NLM_F_ACK, sizeof(*body));

	body->ifi_index = (int)interface;
}

int route_set_up(struct route *route, uint32_t interface)
{
	struct request request;
	struct ifinfomsg *body;

	open_link(route, &request, interface);
	body = mnl_nlmsg_get_payload(request.header);
	body->ifi_flags = IFF_UP;
	body->ifi_change = IFF_UP;
	return request_send(route, &request, "up");
}

int route_set_up_bare(struct route *route, uint32_t interface, uint32_t mtu)
{
	struct request request;
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
