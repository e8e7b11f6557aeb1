/* SPDX-License-Identifier: Apache-2.0 */
#include "api/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

static bool ends_with(const char *name, const char *unit)
{
	size_t length = strlen(name), tail = strlen(unit);

	return length > tail && name[length - tail - 1] == '_' && strcmp(name + length - tail, unit) == 0;
}

void metrics_begin(struct metrics *metrics, FILE *stream)
{
	*metrics = (struct metrics){.stream = stream};
}

void metrics_family(struct metrics *metrics, enum metrics_type type, const char *name, const char *unit,
                    const char *help)
{
	assert(unit == NULL || ends_with(name, unit));
	metrics->name = name;
	metrics->type = type;
	(void)fprintf(metrics->stream, "# TYPE %s %s\n", name, type == METRICS_COUNTER ? "counter" : "gauge");
	if (unit != NULL)
		(void)fprintf(metrics->stream, "# UNIT %s %s\n", name, unit);
	(void)fprintf(metrics->stream, "# HELP %s %s\n", name, help);
}

/* A label's value may be any text: three characters are escaped. */
static void put_label(FILE *stream, const char *name, const char *value)
{
	(void)fprintf(stream, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			(void)fputs("\\n", stream);
		else if (*value == '"' || *value == '\\')
			(void)fprintf(stream, "\\%c", *value);
		else
			(void)fputc(*value, stream);
	}
	(void)fputc('"', stream);
}

static void put_name(struct metrics *metrics, const char *suffix, va_list labels)
{
	const char *label = va_arg(labels, const char *);

	(void)fprintf(metrics->stream, "%s%s", metrics->name, suffix);
	if (label == NULL)
		return;
	for (const char *before = "{"; label != NULL; before = ",", label = va_arg(labels, const char *)) {
		(void)fputs(before, metrics->stream);
		put_label(metrics->stream, label, va_arg(labels, const char *));
	}
	(void)fputc('}', metrics->stream);
}

void metrics_count(struct metrics *metrics, uint64_t value, ...)
{
	va_list labels;

	assert(metrics->name != NULL && metrics->type == METRICS_COUNTER);
	va_start(labels, value);
	put_name(metrics, "_total", labels);
	va_end(labels);
	(void)fprintf(metrics->stream, " %" PRIu64 "\n", value);
}

void metrics_value(struct metrics *metrics, double value, ...)
{
	va_list labels;

	assert(metrics->name != NULL && metrics->type == METRICS_GAUGE);
	va_start(labels, value);
	put_name(metrics, "", labels);
	va_end(labels);
	(void)fprintf(metrics->stream, " %.12g\n", value);
}

void metrics_end(struct metrics *metrics)
{
	(void)fputs("# EOF\n", metrics->stream);
	metrics->name = NULL;
}
