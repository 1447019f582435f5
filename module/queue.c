// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wait protocol: which calls may move bytes, which wait, which are woken, and when it ends.
 *
 * A queue has two sides, producers and consumers, that mirror each other. Each side has a position:
 * the bytes that it has moved since the queue was created. Consumers may advance to the producers'
 * position; producers to the capacity beyond the consumers' position. So the progress of one side
 * is what the other waits for, and everything below is written once, for "the side" and "its peer".
 * (Where consumers lease, producers may advance to the capacity beyond the consumed bytes:
 * lease.c.)
 *
 * Locks
 *
 *   side->lock       Mutex. Held to move @pos and @off, and to join or leave the wait list. Copies
 *                    are made under it with page faults disabled, so that no task sleeps with it:
 *                    not for room, not for data, not for a page of user memory. It is held for one
 *                    batch at most, see "Bounds of the work under a lock", so that a
 *                    non-blocking call can take it. Reads and writes take their own side's, so no
 *                    reader waits for a writer's copy. A task that needs both, to shut down or
 *                    change the queue or to drop what is queued, takes the producers' first.
 *   side->wait_lock  Spinlock, inside either side's mutex. The wait list changes under both locks
 *                    of the side; so the side reads it under the mutex, and a task that wakes the
 *                    head reads it under the spinlock. @wanted is written under the spinlock,
 *                    @no_bypass under the mutex; both are read without.
 *   q->set_lock      Mutex, outside of all others: serializes changes of the settings, which
 *                    allocate memory. A non-blocking call only tries to take it.
 *   q->drain_lock    Spinlock, inside the consumers' mutex: protects the callers of fsync.
 *   bbuf_restart_lock  Spinlock, inside the consumers' mutex or none: see restart.c.
 *   side->poll.lock  Of the wait queue; taken inside a mutex or none, not inside a spinlock.
 *
 * The wait list
 *
 *   Mostly it is empty, and there are enough bytes for the call, which then proceeds at once:
 *   bbuf_side_spare().
 *
 *   Otherwise the call joins the wait list and sleeps. Only the head waiter may proceed, and only
 *   the head waiter is woken: by the peer that made what it needs, or is about to
 *   (bbuf_side_wake_head()), or by the previous head when it leaves. It stays at the head
 *   until it is served or gives up (a signal), so that the order is kept; and one event wakes one
 *   task.
 *
 *   Before a waiter sleeps it checks whether a task of the other side holds its lock, and spins
 *   until that is done, but no longer than a sleep and a wake-up would take:
 *   bbuf_side_spin_on_peer().
 *
 *   A waiter that was woken takes a while to run. Another call that runs meanwhile, and finds
 *   enough bytes beyond those that the head may take, bypasses the waiters: the head is served no
 *   later, and the call need not sleep, and be woken for each record again. So that it is not
 *   always the running task that is served, at most half of the capacity bypasses each head that
 *   waits for the same processor, and at most the capacity one that waits for another:
 *   bbuf_side_spare_to_bypass().
 *
 *   A non-blocking call never joins the wait list to sleep. It may bypass the waiters, but each
 *   head waiter only once; then side->no_bypass is set until that waiter leaves: non-blocking
 *   calls get EAGAIN, and poll reports the side as not ready. So they can't starve the waiters. A
 *   bypass may take the bytes that the head was woken for; that waiter keeps its position, and
 *   sleeps again.
 *
 *   A call that must sleep in the middle of a transfer, because it writes more than the capacity,
 *   because it copies more than a batch, or because a page of user memory is missing, goes to the
 *   head of the wait list, and may not be bypassed. There it owns the side without any lock: all
 *   other calls queue up behind it, or get EAGAIN. While it has copied a part the side is @busy as
 *   well: the ring must not be changed under it. But no task writes to the ring without the lock,
 *   or reads from it while it waits for a page of user memory. So a call whose page does not
 *   arrive can be removed from the wait list, when its deadline passes or the queue ends, and
 *   finds out when it takes the lock again: bbuf_side_expire(), bbuf_side_end_waiters().
 *
 *   A reader that leases or peeks does not even stay in the wait list for that: it leaves, has its
 *   pages faulted in, and tries again: bbuf_waiter.yields.
 *
 *   A change of the capacity copies what is queued into another ring. It goes to the head of both
 *   wait lists, before a call that is between two pieces, and both sides are @busy while it copies
 *   without a lock: bbuf_queue_resize().
 *
 * Why no wake-up is lost
 *
 *   A waiter first publishes that it is waiting, then checks the position. A mover first publishes
 *   the position, then checks for watchers. A full barrier separates the two steps of each:
 *
 *     CPU 0: waiter, bbuf_side_wait()           CPU 1: mover, bbuf_queue_advance()
 *
 *     side->wanted = need;                      side->peer->pos += bytes;
 *     smp_mb();    (B)                          smp_mb();    (A)
 *     if (side->peer->pos has too little)       if (side->wanted)
 *             sleep;                                    wake the head waiter;
 *
 *   The outcome that cannot happen: CPU 0 reads the old position, and CPU 1 reads 0 from @wanted.
 *   The waiter would sleep although there are enough bytes.
 *
 *     (A) in bbuf_side_notify(), bbuf_side_recheck_pollers() and bbuf_holder_wake(): the
 *         position, or what else has changed, is published; then @wanted, @poll, @fasync and
 *         @drains, or the wait queue of the holder, are read.
 *     (B) in bbuf_side_wait(), bbuf_side_wake_next(), bbuf_queue_poll(), bbuf_queue_fasync(),
 *         bbuf_queue_drain() and bbuf_holder_wait(): @wanted is set, @no_bypass cleared, or @poll,
 *         @fasync, @drains or the wait queue of the holder joined; then the position is read.
 *
 *   The head waiter, once woken, checks again under the mutex before it sleeps. @wanted is 0 until
 *   then, or until another head joined and left before it; one wake-up too many costs it one
 *   check. A waiter that leaves, whatever the reason, does (B) for the next one: a wake-up that
 *   reached a task that gave up is passed on.
 *
 *   At a shutdown or destruction all waiters are removed from the wait list, not only the head: it
 *   may be transferring data for any time: bbuf_side_end_waiters().
 *
 *   As many exclusive pollers are woken as the moved bytes can serve: bbuf_side_count_servable().
 *
 *   The bytes themselves are ordered by a second pair:
 *
 *     (C) copy, then store-release of @pos: bbuf_queue_advance(), bbuf_leases_free_room()
 *     (D) load-acquire of the peer's @pos, then copy: bbuf_side_avail()
 *
 * Bounds of the work under a lock
 *
 *   Each time that a side's lock is taken, at most BBUF_LOCKED_BATCH bytes are copied, or
 *   BBUF_LOCKED_RECORDS records or entries handled; then it is dropped, and the queue is as
 *   consistent as after any call. Memory is freed without a lock. The tracepoint bbuf_batch
 *   reports the amount. All loops whose length a user controls:
 *
 *     copying a long record, a long write, read or peek    a batch; in between the call is the
 *                                        head waiter, busy: bbuf_side_copy()
 *     records with frames, written or read                 a batch, then published
 *     copying to another ring                              no lock; both sides busy
 *     dropping the oldest for a long record                a batch, then the producer pauses
 *     flushing the ring                                    one step, whatever its size
 *     flushing requeued records                            a batch, bbuf_leases_flush()
 *     leasing with frames, or tokens                       a batch, and the read returns
 *     settling all leases of a file, closing it            a batch, bbuf_settle_batch(),
 *                                                          bbuf_holder_return()
 *     leases that expire                                   a batch, then the work runs again
 *     peeking at requeued tokens                           a batch, and no more are returned
 *     ending waiters                                       a batch, bbuf_side_end_waiters()
 *     waking callers of fsync      BBUF_LOCKED_WAKES; each of them wakes more
 *     settling or granting one lease            O(log n) in the leases of the queue, or the file
 *     files of a pool of tokens                 O(log n) in the processes that have it open
 *     pollers, and files with SIGIO             as many exclusive pollers as can be served; the
 *                                               kernel's wait queue wakes all others in one go,
 *                                               as those of a pipe
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/time64.h>

#include "compat.h"
#include "queue.h"
#include "trace.h"

/* About what the longest copy under a lock takes, and less than a wake-up. */
#define BBUF_SPIN_NS	(50 * NSEC_PER_USEC)

/**
 * struct bbuf_drainer - a call that waits until a position has been read
 * @node: node in bbuf_queue.drains
 * @target: position that the consumers must reach, in bytes since the queue was created: on 32-bit
 *          kernels its lower half compares with their @pos
 * @reached: completed when they have reached it, or never will
 */
struct bbuf_drainer {
	struct rb_node node;
	u64 target;
	struct completion reached;
};

/* A head that transfers data is not waiting: it has what it needs. */
static bool bbuf_side_head_waits(const struct bbuf_side *side)
{
	return !list_empty(&side->wait_list) && !READ_ONCE(side->busy);
}

/*
 * Check whether a call that needs @need bytes can proceed, or could with @upcoming more.
 *
 * Besides, a side that has ended never waits, nor does a producer that may drop what is queued.
 * Consumers with a read mark take less as soon as a producer waits for room, or was refused for
 * want of it: otherwise the two could wait for each other.
 */
static bool bbuf_side_can_move(const struct bbuf_side *side, size_t need, size_t upcoming)
{
	size_t avail;

	/* Acquire: the position that is read next is the final one. */
	if (smp_load_acquire(&side->ended))
		return true;
	if (!bbuf_side_is_producer(side) && READ_ONCE(side->queue->lease_full))
		return false;
	avail = bbuf_side_avail(side);
	if (avail + upcoming >= need)
		return true;
	if (bbuf_side_is_producer(side))
		return READ_ONCE(side->queue->policy) & BBUF_DROP_OLDEST;
	return avail && (bbuf_side_head_waits(side->peer) ||
			 READ_ONCE(side->peer->short_of_room) ||
			 READ_ONCE(side->peer->ended));
}

/* Check whether a non-blocking call would find something to do. */
static bool bbuf_side_is_ready(const struct bbuf_side *side)
{
	return !READ_ONCE(side->no_bypass) && bbuf_side_can_move(side, READ_ONCE(side->mark), 0);
}

/* Get the events that poll reports. */
static __poll_t bbuf_side_events(const struct bbuf_side *side)
{
	__poll_t events = bbuf_side_is_ready(side) ? side->events : 0;
	u32 state = READ_ONCE(side->queue->state);

	if (state & BBUF_DESTROYED)
		return EPOLLHUP | EPOLLERR;
	if (bbuf_side_is_producer(side))
		return READ_ONCE(side->ended) ? EPOLLERR : events;
	if (READ_ONCE(side->peer->ended))
		events |= EPOLLRDHUP;
	/* Acquire: read @ended before the position. */
	if (smp_load_acquire(&side->ended) && !bbuf_side_avail(side))
		events |= side->events | EPOLLRDHUP | EPOLLHUP;
	return events;
}

static struct bbuf_waiter *bbuf_side_head(struct bbuf_side *side)
{
	return list_first_entry_or_null(&side->wait_list, struct bbuf_waiter, node);
}

/* A record that is longer than a reduced capacity will never be queued. */
static bool bbuf_waiter_is_too_long(const struct bbuf_side *side, const struct bbuf_waiter *waiter)
{
	return bbuf_side_is_producer(side) && side->queue->type == BBUF_RECORD &&
	       waiter->len > side->window;
}

/*
 * Wake the task of a waiter. @wait_lock is held, or the mutex of the side: without them the waiter
 * cannot leave the wait list, and return.
 */
static void bbuf_waiter_wake(struct bbuf_waiter *waiter)
{
	WRITE_ONCE(waiter->woken, true);
	wake_up_process(waiter->task);
}

/**
 * bbuf_side_wake_head() - wake the head waiter if it sleeps and can proceed
 * @side: the side
 * @upcoming: bytes of room, or of data, that are about to be added; 0 if they have been added
 *
 * A task that makes a long copy under the lock calls this first, with @upcoming: the waiter wakes
 * up meanwhile, and spins for the rest. This only saves time: bbuf_side_notify() must follow as
 * usual when the bytes are there. If they never are, the waiter was woken for nothing.
 */
void bbuf_side_wake_head(struct bbuf_side *side, size_t upcoming)
{
	size_t wanted = READ_ONCE(side->wanted);	/* (A), if something has changed */

	if (!wanted || !bbuf_side_can_move(side, wanted, upcoming))
		return;

	spin_lock(&side->wait_lock);
	if (side->wanted && bbuf_side_can_move(side, side->wanted, upcoming)) {
		WRITE_ONCE(side->wanted, 0);
		bbuf_waiter_wake(list_first_entry(&side->wait_list, struct bbuf_waiter, node));
		trace_bbuf_wake(side->queue, bbuf_side_is_producer(side));
	}
	spin_unlock(&side->wait_lock);
}

/*
 * Get the number of exclusive pollers that @bytes and @records more can serve. It is not known how
 * much of a stream one of them reads, so that is one, unless there is a read mark, or tokens.
 */
static int bbuf_side_count_servable(const struct bbuf_side *side, size_t bytes, size_t records)
{
	const struct bbuf_queue *q = side->queue;
	size_t mark = READ_ONCE(side->mark), avail, n = 1;

	if (bytes == SIZE_MAX)
		return INT_MAX;		/* any number of events may have been missed */
	if (bbuf_side_is_producer(side)) {
		avail = bbuf_side_avail(side);
		n = max(records, avail / mark - (avail - min(avail, bytes)) / mark);
	} else if (q->type == BBUF_RECORD) {
		n = records;
	} else if (q->leases) {
		n = bytes;
	} else if (mark > 1) {
		n = bytes / mark;
	}
	return clamp_t(size_t, n, 1, INT_MAX);
}

/*
 * An exclusive poller of a file that may not lease more, or whose refused write needs more room
 * than the mark, cannot use the wake-up, and would swallow one that another poller needs; io_uring
 * moreover trusts the key. If there may be such files, all pollers are woken, if possible without a
 * key, and each checks for itself.
 */
static bool bbuf_side_has_picky_files(const struct bbuf_side *side)
{
	const struct bbuf_queue *q = side->queue;

	if (bbuf_side_is_producer(side))
		return atomic_read(&q->picky_files) || READ_ONCE(q->mark_lowered);
	return READ_ONCE(q->full_files) || READ_ONCE(q->full_stale);
}

static void bbuf_side_wake_poll_queue(struct bbuf_side *side, __poll_t events, int n)
{
	if (!bbuf_side_has_picky_files(side))
		__wake_up(&side->poll, TASK_INTERRUPTIBLE, n, poll_to_key(events));
	/* A file may have become picky before its poller was woken. */
	if (bbuf_side_has_picky_files(side))
		__wake_up(&side->poll, TASK_INTERRUPTIBLE, 0, bbuf_doubtful_key(events));
}

/**
 * bbuf_side_wake_pollers() - wake tasks outside of the wait list: poll, epoll, io_uring, SIGIO
 * @side: the side; a full barrier, (A) or (B), separates the change from this call
 * @bytes: bytes of room, or of data, that were added; SIZE_MAX if unknown
 * @records: the same in records
 */
void bbuf_side_wake_pollers(struct bbuf_side *side, size_t bytes, size_t records)
{
	/* Follows the full barrier of the caller, (A) or (B). */
	bool polled = waitqueue_active(&side->poll);
	__poll_t events;

	if (!polled && !READ_ONCE(side->fasync))
		return;
	events = bbuf_side_events(side);
	if (!events)
		return;
	if (READ_ONCE(side->ended))
		wake_up_interruptible_all(&side->poll);	/* EOF is for every poller */
	else if (polled)
		bbuf_side_wake_poll_queue(side, events,
					  bbuf_side_count_servable(side, bytes, records));
	kill_fasync(&side->fasync, SIGIO, side->band);
}

/* Wake pollers for all bytes that there are: none of them may know of any. */
static void bbuf_side_wake_all_pollers(struct bbuf_side *side)
{
	const struct bbuf_queue *q = side->queue;
	u64 records = 0;

	if (!bbuf_side_is_producer(side))
		records = READ_ONCE(q->producer.records) - READ_ONCE(side->records);
	/* Read at different times the counts may be wrong, but not too small. */
	bbuf_side_wake_pollers(side, bbuf_side_avail(side), min_t(u64, records, INT_MAX));
}

/**
 * bbuf_side_recheck_pollers() - make pollers of a side check their files again
 * @side: the side
 *
 * For changes of what poll reports of one file, whatever the side itself is ready for. Sends SIGIO
 * as well.
 */
void bbuf_side_recheck_pollers(struct bbuf_side *side)
{
	/* (A) pairs with (B) in bbuf_queue_poll(): the state of the file, then its pollers. */
	if (wq_has_sleeper(&side->poll))
		__wake_up(&side->poll, TASK_INTERRUPTIBLE, 0, bbuf_doubtful_key(side->events));
	kill_fasync(&side->fasync, SIGIO, side->band);
}

/*
 * Prepare to be woken: the head for what it needs. Without this a waiter would not sleep if @woken
 * is of a time before another call went to the head, and would sleep on if @wanted is more than it
 * needs by now. Mostly bbuf_side_join() has done all of it.
 */
static void bbuf_side_want(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	size_t need = bbuf_side_need(side, waiter);
	bool head = bbuf_side_head(side) == waiter;

	if (!READ_ONCE(waiter->woken) && (!head || READ_ONCE(side->wanted) == need))
		return;
	spin_lock(&side->wait_lock);
	WRITE_ONCE(waiter->woken, false);
	if (head)
		WRITE_ONCE(side->wanted, need);
	spin_unlock(&side->wait_lock);
}

/* Add @waiter to the wait list: at the tail, or at the head if it is transferring data. */
static void bbuf_side_join(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	lockdep_assert_held(&side->lock);

	waiter->task = current;
	waiter->woken = false;
	waiter->ticket = side->joined++;
	side->waiters++;
	if (list_empty(&side->wait_list))
		side->bypass_start = side->bytes;
	spin_lock(&side->wait_lock);
	if (waiter->no_bypass) {
		list_add(&waiter->node, &side->wait_list);
		WRITE_ONCE(side->wanted, 0);
	} else {
		if (list_empty(&side->wait_list))
			WRITE_ONCE(side->wanted, bbuf_side_need(side, waiter));
		list_add_tail(&waiter->node, &side->wait_list);
	}
	spin_unlock(&side->wait_lock);
}

/**
 * bbuf_side_hold() - own a side without its lock, until bbuf_side_exit()
 * @side: the side; its lock is held
 * @waiter: the call that may proceed
 */
void bbuf_side_hold(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	lockdep_assert_held(&side->lock);

	waiter->no_bypass = true;
	if (list_empty(&waiter->node))
		bbuf_side_join(side, waiter);
	WRITE_ONCE(side->no_bypass, true);
}

/* Mark the ring as used by the head waiter without the lock: it is neither replaced nor emptied. */
static void bbuf_side_set_busy(struct bbuf_side *side, bool busy)
{
	lockdep_assert_held(&side->lock);

	WARN_ON_ONCE(busy && side->busy);
	WRITE_ONCE(side->busy, busy);
	if (!busy && wq_has_sleeper(&side->queue->idle))
		wake_up(&side->queue->idle);
}

/**
 * bbuf_side_hold_busy() - own a side and its ring without the lock, until bbuf_side_end_busy()
 * @side: the side; its lock is held
 * @waiter: the call that is transferring data
 *
 * As the head waiter it keeps all other calls off, and the ring stays as it is.
 */
void bbuf_side_hold_busy(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	/* Busy first: the waiter must not look as if it waited for the peer. */
	bbuf_side_set_busy(side, true);
	bbuf_side_hold(side, waiter);
}

/**
 * bbuf_side_end_busy() - end the use of the ring without the lock
 * @side: the side; its lock is held again
 * @waiter: the call, after bbuf_side_hold_busy()
 */
void bbuf_side_end_busy(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	if (!waiter->result)	/* otherwise the task that ended it has done so */
		bbuf_side_set_busy(side, false);
}

/**
 * bbuf_side_unlock_busy() - drop the lock of a side, but keep the side
 * @side: the side; its lock is held, and dropped
 * @waiter: the call that is transferring data, for bbuf_side_lock_busy()
 *
 * As the head waiter it keeps all other calls off, and the ring stays as it is.
 */
void bbuf_side_unlock_busy(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	bbuf_side_hold_busy(side, waiter);
	mutex_unlock(&side->lock);
}

/**
 * bbuf_side_lock_busy() - take the lock of a side again
 * @side: the side
 * @waiter: the call, after bbuf_side_unlock_busy()
 *
 * Return: 0 if the transfer may continue; otherwise nothing must be moved, and this is the result
 * of bbuf_waiter_error().
 */
int bbuf_side_lock_busy(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	cond_resched();
	mutex_lock(&side->lock);
	bbuf_side_end_busy(side, waiter);
	return bbuf_waiter_error(side, waiter);
}

/**
 * bbuf_side_pause() - drop the lock for other tasks, but keep the side
 * @side: the side; its lock is held, and dropped in between
 * @waiter: the call that is transferring data
 *
 * No other call bypasses the head waiter. Only a change of the capacity may go first, which takes
 * no longer than copying what is queued: a non-blocking call gives up then.
 *
 * Return: 0 if the call may proceed; -EAGAIN, or the result that it was ended with.
 */
int bbuf_side_pause(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	bbuf_side_hold(side, waiter);
	mutex_unlock(&side->lock);
	cond_resched();
	mutex_lock(&side->lock);
	while (!waiter->result && bbuf_side_head(side) != waiter) {
		if (waiter->nowait)
			return -EAGAIN;
		mutex_unlock(&side->lock);
		wait_event(side->queue->idle, !READ_ONCE(side->busy));
		mutex_lock(&side->lock);
	}
	return waiter->result;
}

/* A refused producer does not wait for room, but consumers must not wait for more data either. */
static void bbuf_side_ask_for_room(struct bbuf_side *side)
{
	if (READ_ONCE(side->peer->mark) == 1 || READ_ONCE(side->short_of_room))
		return;
	WRITE_ONCE(side->short_of_room, true);
	bbuf_side_notify(side->peer, 0, 0);
}

/* Bypass the waiters, without waiting; the head may not be bypassed again. */
static int bbuf_side_bypass(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	struct bbuf_waiter *head;

	lockdep_assert_held(&side->lock);

	if (side->no_bypass)
		return -EAGAIN;
	if (!bbuf_side_can_move(side, bbuf_side_need(side, waiter), 0)) {
		if (bbuf_side_is_producer(side))
			bbuf_side_ask_for_room(side);
		return -EAGAIN;
	}
	head = bbuf_side_head(side);
	if (head) {
		head->no_bypass = true;
		WRITE_ONCE(side->no_bypass, true);
	}
	return 0;
}

/**
 * bbuf_waiter_timeout() - get the time that a call may still sleep
 * @waiter: the call
 *
 * Return: jiffies, for schedule_timeout() and the like.
 */
long bbuf_waiter_timeout(const struct bbuf_waiter *waiter)
{
	u64 now, left;

	if (waiter->deadline == BBUF_NEVER)
		return MAX_SCHEDULE_TIMEOUT;
	now = ktime_get_ns();
	left = waiter->deadline > now ? waiter->deadline - now : 0;
	return min_t(u64, nsecs_to_jiffies64(left), MAX_SCHEDULE_TIMEOUT - 2) + 1;
}

/**
 * bbuf_waiter_is_late() - check whether the deadline of a call has passed
 * @waiter: the call
 *
 * Jiffies may jump, and are coarse: the clock decides.
 *
 * Return: whether it has.
 */
bool bbuf_waiter_is_late(const struct bbuf_waiter *waiter)
{
	return waiter->deadline != BBUF_NEVER && ktime_get_ns() >= waiter->deadline;
}

/**
 * bbuf_waiter_interrupted() - get the error of a call that a signal has interrupted
 * @waiter: the call, which has moved nothing
 *
 * Even with SA_RESTART a handler ends a call that has a deadline; see restart.c.
 *
 * Return: a negative errno.
 */
int bbuf_waiter_interrupted(const struct bbuf_waiter *waiter)
{
	return waiter->deadline == BBUF_NEVER ? -ERESTARTSYS : -ERESTARTNOHAND;
}

/* It was woken, or this processor is needed for something else, or it has spun for too long. */
static bool bbuf_waiter_should_stop_spinning(struct bbuf_waiter *waiter, u64 until)
{
	return READ_ONCE(waiter->woken) || need_resched() || signal_pending(current) ||
	       local_clock() > until;
}

/*
 * The task with the other side's lock is probably copying what the head needs, on another
 * processor. Spinning until it is done takes less than to sleep and be woken. This must not take
 * that lock: it might have to wait for it, and then hold up others. Returns whether the waiter was
 * woken meanwhile.
 */
static bool bbuf_side_spin_on_peer(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	struct mutex *lock = &side->peer->lock;
	u64 until;

	if (num_online_cpus() == 1 || bbuf_side_head(side) != waiter || !mutex_is_locked(lock))
		return READ_ONCE(waiter->woken);
	mutex_unlock(&side->lock);
	until = local_clock() + BBUF_SPIN_NS;
	while (mutex_is_locked(lock) && !bbuf_waiter_should_stop_spinning(waiter, until))
		cpu_relax();
	mutex_lock(&side->lock);
	return READ_ONCE(waiter->woken);
}

/*
 * Sleep until woken, a signal arrives, or @timeout jiffies have passed. The state is set before the
 * look at @woken: a waker sets @woken before it looks at the state.
 *
 * Return: whether it was woken, or -ERESTARTSYS.
 */
static int bbuf_waiter_sleep(const struct bbuf_waiter *waiter, long timeout)
{
	int ret = 0;

	while (timeout && !ret) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(waiter->woken))
			break;
		if (signal_pending(current))
			ret = -ERESTARTSYS;
		else if (timeout == MAX_SCHEDULE_TIMEOUT)
			schedule();
		else
			timeout = schedule_timeout(timeout);
	}
	__set_current_state(TASK_RUNNING);
	return ret ?: READ_ONCE(waiter->woken);
}

/* Sleep until woken, with the lock dropped. */
static int bbuf_side_sleep(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	u64 start = local_clock(), end;
	int ret;

	if (bbuf_side_is_producer(side))
		trace_bbuf_full(side->queue, bbuf_side_need(side, waiter));
	else
		trace_bbuf_empty(side->queue, bbuf_side_need(side, waiter));
	side->blocked++;
	mutex_unlock(&side->lock);
	ret = bbuf_waiter_sleep(waiter, bbuf_waiter_timeout(waiter));
	mutex_lock(&side->lock);
	/* The clocks of two processors may differ a little. */
	end = local_clock();
	if (end > start)
		side->blocked_ns += end - start;

	if (ret > 0 && !waiter->result)
		side->wakeups++;
	if (ret < 0)
		return bbuf_waiter_interrupted(waiter);
	return bbuf_waiter_is_late(waiter) ? -ETIMEDOUT : 0;
}

/* A waiter that is woken for nothing again and again must time out as well. */
static int bbuf_side_spin_or_sleep(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	if (!bbuf_side_spin_on_peer(side, waiter))
		return bbuf_side_sleep(side, waiter);
	return bbuf_waiter_is_late(waiter) ? -ETIMEDOUT : 0;
}

/* Check whether @waiter is at the head, and can proceed with @need bytes. */
static bool bbuf_waiter_may_proceed(struct bbuf_side *side, const struct bbuf_waiter *waiter,
				    size_t need)
{
	return bbuf_side_head(side) == waiter && bbuf_side_can_move(side, need, 0);
}

/* Stay in the wait list until at the head and able to proceed, or ended. */
static int bbuf_side_wait(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	size_t need;
	int ret;

	lockdep_assert_held(&side->lock);

	do {
		if (bbuf_waiter_is_too_long(side, waiter))
			return -EMSGSIZE;
		bbuf_side_want(side, waiter);
		smp_mb();	/* (B) pairs with (A): @wanted, then the position */
		bbuf_side_wake_head(side, 0);
		ret = bbuf_side_spin_or_sleep(side, waiter);
	} while (!ret && !waiter->result &&
		 !bbuf_waiter_may_proceed(side, waiter, bbuf_side_need(side, waiter)));
	if (waiter->result)
		return waiter->result;
	/*
	 * The bytes may have come with the deadline; and a reader prefers less than its mark to
	 * nothing.
	 */
	need = bbuf_side_is_producer(side) ? bbuf_side_need(side, waiter) : 1;
	return ret == -ETIMEDOUT && bbuf_waiter_may_proceed(side, waiter, need) ? 0 : ret;
}

/**
 * bbuf_side_error() - get the error of calls on a side that has ended
 * @side: the side; its lock is held
 *
 * Return: -ENODEV if the queue was destroyed; for producers, -EPIPE if it was shut down; otherwise
 * 0.
 */
int bbuf_side_error(const struct bbuf_side *side)
{
	if (!smp_load_acquire(&side->ended))	/* before the position, see bbuf_side_can_move() */
		return 0;
	if (READ_ONCE(side->queue->state) & BBUF_DESTROYED)
		return -ENODEV;
	return bbuf_side_is_producer(side) ? -EPIPE : 0;
}

/**
 * bbuf_waiter_error() - check whether a call was ended while it dropped the lock
 * @side: the side; its lock is held
 * @waiter: the call
 *
 * Return: 0, BBUF_EOF, or the error of the call.
 */
int bbuf_waiter_error(const struct bbuf_side *side, const struct bbuf_waiter *waiter)
{
	return waiter->result ?: bbuf_side_error(side);
}

/**
 * bbuf_side_enter() - wait until a transfer may proceed
 * @side: the side; its lock is held before and after, also on failure, and dropped for any sleep
 * @waiter: the call
 *
 * Return: 0: the call may proceed, with as many bytes as it needs, or fewer if the side has ended
 * or may drop what is queued. BBUF_EOF: end of file. -EAGAIN, -ETIMEDOUT, -ERESTARTSYS or, with a
 * deadline, -ERESTARTNOHAND (a signal), -EMSGSIZE (a record that is longer than a reduced
 * capacity), or what bbuf_side_error() returns.
 */
int bbuf_side_enter(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	int ret = bbuf_side_error(side);

	if (ret || waiter->result)
		return waiter->result ?: ret;
	if (waiter->nowait) {
		ret = bbuf_side_bypass(side, waiter);
	} else if (!list_empty(&waiter->node)) {
		if (!bbuf_waiter_may_proceed(side, waiter, bbuf_side_need(side, waiter)))
			ret = bbuf_side_wait(side, waiter);
	} else if (!list_empty(&side->wait_list) ||
		   !bbuf_side_can_move(side, bbuf_side_need(side, waiter), 0)) {
		bbuf_side_join(side, waiter);
		if (bbuf_side_is_producer(side))
			bbuf_side_notify(side->peer, 0, 0);	/* they may wait for more data */
		ret = bbuf_side_wait(side, waiter);
	}
	return ret ?: bbuf_side_error(side);
}

/*
 * Bytes to reserve for the head waiter: all that it may take, not just what it needs, so that a
 * bypass never cuts what it gets. A record that it will read counts as one byte, as its length is
 * not known.
 */
static size_t bbuf_side_reservation(const struct bbuf_side *side, const struct bbuf_waiter *head)
{
	return !bbuf_side_is_producer(side) && side->queue->type == BBUF_RECORD ? 1 : head->left;
}

/*
 * Get the number of bytes that may bypass the same head waiter in total. A call that may not bypass
 * sleeps, and leaves this processor to other tasks. That helps a head that waits for this
 * processor: so half of the capacity is enough, or the running tasks would take all of it. A head
 * that waits for another processor would run no sooner, and this one might have nothing to do.
 */
static size_t bbuf_side_bypass_share(const struct bbuf_side *side, const struct bbuf_waiter *head)
{
	size_t capacity = side->queue->producer.window;

	if (task_cpu(head->task) != raw_smp_processor_id())
		return capacity;
	return capacity / 2;
}

/**
 * bbuf_side_spare_to_bypass() - get the number of bytes that may bypass the waiters
 * @side: the side; its lock is held, and its wait list is not empty
 * @avail: bytes that the side may advance by
 *
 * What the head may take is left to it, so that it does not wait longer. Nothing is left to the
 * waiters behind it, which are not woken before it leaves: to leave them something, too, put
 * running calls to sleep for it, each of which had to be woken again. And no more than a share of
 * the capacity bypasses the same head. (With a smaller share, such as the capacity divided by the
 * number of waiters, many sleep and are woken for what a few could do.) Flushed and dropped bytes
 * count as well; a record that is read may exceed the share.
 *
 * Return: bytes of room, or of data.
 */
size_t bbuf_side_spare_to_bypass(struct bbuf_side *side, size_t avail)
{
	const struct bbuf_waiter *head = bbuf_side_head(side);
	u64 bypassed = side->bytes - side->bypass_start;
	size_t reserved = bbuf_side_reservation(side, head);
	size_t share = bbuf_side_bypass_share(side, head);

	if (side->no_bypass || bypassed >= share || avail < reserved)
		return 0;
	return min_t(u64, avail - reserved, share - bypassed);
}

/* Set the number of bytes that the head, which sleeps, is woken for. @wait_lock is held as well. */
static void bbuf_side_set_wanted(struct bbuf_side *side)
{
	struct bbuf_waiter *head = bbuf_side_head(side);
	bool too_long = head && bbuf_waiter_is_too_long(side, head);

	if (too_long)
		bbuf_waiter_wake(head);	/* it leaves, and then wakes the next one */
	WRITE_ONCE(side->wanted, head && !too_long ? bbuf_side_need(side, head) : 0);
}

/* Remove @waiter from the wait list; true if non-blocking calls may bypass again. */
static bool bbuf_side_leave(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	bool was_head = bbuf_side_head(side) == waiter;
	bool had_no_bypass = side->no_bypass;
	struct bbuf_waiter *next;

	lockdep_assert_held(&side->lock);

	side->waiters--;
	spin_lock(&side->wait_lock);
	list_del_init(&waiter->node);
	if (was_head) {
		next = bbuf_side_head(side);
		side->bypass_start = side->bytes;
		bbuf_side_set_wanted(side);
		WRITE_ONCE(side->no_bypass, next && next->no_bypass);
	}
	spin_unlock(&side->wait_lock);
	return had_no_bypass && !side->no_bypass;
}

/* Wake the next waiter if it can proceed; @bypass_allowed is the result of bbuf_side_leave(). */
static void bbuf_side_wake_next(struct bbuf_side *side, bool bypass_allowed)
{
	smp_mb();	/* (B) pairs with (A): @wanted, @no_bypass, then the position */
	bbuf_side_wake_head(side, 0);
	if (bypass_allowed)
		bbuf_side_wake_all_pollers(side);
	/* Writers behind a busy one are waiting now: readers with a mark must not wait as well. */
	if (bbuf_side_is_producer(side) && READ_ONCE(side->peer->mark) > 1 &&
	    !list_empty(&side->wait_list))
		bbuf_side_notify(side->peer, 0, 0);
}

/*
 * Remove a waiter from the wait list, wherever it sleeps. A call that is transferring data, or
 * whose page does not arrive, finds @result when it takes the lock again, and leaves the ring
 * alone.
 */
static bool bbuf_side_remove_waiter(struct bbuf_side *side, struct bbuf_waiter *waiter, int result)
{
	bool bypass_allowed;

	if (side->busy && bbuf_side_head(side) == waiter)
		bbuf_side_set_busy(side, false);
	bypass_allowed = bbuf_side_leave(side, waiter);
	waiter->result = result;
	bbuf_waiter_wake(waiter);
	return bypass_allowed;
}

/* Spared are waiters that joined later, and a reader in the middle of a transfer at EOF. */
static bool bbuf_waiter_is_spared(struct bbuf_side *side, const struct bbuf_waiter *waiter,
				  int result, u64 before)
{
	return waiter->ticket >= before || (waiter->resizes && result != -ENODEV) ||
	       (result == BBUF_EOF && side->busy && waiter == bbuf_side_head(side));
}

/**
 * bbuf_side_end_waiters() - end waiters with a result
 * @side: the side; its lock is held
 * @result: result of the waiters: a negative errno, or BBUF_EOF
 * @before: value of bbuf_side.joined: only waiters that joined before are ended
 *
 * They are removed at once, even one that is transferring data. The caller must notify the side
 * when all are ended, for waiters that joined since.
 *
 * Return: whether some are left: the caller drops the lock, and calls again.
 */
bool bbuf_side_end_waiters(struct bbuf_side *side, int result, u64 before)
{
	struct bbuf_waiter *waiter, *next;
	bool more = false;
	size_t n = 0;

	lockdep_assert_held(&side->lock);

	list_for_each_entry_safe(waiter, next, &side->wait_list, node) {
		if (bbuf_waiter_is_spared(side, waiter, result, before)) {
			if (waiter->no_bypass)
				continue;	/* it may stand before older ones */
			break;
		}
		more = n == BBUF_LOCKED_RECORDS;
		if (more)
			break;
		bbuf_side_remove_waiter(side, waiter, result);
		n++;
	}
	trace_bbuf_batch(side->queue, "end", 0, n);
	return more;
}

/**
 * bbuf_side_expire() - end a call whose deadline passes while a page does not arrive
 * @side: the side; no lock is held
 * @waiter: the call, which exists as long as this runs
 */
void bbuf_side_expire(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	bool bypass_allowed = false;

	mutex_lock(&side->lock);
	if (!list_empty(&waiter->node))
		bypass_allowed = bbuf_side_remove_waiter(side, waiter,
							 waiter->nowait ? -EAGAIN : -ETIMEDOUT);
	mutex_unlock(&side->lock);
	bbuf_side_wake_next(side, bypass_allowed);
}

/**
 * bbuf_side_exit_wait_list() - leave the wait list, and wake the next waiter
 * @side: the side; its lock is held, and dropped
 * @waiter: the call
 */
void bbuf_side_exit_wait_list(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	bool bypass_allowed = bbuf_side_leave(side, waiter);

	waiter->no_bypass = false;	/* if it joins again it goes to the tail */
	mutex_unlock(&side->lock);
	bbuf_side_wake_next(side, bypass_allowed);
}

/* Check whether the bytes were read, or never will be. @drain_lock is held. */
static bool bbuf_drainer_is_done(const struct bbuf_queue *q, const struct bbuf_drainer *d)
{
	if (READ_ONCE(q->state) & BBUF_DESTROYED)
		return true;
	/* Acquire: readers are done with the bytes that fsync reports as read. */
	if (q->leases)
		return atomic64_read_acquire(&q->settled) >= d->target;
	/* The target is at most the capacity ahead. */
	return (long)(smp_load_acquire(&q->consumer.pos) - (unsigned long)d->target) >= 0;
}

/**
 * bbuf_queue_wake_drainers() - wake callers of fsync whose bytes were read, or never will be
 * @q: the queue; a full barrier, (A) or (B), separates the change from this call
 *
 * Wakes at most %BBUF_LOCKED_WAKES of them: each calls this again before it returns.
 */
void bbuf_queue_wake_drainers(struct bbuf_queue *q)
{
	struct bbuf_drainer *d;
	struct rb_node *node;
	unsigned int n = 0;

	/* Follows the full barrier of the caller, (A) or (B). */
	if (RB_EMPTY_ROOT(&q->drains.rb_root))
		return;

	spin_lock(&q->drain_lock);
	while ((node = rb_first_cached(&q->drains))) {
		d = rb_entry(node, struct bbuf_drainer, node);
		if (n++ == BBUF_LOCKED_WAKES || !bbuf_drainer_is_done(q, d))
			break;	/* the targets of the others are larger */
		rb_erase_cached(node, &q->drains);
		RB_CLEAR_NODE(node);
		complete(&d->reached);
	}
	spin_unlock(&q->drain_lock);
}

/**
 * bbuf_queue_update_eof() - update whether consumers see EOF
 * @q: the queue; the consumers' lock is held, and its state, or what is leased, has changed
 *
 * Leased records may be returned, so there is no EOF before they are settled. Where consumers
 * lease, one word holds this: a task that checks without the lock could otherwise find the last
 * record neither queued nor leased while it moves from one to the other. The caller must notify
 * waiters and pollers when it has dropped the lock: see bbuf_queue_end_readers().
 */
void bbuf_queue_update_eof(struct bbuf_queue *q)
{
	struct bbuf_side *side = &q->consumer;
	bool left = q->leases && (q->leased || bbuf_side_avail(side));
	bool ended = q->state & BBUF_DESTROYED || (q->state && !left);

	lockdep_assert_held(&side->lock);

	if (ended == side->ended)
		return;
	/* Release: a task that sees EOF sees the final position, and the state. */
	smp_store_release(&side->ended, ended);
}

/**
 * bbuf_queue_end_readers() - end readers that wait at EOF
 * @q: the queue; no lock is held
 */
void bbuf_queue_end_readers(struct bbuf_queue *q)
{
	struct bbuf_side *side = &q->consumer;
	int result = BBUF_EOF;
	bool more;
	u64 before;

	mutex_lock(&side->lock);
	more = side->ended && !bbuf_side_avail(side);
	before = side->joined;
	if (bbuf_side_error(side))
		result = bbuf_side_error(side);
	while (more) {
		more = bbuf_side_end_waiters(side, result, before);
		mutex_unlock(&side->lock);
		cond_resched();
		mutex_lock(&side->lock);
	}
	mutex_unlock(&side->lock);
}

/**
 * bbuf_side_wake_after_read() - wake callers of fsync, and pollers if only EOF is left
 * @side: the consumers; their lock is held, and a full barrier, (A), separates the read from this
 *        call
 */
void bbuf_side_wake_after_read(struct bbuf_side *side)
{
	struct bbuf_queue *q = side->queue;

	if (!RB_EMPTY_ROOT(&q->drains.rb_root))
		bbuf_queue_wake_drainers(q);
	if (READ_ONCE(side->ended) && !bbuf_side_avail(side))
		bbuf_side_wake_all_pollers(side);	/* the last bytes before EOF */
}

/**
 * bbuf_side_advance() - publish bytes that were copied, and wake the peer's waiters and pollers
 * @side: the side; its lock is held
 * @bytes: bytes that were moved
 * @stored: bytes of the ring that they occupy
 * @records: number of records
 */
void bbuf_side_advance(struct bbuf_side *side, size_t bytes, size_t stored, size_t records)
{
	if (bytes)
		bbuf_queue_advance(side->queue, side, side->peer, bytes, stored, records);
}

static bool bbuf_drainer_less(struct rb_node *node, const struct rb_node *other)
{
	return rb_entry(node, struct bbuf_drainer, node)->target <
	       rb_entry(other, struct bbuf_drainer, node)->target;
}

/* Position behind all that is queued. The consumers' lock is held. */
static u64 bbuf_drain_target(const struct bbuf_queue *q)
{
	if (q->leases)
		return q->ring_pos + bbuf_queue_in_ring(q);
	return q->consumer.bytes + bbuf_side_avail(&q->consumer);
}

/* The consumers' lock keeps their positions consistent. */
static void bbuf_drain_join(struct bbuf_queue *q, struct bbuf_drainer *d, u64 *target, bool again)
{
	mutex_lock(&q->consumer.lock);
	spin_lock(&q->drain_lock);
	if (!again)
		*target = bbuf_drain_target(q);
	d->target = *target;
	rb_add_cached(&d->node, &q->drains, bbuf_drainer_less);
	spin_unlock(&q->drain_lock);
	mutex_unlock(&q->consumer.lock);
}

/**
 * bbuf_queue_drain() - wait until all that is queued now has been read
 * @q: the queue
 * @target: position that the consumers must reach; set, or, with @again, given
 * @again: continue a call that was interrupted
 *
 * Bytes that are queued later do not prolong the wait. Dropped and flushed bytes count as read.
 *
 * Context: process context; sleeps.
 * Return: 0, -ENODEV (the queue was destroyed), or -ERESTARTNOHAND for a signal.
 */
int bbuf_queue_drain(struct bbuf_queue *q, u64 *target, bool again)
{
	struct bbuf_drainer d;
	int ret;

	init_completion(&d.reached);
	bbuf_drain_join(q, &d, target, again);

	smp_mb();	/* (B) pairs with (A) in bbuf_side_notify(): @drains, then position */
	bbuf_queue_wake_drainers(q);
	ret = wait_for_completion_interruptible(&d.reached);

	spin_lock(&q->drain_lock);
	if (!RB_EMPTY_NODE(&d.node))	/* it was not completed */
		rb_erase_cached(&d.node, &q->drains);
	spin_unlock(&q->drain_lock);
	bbuf_queue_wake_drainers(q);	/* many are woken by each other */
	if (ret)
		return -ERESTARTNOHAND;
	return READ_ONCE(q->state) & BBUF_DESTROYED ? -ENODEV : 0;
}

/**
 * bbuf_queue_has_room() - check whether a write that was refused would make progress now
 * @q: the queue
 * @need: bytes of room that it was refused for
 *
 * If not, readers with a read mark are asked to make room.
 *
 * Return: whether it would; also if it would fail at once, as it needs more than the capacity, or
 * the queue was shut down.
 */
bool bbuf_queue_has_room(struct bbuf_queue *q, size_t need)
{
	struct bbuf_side *side = &q->producer;

	if (need > READ_ONCE(side->window))
		need = q->type == BBUF_STREAM;
	if (bbuf_side_can_move(side, need, 0))
		return true;
	bbuf_side_ask_for_room(side);
	return false;
}

/**
 * bbuf_queue_poll() - get the events of a file
 * @q: the queue
 * @file: an open file of it
 * @wait: poll table of the caller
 *
 * Return: the events of the sides that @file is open for.
 */
__poll_t bbuf_queue_poll(struct bbuf_queue *q, struct file *file, poll_table *wait)
{
	__poll_t events = 0;

	if (file->f_mode & FMODE_READ)
		poll_wait(file, &q->consumer.poll, wait);
	if (file->f_mode & FMODE_WRITE)
		poll_wait(file, &q->producer.poll, wait);

	smp_mb();	/* (B) pairs with (A): poll queue, then position and @no_bypass */
	if (file->f_mode & FMODE_READ)
		events |= bbuf_side_events(&q->consumer);
	if (file->f_mode & FMODE_WRITE)
		events |= bbuf_side_events(&q->producer);
	return events;
}

/**
 * bbuf_queue_fasync() - start or stop SIGIO for a file
 * @q: the queue
 * @fd: file descriptor, as passed to the file operation
 * @file: an open file of it
 * @on: whether to start or stop
 *
 * Return: 0 or a negative errno.
 */
int bbuf_queue_fasync(struct bbuf_queue *q, int fd, struct file *file, int on)
{
	int ret = 0;

	if (file->f_mode & FMODE_READ)
		ret = fasync_helper(fd, file, on, &q->consumer.fasync);
	if (ret >= 0 && (file->f_mode & FMODE_WRITE)) {
		ret = fasync_helper(fd, file, on, &q->producer.fasync);
		if (ret < 0 && (file->f_mode & FMODE_READ))
			fasync_helper(-1, file, 0, &q->consumer.fasync);
	}
	smp_mb();	/* (B) pairs with (A): @fasync, then the caller reads the position */
	return min(ret, 0);
}

/**
 * bbuf_queue_ring_size() - get the size of the ring of a queue
 * @q: the queue
 * @capacity: capacity in bytes
 *
 * Return: bytes of memory that its ring needs.
 */
size_t bbuf_queue_ring_size(const struct bbuf_queue *q, size_t capacity)
{
	return q->type == BBUF_RECORD ? bbuf_ring_record_size(capacity) : capacity;
}

static void bbuf_side_set_limits(struct bbuf_side *side, size_t window, size_t mark)
{
	WRITE_ONCE(side->window, window);
	WRITE_ONCE(side->mark, mark);
}

/* The need of the head waiter may have changed. */
static void bbuf_side_update_wanted(struct bbuf_side *side)
{
	spin_lock(&side->wait_lock);
	if (side->wanted)
		bbuf_side_set_wanted(side);
	spin_unlock(&side->wait_lock);
}

/**
 * bbuf_queue_set_limits() - change the capacity and the marks
 * @q: the queue; both sides' locks are held, or it is not in use yet
 * @capacity: capacity in bytes
 * @read_mark: bytes of data at which poll reports readers ready, at most the capacity
 * @write_mark: bytes of room, likewise; 0 for the default: what a non-blocking write takes whole,
 *              but not so much that readers and writers could both have too little
 */
void bbuf_queue_set_limits(struct bbuf_queue *q, size_t capacity, size_t read_mark,
			   size_t write_mark)
{
	size_t before = q->producer.mark;

	q->write_mark = write_mark;
	if (!write_mark)
		write_mark = min_t(size_t, capacity - (read_mark - 1), PIPE_BUF);
	bbuf_side_set_limits(&q->producer, capacity, write_mark);
	bbuf_side_set_limits(&q->consumer, 0, read_mark);
	/*
	 * Pairs with bbuf_file_set_refused(): a file that is being refused is counted, or sees the
	 * mark.
	 */
	smp_mb();
	if (write_mark < before && atomic_read(&q->refused_files))
		WRITE_ONCE(q->mark_lowered, true);
	/* What a writer needs changes with the capacity: bbuf_resize_end() updates that. */
	bbuf_side_update_wanted(&q->consumer);
}

static void bbuf_side_init(struct bbuf_side *side, struct bbuf_queue *q, struct bbuf_side *peer)
{
	side->queue = q;
	side->peer = peer;
	side->limit = &peer->pos;
	spin_lock_init(&side->wait_lock);
	INIT_LIST_HEAD(&side->wait_list);
	init_waitqueue_head(&side->poll);
}

/**
 * bbuf_queue_init() - initialize an empty queue
 * @q: zeroed memory for it
 * @name: name of the queue, for traces; must stay
 * @type: one of enum bbuf_type
 * @capacity: capacity in bytes, 1 to %BBUF_CAPACITY_CEILING
 * @policy: any of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE
 *
 * Its buffer is charged to the memory cgroup of the caller.
 *
 * Return: 0 or -ENOMEM; the caller must call bbuf_queue_uninit() in any case.
 */
int bbuf_queue_init(struct bbuf_queue *q, const char *name, u32 type, size_t capacity, u32 policy)
{
	q->name = name;
	q->type = type;
	q->policy = policy;
	bbuf_ring_init(&q->ring, bbuf_queue_ring_size(q, capacity));
	init_waitqueue_head(&q->idle);
	spin_lock_init(&q->drain_lock);
	q->drains = RB_ROOT_CACHED;

	/* Each mutex_init() stands in a place of its own, for lockdep to tell the mutexes apart. */
	bbuf_side_init(&q->producer, q, &q->consumer);
	mutex_init(&q->producer.lock);
	q->producer.events = EPOLLOUT | EPOLLWRNORM;
	q->producer.band = POLL_OUT;

	bbuf_side_init(&q->consumer, q, &q->producer);
	mutex_init(&q->consumer.lock);
	mutex_init(&q->set_lock);
	q->consumer.events = EPOLLIN | EPOLLRDNORM;
	q->consumer.band = POLL_IN;
	bbuf_queue_set_limits(q, capacity, 1, 0);
	return bbuf_ring_alloc(&q->ring);
}

/**
 * bbuf_queue_uninit() - free a queue, and what is queued
 * @q: the queue; not in use any more, and its leases are freed
 */
void bbuf_queue_uninit(struct bbuf_queue *q)
{
	mutex_destroy(&q->set_lock);
	mutex_destroy(&q->consumer.lock);
	mutex_destroy(&q->producer.lock);
	bbuf_ring_uninit(&q->ring);
}
