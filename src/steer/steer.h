/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steer: what the gateway installs in the kernel, and the packets whose current segment is ours.
 *
 * For a locator L (a /48) there are: the own address L::1 on lo; End (RFC 8986 4.1) at L:1::/64; the
 * functions L:b000::/52, routed to a TUN device that this room reads; L/48 unreachable, so that no other
 * segment loops. Routes carry protocol 186 and metric 186: those of a former life are removed at the start,
 * those of others are never touched. Belongs to the network namespace in which it was opened.
 *
 * Reservations are enforced where the kernel has nftables and HTB: outputs have queues (queue.h), packets get
 * their class where they come in (classify.h), guaranteed flows their path (flow.h). Decapsulation: packets
 * to L:6:: are looked up among services alone, packets to L:7:: in the main table, where clients are; none
 * reaches the gateway's own address. In both there is L:8::/64 besides, all of it addresses of this gateway:
 * bulk transfers of programs have them, so that each can be a flow. L:8::1, on lo, is where they are taken.
 *
 * What comes from other gateways must carry an SRH HMAC of the domain's (RFC 8754 2.1.2) where it has a
 * routing header; what comes from anywhere else is filtered (filter.h).
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

enum {
	STEER_MTU = 2000,
	STEER_INTERFACES = 64,
	STEER_CLASSES = 2, /* guaranteed ones */
	STEER_SEGMENTS = 16,
	STEER_FLOWS = 16384,
	STEER_ENDS = 128,
	STEER_KEYS = 4,
	STEER_SECRET = 32,
};

/* Why the edge dropped a packet. */
enum steer_cause { STEER_ROUTING_HEADER, STEER_SOURCE_INSIDE, STEER_DESTINATION_INSIDE, STEER_CAUSES };

struct steer_key {
	uint8_t identifier; /* not 0 */
	uint8_t secret[STEER_SECRET];
};

struct steer_settings {
	uint8_t locator[16];
	const char *tunnel; /* name of the TUN device */
	const char *const
	        *interfaces; /* that lead to other gateways: segment routing headers are accepted there */
	uint32_t interface_count;
	/* SRH HMACs: all of them open, the first one is for what the kernel encapsulates. None: not asked
	 * for. */
	const struct steer_key *keys;
	uint32_t key_count;
	/* What is inside the domain: the block that all locators lie in (length 0: nothing is filtered), and
	 * the addresses of both ends of our links. */
	uint8_t block[16];
	uint32_t block_length;
	const uint8_t (*ends)[16];
	uint32_t end_count;
	/* Interfaces by which operators come in: UDP `operator_port` of every gateway's own address is open.
	 */
	const char *const *operators;
	uint32_t operator_count;
	uint16_t operator_port;
	steer_packet packet;
	void *context;
};

struct steer_statistics {
	uint64_t received, sent; /* packets through the TUN device */
	uint64_t foreign;        /* read, but of no function of this locator */
	uint64_t dropped;        /* not sent: the device refused them */
	uint64_t route_changes, route_failures;
	uint32_t flows;
	uint64_t filtered[STEER_CAUSES]; /* packets that the edge dropped */
	bool functions;
};

/* An interface whose queues are ours. Zero: the default. */
struct steer_output {
	uint32_t interface;
	uint32_t share;    /* of the rate that is used, in thousandths; 980 */
	uint32_t overhead; /* octets of the line per frame that the kernel does not see; Ethernet: 24; 0 */
	uint64_t rate;     /* of the line, bit/s; at least 8000 */
	int64_t queue;     /* ns that a packet may wait; 50 ms */
	int64_t slack;     /* ns by which timers may be late; 1 ms. Buckets hold so much more */
};

/* Packets from source to destination, that enter the network here, and what is reserved for them. */
struct steer_flow {
	uint8_t source[16], destination[16];
	uint8_t segments[STEER_SEGMENTS][16]; /* in order of travel; the last one decapsulates */
	uint32_t segment_count;
	uint32_t key;       /* of the SRH HMAC; 0: none */
	uint32_t interface; /* the output, which has queues */
	uint32_t class;
	/*
	 * bit/s and octets of whole frames as they leave: encapsulation (40 + 8 + 16 per segment, 40 more
	 * with an HMAC) and link header (14) included. The smallest burst that is enforced is a largest frame
	 * and what the output's slack lets through.
	 */
	uint64_t rate, burst;
};

enum steer_queue {
	STEER_QUEUE_GUARANTEED, /* + class */
	STEER_QUEUE_CONTROL = STEER_CLASSES,
	STEER_QUEUE_BEST_EFFORT,
	STEER_QUEUES,
};

struct steer_queue_statistics {
	uint64_t octets, packets; /* sent */
	uint64_t drops, backlog;  /* packets, octets */
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
/* A service that decapsulated packets may reach: on this host (NULL next hop) or beyond one. */
int steer_service_put(struct steer *steer, const uint8_t address[16], const uint8_t *next_hop,
                      uint32_t interface) CHECKED;
/* An absent one is a success. */
int steer_service_remove(struct steer *steer, const uint8_t address[16]) CHECKED;

/*
 * Gives an output its queues. -ENOTSUP when the kernel lacks what they need (said in the log), -EINVAL for a
 * rate too small, -EEXIST, BUSBAR_ERROR_TABLE_FULL.
 */
int steer_output_add(struct steer *steer, const struct steer_output *output) CHECKED;
/* The sums of what is reserved in a guaranteed class of an output. -ENODEV for one without queues. */
int steer_output_set(struct steer *steer, uint32_t interface, uint32_t class, uint64_t rate,
                     uint64_t burst) CHECKED;
/* Drops and backlog of a guaranteed class are those of what comes through; its flows have their own. */
int steer_output_statistics(struct steer *steer, uint32_t interface, enum steer_queue which,
                            struct steer_queue_statistics *ret_statistics) CHECKED;
/*
 * Adds a flow, or changes the one of the same source and destination; the same again is a success. No packet
 * goes without guarantee during a change. -ENODEV for an output without queues, -ENOTSUP as above,
 * BUSBAR_ERROR_TABLE_FULL at STEER_FLOWS; a failure leaves it as it was or on its way (path, class, rate).
 */
int steer_flow_put(struct steer *steer, const struct steer_flow *flow) CHECKED;
/* An absent one is a success. */
int steer_flow_remove(struct steer *steer, const uint8_t source[16], const uint8_t destination[16]) CHECKED;
/* Since the flow took its present output and class. BUSBAR_ERROR_NOT_FOUND. */
int steer_flow_statistics(struct steer *steer, const uint8_t source[16], const uint8_t destination[16],
                          struct steer_queue_statistics *ret_statistics) CHECKED;

/* Index of an interface; -ENODEV. */
int steer_interface(struct steer *steer, const char *name, uint32_t *ret_interface) CHECKED;

/* A whole IPv6 packet for the kernel to forward. -EAGAIN when the device takes no more: it is dropped. */
int steer_send(struct steer *steer, const uint8_t *bytes, size_t size) CHECKED;
/* Off: function segments are unreachable; forwarding and End go on. On after steer_open(). */
int steer_enable_functions(struct steer *steer, bool enable) CHECKED;

/* "routing_header", ... */
const char *steer_cause_name(enum steer_cause cause);
void steer_statistics(const struct steer *steer, struct steer_statistics *ret_statistics);

#endif
