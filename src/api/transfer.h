/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulk transfer of blobs over HTTP/1.1, between gateways and with clients.
 *
 * Server: `GET /v1/blob/HEX64` and `PUT /v1/blob/HEX64`. A PUT needs a Content-Length and streams into the
 * store, which verifies the digest. Statuses: 200, 201 (stored now), 400, 401, 404, 405, 409 (content is
 * not what the path names), 411, 413, 507 (quota), 500; a refusal carries `Busbar-Error: CODE`.
 * Client: fetches a blob into the store, puts a blob of the store elsewhere, several at once, the rest in
 * a bounded queue. Connecting may take 2 s; less than 1 kB/s for 5 s ends a transfer. A transfer with an own
 * address of its own has a reserved path: it has its own connection, and does not wait for those that have
 * none.
 *
 * All work is done on the loop given; files are read and written in place. The process ignores SIGPIPE.
 */
#ifndef API_TRANSFER_H
#define API_TRANSFER_H

#include "api/authorization.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "execute/store.h"
#include "model/gateway.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct transfer;

enum {
	TRANSFER_PORT = 4181,
	TRANSFER_LISTENERS = 8 + 1,
	TRANSFER_CONNECTIONS = 64, /* default of settings.connections */
	TRANSFER_PARALLEL = 8,     /* default of settings.parallel */
	TRANSFER_RESERVED = 64,    /* at once on reserved paths, besides */
	TRANSFER_QUEUE = 256,      /* transfers that wait */
};

/* Both ends of a transfer. */
struct transfer_way {
	uint8_t address[16]; /* of the other gateway */
	uint16_t port;
	uint8_t source[16]; /* own address for this transfer alone, which the host need not have; ::, none */
};

struct transfer_settings {
	struct store *store;            /* outlives the transfer */
	struct authorization_keys keys; /* so does the ring */
	struct gateway_identity identity;
	uint8_t source[16]; /* own address of outgoing connections; ::, the kernel chooses */
	struct clock clock;
	uint64_t maximum;     /* octets of a blob, both ways */
	uint32_t connections; /* of one listening address; 0: the default */
	uint32_t parallel;    /* own transfers at once; 0: the default */
	/* A blob has come by PUT; may be NULL. */
	void (*arrived)(void *context, const uint8_t digest[STORE_DIGEST], uint64_t size);
	/* Where a tenant's blob must be as well before its PUT has succeeded, and may be when it is not here;
	 * 0, or why it cannot be there. NULL: nowhere. */
	int (*through)(void *context, struct transfer_way *ret_way);
	void *context; /* of both */
};

struct transfer_statistics {
	uint64_t served, stored;               /* GET and PUT that ended well */
	uint64_t served_octets, stored_octets; /* of these */
	uint64_t unauthorized;                 /* 401 */
	uint64_t refused;                      /* any other refusal */
	uint64_t broken;                       /* connections lost on the way */
	uint64_t fetched, put, failed;         /* own transfers */
	uint32_t active, queued;               /* own transfers now */
};

/* error: 0 or a negative code: the other side's own, or NO_ANSWER, PEER, DIGEST, TOO_LARGE, CANCELLED, ... */
typedef void (*transfer_done)(void *context, int error);
typedef void (*transfer_closed)(void *context);

int transfer_create(uv_loop_t *loop, const struct transfer_settings *settings,
                    struct transfer **ret_transfer) CHECKED;
/* Port 0: the kernel chooses; *ret_port is the one in use. TABLE_FULL past TRANSFER_LISTENERS. */
int transfer_listen(struct transfer *transfer, const uint8_t address[16], uint16_t port,
                    uint16_t *ret_port) CHECKED;

/*
 * Starts or queues a transfer; TABLE_FULL. done is called exactly once, from the loop and never from
 * within the call. `size` is the most octets that the blob may have, 0: settings.maximum. A blob that is in
 * the store already is fetched without asking anyone.
 */
int transfer_fetch(struct transfer *transfer, const uint8_t digest[STORE_DIGEST], uint64_t size,
                   const struct transfer_way *way, transfer_done done, void *context) CHECKED;
/* NOT_FOUND (through done) when the store lacks it. */
int transfer_put(struct transfer *transfer, const uint8_t digest[STORE_DIGEST],
                 const struct transfer_way *way, transfer_done done, void *context) CHECKED;

void transfer_statistics(const struct transfer *transfer, struct transfer_statistics *ret_statistics);

/*
 * Ends everything: own transfers end as CANCELLED before this returns, and the handle is freed after the
 * loop has turned; closed (may be NULL) tells when. Accepts NULL (closed is not called).
 */
void transfer_close(struct transfer *transfer, transfer_closed closed, void *context);

#endif
