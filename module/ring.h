/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The storage of a queue: a ring of bytes.
 *
 * It knows no lock, no position and no task. Its callers decide where to copy, and make sure that
 * no one else uses that part meanwhile.
 */
#ifndef BBUF_RING_H
#define BBUF_RING_H

#include <linux/bits.h>
#include <linux/fault-inject-usercopy.h>
#include <linux/instrumented.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

/**
 * struct bbuf_ring - storage of a fixed number of bytes
 * @data: the bytes; NULL until bbuf_ring_alloc()
 * @size: size in bytes, any number from 1 up
 */
struct bbuf_ring {
	void *data;
	size_t size;
};

/*
 * The length of a record precedes it, seven bits in each byte, the lowest first; all bytes but the
 * last have the top bit set. So it takes no more bytes than the record itself, and one byte for
 * most.
 */
#define BBUF_LENGTH_BITS	7
#define BBUF_LENGTH_MORE	BIT(BBUF_LENGTH_BITS)

/**
 * struct bbuf_batch_count - amount that is moved together
 * @bytes: bytes of the records
 * @stored: bytes of the ring that they occupy
 * @records: number of records
 */
struct bbuf_batch_count {
	size_t bytes;
	size_t stored;
	size_t records;
};

void bbuf_ring_init(struct bbuf_ring *ring, size_t size);
void bbuf_ring_uninit(struct bbuf_ring *ring);
int bbuf_ring_alloc(struct bbuf_ring *ring);
size_t bbuf_ring_record_size(size_t capacity);
size_t bbuf_ring_put_long_length(struct bbuf_ring *ring, size_t off, size_t len);
size_t bbuf_ring_get_long_length(const struct bbuf_ring *ring, size_t off, size_t *len);
void bbuf_ring_read(const struct bbuf_ring *ring, size_t off, void *to, size_t n);
void bbuf_ring_swap(struct bbuf_ring *a, struct bbuf_ring *b);

/**
 * bbuf_ring_step() - advance an offset, and wrap it
 * @ring: the ring
 * @off: offset to start from, less than the ring's size
 * @n: bytes to advance by, at most the ring's size
 *
 * The size need not be a power of two, so that a queue takes the memory that was asked for and no
 * more: hence offsets are stepped, not masked.
 *
 * Return: the new offset, less than the ring's size.
 */
static inline size_t bbuf_ring_step(const struct bbuf_ring *ring, size_t off, size_t n)
{
	off += n;
	return off < ring->size ? off : off - ring->size;
}

/**
 * bbuf_ring_put_length() - store the length of a record that follows
 * @ring: the ring, with its memory
 * @off: offset in the ring, less than its size
 * @len: length in bytes, at least 1
 *
 * Return: bytes of the ring that the length takes.
 */
static inline size_t bbuf_ring_put_length(struct bbuf_ring *ring, size_t off, size_t len)
{
	u8 *data = ring->data;

	if (len >= BBUF_LENGTH_MORE)
		return bbuf_ring_put_long_length(ring, off, len);
	data[off] = len;
	return 1;
}

/**
 * bbuf_ring_get_length() - load the length of a record
 * @ring: the ring, with its memory
 * @off: offset in the ring where bbuf_ring_put_length() stored it
 * @len: set to the length
 *
 * Return: bytes of the ring that the length takes.
 */
static inline size_t bbuf_ring_get_length(const struct bbuf_ring *ring, size_t off, size_t *len)
{
	const u8 *data = ring->data;

	if (data[off] & BBUF_LENGTH_MORE)
		return bbuf_ring_get_long_length(ring, off, len);
	*len = data[off];
	return 1;
}

/**
 * bbuf_batch_count_add() - add a record to a batch
 * @batch: amount so far
 * @len: bytes of the record
 * @prefix: bytes that its length takes in the ring
 */
static inline void bbuf_batch_count_add(struct bbuf_batch_count *batch, size_t len, size_t prefix)
{
	batch->bytes += len;
	batch->stored += prefix + len;
	batch->records++;
}

/*
 * Copy to or from memory that does not wrap. The iterator knows the direction. bbuf_ring_copy() has
 * checked the end of the memory, which hardened usercopy would look up for each copy.
 */
static inline size_t bbuf_ring_copy_linear(void *data, struct iov_iter *iter, size_t n)
{
	if (iov_iter_rw(iter) == WRITE)
		return _copy_from_iter(data, n, iter);
	return _copy_to_iter(data, n, iter);
}

/**
 * bbuf_ring_copy() - copy bytes between the ring and an iterator
 * @ring: the ring, with its memory
 * @off: offset in the ring to start at, less than its size
 * @iter: source of bytes for the ring, or destination of bytes of the ring
 * @n: bytes to copy, at most the ring's size and the iterator's count
 *
 * Context: as the iterator needs: with user memory it may sleep in a page fault, unless the caller
 * disabled page faults.
 * Return: bytes copied, which the iterator was advanced by; fewer than @n if its memory can't be
 * used further.
 */
static inline size_t bbuf_ring_copy(const struct bbuf_ring *ring, size_t off,
				    struct iov_iter *iter, size_t n)
{
	size_t first, done;

	if (WARN_ON_ONCE(off >= ring->size || n > ring->size))
		return 0;
	first = min(n, ring->size - off);
	done = bbuf_ring_copy_linear(ring->data + off, iter, first);
	if (unlikely(n > first) && done == first)
		done += bbuf_ring_copy_linear(ring->data, iter, n - first);
	return done;
}

/*
 * Copy to or from memory that does not wrap, as copy_from_user() and copy_to_user() do, but for two
 * things. They would look up the end of the memory for each copy, which the caller knows. And they
 * keep a processor from speculating beyond the check of the address, as the bytes could be used as
 * an address or index: here nothing uses them before the return to user space.
 */
static __always_inline bool bbuf_ring_copy_user_linear(void *data, void __user *user, size_t n,
						       bool write)
{
	size_t left;

	if (should_fail_usercopy())
		return false;
	if (write) {
		instrument_copy_from_user_before(data, user, n);
		left = raw_copy_from_user(data, user, n);
		instrument_copy_from_user_after(data, user, n, left);
	} else {
		instrument_copy_to_user(user, data, n);
		left = raw_copy_to_user(user, data, n);
	}
	return !left;
}

/**
 * bbuf_ring_copy_user() - copy bytes between the ring and user memory
 * @ring: the ring, with its memory
 * @off: offset in the ring to start at, less than its size
 * @user: user memory
 * @n: bytes to copy, at most the ring's size
 * @write: whether they are copied into the ring, or out of it
 *
 * Context: as bbuf_ring_copy().
 * Return: whether all bytes were copied. If not, a part of them may have been; or it is not user
 * memory.
 */
static __always_inline bool bbuf_ring_copy_user(const struct bbuf_ring *ring, size_t off,
						void __user *user, size_t n, bool write)
{
	size_t first = ring->size - off;

	if (WARN_ON_ONCE(off >= ring->size || n > ring->size))
		return false;
	/* The VFS has checked it; but without a check here, a mistake would expose all memory. */
	if (unlikely(!access_ok(user, n)))
		return false;
	if (likely(n <= first))
		return bbuf_ring_copy_user_linear(ring->data + off, user, n, write);
	return bbuf_ring_copy_user_linear(ring->data + off, user, first, write) &&
	       bbuf_ring_copy_user_linear(ring->data, user + first, n - first, write);
}

#endif /* BBUF_RING_H */
