/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv6 routes, addresses and links over rtnetlink.
 *
 * Every call waits for the kernel's answer and is idempotent. Failures are negative errno. Routes are those
 * of protocol ROUTE_PROTOCOL and metric ROUTE_METRIC alone, in three tables: main; services, where packets
 * for services are looked up after decapsulation, so that nothing else of this host is reached; flows.
 * Private to the steer room.
 *
 * Flows have a table, asked before main, because Linux passes over a route without source in favour of a
 * shorter prefix as soon as there is one with a source for the same destination.
 */
#ifndef STEER_ROUTE_H
#define STEER_ROUTE_H

#include "base/compiler.h"
#include "steer/steer.h"
#include <stdbool.h>
#include <stdint.h>

struct route;

enum {
	ROUTE_PROTOCOL = 186,
	ROUTE_METRIC = 186,
	ROUTE_RULE = 186, /* preference of the rule that asks the table of flows */
	ROUTE_TABLE_SERVICES = 186,
	ROUTE_TABLE_FLOWS = 187,
	ROUTE_TABLE_MAIN = 254,
};

/* Belongs to the network namespace that the caller is in. */
int route_open(struct route **ret_route) CHECKED;
/* Accepts NULL, returns NULL. */
struct route *route_close(struct route *route);

/* prefix via next_hop dev interface src source; NULL source: none. Installs or replaces. */
int route_put_via(struct route *route, const uint8_t prefix[16], uint32_t length, const uint8_t next_hop[16],
                  const uint8_t *source, uint32_t interface) CHECKED;
int route_put_device(struct route *route, const uint8_t prefix[16], uint32_t length,
                     uint32_t interface) CHECKED;
/* Segment routing End (RFC 8986 4.1). The interface only ties the route to a device; lo will not do. */
int route_put_end(struct route *route, const uint8_t prefix[16], uint32_t length, uint32_t interface) CHECKED;
/* Decapsulation and a look-up in a table, which must not be 0 (End.DT6, RFC 8986 4.6). */
int route_put_decapsulate(struct route *route, const uint8_t prefix[16], uint32_t length, uint32_t table,
                          uint32_t interface) CHECKED;
int route_put_unreachable(struct route *route, const uint8_t prefix[16], uint32_t length) CHECKED;
/* An absent route is a success. */
int route_remove(struct route *route, const uint8_t prefix[16], uint32_t length) CHECKED;

/* Addresses of this host, in a table besides that of its own; the interface is lo. */
int route_put_local(struct route *route, uint8_t table, const uint8_t prefix[16], uint32_t length,
                    uint32_t interface) CHECKED;

/* A service on this host (NULL next hop; the interface is lo) or beyond one. */
int route_put_service(struct route *route, const uint8_t address[16], const uint8_t *next_hop,
                      uint32_t interface) CHECKED;
int route_remove_service(struct route *route, const uint8_t address[16]) CHECKED;

/* Encapsulation (RFC 8986 5.1, H.Encaps). The interface only ties the route to a device and its MTU. */
int route_put_flow(struct route *route, const struct steer_flow *flow, uint32_t interface) CHECKED;
int route_remove_flow(struct route *route, const uint8_t source[16], const uint8_t destination[16]);
/* Whether the table of flows is asked. */
int route_use_flows(struct route *route, bool use) CHECKED;

/* Removes every route of ROUTE_PROTOCOL, and the rule; the number of routes removed. */
int route_flush_own(struct route *route) CHECKED;

/* Without duplicate address detection; of length 128 also without a route but that in the local table. */
int route_add_address(struct route *route, uint32_t interface, const uint8_t address[16],
                      uint32_t length) CHECKED;
/* An absent address is a success. */
int route_remove_address(struct route *route, uint32_t interface, const uint8_t address[16],
                         uint32_t length) CHECKED;

int route_interface(struct route *route, const char *name, uint32_t *ret_interface) CHECKED;
int route_set_up(struct route *route, uint32_t interface) CHECKED;
/* As route_set_up, with an MTU and no link-local address: nothing but what is routed there. */
int route_set_up_bare(struct route *route, uint32_t interface, uint32_t mtu) CHECKED;

#endif
