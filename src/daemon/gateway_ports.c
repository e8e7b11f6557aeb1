/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The joints between the rooms of a gateway. While it closes, runs still end and are written down, but
 * nothing is sent or announced any more: exchange, announce and transfer may be gone. The next start repeats
 * it.
 */
#include "base/error.h"
#include "base/log.h"
#include "daemon/gateway_internal.h"
#include "wire/segment.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "gateway"

void gateway_on_program(void *context, uint8_t *bytes, size_t size, const struct packet *packet)
{
	struct gateway *gateway = context;

	owner_receive(gateway->owner, packet, bytes, size);
}

static void tell_front(struct gateway *gateway, const struct answer *answer)
{
	if (gateway->front != NULL && !gateway->closing)
		front_answer(gateway->front, answer);
}

void gateway_on_answer(void *context, const struct answer *answer)
{
	struct gateway *gateway = context;

	if (answer->type == ANSWER_ACKNOWLEDGE)
		owner_acknowledged(gateway->owner, &answer->program, answer->acknowledged);
	else if (answer->type == ANSWER_FOLLOW || answer->type == ANSWER_RELAY || answer->type == ANSWER_ASK)
		tell_front(gateway, answer);
	else if (gateway->tasks != NULL)
		task_answer(gateway->tasks, answer);
}

static void send_answer(void *context, const struct answer *answer, const struct owner_return *way)
{
	struct gateway *gateway = context;
	struct owner_return there = *way;

	if (gateway->closing)
		return;
	if (there.port == 0)
		there.port = EXCHANGE_PORT;
	exchange_answer(gateway->exchange, answer, &there);
}

static void send_on(void *context, const uint8_t *packet, size_t size)
{
	struct gateway *gateway = context;

	if (!gateway->closing)
		exchange_send(gateway->exchange, packet, size);
}

/* What begins here needs no network: the packet is as the tasks made it. */
static void send_program(void *context, const struct packet *packet, uint8_t *bytes, size_t size)
{
	struct gateway *gateway = context;

	if (gateway->closing)
		return;
	if (segment_within(packet->destination, gateway->locator))
		owner_receive(gateway->owner, packet, bytes, size);
	else
		exchange_send(gateway->exchange, bytes, size);
}

static bool is_behind(void *context)
{
	struct gateway *gateway = context;

	return !gateway->closing && exchange_is_behind(gateway->exchange);
}

/* A transfer that an owner waits for. */
struct errand {
	struct gateway *gateway;
	struct identifier program;
	void (*done)(struct owner *owner, const struct identifier *program, int error);
};

static struct errand *make_errand(struct gateway *gateway, const struct identifier *program,
                                  void (*done)(struct owner *, const struct identifier *, int))
{
	struct errand *errand = malloc(sizeof(*errand));

	if (errand != NULL)
		*errand = (struct errand){.gateway = gateway, .program = *program, .done = done};
	return errand;
}

static void on_transferred(void *context, int error)
{
	struct errand *errand = context;

	if (!errand->gateway->closing)
		errand->done(errand->gateway->owner, &errand->program, error);
	free(errand);
}

static struct transfer_way way_of(const struct owner_transfer *transfer)
{
	struct transfer_way way = {.port = TRANSFER_PORT};

	memcpy(way.address, transfer->ingress, sizeof(way.address));
	memcpy(way.source, transfer->source, sizeof(way.source));
	return way;
}

static void fetch(void *context, const struct identifier *program, const struct program_fetch *wanted,
                  const struct owner_transfer *transfer)
{
	const struct transfer_way way = way_of(transfer);
	struct gateway *gateway = context;
	struct errand *errand;
	int code;

	if (gateway->closing)
		return;
	errand = make_errand(gateway, program, owner_fetched);
	code = errand == NULL ? BUSBAR_ERROR_TABLE_FULL
	                      : transfer_fetch(gateway->transfer, wanted->digest, wanted->size, &way,
	                                       on_transferred, errand);
	if (code < 0) {
		free(errand);
		owner_fetched(gateway->owner, program, code);
	}
}

static void deliver(void *context, const struct identifier *program, const uint8_t digest[32],
                    const struct owner_transfer *transfer)
{
	const struct transfer_way way = way_of(transfer);
	struct gateway *gateway = context;
	struct errand *errand;
	int code;

	if (gateway->closing)
		return;
	/* A task of this gateway's own finds the output in the same store. */
	if (memcmp(way.address, gateway->address, 16) == 0) {
		owner_delivered(gateway->owner, program, 0);
		return;
	}
	errand = make_errand(gateway, program, owner_delivered);
	code = errand == NULL ? BUSBAR_ERROR_TABLE_FULL
	                      : transfer_put(gateway->transfer, digest, &way, on_transferred, errand);
	if (code < 0) {
		free(errand);
		owner_delivered(gateway->owner, program, code);
	}
}

static void changed(void *context)
{
	struct gateway *gateway = context;

	if (gateway->closing)
		return;
	gateway_load_changed(gateway);
	announce_amounts_changed(gateway->announce);
}

/* The own address of a gateway: straight to it, whatever the way. */
static int find_address(const struct gateway *gateway, struct gateway_identity identity, uint8_t address[16])
{
	const struct site *site = view_site(gateway->view, identity);

	if (gateway_equal(identity, gateway->identity))
		memcpy(address, gateway->address, 16);
	else if (site != NULL)
		segment_gateway_address(site->locator, address);
	else
		return BUSBAR_ERROR_NOT_FOUND;
	return 0;
}

static void acknowledge(void *context, struct gateway_identity owner, const struct identifier *program,
                        enum answer_type what)
{
	struct gateway *gateway = context;
	struct answer answer = {.type = ANSWER_ACKNOWLEDGE,
	                        .program = *program,
	                        .sender = gateway->identity,
	                        .acknowledged = what};
	struct owner_return way = {.port = EXCHANGE_PORT};

	/* Repeated when it can be reached again. */
	if (!gateway->closing && find_address(gateway, owner, way.address) == 0)
		exchange_answer(gateway->exchange, &answer, &way);
}

int gateway_front_answer(void *context, struct gateway_identity to, const struct answer *answer)
{
	struct gateway *gateway = context;
	struct answer ours = *answer;
	struct owner_return way = {.port = EXCHANGE_PORT};
	int code = gateway->closing ? BUSBAR_ERROR_STATE : find_address(gateway, to, way.address);

	if (code < 0)
		return code;
	ours.sender = gateway->identity;
	exchange_answer(gateway->exchange, &ours, &way);
	return 0;
}

int gateway_way_to_controller(void *context, struct transfer_way *ret_way)
{
	struct gateway *gateway = context;
	struct transfer_way way = {.port = TRANSFER_PORT};
	int code = gateway->closing
	                   ? BUSBAR_ERROR_STATE
	                   : find_address(gateway, settings_controller(gateway->settings), way.address);

	if (code == 0)
		*ret_way = way;
	return code;
}

/* A blob on its way to the gateway where a client is now. */
struct parcel {
	struct gateway *gateway;
	struct gateway_identity to;
	struct identifier task;
};

static void on_carried(void *context, int error)
{
	struct parcel *parcel = context;

	if (!parcel->gateway->closing)
		front_carried(parcel->gateway->front, parcel->to, &parcel->task, error);
	free(parcel);
}

int gateway_front_carry(void *context, struct gateway_identity to, const struct identifier *task,
                        const uint8_t digest[32])
{
	struct gateway *gateway = context;
	struct transfer_way way = {.port = TRANSFER_PORT};
	struct parcel *parcel;
	int code = gateway->closing ? BUSBAR_ERROR_STATE : find_address(gateway, to, way.address);

	if (code < 0)
		return code;
	parcel = malloc(sizeof(*parcel));
	if (parcel == NULL)
		return -ENOMEM;
	*parcel = (struct parcel){.gateway = gateway, .to = to, .task = *task};
	code = transfer_put(gateway->transfer, digest, &way, on_carried, parcel);
	if (code < 0)
		free(parcel);
	return code;
}

static void granted(void *context, const struct identifier *task)
{
	struct gateway *gateway = context;

	if (gateway->front != NULL)
		front_task_granted(gateway->front, task);
}

static void finished(void *context, const struct identifier *task)
{
	struct gateway *gateway = context;

	if (gateway->front != NULL)
		front_task_finished(gateway->front, task);
}

static void moved(void *context, const struct identifier *task, int code)
{
	struct gateway *gateway = context;

	if (gateway->front != NULL)
		front_task_moved(gateway->front, task, code);
}

static void on_started(void *context, const struct identifier *id)
{
	struct gateway *gateway = context;

	if (!gateway_resident_started(gateway, id) && gateway->owner != NULL)
		owner_started(gateway->owner, id);
}

static void on_ended(void *context, const struct driver_end *end)
{
	struct gateway *gateway = context;

	if (!gateway_resident_ended(gateway, end) && gateway->owner != NULL)
		owner_ended(gateway->owner, end);
}

const struct owner_ports gateway_owner_ports = {.answer = send_answer,
                                                .forward = send_on,
                                                .fetch = fetch,
                                                .deliver = deliver,
                                                .attach = gateway_attach,
                                                .detach = gateway_detach,
                                                .behind = is_behind,
                                                .changed = changed};
const struct task_ports gateway_task_ports = {.send = send_program,
                                              .acknowledge = acknowledge,
                                              .behind = is_behind,
                                              .granted = granted,
                                              .finished = finished,
                                              .moved = moved,
                                              .decided = gateway_on_decided};
const struct driver_callbacks gateway_driver_callbacks = {.started = on_started, .ended = on_ended};
