/* SPDX-License-Identifier: Apache-2.0 */
/* One handler per command; a handler that does not answer leaves the session waiting. */
#include "lab/session.h"

#include "base/error.h"
#include "base/log.h"
#include "lab/lab.h"
#include "lab/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXEC_MEMORY = 2 * CONTROL_LAUNCH };

void session_open(struct session *session, int socket)
{
	*session = (struct session){.socket = socket};
}

static void close_session(struct session *session)
{
	close(session->socket);
	*session = (struct session){.socket = -1};
}

void session_end(struct session *session, int code, const char *text)
{
	if (control_send_reply(session->socket, code, text) < 0)
		log_debug("session", "reply=lost");
	close_session(session);
}

static void answer_status(struct session *session, struct lab *lab, struct control_request *request)
{
	char *text = report_json(lab);

	session_end(session, text ? 0 : -ENOMEM, text ? text : "out of memory");
	free(text);
}

static void answer_down(struct session *session, struct lab *lab, struct control_request *request)
{
	lab_stop(lab, NULL); /* session_end() comes when all is over */
}

/* Where a command looks for its settings: a client node has a file of its own. */
static const char **exec_environment(const struct lab *lab, size_t node, const char *const *base,
                                     struct arena *arena)
{
	char path[PATH_MAX];
	struct process_variable variables[] = {
	        {"BUSBAR_LAB", lab->options.name},
	        {"BUSBAR_NODE", topology_node_name(lab->topology, node)},
	        {"BUSBAR_CONFIG", lab_node_path(lab, node, CONFIGURATION_CLIENT_FILE, path)},
	};
	bool is_client = !topology_node_is_gateway(lab->topology, node);

	return process_environment(arena, base, variables, is_client ? 3 : 2);
}

static int start_command(struct session *session, const struct lab *lab,
                         const struct control_request *request, struct arena *arena)
{
	struct control_launch launch;
	struct process process = {
	        .network = lab->network.nodes[session->node],
	        .files = {request->files[0], request->files[1], request->files[2]},
	        .ready = -1,
	};
	int code = control_unpack(request->files[3], arena, &launch);

	if (code < 0)
		return code;
	process.arguments = launch.arguments;
	process.folder = launch.folder;
	process.environment = exec_environment(lab, session->node, launch.environment, arena);
	if (!process.environment)
		return -ENOMEM;
	session->pid = process_start(&process);
	return session->pid < 0 ? session->pid : 0;
}

static void answer_exec(struct session *session, struct lab *lab, struct control_request *request)
{
	struct arena *arena;
	int code;

	if (request->files[CONTROL_FILES - 1] < 0) {
		session_end(session, BUSBAR_ERROR_MALFORMED, "descriptors are missing");
		return;
	}
	arena = arena_create(EXEC_MEMORY);
	code = arena ? start_command(session, lab, request, arena) : -ENOMEM;
	arena_free(arena);
	if (code < 0) {
		session->pid = 0;
		session_end(session, code, "cannot run the command");
	}
}

static void answer_order(struct session *session, struct lab *lab, int number)
{
	if (gateway_order(&lab->gateways[session->node], number) < 0)
		session_end(session, BUSBAR_ERROR_STATE, "the gateway is not running");
}

static void answer_kill(struct session *session, struct lab *lab, struct control_request *request)
{
	answer_order(session, lab, SIGKILL);
}

static void answer_stop(struct session *session, struct lab *lab, struct control_request *request)
{
	answer_order(session, lab, SIGTERM);
}

static void answer_start(struct session *session, struct lab *lab, struct control_request *request)
{
	int code = lab_start_gateway(lab, session->node);

	if (code == BUSBAR_ERROR_STATE)
		session_end(session, code, "the gateway runs already");
	else if (code < 0)
		session_end(session, code, "cannot start the gateway");
}

enum scope { FOR_LAB, FOR_NODE, FOR_GATEWAY };

static const struct handler {
	enum scope scope;
	void (*answer)(struct session *session, struct lab *lab, struct control_request *request);
} handlers[CONTROL_COMMANDS] = {
        [CONTROL_STATUS] = {FOR_LAB, answer_status},   [CONTROL_DOWN] = {FOR_LAB, answer_down},
        [CONTROL_EXEC] = {FOR_NODE, answer_exec},      [CONTROL_KILL] = {FOR_GATEWAY, answer_kill},
        [CONTROL_START] = {FOR_GATEWAY, answer_start}, [CONTROL_STOP] = {FOR_GATEWAY, answer_stop},
};

/* Finds the node that the request is about. NULL, or why it cannot be served. */
static const char *check_scope(struct session *session, const struct lab *lab, enum scope scope,
                               const struct control_request *request)
{
	int node;

	if (scope == FOR_LAB)
		return NULL;
	if (lab->state == LAB_STOPPING)
		return "the lab is ending";
	node = topology_find(lab->topology, request->node);
	if (node < 0)
		return "no such node";
	if (scope == FOR_GATEWAY && !topology_node_is_gateway(lab->topology, (size_t)node))
		return "not a gateway";
	session->node = (size_t)node;
	return NULL;
}

static void first_request(struct session *session, struct lab *lab, struct control_request *request)
{
	const struct handler *handler = &handlers[request->command];
	const char *refusal;

	session->has_request = true;
	session->command = request->command;
	refusal = handler->answer ? check_scope(session, lab, handler->scope, request) : "not a request";
	if (refusal)
		session_end(session, BUSBAR_ERROR_STATE, refusal);
	else
		handler->answer(session, lab, request);
}

static void client_left(struct session *session)
{
	if (session->pid > 0)
		process_kill(session->pid, SIGKILL);
	close_session(session);
}

void session_read(struct session *session, struct lab *lab)
{
	struct control_request request;
	int code = control_receive_request(session->socket, &request);

	if (code == -EAGAIN || code == -EINTR)
		return;
	if (code <= 0) {
		client_left(session);
		return;
	}
	if (!session->has_request)
		first_request(session, lab, &request);
	else if (request.command == CONTROL_SIGNAL && session->pid > 0)
		process_kill(session->pid, request.number);
	control_close_files(&request);
}

bool session_reaped(struct session *session, pid_t pid, int wait_status)
{
	if (session->socket < 0 || session->pid != pid)
		return false;
	session->pid = 0;
	session_end(session, process_exit_code(wait_status), "");
	return true;
}

static void look_at_start(struct session *session, struct lab *lab)
{
	const struct gateway *gateway = &lab->gateways[session->node];
	char text[LAB_CAUSE];

	if (gateway->state == GATEWAY_READY) {
		session_end(session, 0, "");
	} else if (!gateway_is_alive(gateway)) {
		lab_describe_failure(lab, session->node, text, sizeof(text));
		session_end(session, BUSBAR_ERROR_EXECUTION, text);
	}
}

void session_look(struct session *session, struct lab *lab)
{
	if (session->socket < 0 || !session->has_request)
		return;
	if (session->command == CONTROL_START)
		look_at_start(session, lab);
	else if (session->command == CONTROL_KILL || session->command == CONTROL_STOP)
		if (!gateway_is_alive(&lab->gateways[session->node]))
			session_end(session, 0, "");
}
