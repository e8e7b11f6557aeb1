/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "base/compiler.h"
#include "cli/document.h"
#include <string.h>
#include <unistd.h>

enum { PROGRESS_BAR = 24 };

/* States of a part in the order of its life; `settled` follows each of the ends. */
static const char *const states[] = {"submitted", "mapped", "granted",   "staging",
                                     "running",   "failed", "cancelled", "expired"};

struct progress progress_begin(FILE *stream)
{
	return (struct progress){.stream = stream, .terminal = isatty(fileno(stream)) == 1};
}

static size_t count_state(const json_t *task, const char *state)
{
	size_t count = 0;

	for (size_t i = 0; i < document_count(task, "parts"); i++)
		count += strcmp(document_text(document_at(task, "parts", i), "state"), state) == 0;
	return count;
}

static void append(char text[PROGRESS_TEXT], const char *more)
{
	size_t size = strlen(text);

	(void)snprintf(text + size, PROGRESS_TEXT - size, "%s", more);
}

static void append_bar(char text[PROGRESS_TEXT], size_t done, size_t total, unsigned width)
{
	size_t full = total == 0 ? 0 : done * width / total;

	append(text, "[");
	for (size_t i = 0; i < width; i++)
		append(text, i < full ? "#" : ".");
	append(text, "] ");
}

char *progress_text(const json_t *task, unsigned width, char text[PROGRESS_TEXT])
{
	size_t total = document_count(task, "parts");
	size_t done = count_state(task, "done") + count_state(task, "settled");
	char word[64];

	text[0] = '\0';
	if (width > 0)
		append_bar(text, done, total, width);
	(void)snprintf(word, sizeof(word), "%zu/%zu %s done", done, total, total == 1 ? "part" : "parts");
	append(text, word);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		size_t count = count_state(task, states[i]);

		(void)snprintf(word, sizeof(word), ", %zu %s", count, states[i]);
		append(text, count == 0 ? "" : word);
	}
	return text;
}

void progress_show(struct progress *progress, const json_t *task)
{
	char text[PROGRESS_TEXT];

	(void)progress_text(task, progress->terminal ? PROGRESS_BAR : 0, text);
	if (strcmp(text, progress->shown) == 0)
		return;
	memcpy(progress->shown, text, sizeof(text));
	/* Carriage return, text, erase to the end of the line (ECMA-48 EL). */
	(void)fprintf(progress->stream, progress->terminal ? "\r%s\033[K" : "%s\n", text);
	(void)fflush(progress->stream);
}

void progress_end(struct progress *progress)
{
	if (progress->terminal && progress->shown[0] != '\0')
		(void)fputc('\n', progress->stream);
}
