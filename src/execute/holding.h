/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holdings of an owner: the records and their journal (SQLite). Private to the execute room.
 *
 * Invariant: what is in the journal is at least what was answered. The in-memory table holds live
 * holdings and ended ones that are not acknowledged yet or whose program could still be repeated.
 */
#ifndef EXECUTE_HOLDING_H
#define EXECUTE_HOLDING_H

#include "base/database.h"
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
	struct program program;
	struct owner_return way;
	enum holding_state state;
	bool executes;             /* an execute instruction was taken on */
	int64_t granted, expires;  /* wall clock */
	int64_t started, ended;    /* wall clock; 0: not yet */
	struct driver_usage usage; /* at the last checkpoint or the end */
	int32_t error, exit_status;
	uint64_t output_size;
	uint8_t output_digest[32];
	bool result_due, receipt_due; /* not acknowledged yet */
	/* Not in the journal. */
	uint8_t *payload; /* inline input until the run starts */
	size_t payload_size;
	bool refused; /* nothing is held: it stays refused as long as the program is valid */
	struct book_refusal refusal;
	bool fetching;     /* the input is on its way */
	bool voided;       /* released as void while running */
	bool delivering;   /* the output is on its way */
	uint32_t service;  /* index, OWNER_SERVICES when none */
	int64_t repeat_at; /* monotonic clock */
	int64_t repeat_after;
	int64_t checkpoint_at;
	int64_t arrived; /* monotonic clock of the packet in hand, for answer.processing */
};

const char *holding_state_name(enum holding_state state);

int holding_create_table(struct database *database) CHECKED;
/* Inserts or replaces the row. Joins an open transaction. */
int holding_save(struct database *database, const struct holding *holding) CHECKED;
/* 1 and the holding, 0 when there is none. */
int holding_load(struct database *database, const struct identifier *program,
                 struct holding *ret_holding) CHECKED;
typedef int (*holding_visit)(void *context, const struct holding *holding);
/* Rows that are live or not acknowledged. */
int holding_each_open(struct database *database, holding_visit visit, void *context) CHECKED;
/* Forgets acknowledged rows that ended before `before`. */
int holding_prune(struct database *database, int64_t before) CHECKED;

/* The receipt of a holding that ends now. `void_of_charge`: nothing is billed. */
int holding_receipt(const struct holding *holding, struct gateway_identity owner, bool void_of_charge,
                    struct receipt *ret_receipt) CHECKED;
/* The owner's instruction of an operation; NULL when there is none. */
const struct instruction *holding_instruction(const struct holding *holding, struct gateway_identity owner,
                                              enum operation operation);

#endif
