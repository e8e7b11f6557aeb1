/* SPDX-License-Identifier: Apache-2.0 */
/* Single values. Numbers go through base/unit.h; addresses are those of RFC 4291 and dotted IPv4. */
#include "base/config_value.h"
#include "base/error.h"
#include "base/unit.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { ADDRESS_TEXT = 64 };

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

typedef int (*parse_function)(const struct config_field *field, struct config_scalar scalar,
                              struct arena *arena, void *target);
typedef void (*print_function)(FILE *stream, const struct config_field *field, const void *source);

static int parse_boolean(const struct config_field *field, struct config_scalar scalar, struct arena *arena,
                         void *target)
{
	bool value = strcmp(scalar.text, "true") == 0;

	if (!scalar.plain || (!value && strcmp(scalar.text, "false") != 0))
		return BUSBAR_ERROR_BAD_VALUE;
	*(bool *)target = value;
	return 0;
}

static void print_boolean(FILE *stream, const struct config_field *field, const void *source)
{
	(void)fputs(*(const bool *)source ? "true" : "false", stream);
}

/* Stores a number inside the field's bounds; an open top is a maximum of 0. */
static int store_number(const struct config_field *field, int64_t value, void *target)
{
	bool open = field->maximum == 0 && field->minimum >= 0;

	if (value < field->minimum || (!open && value > field->maximum))
		return BUSBAR_ERROR_BAD_VALUE;
	*(int64_t *)target = value;
	return 0;
}

static int parse_integer(const struct config_field *field, struct config_scalar scalar, struct arena *arena,
                         void *target)
{
	const char *digits = scalar.text;
	bool negative = *digits == '-';
	int64_t value = 0;

	digits += negative;
	if (!scalar.plain || *digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return BUSBAR_ERROR_BAD_VALUE;
	if (negative && field->minimum >= 0)
		return BUSBAR_ERROR_AMOUNT_NEGATIVE;
	/* Built on the negative side, which is the larger one. */
	for (; *digits != '\0'; digits++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, *digits - '0', &value))
			return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	}
	if (!negative && __builtin_sub_overflow(0, value, &value))
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	return store_number(field, value, target);
}

static void print_integer(FILE *stream, const struct config_field *field, const void *source)
{
	(void)fprintf(stream, "%" PRId64, *(const int64_t *)source);
}

static int parse_decimal(const struct config_field *field, struct config_scalar scalar, struct arena *arena,
                         void *target)
{
	int64_t value = 0;
	int code = unit_parse_decimal(scalar.text, field->scale, &value);

	return code < 0 ? code : store_number(field, value, target);
}

static void print_decimal(FILE *stream, const struct config_field *field, const void *source)
{
	char text[UNIT_TEXT];

	(void)fputs(unit_format_decimal(*(const int64_t *)source, field->scale, text), stream);
}

static int parse_text(const struct config_field *field, struct config_scalar scalar, struct arena *arena,
                      void *target)
{
	char *copy;

	/* `key:` and `key: ~` are no texts; in quotes they are. */
	if (scalar.plain &&
	    (*scalar.text == '\0' || strcmp(scalar.text, "~") == 0 || strcasecmp(scalar.text, "null") == 0))
		return BUSBAR_ERROR_BAD_VALUE;
	copy = arena_text(arena, scalar.text);
	if (!copy)
		return -ENOMEM;
	*(const char **)target = copy;
	return 0;
}

/* Decodes one UTF-8 character; an ill-formed octet counts as itself. *ret_size: octets passed over. */
static uint32_t decode(const char *text, size_t *ret_size)
{
	const uint8_t *octets = (const uint8_t *)text;
	size_t more = octets[0] >= 0xf0 ? 3 : octets[0] >= 0xe0 ? 2 : octets[0] >= 0xc0 ? 1 : 0;
	uint32_t character = octets[0] & (more ? 0x3fU >> more : 0xffU);

	for (size_t i = 1; i <= more; i++) {
		if ((octets[i] & 0xc0) != 0x80) {
			*ret_size = 1;
			return octets[0];
		}
		character = character << 6 | (octets[i] & 0x3f);
	}
	*ret_size = more + 1;
	return character;
}

/* Always in double quotes, everything outside printable ASCII escaped. */
static void print_text(FILE *stream, const struct config_field *field, const void *source)
{
	const char *text = *(const char *const *)source;
	size_t size = 0;

	(void)fputc('"', stream);
	for (; text && *text != '\0'; text += size) {
		uint32_t character = decode(text, &size);

		if (character == '"' || character == '\\')
			(void)fprintf(stream, "\\%c", (int)character);
		else if (character >= 0x20 && character <= 0x7e)
			(void)fputc((int)character, stream);
		else
			(void)fprintf(stream, "\\U%08" PRIX32, character);
	}
	(void)fputc('"', stream);
}

/* The types with a fixed set of units share their shape. */
#define UNIT_TYPE(name)                                                                        \
	static int parse_##name(const struct config_field *field, struct config_scalar scalar, \
	                        struct arena *arena, void *target)                             \
	{                                                                                      \
		int64_t value = 0;                                                             \
		int code = unit_parse_##name(scalar.text, &value);                             \
                                                                                               \
		return code < 0 ? code : store_number(field, value, target);                   \
	}
#define UNIT_PRINT(name)                                                                             \
	static void print_##name(FILE *stream, const struct config_field *field, const void *source) \
	{                                                                                            \
		char text[UNIT_TEXT];                                                                \
                                                                                                     \
		(void)fputs(unit_format_##name(*(const int64_t *)source, text), stream);             \
	}

UNIT_TYPE(duration)
UNIT_PRINT(duration)
UNIT_TYPE(bytes)
UNIT_PRINT(bytes)
UNIT_TYPE(bitrate)
UNIT_PRINT(bitrate)
UNIT_TYPE(ratio)

static void print_ratio(FILE *stream, const struct config_field *field, const void *source)
{
	char text[UNIT_TEXT];

	(void)fputs(unit_format_decimal(*(const int64_t *)source, 1000000, text), stream);
}

static int parse_choice(const struct config_field *field, struct config_scalar scalar, struct arena *arena,
                        void *target)
{
	for (int i = 0; field->choices[i]; i++) {
		if (strcmp(scalar.text, field->choices[i]) == 0) {
			*(int *)target = i;
			return 0;
		}
	}
	return BUSBAR_ERROR_BAD_VALUE;
}

static void print_choice(FILE *stream, const struct config_field *field, const void *source)
{
	int index = *(const int *)source;
	int count = 0;
	const char *text = "";

	while (field->choices[count])
		count++;
	if (index >= 0 && index < count)
		text = field->choices[index];
	print_text(stream, field, &text);
}

/* A number of at most `maximum` in decimal digits, nothing else; -1 for anything else. */
static int small_number(const char *text, int maximum)
{
	int value = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (*text - '0');
		if (value > maximum)
			return -1;
	}
	return value;
}

/* Cuts `text` at the first (or, in brackets, at the closing) mark; NULL without it. */
static char *cut(char *text, char mark)
{
	char *rest = strchr(text, mark);

	if (!rest)
		return NULL;
	*rest = '\0';
	return rest + 1;
}

/* Splits `text` in place into host, length and port; the parts not given are NULL. */
static bool split_address(char *text, char **ret_host, char **ret_length, char **ret_port)
{
	*ret_host = text;
	*ret_length = NULL;
	*ret_port = NULL;
	if (*text == '[') {
		char *rest = cut(text, ']');

		*ret_host = text + 1;
		*ret_port = rest && *rest == ':' ? rest + 1 : NULL;
		return rest && (*rest == ':' || *rest == '\0') && strchr(*ret_host, ':');
	}
	*ret_length = cut(text, '/');
	if (!*ret_length && strchr(text, '.') && strchr(text, ':') == strrchr(text, ':'))
		*ret_port = cut(text, ':');
	return true;
}

static int parse_address(const struct config_field *field, struct config_scalar scalar, struct arena *arena,
                         void *target)
{
	struct config_address address = {.present = true, .length = 128};
	char text[ADDRESS_TEXT];
	char *host, *length, *port;
	int host_bits = 128;

	if (strlen(scalar.text) >= sizeof(text))
		return BUSBAR_ERROR_BAD_VALUE;
	memcpy(text, scalar.text, strlen(scalar.text) + 1);
	if (!split_address(text, &host, &length, &port))
		return BUSBAR_ERROR_BAD_VALUE;
	if (inet_pton(AF_INET, host, address.octets + 12) == 1) {
		memcpy(address.octets, mapped_prefix, sizeof(mapped_prefix));
		host_bits = 32;
	} else if (inet_pton(AF_INET6, host, address.octets) != 1) {
		return BUSBAR_ERROR_BAD_VALUE;
	}
	if (length)
		address.length = small_number(length, host_bits);
	if (port)
		address.port = small_number(port, UINT16_MAX);
	if (address.length < 0 || address.port < 0)
		return BUSBAR_ERROR_BAD_VALUE;
	if (length)
		address.length += 128 - host_bits;
	*(struct config_address *)target = address;
	return 0;
}

static void print_address(FILE *stream, const struct config_field *field, const void *source)
{
	const struct config_address *address = source;
	bool version_4 = memcmp(address->octets, mapped_prefix, 12) == 0 && address->length >= 96;
	char text[INET6_ADDRSTRLEN];

	if (version_4)
		(void)inet_ntop(AF_INET, address->octets + 12, text, sizeof(text));
	else
		(void)inet_ntop(AF_INET6, address->octets, text, sizeof(text));
	if (address->length != 128)
		(void)fprintf(stream, "\"%s/%d\"", text, address->length - (version_4 ? 96 : 0));
	else if (address->port == 0)
		(void)fprintf(stream, "\"%s\"", text);
	else
		(void)fprintf(stream, version_4 ? "\"%s:%d\"" : "\"[%s]:%d\"", text, address->port);
}

/* Indexed by enum config_type. The reason is what a bad value should have been. */
static const struct type {
	parse_function parse;
	print_function print;
	size_t size;
	const char *reason;
} types[] = {
        [CONFIG_BOOLEAN] = {parse_boolean, print_boolean, sizeof(bool), "must be true or false"},
        [CONFIG_INTEGER] = {parse_integer, print_integer, sizeof(int64_t), "must be a whole number in range"},
        [CONFIG_DECIMAL] = {parse_decimal, print_decimal, sizeof(int64_t), "must be a number in range"},
        [CONFIG_TEXT] = {parse_text, print_text, sizeof(const char *), "must be a text"},
        [CONFIG_DURATION] = {parse_duration, print_duration, sizeof(int64_t), "must be a duration in range"},
        [CONFIG_BYTES] = {parse_bytes, print_bytes, sizeof(int64_t), "must be a size in range"},
        [CONFIG_BITRATE] = {parse_bitrate, print_bitrate, sizeof(int64_t), "must be a bit rate in range"},
        [CONFIG_RATIO] = {parse_ratio, print_ratio, sizeof(int64_t), "must be a ratio in range"},
        [CONFIG_CHOICE] = {parse_choice, print_choice, sizeof(int), "is not one of the choices"},
        [CONFIG_ADDRESS] = {parse_address, print_address, sizeof(struct config_address),
                            "must be an address, prefix or address with port"},
};

bool config_value_is_scalar(enum config_type type)
{
	return type != CONFIG_SECTION && type != CONFIG_LIST;
}

int config_value_parse(const struct config_field *field, struct config_scalar scalar, struct arena *arena,
                       void *target, const char **ret_reason)
{
	int code = types[field->type].parse(field, scalar, arena, target);

	if (code == BUSBAR_ERROR_BAD_VALUE)
		*ret_reason = types[field->type].reason;
	else if (code < 0)
		*ret_reason = error_text(code);
	return code;
}

void config_value_print(FILE *stream, const struct config_field *field, const void *source)
{
	types[field->type].print(stream, field, source);
}

bool config_value_is_zero(const struct config_field *field, const void *source)
{
	const uint8_t *octets = source;

	if (field->type == CONFIG_ADDRESS)
		return !((const struct config_address *)source)->present;
	for (size_t i = 0; i < types[field->type].size; i++) {
		if (octets[i] != 0)
			return false;
	}
	return true;
}
