/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time as text, RFC 3339 in UTC with nanoseconds: 2026-01-31T12:00:00.000000000Z. Computed
 * here because the C library's functions read the time zone files.
 */
#ifndef GRAMMAR_CALENDAR_H
#define GRAMMAR_CALENDAR_H

#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>

enum { CALENDAR_TEXT = 64 };

/* Nanoseconds since 1970, >= 0. */
char *calendar_format(int64_t time, char buffer[CALENDAR_TEXT]);
/*
 * Reads a text of the form yyyy-mm-ddThh:mm:ss[.f]Z with at most 9 digits f. BAD_VALUE for what is not on the
 * calendar (leap seconds included), AMOUNT_OVERFLOW after 2262.
 */
int calendar_parse(const char *text, size_t size, int64_t *ret_time) CHECKED;

#endif
