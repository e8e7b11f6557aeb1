/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt learns about owners: how much is free there, or that they are better avoided. */
#include "base/error.h"
#include "base/log.h"
#include "execute/task_internal.h"

#define TAG "attempt"

#define SUSPECT_REFUSED CLOCK_SECOND
#define SUSPECT_SILENT (10 * CLOCK_SECOND)
/* Silence may have been the way's: what answers on another is avoided a little longer all the same. */
#define SUSPECT_HEARD CLOCK_SECOND

/* The most that can be free where `amount` more has this price. */
static uint64_t free_at_price(struct resource_offer offer, uint64_t amount, money price)
{
	uint64_t low = 0, high = offer.free;

	while (low < high) {
		offer.free = high - (high - low) / 2;
		if (resource_price(&offer, amount) >= price)
			low = offer.free;
		else
			high = offer.free - 1;
	}
	return low;
}

static bool find_amount(const struct program_claim *claim, enum resource_kind kind, uint64_t *ret_amount)
{
	for (uint32_t i = 0; i < claim->resource_count; i++)
		if (claim->resources[i].kind == kind) {
			*ret_amount = claim->resources[i].amount;
			return true;
		}
	return false;
}

/* What the view says of what was refused, and how much of it the program asked for. False: unknown. */
static bool find_refused(const struct tasks *tasks, const struct attempt *attempt,
                         struct gateway_identity owner, const struct answer_refusal *refusal,
                         struct resource_offer *ret_offer, uint64_t *ret_amount)
{
	const struct site *site = view_site(tasks->rooms.view, owner);
	const struct resource_offer *offer = site == NULL ? NULL : site_resource(site, refusal->resource);
	struct program program;

	if (offer == NULL || attempt_program(attempt, &program) < 0)
		return false;
	for (uint32_t i = 0; i < program.instruction_count; i++)
		if (program.instructions[i].operation == OPERATION_CLAIM &&
		    find_amount(&program.instructions[i].claim, refusal->resource, ret_amount)) {
			*ret_offer = *offer;
			return true;
		}
	return false;
}

/*
 * Moves the view's copy of the owner's free amount to what the refusal says: then the next plan sees it as
 * it is. False when nothing can be learned.
 */
static bool learn_free(struct tasks *tasks, const struct attempt *attempt, struct gateway_identity owner,
                       const struct answer_refusal *refusal)
{
	int64_t now = task_wall(tasks);
	struct resource_offer offer;
	uint64_t amount, free;

	if (!gateway_is_none(refusal->toward) || refusal->price <= 0 || refusal->have < 0 ||
	    !find_refused(tasks, attempt, owner, refusal, &offer, &amount))
		return false;
	if (refusal->error == BUSBAR_ERROR_NO_CAPACITY)
		free = (uint64_t)refusal->have;
	else if (refusal->error == BUSBAR_ERROR_PRICE_ROSE)
		free = free_at_price(offer, amount, refusal->price);
	else
		return false;
	return free >= offer.free || view_reserve(tasks->rooms.view, owner, refusal->resource,
	                                          offer.free - free, now, now + SUSPECT_REFUSED) == 0;
}

static void avoid(struct tasks *tasks, struct gateway_identity owner, int error, int64_t time)
{
	if (view_suspect(tasks->rooms.view, owner, error, task_wall(tasks) + time) < 0)
		log_debug(TAG, "event=not-suspected");
}

/* A refusal that says nothing makes the owner avoided for a while. */
void attempt_learn(struct tasks *tasks, const struct attempt *attempt, struct gateway_identity owner,
                   const struct answer_refusal *refusal)
{
	if (!learn_free(tasks, attempt, owner, refusal))
		avoid(tasks, owner, refusal->error, SUSPECT_REFUSED);
}

void attempt_heard(struct tasks *tasks, struct gateway_identity owner)
{
	view_heard(tasks->rooms.view, owner, task_wall(tasks) + SUSPECT_HEARD);
}

void attempt_suspect(struct tasks *tasks, struct gateway_identity owner, int error)
{
	char text[GATEWAY_TEXT];

	/* Nothing left for anybody, then. */
	if (gateway_equal(owner, tasks->settings.identity))
		return;
	log_notice(TAG, "event=silent owner=%s", gateway_text(owner, text));
	avoid(tasks, owner, error, SUSPECT_SILENT);
}
