/* SPDX-License-Identifier: Apache-2.0 */
/* TCP for the speaker: see transport.h. `handles` counts what libuv still holds; at 0 a closing transport
 * ends. */
#include "bgp/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	BUFFER = 65535,      /* the longest message */
	CONGESTED = 1 << 18, /* octets waiting to be sent */
	BACKLOG = 64,
};

struct listener {
	uv_tcp_t tcp;
	struct transport *transport;
	struct listener *next;
	struct transport_address local;
};

struct connection {
	uv_tcp_t tcp;
	uv_connect_t connect;
	struct transport *transport;
	struct connection *next, **link;
	const struct connection_events *events;
	void *owner;
	struct transport_address local, remote;
	bool closing, congested;
	int failure; /* of sending, to be told */
	size_t used;
	uint8_t buffer[BUFFER];
};

struct transport {
	uv_loop_t *loop;
	uv_timer_t timer;
	const struct transport_events *events;
	void *context;
	struct listener *listeners;
	struct connection *connections;
	size_t handles;
	bool wake_soon, closing;
	void (*closed)(void *context);
	void *closed_context;
};

/* ---- life ---- */

static void handle_gone(struct transport *transport)
{
	void (*closed)(void *context) = transport->closed;
	void *context = transport->closed_context;

	if (--transport->handles > 0 || !transport->closing)
		return;
	free(transport);
	if (closed != NULL)
		closed(context);
}

static void on_timer(uv_timer_t *timer);

int transport_create(struct uv_loop_s *loop, const struct transport_events *events, void *context,
                     struct transport **ret_transport)
{
	struct transport *transport = calloc(1, sizeof(*transport));
	int code;

	if (transport == NULL)
		return -ENOMEM;
	transport->loop = loop;
	transport->events = events;
	transport->context = context;
	code = uv_timer_init(loop, &transport->timer);
	if (code < 0) {
		free(transport);
		return code;
	}
	transport->timer.data = transport;
	transport->handles = 1;
	*ret_transport = transport;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	handle_gone(handle->data);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;
	struct transport *transport = listener->transport;

	free(listener);
	handle_gone(transport);
}

void transport_close(struct transport *transport, void (*closed)(void *context), void *context)
{
	struct listener *next;

	transport->closing = true;
	transport->closed = closed;
	transport->closed_context = context;
	while (transport->connections != NULL)
		connection_close(transport->connections);
	for (struct listener *listener = transport->listeners; listener != NULL; listener = next) {
		next = listener->next;
		uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
	}
	transport->listeners = NULL;
	uv_close((uv_handle_t *)&transport->timer, on_timer_closed);
}

/* ---- time ---- */

static void tell_failures(struct transport *transport)
{
	struct connection *connection = transport->connections;

	while (connection != NULL) {
		int failure = connection->failure;

		connection->failure = 0;
		if (failure == 0) {
			connection = connection->next;
			continue;
		}
		connection->events->lost(connection->owner, failure);
		connection = transport->connections; /* the list may be another one now */
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct transport *transport = timer->data;

	transport->wake_soon = false;
	tell_failures(transport);
	transport->events->woken(transport->context);
}

void transport_wake(struct transport *transport)
{
	if (transport->wake_soon || transport->closing)
		return;
	transport->wake_soon = true;
	(void)uv_timer_start(&transport->timer, on_timer, 0, 0);
}

void transport_wake_at(struct transport *transport, int64_t when)
{
	int64_t now = clock_monotonic(&clock_system);
	int64_t wait = when > now ? (when - now - 1) / CLOCK_MILLISECOND + 1 : 0;

	if (transport->wake_soon || transport->closing)
		return;
	uv_update_time(transport->loop);
	if (when == INT64_MAX)
		(void)uv_timer_stop(&transport->timer);
	else
		(void)uv_timer_start(&transport->timer, on_timer, (uint64_t)wait, 0);
}

/* ---- addresses ---- */

bool transport_is_link_local(const uint8_t address[16])
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static struct sockaddr_in6 to_socket(const struct transport_address *address, uint16_t port)
{
	struct sockaddr_in6 socket = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memcpy(&socket.sin6_addr, address->address, 16);
	if (transport_is_link_local(address->address))
		socket.sin6_scope_id = address->interface;
	return socket;
}

static struct transport_address from_socket(const struct sockaddr_in6 *socket)
{
	struct transport_address address = {.interface = socket->sin6_scope_id,
	                                    .port = ntohs(socket->sin6_port)};

	memcpy(address.address, &socket->sin6_addr, 16);
	return address;
}

static void read_addresses(struct connection *connection)
{
	struct sockaddr_in6 socket = {0};
	int size = sizeof(socket);

	if (uv_tcp_getsockname(&connection->tcp, (struct sockaddr *)&socket, &size) == 0)
		connection->local = from_socket(&socket);
	size = sizeof(socket);
	if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&socket, &size) == 0)
		connection->remote = from_socket(&socket);
}

/* ---- connections ---- */

static struct connection *connection_create(struct transport *transport, int *ret_code)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int code = connection != NULL ? uv_tcp_init(transport->loop, &connection->tcp) : -ENOMEM;

	if (code < 0) {
		free(connection);
		*ret_code = code;
		return NULL;
	}
	connection->tcp.data = connection;
	connection->transport = transport;
	connection->next = transport->connections;
	connection->link = &transport->connections;
	if (connection->next != NULL)
		connection->next->link = &connection->next;
	transport->connections = connection;
	transport->handles++;
	return connection;
}

static void on_connection_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;
	struct transport *transport = connection->transport;

	free(connection);
	handle_gone(transport);
}

void connection_close(struct connection *connection)
{
	if (connection == NULL || connection->closing)
		return;
	connection->closing = true;
	*connection->link = connection->next;
	if (connection->next != NULL)
		connection->next->link = connection->link;
	uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
}

void connection_own(struct connection *connection, const struct connection_events *events, void *owner)
{
	connection->events = events;
	connection->owner = owner;
}

const struct transport_address *connection_local(const struct connection *connection)
{
	return &connection->local;
}

const struct transport_address *connection_remote(const struct connection *connection)
{
	return &connection->remote;
}

/* ---- receiving ---- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct connection *connection = handle->data;

	*buffer = uv_buf_init((char *)connection->buffer + connection->used,
	                      (unsigned)(BUFFER - connection->used));
}

/* The owner may change, or close the connection, at every message. */
static void deliver(struct connection *connection)
{
	size_t start = 0, taken;

	do {
		taken = connection->events->received(connection->owner, connection->buffer + start,
		                                     connection->used - start);
		start += taken;
	} while (taken > 0 && !connection->closing && start < connection->used);
	connection->used -= start;
	memmove(connection->buffer, connection->buffer + start, connection->used);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct connection *connection = stream->data;

	if (connection->closing || count == 0)
		return;
	if (count < 0) {
		(void)uv_read_stop(stream);
		connection->events->lost(connection->owner, (int)count);
		return;
	}
	connection->used += (size_t)count;
	deliver(connection);
}

static int begin_reading(struct connection *connection)
{
	(void)uv_tcp_nodelay(&connection->tcp, 1);
	read_addresses(connection);
	return uv_read_start((uv_stream_t *)&connection->tcp, on_room, on_read);
}

/* ---- sending ---- */

struct sending {
	uv_write_t write;
	uint8_t bytes[];
};

static void fail(struct connection *connection, int code)
{
	connection->failure = code;
	transport_wake(connection->transport);
}

static void on_sent(uv_write_t *write, int status)
{
	uv_stream_t *stream = write->handle;
	struct connection *connection = stream->data;

	free(write->data); /* what `write` is part of */
	if (connection->closing)
		return;
	if (status < 0)
		fail(connection, status);
	if (connection->congested && uv_stream_get_write_queue_size(stream) < CONGESTED / 2) {
		connection->congested = false;
		transport_wake(connection->transport);
	}
}

void connection_send(struct connection *connection, const uint8_t *bytes, size_t size)
{
	struct sending *sending = connection->closing ? NULL : malloc(sizeof(*sending) + size);
	uv_buf_t buffer;
	int code;

	if (connection->closing)
		return;
	if (sending == NULL) {
		fail(connection, -ENOMEM);
		return;
	}
	memcpy(sending->bytes, bytes, size);
	sending->write.data = sending;
	buffer = uv_buf_init((char *)sending->bytes, (unsigned)size);
	code = uv_write(&sending->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_sent);
	if (code < 0) {
		free(sending);
		fail(connection, code);
	}
}

bool connection_congested(struct connection *connection)
{
	if (uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp) >= CONGESTED)
		connection->congested = true;
	return connection->congested;
}

/* ---- accepting and connecting ---- */

static void on_connection(uv_stream_t *server, int status)
{
	struct listener *listener = server->data;
	struct connection *connection;
	int code = status;

	if (code < 0)
		return;
	connection = connection_create(listener->transport, &code);
	if (connection == NULL) {
		log_warning("transport", "event=accept error=\"%s\"", uv_strerror(code));
		return;
	}
	if (uv_accept(server, (uv_stream_t *)&connection->tcp) < 0) {
		connection_close(connection);
		return;
	}
	read_addresses(connection);
	listener->transport->events->accepted(listener->transport->context, connection);
	if (connection->closing)
		return;
	code = begin_reading(connection);
	if (code < 0)
		fail(connection, code);
}

/* A socket that may listen on an address which the host does not have yet. */
static int prepare(struct listener *listener, const struct sockaddr_in6 *address)
{
	uv_os_fd_t descriptor;
	int on = 1;
	int code = uv_fileno((uv_handle_t *)&listener->tcp, &descriptor);

	if (code == 0 && setsockopt(descriptor, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0)
		log_debug("transport", "event=freebind errno=%d", errno);
	if (code == 0)
		code = uv_tcp_bind(&listener->tcp, (const struct sockaddr *)address, UV_TCP_IPV6ONLY);
	return code;
}

int transport_listen(struct transport *transport, const struct transport_address *local, uint16_t *ret_port)
{
	struct sockaddr_in6 address = to_socket(local, local->port);
	struct listener *listener = calloc(1, sizeof(*listener));
	int size = sizeof(address);
	int code = listener != NULL ? uv_tcp_init_ex(transport->loop, &listener->tcp, AF_INET6) : -ENOMEM;

	if (code < 0) {
		free(listener);
		return code;
	}
	transport->handles++;
	listener->tcp.data = listener;
	listener->transport = transport;
	listener->local = *local;
	code = prepare(listener, &address);
	if (code == 0)
		code = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
	if (code == 0)
		code = uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&address, &size);
	if (code < 0) {
		uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
		return code;
	}
	listener->next = transport->listeners;
	transport->listeners = listener;
	*ret_port = ntohs(address.sin6_port);
	return 0;
}

static bool is_at(const struct listener *listener, const struct transport_address *local)
{
	return memcmp(listener->local.address, local->address, sizeof(local->address)) == 0 &&
	       listener->local.interface == local->interface;
}

bool transport_listens(const struct transport *transport, const struct transport_address *local)
{
	const struct listener *listener = transport->listeners;

	while (listener != NULL && !is_at(listener, local))
		listener = listener->next;
	return listener != NULL;
}

void transport_unlisten(struct transport *transport, const struct transport_address *local)
{
	struct listener **link = &transport->listeners;
	struct listener *listener;

	while (*link != NULL && !is_at(*link, local))
		link = &(*link)->next;
	listener = *link;
	if (listener == NULL)
		return;
	*link = listener->next;
	uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
}

static void on_connect(uv_connect_t *request, int status)
{
	struct connection *connection = request->data;
	int code = status;

	if (connection->closing)
		return;
	if (code == 0)
		code = begin_reading(connection);
	if (code < 0)
		connection->events->lost(connection->owner, code);
	else
		connection->events->connected(connection->owner);
}

int transport_connect(struct transport *transport, const struct transport_address *local,
                      const struct transport_address *remote, const struct connection_events *events,
                      void *owner, struct connection **ret_connection)
{
	static const uint8_t unspecified[16];
	struct sockaddr_in6 from = to_socket(local, 0), to = to_socket(remote, remote->port);
	int code = 0;
	struct connection *connection = connection_create(transport, &code);

	if (connection == NULL)
		return code;
	connection_own(connection, events, owner);
	connection->remote = *remote;
	connection->connect.data = connection;
	if (memcmp(local->address, unspecified, 16) != 0)
		code = uv_tcp_bind(&connection->tcp, (const struct sockaddr *)&from, UV_TCP_IPV6ONLY);
	if (code == 0)
		code = uv_tcp_connect(&connection->connect, &connection->tcp, (const struct sockaddr *)&to,
		                      on_connect);
	if (code < 0) {
		connection_close(connection);
		return code;
	}
	*ret_connection = connection;
	return 0;
}
