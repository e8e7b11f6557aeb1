/* SPDX-License-Identifier: Apache-2.0 */
/* What owner.c (programs in, answers out), owner_program.c (what programs ask), owner_run.c and owner_end.c
 * share. */
#ifndef EXECUTE_OWNER_INTERNAL_H
#define EXECUTE_OWNER_INTERNAL_H

#include "base/hash.h"
#include "base/heap.h"
#include "base/outbox.h"
#include "base/slab.h"
#include "execute/holding.h"
#include "execute/past.h"
#include "execute/refused.h"

struct owner {
	struct owner_settings settings;
	struct owner_rooms rooms;
	struct owner_ports ports;
	struct slab *slab;
	struct keep *keep;     /* programs and inputs */
	struct hash *holdings; /* program id -> struct holding */
	struct heap *due;      /* every holding, by the monotonic time of its next look */
	struct past *past;     /* programs that have ended and are acknowledged, or found no room */
	struct refused refused;
	struct outbox *starts; /* runs whose grant is on its way to the disk */
	uint32_t running[OWNER_SERVICES];
	size_t live;
	int64_t pruned; /* monotonic clock */
	uint64_t refusals[ERROR_COUNT];
};

/* Repeats of RESULT and RECEIPT: first after, and at most every. */
#define OWNER_REPEAT_FIRST (300 * CLOCK_MILLISECOND)
#define OWNER_REPEAT_MOST (5 * CLOCK_SECOND)
#define OWNER_CHECKPOINT CLOCK_SECOND
#define OWNER_NEVER INT64_MAX
/* How long ended programs are remembered: a little longer than any packet of theirs is valid. */
#define OWNER_PAST_TIME (OWNER_VALID + 5 * CLOCK_SECOND)

int64_t owner_wall(const struct owner *owner);
int64_t owner_monotonic(const struct owner *owner);
/* The only place where a holding's state changes; logs old, event and new. */
void owner_set_state(struct owner *owner, struct holding *holding, enum holding_state state,
                     const char *event);
/* A holding in the table for a program in hand; NULL when the table is full. */
struct holding *owner_add(struct owner *owner, const struct program *program);
void owner_forget(struct owner *owner, struct holding *holding);
/* Nothing is due of an ended holding any more: its program is past. */
void owner_retire(struct owner *owner, struct holding *holding);
/* To be called after everything that changes when a holding wants its next look. */
void owner_schedule(struct owner *owner, struct holding *holding);

/* Takes up what the journal holds. */
int owner_take_up(struct owner *owner) CHECKED;

/* Begins and ends the flow of a holding that has one here. */
int owner_attach(struct owner *owner, struct holding *holding, const struct program *program,
                 uint32_t hop_count, const uint8_t hops[][16]) CHECKED;
void owner_detach(struct owner *owner, struct holding *holding);
/* Between which addresses the blobs of a holding travel. */
void owner_find_transfer(const struct owner *owner, const struct holding *holding,
                         const struct program *program, struct owner_transfer *ret_transfer);

/* ACCEPTED or RUNNING. */
void owner_answer(struct owner *owner, const struct holding *holding, enum answer_type type);
/* GRANTED: `program` is the one that is answered. */
void owner_answer_grant(struct owner *owner, const struct holding *holding, const struct program *program);
void owner_answer_refusal(struct owner *owner, const struct holding *holding,
                          const struct book_refusal *refusal);
void owner_answer_receipt(struct owner *owner, const struct holding *holding);
void owner_answer_result(struct owner *owner, const struct holding *holding);

/* Index of a service that an execute names, or UNKNOWN_SERVICE; checks price and executor too. */
int owner_check_execute(const struct owner *owner, const struct program *program,
                        const struct program_execute *execute);
/* Gets the input if it is not here, else starts the run. */
void owner_stage(struct owner *owner, struct holding *holding);
extern const outbox_send owner_staged; /* of owner->starts */
/*
 * The end of a holding: receipt, journal, book, answers. May be called again when the journal could not be
 * written; until then nothing is answered.
 */
void owner_finish(struct owner *owner, struct holding *holding, const char *event);
/* Whether it ended with an output too large for an answer. */
bool owner_has_output(const struct holding *holding);
/* Nothing is held any more of a holding that has ended, its path neither. */
void owner_let_go(struct owner *owner, struct holding *holding);
/* A release: `error` 0 bills what was used, a negative code bills nothing. */
void owner_release(struct owner *owner, struct holding *holding, int error);
/* Expiry, checkpoint and repetition of one holding that is due; it may be gone afterwards. */
void owner_tend(struct owner *owner, struct holding *holding);

#endif
