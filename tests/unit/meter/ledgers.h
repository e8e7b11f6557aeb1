/* SPDX-License-Identifier: Apache-2.0 */
/* Short forms of the ledger's calls, for programs that are named by a number and owners by their site. */
#ifndef TESTS_UNIT_METER_LEDGERS_H
#define TESTS_UNIT_METER_LEDGERS_H

#include "meter/ledger.h"
#include "receipts.h"

static inline struct ledger *open_ledger(struct place *place, uint32_t fee)
{
	struct ledger *ledger = NULL;

	T_OK(ledger_open(place->database, fee, &ledger));
	return ledger;
}

static inline money balance(struct ledger *ledger, const char *account)
{
	money amount = -1;

	T_OK(ledger_balance(ledger, account, &amount));
	return amount;
}

static inline int post(struct ledger *ledger, uint64_t number, uint32_t site, money total)
{
	struct receipt receipt = make_receipt(number_identifier(number), gateway(site), total);

	return ledger_post(ledger, &receipt, NOW);
}

static inline int excuse(struct ledger *ledger, uint64_t number, uint32_t site)
{
	struct identifier program = number_identifier(number);

	return ledger_excuse(ledger, &program, gateway(site), NOW);
}

static inline int closed(struct ledger *ledger, uint64_t number)
{
	struct identifier program = number_identifier(number);

	return ledger_closed(ledger, &program);
}

static inline struct ledger_check checked(struct ledger *ledger)
{
	struct ledger_check check;

	memset(&check, 0xff, sizeof(check));
	T_OK(ledger_check(ledger, &check));
	T_EQ(check.entries_sum, 0);
	T_EQ(check.unbalanced, 0);
	T_EQ(check.escrow, check.open_holds);
	return check;
}

#endif
