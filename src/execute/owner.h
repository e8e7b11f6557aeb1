/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owner: executes the instructions of programs at the gateway that owns the links and executors they
 * ask for.
 *
 * What a program has here is a holding: held (nothing runs), staging (its input is on the way), running,
 * ended (its receipt is written; its output may still be on the way). A holding is in the journal before it
 * is answered; every instruction is idempotent by program id; every holding ends in exactly one receipt,
 * written in the same transaction as its end. Results and receipts are repeated until the ingress
 * acknowledges them.
 *
 * Of a run with bandwidth the blobs travel on the path that its program reserves: what the site fetches and
 * what it delivers is a flow (owner_flow) at both ends of it. The site's claim ends with the run; its part of
 * the path, when the output is large, with the delivery or with the reservation's time. It is billed up to
 * the run's end.
 *
 * What ends a holding: its run's end, a release, its expiry, or the loss of this daemon (then the run is
 * billed up to its last checkpoint, one a second). A refresh moves the expiry on, and confirms: what expires
 * is billed up to its end when it was ever refreshed, and is void when nobody confirmed it.
 *
 * Memory is the truth: the journal is read at the start only. What has ended is remembered as long as a copy
 * of its program can be on its way (OWNER_VALID), so that a program which is not known is a new one; one
 * whose expiry is further away than that is refused. What was refused stays so as long, see refused.h.
 *
 * The owner makes no decision of its own about amounts: the book does.
 */
#ifndef EXECUTE_OWNER_H
#define EXECUTE_OWNER_H

#include "base/clock.h"
#include "base/compiler.h"
#include "base/database.h"
#include "book/book.h"
#include "execute/store.h"
#include "meter/usage.h"
#include "model/service.h"
#include "supply/driver.h"
#include "wire/answer.h"
#include "wire/packet.h"

struct owner;

enum { OWNER_SERVICES = 256, OWNER_SERVICE_ARGUMENTS = 16, OWNER_HOLDINGS = 65536 };

/* The furthest expiry of a program, from now. */
#define OWNER_VALID (20 * CLOCK_SECOND)

/* A service that this site runs. All pointers outlive the owner. */
struct owner_service {
	struct service_offer offer;
	const char *arguments[OWNER_SERVICE_ARGUMENTS + 1];
	const char *folder; /* NULL: none */
};

/* How an answer travels: to the ingress's own address, back through the gateways the program came by. */
struct owner_return {
	uint8_t address[16];
	uint16_t port;
	uint32_t hop_count;
	uint8_t hops[PLAN_HOPS][16]; /* locators, nearest first */
};

/*
 * Traffic that takes a reserved path: between a client and a service's address, from this end of the path to
 * the other, shaped to a token bucket where it begins. Of a run that is what its site fetches and delivers:
 * the client is the ingress then, the service the site.
 */
struct owner_flow {
	struct identifier program;
	uint8_t client[16], service[16];
	bool entry; /* this is the first gateway: from the client to the service; else the site: the way back
	             */
	struct gateway_identity toward; /* the neighbour that it leaves to */
	uint32_t class;
	uint64_t rate, burst; /* bit/s, octets */
	uint32_t hop_count;
	uint8_t hops[PLAN_HOPS][16]; /* locators from here on, this gateway's left out */
};

/*
 * Between which addresses a blob travels. Where the program reserves a path they are the flow's, and the own
 * one is the program's alone.
 */
struct owner_transfer {
	uint8_t ingress[16];
	uint8_t source[16]; /* own address; ::, the gateway's */
};

struct owner_ports {
	void *context;
	void (*answer)(void *context, const struct answer *answer, const struct owner_return *way);
	/* A packet that is to travel on; its current segment is another gateway's. */
	void (*forward)(void *context, const uint8_t *packet, size_t size);
	/* Get a blob from the ingress into the store, then owner_fetched(). */
	void (*fetch)(void *context, const struct identifier *program, const struct program_fetch *fetch,
	              const struct owner_transfer *transfer);
	/* Put a blob of the store to the ingress, then owner_delivered(). */
	void (*deliver)(void *context, const struct identifier *program, const uint8_t digest[32],
	                const struct owner_transfer *transfer);
	/*
	 * A flow of a holding begins: 0, or why it cannot, and the program is refused, unless it is a run
	 * and the answer NOT_SUPPORTED: its blobs take their chance then. Called again for what is still held
	 * when the owner starts. detach() when the holding has ended, and the output was delivered.
	 */
	int (*attach)(void *context, const struct owner_flow *flow);
	void (*detach)(void *context, const struct identifier *program);
	/* As the tasks': results and receipts are not repeated then. NULL: never. */
	bool (*behind)(void *context);
	/* What is offered changed: announce it. */
	void (*changed)(void *context);
};

struct owner_settings {
	struct gateway_identity identity;
	uint8_t locator[16];
	struct clock clock;
	uint64_t seed;
	/* Micro-cores of the host that one core of this site stands for, in millionths; 0: no executor. */
	uint64_t host_cpu_per_core;
	uint64_t gflops_per_core; /* micro-GFLOPS of one core of this site; 0 unknown */
	uint64_t scratch;         /* bytes of scratch space of a run */
	uint64_t output_maximum;  /* most octets of output, whatever a program asks for */
	uint32_t processes;       /* of a run that names no service */
	uint32_t holdings;        /* most at a time; 0: OWNER_HOLDINGS; the tables' memory follows it */
	const char *folder;       /* for the output of live runs */
	const struct owner_service *services;
	uint32_t service_count;
};

/* All objects outlive the owner. driver and store are NULL where nothing can run. */
struct owner_rooms {
	struct database *database;
	struct book *book;
	struct usage *usage;
	struct store *store;
	struct driver *driver;
};

/* Takes up what the database holds: live reservations return to the book, lost runs end. */
int owner_create(const struct owner_settings *settings, const struct owner_rooms *rooms,
                 const struct owner_ports *ports, struct owner **ret_owner) CHECKED;
/* Accepts NULL, returns NULL. Runs are the driver's to end. */
struct owner *owner_free(struct owner *owner);

/*
 * A program whose current segment is one of ours: executes every instruction of this owner from there on,
 * answers, and sends the packet on. `bytes` is what travels on: the packet as it came, which is changed; NULL
 * for a program of this gateway's own that asks nothing of anyone else.
 */
void owner_receive(struct owner *owner, const struct packet *packet, uint8_t *bytes, size_t size);
/* The ingress acknowledged RESULT or RECEIPT. */
void owner_acknowledged(struct owner *owner, const struct identifier *program, enum answer_type what);
/* More of the database is durable: what was granted until then may run. */
void owner_durable(struct owner *owner);
void owner_fetched(struct owner *owner, const struct identifier *program, int error);
void owner_delivered(struct owner *owner, const struct identifier *program, int error);
/* From the driver's callbacks. */
void owner_started(struct owner *owner, const struct identifier *program);
void owner_ended(struct owner *owner, const struct driver_end *end);
/* Expiry, repetition, checkpoints. Returns when it wants to be called again (monotonic clock, ns). */
int64_t owner_tick(struct owner *owner);

/* Holdings that are not ended; runs of a service at work; bytes of all tables. */
size_t owner_holding_count(const struct owner *owner);
size_t owner_bytes(const struct owner *owner);
uint32_t owner_running(const struct owner *owner, uint32_t service);
/* How often a program was refused, by error_index() of the code; ERROR_COUNT numbers. */
const uint64_t *owner_refusals(const struct owner *owner);

#endif
