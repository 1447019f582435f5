// SPDX-License-Identifier: GPL-2.0-only
/* Runs work of the queues that is not urgent, on any processor. */
#include <linux/errno.h>
#include <linux/workqueue.h>

#include "workqueue.h"

struct workqueue_struct *bbuf_workqueue;

/**
 * bbuf_workqueue_init() - create the workqueue
 *
 * Return: 0 or -ENOMEM.
 */
int bbuf_workqueue_init(void)
{
	bbuf_workqueue = alloc_workqueue("bbuf", WQ_UNBOUND, 0);
	return bbuf_workqueue ? 0 : -ENOMEM;
}

/**
 * bbuf_workqueue_uninit() - finish what is queued, and destroy the workqueue
 */
void bbuf_workqueue_uninit(void)
{
	destroy_workqueue(bbuf_workqueue);
}
