/* SPDX-License-Identifier: Apache-2.0 */
/* The client's configuration file, busbar.yaml. */
#ifndef LIB_CLIENT_SETTINGS_H
#define LIB_CLIENT_SETTINGS_H

#include "base/arena.h"
#include "base/config.h"
#include "wire/seal.h"

struct client_settings {
	const char *gateway, *tenant, *secret;
	int64_t key;
	struct {
		int64_t key;
		const char *secret;
	} operator;
	struct config_list gateways; /* const char * */
};

/* The file that holds without a path given; NULL when there is none. In the arena. */
const char *client_settings_path(struct arena *arena);
int client_settings_read(const char *path, struct arena *arena, struct client_settings *ret_settings,
                         struct config_problem *ret_problem) CHECKED;
/* Key number and secret of the tenant or the operator. MISSING_FIELD, BAD_VALUE. */
int client_settings_key(const struct client_settings *settings, bool as_operator, uint32_t *ret_key,
                        uint8_t ret_secret[SEAL_SECRET]) CHECKED;

#endif
