/* SPDX-License-Identifier: Apache-2.0 */
/* Making and checking the header. What is hashed is the text as it travels, so it has one form only. */
#include "api/authorization.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS = 4, PARTS = 6 };

/* The header taken apart, in a copy of its own. */
struct fields {
	char copy[AUTHORIZATION_TEXT];
	const char *kind, *key, *time, *mac;
};

static size_t hashed_parts(const char *method, const char *path, const char *time,
                           struct seal_bytes parts[PARTS])
{
	const char *const texts[PARTS] = {method, "\n", path, "\n", time, "\n"};

	for (size_t i = 0; i < PARTS; i++)
		parts[i] = (struct seal_bytes){texts[i], strlen(texts[i])};
	return PARTS;
}

static int finish_text(const char *kind, const char *key, const char *time, const uint8_t mac[SEAL_MAC],
                       char ret_text[AUTHORIZATION_TEXT])
{
	char digits[2 * SEAL_MAC + 1];
	int length = snprintf(ret_text, AUTHORIZATION_TEXT, "Busbar %s:%s:%s:%s", kind, key, time,
	                      hex_format(mac, SEAL_MAC, digits));

	return length < AUTHORIZATION_TEXT ? 0 : BUSBAR_ERROR_TOO_LARGE;
}

int authorization_of_tenant(uint32_t key, const uint8_t secret[SEAL_SECRET], const char *method,
                            const char *path, int64_t now, char ret_text[AUTHORIZATION_TEXT])
{
	struct seal_bytes parts[PARTS];
	uint8_t mac[SEAL_MAC];
	char number[16], time[24];
	int code;

	(void)snprintf(number, sizeof(number), "%" PRIu32, key);
	(void)snprintf(time, sizeof(time), "%" PRId64, now);
	code = seal_mac(secret, parts, hashed_parts(method, path, time, parts), mac);
	return code < 0 ? code : finish_text("tenant", number, time, mac, ret_text);
}

int authorization_of_gateway(const struct seal_key *key, struct gateway_identity identity, const char *method,
                             const char *path, int64_t now, char ret_text[AUTHORIZATION_TEXT])
{
	struct seal_bytes parts[PARTS];
	uint8_t mac[SEAL_MAC];
	char text[GATEWAY_TEXT], number[GATEWAY_TEXT + 8], time[24];
	int code;

	(void)snprintf(number, sizeof(number), "%s/%u", gateway_text(identity, text), key->identifier);
	(void)snprintf(time, sizeof(time), "%" PRId64, now);
	code = seal_domain_mac(key, SEAL_TRANSFER, identity, parts, hashed_parts(method, path, time, parts),
	                       mac);
	return code < 0 ? code : finish_text("gateway", number, time, mac, ret_text);
}

static int split(const char *text, struct fields *fields)
{
	static const char scheme[] = "Busbar ";
	const char **const targets[FIELDS] = {&fields->kind, &fields->key, &fields->time, &fields->mac};
	size_t size = strnlen(text, AUTHORIZATION_TEXT);
	char *at = fields->copy + sizeof(scheme) - 1;

	if (size >= AUTHORIZATION_TEXT || strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		return BUSBAR_ERROR_MALFORMED;
	memcpy(fields->copy, text, size + 1);
	for (size_t i = 0; i < FIELDS; i++) {
		char *colon = strchr(at, ':');

		*targets[i] = at;
		if ((colon == NULL) != (i == FIELDS - 1))
			return BUSBAR_ERROR_MALFORMED;
		if (colon) {
			*colon = '\0';
			at = colon + 1;
		}
	}
	return 0;
}

static int parse_number(const char *text, uint64_t maximum, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (*text == '\0' || (text[0] == '0' && text[1] != '\0'))
		return BUSBAR_ERROR_MALFORMED;
	for (; *text; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (digit > 9 || number > (maximum - digit) / 10)
			return BUSBAR_ERROR_MALFORMED;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return 0;
}

static int expected_of_tenant(const struct fields *fields, const struct authorization_keys *keys,
                              const struct seal_bytes *parts, uint8_t ret_mac[SEAL_MAC])
{
	const uint8_t *secret;
	uint64_t number;
	int code = parse_number(fields->key, UINT32_MAX, &number);

	if (code < 0)
		return code;
	secret = keys->secret ? keys->secret(keys->context, (uint32_t)number) : NULL;
	return secret ? seal_mac(secret, parts, PARTS, ret_mac) : BUSBAR_ERROR_UNKNOWN_TENANT;
}

static int expected_of_gateway(struct fields *fields, const struct authorization_keys *keys,
                               const struct seal_bytes *parts, uint8_t ret_mac[SEAL_MAC])
{
	char *slash = strchr(fields->copy + (fields->key - fields->copy), '/');
	struct gateway_identity identity;
	const struct seal_key *key;
	uint64_t number;
	int code;

	if (!slash)
		return BUSBAR_ERROR_MALFORMED;
	*slash = '\0';
	code = parse_number(slash + 1, UINT8_MAX, &number);
	if (code < 0 || gateway_parse(fields->key, &identity) < 0)
		return BUSBAR_ERROR_MALFORMED;
	key = keys->ring ? seal_find(keys->ring, (uint8_t)number) : NULL;
	return key ? seal_domain_mac(key, SEAL_TRANSFER, identity, parts, PARTS, ret_mac)
	           : BUSBAR_ERROR_UNKNOWN_KEY;
}

static bool within_window(int64_t time, int64_t now)
{
	int64_t apart = now > time ? now - time : time - now;

	return apart <= AUTHORIZATION_WINDOW * CLOCK_SECOND;
}

bool authorization_is_tenants(const char *text)
{
	return text != NULL && strncmp(text, "Busbar tenant:", 14) == 0;
}

int authorization_check(const char *text, const struct authorization_keys *keys, const char *method,
                        const char *path, int64_t now)
{
	struct seal_bytes parts[PARTS];
	struct fields fields;
	uint8_t expected[SEAL_MAC], mac[SEAL_MAC];
	uint64_t time;
	int code = split(text, &fields);

	if (code < 0)
		return code;
	if (parse_number(fields.time, INT64_MAX, &time) < 0 || hex_parse(fields.mac, mac, SEAL_MAC) < 0)
		return BUSBAR_ERROR_MALFORMED;
	(void)hashed_parts(method, path, fields.time, parts);
	if (strcmp(fields.kind, "tenant") == 0)
		code = expected_of_tenant(&fields, keys, parts, expected);
	else if (strcmp(fields.kind, "gateway") == 0)
		code = expected_of_gateway(&fields, keys, parts, expected);
	else
		code = BUSBAR_ERROR_MALFORMED;
	if (code < 0)
		return code;
	if (seal_compare(expected, mac, SEAL_MAC) != 0)
		return BUSBAR_ERROR_BAD_MAC;
	return within_window((int64_t)time, now) ? 0 : BUSBAR_ERROR_STALE;
}
