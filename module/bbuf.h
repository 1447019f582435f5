/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the module know of each other. They depend one way:
 * main -> registry -> file -> queue -> ring.
 */
#ifndef BBUF_H
#define BBUF_H

#include <linux/cache.h>
#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "ring.h"

/* No queue can be larger, whatever max_capacity says: FIONREAD reports an int. */
#define BBUF_CAPACITY_CEILING	SZ_1G

/**
 * struct bbuf_side - the producers of a queue, or its consumers
 * @lock: held to move @pos and to change the line; never while sleeping for
 *        room, for data or for a page of user memory
 * @pos: bytes moved since the queue was made, free running; written under @lock,
 *       read by the other side without
 * @off: where in the ring @pos is; under @lock
 * @span: how far @pos may be ahead of the peer's: the capacity for producers, 0
 *        for consumers; constant
 * @mark: what poll calls ready: this many bytes of room, or of data; constant
 * @peer: the other side; constant
 * @events: what poll reports of this side when it is ready; constant
 * @band: the same for SIGIO; constant
 * @closed: nobody may go past the front of the line: written under @lock, read by
 *          poll and by wakers without
 * @line_lock: with @lock, held to change the line; alone, to call its front
 * @line: the waiters, in order of arrival
 * @wanted: bytes that the front of the line sleeps for; 0 when nobody needs
 *          calling. Written under @line_lock, read by the other side without
 * @poll: those who poll for this side
 * @fasync: those who asked for SIGIO about it
 *
 * The first part is what the own side writes at each call, the second what the
 * other side looks at: each has cache lines of its own.
 */
struct bbuf_side {
	struct mutex lock;	/* for moving on */
	unsigned long pos;
	size_t off;
	size_t span;
	size_t mark;
	struct bbuf_side *peer;
	__poll_t events;
	int band;

	spinlock_t line_lock ____cacheline_aligned_in_smp;	/* for calling the front */
	bool closed;
	size_t wanted;
	struct list_head line;
	wait_queue_head_t poll;
	struct fasync_struct *fasync;
} ____cacheline_aligned_in_smp;

/**
 * struct bbuf_queue - a bounded FIFO of bytes
 * @producer: those who write
 * @consumer: those who read
 * @ring: where the bytes are
 * @drain_lock: protects @drains
 * @drains: those who wait until what they found queued has been read
 *
 * The rules of its locks stand on top of queue.c.
 */
struct bbuf_queue {
	struct bbuf_side producer;
	struct bbuf_side consumer;
	struct bbuf_ring ring;
	spinlock_t drain_lock;	/* for drains */
	struct list_head drains;
};

void bbuf_queue_init(struct bbuf_queue *q, size_t capacity);
void bbuf_queue_uninit(struct bbuf_queue *q);
ssize_t bbuf_queue_write(struct bbuf_queue *q, struct iov_iter *from, bool nowait);
ssize_t bbuf_queue_read(struct bbuf_queue *q, struct iov_iter *to, bool nowait);
size_t bbuf_queue_used(const struct bbuf_queue *q);
int bbuf_queue_drain(struct bbuf_queue *q);
__poll_t bbuf_queue_poll(struct bbuf_queue *q, struct file *file, poll_table *wait);
int bbuf_queue_fasync(struct bbuf_queue *q, int fd, struct file *file, int on);

/**
 * struct bbuf_node - a queue and its place in /dev
 * @dev: its device, which holds the memory of all of this
 * @cdev: what open() finds
 * @mode: permissions of the node, as chmod(2) takes them
 * @queue: the queue
 */
struct bbuf_node {
	struct device dev;
	struct cdev cdev;
	umode_t mode;
	struct bbuf_queue queue;
};

extern const struct file_operations bbuf_fops;

int bbuf_registry_init(void);
void bbuf_registry_uninit(void);
struct bbuf_node *bbuf_node_create(size_t capacity, umode_t mode);
void bbuf_node_destroy(struct bbuf_node *node);

#endif /* BBUF_H */
