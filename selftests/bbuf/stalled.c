// SPDX-License-Identifier: GPL-2.0-only
/* Operations on a queue during a copy whose memory is being faulted in. */
#include <stdlib.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "late.h"

#define CAPACITY	10000
#define LENGTH		5000	/* of a stalled call: the first page is there, the last is not */

LATE_FIXTURE(stalled, CAPACITY, LENGTH)

static long resize_once(struct task *t)
{
	return queue_resize(t->fd, t->arg[0]);
}

static long flush_once(struct task *t)
{
	return queue_flush(t->fd);
}

static struct task task_resizer(int fd, size_t capacity)
{
	return (struct task){
		.fn = resize_once, .nr = SYS_ioctl, .fd = fd, .arg = { capacity },
	};
}

TEST_F(stalled, writer_delays_a_resize)
{
	struct call writer = WRITER();
	struct task resizer = task_resizer(self->fd, 7000);

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(100, put(self->nb, 50, 100));
	ASSERT_STALLS(writer);
	ASSERT_BLOCKS(resizer);
	ASSERT_TRUE(take(self->nb, 50, 100));
	ASSERT_UNDISTURBED(resizer);
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_RETURNS(0, resizer);
	ASSERT_EQ(7000, queue_info(self->fd).capacity);
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

TEST_F(stalled, reader_delays_a_resize)
{
	struct call reader = READER();
	struct task resizer = task_resizer(self->fd, 7000);

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(LENGTH + 10, put(self->nb, 0, LENGTH + 10));
	ASSERT_STALLS(reader);
	ASSERT_BLOCKS(resizer);
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->late.buf, 0, LENGTH));
	ASSERT_RETURNS(0, resizer);
	ASSERT_TRUE(take(self->nb, LENGTH, 10));
}

TEST_F(stalled, writer_does_not_delay_interrupted_callers)
{
	struct call writer = WRITER();
	struct task resizer = task_resizer(self->fd, 7000);
	struct task killed = task_resizer(self->fd, 7000);

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_STALLS(writer);
	ASSERT_BLOCKS(resizer);
	ASSERT_BLOCKS(killed);
	ASSERT_TRUE(task_signal(&resizer));
	ASSERT_RETURNS(-EINTR, resizer);
	task_kill(&killed);
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_EQ(CAPACITY, queue_info(self->fd).capacity);
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

/* The data that it is still writing is not queued yet. */
TEST_F(stalled, writer_does_not_delay_a_flush)
{
	struct call writer = WRITER();

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(100, put(self->nb, 50, 100));
	ASSERT_STALLS(writer);
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_EQ(0, queued(self->nb));
	ASSERT_EQ(100, queue_info(self->fd).flushed_bytes);
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

TEST_F(stalled, reader_delays_a_flush)
{
	struct call reader = READER();
	struct task flusher = { .fn = flush_once, .nr = SYS_ioctl, .fd = self->fd };

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(LENGTH + 10, put(self->nb, 0, LENGTH + 10));
	ASSERT_STALLS(reader);
	ASSERT_BLOCKS(flusher);
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->late.buf, 0, LENGTH));
	ASSERT_RETURNS(0, flusher);
	ASSERT_EQ(10, queue_info(self->fd).flushed_bytes);
}

TEST_F(stalled, reader_makes_nonblocking_flush_and_resize_fail)
{
	struct call reader = READER();

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_FAILS(EAGAIN, queue_flush(self->nb));
	ASSERT_FAILS(EAGAIN, queue_resize(self->nb, 7000));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_EQ(0, queue_resize(self->nb, 7000));
}

/* The stalled call may be at the head: on shutdown all other waiters are woken at once. */
TEST_F(stalled, writer_does_not_delay_shutdown)
{
	struct call writer = WRITER();
	struct task behind = task_writer(self->fd, 0, 10);

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_STALLS(writer);
	ASSERT_BLOCKS(behind);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_RETURNS(-EPIPE, behind);
	/* Nor what comes afterwards: it is in front no more. */
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_EQ(-EPIPE, FINISH(writer));
	ASSERT_EQ(0, queued(self->fd));
}

LATE_FIXTURE(stalled_call, CAPACITY, LENGTH)
SIDES(stalled_call);

TEST_F(stalled_call, does_not_delay_destroy)
{
	struct call call = { .late = &self->late, .fd = self->fd, .writes = variant->writes };
	struct task resizer = task_resizer(self->fd, 7000), behind = CALLER(0, 10);

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_TRUE(variant->writes || fill(self->nb, LENGTH));
	ASSERT_STALLS(call);
	ASSERT_BLOCKS(behind);
	ASSERT_BLOCKS(resizer);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, behind);
	ASSERT_RETURNS(-ENODEV, resizer);
	ASSERT_EQ(-ENODEV, FINISH(call));
}

TEST_F(stalled, reader_hides_the_data_from_peek)
{
	struct call reader = READER();
	char byte;

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_EQ(LENGTH + 1, put(self->nb, 0, LENGTH + 1));
	ASSERT_STALLS(reader);
	ASSERT_FAILS(EAGAIN, queue_peek(self->nb, &byte, 1));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_EQ(1, queue_peek(self->nb, &byte, 1));
	ASSERT_TRUE(pattern_matches(&byte, LENGTH, 1));
}

/* Between two batches it lets go of the lock, but not of what it has begun to read. */
TEST_F(stalled, framed_reader_hides_the_data_from_peek)
{
	const size_t records = 500, size = records * BBUF_FRAME_SPACE(LENGTH);
	struct late memory = { .buf = calloc(1, size), .len = size };
	struct call reader = { .late = &memory }, peeker = READER();
	size_t i;
	int n;

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_NE(NULL, memory.buf);
	RECREATE(BBUF_RECORD, records * LENGTH, 0);
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED));
	reader.fd = self->fd;
	peeker.fd = self->nb;
	peeker.peeks = true;
	for (n = 0; n < 20; n++) {
		for (i = 0; i < records; i++)
			ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
		ASSERT_TRUE(call_start(&reader));
		/* A flush does not wait for a peek. */
		if (call_stalls(&peeker)) {
			ASSERT_EQ(size, call_end(&reader));
			ASSERT_EQ(-EAGAIN, FINISH(peeker));
			late_unmap(&self->late);
			ASSERT_EQ(0, late_map(&self->late, LENGTH));
		} else {
			ASSERT_EQ(-EAGAIN, call_end(&peeker));
			ASSERT_EQ(size, call_end(&reader));
		}
	}
	free(memory.buf);
}

/*
 * The record being copied cannot be dropped, and a write that drops never waits: the newest is
 * dropped.
 */
TEST_F(stalled, framed_reader_makes_room_before_it_is_done)
{
	const size_t records = 100, len = 1000;
	struct call reader = READER();
	size_t i;

	REQUIRE_USERFAULTFD(&self->late);
	RECREATE(BBUF_RECORD, records * len, 0);
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED));
	late_unmap(&self->late);
	ASSERT_EQ(0, late_map(&self->late, records * BBUF_FRAME_SPACE(len)));
	for (i = 0; i < records; i++)
		ASSERT_EQ(len, put(self->nb, i, len));
	reader.fd = self->fd;
	ASSERT_STALLS(reader);
	ASSERT_EQ(len, put(self->nb, records, len));
	ASSERT_EQ(records * BBUF_FRAME_SPACE(len), FINISH(reader));
	ASSERT_TRUE(take_record(self->nb, records, len));
}

TEST_F(stalled, reader_makes_drop_oldest_drop_the_newest_record)
{
	struct call reader;

	REQUIRE_USERFAULTFD(&self->late);
	RECREATE(BBUF_RECORD, CAPACITY, BBUF_DROP_OLDEST);
	reader = (struct call)READER();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_EQ(LENGTH, put(self->nb, LENGTH, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_EQ(20, put(queue_open(QUEUE, O_WRONLY), 0, 20));
	ASSERT_EQ(30, queue_info(self->nb).dropped_bytes);
	ASSERT_EQ(2, queue_info(self->nb).dropped_records);
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->late.buf, 0, LENGTH));
	ASSERT_TRUE(take_record(self->nb, LENGTH, LENGTH));
	ASSERT_EQ(0, queued(self->nb));
}

TEST_F(stalled, reader_makes_drop_oldest_drop_the_newest_bytes)
{
	struct call reader;

	REQUIRE_USERFAULTFD(&self->late);
	RECREATE(BBUF_STREAM, 2 * LENGTH, BBUF_DROP_OLDEST);
	reader = (struct call)READER();
	ASSERT_EQ(2 * LENGTH, put(self->nb, 0, 2 * LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_EQ(10, queue_info(self->nb).dropped_bytes);
	ASSERT_EQ(0, queue_info(self->nb).dropped_records);
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->late.buf, 0, LENGTH));
	ASSERT_TRUE(take(self->nb, LENGTH, LENGTH));
	ASSERT_EQ(0, queued(self->nb));
}

TEST_F(stalled, record_writer_shows_nothing_until_the_record_is_whole)
{
	struct call writer;
	char buf[LENGTH];

	REQUIRE_USERFAULTFD(&self->late);
	RECREATE(BBUF_RECORD, CAPACITY, 0);
	writer = (struct call)WRITER();
	ASSERT_STALLS(writer);
	ASSERT_EQ(0, queued(self->nb));
	ASSERT_FAILS(EAGAIN, read(self->nb, buf, LENGTH));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_TRUE(take_record(self->nb, 0, LENGTH));
}

TEST_F(stalled, writer_gets_EPIPE_after_shutdown)
{
	struct call writer = WRITER();
	char byte;

	REQUIRE_USERFAULTFD(&self->late);
	ASSERT_STALLS(writer);
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_EQ(0, read(self->nb, &byte, 1));
	ASSERT_EQ(-EPIPE, FINISH(writer));
	ASSERT_EQ(0, read(self->nb, &byte, 1));
}

TEST_F(stalled, record_writer_gets_EPIPE_after_shutdown)
{
	struct call writer;
	char byte;

	REQUIRE_USERFAULTFD(&self->late);
	RECREATE(BBUF_RECORD, CAPACITY, 0);
	writer = (struct call)WRITER();
	ASSERT_STALLS(writer);
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_EQ(-EPIPE, FINISH(writer));
	ASSERT_EQ(0, read(self->nb, &byte, 1));
	ASSERT_EQ(0, queue_info(self->nb).in.records);
}

BBUF_HARNESS_MAIN
