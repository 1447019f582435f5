/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a crew tells about its work, on stderr: data may be on stdout.
 */
#ifndef BBUF_TOOLS_REPORT_H
#define BBUF_TOOLS_REPORT_H

#include "crew.h"

void report_print(const struct crew *crew);
void report_watch(const struct crew *crew);
void report_watch_end(void);

#endif /* BBUF_TOOLS_REPORT_H */
