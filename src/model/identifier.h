/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 128-bit time-ordered identifiers of demands, tasks, programs and receipts.
 *
 * Layout of RFC 9562 version 7: 48 bits of milliseconds since 1970, version, then random bits, so that
 * identifiers sort by age and a database appends. They are names, not secrets.
 */
#ifndef MODEL_IDENTIFIER_H
#define MODEL_IDENTIFIER_H

#include "base/compiler.h"
#include "base/random.h"
#include <stdbool.h>
#include <stdint.h>

struct identifier {
	uint8_t octets[16];
};

enum { IDENTIFIER_TEXT = 33 };

struct identifier identifier_make(int64_t now, struct random *random);
/* The least that sorts after every identifier made before the millisecond of `time`; nobody's name. */
struct identifier identifier_floor(int64_t time);
/*
 * The identifier of part or attempt `index` of `parent`: same age, derived bits, so that a retransmitted
 * parent names the same children.
 */
struct identifier identifier_derive(const struct identifier *parent, uint32_t index);
int identifier_compare(const struct identifier *a, const struct identifier *b);
bool identifier_equal(const struct identifier *a, const struct identifier *b);
bool identifier_is_zero(const struct identifier *identifier);
/* Milliseconds since 1970 in the first 48 bits, as nanoseconds. */
int64_t identifier_time(const struct identifier *identifier);
/* 32 hexadecimal digits. */
char *identifier_text(const struct identifier *identifier, char text[IDENTIFIER_TEXT]);
int identifier_parse(const char *text, struct identifier *ret_identifier) CHECKED;

#endif
