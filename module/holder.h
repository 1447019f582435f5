/* SPDX-License-Identifier: GPL-2.0-only */
/* Holders: the files that lease. */
#ifndef BBUF_HOLDER_H
#define BBUF_HOLDER_H

struct bbuf_holder;
struct bbuf_queue;

struct bbuf_holder *bbuf_holder_get(struct bbuf_queue *q);
void bbuf_holder_put(struct bbuf_queue *q, struct bbuf_holder *holder);

#endif /* BBUF_HOLDER_H */
