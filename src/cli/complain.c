/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/complain.h"

#include "base/error.h"
#include "cli/table.h"
#include <stdarg.h>
#include <stdio.h>

enum { COMPLAIN_LINE = 1024 };

int complain(int status, const char *format, ...)
{
	char line[COMPLAIN_LINE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	(void)fflush(stdout);
	(void)fputs("busbar: ", stderr);
	table_put_text(stderr, line);
	(void)fputc('\n', stderr);
	return status;
}

int complain_code(const struct busbar *busbar, int code, const char *what)
{
	const char *why = busbar == NULL ? "" : busbar_problem(busbar);

	return complain(COMPLAIN_FAILED, "%s: %s", what, why[0] == '\0' ? error_text(code) : why);
}
