/* SPDX-License-Identifier: Apache-2.0 */
/* The view, rule by rule. */
#include "tests/t.h"

#include "base/text.h"
#include "view/age.h"
#include "view/view.h"
#include <stdio.h>

#define CORE UINT64_C(1000000)

enum { SITES = 4, SERVICES = 5, RESERVATIONS = 3, SUSPECTS = 2 };

static struct gateway_identity id(uint32_t site)
{
	return (struct gateway_identity){.site = site, .gateway = 1};
}

static struct view *open_view(void)
{
	struct view *view = view_create(&(struct view_limits){
	        .sites = SITES, .services = SERVICES, .reservations = RESERVATIONS, .suspects = SUSPECTS});

	assert_non_null(view);
	return view;
}

/* Ten cores of 30 GFLOPS, 1000 bytes of memory and links to the neighbours 8 and 9. */
static struct site site_of(uint32_t number, int64_t measured)
{
	struct site site = {.identity = id(number), .measured = measured, .validity = 100};

	(void)snprintf(site.name, sizeof(site.name), "site-%u", number);
	site.gflops_per_core = 30 * CORE;
	site.resource_count = 3;
	site.resources[0] =
	        (struct resource_offer){.kind = RESOURCE_CPU, .capacity = 10 * CORE, .free = 10 * CORE};
	site.resources[1] = (struct resource_offer){.kind = RESOURCE_CPU_GFLOPS,
	                                            .capacity = 300 * CORE,
	                                            .free = 300 * CORE};
	site.resources[2] = (struct resource_offer){.kind = RESOURCE_MEMORY, .capacity = 1000, .free = 1000};
	site.link_count = 2;
	for (uint32_t i = 0; i < 2; i++)
		site.links[i] = (struct link_offer){
		        .from = id(number), .toward = id(8 + i), .delay = 5, .capacity = 100, .free = 100};
	return site;
}

static void put(struct view *view, uint32_t number, int64_t measured)
{
	struct site site = site_of(number, measured);

	T_OK(view_put_site(view, &site));
}

static uint64_t free_of(const struct view *view, uint32_t number, enum resource_kind kind)
{
	return site_resource(view_site(view, id(number)), kind)->free;
}

static struct service_offer service_of(uint32_t site, uint8_t address, const char *name, const char *version)
{
	struct service_offer service = {.site = id(site), .address = {address}};

	text_copy(service.name, sizeof(service.name), name);
	text_copy(service.version, sizeof(service.version), version);
	return service;
}

static int put_service(struct view *view, uint32_t site, uint8_t address, const char *name,
                       const char *version)
{
	struct service_offer service = service_of(site, address, name, version);

	return view_put_service(view, &service);
}

/* All services as "name version site", one after the other. */
static const char *services_text(const struct view *view, char text[256])
{
	const struct view_service *service;
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; (service = view_service_at(view, i)) != NULL; i++)
		used += (size_t)snprintf(text + used, 256 - used, "%s%s %s %u", i == 0 ? "" : ", ",
		                         service->title->name, service->title->version, service->site.site);
	return text;
}

static void test_sites(void **state)
{
	struct view *view = open_view();
	struct site site = site_of(3, 10);

	T_EQ(view_site_count(view), 0);
	T_TRUE(view_site_at(view, 0) == NULL && view_site(view, id(3)) == NULL);
	put(view, 3, 10);
	put(view, 1, 10);
	put(view, 2, 10);
	T_EQ(view_site_count(view), 3);
	for (uint32_t i = 0; i < 3; i++) {
		T_EQ(view_site_at(view, i)->identity.site, i + 1);
		T_EQ(view_site_index(view, id(i + 1)), i);
	}
	T_TRUE(view_site_at(view, 3) == NULL);
	T_ERROR(view_site_index(view, id(4)), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(view_site_index(view, (struct gateway_identity){3, 2}), BUSBAR_ERROR_NOT_FOUND);
	T_TRUE(view_site_by_name(view, "site-2") == view_site(view, id(2)));
	T_TRUE(view_site_by_name(view, "site-9") == NULL);
	site.trust = 7;
	T_OK(view_put_site(view, &site)); /* as old as what is known: taken */
	T_EQ(view_site(view, id(3))->trust, 7);
	site.measured = 9;
	site.trust = 1;
	T_ERROR(view_put_site(view, &site), BUSBAR_ERROR_STALE);
	T_EQ(view_site(view, id(3))->trust, 7);
	put(view, 4, 1);
	site = site_of(5, 1);
	T_ERROR(view_put_site(view, &site), BUSBAR_ERROR_TABLE_FULL);
	put(view, 4, 2); /* known ones have their place */
	T_OK(view_remove_site(view, id(1)));
	T_ERROR(view_remove_site(view, id(1)), BUSBAR_ERROR_NOT_FOUND);
	T_OK(view_put_site(view, &site));
	T_EQ(view_site_at(view, 0)->identity.site, 2);
	T_EQ(view_site_at(view, 3)->identity.site, 5);
	put(view, 5, 1);
	view_free(view);
	T_TRUE(view_free(NULL) == NULL);
}

/* A removed site that comes back may be older than it was: nothing is remembered of it. */
static void test_site_returns(void **state)
{
	struct view *view = open_view();

	put(view, 1, 100);
	T_OK(view_remove_site(view, id(1)));
	put(view, 1, 5);
	T_EQ(view_site(view, id(1))->measured, 5);
	view_free(view);
}

static void test_staleness(void **state)
{
	struct view_stamp stamp = {VIEW_ROUTE, 1000, 100};
	struct resource_offer offer = {.capacity = 100, .free = 80, .base = 1000, .steepness = 1000};

	T_EQ(view_staleness(&stamp, 1000), 0);
	T_EQ(view_staleness(&stamp, 1100), 0);
	T_EQ(view_staleness(&stamp, 1101), 3); /* 1 of 400, rounded up */
	T_EQ(view_staleness(&stamp, 1300), 500);
	T_EQ(view_staleness(&stamp, 1500), 1000);
	T_EQ(view_staleness(&stamp, INT64_MAX), 1000);
	T_EQ(view_staleness(&stamp, 10), 0); /* clocks differ a little */
	stamp.validity = INT64_MAX;
	T_EQ(view_staleness(&stamp, INT64_MAX), 0);
	stamp = (struct view_stamp){VIEW_ROUTE, INT64_MIN, 1};
	T_EQ(view_staleness(&stamp, INT64_MAX), 1000);
	stamp.validity = 0; /* says nothing of it */
	T_EQ(view_staleness(&stamp, INT64_MAX), 0);
	T_EQ(view_aged_price(1000, 0), 1000);
	T_EQ(view_aged_price(1000, 500), 4500);
	T_EQ(view_aged_price(1000, 1000), 8000);
	T_EQ(view_aged_price(INT64_MAX, 1), INT64_MAX);
	T_EQ(view_aged_price(0, 1000), 0);
	T_EQ(view_aged_free(80, 0), 80);
	T_EQ(view_aged_free(80, 500), 50);
	T_EQ(view_aged_free(80, 1000), 20);
	T_EQ(view_aged_free(UINT64_MAX, 1000), UINT64_MAX - UINT64_MAX / 4 * 3 - 2);
	T_EQ(view_resource_price(&offer, 1, 1000), 8000); /* a flat curve: only the factor */
	offer.steepness = 8000;
	T_TRUE(view_resource_price(&offer, 1, 500) > view_aged_price(resource_price(&offer, 1), 500));
	T_EQ(view_resource_price(&offer, 1, 0), resource_price(&offer, 1));
}

static void test_services(void **state)
{
	struct view *view = open_view();
	struct service_offer service = service_of(2, 1, "read", "1");
	char text[256];

	T_ERROR(view_service_first(view, "read"), BUSBAR_ERROR_NOT_FOUND);
	put(view, 1, 1);
	put(view, 2, 1);
	T_OK(put_service(view, 2, 2, "render", "2"));
	T_OK(put_service(view, 1, 1, "render", "2"));
	T_OK(put_service(view, 1, 3, "render", "1"));
	T_OK(put_service(view, 2, 1, "read", "1"));
	T_TEXT(services_text(view, text), "read 1 2, render 1 1, render 2 1, render 2 2");
	T_EQ(view_service_first(view, "render"), 1);
	T_EQ(view_service_first(view, "read"), 0);
	T_ERROR(view_service_first(view, "rea"), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(view_service_first(view, "renders"), BUSBAR_ERROR_NOT_FOUND);
	service.running = 4;
	T_OK(view_put_service(view, &service)); /* new values in its place */
	T_EQ(view_service_at(view, 0)->running, 4);
	T_EQ(view_service_count(view), 4);
	T_OK(put_service(view, 2, 1, "write", "1")); /* another service at the same address */
	T_TEXT(services_text(view, text), "render 1 1, render 2 1, render 2 2, write 1 2");
	T_OK(put_service(view, 1, 4, "a", "1"));
	T_ERROR(put_service(view, 1, 5, "b", "1"), BUSBAR_ERROR_TABLE_FULL);
	T_OK(put_service(view, 1, 4, "c", "1")); /* takes the place of its former self */
	T_OK(view_remove_service(view, id(1), service_of(1, 3, "", "").address));
	T_ERROR(view_remove_service(view, id(1), service_of(1, 3, "", "").address), BUSBAR_ERROR_NOT_FOUND);
	T_TEXT(services_text(view, text), "c 1 1, render 2 1, render 2 2, write 1 2");
	T_OK(view_remove_site(view, id(2))); /* and its services */
	T_TEXT(services_text(view, text), "c 1 1, render 2 1");
	T_TRUE(view_service_at(view, 2) == NULL);
	view_free(view);
}

static void test_link_delay(void **state)
{
	struct view *view = open_view();

	T_ERROR(view_put_link_delay(view, id(1), id(8), 1, 2, 3, 5, 50), BUSBAR_ERROR_NOT_FOUND);
	put(view, 1, 10);
	T_ERROR(view_put_link_delay(view, id(1), id(7), 1, 2, 3, 5, 50), BUSBAR_ERROR_NOT_FOUND);
	T_OK(view_put_link_delay(view, id(1), id(9), 77, 8, 9, 5, 50));
	T_EQ(view_site(view, id(1))->links[1].delay, 77);
	T_EQ(view_site(view, id(1))->links[1].jitter, 8);
	T_EQ(view_site(view, id(1))->links[1].loss, 9);
	T_EQ(view_site(view, id(1))->links[0].delay, 5);
	T_OK(view_reserve_link(view, id(1), id(9), 1, 10, 20)); /* shown anew: the measurement stays */
	T_EQ(view_expire(view, 20), 1);
	T_EQ(view_site(view, id(1))->links[1].delay, 77);
	put(view, 1, 11); /* measured beats declared, however new that is */
	T_EQ(view_site(view, id(1))->links[1].delay, 77);
	T_EQ(view_facts(view_site(view, id(1)))->links_measured, 1U << 1);
	T_EQ(view_expire(view, 55), 0);
	T_EQ(view_site(view, id(1))->links[1].delay, 77);
	T_EQ(view_expire(view, 56), 0); /* no longer valid */
	T_EQ(view_site(view, id(1))->links[1].delay, 5);
	T_EQ(view_facts(view_site(view, id(1)))->links_measured, 0);
	view_free(view);
}

static void test_reserve(void **state)
{
	struct view *view = open_view();

	put(view, 1, 10);
	T_OK(view_reserve(view, id(1), RESOURCE_CPU, 3 * CORE, 20, 100));
	T_EQ(free_of(view, 1, RESOURCE_CPU), 7 * CORE);
	T_EQ(free_of(view, 1, RESOURCE_CPU_GFLOPS), 210 * CORE); /* the same cores */
	T_OK(view_reserve(view, id(1), RESOURCE_CPU_GFLOPS, 60 * CORE + 1, 21, 100));
	T_EQ(free_of(view, 1, RESOURCE_CPU_GFLOPS), 150 * CORE - 30); /* what a micro-core is worth */
	T_EQ(free_of(view, 1, RESOURCE_CPU), 5 * CORE - 1);           /* rounded up */
	T_OK(view_reserve(view, id(1), RESOURCE_MEMORY, 2000, 22, 100));
	T_EQ(free_of(view, 1, RESOURCE_MEMORY), 0); /* never below nothing */
	T_ERROR(view_reserve(view, id(1), RESOURCE_MEMORY, 1, 22, 100), BUSBAR_ERROR_TABLE_FULL);
	T_ERROR(view_reserve_link(view, id(1), id(8), 1, 22, 100), BUSBAR_ERROR_TABLE_FULL);
	put(view, 1, 20); /* measured before the first decision came to it */
	T_EQ(free_of(view, 1, RESOURCE_CPU), 5 * CORE - 1);
	put(view, 1, 21); /* knows the first, not the second and third */
	T_EQ(free_of(view, 1, RESOURCE_CPU), 8 * CORE - 1);
	T_EQ(free_of(view, 1, RESOURCE_MEMORY), 0);
	T_EQ(view_expire(view, 22), 1);
	put(view, 1, 23);
	T_EQ(free_of(view, 1, RESOURCE_CPU), 10 * CORE);
	T_EQ(free_of(view, 1, RESOURCE_MEMORY), 1000);
	T_EQ(view_expire(view, 22), 2);
	T_EQ(view_expire(view, 22), 0);
	view_free(view);
}

static void test_reserve_link(void **state)
{
	struct view *view = open_view();

	put(view, 1, 10);
	T_OK(view_reserve_link(view, id(1), id(8), 30, 20, 50));
	T_OK(view_reserve_link(view, id(1), id(8), 30, 30, 90));
	T_OK(view_reserve_link(view, id(2), id(8), 30, 30, 90)); /* its owner is not known yet */
	T_EQ(view_site(view, id(1))->links[0].free, 40);
	T_EQ(view_site(view, id(1))->links[1].free, 100);
	T_EQ(view_site(view, id(1))->links[0].capacity, 100);
	put(view, 2, 10);
	T_EQ(view_site(view, id(2))->links[0].free, 70);
	T_EQ(view_expire(view, 49), 0);
	T_EQ(view_expire(view, 50), 1);
	T_EQ(view_site(view, id(1))->links[0].free, 70);
	view_unreserve(view, 30); /* what was decided then came to nothing */
	T_EQ(view_site(view, id(1))->links[0].free, 100);
	T_EQ(view_site(view, id(2))->links[0].free, 100);
	view_unreserve(view, 30);
	T_EQ(view_expire(view, INT64_MAX), 0);
	view_free(view);
}

static void test_suspects(void **state)
{
	struct view *view = open_view();

	T_EQ(view_suspected(view, id(1), 0), 0);
	T_OK(view_suspect(view, id(1), BUSBAR_ERROR_NO_ANSWER, 50));
	T_EQ(view_suspected(view, id(1), 49), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(view_suspected(view, id(1), 50), 0);
	view_heard(view, id(1), 60);
	view_heard(view, id(2), 20);
	T_EQ(view_suspected(view, id(1), 49), BUSBAR_ERROR_NO_ANSWER);
	view_heard(view, id(1), 45);
	T_EQ(view_suspected(view, id(1), 44), BUSBAR_ERROR_NO_ANSWER);
	T_EQ(view_suspected(view, id(1), 45), 0);
	T_OK(view_suspect(view, id(1), BUSBAR_ERROR_NO_ANSWER, 50));
	T_OK(view_suspect(view, id(1), BUSBAR_ERROR_NO_CAPACITY, 40)); /* newer cause, the later end */
	view_heard(view, id(1), 20);
	T_EQ(view_suspected(view, id(1), 49), BUSBAR_ERROR_NO_CAPACITY);
	T_OK(view_suspect(view, id(2), BUSBAR_ERROR_REFUSED, 60));
	T_ERROR(view_suspect(view, id(3), BUSBAR_ERROR_REFUSED, 60), BUSBAR_ERROR_TABLE_FULL);
	T_EQ(view_suspected(view, id(3), 0), 0);
	T_EQ(view_expire(view, 50), 1);
	T_EQ(view_suspected(view, id(2), 50), BUSBAR_ERROR_REFUSED);
	T_OK(view_suspect(view, id(3), BUSBAR_ERROR_REFUSED, 60));
	T_EQ(view_expire(view, 60), 2);
	view_free(view);
}

static const struct view_table *table_of(const struct view *view, const char *name,
                                         struct view_table tables[VIEW_TABLES])
{
	view_tables(view, tables);
	for (uint32_t i = 0; i < VIEW_TABLES; i++)
		if (strcmp(tables[i].name, name) == 0)
			return &tables[i];
	return NULL;
}

static void test_tables(void **state)
{
	struct view_table tables[VIEW_TABLES];
	struct view *view = open_view();
	const struct view *snapshot;
	size_t empty = view_bytes(view), sum = 0;

	put(view, 1, 1);
	T_OK(put_service(view, 1, 1, "render", "2"));
	T_OK(put_service(view, 1, 2, "render", "2"));
	T_EQ(table_of(view, "sites", tables)->entries, 1);
	T_EQ(table_of(view, "sites", tables)->maximum, SITES);
	T_EQ(table_of(view, "services", tables)->entries, 2);
	T_EQ(table_of(view, "titles", tables)->entries, 1);
	T_EQ(table_of(view, "own-values", tables)->entries, 0);
	T_TRUE(view_bytes(view) > empty);
	snapshot = view_snapshot(view);
	T_OK(view_reserve(view, id(1), RESOURCE_CPU, 1, 2, 3));
	T_OK(put_service(view, 1, 2, "read", "2"));
	T_EQ(table_of(view, "reservations", tables)->entries, 1);
	T_EQ(table_of(view, "own-values", tables)->entries, 1);
	T_EQ(table_of(view, "titles", tables)->entries, 2);
	T_EQ(table_of(snapshot, "titles", tables)->entries, 1);
	T_EQ(table_of(snapshot, "reservations", tables)->entries, 0);
	for (uint32_t i = 0; i < VIEW_TABLES; i++)
		sum += tables[i].bytes;
	T_TRUE(view_bytes(snapshot) >= sum);
	(void)view_release_snapshot(snapshot);
	T_EQ(view_expire(view, 3), 1);
	T_EQ(table_of(view, "own-values", tables)->entries, 0);
	T_OK(view_remove_service(view, id(1), service_of(1, 1, "", "").address));
	T_EQ(table_of(view, "titles", tables)->entries, 1); /* the last that had it is gone */
	view_free(view);
}

/* What a reply of a probe says holds until routing says something newer, or its validity ends. */
static void test_load(void **state)
{
	struct view *view = open_view();
	struct site_load load = {.identity = id(1),
	                         .measured = 20,
	                         .validity = 10,
	                         .running = 2,
	                         .waiting = 1,
	                         .wait = 7,
	                         .resource_count = 2,
	                         .resources = {{RESOURCE_CPU, 4 * CORE, 55}, {RESOURCE_GPU, 1, 1}}};
	const struct view_facts *facts;

	T_ERROR(view_put_load(view, &load), BUSBAR_ERROR_NOT_FOUND);
	put(view, 1, 10);
	T_OK(view_put_load(view, &load));
	T_EQ(free_of(view, 1, RESOURCE_CPU), 4 * CORE);
	T_EQ(site_resource(view_site(view, id(1)), RESOURCE_CPU)->base, 55);
	T_EQ(free_of(view, 1, RESOURCE_MEMORY), 1000);
	T_TRUE(site_resource(view_site(view, id(1)), RESOURCE_GPU) == NULL);
	facts = view_facts(view_site(view, id(1)));
	T_EQ(facts->amounts.source, VIEW_PROBE);
	T_EQ(facts->amounts.measured, 20);
	T_EQ(facts->amounts.validity, 10);
	T_EQ(facts->structure.source, VIEW_ROUTE);
	T_EQ(facts->structure.measured, 10);
	T_EQ(facts->running, 2);
	T_EQ(facts->wait, 7);
	load.measured = 19;
	T_ERROR(view_put_load(view, &load), BUSBAR_ERROR_STALE);
	load.resources[0].free = 400 * CORE; /* never more than there is */
	load.measured = 21;
	T_OK(view_put_load(view, &load));
	T_EQ(free_of(view, 1, RESOURCE_CPU), 10 * CORE);
	load.resources[0].free = 3 * CORE;
	T_OK(view_put_load(view, &load));
	put(view, 1, 15); /* routing, but older */
	T_EQ(free_of(view, 1, RESOURCE_CPU), 3 * CORE);
	T_OK(view_reserve(view, id(1), RESOURCE_CPU, CORE, 20, 100)); /* the reply shows it already */
	T_EQ(free_of(view, 1, RESOURCE_CPU), 3 * CORE);
	T_OK(view_reserve(view, id(1), RESOURCE_CPU, CORE, 21, 100));
	T_EQ(free_of(view, 1, RESOURCE_CPU), 2 * CORE);
	T_EQ(view_expire(view, 31), 1);
	T_EQ(free_of(view, 1, RESOURCE_CPU), 2 * CORE);
	T_EQ(view_expire(view, 32), 0); /* probes have stopped: what routing said holds, and ages */
	T_EQ(free_of(view, 1, RESOURCE_CPU), 9 * CORE);
	facts = view_facts(view_site(view, id(1)));
	T_EQ(facts->amounts.source, VIEW_ROUTE);
	T_EQ(facts->amounts.measured, 15);
	T_EQ(facts->wait, 0);
	load.measured = 40;
	T_OK(view_put_load(view, &load));
	put(view, 1, 40); /* newer by routing */
	T_EQ(view_facts(view_site(view, id(1)))->amounts.source, VIEW_ROUTE);
	T_OK(view_remove_site(view, id(1)));
	T_ERROR(view_put_load(view, &load), BUSBAR_ERROR_NOT_FOUND);
	view_free(view);
}

static void test_load_of_links(void **state)
{
	struct view *view = open_view();
	struct site_load load = {.identity = id(1),
	                         .measured = 20,
	                         .validity = 10,
	                         .link_count = 2,
	                         .links = {{id(9), 60, 5}, {id(7), 1, 1}}};
	const struct link_offer *links;

	put(view, 1, 10);
	T_OK(view_reserve_link(view, id(1), id(8), 10, 15, 100));
	T_OK(view_reserve_link(view, id(1), id(9), 10, 15, 100)); /* the reply shows it already */
	T_OK(view_put_load(view, &load));
	links = view_site(view, id(1))->links;
	T_EQ(links[0].free, 90); /* of which the reply says nothing */
	T_EQ(links[1].free, 60);
	T_EQ(links[1].base, 5);
	T_OK(view_reserve_link(view, id(1), id(9), 10, 20, 100));
	T_EQ(view_site(view, id(1))->links[1].free, 50);
	load.measured = 21;
	load.links[0].free = 400; /* never more than there is */
	T_OK(view_put_load(view, &load));
	T_EQ(view_site(view, id(1))->links[1].free, 100);
	(void)view_expire(view, 32); /* probes have stopped */
	T_EQ(view_site(view, id(1))->links[1].base, 0);
	view_free(view);
}

static void test_path(void **state)
{
	struct view *view = open_view();

	T_ERROR(view_put_path(view, id(1), 5, 1, 2, 10, 10), BUSBAR_ERROR_NOT_FOUND);
	put(view, 1, 10);
	T_EQ(view_facts(view_site(view, id(1)))->path.measured, 0);
	T_OK(view_put_path(view, id(1), 5, 1, 2, 10, 10));
	put(view, 1, 30);
	T_EQ(view_facts(view_site(view, id(1)))->path.delay, 5);
	T_EQ(view_facts(view_site(view, id(1)))->path.loss, 2);
	T_EQ(view_expire(view, 21), 0);
	T_EQ(view_facts(view_site(view, id(1)))->path.measured, 0);
	view_free(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_sites),        cmocka_unit_test(test_site_returns),
	        cmocka_unit_test(test_staleness),    cmocka_unit_test(test_services),
	        cmocka_unit_test(test_link_delay),   cmocka_unit_test(test_reserve),
	        cmocka_unit_test(test_reserve_link), cmocka_unit_test(test_suspects),
	        cmocka_unit_test(test_tables),       cmocka_unit_test(test_load),
	        cmocka_unit_test(test_tables),       cmocka_unit_test(test_load_of_links),
	        cmocka_unit_test(test_path),
	};

	return T_RUN(tests);
}
