/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program under construction. The parser calls these functions in the order of the text; problems go
 * to the report, and the first one makes what is built worthless.
 */
#ifndef GRAMMAR_PROGRAM_BUILDER_H
#define GRAMMAR_PROGRAM_BUILDER_H

#include "base/compiler.h"
#include "grammar/report.h"
#include "grammar/token.h"
#include "grammar/value.h"
#include "model/program.h"

struct program_builder {
	struct report *report;
	const struct grammar_names *names; /* or NULL */
	struct token place;                /* of the program */
	struct program program;
	struct instruction *current;
};

void program_builder_open(struct program_builder *builder, struct report *report,
                          const struct grammar_names *names);
void program_builder_head(struct program_builder *builder, const struct token *identifier,
                          const struct token *ingress, const struct token *part, const struct token *parts,
                          const struct token *expires);

/* A new instruction at this gateway; the functions below fill the latest one. */
void program_builder_at(struct program_builder *builder, const struct token *gateway);
void program_builder_operation(struct program_builder *builder, enum operation operation);

/* Optional tokens are absent with size 0, and their fields 0 then. */
struct program_direction {
	struct token rate, burst, jitter, gateway, tariff;
};
void program_builder_toward(struct program_builder *builder, const struct token *place,
                            const struct program_direction *direction);
void program_builder_back(struct program_builder *builder, const struct token *place,
                          const struct program_direction *direction);
void program_builder_reserve(struct program_builder *builder, const struct token *class,
                             const struct token *time, const struct token *limit);
void program_builder_resource(struct program_builder *builder, const struct token *kind,
                              const struct token *amount, const struct token *tariff,
                              const struct token *limit);
void program_builder_claim(struct program_builder *builder, const struct token *time);
void program_builder_fetch(struct program_builder *builder, const struct token *digest,
                           const struct token *size);
void program_builder_service(struct program_builder *builder, const struct token *service,
                             const struct token *version);
void program_builder_argument(struct program_builder *builder, const struct token *text);
void program_builder_execute(struct program_builder *builder, const struct token *tariff,
                             const struct token *limit, const struct token *inlined);
void program_builder_deliver(struct program_builder *builder, const struct token *to,
                             const struct token *address, const struct token *port,
                             const struct token *output);
void program_builder_attach(struct program_builder *builder, const struct token *client,
                            const struct token *service);
void program_builder_refresh(struct program_builder *builder, const struct token *time);
/* `cause`: `done`, the name of an error, or its negative number. */
void program_builder_release(struct program_builder *builder, const struct token *cause);

/* Checks the whole and hands it over; the report's code otherwise. */
int program_builder_finish(struct program_builder *builder, struct program *ret_program) CHECKED;

#endif
