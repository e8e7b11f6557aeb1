/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/program_printer.h"

#include "base/error.h"
#include "grammar/calendar.h"
#include "grammar/grammar.h"
#include "grammar/value.h"
#include "model/program.h"
#include <arpa/inet.h>
#include <string.h>

static void put_gateway(struct printer *printer, struct gateway_identity identity)
{
	const struct grammar_names *names = printer->context;
	const char *name = names && names->name ? names->name(names->context, identity) : NULL;
	char text[GATEWAY_TEXT];

	if (name)
		printer_name(printer, name);
	else
		printer_put(printer, "%s", gateway_text(identity, text));
}

/* A space, the word, a space and the value; nothing for 0. */
static void put_optional(struct printer *printer, const char *word, enum value_type type, int64_t value)
{
	char buffer[UNIT_TEXT];

	if (value != 0)
		printer_put(printer, " %s %s", word, value_format(type, value, buffer));
}

static void put_time(struct printer *printer, int64_t time)
{
	char buffer[UNIT_TEXT];

	printer_put(printer, " for %s", value_format(VALUE_DURATION, time, buffer));
}

/* What a reservation says of one of its outputs. */
struct direction {
	const char *word;
	struct gateway_identity gateway;
	uint64_t rate, burst;
	int64_t jitter;
	money tariff;
};

/* Behind `before`; true when there is anything to say. */
static bool put_direction(struct printer *printer, const char *before, const struct direction *direction)
{
	char buffer[UNIT_TEXT];

	if (gateway_is_none(direction->gateway) && direction->rate == 0 && direction->burst == 0 &&
	    direction->jitter == 0 && direction->tariff == 0)
		return false;
	printer_put(printer, "%s%s", before, value_format(VALUE_RATE, (int64_t)direction->rate, buffer));
	put_optional(printer, "burst", VALUE_BYTES, (int64_t)direction->burst);
	put_optional(printer, "jitter", VALUE_DURATION, direction->jitter);
	printer_put(printer, " %s", direction->word);
	if (!gateway_is_none(direction->gateway)) {
		printer_put(printer, " ");
		put_gateway(printer, direction->gateway);
	}
	put_optional(printer, "tariff", VALUE_MONEY, direction->tariff);
	return true;
}

static void print_reserve(struct printer *printer, const struct instruction *instruction)
{
	const struct program_reserve *reserve = &instruction->reserve;
	const struct direction toward = {"toward",       reserve->toward, reserve->rate,
	                                 reserve->burst, reserve->jitter, reserve->tariff};
	const struct direction back = {"back",
	                               reserve->back,
	                               reserve->back_rate,
	                               reserve->back_burst,
	                               reserve->back_jitter,
	                               reserve->back_tariff};
	bool first = put_direction(printer, " ", &toward);

	(void)put_direction(printer, first ? ", " : " ", &back);
	if (reserve->class > 0)
		printer_put(printer, " class %u", reserve->class);
	put_time(printer, reserve->time);
	put_optional(printer, "limit", VALUE_MONEY, reserve->limit);
}

static void print_claim(struct printer *printer, const struct instruction *instruction)
{
	const struct program_claim *claim = &instruction->claim;
	char buffer[UNIT_TEXT];

	for (uint32_t i = 0; i < claim->resource_count; i++) {
		const struct program_claim_resource *resource = &claim->resources[i];

		printer_put(printer, "%s %s %s", i > 0 ? "," : "", resource_descriptions[resource->kind].name,
		            value_amount_format(resource->kind, resource->amount, buffer));
		put_optional(printer, "tariff", VALUE_MONEY, resource->tariff);
		put_optional(printer, "limit", VALUE_MONEY, resource->limit);
	}
	put_time(printer, claim->time);
}

static void print_fetch(struct printer *printer, const struct instruction *instruction)
{
	char digest[DIGEST_TEXT], size[UNIT_TEXT];

	printer_put(printer, " %s size %s", value_digest_format(instruction->fetch.digest, digest),
	            value_format(VALUE_BYTES, (int64_t)instruction->fetch.size, size));
}

static void print_execute(struct printer *printer, const struct instruction *instruction)
{
	const struct program_execute *execute = &instruction->execute;
	const char *argument = execute->arguments;

	printer_put(printer, execute->service[0] != '\0' ? " " : " run");
	if (execute->service[0] != '\0')
		printer_quoted(printer, execute->service);
	for (uint32_t i = 0; i < execute->argument_count; i++, argument += strlen(argument) + 1) {
		printer_put(printer, " ");
		printer_quoted(printer, argument);
	}
	if (execute->version[0] != '\0') {
		printer_put(printer, " version ");
		printer_quoted(printer, execute->version);
	}
	put_optional(printer, "tariff", VALUE_MONEY, execute->tariff);
	put_optional(printer, "limit", VALUE_MONEY, execute->limit);
	printer_put(printer, execute->inlined ? " inline" : "");
}

static void print_deliver(struct printer *printer, const struct instruction *instruction)
{
	const struct program_deliver *deliver = &instruction->deliver;
	char address[INET6_ADDRSTRLEN];

	printer_put(printer, " to ");
	put_gateway(printer, deliver->to);
	printer_put(printer, " address \"%s\" port %u",
	            inet_ntop(AF_INET6, deliver->address, address, sizeof(address)), deliver->port);
	put_optional(printer, "output", VALUE_BYTES, (int64_t)deliver->output_maximum);
}

static void print_release(struct printer *printer, const struct instruction *instruction)
{
	const char *name = error_name(instruction->release);

	if (instruction->release == 0)
		printer_put(printer, " done");
	else if (name)
		printer_put(printer, " void %s", name);
	else
		printer_put(printer, " void %d", instruction->release);
}

static void print_attach(struct printer *printer, const struct instruction *instruction)
{
	const struct program_attach *attach = &instruction->attach;
	char client[INET6_ADDRSTRLEN], service[INET6_ADDRSTRLEN];

	printer_put(printer, " client \"%s\" service \"%s\"",
	            inet_ntop(AF_INET6, attach->client, client, sizeof(client)),
	            inet_ntop(AF_INET6, attach->service, service, sizeof(service)));
}

static void print_refresh(struct printer *printer, const struct instruction *instruction)
{
	char buffer[UNIT_TEXT];

	printer_put(printer, " %s", value_format(VALUE_DURATION, instruction->refresh.time, buffer));
}

static void (*const print_operands[OPERATIONS])(struct printer *, const struct instruction *) = {
        [OPERATION_FORWARD] = NULL,          [OPERATION_RESERVE] = print_reserve,
        [OPERATION_CLAIM] = print_claim,     [OPERATION_FETCH] = print_fetch,
        [OPERATION_EXECUTE] = print_execute, [OPERATION_DELIVER] = print_deliver,
        [OPERATION_RELEASE] = print_release, [OPERATION_ATTACH] = print_attach,
        [OPERATION_REFRESH] = print_refresh,
};

static void print_instruction(struct printer *printer, const struct instruction *instruction)
{
	printer_open(printer, "at ");
	put_gateway(printer, instruction->at);
	printer_put(printer, " %s", operation_names[instruction->operation]);
	if (print_operands[instruction->operation])
		print_operands[instruction->operation](printer, instruction);
	printer_close(printer);
}

void program_printer_text(struct printer *printer, const void *object)
{
	const struct program *program = object;
	char identifier[IDENTIFIER_TEXT], time[CALENDAR_TEXT];

	printer_put(printer, "program %s ingress ", identifier_text(&program->identifier, identifier));
	put_gateway(printer, program->ingress);
	printer_put(printer, " part %u of %u expires %s {\n", program->part, program->parts,
	            calendar_format(program->expires, time));
	printer->depth++;
	for (uint32_t i = 0; i < program->instruction_count; i++)
		print_instruction(printer, &program->instructions[i]);
	printer->depth--;
	printer_put(printer, "}\n");
}
