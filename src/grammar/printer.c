/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/printer.h"

#include "grammar/lexer.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

char *printer_run(enum printer_style style, printer_function *function, const void *object,
                  const void *context, struct arena *arena)
{
	struct printer printer = {.style = style, .context = context};

	function(&printer, object);
	printer.capacity = printer.size + 1;
	printer.target = arena_alloc(arena, printer.capacity);
	if (!printer.target)
		return NULL;
	printer.size = 0;
	function(&printer, object);
	return printer.target;
}

void printer_put(struct printer *printer, const char *format, ...)
{
	char *at = printer->target ? printer->target + printer->size : NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(at, at ? printer->capacity - printer->size : 0, format, arguments);
	va_end(arguments);
	if (length > 0)
		printer->size += (size_t)length;
}

/* Control characters have no form in the text style and never come from a reader: a space is shown. */
static void put_escaped(struct printer *printer, char octet)
{
	bool control = (unsigned char)octet < ' ' || octet == 0x7f;

	if (octet == '"' || octet == '\\')
		printer_put(printer, "\\%c", octet);
	else if (control && printer->style == PRINTER_YAML)
		printer_put(printer, "\\x%02x", (unsigned)octet);
	else
		printer_put(printer, "%c", control ? ' ' : octet);
}

void printer_quoted(struct printer *printer, const char *text)
{
	printer_put(printer, "\"");
	for (; *text != '\0'; text++)
		put_escaped(printer, *text);
	printer_put(printer, "\"");
}

/* Words that some YAML reader takes for a boolean or for nothing. */
static bool is_yaml_word(const char *text)
{
	static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], text) == 0)
			return true;
	return false;
}

void printer_name(struct printer *printer, const char *text)
{
	size_t size = strlen(text);
	bool taken = printer->style == PRINTER_YAML ? is_yaml_word(text) : lexer_is_keyword(text, size);

	if (lexer_is_word(text, size) && !taken)
		printer_put(printer, "%s", text);
	else
		printer_quoted(printer, text);
}

void printer_text(struct printer *printer, const char *text)
{
	if (printer->style == PRINTER_YAML)
		printer_name(printer, text);
	else
		printer_quoted(printer, text);
}

void printer_indent(struct printer *printer)
{
	for (int i = 0; i < printer->depth; i++)
		printer_put(printer, printer->style == PRINTER_YAML ? "  " : "\t");
}

void printer_open(struct printer *printer, const char *name)
{
	printer_indent(printer);
	printer_put(printer, printer->style == PRINTER_YAML ? "%s:" : "%s", name);
}

void printer_close(struct printer *printer)
{
	printer_put(printer, printer->style == PRINTER_YAML ? "\n" : ";\n");
}
