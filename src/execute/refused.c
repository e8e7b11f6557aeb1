/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/refused.h"

#include "base/clock.h"
#include <stddef.h>

int refused_open(struct database *database, struct refused *ret_refused)
{
	struct refused refused = {.database = database};
	int code = database_execute(database,
	                            "CREATE TABLE IF NOT EXISTS refused "
	                            "(one INTEGER PRIMARY KEY CHECK (one = 1), until INTEGER NOT NULL)");

	if (code == 0)
		code = database_numbers(database, "SELECT until FROM refused", NULL, 0, &refused.until, 1);
	if (code < 0)
		return code;
	refused.written = refused.until;
	*ret_refused = refused;
	return 0;
}

int refused_note(struct refused *refused, int64_t expires)
{
	int64_t until = expires + REFUSED_AHEAD;
	int code;

	if (expires <= refused->written)
		return 0;
	code = database_write(refused->database, "INSERT OR REPLACE INTO refused VALUES (1, ?)",
	                      DATABASE_VALUES(DATABASE_NUMBER(until)));
	if (code >= 0)
		refused->written = until;
	return code;
}

void refused_widen(struct refused *refused, int64_t expires)
{
	refused->until = MAXIMUM(refused->until, expires);
}
