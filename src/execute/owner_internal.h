/* SPDX-License-Identifier: Apache-2.0 */
/* What owner.c (programs in, answers out) and owner_run.c (the life of a run) share. */
#ifndef EXECUTE_OWNER_INTERNAL_H
#define EXECUTE_OWNER_INTERNAL_H

#include "base/hash.h"
#include "base/slab.h"
#include "execute/holding.h"

struct owner {
	struct owner_settings settings;
	struct owner_rooms rooms;
	struct owner_ports ports;
	struct slab *slab;
	struct hash *holdings; /* program id -> struct holding */
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

int64_t owner_wall(const struct owner *owner);
int64_t owner_monotonic(const struct owner *owner);
/* The only place where a holding's state changes; logs old, event and new. */
void owner_set_state(struct owner *owner, struct holding *holding, enum holding_state state,
                     const char *event);
/* The holding in memory, else from the journal; NULL when there is none. */
struct holding *owner_find(struct owner *owner, const struct identifier *program);
void owner_forget(struct owner *owner, struct holding *holding);

void owner_answer(struct owner *owner, const struct holding *holding, enum answer_type type);
void owner_answer_receipt(struct owner *owner, struct holding *holding);
void owner_answer_result(struct owner *owner, struct holding *holding);

/* Index of a service that an execute names, or UNKNOWN_SERVICE; checks price and executor too. */
int owner_check_execute(const struct owner *owner, const struct holding *holding,
                        const struct program_execute *execute);
/* Gets the input if it is not here, else starts the run. */
void owner_stage(struct owner *owner, struct holding *holding);
/*
 * The end of a holding: receipt, journal, book, answers. May be called again when the journal could not be
 * written; until then nothing is answered.
 */
void owner_finish(struct owner *owner, struct holding *holding, const char *event);
/* A release: `error` 0 bills what was used, a negative code bills nothing. */
void owner_release(struct owner *owner, struct holding *holding, int error);
/*
 * Expiry, checkpoint and repetition of one holding, which may be gone afterwards; returns when it wants the
 * next look.
 */
int64_t owner_tend(struct owner *owner, struct holding *holding);

#endif
