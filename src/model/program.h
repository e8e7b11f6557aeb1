/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program: one part of a plan as instructions for the gateways on its path, one SRv6 segment each.
 *
 * Every instruction is idempotent by (program id, position): a retransmitted program changes nothing.
 */
#ifndef MODEL_PROGRAM_H
#define MODEL_PROGRAM_H

#include "model/demand.h"
#include "model/gateway.h"
#include "model/identifier.h"
#include "model/link.h"
#include "model/money.h"
#include "model/plan.h"
#include "model/resource.h"
#include <stdbool.h>
#include <stdint.h>

enum { PROGRAM_INSTRUCTIONS = 24, PROGRAM_ARGUMENT_TEXT = 200 };

enum operation {
	OPERATION_FORWARD, /* plain End segment (RFC 8986 4.1): no function, pins the path */
	OPERATION_RESERVE,
	OPERATION_CLAIM,
	OPERATION_FETCH,
	OPERATION_EXECUTE,
	OPERATION_DELIVER,
	OPERATION_RELEASE,
	OPERATION_ATTACH,
	OPERATION_REFRESH,
	OPERATIONS,
};
/* Lower-case words of the grammar: "reserve", ... */
extern const char *const operation_names[OPERATIONS + 1];

/*
 * Bandwidth on the owner's outputs; a rate of 0 leaves that direction out. Token buckets: rate in bit/s,
 * burst in octets at the flow's entry. The jitter is what the flow's packets may have been held up at most
 * on their way here beyond the least delay, by the ceilings upstream: the owner lets the burst grow by it.
 */
struct program_reserve {
	struct gateway_identity toward, back; /* next and previous gateway; back may be none */
	uint32_t class;                       /* guaranteed class of both directions, below LINK_CLASSES */
	uint64_t rate, burst;
	uint64_t back_rate, back_burst;
	int64_t jitter, back_jitter;
	int64_t time;
	money tariff, back_tariff; /* per Mbit/s and second */
	money limit;               /* refuse above this price (the higher of the two outputs) */
};

struct program_claim_resource {
	enum resource_kind kind;
	uint64_t amount;
	money tariff;
	money limit; /* refuse above this price */
};

struct program_claim {
	uint32_t resource_count;
	struct program_claim_resource resources[PLAN_CLAIMS];
	int64_t time; /* the claim ends after this */
};

struct program_fetch {
	uint8_t digest[32];
	uint64_t size;
};

struct program_execute {
	char service[SERVICE_NAME];
	char version[SERVICE_VERSION];
	uint32_t argument_count; /* run form, when service is empty */
	char arguments[PROGRAM_ARGUMENT_TEXT];
	money tariff; /* per call */
	money limit;
	bool inlined; /* the input travels behind the segment routing header */
};

struct program_deliver {
	struct gateway_identity to;
	uint8_t address[16]; /* gateway's own address that takes the result */
	uint16_t port;
	uint64_t output_maximum;
};

/*
 * The traffic between a client and a service's address is the program's: at the first gateway and at the site
 * it takes the reserved path, shaped to what its owner reserved there.
 */
struct program_attach {
	uint8_t client[16];
	uint8_t service[16];
};

/* A holding lives on: its end becomes now + time, if that is later. */
struct program_refresh {
	int64_t time;
};

struct instruction {
	enum operation operation;
	struct gateway_identity at;
	union {
		struct program_reserve reserve;
		struct program_claim claim;
		struct program_fetch fetch;
		struct program_execute execute;
		struct program_deliver deliver;
		int32_t release; /* 0: done, bill what was used; a negative error code: void, bill nothing */
		struct program_attach attach;
		struct program_refresh refresh;
	};
};

struct program {
	struct identifier identifier;
	struct gateway_identity ingress;
	uint16_t part, parts; /* 1-based */
	int64_t expires;      /* wall clock, ns: no instruction takes effect later */
	uint32_t instruction_count;
	struct instruction instructions[PROGRAM_INSTRUCTIONS];
};

/* No instructions, and nothing said. Instructions beyond the count are never looked at: they stay as they
 * are. */
void program_clear(struct program *program);
void program_copy(struct program *target, const struct program *source);
/*
 * Order, owners and amounts make sense; at most one claim and one execute; attached is only to what the same
 * owner reserves or claims, or where that is the whole program; refreshes stand among themselves. 0 or an
 * error code.
 */
int program_check(const struct program *program) CHECKED;

#endif
