/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: YAML (libyaml nodes) into a structure, by a table of fields.
 *
 * Unknown keys, missing required keys, wrong types, bad values and bad units are errors with file,
 * line and path ("edge-a.yaml:12: links[1].delay: unknown unit"). Everything is checked before anything
 * is used: a parse gives a whole, valid structure or nothing. Memory comes from the caller's arena.
 *
 * The YAML taken is a plain tree: anchors, aliases, tags, duplicate keys, a second document and nesting
 * deeper than CONFIG_DEPTH are refused. Values never appear in problems, for they may be secrets.
 *
 * Absent keys: a value takes its fallback or stays zero. A section that is not required is filled with
 * its own fallbacks, as if it were empty; but if it has required fields it stays all zero, which is how
 * its absence shows. Sections and lists have no fallback of their own.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/arena.h"
#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CONFIG_DEPTH = 32, CONFIG_SIZE = 1024 * 1024 };

enum config_type {
	CONFIG_BOOLEAN,  /* bool: true | false */
	CONFIG_INTEGER,  /* int64_t, plain decimal; a minus is allowed where minimum is below 0 */
	CONFIG_DECIMAL,  /* int64_t: number x scale */
	CONFIG_TEXT,     /* const char * */
	CONFIG_DURATION, /* int64_t nanoseconds */
	CONFIG_BYTES,    /* int64_t */
	CONFIG_BITRATE,  /* int64_t bit/s */
	CONFIG_RATIO,    /* int64_t parts per million, `2 %` or `0.02` */
	CONFIG_CHOICE,   /* int: index into choices[] */
	CONFIG_ADDRESS,  /* struct config_address */
	CONFIG_SECTION,  /* a nested structure in place */
	CONFIG_LIST,     /* struct config_list of structures or scalars */
};

/* `2001:db8::1`, `fc00:0:1::/48`, `[2001:db8::1]:4179`, `127.0.0.1:80`. */
struct config_address {
	uint8_t octets[16]; /* IPv4 as ::ffff:a.b.c.d */
	bool present;
	int length; /* prefix length; 128 when none was given */
	int port;   /* 0 when none was given */
};

/* `items` points to `count` elements of the field's element_size. */
struct config_list {
	void *items;
	size_t count;
};

struct config_field {
	const char *name; /* NULL ends the table */
	enum config_type type;
	size_t offset;
	const char *fallback; /* text used when the key is absent; NULL: field keeps zero */
	bool required;
	int64_t minimum, maximum; /* of int64_t values, in base units; maximum 0 with minimum >= 0: no top */
	int64_t scale;            /* CONFIG_DECIMAL: a power of ten, at most 10^18 */
	const char *const *choices;        /* CONFIG_CHOICE, NULL-terminated */
	const struct config_field *fields; /* CONFIG_SECTION; CONFIG_LIST of structures */
	enum config_type element;          /* CONFIG_LIST of scalars, where fields is NULL */
	size_t element_size;               /* CONFIG_LIST */
	size_t list_maximum;               /* CONFIG_LIST; must be set */
	const char *help;                  /* one line, shown by --print-config */
};

/* Where and why a text was refused. line is 0 when the file could not be read at all. */
struct config_problem {
	char text[512]; /* "file:line: path: reason" */
	int line;
};

/*
 * Parses `size` bytes of YAML named `file` into `target` (zeroed here first, `target_size` bytes).
 * An empty document is an empty mapping. On failure fills *problem, leaves target zeroed, gives back
 * what it took from the arena and returns SYNTAX, DUPLICATE (key), UNKNOWN_FIELD, MISSING_FIELD,
 * BAD_VALUE, UNKNOWN_UNIT, AMOUNT_..., TOO_LARGE (nesting, list, more than CONFIG_SIZE) or -ENOMEM.
 */
int config_parse(const char *text, size_t size, const char *file, const struct config_field *fields,
                 void *target, size_t target_size, struct arena *arena,
                 struct config_problem *problem) CHECKED;
/* As config_parse on a file of at most CONFIG_SIZE bytes; also -errno. */
int config_read(const char *path, const struct config_field *fields, void *target, size_t target_size,
                struct arena *arena, struct config_problem *problem) CHECKED;
/*
 * Writes the effective configuration, with the fields' help as comments, as YAML that parses back to the
 * same structure. What is zero because it was absent is left out. Errors show in ferror(stream).
 */
void config_print(FILE *stream, const struct config_field *fields, const void *source);

#endif
