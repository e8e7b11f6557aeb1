/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An owner's usage journal: the receipts that it wrote, kept until (and after) the ingress has
 * acknowledged them. Unique by program: every holding ends in exactly one receipt.
 */
#ifndef METER_USAGE_H
#define METER_USAGE_H

#include "base/compiler.h"
#include "base/database.h"
#include "meter/ledger.h"
#include "model/receipt.h"

struct usage;

int usage_open(struct database *database, struct usage **ret_usage) CHECKED;
struct usage *usage_close(struct usage *usage);

/* Writes a receipt; a second one for the program is DUPLICATE and changes nothing. Joins a transaction. */
int usage_put(struct usage *usage, const struct receipt *receipt) CHECKED;
/* The same by a caller who knows that there was none before: what is not in memory is not looked for. */
int usage_put_first(struct usage *usage, const struct receipt *receipt) CHECKED;
int usage_get(struct usage *usage, const struct identifier *program, struct receipt *ret_receipt) CHECKED;
/* The ingress has it. NOT_FOUND. */
int usage_acknowledge(struct usage *usage, const struct identifier *program) CHECKED;
/* Receipts not yet acknowledged, oldest first, at most `maximum`; returns the count. */
int usage_pending(struct usage *usage, struct receipt *ret_receipts, uint32_t maximum) CHECKED;
/* Per ingress (in the `owner` field): see struct ledger_summary. Returns the count. */
int usage_summary(struct usage *usage, struct ledger_summary *ret_summaries, uint32_t maximum) CHECKED;

#endif
