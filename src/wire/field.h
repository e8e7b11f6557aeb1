/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields shared by the codecs of this room, over base/cursor.h; not for other rooms.
 *
 * Every reader checks the range of what it reads, and every writer refuses what its reader would refuse,
 * so that whatever was encoded decodes. Errors stick in the cursor or writer.
 *
 * A *number* is an unsigned integer in groups of seven bits, most significant group first, the top bit
 * of an octet telling that more follow; the shortest form is the only one. Nine octets hold 63 bits.
 */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H

#include "base/cursor.h"
#include "model/gateway.h"
#include "model/identifier.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void field_fail(struct writer *writer, int code);
/* 0 or the writer's error, then the size written. */
int field_finish(const struct writer *writer) CHECKED;

/* 64-bit amounts, times and money: 0..2^63-1, else AMOUNT_OVERFLOW. */
uint64_t field_amount(struct cursor *cursor);
void field_put_amount(struct writer *writer, uint64_t amount);
/* Numbers of 0..maximum: AMOUNT_OVERFLOW past 2^63-1, MALFORMED past the maximum or when not shortest. */
uint64_t field_number(struct cursor *cursor, uint64_t maximum);
void field_put_number(struct writer *writer, uint64_t number);
/* A number that is not 0 (AMOUNT_ZERO): the absent value has no field. */
uint64_t field_present(struct cursor *cursor);
/* One octet below `bound`, else MALFORMED. */
uint8_t field_choice(struct cursor *cursor, unsigned bound);
void field_put_choice(struct writer *writer, unsigned choice, unsigned bound);
/* One octet with no bits outside `mask`. */
uint8_t field_flags(struct cursor *cursor, uint8_t mask);
/* Error code as a signed 32-bit number: 0 or negative. */
int32_t field_code(struct cursor *cursor);
void field_put_code(struct writer *writer, int32_t code);
/* Text as cursor_text(); a writer given control characters fails with BAD_VALUE. */
void field_put_text(struct writer *writer, const char *text);
/*
 * `count` command arguments, each with its NUL in `arguments`: number of octets and octets per argument.
 * Tab and newline are the only control characters let through.
 */
void field_arguments(struct cursor *cursor, uint32_t count, char *arguments, size_t capacity);
void field_put_arguments(struct writer *writer, uint32_t count, const char *arguments, size_t capacity);

struct gateway_identity field_identity(struct cursor *cursor);
void field_put_identity(struct writer *writer, struct gateway_identity identity);
/* As above, not none: MISSING_FIELD. */
struct gateway_identity field_somebody(struct cursor *cursor);
void field_put_somebody(struct writer *writer, struct gateway_identity identity);
struct identifier field_identifier(struct cursor *cursor);
void field_put_identifier(struct writer *writer, const struct identifier *identifier);

/*
 * TLVs described by tables. A message is a list of sets, each a table over one object; types ascend
 * through all of them, and so they do on the wire: type (1 octet), length (2), value.
 */
struct field_row {
	uint8_t type;
	bool repeated;
	bool required; /* MISSING_FIELD without it */
	/* How often the field occurs in the object; not repeated: 0 or 1. */
	uint32_t (*count)(const void *object);
	void (*write)(struct writer *writer, const void *object, uint32_t index);
	/* Reads the value; what it leaves over is MALFORMED. `context` comes from field_read(). */
	void (*read)(struct cursor *cursor, void *object, void *context);
};
struct field_set {
	const struct field_row *rows;
	size_t row_count;
	void *object;
};

enum { FIELD_OPTIONAL = 128 }; /* unknown types from here on are skipped */

void field_write(struct writer *writer, const struct field_set *sets, size_t set_count);
/*
 * Unknown types below `optional` are UNKNOWN_FIELD, others are skipped; 0 skips all. MALFORMED for types
 * that do not ascend or occur twice.
 */
void field_read(struct cursor *cursor, const struct field_set *sets, size_t set_count, unsigned optional,
                void *context);

#endif
