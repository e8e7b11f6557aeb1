/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/edge_metadata.h"

#include "base/cursor.h"
#include "base/error.h"
#include "wire/field.h"

enum {
	TYPE_PREFERENCE = 1,
	TYPE_AVAILABILITY,
	TYPE_DELAY,
	TYPE_MEASUREMENT,
	TYPE_CAPABILITY,
	TYPE_RESOURCE,
	TYPE_SCOPE,
};
enum { MEASUREMENT_TRAFFIC = 1, TRAFFIC_SIZE = 13, TRAFFIC_SIZE_STATED = 22 };
enum { WORD_SIZE = 5, LONG_SIZE = 9, SCOPE_SIZE_STATED = 6 };
/* Flags in the first octet of a value. */
enum { FLAG_ASSOCIATE = 0x80, FLAG_RELATIVE = 0x80, FLAG_LONG = 0x40, FLAG_OCTETS = 0x80, FLAG_SHARE = 0x80 };
enum { METRIC_TYPE = 0x0f, SHORT_FRACTION = 16, LONG_FRACTION = 32 };
#define SECOND UINT64_C(1000000000)

/* A sub-TLV: the values that it can bring, how long it may be, how it is read and written. */
struct sub_tlv {
	uint16_t type;
	uint8_t least, most;
	uint32_t fields;
	void (*read)(struct cursor *value, uint8_t flags, struct edge_metadata *metadata);
	/* The first octet, then the rest; `field` is one of `fields`. */
	void (*write)(struct writer *writer, const struct edge_metadata *metadata, uint32_t field);
};

/* Notes a value unless one of its kind came before. True when the caller is to fill it in. */
static bool is_first(struct edge_metadata *metadata, uint32_t field)
{
	bool first = !(metadata->present & field);

	metadata->present |= field;
	return first;
}

static void put_percent(struct writer *writer, uint32_t percent)
{
	if (percent > EDGE_PERCENT)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
}

static void get_preference(struct cursor *value, uint8_t flags, struct edge_metadata *metadata)
{
	uint32_t preference = cursor_u32(value);

	if (preference != 0 && is_first(metadata, EDGE_PREFERENCE))
		metadata->preference = preference;
}

static void put_preference(struct writer *writer, const struct edge_metadata *metadata, uint32_t field)
{
	if (metadata->preference == 0)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, 0);
	writer_u32(writer, metadata->preference);
}

static void get_availability(struct cursor *value, uint8_t flags, struct edge_metadata *metadata)
{
	uint16_t group = cursor_u16(value), percent = cursor_u16(value);

	if (flags & FLAG_ASSOCIATE) {
		if (is_first(metadata, EDGE_GROUP))
			metadata->group = group;
	} else if (percent <= EDGE_PERCENT && is_first(metadata, EDGE_AVAILABILITY)) {
		metadata->available_group = group;
		metadata->availability = percent;
	}
}

static void put_availability(struct writer *writer, const struct edge_metadata *metadata, uint32_t field)
{
	bool associate = field == EDGE_GROUP;

	if (!associate)
		put_percent(writer, metadata->availability);
	writer_u8(writer, associate ? FLAG_ASSOCIATE : 0);
	writer_u16(writer, associate ? metadata->group : metadata->available_group);
	writer_u16(writer, associate ? 0 : metadata->availability);
}

/* Seconds with a binary fraction of so many bits, in ns: rounded down, for what comes back is rounded up. */
static int64_t from_fixed(uint64_t fixed, int fraction)
{
	return (int64_t)(((unsigned __int128)fixed * SECOND) >> fraction);
}

static unsigned __int128 to_fixed(int64_t time, int fraction)
{
	return (((unsigned __int128)(uint64_t)time << fraction) + SECOND - 1) / SECOND;
}

/*
 * Four octets with L are milliseconds and without it NTP's short format, eight are its long one: of the
 * draft's two readings of L each is then the only one that fits.
 */
static void get_delay(struct cursor *value, uint8_t flags, struct edge_metadata *metadata)
{
	bool wide = cursor_left(value) == sizeof(uint64_t);
	uint64_t number = wide ? cursor_u64(value) : cursor_u32(value);

	if (flags & FLAG_RELATIVE) {
		if (number <= EDGE_PERCENT && is_first(metadata, EDGE_RELATIVE_DELAY))
			metadata->relative_delay = (uint32_t)number;
	} else if (is_first(metadata, EDGE_DELAY)) {
		if (!wide && flags & FLAG_LONG)
			metadata->delay = (int64_t)(number * (SECOND / 1000));
		else
			metadata->delay = from_fixed(number, wide ? LONG_FRACTION : SHORT_FRACTION);
	}
}

static void put_delay(struct writer *writer, const struct edge_metadata *metadata, uint32_t field)
{
	unsigned __int128 brief = to_fixed(metadata->delay, SHORT_FRACTION),
	                  wide = to_fixed(metadata->delay, LONG_FRACTION);

	if (field == EDGE_RELATIVE_DELAY) {
		put_percent(writer, metadata->relative_delay);
		writer_u8(writer, FLAG_RELATIVE);
		writer_u32(writer, metadata->relative_delay);
		return;
	}
	if (metadata->delay < 0 || wide > UINT64_MAX)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, 0);
	if (brief <= UINT32_MAX)
		writer_u32(writer, (uint32_t)brief);
	else
		writer_u64(writer, (uint64_t)wide);
}

static void get_traffic(struct cursor *value, struct edge_metadata *metadata)
{
	uint8_t flags = cursor_u8(value);
	uint32_t period = cursor_u32(value), toward = cursor_u32(value), from = cursor_u32(value);

	if (value->error != 0 || period == 0 || !is_first(metadata, EDGE_TRAFFIC))
		return;
	metadata->traffic.octets = flags & FLAG_OCTETS;
	metadata->traffic.period = period;
	metadata->traffic.toward = toward;
	metadata->traffic.from = from;
}

/* The draft states 22 octets for the 13 that it draws: 22 that are there begin with these, or these are all.
 */
static struct cursor measurement_value(struct cursor *list, uint16_t type, size_t size)
{
	if (type == MEASUREMENT_TRAFFIC && size == TRAFFIC_SIZE_STATED && cursor_left(list) == TRAFFIC_SIZE)
		size = TRAFFIC_SIZE;
	return cursor_part(list, size);
}

/*
 * A type has 16 bits as drawn, or 8 as written; 0 is none, and so what begins with it has 16. A list that
 * cannot be walked ends where it fails: nothing depends on measurements that nobody defined.
 */
static void get_measurement(struct cursor *value, uint8_t flags, struct edge_metadata *metadata)
{
	struct cursor list = cursor_part(value, cursor_left(value));

	while (cursor_left(&list) > 0) {
		uint16_t type = cursor_u8(&list);
		struct cursor measurement;

		if (type == 0)
			type = cursor_u8(&list);
		measurement = measurement_value(&list, type, cursor_u8(&list));
		if (type == MEASUREMENT_TRAFFIC)
			get_traffic(&measurement, metadata);
	}
}

static void put_measurement(struct writer *writer, const struct edge_metadata *metadata, uint32_t field)
{
	if (metadata->traffic.period == 0)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, 0);
	writer_u16(writer, MEASUREMENT_TRAFFIC);
	writer_u8(writer, TRAFFIC_SIZE);
	writer_u8(writer, metadata->traffic.octets ? FLAG_OCTETS : 0);
	writer_u32(writer, metadata->traffic.period);
	writer_u32(writer, metadata->traffic.toward);
	writer_u32(writer, metadata->traffic.from);
}

/* Metric types other than 0, normalised, have no meaning yet. */
static void get_capability(struct cursor *value, uint8_t flags, struct edge_metadata *metadata)
{
	uint32_t capability = cursor_u32(value);

	if ((flags & METRIC_TYPE) == 0 && is_first(metadata, EDGE_CAPABILITY))
		metadata->capability = capability;
}

static void put_capability(struct writer *writer, const struct edge_metadata *metadata, uint32_t field)
{
	writer_u8(writer, 0);
	writer_u32(writer, metadata->capability);
}

/* Share and amount are of one metric type: of both the first counts. */
static void get_resource(struct cursor *value, uint8_t flags, struct edge_metadata *metadata)
{
	uint32_t resource = cursor_u32(value);

	if (flags & METRIC_TYPE || metadata->present & (EDGE_RESOURCE | EDGE_RESOURCE_SHARE))
		return;
	if (!(flags & FLAG_SHARE)) {
		metadata->present |= EDGE_RESOURCE;
		metadata->resource = resource;
	} else if (resource <= EDGE_PERCENT) {
		metadata->present |= EDGE_RESOURCE_SHARE;
		metadata->resource_share = resource;
	}
}

static void put_resource(struct writer *writer, const struct edge_metadata *metadata, uint32_t field)
{
	bool share = field == EDGE_RESOURCE_SHARE;

	if (share)
		put_percent(writer, metadata->resource_share);
	if (share && metadata->present & EDGE_RESOURCE)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, share ? FLAG_SHARE : 0);
	writer_u32(writer, share ? metadata->resource_share : metadata->resource);
}

/* The sixth octet that the draft states and does not draw is behind the AS. */
static void get_scope(struct cursor *value, uint8_t flags, struct edge_metadata *metadata)
{
	uint32_t scope = cursor_u32(value);

	(void)cursor_bytes(value, cursor_left(value));
	if (is_first(metadata, EDGE_SCOPE))
		metadata->scope = scope;
}

static void put_scope(struct writer *writer, const struct edge_metadata *metadata, uint32_t field)
{
	writer_u8(writer, 0);
	writer_u32(writer, metadata->scope);
}

static const struct sub_tlv sub_tlvs[] = {
        {TYPE_PREFERENCE, WORD_SIZE, WORD_SIZE, EDGE_PREFERENCE, get_preference, put_preference},
        {TYPE_AVAILABILITY, WORD_SIZE, WORD_SIZE, EDGE_GROUP | EDGE_AVAILABILITY, get_availability,
         put_availability},
        {TYPE_DELAY, WORD_SIZE, LONG_SIZE, EDGE_DELAY | EDGE_RELATIVE_DELAY, get_delay, put_delay},
        {TYPE_MEASUREMENT, 1, UINT8_MAX, EDGE_TRAFFIC, get_measurement, put_measurement},
        {TYPE_CAPABILITY, WORD_SIZE, WORD_SIZE, EDGE_CAPABILITY, get_capability, put_capability},
        {TYPE_RESOURCE, WORD_SIZE, WORD_SIZE, EDGE_RESOURCE | EDGE_RESOURCE_SHARE, get_resource,
         put_resource},
        {TYPE_SCOPE, WORD_SIZE, SCOPE_SIZE_STATED, EDGE_SCOPE, get_scope, put_scope},
};

static const struct sub_tlv *find_sub_tlv(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(sub_tlvs); i++)
		if (sub_tlvs[i].type == type)
			return &sub_tlvs[i];
	return NULL;
}

/* What a value leaves over, or lacks, has been told by its length. */
static void read_sub_tlv(struct cursor *cursor, struct edge_metadata *metadata)
{
	const struct sub_tlv *known = find_sub_tlv(cursor_u16(cursor));
	size_t size = cursor_u8(cursor);
	struct cursor value = cursor_part(cursor, size);
	uint8_t flags;

	if (known == NULL || cursor->error != 0)
		return;
	if (size < known->least || size > known->most) {
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		return;
	}
	flags = cursor_u8(&value);
	known->read(&value, flags, metadata);
	if (cursor_finish(&value) < 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

int edge_metadata_decode(const uint8_t *bytes, size_t size, struct edge_metadata *ret_metadata)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct edge_metadata metadata = {0};
	int code;

	if (size == 0)
		return BUSBAR_ERROR_MISSING_FIELD;
	while (cursor_left(&cursor) > 0)
		read_sub_tlv(&cursor, &metadata);
	code = cursor_finish(&cursor);
	if (code < 0)
		return code;
	*ret_metadata = metadata;
	return 0;
}

static void write_sub_tlv(struct writer *writer, const struct sub_tlv *known, uint32_t field,
                          const struct edge_metadata *metadata)
{
	size_t start;

	writer_u16(writer, known->type);
	writer_u8(writer, 0);
	start = writer_size(writer);
	known->write(writer, metadata, field);
	writer_patch_u8(writer, start - 1, (uint8_t)(writer_size(writer) - start));
}

int edge_metadata_encode(const struct edge_metadata *metadata, uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, capacity);

	for (size_t i = 0; i < ARRAY_SIZE(sub_tlvs); i++) {
		for (uint32_t field = EDGE_PREFERENCE; field <= EDGE_SCOPE && writer.error == 0;
		     field <<= 1) {
			if (metadata->present & sub_tlvs[i].fields & field)
				write_sub_tlv(&writer, &sub_tlvs[i], field, metadata);
		}
	}
	if (writer.error == 0 && writer_size(&writer) == 0)
		return BUSBAR_ERROR_MISSING_FIELD;
	return field_finish(&writer);
}
