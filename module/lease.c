// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: records that consumers have read, and may not be done with. This file keeps account of
 * them: each change of the items, the positions and the counts. lease_read.c leases what is read;
 * settle.c decides what becomes of a lease; holder.c has the files that lease; token.c has what is
 * different for the bytes of a stream.
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
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "lease.h"
#include "trace.h"
#include "workqueue.h"

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

/**
 * bbuf_leases_collect_unblocked() - collect whether readers must be woken as well
 * @leases: the leases; the consumers' lock is held
 * @changes: for bbuf_leases_notify()
 */
void bbuf_leases_collect_unblocked(struct bbuf_leases *leases, struct bbuf_lease_changes *changes)
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

/**
 * bbuf_leases_file_limit() - get the number of leases that a file may have
 * @leases: the leases
 *
 * Return: maximum number of leases.
 */
unsigned int bbuf_leases_file_limit(const struct bbuf_leases *leases)
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

/**
 * bbuf_leases_arm() - run @expiry when the first lease times out
 * @leases: the leases; the consumers' lock is held
 * @deadline: time at which a lease times out, in nanoseconds of CLOCK_MONOTONIC, or BBUF_NEVER
 */
void bbuf_leases_arm(struct bbuf_leases *leases, u64 deadline)
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

/**
 * bbuf_holder_track() - add a lease to its holder, which can find it again, and to the timeouts
 * @leases: the leases; the consumers' lock is held
 * @item: the lease
 */
void bbuf_holder_track(struct bbuf_leases *leases, struct bbuf_item *item)
{
	rb_add_cached(&item->held, &item->holder->leases, bbuf_item_held_before);
	bbuf_item_start_timer(leases, item);
}

/**
 * bbuf_holder_pick() - move a lease from its holder to a list of the caller
 * @leases: the leases; the consumers' lock is held
 * @item: the lease, which still counts as leased
 * @items: the list
 */
void bbuf_holder_pick(struct bbuf_leases *leases, struct bbuf_item *item, struct list_head *items)
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

/**
 * bbuf_item_detach() - detach a lease that was picked from its holder
 * @leases: the leases; the consumers' lock is held
 * @item: the lease, which stays in flight
 */
void bbuf_item_detach(struct bbuf_leases *leases, struct bbuf_item *item)
{
	if (item->holder)
		bbuf_holder_add_count(leases, item->holder, -1);
	item->holder = NULL;
}

/**
 * bbuf_lease_requeue() - requeue a lease that was picked
 * @q: the queue; the consumers' lock is held
 * @item: the lease
 * @last: behind all that is queued, instead of at its own position
 * @changes: for bbuf_leases_notify()
 */
void bbuf_lease_requeue(struct bbuf_queue *q, struct bbuf_item *item, bool last,
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

/**
 * bbuf_lease_consume() - remove a lease that was picked, and is consumed
 * @q: the queue; the consumers' lock is held
 * @item: the lease; the caller frees it
 * @changes: for bbuf_leases_notify()
 */
void bbuf_lease_consume(struct bbuf_queue *q, struct bbuf_item *item,
			struct bbuf_lease_changes *changes)
{
	bbuf_item_detach(q->leases, item);
	q->leased -= item->len;
	q->leases->records -= bbuf_item_records(q);
	bbuf_item_consume(q, item, changes);
	trace_bbuf_settle(q, item->len, bbuf_item_records(q));
}

/**
 * bbuf_leases_pick_expired() - pick leases that have timed out, at most one batch
 * @leases: the leases; the consumers' lock is held
 * @items: list that they are added to
 * @n: set to their number
 *
 * Return: deadline of the next one, or BBUF_NEVER.
 */
u64 bbuf_leases_pick_expired(struct bbuf_leases *leases, struct list_head *items, size_t *n)
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
 * bbuf_leases_init() - initialize the leases of a queue, but for bbuf_expiry_init()
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
 */
void bbuf_leases_uninit(struct bbuf_queue *q)
{
	struct bbuf_item *item, *next;

	if (!q->leases)
		return;
	rbtree_postorder_for_each_entry_safe(item, next, &q->leases->items.rb_root, node) {
		kvfree(item);
		cond_resched();
	}
	kfree(q->leases);
	q->leases = NULL;
}
