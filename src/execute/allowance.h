/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allowances: money that tenants have put aside for calls of this gateway's resident services.
 *
 * An allowance is a hold of the ledger with this gateway as its only owner. A call takes its price from what
 * is left of it before it runs, in memory, on any thread; what was called is counted when it has ended, and
 * written down every ALLOWANCE_PERIOD. So at most the calls of that time are lost to the operator when power
 * fails, never any money to the tenant: what was not written down goes back. An allowance that is used up to
 * a half or has grown old ends in a receipt, as every program does, and the next one begins; money that calls
 * under way have taken counts for the next.
 *
 * Invariant, per tenant: amount = left + taken by calls under way + counted since the allowance began.
 */
#ifndef EXECUTE_ALLOWANCE_H
#define EXECUTE_ALLOWANCE_H

#include "base/clock.h"
#include "base/compiler.h"
#include "base/database.h"
#include "base/random.h"
#include "meter/ledger.h"
#include "meter/usage.h"
#include <stdbool.h>

struct allowances;

/* How long a call may go without being written down. */
#define ALLOWANCE_PERIOD (10 * CLOCK_MILLISECOND)
/* Services have a line each in the receipt. */
enum { ALLOWANCE_SERVICES = RECEIPT_LINES };

struct allowance_tenant {
	const char *name;
	money amount; /* 0: none */
};

struct allowance_settings {
	struct gateway_identity identity;
	const char *supplier; /* who is paid */
	struct clock clock;
	uint64_t seed;
	const struct allowance_tenant *tenants; /* outlive the handle */
	uint32_t tenant_count;
	money tariffs[ALLOWANCE_SERVICES]; /* per call */
	uint32_t service_count;
};

/* Settles what a former life left, then opens an allowance for everyone who has one and the money for it. */
int allowances_create(const struct allowance_settings *settings, struct database *database,
                      struct ledger *ledger, struct usage *usage, struct allowances **ret_allowances) CHECKED;
/* What is open stays in the database, for the next life. Accepts NULL, returns NULL. */
struct allowances *allowances_free(struct allowances *allowances);

bool allowance_has(const struct allowances *allowances, uint32_t tenant);
/* Takes the price of a call; false when too little is left. Any thread. */
bool allowance_take(struct allowances *allowances, uint32_t tenant, uint32_t service);
/* The call has ended: it is counted (and billed), or its price goes back. Any thread. */
void allowance_count(struct allowances *allowances, uint32_t tenant, uint32_t service);
void allowance_return(struct allowances *allowances, uint32_t tenant, uint32_t service);

/* Writes down and settles. Returns when it wants to be called again (monotonic clock, ns). */
int64_t allowances_tick(struct allowances *allowances);

/* What is left for calls, and what was called in this life. */
money allowance_left(const struct allowances *allowances, uint32_t tenant);
uint64_t allowance_calls(const struct allowances *allowances, uint32_t tenant, uint32_t service);

#endif
