/* SPDX-License-Identifier: Apache-2.0 */
/* Money: charges against long arithmetic digit by digit, rounding, overflow, text. */
#include "base/clock.h"
#include "base/random.h"
#include "model/money.h"
#include "t.h"

/*
 * The reference multiplies and divides in 32-bit limbs by hand: amount x time x tariff has 192 bits at
 * most. Small and slow, and nothing of it is like the function under test.
 */
enum { LIMBS = 8 };

struct number {
	uint32_t limbs[LIMBS]; /* least first */
};

static void multiply(struct number *number, uint64_t factor)
{
	struct number result = {{0}};

	for (int half = 0; half < 2; half++) {
		uint64_t digit = half == 0 ? factor & UINT32_MAX : factor >> 32;
		uint64_t carry = 0;

		for (int i = 0; i + half < LIMBS; i++) {
			carry += number->limbs[i] * digit + result.limbs[i + half];
			result.limbs[i + half] = (uint32_t)carry;
			carry >>= 32;
		}
	}
	*number = result;
}

/* Divides by 32 bits; the remainder comes back. */
static uint32_t divide(struct number *number, uint32_t divisor)
{
	uint64_t rest = 0;

	for (int i = LIMBS; i-- > 0;) {
		rest = rest << 32 | number->limbs[i];
		number->limbs[i] = (uint32_t)(rest / divisor);
		rest %= divisor;
	}
	return (uint32_t)rest;
}

/*
 * scale is a product of two factors below 2^32. Twice the product is divided, so that the last bit of the
 * quotient is the half: half away from zero is quotient / 2, plus one when it is odd.
 */
static int charge_reference(uint64_t amount, uint32_t scale, int64_t time, money tariff, money *ret_charge)
{
	struct number number = {{1}};
	uint64_t twice;

	multiply(&number, amount);
	multiply(&number, (uint64_t)time);
	multiply(&number, (uint64_t)tariff);
	multiply(&number, 2);
	(void)divide(&number, scale);
	(void)divide(&number, (uint32_t)CLOCK_SECOND);
	for (int i = 2; i < LIMBS; i++)
		if (number.limbs[i] != 0)
			return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	twice = (uint64_t)number.limbs[1] << 32 | number.limbs[0];
	if (twice == UINT64_MAX) /* rounds up to 2^63 */
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	*ret_charge = (money)(twice / 2 + twice % 2);
	return 0;
}

static void compare(uint64_t amount, uint32_t scale, int64_t time, money tariff)
{
	money expected = -1, charge = -1;
	int wanted = charge_reference(amount, scale, time, tariff, &expected);
	int code = money_charge(amount, scale, time, tariff, &charge);

	if (code != wanted || charge != expected)
		fail_msg("%" PRIu64 " x %" PRId64 " x %" PRId64 " / %" PRIu32 ": %d, %" PRId64
		         ", expected %d, %" PRId64,
		         amount, time, tariff, scale, code, charge, wanted, expected);
}

static const uint32_t scales[] = {1, 3, 1000, 1000000, 1u << 30, UINT32_MAX};

static void test_charge_random(void **state)
{
	struct random random;

	random_seed(&random, 7);
	for (int i = 0; i < 300000; i++)
		compare(random_u64(&random) >> random_below(&random, 64),
		        scales[random_below(&random, ARRAY_SIZE(scales))],
		        (int64_t)(random_u64(&random) >> (1 + random_below(&random, 63))),
		        (money)(random_u64(&random) >> (1 + random_below(&random, 63))));
}

static void test_charge_extremes(void **state)
{
	static const uint64_t values[] = {
	        0,         1,         2,          3,          499999999,     500000000,
	        500000001, 999999999, 1000000000, UINT32_MAX, INT64_MAX - 1, INT64_MAX,
	};

	for (size_t a = 0; a < ARRAY_SIZE(values); a++)
		for (size_t t = 0; t < ARRAY_SIZE(values); t++)
			for (size_t p = 0; p < ARRAY_SIZE(values); p++)
				for (size_t s = 0; s < ARRAY_SIZE(scales); s++)
					compare(values[a], scales[s], (int64_t)values[t], (money)values[p]);
	for (size_t t = 0; t < ARRAY_SIZE(values); t++)
		for (size_t p = 0; p < ARRAY_SIZE(values); p++)
			compare(UINT64_MAX, 1, (int64_t)values[t], (money)values[p]);
}

static void test_charge_rounding(void **state)
{
	static const struct {
		int64_t time;
		money charge;
	} cases[] = {
	        {0, 0},         {1, 0},          {499999999, 0},  {500000000, 1},
	        {500000001, 1}, {1499999999, 1}, {1500000000, 2}, {2500000000, 3},
	};
	money charge;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		T_OK(money_charge(1, 1, cases[i].time, 1, &charge));
		T_EQ(charge, cases[i].charge);
	}
	/* An odd divisor: a third of one is none, two thirds are one. */
	T_OK(money_charge(1, 3, CLOCK_SECOND, 1, &charge));
	T_EQ(charge, 0);
	T_OK(money_charge(2, 3, CLOCK_SECOND, 1, &charge));
	T_EQ(charge, 1);
}

static void test_charge_of_daily_life(void **state)
{
	money charge;

	/* Two and a half cores for a minute and a half at 0.01 per core second. */
	T_OK(money_charge(2500000, 1000000, 90 * CLOCK_SECOND, MONEY_UNIT / 100, &charge));
	T_EQ(charge, 2250000000);
	/* A terabyte for a year is no overflow. */
	T_OK(money_charge(UINT64_C(1) << 40, UINT64_C(1) << 30, 365 * 86400 * CLOCK_SECOND, 10, &charge));
	T_EQ(charge, INT64_C(10) * 1024 * 365 * 86400);
	/* A core millisecond at one nano-unit per core second. */
	T_OK(money_charge(1000000, 1000000, CLOCK_MILLISECOND, 1, &charge));
	T_EQ(charge, 0);
}

static void test_charge_refuses(void **state)
{
	money charge = 77;

	T_ERROR(money_charge(1, 1, -1, 1, &charge), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	T_ERROR(money_charge(1, 1, 1, -1, &charge), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	T_ERROR(money_charge(1, 1, INT64_MIN, INT64_MIN, &charge), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	T_ERROR(money_charge(UINT64_MAX, 1, INT64_MAX, INT64_MAX, &charge), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_ERROR(money_charge(2, 1, CLOCK_SECOND, INT64_MAX, &charge), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_EQ(charge, 77);
	T_OK(money_charge(1, 1, CLOCK_SECOND, INT64_MAX, &charge));
	T_EQ(charge, INT64_MAX);
	T_OK(money_charge(0, 1, INT64_MAX, INT64_MAX, &charge));
	T_EQ(charge, 0);
	/* Any scale: twice the largest amount at half the price of one. */
	T_OK(money_charge(UINT64_MAX, UINT64_MAX, CLOCK_SECOND, 5, &charge));
	T_EQ(charge, 5);
}

static void test_add(void **state)
{
	money sum = 77;

	T_OK(money_add(INT64_MAX - 1, 1, &sum));
	T_EQ(sum, INT64_MAX);
	T_OK(money_add(INT64_MIN + 1, -1, &sum));
	T_EQ(sum, INT64_MIN);
	T_OK(money_add(INT64_MIN, INT64_MAX, &sum));
	T_EQ(sum, -1);
	T_ERROR(money_add(INT64_MAX, 1, &sum), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_ERROR(money_add(INT64_MIN, -1, &sum), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_EQ(sum, -1);
	/* In place, as sums are run. */
	T_OK(money_add(sum, 3, &sum));
	T_EQ(sum, 2);
}

static void test_text(void **state)
{
	static const struct {
		money amount;
		const char *text;
	} cases[] = {
	        {0, "0"},
	        {1, "0.000000001"},
	        {13400000, "0.0134"},
	        {MONEY_UNIT, "1"},
	        {12 * MONEY_UNIT + 500000000, "12.5"},
	        {-1, "-0.000000001"},
	        {-MONEY_UNIT, "-1"},
	        {INT64_MAX, "9223372036.854775807"},
	        {-INT64_MAX, "-9223372036.854775807"},
	        {INT64_MIN, "-9223372036.854775808"},
	};
	char text[MONEY_TEXT];
	money amount;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		T_TEXT(money_text(cases[i].amount, text), cases[i].text);
		if (cases[i].amount < 0)
			continue;
		T_OK(money_parse(text, &amount));
		T_EQ(amount, cases[i].amount);
	}
}

static void test_parse_refuses(void **state)
{
	money amount = 77;

	T_ERROR(money_parse("", &amount), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(money_parse("x", &amount), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(money_parse("1.", &amount), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(money_parse("0.0000000001", &amount), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(money_parse("-1", &amount), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	T_ERROR(money_parse("9223372036.854775808", &amount), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_ERROR(money_parse("1 EUR", &amount), BUSBAR_ERROR_UNKNOWN_UNIT);
	T_EQ(amount, 77);
}

static void test_text_round_trip(void **state)
{
	struct random random;

	random_seed(&random, 8);
	for (int i = 0; i < 100000; i++) {
		money from = (money)(random_u64(&random) >> (1 + random_below(&random, 63)));
		char text[MONEY_TEXT];
		money to;

		T_OK(money_parse(money_text(from, text), &to));
		T_EQ(to, from);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_charge_random),
	        cmocka_unit_test(test_charge_extremes),
	        cmocka_unit_test(test_charge_rounding),
	        cmocka_unit_test(test_charge_of_daily_life),
	        cmocka_unit_test(test_charge_refuses),
	        cmocka_unit_test(test_add),
	        cmocka_unit_test(test_text),
	        cmocka_unit_test(test_parse_refuses),
	        cmocka_unit_test(test_text_round_trip),
	};

	return T_RUN(tests);
}
