// SPDX-License-Identifier: GPL-2.0-only
/*
 * The storage of a queue. See ring.h.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "ring.h"

/**
 * bbuf_ring_init() - make an empty ring, without its memory yet
 * @ring: the ring
 * @size: its size in bytes, at least 1
 */
void bbuf_ring_init(struct bbuf_ring *ring, size_t size)
{
	ring->data = NULL;
	ring->size = size;
}

/**
 * bbuf_ring_uninit() - free what bbuf_ring_alloc() took
 * @ring: the ring; nobody uses it any more
 */
void bbuf_ring_uninit(struct bbuf_ring *ring)
{
	kvfree(ring->data);
}

/**
 * bbuf_ring_alloc() - see to it that the ring has its memory
 * @ring: the ring
 *
 * Any number of tasks may call this at once; the first to finish gives the ring
 * its memory. That is charged to the memory cgroup of the caller, whose limit
 * makes it fail.
 *
 * Context: process context; may sleep for memory, holds no lock.
 * Return: 0, or -ENOMEM.
 */
int bbuf_ring_alloc(struct bbuf_ring *ring)
{
	void *data;

	if (likely(READ_ONCE(ring->data)))
		return 0;

	data = kvmalloc(ring->size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!data)
		return -ENOMEM;
	if (cmpxchg(&ring->data, NULL, data))
		kvfree(data);	/* another task was first */
	return 0;
}

/* One stretch of memory that does not wrap. The iterator knows the direction. */
static size_t bbuf_ring_copy_span(void *data, struct iov_iter *iter, size_t n)
{
	if (iov_iter_rw(iter) == WRITE)
		return copy_from_iter(data, n, iter);
	return copy_to_iter(data, n, iter);
}

/**
 * bbuf_ring_copy() - copy bytes between the ring and an iterator
 * @ring: the ring, with its memory
 * @off: offset in the ring to start at, less than its size
 * @iter: a source, whose bytes go into the ring, or a destination, that takes
 *        them from there
 * @n: bytes to copy, no more than the ring's size or the iterator's count
 *
 * Context: as the iterator needs: with user memory it may sleep in a page fault,
 * unless the caller disabled those.
 * Return: bytes copied; fewer than @n where the iterator's memory can't be used
 * further. The iterator has moved on by as many.
 */
size_t bbuf_ring_copy(const struct bbuf_ring *ring, size_t off, struct iov_iter *iter, size_t n)
{
	size_t first = min(n, ring->size - off);
	size_t done = bbuf_ring_copy_span(ring->data + off, iter, first);

	if (done == first && n > first)
		done += bbuf_ring_copy_span(ring->data, iter, n - first);
	return done;
}
