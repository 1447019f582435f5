/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Leases: what consumers have read, and may not be done with.
 */
#ifndef BBUF_LEASE_H
#define BBUF_LEASE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "queue.h"

/*
 * A queue holds at most one item for each BBUF_BYTES_PER_ITEM bytes of its capacity, but may hold
 * BBUF_ITEMS_MIN: that bounds the memory of short records. See "Memory" in bbuf(4).
 */
#define BBUF_BYTES_PER_ITEM	64
#define BBUF_ITEMS_MIN	4096

/**
 * struct bbuf_leases - of a queue with BBUF_LEASE
 * @queue: the queue; constant
 * @freed: bytes that are gone for good, as a position: producers may go to the capacity
 *         beyond it
 * @settled: the position before which all is gone for good
 * @ring_pos: bytes that have left the ring; the position of what is first there
 * @last_id: the newest lease's number
 * @last_seq: how many went behind all that was queued
 * @items: all that is leased or came back, by where it was written
 * @requeued: what came back, by where it is to be read
 * @timed: what is leased for a time only, by when that is over
 * @holders: of a stream, all that lease, by their owners
 * @count: items
 * @limit: most items that there may be; beyond it readers wait
 * @requeued_count: items that are in @requeued
 * @records: that are leased
 * @files: that have leased something
 * @full: files that have leased as much as they may; read by who wakes others without a lock
 * @full_stale: there may be more of them: the limit was changed since they leased; as @full
 * @unblocked: somebody may lease who could not before, and is to be told
 * @returned: records, or bytes of a stream, that came back
 * @expired: how many of them because their time was over
 * @dead_lettered: records that were delivered too often, or rejected
 * @dead_lettered_bytes: the same in bytes
 * @timeout: nanoseconds that a lease lasts; 0 for ever
 * @max_leases: of a file
 * @max_deliveries: of a record; 0 for any number
 * @dead_letters: where those go that are dead, or NULL; constant
 * @expiry: ends what lasts too long
 * @due: when @expiry is to run, in nanoseconds of CLOCK_MONOTONIC, or BBUF_NEVER
 *
 * All under the consumers' lock; @freed and @settled are read without, and @timeout, @max_leases
 * and @max_deliveries by sysfs.
 */
struct bbuf_leases {
	struct bbuf_queue *queue;
	unsigned long freed;
	atomic64_t settled;
	u64 ring_pos;
	u64 last_id;
	u64 last_seq;
	struct rb_root_cached items;
	struct rb_root_cached requeued;
	struct rb_root_cached timed;
	struct rb_root holders;
	size_t count;
	size_t limit;
	size_t requeued_count;
	size_t records;
	size_t files;
	size_t full;
	bool full_stale;
	bool unblocked;
	u64 returned;
	u64 expired;
	u64 dead_lettered;
	u64 dead_lettered_bytes;
	u64 timeout;
	u32 max_leases;
	u32 max_deliveries;
	struct bbuf_queue *dead_letters;
	struct delayed_work expiry;
	u64 due;
};

/**
 * struct bbuf_holder - a file that leases, or the files of a stream that one process opened
 * @node: in bbuf_leases.holders, of a stream
 * @leases: what it has been given: of a stream by their bytes, and then in that order
 * @count: how much that is, with what is on its way to the dead letters; read by poll without
 *         a lock
 * @full: it is one of bbuf_leases.full
 * @owner: who opened it; of a record queue NULL
 * @files: how many there are
 * @wait: of a stream, tasks that wait until they may lease more
 * @admitted: tasks that were woken there, or have looked, and are to lease something now
 *
 * Under the consumers' lock, but for @wait and @admitted.
 */
struct bbuf_holder {
	struct rb_node node;
	struct rb_root_cached leases;
	unsigned int count;
	bool full;
	struct pid *owner;
	unsigned int files;
	wait_queue_head_t wait;
	atomic_t admitted;
};

/**
 * struct bbuf_item - a record that is leased or came back, or a byte of a stream
 * @node: in bbuf_leases.items
 * @held: in bbuf_holder.leases, if it is leased
 * @requeued: in bbuf_leases.requeued, if it came back
 * @link: in a list of the task that settles it
 * @timed: in bbuf_leases.timed, or empty
 * @holder: whose it is; NULL if nobody's
 * @pos: the position at which it is to be read again
 * @seq: what comes first of those with the same @pos
 * @written_pos: the position at which it was written
 * @id: of the lease
 * @deadline: if it is in @timed: nanoseconds of CLOCK_MONOTONIC at which it goes back
 * @len: bytes
 * @deliveries: how often it was given to somebody
 * @data: the bytes
 *
 * Under the consumers' lock; @data is constant.
 */
struct bbuf_item {
	struct rb_node node;
	union {
		struct rb_node held;
		struct rb_node requeued;
		struct list_head link;
	};
	struct rb_node timed;
	struct bbuf_holder *holder;
	u64 pos;
	u64 seq;
	u64 written_pos;
	u64 id;
	u64 deadline;
	u32 len;
	u32 deliveries;
	u8 data[];
};

/**
 * struct bbuf_lease_changes - changes of leases that others are woken for, without the lock
 * @consumed_bytes: bytes that were consumed
 * @consumed: items that were
 * @requeued_bytes: bytes that are queued again
 * @requeued: items that are
 * @unblocked: readers may lease that could not before
 */
struct bbuf_lease_changes {
	size_t consumed_bytes;
	size_t consumed;
	size_t requeued_bytes;
	size_t requeued;
	bool unblocked;
};

int bbuf_leases_init(struct bbuf_queue *q, const struct bbuf_create *create,
		     struct bbuf_queue *dead_letters);
void bbuf_leases_uninit(struct bbuf_queue *q);
void bbuf_leases_set(struct bbuf_queue *q, const struct bbuf_set *set);
void bbuf_leases_info(const struct bbuf_queue *q, struct bbuf_info *info);
size_t bbuf_leases_flush(struct bbuf_queue *q, size_t n, struct list_head *items,
			 struct bbuf_lease_changes *changes);
void bbuf_leases_flush_ring(struct bbuf_queue *q, size_t stored,
			    struct bbuf_lease_changes *changes);
void bbuf_leases_notify(struct bbuf_queue *q, const struct bbuf_lease_changes *changes);
void bbuf_leases_wake_full(struct bbuf_queue *q);
void bbuf_leases_free(struct list_head *items);
struct bbuf_item *bbuf_leases_first_requeued(const struct bbuf_queue *q);

void bbuf_lease_grant(struct bbuf_queue *q, struct bbuf_holder *holder, struct bbuf_item *item,
		      size_t stored);
void bbuf_lease_undo(struct bbuf_queue *q, struct bbuf_holder *holder, u64 id);
long bbuf_lease_settle(struct bbuf_queue *q, struct bbuf_holder *holder,
		       const struct bbuf_settle *settle);
bool bbuf_token_requeue(struct bbuf_queue *q, struct bbuf_holder *holder, u8 byte,
			struct bbuf_lease_changes *changes);
void bbuf_holder_wake(struct bbuf_holder *holder);
bool bbuf_holder_has_token(const struct bbuf_holder *holder, u8 byte);

struct bbuf_holder *bbuf_holder_get(struct bbuf_queue *q);
void bbuf_holder_put(struct bbuf_queue *q, struct bbuf_holder *holder);
bool bbuf_holder_is_full(const struct bbuf_queue *q, const struct bbuf_holder *holder);
int bbuf_holder_wait(struct bbuf_queue *q, struct bbuf_holder *holder,
		     const struct bbuf_waiter *waiter);
void bbuf_holder_end_wait(struct bbuf_queue *q, struct bbuf_holder *holder);

#endif /* BBUF_LEASE_H */
