// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holders: the files that lease. Each file of a record queue is a holder of its own; the files of a
 * stream that one process has opened share one, so that any of them can write a token back.
 */
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "holder.h"
#include "lease.h"
#include "settle.h"

/* For a stream: find the holder of this process, or add @fresh. */
static struct bbuf_holder *bbuf_holder_find_or_add(struct bbuf_leases *leases,
						   struct bbuf_holder *fresh)
{
	struct rb_node **link = &leases->holders.rb_node, *parent = NULL;

	while (*link) {
		struct bbuf_holder *holder = rb_entry(*link, struct bbuf_holder, node);

		if (holder->owner == fresh->owner)
			return holder;
		parent = *link;
		link = fresh->owner < holder->owner ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&fresh->node, parent, link);
	rb_insert_color(&fresh->node, &leases->holders);
	return fresh;
}

/**
 * bbuf_holder_get() - get the holder for a file that the current task opens
 * @q: the queue
 *
 * For a stream this is the holder of the process, if it has one.
 *
 * Return: the holder, for bbuf_holder_put(), or NULL if there is no memory.
 */
struct bbuf_holder *bbuf_holder_get(struct bbuf_queue *q)
{
	struct bbuf_holder *fresh, *holder;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return NULL;
	fresh->leases = RB_ROOT_CACHED;
	init_waitqueue_head(&fresh->wait);
	if (q->type == BBUF_RECORD) {
		fresh->files = 1;
		return fresh;
	}
	fresh->owner = get_pid(task_tgid(current));

	mutex_lock(&q->consumer.lock);
	holder = bbuf_holder_find_or_add(q->leases, fresh);
	holder->files++;
	mutex_unlock(&q->consumer.lock);
	if (holder != fresh) {
		put_pid(fresh->owner);
		kfree(fresh);
	}
	return holder;
}

/* Count a file less; true if it was the last. */
static bool bbuf_holder_close(struct bbuf_queue *q, struct bbuf_holder *holder)
{
	bool last;

	mutex_lock(&q->consumer.lock);
	last = !--holder->files;
	if (last && holder->owner)
		rb_erase(&holder->node, &q->leases->holders);
	mutex_unlock(&q->consumer.lock);
	return last;
}

/**
 * bbuf_holder_put() - release a holder: leases that were not settled are returned
 * @q: the queue
 * @holder: from bbuf_holder_get()
 */
void bbuf_holder_put(struct bbuf_queue *q, struct bbuf_holder *holder)
{
	if (!bbuf_holder_close(q, holder))
		return;
	bbuf_holder_return(q, holder);
	put_pid(holder->owner);
	kfree(holder);
}
