/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports of a group of workers, on standard error: standard output may be used for data.
 */
#ifndef BBUF_TOOLS_REPORT_H
#define BBUF_TOOLS_REPORT_H

#include "group.h"

void report_print(const struct worker_group *group);
void report_watch(const struct worker_group *group);
void report_watch_end(void);

#endif /* BBUF_TOOLS_REPORT_H */
