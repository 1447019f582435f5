// SPDX-License-Identifier: GPL-2.0-only
/* Numbers at the ends of their types: lengths, counts, times, capacities. */
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	10000
#define VALID		5000	/* bytes of memory that there are where more is said to be */
#define CALL_MAX	(INT_MAX & ~4095)	/* the kernel moves no more with one call */

NAMED_FIXTURE(extremes, BBUF_STREAM, CAPACITY, 0)

/* Part of a queue's pattern was moved, no more than there is memory for. */
#define ASSERT_MOVED(n)	({						\
	ssize_t __n = (n);						\
									\
	ASSERT_LT(0, __n);						\
	ASSERT_GE(VALID, __n);						\
	__n;								\
})

/* VALID bytes of the pattern, and then no memory, but addresses enough for any length. */
static unsigned char *long_cliff(void)
{
	size_t page = sysconf(_SC_PAGESIZE), valid = (VALID + page - 1) / page * page;
	unsigned char *map = mmap(NULL, valid + CALL_MAX + page, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED || mprotect(map, valid, PROT_READ | PROT_WRITE))
		return NULL;
	pattern_fill(map + valid - VALID, 0, VALID);
	return map + valid - VALID;
}

static const size_t long_lengths[] = { CALL_MAX - 1, CALL_MAX, CALL_MAX + 1, INT_MAX };

TEST_F(extremes, length_beyond_memory_moves_what_is_available)
{
	unsigned char *buf = long_cliff();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(long_lengths); i++) {
		ssize_t n = ASSERT_MOVED(write(self->nb, buf, long_lengths[i]));

		ASSERT_EQ(n, queued(self->nb));
		ASSERT_EQ(n, queue_peek(self->nb, buf, long_lengths[i]));
		ASSERT_EQ(n, read(self->nb, buf, long_lengths[i]));
		ASSERT_TRUE(pattern_matches(buf, 0, n));
		ASSERT_EQ(0, queued(self->nb));
	}
}

#if SIZE_MAX > UINT32_MAX	/* a 32-bit process has no negative lengths */
TEST_F(extremes, negative_length_is_refused)
{
	static const size_t negative[] = { SIZE_MAX, SIZE_MAX - 1, (size_t)SSIZE_MAX + 1 };
	unsigned char *buf = cliff(VALID, 0);
	size_t i;

	ASSERT_EQ(10, put(self->nb, 0, 10));
	for (i = 0; i < ARRAY_SIZE(negative); i++) {
		ASSERT_EQ(-1, write(self->nb, buf, negative[i]));
		ASSERT_EQ(-1, read(self->nb, buf, negative[i]));
	}
	ASSERT_TRUE(take(self->nb, 0, 10));
	ASSERT_EQ(0, queued(self->nb));
}
#endif

TEST_F(extremes, record_beyond_memory_fails_with_EMSGSIZE)
{
	unsigned char *buf = long_cliff();
	size_t i;

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(10, put(self->nb, 0, 10));
	for (i = 0; i < ARRAY_SIZE(long_lengths); i++) {
		ASSERT_FAILS(EMSGSIZE, write(self->nb, buf, long_lengths[i]));
		ASSERT_EQ(10, queue_peek(self->nb, buf, long_lengths[i]));
	}
	ASSERT_EQ(10, read(self->nb, buf, INT_MAX));
	ASSERT_TRUE(pattern_matches(buf, 0, 10));
}

TEST_F(extremes, peek_accepts_any_size)
{
	unsigned char *buf = cliff(VALID, 0);
	struct bbuf_peek peek = { .buffer = (uintptr_t)buf, .size = UINT64_MAX };

	ASSERT_EQ(10, put(self->nb, 7, 10));
	ASSERT_EQ(10, ioctl(self->nb, BBUF_IOC_PEEK, &peek));
	ASSERT_TRUE(pattern_matches(buf, 7, 10));
	peek.size = 1ULL << 32;
	ASSERT_EQ(10, ioctl(self->nb, BBUF_IOC_PEEK, &peek));
	peek.size = 0;
	ASSERT_EQ(0, ioctl(self->nb, BBUF_IOC_PEEK, &peek));
}

/* Together they are far more than one call may move, or a length can say. */
TEST_F(extremes, iovecs_whose_sum_overflows_move_what_is_available)
{
	unsigned char *buf = long_cliff();
	struct iovec iov[IOV_MAX + 1];
	ssize_t n;
	int i;

	for (i = 0; i < IOV_MAX + 1; i++)
		iov[i] = (struct iovec){ buf, INT_MAX };
	n = ASSERT_MOVED(writev(self->nb, iov, IOV_MAX));
	ASSERT_EQ(n, readv(self->nb, iov, IOV_MAX));
	ASSERT_TRUE(pattern_matches(buf, 0, n));
	ASSERT_FAILS(EINVAL, writev(self->nb, iov, IOV_MAX + 1));
	iov[IOV_MAX - 1].iov_len = SIZE_MAX;
	ASSERT_FAILS(EINVAL, writev(self->nb, iov, IOV_MAX));
	ASSERT_FAILS(EINVAL, readv(self->nb, iov, IOV_MAX));
	ASSERT_EQ(0, queued(self->nb));
}

TEST_F(extremes, timeout_of_centuries_does_not_end_early)
{
	static const uint64_t long_times[] = {
		UINT64_MAX, UINT64_MAX - 1, (uint64_t)INT64_MAX + 1, INT64_MAX,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(long_times); i++) {
		struct task reader = task_reader(self->fd, 1);

		ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = long_times[i]));
		ASSERT_BLOCKS(reader);
		ASSERT_UNDISTURBED(reader);
		ASSERT_EQ(1, put(self->nb, 0, 1));
		ASSERT_RETURNS(1, reader);
	}
}

/* Values that would lose bits if one of them were truncated to 32 bits. */
TEST_F(extremes, capacity_and_marks_are_not_truncated)
{
	struct bbuf_create create = { .name = QUEUE "-cut", .capacity = (1ULL << 32) + 1 };
	uint64_t cut = (1ULL << 32) + 1;

	ASSERT_EQ(-ERANGE, queue_create(&create));
	ASSERT_FAILS(ERANGE, queue_resize(self->fd, cut));
	ASSERT_FAILS(EINVAL, queue_set_read_mark(self->fd, cut));
	ASSERT_FAILS(EINVAL, queue_set_write_mark(self->fd, cut));
	ASSERT_EQ(CAPACITY, queue_info(self->fd).capacity);
	ASSERT_EQ(1, queue_info(self->fd).read_mark);
}

BBUF_HARNESS_MAIN
