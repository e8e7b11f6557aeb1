/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the gateways' JSON documents, and numbers as people read them. What is absent or of another
 * type reads as "" or 0, so that a document of a newer gateway is shown as far as it is understood.
 */
#ifndef CLI_DOCUMENT_H
#define CLI_DOCUMENT_H

#include "base/arena.h"
#include "base/compiler.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { DOCUMENT_TEXT = 48 };

/* A reference of the caller's. MALFORMED when it is no JSON object. */
int document_parse(const char *text, json_t **ret_object) CHECKED;
/* One line of JSON. 0 or -EIO. */
int document_write(const json_t *object, FILE *stream) CHECKED;

const char *document_text(const json_t *object, const char *key);
int64_t document_integer(const json_t *object, const char *key);
/* Integers and reals. */
double document_number(const json_t *object, const char *key);
bool document_flag(const json_t *object, const char *key);
/* Number of elements of the array; 0 when there is none. */
size_t document_count(const json_t *object, const char *key);
/* Borrowed; NULL past the end. */
json_t *document_at(const json_t *object, const char *key, size_t index);
/* Text of the "error" member {code, name, text}; NULL when that is null or absent. */
const char *document_error(const json_t *object);

/* "31.2 ms", "1.25 s", "3.5 min", "2.0 h", "4.0 d" of milliseconds; "-" below 0. Returns text. */
char *document_duration(double milliseconds, char text[DOCUMENT_TEXT]);
/* Local date and time of ns since 1970; "-" for 0. */
char *document_time(int64_t time, char text[DOCUMENT_TEXT]);
/* "edge-a > core-1 > dc-1" of an array of texts, in the arena. Never NULL. */
const char *document_path(const json_t *array, struct arena *arena);

#endif
