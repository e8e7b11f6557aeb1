/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watch.h"

#include "base/clock.h"
#include "cli/document.h"
#include "cli/progress.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define WATCH_INTERVAL (100 * CLOCK_MILLISECOND)
#define WATCH_SILENCE (60 * CLOCK_SECOND)
#define WATCH_SETTLEMENT (5 * CLOCK_SECOND)

static const char *const ends[] = {"done", "failed", "cancelled", "expired", "settled"};

bool watch_has_ended(const json_t *task)
{
	const char *state = document_text(task, "state");

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (strcmp(state, ends[i]) == 0)
			return true;
	return false;
}

static bool is_settled(const json_t *task)
{
	return strcmp(document_text(task, "state"), "settled") == 0;
}

bool watch_part_is_done(const json_t *part)
{
	const char *state = document_text(part, "state");

	return document_error(part) == NULL && (strcmp(state, "done") == 0 || strcmp(state, "settled") == 0);
}

/* The pace of a user interface: nothing tells a client that a task has gone on. */
static void pause_between(void)
{
	const struct timespec interval = {.tv_nsec = WATCH_INTERVAL};

	(void)nanosleep(&interval, NULL);
}

static bool is_silence(int code)
{
	return code == BUSBAR_ERROR_NO_ANSWER || code == -ECONNREFUSED || code == -ENETUNREACH;
}

/* The next document; *heard is when the last one came. */
static int ask(struct session *session, const char *task, int64_t *heard, json_t **ret_task)
{
	int code;

	while ((code = session_get(session, BUSBAR_TASK, task, ret_task)) < 0) {
		if (!is_silence(code) || clock_monotonic(&clock_system) - *heard > WATCH_SILENCE)
			return code;
		pause_between();
	}
	*heard = clock_monotonic(&clock_system);
	return 0;
}

/* Until `is_over` says so or, with `longest` above 0, for that long. */
static int watch(struct session *session, const char *task, bool (*is_over)(const json_t *), int64_t longest,
                 struct progress *progress, json_t **ret_task)
{
	int64_t start = clock_monotonic(&clock_system), heard = start;

	for (;;) {
		json_t *object;
		int code = ask(session, task, &heard, &object);

		if (code < 0)
			return code;
		if (progress != NULL)
			progress_show(progress, object);
		if (is_over(object) || (longest > 0 && heard - start > longest)) {
			json_decref(*ret_task);
			*ret_task = object;
			return 0;
		}
		json_decref(object);
		pause_between();
	}
}

int watch_until_ended(struct session *session, const char *task, json_t **ret_task)
{
	struct progress progress = progress_begin(stderr);
	json_t *object = NULL;
	int code = watch(session, task, watch_has_ended, 0, &progress, &object);

	progress_end(&progress);
	if (code == 0)
		*ret_task = object;
	return code;
}

int watch_until_settled(struct session *session, const char *task, json_t **ret_task)
{
	return watch(session, task, is_settled, WATCH_SETTLEMENT, NULL, ret_task);
}
