// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of ring.c, for KUnit.
 */
#include <kunit/test.h>
#include <linux/sizes.h>

#include "ring.c"

/* Small enough to try every offset, both odd and even. */
#define LARGEST	9

/* Bytes to copy, of which neighbours differ. */
static u8 pattern(size_t i)
{
	return i * 7 + 1;
}

static void ring_make(struct kunit *test, struct bbuf_ring *ring, size_t size)
{
	ring->size = size;
	ring->data = kunit_kzalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring->data);
}

static size_t ring_move(const struct bbuf_ring *ring, size_t off, unsigned int direction,
			void *bytes, size_t n)
{
	struct kvec vec = { .iov_base = bytes, .iov_len = n };
	struct iov_iter iter;

	iov_iter_kvec(&iter, direction, &vec, 1, n);
	return bbuf_ring_copy(ring, off, &iter, n);
}

static void steps_stay_inside(struct kunit *test)
{
	struct bbuf_ring ring;
	size_t off, n;

	for (ring.size = 1; ring.size <= LARGEST; ring.size++)
		for (off = 0; off < ring.size; off++)
			for (n = 0; n <= ring.size; n++)
				KUNIT_ASSERT_EQ(test, bbuf_ring_step(&ring, off, n),
						(off + n) % ring.size);
}

/* Copy bytes in and out at one offset, and check that no other byte changes. */
static void copy_there_and_back(struct kunit *test, struct bbuf_ring *ring, size_t off, size_t n)
{
	u8 in[LARGEST], out[LARGEST], *data = ring->data;
	size_t i;

	for (i = 0; i < n; i++)
		in[i] = pattern(i);
	memset(data, 0, ring->size);
	KUNIT_ASSERT_EQ(test, ring_move(ring, off, ITER_SOURCE, in, n), n);
	for (i = 0; i < ring->size; i++)
		KUNIT_ASSERT_EQ(test, data[(off + i) % ring->size], i < n ? pattern(i) : 0);
	KUNIT_ASSERT_EQ(test, ring_move(ring, off, ITER_DEST, out, n), n);
	KUNIT_ASSERT_EQ(test, memcmp(in, out, n), 0);
}

static void copies_wrap_at_every_offset(struct kunit *test)
{
	struct bbuf_ring ring;
	size_t size, off, n;

	for (size = 1; size <= LARGEST; size++) {
		ring_make(test, &ring, size);
		for (off = 0; off < size; off++)
			for (n = 0; n <= size; n++)
				copy_there_and_back(test, &ring, off, n);
	}
}

/* Store a length at every offset, and check how many bytes it takes. */
static void length_there_and_back(struct kunit *test, struct bbuf_ring *ring, size_t len,
				  size_t takes)
{
	size_t off, found;

	for (off = 0; off < ring->size; off++) {
		KUNIT_ASSERT_EQ(test, bbuf_ring_put_length(ring, off, len), takes);
		KUNIT_ASSERT_EQ(test, bbuf_ring_get_length(ring, off, &found), takes);
		KUNIT_ASSERT_EQ(test, found, len);
	}
}

static void lengths_wrap_at_every_offset(struct kunit *test)
{
	struct bbuf_ring ring;
	size_t len, takes;

	ring_make(test, &ring, LARGEST);
	for (len = 1; len < SZ_1K; len++)
		length_there_and_back(test, &ring, len, len < SZ_128 ? 1 : 2);
	for (takes = 1; takes <= 4; takes++) {
		len = (size_t)1 << (BBUF_LENGTH_BITS * takes);
		length_there_and_back(test, &ring, len - 1, takes);
		length_there_and_back(test, &ring, len, takes + 1);
	}
	length_there_and_back(test, &ring, SZ_512M, 5);
}

/* So twice the capacity holds any records. */
static void a_length_takes_no_more_than_its_record(struct kunit *test)
{
	struct bbuf_ring ring;
	size_t len;

	ring_make(test, &ring, LARGEST);
	for (len = 1; len <= SZ_64K; len++)
		KUNIT_ASSERT_LE(test, bbuf_ring_put_length(&ring, 0, len), len);
	KUNIT_ASSERT_EQ(test, bbuf_ring_record_size(1), 2);
}

/* Copy the content of a ring from every offset to the start of a larger or smaller one. */
static void transfers_start_at_every_offset(struct kunit *test)
{
	struct bbuf_ring from, to;
	u8 in[LARGEST];
	size_t off, n;

	for (n = 0; n < LARGEST; n++)
		in[n] = pattern(n);
	ring_make(test, &from, LARGEST);
	for (n = 1; n <= LARGEST; n++) {
		ring_make(test, &to, n);
		for (off = 0; off < from.size; off++) {
			ring_move(&from, off, ITER_SOURCE, in, n);
			memset(to.data, 0, n);
			bbuf_ring_read(&from, off, to.data, n);
			KUNIT_ASSERT_EQ(test, memcmp(to.data, in, n), 0);
		}
	}
}

static void an_empty_ring_needs_no_memory(struct kunit *test)
{
	struct bbuf_ring from, to;

	bbuf_ring_init(&from, 1);
	KUNIT_ASSERT_NULL(test, from.data);
	ring_make(test, &to, 1);
	bbuf_ring_read(&from, 0, to.data, 0);
	bbuf_ring_uninit(&from);
}

static void memory_is_swapped(struct kunit *test)
{
	struct bbuf_ring a, b;

	bbuf_ring_init(&a, 3);
	bbuf_ring_init(&b, 5);
	KUNIT_ASSERT_EQ(test, bbuf_ring_alloc(&b), 0);
	bbuf_ring_swap(&a, &b);
	KUNIT_ASSERT_EQ(test, a.size, 5);
	KUNIT_ASSERT_EQ(test, b.size, 3);
	KUNIT_ASSERT_NOT_NULL(test, a.data);
	KUNIT_ASSERT_NULL(test, b.data);
	bbuf_ring_uninit(&a);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(steps_stay_inside),
	KUNIT_CASE(copies_wrap_at_every_offset),
	KUNIT_CASE(lengths_wrap_at_every_offset),
	KUNIT_CASE(a_length_takes_no_more_than_its_record),
	KUNIT_CASE(transfers_start_at_every_offset),
	KUNIT_CASE(an_empty_ring_needs_no_memory),
	KUNIT_CASE(memory_is_swapped),
	{ }
};

static struct kunit_suite ring_suite = {
	.name = "bbuf_ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("Unit tests of bbuf");
MODULE_LICENSE("GPL");
