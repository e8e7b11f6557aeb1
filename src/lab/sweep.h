/* SPDX-License-Identifier: Apache-2.0 */
/* Removal of what a lab leaves outside its namespaces when it is killed: control groups and mounts. */
#ifndef LAB_SWEEP_H
#define LAB_SWEEP_H

#include "base/compiler.h"

/*
 * Removes the group busbar-lab-LAB with everything below it from every hierarchy under /sys/fs/cgroup
 * (version 1 controllers and version 2). Processes still in it are killed and awaited. Absent is fine.
 */
int sweep_cgroups(const char *lab) CHECKED;
/* Unmounts everything mounted at or below an absolute path in this mount namespace. */
int sweep_mounts(const char *path) CHECKED;

#endif
