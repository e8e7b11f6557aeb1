/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unsynced: a library to be preloaded into a daemon, which keeps beside its files what a loss of power would
 * leave of them.
 *
 *   UNSYNCED_FOLDER  files below it are watched
 *   UNSYNCED_SHADOW  where their shadows are kept, under the same names; both without a final slash
 *
 * A shadow holds what was in its file at the last fsync() or fdatasync() of it. Whoever kills the daemon puts
 * the shadows in the files' place, and what was written but not synced is gone. Names are taken as durable at
 * once: creation, renaming and removal are done to the shadow as well. Shared memory (SQLite's -shm) is not
 * watched.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096, RANGES = 64, BLOCK = 65536 };

/* What of an open file was written since it was last synced. */
struct file {
	char path[PATH_MAX]; /* below the folder */
	int users;
	unsigned count;
	struct {
		off_t start, end;
	} ranges[RANGES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files[DESCRIPTORS]; /* by descriptor; shared between descriptors of one path */

/* The call that is replaced; looked up once. */
#define REAL(name)                                                         \
	({                                                                 \
		static __typeof__(&name) real;                             \
                                                                           \
		if (real == NULL)                                          \
			real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
		real;                                                      \
	})

/* The shadow's path; false when the path is not watched. */
static bool shadow_of(const char *path, char shadow[PATH_MAX])
{
	const char *folder = getenv("UNSYNCED_FOLDER"), *there = getenv("UNSYNCED_SHADOW");
	size_t length = folder == NULL ? 0 : strlen(folder), end = strlen(path);

	if (folder == NULL || there == NULL || strncmp(path, folder, length) != 0 || path[length] != '/' ||
	    (end > 4 && strcmp(path + end - 4, "-shm") == 0))
		return false;
	return snprintf(shadow, PATH_MAX, "%s%s", there, path + length) < PATH_MAX;
}

static void make_folders(char *path)
{
	for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		(void)mkdir(path, 0700);
		*at = '/';
	}
}

static struct file *find_open(const char *path)
{
	for (int i = 0; i < DESCRIPTORS; i++)
		if (files[i] != NULL && strcmp(files[i]->path, path) == 0)
			return files[i];
	return NULL;
}

/* A watched file was opened for writing. */
static void note_open(int descriptor, const char *path, int flags)
{
	char shadow[PATH_MAX];
	struct file *file;
	int there;

	if (descriptor < 0 || descriptor >= DESCRIPTORS || (flags & O_ACCMODE) == O_RDONLY ||
	    !shadow_of(path, shadow))
		return;
	(void)pthread_mutex_lock(&lock);
	file = find_open(path);
	if (file == NULL) {
		file = calloc(1, sizeof(*file));
		if (file == NULL)
			abort();
		(void)snprintf(file->path, sizeof(file->path), "%s", path);
	}
	file->users++;
	files[descriptor] = file;
	make_folders(shadow);
	there = REAL(open)(shadow, O_WRONLY | O_CREAT | O_CLOEXEC | (flags & O_TRUNC), 0600);
	if (there >= 0)
		(void)REAL(close)(there);
	(void)pthread_mutex_unlock(&lock);
}

static void note_range(int descriptor, off_t start, off_t end)
{
	struct file *file;

	if (descriptor < 0 || descriptor >= DESCRIPTORS || end <= start)
		return;
	(void)pthread_mutex_lock(&lock);
	file = files[descriptor];
	if (file != NULL && file->count > 0 && file->ranges[file->count - 1].end == start) {
		file->ranges[file->count - 1].end = end;
	} else if (file != NULL && file->count < RANGES) {
		file->ranges[file->count].start = start;
		file->ranges[file->count++].end = end;
	} else if (file != NULL) { /* too many to tell apart: one that holds them all */
		for (unsigned i = 0; i < file->count; i++) {
			start = file->ranges[i].start < start ? file->ranges[i].start : start;
			end = file->ranges[i].end > end ? file->ranges[i].end : end;
		}
		file->ranges[0].start = start;
		file->ranges[0].end = end;
		file->count = 1;
	}
	(void)pthread_mutex_unlock(&lock);
}

static void copy_range(int from, int to, off_t start, off_t end)
{
	static char block[BLOCK]; /* under the lock */

	while (start < end) {
		size_t want = end - start < BLOCK ? (size_t)(end - start) : BLOCK;
		ssize_t got = pread(from, block, want, start);

		if (got <= 0 || REAL(pwrite)(to, block, (size_t)got, start) != got)
			return;
		start += got;
	}
}

/* The file is durable now. */
static void note_sync(int descriptor)
{
	char shadow[PATH_MAX];
	struct stat status;
	struct file *file;
	int from, to;

	if (descriptor < 0 || descriptor >= DESCRIPTORS)
		return;
	(void)pthread_mutex_lock(&lock);
	file = files[descriptor];
	if (file != NULL && shadow_of(file->path, shadow)) {
		from = REAL(open)(file->path, O_RDONLY | O_CLOEXEC);
		to = REAL(open)(shadow, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		for (unsigned i = 0; from >= 0 && to >= 0 && i < file->count; i++)
			copy_range(from, to, file->ranges[i].start, file->ranges[i].end);
		if (from >= 0 && to >= 0 && fstat(from, &status) == 0 &&
		    REAL(ftruncate)(to, status.st_size) < 0)
			abort();
		if (from >= 0)
			(void)REAL(close)(from);
		if (to >= 0)
			(void)REAL(close)(to);
		file->count = 0;
	}
	(void)pthread_mutex_unlock(&lock);
}

static void note_close(int descriptor)
{
	if (descriptor < 0 || descriptor >= DESCRIPTORS)
		return;
	(void)pthread_mutex_lock(&lock);
	if (files[descriptor] != NULL && --files[descriptor]->users == 0)
		free(files[descriptor]);
	files[descriptor] = NULL;
	(void)pthread_mutex_unlock(&lock);
}

/* What is preloaded: the calls by which the daemon and its libraries change files. */

static mode_t mode_of(int flags, va_list *arguments)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(*arguments, mode_t) : 0;
}

#define WATCHED_OPEN(name)                                                                \
	__attribute__((visibility("default"))) int name(const char *path, int flags, ...) \
	{                                                                                 \
		va_list arguments;                                                        \
		mode_t mode;                                                              \
		int descriptor;                                                           \
                                                                                          \
		va_start(arguments, flags);                                               \
		mode = mode_of(flags, &arguments);                                        \
		va_end(arguments);                                                        \
		descriptor = REAL(name)(path, flags, mode);                               \
		note_open(descriptor, path, flags);                                       \
		return descriptor;                                                        \
	}
WATCHED_OPEN(open)
WATCHED_OPEN(open64)

#define PUBLIC __attribute__((visibility("default")))

PUBLIC int close(int descriptor)
{
	note_close(descriptor);
	return REAL(close)(descriptor);
}

PUBLIC ssize_t write(int descriptor, const void *bytes, size_t size)
{
	ssize_t written = REAL(write)(descriptor, bytes, size);

	if (written > 0 && descriptor < DESCRIPTORS && files[descriptor] != NULL) {
		off_t end = lseek(descriptor, 0, SEEK_CUR);

		note_range(descriptor, end - written, end);
	}
	return written;
}

PUBLIC ssize_t writev(int descriptor, const struct iovec *vectors, int count)
{
	ssize_t written = REAL(writev)(descriptor, vectors, count);

	if (written > 0 && descriptor < DESCRIPTORS && files[descriptor] != NULL) {
		off_t end = lseek(descriptor, 0, SEEK_CUR);

		note_range(descriptor, end - written, end);
	}
	return written;
}

#define WATCHED_PWRITE(name, offset_type)                                                       \
	PUBLIC ssize_t name(int descriptor, const void *bytes, size_t size, offset_type offset) \
	{                                                                                       \
		ssize_t written = REAL(name)(descriptor, bytes, size, offset);                  \
                                                                                                \
		note_range(descriptor, offset, offset + (written > 0 ? written : 0));           \
		return written;                                                                 \
	}
WATCHED_PWRITE(pwrite, off_t)
WATCHED_PWRITE(pwrite64, off64_t)

#define WATCHED_SYNC(name)                           \
	PUBLIC int name(int descriptor)              \
	{                                            \
		int result = REAL(name)(descriptor); \
                                                     \
		if (result == 0)                     \
			note_sync(descriptor);       \
		return result;                       \
	}
WATCHED_SYNC(fsync)
WATCHED_SYNC(fdatasync)

PUBLIC int rename(const char *from, const char *to)
{
	char shadow_from[PATH_MAX], shadow_to[PATH_MAX];
	int result = REAL(rename)(from, to);
	struct file *file;

	if (result != 0 || !shadow_of(from, shadow_from) || !shadow_of(to, shadow_to))
		return result;
	(void)pthread_mutex_lock(&lock);
	make_folders(shadow_to);
	(void)REAL(rename)(shadow_from, shadow_to);
	file = find_open(from);
	if (file != NULL)
		(void)snprintf(file->path, sizeof(file->path), "%s", to);
	(void)pthread_mutex_unlock(&lock);
	return result;
}

PUBLIC int unlink(const char *path)
{
	char shadow[PATH_MAX];
	int result = REAL(unlink)(path);

	if (result == 0 && shadow_of(path, shadow))
		(void)REAL(unlink)(shadow);
	return result;
}
