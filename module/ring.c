// SPDX-License-Identifier: GPL-2.0-only
/*
 * The storage of a queue. See ring.h.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

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
 * @ring: a ring that nobody else uses
 *
 * The memory is charged to the memory cgroup of the caller, whose limit makes this
 * fail.
 *
 * Context: process context; may sleep for memory.
 * Return: 0, or -ENOMEM.
 */
int bbuf_ring_alloc(struct bbuf_ring *ring)
{
	if (ring->data)
		return 0;
	/* Rather fail than have somebody killed for it. */
	ring->data = kvmalloc(ring->size, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	return ring->data ? 0 : -ENOMEM;
}

/**
 * bbuf_ring_record_size() - size of a ring that can hold records with their lengths
 * @capacity: bytes that the records have together
 *
 * Return: its size in bytes.
 */
size_t bbuf_ring_record_size(size_t capacity)
{
	return 2 * capacity;
}

/**
 * bbuf_ring_put_length() - store the length of a record that follows
 * @ring: the ring, with its memory
 * @off: offset in the ring, less than its size
 * @len: the length in bytes, at least 1
 *
 * Return: bytes of the ring that the length takes.
 */
size_t bbuf_ring_put_length(struct bbuf_ring *ring, size_t off, size_t len)
{
	u8 *data = ring->data;
	size_t n = 0;

	do {
		u8 more = len >> BBUF_LENGTH_BITS ? BBUF_LENGTH_MORE : 0;

		data[off] = (len & (BBUF_LENGTH_MORE - 1)) | more;
		off = bbuf_ring_step(ring, off, 1);
		len >>= BBUF_LENGTH_BITS;
		n++;
	} while (len);
	return n;
}

/**
 * bbuf_ring_get_length() - find the length of a record
 * @ring: the ring, with its memory
 * @off: offset in the ring where bbuf_ring_put_length() stored it
 * @len: where to return it
 *
 * Return: bytes of the ring that the length takes.
 */
size_t bbuf_ring_get_length(const struct bbuf_ring *ring, size_t off, size_t *len)
{
	const u8 *data = ring->data;
	unsigned int shift = 0;
	size_t n = 0;
	u8 byte;

	*len = 0;
	do {
		byte = data[off];
		off = bbuf_ring_step(ring, off, 1);
		*len |= (size_t)(byte & (BBUF_LENGTH_MORE - 1)) << shift;
		shift += BBUF_LENGTH_BITS;
		n++;
	} while (byte & BBUF_LENGTH_MORE);
	return n;
}

/**
 * bbuf_ring_read() - copy bytes of a ring to other memory of the kernel
 * @ring: the ring; without its memory if @n is 0
 * @off: offset in it to start at
 * @to: where they go, @n bytes
 * @n: bytes to copy, no more than the ring's size
 */
void bbuf_ring_read(const struct bbuf_ring *ring, size_t off, void *to, size_t n)
{
	size_t first = min(n, ring->size - off);

	if (!n)
		return;
	memcpy(to, ring->data + off, first);
	memcpy(to + first, ring->data, n - first);
}

/**
 * bbuf_ring_swap() - exchange the memory of two rings
 * @a: a ring; others may look whether it has memory, and how much it is to have
 * @b: a ring that nobody else uses
 */
void bbuf_ring_swap(struct bbuf_ring *a, struct bbuf_ring *b)
{
	struct bbuf_ring old = *a;

	WRITE_ONCE(a->size, b->size);
	WRITE_ONCE(a->data, b->data);
	*b = old;
}
