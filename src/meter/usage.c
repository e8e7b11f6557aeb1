/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table usage_receipt: append-only but for the mark that the ingress has a receipt. What is not marked, or
 * was marked by a transaction that cannot be read yet, is in memory as well.
 */
#include "meter/usage.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "meter/row.h"
#include "meter/summary.h"
#include "wire/answer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A receipt in memory: until the ingress has it and the table knows that. */
struct entry {
	struct identifier program;
	uint16_t size;
	bool acknowledged;
	bool fresh, changed; /* by the open transaction: made; made or acknowledged */
	uint64_t position;   /* of the transaction that acknowledged it */
	struct entry *next_changed;
	struct entry *older, *newer; /* in one of the lists */
	uint8_t octets[];
};

struct list {
	struct entry *oldest, *newest;
};

struct usage {
	struct database *database;
	struct hash *entries; /* program -> struct entry */
	struct list pending,
	        settled; /* acknowledged ones stay among the pending until the transaction ends */
	struct entry *changed;
	struct identifier forgotten; /* the youngest program that may not be in memory */
};

enum { ENTRIES = 1 << 18 };

#define PATIENCE (5 * CLOCK_SECOND)

static const char schema[] =
        "CREATE TABLE IF NOT EXISTS usage_receipt (sequence INTEGER PRIMARY KEY, program BLOB NOT NULL "
        "UNIQUE,"
        "site INTEGER NOT NULL, gateway INTEGER NOT NULL, acknowledged INTEGER NOT NULL,"
        "octets BLOB NOT NULL) STRICT;"
        "CREATE INDEX IF NOT EXISTS usage_receipt_pending ON usage_receipt (sequence) WHERE acknowledged = 0;"
        "CREATE TRIGGER IF NOT EXISTS usage_receipt_changed "
        "BEFORE UPDATE OF sequence, program, site, gateway, octets ON usage_receipt "
        "BEGIN SELECT RAISE(ABORT, 'receipts are never changed'); END;"
        "CREATE TRIGGER IF NOT EXISTS usage_receipt_removed BEFORE DELETE ON usage_receipt "
        "BEGIN SELECT RAISE(ABORT, 'receipts are never removed'); END;";

/* Memory. */

static void list_append(struct list *list, struct entry *entry)
{
	entry->older = list->newest;
	entry->newer = NULL;
	*(list->newest ? &list->newest->newer : &list->oldest) = entry;
	list->newest = entry;
}

static void list_remove(struct list *list, struct entry *entry)
{
	*(entry->older ? &entry->older->newer : &list->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &list->newest) = entry->older;
}

/* A new entry, among the pending. */
static int add_entry(struct usage *usage, const struct identifier *program, const void *octets, size_t size,
                     struct entry **ret_entry)
{
	struct entry *entry = calloc(1, sizeof(*entry) + size);
	int code;

	if (entry == NULL)
		return -ENOMEM;
	entry->program = *program;
	entry->size = (uint16_t)size;
	memcpy(entry->octets, octets, size);
	code = hash_put(usage->entries, entry->program.octets, entry);
	if (code < 0) {
		free(entry);
		return code;
	}
	list_append(&usage->pending, entry);
	*ret_entry = entry;
	return 0;
}

static void drop_entry(struct usage *usage, struct list *list, struct entry *entry)
{
	(void)hash_remove(usage->entries, entry->program.octets);
	list_remove(list, entry);
	free(entry);
}

static void note_change(struct usage *usage, struct entry *entry)
{
	if (entry->changed)
		return;
	entry->changed = true;
	entry->next_changed = usage->changed;
	usage->changed = entry;
}

/* What the table knows to be acknowledged. */
static void forget(struct usage *usage)
{
	uint64_t applied = database_applied(usage->database);
	struct entry *entry;

	while ((entry = usage->settled.oldest) != NULL && entry->position <= applied) {
		if (identifier_compare(&entry->program, &usage->forgotten) > 0)
			usage->forgotten = entry->program;
		drop_entry(usage, &usage->settled, entry);
	}
}

static void end_change(struct usage *usage, struct entry *entry, bool committed)
{
	bool fresh = entry->fresh;

	entry->changed = entry->fresh = false;
	if (committed && entry->acknowledged) {
		entry->position = database_position(usage->database);
		list_remove(&usage->pending, entry);
		list_append(&usage->settled, entry);
	} else if (!committed && fresh) {
		drop_entry(usage, &usage->pending, entry);
	} else if (!committed) {
		entry->acknowledged = false;
	}
}

static void on_ended(void *context, bool committed)
{
	struct usage *usage = context;
	struct entry *entry;

	if (usage->changed == NULL)
		return;
	while ((entry = usage->changed) != NULL) {
		usage->changed = entry->next_changed;
		end_change(usage, entry, committed);
	}
	forget(usage);
}

/* Opening. */

static int load_entry(struct usage *usage, sqlite3_stmt *statement)
{
	struct identifier program;
	struct receipt receipt;
	struct entry *entry;
	int code = row_identifier(statement, 0, &program);

	if (code == 0)
		code = row_receipt(statement, 1, &receipt);
	if (code < 0)
		return code;
	return add_entry(usage, &program, sqlite3_column_blob(statement, 1),
	                 (size_t)sqlite3_column_bytes(statement, 1), &entry);
}

static int load_forgotten(struct usage *usage)
{
	sqlite3_stmt *statement = NULL;
	int code = database_start(usage->database,
	                          "SELECT program FROM usage_receipt ORDER BY program DESC LIMIT 1", NULL, 0,
	                          &statement);

	if (code == 0)
		code = database_step(usage->database, statement);
	if (code > 0)
		code = row_identifier(statement, 0, &usage->forgotten);
	(void)sqlite3_reset(statement);
	return code;
}

/* What was written before must be readable to be loaded. */
static int load(struct usage *usage)
{
	sqlite3_stmt *statement = NULL;
	int code = database_execute(usage->database, schema);

	if (code == 0)
		code = database_settle(usage->database, PATIENCE);
	if (code == 0)
		code = load_forgotten(usage);
	if (code == 0)
		code = database_start(
		        usage->database,
		        "SELECT program, octets FROM usage_receipt WHERE acknowledged = 0 ORDER BY sequence",
		        NULL, 0, &statement);
	while (code >= 0 && (code = database_step(usage->database, statement)) > 0)
		code = load_entry(usage, statement);
	(void)sqlite3_reset(statement);
	return code < 0 ? code : database_watch(usage->database, on_ended, usage);
}

int usage_open(struct database *database, struct usage **ret_usage)
{
	struct usage *usage = calloc(1, sizeof(*usage));
	uint64_t seed;
	int code;

	if (usage == NULL)
		return -ENOMEM;
	usage->database = database;
	code = random_system(&seed, sizeof(seed));
	if (code == 0) {
		usage->entries = hash_create(sizeof(struct identifier), ENTRIES, seed);
		code = usage->entries == NULL ? -ENOMEM : load(usage);
	}
	if (code < 0) {
		(void)usage_close(usage);
		return code;
	}
	*ret_usage = usage;
	return 0;
}

struct usage *usage_close(struct usage *usage)
{
	size_t position = 0;
	const void *key;
	void *entry;

	if (usage == NULL)
		return NULL;
	database_unwatch(usage->database, usage);
	while (usage->entries != NULL && hash_next(usage->entries, &position, &key, &entry))
		free(entry);
	(void)hash_free(usage->entries);
	free(usage);
	return NULL;
}

/* Receipts. */

/* Reads a receipt that is not in memory: 0, or NOT_FOUND. */
static int recall(struct usage *usage, const struct identifier *program, struct receipt *ret_receipt)
{
	sqlite3_stmt *statement = NULL;
	int code;

	/* Identifiers sort by age: this one is younger than all that were forgotten. */
	if (identifier_compare(program, &usage->forgotten) > 0)
		return BUSBAR_ERROR_NOT_FOUND;
	code = database_start(usage->database, "SELECT octets FROM usage_receipt WHERE program = ?",
	                      DATABASE_VALUES(DATABASE_ARRAY(program->octets)), &statement);
	if (code == 0)
		code = database_step(usage->database, statement);
	if (code > 0)
		code = row_receipt(statement, 0, ret_receipt);
	else if (code == 0)
		code = BUSBAR_ERROR_NOT_FOUND;
	(void)sqlite3_reset(statement);
	return code;
}

int usage_get(struct usage *usage, const struct identifier *program, struct receipt *ret_receipt)
{
	const struct entry *entry = hash_get(usage->entries, program->octets);
	struct receipt receipt;
	int code = entry == NULL ? recall(usage, program, &receipt)
	                         : answer_decode_receipt(entry->octets, entry->size, &receipt);

	if (code == 0)
		*ret_receipt = receipt;
	return code;
}

static int put(struct usage *usage, const struct receipt *receipt, const uint8_t *octets, size_t size)
{
	struct entry *entry;
	int code = add_entry(usage, &receipt->program, octets, size, &entry);

	if (code < 0)
		return code;
	entry->fresh = true;
	note_change(usage, entry);
	return database_write(usage->database,
	                      "INSERT INTO usage_receipt (program, site, gateway, acknowledged, octets) "
	                      "VALUES (?, ?, ?, 0, ?)",
	                      DATABASE_VALUES(DATABASE_ARRAY(receipt->program.octets),
	                                      DATABASE_NUMBER(receipt->ingress.site),
	                                      DATABASE_NUMBER(receipt->ingress.gateway),
	                                      DATABASE_OCTETS(octets, size)));
}

static int acknowledge(struct usage *usage, struct entry *entry)
{
	entry->acknowledged = true;
	note_change(usage, entry);
	return database_write(usage->database, "UPDATE usage_receipt SET acknowledged = 1 WHERE program = ?",
	                      DATABASE_VALUES(DATABASE_ARRAY(entry->program.octets)));
}

/* Ends the transaction that was begun for this change alone. */
static int leave(struct usage *usage, bool own, int code)
{
	if (!own)
		return code;
	if (code == 0)
		code = database_commit(usage->database);
	if (code < 0)
		database_rollback(usage->database);
	return code;
}

/* In the open transaction, or in one of its own. */
static int put_new(struct usage *usage, const struct receipt *receipt)
{
	bool own = !database_in_transaction(usage->database);
	uint8_t octets[ANSWER_MAXIMUM];
	money total;
	int code = receipt_total(receipt, &total), size;

	if (code < 0)
		return code;
	size = answer_encode_receipt(receipt, octets, sizeof(octets));
	if (size < 0)
		return size;
	code = own ? database_begin(usage->database) : 0;
	return code < 0 ? code : leave(usage, own, put(usage, receipt, octets, (size_t)size));
}

int usage_put_first(struct usage *usage, const struct receipt *receipt)
{
	if (hash_get(usage->entries, receipt->program.octets) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	return put_new(usage, receipt);
}

int usage_put(struct usage *usage, const struct receipt *receipt)
{
	struct receipt found;
	int code = usage_get(usage, &receipt->program, &found);

	if (code == 0)
		return BUSBAR_ERROR_DUPLICATE;
	return code == BUSBAR_ERROR_NOT_FOUND ? put_new(usage, receipt) : code;
}

int usage_acknowledge(struct usage *usage, const struct identifier *program)
{
	struct entry *entry = hash_get(usage->entries, program->octets);
	bool own = !database_in_transaction(usage->database);
	struct receipt receipt;
	int code;

	/* What is not in memory was acknowledged before. */
	if (entry == NULL)
		return recall(usage, program, &receipt);
	if (entry->acknowledged)
		return 0;
	code = own ? database_begin(usage->database) : 0;
	return code < 0 ? code : leave(usage, own, acknowledge(usage, entry));
}

int usage_pending(struct usage *usage, struct receipt *ret_receipts, uint32_t maximum)
{
	uint32_t count = 0;
	int code = 0;

	for (const struct entry *entry = usage->pending.oldest; entry != NULL && count < maximum && code == 0;
	     entry = entry->newer) {
		if (entry->acknowledged)
			continue;
		code = answer_decode_receipt(entry->octets, entry->size, &ret_receipts[count]);
		count += code == 0;
	}
	return code < 0 ? code : (int)count;
}

/* Summaries, from the rows. */

/* The row's columns must say what its receipt says. */
static int add_row(struct summary_builder *builder, sqlite3_stmt *statement)
{
	struct gateway_identity ingress = row_gateway(statement, 0);
	struct identifier program;
	struct receipt receipt;
	money total;
	int code = row_identifier(statement, 2, &program);

	if (code == 0)
		code = row_receipt(statement, 3, &receipt);
	if (code == 0)
		code = receipt_total(&receipt, &total);
	if (code < 0)
		return code;
	if (!identifier_equal(&receipt.program, &program) || !gateway_equal(receipt.ingress, ingress))
		return BUSBAR_ERROR_LEDGER;
	return summary_add(builder, ingress, &program, total);
}

int usage_summary(struct usage *usage, struct ledger_summary *ret_summaries, uint32_t maximum)
{
	struct summary_builder builder = {.summaries = ret_summaries, .maximum = maximum};
	sqlite3_stmt *statement = NULL;
	int code = database_settle(usage->database, PATIENCE);

	if (code == 0)
		code = database_start(
		        usage->database,
		        "SELECT site, gateway, program, octets FROM usage_receipt ORDER BY site, gateway",
		        NULL, 0, &statement);
	while (code >= 0 && (code = database_step(usage->database, statement)) > 0)
		code = add_row(&builder, statement);
	(void)sqlite3_reset(statement);
	return code < 0 ? code : (int)builder.count;
}
