// SPDX-License-Identifier: GPL-2.0-only
/* Watermarks: how much is worth a wakeup. */
#include "fixture.h"
#include "named.h"

#define CAPACITY	10000
#define MARK		100

NAMED_FIXTURE(marks, BBUF_STREAM, CAPACITY, 0)

TEST_F(marks, default_to_1_and_4096_or_the_capacity)
{
	ASSERT_EQ(1, queue_info(self->fd).read_mark);
	ASSERT_EQ(ATOMIC_MAX, queue_info(self->fd).write_mark);
	RECREATE(BBUF_STREAM, 100, 0);
	ASSERT_EQ(100, queue_info(self->fd).write_mark);
}

/* Reading */

TEST_F(marks, read_mark_decides_when_poll_reports_POLLIN)
{
	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_EQ(MARK - 1, put(self->fd, 0, MARK - 1));
	ASSERT_EQ(WRITABLE, queue_events(self->fd));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(READABLE | WRITABLE, queue_events(self->fd));
}

TEST_F(marks, read_mark_keeps_poll_asleep_until_met)
{
	struct task poller = task_poller(self->fd, POLLIN);
	int i;

	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_BLOCKS(poller);
	for (i = 0; i < MARK - 1; i++)
		ASSERT_EQ(1, put(self->fd, i, 1));
	ASSERT_UNDISTURBED(poller);
	ASSERT_EQ(1, put(self->fd, i, 1));
	ASSERT_RETURNS(POLLIN, poller);
}

TEST_F(marks, read_mark_is_waited_for_by_reads)
{
	struct task reader = task_reader(self->fd, 2 * MARK);
	int i;

	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_BLOCKS(reader);
	for (i = 0; i < MARK - 1; i++)
		ASSERT_EQ(1, put(self->fd, i, 1));
	ASSERT_UNDISTURBED(reader);
	ASSERT_EQ(50, put(self->fd, i, 50));
	ASSERT_RETURNS(MARK + 49, reader);
	ASSERT_DATA(reader, 0, MARK + 49);
}

TEST_F(marks, read_mark_does_not_apply_to_nonblocking_reads)
{
	char buf[MARK];

	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_EQ(MARK - 1, put(self->fd, 0, MARK - 1));
	ASSERT_EQ(MARK - 1, read(self->nb, buf, MARK));
	ASSERT_FAILS(EAGAIN, read(self->nb, buf, MARK));
}

TEST_F(marks, read_mark_is_limited_to_the_length_of_the_read)
{
	struct task reader = task_reader(self->fd, 10);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_EQ(9, put(self->nb, 0, 9));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, put(self->nb, 9, 1));
	ASSERT_RETURNS(10, reader);
}

TEST_F(marks, read_mark_is_lowered_with_the_capacity)
{
	struct task reader = task_reader(self->fd, MARK);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_EQ(20, put(self->nb, 0, 20));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_resize(self->fd, 20));
	ASSERT_RETURNS(20, reader);
	ASSERT_EQ(20, queue_info(self->fd).read_mark);
	ASSERT_EQ(1, queue_info(self->fd).write_mark);
}

/* A writer that waits for room, and a reader that waits for the mark: neither does for ever. */

TEST_F(marks, read_mark_is_met_when_a_writer_begins_to_wait)
{
	struct task reader = task_reader(self->fd, CAPACITY);
	struct task poller = task_poller(self->fd, POLLIN);
	struct task writer = task_writer(self->fd, CAPACITY - 10, 11);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, CAPACITY));
	ASSERT_EQ(CAPACITY - 10, put(self->nb, 0, CAPACITY - 10));
	ASSERT_BLOCKS(poller);
	ASSERT_BLOCKS(reader);
	ASSERT_STARTS(writer);
	ASSERT_RETURNS(CAPACITY - 10, reader);
	ASSERT_DATA(reader, 0, CAPACITY - 10);
	ASSERT_RETURNS(11, writer);
	task_kill(&poller);
}

TEST_F(marks, read_mark_is_met_while_a_writer_waits)
{
	struct task writer = task_writer(self->fd, CAPACITY - 10, 11);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, CAPACITY));
	ASSERT_EQ(CAPACITY - 10, put(self->nb, 0, CAPACITY - 10));
	ASSERT_EQ(0, queue_events(self->fd) & READABLE);
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(READABLE, queue_events(self->fd) & READABLE);
	ASSERT_TRUE(take(self->nb, 0, CAPACITY - 10));
	ASSERT_RETURNS(11, writer);
}

TEST_F(marks, read_mark_wakes_pollers_when_a_writer_begins_to_wait)
{
	struct task poller = task_poller(self->fd, POLLIN);
	struct task writer = task_writer(self->fd, 0, 11);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, CAPACITY));
	ASSERT_TRUE(fill(self->nb, CAPACITY - 10));
	ASSERT_BLOCKS(poller);
	ASSERT_BLOCKS(writer);
	ASSERT_RETURNS(POLLIN, poller);
	task_kill(&writer);
}

TEST_F(marks, read_mark_is_met_when_a_nonblocking_write_is_refused)
{
	struct task reader = task_reader(self->fd, CAPACITY);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, CAPACITY));
	ASSERT_TRUE(fill(self->nb, CAPACITY - 10));
	ASSERT_BLOCKS(reader);
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 11));
	ASSERT_RETURNS(CAPACITY - 10, reader);
	ASSERT_EQ(11, put(self->nb, 0, 11));
	ASSERT_EQ(0, queue_events(self->fd) & READABLE);
}

/* Writing */

TEST_F(marks, write_mark_decides_when_poll_reports_POLLOUT)
{
	ASSERT_EQ(0, queue_set_write_mark(self->fd, MARK));
	ASSERT_TRUE(fill(self->fd, CAPACITY - MARK + 1));
	ASSERT_EQ(READABLE, queue_events(self->fd));
	ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_EQ(READABLE | WRITABLE, queue_events(self->fd));
	ASSERT_EQ(MARK, put(self->nb, 0, MARK));

	ASSERT_TRUE(discard(self->fd, CAPACITY));
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_EQ(WRITABLE, queue_events(self->fd));
	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
	ASSERT_TRUE(discard(self->fd, CAPACITY - 1));
	ASSERT_EQ(READABLE, queue_events(self->fd));
}

TEST_F(marks, write_mark_keeps_poll_asleep_until_met)
{
	struct task poller = task_poller(self->fd, POLLOUT);
	int i;

	ASSERT_EQ(0, queue_set_write_mark(self->fd, MARK));
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_BLOCKS(poller);
	for (i = 0; i < MARK - 1; i++)
		ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_UNDISTURBED(poller);
	ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_RETURNS(POLLOUT, poller);
}

TEST_F(marks, write_mark_does_not_block_writes)
{
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_TRUE(fill(self->fd, 1));
	ASSERT_EQ(CAPACITY - 1, put(self->nb, 0, CAPACITY - 1));
}

/* Changing them */

TEST_F(marks, lowered_marks_let_waiters_proceed)
{
	struct task reader = task_reader(self->fd, MARK);
	struct task in = task_poller(self->fd, POLLIN), out = task_poller(self->fd, POLLOUT);

	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_BLOCKS(out);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY - 10));
	ASSERT_RETURNS(POLLOUT, out);

	ASSERT_EQ(0, queue_set(self->fd, .fields = BBUF_SET_READ_MARK | BBUF_SET_WRITE_MARK,
			       .read_mark = MARK, .write_mark = 1));
	ASSERT_BLOCKS(in);
	ASSERT_EQ(0, queue_set_read_mark(self->fd, 10));
	ASSERT_RETURNS(POLLIN, in);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_set_read_mark(self->fd, 10));
	ASSERT_RETURNS(10, reader);
}

TEST_F(marks, raised_marks_apply_to_waiters)
{
	struct task reader = task_reader(self->fd, MARK);

	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_EQ(MARK - 1, put(self->nb, 0, MARK - 1));
	ASSERT_TRUE(task_sleeps(&reader));
	ASSERT_EQ(MARK - 1, queued(self->fd));
	ASSERT_EQ(1, put(self->nb, MARK - 1, 1));
	ASSERT_RETURNS(MARK, reader);
}

TEST_F(marks, are_changed_all_or_none)
{
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .fields = BBUF_SET_READ_MARK |
				       BBUF_SET_WRITE_MARK, .read_mark = MARK));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .fields = BBUF_SET_CAPACITY |
				       BBUF_SET_READ_MARK, .capacity = 10, .read_mark = 11));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .fields = BBUF_SET_READ_MARK,
				       .policy = BBUF_DROP_OLDEST,
				       .policy_mask = BBUF_DROP_OLDEST));
	ASSERT_EQ(1, queue_info(self->fd).read_mark);
	ASSERT_EQ(ATOMIC_MAX, queue_info(self->fd).write_mark);
	ASSERT_EQ(CAPACITY, queue_info(self->fd).capacity);
	ASSERT_EQ(0, queue_info(self->fd).policy);
}

TEST_F(marks, range_from_1_to_the_capacity)
{
	static const unsigned long long bad[] = { 0, CAPACITY + 1, 1ULL << 32, -1ULL };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_FAILS(EINVAL, queue_set_read_mark(self->fd, bad[i]));
		ASSERT_FAILS(EINVAL, queue_set_write_mark(self->fd, bad[i]));
	}
	ASSERT_EQ(0, queue_set_read_mark(self->fd, CAPACITY));
	ASSERT_EQ(1, queue_info(self->fd).write_mark);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, 1));
	ASSERT_EQ(CAPACITY, queue_info(self->fd).read_mark);
	ASSERT_EQ(1, queue_info(self->fd).write_mark);
}

/* Or a reader that polls and a writer that polls could both have too little. */
TEST_F(marks, marks_that_could_block_both_sides_are_refused)
{
	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_FAILS(EINVAL, queue_set_write_mark(self->fd, CAPACITY - MARK + 2));
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY - MARK + 1));
	ASSERT_FAILS(EINVAL, queue_set_read_mark(self->fd, MARK + 1));
	ASSERT_EQ(MARK - 1, put(self->nb, 0, MARK - 1));
	ASSERT_EQ(WRITABLE, queue_events(self->fd));
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_EQ(READABLE, queue_events(self->fd));
}

TEST_F(marks, read_mark_is_one_record_in_record_queues)
{
	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_FAILS(EINVAL, queue_set_read_mark(self->fd, 2));
	ASSERT_EQ(0, queue_set_read_mark(self->fd, 1));
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(READABLE, queue_events(self->fd));
}

BBUF_HARNESS_MAIN
