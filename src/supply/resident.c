/* SPDX-License-Identifier: Apache-2.0 */
#include "supply/resident.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAG "resident"
#define BACKOFF_FIRST (100 * CLOCK_MILLISECOND)
#define BACKOFF_MOST (10 * CLOCK_SECOND)
/* An instance that lived this long has not failed. */
#define LIVED (10 * CLOCK_SECOND)
#define NEVER INT64_MAX

enum instance_state { INSTANCE_DOWN, INSTANCE_STARTING, INSTANCE_RUNNING, INSTANCE_STATES };

static const char *const state_names[INSTANCE_STATES] = {"down", "starting", "running"};

struct instance {
	enum instance_state state;
	struct identifier id;
	int descriptor;         /* ours, until `ready` takes it; -1 */
	int64_t start_at;       /* monotonic, when down */
	int64_t started, delay; /* of the backoff */
};

struct resident {
	struct driver *driver;
	const struct resident_settings *settings;
	struct resident_ports ports;
	struct random random;
	struct instance instances[RESIDENT_INSTANCES];
};

static int64_t monotonic(const struct resident *resident)
{
	return clock_monotonic(&resident->settings->clock);
}

static void set_state(struct resident *resident, struct instance *instance, enum instance_state state,
                      const char *event)
{
	log_info(TAG, "program=%s instance=%zu old=%s event=%s new=%s", resident->settings->arguments[0],
	         (size_t)(instance - resident->instances), state_names[instance->state], event,
	         state_names[state]);
	instance->state = state;
}

int resident_create(struct driver *driver, const struct resident_settings *settings,
                    const struct resident_ports *ports, struct resident **ret_resident)
{
	struct resident *resident;

	if (settings->instances == 0 || settings->instances > RESIDENT_INSTANCES)
		return BUSBAR_ERROR_BAD_VALUE;
	resident = calloc(1, sizeof(*resident));
	if (resident == NULL)
		return -ENOMEM;
	resident->driver = driver;
	resident->settings = settings;
	resident->ports = *ports;
	random_seed(&resident->random, settings->seed);
	for (uint32_t i = 0; i < settings->instances; i++)
		resident->instances[i] = (struct instance){.descriptor = -1, .delay = BACKOFF_FIRST};
	*ret_resident = resident;
	return 0;
}

static void close_end(struct instance *instance)
{
	if (instance->descriptor >= 0)
		close(instance->descriptor);
	instance->descriptor = -1;
}

struct resident *resident_free(struct resident *resident)
{
	if (resident == NULL)
		return NULL;
	for (uint32_t i = 0; i < resident->settings->instances; i++)
		close_end(&resident->instances[i]);
	free(resident);
	return NULL;
}

/* The other end is the program's alone, so that its death is the end of the connection. */
static int run_on(struct resident *resident, struct instance *instance, int end, int nothing)
{
	static const char *const environment[] = {"LANG=C.UTF-8", NULL};
	const struct resident_settings *settings = resident->settings;
	const struct driver_run run = {
	        .id = instance->id,
	        .arguments = settings->arguments,
	        .environment = environment,
	        .input = end,
	        .output = end,
	        .problems = nothing,
	        .cpu = settings->cpu,
	        .memory = settings->memory,
	        .scratch = settings->scratch,
	        .output_maximum = 1, /* nothing goes to a file */
	        .processes = settings->processes,
	        .time_limit = NEVER,
	        .folder = settings->folder,
	};

	return driver_run(resident->driver, &run);
}

static int start(struct resident *resident, struct instance *instance)
{
	int ends[2];
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int code;

	if (nothing < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		code = -errno;
		close(nothing);
		return code;
	}
	instance->id = identifier_make(clock_wall(&resident->settings->clock), &resident->random);
	code = run_on(resident, instance, ends[1], nothing);
	close(nothing);
	close(ends[1]);
	if (code < 0)
		close(ends[0]);
	else
		instance->descriptor = ends[0];
	return code;
}

static void put_off(struct resident *resident, struct instance *instance)
{
	instance->start_at = monotonic(resident) + instance->delay;
	instance->delay = MINIMUM(instance->delay * 2, BACKOFF_MOST);
}

static struct instance *find(struct resident *resident, const struct identifier *id)
{
	for (uint32_t i = 0; i < resident->settings->instances; i++)
		if (resident->instances[i].state != INSTANCE_DOWN &&
		    identifier_equal(&resident->instances[i].id, id))
			return &resident->instances[i];
	return NULL;
}

bool resident_started(struct resident *resident, const struct identifier *id)
{
	struct instance *instance = find(resident, id);
	int descriptor;

	if (instance == NULL)
		return false;
	descriptor = instance->descriptor;
	instance->descriptor = -1;
	instance->started = monotonic(resident);
	set_state(resident, instance, INSTANCE_RUNNING, "started");
	resident->ports.ready(resident->ports.context, (uint32_t)(instance - resident->instances),
	                      descriptor);
	return true;
}

bool resident_ended(struct resident *resident, const struct driver_end *end)
{
	struct instance *instance = find(resident, &end->id);

	if (instance == NULL)
		return false;
	close_end(instance);
	log_notice(TAG, "program=%s event=ended error=%d exit=%d cause=\"%s\"",
	           resident->settings->arguments[0], end->error, end->exit_status, error_text(end->error));
	if (instance->state == INSTANCE_RUNNING && monotonic(resident) - instance->started > LIVED)
		instance->delay = BACKOFF_FIRST;
	set_state(resident, instance, INSTANCE_DOWN, "ended");
	put_off(resident, instance);
	return true;
}

void resident_kill(struct resident *resident, uint32_t instance)
{
	if (instance < resident->settings->instances &&
	    resident->instances[instance].state == INSTANCE_RUNNING &&
	    driver_cancel(resident->driver, &resident->instances[instance].id) < 0)
		log_debug(TAG, "event=cancel-late");
}

int64_t resident_tick(struct resident *resident)
{
	int64_t now = monotonic(resident), next = NEVER;

	for (uint32_t i = 0; i < resident->settings->instances; i++) {
		struct instance *instance = &resident->instances[i];
		int code;

		if (instance->state != INSTANCE_DOWN)
			continue;
		if (now >= instance->start_at) {
			code = start(resident, instance);
			if (code == 0) {
				set_state(resident, instance, INSTANCE_STARTING, "start");
				continue;
			}
			log_warning(TAG, "program=%s event=not-started cause=\"%s\"",
			            resident->settings->arguments[0], error_text(code));
			put_off(resident, instance);
		}
		next = MINIMUM(next, instance->start_at);
	}
	return next;
}

uint32_t resident_running(const struct resident *resident)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < resident->settings->instances; i++)
		count += resident->instances[i].state == INSTANCE_RUNNING ? 1 : 0;
	return count;
}
