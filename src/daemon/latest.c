/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/latest.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>

#define TAG "latest"

struct latest {
	struct database *database;
	const struct clock *clock;
	int64_t time, written;
	bool behind; /* and has said so */
};

int latest_open(struct database *database, const struct clock *clock, struct latest **ret_latest)
{
	struct latest *latest = calloc(1, sizeof(*latest));
	int code;

	if (latest == NULL)
		return -ENOMEM;
	latest->database = database;
	latest->clock = clock;
	code = database_execute(database, "CREATE TABLE IF NOT EXISTS latest "
	                                  "(one INTEGER PRIMARY KEY CHECK (one = 1), time INTEGER NOT NULL)");
	if (code == 0)
		code = database_numbers(database, "SELECT time FROM latest", NULL, 0, &latest->time, 1);
	if (code < 0) {
		free(latest);
		return code;
	}
	latest->written = latest->time;
	*ret_latest = latest;
	return 0;
}

struct latest *latest_close(struct latest *latest)
{
	free(latest);
	return NULL;
}

static void write_down(struct latest *latest)
{
	int code = database_write(latest->database, "INSERT OR REPLACE INTO latest VALUES (1, ?)",
	                          DATABASE_VALUES(DATABASE_NUMBER(latest->time)));

	if (code < 0)
		log_warning(TAG, "error=\"cannot write the time down: %s\"", error_text(code));
	else
		latest->written = latest->time;
}

bool latest_is_over(struct latest *latest, int64_t expires)
{
	int64_t now;

	if (latest == NULL)
		return false;
	now = clock_wall(latest->clock);
	if (now >= latest->time) {
		latest->time = now;
		latest->behind = false;
		if (now - latest->written >= LATEST_EVERY)
			write_down(latest);
		return false;
	}
	if (!latest->behind)
		log_warning(TAG, "event=clock-behind by_ns=%lld", (long long)(latest->time - now));
	latest->behind = true;
	return expires < latest->time;
}
