/* SPDX-License-Identifier: Apache-2.0 */
/* The usage journal: once per program, kept, told until acknowledged, summed up per ingress. */
#include "meter/usage.h"
#include "receipts.h"

static struct usage *open_usage(struct place *place)
{
	struct usage *usage = NULL;

	T_OK(usage_open(place->database, &usage));
	return usage;
}

static struct receipt from_ingress(uint64_t number, uint32_t ingress, money total)
{
	struct receipt receipt = make_receipt(number_identifier(number), gateway(5), total);

	receipt.ingress = gateway(ingress);
	return receipt;
}

static void assert_same(const struct receipt *a, const struct receipt *b)
{
	T_TRUE(identifier_equal(&a->program, &b->program));
	T_TRUE(gateway_equal(a->owner, b->owner) && gateway_equal(a->ingress, b->ingress));
	T_EQ(a->error, b->error);
	T_EQ(a->started, b->started);
	T_EQ(a->ended, b->ended);
	T_EQ(a->run_wall, b->run_wall);
	T_EQ(a->run_cpu, b->run_cpu);
	T_EQ(a->memory_peak, b->memory_peak);
	T_EQ(a->line_count, b->line_count);
	for (uint32_t i = 0; i < a->line_count; i++) {
		T_EQ(a->lines[i].kind, b->lines[i].kind);
		T_EQ(a->lines[i].amount, b->lines[i].amount);
		T_EQ(a->lines[i].time, b->lines[i].time);
		T_EQ(a->lines[i].tariff, b->lines[i].tariff);
		T_EQ(a->lines[i].charge, b->lines[i].charge);
	}
}

static void test_put_and_get(void **state)
{
	struct usage *usage = open_usage(*state);
	struct receipt receipt = from_ingress(7, 1, 123456);
	struct receipt other = from_ingress(7, 2, 5), found;
	struct identifier program = receipt.program;

	receipt.error = BUSBAR_ERROR_TIME_LIMIT;
	receipt.run_wall = 11;
	receipt.run_cpu = 12;
	receipt.memory_peak = 13;
	memset(&found, 0x5a, sizeof(found));
	T_ERROR(usage_get(usage, &program, &found), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(found.line_count, 0x5a5a5a5a);
	T_OK(usage_put(usage, &receipt));
	T_ERROR(usage_put(usage, &receipt), BUSBAR_ERROR_DUPLICATE);
	T_ERROR(usage_put(usage, &other), BUSBAR_ERROR_DUPLICATE);
	T_OK(usage_get(usage, &program, &found));
	assert_same(&found, &receipt);
	T_TRUE(usage_close(usage) == NULL && usage_close(NULL) == NULL);
}

static void test_refuses_wrong_charge(void **state)
{
	struct usage *usage = open_usage(*state);
	struct receipt receipt = from_ingress(7, 1, 100);

	receipt.lines[2].charge += 1;
	T_ERROR(usage_put(usage, &receipt), BUSBAR_ERROR_LEDGER);
	receipt.line_count = RECEIPT_LINES + 1;
	T_ERROR(usage_put(usage, &receipt), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(usage_pending(usage, &receipt, 1), 0);
	usage_close(usage);
}

static void test_joins_transaction(void **state)
{
	struct place *place = *state;
	struct usage *usage = open_usage(place);
	struct receipt first = from_ingress(1, 1, 10), second = from_ingress(2, 1, 10), found;

	T_OK(usage_put(usage, &first));
	T_OK(database_begin(place->database));
	T_OK(usage_put(usage, &second));
	/* Does not spoil what the transaction did before. */
	T_ERROR(usage_put(usage, &first), BUSBAR_ERROR_DUPLICATE);
	T_OK(usage_acknowledge(usage, &first.program));
	database_rollback(place->database);
	T_ERROR(usage_get(usage, &second.program, &found), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(usage_pending(usage, &found, 1), 1);
	T_OK(database_begin(place->database));
	T_OK(usage_put(usage, &second));
	T_ERROR(usage_put(usage, &first), BUSBAR_ERROR_DUPLICATE);
	T_OK(database_commit(place->database));
	T_OK(usage_get(usage, &second.program, &found));
	usage_close(usage);
}

static void test_pending(void **state)
{
	struct place *place = *state;
	struct usage *usage = open_usage(place);
	struct receipt pending[8];
	struct identifier missing = number_identifier(99);

	/* Written in an order that is not that of their identifiers. */
	for (uint64_t i = 0; i < 6; i++) {
		struct receipt receipt = from_ingress((i * 5) % 7 + 1, 1, 20);

		T_OK(usage_put(usage, &receipt));
	}
	T_EQ(usage_pending(usage, pending, 8), 6);
	for (uint64_t i = 0; i < 6; i++)
		T_EQ(pending[i].program.octets[15], (i * 5) % 7 + 1);
	T_EQ(usage_pending(usage, pending, 2), 2);
	T_EQ(usage_pending(usage, pending, 0), 0);
	T_OK(usage_acknowledge(usage, &pending[0].program));
	T_OK(usage_acknowledge(usage, &pending[0].program));
	T_ERROR(usage_acknowledge(usage, &missing), BUSBAR_ERROR_NOT_FOUND);
	usage_close(usage);
	place_reopen(place);
	usage = open_usage(place);
	T_EQ(usage_pending(usage, pending, 8), 5);
	T_EQ(pending[0].program.octets[15], 6);
	/* Acknowledged is not forgotten. */
	T_OK(usage_get(usage, &(struct identifier){{[15] = 1}}, &pending[0]));
	usage_close(usage);
}

static void test_summary(void **state)
{
	/* SHA-256 of fifteen zero octets, 01, and then 32 as eight octets; computed apart. */
	static const uint8_t digest[32] = {0x29, 0x47, 0x3e, 0xb2, 0xa4, 0x67, 0x0b, 0xb9, 0x91, 0xb1, 0x79,
	                                   0x33, 0x2b, 0x68, 0x4e, 0xdb, 0x28, 0x98, 0x33, 0xf4, 0x8a, 0x34,
	                                   0x2c, 0x08, 0xc4, 0x5e, 0xad, 0x4d, 0x3d, 0xcf, 0x71, 0x45};
	struct usage *usage = open_usage(*state);
	struct ledger_summary summaries[4];
	struct receipt receipts[] = {from_ingress(1, 3, 32), from_ingress(2, 9, 40), from_ingress(3, 9, 2),
	                             from_ingress(4, 4, 0), from_ingress(5, 9, 1)};

	for (size_t i = 0; i < ARRAY_SIZE(receipts); i++)
		T_OK(usage_put(usage, &receipts[i]));
	memset(summaries, 0xee, sizeof(summaries));
	T_EQ(usage_summary(usage, summaries, 4), 2);
	T_EQ(summaries[0].owner.site, 3);
	T_EQ(summaries[0].count, 1);
	T_EQ(summaries[0].total, 32);
	T_BYTES(summaries[0].digest, digest, 32);
	T_EQ(summaries[1].owner.site, 9);
	T_EQ(summaries[1].count, 3);
	T_EQ(summaries[1].total, 43);
	T_EQ(usage_summary(usage, summaries, 1), 1);
	T_EQ(summaries[0].count, 1);
	T_EQ(usage_summary(usage, summaries, 0), 0);
	usage_close(usage);
}

/* The digest is a set's: order of writing does not matter, a change does. */
static void test_digest_is_of_the_set(void **state)
{
	static const uint64_t orders[3][3] = {{1, 2, 3}, {3, 1, 2}, {1, 2, 4}};
	struct ledger_summary summaries[3];

	for (size_t i = 0; i < 3; i++) {
		struct database *database;
		struct usage *usage;

		T_OK(database_open(":memory:", &database));
		T_OK(usage_open(database, &usage));
		for (size_t j = 0; j < 3; j++) {
			struct receipt receipt = from_ingress(orders[i][j], 1, (money)orders[i][j] * 100);

			T_OK(usage_put(usage, &receipt));
		}
		T_EQ(usage_summary(usage, &summaries[i], 1), 1);
		usage_close(usage);
		database_close(database);
	}
	T_BYTES(summaries[0].digest, summaries[1].digest, 32);
	T_TRUE(memcmp(summaries[0].digest, summaries[2].digest, 32) != 0);
}

static void test_rows_are_kept(void **state)
{
	struct place *place = *state;
	struct usage *usage = open_usage(place);
	struct receipt receipt = from_ingress(1, 1, 10), other = from_ingress(2, 1, 10);
	struct ledger_summary summary;

	T_OK(usage_put(usage, &receipt));
	T_ERROR(database_execute(place->database, "DELETE FROM usage_receipt"), BUSBAR_ERROR_DATABASE);
	T_ERROR(database_execute(place->database, "UPDATE usage_receipt SET octets = x'00'"),
	        BUSBAR_ERROR_DATABASE);
	T_ERROR(database_execute(place->database, "UPDATE usage_receipt SET site = 2"),
	        BUSBAR_ERROR_DATABASE);
	T_OK(database_execute(place->database, "DROP TRIGGER usage_receipt_changed"));
	T_OK(database_execute(place->database, "UPDATE usage_receipt SET site = 2"));
	T_ERROR(usage_summary(usage, &summary, 1), BUSBAR_ERROR_LEDGER);
	T_OK(usage_put(usage, &other));
	T_OK(usage_acknowledge(usage, &receipt.program));
	usage_close(usage);
	/* A receipt that cannot be read: one that is acknowledged when it is asked for, another at the start.
	 */
	T_OK(database_execute(place->database, "UPDATE usage_receipt SET octets = x'00' WHERE sequence = 1"));
	usage = open_usage(place);
	T_ERROR(usage_get(usage, &receipt.program, &receipt), BUSBAR_ERROR_DATABASE);
	T_OK(usage_get(usage, &other.program, &other));
	usage_close(usage);
	T_OK(database_execute(place->database, "DROP TRIGGER usage_receipt_changed;"
	                                       "UPDATE usage_receipt SET octets = x'00'"));
	T_ERROR(usage_open(place->database, &usage), BUSBAR_ERROR_DATABASE);
}

/* Receipts leave memory when their acknowledgement can be read, and are known all the same. */
static void test_forgotten_receipts_are_known(void **state)
{
	enum { COUNT = 300 };
	struct place *place = *state;
	struct usage *usage = open_usage(place);
	struct receipt receipt, found;

	for (uint64_t number = 1; number <= COUNT; number++) {
		receipt = from_ingress(number, 1, 10);
		T_OK(usage_put(usage, &receipt));
		if (number % 3 > 0)
			T_OK(usage_acknowledge(usage, &receipt.program));
		if (number % 50 == 0)
			T_OK(database_settle(place->database, INT64_C(60000000000)));
	}
	for (uint64_t number = 1; number <= COUNT; number++) {
		receipt = from_ingress(number, 2, 10);
		T_ERROR(usage_put(usage, &receipt), BUSBAR_ERROR_DUPLICATE);
		T_OK(usage_get(usage, &receipt.program, &found));
		T_EQ(found.ingress.site, 1);
		T_OK(usage_acknowledge(usage, &receipt.program));
	}
	T_EQ(usage_pending(usage, &found, 1), 0);
	usage_close(usage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        BOTH_WAYS(test_put_and_get),       BOTH_WAYS(test_refuses_wrong_charge),
	        BOTH_WAYS(test_joins_transaction), BOTH_WAYS(test_pending),
	        BOTH_WAYS(test_summary),           BOTH_WAYS(test_digest_is_of_the_set),
	        BOTH_WAYS(test_rows_are_kept),     BOTH_WAYS(test_forgotten_receipts_are_known),
	};

	return T_RUN(tests);
}
