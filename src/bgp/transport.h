/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP for the speaker over libuv: listeners, connections, and one timer.
 *
 * No BGP here: bytes in, bytes out. A connection belongs to an owner, who alone closes it; after
 * connection_close() none of its events comes any more. All work is done on the loop's thread.
 */
#ifndef BGP_TRANSPORT_H
#define BGP_TRANSPORT_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct transport;
struct connection;

struct transport_address {
	uint8_t address[16];
	uint32_t interface; /* counts for link-local addresses alone */
	uint16_t port;
};

struct transport_events {
	/* The receiver calls connection_own() or connection_close(). */
	void (*accepted)(void *context, struct connection *connection);
	/* A wake that was asked for. */
	void (*woken)(void *context);
};

struct connection_events {
	void (*connected)(void *owner);
	/* Everything unread; returns how many octets it used, 0 when it needs more. At most 65535 fit. */
	size_t (*received)(void *owner, const uint8_t *bytes, size_t size);
	/* Refused, reset, ended (UV_EOF) or out of memory: time to close it. Comes once. */
	void (*lost)(void *owner, int code);
};

enum { TRANSPORT_PASSWORD = 80 /* octets, RFC 2385 in Linux */ };

/* What protects a connection; for both ends of it the same. */
struct transport_security {
	const char *password; /* TCP MD5; "": none */
	uint8_t hops;         /* RFC 5082: nothing that came over more hops is taken; 0: unchecked */
};

int transport_create(struct uv_loop_s *loop, const struct transport_events *events, void *context,
                     struct transport **ret_transport) CHECKED;
/* Port 0: any. The address need not exist yet. Negative errno. */
int transport_listen(struct transport *transport, const struct transport_address *local,
                     uint16_t *ret_port) CHECKED;
/* Whether it listens there (the port does not count), and the end of that. */
bool transport_listens(const struct transport *transport, const struct transport_address *local);
void transport_unlisten(struct transport *transport, const struct transport_address *local);
/*
 * Connections from that address are accepted with this password alone ("": with none), from now on and at
 * every listener. Negative errno, and nothing has changed, when the kernel cannot do that.
 */
int transport_set_password(struct transport *transport, const struct transport_address *remote,
                           const char *password) CHECKED;
/* From `local` (:: for any; its port does not count). No event comes before this has returned. */
int transport_connect(struct transport *transport, const struct transport_address *local,
                      const struct transport_address *remote, const struct transport_security *security,
                      const struct connection_events *events, void *owner,
                      struct connection **ret_connection) CHECKED;
/* Calls woken() from the loop, soon; or at `when` on the monotonic clock, which replaces an earlier request
 * of that kind but not one for soon. INT64_MAX: never. */
void transport_wake(struct transport *transport);
void transport_wake_at(struct transport *transport, int64_t when);
/* fe80::/10. */
bool transport_is_link_local(const uint8_t address[16]);
/* Closes everything without further events; then `closed` is called and the transport is gone. */
void transport_close(struct transport *transport, void (*closed)(void *context), void *context);

void connection_own(struct connection *connection, const struct connection_events *events, void *owner);
/*
 * Lets an accepted connection pass only what came over so many hops at most. False when its first packet had
 * already come from further away, or that cannot be found out: to be closed.
 */
bool connection_limit_hops(struct connection *connection, uint8_t hops);
/* The bytes are copied, and go out together with what is sent until the loop turns. A failure comes back as
 * lost(), later. */
void connection_send(struct connection *connection, const uint8_t *bytes, size_t size);
/* Whether enough waits to be sent; woken() comes when it does not any more. */
bool connection_congested(struct connection *connection);
/* Since when nothing of what waits was taken by the kernel, on the monotonic clock; INT64_MAX: all was. */
int64_t connection_stuck_since(struct connection *connection);
const struct transport_address *connection_local(const struct connection *connection);
const struct transport_address *connection_remote(const struct connection *connection);
/* What was sent and taken by the kernel still goes out. Accepts NULL. */
void connection_close(struct connection *connection);

#endif
