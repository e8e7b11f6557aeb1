/* SPDX-License-Identifier: Apache-2.0 */
/* What a lab does, without the loop that drives it (supervisor.c). */
#include "lab/lab.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "lab/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESS_MEMORY = 4 * 1024 * 1024, TAIL_SIZE = 2048, TAIL_LINES = 10 };
#define END_TIME (5 * CLOCK_SECOND)

static const char *const state_names[LAB_STATES] = {"starting", "ready", "stopping"};

struct lab *lab_create(const struct lab_options *options, const struct topology *topology)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	if (!lab)
		return NULL;
	lab->options = *options;
	lab->topology = topology;
	network_open(&lab->network);
	lab->bridge = bridge_state_create();
	if (!lab->bridge) {
		free(lab);
		return NULL;
	}
	for (size_t i = 0; i < SESSION_MAXIMUM; i++)
		lab->sessions[i].socket = -1;
	for (size_t i = 0; i < topology->gateways.count; i++)
		gateway_open(&lab->gateways[i], topology_gateway(topology, i)->name);
	return lab;
}

struct lab *lab_free(struct lab *lab)
{
	if (lab) {
		network_close(&lab->network);
		bridge_state_free(lab->bridge);
	}
	free(lab);
	return NULL;
}

static int fail(struct lab *lab, int code, const char *what)
{
	snprintf(lab->cause, sizeof(lab->cause), "%s: %s", what, error_text(code));
	return code;
}

const char *lab_node_path(const struct lab *lab, size_t node, const char *name, char path[PATH_MAX])
{
	char rest[PATH_MAX / 2];

	snprintf(rest, sizeof(rest), "%s/%s", topology_node_name(lab->topology, node), name);
	return run_folder_path(path, lab->options.name, rest);
}

static void write_node(FILE *stream, const struct lab *lab, size_t node,
                       const struct configuration_secrets *secrets)
{
	char folder[PATH_MAX];
	struct configuration_place place = {
	        .lab = lab->options.name,
	        .folder = run_folder_path(folder, lab->options.name, NULL),
	        .core_gflops = lab->options.core_gflops,
	        .host_cores = (int)sysconf(_SC_NPROCESSORS_ONLN),
	};

	if (topology_node_is_gateway(lab->topology, node))
		configuration_gateway(stream, lab->topology, node, &place, secrets);
	else
		configuration_client(stream, lab->topology, node - lab->topology->gateways.count, secrets);
}

static int configure_node(const struct lab *lab, size_t node, const struct configuration_secrets *secrets)
{
	bool is_gateway = topology_node_is_gateway(lab->topology, node);
	const char *name = is_gateway ? CONFIGURATION_GATEWAY_FILE : CONFIGURATION_CLIENT_FILE;
	char path[PATH_MAX];
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	int code = stream ? 0 : -ENOMEM;

	if (stream) {
		write_node(stream, lab, node, secrets);
		if (fclose(stream) != 0)
			code = -ENOMEM;
	}
	if (code >= 0 && is_gateway)
		code = file_make_folder(lab_node_path(lab, node, "state", path), 0700);
	else if (code >= 0)
		code = file_make_folder(lab_node_path(lab, node, "", path), 0755);
	if (code >= 0)
		code = file_write(lab_node_path(lab, node, name, path), text, size, 0600);
	free(text);
	return code;
}

static int configure_nodes(struct lab *lab)
{
	struct configuration_secrets secrets;
	int code = random_system(&secrets, sizeof(secrets));

	for (size_t i = 0; code >= 0 && i < topology_nodes(lab->topology); i++)
		code = configure_node(lab, i, &secrets);
	explicit_bzero(&secrets, sizeof(secrets));
	return code < 0 ? fail(lab, code, "cannot write the configurations") : 0;
}

static int start_bridge(struct lab *lab)
{
	pid_t pid = fork();

	if (pid < 0)
		return fail(lab, -errno, "cannot start the bridge");
	if (pid == 0) {
		int code = bridge_run(lab->topology, &lab->network, lab->bridge);

		log_error("bridge", "state=ended cause=\"%s\"", error_text(code));
		_exit(EXIT_FAILURE);
	}
	lab->bridge_pid = pid;
	return 0;
}

int lab_build(struct lab *lab)
{
	int code = network_create(&lab->network, lab->topology);

	if (code < 0)
		return fail(lab, code, lab->network.problem);
	code = configure_nodes(lab);
	return code < 0 ? code : start_bridge(lab);
}

static int run_daemon(struct lab *lab, size_t gateway, const char *const *environment, int log, int null)
{
	char file[PATH_MAX], folder[PATH_MAX], ready[16];
	const char *arguments[] = {lab->options.daemon,
	                           "--config",
	                           lab_node_path(lab, gateway, CONFIGURATION_GATEWAY_FILE, file),
	                           "--ready-fd",
	                           ready,
	                           NULL};
	struct process process = {
	        .arguments = arguments,
	        .environment = environment,
	        .folder = lab_node_path(lab, gateway, "", folder),
	        .network = lab->network.nodes[gateway],
	        .files = {null, log, log},
	};

	snprintf(ready, sizeof(ready), "%d", PROCESS_READY_FILE);
	return gateway_start(&lab->gateways[gateway], &process,
	                     clock_monotonic(&clock_system) + lab->topology->ready);
}

int lab_start_gateway(struct lab *lab, size_t gateway)
{
	struct process_variable variables[] = {
	        {"BUSBAR_LAB", lab->options.name},
	        {"BUSBAR_NODE", topology_node_name(lab->topology, gateway)},
	};
	struct arena *arena = arena_create(PROCESS_MEMORY);
	const char **environment =
	        arena ? process_environment(arena, (const char *const *)environ, variables, 2) : NULL;
	char path[PATH_MAX];
	int log = open(lab_node_path(lab, gateway, "log", path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
	               0644);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int code;

	if (log < 0 || null < 0 || !environment)
		code = environment ? -EIO : -ENOMEM;
	else
		code = run_daemon(lab, gateway, environment, log, null);
	if (log >= 0)
		close(log);
	if (null >= 0)
		close(null);
	arena_free(arena);
	return code;
}

/* Where the last TAIL_LINES lines begin. */
static const char *last_lines(const char *text)
{
	const char *start = text + strlen(text);
	int lines = 0;

	while (start > text) {
		if (start[-1] == '\n' && start[0] != '\0' && ++lines == TAIL_LINES)
			break;
		start--;
	}
	return start;
}

static void read_tail(const char *path, char tail[TAIL_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	off_t start = end > TAIL_SIZE - 1 ? end - (TAIL_SIZE - 1) : 0;
	ssize_t size = fd < 0 ? 0 : pread(fd, tail, TAIL_SIZE - 1, start);

	tail[size > 0 ? size : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static void describe_end(const struct gateway *gateway, char text[64])
{
	int code = process_exit_code(gateway->wait_status);

	if (gateway->is_late || !gateway->has_ended)
		snprintf(text, 64, "was not ready in time");
	else if (code >= 128)
		snprintf(text, 64, "was ended by signal %d", code - 128);
	else
		snprintf(text, 64, "ended with status %d", code);
}

void lab_describe_failure(const struct lab *lab, size_t gateway, char *text, size_t size)
{
	char path[PATH_MAX], tail[TAIL_SIZE], end[64];

	read_tail(lab_node_path(lab, gateway, "log", path), tail);
	describe_end(&lab->gateways[gateway], end);
	snprintf(text, size, "%s: the gateway's daemon %s%s%s", lab->gateways[gateway].name, end,
	         tail[0] ? "\n" : "", last_lines(tail));
}

static void set_state(struct lab *lab, enum lab_state state, const char *event)
{
	log_info("lab", "name=%s state=%s event=%s was=%s", lab->options.name, state_names[state], event,
	         state_names[lab->state]);
	lab->state = state;
}

void lab_look(struct lab *lab)
{
	size_t ready = 0;
	char cause[LAB_CAUSE];

	for (size_t i = 0; i < lab->topology->gateways.count; i++) {
		struct gateway *gateway = &lab->gateways[i];

		gateway_kill_late(gateway, clock_monotonic(&clock_system));
		ready += gateway->state == GATEWAY_READY;
		if (lab->state != LAB_STARTING || gateway_is_alive(gateway))
			continue;
		lab_describe_failure(lab, i, cause, sizeof(cause));
		lab_stop(lab, cause);
	}
	if (lab->state == LAB_STARTING && ready == lab->topology->gateways.count)
		set_state(lab, LAB_READY, "daemons-ready");
}

void lab_stop(struct lab *lab, const char *cause)
{
	if (lab->state == LAB_STOPPING)
		return;
	snprintf(lab->cause, sizeof(lab->cause), "%s", cause ? cause : "");
	set_state(lab, LAB_STOPPING, cause ? "failure" : "order");
	lab->deadline = clock_monotonic(&clock_system) + END_TIME;
	for (size_t i = 0; i < lab->topology->gateways.count; i++)
		if (gateway_is_alive(&lab->gateways[i]) && gateway_order(&lab->gateways[i], SIGTERM) < 0)
			log_warning("lab", "gateway=%s signal=refused", lab->gateways[i].name);
}
