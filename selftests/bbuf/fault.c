// SPDX-License-Identifier: GPL-2.0-only
/* While the memory of one caller is being brought in, the others go on. */
#include <sys/syscall.h>

#include "fixture.h"
#include "late.h"

#define CAPACITY	DEFAULT_CAPACITY
#define LENGTH		10000	/* of a stalled call: the first pages are there, the last is not */

LATE_FIXTURE(fault, CAPACITY, LENGTH)

TEST_F(fault, nonblocking_writer_does_not_wait_for_a_stalled_writer)
{
	struct call writer = WRITER();
	ssize_t n;

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_STALLS(writer);
	n = put(self->nb, 0, 10);
	if (n < 0) {
		ASSERT_EQ(EAGAIN, errno);
		ASSERT_FALSE(queue_events(self->nb) & POLLOUT);
	}
	ASSERT_FALSE(load(writer.done));
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_TRUE(queue_events(self->nb) & POLLOUT);
	if (n == 10) {
		ASSERT_TRUE(take(self->nb, 0, 10));
	}
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

TEST_F(fault, readers_proceed_while_a_writer_is_stalled)
{
	struct call writer = WRITER();

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(100, put(self->fd, 50, 100));
	ASSERT_STALLS(writer);
	ASSERT_TRUE(queue_events(self->nb) & POLLIN);
	ASSERT_TRUE(take(self->nb, 50, 100));
	ASSERT_FALSE(load(writer.done));
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_TRUE(take(self->fd, 0, LENGTH));
}

TEST_F(fault, nonblocking_reader_does_not_wait_for_a_stalled_reader)
{
	struct call reader = READER();
	char byte;

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(LENGTH, put(self->fd, 0, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_FAILS(EAGAIN, read(self->nb, &byte, 1));
	ASSERT_FALSE(queue_events(self->nb) & POLLIN);
	ASSERT_FALSE(load(reader.done));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->late.buf, 0, LENGTH));
	ASSERT_EQ(0, queued(self->nb));
}

TEST_F(fault, poller_is_woken_when_a_stalled_reader_leaves_data)
{
	struct call reader = READER();
	struct task poller = task_poller(self->nb, POLLIN);

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(LENGTH + 1, put(self->fd, 0, LENGTH + 1));
	ASSERT_STALLS(reader);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_RETURNS(POLLIN, poller);
}

TEST_F(fault, writers_proceed_while_a_reader_is_stalled)
{
	struct call reader = READER();

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(LENGTH, put(self->fd, 0, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_TRUE(queue_events(self->nb) & POLLOUT);
	ASSERT_EQ(1000, put(self->nb, 7, 1000));
	ASSERT_EQ(1000, put(self->fd, 1007, 1000));
	ASSERT_FALSE(load(reader.done));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(take(self->nb, 7, 2000));
}

TEST_F(fault, nonblocking_writer_waits_only_for_its_own_memory)
{
	struct call writer = WRITER();

	REQUIRE_USERFAULTFD(&self->late);
	writer.fd = self->nb;
	ASSERT_STALLS(writer);
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

TEST_F(fault, blocking_writer_waits_behind_a_stalled_writer)
{
	struct call writer = WRITER();
	struct task next = task_writer(self->fd, LENGTH, 100);

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_STALLS(writer);
	ASSERT_BLOCKS(next);
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_RETURNS(100, next);
	ASSERT_TRUE(take(self->nb, 0, LENGTH + 100));
}

/* A write that has begun, and waits for a page that never comes. */
static long stall_for_ever(struct task *t)
{
	struct late late;

	if (late_map(&late, LENGTH) || late.uffd < 0)
		return -1;
	return write(t->fd, late.buf, late.len);
}

TEST_F(fault, writer_killed_while_stalled_queues_nothing)
{
	struct task stalled = { .fn = stall_for_ever, .nr = SYS_write, .fd = self->fd };
	struct task next = task_writer(self->fd, 0, 100);

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_BLOCKS(stalled);
	ASSERT_BLOCKS(next);
	task_kill(&stalled);
	ASSERT_RETURNS(100, next);
	ASSERT_TRUE(take(self->nb, 0, 100));
	ASSERT_EQ(0, queued(self->nb));
}

BBUF_HARNESS_MAIN
