/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks as the journal has them, for people. */
#include "base/error.h"
#include "base/text.h"
#include "execute/task_internal.h"
#include "wire/packet.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static int read_head(struct database *database, const struct identifier *task, struct task_record *record)
{
	sqlite3_stmt *statement;
	int code = database_prepare(database,
	                            "SELECT tenant, name, state, code, created, ended, parts FROM task "
	                            "WHERE task = ?",
	                            &statement);

	if (code < 0)
		return code;
	if (sqlite3_bind_blob(statement, 1, task->octets, 16, SQLITE_TRANSIENT) != SQLITE_OK)
		return BUSBAR_ERROR_DATABASE;
	code = database_step(database, statement);
	if (code <= 0)
		return code == 0 ? BUSBAR_ERROR_NOT_FOUND : code;
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

static int read_part(sqlite3_stmt *statement, struct task_part_record *part)
{
	const unsigned char *plan = sqlite3_column_text(statement, 10);

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
	part->site.gateway = (uint16_t)sqlite3_column_int(statement, 11);
	if (plan == NULL)
		return 0;
	part->plan = strdup((const char *)plan);
	return part->plan == NULL ? -ENOMEM : 0;
}

int task_read(struct tasks *tasks, const struct identifier *task, struct task_record *ret_record)
{
	struct task_record record = {0};
	sqlite3_stmt *statement;
	int code = read_head(tasks->rooms.database, task, &record);

	if (code < 0)
		return code;
	record.parts = calloc(record.part_count + 1, sizeof(*record.parts));
	if (record.parts == NULL)
		return -ENOMEM;
	code = database_prepare(tasks->rooms.database,
	                        "SELECT number, state, code, exit_status, attempts, size, digest, network,"
	                        "run_wall, site, plan, gateway FROM part WHERE task = ? ORDER BY number",
	                        &statement);
	if (code == 0 && sqlite3_bind_blob(statement, 1, task->octets, 16, SQLITE_TRANSIENT) != SQLITE_OK)
		code = BUSBAR_ERROR_DATABASE;
	while (code >= 0 && (code = database_step(tasks->rooms.database, statement)) > 0) {
		uint32_t number = (uint32_t)sqlite3_column_int(statement, 0);

		if (number == 0 || number > record.part_count)
			continue;
		record.parts[number - 1].number = number;
		code = read_part(statement, &record.parts[number - 1]);
		record.parts[number - 1].program =
		        identifier_derive(task, (number - 1) << 8 | record.parts[number - 1].attempts);
	}
	if (code < 0) {
		task_record_clear(&record);
		return code;
	}
	*ret_record = record;
	return 0;
}

void task_record_clear(struct task_record *record)
{
	for (uint32_t i = 0; record->parts != NULL && i < record->part_count; i++)
		free(record->parts[i].plan);
	free(record->parts);
	record->parts = NULL;
}

int task_list(struct tasks *tasks, const char *tenant, struct identifier *ret_tasks, uint32_t maximum)
{
	uint32_t count = 0;
	sqlite3_stmt *statement;
	int code = database_prepare(tasks->rooms.database,
	                            "SELECT task FROM task WHERE ?1 IS NULL OR tenant = ?1 "
	                            "ORDER BY task DESC LIMIT ?2",
	                            &statement);

	if (code < 0)
		return code;
	if (sqlite3_bind_text(statement, 1, tenant, -1, SQLITE_TRANSIENT) != SQLITE_OK ||
	    sqlite3_bind_int64(statement, 2, maximum) != SQLITE_OK)
		return BUSBAR_ERROR_DATABASE;
	while ((code = database_step(tasks->rooms.database, statement)) > 0)
		if (sqlite3_column_bytes(statement, 0) == 16 && count < maximum)
			memcpy(ret_tasks[count++].octets, sqlite3_column_blob(statement, 0), 16);
	return code < 0 ? code : (int)count;
}

int task_program(struct tasks *tasks, const struct identifier *task, uint32_t part,
                 struct program *ret_program)
{
	sqlite3_stmt *statement;
	int code = database_prepare(tasks->rooms.database,
	                            "SELECT octets FROM attempt WHERE task = ? AND part = ? "
	                            "ORDER BY number DESC LIMIT 1",
	                            &statement);

	if (code < 0)
		return code;
	if (part == 0 || sqlite3_bind_blob(statement, 1, task->octets, 16, SQLITE_TRANSIENT) != SQLITE_OK ||
	    sqlite3_bind_int64(statement, 2, part - 1) != SQLITE_OK)
		return part == 0 ? BUSBAR_ERROR_BAD_VALUE : BUSBAR_ERROR_DATABASE;
	code = database_step(tasks->rooms.database, statement);
	if (code <= 0)
		return code == 0 ? BUSBAR_ERROR_NOT_FOUND : code;
	code = packet_decode_program(sqlite3_column_blob(statement, 0),
	                             (size_t)sqlite3_column_bytes(statement, 0), ret_program);
	(void)sqlite3_reset(statement);
	return code;
}
