/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof over all gateways that the accounts are right, from their ledger documents alone:
 *   every ledger balances, its entries sum to zero, and its escrow equals its open holds;
 *   for every ingress I and owner O, what I billed for O's receipts equals what O metered for I: number,
 *   total and digest of the receipts (absent: none);
 *   every gateway that one of them names was asked, and answered;
 *   nothing is held and no program is open, unless open ones are allowed.
 * Money is compared as the canonical text that it travels as. Nothing that is missing passes.
 */
#ifndef CLI_LEDGER_PROOF_H
#define CLI_LEDGER_PROOF_H

#include "base/compiler.h"
#include "model/money.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ledger_proof {
	json_t *problems; /* array of texts; a reference of the caller's */
	uint64_t entries, open_programs, holdings;
	money escrow;
};

/*
 * `answers`: an array of ledger documents, each with "address", where it came from; an answer that failed has
 * "error" (text) instead. 0 when the proof was made, whatever it found; -ENOMEM.
 */
int ledger_proof_make(const json_t *answers, bool allow_open, struct ledger_proof *ret_proof) CHECKED;
/* Entry of gateway `identity` in a document's list ("billed", "metered"); NULL when absent. */
const json_t *ledger_proof_entry(const json_t *document, const char *list, const char *identity);

#endif
