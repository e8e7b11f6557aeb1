/* SPDX-License-Identifier: Apache-2.0 */
/* The client's file: what is taken, what is refused, and where it is looked for. */
#include "tests/t.h"

#include "base/file.h"
#include "lib/client_settings.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct arena *arena;
static char folder[64];

static int set_up(void **state)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/busbar-client-XXXXXX");
	arena = arena_create(1 << 20);
	return arena != NULL && mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	arena = arena_free(arena);
	return file_remove_tree(folder);
}

static const char *write_text(const char *name, const char *text)
{
	const char *path = arena_format(arena, "%s/%s", folder, name);

	T_OK(file_write(path, text, strlen(text), 0600));
	return path;
}

static int read_text(const char *text, struct client_settings *settings, struct config_problem *problem)
{
	*problem = (struct config_problem){.line = 0};
	return client_settings_read(write_text("busbar.yaml", text), arena, settings, problem);
}

static void a_whole_file_is_taken(void **state)
{
	struct client_settings settings;
	struct config_problem problem;
	uint8_t secret[SEAL_SECRET];
	uint32_t key;

	T_OK(read_text("gateway: \"[::1]:4179\"\n"
	               "tenant: demo\n"
	               "key: 7\n"
	               "secret: " SECRET "\n"
	               "operator: {key: 4294967295, secret: ff" SECRET "}\n"
	               "gateways: [\"[::1]:1\", \"[::1]:2\"]\n",
	               &settings, &problem));
	T_TEXT(settings.gateway, "[::1]:4179");
	T_TEXT(settings.tenant, "demo");
	T_EQ(settings.gateways.count, 2);
	T_TEXT(((const char *const *)settings.gateways.items)[1], "[::1]:2");
	T_OK(client_settings_key(&settings, false, &key, secret));
	T_EQ(key, 7);
	for (int i = 0; i < SEAL_SECRET; i++)
		T_EQ(secret[i], i);
	/* One octet too many in the operator's. */
	T_ERROR(client_settings_key(&settings, true, &key, secret), BUSBAR_ERROR_BAD_VALUE);
	T_EQ(key, 7);
}

static void a_gateway_alone_is_enough_to_read_but_not_to_speak(void **state)
{
	struct client_settings settings;
	struct config_problem problem;
	uint8_t secret[SEAL_SECRET];
	uint32_t key = 4242;

	T_OK(read_text("gateway: \"[::1]:4179\"\n", &settings, &problem));
	T_TEXT(settings.tenant, "");
	T_EQ(settings.gateways.count, 0);
	T_ERROR(client_settings_key(&settings, false, &key, secret), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(client_settings_key(&settings, true, &key, secret), BUSBAR_ERROR_MISSING_FIELD);
	T_OK(read_text("gateway: \"[::1]:4179\"\nkey: 7\n", &settings, &problem));
	T_ERROR(client_settings_key(&settings, false, &key, secret), BUSBAR_ERROR_MISSING_FIELD);
	T_OK(read_text("gateway: \"[::1]:4179\"\nsecret: " SECRET "\n", &settings, &problem));
	T_ERROR(client_settings_key(&settings, false, &key, secret), BUSBAR_ERROR_MISSING_FIELD);
	T_EQ(key, 4242);
}

static void errors_have_a_line_and_never_a_secret(void **state)
{
	static const struct {
		const char *text;
		int code, line;
	} cases[] = {
	        {"", BUSBAR_ERROR_MISSING_FIELD, 1},
	        {"key: 7\nsecret: " SECRET "\n", BUSBAR_ERROR_MISSING_FIELD, 1},
	        {"gateway: \"[::1]:1\"\nkey: 4294967296\n", BUSBAR_ERROR_BAD_VALUE, 2},
	        {"gateway: \"[::1]:1\"\nkey: -1\n", BUSBAR_ERROR_AMOUNT_NEGATIVE, 2},
	        {"gateway: \"[::1]:1\"\nkey: seven\n", BUSBAR_ERROR_BAD_VALUE, 2},
	        {"gateway: \"[::1]:1\"\n\nsecrets: " SECRET "\n", BUSBAR_ERROR_UNKNOWN_FIELD, 3},
	        {"gateway: \"[::1]:1\"\noperator: " SECRET "\n", BUSBAR_ERROR_BAD_VALUE, 2},
	        {"gateway: \"[::1]:1\"\nsecret: a\nsecret: b\n", BUSBAR_ERROR_DUPLICATE, 3},
	        {"gateway: [\n", BUSBAR_ERROR_SYNTAX, 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client_settings settings;
		struct config_problem problem;

		T_ERROR(read_text(cases[i].text, &settings, &problem), cases[i].code);
		T_TRUE(strstr(problem.text, "busbar.yaml") != NULL);
		T_TRUE(strstr(problem.text, SECRET) == NULL);
		T_EQ(problem.line, cases[i].line);
	}
}

static void secrets_are_64_digits(void **state)
{
	static const char *const secrets[] = {
	        "",
	        "00",
	        (SECRET "0"),
	        (SECRET "00"),
	        ("zz" SECRET),
	        "g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"};
	struct client_settings settings = {.key = 7};
	uint8_t secret[SEAL_SECRET];
	uint32_t key = 4242;

	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
		settings.secret = secrets[i];
		T_ERROR(client_settings_key(&settings, false, &key, secret), BUSBAR_ERROR_BAD_VALUE);
	}
	T_EQ(key, 4242);
}

static void an_absent_file_is_said_so(void **state)
{
	struct config_problem problem = {.line = 0};
	struct client_settings settings;

	T_ERROR(client_settings_read("/nonexistent/busbar.yaml", arena, &settings, &problem), -ENOENT);
	T_TRUE(strstr(problem.text, "/nonexistent/busbar.yaml") != NULL);
}

static void the_environment_comes_first_then_the_home(void **state)
{
	const char *own;

	T_EQ(setenv("BUSBAR_CONFIG", "/somewhere/else.yaml", 1), 0);
	T_EQ(setenv("HOME", folder, 1), 0);
	T_TEXT(client_settings_path(arena), "/somewhere/else.yaml");
	T_EQ(unsetenv("BUSBAR_CONFIG"), 0);
	T_OK(file_make_folder(arena_format(arena, "%s/.config", folder), 0700));
	own = write_text(".config/busbar.yaml", "gateway: \"[::1]:4179\"\n");
	T_TEXT(client_settings_path(arena), own);
	T_EQ(unlink(own), 0);
	/* Then that of the machine, which may be there or not. */
	own = client_settings_path(arena);
	T_TRUE(own == NULL || strcmp(own, "/etc/busbar/busbar.yaml") == 0);
	T_EQ(unsetenv("HOME"), 0);
	own = client_settings_path(arena);
	T_TRUE(own == NULL || strcmp(own, "/etc/busbar/busbar.yaml") == 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(a_whole_file_is_taken),
	        CASE(a_gateway_alone_is_enough_to_read_but_not_to_speak),
	        CASE(errors_have_a_line_and_never_a_secret),
	        CASE(secrets_are_64_digits),
	        CASE(an_absent_file_is_said_so),
	        CASE(the_environment_comes_first_then_the_home),
	};

	return T_RUN(tests);
}
