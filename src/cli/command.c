/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "cli/complain.h"
#include <errno.h>
#include <string.h>

#ifndef BUSBAR_VERSION
#define BUSBAR_VERSION "unknown"
#endif

struct command {
	const char *name, *action; /* action NULL: the command is one word */
	unsigned groups;           /* of options, beside the common ones */
	enum session_gateway gateway;
	size_t minimum, maximum; /* words after it */
	int (*run)(struct session *session);
	const char *words, *help;
};

enum { DEMAND_GROUPS = OPTION_DEMAND | OPTION_SERVICE | OPTION_INPUT };

static const struct command commands[] = {
        {"view", NULL, OPTION_VIEW, SESSION_TENANT, 0, 1, view_show,
         "[sites|services|links|edge-metadata|contradictions]", "what the network has, where, at what price"},
        {"quote", NULL, DEMAND_GROUPS, SESSION_TENANT, 0, 1, run_quote, "FILE | flags",
         "where a demand would go, and why nowhere else"},
        {"run", NULL, DEMAND_GROUPS | OPTION_OUTPUT | OPTION_WAIT, SESSION_TENANT, 0, 1, run_demand,
         "FILE | flags", "start a task"},
        {"call", NULL, OPTION_DEMAND | OPTION_INPUT | OPTION_OUTPUT, SESSION_TENANT, 1, 1, run_call,
         "SERVICE[:VERSION] [flags]", "stdin to a service, its result to stdout"},
        {"reserve", NULL, OPTION_DEMAND | OPTION_SERVICE, SESSION_TENANT, 0, 1, reserve_demand,
         "FILE | flags", "hold resources and a path, with a bound"},
        {"release", NULL, 0, SESSION_TENANT, 1, 1, reserve_release, "TASK",
         "give back what is held; its time is billed"},
        {"follow", NULL, OPTION_OUTPUT | OPTION_WAIT, SESSION_TENANT, 2, 2, reserve_follow, "TASK ANCHOR",
         "take a task along to this gateway"},
        {"trace", NULL, OPTION_TRACE, SESSION_TENANT, 1, 1, trace_show, "SITE | SERVICE",
         "the way there, hop by hop; --guarantee TASK: what its hops keep"},
        {"task", "list", 0, SESSION_TENANT, 0, 0, task_show_list, "", "the latest tasks"},
        {"task", "show", 0, SESSION_TENANT, 1, 1, task_show_one, "TASK", "one task with its parts"},
        {"task", "wait", OPTION_OUTPUT, SESSION_TENANT, 1, 1, task_await, "TASK",
         "wait for its end, fetch its output"},
        {"task", "cancel", 0, SESSION_TENANT, 1, 1, task_end, "TASK", "end it; what was used is billed"},
        {"bill", NULL, 0, SESSION_TENANT, 0, 0, account_show_bill, "", "what was charged, and the balance"},
        {"ledger", "check", OPTION_LEDGER, SESSION_OPERATOR, 0, 0, audit_ledger, "",
         "prove the accounts of all gateways (operator)"},
        {"status", NULL, 0, SESSION_OPERATOR, 0, 0, account_show_status, "",
         "how the gateways are (operator)"},
        {"bgp", "peers", 0, SESSION_OPERATOR, 0, 0, bgp_show_peers, "",
         "sessions with other routers (operator)"},
        {"bgp", "routes", 0, SESSION_OPERATOR, 0, 1, bgp_show_routes, "[PREFIX]",
         "every path that is known, as it came (operator)"},
        {"bgp", "stats", 0, SESSION_OPERATOR, 0, 0, bgp_show_statistics, "",
         "the speaker's counters (operator)"},
        {"reload", NULL, 0, SESSION_OPERATOR, 0, 0, reload_gateway, "",
         "the gateway reads its configuration again (operator)"},
        {"program", "show", 0, SESSION_WELCOME, 1, 1, program_show, "TASK | FILE", "packet programs as text"},
        {"program", "assemble", OPTION_OUTPUT, SESSION_WELCOME, 1, 1, program_assemble, "FILE",
         "a program's text as binary"},
};

static void print_command(FILE *stream, const struct command *command)
{
	char words[64];

	(void)snprintf(words, sizeof(words), "%s%s%s %s", command->name, command->action == NULL ? "" : " ",
	               command->action == NULL ? "" : command->action, command->words);
	(void)fprintf(stream, "  %-32s %s\n", words, command->help);
}

static void print_usage(FILE *stream)
{
	(void)fputs("usage: busbar [--config FILE] [--gateway ADDRESS] [--operator] [--json] COMMAND\n",
	            stream);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		print_command(stream, &commands[i]);
	(void)fputs("  help [COMMAND]                   this, or what a command takes\n\n", stream);
	options_print(stream, OPTION_COMMON);
}

/* Every command of that name, and the options that it takes. 0 when there is none. */
static bool print_help(FILE *stream, const char *name)
{
	unsigned groups = 0;
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		print_command(stream, &commands[i]);
		groups |= commands[i].groups;
		found = true;
	}
	if (found)
		options_print(stream, groups);
	return found;
}

static int help(FILE *stream, const char *name)
{
	if (name == NULL)
		print_usage(stream);
	else if (!print_help(stream, name))
		return complain(COMPLAIN_USAGE, "no such command: '%s'", name);
	return COMPLAIN_DONE;
}

static const struct command *find(const struct options *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *command = &commands[i];

		if (strcmp(command->name, options->words[0]) != 0)
			continue;
		if (command->action == NULL ||
		    (options->word_count > 1 && strcmp(command->action, options->words[1]) == 0))
			return command;
	}
	return NULL;
}

static int complain_unknown(const struct options *options)
{
	const char *known = "";

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, options->words[0]) == 0)
			known = options->words[0];
	if (known[0] == '\0')
		return complain(COMPLAIN_USAGE, "no such command: '%s' (busbar help)", options->words[0]);
	return complain(COMPLAIN_USAGE, "%s what? (busbar help %s)", known, known);
}

/* A demand's flags stand for its file; nothing else may be left out or added. */
static int check(const struct command *command, const struct options *options, size_t words)
{
	const char *foreign = options_foreign(options, command->groups | OPTION_COMMON);

	if (foreign != NULL)
		return complain(COMPLAIN_USAGE, "--%s does not go with '%s'", foreign, command->name);
	if (words < command->minimum || words > command->maximum)
		return complain(COMPLAIN_USAGE, "usage: busbar %s%s%s%s%s", command->name,
		                command->action == NULL ? "" : " ",
		                command->action == NULL ? "" : command->action,
		                command->words[0] == '\0' ? "" : " ", command->words);
	if (options->program_count > 0 && (command->groups & OPTION_SERVICE) == 0)
		return complain(COMPLAIN_USAGE, "'--' does not go with '%s'", command->name);
	return COMPLAIN_DONE;
}

static int run(const struct command *command, const struct options *options, FILE *out)
{
	size_t own = command->action == NULL ? 1 : 2;
	struct session session = {.options = options,
	                          .out = out,
	                          .words = options->words + own,
	                          .word_count = options->word_count - own};
	int status = check(command, options, session.word_count);

	if (status != COMPLAIN_DONE)
		return status;
	status = session_open(&session, command->gateway);
	if (status == COMPLAIN_DONE)
		status = command->run(&session);
	session_close(&session);
	return status;
}

static int dispatch(const struct options *options, FILE *out)
{
	const char *first = options->word_count > 0 ? options->words[0] : NULL;
	const struct command *command;

	if (options->version) {
		(void)fputs("busbar " BUSBAR_VERSION "\n", out);
		return COMPLAIN_DONE;
	}
	if (options->help)
		return help(out, first);
	if (first == NULL) {
		print_usage(stderr);
		return COMPLAIN_USAGE;
	}
	if (strcmp(first, "help") == 0)
		return help(out, options->word_count > 1 ? options->words[1] : NULL);
	command = find(options);
	return command == NULL ? complain_unknown(options) : run(command, options, out);
}

int command_main(size_t count, char *const words[], FILE *out)
{
	char problem[OPTIONS_PROBLEM];
	struct options options;
	int status;

	if (options_read(count, words, &options, problem) < 0)
		return complain(COMPLAIN_USAGE, "%s", problem);
	status = dispatch(&options, out);
	if (fflush(out) != 0 || ferror(out))
		return complain_code(NULL, -EIO, "output");
	return status;
}
