/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_twin.h"

#include "base/clock.h"
#include "tests/t.h"
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

const uint8_t gateway_twin_secret[SEAL_SECRET] = {7, 6, 5, 4, 3, 2, 1};

static const uint8_t *find_secret(void *context, uint32_t key)
{
	return key == GATEWAY_TWIN_KEY ? gateway_twin_secret : NULL;
}

static void count(struct gateway_twin *twin)
{
	if (twin->last_size == twin->size && memcmp(twin->last, twin->bytes, twin->size) == 0) {
		twin->repeated++;
		return;
	}
	if (twin->requests++ == 0)
		memcpy(twin->first, twin->bytes, twin->size);
	memcpy(twin->last, twin->bytes, twin->size);
	twin->last_size = twin->size;
}

/* False when there is nothing to take. */
static bool take(struct gateway_twin *twin)
{
	socklen_t length = sizeof(twin->client);
	ssize_t size = recvfrom(twin->socket, twin->bytes, sizeof(twin->bytes), MSG_DONTWAIT,
	                        (struct sockaddr *)&twin->client, &length);
	struct datagram request;

	if (size <= 0)
		return false;
	twin->size = (size_t)size;
	if (datagram_decode(twin->bytes, twin->size, find_secret, NULL, twin->arena, &request,
	                    &twin->demand) < 0) {
		twin->strange++;
		return true;
	}
	count(twin);
	twin->serve(twin, &request, twin->requests + twin->repeated - 1);
	arena_reset(twin->arena);
	return true;
}

static void *work(void *context)
{
	struct gateway_twin *twin = context;
	struct pollfd pollers[] = {{.fd = twin->socket, .events = POLLIN},
	                           {.fd = twin->stopper, .events = POLLIN}};

	while (poll(pollers, 2, -1) > 0 && pollers[1].revents == 0)
		(void)take(twin);
	while (take(twin))
		;
	return NULL;
}

void gateway_twin_start(struct gateway_twin *twin, gateway_twin_serve serve)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t length = sizeof(address);

	*twin = (struct gateway_twin){.serve = serve};
	twin->arena = arena_create(1 << 20);
	twin->socket = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	T_EQ(bind(twin->socket, (struct sockaddr *)&address, length), 0);
	T_EQ(getsockname(twin->socket, (struct sockaddr *)&address, &length), 0);
	(void)snprintf(twin->address, sizeof(twin->address), "[::1]:%u", ntohs(address.sin6_port));
	twin->stopper = eventfd(0, EFD_CLOEXEC);
	T_EQ(pthread_create(&twin->thread, NULL, work, twin), 0);
}

void gateway_twin_stop(struct gateway_twin *twin)
{
	T_EQ(eventfd_write(twin->stopper, 1), 0);
	T_EQ(pthread_join(twin->thread, NULL), 0);
	close(twin->stopper);
	close(twin->socket);
	arena_free(twin->arena);
}

void gateway_twin_reply(struct gateway_twin *twin, const struct datagram *request, struct datagram reply,
                        const uint8_t *secret)
{
	uint8_t bytes[DATAGRAM_MAXIMUM];
	int size;

	reply.key = request->key;
	reply.identifier = request->identifier;
	reply.sent = clock_wall(&clock_system);
	size = datagram_encode(&reply, NULL, secret, bytes, sizeof(bytes));
	if (size > 0)
		(void)sendto(twin->socket, bytes, (size_t)size, 0, (struct sockaddr *)&twin->client,
		             sizeof(twin->client));
}

void gateway_twin_reply_error(struct gateway_twin *twin, const struct datagram *request, int code,
                              const char *text)
{
	struct datagram reply = {.type = DATAGRAM_ERROR};

	reply.error.code = code;
	(void)snprintf(reply.error.text, sizeof(reply.error.text), "%s", text);
	gateway_twin_reply(twin, request, reply, gateway_twin_secret);
}

void gateway_twin_reply_slice(struct gateway_twin *twin, const struct datagram *request, const char *text,
                              size_t most)
{
	struct datagram reply = {.type = DATAGRAM_SLICE_OF};
	uint64_t offset = request->type == DATAGRAM_DOCUMENT ? request->ask.offset : 0;

	reply.slice.total = strlen(text);
	if (offset > reply.slice.total)
		return;
	reply.slice.offset = offset;
	reply.slice.size = (uint32_t)MINIMUM((uint64_t)most, reply.slice.total - offset);
	memcpy(reply.slice.bytes, text + offset, reply.slice.size);
	gateway_twin_reply(twin, request, reply, gateway_twin_secret);
}
