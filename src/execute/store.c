/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs by content.
 *
 * A blob is the file `HEX64`; one being written is `.writing-N`, and becomes a blob by fdatasync and rename,
 * so that a crash leaves it whole or leaves it out. The octets of unfinished files count as used. The order
 * of use is a list in memory and, for the next life, the files' modification times.
 */
#include "execute/store.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "wire/seal.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "store"
#define UNFINISHED ".writing-"

enum { BLOBS = 65536, NAME = 2 * STORE_DIGEST + 1, WRITE_BACK = 1 << 20 };

struct blob {
	uint8_t digest[STORE_DIGEST];
	uint64_t size;
	struct timespec used; /* only while the folder is read */
	uint32_t holds;
	struct blob *older, *newer;
};

struct store {
	int folder;
	uint64_t quota, used;
	uint64_t next; /* number of the next unfinished file */
	uint32_t writers;
	struct hash *blobs; /* digest -> struct blob */
	struct blob *oldest, *newest;
};

struct store_writer {
	struct store *store;
	uint8_t digest[STORE_DIGEST];
	uint64_t maximum, size;
	uint64_t written_back; /* octets whose way to the disk was started */
	int descriptor;
	int error; /* the first failure; it stays */
	gnutls_hash_hd_t hash;
	char name[NAME];
};

/* The list of use. */

static void list_remove(struct store *store, struct blob *blob)
{
	*(blob->older ? &blob->older->newer : &store->oldest) = blob->newer;
	*(blob->newer ? &blob->newer->older : &store->newest) = blob->older;
}

static void list_append(struct store *store, struct blob *blob)
{
	blob->older = store->newest;
	blob->newer = NULL;
	*(store->newest ? &store->newest->newer : &store->oldest) = blob;
	store->newest = blob;
}

static void touch(struct store *store, struct blob *blob)
{
	list_remove(store, blob);
	list_append(store, blob);
}

static struct blob *find(const struct store *store, const uint8_t digest[STORE_DIGEST])
{
	return hash_get(store->blobs, digest);
}

/* The table takes the blob; its file is there. */
static int add_blob(struct store *store, const uint8_t digest[STORE_DIGEST], uint64_t size,
                    struct blob **ret_blob)
{
	struct blob *blob = calloc(1, sizeof(*blob));
	int code;

	if (!blob)
		return -ENOMEM;
	memcpy(blob->digest, digest, STORE_DIGEST);
	blob->size = size;
	code = hash_put(store->blobs, blob->digest, blob);
	if (code < 0) {
		free(blob);
		return code;
	}
	list_append(store, blob);
	store->used += size;
	*ret_blob = blob;
	return 0;
}

static void forget(struct store *store, struct blob *blob)
{
	(void)hash_remove(store->blobs, blob->digest);
	list_remove(store, blob);
	store->used -= blob->size;
	free(blob);
}

static void remove_blob(struct store *store, struct blob *blob)
{
	char name[NAME];

	hex_format(blob->digest, STORE_DIGEST, name);
	if (unlinkat(store->folder, name, 0) < 0 && errno != ENOENT)
		log_warning(TAG, "blob=%s error=\"cannot remove: %s\"", name, strerror(errno));
	forget(store, blob);
}

static bool has_room(const struct store *store, uint64_t size, size_t blobs)
{
	return size <= store->quota && store->used <= store->quota - size &&
	       hash_count(store->blobs) + blobs <= BLOBS;
}

/* Whether room for `size` octets more could be made at all; evicts nothing. */
static bool can_make_room(const struct store *store, uint64_t size, size_t blobs)
{
	uint64_t used = store->used;
	size_t count = hash_count(store->blobs);

	if (size > store->quota)
		return false;
	for (const struct blob *blob = store->oldest; blob; blob = blob->newer) {
		if (used <= store->quota - size && count + blobs <= BLOBS)
			return true;
		if (blob->holds == 0) {
			used -= blob->size;
			count--;
		}
	}
	return used <= store->quota - size && count + blobs <= BLOBS;
}

/* Evicts, the least recently used first, until the octets and blobs fit; nothing when they never will. */
static int make_room(struct store *store, uint64_t size, size_t blobs)
{
	struct blob *next;

	if (has_room(store, size, blobs))
		return 0;
	if (!can_make_room(store, size, blobs))
		return BUSBAR_ERROR_NO_CAPACITY;
	for (struct blob *blob = store->oldest; blob && !has_room(store, size, blobs); blob = next) {
		next = blob->newer;
		if (blob->holds == 0)
			remove_blob(store, blob);
	}
	return 0;
}

/* Opening: what the folder holds. */

static bool is_blob_name(const char *name, uint8_t ret_digest[STORE_DIGEST])
{
	char canonical[NAME];

	return strlen(name) == NAME - 1 && hex_parse(name, ret_digest, STORE_DIGEST) == 0 &&
	       strcmp(hex_format(ret_digest, STORE_DIGEST, canonical), name) == 0;
}

static int read_entry(struct store *store, const char *name)
{
	uint8_t digest[STORE_DIGEST];
	struct stat status;
	struct blob *blob;
	int code;

	if (strncmp(name, UNFINISHED, strlen(UNFINISHED)) == 0)
		return unlinkat(store->folder, name, 0) < 0 ? -errno : 0;
	if (!is_blob_name(name, digest))
		return 0;
	if (fstatat(store->folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return 0;
	code = add_blob(store, digest, (uint64_t)status.st_size, &blob);
	if (code == 0)
		blob->used = status.st_mtim;
	return code;
}

static int by_use(const void *a, const void *b)
{
	const struct timespec *left = &(*(struct blob *const *)a)->used;
	const struct timespec *right = &(*(struct blob *const *)b)->used;

	if (left->tv_sec != right->tv_sec)
		return left->tv_sec < right->tv_sec ? -1 : 1;
	return left->tv_nsec < right->tv_nsec ? -1 : left->tv_nsec > right->tv_nsec;
}

static int order_by_use(struct store *store)
{
	size_t count = hash_count(store->blobs);
	struct blob **blobs = calloc(count + 1, sizeof(struct blob *));
	size_t filled = 0;

	if (!blobs)
		return -ENOMEM;
	for (struct blob *blob = store->oldest; blob; blob = blob->newer)
		blobs[filled++] = blob;
	qsort(blobs, filled, sizeof(struct blob *), by_use);
	store->oldest = store->newest = NULL;
	for (size_t i = 0; i < filled; i++)
		list_append(store, blobs[i]);
	free(blobs);
	return 0;
}

static int read_folder(struct store *store)
{
	int descriptor = openat(store->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
	struct dirent *entry;
	int code = 0;

	if (!folder) {
		code = -errno;
		if (descriptor >= 0)
			close(descriptor);
		return code;
	}
	while (code == 0 && (entry = readdir(folder)))
		code = read_entry(store, entry->d_name);
	closedir(folder);
	if (code == 0)
		code = order_by_use(store);
	return code == 0 ? make_room(store, 0, 0) : code;
}

int store_open(const char *folder, uint64_t quota, struct store **ret_store)
{
	struct store *store = calloc(1, sizeof(*store));
	uint64_t seed;
	int code;

	if (!store)
		return -ENOMEM;
	store->quota = quota;
	store->folder = -1;
	code = random_system(&seed, sizeof(seed));
	if (code < 0)
		goto fail;
	store->blobs = hash_create(STORE_DIGEST, BLOBS, seed);
	code = store->blobs ? file_make_folder(folder, 0700) : -ENOMEM;
	if (code < 0)
		goto fail;
	store->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	code = store->folder < 0 ? -errno : read_folder(store);
	if (code < 0)
		goto fail;
	*ret_store = store;
	return 0;
fail:
	store_close(store);
	return code;
}

struct store *store_close(struct store *store)
{
	struct blob *next;

	if (!store)
		return NULL;
	assert(store->writers == 0);
	for (struct blob *blob = store->oldest; blob; blob = next) {
		next = blob->newer;
		free(blob);
	}
	hash_free(store->blobs);
	if (store->folder >= 0)
		close(store->folder);
	free(store);
	return NULL;
}

bool store_has(struct store *store, const uint8_t digest[STORE_DIGEST])
{
	return find(store, digest) != NULL;
}

int store_read(struct store *store, const uint8_t digest[STORE_DIGEST], uint64_t *ret_size)
{
	struct blob *blob = find(store, digest);
	char name[NAME];
	struct stat status;
	int descriptor;

	if (!blob)
		return BUSBAR_ERROR_NOT_FOUND;
	hex_format(digest, STORE_DIGEST, name);
	descriptor = openat(store->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (descriptor < 0 && errno != ENOENT)
		return -errno;
	/* Someone else's hand took it away or cut it. */
	if (descriptor < 0 || fstat(descriptor, &status) < 0 || (uint64_t)status.st_size != blob->size) {
		if (descriptor >= 0)
			close(descriptor);
		log_error(TAG, "blob=%s error=\"file is missing or cut\"", name);
		remove_blob(store, blob);
		return BUSBAR_ERROR_NOT_FOUND;
	}
	(void)futimens(descriptor, NULL);
	touch(store, blob);
	*ret_size = blob->size;
	return descriptor;
}

/* Writing. */

/* Makes a file that is whole and durable under `from` the blob `digest`, which is new. */
static int install(struct store *store, int from_folder, const char *from, const uint8_t digest[STORE_DIGEST],
                   uint64_t size)
{
	struct blob *blob;
	char name[NAME];
	int code = add_blob(store, digest, size, &blob);

	if (code < 0)
		return code;
	hex_format(digest, STORE_DIGEST, name);
	if (renameat(from_folder, from, store->folder, name) < 0 || fsync(store->folder) < 0)
		code = -errno;
	if (code < 0)
		remove_blob(store, blob);
	return code;
}

int store_begin(struct store *store, const uint8_t digest[STORE_DIGEST], uint64_t maximum,
                struct store_writer **ret_writer)
{
	struct store_writer *writer = calloc(1, sizeof(*writer));
	int code = -ENOMEM;

	if (!writer)
		return code;
	writer->store = store;
	writer->maximum = maximum;
	memcpy(writer->digest, digest, STORE_DIGEST);
	if (gnutls_hash_init(&writer->hash, GNUTLS_DIG_SHA256) < 0)
		goto fail;
	(void)snprintf(writer->name, sizeof(writer->name), UNFINISHED "%llu",
	               (unsigned long long)store->next++);
	writer->descriptor = openat(store->folder, writer->name,
	                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (writer->descriptor < 0) {
		code = -errno;
		gnutls_hash_deinit(writer->hash, NULL);
		goto fail;
	}
	store->writers++;
	*ret_writer = writer;
	return 0;
fail:
	free(writer);
	return code;
}

static int append(struct store_writer *writer, const void *bytes, size_t size)
{
	struct store *store = writer->store;
	int code;

	if (size > writer->maximum - writer->size)
		return BUSBAR_ERROR_TOO_LARGE;
	code = make_room(store, size, 0);
	if (code < 0)
		return code;
	writer->size += size;
	store->used += size;
	if (gnutls_hash(writer->hash, bytes, size) < 0)
		return -EIO;
	code = file_write_all(writer->descriptor, bytes, size);
	/* The disk starts early, so that the loop hardly waits for it in store_finish(). */
	if (code == 0 && writer->size - writer->written_back >= WRITE_BACK) {
		(void)sync_file_range(writer->descriptor, (off_t)writer->written_back,
		                      (off_t)(writer->size - writer->written_back), SYNC_FILE_RANGE_WRITE);
		writer->written_back = writer->size;
	}
	return code;
}

int store_append(struct store_writer *writer, const void *bytes, size_t size)
{
	if (writer->error == 0 && size > 0)
		writer->error = append(writer, bytes, size);
	return writer->error;
}

static void free_writer(struct store_writer *writer)
{
	writer->store->used -= writer->size;
	writer->store->writers--;
	close(writer->descriptor);
	free(writer);
}

static int check_digest(struct store_writer *writer)
{
	uint8_t digest[STORE_DIGEST];

	gnutls_hash_output(writer->hash, digest);
	return memcmp(digest, writer->digest, STORE_DIGEST) == 0 ? 0 : BUSBAR_ERROR_DIGEST;
}

int store_finish(struct store_writer *writer)
{
	struct store *store = writer->store;
	struct blob *present = find(store, writer->digest);
	int code = writer->error ? writer->error : check_digest(writer);

	if (code < 0 || present) {
		if (code == 0)
			touch(store, present);
		store_abandon(writer);
		return code;
	}
	if (fdatasync(writer->descriptor) < 0)
		code = -errno;
	if (code == 0)
		code = make_room(store, 0, 1);
	if (code == 0)
		code = install(store, store->folder, writer->name, writer->digest, writer->size);
	if (code < 0) {
		store_abandon(writer);
		return code;
	}
	gnutls_hash_deinit(writer->hash, NULL);
	free_writer(writer);
	return 0;
}

void store_abandon(struct store_writer *writer)
{
	if (!writer)
		return;
	(void)unlinkat(writer->store->folder, writer->name, 0);
	gnutls_hash_deinit(writer->hash, NULL);
	free_writer(writer);
}

int store_put(struct store *store, const void *bytes, size_t size, uint8_t ret_digest[STORE_DIGEST])
{
	uint8_t digest[STORE_DIGEST];
	struct store_writer *writer;
	struct blob *present;
	int code = seal_digest(bytes, size, digest);

	if (code < 0)
		return code;
	present = find(store, digest);
	if (present) {
		touch(store, present);
		memcpy(ret_digest, digest, STORE_DIGEST);
		return 0;
	}
	code = store_begin(store, digest, size, &writer);
	if (code < 0)
		return code;
	code = store_append(writer, bytes, size);
	if (code < 0) {
		store_abandon(writer);
		return code;
	}
	code = store_finish(writer);
	if (code == 0)
		memcpy(ret_digest, digest, STORE_DIGEST);
	return code;
}

/* Digest of a regular file, and its content on the disk. */
static int examine(const char *path, uint8_t ret_digest[STORE_DIGEST], uint64_t *ret_size)
{
	int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	int code;

	if (descriptor < 0)
		return -errno;
	code = fstat(descriptor, &status) < 0 ? -errno : 0;
	if (code == 0 && !S_ISREG(status.st_mode))
		code = BUSBAR_ERROR_BAD_VALUE;
	if (code == 0)
		code = seal_digest_file(descriptor, ret_digest, ret_size);
	if (code == 0 && (futimens(descriptor, NULL) < 0 || fdatasync(descriptor) < 0))
		code = -errno;
	close(descriptor);
	return code;
}

int store_adopt(struct store *store, const char *path, uint8_t ret_digest[STORE_DIGEST], uint64_t *ret_size)
{
	uint8_t digest[STORE_DIGEST];
	struct blob *present;
	uint64_t size;
	int code = examine(path, digest, &size);

	if (code < 0)
		return code;
	present = find(store, digest);
	if (present) {
		touch(store, present);
		if (unlink(path) < 0)
			return -errno;
	} else {
		code = make_room(store, size, 1);
		if (code == 0)
			code = install(store, AT_FDCWD, path, digest, size);
	}
	if (code < 0)
		return code;
	memcpy(ret_digest, digest, STORE_DIGEST);
	*ret_size = size;
	return 0;
}

int store_hold(struct store *store, const uint8_t digest[STORE_DIGEST])
{
	struct blob *blob = find(store, digest);

	if (!blob)
		return BUSBAR_ERROR_NOT_FOUND;
	if (blob->holds == UINT32_MAX)
		return BUSBAR_ERROR_TABLE_FULL;
	blob->holds++;
	return 0;
}

void store_release(struct store *store, const uint8_t digest[STORE_DIGEST])
{
	struct blob *blob = find(store, digest);

	if (blob && blob->holds > 0)
		blob->holds--;
}

uint64_t store_used(const struct store *store)
{
	return store->used;
}

size_t store_count(const struct store *store)
{
	return hash_count(store->blobs);
}
