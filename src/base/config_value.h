/* SPDX-License-Identifier: Apache-2.0 */
/* The single values of a configuration: text to value and back, one pair of functions a type. */
#ifndef BASE_CONFIG_VALUE_H
#define BASE_CONFIG_VALUE_H

#include "base/config.h"

/* A YAML scalar, or a fallback (which counts as plain). `text` ends with NUL and contains no other. */
struct config_scalar {
	const char *text;
	bool plain; /* written without quotes */
};

/*
 * Stores the value at `target`, which has the C type of field->type. On failure gives the code, and in
 * *ret_reason a literal that says what was expected.
 */
int config_value_parse(const struct config_field *field, struct config_scalar scalar, struct arena *arena,
                       void *target, const char **ret_reason) CHECKED;
/* Writes the value as a YAML scalar. */
void config_value_print(FILE *stream, const struct config_field *field, const void *source);
/* True for what an absent key without fallback leaves. */
bool config_value_is_zero(const struct config_field *field, const void *source);
/* False for sections and lists. */
bool config_value_is_scalar(enum config_type type);

#endif
