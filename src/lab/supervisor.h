/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Supervisor: the process that is a lab.
 *
 * It is the first process of its own PID namespace and has its own mount namespace: when it dies, however
 * that happens, the kernel ends every process of the lab, and the network namespaces, which nothing else
 * holds, vanish with them. It keeps the lab's lock, serves the control socket and starts, watches and ends
 * the daemons.
 */
#ifndef LAB_SUPERVISOR_H
#define LAB_SUPERVISOR_H

#include "lab/lab.h"

/*
 * To be called in the new namespaces' first process; never returns. `lock` is the lab's lock. `leash` is a
 * SEQPACKET socket to the command that started it, on which one reply tells how the start went; while
 * starting, and for its whole life when leashed, the lab ends when the other side closes it.
 */
void supervisor_run(const struct lab_options *options, const struct topology *topology, int lock, int leash)
        __attribute__((noreturn));

#endif
