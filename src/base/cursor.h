/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded cursors over bytes: the only way in which this project reads or writes messages.
 *
 * Errors stick: after the first failure every further call is a no-op (reads give 0, NULL or an empty
 * cursor), so a codec checks once, at its end. Numbers are big-endian.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *next;
	const uint8_t *end;
	int error; /* 0 or the first BUSBAR_ERROR_ code */
};

struct cursor cursor_open(const void *bytes, size_t size);
uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
/* `size` bytes in place, valid as long as the message; NULL (and BUSBAR_ERROR_TRUNCATED) if short. */
const uint8_t *cursor_bytes(struct cursor *cursor, size_t size);
/* Copies `size` bytes to `target`, or zeroes it on failure. */
void cursor_copy(struct cursor *cursor, void *target, size_t size);
/*
 * A text of a one-octet length, copied with its final NUL into target of `capacity` bytes. An embedded
 * NUL or control character is MALFORMED, a text that does not fit is TOO_LARGE.
 */
void cursor_text(struct cursor *cursor, char *target, size_t capacity);
/* A cursor over the next `size` bytes, which are skipped here; carries the error when short. */
struct cursor cursor_part(struct cursor *cursor, size_t size);
/* Bytes not yet read; 0 after a failure, so that `while (cursor_left(...))` always ends. */
size_t cursor_left(const struct cursor *cursor);
/* Notes an error of the caller's own (a value out of range); the first one stays. */
void cursor_fail(struct cursor *cursor, int code);
/* 0 when nothing failed and everything was read; MALFORMED when bytes are left over. */
int cursor_finish(const struct cursor *cursor) CHECKED;

struct writer {
	uint8_t *start;
	uint8_t *next;
	uint8_t *end;
	int error; /* 0 or BUSBAR_ERROR_TOO_LARGE */
};

struct writer writer_open(void *bytes, size_t capacity);
void writer_u8(struct writer *writer, uint8_t value);
void writer_u16(struct writer *writer, uint16_t value);
void writer_u32(struct writer *writer, uint32_t value);
void writer_u64(struct writer *writer, uint64_t value);
void writer_bytes(struct writer *writer, const void *bytes, size_t size);
/* One-octet length and the text; longer than 255 is TOO_LARGE. */
void writer_text(struct writer *writer, const char *text);
/* Room for `size` bytes to be filled later; NULL when full. */
uint8_t *writer_reserve(struct writer *writer, size_t size);
/* Overwrites a 16-bit field written before, at `offset` from the start. */
void writer_patch_u16(struct writer *writer, size_t offset, uint16_t value);
void writer_patch_u8(struct writer *writer, size_t offset, uint8_t value);
size_t writer_size(const struct writer *writer);

#endif
