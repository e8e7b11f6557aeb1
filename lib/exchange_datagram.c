/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange_datagram.h"

#include "base/clock.h"
#include "base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPEAT_FIRST (250 * CLOCK_MILLISECOND)
#define REPEAT_MOST (2 * CLOCK_SECOND)

enum { ADDRESS_TEXT = 64 };

static int parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || port == 0 || port > UINT16_MAX)
		return BUSBAR_ERROR_BAD_VALUE;
	*ret_port = (uint16_t)port;
	return 0;
}

/* IPv4 as ::ffff:a.b.c.d, so that one socket serves both. */
static bool parse_host(const char *text, bool bracketed, struct in6_addr *ret_address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct in_addr four;

	if (bracketed)
		return inet_pton(AF_INET6, text, ret_address) == 1;
	if (inet_pton(AF_INET, text, &four) != 1)
		return false;
	memcpy(ret_address->s6_addr, mapped, sizeof(mapped));
	memcpy(ret_address->s6_addr + sizeof(mapped), &four, sizeof(four));
	return true;
}

int exchange_parse_address(const char *text, struct sockaddr_in6 *ret_address)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	char host[ADDRESS_TEXT];
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
	const char *start = bracketed ? text + 1 : text;
	size_t size;
	uint16_t port;

	if (colon == NULL)
		return BUSBAR_ERROR_BAD_VALUE;
	size = (size_t)(colon - start) - (bracketed ? 1 : 0);
	if (size >= sizeof(host) || parse_port(colon + 1, &port) < 0)
		return BUSBAR_ERROR_BAD_VALUE;
	memcpy(host, start, size);
	host[size] = '\0';
	if (!parse_host(host, bracketed, &address.sin6_addr))
		return BUSBAR_ERROR_BAD_VALUE;
	address.sin6_port = htons(port);
	*ret_address = address;
	return 0;
}

int exchange_open_socket(const struct sockaddr_in6 *address)
{
	int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int code;

	if (descriptor < 0)
		return -errno;
	if (connect(descriptor, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		code = -errno;
		close(descriptor);
		return code;
	}
	return descriptor;
}

struct secret_of {
	uint32_t key;
	const uint8_t *secret;
};

static const uint8_t *find_secret(void *context, uint32_t key)
{
	const struct secret_of *known = context;

	return key == known->key ? known->secret : NULL;
}

/* An error about our key or MAC cannot be authenticated: believed when it fits a request of ours. */
static bool is_plain_refusal(const struct datagram *reply, int code)
{
	return (code == BUSBAR_ERROR_BAD_MAC || code == BUSBAR_ERROR_UNKNOWN_TENANT) &&
	       reply->type == DATAGRAM_ERROR;
}

/* 1 for the awaited reply, 0 for anything else. */
static int read_reply(const struct exchange_peer *peer, const struct datagram *request,
                      struct datagram *reply)
{
	struct secret_of known = {.key = peer->key, .secret = peer->secret};
	uint8_t bytes[2048];
	ssize_t size = recv(peer->socket, bytes, sizeof(bytes), 0);
	int code;

	if (size <= 0)
		return 0;
	code = datagram_decode(bytes, (size_t)size, find_secret, &known, NULL, reply, NULL);
	if (code < 0 && !is_plain_refusal(reply, code))
		return 0;
	return identifier_equal(&reply->identifier, &request->identifier) ? 1 : 0;
}

static void wait_readable(int descriptor, int64_t wait)
{
	struct pollfd poller = {.fd = descriptor, .events = POLLIN};
	int64_t milliseconds = (wait + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND;

	(void)poll(&poller, 1, milliseconds < 0 ? 0 : (int)milliseconds);
}

int exchange_datagram(const struct exchange_peer *peer, const struct datagram *request,
                      const struct demand *demand, bool (*is_final)(const struct datagram *reply),
                      struct datagram *ret_reply)
{
	uint8_t bytes[DATAGRAM_MAXIMUM];
	int size = datagram_encode(request, demand, peer->secret, bytes, sizeof(bytes));
	int64_t end = clock_monotonic(&clock_system) + peer->patience;
	int64_t now = clock_monotonic(&clock_system), repeat_at = now, after = REPEAT_FIRST;
	struct datagram reply;

	if (size < 0)
		return size;
	for (; now < end; now = clock_monotonic(&clock_system)) {
		if (now >= repeat_at) {
			/* What cannot be sent now (no route yet) is as lost as what the network drops. */
			(void)send(peer->socket, bytes, (size_t)size, 0);
			repeat_at = now + after;
			after = MINIMUM(after * 2, REPEAT_MOST);
		}
		wait_readable(peer->socket, MINIMUM(repeat_at, end) - now);
		if (read_reply(peer, request, &reply) == 0)
			continue;
		if (is_final == NULL || reply.type == DATAGRAM_ERROR || is_final(&reply)) {
			*ret_reply = reply;
			return 0;
		}
		after = REPEAT_MOST;
		repeat_at = clock_monotonic(&clock_system) + after;
	}
	return BUSBAR_ERROR_NO_ANSWER;
}
