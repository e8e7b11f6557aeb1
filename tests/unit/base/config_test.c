/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: every type, every refusal with its line and path, and print -> parse round trips. */
#include "base/config.h"
#include "base/file.h"
#include "t.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct link {
	const char *name;
	int64_t delay;
	int64_t loss;
	struct config_list tags; /* const char * */
};

struct prices {
	int64_t base;
	int64_t currency_set;
};

struct remote {
	const char *host;
	int64_t tries;
};

struct sample {
	const char *name;
	bool enabled;
	int64_t number;
	int64_t offset;
	int64_t price;
	int64_t delay;
	int64_t memory;
	int64_t rate;
	int64_t share;
	int mode;
	struct config_address listen;
	struct prices prices;
	struct remote remote;
	struct config_list links;    /* struct link */
	struct config_list numbers;  /* int64_t */
	struct config_list prefixes; /* struct config_address */
};

static const char *const modes[] = {"plain", "fast", "safe", NULL};

static const struct config_field link_fields[] = {
        {.name = "name", .type = CONFIG_TEXT, .offset = offsetof(struct link, name), .required = true},
        {.name = "delay",
         .type = CONFIG_DURATION,
         .offset = offsetof(struct link, delay),
         .fallback = "1 ms"},
        {.name = "loss", .type = CONFIG_RATIO, .offset = offsetof(struct link, loss), .maximum = 1000000},
        {.name = "tags",
         .type = CONFIG_LIST,
         .offset = offsetof(struct link, tags),
         .element = CONFIG_TEXT,
         .element_size = sizeof(const char *),
         .list_maximum = 3},
        {.name = NULL},
};

static const struct config_field price_fields[] = {
        {.name = "base",
         .type = CONFIG_DECIMAL,
         .offset = offsetof(struct prices, base),
         .scale = 1000000000,
         .fallback = "0.25",
         .help = "Price of one unit."},
        {.name = "set", .type = CONFIG_INTEGER, .offset = offsetof(struct prices, currency_set)},
        {.name = NULL},
};

static const struct config_field remote_fields[] = {
        {.name = "host", .type = CONFIG_TEXT, .offset = offsetof(struct remote, host), .required = true},
        {.name = "tries", .type = CONFIG_INTEGER, .offset = offsetof(struct remote, tries), .fallback = "3"},
        {.name = NULL},
};

static const struct config_field fields[] = {
        {.name = "name",
         .type = CONFIG_TEXT,
         .offset = offsetof(struct sample, name),
         .required = true,
         .help = "Name of the node."},
        {.name = "enabled",
         .type = CONFIG_BOOLEAN,
         .offset = offsetof(struct sample, enabled),
         .fallback = "true"},
        {.name = "number",
         .type = CONFIG_INTEGER,
         .offset = offsetof(struct sample, number),
         .minimum = 1,
         .maximum = 100},
        {.name = "offset",
         .type = CONFIG_INTEGER,
         .offset = offsetof(struct sample, offset),
         .minimum = -5,
         .maximum = 5},
        {.name = "price",
         .type = CONFIG_DECIMAL,
         .offset = offsetof(struct sample, price),
         .scale = 1000000000},
        {.name = "delay", .type = CONFIG_DURATION, .offset = offsetof(struct sample, delay), .minimum = 1000},
        {.name = "memory", .type = CONFIG_BYTES, .offset = offsetof(struct sample, memory)},
        {.name = "rate", .type = CONFIG_BITRATE, .offset = offsetof(struct sample, rate)},
        {.name = "share", .type = CONFIG_RATIO, .offset = offsetof(struct sample, share), .maximum = 1000000},
        {.name = "mode",
         .type = CONFIG_CHOICE,
         .offset = offsetof(struct sample, mode),
         .choices = modes,
         .fallback = "fast"},
        {.name = "listen", .type = CONFIG_ADDRESS, .offset = offsetof(struct sample, listen)},
        {.name = "prices",
         .type = CONFIG_SECTION,
         .offset = offsetof(struct sample, prices),
         .fields = price_fields},
        {.name = "remote",
         .type = CONFIG_SECTION,
         .offset = offsetof(struct sample, remote),
         .fields = remote_fields},
        {.name = "links",
         .type = CONFIG_LIST,
         .offset = offsetof(struct sample, links),
         .fields = link_fields,
         .element_size = sizeof(struct link),
         .list_maximum = 4},
        {.name = "numbers",
         .type = CONFIG_LIST,
         .offset = offsetof(struct sample, numbers),
         .element = CONFIG_INTEGER,
         .element_size = sizeof(int64_t),
         .list_maximum = 8,
         .maximum = 1000},
        {.name = "prefixes",
         .type = CONFIG_LIST,
         .offset = offsetof(struct sample, prefixes),
         .element = CONFIG_ADDRESS,
         .element_size = sizeof(struct config_address),
         .list_maximum = 8},
        {.name = NULL},
};

static int set_up(void **state)
{
	*state = arena_create(1 << 20);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)arena_free(*state);
	return 0;
}

static int parse(const char *text, struct sample *sample, struct arena *arena, struct config_problem *problem)
{
	return config_parse(text, strlen(text), "test.yaml", fields, sample, sizeof(*sample), arena, problem);
}

static void must_parse(const char *text, struct sample *sample, struct arena *arena)
{
	struct config_problem problem = {.text = ""};

	if (parse(text, sample, arena, &problem) < 0)
		fail_msg("%s", problem.text);
}

static const char everything[] = "name: edge-a\n"
                                 "enabled: false\n"
                                 "number: 7\n"
                                 "offset: -5\n"
                                 "price: 0.000000001\n"
                                 "delay: 5 ms\n"
                                 "memory: \"2 GiB\"\n"
                                 "rate: 20 Mbit/s\n"
                                 "share: 2 %\n"
                                 "mode: safe\n"
                                 "listen: \"[2001:db8::1]:4179\"\n"
                                 "prices: {base: 1.5}\n"
                                 "remote:\n"
                                 "  host: r\n"
                                 "links:\n"
                                 "  - name: first\n"
                                 "    delay: 2 s\n"
                                 "    tags: [a, \"b c\", 65001]\n"
                                 "  - {name: second, loss: 0.5}\n"
                                 "numbers: [1, 2, 3]\n"
                                 "prefixes:\n"
                                 "  - fc00:0:1::/48\n"
                                 "  - 10.0.0.0/8\n"
                                 "  - 127.0.0.1:80\n";

static void test_every_type(void **state)
{
	struct sample sample;
	const struct link *links;
	const struct config_address *prefixes;

	must_parse(everything, &sample, *state);
	T_TEXT(sample.name, "edge-a");
	T_TRUE(!sample.enabled);
	T_EQ(sample.number, 7);
	T_EQ(sample.offset, -5);
	T_EQ(sample.price, 1);
	T_EQ(sample.delay, 5000000);
	T_EQ(sample.memory, INT64_C(2) << 30);
	T_EQ(sample.rate, 20000000);
	T_EQ(sample.share, 20000);
	T_EQ(sample.mode, 2);
	T_BYTES(sample.listen.octets, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	T_EQ(sample.listen.port, 4179);
	T_EQ(sample.listen.length, 128);
	T_EQ(sample.prices.base, 1500000000);
	T_TEXT(sample.remote.host, "r");
	T_EQ(sample.remote.tries, 3);
	T_EQ(sample.links.count, 2);
	links = sample.links.items;
	T_TEXT(links[0].name, "first");
	T_EQ(links[0].delay, INT64_C(2000000000));
	T_EQ(links[0].tags.count, 3);
	T_TEXT(((const char *const *)links[0].tags.items)[1], "b c");
	T_TEXT(((const char *const *)links[0].tags.items)[2], "65001");
	T_EQ(links[1].delay, 1000000);
	T_EQ(links[1].loss, 500000);
	T_EQ(sample.numbers.count, 3);
	T_EQ(((const int64_t *)sample.numbers.items)[2], 3);
	prefixes = sample.prefixes.items;
	T_EQ(prefixes[0].length, 48);
	T_EQ(prefixes[1].length, 104);
	T_BYTES(prefixes[1].octets, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\0", 16);
	T_EQ(prefixes[2].port, 80);
	T_TRUE(prefixes[2].present);
}

static void test_fallbacks_and_absence(void **state)
{
	struct sample sample;

	must_parse("name: x", &sample, *state);
	T_TRUE(sample.enabled);
	T_EQ(sample.mode, 1);
	T_EQ(sample.number, 0);
	T_TRUE(!sample.listen.present);
	/* A section without required keys has its defaults; one with required keys is wholly zero. */
	T_EQ(sample.prices.base, 250000000);
	T_TRUE(sample.remote.host == NULL);
	T_EQ(sample.remote.tries, 0);
	T_EQ(sample.links.count, 0);
	T_TRUE(sample.links.items == NULL);
}

/* A text that is refused, and exactly how. */
struct refusal {
	const char *text;
	int code;
	const char *problem;
};

static void check_refusals(struct arena *arena, const struct refusal *refusals, size_t count)
{
	static const struct sample zero;
	size_t used = arena_used(arena);

	for (size_t i = 0; i < count; i++) {
		struct config_problem problem = {.line = -1};
		struct sample sample;
		int line = 0;
		int code;

		memset(&sample, 0xff, sizeof(sample));
		code = parse(refusals[i].text, &sample, arena, &problem);
		if (code != refusals[i].code || strcmp(problem.text, refusals[i].problem) != 0)
			fail_msg("\"%s\": %d, \"%s\"", refusals[i].text, code, problem.text);
		T_EQ(sscanf(refusals[i].problem, "test.yaml:%d:", &line), 1);
		T_EQ(problem.line, line);
		T_BYTES(&sample, &zero, sizeof(sample));
		T_EQ(arena_used(arena), used);
	}
}

static void test_keys_are_refused(void **state)
{
	static const struct refusal refusals[] = {
	        {"name: x\nnmae: y\n", BUSBAR_ERROR_UNKNOWN_FIELD, "test.yaml:2: nmae: unknown key"},
	        {"name: x\nlinks:\n  - name: a\n    dely: 1 s\n", BUSBAR_ERROR_UNKNOWN_FIELD,
	         "test.yaml:4: links[0].dely: unknown key"},
	        {"name: x\nnumber: 1\nname: y\n", BUSBAR_ERROR_DUPLICATE, "test.yaml:3: name: duplicate key"},
	        {"name: x\nprices:\n  set: 1\n  set: 1\n", BUSBAR_ERROR_DUPLICATE,
	         "test.yaml:4: prices.set: duplicate key"},
	        {"number: 1\n", BUSBAR_ERROR_MISSING_FIELD, "test.yaml:1: name: is missing"},
	        {"", BUSBAR_ERROR_MISSING_FIELD, "test.yaml:1: name: is missing"},
	        {"---\n", BUSBAR_ERROR_MISSING_FIELD, "test.yaml:1: name: is missing"},
	        {"name: x\nremote:\n  tries: 1\n", BUSBAR_ERROR_MISSING_FIELD,
	         "test.yaml:3: remote.host: is missing"},
	        {"name: x\nlinks:\n  - name: a\n  - loss: 1 %\n", BUSBAR_ERROR_MISSING_FIELD,
	         "test.yaml:4: links[1].name: is missing"},
	        {"name: x\n[1, 2]: y\n", BUSBAR_ERROR_UNKNOWN_FIELD, "test.yaml:2: a key must be a name"},
	        {"name: x\n\"na\\0me\": y\n", BUSBAR_ERROR_UNKNOWN_FIELD, "test.yaml:2: na: unknown key"},
	        {"name: x\n\"a\\e\\nb\": y\n", BUSBAR_ERROR_UNKNOWN_FIELD, "test.yaml:2: a??b: unknown key"},
	        {"name: x\n<<: {number: 1}\n", BUSBAR_ERROR_UNKNOWN_FIELD, "test.yaml:2: <<: unknown key"},
	};

	check_refusals(*state, refusals, ARRAY_SIZE(refusals));
}

static void test_values_are_refused(void **state)
{
	static const struct refusal refusals[] = {
	        {"name: x\nnumber: 5 ms\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: number: must be a whole number in range"},
	        {"name: x\nnumber: 0\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: number: must be a whole number in range"},
	        {"name: x\nnumber: 101\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: number: must be a whole number in range"},
	        {"name: x\nnumber: \"5\"\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: number: must be a whole number in range"},
	        {"name: x\nnumber: 1.0\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: number: must be a whole number in range"},
	        {"name: x\nnumber: 0x10\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: number: must be a whole number in range"},
	        {"name: x\nnumber:\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: number: must be a whole number in range"},
	        {"name: x\nnumber: -1\n", BUSBAR_ERROR_AMOUNT_NEGATIVE,
	         "test.yaml:2: number: amount is negative"},
	        {"name: x\nnumber: 9223372036854775808\n", BUSBAR_ERROR_AMOUNT_OVERFLOW,
	         "test.yaml:2: number: amount is too large"},
	        {"name: x\noffset: -6\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: offset: must be a whole number in range"},
	        {"name: x\noffset: -9223372036854775809\n", BUSBAR_ERROR_AMOUNT_OVERFLOW,
	         "test.yaml:2: offset: amount is too large"},
	        {"name: x\nenabled: yes\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: enabled: must be true or false"},
	        {"name: x\nenabled: \"true\"\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: enabled: must be true or false"},
	        {"name: x\nlinks:\n  - name: a\n  - name: b\n    delay: 5 parsecs\n",
	         BUSBAR_ERROR_UNKNOWN_UNIT, "test.yaml:5: links[1].delay: unknown unit"},
	        {"name: x\ndelay: 5\n", BUSBAR_ERROR_UNKNOWN_UNIT, "test.yaml:2: delay: unknown unit"},
	        {"name: x\ndelay: 999 ns\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: delay: must be a duration in range"},
	        {"name: x\ndelay: -5 ms\n", BUSBAR_ERROR_AMOUNT_NEGATIVE,
	         "test.yaml:2: delay: amount is negative"},
	        {"name: x\nmemory: 0.5 B\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: memory: must be a size in range"},
	        {"name: x\nmemory: 9000000000 GiB\n", BUSBAR_ERROR_AMOUNT_OVERFLOW,
	         "test.yaml:2: memory: amount is too large"},
	        {"name: x\nshare: 101 %\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: share: must be a ratio in range"},
	        {"name: x\nmode: quick\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: mode: is not one of the choices"},
	        {"name:\n", BUSBAR_ERROR_BAD_VALUE, "test.yaml:1: name: must be a text"},
	        {"name: ~\n", BUSBAR_ERROR_BAD_VALUE, "test.yaml:1: name: must be a text"},
	        {"name: \"a\\0b\"\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:1: name: must not contain a NUL character"},
	        {"name: [a]\n", BUSBAR_ERROR_BAD_VALUE, "test.yaml:1: name: must be a single value"},
	        {"name: x\nprices: 5\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: prices: must be a mapping of keys"},
	        {"name: x\nlinks: {name: a}\n", BUSBAR_ERROR_BAD_VALUE, "test.yaml:2: links: must be a list"},
	        {"name: x\nlinks: [a]\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:2: links[0]: must be a mapping of keys"},
	        {"name: x\nnumbers: [1,\n 1001]\n", BUSBAR_ERROR_BAD_VALUE,
	         "test.yaml:3: numbers[1]: must be a whole number in range"},
	        {"name: x\nnumbers: [1,2,3,4,5,6,7,8,9]\n", BUSBAR_ERROR_TOO_LARGE,
	         "test.yaml:2: numbers: more than 8 elements"},
	        {"name: x\nlinks:\n- name: a\n  tags: [1,2,3,4]\n", BUSBAR_ERROR_TOO_LARGE,
	         "test.yaml:4: links[0].tags: more than 3 elements"},
	        {"- a\n- b\n", BUSBAR_ERROR_BAD_VALUE, "test.yaml:1: must be a mapping of keys"},
	        {"word", BUSBAR_ERROR_BAD_VALUE, "test.yaml:1: must be a mapping of keys"},
	};

	check_refusals(*state, refusals, ARRAY_SIZE(refusals));
}

static void test_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
	        "x",
	        "1.2.3",
	        "1.2.3.4:",
	        "1.2.3.4:65536",
	        "1.2.3.4/33",
	        "1.2.3.4/",
	        "1.2.3.4/8:1",
	        "fc00::/129",
	        "fc00::/-1",
	        "fc00::/4x",
	        "[fc00::]x",
	        "[fc00::",
	        "[fc00::]:",
	        "[fc00::]:-1",
	        "[1.2.3.4]:80",
	        "fc00::1%eth0",
	        "[fc00::/64]:1",
	        "host.name:80",
	        "",
	        "1.2.3.4:80:90",
	        " 1.2.3.4",
	        "1.2.3.4 ",
	        "[]:80",
	        "[fc00::1]/64",
	        "2001:0db8:0000:0000:0000:0000:0000:0001:2001:0db8:0000:0000:0000:0000:0000:0001",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config_problem problem = {.line = 0};
		struct sample sample;
		char text[160];

		(void)snprintf(text, sizeof(text), "name: x\nlisten: \"%s\"\n", bad[i]);
		if (parse(text, &sample, *state, &problem) != BUSBAR_ERROR_BAD_VALUE)
			fail_msg("accepted: \"%s\"", bad[i]);
		T_TEXT(problem.text, "test.yaml:2: listen: must be an address, prefix or address with port");
	}
}

static void test_only_plain_trees_are_taken(void **state)
{
	static const struct refusal refusals[] = {
	        {"name: &a x\n", BUSBAR_ERROR_SYNTAX,
	         "test.yaml:1: anchors, aliases and tags are not allowed"},
	        {"name: x\nlinks: &l\n  - name: a\n", BUSBAR_ERROR_SYNTAX,
	         "test.yaml:2: anchors, aliases and tags are not allowed"},
	        {"name: x\nprices: &p {base: 1}\n", BUSBAR_ERROR_SYNTAX,
	         "test.yaml:2: anchors, aliases and tags are not allowed"},
	        {"name: x\nnumber: *n\n", BUSBAR_ERROR_SYNTAX,
	         "test.yaml:2: anchors, aliases and tags are not allowed"},
	        {"name: !!str 5\n", BUSBAR_ERROR_SYNTAX,
	         "test.yaml:1: anchors, aliases and tags are not allowed"},
	        {"name: x\nnumbers: !x [1]\n", BUSBAR_ERROR_SYNTAX,
	         "test.yaml:2: anchors, aliases and tags are not allowed"},
	        {"name: x\n---\nname: y\n", BUSBAR_ERROR_SYNTAX, "test.yaml:2: a second document"},
	};

	check_refusals(*state, refusals, ARRAY_SIZE(refusals));
}

static void test_syntax_errors_have_a_line(void **state)
{
	static const struct {
		const char *text;
		int line;
	} broken[] = {
	        {"name: x\n\tnumber: 1\n", 2}, {"name: \"x\n", 2},  {"name: x\nlinks: [a, b\n", 3},
	        {"name: x: y\n", 1},           {"name: \xff\n", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct config_problem problem = {.line = 0};
		struct sample sample;
		char start[32];

		T_ERROR(parse(broken[i].text, &sample, *state, &problem), BUSBAR_ERROR_SYNTAX);
		T_EQ(problem.line, broken[i].line);
		(void)snprintf(start, sizeof(start), "test.yaml:%d: ", broken[i].line);
		T_EQ(strncmp(problem.text, start, strlen(start)), 0);
		T_TRUE(strlen(problem.text) > strlen(start));
	}
}

static void test_nesting_is_bounded(void **state)
{
	enum { SIZE = 1000000 };
	char *text = malloc(SIZE);
	struct config_problem problem = {.line = 0};
	struct sample sample;

	T_TRUE(text != NULL);
	memset(text, '[', SIZE);
	T_ERROR(config_parse(text, SIZE, "deep.yaml", fields, &sample, sizeof(sample), *state, &problem),
	        BUSBAR_ERROR_TOO_LARGE);
	T_TEXT(problem.text, "deep.yaml:1: nested too deeply");
	memset(text, 'a', SIZE);
	for (int i = 0; i < SIZE - 1; i += 2)
		memcpy(text + i, "- ", 2);
	T_ERROR(config_parse(text, SIZE, "deep.yaml", fields, &sample, sizeof(sample), *state, &problem),
	        BUSBAR_ERROR_TOO_LARGE);
	T_TEXT(problem.text, "deep.yaml:1: nested too deeply");
	T_ERROR(config_parse(text, CONFIG_SIZE + 1, "big.yaml", fields, &sample, sizeof(sample), *state,
	                     &problem),
	        BUSBAR_ERROR_TOO_LARGE);
	T_TEXT(problem.text, "big.yaml: larger than 1048576 bytes");
	T_EQ(problem.line, 0);
	free(text);
}

static void test_a_small_arena_is_no_memory(void **state)
{
	struct config_problem problem = {.line = 0};
	struct arena *small = arena_create(64);
	struct sample sample;

	T_ERROR(parse(everything, &sample, small, &problem), -ENOMEM);
	T_EQ(arena_used(small), 0);
	(void)arena_free(small);
}

static char *print(const struct sample *sample)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	T_TRUE(stream != NULL);
	config_print(stream, fields, sample);
	T_EQ(fclose(stream), 0);
	return text;
}

static void same_text(const char *a, const char *b)
{
	T_EQ(a == NULL, b == NULL);
	if (a)
		T_TEXT(a, b);
}

static void same_links(const struct config_list *a, const struct config_list *b)
{
	const struct link *left = a->items, *right = b->items;

	T_EQ(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		same_text(left[i].name, right[i].name);
		T_EQ(left[i].delay, right[i].delay);
		T_EQ(left[i].loss, right[i].loss);
		T_EQ(left[i].tags.count, right[i].tags.count);
		for (size_t j = 0; j < left[i].tags.count; j++)
			T_TEXT(((char **)left[i].tags.items)[j], ((char **)right[i].tags.items)[j]);
	}
}

static void same_address(const struct config_address *a, const struct config_address *b)
{
	T_EQ(a->present, b->present);
	T_BYTES(a->octets, b->octets, 16);
	T_EQ(a->length, b->length);
	T_EQ(a->port, b->port);
}

static void same(const struct sample *a, const struct sample *b)
{
	same_text(a->name, b->name);
	T_EQ(a->enabled, b->enabled);
	T_EQ(a->number, b->number);
	T_EQ(a->offset, b->offset);
	T_EQ(a->price, b->price);
	T_EQ(a->delay, b->delay);
	T_EQ(a->memory, b->memory);
	T_EQ(a->rate, b->rate);
	T_EQ(a->share, b->share);
	T_EQ(a->mode, b->mode);
	same_address(&a->listen, &b->listen);
	T_EQ(a->prices.base, b->prices.base);
	T_EQ(a->prices.currency_set, b->prices.currency_set);
	same_text(a->remote.host, b->remote.host);
	T_EQ(a->remote.tries, b->remote.tries);
	same_links(&a->links, &b->links);
	T_EQ(a->numbers.count, b->numbers.count);
	for (size_t i = 0; i < a->numbers.count; i++)
		T_EQ(((int64_t *)a->numbers.items)[i], ((int64_t *)b->numbers.items)[i]);
	T_EQ(a->prefixes.count, b->prefixes.count);
	for (size_t i = 0; i < a->prefixes.count; i++)
		same_address((struct config_address *)a->prefixes.items + i,
		             (struct config_address *)b->prefixes.items + i);
}

static void test_print_parses_back(void **state)
{
	static const char *const texts[] = {
	        everything,
	        "name: x\n",
	        "name: \"\"\n",
	        "name: \"a \\\" b \\\\ \\t \\n \\e \\x7f \\x85 \\u2028 \\uFEFF \\U0001F600 # : - \"\nnumber: "
	        "100\n",
	        "name: \"null\"\nmode: plain\nenabled: true\nprices: {base: 0}\n",
	        "name: \" leading and trailing \"\nremote: {host: \"\", tries: 0}\n",
	        "name: |\n  several\n  lines\n\n",
	        "name: z\xc3\xbcrich\nlinks: [{name: a, delay: 0 s}, {name: \"- b\", tags: []}]\nnumbers: "
	        "[]\n",
	        "name: x\nprefixes: [\"::\", \"::/0\", 0.0.0.0/0, \"::ffff:1.2.3.4\", \"::ffff:0:0/95\", "
	        "1.2.3.4:0,\n"
	        "  \"[::1]\", \"[::ffff:1.2.3.4]:80\", ]\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct sample first, second;
		char *printed, *again;

		must_parse(texts[i], &first, *state);
		printed = print(&first);
		must_parse(printed, &second, *state);
		same(&first, &second);
		again = print(&second);
		T_TEXT(again, printed);
		free(printed);
		free(again);
	}
}

static void test_print_shows_help(void **state)
{
	struct sample sample;
	char *printed;

	must_parse("name: x\nmemory: 65536 B\n", &sample, *state);
	printed = print(&sample);
	T_TEXT(printed, "# Name of the node.\n"
	                "name: \"x\"\n"
	                "enabled: true\n"
	                "memory: 64 KiB\n"
	                "mode: \"fast\"\n"
	                "prices:\n"
	                "  # Price of one unit.\n"
	                "  base: 0.25\n");
	free(printed);
}

static void test_reading_files(void **state)
{
	struct config_problem problem = {.line = -1};
	char path[] = "/tmp/busbar-config-test-XXXXXX";
	char expected[128];
	struct sample sample;
	int descriptor = mkstemp(path);

	T_OK(descriptor);
	T_OK(close(descriptor));
	T_OK(file_write(path, everything, strlen(everything), 0600));
	T_OK(config_read(path, fields, &sample, sizeof(sample), *state, &problem));
	T_TEXT(sample.name, "edge-a");
	T_OK(file_write(path, "name: x\nrate: 5 ms\n", 19, 0600));
	T_ERROR(config_read(path, fields, &sample, sizeof(sample), *state, &problem),
	        BUSBAR_ERROR_UNKNOWN_UNIT);
	(void)snprintf(expected, sizeof(expected), "%s:2: rate: unknown unit", path);
	T_TEXT(problem.text, expected);
	T_TRUE(sample.name == NULL);
	T_OK(unlink(path));
	T_ERROR(config_read(path, fields, &sample, sizeof(sample), *state, &problem), -ENOENT);
	(void)snprintf(expected, sizeof(expected), "%s: No such file or directory", path);
	T_TEXT(problem.text, expected);
	T_EQ(problem.line, 0);
}

int main(void)
{
#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        WITH_ARENA(test_every_type),
	        WITH_ARENA(test_fallbacks_and_absence),
	        WITH_ARENA(test_keys_are_refused),
	        WITH_ARENA(test_values_are_refused),
	        WITH_ARENA(test_addresses_are_refused),
	        WITH_ARENA(test_only_plain_trees_are_taken),
	        WITH_ARENA(test_syntax_errors_have_a_line),
	        WITH_ARENA(test_nesting_is_bounded),
	        WITH_ARENA(test_a_small_arena_is_no_memory),
	        WITH_ARENA(test_print_parses_back),
	        WITH_ARENA(test_print_shows_help),
	        WITH_ARENA(test_reading_files),
	};

	return T_RUN(tests);
}
