/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting wakeups of our processes with a tracepoint of the scheduler, which requires root.
 */
#ifndef BBUF_BENCH_WAKEUPS_H
#define BBUF_BENCH_WAKEUPS_H

#include <stdbool.h>
#include <stdint.h>

bool wakeups_begin(void);
uint64_t wakeups_end(void);

#endif /* BBUF_BENCH_WAKEUPS_H */
