/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UPDATE message: see update.h.
 *
 * One table row per known attribute says its flags, the lengths it may have, which step of the RFC 7606
 * ladder a violation takes, and how its value is read.
 */
#include "bgp/update.h"
#include "busbar-error.h"
#include <string.h>

enum {
	ORIGIN = 1,
	AS_PATH = 2,
	NEXT_HOP = 3,
	MED = 4,
	LOCAL_PREFERENCE = 5,
	ATOMIC_AGGREGATE = 6,
	AGGREGATOR = 7,
	COMMUNITIES = 8,
	ORIGINATOR_ID = 9,
	CLUSTER_LIST = 10,
	MP_REACH = 14,
	MP_UNREACH = 15,
	EXTENDED_COMMUNITIES = 16,
	AS4_PATH = 17,
	AS4_AGGREGATOR = 18,
	IPV6_EXTENDED_COMMUNITIES = 25,
	LARGE_COMMUNITIES = 32,
	EDGE_METADATA = 42, /* draft-ietf-idr-5g-edge-service-metadata */

	WELL_KNOWN = UPDATE_TRANSITIVE,
	OPTIONAL = UPDATE_OPTIONAL,
	BOTH = UPDATE_OPTIONAL | UPDATE_TRANSITIVE,
	AS_SEQUENCE = 2,
	SEGMENT_MAXIMUM = 255,
	IPV6_BITS = 128,
	IPV4_BITS = 32,
	HEADER_BYTES = MESSAGE_HEADER,
};

/* The ladder of RFC 7606 section 2, mildest first. */
enum outcome { KEEP, DISCARD, WITHDRAW, RESET };

enum length_rule { ANY_LENGTH, EXACTLY, MULTIPLE_OF };

struct decoder {
	const struct update_form *form;
	struct update *update;
	struct message_error *error;
	bool seen[256];
	bool reach, unreach; /* of IPv6 unicast */
};

struct rule {
	uint8_t code;
	uint8_t flags;
	enum length_rule length_rule;
	uint8_t length;
	enum outcome on_error;
	bool internal_only; /* from eBGP: discarded */
	enum outcome (*read)(struct decoder *decoder, const struct update_attribute *attribute);
};

bool update_contains(const uint32_t *numbers, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* ---- prefixes ---- */

void update_mask(uint8_t address[16], unsigned length)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = length > 8 * i ? length - 8 * i : 0;

		if (bits < 8)
			address[i] &= (uint8_t)(0xff00 >> bits);
	}
}

static bool take_prefix(struct cursor *cursor, bool add_path, unsigned bits, struct update_prefix *ret_prefix)
{
	struct update_prefix prefix = {0};

	if (cursor->error != 0 || cursor_left(cursor) == 0)
		return false;
	prefix.path_id = add_path ? cursor_u32(cursor) : 0;
	prefix.length = cursor_u8(cursor);
	if (prefix.length > bits)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	else
		cursor_copy(cursor, prefix.address, (prefix.length + 7u) / 8);
	if (cursor->error != 0)
		return false;
	update_mask(prefix.address, prefix.length);
	*ret_prefix = prefix;
	return true;
}

bool update_next(struct update_nlri *nlri, struct update_prefix *ret_prefix)
{
	struct cursor cursor = cursor_open(nlri->bytes, nlri->size);

	if (!take_prefix(&cursor, nlri->add_path, IPV6_BITS, ret_prefix))
		return false;
	nlri->bytes = cursor.next;
	nlri->size = cursor_left(&cursor);
	return true;
}

void update_put_prefix(struct writer *writer, const struct update_prefix *prefix, bool add_path)
{
	if (add_path)
		writer_u32(writer, prefix->path_id);
	writer_u8(writer, prefix->length);
	writer_bytes(writer, prefix->address, (prefix->length + 7u) / 8);
}

/* Whether everything left in the cursor is prefixes; the cursor is used up. */
static bool prefixes_valid(struct cursor *cursor, bool add_path, unsigned bits)
{
	struct update_prefix prefix;

	while (take_prefix(cursor, add_path, bits, &prefix))
		continue;
	return cursor_finish(cursor) == 0;
}

/* ---- reading attribute values ---- */

static enum outcome read_origin(struct decoder *decoder, const struct update_attribute *attribute)
{
	if (attribute->value[0] > UPDATE_ORIGIN_INCOMPLETE)
		return WITHDRAW;
	decoder->update->attributes.origin = attribute->value[0];
	return KEEP;
}

/* RFC 9774: only sequences are accepted. */
static enum outcome read_as_path(struct decoder *decoder, const struct update_attribute *attribute)
{
	struct cursor cursor = cursor_open(attribute->value, attribute->size);
	struct update *update = decoder->update;
	size_t count = 0;

	while (cursor.error == 0 && cursor_left(&cursor) > 0) {
		uint8_t type = cursor_u8(&cursor);
		size_t length = cursor_u8(&cursor);

		if (type != AS_SEQUENCE || length == 0 || count + length > UPDATE_AS_MAXIMUM)
			return WITHDRAW;
		for (; length > 0; length--) {
			update->as_storage[count] = cursor_u32(&cursor);
			if (update->as_storage[count++] == 0) /* RFC 7607 */
				return WITHDRAW;
		}
	}
	if (cursor_finish(&cursor) < 0)
		return WITHDRAW;
	update->attributes.as_path = update->as_storage;
	update->attributes.as_count = count;
	return KEEP;
}

static uint32_t value_u32(const struct update_attribute *attribute)
{
	struct cursor cursor = cursor_open(attribute->value, attribute->size);

	return cursor_u32(&cursor);
}

static enum outcome read_med(struct decoder *decoder, const struct update_attribute *attribute)
{
	decoder->update->attributes.med = value_u32(attribute);
	decoder->update->attributes.has_med = true;
	return KEEP;
}

static enum outcome read_local_preference(struct decoder *decoder, const struct update_attribute *attribute)
{
	decoder->update->attributes.local_preference = value_u32(attribute);
	decoder->update->attributes.has_local_preference = true;
	return KEEP;
}

static enum outcome read_originator(struct decoder *decoder, const struct update_attribute *attribute)
{
	decoder->update->attributes.originator = value_u32(attribute);
	decoder->update->attributes.has_originator = true;
	return KEEP;
}

/* Numbers into storage of UPDATE_COMMUNITIES; returns how many. */
static size_t read_numbers(struct decoder *decoder, const struct update_attribute *attribute,
                           uint32_t *storage)
{
	struct cursor cursor = cursor_open(attribute->value, attribute->size);
	size_t count = 0;

	while (count < UPDATE_COMMUNITIES && cursor_left(&cursor) > 0)
		storage[count++] = cursor_u32(&cursor);
	if (cursor_left(&cursor) > 0)
		decoder->update->discarded++;
	return count;
}

static enum outcome read_communities(struct decoder *decoder, const struct update_attribute *attribute)
{
	struct update *update = decoder->update;

	update->attributes.communities = update->community_storage;
	update->attributes.community_count = read_numbers(decoder, attribute, update->community_storage);
	return KEEP;
}

static enum outcome read_clusters(struct decoder *decoder, const struct update_attribute *attribute)
{
	struct update *update = decoder->update;

	update->attributes.clusters = update->cluster_storage;
	update->attributes.cluster_count = read_numbers(decoder, attribute, update->cluster_storage);
	return KEEP;
}

static enum outcome read_kept(struct decoder *decoder, const struct update_attribute *attribute)
{
	struct update *update = decoder->update;

	if (update->attributes.kept_count == UPDATE_KEPT)
		return DISCARD;
	update->attributes.kept = update->kept_storage;
	update->kept_storage[update->attributes.kept_count++] = *attribute;
	return KEEP;
}

static enum outcome read_nothing(struct decoder *decoder, const struct update_attribute *attribute)
{
	return KEEP;
}

static enum outcome read_discarded(struct decoder *decoder, const struct update_attribute *attribute)
{
	return DISCARD;
}

static enum outcome read_opaque(struct decoder *decoder, const struct update_attribute *attribute)
{
	struct update_attributes *attributes = &decoder->update->attributes;

	if (attribute->size > UPDATE_OPAQUE_MAXIMUM)
		return DISCARD;
	attributes->has_opaque = true;
	attributes->opaque_partial = (attribute->flags & UPDATE_PARTIAL) != 0;
	attributes->opaque = attribute->value;
	attributes->opaque_size = attribute->size;
	return KEEP;
}

/* Octets for whoever knows them. The draft names no ladder step for a malformed one: it is left out. */
static enum outcome read_edge_metadata(struct decoder *decoder, const struct update_attribute *attribute)
{
	struct update_attributes *attributes = &decoder->update->attributes;

	if (attribute->size == 0 || attribute->size > UPDATE_OPAQUE_MAXIMUM)
		return DISCARD;
	attributes->edge_metadata = attribute->value;
	attributes->edge_metadata_size = attribute->size;
	return KEEP;
}

static bool is_ipv6_unicast(struct cursor *cursor)
{
	uint16_t afi = cursor_u16(cursor);

	return cursor_u8(cursor) == MESSAGE_SAFI_UNICAST && afi == MESSAGE_AFI_IPV6;
}

/* RFC 2545: the global address, and with 32 octets a link-local one behind it. */
static void read_next_hop(struct cursor *cursor, uint8_t size, uint8_t next_hop[16])
{
	static const uint8_t unspecified[16];
	uint8_t link_local[16];

	cursor_copy(cursor, next_hop, 16);
	if (size != 32)
		return;
	cursor_copy(cursor, link_local, 16);
	if (memcmp(next_hop, unspecified, 16) == 0)
		memcpy(next_hop, link_local, 16);
}

static enum outcome read_reach(struct decoder *decoder, const struct update_attribute *attribute)
{
	struct cursor cursor = cursor_open(attribute->value, attribute->size);
	struct update *update = decoder->update;
	bool ours = is_ipv6_unicast(&cursor);
	uint8_t size = cursor_u8(&cursor);

	if (cursor.error != 0)
		return RESET;
	if (!ours)
		return DISCARD;
	if (size != 16 && size != 32)
		return RESET;
	read_next_hop(&cursor, size, update->attributes.next_hop);
	(void)cursor_u8(&cursor);
	update->announced = (struct update_nlri){cursor.next, cursor_left(&cursor), decoder->form->add_path};
	if (!prefixes_valid(&cursor, decoder->form->add_path, IPV6_BITS))
		return RESET;
	decoder->reach = true;
	return KEEP;
}

static enum outcome read_unreach(struct decoder *decoder, const struct update_attribute *attribute)
{
	struct cursor cursor = cursor_open(attribute->value, attribute->size);
	bool ours = is_ipv6_unicast(&cursor);

	if (cursor.error != 0)
		return RESET;
	if (!ours)
		return DISCARD;
	decoder->update->withdrawn =
	        (struct update_nlri){cursor.next, cursor_left(&cursor), decoder->form->add_path};
	if (!prefixes_valid(&cursor, decoder->form->add_path, IPV6_BITS))
		return RESET;
	decoder->unreach = true;
	return KEEP;
}

static const struct rule rules[] = {
        {ORIGIN, WELL_KNOWN, EXACTLY, 1, WITHDRAW, false, read_origin},
        {AS_PATH, WELL_KNOWN, ANY_LENGTH, 0, WITHDRAW, false, read_as_path},
        {NEXT_HOP, WELL_KNOWN, EXACTLY, 4, WITHDRAW, false, read_nothing}, /* IPv4's: RFC 4760 section 3 */
        {MED, OPTIONAL, EXACTLY, 4, WITHDRAW, false, read_med},
        {LOCAL_PREFERENCE, WELL_KNOWN, EXACTLY, 4, WITHDRAW, true, read_local_preference},
        {ATOMIC_AGGREGATE, WELL_KNOWN, EXACTLY, 0, DISCARD, false, read_kept},
        {AGGREGATOR, BOTH, EXACTLY, 8, DISCARD, false, read_kept},
        {COMMUNITIES, BOTH, MULTIPLE_OF, 4, WITHDRAW, false, read_communities},
        {ORIGINATOR_ID, OPTIONAL, EXACTLY, 4, WITHDRAW, true, read_originator},
        {CLUSTER_LIST, OPTIONAL, MULTIPLE_OF, 4, WITHDRAW, true, read_clusters},
        {MP_REACH, OPTIONAL, ANY_LENGTH, 0, RESET, false, read_reach},
        {MP_UNREACH, OPTIONAL, ANY_LENGTH, 0, RESET, false, read_unreach},
        {EXTENDED_COMMUNITIES, BOTH, MULTIPLE_OF, 8, WITHDRAW, false, read_kept},
        {AS4_PATH, BOTH, ANY_LENGTH, 0, DISCARD, false, read_discarded}, /* RFC 6793 section 6 */
        {AS4_AGGREGATOR, BOTH, ANY_LENGTH, 0, DISCARD, false, read_discarded},
        {IPV6_EXTENDED_COMMUNITIES, BOTH, MULTIPLE_OF, 20, WITHDRAW, false, read_kept},
        {LARGE_COMMUNITIES, BOTH, MULTIPLE_OF, 12, WITHDRAW, false, read_kept},
        {EDGE_METADATA, OPTIONAL, ANY_LENGTH, 0, DISCARD, false, read_edge_metadata},
};

static const struct rule opaque_rule = {0, BOTH, ANY_LENGTH, 0, WITHDRAW, false, read_opaque};

static const struct rule *find_rule(uint8_t code, uint8_t opaque_code)
{
	if (code == opaque_code)
		return &opaque_rule;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].code == code)
			return &rules[i];
	return NULL;
}

static bool length_valid(const struct rule *rule, size_t size)
{
	switch (rule->length_rule) {
	case EXACTLY:
		return size == rule->length;
	case MULTIPLE_OF:
		return size > 0 && size % rule->length == 0;
	case ANY_LENGTH:
		break;
	}
	return true;
}

/* ---- the ladder ---- */

/* RFC 4271 section 6.3: what we do not know. */
static enum outcome read_unknown(struct decoder *decoder, struct update_attribute *attribute)
{
	if ((attribute->flags & UPDATE_OPTIONAL) == 0)
		return RESET;
	if ((attribute->flags & UPDATE_TRANSITIVE) == 0)
		return KEEP;
	attribute->flags |= UPDATE_PARTIAL;
	return read_kept(decoder, attribute);
}

static enum outcome read_attribute(struct decoder *decoder, struct update_attribute *attribute)
{
	const struct rule *rule = find_rule(attribute->code, decoder->form->opaque_code);
	enum outcome outcome;

	/* RFC 7606 section 3 g: the first one counts, but a second list of prefixes resets. */
	if (decoder->seen[attribute->code])
		return attribute->code == MP_REACH || attribute->code == MP_UNREACH ? RESET : DISCARD;
	decoder->seen[attribute->code] = true;
	if (rule == NULL)
		return read_unknown(decoder, attribute);
	if (rule->internal_only && decoder->form->external)
		return DISCARD;
	if (!length_valid(rule, attribute->size))
		return rule->on_error;
	if ((attribute->flags & BOTH) == rule->flags)
		return rule->read(decoder, attribute);
	/* RFC 7606 section 3 c: wrong flags; a list of prefixes is still read to know what to withdraw. */
	outcome = rule->on_error == RESET ? rule->read(decoder, attribute) : WITHDRAW;
	return outcome == RESET ? RESET : WITHDRAW;
}

static uint8_t reset_subcode(const struct decoder *decoder, const struct update_attribute *attribute)
{
	if (attribute->code != MP_REACH && attribute->code != MP_UNREACH)
		return UPDATE_UNKNOWN_WELL_KNOWN;
	return decoder->reach && attribute->code == MP_REACH ? UPDATE_MALFORMED_LIST : UPDATE_OPTIONAL_ERROR;
}

static int reset(struct decoder *decoder, uint8_t subcode, const uint8_t *data, size_t size)
{
	*decoder->error = message_error_make(MESSAGE_UPDATE_ERROR, subcode, data, size);
	return BUSBAR_ERROR_MALFORMED;
}

static void withdraw(struct decoder *decoder, uint8_t cause)
{
	if (!decoder->update->treat_as_withdraw)
		decoder->update->cause = cause;
	decoder->update->treat_as_withdraw = true;
}

static int settle(struct decoder *decoder, const struct update_attribute *attribute, enum outcome outcome,
                  const uint8_t *start, size_t size)
{
	switch (outcome) {
	case RESET:
		return reset(decoder, reset_subcode(decoder, attribute), start, size);
	case WITHDRAW:
		withdraw(decoder, attribute->code);
		break;
	case DISCARD:
		decoder->update->discarded++;
		break;
	case KEEP:
		break;
	}
	return 0;
}

/*
 * RFC 7606 section 4: a list that does not add up is treated as withdraw where the prefixes have been
 * found, and resets where they have not, since then nobody knows what to withdraw.
 */
static int list_broken(struct decoder *decoder)
{
	if (!decoder->reach && !decoder->unreach)
		return reset(decoder, UPDATE_MALFORMED_LIST, NULL, 0);
	withdraw(decoder, 0);
	return 0;
}

static int read_attributes(struct decoder *decoder, struct cursor *list)
{
	while (cursor_left(list) > 0) {
		const uint8_t *start = list->next;
		struct update_attribute attribute = {.flags = cursor_u8(list)};
		int code;

		attribute.code = cursor_u8(list);
		attribute.size =
		        (attribute.flags & UPDATE_EXTENDED_LENGTH) != 0 ? cursor_u16(list) : cursor_u8(list);
		attribute.value = cursor_bytes(list, attribute.size);
		if (list->error != 0)
			return list_broken(decoder);
		attribute.flags &= BOTH | UPDATE_PARTIAL;
		code = settle(decoder, &attribute, read_attribute(decoder, &attribute), start,
		              (size_t)(list->next - start));
		if (code < 0)
			return code;
	}
	return 0;
}

/* RFC 7606 section 3 d, and the first AS of RFC 4271 section 6.3. */
static void check_mandatory(struct decoder *decoder)
{
	const struct update_attributes *attributes = &decoder->update->attributes;

	if (!decoder->reach)
		return;
	if (!decoder->seen[ORIGIN])
		withdraw(decoder, ORIGIN);
	if (!decoder->seen[AS_PATH])
		withdraw(decoder, AS_PATH);
	if (!decoder->form->external && !decoder->seen[LOCAL_PREFERENCE])
		withdraw(decoder, LOCAL_PREFERENCE);
	if (decoder->form->external && decoder->form->remote_as != 0 &&
	    (attributes->as_count == 0 || attributes->as_path[0] != decoder->form->remote_as))
		withdraw(decoder, AS_PATH);
}

int update_decode(const struct update_form *form, const void *body, size_t size, struct update *ret_update,
                  struct message_error *ret_error)
{
	struct decoder decoder = {.form = form, .update = ret_update, .error = ret_error};
	struct cursor cursor = cursor_open(body, size);
	struct cursor withdrawn = cursor_part(&cursor, cursor_u16(&cursor));
	struct cursor attributes = cursor_part(&cursor, cursor_u16(&cursor));
	bool only_unreach;
	int code;

	memset(ret_update, 0, sizeof(*ret_update));
	if (cursor.error != 0)
		return reset(&decoder, UPDATE_MALFORMED_LIST, NULL, 0);
	only_unreach =
	        cursor_left(&withdrawn) == 0 && cursor_left(&cursor) == 0 && cursor_left(&attributes) <= 7;
	if (!prefixes_valid(&withdrawn, false, IPV4_BITS) || !prefixes_valid(&cursor, false, IPV4_BITS))
		return reset(&decoder, UPDATE_BAD_NETWORK, NULL, 0);
	code = read_attributes(&decoder, &attributes);
	if (code < 0)
		return code;
	check_mandatory(&decoder);
	ret_update->end_of_rib = only_unreach && decoder.unreach && ret_update->withdrawn.size == 0;
	return 0;
}

/* ---- writing ---- */

/* Attribute header for a value of `size` octets. */
static void put_header(struct writer *writer, uint8_t flags, uint8_t code, size_t size)
{
	if (size > UINT16_MAX) {
		writer->error = BUSBAR_ERROR_TOO_LARGE;
	} else if (size > UINT8_MAX) {
		writer_u8(writer, flags | UPDATE_EXTENDED_LENGTH);
		writer_u8(writer, code);
		writer_u16(writer, (uint16_t)size);
	} else {
		writer_u8(writer, flags);
		writer_u8(writer, code);
		writer_u8(writer, (uint8_t)size);
	}
}

static void put_number(struct writer *writer, bool present, uint8_t flags, uint8_t code, uint32_t value)
{
	if (!present)
		return;
	put_header(writer, flags, code, 4);
	writer_u32(writer, value);
}

static void put_numbers(struct writer *writer, uint8_t flags, uint8_t code, const uint32_t *numbers,
                        size_t count)
{
	if (count == 0)
		return;
	put_header(writer, flags, code, 4 * count);
	for (size_t i = 0; i < count; i++)
		writer_u32(writer, numbers[i]);
}

static void put_as_path(struct writer *writer, const uint32_t *as_path, size_t count)
{
	size_t segments = (count + SEGMENT_MAXIMUM - 1) / SEGMENT_MAXIMUM;

	put_header(writer, WELL_KNOWN, AS_PATH, 2 * segments + 4 * count);
	for (size_t i = 0; i < count; i++) {
		if (i % SEGMENT_MAXIMUM == 0) {
			writer_u8(writer, AS_SEQUENCE);
			writer_u8(writer, (uint8_t)MINIMUM(count - i, (size_t)SEGMENT_MAXIMUM));
		}
		writer_u32(writer, as_path[i]);
	}
}

static void put_bytes(struct writer *writer, uint8_t flags, uint8_t code, const uint8_t *value, size_t size)
{
	put_header(writer, flags, code, size);
	writer_bytes(writer, value, size);
}

static void put_reach(struct writer *writer, const struct update *update)
{
	put_header(writer, OPTIONAL, MP_REACH, 21 + update->announced.size);
	writer_u16(writer, MESSAGE_AFI_IPV6);
	writer_u8(writer, MESSAGE_SAFI_UNICAST);
	writer_u8(writer, 16);
	writer_bytes(writer, update->attributes.next_hop, 16);
	writer_u8(writer, 0);
	writer_bytes(writer, update->announced.bytes, update->announced.size);
}

static void put_unreach(struct writer *writer, const struct update *update)
{
	put_header(writer, OPTIONAL, MP_UNREACH, 3 + update->withdrawn.size);
	writer_u16(writer, MESSAGE_AFI_IPV6);
	writer_u8(writer, MESSAGE_SAFI_UNICAST);
	if (update->withdrawn.size > 0)
		writer_bytes(writer, update->withdrawn.bytes, update->withdrawn.size);
}

static void put_attributes(struct writer *writer, const struct update_form *form,
                           const struct update_attributes *a)
{
	put_bytes(writer, WELL_KNOWN, ORIGIN, &a->origin, 1);
	put_as_path(writer, a->as_path, a->as_count);
	put_number(writer, a->has_med, OPTIONAL, MED, a->med);
	put_number(writer, a->has_local_preference, WELL_KNOWN, LOCAL_PREFERENCE, a->local_preference);
	put_numbers(writer, BOTH, COMMUNITIES, a->communities, a->community_count);
	put_number(writer, a->has_originator, OPTIONAL, ORIGINATOR_ID, a->originator);
	put_numbers(writer, OPTIONAL, CLUSTER_LIST, a->clusters, a->cluster_count);
	for (size_t i = 0; i < a->kept_count; i++)
		put_bytes(writer, a->kept[i].flags, a->kept[i].code, a->kept[i].value, a->kept[i].size);
	if (form->edge_metadata && a->edge_metadata_size > 0)
		put_bytes(writer, OPTIONAL, EDGE_METADATA, a->edge_metadata, a->edge_metadata_size);
	if (a->has_opaque)
		put_bytes(writer, BOTH | (a->opaque_partial ? UPDATE_PARTIAL : 0), form->opaque_code,
		          a->opaque, a->opaque_size);
}

int update_encode(const struct update_form *form, const struct update *update, void *bytes, size_t capacity)
{
	struct writer writer = writer_open(bytes, MINIMUM(capacity, (size_t)MESSAGE_EXTENDED));
	uint8_t *header = writer_reserve(&writer, HEADER_BYTES);
	size_t length;

	writer_u16(&writer, 0);
	length = writer_size(&writer);
	writer_u16(&writer, 0);
	if (update->announced.size > 0)
		put_reach(&writer, update);
	if (update->withdrawn.size > 0 || update->end_of_rib)
		put_unreach(&writer, update);
	if (update->announced.size > 0)
		put_attributes(&writer, form, &update->attributes);
	if (writer.error != 0)
		return writer.error;
	memset(header, 0xff, 16);
	header[18] = MESSAGE_UPDATE;
	writer_patch_u16(&writer, 16, (uint16_t)writer_size(&writer));
	writer_patch_u16(&writer, length, (uint16_t)(writer_size(&writer) - length - 2));
	return (int)writer_size(&writer);
}
