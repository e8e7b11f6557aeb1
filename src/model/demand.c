/* SPDX-License-Identifier: Apache-2.0 */
#include "model/demand.h"

#include "base/error.h"
#include <string.h>

const char *const demand_prefer_names[PREFER_CHOICES + 1] = {"cost", "latency", "carbon", NULL};

const char *demand_argument(const struct demand_body *body, uint32_t index)
{
	const char *at = body->arguments;

	if (index >= body->argument_count)
		return NULL;
	while (index-- > 0)
		at += strlen(at) + 1;
	return at;
}

int demand_texts_size(const char *texts, size_t capacity, uint32_t count)
{
	size_t used = 0;

	for (uint32_t i = 0; i < count; i++) {
		size_t length = strnlen(texts + used, capacity - used);

		if (length == capacity - used)
			return BUSBAR_ERROR_TOO_LARGE;
		used += length + 1;
	}
	return (int)used;
}

int demand_add_argument(struct demand_body *body, const char *text)
{
	int used = demand_texts_size(body->arguments, sizeof(body->arguments), body->argument_count);
	size_t size = strlen(text) + 1;

	if (used < 0)
		return used;
	if (body->argument_count >= DEMAND_ARGUMENTS || size > sizeof(body->arguments) - (size_t)used)
		return BUSBAR_ERROR_TOO_LARGE;
	memcpy(body->arguments + used, text, size);
	body->argument_count++;
	return 0;
}

uint64_t demand_data_size(const struct demand_body *body, enum data_direction direction, uint32_t parts)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < body->data_count; i++) {
		const struct demand_data *data = &body->data[i];
		/* A blob is read whole by every part; other data divide. */
		bool whole = data->each || data->blob || parts <= 1;

		if (data->direction == direction)
			total += whole ? data->size : (data->size + parts - 1) / parts;
	}
	return total;
}

static int check_amount(uint64_t amount)
{
	if (amount == 0)
		return BUSBAR_ERROR_AMOUNT_ZERO;
	return amount > INT64_MAX ? BUSBAR_ERROR_AMOUNT_OVERFLOW : 0;
}

static int check_work(const struct demand_need *work)
{
	if ((unsigned)work->kind >= RESOURCE_KINDS)
		return BUSBAR_ERROR_UNKNOWN_KIND;
	return check_amount(work->amount);
}

static int check_needs(const struct demand_body *body)
{
	if (body->need_count > DEMAND_NEEDS)
		return BUSBAR_ERROR_TOO_LARGE;
	for (uint32_t i = 0; i < body->need_count; i++) {
		int code = check_amount(body->needs[i].amount);

		if (code < 0)
			return code;
		if ((unsigned)body->needs[i].kind >= RESOURCE_KINDS)
			return BUSBAR_ERROR_UNKNOWN_KIND;
		for (uint32_t before = 0; before < i; before++)
			if (body->needs[before].kind == body->needs[i].kind)
				return BUSBAR_ERROR_DUPLICATE;
	}
	return body->work_present ? check_work(&body->work) : 0;
}

static int check_data(const struct demand_body *body)
{
	uint64_t total = 0;

	if (body->data_count > DEMAND_DATA)
		return BUSBAR_ERROR_TOO_LARGE;
	for (uint32_t i = 0; i < body->data_count; i++) {
		int code = check_amount(body->data[i].size);

		if (code < 0)
			return code;
		if (body->data[i].direction != DATA_IN && body->data[i].direction != DATA_OUT)
			return BUSBAR_ERROR_BAD_VALUE;
		if (__builtin_add_overflow(total, body->data[i].size, &total) || total > INT64_MAX)
			return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	}
	return 0;
}

static bool has_bandwidth(const struct demand_body *body)
{
	return body->bandwidth_up > 0 || body->bandwidth_down > 0;
}

/* Nothing runs: what speaks of runs has no place here. Bandwidth is for the traffic with a service. */
static int check_reservation(const struct demand_body *body)
{
	if (body->argument_count > 0 || body->need_time != 0 || body->work_present || body->data_count > 0 ||
	    body->split != 0 || body->respond_within != 0 || body->finish_within != 0)
		return BUSBAR_ERROR_BAD_VALUE;
	if (body->need_count == 0 && !has_bandwidth(body))
		return BUSBAR_ERROR_MISSING_FIELD;
	return has_bandwidth(body) && body->service[0] == '\0' ? BUSBAR_ERROR_MISSING_FIELD : 0;
}

/* Only traffic that is shaped to what was reserved, in both directions, can be given a bound. */
static int check_guarantee(const struct demand_body *body)
{
	if (!body->network_guaranteed)
		return 0;
	if (body->reserve_time == 0)
		return BUSBAR_ERROR_BAD_VALUE;
	return body->network_within == 0 || body->bandwidth_up == 0 || body->bandwidth_down == 0
	               ? BUSBAR_ERROR_MISSING_FIELD
	               : 0;
}

/* A service or a command, not both; or what is reserved. */
static int check_what(const struct demand_body *body)
{
	int code = 0;

	if (body->reserve_time > 0)
		code = check_reservation(body);
	else if ((body->service[0] == '\0') == (body->argument_count == 0))
		code = BUSBAR_ERROR_MISSING_FIELD;
	if (code == 0)
		code = check_guarantee(body);
	if (code < 0)
		return code;
	if (body->version[0] != '\0' && body->service[0] == '\0')
		return BUSBAR_ERROR_BAD_VALUE;
	if (body->argument_count > DEMAND_ARGUMENTS ||
	    demand_texts_size(body->arguments, sizeof(body->arguments), body->argument_count) < 0)
		return BUSBAR_ERROR_TOO_LARGE;
	return 0;
}

static int check_split(const struct demand_body *body)
{
	if (body->split > DEMAND_PARTS)
		return BUSBAR_ERROR_TOO_LARGE;
	return body->split_least.amount == 0 ? 0 : check_work(&body->split_least);
}

static int check_times(const struct demand_body *body)
{
	const int64_t times[] = {body->need_time, body->reserve_time, body->network_within,
	                         body->respond_within, body->finish_within};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		if (times[i] < 0)
			return BUSBAR_ERROR_AMOUNT_NEGATIVE;
	return 0;
}

static int check_body(const struct demand_body *body)
{
	int code = check_what(body);

	if (code == 0 &&
	    (body->bandwidth_up > INT64_MAX || body->bandwidth_down > INT64_MAX || body->burst > INT64_MAX))
		code = BUSBAR_ERROR_AMOUNT_OVERFLOW;
	if (code == 0)
		code = check_split(body);
	if (code == 0)
		code = check_needs(body);
	if (code == 0)
		code = check_data(body);
	return code == 0 ? check_times(body) : code;
}

/* A stage may only come after stages named before it: that rules cycles out. */
static int check_stage(const struct demand *demand, uint32_t index)
{
	const struct demand_stage *stage = &demand->stages[index];

	if (stage->name[0] == '\0')
		return BUSBAR_ERROR_MISSING_FIELD;
	if (stage->after_count > DEMAND_AFTER)
		return BUSBAR_ERROR_TOO_LARGE;
	for (uint32_t before = 0; before < index; before++)
		if (strcmp(demand->stages[before].name, stage->name) == 0)
			return BUSBAR_ERROR_DUPLICATE;
	for (uint32_t i = 0; i < stage->after_count; i++) {
		bool known = false;

		for (uint32_t before = 0; before < index && !known; before++)
			known = strcmp(demand->stages[before].name, stage->after[i]) == 0;
		if (!known)
			return BUSBAR_ERROR_BAD_VALUE;
	}
	return check_body(&stage->body);
}

static bool body_is_empty(const struct demand_body *body)
{
	return body->service[0] == '\0' && body->argument_count == 0;
}

/* A reservation is all of a demand: it has no stages, is none, and takes no input. */
static bool reserves_beside_others(const struct demand *demand)
{
	for (uint32_t i = 0; i < demand->stage_count; i++)
		if (demand->stages[i].body.reserve_time != 0)
			return true;
	return demand->body.reserve_time != 0 && (demand->stage_count > 0 || demand->input_size > 0);
}

int demand_check(const struct demand *demand)
{
	int code;

	if (demand->stage_count > DEMAND_STAGES || demand->input_size > DEMAND_INPUT ||
	    demand->region_count > DEMAND_PLACES || demand->operator_count > DEMAND_PLACES ||
	    demand->model_count > DEMAND_PLACES)
		return BUSBAR_ERROR_TOO_LARGE;
	if (demand->budget < 0)
		return BUSBAR_ERROR_AMOUNT_NEGATIVE;
	if ((unsigned)demand->prefer >= PREFER_CHOICES)
		return BUSBAR_ERROR_BAD_VALUE;
	for (uint32_t i = 0; i < demand->model_count; i++)
		if ((unsigned)demand->models[i] >= SUPPLY_MODELS)
			return BUSBAR_ERROR_BAD_VALUE;
	if (reserves_beside_others(demand))
		return BUSBAR_ERROR_BAD_VALUE;
	/* With stages the work is in them; the outer body then says nothing of its own. */
	if (demand->stage_count == 0 || !body_is_empty(&demand->body)) {
		code = check_body(&demand->body);
		if (code < 0)
			return code;
	}
	for (uint32_t i = 0; i < demand->stage_count; i++) {
		code = check_stage(demand, i);
		if (code < 0)
			return code;
	}
	return 0;
}
