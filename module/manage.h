/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done to a queue as a whole. */
#ifndef BBUF_MANAGE_H
#define BBUF_MANAGE_H

#include "queue.h"

int bbuf_queue_open(struct bbuf_queue *q, fmode_t mode);
void bbuf_queue_release(struct bbuf_queue *q, fmode_t mode);
int bbuf_queue_shutdown(struct bbuf_queue *q);
int bbuf_queue_reopen(struct bbuf_queue *q);
void bbuf_queue_destroy(struct bbuf_queue *q);
int bbuf_queue_set(struct bbuf_queue *q, const struct bbuf_set *set, bool nowait);
void bbuf_queue_info(struct bbuf_queue *q, struct bbuf_info *info);
int bbuf_queue_flush(struct bbuf_queue *q, bool nowait);

#endif /* BBUF_MANAGE_H */
