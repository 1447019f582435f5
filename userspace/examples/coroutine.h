/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coroutines: functions that stop in the middle, and go on there later. Each has a stack
 * of its own, and runs when somebody resumes it, until it yields or returns. No one else
 * decides when: between a resume and a yield, nothing else of its thread runs.
 *
 * A coroutine belongs to the thread that has made it.
 */
#ifndef BBUF_EXAMPLES_COROUTINE_H
#define BBUF_EXAMPLES_COROUTINE_H

#include <stdbool.h>

struct coroutine;

/* Runs nothing yet. */
struct coroutine *coroutine_new(void (*run)(void *arg), void *arg);

/* Until it yields, or returns; true if it has yielded, and may be resumed again. */
bool coroutine_resume(struct coroutine *self);

/* By a coroutine: back to whoever has resumed it. */
void coroutine_yield(void);

bool coroutine_done(const struct coroutine *self);

/* Also of one that is not done: it will never go on, and frees nothing that it has. */
void coroutine_free(struct coroutine *self);

#endif /* BBUF_EXAMPLES_COROUTINE_H */
