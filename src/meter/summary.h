/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Summaries of receipts, for both sides of the proof that what was metered is what was billed.
 *
 * Receipts with a total of 0 are not counted: an owner that held nothing may have been excused.
 */
#ifndef METER_SUMMARY_H
#define METER_SUMMARY_H

#include "base/compiler.h"
#include "meter/ledger.h"

/* Fills `summaries` from receipts that come ordered by gateway. */
struct summary_builder {
	struct ledger_summary *summaries;
	uint32_t maximum, count;
	uint32_t dropped; /* gateways past the maximum */
	struct gateway_identity last;
};

/* Counts the receipt of `program` for `gateway`. AMOUNT_OVERFLOW, or what seal_digest() gives. */
int summary_add(struct summary_builder *builder, struct gateway_identity gateway,
                const struct identifier *program, money total) CHECKED;

#endif
