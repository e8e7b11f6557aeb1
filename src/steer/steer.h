/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steer: what the gateway installs in the kernel, and the packets whose current segment is ours.
 *
 * For a locator L (a /48) there are: the own address L::1 on lo; End (RFC 8986 4.1) at L:1::/64; the
 * functions L:b000::/52, routed to a TUN device that this room reads; L/48 unreachable, so that no other
 * segment loops. Routes carry protocol 186 and metric 186: those of a former life are removed at the start,
 * those of others are never touched. Belongs to the network namespace in which it was opened.
 */
#ifndef STEER_STEER_H
#define STEER_STEER_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct steer;

/* A packet, from the IPv6 header on; the callee may change the bytes, which live until it returns. */
typedef void (*steer_packet)(void *context, uint8_t *bytes, size_t size);
typedef void (*steer_closed)(void *context);

enum { STEER_MTU = 2000, STEER_INTERFACES = 64 };

struct steer_settings {
	uint8_t locator[16];
	const char *tunnel; /* name of the TUN device */
	const char *const
	        *interfaces; /* that lead to other gateways: segment routing headers are accepted there */
	uint32_t interface_count;
	steer_packet packet;
	void *context;
};

struct steer_statistics {
	uint64_t received, sent; /* packets through the TUN device */
	uint64_t foreign;        /* read, but of no function of this locator */
	uint64_t dropped;        /* not sent: the device refused them */
	uint64_t route_changes, route_failures;
	bool functions;
};

/* Needs CAP_NET_ADMIN, and the right to write /proc/sys/net. Negative errno. */
int steer_open(uv_loop_t *loop, const struct steer_settings *settings, struct steer **ret_steer) CHECKED;
/*
 * Takes all of it back out of the kernel; the handle is freed after the loop has turned, then closed (may be
 * NULL) is called. Accepts NULL (closed is not called).
 */
void steer_close(struct steer *steer, steer_closed closed, void *context);

/* Installs or replaces; L::1 is the source of packets of this host that take the route. */
int steer_route_put(struct steer *steer, const uint8_t prefix[16], uint32_t length,
                    const uint8_t next_hop[16], uint32_t interface) CHECKED;
/* An absent route is a success. */
int steer_route_remove(struct steer *steer, const uint8_t prefix[16], uint32_t length) CHECKED;
/* Index of an interface; -ENODEV. */
int steer_interface(struct steer *steer, const char *name, uint32_t *ret_interface) CHECKED;

/* A whole IPv6 packet for the kernel to forward. -EAGAIN when the device takes no more: it is dropped. */
int steer_send(struct steer *steer, const uint8_t *bytes, size_t size) CHECKED;
/* Off: function segments are unreachable; forwarding and End go on. On after steer_open(). */
int steer_enable_functions(struct steer *steer, bool enable) CHECKED;

void steer_statistics(const struct steer *steer, struct steer_statistics *ret_statistics);

#endif
