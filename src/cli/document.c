/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/document.h"

#include "base/clock.h"
#include "busbar-error.h"
#include <errno.h>
#include <time.h>

enum { DOCUMENT_DIGITS = 12 }; /* of reals: as the gateways write them */

int document_parse(const char *text, json_t **ret_object)
{
	json_t *object = json_loads(text, 0, NULL);

	if (!json_is_object(object)) {
		json_decref(object);
		return BUSBAR_ERROR_MALFORMED;
	}
	*ret_object = object;
	return 0;
}

int document_write(const json_t *object, FILE *stream)
{
	if (json_dumpf(object, stream, JSON_COMPACT | JSON_REAL_PRECISION(DOCUMENT_DIGITS)) < 0 ||
	    fputc('\n', stream) == EOF)
		return -EIO;
	return 0;
}

const char *document_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

int64_t document_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

double document_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

bool document_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

size_t document_count(const json_t *object, const char *key)
{
	return json_array_size(json_object_get(object, key));
}

json_t *document_at(const json_t *object, const char *key, size_t index)
{
	return json_array_get(json_object_get(object, key), index);
}

const char *document_error(const json_t *object)
{
	const json_t *error = json_object_get(object, "error");
	const char *text = json_string_value(json_object_get(error, "text"));

	if (error == NULL || json_is_null(error))
		return NULL;
	return text == NULL ? "unknown error" : text;
}

char *document_duration(double milliseconds, char text[DOCUMENT_TEXT])
{
	static const struct {
		double below, unit;
		int decimals;
		const char *name;
	} scales[] = {
	        {1, 1, 3, "ms"},       {1e3, 1, 1, "ms"},      {12e4, 1e3, 2, "s"},
	        {72e5, 6e4, 1, "min"}, {1728e5, 36e5, 1, "h"}, {1e300, 864e5, 1, "d"},
	};
	size_t i = 0;

	if (!(milliseconds >= 0)) {
		(void)snprintf(text, DOCUMENT_TEXT, "-");
		return text;
	}
	while (i + 1 < ARRAY_SIZE(scales) && milliseconds >= scales[i].below)
		i++;
	(void)snprintf(text, DOCUMENT_TEXT, "%.*f %s", milliseconds == 0 ? 0 : scales[i].decimals,
	               milliseconds / scales[i].unit, scales[i].name);
	return text;
}

char *document_time(int64_t time, char text[DOCUMENT_TEXT])
{
	time_t seconds = (time_t)(time / CLOCK_SECOND);
	struct tm parts;

	if (time == 0 || localtime_r(&seconds, &parts) == NULL ||
	    strftime(text, DOCUMENT_TEXT, "%Y-%m-%d %H:%M:%S", &parts) == 0)
		(void)snprintf(text, DOCUMENT_TEXT, "-");
	return text;
}

const char *document_path(const json_t *array, struct arena *arena)
{
	const char *path = "";

	for (size_t i = 0; i < json_array_size(array) && path != NULL; i++) {
		const char *hop = json_string_value(json_array_get(array, i));

		path = arena_format(arena, "%s%s%s", path, i == 0 ? "" : " > ", hop == NULL ? "?" : hop);
	}
	return path == NULL ? "" : path;
}
