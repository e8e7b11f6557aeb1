/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holdings of an owner: the records and their journal. Private to the execute room.
 *
 * Memory is the truth, and the journal its copy: it is read when the owner starts, and never on the way of a
 * program. The table in memory holds live holdings, ended ones that are not acknowledged yet, and refusals
 * that may still be asked for. A holding keeps its program as octets and decodes it when it is needed, which
 * is seldom.
 */
#ifndef EXECUTE_HOLDING_H
#define EXECUTE_HOLDING_H

#include "base/database.h"
#include "base/heap.h"
#include "execute/keep.h"
#include "execute/owner.h"
#include "model/program.h"

enum holding_state {
	HOLDING_HELD,
	HOLDING_STAGING,
	HOLDING_RUNNING,
	HOLDING_ENDED, /* 3: the journal's queries say so */
	HOLDING_STATES,
};

struct holding {
	struct identifier program;
	struct gateway_identity ingress;
	uint32_t part;
	int64_t valid;      /* wall clock: the program takes no effect later */
	struct kept octets; /* the program */
	struct owner_return way;
	enum holding_state state;
	bool executes;             /* an execute instruction was taken on */
	bool confirmed;            /* the ingress has refreshed it, and so counts on it */
	int64_t granted, expires;  /* wall clock */
	int64_t started, ended;    /* wall clock; 0: not yet */
	struct driver_usage usage; /* at the last checkpoint or the end */
	int32_t error, exit_status;
	uint64_t output_size;
	uint8_t output_digest[32];
	bool result_due, receipt_due; /* not acknowledged yet */
	/* Not in the journal. */
	bool written;        /* there is a row */
	struct kept payload; /* inline input until the run starts */
	bool refused;        /* nothing is held: it stays refused as long as the program is valid */
	struct book_refusal refusal;
	bool attached;     /* its flow is in the kernel */
	bool fetching;     /* the input is on its way */
	bool voided;       /* released as void while running */
	bool delivering;   /* the output is on its way */
	uint32_t service;  /* index, OWNER_SERVICES when none */
	int64_t repeat_at; /* monotonic clock */
	int64_t repeat_after;
	int64_t checkpoint_at;
	int64_t arrived; /* monotonic clock of the packet in hand, for answer.processing */
	struct heap_node due;
};

/* A row of the journal with the locators that a flow of the holding takes from here. */
struct holding_row {
	struct holding holding;
	struct program program;
	uint32_t hop_count;
	uint8_t hops[PLAN_HOPS][16];
};

const char *holding_state_name(enum holding_state state);
/* Decodes the holding's program. */
int holding_program(const struct holding *holding, struct program *ret_program) CHECKED;

int holding_create_table(struct database *database) CHECKED;
/* The writes join an open transaction. A new row: what was granted, with the way of its flow. */
int holding_insert(struct database *database, const struct holding *holding, uint32_t hop_count,
                   const uint8_t hops[][16]) CHECKED;
int holding_write_refresh(struct database *database, const struct holding *holding) CHECKED;
/* State, start and usage of a run. */
int holding_write_run(struct database *database, const struct holding *holding) CHECKED;
int holding_write_end(struct database *database, const struct holding *holding) CHECKED;
/* What is still due. */
int holding_write_due(struct database *database, const struct holding *holding) CHECKED;
/* Forgets acknowledged rows that ended before `before`. */
int holding_prune(struct database *database, int64_t before) CHECKED;

typedef int (*holding_visit)(void *context, struct holding_row *row);
/* All rows, oldest program first. holding.octets is borrowed from the row. */
int holding_each(struct database *database, holding_visit visit, void *context) CHECKED;

/* The receipt of a holding that ends now. `void_of_charge`: nothing is billed. */
int holding_receipt(const struct holding *holding, const struct program *program,
                    struct gateway_identity owner, bool void_of_charge, struct receipt *ret_receipt) CHECKED;
/* The owner's instruction of an operation; NULL when there is none. */
const struct instruction *holding_instruction(const struct program *program, struct gateway_identity owner,
                                              enum operation operation);

#endif
