/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order matters: sysctls named "default" come before the interfaces that inherit them, inner ends are up
 * before outer ones, so that an address on an outer end is usable when network_create() returns.
 */
#include "lab/network.h"

#include "lab/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BUFFER = 1 << 23, SEND_BUFFER = 1 << 22 };

struct setting {
	const char *path; /* below /proc/sys/net; %s is the interface */
	const char *value;
	bool gateways_only;
};

static const struct setting node_settings[] = {
        {"ipv4/ip_forward", "1", true},
        {"ipv4/conf/all/rp_filter", "0", false},
        {"ipv4/conf/default/rp_filter", "0", false},
};
/* For "all", "default" and every interface. */
static const struct setting interface_settings[] = {
        {"ipv6/conf/%s/forwarding", "1", true},
        {"ipv6/conf/%s/seg6_enabled", "1", false},
        {"ipv6/conf/%s/accept_dad", "0", false},
        {"ipv6/conf/%s/accept_ra", "0", false},
};
/* The kernel is to say nothing of its own on the inner ends. */
static const struct setting wire_settings[] = {
        {"ipv6/conf/all/disable_ipv6", "1", false},
        {"ipv6/conf/default/disable_ipv6", "1", false},
};

static int fail(struct network *network, int code, const char *format, ...) PRINTF(3, 4);

static int fail(struct network *network, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(network->problem, sizeof(network->problem), format, arguments);
	va_end(arguments);
	return code;
}

static int write_setting(struct network *network, const struct setting *setting, const char *interface)
{
	char name[96], path[128];
	const char *mark = strstr(setting->path, "%s");
	ssize_t written = -1;
	int fd, code;

	if (mark)
		snprintf(name, sizeof(name), "%.*s%s%s", (int)(mark - setting->path), setting->path,
		         interface, mark + 2);
	else
		snprintf(name, sizeof(name), "%s", setting->path);
	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		written = write(fd, setting->value, strlen(setting->value));
	code = written < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return code < 0 ? fail(network, code, "cannot set %s to %s", name, setting->value) : 0;
}

static int write_settings(struct network *network, const struct setting *settings, size_t count,
                          const char *interface, bool is_gateway)
{
	int code = 0;

	for (size_t i = 0; code >= 0 && i < count; i++)
		if (is_gateway || !settings[i].gateways_only)
			code = write_setting(network, &settings[i], interface);
	return code;
}

static int write_interface_settings(struct network *network, const char *interface, bool is_gateway)
{
	return write_settings(network, interface_settings, ARRAY_SIZE(interface_settings), interface,
	                      is_gateway);
}

static int enter(struct network *network, int namespace_fd)
{
	return setns(namespace_fd, CLONE_NEWNET) < 0 ? fail(network, -errno, "cannot enter a namespace") : 0;
}

/* Leaves the caller in the new namespace. */
static int create_namespace(struct network *network, int *fd)
{
	if (unshare(CLONE_NEWNET) < 0)
		return fail(network, -errno, "cannot create a network namespace");
	*fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? fail(network, -errno, "cannot open /proc/self/ns/net") : 0;
}

static int create_wire_namespace(struct network *network)
{
	int code = create_namespace(network, &network->wire);

	if (code >= 0)
		code = write_settings(network, wire_settings, ARRAY_SIZE(wire_settings), "", true);
	return code;
}

static int create_node(struct network *network, const struct topology *topology, size_t node)
{
	bool is_gateway = topology_node_is_gateway(topology, node);
	struct mnl_socket *netlink = NULL;
	int code = create_namespace(network, &network->nodes[node]);

	if (code >= 0)
		code = write_settings(network, node_settings, ARRAY_SIZE(node_settings), "", is_gateway);
	if (code >= 0)
		code = write_interface_settings(network, "all", is_gateway);
	if (code >= 0)
		code = write_interface_settings(network, "default", is_gateway);
	if (code < 0)
		return code;
	code = netlink_open(&netlink);
	if (code >= 0)
		code = netlink_set_up(netlink, "lo");
	netlink_close(netlink);
	return code < 0 ? fail(network, code, "%s: cannot set lo up", topology_node_name(topology, node)) : 0;
}

/* Inner ends are called after the wire's number and the end. */
static void inner_name(size_t wire, int end, char name[IFNAMSIZ])
{
	snprintf(name, IFNAMSIZ, "wire%u%c", (unsigned)(wire % TOPOLOGY_WIRES), end ? 'b' : 'a');
}

static int create_ends(struct network *network, struct mnl_socket *netlink, const struct topology *topology,
                       size_t index)
{
	struct topology_wire wire;
	int code = 0;

	topology_wire(topology, index, &wire);
	for (int end = 0; code >= 0 && end < 2; end++) {
		char inner[IFNAMSIZ];

		inner_name(index, end, inner);
		code = netlink_add_veth(netlink, inner, wire.ends[end].interface,
		                        network->nodes[wire.ends[end].node], (int)wire.quality.mtu);
		if (code >= 0)
			code = netlink_no_offloads(inner);
		if (code >= 0)
			code = netlink_set_up(netlink, inner);
		if (code < 0)
			fail(network, code, "cannot create the interface %s", wire.ends[end].interface);
	}
	return code;
}

/*
 * Own frames must not come back (the other side's frames are sent through this socket), times of arrival
 * are the kernel's, and both buffers hold a burst.
 */
static int set_port_options(int fd)
{
	static const struct option {
		int level, name, value;
	} options[] = {
	        {SOL_PACKET, PACKET_IGNORE_OUTGOING, 1},   {SOL_PACKET, PACKET_QDISC_BYPASS, 1},
	        {SOL_SOCKET, SO_TIMESTAMPNS, 1},           {SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER},
	        {SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int)) < 0)
			return -errno;
	return 0;
}

static int open_port(struct network *network, size_t index, int end)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char inner[IFNAMSIZ];
	int code;

	network->ports[index][end] = fd;
	if (fd < 0)
		return fail(network, -errno, "cannot open a packet socket");
	inner_name(index, end, inner);
	address.sll_ifindex = (int)if_nametoindex(inner);
	code = set_port_options(fd);
	if (code >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		code = -errno;
	return code < 0 ? fail(network, code, "cannot prepare the packet socket on %s", inner) : 0;
}

static int create_wires(struct network *network, const struct topology *topology)
{
	struct mnl_socket *netlink = NULL;
	int code = enter(network, network->wire);

	if (code < 0)
		return code;
	code = netlink_open(&netlink);
	if (code < 0)
		return fail(network, code, "cannot open rtnetlink");
	for (size_t i = 0; code >= 0 && i < topology_wires(topology); i++) {
		code = create_ends(network, netlink, topology, i);
		for (int end = 0; code >= 0 && end < 2; end++)
			code = open_port(network, i, end);
	}
	netlink_close(netlink);
	return code;
}

static int configure_end(struct mnl_socket *netlink, const struct topology_end *end)
{
	int code = netlink_no_offloads(end->interface);

	if (code >= 0)
		code = netlink_add_address(netlink, end->interface, &end->address, 64);
	if (code >= 0)
		code = netlink_set_up(netlink, end->interface);
	return code;
}

static int configure_wire_end(struct network *network, const struct topology *topology,
                              const struct topology_wire *wire, int end)
{
	const struct topology_end *here = &wire->ends[end];
	bool is_gateway = topology_node_is_gateway(topology, here->node);
	struct mnl_socket *netlink = NULL;
	int code = enter(network, network->nodes[here->node]);

	if (code >= 0)
		code = write_interface_settings(network, here->interface, is_gateway);
	if (code < 0)
		return code;
	code = netlink_open(&netlink);
	if (code >= 0)
		code = configure_end(netlink, here);
	if (code >= 0 && !is_gateway)
		code = netlink_add_default_route(netlink, here->interface, &wire->ends[1 - end].address);
	netlink_close(netlink);
	if (code < 0)
		fail(network, code, "%s: cannot configure the interface %s",
		     topology_node_name(topology, here->node), here->interface);
	return code;
}

static int configure_wires(struct network *network, const struct topology *topology)
{
	int code = 0;

	for (size_t i = 0; code >= 0 && i < topology_wires(topology); i++) {
		struct topology_wire wire;

		topology_wire(topology, i, &wire);
		for (int end = 0; code >= 0 && end < 2; end++)
			code = configure_wire_end(network, topology, &wire, end);
	}
	return code;
}

void network_open(struct network *network)
{
	network->host = network->wire = -1;
	for (size_t i = 0; i < TOPOLOGY_NODES; i++)
		network->nodes[i] = -1;
	for (size_t i = 0; i < TOPOLOGY_WIRES; i++)
		network->ports[i][0] = network->ports[i][1] = -1;
	network->problem[0] = '\0';
}

int network_create(struct network *network, const struct topology *topology)
{
	int code;

	network->host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (network->host < 0)
		return fail(network, -errno, "cannot open /proc/self/ns/net");
	code = create_wire_namespace(network);
	for (size_t i = 0; code >= 0 && i < topology_nodes(topology); i++)
		code = create_node(network, topology, i);
	if (code >= 0)
		code = create_wires(network, topology);
	if (code >= 0)
		code = configure_wires(network, topology);
	if (setns(network->host, CLONE_NEWNET) < 0 && code >= 0)
		code = fail(network, -errno, "cannot return to the first namespace");
	return code;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void network_close(struct network *network)
{
	for (size_t i = 0; i < TOPOLOGY_WIRES; i++)
		for (int end = 0; end < 2; end++)
			close_fd(&network->ports[i][end]);
	for (size_t i = 0; i < TOPOLOGY_NODES; i++)
		close_fd(&network->nodes[i]);
	close_fd(&network->wire);
	close_fd(&network->host);
}
