// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of leases: they are acknowledged, returned, rejected or renewed by their holder, or
 * returned because they time out or their file is closed. A record that may not be returned any
 * more goes to the dead-letter queue.
 *
 * Leases are picked from their holder under the consumers' lock, a batch at a time, and then belong
 * to this task. What must be written to the dead-letter queue is written without the lock.
 */
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "io.h"
#include "lease.h"
#include "settle.h"
#include "trace.h"

/* Remove a lease that was moved to the dead-letter queue, or dropped for want of one. */
static void bbuf_lease_consume_dead_letter(struct bbuf_queue *q, struct bbuf_item *item,
					   struct bbuf_lease_changes *changes)
{
	q->leases->dead_lettered++;
	q->leases->dead_lettered_bytes += item->len;
	bbuf_lease_consume(q, item, changes);
}

/* Write a record to the dead-letter queue, if there is one; true if it must be removed here. */
static bool bbuf_item_dead_letter(struct bbuf_queue *q, struct bbuf_item *item)
{
	const struct bbuf_io_opts nowait_opts = { .nowait = true, .deadline = BBUF_NEVER };
	struct kvec vec = { .iov_base = item->data, .iov_len = item->len };
	struct iov_iter from;

	if (!q->leases->dead_letters)
		return true;
	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, item->len);
	return bbuf_write(q->leases->dead_letters, &from, nowait_opts) == item->len;
}

/* Check whether a record was delivered too often to be returned. */
static bool bbuf_item_is_exhausted(const struct bbuf_leases *leases, const struct bbuf_item *item)
{
	return leases->max_deliveries && item->deliveries >= leases->max_deliveries;
}

/**
 * struct bbuf_return_opts - how leases are returned
 * @last: behind all that is queued, instead of to their own positions
 * @expired: because they timed out
 */
struct bbuf_return_opts {
	bool last;
	bool expired;
};

static void bbuf_lease_return(struct bbuf_queue *q, struct bbuf_item *item,
			      struct bbuf_return_opts opts, struct bbuf_lease_changes *changes)
{
	q->leases->returned++;
	q->leases->expired += opts.expired;
	bbuf_lease_requeue(q, item, opts.last, changes);
}

/* Return those of @items that may be returned; the others are detached, and stay in @items. */
static void bbuf_leases_return_list(struct bbuf_queue *q, struct list_head *items,
				    struct bbuf_return_opts opts,
				    struct bbuf_lease_changes *changes)
{
	struct bbuf_item *item, *next;

	list_for_each_entry_safe(item, next, items, link) {
		if (bbuf_item_is_exhausted(q->leases, item))
			bbuf_item_detach(q->leases, item);
		else
			bbuf_lease_return(q, item, opts, changes);
	}
}

/* Dead-letter @items or, where that is impossible, return them behind all that is queued. */
static void bbuf_leases_dead_letter_list(struct bbuf_queue *q, struct list_head *items,
					 struct bbuf_return_opts opts,
					 struct bbuf_lease_changes *changes)
{
	struct bbuf_item *item, *next;
	bool gone;

	opts.last = true;
	list_for_each_entry_safe(item, next, items, link) {
		gone = bbuf_item_dead_letter(q, item);
		mutex_lock(&q->consumer.lock);
		if (gone)
			bbuf_lease_consume_dead_letter(q, item, changes);
		else
			bbuf_lease_return(q, item, opts, changes);
		bbuf_leases_collect_unblocked(q->leases, changes);
		mutex_unlock(&q->consumer.lock);
	}
	bbuf_leases_free(items);
}

/* Return leases that were picked. The consumers' lock is held, and dropped to dead-letter some. */
static void bbuf_leases_return_and_unlock(struct bbuf_queue *q, struct list_head *items,
					  struct bbuf_return_opts opts)
{
	struct bbuf_lease_changes changes = { };

	bbuf_leases_return_list(q, items, opts, &changes);
	bbuf_leases_collect_unblocked(q->leases, &changes);
	mutex_unlock(&q->consumer.lock);
	bbuf_leases_dead_letter_list(q, items, opts, &changes);
	bbuf_leases_notify(q, &changes);
}

/* End leases that have timed out, and run again when the next one does. */
static void bbuf_leases_expire(struct work_struct *work)
{
	struct bbuf_leases *leases = container_of(work, struct bbuf_leases, expiry.work);
	const struct bbuf_return_opts opts = { .expired = true };
	struct bbuf_queue *q = leases->queue;
	LIST_HEAD(expired);
	size_t n;
	u64 due;

	mutex_lock(&q->consumer.lock);
	due = bbuf_leases_pick_expired(leases, &expired, &n);
	leases->due = BBUF_NEVER;
	bbuf_leases_arm(leases, due);
	trace_bbuf_batch(q, "expire", 0, n);
	bbuf_leases_return_and_unlock(q, &expired, opts);
}

/**
 * bbuf_expiry_init() - let leases time out
 * @q: the queue, after bbuf_leases_init(); not in use yet
 */
void bbuf_expiry_init(struct bbuf_queue *q)
{
	INIT_DELAYED_WORK(&q->leases->expiry, bbuf_leases_expire);
}

/**
 * bbuf_expiry_uninit() - let no more leases time out
 * @q: the queue, with or without leases; not in use any more
 *
 * Context: process context; waits for work that is running.
 */
void bbuf_expiry_uninit(struct bbuf_queue *q)
{
	if (q->leases)
		cancel_delayed_work_sync(&q->leases->expiry);
}

/* Find the first lease of a holder whose id is at least @id. */
static struct bbuf_item *bbuf_holder_next(const struct bbuf_holder *holder, u64 id)
{
	struct rb_node *node = holder->leases.rb_root.rb_node;
	struct bbuf_item *item, *found = NULL;

	while (node) {
		item = rb_entry(node, struct bbuf_item, held);
		if (item->id >= id) {
			found = item;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

static struct bbuf_item *bbuf_holder_find(const struct bbuf_holder *holder, u64 id)
{
	struct bbuf_item *item = bbuf_holder_next(holder, id);

	return item && (!id || item->id == id) ? item : NULL;
}

/**
 * struct bbuf_settle_progress - progress of settling many leases
 * @from: smallest id of the leases that are left
 * @to: largest id to settle: newer leases are left alone
 * @n: leases that are being settled now
 * @more: whether there may be more
 */
struct bbuf_settle_progress {
	u64 from;
	u64 to;
	size_t n;
	bool more;
};

/* Find the next lease to settle; or NULL. */
static struct bbuf_item *bbuf_settle_next(const struct bbuf_holder *holder,
					  struct bbuf_settle_progress *progress)
{
	struct bbuf_item *item = bbuf_holder_next(holder, progress->from);

	if (!item || item->id > progress->to)
		return NULL;
	progress->from = item->id + 1;
	return item;
}

/* Move the leases to settle from the holder to @items, at most one batch. */
static int bbuf_settle_pick(struct bbuf_queue *q, struct bbuf_holder *holder,
			    const struct bbuf_settle *settle, struct bbuf_settle_progress *progress,
			    struct list_head *items)
{
	struct bbuf_item *item;

	if (!(settle->flags & BBUF_SETTLE_ALL)) {
		item = bbuf_holder_find(holder, settle->lease);
		if (!item)
			return settle->lease ? -ESTALE : -ENOENT;
		bbuf_holder_pick(q->leases, item, items);
		progress->n = 1;
		return 0;
	}
	if (!progress->to)
		progress->to = q->leases->last_id;
	progress->n = 0;
	while (progress->n < BBUF_LOCKED_RECORDS && (item = bbuf_settle_next(holder, progress))) {
		bbuf_holder_pick(q->leases, item, items);
		progress->n++;
	}
	progress->more = progress->n == BBUF_LOCKED_RECORDS;
	return 0;
}

/* The following functions return the number of leases that they have settled. */

static long bbuf_settle_ack(struct bbuf_queue *q, struct list_head *items,
			    struct bbuf_lease_changes *changes)
{
	struct bbuf_item *item;
	long n = 0;

	list_for_each_entry(item, items, link) {
		bbuf_lease_consume(q, item, changes);
		n++;
	}
	return n;
}

/* Give leases back to their holder; their timeouts start again. */
static long bbuf_settle_renew(struct bbuf_queue *q, struct list_head *items)
{
	struct bbuf_item *item, *next;
	long n = 0;

	list_for_each_entry_safe(item, next, items, link) {
		list_del(&item->link);
		bbuf_holder_track(q->leases, item);
		n++;
	}
	return n;
}

/* Stops at the first one that can't be dead-lettered: that one and the rest stay leased. */
static long bbuf_settle_reject(struct bbuf_queue *q, struct list_head *items,
			       struct bbuf_lease_changes *changes)
{
	struct bbuf_item *item, *next;
	LIST_HEAD(gone);
	bool all = true;
	long n = 0;

	mutex_unlock(&q->consumer.lock);
	list_for_each_entry_safe(item, next, items, link) {
		all = bbuf_item_dead_letter(q, item);
		if (!all)
			break;
		list_move_tail(&item->link, &gone);
	}
	mutex_lock(&q->consumer.lock);
	list_for_each_entry(item, &gone, link) {
		bbuf_lease_consume_dead_letter(q, item, changes);
		n++;
	}
	bbuf_settle_renew(q, items);
	list_splice(&gone, items);
	return n || all ? n : -EAGAIN;
}

/* The consumers' lock is held; what is left in @items must be dead-lettered, or freed. */
static long bbuf_settle_picked(struct bbuf_queue *q, u32 action, struct list_head *items,
			       struct bbuf_settle_progress *progress,
			       struct bbuf_lease_changes *changes)
{
	const struct bbuf_return_opts opts = { .last = action == BBUF_RETURN_LAST };

	trace_bbuf_batch(q, "settle", 0, progress->n);
	switch (action) {
	case BBUF_ACK:
		return bbuf_settle_ack(q, items, changes);
	case BBUF_RENEW:
		return bbuf_settle_renew(q, items);
	case BBUF_REJECT:
		return bbuf_settle_reject(q, items, changes);
	default:
		bbuf_leases_return_list(q, items, opts, changes);
		return progress->n;
	}
}

/* Settle as many leases as one lock may be held for. */
static long bbuf_settle_batch(struct bbuf_queue *q, struct bbuf_holder *holder,
			      const struct bbuf_settle *settle,
			      struct bbuf_settle_progress *progress)
{
	const struct bbuf_return_opts opts = { .last = settle->action == BBUF_RETURN_LAST };
	bool returns = settle->action == BBUF_RETURN || opts.last;
	struct bbuf_lease_changes changes = { };
	LIST_HEAD(items);
	long ret;

	mutex_lock(&q->consumer.lock);
	ret = bbuf_side_error(&q->consumer) ?:
	      bbuf_settle_pick(q, holder, settle, progress, &items);
	if (!ret)
		ret = bbuf_settle_picked(q, settle->action, &items, progress, &changes);
	bbuf_leases_collect_unblocked(q->leases, &changes);
	mutex_unlock(&q->consumer.lock);

	if (returns)
		bbuf_leases_dead_letter_list(q, &items, opts, &changes);
	else
		bbuf_leases_free(&items);
	if (ret > 0 && settle->action != BBUF_RENEW)
		bbuf_leases_notify(q, &changes);
	return ret;
}

/**
 * bbuf_lease_settle() - acknowledge, return, reject or renew leases
 * @q: the queue, of records, with BBUF_LEASE
 * @holder: holder of the leases
 * @settle: leases, and the action; its values are valid
 *
 * Context: process context; may sleep for locks.
 * Return: number of leases, or -ESTALE, -ENOENT, -EAGAIN, -ENODEV, see struct bbuf_settle.
 */
long bbuf_lease_settle(struct bbuf_queue *q, struct bbuf_holder *holder,
		       const struct bbuf_settle *settle)
{
	struct bbuf_settle_progress progress = { };
	long ret, done = 0;

	do {
		ret = bbuf_settle_batch(q, holder, settle, &progress);
		done += max(ret, 0L);
		cond_resched();
	} while (ret > 0 && progress.more);
	return done ?: ret;
}

/**
 * bbuf_lease_undo() - return a lease that its holder was not told of
 * @q: the queue
 * @holder: holder of the lease
 * @id: id of the lease
 */
void bbuf_lease_undo(struct bbuf_queue *q, struct bbuf_holder *holder, u64 id)
{
	struct bbuf_lease_changes changes = { };
	struct bbuf_item *item;
	LIST_HEAD(items);

	mutex_lock(&q->consumer.lock);
	item = bbuf_holder_find(holder, id);
	if (item) {
		bbuf_holder_pick(q->leases, item, &items);
		item->deliveries--;
		bbuf_lease_requeue(q, item, false, &changes);
	}
	bbuf_leases_collect_unblocked(q->leases, &changes);
	mutex_unlock(&q->consumer.lock);
	bbuf_leases_notify(q, &changes);
}

/* Return a batch of the leases of a holder; false if there are no more. */
static bool bbuf_holder_return_batch(struct bbuf_queue *q, struct bbuf_holder *holder)
{
	const struct bbuf_return_opts opts = { };
	struct rb_node *first;
	LIST_HEAD(items);
	size_t n = 0;

	mutex_lock(&q->consumer.lock);
	while (n < BBUF_LOCKED_RECORDS && (first = rb_first_cached(&holder->leases))) {
		bbuf_holder_pick(q->leases, rb_entry(first, struct bbuf_item, held), &items);
		n++;
	}
	trace_bbuf_batch(q, "close", 0, n);
	bbuf_leases_return_and_unlock(q, &items, opts);
	return n == BBUF_LOCKED_RECORDS;
}

/**
 * bbuf_holder_return() - return all leases of a holder whose last file is closed
 * @q: the queue
 * @holder: the holder
 *
 * Context: process context; may sleep for locks.
 */
void bbuf_holder_return(struct bbuf_queue *q, struct bbuf_holder *holder)
{
	while (bbuf_holder_return_batch(q, holder))
		cond_resched();
}
