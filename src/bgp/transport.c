/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP for the speaker: see transport.h. `handles` counts what libuv still holds; at 0 a closing transport
 * ends.
 *
 * TCP MD5: the kernel wants the key of a remote address at each socket that listens or connects, before it
 * does. Keys are kept here, so that a new listener gets them too.
 *
 * GTSM: every socket sends with a hop limit of 255. One that connects gets its minimum beforehand. One that
 * was accepted can get it only after the peer may have sent something; but the kernel keeps the first packet
 * (TCP_SAVE_SYN), and whoever is too far away is known by that.
 */
#include "bgp/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	BUFFER = 65535,      /* the longest message */
	CONGESTED = 1 << 18, /* octets waiting to be sent */
	BACKLOG = 64,
	CHUNK = 1 << 16, /* octets that go out together */
	HOP_LIMIT = 255,
	SYN_BYTES = 512,      /* IPv6 and TCP headers with room for options */
	HOP_LIMIT_OFFSET = 7, /* in the IPv6 header */
};

/* A password for a remote address. */
struct key {
	struct key *next;
	struct transport_address remote;
	char password[TRANSPORT_PASSWORD + 1];
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
	int failure;           /* of sending, to be told */
	struct sending *chunk; /* not yet given to libuv; NULL: nothing */
	uint64_t given, taken; /* octets, to libuv and, when last looked at, by the kernel */
	int64_t taken_at;      /* when that was last seen to grow or nothing to wait */
	size_t used;
	uint8_t buffer[BUFFER];
};

struct transport {
	uv_loop_t *loop;
	uv_timer_t timer;
	uv_check_t check;
	const struct transport_events *events;
	void *context;
	struct listener *listeners;
	struct connection *connections;
	struct key *keys;
	size_t handles;
	bool wake_soon, closing;
	bool awake; /* and flushes at the end */
	void (*closed)(void *context);
	void *closed_context;
};

/* ---- sending ---- */

struct sending {
	uv_write_t write;
	size_t size;
	uint8_t bytes[CHUNK];
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

static void flush(struct connection *connection)
{
	struct sending *chunk = connection->chunk;
	uv_buf_t buffer;
	int code;

	if (chunk == NULL)
		return;
	connection->chunk = NULL;
	connection->given += chunk->size;
	chunk->write.data = chunk;
	buffer = uv_buf_init((char *)chunk->bytes, (unsigned)chunk->size);
	code = uv_write(&chunk->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_sent);
	if (code < 0) {
		free(chunk);
		fail(connection, code);
	}
}

static void flush_all(struct transport *transport)
{
	for (struct connection *connection = transport->connections; connection != NULL;
	     connection = connection->next)
		flush(connection);
}

/* What libuv still holds will not go out any more; if it holds nothing, the rest may. */
static void send_last(struct connection *connection)
{
	uv_buf_t buffer;

	if (connection->chunk == NULL)
		return;
	buffer = uv_buf_init((char *)connection->chunk->bytes, (unsigned)connection->chunk->size);
	(void)uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);
}

void connection_send(struct connection *connection, const uint8_t *bytes, size_t size)
{
	if (connection->closing)
		return;
	if (connection->chunk != NULL && connection->chunk->size + size > CHUNK)
		flush(connection);
	if (connection->chunk == NULL) {
		connection->chunk = size <= CHUNK ? malloc(sizeof(*connection->chunk)) : NULL;
		if (connection->chunk == NULL) {
			fail(connection, -ENOMEM);
			return;
		}
		connection->chunk->size = 0;
		if (!connection->transport->awake)
			transport_wake(connection->transport);
	}
	memcpy(connection->chunk->bytes + connection->chunk->size, bytes, size);
	connection->chunk->size += size;
}

static size_t waiting(const struct connection *connection)
{
	return uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp) +
	       (connection->chunk != NULL ? connection->chunk->size : 0);
}

int64_t connection_stuck_since(struct connection *connection)
{
	size_t left = uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp);
	uint64_t taken = connection->given - left;

	if (left == 0 || taken != connection->taken)
		connection->taken_at = clock_monotonic(&clock_system);
	connection->taken = taken;
	return left == 0 ? INT64_MAX : connection->taken_at;
}

/* ---- life ---- */

/* Accepts NULL. */
static void free_key(struct key *key)
{
	if (key != NULL)
		explicit_bzero(key, sizeof(*key));
	free(key);
}

static void free_keys(struct transport *transport)
{
	struct key *next;

	for (struct key *key = transport->keys; key != NULL; key = next) {
		next = key->next;
		free_key(key);
	}
}

static void handle_gone(struct transport *transport)
{
	void (*closed)(void *context) = transport->closed;
	void *context = transport->closed_context;

	if (--transport->handles > 0 || !transport->closing)
		return;
	free_keys(transport);
	free(transport);
	if (closed != NULL)
		closed(context);
}

static void on_check(uv_check_t *check);

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
	(void)uv_check_init(loop, &transport->check); /* these three cannot fail */
	(void)uv_check_start(&transport->check, on_check);
	uv_unref((uv_handle_t *)&transport->check);
	transport->check.data = transport;
	transport->handles = 2;
	*ret_transport = transport;
	return 0;
}

static void on_own_closed(uv_handle_t *handle)
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
	uv_close((uv_handle_t *)&transport->timer, on_own_closed);
	uv_close((uv_handle_t *)&transport->check, on_own_closed);
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

static void wake(struct transport *transport)
{
	transport->wake_soon = false;
	transport->awake = true;
	tell_failures(transport);
	transport->events->woken(transport->context);
	transport->awake = false;
	flush_all(transport);
}

static void on_timer(uv_timer_t *timer)
{
	wake(timer->data);
}

/* What was asked for while sockets were read need not wait for another turn of the loop. */
static void on_check(uv_check_t *check)
{
	struct transport *transport = check->data;

	if (transport->wake_soon && !transport->closing)
		wake(transport);
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

/* `family` AF_INET6: with a socket at once; AF_UNSPEC: for one that accept() brings. */
static struct connection *connection_create(struct transport *transport, unsigned family, int *ret_code)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int code = connection != NULL ? uv_tcp_init_ex(transport->loop, &connection->tcp, family) : -ENOMEM;

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

	free(connection->chunk);
	free(connection);
	handle_gone(transport);
}

void connection_close(struct connection *connection)
{
	if (connection == NULL || connection->closing)
		return;
	send_last(connection);
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

bool connection_congested(struct connection *connection)
{
	if (waiting(connection) >= CONGESTED)
		connection->congested = true;
	return connection->congested;
}

/* ---- protection ---- */

static int set_option(const uv_tcp_t *tcp, int level, int option, const void *value, socklen_t size)
{
	uv_os_fd_t descriptor;
	int code = uv_fileno((const uv_handle_t *)tcp, &descriptor);

	if (code == 0 && setsockopt(descriptor, level, option, value, size) < 0)
		code = -errno;
	return code;
}

static int set_number(const uv_tcp_t *tcp, int level, int option, int value)
{
	return set_option(tcp, level, option, &value, sizeof(value));
}

/* An empty password takes the key away, which need not be there. */
static int set_key(const uv_tcp_t *tcp, const struct transport_address *remote, const char *password)
{
	const struct sockaddr_in6 address = to_socket(remote, 0);
	struct tcp_md5sig key = {.tcpm_keylen = (uint16_t)strlen(password)};
	int code;

	if (key.tcpm_keylen > sizeof(key.tcpm_key))
		return -EINVAL;
	memcpy(&key.tcpm_addr, &address, sizeof(address));
	memcpy(key.tcpm_key, password, key.tcpm_keylen);
	code = set_option(tcp, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof(key));
	explicit_bzero(&key, sizeof(key));
	return code == -ENOENT && password[0] == '\0' ? 0 : code;
}

static int set_minimum(const uv_tcp_t *tcp, uint8_t hops)
{
	return set_number(tcp, IPPROTO_IPV6, IPV6_MINHOPCOUNT, hops > 0 ? HOP_LIMIT + 1 - hops : 0);
}

static struct key **find_key(struct transport *transport, const struct transport_address *remote)
{
	struct key **link = &transport->keys;

	while (*link != NULL &&
	       (memcmp((*link)->remote.address, remote->address, sizeof(remote->address)) != 0 ||
	        (*link)->remote.interface != remote->interface))
		link = &(*link)->next;
	return link;
}

static int set_key_everywhere(struct transport *transport, const struct transport_address *remote,
                              const char *password)
{
	int code = 0;

	for (struct listener *listener = transport->listeners; listener != NULL && code == 0;
	     listener = listener->next)
		code = set_key(&listener->tcp, remote, password);
	return code;
}

int transport_set_password(struct transport *transport, const struct transport_address *remote,
                           const char *password)
{
	struct key **link = find_key(transport, remote);
	struct key *old = *link, *key = NULL;
	int code;

	if (strlen(password) > TRANSPORT_PASSWORD)
		return -EINVAL;
	if (old == NULL && password[0] == '\0')
		return 0;
	if (password[0] != '\0') {
		key = calloc(1, sizeof(*key));
		if (key == NULL)
			return -ENOMEM;
		key->remote = *remote;
		memcpy(key->password, password, strlen(password));
	}
	code = set_key_everywhere(transport, remote, password);
	if (code < 0) {
		(void)set_key_everywhere(transport, remote, old != NULL ? old->password : "");
		free_key(key);
		return code;
	}
	if (old != NULL)
		*link = old->next;
	free_key(old);
	if (key != NULL) {
		key->next = transport->keys;
		transport->keys = key;
	}
	return 0;
}

static int set_all_keys(const struct transport *transport, const uv_tcp_t *tcp)
{
	int code = 0;

	for (const struct key *key = transport->keys; key != NULL && code == 0; key = key->next)
		code = set_key(tcp, &key->remote, key->password);
	return code;
}

/* What a socket needs before it connects. */
static int protect(const uv_tcp_t *tcp, const struct transport_address *remote,
                   const struct transport_security *security)
{
	int code = set_number(tcp, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOP_LIMIT);

	if (code == 0 && security->hops > 0)
		code = set_minimum(tcp, security->hops);
	if (code == 0 && security->password[0] != '\0')
		code = set_key(tcp, remote, security->password);
	return code;
}

bool connection_limit_hops(struct connection *connection, uint8_t hops)
{
	uint8_t syn[SYN_BYTES];
	socklen_t size = sizeof(syn);
	uv_os_fd_t descriptor;

	if (uv_fileno((const uv_handle_t *)&connection->tcp, &descriptor) < 0 ||
	    set_minimum(&connection->tcp, hops) < 0 ||
	    getsockopt(descriptor, IPPROTO_TCP, TCP_SAVED_SYN, syn, &size) < 0)
		return false;
	return size > HOP_LIMIT_OFFSET && syn[HOP_LIMIT_OFFSET] >= HOP_LIMIT + 1 - hops;
}

/* ---- accepting and connecting ---- */

static void on_connection(uv_stream_t *server, int status)
{
	struct listener *listener = server->data;
	struct connection *connection;
	int code = status;

	if (code < 0)
		return;
	connection = connection_create(listener->transport, AF_UNSPEC, &code);
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
		code = set_number(&listener->tcp, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOP_LIMIT);
	if (code == 0)
		code = set_number(&listener->tcp, IPPROTO_TCP, TCP_SAVE_SYN, 1);
	if (code == 0)
		code = set_all_keys(listener->transport, &listener->tcp);
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
                      const struct transport_address *remote, const struct transport_security *security,
                      const struct connection_events *events, void *owner, struct connection **ret_connection)
{
	static const uint8_t unspecified[16];
	struct sockaddr_in6 from = to_socket(local, 0), to = to_socket(remote, remote->port);
	int code = 0;
	struct connection *connection = connection_create(transport, AF_INET6, &code);

	if (connection == NULL)
		return code;
	connection_own(connection, events, owner);
	connection->remote = *remote;
	connection->connect.data = connection;
	code = protect(&connection->tcp, remote, security);
	if (code == 0 && memcmp(local->address, unspecified, 16) != 0)
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
