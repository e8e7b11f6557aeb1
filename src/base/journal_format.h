/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of a journal's segments (see journal.h); no system call. */
#ifndef BASE_JOURNAL_FORMAT_H
#define BASE_JOURNAL_FORMAT_H

#include "base/compiler.h"
#include "base/journal.h"
#include <stdint.h>

enum { JOURNAL_HEAD = 32, JOURNAL_FRAME = 16 };

void journal_write_head(uint64_t first, uint8_t head[JOURNAL_HEAD]);
/* MALFORMED or VERSION. */
int journal_read_head(const uint8_t *octets, size_t size, uint64_t *ret_first) CHECKED;

/* What comes before a record's octets. */
void journal_write_frame(uint64_t position, const void *octets, size_t size, uint8_t frame[JOURNAL_FRAME]);
/* Octets of the record with its frame, as the frame says; 0 when it can be none. */
size_t journal_frame_size(const uint8_t frame[JOURNAL_FRAME]);
uint64_t journal_frame_position(const uint8_t frame[JOURNAL_FRAME]);
/* Whether `octets` begin with the whole record of `position`; its segment is left as it is. */
bool journal_read_record(const uint8_t *octets, size_t size, uint64_t position,
                         struct journal_record *ret_record);

#endif
