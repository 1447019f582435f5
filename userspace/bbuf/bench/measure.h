/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving messages, and measuring that; for patterns.
 */
#ifndef BBUF_BENCH_MEASURE_H
#define BBUF_BENCH_MEASURE_H

#include "pattern.h"

void move_in(struct worker *worker, struct channel *channel, size_t messages);
void move_out(struct worker *worker, struct channel *channel, size_t messages);
int setup_open(const struct setup *setup, struct channel *channel);
size_t measure(const struct setup *setup, struct task *task, struct figure *figure);

#endif /* BBUF_BENCH_MEASURE_H */
