/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config_compare.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct comparison {
	void (*differs)(void *context, const char *key);
	void *context;
	char key[CONFIG_KEY];
};

static bool same_text(const char *one, const char *other)
{
	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool same_address(const struct config_address *one, const struct config_address *other)
{
	return one->present == other->present && one->length == other->length && one->port == other->port &&
	       memcmp(one->octets, other->octets, sizeof(one->octets)) == 0;
}

static bool same_value(enum config_type type, const void *one, const void *other)
{
	switch (type) {
	case CONFIG_BOOLEAN:
		return *(const bool *)one == *(const bool *)other;
	case CONFIG_CHOICE:
		return *(const int *)one == *(const int *)other;
	case CONFIG_TEXT:
		return same_text(*(const char *const *)one, *(const char *const *)other);
	case CONFIG_ADDRESS:
		return same_address(one, other);
	default:
		return *(const int64_t *)one == *(const int64_t *)other;
	}
}

static void compare_mapping(struct comparison *comparison, const struct config_field *fields, const void *one,
                            const void *other);

static void compare_list(struct comparison *comparison, const struct config_field *field,
                         const struct config_list *one, const struct config_list *other)
{
	size_t end = strlen(comparison->key);

	if (one->count != other->count) {
		comparison->differs(comparison->context, comparison->key);
		return;
	}
	for (size_t i = 0; i < one->count; i++) {
		const char *first = (const char *)one->items + i * field->element_size;
		const char *second = (const char *)other->items + i * field->element_size;

		(void)snprintf(comparison->key + end, sizeof(comparison->key) - end, "[%zu]", i);
		if (field->fields != NULL)
			compare_mapping(comparison, field->fields, first, second);
		else if (!same_value(field->element, first, second))
			comparison->differs(comparison->context, comparison->key);
		comparison->key[end] = '\0';
	}
}

static void compare_mapping(struct comparison *comparison, const struct config_field *fields, const void *one,
                            const void *other)
{
	size_t end = strlen(comparison->key);

	for (; fields->name != NULL; fields++) {
		const void *first = (const char *)one + fields->offset;
		const void *second = (const char *)other + fields->offset;

		(void)snprintf(comparison->key + end, sizeof(comparison->key) - end, "%s%s",
		               end == 0 ? "" : ".", fields->name);
		if (fields->type == CONFIG_SECTION)
			compare_mapping(comparison, fields->fields, first, second);
		else if (fields->type == CONFIG_LIST)
			compare_list(comparison, fields, first, second);
		else if (!same_value(fields->type, first, second))
			comparison->differs(comparison->context, comparison->key);
		comparison->key[end] = '\0';
	}
}

void config_compare(const struct config_field *fields, const void *one, const void *other,
                    void (*differs)(void *context, const char *key), void *context)
{
	struct comparison comparison = {.differs = differs, .context = context};

	compare_mapping(&comparison, fields, one, other);
}

bool config_key_matches(const char *key, const char *pattern)
{
	while (*pattern != '\0') {
		if (*key != *pattern)
			return false;
		if (*pattern == '[')
			while (isdigit((unsigned char)key[1]))
				key++;
		key++;
		pattern++;
	}
	return *key == '\0' || *key == '.' || *key == '[';
}
