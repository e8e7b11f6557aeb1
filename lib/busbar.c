/* SPDX-License-Identifier: Apache-2.0 */
#include "busbar.h"

#include "api/transfer_client.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "client_settings.h"
#include "exchange_datagram.h"
#include "grammar/grammar.h"
#include "wire/datagram.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define PATIENCE (10 * CLOCK_SECOND)
#define FOLLOW_AGAIN (20 * CLOCK_SECOND)

/* Task states, docs/wire.md 12: from here on a reservation holds, and from there on it has ended. */
enum { TASK_GRANTED = 2, TASK_ENDED = 5 };

enum { BUSBAR_ARENA = 4 << 20, DOCUMENT_MAXIMUM = 64 << 20, OUTPUT_MAXIMUM = 1 << 30, HTTP_OFFSET = 2 };

struct busbar {
	struct exchange_peer peer;
	uint8_t secret[SEAL_SECRET];
	struct sockaddr_in6 gateway;
	struct random random;
	struct arena *arena; /* life of the handle */
	struct client_settings settings;
	char problem[512];
};

PUBLIC const char *busbar_error_text(int code)
{
	return error_text(code);
}

PUBLIC const char *busbar_problem(const struct busbar *busbar)
{
	return busbar->problem;
}

PUBLIC void busbar_free(void *memory)
{
	free(memory);
}

PUBLIC void busbar_close(struct busbar *busbar)
{
	if (busbar == NULL)
		return;
	if (busbar->peer.socket >= 0)
		close(busbar->peer.socket);
	arena_free(busbar->arena);
	free(busbar);
}

PUBLIC int busbar_set_gateway(struct busbar *busbar, const char *gateway)
{
	struct sockaddr_in6 address;
	int code = exchange_parse_address(gateway, &address);

	if (code == 0)
		code = exchange_open_socket(&address);
	if (code < 0)
		return code;
	if (busbar->peer.socket >= 0)
		close(busbar->peer.socket);
	busbar->peer.socket = code;
	busbar->gateway = address;
	return 0;
}

PUBLIC void busbar_set_patience(struct busbar *busbar, unsigned patience_ms)
{
	busbar->peer.patience = patience_ms == 0 ? PATIENCE : (int64_t)patience_ms * CLOCK_MILLISECOND;
}

PUBLIC const char *busbar_gateway_at(const struct busbar *busbar, size_t index)
{
	const char *const *gateways = busbar->settings.gateways.items;

	return index < busbar->settings.gateways.count ? gateways[index] : NULL;
}

static int make_handle(struct busbar **ret_busbar)
{
	struct busbar *busbar = calloc(1, sizeof(*busbar));
	uint64_t seed;
	int code;

	if (busbar == NULL)
		return -ENOMEM;
	busbar->peer.socket = -1;
	busbar->peer.secret = busbar->secret;
	busbar->arena = arena_create(BUSBAR_ARENA);
	code = busbar->arena == NULL ? -ENOMEM : random_system(&seed, sizeof(seed));
	if (code < 0) {
		busbar_close(busbar);
		return code;
	}
	random_seed(&busbar->random, seed);
	*ret_busbar = busbar;
	return 0;
}

PUBLIC int busbar_open(const struct busbar_options *options, struct busbar **ret_busbar)
{
	struct busbar *busbar;
	int code = make_handle(&busbar);

	if (code < 0)
		return code;
	busbar->peer.key = options->key;
	memcpy(busbar->secret, options->secret, sizeof(busbar->secret));
	busbar_set_patience(busbar, options->patience_ms);
	code = busbar_set_gateway(busbar, options->gateway);
	if (code < 0) {
		busbar_close(busbar);
		return code;
	}
	*ret_busbar = busbar;
	return 0;
}

static int read_file(struct busbar *busbar, const char *path, bool as_operator,
                     struct config_problem *problem)
{
	int code;

	if (path == NULL)
		path = client_settings_path(busbar->arena);
	if (path == NULL) {
		(void)snprintf(problem->text, sizeof(problem->text),
		               "no configuration: set BUSBAR_CONFIG or write ~/.config/busbar.yaml");
		return -ENOENT;
	}
	code = client_settings_read(path, busbar->arena, &busbar->settings, problem);
	if (code < 0)
		return code;
	code = client_settings_key(&busbar->settings, as_operator, &busbar->peer.key, busbar->secret);
	if (code == 0)
		code = busbar_set_gateway(busbar, busbar->settings.gateway);
	if (code < 0)
		(void)snprintf(problem->text, sizeof(problem->text), "%.200s: %s: %s", path,
		               code == BUSBAR_ERROR_MISSING_FIELD ? "key and secret" : "gateway or secret",
		               error_text(code));
	return code;
}

PUBLIC int busbar_open_file(const char *path, int as_operator, char *problem, size_t problem_size,
                            struct busbar **ret_busbar)
{
	struct config_problem found = {.line = 0};
	struct busbar *busbar;
	int code = make_handle(&busbar);

	if (code < 0)
		return code;
	busbar_set_patience(busbar, 0);
	code = read_file(busbar, path, as_operator != 0, &found);
	if (code < 0) {
		if (problem != NULL && problem_size > 0)
			(void)snprintf(problem, problem_size, "%s", found.text);
		busbar_close(busbar);
		return code;
	}
	*ret_busbar = busbar;
	return 0;
}

static struct datagram begin(struct busbar *busbar, enum datagram_type type)
{
	int64_t now = clock_wall(&clock_system);

	busbar->problem[0] = '\0';
	return (struct datagram){.type = type,
	                         .key = busbar->peer.key,
	                         .identifier = identifier_make(now, &busbar->random),
	                         .sent = now};
}

/* The code that an error reply carries; its text is kept for busbar_problem(). */
static int code_of(struct busbar *busbar, const struct datagram *reply)
{
	if (reply->type != DATAGRAM_ERROR)
		return 0;
	(void)snprintf(busbar->problem, sizeof(busbar->problem), "%s", reply->error.text);
	return reply->error.code < 0 ? reply->error.code : BUSBAR_ERROR_MALFORMED;
}

static int ask(struct busbar *busbar, const struct datagram *request, const struct demand *demand,
               bool (*is_final)(const struct datagram *), struct datagram *reply)
{
	int code = exchange_datagram(&busbar->peer, request, demand, is_final, reply);

	return code < 0 ? code : code_of(busbar, reply);
}

/* The first word tells the text form from YAML. */
static bool is_yaml(const char *text)
{
	while (isspace((unsigned char)*text) || *text == '#') {
		if (*text == '#')
			text += strcspn(text, "\n");
		else
			text++;
	}
	return strncmp(text, "demand", 6) != 0 || text[6 + strspn(text + 6, " \t")] == ':';
}

static int read_demand(struct busbar *busbar, const char *text, const void *input, size_t input_size,
                       struct arena *arena, struct demand *demand)
{
	struct grammar_problem problem = {.line = 0};
	int code;

	if (input_size > DEMAND_INPUT)
		return BUSBAR_ERROR_TOO_LARGE;
	code = is_yaml(text)
	               ? grammar_parse_demand_yaml(text, strlen(text), "demand", arena, demand, &problem)
	               : grammar_parse_demand(text, strlen(text), "demand", arena, demand, &problem);
	if (code < 0) {
		(void)snprintf(busbar->problem, sizeof(busbar->problem), "%s", problem.text);
		return code;
	}
	if (input_size > 0)
		memcpy(demand->input, input, input_size);
	demand->input_size = (uint32_t)input_size;
	return 0;
}

/* What reserves is not run, what runs is not reserved; anything has a price. */
static int check_kind(struct busbar *busbar, enum datagram_type type, const struct demand *demand)
{
	bool reserves = demand->body.reserve_time > 0;

	if (type == DATAGRAM_QUOTE || (type == DATAGRAM_RESERVE) == reserves)
		return 0;
	(void)snprintf(busbar->problem, sizeof(busbar->problem), "%s",
	               reserves ? "a demand with `reserve for` is reserved, not run"
	                        : "a demand without `reserve for` is run, not reserved");
	return BUSBAR_ERROR_BAD_VALUE;
}

/* Sends a demand in a request of `type`. */
static int send_demand(struct busbar *busbar, enum datagram_type type, const char *text, const void *input,
                       size_t input_size, bool (*is_final)(const struct datagram *), struct datagram *request,
                       struct datagram *reply)
{
	struct arena_mark mark = arena_save(busbar->arena);
	struct demand demand;
	int code;

	*request = begin(busbar, type);
	code = read_demand(busbar, text, input, input_size, busbar->arena, &demand);
	if (code == 0)
		code = check_kind(busbar, type, &demand);
	if (code == 0) {
		demand.identifier = request->identifier;
		code = ask(busbar, request, &demand, is_final, reply);
	}
	arena_restore(busbar->arena, mark);
	return code;
}

/* The rest of a document whose first slice is in `reply`. */
static int read_slices(struct busbar *busbar, enum datagram_document document, const struct identifier *about,
                       struct datagram *reply, char **ret_text)
{
	uint64_t total = reply->slice.total, have = 0;
	char *text;
	int code = 0;

	if (reply->type != DATAGRAM_SLICE_OF || total > DOCUMENT_MAXIMUM)
		return BUSBAR_ERROR_MALFORMED;
	text = malloc(total + 1);
	if (text == NULL)
		return -ENOMEM;
	for (;;) {
		struct datagram request;

		if (reply->type != DATAGRAM_SLICE_OF || reply->slice.offset != have ||
		    reply->slice.total != total || reply->slice.size > total - have ||
		    (reply->slice.size == 0 && have < total)) {
			code = BUSBAR_ERROR_MALFORMED;
			break;
		}
		memcpy(text + have, reply->slice.bytes, reply->slice.size);
		have += reply->slice.size;
		if (have == total)
			break;
		request = begin(busbar, DATAGRAM_DOCUMENT);
		request.ask.document = document;
		request.ask.task = *about;
		request.ask.offset = have;
		code = ask(busbar, &request, NULL, NULL, reply);
		if (code < 0)
			break;
	}
	if (code < 0) {
		free(text);
		return code;
	}
	text[total] = '\0';
	*ret_text = text;
	return 0;
}

PUBLIC int busbar_quote(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
                        char **ret_document)
{
	struct datagram request, reply;
	int code = send_demand(busbar, DATAGRAM_QUOTE, demand, input, input_size, NULL, &request, &reply);

	return code < 0 ? code
	                : read_slices(busbar, DOCUMENT_QUOTE, &request.identifier, &reply, ret_document);
}

PUBLIC int busbar_run(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
                      char ret_task[BUSBAR_TASK_TEXT])
{
	struct datagram request, reply;
	int code = send_demand(busbar, DATAGRAM_RUN, demand, input, input_size, NULL, &request, &reply);

	if (code < 0)
		return code;
	if (reply.type != DATAGRAM_TASK)
		return BUSBAR_ERROR_MALFORMED;
	(void)identifier_text(&reply.task.task, ret_task);
	return 0;
}

static bool is_result(const struct datagram *reply)
{
	return reply->type == DATAGRAM_RESULT;
}

static int take_result(struct busbar *busbar, const struct datagram *reply, void **ret_output,
                       size_t *ret_size)
{
	void *output;

	if (reply->type != DATAGRAM_RESULT)
		return BUSBAR_ERROR_MALFORMED;
	if (reply->result.code < 0)
		return reply->result.code;
	if (reply->result.size != reply->result.inline_size)
		return busbar_get(busbar, reply->result.digest, OUTPUT_MAXIMUM, ret_output, ret_size);
	output = malloc(reply->result.inline_size + 1);
	if (output == NULL)
		return -ENOMEM;
	memcpy(output, reply->result.output, reply->result.inline_size);
	((char *)output)[reply->result.inline_size] = '\0';
	*ret_output = output;
	*ret_size = reply->result.inline_size;
	return 0;
}

PUBLIC int busbar_call(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
                       void **ret_output, size_t *ret_size, char ret_task[BUSBAR_TASK_TEXT])
{
	struct datagram request, reply;
	int code = send_demand(busbar, DATAGRAM_CALL, demand, input, input_size, is_result, &request, &reply);

	if (code < 0)
		return code;
	if (ret_task != NULL && reply.type == DATAGRAM_RESULT)
		(void)identifier_text(&reply.result.task, ret_task);
	return take_result(busbar, &reply, ret_output, ret_size);
}

PUBLIC int busbar_cancel(struct busbar *busbar, const char *task)
{
	struct datagram request = begin(busbar, DATAGRAM_CANCEL), reply;
	int code = identifier_parse(task, &request.ask.task);

	return code < 0 ? code : ask(busbar, &request, NULL, NULL, &reply);
}

static bool is_decided(const struct datagram *reply)
{
	return reply->type == DATAGRAM_TASK && reply->task.state >= TASK_GRANTED;
}

PUBLIC int busbar_reserve(struct busbar *busbar, const char *demand, char ret_task[BUSBAR_TASK_TEXT],
                          char ret_anchor[BUSBAR_GATEWAY_TEXT])
{
	struct datagram request, reply;
	int code = send_demand(busbar, DATAGRAM_RESERVE, demand, NULL, 0, is_decided, &request, &reply);

	if (code < 0)
		return code;
	(void)identifier_text(&reply.task.task, ret_task);
	if (reply.task.state >= TASK_ENDED)
		return reply.task.code < 0 ? reply.task.code : BUSBAR_ERROR_STATE;
	if (ret_anchor != NULL)
		(void)gateway_text(reply.task.anchor, ret_anchor);
	return 0;
}

PUBLIC int busbar_release(struct busbar *busbar, const char *task)
{
	return busbar_cancel(busbar, task);
}

/* Anything but a flow that is on the way, or a task that has not got anywhere yet. */
static bool is_there(const struct datagram *reply)
{
	return reply->type != DATAGRAM_TASK || is_decided(reply);
}

PUBLIC int busbar_follow(struct busbar *busbar, const char *task, const char *anchor)
{
	struct datagram request = begin(busbar, DATAGRAM_FOLLOW), reply;
	int code = identifier_parse(task, &request.follow.task);

	if (code == 0)
		code = gateway_parse(anchor, &request.follow.anchor);
	if (code == 0)
		code = ask(busbar, &request, NULL, is_there, &reply);
	if (code < 0)
		return code;
	if (reply.type == DATAGRAM_RESULT) /* it has ended meanwhile */
		return reply.result.code;
	return reply.type == DATAGRAM_TASK ? reply.task.code : BUSBAR_ERROR_MALFORMED;
}

/* One word for where the client is grows old: it is said anew. */
static int follow_to_the_end(struct busbar *busbar, const struct datagram *follow, struct datagram *ret_reply)
{
	int64_t patience = busbar->peer.patience, end = clock_monotonic(&clock_system) + patience,
	        left = patience;
	int code;

	do {
		struct datagram request = begin(busbar, DATAGRAM_FOLLOW);

		request.follow = follow->follow;
		busbar->peer.patience = MINIMUM(left, FOLLOW_AGAIN);
		code = ask(busbar, &request, NULL, is_result, ret_reply);
		left = end - clock_monotonic(&clock_system);
	} while (code == BUSBAR_ERROR_NO_ANSWER && left > 0);
	busbar->peer.patience = patience;
	return code;
}

PUBLIC int busbar_follow_result(struct busbar *busbar, const char *task, const char *anchor,
                                void **ret_output, size_t *ret_size)
{
	struct datagram follow = {.type = DATAGRAM_FOLLOW}, reply;
	int code = identifier_parse(task, &follow.follow.task);

	if (code == 0)
		code = gateway_parse(anchor, &follow.follow.anchor);
	if (code == 0)
		code = follow_to_the_end(busbar, &follow, &reply);
	return code < 0 ? code : take_result(busbar, &reply, ret_output, ret_size);
}

PUBLIC int busbar_document(struct busbar *busbar, enum busbar_document document, const char *task,
                           char **ret_document)
{
	struct datagram request = begin(busbar, DATAGRAM_DOCUMENT), reply;
	int code = task == NULL ? 0 : identifier_parse(task, &request.ask.task);

	request.ask.document = (enum datagram_document)document;
	if (code == 0)
		code = ask(busbar, &request, NULL, NULL, &reply);
	if (code < 0)
		return code;
	return read_slices(busbar, request.ask.document, &request.ask.task, &reply, ret_document);
}

PUBLIC int busbar_reload(struct busbar *busbar, char **ret_document)
{
	struct datagram request = begin(busbar, DATAGRAM_RELOAD), reply;
	int code = ask(busbar, &request, NULL, NULL, &reply);

	return code < 0 ? code
	                : read_slices(busbar, DOCUMENT_RELOAD, &request.identifier, &reply, ret_document);
}

/* Bulk transfer is at the same address, two ports further on. */
static struct transfer_client transfer_of(const struct busbar *busbar, char text[INET6_ADDRSTRLEN])
{
	(void)inet_ntop(AF_INET6, &busbar->gateway.sin6_addr, text, INET6_ADDRSTRLEN);
	return (struct transfer_client){.address = text,
	                                .port = (uint16_t)(ntohs(busbar->gateway.sin6_port) + HTTP_OFFSET),
	                                .key = busbar->peer.key,
	                                .secret = busbar->secret};
}

PUBLIC int busbar_put(struct busbar *busbar, const void *bytes, size_t size,
                      unsigned char ret_digest[BUSBAR_DIGEST])
{
	char text[INET6_ADDRSTRLEN];
	struct transfer_client client = transfer_of(busbar, text);
	uint8_t digest[BUSBAR_DIGEST];
	int code = seal_digest(bytes, size, digest);

	if (code == 0)
		code = transfer_client_put(&client, digest, bytes, size);
	if (code < 0)
		return code;
	memcpy(ret_digest, digest, sizeof(digest));
	return 0;
}

PUBLIC int busbar_get(struct busbar *busbar, const unsigned char digest[BUSBAR_DIGEST], size_t maximum,
                      void **ret_bytes, size_t *ret_size)
{
	char text[INET6_ADDRSTRLEN];
	struct transfer_client client = transfer_of(busbar, text);
	uint8_t *bytes;
	int code = transfer_client_get(&client, digest, maximum, &bytes, ret_size);

	if (code < 0)
		return code;
	*ret_bytes = bytes;
	return 0;
}

_Static_assert(BUSBAR_VIEW == (int)DOCUMENT_VIEW && BUSBAR_BGP_STATISTICS == (int)DOCUMENT_BGP_STATISTICS,
               "public and wire numbers of documents agree");
_Static_assert((int)BUSBAR_TASK_TEXT == (int)IDENTIFIER_TEXT, "a task's text is an identifier's");
_Static_assert((int)BUSBAR_GATEWAY_TEXT == (int)GATEWAY_TEXT, "an anchor's text is a gateway's");
