/* SPDX-License-Identifier: Apache-2.0 */
/* Programs at their owner: granted, refused, repeated, refreshed, released; and what a restart finds. */
#include "base/error.h"
#include "base/log.h"
#include "execute/owner_internal.h"
#include "wire/segment.h"
#include <string.h>

#define TAG "owner"

/* A packet in hand, with the run of this owner's instructions in it. */
struct arrival {
	const struct packet *packet;
	uint8_t *bytes; /* NULL: it ends here */
	size_t size;
	uint32_t index, count;
};

/* Appends the locator of a segment, unless it is that of the gateway before. */
static void add_hop(const uint8_t segment[16], const uint8_t before[16], uint32_t *count,
                    uint8_t hops[PLAN_HOPS][16])
{
	uint8_t locator[16] = {0};

	memcpy(locator, segment, GATEWAY_LOCATOR_BITS / 8);
	if (*count < PLAN_HOPS && !segment_within(locator, *count > 0 ? hops[*count - 1] : before))
		memcpy(hops[(*count)++], locator, sizeof(locator));
}

/*
 * The way back: gateways before us on the segment list, nearest first, the ingress left out. A packet that
 * came straight has none.
 */
static void find_way_back(const struct owner *owner, const struct arrival *arrival, struct owner_return *way)
{
	const struct packet *packet = arrival->packet;

	way->port = 0;
	way->hop_count = 0;
	memcpy(way->address, packet->source, sizeof(way->address));
	for (uint32_t i = arrival->index; i-- > 0;)
		if (memcmp(packet->segments[i], packet->source, GATEWAY_LOCATOR_BITS / 8) != 0)
			add_hop(packet->segments[i], owner->settings.locator, &way->hop_count, way->hops);
}

static bool has(const struct program *program, enum operation operation)
{
	for (uint32_t i = 0; i < program->instruction_count; i++)
		if (program->instructions[i].operation == operation)
			return true;
	return false;
}

/* A run with bandwidth: its blobs have the reserved path. */
static bool carries_blobs(const struct program *program)
{
	return has(program, OPERATION_EXECUTE) && has(program, OPERATION_RESERVE);
}

/* Whether a program has a flow that begins here: it is one end of the path. */
static bool begins_flow(const struct owner *owner, const struct program *program)
{
	struct gateway_identity self = owner->settings.identity;

	if (carries_blobs(program))
		return gateway_equal(program->ingress, self) ||
		       holding_instruction(program, self, OPERATION_EXECUTE) != NULL;
	return holding_instruction(program, self, OPERATION_ATTACH) != NULL;
}

/* Of the two ends of a path, the one that sends towards the site. */
static bool is_entry(const struct instruction *reserve)
{
	return reserve->reserve.rate > 0;
}

/* The way of a flow from here to the other end of the path. Returns the number of hops; 0: there is no flow.
 */
static uint32_t find_flow_way(const struct owner *owner, const struct arrival *arrival,
                              uint8_t hops[PLAN_HOPS][16])
{
	const struct packet *packet = arrival->packet;
	const struct instruction *reserve =
	        holding_instruction(&packet->program, owner->settings.identity, OPERATION_RESERVE);
	uint32_t count = 0;

	if (!begins_flow(owner, &packet->program) || reserve == NULL)
		return 0;
	if (is_entry(reserve))
		for (uint32_t i = arrival->index + arrival->count; i < packet->segment_count; i++)
			add_hop(packet->segments[i], owner->settings.locator, &count, hops);
	else
		for (uint32_t i = arrival->index; i-- > 0;)
			add_hop(packet->segments[i], owner->settings.locator, &count, hops);
	/* An ingress that was asked for nothing itself. */
	if (!is_entry(reserve) && carries_blobs(&packet->program))
		add_hop(packet->source, owner->settings.locator, &count, hops);
	return count;
}

/* Whose traffic a flow is; `far` is the locator of the path's other end. */
static void find_ends(const struct owner *owner, const struct program *program, const uint8_t far[16],
                      struct owner_flow *flow)
{
	const uint8_t *own = owner->settings.locator;
	const struct instruction *attach =
	        holding_instruction(program, owner->settings.identity, OPERATION_ATTACH);

	if (attach != NULL) {
		memcpy(flow->client, attach->attach.client, sizeof(flow->client));
		memcpy(flow->service, attach->attach.service, sizeof(flow->service));
	} else {
		segment_transfers_address(flow->entry ? own : far, flow->client);
		segment_program_address(flow->entry ? far : own, &program->identifier, flow->service);
	}
}

void owner_find_transfer(const struct owner *owner, const struct holding *holding,
                         const struct program *program, struct owner_transfer *ret_transfer)
{
	struct owner_transfer transfer = {.source = {0}};

	memcpy(transfer.ingress, holding->way.address, sizeof(transfer.ingress));
	if (carries_blobs(program) && !segment_within(transfer.ingress, owner->settings.locator)) {
		segment_transfers_address(holding->way.address, transfer.ingress);
		segment_program_address(owner->settings.locator, &program->identifier, transfer.source);
	}
	*ret_transfer = transfer;
}

int owner_attach(struct owner *owner, struct holding *holding, const struct program *program,
                 uint32_t hop_count, const uint8_t hops[][16])
{
	struct gateway_identity self = owner->settings.identity;
	const struct instruction *reserve = holding_instruction(program, self, OPERATION_RESERVE);
	struct owner_flow flow = {.program = holding->program, .hop_count = hop_count};
	int code;

	/* On a path of one gateway there is nothing to steer. */
	if (!begins_flow(owner, program) || reserve == NULL || hop_count == 0)
		return 0;
	flow.entry = is_entry(reserve);
	flow.toward = flow.entry ? reserve->reserve.toward : reserve->reserve.back;
	flow.rate = flow.entry ? reserve->reserve.rate : reserve->reserve.back_rate;
	flow.burst = flow.entry ? reserve->reserve.burst : reserve->reserve.back_burst;
	flow.class = reserve->reserve.class;
	find_ends(owner, program, hops[hop_count - 1], &flow);
	memcpy(flow.hops, hops, hop_count * sizeof(hops[0]));
	code = owner->ports.attach(owner->ports.context, &flow);
	holding->attached = code == 0;
	return code == BUSBAR_ERROR_NOT_SUPPORTED && carries_blobs(program) ? 0 : code;
}

void owner_detach(struct owner *owner, struct holding *holding)
{
	if (holding->attached)
		owner->ports.detach(owner->ports.context, &holding->program);
	holding->attached = false;
}

/* One instruction of a new program against the book. 0, or the refusal's code with *refusal filled. */
static int take_instruction(struct owner *owner, struct holding *holding, const struct program *program,
                            const struct instruction *instruction, struct book_refusal *refusal)
{
	int code;

	switch (instruction->operation) {
	case OPERATION_RESERVE:
		return book_reserve(owner->rooms.book, &program->identifier, program->ingress,
		                    &instruction->reserve, holding->granted, refusal);
	case OPERATION_CLAIM:
		return book_claim(owner->rooms.book, &program->identifier, program->ingress,
		                  &instruction->claim, holding->granted, refusal);
	case OPERATION_EXECUTE:
		code = owner_check_execute(owner, program, &instruction->execute);
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
	case OPERATION_ATTACH:
		return 0; /* when all else is granted */
	case OPERATION_FORWARD:
	case OPERATION_RELEASE:
	case OPERATION_REFRESH:
	case OPERATIONS:
		break;
	}
	refusal->error = BUSBAR_ERROR_STATE;
	return refusal->error;
}

static int keep_program(struct owner *owner, struct holding *holding, const struct program *program)
{
	uint8_t octets[PACKET_MAXIMUM];
	int size = packet_encode_program(program, octets, sizeof(octets));

	return size < 0 ? size : keep_octets(owner->keep, octets, (size_t)size, &holding->octets);
}

/* Keeps and writes what was granted, and lets its flow begin. */
static int confirm_grant(struct owner *owner, struct holding *holding, const struct arrival *arrival)
{
	const struct packet *packet = arrival->packet;
	uint8_t hops[PLAN_HOPS][16];
	uint32_t hop_count = 0;
	int code = keep_program(owner, holding, &packet->program);

	if (code == 0)
		code = keep_octets(owner->keep, packet->payload, packet->payload_size, &holding->payload);
	if (code == 0)
		hop_count = find_flow_way(owner, arrival, hops);
	if (code == 0)
		code = owner_attach(owner, holding, &packet->program, hop_count, (const uint8_t(*)[16])hops);
	if (code < 0)
		return code;
	code = holding_insert(owner->rooms.database, holding, hop_count, (const uint8_t(*)[16])hops);
	holding->written = code == 0;
	if (code < 0)
		owner_detach(owner, holding);
	return code;
}

/* Grants a new program everything it asks of this owner, or nothing. */
static int grant(struct owner *owner, struct holding *holding, const struct arrival *arrival,
                 struct book_refusal *refusal)
{
	const struct program *program = &arrival->packet->program;
	const struct book_holding *held;
	int code = 0;

	for (uint32_t i = arrival->index; i < arrival->index + arrival->count && code >= 0; i++)
		code = take_instruction(owner, holding, program, &program->instructions[i], refusal);
	if (code < 0)
		return code;
	held = book_find(owner->rooms.book, &holding->program);
	holding->expires = held != NULL ? held->expires : program->expires;
	/* Between the two halves of one gateway no grant is lost, and if nobody else is asked it stands. */
	holding->confirmed = gateway_equal(program->ingress, owner->settings.identity) &&
	                     arrival->count == program->instruction_count;
	code = confirm_grant(owner, holding, arrival);
	refusal->error = code;
	return code;
}

/* Sends the packet to the segment after this owner's, if there is one. */
static void send_on(struct owner *owner, const struct arrival *arrival)
{
	int code;

	if (arrival->packet->segments_left < arrival->count || arrival->bytes == NULL)
		return;
	code = packet_advance(arrival->bytes, arrival->size, arrival->count);
	if (code < 0) {
		log_warning(TAG, "event=not-forwarded cause=\"%s\"", error_text(code));
		return;
	}
	owner->ports.forward(owner->ports.context, arrival->bytes, arrival->size);
}

/*
 * The ingress goes elsewhere on a refusal: a copy of the program that is still on the way must not be granted
 * when something has become free meanwhile.
 */
static void remember_refusal(struct owner *owner, struct holding *holding, const struct book_refusal *refusal)
{
	holding->refused = true;
	holding->refusal = *refusal;
	holding->state = HOLDING_ENDED;
	holding->expires = holding->valid;
	keep_drop(owner->keep, &holding->octets);
	keep_drop(owner->keep, &holding->payload);
	owner_schedule(owner, holding);
}

/* A refusal of what is not in the table. */
static void refuse_stranger(struct owner *owner, const struct arrival *arrival, int error)
{
	const struct book_refusal refusal = {.error = error};
	struct holding stranger = {.program = arrival->packet->program.identifier,
	                           .arrived = owner_monotonic(owner)};

	find_way_back(owner, arrival, &stranger.way);
	owner_answer_refusal(owner, &stranger, &refusal);
}

/* Nothing is said of a refusal that a restart would forget: the program comes again. */
static bool is_noted(struct owner *owner, const struct program *program)
{
	int code = refused_note(&owner->refused, program->expires);

	if (code < 0)
		log_error(TAG, "event=refusal-not-saved cause=\"%s\"", error_text(code));
	return code >= 0;
}

/* A refusal of what could be granted later: it must not be. */
static void refuse_for_good(struct owner *owner, const struct arrival *arrival, int error)
{
	const struct program *program = &arrival->packet->program;

	if (past_put(owner->past, &program->identifier, program->expires, owner_wall(owner)) < 0)
		refused_widen(&owner->refused, program->expires);
	if (is_noted(owner, program))
		refuse_stranger(owner, arrival, error);
}

static void receive_new(struct owner *owner, const struct arrival *arrival)
{
	const struct program *program = &arrival->packet->program;
	struct book_refusal refusal = {0};
	struct holding *holding = NULL;

	/* What is held must be able to end in the journal: when that is crowded, nothing new begins. */
	if (owner->live < owner->settings.holdings && !database_crowded(owner->rooms.database))
		holding = owner_add(owner, program);
	if (holding == NULL) {
		refuse_for_good(owner, arrival, BUSBAR_ERROR_TABLE_FULL);
		return;
	}
	holding->arrived = owner_monotonic(owner);
	holding->granted = owner_wall(owner);
	find_way_back(owner, arrival, &holding->way);
	if (grant(owner, holding, arrival, &refusal) < 0) {
		(void)book_release(owner->rooms.book, &holding->program, NULL);
		remember_refusal(owner, holding, &refusal);
		if (is_noted(owner, program))
			owner_answer_refusal(owner, holding, &refusal);
		return;
	}
	owner->live++;
	owner_schedule(owner, holding);
	owner->ports.changed(owner->ports.context);
	if (holding->executes)
		owner_answer(owner, holding, ANSWER_ACCEPTED);
	else
		owner_answer_grant(owner, holding, program);
	send_on(owner, arrival);
	if (holding->executes)
		owner_stage(owner, holding);
}

static bool same_program(const struct holding *holding, const struct program *program)
{
	uint8_t octets[PACKET_MAXIMUM];
	int size = packet_encode_program(program, octets, sizeof(octets));

	return size > 0 && (uint32_t)size == holding->octets.size &&
	       memcmp(octets, holding->octets.octets, (size_t)size) == 0;
}

/* A program that is known here: says again how it stands, and lets it pass on to owners that may not know it.
 */
static void receive_again(struct owner *owner, struct holding *holding, const struct arrival *arrival)
{
	struct book_refusal refusal = {.error = BUSBAR_ERROR_REPLAYED};

	holding->arrived = owner_monotonic(owner);
	find_way_back(owner, arrival, &holding->way); /* another one, where the path has failed */
	if (holding->refused) {
		if (is_noted(owner, &arrival->packet->program))
			owner_answer_refusal(owner, holding, &holding->refusal);
		return;
	}
	if (holding->state == HOLDING_ENDED && !holding->executes) {
		owner_answer_receipt(owner, holding);
		return;
	}
	if (!same_program(holding, &arrival->packet->program)) {
		owner_answer_refusal(owner, holding, &refusal);
		return;
	}
	switch (holding->state) {
	case HOLDING_HELD:
		owner_answer_grant(owner, holding, &arrival->packet->program);
		send_on(owner, arrival);
		break;
	case HOLDING_STAGING:
	case HOLDING_RUNNING:
		owner_answer(owner, holding, ANSWER_RUNNING);
		break;
	case HOLDING_ENDED:
		if (holding->delivering) /* there is a result when the output is there */
			owner_answer(owner, holding, ANSWER_RUNNING);
		else
			owner_answer_result(owner, holding);
		owner_answer_receipt(owner, holding);
		break;
	case HOLDING_STATES:
		break;
	}
}

static void receive_program(struct owner *owner, struct holding *holding, const struct arrival *arrival)
{
	const struct program *program = &arrival->packet->program;
	int64_t now = owner_wall(owner);

	if (holding != NULL)
		receive_again(owner, holding, arrival);
	else if (now > program->expires)
		refuse_stranger(owner, arrival, BUSBAR_ERROR_EXPIRED);
	else if (program->expires > now + OWNER_VALID)
		refuse_stranger(owner, arrival, BUSBAR_ERROR_BAD_VALUE);
	else if (past_has(owner->past, &program->identifier, now))
		return;
	else if (program->expires > owner->refused.until)
		receive_new(owner, arrival);
	else if (is_noted(owner, program)) /* it may have been refused before */
		refuse_stranger(owner, arrival, BUSBAR_ERROR_LOST);
}

/* A release for a program that never came: remembered, so that the program cannot come later. */
static struct holding *bury(struct owner *owner, const struct arrival *arrival)
{
	struct holding *holding = owner_add(owner, &arrival->packet->program);

	if (holding == NULL)
		return NULL;
	if (keep_program(owner, holding, &arrival->packet->program) < 0) {
		owner_forget(owner, holding);
		return NULL;
	}
	find_way_back(owner, arrival, &holding->way);
	holding->granted = owner_wall(owner);
	holding->expires = holding->granted;
	owner->live++;
	return holding;
}

/* What was acknowledged is asked for again when the ingress lost its memory of that. */
static void answer_from_past(struct owner *owner, const struct arrival *arrival)
{
	struct holding past = {.program = arrival->packet->program.identifier};

	find_way_back(owner, arrival, &past.way);
	owner_answer_receipt(owner, &past);
}

static void receive_release(struct owner *owner, struct holding *holding, const struct arrival *arrival)
{
	const struct program *program = &arrival->packet->program;

	if (owner_wall(owner) > program->expires) {
		owner->refusals[error_index(BUSBAR_ERROR_EXPIRED)]++;
		return;
	}
	if (holding != NULL && holding->refused) {
		owner_forget(owner, holding);
		holding = NULL;
	}
	if (holding != NULL) /* it comes straight, since the path may have failed: so does the receipt */
		find_way_back(owner, arrival, &holding->way);
	if (holding == NULL && past_has(owner->past, &program->identifier, owner_wall(owner))) {
		answer_from_past(owner, arrival);
	} else {
		if (holding == NULL)
			holding = bury(owner, arrival);
		if (holding != NULL)
			owner_release(owner, holding, program->instructions[arrival->index].release);
	}
	send_on(owner, arrival);
}

/* Moves the end of what is held on. NOT_FOUND when it is over, also if that has not been noticed yet. */
static int refresh(struct owner *owner, struct holding *holding, int64_t time)
{
	int64_t before;
	bool confirmed;
	int code;

	if (holding == NULL || holding->state != HOLDING_HELD || holding->ended != 0)
		return BUSBAR_ERROR_NOT_FOUND;
	code = book_refresh(owner->rooms.book, &holding->program, time, owner_wall(owner));
	if (code < 0)
		return code;
	before = holding->expires;
	confirmed = holding->confirmed;
	holding->expires = book_find(owner->rooms.book, &holding->program)->expires;
	holding->confirmed = true;
	if (!confirmed || holding->expires > before)
		code = holding_write_refresh(owner->rooms.database, holding);
	if (code < 0) {
		holding->expires = before;
		holding->confirmed = confirmed;
	}
	owner_schedule(owner, holding);
	return code;
}

static void receive_refresh(struct owner *owner, struct holding *holding, const struct arrival *arrival)
{
	const struct program *program = &arrival->packet->program;
	int64_t now = owner_wall(owner);
	int code;

	if (now > program->expires || program->expires > now + OWNER_VALID) {
		owner->refusals[error_index(BUSBAR_ERROR_EXPIRED)]++;
		return;
	}
	code = refresh(owner, holding, program->instructions[arrival->index].refresh.time);
	if (code < 0) {
		refuse_stranger(owner, arrival, code);
		return;
	}
	holding->arrived = owner_monotonic(owner);
	owner_answer_grant(owner, holding, program);
	send_on(owner, arrival);
}

void owner_receive(struct owner *owner, const struct packet *packet, uint8_t *bytes, size_t size)
{
	const struct program *program = &packet->program;
	struct holding *holding = hash_get(owner->holdings, program->identifier.octets);
	struct arrival arrival = {.packet = packet,
	                          .bytes = bytes,
	                          .size = size,
	                          .index = packet->segment_count - 1 - packet->segments_left};

	while (arrival.index + arrival.count < program->instruction_count &&
	       gateway_equal(program->instructions[arrival.index + arrival.count].at,
	                     owner->settings.identity))
		arrival.count++;
	if (arrival.count == 0) {
		owner->refusals[error_index(BUSBAR_ERROR_MALFORMED)]++;
		return;
	}
	/* A program is its ingress's own: nobody else releases or repeats it. */
	if (holding != NULL && !gateway_equal(holding->ingress, program->ingress)) {
		owner->refusals[error_index(BUSBAR_ERROR_REPLAYED)]++;
		return;
	}
	switch (program->instructions[arrival.index].operation) {
	case OPERATION_RELEASE:
		receive_release(owner, holding, &arrival);
		break;
	case OPERATION_REFRESH:
		receive_refresh(owner, holding, &arrival);
		break;
	default:
		receive_program(owner, holding, &arrival);
		break;
	}
}

/* A restart. */

static int restore_to_book(struct owner *owner, const struct holding *holding, const struct program *program)
{
	struct gateway_identity self = owner->settings.identity;
	const struct instruction *reserve = holding_instruction(program, self, OPERATION_RESERVE);
	const struct instruction *claim = holding_instruction(program, self, OPERATION_CLAIM);
	struct book_holding held = {.program = holding->program,
	                            .ingress = holding->ingress,
	                            .granted = holding->granted,
	                            .expires = holding->expires,
	                            .reserved = reserve != NULL,
	                            .claimed = claim != NULL && holding->state != HOLDING_ENDED};

	if (held.reserved)
		held.reserve = reserve->reserve;
	if (held.claimed)
		held.claim = claim->claim;
	return book_restore(owner->rooms.book, &held);
}

/* To the book and to the kernel. */
static int restore(struct owner *owner, struct holding *holding, const struct holding_row *row)
{
	int code = restore_to_book(owner, holding, &row->program);

	return code < 0 ? code
	                : owner_attach(owner, holding, &row->program, row->hop_count,
	                               (const uint8_t(*)[16])row->hops);
}

/* An output that was not delivered yet goes on by its path. */
static void take_up_path(struct owner *owner, struct holding *holding, const struct holding_row *row)
{
	if (!holding->result_due || !owner_has_output(holding) || row->hop_count == 0 ||
	    owner_wall(owner) >= holding->expires)
		return;
	if (restore(owner, holding, row) < 0 || !holding->attached)
		owner_let_go(owner, holding);
}

/* What is held returns; a run died with the daemon before this one. */
static void take_up_live(struct owner *owner, struct holding *holding, const struct holding_row *row)
{
	int code = BUSBAR_ERROR_LOST;

	owner->live++;
	if (holding->state == HOLDING_HELD && !holding->executes) {
		code = restore(owner, holding, row);
		if (code == 0)
			return;
		/* This gateway no longer has what it once granted. */
		log_warning(TAG, "event=not-restored cause=\"%s\"", error_text(code));
		holding->ended = MINIMUM(owner_wall(owner), holding->expires);
	} else {
		/* Billed up to the last checkpoint. */
		holding->ended = holding->granted + holding->usage.wall;
	}
	holding->error = BUSBAR_ERROR_LOST;
}

static int take_up(void *context, struct holding_row *row)
{
	struct owner *owner = context;
	const struct kept octets = row->holding.octets;
	struct heap_node due;
	struct holding *holding;
	int code;

	if (row->holding.state == HOLDING_ENDED && !row->holding.result_due && !row->holding.receipt_due)
		return past_put(owner->past, &row->holding.program, owner_wall(owner) + OWNER_PAST_TIME,
		                owner_wall(owner));
	holding = owner_add(owner, &row->program);
	if (holding == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	due = holding->due;
	*holding = row->holding;
	holding->due = due;
	holding->octets = (struct kept){0};
	code = keep_octets(owner->keep, octets.octets, octets.size, &holding->octets);
	if (code < 0)
		return code;
	holding->service = OWNER_SERVICES;
	holding->checkpoint_at = OWNER_NEVER;
	holding->repeat_at = OWNER_NEVER;
	holding->repeat_after = OWNER_REPEAT_FIRST;
	if (holding->state != HOLDING_ENDED)
		take_up_live(owner, holding, row);
	else
		take_up_path(owner, holding, row);
	if (holding->ended != 0)
		holding->repeat_at = owner_monotonic(owner);
	owner_schedule(owner, holding);
	return 0;
}

int owner_take_up(struct owner *owner)
{
	return holding_each(owner->rooms.database, take_up, owner);
}
