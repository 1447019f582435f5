// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bounded buffer: who may go, who waits, who is woken, and when it ends.
 *
 * A queue has two sides, producers and consumers, that mirror each other. Each
 * side has a position, the bytes it has moved since the queue was made. Consumers
 * may go on to where the producers are; producers to the capacity beyond where
 * the consumers are. So one side's progress is the other's chance, and everything
 * below is written once, for "the side" and "its peer". (Where what was read may come
 * back, producers may go on to the capacity beyond what never will: lease.c.)
 *
 * Locks
 *
 *   side->lock       Mutex. Held to move @pos and @off and to join or leave the
 *                    line. Copies are made under it with page faults disabled, so
 *                    that nobody ever sleeps with it: not for room, not for data,
 *                    not for a page of user memory. It is held for a batch at the
 *                    most, see "What bounds the work under a lock", so that a call that
 *                    must not wait can take it. Reading and writing take their own side's,
 *                    so no reader waits for a writer's copy. A task that needs both, to end or
 *                    change the queue or to drop what is queued, takes the producers' first.
 *   side->wait_lock  Spinlock, inside either side's mutex. The line of waiters
 *                    changes under both locks of the side; so the side reads it
 *                    under the mutex, and whoever calls the front under the
 *                    spinlock. @wanted is written under the spinlock, @no_bypass
 *                    under the mutex, both are read without.
 *   q->set_lock      Mutex, outside of all others: for who changes what the queue is,
 *                    which takes memory. A call that may not wait only tries it.
 *   q->drain_lock    Spinlock, inside the consumers' mutex: those in fsync.
 *   side->poll.lock  Of the wait queue; inside a mutex or none, not in a spinlock.
 *
 * The line
 *
 *   Mostly there is none, and enough for the call, which then goes at once, see
 *   bbuf_side_spare().
 *
 *   Who can't go on joins the line and sleeps there. Of those only the front may go,
 *   and only the front is ever called: by the peer that made what it needs, or is about to
 *   (bbuf_side_wake_head_for()), or by the one before it when that leaves. It stays in front
 *   until it is served or gives up (a signal), so that order is kept; and one event wakes
 *   one.
 *
 *   Before it sleeps it looks whether the other side is at work, and awaits that, if it is
 *   no longer than to sleep and be called would take.   bbuf_side_spin_on_peer()
 *
 *   It takes a while from being called to being there. Whoever runs meanwhile and finds
 *   enough for itself beyond what all in line may take goes past them: they get theirs
 *   no later, and it need not sleep, to be called for each record again. So that it
 *   doesn't always remain the one who runs, no more than a quarter of the capacity goes
 *   past each front.   bbuf_side_spare_to_bypass()
 *
 *   A call that doesn't wait never joins to sleep. It may go past those who do,
 *   but past each front only once; then that one is firm, and as long as it is in
 *   front the side is closed (@no_bypass is "there is a front, and it is firm"): calls
 *   that don't wait get EAGAIN and poll reports the side as not ready. So they can't
 *   starve the line, and have a fair race with it. When they take what the front
 *   was called for, that was woken for nothing; it keeps its place.
 *
 *   A call that must sleep in the middle of its work, because it writes more than the
 *   capacity, because it copies more than a batch, or because a page of its memory is
 *   missing, goes to the front of the line and is firm at once. Being there it owns the
 *   side without any lock: all others queue up behind it, or get EAGAIN. While it has
 *   copied a part the side is @busy, too: the ring must not be changed under it. But
 *   no task writes to the ring without the lock, nor reads from it while it waits for a
 *   page of user memory. So a call whose page does not come can be thrown out of the
 *   line, when its time is over or the queue ends, and finds out when it has the lock
 *   again.   bbuf_side_expire(), bbuf_side_end_waiters()
 *
 *   A reader that leases, and one that peeks, does not even keep its place then: it
 *   leaves, has its pages faulted in, and comes again.   bbuf_waiter.yields
 *
 *   A change of the capacity copies what is queued into another ring. It goes to the
 *   front of both lines, before a call that is between two pieces, and both sides are
 *   @busy while it copies without a lock.   bbuf_queue_resize()
 *
 * Why no wakeup is lost
 *
 *   Who waits says so first and looks afterwards; who moves goes first and looks
 *   for waiters afterwards. A full barrier stands between the two steps of each,
 *   so at least one of them sees the other:
 *
 *     A  the mover: @pos is published; smp_mb(); then it reads @wanted, @no_bypass,
 *        the poll queue, @fasync and @drains.        bbuf_side_has_watchers()
 *     B  who waits: @wanted is set (or @no_bypass cleared, the poll queue or @drains
 *        joined); smp_mb(); then it reads @pos.      wait(), exit(), poll(), ...
 *
 *   The front, once called, looks again under the mutex before it sleeps, and @wanted
 *   is 0 until then, or until another front came and went before it; being called
 *   once more costs it one look. Whoever leaves the line, whatever the reason, does B
 *   for the next one: a call that reached somebody who gave up is passed on.
 *
 *   When it all ends (shutdown, destroy) everybody in line is taken out of it, not the
 *   front alone: it may be at work, and take its time.   bbuf_side_end_waiters()
 *
 *   Those who poll exclusively are woken in the number that can be served by what has
 *   moved.   bbuf_side_count_servable()
 *
 *   The bytes themselves are ordered by a second pair:
 *
 *     C  copy, then store-release of @pos.           bbuf_side_advance()
 *     D  load-acquire of the peer's @pos, then copy. bbuf_side_avail()
 *
 * What bounds the work under a lock
 *
 *   BBUF_LOCKED_BATCH bytes are copied, or BBUF_LOCKED_RECORDS records or entries are dealt
 *   with, each time that a side's lock is taken; then it is dropped, and the queue is as
 *   consistent as after any call. Memory is freed without a lock. The tracepoint bbuf_batch
 *   tells how much it was. All loops whose length a user decides:
 *
 *     copying a long record, a long write, read or peek    a batch; in between the call is
 *                                        in front, busy    bbuf_side_copy()
 *     records with frames, written or read                 a batch, then published
 *     copying to another ring                              no lock; both sides busy
 *     dropping the oldest for a long record                a batch, then the producer pauses
 *     flushing what is in the ring                         one step, whatever it is
 *     flushing what came back                              a batch, bbuf_leases_flush()
 *     leasing with frames, or tokens                       a batch, and the read returns
 *     settling all leases of a file, closing it            a batch, bbuf_settle_batch(),
 *                                                          bbuf_holder_return()
 *     leases that expire                                   a batch, then the work comes again
 *     peeking at tokens that came back                     a batch, and no more are returned
 *     ending those in line                                 a batch, bbuf_side_end_waiters()
 *     waking those in fsync        BBUF_LOCKED_WAKES; each of them goes on with it
 *     settling one lease, or giving one         O(log n) in the leases of the queue, or the file
 *     files of a pool of tokens                 O(log n) in the processes that have it open
 *     those who poll, or have asked for SIGIO   as many as can be served of those who poll
 *                                               exclusively; all others are told by the kernel's
 *                                               wait queue in one go, as a pipe's are
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/time64.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "lease.h"
#include "queue.h"
#include "trace.h"

/* As long as the longest copy with a lock, mostly, and less than a wakeup takes. */
#define BBUF_SPIN_NS	(50 * NSEC_PER_USEC)

/**
 * struct bbuf_drainer - a call that waits until a position has been read
 * @node: in bbuf_queue.drains
 * @target: position that the consumers must reach, in bytes since the queue was made: the lower
 *          half of it is their @pos on 32-bit kernels
 * @reached: completed when they have, or never will
 */
struct bbuf_drainer {
	struct rb_node node;
	u64 target;
	struct completion reached;
};

/* Work that queues leave to others, who may take their time: on any processor. */
struct workqueue_struct *bbuf_workqueue;

static bool bbuf_side_is_producer(const struct bbuf_side *side)
{
	return side == &side->queue->producer;
}

/* Does its front wait, and is not at work with what it needs? */
static bool bbuf_side_head_waits(const struct bbuf_side *side)
{
	return !list_empty(&side->wait_list) && !READ_ONCE(side->busy);
}

/*
 * Can a call go on that needs so many bytes?
 *
 * Besides, nothing holds up a side that has ended, nor a producer that may drop
 * what is queued; and consumers that would rather have more take what there is as
 * soon as a producer waits for room, or was sent away for want of it, or the two might
 * wait for each other.
 */
static bool bbuf_side_can_move(const struct bbuf_side *side, size_t need)
{
	size_t avail;

	/* Acquire: the position that is read next is the last. */
	if (smp_load_acquire(&side->ended))
		return true;
	if (!bbuf_side_is_producer(side) && READ_ONCE(side->queue->lease_full))
		return false;
	avail = bbuf_side_avail(side);
	if (avail >= need)
		return true;
	if (bbuf_side_is_producer(side))
		return READ_ONCE(side->queue->policy) & BBUF_DROP_OLDEST;
	return avail && (bbuf_side_head_waits(side->peer) ||
			 READ_ONCE(side->peer->short_of_room) ||
			 READ_ONCE(side->peer->ended));
}

/* Would a call that doesn't wait find something to do? This is what poll reports. */
static bool bbuf_side_is_ready(const struct bbuf_side *side)
{
	return !READ_ONCE(side->no_bypass) && bbuf_side_can_move(side, READ_ONCE(side->mark));
}

/* What poll reports. */
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
	/* Acquire: before the position. */
	if (smp_load_acquire(&side->ended) && !bbuf_side_avail(side))
		events |= side->events | EPOLLRDHUP | EPOLLHUP;
	return events;
}

static struct bbuf_waiter *bbuf_side_head(struct bbuf_side *side)
{
	return list_first_entry_or_null(&side->wait_list, struct bbuf_waiter, node);
}

/* A record that a smaller capacity has no place for will never be queued. */
static bool bbuf_waiter_is_too_long(const struct bbuf_side *side, const struct bbuf_waiter *waiter)
{
	return bbuf_side_is_producer(side) && side->queue->type == BBUF_RECORD &&
	       waiter->len > side->window;
}

/**
 * bbuf_side_need() - tell how much a call needs to go on
 * @side: the side
 * @waiter: the call
 *
 * Return: bytes of room, or of data, without which it must wait.
 */
size_t bbuf_side_need(const struct bbuf_side *side, const struct bbuf_waiter *waiter)
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
	/* In pieces, and neither side wakes the other for each byte. */
	return min(waiter->left, max_t(size_t, capacity / 2, 1));
}

/* Could a call that needs so many bytes go on, if there were more? */
static bool bbuf_side_could_move(const struct bbuf_side *side, size_t need, size_t upcoming)
{
	return bbuf_side_can_move(side, need > upcoming ? need - upcoming : 0);
}

/**
 * bbuf_side_wake_head_for() - what the front of the line waits for is about to come
 * @side: the side
 * @upcoming: bytes of room, or of data, that will be added to what there is
 *
 * Wakes the front if it sleeps, and could go on with that. Who makes a long copy with the
 * lock calls first: the other one wakes up meanwhile, and awaits the rest. That is only to
 * be early. Those bytes, too, are to be told of when they are there; and if they don't
 * come after all, it was called for nothing.
 */
void bbuf_side_wake_head_for(struct bbuf_side *side, size_t upcoming)
{
	size_t wanted = READ_ONCE(side->wanted);	/* A, if something has changed */

	if (!wanted || !bbuf_side_could_move(side, wanted, upcoming))
		return;

	spin_lock(&side->wait_lock);
	if (side->wanted && bbuf_side_could_move(side, side->wanted, upcoming)) {
		WRITE_ONCE(side->wanted, 0);
		complete(&bbuf_side_head(side)->woken);
		trace_bbuf_wake(side->queue, bbuf_side_is_producer(side));
	}
	spin_unlock(&side->wait_lock);
}

/* Wake the front of the line if it sleeps and can go on. */
static void bbuf_side_wake_head(struct bbuf_side *side)
{
	bbuf_side_wake_head_for(side, 0);
}

/*
 * How many exclusive pollers can @bytes and @records more serve? How much one of them takes out of
 * a stream is not known, so that is one, unless a read mark or tokens tell.
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
 * An exclusive poller of a file that may lease no more, or whose refused write needs more room
 * than the mark, has no use for being woken, and would swallow what another one needs; and
 * io_uring takes the key's word for it. Where there may be such files all pollers are woken,
 * without a key if that can be, and each looks for itself.
 */
static bool bbuf_side_has_picky_files(const struct bbuf_side *side)
{
	const struct bbuf_queue *q = side->queue;

	if (bbuf_side_is_producer(side))
		return atomic_read(&q->picky_files) || READ_ONCE(q->mark_lowered);
	return q->leases &&
	       (READ_ONCE(q->leases->full) || READ_ONCE(q->leases->full_stale));
}

static void bbuf_side_wake_poll_queue(struct bbuf_side *side, __poll_t events, int n)
{
	if (!bbuf_side_has_picky_files(side))
		__wake_up(&side->poll, TASK_INTERRUPTIBLE, n, poll_to_key(events));
	/* A file may have become one before its poller was woken. */
	if (bbuf_side_has_picky_files(side))
		__wake_up(&side->poll, TASK_INTERRUPTIBLE, 0, bbuf_doubtful_key(events));
}

/* Tell those who don't wait in line: poll, epoll, io_uring, SIGIO. */
static void bbuf_side_wake_pollers(struct bbuf_side *side, size_t bytes, size_t records)
{
	/* After the full barrier of the caller, A or B. */
	bool polled = waitqueue_active(&side->poll);
	__poll_t events;

	if (!polled && !READ_ONCE(side->fasync))
		return;
	events = bbuf_side_events(side);
	if (!events)
		return;
	if (READ_ONCE(side->ended))
		wake_up_interruptible_all(&side->poll);	/* the end is for everybody */
	else if (polled)
		bbuf_side_wake_poll_queue(side, events,
					  bbuf_side_count_servable(side, bytes, records));
	kill_fasync(&side->fasync, SIGIO, side->band);
}

/* All that there is may be new to those who poll. */
static void bbuf_side_wake_all_pollers(struct bbuf_side *side)
{
	const struct bbuf_queue *q = side->queue;
	u64 records = 0;

	if (!bbuf_side_is_producer(side))
		records = READ_ONCE(q->producer.records) - READ_ONCE(side->records);
	/* Read at different times the counts may be wrong, but not too small. */
	bbuf_side_wake_pollers(side, bbuf_side_avail(side), min_t(u64, records, INT_MAX));
}

/* Is there anybody to be called, or told? Here is the barrier of whoever moves. */
static __always_inline bool bbuf_side_has_watchers(struct bbuf_side *side)
{
	smp_mb();	/* A: the change, then waiters; see B */
	return READ_ONCE(side->wanted) || waitqueue_active(&side->poll) ||
	       READ_ONCE(side->fasync);
}

/*
 * Pollers come first: a head that may not be bypassed keeps them off, and tells them of what it
 * leaves. If it were woken first and left at once, they would be told of the same event twice.
 */
static void bbuf_side_wake_watchers(struct bbuf_side *side, size_t bytes, size_t records)
{
	bbuf_side_wake_pollers(side, bytes, records);
	bbuf_side_wake_head(side);
}

/**
 * bbuf_side_notify() - wake those whom a change concerns
 * @side: the side that may wait for it
 * @bytes: of room, or of data, that there are more now; SIZE_MAX if unknown
 * @records: the same in records
 *
 * Wakes the front of its line if that can go on, and as many of those who poll exclusively as
 * can be served by that much more.
 */
void bbuf_side_notify(struct bbuf_side *side, size_t bytes, size_t records)
{
	if (bbuf_side_has_watchers(side))
		bbuf_side_wake_watchers(side, bytes, records);
}

/**
 * bbuf_side_recheck_pollers() - have those who poll for a side, or wait for SIGIO, look again
 * @side: the side
 *
 * For what poll reports of one file, whatever the side itself is ready for.
 */
void bbuf_side_recheck_pollers(struct bbuf_side *side)
{
	/* A: the file's state, then who polls; see B. */
	if (wq_has_sleeper(&side->poll))
		__wake_up(&side->poll, TASK_INTERRUPTIBLE, 0, bbuf_doubtful_key(side->events));
	kill_fasync(&side->fasync, SIGIO, side->band);
}

/*
 * What is to be left for the call? Of records one, whose length is not known. It gets no
 * larger as long as the call waits.
 */
static size_t bbuf_side_reservation(const struct bbuf_side *side, const struct bbuf_waiter *waiter)
{
	return !bbuf_side_is_producer(side) && side->queue->type == BBUF_RECORD ? 1 : waiter->left;
}

/* Take a place in the line, the last or, for who is at work, the first. */
static void bbuf_side_join(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	lockdep_assert_held(&side->lock);

	init_completion(&waiter->woken);
	waiter->ticket = side->joined++;
	side->waiters++;
	if (list_empty(&side->wait_list))
		side->bypass_start = side->bytes;
	waiter->reserved = bbuf_side_reservation(side, waiter);
	side->reserved += waiter->reserved;
	spin_lock(&side->wait_lock);
	if (waiter->no_bypass) {
		list_add(&waiter->node, &side->wait_list);
		WRITE_ONCE(side->wanted, 0);
	} else {
		list_add_tail(&waiter->node, &side->wait_list);
	}
	spin_unlock(&side->wait_lock);
}

/**
 * bbuf_side_hold() - own a side without its lock, until bbuf_side_exit()
 * @side: the side; its lock is held
 * @waiter: the call that may go on
 */
void bbuf_side_hold(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	lockdep_assert_held(&side->lock);

	waiter->no_bypass = true;
	if (list_empty(&waiter->node))
		bbuf_side_join(side, waiter);
	WRITE_ONCE(side->no_bypass, true);
}

/**
 * bbuf_side_set_busy() - say that the front of the line uses the ring without the lock
 * @side: the side; its lock is held
 * @busy: it begins to, or it is done
 *
 * Meanwhile the ring is neither moved nor emptied under it.
 */
void bbuf_side_set_busy(struct bbuf_side *side, bool busy)
{
	lockdep_assert_held(&side->lock);

	WARN_ON_ONCE(busy && side->busy);
	WRITE_ONCE(side->busy, busy);
	if (!busy && wq_has_sleeper(&side->queue->idle))
		wake_up(&side->queue->idle);
}

/**
 * bbuf_side_pause() - let others have the lock, but not the side
 * @side: the side; its lock is held, and dropped in between
 * @waiter: the call that is at work
 *
 * No other call bypasses the head of the line. Only a change of the capacity may go first, which
 * takes no longer than to copy what is queued: a call that must not wait gives up then.
 *
 * Return: 0 if it may go on; -EAGAIN, or how the call was ended.
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

/* A producer won't wait for room, but consumers shall not wait for more data either. */
static void bbuf_side_ask_for_room(struct bbuf_side *side)
{
	if (READ_ONCE(side->peer->mark) == 1 || READ_ONCE(side->short_of_room))
		return;
	WRITE_ONCE(side->short_of_room, true);
	bbuf_side_notify(side->peer, 0, 0);
}

/* Go past those in line, without waiting; the first of them won't be passed again. */
static int bbuf_side_bypass(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	struct bbuf_waiter *head;

	lockdep_assert_held(&side->lock);

	if (side->no_bypass)
		return -EAGAIN;
	if (!bbuf_side_can_move(side, bbuf_side_need(side, waiter))) {
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
 * bbuf_waiter_timeout() - tell how long a call may sleep
 * @waiter: the call
 * @now: nanoseconds of CLOCK_MONOTONIC
 *
 * Return: jiffies, for schedule_timeout() and the like.
 */
long bbuf_waiter_timeout(const struct bbuf_waiter *waiter, u64 now)
{
	u64 left;

	if (waiter->deadline == BBUF_NEVER)
		return MAX_SCHEDULE_TIMEOUT;
	left = waiter->deadline > now ? waiter->deadline - now : 0;
	return min_t(u64, nsecs_to_jiffies64(left), MAX_SCHEDULE_TIMEOUT - 2) + 1;
}

/**
 * bbuf_waiter_interrupted() - tell what a call returns that a signal has woken
 * @waiter: the call, which has moved nothing
 *
 * With SA_RESTART, too, a handler ends a call with a deadline; see restart.c.
 *
 * Return: a negative errno.
 */
int bbuf_waiter_interrupted(const struct bbuf_waiter *waiter)
{
	return waiter->deadline == BBUF_NEVER ? -ERESTARTSYS : -ERESTARTNOHAND;
}

/* It was called, or is wanted elsewhere, or it has taken too long. */
static bool bbuf_waiter_should_stop_spinning(struct bbuf_waiter *waiter, u64 until)
{
	return completion_done(&waiter->woken) || need_resched() || signal_pending(current) ||
	       local_clock() > until;
}

/*
 * Who has the other side's lock probably copies what the front waits for, and on another
 * processor. To be there when it has takes less than to sleep, and to be woken; but not to
 * take that lock: if it had to wait for it, it would be held up there, and then hold up
 * others. Returns whether the call was called meanwhile.
 */
static bool bbuf_side_spin_on_peer(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	struct mutex *lock = &side->peer->lock;
	u64 until;

	if (bbuf_side_head(side) != waiter || !mutex_is_locked(lock) || num_online_cpus() == 1)
		return completion_done(&waiter->woken);
	mutex_unlock(&side->lock);
	until = local_clock() + BBUF_SPIN_NS;
	while (mutex_is_locked(lock) && !bbuf_waiter_should_stop_spinning(waiter, until))
		cpu_relax();
	mutex_lock(&side->lock);
	return completion_done(&waiter->woken);
}

/* Sleep until called, with the lock dropped. */
static int bbuf_side_sleep(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	u64 start = ktime_get_ns(), now;
	long ret;

	if (bbuf_side_is_producer(side))
		trace_bbuf_full(side->queue, bbuf_side_need(side, waiter));
	else
		trace_bbuf_empty(side->queue, bbuf_side_need(side, waiter));
	side->blocked++;
	mutex_unlock(&side->lock);
	ret = wait_for_completion_interruptible_timeout(&waiter->woken,
							bbuf_waiter_timeout(waiter, start));
	mutex_lock(&side->lock);
	now = ktime_get_ns();
	side->blocked_ns += now - start;

	if (ret > 0 && !waiter->result)
		side->wakeups++;
	if (ret < 0)
		return bbuf_waiter_interrupted(waiter);
	/* Jiffies may jump, and are coarse: it is the clock that counts. */
	return now >= waiter->deadline ? -ETIMEDOUT : 0;
}

/* As long as it is called for nothing its time goes on, too. */
static int bbuf_side_spin_or_sleep(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	if (!bbuf_side_spin_on_peer(side, waiter))
		return bbuf_side_sleep(side, waiter);
	return ktime_get_ns() >= waiter->deadline ? -ETIMEDOUT : 0;
}

/* Is it the call's turn, and can it go on with so many bytes? */
static bool bbuf_waiter_may_proceed(struct bbuf_side *side, const struct bbuf_waiter *waiter,
				    size_t need)
{
	return bbuf_side_head(side) == waiter && bbuf_side_can_move(side, need);
}

/* Stay in line, until in front and able to go on, or ended. */
static int bbuf_side_wait(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	size_t need;
	int ret = 0;

	lockdep_assert_held(&side->lock);

	while (!ret && !waiter->result &&
	       !bbuf_waiter_may_proceed(side, waiter, bbuf_side_need(side, waiter))) {
		if (bbuf_waiter_is_too_long(side, waiter))
			return -EMSGSIZE;
		spin_lock(&side->wait_lock);
		reinit_completion(&waiter->woken);
		if (bbuf_side_head(side) == waiter)
			WRITE_ONCE(side->wanted, bbuf_side_need(side, waiter));
		spin_unlock(&side->wait_lock);

		smp_mb();	/* B: wanted, then position; see A */
		bbuf_side_wake_head(side);
		ret = bbuf_side_spin_or_sleep(side, waiter);
	}
	if (waiter->result)
		return waiter->result;
	/* It may have come at the end; and a reader rather has less than it wanted than nothing. */
	need = bbuf_side_is_producer(side) ? bbuf_side_need(side, waiter) : 1;
	return ret == -ETIMEDOUT && bbuf_waiter_may_proceed(side, waiter, need) ? 0 : ret;
}

/**
 * bbuf_side_error() - what a call gets on a side that has ended
 * @side: the side; its lock is held
 *
 * Return: -ENODEV if the queue was destroyed; for producers, -EPIPE if no more is
 * to come; otherwise 0.
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
 * bbuf_waiter_error() - has it ended while a call was at work?
 * @side: the side; its lock is held
 * @waiter: the call
 *
 * Return: 0, BBUF_EOF, or what the call gets.
 */
int bbuf_waiter_error(const struct bbuf_side *side, const struct bbuf_waiter *waiter)
{
	return waiter->result ?: bbuf_side_error(side);
}

/**
 * bbuf_side_enter() - come to where bytes may be moved
 * @side: the side; its lock is held before and after, also on failure, and dropped
 *        for any sleep
 * @waiter: the call
 *
 * Return: 0: the call may go on, with as many bytes as it needs, or fewer if the
 * side has ended or may drop what is queued. BBUF_EOF: no more is to come.
 * -EAGAIN, -ETIMEDOUT, -ERESTARTSYS or, with a deadline, -ERESTARTNOHAND (a signal), -EMSGSIZE
 * (a record that a smaller capacity has no place for), or what bbuf_side_error() says.
 */
int bbuf_side_enter(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	int ret = bbuf_side_error(side);

	if (ret || waiter->result)
		return waiter->result ?: ret;
	if (waiter->nowait) {
		ret = bbuf_side_bypass(side, waiter);
	} else if (!list_empty(&waiter->node)) {
		ret = bbuf_side_wait(side, waiter);
	} else if (!list_empty(&side->wait_list) ||
		   !bbuf_side_can_move(side, bbuf_side_need(side, waiter))) {
		bbuf_side_join(side, waiter);
		if (bbuf_side_is_producer(side))
			bbuf_side_notify(side->peer, 0, 0);	/* it may wait for more */
		ret = bbuf_side_wait(side, waiter);
	}
	return ret ?: bbuf_side_error(side);
}

/**
 * bbuf_side_spare_to_bypass() - how far a side may go past those who wait
 * @side: the side; its lock is held
 * @avail: how far it may go at all
 *
 * What those in line may take is left to them, so that they don't wait longer for it. And
 * no more goes past the same front than a quarter of a full queue: then it is its turn, or
 * those who happen to run would have all of it. (With less, such as its part among all in
 * line, many sleep and are woken for what few could do.) What was flushed or dropped
 * meanwhile counts, too; a record that is read may exceed it.
 *
 * Return: bytes of room, or of data.
 */
size_t bbuf_side_spare_to_bypass(const struct bbuf_side *side, size_t avail)
{
	size_t share = side->queue->producer.window / 4;
	u64 bypassed = side->bytes - side->bypass_start;

	if (side->no_bypass || bypassed >= share || avail < side->reserved)
		return 0;
	return min_t(u64, avail - side->reserved, share - bypassed);
}

/* Set what the front of the line, which sleeps, is woken for. @wait_lock is held, too. */
static void bbuf_side_set_wanted(struct bbuf_side *side)
{
	struct bbuf_waiter *head = bbuf_side_head(side);
	bool too_long = head && bbuf_waiter_is_too_long(side, head);

	if (too_long)
		complete(&head->woken);	/* it leaves, and then the next one is looked at */
	WRITE_ONCE(side->wanted, head && !too_long ? bbuf_side_need(side, head) : 0);
}

/* Leave the line; true if that opens the side again to those who don't wait. */
static bool bbuf_side_leave(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	bool was_head = bbuf_side_head(side) == waiter;
	bool had_no_bypass = side->no_bypass;
	struct bbuf_waiter *next;

	lockdep_assert_held(&side->lock);

	side->waiters--;
	side->reserved -= waiter->reserved;
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

/* Wake the next call if it can go on; @bypass_allowed is the result of bbuf_side_leave(). */
static void bbuf_side_wake_next(struct bbuf_side *side, bool bypass_allowed)
{
	smp_mb();	/* B: wanted and closed, then position; see A */
	bbuf_side_wake_head(side);
	if (bypass_allowed)
		bbuf_side_wake_all_pollers(side);
	/* Writers behind a busy one wait now: readers with a mark must not wait as well. */
	if (bbuf_side_is_producer(side) && READ_ONCE(side->peer->mark) > 1 &&
	    !list_empty(&side->wait_list))
		bbuf_side_notify(side->peer, 0, 0);
}

/*
 * Take a call out of the line, wherever it sleeps. One that is at work, or whose page does not
 * come, sees it when it has the lock again, and leaves the ring alone then.
 */
static bool bbuf_side_remove_waiter(struct bbuf_side *side, struct bbuf_waiter *waiter, int result)
{
	bool bypass_allowed;

	if (side->busy && bbuf_side_head(side) == waiter)
		bbuf_side_set_busy(side, false);
	bypass_allowed = bbuf_side_leave(side, waiter);
	waiter->result = result;
	complete(&waiter->woken);
	return bypass_allowed;
}

/* Is it to be left alone, as it came later, or is to get what it has in hand before the end? */
static bool bbuf_waiter_is_spared(struct bbuf_side *side, const struct bbuf_waiter *waiter,
				  int result, u64 before)
{
	return waiter->ticket >= before || (waiter->resizes && result != -ENODEV) ||
	       (result == BBUF_EOF && side->busy && waiter == bbuf_side_head(side));
}

/**
 * bbuf_side_end_waiters() - end calls that are in line
 * @side: the side; its lock is held
 * @result: how: a negative errno, or BBUF_EOF
 * @before: only those that joined the line before as many had
 *
 * They leave the line at once, also one that is at work. The caller is to notify the side
 * when they are all ended, for those that came since.
 *
 * Return: whether some are left: the caller drops the lock, and comes again.
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
 * bbuf_side_expire() - end a call at work whose time is over while a page does not come
 * @side: the side; no lock is held
 * @waiter: the call, which stays as long as this runs
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
 * bbuf_side_exit_wait_list() - be done with a place in line
 * @side: the side; its lock is held, and dropped
 * @waiter: the call
 */
void bbuf_side_exit_wait_list(struct bbuf_side *side, struct bbuf_waiter *waiter)
{
	bool bypass_allowed = bbuf_side_leave(side, waiter);

	waiter->no_bypass = false;	/* if it comes again it stands behind the others */
	mutex_unlock(&side->lock);
	bbuf_side_wake_next(side, bypass_allowed);
}

/* Has what the call waits for been read, or will it never be? @drain_lock is held. */
static bool bbuf_drainer_is_done(const struct bbuf_queue *q, const struct bbuf_drainer *d)
{
	if (READ_ONCE(q->state) & BBUF_DESTROYED)
		return true;
	/* Acquire: readers are done with what fsync reports as read. */
	if (q->leases)
		return atomic64_read_acquire(&q->leases->settled) >= d->target;
	/* The target is no more than the capacity ahead. */
	return (long)(smp_load_acquire(&q->consumer.pos) - (unsigned long)d->target) >= 0;
}

/**
 * bbuf_queue_wake_drainers() - wake those in fsync whose bytes were read, or never will be
 * @q: the queue; a full barrier, A or B, has followed what has changed
 *
 * No more than %BBUF_LOCKED_WAKES of them: each calls this again before it returns.
 */
void bbuf_queue_wake_drainers(struct bbuf_queue *q)
{
	struct bbuf_drainer *d;
	struct rb_node *node;
	unsigned int n = 0;

	/* After the full barrier of the caller, A or B. */
	if (RB_EMPTY_ROOT(&q->drains.rb_root))
		return;

	spin_lock(&q->drain_lock);
	while ((node = rb_first_cached(&q->drains))) {
		d = rb_entry(node, struct bbuf_drainer, node);
		if (n++ == BBUF_LOCKED_WAKES || !bbuf_drainer_is_done(q, d))
			break;	/* nor those after it */
		rb_erase_cached(node, &q->drains);
		RB_CLEAR_NODE(node);
		complete(&d->reached);
	}
	spin_unlock(&q->drain_lock);
}

/**
 * bbuf_queue_update_eof() - do consumers see the end?
 * @q: the queue; the consumers' lock is held, and its state, or what is leased, has changed
 *
 * What is leased may come back, so they don't before that is settled. There it is one word
 * that says so: who looks without the lock would otherwise find the last record neither
 * queued nor leased while it is on its way. The caller is to tell those who wait or poll, when
 * it has dropped the lock: see bbuf_queue_end_readers().
 */
void bbuf_queue_update_eof(struct bbuf_queue *q)
{
	struct bbuf_side *side = &q->consumer;
	bool left = q->leases && (q->leased || bbuf_side_avail(side));
	bool ended = q->state & BBUF_DESTROYED || (q->state && !left);

	lockdep_assert_held(&side->lock);

	if (ended == side->ended)
		return;
	/* Release: who sees the end sees the last position, and the state. */
	smp_store_release(&side->ended, ended);
}

/**
 * bbuf_queue_end_readers() - end readers that wait although the end has come
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
 * bbuf_side_advance() - publish what has been copied, and tell whom it concerns
 * @side: the side; its lock is held
 * @bytes: that were moved
 * @stored: bytes of the ring that they take
 * @records: that they are
 */
void bbuf_side_advance(struct bbuf_side *side, size_t bytes, size_t stored, size_t records)
{
	struct bbuf_queue *q = side->queue;

	lockdep_assert_held(&side->lock);

	if (!bytes)
		return;
	side->off = bbuf_ring_step(&q->ring, side->off, stored);
	side->bytes += bytes;
	WRITE_ONCE(side->records, side->records + records);
	/* Before the position: who finds too little room with the new one asks anew. */
	if (READ_ONCE(side->peer->short_of_room))
		WRITE_ONCE(side->peer->short_of_room, false);
	/* C: the copy was made before; see D. */
	smp_store_release(&side->pos, side->pos + bytes);

	if (unlikely(bbuf_side_has_watchers(side->peer)))	/* A, also for the drains below */
		bbuf_side_wake_watchers(side->peer, bytes, records);
	if (bbuf_side_is_producer(side)) {
		q->peak = max(q->peak, side->window - bbuf_side_avail(side));
		return;
	}
	if (unlikely(!RB_EMPTY_ROOT(&q->drains.rb_root)))
		bbuf_queue_wake_drainers(q);
	if (READ_ONCE(side->ended) && !bbuf_side_avail(side))
		bbuf_side_wake_all_pollers(side);	/* that was the last: the end has come */
}

static bool bbuf_drainer_less(struct rb_node *node, const struct rb_node *other)
{
	return rb_entry(node, struct bbuf_drainer, node)->target <
	       rb_entry(other, struct bbuf_drainer, node)->target;
}

/* The position behind all that is queued. The consumers' lock is held. */
static u64 bbuf_drain_target(const struct bbuf_queue *q)
{
	if (q->leases)
		return q->leases->ring_pos + bbuf_queue_in_ring(q);
	return q->consumer.bytes + bbuf_side_avail(&q->consumer);
}

/* The consumers' lock keeps where they are in one piece. */
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
 * @target: position that the consumers must reach: set, or with @again given
 * @again: go on with a call that was interrupted
 *
 * What is queued later doesn't prolong it. What is dropped or flushed counts as
 * read.
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

	smp_mb();	/* B: drains, then position; see A */
	bbuf_queue_wake_drainers(q);
	ret = wait_for_completion_interruptible(&d.reached);

	spin_lock(&q->drain_lock);
	if (!RB_EMPTY_NODE(&d.node))	/* it was not completed */
		rb_erase_cached(&d.node, &q->drains);
	spin_unlock(&q->drain_lock);
	bbuf_queue_wake_drainers(q);	/* of many that are woken each wakes some */
	if (ret)
		return -ERESTARTNOHAND;
	return READ_ONCE(q->state) & BBUF_DESTROYED ? -ENODEV : 0;
}

/**
 * bbuf_queue_has_room() - tell whether a write that was refused would do something now
 * @q: the queue
 * @need: bytes without which it was refused
 *
 * If not, readers that would rather have more than there is are asked to make room.
 *
 * Return: whether it would; also if it fails at once, as it needs more than there ever can be, or
 * the end has come.
 */
bool bbuf_queue_has_room(struct bbuf_queue *q, size_t need)
{
	struct bbuf_side *side = &q->producer;

	if (need > READ_ONCE(side->window))
		need = q->type == BBUF_STREAM;
	if (bbuf_side_can_move(side, need))
		return true;
	bbuf_side_ask_for_room(side);
	return false;
}

/**
 * bbuf_queue_poll() - what a file may do without waiting
 * @q: the queue
 * @file: an open file of it
 * @wait: where to be told of changes, as poll gives it
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

	smp_mb();	/* B: poll queue, then position and closed; see A */
	if (file->f_mode & FMODE_READ)
		events |= bbuf_side_events(&q->consumer);
	if (file->f_mode & FMODE_WRITE)
		events |= bbuf_side_events(&q->producer);
	return events;
}

/**
 * bbuf_queue_fasync() - start or stop SIGIO for a file
 * @q: the queue
 * @fd: as the file operation has it
 * @file: an open file of it
 * @on: start, or stop
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
	smp_mb();	/* B: fasync, then the position that the caller reads next; see A */
	return min(ret, 0);
}

/**
 * bbuf_queue_ring_size() - bytes of memory behind a queue
 * @q: the queue
 * @capacity: bytes that it is to hold
 *
 * Return: bytes that its ring needs.
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

/* What the front of the line needs may have changed. */
static void bbuf_side_update_wanted(struct bbuf_side *side)
{
	spin_lock(&side->wait_lock);
	if (side->wanted)
		bbuf_side_set_wanted(side);
	spin_unlock(&side->wait_lock);
}

/**
 * bbuf_queue_set_limits() - change how much is full, and enough
 * @q: the queue; both sides' locks are held, or nobody uses it yet
 * @capacity: bytes that it is to hold
 * @read_mark: bytes of data that poll calls ready, no more than the capacity
 * @write_mark: bytes of room, likewise; 0 for what is usual: what a write that may not
 *              wait is sure to take whole, but never so much that readers and writers
 *              would both have too little
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
	/* A file that is just being refused is counted, or sees the new mark. */
	smp_mb();
	if (write_mark < before && atomic_read(&q->refused_files))
		WRITE_ONCE(q->mark_lowered, true);
	bbuf_side_update_wanted(&q->producer);
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
 * bbuf_queue_init() - make an empty queue
 * @q: zeroed memory for it
 * @name: for traces; stays
 * @type: one of enum bbuf_type
 * @capacity: bytes it can hold, 1 to %BBUF_CAPACITY_CEILING
 * @policy: of BBUF_EOF_ON_CLOSE, BBUF_DROP_OLDEST, BBUF_LEASE
 *
 * Its buffer is charged to the memory cgroup of the caller.
 *
 * Return: 0 or -ENOMEM; bbuf_queue_uninit() is to be called in any case.
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

	/* The mutexes are each made in a place of its own, for lockdep to tell them apart. */
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
 * bbuf_queue_uninit() - free what belongs to a queue, and what is queued
 * @q: the queue; nobody uses it any more
 */
void bbuf_queue_uninit(struct bbuf_queue *q)
{
	bbuf_leases_uninit(q);
	mutex_destroy(&q->set_lock);
	mutex_destroy(&q->consumer.lock);
	mutex_destroy(&q->producer.lock);
	bbuf_ring_uninit(&q->ring);
}
