/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: refusals, disputes, bills, proof and durability. */
#include "base/log.h"
#include "ledgers.h"
#include "meter/usage.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Holds for program `number` (task: number / 10) with owners of sites 1..owners. */
static int hold(struct ledger *ledger, uint64_t number, money amount, uint32_t owner_count)
{
	struct identifier program = number_identifier(number);
	struct identifier task = number_identifier(number / 10 + 100000);
	struct ledger_owner owners[LEDGER_OWNERS];

	memset(owners, 0, sizeof(owners));
	for (uint32_t i = 0; i < owner_count; i++) {
		owners[i].identity = gateway(i + 1);
		(void)snprintf(owners[i].supplier, sizeof(owners[i].supplier), "s%u", i + 1);
	}
	return ledger_hold(ledger, &task, &program, "demo", amount, owners, owner_count, NOW);
}

static void test_empty(void **state)
{
	struct ledger *ledger = open_ledger(*state, 0);
	struct ledger_check check = checked(ledger);
	money charge = -1;
	struct identifier task = number_identifier(1);

	T_EQ(check.entries, 0);
	T_EQ(check.transactions, 0);
	T_EQ(check.summary_count, 0);
	T_EQ(balance(ledger, "tenant:demo"), 0);
	T_OK(ledger_task_charge(ledger, &task, &charge));
	T_EQ(charge, 0);
	T_ERROR(closed(ledger, 1), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(post(ledger, 1, 1, 5), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(excuse(ledger, 1, 1), BUSBAR_ERROR_NOT_FOUND);
	ledger_close(ledger);
	T_TRUE(ledger_close(NULL) == NULL);
}

static void test_open_refuses_fee(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = NULL;

	T_ERROR(ledger_open(place->database, 1000001, &ledger), BUSBAR_ERROR_BAD_VALUE);
	T_TRUE(ledger == NULL);
}

static void test_deposit(void **state)
{
	struct ledger *ledger = open_ledger(*state, 0);
	char name[LEDGER_NAME];

	T_ERROR(ledger_deposit(ledger, "demo", 100, "a", NOW), 0);
	T_ERROR(ledger_deposit(ledger, "demo", 100, "a", NOW), 1);
	T_ERROR(ledger_deposit(ledger, "demo", 7, "a", NOW), 1);
	T_ERROR(ledger_deposit(ledger, "demo", 7, "b", NOW), 0);
	T_ERROR(ledger_deposit(ledger, "other", 5, "a", NOW), 0);
	T_ERROR(ledger_deposit(ledger, "other", 0, "z", NOW), 0);
	T_ERROR(ledger_deposit(ledger, "other", 9, "z", NOW), 1);
	T_EQ(balance(ledger, "tenant:demo"), 107);
	T_EQ(balance(ledger, "tenant:other"), 5);
	T_EQ(balance(ledger, "world"), -112);
	T_ERROR(ledger_deposit(ledger, "demo", -1, "c", NOW), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	T_ERROR(ledger_deposit(ledger, "", 1, "c", NOW), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(ledger_deposit(ledger, "demo", INT64_MAX - 100, "c", NOW), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_EQ(balance(ledger, "tenant:demo"), 107);
	memset(name, 'x', sizeof(name));
	name[LEDGER_NAME - 7] = '\0';
	T_ERROR(ledger_deposit(ledger, name, 1, "c", NOW), BUSBAR_ERROR_TOO_LARGE);
	name[LEDGER_NAME - 8] = '\0';
	T_ERROR(ledger_deposit(ledger, name, 1, "c", NOW), 0);
	T_EQ(checked(ledger).transactions, 4);
	ledger_close(ledger);
}

static void test_hold(void **state)
{
	struct ledger *ledger = open_ledger(*state, 0);

	T_ERROR(hold(ledger, 1, 1, 1), BUSBAR_ERROR_NO_FUNDS);
	T_ERROR(closed(ledger, 1), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(hold(ledger, 2, 0, 1), 0);
	T_ERROR(ledger_deposit(ledger, "demo", 100, "a", NOW), 0);
	T_ERROR(hold(ledger, 1, 101, 2), BUSBAR_ERROR_NO_FUNDS);
	T_ERROR(hold(ledger, 1, 100, 2), 0);
	T_ERROR(hold(ledger, 1, 100, 2), 1);
	T_ERROR(hold(ledger, 1, 55, 3), 1);
	T_ERROR(hold(ledger, 3, 1, 1), BUSBAR_ERROR_NO_FUNDS);
	T_ERROR(hold(ledger, 3, -1, 1), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	T_ERROR(hold(ledger, 3, 0, 0), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(hold(ledger, 3, 0, LEDGER_OWNERS), 0);
	T_EQ(balance(ledger, "tenant:demo"), 0);
	T_EQ(balance(ledger, "escrow"), 100);
	T_EQ(closed(ledger, 1), 0);
	T_EQ(checked(ledger).open_programs, 3);
	ledger_close(ledger);
}

static void test_hold_checks_owners(void **state)
{
	struct ledger *ledger = open_ledger(*state, 0);
	struct identifier program = number_identifier(1);
	struct ledger_owner owners[LEDGER_OWNERS + 1];

	memset(owners, 0, sizeof(owners));
	for (uint32_t i = 0; i < ARRAY_SIZE(owners); i++)
		owners[i].identity = gateway(i + 1);
	T_ERROR(ledger_hold(ledger, &program, &program, "demo", 0, owners, LEDGER_OWNERS + 1, NOW),
	        BUSBAR_ERROR_TOO_LARGE);
	owners[1].identity = owners[0].identity;
	T_ERROR(ledger_hold(ledger, &program, &program, "demo", 0, owners, 2, NOW), BUSBAR_ERROR_DUPLICATE);
	owners[1].identity.gateway = 2;
	memset(owners[1].supplier, 'x', sizeof(owners[1].supplier));
	T_ERROR(ledger_hold(ledger, &program, &program, "demo", 0, owners, 2, NOW), BUSBAR_ERROR_TOO_LARGE);
	owners[1].supplier[31] = '\0';
	T_ERROR(ledger_hold(ledger, &program, &program, "demo", 0, owners, 2, NOW), 0);
	T_EQ(checked(ledger).open_programs, 1);
	ledger_close(ledger);
}

static void test_post_and_close(void **state)
{
	struct ledger *ledger = open_ledger(*state, 100000);
	struct ledger_check check;
	struct identifier task = number_identifier(100000);
	money charge;

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_OK(hold(ledger, 1, 500, 3));
	T_ERROR(post(ledger, 1, 4, 5), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(post(ledger, 1, 2, 105), 0);
	T_ERROR(post(ledger, 1, 2, 105), 1);
	T_ERROR(post(ledger, 1, 2, 50), 1);
	/* A tenth of 105 is 10.5: away from zero. */
	T_EQ(balance(ledger, "operator"), 11);
	T_EQ(balance(ledger, "supplier:s2"), 94);
	T_EQ(balance(ledger, "escrow"), 395);
	T_EQ(checked(ledger).open_holds, 395);
	T_ERROR(excuse(ledger, 1, 3), 0);
	T_ERROR(excuse(ledger, 1, 3), 1);
	T_ERROR(excuse(ledger, 1, 2), 1);
	T_ERROR(excuse(ledger, 1, 9), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(closed(ledger, 1), 0);
	T_ERROR(post(ledger, 1, 1, 20), 0);
	T_EQ(closed(ledger, 1), 1);
	T_EQ(balance(ledger, "operator"), 13);
	T_EQ(balance(ledger, "supplier:s1"), 18);
	T_EQ(balance(ledger, "escrow"), 0);
	T_EQ(balance(ledger, "tenant:demo"), 875);
	T_OK(ledger_task_charge(ledger, &task, &charge));
	T_EQ(charge, 125);
	check = checked(ledger);
	T_EQ(check.open_programs, 0);
	T_EQ(check.disputes, 0);
	T_EQ(check.summary_count, 2);
	T_EQ(check.summaries[0].owner.site, 1);
	T_EQ(check.summaries[0].total, 20);
	T_EQ(check.summaries[1].count, 1);
	ledger_close(ledger);
}

static void test_last_excuse_closes(void **state)
{
	struct ledger *ledger = open_ledger(*state, 0);

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_OK(hold(ledger, 1, 400, 2));
	T_OK(post(ledger, 1, 1, 0));
	T_EQ(closed(ledger, 1), 0);
	T_OK(excuse(ledger, 1, 2));
	T_EQ(closed(ledger, 1), 1);
	T_EQ(balance(ledger, "tenant:demo"), 1000);
	T_OK(hold(ledger, 2, 0, 1));
	T_OK(excuse(ledger, 2, 1));
	T_EQ(closed(ledger, 2), 1);
	T_EQ(checked(ledger).summary_count, 0);
	ledger_close(ledger);
}

/* Who was excused and had something after all: from what is still held, and nothing after the close. */
static void test_excused_owner_posts(void **state)
{
	struct ledger *ledger = open_ledger(*state, 0);
	struct ledger_check check;

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_OK(hold(ledger, 1, 400, 3));
	T_OK(excuse(ledger, 1, 2));
	T_ERROR(post(ledger, 1, 2, 100), 0);
	T_EQ(balance(ledger, "supplier:s2"), 100);
	T_OK(excuse(ledger, 1, 3));
	T_OK(post(ledger, 1, 1, 50));
	T_EQ(closed(ledger, 1), 1);
	T_EQ(balance(ledger, "tenant:demo"), 850);
	T_ERROR(post(ledger, 1, 3, 100), 0);
	T_EQ(balance(ledger, "supplier:s3"), 0);
	T_EQ(balance(ledger, "tenant:demo"), 850);
	check = checked(ledger);
	T_EQ(check.disputes, 1);
	T_EQ(check.summary_count, 3);
	T_EQ(check.summaries[2].total, 100);
	ledger_close(ledger);
}

static void test_cut_to_hold(void **state)
{
	struct ledger *ledger = open_ledger(*state, 500000);
	struct ledger_check check;
	struct identifier task = number_identifier(100000);
	money charge;

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_OK(hold(ledger, 1, 100, 3));
	T_OK(post(ledger, 1, 1, 70));
	T_OK(post(ledger, 1, 2, 70));
	T_EQ(balance(ledger, "escrow"), 0);
	T_EQ(balance(ledger, "supplier:s2"), 15);
	T_EQ(checked(ledger).disputes, 1);
	T_OK(post(ledger, 1, 3, INT64_MAX));
	T_EQ(balance(ledger, "supplier:s3"), 0);
	T_EQ(balance(ledger, "tenant:demo"), 900);
	T_OK(ledger_task_charge(ledger, &task, &charge));
	T_EQ(charge, 100);
	check = checked(ledger);
	T_EQ(check.disputes, 2);
	T_EQ(check.summaries[1].total, 70);
	ledger_close(ledger);
}

static void test_wrong_charge(void **state)
{
	struct ledger *ledger = open_ledger(*state, 0);
	struct receipt receipt = make_receipt(number_identifier(1), gateway(1), 70);

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_OK(hold(ledger, 1, 100, 1));
	receipt.lines[1].charge++;
	T_ERROR(ledger_post(ledger, &receipt, NOW), BUSBAR_ERROR_LEDGER);
	receipt.lines[1].charge--;
	receipt.lines[0].tariff = receipt.lines[0].charge = -5;
	T_ERROR(ledger_post(ledger, &receipt, NOW), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	T_EQ(balance(ledger, "escrow"), 100);
	T_EQ(closed(ledger, 1), 0);
	T_EQ(checked(ledger).summary_count, 0);
	/* Also inside a caller's transaction a refusal leaves nothing behind. */
	T_OK(database_begin(((struct place *)*state)->database));
	T_ERROR(ledger_post(ledger, &receipt, NOW), BUSBAR_ERROR_AMOUNT_NEGATIVE);
	T_ERROR(hold(ledger, 5, 5000, 1), BUSBAR_ERROR_NO_FUNDS);
	T_OK(post(ledger, 1, 1, 60));
	T_OK(database_commit(((struct place *)*state)->database));
	T_EQ(balance(ledger, "tenant:demo"), 940);
	T_EQ(checked(ledger).open_programs, 0);
	ledger_close(ledger);
}

static void test_outer_rollback(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place, 0);

	T_OK(database_begin(place->database));
	T_OK(ledger_deposit(ledger, "demo", 50, "a", NOW));
	T_OK(hold(ledger, 1, 50, 1));
	T_OK(post(ledger, 1, 1, 20));
	T_EQ(balance(ledger, "tenant:demo"), 30);
	T_TRUE(database_in_transaction(place->database));
	database_rollback(place->database);
	T_EQ(balance(ledger, "tenant:demo"), 0);
	T_EQ(checked(ledger).transactions, 0);
	T_ERROR(closed(ledger, 1), BUSBAR_ERROR_NOT_FOUND);
	T_OK(ledger_deposit(ledger, "demo", 50, "a", NOW));
	T_TRUE(!database_in_transaction(place->database));
	ledger_close(ledger);
}

struct bill {
	struct ledger *ledger;
	uint32_t count, stop;
	money total;
	struct ledger_line lines[32];
};

static int visit(void *context, const struct ledger_line *line)
{
	struct bill *bill = context;
	struct bill inner = {.ledger = NULL};

	if (bill->stop > 0 && bill->count == bill->stop)
		return 42;
	bill->lines[bill->count++] = *line;
	T_OK(money_add(bill->total, line->line.charge, &bill->total));
	/* A visitor may ask the ledger anything, a bill as well. */
	if (bill->ledger)
		T_OK(ledger_bill(bill->ledger, "demo", visit, &inner));
	return 0;
}

static void test_bill(void **state)
{
	struct ledger *ledger = open_ledger(*state, 0);
	struct bill bill = {.ledger = ledger};
	struct bill cut = {.stop = 2};

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_ERROR(ledger_bill(ledger, "demo", visit, &bill), 0);
	T_ERROR(ledger_bill(ledger, "nobody", visit, &bill), 0);
	T_EQ(bill.count, 0);
	T_OK(hold(ledger, 11, 100, 2));
	T_OK(hold(ledger, 12, 100, 1));
	T_OK(post(ledger, 12, 1, 5));
	T_OK(post(ledger, 11, 2, 98));
	T_OK(post(ledger, 11, 1, 30));
	T_ERROR(ledger_bill(ledger, "demo", visit, &bill), 0);
	T_EQ(bill.count, 7);
	T_EQ(bill.total, 105);
	T_EQ(bill.lines[0].line.kind, LINE_CALL);
	T_EQ(bill.lines[0].line.charge, 5);
	T_TEXT(bill.lines[0].supplier, "s1");
	T_EQ(bill.lines[1].owner.site, 2);
	T_EQ(bill.lines[1].line.charge, 88);
	T_EQ(bill.lines[2].line.resource, RESOURCE_CPU);
	T_EQ(bill.lines[2].line.amount, 2000000);
	T_EQ(bill.lines[3].line.toward.site, 77);
	T_TRUE(identifier_equal(&bill.lines[3].program, &(struct identifier){{[15] = 11}}));
	T_EQ(bill.lines[3].time, NOW);
	/* Two were left of the third receipt's thirty. */
	T_EQ(bill.lines[4].line.charge, 2);
	T_EQ(bill.lines[5].line.charge, 0);
	T_EQ(bill.lines[6].line.charge, 0);
	T_ERROR(ledger_bill(ledger, "demo", visit, &cut), 42);
	T_EQ(cut.count, 2);
	ledger_close(ledger);
}

static void test_rows_are_kept(void **state)
{
	static const char *const attempts[] = {
	        "UPDATE ledger_entry SET amount = amount + 1",
	        "DELETE FROM ledger_entry",
	        "UPDATE ledger_transaction SET time = 0",
	        "DELETE FROM ledger_transaction",
	        "UPDATE ledger_receipt SET charged = 0",
	        "DELETE FROM ledger_receipt",
	        "DELETE FROM ledger_deposit",
	        "UPDATE ledger_hold SET amount = 0",
	        "DELETE FROM ledger_hold",
	        "DELETE FROM ledger_hold_owner",
	        "DELETE FROM ledger_account",
	};
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place, 1000);

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_OK(hold(ledger, 1, 100, 2));
	T_OK(post(ledger, 1, 1, 70));
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		T_ERROR(database_execute(place->database, attempts[i]), BUSBAR_ERROR_DATABASE);
	T_EQ(checked(ledger).entries, 6);
	ledger_close(ledger);
}

#define UNLOCK                                                                       \
	"DROP TRIGGER ledger_entry_changed; DROP TRIGGER ledger_entry_removed;"      \
	"DROP TRIGGER ledger_receipt_changed; DROP TRIGGER ledger_receipt_removed;"  \
	"DROP TRIGGER ledger_transaction_removed; DROP TRIGGER ledger_hold_changed;" \
	"DROP TRIGGER ledger_hold_removed; DROP TRIGGER ledger_hold_owner_removed;"  \
	"PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;"

/* What is to be seen in the check's numbers; the rest of the tampering must be noticed all the same. */
enum { SEES_NOTHING, SEES_SUM = 1, SEES_UNBALANCED = 2, SEES_ESCROW = 4 };

static const struct tampering {
	const char *sql;
	int sees;
} tamperings[] = {
        {"UPDATE ledger_entry SET amount = amount + 1 WHERE transaction_id = 1 AND account = 1",
         SEES_SUM | SEES_UNBALANCED},
        {"UPDATE ledger_entry SET amount = 9223372036854775807 WHERE amount > 0", SEES_SUM | SEES_UNBALANCED},
        {"UPDATE ledger_entry SET amount = amount * 2", SEES_ESCROW},
        {"DELETE FROM ledger_entry WHERE transaction_id = 2", SEES_ESCROW},
        {"DELETE FROM ledger_entry WHERE transaction_id = 1 AND account = 1", SEES_SUM | SEES_UNBALANCED},
        {"DELETE FROM ledger_transaction WHERE id = 1", SEES_NOTHING},
        {"UPDATE ledger_account SET balance = balance + 1 WHERE name = 'tenant:demo'", SEES_NOTHING},
        {"UPDATE ledger_account SET name = 'tenant:else' WHERE name = 'escrow'", SEES_ESCROW},
        {"UPDATE ledger_hold SET amount = amount + 1 WHERE closed = 0", SEES_ESCROW},
        {"UPDATE ledger_hold SET amount = amount + 1 WHERE closed = 1", SEES_NOTHING},
        {"UPDATE ledger_hold SET closed = 1 - closed", SEES_ESCROW},
        {"UPDATE ledger_hold_owner SET state = 1", SEES_NOTHING},
        {"UPDATE ledger_hold_owner SET state = 2 WHERE state = 1", SEES_NOTHING},
        {"UPDATE ledger_receipt SET charged = charged - 1", SEES_ESCROW},
        {"UPDATE ledger_receipt SET total = total + 1", SEES_NOTHING},
        {"UPDATE ledger_receipt SET site = site + 7 WHERE sequence = 1", SEES_NOTHING},
        {"UPDATE ledger_receipt SET octets = x'00' WHERE sequence = 1", SEES_NOTHING},
        {"UPDATE ledger_receipt SET octets = (SELECT octets FROM ledger_receipt WHERE sequence = 2) "
         "WHERE sequence = 1",
         SEES_NOTHING},
        {"DELETE FROM ledger_receipt WHERE sequence = 1", SEES_ESCROW},
        {"UPDATE ledger_entry SET account = (SELECT id FROM ledger_account WHERE name = 'supplier:s2') "
         "WHERE account = (SELECT id FROM ledger_account WHERE name = 'supplier:s1') AND transaction_id = 3",
         SEES_NOTHING},
};

static void tamper(struct place *place, const struct tampering *tampering)
{
	struct ledger *ledger = open_ledger(place, 0);
	struct ledger_check check = {0};

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_OK(hold(ledger, 1, 100, 2));
	T_OK(post(ledger, 1, 1, 70));
	T_OK(hold(ledger, 2, 100, 2));
	T_OK(post(ledger, 2, 2, 30));
	T_OK(post(ledger, 2, 1, 30));
	(void)checked(ledger);
	T_OK(database_execute(place->database, UNLOCK));
	if (database_execute(place->database, tampering->sql) < 0)
		fail_msg("%s: %s", tampering->sql, database_problem(place->database));
	if (ledger_check(ledger, &check) != BUSBAR_ERROR_LEDGER)
		fail_msg("not noticed: %s", tampering->sql);
	if (tampering->sees & SEES_SUM)
		T_TRUE(check.entries_sum != 0);
	if (tampering->sees & SEES_UNBALANCED)
		T_TRUE(check.unbalanced > 0);
	if (tampering->sees & SEES_ESCROW)
		T_TRUE(check.escrow != check.open_holds);
	T_EQ(check.summary_count > 0, 1);
	ledger_close(ledger);
}

static void test_tampering(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(tamperings); i++) {
		struct place place = {0};

		T_OK(database_open(":memory:", &place.database));
		tamper(&place, &tamperings[i]);
		database_close(place.database);
	}
}

static void test_summaries_equal_usage(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place, 1000);
	struct ledger_summary summary;
	struct ledger_check check;
	struct receipt receipt;
	struct usage *usage;

	T_OK(usage_open(place->database, &usage));
	T_OK(ledger_deposit(ledger, "demo", 100000, "a", NOW));
	for (uint64_t number = 1; number <= 30; number++) {
		receipt = make_receipt(number_identifier(number), gateway(2), (money)number * 3);
		T_OK(hold(ledger, number, 60, 2));
		T_OK(usage_put(usage, &receipt));
		T_OK(ledger_post(ledger, &receipt, NOW));
	}
	/* Nothing held: written by the owner, and excused here. */
	T_OK(hold(ledger, 31, 10, 2));
	T_OK(excuse(ledger, 31, 2));
	receipt = make_receipt(number_identifier(31), gateway(2), 0);
	T_OK(usage_put(usage, &receipt));
	check = checked(ledger);
	T_EQ(usage_summary(usage, &summary, 1), 1);
	T_EQ(check.disputes, 10);
	T_EQ(check.summary_count, 1);
	T_EQ(check.summaries[0].count, 30);
	T_EQ(summary.count, 30);
	T_EQ(summary.total, 3 * 30 * 31 / 2);
	T_EQ(check.summaries[0].total, summary.total);
	T_BYTES(check.summaries[0].digest, summary.digest, 32);
	/* One that only the owner has. */
	receipt = make_receipt(number_identifier(32), gateway(2), 9);
	T_OK(usage_put(usage, &receipt));
	T_EQ(usage_summary(usage, &summary, 1), 1);
	T_EQ(summary.count, 31);
	T_TRUE(memcmp(check.summaries[0].digest, summary.digest, 32) != 0);
	/* Billed with another total: the same count, another digest. */
	T_OK(hold(ledger, 32, 60, 2));
	T_OK(post(ledger, 32, 2, 10));
	check = checked(ledger);
	T_EQ(check.summaries[0].count, summary.count);
	T_TRUE(memcmp(check.summaries[0].digest, summary.digest, 32) != 0);
	usage_close(usage);
	ledger_close(ledger);
}

static void test_many_owners(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place, 0);
	struct ledger_check check;
	struct ledger_owner owner = {.supplier = "many"};

	T_OK(ledger_deposit(ledger, "demo", 1000, "a", NOW));
	T_OK(database_begin(place->database));
	for (uint32_t site = 1; site <= 70; site++) {
		struct identifier program = number_identifier(site);

		owner.identity = gateway(site);
		T_OK(ledger_hold(ledger, &program, &program, "demo", 5, &owner, 1, NOW));
		T_OK(post(ledger, site, site, 5));
	}
	T_OK(database_commit(place->database));
	check = checked(ledger);
	T_EQ(check.summary_count, 64);
	T_EQ(check.summaries_dropped, 6);
	T_EQ(check.summaries[63].owner.site, 64);
	T_EQ(check.summaries[63].count, 1);
	ledger_close(ledger);
}

/* More closed holds than memory keeps: they are known all the same, and take late receipts. */
static void test_forgotten_holds_are_known(void **state)
{
	enum { COUNT = 17000 };
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place, 0);
	struct identifier task = number_identifier(100000);
	money charge;

	T_OK(ledger_deposit(ledger, "demo", 1000000, "a", NOW));
	for (uint64_t number = 1; number <= COUNT; number++) {
		if (number % 1000 == 1)
			T_OK(database_begin(place->database));
		T_ERROR(hold(ledger, number, 10, 2), 0);
		T_ERROR(post(ledger, number, 1, 4), 0);
		T_ERROR(excuse(ledger, number, 2), 0);
		if (number % 1000 != 0)
			continue;
		T_OK(database_commit(place->database));
		if (database_crowded(place->database))
			T_OK(database_settle(place->database, INT64_C(60000000000)));
	}
	T_OK(database_settle(place->database, INT64_C(60000000000)));
	T_EQ(balance(ledger, "supplier:s1"), 4 * COUNT);
	(void)checked(ledger);
	for (uint64_t number = 1; number <= 5; number++) {
		T_ERROR(hold(ledger, number, 10, 2), 1);
		T_ERROR(post(ledger, number, 1, 4), 1);
		T_ERROR(excuse(ledger, number, 2), 1);
		T_EQ(closed(ledger, number), 1);
		T_ERROR(post(ledger, number, 2, 4), 0);
		T_ERROR(post(ledger, number, 2, 4), 1);
	}
	T_ERROR(closed(ledger, 0), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(closed(ledger, COUNT + 1), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(balance(ledger, "supplier:s2"), 0);
	T_EQ(checked(ledger).disputes, 5);
	T_OK(ledger_task_charge(ledger, &task, &charge));
	T_EQ(charge, 9 * 4);
	ledger_close(ledger);
}

/* Posts until it is killed, and says so after each one that is durable. */
static void child(struct place *place, int descriptor)
{
	struct ledger *ledger;
	char done = 1;

	if (place_open(place) < 0 || ledger_open(place->database, 1000, &ledger) < 0)
		_exit(1);
	for (uint64_t number = 1;; number++) {
		struct receipt receipt = make_receipt(number_identifier(number), gateway(1), 40);

		if (hold(ledger, number, 60, 1) < 0 || ledger_post(ledger, &receipt, NOW) < 0 ||
		    database_settle(place->database, INT64_C(60000000000)) < 0)
			_exit(2);
		if (write(descriptor, &done, 1) != 1)
			_exit(3);
	}
}

static void test_survives_kill(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place, 1000);
	struct ledger_check check;
	uint64_t told = 0;
	int ends[2], status;
	char octets[64];
	ssize_t got;
	pid_t pid;

	T_OK(ledger_deposit(ledger, "demo", 1000000000, "a", NOW));
	ledger_close(ledger);
	place->database = database_close(place->database);
	T_TRUE(pipe(ends) == 0);
	pid = fork();
	T_TRUE(pid >= 0);
	if (pid == 0) {
		(void)close(ends[0]);
		child(place, ends[1]);
	}
	(void)close(ends[1]);
	while (told < 150 && (got = read(ends[0], octets, 1)) == 1)
		told++;
	T_EQ(told, 150);
	T_TRUE(kill(pid, SIGKILL) == 0);
	T_TRUE(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	while ((got = read(ends[0], octets, sizeof(octets))) > 0)
		told += (uint64_t)got;
	(void)close(ends[0]);
	T_OK(place_open(place));
	ledger = open_ledger(place, 1000);
	check = checked(ledger);
	T_TRUE(check.summaries[0].count >= told && check.summaries[0].count <= told + 1);
	T_TRUE(check.open_programs <= 1);
	T_EQ(balance(ledger, "world") + balance(ledger, "tenant:demo") + balance(ledger, "escrow") +
	             balance(ledger, "operator") + balance(ledger, "supplier:s1"),
	     0);
	ledger_close(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        BOTH_WAYS(test_empty),
	        BOTH_WAYS(test_open_refuses_fee),
	        BOTH_WAYS(test_deposit),
	        BOTH_WAYS(test_hold),
	        BOTH_WAYS(test_hold_checks_owners),
	        BOTH_WAYS(test_post_and_close),
	        BOTH_WAYS(test_last_excuse_closes),
	        BOTH_WAYS(test_excused_owner_posts),
	        BOTH_WAYS(test_cut_to_hold),
	        BOTH_WAYS(test_wrong_charge),
	        BOTH_WAYS(test_outer_rollback),
	        BOTH_WAYS(test_bill),
	        BOTH_WAYS(test_rows_are_kept),
	        BOTH_WAYS(test_tampering),
	        BOTH_WAYS(test_summaries_equal_usage),
	        BOTH_WAYS(test_many_owners),
	        BOTH_WAYS(test_forgotten_holds_are_known),
	        BOTH_WAYS(test_survives_kill),
	};

	/* Disputes are meant here, and told one by one. */
	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
