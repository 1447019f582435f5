/* SPDX-License-Identifier: GPL-2.0-only */
/* Leases: records that consumers have read, and may not be done with. */
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
 * A queue holds at most one item for each BBUF_BYTES_PER_ITEM bytes of its capacity, but always up
 * to BBUF_ITEMS_MIN: that bounds the memory of short records. See "Memory" in bbuf(4).
 */
#define BBUF_BYTES_PER_ITEM	64
#define BBUF_ITEMS_MIN	4096

/**
 * struct bbuf_leases - the leases of a queue with BBUF_LEASE
 * @queue: the queue; constant
 * @freed: bytes that were consumed, as a position: producers may advance to the capacity beyond it
 * @last_id: id of the newest lease
 * @last_seq: items that were requeued behind all that was queued
 * @items: all items, leased or requeued, ordered by the position at which they were written
 * @requeued: requeued items, in the order in which they will be read
 * @timed: leases with a timeout, ordered by their deadlines
 * @holders: holders of a stream, ordered by their owners
 * @count: number of items
 * @limit: maximum number of items; readers wait while it is reached
 * @requeued_count: items that are in @requeued
 * @records: records that are leased
 * @files: files that hold leases
 * @unblocked: a reader may lease that could not before, and must be woken
 * @returned: records, or bytes of a stream, that were returned
 * @expired: those of them whose lease timed out
 * @dead_lettered: records that were delivered too often, or rejected
 * @dead_lettered_bytes: the same in bytes
 * @timeout: nanoseconds that a lease lasts; 0 for no timeout
 * @max_leases: maximum number of leases of a file
 * @max_deliveries: maximum number of deliveries of a record; 0 for any number
 * @dead_letters: dead-letter queue, or NULL; constant
 * @expiry: work that ends leases that time out
 * @due: time at which @expiry will run, in nanoseconds of CLOCK_MONOTONIC, or BBUF_NEVER
 *
 * All under the consumers' lock; @freed is read without, and @timeout, @max_leases and
 * @max_deliveries by sysfs. What queue.c must know of leases is in struct bbuf_queue.
 */
struct bbuf_leases {
	struct bbuf_queue *queue;
	unsigned long freed;
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
 * @node: node in bbuf_leases.holders, for a stream
 * @leases: leases of this holder, ordered by id; for a stream by byte, then id
 * @count: number of leases, with those on their way to the dead-letter queue; read by poll without
 *         a lock
 * @full: this holder is counted in bbuf_queue.full_files
 * @owner: process that opened the files; NULL for a record queue
 * @files: number of files
 * @wait: for a stream, wait queue of the tasks that wait until they may lease more
 * @admitted: tasks that were woken there, or found no need to wait, and are about to lease
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
 * struct bbuf_item - a record that is leased or requeued, or a byte of a stream
 * @node: node in bbuf_leases.items
 * @held: node in bbuf_holder.leases, while leased
 * @requeued: node in bbuf_leases.requeued, while requeued
 * @link: node in a list of the task that settles it
 * @timed: node in bbuf_leases.timed, or empty
 * @holder: holder of the lease, or NULL
 * @pos: position at which it will be read again
 * @seq: order among items with the same @pos
 * @written_pos: position at which it was written
 * @id: id of the lease
 * @deadline: while in @timed: nanoseconds of CLOCK_MONOTONIC at which it is returned
 * @len: length in bytes
 * @deliveries: number of deliveries so far
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
 * struct bbuf_lease_changes - changes of leases, to wake other tasks for without the lock
 * @consumed_bytes: bytes that were consumed
 * @consumed: items that were consumed
 * @requeued_bytes: bytes that were requeued
 * @requeued: items that were requeued
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
void bbuf_leases_free(struct list_head *items);
struct bbuf_item *bbuf_leases_first_requeued(const struct bbuf_queue *q);
unsigned int bbuf_leases_file_limit(const struct bbuf_leases *leases);
void bbuf_leases_collect_unblocked(struct bbuf_leases *leases, struct bbuf_lease_changes *changes);
void bbuf_leases_arm(struct bbuf_leases *leases, u64 deadline);
u64 bbuf_leases_pick_expired(struct bbuf_leases *leases, struct list_head *items, size_t *n);

void bbuf_lease_grant(struct bbuf_queue *q, struct bbuf_holder *holder, struct bbuf_item *item,
		      size_t stored);
void bbuf_lease_requeue(struct bbuf_queue *q, struct bbuf_item *item, bool last,
			struct bbuf_lease_changes *changes);
void bbuf_lease_consume(struct bbuf_queue *q, struct bbuf_item *item,
			struct bbuf_lease_changes *changes);
void bbuf_item_detach(struct bbuf_leases *leases, struct bbuf_item *item);
void bbuf_holder_track(struct bbuf_leases *leases, struct bbuf_item *item);
void bbuf_holder_pick(struct bbuf_leases *leases, struct bbuf_item *item, struct list_head *items);
bool bbuf_holder_is_full(const struct bbuf_queue *q, const struct bbuf_holder *holder);

#endif /* BBUF_LEASE_H */
