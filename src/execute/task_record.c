/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks for people: those that are not settled from memory, and all others from the journal. */
#include "base/error.h"
#include "base/text.h"
#include "execute/task_internal.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* How long a reader waits for what was written last. */
#define PATIENCE (100 * CLOCK_MILLISECOND)

static void fill_part(const struct task *task, uint32_t index, struct task_part_record *record)
{
	const struct part *part = &task->parts[index];

	*record = (struct task_part_record){
	        .number = index + 1,
	        .state = part->state,
	        .code = part->code,
	        .exit_status = part->exit_status,
	        .attempts = part->attempts,
	        .size = part->size,
	        .network = part->network,
	        .run_wall = part->run_wall,
	        .site = part->site,
	        .program = part->current != NULL
	                           ? part->current->program
	                           : identifier_derive(&task->identifier, index << 8 | part->attempts),
	        .measured = part->measured,
	        .class = part->class,
	        .bound_up = part->bound_up,
	        .bound_down = part->bound_down,
	        .refusal = part->refusal,
	};
	memcpy(record->digest, part->digest, sizeof(record->digest));
}

static int read_open(const struct task *task, struct task_record *ret_record)
{
	struct task_record record = {.identifier = task->identifier,
	                             .state = task->state,
	                             .code = task->code,
	                             .created = task->created,
	                             .ended = task->ended,
	                             .part_count = task->part_count};

	record.parts = calloc(record.part_count, sizeof(*record.parts));
	if (record.parts == NULL)
		return -ENOMEM;
	text_copy(record.tenant, sizeof(record.tenant), task->tenant);
	text_copy(record.name, sizeof(record.name), task->name);
	for (uint32_t i = 0; i < record.part_count; i++)
		fill_part(task, i, &record.parts[i]);
	*ret_record = record;
	return 0;
}

/* Starts a reading of the journal that sees what was written last, as far as there is patience. */
static int start(struct tasks *tasks, const char *sql, const struct database_value *values, size_t count,
                 sqlite3_stmt **ret_statement)
{
	int code = database_settle(tasks->rooms.database, PATIENCE);

	if (code < 0 && code != BUSBAR_ERROR_NO_ANSWER)
		return code;
	return database_start(tasks->rooms.database, sql, values, count, ret_statement);
}

/* As start(), then the first row: NOT_FOUND when there is none. */
static int first(struct tasks *tasks, const char *sql, const struct database_value *values, size_t count,
                 sqlite3_stmt **ret_statement)
{
	int code = start(tasks, sql, values, count, ret_statement);

	if (code == 0)
		code = database_step(tasks->rooms.database, *ret_statement);
	return code == 0 ? BUSBAR_ERROR_NOT_FOUND : MINIMUM(code, 0);
}

static int read_head(struct tasks *tasks, const struct identifier *task, struct task_record *record)
{
	sqlite3_stmt *statement;
	int code = first(tasks,
	                 "SELECT tenant, name, state, code, created, ended, parts FROM task WHERE task = ?",
	                 DATABASE_VALUES(DATABASE_ARRAY(task->octets)), &statement);

	if (code < 0)
		return code;
	record->identifier = *task;
	text_copy(record->tenant, sizeof(record->tenant), (const char *)sqlite3_column_text(statement, 0));
	text_copy(record->name, sizeof(record->name), (const char *)sqlite3_column_text(statement, 1));
	record->state = (enum task_state)sqlite3_column_int(statement, 2);
	record->code = sqlite3_column_int(statement, 3);
	record->created = sqlite3_column_int64(statement, 4);
	record->ended = sqlite3_column_int64(statement, 5);
	record->part_count = (uint32_t)sqlite3_column_int(statement, 6);
	(void)sqlite3_reset(statement);
	return record->part_count > DEMAND_PARTS || record->state >= TASK_STATES ? BUSBAR_ERROR_DATABASE : 0;
}

static void read_part(sqlite3_stmt *statement, const struct identifier *task, struct task_part_record *part)
{
	struct plan_record plan;

	part->state = (enum task_state)sqlite3_column_int(statement, 1);
	part->code = sqlite3_column_int(statement, 2);
	part->exit_status = sqlite3_column_int(statement, 3);
	part->attempts = (uint32_t)sqlite3_column_int(statement, 4);
	part->size = (uint64_t)sqlite3_column_int64(statement, 5);
	if (sqlite3_column_bytes(statement, 6) == 32)
		memcpy(part->digest, sqlite3_column_blob(statement, 6), 32);
	part->network = sqlite3_column_int64(statement, 7);
	part->run_wall = sqlite3_column_int64(statement, 8);
	part->site.site = (uint32_t)sqlite3_column_int64(statement, 9);
	part->site.gateway = (uint16_t)sqlite3_column_int(statement, 10);
	part->program = identifier_derive(task, (part->number - 1) << 8 | part->attempts);
	task_journal_get_refusal(statement, 12, &part->refusal);
	if (plan_record_decode(sqlite3_column_blob(statement, 11),
	                       (size_t)sqlite3_column_bytes(statement, 11), &plan) < 0)
		return;
	part->measured = plan.part.path.measured;
	part->class = plan.part.path.class;
	part->bound_up = plan.part.path.bound_up;
	part->bound_down = plan.part.path.bound_down;
}

static int read_parts(struct tasks *tasks, const struct identifier *task, struct task_record *record)
{
	struct database *database = tasks->rooms.database;
	sqlite3_stmt *statement;
	int code = database_start(
	        database,
	        "SELECT number, state, code, exit_status, attempts, size, digest, network,"
	        "run_wall, site, gateway, plan, refusal FROM part WHERE task = ? ORDER BY number",
	        DATABASE_VALUES(DATABASE_ARRAY(task->octets)), &statement);

	while (code >= 0 && (code = database_step(database, statement)) > 0) {
		uint32_t number = (uint32_t)sqlite3_column_int(statement, 0);

		if (number == 0 || number > record->part_count)
			continue;
		record->parts[number - 1].number = number;
		read_part(statement, task, &record->parts[number - 1]);
	}
	return code;
}

int task_read(struct tasks *tasks, const struct identifier *identifier, struct task_record *ret_record)
{
	const struct task *task = hash_get(tasks->by_task, identifier->octets);
	struct task_record record = {0};
	int code;

	if (task != NULL)
		return read_open(task, ret_record);
	code = read_head(tasks, identifier, &record);
	if (code < 0)
		return code;
	record.parts = calloc(record.part_count + 1, sizeof(*record.parts));
	code = record.parts == NULL ? -ENOMEM : read_parts(tasks, identifier, &record);
	if (code < 0) {
		task_record_clear(&record);
		return code;
	}
	*ret_record = record;
	return 0;
}

void task_record_clear(struct task_record *record)
{
	free(record->parts);
	record->parts = NULL;
}

int task_list(struct tasks *tasks, const char *tenant, struct identifier *ret_tasks, uint32_t maximum)
{
	uint32_t count = 0;
	sqlite3_stmt *statement;
	int code = start(tasks,
	                 "SELECT task FROM task WHERE ?1 IS NULL OR tenant = ?1 ORDER BY task DESC LIMIT ?2",
	                 DATABASE_VALUES(DATABASE_TEXT(tenant), DATABASE_NUMBER(maximum)), &statement);

	if (code < 0)
		return code;
	while ((code = database_step(tasks->rooms.database, statement)) > 0)
		if (sqlite3_column_bytes(statement, 0) == 16 && count < maximum)
			memcpy(ret_tasks[count++].octets, sqlite3_column_blob(statement, 0), 16);
	return code < 0 ? code : (int)count;
}

int task_program(struct tasks *tasks, const struct identifier *identifier, uint32_t part,
                 struct program *ret_program)
{
	const struct task *task = hash_get(tasks->by_task, identifier->octets);
	sqlite3_stmt *statement;
	int code;

	if (part == 0)
		return BUSBAR_ERROR_BAD_VALUE;
	if (task != NULL && part <= task->part_count && task->parts[part - 1].current != NULL)
		return attempt_program(task->parts[part - 1].current, ret_program);
	code = first(tasks,
	             "SELECT octets FROM attempt WHERE task = ? AND part = ? ORDER BY number DESC LIMIT 1",
	             DATABASE_VALUES(DATABASE_ARRAY(identifier->octets), DATABASE_NUMBER(part - 1)),
	             &statement);
	if (code < 0)
		return code;
	code = packet_decode_program(sqlite3_column_blob(statement, 0),
	                             (size_t)sqlite3_column_bytes(statement, 0), ret_program);
	(void)sqlite3_reset(statement);
	return code;
}

int task_plan(struct tasks *tasks, const struct identifier *task, uint32_t part,
              struct plan_record *ret_record)
{
	sqlite3_stmt *statement;
	int code = first(tasks, "SELECT plan FROM part WHERE task = ? AND number = ?",
	                 DATABASE_VALUES(DATABASE_ARRAY(task->octets), DATABASE_NUMBER(part)), &statement);

	if (code < 0)
		return code;
	code = plan_record_decode(sqlite3_column_blob(statement, 0),
	                          (size_t)sqlite3_column_bytes(statement, 0), ret_record);
	(void)sqlite3_reset(statement);
	return code;
}

int task_limit(struct tasks *tasks, const struct identifier *identifier, int64_t *ret_within,
               bool *ret_guaranteed)
{
	const struct task *task = hash_get(tasks->by_task, identifier->octets);
	struct demand demand;
	int code = task == NULL ? BUSBAR_ERROR_NOT_FOUND : task_demand(tasks, task, &demand);

	if (code == 0) {
		*ret_within = demand.body.network_within;
		*ret_guaranteed = demand.body.network_guaranteed;
	}
	arena_reset(tasks->arena);
	return code;
}
