/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/holding.h"

#include "base/error.h"
#include "model/link.h"
#include <sqlite3.h>
#include <string.h>

enum { PROGRAM_OCTETS = PACKET_MAXIMUM };

/* In the order of the columns of the journal. */
enum column {
	COLUMN_PROGRAM,
	COLUMN_OCTETS,
	COLUMN_WAY,
	COLUMN_STATE,
	COLUMN_EXECUTES,
	COLUMN_GRANTED,
	COLUMN_EXPIRES,
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

static const char *const state_names[HOLDING_STATES] = {"held", "staging", "running", "ended"};

const char *holding_state_name(enum holding_state state)
{
	return state_names[state];
}

int holding_create_table(struct database *database)
{
	return database_execute(database,
	                        "CREATE TABLE IF NOT EXISTS holding ("
	                        "program BLOB PRIMARY KEY, octets BLOB NOT NULL, way BLOB NOT NULL,"
	                        "state INTEGER NOT NULL, executes INTEGER NOT NULL, granted INTEGER NOT NULL,"
	                        "expires INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,"
	                        "wall INTEGER NOT NULL, cpu INTEGER NOT NULL, memory INTEGER NOT NULL,"
	                        "error INTEGER NOT NULL, exit_status INTEGER NOT NULL, size INTEGER NOT NULL,"
	                        "digest BLOB NOT NULL, result_due INTEGER NOT NULL,"
	                        "receipt_due INTEGER NOT NULL) WITHOUT ROWID;"
	                        "CREATE INDEX IF NOT EXISTS holding_open ON holding (state) "
	                        "WHERE state < 3 OR result_due OR receipt_due;");
}

static int bind_numbers(sqlite3_stmt *statement, const struct holding *holding)
{
	const struct {
		enum column column;
		int64_t value;
	} numbers[] = {
	        {COLUMN_STATE, holding->state},
	        {COLUMN_EXECUTES, holding->executes},
	        {COLUMN_GRANTED, holding->granted},
	        {COLUMN_EXPIRES, holding->expires},
	        {COLUMN_STARTED, holding->started},
	        {COLUMN_ENDED, holding->ended},
	        {COLUMN_WALL, holding->usage.wall},
	        {COLUMN_CPU, holding->usage.cpu},
	        {COLUMN_MEMORY, (int64_t)holding->usage.memory_peak},
	        {COLUMN_ERROR, holding->error},
	        {COLUMN_EXIT, holding->exit_status},
	        {COLUMN_SIZE, (int64_t)holding->output_size},
	        {COLUMN_RESULT_DUE, holding->result_due},
	        {COLUMN_RECEIPT_DUE, holding->receipt_due},
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (sqlite3_bind_int64(statement, (int)numbers[i].column + 1, numbers[i].value) != SQLITE_OK)
			return BUSBAR_ERROR_DATABASE;
	return 0;
}

int holding_save(struct database *database, const struct holding *holding)
{
	uint8_t octets[PROGRAM_OCTETS];
	sqlite3_stmt *statement;
	int size = packet_encode_program(&holding->program, octets, sizeof(octets));
	int code;

	if (size < 0)
		return size;
	code = database_prepare(database, "REPLACE INTO holding VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	                        &statement);
	if (code < 0)
		return code;
	if (sqlite3_bind_blob(statement, COLUMN_PROGRAM + 1, holding->program.identifier.octets, 16,
	                      SQLITE_TRANSIENT) != SQLITE_OK ||
	    sqlite3_bind_blob(statement, COLUMN_OCTETS + 1, octets, size, SQLITE_TRANSIENT) != SQLITE_OK ||
	    sqlite3_bind_blob(statement, COLUMN_WAY + 1, &holding->way, sizeof(holding->way),
	                      SQLITE_TRANSIENT) != SQLITE_OK ||
	    sqlite3_bind_blob(statement, COLUMN_DIGEST + 1, holding->output_digest, 32, SQLITE_TRANSIENT) !=
	            SQLITE_OK)
		return BUSBAR_ERROR_DATABASE;
	code = bind_numbers(statement, holding);
	if (code < 0)
		return code;
	return database_run(database, statement);
}

static int read_row(sqlite3_stmt *statement, struct holding *holding)
{
	int code;

	memset(holding, 0, sizeof(*holding));
	if (sqlite3_column_bytes(statement, COLUMN_WAY) != (int)sizeof(holding->way) ||
	    sqlite3_column_bytes(statement, COLUMN_DIGEST) != (int)sizeof(holding->output_digest))
		return BUSBAR_ERROR_DATABASE;
	code = packet_decode_program(sqlite3_column_blob(statement, COLUMN_OCTETS),
	                             (size_t)sqlite3_column_bytes(statement, COLUMN_OCTETS),
	                             &holding->program);
	if (code < 0)
		return code;
	memcpy(&holding->way, sqlite3_column_blob(statement, COLUMN_WAY), sizeof(holding->way));
	memcpy(holding->output_digest, sqlite3_column_blob(statement, COLUMN_DIGEST), 32);
	holding->state = (enum holding_state)sqlite3_column_int(statement, COLUMN_STATE);
	holding->executes = sqlite3_column_int(statement, COLUMN_EXECUTES) != 0;
	holding->granted = sqlite3_column_int64(statement, COLUMN_GRANTED);
	holding->expires = sqlite3_column_int64(statement, COLUMN_EXPIRES);
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
	if ((unsigned)holding->state >= HOLDING_STATES || holding->way.hop_count > PLAN_HOPS)
		return BUSBAR_ERROR_DATABASE;
	return 0;
}

int holding_load(struct database *database, const struct identifier *program, struct holding *ret_holding)
{
	struct holding holding;
	sqlite3_stmt *statement;
	int code = database_prepare(database, "SELECT * FROM holding WHERE program = ?", &statement);

	if (code < 0)
		return code;
	if (sqlite3_bind_blob(statement, 1, program->octets, 16, SQLITE_TRANSIENT) != SQLITE_OK)
		return BUSBAR_ERROR_DATABASE;
	code = database_step(database, statement);
	if (code <= 0)
		return code;
	code = read_row(statement, &holding);
	(void)sqlite3_reset(statement);
	if (code < 0)
		return code;
	*ret_holding = holding;
	return 1;
}

int holding_each_open(struct database *database, holding_visit visit, void *context)
{
	struct holding holding;
	sqlite3_stmt *statement;
	int code = database_prepare(database,
	                            "SELECT * FROM holding WHERE state < 3 OR result_due OR receipt_due "
	                            "ORDER BY program",
	                            &statement);

	if (code < 0)
		return code;
	while ((code = database_step(database, statement)) > 0) {
		code = read_row(statement, &holding);
		if (code == 0)
			code = visit(context, &holding);
		if (code < 0) {
			(void)sqlite3_reset(statement);
			return code;
		}
	}
	return code;
}

int holding_prune(struct database *database, int64_t before)
{
	sqlite3_stmt *statement;
	int code =
	        database_prepare(database,
	                         "DELETE FROM holding WHERE state = 3 AND NOT result_due AND NOT receipt_due "
	                         "AND ended < ?",
	                         &statement);

	if (code < 0)
		return code;
	if (sqlite3_bind_int64(statement, 1, before) != SQLITE_OK)
		return BUSBAR_ERROR_DATABASE;
	return database_run(database, statement);
}

const struct instruction *holding_instruction(const struct holding *holding, struct gateway_identity owner,
                                              enum operation operation)
{
	for (uint32_t i = 0; i < holding->program.instruction_count; i++) {
		const struct instruction *instruction = &holding->program.instructions[i];

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

/* Links are billed for the time they were held, in both directions. */
static int add_link_lines(struct receipt *receipt, const struct holding *holding,
                          const struct program_reserve *reserve)
{
	struct receipt_line line = {.kind = LINE_LINK, .time = holding->ended - holding->granted};
	int code = 0;

	if (line.time < 0)
		line.time = 0;
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

/* Resources are billed for the executor's wall time; the call itself when it succeeded. */
static int add_run_lines(struct receipt *receipt, const struct holding *holding,
                         const struct program_claim *claim, const struct program_execute *execute)
{
	int code = 0;

	for (uint32_t i = 0; i < claim->resource_count && code == 0; i++)
		code = add_line(receipt, (struct receipt_line){.kind = LINE_RESOURCE,
		                                               .resource = claim->resources[i].kind,
		                                               .amount = claim->resources[i].amount,
		                                               .time = holding->usage.wall,
		                                               .tariff = claim->resources[i].tariff});
	if (code == 0 && execute != NULL && execute->tariff > 0 && holding->error == 0)
		code = add_line(receipt, (struct receipt_line){
		                                 .kind = LINE_CALL, .amount = 1, .tariff = execute->tariff});
	return code;
}

int holding_receipt(const struct holding *holding, struct gateway_identity owner, bool void_of_charge,
                    struct receipt *ret_receipt)
{
	const struct instruction *reserve = holding_instruction(holding, owner, OPERATION_RESERVE);
	const struct instruction *claim = holding_instruction(holding, owner, OPERATION_CLAIM);
	const struct instruction *execute = holding_instruction(holding, owner, OPERATION_EXECUTE);
	struct receipt receipt = {
	        .program = holding->program.identifier,
	        .owner = owner,
	        .ingress = holding->program.ingress,
	        .error = holding->error,
	        .started = holding->granted,
	        .ended = holding->ended,
	        .run_wall = holding->usage.wall,
	        .run_cpu = holding->usage.cpu,
	        .memory_peak = holding->usage.memory_peak,
	};
	int code = 0;

	if (!void_of_charge && reserve != NULL)
		code = add_link_lines(&receipt, holding, &reserve->reserve);
	if (code == 0 && !void_of_charge && claim != NULL && holding->started != 0)
		code = add_run_lines(&receipt, holding, &claim->claim,
		                     execute == NULL ? NULL : &execute->execute);
	if (code < 0)
		return code;
	*ret_receipt = receipt;
	return 0;
}
