/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/socket.h"

#include "base/clock.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HOP_LIMIT = 255, CLASS_CONTROL = 48 << 2 /* CS6 */, BUFFER = 1 << 20, IPV6_DESTINATION = 24 };

static int set(int descriptor, int level, int option, int value)
{
	return setsockopt(descriptor, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_up(int descriptor)
{
	int code = set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);

	if (code == 0)
		code = set(descriptor, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOP_LIMIT);
	if (code == 0)
		code = set(descriptor, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	if (code == 0)
		code = set(descriptor, IPPROTO_IPV6, IPV6_TCLASS, CLASS_CONTROL);
	/* These two are a comfort: time is taken when a packet is read otherwise. */
	(void)set(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	(void)set(descriptor, SOL_SOCKET, SO_RCVBUF, BUFFER);
	return code;
}

int socket_open(const uint8_t local[16], uint32_t interface, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_port = htons(port),
	                               .sin6_scope_id = interface};
	int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t length = sizeof(address);
	int code;

	if (descriptor < 0)
		return -errno;
	memcpy(&address.sin6_addr, local, sizeof(address.sin6_addr));
	code = set_up(descriptor);
	if (code == 0 && (bind(descriptor, (const struct sockaddr *)&address, length) < 0 ||
	                  getsockname(descriptor, (struct sockaddr *)&address, &length) < 0))
		code = -errno;
	if (code < 0) {
		(void)close(descriptor);
		return code;
	}
	*ret_port = ntohs(address.sin6_port);
	return descriptor;
}

int socket_open_raw(void)
{
	int descriptor = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);

	return descriptor < 0 ? -errno : descriptor;
}

static void read_control(struct msghdr *header, struct socket_packet *packet)
{
	struct timespec stamp;
	int hop_limit;

	for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item != NULL; item = CMSG_NXTHDR(header, item)) {
		if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&stamp, CMSG_DATA(item), sizeof(stamp));
			packet->arrived = stamp.tv_sec * CLOCK_SECOND + stamp.tv_nsec;
		} else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&hop_limit, CMSG_DATA(item), sizeof(hop_limit));
			packet->hop_limit = (uint8_t)hop_limit;
		}
	}
}

int socket_receive(int descriptor, struct socket_packet *packets)
{
	_Alignas(struct cmsghdr)
	        uint8_t control[SOCKET_BATCH][CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(int))];
	struct mmsghdr messages[SOCKET_BATCH];
	struct iovec vectors[SOCKET_BATCH];
	int64_t now;
	int count;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < SOCKET_BATCH; i++) {
		vectors[i] = (struct iovec){packets[i].bytes, sizeof(packets[i].bytes)};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &packets[i].from,
		                                      .msg_namelen = sizeof(packets[i].from),
		                                      .msg_iov = &vectors[i],
		                                      .msg_iovlen = 1,
		                                      .msg_control = control[i],
		                                      .msg_controllen = sizeof(control[i])};
	}
	count = recvmmsg(descriptor, messages, SOCKET_BATCH, MSG_DONTWAIT, NULL);
	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	now = clock_wall(&clock_system);
	for (int i = 0; i < count; i++) {
		packets[i].arrived = now;
		packets[i].hop_limit = HOP_LIMIT;
		packets[i].size = messages[i].msg_len;
		read_control(&messages[i].msg_hdr, &packets[i]);
	}
	return count;
}

int socket_send(int descriptor, const struct sockaddr_in6 *to, const uint8_t *bytes, size_t size)
{
	return sendto(descriptor, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to,
	              sizeof(*to)) < 0
	               ? -errno
	               : 0;
}

int socket_send_raw(int descriptor, const uint8_t *packet, size_t size)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6};

	if (size < IPV6_DESTINATION + sizeof(to.sin6_addr))
		return -EINVAL;
	memcpy(&to.sin6_addr, packet + IPV6_DESTINATION, sizeof(to.sin6_addr));
	return socket_send(descriptor, &to, packet, size);
}
