// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading and writing where consumers lease: how bytes and records get from a queue with
 * BBUF_LEASE to its users, and tokens back. What is leased: lease.c.
 *
 * A record is copied from the ring to memory of its own under the lock, and from there to
 * the user without it, when it is leased already. So no reader waits for another one's
 * page, and what can't be delivered goes back as if nothing had been.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "lend.h"
#include "trace.h"

/* For so much there mostly is memory at once. */
#define BBUF_NOWAIT_BYTES	SZ_2K

/* Tokens that are looked at together when they are written back. */
#define BBUF_TOKENS_AT_ONCE	64

/**
 * struct bbuf_next - what is to be read next: a record, or a byte
 * @item: of what came back; NULL if it is in the ring
 * @len: bytes of it
 * @head: of a record in the ring, bytes before it that hold its length
 */
struct bbuf_next {
	struct bbuf_item *item;
	size_t len;
	size_t head;
};

/**
 * struct bbuf_lending - a read
 * @holder: the file's
 * @to: where it goes
 * @how: whether to have frames
 * @room: bytes of @to that are left
 */
struct bbuf_lending {
	struct bbuf_holder *holder;
	struct iov_iter *to;
	struct bbuf_manner how;
	size_t room;
};

/* The consumers' lock is held. False if nothing is queued. */
static bool bbuf_lend_next(const struct bbuf_queue *q, struct bbuf_next *next)
{
	*next = (struct bbuf_next) { .item = bbuf_leases_first(q) };
	if (next->item)
		next->len = next->item->len;
	else if (!bbuf_queue_in_ring(q))
		return false;
	else if (q->type == BBUF_STREAM)
		next->len = 1;
	else
		next->head = bbuf_ring_get_length(&q->ring, q->consumer.off, &next->len);
	return true;
}

static struct bbuf_item *bbuf_item_alloc(size_t len, gfp_t gfp)
{
	struct bbuf_item *item = kvmalloc(struct_size(item, data, len), gfp);

	if (item)
		item->len = len;
	return item;
}

/* A copy of what is first in the ring. */
static void bbuf_item_fill(const struct bbuf_queue *q, struct bbuf_item *item, size_t head)
{
	const struct bbuf_ring *ring = &q->ring;

	bbuf_ring_read(ring, bbuf_ring_step(ring, q->consumer.off, head), item->data, item->len);
}

/*
 * Memory may take long to come, and so may a long copy. Meanwhile the call is in front of
 * the line, without the lock, and as it is busy the ring stays as it is.
 */
static struct bbuf_item *bbuf_item_make_slowly(struct bbuf_queue *q, struct bbuf_call *call,
					       const struct bbuf_next *next)
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_item *item;

	bbuf_side_hold(side, call);
	bbuf_side_set_busy(side, true);
	mutex_unlock(&side->lock);
	item = bbuf_item_alloc(next->len,
			       GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (item)
		bbuf_item_fill(q, item, next->head);
	cond_resched();
	mutex_lock(&side->lock);
	bbuf_side_set_busy(side, false);
	if (!item)
		return ERR_PTR(-ENOMEM);
	if (!bbuf_side_error(side))
		return item;
	kvfree(item);
	return ERR_PTR(-ENODEV);
}

static struct bbuf_item *bbuf_item_make(struct bbuf_queue *q, struct bbuf_call *call,
					const struct bbuf_next *next)
{
	struct bbuf_item *item = NULL;

	if (next->len <= BBUF_NOWAIT_BYTES)
		item = bbuf_item_alloc(next->len, GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!item)
		return bbuf_item_make_slowly(q, call, next);
	bbuf_item_fill(q, item, next->head);
	return item;
}

static size_t bbuf_lend_frame(struct bbuf_manner how)
{
	if (!how.framed)
		return 0;
	return how.lease_framed ? sizeof(struct bbuf_lease_frame) : sizeof(struct bbuf_frame);
}

/* Bytes that it takes for a user who has @room: the last frame may lack its padding. */
static size_t bbuf_lend_size(struct bbuf_manner how, size_t len, size_t room)
{
	size_t size = bbuf_lend_frame(how) + len;

	return how.framed ? min_t(size_t, ALIGN(size, BBUF_FRAME_ALIGN), room) : size;
}

/* Lease what is first, if it fits; @len is what it has. Returns 1 if nothing is queued. */
static int bbuf_lend_one(struct bbuf_queue *q, struct bbuf_call *call,
			 const struct bbuf_lending *what, struct list_head *taken, size_t *len)
{
	struct bbuf_next next;
	struct bbuf_item *item;

	if (!bbuf_lend_next(q, &next))
		return 1;
	*len = next.len;
	if (bbuf_lend_frame(what->how) + next.len > what->room)
		return -EMSGSIZE;
	if (bbuf_holder_full(q, what->holder))
		return -EBUSY;
	item = next.item ?: bbuf_item_make(q, call, &next);
	if (IS_ERR(item))
		return PTR_ERR(item);
	bbuf_lease_give(q, what->holder, item, next.item ? 0 : next.head + next.len);
	list_add_tail(&item->held, taken);
	return 0;
}

/* One record, or as many bytes, or records with frames, as there are and fit. */
static int bbuf_lend_some(struct bbuf_queue *q, struct bbuf_call *call,
			  struct bbuf_lending *what, struct list_head *taken, size_t *len)
{
	size_t bytes = 0, records = 0;
	int ret;

	do {
		ret = bbuf_lend_one(q, call, what, taken, len);
		if (ret)
			break;
		what->room -= bbuf_lend_size(what->how, *len, what->room);
		bytes += *len;
		records++;
		if (q->type == BBUF_RECORD && !what->how.framed)
			break;
	} while (what->room && bytes < BBUF_LOCKED_BATCH && records < BBUF_LOCKED_RECORDS);
	return ret < 0 && !records ? ret : 0;
}

/* Bytes of the frame that were copied. */
static size_t bbuf_lend_copy_frame(const struct bbuf_item *item, struct bbuf_manner how,
				   struct iov_iter *to)
{
	struct bbuf_lease_frame lease_frame = {
		.len = item->len,
		.deliveries = item->deliveries,
		.lease = item->id,
	};
	struct bbuf_frame frame = { .len = item->len };

	if (!how.framed)
		return 0;
	if (how.lease_framed)
		return copy_to_iter(&lease_frame, sizeof(lease_frame), to);
	return copy_to_iter(&frame, sizeof(frame), to);
}

/* All of it, or nothing. */
static bool bbuf_lend_copy(const struct bbuf_item *item, struct bbuf_manner how,
			   struct iov_iter *to)
{
	size_t want = bbuf_lend_size(how, item->len, iov_iter_count(to));
	size_t head = bbuf_lend_frame(how);
	size_t done;

	done = bbuf_lend_copy_frame(item, how, to);
	if (done == head)
		done += copy_to_iter(item->data, item->len, to);
	if (done == head + item->len)
		done += iov_iter_zero(want - done, to);
	if (done == want)
		return true;
	iov_iter_revert(to, done);
	return false;
}

/* What did not reach anybody goes back, as if it had never been read. */
static void bbuf_lend_end(struct bbuf_queue *q, struct list_head *given, struct list_head *undone)
{
	struct bbuf_item *item, *next;
	bool back = !list_empty(undone);

	mutex_lock(&q->consumer.lock);
	list_for_each_entry_safe(item, next, given, held)
		bbuf_lease_given(q, item);
	list_for_each_entry_safe(item, next, undone, held) {
		item->deliveries--;
		bbuf_lease_return(q, item, false);
	}
	mutex_unlock(&q->consumer.lock);
	if (back)
		bbuf_leases_tell_back(q);
}

/* To the user, without a lock. Returns the bytes of it, with frames. */
static ssize_t bbuf_lend_deliver(struct bbuf_queue *q, const struct bbuf_lending *what,
				 struct list_head *taken)
{
	size_t before = iov_iter_count(what->to), bytes = 0, records = 0;
	struct bbuf_item *item, *next;
	LIST_HEAD(given);

	list_for_each_entry_safe(item, next, taken, held) {
		if (!bbuf_lend_copy(item, what->how, what->to))
			break;
		list_move_tail(&item->held, &given);
		bytes += item->len;
		records += q->type == BBUF_RECORD;
	}
	if (fatal_signal_pending(current)) {
		list_splice_init(&given, taken);	/* nobody would know */
		bbuf_lend_end(q, &given, taken);
		return -EINTR;
	}
	if (bytes)
		trace_bbuf_read(q, bytes, records);
	bbuf_lend_end(q, &given, taken);
	return before - iov_iter_count(what->to) ?: -EFAULT;
}

static void bbuf_lend_tell(struct bbuf_lease *lease, const struct bbuf_item *item)
{
	lease->lease = item->id;
	lease->len = item->len;
	lease->deliveries = item->deliveries;
}

/**
 * bbuf_lend() - read, and lease what is read
 * @q: the queue, with BBUF_LEASE
 * @holder: the file's
 * @to: where it goes
 * @how: whether and how long to wait, and whether to have frames
 * @lease: where to tell of the one record, without frames; or NULL
 *
 * As bbuf_read(), but what was read is in the holder's hands.
 *
 * Context: process context; may sleep for data unless it may not wait, and in any case for
 * memory and pages of the caller's.
 * Return: as bbuf_read(); and -EBUSY (the holder may not lease more), -ENOMEM.
 */
ssize_t bbuf_lend(struct bbuf_queue *q, struct bbuf_holder *holder, struct iov_iter *to,
		  struct bbuf_manner how, struct bbuf_lease *lease)
{
	struct bbuf_lending what = {
		.holder = holder, .to = to, .how = how, .room = iov_iter_count(to),
	};
	struct bbuf_side *side = &q->consumer;
	struct bbuf_call call;
	LIST_HEAD(taken);
	size_t len = 0;
	int ret;

	bbuf_call_init(&call, how, max_t(size_t, what.room, 1));
	mutex_lock(&side->lock);
	ret = bbuf_side_error(side);
	if (!ret && bbuf_holder_full(q, holder))
		ret = -EBUSY;
	ret = ret ?: bbuf_side_enter(side, &call);
	if (!ret)
		ret = bbuf_lend_some(q, &call, &what, &taken, &len);
	if (lease && !list_empty(&taken))
		bbuf_lend_tell(lease, list_first_entry(&taken, struct bbuf_item, held));
	else if (lease)
		lease->len = len;
	bbuf_side_exit(side, &call);

	if (!list_empty(&taken))
		return bbuf_lend_deliver(q, &what, &taken);
	return ret == BBUF_THE_END ? 0 : ret;
}

/**
 * bbuf_lend_undo() - take a lease back that its holder has not heard of
 * @q: the queue
 * @holder: the file's
 * @id: of the lease
 */
void bbuf_lend_undo(struct bbuf_queue *q, struct bbuf_holder *holder, u64 id)
{
	struct bbuf_item *item;

	mutex_lock(&q->consumer.lock);
	item = bbuf_holder_find(holder, id);
	if (item) {
		list_del(&item->held);
		item->deliveries--;
		bbuf_lease_return(q, item, false);
	}
	mutex_unlock(&q->consumer.lock);
	bbuf_leases_tell_back(q);
}

static struct bbuf_item *bbuf_token_find(const struct bbuf_holder *holder, u8 byte)
{
	struct bbuf_item *item;

	list_for_each_entry(item, &holder->leases, held)
		if (item->data[0] == byte)
			return item;
	return NULL;
}

/*
 * How many of the bytes, from the first on, are like it: leased to the holder, and then they
 * are put back, or not?
 */
static size_t bbuf_tokens_return(struct bbuf_queue *q, struct bbuf_holder *holder,
				 const u8 *bytes, size_t n, bool *leased)
{
	struct bbuf_item *item;
	size_t i;

	mutex_lock(&q->consumer.lock);
	for (i = 0; i < n; i++) {
		item = bbuf_token_find(holder, bytes[i]);
		if (!i)
			*leased = item;
		if (*leased != !!item)
			break;
		if (!item)
			continue;
		list_del(&item->held);
		bbuf_lease_return(q, item, true);
	}
	mutex_unlock(&q->consumer.lock);
	if (*leased)
		bbuf_leases_tell_back(q);
	return i;
}

/* Some bytes, all of them leased by the holder or none. */
static ssize_t bbuf_tokens_write(struct bbuf_queue *q, struct bbuf_holder *holder,
				 struct iov_iter *from, struct bbuf_manner how)
{
	u8 bytes[BBUF_TOKENS_AT_ONCE];
	struct kvec vec = { .iov_base = bytes };
	struct iov_iter fresh;
	bool leased = false;
	ssize_t ret;
	size_t n;

	n = copy_from_iter(bytes, min(sizeof(bytes), iov_iter_count(from)), from);
	if (!n)
		return -EFAULT;
	ret = bbuf_tokens_return(q, holder, bytes, n, &leased);
	if (!leased) {
		vec.iov_len = ret;
		iov_iter_kvec(&fresh, ITER_SOURCE, &vec, 1, vec.iov_len);
		ret = bbuf_write(q, &fresh, how);
	}
	iov_iter_revert(from, n - max_t(ssize_t, ret, 0));
	return ret;
}

/**
 * bbuf_lend_tokens_back() - write to a stream whose consumers lease
 * @q: the queue
 * @holder: the file's
 * @from: the bytes
 * @how: whether and how long to wait
 *
 * Bytes that the holder has leased go back, behind what is queued: they need no room. Others
 * are new, and go in as any.
 *
 * Context: as bbuf_write().
 * Return: as bbuf_write(); an error after some bytes gives their count.
 */
ssize_t bbuf_lend_tokens_back(struct bbuf_queue *q, struct bbuf_holder *holder,
			      struct iov_iter *from, struct bbuf_manner how)
{
	ssize_t done = 0, ret = 0;

	while (iov_iter_count(from) && !(done && bbuf_signalled())) {
		if (READ_ONCE(q->state) & BBUF_DESTROYED)
			ret = -ENODEV;
		else if (READ_ONCE(holder->count))
			ret = bbuf_tokens_write(q, holder, from, how);
		else
			ret = bbuf_write(q, from, how);
		if (ret <= 0)
			break;
		done += ret;
	}
	return done ?: ret;
}

/* The next bytes of a stream, in the order in which they would be read. */
static void bbuf_peek_bytes(const struct bbuf_queue *q, u8 *to, size_t n)
{
	size_t left = bbuf_queue_in_ring(q), off = q->consumer.off, step;
	struct rb_node *node = rb_first_cached(&q->leases->aside);
	u64 pos = q->leases->head;

	for (; n; n -= step, to += step) {
		const struct bbuf_item *item = rb_entry_safe(node, struct bbuf_item, aside);

		if (item && (item->place <= pos || !left)) {
			step = 1;
			*to = item->data[0];
			node = rb_next(node);
			continue;
		}
		step = min_t(u64, min(n, left), item ? item->place - pos : U64_MAX);
		bbuf_ring_read(&q->ring, off, to, step);
		off = bbuf_ring_step(&q->ring, off, step);
		pos += step;
		left -= step;
	}
}

/* What is to be peeked at: 1, or 0 at the end, or why there is nothing. */
static int bbuf_peek_next(const struct bbuf_queue *q, struct bbuf_next *next)
{
	const struct bbuf_side *side = &q->consumer;

	if (bbuf_side_error(side))
		return -ENODEV;
	if (!bbuf_lend_next(q, next))
		return side->ended ? 0 : -EAGAIN;
	return side->busy ? -EAGAIN : 1;
}

/* As much as goes. It is put together with the lock, so there is a bound. */
static ssize_t bbuf_peek_stream(struct bbuf_queue *q, struct iov_iter *to)
{
	size_t most = min_t(size_t, iov_iter_count(to), BBUF_LOCKED_BATCH);
	struct bbuf_next next;
	ssize_t len;
	u8 *copy;

	copy = kvmalloc(most, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!copy)
		return -ENOMEM;
	mutex_lock(&q->consumer.lock);
	len = bbuf_peek_next(q, &next);
	if (len > 0) {
		len = min(most, bbuf_side_avail(&q->consumer));
		bbuf_peek_bytes(q, copy, len);
	}
	mutex_unlock(&q->consumer.lock);
	if (len > 0)
		len = copy_to_iter(copy, len, to) ?: -EFAULT;
	kvfree(copy);
	return len;
}

/* In front of the line, and busy, so that nobody else takes or discards it meanwhile. */
static ssize_t bbuf_peek_item(struct bbuf_queue *q, struct bbuf_call *call,
			      const struct bbuf_next *next, struct iov_iter *to)
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_item *item;
	size_t done;

	item = next->item ?: bbuf_item_make(q, call, next);
	if (IS_ERR(item))
		return PTR_ERR(item);
	bbuf_side_hold(side, call);
	bbuf_side_set_busy(side, true);
	mutex_unlock(&side->lock);
	done = copy_to_iter(item->data, item->len, to);
	mutex_lock(&side->lock);
	bbuf_side_set_busy(side, false);
	if (!next->item)
		kvfree(item);
	return done == next->len ? done : -EFAULT;
}

static ssize_t bbuf_peek_record(struct bbuf_queue *q, struct iov_iter *to)
{
	const struct bbuf_manner at_once = { .nowait = true };
	struct bbuf_side *side = &q->consumer;
	struct bbuf_next next;
	struct bbuf_call call;
	ssize_t ret;

	bbuf_call_init(&call, at_once, iov_iter_count(to));
	mutex_lock(&side->lock);
	ret = bbuf_peek_next(q, &next);
	if (ret > 0 && next.len > iov_iter_count(to))
		ret = -EMSGSIZE;
	if (ret > 0)
		ret = bbuf_peek_item(q, &call, &next, to);
	bbuf_side_exit(side, &call);
	return ret;
}

/**
 * bbuf_lend_peek() - copy what is queued first, and leave it there
 * @q: the queue, with BBUF_LEASE
 * @to: where it goes
 *
 * Return: as bbuf_peek(), of a stream no more than BBUF_LOCKED_BATCH; and -ENOMEM.
 */
ssize_t bbuf_lend_peek(struct bbuf_queue *q, struct iov_iter *to)
{
	return q->type == BBUF_STREAM ? bbuf_peek_stream(q, to) : bbuf_peek_record(q, to);
}

/**
 * bbuf_lend_readable() - what FIONREAD tells
 * @q: the queue, with BBUF_LEASE
 *
 * Return: as bbuf_readable().
 */
size_t bbuf_lend_readable(struct bbuf_queue *q)
{
	struct bbuf_next next = { };
	size_t len;

	mutex_lock(&q->consumer.lock);
	bbuf_lend_next(q, &next);
	len = q->type == BBUF_STREAM ? bbuf_side_avail(&q->consumer) : next.len;
	mutex_unlock(&q->consumer.lock);
	return len;
}
