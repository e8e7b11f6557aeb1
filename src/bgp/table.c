/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: see table.h. Prefixes sit in a hash; their origins, and the origins' paths, in lists. */
#include "bgp/table.h"
#include "base/hash.h"
#include "base/slab.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct key {
	uint8_t address[16];
	uint8_t length;
};
_Static_assert(sizeof(struct key) == 17, "hashed as bytes");

struct path {
	struct path *next;
	struct decision_candidate candidate;
	struct attributes *attributes;
	int peer;
};

/* What was last reported; attributes NULL: nothing. */
struct published {
	struct attributes *attributes;
	int peer;
};

enum change { UNCHANGED, CHANGED, WITHDRAWN };

struct origin {
	struct origin *next;
	uint32_t as, originator, number;
	struct path *paths;
	const struct path *best; /* NULL while dirty or without paths */
	struct published published;
	enum change change; /* to be reported in this round */
	bool dirty;
};

struct prefix {
	struct key key;
	struct origin *origins;
	struct origin *best; /* published overall choice, NULL: none */
	struct published published;
	struct prefix *next_dirty;
	bool dirty;
};

struct peer {
	struct table_peer description;
	size_t paths, maximum;
};

struct table {
	struct table_settings settings;
	struct hash *prefixes;
	struct slab *prefix_slab, *origin_slab, *path_slab;
	struct prefix *dirty;
	struct peer *peers; /* [0] is TABLE_LOCAL */
	size_t peer_count;  /* that one included */
	const struct decision_candidate **scratch;
	size_t scratch_size;
	size_t attribute_bytes;
	size_t refused;
};

static struct peer *peer_of(const struct table *table, int peer)
{
	return &table->peers[peer + 1];
}

static struct key key_of(const uint8_t address[16], uint8_t length)
{
	struct key key = {.length = length};

	memcpy(key.address, address, sizeof(key.address));
	return key;
}

/* ---- creation ---- */

enum { PATHS = 1 << 30, PATHS_PER_PEER = 1 << 18 };

int table_set_peers(struct table *table, size_t count)
{
	struct peer *peers;

	if (count < table->peer_count)
		return 0;
	peers = reallocarray(table->peers, count + 1, sizeof(*peers));
	if (peers == NULL)
		return -ENOMEM;
	for (size_t i = table->peer_count; i <= count; i++)
		peers[i] = (struct peer){.maximum = PATHS_PER_PEER};
	table->peers = peers;
	table->peer_count = count + 1;
	return 0;
}

void table_set_maximum(struct table *table, int peer, size_t maximum)
{
	peer_of(table, peer)->maximum = maximum;
}

struct table *table_create(const struct table_settings *settings)
{
	struct table *table = calloc(1, sizeof(*table));
	if (table == NULL)
		return NULL;
	table->settings = *settings;
	table->prefixes = hash_create(sizeof(struct key), PATHS, settings->seed);
	table->prefix_slab = slab_create(sizeof(struct prefix), PATHS);
	table->origin_slab = slab_create(sizeof(struct origin), PATHS);
	table->path_slab = slab_create(sizeof(struct path), PATHS);
	if (table_set_peers(table, 0) == 0 && table->prefixes != NULL && table->prefix_slab != NULL &&
	    table->origin_slab != NULL && table->path_slab != NULL)
		return table;
	return table_free(table);
}

static void unpublish(struct published *published)
{
	published->attributes = attributes_release(published->attributes);
}

static void free_path(struct table *table, struct path *path)
{
	table->attribute_bytes -= attributes_bytes(path->attributes);
	attributes_release(path->attributes);
	peer_of(table, path->peer)->paths--;
	slab_release(table->path_slab, path);
}

static void free_origin(struct table *table, struct origin *origin)
{
	struct path *next;

	for (struct path *path = origin->paths; path != NULL; path = next) {
		next = path->next;
		free_path(table, path);
	}
	unpublish(&origin->published);
	slab_release(table->origin_slab, origin);
}

static void free_prefix(struct table *table, struct prefix *prefix)
{
	struct origin *next;

	for (struct origin *origin = prefix->origins; origin != NULL; origin = next) {
		next = origin->next;
		free_origin(table, origin);
	}
	unpublish(&prefix->published);
	slab_release(table->prefix_slab, prefix);
}

struct table *table_free(struct table *table)
{
	const void *key;
	void *value;
	size_t position = 0;

	if (table == NULL)
		return NULL;
	while (table->prefixes != NULL && hash_next(table->prefixes, &position, &key, &value))
		free_prefix(table, value);
	hash_free(table->prefixes);
	slab_free(table->prefix_slab);
	slab_free(table->origin_slab);
	slab_free(table->path_slab);
	free(table->scratch);
	free(table->peers);
	free(table);
	return NULL;
}

/* ---- marking ---- */

static void mark(struct table *table, struct prefix *prefix, struct origin *origin)
{
	if (origin != NULL) {
		origin->dirty = true;
		origin->best = NULL;
	}
	if (prefix->dirty)
		return;
	prefix->dirty = true;
	prefix->next_dirty = table->dirty;
	table->dirty = prefix;
}

static struct prefix *find_prefix(const struct table *table, const uint8_t address[16], uint8_t length)
{
	struct key key = key_of(address, length);

	return hash_get(table->prefixes, &key);
}

static int take_prefix(struct table *table, const struct update_prefix *wanted, struct prefix **ret_prefix)
{
	struct prefix *prefix = find_prefix(table, wanted->address, wanted->length);
	int code;

	if (prefix == NULL) {
		prefix = slab_take(table->prefix_slab);
		if (prefix == NULL)
			return -ENOMEM;
		prefix->key = key_of(wanted->address, wanted->length);
		code = hash_put(table->prefixes, &prefix->key, prefix);
		if (code < 0) {
			slab_release(table->prefix_slab, prefix);
			return code;
		}
	}
	*ret_prefix = prefix;
	return 0;
}

/* ---- origins ---- */

static uint32_t origin_as(const struct table *table, const struct update_attributes *attributes)
{
	return attributes->as_count > 0 ? attributes->as_path[attributes->as_count - 1] : table->settings.as;
}

static uint32_t originator(const struct table *table, int peer, const struct update_attributes *attributes)
{
	if (attributes->as_count > 0)
		return 0;
	if (peer == TABLE_LOCAL)
		return table->settings.identifier;
	return attributes->has_originator ? attributes->originator
	                                  : peer_of(table, peer)->description.identifier;
}

static struct origin *origin_by_number(const struct prefix *prefix, uint32_t number)
{
	struct origin *origin = prefix->origins;

	while (origin != NULL && origin->number != number)
		origin = origin->next;
	return origin;
}

/*
 * The number is the AS number, or the originator's identifier inside our own AS: it stays the same when an
 * origin goes and comes back, and says something to whoever reads it. Where two fall together, the later
 * one takes the next free number.
 */
static uint32_t choose_number(const struct prefix *prefix, uint32_t as, uint32_t router)
{
	uint32_t number = router != 0 ? router : as;

	while (number == 0 || origin_by_number(prefix, number) != NULL)
		number++;
	return number;
}

static int take_origin(struct table *table, struct prefix *prefix, int peer,
                       const struct update_attributes *attributes, struct origin **ret_origin)
{
	uint32_t as = origin_as(table, attributes);
	uint32_t router = originator(table, peer, attributes);
	struct origin *origin = prefix->origins;

	while (origin != NULL && (origin->as != as || origin->originator != router))
		origin = origin->next;
	if (origin == NULL) {
		origin = slab_take(table->origin_slab);
		if (origin == NULL)
			return -ENOMEM;
		origin->as = as;
		origin->originator = router;
		origin->number = choose_number(prefix, as, router);
		origin->next = prefix->origins;
		prefix->origins = origin;
	}
	*ret_origin = origin;
	return 0;
}

/* ---- paths ---- */

static struct path *find_path(const struct origin *origin, int peer, uint32_t path_id)
{
	struct path *path = origin->paths;

	while (path != NULL && (path->peer != peer || path->candidate.path_id != path_id))
		path = path->next;
	return path;
}

static void unlink_path(struct origin *origin, const struct path *path)
{
	struct path **link = &origin->paths;

	while (*link != path)
		link = &(*link)->next;
	*link = path->next;
}

/* The path of (peer, path identifier) within any origin of the prefix. */
static struct path *search(struct prefix *prefix, int peer, uint32_t path_id, struct origin **ret_origin)
{
	for (struct origin *origin = prefix->origins; origin != NULL; origin = origin->next) {
		struct path *path = find_path(origin, peer, path_id);

		if (path == NULL)
			continue;
		*ret_origin = origin;
		return path;
	}
	return NULL;
}

static void remove_path(struct table *table, struct prefix *prefix, struct origin *origin, struct path *path)
{
	mark(table, prefix, origin);
	unlink_path(origin, path);
	free_path(table, path);
}

static int add_path(struct table *table, struct prefix *prefix, int peer, uint32_t path_id,
                    struct attributes *attributes)
{
	const struct table_peer *description = &peer_of(table, peer)->description;
	const struct update_attributes *view = attributes_view(attributes);
	struct path *path = slab_take(table->path_slab);
	struct origin *origin;
	int code = path != NULL ? take_origin(table, prefix, peer, view, &origin) : -ENOMEM;

	if (code < 0) {
		slab_release(table->path_slab, path);
		return code;
	}
	path->attributes = attributes_hold(attributes);
	path->peer = peer;
	path->candidate = (struct decision_candidate){
	        .attributes = view,
	        .local = peer == TABLE_LOCAL,
	        .external = description->external,
	        .identifier = description->identifier,
	        .path_id = path_id,
	};
	memcpy(path->candidate.address, description->address, sizeof(description->address));
	path->next = origin->paths;
	origin->paths = path;
	peer_of(table, peer)->paths++;
	table->attribute_bytes += attributes_bytes(attributes);
	mark(table, prefix, origin);
	return 0;
}

int table_update(struct table *table, int peer, const struct update_prefix *update,
                 struct attributes *attributes)
{
	struct prefix *prefix;
	struct origin *origin;
	struct path *old;
	int code = take_prefix(table, update, &prefix);

	if (code < 0)
		return code;
	old = search(prefix, peer, update->path_id, &origin);
	if (old != NULL && attributes_equal(attributes_view(old->attributes), attributes_view(attributes)))
		return 0;
	if (old != NULL) {
		remove_path(table, prefix, origin, old);
	} else if (peer_of(table, peer)->paths >= peer_of(table, peer)->maximum) {
		table->refused++;
		mark(table, prefix, NULL);
		return BUSBAR_ERROR_TABLE_FULL;
	}
	code = add_path(table, prefix, peer, update->path_id, attributes);
	mark(table, prefix, NULL);
	return code;
}

void table_withdraw(struct table *table, int peer, const struct update_prefix *update)
{
	struct prefix *prefix = find_prefix(table, update->address, update->length);
	struct origin *origin;
	struct path *path = prefix != NULL ? search(prefix, peer, update->path_id, &origin) : NULL;

	if (path != NULL)
		remove_path(table, prefix, origin, path);
}

static void flush_origin(struct table *table, struct prefix *prefix, struct origin *origin, int peer)
{
	struct path *next;

	for (struct path *path = origin->paths; path != NULL; path = next) {
		next = path->next;
		if (path->peer == peer)
			remove_path(table, prefix, origin, path);
	}
}

void table_flush(struct table *table, int peer)
{
	const void *key;
	void *value;
	size_t position = 0;

	while (hash_next(table->prefixes, &position, &key, &value)) {
		struct prefix *prefix = value;

		for (struct origin *origin = prefix->origins; origin != NULL; origin = origin->next)
			flush_origin(table, prefix, origin, peer);
	}
}

/* ---- decisions ---- */

/* Room for `count` candidates; NULL when memory is short. */
static const struct decision_candidate **candidates(struct table *table, size_t count)
{
	const struct decision_candidate **grown;

	if (count <= table->scratch_size)
		return table->scratch;
	grown = reallocarray(table->scratch, 2 * count, sizeof(*grown));
	if (grown == NULL)
		return NULL;
	table->scratch = grown;
	table->scratch_size = 2 * count;
	return grown;
}

/* Without memory for a comparison the first path is taken: some route is better than none. */
static const struct path *decide_origin(struct table *table, const struct origin *origin)
{
	const struct decision_candidate **list;
	const struct decision_candidate *best;
	size_t count = 0;

	for (const struct path *path = origin->paths; path != NULL; path = path->next)
		count++;
	list = candidates(table, count);
	if (count < 2 || list == NULL)
		return origin->paths;
	count = 0;
	for (const struct path *path = origin->paths; path != NULL; path = path->next)
		list[count++] = &path->candidate;
	best = decision_best(list, count);
	return CONTAINER_OF(best, const struct path, candidate);
}

static struct origin *decide_prefix(struct table *table, struct prefix *prefix)
{
	const struct decision_candidate **list;
	const struct decision_candidate *best;
	struct origin *any = NULL;
	size_t count = 0;

	for (struct origin *origin = prefix->origins; origin != NULL; origin = origin->next)
		if (origin->best != NULL && ++count > 0)
			any = origin;
	list = candidates(table, count);
	if (count < 2 || list == NULL)
		return any;
	count = 0;
	for (struct origin *origin = prefix->origins; origin != NULL; origin = origin->next)
		if (origin->best != NULL)
			list[count++] = &origin->best->candidate;
	best = decision_best(list, count);
	for (any = prefix->origins; any->best == NULL || &any->best->candidate != best; any = any->next)
		continue;
	return any;
}

/* Notes `path` (NULL: none) as what is public now; the attributes of a withdrawn one stay for its report. */
static enum change replace(struct published *published, const struct path *path)
{
	bool changed;

	if (path == NULL)
		return published->attributes != NULL ? WITHDRAWN : UNCHANGED;
	changed =
	        published->attributes == NULL || published->peer != path->peer ||
	        !attributes_equal(attributes_view(published->attributes), attributes_view(path->attributes));
	attributes_hold(path->attributes);
	attributes_release(published->attributes);
	published->attributes = path->attributes;
	published->peer = path->peer;
	return changed ? CHANGED : UNCHANGED;
}

static struct table_choice choice_of(const struct prefix *prefix, const struct origin *origin)
{
	struct table_choice choice = {
	        .length = prefix->key.length,
	        .attributes = origin->published.attributes,
	        .peer = origin->published.peer,
	        .origin_as = origin->as,
	        .originator = origin->originator,
	        .number = origin->number,
	};

	memcpy(choice.address, prefix->key.address, sizeof(choice.address));
	return choice;
}

static enum change decide(struct table *table, struct prefix *prefix)
{
	enum change change;

	for (struct origin *origin = prefix->origins; origin != NULL; origin = origin->next) {
		origin->change = UNCHANGED;
		if (!origin->dirty)
			continue;
		origin->dirty = false;
		origin->best = decide_origin(table, origin);
		origin->change = replace(&origin->published, origin->best);
	}
	prefix->best = decide_prefix(table, prefix);
	change = replace(&prefix->published, prefix->best != NULL ? prefix->best->best : NULL);
	if (change == WITHDRAWN)
		unpublish(&prefix->published);
	return change;
}

/* The receiver may change paths and mark prefixes here; origins and prefixes are freed by sweep() alone. */
static void report_origins(struct prefix *prefix, const struct table_report *report, void *context)
{
	for (struct origin *origin = prefix->origins; origin != NULL; origin = origin->next) {
		enum change change = origin->change;
		struct table_choice choice = choice_of(prefix, origin);

		origin->change = UNCHANGED;
		if (change == UNCHANGED)
			continue;
		if (change == WITHDRAWN)
			origin->published.attributes = NULL;
		report->origin_changed(context, &choice, change == WITHDRAWN);
		if (change == WITHDRAWN)
			attributes_release(choice.attributes);
	}
}

static void report_best(const struct prefix *prefix, enum change change, bool was_foreign,
                        const struct table_report *report, void *context)
{
	struct table_choice choice;

	if (change == UNCHANGED)
		return;
	if (change == CHANGED)
		choice = choice_of(prefix, prefix->best);
	report->best_changed(context, prefix->key.address, prefix->key.length,
	                     change == CHANGED ? &choice : NULL, was_foreign);
}

static void sweep(struct table *table, struct prefix *prefix)
{
	struct origin **link = &prefix->origins;

	while (*link != NULL) {
		struct origin *origin = *link;

		if (origin->paths != NULL || origin->published.attributes != NULL) {
			link = &origin->next;
			continue;
		}
		*link = origin->next;
		free_origin(table, origin);
	}
	if (prefix->origins != NULL || prefix->dirty)
		return;
	(void)hash_remove(table->prefixes, &prefix->key);
	free_prefix(table, prefix);
}

bool table_dirty(const struct table *table)
{
	return table->dirty != NULL;
}

/* What the receiver marks meanwhile waits for the next round, so that a round always ends. */
void table_publish(struct table *table, const struct table_report *report, void *context)
{
	struct prefix *list = table->dirty, *next;

	table->dirty = NULL;
	for (struct prefix *prefix = list; prefix != NULL; prefix = next) {
		bool was_foreign =
		        prefix->published.attributes != NULL && prefix->published.peer != TABLE_LOCAL;
		enum change change;

		next = prefix->next_dirty;
		prefix->dirty = false;
		change = decide(table, prefix);
		report_origins(prefix, report, context);
		report_best(prefix, change, was_foreign, report, context);
		sweep(table, prefix);
	}
}

/* ---- looking ---- */

bool table_best(const struct table *table, const uint8_t address[16], uint8_t length,
                struct table_choice *ret_choice)
{
	const struct prefix *prefix = find_prefix(table, address, length);

	if (prefix == NULL || prefix->best == NULL || prefix->published.attributes == NULL)
		return false;
	*ret_choice = choice_of(prefix, prefix->best);
	return true;
}

bool table_origin(const struct table *table, const uint8_t address[16], uint8_t length, uint32_t number,
                  struct table_choice *ret_choice)
{
	const struct prefix *prefix = find_prefix(table, address, length);
	const struct origin *origin = prefix != NULL ? origin_by_number(prefix, number) : NULL;

	if (origin == NULL || origin->published.attributes == NULL)
		return false;
	*ret_choice = choice_of(prefix, origin);
	return true;
}

void table_each(const struct table *table,
                void (*show)(void *context, const struct table_choice *choice, bool best), void *context)
{
	const void *key;
	void *value;
	size_t position = 0;

	while (hash_next(table->prefixes, &position, &key, &value)) {
		const struct prefix *prefix = value;

		for (const struct origin *origin = prefix->origins; origin != NULL; origin = origin->next) {
			struct table_choice choice = choice_of(prefix, origin);

			if (choice.attributes != NULL)
				show(context, &choice, origin == prefix->best);
		}
	}
}

void table_set_peer(struct table *table, int peer, const struct table_peer *description)
{
	peer_of(table, peer)->description = *description;
}

size_t table_peer_paths(const struct table *table, int peer)
{
	return peer_of(table, peer)->paths;
}

bool table_peer_known(const struct table *table, int peer)
{
	return peer_of(table, peer)->paths > 0 || table->dirty != NULL;
}

static size_t show_paths(const struct prefix *prefix,
                         void (*show)(void *context, const struct table_path *path), void *context)
{
	struct table_path shown = {.length = prefix->key.length};
	size_t count = 0;

	memcpy(shown.address, prefix->key.address, sizeof(shown.address));
	for (const struct origin *origin = prefix->origins; origin != NULL; origin = origin->next)
		for (const struct path *path = origin->paths; path != NULL; path = path->next) {
			shown.attributes = path->attributes;
			shown.peer = path->peer;
			shown.path_id = path->candidate.path_id;
			shown.origin_as = origin->as;
			shown.originator = origin->originator;
			shown.chosen = path == origin->best;
			shown.best = shown.chosen && origin == prefix->best;
			show(context, &shown);
			count++;
		}
	return count;
}

bool table_each_path(const struct table *table, size_t *position, size_t maximum,
                     void (*show)(void *context, const struct table_path *path), void *context)
{
	const void *key;
	void *value;
	size_t count = 0;

	while (count < maximum) {
		if (!hash_next(table->prefixes, position, &key, &value))
			return false;
		count += show_paths(value, show, context);
	}
	return true;
}

void table_count(const struct table *table, struct table_statistics *ret_statistics)
{
	*ret_statistics = (struct table_statistics){
	        .prefixes = hash_count(table->prefixes),
	        .origins = slab_count(table->origin_slab),
	        .paths = slab_count(table->path_slab),
	        .bytes = table->attribute_bytes + hash_bytes(table->prefixes) +
	                 slab_bytes(table->prefix_slab) + slab_bytes(table->origin_slab) +
	                 slab_bytes(table->path_slab),
	        .refused = table->refused,
	};
}
