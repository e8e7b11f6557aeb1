/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv6 routes, addresses and links over rtnetlink.
 *
 * Every call waits for the kernel's answer and is idempotent. Failures are negative errno; the kernel's own
 * words (extended acknowledgement) go to the log. Routes are those of the main table with protocol
 * ROUTE_PROTOCOL and metric ROUTE_METRIC alone. Private to the steer room.
 */
#ifndef STEER_ROUTE_H
#define STEER_ROUTE_H

#include "base/compiler.h"
#include <stdint.h>

struct route;

enum { ROUTE_PROTOCOL = 186, ROUTE_METRIC = 186 };

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
int route_put_unreachable(struct route *route, const uint8_t prefix[16], uint32_t length) CHECKED;
/* An absent route is a success. */
int route_remove(struct route *route, const uint8_t prefix[16], uint32_t length) CHECKED;
/* Removes every route of ROUTE_PROTOCOL; the number removed. */
int route_flush_own(struct route *route) CHECKED;

/* Without duplicate address detection. */
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
