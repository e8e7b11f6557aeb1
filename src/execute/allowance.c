/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/allowance.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define TAG "allowance"
/* An allowance that was used and is this old is settled. */
#define LIFETIME (60 * CLOCK_SECOND)
/* A tenant without money is asked again after this. */
#define RETRY CLOCK_SECOND
#define NEVER INT64_MAX

/* What any thread touches: atomics, in cache lines of their own. */
struct meter {
	int64_t left;                       /* nano-units */
	uint64_t calls[ALLOWANCE_SERVICES]; /* that have ended, since this life began */
} __attribute__((aligned(64)));

/* What the loop's thread knows of a tenant's allowance. */
struct allowance {
	bool open;
	struct identifier program;
	int64_t begun;                        /* wall clock */
	uint64_t settled[ALLOWANCE_SERVICES]; /* of `calls`: before this allowance */
	uint64_t written[ALLOWANCE_SERVICES]; /* of `calls`: in the database */
	int64_t retry_at;                     /* monotonic */
};

struct allowances {
	struct allowance_settings settings;
	struct database *database;
	struct ledger *ledger;
	struct usage *usage;
	struct random random;
	struct allowance *tenants;
	struct meter *meters;
};

static const char schema[] =
        "CREATE TABLE IF NOT EXISTS allowance (program BLOB PRIMARY KEY, tenant TEXT NOT NULL,"
        "begun INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS allowance_calls (program BLOB NOT NULL, service INTEGER NOT NULL,"
        "calls INTEGER NOT NULL, tariff INTEGER NOT NULL, PRIMARY KEY (program, service)) STRICT, "
        "WITHOUT ROWID;";

static int64_t wall(const struct allowances *allowances)
{
	return clock_wall(&allowances->settings.clock);
}

/* The meters, on any thread. */

bool allowance_has(const struct allowances *allowances, uint32_t tenant)
{
	return allowances->settings.tenants[tenant].amount > 0;
}

bool allowance_take(struct allowances *allowances, uint32_t tenant, uint32_t service)
{
	int64_t *left = &allowances->meters[tenant].left;
	money price = allowances->settings.tariffs[service];
	int64_t seen = __atomic_load_n(left, __ATOMIC_RELAXED);

	do {
		if (seen <= 0 || seen < price)
			return false;
	} while (!__atomic_compare_exchange_n(left, &seen, seen - price, true, __ATOMIC_RELAXED,
	                                      __ATOMIC_RELAXED));
	return true;
}

void allowance_count(struct allowances *allowances, uint32_t tenant, uint32_t service)
{
	(void)__atomic_fetch_add(&allowances->meters[tenant].calls[service], 1, __ATOMIC_RELAXED);
}

void allowance_return(struct allowances *allowances, uint32_t tenant, uint32_t service)
{
	(void)__atomic_fetch_add(&allowances->meters[tenant].left, allowances->settings.tariffs[service],
	                         __ATOMIC_RELAXED);
}

money allowance_left(const struct allowances *allowances, uint32_t tenant)
{
	return __atomic_load_n(&allowances->meters[tenant].left, __ATOMIC_RELAXED);
}

uint64_t allowance_calls(const struct allowances *allowances, uint32_t tenant, uint32_t service)
{
	return __atomic_load_n(&allowances->meters[tenant].calls[service], __ATOMIC_RELAXED);
}

/* The receipt of an allowance, and its end. */

/* What was called under one allowance. */
struct bill {
	struct identifier program;
	int64_t begun;
	uint64_t calls[ALLOWANCE_SERVICES];
	money tariffs[ALLOWANCE_SERVICES];
};

static int make_receipt(const struct allowances *allowances, const struct bill *bill,
                        struct receipt *ret_receipt)
{
	struct receipt receipt = {.program = bill->program,
	                          .owner = allowances->settings.identity,
	                          .ingress = allowances->settings.identity,
	                          .started = bill->begun,
	                          .ended = wall(allowances)};

	for (uint32_t i = 0; i < ALLOWANCE_SERVICES; i++) {
		struct receipt_line line = {.kind = LINE_CALL,
		                            .amount = bill->calls[i],
		                            .tariff = bill->tariffs[i]};
		int code;

		if (line.amount == 0)
			continue;
		code = receipt_line_charge(&line, &line.charge);
		if (code < 0)
			return code;
		receipt.lines[receipt.line_count++] = line;
	}
	*ret_receipt = receipt;
	return 0;
}

/* In an open transaction: the receipt is written, paid and acknowledged, for owner and ingress are one. */
static int settle(struct allowances *allowances, const struct bill *bill)
{
	struct receipt receipt;
	int code = make_receipt(allowances, bill, &receipt);

	if (code == 0)
		code = usage_put(allowances->usage, &receipt);
	if (code == 0)
		code = ledger_post(allowances->ledger, &receipt, wall(allowances));
	if (code >= 0)
		code = usage_acknowledge(allowances->usage, &bill->program);
	if (code == 0)
		code = database_write(allowances->database, "DELETE FROM allowance_calls WHERE program = ?",
		                      DATABASE_VALUES(DATABASE_ARRAY(bill->program.octets)));
	if (code == 0)
		code = database_write(allowances->database, "DELETE FROM allowance WHERE program = ?",
		                      DATABASE_VALUES(DATABASE_ARRAY(bill->program.octets)));
	return code;
}

/* In an open transaction. */
static int hold(struct allowances *allowances, uint32_t tenant, const struct identifier *program)
{
	const struct allowance_tenant *wanted = &allowances->settings.tenants[tenant];
	struct ledger_owner owner = {.identity = allowances->settings.identity};
	int64_t now = wall(allowances);
	int code;

	(void)strncpy(owner.supplier, allowances->settings.supplier, sizeof(owner.supplier) - 1);
	code = ledger_hold(allowances->ledger, program, program, wanted->name, wanted->amount, &owner, 1,
	                   now);
	if (code != 0)
		return code < 0 ? code : BUSBAR_ERROR_DUPLICATE;
	return database_write(allowances->database, "INSERT INTO allowance VALUES (?, ?, ?)",
	                      DATABASE_VALUES(DATABASE_ARRAY(program->octets), DATABASE_TEXT(wanted->name),
	                                      DATABASE_NUMBER(now)));
}

/* Runs `work` in a transaction of its own: all or nothing. */
static int transact(struct allowances *allowances, uint32_t tenant,
                    int (*work)(struct allowances *allowances, uint32_t tenant))
{
	int code = database_begin(allowances->database);

	if (code < 0)
		return code;
	code = work(allowances, tenant);
	if (code >= 0)
		code = database_commit(allowances->database);
	if (code < 0)
		database_rollback(allowances->database);
	return code;
}

/* Opening and closing. */

static struct bill present_bill(const struct allowances *allowances, uint32_t tenant)
{
	const struct allowance *allowance = &allowances->tenants[tenant];
	struct bill bill = {.program = allowance->program, .begun = allowance->begun};

	for (uint32_t i = 0; i < allowances->settings.service_count; i++) {
		bill.calls[i] = allowance_calls(allowances, tenant, i) - allowance->settled[i];
		bill.tariffs[i] = allowances->settings.tariffs[i];
	}
	return bill;
}

static money price_of(const struct bill *bill)
{
	money price = 0;

	for (uint32_t i = 0; i < ALLOWANCE_SERVICES; i++)
		price += (money)bill->calls[i] * bill->tariffs[i]; /* at most what was taken of `left` */
	return price;
}

static int open_work(struct allowances *allowances, uint32_t tenant)
{
	return hold(allowances, tenant, &allowances->tenants[tenant].program);
}

static void open_allowance(struct allowances *allowances, uint32_t tenant)
{
	struct allowance *allowance = &allowances->tenants[tenant];
	int64_t now = clock_monotonic(&allowances->settings.clock);
	int code;

	if (allowances->settings.tenants[tenant].amount == 0 || now < allowance->retry_at)
		return;
	allowance->program = identifier_make(wall(allowances), &allowances->random);
	code = transact(allowances, tenant, open_work);
	if (code < 0) {
		allowance->retry_at = now + RETRY;
		log_notice(TAG, "tenant=%s event=not-opened cause=\"%s\"",
		           allowances->settings.tenants[tenant].name, error_text(code));
		return;
	}
	allowance->open = true;
	allowance->begun = wall(allowances);
	(void)__atomic_fetch_add(&allowances->meters[tenant].left,
	                         allowances->settings.tenants[tenant].amount, __ATOMIC_RELAXED);
}

/* Settles what was counted and holds anew, in one transaction, so that calls never find nothing between. */
static int write_renewal(struct allowances *allowances, uint32_t tenant, const struct bill *bill,
                         const struct identifier *next)
{
	int code = database_begin(allowances->database);

	if (code < 0)
		return code;
	code = settle(allowances, bill);
	if (code >= 0 && next != NULL)
		code = hold(allowances, tenant, next);
	if (code >= 0)
		code = database_commit(allowances->database);
	if (code < 0)
		database_rollback(allowances->database);
	return code;
}

/*
 * Without money for the next one, the present one goes on until nothing is left of it; then it ends, and the
 * next begins when there is money again.
 */
static void renew(struct allowances *allowances, uint32_t tenant)
{
	const struct allowance_tenant *wanted = &allowances->settings.tenants[tenant];
	struct allowance *allowance = &allowances->tenants[tenant];
	struct identifier next = identifier_make(wall(allowances), &allowances->random);
	struct bill bill = present_bill(allowances, tenant);
	int64_t now = clock_monotonic(&allowances->settings.clock);
	int code;

	if (now < allowance->retry_at)
		return;
	code = write_renewal(allowances, tenant, &bill, &next);
	allowance->open = code >= 0;
	if (code == BUSBAR_ERROR_NO_FUNDS && price_of(&bill) == wanted->amount)
		code = write_renewal(allowances, tenant, &bill, NULL);
	else if (code < 0)
		allowance->open = true;
	if (code < 0 || !allowance->open) {
		allowance->retry_at = now + RETRY;
		log_notice(TAG, "tenant=%s event=not-renewed cause=\"%s\"", wanted->name,
		           error_text(code < 0 ? code : BUSBAR_ERROR_NO_FUNDS));
	}
	if (code < 0)
		return;
	for (uint32_t i = 0; i < allowances->settings.service_count; i++)
		allowance->settled[i] += bill.calls[i];
	if (!allowance->open)
		return;
	allowance->program = next;
	allowance->begun = wall(allowances);
	(void)__atomic_fetch_add(&allowances->meters[tenant].left, price_of(&bill), __ATOMIC_RELAXED);
}

/* Writing down. */

static bool is_written(const struct allowances *allowances, uint32_t tenant)
{
	for (uint32_t i = 0; i < allowances->settings.service_count; i++)
		if (allowances->tenants[tenant].written[i] != allowance_calls(allowances, tenant, i))
			return false;
	return true;
}

static int write_work(struct allowances *allowances, uint32_t tenant)
{
	struct allowance *allowance = &allowances->tenants[tenant];
	struct bill bill = present_bill(allowances, tenant);
	int code = 0;

	for (uint32_t i = 0; i < allowances->settings.service_count && code == 0; i++) {
		if (bill.calls[i] == 0 || allowance->settled[i] + bill.calls[i] == allowance->written[i])
			continue;
		code = database_write(allowances->database,
		                      "REPLACE INTO allowance_calls VALUES (?, ?, ?, ?)",
		                      DATABASE_VALUES(DATABASE_ARRAY(bill.program.octets), DATABASE_NUMBER(i),
		                                      DATABASE_NUMBER((int64_t)bill.calls[i]),
		                                      DATABASE_NUMBER(bill.tariffs[i])));
	}
	for (uint32_t i = 0; i < allowances->settings.service_count && code == 0; i++)
		allowance->written[i] = allowance->settled[i] + bill.calls[i];
	return code;
}

static bool is_due(const struct allowances *allowances, uint32_t tenant)
{
	const struct allowance *allowance = &allowances->tenants[tenant];
	struct bill bill = present_bill(allowances, tenant);
	money price = price_of(&bill);

	return price > 0 && (price >= allowances->settings.tenants[tenant].amount / 2 ||
	                     wall(allowances) - allowance->begun >= LIFETIME);
}

int64_t allowances_tick(struct allowances *allowances)
{
	bool some = false;

	for (uint32_t i = 0; i < allowances->settings.tenant_count; i++) {
		int code = 0;

		if (allowances->settings.tenants[i].amount == 0)
			continue;
		some = true;
		if (!allowances->tenants[i].open)
			open_allowance(allowances, i);
		else if (!is_written(allowances, i))
			code = transact(allowances, i, write_work);
		if (code < 0)
			log_error(TAG, "event=not-written cause=\"%s\"",
			          database_problem(allowances->database));
		else if (allowances->tenants[i].open && is_due(allowances, i))
			renew(allowances, i);
	}
	return some ? clock_monotonic(&allowances->settings.clock) + ALLOWANCE_PERIOD : NEVER;
}

/* A former life's. */

static int read_calls(struct allowances *allowances, struct bill *bill)
{
	sqlite3_stmt *statement;
	int code = database_start(allowances->database,
	                          "SELECT service, calls, tariff FROM allowance_calls WHERE program = ?",
	                          DATABASE_VALUES(DATABASE_ARRAY(bill->program.octets)), &statement);

	if (code < 0)
		return code;
	while ((code = database_step(allowances->database, statement)) > 0) {
		int service = sqlite3_column_int(statement, 0);

		if (service < 0 || service >= ALLOWANCE_SERVICES) {
			(void)sqlite3_reset(statement);
			return BUSBAR_ERROR_DATABASE;
		}
		bill->calls[service] = (uint64_t)sqlite3_column_int64(statement, 1);
		bill->tariffs[service] = sqlite3_column_int64(statement, 2);
	}
	return code;
}

/* One that is open in the database: 1, or 0 when there is none. */
static int read_open(struct allowances *allowances, struct bill *ret_bill)
{
	struct bill bill = {.begun = 0};
	sqlite3_stmt *statement;
	int code = database_start(allowances->database, "SELECT program, begun FROM allowance LIMIT 1", NULL,
	                          0, &statement);

	if (code == 0)
		code = database_step(allowances->database, statement);
	if (code <= 0)
		return code;
	if (sqlite3_column_bytes(statement, 0) != (int)sizeof(bill.program.octets))
		code = BUSBAR_ERROR_DATABASE;
	else
		memcpy(bill.program.octets, sqlite3_column_blob(statement, 0), sizeof(bill.program.octets));
	bill.begun = sqlite3_column_int64(statement, 1);
	(void)sqlite3_reset(statement);
	if (code > 0)
		code = read_calls(allowances, &bill);
	if (code < 0)
		return code;
	*ret_bill = bill;
	return 1;
}

/* What was written down is billed, the rest goes back. */
static int settle_former(struct allowances *allowances)
{
	struct bill bill;
	int code;

	while ((code = read_open(allowances, &bill)) > 0) {
		code = database_begin(allowances->database);
		if (code == 0)
			code = settle(allowances, &bill);
		if (code >= 0)
			code = database_commit(allowances->database);
		if (code == 0)
			code = database_settle(allowances->database, 10 * CLOCK_SECOND);
		if (code < 0) {
			database_rollback(allowances->database);
			return code;
		}
	}
	return code;
}

int allowances_create(const struct allowance_settings *settings, struct database *database,
                      struct ledger *ledger, struct usage *usage, struct allowances **ret_allowances)
{
	struct allowances *allowances = calloc(1, sizeof(*allowances));
	size_t count = settings->tenant_count + 1;
	int code;

	if (allowances == NULL)
		return -ENOMEM;
	allowances->settings = *settings;
	allowances->database = database;
	allowances->ledger = ledger;
	allowances->usage = usage;
	random_seed(&allowances->random, settings->seed);
	allowances->tenants = calloc(count, sizeof(*allowances->tenants));
	allowances->meters = aligned_alloc(64, count * sizeof(*allowances->meters));
	code = allowances->tenants == NULL || allowances->meters == NULL ? -ENOMEM : 0;
	if (code == 0)
		code = database_execute(database, schema);
	if (code == 0) {
		memset(allowances->meters, 0, count * sizeof(*allowances->meters));
		code = settle_former(allowances);
	}
	if (code < 0) {
		(void)allowances_free(allowances);
		return code;
	}
	for (uint32_t i = 0; i < settings->tenant_count; i++)
		open_allowance(allowances, i);
	*ret_allowances = allowances;
	return 0;
}

struct allowances *allowances_free(struct allowances *allowances)
{
	if (allowances == NULL)
		return NULL;
	free(allowances->tenants);
	free(allowances->meters);
	free(allowances);
	return NULL;
}
