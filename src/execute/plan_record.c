/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/plan_record.h"

#include "base/cursor.h"
#include "base/error.h"
#include <string.h>

enum { RECORD_VERSION = 1 };

static void put_identity(struct writer *writer, struct gateway_identity identity)
{
	writer_u32(writer, identity.site);
	writer_u16(writer, identity.gateway);
}

static struct gateway_identity get_identity(struct cursor *cursor)
{
	struct gateway_identity identity = {.site = cursor_u32(cursor)};

	identity.gateway = cursor_u16(cursor);
	return identity;
}

/* The numbers of a part, in the order of the record. */
enum { NUMBERS = 12 };

static void list_numbers(struct plan_part *part, int64_t *numbers[NUMBERS])
{
	int64_t *const list[NUMBERS] = {
	        &part->path.bound_up, &part->path.bound_down, &part->start,   &part->time,
	        &part->limit,         &part->reserve,         &part->network, &part->respond,
	        &part->finish,        &part->price,           &part->tariff,  &part->hold,
	};

	memcpy(numbers, list, sizeof(list));
}

static void put_path(struct writer *writer, const struct plan_path *path)
{
	writer_u8(writer, path->measured ? 1 : 0);
	writer_u8(writer, (uint8_t)path->class);
	writer_u8(writer, (uint8_t)path->hop_count);
	for (uint32_t i = 0; i < path->hop_count; i++)
		put_identity(writer, path->hops[i]);
}

static void get_path(struct cursor *cursor, struct plan_path *path)
{
	path->measured = cursor_u8(cursor) != 0;
	path->class = cursor_u8(cursor);
	path->hop_count = cursor_u8(cursor);
	if (path->hop_count > PLAN_HOPS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	for (uint32_t i = 0; cursor->error == 0 && i < path->hop_count; i++)
		path->hops[i] = get_identity(cursor);
}

static void put_claims(struct writer *writer, const struct plan_part *part)
{
	writer_u8(writer, (uint8_t)part->claim_count);
	for (uint32_t i = 0; i < part->claim_count; i++) {
		writer_u8(writer, (uint8_t)part->claims[i].kind);
		writer_u64(writer, part->claims[i].amount);
		writer_u64(writer, (uint64_t)part->claims[i].price);
		writer_u64(writer, (uint64_t)part->claims[i].tariff);
	}
}

static void get_claims(struct cursor *cursor, struct plan_part *part)
{
	part->claim_count = cursor_u8(cursor);
	if (part->claim_count > PLAN_CLAIMS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	for (uint32_t i = 0; cursor->error == 0 && i < part->claim_count; i++) {
		part->claims[i].kind = (enum resource_kind)cursor_u8(cursor);
		if ((unsigned)part->claims[i].kind >= RESOURCE_KINDS)
			cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		part->claims[i].amount = cursor_u64(cursor);
		part->claims[i].price = (money)cursor_u64(cursor);
		part->claims[i].tariff = (money)cursor_u64(cursor);
	}
}

static void put_reason(struct writer *writer, const struct plan_reason *reason)
{
	put_identity(writer, reason->site);
	writer_u8(writer, (uint8_t)reason->kind);
	writer_u8(writer, (uint8_t)reason->resource);
	put_identity(writer, reason->link);
	writer_u64(writer, (uint64_t)reason->have);
	writer_u64(writer, (uint64_t)reason->need);
	writer_u32(writer, (uint32_t)reason->error);
}

static void get_reason(struct cursor *cursor, struct plan_reason *reason)
{
	reason->site = get_identity(cursor);
	reason->kind = (enum plan_reason_kind)cursor_u8(cursor);
	reason->resource = (enum resource_kind)cursor_u8(cursor);
	if ((unsigned)reason->kind >= REASON_KINDS || (unsigned)reason->resource >= RESOURCE_KINDS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	reason->link = get_identity(cursor);
	reason->have = (int64_t)cursor_u64(cursor);
	reason->need = (int64_t)cursor_u64(cursor);
	reason->error = (int)cursor_u32(cursor);
}

int plan_record_encode(const struct plan *plan, const struct plan_part *part, uint8_t *buffer,
                       size_t capacity)
{
	struct writer writer = writer_open(buffer, MINIMUM(capacity, (size_t)PLAN_RECORD_OCTETS));
	uint32_t reasons = part == plan->parts ? plan->reason_count : 0;
	struct plan_part numbered = *part;
	int64_t *numbers[NUMBERS];

	writer_u8(&writer, RECORD_VERSION);
	put_identity(&writer, part->site);
	put_path(&writer, &part->path);
	put_claims(&writer, part);
	list_numbers(&numbered, numbers);
	for (unsigned i = 0; i < NUMBERS; i++)
		writer_u64(&writer, (uint64_t)*numbers[i]);
	writer_u8(&writer, (uint8_t)reasons);
	for (uint32_t i = 0; i < reasons; i++)
		put_reason(&writer, &plan->reasons[i]);
	return writer.error != 0 ? writer.error : (int)writer_size(&writer);
}

int plan_record_decode(const uint8_t *bytes, size_t size, struct plan_record *ret_record)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct plan_part *part = &ret_record->part;
	struct plan *plan = &ret_record->plan;
	int64_t *numbers[NUMBERS];

	*ret_record = (struct plan_record){.plan = {.part_count = 1}};
	plan->parts = part;
	if (cursor_u8(&cursor) != RECORD_VERSION)
		return BUSBAR_ERROR_VERSION;
	part->site = get_identity(&cursor);
	get_path(&cursor, &part->path);
	get_claims(&cursor, part);
	list_numbers(part, numbers);
	for (unsigned i = 0; i < NUMBERS; i++)
		*numbers[i] = (int64_t)cursor_u64(&cursor);
	plan->reason_count = cursor_u8(&cursor);
	if (plan->reason_count > PLAN_REASONS)
		cursor_fail(&cursor, BUSBAR_ERROR_MALFORMED);
	for (uint32_t i = 0; cursor.error == 0 && i < plan->reason_count; i++)
		get_reason(&cursor, &plan->reasons[i]);
	return cursor_finish(&cursor);
}
