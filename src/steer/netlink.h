/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the kernel and its answers, over netlink by libmnl.
 *
 * Every call waits for the kernel's answer. Failures are negative errno; the kernel's own words (extended
 * acknowledgement) go to the log. A connection belongs to the network namespace in which it was opened.
 * Private to the steer room.
 */
#ifndef STEER_NETLINK_H
#define STEER_NETLINK_H

#include "base/compiler.h"
#include <libmnl/libmnl.h>
#include <stdint.h>

enum { NETLINK_REQUEST_SIZE = 1024 };

struct netlink;

struct netlink_request {
	struct nlmsghdr *header;
	char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(8)));
};

/* One answer before the last one; the header is whole, its payload is to be checked. */
typedef void (*netlink_take)(void *context, const struct nlmsghdr *header);

/* `bus`: NETLINK_ROUTE, NETLINK_GENERIC. */
int netlink_open(int bus, struct netlink **ret_netlink) CHECKED;
/* Accepts NULL, returns NULL. */
struct netlink *netlink_close(struct netlink *netlink);
/* Begins a request; returns its body of `size` octets, all zero. `flags` beside NLM_F_REQUEST. */
void *netlink_begin(struct netlink *netlink, struct netlink_request *request, uint16_t type, uint16_t flags,
                    size_t size);
/*
 * Sends, and waits for the acknowledgement (NLM_F_ACK) or, after NLM_F_DUMP, for the end. `what` is for the
 * log; `take` may be NULL. -ETIMEDOUT when the kernel says nothing.
 */
int netlink_ask(struct netlink *netlink, struct netlink_request *request, const char *what, netlink_take take,
                void *context) CHECKED;
/* Forgets the last answer, where a secret was in it. */
void netlink_wipe(struct netlink *netlink);
/* The type of requests to a family of generic netlink (NETLINK_GENERIC); -ENOENT. */
int netlink_find_family(struct netlink *netlink, const char *name, uint16_t *ret_family) CHECKED;

#endif
