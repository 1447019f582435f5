// SPDX-License-Identifier: GPL-2.0-only
/* The promises of read(), and what stays in the queue. */
#include <fcntl.h>
#include <sys/mman.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY

BBUF_FIXTURE(read)

TEST_F(read, returns_what_is_available)
{
	unsigned char buf[100];

	ASSERT_EQ(30, put(self->fd, 0, 30));
	ASSERT_EQ(10, read(self->fd, buf, 10));
	ASSERT_EQ(20, read(self->fd, buf + 10, 90));
	ASSERT_TRUE(pattern_matches(buf, 0, 30));
}

TEST_F(read, returns_a_full_queue_at_once)
{
	static unsigned char buf[2 * CAPACITY];

	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_EQ(CAPACITY, read(self->nb, buf, sizeof(buf)));
	ASSERT_TRUE(pattern_matches(buf, 0, CAPACITY));
}

TEST_F(read, returns_0_and_takes_nothing_if_the_length_is_0)
{
	char buf[1];

	ASSERT_EQ(0, read(self->fd, buf, 0));
	ASSERT_EQ(0, read(self->nb, buf, 0));
	ASSERT_EQ(5, put(self->fd, 0, 5));
	ASSERT_EQ(0, read(self->fd, buf, 0));
	ASSERT_EQ(5, queued(self->fd));
}

TEST_F(read, sleeps_while_empty_and_is_woken_by_the_first_byte)
{
	struct task reader = task_reader(self->fd, 4000);

	ASSERT_BLOCKS(reader);
	ASSERT_UNDISTURBED(reader);
	ASSERT_EQ(1, put(self->fd, 9, 1));
	ASSERT_RETURNS(1, reader);
	ASSERT_DATA(reader, 9, 1);
}

TEST_F(read, nonblocking_fails_with_EAGAIN_while_empty)
{
	char buf[10];

	ASSERT_FAILS(EAGAIN, read(self->nb, buf, sizeof(buf)));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(1, read(self->nb, buf, sizeof(buf)));
	ASSERT_FAILS(EAGAIN, read(self->nb, buf, sizeof(buf)));
}

/* Every offset and length meets the end of the ring sooner or later. */
TEST_F(read, returns_bytes_in_order)
{
	size_t written = 0, taken = 0, i;

	SET_CAPACITY(101);
	for (i = 0; i < 3000; i++) {
		size_t room = 101 - (written - taken);
		size_t n = i * 37 % (room + 1);

		ASSERT_EQ((ssize_t)n, put(self->nb, written, n));
		written += n;
		n = i * 53 % (written - taken + 1);
		ASSERT_TRUE(take(self->nb, taken, n));
		taken += n;
		ASSERT_EQ(written - taken, (size_t)queued(self->fd));
	}
}

TEST_F(read, returns_the_start_of_a_write_larger_than_the_capacity)
{
	struct task writer = task_writer(self->fd, 0, CAPACITY + 1);

	ASSERT_BLOCKS(writer);
	ASSERT_TRUE(take(self->nb, 0, 1));
	ASSERT_RETURNS(CAPACITY + 1, writer);
	ASSERT_TRUE(take(self->nb, 1, CAPACITY));
}

TEST_F(read, returns_what_a_terminated_process_wrote)
{
	struct task writer = task_writer(self->fd, 0, 1000);

	ASSERT_STARTS(writer);
	ASSERT_RETURNS(1000, writer);
	ASSERT_TRUE(take(self->nb, 0, 1000));
}

TEST_F(read, returns_what_was_written_before_all_files_were_closed)
{
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	close(self->fd);
	close(self->nb);
	self->fd = open(BBUF_DEVICE, O_RDWR | O_TRUNC);
	self->nb = open(BBUF_DEVICE, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->nb);
	ASSERT_TRUE(take(self->nb, 0, CAPACITY));
}

TEST_F(read, fails_with_EFAULT_and_takes_nothing_at_a_bad_address)
{
	void *closed = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *constant = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bad[] = { closed, constant, NULL, (void *)-4096L };
	size_t i;

	ASSERT_EQ(100, put(self->fd, 0, 100));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_FAILS(EFAULT, read(self->fd, bad[i], 10));
		ASSERT_FAILS(EFAULT, read(self->nb, bad[i], 1000));
		ASSERT_EQ(100, queued(self->fd));
	}
	ASSERT_TRUE(take(self->nb, 0, 100));
}

/* Lengths around what a copy may be cut into. */
static const size_t cuts[] = { 1, 2, 100, 4095, 4096, 4097, 10000, 40000 };

TEST_F(read, fault_half_way_leaves_the_rest_queued)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		unsigned char *buf = cliff(cuts[i], 1);
		int fd = i % 2 ? self->fd : self->nb;
		ssize_t n;

		ASSERT_NE(NULL, buf);
		ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
		n = read(fd, buf, cuts[i] + 1);
		ASSERT_GE((ssize_t)cuts[i], n);
		if (n < 0)
			n = 0;
		ASSERT_TRUE(pattern_matches(buf, 0, n));
		ASSERT_EQ(CAPACITY - n, queued(self->fd));
		ASSERT_TRUE(take(self->nb, n, CAPACITY - n));
	}
}

static long read_into_nowhere(struct task *t)
{
	return read(t->fd, (void *)t->arg[0], t->len);
}

TEST_F(read, fault_leaves_the_rest_to_the_next_reader)
{
	struct task first = task_reader(self->fd, 10);
	struct task second = task_reader(self->fd, 10);

	first.fn = read_into_nowhere;
	ASSERT_BLOCKS(first);
	ASSERT_BLOCKS(second);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_RETURNS(-EFAULT, first);
	ASSERT_RETURNS(10, second);
	ASSERT_DATA(second, 0, 10);
}

TEST_F(read, fills_untouched_memory)
{
	void *fresh = mmap(NULL, CAPACITY, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, fresh);
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_EQ(CAPACITY, read(self->nb, fresh, CAPACITY));
	ASSERT_TRUE(pattern_matches(fresh, 0, CAPACITY));
}

TEST_F(read, interrupted_fails_with_EINTR)
{
	struct task reader = task_reader(self->fd, 10);

	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(task_signal(&reader));
	ASSERT_RETURNS(-EINTR, reader);
}

TEST_F(read, interrupted_restarts_under_SA_RESTART)
{
	struct task reader = task_reader(self->fd, 10);

	reader.restart = true;
	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(task_signal(&reader));
	ASSERT_TRUE(task_sleeps(&reader));
	ASSERT_EQ(3, put(self->fd, 0, 3));
	ASSERT_RETURNS(3, reader);
}

BBUF_HARNESS_MAIN
