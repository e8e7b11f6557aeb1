/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is written as text and handed to libnftables, which makes one transaction of it; counters come
 * back as JSON. Nothing in the text comes from a packet.
 */
#include "steer/filter.h"

#include "base/error.h"
#include "base/log.h"
#include "steer/ruleset.h"
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "filter"
#define TABLE "inet busbar_edge"

struct filter {
	struct nft_ctx *nft;
};

static const char *const cause_names[STEER_CAUSES] = {"routing_header", "source_inside",
                                                      "destination_inside"};

const char *steer_cause_name(enum steer_cause cause)
{
	return cause_names[cause];
}

static int put_names(FILE *text, const char *const *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!ruleset_is_name(names[i]))
			return -EINVAL;
		fprintf(text, ", \"%s\"", names[i]);
	}
	return 0;
}

static void put_address(FILE *text, const uint8_t octets[16], uint32_t length)
{
	struct in6_addr address;
	char name[INET6_ADDRSTRLEN];

	memcpy(&address, octets, sizeof(address));
	fprintf(text, "%s/%u", inet_ntop(AF_INET6, &address, name, sizeof(name)), length);
}

/* Where other gateways are: what comes from there, from this host and from our own device is not looked at.
 */
static int put_trusted(FILE *text, const struct steer_settings *settings)
{
	int code;

	if (!ruleset_is_name(settings->tunnel))
		return -EINVAL;
	fprintf(text, "set trusted { type ifname; elements = { \"lo\", \"%s\"", settings->tunnel);
	code = put_names(text, settings->interfaces, settings->interface_count);
	fputs(" } }\n", text);
	return code;
}

static void put_inside(FILE *text, const struct steer_settings *settings)
{
	fputs("set inside { type ipv6_addr; flags interval; auto-merge; elements = { ", text);
	put_address(text, settings->block, settings->block_length);
	for (uint32_t i = 0; i < settings->end_count; i++) {
		fputs(", ", text);
		put_address(text, settings->ends[i], 128);
	}
	fputs(" } }\n", text);
}

/* Gateways' own addresses are LOCATOR::1, whatever the 48 bits of the locator are. */
static int put_operators(FILE *text, const struct steer_settings *settings)
{
	int code;

	if (settings->operator_count == 0)
		return 0;
	fputs("set operators { type ifname; elements = { \"lo\"", text);
	code = put_names(text, settings->operators, settings->operator_count);
	fputs(" } }\n", text);
	return code;
}

static void put_chain(FILE *text, const struct steer_settings *settings)
{
	fputs("chain edge { type filter hook prerouting priority raw; policy accept;\n"
	      "iifname @trusted accept\n"
	      "exthdr rt exists counter name routing_header drop\n"
	      "ip6 saddr @inside counter name source_inside drop\n",
	      text);
	if (settings->operator_count > 0) {
		fputs("iifname @operators ip6 daddr ", text);
		put_address(text, settings->block, settings->block_length);
		fprintf(text, " ip6 daddr & 0:0:0:ffff:ffff:ffff:ffff:ffff == ::1 udp dport %u accept\n",
		        settings->operator_port);
	}
	fputs("ip6 daddr @inside counter name destination_inside drop\n}\n", text);
}

static int put_table(FILE *text, const struct steer_settings *settings)
{
	int code;

	/* Deleting needs one that is there. */
	fputs("table " TABLE " {}\ndelete table " TABLE "\ntable " TABLE " {\n", text);
	for (size_t i = 0; i < STEER_CAUSES; i++)
		fprintf(text, "counter %s {}\n", cause_names[i]);
	code = put_trusted(text, settings);
	if (code == 0) {
		put_inside(text, settings);
		code = put_operators(text, settings);
	}
	put_chain(text, settings);
	fputs("}\n", text);
	return code;
}

static int write_table(const struct steer_settings *settings, char **ret_text)
{
	size_t size = 0;
	char *bytes = NULL;
	FILE *text = open_memstream(&bytes, &size);
	int code;

	if (text == NULL)
		return -ENOMEM;
	code = put_table(text, settings);
	if (fclose(text) != 0 && code == 0)
		code = -ENOMEM;
	if (code < 0) {
		free(bytes);
		return code;
	}
	*ret_text = bytes;
	return 0;
}

static int run(struct filter *filter, const char *command)
{
	if (nft_run_cmd_from_buffer(filter->nft, command) == 0)
		return 0;
	log_warning(TAG, "error=\"%s\"", nft_ctx_get_error_buffer(filter->nft));
	return -ENOTSUP;
}

static struct filter *discard(struct filter *filter)
{
	if (filter->nft != NULL)
		nft_ctx_free(filter->nft);
	free(filter);
	return NULL;
}

static int create(struct filter **ret_filter)
{
	struct filter *filter = calloc(1, sizeof(*filter));

	if (filter == NULL)
		return -ENOMEM;
	filter->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (filter->nft == NULL || nft_ctx_buffer_output(filter->nft) != 0 ||
	    nft_ctx_buffer_error(filter->nft) != 0) {
		(void)discard(filter);
		return -ENOMEM;
	}
	nft_ctx_output_set_flags(filter->nft, NFT_CTX_OUTPUT_JSON);
	*ret_filter = filter;
	return 0;
}

int filter_open(const struct steer_settings *settings, struct filter **ret_filter)
{
	struct filter *filter;
	char *text;
	int code = write_table(settings, &text);

	if (code < 0)
		return code;
	code = create(&filter);
	if (code == 0 && (code = run(filter, text)) < 0)
		(void)discard(filter);
	free(text);
	if (code < 0)
		return code;
	*ret_filter = filter;
	return 0;
}

struct filter *filter_close(struct filter *filter)
{
	if (filter == NULL)
		return NULL;
	(void)run(filter, "delete table " TABLE);
	return discard(filter);
}

/* Counters that are not ours are passed over. */
static void take_counter(const json_t *counter, uint64_t dropped[STEER_CAUSES])
{
	const char *name = json_string_value(json_object_get(counter, "name"));

	for (size_t i = 0; i < STEER_CAUSES && name != NULL; i++)
		if (strcmp(name, cause_names[i]) == 0)
			dropped[i] = (uint64_t)json_integer_value(json_object_get(counter, "packets"));
}

int filter_read(struct filter *filter, uint64_t dropped[STEER_CAUSES])
{
	json_t *document, *item;
	size_t i;

	if (run(filter, "list counters table " TABLE) < 0)
		return -EIO;
	document = json_loads(nft_ctx_get_output_buffer(filter->nft), 0, NULL);
	if (document == NULL)
		return -EIO;
	json_array_foreach(json_object_get(document, "nftables"), i, item)
	        take_counter(json_object_get(item, "counter"), dropped);
	json_decref(document);
	return 0;
}
