/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts from the public table; a row's place in the table is its dense index. */
#include "base/error.h"
#include "base/compiler.h"
#include <string.h>

struct row {
	int code;
	const char *name;
	const char *text;
};

/* Row 0 stands for "none of this project's codes". */
static const struct row rows[] = {{0, NULL, NULL},
#define ERROR_ROW(name, code, text) {code, #name, text},
                                  BUSBAR_ERROR_TABLE(ERROR_ROW)
#undef ERROR_ROW
};

_Static_assert(ARRAY_SIZE(rows) == ERROR_COUNT, "one row per code");

unsigned error_index(int code)
{
	for (unsigned index = 1; index < ERROR_COUNT; index++) {
		if (rows[index].code == code)
			return index;
	}
	return 0;
}

int error_code_at(unsigned index)
{
	return index < ERROR_COUNT ? rows[index].code : 0;
}

const char *error_name(int code)
{
	return rows[error_index(code)].name;
}

const char *error_text(int code)
{
	unsigned index = error_index(code);
	const char *text = NULL;

	if (index != 0)
		return rows[index].text;
	if (code == 0)
		return "no error";
	/* Below the range of errno the negation cannot overflow. */
	if (code < 0 && code > -2000)
		text = strerrordesc_np(-code);
	return text ? text : "unknown error";
}
