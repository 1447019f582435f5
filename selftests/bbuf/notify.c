// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications: each change of a queue, with each way to wait for it. Changes of queues with
 * leases are in notify_lease.c.
 */
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"
#include "waiter.h"

#define LONG		20000	/* bytes copied at once: waiters are woken ahead */
#define VERY_LONG	100000	/* bytes that are copied in pieces */
#define TIMEOUT_MS	30
#define ENDED		(READABLE | POLLRDHUP)

/* One write, or read, that does not wait, of a file that may. */
static ssize_t write_now(int fd, size_t n)
{
	char buf[CAPACITY] = { 0 };
	struct iovec iov[] = { { buf, 1 }, { buf, n - 1 } };

	return pwritev2(fd, iov, 2, -1, RWF_NOWAIT);
}

static ssize_t read_now(int fd, size_t n)
{
	char buf[CAPACITY];
	struct iovec iov[] = { { buf, 1 }, { buf, n - 1 } };

	return preadv2(fd, iov, 2, -1, RWF_NOWAIT);
}

/* A write that takes what is there, and meets a bad address behind n bytes. */
static ssize_t write_partly(int fd, size_t n)
{
	return write(fd, cliff(n, 0), n + 1);
}

static ssize_t read_partly(int fd, size_t n)
{
	return read(fd, cliff(n, 0), n + 1);
}

/* n bytes through a pipe: from it into the queue, or out of the queue. */
static bool splice_in(int fd, size_t n)
{
	int ends[2];
	bool good = !pipe(ends) && put(ends[1], 0, n) == (ssize_t)n &&
		    splice(ends[0], NULL, fd, NULL, n, 0) == (ssize_t)n;

	close(ends[0]);
	close(ends[1]);
	return good;
}

static bool splice_out(int fd, size_t n)
{
	int ends[2];
	bool good = !pipe(ends) && splice(fd, NULL, ends[1], NULL, n, 0) == (ssize_t)n;

	close(ends[0]);
	close(ends[1]);
	return good;
}

/* A process that is in the middle of a call, for the page of which it waits until it is killed. */
static long read_late(struct task *t)
{
	return late_read(t->fd, LEN);
}

static long write_late(struct task *t)
{
	struct late late;

	if (late_map(&late, LEN) || late.uffd < 0)
		return -1;
	return write(t->fd, late.buf, late.len);
}

/* Readers: data */

WAITER_FIXTURE(readers, false)

TEST_F(readers, are_notified_of_bytes)
{
	BEGIN(.type = BBUF_STREAM);
	ASSERT_WAITS();
	ASSERT_EQ(5, put(self->nb, 0, 5));
	ASSERT_NOTIFIED(5, READABLE);
}

TEST_F(readers, are_notified_of_a_record)
{
	BEGIN(.type = BBUF_RECORD);
	ASSERT_WAITS();
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_records_with_frames)
{
	BEGIN(.type = BBUF_RECORD);
	ASSERT_WAITS();
	ASSERT_TRUE(batch_put(self->framed, LEN, 2));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_a_write_that_does_not_wait)
{
	BEGIN(.type = BBUF_STREAM);
	ASSERT_WAITS();
	ASSERT_EQ(5, write_now(self->fd, 5));
	ASSERT_NOTIFIED(5, READABLE);
}

TEST_F(readers, are_notified_of_a_splice)
{
	BEGIN(.type = BBUF_STREAM);
	ASSERT_WAITS();
	ASSERT_TRUE(splice_in(self->nb, 5));
	ASSERT_NOTIFIED(5, READABLE);
}

TEST_F(readers, are_notified_of_many_bytes)
{
	BEGIN(.type = BBUF_STREAM, .capacity = 2 * LONG);
	ASSERT_WAITS();
	ASSERT_EQ(LONG, put(self->nb, 0, LONG));
	ASSERT_NOTIFIED(CAPACITY, READABLE);
}

TEST_F(readers, are_notified_of_a_very_long_record)
{
	self->waiter.len = VERY_LONG;
	BEGIN(.type = BBUF_RECORD, .capacity = VERY_LONG);
	ASSERT_WAITS();
	ASSERT_EQ(VERY_LONG, put(self->nb, 0, VERY_LONG));
	ASSERT_NOTIFIED(VERY_LONG, READABLE);
}

TEST_F(readers, are_notified_of_the_first_piece_of_a_write)
{
	BEGIN(.type = BBUF_STREAM);
	ASSERT_WAITS();
	self->other = task_writer(self->fd, 0, CAPACITY + LEN);
	ASSERT_STARTS(self->other);
	ASSERT_NOTIFIED(CAPACITY, READABLE);
}

TEST_F(readers, are_notified_of_bytes_written_before_a_fault)
{
	BEGIN(.type = BBUF_STREAM);
	ASSERT_WAITS();
	ASSERT_EQ(5, write_partly(self->nb, 5));
	ASSERT_NOTIFIED(5, READABLE);
}

TEST_F(readers, are_not_notified_of_a_record_that_faults)
{
	BEGIN(.type = BBUF_RECORD);
	ASSERT_WAITS();
	ASSERT_FAILS(EFAULT, write_partly(self->nb, 5));
	ASSERT_FAILS(EMSGSIZE, put(self->nb, 0, CAPACITY + 1));
	ASSERT_WAITS_ON();
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

/* Readers of what there is already want to know what is added. */

TEST_F(readers, are_notified_of_more_bytes)
{
	ONLY_EDGES();
	BEGIN(.type = BBUF_STREAM);
	ASSERT_EQ(5, put(self->nb, 0, 5));
	ASSERT_WAITS();
	ASSERT_EQ(5, put(self->nb, 5, 5));
	ASSERT_NOTIFIED(0, READABLE);
}

TEST_F(readers, are_notified_of_more_records)
{
	ONLY_EDGES();
	BEGIN(.type = BBUF_RECORD);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_WAITS();
	ASSERT_TRUE(batch_put(self->framed, LEN, 2));
	ASSERT_NOTIFIED(0, READABLE);
}

TEST_F(readers, are_notified_of_bytes_that_replace_dropped_ones)
{
	ONLY_EDGES();
	BEGIN(.type = BBUF_STREAM, .policy = BBUF_DROP_OLDEST);
	ASSERT_TRUE(fill(self->nb, CAPACITY));
	ASSERT_WAITS();
	ASSERT_EQ(5, put(self->nb, 0, 5));
	ASSERT_NOTIFIED(0, READABLE);
}

TEST_F(readers, are_notified_of_a_record_that_replaces_a_dropped_one)
{
	ONLY_EDGES();
	BEGIN(.type = BBUF_RECORD, .policy = BBUF_DROP_OLDEST);
	ASSERT_TRUE(put_records(self->nb, 0, CAPACITY / LEN));
	ASSERT_WAITS();
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(0, READABLE);
}

/* Readers: the read mark */

/* So much is queued that is less than the mark, and leaves less than two records' room. */
#define BEGIN_BELOW_THE_MARK()						\
do {									\
	NOT_IN_URING_CALL();						\
	BEGIN(.type = BBUF_STREAM);					\
	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));		\
	ASSERT_EQ(MARK - 5, put(self->nb, 0, MARK - 5));		\
} while (0)

TEST_F(readers, are_notified_when_the_mark_is_reached)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_WAITS();
	ASSERT_EQ(4, put(self->nb, 0, 4));
	ASSERT_WAITS_ON();
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_NOTIFIED(MARK, READABLE);
}

TEST_F(readers, are_notified_of_a_lower_mark)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK - 4));
	ASSERT_WAITS_ON();
	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK - 5));
	ASSERT_NOTIFIED(MARK - 5, READABLE);
}

TEST_F(readers, are_notified_of_a_mark_that_is_lowered_with_the_capacity)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_resize(self->fd, MARK - 4));
	ASSERT_WAITS_ON();
	ASSERT_EQ(0, queue_resize(self->fd, MARK - 5));
	ASSERT_NOTIFIED(MARK - 5, READABLE);
}

TEST_F(readers, are_notified_when_a_writer_waits)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_WAITS();
	self->other = task_writer(self->fd, 0, 2 * LEN);
	ASSERT_STARTS(self->other);
	ASSERT_NOTIFIED(MARK - 5, READABLE);
}

TEST_F(readers, are_notified_when_a_nonblocking_write_is_refused)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_WAITS();
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 2 * LEN));
	ASSERT_NOTIFIED(MARK - 5, READABLE);
}

/* A read has made some of the room that the refused write needs, but not enough. */
TEST_F(readers, are_notified_when_a_writer_polls_for_more_room_than_is_free)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 2 * LEN));
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_events(self->nb) & WRITABLE);
	ASSERT_NOTIFIED(MARK - 6, READABLE);
}

/* A writer that is transferring does not wait for room; when it gives up, the next one does. */
TEST_F(readers, are_notified_when_a_writer_waits_behind_one_that_faults)
{
	BEGIN_BELOW_THE_MARK();
	BEGIN_LATE();
	self->call.writes = true;
	ASSERT_STALLS(self->call);
	self->other = task_writer(self->fd, 0, 2 * LEN);
	ASSERT_BLOCKS(self->other);
	ASSERT_WAITS();
	ASSERT_EQ(-EFAULT, call_spoil(&self->call));
	ASSERT_NOTIFIED(MARK - 5, READABLE);
}

/* Readers: another one has been in the middle of a read, and kept them off */

#define BEGIN_BEHIND_A_READER(n, ...)					\
do {									\
	BEGIN(__VA_ARGS__);						\
	ASSERT_TRUE(put_records(self->nb, 0, n));			\
	BEGIN_LATE();							\
} while (0)

TEST_F(readers, are_notified_of_what_another_reader_leaves)
{
	BEGIN_BEHIND_A_READER(2, .type = BBUF_RECORD);
	ASSERT_STALLS(self->call);
	ASSERT_WAITS();
	ASSERT_EQ(LEN, FINISH(self->call));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_when_another_reader_faults)
{
	BEGIN_BEHIND_A_READER(1, .type = BBUF_RECORD);
	ASSERT_STALLS(self->call);
	ASSERT_WAITS();
	ASSERT_EQ(-EFAULT, call_spoil(&self->call));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, stream_readers_are_notified_when_another_reader_faults)
{
	BEGIN_BEHIND_A_READER(1, .type = BBUF_STREAM);
	ASSERT_STALLS(self->call);
	ASSERT_WAITS();
	ASSERT_EQ(-EFAULT, call_spoil(&self->call));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_when_another_reader_is_killed)
{
	BEGIN_BEHIND_A_READER(1, .type = BBUF_RECORD);
	self->other = (struct task){
		.fn = read_late, .nr = SYS_read, .fd = self->fd, .stalls = true,
	};
	ASSERT_BLOCKS(self->other);
	ASSERT_WAITS();
	task_kill(&self->other);
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_when_another_reader_times_out)
{
	BEGIN_BEHIND_A_READER(1, .type = BBUF_RECORD);
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = TIMEOUT_MS * NS_PER_MS));
	ASSERT_STALLS(self->call);
	ASSERT_BEGINS();
	ASSERT_NOTIFIED(LEN, READABLE);
}

/* Readers: the end */

TEST_F(readers, are_notified_of_EOF)
{
	self->waiter.events |= POLLRDHUP;
	BEGIN(.type = BBUF_STREAM);
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

/* Sleepers see it whether they wake up before it is undone, or later. */
TEST_F(readers, are_notified_of_shutdown_followed_by_reopen)
{
	if (variant->way != CALL)
		return;
	BEGIN(.type = BBUF_STREAM);
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_NOTIFIED(0, 0);
}

TEST_F(readers, are_notified_of_EOF_below_the_mark)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_NOTIFIED(MARK - 5, ENDED);
}

/* Its readers find POLLIN; a poller for POLLRDHUP only does not. */
TEST_F(readers, are_notified_of_EOF_behind_queued_data)
{
	ONLY_POLLERS();
	if (variant->way == EXCLUSIVE)
		return;		/* can't ask for it */
	self->waiter.events = POLLRDHUP;
	BEGIN(.type = BBUF_RECORD);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_NOTIFIED(0, ENDED);
}

TEST_F(readers, are_notified_of_the_last_close)
{
	self->waiter.events |= POLLRDHUP;
	BEGIN(.type = BBUF_RECORD, .policy = BBUF_EOF_ON_CLOSE);
	ASSERT_WAITS();
	CLOSE_WRITERS();
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_the_last_close_below_the_mark)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_EOF_ON_CLOSE));
	ASSERT_WAITS();
	CLOSE_WRITERS();
	ASSERT_NOTIFIED(MARK - 5, ENDED);
}

TEST_F(readers, are_not_notified_of_the_last_close_without_the_policy)
{
	BEGIN(.type = BBUF_RECORD);
	ASSERT_WAITS();
	CLOSE_WRITERS();
	ASSERT_WAITS_ON();
	self->nb = queue_open(QUEUE, O_WRONLY);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_destroy)
{
	BEGIN(.type = BBUF_STREAM);
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_NOTIFIED(-ENODEV, POLLHUP | POLLERR);
}

TEST_F(readers, are_notified_of_destroy_below_the_mark)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_NOTIFIED(-ENODEV, POLLHUP | POLLERR);
}

/* After a shutdown, what takes the last brings POLLHUP: that comes unasked. */
#define BEGIN_BEFORE_THE_END(...)					\
do {									\
	ONLY_POLLERS();							\
	NOT_IN_URING_POLL();						\
	self->waiter.events = 0;					\
	BEGIN(__VA_ARGS__);						\
	ASSERT_TRUE(put_records(self->nb, 0, 2));			\
	ASSERT_EQ(0, queue_shutdown(self->fd));				\
	ASSERT_WAITS();							\
} while (0)

TEST_F(readers, are_notified_of_EOF_after_the_last_read)
{
	BEGIN_BEFORE_THE_END(.type = BBUF_STREAM);
	ASSERT_TRUE(discard(self->nb, 2 * LEN - 1));
	if (!waiter_wants_edges(&self->waiter)) {
		ASSERT_WAITS_ON();
	}
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_the_last_record)
{
	BEGIN_BEFORE_THE_END(.type = BBUF_RECORD);
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_a_framed_read_of_the_last_records)
{
	BEGIN_BEFORE_THE_END(.type = BBUF_RECORD);
	ASSERT_TRUE(batch_take(self->framed, LEN, 2));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_a_flush)
{
	BEGIN_BEFORE_THE_END(.type = BBUF_RECORD);
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

/* Readers: what is nothing to them */

TEST_F(readers, are_not_notified_of_calls_that_bring_no_data)
{
	BEGIN(.type = BBUF_RECORD);
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_resize(self->fd, 2 * CAPACITY));
	ASSERT_EQ(0, queue_set_write_mark(self->fd, 1));
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_DROP_OLDEST));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_EQ(0, queue_reopen(self->fd));
	close(queue_open(QUEUE, O_RDWR));
	ASSERT_WAITS_ON();
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

/* Writers: room */

WAITER_FIXTURE(writers, true)

/* No room, of a stream or of records. */
#define BEGIN_FULL(...)							\
do {									\
	BEGIN(__VA_ARGS__);						\
	ASSERT_TRUE(put_records(self->nb, 0, CAPACITY / LEN));		\
	ASSERT_WAITS();							\
} while (0)

TEST_F(writers, are_notified_of_a_read)
{
	BEGIN_FULL(.type = BBUF_STREAM);
	ASSERT_TRUE(discard(self->nb, LEN - 1));
	ASSERT_WAITS_ON();
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_read_of_a_record)
{
	BEGIN_FULL(.type = BBUF_RECORD);
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_framed_read)
{
	BEGIN_FULL(.type = BBUF_RECORD);
	ASSERT_TRUE(batch_take(self->framed, LEN, 2));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_nonblocking_read)
{
	BEGIN_FULL(.type = BBUF_STREAM);
	ASSERT_EQ(LEN, read_now(self->fd, LEN));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_splice)
{
	BEGIN_FULL(.type = BBUF_STREAM);
	ASSERT_TRUE(splice_out(self->nb, LEN));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_long_read)
{
	BEGIN(.type = BBUF_STREAM, .capacity = LONG);
	ASSERT_TRUE(fill(self->nb, LONG));
	ASSERT_WAITS();
	ASSERT_TRUE(discard(self->nb, LONG));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_read_of_a_very_long_record)
{
	BEGIN(.type = BBUF_RECORD, .capacity = VERY_LONG);
	ASSERT_TRUE(fill(self->nb, VERY_LONG));
	ASSERT_WAITS();
	ASSERT_TRUE(discard(self->nb, VERY_LONG));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_bytes_read_before_a_fault)
{
	BEGIN_FULL(.type = BBUF_STREAM);
	ASSERT_EQ(LEN, read_partly(self->nb, LEN));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_flush)
{
	BEGIN_FULL(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_flush_of_records)
{
	BEGIN_FULL(.type = BBUF_RECORD);
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_larger_capacity)
{
	BEGIN_FULL(.type = BBUF_RECORD);
	ASSERT_EQ(0, queue_resize(self->nb, CAPACITY + LEN - 1));
	ASSERT_WAITS_ON();
	ASSERT_EQ(0, queue_resize(self->nb, CAPACITY + LEN));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_when_drop_oldest_is_set)
{
	BEGIN_FULL(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_set_policy(self->nb, BBUF_DROP_OLDEST));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_not_notified_of_calls_that_make_no_room)
{
	char byte[CAPACITY];

	BEGIN_FULL(.type = BBUF_RECORD);
	ASSERT_EQ(LEN, queue_peek(self->nb, byte, CAPACITY));
	ASSERT_FAILS(EMSGSIZE, read(self->nb, byte, 1));
	ASSERT_FAILS(EFAULT, read_partly(self->nb, LEN - 1));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, LEN));
	ASSERT_EQ(0, queue_reopen(self->nb));
	close(queue_open(QUEUE, O_RDWR));
	ASSERT_WAITS_ON();
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

/* A peek as long as a batch is no read, for which writers would be woken ahead. */
TEST_F(writers, are_not_notified_of_a_peek_at_many_bytes)
{
	static char bytes[LONG];

	BEGIN(.type = BBUF_STREAM, .capacity = LONG);
	ASSERT_TRUE(fill(self->nb, LONG));
	ASSERT_WAITS();
	ASSERT_EQ(LONG, queue_peek(self->nb, bytes, LONG));
	ASSERT_WAITS_ON();
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

/* Writers who have room already want to know when there is more. */

TEST_F(writers, are_notified_of_more_room)
{
	ONLY_EDGES();
	BEGIN(.type = BBUF_STREAM);
	ASSERT_EQ(2 * LEN, put(self->nb, 0, 2 * LEN));
	ASSERT_WAITS();
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, are_notified_of_more_room_of_records)
{
	ONLY_EDGES();
	BEGIN(.type = BBUF_RECORD);
	ASSERT_TRUE(put_records(self->nb, 0, 3));
	ASSERT_WAITS();
	ASSERT_TRUE(batch_take(self->framed, LEN, 2));
	ASSERT_NOTIFIED(0, WRITABLE);
}

/* Writers: the write mark, which is nothing to their writes */

TEST_F(writers, are_notified_of_a_lower_mark)
{
	ONLY_POLLERS();
	BEGIN(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_TRUE(fill(self->nb, LEN));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY - LEN + 1));
	ASSERT_WAITS_ON();
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY - LEN));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, are_notified_when_the_mark_is_reached)
{
	ONLY_POLLERS();
	BEGIN(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_TRUE(fill(self->nb, 2 * LEN));
	ASSERT_WAITS();
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_WAITS_ON();
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_NOTIFIED(0, WRITABLE);
}

/* A mark beyond the capacity would never be reached. */
TEST_F(writers, are_notified_when_a_mark_lowered_with_the_capacity_is_reached)
{
	ONLY_POLLERS();
	BEGIN(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_TRUE(fill(self->nb, LEN));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_resize(self->fd, 2 * LEN));
	ASSERT_WAITS_ON();
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, are_notified_when_the_first_mark_lowered_with_the_capacity_is_reached)
{
	ONLY_POLLERS();
	BEGIN(.type = BBUF_STREAM);
	CLOSE_WRITERS();
	close(self->waiter.fd);
	QUEUE_BEGIN(BBUF_STREAM, 2 * ATOMIC_MAX, 0);
	self->waiter.fd = queue_open(QUEUE, O_WRONLY);
	ASSERT_TRUE(fill(self->nb, 2 * LEN));
	ASSERT_EQ(0, queue_resize(self->fd, 2 * LEN));
	ASSERT_WAITS();
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_WAITS_ON();
	ASSERT_TRUE(discard(self->nb, LEN));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, are_notified_of_a_mark_that_is_lowered_with_the_capacity)
{
	ONLY_POLLERS();
	BEGIN(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_EQ(0, queue_set_read_mark(self->fd, 1));
	ASSERT_TRUE(fill(self->nb, LEN));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_set(self->fd, .fields = BBUF_SET_CAPACITY | BBUF_SET_WRITE_MARK,
			       .capacity = 2 * LEN, .write_mark = LEN));
	ASSERT_NOTIFIED(0, WRITABLE);
}

/* Writers: what a write needs that was sent away */

#define ASSERT_REFUSED(n)	ASSERT_FAILS(EAGAIN, write_now(self->waiter.fd, n))

/* Room for two records, of which a write needs five. */
#define BEGIN_REFUSED(...)						\
do {									\
	ONLY_POLLERS();							\
	BEGIN(__VA_ARGS__);						\
	ASSERT_TRUE(put_records(self->nb, 0, 8));			\
	ASSERT_REFUSED(5 * LEN);					\
	ASSERT_WAITS();							\
} while (0)

/* A signal concerns the side, not the file. Later kernels notify io_uring too early. */
#define ASSERT_WAITS_ON_FOR_MORE()					\
do {									\
	if (variant->way != SIGNAL && variant->way != URING_POLL) {	\
		ASSERT_WAITS_ON();					\
	}								\
} while (0)

TEST_F(writers, are_notified_of_the_room_that_a_refused_write_needs)
{
	BEGIN_REFUSED(.type = BBUF_STREAM);
	ASSERT_TRUE(discard(self->nb, 3 * LEN - 1));
	ASSERT_WAITS_ON_FOR_MORE();
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, are_notified_of_the_room_that_a_refused_record_needs)
{
	BEGIN_REFUSED(.type = BBUF_RECORD);
	ASSERT_TRUE(batch_take(self->framed, LEN, 3));
	ASSERT_NOTIFIED(0, WRITABLE);
}

/* A write of the same file, or a refusal for less, is the last. */
TEST_F(writers, are_notified_when_no_refused_write_is_left)
{
	BEGIN_REFUSED(.type = BBUF_RECORD);
	ASSERT_EQ(LEN, write_now(self->waiter.fd, LEN));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, are_notified_of_room_when_the_last_refused_write_needs_less)
{
	BEGIN_REFUSED(.type = BBUF_RECORD);
	ASSERT_REFUSED(3 * LEN);
	ASSERT_WAITS_ON_FOR_MORE();
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, are_notified_when_a_refused_record_can_never_fit)
{
	BEGIN_REFUSED(.type = BBUF_RECORD);
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(4 * LEN, put(self->nb, 0, 4 * LEN));
	ASSERT_REFUSED(CAPACITY - 1);
	ASSERT_TRUE(take_records(self->nb, 2, 6));
	ASSERT_EQ(0, queue_resize(self->fd, CAPACITY - 2));
	ASSERT_NOTIFIED(0, WRITABLE);
}

/* Writers: another one has kept them off */

/* There is room for two records; the head wants three, and was passed by one. */
#define BEGIN_BEHIND_A_HEAD()						\
do {									\
	BEGIN(.type = BBUF_RECORD);					\
	ASSERT_TRUE(put_records(self->nb, 0, 8));			\
	self->other = task_writer(self->fd, 0, 3 * LEN);		\
} while (0)

#define ASSERT_HEAD_IS_PASSED()						\
do {									\
	ASSERT_BLOCKS(self->other);					\
	ASSERT_TRUE(put_records(self->nb, 8, 1));			\
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, LEN));			\
} while (0)

TEST_F(writers, are_notified_when_the_head_is_killed)
{
	BEGIN_BEHIND_A_HEAD();
	ASSERT_HEAD_IS_PASSED();
	ASSERT_WAITS();
	task_kill(&self->other);
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_when_the_head_gets_a_signal)
{
	BEGIN_BEHIND_A_HEAD();
	ASSERT_HEAD_IS_PASSED();
	ASSERT_WAITS();
	ASSERT_TRUE(task_signal(&self->other));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_when_the_head_has_written)
{
	BEGIN_BEHIND_A_HEAD();
	ASSERT_HEAD_IS_PASSED();
	ASSERT_WAITS();
	ASSERT_TRUE(batch_take(self->framed, LEN, 3));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_when_the_head_times_out)
{
	BEGIN_BEHIND_A_HEAD();
	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = TIMEOUT_MS * NS_PER_MS));
	ASSERT_STARTS(self->other);
	ASSERT_TRUE(eventually(queue_info(self->nb).in.waiters || task_done(&self->other)));
	ASSERT_TRUE(put_records(self->nb, 8, 1));
	ASSERT_BEGINS();
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

#define BEGIN_BEHIND_A_WRITER(...)					\
do {									\
	BEGIN(__VA_ARGS__);						\
	BEGIN_LATE();							\
	self->call.writes = true;					\
} while (0)

TEST_F(writers, are_notified_when_another_writer_has_written)
{
	BEGIN_BEHIND_A_WRITER(.type = BBUF_RECORD);
	ASSERT_STALLS(self->call);
	ASSERT_WAITS();
	ASSERT_EQ(LEN, FINISH(self->call));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_when_another_writer_faults)
{
	BEGIN_BEHIND_A_WRITER(.type = BBUF_RECORD);
	ASSERT_STALLS(self->call);
	ASSERT_WAITS();
	ASSERT_EQ(-EFAULT, call_spoil(&self->call));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, stream_writers_are_notified_when_another_writer_faults)
{
	BEGIN_BEHIND_A_WRITER(.type = BBUF_STREAM);
	ASSERT_STALLS(self->call);
	ASSERT_WAITS();
	ASSERT_EQ(-EFAULT, call_spoil(&self->call));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_when_another_writer_is_killed)
{
	BEGIN_BEHIND_A_WRITER(.type = BBUF_RECORD);
	self->other = (struct task){
		.fn = write_late, .nr = SYS_write, .fd = self->fd, .stalls = true,
	};
	ASSERT_BLOCKS(self->other);
	ASSERT_WAITS();
	task_kill(&self->other);
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_when_another_writer_times_out)
{
	BEGIN_BEHIND_A_WRITER(.type = BBUF_RECORD);
	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = TIMEOUT_MS * NS_PER_MS));
	ASSERT_STALLS(self->call);
	ASSERT_BEGINS();
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

/* Writers: the end */

TEST_F(writers, are_notified_of_shutdown)
{
	BEGIN_FULL(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_NOTIFIED(-EPIPE, POLLERR);
}

TEST_F(writers, are_notified_of_shutdown_followed_by_reopen)
{
	if (variant->way != CALL)
		return;
	BEGIN_FULL(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_NOTIFIED(-EPIPE, 0);
}

TEST_F(writers, are_notified_of_destroy)
{
	BEGIN_FULL(.type = BBUF_RECORD);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_NOTIFIED(-ENODEV, POLLHUP | POLLERR);
}

/* Their events after a shutdown are the error, until it is taken back. */
TEST_F(writers, are_notified_of_reopen)
{
	ONLY_EDGES();
	BEGIN(.type = BBUF_STREAM);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, record_writers_are_notified_when_the_record_can_never_fit)
{
	ONLY_CALLS();
	self->waiter.len = CAPACITY - LEN;
	BEGIN(.type = BBUF_RECORD);
	ASSERT_TRUE(put_records(self->nb, 0, 2));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_resize(self->fd, CAPACITY - LEN - 1));
	ASSERT_NOTIFIED(-EMSGSIZE, 0);
}

/* They are written in pieces then, each of half the capacity at least. */
TEST_F(writers, stream_writers_are_notified_of_room_for_a_piece_if_all_can_never_fit)
{
	if (variant->way != CALL)
		return;
	self->waiter.len = CAPACITY - LEN;
	BEGIN(.type = BBUF_STREAM);
	ASSERT_TRUE(fill(self->nb, 2 * LEN));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_resize(self->fd, 3 * LEN));
	ASSERT_TRUE(discard(self->nb, 2 * LEN));
	ASSERT_TRUE(eventually(queued(self->nb) > 0));
	ASSERT_TRUE(discard(self->fd, CAPACITY - LEN));
	ASSERT_NOTIFIED(CAPACITY - LEN, 0);
}

/* fsync */

FIXTURE(fsync) {
	int fd;
	int nb;
	int framed;
	struct task drainer;
	struct task late;
};

FIXTURE_SETUP(fsync)
{
	QUEUE_BEGIN(BBUF_RECORD, CAPACITY, 0);
	self->framed = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, queue_set_options(self->framed, .flags = BBUF_FRAMED));
	ASSERT_TRUE(put_records(self->nb, 0, 2));
	self->drainer = task_drainer(self->fd);
	ASSERT_BLOCKS(self->drainer);
}

FIXTURE_TEARDOWN(fsync)
{
	close(self->fd);
	close(self->nb);
	close(self->framed);
	queue_destroy(QUEUE);
}

TEST_F(fsync, ends_on_the_last_read)
{
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_UNDISTURBED(self->drainer);
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_RETURNS(0, self->drainer);
}

TEST_F(fsync, ends_on_a_framed_read)
{
	ASSERT_TRUE(batch_take(self->framed, LEN, 2));
	ASSERT_RETURNS(0, self->drainer);
}

TEST_F(fsync, ends_on_a_flush)
{
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_RETURNS(0, self->drainer);
}

TEST_F(fsync, ends_on_destroy)
{
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, self->drainer);
}

TEST_F(fsync, ends_when_the_last_byte_is_dropped)
{
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_DROP_OLDEST));
	ASSERT_TRUE(put_records(self->nb, 2, CAPACITY / LEN - 1));
	ASSERT_UNDISTURBED(self->drainer);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_RETURNS(0, self->drainer);
}

TEST_F(fsync, ends_when_all_that_was_queued_at_the_call_is_read)
{
	ASSERT_TRUE(put_records(self->nb, 2, 1));
	self->late = task_drainer(self->fd);
	ASSERT_BLOCKS(self->late);
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_RETURNS(0, self->drainer);
	ASSERT_UNDISTURBED(self->late);
	ASSERT_TRUE(take_records(self->nb, 2, 1));
	ASSERT_RETURNS(0, self->late);
}

/* More than one task wakes. */
TEST_F(fsync, ends_for_many_callers)
{
	static struct task crowd[70];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(crowd); i++) {
		crowd[i] = task_drainer(self->fd);
		crowd[i].is_thread = true;
		ASSERT_STARTS(crowd[i]);
	}
	for (i = 0; i < ARRAY_SIZE(crowd); i++)
		ASSERT_TRUE(task_sleeps(&crowd[i]));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	for (i = 0; i < ARRAY_SIZE(crowd); i++)
		ASSERT_RETURNS(0, crowd[i]);
	ASSERT_RETURNS(0, self->drainer);
}

TEST_F(fsync, does_not_end_on_calls_that_take_nothing)
{
	ASSERT_EQ(0, queue_resize(self->fd, 2 * CAPACITY));
	ASSERT_EQ(LEN, queue_peek(self->nb, (char[LEN]){ 0 }, LEN));
	ASSERT_FAILS(EFAULT, read_partly(self->nb, LEN - 1));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_UNDISTURBED(self->drainer);
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_RETURNS(0, self->drainer);
}

BBUF_HARNESS_MAIN
