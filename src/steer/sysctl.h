/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's per-interface IPv6 switches, of the network namespace that the caller is in. */
#ifndef STEER_SYSCTL_H
#define STEER_SYSCTL_H

#include "base/compiler.h"

/* net.ipv6.conf.INTERFACE.NAME = value; `all` and `default` are interfaces too. Negative errno. */
int sysctl_write(const char *interface, const char *name, int value) CHECKED;
int sysctl_read(const char *interface, const char *name, int *ret_value) CHECKED;

#endif
