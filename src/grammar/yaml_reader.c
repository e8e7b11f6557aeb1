/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/yaml_reader.h"

#include "base/error.h"
#include <errno.h>
#include <string.h>
#include <yaml.h>

enum {
	DEPTH_MAXIMUM = 8, /* stages: [{need: [{...}]}] takes 5 */
	EVENTS_MAXIMUM = 8192,
	FIELDS_MAXIMUM = 4, /* of the small mappings */
};

struct reader {
	struct demand_builder *builder;
	struct report *report;
	yaml_document_t *document;
};

/* The place of a node, and its text when it is a scalar. */
static struct token node_token(const yaml_node_t *node)
{
	struct token token = {
	        .kind = TOKEN_SCALAR,
	        .line = (int)node->start_mark.line + 1,
	        .column = (int)node->start_mark.column + 1,
	        .text = "",
	};

	if (node->type == YAML_SCALAR_NODE) {
		token.text = (const char *)node->data.scalar.value;
		token.size = node->data.scalar.length;
	}
	return token;
}

static void refuse(struct reader *reader, const yaml_node_t *node, const char *message)
{
	struct token place = node_token(node);

	(void)REPORT(reader->report, BUSBAR_ERROR_SYNTAX, &place, "%s", message);
}

static void refuse_key(struct reader *reader, const struct token *key)
{
	char quote[TOKEN_QUOTE];

	(void)REPORT(reader->report, BUSBAR_ERROR_SYNTAX, key, "unknown key %s", token_quote(key, quote));
}

static bool is_null(const struct token *token, const yaml_node_t *node)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (token_is(token, words[i]))
			return true;
	return false;
}

static bool read_scalar(struct reader *reader, const yaml_node_t *node, struct token *ret_token)
{
	struct token token = node_token(node);

	if (node->type != YAML_SCALAR_NODE || is_null(&token, node)) {
		refuse(reader, node, "a single value is expected");
		return false;
	}
	*ret_token = token;
	return true;
}

static bool read_boolean(struct reader *reader, const yaml_node_t *node)
{
	static const char *const choices[] = {"false", "true", NULL};
	struct token token;
	unsigned choice = 0;

	if (node && read_scalar(reader, node, &token))
		value_choice(reader->report, &token, choices, 0, &choice);
	return choice == 1;
}

static const yaml_node_t *node_at(struct reader *reader, int index)
{
	return yaml_document_get_node(reader->document, index);
}

typedef void item_function(struct reader *reader, const yaml_node_t *node);

/* Calls the function on every item of a sequence, as far as nothing is wrong. */
static void read_items(struct reader *reader, const yaml_node_t *node, item_function *function)
{
	if (node->type != YAML_SEQUENCE_NODE) {
		refuse(reader, node, "a list is expected");
		return;
	}
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && reader->report->code == 0; item++)
		function(reader, node_at(reader, *item));
}

/*
 * The values of a small mapping by the order of `names` (NULL-terminated), NULL where a key is absent.
 * False, reported, for other keys and double ones.
 */
static bool read_fields(struct reader *reader, const yaml_node_t *node, const char *const *names,
                        const yaml_node_t *ret_values[FIELDS_MAXIMUM])
{
	memset(ret_values, 0, FIELDS_MAXIMUM * sizeof(ret_values[0]));
	if (node->type != YAML_MAPPING_NODE) {
		refuse(reader, node, "a mapping is expected");
		return false;
	}
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
	     pair++) {
		const yaml_node_t *key = node_at(reader, pair->key);
		struct token name = node_token(key);
		unsigned index = 0;

		while (names[index] && !token_is(&name, names[index]))
			index++;
		if (!names[index]) {
			refuse_key(reader, &name);
			return false;
		}
		if (ret_values[index]) {
			refuse(reader, key, "a key for the second time");
			return false;
		}
		ret_values[index] = node_at(reader, pair->value);
	}
	return true;
}

/* A field that must be there, as a token. */
static bool require(struct reader *reader, const yaml_node_t *parent, const yaml_node_t *value,
                    const char *name, struct token *ret_token)
{
	struct token place = node_token(parent);

	if (value)
		return read_scalar(reader, value, ret_token);
	(void)REPORT(reader->report, BUSBAR_ERROR_SYNTAX, &place, "'%s' is missing", name);
	return false;
}

/* {KIND: AMOUNT} */
static bool read_amount(struct reader *reader, const yaml_node_t *node, struct token *ret_kind,
                        struct token *ret_amount)
{
	const yaml_node_pair_t *pair;

	if (node->type != YAML_MAPPING_NODE ||
	    node->data.mapping.pairs.top - node->data.mapping.pairs.start != 1) {
		refuse(reader, node, "one kind and its amount are expected, as {cpu: 2}");
		return false;
	}
	pair = node->data.mapping.pairs.start;
	return read_scalar(reader, node_at(reader, pair->key), ret_kind) &&
	       read_scalar(reader, node_at(reader, pair->value), ret_amount);
}

static void read_argument(struct reader *reader, const yaml_node_t *node)
{
	struct token text;

	if (read_scalar(reader, node, &text))
		demand_builder_argument(reader->builder, &text);
}

static void read_run(struct reader *reader, const yaml_node_t *node)
{
	read_items(reader, node, read_argument);
}

static void read_need(struct reader *reader, const yaml_node_t *node)
{
	static const char *const names[] = {"kind", "amount", "each", "for", NULL};
	const yaml_node_t *values[FIELDS_MAXIMUM];
	struct token kind, amount, time;
	bool each;

	if (!read_fields(reader, node, names, values) || !require(reader, node, values[0], "kind", &kind) ||
	    !require(reader, node, values[1], "amount", &amount))
		return;
	each = read_boolean(reader, values[2]);
	demand_builder_need(reader->builder, &kind, &amount, each);
	if (values[3] && read_scalar(reader, values[3], &time))
		demand_builder_set(reader->builder, STATEMENT_FOR, &time, &time);
}

static void read_needs(struct reader *reader, const yaml_node_t *node)
{
	read_items(reader, node, read_need);
}

static void read_work(struct reader *reader, const yaml_node_t *node)
{
	struct token kind, amount;

	if (read_amount(reader, node, &kind, &amount))
		demand_builder_work(reader->builder, &kind, &amount);
}

static void read_datum(struct reader *reader, const yaml_node_t *node)
{
	static const char *const names[] = {"size", "direction", "each", "blob", NULL};
	const yaml_node_t *values[FIELDS_MAXIMUM];
	struct token size, direction, blob = {0};
	bool each;

	if (!read_fields(reader, node, names, values) || !require(reader, node, values[0], "size", &size) ||
	    !require(reader, node, values[1], "direction", &direction) ||
	    (values[3] && !read_scalar(reader, values[3], &blob)))
		return;
	if (values[3] && blob.size == 0)
		refuse(reader, values[3], "a digest is expected");
	each = read_boolean(reader, values[2]);
	demand_builder_data(reader->builder, &size, &direction, each, &blob);
}

static void read_data(struct reader *reader, const yaml_node_t *node)
{
	read_items(reader, node, read_datum);
}

static void read_split(struct reader *reader, const yaml_node_t *node)
{
	static const char *const names[] = {"up to", "into", "part at least", NULL};
	const yaml_node_t *values[FIELDS_MAXIMUM];
	struct token parts, kind, amount;

	if (!read_fields(reader, node, names, values))
		return;
	if (!values[0] == !values[1]) {
		refuse(reader, node, "either 'up to' or 'into' is expected");
		return;
	}
	if (!read_scalar(reader, values[0] ? values[0] : values[1], &parts))
		return;
	demand_builder_split(reader->builder, values[1] != NULL, &parts);
	if (values[2] && read_amount(reader, values[2], &kind, &amount))
		demand_builder_split_least(reader->builder, &kind, &amount);
}

static void read_statements(struct reader *reader, const yaml_node_t *node, unsigned scopes);

static void read_bandwidth(struct reader *reader, const yaml_node_t *node)
{
	read_statements(reader, node, SCOPE_BANDWIDTH);
	if (node->type == YAML_MAPPING_NODE && node->data.mapping.pairs.start == node->data.mapping.pairs.top)
		refuse(reader, node, "up, down or burst is expected");
}

static void read_stage(struct reader *reader, const yaml_node_t *node)
{
	struct token place = node_token(node);

	demand_builder_stage_open(reader->builder, &place);
	if (reader->report->code == 0)
		read_statements(reader, node, SCOPE_STAGE | SCOPE_BODY);
	if (reader->report->code == 0 && reader->builder->stage->name[0] == '\0')
		refuse(reader, node, "a stage without 'stage', its name");
	demand_builder_stage_close(reader->builder);
}

static void read_stages(struct reader *reader, const yaml_node_t *node)
{
	read_items(reader, node, read_stage);
}

static void read_stage_name(struct reader *reader, const yaml_node_t *node)
{
	struct token name;

	if (read_scalar(reader, node, &name))
		demand_builder_stage_name(reader->builder, &name);
}

static void read_after_name(struct reader *reader, const yaml_node_t *node)
{
	struct token name;

	if (read_scalar(reader, node, &name))
		demand_builder_stage_after(reader->builder, &name);
}

static void read_after(struct reader *reader, const yaml_node_t *node)
{
	if (node->type == YAML_SCALAR_NODE)
		read_after_name(reader, node);
	else
		read_items(reader, node, read_after_name);
}

static item_function *const composites[STATEMENTS] = {
        [STATEMENT_RUN] = read_run,          [STATEMENT_NEED] = read_needs,
        [STATEMENT_WORK] = read_work,        [STATEMENT_BANDWIDTH] = read_bandwidth,
        [STATEMENT_DATA] = read_data,        [STATEMENT_SPLIT] = read_split,
        [STATEMENT_STAGE] = read_stage_name, [STATEMENT_STAGES] = read_stages,
        [STATEMENT_AFTER] = read_after,
};

/* The value of a simple statement, or the values of a list. */
static void read_values(struct reader *reader, enum statement statement, const yaml_node_t *node)
{
	bool list = statement_type(statement) == STATEMENT_TEXTS ||
	            statement_type(statement) == STATEMENT_CHOICES;
	struct token token;

	if (!list || node->type != YAML_SEQUENCE_NODE) {
		if (read_scalar(reader, node, &token))
			demand_builder_put(reader->builder, statement, &token);
		return;
	}
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && reader->report->code == 0; item++)
		if (read_scalar(reader, node_at(reader, *item), &token))
			demand_builder_put(reader->builder, statement, &token);
	if (node->data.sequence.items.start == node->data.sequence.items.top)
		refuse(reader, node, "an empty list");
}

static void read_statement(struct reader *reader, const yaml_node_pair_t *pair, unsigned scopes)
{
	const yaml_node_t *value = node_at(reader, pair->value);
	struct token key = node_token(node_at(reader, pair->key));
	enum statement statement = statement_find(&key, scopes);

	if (statement == STATEMENTS) {
		refuse_key(reader, &key);
		return;
	}
	demand_builder_enter(reader->builder, statement, &key);
	if (composites[statement])
		composites[statement](reader, value);
	else
		read_values(reader, statement, value);
}

static void read_statements(struct reader *reader, const yaml_node_t *node, unsigned scopes)
{
	if (node->type != YAML_MAPPING_NODE) {
		refuse(reader, node, "a mapping is expected");
		return;
	}
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top && reader->report->code == 0; pair++)
		read_statement(reader, pair, scopes);
}

static void report_yaml(struct report *report, const yaml_parser_t *parser)
{
	bool memory = parser->error == YAML_MEMORY_ERROR;

	(void)report_at(report, memory ? -ENOMEM : BUSBAR_ERROR_SYNTAX, (int)parser->problem_mark.line + 1,
	                (int)parser->problem_mark.column + 1, "%s",
	                parser->problem ? parser->problem : "no YAML");
}

/* How an event changes the depth of nesting. */
static int depth_change(yaml_event_type_t type)
{
	switch (type) {
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return 1;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return -1;
	default:
		return 0;
	}
}

static bool has_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor != NULL;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

static void check_event(struct report *report, const yaml_event_t *event, int depth, int events,
                        int documents)
{
	int line = (int)event->start_mark.line + 1, column = (int)event->start_mark.column + 1;

	if (depth > DEPTH_MAXIMUM)
		(void)report_at(report, BUSBAR_ERROR_TOO_LARGE, line, column, "nested too deeply");
	if (events > EVENTS_MAXIMUM)
		(void)report_at(report, BUSBAR_ERROR_TOO_LARGE, line, column, "too many values");
	if (has_anchor(event))
		(void)report_at(report, BUSBAR_ERROR_SYNTAX, line, column, "aliases are not allowed");
	if (documents > 1)
		(void)report_at(report, BUSBAR_ERROR_SYNTAX, line, column, "a second document");
}

/* Everything that must hold before nodes are made. */
static void check_events(const char *text, size_t size, struct report *report)
{
	int depth = 0, documents = 0;
	bool end = false;
	yaml_parser_t parser;
	yaml_event_t event;

	if (!yaml_parser_initialize(&parser)) {
		(void)report_at(report, -ENOMEM, 1, 1, "no memory");
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	for (int events = 1; !end && report->code == 0; events++) {
		if (!yaml_parser_parse(&parser, &event)) {
			report_yaml(report, &parser);
			break;
		}
		depth += depth_change(event.type);
		documents += event.type == YAML_DOCUMENT_START_EVENT;
		end = event.type == YAML_STREAM_END_EVENT;
		check_event(report, &event, depth, events, documents);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

static void read_document(struct reader *reader)
{
	const yaml_node_t *root = yaml_document_get_root_node(reader->document);

	if (root)
		read_statements(reader, root, SCOPE_DEMAND | SCOPE_BODY);
	else
		(void)report_at(reader->report, BUSBAR_ERROR_SYNTAX, 1, 1, "an empty document");
}

void yaml_reader_run(const char *text, size_t size, struct demand_builder *builder)
{
	struct reader reader = {.builder = builder, .report = builder->report};
	yaml_document_t document;
	yaml_parser_t parser;

	check_events(text, size, reader.report);
	if (reader.report->code < 0)
		return;
	if (!yaml_parser_initialize(&parser)) {
		(void)report_at(reader.report, -ENOMEM, 1, 1, "no memory");
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (yaml_parser_load(&parser, &document)) {
		reader.document = &document;
		read_document(&reader);
		yaml_document_delete(&document);
	} else {
		report_yaml(reader.report, &parser);
	}
	yaml_parser_delete(&parser);
}
