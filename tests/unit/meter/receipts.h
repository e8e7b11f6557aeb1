/* SPDX-License-Identifier: Apache-2.0 */
/* A database in a folder of its own, and receipts whose total is any number that is asked for. */
#ifndef TESTS_UNIT_METER_RECEIPTS_H
#define TESTS_UNIT_METER_RECEIPTS_H

#include "base/database.h"
#include "base/file.h"
#include "model/receipt.h"
#include "t.h"
#include <sqlite3.h>
#include <stdio.h>

enum { NOW = 1000 };

struct place {
	char folder[64];
	char path[128], journal[128];
	bool behind; /* written behind a journal */
	struct database *database;
};

/* Small segments, so that there are many. */
static inline int place_open(struct place *place)
{
	static const struct database_settings settings = {.segment = 200000, .delay = 1000000};

	return place->behind
	               ? database_open_behind(NULL, place->path, place->journal, &settings, &place->database)
	               : database_open(place->path, &place->database);
}

static inline int place_make(void **state, bool behind)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	(void)snprintf(place->folder, sizeof(place->folder), "/tmp/busbar-meter-test-XXXXXX");
	if (!mkdtemp(place->folder))
		return -1;
	(void)snprintf(place->path, sizeof(place->path), "%s/accounts.db", place->folder);
	(void)snprintf(place->journal, sizeof(place->journal), "%s/journal", place->folder);
	place->behind = behind;
	*state = place;
	return place_open(place);
}

static inline int place_set_up(void **state)
{
	return place_make(state, false);
}

static inline int place_set_up_behind(void **state)
{
	return place_make(state, true);
}

static inline int place_tear_down(void **state)
{
	struct place *place = *state;
	int code;

	(void)database_close(place->database);
	code = file_remove_tree(place->folder);
	free(place);
	return code;
}

static inline void place_reopen(struct place *place)
{
	place->database = database_close(place->database);
	T_OK(place_open(place));
}

/* A test in both ways of writing. */
#define BOTH_WAYS(test)                                                           \
	cmocka_unit_test_setup_teardown(test, place_set_up, place_tear_down),     \
	{                                                                         \
#test "_behind", test, place_set_up_behind, place_tear_down, NULL \
	}

static inline struct identifier number_identifier(uint64_t number)
{
	struct identifier identifier = {{0}};

	for (int i = 0; i < 8; i++)
		identifier.octets[15 - i] = (uint8_t)(number >> (8 * i));
	return identifier;
}

static inline struct gateway_identity gateway(uint32_t site)
{
	return (struct gateway_identity){.site = site, .gateway = 1};
}

/* A call of `total`, and for a total above 10 a resource line and a link line that make it up. */
static inline struct receipt make_receipt(struct identifier program, struct gateway_identity owner,
                                          money total)
{
	struct receipt receipt = {
	        .program = program,
	        .owner = owner,
	        .ingress = gateway(1),
	        .started = 10,
	        .ended = 20,
	        .line_count = 1,
	        .lines = {{.kind = LINE_CALL, .amount = 1, .tariff = total, .charge = total}},
	};

	if (total > 10) {
		receipt.lines[0].tariff = receipt.lines[0].charge = total - 10;
		receipt.lines[1] = (struct receipt_line){
		        .kind = LINE_RESOURCE,
		        .resource = RESOURCE_CPU,
		        .amount = 2000000,
		        .time = 1500000000,
		        .tariff = 2,
		        .charge = 6,
		};
		receipt.lines[2] = (struct receipt_line){
		        .kind = LINE_LINK,
		        .toward = gateway(77),
		        .amount = 1000000,
		        .time = 1000000000,
		        .tariff = 4,
		        .charge = 4,
		};
		receipt.line_count = 3;
	}
	return receipt;
}

#endif
