/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two configurations of one table: for a reload, which may change some of it. Pure. */
#ifndef BASE_CONFIG_COMPARE_H
#define BASE_CONFIG_COMPARE_H

#include "base/config.h"

enum { CONFIG_KEY = 160 };

/*
 * Calls `differs` once for each value that is not the same in both, with its key: "bgp.hold",
 * "services[2].price"; a list of another length is one value ("services"). Keys are cut at CONFIG_KEY.
 */
void config_compare(const struct config_field *fields, const void *one, const void *other,
                    void (*differs)(void *context, const char *key), void *context);
/* True when a key lies at or below a pattern, in which [] stands for any index: "services[].price". */
bool config_key_matches(const char *key, const char *pattern);

#endif
