/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces by rtnetlink and ethtool, in the network namespace that the caller is in.
 *
 * A connection belongs to the namespace in which it was opened. All calls wait for the kernel's answer.
 */
#ifndef LAB_NETLINK_H
#define LAB_NETLINK_H

#include "base/compiler.h"
#include <netinet/in.h>

struct mnl_socket;

int netlink_open(struct mnl_socket **ret_netlink) CHECKED;
/* Accepts NULL, returns NULL. */
struct mnl_socket *netlink_close(struct mnl_socket *netlink);

/* A veth pair: `name` here, `peer` in the namespace that the descriptor `peer_namespace` names. */
int netlink_add_veth(struct mnl_socket *netlink, const char *name, const char *peer, int peer_namespace,
                     int mtu) CHECKED;
int netlink_set_up(struct mnl_socket *netlink, const char *name) CHECKED;
/* Without duplicate address detection. */
int netlink_add_address(struct mnl_socket *netlink, const char *name, const struct in6_addr *address,
                        int length) CHECKED;
/* ::/0 through `gateway`. */
int netlink_add_default_route(struct mnl_socket *netlink, const char *name,
                              const struct in6_addr *gateway) CHECKED;

/*
 * Turns checksum and segmentation offloads and GRO off. Frames between veth ends otherwise lack checksums
 * and exceed the MTU, which a packet socket cannot carry on.
 */
int netlink_no_offloads(const char *name) CHECKED;

#endif
