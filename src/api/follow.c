/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that moved: the new edge passes their requests to the anchor and the anchor's replies to them; the
 * anchor takes their word for where they are.
 *
 * What the edge keeps of a client lives as long as the client repeats itself, and a while; a reply that comes
 * later is lost, and asked for again. It passes on only what the anchor itself sent to a client that asked
 * for it, and that is authentic.
 */
#include "api/front_internal.h"
#include "base/error.h"
#include "base/log.h"
#include <string.h>

#define TAG "front"

#define LIFETIME (60 * CLOCK_SECOND)
#define SWEEP_EVERY CLOCK_SECOND

/* A client here whose task is kept elsewhere. */
struct follower {
	struct identifier request;
	struct gateway_identity keeper; /* anchor or controller */
	int descriptor;
	struct sockaddr_in6 sender;
	int64_t heard;  /* monotonic */
	int64_t silent; /* since then the keeper has not replied */
};

const size_t follow_size = sizeof(struct follower);

static int64_t monotonic(const struct front *front)
{
	return clock_monotonic(&front->settings.source->clock);
}

static void forget(struct front *front, struct follower *follower)
{
	(void)hash_remove(front->followers, follower->request.octets);
	slab_release(front->follower_slab, follower);
}

/* Forgets who was not heard of since `since`. */
static void sweep(struct front *front, int64_t since)
{
	size_t position = 0;
	const void *key;
	void *value;

	while (front->followers != NULL && hash_next(front->followers, &position, &key, &value))
		if (((struct follower *)value)->heard < since)
			forget(front, value);
}

void follow_forget_all(struct front *front)
{
	sweep(front, INT64_MAX);
}

/* The new edge. */

static struct follower *take_follower(struct front *front, const struct identifier *request)
{
	struct follower *follower = slab_take(front->follower_slab);

	if (follower == NULL)
		return NULL;
	follower->request = *request;
	if (hash_put(front->followers, request->octets, follower) == 0)
		return follower;
	slab_release(front->follower_slab, follower);
	return NULL;
}

static struct follower *find_follower(struct front *front, const struct identifier *request)
{
	struct follower *follower = hash_get(front->followers, request->octets);
	int64_t now = monotonic(front);

	if (follower != NULL)
		return follower;
	follower = take_follower(front, request);
	if (follower != NULL || now - front->swept < SWEEP_EVERY)
		return follower;
	front->swept = now;
	sweep(front, now - LIFETIME);
	return take_follower(front, request);
}

int64_t follow_remember(struct front *front, const struct request *request, struct gateway_identity keeper)
{
	const struct identifier *identifier = &request->datagram.identifier;
	int64_t now = monotonic(front);
	struct follower *follower;
	bool again;

	if (front->settings.answer == NULL)
		return BUSBAR_ERROR_NOT_SUPPORTED;
	again = hash_get(front->followers, identifier->octets) != NULL;
	follower = find_follower(front, identifier);
	if (follower == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	*follower = (struct follower){.request = *identifier,
	                              .keeper = keeper,
	                              .descriptor = request->descriptor,
	                              .sender = request->sender,
	                              .heard = now,
	                              .silent = again ? follower->silent : now};
	return now - follower->silent;
}

void follow_forget(struct front *front, const struct identifier *request)
{
	struct follower *follower = hash_get(front->followers, request->octets);

	if (follower != NULL)
		forget(front, follower);
}

static int pass_on(struct front *front, const struct request *request)
{
	const struct front_place *place = request->place;
	const struct datagram *datagram = &request->datagram;
	struct answer answer = {.type = ANSWER_FOLLOW,
	                        .program = datagram->follow.task,
	                        .follow = {.client.port = ntohs(request->sender.sin6_port),
	                                   .key = datagram->key,
	                                   .request = datagram->identifier,
	                                   .sent = datagram->sent,
	                                   .access = {.up = place->access_up,
	                                              .down = place->access_down,
	                                              .ceiling_up = place->access_ceiling_up,
	                                              .ceiling_down = place->access_ceiling_down}}};
	int64_t silence = follow_remember(front, request, datagram->follow.anchor);
	int code;

	if (silence < 0)
		return (int)silence;
	memcpy(answer.follow.client.address, &request->sender.sin6_addr, 16);
	code = front->settings.answer(front->settings.context, datagram->follow.anchor, &answer);
	if (code < 0)
		follow_forget(front, &datagram->identifier);
	return code;
}

static bool is_at(const struct follower *follower, const struct answer_client *client)
{
	return ntohs(follower->sender.sin6_port) == client->port &&
	       memcmp(&follower->sender.sin6_addr, client->address, sizeof(client->address)) == 0;
}

/* It speaks of nothing that this gateway keeps, so that it need not wait for this one's disk. */
static int pass_back(struct front *front, const struct answer *answer)
{
	const struct answer_relay *relay = &answer->relay;
	struct follower *follower;
	struct request request = {.at_once = true};
	struct datagram reply;
	int code = datagram_decode(relay->datagram, relay->size, front_secret, front, NULL, &reply, NULL);

	if (code < 0)
		return code;
	if (reply.type < DATAGRAM_ERROR)
		return BUSBAR_ERROR_MALFORMED;
	follower = hash_get(front->followers, reply.identifier.octets);
	if (follower == NULL || !gateway_equal(follower->keeper, answer->sender) ||
	    !is_at(follower, &relay->client))
		return BUSBAR_ERROR_NOT_FOUND;
	follower->silent = monotonic(front);
	request.descriptor = follower->descriptor;
	request.sender = follower->sender;
	reply_octets(front, &request, relay->datagram, relay->size);
	return 0;
}

/* The anchor. */

/* The client hears how it ended; if it asks again before, that it has not. */
static void await_move(struct front *front, const struct request *request, struct task_record *record)
{
	const struct waiting *waiting = serve_waiting(front, &record->identifier);
	bool again = waiting != NULL && identifier_equal(&waiting->request, &request->datagram.identifier);

	(void)serve_wait(front, request, &record->identifier);
	record->state = MINIMUM(record->state, TASK_MAPPED);
	if (again)
		serve_task(front, request, record);
}

static void tell_standing(struct front *front, const struct request *request,
                          const struct task_record *record)
{
	if (record->state >= TASK_DONE) {
		serve_result(front, request, record);
		return;
	}
	serve_task(front, request, record);
	(void)serve_wait(front, request, &record->identifier);
}

static void follow(struct front *front, const struct request *request, const struct task_place *place)
{
	struct tasks *tasks = front->settings.source->tasks;
	const struct datagram *datagram = &request->datagram;
	struct task_record record;
	int code = tasks == NULL ? BUSBAR_ERROR_NOT_SUPPORTED
	                         : task_read(tasks, &datagram->follow.task, &record);

	if (code < 0) {
		reply_error(front, request, code);
		return;
	}
	if (strcmp(record.tenant, request->tenant->name) != 0)
		code = BUSBAR_ERROR_NOT_FOUND;
	else if (record.state < TASK_DONE)
		code = task_follow(tasks, &datagram->follow.task, place, datagram->sent);
	if (code < 0)
		reply_error(front, request, code);
	else if (code > 0)
		await_move(front, request, &record);
	else
		tell_standing(front, request, &record);
	task_record_clear(&record);
}

void follow_serve(struct front *front, struct request *request)
{
	struct task_request there;
	int code;

	if (gateway_equal(request->datagram.follow.anchor, front->settings.source->identity)) {
		there = serve_task_request(front, request);
		follow(front, request, &there.place);
		return;
	}
	code = pass_on(front, request);
	if (code < 0)
		reply_error(front, request, code);
}

/* The edge has authenticated the client; a key that is not known here is no tenant of the domain. */
static int take_word(struct front *front, const struct answer *answer)
{
	const struct answer_follow *word = &answer->follow;
	struct request request = {.via = answer->sender,
	                          .tenant = front_find_tenant(front, word->key),
	                          .sender = {.sin6_family = AF_INET6, .sin6_port = htons(word->client.port)},
	                          .datagram = {.type = DATAGRAM_FOLLOW,
	                                       .key = word->key,
	                                       .identifier = word->request,
	                                       .sent = word->sent}};
	struct task_place place = {.edge = answer->sender,
	                           .access_up = word->access.up,
	                           .access_down = word->access.down,
	                           .access_ceiling_up = word->access.ceiling_up,
	                           .access_ceiling_down = word->access.ceiling_down};

	if (request.tenant == NULL)
		return BUSBAR_ERROR_UNKNOWN_TENANT;
	request.datagram.follow.task = answer->program;
	memcpy(&request.sender.sin6_addr, word->client.address, sizeof(word->client.address));
	memcpy(place.client, word->client.address, sizeof(place.client));
	follow(front, &request, &place);
	return 0;
}

void front_answer(struct front *front, const struct answer *answer)
{
	int code = answer->type == ANSWER_FOLLOW ? take_word(front, answer)
	           : answer->type == ANSWER_ASK  ? ask_take(front, answer)
	                                         : pass_back(front, answer);

	if (code == 0)
		return;
	log_debug(TAG, "event=not-taken cause=\"%s\"", error_text(code));
	(void)__atomic_fetch_add(&front->refusals[error_index(code)], 1, __ATOMIC_RELAXED);
}

/* How a client that waits is told: by an error, or by the task. */
static void tell(struct front *front, struct waiting *waiting, int code,
                 void (*reply)(struct front *front, const struct request *request,
                               const struct task_record *record))
{
	struct request request = serve_again(waiting);
	struct task_record record;

	if (code == 0)
		code = task_read(front->settings.source->tasks, &waiting->task, &record);
	if (code < 0) {
		reply_error(front, &request, code);
	} else {
		reply(front, &request, &record);
		task_record_clear(&record);
	}
	serve_forget(front, waiting);
}

void front_task_moved(struct front *front, const struct identifier *task, int code)
{
	struct waiting *waiting = serve_waiting(front, task);

	if (waiting != NULL && waiting->type == DATAGRAM_FOLLOW)
		tell(front, waiting, code, serve_task);
}

void front_carried(struct front *front, struct gateway_identity to, const struct identifier *task, int code)
{
	struct waiting *waiting = serve_waiting(front, task);

	if (waiting == NULL || !waiting->carrying || !gateway_equal(waiting->via, to))
		return;
	tell(front, waiting, code, serve_carried);
}
