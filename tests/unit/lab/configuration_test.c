/* SPDX-License-Identifier: Apache-2.0 */
/* The configurations of small.yaml, compared to golden files to the last byte. */
#include "../../t.h"

#include "base/file.h"
#include "lab/configuration.h"

#include <yaml.h>

struct fixture {
	struct arena *arena;
	struct topology topology;
	struct configuration_secrets secrets;
	struct configuration_place place;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct config_problem problem;
	char *text;
	size_t size;

	fixture->arena = arena_create(1 << 22);
	T_OK(file_read(LAB_TEST_FOLDER "/small.yaml", 1 << 20, fixture->arena, &text, &size));
	T_OK(topology_parse(text, size, "small.yaml", "/place", fixture->arena, &fixture->topology,
	                    &problem));
	for (size_t i = 0; i < TOPOLOGY_TENANTS; i++)
		memset(fixture->secrets.tenants[i], (int)i + 1, CONFIGURATION_SECRET);
	fixture->place = (struct configuration_place){"try", "/run/busbar-lab/try", 12.0, 2};
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	arena_free(fixture->arena);
	free(fixture);
	return 0;
}

/* A document, one and whole. */
static void check_yaml(const char *text, size_t size)
{
	yaml_parser_t parser;
	yaml_document_t document;

	T_TRUE(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	T_TRUE(yaml_parser_load(&parser, &document));
	T_TRUE(yaml_document_get_root_node(&document)->type == YAML_MAPPING_NODE);
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
}

static void check_golden(struct fixture *fixture, const char *name, bool is_client, size_t index)
{
	char *text, *golden;
	size_t size, golden_size;
	FILE *stream = open_memstream(&text, &size);

	if (is_client)
		configuration_client(stream, &fixture->topology, index, &fixture->secrets);
	else
		configuration_gateway(stream, &fixture->topology, index, &fixture->place, &fixture->secrets);
	fclose(stream);
	T_OK(file_read(name, 1 << 20, fixture->arena, &golden, &golden_size));
	T_TEXT(text, golden);
	check_yaml(text, size);
	free(text);
}

static void edge(void **state)
{
	check_golden(*state, LAB_TEST_FOLDER "/edge-1.golden", false, 0);
}

static void transit(void **state)
{
	check_golden(*state, LAB_TEST_FOLDER "/core-1.golden", false, 1);
}

static void client(void **state)
{
	check_golden(*state, LAB_TEST_FOLDER "/client-2.golden", true, 1);
}

static void power_is_left_out_when_unknown(void **state)
{
	struct fixture *fixture = *state;
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	fixture->place.core_gflops = 0;
	configuration_gateway(stream, &fixture->topology, 0, &fixture->place, &fixture->secrets);
	fclose(stream);
	T_TRUE(strstr(text, "supply:"));
	T_TRUE(!strstr(text, "gflops-per-core"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(edge, setup, teardown),
	        cmocka_unit_test_setup_teardown(transit, setup, teardown),
	        cmocka_unit_test_setup_teardown(client, setup, teardown),
	        cmocka_unit_test_setup_teardown(power_is_left_out_when_unknown, setup, teardown),
	};

	return T_RUN(tests);
}
