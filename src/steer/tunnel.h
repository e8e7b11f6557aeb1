/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TUN device (IFF_TUN | IFF_NO_PI) on the event loop: packets routed to it are read, packets written are
 * received by the kernel from it. At most TUNNEL_BATCH packets are read per wake-up, so that a flood
 * cannot hold the loop. The device goes with the handle. Private to the steer room.
 */
#ifndef STEER_TUNNEL_H
#define STEER_TUNNEL_H

#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct tunnel;

enum { TUNNEL_BATCH = 64, TUNNEL_PACKET = 65536 };

typedef void (*tunnel_packet)(void *context, uint8_t *bytes, size_t size);
typedef void (*tunnel_closed)(void *context);

struct tunnel_statistics {
	uint64_t received, sent, dropped;
};

/* -EBUSY when the name is in use; -EINVAL for a bad name. The device is down until route_set_up_bare(). */
int tunnel_open(uv_loop_t *loop, const char *name, tunnel_packet packet, void *context,
                struct tunnel **ret_tunnel) CHECKED;
/* The device is gone when this returns; the handle when closed is called. Accepts NULL. */
void tunnel_close(struct tunnel *tunnel, tunnel_closed closed, void *context);
int tunnel_send(struct tunnel *tunnel, const uint8_t *bytes, size_t size) CHECKED;
void tunnel_statistics(const struct tunnel *tunnel, struct tunnel_statistics *ret_statistics);

#endif
