/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read with a maximum, written so that a crash leaves the old or the new content. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/arena.h"
#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The content, with a NUL after its end, in the arena. BUSBAR_ERROR_TOO_LARGE past maximum; -errno. */
int file_read(const char *path, size_t maximum, struct arena *arena, char **ret_bytes,
              size_t *ret_size) CHECKED;
/* Writes everything, however many calls it takes. -errno. */
int file_write_all(int descriptor, const void *bytes, size_t size) CHECKED;
/* Temporary file beside it, fsync, rename, fsync of the folder. The mode is set whatever the umask. */
int file_write(const char *path, const void *bytes, size_t size, mode_t mode) CHECKED;
/* As mkdir -p. An existing folder is fine and keeps its mode; an existing file is -ENOTDIR. */
int file_make_folder(const char *path, mode_t mode) CHECKED;
/*
 * Makes the file and takes its lock, which lasts until this process and all that it forks have ended or
 * closed the descriptor. Waits at most `patience` ns for another process that has it, for ever when that is
 * negative: -EWOULDBLOCK; -errno.
 */
int file_lock(const char *path, int64_t patience, int *ret_descriptor) CHECKED;
/*
 * Removes a tree below (and with) path without following links; absent is fine. Any depth is removed
 * with two descriptors and no recursion, so that a job's output cannot make the clean-up fail.
 */
int file_remove_tree(const char *path) CHECKED;

#endif
