/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points: each joins a reader or printer with a builder or model. */
#include "grammar/grammar.h"

#include "base/error.h"
#include "grammar/demand_printer.h"
#include "grammar/parse.h"
#include "grammar/program_printer.h"
#include "grammar/yaml_reader.h"

/* A report into the caller's problem; TOO_LARGE at once for a text over the limit. */
static struct report open_report(const char *file, size_t size, struct grammar_problem *problem)
{
	struct report report = {.file = file, .problem = problem};

	if (size > GRAMMAR_TEXT)
		(void)report_at(&report, BUSBAR_ERROR_TOO_LARGE, 1, 1, "more than %d octets", GRAMMAR_TEXT);
	return report;
}

int grammar_parse_demand(const char *text, size_t size, const char *file, struct arena *arena,
                         struct demand *ret_demand, struct grammar_problem *ret_problem)
{
	struct report report = open_report(file, size, ret_problem);
	struct demand_builder builder;
	struct parse parse = {.report = &report, .demand = &builder};

	if (report.code < 0)
		return report.code;
	demand_builder_open(&builder, &report, arena);
	parse.lexer = lexer_open(text, size, &report);
	parse_run(&parse);
	return demand_builder_finish(&builder, ret_demand);
}

int grammar_parse_demand_yaml(const char *text, size_t size, const char *file, struct arena *arena,
                              struct demand *ret_demand, struct grammar_problem *ret_problem)
{
	struct report report = open_report(file, size, ret_problem);
	struct demand_builder builder;

	if (report.code < 0)
		return report.code;
	demand_builder_open(&builder, &report, arena);
	yaml_reader_run(text, size, &builder);
	return demand_builder_finish(&builder, ret_demand);
}

int grammar_parse_program(const char *text, size_t size, const char *file, const struct grammar_names *names,
                          struct program *ret_program, struct grammar_problem *ret_problem)
{
	struct report report = open_report(file, size, ret_problem);
	struct program_builder builder;
	struct parse parse = {.report = &report, .program = &builder};

	if (report.code < 0)
		return report.code;
	program_builder_open(&builder, &report, names);
	parse.lexer = lexer_open(text, size, &report);
	parse_run(&parse);
	return program_builder_finish(&builder, ret_program);
}

char *grammar_print_demand(const struct demand *demand, struct arena *arena)
{
	return printer_run(PRINTER_TEXT, demand_printer_text, demand, NULL, arena);
}

char *grammar_print_demand_yaml(const struct demand *demand, struct arena *arena)
{
	return printer_run(PRINTER_YAML, demand_printer_yaml, demand, NULL, arena);
}

char *grammar_print_program(const struct program *program, const struct grammar_names *names,
                            struct arena *arena)
{
	return printer_run(PRINTER_TEXT, program_printer_text, program, names, arena);
}
