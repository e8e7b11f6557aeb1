/* SPDX-License-Identifier: Apache-2.0 */
#include "client_settings.h"

#include "base/error.h"
#include "base/hex.h"
#include <stdlib.h>
#include <unistd.h>

#define FIELD(member) .offset = offsetof(struct client_settings, member)
#define OPERATOR(member)                                              \
	.offset = offsetof(struct client_settings, operator.member) - \
	          offsetof(struct client_settings, operator)

enum { CLIENT_GATEWAYS = 1024 };

static const struct config_field operator_fields[] = {
        {"key", CONFIG_INTEGER, OPERATOR(key), .fallback = "0", .minimum = 0, .maximum = UINT32_MAX},
        {"secret", CONFIG_TEXT, OPERATOR(secret), .help = "64 hexadecimal digits"},
        {NULL, CONFIG_TEXT, 0},
};

static const struct config_field client_fields[] = {
        {"gateway", CONFIG_TEXT, FIELD(gateway), .required = true, .help = "\"[address]:port\""},
        {"tenant", CONFIG_TEXT, FIELD(tenant), .fallback = ""},
        {"key", CONFIG_INTEGER, FIELD(key), .fallback = "0", .minimum = 0, .maximum = UINT32_MAX},
        {"secret", CONFIG_TEXT, FIELD(secret), .help = "64 hexadecimal digits"},
        {"operator", CONFIG_SECTION, FIELD(operator), .fields = operator_fields},
        {"gateways", CONFIG_LIST, FIELD(gateways), .element = CONFIG_TEXT,
         .element_size = sizeof(const char *), .list_maximum = CLIENT_GATEWAYS},
        {NULL, CONFIG_TEXT, 0},
};

const char *client_settings_path(struct arena *arena)
{
	const char *given = getenv("BUSBAR_CONFIG"), *home = getenv("HOME");
	const char *own = home == NULL ? NULL : arena_format(arena, "%s/.config/busbar.yaml", home);
	static const char shared[] = "/etc/busbar/busbar.yaml";

	if (given != NULL)
		return given;
	if (own != NULL && access(own, R_OK) == 0)
		return own;
	return access(shared, R_OK) == 0 ? shared : NULL;
}

int client_settings_read(const char *path, struct arena *arena, struct client_settings *ret_settings,
                         struct config_problem *ret_problem)
{
	return config_read(path, client_fields, ret_settings, sizeof(*ret_settings), arena, ret_problem);
}

int client_settings_key(const struct client_settings *settings, bool as_operator, uint32_t *ret_key,
                        uint8_t ret_secret[SEAL_SECRET])
{
	int64_t key = as_operator        ? settings->operator.key : settings->key;
	const char *secret = as_operator ? settings->operator.secret : settings->secret;
	int code;

	if (key == 0 || secret == NULL)
		return BUSBAR_ERROR_MISSING_FIELD;
	code = hex_parse(secret, ret_secret, SEAL_SECRET);
	if (code < 0)
		return code;
	*ret_key = (uint32_t)key;
	return 0;
}
