/* SPDX-License-Identifier: Apache-2.0 */
/* Generic netlink by libmnl: one socket for the whole change, one request at a time. */
#include "steer/segment_key.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/seg6_genl.h>
#include <linux/seg6_hmac.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define TAG "segment-key"

enum { REQUEST_SIZE = 256, ANSWER_SIZE = 32768, PATIENCE_SECONDS = 5 };

struct talk {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint16_t family;
	bool known[SEGMENT_KEY_LAST + 1]; /* keys of the domain that the kernel has */
	char request[REQUEST_SIZE] __attribute__((aligned(8)));
	char answer[ANSWER_SIZE] __attribute__((aligned(8)));
};

static struct nlmsghdr *open_request(struct talk *talk, uint16_t family, uint16_t flags, uint8_t command)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(talk->request);
	struct genlmsghdr *generic;

	header->nlmsg_type = family;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header->nlmsg_seq = ++talk->sequence;
	generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
	generic->cmd = command;
	generic->version = 1;
	return header;
}

/* Sends, and hands every answer to `take` until the last one. */
static int converse(struct talk *talk, const struct nlmsghdr *header, mnl_cb_t take)
{
	int result = MNL_CB_OK;

	if (mnl_socket_sendto(talk->socket, header, header->nlmsg_len) < 0)
		return -errno;
	while (result > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(talk->socket, talk->answer, sizeof(talk->answer));

		if (size < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		result = mnl_cb_run(talk->answer, (size_t)size, talk->sequence, 0, take, talk);
		if (result < 0)
			return -errno;
	}
	return 0;
}

static int take_family(const struct nlmsghdr *header, void *context)
{
	struct talk *talk = context;
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, header,
	                  sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) ==
	                                                         CTRL_ATTR_FAMILY_ID &&
	                                                 mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0)
	        talk->family = mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static int find_family(struct talk *talk)
{
	struct nlmsghdr *header = open_request(talk, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY);
	int code;

	mnl_attr_put_strz(header, CTRL_ATTR_FAMILY_NAME, SEG6_GENL_NAME);
	code = converse(talk, header, take_family);
	return code == 0 && talk->family == 0 ? -ENOENT : code;
}

static int take_key(const struct nlmsghdr *header, void *context)
{
	struct talk *talk = context;
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, header, sizeof(struct genlmsghdr))
	{
		uint32_t identifier;

		if (mnl_attr_get_type(attribute) != SEG6_ATTR_HMACKEYID ||
		    mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
			continue;
		identifier = mnl_attr_get_u32(attribute);
		if (identifier >= 1 && identifier <= SEGMENT_KEY_LAST)
			talk->known[identifier] = true;
	}
	return MNL_CB_OK;
}

/* An empty secret takes the key out. */
static int change(struct talk *talk, uint8_t identifier, const uint8_t *secret, uint8_t size)
{
	struct nlmsghdr *header = open_request(talk, talk->family, NLM_F_ACK, SEG6_CMD_SETHMAC);
	int code;

	mnl_attr_put_u32(header, SEG6_ATTR_HMACKEYID, identifier);
	mnl_attr_put_u8(header, SEG6_ATTR_SECRETLEN, size);
	mnl_attr_put_u8(header, SEG6_ATTR_ALGID, SEG6_HMAC_ALGO_SHA256);
	if (size > 0)
		mnl_attr_put(header, SEG6_ATTR_SECRET, size, secret);
	code = converse(talk, header, NULL);
	explicit_bzero(talk->request, sizeof(talk->request));
	return code;
}

static int replace(struct talk *talk, const struct steer_key *keys, uint32_t count)
{
	int code = find_family(talk);

	if (code == 0)
		code = converse(talk, open_request(talk, talk->family, NLM_F_DUMP, SEG6_CMD_DUMPHMAC),
		                take_key);
	for (uint32_t i = 0; i < count && code == 0; i++) {
		code = keys[i].identifier == 0
		               ? -EINVAL
		               : change(talk, keys[i].identifier, keys[i].secret, sizeof(keys[i].secret));
		talk->known[keys[i].identifier] = false;
	}
	for (unsigned old = 1; old <= SEGMENT_KEY_LAST && code == 0; old++)
		if (talk->known[old])
			code = change(talk, (uint8_t)old, NULL, 0);
	explicit_bzero(talk->answer, sizeof(talk->answer));
	return code;
}

int segment_key_set(const struct steer_key *keys, uint32_t count)
{
	struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct talk talk = {.socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC)};
	int code;

	if (talk.socket == NULL)
		return -errno;
	if (mnl_socket_bind(talk.socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(talk.socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) <
	            0)
		code = -errno;
	else
		code = replace(&talk, keys, count);
	mnl_socket_close(talk.socket);
	if (code < 0)
		log_error(TAG, "error=\"cannot set keys: %s\"", error_text(code));
	return code;
}
