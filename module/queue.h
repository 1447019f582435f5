/* SPDX-License-Identifier: GPL-2.0-only */
/* A queue: two sides that wait for each other, and the ring between them. */
#ifndef BBUF_QUEUE_H
#define BBUF_QUEUE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rbtree.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "ring.h"
#include "uapi/linux/bbuf.h"

struct bbuf_leases;
struct bbuf_queue;

/*
 * The most work done each time that a side's lock is taken: bytes that are copied, or records or
 * list entries that are handled. Longer work drops the lock in between.
 */
#define BBUF_LOCKED_BATCH	SZ_64K
#define BBUF_LOCKED_RECORDS	1024

/* Waiters in fsync that one task wakes under a spinlock; the last of them wakes the next ones. */
#define BBUF_LOCKED_WAKES	64

/*
 * Upper limit of any capacity, whatever max_capacity says: FIONREAD reports an int, and no
 * allocation or copy is larger than INT_MAX.
 */
#define BBUF_CAPACITY_CEILING	SZ_512M

/**
 * struct bbuf_side - the producers of a queue, or its consumers
 * @lock: held to move @pos and to change the wait list; never while sleeping for room, for data or
 *        for a page of user memory
 * @off: offset of @pos in the ring; under @lock
 * @queue: queue that this side belongs to; constant
 * @peer: the other side; constant
 * @limit: position that, plus @window, this side may advance to: the peer's, or, for producers
 *         where consumers lease, that of the consumed bytes; constant
 * @events: events that poll reports of this side when it is ready; constant
 * @band: the same for SIGIO; constant
 * @busy: the head waiter is in the middle of a record or a copy, and has dropped @lock to fault
 *        pages in, to allocate, or to let other tasks take it: the ring must neither be emptied nor
 *        replaced; under @lock
 * @files: files that are open for this side; under @lock
 * @waiters: waiters in the wait list; under @lock
 * @joined: waiters that ever joined the wait list; under @lock
 * @bypass_start: value of @bytes when the head waiter last left, or joined an empty wait list;
 *                under @lock
 * @bytes: bytes moved since the queue was created; under @lock
 * @blocked: times that a waiter slept; under @lock
 * @blocked_ns: nanoseconds that waiters slept; under @lock
 * @wakeups: sleeps that ended with a wake-up, other than by a shutdown; under @lock
 * @pos: bytes moved, free running, so that it may wrap; written under @lock, read by the other side
 *       without. It moves back when leased records are returned
 * @window: bytes that @pos may be ahead of @limit: the capacity for producers, 0 for consumers;
 *          written under both sides' @lock, read without
 * @mark: bytes of room, or of data, at which poll reports the side ready; as @window
 * @records: records moved since the queue was created; written under @lock, read by the other side
 *           without
 * @wait_lock: held with @lock to change the wait list; alone to wake its head
 * @no_bypass: the head waiter may not be bypassed; written under @lock, read by poll and by wakers
 *             without
 * @ended: no more bytes will be written, or may be read; as @no_bypass. Where consumers lease,
 *         theirs is set only when nothing is queued or leased any more
 * @short_of_room: a non-blocking producer has found too little room since the last read; set
 *                 without a lock, cleared under the consumers' @lock
 * @wanted: bytes that the head waiter must be woken for; 0 if it need not be woken. Written under
 *          @wait_lock, read by the other side without
 * @wait_list: waiters, in order of arrival
 * @poll: wait queue of the pollers of this side
 * @fasync: files that asked for SIGIO about this side
 *
 * The first part is used by this side alone, the second by the other side as well: each has cache
 * lines of its own.
 */
struct bbuf_side {
	struct mutex lock;	/* for moving bytes */
	size_t off;
	struct bbuf_queue *queue;
	struct bbuf_side *peer;
	const unsigned long *limit;
	__poll_t events;
	int band;
	bool busy;
	unsigned int files;
	unsigned int waiters;
	u64 joined;
	u64 bypass_start;
	u64 bytes;
	u64 blocked;
	u64 blocked_ns;
	u64 wakeups;

	unsigned long pos ____cacheline_aligned_in_smp;
	size_t window;
	size_t mark;
	u64 records;
	spinlock_t wait_lock;	/* for waking the head */
	bool no_bypass;
	bool ended;
	bool short_of_room;
	size_t wanted;
	struct list_head wait_list;
	wait_queue_head_t poll;
	struct fasync_struct *fasync;
} ____cacheline_aligned_in_smp;

/**
 * struct bbuf_queue - a bounded FIFO
 * @producer: side of the writers
 * @consumer: side of the readers
 * @ring: storage; its memory is allocated under the producers' lock, and replaced under both sides'
 *        locks
 * @name: name of the queue, for traces; constant
 * @type: one of enum bbuf_type; constant
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE; written under both sides' locks,
 *          read under one, or without
 * @state: any of BBUF_SHUT, BBUF_LEFT, BBUF_DESTROYED; as @policy
 * @write_mark: mark of the producers as it was set, 0 if it never was; under both sides' locks
 * @set_lock: serializes bbuf_queue_set(); taken before all other locks
 * @peak: most bytes that were queued at once; under the producers' lock
 * @dropped_bytes: bytes lost to BBUF_DROP_OLDEST; under the producers' lock
 * @dropped_records: the same in records
 * @dropped_new_bytes: part of @dropped_bytes that was never queued: a write dropped its own bytes
 *                     because a reader was copying the oldest; under the producers' lock
 * @dropped_new_records: the same in records
 * @flushed_bytes: bytes discarded by a flush; under the consumers' lock
 * @flushed_records: the same in records
 * @idle: wait queue of the tasks that wait until no side is busy
 * @leases: leases of a queue with BBUF_LEASE, which lease.h describes; constant
 * @leased: bytes that are leased; under the consumers' lock
 * @requeued: bytes that are queued, but not in the ring: they were leased and returned; under the
 *            consumers' lock
 * @ring_pos: where consumers lease, bytes that have left the ring, which is the position of the
 *            first byte in it; under the consumers' lock
 * @settled: where consumers lease, position before which everything was consumed; written under
 *           the consumers' lock, read by callers of fsync without
 * @full_files: files that hold as many leases as they may; written under the consumers' lock, read
 *              by wakers without
 * @full_stale: @full_files may be too small, as the limit was changed since they leased; as
 *              @full_files
 * @lease_full: the limit of items is reached, and none of them can be delivered: readers wait until
 *              a lease is settled; written under the consumers' lock, read without
 * @refused_files: open files whose last write was refused
 * @picky_files: those of them that need more room than the write mark at that time
 * @mark_lowered: the write mark was lowered while a write was refused, so that @picky_files may be
 *                too small; written under both sides' locks, read without
 * @drain_lock: protects @drains
 * @drains: calls of fsync(2), by the position that they wait for
 *
 * The rules of these locks are at the top of queue.c.
 */
struct bbuf_queue {
	struct bbuf_side producer;
	struct bbuf_side consumer;
	struct bbuf_ring ring;
	const char *name;
	u32 type;
	u32 policy;
	u32 state;
	size_t write_mark;
	struct mutex set_lock;	/* for bbuf_queue_set() */
	size_t peak;
	u64 dropped_bytes;
	u64 dropped_records;
	u64 dropped_new_bytes;
	u64 dropped_new_records;
	u64 flushed_bytes;
	u64 flushed_records;
	wait_queue_head_t idle;
	struct bbuf_leases *leases;
	size_t leased;
	size_t requeued;
	u64 ring_pos;
	atomic64_t settled;
	size_t full_files;
	bool full_stale;
	bool lease_full;
	bool mark_lowered;
	atomic_t refused_files;
	atomic_t picky_files;
	spinlock_t drain_lock;	/* for drains */
	struct rb_root_cached drains;
};

#define BBUF_NEVER	U64_MAX

/**
 * struct bbuf_waiter - a system call that transfers bytes, and its entry in the wait list
 * @node: node in bbuf_side.wait_list; empty while the call is not in it
 * @task: the task, which sleeps without a lock
 * @woken: the waiter may be able to proceed, or was removed from the wait list; written under one
 *         lock of the side while the waiter is in the wait list, read by the task without
 * @ticket: number of waiters that had joined the wait list before
 * @len: bytes to transfer, at once or in pieces
 * @left: bytes of @len that were not transferred yet
 * @deadline: nanoseconds of CLOCK_MONOTONIC at which the call gives up, or BBUF_NEVER
 * @nowait: the call must not sleep for the other side
 * @peeks: the call leaves what it copies in the queue
 * @yields: if a page of user memory is missing, the call leaves the wait list and tries again
 * @missing: bytes of user memory that must be present before it does
 * @resizes: the call changes the capacity; only the destruction of the queue ends it
 * @no_bypass: the waiter may not be bypassed: it was bypassed before, or is transferring data
 * @result: 0, or why the waiter was removed from the wait list: a negative errno, or BBUF_EOF
 *
 * Lives on the stack of its task. @node changes under both locks of the side, all other members but
 * @woken under the mutex.
 */
struct bbuf_waiter {
	struct list_head node;
	struct task_struct *task;
	bool woken;
	u64 ticket;
	size_t len;
	size_t left;
	size_t missing;
	u64 deadline;
	bool nowait;
	bool peeks;
	bool yields;
	bool resizes;
	bool no_bypass;
	int result;
};

/* Returned by bbuf_side_enter() to a reader at end of file. */
#define BBUF_EOF	1

int bbuf_queue_init(struct bbuf_queue *q, const char *name, u32 type, size_t capacity, u32 policy);
void bbuf_queue_uninit(struct bbuf_queue *q);
int bbuf_queue_drain(struct bbuf_queue *q, u64 *target, bool again);
__poll_t bbuf_queue_poll(struct bbuf_queue *q, struct file *file, poll_table *wait);
int bbuf_queue_fasync(struct bbuf_queue *q, int fd, struct file *file, int on);

bool bbuf_queue_has_room(struct bbuf_queue *q, size_t need);

/* For the files that move the bytes, or manage the queue. */
void bbuf_side_recheck_pollers(struct bbuf_side *side);
void bbuf_queue_wake_drainers(struct bbuf_queue *q);
void bbuf_queue_update_eof(struct bbuf_queue *q);
void bbuf_queue_end_readers(struct bbuf_queue *q);
size_t bbuf_queue_ring_size(const struct bbuf_queue *q, size_t capacity);
void bbuf_queue_set_limits(struct bbuf_queue *q, size_t capacity, size_t read_mark,
			   size_t write_mark);
bool bbuf_side_end_waiters(struct bbuf_side *side, int result, u64 before);
void bbuf_side_expire(struct bbuf_side *side, struct bbuf_waiter *waiter);
int bbuf_side_enter(struct bbuf_side *side, struct bbuf_waiter *waiter);
void bbuf_side_hold(struct bbuf_side *side, struct bbuf_waiter *waiter);
void bbuf_side_exit_wait_list(struct bbuf_side *side, struct bbuf_waiter *waiter);
void bbuf_side_wake_head(struct bbuf_side *side, size_t upcoming);
void bbuf_side_wake_pollers(struct bbuf_side *side, size_t bytes, size_t records);
void bbuf_side_wake_after_read(struct bbuf_side *side);
int bbuf_side_pause(struct bbuf_side *side, struct bbuf_waiter *waiter);
int bbuf_waiter_interrupted(const struct bbuf_waiter *waiter);
long bbuf_waiter_timeout(const struct bbuf_waiter *waiter);
bool bbuf_waiter_is_late(const struct bbuf_waiter *waiter);
void bbuf_side_hold_busy(struct bbuf_side *side, struct bbuf_waiter *waiter);
void bbuf_side_end_busy(struct bbuf_side *side, struct bbuf_waiter *waiter);
void bbuf_side_unlock_busy(struct bbuf_side *side, struct bbuf_waiter *waiter);
int bbuf_side_lock_busy(struct bbuf_side *side, struct bbuf_waiter *waiter);
void bbuf_side_advance(struct bbuf_side *side, size_t bytes, size_t stored, size_t records);
int bbuf_side_error(const struct bbuf_side *side);
int bbuf_waiter_error(const struct bbuf_side *side, const struct bbuf_waiter *waiter);
size_t bbuf_side_spare_to_bypass(struct bbuf_side *side, size_t avail);

static inline bool bbuf_side_is_producer(const struct bbuf_side *side)
{
	return side == &side->queue->producer;
}

/**
 * bbuf_side_need() - get the number of bytes that a call needs to proceed
 * @side: the side
 * @waiter: the call
 *
 * Return: bytes of room, or of data, without which it must wait.
 */
static inline size_t bbuf_side_need(const struct bbuf_side *side, const struct bbuf_waiter *waiter)
{
	const struct bbuf_queue *q = side->queue;
	size_t capacity = q->producer.window;

	if (!bbuf_side_is_producer(side))
		return waiter->nowait ? 1 : min(side->mark, waiter->left);
	if (q->type == BBUF_RECORD)
		return min(waiter->len, capacity);
	if (waiter->nowait)
		return waiter->len <= min_t(size_t, capacity, PIPE_BUF) ? waiter->len : 1;
	if (waiter->len <= capacity)
		return waiter->left;
	/* In pieces, of a size at which the sides do not wake each other for each byte. */
	return min(waiter->left, max_t(size_t, capacity / 2, 1));
}

/**
 * bbuf_side_avail() - get the number of bytes that a side may advance by
 * @side: the side
 *
 * The side's own position is read first, as the peer can only have advanced since. Without the
 * side's lock the own position may be old: the result may be too large, even beyond the capacity,
 * but not too small. So a waiter may be woken for nothing, but none is forgotten. (The result is
 * too small just after leased records were returned; the task that returned them wakes the
 * waiters.)
 *
 * Return: bytes of room for producers, of data for consumers.
 */
static inline size_t bbuf_side_avail(const struct bbuf_side *side)
{
	/* Acquire: read the own position before the peer's. */
	unsigned long pos = smp_load_acquire(&side->pos);

	/* (D) pairs with (C) in bbuf_queue_advance(): bytes before the limit have been copied. */
	return smp_load_acquire(side->limit) + READ_ONCE(side->window) - pos;
}

/**
 * bbuf_queue_in_ring() - get the number of queued bytes that are in the ring
 * @q: the queue; the consumers' lock is held
 *
 * Return: bytes.
 */
static inline size_t bbuf_queue_in_ring(const struct bbuf_queue *q)
{
	return bbuf_side_avail(&q->consumer) - q->requeued;
}

/**
 * bbuf_side_spare() - get the number of bytes that may be moved without joining the wait list
 * @side: the side; its lock is held
 *
 * Return: bytes of room, or of data; 0 if the side has ended, or the waiters must be served first.
 */
static inline size_t bbuf_side_spare(struct bbuf_side *side)
{
	size_t avail = bbuf_side_avail(side);

	if (unlikely(side->ended))
		return 0;
	return likely(!side->waiters) ? avail : bbuf_side_spare_to_bypass(side, avail);
}

/**
 * bbuf_side_notify() - wake waiters and pollers after a change
 * @side: the side that may wait for the change
 * @bytes: bytes of room, or of data, that were added; SIZE_MAX if unknown
 * @records: the same in records
 *
 * Wakes the head waiter if it can proceed, and as many exclusive pollers as the added bytes can
 * serve. Pollers come first: a head that may not be bypassed keeps them off, and wakes them for
 * what it leaves. If it were woken first and left at once, they would be woken for the same event
 * twice.
 */
static inline void bbuf_side_notify(struct bbuf_side *side, size_t bytes, size_t records)
{
	smp_mb();	/* (A), pairs with (B): see the top of queue.c */
	if (unlikely(waitqueue_active(&side->poll) || READ_ONCE(side->fasync)))
		bbuf_side_wake_pollers(side, bytes, records);
	if (unlikely(READ_ONCE(side->wanted)))
		bbuf_side_wake_head(side, 0);
}

/**
 * bbuf_queue_advance() - publish bytes that were copied, and wake the peer's waiters and pollers
 * @q: the queue
 * @side: its side that has moved them; its lock is held
 * @peer: the other side
 * @bytes: bytes that were moved, at least one
 * @stored: bytes of the ring that they occupy
 * @records: number of records
 *
 * For bbuf_side_advance(), and for callers that know the side: their code is shorter.
 */
static __always_inline void bbuf_queue_advance(struct bbuf_queue *q, struct bbuf_side *side,
					       struct bbuf_side *peer, size_t bytes, size_t stored,
					       size_t records)
{
	unsigned long pos = side->pos + bytes;

	lockdep_assert_held(&side->lock);

	side->off = bbuf_ring_step(&q->ring, side->off, stored);
	side->bytes += bytes;
	if (records)
		WRITE_ONCE(side->records, side->records + records);
	/*
	 * Before the position: a writer that finds too little room with the new one sets it again.
	 */
	if (unlikely(READ_ONCE(peer->short_of_room)))
		WRITE_ONCE(peer->short_of_room, false);
	/* (C) pairs with (D) in bbuf_side_avail(): the peer must find the bytes copied. */
	smp_store_release(&side->pos, pos);

	bbuf_side_notify(peer, bytes, records);	/* (A), also for the drains below */
	if (side == &q->producer)
		q->peak = max_t(size_t, q->peak, pos - READ_ONCE(*side->limit));
	else if (unlikely(!RB_EMPTY_ROOT(&q->drains.rb_root) || READ_ONCE(side->ended)))
		bbuf_side_wake_after_read(side);
}

/**
 * bbuf_side_exit() - end a transfer, and wake the next waiter if it can proceed
 * @side: the side; its lock is held, and dropped
 * @waiter: the call
 */
static inline void bbuf_side_exit(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	if (likely(list_empty(&waiter->node)))
		mutex_unlock(&side->lock);
	else
		bbuf_side_exit_wait_list(side, waiter);
}

#endif /* BBUF_QUEUE_H */
