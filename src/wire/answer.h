/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: datagrams between gateways about programs, over UDP between gateways' own addresses.
 *
 * Every answer carries the sender's identity and a MAC (domain key, purpose SEAL_ANSWER). Answers may be
 * lost, doubled and reordered: RESULT and RECEIPT are repeated by the owner until the ingress
 * ACKNOWLEDGEs them, everything else is asked for again by the program's retransmission.
 *
 * Three more are about clients elsewhere. The new edge of one that moved passes a FOLLOW on to the task's
 * anchor, an edge that does not map passes whole requests to its controller in an ASK, as often as the client
 * sends them; what anchor or controller have to say to the client goes back by way of that edge, in a RELAY.
 */
#ifndef WIRE_ANSWER_H
#define WIRE_ANSWER_H

#include "base/compiler.h"
#include "model/identifier.h"
#include "model/receipt.h"
#include "wire/seal.h"
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_MAXIMUM = 1800, ANSWER_OUTPUT = 1024, ANSWER_RELAYED = 1452 };

enum answer_type {
	ANSWER_GRANTED = 1, /* this owner holds what the program asked of it, or holds it longer */
	ANSWER_REFUSED,     /* this owner refused; the packet goes no further */
	ANSWER_ACCEPTED,    /* execute was taken on */
	ANSWER_RUNNING,     /* still at it (to a retransmission) */
	ANSWER_RESULT,
	ANSWER_RECEIPT,
	ANSWER_ACKNOWLEDGE, /* ingress -> owner, of RESULT or RECEIPT */
	ANSWER_FOLLOW,      /* new edge -> anchor: the client of the task `program` is here now */
	ANSWER_RELAY,       /* anchor, controller -> edge: a datagram for a client there */
	ANSWER_ASK,         /* edge -> controller: a client's request */
	ANSWER_TYPES,
};

struct answer_refusal {
	int32_t error;
	enum resource_kind resource;
	struct gateway_identity toward;
	int64_t have, need;
	money price;
};

struct answer_result {
	int32_t error; /* 0, or why there is no result */
	int32_t exit_status;
	uint64_t size;
	uint8_t digest[32];
	int64_t run_wall;
	uint32_t inline_size; /* size when it came inline, else 0 and the bytes were put to the ingress */
	uint8_t output[ANSWER_OUTPUT];
};

/* Where a client is reached. */
struct answer_client {
	uint8_t address[16];
	uint16_t port;
};

/* What the edge knows of the client's access link. */
struct answer_access {
	int64_t up, down;                 /* one-way delays */
	int64_t ceiling_up, ceiling_down; /* what it takes at most; 0: none is promised */
};

/* A FOLLOW datagram that the edge has authenticated. */
struct answer_follow {
	struct answer_client client; /* its sender */
	uint32_t key;                /* tenant's key number */
	struct identifier request;   /* to be echoed */
	int64_t sent;                /* the client's clock: of two, the later one holds */
	struct answer_access access;
};

struct answer_relay {
	struct answer_client client;
	uint32_t size;
	uint8_t datagram[ANSWER_RELAYED]; /* whole, with its MAC for the tenant */
};

/* A request that the edge found authentic and fresh. */
struct answer_ask {
	struct answer_client client; /* its sender */
	struct answer_access access;
	uint32_t size;
	uint8_t datagram[ANSWER_RELAYED]; /* whole, with the tenant's MAC */
};

struct answer {
	enum answer_type type;
	struct identifier program; /* FOLLOW: the task; ASK: the request; RELAY: what it replies to */
	struct gateway_identity sender;
	int64_t processing; /* ns between the packet's arrival and this answer, so that the path's delay is
	                       known */
	union {
		int64_t valid; /* GRANTED: expiry of the program that is answered, a refresh has its own */
		struct answer_refusal refusal;
		struct answer_result result;
		struct receipt receipt;
		enum answer_type acknowledged;
		struct answer_follow follow;
		struct answer_relay relay;
		struct answer_ask ask;
	};
};

/* Returns the size. */
int answer_encode(const struct answer *answer, const struct seal_key *key, uint8_t *buffer,
                  size_t capacity) CHECKED;
/* MALFORMED, VERSION, UNKNOWN_KEY, BAD_MAC, ... */
int answer_decode(const uint8_t *bytes, size_t size, const struct seal_ring *ring,
                  struct answer *ret_answer) CHECKED;
/* A receipt's own bytes, as stored by its owner. */
int answer_encode_receipt(const struct receipt *receipt, uint8_t *buffer, size_t capacity) CHECKED;
int answer_decode_receipt(const uint8_t *bytes, size_t size, struct receipt *ret_receipt) CHECKED;

#endif
