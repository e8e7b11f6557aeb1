/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/keep.h"

#include "base/error.h"
#include "base/slab.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 6, SMALLEST = KEEP_LARGEST >> (SIZES - 1) };

struct keep {
	struct slab *slabs[SIZES]; /* of SMALLEST octets, then twice as many each */
};

struct keep *keep_create(size_t maximum)
{
	struct keep *keep = calloc(1, sizeof(*keep));

	for (unsigned i = 0; keep != NULL && i < SIZES; i++) {
		keep->slabs[i] = slab_create((size_t)SMALLEST << i, maximum);
		if (keep->slabs[i] == NULL)
			keep = keep_free(keep);
	}
	return keep;
}

struct keep *keep_free(struct keep *keep)
{
	if (keep == NULL)
		return NULL;
	for (unsigned i = 0; i < SIZES; i++)
		slab_free(keep->slabs[i]);
	free(keep);
	return NULL;
}

static struct slab *slab_for(const struct keep *keep, size_t size)
{
	unsigned i = 0;

	while ((size_t)SMALLEST << i < size)
		i++;
	return keep->slabs[i];
}

int keep_octets(struct keep *keep, const void *octets, size_t size, struct kept *ret_kept)
{
	struct kept kept = {.size = (uint32_t)size};

	if (size > KEEP_LARGEST)
		return BUSBAR_ERROR_TOO_LARGE;
	if (size > 0) {
		kept.octets = slab_take(slab_for(keep, size));
		if (kept.octets == NULL)
			return BUSBAR_ERROR_TABLE_FULL;
		memcpy(kept.octets, octets, size);
	}
	*ret_kept = kept;
	return 0;
}

void keep_drop(struct keep *keep, struct kept *kept)
{
	if (kept->octets != NULL)
		slab_release(slab_for(keep, kept->size), kept->octets);
	*kept = (struct kept){0};
}

size_t keep_bytes(const struct keep *keep)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < SIZES; i++)
		bytes += slab_bytes(keep->slabs[i]);
	return bytes;
}
