/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of tasks: tables task, part and attempt. */
#include "base/error.h"
#include "execute/task_internal.h"
#include "wire/demand_codec.h"
#include "wire/packet.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { DEMAND_OCTETS = 4096 };

int task_journal_create(struct database *database)
{
	return database_execute(
	        database,
	        "CREATE TABLE IF NOT EXISTS task (task BLOB PRIMARY KEY, tenant TEXT NOT NULL,"
	        "name TEXT NOT NULL, demand BLOB NOT NULL, spot INTEGER NOT NULL, access_up INTEGER NOT NULL,"
	        "access_down INTEGER NOT NULL, state INTEGER NOT NULL, code INTEGER NOT NULL,"
	        "created INTEGER NOT NULL, ended INTEGER NOT NULL, parts INTEGER NOT NULL) WITHOUT ROWID;"
	        "CREATE TABLE IF NOT EXISTS part (task BLOB NOT NULL, number INTEGER NOT NULL,"
	        "state INTEGER NOT NULL, code INTEGER NOT NULL, exit_status INTEGER NOT NULL,"
	        "attempts INTEGER NOT NULL, size INTEGER NOT NULL, digest BLOB NOT NULL,"
	        "network INTEGER NOT NULL, run_wall INTEGER NOT NULL, site INTEGER NOT NULL,"
	        "gateway INTEGER NOT NULL, plan TEXT, PRIMARY KEY (task, number)) WITHOUT ROWID;"
	        "CREATE TABLE IF NOT EXISTS attempt (program BLOB PRIMARY KEY, task BLOB NOT NULL,"
	        "part INTEGER NOT NULL, number INTEGER NOT NULL, octets BLOB NOT NULL, state INTEGER NOT "
	        "NULL,"
	        "release INTEGER NOT NULL, granted INTEGER NOT NULL, settled INTEGER NOT NULL) WITHOUT ROWID;"
	        "CREATE TABLE IF NOT EXISTS decision (task BLOB PRIMARY KEY, octets BLOB NOT NULL) WITHOUT "
	        "ROWID;"
	        "CREATE INDEX IF NOT EXISTS attempt_open ON attempt (task) WHERE state < 3;"
	        "CREATE INDEX IF NOT EXISTS attempt_of ON attempt (task, part, number);");
}

static bool bind_octets(sqlite3_stmt *statement, int column, const void *bytes, int size)
{
	return sqlite3_bind_blob(statement, column, bytes, size, SQLITE_TRANSIENT) == SQLITE_OK;
}

/* Binds numbers to consecutive columns. */
static bool bind_numbers(sqlite3_stmt *statement, int first, const int64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (sqlite3_bind_int64(statement, first + (int)i, numbers[i]) != SQLITE_OK)
			return false;
	return true;
}

int task_journal_save(struct database *database, const struct task *task)
{
	const int64_t numbers[] = {task->spot, task->access_up, task->access_down, task->state,
	                           task->code, task->created,   task->ended,       task->part_count};
	uint8_t octets[DEMAND_OCTETS];
	sqlite3_stmt *statement;
	int size = demand_codec_encode(&task->demand, octets, sizeof(octets));
	int code;

	if (size < 0)
		return size;
	code = database_prepare(database, "REPLACE INTO task VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", &statement);
	if (code < 0)
		return code;
	if (!bind_octets(statement, 1, task->demand.identifier.octets, 16) ||
	    sqlite3_bind_text(statement, 2, task->tenant, -1, SQLITE_TRANSIENT) != SQLITE_OK ||
	    sqlite3_bind_text(statement, 3, task->demand.name, -1, SQLITE_TRANSIENT) != SQLITE_OK ||
	    !bind_octets(statement, 4, octets, size) ||
	    !bind_numbers(statement, 5, numbers, ARRAY_SIZE(numbers)))
		return BUSBAR_ERROR_DATABASE;
	return database_run(database, statement);
}

/* plan NULL keeps the text that is there. */
int task_journal_save_part(struct database *database, const struct task *task, uint32_t part,
                           const char *plan)
{
	const struct part *saved = &task->parts[part];
	const int64_t numbers[] = {part + 1,           saved->state,    saved->code,
	                           saved->exit_status, saved->attempts, (int64_t)saved->size};
	const int64_t more[] = {saved->network, saved->run_wall, saved->site.site, saved->site.gateway};
	sqlite3_stmt *statement;
	int code = database_prepare(database,
	                            "INSERT INTO part VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) "
	                            "ON CONFLICT (task, number) DO UPDATE SET state=excluded.state,"
	                            "code=excluded.code, exit_status=excluded.exit_status,"
	                            "attempts=excluded.attempts, size=excluded.size, digest=excluded.digest,"
	                            "network=excluded.network, run_wall=excluded.run_wall,"
	                            "site=excluded.site, gateway=excluded.gateway,"
	                            "plan=coalesce(excluded.plan, plan)",
	                            &statement);

	if (code < 0)
		return code;
	if (!bind_octets(statement, 1, task->demand.identifier.octets, 16) ||
	    !bind_numbers(statement, 2, numbers, ARRAY_SIZE(numbers)) ||
	    !bind_octets(statement, 8, saved->digest, 32) ||
	    !bind_numbers(statement, 9, more, ARRAY_SIZE(more)) ||
	    sqlite3_bind_text(statement, 13, plan, -1, SQLITE_TRANSIENT) != SQLITE_OK)
		return BUSBAR_ERROR_DATABASE;
	return database_run(database, statement);
}

int task_journal_save_attempt(struct database *database, const struct attempt *attempt)
{
	uint8_t octets[PACKET_MAXIMUM];
	int64_t granted = 0, settled = 0;
	sqlite3_stmt *statement;
	int size = packet_encode_program(&attempt->program, octets, sizeof(octets));
	int code;

	if (size < 0)
		return size;
	for (uint32_t i = 0; i < MINIMUM(attempt->owner_count, (uint32_t)LEDGER_OWNERS); i++) {
		granted |= (int64_t)attempt->owners[i].granted << i;
		settled |= (int64_t)attempt->owners[i].settled << i;
	}
	code = database_prepare(database, "REPLACE INTO attempt VALUES (?,?,?,?,?,?,?,?,?)", &statement);
	if (code < 0)
		return code;
	if (!bind_octets(statement, 1, attempt->program.identifier.octets, 16) ||
	    !bind_octets(statement, 2, attempt->task->demand.identifier.octets, 16) ||
	    !bind_numbers(statement, 3, (const int64_t[]){attempt->part, attempt->number}, 2) ||
	    !bind_octets(statement, 5, octets, size) ||
	    !bind_numbers(statement, 6, (const int64_t[]){attempt->state, attempt->release, granted, settled},
	                  4))
		return BUSBAR_ERROR_DATABASE;
	return database_run(database, statement);
}

int task_journal_save_decision(struct database *database, const struct identifier *task,
                               const uint8_t *octets, size_t size)
{
	sqlite3_stmt *statement;
	int code = database_prepare(database, "INSERT INTO decision VALUES (?,?)", &statement);

	if (code < 0)
		return code;
	if (!bind_octets(statement, 1, task->octets, 16) || !bind_octets(statement, 2, octets, (int)size))
		return BUSBAR_ERROR_DATABASE;
	return database_run(database, statement);
}

static void read_part(sqlite3_stmt *statement, struct part *part)
{
	part->state = (enum task_state)sqlite3_column_int(statement, 2);
	part->code = sqlite3_column_int(statement, 3);
	part->exit_status = sqlite3_column_int(statement, 4);
	part->attempts = (uint32_t)sqlite3_column_int(statement, 5);
	part->size = (uint64_t)sqlite3_column_int64(statement, 6);
	if (sqlite3_column_bytes(statement, 7) == 32)
		memcpy(part->digest, sqlite3_column_blob(statement, 7), 32);
	part->network = sqlite3_column_int64(statement, 8);
	part->run_wall = sqlite3_column_int64(statement, 9);
	part->site.site = (uint32_t)sqlite3_column_int64(statement, 10);
	part->site.gateway = (uint16_t)sqlite3_column_int(statement, 11);
}

static int load_parts(struct tasks *tasks, struct task *task)
{
	sqlite3_stmt *statement;
	int code = database_prepare(tasks->rooms.database,
	                            "SELECT * FROM part WHERE task = ? ORDER BY number", &statement);

	if (code < 0)
		return code;
	if (!bind_octets(statement, 1, task->demand.identifier.octets, 16))
		return BUSBAR_ERROR_DATABASE;
	while ((code = database_step(tasks->rooms.database, statement)) > 0) {
		uint32_t number = (uint32_t)sqlite3_column_int(statement, 1);

		if (number == 0 || number > task->part_count)
			continue;
		read_part(statement, &task->parts[number - 1]);
	}
	return code;
}

static int load_attempt(struct tasks *tasks, struct task *task, sqlite3_stmt *statement)
{
	uint32_t part = (uint32_t)sqlite3_column_int(statement, 2);
	int64_t granted = sqlite3_column_int64(statement, 7);
	int64_t settled = sqlite3_column_int64(statement, 8);
	struct program program;
	struct attempt *attempt;
	int code = packet_decode_program(sqlite3_column_blob(statement, 4),
	                                 (size_t)sqlite3_column_bytes(statement, 4), &program);

	if (code < 0)
		return code;
	if (part >= task->part_count)
		return BUSBAR_ERROR_DATABASE;
	attempt = attempt_add(tasks, task, part, (uint32_t)sqlite3_column_int(statement, 3), &program);
	if (attempt == NULL)
		return -ENOMEM;
	attempt->state = (enum attempt_state)sqlite3_column_int(statement, 5);
	attempt->release = sqlite3_column_int(statement, 6);
	for (uint32_t i = 0; i < MINIMUM(attempt->owner_count, (uint32_t)LEDGER_OWNERS); i++) {
		attempt->owners[i].granted = (granted >> i & 1) != 0;
		attempt->owners[i].settled = (settled >> i & 1) != 0;
	}
	attempt_resume(tasks, attempt);
	return 0;
}

static int load_attempts(struct tasks *tasks, struct task *task)
{
	sqlite3_stmt *statement;
	int code =
	        database_prepare(tasks->rooms.database,
	                         "SELECT * FROM attempt WHERE task = ? AND state < 3 ORDER BY part, number",
	                         &statement);

	if (code < 0)
		return code;
	if (!bind_octets(statement, 1, task->demand.identifier.octets, 16))
		return BUSBAR_ERROR_DATABASE;
	while ((code = database_step(tasks->rooms.database, statement)) > 0) {
		code = load_attempt(tasks, task, statement);
		if (code < 0) {
			(void)sqlite3_reset(statement);
			return code;
		}
	}
	return code;
}

static int load_task(struct tasks *tasks, sqlite3_stmt *statement)
{
	struct task *task = slab_take(tasks->task_slab);
	int code = -ENOMEM;

	if (task == NULL)
		return code;
	(void)strncpy(task->tenant, (const char *)sqlite3_column_text(statement, 1),
	              sizeof(task->tenant) - 1);
	code = demand_codec_decode(sqlite3_column_blob(statement, 3),
	                           (size_t)sqlite3_column_bytes(statement, 3), tasks->arena, &task->demand);
	if (code < 0)
		goto fail;
	memcpy(task->demand.identifier.octets, sqlite3_column_blob(statement, 0), 16);
	task->spot = sqlite3_column_int(statement, 4) != 0;
	task->access_up = sqlite3_column_int64(statement, 5);
	task->access_down = sqlite3_column_int64(statement, 6);
	task->state = (enum task_state)sqlite3_column_int(statement, 7);
	task->code = sqlite3_column_int(statement, 8);
	task->created = sqlite3_column_int64(statement, 9);
	task->ended = sqlite3_column_int64(statement, 10);
	task->part_count = (uint32_t)sqlite3_column_int(statement, 11);
	code = task->part_count > DEMAND_PARTS ? BUSBAR_ERROR_DATABASE : 0;
	if (code < 0)
		goto fail;
	task->parts = calloc(task->part_count, sizeof(*task->parts));
	code = task->parts == NULL ? -ENOMEM : hash_put(tasks->by_task, task->demand.identifier.octets, task);
	if (code < 0)
		goto fail;
	code = load_parts(tasks, task);
	return code < 0 ? code : load_attempts(tasks, task);
fail:
	free(task->parts);
	slab_release(tasks->task_slab, task);
	return code;
}

int task_journal_load(struct tasks *tasks)
{
	sqlite3_stmt *statement;
	int code = database_prepare(tasks->rooms.database, "SELECT * FROM task WHERE state < 9 ORDER BY task",
	                            &statement);

	if (code < 0)
		return code;
	while ((code = database_step(tasks->rooms.database, statement)) > 0) {
		code = load_task(tasks, statement);
		if (code < 0) {
			(void)sqlite3_reset(statement);
			return code;
		}
	}
	return code;
}
