/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/load_codec.h"

#include "base/error.h"
#include "wire/field.h"
#include <string.h>

enum { LOAD_VERSION = 1, LINK_MOST = 6 + 9 + 9 };

static void put_head(struct writer *writer, const struct site_load *load)
{
	writer_u8(writer, LOAD_VERSION);
	field_put_somebody(writer, load->identity);
	field_put_number(writer, (uint64_t)load->measured);
	field_put_number(writer, (uint64_t)load->validity);
	field_put_number(writer, load->running);
	field_put_number(writer, load->waiting);
	field_put_number(writer, (uint64_t)load->wait);
}

static void put_resources(struct writer *writer, const struct site_load *load)
{
	if (load->resource_count > RESOURCE_KINDS)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, (uint8_t)load->resource_count);
	for (uint32_t i = 0; i < load->resource_count && writer->error == 0; i++) {
		const struct load_resource *resource = &load->resources[i];

		if (i > 0 && resource->kind <= load->resources[i - 1].kind)
			field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
		field_put_choice(writer, resource->kind, RESOURCE_KINDS);
		field_put_number(writer, resource->free);
		field_put_number(writer, (uint64_t)resource->base);
	}
}

/* False when it does not fit any more. */
static bool put_link(struct writer *writer, const struct load_link *link)
{
	uint8_t bytes[LINK_MOST];
	struct writer one = writer_open(bytes, sizeof(bytes));

	field_put_somebody(&one, link->toward);
	field_put_number(&one, link->free);
	field_put_number(&one, (uint64_t)link->base);
	if (one.error != 0)
		field_fail(writer, one.error);
	if (writer->error != 0 || writer_size(&one) > (size_t)(writer->end - writer->next))
		return false;
	writer_bytes(writer, bytes, writer_size(&one));
	return true;
}

static void put_links(struct writer *writer, const struct site_load *load)
{
	size_t count_at = writer_size(writer);
	uint32_t count = 0;

	if (load->link_count > SITE_LINKS)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, 0);
	while (count < load->link_count && put_link(writer, &load->links[count]))
		count++;
	if (writer->error == 0)
		writer_patch_u8(writer, count_at, (uint8_t)count);
}

int load_codec_encode(const struct site_load *load, uint8_t *room, size_t size)
{
	struct writer writer = writer_open(room, size);

	put_head(&writer, load);
	put_resources(&writer, load);
	put_links(&writer, load);
	memset(writer.error == 0 ? writer.next : room, 0,
	       writer.error == 0 ? (size_t)(writer.end - writer.next) : size);
	return writer.error;
}

static void get_resources(struct cursor *cursor, struct site_load *load)
{
	load->resource_count = field_choice(cursor, RESOURCE_KINDS + 1);
	for (uint32_t i = 0; i < load->resource_count && cursor->error == 0; i++) {
		struct load_resource *resource = &load->resources[i];

		resource->kind = (enum resource_kind)field_choice(cursor, RESOURCE_KINDS);
		resource->free = field_number(cursor, INT64_MAX);
		resource->base = (money)field_number(cursor, INT64_MAX);
		if (i > 0 && resource->kind <= load->resources[i - 1].kind)
			cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	}
}

static void get_links(struct cursor *cursor, struct site_load *load)
{
	load->link_count = field_choice(cursor, SITE_LINKS + 1);
	for (uint32_t i = 0; i < load->link_count && cursor->error == 0; i++) {
		struct load_link *link = &load->links[i];

		link->toward = field_somebody(cursor);
		link->free = field_number(cursor, INT64_MAX);
		link->base = (money)field_number(cursor, INT64_MAX);
	}
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	uint8_t all = 0;

	for (size_t i = 0; i < size; i++)
		all |= bytes[i];
	return all == 0;
}

int load_codec_decode(const uint8_t *room, size_t size, struct site_load *ret_load)
{
	struct cursor cursor = cursor_open(room, size);
	struct site_load load = {.measured = 0};
	uint8_t version = cursor_u8(&cursor);

	if (cursor.error == 0 && version != LOAD_VERSION && version != 0)
		cursor_fail(&cursor, BUSBAR_ERROR_VERSION);
	if (version != 0) {
		load.identity = field_somebody(&cursor);
		load.measured = (int64_t)field_number(&cursor, INT64_MAX);
		load.validity = (int64_t)field_number(&cursor, INT64_MAX);
		load.running = (uint32_t)field_number(&cursor, UINT32_MAX);
		load.waiting = (uint32_t)field_number(&cursor, UINT32_MAX);
		load.wait = (int64_t)field_number(&cursor, INT64_MAX);
		get_resources(&cursor, &load);
		get_links(&cursor, &load);
	}
	if (!is_zero(cursor.next, cursor_left(&cursor)))
		cursor_fail(&cursor, BUSBAR_ERROR_MALFORMED);
	if (cursor.error == 0 && version == 0)
		cursor_fail(&cursor, BUSBAR_ERROR_MISSING_FIELD);
	if (cursor.error != 0)
		return cursor.error;
	*ret_load = load;
	return 0;
}
