/* SPDX-License-Identifier: Apache-2.0 */
#include "namespaces.h"

#include "steer/route.h"
#include "steer/sysctl.h"
#include "t.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

void parse(const char *text, uint8_t address[16])
{
	T_EQ(inet_pton(AF_INET6, text, address), 1);
}

struct in6_addr address_of(const char *text)
{
	struct in6_addr address;

	parse(text, address.s6_addr);
	return address;
}

int new_namespace(void)
{
	T_EQ(unshare(CLONE_NEWNET), 0);
	/* Neighbours are asked for from a link-local address, which would be tentative for two seconds. */
	T_OK(sysctl_write("all", "accept_dad", 0));
	T_OK(sysctl_write("default", "accept_dad", 0));
	return current_namespace();
}

int current_namespace(void)
{
	int descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	T_TRUE(descriptor >= 0);
	return descriptor;
}

void enter(int namespace)
{
	T_EQ(setns(namespace, CLONE_NEWNET), 0);
}

int ask(struct nlmsghdr *header)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char answer[8192] __attribute__((aligned(8)));
	int code = -1;
	ssize_t size;

	assert_non_null(socket);
	header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_bind(socket, 0, 0) == 0 && mnl_socket_sendto(socket, header, header->nlmsg_len) > 0) {
		size = mnl_socket_recvfrom(socket, answer, sizeof(answer));
		code = size > 0 && mnl_cb_run(answer, (size_t)size, 0, 0, NULL, NULL) >= 0 ? 0 : -errno;
	}
	mnl_socket_close(socket);
	return code;
}

int add_pair(const char *name, const char *peer, int peer_namespace)
{
	char bytes[1024] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *header = mnl_nlmsg_put_header(bytes);
	struct nlattr *information, *data, *end;

	header->nlmsg_type = RTM_NEWLINK;
	header->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(header, IFLA_IFNAME, name);
	mnl_attr_put_u32(header, IFLA_MTU, 2000);
	information = mnl_attr_nest_start(header, IFLA_LINKINFO);
	mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
	end = mnl_attr_nest_start(header, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(header, IFLA_IFNAME, peer);
	mnl_attr_put_u32(header, IFLA_MTU, 2000);
	mnl_attr_put_u32(header, IFLA_NET_NS_FD, (uint32_t)peer_namespace);
	mnl_attr_nest_end(header, end);
	mnl_attr_nest_end(header, data);
	mnl_attr_nest_end(header, information);
	return ask(header);
}

uint32_t interface_of(const char *name)
{
	struct route *route = NULL;
	uint32_t interface = 0;

	T_OK(route_open(&route));
	T_OK(route_interface(route, name, &interface));
	route_close(route);
	return interface;
}

void set_up(const char *name, const char *address)
{
	struct in6_addr octets = address_of(address);
	struct route *route = NULL;
	uint32_t interface = interface_of(name);

	T_OK(route_open(&route));
	T_OK(route_add_address(route, interface, octets.s6_addr, 64));
	T_OK(route_set_up(route, interface));
	route_close(route);
}

const char *missing(void)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	const char *what = NULL;

	if (access("/dev/net/tun", R_OK | W_OK) < 0)
		what = "no access to /dev/net/tun";
	else if (access("/proc/sys/net/ipv6/conf/all/seg6_enabled", F_OK) < 0)
		what = "the kernel has no segment routing";
	else if (home < 0 || unshare(CLONE_NEWNET) < 0)
		what = "no right to make network namespaces";
	else if (sysctl_write("all", "forwarding", 1) < 0)
		what = "/proc/sys/net cannot be written";
	if (home >= 0) {
		(void)setns(home, CLONE_NEWNET);
		close(home);
	}
	return what;
}
