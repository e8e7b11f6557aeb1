/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/owner.h"

#include "base/error.h"
#include "base/log.h"
#include "execute/owner_internal.h"
#include "wire/segment.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG "owner"
/* Acknowledged holdings stay in the journal this long, against programs replayed meanwhile. */
#define PRUNE_AFTER (3600 * CLOCK_SECOND)
#define PRUNE_EVERY (60 * CLOCK_SECOND)

int64_t owner_wall(const struct owner *owner)
{
	return clock_wall(&owner->settings.clock);
}

int64_t owner_monotonic(const struct owner *owner)
{
	return clock_monotonic(&owner->settings.clock);
}

void owner_set_state(struct owner *owner, struct holding *holding, enum holding_state state,
                     const char *event)
{
	char text[IDENTIFIER_TEXT];
	uint32_t service = holding->service;

	log_info(TAG, "program=%s part=%u old=%s event=%s new=%s error=%d",
	         identifier_text(&holding->program.identifier, text), holding->program.part,
	         holding_state_name(holding->state), event, holding_state_name(state), holding->error);
	if (service < OWNER_SERVICES && state == HOLDING_RUNNING)
		owner->running[service]++;
	if (service < OWNER_SERVICES && holding->state == HOLDING_RUNNING)
		owner->running[service]--;
	if (state == HOLDING_ENDED && holding->state != HOLDING_ENDED)
		owner->live--;
	holding->state = state;
}

void owner_forget(struct owner *owner, struct holding *holding)
{
	(void)hash_remove(owner->holdings, holding->program.identifier.octets);
	free(holding->payload);
	slab_release(owner->slab, holding);
}

/* A holding in the table, zeroed apart from its program id; NULL when the table is full. */
static struct holding *add_holding(struct owner *owner, const struct program *program)
{
	struct holding *holding = slab_take(owner->slab);

	if (holding == NULL)
		return NULL;
	holding->program = *program;
	holding->service = OWNER_SERVICES;
	holding->repeat_at = OWNER_NEVER;
	holding->checkpoint_at = OWNER_NEVER;
	if (hash_put(owner->holdings, program->identifier.octets, holding) < 0) {
		slab_release(owner->slab, holding);
		return NULL;
	}
	return holding;
}

struct holding *owner_find(struct owner *owner, const struct identifier *program)
{
	struct holding *holding = hash_get(owner->holdings, program->octets);
	struct holding stored;

	if (holding != NULL)
		return holding;
	if (holding_load(owner->rooms.database, program, &stored) <= 0)
		return NULL;
	holding = add_holding(owner, &stored.program);
	if (holding == NULL)
		return NULL;
	stored.service = OWNER_SERVICES;
	stored.repeat_at = OWNER_NEVER;
	stored.checkpoint_at = OWNER_NEVER;
	*holding = stored;
	return holding;
}

static void send_answer(struct owner *owner, const struct holding *holding, struct answer *answer)
{
	answer->program = holding->program.identifier;
	answer->sender = owner->settings.identity;
	if (holding->arrived != 0)
		answer->processing = owner_monotonic(owner) - holding->arrived;
	owner->ports.answer(owner->ports.context, answer, &holding->way);
}

void owner_answer(struct owner *owner, const struct holding *holding, enum answer_type type)
{
	struct answer answer = {.type = type};

	send_answer(owner, holding, &answer);
}

static void answer_refusal(struct owner *owner, const struct holding *holding,
                           const struct book_refusal *refusal)
{
	struct answer answer = {.type = ANSWER_REFUSED};
	char text[IDENTIFIER_TEXT];

	answer.refusal.error = refusal->error;
	answer.refusal.resource = refusal->resource;
	answer.refusal.toward = refusal->toward;
	answer.refusal.have = refusal->have;
	answer.refusal.need = refusal->need;
	answer.refusal.price = refusal->price;
	owner->refusals[error_index(refusal->error)]++;
	log_info(TAG, "program=%s event=refused error=%d cause=\"%s\" have=%lld need=%lld",
	         identifier_text(&holding->program.identifier, text), refusal->error,
	         error_text(refusal->error), (long long)refusal->have, (long long)refusal->need);
	send_answer(owner, holding, &answer);
}

/* The way back: gateways before us on the segment list, nearest first, the ingress left out. */
static void find_way_back(const struct owner *owner, const struct packet *packet, uint32_t index,
                          struct owner_return *way)
{
	memset(way, 0, sizeof(*way));
	memcpy(way->address, packet->source, sizeof(way->address));
	for (uint32_t i = index; i-- > 0 && way->hop_count < PLAN_HOPS;) {
		uint8_t locator[16] = {0};
		const uint8_t *last =
		        way->hop_count > 0 ? way->hops[way->hop_count - 1] : owner->settings.locator;

		memcpy(locator, packet->segments[i], GATEWAY_LOCATOR_BITS / 8);
		if (segment_within(locator, last) || segment_within(packet->source, locator))
			continue;
		memcpy(way->hops[way->hop_count++], locator, sizeof(locator));
	}
}

/* One instruction of a new program against the book. 0, or the refusal's code with *refusal filled. */
static int take_instruction(struct owner *owner, struct holding *holding,
                            const struct instruction *instruction, struct book_refusal *refusal)
{
	const struct program *program = &holding->program;
	int code;

	switch (instruction->operation) {
	case OPERATION_RESERVE:
		return book_reserve(owner->rooms.book, &program->identifier, program->ingress,
		                    &instruction->reserve, holding->granted, refusal);
	case OPERATION_CLAIM:
		return book_claim(owner->rooms.book, &program->identifier, program->ingress,
		                  &instruction->claim, holding->granted, refusal);
	case OPERATION_EXECUTE:
		code = owner_check_execute(owner, holding, &instruction->execute);
		if (code >= 0) {
			holding->executes = true;
			holding->service = (uint32_t)code;
			return 0;
		}
		refusal->error = code;
		return code;
	case OPERATION_FETCH:
	case OPERATION_DELIVER:
		if (owner->rooms.store != NULL)
			return 0;
		refusal->error = BUSBAR_ERROR_NOT_SUPPORTED;
		return refusal->error;
	case OPERATION_FORWARD:
	case OPERATION_RELEASE:
	case OPERATION_ATTACH:
	case OPERATION_REFRESH:
	case OPERATIONS:
		break;
	}
	refusal->error = BUSBAR_ERROR_STATE;
	return refusal->error;
}

static int save_holding(struct owner *owner, const struct holding *holding)
{
	return holding_save(owner->rooms.database, holding);
}

static int keep_payload(struct holding *holding, const struct packet *packet)
{
	if (packet->payload_size == 0)
		return 0;
	holding->payload = malloc(packet->payload_size);
	if (holding->payload == NULL)
		return -ENOMEM;
	memcpy(holding->payload, packet->payload, packet->payload_size);
	holding->payload_size = packet->payload_size;
	return 0;
}

/* Grants a new program everything it asks of this owner, or nothing. */
static int grant(struct owner *owner, struct holding *holding, const struct packet *packet, uint32_t first,
                 uint32_t count, struct book_refusal *refusal)
{
	const struct book_holding *held;
	int code = 0;

	for (uint32_t i = first; i < first + count && code >= 0; i++)
		code = take_instruction(owner, holding, &packet->program.instructions[i], refusal);
	if (code < 0)
		return code;
	held = book_find(owner->rooms.book, &holding->program.identifier);
	holding->expires = held != NULL ? held->expires : packet->program.expires;
	code = keep_payload(holding, packet);
	if (code == 0)
		code = save_holding(owner, holding);
	refusal->error = code;
	return code;
}

/* Sends the packet to the segment after this owner's, if there is one. */
static void send_on(struct owner *owner, uint8_t *bytes, size_t size, const struct packet *packet,
                    uint32_t count)
{
	int code;

	if (packet->segments_left < count)
		return;
	code = packet_advance(bytes, size, count);
	if (code < 0) {
		log_warning(TAG, "event=not-forwarded cause=\"%s\"", error_text(code));
		return;
	}
	owner->ports.forward(owner->ports.context, bytes, size);
}

/*
 * The ingress goes elsewhere on a refusal: a copy of the program that is still on the way must not be granted
 * when something has become free meanwhile.
 */
static void remember_refusal(struct holding *holding, const struct book_refusal *refusal)
{
	holding->refused = true;
	holding->refusal = *refusal;
	holding->state = HOLDING_ENDED;
	holding->expires = holding->program.expires;
	free(holding->payload);
	holding->payload = NULL;
	holding->payload_size = 0;
}

static void receive_new(struct owner *owner, uint8_t *bytes, size_t size, const struct packet *packet,
                        uint32_t index, uint32_t count)
{
	struct book_refusal refusal = {0};
	struct holding refused = {.program = packet->program, .arrived = owner_monotonic(owner)};
	struct holding *holding;

	find_way_back(owner, packet, index, &refused.way);
	if (owner_wall(owner) > packet->program.expires) {
		refusal.error = BUSBAR_ERROR_EXPIRED;
		answer_refusal(owner, &refused, &refusal);
		return;
	}
	holding = add_holding(owner, &packet->program);
	if (holding == NULL) {
		refusal.error = BUSBAR_ERROR_TABLE_FULL;
		answer_refusal(owner, &refused, &refusal);
		return;
	}
	holding->way = refused.way;
	holding->arrived = refused.arrived;
	holding->granted = owner_wall(owner);
	if (grant(owner, holding, packet, index, count, &refusal) < 0) {
		(void)book_release(owner->rooms.book, &holding->program.identifier, NULL);
		remember_refusal(holding, &refusal);
		answer_refusal(owner, holding, &refusal);
		return;
	}
	owner->live++;
	owner->ports.changed(owner->ports.context);
	owner_answer(owner, holding, holding->executes ? ANSWER_ACCEPTED : ANSWER_GRANTED);
	send_on(owner, bytes, size, packet, count);
	if (holding->executes)
		owner_stage(owner, holding);
}

static bool same_program(const struct program *a, const struct program *b)
{
	uint8_t first[PACKET_MAXIMUM], second[PACKET_MAXIMUM];
	int first_size = packet_encode_program(a, first, sizeof(first));
	int second_size = packet_encode_program(b, second, sizeof(second));

	return first_size > 0 && first_size == second_size && memcmp(first, second, (size_t)first_size) == 0;
}

/* A program that is known here: says again how it stands, and lets it pass on to owners that may not know it.
 */
static void receive_again(struct owner *owner, struct holding *holding, uint8_t *bytes, size_t size,
                          const struct packet *packet, uint32_t count)
{
	struct book_refusal refusal = {.error = BUSBAR_ERROR_REPLAYED};

	holding->arrived = owner_monotonic(owner);
	if (holding->refused) {
		answer_refusal(owner, holding, &holding->refusal);
		return;
	}
	if (holding->state == HOLDING_ENDED && !holding->executes) {
		owner_answer_receipt(owner, holding);
		return;
	}
	if (!same_program(&holding->program, &packet->program)) {
		answer_refusal(owner, holding, &refusal);
		return;
	}
	switch (holding->state) {
	case HOLDING_HELD:
		owner_answer(owner, holding, ANSWER_GRANTED);
		send_on(owner, bytes, size, packet, count);
		break;
	case HOLDING_STAGING:
	case HOLDING_RUNNING:
		owner_answer(owner, holding, ANSWER_RUNNING);
		break;
	case HOLDING_ENDED:
		owner_answer_result(owner, holding);
		owner_answer_receipt(owner, holding);
		break;
	case HOLDING_STATES:
		break;
	}
}

/* A release for a program that never came: remembered, so that the program cannot come later. */
static struct holding *bury(struct owner *owner, const struct packet *packet, uint32_t index)
{
	struct holding *holding = add_holding(owner, &packet->program);

	if (holding == NULL)
		return NULL;
	find_way_back(owner, packet, index, &holding->way);
	holding->granted = owner_wall(owner);
	holding->expires = holding->granted;
	owner->live++;
	return holding;
}

void owner_receive(struct owner *owner, uint8_t *bytes, size_t size, const struct packet *packet)
{
	const struct program *program = &packet->program;
	uint32_t index = packet->segment_count - 1 - packet->segments_left;
	uint32_t count = 0;
	struct holding *holding;

	while (index + count < program->instruction_count &&
	       gateway_equal(program->instructions[index + count].at, owner->settings.identity))
		count++;
	if (count == 0) {
		owner->refusals[error_index(BUSBAR_ERROR_MALFORMED)]++;
		return;
	}
	holding = owner_find(owner, &program->identifier);
	/* A program is its ingress's own: nobody else releases or repeats it. */
	if (holding != NULL && !gateway_equal(holding->program.ingress, program->ingress)) {
		owner->refusals[error_index(BUSBAR_ERROR_REPLAYED)]++;
		return;
	}
	if (program->instructions[index].operation == OPERATION_RELEASE) {
		if (holding != NULL && holding->refused) {
			owner_forget(owner, holding);
			holding = NULL;
		}
		if (holding == NULL)
			holding = bury(owner, packet, index);
		if (holding != NULL)
			owner_release(owner, holding, program->instructions[index].release);
		send_on(owner, bytes, size, packet, count);
		return;
	}
	if (holding == NULL)
		receive_new(owner, bytes, size, packet, index, count);
	else
		receive_again(owner, holding, bytes, size, packet, count);
}

void owner_answer_receipt(struct owner *owner, struct holding *holding)
{
	struct answer answer = {.type = ANSWER_RECEIPT};

	if (usage_get(owner->rooms.usage, &holding->program.identifier, &answer.receipt) < 0)
		return;
	send_answer(owner, holding, &answer);
}

/* Octets of a small output from the store; false when it is too large to go inline. */
static bool inline_output(struct owner *owner, const struct holding *holding, struct answer_result *result)
{
	uint64_t size;
	ssize_t got;
	int descriptor;

	if (holding->output_size == 0 || holding->output_size > ANSWER_OUTPUT)
		return false;
	descriptor = store_read(owner->rooms.store, holding->output_digest, &size);
	if (descriptor < 0)
		return false;
	got = read(descriptor, result->output, sizeof(result->output));
	close(descriptor);
	if (got < 0 || (uint64_t)got != holding->output_size)
		return false;
	result->inline_size = (uint32_t)got;
	return true;
}

void owner_answer_result(struct owner *owner, struct holding *holding)
{
	struct answer answer = {.type = ANSWER_RESULT};

	answer.result.error = holding->error;
	answer.result.exit_status = holding->exit_status;
	answer.result.size = holding->output_size;
	memcpy(answer.result.digest, holding->output_digest, sizeof(answer.result.digest));
	answer.result.run_wall = holding->usage.wall;
	(void)inline_output(owner, holding, &answer.result);
	send_answer(owner, holding, &answer);
}

void owner_acknowledged(struct owner *owner, const struct identifier *program, enum answer_type what)
{
	struct holding *holding = owner_find(owner, program);

	if (holding == NULL || holding->state != HOLDING_ENDED || holding->refused)
		return;
	if (what == ANSWER_RESULT)
		holding->result_due = false;
	else if (what == ANSWER_RECEIPT)
		holding->receipt_due = false;
	if (what == ANSWER_RECEIPT && usage_acknowledge(owner->rooms.usage, program) < 0)
		return;
	if (save_holding(owner, holding) < 0)
		return; /* repeated, and so acknowledged, once more */
	if (!holding->result_due && !holding->receipt_due)
		owner_forget(owner, holding);
}

/* What the journal held when this daemon started. */
static int take_up(void *context, const struct holding *stored)
{
	struct owner *owner = context;
	struct holding *holding = add_holding(owner, &stored->program);
	struct book_holding held = {.program = stored->program.identifier,
	                            .ingress = stored->program.ingress};
	const struct instruction *reserve;

	if (holding == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	*holding = *stored;
	holding->service = OWNER_SERVICES;
	holding->checkpoint_at = OWNER_NEVER;
	holding->repeat_at = owner_monotonic(owner);
	holding->repeat_after = OWNER_REPEAT_FIRST;
	if (holding->state == HOLDING_ENDED)
		return 0;
	owner->live++;
	reserve = holding_instruction(holding, owner->settings.identity, OPERATION_RESERVE);
	/* One that executes had not begun to: its input was still on the way, and is not kept. */
	if (holding->state == HOLDING_HELD && !holding->executes && reserve != NULL) {
		held.granted = holding->granted;
		held.expires = holding->expires;
		held.reserved = true;
		held.reserve = reserve->reserve;
		return book_restore(owner->rooms.book, &held);
	}
	/* Its run died with the daemon before this one: billed up to the last checkpoint. */
	holding->error = BUSBAR_ERROR_LOST;
	holding->ended = holding->granted + holding->usage.wall;
	return 0;
}

int owner_create(const struct owner_settings *settings, const struct owner_rooms *rooms,
                 const struct owner_ports *ports, struct owner **ret_owner)
{
	struct owner *owner = calloc(1, sizeof(*owner));
	int code = -ENOMEM;

	if (owner == NULL)
		return code;
	owner->settings = *settings;
	owner->rooms = *rooms;
	owner->ports = *ports;
	owner->slab = slab_create(sizeof(struct holding), OWNER_HOLDINGS);
	owner->holdings = hash_create(sizeof(struct identifier), OWNER_HOLDINGS, settings->seed);
	if (owner->slab == NULL || owner->holdings == NULL)
		goto fail;
	code = holding_create_table(rooms->database);
	if (code < 0)
		goto fail;
	code = holding_each_open(rooms->database, take_up, owner);
	if (code < 0)
		goto fail;
	*ret_owner = owner;
	return 0;
fail:
	(void)owner_free(owner);
	return code;
}

struct owner *owner_free(struct owner *owner)
{
	size_t position = 0;
	const void *key;
	void *value;

	if (owner == NULL)
		return NULL;
	while (owner->holdings != NULL && hash_next(owner->holdings, &position, &key, &value))
		owner_forget(owner, value);
	hash_free(owner->holdings);
	slab_free(owner->slab);
	free(owner);
	return NULL;
}

int64_t owner_tick(struct owner *owner)
{
	int64_t next = OWNER_NEVER;
	int64_t now = owner_monotonic(owner);
	size_t position = 0;
	const void *key;
	void *value;

	while (hash_next(owner->holdings, &position, &key, &value)) {
		int64_t wanted = owner_tend(owner, value);

		next = MINIMUM(next, wanted);
	}
	if (now - owner->pruned > PRUNE_EVERY) {
		owner->pruned = now;
		if (holding_prune(owner->rooms.database, owner_wall(owner) - PRUNE_AFTER) < 0)
			log_warning(TAG, "event=not-pruned cause=\"%s\"",
			            database_problem(owner->rooms.database));
	}
	return next;
}

size_t owner_holding_count(const struct owner *owner)
{
	return owner->live;
}

uint32_t owner_running(const struct owner *owner, uint32_t service)
{
	return service < OWNER_SERVICES ? owner->running[service] : 0;
}

const uint64_t *owner_refusals(const struct owner *owner)
{
	return owner->refusals;
}
