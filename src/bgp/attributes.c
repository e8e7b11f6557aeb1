/* SPDX-License-Identifier: Apache-2.0 */
/* Shared path attributes: see attributes.h. The block is the structure, then numbers, rows, and octets. */
#include "bgp/attributes.h"
#include <stdlib.h>
#include <string.h>

struct attributes {
	struct update_attributes view;
	size_t references;
	size_t size;
};

static size_t numbers_size(size_t count)
{
	return (count * sizeof(uint32_t) + 7) / 8 * 8;
}

static size_t block_size(const struct update_attributes *source)
{
	size_t size = sizeof(struct attributes) + numbers_size(source->as_count) +
	              numbers_size(source->community_count) + numbers_size(source->cluster_count) +
	              source->kept_count * sizeof(struct update_attribute) + source->opaque_size +
	              source->edge_metadata_size;

	for (size_t i = 0; i < source->kept_count; i++)
		size += source->kept[i].size;
	return size;
}

/* Copies to *next, which moves on by `room`; NULL for nothing. */
static void *place(uint8_t **next, const void *bytes, size_t size, size_t room)
{
	uint8_t *target = *next;

	if (size == 0)
		return NULL;
	memcpy(target, bytes, size);
	*next += room;
	return target;
}

static const uint32_t *place_numbers(uint8_t **next, const uint32_t *numbers, size_t count)
{
	return place(next, numbers, count * sizeof(*numbers), numbers_size(count));
}

struct attributes *attributes_create(const struct update_attributes *source)
{
	size_t size = block_size(source);
	struct attributes *attributes = calloc(1, size);
	struct update_attribute *kept;
	uint8_t *next;

	if (attributes == NULL)
		return NULL;
	next = (uint8_t *)(attributes + 1);
	attributes->references = 1;
	attributes->size = size;
	attributes->view = *source;
	attributes->view.as_path = place_numbers(&next, source->as_path, source->as_count);
	attributes->view.communities = place_numbers(&next, source->communities, source->community_count);
	attributes->view.clusters = place_numbers(&next, source->clusters, source->cluster_count);
	kept = place(&next, source->kept, source->kept_count * sizeof(*kept),
	             source->kept_count * sizeof(*kept));
	attributes->view.kept = kept;
	for (size_t i = 0; i < source->kept_count; i++)
		kept[i].value = place(&next, source->kept[i].value, kept[i].size, kept[i].size);
	attributes->view.opaque = place(&next, source->opaque, source->opaque_size, source->opaque_size);
	attributes->view.edge_metadata =
	        place(&next, source->edge_metadata, source->edge_metadata_size, source->edge_metadata_size);
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

const struct update_attributes *attributes_view(const struct attributes *attributes)
{
	return &attributes->view;
}

size_t attributes_bytes(const struct attributes *attributes)
{
	return attributes->size;
}

static bool same_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
	return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static bool same_numbers(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
	return same_bytes(a, a_count * sizeof(*a), b, b_count * sizeof(*b));
}

static bool same_number(bool has_a, uint32_t a, bool has_b, uint32_t b)
{
	return has_a == has_b && (!has_a || a == b);
}

static bool same_kept(const struct update_attributes *a, const struct update_attributes *b)
{
	if (a->kept_count != b->kept_count)
		return false;
	for (size_t i = 0; i < a->kept_count; i++)
		if (a->kept[i].flags != b->kept[i].flags || a->kept[i].code != b->kept[i].code ||
		    !same_bytes(a->kept[i].value, a->kept[i].size, b->kept[i].value, b->kept[i].size))
			return false;
	return true;
}

bool attributes_equal(const struct update_attributes *a, const struct update_attributes *b)
{
	return a->origin == b->origin && memcmp(a->next_hop, b->next_hop, sizeof(a->next_hop)) == 0 &&
	       same_number(a->has_med, a->med, b->has_med, b->med) &&
	       same_number(a->has_local_preference, a->local_preference, b->has_local_preference,
	                   b->local_preference) &&
	       same_number(a->has_originator, a->originator, b->has_originator, b->originator) &&
	       same_numbers(a->as_path, a->as_count, b->as_path, b->as_count) &&
	       same_numbers(a->communities, a->community_count, b->communities, b->community_count) &&
	       same_numbers(a->clusters, a->cluster_count, b->clusters, b->cluster_count) &&
	       a->has_opaque == b->has_opaque && a->opaque_partial == b->opaque_partial &&
	       same_bytes(a->opaque, a->opaque_size, b->opaque, b->opaque_size) &&
	       same_bytes(a->edge_metadata, a->edge_metadata_size, b->edge_metadata, b->edge_metadata_size) &&
	       same_kept(a, b);
}
