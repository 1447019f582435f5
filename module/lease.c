// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: records that consumers have read, and may not be done with. How they are read:
 * lease_read.c.
 *
 * A record that is read from a queue with BBUF_LEASE leaves the ring for memory of its own, an
 * item. While it is leased no one else can read it, and it still counts against the capacity. If it
 * is returned it is requeued, and is read before the records that are behind its position in the
 * ring.
 *
 * The positions of the two sides remain what they are to queue.c, with two differences. The
 * consumers' position moves back when a record is requeued. And producers compare with @freed,
 * which counts the bytes that were consumed, in any order. Callers of fsync compare with
 * bbuf_queue.settled, before which everything was consumed.
 *
 *	leased	=  consumer.pos - freed		in items
 *	queued	=  producer.pos - consumer.pos	in requeued items, and in the ring
 *
 * All of it is done under the consumers' lock, and never needs the producers'. A task that consumes
 * or returns an item is a mover in the sense of queue.c: it publishes the position first, then
 * wakes waiters and pollers, by bbuf_leases_notify().
 *
 * An item becomes its holder's when its bytes have reached the user, with the lock still held: so a
 * reader whose page does not arrive holds nothing. From then on it is in the tree of its holder,
 * and can be settled, or time out. On its way to the dead-letter queue it belongs to the task that
 * moves it, which needs no lock for it.
 *
 * Each operation on one item takes O(log n). Operations on many items handle BBUF_LOCKED_RECORDS of
 * them at a time and drop the lock in between; each batch leaves the queue consistent. There are at
 * most bbuf_leases.limit items: a reader that would need another one waits. If all requeued items
 * are behind the ring then, they are read before it, as otherwise nothing could be read.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "io.h"
#include "lease.h"
#include "trace.h"

static bool bbuf_item_records(const struct bbuf_queue *q)
{
	return q->type == BBUF_RECORD;
}

/**
 * bbuf_leases_free() - free items that are in no tree of the queue any more
 * @items: list of items, by their @link
 */
void bbuf_leases_free(struct list_head *items)
{
	struct bbuf_item *item, *next;

	list_for_each_entry_safe(item, next, items, link)
		kvfree(item);
	cond_resched();
}

/**
 * bbuf_leases_notify() - wake waiters and pollers after leases were settled or returned
 * @q: the queue; no lock is held
 * @changes: the changes
 *
 * A requeued item makes no room, so producers are not woken for it.
 */
void bbuf_leases_notify(struct bbuf_queue *q, const struct bbuf_lease_changes *changes)
{
	bool ended;

	if (changes->consumed) {
		bbuf_side_notify(&q->producer, changes->consumed_bytes, changes->consumed);
		bbuf_queue_wake_drainers(q);	/* follows the (A) in bbuf_side_notify() */
	}
	ended = READ_ONCE(q->consumer.ended);
	if (ended)
		bbuf_queue_end_readers(q);
	if (changes->unblocked || ended)
		bbuf_side_notify(&q->consumer, SIZE_MAX, SIZE_MAX);
	else if (changes->requeued)
		bbuf_side_notify(&q->consumer, changes->requeued_bytes, changes->requeued);
}

/* Under the lock: collect whether readers must be woken as well. */
static void bbuf_leases_collect_unblocked(struct bbuf_leases *leases,
					  struct bbuf_lease_changes *changes)
{
	changes->unblocked |= leases->unblocked;
	leases->unblocked = false;
}

/**
 * bbuf_leases_first_requeued() - get the requeued item that must be read before the ring
 * @q: the queue; the consumers' lock is held
 *
 * Return: the item, or NULL if the next record is in the ring, or nothing is queued.
 */
struct bbuf_item *bbuf_leases_first_requeued(const struct bbuf_queue *q)
{
	const struct bbuf_leases *leases = q->leases;
	struct rb_node *first = rb_first_cached(&leases->requeued);
	struct bbuf_item *item;

	if (!first)
		return NULL;
	item = rb_entry(first, struct bbuf_item, requeued);
	if (item->pos <= q->ring_pos || leases->count >= leases->limit)
		return item;
	return bbuf_queue_in_ring(q) ? NULL : item;
}

static bool bbuf_item_written_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct bbuf_item, node)->written_pos <
	       rb_entry(b, struct bbuf_item, node)->written_pos;
}

static bool bbuf_item_read_before(struct rb_node *a, const struct rb_node *b)
{
	const struct bbuf_item *this = rb_entry(a, struct bbuf_item, requeued);
	const struct bbuf_item *that = rb_entry(b, struct bbuf_item, requeued);

	return this->pos < that->pos ||
	       (this->pos == that->pos && this->seq < that->seq);
}

static bool bbuf_item_due_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct bbuf_item, timed)->deadline <
	       rb_entry(b, struct bbuf_item, timed)->deadline;
}

/* Tokens are looked up by their bytes, records only by their ids. */
static bool bbuf_item_held_before(struct rb_node *a, const struct rb_node *b)
{
	const struct bbuf_item *this = rb_entry(a, struct bbuf_item, held);
	const struct bbuf_item *that = rb_entry(b, struct bbuf_item, held);

	if (this->holder->owner && this->data[0] != that->data[0])
		return this->data[0] < that->data[0];
	return this->id < that->id;
}

static void bbuf_item_stop_timer(struct bbuf_leases *leases, struct bbuf_item *item)
{
	if (RB_EMPTY_NODE(&item->timed))
		return;
	rb_erase_cached(&item->timed, &leases->timed);
	RB_CLEAR_NODE(&item->timed);
}

static unsigned int bbuf_leases_file_limit(const struct bbuf_leases *leases)
{
	return min_t(size_t, READ_ONCE(leases->max_leases), READ_ONCE(leases->limit));
}

/* Call this after the number of leases, or its limit, has changed. */
static void bbuf_holder_update_full(struct bbuf_leases *leases, struct bbuf_holder *holder)
{
	bool full = holder->count >= bbuf_leases_file_limit(leases);

	if (!full && (holder->full || leases->queue->full_stale))
		leases->unblocked = true;
	if (full == holder->full)
		return;
	holder->full = full;
	WRITE_ONCE(leases->queue->full_files, leases->queue->full_files + (full ? 1 : -1));
}

static void bbuf_holder_add_count(struct bbuf_leases *leases, struct bbuf_holder *holder, int n)
{
	if (!holder->count)
		leases->files++;
	WRITE_ONCE(holder->count, holder->count + n);
	if (!holder->count)
		leases->files--;
	bbuf_holder_update_full(leases, holder);
	if (!leases->files)
		WRITE_ONCE(leases->queue->full_stale, false);
}

/* Update whether anything can be leased at all. Readers that wait for that must be woken. */
static void bbuf_leases_update_full(struct bbuf_queue *q)
{
	struct bbuf_leases *leases = q->leases;
	bool full = leases->count >= leases->limit && !leases->requeued_count;

	if (full == q->lease_full)
		return;
	WRITE_ONCE(q->lease_full, full);
	if (!full)
		leases->unblocked = true;
}

/* Count @bytes more as leased; the consumers' position advances. */
static void bbuf_leases_advance(struct bbuf_queue *q, size_t bytes)
{
	struct bbuf_side *side = &q->consumer;
	size_t records = bbuf_item_records(q);

	q->leased += bytes;
	q->leases->records += records;
	side->bytes += bytes;
	WRITE_ONCE(side->records, side->records + records);
	WRITE_ONCE(side->pos, side->pos + bytes);
}

/* Count @bytes less as leased; the consumers' position moves back. */
static void bbuf_leases_rewind(struct bbuf_queue *q, size_t bytes)
{
	struct bbuf_side *side = &q->consumer;
	size_t records = bbuf_item_records(q);

	q->leased -= bytes;
	q->leases->records -= records;
	side->bytes -= bytes;
	WRITE_ONCE(side->records, side->records - records);
	WRITE_ONCE(side->pos, side->pos - bytes);
}

/* Run @expiry when the first lease times out. */
static void bbuf_leases_arm(struct bbuf_leases *leases, u64 deadline)
{
	u64 now, delay = 0;

	if (deadline >= leases->due)
		return;
	now = ktime_get_ns();
	if (deadline > now)
		delay = nsecs_to_jiffies64(deadline - now) + 1;
	leases->due = deadline;
	mod_delayed_work(bbuf_workqueue, &leases->expiry, min_t(u64, delay, MAX_JIFFY_OFFSET));
}

/* Start the timeout of a lease, or start it again. */
static void bbuf_item_start_timer(struct bbuf_leases *leases, struct bbuf_item *item)
{
	u64 now;

	bbuf_item_stop_timer(leases, item);
	if (!leases->timeout)
		return;
	now = ktime_get_ns();
	if (leases->timeout >= BBUF_NEVER - now)
		return;
	item->deadline = now + leases->timeout;
	rb_add_cached(&item->timed, &leases->timed, bbuf_item_due_before);
	bbuf_leases_arm(leases, item->deadline);
}

/* Add a lease to its holder, which can find it again, and to the timeouts. */
static void bbuf_holder_track(struct bbuf_leases *leases, struct bbuf_item *item)
{
	rb_add_cached(&item->held, &item->holder->leases, bbuf_item_held_before);
	bbuf_item_start_timer(leases, item);
}

/* Move a lease from its holder to the list @items of the caller; it still counts as leased. */
static void bbuf_holder_pick(struct bbuf_leases *leases, struct bbuf_item *item,
			     struct list_head *items)
{
	rb_erase_cached(&item->held, &item->holder->leases);
	bbuf_item_stop_timer(leases, item);
	list_add_tail(&item->link, items);
}

/**
 * bbuf_lease_grant() - lease the first record of the queue
 * @q: the queue; the consumers' lock is held
 * @holder: new holder
 * @item: first record: from bbuf_leases_first_requeued(), or a new item with a copy of the ring's;
 *        its bytes have reached the user
 * @stored: bytes of the ring that it occupies; 0 if it is not there
 */
void bbuf_lease_grant(struct bbuf_queue *q, struct bbuf_holder *holder, struct bbuf_item *item,
		      size_t stored)
{
	struct bbuf_leases *leases = q->leases;
	struct bbuf_side *side = &q->consumer;

	lockdep_assert_held(&side->lock);

	if (stored) {
		item->written_pos = q->ring_pos;
		item->pos = q->ring_pos;
		item->seq = U64_MAX;	/* behind items requeued at this position */
		RB_CLEAR_NODE(&item->timed);
		rb_add_cached(&item->node, &leases->items, bbuf_item_written_before);
		leases->count++;
		side->off = bbuf_ring_step(&q->ring, side->off, stored);
		q->ring_pos += item->len;
	} else {
		rb_erase_cached(&item->requeued, &leases->requeued);
		leases->requeued_count--;
		q->requeued -= item->len;
	}
	item->deliveries++;
	item->id = ++leases->last_id;
	item->holder = holder;
	bbuf_holder_add_count(leases, holder, 1);
	bbuf_leases_advance(q, item->len);
	bbuf_leases_update_full(q);
	bbuf_queue_update_eof(q);
	bbuf_holder_track(leases, item);
}

/* Detach @item from its holder. It stays in flight. */
static void bbuf_item_detach(struct bbuf_leases *leases, struct bbuf_item *item)
{
	if (item->holder)
		bbuf_holder_add_count(leases, item->holder, -1);
	item->holder = NULL;
}

/* Requeue a lease that was picked: at its own position, or behind all that is queued. */
static void bbuf_lease_requeue(struct bbuf_queue *q, struct bbuf_item *item, bool last,
			       struct bbuf_lease_changes *changes)
{
	struct bbuf_leases *leases = q->leases;

	lockdep_assert_held(&q->consumer.lock);

	list_del(&item->link);
	bbuf_item_detach(leases, item);
	if (last) {
		item->pos = q->ring_pos + bbuf_queue_in_ring(q);
		item->seq = ++leases->last_seq;
	}
	rb_add_cached(&item->requeued, &leases->requeued, bbuf_item_read_before);
	leases->requeued_count++;
	q->requeued += item->len;
	bbuf_leases_rewind(q, item->len);
	bbuf_leases_update_full(q);
	bbuf_queue_update_eof(q);
	changes->requeued++;
	changes->requeued_bytes += item->len;
	trace_bbuf_return(q, item->len, bbuf_item_records(q));
}

/* Update the position before which everything was consumed. */
static void bbuf_leases_update_settled(struct bbuf_leases *leases)
{
	struct rb_node *first = rb_first_cached(&leases->items);
	u64 settled = leases->queue->ring_pos;

	if (first)
		settled = rb_entry(first, struct bbuf_item, node)->written_pos;
	/*
	 * Release: pairs with the acquire in bbuf_drainer_is_done(): readers are done with the
	 * bytes.
	 */
	atomic64_set_release(&leases->queue->settled, settled);
}

/* Count @bytes as consumed: producers may use their room. */
static void bbuf_leases_free_room(struct bbuf_leases *leases, size_t bytes)
{
	/* Before the room: a writer that finds too little even so sets it again. */
	if (READ_ONCE(leases->queue->producer.short_of_room))
		WRITE_ONCE(leases->queue->producer.short_of_room, false);
	/*
	 * (C) pairs with (D) in bbuf_side_avail(): a writer that finds the room finds the bytes
	 * copied.
	 */
	smp_store_release(&leases->freed, leases->freed + bytes);
}

/* Remove an item whose bytes are consumed; the caller frees it. */
static void bbuf_item_consume(struct bbuf_queue *q, struct bbuf_item *item,
			      struct bbuf_lease_changes *changes)
{
	struct bbuf_leases *leases = q->leases;

	rb_erase_cached(&item->node, &leases->items);
	leases->count--;
	bbuf_leases_update_settled(leases);
	bbuf_leases_free_room(leases, item->len);
	bbuf_leases_update_full(q);
	bbuf_queue_update_eof(q);
	changes->consumed++;
	changes->consumed_bytes += item->len;
}

/* Remove a lease that was picked, and is consumed; the caller frees it. */
static void bbuf_lease_consume(struct bbuf_queue *q, struct bbuf_item *item,
			       struct bbuf_lease_changes *changes)
{
	bbuf_item_detach(q->leases, item);
	q->leased -= item->len;
	q->leases->records -= bbuf_item_records(q);
	bbuf_item_consume(q, item, changes);
	trace_bbuf_settle(q, item->len, bbuf_item_records(q));
}

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

/* Pick leases that have timed out, at most one batch. Returns the deadline of the next one. */
static u64 bbuf_leases_pick_expired(struct bbuf_leases *leases, struct list_head *items, size_t *n)
{
	u64 now = ktime_get_ns();
	struct bbuf_item *item;
	struct rb_node *first;

	for (*n = 0; (first = rb_first_cached(&leases->timed)); ++*n) {
		item = rb_entry(first, struct bbuf_item, timed);
		if (item->deadline > now || *n == BBUF_LOCKED_RECORDS)
			return item->deadline;
		bbuf_holder_pick(leases, item, items);
	}
	return BBUF_NEVER;
}

/* End leases that have timed out, and run again when the next one does. */
static void bbuf_leases_expire(struct work_struct *work)
{
	struct bbuf_leases *leases = container_of(work, struct bbuf_leases, expiry.work);
	const struct bbuf_return_opts opts = { .expired = true };
	struct bbuf_queue *q = leases->queue;
	struct bbuf_lease_changes changes = { };
	LIST_HEAD(expired);
	size_t n;
	u64 due;

	mutex_lock(&q->consumer.lock);
	due = bbuf_leases_pick_expired(leases, &expired, &n);
	leases->due = BBUF_NEVER;
	bbuf_leases_arm(leases, due);
	trace_bbuf_batch(q, "expire", 0, n);
	bbuf_leases_return_list(q, &expired, opts, &changes);
	bbuf_leases_collect_unblocked(leases, &changes);
	mutex_unlock(&q->consumer.lock);
	bbuf_leases_dead_letter_list(q, &expired, opts, &changes);
	bbuf_leases_notify(q, &changes);
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

/* Find a token of a holder of a stream by its byte. */
static struct bbuf_item *bbuf_holder_token(const struct bbuf_holder *holder, u8 byte)
{
	struct rb_node *node = holder->leases.rb_root.rb_node;
	struct bbuf_item *item;

	while (node) {
		item = rb_entry(node, struct bbuf_item, held);
		if (item->data[0] == byte)
			return item;
		node = byte < item->data[0] ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/**
 * bbuf_holder_has_token() - check whether a holder has leased a token
 * @holder: the holder, of a stream; the consumers' lock is held
 * @byte: the token
 *
 * Return: whether it has.
 */
bool bbuf_holder_has_token(const struct bbuf_holder *holder, u8 byte)
{
	return bbuf_holder_token(holder, byte);
}

/**
 * bbuf_token_requeue() - put a token behind all that is queued
 * @q: the queue, a stream; the consumers' lock is held
 * @holder: holder of the token
 * @byte: the token
 * @changes: for bbuf_leases_notify()
 *
 * Return: whether the holder has leased such a token.
 */
bool bbuf_token_requeue(struct bbuf_queue *q, struct bbuf_holder *holder, u8 byte,
			struct bbuf_lease_changes *changes)
{
	struct bbuf_item *item = bbuf_holder_token(holder, byte);
	LIST_HEAD(items);

	if (!item)
		return false;
	bbuf_holder_pick(q->leases, item, &items);
	bbuf_lease_requeue(q, item, true, changes);
	bbuf_leases_collect_unblocked(q->leases, changes);
	return true;
}

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

/* Return a batch of the leases of a file that is closed; false if there are no more. */
static bool bbuf_holder_return(struct bbuf_queue *q, struct bbuf_holder *holder)
{
	const struct bbuf_return_opts opts = { };
	struct bbuf_lease_changes changes = { };
	struct rb_node *first;
	LIST_HEAD(items);
	size_t n = 0;

	mutex_lock(&q->consumer.lock);
	while (n < BBUF_LOCKED_RECORDS && (first = rb_first_cached(&holder->leases))) {
		bbuf_holder_pick(q->leases, rb_entry(first, struct bbuf_item, held), &items);
		n++;
	}
	trace_bbuf_batch(q, "close", 0, n);
	bbuf_leases_return_list(q, &items, opts, &changes);
	bbuf_leases_collect_unblocked(q->leases, &changes);
	mutex_unlock(&q->consumer.lock);
	bbuf_leases_dead_letter_list(q, &items, opts, &changes);
	bbuf_leases_notify(q, &changes);
	return n == BBUF_LOCKED_RECORDS;
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
	while (bbuf_holder_return(q, holder))
		cond_resched();
	put_pid(holder->owner);
	kfree(holder);
}

/**
 * bbuf_holder_is_full() - check whether a holder has as many leases as it may
 * @q: the queue
 * @holder: the holder
 *
 * Return: whether it has.
 */
bool bbuf_holder_is_full(const struct bbuf_queue *q, const struct bbuf_holder *holder)
{
	return READ_ONCE(holder->count) >= bbuf_leases_file_limit(q->leases);
}

/**
 * bbuf_holder_wake() - wake a task that waits until its holder may lease more
 * @holder: the holder, which has fewer leases now, or a higher limit; a file of it is open
 *
 * That task wakes the next one if there is something left to lease.
 */
void bbuf_holder_wake(struct bbuf_holder *holder)
{
	/* (A) pairs with (B) in bbuf_holder_wait(): the count, then the wait queue. */
	if (wq_has_sleeper(&holder->wait))
		wake_up_interruptible(&holder->wait);
}

/* Wake one more if the admitted tasks leave something for it, or there is nothing to wait for. */
static void bbuf_holder_wake_next(const struct bbuf_queue *q, struct bbuf_holder *holder)
{
	unsigned int taken = READ_ONCE(holder->count) + atomic_read(&holder->admitted);

	if (taken < bbuf_leases_file_limit(q->leases) || READ_ONCE(q->state) & BBUF_DESTROYED)
		bbuf_holder_wake(holder);
}

/* Find the holder of a stream that follows @owner, or NULL. */
static struct bbuf_holder *bbuf_holder_after(const struct bbuf_leases *leases,
					     const struct pid *owner)
{
	struct rb_node *node = leases->holders.rb_node;
	struct bbuf_holder *holder, *found = NULL;

	while (node) {
		holder = rb_entry(node, struct bbuf_holder, node);
		if (holder->owner > owner) {
			found = holder;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * bbuf_leases_wake_full() - wake all tasks that wait until their holders may lease more
 * @q: the queue, with BBUF_LEASE; no lock is held
 */
void bbuf_leases_wake_full(struct bbuf_queue *q)
{
	const struct pid *owner = NULL;
	struct bbuf_holder *holder;
	size_t n;

	do {
		mutex_lock(&q->consumer.lock);
		for (n = 0; n < BBUF_LOCKED_RECORDS; n++) {
			holder = bbuf_holder_after(q->leases, owner);
			if (!holder)
				break;
			owner = holder->owner;
			bbuf_holder_wake(holder);
		}
		mutex_unlock(&q->consumer.lock);
		cond_resched();
	} while (n == BBUF_LOCKED_RECORDS);
}

/* Returns 0 if a holder may lease more, 1 if the call must sleep, or why it must not. */
static int bbuf_holder_check_wait(const struct bbuf_queue *q, const struct bbuf_holder *holder,
				  const struct bbuf_waiter *waiter)
{
	if (READ_ONCE(q->state) & BBUF_DESTROYED)
		return -ENODEV;
	if (!bbuf_holder_is_full(q, holder))
		return 0;
	if (waiter->nowait)
		return -EAGAIN;
	if (signal_pending(current))
		return bbuf_waiter_interrupted(waiter);
	return ktime_get_ns() >= waiter->deadline ? -ETIMEDOUT : 1;
}

/**
 * struct bbuf_holder_waiter - a task that waits until its holder may lease more
 * @entry: entry in bbuf_holder.wait
 * @holder: the holder
 * @admitted: the task is counted in bbuf_holder.admitted; written by that task alone while the
 *            entry is not in the wait queue
 */
struct bbuf_holder_waiter {
	struct wait_queue_entry entry;
	struct bbuf_holder *holder;
	bool admitted;
};

/*
 * The waker counts the task as admitted, as it takes a while to run: otherwise others would be
 * woken for the same token. It is counted first, as the entry may be gone as soon as the task is
 * woken; it isn't woken if it runs already, for another reason.
 */
static int bbuf_holder_waiter_wake(struct wait_queue_entry *entry, unsigned int mode, int flags,
				   void *key)
{
	struct bbuf_holder_waiter *self = container_of(entry, struct bbuf_holder_waiter, entry);
	struct bbuf_holder *holder = self->holder;

	atomic_inc(&holder->admitted);
	self->admitted = true;
	if (autoremove_wake_function(entry, mode, flags, key))
		return 1;
	self->admitted = false;
	atomic_dec(&holder->admitted);
	return 0;
}

/* Out of the wait queue: set whether the task is about to lease. */
static void bbuf_holder_waiter_admit(struct bbuf_holder_waiter *self, bool admitted)
{
	if (admitted != self->admitted)
		atomic_add(admitted ? 1 : -1, &self->holder->admitted);
	self->admitted = admitted;
}

/**
 * bbuf_holder_wait() - wait until a holder may lease more
 * @q: the queue
 * @holder: the holder
 * @waiter: the call; not in the wait list, where it would hold up other readers
 *
 * Context: process context; sleeps, unless the call is non-blocking.
 * Return: 0, -EAGAIN, -ENODEV, -ETIMEDOUT, or what bbuf_waiter_interrupted() returns. With 0 the
 * task counts as admitted, until bbuf_holder_end_wait().
 */
int bbuf_holder_wait(struct bbuf_queue *q, struct bbuf_holder *holder,
		     const struct bbuf_waiter *waiter)
{
	struct bbuf_holder_waiter self = { .holder = holder };
	int ret;

	init_wait(&self.entry);
	self.entry.func = bbuf_holder_waiter_wake;
	do {
		/* (B) pairs with (A) in bbuf_holder_wake(): the wait queue, then the count. */
		prepare_to_wait_exclusive(&holder->wait, &self.entry, TASK_INTERRUPTIBLE);
		ret = bbuf_holder_check_wait(q, holder, waiter);
		if (ret > 0)
			schedule_timeout(bbuf_waiter_timeout(waiter, ktime_get_ns()));
		finish_wait(&holder->wait, &self.entry);
		bbuf_holder_waiter_admit(&self, !ret);
	} while (ret > 0);
	/* The event that woke this task may serve another one as well, or instead. */
	bbuf_holder_wake_next(q, holder);
	return ret;
}

/**
 * bbuf_holder_end_wait() - end the admission of a task that has leased, or has failed to
 * @q: the queue
 * @holder: the holder
 */
void bbuf_holder_end_wait(struct bbuf_queue *q, struct bbuf_holder *holder)
{
	atomic_dec(&holder->admitted);
	bbuf_holder_wake_next(q, holder);
}

/**
 * bbuf_leases_flush() - discard requeued items
 * @q: the queue; the consumers' lock is held
 * @n: maximum number of items; at most BBUF_LOCKED_RECORDS are discarded at once
 * @items: list that they are added to, to be freed without the lock
 * @changes: for bbuf_leases_notify()
 *
 * Return: number of items that were discarded.
 */
size_t bbuf_leases_flush(struct bbuf_queue *q, size_t n, struct list_head *items,
			 struct bbuf_lease_changes *changes)
{
	struct bbuf_leases *leases = q->leases;
	struct bbuf_side *side = &q->consumer;
	struct rb_node *first;
	size_t i;

	n = min_t(size_t, n, BBUF_LOCKED_RECORDS);
	for (i = 0; i < n && (first = rb_first_cached(&leases->requeued)); i++) {
		struct bbuf_item *item = rb_entry(first, struct bbuf_item, requeued);

		rb_erase_cached(&item->requeued, &leases->requeued);
		list_add_tail(&item->link, items);
		leases->requeued_count--;
		q->requeued -= item->len;
		q->flushed_bytes += item->len;
		q->flushed_records += bbuf_item_records(q);
		side->bytes += item->len;
		WRITE_ONCE(side->records, side->records + bbuf_item_records(q));
		WRITE_ONCE(side->pos, side->pos + item->len);
		bbuf_item_consume(q, item, changes);
	}
	bbuf_leases_collect_unblocked(leases, changes);
	trace_bbuf_batch(q, "flush", 0, i);
	return i;
}

/**
 * bbuf_leases_flush_ring() - discard what is in the ring
 * @q: the queue; both sides' locks are held, and no side is copying
 * @stored: bytes of the ring that are in use
 * @changes: for bbuf_leases_notify()
 */
void bbuf_leases_flush_ring(struct bbuf_queue *q, size_t stored, struct bbuf_lease_changes *changes)
{
	size_t bytes = bbuf_queue_in_ring(q), records = 0;
	struct bbuf_leases *leases = q->leases;
	struct bbuf_side *side = &q->consumer;

	if (bbuf_item_records(q))
		records = q->producer.records - side->records - leases->requeued_count;
	q->ring_pos += bytes;
	side->off = bbuf_ring_step(&q->ring, side->off, stored);
	q->flushed_bytes += bytes;
	q->flushed_records += records;
	side->bytes += bytes;
	WRITE_ONCE(side->records, side->records + records);
	WRITE_ONCE(side->pos, side->pos + bytes);
	bbuf_leases_update_settled(leases);
	bbuf_leases_free_room(leases, bytes);
	bbuf_queue_update_eof(q);
	changes->consumed += records ?: bytes;
	changes->consumed_bytes += bytes;
}

/* The capacity determines the number of items. */
static void bbuf_leases_set_limit(struct bbuf_leases *leases)
{
	size_t capacity = leases->queue->producer.window;

	WRITE_ONCE(leases->limit, max_t(size_t, capacity / BBUF_BYTES_PER_ITEM, BBUF_ITEMS_MIN));
}

/**
 * bbuf_leases_set() - change the timeout, or the limits of leases and deliveries
 * @q: the queue; both sides' locks are held, and its capacity is the new one
 * @set: settings to change
 *
 * The caller must notify the consumers, and call bbuf_leases_wake_full(), without the locks.
 */
void bbuf_leases_set(struct bbuf_queue *q, const struct bbuf_set *set)
{
	struct bbuf_leases *leases = q->leases;
	unsigned int before = bbuf_leases_file_limit(leases);

	if (set->fields & BBUF_SET_LEASE_TIMEOUT)
		WRITE_ONCE(leases->timeout, set->lease_timeout);
	if (set->fields & BBUF_SET_MAX_LEASES)
		WRITE_ONCE(leases->max_leases, set->max_leases);
	if (set->fields & BBUF_SET_MAX_DELIVERIES)
		WRITE_ONCE(leases->max_deliveries, set->max_deliveries);
	bbuf_leases_set_limit(leases);
	bbuf_leases_update_full(q);
	/* Files that are full now are not looked for: there may be any number of files. */
	if (leases->files && bbuf_leases_file_limit(leases) != before)
		WRITE_ONCE(q->full_stale, true);
}

/**
 * bbuf_leases_info() - report leases and their totals
 * @q: the queue; both sides' locks are held
 * @info: filled in; has the totals of the consumers already
 */
void bbuf_leases_info(const struct bbuf_queue *q, struct bbuf_info *info)
{
	const struct bbuf_leases *leases = q->leases;

	info->out.bytes -= q->leased + leases->dead_lettered_bytes;
	info->out.records -= leases->records + leases->dead_lettered;
	info->leased_bytes = q->leased;
	info->leased_records = leases->records;
	info->leasing_files = leases->files;
	info->returned = leases->returned;
	info->expired = leases->expired;
	info->dead_lettered = leases->dead_lettered;
	info->lease_timeout = leases->timeout;
	info->max_leases = leases->max_leases;
	info->max_deliveries = leases->max_deliveries;
	if (leases->dead_letters)
		strscpy(info->dead_letters, leases->dead_letters->name, sizeof(info->dead_letters));
}

/**
 * bbuf_leases_init() - initialize the leases of a queue
 * @q: the queue, not in use yet
 * @create: its settings
 * @dead_letters: dead-letter queue, or NULL; must stay
 *
 * Return: 0 or -ENOMEM.
 */
int bbuf_leases_init(struct bbuf_queue *q, const struct bbuf_create *create,
		     struct bbuf_queue *dead_letters)
{
	struct bbuf_leases *leases = kzalloc(sizeof(*leases), GFP_KERNEL_ACCOUNT);

	if (!leases)
		return -ENOMEM;
	leases->queue = q;
	leases->items = RB_ROOT_CACHED;
	leases->requeued = RB_ROOT_CACHED;
	leases->timed = RB_ROOT_CACHED;
	leases->holders = RB_ROOT;
	INIT_DELAYED_WORK(&leases->expiry, bbuf_leases_expire);
	leases->due = BBUF_NEVER;
	leases->timeout = create->lease_timeout;
	leases->max_leases = create->max_leases ?: BBUF_MAX_LEASES_DEFAULT;
	leases->max_deliveries = create->max_deliveries;
	leases->dead_letters = dead_letters;
	bbuf_leases_set_limit(leases);
	q->leases = leases;
	q->producer.limit = &leases->freed;
	return 0;
}

/**
 * bbuf_leases_uninit() - free what bbuf_leases_init() allocated, and all items
 * @q: the queue, with or without leases; not in use any more
 *
 * Context: process context; waits for work that is running.
 */
void bbuf_leases_uninit(struct bbuf_queue *q)
{
	struct bbuf_item *item, *next;

	if (!q->leases)
		return;
	cancel_delayed_work_sync(&q->leases->expiry);
	rbtree_postorder_for_each_entry_safe(item, next, &q->leases->items.rb_root, node) {
		kvfree(item);
		cond_resched();
	}
	kfree(q->leases);
	q->leases = NULL;
}
