/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of one run; all called from the executor's one loop. */
#include "supply/run.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAG "executor"
/* Between two attempts to remove a group that a dying process has not left. */
#define REMOVAL_PAUSE (2 * CLOCK_MILLISECOND)
#define FOREVER INT64_MAX

enum { STATUS_OF_SIGNAL = 128, STATUS_NOT_FOUND = 127, STATUS_NOT_EXECUTABLE = 126, OWN_PROCESSES = 1 };

static const char *const state_names[] = {"free", "starting", "running", "dying", "removing", "ended"};

static void set_state(struct run *run, enum run_state state, const char *event)
{
	char id[IDENTIFIER_TEXT];

	log_debug(TAG, "run=%s from=%s event=%s to=%s", identifier_text(&run->id, id),
	          state_names[run->state], event, state_names[state]);
	run->state = state;
}

/* `count` words from *text on into words[], which ends with NULL. */
static int take_words(const char **text, const char *end, uint32_t count, const char **words)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *nul = memchr(*text, '\0', (size_t)(end - *text));
		if (nul == NULL)
			return BUSBAR_ERROR_MALFORMED;
		words[i] = *text;
		*text = nul + 1;
	}
	words[count] = NULL;
	return 0;
}

static bool limits_are_sane(const struct executor_request *request)
{
	return request->cpu > 0 && request->memory > 0 && request->memory <= INT64_MAX &&
	       request->scratch <= INT64_MAX && request->output_maximum > 0 &&
	       request->output_maximum < INT64_MAX && request->processes > 0 &&
	       request->processes < UINT32_MAX - OWN_PROCESSES && request->time_limit > 0;
}

int run_parse(const struct executor_request *request, const char *text, size_t size,
              struct run_text *ret_text)
{
	const char *end = text + size;
	const char *folder[2];
	int code;

	if (request->text != size || size > EXECUTOR_TEXT || request->arguments == 0 || request->folder > 1 ||
	    request->arguments > EXECUTOR_WORDS || request->environment > EXECUTOR_WORDS)
		return BUSBAR_ERROR_MALFORMED;
	if (!limits_are_sane(request))
		return BUSBAR_ERROR_BAD_VALUE;
	code = take_words(&text, end, request->arguments, ret_text->arguments);
	if (code == 0)
		code = take_words(&text, end, request->environment, ret_text->environment);
	if (code == 0)
		code = take_words(&text, end, request->folder, folder);
	if (code < 0)
		return code;
	ret_text->folder = folder[0];
	return text == end ? 0 : BUSBAR_ERROR_MALFORMED;
}

/* A duplicate of a regular file's descriptor, -1 for everything else. */
static int keep_file(int descriptor)
{
	struct stat status;

	if (fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode))
		return -1;
	return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

static uint64_t file_size(int descriptor)
{
	struct stat status;
	return descriptor >= 0 && fstat(descriptor, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static bool output_is_too_long(const struct run *run)
{
	return file_size(run->output) > run->output_maximum || file_size(run->problems) > run->output_maximum;
}

static void schedule(struct run *run, int64_t now)
{
	run->wake = run->look ? MINIMUM(run->deadline, now + EXECUTOR_LOOK) : run->deadline;
}

/* The time limit counts from the program's start, and until then from the request. */
static void schedule_from(struct run *run, int64_t now)
{
	run->deadline = run->time_limit > FOREVER - now ? FOREVER : now + run->time_limit;
	schedule(run, now);
}

int run_start(struct run *run, const struct cgroup_tree *tree, const struct executor_request *request,
              const struct run_text *text, const int descriptors[EXECUTOR_DESCRIPTORS], uid_t user)
{
	struct cgroup_limits limits = {request->cpu, request->memory,
	                               (uint64_t)request->processes + OWN_PROCESSES};
	struct run new = {
	        .id = request->id, .output_maximum = request->output_maximum, .output = -1, .problems = -1};
	struct sandbox sandbox = {
	        .group = &new.group,
	        .arguments = text->arguments,
	        .environment = text->environment,
	        .input = descriptors[0],
	        .output = descriptors[1],
	        .problems = descriptors[2],
	        .scratch = request->scratch,
	        /* One more than the maximum, so that a length past it tells apart "full" from "too long". */
	        .file_maximum = MAXIMUM(request->output_maximum, request->scratch) + 1,
	        .folder = text->folder,
	        .user = user,
	};
	int64_t now = clock_monotonic(&clock_system);
	char name[IDENTIFIER_TEXT];
	int code = cgroup_make(tree, identifier_text(&request->id, name), &limits, &new.group);

	if (code < 0)
		return code;
	code = sandbox_start(&sandbox, &new.process);
	if (code < 0) {
		/* Nothing has entered the group yet. */
		if (cgroup_remove(&new.group) < 0)
			log_error(TAG, "group=%s cause=\"cannot remove\"", new.group.name);
		return code;
	}
	new.output = keep_file(descriptors[1]);
	new.problems = keep_file(descriptors[2]);
	new.look = (new.output >= 0 || new.problems >= 0) && request->scratch > request->output_maximum;
	new.time_limit = request->time_limit;
	new.state = run->state;
	*run = new;
	schedule_from(run, now);
	set_state(run, RUN_STARTING, "request");
	return 0;
}

static void take_report(struct run *run, const struct sandbox_report *report)
{
	switch ((enum sandbox_report_kind)report->kind) {
	case SANDBOX_FAILED:
		log_warning(TAG, "step=\"%.*s\" error=\"%s\"", SANDBOX_STEP, report->step,
		            error_text(report->value));
		if (run->error == 0)
			run->error = report->value;
		break;
	case SANDBOX_UNUSABLE:
		run->end.exit_status = report->value == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
		break;
	case SANDBOX_STARTED:
		if (run->end.exit_status != 0 || run->error != 0)
			break; /* it ended without having become the program */
		run->started = true;
		run->started_at = report->at;
		if (run->state != RUN_STARTING)
			break;
		schedule_from(run, report->at);
		set_state(run, RUN_RUNNING, "started");
		break;
	case SANDBOX_EXITED:
		run->exited = true;
		run->wait_status = report->value;
		run->end.usage.wall = run->started_at == 0 ? 0 : report->at - run->started_at;
		break;
	}
}

void run_read_reports(struct run *run)
{
	struct sandbox_report report;

	while (read(run->process.reports, &report, sizeof(report)) == sizeof(report))
		take_report(run, &report);
}

void run_stop(struct run *run, int error)
{
	if (run->state != RUN_STARTING && run->state != RUN_RUNNING)
		return;
	run_read_reports(run);
	if (!run->exited && run->error == 0)
		run->error = error;
	run->wake = FOREVER;
	set_state(run, RUN_DYING, "stop");
	sandbox_kill(&run->process);
}

static int exit_status(const struct run *run)
{
	if (run->end.exit_status != 0)
		return run->end.exit_status;
	if (!run->exited)
		return STATUS_OF_SIGNAL + SIGKILL;
	return WIFEXITED(run->wait_status) ? WEXITSTATUS(run->wait_status)
	                                   : STATUS_OF_SIGNAL + WTERMSIG(run->wait_status);
}

/*
 * In order: what was decided, what the kernel refused, what the program says. A step of the set-up that
 * failed
 * (-errno) for want of memory is the memory limit, too.
 */
static int final_error(const struct run *run, uint64_t memory_kills)
{
	if (run->error != 0 && !(run->error > BUSBAR_ERROR_MALFORMED && memory_kills > 0))
		return run->error;
	if (memory_kills > 0 && run->end.exit_status != 0)
		return BUSBAR_ERROR_MEMORY_LIMIT;
	if (output_is_too_long(run))
		return BUSBAR_ERROR_OUTPUT_LIMIT;
	return run->end.exit_status == 0 ? 0 : BUSBAR_ERROR_EXECUTION;
}

static void close_descriptors(struct run *run)
{
	close(run->process.process);
	close(run->process.reports);
	if (run->output >= 0)
		close(run->output);
	if (run->problems >= 0)
		close(run->problems);
}

static void remove_group(struct run *run, int64_t now)
{
	int code = cgroup_remove(&run->group);

	if (code == -EBUSY) {
		run->wake = now + REMOVAL_PAUSE;
		return;
	}
	if (code < 0)
		log_error(TAG, "group=%s removal=\"%s\"", run->group.name, error_text(code));
	run->wake = FOREVER;
	set_state(run, RUN_ENDED, "removed");
}

void run_died(struct run *run, int64_t now)
{
	struct cgroup_usage usage = {0};

	if (sandbox_collect(&run->process) < 0)
		log_error(TAG, "group=%s cause=\"cannot collect\"", run->group.name);
	run_read_reports(run);
	if (cgroup_measure(&run->group, &usage) < 0)
		log_error(TAG, "group=%s cause=\"cannot measure\"", run->group.name);
	if (!run->exited && run->started_at != 0)
		run->end.usage.wall = now - run->started_at;
	run->end.id = run->id;
	run->end.usage.cpu = usage.cpu;
	run->end.usage.memory_peak = usage.memory_peak;
	run->end.usage.output = file_size(run->output);
	run->end.exit_status = exit_status(run);
	run->end.error = final_error(run, usage.memory_kills);
	close_descriptors(run);
	set_state(run, RUN_REMOVING, "died");
	remove_group(run, now);
}

void run_wake(struct run *run, int64_t now)
{
	if (run->state == RUN_REMOVING) {
		remove_group(run, now);
		return;
	}
	if (now >= run->deadline)
		run_stop(run, BUSBAR_ERROR_TIME_LIMIT);
	else if (output_is_too_long(run))
		run_stop(run, BUSBAR_ERROR_OUTPUT_LIMIT);
	else
		schedule(run, now);
}

void run_release(struct run *run)
{
	set_state(run, RUN_FREE, "delivered");
	memset(run, 0, sizeof(*run));
}
