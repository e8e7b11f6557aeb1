/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "api/front_internal.h"
#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAG "call"

enum { LOOK_MILLISECONDS = 100, STATUS = 1, MESSAGE = STATUS + DATAGRAM_SLICE };

/* An instance that this desk has. */
struct instance {
	int descriptor; /* -1: none */
	uint32_t service, number;
	struct request *request; /* that it works on */
	int64_t deadline;        /* monotonic */
	bool reported;
};

/* An answer that is kept for repetitions, oldest overwritten first. */
struct answered {
	struct identifier identifier;
	uint32_t tenant; /* key number */
	bool used;
	int32_t code;
	uint32_t size;
	uint8_t output[DATAGRAM_SLICE];
};

struct call_desk {
	struct front *front;
	int epoll;
	uint32_t first;
	struct instance instances[CALL_INSTANCES];
	uint32_t busy;
	/* Requests that wait, for each service. */
	struct {
		struct request *first, **last;
	} queues[ALLOWANCE_SERVICES];
	struct hash *under_way; /* identifier -> struct request */
	struct answered *kept;
	uint32_t next_kept;
	struct hash *by_identifier; /* -> struct answered */

	pthread_mutex_t lock; /* of what follows */
	uint32_t added_count;
	struct instance added[CALL_INSTANCES];
};

struct call_desk *call_desk_create(struct front *front, int epoll, uint32_t first)
{
	struct call_desk *desk = calloc(1, sizeof(*desk));

	if (desk == NULL)
		return NULL;
	desk->front = front;
	desk->epoll = epoll;
	desk->first = first;
	(void)pthread_mutex_init(&desk->lock, NULL);
	for (size_t i = 0; i < CALL_INSTANCES; i++)
		desk->instances[i].descriptor = -1;
	for (size_t i = 0; i < ALLOWANCE_SERVICES; i++)
		desk->queues[i].last = &desk->queues[i].first;
	desk->under_way = hash_create(sizeof(struct identifier), RECEIVER_REQUESTS, front->settings.seed);
	desk->kept = calloc(CALL_KEPT, sizeof(*desk->kept));
	desk->by_identifier = hash_create(sizeof(struct identifier), CALL_KEPT, front->settings.seed);
	if (desk->under_way == NULL || desk->kept == NULL || desk->by_identifier == NULL)
		return call_desk_free(desk);
	return desk;
}

/* Answers. */

static void send_result(struct call_desk *desk, const struct request *request, int code,
                        const uint8_t *output, size_t size)
{
	struct datagram reply = {.type = DATAGRAM_RESULT};

	reply.result.task = request->datagram.identifier;
	reply.result.code = code;
	reply.result.size = size;
	reply.result.inline_size = (uint32_t)size;
	memcpy(reply.result.output, output, size);
	if (size > 0 && seal_digest(output, size, reply.result.digest) < 0)
		return;
	reply_send(desk->front, request, &reply);
}

static void keep(struct call_desk *desk, const struct request *request, int code, const uint8_t *output,
                 size_t size)
{
	struct answered *kept = &desk->kept[desk->next_kept];

	desk->next_kept = (desk->next_kept + 1) % CALL_KEPT;
	if (kept->used)
		(void)hash_remove(desk->by_identifier, kept->identifier.octets);
	kept->identifier = request->datagram.identifier;
	kept->tenant = request->tenant->key;
	kept->code = code;
	kept->size = (uint32_t)size;
	memcpy(kept->output, output, size);
	kept->used = hash_put(desk->by_identifier, kept->identifier.octets, kept) == 0;
}

/* The call is over: counted when it has run, else its price goes back. */
static void finish(struct call_desk *desk, uint32_t service, struct request *request, int code,
                   const uint8_t *output, size_t size)
{
	struct allowances *allowances = desk->front->settings.allowances;

	if (code == 0)
		allowance_count(allowances, request->tenant->number, service);
	else
		allowance_return(allowances, request->tenant->number, service);
	(void)hash_remove(desk->under_way, request->datagram.identifier.octets);
	keep(desk, request, code, output, size);
	send_result(desk, request, code, output, size);
	receiver_return(request->receiver, request);
}

struct call_desk *call_desk_free(struct call_desk *desk)
{
	if (desk == NULL)
		return NULL;
	for (size_t i = 0; i < CALL_INSTANCES; i++)
		if (desk->instances[i].descriptor >= 0)
			close(desk->instances[i].descriptor);
	for (uint32_t i = 0; i < desk->added_count; i++)
		close(desk->added[i].descriptor);
	(void)pthread_mutex_destroy(&desk->lock);
	hash_free(desk->under_way);
	hash_free(desk->by_identifier);
	free(desk->kept);
	free(desk);
	return NULL;
}

/* Instances. */

static int64_t patience_of(const struct call_desk *desk, uint32_t service)
{
	return desk->front->settings.residents[service].patience;
}

/* A message is a status octet, 0 in that of a request, and the input or output. */
static ssize_t send_input(const struct instance *instance, const struct request *request)
{
	uint8_t status = 0;
	struct iovec vectors[] = {{&status, STATUS},
	                          {(void *)request->demand.input, request->demand.input_size}};
	const struct msghdr message = {.msg_iov = vectors, .msg_iovlen = ARRAY_SIZE(vectors)};

	return sendmsg(instance->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Gives the next waiting request to an instance. */
static void feed(struct call_desk *desk, struct instance *instance)
{
	struct request *request = desk->queues[instance->service].first;

	if (instance->request != NULL || instance->descriptor < 0 || request == NULL)
		return;
	desk->queues[instance->service].first = request->next;
	if (request->next == NULL)
		desk->queues[instance->service].last = &desk->queues[instance->service].first;
	if (send_input(instance, request) < 0) {
		finish(desk, instance->service, request, BUSBAR_ERROR_LOST, NULL, 0);
		return;
	}
	instance->request = request;
	instance->reported = false;
	instance->deadline = clock_monotonic(&clock_system) + patience_of(desk, instance->service);
	desk->busy++;
}

int call_desk_add(struct call_desk *desk, uint32_t service, uint32_t instance, int descriptor)
{
	int code = BUSBAR_ERROR_TABLE_FULL;

	(void)pthread_mutex_lock(&desk->lock);
	if (desk->added_count < CALL_INSTANCES) {
		desk->added[desk->added_count++] =
		        (struct instance){.descriptor = descriptor, .service = service, .number = instance};
		code = 0;
	}
	(void)pthread_mutex_unlock(&desk->lock);
	return code;
}

static void adopt(struct call_desk *desk, const struct instance *new)
{
	for (uint32_t i = 0; i < CALL_INSTANCES; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = desk->first + i};

		if (desk->instances[i].descriptor >= 0)
			continue;
		if (epoll_ctl(desk->epoll, EPOLL_CTL_ADD, new->descriptor, &event) < 0)
			break;
		desk->instances[i] = *new;
		feed(desk, &desk->instances[i]);
		return;
	}
	log_warning(TAG, "event=no-room-for-instance");
	close(new->descriptor);
}

void call_desk_adopt(struct call_desk *desk)
{
	(void)pthread_mutex_lock(&desk->lock);
	for (uint32_t i = 0; i < desk->added_count; i++)
		adopt(desk, &desk->added[i]);
	desk->added_count = 0;
	(void)pthread_mutex_unlock(&desk->lock);
}

/* The instance is done with its request. */
static void release(struct call_desk *desk, struct instance *instance, int code, const uint8_t *output,
                    size_t size)
{
	struct request *request = instance->request;

	if (request == NULL)
		return;
	instance->request = NULL;
	desk->busy--;
	finish(desk, instance->service, request, code, output, size);
}

void call_event(struct call_desk *desk, uint32_t number)
{
	struct instance *instance = &desk->instances[number - desk->first];
	uint8_t message[MESSAGE + 1];
	ssize_t size = recv(instance->descriptor, message, sizeof(message), MSG_DONTWAIT);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		close(instance->descriptor);
		instance->descriptor = -1;
		release(desk, instance, BUSBAR_ERROR_LOST, NULL, 0);
		return;
	}
	if (size > MESSAGE)
		release(desk, instance, BUSBAR_ERROR_OUTPUT_LIMIT, NULL, 0);
	else if (message[0] != 0)
		release(desk, instance, BUSBAR_ERROR_EXECUTION, NULL, 0);
	else
		release(desk, instance, 0, message + STATUS, (size_t)size - STATUS);
	feed(desk, instance);
}

int call_look(struct call_desk *desk)
{
	int64_t now;

	if (desk->busy == 0)
		return -1;
	now = clock_monotonic(&clock_system);
	for (size_t i = 0; i < CALL_INSTANCES; i++) {
		struct instance *instance = &desk->instances[i];

		if (instance->request == NULL || instance->reported || now < instance->deadline)
			continue;
		instance->reported = true; /* its death answers the request */
		front_instance_late(desk->front, instance->service, instance->number);
	}
	return LOOK_MILLISECONDS;
}

/* Requests. */

static int find_service(const struct call_desk *desk, const struct demand_body *body)
{
	const struct front_settings *settings = &desk->front->settings;

	for (uint32_t i = 0; i < settings->resident_count; i++) {
		const struct front_resident *resident = &settings->residents[i];

		if (strcmp(resident->name, body->service) == 0 &&
		    (body->version[0] == '\0' || strcmp(resident->version, body->version) == 0))
			return (int)i;
	}
	return BUSBAR_ERROR_UNKNOWN_SERVICE;
}

/* A service by its name and nothing else: what could send it elsewhere is for the mapper. */
static bool is_plain(const struct demand *demand)
{
	const struct demand_body *body = &demand->body;

	return body->service[0] != '\0' && body->need_count == 0 && !body->work_present &&
	       body->network_within == 0 && body->respond_within == 0 && body->finish_within == 0 &&
	       body->bandwidth_up == 0 && body->bandwidth_down == 0 && body->data_count == 0 &&
	       body->split <= 1 && demand->stage_count == 0 && demand->region_count == 0 &&
	       demand->operator_count == 0 && demand->model_count == 0 && demand->trust == 0 &&
	       demand->affinity[0] == '\0' && !demand->offload && demand->prefer == PREFER_COST;
}

/* False when nothing is known of it any more. */
static bool answer_again(struct call_desk *desk, struct request *request)
{
	const uint8_t *identifier = request->datagram.identifier.octets;
	const struct answered *kept = hash_get(desk->by_identifier, identifier);

	if (kept != NULL && kept->tenant == request->tenant->key)
		send_result(desk, request, kept->code, kept->output, kept->size);
	else if (hash_get(desk->under_way, identifier) == NULL)
		return false;
	receiver_return(request->receiver, request);
	return true;
}

/* An instance of the service: a free one if there is one, NULL when there is none at all. */
static struct instance *find_instance(struct call_desk *desk, uint32_t service)
{
	struct instance *found = NULL;

	for (size_t i = 0; i < CALL_INSTANCES; i++) {
		struct instance *instance = &desk->instances[i];

		if (instance->descriptor < 0 || instance->service != service)
			continue;
		if (instance->request == NULL)
			return instance;
		found = instance;
	}
	return found;
}

static void enqueue(struct call_desk *desk, uint32_t service, struct request *request)
{
	request->next = NULL;
	*desk->queues[service].last = request;
	desk->queues[service].last = &request->next;
}

bool call_take(struct call_desk *desk, struct request *request, bool again)
{
	const struct front_settings *settings = &desk->front->settings;
	struct instance *instance;
	int service;

	if (settings->allowances == NULL || request->datagram.type != DATAGRAM_CALL ||
	    !allowance_has(settings->allowances, request->tenant->number) || !is_plain(&request->demand))
		return false;
	service = find_service(desk, &request->demand.body);
	if (service < 0)
		return false;
	/* What is not known here was a task, or it was answered long ago: the loop must not run it again. */
	request->only_known = again || request->datagram.sent < settings->source->started;
	if (request->only_known)
		return again && answer_again(desk, request);
	instance = find_instance(desk, (uint32_t)service);
	if (instance == NULL ||
	    !allowance_take(settings->allowances, request->tenant->number, (uint32_t)service))
		return false;
	if (hash_put(desk->under_way, request->datagram.identifier.octets, request) < 0) {
		allowance_return(settings->allowances, request->tenant->number, (uint32_t)service);
		return false;
	}
	enqueue(desk, (uint32_t)service, request);
	feed(desk, instance);
	return true;
}
