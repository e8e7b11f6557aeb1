/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which queue a packet belongs in, decided by nftables (table `ip6 busbar_class`). Private to the steer room.
 *
 * From a link the class is the DSCP: EF (46) guaranteed class 0, CS5 (40) class 1, CS6 (48) control, any
 * other best effort; it holds for what is forwarded and for what is decapsulated here. From anywhere else it
 * is that of the packet's flow, by source and destination, looked up in one hash whatever their number;
 * without one the packet is best effort and its DSCP becomes 0. This host's own BGP, STAMP, neighbour
 * discovery and what comes from the tunnel (programs, answers) are control. What leaves carries the DSCP of
 * its queue in the outer header. Inside, skb->priority carries the class (queue.h).
 *
 * Belongs to the network namespace in which it was opened. The table replaces that of a former life.
 */
#ifndef STEER_CLASSIFY_H
#define STEER_CLASSIFY_H

#include "base/compiler.h"
#include <stdint.h>

struct classify;

/* -EINVAL for names that are none of interfaces, -ENOTSUP when the kernel does not take the table. */
int classify_open(const char *const *links, uint32_t link_count, const char *tunnel,
                  struct classify **ret_classify) CHECKED;
/* Takes the table out. Accepts NULL, returns NULL. */
struct classify *classify_close(struct classify *classify);

/* Packets from source to destination are of the class 1:minor. -EIO. */
int classify_add(struct classify *classify, const uint8_t source[16], const uint8_t destination[16],
                 uint32_t minor) CHECKED;
/* As one step: every packet finds the old class or the new one. */
int classify_change(struct classify *classify, const uint8_t source[16], const uint8_t destination[16],
                    uint32_t minor) CHECKED;
int classify_remove(struct classify *classify, const uint8_t source[16],
                    const uint8_t destination[16]) CHECKED;

#endif
