/* SPDX-License-Identifier: GPL-2.0-only */
/* Work of the queues that is not urgent. */
#ifndef BBUF_WORKQUEUE_H
#define BBUF_WORKQUEUE_H

struct workqueue_struct;

extern struct workqueue_struct *bbuf_workqueue;

int bbuf_workqueue_init(void);
void bbuf_workqueue_uninit(void);

#endif /* BBUF_WORKQUEUE_H */
