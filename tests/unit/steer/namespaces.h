/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces and links between them, for tests. What fails, fails the test. */
#ifndef TESTS_NAMESPACES_H
#define TESTS_NAMESPACES_H

#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <stdint.h>

void parse(const char *text, uint8_t address[16]);
struct in6_addr address_of(const char *text);

/* The caller's namespace, as a descriptor. */
int current_namespace(void);
/* A new one, which the caller is then in. */
int new_namespace(void);
void enter(int namespace);
/* One rtnetlink request and its acknowledgement; negative errno. */
int ask(struct nlmsghdr *header);
/* `name` here, `peer` in another namespace; MTU 2000. */
int add_pair(const char *name, const char *peer, int peer_namespace);
uint32_t interface_of(const char *name);
/* With an address of a /64. */
void set_up(const char *name, const char *address);

/* What this machine lacks for gateways in namespaces, in words; NULL when nothing. */
const char *missing(void);

#endif
