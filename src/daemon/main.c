/* SPDX-License-Identifier: Apache-2.0 */
/* busbard: reads its configuration, opens the gateway, runs until it is told to end. */
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/gateway.h"
#include "daemon/settings.h"
#include "supply/host.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG "busbard"

enum { EXIT_USAGE = 2, MAIN_ARENA = 8 << 20 };
#define STATE_PATIENCE (5 * CLOCK_SECOND)

struct options {
	const char *config;
	int ready;
	bool check, print, measure, standby;
};

static const char usage_text[] =
        "usage: busbard [--config FILE] [--check-config | --print-config | --measure]\n"
        "               [--log-level error|warning|notice|info|debug] [--ready-fd N] [--standby]\n"
        "\n"
        "  --config FILE    configuration (default /etc/busbar/busbard.yaml)\n"
        "  --check-config   read and check it, then end\n"
        "  --print-config   show the effective configuration, then end\n"
        "  --measure        print the GFLOPS of one core of this host, then end\n"
        "  --ready-fd N     write `ready' to this descriptor when all doors are open\n"
        "  --standby        wait until the gateway that has the state folder has ended, then take over\n";

static int parse_level(const char *text)
{
	int level = log_level_parse(text);

	if (level < 0) {
		(void)fprintf(stderr, "busbard: unknown log level '%s'\n", text);
		return -1;
	}
	log_set_level((enum log_level)level);
	return 0;
}

static int parse_ready(const char *text, struct options *options)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < 0 || number > 65535) {
		(void)fprintf(stderr, "busbard: not a descriptor: '%s'\n", text);
		return -1;
	}
	options->ready = (int)number;
	return 0;
}

/* 0 to go on; 1 when all is said; negative for bad usage. */
static int parse_options(int count, char **arguments, struct options *options)
{
	static const struct option known[] = {
	        {"config", required_argument, NULL, 'c'},    {"check-config", no_argument, NULL, 'k'},
	        {"print-config", no_argument, NULL, 'p'},    {"measure", no_argument, NULL, 'm'},
	        {"log-level", required_argument, NULL, 'l'}, {"ready-fd", required_argument, NULL, 'r'},
	        {"standby", no_argument, NULL, 's'},         {"help", no_argument, NULL, 'h'},
	        {"version", no_argument, NULL, 'v'},         {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(count, arguments, "c:h", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 'k':
			options->check = true;
			break;
		case 'p':
			options->print = true;
			break;
		case 'm':
			options->measure = true;
			break;
		case 'l':
			if (parse_level(optarg) < 0)
				return -1;
			break;
		case 'r':
			if (parse_ready(optarg, options) < 0)
				return -1;
			break;
		case 's':
			options->standby = true;
			break;
		case 'h':
			(void)fputs(usage_text, stdout);
			return 1;
		case 'v':
			(void)puts("busbard " BUSBAR_VERSION);
			return 1;
		default:
			(void)fputs(usage_text, stderr);
			return -1;
		}
	}
	return optind == count ? 0 : -1;
}

static int measure(void)
{
	struct host host;
	int code = host_measure(&host);

	if (code < 0) {
		(void)fprintf(stderr, "busbard: cannot measure this host: %s\n", error_text(code));
		return EXIT_FAILURE;
	}
	(void)printf("%.3f\n", host.core_gflops);
	return EXIT_SUCCESS;
}

/* SIGHUP reads the configuration again; SIGUSR1 ends for a restart, the others for good. */
static void on_signal(uv_signal_t *handle, int signal_number)
{
	if (signal_number == SIGHUP) {
		gateway_read_again(handle->data);
		return;
	}
	log_notice(TAG, "event=ending signal=%d", signal_number);
	gateway_close(handle->data, signal_number == SIGUSR1);
	uv_stop(handle->loop);
}

static void tell_ready(int descriptor)
{
	static const char word[] = "ready\n";

	if (descriptor < 0)
		return;
	if (write(descriptor, word, sizeof(word) - 1) < 0)
		log_warning(TAG, "event=ready-not-told cause=\"%s\"", strerror(errno));
	close(descriptor);
}

static void close_signals(uv_signal_t *signals, size_t count)
{
	for (size_t i = 0; i < count; i++)
		uv_close((uv_handle_t *)&signals[i], NULL);
}

/*
 * Two gateways with one state would both decide. The lock lasts as long as the process, and as its executor:
 * who takes over does so when both are gone, and one that is started again at once waits for the latter.
 */
static int take_state(const struct settings *settings, bool standby)
{
	char path[4096];
	int descriptor;
	int code = file_make_folder(settings->state, 0700);

	if (code == 0 && snprintf(path, sizeof(path), "%s/lock", settings->state) >= (int)sizeof(path))
		code = -ENAMETOOLONG;
	if (code == 0)
		code = file_lock(path, standby ? 0 : STATE_PATIENCE, &descriptor);
	if (code == -EWOULDBLOCK && standby) {
		log_notice(TAG, "event=standing-by");
		code = file_lock(path, -1, &descriptor);
	}
	return code;
}

static int serve(const struct settings *settings, const struct options *options)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};
	uv_signal_t signals[ARRAY_SIZE(numbers)];
	struct gateway *gateway = NULL;
	uv_loop_t loop;
	int code = uv_loop_init(&loop);

	if (code < 0) {
		(void)fprintf(stderr, "busbard: no event loop: %s\n", error_text(code));
		return EXIT_FAILURE;
	}
	log_set_node(settings->node);
	(void)signal(SIGPIPE, SIG_IGN);
	code = take_state(settings, options->standby);
	if (code == -EWOULDBLOCK)
		log_error(TAG, "event=state-in-use folder=\"%s\"", settings->state);
	if (code == 0)
		code = gateway_open(&loop, settings, &gateway);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		(void)uv_signal_init(&loop, &signals[i]);
		signals[i].data = gateway;
		(void)uv_signal_start(&signals[i], on_signal, numbers[i]);
	}
	if (code < 0) {
		log_error(TAG, "event=not-started cause=\"%s\"", error_text(code));
		gateway_close(gateway, false);
	} else {
		log_notice(TAG, "event=started version=" BUSBAR_VERSION);
		tell_ready(options->ready);
		(void)uv_run(&loop, UV_RUN_DEFAULT);
	}
	close_signals(signals, ARRAY_SIZE(signals));
	(void)gateway_free(gateway);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop) != 0)
		log_warning(TAG, "event=loop-not-empty");
	return code < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int count, char **arguments)
{
	struct options options = {.config = "/etc/busbar/busbard.yaml", .ready = -1};
	struct config_problem problem = {.line = 0};
	struct settings settings;
	struct arena *arena;
	int code = parse_options(count, arguments, &options);

	if (code != 0)
		return code > 0 ? EXIT_SUCCESS : EXIT_USAGE;
	if (options.measure)
		return measure();
	arena = arena_create(MAIN_ARENA);
	code = arena == NULL ? -ENOMEM : settings_read(options.config, arena, &settings, &problem);
	if (code < 0) {
		(void)fprintf(stderr, "busbard: %s\n",
		              problem.text[0] != '\0' ? problem.text : error_text(code));
		arena_free(arena);
		return EXIT_USAGE;
	}
	if (options.print)
		config_print(stdout, settings_fields, &settings);
	if (options.check)
		(void)printf("%s: ok\n", options.config);
	code = options.print || options.check ? EXIT_SUCCESS : serve(&settings, &options);
	arena_free(arena);
	return code;
}
