/* SPDX-License-Identifier: Apache-2.0 */
/* Routes into the view: what is taken in, what is refused and counted, what a withdrawal takes. */
#include "tests/t.h"

#include "base/clock.h"
#include "daemon/collect.h"
#include "tests/unit/wire/sample.h"
#include "wire/edge_metadata.h"

enum { AS = 65004, OTHER_AS = 65005, SEQUENCE = 1000, ROUTES = 100 };

static struct view *view;
static struct collect *collect;
static const struct gateway_identity own = {9, 1};

static int set_up(void **state)
{
	const struct view_limits limits = {
	        .sites = 4, .services = 4, .reservations = 4, .suspects = 4, .edges = ROUTES};
	const struct collect_settings settings = {
	        .identity = own, .ring = &sample_ring, .clock = clock_system, .routes = ROUTES, .seed = 1};

	view = view_create(&limits);
	return collect_create(&settings, view, NULL, &collect);
}

static int tear_down(void **state)
{
	collect = collect_free(collect);
	view = view_free(view);
	return 0;
}

/* A route as the speaker reports it, with its attribute. */
struct news {
	struct speaker_route route;
	uint8_t bytes[ATTRIBUTE_MAXIMUM];
};

static struct site site_of(uint32_t number)
{
	struct site site = sample_site();

	site.identity = (struct gateway_identity){number, 1};
	site.locator[5] = (uint8_t)number;
	for (uint32_t i = 0; i < site.link_count; i++)
		site.links[i].from = site.identity;
	return site;
}

static struct news *finish(struct news *news, const uint8_t prefix[16], uint8_t length, int size)
{
	T_OK(size);
	memcpy(news->route.prefix, prefix, 16);
	news->route.prefix_length = length;
	news->route.origin_as = AS;
	news->route.attribute = news->bytes;
	news->route.attribute_size = (size_t)size;
	return news;
}

static struct attribute_header header_of(enum attribute_content content, uint32_t number, uint64_t sequence)
{
	struct attribute_header header = sample_header(content);

	header.sender = (struct gateway_identity){number, 1};
	header.sequence = sequence;
	return header;
}

static struct news *site_news(struct news *news, const struct site *site, const uint8_t prefix[16],
                              uint64_t sequence)
{
	struct attribute_header header = header_of(ATTRIBUTE_SITE, site->identity.site, sequence);

	*news = (struct news){.route = {.prefix_length = 0}};
	return finish(news, prefix, 48,
	              attribute_encode_site(&header, site, prefix, 48, seal_first(&sample_ring), news->bytes,
	                                    sizeof(news->bytes)));
}

static struct news *service_news(struct news *news, uint32_t number, uint8_t score, uint64_t sequence)
{
	struct attribute_header header = header_of(ATTRIBUTE_SERVICE, number, sequence);
	struct service_offer service = sample_service();

	*news = (struct news){.route = {.prefix_length = 0}};
	service.site = header.sender;
	service.score = score;
	service.metrics[METRIC_NORM].score = score & 0xf;
	return finish(news, service.address, 128,
	              attribute_encode_service(&header, &service, service.address, 128,
	                                       seal_first(&sample_ring), news->bytes, sizeof(news->bytes)));
}

static void tell(const struct news *news)
{
	collect_route(collect, &news->route, false);
}

/* A withdrawn route is reported as it was. */
static void withdraw(const struct news *news)
{
	collect_route(collect, &news->route, true);
}

static uint64_t refused(int code)
{
	return collect_refusals(collect)[error_index(code)];
}

static const struct site *known(uint32_t number)
{
	return view_site(view, (struct gateway_identity){number, 1});
}

static void sites_and_services_are_taken_in(void **state)
{
	struct site site = site_of(4);
	struct news news;

	tell(site_news(&news, &site, site.locator, SEQUENCE));
	T_TRUE(known(4) != NULL);
	T_TEXT(known(4)->name, "dc-1");
	T_EQ(known(4)->links[0].delay, 4 * CLOCK_MILLISECOND);
	T_EQ(view_service_count(view), 0);
	tell(service_news(&news, 4, 7, SEQUENCE + 1));
	T_EQ(view_service_count(view), 1);
	T_EQ(view_service_at(view, 0)->score, 7);
	T_EQ(view_service_at(view, 0)->site.site, 4);
	for (unsigned i = 0; i < ERROR_COUNT; i++)
		T_EQ(collect_refusals(collect)[i], 0);
}

static void newer_values_replace_and_older_ones_do_not(void **state)
{
	struct site site = site_of(4);
	struct news news;

	site.resources[0].free = 1000;
	tell(site_news(&news, &site, site.locator, SEQUENCE));
	site.measured += CLOCK_SECOND;
	site.resources[0].free = 2000;
	tell(site_news(&news, &site, site.locator, SEQUENCE + 5));
	T_EQ(known(4)->resources[0].free, 2000);
	site.measured += CLOCK_SECOND;
	site.resources[0].free = 3000;
	tell(site_news(&news, &site, site.locator, SEQUENCE + 4));
	T_EQ(known(4)->resources[0].free, 2000);
	T_EQ(refused(BUSBAR_ERROR_STALE), 1);
	tell(site_news(&news, &site, site.locator, SEQUENCE + 6));
	T_EQ(known(4)->resources[0].free, 3000);
	tell(service_news(&news, 4, 7, SEQUENCE + 9));
	tell(service_news(&news, 4, 3, SEQUENCE + 8));
	T_EQ(view_service_at(view, 0)->score, 7);
	/* After a withdrawal a sequence may begin again. */
	withdraw(&news);
	tell(service_news(&news, 4, 3, 1));
	T_EQ(view_service_at(view, 0)->score, 3);
}

static void who_claims_to_be_us_is_refused(void **state)
{
	struct site site = site_of(own.site);
	struct news news;

	tell(site_news(&news, &site, site.locator, SEQUENCE));
	tell(service_news(&news, own.site, 7, SEQUENCE));
	T_EQ(view_site_count(view), 0);
	T_EQ(view_service_count(view), 0);
	T_EQ(refused(BUSBAR_ERROR_REPLAYED), 2);
	/* And its withdrawal takes nothing of ours. */
	T_OK(view_put_site(view, &site));
	withdraw(site_news(&news, &site, site.locator, SEQUENCE));
	T_TRUE(known(own.site) != NULL);
}

static void what_cannot_be_opened_is_counted(void **state)
{
	struct site site = site_of(4);
	struct news news;

	site_news(&news, &site, site.locator, SEQUENCE);
	news.bytes[news.route.attribute_size - 1] ^= 1;
	tell(&news);
	T_EQ(refused(BUSBAR_ERROR_UNSEALED), 1);
	/* Moved to another prefix. */
	site_news(&news, &site, site.locator, SEQUENCE);
	news.route.prefix[5] ^= 1;
	tell(&news);
	T_EQ(refused(BUSBAR_ERROR_UNSEALED), 2);
	site_news(&news, &site, site.locator, SEQUENCE);
	news.bytes[0] = ATTRIBUTE_VERSION + 1;
	tell(&news);
	T_EQ(refused(BUSBAR_ERROR_VERSION), 1);
	T_EQ(view_site_count(view), 0);
	/* What was known before stays. */
	tell(site_news(&news, &site, site.locator, SEQUENCE));
	news.bytes[news.route.attribute_size - 1] ^= 1;
	tell(&news);
	T_EQ(refused(BUSBAR_ERROR_UNSEALED), 3);
	T_TRUE(known(4) != NULL);
}

static void a_withdrawal_takes_exactly_what_the_route_brought(void **state)
{
	struct site four = site_of(4), five = site_of(5);
	struct news of_four, of_five, service_of_four, service_of_five;

	tell(site_news(&of_four, &four, four.locator, SEQUENCE));
	tell(site_news(&of_five, &five, five.locator, SEQUENCE));
	tell(service_news(&service_of_four, 4, 7, SEQUENCE));
	service_news(&service_of_five, 5, 6, SEQUENCE);
	service_of_five.route.origin_as = OTHER_AS; /* anycast: the same prefix */
	tell(&service_of_five);
	T_EQ(view_service_count(view), 2);
	withdraw(&service_of_four);
	T_EQ(view_service_count(view), 1);
	T_EQ(view_service_at(view, 0)->site.site, 5);
	T_TRUE(known(4) != NULL);
	withdraw(&of_four);
	T_TRUE(known(4) == NULL && known(5) != NULL);
	/* Again, and of what never came. */
	withdraw(&of_four);
	withdraw(&service_of_four);
	T_EQ(view_site_count(view), 1);
	T_EQ(view_service_count(view), 1);
	withdraw(&of_five);
	T_EQ(view_site_count(view), 0);
}

static void a_route_without_attribute_is_a_withdrawal(void **state)
{
	struct site site = site_of(4);
	struct news news;

	tell(site_news(&news, &site, site.locator, SEQUENCE));
	news.route.attribute = NULL;
	news.route.attribute_size = 0;
	tell(&news);
	T_TRUE(known(4) == NULL);
}

/* Another gateway takes over a route: what the former one had brought by it goes. */
static void a_route_that_brings_another_takes_the_former(void **state)
{
	struct site four = site_of(4), five = site_of(5);
	struct news news;

	tell(site_news(&news, &four, four.locator, SEQUENCE));
	tell(site_news(&news, &five, four.locator, SEQUENCE - 500)); /* a sequence of its own */
	T_TRUE(known(4) == NULL && known(5) != NULL);
	withdraw(&news);
	T_EQ(view_site_count(view), 0);
}

static void a_full_view_is_counted(void **state)
{
	struct site site;
	struct news news;

	for (uint32_t i = 1; i <= 6; i++) {
		site = site_of(i);
		tell(site_news(&news, &site, site.locator, SEQUENCE));
	}
	T_EQ(view_site_count(view), 4);
	T_EQ(refused(BUSBAR_ERROR_TABLE_FULL), 2);
	withdraw(&news); /* brought nothing, takes nothing */
	T_EQ(view_site_count(view), 4);
	/* A place that becomes free is used. */
	site = site_of(1);
	withdraw(site_news(&news, &site, site.locator, SEQUENCE));
	site = site_of(6);
	tell(site_news(&news, &site, site.locator, SEQUENCE + 1));
	T_TRUE(known(6) != NULL);
}

/* Behind a reflector all gateways of one AS have the same origin: their routers tell them apart. */
static void gateways_of_one_as_are_kept_apart(void **state)
{
	struct news four, five;

	service_news(&four, 4, 7, SEQUENCE);
	service_news(&five, 5, 6, SEQUENCE);
	four.route.originator = 104;
	five.route.originator = 105;
	tell(&four);
	tell(&five);
	T_EQ(view_service_count(view), 2);
	T_EQ(collect_memory(collect).routes, 2);
	withdraw(&four);
	T_EQ(view_service_count(view), 1);
	T_EQ(view_service_at(view, 0)->site.site, 5);
	withdraw(&five);
	T_EQ(view_service_count(view), 0);
	T_EQ(collect_memory(collect).routes, 0);
}

/* The same site by two ways: it is there until the last is gone, and the newest word of any of them holds. */
static void ways_to_the_same_are_one(void **state)
{
	struct site site = site_of(4);
	struct news first, second, late;

	tell(site_news(&first, &site, site.locator, SEQUENCE));
	site_news(&second, &site, site.locator, SEQUENCE);
	second.route.origin_as = OTHER_AS;
	tell(&second);
	T_EQ(view_site_count(view), 1);
	T_EQ(refused(BUSBAR_ERROR_STALE), 0); /* the same once more */
	site.measured += CLOCK_SECOND;
	site.resources[0].free = 2000;
	site_news(&second, &site, site.locator, SEQUENCE + 5);
	second.route.origin_as = OTHER_AS;
	tell(&second);
	T_EQ(known(4)->resources[0].free, 2000);
	/* What the other way brings later is older. */
	site.resources[0].free = 3000;
	tell(site_news(&late, &site, site.locator, SEQUENCE + 4));
	T_EQ(known(4)->resources[0].free, 2000);
	T_EQ(refused(BUSBAR_ERROR_STALE), 1);
	withdraw(&second);
	T_EQ(known(4)->resources[0].free, 2000);
	withdraw(&late);
	T_TRUE(known(4) == NULL);
	T_EQ(collect_memory(collect).routes, 0);
}

/* Somebody goes on telling what a gateway said long ago. */
static void an_old_word_contradicts_a_new_one(void **state)
{
	const uint64_t later = SEQUENCE + 60 * CLOCK_SECOND;
	struct site site = site_of(4);
	struct news old, new;
	const struct view_contradiction *found;

	site_news(&old, &site, site.locator, SEQUENCE);
	old.route.origin_as = OTHER_AS;
	tell(&old);
	tell(site_news(&new, &site, site.locator, SEQUENCE + 1));
	T_EQ(view_facts(known(4))->contradicted, 0); /* on its way still */
	tell(site_news(&new, &site, site.locator, later));
	T_EQ(view_facts(known(4))->contradicted, 1U << VIEW_CONTENT);
	T_EQ(view_contradiction_count(view), 1);
	found = view_contradiction_at(view, 0);
	T_EQ(found->site.site, 4);
	T_EQ(found->value, VIEW_CONTENT);
	T_EQ(found->values[0], later);
	T_EQ(found->values[1], SEQUENCE);
	collect_tick(collect);
	/* It speaks up again. */
	site_news(&old, &site, site.locator, later);
	old.route.origin_as = OTHER_AS;
	tell(&old);
	T_EQ(view_facts(known(4))->contradicted, 0);
	T_EQ(view_contradiction_count(view), 1);
}

static void edge_metadata_come_with_routes(void **state)
{
	const struct edge_metadata metadata = {.present = EDGE_PREFERENCE | EDGE_DELAY,
	                                       .preference = 7,
	                                       .delay = 40 * CLOCK_MILLISECOND};
	uint8_t octets[EDGE_METADATA_MAXIMUM];
	int64_t declared = sample_service().time;
	struct news news, bare = {.route = {.prefix = {0x20, 1}, .prefix_length = 128, .origin_as = AS}};
	int size = edge_metadata_encode(&metadata, octets, sizeof(octets));

	T_OK(size);
	service_news(&news, 4, 7, SEQUENCE);
	news.route.edge_metadata = octets;
	news.route.edge_metadata_size = (size_t)size;
	bare.route.edge_metadata = octets;
	bare.route.edge_metadata_size = (size_t)size;
	tell(&news);
	tell(&bare); /* another implementation's */
	T_EQ(view_edge_count(view), 2);
	T_EQ(view_edge_at(view, 0)->site.site, 0);
	T_EQ(view_edge_at(view, 0)->address[0], 0x20);
	T_EQ(view_edge_at(view, 1)->site.site, 4);
	T_EQ(view_edge_at(view, 1)->metadata.preference, 7);
	T_EQ(view_service_at(view, 0)->time, MAXIMUM(declared, metadata.delay));
	withdraw(&bare);
	T_EQ(view_edge_count(view), 1);
	news.route.edge_metadata = NULL;
	tell(&news);
	T_EQ(view_edge_count(view), 0);
	T_EQ(view_service_at(view, 0)->time, declared);
	/* Broken ones are counted and do no harm to the route. */
	news.route.edge_metadata = octets;
	news.route.edge_metadata_size = (size_t)size - 1;
	tell(&news);
	T_EQ(view_edge_count(view), 0);
	T_EQ(view_service_count(view), 1);
	T_EQ(refused(BUSBAR_ERROR_TRUNCATED) + refused(BUSBAR_ERROR_MALFORMED), 1);
}

static void routes_are_bounded(void **state)
{
	struct view_table tables[VIEW_TABLES];
	struct news news;
	uint32_t told = 0;

	for (uint32_t i = 0; i < ROUTES + 10; i++) {
		struct site site = site_of(4);

		site_news(&news, &site, site.locator, SEQUENCE + i);
		news.route.originator = i;
		tell(&news);
	}
	T_EQ(collect_memory(collect).routes, COLLECT_WAYS);
	T_EQ(refused(BUSBAR_ERROR_TABLE_FULL), ROUTES + 10 - COLLECT_WAYS);
	for (uint32_t i = 0; i < ROUTES; i++) {
		struct edge_metadata metadata = {.present = EDGE_PREFERENCE, .preference = 1};
		uint8_t octets[EDGE_METADATA_MAXIMUM];
		struct news bare = {.route = {.prefix = {0x20, 1}, .prefix_length = 128, .origin_as = i}};
		int size = edge_metadata_encode(&metadata, octets, sizeof(octets));

		T_OK(size);
		bare.route.edge_metadata = octets;
		bare.route.edge_metadata_size = (size_t)size;
		tell(&bare);
	}
	T_EQ(collect_memory(collect).routes, ROUTES);
	T_EQ(collect_memory(collect).maximum, ROUTES);
	collect_tick(collect);
	view_tables(view, tables);
	for (uint32_t i = 0; i < VIEW_TABLES; i++)
		told += strcmp(tables[i].name, "routes") == 0 && tables[i].entries == ROUTES &&
		        tables[i].maximum == ROUTES && tables[i].bytes == collect_memory(collect).bytes;
	T_EQ(told, 1);
	T_EQ(view_edge_count(view), ROUTES - COLLECT_WAYS);
	T_EQ(refused(BUSBAR_ERROR_TABLE_FULL), ROUTES + 10);
}

static void routes_of_the_kernel_need_a_tunnel(void **state)
{
	struct site site = site_of(4);
	struct news news;

	site_news(&news, &site, site.locator, SEQUENCE);
	collect_best(collect, news.route.prefix, 48, &news.route, 0);
	collect_best(collect, news.route.prefix, 48, NULL, 0);
	T_EQ(view_site_count(view), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(sites_and_services_are_taken_in),
	        CASE(newer_values_replace_and_older_ones_do_not),
	        CASE(who_claims_to_be_us_is_refused),
	        CASE(what_cannot_be_opened_is_counted),
	        CASE(a_withdrawal_takes_exactly_what_the_route_brought),
	        CASE(a_route_without_attribute_is_a_withdrawal),
	        CASE(a_route_that_brings_another_takes_the_former),
	        CASE(a_full_view_is_counted),
	        CASE(gateways_of_one_as_are_kept_apart),
	        CASE(ways_to_the_same_are_one),
	        CASE(an_old_word_contradicts_a_new_one),
	        CASE(edge_metadata_come_with_routes),
	        CASE(routes_are_bounded),
	        CASE(routes_of_the_kernel_need_a_tunnel),
	};

	return T_RUN(tests);
}
