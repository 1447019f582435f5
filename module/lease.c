// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: what consumers have read, and may not be done with. How it is read: lease_read.c.
 *
 * What is read from a queue with BBUF_LEASE leaves the ring for memory of its own, an
 * item. Leased, nobody else can read it, and it counts against the capacity still. If it
 * comes back it is aside, and is read before what is behind its place in the ring.
 *
 * The positions of the two sides remain what they are to queue.c, with two differences.
 * The consumers' goes back when something comes back. And producers look at @freed
 * instead, which counts what is gone for good, in whatever order it went. Who waits for
 * the consumers in fsync looks at @settled, before which nothing is left at all.
 *
 *	leased	=  consumer.pos - freed		in items
 *	queued	=  producer.pos - consumer.pos	in items that are aside, and in the ring
 *
 * All of it is done under the consumers' lock, and never needs the producers'. Who frees
 * something, or brings it back, is a mover as queue.c has it: first the position, and then
 * whom it concerns, by bbuf_leases_notify().
 *
 * An item becomes its holder's when its bytes have reached the user, with the lock still held:
 * so a reader whose page does not come holds nothing. It is in the tree of its holder then, and
 * can be settled, or be called back when its time is over. On its way to the queue of dead
 * letters it belongs to the task that carries it, which needs no lock for it.
 *
 * Each operation on one item takes O(log n). Operations on many items handle BBUF_LOCKED_RECORDS of
 * them at a time and drop the lock in between; each batch leaves the queue consistent. There are
 * no more items than bbuf_leases.limit: a reader that would need another one waits. If all items
 * that were returned stand behind the ring then, they are read before it, as otherwise nothing
 * could be read.
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
 * @items: linked by their @link
 */
void bbuf_leases_free(struct list_head *items)
{
	struct bbuf_item *item, *next;

	list_for_each_entry_safe(item, next, items, link)
		kvfree(item);
	cond_resched();
}

/**
 * bbuf_leases_notify() - wake those whom it concerns that leases were settled, or came back
 * @q: the queue; no lock is held
 * @changes: what has been done
 *
 * An item that was returned makes no room, so producers are not woken for it.
 */
void bbuf_leases_notify(struct bbuf_queue *q, const struct bbuf_lease_changes *changes)
{
	bool ended;

	if (changes->consumed) {
		bbuf_side_notify(&q->producer, changes->consumed_bytes, changes->consumed); /* A */
		bbuf_queue_wake_drainers(q);
	}
	ended = READ_ONCE(q->consumer.ended);
	if (ended)
		bbuf_queue_end_readers(q);
	if (changes->unblocked || ended)
		bbuf_side_notify(&q->consumer, SIZE_MAX, SIZE_MAX);		/* A */
	else if (changes->requeued)
		bbuf_side_notify(&q->consumer, changes->requeued_bytes, changes->requeued); /* A */
}

/* Under the lock: whether readers are to be told, too. */
static void bbuf_leases_collect_unblocked(struct bbuf_leases *leases,
					  struct bbuf_lease_changes *changes)
{
	changes->unblocked |= leases->unblocked;
	leases->unblocked = false;
}

/**
 * bbuf_leases_first_requeued() - what came back, and is to be read before the ring
 * @q: the queue; the consumers' lock is held
 *
 * Return: the item, or NULL if the next is in the ring, or nothing is queued.
 */
struct bbuf_item *bbuf_leases_first_requeued(const struct bbuf_queue *q)
{
	const struct bbuf_leases *leases = q->leases;
	struct rb_node *first = rb_first_cached(&leases->requeued);
	struct bbuf_item *item;

	if (!first)
		return NULL;
	item = rb_entry(first, struct bbuf_item, requeued);
	if (item->pos <= leases->ring_pos || leases->count >= leases->limit)
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

/* Tokens are found by their bytes, records only by their leases. */
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

/* It has more, or less, or may have. */
static void bbuf_holder_update_full(struct bbuf_leases *leases, struct bbuf_holder *holder)
{
	bool full = holder->count >= bbuf_leases_file_limit(leases);

	if (!full && (holder->full || leases->full_stale))
		leases->unblocked = true;
	if (full == holder->full)
		return;
	holder->full = full;
	WRITE_ONCE(leases->full, leases->full + (full ? 1 : -1));
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
		WRITE_ONCE(leases->full_stale, false);
}

/* Can anything be leased at all? A reader that waits for that is to be told. */
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

/* So much more is leased; the consumers move on. */
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

/* So much less is; they move back. */
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

/* Look again when the first of what is leased is due. */
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

/* Its time begins, or begins anew. */
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

/* It can be found again by its holder, and called back. */
static void bbuf_holder_track(struct bbuf_leases *leases, struct bbuf_item *item)
{
	rb_add_cached(&item->held, &item->holder->leases, bbuf_item_held_before);
	bbuf_item_start_timer(leases, item);
}

/* It is the caller's, in its list; it counts as leased still. */
static void bbuf_holder_pick(struct bbuf_leases *leases, struct bbuf_item *item,
			     struct list_head *items)
{
	rb_erase_cached(&item->held, &item->holder->leases);
	bbuf_item_stop_timer(leases, item);
	list_add_tail(&item->link, items);
}

/**
 * bbuf_lease_grant() - lease what is first in the queue
 * @q: the queue; the consumers' lock is held
 * @holder: to whom
 * @item: what is first: of bbuf_leases_first_requeued(), or a new one with a copy of what is in
 *        the ring; its bytes have reached the user
 * @stored: bytes of the ring that this takes; 0 if it is not there
 */
void bbuf_lease_grant(struct bbuf_queue *q, struct bbuf_holder *holder, struct bbuf_item *item,
		      size_t stored)
{
	struct bbuf_leases *leases = q->leases;
	struct bbuf_side *side = &q->consumer;

	lockdep_assert_held(&side->lock);

	if (stored) {
		item->written_pos = leases->ring_pos;
		item->pos = leases->ring_pos;
		item->seq = U64_MAX;	/* what went behind others was there before */
		RB_CLEAR_NODE(&item->timed);
		rb_add_cached(&item->node, &leases->items, bbuf_item_written_before);
		leases->count++;
		side->off = bbuf_ring_step(&q->ring, side->off, stored);
		leases->ring_pos += item->len;
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

/* It is nobody's any more, and is still out. */
static void bbuf_item_detach(struct bbuf_leases *leases, struct bbuf_item *item)
{
	if (item->holder)
		bbuf_holder_add_count(leases, item->holder, -1);
	item->holder = NULL;
}

/* Put a leased item, that was picked, back into the queue: where it was, or at the back. */
static void bbuf_lease_requeue(struct bbuf_queue *q, struct bbuf_item *item, bool last,
			       struct bbuf_lease_changes *changes)
{
	struct bbuf_leases *leases = q->leases;

	lockdep_assert_held(&q->consumer.lock);

	list_del(&item->link);
	bbuf_item_detach(leases, item);
	if (last) {
		item->pos = leases->ring_pos + bbuf_queue_in_ring(q);
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

/* Up to where is nothing left? */
static void bbuf_leases_update_settled(struct bbuf_leases *leases)
{
	struct rb_node *first = rb_first_cached(&leases->items);
	u64 settled = leases->ring_pos;

	if (first)
		settled = rb_entry(first, struct bbuf_item, node)->written_pos;
	/* Release: readers are done with it; see bbuf_queue_wake_drainers(). */
	atomic64_set_release(&leases->settled, settled);
}

/* So many bytes are gone for good, and their room is free. */
static void bbuf_leases_free_room(struct bbuf_leases *leases, size_t bytes)
{
	/* Before the room: who finds too little of it even so asks anew. */
	if (READ_ONCE(leases->queue->producer.short_of_room))
		WRITE_ONCE(leases->queue->producer.short_of_room, false);
	/* C: who finds this room knows that the bytes were copied. */
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

/* Remove a leased item that was picked and is consumed now; the caller frees it. */
static void bbuf_lease_consume(struct bbuf_queue *q, struct bbuf_item *item,
			       struct bbuf_lease_changes *changes)
{
	bbuf_item_detach(q->leases, item);
	q->leased -= item->len;
	q->leases->records -= bbuf_item_records(q);
	bbuf_item_consume(q, item, changes);
	trace_bbuf_settle(q, item->len, bbuf_item_records(q));
}

/* Remove a leased item that went to the dead letters, or was dropped instead. */
static void bbuf_lease_consume_dead_letter(struct bbuf_queue *q, struct bbuf_item *item,
					   struct bbuf_lease_changes *changes)
{
	q->leases->dead_lettered++;
	q->leases->dead_lettered_bytes += item->len;
	bbuf_lease_consume(q, item, changes);
}

/* Put it where the dead letters go, if there is such a place; true if it is gone from here. */
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

/* Delivered so often that it is not to go back? */
static bool bbuf_item_is_exhausted(const struct bbuf_leases *leases, const struct bbuf_item *item)
{
	return leases->max_deliveries && item->deliveries >= leases->max_deliveries;
}

/**
 * struct bbuf_return_opts - how leases go back
 * @last: behind all that is queued, instead of where they were
 * @expired: because their time is over
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

/* Those of @items that may go back do; the others are nobody's, and stay in @items. */
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

/* The others: to the dead letters, or, if that can't be, behind all that is queued. */
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

/* Pick leases that have timed out, one batch at most. Returns when the next one is due. */
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

/* Ends what lasts too long, and comes again when the next is due. */
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

/* The first lease of a file with a number from @id on. */
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
 * struct bbuf_settle_progress - how far a settling of many leases has come
 * @from: number from which the next ones count
 * @to: number up to which they do: those that come later are not meant
 * @n: how many are settled now
 * @more: there may be more of them
 */
struct bbuf_settle_progress {
	u64 from;
	u64 to;
	size_t n;
	bool more;
};

/* The next lease that is meant; or NULL. */
static struct bbuf_item *bbuf_settle_next(const struct bbuf_holder *holder,
					  struct bbuf_settle_progress *progress)
{
	struct bbuf_item *item = bbuf_holder_next(holder, progress->from);

	if (!item || item->id > progress->to)
		return NULL;
	progress->from = item->id + 1;
	return item;
}

/* Move the leases to settle from the holder to @items, one batch at most. */
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

/* These return how many it was. */

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

/* Give leases back to their holder; their time starts again. */
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

/* Until one can't be: it and the rest stay leased. */
static long bbuf_settle_reject(struct bbuf_queue *q, struct list_head *items,
			       struct bbuf_settle_progress *progress,
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
	progress->more &= all;
	return n || all ? n : -EAGAIN;
}

/* The consumers' lock is held; what is left in @items is to be buried, or freed. */
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
		return bbuf_settle_reject(q, items, progress, changes);
	default:
		bbuf_leases_return_list(q, items, opts, changes);
		return progress->n;
	}
}

/* As many as can be settled without letting others have the lock. */
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
 * bbuf_lease_settle() - be done with leases
 * @q: the queue, of records, with BBUF_LEASE
 * @holder: whose they are
 * @settle: which, and what becomes of them; its values are known ones
 *
 * Context: process context; may sleep for locks.
 * Return: how many it was, or -ESTALE, -ENOENT, -EAGAIN, -ENODEV, see struct bbuf_settle.
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
 * bbuf_lease_undo() - take a lease back that its holder has not heard of
 * @q: the queue
 * @holder: the file's
 * @id: of the lease
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

/* Of a stream, a token of this holder that is this byte. */
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
 * bbuf_holder_has_token() - tell whether a byte is one that was leased
 * @holder: the file's, of a stream; the consumers' lock is held
 * @byte: the byte
 *
 * Return: whether it is.
 */
bool bbuf_holder_has_token(const struct bbuf_holder *holder, u8 byte)
{
	return bbuf_holder_token(holder, byte);
}

/**
 * bbuf_token_requeue() - put a token behind all that is queued
 * @q: the queue, a stream; the consumers' lock is held
 * @holder: who has leased it
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

/* Of a stream, the files that this process has open already; or @fresh, which is added. */
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
 * bbuf_holder_get() - begin to lease
 * @q: the queue
 *
 * For a file that the current task opens.
 *
 * Return: its holder, for bbuf_holder_put(), or NULL for want of memory.
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

/* Some of what a file that is closed has leased goes back; false if that was all. */
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

/* One file less; true if it was the last. */
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
 * bbuf_holder_put() - stop to lease: what has not been settled goes back
 * @q: the queue
 * @holder: of bbuf_holder_get()
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
 * bbuf_holder_is_full() - has a file leased as much as it may?
 * @q: the queue
 * @holder: the file's
 *
 * Return: whether it has.
 */
bool bbuf_holder_is_full(const struct bbuf_queue *q, const struct bbuf_holder *holder)
{
	return READ_ONCE(holder->count) >= bbuf_leases_file_limit(q->leases);
}

/**
 * bbuf_holder_wake() - wake a task that waits until its holder may lease more
 * @holder: the holder, which has less now, or may have more; a file of it is open
 *
 * It wakes the next one if there is something left for that.
 */
void bbuf_holder_wake(struct bbuf_holder *holder)
{
	/* A: the count, then who waits; see B. */
	if (wq_has_sleeper(&holder->wait))
		wake_up_interruptible(&holder->wait);
}

/* Is there something for one more, beside those that are on their way? Or nothing at all? */
static void bbuf_holder_wake_next(const struct bbuf_queue *q, struct bbuf_holder *holder)
{
	unsigned int taken = READ_ONCE(holder->count) + atomic_read(&holder->admitted);

	if (taken < bbuf_leases_file_limit(q->leases) || READ_ONCE(q->state) & BBUF_DESTROYED)
		bbuf_holder_wake(holder);
}

/* The next holder of a stream behind @owner, or NULL. */
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
 * bbuf_leases_wake_full() - wake those who wait until their holders may lease more
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

/* Why a call need not wait for its holder, or not any longer; 1 if it is to sleep. */
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
 * @entry: in bbuf_holder.wait
 * @holder: the holder
 * @admitted: it is counted in bbuf_holder.admitted; the task's own while it is not in the wait
 *            queue
 */
struct bbuf_holder_waiter {
	struct wait_queue_entry entry;
	struct bbuf_holder *holder;
	bool admitted;
};

/*
 * Whoever wakes it counts it, as it takes a while to come: otherwise others would be woken for what
 * it is to have. That is done first, as it may be gone as soon as it is woken; it isn't woken if it
 * runs already, for another reason.
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

/* Out of the wait queue: does it come? */
static void bbuf_holder_waiter_admit(struct bbuf_holder_waiter *self, bool admitted)
{
	if (admitted != self->admitted)
		atomic_add(admitted ? 1 : -1, &self->holder->admitted);
	self->admitted = admitted;
}

/**
 * bbuf_holder_wait() - wait until a holder may lease more
 * @q: the queue
 * @holder: whose it is
 * @waiter: the call; not in line, where it would hold up those that may lease
 *
 * Context: process context; sleeps, unless the call must not wait.
 * Return: 0, -EAGAIN, -ENODEV, -ETIMEDOUT, or what bbuf_waiter_interrupted() says. With 0 the call
 * counts as coming, until bbuf_holder_end_wait().
 */
int bbuf_holder_wait(struct bbuf_queue *q, struct bbuf_holder *holder,
		     const struct bbuf_waiter *waiter)
{
	struct bbuf_holder_waiter self = { .holder = holder };
	int ret;

	init_wait(&self.entry);
	self.entry.func = bbuf_holder_waiter_wake;
	do {
		/* B: the wait queue, then the count; see bbuf_holder_wake(). */
		prepare_to_wait_exclusive(&holder->wait, &self.entry, TASK_INTERRUPTIBLE);
		ret = bbuf_holder_check_wait(q, holder, waiter);
		if (ret > 0)
			schedule_timeout(bbuf_waiter_timeout(waiter, ktime_get_ns()));
		finish_wait(&holder->wait, &self.entry);
		bbuf_holder_waiter_admit(&self, !ret);
	} while (ret > 0);
	/* Whatever has woken this one may serve another one as well, or instead. */
	bbuf_holder_wake_next(q, holder);
	return ret;
}

/**
 * bbuf_holder_end_wait() - tell that a call that has waited has what it wanted, or does without
 * @q: the queue
 * @holder: whose it is
 */
void bbuf_holder_end_wait(struct bbuf_queue *q, struct bbuf_holder *holder)
{
	atomic_dec(&holder->admitted);
	bbuf_holder_wake_next(q, holder);
}

/**
 * bbuf_leases_flush() - discard what came back
 * @q: the queue; the consumers' lock is held
 * @n: how many at the most; no more than BBUF_LOCKED_RECORDS are discarded at once
 * @items: where they are put, to be freed without the lock
 * @changes: for bbuf_leases_notify()
 *
 * Return: how many were.
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
 * @q: the queue; both sides' locks are held, and nobody copies
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
	leases->ring_pos += bytes;
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

/* How many items there may be follows from the capacity. */
static void bbuf_leases_set_limit(struct bbuf_leases *leases)
{
	size_t capacity = leases->queue->producer.window;

	WRITE_ONCE(leases->limit, max_t(size_t, capacity / BBUF_BYTES_PER_ITEM, BBUF_ITEMS_MIN));
}

/**
 * bbuf_leases_set() - change how long, how many and how often
 * @q: the queue; both sides' locks are held, and its capacity is the new one
 * @set: what is to change
 *
 * The caller is to notify the consumers, and to call bbuf_leases_wake_full(), without the locks.
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
	/* Which files are full now is not looked for: there may be any number of files. */
	if (leases->files && bbuf_leases_file_limit(leases) != before)
		WRITE_ONCE(leases->full_stale, true);
}

/**
 * bbuf_leases_info() - what is leased, and has been
 * @q: the queue; both sides' locks are held
 * @info: where to say so; what consumers have done is there
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
 * bbuf_leases_init() - make a queue one whose consumers lease
 * @q: the queue, which nobody uses yet
 * @create: what it is to be
 * @dead_letters: the queue that its dead letters go to, or NULL; stays
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
 * bbuf_leases_uninit() - free what bbuf_leases_init() took, and what came back
 * @q: the queue, with or without leases; nobody uses it any more
 *
 * Context: process context; waits for the work that is under way.
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
}
