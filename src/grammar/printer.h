/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output of the printers. A print function runs twice: once to measure, once into memory of that size.
 * The style decides how texts are quoted and what stands around a statement's value.
 */
#ifndef GRAMMAR_PRINTER_H
#define GRAMMAR_PRINTER_H

#include "base/arena.h"
#include "base/compiler.h"
#include <stddef.h>

enum printer_style {
	PRINTER_TEXT, /* `name value;` */
	PRINTER_YAML, /* `name: value` */
};

struct printer {
	enum printer_style style;
	int depth;    /* of indentation: tabs in text, pairs of spaces in YAML */
	char *target; /* NULL while measuring */
	size_t capacity;
	size_t size;         /* printed so far */
	const void *context; /* of the print function */
};

typedef void printer_function(struct printer *printer, const void *object);

/* What `function` prints of `object`, in the arena; NULL when that is full. */
char *printer_run(enum printer_style style, printer_function *function, const void *object,
                  const void *context, struct arena *arena);

void printer_put(struct printer *printer, const char *format, ...) PRINTF(2, 3);
/* In quotes, with escapes. */
void printer_quoted(struct printer *printer, const char *text);
/* A text that needs quotes in the text style; in YAML only where another reader could misread it. */
void printer_text(struct printer *printer, const char *text);
/* A name: without quotes where the style allows. */
void printer_name(struct printer *printer, const char *text);

/* Indentation and the name of a statement; what ends it. */
void printer_open(struct printer *printer, const char *name);
void printer_close(struct printer *printer);
void printer_indent(struct printer *printer);

#endif
