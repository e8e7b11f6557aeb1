/* SPDX-License-Identifier: Apache-2.0 */
#include "api/recent.h"

#include "base/error.h"
#include "base/hash.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { TABLES = 16 }; /* four bits of a hash */

struct entry {
	struct identifier identifier;
	uint64_t use; /* keyed digest: the secret seed keeps a sender from finding two uses of one digest */
	int64_t noted;
};

/* A ring in order of age; the hash finds its entries. */
struct table {
	pthread_mutex_t lock;
	bool made;
	struct entry *ring;
	size_t first, count;
	struct hash *hash;
};

struct recent {
	size_t maximum; /* of a table */
	int64_t lifetime;
	uint64_t seed;
	struct table tables[TABLES];
};

static bool make_table(struct table *table, size_t maximum, uint64_t seed)
{
	if (pthread_mutex_init(&table->lock, NULL) != 0)
		return false;
	table->made = true;
	table->ring = calloc(maximum, sizeof(*table->ring));
	table->hash = hash_create(sizeof(struct identifier), maximum, seed);
	return table->ring != NULL && table->hash != NULL;
}

struct recent *recent_create(size_t maximum, int64_t lifetime, uint64_t seed)
{
	struct recent *recent = calloc(1, sizeof(*recent));

	if (recent == NULL)
		return NULL;
	recent->maximum = (maximum + TABLES - 1) / TABLES;
	recent->lifetime = lifetime;
	recent->seed = seed;
	for (size_t i = 0; i < TABLES; i++)
		if (!make_table(&recent->tables[i], recent->maximum, seed))
			return recent_free(recent);
	return recent;
}

struct recent *recent_free(struct recent *recent)
{
	if (recent == NULL)
		return NULL;
	for (size_t i = 0; i < TABLES; i++) {
		hash_free(recent->tables[i].hash);
		free(recent->tables[i].ring);
		if (recent->tables[i].made)
			(void)pthread_mutex_destroy(&recent->tables[i].lock);
	}
	free(recent);
	return NULL;
}

static void drop_oldest(const struct recent *recent, struct table *table)
{
	(void)hash_remove(table->hash, table->ring[table->first].identifier.octets);
	table->first = (table->first + 1) % recent->maximum;
	table->count--;
	/* A quiet table stays in few pages. */
	if (table->count == 0)
		table->first = 0;
}

static int note(const struct recent *recent, struct table *table, const struct entry *new)
{
	struct entry *entry;
	int code;

	while (table->count > 0 && new->noted - table->ring[table->first].noted > recent->lifetime)
		drop_oldest(recent, table);
	entry = hash_get(table->hash, new->identifier.octets);
	if (entry != NULL)
		return entry->use == new->use ? 1 : BUSBAR_ERROR_REPLAYED;
	if (table->count == recent->maximum)
		drop_oldest(recent, table);
	entry = &table->ring[(table->first + table->count) % recent->maximum];
	*entry = *new;
	code = hash_put(table->hash, new->identifier.octets, entry);
	if (code == 0)
		table->count++;
	return code;
}

int recent_note(struct recent *recent, const struct identifier *identifier, const struct recent_use *use,
                int64_t now)
{
	/* Keyed, since senders choose their identifiers. */
	uint64_t spread = hash_bytes_of(identifier->octets, sizeof(identifier->octets), recent->seed);
	struct table *table = &recent->tables[spread >> 60];
	const struct entry new = {.identifier = *identifier,
	                          .use = hash_bytes_of(use, sizeof(*use), recent->seed),
	                          .noted = now};
	int code;

	(void)pthread_mutex_lock(&table->lock);
	code = note(recent, table, &new);
	(void)pthread_mutex_unlock(&table->lock);
	return code;
}

size_t recent_count(struct recent *recent)
{
	size_t count = 0;

	for (size_t i = 0; i < TABLES; i++) {
		(void)pthread_mutex_lock(&recent->tables[i].lock);
		count += recent->tables[i].count;
		(void)pthread_mutex_unlock(&recent->tables[i].lock);
	}
	return count;
}
