/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edges that do not map, and their controller (the centralised model of RFC 10053): what clients ask of their
 * tasks an edge passes on whole, and the controller serves it as if they were here, with paths that start at
 * their edge.
 *
 * As with clients that moved (follow.c) the client's own repetition is the only one. The edge has checked
 * what it passes on; the controller checks the tenant's MAC and the use of the identifier again, so that an
 * edge can ask for nothing in a tenant's name, and a request copied from one edge to another is REPLAYED.
 */
#include "api/front_internal.h"
#include "base/error.h"
#include "base/log.h"
#include <string.h>

#define TAG "front"

/* A controller that has said nothing for so long is not there. */
#define SILENCE (5 * CLOCK_SECOND)

/* The edge. */

/* Documents that are about tasks; the others are about the gateway that is asked, as a reload is. */
static bool is_kept_with_tasks(enum datagram_document document)
{
	return document == DOCUMENT_QUOTE || document == DOCUMENT_TASKS || document == DOCUMENT_TASK ||
	       document == DOCUMENT_BILL || document == DOCUMENT_PROGRAM || document == DOCUMENT_TRACE;
}

static bool is_about_tasks(const struct datagram *datagram)
{
	if (datagram->type == DATAGRAM_DOCUMENT)
		return is_kept_with_tasks(datagram->ask.document);
	/* Of these the one names who keeps its task, the other is for the gateway that is asked. */
	return datagram->type != DATAGRAM_FOLLOW && datagram->type != DATAGRAM_RELOAD;
}

bool ask_concerns(const struct front *front, const struct request *request)
{
	return !gateway_is_none(front->settings.controller) && is_about_tasks(&request->datagram);
}

static int pass_on(struct front *front, const struct request *request)
{
	const struct gateway_identity controller = front->settings.controller;
	const struct front_place *place = request->place;
	struct answer answer = {.type = ANSWER_ASK,
	                        .program = request->datagram.identifier,
	                        .ask = {.client.port = ntohs(request->sender.sin6_port),
	                                .access = {.up = place->access_up,
	                                           .down = place->access_down,
	                                           .ceiling_up = place->access_ceiling_up,
	                                           .ceiling_down = place->access_ceiling_down},
	                                .size = (uint32_t)request->size}};
	int64_t silence = follow_remember(front, request, controller);
	int code;

	if (silence < 0)
		return (int)silence;
	if (silence > SILENCE)
		return BUSBAR_ERROR_NO_ANSWER;
	memcpy(answer.ask.client.address, &request->sender.sin6_addr, sizeof(answer.ask.client.address));
	memcpy(answer.ask.datagram, request->octets, request->size);
	/* Nobody knows the way to one that is down. */
	code = front->settings.answer(front->settings.context, controller, &answer);
	return code == BUSBAR_ERROR_NOT_FOUND ? BUSBAR_ERROR_NO_ANSWER : code;
}

void ask_serve(struct front *front, struct request *request)
{
	int code = pass_on(front, request);

	if (code < 0) {
		follow_forget(front, &request->datagram.identifier);
		reply_error(front, request, code);
	}
}

/* The controller. */

static int check(struct front *front, const struct answer_ask *ask, struct request *request)
{
	int code = datagram_decode(ask->datagram, ask->size, front_secret, front, request->arena,
	                           &request->datagram, &request->demand);

	if (request->datagram.authentic)
		request->tenant = front_find_tenant(front, request->datagram.key);
	if (code == 0 && !is_about_tasks(&request->datagram))
		code = BUSBAR_ERROR_NOT_SUPPORTED;
	return code == 0 ? front_check_fresh(front, request, ask->datagram) : code;
}

int ask_take(struct front *front, const struct answer *answer)
{
	const struct answer_ask *ask = &answer->ask;
	struct request request = {.via = answer->sender,
	                          .sender = {.sin6_family = AF_INET6, .sin6_port = htons(ask->client.port)},
	                          .size = ask->size,
	                          .there = {.edge = answer->sender,
	                                    .access_up = ask->access.up,
	                                    .access_down = ask->access.down,
	                                    .access_ceiling_up = ask->access.ceiling_up,
	                                    .access_ceiling_down = ask->access.ceiling_down},
	                          .arena = front->ask_arena};
	int code;

	if (!front->settings.controls)
		return BUSBAR_ERROR_NOT_SUPPORTED;
	memcpy(&request.sender.sin6_addr, ask->client.address, sizeof(ask->client.address));
	memcpy(request.there.client, ask->client.address, sizeof(request.there.client));
	code = check(front, ask, &request);
	/* Two front doors would talk to each other for ever. */
	if (request.datagram.type >= DATAGRAM_ERROR || request.tenant == NULL)
		return code < 0 ? code : BUSBAR_ERROR_MALFORMED;
	request.demand.identifier = request.datagram.identifier;
	if (code < 0)
		reply_error(front, &request, code);
	else
		serve(front, &request);
	arena_reset(front->ask_arena);
	return 0;
}
