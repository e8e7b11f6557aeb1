/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include "base/clock.h"
#include "tests/t.h"

enum { ROUNDS = 4000, CONTENT_AT = 1, KEY_AT = 2, DOMAIN_AT = 3, SITE_AT = 4, SEQUENCE_AT = 10, AS_AT = 18 };

static void assert_same_offer(const struct resource_offer *a, const struct resource_offer *b)
{
	T_EQ(a->kind, b->kind);
	T_EQ(a->capacity, b->capacity);
	T_EQ(a->free, b->free);
	T_EQ(a->base, b->base);
	T_EQ(a->steepness, b->steepness);
	T_EQ(a->tariff, b->tariff);
}

static void assert_same_link(const struct link_offer *a, const struct link_offer *b)
{
	T_TRUE(gateway_equal(a->from, b->from));
	T_TRUE(gateway_equal(a->toward, b->toward));
	T_EQ(a->delay, b->delay);
	T_EQ(a->least, b->least);
	T_EQ(a->jitter, b->jitter);
	T_BYTES(a->ceilings, b->ceilings, sizeof(a->ceilings));
	T_EQ(a->loss, b->loss);
	T_EQ(a->capacity, b->capacity);
	T_EQ(a->free, b->free);
	T_EQ(a->base, b->base);
	T_EQ(a->steepness, b->steepness);
	T_EQ(a->tariff, b->tariff);
}

static void assert_same_metrics(const struct metric a[METRIC_KINDS], const struct metric b[METRIC_KINDS])
{
	for (int kind = 0; kind < METRIC_KINDS; kind++) {
		T_EQ(a[kind].score, b[kind].score);
		T_EQ(a[kind].source, b[kind].source);
		T_EQ(a[kind].statistic, b[kind].statistic);
		T_EQ(a[kind].window, b[kind].window);
	}
}

static void assert_same_site(const struct site *a, const struct site *b)
{
	T_TRUE(gateway_equal(a->identity, b->identity));
	T_BYTES(a->locator, b->locator, 16);
	T_TEXT(a->name, b->name);
	T_TEXT(a->operator, b->operator);
	T_TEXT(a->region, b->region);
	T_EQ(a->model, b->model);
	T_EQ(a->trust, b->trust);
	T_EQ(a->gflops_per_core, b->gflops_per_core);
	T_EQ(a->core_grams, b->core_grams);
	T_EQ(a->start, b->start);
	T_EQ(a->measured, b->measured);
	T_EQ(a->validity, b->validity);
	T_EQ(a->resource_count, b->resource_count);
	for (uint32_t i = 0; i < a->resource_count; i++)
		assert_same_offer(&a->resources[i], &b->resources[i]);
	T_EQ(a->link_count, b->link_count);
	for (uint32_t i = 0; i < a->link_count; i++)
		assert_same_link(&a->links[i], &b->links[i]);
	assert_same_metrics(a->metrics, b->metrics);
}

static void assert_same_service(const struct service_offer *a, const struct service_offer *b)
{
	T_TRUE(gateway_equal(a->site, b->site));
	T_BYTES(a->address, b->address, 16);
	T_TEXT(a->name, b->name);
	T_TEXT(a->version, b->version);
	T_EQ(a->score, b->score);
	T_EQ(a->cpu, b->cpu);
	T_EQ(a->memory, b->memory);
	T_EQ(a->processes, b->processes);
	T_EQ(a->time, b->time);
	T_EQ(a->start, b->start);
	T_EQ(a->running, b->running);
	T_EQ(a->price, b->price);
	T_EQ(a->tariff, b->tariff);
	assert_same_metrics(a->metrics, b->metrics);
}

static void assert_same_header(const struct attribute_header *a, const struct attribute_header *b)
{
	T_EQ(a->content, b->content);
	T_EQ(a->key, b->key);
	T_TRUE(gateway_equal(a->sender, b->sender));
	T_TRUE(a->sequence == b->sequence);
	T_EQ(a->domain_count, b->domain_count);
	for (uint32_t i = 0; i < a->domain_count; i++)
		T_EQ(a->domain[i], b->domain[i]);
}

static struct attribute_header random_header(struct random *random, enum attribute_content content,
                                             struct gateway_identity sender)
{
	struct attribute_header header = {.content = content,
	                                  .key = (uint8_t)(1 + random_below(random, 2)),
	                                  .sender = sender,
	                                  .sequence = random_u64(random),
	                                  .domain_count =
	                                          (uint32_t)random_below(random, ATTRIBUTE_DOMAIN + 1)};

	random_fill(random, header.domain, header.domain_count * sizeof(header.domain[0]));
	return header;
}

static void sites_decode_as_they_were(void **state)
{
	struct random random;
	int fitted = 0;

	random_seed(&random, 61);
	for (int i = 0; i < ROUNDS; i++) {
		struct site site = sample_random_site(&random), decoded;
		struct attribute_header header = random_header(&random, ATTRIBUTE_SITE, site.identity), read;
		struct service_offer service = {.score = 77};
		uint8_t bytes[SAMPLE_BUFFER], prefix[16];
		int size;

		random_fill(&random, prefix, sizeof(prefix));
		size = attribute_encode_site(&header, &site, prefix, (uint8_t)(i % 129),
		                             seal_find(&sample_ring, header.key), bytes, sizeof(bytes));
		if (size == BUSBAR_ERROR_TOO_LARGE)
			continue;
		T_OK(size);
		T_TRUE(size <= ATTRIBUTE_MAXIMUM);
		T_OK(attribute_decode(bytes, (size_t)size, prefix, (uint8_t)(i % 129), &sample_ring, &read,
		                      &decoded, &service));
		assert_same_header(&read, &header);
		assert_same_site(&decoded, &site);
		T_EQ(service.score, 77); /* not what came */
		T_OK(attribute_peek(bytes, (size_t)size, &read));
		assert_same_header(&read, &header);
		fitted++;
	}
	T_TRUE(fitted > ROUNDS / 2);
}

static void services_decode_as_they_were(void **state)
{
	struct random random;

	random_seed(&random, 62);
	for (int i = 0; i < ROUNDS; i++) {
		struct service_offer service = sample_random_service(&random), decoded;
		struct attribute_header header = random_header(&random, ATTRIBUTE_SERVICE, service.site),
		                        read;
		struct site site = {.trust = 77};
		uint8_t bytes[SAMPLE_BUFFER];
		int size =
		        attribute_encode_service(&header, &service, service.address, 128,
		                                 seal_find(&sample_ring, header.key), bytes, sizeof(bytes));

		T_OK(size);
		T_OK(attribute_decode(bytes, (size_t)size, service.address, 128, &sample_ring, &read, &site,
		                      &decoded));
		assert_same_header(&read, &header);
		assert_same_service(&decoded, &service);
		T_EQ(site.trust, 77);
	}
}

static int encode_sample(uint8_t *bytes)
{
	struct attribute_header header = sample_header(ATTRIBUTE_SITE);
	struct site site = sample_site();

	return attribute_encode_site(&header, &site, sample_prefix, SAMPLE_PREFIX, seal_first(&sample_ring),
	                             bytes, SAMPLE_BUFFER);
}

static int decode(const uint8_t *bytes, int size, const uint8_t prefix[16], uint8_t length)
{
	struct attribute_header header = {.key = 77};
	struct service_offer service = {.score = 77};
	struct site site = {.trust = 77};
	int code =
	        attribute_decode(bytes, (size_t)size, prefix, length, &sample_ring, &header, &site, &service);

	if (code < 0)
		T_TRUE(header.key == 77 && site.trust == 77 && service.score == 77);
	return code;
}

/* Every bit of the route it belongs to is sealed with it. */
static void an_attribute_stays_with_its_route(void **state)
{
	uint8_t bytes[SAMPLE_BUFFER];
	int size = encode_sample(bytes);

	T_OK(decode(bytes, size, sample_prefix, SAMPLE_PREFIX));
	for (int bit = 0; bit < 128; bit++) {
		uint8_t prefix[16];

		memcpy(prefix, sample_prefix, 16);
		prefix[bit / 8] ^= (uint8_t)(1u << bit % 8);
		T_ERROR(decode(bytes, size, prefix, SAMPLE_PREFIX), BUSBAR_ERROR_UNSEALED);
	}
	for (unsigned length = 0; length < 256; length++)
		if (length != SAMPLE_PREFIX)
			T_ERROR(decode(bytes, size, sample_prefix, (uint8_t)length), BUSBAR_ERROR_UNSEALED);
}

static void an_attribute_stays_with_its_sender(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int expected;
	} changes[] = {
	        {SITE_AT + 3, 5, BUSBAR_ERROR_UNSEALED},      /* another site */
	        {SITE_AT + 5, 2, BUSBAR_ERROR_UNSEALED},      /* another gateway of it */
	        {SITE_AT + 3, 0, BUSBAR_ERROR_MISSING_FIELD}, /* nobody */
	        {SEQUENCE_AT + 7, 0, BUSBAR_ERROR_UNSEALED},  /* older or newer than it is */
	        {AS_AT + 3, 1, BUSBAR_ERROR_UNSEALED},        /* another domain */
	        {DOMAIN_AT, 1, BUSBAR_ERROR_UNSEALED},        /* a domain of fewer AS */
	        {DOMAIN_AT, ATTRIBUTE_DOMAIN + 1, BUSBAR_ERROR_MALFORMED},
	        {CONTENT_AT, ATTRIBUTE_SERVICE, BUSBAR_ERROR_UNSEALED},
	        {CONTENT_AT, 0, BUSBAR_ERROR_MALFORMED},
	        {CONTENT_AT, 3, BUSBAR_ERROR_MALFORMED},
	        {KEY_AT, 2, BUSBAR_ERROR_UNSEALED},
	        {KEY_AT, 3, BUSBAR_ERROR_UNKNOWN_KEY},
	        {0, 2, BUSBAR_ERROR_VERSION},
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		uint8_t bytes[SAMPLE_BUFFER];
		int size = encode_sample(bytes);

		T_TRUE(bytes[changes[i].at] != changes[i].value);
		bytes[changes[i].at] = changes[i].value;
		T_ERROR(decode(bytes, size, sample_prefix, SAMPLE_PREFIX), changes[i].expected);
	}
}

/* A ring's keys by number, the first of which seals. */
static struct seal_ring ring_of(uint8_t first, uint8_t second)
{
	struct seal_ring ring = {.count = second == 0 ? 1 : 2};
	const uint8_t numbers[] = {first, second};

	for (uint32_t i = 0; i < ring.count; i++) {
		ring.keys[i].identifier = numbers[i];
		memset(ring.keys[i].secret, 100 + numbers[i], SEAL_SECRET);
	}
	T_OK(seal_prepare(&ring));
	return ring;
}

static int open_with(const struct seal_ring *sender, const struct seal_ring *receiver)
{
	struct attribute_header header = sample_header(ATTRIBUTE_SERVICE), decoded;
	struct service_offer service = sample_service();
	uint8_t bytes[SAMPLE_BUFFER];
	struct site site;
	int size = attribute_encode_service(&header, &service, sample_prefix, SAMPLE_PREFIX,
	                                    seal_first(sender), bytes, sizeof(bytes));

	T_OK(size);
	T_EQ(bytes[KEY_AT], sender->keys[0].identifier);
	return attribute_decode(bytes, (size_t)size, sample_prefix, SAMPLE_PREFIX, receiver, &decoded, &site,
	                        &service);
}

/* Behind the present key, before it, alone: gateways may be one step apart. */
static void keys_change_without_a_gap(void **state)
{
	const struct seal_ring steps[] = {ring_of(5, 0), ring_of(5, 6), ring_of(6, 5), ring_of(6, 0)};
	struct seal_ring forged = ring_of(6, 0);

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		T_OK(open_with(&steps[i], &steps[i]));
		if (i + 1 == ARRAY_SIZE(steps))
			break;
		T_OK(open_with(&steps[i], &steps[i + 1]));
		T_OK(open_with(&steps[i + 1], &steps[i]));
	}
	T_ERROR(open_with(&steps[0], &steps[3]), BUSBAR_ERROR_UNKNOWN_KEY);
	T_ERROR(open_with(&steps[3], &steps[0]), BUSBAR_ERROR_UNKNOWN_KEY);
	forged.keys[0].secret[0] ^= 1;
	T_ERROR(open_with(&forged, &steps[2]), BUSBAR_ERROR_UNSEALED);
}

static void prices_and_names_do_not_show(void **state)
{
	uint8_t first[SAMPLE_BUFFER], second[SAMPLE_BUFFER];
	struct attribute_header header = sample_header(ATTRIBUTE_SITE);
	struct site site = sample_site();
	int size = encode_sample(first);

	T_TRUE(memmem(first, (size_t)size, "dc-1", 4) == NULL);
	T_TRUE(memmem(first, (size_t)size, "demo", 4) == NULL);
	header.sequence++;
	T_EQ(attribute_encode_site(&header, &site, sample_prefix, SAMPLE_PREFIX, seal_first(&sample_ring),
	                           second, sizeof(second)),
	     size);
	T_TRUE(memcmp(first + AS_AT + 8, second + AS_AT + 8, 16) != 0);
}

static void the_largest_fit_or_are_too_large(void **state)
{
	struct attribute_header header = sample_header(ATTRIBUTE_SITE);
	struct site site = sample_site();
	uint8_t bytes[SAMPLE_BUFFER];

	/* Every kind of resource, all links with numbers as they are. */
	for (uint32_t i = 0; i < RESOURCE_KINDS; i++) {
		site.resources[i] = site.resources[0];
		site.resources[i].kind = (enum resource_kind)i;
	}
	for (uint32_t i = 1; i < SITE_LINKS; i++)
		site.links[i] = site.links[0];
	site.resource_count = RESOURCE_KINDS;
	site.link_count = SITE_LINKS;
	header.domain_count = ATTRIBUTE_DOMAIN;
	T_OK(attribute_encode_site(&header, &site, sample_prefix, 48, &sample_ring.keys[0], bytes,
	                           sizeof(bytes)));
	for (uint32_t i = 0; i < SITE_LINKS; i++) {
		site.links[i].delay = site.links[i].jitter = site.links[i].ceilings[0] =
		        site.links[i].ceilings[1] = INT64_MAX;
		site.links[i].base = site.links[i].tariff = INT64_MAX;
		site.links[i].capacity = site.links[i].free = INT64_MAX;
		site.links[i].steepness = UINT32_MAX;
	}
	memset(site.operator, 'o', SITE_TEXT - 1);
	memset(site.region, 'r', SITE_TEXT - 1);
	for (uint32_t i = 0; i < RESOURCE_KINDS; i++)
		site.resources[i] = (struct resource_offer){
		        (enum resource_kind)i, INT64_MAX, INT64_MAX, INT64_MAX, UINT32_MAX, INT64_MAX};
	T_ERROR(attribute_encode_site(&header, &site, sample_prefix, 48, &sample_ring.keys[0], bytes,
	                              sizeof(bytes)),
	        BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(decode(bytes, ATTRIBUTE_MAXIMUM + 1, sample_prefix, 48), BUSBAR_ERROR_TOO_LARGE);
}

/* All kinds, all links, the longest names, and figures beyond what anyone has. */
static void what_any_site_has_fits(void **state)
{
	struct attribute_header header = sample_header(ATTRIBUTE_SITE);
	struct site site = sample_site();
	uint8_t bytes[SAMPLE_BUFFER];

	site.resource_count = RESOURCE_KINDS;
	site.link_count = SITE_LINKS;
	header.domain_count = ATTRIBUTE_DOMAIN;
	memset(site.name, 'n', GATEWAY_NAME - 1);
	memset(site.operator, 'o', SITE_TEXT - 1);
	memset(site.region, 'r', SITE_TEXT - 1);
	for (uint32_t i = 0; i < RESOURCE_KINDS; i++)
		site.resources[i] =
		        (struct resource_offer){(enum resource_kind)i, INT64_MAX,  INT64_MAX,
		                                1000 * MONEY_UNIT,     1000000000, 1000 * MONEY_UNIT};
	for (uint32_t i = 0; i < SITE_LINKS; i++)
		site.links[i] = (struct link_offer){.toward = {UINT32_MAX, UINT16_MAX},
		                                    .delay = 60 * CLOCK_SECOND,
		                                    .least = 60 * CLOCK_SECOND,
		                                    .jitter = 60 * CLOCK_SECOND,
		                                    .ceilings = {60 * CLOCK_SECOND, 60 * CLOCK_SECOND},
		                                    .loss = 1000000,
		                                    .capacity = 100000000000000,
		                                    .free = 100000000000000,
		                                    .base = 1000 * MONEY_UNIT,
		                                    .steepness = 1000000000,
		                                    .tariff = 1000 * MONEY_UNIT};
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		site.metrics[kind] = (struct metric){
		        .score = 10, .source = METRIC_SOURCES, .statistic = 1, .window = METRIC_WINDOW_MOST};
	T_OK(attribute_encode_site(&header, &site, sample_prefix, 48, &sample_ring.keys[0], bytes,
	                           sizeof(bytes)));
}

static void little_room_is_too_large(void **state)
{
	struct attribute_header header = sample_header(ATTRIBUTE_SITE);
	struct site site = sample_site();
	uint8_t bytes[SAMPLE_BUFFER];
	int size = encode_sample(bytes);

	T_OK(size);
	for (size_t room = 0; room < (size_t)size; room++)
		T_ERROR(attribute_encode_site(&header, &site, sample_prefix, 48, &sample_ring.keys[0], bytes,
		                              room),
		        BUSBAR_ERROR_TOO_LARGE);
}

static int encode_site(const struct site *site, uint8_t bytes[SAMPLE_BUFFER])
{
	return attribute_encode_site_values(site, bytes, SAMPLE_BUFFER);
}

static int encode_values(const struct site *site)
{
	uint8_t bytes[SAMPLE_BUFFER];

	return attribute_encode_site_values(site, bytes, sizeof(bytes));
}

static void what_no_reader_takes_is_not_written(void **state)
{
	struct attribute_header header = sample_header(ATTRIBUTE_SERVICE);
	struct service_offer service = sample_service();
	struct site site = sample_site();
	uint8_t bytes[SAMPLE_BUFFER];

	T_ERROR(attribute_encode_site(&header, &site, sample_prefix, 48, &sample_ring.keys[0], bytes, 3000),
	        BUSBAR_ERROR_BAD_VALUE);
	header.sender.site = 0;
	T_ERROR(attribute_encode_service(&header, &service, sample_prefix, 48, &sample_ring.keys[0], bytes,
	                                 3000),
	        BUSBAR_ERROR_MISSING_FIELD);
	service.name[0] = '\0';
	T_ERROR(attribute_encode_service_values(&service, bytes, 3000), BUSBAR_ERROR_MISSING_FIELD);
	site.resources[0].free = site.resources[0].capacity + 1;
	T_ERROR(encode_values(&site), BUSBAR_ERROR_BAD_VALUE);
	site = sample_site();
	site.links[0].steepness = 999;
	T_ERROR(encode_values(&site), BUSBAR_ERROR_BAD_VALUE);
	site = sample_site();
	site.links[0].loss = 1000001;
	T_ERROR(encode_values(&site), BUSBAR_ERROR_BAD_VALUE);
	site = sample_site();
	site.resources[1].kind = site.resources[0].kind;
	T_ERROR(encode_values(&site), BUSBAR_ERROR_BAD_VALUE);
	site = sample_site();
	site.link_count = SITE_LINKS + 1;
	T_ERROR(encode_values(&site), BUSBAR_ERROR_TOO_LARGE);
	site = sample_site();
	site.resource_count = RESOURCE_KINDS + 1;
	T_ERROR(encode_values(&site), BUSBAR_ERROR_TOO_LARGE);
	site = sample_site();
	site.region[0] = '\x01';
	T_ERROR(encode_values(&site), BUSBAR_ERROR_BAD_VALUE);
	site = sample_site();
	site.links[0].delay = -1;
	T_ERROR(encode_values(&site), BUSBAR_ERROR_AMOUNT_OVERFLOW);
}

/* Octets of a service's TLVs with one more, unknown to this version, at the end. */
static void unknown_values_are_skipped(void **state)
{
	struct service_offer service = sample_service(), decoded;
	uint8_t bytes[SAMPLE_BUFFER];
	int size = attribute_encode_service_values(&service, bytes, sizeof(bytes));

	T_OK(size);
	memcpy(bytes + size, "\xc8\x00\x03new", 6);
	T_OK(attribute_decode_service_values(bytes, (size_t)size + 6, &decoded));
	decoded.site = service.site;
	assert_same_service(&decoded, &service);
	T_ERROR(attribute_decode_service_values(bytes, (size_t)size + 5, &decoded), BUSBAR_ERROR_TRUNCATED);
}

/* Where the TLVs of a type begin: the first of them, or the end. */
static size_t find_values(const uint8_t *bytes, size_t size, uint8_t type)
{
	size_t at = 0;

	while (at < size && bytes[at] < type)
		at += 3 + (size_t)(bytes[at + 1] << 8 | bytes[at + 2]);
	return at;
}

enum { SITE_METRIC_TYPE = 9, SERVICE_METRIC_TYPE = 7, METRIC_SIZE = 3 + 6 };

/* Metrics under a type that the reader does not know: everything else arrives. */
static void a_reader_that_knows_no_metrics_reads_the_rest(void **state)
{
	struct service_offer service = sample_service(), decoded;
	struct site site = sample_site(), decoded_site;
	uint8_t bytes[SAMPLE_BUFFER];
	size_t size = (size_t)encode_site(&site, bytes), at = find_values(bytes, size, SITE_METRIC_TYPE);

	T_EQ(size - at, 2 * METRIC_SIZE);
	bytes[at] = bytes[at + METRIC_SIZE] = 200;
	T_OK(attribute_decode_site_values(bytes, size, &decoded_site));
	memset(site.metrics, 0, sizeof(site.metrics));
	decoded_site.identity = decoded_site.links[0].from = site.identity;
	assert_same_site(&decoded_site, &site);
	size = (size_t)attribute_encode_service_values(&service, bytes, sizeof(bytes));
	at = find_values(bytes, size, SERVICE_METRIC_TYPE);
	T_EQ(size - at, 2 * METRIC_SIZE);
	bytes[at] = bytes[at + METRIC_SIZE] = 200;
	T_OK(attribute_decode_service_values(bytes, size, &decoded));
	memset(service.metrics, 0, sizeof(service.metrics));
	decoded.site = service.site;
	assert_same_service(&decoded, &service);
}

/* Octets of a metric: kind, score, source, statistic, window. */
static void a_metric_is_checked_or_unknown(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int expected;
	} changes[] = {
	        {3, METRIC_KINDS, 0}, /* a kind of a later version */
	        {3, 255, 0},
	        {3, METRIC_NORM, BUSBAR_ERROR_MALFORMED}, /* twice, and not the service's score */
	        {4, 11, BUSBAR_ERROR_MALFORMED},
	        {5, 0, BUSBAR_ERROR_MALFORMED},
	        {5, METRIC_SOURCES + 1, BUSBAR_ERROR_MALFORMED},
	        {6, METRIC_STATISTICS, BUSBAR_ERROR_MALFORMED},
	        {7, 0x80, BUSBAR_ERROR_MALFORMED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct service_offer service = sample_service(), decoded;
		uint8_t bytes[SAMPLE_BUFFER];
		int size = attribute_encode_service_values(&service, bytes, sizeof(bytes));
		size_t at = find_values(bytes, (size_t)size, SERVICE_METRIC_TYPE);

		T_EQ(bytes[at + 3], METRIC_SERVICE);
		bytes[at + changes[i].at] = changes[i].value;
		T_ERROR(attribute_decode_service_values(bytes, (size_t)size, &decoded), changes[i].expected);
		if (changes[i].expected != 0)
			continue;
		T_EQ(decoded.metrics[METRIC_SERVICE].source, 0);
		T_EQ(decoded.metrics[METRIC_NORM].score, 7);
	}
}

static void a_score_is_told_once(void **state)
{
	struct service_offer service = sample_service();
	uint8_t bytes[SAMPLE_BUFFER];
	int size = attribute_encode_service_values(&service, bytes, sizeof(bytes));

	service.score = 6;
	T_ERROR(attribute_encode_service_values(&service, bytes, sizeof(bytes)), BUSBAR_ERROR_BAD_VALUE);
	service = sample_service();
	T_EQ(attribute_encode_service_values(&service, bytes, sizeof(bytes)), size);
	bytes[find_values(bytes, (size_t)size, 5) + 3] = 6;
	T_ERROR(attribute_decode_service_values(bytes, (size_t)size, &service), BUSBAR_ERROR_MALFORMED);
}

static void values_are_checked_when_they_are_read(void **state)
{
	struct site site = sample_site(), decoded = {.trust = 77};
	uint8_t bytes[SAMPLE_BUFFER];
	int size = encode_values(&site);

	T_EQ(attribute_encode_site_values(&site, bytes, sizeof(bytes)), size);
	T_OK(attribute_decode_site_values(bytes, (size_t)size, &decoded));
	decoded.trust = 77;
	/* Without its first field, and that field twice. */
	T_ERROR(attribute_decode_site_values(bytes + 19, (size_t)size - 19, &decoded),
	        BUSBAR_ERROR_MISSING_FIELD);
	memmove(bytes + 19, bytes, (size_t)size);
	T_ERROR(attribute_decode_site_values(bytes, (size_t)size + 19, &decoded), BUSBAR_ERROR_MALFORMED);
	T_ERROR(attribute_decode_site_values(bytes, 0, &decoded), BUSBAR_ERROR_MISSING_FIELD);
	T_EQ(decoded.trust, 77);
	T_EQ(bytes[19 + 19], 2); /* the name: type, length, text */
	bytes[19 + 19 + 4] = '\n';
	T_ERROR(attribute_decode_site_values(bytes + 19, (size_t)size, &decoded), BUSBAR_ERROR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(sites_decode_as_they_were),
	        cmocka_unit_test(services_decode_as_they_were),
	        cmocka_unit_test(an_attribute_stays_with_its_route),
	        cmocka_unit_test(an_attribute_stays_with_its_sender),
	        cmocka_unit_test(keys_change_without_a_gap),
	        cmocka_unit_test(prices_and_names_do_not_show),
	        cmocka_unit_test(the_largest_fit_or_are_too_large),
	        cmocka_unit_test(what_any_site_has_fits),
	        cmocka_unit_test(little_room_is_too_large),
	        cmocka_unit_test(what_no_reader_takes_is_not_written),
	        cmocka_unit_test(unknown_values_are_skipped),
	        cmocka_unit_test(a_reader_that_knows_no_metrics_reads_the_rest),
	        cmocka_unit_test(a_metric_is_checked_or_unknown),
	        cmocka_unit_test(a_score_is_told_once),
	        cmocka_unit_test(values_are_checked_when_they_are_read),
	};

	return T_RUN(tests);
}
