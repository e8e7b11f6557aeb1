/* SPDX-License-Identifier: Apache-2.0 */
#include "model/money.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/unit.h"
#include <stdio.h>

__extension__ typedef unsigned __int128 wide;

int money_charge(uint64_t amount, uint64_t scale, int64_t time, money tariff, money *ret_charge)
{
	wide product, divisor;

	if (time < 0 || tariff < 0)
		return BUSBAR_ERROR_AMOUNT_NEGATIVE;
	if (__builtin_mul_overflow((wide)amount * (uint64_t)time, (wide)tariff, &product))
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	divisor = (wide)scale * (uint64_t)CLOCK_SECOND;
	if (__builtin_add_overflow(product, divisor / 2, &product))
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	product /= divisor;
	if (product > (wide)INT64_MAX)
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	*ret_charge = (money)product;
	return 0;
}

int money_add(money a, money b, money *ret_sum)
{
	money sum;

	if (__builtin_add_overflow(a, b, &sum))
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	*ret_sum = sum;
	return 0;
}

char *money_text(money amount, char text[MONEY_TEXT])
{
	char digits[UNIT_TEXT];
	uint64_t magnitude = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;

	if (magnitude > INT64_MAX) /* the one value whose magnitude has no signed form */
		(void)snprintf(text, MONEY_TEXT, "-9223372036.854775808");
	else
		(void)snprintf(text, MONEY_TEXT, "%s%.30s", amount < 0 ? "-" : "",
		               unit_format_decimal((int64_t)magnitude, MONEY_UNIT, digits));
	return text;
}

int money_parse(const char *text, money *ret_amount)
{
	return unit_parse_decimal(text, MONEY_UNIT, ret_amount);
}
