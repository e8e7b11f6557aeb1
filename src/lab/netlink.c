/* SPDX-License-Identifier: Apache-2.0 */
/* Requests are built with libmnl in one buffer each and answered by an acknowledgement. */
#include "lab/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_SIZE = 1024, ANSWER_SIZE = 16384 };

struct request {
	struct nlmsghdr *header;
	char bytes[REQUEST_SIZE] __attribute__((aligned(8)));
};

int netlink_open(struct mnl_socket **ret_netlink)
{
	struct mnl_socket *netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int code;

	if (!netlink)
		return -errno;
	if (mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
		code = -errno;
		netlink_close(netlink);
		return code;
	}
	*ret_netlink = netlink;
	return 0;
}

struct mnl_socket *netlink_close(struct mnl_socket *netlink)
{
	if (netlink)
		mnl_socket_close(netlink);
	return NULL;
}

static void *request_open(struct request *request, uint16_t type, uint16_t flags, size_t body)
{
	request->header = mnl_nlmsg_put_header(request->bytes);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	request->header->nlmsg_seq = 1;
	return mnl_nlmsg_put_extra_header(request->header, body);
}

static int request_send(struct mnl_socket *netlink, struct request *request)
{
	char answer[ANSWER_SIZE] __attribute__((aligned(8)));
	ssize_t size;

	if (mnl_socket_sendto(netlink, request->header, request->header->nlmsg_len) < 0)
		return -errno;
	size = mnl_socket_recvfrom(netlink, answer, sizeof(answer));
	if (size < 0)
		return -errno;
	if (mnl_cb_run(answer, (size_t)size, 1, mnl_socket_get_portid(netlink), NULL, NULL) < 0)
		return -errno;
	return 0;
}

static void put_interface(struct nlmsghdr *header, const char *name, int mtu)
{
	mnl_attr_put_strz(header, IFLA_IFNAME, name);
	mnl_attr_put_u32(header, IFLA_MTU, (uint32_t)mtu);
}

int netlink_add_veth(struct mnl_socket *netlink, const char *name, const char *peer, int peer_namespace,
                     int mtu)
{
	struct request request;
	struct nlattr *information, *data, *end;

	request_open(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	put_interface(request.header, name, mtu);
	information = mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(request.header, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request.header, IFLA_INFO_DATA);
	end = mnl_attr_nest_start(request.header, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(request.header, sizeof(struct ifinfomsg));
	put_interface(request.header, peer, mtu);
	mnl_attr_put_u32(request.header, IFLA_NET_NS_FD, (uint32_t)peer_namespace);
	mnl_attr_nest_end(request.header, end);
	mnl_attr_nest_end(request.header, data);
	mnl_attr_nest_end(request.header, information);
	return request_send(netlink, &request);
}

int netlink_set_up(struct mnl_socket *netlink, const char *name)
{
	struct request request;
	struct ifinfomsg *body = request_open(&request, RTM_NEWLINK, 0, sizeof(*body));

	body->ifi_flags = IFF_UP;
	body->ifi_change = IFF_UP;
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	return request_send(netlink, &request);
}

int netlink_add_address(struct mnl_socket *netlink, const char *name, const struct in6_addr *address,
                        int length)
{
	struct request request;
	struct ifaddrmsg *body =
	        request_open(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));

	body->ifa_family = AF_INET6;
	body->ifa_prefixlen = (uint8_t)length;
	body->ifa_index = if_nametoindex(name);
	if (body->ifa_index == 0)
		return -errno;
	mnl_attr_put_u32(request.header, IFA_FLAGS, IFA_F_NODAD);
	mnl_attr_put(request.header, IFA_LOCAL, sizeof(*address), address);
	mnl_attr_put(request.header, IFA_ADDRESS, sizeof(*address), address);
	return request_send(netlink, &request);
}

int netlink_add_default_route(struct mnl_socket *netlink, const char *name, const struct in6_addr *gateway)
{
	struct request request;
	struct rtmsg *body = request_open(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*body));

	body->rtm_family = AF_INET6;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = RTPROT_STATIC;
	body->rtm_type = RTN_UNICAST;
	mnl_attr_put(request.header, RTA_GATEWAY, sizeof(*gateway), gateway);
	mnl_attr_put_u32(request.header, RTA_OIF, if_nametoindex(name));
	return request_send(netlink, &request);
}

int netlink_no_offloads(const char *name)
{
	static const uint32_t commands[] = {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int code = fd < 0 ? -errno : 0;

	for (size_t i = 0; code == 0 && i < ARRAY_SIZE(commands); i++) {
		struct ethtool_value value = {.cmd = commands[i], .data = 0};
		struct ifreq request = {0};

		snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
		request.ifr_data = (void *)&value;
		if (ioctl(fd, SIOCETHTOOL, &request) < 0 && errno != EOPNOTSUPP)
			code = -errno;
	}
	if (fd >= 0)
		close(fd);
	return code;
}
