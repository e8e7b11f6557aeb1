/* SPDX-License-Identifier: Apache-2.0 */
#include "api/recent.h"

#include "base/error.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

struct entry {
	struct identifier identifier;
	struct recent_use use;
	int64_t noted;
};

/* A ring in order of age; the hash finds its entries. */
struct recent {
	struct entry *ring;
	size_t maximum, first, count;
	int64_t lifetime;
	struct hash *hash;
};

struct recent *recent_create(size_t maximum, int64_t lifetime, uint64_t seed)
{
	struct recent *recent = calloc(1, sizeof(*recent));

	if (recent == NULL)
		return NULL;
	recent->maximum = maximum;
	recent->lifetime = lifetime;
	recent->ring = calloc(maximum, sizeof(*recent->ring));
	recent->hash = hash_create(sizeof(struct identifier), maximum, seed);
	if (recent->ring == NULL || recent->hash == NULL)
		return recent_free(recent);
	return recent;
}

struct recent *recent_free(struct recent *recent)
{
	if (recent == NULL)
		return NULL;
	hash_free(recent->hash);
	free(recent->ring);
	free(recent);
	return NULL;
}

static void drop_oldest(struct recent *recent)
{
	(void)hash_remove(recent->hash, recent->ring[recent->first].identifier.octets);
	recent->first = (recent->first + 1) % recent->maximum;
	recent->count--;
}

int recent_note(struct recent *recent, const struct identifier *identifier, const struct recent_use *use,
                int64_t now)
{
	struct entry *entry;
	int code;

	while (recent->count > 0 && now - recent->ring[recent->first].noted > recent->lifetime)
		drop_oldest(recent);
	entry = hash_get(recent->hash, identifier->octets);
	if (entry != NULL)
		return memcmp(&entry->use, use, sizeof(*use)) == 0 ? 1 : BUSBAR_ERROR_REPLAYED;
	if (recent->count == recent->maximum)
		drop_oldest(recent);
	entry = &recent->ring[(recent->first + recent->count) % recent->maximum];
	*entry = (struct entry){.identifier = *identifier, .use = *use, .noted = now};
	code = hash_put(recent->hash, identifier->octets, entry);
	if (code < 0)
		return code;
	recent->count++;
	return 0;
}

size_t recent_count(const struct recent *recent)
{
	return recent->count;
}
