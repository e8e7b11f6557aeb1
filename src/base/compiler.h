/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes and the few macros that every room uses. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

/* The result must be looked at; cast to void where ignoring it is meant. */
#define CHECKED __attribute__((warn_unused_result))
#define PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#define UNUSED __attribute__((unused))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define MINIMUM(a, b) ((a) < (b) ? (a) : (b))
#define MAXIMUM(a, b) ((a) > (b) ? (a) : (b))

#endif
