/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ledger_proof.h"

#include "cli/document.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define LEDGER_PROOF_NOTHING "0000000000000000000000000000000000000000000000000000000000000000"

enum { LEDGER_PROOF_LINE = 320 };

struct work {
	const json_t *answers;
	struct ledger_proof proof;
	bool allow_open, failed;
};

static void note(struct work *work, const char *format, ...) PRINTF(2, 3);

static void note(struct work *work, const char *format, ...)
{
	char line[LEDGER_PROOF_LINE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	/* A text that was cut within a character is no UTF-8. */
	if (json_array_append_new(work->proof.problems, json_string(line)) < 0 &&
	    json_array_append_new(work->proof.problems, json_string("a problem with an unreadable name")) < 0)
		work->failed = true;
}

/* A gateway's name for people. */
static const char *name_of(const json_t *document)
{
	const char *node = document_text(document, "node");

	return node[0] == '\0' ? document_text(document, "address") : node;
}

static bool has_ledger(const json_t *document)
{
	return json_object_get(document, "balanced") != NULL;
}

static bool is_answer(const json_t *document)
{
	return json_object_get(document, "error") == NULL &&
	       json_is_string(json_object_get(document, "identity")) &&
	       json_is_array(json_object_get(document, "metered")) &&
	       json_is_integer(json_object_get(document, "holdings"));
}

static const json_t *find_answer(const struct work *work, const char *identity)
{
	for (size_t i = 0; i < json_array_size(work->answers); i++) {
		const json_t *document = json_array_get(work->answers, i);

		if (is_answer(document) && strcmp(document_text(document, "identity"), identity) == 0)
			return document;
	}
	return NULL;
}

const json_t *ledger_proof_entry(const json_t *document, const char *list, const char *identity)
{
	for (size_t i = 0; i < document_count(document, list); i++) {
		const json_t *entry = document_at(document, list, i);

		if (strcmp(document_text(entry, "gateway"), identity) == 0)
			return entry;
	}
	return NULL;
}

static void check_ledger(struct work *work, const json_t *document)
{
	const char *name = name_of(document);
	const char *escrow = document_text(document, "escrow"),
	           *holds = document_text(document, "open_holds");
	int64_t open = document_integer(document, "open_programs");
	money amount = 0;

	if (!document_flag(document, "balanced") || document_integer(document, "unbalanced") != 0)
		note(work, "%.64s: the ledger does not balance", name);
	if (strcmp(document_text(document, "entries_sum"), "0") != 0)
		note(work, "%.64s: entries sum to %.32s, not to 0", name,
		     document_text(document, "entries_sum"));
	if (money_parse(escrow, &amount) < 0 || money_add(work->proof.escrow, amount, &amount) < 0)
		note(work, "%.64s: escrow of '%.32s'", name, escrow);
	else
		work->proof.escrow = amount;
	if (strcmp(escrow, holds) != 0)
		note(work, "%.64s: escrow %.32s, but open holds %.32s", name, escrow, holds);
	if (open != 0 && !work->allow_open)
		note(work, "%.64s: %lld open programs", name, (long long)open);
	if (!json_is_integer(json_object_get(document, "open_programs")))
		note(work, "%.64s: does not say how many programs are open", name);
	if (!json_is_array(json_object_get(document, "billed")))
		note(work, "%.64s: does not say what it billed", name);
	work->proof.open_programs += open > 0 ? (uint64_t)open : 0;
	work->proof.entries += (uint64_t)document_integer(document, "entries");
}

static void check_list(struct work *work, const json_t *document, const char *list)
{
	for (size_t i = 0; i < document_count(document, list); i++) {
		const json_t *entry = document_at(document, list, i);
		const char *identity = document_text(entry, "gateway");

		if (ledger_proof_entry(document, list, identity) != entry)
			note(work, "%.64s: %s gateway %.32s twice", name_of(document), list, identity);
		else if (find_answer(work, identity) == NULL)
			note(work,
			     "%.64s: %s %lld receipts of %.32s with gateway %.32s, which did not answer",
			     name_of(document), list, (long long)document_integer(entry, "count"),
			     document_text(entry, "total"), identity);
	}
}

static void check_answer(struct work *work, const json_t *document)
{
	int64_t holdings = document_integer(document, "holdings");
	const char *error = document_text(document, "error");

	if (!is_answer(document)) {
		note(work, "%.64s: %.160s", name_of(document),
		     error[0] == '\0' ? "not a ledger document" : error);
		return;
	}
	if (find_answer(work, document_text(document, "identity")) != document)
		note(work, "%.64s: gateway %.32s answered twice", name_of(document),
		     document_text(document, "identity"));
	if (holdings != 0 && !work->allow_open)
		note(work, "%.64s: %lld holdings", name_of(document), (long long)holdings);
	work->proof.holdings += holdings > 0 ? (uint64_t)holdings : 0;
	if (has_ledger(document))
		check_ledger(work, document);
	check_list(work, document, "billed");
	check_list(work, document, "metered");
}

/* What one side says of the receipts between two gateways; an absent entry says: none. */
struct receipts {
	int64_t count;
	const char *total, *digest;
};

static struct receipts read_receipts(const json_t *document, const char *list, const char *identity)
{
	const json_t *entry = ledger_proof_entry(document, list, identity);

	if (entry == NULL)
		return (struct receipts){.total = "0", .digest = LEDGER_PROOF_NOTHING};
	return (struct receipts){.count = document_integer(entry, "count"),
	                         .total = document_text(entry, "total"),
	                         .digest = document_text(entry, "digest")};
}

static void check_pair(struct work *work, const json_t *ingress, const json_t *owner)
{
	struct receipts billed = read_receipts(ingress, "billed", document_text(owner, "identity"));
	struct receipts metered = read_receipts(owner, "metered", document_text(ingress, "identity"));

	if (billed.count != metered.count || strcmp(billed.total, metered.total) != 0)
		note(work, "%.64s billed %lld receipts of %.32s, %.64s metered %lld of %.32s",
		     name_of(ingress), (long long)billed.count, billed.total, name_of(owner),
		     (long long)metered.count, metered.total);
	else if (strcmp(billed.digest, metered.digest) != 0)
		note(work, "%.64s billed other receipts than %.64s metered (%lld of %.32s each)",
		     name_of(ingress), name_of(owner), (long long)billed.count, billed.total);
}

static void check_pairs(struct work *work)
{
	size_t count = json_array_size(work->answers);

	for (size_t i = 0; i < count; i++) {
		const json_t *ingress = json_array_get(work->answers, i);

		for (size_t o = 0; o < count && is_answer(ingress); o++) {
			const json_t *owner = json_array_get(work->answers, o);

			if (is_answer(owner))
				check_pair(work, ingress, owner);
		}
	}
}

int ledger_proof_make(const json_t *answers, bool allow_open, struct ledger_proof *ret_proof)
{
	struct work work = {.answers = answers,
	                    .allow_open = allow_open,
	                    .proof = {.problems = json_array()}};

	if (work.proof.problems == NULL)
		return -ENOMEM;
	if (json_array_size(answers) == 0)
		note(&work, "no gateway was asked");
	for (size_t i = 0; i < json_array_size(answers); i++)
		check_answer(&work, json_array_get(answers, i));
	check_pairs(&work);
	if (work.failed) {
		json_decref(work.proof.problems);
		return -ENOMEM;
	}
	*ret_proof = work.proof;
	return 0;
}
