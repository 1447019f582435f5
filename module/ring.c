// SPDX-License-Identifier: GPL-2.0-only
/* The storage of a queue. See ring.h. */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ring.h"

/**
 * bbuf_ring_init() - initialize an empty ring, without its memory yet
 * @ring: the ring
 * @size: size in bytes, at least 1
 */
void bbuf_ring_init(struct bbuf_ring *ring, size_t size)
{
	ring->data = NULL;
	ring->size = size;
}

/**
 * bbuf_ring_uninit() - free the memory of a ring
 * @ring: the ring; not in use any more
 */
void bbuf_ring_uninit(struct bbuf_ring *ring)
{
	kvfree(ring->data);
}

/**
 * bbuf_ring_alloc() - allocate the memory of a ring, unless it has it
 * @ring: the ring, which no one else uses
 *
 * The memory is charged to the memory cgroup of the caller, whose limit makes this fail.
 *
 * Context: process context; may sleep for memory.
 * Return: 0, or -ENOMEM.
 */
int bbuf_ring_alloc(struct bbuf_ring *ring)
{
	if (ring->data)
		return 0;
	/* Fail rather than have a process killed for it. */
	ring->data = kvmalloc(ring->size, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	return ring->data ? 0 : -ENOMEM;
}

/**
 * bbuf_ring_record_size() - get the size of a ring for records with their lengths
 * @capacity: bytes of all records together
 *
 * Return: size of the ring in bytes.
 */
size_t bbuf_ring_record_size(size_t capacity)
{
	return 2 * capacity;
}

/**
 * bbuf_ring_put_long_length() - store the length of a record that follows
 * @ring: the ring, with its memory
 * @off: offset in the ring, less than its size
 * @len: length in bytes, at least 1
 *
 * For bbuf_ring_put_length().
 *
 * Return: bytes of the ring that the length takes.
 */
size_t bbuf_ring_put_long_length(struct bbuf_ring *ring, size_t off, size_t len)
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
 * bbuf_ring_get_long_length() - load the length of a record
 * @ring: the ring, with its memory
 * @off: offset in the ring where bbuf_ring_put_length() stored it
 * @len: set to the length
 *
 * For bbuf_ring_get_length().
 *
 * Return: bytes of the ring that the length takes.
 */
size_t bbuf_ring_get_long_length(const struct bbuf_ring *ring, size_t off, size_t *len)
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
 * @to: destination of @n bytes
 * @n: bytes to copy, at most the ring's size
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
 * @a: a ring; other tasks may check its size, and whether it has memory
 * @b: a ring that no one else uses
 */
void bbuf_ring_swap(struct bbuf_ring *a, struct bbuf_ring *b)
{
	struct bbuf_ring old = *a;

	WRITE_ONCE(a->size, b->size);
	WRITE_ONCE(a->data, b->data);
	*b = old;
}
