/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock that measures intervals, CLOCK_MONOTONIC, in nanoseconds.
 */
#ifndef BBUF_COMMON_CLOCK_H
#define BBUF_COMMON_CLOCK_H

#include <stdint.h>

#define NSEC_PER_SEC	1000000000ULL
#define NSEC_PER_MSEC	1000000ULL
#define NSEC_PER_USEC	1000ULL

uint64_t now_ns(void);
void sleep_until(uint64_t deadline_ns);

#endif /* BBUF_COMMON_CLOCK_H */
