/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/report.h"

#include <stdarg.h>
#include <stdio.h>

int report_at(struct report *report, int code, int line, int column, const char *format, ...)
{
	struct grammar_problem *problem = report->problem;
	va_list arguments;
	int length;

	if (report->code != 0)
		return report->code;
	report->code = code;
	problem->line = line;
	problem->column = column;
	/* The precision leaves more than half of the text to the message. */
	length = snprintf(problem->text, sizeof(problem->text), "%.100s:%d:%d: ", report->file, line, column);
	va_start(arguments, format);
	(void)vsnprintf(problem->text + length, sizeof(problem->text) - (size_t)length, format, arguments);
	va_end(arguments);
	return code;
}
