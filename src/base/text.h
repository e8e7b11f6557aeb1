/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded copies of texts into arrays. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/* Copies what fits and always ends with NUL; NULL counts as empty. capacity must not be 0. */
void text_copy(char *target, size_t capacity, const char *source);

#endif
