/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "busbar-error.h"
#include <string.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_MANY };

struct option_description {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	size_t offset;
	unsigned group;
	const char *argument, *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option_description descriptions[] = {
        {"config", 0, OPTION_TEXT, AT(config), OPTION_COMMON, "FILE", "configuration to use"},
        {"gateway", 0, OPTION_TEXT, AT(gateway), OPTION_COMMON, "ADDRESS", "gateway to ask, [host]:port"},
        {"operator", 0, OPTION_FLAG, AT(as_operator), OPTION_COMMON, NULL, "with the operator's key"},
        {"json", 'j', OPTION_FLAG, AT(json), OPTION_COMMON, NULL, "documents as they come"},
        {"help", 'h', OPTION_FLAG, AT(help), OPTION_COMMON, NULL, "what a command takes"},
        {"version", 'V', OPTION_FLAG, AT(version), OPTION_COMMON, NULL, "version of this command"},
        {"service", 's', OPTION_TEXT, AT(service), OPTION_SERVICE | OPTION_VIEW, "NAME[:VERSION]",
         "service to use"},
        {"run", 0, OPTION_FLAG, AT(run), OPTION_SERVICE, NULL, "run the program after --"},
        {"name", 'n', OPTION_TEXT, AT(name), OPTION_DEMAND, "NAME", "name of the demand"},
        {"need", 0, OPTION_MANY, AT(needs), OPTION_DEMAND, "\"KIND AMOUNT [each]\"", "resource held"},
        {"for", 0, OPTION_TEXT, AT(need_time), OPTION_DEMAND, "TIME", "how long it is held"},
        {"work", 0, OPTION_TEXT, AT(work), OPTION_DEMAND, "\"KIND AMOUNT\"", "work in all"},
        {"network-within", 0, OPTION_TEXT, AT(network_within), OPTION_DEMAND, "TIME",
         "both ways on the path"},
        {"guaranteed", 0, OPTION_FLAG, AT(guaranteed), OPTION_DEMAND, NULL, "... by what all hops promise"},
        {"respond-within", 0, OPTION_TEXT, AT(respond_within), OPTION_DEMAND, "TIME", "until the response"},
        {"finish-within", 0, OPTION_TEXT, AT(finish_within), OPTION_DEMAND, "TIME", "until all is done"},
        {"up", 0, OPTION_TEXT, AT(up), OPTION_DEMAND, "RATE", "bandwidth towards the site"},
        {"down", 0, OPTION_TEXT, AT(down), OPTION_DEMAND, "RATE", "bandwidth from the site"},
        {"burst", 0, OPTION_TEXT, AT(burst), OPTION_DEMAND, "SIZE", "burst of both"},
        {"split", 0, OPTION_TEXT, AT(split), OPTION_DEMAND, "N", "into exactly N parts"},
        {"split-up-to", 0, OPTION_TEXT, AT(split_up_to), OPTION_DEMAND, "N", "into at most N parts"},
        {"budget", 0, OPTION_TEXT, AT(budget), OPTION_DEMAND, "MONEY", "most that may be held"},
        {"prefer", 0, OPTION_TEXT, AT(prefer), OPTION_DEMAND, "WHAT", "cost, latency or carbon"},
        {"region", 0, OPTION_MANY, AT(regions), OPTION_DEMAND | OPTION_VIEW, "NAME", "only there"},
        {"operator-name", 0, OPTION_MANY, AT(operators), OPTION_DEMAND, "NAME", "only of that operator"},
        {"model", 0, OPTION_MANY, AT(models), OPTION_DEMAND | OPTION_VIEW, "MODEL", "only edge, cloud, ..."},
        {"input", 'i', OPTION_TEXT, AT(input), OPTION_INPUT, "FILE", "input of the task, - for stdin"},
        {"output", 'o', OPTION_TEXT, AT(output), OPTION_OUTPUT, "FILE", "output (FILE.N for several parts)"},
        {"wait", 'w', OPTION_FLAG, AT(wait), OPTION_WAIT, NULL, "wait for the end"},
        {"guarantee", 0, OPTION_FLAG, AT(guarantee), OPTION_TRACE, NULL, "of a reservation's path"},
        {"kind", 0, OPTION_MANY, AT(kinds), OPTION_VIEW, "KIND", "only sites that have it: cpu, gpu, ..."},
        {"price", 0, OPTION_TEXT, AT(price), OPTION_VIEW, "MONEY", "at most: a core second, a call"},
        {"latency", 0, OPTION_TEXT, AT(latency), OPTION_VIEW, "TIME", "at most, one way from the gateway"},
        {"memory", 0, OPTION_FLAG, AT(memory), OPTION_VIEW, NULL, "what the gateway's tables take"},
        {"long", 'l', OPTION_FLAG, AT(detailed), OPTION_VIEW, NULL, "where values are from, and how old"},
        {"watch", 0, OPTION_FLAG, AT(watch), OPTION_VIEW, NULL, "again whenever something changes"},
        {"allow-open", 0, OPTION_FLAG, AT(allow_open), OPTION_LEDGER, NULL, "open programs are no failure"},
};
_Static_assert(ARRAY_SIZE(descriptions) <= 64, "options.given has a bit for each");

struct reader {
	struct options options;
	size_t count, next;
	char *const *words;
	char *problem;
};

static int refuse(struct reader *reader, const char *what, const char *word)
{
	(void)snprintf(reader->problem, OPTIONS_PROBLEM, "%s '%.100s'", what, word);
	return BUSBAR_ERROR_BAD_VALUE;
}

/* `size` octets of `name`, without the dashes. */
static const struct option_description *find_name(const char *name, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++)
		if (strlen(descriptions[i].name) == size && memcmp(descriptions[i].name, name, size) == 0)
			return &descriptions[i];
	return NULL;
}

static const struct option_description *find_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++)
		if (descriptions[i].letter != 0 && descriptions[i].letter == letter)
			return &descriptions[i];
	return NULL;
}

static int store(struct reader *reader, const struct option_description *found, const char *word,
                 const char *value)
{
	char *field = (char *)&reader->options + found->offset;
	uint64_t bit = UINT64_C(1) << (found - descriptions);
	struct option_list *list = (struct option_list *)(void *)field;

	if (found->kind == OPTION_MANY && list->count == OPTIONS_LIST)
		return refuse(reader, "too many", word);
	if (found->kind != OPTION_MANY && (reader->options.given & bit) != 0)
		return refuse(reader, "given twice:", word);
	if (found->kind == OPTION_FLAG)
		*(bool *)(void *)field = true;
	else if (found->kind == OPTION_TEXT)
		*(const char **)(void *)field = value;
	else
		list->items[list->count++] = value;
	reader->options.given |= bit;
	return 0;
}

/* `value` is what stands in the same word behind '='; NULL when there is none. */
static int take(struct reader *reader, const struct option_description *found, const char *word,
                const char *value)
{
	if (found->kind == OPTION_FLAG && value != NULL)
		return refuse(reader, "takes no value:", word);
	if (found->kind != OPTION_FLAG && value == NULL) {
		if (reader->next == reader->count)
			return refuse(reader, "a value is missing after", word);
		value = reader->words[reader->next++];
	}
	return store(reader, found, word, value);
}

static int read_option(struct reader *reader, const char *word)
{
	const struct option_description *found;
	const char *equals = strchr(word, '=');
	size_t size = equals == NULL ? strlen(word) : (size_t)(equals - word);

	if (word[1] == '-')
		found = find_name(word + 2, size - 2);
	else
		found = size == 2 ? find_letter(word[1]) : NULL;
	if (found == NULL)
		return refuse(reader, "no such option", word);
	return take(reader, found, word, equals == NULL ? NULL : equals + 1);
}

static int read_word(struct reader *reader, const char *word)
{
	if (word[0] == '-' && word[1] != '\0')
		return read_option(reader, word);
	if (reader->options.word_count == OPTIONS_WORDS)
		return refuse(reader, "too many words:", word);
	reader->options.words[reader->options.word_count++] = word;
	return 0;
}

int options_read(size_t count, char *const words[], struct options *ret_options,
                 char problem[OPTIONS_PROBLEM])
{
	struct reader reader = {.count = count, .words = words, .problem = problem};

	while (reader.next < count) {
		const char *word = words[reader.next++];
		int code;

		if (strcmp(word, "--") == 0) {
			reader.options.program = words + reader.next;
			reader.options.program_count = count - reader.next;
			break;
		}
		code = read_word(&reader, word);
		if (code < 0)
			return code;
	}
	*ret_options = reader.options;
	return 0;
}

static bool is_given(const struct options *options, size_t index)
{
	return (options->given >> index & 1) != 0;
}

const char *options_foreign(const struct options *options, unsigned groups)
{
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++)
		if (is_given(options, i) && (descriptions[i].group & groups) == 0)
			return descriptions[i].name;
	return NULL;
}

bool options_given(const struct options *options, unsigned groups)
{
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++)
		if (is_given(options, i) && (descriptions[i].group & groups) != 0)
			return true;
	return false;
}

static void print_one(FILE *stream, const struct option_description *one)
{
	char word[64];

	(void)snprintf(word, sizeof(word), "--%s%s%s", one->name, one->argument == NULL ? "" : " ",
	               one->argument == NULL ? "" : one->argument);
	if (one->letter != 0)
		(void)fprintf(stream, "  -%c, %-28s %s\n", one->letter, word, one->help);
	else
		(void)fprintf(stream, "      %-28s %s\n", word, one->help);
}

void options_print(FILE *stream, unsigned groups)
{
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++)
		if ((descriptions[i].group & groups) != 0)
			print_one(stream, &descriptions[i]);
}
