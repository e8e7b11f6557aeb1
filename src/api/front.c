/* SPDX-License-Identifier: Apache-2.0 */
#include "api/front.h"

#include "api/recent.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG "front"
/* How far a sender's clock may be off, and so how long identifiers are remembered (twice that). */
#define AGE_MAXIMUM (30 * CLOCK_SECOND)
#define DOCUMENT_LIFETIME (20 * CLOCK_SECOND)

enum { FRONT_ARENA = 4 << 20, FRONT_BUFFER = 2048 };

struct front_socket {
	uv_udp_t handle;
	struct front *front;
	int64_t access_up, access_down;
};

/* A rendered document that is being read in slices, by one client. */
struct kept {
	uint32_t key;
	struct sockaddr_in6 reader;
	struct identifier request; /* that it was rendered for */
	enum datagram_document document;
	struct identifier about;
	char *text;
	size_t size;
	int64_t since;
};

/* A client that waits for a task's end. */
struct waiting {
	struct identifier task;
	struct identifier request;
	uint32_t tenant; /* index */
	struct front_socket *socket;
	struct sockaddr_in6 sender;
};

struct front {
	struct front_settings settings;
	uv_loop_t *loop;
	struct arena *arena;
	struct recent *recent;
	struct hash *waiting; /* task -> struct waiting */
	struct kept kept[FRONT_DOCUMENTS];
	struct front_socket *sockets[FRONT_SOCKETS];
	uint32_t socket_count;
	uint32_t open_handles;
	bool closing;
	uint64_t refusals[ERROR_COUNT];
	uint8_t buffer[FRONT_BUFFER];
};

/* A request in hand. */
struct request {
	struct front *front;
	struct front_socket *socket;
	const struct sockaddr_in6 *sender;
	size_t size;
	const struct front_tenant *tenant; /* NULL before authentication */
	struct datagram datagram;
	struct demand demand;
};

static int64_t wall(const struct front *front)
{
	return clock_wall(&front->settings.source->clock);
}

static const struct front_tenant *find_tenant(const struct front *front, uint32_t key)
{
	for (uint32_t i = 0; i < front->settings.tenant_count; i++)
		if (front->settings.tenants[i].key == key)
			return &front->settings.tenants[i];
	return NULL;
}

const uint8_t *front_secret(void *context, uint32_t key)
{
	const struct front_tenant *tenant = find_tenant(context, key);

	return tenant == NULL ? NULL : tenant->secret;
}

static void send_octets(struct front_socket *socket, const struct sockaddr_in6 *sender, uint8_t *bytes,
                        size_t size)
{
	uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)size);

	/* A full socket buffer loses the reply, as the network may; the client asks again. */
	if (uv_udp_try_send(&socket->handle, &buffer, 1, (const struct sockaddr *)sender) < 0)
		log_debug(TAG, "event=reply-lost");
}

static void send_reply(const struct request *request, struct datagram *reply)
{
	uint8_t bytes[DATAGRAM_MAXIMUM];
	const uint8_t *secret = request->tenant == NULL ? NULL : request->tenant->secret;
	int size;

	reply->key = request->datagram.key;
	reply->identifier = request->datagram.identifier;
	reply->sent = wall(request->front);
	size = datagram_encode(reply, NULL, secret, bytes, sizeof(bytes));
	if (size < 0) {
		log_error(TAG, "event=reply-not-encoded cause=\"%s\"", error_text(size));
		return;
	}
	/* Towards strangers this is no amplifier. */
	if (secret == NULL && (size_t)size > request->size)
		return;
	send_octets(request->socket, request->sender, bytes, (size_t)size);
}

static void reply_error(const struct request *request, int code)
{
	struct datagram reply = {.type = DATAGRAM_ERROR};
	char address[INET6_ADDRSTRLEN] = "";

	request->front->refusals[error_index(code)]++;
	(void)inet_ntop(AF_INET6, &request->sender->sin6_addr, address, sizeof(address));
	log_notice(TAG, "event=refused from=%s type=%d error=%d cause=\"%s\"", address,
	           request->datagram.type, code, error_text(code));
	reply.error.code = code;
	/* A stranger's request may be short: the code alone must do for it. */
	if (request->tenant != NULL)
		text_copy(reply.error.text, sizeof(reply.error.text), error_text(code));
	send_reply(request, &reply);
}

static void reply_task(const struct request *request, const struct task_record *record)
{
	struct datagram reply = {.type = DATAGRAM_TASK};

	reply.task.task = record->identifier;
	reply.task.state = record->state;
	reply.task.code = record->code;
	reply.task.anchor = request->front->settings.source->identity;
	send_reply(request, &reply);
}

static int read_output(struct front *front, const struct task_part_record *part, uint64_t offset,
                       uint8_t *bytes, size_t capacity)
{
	uint64_t size;
	ssize_t got;
	int descriptor = store_read(front->settings.store, part->digest, &size);

	if (descriptor < 0)
		return descriptor;
	got = pread(descriptor, bytes, capacity, (off_t)offset);
	close(descriptor);
	return got < 0 ? -errno : (int)got;
}

/* The result of a call: the first part's output, inline when it fits. */
static void reply_result(const struct request *request, const struct task_record *record)
{
	const struct task_part_record *part = &record->parts[0];
	struct datagram reply = {.type = DATAGRAM_RESULT};
	int got;

	reply.result.task = record->identifier;
	reply.result.code = record->code;
	reply.result.size = part->size;
	memcpy(reply.result.digest, part->digest, sizeof(part->digest));
	if (record->code == 0 && part->size > 0 && part->size <= sizeof(reply.result.output)) {
		got = read_output(request->front, part, 0, reply.result.output, sizeof(reply.result.output));
		if (got == (int)part->size)
			reply.result.inline_size = (uint32_t)got;
	}
	send_reply(request, &reply);
}

static void forget_waiting(struct front *front, struct waiting *waiting)
{
	(void)hash_remove(front->waiting, waiting->task.octets);
	free(waiting);
}

static void wait_for_task(const struct request *request, const struct identifier *task)
{
	struct front *front = request->front;
	struct waiting *waiting = hash_get(front->waiting, task->octets);

	if (waiting == NULL) {
		waiting = calloc(1, sizeof(*waiting));
		if (waiting == NULL || hash_put(front->waiting, task->octets, waiting) < 0) {
			free(waiting);
			return; /* the client's repetition finds the result */
		}
	}
	waiting->task = *task;
	waiting->request = request->datagram.identifier;
	waiting->tenant = (uint32_t)(request->tenant - front->settings.tenants);
	waiting->socket = request->socket;
	waiting->sender = *request->sender;
}

static bool has_ended(const struct task_record *record)
{
	return record->state >= TASK_DONE;
}

/* Says how a task stands; a call gets its result when there is one, else it waits. */
static void reply_standing(const struct request *request, const struct identifier *task)
{
	struct task_record record;
	int code = task_read(request->front->settings.source->tasks, task, &record);

	if (code < 0) {
		reply_error(request, code);
		return;
	}
	if (strcmp(record.tenant, request->tenant->name) != 0) {
		reply_error(request, BUSBAR_ERROR_REPLAYED);
	} else if (request->datagram.type == DATAGRAM_CALL && has_ended(&record)) {
		reply_result(request, &record);
	} else {
		if (request->datagram.type == DATAGRAM_CALL)
			wait_for_task(request, task);
		reply_task(request, &record);
	}
	task_record_clear(&record);
}

void front_task_finished(struct front *front, const struct identifier *task)
{
	struct waiting *waiting = hash_get(front->waiting, task->octets);
	struct task_record record;
	struct request request;

	if (waiting == NULL)
		return;
	request = (struct request){.front = front,
	                           .socket = waiting->socket,
	                           .sender = &waiting->sender,
	                           .tenant = &front->settings.tenants[waiting->tenant]};
	request.datagram.key = request.tenant->key;
	request.datagram.identifier = waiting->request;
	if (task_read(front->settings.source->tasks, task, &record) == 0) {
		reply_result(&request, &record);
		task_record_clear(&record);
	}
	forget_waiting(front, waiting);
}

static struct task_request task_request_of(const struct request *request)
{
	struct task_request task = {.demand = &request->demand,
	                            .tenant = request->tenant->name,
	                            .spot = request->tenant->spot,
	                            .access_up = request->socket->access_up,
	                            .access_down = request->socket->access_down};

	memcpy(task.client, &request->sender->sin6_addr, sizeof(task.client));
	return task;
}

static void serve_demand(struct request *request)
{
	struct task_request task = task_request_of(request);
	struct tasks *tasks = request->front->settings.source->tasks;
	int code = tasks == NULL ? BUSBAR_ERROR_NOT_SUPPORTED : task_submit(tasks, &task);

	if (code < 0 && code != BUSBAR_ERROR_DUPLICATE) {
		reply_error(request, code);
		return;
	}
	reply_standing(request, &request->demand.identifier);
}

static void drop_kept(struct kept *kept)
{
	free(kept->text);
	*kept = (struct kept){0};
}

static bool is_reader(const struct kept *kept, const struct request *request)
{
	return kept->key == request->tenant->key && kept->reader.sin6_port == request->sender->sin6_port &&
	       memcmp(&kept->reader.sin6_addr, &request->sender->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static struct kept *find_kept(const struct request *request, enum datagram_document document,
                              const struct identifier *about)
{
	struct front *front = request->front;
	int64_t now = wall(front);

	for (size_t i = 0; i < FRONT_DOCUMENTS; i++) {
		struct kept *kept = &front->kept[i];

		if (kept->text != NULL && now - kept->since > DOCUMENT_LIFETIME)
			drop_kept(kept);
		if (kept->text != NULL && kept->document == document &&
		    identifier_equal(&kept->about, about) && is_reader(kept, request))
			return kept;
	}
	return NULL;
}

/* Takes over `text`. The oldest document makes room. */
static struct kept *keep(const struct request *request, enum datagram_document document,
                         const struct identifier *about, char *text)
{
	struct front *front = request->front;
	struct kept *place = find_kept(request, document, about);

	for (size_t i = 0; place == NULL && i < FRONT_DOCUMENTS; i++)
		if (front->kept[i].text == NULL)
			place = &front->kept[i];
	if (place == NULL) {
		place = &front->kept[0];
		for (size_t i = 1; i < FRONT_DOCUMENTS; i++)
			if (front->kept[i].since < place->since)
				place = &front->kept[i];
	}
	drop_kept(place);
	*place = (struct kept){.key = request->tenant->key,
	                       .reader = *request->sender,
	                       .request = request->datagram.identifier,
	                       .document = document,
	                       .about = *about,
	                       .text = text,
	                       .size = strlen(text),
	                       .since = wall(front)};
	return place;
}

static void reply_slice(const struct request *request, const uint8_t *bytes, uint64_t total, uint64_t offset,
                        size_t size)
{
	struct datagram reply = {.type = DATAGRAM_SLICE_OF};

	reply.slice.total = total;
	reply.slice.offset = offset;
	reply.slice.size = (uint32_t)size;
	memcpy(reply.slice.bytes, bytes, size);
	send_reply(request, &reply);
}

static void reply_kept(const struct request *request, const struct kept *kept, uint64_t offset)
{
	size_t size;

	if (offset > kept->size) {
		reply_error(request, BUSBAR_ERROR_BAD_VALUE);
		return;
	}
	size = MINIMUM(kept->size - (size_t)offset, (size_t)DATAGRAM_SLICE);
	reply_slice(request, (const uint8_t *)kept->text + offset, kept->size, offset, size);
}

static int render_quote(struct request *request, char **ret_text)
{
	struct task_request task = task_request_of(request);
	const struct document_source *source = request->front->settings.source;
	struct plan plan;
	char *text;
	int code = source->tasks == NULL ? BUSBAR_ERROR_NOT_SUPPORTED
	                                 : task_quote(source->tasks, &task, request->front->arena, &plan);

	if (code < 0)
		return code;
	text = document_plan(source, &plan);
	if (text == NULL)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

static int render_document(struct request *request, char **ret_text)
{
	const struct datagram *ask = &request->datagram;
	const struct document_request wanted = {.document = ask->ask.document,
	                                        .task = ask->ask.task,
	                                        .tenant = request->tenant->name,
	                                        .operator= request->tenant->operator};

	return document_render(request->front->settings.source, &wanted, ret_text);
}

/*
 * The first slice of a document as it is now, unless it was rendered for this very request: one that is
 * repeated, however late, must not change what its reader is in the middle of.
 */
static void serve_first_slice(struct request *request, enum datagram_document document,
                              const struct identifier *about,
                              int (*render)(struct request *request, char **ret_text))
{
	struct kept *kept = find_kept(request, document, about);
	char *text;
	int code;

	if (kept == NULL || !identifier_equal(&kept->request, &request->datagram.identifier)) {
		code = render(request, &text);
		if (code < 0) {
			reply_error(request, code);
			return;
		}
		kept = keep(request, document, about, text);
	}
	reply_kept(request, kept, 0);
}

static void serve_document(struct request *request)
{
	const struct datagram *ask = &request->datagram;
	const struct kept *kept;

	if (ask->ask.offset == 0 && ask->ask.document != DOCUMENT_QUOTE) {
		serve_first_slice(request, ask->ask.document, &ask->ask.task, render_document);
		return;
	}
	kept = find_kept(request, ask->ask.document, &ask->ask.task);
	if (kept == NULL)
		reply_error(request, BUSBAR_ERROR_NOT_FOUND);
	else
		reply_kept(request, kept, ask->ask.offset);
}

static void serve_output(struct request *request)
{
	const struct datagram *ask = &request->datagram;
	struct task_record record;
	uint8_t bytes[DATAGRAM_SLICE];
	struct tasks *tasks = request->front->settings.source->tasks;
	int code = tasks == NULL ? BUSBAR_ERROR_NOT_SUPPORTED : task_read(tasks, &ask->ask.task, &record);

	if (code < 0) {
		reply_error(request, code);
		return;
	}
	if (strcmp(record.tenant, request->tenant->name) != 0 || ask->ask.part == 0 ||
	    ask->ask.part > record.part_count)
		code = BUSBAR_ERROR_NOT_FOUND;
	else
		code = read_output(request->front, &record.parts[ask->ask.part - 1], ask->ask.offset, bytes,
		                   sizeof(bytes));
	if (code < 0)
		reply_error(request, code);
	else
		reply_slice(request, bytes, record.parts[ask->ask.part - 1].size, ask->ask.offset,
		            (size_t)code);
	task_record_clear(&record);
}

static void serve_cancel(struct request *request)
{
	struct tasks *tasks = request->front->settings.source->tasks;
	const struct identifier *task = &request->datagram.ask.task;
	struct task_record record;
	bool own;
	int code = tasks == NULL ? BUSBAR_ERROR_NOT_SUPPORTED : task_read(tasks, task, &record);

	if (code == 0) {
		own = strcmp(record.tenant, request->tenant->name) == 0;
		task_record_clear(&record);
		code = own || request->tenant->operator? task_cancel(tasks, task) : BUSBAR_ERROR_NOT_FOUND;
	}
	/* Cancelled twice is cancelled. */
	if (code == 0 || code == BUSBAR_ERROR_STATE)
		code = task_read(tasks, task, &record);
	if (code < 0) {
		reply_error(request, code);
		return;
	}
	reply_task(request, &record);
	task_record_clear(&record);
}

static void serve(struct request *request)
{
	switch (request->datagram.type) {
	case DATAGRAM_QUOTE:
		serve_first_slice(request, DOCUMENT_QUOTE, &request->datagram.identifier, render_quote);
		break;
	case DATAGRAM_RUN:
	case DATAGRAM_CALL:
		serve_demand(request);
		break;
	case DATAGRAM_DOCUMENT:
		serve_document(request);
		break;
	case DATAGRAM_OUTPUT:
		serve_output(request);
		break;
	case DATAGRAM_CANCEL:
		serve_cancel(request);
		break;
	case DATAGRAM_RESERVE:
	case DATAGRAM_FOLLOW:
		reply_error(request, BUSBAR_ERROR_NOT_SUPPORTED);
		break;
	case DATAGRAM_ERROR:
	case DATAGRAM_TASK:
	case DATAGRAM_RESULT:
	case DATAGRAM_SLICE_OF:
		break; /* not reached, see receive() */
	}
}

/* Age, then use of the identifier. 0 when the request is to be served. */
static int check_fresh(struct request *request, const uint8_t *bytes)
{
	int64_t now = wall(request->front);
	int64_t age = now - request->datagram.sent;
	int64_t made = now - identifier_time(&request->datagram.identifier);
	struct recent_use use = {0};

	if (age > AGE_MAXIMUM || age < -AGE_MAXIMUM || made < -AGE_MAXIMUM)
		return BUSBAR_ERROR_EXPIRED;
	memcpy(use.mac, bytes + request->size - sizeof(use.mac), sizeof(use.mac));
	memcpy(use.sender, &request->sender->sin6_addr, 16);
	memcpy(use.sender + 16, &request->sender->sin6_port, 2);
	return recent_note(request->front->recent, &request->datagram.identifier, &use, now);
}

static void receive(struct front_socket *socket, const uint8_t *bytes, size_t size,
                    const struct sockaddr_in6 *sender)
{
	struct front *front = socket->front;
	struct request request = {.front = front, .socket = socket, .sender = sender, .size = size};
	int code = datagram_decode(bytes, size, front_secret, front, front->arena, &request.datagram,
	                           &request.demand);

	/* A reply is never answered: two front doors would talk to each other for ever. */
	if (request.datagram.type >= DATAGRAM_ERROR) {
		front->refusals[error_index(BUSBAR_ERROR_MALFORMED)]++;
		goto out;
	}
	/* Only who proved to be a tenant is answered as one. */
	if (request.datagram.authentic)
		request.tenant = find_tenant(front, request.datagram.key);
	if (code == 0)
		code = check_fresh(&request, bytes);
	if (code < 0) {
		reply_error(&request, code);
	} else {
		request.demand.identifier = request.datagram.identifier;
		serve(&request);
	}
out:
	arena_reset(front->arena);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct front_socket *socket = handle->data;

	(void)suggested;
	*buffer = uv_buf_init((char *)socket->front->buffer, sizeof(socket->front->buffer));
}

static void on_datagram(uv_udp_t *handle, ssize_t size, const uv_buf_t *buffer, const struct sockaddr *sender,
                        unsigned flags)
{
	struct front_socket *socket = handle->data;

	if (size < 0 || sender == NULL || sender->sa_family != AF_INET6)
		return;
	if ((flags & UV_UDP_PARTIAL) != 0) {
		socket->front->refusals[error_index(BUSBAR_ERROR_TOO_LARGE)]++;
		return;
	}
	receive(socket, (const uint8_t *)buffer->base, (size_t)size, (const struct sockaddr_in6 *)sender);
}

int front_create(uv_loop_t *loop, const struct front_settings *settings, struct front **ret_front)
{
	struct front *front = calloc(1, sizeof(*front));

	if (front == NULL)
		return -ENOMEM;
	front->settings = *settings;
	front->loop = loop;
	front->arena = arena_create(FRONT_ARENA);
	front->recent = recent_create(FRONT_RECENT, 2 * AGE_MAXIMUM, settings->seed);
	front->waiting = hash_create(sizeof(struct identifier), FRONT_WAITING, settings->seed);
	if (front->arena == NULL || front->recent == NULL || front->waiting == NULL) {
		front_close(front);
		return -ENOMEM;
	}
	*ret_front = front;
	return 0;
}

static void free_front(struct front *front)
{
	size_t position = 0;
	const void *key;
	void *value;

	while (front->waiting != NULL && hash_next(front->waiting, &position, &key, &value))
		forget_waiting(front, value);
	for (size_t i = 0; i < FRONT_DOCUMENTS; i++)
		drop_kept(&front->kept[i]);
	for (uint32_t i = 0; i < front->socket_count; i++)
		free(front->sockets[i]);
	hash_free(front->waiting);
	recent_free(front->recent);
	arena_free(front->arena);
	free(front);
}

static void on_closed(uv_handle_t *handle)
{
	struct front_socket *socket = handle->data;
	struct front *front = socket->front;

	front->open_handles--;
	if (front->closing && front->open_handles == 0)
		free_front(front);
}

int front_listen(struct front *front, const uint8_t address[16], uint16_t port, int64_t access_up,
                 int64_t access_down)
{
	struct sockaddr_in6 local = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int length = sizeof(local);
	struct front_socket *socket;
	int code;

	if (front->socket_count == FRONT_SOCKETS)
		return BUSBAR_ERROR_TABLE_FULL;
	socket = calloc(1, sizeof(*socket));
	if (socket == NULL)
		return -ENOMEM;
	*socket = (struct front_socket){.front = front, .access_up = access_up, .access_down = access_down};
	memcpy(&local.sin6_addr, address, sizeof(local.sin6_addr));
	code = uv_udp_init(front->loop, &socket->handle);
	if (code < 0) {
		free(socket);
		return code;
	}
	socket->handle.data = socket;
	front->sockets[front->socket_count++] = socket;
	front->open_handles++;
	code = uv_udp_bind(&socket->handle, (const struct sockaddr *)&local, UV_UDP_IPV6ONLY);
	if (code == 0)
		code = uv_udp_recv_start(&socket->handle, on_buffer, on_datagram);
	if (code == 0)
		code = uv_udp_getsockname(&socket->handle, (struct sockaddr *)&local, &length);
	return code < 0 ? code : ntohs(local.sin6_port);
}

const uint64_t *front_refusals(const struct front *front)
{
	return front->refusals;
}

void front_close(struct front *front)
{
	if (front == NULL)
		return;
	front->closing = true;
	for (uint32_t i = 0; i < front->socket_count; i++)
		uv_close((uv_handle_t *)&front->sockets[i]->handle, on_closed);
	if (front->open_handles == 0)
		free_front(front);
}
