// SPDX-License-Identifier: GPL-2.0-only
/* Looking at what is queued without taking it, and throwing it away unseen. */
#include <sys/mman.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000

NAMED_FIXTURE(peek, BBUF_STREAM, CAPACITY, 0)

TEST_F(peek, shows_the_head_of_the_queue_and_takes_nothing)
{
	unsigned char buf[CAPACITY];
	int i;

	ASSERT_EQ(100, put(self->fd, 0, 100));
	for (i = 0; i < 3; i++) {
		memset(buf, 0, sizeof(buf));
		ASSERT_EQ(10, queue_peek(self->fd, buf, 10));
		ASSERT_TRUE(pattern_matches(buf, 0, 10));
		ASSERT_EQ(0, buf[10]);
		ASSERT_EQ(100, queue_peek(self->fd, buf, CAPACITY));
		ASSERT_TRUE(pattern_matches(buf, 0, 100));
	}
	ASSERT_EQ(0, queue_info(self->fd).out.bytes);
	ASSERT_TRUE(take(self->nb, 0, 100));
}

TEST_F(peek, shows_data_that_wraps_around)
{
	unsigned char buf[CAPACITY];
	size_t start;

	for (start = 0; start < CAPACITY; start += 111) {
		ASSERT_EQ(111, put(self->fd, 0, 111));
		ASSERT_TRUE(take(self->fd, 0, 111));
		ASSERT_EQ(CAPACITY, put(self->fd, start, CAPACITY));
		ASSERT_EQ(CAPACITY, queue_peek(self->fd, buf, CAPACITY));
		ASSERT_TRUE(pattern_matches(buf, start, CAPACITY));
		ASSERT_TRUE(take(self->fd, start, CAPACITY));
	}
}

TEST_F(peek, never_waits)
{
	char byte;

	ASSERT_FAILS(EAGAIN, queue_peek(self->fd, &byte, 1));
	ASSERT_FAILS(EAGAIN, queue_peek(self->nb, &byte, 1));
}

TEST_F(peek, shows_less_than_the_read_mark)
{
	unsigned char buf[10];

	ASSERT_EQ(0, queue_set_read_mark(self->fd, 10));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(WRITABLE, queue_events(self->fd));
	ASSERT_EQ(1, queue_peek(self->fd, buf, 10));
	ASSERT_TRUE(pattern_matches(buf, 0, 1));
}

TEST_F(peek, returns_0_at_EOF)
{
	char byte;

	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(1, queue_peek(self->fd, &byte, 1));
	ASSERT_TRUE(take(self->fd, 0, 1));
	ASSERT_EQ(0, queue_peek(self->fd, &byte, 1));
}

TEST_F(peek, shows_the_next_record)
{
	unsigned char buf[CAPACITY];

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(300, put(self->fd, 0, 300));
	ASSERT_EQ(5, put(self->fd, 300, 5));
	ASSERT_FAILS(EMSGSIZE, queue_peek(self->fd, buf, 299));
	ASSERT_EQ(300, queue_peek(self->fd, buf, CAPACITY));
	ASSERT_TRUE(pattern_matches(buf, 0, 300));
	ASSERT_TRUE(take_record(self->fd, 0, 300));
	ASSERT_EQ(5, queue_peek(self->fd, buf, CAPACITY));
	ASSERT_TRUE(pattern_matches(buf, 300, 5));
}

TEST_F(peek, shows_records_without_frames)
{
	unsigned char buf[100];

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(5, put(self->nb, 0, 5));
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED));
	ASSERT_EQ(5, queue_peek(self->fd, buf, sizeof(buf)));
	ASSERT_TRUE(pattern_matches(buf, 0, 5));
}

TEST_F(peek, fault_changes_nothing)
{
	unsigned char *half = cliff(50, 0);

	ASSERT_NE(NULL, half);
	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_FAILS(EFAULT, queue_peek(self->fd, NULL, 100));
	ASSERT_FAILS(EFAULT, queue_peek(self->fd, half + 50, 50));
	ASSERT_GE(50, queue_peek(self->fd, half, 100));
	ASSERT_TRUE(take(self->nb, 0, 100));

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_FAILS(EFAULT, queue_peek(self->fd, half, 100));
	ASSERT_TRUE(take_record(self->nb, 0, 100));
}

TEST_F(peek, fills_untouched_pages)
{
	void *fresh = mmap(NULL, CAPACITY, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, fresh);
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_EQ(CAPACITY, queue_peek(self->fd, fresh, CAPACITY));
	ASSERT_TRUE(pattern_matches(fresh, 0, CAPACITY));
}

TEST_F(peek, does_not_wake_or_bypass_a_waiting_reader)
{
	struct task reader = task_reader(self->fd, 10);
	unsigned char buf[10];

	ASSERT_EQ(0, queue_set_read_mark(self->fd, 10));
	ASSERT_EQ(5, put(self->nb, 0, 5));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(5, queue_peek(self->nb, buf, sizeof(buf)));
	ASSERT_UNDISTURBED(reader);
	ASSERT_EQ(5, put(self->nb, 5, 5));
	ASSERT_RETURNS(10, reader);
	ASSERT_DATA(reader, 0, 10);
}

/* Flush */

TEST_F(peek, finds_nothing_after_a_flush)
{
	char byte;

	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_EQ(700, put(self->fd, 0, 700));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_EQ(0, queued(self->fd));
	ASSERT_FAILS(EAGAIN, queue_peek(self->fd, &byte, 1));
	ASSERT_EQ(WRITABLE, queue_events(self->fd));
	ASSERT_EQ(700, queue_info(self->fd).flushed_bytes);
	ASSERT_EQ(CAPACITY, put(self->fd, 5, CAPACITY));
	ASSERT_TRUE(take(self->fd, 5, CAPACITY));
}

TEST_F(peek, finds_only_records_queued_after_a_flush)
{
	size_t n;

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	for (n = 1; n < 300; n += 7) {
		ASSERT_EQ(n, put(self->fd, 0, n));
		ASSERT_EQ(2 * n, put(self->fd, 0, 2 * n));
		ASSERT_EQ(0, queue_flush(self->fd));
		ASSERT_EQ(0, queue_info(self->fd).records);
		ASSERT_EQ(n, put(self->fd, n, n));
		ASSERT_TRUE(take_record(self->fd, n, n));
	}
}

TEST_F(peek, finds_records_admitted_by_a_flush)
{
	struct task writer = task_writer(self->fd, 3, 100), next = task_writer(self->fd, 9, 10);

	ASSERT_TRUE(fill(self->nb, CAPACITY - 50));
	ASSERT_BLOCKS(writer);
	ASSERT_BLOCKS(next);
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_RETURNS(100, writer);
	ASSERT_RETURNS(10, next);
	ASSERT_TRUE(take(self->nb, 3, 100));
	ASSERT_TRUE(take(self->nb, 9, 10));
}

TEST_F(peek, finds_the_rest_of_a_large_write_after_a_flush)
{
	struct task writer = task_writer(self->fd, 0, CAPACITY + 10);

	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_RETURNS(CAPACITY + 10, writer);
	ASSERT_TRUE(take(self->nb, CAPACITY, 10));
}

TEST_F(peek, peek_and_flush_leave_waiting_readers_asleep)
{
	struct task reader = task_reader(self->fd, 10);

	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_UNDISTURBED(reader);
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_RETURNS(1, reader);
}

TEST_F(peek, flush_ends_fsync_and_wakes_pollers_for_room)
{
	struct task drainer = task_drainer(self->fd), poller = task_poller(self->fd, POLLOUT);

	ASSERT_TRUE(fill(self->nb, CAPACITY));
	ASSERT_BLOCKS(drainer);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_RETURNS(0, drainer);
	ASSERT_RETURNS(POLLOUT, poller);
}

TEST_F(peek, flush_after_shutdown_leaves_only_EOF)
{
	struct task poller = task_poller(self->fd, 0);
	char byte;
	int in = queue_open(QUEUE, O_RDONLY);

	poller.arg[0] = in;
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_flush(in));
	ASSERT_RETURNS(POLLHUP, poller);
	ASSERT_EQ(0, read(in, &byte, 1));
	close(in);
}

BBUF_HARNESS_MAIN
