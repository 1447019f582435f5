/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coroutines: functions that can be suspended and resumed. Each has its own stack, and runs from
 * when it is resumed until it yields or returns. Scheduling is cooperative: between a resume and
 * a yield, nothing else runs in its thread.
 *
 * A coroutine belongs to the thread that created it.
 */
#ifndef BBUF_EXAMPLES_COROUTINE_H
#define BBUF_EXAMPLES_COROUTINE_H

#include <stdbool.h>

struct coroutine;

/* Creates a coroutine, suspended at the start of @run. */
struct coroutine *coroutine_new(void (*run)(void *arg), void *arg);

/* Runs it until it yields or returns. Returns true if it has yielded and may be resumed again. */
bool coroutine_resume(struct coroutine *self);

/* Called by a coroutine: suspends it and returns to its resumer. */
void coroutine_yield(void);

bool coroutine_done(const struct coroutine *self);

/* Also frees a suspended coroutine; resources that it holds are not released. */
void coroutine_free(struct coroutine *self);

#endif /* BBUF_EXAMPLES_COROUTINE_H */
