/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations with every type of field: what is accepted prints, reads back and prints the same. */
#include "base/config.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct remote {
	const char *host;
	int64_t tries;
};

struct scalars {
	bool boolean;
	int64_t integer, offset, decimal, duration, bytes, bitrate, ratio;
	int choice;
	const char *text;
	struct config_address address;
};

struct sample {
	const char *name;
	struct scalars scalars, defaults;
	struct remote remote;
	struct config_list booleans, integers, decimals, texts, durations, sizes, rates, ratios, choices,
	        addresses;
	struct config_list all; /* struct scalars */
};

static const char *const choices[] = {"plain", "fast", "it's \"safe\"", NULL};

#define FIELD(text, kind, structure, member, ...)                                                  \
	{                                                                                          \
		.name = (text), .type = (kind), .offset = offsetof(structure, member), __VA_ARGS__ \
	}
#define SCALAR(text, kind, member, ...) FIELD(text, kind, struct scalars, member, __VA_ARGS__)

static const struct config_field remote_fields[] = {
        FIELD("host", CONFIG_TEXT, struct remote, host, .required = true),
        FIELD("tries", CONFIG_INTEGER, struct remote, tries, .fallback = "3"),
        {.name = NULL},
};

static const struct config_field scalar_fields[] = {
        SCALAR("boolean", CONFIG_BOOLEAN, boolean),
        SCALAR("integer", CONFIG_INTEGER, integer, .minimum = 1, .maximum = 1000),
        SCALAR("offset", CONFIG_INTEGER, offset, .minimum = INT64_MIN, .maximum = INT64_MAX),
        SCALAR("decimal", CONFIG_DECIMAL, decimal, .scale = 1000000000),
        SCALAR("duration", CONFIG_DURATION, duration, .minimum = 1000),
        SCALAR("bytes", CONFIG_BYTES, bytes),
        SCALAR("bitrate", CONFIG_BITRATE, bitrate),
        SCALAR("ratio", CONFIG_RATIO, ratio, .maximum = 1000000),
        SCALAR("choice", CONFIG_CHOICE, choice, .choices = choices),
        SCALAR("text", CONFIG_TEXT, text),
        SCALAR("address", CONFIG_ADDRESS, address),
        {.name = NULL},
};

static const struct config_field default_fields[] = {
        SCALAR("boolean", CONFIG_BOOLEAN, boolean, .fallback = "true", .help = "On or off."),
        SCALAR("integer", CONFIG_INTEGER, integer, .fallback = "7"),
        SCALAR("decimal", CONFIG_DECIMAL, decimal, .scale = 100, .fallback = "0.25"),
        SCALAR("duration", CONFIG_DURATION, duration, .fallback = "5 ms", .help = "How long."),
        SCALAR("bytes", CONFIG_BYTES, bytes, .fallback = "2 GiB"),
        SCALAR("bitrate", CONFIG_BITRATE, bitrate, .fallback = "1 Gbit/s"),
        SCALAR("ratio", CONFIG_RATIO, ratio, .fallback = "2 %"),
        SCALAR("choice", CONFIG_CHOICE, choice, .choices = choices, .fallback = "fast"),
        SCALAR("text", CONFIG_TEXT, text, .fallback = ""),
        SCALAR("address", CONFIG_ADDRESS, address, .fallback = "[2001:db8::1]:4179"),
        {.name = NULL},
};

#define ITEMS(text, kind, member, size, ...)                                                       \
	FIELD(text, CONFIG_LIST, struct sample, member, .element = (kind), .element_size = (size), \
	      .list_maximum = 16, __VA_ARGS__)

static const struct config_field fields[] = {
        FIELD("name", CONFIG_TEXT, struct sample, name, .required = true, .help = "Name of the node."),
        FIELD("scalars", CONFIG_SECTION, struct sample, scalars, .fields = scalar_fields),
        FIELD("defaults", CONFIG_SECTION, struct sample, defaults, .fields = default_fields),
        FIELD("remote", CONFIG_SECTION, struct sample, remote, .fields = remote_fields),
        ITEMS("booleans", CONFIG_BOOLEAN, booleans, sizeof(bool)),
        ITEMS("integers", CONFIG_INTEGER, integers, sizeof(int64_t), .minimum = -5, .maximum = 5),
        ITEMS("decimals", CONFIG_DECIMAL, decimals, sizeof(int64_t), .scale = 1),
        ITEMS("texts", CONFIG_TEXT, texts, sizeof(const char *)),
        ITEMS("durations", CONFIG_DURATION, durations, sizeof(int64_t)),
        ITEMS("sizes", CONFIG_BYTES, sizes, sizeof(int64_t)),
        ITEMS("rates", CONFIG_BITRATE, rates, sizeof(int64_t)),
        ITEMS("ratios", CONFIG_RATIO, ratios, sizeof(int64_t)),
        ITEMS("choices", CONFIG_CHOICE, choices, sizeof(int), .choices = choices),
        ITEMS("addresses", CONFIG_ADDRESS, addresses, sizeof(struct config_address)),
        ITEMS("all", CONFIG_SECTION, all, sizeof(struct scalars), .fields = scalar_fields),
        {.name = NULL},
};

static int parse(const char *text, size_t size, struct sample *sample, struct arena *arena)
{
	struct config_problem problem;

	return config_parse(text, size, "fuzz", fields, sample, sizeof(*sample), arena, &problem);
}

/* To be freed. */
static char *print(const struct sample *sample)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		abort();
	config_print(stream, fields, sample);
	if (fclose(stream) != 0)
		abort();
	return text;
}

/* A refusal leaves nothing behind. */
static void check_refused(const struct sample *sample, const struct arena *arena)
{
	const unsigned char *octets = (const unsigned char *)sample;

	for (size_t i = 0; i < sizeof(*sample); i++)
		if (octets[i] != 0)
			abort();
	if (arena_used(arena) != 0)
		abort();
}

static void check_accepted(const struct sample *sample, struct arena *arena)
{
	struct sample again;
	char *text = print(sample), *second;

	if (parse(text, strlen(text), &again, arena) < 0)
		abort();
	second = print(&again);
	if (strcmp(text, second) != 0)
		abort();
	free(second);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create(8 << 20);
	struct sample sample;

	if (!arena)
		abort();
	if (parse((const char *)data, size, &sample, arena) < 0)
		check_refused(&sample, arena);
	else
		check_accepted(&sample, arena);
	(void)arena_free(arena);
	return 0;
}
