/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of tasks: tables task, part, attempt and decision. Read at the start, and for people. */
#include "base/cursor.h"
#include "base/error.h"
#include "base/text.h"
#include "execute/task_internal.h"
#include "wire/demand_codec.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

int task_journal_create(struct database *database)
{
	/* Columns with a default are written when they change. plan: see plan_record.h. */
	return database_execute(
	        database,
	        "CREATE TABLE IF NOT EXISTS task (task BLOB PRIMARY KEY, tenant TEXT NOT NULL,"
	        "name TEXT NOT NULL, demand BLOB NOT NULL, spot INTEGER NOT NULL, client BLOB NOT NULL,"
	        "access_up INTEGER NOT NULL, access_down INTEGER NOT NULL, ceiling_up INTEGER NOT NULL,"
	        "ceiling_down INTEGER NOT NULL, edge_site INTEGER NOT NULL, edge_gateway INTEGER NOT NULL,"
	        "created INTEGER NOT NULL, parts INTEGER NOT NULL,"
	        "state INTEGER NOT NULL DEFAULT 1, code INTEGER NOT NULL DEFAULT 0,"
	        "ended INTEGER NOT NULL DEFAULT 0, moved INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
	        "CREATE TABLE IF NOT EXISTS part (task BLOB NOT NULL, number INTEGER NOT NULL,"
	        "attempts INTEGER NOT NULL, site INTEGER NOT NULL, gateway INTEGER NOT NULL,"
	        "plan BLOB NOT NULL, state INTEGER NOT NULL DEFAULT 1, code INTEGER NOT NULL DEFAULT 0,"
	        "exit_status INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0, digest BLOB,"
	        "network INTEGER NOT NULL DEFAULT 0, run_wall INTEGER NOT NULL DEFAULT 0, refusal BLOB,"
	        "patience INTEGER NOT NULL DEFAULT 0,"
	        "PRIMARY KEY (task, number)) STRICT, WITHOUT ROWID;"
	        "CREATE TABLE IF NOT EXISTS attempt (task BLOB NOT NULL, part INTEGER NOT NULL,"
	        "number INTEGER NOT NULL, octets BLOB NOT NULL, ends INTEGER NOT NULL,"
	        "state INTEGER NOT NULL DEFAULT 0, release INTEGER NOT NULL DEFAULT 0,"
	        "granted INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0,"
	        "PRIMARY KEY (task, part, number)) STRICT, WITHOUT ROWID;"
	        "CREATE TABLE IF NOT EXISTS decision (task BLOB PRIMARY KEY, octets BLOB NOT NULL) WITHOUT "
	        "ROWID;"
	        "CREATE INDEX IF NOT EXISTS task_open ON task (task) WHERE state < 9;");
}

int task_journal_insert(struct database *database, const struct task *task)
{
	const struct task_place *place = &task->place;

	return database_write(
	        database,
	        "INSERT INTO task (task, tenant, name, demand, spot, client, access_up, access_down,"
	        "ceiling_up, ceiling_down, edge_site, edge_gateway, created, parts) "
	        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	        DATABASE_VALUES(DATABASE_ARRAY(task->identifier.octets), DATABASE_TEXT(task->tenant),
	                        DATABASE_TEXT(task->name),
	                        DATABASE_OCTETS(task->demand.octets, task->demand.size),
	                        DATABASE_NUMBER(task->spot), DATABASE_ARRAY(place->client),
	                        DATABASE_NUMBER(place->access_up), DATABASE_NUMBER(place->access_down),
	                        DATABASE_NUMBER(place->access_ceiling_up),
	                        DATABASE_NUMBER(place->access_ceiling_down),
	                        DATABASE_NUMBER(place->edge.site), DATABASE_NUMBER(place->edge.gateway),
	                        DATABASE_NUMBER(task->created), DATABASE_NUMBER(task->part_count)));
}

int task_journal_write(struct database *database, const struct task *task)
{
	return database_set(database, "UPDATE task SET state = ?, code = ?, ended = ? WHERE task = ?",
	                    DATABASE_VALUES(DATABASE_NUMBER(task->state), DATABASE_NUMBER(task->code),
	                                    DATABASE_NUMBER(task->ended),
	                                    DATABASE_ARRAY(task->identifier.octets)),
	                    1);
}

int task_journal_write_place(struct database *database, const struct task *task)
{
	const struct task_place *place = &task->place;

	return database_write(
	        database,
	        "UPDATE task SET client = ?, access_up = ?, access_down = ?, ceiling_up = ?, ceiling_down = "
	        "?,"
	        "edge_site = ?, edge_gateway = ?, moved = ? WHERE task = ?",
	        DATABASE_VALUES(DATABASE_ARRAY(place->client), DATABASE_NUMBER(place->access_up),
	                        DATABASE_NUMBER(place->access_down),
	                        DATABASE_NUMBER(place->access_ceiling_up),
	                        DATABASE_NUMBER(place->access_ceiling_down),
	                        DATABASE_NUMBER(place->edge.site), DATABASE_NUMBER(place->edge.gateway),
	                        DATABASE_NUMBER(task->move.sent), DATABASE_ARRAY(task->identifier.octets)));
}

int task_journal_put_part(struct database *database, const struct task *task, uint32_t part,
                          const uint8_t *plan, size_t size)
{
	const struct part *saved = &task->parts[part];

	return database_write(
	        database,
	        "INSERT INTO part (task, number, attempts, site, gateway, plan) VALUES (?, ?, ?, ?, ?, ?) "
	        "ON CONFLICT (task, number) DO UPDATE SET attempts = excluded.attempts,"
	        "site = excluded.site, gateway = excluded.gateway, plan = excluded.plan, code = 0",
	        DATABASE_VALUES(DATABASE_ARRAY(task->identifier.octets), DATABASE_NUMBER(part + 1),
	                        DATABASE_NUMBER(saved->attempts), DATABASE_NUMBER(saved->site.site),
	                        DATABASE_NUMBER(saved->site.gateway), DATABASE_OCTETS(plan, size)));
}

int task_journal_write_attempts(struct database *database, const struct task *task, uint32_t part)
{
	return database_write(database, "UPDATE part SET attempts = ? WHERE task = ? AND number = ?",
	                      DATABASE_VALUES(DATABASE_NUMBER(task->parts[part].attempts),
	                                      DATABASE_ARRAY(task->identifier.octets),
	                                      DATABASE_NUMBER(part + 1)));
}

/* Of a part's refusal in the journal. */
enum { REFUSAL_OCTETS = 4 + 6 + 6 + 1 + 8 + 8 };

static void put_refusal(const struct task_refusal *refusal, uint8_t octets[REFUSAL_OCTETS])
{
	struct writer writer = writer_open(octets, REFUSAL_OCTETS);

	writer_u32(&writer, (uint32_t)refusal->error);
	writer_u32(&writer, refusal->owner.site);
	writer_u16(&writer, refusal->owner.gateway);
	writer_u32(&writer, refusal->toward.site);
	writer_u16(&writer, refusal->toward.gateway);
	writer_u8(&writer, (uint8_t)refusal->resource);
	writer_u64(&writer, (uint64_t)refusal->have);
	writer_u64(&writer, (uint64_t)refusal->need);
}

void task_journal_get_refusal(sqlite3_stmt *statement, int column, struct task_refusal *ret_refusal)
{
	const uint8_t *octets = sqlite3_column_blob(statement, column);
	struct cursor cursor = cursor_open(octets, REFUSAL_OCTETS);
	struct task_refusal refusal;

	*ret_refusal = (struct task_refusal){.error = 0};
	if (sqlite3_column_bytes(statement, column) != REFUSAL_OCTETS)
		return;
	refusal.error = (int32_t)cursor_u32(&cursor);
	refusal.owner.site = cursor_u32(&cursor);
	refusal.owner.gateway = cursor_u16(&cursor);
	refusal.toward.site = cursor_u32(&cursor);
	refusal.toward.gateway = cursor_u16(&cursor);
	refusal.resource = (enum resource_kind)cursor_u8(&cursor);
	refusal.have = (int64_t)cursor_u64(&cursor);
	refusal.need = (int64_t)cursor_u64(&cursor);
	if ((unsigned)refusal.resource < RESOURCE_KINDS)
		*ret_refusal = refusal;
}

int task_journal_write_part(struct database *database, const struct task *task, uint32_t part)
{
	const struct part *saved = &task->parts[part];
	uint8_t refusal[REFUSAL_OCTETS];

	put_refusal(&saved->refusal, refusal);
	return database_write(
	        database,
	        "UPDATE part SET state = ?, code = ?, exit_status = ?, size = ?, digest = ?,"
	        "network = ?, run_wall = ?, refusal = ?, patience = ? WHERE task = ? AND number = ?",
	        DATABASE_VALUES(DATABASE_NUMBER(saved->state), DATABASE_NUMBER(saved->code),
	                        DATABASE_NUMBER(saved->exit_status), DATABASE_NUMBER((int64_t)saved->size),
	                        DATABASE_ARRAY(saved->digest), DATABASE_NUMBER(saved->network),
	                        DATABASE_NUMBER(saved->run_wall), DATABASE_ARRAY(refusal),
	                        DATABASE_NUMBER(saved->patience), DATABASE_ARRAY(task->identifier.octets),
	                        DATABASE_NUMBER(part + 1)));
}

int task_journal_insert_attempt(struct database *database, const struct attempt *attempt)
{
	const struct task *task = attempt->task;

	return database_write(database,
	                      "INSERT INTO attempt (task, part, number, octets, ends) VALUES (?, ?, ?, ?, ?)",
	                      DATABASE_VALUES(DATABASE_ARRAY(task->identifier.octets),
	                                      DATABASE_NUMBER(attempt->part),
	                                      DATABASE_NUMBER(attempt->number),
	                                      DATABASE_OCTETS(attempt->octets.octets, attempt->octets.size),
	                                      DATABASE_NUMBER(task->parts[attempt->part].ends)));
}

int task_journal_write_attempt(struct database *database, const struct attempt *attempt)
{
	const struct task *task = attempt->task;
	int64_t granted = 0, settled = 0;

	for (uint32_t i = 0; i < MINIMUM(attempt->owner_count, (uint32_t)LEDGER_OWNERS); i++) {
		granted |= (int64_t)attempt->owners[i].granted << i;
		settled |= (int64_t)attempt->owners[i].settled << i;
	}
	return database_set(database,
	                    "UPDATE attempt SET state = ?, release = ?, granted = ?, settled = ?, ends = ? "
	                    "WHERE task = ? AND part = ? AND number = ?",
	                    DATABASE_VALUES(DATABASE_NUMBER(attempt->state),
	                                    DATABASE_NUMBER(attempt->release), DATABASE_NUMBER(granted),
	                                    DATABASE_NUMBER(settled),
	                                    DATABASE_NUMBER(task->parts[attempt->part].ends),
	                                    DATABASE_ARRAY(task->identifier.octets),
	                                    DATABASE_NUMBER(attempt->part), DATABASE_NUMBER(attempt->number)),
	                    3);
}

int task_journal_put_decision(struct database *database, const struct identifier *task, const uint8_t *octets,
                              size_t size)
{
	return database_write(database, "INSERT INTO decision VALUES (?, ?)",
	                      DATABASE_VALUES(DATABASE_ARRAY(task->octets), DATABASE_OCTETS(octets, size)));
}

/* Loading. */

/* Walks the rows of a statement about one task. */
typedef int (*row_visit)(struct tasks *tasks, struct task *task, sqlite3_stmt *statement);

static int each_row(struct tasks *tasks, struct task *task, const char *sql, row_visit visit)
{
	struct database *database = tasks->rooms.database;
	sqlite3_stmt *statement;
	int code = database_start(database, sql, DATABASE_VALUES(DATABASE_ARRAY(task->identifier.octets)),
	                          &statement);

	if (code < 0)
		return code;
	while ((code = database_step(database, statement)) > 0) {
		code = visit(tasks, task, statement);
		if (code < 0)
			break;
	}
	(void)sqlite3_reset(statement);
	return code;
}

static int load_part(struct tasks *tasks, struct task *task, sqlite3_stmt *statement)
{
	uint32_t number = (uint32_t)sqlite3_column_int(statement, 0);
	struct plan_record record;
	struct part *part;
	int code;

	if (number == 0 || number > task->part_count)
		return BUSBAR_ERROR_DATABASE;
	part = &task->parts[number - 1];
	part->attempts = (uint32_t)sqlite3_column_int(statement, 1);
	part->site.site = (uint32_t)sqlite3_column_int64(statement, 2);
	part->site.gateway = (uint16_t)sqlite3_column_int(statement, 3);
	part->state = (enum task_state)sqlite3_column_int(statement, 5);
	part->code = sqlite3_column_int(statement, 6);
	part->exit_status = sqlite3_column_int(statement, 7);
	part->size = (uint64_t)sqlite3_column_int64(statement, 8);
	if (sqlite3_column_bytes(statement, 9) == 32)
		memcpy(part->digest, sqlite3_column_blob(statement, 9), 32);
	part->network = sqlite3_column_int64(statement, 10);
	part->run_wall = sqlite3_column_int64(statement, 11);
	task_journal_get_refusal(statement, 12, &part->refusal);
	part->patience = sqlite3_column_int64(statement, 13);
	code = plan_record_decode(sqlite3_column_blob(statement, 4),
	                          (size_t)sqlite3_column_bytes(statement, 4), &record);
	if (code < 0 || part->state >= TASK_STATES)
		return code < 0 ? code : BUSBAR_ERROR_DATABASE;
	part->bound_up = record.part.path.bound_up;
	part->bound_down = record.part.path.bound_down;
	part->class = record.part.path.class;
	part->measured = record.part.path.measured;
	return 0;
}

/* What is held serves the part: a newer attempt was to take its place, and has not. */
static void load_move(struct task *task, struct attempt *held, struct attempt *newer)
{
	struct part *part = &task->parts[held->part];

	part->current = held;
	if (newer->state == ATTEMPT_RELEASING)
		return;
	part->moving = newer;
	task->move.under_way = true;
}

/* It was to take the place of one that was lost meanwhile, and that has a successor by now. */
static void load_overtaken(struct task *task, struct attempt *moving)
{
	task->parts[moving->part].moving = moving;
	task->move.under_way = true;
}

static int load_attempt(struct tasks *tasks, struct task *task, sqlite3_stmt *statement)
{
	uint32_t part = (uint32_t)sqlite3_column_int(statement, 0);
	int64_t ends = sqlite3_column_int64(statement, 3);
	int64_t granted = sqlite3_column_int64(statement, 6);
	int64_t settled = sqlite3_column_int64(statement, 7);
	struct program program;
	struct attempt *attempt, *before;
	int code = packet_decode_program(sqlite3_column_blob(statement, 2),
	                                 (size_t)sqlite3_column_bytes(statement, 2), &program);

	if (code < 0)
		return code;
	if (part >= task->part_count)
		return BUSBAR_ERROR_DATABASE;
	attempt = attempt_add(tasks, task, part, (uint32_t)sqlite3_column_int(statement, 1), &program);
	if (attempt == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	before = task->parts[part].current;
	task->parts[part].current = attempt;
	attempt->state = (enum attempt_state)sqlite3_column_int(statement, 4);
	attempt->release = sqlite3_column_int(statement, 5);
	for (uint32_t i = 0; i < MINIMUM(attempt->owner_count, (uint32_t)LEDGER_OWNERS); i++) {
		attempt->owners[i].granted = (granted >> i & 1) != 0;
		attempt->owners[i].settled = (settled >> i & 1) != 0;
	}
	task->parts[part].ends = MAXIMUM(task->parts[part].ends, ends);
	if (before != NULL && before->state == ATTEMPT_HELD)
		load_move(task, before, attempt);
	else if (before != NULL && before->state < ATTEMPT_HELD)
		load_overtaken(task, before);
	attempt_resume(tasks, attempt);
	return 0;
}

static int read_task(sqlite3_stmt *statement, struct task *task)
{
	struct task_place *place = &task->place;

	text_copy(task->tenant, sizeof(task->tenant), (const char *)sqlite3_column_text(statement, 1));
	text_copy(task->name, sizeof(task->name), (const char *)sqlite3_column_text(statement, 2));
	task->spot = sqlite3_column_int(statement, 4) != 0;
	if (sqlite3_column_bytes(statement, 5) != (int)sizeof(place->client))
		return BUSBAR_ERROR_DATABASE;
	memcpy(place->client, sqlite3_column_blob(statement, 5), sizeof(place->client));
	place->access_up = sqlite3_column_int64(statement, 6);
	place->access_down = sqlite3_column_int64(statement, 7);
	place->access_ceiling_up = sqlite3_column_int64(statement, 8);
	place->access_ceiling_down = sqlite3_column_int64(statement, 9);
	place->edge.site = (uint32_t)sqlite3_column_int64(statement, 15);
	place->edge.gateway = (uint16_t)sqlite3_column_int(statement, 16);
	task->move.sent = sqlite3_column_int64(statement, 17);
	task->created = sqlite3_column_int64(statement, 10);
	task->state = (enum task_state)sqlite3_column_int(statement, 12);
	task->code = sqlite3_column_int(statement, 13);
	task->ended = sqlite3_column_int64(statement, 14);
	return task->state >= TASK_STATES ? BUSBAR_ERROR_DATABASE : 0;
}

static int load_task(struct tasks *tasks, sqlite3_stmt *statement)
{
	uint32_t parts = (uint32_t)sqlite3_column_int(statement, 11);
	struct identifier identifier;
	struct demand demand;
	struct task *task;
	int code;

	if (sqlite3_column_bytes(statement, 0) != (int)sizeof(identifier.octets) || parts == 0 ||
	    parts > DEMAND_PARTS)
		return BUSBAR_ERROR_DATABASE;
	memcpy(identifier.octets, sqlite3_column_blob(statement, 0), sizeof(identifier.octets));
	task = task_add(tasks, &identifier, parts);
	if (task == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	code = read_task(statement, task);
	if (code == 0)
		code = keep_octets(tasks->keep, sqlite3_column_blob(statement, 3),
		                   (size_t)sqlite3_column_bytes(statement, 3), &task->demand);
	if (code == 0)
		code = task_demand(tasks, task, &demand);
	if (code < 0)
		return code;
	task->reserve_time = demand.body.reserve_time;
	code = each_row(
	        tasks, task,
	        "SELECT number, attempts, site, gateway, plan, state, code, exit_status, size, digest,"
	        "network, run_wall, refusal, patience FROM part WHERE task = ? ORDER BY number",
	        load_part);
	return code < 0 ? code
	                : each_row(tasks, task,
	                           "SELECT part, number, octets, ends, state, release, granted, settled "
	                           "FROM attempt WHERE task = ? AND state < 4 ORDER BY part, number",
	                           load_attempt);
}

static int load_open(struct tasks *tasks)
{
	struct database *database = tasks->rooms.database;
	sqlite3_stmt *statement;
	int code = database_start(database,
	                          "SELECT task, tenant, name, demand, spot, client, access_up, access_down,"
	                          "ceiling_up, ceiling_down, created, parts, state, code, ended, edge_site,"
	                          "edge_gateway, moved FROM task WHERE state < 9 ORDER BY task",
	                          NULL, 0, &statement);

	if (code < 0)
		return code;
	while ((code = database_step(database, statement)) > 0) {
		code = load_task(tasks, statement);
		if (code < 0)
			break;
	}
	(void)sqlite3_reset(statement);
	return code;
}

static int load_past(struct tasks *tasks)
{
	struct database *database = tasks->rooms.database;
	int64_t now = task_wall(tasks);
	struct identifier oldest = identifier_floor(now - TASK_WINDOW), task;
	sqlite3_stmt *statement;
	int code = database_start(database, "SELECT task FROM task WHERE task > ? ORDER BY task",
	                          DATABASE_VALUES(DATABASE_ARRAY(oldest.octets)), &statement);

	if (code < 0)
		return code;
	while ((code = database_step(database, statement)) > 0) {
		memcpy(task.octets, sqlite3_column_blob(statement, 0), sizeof(task.octets));
		code = past_put(tasks->past, &task, identifier_time(&task) + TASK_WINDOW, now);
		if (code < 0)
			break;
	}
	(void)sqlite3_reset(statement);
	return code;
}

int task_journal_load(struct tasks *tasks)
{
	int code = load_open(tasks);

	return code < 0 ? code : load_past(tasks);
}
