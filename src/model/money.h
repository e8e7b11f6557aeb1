/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money: integer nano-units of the one configured currency. Products are taken in 128 bits and rounded
 * once per ledger line, half away from zero; overflow is an error, never a wrapped number.
 */
#ifndef MODEL_MONEY_H
#define MODEL_MONEY_H

#include "base/compiler.h"
#include <stdint.h>

typedef int64_t money;

#define MONEY_UNIT INT64_C(1000000000)

/*
 * amount x time x tariff / (scale x 1 s): what `amount` (base units of a resource) held for `time`
 * nanoseconds costs at `tariff` per `scale` base units and second. All arguments >= 0, scale > 0.
 * AMOUNT_OVERFLOW when it does not fit.
 */
int money_charge(uint64_t amount, uint64_t scale, int64_t time, money tariff, money *ret_charge) CHECKED;
int money_add(money a, money b, money *ret_sum) CHECKED;
enum { MONEY_TEXT = 32 };
/* Decimal without trailing zeros: "0.0134". */
char *money_text(money amount, char text[MONEY_TEXT]);
int money_parse(const char *text, money *ret_amount) CHECKED;

#endif
