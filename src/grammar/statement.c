/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/statement.h"

#include "base/error.h"
#include "model/demand.h"
#include <string.h>

struct description {
	const char *name;
	enum statement_scope scope;
	enum statement_type type;
	enum value_type value; /* STATEMENT_NUMBER */
	size_t offset;
	size_t capacity;     /* of a text, or of one text of a list */
	size_t count_offset; /* lists: a uint32_t; they hold DEMAND_PLACES */
	const char *const *choices;
	unsigned first_choice;
};

#define BODY(field) .scope = SCOPE_BODY, .offset = offsetof(struct demand_body, field)
#define LIMIT(field) .scope = SCOPE_BANDWIDTH, .offset = offsetof(struct demand_body, field)
#define OPTION(field) .scope = SCOPE_DEMAND, .offset = offsetof(struct demand, field)
#define COUNT(field) .count_offset = offsetof(struct demand, field)

static const struct description descriptions[STATEMENTS] = {
        [STATEMENT_DEMAND] = {"demand", OPTION(name), .type = STATEMENT_NAME, .capacity = DEMAND_NAME},
        [STATEMENT_SERVICE] = {"service", BODY(service), .type = STATEMENT_TEXT, .capacity = SERVICE_NAME},
        [STATEMENT_VERSION] = {"version", BODY(version), .type = STATEMENT_TEXT, .capacity = SERVICE_VERSION},
        [STATEMENT_RUN] = {"run", SCOPE_BODY},
        [STATEMENT_RESERVE] = {"reserve for", BODY(reserve_time), .type = STATEMENT_NUMBER,
                               .value = VALUE_DURATION},
        [STATEMENT_NEED] = {"need", SCOPE_BODY},
        [STATEMENT_FOR] = {"for", .scope = SCOPE_NEED, .offset = offsetof(struct demand_body, need_time),
                           .type = STATEMENT_NUMBER, .value = VALUE_DURATION},
        [STATEMENT_WORK] = {"work", SCOPE_BODY},
        [STATEMENT_NETWORK_WITHIN] = {"network within", BODY(network_within), .type = STATEMENT_NUMBER,
                                      .value = VALUE_DURATION},
        [STATEMENT_GUARANTEED] = {"guaranteed", BODY(network_guaranteed), .type = STATEMENT_FLAG},
        [STATEMENT_RESPOND_WITHIN] = {"respond within", BODY(respond_within), .type = STATEMENT_NUMBER,
                                      .value = VALUE_DURATION},
        [STATEMENT_FINISH_WITHIN] = {"finish within", BODY(finish_within), .type = STATEMENT_NUMBER,
                                     .value = VALUE_DURATION},
        [STATEMENT_BANDWIDTH] = {"bandwidth", SCOPE_BODY},
        [STATEMENT_UP] = {"up", LIMIT(bandwidth_up), .type = STATEMENT_NUMBER, .value = VALUE_RATE},
        [STATEMENT_DOWN] = {"down", LIMIT(bandwidth_down), .type = STATEMENT_NUMBER, .value = VALUE_RATE},
        [STATEMENT_BURST] = {"burst", LIMIT(burst), .type = STATEMENT_NUMBER, .value = VALUE_BYTES},
        [STATEMENT_DATA] = {"data", SCOPE_BODY},
        [STATEMENT_SPLIT] = {"split", SCOPE_BODY},
        [STATEMENT_STAGES] = {"stages", SCOPE_DEMAND},
        [STATEMENT_STAGE] = {"stage", SCOPE_STAGE},
        [STATEMENT_AFTER] = {"after", SCOPE_STAGE},
        [STATEMENT_BUDGET] = {"budget", OPTION(budget), .type = STATEMENT_NUMBER, .value = VALUE_MONEY},
        [STATEMENT_PREFER] = {"prefer", OPTION(prefer), .type = STATEMENT_CHOICE,
                              .choices = demand_prefer_names},
        [STATEMENT_REGION] = {"region", OPTION(regions), .type = STATEMENT_TEXTS, .capacity = SITE_TEXT,
                              COUNT(region_count)},
        [STATEMENT_OPERATOR] = {"operator", OPTION(operators), .type = STATEMENT_TEXTS, .capacity = SITE_TEXT,
                                COUNT(operator_count)},
        [STATEMENT_MODEL] = {"model", OPTION(models), .type = STATEMENT_CHOICES, COUNT(model_count),
                             .choices = supply_model_names, .first_choice = SUPPLY_EDGE},
        [STATEMENT_TRUST] = {"trust", OPTION(trust), .type = STATEMENT_NUMBER, .value = VALUE_COUNT},
        [STATEMENT_AFFINITY] = {"affinity", OPTION(affinity), .type = STATEMENT_NAME,
                                .capacity = DEMAND_NAME},
        [STATEMENT_OFFLOAD] = {"offload", OPTION(offload), .type = STATEMENT_FLAG},
};

/* Choices are kept as their enumeration, which has the size of an unsigned. */
_Static_assert(sizeof(enum demand_prefer) == sizeof(unsigned), "enumeration size");
_Static_assert(sizeof(enum supply_model) == sizeof(unsigned), "enumeration size");

const char *statement_name(enum statement statement)
{
	return descriptions[statement].name;
}

enum statement_scope statement_scope(enum statement statement)
{
	return descriptions[statement].scope;
}

enum statement_type statement_type(enum statement statement)
{
	return descriptions[statement].type;
}

enum statement statement_find(const struct token *name, unsigned scopes)
{
	for (int i = 0; i < STATEMENTS; i++)
		if ((descriptions[i].scope & scopes) != 0 && token_is(name, descriptions[i].name))
			return (enum statement)i;
	return STATEMENTS;
}

/* Numbers fill 64 bits, counts 32. */
static int set_number(const struct description *description, struct report *report, const struct token *token,
                      char *field)
{
	int64_t value;
	uint32_t count;
	int code;

	if (description->value == VALUE_COUNT) {
		code = value_count(report, token, 1, UINT32_MAX, &count);
		if (code == 0)
			memcpy(field, &count, sizeof(count));
		return code;
	}
	code = value_positive(report, description->value, token, &value);
	if (code == 0)
		memcpy(field, &value, sizeof(value));
	return code;
}

static int64_t get_number(const struct description *description, const char *field)
{
	int64_t value;
	uint32_t count;

	if (description->value == VALUE_COUNT) {
		memcpy(&count, field, sizeof(count));
		return count;
	}
	memcpy(&value, field, sizeof(value));
	return value;
}

static int set_choice(const struct description *description, struct report *report, const struct token *token,
                      char *field)
{
	unsigned choice;
	int code = value_choice(report, token, description->choices, description->first_choice, &choice);

	if (code == 0)
		memcpy(field, &choice, sizeof(choice));
	return code;
}

static int set_flag(struct report *report, const struct token *token, char *field)
{
	static const char *const choices[] = {"false", "true", NULL};
	unsigned choice = 1;
	bool flag;
	int code = 0;

	/* In a text the word itself says yes. */
	if (token->kind == TOKEN_SCALAR)
		code = value_choice(report, token, choices, 0, &choice);
	flag = choice == 1;
	if (code == 0)
		memcpy(field, &flag, sizeof(flag));
	return code;
}

static int append(const struct description *description, struct report *report, const struct token *token,
                  char *base)
{
	char *field = base + description->offset;
	uint32_t count;
	int code;

	memcpy(&count, base + description->count_offset, sizeof(count));
	if (count == DEMAND_PLACES)
		return REPORT(report, BUSBAR_ERROR_TOO_LARGE, token, "more than %d in one list",
		              DEMAND_PLACES);
	if (description->type == STATEMENT_CHOICES)
		code = set_choice(description, report, token, field + count * sizeof(unsigned));
	else
		code = value_name(report, token, description->capacity,
		                  field + count * description->capacity);
	if (code < 0)
		return code;
	count++;
	memcpy(base + description->count_offset, &count, sizeof(count));
	return 0;
}

int statement_set(enum statement statement, struct report *report, const struct token *token, void *base)
{
	const struct description *description = &descriptions[statement];
	char *field = (char *)base + description->offset;

	switch (description->type) {
	case STATEMENT_NUMBER:
		return set_number(description, report, token, field);
	case STATEMENT_NAME:
	case STATEMENT_TEXT:
		return value_name(report, token, description->capacity, field);
	case STATEMENT_CHOICE:
		return set_choice(description, report, token, field);
	case STATEMENT_FLAG:
		return set_flag(report, token, field);
	case STATEMENT_TEXTS:
	case STATEMENT_CHOICES:
		return append(description, report, token, base);
	case STATEMENT_COMPOSITE:
		break;
	}
	return REPORT(report, BUSBAR_ERROR_SYNTAX, token, "%s has no single value", description->name);
}

/* How many values a statement has: 0 when it was not made. */
static uint32_t value_total(const struct description *description, const void *base)
{
	const char *field = (const char *)base + description->offset;
	uint32_t count = 0;

	switch (description->type) {
	case STATEMENT_NUMBER:
		return get_number(description, field) != 0;
	case STATEMENT_CHOICE:
		memcpy(&count, field, sizeof(count));
		return count != 0;
	case STATEMENT_NAME:
	case STATEMENT_TEXT:
	case STATEMENT_FLAG:
		return *field != '\0';
	case STATEMENT_TEXTS:
	case STATEMENT_CHOICES:
		memcpy(&count, (const char *)base + description->count_offset, sizeof(count));
		return count;
	case STATEMENT_COMPOSITE:
		break;
	}
	return 0;
}

bool statement_present(enum statement statement, const void *base)
{
	return value_total(&descriptions[statement], base) > 0;
}

/* Values that never passed a check may lie outside the table. */
static const char *choice_name(const struct description *description, unsigned choice)
{
	for (unsigned i = 0; description->choices[i]; i++)
		if (i == choice)
			return description->choices[i];
	return "?";
}

static void print_one(const struct description *description, struct printer *printer, const char *field,
                      uint32_t index)
{
	char buffer[UNIT_TEXT];
	unsigned choice;

	switch (description->type) {
	case STATEMENT_NUMBER:
		printer_put(printer, "%s",
		            value_format(description->value, get_number(description, field), buffer));
		break;
	case STATEMENT_NAME:
		printer_name(printer, field);
		break;
	case STATEMENT_TEXT:
	case STATEMENT_TEXTS:
		printer_text(printer, field + index * description->capacity);
		break;
	case STATEMENT_CHOICE:
	case STATEMENT_CHOICES:
		memcpy(&choice, field + index * sizeof(choice), sizeof(choice));
		printer_put(printer, "%s", choice_name(description, choice));
		break;
	case STATEMENT_FLAG:
		printer_put(printer, "true");
		break;
	case STATEMENT_COMPOSITE:
		break;
	}
}

void statement_print_value(enum statement statement, struct printer *printer, const void *base)
{
	const struct description *description = &descriptions[statement];
	const char *field = (const char *)base + description->offset;
	bool list = description->type == STATEMENT_TEXTS || description->type == STATEMENT_CHOICES;
	bool brackets = list && printer->style == PRINTER_YAML;

	/* A flag's name is all of it in a text. */
	if (description->type == STATEMENT_FLAG && printer->style == PRINTER_TEXT)
		return;
	printer_put(printer, brackets ? " [" : " ");
	for (uint32_t i = 0; i < value_total(description, base); i++) {
		printer_put(printer, i > 0 ? ", " : "");
		print_one(description, printer, field, i);
	}
	printer_put(printer, brackets ? "]" : "");
}

void statement_print(enum statement statement, struct printer *printer, const void *base)
{
	if (!statement_present(statement, base))
		return;
	printer_open(printer, statement_name(statement));
	statement_print_value(statement, printer, base);
	printer_close(printer);
}
