/* SPDX-License-Identifier: Apache-2.0 */
/* A run at its owner: its service, files and input; staging, running, and what it leaves behind. */
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "execute/owner_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAG "owner"

enum { RUN_PATH = 512, RUN_VARIABLES = 8, RUN_VARIABLE = 64 };

__extension__ typedef unsigned __int128 wide;

/* The descriptors of a run, and the path of the file that takes its output. */
struct run_files {
	int input, output, problems;
	char path[RUN_PATH];
};

static int find_service(const struct owner *owner, const struct program_execute *execute)
{
	for (uint32_t i = 0; i < owner->settings.service_count; i++) {
		const struct service_offer *offer = &owner->settings.services[i].offer;

		if (strcmp(offer->name, execute->service) == 0 &&
		    (execute->version[0] == '\0' || strcmp(offer->version, execute->version) == 0))
			return (int)i;
	}
	return BUSBAR_ERROR_UNKNOWN_SERVICE;
}

static uint64_t claimed(const struct program_claim *claim, enum resource_kind kind)
{
	for (uint32_t i = 0; i < claim->resource_count; i++)
		if (claim->resources[i].kind == kind)
			return claim->resources[i].amount;
	return 0;
}

static const struct instruction *own(const struct owner *owner, const struct program *program,
                                     enum operation operation)
{
	return holding_instruction(program, owner->settings.identity, operation);
}

/* a x b / c in 128 bits. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
	return c == 0 ? 0 : (uint64_t)((wide)a * b / c);
}

/* Micro-cores of the host behind a claim of this site's cores or GFLOPS. */
static uint64_t host_cpu(const struct owner *owner, const struct program_claim *claim)
{
	uint64_t cores = claimed(claim, RESOURCE_CPU);
	uint64_t gflops = claimed(claim, RESOURCE_CPU_GFLOPS);

	cores = MAXIMUM(cores, scale(gflops, 1000000, owner->settings.gflops_per_core));
	return scale(cores, owner->settings.host_cpu_per_core, 1000000);
}

int owner_check_execute(const struct owner *owner, const struct program *program,
                        const struct program_execute *execute)
{
	const struct instruction *claim = own(owner, program, OPERATION_CLAIM);
	int service;

	if (owner->rooms.driver == NULL)
		return BUSBAR_ERROR_NOT_SUPPORTED;
	/* What is not claimed has no limit, and so cannot run. */
	if (claim == NULL || claimed(&claim->claim, RESOURCE_MEMORY) == 0 ||
	    host_cpu(owner, &claim->claim) == 0)
		return BUSBAR_ERROR_MISSING_FIELD;
	if (execute->service[0] == '\0')
		return OWNER_SERVICES;
	service = find_service(owner, execute);
	if (service < 0)
		return service;
	if (owner->settings.services[service].offer.price > execute->limit)
		return BUSBAR_ERROR_PRICE_ROSE;
	return service;
}

static int open_payload(const struct holding *holding)
{
	int descriptor = memfd_create("busbar-input", MFD_CLOEXEC);

	if (descriptor < 0)
		return -errno;
	if (file_write_all(descriptor, holding->payload.octets, holding->payload.size) < 0 ||
	    lseek(descriptor, 0, SEEK_SET) != 0) {
		close(descriptor);
		return -EIO;
	}
	return descriptor;
}

/* What the run reads: the inline input, the fetched blob, or nothing. */
static int open_input(const struct owner *owner, const struct holding *holding, const struct program *program)
{
	const struct instruction *fetch = own(owner, program, OPERATION_FETCH);
	uint64_t size;
	int descriptor;

	if (holding->payload.size > 0)
		return open_payload(holding);
	if (fetch != NULL)
		return store_read(owner->rooms.store, fetch->fetch.digest, &size);
	descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return descriptor < 0 ? -errno : descriptor;
}

static void output_path(const struct owner *owner, const struct holding *holding, char path[RUN_PATH])
{
	char text[IDENTIFIER_TEXT];

	(void)snprintf(path, RUN_PATH, "%s/%s.out", owner->settings.folder,
	               identifier_text(&holding->program, text));
}

static int open_output(const char *path)
{
	int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return descriptor < 0 ? -errno : descriptor;
}

static void close_files(struct run_files *files)
{
	if (files->input >= 0)
		close(files->input);
	if (files->output >= 0)
		close(files->output);
	if (files->problems >= 0)
		close(files->problems);
}

static int open_files(const struct owner *owner, const struct holding *holding, const struct program *program,
                      struct run_files *files)
{
	char problems[RUN_PATH + 4];

	*files = (struct run_files){.input = -1, .output = -1, .problems = -1};
	output_path(owner, holding, files->path);
	(void)snprintf(problems, sizeof(problems), "%s.err", files->path);
	files->input = open_input(owner, holding, program);
	if (files->input < 0)
		return files->input;
	files->output = open_output(files->path);
	if (files->output < 0)
		return files->output;
	files->problems = open_output(problems);
	if (files->problems < 0)
		return files->problems;
	/* The name is not needed: the text is read from the descriptor's file while it lives. */
	return 0;
}

static uint64_t output_maximum(const struct owner *owner, const struct program *program)
{
	const struct instruction *deliver = own(owner, program, OPERATION_DELIVER);
	uint64_t maximum = owner->settings.output_maximum;

	if (deliver != NULL && deliver->deliver.output_maximum > 0)
		maximum = MINIMUM(maximum, deliver->deliver.output_maximum);
	return maximum;
}

/* Arguments: the service's own, or those of the program (`text` keeps them). */
static void find_arguments(const struct owner *owner, const struct holding *holding,
                           const struct program_execute *execute, const char *arguments[DEMAND_ARGUMENTS + 1])
{
	const char *at = execute->arguments;
	uint32_t count = 0;

	if (holding->service < OWNER_SERVICES) {
		const struct owner_service *service = &owner->settings.services[holding->service];

		while (count < OWNER_SERVICE_ARGUMENTS && service->arguments[count] != NULL) {
			arguments[count] = service->arguments[count];
			count++;
		}
	} else {
		for (; count < execute->argument_count && count < DEMAND_ARGUMENTS; count++) {
			arguments[count] = at;
			at += strlen(at) + 1;
		}
	}
	arguments[count] = NULL;
}

static int start_run(struct owner *owner, struct holding *holding, const struct program *program)
{
	const struct program_claim *claim = &own(owner, program, OPERATION_CLAIM)->claim;
	const struct program_execute *execute = &own(owner, program, OPERATION_EXECUTE)->execute;
	const struct owner_service *service =
	        holding->service < OWNER_SERVICES ? &owner->settings.services[holding->service] : NULL;
	const char *arguments[DEMAND_ARGUMENTS + 1];
	char part[RUN_VARIABLE], parts[RUN_VARIABLE];
	const char *environment[] = {part, parts, "LANG=C.UTF-8", NULL};
	struct run_files files;
	struct driver_run run = {
	        .id = holding->program,
	        .arguments = arguments,
	        .environment = environment,
	        .cpu = host_cpu(owner, claim),
	        .memory = claimed(claim, RESOURCE_MEMORY),
	        .scratch = owner->settings.scratch,
	        .output_maximum = output_maximum(owner, program),
	        .processes = service != NULL ? service->offer.processes : owner->settings.processes,
	        .time_limit = holding->expires - owner_wall(owner),
	        .folder = service != NULL ? service->folder : NULL,
	};
	int code;

	if (run.time_limit <= 0)
		return BUSBAR_ERROR_EXPIRED;
	find_arguments(owner, holding, execute, arguments);
	(void)snprintf(part, sizeof(part), "BUSBAR_PART=%u", program->part);
	(void)snprintf(parts, sizeof(parts), "BUSBAR_PARTS=%u", program->parts);
	code = open_files(owner, holding, program, &files);
	if (code == 0) {
		run.input = files.input;
		run.output = files.output;
		run.problems = files.problems;
		code = driver_run(owner->rooms.driver, &run);
	}
	close_files(&files);
	return code;
}

/* Ends a holding whose run could not begin. */
static void fail_staging(struct owner *owner, struct holding *holding, int error)
{
	holding->error = error;
	holding->ended = owner_wall(owner);
	owner_finish(owner, holding, "not-started");
}

static void begin_run(struct owner *owner, struct holding *holding, const struct program *program)
{
	int code = start_run(owner, holding, program);

	if (code < 0) {
		fail_staging(owner, holding, code);
		return;
	}
	keep_drop(owner->keep, &holding->payload);
	holding->started = owner_wall(owner);
	holding->checkpoint_at = owner_monotonic(owner) + OWNER_CHECKPOINT;
	owner_set_state(owner, holding, HOLDING_RUNNING, "staged");
	owner_schedule(owner, holding);
	if (holding_write_run(owner->rooms.database, holding) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(owner->rooms.database));
}

static void stage(struct owner *owner, struct holding *holding, const struct program *program)
{
	const struct instruction *fetch = own(owner, program, OPERATION_FETCH);
	struct owner_transfer transfer;

	if (fetch == NULL || store_has(owner->rooms.store, fetch->fetch.digest)) {
		begin_run(owner, holding, program);
		return;
	}
	owner_find_transfer(owner, holding, program, &transfer);
	holding->fetching = true;
	owner->ports.fetch(owner->ports.context, &holding->program, &fetch->fetch, &transfer);
}

/* What ended while it waited is not begun. */
static void stage_durable(void *context, const struct iovec *identifiers, size_t count)
{
	struct owner *owner = context;

	for (size_t i = 0; i < count; i++) {
		struct holding *holding = hash_get(owner->holdings, identifiers[i].iov_base);
		struct program program;
		int code;

		if (holding == NULL || holding->state != HOLDING_STAGING || holding->ended != 0)
			continue;
		code = holding_program(holding, &program);
		if (code < 0)
			fail_staging(owner, holding, code);
		else
			stage(owner, holding, &program);
	}
}

const outbox_send owner_staged = stage_durable;

/* A run that began before its grant was on the disk could begin once more after a loss of power. */
void owner_stage(struct owner *owner, struct holding *holding)
{
	const struct iovec identifier = {holding->program.octets, sizeof(holding->program.octets)};
	int code;

	owner_set_state(owner, holding, HOLDING_STAGING, "accepted");
	code = outbox_put(owner->starts, database_position(owner->rooms.database), &identifier, 1);
	if (code < 0)
		fail_staging(owner, holding, code);
}

void owner_durable(struct owner *owner)
{
	outbox_flush(owner->starts, database_durable(owner->rooms.database));
}

void owner_fetched(struct owner *owner, const struct identifier *identifier, int error)
{
	struct holding *holding = hash_get(owner->holdings, identifier->octets);
	struct program program;

	if (holding == NULL || holding->state != HOLDING_STAGING || !holding->fetching)
		return;
	holding->fetching = false;
	if (error == 0)
		error = holding_program(holding, &program);
	if (error < 0)
		fail_staging(owner, holding, error);
	else
		begin_run(owner, holding, &program);
}

void owner_started(struct owner *owner, const struct identifier *program)
{
	struct holding *holding = hash_get(owner->holdings, program->octets);

	/* What is billed starts with the program, not with the making of its sandbox. */
	if (holding != NULL && holding->state == HOLDING_RUNNING)
		holding->started = owner_wall(owner);
}

/* Says in the log what a failed run wrote to its standard error, at most a line of it. */
static void log_problems(const struct owner *owner, const struct holding *holding)
{
	char path[RUN_PATH], problems[RUN_PATH + 4], text[200], name[IDENTIFIER_TEXT];
	size_t size;
	FILE *stream;

	output_path(owner, holding, path);
	(void)snprintf(problems, sizeof(problems), "%s.err", path);
	stream = fopen(problems, "re");
	if (stream == NULL)
		return;
	size = fread(text, 1, sizeof(text) - 1, stream);
	(void)fclose(stream);
	text[size] = '\0';
	if (holding->error < 0)
		log_warning(TAG, "program=%s event=run-failed error=%d exit=%d stderr=\"%s\"",
		            identifier_text(&holding->program, name), holding->error, holding->exit_status,
		            text);
	(void)unlink(problems);
}

static void take_output(struct owner *owner, struct holding *holding)
{
	char path[RUN_PATH];
	int code;

	output_path(owner, holding, path);
	log_problems(owner, holding);
	if (holding->error < 0) {
		(void)unlink(path);
		return;
	}
	code = store_adopt(owner->rooms.store, path, holding->output_digest, &holding->output_size);
	if (code < 0) {
		(void)unlink(path);
		holding->error = code;
	}
}

void owner_ended(struct owner *owner, const struct driver_end *end)
{
	struct holding *holding = hash_get(owner->holdings, end->id.octets);

	if (holding == NULL || holding->state != HOLDING_RUNNING || holding->ended != 0)
		return;
	holding->usage = end->usage;
	holding->exit_status = end->exit_status;
	/* A cause noted before the cancellation (expiry) is the better one. */
	if (end->error != BUSBAR_ERROR_CANCELLED || holding->error == 0)
		holding->error = end->error;
	holding->ended = owner_wall(owner);
	take_output(owner, holding);
	owner_finish(owner, holding, "run-ended");
}
