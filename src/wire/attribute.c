/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/attribute.h"

#include "base/cursor.h"
#include "base/error.h"
#include "wire/field.h"
#include <string.h>

/* Types of the sealed TLVs; unknown ones are skipped (R8). */
enum {
	SITE_LOCATOR = 1,
	SITE_NAME,
	SITE_OPERATOR,
	SITE_REGION,
	SITE_SUPPLY, /* model, trust, calibration, carbon, start-up */
	SITE_TIME,   /* measured, validity */
	SITE_RESOURCE,
	SITE_LINK,
	SITE_METRIC,
	SERVICE_ADDRESS = 1,
	SERVICE_TITLE, /* name, version */
	SERVICE_NEED,  /* cpu, memory, processes */
	SERVICE_DELAY, /* time, start */
	SERVICE_STATE, /* score, running */
	SERVICE_PRICE,
	SERVICE_METRIC,
};
enum { STEEPNESS_LEAST = 1000, LOSS_MOST = 1000000, SCORE_BOUND = METRIC_BEST + 1, TRUST_BOUND = 11 };

static int64_t number(struct cursor *cursor)
{
	return (int64_t)field_number(cursor, INT64_MAX);
}

static void put_number(struct writer *writer, int64_t value)
{
	field_put_number(writer, (uint64_t)value);
}

static uint32_t one(const void *object)
{
	return 1;
}

static void put_locator(struct writer *writer, const void *object, uint32_t index)
{
	writer_bytes(writer, ((const struct site *)object)->locator, 16);
}

static void get_locator(struct cursor *cursor, void *object, void *context)
{
	cursor_copy(cursor, ((struct site *)object)->locator, 16);
}

static void put_site_name(struct writer *writer, const void *object, uint32_t index)
{
	field_put_text(writer, ((const struct site *)object)->name);
}

static void get_site_name(struct cursor *cursor, void *object, void *context)
{
	struct site *site = object;

	cursor_text(cursor, site->name, sizeof(site->name));
}

static void put_operator(struct writer *writer, const void *object, uint32_t index)
{
	field_put_text(writer, ((const struct site *)object)->operator);
}

static void get_operator(struct cursor *cursor, void *object, void *context)
{
	struct site *site = object;

	cursor_text(cursor, site->operator, sizeof(site->operator));
}

static void put_region(struct writer *writer, const void *object, uint32_t index)
{
	field_put_text(writer, ((const struct site *)object)->region);
}

static void get_region(struct cursor *cursor, void *object, void *context)
{
	struct site *site = object;

	cursor_text(cursor, site->region, sizeof(site->region));
}

static void put_supply(struct writer *writer, const void *object, uint32_t index)
{
	const struct site *site = object;

	field_put_choice(writer, site->model, SUPPLY_MODELS);
	field_put_choice(writer, site->trust, TRUST_BOUND);
	field_put_number(writer, site->gflops_per_core);
	field_put_number(writer, site->core_grams);
	put_number(writer, site->start);
}

static void get_supply(struct cursor *cursor, void *object, void *context)
{
	struct site *site = object;

	site->model = (enum supply_model)field_choice(cursor, SUPPLY_MODELS);
	site->trust = field_choice(cursor, TRUST_BOUND);
	site->gflops_per_core = field_number(cursor, INT64_MAX);
	site->core_grams = field_number(cursor, INT64_MAX);
	site->start = number(cursor);
}

static void put_time(struct writer *writer, const void *object, uint32_t index)
{
	const struct site *site = object;

	put_number(writer, site->measured);
	put_number(writer, site->validity);
}

static void get_time(struct cursor *cursor, void *object, void *context)
{
	struct site *site = object;

	site->measured = number(cursor);
	site->validity = number(cursor);
}

/* What holds for offers of both kinds; what does not is refused by writer and reader alike. */
static bool offer_is_sound(uint64_t capacity, uint64_t available, uint32_t steepness)
{
	return available <= capacity && steepness >= STEEPNESS_LEAST;
}

static uint32_t resource_count(const void *object)
{
	return ((const struct site *)object)->resource_count;
}

static void put_resource(struct writer *writer, const void *object, uint32_t index)
{
	const struct resource_offer *offer = &((const struct site *)object)->resources[index];

	if (!offer_is_sound(offer->capacity, offer->free, offer->steepness) ||
	    site_resource(object, offer->kind) != offer)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	field_put_choice(writer, offer->kind, RESOURCE_KINDS);
	field_put_number(writer, offer->capacity);
	field_put_number(writer, offer->free);
	put_number(writer, offer->base);
	field_put_number(writer, offer->steepness);
	put_number(writer, offer->tariff);
}

static void get_resource(struct cursor *cursor, void *object, void *context)
{
	struct site *site = object;
	struct resource_offer offer = {.kind = (enum resource_kind)field_choice(cursor, RESOURCE_KINDS)};

	offer.capacity = field_number(cursor, INT64_MAX);
	offer.free = field_number(cursor, INT64_MAX);
	offer.base = number(cursor);
	offer.steepness = (uint32_t)field_number(cursor, UINT32_MAX);
	offer.tariff = number(cursor);
	if (!offer_is_sound(offer.capacity, offer.free, offer.steepness) ||
	    site_resource(site, offer.kind) != NULL || site->resource_count == RESOURCE_KINDS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	else
		site->resources[site->resource_count++] = offer;
}

static uint32_t link_count(const void *object)
{
	return ((const struct site *)object)->link_count;
}

static void put_link(struct writer *writer, const void *object, uint32_t index)
{
	const struct link_offer *link = &((const struct site *)object)->links[index];

	if (!offer_is_sound(link->capacity, link->free, link->steepness) || link->loss > LOSS_MOST)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	field_put_somebody(writer, link->toward);
	put_number(writer, link->delay);
	put_number(writer, link->least);
	put_number(writer, link->jitter);
	for (uint32_t i = 0; i < LINK_CLASSES; i++)
		put_number(writer, link->ceilings[i]);
	field_put_number(writer, link->loss);
	field_put_number(writer, link->capacity);
	field_put_number(writer, link->free);
	put_number(writer, link->base);
	field_put_number(writer, link->steepness);
	put_number(writer, link->tariff);
}

static void get_link(struct cursor *cursor, void *object, void *context)
{
	struct site *site = object;
	struct link_offer link = {.toward = field_somebody(cursor)};

	link.delay = number(cursor);
	link.least = number(cursor);
	link.jitter = number(cursor);
	for (uint32_t i = 0; i < LINK_CLASSES; i++)
		link.ceilings[i] = number(cursor);
	link.loss = (uint32_t)field_number(cursor, LOSS_MOST);
	link.capacity = field_number(cursor, INT64_MAX);
	link.free = field_number(cursor, INT64_MAX);
	link.base = number(cursor);
	link.steepness = (uint32_t)field_number(cursor, UINT32_MAX);
	link.tariff = number(cursor);
	if (!offer_is_sound(link.capacity, link.free, link.steepness) || site->link_count == SITE_LINKS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	else
		site->links[site->link_count++] = link;
}

static uint32_t metric_count(const struct metric metrics[METRIC_KINDS])
{
	uint32_t count = 0;

	for (int kind = 0; kind < METRIC_KINDS; kind++)
		count += metrics[kind].source != 0;
	return count;
}

/* The metric that is present and has so many before it. */
static void put_metric(struct writer *writer, const struct metric metrics[METRIC_KINDS], uint32_t index)
{
	int kind = 0;

	while (metrics[kind].source == 0 || index-- > 0)
		kind++;
	if (metrics[kind].score > METRIC_BEST)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, (uint8_t)kind);
	writer_u8(writer, (uint8_t)metrics[kind].score);
	writer_u8(writer, (uint8_t)metrics[kind].source);
	field_put_choice(writer, metrics[kind].statistic, METRIC_STATISTICS);
	field_put_number(writer, metrics[kind].window);
}

/* Metrics of kinds that a later version has are none to this one (R8). */
static void get_metric(struct cursor *cursor, struct metric metrics[METRIC_KINDS])
{
	uint8_t kind = cursor_u8(cursor);
	struct metric metric = {0};

	if (kind >= METRIC_KINDS) {
		(void)cursor_bytes(cursor, cursor_left(cursor));
		return;
	}
	metric.score = field_choice(cursor, SCORE_BOUND) & 0xf;
	metric.source = field_flags(cursor, METRIC_SOURCES) & METRIC_SOURCES;
	metric.statistic = field_choice(cursor, METRIC_STATISTICS) & 0x7;
	metric.window = (uint32_t)field_number(cursor, METRIC_WINDOW_MOST) & METRIC_WINDOW_MOST;
	if (metric.source == 0 || metrics[kind].source != 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	else
		metrics[kind] = metric;
}

static uint32_t site_metric_count(const void *object)
{
	return metric_count(((const struct site *)object)->metrics);
}

static void put_site_metric(struct writer *writer, const void *object, uint32_t index)
{
	put_metric(writer, ((const struct site *)object)->metrics, index);
}

static void get_site_metric(struct cursor *cursor, void *object, void *context)
{
	get_metric(cursor, ((struct site *)object)->metrics);
}

static const struct field_row site_rows[] = {
        {SITE_LOCATOR, false, true, one, put_locator, get_locator},
        {SITE_NAME, false, true, one, put_site_name, get_site_name},
        {SITE_OPERATOR, false, false, one, put_operator, get_operator},
        {SITE_REGION, false, false, one, put_region, get_region},
        {SITE_SUPPLY, false, true, one, put_supply, get_supply},
        {SITE_TIME, false, true, one, put_time, get_time},
        {SITE_RESOURCE, true, false, resource_count, put_resource, get_resource},
        {SITE_LINK, true, false, link_count, put_link, get_link},
        {SITE_METRIC, true, false, site_metric_count, put_site_metric, get_site_metric},
};

static void put_address(struct writer *writer, const void *object, uint32_t index)
{
	writer_bytes(writer, ((const struct service_offer *)object)->address, 16);
}

static void get_address(struct cursor *cursor, void *object, void *context)
{
	cursor_copy(cursor, ((struct service_offer *)object)->address, 16);
}

static void put_title(struct writer *writer, const void *object, uint32_t index)
{
	const struct service_offer *service = object;

	if (service->name[0] == '\0')
		field_fail(writer, BUSBAR_ERROR_MISSING_FIELD);
	field_put_text(writer, service->name);
	field_put_text(writer, service->version);
}

static void get_title(struct cursor *cursor, void *object, void *context)
{
	struct service_offer *service = object;

	cursor_text(cursor, service->name, sizeof(service->name));
	cursor_text(cursor, service->version, sizeof(service->version));
	if (cursor->error == 0 && service->name[0] == '\0')
		cursor_fail(cursor, BUSBAR_ERROR_MISSING_FIELD);
}

static void put_need(struct writer *writer, const void *object, uint32_t index)
{
	const struct service_offer *service = object;

	field_put_number(writer, service->cpu);
	field_put_number(writer, service->memory);
	field_put_number(writer, service->processes);
}

static void get_need(struct cursor *cursor, void *object, void *context)
{
	struct service_offer *service = object;

	service->cpu = field_number(cursor, INT64_MAX);
	service->memory = field_number(cursor, INT64_MAX);
	service->processes = (uint32_t)field_number(cursor, UINT32_MAX);
}

static void put_delay(struct writer *writer, const void *object, uint32_t index)
{
	const struct service_offer *service = object;

	put_number(writer, service->time);
	put_number(writer, service->start);
}

static void get_delay(struct cursor *cursor, void *object, void *context)
{
	struct service_offer *service = object;

	service->time = number(cursor);
	service->start = number(cursor);
}

static void put_state(struct writer *writer, const void *object, uint32_t index)
{
	const struct service_offer *service = object;

	field_put_choice(writer, service->score, SCORE_BOUND);
	field_put_number(writer, service->running);
}

static void get_state(struct cursor *cursor, void *object, void *context)
{
	struct service_offer *service = object;

	service->score = field_choice(cursor, SCORE_BOUND);
	service->running = (uint32_t)field_number(cursor, UINT32_MAX);
}

static void put_price(struct writer *writer, const void *object, uint32_t index)
{
	const struct service_offer *service = object;

	put_number(writer, service->price);
	put_number(writer, service->tariff);
}

static void get_price(struct cursor *cursor, void *object, void *context)
{
	struct service_offer *service = object;

	service->price = number(cursor);
	service->tariff = number(cursor);
}

static uint32_t service_metric_count(const void *object)
{
	return metric_count(((const struct service_offer *)object)->metrics);
}

/* A score that is told twice is the same. */
static bool scores_agree(const struct service_offer *service)
{
	const struct metric *norm = &service->metrics[METRIC_NORM];

	return norm->source == 0 || norm->score == service->score;
}

static void put_service_metric(struct writer *writer, const void *object, uint32_t index)
{
	const struct service_offer *service = object;

	if (!scores_agree(service))
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	put_metric(writer, service->metrics, index);
}

static void get_service_metric(struct cursor *cursor, void *object, void *context)
{
	struct service_offer *service = object;

	get_metric(cursor, service->metrics);
	if (cursor->error == 0 && !scores_agree(service))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

static const struct field_row service_rows[] = {
        {SERVICE_ADDRESS, false, true, one, put_address, get_address},
        {SERVICE_TITLE, false, true, one, put_title, get_title},
        {SERVICE_NEED, false, true, one, put_need, get_need},
        {SERVICE_DELAY, false, true, one, put_delay, get_delay},
        {SERVICE_STATE, false, false, one, put_state, get_state},
        {SERVICE_PRICE, false, true, one, put_price, get_price},
        {SERVICE_METRIC, true, false, service_metric_count, put_service_metric, get_service_metric},
};

static int write_values(const struct field_row *rows, size_t count, const void *object, uint8_t *buffer,
                        size_t capacity)
{
	struct writer writer = writer_open(buffer, capacity);
	const struct field_set set = {.rows = rows, .row_count = count, .object = (void *)(uintptr_t)object};

	field_write(&writer, &set, 1);
	return field_finish(&writer);
}

static int read_values(const struct field_row *rows, size_t count, void *object, const uint8_t *bytes,
                       size_t size)
{
	struct cursor cursor = cursor_open(bytes, size);
	const struct field_set set = {.rows = rows, .row_count = count, .object = object};

	field_read(&cursor, &set, 1, 0, NULL);
	return cursor_finish(&cursor);
}

int attribute_encode_site_values(const struct site *site, uint8_t *buffer, size_t capacity)
{
	if (site->resource_count > RESOURCE_KINDS || site->link_count > SITE_LINKS)
		return BUSBAR_ERROR_TOO_LARGE;
	return write_values(site_rows, ARRAY_SIZE(site_rows), site, buffer, capacity);
}

int attribute_decode_site_values(const uint8_t *bytes, size_t size, struct site *ret_site)
{
	struct site site = {.model = SUPPLY_TRANSIT};
	int code = read_values(site_rows, ARRAY_SIZE(site_rows), &site, bytes, size);

	if (code < 0)
		return code;
	*ret_site = site;
	return 0;
}

int attribute_encode_service_values(const struct service_offer *service, uint8_t *buffer, size_t capacity)
{
	return write_values(service_rows, ARRAY_SIZE(service_rows), service, buffer, capacity);
}

int attribute_decode_service_values(const uint8_t *bytes, size_t size, struct service_offer *ret_service)
{
	struct service_offer service = {.score = 0};
	int code = read_values(service_rows, ARRAY_SIZE(service_rows), &service, bytes, size);

	if (code < 0)
		return code;
	*ret_service = service;
	return 0;
}

static void put_header(struct writer *writer, const struct attribute_header *header,
                       enum attribute_content content, uint8_t key)
{
	if (header->content != content)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, ATTRIBUTE_VERSION);
	writer_u8(writer, (uint8_t)header->content);
	writer_u8(writer, key);
	field_put_choice(writer, header->domain_count, ATTRIBUTE_DOMAIN + 1);
	field_put_somebody(writer, header->sender);
	writer_u64(writer, header->sequence);
	for (uint32_t i = 0; i < MINIMUM(header->domain_count, (uint32_t)ATTRIBUTE_DOMAIN); i++)
		writer_u32(writer, header->domain[i]);
}

static int get_header(struct cursor *cursor, struct attribute_header *header)
{
	uint8_t version = cursor_u8(cursor), content = cursor_u8(cursor);

	header->key = cursor_u8(cursor);
	header->domain_count = field_choice(cursor, ATTRIBUTE_DOMAIN + 1);
	header->sender = field_somebody(cursor);
	header->sequence = cursor_u64(cursor);
	for (uint32_t i = 0; i < header->domain_count; i++)
		header->domain[i] = cursor_u32(cursor);
	if (cursor->error != 0)
		return cursor->error;
	if (version != ATTRIBUTE_VERSION)
		return BUSBAR_ERROR_VERSION;
	if (content != ATTRIBUTE_SITE && content != ATTRIBUTE_SERVICE)
		return BUSBAR_ERROR_MALFORMED;
	header->content = (enum attribute_content)content;
	return 0;
}

enum { CLEAR_MAXIMUM = 128, PREFIX_OCTETS = 17 };

/* What is authenticated in clear: the header, then the route it belongs to. */
static size_t put_clear(uint8_t clear[CLEAR_MAXIMUM], const uint8_t *header, size_t size,
                        const uint8_t prefix[16], uint8_t prefix_length)
{
	memcpy(clear, header, size);
	memcpy(clear + size, prefix, 16);
	clear[size + 16] = prefix_length;
	return size + PREFIX_OCTETS;
}

/* Seals `values` octets that stand behind the header. */
static int seal_values(struct writer *writer, const struct attribute_header *header, const uint8_t prefix[16],
                       uint8_t prefix_length, const struct seal_key *key, size_t clear_size, int values)
{
	uint8_t clear[CLEAR_MAXIMUM];
	size_t size;
	int code;

	if (values < 0)
		return values;
	(void)writer_reserve(writer, (size_t)values + SEAL_TAG);
	if (writer->error != 0)
		return writer->error;
	size = put_clear(clear, writer->start, clear_size, prefix, prefix_length);
	code = seal_close(key, header->sender, header->sequence, clear, size, writer->start + clear_size,
	                  (size_t)values);
	return code < 0 ? code : field_finish(writer);
}

int attribute_encode_site(const struct attribute_header *header, const struct site *site,
                          const uint8_t prefix[16], uint8_t prefix_length, const struct seal_key *key,
                          uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, MINIMUM(capacity, (size_t)ATTRIBUTE_MAXIMUM));
	size_t clear;

	put_header(&writer, header, ATTRIBUTE_SITE, key->identifier);
	if (writer.error != 0)
		return writer.error;
	clear = writer_size(&writer);
	return seal_values(&writer, header, prefix, prefix_length, key, clear,
	                   attribute_encode_site_values(site, writer.next,
	                                                (size_t)(writer.end - writer.next)));
}

int attribute_encode_service(const struct attribute_header *header, const struct service_offer *service,
                             const uint8_t prefix[16], uint8_t prefix_length, const struct seal_key *key,
                             uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, MINIMUM(capacity, (size_t)ATTRIBUTE_MAXIMUM));
	size_t clear;

	put_header(&writer, header, ATTRIBUTE_SERVICE, key->identifier);
	if (writer.error != 0)
		return writer.error;
	clear = writer_size(&writer);
	return seal_values(&writer, header, prefix, prefix_length, key, clear,
	                   attribute_encode_service_values(service, writer.next,
	                                                   (size_t)(writer.end - writer.next)));
}

int attribute_peek(const uint8_t *bytes, size_t size, struct attribute_header *ret_header)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct attribute_header header = {.key = 0};
	int code = get_header(&cursor, &header);

	if (code < 0)
		return code;
	*ret_header = header;
	return 0;
}

int attribute_decode(const uint8_t *bytes, size_t size, const uint8_t prefix[16], uint8_t prefix_length,
                     const struct seal_ring *ring, struct attribute_header *ret_header, struct site *ret_site,
                     struct service_offer *ret_service)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct attribute_header header = {.key = 0};
	uint8_t values[ATTRIBUTE_MAXIMUM], clear[CLEAR_MAXIMUM];
	const struct seal_key *key;
	size_t clear_size, left;
	int code = size > ATTRIBUTE_MAXIMUM ? BUSBAR_ERROR_TOO_LARGE : get_header(&cursor, &header);

	if (code < 0)
		return code;
	left = cursor_left(&cursor);
	if (left < SEAL_TAG)
		return BUSBAR_ERROR_TRUNCATED;
	key = seal_find(ring, header.key);
	if (key == NULL)
		return BUSBAR_ERROR_UNKNOWN_KEY;
	clear_size = put_clear(clear, bytes, size - left, prefix, prefix_length);
	memcpy(values, cursor.next, left);
	code = seal_open(key, header.sender, header.sequence, clear, clear_size, values, left - SEAL_TAG);
	if (code < 0)
		return code;
	if (header.content == ATTRIBUTE_SITE) {
		code = attribute_decode_site_values(values, left - SEAL_TAG, ret_site);
		if (code == 0)
			ret_site->identity = header.sender;
		for (uint32_t i = 0; code == 0 && i < ret_site->link_count; i++)
			ret_site->links[i].from = header.sender;
	} else {
		code = attribute_decode_service_values(values, left - SEAL_TAG, ret_service);
		if (code == 0)
			ret_service->site = header.sender;
	}
	if (code < 0)
		return code;
	*ret_header = header;
	return 0;
}
