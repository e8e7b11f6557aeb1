/* SPDX-License-Identifier: Apache-2.0 */
/* The family SEG6 of generic netlink: one request at a time, each acknowledged. */
#include "steer/segment_key.h"

#include "base/error.h"
#include "base/log.h"
#include "steer/netlink.h"
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/seg6_genl.h>
#include <linux/seg6_hmac.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TAG "segment-key"

struct segment_keys {
	struct netlink *netlink;
	uint16_t family;
	bool known[SEGMENT_KEY_LAST + 1]; /* keys of the domain that the kernel has */
};

static void open_request(struct segment_keys *keys, struct netlink_request *request, uint16_t flags,
                         uint8_t command)
{
	struct genlmsghdr *generic =
	        netlink_begin(keys->netlink, request, keys->family, flags, sizeof(*generic));

	generic->cmd = command;
	generic->version = 1;
}

static void take_key(void *context, const struct nlmsghdr *header)
{
	struct segment_keys *keys = context;
	const struct nlattr *attribute;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(struct genlmsghdr))
		return;
	mnl_attr_for_each(attribute, header, sizeof(struct genlmsghdr))
	{
		uint32_t identifier;

		if (mnl_attr_get_type(attribute) != SEG6_ATTR_HMACKEYID ||
		    mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
			continue;
		identifier = mnl_attr_get_u32(attribute);
		if (identifier >= 1 && identifier <= SEGMENT_KEY_LAST)
			keys->known[identifier] = true;
	}
}

/* An empty secret takes the key out. */
static int change(struct segment_keys *keys, uint8_t identifier, const uint8_t *secret, uint8_t size)
{
	struct netlink_request request;
	int code;

	open_request(keys, &request, NLM_F_ACK, SEG6_CMD_SETHMAC);
	mnl_attr_put_u32(request.header, SEG6_ATTR_HMACKEYID, identifier);
	mnl_attr_put_u8(request.header, SEG6_ATTR_SECRETLEN, size);
	mnl_attr_put_u8(request.header, SEG6_ATTR_ALGID, SEG6_HMAC_ALGO_SHA256);
	if (size > 0)
		mnl_attr_put(request.header, SEG6_ATTR_SECRET, size, secret);
	code = netlink_ask(keys->netlink, &request, "set-key", NULL, NULL);
	explicit_bzero(&request, sizeof(request));
	return code;
}

static int list(struct segment_keys *keys)
{
	struct netlink_request request;

	memset(keys->known, 0, sizeof(keys->known));
	open_request(keys, &request, NLM_F_DUMP, SEG6_CMD_DUMPHMAC);
	return netlink_ask(keys->netlink, &request, "list-keys", take_key, keys);
}

static int replace(struct segment_keys *keys, const struct steer_key *wanted, uint32_t count)
{
	int code = list(keys);

	for (uint32_t i = 0; i < count && code == 0; i++) {
		code = wanted[i].identifier == 0 ? -EINVAL
		                                 : change(keys, wanted[i].identifier, wanted[i].secret,
		                                          sizeof(wanted[i].secret));
		keys->known[wanted[i].identifier] = false;
	}
	for (unsigned old = 1; old <= SEGMENT_KEY_LAST && code == 0; old++)
		if (keys->known[old])
			code = change(keys, (uint8_t)old, NULL, 0);
	return code;
}

int segment_keys_set(struct segment_keys *keys, const struct steer_key *wanted, uint32_t count)
{
	int code = replace(keys, wanted, count);

	/* The kernel's list had the secrets in it. */
	netlink_wipe(keys->netlink);
	if (code < 0)
		log_error(TAG, "error=\"cannot set keys: %s\"", error_text(code));
	return code;
}

int segment_keys_open(struct segment_keys **ret_keys)
{
	struct segment_keys *keys = calloc(1, sizeof(*keys));
	int code = keys == NULL ? -ENOMEM : netlink_open(NETLINK_GENERIC, &keys->netlink);

	if (code == 0)
		code = netlink_find_family(keys->netlink, SEG6_GENL_NAME, &keys->family);
	if (code < 0) {
		(void)segment_keys_close(keys);
		return code;
	}
	*ret_keys = keys;
	return 0;
}

struct segment_keys *segment_keys_close(struct segment_keys *keys)
{
	if (keys != NULL)
		(void)netlink_close(keys->netlink);
	free(keys);
	return NULL;
}
