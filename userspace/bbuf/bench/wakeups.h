/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often a process of ours is woken, as the scheduler's tracepoint tells. That is
 * root's to see.
 */
#ifndef BBUF_BENCH_WAKEUPS_H
#define BBUF_BENCH_WAKEUPS_H

#include <stdbool.h>
#include <stdint.h>

bool wakeups_begin(void);
uint64_t wakeups_end(void);

#endif /* BBUF_BENCH_WAKEUPS_H */
