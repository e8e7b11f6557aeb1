/* SPDX-License-Identifier: Apache-2.0 */
#include "steer/segment_source.h"

#include "steer/netlink.h"
#include <linux/genetlink.h>
#include <linux/seg6_genl.h>

static int set(struct netlink *netlink, const uint8_t address[16])
{
	struct netlink_request request;
	struct genlmsghdr *body;
	uint16_t family;
	int code = netlink_find_family(netlink, SEG6_GENL_NAME, &family);

	if (code < 0)
		return code;
	body = netlink_begin(netlink, &request, family, NLM_F_ACK, sizeof(*body));
	body->cmd = SEG6_CMD_SET_TUNSRC;
	body->version = SEG6_GENL_VERSION;
	mnl_attr_put(request.header, SEG6_ATTR_DST, 16, address);
	return netlink_ask(netlink, &request, "segment-source", NULL, NULL);
}

int segment_source_set(const uint8_t address[16])
{
	struct netlink *netlink = NULL;
	int code = netlink_open(NETLINK_GENERIC, &netlink);

	if (code == 0)
		code = set(netlink, address);
	netlink_close(netlink);
	return code;
}
