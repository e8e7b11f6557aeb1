/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How programs leave their ingress: along their path, or, when that may have failed, straight to the site
 * that is asked what became of one.
 */
#include "base/error.h"
#include "base/log.h"
#include "compile/compile.h"
#include "execute/task_internal.h"
#include <string.h>

#define TAG "attempt"

static bool ends_here(const struct tasks *tasks, const struct program *program)
{
	for (uint32_t i = 0; i < program->instruction_count; i++)
		if (!gateway_equal(program->instructions[i].at, tasks->settings.identity))
			return false;
	return true;
}

/* Hands a packet that has its segments to the network, at the `first` of them. */
static int hand_over(struct tasks *tasks, struct packet *packet, uint32_t first, const void *payload,
                     size_t payload_size)
{
	const struct program *program = &packet->program;
	uint8_t bytes[PACKET_MAXIMUM];
	int size, code;

	memcpy(packet->source, tasks->settings.address, sizeof(packet->source));
	memcpy(packet->destination, packet->segments[first], sizeof(packet->destination));
	packet->segment_count = program->instruction_count;
	packet->segments_left = (uint8_t)(program->instruction_count - 1 - first);
	packet->key = seal_first(tasks->rooms.ring)->identifier;
	packet->payload = payload;
	packet->payload_size = payload_size;
	if (ends_here(tasks, program)) {
		tasks->ports.send(tasks->ports.context, packet, NULL, 0);
		return 0;
	}
	size = packet_encode(program, (const uint8_t(*)[16])packet->segments, packet->source,
	                     seal_first(tasks->rooms.ring), payload, payload_size, bytes, sizeof(bytes));
	code = size < 0 || first == 0 ? size : packet_advance(bytes, (size_t)size, first);
	if (code >= 0)
		tasks->ports.send(tasks->ports.context, packet, bytes, (size_t)size);
	return MINIMUM(code, 0);
}

/* Where a path only passes this gateway first, as it may when the client is at another, it is there already.
 */
static uint32_t first_segment(const struct tasks *tasks, const struct program *program)
{
	uint32_t first = 0;

	while (first + 1 < program->instruction_count &&
	       program->instructions[first].operation == OPERATION_FORWARD &&
	       gateway_equal(program->instructions[first].at, tasks->settings.identity))
		first++;
	return first;
}

int attempt_transmit(struct tasks *tasks, struct packet *packet, const void *payload, size_t payload_size)
{
	int code = compile_segments(&packet->program, tasks->rooms.view, packet->segments);

	if (code == 0)
		code = hand_over(tasks, packet, first_segment(tasks, &packet->program), payload,
		                 payload_size);
	if (code < 0)
		log_notice(TAG, "event=not-sent cause=\"%s\"", error_text(code));
	return code;
}

/* The path may be what failed, and an owner on it knows nothing of a program that it did not take. */
static int ask_site(struct tasks *tasks, const struct attempt *attempt, struct packet *packet,
                    const void *payload, size_t payload_size)
{
	uint32_t first;
	int code = compile_straight(&packet->program, attempt->site, tasks->rooms.view, packet->segments,
	                            &first);

	if (code == 0)
		code = hand_over(tasks, packet, first, payload, payload_size);
	if (code < 0)
		log_notice(TAG, "event=not-asked cause=\"%s\"", error_text(code));
	return code;
}

static bool takes_input(const struct program *program)
{
	for (uint32_t i = 0; i < program->instruction_count; i++)
		if (program->instructions[i].operation == OPERATION_EXECUTE)
			return program->instructions[i].execute.inlined;
	return false;
}

/* The input goes along every time: which copy is taken is not known. */
int attempt_transmit_program(struct tasks *tasks, const struct attempt *attempt)
{
	const uint8_t *input = NULL;
	size_t input_size = 0;
	struct packet packet;
	struct demand demand;
	int code = attempt_program(attempt, &packet.program);

	if (code == 0 && takes_input(&packet.program)) {
		code = task_demand(tasks, attempt->task, &demand);
		input = demand.input;
		input_size = demand.input_size;
	}
	if (code < 0)
		return code;
	return attempt->straight ? ask_site(tasks, attempt, &packet, input, input_size)
	                         : attempt_transmit(tasks, &packet, input, input_size);
}
