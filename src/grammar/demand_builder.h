/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A demand under construction: both readers call these functions, statement by statement. Problems go to
 * the report; the first one sticks and makes what is built worthless.
 */
#ifndef GRAMMAR_DEMAND_BUILDER_H
#define GRAMMAR_DEMAND_BUILDER_H

#include "base/arena.h"
#include "base/compiler.h"
#include "grammar/report.h"
#include "grammar/statement.h"
#include "grammar/token.h"
#include "model/demand.h"
#include <stdbool.h>
#include <stdint.h>

struct demand_builder {
	struct report *report;
	struct arena *arena;
	struct token place; /* of the demand, for what is wrong with all of it */
	struct demand demand;
	struct demand_stage *stage; /* the open one, or NULL */
	uint32_t made, stage_made;  /* bit per statement made in the demand and in the open stage */
};
_Static_assert(STATEMENTS <= 32, "statements fit their bits");

void demand_builder_open(struct demand_builder *builder, struct report *report, struct arena *arena);

/* Says at `place` that a statement is made; a second time is an error. */
void demand_builder_enter(struct demand_builder *builder, enum statement statement,
                          const struct token *place);
/* The value, or one more value, of a statement entered before. */
void demand_builder_put(struct demand_builder *builder, enum statement statement, const struct token *value);
/* Both at once. */
void demand_builder_set(struct demand_builder *builder, enum statement statement, const struct token *place,
                        const struct token *value);

void demand_builder_argument(struct demand_builder *builder, const struct token *text);
void demand_builder_need(struct demand_builder *builder, const struct token *kind, const struct token *amount,
                         bool each);
void demand_builder_work(struct demand_builder *builder, const struct token *kind,
                         const struct token *amount);
/* `blob` may be absent (size 0). */
void demand_builder_data(struct demand_builder *builder, const struct token *size,
                         const struct token *direction, bool each, const struct token *blob);
void demand_builder_split(struct demand_builder *builder, bool exactly, const struct token *parts);
void demand_builder_split_least(struct demand_builder *builder, const struct token *kind,
                                const struct token *amount);

/* Statements of the body go to the stage until it is closed. */
void demand_builder_stage_open(struct demand_builder *builder, const struct token *place);
void demand_builder_stage_name(struct demand_builder *builder, const struct token *name);
void demand_builder_stage_after(struct demand_builder *builder, const struct token *name);
void demand_builder_stage_close(struct demand_builder *builder);

/* Checks the whole and hands it over; the report's code otherwise. */
int demand_builder_finish(struct demand_builder *builder, struct demand *ret_demand) CHECKED;

#endif
