/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/program_builder.h"

#include "base/error.h"
#include "grammar/calendar.h"
#include "grammar/parser.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

void program_builder_open(struct program_builder *builder, struct report *report,
                          const struct grammar_names *names)
{
	memset(builder, 0, sizeof(*builder));
	builder->report = report;
	builder->names = names;
	builder->place = (struct token){.line = 1, .column = 1};
	/* A place to write to after there was no room for an instruction. */
	builder->current = &builder->program.instructions[0];
}

/* The token's text with a NUL; false when it is longer than any text of its kind. */
static bool copy_text(const struct token *token, size_t capacity, char *target)
{
	if (token->size >= capacity)
		return false;
	memcpy(target, token->text, token->size);
	target[token->size] = '\0';
	return true;
}

/* A number is site.gateway; anything else a name that `names` knows. An absent token is nobody. */
static void read_gateway(struct program_builder *builder, const struct token *token,
                         struct gateway_identity *ret_identity)
{
	const struct grammar_names *names = builder->names;
	struct gateway_identity identity;
	char quote[TOKEN_QUOTE], name[GATEWAY_NAME];

	if (token->size == 0)
		return;
	if (token->kind == TOKEN_NUMBER) {
		if (!copy_text(token, sizeof(name), name) || gateway_parse(name, &identity) < 0)
			(void)REPORT(builder->report, BUSBAR_ERROR_BAD_VALUE, token,
			             "%s is no gateway: expected site.gateway or a name",
			             token_quote(token, quote));
		else
			*ret_identity = identity;
		return;
	}
	if (value_name(builder->report, token, sizeof(name), name) < 0)
		return;
	if (!names || !names->identity || names->identity(names->context, name, &identity) < 0)
		(void)REPORT(builder->report, BUSBAR_ERROR_BAD_VALUE, token, "no gateway has the name %s",
		             token_quote(token, quote));
	else
		*ret_identity = identity;
}

/* A number of the type, or 0 for an absent token. */
static int64_t read_number(struct program_builder *builder, enum value_type type, const struct token *token)
{
	int64_t value = 0;

	if (token->size > 0)
		value_number(builder->report, type, token, &value);
	return value;
}

static uint16_t read_u16(struct program_builder *builder, const struct token *token, uint32_t minimum)
{
	uint32_t count = 0;

	value_count(builder->report, token, minimum, UINT16_MAX, &count);
	return (uint16_t)count;
}

void program_builder_head(struct program_builder *builder, const struct token *identifier,
                          const struct token *ingress, const struct token *part, const struct token *parts,
                          const struct token *expires)
{
	struct program *program = &builder->program;
	char text[IDENTIFIER_TEXT];
	int code;

	builder->place = *identifier;
	if (!copy_text(identifier, sizeof(text), text) || identifier_parse(text, &program->identifier) < 0)
		(void)REPORT(builder->report, BUSBAR_ERROR_BAD_VALUE, identifier, "no identifier");
	read_gateway(builder, ingress, &program->ingress);
	program->part = read_u16(builder, part, 1);
	program->parts = read_u16(builder, parts, 1);
	code = calendar_parse(expires->text, expires->size, &program->expires);
	if (code < 0)
		(void)REPORT(builder->report, code, expires, "no time of 1970 to 2262");
}

void program_builder_at(struct program_builder *builder, const struct token *gateway)
{
	struct program *program = &builder->program;

	if (program->instruction_count == PROGRAM_INSTRUCTIONS) {
		(void)REPORT(builder->report, BUSBAR_ERROR_TOO_LARGE, gateway, "more than %d instructions",
		             PROGRAM_INSTRUCTIONS);
		return;
	}
	builder->current = &program->instructions[program->instruction_count++];
	read_gateway(builder, gateway, &builder->current->at);
}

void program_builder_operation(struct program_builder *builder, enum operation operation)
{
	builder->current->operation = operation;
}

static void refuse_second(struct program_builder *builder, const struct token *place)
{
	char quote[TOKEN_QUOTE];

	(void)REPORT(builder->report, BUSBAR_ERROR_SYNTAX, place, "%s for the second time",
	             token_quote(place, quote));
}

void program_builder_toward(struct program_builder *builder, const struct token *place,
                            const struct program_direction *direction)
{
	struct program_reserve *reserve = &builder->current->reserve;

	if (reserve->toward.site != 0 || reserve->rate != 0)
		refuse_second(builder, place);
	reserve->rate = (uint64_t)read_number(builder, VALUE_RATE, &direction->rate);
	reserve->burst = (uint64_t)read_number(builder, VALUE_BYTES, &direction->burst);
	reserve->jitter = read_number(builder, VALUE_DURATION, &direction->jitter);
	reserve->tariff = read_number(builder, VALUE_MONEY, &direction->tariff);
	read_gateway(builder, &direction->gateway, &reserve->toward);
}

void program_builder_back(struct program_builder *builder, const struct token *place,
                          const struct program_direction *direction)
{
	struct program_reserve *reserve = &builder->current->reserve;

	if (reserve->back.site != 0 || reserve->back_rate != 0)
		refuse_second(builder, place);
	reserve->back_rate = (uint64_t)read_number(builder, VALUE_RATE, &direction->rate);
	reserve->back_burst = (uint64_t)read_number(builder, VALUE_BYTES, &direction->burst);
	reserve->back_jitter = read_number(builder, VALUE_DURATION, &direction->jitter);
	reserve->back_tariff = read_number(builder, VALUE_MONEY, &direction->tariff);
	read_gateway(builder, &direction->gateway, &reserve->back);
}

void program_builder_reserve(struct program_builder *builder, const struct token *class,
                             const struct token *time, const struct token *limit)
{
	program_builder_operation(builder, OPERATION_RESERVE);
	if (class->size > 0)
		value_count(builder->report, class, 0, LINK_CLASSES - 1, &builder->current->reserve.class);
	builder->current->reserve.time = read_number(builder, VALUE_DURATION, time);
	builder->current->reserve.limit = read_number(builder, VALUE_MONEY, limit);
}

void program_builder_resource(struct program_builder *builder, const struct token *kind,
                              const struct token *amount, const struct token *tariff,
                              const struct token *limit)
{
	struct program_claim *claim = &builder->current->claim;
	struct program_claim_resource resource = {0};

	if (claim->resource_count == PLAN_CLAIMS) {
		(void)REPORT(builder->report, BUSBAR_ERROR_TOO_LARGE, kind, "more than %d resources",
		             PLAN_CLAIMS);
		return;
	}
	if (value_kind(builder->report, kind, &resource.kind) < 0 ||
	    value_amount(builder->report, resource.kind, false, amount, &resource.amount) < 0)
		return;
	resource.tariff = read_number(builder, VALUE_MONEY, tariff);
	resource.limit = read_number(builder, VALUE_MONEY, limit);
	claim->resources[claim->resource_count++] = resource;
}

void program_builder_claim(struct program_builder *builder, const struct token *time)
{
	program_builder_operation(builder, OPERATION_CLAIM);
	builder->current->claim.time = read_number(builder, VALUE_DURATION, time);
}

void program_builder_fetch(struct program_builder *builder, const struct token *digest,
                           const struct token *size)
{
	struct program_fetch *fetch = &builder->current->fetch;

	program_builder_operation(builder, OPERATION_FETCH);
	value_digest(builder->report, digest, fetch->digest);
	fetch->size = (uint64_t)read_number(builder, VALUE_BYTES, size);
}

void program_builder_service(struct program_builder *builder, const struct token *service,
                             const struct token *version)
{
	struct program_execute *execute = &builder->current->execute;

	value_name(builder->report, service, sizeof(execute->service), execute->service);
	if (version->size > 0)
		value_name(builder->report, version, sizeof(execute->version), execute->version);
}

void program_builder_argument(struct program_builder *builder, const struct token *text)
{
	struct program_execute *execute = &builder->current->execute;

	value_append(builder->report, text, DEMAND_ARGUMENTS, sizeof(execute->arguments), execute->arguments,
	             &execute->argument_count);
}

void program_builder_execute(struct program_builder *builder, const struct token *tariff,
                             const struct token *limit, const struct token *inlined)
{
	struct program_execute *execute = &builder->current->execute;

	program_builder_operation(builder, OPERATION_EXECUTE);
	execute->tariff = read_number(builder, VALUE_MONEY, tariff);
	execute->limit = read_number(builder, VALUE_MONEY, limit);
	execute->inlined = inlined->size > 0;
}

static void read_address(struct program_builder *builder, const struct token *token, uint8_t ret_address[16])
{
	char text[INET6_ADDRSTRLEN];

	if (value_text(builder->report, token, sizeof(text), text) == 0 &&
	    inet_pton(AF_INET6, text, ret_address) != 1)
		(void)REPORT(builder->report, BUSBAR_ERROR_BAD_VALUE, token, "no IPv6 address");
}

void program_builder_deliver(struct program_builder *builder, const struct token *to,
                             const struct token *address, const struct token *port,
                             const struct token *output)
{
	struct program_deliver *deliver = &builder->current->deliver;

	program_builder_operation(builder, OPERATION_DELIVER);
	read_gateway(builder, to, &deliver->to);
	read_address(builder, address, deliver->address);
	deliver->port = read_u16(builder, port, 0);
	deliver->output_maximum = (uint64_t)read_number(builder, VALUE_BYTES, output);
}

void program_builder_attach(struct program_builder *builder, const struct token *client,
                            const struct token *service)
{
	program_builder_operation(builder, OPERATION_ATTACH);
	read_address(builder, client, builder->current->attach.client);
	read_address(builder, service, builder->current->attach.service);
}

void program_builder_refresh(struct program_builder *builder, const struct token *time)
{
	program_builder_operation(builder, OPERATION_REFRESH);
	builder->current->refresh.time = read_number(builder, VALUE_DURATION, time);
}

/* The code of an error's name, 0 when there is none. */
static int find_error(const struct token *name)
{
	for (unsigned i = 1; i < ERROR_COUNT; i++)
		if (token_is(name, error_name(error_code_at(i))))
			return error_code_at(i);
	return 0;
}

/* A negative number of 32 bits; 0 when it is none. */
static int error_number(const struct token *number)
{
	int64_t code = 0;

	if (number->text[0] != '-')
		return 0;
	for (size_t i = 1; i < number->size; i++) {
		code = 10 * code - (number->text[i] - '0');
		if (number->text[i] < '0' || number->text[i] > '9' || code < INT32_MIN)
			return 0;
	}
	return (int)code;
}

void program_builder_release(struct program_builder *builder, const struct token *cause)
{
	char quote[TOKEN_QUOTE];
	int code = 0;

	program_builder_operation(builder, OPERATION_RELEASE);
	if (cause->kind == TOKEN_DONE)
		return;
	code = cause->kind == TOKEN_NUMBER ? error_number(cause) : find_error(cause);
	if (code == 0)
		(void)REPORT(builder->report, BUSBAR_ERROR_BAD_VALUE, cause,
		             "%s is no error: expected a name as BAD_MAC or a negative number",
		             token_quote(cause, quote));
	builder->current->release = code;
}

int program_builder_finish(struct program_builder *builder, struct program *ret_program)
{
	struct report *report = builder->report;
	int code;

	if (report->code < 0)
		return report->code;
	code = program_check(&builder->program);
	if (code < 0)
		return REPORT(report, code, &builder->place, "the program: %s", error_text(code));
	*ret_program = builder->program;
	return 0;
}
