/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply over UDP: repeated with the same octets until an authentic reply with the
 * request's identifier comes, or the patience is over.
 */
#ifndef LIB_EXCHANGE_DATAGRAM_H
#define LIB_EXCHANGE_DATAGRAM_H

#include "base/compiler.h"
#include "wire/datagram.h"
#include <netinet/in.h>

struct exchange_peer {
	int socket; /* connected UDP */
	uint32_t key;
	const uint8_t *secret;
	int64_t patience; /* ns */
};

/* "[2001:db8::1]:4179", "192.0.2.1:4179" -> a socket address. BAD_VALUE. */
int exchange_parse_address(const char *text, struct sockaddr_in6 *ret_address) CHECKED;
/* A connected socket, the caller's. */
int exchange_open_socket(const struct sockaddr_in6 *address) CHECKED;

/*
 * Sends `request` and waits. A reply for which `is_final` says false (NULL: all are final) is kept as a sign
 * of life: the waiting goes on, with rarer repetitions. NO_ANSWER.
 */
int exchange_datagram(const struct exchange_peer *peer, const struct datagram *request,
                      const struct demand *demand, bool (*is_final)(const struct datagram *reply),
                      struct datagram *ret_reply) CHECKED;

#endif
