/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server, one for each listening address.
 *
 * The order of checks is authorization, path, method, size. A refused upload is read to its end and thrown
 * away, so that the client hears the answer; one that is large is refused before its first octet, or cut off.
 *
 * A connection whose blob has to be elsewhere as well is suspended meanwhile: it ends no earlier than that
 * transfer, which ends with the transfers' queue at the latest, before the servers are stopped.
 */
#include "api/transfer_http.h"
#include "api/transfer_internal.h"
#include "base/error.h"
#include "base/hex.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	IDLE_SECONDS = 5,
	SLOW_OCTETS = 1000, /* least octets a second of an upload, ... */
	GRACE_SECONDS = 5,  /* ... after this long */
};

enum method { METHOD_GET, METHOD_PUT, METHOD_OTHER };

/* One request. */
struct exchange {
	struct transfer_listener *listener;
	struct transfer *transfer;
	enum method method;
	uint8_t digest[STORE_DIGEST];
	struct store_writer *writer; /* of a PUT, until it is finished */
	uint64_t size, received;     /* octets of the body */
	int64_t started;             /* monotonic clock */
	bool accepted;               /* neither refused nor answered without its body */
	bool tenant;                 /* of a blob, and authorized as a tenant's, not a gateway's */
	bool went_through;           /* it is, or was to be, where it has to be as well */
	struct MHD_Connection *suspended;
	unsigned status; /* to be answered once the body was read; 0: none yet */
	int error;
};

/* Answers. */

static unsigned status_of(int error)
{
	static const struct {
		int error;
		unsigned status;
	} table[] = {
	        {BUSBAR_ERROR_MALFORMED, MHD_HTTP_UNAUTHORIZED},
	        {BUSBAR_ERROR_UNKNOWN_TENANT, MHD_HTTP_UNAUTHORIZED},
	        {BUSBAR_ERROR_UNKNOWN_KEY, MHD_HTTP_UNAUTHORIZED},
	        {BUSBAR_ERROR_BAD_MAC, MHD_HTTP_UNAUTHORIZED},
	        {BUSBAR_ERROR_STALE, MHD_HTTP_UNAUTHORIZED},
	        {BUSBAR_ERROR_NOT_FOUND, MHD_HTTP_NOT_FOUND},
	        {BUSBAR_ERROR_NOT_SUPPORTED, MHD_HTTP_METHOD_NOT_ALLOWED},
	        {BUSBAR_ERROR_DIGEST, MHD_HTTP_CONFLICT},
	        {BUSBAR_ERROR_MISSING_FIELD, MHD_HTTP_LENGTH_REQUIRED},
	        {BUSBAR_ERROR_TOO_LARGE, MHD_HTTP_CONTENT_TOO_LARGE},
	        {BUSBAR_ERROR_NO_CAPACITY, MHD_HTTP_INSUFFICIENT_STORAGE},
	        {-ENOSPC, MHD_HTTP_INSUFFICIENT_STORAGE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].error == error)
			return table[i].status;
	}
	return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static enum MHD_Result send_and_free(struct MHD_Connection *connection, unsigned status,
                                     struct MHD_Response *response)
{
	enum MHD_Result result = MHD_queue_response(connection, status, response);

	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, int error)
{
	char text[128], number[16];
	int length = snprintf(text, sizeof(text), "%s\n", error < 0 ? error_text(error) : "ok");
	struct MHD_Response *response =
	        MHD_create_response_from_buffer((size_t)length, text, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	(void)snprintf(number, sizeof(number), "%d", error);
	if (error < 0)
		(void)MHD_add_response_header(response, TRANSFER_HTTP_ERROR_HEADER, number);
	if (status == MHD_HTTP_UNAUTHORIZED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Busbar");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, PUT");
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
	return send_and_free(connection, status, response);
}

static enum MHD_Result answer_blob(struct exchange *exchange, struct MHD_Connection *connection,
                                   int descriptor)
{
	struct MHD_Response *response;

	if (exchange->size == 0) {
		close(descriptor);
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	} else {
		response = MHD_create_response_from_fd64(exchange->size, descriptor);
		if (!response)
			close(descriptor);
	}
	if (!response)
		return MHD_NO;
	exchange->accepted = true;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
	return send_and_free(connection, MHD_HTTP_OK, response);
}

/* Notes the answer; it is sent when the body was read. */
static void conclude(struct exchange *exchange, unsigned status, int error)
{
	exchange->status = status;
	exchange->error = error;
}

static void refuse(struct exchange *exchange, int error)
{
	exchange->accepted = false;
	store_abandon(exchange->writer);
	exchange->writer = NULL;
	conclude(exchange, status_of(error), error);
}

/* Requests. */

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Decimal digits alone; MISSING_FIELD without the header. */
static int body_size(struct MHD_Connection *connection, uint64_t *ret_size)
{
	const char *text = header_of(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t size = 0;

	if (!text || *text == '\0')
		return BUSBAR_ERROR_MISSING_FIELD;
	for (; *text; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (digit > 9)
			return BUSBAR_ERROR_MISSING_FIELD;
		if (size > ((uint64_t)INT64_MAX - digit) / 10)
			return BUSBAR_ERROR_TOO_LARGE;
		size = size * 10 + digit;
	}
	*ret_size = size;
	return 0;
}

static int parse_path(const char *path, uint8_t digest[STORE_DIGEST])
{
	size_t prefix = sizeof(TRANSFER_HTTP_PREFIX) - 1;

	if (strncmp(path, TRANSFER_HTTP_PREFIX, prefix) != 0 ||
	    hex_parse(path + prefix, digest, STORE_DIGEST) < 0)
		return BUSBAR_ERROR_NOT_FOUND;
	return 0;
}

static int begin_put(struct exchange *exchange, struct MHD_Connection *connection)
{
	struct transfer *transfer = exchange->transfer;
	int code = body_size(connection, &exchange->size);

	if (code < 0)
		return code;
	if (exchange->size > transfer->settings.maximum)
		return BUSBAR_ERROR_TOO_LARGE;
	if (store_has(transfer->settings.store, exchange->digest)) {
		conclude(exchange, MHD_HTTP_OK, 0);
		return 0;
	}
	code = store_begin(transfer->settings.store, exchange->digest, exchange->size, &exchange->writer);
	exchange->accepted = code == 0;
	return code;
}

/* Everything that can be said from the request's head alone. A GET's descriptor, else 0, or why not. */
static int begin(struct exchange *exchange, struct MHD_Connection *connection, const char *path,
                 const char *method)
{
	const struct transfer_settings *settings = &exchange->transfer->settings;
	const char *authorization = header_of(connection, MHD_HTTP_HEADER_AUTHORIZATION);
	int code = authorization_check(authorization ? authorization : "", &settings->keys, method, path,
	                               clock_wall(&settings->clock));

	if (code == 0)
		code = parse_path(path, exchange->digest);
	if (code < 0)
		return code;
	exchange->tenant = authorization_is_tenants(authorization);
	if (exchange->method == METHOD_GET)
		return store_read(settings->store, exchange->digest, &exchange->size);
	if (exchange->method == METHOD_PUT)
		return begin_put(exchange, connection);
	return BUSBAR_ERROR_NOT_SUPPORTED;
}

static enum MHD_Result answer(struct exchange *exchange, struct MHD_Connection *connection)
{
	struct transfer_statistics *statistics = &exchange->transfer->statistics;

	if (exchange->status == MHD_HTTP_UNAUTHORIZED)
		statistics->unauthorized++;
	else if (exchange->error < 0)
		statistics->refused++;
	return answer_text(connection, exchange->status, exchange->error);
}

static void on_through(void *context, int error)
{
	struct exchange *exchange = context;
	struct MHD_Connection *connection = exchange->suspended;

	exchange->suspended = NULL;
	if (error < 0)
		refuse(exchange, error);
	MHD_resume_connection(connection);
	if (!exchange->transfer->closing)
		http_server_run(&exchange->listener->server);
}

/* The blob goes to, or comes from, where it has to be as well. */
static int send_through(struct exchange *exchange)
{
	struct transfer *transfer = exchange->transfer;
	struct transfer_way way = {.port = TRANSFER_PORT};
	int code = transfer->settings.through(transfer->settings.context, &way);

	if (code < 0)
		return code;
	return exchange->method == METHOD_PUT
	               ? transfer_put(transfer, exchange->digest, &way, on_through, exchange)
	               : transfer_fetch(transfer, exchange->digest, 0, &way, on_through, exchange);
}

static bool must_go_through(const struct exchange *exchange)
{
	int wanted = exchange->method == METHOD_PUT ? 0 : BUSBAR_ERROR_NOT_FOUND;

	return exchange->transfer->settings.through && exchange->tenant && exchange->method != METHOD_OTHER &&
	       exchange->error == wanted && !exchange->went_through;
}

static enum MHD_Result answer_with_blob(struct exchange *exchange, struct MHD_Connection *connection)
{
	int descriptor = store_read(exchange->transfer->settings.store, exchange->digest, &exchange->size);

	if (descriptor >= 0)
		return answer_blob(exchange, connection, descriptor);
	refuse(exchange, descriptor);
	return answer(exchange, connection);
}

/* The answer waits until the blob is wherever it has to be; until then nothing more is read. */
static enum MHD_Result answer_or_suspend(struct exchange *exchange, struct MHD_Connection *connection)
{
	int code;

	if (exchange->method == METHOD_GET && exchange->went_through && exchange->error == 0)
		return answer_with_blob(exchange, connection);
	if (!must_go_through(exchange))
		return answer(exchange, connection);
	exchange->went_through = true;
	exchange->error = 0;
	code = send_through(exchange);
	if (code < 0) {
		refuse(exchange, code);
		return answer(exchange, connection);
	}
	exchange->suspended = connection;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

/* True when a concluded request is to be answered now: there is no body, it waits for us, or it is large. */
static bool answers_at_once(struct MHD_Connection *connection)
{
	uint64_t size = 0;
	int code = body_size(connection, &size);

	if (code == BUSBAR_ERROR_MISSING_FIELD)
		return !header_of(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
	return code < 0 || size > TRANSFER_HTTP_EXPECT || header_of(connection, MHD_HTTP_HEADER_EXPECT);
}

static enum MHD_Result first_call(struct transfer_listener *listener, struct MHD_Connection *connection,
                                  const char *path, const char *method, void **state)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	struct transfer *transfer = listener->transfer;
	int code;

	if (!exchange)
		return MHD_NO;
	*state = exchange;
	exchange->listener = listener;
	exchange->transfer = transfer;
	exchange->started = clock_monotonic(&transfer->settings.clock);
	exchange->method = strcmp(method, "GET") == 0   ? METHOD_GET
	                   : strcmp(method, "PUT") == 0 ? METHOD_PUT
	                                                : METHOD_OTHER;
	code = begin(exchange, connection, path, method);
	if (code >= 0 && exchange->method == METHOD_GET)
		return answer_blob(exchange, connection, code);
	if (code < 0)
		refuse(exchange, code);
	if (exchange->status && answers_at_once(connection))
		return answer_or_suspend(exchange, connection);
	return MHD_YES;
}

static bool is_too_slow(const struct exchange *exchange)
{
	int64_t elapsed = clock_monotonic(&exchange->transfer->settings.clock) - exchange->started;
	int64_t seconds = elapsed / CLOCK_SECOND - GRACE_SECONDS;

	return seconds > 0 && exchange->received / SLOW_OCTETS < (uint64_t)seconds;
}

/* A part of the body. MHD_NO closes the connection. */
static enum MHD_Result take(struct exchange *exchange, const char *bytes, size_t size)
{
	int code;

	exchange->received += size;
	if (is_too_slow(exchange) || (!exchange->writer && exchange->received > TRANSFER_HTTP_EXPECT &&
	                              exchange->received > exchange->transfer->settings.maximum))
		return MHD_NO;
	if (!exchange->writer)
		return MHD_YES;
	code = store_append(exchange->writer, bytes, size);
	if (code < 0)
		refuse(exchange, code);
	return MHD_YES;
}

static void finish_put(struct exchange *exchange)
{
	struct store_writer *writer = exchange->writer;
	int code;

	exchange->writer = NULL;
	code = store_finish(writer);
	if (code < 0)
		refuse(exchange, code);
	else
		conclude(exchange, MHD_HTTP_CREATED, 0);
}

static void tell_arrived(const struct exchange *exchange)
{
	const struct transfer_settings *settings = &exchange->transfer->settings;

	if (settings->arrived)
		settings->arrived(settings->context, exchange->digest, exchange->size);
}

static enum MHD_Result last_call(struct exchange *exchange, struct MHD_Connection *connection)
{
	bool arrived = exchange->writer;

	if (arrived)
		finish_put(exchange);
	if (arrived && exchange->status == MHD_HTTP_CREATED)
		tell_arrived(exchange);
	return answer_or_suspend(exchange, connection);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *bytes, size_t *size,
                              void **state)
{
	struct transfer_listener *listener = context;
	enum MHD_Result result;

	if (!*state)
		return first_call(listener, connection, url, method, state);
	if (*size == 0)
		return last_call(*state, connection);
	result = take(*state, bytes, *size);
	*size = 0;
	return result;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
	struct transfer_listener *listener = context;
	struct transfer_statistics *statistics = &listener->transfer->statistics;
	struct exchange *exchange = *state;

	if (!exchange)
		return;
	if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK) {
		statistics->broken++;
	} else if (exchange->accepted && exchange->method == METHOD_GET) {
		statistics->served++;
		statistics->served_octets += exchange->size;
	} else if (exchange->accepted) {
		statistics->stored++;
		statistics->stored_octets += exchange->size;
	}
	store_abandon(exchange->writer);
	free(exchange);
	*state = NULL;
}

/* Addresses. */

int transfer_server_listen(struct transfer *transfer, const uint8_t address[16], uint16_t port,
                           uint16_t *ret_port)
{
	struct transfer_listener *listener = &transfer->listeners[transfer->listener_count];
	struct http_server_settings server = {.port = port,
	                                      .connections = transfer->settings.connections,
	                                      .idle_seconds = IDLE_SECONDS,
	                                      .handle = handle,
	                                      .completed = on_completed,
	                                      .context = listener};
	int code;

	if (transfer->listener_count == TRANSFER_LISTENERS)
		return BUSBAR_ERROR_TABLE_FULL;
	memcpy(server.address, address, sizeof(server.address));
	listener->transfer = transfer;
	code = http_server_open(&listener->server, transfer->loop, &server);
	if (code < 0)
		return code;
	transfer->handles++;
	transfer->listener_count++;
	*ret_port = http_server_port(&listener->server);
	return 0;
}

static void on_closed(void *context)
{
	transfer_handle_closed(context);
}

void transfer_server_close(struct transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->listener_count; i++)
		http_server_close(&transfer->listeners[i].server, on_closed, transfer);
}
