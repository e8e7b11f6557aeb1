/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens to values of the model and back. Every reader takes its token's text as it stands (for strings:
 * without quotes and escapes), reports what is wrong with it and leaves its result untouched then. The report
 * remembers the code, so that a caller with nothing left to do need not look at it.
 */
#ifndef GRAMMAR_VALUE_H
#define GRAMMAR_VALUE_H

#include "base/compiler.h"
#include "base/unit.h"
#include "grammar/report.h"
#include "grammar/token.h"
#include "model/resource.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type { VALUE_DURATION, VALUE_BYTES, VALUE_RATE, VALUE_MONEY, VALUE_COUNT };

/* 0 .. 2^63-1 in base units. */
int value_number(struct report *report, enum value_type type, const struct token *token, int64_t *ret_value);
/* As value_number, but zero is AMOUNT_ZERO. */
int value_positive(struct report *report, enum value_type type, const struct token *token,
                   int64_t *ret_value);
/* A count of at least `minimum`; more than `maximum` is TOO_LARGE. */
int value_count(struct report *report, const struct token *token, uint32_t minimum, uint32_t maximum,
                uint32_t *ret_count);
/* The text that value_number() reads back. */
char *value_format(enum value_type type, int64_t value, char buffer[UNIT_TEXT]);

int value_kind(struct report *report, const struct token *token, enum resource_kind *ret_kind);
/* `2 GiB`, `50`, `50 GFLOPS`; with `work` also `50 GFLOP`. Never zero. */
int value_amount(struct report *report, enum resource_kind kind, bool work, const struct token *token,
                 uint64_t *ret_amount);
char *value_amount_format(enum resource_kind kind, uint64_t amount, char buffer[UNIT_TEXT]);

/* A text with its NUL in `capacity` octets. Empty is BAD_VALUE for names, fine for arguments. */
int value_text(struct report *report, const struct token *token, size_t capacity, char *ret_text);
/* As value_text, not empty; an unquoted word must be [a-z][a-z0-9-]*. */
int value_name(struct report *report, const struct token *token, size_t capacity, char *ret_name);
/* Index of the text in choices[first..], NULL-terminated. */
int value_choice(struct report *report, const struct token *token, const char *const *choices, unsigned first,
                 unsigned *ret_choice);
/* `sha256:` and 64 hexadecimal digits. */
int value_digest(struct report *report, const struct token *token, uint8_t ret_digest[32]);
enum { DIGEST_TEXT = 72 };
char *value_digest_format(const uint8_t digest[32], char buffer[DIGEST_TEXT]);

/* Appends a text and its NUL to `count` others in a field of `capacity` octets. */
int value_append(struct report *report, const struct token *token, uint32_t maximum, size_t capacity,
                 char *texts, uint32_t *count);

#endif
