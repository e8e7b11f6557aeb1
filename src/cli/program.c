/* SPDX-License-Identifier: Apache-2.0 */
/* program show and assemble: packet programs between their text and binary forms. */
#include "base/hex.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/names.h"
#include "cli/stream.h"
#include "cli/table.h"
#include "wire/packet.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names are a convenience: without a gateway, identities stand for themselves. */
static json_t *read_view(struct session *session)
{
	json_t *view = NULL;
	int code = session->busbar == NULL ? 0 : session_get(session, BUSBAR_VIEW, NULL, &view);

	if (code < 0)
		(void)complain_code(session->busbar, code, "gateways are shown by number");
	return view;
}

static int print_programs(struct session *session, const json_t *document)
{
	for (size_t i = 0; i < document_count(document, "programs"); i++) {
		const char *text = json_string_value(document_at(document, "programs", i));

		(void)fputs(i == 0 ? "" : "\n", session->out);
		/* A text of the grammar's printer: its only control characters are tabs and newlines. */
		for (const char *at = text == NULL ? "" : text; *at != '\0'; at++)
			(void)fputc(iscntrl((unsigned char)*at) && *at != '\t' && *at != '\n' ? '?' : *at,
			            session->out);
	}
	return 0;
}

/* Hexadecimal digits and blanks become octets in place; anything else is binary already. */
static size_t read_hex(char *bytes, size_t size)
{
	char *digits = malloc(size + 1);
	size_t count = 0, kept = size;

	for (size_t i = 0; digits != NULL && i < size; i++)
		if (!isspace((unsigned char)bytes[i]))
			digits[count++] = bytes[i];
	if (digits != NULL && count > 0) {
		digits[count] = '\0';
		if (count % 2 == 0 && hex_parse(digits, bytes, count / 2) == 0)
			kept = count / 2;
	}
	free(digits);
	return kept;
}

static int decode(const char *path, struct program *ret_program)
{
	void *bytes;
	size_t size;
	int code = stream_read(path, GRAMMAR_TEXT, &bytes, &size);

	if (code < 0)
		return code;
	code = packet_decode_program(bytes, read_hex(bytes, size), ret_program);
	free(bytes);
	return code;
}

static int show_file(struct session *session, const char *path)
{
	struct program program;
	int code = decode(path, &program);
	json_t *view;
	struct grammar_names names;
	const char *text;

	if (code < 0)
		return complain_code(NULL, code, path);
	view = read_view(session);
	names = names_of(view);
	text = grammar_print_program(&program, &names, session->arena);
	json_decref(view);
	if (text == NULL)
		return complain_code(NULL, -ENOMEM, path);
	(void)fputs(text, session->out);
	return COMPLAIN_DONE;
}

/* What looks like a task and is no file here is a task. */
static bool is_task(const char *word)
{
	struct identifier identifier;

	return access(word, F_OK) != 0 && identifier_parse(word, &identifier) == 0;
}

int program_show(struct session *session)
{
	const char *word = session->words[0];

	if (!is_task(word))
		return show_file(session, word);
	if (session->busbar == NULL)
		return complain(COMPLAIN_FAILED, "%s: no gateway is configured", word);
	return session_show(session, BUSBAR_PROGRAM, word, print_programs);
}

static int parse(struct session *session, const char *path, const char *text, size_t size,
                 struct program *ret_program)
{
	json_t *view = read_view(session);
	struct grammar_names names = names_of(view);
	struct grammar_problem problem = {.line = 0};
	int code = grammar_parse_program(text, size, path, &names, ret_program, &problem);

	json_decref(view);
	if (code == 0)
		return COMPLAIN_DONE;
	if (problem.text[0] != '\0')
		return complain(COMPLAIN_FAILED, "%s", problem.text);
	return complain_code(NULL, code, path);
}

/* To the file as it is, to the terminal in hexadecimal. */
static int put_binary(struct session *session, const uint8_t *bytes, size_t size)
{
	const char *output = session->options->output;
	char digits[2 * PACKET_MAXIMUM + 1];
	int code;

	if (output == NULL) {
		(void)fprintf(session->out, "%s\n", hex_format(bytes, size, digits));
		return COMPLAIN_DONE;
	}
	code = stream_write(output, bytes, size);
	return code < 0 ? complain_code(NULL, code, output) : COMPLAIN_DONE;
}

int program_assemble(struct session *session)
{
	const char *path = session->words[0];
	uint8_t bytes[PACKET_MAXIMUM];
	struct program program;
	void *text;
	size_t size;
	int code = stream_read(path, GRAMMAR_TEXT, &text, &size);
	int status;

	if (code < 0)
		return complain_code(NULL, code, path);
	status = parse(session, path, text, size, &program);
	free(text);
	if (status != COMPLAIN_DONE)
		return status;
	code = packet_encode_program(&program, bytes, sizeof(bytes));
	return code < 0 ? complain_code(NULL, code, path) : put_binary(session, bytes, (size_t)code);
}
