/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts. The codes themselves are public: busbar-error.h. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "busbar-error.h"

/* One line of text for a code of this project or a negative errno. Never NULL; thread-safe. */
const char *error_text(int code);

/* The stable name of a code ("BAD_MAC"), NULL for an errno or an unknown code. For counters and JSON. */
const char *error_name(int code);

/*
 * Dense index of a code for counter tables: 1..ERROR_COUNT-1 for the project's codes, 0 for everything
 * else. error_code_at() is the inverse; 0 for index 0.
 */
#define ERROR_PLUS_ONE(name, code, text) +1
enum { ERROR_COUNT = 1 BUSBAR_ERROR_TABLE(ERROR_PLUS_ONE) };
unsigned error_index(int code);
int error_code_at(unsigned index);

#endif
