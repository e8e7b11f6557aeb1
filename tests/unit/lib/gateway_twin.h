/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A twin of a gateway's front door for tests of the client library: a UDP socket on ::1, served by a thread
 * of its own, that answers as the test's function says. What it saw is read after gateway_twin_stop().
 */
#ifndef TESTS_LIB_GATEWAY_TWIN_H
#define TESTS_LIB_GATEWAY_TWIN_H

#include "wire/datagram.h"
#include <netinet/in.h>
#include <pthread.h>

enum { GATEWAY_TWIN_KEY = 7, GATEWAY_TWIN_ADDRESS = 32 };

struct gateway_twin;
/* Called for every datagram that is a request of ours; `number` counts them from 0. */
typedef void (*gateway_twin_serve)(struct gateway_twin *twin, const struct datagram *request,
                                   unsigned number);

struct gateway_twin {
	char address[GATEWAY_TWIN_ADDRESS]; /* "[::1]:PORT" */
	gateway_twin_serve serve;
	int socket, stopper;
	pthread_t thread;
	struct sockaddr_in6 client;
	/* the request in hand, and what there was */
	uint8_t bytes[2048];
	size_t size;
	struct arena *arena;
	struct demand demand;
	unsigned strange;            /* datagrams that are none of ours */
	unsigned requests, repeated; /* the same octets as before are a repetition */
	uint8_t first[2048], last[2048];
	size_t last_size;
};

extern const uint8_t gateway_twin_secret[SEAL_SECRET];

void gateway_twin_start(struct gateway_twin *twin, gateway_twin_serve serve);
void gateway_twin_stop(struct gateway_twin *twin);
/* Key, identifier and time are filled in. `secret` NULL: without a MAC. */
void gateway_twin_reply(struct gateway_twin *twin, const struct datagram *request, struct datagram reply,
                        const uint8_t *secret);
void gateway_twin_reply_error(struct gateway_twin *twin, const struct datagram *request, int code,
                              const char *text);
/* At most `most` octets of `text` from where the request asks for them. */
void gateway_twin_reply_slice(struct gateway_twin *twin, const struct datagram *request, const char *text,
                              size_t most);

#endif
