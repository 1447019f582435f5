/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Printing the results of bbuf bench.
 */
#ifndef BBUF_BENCH_REPORT_H
#define BBUF_BENCH_REPORT_H

#include <stdio.h>

#include "result.h"

/* Two busy processes that do less than this times the work of one share a processor. */
#define SPEEDUP_LEAST	1.5

void report_conditions(const struct conditions *conditions);
void report_text(const struct group *groups, size_t count, double spread);
void report_data(const struct group *groups, size_t count, bool json, FILE *out);

#endif /* BBUF_BENCH_REPORT_H */
