/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns something: (site, gateway). An owner of a link or of a site's resources is always exactly one
 * gateway. Text form: `4.1`. Locators are /48: fixed block and site number; see docs/wire.md.
 */
#ifndef MODEL_GATEWAY_H
#define MODEL_GATEWAY_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stdint.h>

struct gateway_identity {
	uint32_t site;
	uint16_t gateway;
};

enum { GATEWAY_TEXT = 18, GATEWAY_NAME = 32, GATEWAY_LOCATOR_BITS = 48 };

bool gateway_equal(struct gateway_identity a, struct gateway_identity b);
/* Orders by site, then gateway: the tie-break of every choice. */
int gateway_compare(struct gateway_identity a, struct gateway_identity b);
/* Site 0 is nobody. */
bool gateway_is_none(struct gateway_identity identity);
char *gateway_text(struct gateway_identity identity, char text[GATEWAY_TEXT]);
/* "4.1"; BAD_VALUE for anything else. */
int gateway_parse(const char *text, struct gateway_identity *ret_identity) CHECKED;

#endif
