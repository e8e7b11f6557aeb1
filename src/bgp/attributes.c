/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared path attributes: see attributes.h. The block is the structure, the kept attributes where there are
 * any, then numbers, then octets; where each part begins follows from the counts.
 */
#include "bgp/attributes.h"
#include <stdlib.h>
#include <string.h>

enum { HAS_MED = 1, HAS_LOCAL_PREFERENCE = 2, HAS_ORIGINATOR = 4, HAS_OPAQUE = 8, OPAQUE_PARTIAL = 16 };

struct attributes {
	uint32_t references;
	uint32_t med, local_preference, originator;
	uint16_t opaque_size, edge_metadata_size;
	uint8_t as_count, community_count, cluster_count, kept_count;
	uint8_t origin, flags, zero[2];
	uint8_t next_hop[16];
};

_Static_assert(sizeof(struct attributes) == 44, "compared as bytes, without a gap");
_Static_assert(UPDATE_AS_MAXIMUM <= UINT8_MAX && UPDATE_COMMUNITIES <= UINT8_MAX, "counts of one octet");
_Static_assert(UPDATE_OPAQUE_MAXIMUM <= UINT16_MAX, "sizes of two octets");

enum { KEPT_OFFSET = 48 /* aligned for pointers */ };

static uint8_t *at(const struct attributes *attributes, size_t offset)
{
	return (uint8_t *)(uintptr_t)attributes + offset;
}

static struct update_attribute *kept_of(const struct attributes *attributes)
{
	return (void *)at(attributes, KEPT_OFFSET);
}

static size_t numbers_offset(const struct attributes *attributes)
{
	return attributes->kept_count == 0
	               ? sizeof(*attributes)
	               : KEPT_OFFSET + attributes->kept_count * sizeof(struct update_attribute);
}

static size_t octets_offset(const struct attributes *attributes)
{
	return numbers_offset(attributes) +
	       sizeof(uint32_t) * ((size_t)attributes->as_count + attributes->community_count +
	                           attributes->cluster_count);
}

/* Without what was kept as it came, whose octets are the last. */
static size_t fixed_bytes(const struct attributes *attributes)
{
	return octets_offset(attributes) + attributes->opaque_size + attributes->edge_metadata_size;
}

size_t attributes_bytes(const struct attributes *attributes)
{
	size_t size = fixed_bytes(attributes);

	for (size_t i = 0; i < attributes->kept_count; i++)
		size += kept_of(attributes)[i].size;
	return size;
}

static struct attributes header_of(const struct update_attributes *source)
{
	struct attributes header = {
	        .references = 1,
	        .med = source->has_med ? source->med : 0,
	        .local_preference = source->has_local_preference ? source->local_preference : 0,
	        .originator = source->has_originator ? source->originator : 0,
	        .opaque_size = (uint16_t)(source->has_opaque ? source->opaque_size : 0),
	        .edge_metadata_size = (uint16_t)source->edge_metadata_size,
	        .as_count = (uint8_t)source->as_count,
	        .community_count = (uint8_t)source->community_count,
	        .cluster_count = (uint8_t)source->cluster_count,
	        .kept_count = (uint8_t)source->kept_count,
	        .origin = source->origin,
	        .flags = (uint8_t)((source->has_med ? HAS_MED : 0) |
	                           (source->has_local_preference ? HAS_LOCAL_PREFERENCE : 0) |
	                           (source->has_originator ? HAS_ORIGINATOR : 0) |
	                           (source->has_opaque ? HAS_OPAQUE : 0) |
	                           (source->opaque_partial ? OPAQUE_PARTIAL : 0)),
	};

	memcpy(header.next_hop, source->next_hop, sizeof(header.next_hop));
	return header;
}

static uint8_t *place(uint8_t *next, const void *bytes, size_t size)
{
	if (size > 0)
		memcpy(next, bytes, size);
	return next + size;
}

struct attributes *attributes_create(const struct update_attributes *source)
{
	struct attributes header = header_of(source);
	size_t size = fixed_bytes(&header);
	struct attributes *attributes;
	uint8_t *next;

	for (size_t i = 0; i < source->kept_count; i++)
		size += source->kept[i].size;
	attributes = malloc(size);
	if (attributes == NULL)
		return NULL;
	*attributes = header;
	next = at(attributes, numbers_offset(attributes));
	next = place(next, source->as_path, source->as_count * sizeof(uint32_t));
	next = place(next, source->communities, source->community_count * sizeof(uint32_t));
	next = place(next, source->clusters, source->cluster_count * sizeof(uint32_t));
	next = place(next, source->opaque, header.opaque_size);
	next = place(next, source->edge_metadata, header.edge_metadata_size);
	for (size_t i = 0; i < source->kept_count; i++) {
		kept_of(attributes)[i] = source->kept[i];
		kept_of(attributes)[i].value = next;
		next = place(next, source->kept[i].value, source->kept[i].size);
	}
	return attributes;
}

struct attributes *attributes_hold(struct attributes *attributes)
{
	attributes->references++;
	return attributes;
}

struct attributes *attributes_release(struct attributes *attributes)
{
	if (attributes != NULL && --attributes->references == 0)
		free(attributes);
	return NULL;
}

size_t attributes_references(const struct attributes *attributes)
{
	return attributes->references;
}

struct update_attributes attributes_view(const struct attributes *attributes)
{
	const uint32_t *numbers = (const void *)at(attributes, numbers_offset(attributes));
	const uint8_t *octets = at(attributes, octets_offset(attributes));
	struct update_attributes view = {
	        .origin = attributes->origin,
	        .has_med = (attributes->flags & HAS_MED) != 0,
	        .has_local_preference = (attributes->flags & HAS_LOCAL_PREFERENCE) != 0,
	        .has_originator = (attributes->flags & HAS_ORIGINATOR) != 0,
	        .has_opaque = (attributes->flags & HAS_OPAQUE) != 0,
	        .opaque_partial = (attributes->flags & OPAQUE_PARTIAL) != 0,
	        .med = attributes->med,
	        .local_preference = attributes->local_preference,
	        .originator = attributes->originator,
	        .as_count = attributes->as_count,
	        .as_path = numbers,
	        .community_count = attributes->community_count,
	        .communities = numbers + attributes->as_count,
	        .cluster_count = attributes->cluster_count,
	        .clusters = numbers + attributes->as_count + attributes->community_count,
	        .opaque_size = attributes->opaque_size,
	        .opaque = octets,
	        .edge_metadata_size = attributes->edge_metadata_size,
	        .edge_metadata = octets + attributes->opaque_size,
	        .kept_count = attributes->kept_count,
	        .kept = attributes->kept_count > 0 ? kept_of(attributes) : NULL,
	};

	memcpy(view.next_hop, attributes->next_hop, sizeof(view.next_hop));
	return view;
}

static bool same_kept(const struct update_attribute *a, const struct update_attribute *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (a[i].flags != b[i].flags || a[i].code != b[i].code || a[i].size != b[i].size ||
		    (a[i].size > 0 && memcmp(a[i].value, b[i].value, a[i].size) != 0))
			return false;
	return true;
}

/* Two headers that differ in nothing that counts. */
static bool same_header(const struct attributes *a, const struct attributes *b)
{
	struct attributes left = *a, right = *b;

	left.references = right.references = 0;
	left.flags &= (uint8_t)~OPAQUE_PARTIAL;
	right.flags &= (uint8_t)~OPAQUE_PARTIAL;
	return memcmp(&left, &right, sizeof(left)) == 0;
}

bool attributes_equal(const struct attributes *a, const struct attributes *b)
{
	size_t start = numbers_offset(a);

	return a == b ||
	       (same_header(a, b) && memcmp(at(a, start), at(b, start), fixed_bytes(a) - start) == 0 &&
	        same_kept(kept_of(a), kept_of(b), a->kept_count));
}
