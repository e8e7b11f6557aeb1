/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts: what a line costs, and totals that are recomputed, never believed. */
#include "base/clock.h"
#include "model/link.h"
#include "model/receipt.h"
#include "t.h"

static money charge_of(const struct receipt_line *line)
{
	money charge = -1;

	T_OK(receipt_line_charge(line, &charge));
	return charge;
}

static void test_line_charges(void **state)
{
	struct receipt_line line = {.kind = LINE_RESOURCE, .time = 3 * CLOCK_SECOND, .tariff = 1000};

	for (int kind = 0; kind < RESOURCE_KINDS; kind++) {
		line.resource = (enum resource_kind)kind;
		line.amount = 2 * resource_descriptions[kind].price_scale;
		T_EQ(charge_of(&line), 6000);
	}
	line.kind = LINE_LINK;
	line.amount = 20 * LINK_PRICE_SCALE;
	T_EQ(charge_of(&line), 60000);
	/* Calls cost their tariff each, whatever their time. */
	line.kind = LINE_CALL;
	line.amount = 1;
	T_EQ(charge_of(&line), 1000);
	line.amount = 7;
	line.time = -5;
	T_EQ(charge_of(&line), 7000);
	line.amount = 0;
	T_EQ(charge_of(&line), 0);
}

static void test_line_refuses(void **state)
{
	struct receipt_line line = {.kind = LINE_RESOURCE, .amount = 1, .time = 1, .tariff = 1};
	money charge = 77;

	line.resource = RESOURCE_KINDS;
	T_ERROR(receipt_line_charge(&line, &charge), BUSBAR_ERROR_UNKNOWN_KIND);
	line.resource = (enum resource_kind)255;
	T_ERROR(receipt_line_charge(&line, &charge), BUSBAR_ERROR_UNKNOWN_KIND);
	line.resource = RESOURCE_CPU;
	line.time = -1;
	T_ERROR(receipt_line_charge(&line, &charge), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	line.time = 1;
	line.tariff = -1;
	for (int kind = 0; kind < LINE_KINDS; kind++) {
		line.kind = (enum receipt_line_kind)kind;
		T_ERROR(receipt_line_charge(&line, &charge), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	}
	line.kind = LINE_KINDS;
	T_ERROR(receipt_line_charge(&line, &charge), BUSBAR_ERROR_BAD_VALUE);
	line = (struct receipt_line){.amount = UINT64_MAX, .time = INT64_MAX, .tariff = INT64_MAX};
	T_ERROR(receipt_line_charge(&line, &charge), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_EQ(charge, 77);
}

static struct receipt sample(void)
{
	return (struct receipt){
	        .line_count = 3,
	        .lines = {{.kind = LINE_CALL, .amount = 1, .tariff = 50, .charge = 50},
	                  {.kind = LINE_RESOURCE,
	                   .resource = RESOURCE_CPU,
	                   .amount = 1500000,
	                   .time = CLOCK_SECOND,
	                   .tariff = 3,
	                   .charge = 5}, /* 4.5 */
	                  {.kind = LINE_LINK,
	                   .amount = LINK_PRICE_SCALE,
	                   .time = CLOCK_SECOND / 2,
	                   .tariff = 200,
	                   .charge = 100}},
	};
}

static void test_total(void **state)
{
	struct receipt receipt = sample();
	money total = -1;

	T_OK(receipt_total(&receipt, &total));
	T_EQ(total, 155);
	receipt.line_count = 0;
	T_OK(receipt_total(&receipt, &total));
	T_EQ(total, 0);
}

static void test_total_refuses_wrong_charges(void **state)
{
	static const money wrong[] = {-1, 1, INT64_C(1) << 32, -50};
	money total = 77;

	for (uint32_t line = 0; line < 3; line++) {
		for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
			struct receipt receipt = sample();

			receipt.lines[line].charge += wrong[i];
			T_ERROR(receipt_total(&receipt, &total), BUSBAR_ERROR_LEDGER);
		}
	}
	/* Two wrongs that add up to the right sum. */
	struct receipt receipt = sample();

	receipt.lines[0].charge += 1;
	receipt.lines[1].charge -= 1;
	T_ERROR(receipt_total(&receipt, &total), BUSBAR_ERROR_LEDGER);
	T_EQ(total, 77);
}

static void test_total_limits(void **state)
{
	struct receipt receipt = sample();
	money total = 77;

	receipt.line_count = RECEIPT_LINES + 1;
	T_ERROR(receipt_total(&receipt, &total), BUSBAR_ERROR_TOO_LARGE);
	receipt.line_count = UINT32_MAX;
	T_ERROR(receipt_total(&receipt, &total), BUSBAR_ERROR_TOO_LARGE);
	receipt.line_count = RECEIPT_LINES;
	for (uint32_t i = 0; i < RECEIPT_LINES; i++)
		receipt.lines[i] =
		        (struct receipt_line){.kind = LINE_CALL, .amount = 1, .tariff = 7, .charge = 7};
	T_OK(receipt_total(&receipt, &total));
	T_EQ(total, 7 * RECEIPT_LINES);
	receipt.lines[3].tariff = receipt.lines[3].charge = INT64_MAX;
	T_ERROR(receipt_total(&receipt, &total), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	receipt.lines[5].kind = LINE_KINDS;
	receipt.lines[3].tariff = receipt.lines[3].charge = 7;
	T_ERROR(receipt_total(&receipt, &total), BUSBAR_ERROR_BAD_VALUE);
	T_EQ(total, 7 * RECEIPT_LINES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_line_charges), cmocka_unit_test(test_line_refuses),
	        cmocka_unit_test(test_total),        cmocka_unit_test(test_total_refuses_wrong_charges),
	        cmocka_unit_test(test_total_limits),
	};

	return T_RUN(tests);
}
