/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of a demand: one table for the text and the YAML form, readers and printers. A row
 * names a statement (in text its words, in YAML its key), says where it may stand and, unless it is
 * composite, which field it fills and how.
 *
 * Invariant: a field that is zero or empty is a statement that was not made.
 */
#ifndef GRAMMAR_STATEMENT_H
#define GRAMMAR_STATEMENT_H

#include "base/compiler.h"
#include "grammar/printer.h"
#include "grammar/report.h"
#include "grammar/token.h"
#include "grammar/value.h"
#include <stdbool.h>
#include <stddef.h>

/* In canonical order. */
enum statement {
	STATEMENT_DEMAND,
	STATEMENT_SERVICE,
	STATEMENT_VERSION,
	STATEMENT_RUN,
	STATEMENT_RESERVE,
	STATEMENT_NEED,
	STATEMENT_FOR,
	STATEMENT_WORK,
	STATEMENT_NETWORK_WITHIN,
	STATEMENT_GUARANTEED,
	STATEMENT_RESPOND_WITHIN,
	STATEMENT_FINISH_WITHIN,
	STATEMENT_BANDWIDTH,
	STATEMENT_UP,
	STATEMENT_DOWN,
	STATEMENT_BURST,
	STATEMENT_DATA,
	STATEMENT_SPLIT,
	STATEMENT_STAGES,
	STATEMENT_STAGE,
	STATEMENT_AFTER,
	STATEMENT_BUDGET,
	STATEMENT_PREFER,
	STATEMENT_REGION,
	STATEMENT_OPERATOR,
	STATEMENT_MODEL,
	STATEMENT_TRUST,
	STATEMENT_AFFINITY,
	STATEMENT_OFFLOAD,
	STATEMENTS,
};

enum statement_scope {
	SCOPE_DEMAND = 1,    /* fields of struct demand */
	SCOPE_STAGE = 2,     /* a stage's own name and order */
	SCOPE_BODY = 4,      /* fields of struct demand_body: in a demand and in a stage */
	SCOPE_BANDWIDTH = 8, /* fields of struct demand_body, inside `bandwidth` */
	SCOPE_NEED = 16,
};

enum statement_type {
	STATEMENT_COMPOSITE, /* has functions of its own */
	STATEMENT_NUMBER,
	STATEMENT_NAME,
	STATEMENT_TEXT,
	STATEMENT_CHOICE,
	STATEMENT_FLAG,
	STATEMENT_TEXTS,   /* a list */
	STATEMENT_CHOICES, /* a list */
};

const char *statement_name(enum statement statement);
enum statement_scope statement_scope(enum statement statement);
enum statement_type statement_type(enum statement statement);
/* The statement of this name in one of the scopes; STATEMENTS when there is none. */
enum statement statement_find(const struct token *name, unsigned scopes);

/* Fills the field inside `base`, the demand or the body; appends to a list. Not for composites. */
int statement_set(enum statement statement, struct report *report, const struct token *token, void *base);
bool statement_present(enum statement statement, const void *base);
/* A space and the value or values. */
void statement_print_value(enum statement statement, struct printer *printer, const void *base);
/* All of a statement that is present; nothing of one that is not. */
void statement_print(enum statement statement, struct printer *printer, const void *base);

#endif
