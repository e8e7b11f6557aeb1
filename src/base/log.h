/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines of the form `2026-01-31T12:00:00.123Z info tag key=value key="two words"` on standard error.
 *
 * A call site that speaks more than LOG_BURST times within a second is silenced until the second is
 * over; the next line it writes says how many were dropped (`dropped=N`). Octets outside printable ASCII are
 * written as \xNN, over-long lines end in "...", each line is one write(2), and errno is left as it was.
 * Process-wide state is the level and the sites' counters alone.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/compiler.h"
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

enum { LOG_BURST = 20 };

/* Rate limiter of one call site; lives in a static variable made by LOG_AT. */
struct log_site {
	int64_t second;
	uint32_t count;
	uint32_t dropped;
};

/* Lines above this level are not written. The default is LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "debug" -> LOG_DEBUG and so on; negative code for another word. */
int log_level_parse(const char *text) CHECKED;

/* Name shown as `node=` in every line, for machines that run many gateways; NULL for none. Copied.
 * To be set before other threads log. */
void log_set_node(const char *name);

/* `format` yields key=value pairs; a value with spaces is to be quoted with %s inside \"...\". */
void log_write(struct log_site *site, enum log_level level, const char *tag, const char *format, ...)
        PRINTF(4, 5);

#define LOG_AT(level, tag, ...)                                         \
	do {                                                            \
		static struct log_site log_site_;                       \
		if ((level) <= log_get_level())                         \
			log_write(&log_site_, level, tag, __VA_ARGS__); \
	} while (0)
#define log_error(tag, ...) LOG_AT(LOG_ERROR, tag, __VA_ARGS__)
#define log_warning(tag, ...) LOG_AT(LOG_WARNING, tag, __VA_ARGS__)
#define log_notice(tag, ...) LOG_AT(LOG_NOTICE, tag, __VA_ARGS__)
#define log_info(tag, ...) LOG_AT(LOG_INFO, tag, __VA_ARGS__)
#define log_debug(tag, ...) LOG_AT(LOG_DEBUG, tag, __VA_ARGS__)

#endif
