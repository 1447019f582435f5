/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue: two sides that wait for each other, and the ring between them.
 */
#ifndef BBUF_QUEUE_H
#define BBUF_QUEUE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/limits.h>
#include <linux/list.h>
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
struct workqueue_struct;

/*
 * The most work done each time that a side's lock is taken: bytes that are copied, or records or
 * list entries that are handled. Longer work drops the lock in between.
 */
#define BBUF_LOCKED_BATCH	SZ_64K
#define BBUF_LOCKED_RECORDS	1024

/* Waiters in fsync that one task wakes under a spinlock; the last of them goes on. */
#define BBUF_LOCKED_WAKES	64

/*
 * No queue can be larger, whatever max_capacity says: FIONREAD reports an int, and no
 * more is allocated or copied at once than an int can say.
 */
#define BBUF_CAPACITY_CEILING	SZ_512M

/**
 * struct bbuf_side - the producers of a queue, or its consumers
 * @lock: held to move @pos and to change the line; never while sleeping for
 *        room, for data or for a page of user memory
 * @off: where in the ring @pos is; under @lock
 * @queue: whose side it is; constant
 * @peer: the other side; constant
 * @limit: the position that, with @window, this side may go up to: the peer's, or, where
 *         consumers lease, that of what is gone for good; constant
 * @events: what poll reports of this side when it is ready; constant
 * @band: the same for SIGIO; constant
 * @busy: the front of the line is in the middle of a record or a copy, and has dropped @lock
 *        to fault pages in, to allocate or to let others have it: the ring must neither be
 *        emptied nor replaced; under @lock
 * @files: open for this side; under @lock
 * @waiters: calls in line; under @lock
 * @joined: calls that ever joined the line; under @lock
 * @reserved: bytes that are to be left for them; under @lock
 * @bypass_start: @bytes when the first in line last left, or came; under @lock
 * @bytes: moved since the queue was made; under @lock
 * @blocked: times that a call slept in line; under @lock
 * @blocked_ns: nanoseconds they slept; under @lock
 * @wakeups: of those, the times that it was called, and not at the end; under @lock
 * @pos: bytes moved, free running, so that it may wrap; written under @lock, read by
 *       the other side without. It goes back when what was leased does
 * @window: how far @pos may be ahead of @limit: the capacity for producers, 0
 *        for consumers; written under both sides' @lock, read without
 * @mark: what poll calls ready: this many bytes of room, or of data; as @window
 * @records: records moved since the queue was made; written under @lock, read by the other side
 *           without
 * @wait_lock: with @lock, held to change the line; alone, to call its front
 * @no_bypass: the front of the line is firm, nobody may go past it: written under
 *          @lock, read by poll and by wakers without
 * @ended: no more is to come, or to be taken: as @no_bypass; that of consumers who lease only when
 *         nothing is queued or leased, either
 * @short_of_room: a producer that doesn't wait found too little room since the last
 *                 read: set without a lock, cleared under the consumers'
 * @wanted: bytes that the front of the line is to be called for; 0 when it need
 *          not be. Written under @wait_lock, read by the other side without
 * @wait_list: the calls that wait, in order of arrival
 * @poll: those who poll for this side
 * @fasync: those who asked for SIGIO about it
 *
 * The first part is the own side's alone, the second what the other side looks at,
 * too: each has cache lines of its own.
 */
struct bbuf_side {
	struct mutex lock;	/* for moving on */
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
	u64 reserved;
	u64 bypass_start;
	u64 bytes;
	u64 blocked;
	u64 blocked_ns;
	u64 wakeups;

	unsigned long pos ____cacheline_aligned_in_smp;
	size_t window;
	size_t mark;
	u64 records;
	spinlock_t wait_lock;	/* for calling the front */
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
 * @producer: those who write
 * @consumer: those who read
 * @ring: where the bytes are; its memory comes under the producers' lock, and changes
 *        under both sides'
 * @name: for traces; constant
 * @type: one of enum bbuf_type; constant
 * @policy: of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE; written under both sides'
 *          locks, read under one, or without
 * @state: of BBUF_SHUT, BBUF_LEFT, BBUF_DESTROYED; as @policy
 * @write_mark: the producers' mark as it was set, 0 if it never was; under both
 *              sides' locks
 * @set_lock: held by who changes what the queue is, outside of all other locks
 * @peak: most bytes that were queued at once; under the producers' lock
 * @dropped_bytes: lost to BBUF_DROP_OLDEST; under the producers' lock
 * @dropped_records: the same in records
 * @dropped_new_bytes: those of @dropped_bytes that were never queued: the newest was dropped, as a
 *                 reader had the oldest in hand; under the producers' lock
 * @dropped_new_records: the same in records
 * @flushed_bytes: discarded by a flush; under the consumers' lock
 * @flushed_records: the same in records
 * @idle: tasks that wait until no side is busy
 * @leases: of a queue with BBUF_LEASE, see lease.h; constant
 * @leased: bytes that are leased; under the consumers' lock
 * @requeued: bytes that are queued, but not in the ring: they were leased and came back; under
 *         the consumers' lock
 * @lease_full: as much is leased or was returned as may be, and nothing that was returned can
 *              be delivered: readers wait for a settled lease; written under the consumers'
 *              lock, read without
 * @refused_files: open files whose last write was refused
 * @picky_files: those of them that need more room than the write mark then was
 * @mark_lowered: the write mark was lowered while a write was refused, so that there may be more
 *                of these; written under both sides' locks, read without
 * @drain_lock: protects @drains
 * @drains: the calls of fsync(2), by the position that they wait for
 *
 * The rules of its locks stand on top of queue.c.
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
	bool lease_full;
	bool mark_lowered;
	atomic_t refused_files;
	atomic_t picky_files;
	spinlock_t drain_lock;	/* for drains */
	struct rb_root_cached drains;
};

#define BBUF_NEVER	U64_MAX

/**
 * struct bbuf_waiter - a call that wants to move bytes, and its place in line
 * @node: in bbuf_side.wait_list; empty while the call needs no place
 * @woken: completed when it may be able to go on
 * @ticket: which of those it is that ever joined the line
 * @len: bytes that it wants to move at once, or in pieces
 * @left: of @len, not yet moved
 * @reserved: its part of bbuf_side.reserved
 * @deadline: nanoseconds of CLOCK_MONOTONIC at which it gives up, or BBUF_NEVER
 * @nowait: it may not sleep for the other side
 * @peeks: it leaves what it copies
 * @yields: where a page of its memory is missing it gives up its place in line, and comes again
 * @missing: bytes of its memory that it is to have present then
 * @resizes: it is a change of the capacity, which only the destruction of the queue ends
 * @no_bypass: nobody goes past it: somebody did, or it is at work
 * @result: it was ended, and taken out of the line: a negative errno, or BBUF_EOF
 *
 * Lives on its task's stack; @node changes under both locks of the side, the rest
 * under the mutex.
 */
struct bbuf_waiter {
	struct list_head node;
	struct completion woken;
	u64 ticket;
	size_t len;
	size_t left;
	size_t reserved;
	size_t missing;
	u64 deadline;
	bool nowait;
	bool peeks;
	bool yields;
	bool resizes;
	bool no_bypass;
	int result;
};

/* What bbuf_side_enter() returns to a reader when no more is to come. */
#define BBUF_EOF	1

extern struct workqueue_struct *bbuf_workqueue;

int bbuf_queue_init(struct bbuf_queue *q, const char *name, u32 type, size_t capacity, u32 policy);
void bbuf_queue_uninit(struct bbuf_queue *q);
int bbuf_queue_open(struct bbuf_queue *q, fmode_t mode);
void bbuf_queue_release(struct bbuf_queue *q, fmode_t mode);
int bbuf_queue_shutdown(struct bbuf_queue *q);
int bbuf_queue_reopen(struct bbuf_queue *q);
void bbuf_queue_destroy(struct bbuf_queue *q);
int bbuf_queue_set(struct bbuf_queue *q, const struct bbuf_set *set, bool nowait);
void bbuf_queue_info(struct bbuf_queue *q, struct bbuf_info *info);
int bbuf_queue_flush(struct bbuf_queue *q, bool nowait);
int bbuf_queue_drain(struct bbuf_queue *q, u64 *target, bool again);
__poll_t bbuf_queue_poll(struct bbuf_queue *q, struct file *file, poll_table *wait);
int bbuf_queue_fasync(struct bbuf_queue *q, int fd, struct file *file, int on);

bool bbuf_queue_has_room(struct bbuf_queue *q, size_t need);

/* For io.c, which moves the bytes, and manage.c. */
void bbuf_side_notify(struct bbuf_side *side, size_t bytes, size_t records);
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
void bbuf_side_wake_head_for(struct bbuf_side *side, size_t upcoming);
int bbuf_side_pause(struct bbuf_side *side, struct bbuf_waiter *waiter);
int bbuf_waiter_interrupted(const struct bbuf_waiter *waiter);
long bbuf_waiter_timeout(const struct bbuf_waiter *waiter, u64 now);
size_t bbuf_side_need(const struct bbuf_side *side, const struct bbuf_waiter *waiter);
void bbuf_side_set_busy(struct bbuf_side *side, bool busy);
void bbuf_side_advance(struct bbuf_side *side, size_t bytes, size_t stored, size_t records);
int bbuf_side_error(const struct bbuf_side *side);
int bbuf_waiter_error(const struct bbuf_side *side, const struct bbuf_waiter *waiter);
size_t bbuf_side_spare_to_bypass(const struct bbuf_side *side, size_t avail);

/**
 * bbuf_side_avail() - how far a side may go
 * @side: the side
 *
 * The own position is read first: the peer can only have gone on since. So without
 * the side's lock, when the own position may be old, the answer may be too large, even
 * beyond the capacity, but not too small: somebody may be called for nothing, but
 * nobody is forgotten. (It is too small when what was leased has just come back; who
 * brought it tells.)
 *
 * Return: bytes of room for producers, of data for consumers.
 */
static inline size_t bbuf_side_avail(const struct bbuf_side *side)
{
	/* Acquire: before the peer's. */
	unsigned long pos = smp_load_acquire(&side->pos);

	/* D: what lies before the limit was copied before; see C. */
	return smp_load_acquire(side->limit) + READ_ONCE(side->window) - pos;
}

/**
 * bbuf_queue_in_ring() - how much of what is queued is in the ring
 * @q: the queue; the consumers' lock is held
 *
 * Return: bytes.
 */
static inline size_t bbuf_queue_in_ring(const struct bbuf_queue *q)
{
	return bbuf_side_avail(&q->consumer) - q->requeued;
}

/**
 * bbuf_side_spare() - how far a side may go without a place in line
 * @side: the side; its lock is held
 *
 * Return: bytes of room, or of data; 0 if it has ended, or those in line are to be served
 * before.
 */
static inline size_t bbuf_side_spare(const struct bbuf_side *side)
{
	size_t avail = bbuf_side_avail(side);

	if (unlikely(side->ended))
		return 0;
	return likely(!side->waiters) ? avail : bbuf_side_spare_to_bypass(side, avail);
}

/**
 * bbuf_side_exit() - be done: hand on what is left to whoever comes next
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
