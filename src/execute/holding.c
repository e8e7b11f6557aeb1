/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/holding.h"

#include "base/error.h"
#include "model/link.h"
#include "wire/packet.h"
#include <sqlite3.h>
#include <string.h>

static const char *const state_names[HOLDING_STATES] = {"held", "staging", "running", "ended"};

const char *holding_state_name(enum holding_state state)
{
	return state_names[state];
}

int holding_program(const struct holding *holding, struct program *ret_program)
{
	return packet_decode_program(holding->octets.octets, holding->octets.size, ret_program);
}

int holding_create_table(struct database *database)
{
	/* hops: locators of a flow's way, from here. Columns with a default are written when they change. */
	return database_execute(
	        database,
	        "CREATE TABLE IF NOT EXISTS holding (program BLOB PRIMARY KEY, octets BLOB NOT NULL,"
	        "address BLOB NOT NULL, port INTEGER NOT NULL, way BLOB NOT NULL, hops BLOB NOT NULL,"
	        "executes INTEGER NOT NULL, granted INTEGER NOT NULL, expires INTEGER NOT NULL,"
	        "confirmed INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL DEFAULT 0,"
	        "started INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0,"
	        "wall INTEGER NOT NULL DEFAULT 0, cpu INTEGER NOT NULL DEFAULT 0,"
	        "memory INTEGER NOT NULL DEFAULT 0, error INTEGER NOT NULL DEFAULT 0,"
	        "exit_status INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0,"
	        "digest BLOB, result_due INTEGER NOT NULL DEFAULT 0,"
	        "receipt_due INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID");
}

int holding_insert(struct database *database, const struct holding *holding, uint32_t hop_count,
                   const uint8_t hops[][16])
{
	const struct owner_return *way = &holding->way;

	return database_write(
	        database,
	        "INSERT INTO holding (program, octets, address, port, way, hops, executes, granted, expires,"
	        "confirmed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	        DATABASE_VALUES(DATABASE_ARRAY(holding->program.octets),
	                        DATABASE_OCTETS(holding->octets.octets, holding->octets.size),
	                        DATABASE_ARRAY(way->address), DATABASE_NUMBER(way->port),
	                        DATABASE_OCTETS(way->hops, way->hop_count * sizeof(way->hops[0])),
	                        DATABASE_OCTETS(hops, hop_count * sizeof(hops[0])),
	                        DATABASE_NUMBER(holding->executes), DATABASE_NUMBER(holding->granted),
	                        DATABASE_NUMBER(holding->expires), DATABASE_NUMBER(holding->confirmed)));
}

int holding_write_refresh(struct database *database, const struct holding *holding)
{
	return database_write(database, "UPDATE holding SET confirmed = 1, expires = ? WHERE program = ?",
	                      DATABASE_VALUES(DATABASE_NUMBER(holding->expires),
	                                      DATABASE_ARRAY(holding->program.octets)));
}

int holding_write_run(struct database *database, const struct holding *holding)
{
	const struct driver_usage *usage = &holding->usage;

	return database_write(database,
	                      "UPDATE holding SET state = ?, started = ?, wall = ?, cpu = ?, memory = ? "
	                      "WHERE program = ?",
	                      DATABASE_VALUES(DATABASE_NUMBER(holding->state),
	                                      DATABASE_NUMBER(holding->started), DATABASE_NUMBER(usage->wall),
	                                      DATABASE_NUMBER(usage->cpu),
	                                      DATABASE_NUMBER((int64_t)usage->memory_peak),
	                                      DATABASE_ARRAY(holding->program.octets)));
}

/* What is known of a run that has ended. */
static int write_outcome(struct database *database, const struct holding *holding)
{
	const struct driver_usage *usage = &holding->usage;

	return database_write(database,
	                      "UPDATE holding SET wall = ?, cpu = ?, memory = ?, exit_status = ?, size = ?,"
	                      "digest = ? WHERE program = ?",
	                      DATABASE_VALUES(DATABASE_NUMBER(usage->wall), DATABASE_NUMBER(usage->cpu),
	                                      DATABASE_NUMBER((int64_t)usage->memory_peak),
	                                      DATABASE_NUMBER(holding->exit_status),
	                                      DATABASE_NUMBER((int64_t)holding->output_size),
	                                      DATABASE_ARRAY(holding->output_digest),
	                                      DATABASE_ARRAY(holding->program.octets)));
}

/* That it has ended, and what of its end is not acknowledged yet. */
static int write_ended(struct database *database, const struct holding *holding, bool result_due,
                       bool receipt_due)
{
	return database_set(
	        database,
	        "UPDATE holding SET state = 3, ended = ?, error = ?, result_due = ?, receipt_due = ? "
	        "WHERE program = ?",
	        DATABASE_VALUES(DATABASE_NUMBER(holding->ended), DATABASE_NUMBER(holding->error),
	                        DATABASE_NUMBER(result_due), DATABASE_NUMBER(receipt_due),
	                        DATABASE_ARRAY(holding->program.octets)),
	        1);
}

int holding_write_end(struct database *database, const struct holding *holding)
{
	int code = holding->executes ? write_outcome(database, holding) : 0;

	return code < 0 ? code : write_ended(database, holding, holding->executes, true);
}

int holding_write_due(struct database *database, const struct holding *holding)
{
	return write_ended(database, holding, holding->result_due, holding->receipt_due);
}

int holding_prune(struct database *database, int64_t before)
{
	struct identifier youngest = identifier_floor(before);

	/* Identifiers come in the order of time: only the old end of the table is looked at. */
	return database_write(database,
	                      "DELETE FROM holding WHERE program < ? AND state = 3 AND ended < ? "
	                      "AND NOT result_due AND NOT receipt_due",
	                      DATABASE_VALUES(DATABASE_ARRAY(youngest.octets), DATABASE_NUMBER(before)));
}

/* In the order of the query below. */
enum column {
	COLUMN_PROGRAM,
	COLUMN_OCTETS,
	COLUMN_ADDRESS,
	COLUMN_PORT,
	COLUMN_WAY,
	COLUMN_HOPS,
	COLUMN_EXECUTES,
	COLUMN_GRANTED,
	COLUMN_EXPIRES,
	COLUMN_CONFIRMED,
	COLUMN_STATE,
	COLUMN_STARTED,
	COLUMN_ENDED,
	COLUMN_WALL,
	COLUMN_CPU,
	COLUMN_MEMORY,
	COLUMN_ERROR,
	COLUMN_EXIT,
	COLUMN_SIZE,
	COLUMN_DIGEST,
	COLUMN_RESULT_DUE,
	COLUMN_RECEIPT_DUE,
};

static bool read_octets(sqlite3_stmt *statement, enum column column, void *octets, size_t size)
{
	if (sqlite3_column_bytes(statement, (int)column) != (int)size)
		return false;
	memcpy(octets, sqlite3_column_blob(statement, (int)column), size);
	return true;
}

/* A list of locators. */
static bool read_hops(sqlite3_stmt *statement, enum column column, uint8_t hops[PLAN_HOPS][16],
                      uint32_t *ret_count)
{
	uint32_t size = (uint32_t)sqlite3_column_bytes(statement, (int)column);

	if (size > PLAN_HOPS * 16 || size % 16 != 0)
		return false;
	if (size > 0)
		memcpy(hops, sqlite3_column_blob(statement, (int)column), size);
	*ret_count = size / 16;
	return true;
}

static void read_numbers(sqlite3_stmt *statement, struct holding *holding)
{
	holding->way.port = (uint16_t)sqlite3_column_int(statement, COLUMN_PORT);
	holding->executes = sqlite3_column_int(statement, COLUMN_EXECUTES) != 0;
	holding->granted = sqlite3_column_int64(statement, COLUMN_GRANTED);
	holding->expires = sqlite3_column_int64(statement, COLUMN_EXPIRES);
	holding->confirmed = sqlite3_column_int(statement, COLUMN_CONFIRMED) != 0;
	holding->state = (enum holding_state)sqlite3_column_int(statement, COLUMN_STATE);
	holding->started = sqlite3_column_int64(statement, COLUMN_STARTED);
	holding->ended = sqlite3_column_int64(statement, COLUMN_ENDED);
	holding->usage.wall = sqlite3_column_int64(statement, COLUMN_WALL);
	holding->usage.cpu = sqlite3_column_int64(statement, COLUMN_CPU);
	holding->usage.memory_peak = (uint64_t)sqlite3_column_int64(statement, COLUMN_MEMORY);
	holding->error = sqlite3_column_int(statement, COLUMN_ERROR);
	holding->exit_status = sqlite3_column_int(statement, COLUMN_EXIT);
	holding->output_size = (uint64_t)sqlite3_column_int64(statement, COLUMN_SIZE);
	holding->result_due = sqlite3_column_int(statement, COLUMN_RESULT_DUE) != 0;
	holding->receipt_due = sqlite3_column_int(statement, COLUMN_RECEIPT_DUE) != 0;
}

static int read_row(sqlite3_stmt *statement, struct holding_row *row)
{
	struct holding *holding = &row->holding;
	int code;

	*holding = (struct holding){.written = true};
	if (!read_octets(statement, COLUMN_PROGRAM, holding->program.octets,
	                 sizeof(holding->program.octets)) ||
	    !read_octets(statement, COLUMN_ADDRESS, holding->way.address, sizeof(holding->way.address)) ||
	    !read_hops(statement, COLUMN_WAY, holding->way.hops, &holding->way.hop_count) ||
	    !read_hops(statement, COLUMN_HOPS, row->hops, &row->hop_count))
		return BUSBAR_ERROR_DATABASE;
	read_numbers(statement, holding);
	(void)read_octets(statement, COLUMN_DIGEST, holding->output_digest, sizeof(holding->output_digest));
	if ((unsigned)holding->state >= HOLDING_STATES)
		return BUSBAR_ERROR_DATABASE;
	/* Only read from: copied by who keeps the holding. */
	holding->octets.octets = (uint8_t *)(uintptr_t)sqlite3_column_blob(statement, COLUMN_OCTETS);
	holding->octets.size = (uint32_t)sqlite3_column_bytes(statement, COLUMN_OCTETS);
	code = holding_program(holding, &row->program);
	holding->ingress = row->program.ingress;
	holding->part = row->program.part;
	holding->valid = row->program.expires;
	return code;
}

int holding_each(struct database *database, holding_visit visit, void *context)
{
	struct holding_row row;
	sqlite3_stmt *statement;
	int code = database_start(
	        database,
	        "SELECT program, octets, address, port, way, hops, executes, granted, expires, confirmed,"
	        "state, started, ended, wall, cpu, memory, error, exit_status, size, digest, result_due,"
	        "receipt_due FROM holding ORDER BY program",
	        NULL, 0, &statement);

	if (code < 0)
		return code;
	while ((code = database_step(database, statement)) > 0) {
		code = read_row(statement, &row);
		if (code == 0)
			code = visit(context, &row);
		if (code < 0)
			break;
	}
	(void)sqlite3_reset(statement);
	return code;
}

const struct instruction *holding_instruction(const struct program *program, struct gateway_identity owner,
                                              enum operation operation)
{
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		const struct instruction *instruction = &program->instructions[i];

		if (instruction->operation == operation && gateway_equal(instruction->at, owner))
			return instruction;
	}
	return NULL;
}

static int add_line(struct receipt *receipt, struct receipt_line line)
{
	int code;

	if (receipt->line_count == RECEIPT_LINES)
		return BUSBAR_ERROR_TOO_LARGE;
	code = receipt_line_charge(&line, &line.charge);
	if (code < 0)
		return code;
	receipt->lines[receipt->line_count++] = line;
	return 0;
}

/* How long it was held. */
static int64_t time_held(const struct holding *holding)
{
	return MAXIMUM(holding->ended - holding->granted, (int64_t)0);
}

/* Links are billed for the time they were held, in both directions. */
static int add_link_lines(struct receipt *receipt, const struct holding *holding,
                          const struct program_reserve *reserve)
{
	struct receipt_line line = {.kind = LINE_LINK, .time = time_held(holding)};
	int code = 0;

	if (reserve->rate != 0) {
		line.toward = reserve->toward;
		line.amount = reserve->rate;
		line.tariff = reserve->tariff;
		code = add_line(receipt, line);
	}
	if (code == 0 && reserve->back_rate != 0) {
		line.toward = reserve->back;
		line.amount = reserve->back_rate;
		line.tariff = reserve->back_tariff;
		code = add_line(receipt, line);
	}
	return code;
}

/* Resources are billed for `time`. */
static int add_claim_lines(struct receipt *receipt, const struct program_claim *claim, int64_t time)
{
	int code = 0;

	for (uint32_t i = 0; i < claim->resource_count && code == 0; i++)
		code = add_line(receipt, (struct receipt_line){.kind = LINE_RESOURCE,
		                                               .resource = claim->resources[i].kind,
		                                               .amount = claim->resources[i].amount,
		                                               .time = time,
		                                               .tariff = claim->resources[i].tariff});
	return code;
}

/* A run's resources are billed for the executor's wall time; the call itself when it succeeded. */
static int add_run_lines(struct receipt *receipt, const struct holding *holding,
                         const struct program_claim *claim, const struct program_execute *execute)
{
	int code = add_claim_lines(receipt, claim, holding->usage.wall);

	if (code == 0 && execute->tariff > 0 && holding->error == 0)
		code = add_line(receipt, (struct receipt_line){
		                                 .kind = LINE_CALL, .amount = 1, .tariff = execute->tariff});
	return code;
}

static int add_lines(struct receipt *receipt, const struct holding *holding, const struct program *program)
{
	struct gateway_identity owner = receipt->owner;
	const struct instruction *reserve = holding_instruction(program, owner, OPERATION_RESERVE);
	const struct instruction *claim = holding_instruction(program, owner, OPERATION_CLAIM);
	const struct instruction *execute = holding_instruction(program, owner, OPERATION_EXECUTE);
	int code = reserve == NULL ? 0 : add_link_lines(receipt, holding, &reserve->reserve);

	if (code < 0 || claim == NULL)
		return code;
	if (execute == NULL)
		return add_claim_lines(receipt, &claim->claim, time_held(holding));
	return holding->started == 0 ? 0 : add_run_lines(receipt, holding, &claim->claim, &execute->execute);
}

int holding_receipt(const struct holding *holding, const struct program *program,
                    struct gateway_identity owner, bool void_of_charge, struct receipt *ret_receipt)
{
	struct receipt receipt = {
	        .program = holding->program,
	        .owner = owner,
	        .ingress = holding->ingress,
	        .error = holding->error,
	        .started = holding->granted,
	        .ended = holding->ended,
	        .run_wall = holding->usage.wall,
	        .run_cpu = holding->usage.cpu,
	        .memory_peak = holding->usage.memory_peak,
	};
	int code = void_of_charge ? 0 : add_lines(&receipt, holding, program);

	if (code < 0)
		return code;
	*ret_receipt = receipt;
	return 0;
}
