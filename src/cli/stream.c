/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stream.h"

#include "base/file.h"
#include "busbar-error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STREAM_FIRST = 65536, STREAM_MODE = 0644 };

static bool is_standard(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* Makes room for one octet past `size`. */
static int grow(char **bytes, size_t *capacity, size_t size)
{
	size_t larger = *capacity == 0 ? STREAM_FIRST : 2 * *capacity;
	char *copy;

	if (size + 1 < *capacity)
		return 0;
	copy = realloc(*bytes, larger);
	if (copy == NULL)
		return -ENOMEM;
	*bytes = copy;
	*capacity = larger;
	return 0;
}

static int read_all(int descriptor, size_t maximum, char **bytes, size_t *size)
{
	size_t capacity = 0;
	ssize_t got;

	do {
		int code = grow(bytes, &capacity, *size);

		if (code < 0)
			return code;
		got = read(descriptor, *bytes + *size, capacity - *size - 1);
		if (got < 0 && errno != EINTR)
			return -errno;
		*size += got > 0 ? (size_t)got : 0;
		if (*size > maximum)
			return BUSBAR_ERROR_TOO_LARGE;
	} while (got != 0);
	(*bytes)[*size] = '\0';
	return 0;
}

int stream_read(const char *path, size_t maximum, void **ret_bytes, size_t *ret_size)
{
	int descriptor = is_standard(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *bytes = NULL;
	size_t size = 0;
	int code;

	if (descriptor < 0)
		return -errno;
	code = read_all(descriptor, maximum, &bytes, &size);
	if (descriptor != STDIN_FILENO)
		close(descriptor);
	if (code < 0) {
		free(bytes);
		return code;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

/* /dev/null or a named pipe must stay what it is. */
static int write_through(const char *path, const void *bytes, size_t size)
{
	int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	int code;

	if (descriptor < 0)
		return -errno;
	code = file_write_all(descriptor, bytes, size);
	if (close(descriptor) < 0 && code == 0)
		code = -errno;
	return code;
}

int stream_write(const char *path, const void *bytes, size_t size)
{
	struct stat status;

	if (is_standard(path)) {
		(void)fflush(stdout);
		return file_write_all(STDOUT_FILENO, bytes, size);
	}
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return write_through(path, bytes, size);
	return file_write(path, bytes, size, STREAM_MODE);
}
