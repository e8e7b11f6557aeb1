/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "probe/statistics.h"
#include "wire/stamp.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "probe"

enum { PROBE_BUFFER = 256, HOP_LIMIT = 255 };

/* A socket of either kind; the first member of both. */
struct endpoint {
	uv_udp_t handle;
	struct probe *probe;
};

struct session {
	struct endpoint endpoint;
	uint32_t number;
	struct sockaddr_in6 remote;
	struct statistics statistics;
	uint64_t rejected;
	bool lost;
};

struct probe {
	uv_loop_t *loop;
	uv_timer_t timer;
	bool authenticated;
	uint8_t key[STAMP_KEY];
	int64_t interval;
	probe_measured measured;
	void *context;
	struct session *sessions[PROBE_SESSIONS];
	struct endpoint *reflectors[PROBE_SESSIONS];
	uint32_t session_count, reflector_count, open_handles;
	uint64_t refused; /* by the reflectors */
	bool closing;
	uint8_t buffer[PROBE_BUFFER];
};

/* The clock is not known to be synchronised: the largest error that the field can say. */
static const struct stamp_error unknown_error = {.synchronised = false, .scale = 32, .multiplier = 1};

static const uint8_t *key_of(const struct probe *probe)
{
	return probe->authenticated ? probe->key : NULL;
}

static struct sockaddr_in6 socket_address(const uint8_t address[16], uint32_t interface, uint16_t port)
{
	struct sockaddr_in6 result = {.sin6_family = AF_INET6,
	                              .sin6_port = htons(port),
	                              .sin6_scope_id = interface};

	memcpy(&result.sin6_addr, address, sizeof(result.sin6_addr));
	return result;
}

static void send_packet(uv_udp_t *handle, const struct sockaddr_in6 *to, const uint8_t *bytes, int size)
{
	uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);

	/* What the socket does not take is lost, and counted as such by the window. */
	if (size > 0 && uv_udp_try_send(handle, &buffer, 1, (const struct sockaddr *)to) < 0)
		log_debug(TAG, "event=not-sent");
}

static void send_probe(struct session *session)
{
	struct stamp_probe probe = {.sequence = statistics_sent(&session->statistics),
	                            .error = unknown_error,
	                            .session = (uint16_t)(session->number + 1)};
	uint8_t bytes[STAMP_SIZE_AUTHENTICATED];

	probe.sent = clock_wall(&clock_system);
	send_packet(&session->endpoint.handle, &session->remote, bytes,
	            stamp_encode_probe(&probe, key_of(session->endpoint.probe), bytes, sizeof(bytes)));
}

static void report(struct session *session)
{
	struct probe *probe = session->endpoint.probe;
	struct probe_measurement measurement = {.sent = session->statistics.sent,
	                                        .received = session->statistics.received,
	                                        .longest = session->statistics.longest};
	bool lost = !statistics_measure(&session->statistics, &measurement);

	measurement.rejected = session->rejected;
	session->lost = lost;
	probe->measured(probe->context, session->number, &measurement, lost);
}

static void on_timer(uv_timer_t *timer)
{
	struct probe *probe = timer->data;

	for (uint32_t i = 0; i < probe->session_count; i++) {
		struct session *session = probe->sessions[i];

		send_probe(session);
		if (!session->lost && statistics_is_lost(&session->statistics))
			report(session);
	}
}

/* All sockets share a buffer: each datagram is dealt with before the next one is read. */
static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct endpoint *endpoint = handle->data;

	(void)suggested;
	*buffer = uv_buf_init((char *)endpoint->probe->buffer, sizeof(endpoint->probe->buffer));
}

/* The reflector that was asked, and our number of the session or (RFC 8762 alone) none. */
static bool is_ours(const struct session *session, const struct sockaddr_in6 *sender,
                    const struct stamp_reply *reply)
{
	return memcmp(&sender->sin6_addr, &session->remote.sin6_addr, sizeof(sender->sin6_addr)) == 0 &&
	       sender->sin6_port == session->remote.sin6_port &&
	       (reply->session == 0 || reply->session == session->number + 1);
}

static void on_reply(uv_udp_t *handle, ssize_t size, const uv_buf_t *buffer, const struct sockaddr *sender,
                     unsigned flags)
{
	struct session *session = handle->data;
	int64_t now = clock_wall(&clock_system), round_trip;
	struct stamp_reply reply;

	if (size <= 0 || sender == NULL)
		return;
	if (stamp_decode_reply((const uint8_t *)buffer->base, (size_t)size, key_of(session->endpoint.probe),
	                       &reply) < 0 ||
	    !is_ours(session, (const struct sockaddr_in6 *)sender, &reply)) {
		session->rejected++;
		return;
	}
	/* Only differences of one clock each: the reflector's may be anything. */
	round_trip = (now - reply.sender_sent) - (reply.sent - reply.received);
	if (round_trip < 0 ||
	    !statistics_received(&session->statistics, reply.sender_sequence, round_trip / 2)) {
		session->rejected++;
		return;
	}
	report(session);
}

static void on_probe(uv_udp_t *handle, ssize_t size, const uv_buf_t *buffer, const struct sockaddr *sender,
                     unsigned flags)
{
	struct endpoint *reflector = handle->data;
	struct stamp_probe probe;
	struct stamp_reply reply;
	uint8_t bytes[STAMP_SIZE_AUTHENTICATED];

	if (size <= 0 || sender == NULL)
		return;
	reply = (struct stamp_reply){.received = clock_wall(&clock_system), .error = unknown_error};
	if (stamp_decode_probe((const uint8_t *)buffer->base, (size_t)size, key_of(reflector->probe),
	                       &probe) < 0) {
		reflector->probe->refused++;
		return;
	}
	/* Stateless reflector (RFC 8762 4.3): the sequence is the sender's. */
	reply.sequence = probe.sequence;
	reply.session = probe.session;
	reply.sender_sequence = probe.sequence;
	reply.sender_sent = probe.sent;
	reply.sender_error = probe.error;
	reply.sender_ttl = HOP_LIMIT; /* of a neighbour; libuv does not tell what it was */
	reply.sent = clock_wall(&clock_system);
	send_packet(handle, (const struct sockaddr_in6 *)sender, bytes,
	            stamp_encode_reply(&reply, key_of(reflector->probe), bytes, sizeof(bytes)));
}

static void on_closed(uv_handle_t *handle)
{
	struct probe *probe =
	        handle->type == UV_TIMER ? handle->data : ((struct endpoint *)handle->data)->probe;

	if (handle->type != UV_TIMER)
		free(handle->data);
	if (--probe->open_handles == 0)
		free(probe);
}

int probe_create(uv_loop_t *loop, const uint8_t *key, int64_t interval, probe_measured measured,
                 void *context, struct probe **ret_probe)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	uint64_t milliseconds = (uint64_t)MAXIMUM(interval / CLOCK_MILLISECOND, INT64_C(1));
	int code;

	if (probe == NULL)
		return -ENOMEM;
	probe->loop = loop;
	probe->interval = interval;
	probe->measured = measured;
	probe->context = context;
	probe->authenticated = key != NULL;
	if (key != NULL)
		memcpy(probe->key, key, sizeof(probe->key));
	code = uv_timer_init(loop, &probe->timer);
	if (code < 0) {
		free(probe);
		return code;
	}
	probe->timer.data = probe;
	probe->open_handles = 1;
	code = uv_timer_start(&probe->timer, on_timer, 0, milliseconds);
	if (code < 0) {
		probe_close(probe);
		return code;
	}
	*ret_probe = probe;
	return 0;
}

/* Opens a socket of either kind; on failure after its init it is closed, and frees itself. */
static int open_socket(struct probe *probe, uv_udp_t *handle, void *owner, const struct sockaddr_in6 *local,
                       uv_udp_recv_cb received)
{
	int code = uv_udp_init(probe->loop, handle);

	if (code < 0) {
		free(owner);
		return code;
	}
	handle->data = owner;
	probe->open_handles++;
	code = uv_udp_bind(handle, (const struct sockaddr *)local, UV_UDP_IPV6ONLY);
	if (code == 0)
		code = uv_udp_set_ttl(handle, HOP_LIMIT);
	if (code == 0)
		code = uv_udp_recv_start(handle, on_buffer, received);
	if (code < 0)
		uv_close((uv_handle_t *)handle, on_closed);
	return code;
}

int probe_reflect(struct probe *probe, const uint8_t local[16], uint32_t interface, uint16_t port)
{
	struct sockaddr_in6 address = socket_address(local, interface, port);
	int length = sizeof(address);
	struct endpoint *reflector;
	int code;

	if (probe->reflector_count == PROBE_SESSIONS)
		return BUSBAR_ERROR_TABLE_FULL;
	reflector = calloc(1, sizeof(*reflector));
	if (reflector == NULL)
		return -ENOMEM;
	reflector->probe = probe;
	code = open_socket(probe, &reflector->handle, reflector, &address, on_probe);
	if (code < 0)
		return code;
	probe->reflectors[probe->reflector_count++] = reflector;
	code = uv_udp_getsockname(&reflector->handle, (struct sockaddr *)&address, &length);
	return code < 0 ? code : ntohs(address.sin6_port);
}

int probe_add(struct probe *probe, const struct probe_target *target)
{
	struct sockaddr_in6 local = socket_address(target->local, target->interface, 0);
	struct session *session;
	int code;

	if (probe->session_count == PROBE_SESSIONS)
		return BUSBAR_ERROR_TABLE_FULL;
	session = calloc(1, sizeof(*session));
	if (session == NULL)
		return -ENOMEM;
	session->endpoint.probe = probe;
	session->number = probe->session_count;
	session->remote = socket_address(target->remote, target->interface,
	                                 target->port == 0 ? STAMP_PORT : target->port);
	statistics_init(&session->statistics);
	code = open_socket(probe, &session->endpoint.handle, session, &local, on_reply);
	if (code < 0)
		return code;
	probe->sessions[probe->session_count] = session;
	return (int)probe->session_count++;
}

uint64_t probe_refused(const struct probe *probe)
{
	return probe->refused;
}

void probe_close(struct probe *probe)
{
	if (probe == NULL || probe->closing)
		return;
	probe->closing = true;
	uv_close((uv_handle_t *)&probe->timer, on_closed);
	for (uint32_t i = 0; i < probe->session_count; i++)
		uv_close((uv_handle_t *)&probe->sessions[i]->endpoint.handle, on_closed);
	for (uint32_t i = 0; i < probe->reflector_count; i++)
		uv_close((uv_handle_t *)&probe->reflectors[i]->handle, on_closed);
}
