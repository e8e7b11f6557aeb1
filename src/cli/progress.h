/* SPDX-License-Identifier: Apache-2.0 */
/* How far a task is: a bar on a terminal, else a line whenever something has changed. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { PROGRESS_TEXT = 256 };

struct progress {
	FILE *stream;
	bool terminal;
	char shown[PROGRESS_TEXT];
};

struct progress progress_begin(FILE *stream);
/* Of a task's document. */
void progress_show(struct progress *progress, const json_t *task);
void progress_end(struct progress *progress);

/* "3/8 parts done, 4 running, 1 staging", after a bar of `width` characters (0: no bar). */
char *progress_text(const json_t *task, unsigned width, char text[PROGRESS_TEXT]);

#endif
