/* SPDX-License-Identifier: Apache-2.0 */
/* The sections `announce` and `metrics` of the configuration: tables, checks, and what the book makes of
 * them. */
#ifndef DAEMON_SETTINGS_ANNOUNCE_H
#define DAEMON_SETTINGS_ANNOUNCE_H

#include "book/metric_agent.h"
#include "book/news.h"
#include "daemon/settings.h"

extern const struct config_field settings_announce_fields[];
extern const struct config_field settings_metrics_fields[];

/* What is wrong with the two sections together; NULL when nothing is. */
const char *settings_check_announce(const struct settings *settings);
/* The minimum interval is BGP's. */
struct news_settings settings_news(const struct settings *settings);
struct metric_agent_settings settings_metrics(const struct settings *settings);

#endif
