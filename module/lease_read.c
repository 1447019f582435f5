// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading where consumers lease: how bytes and records get from a queue with BBUF_LEASE to its
 * users. The leases themselves: lease.c.
 *
 * A record is copied from the ring to user memory, and to an item of its own; then it is leased. If
 * a page of user memory is missing, the reader leaves the wait list, and tries again when it has
 * the page. So no reader waits for the page of another one, and none holds a record that it has not
 * got.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "framed.h"
#include "lease_read.h"
#include "token.h"
#include "trace.h"

/* Up to this size memory is mostly available without sleeping. */
#define BBUF_NOWAIT_BYTES	SZ_2K

/**
 * struct bbuf_next - the next record to read, or the next byte of a stream
 * @item: requeued item; NULL if it is in the ring
 * @len: length in bytes
 * @prefix: for a record in the ring, bytes before it that hold its length
 */
struct bbuf_next {
	struct bbuf_item *item;
	size_t len;
	size_t prefix;
};

/**
 * struct bbuf_lease_reader - a read that leases
 * @holder: holder of the file
 * @to: where the records go
 * @opts: whether to have frames
 * @lease: filled in for the one record; or NULL
 * @records: records that were leased
 * @bytes: bytes of these records
 * @first: the holder had no token before, and can write one back now, which poll reports
 * @admitted: it has waited for its holder: bbuf_holder_end_wait() must be called
 */
struct bbuf_lease_reader {
	struct bbuf_holder *holder;
	struct iov_iter *to;
	struct bbuf_io_opts opts;
	struct bbuf_lease *lease;
	size_t records;
	size_t bytes;
	bool first;
	bool admitted;
};

/* The consumers' lock is held. False if nothing is queued. */
static bool bbuf_next_find(const struct bbuf_queue *q, struct bbuf_next *next)
{
	*next = (struct bbuf_next) { .item = bbuf_leases_first_requeued(q) };
	if (next->item)
		next->len = next->item->len;
	else if (!bbuf_queue_in_ring(q))
		return false;
	else if (q->type == BBUF_STREAM)
		next->len = 1;
	else
		next->prefix = bbuf_ring_get_length(&q->ring, q->consumer.off, &next->len);
	return true;
}

static struct bbuf_item *bbuf_item_alloc(size_t len, gfp_t gfp)
{
	struct bbuf_item *item = kvmalloc(struct_size(item, data, len), gfp);

	if (item) {
		item->len = len;
		item->deliveries = 0;
	}
	return item;
}

/* Copy the first record of the ring to an item. */
static void bbuf_item_fill(const struct bbuf_queue *q, struct bbuf_item *item, size_t prefix)
{
	const struct bbuf_ring *ring = &q->ring;

	bbuf_ring_read(ring, bbuf_ring_step(ring, q->consumer.off, prefix), item->data, item->len);
}

/*
 * An allocation may take long, and so may a long copy. Meanwhile the call is the head waiter,
 * without the lock, and as it is busy the ring stays as it is.
 */
static struct bbuf_item *bbuf_item_make_slow(struct bbuf_queue *q, struct bbuf_waiter *waiter,
					     const struct bbuf_next *next)
{
	struct bbuf_side *side = &q->consumer;
	struct bbuf_item *item;
	int ret;

	bbuf_side_unlock_busy(side, waiter);
	item = bbuf_item_alloc(next->len,
			       GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (item)
		bbuf_item_fill(q, item, next->prefix);
	ret = bbuf_side_lock_busy(side, waiter);
	if (item && !ret)
		return item;
	kvfree(item);
	return ERR_PTR(ret < 0 ? ret : -ENOMEM);
}

static struct bbuf_item *bbuf_item_make(struct bbuf_queue *q, struct bbuf_waiter *waiter,
					const struct bbuf_next *next)
{
	struct bbuf_item *item = NULL;

	if (next->len <= BBUF_NOWAIT_BYTES)
		item = bbuf_item_alloc(next->len, GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!item)
		return bbuf_item_make_slow(q, waiter, next);
	bbuf_item_fill(q, item, next->prefix);
	return item;
}

/*
 * Copy the next record to user memory, with its frame, from the ring or an item. The lock may be
 * dropped in between, but the record stays the first.
 */
static int bbuf_next_copy(struct bbuf_queue *q, struct bbuf_waiter *waiter,
			  const struct bbuf_next *next, struct bbuf_io_opts opts,
			  struct iov_iter *to)
{
	struct bbuf_lease_frame lease_frame = {
		.deliveries = next->item ? next->item->deliveries + 1 : 1,
		.lease = q->leases->last_id + 1,
	};
	const struct bbuf_ring data = {
		.data = next->item ? next->item->data : NULL, .size = next->len,
	};
	struct bbuf_extent extent = {
		.ring = next->item ? &data : &q->ring,
		.off = next->item ? 0 : bbuf_ring_step(&q->ring, q->consumer.off, next->prefix),
		.len = next->len,
	};
	size_t before = iov_iter_count(to);
	struct bbuf_frame frame;
	int ret;

	if (opts.framed && opts.lease_framed)
		bbuf_extent_add_lease_frame(&extent, &lease_frame);
	else if (opts.framed)
		bbuf_extent_add_frame(&extent, &frame);
	ret = bbuf_side_copy(&q->consumer, waiter, &extent, to);
	if (ret)
		iov_iter_revert(to, before - iov_iter_count(to));
	return ret;
}

static void bbuf_lease_describe(struct bbuf_lease *lease, const struct bbuf_item *item)
{
	lease->lease = item->id;
	lease->deliveries = item->deliveries;
}

/*
 * Lease the first record, if it fits. It is copied to the user before an item is allocated, so that
 * nothing is held for a reader whose page does not arrive. Returns 1 if nothing is queued that can
 * be leased now.
 */
static int bbuf_lease_read_one(struct bbuf_queue *q, struct bbuf_waiter *waiter,
			       struct bbuf_lease_reader *reader)
{
	size_t before = iov_iter_count(reader->to);
	struct bbuf_item *item;
	struct bbuf_next next;
	int ret;

	if (!bbuf_next_find(q, &next) || q->lease_full)
		return 1;
	if (reader->lease)
		reader->lease->len = next.len;
	if (bbuf_frame_size(reader->opts) + next.len > before)
		return -EMSGSIZE;
	if (bbuf_holder_is_full(q, reader->holder))
		return -EBUSY;
	if (reader->records && reader->bytes + next.len > BBUF_LOCKED_BATCH)
		return 1;
	ret = bbuf_next_copy(q, waiter, &next, reader->opts, reader->to);
	if (ret)
		return ret;
	if (fatal_signal_pending(current))
		return -EINTR;	/* no one would learn of it: it stays queued */
	item = next.item ?: bbuf_item_make(q, waiter, &next);
	if (IS_ERR(item)) {
		iov_iter_revert(reader->to, before - iov_iter_count(reader->to));
		return PTR_ERR(item);
	}
	reader->first |= q->type == BBUF_STREAM && !reader->holder->count;
	bbuf_lease_grant(q, reader->holder, item, next.item ? 0 : next.prefix + next.len);
	reader->records++;
	reader->bytes += next.len;
	if (reader->lease)
		bbuf_lease_describe(reader->lease, item);
	return 0;
}

/* Lease one record; or of bytes, or records with frames, as many as there are and fit. */
static int bbuf_lease_read_batch(struct bbuf_queue *q, struct bbuf_waiter *waiter,
				 struct bbuf_lease_reader *reader)
{
	bool many = q->type == BBUF_STREAM || reader->opts.framed;
	int ret;

	do {
		ret = bbuf_lease_read_one(q, waiter, reader);
	} while (!ret && many && iov_iter_count(reader->to) && reader->bytes < BBUF_LOCKED_BATCH &&
		 reader->records < BBUF_LOCKED_RECORDS);
	return ret;
}

/* Trace the work since the lock was taken. The pieces of a long record were traced as copies. */
static void bbuf_lease_read_trace(const struct bbuf_queue *q, size_t bytes, size_t records)
{
	bool alone = records == 1 && bytes > BBUF_LOCKED_BATCH;

	trace_bbuf_batch(q, "lease", alone ? 0 : bytes, records);
	if (records)
		trace_bbuf_read(q, bytes, q->type == BBUF_RECORD ? records : 0);
}

/* Lease as far as the pages that are present allow. */
static int bbuf_lease_read_now(struct bbuf_queue *q, struct bbuf_waiter *waiter,
			       struct bbuf_lease_reader *reader)
{
	struct bbuf_side *side = &q->consumer;
	size_t records, bytes;
	int ret;

	mutex_lock(&side->lock);
	records = reader->records;
	bytes = reader->bytes;
	ret = bbuf_side_error(side);
	if (!ret && bbuf_holder_is_full(q, reader->holder))
		ret = -EBUSY;
	ret = ret ?: bbuf_side_enter(side, waiter);
	if (!ret)
		ret = bbuf_lease_read_batch(q, waiter, reader);
	bbuf_lease_read_trace(q, reader->bytes - bytes, reader->records - records);
	bbuf_side_exit(side, waiter);
	return ret;
}

/* With frames, the memory of the next records is likely to be missing, too. */
static int bbuf_lease_read_fault_in(struct bbuf_waiter *waiter, struct bbuf_lease_reader *reader)
{
	size_t want = waiter->missing;
	ssize_t ret;

	if (reader->opts.framed)
		want = max_t(size_t, want, BBUF_LOCKED_BATCH);
	ret = bbuf_waiter_fault_in(waiter, reader->to, want, waiter->missing);
	return min_t(ssize_t, ret, 0);
}

/* A holder with all the tokens that it may have waits for one like any other reader. */
static int bbuf_lease_read_wait(struct bbuf_queue *q, struct bbuf_waiter *waiter,
				struct bbuf_lease_reader *reader)
{
	int ret = bbuf_holder_wait(q, reader->holder, waiter);

	reader->admitted = !ret;
	return ret;
}

/* No token is kept for a reader that waits for a page: others may proceed. */
static void bbuf_lease_read_end_wait(struct bbuf_queue *q, struct bbuf_lease_reader *reader)
{
	if (reader->admitted)
		bbuf_holder_end_wait(q, reader->holder);
	reader->admitted = false;
}

/* Decide whether a read that has failed with @ret tries again: 0, or what it returns. */
static int bbuf_lease_read_retry(struct bbuf_queue *q, struct bbuf_waiter *waiter,
				 struct bbuf_lease_reader *reader, int ret)
{
	/*
	 * A read that has leased something does not wait for a page: a partial result is a result.
	 */
	if (ret == BBUF_FAULT && !reader->records)
		return bbuf_lease_read_fault_in(waiter, reader);
	if (ret == -EBUSY && q->type == BBUF_STREAM && !reader->records)
		return bbuf_lease_read_wait(q, waiter, reader);
	return ret;
}

/**
 * bbuf_lease_read() - read from a queue, and lease what was read
 * @q: the queue, with BBUF_LEASE
 * @holder: holder of the file
 * @to: where the records go
 * @opts: whether and how long to wait, and whether to have frames
 * @lease: filled in for the one record, without frames; or NULL
 *
 * As bbuf_read(), but the records are leased to the holder when their bytes have been copied. A
 * record that the task does not learn of, as it is killed, is returned when its file is closed.
 *
 * Context: process context; may sleep for data unless it is non-blocking, and in any case for
 * memory and pages of user memory.
 * Return: as bbuf_read(); and -EBUSY (the holder may not lease more records), -ENOMEM.
 */
ssize_t bbuf_lease_read(struct bbuf_queue *q, struct bbuf_holder *holder, struct iov_iter *to,
			struct bbuf_io_opts opts, struct bbuf_lease *lease)
{
	struct bbuf_lease_reader reader = {
		.holder = holder, .to = to, .opts = opts, .lease = lease,
	};
	size_t before = iov_iter_count(to);
	unsigned int tries = 0;
	struct bbuf_waiter waiter;
	int ret;

	bbuf_waiter_init(&waiter, opts, max_t(size_t, before, 1));
	do {
		waiter.yields = tries < BBUF_FAULT_TRIES;
		ret = bbuf_lease_read_now(q, &waiter, &reader);
		bbuf_lease_read_end_wait(q, &reader);
		tries += ret == BBUF_FAULT;
		ret = ret ? bbuf_lease_read_retry(q, &waiter, &reader, ret) : 1;
	} while (!ret);

	if (reader.first)
		bbuf_side_recheck_pollers(&q->producer);
	if (reader.records)
		return before - iov_iter_count(to);
	return ret == BBUF_EOF ? 0 : ret;
}

/*
 * Copy the next bytes of a stream, in the order in which they would be read. Returns their number.
 */
static size_t bbuf_peek_bytes(const struct bbuf_queue *q, u8 *to, size_t n)
{
	size_t left = bbuf_queue_in_ring(q), off = q->consumer.off, step, done = 0, items = 0;
	struct rb_node *node = rb_first_cached(&q->leases->requeued);
	bool limited = q->leases->count >= q->leases->limit;
	u64 pos = q->ring_pos;

	for (; n; n -= step, to += step, done += step) {
		const struct bbuf_item *item = rb_entry_safe(node, struct bbuf_item, requeued);

		if (item && (item->pos <= pos || !left || limited)) {
			if (items++ == BBUF_LOCKED_RECORDS)
				break;
			step = 1;
			*to = item->data[0];
			node = rb_next(node);
			continue;
		}
		step = min_t(u64, min(n, left), item ? item->pos - pos : U64_MAX);
		bbuf_ring_read(&q->ring, off, to, step);
		off = bbuf_ring_step(&q->ring, off, step);
		pos += step;
		left -= step;
	}
	return done;
}

/* Find the record to peek at. Returns 1, or 0 at EOF, or why there is nothing. */
static int bbuf_peek_next(const struct bbuf_queue *q, struct bbuf_next *next)
{
	const struct bbuf_side *side = &q->consumer;

	if (bbuf_side_error(side))
		return -ENODEV;
	if (!bbuf_next_find(q, next))
		return side->ended ? 0 : -EAGAIN;
	return side->busy ? -EAGAIN : 1;
}

/* Collect the bytes under the lock, up to its bound. */
static ssize_t bbuf_peek_stream_now(struct bbuf_queue *q, u8 *copy, size_t most)
{
	struct bbuf_next next;
	ssize_t len;

	mutex_lock(&q->consumer.lock);
	len = bbuf_peek_next(q, &next);
	if (len > 0)
		len = bbuf_peek_bytes(q, copy, min(most, bbuf_side_avail(&q->consumer)));
	mutex_unlock(&q->consumer.lock);
	return len;
}

/*
 * The copy to the user is made without a page fault, so that a task that waits for a page pins no
 * kernel memory.
 */
static ssize_t bbuf_peek_stream_try(struct bbuf_queue *q, struct bbuf_waiter *waiter,
				    struct iov_iter *to)
{
	size_t most = min3(iov_iter_count(to), (size_t)BBUF_LOCKED_BATCH,
			   READ_ONCE(q->producer.window)), done;
	ssize_t len;
	u8 *copy;

	copy = kvmalloc(most, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!copy)
		return -ENOMEM;
	len = bbuf_peek_stream_now(q, copy, most);
	if (len > 0) {
		pagefault_disable();
		done = copy_to_iter(copy, len, to);
		pagefault_enable();
		waiter->missing = len;
		if (done < len && waiter->yields) {
			iov_iter_revert(to, done);
			len = BBUF_FAULT;
		} else {
			len = done ?: -EFAULT;
		}
	}
	kvfree(copy);
	return len;
}

static ssize_t bbuf_peek_stream(struct bbuf_queue *q, struct iov_iter *to)
{
	const struct bbuf_io_opts nowait_opts = { .nowait = true, .deadline = BBUF_NEVER };
	unsigned int tries = 0;
	struct bbuf_waiter waiter;
	ssize_t ret;

	bbuf_waiter_init(&waiter, nowait_opts, iov_iter_count(to));
	do {
		waiter.yields = tries++ < BBUF_FAULT_TRIES;
		ret = bbuf_peek_stream_try(q, &waiter, to);
		if (ret != BBUF_FAULT)
			return ret;
		ret = bbuf_peek_fault_in(&waiter, to, false);
	} while (!ret);
	return ret;
}

static ssize_t bbuf_peek_record_now(struct bbuf_queue *q, struct bbuf_waiter *waiter,
				    struct iov_iter *to)
{
	const struct bbuf_io_opts plain = { };
	struct bbuf_side *side = &q->consumer;
	struct bbuf_next next;
	ssize_t ret;

	mutex_lock(&side->lock);
	ret = bbuf_peek_next(q, &next);
	if (ret > 0 && next.len > iov_iter_count(to))
		ret = -EMSGSIZE;
	if (ret > 0)
		ret = bbuf_next_copy(q, waiter, &next, plain, to) ?: next.len;
	bbuf_side_exit(side, waiter);
	return ret;
}

static ssize_t bbuf_peek_record(struct bbuf_queue *q, struct iov_iter *to)
{
	const struct bbuf_io_opts nowait_opts = { .nowait = true, .deadline = BBUF_NEVER };
	unsigned int tries = 0;
	struct bbuf_waiter waiter;
	ssize_t ret;

	bbuf_waiter_init(&waiter, nowait_opts, iov_iter_count(to));
	waiter.peeks = true;
	do {
		waiter.yields = tries++ < BBUF_FAULT_TRIES;
		ret = bbuf_peek_record_now(q, &waiter, to);
		if (ret != BBUF_FAULT)
			return ret;
		ret = bbuf_peek_fault_in(&waiter, to, true);
	} while (!ret);
	return ret;
}

/**
 * bbuf_lease_peek() - copy the oldest bytes or record, and leave them in the queue
 * @q: the queue, with BBUF_LEASE
 * @to: where they go
 *
 * Return: as bbuf_peek(), for a stream at most BBUF_LOCKED_BATCH; and -ENOMEM.
 */
ssize_t bbuf_lease_peek(struct bbuf_queue *q, struct iov_iter *to)
{
	return q->type == BBUF_STREAM ? bbuf_peek_stream(q, to) : bbuf_peek_record(q, to);
}

/**
 * bbuf_lease_readable() - get the value of FIONREAD
 * @q: the queue, with BBUF_LEASE
 *
 * Return: as bbuf_readable().
 */
size_t bbuf_lease_readable(struct bbuf_queue *q)
{
	struct bbuf_next next = { };
	size_t len;

	mutex_lock(&q->consumer.lock);
	bbuf_next_find(q, &next);
	len = q->type == BBUF_STREAM ? bbuf_side_avail(&q->consumer) : next.len;
	if (q->lease_full)
		len = 0;
	mutex_unlock(&q->consumer.lock);
	return len;
}
