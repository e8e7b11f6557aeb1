/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as hexadecimal text. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>

/* Writes 2 x size digits and a NUL; target must hold them. Returns target. */
char *hex_format(const void *bytes, size_t size, char *target);
/* Exactly 2 x size digits, else BAD_VALUE. target untouched on failure. */
int hex_parse(const char *text, void *target, size_t size) CHECKED;

#endif
