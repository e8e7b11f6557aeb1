/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, one acknowledgement. Acknowledgements carry the kernel's reason as text (NETLINK_EXT_ACK) and
 * not the request (NETLINK_CAP_ACK).
 */
#include "steer/netlink.h"

#include "base/log.h"
#include <errno.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TAG "netlink"

enum { ANSWER_SIZE = 32768, PATIENCE_SECONDS = 5 };

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	char answer[ANSWER_SIZE] __attribute__((aligned(8)));
};

/* What to do with the answers before the last one. */
struct conversation {
	const char *what;
	netlink_take take;
	void *context;
};

static int enable(struct mnl_socket *socket, int option)
{
	int on = 1;

	return mnl_socket_setsockopt(socket, option, &on, sizeof(on));
}

int netlink_open(int bus, struct netlink **ret_netlink)
{
	struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int code;

	if (!netlink)
		return -ENOMEM;
	netlink->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!netlink->socket || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
	               sizeof(patience)) < 0) {
		code = -errno;
		netlink_close(netlink);
		return code;
	}
	/* Only comfort: a kernel without them answers less. */
	(void)enable(netlink->socket, NETLINK_EXT_ACK);
	(void)enable(netlink->socket, NETLINK_CAP_ACK);
	(void)enable(netlink->socket, NETLINK_GET_STRICT_CHK);
	*ret_netlink = netlink;
	return 0;
}

struct netlink *netlink_close(struct netlink *netlink)
{
	if (netlink && netlink->socket)
		mnl_socket_close(netlink->socket);
	free(netlink);
	return NULL;
}

void *netlink_begin(struct netlink *netlink, struct netlink_request *request, uint16_t type, uint16_t flags,
                    size_t size)
{
	memset(request->bytes, 0, sizeof(request->bytes));
	request->header = mnl_nlmsg_put_header(request->bytes);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->header->nlmsg_seq = ++netlink->sequence;
	return mnl_nlmsg_put_extra_header(request->header, size);
}

static int find_text(const struct nlattr *attribute, void *context)
{
	const char **text = context;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		*text = mnl_attr_get_str(attribute);
	return MNL_CB_OK;
}

/* The kernel's own words about a refused request; "" when it has none. */
static const char *reason_of(const struct nlmsghdr *header)
{
	const char *text = "";

	if (header->nlmsg_flags & NLM_F_ACK_TLVS)
		(void)mnl_attr_parse(header, sizeof(struct nlmsgerr), find_text, &text);
	return text;
}

static ssize_t receive(struct netlink *netlink)
{
	ssize_t size = mnl_socket_recvfrom(netlink->socket, netlink->answer, sizeof(netlink->answer));

	if (size < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return size;
}

static int error_of(const struct nlmsghdr *header, const char *what)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(header);

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*error))
		return -EBADMSG;
	if (error->error < 0 && *reason_of(header))
		log_info(TAG, "request=%s error=\"%s\" reason=\"%s\"", what, strerror(-error->error),
		         reason_of(header));
	return error->error;
}

/* One datagram of answers: true when it holds the last one of `conversation`. */
static bool take_answers(struct netlink *netlink, size_t size, const struct conversation *conversation,
                         int *ret_code)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)netlink->answer;
	int left = (int)size;

	for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
		/* Answers to a request that was given up are passed over. */
		if (header->nlmsg_seq != netlink->sequence)
			continue;
		if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) {
			*ret_code =
			        header->nlmsg_type == NLMSG_DONE ? 0 : error_of(header, conversation->what);
			return true;
		}
		if (conversation->take)
			conversation->take(conversation->context, header);
	}
	return false;
}

int netlink_ask(struct netlink *netlink, struct netlink_request *request, const char *what, netlink_take take,
                void *context)
{
	const struct conversation conversation = {.what = what, .take = take, .context = context};
	int code = 0;
	ssize_t size;

	if (mnl_socket_sendto(netlink->socket, request->header, request->header->nlmsg_len) < 0)
		return -errno;
	do {
		size = receive(netlink);
		if (size < 0)
			return (int)size;
	} while (!take_answers(netlink, (size_t)size, &conversation, &code));
	return code;
}

void netlink_wipe(struct netlink *netlink)
{
	explicit_bzero(netlink->answer, sizeof(netlink->answer));
}

static int find_identifier(const struct nlattr *attribute, void *context)
{
	uint16_t *family = context;

	if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID &&
	    mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0)
		*family = mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static void take_family(void *context, const struct nlmsghdr *header)
{
	if (header->nlmsg_type == GENL_ID_CTRL &&
	    mnl_nlmsg_get_payload_len(header) >= sizeof(struct genlmsghdr))
		(void)mnl_attr_parse(header, sizeof(struct genlmsghdr), find_identifier, context);
}

int netlink_find_family(struct netlink *netlink, const char *name, uint16_t *ret_family)
{
	struct netlink_request request;
	uint16_t family = 0;
	struct genlmsghdr *body = netlink_begin(netlink, &request, GENL_ID_CTRL, NLM_F_ACK, sizeof(*body));
	int code;

	body->cmd = CTRL_CMD_GETFAMILY;
	body->version = 1;
	mnl_attr_put_strz(request.header, CTRL_ATTR_FAMILY_NAME, name);
	code = netlink_ask(netlink, &request, "find-family", take_family, &family);
	if (code < 0)
		return code;
	if (family == 0)
		return -ENOENT;
	*ret_family = family;
	return 0;
}
