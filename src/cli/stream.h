/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs and outputs of tasks: files, or the standard streams as `-`. */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include "base/compiler.h"
#include <stddef.h>

#define STREAM_MAXIMUM ((size_t)1 << 30)

/* All of a file or of stdin, the caller's to free(), with a NUL behind it. TOO_LARGE past `maximum`; -errno.
 */
int stream_read(const char *path, size_t maximum, void **ret_bytes, size_t *ret_size) CHECKED;
/* A regular file is replaced as a whole; a device or pipe is written to. -errno. */
int stream_write(const char *path, const void *bytes, size_t size) CHECKED;

#endif
