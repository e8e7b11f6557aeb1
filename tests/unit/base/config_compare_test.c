/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two configurations, and which keys a pattern means. */
#include "t.h"

#include "base/config_compare.h"
#include <string.h>

struct thing {
	const char *name;
	int64_t price;
	struct config_list tags; /* const char * */
};

struct sample {
	bool on;
	int choice;
	int64_t wait;
	struct config_address place;
	struct {
		int64_t depth;
	} inner;
	struct config_list things, numbers;
};

static const char *const choices[] = {"one", "two", NULL};
static const struct config_field thing_fields[] = {
        {"name", CONFIG_TEXT, offsetof(struct thing, name)},
        {"price", CONFIG_INTEGER, offsetof(struct thing, price), .fallback = "0"},
        {"tags", CONFIG_LIST, offsetof(struct thing, tags), .element = CONFIG_TEXT,
         .element_size = sizeof(const char *), .list_maximum = 4},
        {NULL, CONFIG_TEXT, 0},
};
static const struct config_field inner_fields[] = {
        {"depth", CONFIG_INTEGER, 0, .fallback = "0"},
        {NULL, CONFIG_TEXT, 0},
};
static const struct config_field fields[] = {
        {"on", CONFIG_BOOLEAN, offsetof(struct sample, on), .fallback = "false"},
        {"choice", CONFIG_CHOICE, offsetof(struct sample, choice), .fallback = "one", .choices = choices},
        {"wait", CONFIG_DURATION, offsetof(struct sample, wait), .fallback = "1 s"},
        {"place", CONFIG_ADDRESS, offsetof(struct sample, place)},
        {"inner", CONFIG_SECTION, offsetof(struct sample, inner), .fields = inner_fields},
        {"things", CONFIG_LIST, offsetof(struct sample, things), .fields = thing_fields,
         .element_size = sizeof(struct thing), .list_maximum = 4},
        {"numbers", CONFIG_LIST, offsetof(struct sample, numbers), .element = CONFIG_INTEGER,
         .element_size = sizeof(int64_t), .list_maximum = 4},
        {NULL, CONFIG_TEXT, 0},
};

static void on_difference(void *context, const char *key)
{
	char *keys = context;

	(void)snprintf(keys + strlen(keys), 256 - strlen(keys), "%s ", key);
}

/* The keys that differ between two texts, each followed by a space. */
static void check(const char *one, const char *other, const char *expected)
{
	struct arena *arena = arena_create(1 << 20);
	struct config_problem problem;
	struct sample first, second;
	char keys[256] = "";

	T_OK(config_parse(one, strlen(one), "one", fields, &first, sizeof(first), arena, &problem));
	T_OK(config_parse(other, strlen(other), "other", fields, &second, sizeof(second), arena, &problem));
	config_compare(fields, &first, &second, on_difference, keys);
	T_TEXT(keys, expected);
	arena_free(arena);
}

static void every_value_counts(void **state)
{
	static const char all[] =
	        "on: true\nchoice: two\nwait: 2 s\nplace: \"fd00::/48\"\ninner: {depth: 3}\n"
	        "things: [{name: a, price: 1, tags: [x, y]}, {name: b}]\nnumbers: [1, 2]\n";

	check("", "", "");
	check(all, all, "");
	check(all, "", "on choice wait place inner.depth things numbers ");
	check("place: \"fd00::/48\"\n", "place: \"fd00::/64\"\n", "place ");
	check("place: \"[fd00::1]:1\"\n", "place: \"[fd00::1]:2\"\n", "place ");
	/* As written is not what counts. */
	check("wait: 2000 ms\n", "wait: 2 s\n", "");
	check("", "wait: 1 s\n", "");
}

static void lists_are_compared_by_place(void **state)
{
	check("things: [{name: a, price: 1}, {name: b}]\n", "things: [{name: a, price: 2}, {name: c}]\n",
	      "things[0].price things[1].name ");
	check("things: [{name: a}]\n", "things: [{name: a}, {name: b}]\n", "things ");
	check("things: [{tags: [x, y]}]\n", "things: [{tags: [x, z]}]\n", "things[0].tags[1] ");
	check("things: [{tags: [x, y]}]\n", "things: [{tags: [x]}]\n", "things[0].tags ");
	check("things: [{name: a}]\n", "things: [{}]\n", "things[0].name ");
	check("numbers: [1, 2]\n", "numbers: [2, 2]\n", "numbers[0] ");
}

static void patterns_mean_what_lies_below(void **state)
{
	T_TRUE(config_key_matches("bgp.peers", "bgp.peers"));
	T_TRUE(config_key_matches("bgp.peers[12].as", "bgp.peers"));
	T_TRUE(config_key_matches("services[3].price", "services[].price"));
	T_TRUE(config_key_matches("links[0].tide[2]", "links[].tide"));
	T_TRUE(!config_key_matches("bgp.peers-too", "bgp.peers"));
	T_TRUE(!config_key_matches("bgp", "bgp.peers"));
	T_TRUE(!config_key_matches("services", "services[].price"));
	T_TRUE(!config_key_matches("services[3].prices", "services[].price"));
	T_TRUE(!config_key_matches("services[3]", "services[].price"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_value_counts),
	        cmocka_unit_test(lists_are_compared_by_place),
	        cmocka_unit_test(patterns_mean_what_lies_below),
	};

	return T_RUN(tests);
}
