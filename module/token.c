// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tokens: the bytes of a stream whose consumers lease. A token is returned by writing it back, to
 * any file of the process; and a reader that has all the tokens that it may have waits until one of
 * them is written back.
 */
#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "io.h"
#include "lease.h"
#include "token.h"

/* Tokens that are handled together when they are written back. */
#define BBUF_TOKEN_BATCH	64

/*
 * Wake a task that waits until its holder, of which a file is open, may lease more: there are fewer
 * leases now, or a higher limit. That task wakes the next one if there is something left to lease.
 */
static void bbuf_holder_wake(struct bbuf_holder *holder)
{
	/* (A) pairs with (B) in bbuf_holder_wait(): the count, then the wait queue. */
	if (wq_has_sleeper(&holder->wait))
		wake_up_interruptible(&holder->wait);
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

/* The consumers' lock is held. */
static bool bbuf_holder_has_token(const struct bbuf_holder *holder, u8 byte)
{
	return bbuf_holder_token(holder, byte);
}

/* Put a token behind all that is queued, if the holder has leased it. Likewise under the lock. */
static bool bbuf_token_requeue(struct bbuf_queue *q, struct bbuf_holder *holder, u8 byte,
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

/*
 * Requeue the first bytes if they are tokens of the holder, or count those that are not. Returns
 * the number of bytes at the beginning that are alike.
 */
static size_t bbuf_token_requeue_some(struct bbuf_queue *q, struct bbuf_holder *holder,
				      const u8 *bytes, size_t n, bool *leased)
{
	struct bbuf_lease_changes changes = { };
	size_t i = 0;

	mutex_lock(&q->consumer.lock);
	*leased = bbuf_holder_has_token(holder, bytes[0]);
	if (*leased)
		while (i < n && bbuf_token_requeue(q, holder, bytes[i], &changes))
			i++;
	else
		while (i < n && !bbuf_holder_has_token(holder, bytes[i]))
			i++;
	mutex_unlock(&q->consumer.lock);
	if (*leased) {
		bbuf_leases_notify(q, &changes);
		bbuf_holder_wake(holder);
	}
	return i;
}

/* Write some bytes, all of them tokens of the holder or none. */
static ssize_t bbuf_token_write_some(struct bbuf_queue *q, struct bbuf_holder *holder,
				     struct iov_iter *from, struct bbuf_io_opts opts)
{
	u8 bytes[BBUF_TOKEN_BATCH];
	struct kvec vec = { .iov_base = bytes };
	struct iov_iter fresh;
	bool leased = false;
	ssize_t ret;
	size_t n;

	n = copy_from_iter(bytes, min(sizeof(bytes), iov_iter_count(from)), from);
	if (!n)
		return -EFAULT;
	ret = bbuf_token_requeue_some(q, holder, bytes, n, &leased);
	if (!leased) {
		vec.iov_len = ret;
		iov_iter_kvec(&fresh, ITER_SOURCE, &vec, 1, vec.iov_len);
		ret = bbuf_write(q, &fresh, opts);
	}
	iov_iter_revert(from, n - max_t(ssize_t, ret, 0));
	return ret;
}

/**
 * bbuf_token_write() - write to a stream whose consumers lease
 * @q: the queue
 * @holder: holder of the file
 * @from: the bytes
 * @opts: whether and how long to wait
 *
 * Tokens of the holder are requeued behind what is queued: they need no room. Other bytes are new,
 * and are written as to any stream.
 *
 * Context: as bbuf_write().
 * Return: as bbuf_write(); an error after some bytes returns their count.
 */
ssize_t bbuf_token_write(struct bbuf_queue *q, struct bbuf_holder *holder,
			 struct iov_iter *from, struct bbuf_io_opts opts)
{
	ssize_t done = 0, ret = 0;

	while (iov_iter_count(from) && !(done && bbuf_signal_is_pending())) {
		cond_resched();
		if (READ_ONCE(q->state) & BBUF_DESTROYED)
			ret = -ENODEV;
		else if (READ_ONCE(holder->count))
			ret = bbuf_token_write_some(q, holder, from, opts);
		else
			ret = bbuf_write(q, from, opts);
		if (ret <= 0)
			break;
		done += ret;
	}
	return done ?: ret;
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
	return bbuf_waiter_is_late(waiter) ? -ETIMEDOUT : 1;
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
			schedule_timeout(bbuf_waiter_timeout(waiter));
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
