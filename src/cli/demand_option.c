/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demand_option.h"

#include "base/error.h"
#include "cli/stream.h"
#include "grammar/grammar.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A text under construction, and what was wrong with the flags. */
struct draft {
	FILE *stream;
	char *problem;
	int code;
};

static void refuse(struct draft *draft, int code, const char *format, ...) PRINTF(3, 4);

/* The first complaint stays. */
static void refuse(struct draft *draft, int code, const char *format, ...)
{
	va_list arguments;

	if (draft->code < 0)
		return;
	draft->code = code;
	va_start(arguments, format);
	(void)vsnprintf(draft->problem, DEMAND_OPTION_PROBLEM, format, arguments);
	va_end(arguments);
}

static void put_quoted(struct draft *draft, const char *text, size_t size)
{
	(void)fputc('"', draft->stream);
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '"' || text[i] == '\\')
			(void)fputc('\\', draft->stream);
		(void)fputc(text[i], draft->stream);
	}
	(void)fputc('"', draft->stream);
}

static void put_string(struct draft *draft, const char *text)
{
	put_quoted(draft, text, strlen(text));
}

/* Numbers, units and words only: a flag is one value, never a second statement. */
static bool is_plain(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ./_-";

	return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

static void put_plain(struct draft *draft, const char *option, const char *before, const char *text)
{
	if (!is_plain(text))
		refuse(draft, BUSBAR_ERROR_BAD_VALUE, "--%s: not a value: '%.100s'", option, text);
	(void)fprintf(draft->stream, "%s%s", before, text);
}

/* "ocr:2": the version stands behind the last colon. */
static void put_service(struct draft *draft, const char *service)
{
	const char *colon = strrchr(service, ':');

	(void)fputs("\tservice ", draft->stream);
	put_quoted(draft, service, colon == NULL ? strlen(service) : (size_t)(colon - service));
	if (colon != NULL) {
		(void)fputs(" version ", draft->stream);
		put_string(draft, colon + 1);
	}
	(void)fputs(";\n", draft->stream);
}

static void put_program(struct draft *draft, const struct options *options)
{
	(void)fputs("\trun", draft->stream);
	for (size_t i = 0; i < options->program_count; i++) {
		(void)fputc(' ', draft->stream);
		put_string(draft, options->program[i]);
	}
	(void)fputs(";\n", draft->stream);
}

static void put_subject(struct draft *draft, const struct options *options)
{
	if (options->run != (options->program_count > 0))
		refuse(draft, BUSBAR_ERROR_MISSING_FIELD, "--run and -- PROGRAM go together");
	else if (options->run && options->service != NULL)
		refuse(draft, BUSBAR_ERROR_BAD_VALUE, "--service and --run exclude each other");
	else if (options->run)
		put_program(draft, options);
	else if (options->service != NULL)
		put_service(draft, options->service);
	else if (options->reserve_time == NULL)
		refuse(draft, BUSBAR_ERROR_MISSING_FIELD, "a demand needs a file, --service or --run");
}

static void put_needs(struct draft *draft, const struct options *options)
{
	const struct option_list *needs = &options->needs;

	for (size_t i = 0; i < needs->count; i++) {
		put_plain(draft, "need", "\tneed ", needs->items[i]);
		if (i + 1 == needs->count && options->need_time != NULL)
			put_plain(draft, "for", " for ", options->need_time);
		(void)fputs(";\n", draft->stream);
	}
	if (needs->count == 0 && options->need_time != NULL)
		refuse(draft, BUSBAR_ERROR_MISSING_FIELD, "--for goes with --need");
}

struct statement_option {
	const char *option, *statement;
	size_t offset;
};

#define AT(member) offsetof(struct options, member)

static const struct statement_option statements[] = {
        {"for", "reserve for", AT(reserve_time)},
        {"work", "work", AT(work)},
        {"network-within", "network within", AT(network_within)},
        {"respond-within", "respond within", AT(respond_within)},
        {"finish-within", "finish within", AT(finish_within)},
        {"split", "split into", AT(split)},
        {"split-up-to", "split up to", AT(split_up_to)},
        {"budget", "budget", AT(budget)},
        {"prefer", "prefer", AT(prefer)},
};
static const struct statement_option limits[] = {
        {"up", " up ", AT(up)},
        {"down", " down ", AT(down)},
        {"burst", " burst ", AT(burst)},
};

static const char *value_of(const struct options *options, size_t offset)
{
	return *(const char *const *)(const void *)((const char *)options + offset);
}

static void put_statements(struct draft *draft, const struct options *options)
{
	if (options->guaranteed && options->network_within == NULL)
		refuse(draft, BUSBAR_ERROR_MISSING_FIELD, "--guaranteed goes with --network-within");
	for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
		const char *value = value_of(options, statements[i].offset);

		if (value == NULL)
			continue;
		(void)fprintf(draft->stream, "\t%s", statements[i].statement);
		put_plain(draft, statements[i].option, " ", value);
		if (options->guaranteed && statements[i].offset == AT(network_within))
			(void)fputs(" guaranteed", draft->stream);
		(void)fputs(";\n", draft->stream);
	}
}

static void put_bandwidth(struct draft *draft, const struct options *options)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const char *value = value_of(options, limits[i].offset);

		if (value == NULL)
			continue;
		(void)fputs(any ? "" : "\tbandwidth", draft->stream);
		put_plain(draft, limits[i].option, limits[i].statement, value);
		any = true;
	}
	(void)fputs(any ? ";\n" : "", draft->stream);
}

static void put_places(struct draft *draft, const char *statement, const struct option_list *places)
{
	for (size_t i = 0; i < places->count; i++) {
		(void)fprintf(draft->stream, i == 0 ? "\t%s " : ", ", statement);
		put_string(draft, places->items[i]);
	}
	(void)fputs(places->count > 0 ? ";\n" : "", draft->stream);
}

static void put_models(struct draft *draft, const struct option_list *models)
{
	for (size_t i = 0; i < models->count; i++)
		put_plain(draft, "model", i == 0 ? "\tmodel " : ", ", models->items[i]);
	(void)fputs(models->count > 0 ? ";\n" : "", draft->stream);
}

static void put_demand(struct draft *draft, const struct options *options)
{
	(void)fputs("demand ", draft->stream);
	if (options->name != NULL)
		put_string(draft, options->name);
	(void)fputs(" {\n", draft->stream);
	put_subject(draft, options);
	put_needs(draft, options);
	put_statements(draft, options);
	put_bandwidth(draft, options);
	put_places(draft, "region", &options->regions);
	put_places(draft, "operator", &options->operators);
	put_models(draft, &options->models);
	(void)fputs("}\n", draft->stream);
}

int demand_option_text(const struct options *options, struct arena *arena, char **ret_text,
                       char problem[DEMAND_OPTION_PROBLEM])
{
	struct draft draft = {.problem = problem};
	char *text = NULL, *copy;
	size_t size = 0;

	draft.stream = open_memstream(&text, &size);
	if (draft.stream == NULL)
		return -ENOMEM;
	put_demand(&draft, options);
	if (fclose(draft.stream) != 0)
		refuse(&draft, -ENOMEM, "%s", error_text(-ENOMEM));
	copy = draft.code < 0 ? NULL : arena_text(arena, text);
	free(text);
	if (draft.code < 0)
		return draft.code;
	if (copy == NULL)
		return -ENOMEM;
	*ret_text = copy;
	return 0;
}

/* As libbusbar tells the forms apart: the text form begins with the word `demand` that is no key. */
static bool is_yaml(const char *text)
{
	while (isspace((unsigned char)*text) || *text == '#')
		text += *text == '#' ? strcspn(text, "\n") : 1;
	return strncmp(text, "demand", 6) != 0 || text[6 + strspn(text + 6, " \t")] == ':';
}

int demand_option_parse(const char *text, const char *file, struct arena *arena, struct demand *ret_demand,
                        char problem[DEMAND_OPTION_PROBLEM])
{
	struct grammar_problem found = {.line = 0};
	int code = is_yaml(text)
	                   ? grammar_parse_demand_yaml(text, strlen(text), file, arena, ret_demand, &found)
	                   : grammar_parse_demand(text, strlen(text), file, arena, ret_demand, &found);

	if (code < 0)
		(void)snprintf(problem, DEMAND_OPTION_PROBLEM, "%s",
		               found.text[0] == '\0' ? error_text(code) : found.text);
	return code;
}

static int read_file(const char *file, struct arena *arena, char **ret_text, char *problem)
{
	void *bytes;
	size_t size;
	int code = stream_read(file, GRAMMAR_TEXT, &bytes, &size);

	if (code == 0) {
		bool whole = memchr(bytes, '\0', size) == NULL;
		char *text = whole ? arena_text(arena, bytes) : NULL;

		free(bytes);
		if (text != NULL)
			*ret_text = text;
		else
			code = whole ? -ENOMEM : BUSBAR_ERROR_SYNTAX;
	}
	if (code < 0)
		(void)snprintf(problem, DEMAND_OPTION_PROBLEM, "%.150s: %s", file, error_text(code));
	return code;
}

int demand_option_read(const struct options *options, const char *file, struct arena *arena,
                       struct demand *ret_demand, char problem[DEMAND_OPTION_PROBLEM])
{
	char *text;
	int code;

	if (file != NULL &&
	    (options_given(options, OPTION_DEMAND | OPTION_SERVICE) || options->program_count)) {
		(void)snprintf(problem, DEMAND_OPTION_PROBLEM, "a demand is a file or flags, not both");
		return BUSBAR_ERROR_BAD_VALUE;
	}
	code = file == NULL ? demand_option_text(options, arena, &text, problem)
	                    : read_file(file, arena, &text, problem);
	if (code < 0)
		return code;
	return demand_option_parse(text, file == NULL ? "flags" : file, arena, ret_demand, problem);
}

int demand_option_add_blob(struct demand *demand, const unsigned char digest[32], size_t size)
{
	struct demand_data data = {.direction = DATA_IN, .blob = true, .size = size};

	if (demand->body.data_count == DEMAND_DATA)
		return BUSBAR_ERROR_TOO_LARGE;
	memcpy(data.digest, digest, sizeof(data.digest));
	demand->body.data[demand->body.data_count++] = data;
	return 0;
}
