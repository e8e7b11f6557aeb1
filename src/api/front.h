/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door: datagrams of clients.
 *
 * Requests are received by threads of their own (receiver.h), which authenticate them and map what they ask
 * for on a snapshot of the view; the loop's thread does everything that changes a task.
 *
 * Order of checks: rate of the source, size; version, key, MAC, content; rate of the tenant; age (30 s);
 * identifier used before. Each failure has its own code, a counter, and an error reply that is no larger than
 * the request; what comes too fast, or from where too much was not authentic, is counted and gets none.
 * Requests are idempotent by identifier: the same octets from the same address get the same answer, anything
 * else under a used identifier is REPLAYED. Nothing is stored for a sender that failed authentication.
 *
 * A client that moved asks here for a task that another gateway keeps, its anchor: the request is passed on
 * when it is authentic, and what the anchor has to say is passed back to the client. Key numbers are the same
 * in all gateways of a domain; whose the task is is checked by the anchor. Likewise an edge with a controller
 * passes on whatever its clients ask of their tasks.
 */
#ifndef API_FRONT_H
#define API_FRONT_H

#include "api/document.h"
#include "base/compiler.h"
#include "execute/allowance.h"
#include "execute/store.h"
#include "execute/task.h"
#include <uv.h>

struct front;

enum {
	FRONT_TENANTS = 256,
	FRONT_PLACES = 64,
	FRONT_RECEIVERS = 16,
	FRONT_RECENT = 1 << 20,
	FRONT_DOCUMENTS = 128,
	FRONT_WAITING = 65536,
	FRONT_FOLLOWERS = 4096, /* clients whose tasks are kept elsewhere */
	FRONT_METERS = 65536,
	FRONT_REPLIES = 65536, /* that wait for the disk */
	FRONT_INSTANCES = 64,  /* of a resident service */
};

/* Rates: messages a second, of which a tenth may come at once. */
struct front_rates {
	uint64_t source;   /* of one network of clients (a /64) */
	uint64_t stranger; /* of one network, not authenticated */
	uint64_t tenant;   /* of one tenant, in all */
};

struct front_tenant {
	char name[32];
	uint32_t key;
	uint32_t number; /* of the allowances' tenants */
	uint8_t secret[SEAL_SECRET];
	bool spot;
	bool operator;
	const struct view_sight *sight; /* outlives the front door; NULL: sees everything */
};

/* A service of this site that is kept running, and answers calls under an allowance in one round trip. */
struct front_resident {
	char name[SERVICE_NAME];
	char version[SERVICE_VERSION];
	int64_t patience; /* ns that a call may take */
};

struct front_settings {
	const struct document_source *source; /* outlives the front door */
	const struct database *database;      /* what the loop says must not overtake it */
	struct store *store;
	uint64_t seed;
	const struct front_tenant *tenants; /* outlive the front door */
	uint32_t tenant_count;
	uint32_t receivers; /* threads, 1 .. FRONT_RECEIVERS */
	struct front_rates rates;
	/* Calls under allowances; services are numbered as there. NULL and 0: none. */
	struct allowances *allowances;
	const struct front_resident *residents; /* outlive the front door */
	uint32_t resident_count;
	/* An instance does not answer: it should be ended. */
	void (*late)(void *context, uint32_t service, uint32_t instance);
	/*
	 * FOLLOW and RELAY to another gateway, and a blob of the store to another's: front_carried() tells
	 * how that ended. NOT_FOUND: it is not known. NULL: there is none.
	 */
	int (*answer)(void *context, struct gateway_identity to, const struct answer *answer);
	int (*carry)(void *context, struct gateway_identity to, const struct identifier *task,
	             const uint8_t digest[32]);
	/* Reads the configuration again: what came of it as a document, malloc'd. NULL: it cannot. */
	char *(*reload)(void *context);
	void *context;
	/* The gateway that maps for the clients here; none: this one does. */
	struct gateway_identity controller;
	bool controls; /* this gateway maps for clients at others */
};

/* Where clients send to: an address with the one-way delays of their access link, and its ceilings (0: none).
 */
struct front_listen {
	uint8_t address[16];
	uint16_t port; /* 0: any */
	int64_t access_up, access_down;
	int64_t access_ceiling_up, access_ceiling_down;
};

int front_create(uv_loop_t *loop, const struct front_settings *settings, struct front **ret_front) CHECKED;
/* The port. */
int front_listen(struct front *front, const struct front_listen *listen) CHECKED;
/* These are the tenants from now on; they outlive the front door, as do those before. -ENOMEM. */
int front_set_tenants(struct front *front, const struct front_tenant *tenants, uint32_t count) CHECKED;
/* Demands are mapped on this state of the view from now on; from the view's thread. */
void front_publish(struct front *front, struct view *view);
/* An instance of a resident service; the descriptor (supply/resident.h) is the callee's. */
void front_add_instance(struct front *front, uint32_t service, uint32_t instance, int descriptor);
/* More of the database is durable: replies that waited for it leave. */
void front_durable(struct front *front);
/* A task has ended: who waits for it is answered. */
void front_task_finished(struct front *front, const struct identifier *task);
/* A reservation is granted. */
void front_task_granted(struct front *front, const struct identifier *task);
/* A reservation is where its client is now, or is not for `code`. */
void front_task_moved(struct front *front, const struct identifier *task, int code);
/* A FOLLOW, RELAY or ASK from another gateway, authenticated. */
void front_answer(struct front *front, const struct answer *answer);
/* What was to be carried to a gateway is there, or is not for `code`. */
void front_carried(struct front *front, struct gateway_identity to, const struct identifier *task, int code);
/* ERROR_COUNT counters of refused requests by error_index(); threads add to them. */
const uint64_t *front_refusals(const struct front *front);
/* Secret of a tenant's key number, for bulk transfer; NULL when unknown. Any thread. */
const uint8_t *front_secret(void *context, uint32_t key);
/* Stops the threads, closes the sockets; the memory is freed when the loop has turned. Accepts NULL. */
void front_close(struct front *front);

#endif
