/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the table: see table.h. */
#include "base/slab.h"
#include "bgp/table_internal.h"
#include <string.h>

struct table_choice table_choice_of(const struct prefix *prefix, const struct path *path)
{
	const uint64_t origin = table_origins(prefix)[path - table_paths(prefix)];
	struct table_choice choice = {
	        .length = prefix->key.length,
	        .attributes = path->published,
	        .peer = path->peer - 1,
	        .origin_as = table_origin_as(origin),
	        .originator = table_origin_router(origin),
	        .number = path->number,
	};

	memcpy(choice.address, prefix->key.address, sizeof(choice.address));
	return choice;
}

bool table_best(const struct table *table, const uint8_t address[16], uint8_t length,
                struct table_choice *ret_choice)
{
	const struct prefix *prefix = table_find(table, address, length);

	if (prefix == NULL || prefix->best == NO_PATH)
		return false;
	*ret_choice = table_choice_of(prefix, &table_paths(prefix)[prefix->best]);
	return true;
}

bool table_origin(const struct table *table, const uint8_t address[16], uint8_t length, uint32_t number,
                  struct table_choice *ret_choice)
{
	const struct prefix *prefix = table_find(table, address, length);
	const struct path *paths = prefix != NULL ? table_paths(prefix) : NULL;

	for (uint32_t i = 0; prefix != NULL && i < prefix->count; i++) {
		if (paths[i].number != number || !table_is_choice(&paths[i]))
			continue;
		*ret_choice = table_choice_of(prefix, &paths[i]);
		return true;
	}
	return false;
}

static void show_choices(const struct prefix *prefix,
                         void (*show)(void *context, const struct table_choice *choice, bool best),
                         void *context)
{
	const struct path *paths = table_paths(prefix);

	for (uint32_t i = 0; i < prefix->count; i++) {
		struct table_choice choice = table_choice_of(prefix, &paths[i]);

		if (table_is_choice(&paths[i]))
			show(context, &choice, i == prefix->best);
	}
}

void table_each(const struct table *table,
                void (*show)(void *context, const struct table_choice *choice, bool best), void *context)
{
	const struct prefix *prefix;
	size_t position = 0;

	while ((prefix = table_walk(table, &position)) != NULL)
		for (; prefix != NULL; prefix = prefix->next)
			show_choices(prefix, show, context);
}

static size_t show_paths(const struct prefix *prefix,
                         void (*show)(void *context, const struct table_path *path), void *context)
{
	struct table_path shown = {.length = prefix->key.length};
	const struct path *paths = table_paths(prefix);
	size_t count = 0;

	memcpy(shown.address, prefix->key.address, sizeof(shown.address));
	for (uint32_t i = 0; i < prefix->count; i++) {
		if (paths[i].attributes == NULL)
			continue;
		shown.attributes = paths[i].attributes;
		shown.peer = paths[i].peer - 1;
		shown.path_id = paths[i].path_id;
		shown.origin_as = table_origin_as(table_origins(prefix)[i]);
		shown.originator = table_origin_router(table_origins(prefix)[i]);
		shown.chosen = table_is_choice(&paths[i]);
		shown.best = i == prefix->best;
		shown.stale = (paths[i].flags & STALE) != 0;
		show(context, &shown);
		count++;
	}
	return count;
}

bool table_each_path(const struct table *table, size_t *position, size_t maximum,
                     void (*show)(void *context, const struct table_path *path), void *context)
{
	const struct prefix *prefix;
	size_t count = 0;

	while (count < maximum) {
		prefix = table_walk(table, position);
		if (prefix == NULL)
			return false;
		for (; prefix != NULL; prefix = prefix->next)
			count += show_paths(prefix, show, context);
	}
	return true;
}

size_t table_peer_paths(const struct table *table, int peer)
{
	return table_peer_of(table, peer)->paths;
}

size_t table_peer_stale(const struct table *table, int peer)
{
	return table_peer_of(table, peer)->stale;
}

bool table_peer_known(const struct table *table, int peer)
{
	return table_peer_of(table, peer)->records > 0;
}

void table_count(const struct table *table, struct table_statistics *ret_statistics)
{
	*ret_statistics = (struct table_statistics){
	        .prefixes = table->prefixes,
	        .origins = table->choices,
	        .paths = table->paths,
	        .bytes = table->attribute_bytes + table->array_bytes +
	                 table->bucket_count * sizeof(struct prefix *) + slab_bytes(table->slab),
	        .refused = table->refused,
	};
}
