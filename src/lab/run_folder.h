/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run folders: /run/busbar-lab/NAME, what a running lab has on the file system.
 *
 * A lab lives as long as its supervisor holds the lock on NAME/lock; a folder whose lock is free is left
 * over from a lab that was killed, and is swept. Every change to the set of folders is made under a lock on
 * /run/busbar-lab itself, so that sweeping, starting and ending never see each other half done.
 */
#ifndef LAB_RUN_FOLDER_H
#define LAB_RUN_FOLDER_H

#include "base/compiler.h"
#include <limits.h>
#include <stdbool.h>

#define RUN_FOLDER_ROOT "/run/busbar-lab"
enum { RUN_FOLDER_NAME = 32 }; /* longest name of a lab */

/* "/run/busbar-lab/NAME/REST"; without REST when it is NULL. Returns path. */
const char *run_folder_path(char path[PATH_MAX], const char *lab, const char *rest);

/*
 * Sweeps what killed labs left behind (their control groups, mounts and folders), creates the folder of
 * this lab and takes its lock. BUSBAR_ERROR_STATE when the lab runs already; negative errno.
 */
int run_folder_take(const char *lab, int *ret_lock) CHECKED;
/*
 * Removes the control groups and the folder of a lab whose processes are gone. With keep_logs the logs
 * move to /run/busbar-lab/NAME.log first.
 */
int run_folder_drop(const char *lab, bool keep_logs) CHECKED;

#endif
