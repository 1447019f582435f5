/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A global interpreter lock, which one thread of a process holds at a time, in time slices as in
 * CPython: a thread that wants it waits for an interval, and requests the lock if it was not
 * released by then. The holder checks from time to time for a request, and if there is one,
 * releases the lock even in the middle of its work, and acquires it again.
 */
#ifndef BBUF_EXAMPLES_GIL_LOCK_H
#define BBUF_EXAMPLES_GIL_LOCK_H

#include <stdbool.h>
#include <stdint.h>

extern uint64_t gil_interval_ns;

void gil_acquire(void);
void gil_release(void);
bool gil_requested(void);

/* For the holder of the lock: CPU time that this thread had with it since the last call. */
uint64_t gil_cpu_ns(void);

#endif /* BBUF_EXAMPLES_GIL_LOCK_H */
