/* SPDX-License-Identifier: Apache-2.0 */
/* Resident services, and the allowances under which they are called. */
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/gateway_internal.h"
#include <errno.h>

#define TAG "gateway"

_Static_assert((int)RESIDENT_INSTANCES == (int)FRONT_INSTANCES, "the front door takes every instance");

/* What instances claim of the book, they claim for good. */
#define FOR_GOOD (INT64_MAX / 4)

static void on_ready(void *context, uint32_t instance, int descriptor)
{
	struct gateway_resident *room = context;
	struct gateway *gateway = room->gateway;

	front_add_instance(gateway->front, (uint32_t)(room - gateway->resident_rooms), instance, descriptor);
}

/* The instances' cores and memory are no one else's. */
static int claim(struct gateway *gateway, const struct owner_service *service, uint64_t instances)
{
	struct identifier program = identifier_make(clock_wall(&gateway->clock), &gateway->random);
	const struct program_claim claim = {
	        .resource_count = 2,
	        .resources = {{.kind = RESOURCE_CPU,
	                       .amount = service->offer.cpu * instances,
	                       .limit = INT64_MAX},
	                      {.kind = RESOURCE_MEMORY,
	                       .amount = service->offer.memory * instances,
	                       .limit = INT64_MAX}},
	        .time = FOR_GOOD,
	};

	return book_claim(gateway->book, &program, gateway->identity, &claim, clock_wall(&gateway->clock),
	                  NULL);
}

static int open_resident(struct gateway *gateway, const struct owner_service *service, uint32_t instances)
{
	uint32_t number = gateway->resident_count;
	struct resident_settings *settings = &gateway->resident_settings[number];
	struct gateway_resident *room = &gateway->resident_rooms[number];
	const struct resident_ports ports = {.context = room, .ready = on_ready};
	int code = claim(gateway, service, instances);

	if (code < 0) {
		log_error(TAG, "service=%s event=no-room instances=%u cause=\"%s\"", service->offer.name,
		          instances, error_text(code));
		return code;
	}
	*settings = (struct resident_settings){
	        .arguments = service->arguments,
	        .folder = service->folder,
	        .cpu = service->offer.cpu * gateway->host_cpu_per_core / 1000000,
	        .memory = service->offer.memory,
	        .scratch = (uint64_t)gateway->settings->supply.scratch,
	        .processes = service->offer.processes,
	        .instances = instances,
	        .clock = gateway->clock,
	        .seed = gateway->seed + number,
	};
	room->gateway = gateway;
	room->service = (uint32_t)(service - gateway->services);
	room->instances = instances;
	code = resident_create(gateway->driver, settings, &ports, &room->resident);
	if (code < 0)
		return code;
	announce_instances(gateway->announce, room->service,
	                   (struct metric_instances){.configured = instances});
	text_copy(gateway->residents[number].name, SERVICE_NAME, service->offer.name);
	text_copy(gateway->residents[number].version, SERVICE_VERSION, service->offer.version);
	gateway->residents[number].patience = service->offer.time * PLAN_TIME_MARGIN;
	gateway->resident_count++;
	return 0;
}

static int open_residents(struct gateway *gateway, money tariffs[ALLOWANCE_SERVICES])
{
	const struct settings_service *given = gateway->settings->services.items;
	int code = 0;

	for (size_t i = 0; i < gateway->settings->services.count && code == 0; i++) {
		if (given[i].instances == 0)
			continue;
		if (gateway->driver == NULL || gateway->resident_count == ALLOWANCE_SERVICES) {
			log_error(TAG, "service=%s event=not-resident", given[i].name);
			return gateway->driver == NULL ? BUSBAR_ERROR_NOT_SUPPORTED : BUSBAR_ERROR_TABLE_FULL;
		}
		tariffs[gateway->resident_count] = given[i].tariff;
		code = open_resident(gateway, &gateway->services[i], (uint32_t)given[i].instances);
	}
	return code;
}

static int open_allowances(struct gateway *gateway, const money tariffs[ALLOWANCE_SERVICES])
{
	const struct settings_tenant *given = gateway->settings->tenants.items;
	size_t count = gateway->settings->tenants.count;
	struct allowance_settings settings = {.identity = gateway->identity,
	                                      .supplier = gateway->settings->operator[0] != '\0'
	                                      ? gateway->settings->operator: gateway->settings->node,
	                                      .clock = gateway->clock,
	                                      .seed = gateway->seed,
	                                      .tenant_count = (uint32_t)count,
	                                      .service_count = gateway->resident_count, };

	gateway->allowance_tenants = arena_array(gateway->arena, count + 1, sizeof(*settings.tenants));
	if (gateway->allowance_tenants == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		gateway->allowance_tenants[i] =
		        (struct allowance_tenant){.name = given[i].name, .amount = given[i].allowance};
	settings.tenants = gateway->allowance_tenants;
	for (uint32_t i = 0; i < gateway->resident_count; i++)
		settings.tariffs[i] = tariffs[i];
	return allowances_create(&settings, gateway->database, gateway->ledger, gateway->usage,
	                         &gateway->allowances);
}

int gateway_open_calls(struct gateway *gateway)
{
	money tariffs[ALLOWANCE_SERVICES];
	int code = open_residents(gateway, tariffs);

	return code == 0 && gateway->tasks != NULL ? open_allowances(gateway, tariffs) : code;
}

void gateway_close_calls(struct gateway *gateway)
{
	for (uint32_t i = 0; i < gateway->resident_count; i++)
		gateway->resident_rooms[i].resident = resident_free(gateway->resident_rooms[i].resident);
	gateway->resident_count = 0;
	gateway->allowances = allowances_free(gateway->allowances);
}

int64_t gateway_tick_calls(struct gateway *gateway)
{
	int64_t next = gateway->allowances == NULL ? INT64_MAX : allowances_tick(gateway->allowances);

	for (uint32_t i = 0; i < gateway->resident_count; i++) {
		int64_t wanted = resident_tick(gateway->resident_rooms[i].resident);

		next = MINIMUM(next, wanted);
	}
	return next;
}

static void tell_instances(struct gateway *gateway, const struct gateway_resident *room)
{
	const struct metric_instances instances = {.configured = room->instances,
	                                           .well = resident_running(room->resident)};

	if (!gateway->closing)
		announce_instances(gateway->announce, room->service, instances);
}

bool gateway_resident_started(struct gateway *gateway, const struct identifier *id)
{
	for (uint32_t i = 0; i < gateway->resident_count; i++) {
		if (!resident_started(gateway->resident_rooms[i].resident, id))
			continue;
		tell_instances(gateway, &gateway->resident_rooms[i]);
		return true;
	}
	return false;
}

bool gateway_resident_ended(struct gateway *gateway, const struct driver_end *end)
{
	for (uint32_t i = 0; i < gateway->resident_count; i++) {
		if (!resident_ended(gateway->resident_rooms[i].resident, end))
			continue;
		tell_instances(gateway, &gateway->resident_rooms[i]);
		return true;
	}
	return false;
}

void gateway_on_late(void *context, uint32_t service, uint32_t instance)
{
	struct gateway *gateway = context;

	if (!gateway->closing && service < gateway->resident_count)
		resident_kill(gateway->resident_rooms[service].resident, instance);
}
