/* SPDX-License-Identifier: Apache-2.0 */
#include "model/receipt.h"

#include "base/clock.h"
#include "base/error.h"
#include "model/link.h"

int receipt_line_charge(const struct receipt_line *line, money *ret_charge)
{
	switch (line->kind) {
	case LINE_RESOURCE:
		if ((unsigned)line->resource >= RESOURCE_KINDS)
			return BUSBAR_ERROR_UNKNOWN_KIND;
		return money_charge(line->amount, resource_descriptions[line->resource].price_scale,
		                    line->time, line->tariff, ret_charge);
	case LINE_LINK:
		return money_charge(line->amount, LINK_PRICE_SCALE, line->time, line->tariff, ret_charge);
	case LINE_CALL:
		return money_charge(line->amount, 1, CLOCK_SECOND, line->tariff, ret_charge);
	case LINE_KINDS:
		break;
	}
	return BUSBAR_ERROR_BAD_VALUE;
}

int receipt_total(const struct receipt *receipt, money *ret_total)
{
	money total = 0;

	if (receipt->line_count > RECEIPT_LINES)
		return BUSBAR_ERROR_TOO_LARGE;
	for (uint32_t i = 0; i < receipt->line_count; i++) {
		money charge;
		int code = receipt_line_charge(&receipt->lines[i], &charge);

		if (code < 0)
			return code;
		if (charge != receipt->lines[i].charge)
			return BUSBAR_ERROR_LEDGER;
		code = money_add(total, charge, &total);
		if (code < 0)
			return code;
	}
	*ret_total = total;
	return 0;
}
