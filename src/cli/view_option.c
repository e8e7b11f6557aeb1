/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view_option.h"

#include "base/text.h"
#include "base/unit.h"
#include "busbar-error.h"
#include "model/service.h"
#include "wire/view_filter.h"
#include <string.h>

static int refuse(char problem[OPTIONS_PROBLEM], const char *what, const char *word)
{
	(void)snprintf(problem, OPTIONS_PROBLEM, "%s '%.100s'", what, word);
	return BUSBAR_ERROR_BAD_VALUE;
}

static int read_models(const struct option_list *models, struct view_filter *filter, char *problem)
{
	for (size_t i = 0; i < models->count; i++) {
		int model = 0;

		while (model < SUPPLY_MODELS && strcmp(supply_model_names[model], models->items[i]) != 0)
			model++;
		if (model == SUPPLY_MODELS)
			return refuse(problem, "--model: no such supply model:", models->items[i]);
		filter->models = (uint8_t)(filter->models | 1U << model);
	}
	return 0;
}

static int read_kinds(const struct option_list *kinds, struct view_filter *filter, char *problem)
{
	for (size_t i = 0; i < kinds->count; i++) {
		int kind = resource_kind_parse(kinds->items[i]);

		if (kind < 0)
			return refuse(problem, "--kind: no such kind of resource:", kinds->items[i]);
		filter->kinds = (uint8_t)(filter->kinds | 1U << kind);
	}
	return 0;
}

static int read_bounds(const struct options *options, struct view_filter *filter, char *problem)
{
	if (options->price != NULL && (money_parse(options->price, &filter->price) < 0 || filter->price <= 0))
		return refuse(problem, "--price: not an amount of money:", options->price);
	if (options->latency != NULL &&
	    (unit_parse_duration(options->latency, &filter->latency) < 0 || filter->latency <= 0))
		return refuse(problem, "--latency: not a time:", options->latency);
	return 0;
}

int view_option_read(const struct options *options, uint8_t parts, char argument[IDENTIFIER_TEXT],
                     char problem[OPTIONS_PROBLEM])
{
	struct view_filter filter = {.parts = parts};
	struct identifier octets;
	char name[SERVICE_NAME];
	int code = read_models(&options->models, &filter, problem);

	if (code == 0)
		code = read_kinds(&options->kinds, &filter, problem);
	if (code == 0)
		code = read_bounds(options, &filter, problem);
	if (code == 0 && options->regions.count > 1)
		code = refuse(problem, "--region: only one, not also", options->regions.items[1]);
	if (code < 0)
		return code;
	if (options->service != NULL) {
		text_copy(name, sizeof(name), options->service);
		name[strcspn(name, ":")] = '\0'; /* all its versions */
		filter.service = view_filter_name(name);
	}
	if (options->regions.count > 0)
		filter.region = view_filter_name(options->regions.items[0]);
	view_filter_encode(&filter, &octets);
	argument[0] = '\0';
	if (!identifier_is_zero(&octets))
		(void)identifier_text(&octets, argument);
	return 0;
}
