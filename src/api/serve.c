/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of request gets, on the loop's thread. */
#include "api/front_internal.h"
#include "base/error.h"
#include "map/map.h"
#include <stdio.h>
#include <string.h>

static bool has_ended(const struct task_record *record)
{
	return record->state >= TASK_DONE;
}

/* Whether the client waits for more than it can be told now. */
static bool waits(enum datagram_type type, const struct task_record *record)
{
	if (has_ended(record))
		return false;
	return type == DATAGRAM_CALL || (type == DATAGRAM_RESERVE && record->state < TASK_GRANTED);
}

void serve_task(struct front *front, const struct request *request, const struct task_record *record)
{
	struct datagram reply = {.type = DATAGRAM_TASK};

	reply.task.task = record->identifier;
	reply.task.state = record->state;
	reply.task.code = record->code;
	reply.task.anchor = front->settings.source->identity;
	reply_send(front, request, &reply);
}

/* The first part's output, inline when it fits. */
void serve_carried(struct front *front, const struct request *request, const struct task_record *record)
{
	const struct task_part_record *part = &record->parts[0];
	struct datagram reply = {.type = DATAGRAM_RESULT};
	int got;

	reply.result.task = record->identifier;
	reply.result.code = record->code;
	reply.result.size = part->size;
	memcpy(reply.result.digest, part->digest, sizeof(part->digest));
	if (record->code == 0 && part->size > 0 && part->size <= sizeof(reply.result.output)) {
		got = slice_read_output(front, part, 0, reply.result.output, sizeof(reply.result.output));
		if (got == (int)part->size)
			reply.result.inline_size = (uint32_t)got;
	}
	reply_send(front, request, &reply);
}

void serve_result(struct front *front, const struct request *request, const struct task_record *record)
{
	const struct task_part_record *part = &record->parts[0];
	struct waiting *waiting;

	if (gateway_is_none(request->via) || record->code != 0 || part->size <= DATAGRAM_SLICE) {
		serve_carried(front, request, record);
		return;
	}
	waiting = serve_wait(front, request, &record->identifier);
	if (waiting != NULL && !waiting->carrying)
		waiting->carrying = front->settings.carry(front->settings.context, request->via,
		                                          &record->identifier, part->digest) == 0;
}

/* What has ended gives its result to those who called or follow, everything else is told how it stands. */
static void reply_standing(struct front *front, const struct request *request,
                           const struct task_record *record)
{
	enum datagram_type type = request->datagram.type;

	if ((type == DATAGRAM_CALL || type == DATAGRAM_FOLLOW) && has_ended(record))
		serve_result(front, request, record);
	else
		serve_task(front, request, record);
}

void serve_forget(struct front *front, struct waiting *waiting)
{
	(void)hash_remove(front->waiting, waiting->task.octets);
	slab_release(front->waiting_slab, waiting);
}

void serve_forget_all(struct front *front)
{
	size_t position = 0;
	const void *key;
	void *value;

	while (front->waiting != NULL && hash_next(front->waiting, &position, &key, &value))
		serve_forget(front, value);
}

struct waiting *serve_waiting(struct front *front, const struct identifier *task)
{
	return hash_get(front->waiting, task->octets);
}

struct waiting *serve_wait(struct front *front, const struct request *request, const struct identifier *task)
{
	struct waiting *waiting = serve_waiting(front, task);
	bool carrying = waiting != NULL && waiting->carrying && gateway_equal(waiting->via, request->via);

	if (waiting == NULL) {
		waiting = slab_take(front->waiting_slab);
		if (waiting == NULL)
			return NULL;
		if (hash_put(front->waiting, task->octets, waiting) < 0) {
			slab_release(front->waiting_slab, waiting);
			return NULL;
		}
	}
	*waiting = (struct waiting){.task = *task,
	                            .request = request->datagram.identifier,
	                            .type = request->datagram.type,
	                            .tenant = request->tenant,
	                            .place = request->place,
	                            .descriptor = request->descriptor,
	                            .sender = request->sender,
	                            .via = request->via,
	                            .carrying = carrying};
	return waiting;
}

struct request serve_again(const struct waiting *waiting)
{
	struct request request = {.place = waiting->place,
	                          .descriptor = waiting->descriptor,
	                          .sender = waiting->sender,
	                          .via = waiting->via,
	                          .tenant = waiting->tenant};

	request.datagram.type = waiting->type;
	request.datagram.key = waiting->tenant->key;
	request.datagram.identifier = waiting->request;
	if (waiting->type == DATAGRAM_FOLLOW)
		request.datagram.follow.task = waiting->task;
	return request;
}

/* The task of a waiting client has come to where something can be said. */
static void tell(struct front *front, struct waiting *waiting)
{
	struct request request = serve_again(waiting);
	struct task_record record;

	if (task_read(front->settings.source->tasks, &waiting->task, &record) == 0) {
		reply_standing(front, &request, &record);
		task_record_clear(&record);
	}
	if (!waiting->carrying)
		serve_forget(front, waiting);
}

void front_task_finished(struct front *front, const struct identifier *task)
{
	struct waiting *waiting = hash_get(front->waiting, task->octets);

	if (waiting != NULL)
		tell(front, waiting);
}

void front_task_granted(struct front *front, const struct identifier *task)
{
	struct waiting *waiting = hash_get(front->waiting, task->octets);

	if (waiting != NULL && waiting->type == DATAGRAM_RESERVE)
		tell(front, waiting);
}

static struct task_place place_here(const struct front *front, const struct request *request)
{
	struct task_place place = {.edge = front->settings.source->identity,
	                           .access_up = request->place->access_up,
	                           .access_down = request->place->access_down,
	                           .access_ceiling_up = request->place->access_ceiling_up,
	                           .access_ceiling_down = request->place->access_ceiling_down};

	memcpy(place.client, &request->sender.sin6_addr, sizeof(place.client));
	return place;
}

struct task_request serve_task_request(const struct front *front, const struct request *request)
{
	struct task_request task = {.demand = &request->demand,
	                            .tenant = request->tenant->name,
	                            .spot = request->tenant->spot,
	                            .plan = request->mapped ? &request->plan : NULL,
	                            .place = gateway_is_none(request->via) ? place_here(front, request)
	                                                                   : request->there};

	return task;
}

/* A request whose form and demand do not belong together. */
static bool is_contradiction(const struct request *request)
{
	return (request->datagram.type == DATAGRAM_RESERVE) != (request->demand.body.reserve_time > 0);
}

/*
 * A call is told at once that it was taken on; a reservation that is a matter of milliseconds only when it is
 * asked for again.
 */
static void tell_or_wait(struct front *front, const struct request *request, const struct task_record *record)
{
	bool again = hash_get(front->waiting, record->identifier.octets) != NULL;

	if (!waits(request->datagram.type, record)) {
		reply_standing(front, request, record);
		return;
	}
	(void)serve_wait(front, request, &record->identifier);
	if (request->datagram.type == DATAGRAM_CALL || again)
		serve_task(front, request, record);
}

/* A plan that came to nothing says where the first site fell short. */
static void refuse_demand(struct front *front, const struct request *request, int code)
{
	char reason[MAP_REASON_TEXT], text[MAP_REASON_TEXT + 64];

	if (!request->mapped || request->plan.status != code || request->plan.reason_count == 0) {
		reply_error(front, request, code);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s (%s)", error_text(code),
	               map_reason_text(front->settings.source->view, &request->plan.reasons[0], reason));
	reply_refusal(front, request, code, text);
}

static void serve_demand(struct front *front, struct request *request)
{
	struct task_request task = serve_task_request(front, request);
	struct tasks *tasks = front->settings.source->tasks;
	struct task_record record;
	int code = tasks == NULL ? BUSBAR_ERROR_NOT_SUPPORTED : 0;

	if (code == 0 && is_contradiction(request))
		code = BUSBAR_ERROR_BAD_VALUE;
	if (code == 0 && !request->only_known)
		code = task_submit(tasks, &task);
	if (code == 0 || code == BUSBAR_ERROR_DUPLICATE)
		code = task_read(tasks, &request->demand.identifier, &record);
	if (code == BUSBAR_ERROR_NOT_FOUND && request->only_known)
		code = BUSBAR_ERROR_LOST;
	if (code < 0) {
		refuse_demand(front, request, code);
		return;
	}
	if (strcmp(record.tenant, request->tenant->name) == 0)
		tell_or_wait(front, request, &record);
	else
		reply_error(front, request, BUSBAR_ERROR_REPLAYED);
	task_record_clear(&record);
}

static void serve_cancel(struct front *front, struct request *request)
{
	struct tasks *tasks = front->settings.source->tasks;
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
		reply_error(front, request, code);
		return;
	}
	serve_task(front, request, &record);
	task_record_clear(&record);
}

void serve(struct front *front, struct request *request)
{
	if (ask_concerns(front, request)) {
		ask_serve(front, request);
		return;
	}
	switch (request->datagram.type) {
	case DATAGRAM_QUOTE:
		slice_quote(front, request);
		break;
	case DATAGRAM_RUN:
	case DATAGRAM_CALL:
	case DATAGRAM_RESERVE:
		serve_demand(front, request);
		break;
	case DATAGRAM_DOCUMENT:
		slice_document(front, request);
		break;
	case DATAGRAM_OUTPUT:
		slice_output(front, request);
		break;
	case DATAGRAM_CANCEL:
		serve_cancel(front, request);
		break;
	case DATAGRAM_FOLLOW:
		follow_serve(front, request);
		break;
	case DATAGRAM_RELOAD:
		slice_reload(front, request);
		break;
	case DATAGRAM_ERROR:
	case DATAGRAM_TASK:
	case DATAGRAM_RESULT:
	case DATAGRAM_SLICE_OF:
		break; /* not reached, see receiver.c */
	}
}
