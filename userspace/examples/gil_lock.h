/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A global interpreter lock, which one thread of a process has at a time, in slices, as in
 * CPython: who wants it waits for an interval, and if nobody has given it up by then, asks
 * for it. The holder is to look every now and then whether somebody asks, and if so, to drop
 * it, even in the middle of its work, and to take it again.
 */
#ifndef BBUF_EXAMPLES_GIL_LOCK_H
#define BBUF_EXAMPLES_GIL_LOCK_H

#include <stdbool.h>
#include <stdint.h>

extern uint64_t gil_interval_ns;

void gil_acquire(void);
void gil_release(void);
bool gil_requested(void);

/* For who has the lock: CPU time that this thread had with it since the last call. */
uint64_t gil_cpu_ns(void);

#endif /* BBUF_EXAMPLES_GIL_LOCK_H */
