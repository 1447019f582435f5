/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The storage of a queue: bytes in, bytes out, round and round.
 *
 * It knows no lock, no position and no task. Its callers say where to copy, and
 * see to it that nobody else uses that part meanwhile.
 */
#ifndef BBUF_RING_H
#define BBUF_RING_H

#include <linux/types.h>

struct iov_iter;

/**
 * struct bbuf_ring - storage of a fixed number of bytes
 * @data: the bytes; NULL until bbuf_ring_alloc()
 * @size: how many there are, any number from 1 up
 */
struct bbuf_ring {
	void *data;
	size_t size;
};

void bbuf_ring_init(struct bbuf_ring *ring, size_t size);
void bbuf_ring_uninit(struct bbuf_ring *ring);
int bbuf_ring_alloc(struct bbuf_ring *ring);
size_t bbuf_ring_copy(const struct bbuf_ring *ring, size_t off, struct iov_iter *iter, size_t n);
size_t bbuf_ring_record_size(size_t capacity);
size_t bbuf_ring_put_length(struct bbuf_ring *ring, size_t off, size_t len);
size_t bbuf_ring_get_length(const struct bbuf_ring *ring, size_t off, size_t *len);
void bbuf_ring_transfer(const struct bbuf_ring *from, size_t off, size_t n, struct bbuf_ring *to);
void bbuf_ring_swap(struct bbuf_ring *a, struct bbuf_ring *b);

/**
 * bbuf_ring_step() - where one is after going on from an offset
 * @ring: the ring
 * @off: offset to start from, less than the ring's size
 * @n: bytes to go on, no more than the ring's size
 *
 * The size need not be a power of two, so that a queue takes the memory that was
 * asked for and no more: hence offsets are stepped, not masked.
 *
 * Return: the new offset, less than the ring's size.
 */
static inline size_t bbuf_ring_step(const struct bbuf_ring *ring, size_t off, size_t n)
{
	off += n;
	return off < ring->size ? off : off - ring->size;
}

#endif /* BBUF_RING_H */
