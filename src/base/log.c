/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines. A line is built on the stack and leaves in one write(2), shorter than PIPE_BUF: lines of
 * several processes never mix. Octets outside printable ASCII are written as \xNN, so that a value from
 * outside can neither begin a line nor speak to a terminal.
 */
#include "base/log.h"
#include "base/clock.h"
#include "busbar-error.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 2048, BODY_SIZE = 1536, TAIL_SIZE = 48, NODE_SIZE = 64 };
_Static_assert(LINE_SIZE <= PIPE_BUF, "a line must be written as one");

struct line {
	char text[LINE_SIZE];
	size_t size;
};

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};

/* The process-wide state that log.h speaks of. */
static enum log_level current_level = LOG_INFO;
static char node[NODE_SIZE];

void log_set_level(enum log_level level)
{
	__atomic_store_n(&current_level, level, __ATOMIC_RELAXED);
}

enum log_level log_get_level(void)
{
	return __atomic_load_n(&current_level, __ATOMIC_RELAXED);
}

int log_level_parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0)
			return (int)i;
	}
	return BUSBAR_ERROR_BAD_VALUE;
}

void log_set_node(const char *name)
{
	(void)snprintf(node, sizeof(node), "%s", name ? name : "");
}

static PRINTF(2, 3) void add(struct line *line, const char *format, ...)
{
	va_list arguments;
	size_t left = sizeof(line->text) - line->size;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->text + line->size, left, format, arguments);
	va_end(arguments);
	if (length > 0)
		line->size += MINIMUM((size_t)length, left - 1);
}

/* Adds a text, control characters escaped, as far as the line leaves TAIL_SIZE octets free. */
static void add_escaped(struct line *line, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char octet = (unsigned char)*text;

		if (line->size + 4 + TAIL_SIZE > sizeof(line->text)) {
			add(line, "...");
			return;
		}
		if (octet < 0x20 || octet > 0x7e)
			add(line, "\\x%02x", octet);
		else
			line->text[line->size++] = (char)octet;
	}
}

static void add_head(struct line *line, enum log_level level, const char *tag)
{
	int64_t now = clock_wall(&clock_system);
	time_t seconds = (time_t)(now / CLOCK_SECOND);
	struct tm date = {0};

	(void)gmtime_r(&seconds, &date);
	add(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s ", date.tm_year + 1900, date.tm_mon + 1,
	    date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec,
	    (int)(now % CLOCK_SECOND / CLOCK_MILLISECOND), level_names[level]);
	add_escaped(line, tag);
	add(line, " ");
	if (node[0] != '\0') {
		add(line, "node=");
		add_escaped(line, node);
		add(line, " ");
	}
}

/* False when the site has used up its second. *ret_dropped: lines lost before this one. */
static bool may_speak(struct log_site *site, uint32_t *ret_dropped)
{
	int64_t second = clock_monotonic(&clock_system) / CLOCK_SECOND;

	/* Relaxed atomics: two threads at one site may miscount by a line, never worse. */
	if (__atomic_load_n(&site->second, __ATOMIC_RELAXED) != second) {
		__atomic_store_n(&site->second, second, __ATOMIC_RELAXED);
		__atomic_store_n(&site->count, 0, __ATOMIC_RELAXED);
	}
	if (__atomic_fetch_add(&site->count, 1, __ATOMIC_RELAXED) >= LOG_BURST) {
		(void)__atomic_fetch_add(&site->dropped, 1, __ATOMIC_RELAXED);
		return false;
	}
	*ret_dropped = __atomic_exchange_n(&site->dropped, 0, __ATOMIC_RELAXED);
	return true;
}

/* A log that cannot be written is lost: there is nobody left to tell. */
static void send_line(const struct line *line)
{
	ssize_t written;

	do {
		written = write(STDERR_FILENO, line->text, line->size);
	} while (written < 0 && errno == EINTR);
}

void log_write(struct log_site *site, enum log_level level, const char *tag, const char *format, ...)
{
	int saved_errno = errno;
	uint32_t dropped = 0;
	struct line line = {.size = 0};
	char body[BODY_SIZE];
	va_list arguments;

	if (level > log_get_level() || (site && !may_speak(site, &dropped)))
		return;
	/* %m in the format means the caller's errno. */
	errno = saved_errno;
	va_start(arguments, format);
	if (vsnprintf(body, sizeof(body), format, arguments) < 0)
		body[0] = '\0';
	va_end(arguments);
	add_head(&line, level, tag);
	add_escaped(&line, body);
	if (dropped > 0)
		add(&line, " dropped=%u", dropped);
	add(&line, "\n");
	send_line(&line);
	errno = saved_errno;
}
