/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchange: programs and answers between this gateway's tasks, its owner and other gateways.
 *
 * What is meant for this gateway itself goes through a queue, never by a nested call, so that no room is
 * entered while it is at work; an answer needs no octets and no authentication there. (Programs of this
 * gateway's tasks for its own owner do not come by here: they are handed over, since the owner never calls
 * the tasks.) Programs arrive from the tunnel, answers at a UDP socket on the gateway's own address; both are
 * authenticated before anyone sees them, refusals are counted by cause. Programs that had expired before the
 * clock was set back are refused here, all others that have expired by their owner.
 *
 * What is refused costs little: destination, lengths and key id are looked at before anything is hashed, the
 * segments' MAC before the program's, which is over more. The log has one line of each cause a second. The
 * tunnel hands over a batch at a time, libuv so many datagrams, so that a flood keeps nobody else from the
 * loop.
 */
#ifndef DAEMON_EXCHANGE_H
#define DAEMON_EXCHANGE_H

#include "base/clock.h"
#include "base/compiler.h"
#include "base/database.h"
#include "daemon/latest.h"
#include "execute/owner.h"
#include "steer/steer.h"
#include "wire/answer.h"
#include "wire/packet.h"
#include <uv.h>

struct exchange;

enum { EXCHANGE_PORT = 4180, EXCHANGE_QUEUE = 16384, EXCHANGE_WAITING = 16384 };

struct exchange_settings {
	struct gateway_identity identity;
	uint8_t locator[16];
	const struct seal_ring *ring;
	struct latest *latest; /* NULL: clocks are not looked at */
	/* What leaves must not overtake it; NULL: there is nothing to wait for. */
	const struct database *database;
	/* An authenticated program whose current segment is ours; `bytes` may be changed. */
	void (*program)(void *context, uint8_t *bytes, size_t size, const struct packet *packet);
	void (*answer)(void *context, const struct answer *answer);
	void *context;
};

int exchange_create(uv_loop_t *loop, const struct exchange_settings *settings,
                    struct exchange **ret_exchange) CHECKED;
/* Opens the socket on the gateway's own address and sends through `steer` from now on. */
int exchange_connect(struct exchange *exchange, struct steer *steer) CHECKED;
/* A packet from the tunnel, and a datagram from the socket. */
void exchange_packet(struct exchange *exchange, uint8_t *bytes, size_t size);
void exchange_datagram(struct exchange *exchange, const uint8_t *bytes, size_t size);
/* A program packet on its way to its current segment, here or elsewhere. */
void exchange_send(struct exchange *exchange, const uint8_t *bytes, size_t size);
/* An answer back along the program's way. */
void exchange_answer(struct exchange *exchange, const struct answer *answer, const struct owner_return *way);
/* More of the database is durable: what waited for it leaves. */
void exchange_durable(struct exchange *exchange);
/* What it has sent to itself waits so long that more would only come too late. */
bool exchange_is_behind(const struct exchange *exchange);
const uint64_t *exchange_refusals(const struct exchange *exchange);
/* The memory is freed when the loop has run the close callbacks. Accepts NULL. */
void exchange_close(struct exchange *exchange);

#endif
