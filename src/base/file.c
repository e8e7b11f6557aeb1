/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files. Every descriptor is opened close-on-exec and closed on every path. */
#include "base/file.h"

#include "base/clock.h"
#include "busbar-error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int open_file(int folder, const char *path, int flags)
{
	int descriptor;

	do {
		descriptor = openat(folder, path, flags | O_CLOEXEC | O_NOCTTY);
	} while (descriptor < 0 && errno == EINTR);
	return descriptor < 0 ? -errno : descriptor;
}

/* Reads until `size` bytes or the end; the number read. */
static ssize_t read_up_to(int descriptor, char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(descriptor, bytes + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Guess of the size; one more byte is read than fits, to see the end. Files of /proc say 0. */
static size_t first_capacity(int descriptor, size_t maximum)
{
	struct stat status = {0};
	size_t size = 4096;

	if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
		size = (size_t)status.st_size;
	return MINIMUM(size, maximum) + 1;
}

static int read_all(int descriptor, size_t maximum, struct arena *arena, char **ret_bytes, size_t *ret_size)
{
	size_t capacity = first_capacity(descriptor, maximum);
	char *bytes = arena_alloc(arena, capacity);
	ssize_t size = bytes ? read_up_to(descriptor, bytes, capacity) : -ENOMEM;

	while (size >= 0 && (size_t)size == capacity && capacity <= maximum) {
		size_t larger = MINIMUM(2 * capacity, maximum + 1);
		char *copy = arena_alloc(arena, larger);
		ssize_t more;

		if (!copy)
			return -ENOMEM;
		memcpy(copy, bytes, capacity);
		more = read_up_to(descriptor, copy + capacity, larger - capacity);
		size = more < 0 ? more : size + more;
		bytes = copy;
		capacity = larger;
	}
	if (size < 0)
		return (int)size;
	if ((size_t)size > maximum)
		return BUSBAR_ERROR_TOO_LARGE;
	bytes[size] = '\0';
	*ret_bytes = bytes;
	*ret_size = (size_t)size;
	return 0;
}

int file_read(const char *path, size_t maximum, struct arena *arena, char **ret_bytes, size_t *ret_size)
{
	struct arena_mark mark = arena_save(arena);
	int descriptor;
	int code;

	if (maximum > SSIZE_MAX / 4)
		return -EINVAL;
	descriptor = open_file(AT_FDCWD, path, O_RDONLY);
	if (descriptor < 0)
		return descriptor;
	code = read_all(descriptor, maximum, arena, ret_bytes, ret_size);
	if (code < 0)
		arena_restore(arena, mark);
	(void)close(descriptor);
	return code;
}

int file_write_all(int descriptor, const void *bytes, size_t size)
{
	const char *next = bytes;

	while (size > 0) {
		ssize_t written = write(descriptor, next, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		next += written;
		size -= (size_t)written;
	}
	return 0;
}

/* Fills the temporary file and makes it durable; closes the descriptor. */
static int fill_file(int descriptor, const void *bytes, size_t size, mode_t mode)
{
	int code = file_write_all(descriptor, bytes, size);

	if (code == 0 && (fchmod(descriptor, mode) < 0 || fsync(descriptor) < 0))
		code = -errno;
	if (close(descriptor) < 0 && code == 0)
		code = -errno;
	return code;
}

/* Makes a rename within the folder of `path` durable. */
static int sync_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int descriptor;
	int code = 0;

	if (!slash)
		(void)snprintf(folder, sizeof(folder), ".");
	else
		(void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	descriptor = open_file(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
	if (descriptor < 0)
		return descriptor;
	if (fsync(descriptor) < 0)
		code = -errno;
	(void)close(descriptor);
	return code;
}

int file_write(const char *path, const void *bytes, size_t size, mode_t mode)
{
	char temporary[PATH_MAX];
	int length = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	int descriptor;
	int code;

	if (length < 0 || (size_t)length >= sizeof(temporary))
		return -ENAMETOOLONG;
	descriptor = mkostemp(temporary, O_CLOEXEC);
	if (descriptor < 0)
		return -errno;
	code = fill_file(descriptor, bytes, size, mode);
	if (code == 0 && rename(temporary, path) < 0)
		code = -errno;
	if (code < 0) {
		(void)unlink(temporary);
		return code;
	}
	return sync_folder(path);
}

static int make_one_folder(const char *path, mode_t mode)
{
	struct stat status;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &status) < 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

/* flock() has no time limit of its own. */
static int lock(int descriptor, int64_t patience)
{
	const struct timespec while_it = {.tv_nsec = 10 * CLOCK_MILLISECOND};
	int64_t end = clock_monotonic(&clock_system) + patience;

	while (flock(descriptor, patience < 0 ? LOCK_EX : LOCK_EX | LOCK_NB) < 0) {
		if (errno != EINTR && (errno != EWOULDBLOCK || clock_monotonic(&clock_system) >= end))
			return -errno;
		(void)nanosleep(&while_it, NULL);
	}
	return 0;
}

int file_lock(const char *path, int64_t patience, int *ret_descriptor)
{
	int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int code;

	if (descriptor < 0)
		return -errno;
	code = lock(descriptor, patience);
	if (code < 0) {
		(void)close(descriptor);
		return code;
	}
	*ret_descriptor = descriptor;
	return 0;
}

int file_make_folder(const char *path, mode_t mode)
{
	char prefix[PATH_MAX];
	size_t length = strlen(path);

	if (length == 0)
		return -ENOENT;
	if (length >= sizeof(prefix))
		return -ENAMETOOLONG;
	/* Each prefix that ends before a slash, the first one aside; the last one is the whole path. */
	for (size_t i = 0; i <= length; i++) {
		int code = 0;

		prefix[i] = '\0';
		if (i > 0 && (path[i] == '/' || path[i] == '\0'))
			code = make_one_folder(prefix, mode);
		if (code < 0)
			return code;
		prefix[i] = path[i];
	}
	return 0;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Opens a folder that is no link, for reading its names. The stream owns the descriptor. */
static int open_folder(int parent, const char *name, DIR **ret_folder)
{
	int descriptor = open_file(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *folder;

	if (descriptor < 0)
		return descriptor;
	folder = fdopendir(descriptor);
	if (!folder) {
		int code = -errno;

		(void)close(descriptor);
		return code;
	}
	*ret_folder = folder;
	return 0;
}

/* Moves the folder `name` out of `from` to a free name in the top folder. */
static int move_up(int from, const char *name, int top, unsigned *number)
{
	char target[32];

	for (;;) {
		(void)snprintf(target, sizeof(target), ".removed-%u", (*number)++);
		if (renameat(from, name, top, target) == 0)
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return -errno;
		if (*number == 0)
			return -EEXIST;
	}
}

/* Unlinks a name that is no folder: 0; -EISDIR for a folder. EPERM is what other systems say there. */
static int unlink_file(int folder, const char *name)
{
	struct stat status;

	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? -EISDIR : -EPERM;
}

/* Empties a folder of the top folder: files go, its folders move to the top. */
static int flatten(int top, const char *name, unsigned *number)
{
	DIR *folder = NULL;
	struct dirent *entry;
	int code = open_folder(top, name, &folder);

	if (code < 0)
		return code == -ENOENT ? 0 : code;
	while (code == 0 && (entry = readdir(folder))) {
		if (is_dots(entry->d_name))
			continue;
		code = unlink_file(dirfd(folder), entry->d_name);
		if (code == -EISDIR)
			code = move_up(dirfd(folder), entry->d_name, top, number);
	}
	(void)closedir(folder);
	if (code == 0 && unlinkat(top, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != ENOENT)
		code = -errno;
	return code;
}

/* One pass over the top folder; *ret_found counts the names seen. */
static int empty_once(DIR *top, unsigned *number, unsigned *ret_found)
{
	struct dirent *entry;
	unsigned found = 0;
	int code = 0;

	rewinddir(top);
	while (code == 0 && (entry = readdir(top))) {
		if (is_dots(entry->d_name))
			continue;
		found++;
		code = unlink_file(dirfd(top), entry->d_name);
		if (code == -EISDIR)
			code = flatten(dirfd(top), entry->d_name, number);
	}
	*ret_found = found;
	return code;
}

static int remove_folder(const char *path)
{
	DIR *top = NULL;
	unsigned number = 0;
	unsigned found = 1;
	int code = open_folder(AT_FDCWD, path, &top);

	if (code < 0)
		return code;
	while (code == 0 && found > 0)
		code = empty_once(top, &number, &found);
	(void)closedir(top);
	if (code == 0 && rmdir(path) < 0)
		code = -errno;
	return code;
}

int file_remove_tree(const char *path)
{
	char name[PATH_MAX];
	size_t length = strlen(path);
	int code;

	if (length >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, path, length + 1);
	/* With a final slash a link would be followed. */
	while (length > 1 && name[length - 1] == '/')
		name[--length] = '\0';
	code = unlink_file(AT_FDCWD, name);
	if (code == -EISDIR)
		code = remove_folder(name);
	return code == -ENOENT ? 0 : code;
}
