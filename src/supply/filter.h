/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call filter of sandboxed programs: what an unprivileged computation never needs and what has opened
 * kernels before is refused with EPERM (user namespaces and mounts, BPF, performance events, keys, tracing of
 * page faults, kexec, modules). Everything else stays as it is: the namespaces confine it.
 */
#ifndef SUPPLY_FILTER_H
#define SUPPLY_FILTER_H

#include "base/compiler.h"

/* For the calling process and its children, for good. Needs no-new-privileges to be set. -errno. */
int filter_install(void) CHECKED;

#endif
