/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons as one line of text. */
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "base/unit.h"
#include "map/map.h"
#include <stdio.h>
#include <string.h>

static const char *const names[REASON_KINDS] = {
        [REASON_NONE] = "none",       [REASON_PRICE] = "price",         [REASON_LATENCY] = "latency",
        [REASON_CARBON] = "carbon",   [REASON_NETWORK] = "network",     [REASON_RESPOND] = "respond",
        [REASON_FINISH] = "finish",   [REASON_GUARANTEE] = "guarantee", [REASON_RESOURCE] = "resource",
        [REASON_SERVICE] = "service", [REASON_BANDWIDTH] = "bandwidth", [REASON_UNREACHABLE] = "unreachable",
        [REASON_BUDGET] = "budget",   [REASON_REGION] = "region",       [REASON_OPERATOR] = "operator",
        [REASON_MODEL] = "model",     [REASON_TRUST] = "trust",         [REASON_SUSPECT] = "suspect",
        [REASON_SITE] = "site",
};

/* How the two numbers of a reason are shown. */
enum number { NUMBER_NONE, NUMBER_TIME, NUMBER_MONEY, NUMBER_AMOUNT, NUMBER_RATE, NUMBER_PLAIN };

static const struct {
	const char *before; /* behind the site's name */
	enum number number;
	const char *between;
	const char *after;
} forms[REASON_KINDS] = {
        [REASON_NONE] = {"chosen", NUMBER_NONE, "", ""},
        [REASON_PRICE] = {"price ", NUMBER_MONEY, " > ", ""},
        [REASON_LATENCY] = {"latency ", NUMBER_TIME, " > ", ""},
        [REASON_CARBON] = {"carbon ", NUMBER_PLAIN, " > ", " ug"},
        [REASON_NETWORK] = {"network ", NUMBER_TIME, " > ", ""},
        [REASON_RESPOND] = {"respond ", NUMBER_TIME, " > ", ""},
        [REASON_FINISH] = {"finish ", NUMBER_TIME, " > ", ""},
        [REASON_GUARANTEE] = {"bound ", NUMBER_TIME, " > ", ""},
        [REASON_RESOURCE] = {"", NUMBER_AMOUNT, " free < ", " wanted"},
        [REASON_SERVICE] = {"does not offer the service", NUMBER_NONE, "", ""},
        [REASON_BANDWIDTH] = {"link of ", NUMBER_RATE, " free < ", " wanted"},
        [REASON_UNREACHABLE] = {"no path", NUMBER_NONE, "", ""},
        [REASON_BUDGET] = {"holds ", NUMBER_MONEY, " > budget ", ""},
        [REASON_REGION] = {"outside the regions asked for", NUMBER_NONE, "", ""},
        [REASON_OPERATOR] = {"not of the operators asked for", NUMBER_NONE, "", ""},
        [REASON_MODEL] = {"not of the supply models asked for", NUMBER_NONE, "", ""},
        [REASON_TRUST] = {"trust ", NUMBER_PLAIN, " < ", ""},
        [REASON_SUSPECT] = {"avoided: ", NUMBER_NONE, "", ""},
        [REASON_SITE] = {"not the site that serves already", NUMBER_NONE, "", ""},
};

const char *map_reason_name(enum plan_reason_kind kind)
{
	return (unsigned)kind < REASON_KINDS ? names[kind] : "unknown";
}

/* As many digits as are shown, and at most, when fewer would make two numbers look the same. */
enum { DIGITS = 4, DIGITS_MOST = 16 };

/* In the unit that suits; whole seconds where the digits are too few for them. */
static void time_text(int64_t time, int digits, char text[UNIT_TEXT])
{
	double seconds = (double)time / (double)CLOCK_SECOND;

	if (seconds < 0.0001 && time > 0)
		(void)snprintf(text, UNIT_TEXT, "%.*g us", digits, seconds * 1e6);
	else if (seconds < 9.9995)
		(void)snprintf(text, UNIT_TEXT, "%.*g ms", digits, seconds * 1e3);
	else if (seconds < 9999.5)
		(void)snprintf(text, UNIT_TEXT, "%.*g s", digits, seconds);
	else
		(void)snprintf(text, UNIT_TEXT, "%.*f s", digits - DIGITS, seconds);
}

/* Never as a power of ten, and no finer than the nano-unit. */
static void price_text(money price, int digits, char text[UNIT_TEXT])
{
	double value = (double)price / (double)MONEY_UNIT, size = value < 0 ? -value : value;
	size_t length;

	for (digits--; size > 0 && size < 1 && digits < 9; digits++)
		size *= 10;
	(void)snprintf(text, UNIT_TEXT, "%.*f", MINIMUM(digits, 9), value);
	for (length = strlen(text); length > 1 && text[length - 1] == '0'; length--)
		text[length - 1] = '\0';
	if (text[length - 1] == '.')
		text[length - 1] = '\0';
}

static void number_text(const struct plan_reason *reason, int64_t value, int digits, char text[RESOURCE_TEXT])
{
	char small[UNIT_TEXT] = "";

	switch (forms[reason->kind].number) {
	case NUMBER_TIME:
		time_text(value, digits, small);
		break;
	case NUMBER_MONEY:
		price_text(value, digits, small);
		break;
	case NUMBER_AMOUNT:
		(void)resource_amount_text(reason->resource, value < 0 ? 0 : (uint64_t)value, text);
		return;
	case NUMBER_RATE:
		(void)unit_format_bitrate(value, small);
		break;
	case NUMBER_PLAIN:
		(void)snprintf(small, sizeof(small), "%lld", (long long)value);
		break;
	case NUMBER_NONE:
		break;
	}
	text_copy(text, RESOURCE_TEXT, small);
}

static void number_texts(const struct plan_reason *reason, char have[RESOURCE_TEXT], char need[RESOURCE_TEXT])
{
	int digits = DIGITS;

	do {
		number_text(reason, reason->have, digits, have);
		number_text(reason, reason->need, digits, need);
	} while (reason->have != reason->need && strcmp(have, need) == 0 && digits++ < DIGITS_MOST);
	if (reason->kind == REASON_CARBON && reason->have == 0)
		text_copy(have, RESOURCE_TEXT, "unknown");
}

static const char *name_of(const struct view *view, struct gateway_identity identity, char text[GATEWAY_NAME])
{
	const struct site *site = view_site(view, identity);
	char number[GATEWAY_TEXT];

	(void)snprintf(text, GATEWAY_NAME, "%s",
	               site != NULL && site->name[0] != '\0' ? site->name : gateway_text(identity, number));
	return text;
}

/* What the numbers are of: a link's owner, a kind of resource; empty for the rest. */
static const char *subject_of(const struct view *view, const struct plan_reason *reason,
                              char text[GATEWAY_NAME])
{
	if (reason->kind == REASON_BANDWIDTH)
		return name_of(view, reason->link, text);
	if (reason->kind == REASON_RESOURCE)
		return resource_descriptions[reason->resource].name;
	return "";
}

/* A loser with the winner's own figure drew. */
static const char *between(const struct plan_reason *reason)
{
	bool compared = reason->kind == REASON_PRICE || reason->kind == REASON_LATENCY ||
	                reason->kind == REASON_CARBON;

	return compared && reason->have == reason->need ? " = " : forms[reason->kind].between;
}

/* No number to show: someone promises nothing. */
static char *unbounded_text(const struct view *view, const struct plan_reason *reason,
                            char text[MAP_REASON_TEXT])
{
	char site[GATEWAY_NAME], owner[GATEWAY_NAME];

	(void)snprintf(text, MAP_REASON_TEXT, "%s: %s promises no bound", name_of(view, reason->site, site),
	               name_of(view, reason->link, owner));
	return text;
}

char *map_reason_text(const struct view *view, const struct plan_reason *reason, char text[MAP_REASON_TEXT])
{
	char site[GATEWAY_NAME], owner[GATEWAY_NAME], have[RESOURCE_TEXT], need[RESOURCE_TEXT];
	const char *subject;
	int size;

	text[0] = '\0';
	if ((unsigned)reason->kind >= REASON_KINDS || (unsigned)reason->resource >= RESOURCE_KINDS)
		return text;
	if (reason->kind == REASON_GUARANTEE && reason->have == 0)
		return unbounded_text(view, reason, text);
	subject = subject_of(view, reason, owner);
	number_texts(reason, have, need);
	/* A text that is cut is still a text. */
	size = snprintf(text, MAP_REASON_TEXT, "%s: %s%s%s%s%s%s", name_of(view, reason->site, site),
	                forms[reason->kind].before, subject, subject[0] != '\0' ? " " : "", have,
	                between(reason), need);
	if (size > 0 && size < MAP_REASON_TEXT && reason->kind == REASON_SUSPECT)
		text_copy(text + size, MAP_REASON_TEXT - (size_t)size,
		          reason->error != 0 ? error_text(reason->error) : "its path is avoided");
	else if (size > 0 && size < MAP_REASON_TEXT)
		text_copy(text + size, MAP_REASON_TEXT - (size_t)size, forms[reason->kind].after);
	return text;
}
