/* SPDX-License-Identifier: Apache-2.0 */
/* busbar-lab: networks of namespaces from one topology file. Options, and the table of commands. */
#include "lab/client.h"
#include "lab/launch.h"
#include "lab/run_folder.h"
#include "lab/topology.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USAGE_ERROR = 2 };
#define LOCAL_FILE "lab/metro.yaml"
#define INSTALLED_FILE BUSBAR_DATA_FOLDER "/lab/metro.yaml"

struct settings {
	struct launch launch;
	bool as_json;
};

static const char usage[] =
        "usage: busbar-lab [--file FILE] [--name NAME] [--busbard PATH] [--json] COMMAND\n"
        "  up                    build the network and start the gateways\n"
        "  down                  end everything\n"
        "  status                nodes, links, lateness of the links\n"
        "  exec NODE -- CMD ...  run a command in a node\n"
        "  run SCRIPT [ARGS]     up, run a script here, down\n"
        "  kill NODE             kill a node's gateway\n"
        "  stop NODE             end a node's gateway\n"
        "  start NODE            start it again\n"
        "--file is " LOCAL_FILE " unless given, --name is $BUSBAR_LAB or metro.\n";

static int run_up(const struct settings *settings, const char *const *arguments)
{
	return launch_up(&settings->launch);
}

static int run_down(const struct settings *settings, const char *const *arguments)
{
	return client_down(settings->launch.name);
}

static int run_status(const struct settings *settings, const char *const *arguments)
{
	return client_status(settings->launch.name, settings->as_json);
}

static int run_exec(const struct settings *settings, const char *const *arguments)
{
	const char *const *command = arguments + 1;

	if (*command && strcmp(*command, "--") == 0)
		command++;
	if (!*command) {
		fputs(usage, stderr);
		return USAGE_ERROR;
	}
	return client_exec(settings->launch.name, arguments[0], command);
}

static int run_run(const struct settings *settings, const char *const *arguments)
{
	return launch_run(&settings->launch, arguments);
}

static int run_kill(const struct settings *settings, const char *const *arguments)
{
	return client_order(settings->launch.name, CONTROL_KILL, arguments[0]);
}

static int run_start(const struct settings *settings, const char *const *arguments)
{
	return client_order(settings->launch.name, CONTROL_START, arguments[0]);
}

static int run_stop(const struct settings *settings, const char *const *arguments)
{
	return client_order(settings->launch.name, CONTROL_STOP, arguments[0]);
}

static const struct command {
	const char *name;
	int minimum, maximum; /* arguments; maximum -1: any number */
	int (*run)(const struct settings *settings, const char *const *arguments);
} commands[] = {
        {"up", 0, 0, run_up},       {"down", 0, 0, run_down}, {"status", 0, 0, run_status},
        {"exec", 2, -1, run_exec},  {"run", 1, -1, run_run},  {"kill", 1, 1, run_kill},
        {"start", 1, 1, run_start}, {"stop", 1, 1, run_stop},
};

static const char *default_name(void)
{
	const char *name = getenv("BUSBAR_LAB");

	return name ? name : "metro";
}

static const char *default_file(void)
{
	return access(LOCAL_FILE, R_OK) == 0 ? LOCAL_FILE : INSTALLED_FILE;
}

/* Options up to the first other word, whose index is returned; -1 after a complaint, 0 after help. */
static int read_options(int count, char *words[], struct settings *settings)
{
	static const struct option options[] = {
	        {"file", required_argument, NULL, 'f'},    {"name", required_argument, NULL, 'n'},
	        {"busbard", required_argument, NULL, 'b'}, {"json", no_argument, NULL, 'j'},
	        {"help", no_argument, NULL, 'h'},          {0},
	};
	int option;

	while ((option = getopt_long(count, words, "+f:n:b:jh", options, NULL)) >= 0) {
		if (option == 'f')
			settings->launch.file = optarg;
		else if (option == 'n')
			settings->launch.name = optarg;
		else if (option == 'b')
			settings->launch.daemon = optarg;
		else if (option == 'j')
			settings->as_json = true;
		else if (option == 'h')
			return 0;
		else
			return -1;
	}
	return optind;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int refuse(const char *what, const char *word)
{
	fprintf(stderr, "busbar-lab: %s '%s'\n%s", what, word, usage);
	return USAGE_ERROR;
}

int main(int count, char *words[])
{
	struct settings settings = {.launch = {.name = default_name(), .file = default_file()}};
	const struct command *command;
	int first = read_options(count, words, &settings);
	int arguments;

	if (first == 0)
		return fputs(usage, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (first < 0)
		return USAGE_ERROR;
	command = find_command(words[first]);
	if (!command)
		return refuse("no such command", words[first] ? words[first] : "");
	optind = first + 1;
	first = read_options(count, words, &settings);
	if (first <= 0)
		return USAGE_ERROR;
	arguments = count - first;
	if (arguments < command->minimum || (command->maximum >= 0 && arguments > command->maximum))
		return refuse("wrong number of words after", command->name);
	if (!topology_name_is_valid(settings.launch.name, RUN_FOLDER_NAME))
		return refuse("not a name for a lab", settings.launch.name);
	return command->run(&settings, (const char *const *)&words[first]);
}
