// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: what consumers have read, and may not be done with. How it is read: lend.c.
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
 * whom it concerns, by bbuf_leases_tell_gone() or bbuf_leases_tell_back().
 *
 * An item belongs to its holder when it is in that one's list, and then it can be settled, or
 * be called back when its time is over. While it is on its way, between the queue and a
 * user's memory, or to the queue of dead letters, it belongs to the task that carries it,
 * which needs no lock for it.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "io.h"
#include "lease.h"
#include "trace.h"

static bool bbuf_leases_records(const struct bbuf_queue *q)
{
	return q->type == BBUF_RECORD;
}

/**
 * bbuf_leases_free() - free items that are in no list of the queue any more
 * @items: linked by their @held
 */
void bbuf_leases_free(struct list_head *items)
{
	struct bbuf_item *item, *next;

	list_for_each_entry_safe(item, next, items, held)
		kvfree(item);
}

/**
 * bbuf_leases_tell_gone() - something is gone for good: tell those whom it may concern
 * @q: the queue; no lock is held
 */
void bbuf_leases_tell_gone(struct bbuf_queue *q)
{
	bbuf_side_notify(&q->producer);		/* A, also for the drains */
	bbuf_queue_drained(q);
}

/**
 * bbuf_leases_tell_back() - something is back, the end has come, or a file may lease again
 * @q: the queue; no lock is held
 *
 * There is no more room than before, which producers need not be told.
 */
void bbuf_leases_tell_back(struct bbuf_queue *q)
{
	bbuf_side_notify(&q->consumer);		/* A */
}

/**
 * bbuf_leases_first() - what came back, and is to be read before the ring
 * @q: the queue; the consumers' lock is held
 *
 * Return: the item, or NULL if the next is in the ring, or nothing is queued.
 */
struct bbuf_item *bbuf_leases_first(const struct bbuf_queue *q)
{
	const struct bbuf_leases *leases = q->leases;
	struct rb_node *first = rb_first_cached(&leases->aside);
	struct bbuf_item *item;

	if (!first)
		return NULL;
	item = rb_entry(first, struct bbuf_item, aside);
	return item->place <= leases->head || !bbuf_queue_in_ring(q) ? item : NULL;
}

static bool bbuf_item_older(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct bbuf_item, node)->born <
	       rb_entry(b, struct bbuf_item, node)->born;
}

static bool bbuf_item_before(struct rb_node *a, const struct rb_node *b)
{
	const struct bbuf_item *this = rb_entry(a, struct bbuf_item, aside);
	const struct bbuf_item *that = rb_entry(b, struct bbuf_item, aside);

	return this->place < that->place ||
	       (this->place == that->place && this->turn < that->turn);
}

/* It has more, or less, or may have. */
static void bbuf_holder_fill(struct bbuf_leases *leases, struct bbuf_holder *holder)
{
	bool full = holder->count >= leases->max_leases;

	if (full == holder->full)
		return;
	holder->full = full;
	WRITE_ONCE(leases->full, leases->full + (full ? 1 : -1));
}

static void bbuf_holder_count(struct bbuf_leases *leases, struct bbuf_holder *holder, int n)
{
	if (!holder->count)
		leases->files++;
	WRITE_ONCE(holder->count, holder->count + n);
	if (!holder->count)
		leases->files--;
	bbuf_holder_fill(leases, holder);
}

/* So much more is leased, or less; the consumers move on, or back. */
static void bbuf_leases_moved(struct bbuf_queue *q, size_t bytes, bool out)
{
	struct bbuf_side *side = &q->consumer;
	size_t records = bbuf_leases_records(q);

	q->leased += out ? bytes : -bytes;
	q->leases->records += out ? records : -records;
	side->bytes += out ? bytes : -bytes;
	WRITE_ONCE(side->records, side->records + (out ? records : -records));
	WRITE_ONCE(side->pos, side->pos + (out ? bytes : -bytes));
}

/**
 * bbuf_lease_give() - lease what is first in the queue
 * @q: the queue; the consumers' lock is held
 * @holder: to whom
 * @item: what is first: of bbuf_leases_first(), or a new one with a copy of what is in
 *        the ring
 * @stored: bytes of the ring that this takes; 0 if it is not there
 *
 * It is the caller's until bbuf_lease_given() or bbuf_lease_return().
 */
void bbuf_lease_give(struct bbuf_queue *q, struct bbuf_holder *holder, struct bbuf_item *item,
		     size_t stored)
{
	struct bbuf_leases *leases = q->leases;
	struct bbuf_side *side = &q->consumer;

	lockdep_assert_held(&side->lock);

	if (stored) {
		item->born = leases->head;
		item->place = leases->head;
		item->turn = U64_MAX;	/* what went behind others was there before */
		item->deliveries = 0;
		INIT_LIST_HEAD(&item->timed);
		rb_add_cached(&item->node, &leases->items, bbuf_item_older);
		side->off = bbuf_ring_step(&q->ring, side->off, stored);
		leases->head += item->len;
	} else {
		rb_erase_cached(&item->aside, &leases->aside);
		q->aside -= item->len;
	}
	item->deliveries++;
	item->id = ++leases->last;
	item->holder = holder;
	bbuf_holder_count(leases, holder, 1);
	bbuf_leases_moved(q, item->len, true);
	bbuf_queue_update_end(q);
}

/* Look again when the first of what is leased is due. */
static void bbuf_leases_arm(struct bbuf_leases *leases, u64 deadline)
{
	u64 now, wait;

	if (deadline >= leases->due)
		return;
	now = ktime_get_ns();
	wait = deadline > now ? deadline - now : 0;
	leases->due = deadline;
	cancel_delayed_work(&leases->expiry);
	schedule_delayed_work(&leases->expiry,
			      min_t(u64, nsecs_to_jiffies64(wait) + 1, MAX_JIFFY_OFFSET));
}

/* Among those that have a time; mostly the newest is the last to be due. */
static void bbuf_leases_add_timed(struct bbuf_leases *leases, struct bbuf_item *item)
{
	struct bbuf_item *before;

	list_for_each_entry_reverse(before, &leases->timed, timed)
		if (before->deadline <= item->deadline)
			break;
	list_add(&item->timed, &before->timed);
}

/* Its time begins, or begins anew. */
static void bbuf_lease_begin(struct bbuf_leases *leases, struct bbuf_item *item)
{
	u64 now;

	list_del_init(&item->timed);
	if (!leases->timeout)
		return;
	now = ktime_get_ns();
	if (leases->timeout >= BBUF_NEVER - now)
		return;
	item->deadline = now + leases->timeout;
	bbuf_leases_add_timed(leases, item);
	bbuf_leases_arm(leases, item->deadline);
}

/**
 * bbuf_lease_given() - hand over what has reached its reader
 * @q: the queue; the consumers' lock is held
 * @item: of bbuf_lease_give()
 */
void bbuf_lease_given(struct bbuf_queue *q, struct bbuf_item *item)
{
	lockdep_assert_held(&q->consumer.lock);

	list_add_tail(&item->held, &item->holder->leases);
	bbuf_lease_begin(q->leases, item);
}

/* It is nobody's any more, and is still out. */
static void bbuf_lease_take_back(struct bbuf_leases *leases, struct bbuf_item *item)
{
	if (item->holder)
		bbuf_holder_count(leases, item->holder, -1);
	item->holder = NULL;
	list_del_init(&item->timed);
}

/**
 * bbuf_lease_return() - put a leased item back into the queue
 * @q: the queue; the consumers' lock is held
 * @item: a leased one, in no list of a holder
 * @last: behind all that is queued, instead of where it was
 *
 * The caller is to call bbuf_leases_tell_back() without the lock.
 */
void bbuf_lease_return(struct bbuf_queue *q, struct bbuf_item *item, bool last)
{
	struct bbuf_leases *leases = q->leases;

	lockdep_assert_held(&q->consumer.lock);

	bbuf_lease_take_back(leases, item);
	if (last) {
		item->place = leases->head + bbuf_queue_in_ring(q);
		item->turn = ++leases->turns;
	}
	rb_add_cached(&item->aside, &leases->aside, bbuf_item_before);
	q->aside += item->len;
	bbuf_leases_moved(q, item->len, false);
	bbuf_queue_update_end(q);
	trace_bbuf_return(q, item->len, bbuf_leases_records(q));
}

/* Up to where is nothing left? */
static void bbuf_leases_settle_up(struct bbuf_leases *leases)
{
	struct rb_node *first = rb_first_cached(&leases->items);
	u64 settled = leases->head;

	if (first)
		settled = rb_entry(first, struct bbuf_item, node)->born;
	/* Release: readers are done with it; see bbuf_queue_drained(). */
	smp_store_release(&leases->settled, (unsigned long)settled);
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

/* A leased item is gone for good; the caller frees it. */
static void bbuf_lease_end(struct bbuf_queue *q, struct bbuf_item *item)
{
	struct bbuf_leases *leases = q->leases;

	bbuf_lease_take_back(leases, item);
	rb_erase_cached(&item->node, &leases->items);
	q->leased -= item->len;
	leases->records -= bbuf_leases_records(q);
	bbuf_leases_settle_up(leases);
	bbuf_leases_free_room(leases, item->len);
	bbuf_queue_update_end(q);
	trace_bbuf_settle(q, item->len, bbuf_leases_records(q));
}

/* Put it where the dead letters go, if there is such a place; true if it is gone from here. */
static bool bbuf_lease_bury(struct bbuf_queue *q, struct bbuf_item *item)
{
	const struct bbuf_manner at_once = { .nowait = true };
	struct kvec vec = { .iov_base = item->data, .iov_len = item->len };
	struct iov_iter from;

	if (!q->leases->grave)
		return true;
	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, item->len);
	return bbuf_write(q->leases->grave, &from, at_once) == item->len;
}

/* Delivered so often that it is not to go back? */
static bool bbuf_lease_spent(const struct bbuf_leases *leases, const struct bbuf_item *item)
{
	return leases->max_deliveries && item->deliveries >= leases->max_deliveries;
}

/* Those of @items that may go back do; the others are nobody's, and stay in @items. */
static void bbuf_leases_return(struct bbuf_queue *q, struct list_head *items, bool last)
{
	struct bbuf_leases *leases = q->leases;
	struct bbuf_item *item, *next;

	list_for_each_entry_safe(item, next, items, held) {
		if (bbuf_lease_spent(leases, item)) {
			bbuf_lease_take_back(leases, item);
			continue;
		}
		leases->returned++;
		list_del(&item->held);
		bbuf_lease_return(q, item, last);
	}
}

/* The others: to the dead letters, or, if that can't be, behind all that is queued. */
static void bbuf_leases_bury(struct bbuf_queue *q, struct list_head *items)
{
	struct bbuf_item *item, *next;
	bool gone;

	list_for_each_entry_safe(item, next, items, held) {
		gone = bbuf_lease_bury(q, item);
		mutex_lock(&q->consumer.lock);
		if (gone) {
			bbuf_lease_end(q, item);
			q->leases->dead++;
		} else {
			q->leases->returned++;
			list_del(&item->held);
			bbuf_lease_return(q, item, true);
		}
		mutex_unlock(&q->consumer.lock);
	}
	if (!list_empty(items))
		bbuf_leases_tell_gone(q);
	bbuf_leases_free(items);
}

/* Ends what lasts too long, and comes again when the next is due. */
static void bbuf_leases_expire(struct work_struct *work)
{
	struct bbuf_leases *leases = container_of(work, struct bbuf_leases, expiry.work);
	struct bbuf_queue *q = leases->queue;
	struct bbuf_item *item, *next;
	u64 now = ktime_get_ns(), due = BBUF_NEVER;
	LIST_HEAD(late);

	mutex_lock(&q->consumer.lock);
	list_for_each_entry_safe(item, next, &leases->timed, timed) {
		if (item->deadline > now) {
			due = item->deadline;
			break;
		}
		list_del_init(&item->timed);
		list_move_tail(&item->held, &late);
		leases->expired++;
	}
	leases->due = BBUF_NEVER;
	bbuf_leases_arm(leases, due);
	bbuf_leases_return(q, &late, false);
	mutex_unlock(&q->consumer.lock);
	bbuf_leases_bury(q, &late);
	bbuf_leases_tell_back(q);
}

/**
 * bbuf_holder_find() - a lease of a file
 * @holder: the file's
 * @id: of the lease, or 0 for the one that it has had longest
 *
 * Return: the item, or NULL.
 */
struct bbuf_item *bbuf_holder_find(struct bbuf_holder *holder, u64 id)
{
	struct bbuf_item *item;

	list_for_each_entry(item, &holder->leases, held)
		if (!id || item->id == id)
			return item;
	return NULL;
}

/* Among the holder's leases again, in the order in which they were given. */
static void bbuf_holder_keep(struct bbuf_holder *holder, struct bbuf_item *item)
{
	struct bbuf_item *before;

	list_for_each_entry_reverse(before, &holder->leases, held)
		if (before->id < item->id)
			break;
	list_move(&item->held, &before->held);
}

/* What is meant goes from the holder's list to the caller's. */
static int bbuf_settle_pick(struct bbuf_holder *holder, const struct bbuf_settle *settle,
			    struct list_head *items)
{
	struct bbuf_item *item;

	if (settle->flags & BBUF_SETTLE_ALL) {
		list_splice_init(&holder->leases, items);
		return 0;
	}
	item = bbuf_holder_find(holder, settle->lease);
	if (!item)
		return settle->lease ? -ESTALE : -ENOENT;
	list_move(&item->held, items);
	return 0;
}

/* These return how many it was. */

static long bbuf_settle_ack(struct bbuf_queue *q, struct list_head *items)
{
	struct bbuf_item *item;
	long n = 0;

	list_for_each_entry(item, items, held) {
		bbuf_lease_end(q, item);
		n++;
	}
	return n;
}

static long bbuf_settle_renew(struct bbuf_queue *q, struct bbuf_holder *holder,
			      struct list_head *items)
{
	struct bbuf_item *item, *next;
	long n = 0;

	list_for_each_entry_safe(item, next, items, held) {
		bbuf_holder_keep(holder, item);
		bbuf_lease_begin(q->leases, item);
		n++;
	}
	return n;
}

/* Until one can't be: it and the rest stay leased. */
static long bbuf_settle_reject(struct bbuf_queue *q, struct bbuf_holder *holder,
			       struct list_head *items)
{
	struct bbuf_item *item, *next;
	LIST_HEAD(gone);
	bool all = true;
	long n;

	list_for_each_entry(item, items, held)
		list_del_init(&item->timed);
	mutex_unlock(&q->consumer.lock);
	list_for_each_entry_safe(item, next, items, held) {
		all = bbuf_lease_bury(q, item);
		if (!all)
			break;
		list_move_tail(&item->held, &gone);
	}
	mutex_lock(&q->consumer.lock);
	n = bbuf_settle_ack(q, &gone);
	q->leases->dead += n;
	bbuf_settle_renew(q, holder, items);
	list_splice(&gone, items);
	return n || all ? n : -EAGAIN;
}

static long bbuf_settle_return(struct bbuf_queue *q, struct list_head *items, bool last)
{
	struct bbuf_item *item;
	long n = 0;

	list_for_each_entry(item, items, held)
		n++;
	bbuf_leases_return(q, items, last);
	return n;
}

/* The consumers' lock is held; what is left in @items is to be buried, or freed. */
static long bbuf_settle_picked(struct bbuf_queue *q, struct bbuf_holder *holder, u32 how,
			       struct list_head *items)
{
	switch (how) {
	case BBUF_ACK:
		return bbuf_settle_ack(q, items);
	case BBUF_RENEW:
		return bbuf_settle_renew(q, holder, items);
	case BBUF_REJECT:
		return bbuf_settle_reject(q, holder, items);
	default:
		return bbuf_settle_return(q, items, how == BBUF_RETURN_LAST);
	}
}

/**
 * bbuf_lease_settle() - be done with leases
 * @q: the queue, of records, with BBUF_LEASE
 * @holder: whose they are
 * @settle: which, and what becomes of them; its values are known ones
 *
 * Context: process context; may sleep for locks, and for memory of the queue of dead letters.
 * Return: how many it was, or -ESTALE, -ENOENT, -EAGAIN, -ENODEV, see struct bbuf_settle.
 */
long bbuf_lease_settle(struct bbuf_queue *q, struct bbuf_holder *holder,
		       const struct bbuf_settle *settle)
{
	bool back = settle->how == BBUF_RETURN || settle->how == BBUF_RETURN_LAST;
	LIST_HEAD(items);
	bool was_full;
	long ret;

	mutex_lock(&q->consumer.lock);
	ret = bbuf_side_error(&q->consumer) ?: bbuf_settle_pick(holder, settle, &items);
	if (!ret)
		ret = bbuf_settle_picked(q, holder, settle->how, &items);
	was_full = ret > 0 && holder->count + ret >= q->leases->max_leases;
	mutex_unlock(&q->consumer.lock);

	if (back)
		bbuf_leases_bury(q, &items);
	else
		bbuf_leases_free(&items);
	if (ret <= 0 || settle->how == BBUF_RENEW)
		return ret;
	if (!back)
		bbuf_leases_tell_gone(q);
	if (back || was_full || READ_ONCE(q->consumer.ended))
		bbuf_leases_tell_back(q);
	return ret;
}

/* Of a stream, the files that this process has open already. */
static struct bbuf_holder *bbuf_holder_mine(const struct bbuf_leases *leases)
{
	struct bbuf_holder *holder;

	list_for_each_entry(holder, &leases->holders, node)
		if (holder->owner == task_tgid(current))
			return holder;
	return NULL;
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
	struct bbuf_holder *holder, *mine = NULL;

	holder = kzalloc(sizeof(*holder), GFP_KERNEL_ACCOUNT);
	if (!holder)
		return NULL;
	INIT_LIST_HEAD(&holder->leases);
	holder->files = 1;
	if (q->type == BBUF_STREAM)
		holder->owner = get_pid(task_tgid(current));

	mutex_lock(&q->consumer.lock);
	if (holder->owner)
		mine = bbuf_holder_mine(q->leases);
	if (mine)
		mine->files++;
	else
		list_add(&holder->node, &q->leases->holders);
	mutex_unlock(&q->consumer.lock);
	if (!mine)
		return holder;
	put_pid(holder->owner);
	kfree(holder);
	return mine;
}

/**
 * bbuf_holder_put() - stop to lease: what has not been settled goes back
 * @q: the queue
 * @holder: of bbuf_holder_get()
 */
void bbuf_holder_put(struct bbuf_queue *q, struct bbuf_holder *holder)
{
	LIST_HEAD(items);

	mutex_lock(&q->consumer.lock);
	if (--holder->files) {
		mutex_unlock(&q->consumer.lock);
		return;
	}
	list_del(&holder->node);
	list_splice_init(&holder->leases, &items);
	bbuf_leases_return(q, &items, false);
	mutex_unlock(&q->consumer.lock);
	bbuf_leases_bury(q, &items);
	bbuf_leases_tell_back(q);
	put_pid(holder->owner);
	kfree(holder);
}

/**
 * bbuf_holder_full() - has a file leased as much as it may?
 * @q: the queue
 * @holder: the file's
 *
 * Return: whether it has.
 */
bool bbuf_holder_full(const struct bbuf_queue *q, const struct bbuf_holder *holder)
{
	return READ_ONCE(holder->count) >= READ_ONCE(q->leases->max_leases);
}

/* Free what came back. */
static void bbuf_leases_clear(struct bbuf_leases *leases)
{
	struct bbuf_item *item, *next;

	rbtree_postorder_for_each_entry_safe(item, next, &leases->aside.rb_root, aside) {
		rb_erase_cached(&item->node, &leases->items);
		kvfree(item);
		cond_resched();
	}
	leases->aside = RB_ROOT_CACHED;
}

/**
 * bbuf_leases_flush() - discard what is queued, but not what is leased
 * @q: the queue; both sides' locks are held, and nobody copies
 * @stored: bytes of the ring that are in use
 */
void bbuf_leases_flush(struct bbuf_queue *q, size_t stored)
{
	struct bbuf_leases *leases = q->leases;
	struct bbuf_side *side = &q->consumer;
	size_t bytes = bbuf_side_avail(side);

	leases->head += bbuf_queue_in_ring(q);
	side->off = bbuf_ring_step(&q->ring, side->off, stored);
	bbuf_leases_clear(leases);
	q->aside = 0;
	side->bytes += bytes;
	WRITE_ONCE(side->records, q->producer.records);
	WRITE_ONCE(side->pos, side->pos + bytes);
	bbuf_leases_settle_up(leases);
	bbuf_leases_free_room(leases, bytes);
	bbuf_queue_update_end(q);
}

static void bbuf_leases_set_max(struct bbuf_leases *leases, u32 max)
{
	struct bbuf_holder *holder;

	WRITE_ONCE(leases->max_leases, max);
	list_for_each_entry(holder, &leases->holders, node)
		bbuf_holder_fill(leases, holder);
}

/**
 * bbuf_leases_set() - change how long, how many and how often
 * @q: the queue; both sides' locks are held
 * @set: what is to change
 */
void bbuf_leases_set(struct bbuf_queue *q, const struct bbuf_set *set)
{
	struct bbuf_leases *leases = q->leases;

	if (set->fields & BBUF_SET_LEASE_TIMEOUT)
		leases->timeout = set->lease_timeout;
	if (set->fields & BBUF_SET_MAX_LEASES)
		bbuf_leases_set_max(leases, set->max_leases);
	if (set->fields & BBUF_SET_MAX_DELIVERIES)
		leases->max_deliveries = set->max_deliveries;
}

/**
 * bbuf_leases_info() - what is leased, and has been
 * @q: the queue; both sides' locks are held
 * @info: where to say so; what consumers have done is there
 */
void bbuf_leases_info(const struct bbuf_queue *q, struct bbuf_info *info)
{
	const struct bbuf_leases *leases = q->leases;

	info->out.bytes -= q->leased;
	info->out.records -= leases->records;
	info->leased_bytes = q->leased;
	info->leased_records = leases->records;
	info->leasing_files = leases->files;
	info->returned = leases->returned;
	info->expired = leases->expired;
	info->dead_records = leases->dead;
	info->lease_timeout = leases->timeout;
	info->max_leases = leases->max_leases;
	info->max_deliveries = leases->max_deliveries;
	if (leases->grave)
		strscpy(info->dead_letters, leases->grave->name, sizeof(info->dead_letters));
}

/**
 * bbuf_leases_init() - make a queue one whose consumers lease
 * @q: the queue, which nobody uses yet
 * @what: what it is to be
 * @grave: the queue that its dead letters go to, or NULL; stays
 *
 * Return: 0 or -ENOMEM.
 */
int bbuf_leases_init(struct bbuf_queue *q, const struct bbuf_create *what,
		     struct bbuf_queue *grave)
{
	struct bbuf_leases *leases = kzalloc(sizeof(*leases), GFP_KERNEL_ACCOUNT);

	if (!leases)
		return -ENOMEM;
	leases->queue = q;
	leases->items = RB_ROOT_CACHED;
	leases->aside = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&leases->timed);
	INIT_LIST_HEAD(&leases->holders);
	INIT_DELAYED_WORK(&leases->expiry, bbuf_leases_expire);
	leases->due = BBUF_NEVER;
	leases->timeout = what->lease_timeout;
	leases->max_leases = what->max_leases ?: BBUF_MAX_LEASES_DEFAULT;
	leases->max_deliveries = what->max_deliveries;
	leases->grave = grave;
	q->leases = leases;
	q->producer.limit = &leases->freed;
	q->settled = &leases->settled;
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
	if (!q->leases)
		return;
	cancel_delayed_work_sync(&q->leases->expiry);
	bbuf_leases_clear(q->leases);
	kfree(q->leases);
}
