/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units, as text: `5 ms`, `20 Mbit/s`, `64 kB`, `2 GiB`, `0.02`.
 *
 * A number is decimal digits with an optional fraction; the unit may be separated by spaces. Results
 * are exact integers in the base unit: a fraction finer than the base unit is BAD_VALUE. A missing or
 * unknown unit is UNKNOWN_UNIT (a plain number never passes as a quantity with a unit), a leading minus
 * AMOUNT_NEGATIVE, more than 2^63-1 AMOUNT_OVERFLOW. Zero is accepted here; who forbids it says
 * AMOUNT_ZERO.
 */
#ifndef BASE_UNIT_H
#define BASE_UNIT_H

#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>

/* ns us ms s min h -> nanoseconds. */
int unit_parse_duration(const char *text, int64_t *ret_nanoseconds) CHECKED;
/* B kB MB GB TB (powers of 1000) KiB MiB GiB TiB (powers of 1024) -> bytes. */
int unit_parse_bytes(const char *text, int64_t *ret_bytes) CHECKED;
/* bit/s kbit/s Mbit/s Gbit/s -> bits per second. */
int unit_parse_bitrate(const char *text, int64_t *ret_bits_per_second) CHECKED;
/* A number without unit times `scale` (a power of ten), e.g. money with scale 10^9. */
int unit_parse_decimal(const char *text, int64_t scale, int64_t *ret_value) CHECKED;
/* As unit_parse_decimal with an optional final '%': `12.5 %` -> 125000 parts per million. */
int unit_parse_ratio(const char *text, int64_t *ret_parts_per_million) CHECKED;

/* Exact texts that parse back to the same value, in the largest fitting unit. Returns buffer. */
enum { UNIT_TEXT = 48 };
char *unit_format_duration(int64_t nanoseconds, char buffer[UNIT_TEXT]);
char *unit_format_bytes(int64_t bytes, char buffer[UNIT_TEXT]);
char *unit_format_bitrate(int64_t bits_per_second, char buffer[UNIT_TEXT]);
char *unit_format_decimal(int64_t value, int64_t scale, char buffer[UNIT_TEXT]);

#endif
