/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration from YAML, in two passes of libyaml: the first looks at events alone and refuses what is
 * no plain tree, the second loads the nodes, which the table of fields then drives. Recursion is as deep
 * as the caller's table, never as deep as the text.
 */
#include "base/config.h"
#include "base/config_value.h"
#include "base/error.h"
#include "base/file.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

struct reader {
	const char *file;
	struct arena *arena;
	struct config_problem *problem;
	yaml_document_t document;
	char path[160]; /* "links[1].delay"; cut when longer */
	size_t path_size;
};

/* Fills the problem and gives the code back. */
static PRINTF(4, 5) int refuse(struct reader *reader, size_t line, int code, const char *format, ...)
{
	struct config_problem *problem = reader->problem;
	bool has_path = reader->path_size > 0;
	char place[176], reason[160];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	problem->line = (int)line;
	(void)snprintf(place, sizeof(place), line > 0 ? "%.150s:%zu" : "%.150s", reader->file, line);
	(void)snprintf(problem->text, sizeof(problem->text), "%s: %s%s%s", place, reader->path,
	               has_path ? ": " : "", reason);
	return code;
}

static PRINTF(2, 3) void path_add(struct reader *reader, const char *format, ...)
{
	size_t left = sizeof(reader->path) - reader->path_size;
	char *start = reader->path + reader->path_size;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(start, left, format, arguments);
	va_end(arguments);
	reader->path_size += MINIMUM((size_t)MAXIMUM(length, 0), left - 1);
	/* Names come from the text: nothing of them may act on a terminal. */
	for (; *start != '\0'; start++) {
		if (*start < 0x20 || *start > 0x7e)
			*start = '?';
	}
}

static void path_add_key(struct reader *reader, const char *key)
{
	path_add(reader, "%s%s", reader->path_size > 0 ? "." : "", key);
}

static void path_cut(struct reader *reader, size_t size)
{
	reader->path_size = size;
	reader->path[size] = '\0';
}

static int refuse_syntax(struct reader *reader, const yaml_parser_t *parser)
{
	const char *reason = parser->problem ? parser->problem : "cannot be read";

	if (parser->error == YAML_MEMORY_ERROR)
		return refuse(reader, 0, -ENOMEM, "%s", error_text(-ENOMEM));
	return refuse(reader, parser->problem_mark.line + 1, BUSBAR_ERROR_SYNTAX, "%s", reason);
}

static bool event_is_named(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return false;
	}
}

/* Depth and documents, counted over the events. */
struct guard {
	int depth;
	int documents;
};

static int guard_event(struct reader *reader, const yaml_event_t *event, struct guard *guard)
{
	size_t line = event->start_mark.line + 1;

	if (event_is_named(event))
		return refuse(reader, line, BUSBAR_ERROR_SYNTAX, "anchors, aliases and tags are not allowed");
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++guard->documents > 1)
			return refuse(reader, line, BUSBAR_ERROR_SYNTAX, "a second document");
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (++guard->depth > CONFIG_DEPTH)
			return refuse(reader, line, BUSBAR_ERROR_TOO_LARGE, "nested too deeply");
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		guard->depth--;
		break;
	default:
		break;
	}
	return 0;
}

static void set_input(yaml_parser_t *parser, const char *text, size_t size)
{
	yaml_parser_set_input_string(parser, (const unsigned char *)text, size);
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
}

/* First pass. */
static int check_shape(struct reader *reader, const char *text, size_t size)
{
	struct guard guard = {0};
	yaml_parser_t parser;
	bool ended = false;
	int code = 0;

	if (!yaml_parser_initialize(&parser))
		return refuse(reader, 0, -ENOMEM, "%s", error_text(-ENOMEM));
	set_input(&parser, text, size);
	while (code == 0 && !ended) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			code = refuse_syntax(reader, &parser);
			break;
		}
		ended = event.type == YAML_STREAM_END_EVENT;
		code = guard_event(reader, &event, &guard);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return code;
}

/* Second pass: the nodes. On success reader->document is to be deleted. */
static int load(struct reader *reader, const char *text, size_t size)
{
	yaml_parser_t parser;
	int code = 0;

	if (!yaml_parser_initialize(&parser))
		return refuse(reader, 0, -ENOMEM, "%s", error_text(-ENOMEM));
	set_input(&parser, text, size);
	if (!yaml_parser_load(&parser, &reader->document))
		code = refuse_syntax(reader, &parser);
	yaml_parser_delete(&parser);
	return code;
}

static size_t line_of(const yaml_node_t *node)
{
	return node ? node->start_mark.line + 1 : 1;
}

static const char *scalar_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static bool is_plain(const yaml_node_t *node)
{
	return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int read_mapping(struct reader *reader, const yaml_node_t *node, const struct config_field *fields,
                        void *target);

static int read_scalar(struct reader *reader, const yaml_node_t *node, const struct config_field *field,
                       void *target)
{
	const char *reason = "must be a single value";
	int code = BUSBAR_ERROR_BAD_VALUE;

	if (node->type != YAML_SCALAR_NODE)
		return refuse(reader, line_of(node), code, "%s", reason);
	/* The length counts, a NUL inside would hide what follows it. */
	if (strlen(scalar_text(node)) != node->data.scalar.length)
		return refuse(reader, line_of(node), code, "must not contain a NUL character");
	code = config_value_parse(field,
	                          (struct config_scalar){.text = scalar_text(node), .plain = is_plain(node)},
	                          reader->arena, target, &reason);
	return code < 0 ? refuse(reader, line_of(node), code, "%s", reason) : 0;
}

static int read_element(struct reader *reader, const yaml_node_t *node, const struct config_field *list,
                        void *target)
{
	struct config_field element = *list;

	if (list->fields)
		return read_mapping(reader, node, list->fields, target);
	element.type = list->element;
	return read_scalar(reader, node, &element, target);
}

static int read_list(struct reader *reader, const yaml_node_t *node, const struct config_field *field,
                     void *target)
{
	struct config_list list = {0};
	const yaml_node_item_t *items;
	size_t path_size = reader->path_size;

	if (node->type != YAML_SEQUENCE_NODE)
		return refuse(reader, line_of(node), BUSBAR_ERROR_BAD_VALUE, "must be a list");
	items = node->data.sequence.items.start;
	list.count = (size_t)(node->data.sequence.items.top - items);
	if (list.count > field->list_maximum)
		return refuse(reader, line_of(node), BUSBAR_ERROR_TOO_LARGE, "more than %zu elements",
		              field->list_maximum);
	if (list.count > 0)
		list.items = arena_array(reader->arena, list.count, field->element_size);
	if (list.count > 0 && !list.items)
		return refuse(reader, line_of(node), -ENOMEM, "%s", error_text(-ENOMEM));
	for (size_t i = 0; i < list.count; i++) {
		void *item = (char *)list.items + i * field->element_size;
		int code;

		path_add(reader, "[%zu]", i);
		code = read_element(reader, yaml_document_get_node(&reader->document, items[i]), field, item);
		if (code < 0)
			return code;
		path_cut(reader, path_size);
	}
	*(struct config_list *)target = list;
	return 0;
}

static int read_value(struct reader *reader, const yaml_node_t *node, const struct config_field *field,
                      void *target)
{
	switch (field->type) {
	case CONFIG_SECTION:
		return read_mapping(reader, node, field->fields, target);
	case CONFIG_LIST:
		return read_list(reader, node, field, target);
	default:
		return read_scalar(reader, node, field, target);
	}
}

static bool has_required(const struct config_field *fields)
{
	for (; fields->name; fields++) {
		if (fields->required)
			return true;
	}
	return false;
}

/* The value of an absent key; `mapping` is where it should have been. */
static int read_absent(struct reader *reader, const yaml_node_t *mapping, const struct config_field *field,
                       void *target)
{
	struct config_scalar fallback = {.text = field->fallback, .plain = true};
	const char *reason = "";
	int code = 0;

	if (field->required)
		return refuse(reader, line_of(mapping), BUSBAR_ERROR_MISSING_FIELD, "is missing");
	if (field->type == CONFIG_SECTION)
		return has_required(field->fields) ? 0 : read_mapping(reader, NULL, field->fields, target);
	if (field->fallback && config_value_is_scalar(field->type)) {
		/* An empty or null-like default text is a text. */
		fallback.plain = field->type != CONFIG_TEXT;
		code = config_value_parse(field, fallback, reader->arena, target, &reason);
	}
	return code < 0 ? refuse(reader, line_of(mapping), code, "default: %s", reason) : 0;
}

static const struct config_field *find_field(const struct config_field *fields, const char *name)
{
	for (; fields->name; fields++) {
		if (strcmp(fields->name, name) == 0)
			return fields;
	}
	return NULL;
}

/* The value of a key among the pairs before `end`, NULL when absent. */
static const yaml_node_t *find_pair(struct reader *reader, const yaml_node_t *mapping,
                                    const yaml_node_pair_t *end, const char *name)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < end; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);

		if (strcmp(scalar_text(key), name) == 0)
			return yaml_document_get_node(&reader->document, pair->value);
	}
	return NULL;
}

/* Every key must be a field's name, once. Afterwards all keys are known to be scalars. */
static int check_keys(struct reader *reader, const yaml_node_t *mapping, const struct config_field *fields)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		const char *name;

		if (key->type != YAML_SCALAR_NODE)
			return refuse(reader, line_of(key), BUSBAR_ERROR_UNKNOWN_FIELD,
			              "a key must be a name");
		name = scalar_text(key);
		if (strlen(name) == key->data.scalar.length && find_field(fields, name) &&
		    !find_pair(reader, mapping, pair, name))
			continue;
		path_add_key(reader, name);
		if (strlen(name) == key->data.scalar.length && find_field(fields, name))
			return refuse(reader, line_of(key), BUSBAR_ERROR_DUPLICATE, "duplicate key");
		return refuse(reader, line_of(key), BUSBAR_ERROR_UNKNOWN_FIELD, "unknown key");
	}
	return 0;
}

/* `node` NULL stands for an empty mapping. */
static int read_mapping(struct reader *reader, const yaml_node_t *node, const struct config_field *fields,
                        void *target)
{
	size_t path_size = reader->path_size;
	int code = 0;

	if (node && node->type != YAML_MAPPING_NODE)
		return refuse(reader, line_of(node), BUSBAR_ERROR_BAD_VALUE, "must be a mapping of keys");
	if (node)
		code = check_keys(reader, node, fields);
	for (; code == 0 && fields->name; fields++) {
		const yaml_node_t *value = NULL;
		void *member = (char *)target + fields->offset;

		path_add_key(reader, fields->name);
		if (node)
			value = find_pair(reader, node, node->data.mapping.pairs.top, fields->name);
		if (value)
			code = read_value(reader, value, fields, member);
		else
			code = read_absent(reader, node, fields, member);
		if (code == 0)
			path_cut(reader, path_size);
	}
	return code;
}

/* A document that is empty, or `---` alone, is an empty mapping. */
static int read_document(struct reader *reader, const struct config_field *fields, void *target)
{
	const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

	if (root && root->type == YAML_SCALAR_NODE && is_plain(root) && root->data.scalar.length == 0)
		root = NULL;
	return read_mapping(reader, root, fields, target);
}

int config_parse(const char *text, size_t size, const char *file, const struct config_field *fields,
                 void *target, size_t target_size, struct arena *arena, struct config_problem *problem)
{
	struct reader reader = {.file = file, .arena = arena, .problem = problem};
	struct arena_mark mark = arena_save(arena);
	int code = 0;

	memset(target, 0, target_size);
	if (size > CONFIG_SIZE)
		return refuse(&reader, 0, BUSBAR_ERROR_TOO_LARGE, "larger than %d bytes", CONFIG_SIZE);
	code = check_shape(&reader, text, size);
	if (code == 0)
		code = load(&reader, text, size);
	if (code < 0)
		return code;
	code = read_document(&reader, fields, target);
	yaml_document_delete(&reader.document);
	if (code < 0) {
		memset(target, 0, target_size);
		arena_restore(arena, mark);
	}
	return code;
}

int config_read(const char *path, const struct config_field *fields, void *target, size_t target_size,
                struct arena *arena, struct config_problem *problem)
{
	struct reader reader = {.file = path, .arena = arena, .problem = problem};
	struct arena_mark mark = arena_save(arena);
	char *text = NULL;
	size_t size = 0;
	int code = file_read(path, CONFIG_SIZE, arena, &text, &size);

	if (code < 0) {
		memset(target, 0, target_size);
		return refuse(&reader, 0, code, "%s", error_text(code));
	}
	code = config_parse(text, size, path, fields, target, target_size, arena, problem);
	if (code < 0)
		arena_restore(arena, mark);
	return code;
}

static bool mapping_is_zero(const struct config_field *fields, const void *source);

/* True for a member that is as an absent key without fallback leaves it. */
static bool member_is_zero(const struct config_field *field, const void *member)
{
	if (field->type == CONFIG_LIST)
		return ((const struct config_list *)member)->count == 0;
	if (field->type == CONFIG_SECTION)
		return mapping_is_zero(field->fields, member);
	return config_value_is_zero(field, member);
}

static bool mapping_is_zero(const struct config_field *fields, const void *source)
{
	for (; fields->name; fields++) {
		if (!member_is_zero(fields, (const char *)source + fields->offset))
			return false;
	}
	return true;
}

static bool mapping_is_silent(const struct config_field *fields, const void *source);

/* True for a member that is not printed, because an absent key means the same. */
static bool member_is_silent(const struct config_field *field, const void *member)
{
	bool zero = member_is_zero(field, member);

	switch (field->type) {
	case CONFIG_TEXT:
	case CONFIG_ADDRESS:
		return zero;
	case CONFIG_LIST:
		return zero && !field->required;
	case CONFIG_SECTION:
		if (field->required)
			return false;
		return has_required(field->fields) ? zero : mapping_is_silent(field->fields, member);
	default:
		return zero && !field->required && !field->fallback;
	}
}

static bool mapping_is_silent(const struct config_field *fields, const void *source)
{
	for (; fields->name; fields++) {
		if (!member_is_silent(fields, (const char *)source + fields->offset))
			return false;
	}
	return true;
}

static void print_fields(FILE *stream, const struct config_field *fields, const void *source, int indent,
                         bool with_help);

/* What follows `key:` or `-`: the fields on lines of their own, or `{}`. */
static void print_mapping(FILE *stream, const struct config_field *fields, const void *source, int indent,
                          bool with_help)
{
	if (mapping_is_silent(fields, source)) {
		(void)fputs(" {}\n", stream);
		return;
	}
	(void)fputc('\n', stream);
	print_fields(stream, fields, source, indent, with_help);
}

static void print_value(FILE *stream, const struct config_field *field, const void *source)
{
	(void)fputc(' ', stream);
	config_value_print(stream, field, source);
	(void)fputc('\n', stream);
}

static void print_list(FILE *stream, const struct config_field *field, const struct config_list *list,
                       int indent)
{
	struct config_field element = *field;

	element.type = field->element;
	(void)fputs(list->count == 0 ? " []\n" : "\n", stream);
	for (size_t i = 0; i < list->count; i++) {
		const void *item = (const char *)list->items + i * field->element_size;

		(void)fprintf(stream, "%*s-", indent, "");
		if (field->fields)
			print_mapping(stream, field->fields, item, indent + 2, false);
		else
			print_value(stream, &element, item);
	}
}

static void print_fields(FILE *stream, const struct config_field *fields, const void *source, int indent,
                         bool with_help)
{
	for (; fields->name; fields++) {
		const void *member = (const char *)source + fields->offset;

		if (member_is_silent(fields, member))
			continue;
		if (with_help && fields->help)
			(void)fprintf(stream, "%*s# %s\n", indent, "", fields->help);
		(void)fprintf(stream, "%*s%s:", indent, "", fields->name);
		if (fields->type == CONFIG_SECTION)
			print_mapping(stream, fields->fields, member, indent + 2, with_help);
		else if (fields->type == CONFIG_LIST)
			print_list(stream, fields, member, indent + 2);
		else
			print_value(stream, fields, member);
	}
}

void config_print(FILE *stream, const struct config_field *fields, const void *source)
{
	print_fields(stream, fields, source, 0, true);
}
