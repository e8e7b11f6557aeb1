/* SPDX-License-Identifier: Apache-2.0 */
/* The table is written as text for libnftables; each call is one transaction of the kernel's. */
#include "steer/classify.h"

#include "base/log.h"
#include "steer/queue.h"
#include "steer/ruleset.h"
#include <arpa/inet.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "classify"
#define TABLE "ip6 busbar_class"

enum { COMMAND = 512, SPARE = 16 };

struct classify {
	struct nft_ctx *nft;
};

static int put_links(FILE *text, const char *const *links, uint32_t count)
{
	fputs("set links { type ifname;", text);
	for (uint32_t i = 0; i < count; i++) {
		if (!ruleset_is_name(links[i]))
			return -EINVAL;
		fprintf(text, "%s\"%s\"", i == 0 ? " elements = { " : ", ", links[i]);
	}
	fputs(count > 0 ? " } }\n" : " }\n", text);
	return 0;
}

static void put_arriving(FILE *text, const char *tunnel)
{
	fputs("chain arriving { type filter hook prerouting priority mangle; policy accept;\n", text);
	fprintf(text,
	        "iifname @links meta priority set ip6 dscp map { ef : 1:%x, cs5 : 1:%x, cs6 : 1:%x } "
	        "accept\n",
	        QUEUE_THROUGH, QUEUE_THROUGH + 1, QUEUE_CONTROL);
	fputs("iifname @links accept\n", text);
	fprintf(text, "iifname \"%s\" meta priority set 1:%x accept\n", tunnel, QUEUE_CONTROL);
	fputs("meta priority set ip6 saddr . ip6 daddr map @flows accept\n"
	      "ip6 dscp != cs0 ip6 dscp set cs0\n}\n",
	      text);
}

/* Of this host. BGP is TCP port 179, STAMP UDP port 862. */
static void put_sent(FILE *text)
{
	fputs("chain sent { type filter hook output priority mangle; policy accept;\n"
	      "meta priority set ip6 saddr . ip6 daddr map @flows accept\n",
	      text);
	fprintf(text, "meta l4proto . th dport { tcp . 179, udp . 862 } meta priority set 1:%x\n",
	        QUEUE_CONTROL);
	fprintf(text, "meta l4proto . th sport { tcp . 179, udp . 862 } meta priority set 1:%x\n",
	        QUEUE_CONTROL);
	fprintf(text,
	        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } meta priority "
	        "set 1:%x\n}\n",
	        QUEUE_CONTROL);
}

static void put_leaving(FILE *text)
{
	static const char *const names[STEER_CLASSES] = {"ef", "cs5"};

	fputs("chain leaving { type filter hook postrouting priority mangle; policy accept;\n", text);
	for (uint32_t class = 0; class < STEER_CLASSES; class ++)
		fprintf(text, "meta priority 1:%x-1:%x ip6 dscp set %s accept\n", queue_flow_minor(class, 0),
		        queue_flow_minor(class, QUEUE_FLOWS - 1), names[class]);
	fprintf(text, "meta priority 1:%x ip6 dscp set cs6\n}\n", QUEUE_CONTROL);
}

static int put_table(FILE *text, const char *const *links, uint32_t link_count, const char *tunnel)
{
	int code;

	/* Deleting needs one that is there. */
	fputs("table " TABLE " {}\ndelete table " TABLE "\ntable " TABLE " {\n", text);
	/* Spare, since what a transaction takes out still counts in it. */
	fprintf(text, "map flows { type ipv6_addr . ipv6_addr : classid; size %d; }\n", QUEUE_FLOWS + SPARE);
	code = ruleset_is_name(tunnel) ? put_links(text, links, link_count) : -EINVAL;
	put_arriving(text, tunnel);
	put_sent(text);
	put_leaving(text);
	fputs("}\n", text);
	return code;
}

static int run(struct classify *classify, const char *command)
{
	if (nft_run_cmd_from_buffer(classify->nft, command) == 0)
		return 0;
	log_info(TAG, "error=\"%s\"", nft_ctx_get_error_buffer(classify->nft));
	return -EIO;
}

static int put_in(struct classify *classify, const char *const *links, uint32_t link_count,
                  const char *tunnel)
{
	size_t size = 0;
	char *bytes = NULL;
	FILE *text = open_memstream(&bytes, &size);
	int code;

	if (text == NULL)
		return -ENOMEM;
	code = put_table(text, links, link_count, tunnel);
	if (fclose(text) != 0 && code == 0)
		code = -ENOMEM;
	if (code == 0 && run(classify, bytes) < 0)
		code = -ENOTSUP;
	free(bytes);
	return code;
}

int classify_open(const char *const *links, uint32_t link_count, const char *tunnel,
                  struct classify **ret_classify)
{
	struct classify *classify = calloc(1, sizeof(*classify));
	int code = -ENOMEM;

	if (classify != NULL)
		classify->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (classify != NULL && classify->nft != NULL && nft_ctx_buffer_error(classify->nft) == 0)
		code = put_in(classify, links, link_count, tunnel);
	if (code < 0) {
		if (classify != NULL && classify->nft != NULL)
			nft_ctx_free(classify->nft);
		free(classify);
		return code;
	}
	*ret_classify = classify;
	return 0;
}

struct classify *classify_close(struct classify *classify)
{
	if (classify == NULL)
		return NULL;
	(void)run(classify, "delete table " TABLE);
	nft_ctx_free(classify->nft);
	free(classify);
	return NULL;
}

struct addresses {
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
};

static struct addresses names_of(const uint8_t source[16], const uint8_t destination[16])
{
	struct addresses names;

	(void)inet_ntop(AF_INET6, source, names.source, sizeof(names.source));
	(void)inet_ntop(AF_INET6, destination, names.destination, sizeof(names.destination));
	return names;
}

int classify_add(struct classify *classify, const uint8_t source[16], const uint8_t destination[16],
                 uint32_t minor)
{
	struct addresses names = names_of(source, destination);
	char command[COMMAND];

	(void)snprintf(command, sizeof(command), "add element " TABLE " flows { %s . %s : 1:%x }",
	               names.source, names.destination, minor);
	return run(classify, command);
}

int classify_change(struct classify *classify, const uint8_t source[16], const uint8_t destination[16],
                    uint32_t minor)
{
	struct addresses names = names_of(source, destination);
	char command[COMMAND];

	(void)snprintf(command, sizeof(command),
	               "delete element " TABLE " flows { %s . %s }\nadd element " TABLE
	               " flows { %s . %s : 1:%x }",
	               names.source, names.destination, names.source, names.destination, minor);
	return run(classify, command);
}

int classify_remove(struct classify *classify, const uint8_t source[16], const uint8_t destination[16])
{
	struct addresses names = names_of(source, destination);
	char command[COMMAND];

	(void)snprintf(command, sizeof(command), "delete element " TABLE " flows { %s . %s }", names.source,
	               names.destination);
	return run(classify, command);
}
