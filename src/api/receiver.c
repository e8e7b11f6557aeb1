/* SPDX-License-Identifier: Apache-2.0 */
#include "api/receiver.h"

#include "api/call.h"
#include "api/front_internal.h"
#include "base/error.h"
#include "base/log.h"
#include "map/map.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAG "receiver"

enum {
	SIGNAL = FRONT_PLACES, /* events: places below, instances above */
	BUFFER = 2048,
	REQUEST_ARENA = 1 << 20,
	MAP_ARENA = 64 << 20,
	SOURCE_PREFIX = 8, /* octets: a client's network is one source */
	SOCKET_BUFFER = 4 << 20,
};

struct receiver {
	struct front *front;
	pthread_t thread;
	bool running;
	int epoll, signal; /* signal: something has changed for the thread */
	struct call_desk *desk;
	int sockets[FRONT_PLACES];
	const struct front_place *places[FRONT_PLACES];
	uint32_t place_count; /* the loop adds; published by epoll_ctl() */
	struct arena *arena;  /* of one mapping */
	struct mmsghdr messages[RECEIVER_BATCH];
	struct iovec vectors[RECEIVER_BATCH];
	struct sockaddr_in6 senders[RECEIVER_BATCH];
	uint8_t buffers[RECEIVER_BATCH][BUFFER];
	/* Made in this batch, for the loop. */
	struct request *first, **last;
	struct request requests[RECEIVER_REQUESTS];

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t returned;
	bool stopping;
	struct request *free;
};

/* Requests. */

/* Waits for a free one when there is none; NULL when the thread is to stop. */
static struct request *take_request(struct receiver *receiver)
{
	struct request *request;

	(void)pthread_mutex_lock(&receiver->lock);
	while (receiver->free == NULL && !receiver->stopping) {
		/* What is kept back here might be what the loop would give back. */
		front_hand_over(receiver->front, receiver->first, receiver->last);
		receiver->first = NULL;
		receiver->last = &receiver->first;
		(void)pthread_cond_wait(&receiver->returned, &receiver->lock);
	}
	request = receiver->stopping ? NULL : receiver->free;
	if (request != NULL)
		receiver->free = request->next;
	(void)pthread_mutex_unlock(&receiver->lock);
	return request;
}

void receiver_return(struct receiver *receiver, struct request *request)
{
	free(request->quote);
	request->quote = NULL;
	arena_reset(request->arena);
	(void)pthread_mutex_lock(&receiver->lock);
	request->next = receiver->free;
	receiver->free = request;
	(void)pthread_cond_signal(&receiver->returned);
	(void)pthread_mutex_unlock(&receiver->lock);
}

/* Mapping. */

/* The plan's parts move from the arena of the mapping to the request's own. */
static bool keep_plan(struct request *request, const struct plan *plan)
{
	size_t size = plan->part_count * sizeof(plan->parts[0]);

	request->plan = *plan;
	if (size == 0)
		return true;
	request->plan.parts = arena_copy(request->arena, plan->parts, size);
	return request->plan.parts != NULL;
}

/* What does not succeed here is done by the loop, which also has the words for it. */
static void map_request(struct receiver *receiver, struct request *request, const struct view *view)
{
	const struct document_source *source = receiver->front->settings.source;
	struct document_source there = *source;
	const struct map_request wanted = {
	        .demand = &request->demand,
	        .ingress = source->identity,
	        .access_up = request->place->access_up,
	        .access_down = request->place->access_down,
	        .access_ceiling_up = request->place->access_ceiling_up,
	        .access_ceiling_down = request->place->access_ceiling_down,
	        .spot = request->tenant->spot,
	        .sight = request->tenant->sight,
	        .now = front_wall(receiver->front),
	};
	struct plan plan;

	if (map_demand(view, &wanted, receiver->arena, &plan) == 0)
		request->mapped = keep_plan(request, &plan);
	if (request->mapped && request->datagram.type == DATAGRAM_QUOTE) {
		there.view = view;
		request->quote = document_plan(&there, &plan);
	}
	arena_reset(receiver->arena);
}

static bool brings_demand(enum datagram_type type)
{
	return type == DATAGRAM_QUOTE || type == DATAGRAM_RUN || type == DATAGRAM_CALL ||
	       type == DATAGRAM_RESERVE;
}

/* Checks, in the order that front.h states. */

int front_check_fresh(struct front *front, const struct request *request, const uint8_t *bytes)
{
	int64_t now = front_wall(front);
	int64_t age = now - request->datagram.sent;
	int64_t made = now - identifier_time(&request->datagram.identifier);
	struct recent_use use = {0};

	if (age > FRONT_AGE || age < -FRONT_AGE || made < -FRONT_AGE)
		return BUSBAR_ERROR_EXPIRED;
	memcpy(use.mac, bytes + request->size - sizeof(use.mac), sizeof(use.mac));
	memcpy(use.sender, &request->sender.sin6_addr, 16);
	memcpy(use.sender + 16, &request->sender.sin6_port, 2);
	return recent_note(front->recent, &request->datagram.identifier, &use, now);
}

static void count(struct front *front, int code)
{
	(void)__atomic_fetch_add(&front->refusals[error_index(code)], 1, __ATOMIC_RELAXED);
}

/* Before anything is computed: who sends too much, or has sent too much that was not authentic. */
static bool may_send(struct front *front, const struct sockaddr_in6 *sender)
{
	const uint8_t *source = sender->sin6_addr.s6_addr;
	int64_t now = clock_monotonic(&clock_system);

	return rate_allows(front->strangers, source, SOURCE_PREFIX, now) &&
	       rate_take(front->sources, source, SOURCE_PREFIX, now);
}

/* 0 for a new request, 1 for a repeated one, else the code of its refusal. */
static int check(struct front *front, struct request *request, const uint8_t *bytes)
{
	int64_t now = clock_monotonic(&clock_system);
	int code = datagram_decode(bytes, request->size, front_secret, front, request->arena,
	                           &request->datagram, &request->demand);

	/* Only who proved to be a tenant is answered as one. */
	if (request->datagram.authentic)
		request->tenant = front_find_tenant(front, request->datagram.key);
	else
		(void)rate_take(front->strangers, &request->sender.sin6_addr, SOURCE_PREFIX, now);
	if (code == 0 && !rate_take(front->tenants, &request->datagram.key, sizeof(uint32_t), now))
		code = BUSBAR_ERROR_RATE;
	return code == 0 ? front_check_fresh(front, request, bytes) : code;
}

/* What is to be passed on whole is kept whole; what is to be served here is mapped. False: no memory. */
static bool prepare(struct receiver *receiver, struct request *request, const uint8_t *bytes,
                    const struct view *view, bool again)
{
	if (ask_concerns(receiver->front, request)) {
		request->octets = arena_copy(request->arena, bytes, request->size);
		return request->octets != NULL;
	}
	if (!again && view != NULL && brings_demand(request->datagram.type))
		map_request(receiver, request, view);
	return true;
}

/* The request is handed over, or refused and free again. */
static void receive(struct receiver *receiver, struct request *request, const uint8_t *bytes,
                    const struct view *view)
{
	struct front *front = receiver->front;
	int code = check(front, request, bytes);

	if (request->datagram.type >= DATAGRAM_ERROR) {
		/* A reply is never answered: two front doors would talk to each other for ever. */
		count(front, BUSBAR_ERROR_MALFORMED);
	} else if (code < 0) {
		reply_error(front, request, code);
	} else {
		request->demand.identifier = request->datagram.identifier;
		if (call_take(receiver->desk, request, code == 1))
			return;
		if (prepare(receiver, request, bytes, view, code == 1)) {
			request->at_once = false;
			request->next = NULL;
			*receiver->last = request;
			receiver->last = &request->next;
			return;
		}
		reply_error(front, request, -ENOMEM);
	}
	receiver_return(receiver, request);
}

/* The thread. */

static void take_message(struct receiver *receiver, uint32_t place, const struct mmsghdr *message,
                         const struct view *view)
{
	const struct sockaddr_in6 *sender = message->msg_hdr.msg_name;
	struct request *request;

	if (sender->sin6_family != AF_INET6)
		return;
	if (!may_send(receiver->front, sender)) {
		count(receiver->front, BUSBAR_ERROR_RATE);
		return;
	}
	if ((message->msg_hdr.msg_flags & MSG_TRUNC) != 0) {
		count(receiver->front, BUSBAR_ERROR_TOO_LARGE);
		return;
	}
	request = take_request(receiver);
	if (request == NULL)
		return;
	request->place = receiver->places[place];
	request->descriptor = receiver->sockets[place];
	request->sender = *sender;
	request->size = message->msg_len;
	request->via = (struct gateway_identity){0};
	request->tenant = NULL;
	request->octets = NULL;
	request->at_once = true;
	request->only_known = request->mapped = false;
	/* Nothing of whom the place was before. */
	memset(&request->datagram, 0, sizeof(request->datagram));
	memset(&request->demand, 0, sizeof(request->demand));
	receive(receiver, request, message->msg_hdr.msg_iov->iov_base, view);
}

static void set_up_messages(struct receiver *receiver)
{
	for (size_t i = 0; i < RECEIVER_BATCH; i++) {
		receiver->vectors[i] = (struct iovec){receiver->buffers[i], BUFFER};
		receiver->messages[i].msg_hdr = (struct msghdr){.msg_name = &receiver->senders[i],
		                                                .msg_namelen = sizeof(receiver->senders[i]),
		                                                .msg_iov = &receiver->vectors[i],
		                                                .msg_iovlen = 1};
	}
}

static void read_place(struct receiver *receiver, uint32_t place)
{
	const struct view *view = front_snapshot(receiver->front);
	int got;

	set_up_messages(receiver);
	got = recvmmsg(receiver->sockets[place], receiver->messages, RECEIVER_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++)
		take_message(receiver, place, &receiver->messages[i], view);
	(void)view_release_snapshot(view);
	if (receiver->first == NULL)
		return;
	front_hand_over(receiver->front, receiver->first, receiver->last);
	receiver->first = NULL;
	receiver->last = &receiver->first;
}

static bool is_stopping(struct receiver *receiver)
{
	bool stopping;

	(void)pthread_mutex_lock(&receiver->lock);
	stopping = receiver->stopping;
	(void)pthread_mutex_unlock(&receiver->lock);
	return stopping;
}

static void dispatch(struct receiver *receiver, uint32_t number)
{
	uint64_t times;

	if (number < SIGNAL) {
		read_place(receiver, number);
	} else if (number > SIGNAL) {
		call_event(receiver->desk, number);
	} else if (read(receiver->signal, &times, sizeof(times)) == (ssize_t)sizeof(times)) {
		call_desk_adopt(receiver->desk);
	}
}

static void *run(void *context)
{
	struct receiver *receiver = context;
	struct epoll_event events[RECEIVER_BATCH];

	while (!is_stopping(receiver)) {
		int ready =
		        epoll_wait(receiver->epoll, events, ARRAY_SIZE(events), call_look(receiver->desk));

		for (int i = 0; i < ready; i++)
			dispatch(receiver, events[i].data.u32);
	}
	return NULL;
}

/* Life. */

static int watch(struct receiver *receiver, int descriptor, uint32_t number)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};

	return epoll_ctl(receiver->epoll, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

static int make_requests(struct receiver *receiver)
{
	for (size_t i = 0; i < RECEIVER_REQUESTS; i++) {
		struct request *request = &receiver->requests[i];

		request->receiver = receiver;
		request->arena = arena_create(REQUEST_ARENA);
		if (request->arena == NULL)
			return -ENOMEM;
		request->next = receiver->free;
		receiver->free = request;
	}
	return 0;
}

int receiver_create(struct front *front, struct receiver **ret_receiver)
{
	struct receiver *receiver = calloc(1, sizeof(*receiver));
	int code;

	if (receiver == NULL)
		return -ENOMEM;
	receiver->front = front;
	receiver->last = &receiver->first;
	(void)pthread_mutex_init(&receiver->lock, NULL);
	(void)pthread_cond_init(&receiver->returned, NULL);
	receiver->epoll = epoll_create1(EPOLL_CLOEXEC);
	receiver->signal = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	code = receiver->epoll < 0 || receiver->signal < 0 ? -errno : 0;
	receiver->arena = arena_create(MAP_ARENA);
	receiver->desk = call_desk_create(front, receiver->epoll, SIGNAL + 1);
	if (code == 0 && (receiver->arena == NULL || receiver->desk == NULL))
		code = -ENOMEM;
	if (code == 0)
		code = watch(receiver, receiver->signal, SIGNAL);
	if (code == 0)
		code = make_requests(receiver);
	if (code == 0)
		code = -pthread_create(&receiver->thread, NULL, run, receiver);
	if (code < 0) {
		(void)receiver_free(receiver);
		return code;
	}
	receiver->running = true;
	*ret_receiver = receiver;
	return 0;
}

static int open_socket(struct front_place *place)
{
	const int on = 1, size = SOCKET_BUFFER;
	socklen_t length = sizeof(place->local);
	int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int code;

	if (descriptor < 0)
		return -errno;
	/* Larger buffers are a comfort: the kernel's own limit holds. */
	(void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0 &&
	    setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
	    bind(descriptor, (const struct sockaddr *)&place->local, length) == 0 &&
	    getsockname(descriptor, (struct sockaddr *)&place->local, &length) == 0)
		return descriptor;
	code = -errno;
	close(descriptor);
	return code;
}

int receiver_listen(struct receiver *receiver, struct front_place *place)
{
	uint32_t number = receiver->place_count;
	int descriptor = open_socket(place);
	int code;

	if (descriptor < 0)
		return descriptor;
	receiver->sockets[number] = descriptor;
	receiver->places[number] = place;
	receiver->place_count++;
	code = watch(receiver, descriptor, number);
	return code < 0 ? code : descriptor;
}

/* Wakes the thread. */
static void signal_thread(const struct receiver *receiver)
{
	uint64_t one = 1;

	if (write(receiver->signal, &one, sizeof(one)) < 0)
		log_error(TAG, "event=not-woken cause=\"%s\"", error_text(-errno));
}

int receiver_add_instance(struct receiver *receiver, uint32_t service, uint32_t instance, int descriptor)
{
	int code = call_desk_add(receiver->desk, service, instance, descriptor);

	if (code == 0)
		signal_thread(receiver);
	return code;
}

void receiver_stop(struct receiver *receiver)
{
	if (receiver == NULL || !receiver->running)
		return;
	(void)pthread_mutex_lock(&receiver->lock);
	receiver->stopping = true;
	(void)pthread_cond_signal(&receiver->returned);
	(void)pthread_mutex_unlock(&receiver->lock);
	signal_thread(receiver);
	(void)pthread_join(receiver->thread, NULL);
	receiver->running = false;
}

struct receiver *receiver_free(struct receiver *receiver)
{
	if (receiver == NULL)
		return NULL;
	for (size_t i = 0; i < RECEIVER_REQUESTS; i++) {
		free(receiver->requests[i].quote);
		arena_free(receiver->requests[i].arena);
	}
	for (uint32_t i = 0; i < receiver->place_count; i++)
		close(receiver->sockets[i]);
	if (receiver->epoll >= 0)
		close(receiver->epoll);
	if (receiver->signal >= 0)
		close(receiver->signal);
	call_desk_free(receiver->desk);
	arena_free(receiver->arena);
	(void)pthread_cond_destroy(&receiver->returned);
	(void)pthread_mutex_destroy(&receiver->lock);
	free(receiver);
	return NULL;
}
