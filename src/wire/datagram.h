/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams between clients and gateways, over UDP.
 *
 * A request carries the tenant's key number, an identifier, the sender's time and an HMAC-SHA-256 over
 * everything before it. It is idempotent by its identifier: the same octets again get the same answer, other
 * octets under a used identifier are REPLAYED. Replies echo the identifier and are authenticated with
 * the same key; only ERROR replies to senders that failed authentication carry none, and they are never
 * larger than the request.
 */
#ifndef WIRE_DATAGRAM_H
#define WIRE_DATAGRAM_H

#include "base/arena.h"
#include "base/compiler.h"
#include "model/demand.h"
#include "model/gateway.h"
#include "model/identifier.h"
#include "wire/seal.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DATAGRAM_VERSION = 1,
	DATAGRAM_MAXIMUM = 1452, /* path MTU 1500 less IPv6 and UDP headers */
	DATAGRAM_SLICE = 1200,   /* octets of a document or of output in one reply */
	DATAGRAM_ARGUMENT = 128,
};

enum datagram_type {
	/* requests */
	DATAGRAM_QUOTE = 1, /* demand -> document */
	DATAGRAM_RUN,       /* demand -> TASK at once */
	DATAGRAM_CALL,      /* demand -> RESULT when done (ACCEPTED meanwhile) */
	DATAGRAM_DOCUMENT,  /* view, task list, task, bill, ledger, program: sliced JSON */
	DATAGRAM_OUTPUT,    /* small output of a task's part: sliced */
	DATAGRAM_CANCEL,
	DATAGRAM_RESERVE, /* demand that reserves -> TASK when granted or over (meanwhile: TASK, mapped) */
	DATAGRAM_FOLLOW,  /* the sender took over a task's flow and results from where it was -> TASK */
	DATAGRAM_RELOAD,  /* the gateway reads its configuration again -> document; operator's key only */
	/* replies */
	DATAGRAM_ERROR = 64, /* code and one line of text */
	DATAGRAM_TASK,       /* task identifier, state, anchor */
	DATAGRAM_RESULT,     /* task identifier, code, output (inline or by size and digest) */
	DATAGRAM_SLICE_OF,   /* total size, offset, octets of a document or output */
};

enum datagram_document {
	DOCUMENT_QUOTE = 1, /* slices past the first of a quote, by the quote request's identifier */
	DOCUMENT_VIEW,
	DOCUMENT_TASKS,
	DOCUMENT_TASK, /* argument: task identifier */
	DOCUMENT_BILL,
	DOCUMENT_LEDGER,  /* operator's key only */
	DOCUMENT_PROGRAM, /* argument: task identifier */
	DOCUMENT_STATUS,  /* operator's key only */
	DOCUMENT_TRACE,   /* argument: task identifier */
	DOCUMENT_PATH,    /* argument: the CS-ID of a service, or zeros and the identity of a site */
	/* Operator's key only. */
	DOCUMENT_BGP_PEERS,
	DOCUMENT_BGP_ROUTES, /* argument: zeros and the position (u64) that the document before ended at */
	DOCUMENT_BGP_STATISTICS,
	DOCUMENT_RELOAD, /* slices past the first of a reload, by the request's identifier */
	DOCUMENTS,
};

struct datagram {
	enum datagram_type type;
	uint32_t key; /* tenant's key number */
	struct identifier identifier;
	int64_t sent;   /* wall clock of the sender, ns */
	bool authentic; /* set by datagram_decode(): the MAC is the key's */
	union {
		struct {
			enum datagram_document document;
			struct identifier task; /* or quote; zero when not needed */
			uint32_t part;          /* DATAGRAM_OUTPUT, 1-based */
			uint64_t offset;
		} ask; /* DOCUMENT, OUTPUT, CANCEL (task), RELOAD (nothing) */
		struct {
			int32_t code;
			char text[160];
		} error;
		struct {
			struct identifier task;
			uint32_t state; /* enum of the task states, see docs/wire.md */
			int32_t code;
			struct gateway_identity anchor; /* where the task is kept: what FOLLOW names */
		} task;
		struct {
			struct identifier task;
			struct gateway_identity anchor;
		} follow;
		struct {
			struct identifier task;
			int32_t code;
			uint64_t size;
			uint8_t digest[32];
			uint32_t inline_size;
			uint8_t output[DATAGRAM_SLICE];
		} result;
		struct {
			uint64_t total;
			uint64_t offset;
			uint32_t size;
			uint8_t bytes[DATAGRAM_SLICE];
		} slice;
	};
};

/* Secret of a key number; NULL when unknown. */
typedef const uint8_t *(*datagram_secret)(void *context, uint32_t key);

/*
 * Encodes and authenticates; `demand` is used by QUOTE, RUN, CALL, RESERVE and else NULL. secret NULL leaves
 * the MAC out (ERROR only). Returns the size; TOO_LARGE for a demand that does not fit, BAD_VALUE for a
 * RESERVE of one that does not reserve and a RUN or CALL of one that does.
 */
int datagram_encode(const struct datagram *datagram, const struct demand *demand, const uint8_t *secret,
                    uint8_t *buffer, size_t capacity) CHECKED;
/*
 * Checks version, key (UNKNOWN_TENANT), MAC (BAD_MAC), then decodes. `ret_demand` (may be NULL where no
 * demand is expected) is filled for QUOTE, RUN, CALL and RESERVE; its stages live in `arena`. On
 * UNKNOWN_TENANT and BAD_MAC the type and identifier in *ret_datagram are set all the same, for the error
 * reply.
 */
int datagram_decode(const uint8_t *bytes, size_t size, datagram_secret secret, void *context,
                    struct arena *arena, struct datagram *ret_datagram, struct demand *ret_demand) CHECKED;

#endif
