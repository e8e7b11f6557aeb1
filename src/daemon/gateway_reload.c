/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration, read again while the gateway runs.
 *
 * It is refused as a whole when anything in it is wrong, or when something changed that only a restart can
 * change; a key that is not named here is such a one. What may fail comes first and leaves all as it was.
 * What rooms were given stays where it is until the gateway ends: every reload that changes something takes
 * some kilobytes.
 */
#include "base/config_compare.h"
#include "base/error.h"
#include "base/log.h"
#include "daemon/gateway_internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "gateway"

enum { CHANGES = 64, RELOAD_ARENA = 8 << 20 };

static const char *const changeable[] = {
        "bgp.peers",
        "bgp.policies",
        "prices",
        "links[].tide",
        "supply.resources[].tide",
        "services[].price",
        "services[].tariff",
        "tenants[].secret",
        "tenants[].plan",
        "tenants[].operator",
        "tenants[].balance",
        "tenants[].sees",
};

struct changes {
	bool tenants_too; /* tenants may come and go */
	bool applied;     /* it is in force, perhaps in part */
	uint32_t count;   /* all, of which the first CHANGES are kept */
	char keys[CHANGES][CONFIG_KEY];
	char fixed[CONFIG_KEY]; /* the first that needs a restart; empty: none */
};

static bool is_changeable(const struct changes *changes, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(changeable); i++)
		if (config_key_matches(key, changeable[i]))
			return true;
	return changes->tenants_too && config_key_matches(key, "tenants");
}

static void on_difference(void *context, const char *key)
{
	struct changes *changes = context;

	if (changes->count < CHANGES)
		(void)snprintf(changes->keys[changes->count], CONFIG_KEY, "%s", key);
	changes->count++;
	if (changes->fixed[0] == '\0' && !is_changeable(changes, key))
		(void)snprintf(changes->fixed, sizeof(changes->fixed), "%s", key);
}

/* What can fail, the peers last: without them the rest is not in force yet. */
static int prepare(struct gateway *gateway, const struct settings *settings, struct arena *arena,
                   struct front_tenant **ret_tenants)
{
	int code = settings_tenants(settings, arena, ret_tenants);

	return code < 0 ? code : gateway_change_peers(gateway, settings);
}

static int apply(struct gateway *gateway, const struct settings *settings, struct front_tenant *tenants)
{
	const struct settings_service *services = settings->services.items;
	int code;

	gateway->settings = settings;
	gateway->tenants = tenants;
	for (size_t i = 0; i < settings->services.count; i++) {
		gateway->services[i].offer.price = services[i].price;
		gateway->services[i].offer.tariff = services[i].tariff;
	}
	code = front_set_tenants(gateway->front, tenants, (uint32_t)settings->tenants.count);
	if (code == 0)
		code = gateway_deposit(gateway);
	if (code == 0)
		code = settings_set_prices(settings, gateway->book);
	announce_changed(gateway->announce);
	return code;
}

static int read_again(struct gateway *gateway, struct arena *arena, struct changes *changes,
                      struct config_problem *problem)
{
	struct settings *settings = arena_alloc(arena, sizeof(*settings));
	struct front_tenant *tenants;
	int code =
	        settings == NULL ? -ENOMEM : settings_read(gateway->settings->file, arena, settings, problem);

	if (code < 0)
		return code;
	/* What a network needs is made at the start. */
	if (settings_has_network(settings) != settings_has_network(gateway->settings))
		on_difference(changes, "bgp");
	/* Allowances know their tenants by number. */
	changes->tenants_too = gateway->allowances == NULL;
	config_compare(settings_fields, gateway->settings, settings, on_difference, changes);
	if (changes->fixed[0] != '\0') {
		(void)snprintf(problem->text, sizeof(problem->text),
		               "%.200s: %s: changes only with a restart", gateway->settings->file,
		               changes->fixed);
		return BUSBAR_ERROR_STATE;
	}
	if (changes->count == 0)
		return 0;
	code = prepare(gateway, settings, arena, &tenants);
	changes->applied = code == 0;
	return code < 0 ? code : apply(gateway, settings, tenants);
}

/* The arena lives as long as the gateway. */
static int keep(struct gateway *gateway, struct arena *arena)
{
	struct gateway_past *past = arena_alloc(arena, sizeof(*past));

	if (past == NULL)
		return -ENOMEM;
	*past = (struct gateway_past){.before = gateway->past, .arena = arena};
	gateway->past = past;
	return 0;
}

static void tell(const struct changes *changes)
{
	for (uint32_t i = 0; i < MINIMUM(changes->count, (uint32_t)CHANGES); i++)
		log_notice(TAG, "event=reloaded key=%s", changes->keys[i]);
	log_notice(TAG, "event=reloaded changes=%u", changes->count);
}

static int reload(struct gateway *gateway, struct changes *changes, struct config_problem *problem)
{
	struct arena *arena = arena_create(RELOAD_ARENA);
	int code = arena == NULL ? -ENOMEM : keep(gateway, arena);

	if (code == 0)
		code = read_again(gateway, arena, changes, problem);
	if (!changes->applied) {
		if (arena != NULL && gateway->past != NULL && gateway->past->arena == arena)
			gateway->past = gateway->past->before;
		(void)arena_free(arena);
	}
	if (code == 0) {
		tell(changes);
		return 0;
	}
	if (problem->text[0] == '\0')
		(void)snprintf(problem->text, sizeof(problem->text), "%s%s",
		               changes->applied ? "in force in part: " : "", error_text(code));
	log_error(TAG, "event=%s cause=\"%s\"", changes->applied ? "reload-incomplete" : "not-reloaded",
	          problem->text);
	return code;
}

char *gateway_reload(void *context)
{
	struct gateway *gateway = context;
	struct config_problem problem = {.line = 0};
	struct changes *changes = calloc(1, sizeof(*changes));
	const char *keys[CHANGES];
	char *document;
	int code;

	if (changes == NULL)
		return NULL;
	code = reload(gateway, changes, &problem);
	if (!changes->applied)
		changes->count = 0;
	for (uint32_t i = 0; i < MINIMUM(changes->count, (uint32_t)CHANGES); i++)
		keys[i] = changes->keys[i];
	document = document_reload(&gateway->source, keys, MINIMUM(changes->count, (uint32_t)CHANGES), code,
	                           problem.text);
	free(changes);
	return document;
}

void gateway_read_again(struct gateway *gateway)
{
	if (!gateway->closing)
		free(gateway_reload(gateway));
}

void gateway_free_past(struct gateway *gateway)
{
	while (gateway->past != NULL) {
		struct gateway_past *past = gateway->past;

		gateway->past = past->before;
		(void)arena_free(past->arena);
	}
}
