/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: see table.h. Prefixes are chained in buckets; the paths of a prefix lie in one array, ordered by
 * peer and path identifier. Most prefixes have one path, which lies within the prefix; an anycast prefix of a
 * thousand sites is searched by halves and decided in one pass over its array.
 *
 * An origin has no record of its own: its paths carry its names, and the one that was chosen carries what
 * was reported. A chosen path that is withdrawn stays, without attributes, until that is reported.
 */
#include "base/hash.h"
#include "base/slab.h"
#include "bgp/table_internal.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIXES = 1 << 30, PATHS_PER_PEER = 1 << 18, FIRST_ARRAY = 4, FIRST_BUCKETS = 16 };

/* ---- prefixes by name ---- */

static struct key key_of(const uint8_t address[16], uint8_t length)
{
	struct key key = {.length = length};

	memcpy(key.address, address, sizeof(key.address));
	return key;
}

static struct prefix **bucket_of(const struct table *table, const struct key *key)
{
	return &table->buckets[hash_bytes_of(key, sizeof(*key), table->settings.seed) &
	                       (table->bucket_count - 1)];
}

struct prefix *table_find(const struct table *table, const uint8_t address[16], uint8_t length)
{
	struct key key = key_of(address, length);
	struct prefix *prefix = *bucket_of(table, &key);

	while (prefix != NULL && memcmp(&prefix->key, &key, sizeof(key)) != 0)
		prefix = prefix->next;
	return prefix;
}

struct prefix *table_walk(const struct table *table, size_t *position)
{
	while (*position < table->bucket_count) {
		struct prefix *first = table->buckets[(*position)++];

		if (first != NULL)
			return first;
	}
	return NULL;
}

static void link_prefix(struct table *table, struct prefix *prefix)
{
	struct prefix **bucket = bucket_of(table, &prefix->key);

	prefix->next = *bucket;
	*bucket = prefix;
}

/* Without memory the chains become longer. */
static void grow_buckets(struct table *table)
{
	struct prefix **old = table->buckets;
	size_t old_count = table->bucket_count;
	struct prefix *next;

	if (table->prefixes < table->bucket_count)
		return;
	table->buckets = calloc(2 * old_count, sizeof(struct prefix *));
	if (table->buckets == NULL) {
		table->buckets = old;
		return;
	}
	table->bucket_count = 2 * old_count;
	for (size_t i = 0; i < old_count; i++)
		for (struct prefix *prefix = old[i]; prefix != NULL; prefix = next) {
			next = prefix->next;
			link_prefix(table, prefix);
		}
	free(old);
}

static void unlink_prefix(struct table *table, const struct prefix *prefix)
{
	struct prefix **link = bucket_of(table, &prefix->key);

	while (*link != prefix)
		link = &(*link)->next;
	*link = prefix->next;
	table->prefixes--;
}

/* ---- attributes, counted ---- */

/* For a path; until now whoever made the block has the only reference, or other paths of its message too. */
static struct attributes *adopt(struct table *table, struct attributes *attributes)
{
	if (attributes_references(attributes) == 1)
		table->attribute_bytes += attributes_bytes(attributes);
	return attributes_hold(attributes);
}

struct attributes *table_drop(struct table *table, struct attributes *attributes)
{
	if (attributes != NULL && attributes_references(attributes) == 1)
		table->attribute_bytes -= attributes_bytes(attributes);
	return attributes_release(attributes);
}

/* ---- creation ---- */

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
	table_peer_of(table, peer)->maximum = maximum;
}

void table_set_peer(struct table *table, int peer, const struct table_peer *description)
{
	table_peer_of(table, peer)->description = *description;
}

struct table *table_create(const struct table_settings *settings)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->settings = *settings;
	table->buckets = calloc(FIRST_BUCKETS, sizeof(struct prefix *));
	table->bucket_count = table->buckets != NULL ? FIRST_BUCKETS : 0;
	table->slab = slab_create(sizeof(struct prefix), PREFIXES);
	if (table_set_peers(table, 0) == 0 && table->buckets != NULL && table->slab != NULL)
		return table;
	return table_free(table);
}

/* ---- the paths of a prefix ---- */

enum { PATH_BYTES = sizeof(struct path) + sizeof(uint64_t) };

/* Gives the paths another array, which has room for them; capacity 1: within the prefix. */
static int resize(struct table *table, struct prefix *prefix, uint32_t capacity)
{
	struct prefix old = *prefix;
	struct path *array = NULL;

	if (capacity > 1) {
		array = reallocarray(NULL, capacity, PATH_BYTES);
		if (array == NULL)
			return -ENOMEM;
		table->array_bytes += (size_t)capacity * PATH_BYTES;
		prefix->many = array;
	}
	prefix->capacity = capacity;
	memcpy(table_paths(prefix), table_paths(&old), old.count * sizeof(*array));
	memcpy(table_origins(prefix), table_origins(&old), old.count * sizeof(uint64_t));
	if (old.capacity > 1) {
		table->array_bytes -= (size_t)old.capacity * PATH_BYTES;
		free(old.many);
	}
	table->moves++;
	return 0;
}

/* Room for one more path. */
static int make_room(struct table *table, struct prefix *prefix)
{
	if (prefix->count < prefix->capacity)
		return 0;
	return resize(table, prefix, MAXIMUM(prefix->count + prefix->count / 4 + 2, (uint32_t)FIRST_ARRAY));
}

/* One path that is left goes back into the prefix, which takes no memory. */
static void fold(struct table *table, struct prefix *prefix)
{
	if (prefix->capacity > 1 && prefix->count <= 1)
		(void)resize(table, prefix, 1);
}

/* Whether a path sorts before (peer, path identifier). */
static bool before(const struct path *path, uint16_t peer, uint32_t path_id)
{
	return path->peer != peer ? path->peer < peer : path->path_id < path_id;
}

/* The first path that does not. */
static uint32_t lower_bound(const struct prefix *prefix, uint16_t peer, uint32_t path_id)
{
	const struct path *paths = table_paths(prefix);
	uint32_t low = 0, high = prefix->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (before(&paths[middle], peer, path_id))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What the peer says now under that path identifier; NULL: nothing. */
static struct path *find_path(const struct prefix *prefix, uint16_t peer, uint32_t path_id)
{
	struct path *paths = table_paths(prefix);

	for (uint32_t i = lower_bound(prefix, peer, path_id); i < prefix->count; i++) {
		if (paths[i].peer != peer || paths[i].path_id != path_id)
			break;
		if (paths[i].attributes != NULL)
			return &paths[i];
	}
	return NULL;
}

static int insert(struct table *table, struct prefix *prefix, const struct path *path, uint64_t origin,
                  struct path **ret_path)
{
	uint32_t at = lower_bound(prefix, path->peer, path->path_id);
	int code = make_room(table, prefix);
	struct path *paths = table_paths(prefix);
	uint64_t *origins = table_origins(prefix);
	size_t behind = prefix->count - at;

	if (code < 0)
		return code;
	memmove(&paths[at + 1], &paths[at], behind * sizeof(*paths));
	memmove(&origins[at + 1], &origins[at], behind * sizeof(*origins));
	paths[at] = *path;
	origins[at] = origin;
	prefix->count++;
	prefix->best += prefix->best != NO_PATH && prefix->best >= at;
	prefix->dirty_to += prefix->dirty_to > at;
	table->peers[path->peer].records++;
	table->moves++;
	*ret_path = &paths[at];
	return 0;
}

/* The record has nothing left. */
static void erase(struct table *table, struct prefix *prefix, uint32_t at)
{
	struct path *paths = table_paths(prefix);
	uint64_t *origins = table_origins(prefix);
	size_t behind = --prefix->count - at;

	table->peers[paths[at].peer].records--;
	if (prefix->best == at)
		prefix->best = NO_PATH;
	else
		prefix->best -= prefix->best != NO_PATH && prefix->best > at;
	prefix->dirty_from -= prefix->dirty_from > at;
	prefix->dirty_to -= prefix->dirty_to > at;
	memmove(&paths[at], &paths[at + 1], behind * sizeof(*paths));
	memmove(&origins[at], &origins[at + 1], behind * sizeof(*origins));
	table->moves++;
}

static void set_stale(struct table *table, struct path *path, bool stale)
{
	bool was = (path->flags & STALE) != 0;

	table->peers[path->peer].stale += (size_t)stale - (size_t)was;
	path->flags = (uint8_t)(stale ? path->flags | STALE : path->flags & ~STALE);
}

void table_set_published(struct table *table, struct path *path, struct attributes *attributes)
{
	struct attributes *old = path->published;

	table->choices += (size_t)(attributes != NULL) - (size_t)(old != NULL);
	path->published = attributes != NULL ? attributes_hold(attributes) : NULL;
	table_drop(table, old);
}

/* ---- the end ---- */

static void free_prefix(struct table *table, struct prefix *prefix)
{
	struct path *paths = table_paths(prefix);

	for (uint32_t i = 0; i < prefix->count; i++) {
		table_drop(table, paths[i].attributes);
		table_set_published(table, &paths[i], NULL);
	}
	if (prefix->capacity > 1) {
		table->array_bytes -= (size_t)prefix->capacity * PATH_BYTES;
		free(prefix->many);
	}
	slab_release(table->slab, prefix);
}

struct table *table_free(struct table *table)
{
	struct prefix *next;
	size_t position = 0;

	if (table == NULL)
		return NULL;
	for (struct prefix *first; (first = table_walk(table, &position)) != NULL;)
		for (struct prefix *prefix = first; prefix != NULL; prefix = next) {
			next = prefix->next;
			free_prefix(table, prefix);
		}
	free(table->buckets);
	slab_free(table->slab);
	free(table->scratch);
	free(table->changed);
	free(table->peers);
	free(table);
	return NULL;
}

/* ---- marking ---- */

static void mark(struct table *table, struct prefix *prefix)
{
	if (prefix->dirty)
		return;
	prefix->dirty = true;
	prefix->next_dirty = NULL;
	if (table->dirty == NULL)
		table->dirty = prefix;
	else
		table->dirty_last->next_dirty = prefix;
	table->dirty_last = prefix;
}

static void touch(struct prefix *prefix, uint32_t at)
{
	bool none = prefix->dirty_from >= prefix->dirty_to;

	table_paths(prefix)[at].flags |= DIRTY;
	prefix->dirty_from = none ? at : MINIMUM(prefix->dirty_from, at);
	prefix->dirty_to = none ? at + 1 : MAXIMUM(prefix->dirty_to, at + 1);
}

static void touch_origin(struct prefix *prefix, uint64_t wanted)
{
	const uint64_t *origins = table_origins(prefix);

	for (uint32_t i = 0; i < prefix->count; i++)
		if (origins[i] == wanted)
			touch(prefix, i);
}

static uint32_t index_of(const struct prefix *prefix, const struct path *path)
{
	return (uint32_t)(path - table_paths(prefix));
}

static int take_prefix(struct table *table, const struct update_prefix *wanted, struct prefix **ret_prefix)
{
	struct prefix *prefix = table_find(table, wanted->address, wanted->length);

	if (prefix == NULL) {
		prefix = slab_take(table->slab);
		if (prefix == NULL)
			return -ENOMEM;
		prefix->key = key_of(wanted->address, wanted->length);
		prefix->capacity = 1;
		prefix->best = NO_PATH;
		grow_buckets(table);
		link_prefix(table, prefix);
		table->prefixes++;
	}
	*ret_prefix = prefix;
	return 0;
}

/* ---- origins ---- */

static uint32_t origin_as(const struct table *table, const struct update_attributes *a)
{
	return a->as_count > 0 ? a->as_path[a->as_count - 1] : table->settings.as;
}

static uint32_t originator(const struct table *table, int peer, const struct update_attributes *a)
{
	if (a->as_count > 0)
		return a->has_opaque && table->settings.announcer != NULL
		               ? table->settings.announcer(a->opaque, a->opaque_size)
		               : 0;
	if (peer == TABLE_LOCAL)
		return table->settings.identifier;
	return a->has_originator ? a->originator : table_peer_of(table, peer)->description.identifier;
}

/*
 * The number is the AS number, or the originator's where there is one: it stays the same when an
 * origin goes and comes back, and says something to whoever reads it. Where two fall together, the later
 * one takes another, which peers cannot foresee: thousands that want the same one do not search in a row.
 */
static uint32_t own_number(uint64_t origin)
{
	return table_origin_router(origin) != 0 ? table_origin_router(origin) : table_origin_as(origin);
}

static bool is_taken(const struct prefix *prefix, uint32_t number)
{
	const struct path *paths = table_paths(prefix);

	for (uint32_t i = 0; i < prefix->count; i++)
		if (paths[i].number == number)
			return true;
	return number == 0;
}

/* As long as every origin has its own number, nobody else's needs a look. */
static uint32_t choose_number(const struct table *table, struct prefix *prefix, uint64_t wanted)
{
	const uint64_t *origins = table_origins(prefix);
	uint32_t number = own_number(wanted);
	bool doubtful = prefix->displaces || number == 0;

	for (uint32_t i = 0; i < prefix->count; i++) {
		if (origins[i] == wanted)
			return table_paths(prefix)[i].number;
		doubtful |= own_number(origins[i]) == number;
	}
	for (uint64_t try = 1; doubtful && is_taken(prefix, number); try++)
		number = (uint32_t)hash_bytes_of(&wanted, sizeof(wanted), table->settings.seed + try);
	prefix->displaces |= number != own_number(wanted);
	return number;
}

/* ---- changes ---- */

/* Withdrawn: gone at once, or once that has been reported. */
static void remove_path(struct table *table, struct prefix *prefix, struct path *path)
{
	struct peer *peer = &table->peers[path->peer];

	mark(table, prefix);
	set_stale(table, path, false);
	path->attributes = table_drop(table, path->attributes);
	prefix->forgets = true;
	peer->paths--;
	table->paths--;
	if (path->published != NULL) {
		touch(prefix, index_of(prefix, path));
		return;
	}
	touch_origin(prefix, table_origins(prefix)[index_of(prefix, path)]);
	erase(table, prefix, index_of(prefix, path));
}

static void set_path(struct table *table, struct prefix *prefix, struct path *path,
                     struct attributes *attributes)
{
	struct attributes *old = path->attributes;

	path->attributes = adopt(table, attributes);
	touch(prefix, index_of(prefix, path));
	set_stale(table, path, false);
	prefix->compares_med |= attributes_view(attributes).med != 0;
	mark(table, prefix);
	if (old == NULL) {
		table->peers[path->peer].paths++;
		table->paths++;
	}
	table_drop(table, old);
}

/* A withdrawn record of the same name and origin that has not been reported yet. */
static struct path *find_withdrawn(const struct prefix *prefix, const struct path *like, uint64_t origin)
{
	struct path *paths = table_paths(prefix);

	for (uint32_t i = lower_bound(prefix, like->peer, like->path_id); i < prefix->count; i++) {
		if (paths[i].peer != like->peer || paths[i].path_id != like->path_id)
			break;
		if (paths[i].attributes == NULL && table_origins(prefix)[i] == origin)
			return &paths[i];
	}
	return NULL;
}

/* For what its peer does not say under that path identifier, or says of another origin (`old`). */
static int add_path(struct table *table, struct prefix *prefix, struct path *old, struct path *new,
                    uint64_t origin, struct attributes *attributes)
{
	const struct peer *peer = &table->peers[new->peer];
	struct path *path;
	int code;

	if (old == NULL && peer->paths >= peer->maximum) {
		table->refused++;
		return BUSBAR_ERROR_TABLE_FULL;
	}
	if (old != NULL)
		remove_path(table, prefix, old);
	path = find_withdrawn(prefix, new, origin);
	if (path == NULL) {
		new->number = choose_number(table, prefix, origin);
		code = insert(table, prefix, new, origin, &path);
		if (code < 0)
			return code;
	}
	set_path(table, prefix, path, attributes);
	return 0;
}

int table_update(struct table *table, int peer, const struct update_prefix *update,
                 struct attributes *attributes)
{
	const struct update_attributes view = attributes_view(attributes);
	const uint64_t origin = table_make_origin(origin_as(table, &view), originator(table, peer, &view));
	struct path new = {.peer = (uint16_t)(peer + 1), .path_id = update->path_id};
	struct prefix *prefix;
	struct path *old;
	int code = take_prefix(table, update, &prefix);

	if (code < 0)
		return code;
	old = find_path(prefix, new.peer, new.path_id);
	if (old == NULL || table_origins(prefix)[index_of(prefix, old)] != origin) {
		code = add_path(table, prefix, old, &new, origin, attributes);
		if (code < 0)
			mark(table, prefix); /* may be empty */
		return code;
	}
	if (attributes_equal(old->attributes, attributes))
		set_stale(table, old, false);
	else
		set_path(table, prefix, old, attributes);
	return 0;
}

void table_withdraw(struct table *table, int peer, const struct update_prefix *update)
{
	struct prefix *prefix = table_find(table, update->address, update->length);
	struct path *path = prefix != NULL ? find_path(prefix, (uint16_t)(peer + 1), update->path_id) : NULL;

	if (path != NULL)
		remove_path(table, prefix, path);
}

/* ---- everything of one peer ---- */

static void stale_one(struct table *table, struct prefix *prefix, struct path *path)
{
	set_stale(table, path, true);
}

static void flush_stale_one(struct table *table, struct prefix *prefix, struct path *path)
{
	if ((path->flags & STALE) != 0)
		remove_path(table, prefix, path);
}

typedef void (*path_action)(struct table *table, struct prefix *prefix, struct path *path);

/* `act` may remove the path it is given. From the last on, so that removal moves what has been seen. */
static void each_of_prefix(struct table *table, struct prefix *prefix, uint16_t peer, path_action act)
{
	uint32_t first = lower_bound(prefix, peer, 0);

	for (uint32_t i = prefix->count; i-- > first;) {
		struct path *path = &table_paths(prefix)[i];

		if (path->peer == peer && path->attributes != NULL)
			act(table, prefix, path);
	}
}

static void each_of_peer(struct table *table, int peer, path_action act)
{
	const uint16_t number = (uint16_t)(peer + 1);
	struct prefix *prefix;
	size_t position = 0;

	while (table->peers[number].paths > 0 && (prefix = table_walk(table, &position)) != NULL)
		for (; prefix != NULL; prefix = prefix->next)
			each_of_prefix(table, prefix, number, act);
}

void table_flush(struct table *table, int peer)
{
	each_of_peer(table, peer, remove_path);
}

void table_mark_stale(struct table *table, int peer)
{
	each_of_peer(table, peer, stale_one);
}

void table_flush_stale(struct table *table, int peer)
{
	if (table_peer_of(table, peer)->stale > 0)
		each_of_peer(table, peer, flush_stale_one);
}

void table_sweep(struct table *table, struct prefix *prefix)
{
	for (uint32_t i = prefix->forgets ? prefix->count : 0; i-- > 0;) {
		const struct path *path = &table_paths(prefix)[i];

		if (path->attributes == NULL && path->published == NULL)
			erase(table, prefix, i);
	}
	prefix->forgets = prefix->dirty;
	fold(table, prefix);
	if (prefix->count > 0 || prefix->dirty)
		return;
	unlink_prefix(table, prefix);
	free_prefix(table, prefix);
}
