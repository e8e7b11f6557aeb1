/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway without a network: one site, its ingress and its front door on ::1, in one loop, under a clock
 * that the test turns. Rooms, database and store are real; the executor is a twin that ends runs when told.
 *
 * Tenants: "demo" has money, "other" has none, "chief" is the operator.
 */
#ifndef TESTS_API_STATION_H
#define TESTS_API_STATION_H

#include "api/front.h"
#include "base/random.h"
#include "book/book.h"

enum { STATION_DEMO, STATION_OTHER, STATION_CHIEF, STATION_TENANTS };
enum { STATION_QUEUE = 64, STATION_RUNS = 16, STATION_STRANGER = 99 };

struct station;

/* On its way to this gateway itself: a program as a packet, or an answer. */
struct station_message {
	bool answer;
	size_t size;
	uint8_t bytes[PACKET_MAXIMUM + 8];
	struct answer content;
};

struct station {
	struct driver driver; /* first: the owner has a pointer to it */
	uv_loop_t loop;
	int64_t now; /* ns since the station's start */
	struct random random;
	struct gateway_identity identity;
	uint8_t locator[16], address[16];
	char folder[64];
	struct seal_ring ring;
	struct owner_service service;
	struct database *database;
	struct usage *usage;
	struct ledger *ledger;
	struct store *store;
	struct book *book;
	struct view *view;
	struct owner *owner;
	struct tasks *tasks;
	struct front *front;
	struct document_source source;
	uint16_t port;
	/* what is on its way to this gateway itself */
	uint32_t message_count;
	struct station_message *messages;
	/* Delivers one; as it is, unless the test does it otherwise: then programs to itself are messages
	 * too. */
	void (*take)(struct station *station, struct station_message *message);
	/* runs at work; what they write */
	uint32_t run_count;
	struct station_run {
		struct identifier id;
		bool cancelled;
	} runs[STATION_RUNS];
	/* set before it is opened */
	struct gateway_identity controller;
	bool controls;
	size_t output_size;
	int run_error;
	/* what the front door said to other gateways; only station_neighbour is known */
	uint32_t said_count;
	struct answer said; /* the last */
	uint32_t reloads;
	uint32_t carried_count;
	struct identifier carried; /* the task whose output was to be carried last */
};

extern const struct gateway_identity station_neighbour;

extern const struct front_tenant station_tenants[STATION_TENANTS];

void station_open(struct station *station);
void station_shut(struct station *station);
/* As after a kill: owner, tasks and book begin anew with what the database has; runs and messages are gone.
 */
void station_restart(struct station *station);
int64_t station_wall(const struct station *station);
/* A further site, so that the view is large. */
void station_add_site(struct station *station, uint32_t number);

/* Delivers messages and ticks, without an end to any run. */
void station_turn(struct station *station);
/* Ends every run, and turns until nothing is open. */
void station_settle(struct station *station);
/* All refusals of the front door so far; of one code. */
uint64_t station_refused(const struct station *station);
/* That so many were refused as `code` (0: in all), in a moment at the latest. */
void station_expect_refused(struct station *station, int code, uint64_t count);
uint64_t station_refused_as(const struct station *station, int code);

/* Waits until the front door has said so much to other gateways. */
void station_expect_said(struct station *station, uint32_t count);
/* A client's socket, connected to the front door; the caller's. */
int station_client(const struct station *station);
/* A request of a tenant with a new identifier and the present time. */
struct datagram station_request(struct station *station, uint32_t tenant, enum datagram_type type);
/* Its octets; `demand` is the text of one, or NULL. */
size_t station_encode(const struct datagram *request, const char *demand, uint8_t bytes[DATAGRAM_MAXIMUM]);
/* The next reply of at most `capacity` octets; 0 when none comes within the patience of 30 s. */
size_t station_hear(struct station *station, int client, uint8_t *bytes, size_t capacity);
/* Sends, and decodes the reply to this request, which must be authentic. */
void station_ask_octets(struct station *station, int client, const uint8_t *bytes, size_t size,
                        struct datagram *ret_reply);
void station_ask(struct station *station, int client, const struct datagram *request, const char *demand,
                 struct datagram *ret_reply);
/* The code of the error that the reply must be. */
int station_ask_code(struct station *station, int client, const struct datagram *request, const char *demand);
/* Sends what must be refused, and waits until it is counted; the reply's size, 0 when there is none. */
size_t station_tell(struct station *station, int client, const uint8_t *bytes, size_t size, uint8_t *reply,
                    size_t capacity);
/* Waits for a datagram of this identifier that the client did not ask for just now. */
void station_await(struct station *station, int client, const struct identifier *identifier,
                   struct datagram *ret_reply);

#endif
