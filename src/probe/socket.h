/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of probes: UDP on one address each, with the kernel's time stamps of what arrives, and a raw one
 * for packets that bring their own routing header.
 */
#ifndef PROBE_SOCKET_H
#define PROBE_SOCKET_H

#include "base/compiler.h"
#include "wire/stamp.h"
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum { SOCKET_BATCH = 32 };

struct socket_packet {
	struct sockaddr_in6 from;
	int64_t arrived;   /* wall clock, ns */
	uint8_t hop_limit; /* 255 when the kernel does not say */
	size_t size;       /* STAMP_MAXIMUM + 1: cut */
	uint8_t bytes[STAMP_MAXIMUM + 1];
};

/* Return a descriptor, or negative errno; the first one also the port. */
int socket_open(const uint8_t local[16], uint32_t interface, uint16_t port, uint16_t *ret_port) CHECKED;
int socket_open_raw(void) CHECKED;
/* At most SOCKET_BATCH packets; how many. */
int socket_receive(int descriptor, struct socket_packet *packets) CHECKED;
int socket_send(int descriptor, const struct sockaddr_in6 *to, const uint8_t *bytes, size_t size) CHECKED;
/* A whole IPv6 packet. */
int socket_send_raw(int descriptor, const uint8_t *packet, size_t size) CHECKED;

#endif
