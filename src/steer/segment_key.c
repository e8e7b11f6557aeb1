/* SPDX-License-Identifier: Apache-2.0 */
/* Generic netlink by libmnl: one request at a time, each acknowledged. */
#include "steer/segment_key.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/seg6_genl.h>
#include <linux/seg6_hmac.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TAG "segment-key"

enum { REQUEST_SIZE = 256, ANSWER_SIZE = 32768, PATIENCE_SECONDS = 5 };

struct segment_keys {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint16_t family;
	bool known[SEGMENT_KEY_LAST + 1]; /* keys of the domain that the kernel has */
	char request[REQUEST_SIZE] __attribute__((aligned(8)));
	char answer[ANSWER_SIZE] __attribute__((aligned(8)));
};

static struct nlmsghdr *open_request(struct segment_keys *keys, uint16_t family, uint16_t flags,
                                     uint8_t command)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(keys->request);
	struct genlmsghdr *generic;

	header->nlmsg_type = family;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header->nlmsg_seq = ++keys->sequence;
	generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
	generic->cmd = command;
	generic->version = 1;
	return header;
}

/* Sends, and hands every answer to `take` until the last one. */
static int converse(struct segment_keys *keys, const struct nlmsghdr *header, mnl_cb_t take)
{
	int result = MNL_CB_OK;

	if (mnl_socket_sendto(keys->socket, header, header->nlmsg_len) < 0)
		return -errno;
	while (result > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(keys->socket, keys->answer, sizeof(keys->answer));

		if (size < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		result = mnl_cb_run(keys->answer, (size_t)size, keys->sequence, 0, take, keys);
		if (result < 0)
			return -errno;
	}
	return 0;
}

static int take_family(const struct nlmsghdr *header, void *context)
{
	struct segment_keys *keys = context;
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, header,
	                  sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) ==
	                                                         CTRL_ATTR_FAMILY_ID &&
	                                                 mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0)
	        keys->family = mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static int find_family(struct segment_keys *keys)
{
	struct nlmsghdr *header = open_request(keys, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY);
	int code;

	mnl_attr_put_strz(header, CTRL_ATTR_FAMILY_NAME, SEG6_GENL_NAME);
	code = converse(keys, header, take_family);
	return code == 0 && keys->family == 0 ? -ENOENT : code;
}

static int take_key(const struct nlmsghdr *header, void *context)
{
	struct segment_keys *keys = context;
	const struct nlattr *attribute;

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
	return MNL_CB_OK;
}

/* An empty secret takes the key out. */
static int change(struct segment_keys *keys, uint8_t identifier, const uint8_t *secret, uint8_t size)
{
	struct nlmsghdr *header = open_request(keys, keys->family, NLM_F_ACK, SEG6_CMD_SETHMAC);
	int code;

	mnl_attr_put_u32(header, SEG6_ATTR_HMACKEYID, identifier);
	mnl_attr_put_u8(header, SEG6_ATTR_SECRETLEN, size);
	mnl_attr_put_u8(header, SEG6_ATTR_ALGID, SEG6_HMAC_ALGO_SHA256);
	if (size > 0)
		mnl_attr_put(header, SEG6_ATTR_SECRET, size, secret);
	code = converse(keys, header, NULL);
	explicit_bzero(keys->request, sizeof(keys->request));
	return code;
}

static int replace(struct segment_keys *keys, const struct steer_key *wanted, uint32_t count)
{
	const struct nlmsghdr *all = open_request(keys, keys->family, NLM_F_DUMP, SEG6_CMD_DUMPHMAC);
	int code;

	memset(keys->known, 0, sizeof(keys->known));
	code = converse(keys, all, take_key);
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

	explicit_bzero(keys->answer, sizeof(keys->answer));
	if (code < 0)
		log_error(TAG, "error=\"cannot set keys: %s\"", error_text(code));
	return code;
}

int segment_keys_open(struct segment_keys **ret_keys)
{
	struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct segment_keys *keys = calloc(1, sizeof(*keys));
	int code;

	if (keys == NULL)
		return -ENOMEM;
	keys->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (keys->socket == NULL || mnl_socket_bind(keys->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(keys->socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
	               sizeof(patience)) < 0)
		code = -errno;
	else
		code = find_family(keys);
	if (code < 0) {
		(void)segment_keys_close(keys);
		return code;
	}
	*ret_keys = keys;
	return 0;
}

struct segment_keys *segment_keys_close(struct segment_keys *keys)
{
	if (keys != NULL && keys->socket != NULL)
		mnl_socket_close(keys->socket);
	free(keys);
	return NULL;
}
