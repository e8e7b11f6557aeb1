/* SPDX-License-Identifier: Apache-2.0 */
#include "model/gateway.h"

#include "base/error.h"
#include <stdio.h>

bool gateway_equal(struct gateway_identity a, struct gateway_identity b)
{
	return gateway_compare(a, b) == 0;
}

int gateway_compare(struct gateway_identity a, struct gateway_identity b)
{
	if (a.site != b.site)
		return a.site < b.site ? -1 : 1;
	return (a.gateway > b.gateway) - (a.gateway < b.gateway);
}

bool gateway_is_none(struct gateway_identity identity)
{
	return identity.site == 0;
}

char *gateway_text(struct gateway_identity identity, char text[GATEWAY_TEXT])
{
	(void)snprintf(text, GATEWAY_TEXT, "%u.%u", identity.site, identity.gateway);
	return text;
}

/* Digits without sign or leading zero, at most `maximum`; NULL when there are none. */
static const char *parse_number(const char *text, uint64_t maximum, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *at = text;

	while (*at >= '0' && *at <= '9') {
		number = number * 10 + (uint64_t)(*at - '0');
		if (number > maximum)
			return NULL;
		at++;
	}
	if (at == text || (at - text > 1 && *text == '0'))
		return NULL;
	*ret_number = number;
	return at;
}

int gateway_parse(const char *text, struct gateway_identity *ret_identity)
{
	uint64_t site, gateway;
	const char *at = parse_number(text, UINT32_MAX, &site);

	if (at == NULL || *at != '.')
		return BUSBAR_ERROR_BAD_VALUE;
	at = parse_number(at + 1, UINT16_MAX, &gateway);
	if (at == NULL || *at != '\0' || site == 0)
		return BUSBAR_ERROR_BAD_VALUE;
	ret_identity->site = (uint32_t)site;
	ret_identity->gateway = (uint16_t)gateway;
	return 0;
}
