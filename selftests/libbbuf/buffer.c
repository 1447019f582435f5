// SPDX-License-Identifier: GPL-2.0-only
/* Writers and readers: which records they hold back, send, fetch, return and keep. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fixture.h"

#define RECORD	1000	/* bytes, so that 8 records fill a queue of CAPACITY */
#define FIT	(CAPACITY / RECORD)
#define ROOM	(64 * BBUF_FRAME_SPACE(RECORD))
#define SMALL	(3 * BBUF_FRAME_SPACE(8))	/* for three records of 8 bytes */

/* Each clock of this process is ahead by this number of seconds: nothing waits for a delay. */
static time_t ahead;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int ret = syscall(SYS_clock_gettime, clock, now);

	now->tv_sec += ahead;
	return ret;
}

static const struct timespec a_minute = { .tv_sec = 60 };
#define OVER	61

#define ASSERT_WRITES(writer, string)					\
	ASSERT_EQ((ssize_t)strlen(string),				\
		  bbuf_writer_put(writer, string, strlen(string), &at_once))

#define ASSERT_TAKES(writer, string) do {				\
	const void *__data;						\
	size_t __len;							\
									\
	ASSERT_EQ(1, bbuf_writer_take(writer, &__data, &__len));	\
	ASSERT_EQ(strlen(string), __len);				\
	ASSERT_EQ(0, memcmp(string, __data, __len));			\
} while (0)

#define ASSERT_NEXT(reader, string, lease) do {				\
	const void *__data;						\
									\
	ASSERT_EQ((ssize_t)strlen(string),				\
		  bbuf_reader_next(reader, &__data, &at_once, lease));	\
	ASSERT_EQ(0, memcmp(string, __data, strlen(string)));		\
} while (0)

#define ASSERT_READS(reader, string) do {				\
	char __got[STRING_SIZE];					\
									\
	ASSERT_EQ((ssize_t)strlen(string),				\
		  bbuf_reader_get(reader, __got, sizeof(__got), &at_once, NULL)); \
	ASSERT_EQ(0, memcmp(string, __got, strlen(string)));		\
} while (0)

#define ASSERT_QUEUED(count) do {					\
	struct bbuf_info __info;					\
									\
	ASSERT_EQ(0, bbuf_get_info(self->queue, &__info));		\
	ASSERT_EQ(count, __info.records);				\
} while (0)

#define ASSERT_NOTHING_QUEUED()						\
	ASSERT_FAILS(EAGAIN, bbuf_get(self->queue, self->name, sizeof(self->name), &at_once))

static ssize_t put_record(struct bbuf_writer *writer, unsigned char first,
			  const struct timespec *timeout)
{
	unsigned char record[RECORD] = { first };

	return bbuf_writer_put(writer, record, sizeof(record), timeout);
}

/* Records whose first byte counts them. */
static bool put_records(struct bbuf_writer *writer, unsigned char from, unsigned char count)
{
	while (count--)
		if (put_record(writer, from++, &at_once) != RECORD)
			return false;
	return true;
}

static bool gets_records(struct bbuf *queue, unsigned char from, unsigned char count)
{
	unsigned char record[RECORD];

	while (count--)
		if (bbuf_get(queue, record, sizeof(record), &at_once) != RECORD ||
		    record[0] != from++)
			return false;
	return true;
}

/* Writers */

FIXTURE(writer) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf_writer *writer;
	struct bbuf_writer *small;
};

FIXTURE_SETUP(writer)
{
	MAKE_QUEUE("writer", queue_make(self->name, BBUF_RECORD));
	self->writer = bbuf_writer_new(self->queue, ROOM, NULL);
	self->small = bbuf_writer_new(self->queue, SMALL, NULL);
	ASSERT_NE(NULL, self->writer);
	ASSERT_NE(NULL, self->small);
}

FIXTURE_TEARDOWN(writer)
{
	bbuf_writer_free(self->writer);
	bbuf_writer_free(self->small);
	END_QUEUE();
}

TEST_F(writer, holds_records_back_until_it_is_flushed)
{
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, NULL));
	ASSERT_WRITES(self->writer, "one");
	ASSERT_WRITES(self->writer, "two");
	ASSERT_EQ(2, bbuf_writer_count(self->writer));
	ASSERT_NOTHING_QUEUED();
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, NULL));
	ASSERT_EQ(0, bbuf_writer_count(self->writer));
	ASSERT_GETS(self->queue, "one");
	ASSERT_GETS(self->queue, "two");
	ASSERT_NOTHING_QUEUED();
}

TEST_F(writer, sends_all_records_when_one_does_not_fit)
{
	ASSERT_WRITES(self->small, "1");
	ASSERT_WRITES(self->small, "2");
	ASSERT_WRITES(self->small, "3");
	ASSERT_QUEUED(0);
	ASSERT_WRITES(self->small, "12345678");
	ASSERT_EQ(1, bbuf_writer_count(self->small));
	ASSERT_GETS(self->queue, "1");
	ASSERT_GETS(self->queue, "2");
	ASSERT_GETS(self->queue, "3");
	ASSERT_NOTHING_QUEUED();
	ASSERT_EQ(0, bbuf_writer_flush(self->small, &at_once));
	ASSERT_GETS(self->queue, "12345678");
}

TEST_F(writer, copies_the_record)
{
	char record[] = "before";

	ASSERT_WRITES(self->writer, record);
	memset(record, 'x', sizeof(record));
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, NULL));
	ASSERT_GETS(self->queue, "before");
}

TEST_F(writer, put_of_no_bytes_does_nothing)
{
	ASSERT_EQ(0, bbuf_writer_put(self->writer, "", 0, NULL));
	ASSERT_EQ(0, bbuf_writer_count(self->writer));
}

TEST_F(writer, sends_a_record_longer_than_its_memory_behind_the_others)
{
	ASSERT_WRITES(self->small, "short");
	ASSERT_EQ(RECORD, put_record(self->small, 7, &at_once));
	ASSERT_EQ(0, bbuf_writer_count(self->small));
	ASSERT_GETS(self->queue, "short");
	ASSERT_TRUE(gets_records(self->queue, 7, 1));
}

TEST_F(writer, refuses_a_long_record_while_the_others_cannot_be_sent)
{
	ASSERT_WRITES(self->small, "short");
	ASSERT_TRUE(queue_fill(self->queue, CAPACITY));
	ASSERT_FAILS(EAGAIN, put_record(self->small, 7, &at_once));
	ASSERT_FAILS(ETIMEDOUT, put_record(self->small, 7, &shortly));
	ASSERT_EQ(1, bbuf_writer_count(self->small));
	ASSERT_EQ(0, bbuf_flush(self->queue));
	ASSERT_EQ(0, bbuf_writer_flush(self->small, &at_once));
	ASSERT_GETS(self->queue, "short");
	ASSERT_NOTHING_QUEUED();
}

TEST_F(writer, refuses_a_record_longer_than_the_capacity)
{
	static const char record[CAPACITY + 1];

	ASSERT_WRITES(self->writer, "before");
	ASSERT_FAILS(EMSGSIZE, bbuf_writer_put(self->writer, record, sizeof(record), NULL));
	ASSERT_WRITES(self->writer, "after");
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, NULL));
	ASSERT_GETS(self->queue, "before");
	ASSERT_GETS(self->queue, "after");
	ASSERT_NOTHING_QUEUED();
}

TEST_F(writer, flush_keeps_records_without_room_in_order)
{
	ASSERT_TRUE(put_records(self->writer, 0, 20));
	ASSERT_FAILS(EAGAIN, bbuf_writer_flush(self->writer, &at_once));
	ASSERT_EQ(20 - FIT, bbuf_writer_count(self->writer));
	ASSERT_FAILS(EAGAIN, bbuf_writer_flush(self->writer, &at_once));
	ASSERT_FAILS(ETIMEDOUT, bbuf_writer_flush(self->writer, &shortly));
	ASSERT_TRUE(gets_records(self->queue, 0, FIT));
	ASSERT_NOTHING_QUEUED();
	ASSERT_FAILS(ETIMEDOUT, bbuf_writer_flush(self->writer, &shortly));
	ASSERT_EQ(20 - 2 * FIT, bbuf_writer_count(self->writer));
	ASSERT_TRUE(gets_records(self->queue, FIT, FIT));
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, &at_once));
	ASSERT_TRUE(gets_records(self->queue, 2 * FIT, 20 - 2 * FIT));
	ASSERT_NOTHING_QUEUED();
}

TEST_F(writer, put_fails_only_if_the_record_does_not_fit)
{
	struct bbuf_writer *writer = bbuf_writer_new(self->queue, 2 * BBUF_FRAME_SPACE(RECORD),
						     NULL);

	ASSERT_NE(NULL, writer);
	ASSERT_TRUE(put_records(writer, 0, FIT + 2));
	ASSERT_FAILS(EAGAIN, put_record(writer, FIT + 2, &at_once));
	ASSERT_FAILS(ETIMEDOUT, put_record(writer, FIT + 2, &shortly));
	ASSERT_EQ(2, bbuf_writer_count(writer));
	ASSERT_TRUE(gets_records(self->queue, 0, 1));
	ASSERT_EQ(RECORD, put_record(writer, FIT + 2, &at_once));
	ASSERT_EQ(2, bbuf_writer_count(writer));
	ASSERT_TRUE(gets_records(self->queue, 1, FIT));
	ASSERT_EQ(0, bbuf_writer_flush(writer, &at_once));
	ASSERT_TRUE(gets_records(self->queue, FIT + 1, 2));
	ASSERT_NOTHING_QUEUED();
	bbuf_writer_free(writer);
}

TEST_F(writer, put_sends_again_if_a_part_made_too_little_room)
{
	static const char record[2 * RECORD];
	struct bbuf_writer *writer = bbuf_writer_new(self->queue, 4 * BBUF_FRAME_SPACE(RECORD),
						     NULL);

	ASSERT_NE(NULL, writer);
	ASSERT_TRUE(put_records(writer, 0, FIT + 3));
	ASSERT_EQ(0, bbuf_flush(self->queue));
	ASSERT_TRUE(queue_fill(self->queue, RECORD));
	ASSERT_GT(bbuf_get(self->queue, (char [RECORD]) { "" }, RECORD, &at_once), 0);
	ASSERT_TRUE(put_records(writer, FIT + 3, 4 - bbuf_writer_count(writer)));
	ASSERT_FAILS(ETIMEDOUT, bbuf_writer_put(writer, record, sizeof(record), &shortly));
	ASSERT_EQ(3, bbuf_writer_count(writer));
	ASSERT_EQ(0, bbuf_flush(self->queue));
	ASSERT_EQ(sizeof(record), bbuf_writer_put(writer, record, sizeof(record), &at_once));
	ASSERT_EQ(1, bbuf_writer_count(writer));
	ASSERT_QUEUED(3);
	bbuf_writer_free(writer);
}

TEST_F(writer, refuses_invalid_timeouts)
{
	const struct timespec bad = { .tv_nsec = -1 };

	ASSERT_WRITES(self->writer, "x");
	ASSERT_FAILS(EINVAL, bbuf_writer_flush(self->writer, &bad));
	ASSERT_EQ(1, bbuf_writer_count(self->writer));
}

TEST_F(writer, never_waits_with_a_nonblocking_handle)
{
	struct bbuf *queue = bbuf_open(self->name, O_WRONLY | O_NONBLOCK);
	struct bbuf_writer *writer;

	ASSERT_NE(NULL, queue);
	writer = bbuf_writer_new(queue, ROOM, NULL);
	ASSERT_NE(NULL, writer);
	ASSERT_TRUE(put_records(writer, 0, 20));
	ASSERT_FAILS(EAGAIN, bbuf_writer_flush(writer, NULL));
	ASSERT_FAILS(EAGAIN, bbuf_writer_flush(writer, &long_enough));
	ASSERT_EQ(20 - FIT, bbuf_writer_count(writer));
	ASSERT_TRUE(gets_records(self->queue, 0, FIT));
	bbuf_writer_free(writer);
	bbuf_close(queue);
}

struct flush {
	struct call call;
	struct bbuf_writer *writer;
};

static ssize_t call_flush(struct call *call)
{
	return bbuf_writer_flush(((struct flush *)call)->writer, call->timeout);
}

FIXTURE(flushing) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct flush flush;
};

FIXTURE_VARIANT(flushing) {
	const struct timespec *timeout;
};

FIXTURE_VARIANT_ADD(flushing, without_timeout) { .timeout = NULL };
FIXTURE_VARIANT_ADD(flushing, with_timeout) { .timeout = &long_enough };

FIXTURE_SETUP(flushing)
{
	MAKE_QUEUE("flushing", queue_make(self->name, BBUF_RECORD));
	self->flush.call = (struct call) { .fn = call_flush, .timeout = variant->timeout };
	OPEN_HANDLE(self->flush.call.queue, O_WRONLY);
	self->flush.writer = bbuf_writer_new(self->flush.call.queue, ROOM, NULL);
	ASSERT_NE(NULL, self->flush.writer);
	ASSERT_TRUE(put_records(self->flush.writer, 0, 20));
}

FIXTURE_TEARDOWN(flushing)
{
	bbuf_writer_free(self->flush.writer);
	bbuf_close(self->flush.call.queue);
	END_QUEUE();
}

TEST_F(flushing, continues_as_room_is_made)
{
	unsigned char record[RECORD];
	int i;

	ASSERT_WAITS_FOR_ROOM(self->flush.call);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(RECORD, bbuf_get(self->queue, record, RECORD, &long_enough));
		ASSERT_EQ(i, record[0]);
	}
	ASSERT_ENDS(0, self->flush.call);
	ASSERT_EQ(0, bbuf_writer_count(self->flush.writer));
}

TEST_F(flushing, keeps_the_rest_when_a_signal_ends_it)
{
	ASSERT_WAITS_FOR_ROOM(self->flush.call);
	ASSERT_TRUE(call_interrupt(&self->flush.call));
	ASSERT_ENDS(-1, self->flush.call);
	ASSERT_EQ(EINTR, self->flush.call.error);
	ASSERT_EQ(20 - FIT, bbuf_writer_count(self->flush.writer));
	ASSERT_TRUE(gets_records(self->queue, 0, FIT));
	ASSERT_FAILS(EAGAIN, bbuf_writer_flush(self->flush.writer, &at_once));
	ASSERT_TRUE(gets_records(self->queue, FIT, FIT));
}

TEST_F(flushing, keeps_the_rest_when_the_queue_is_shut_down)
{
	ASSERT_WAITS_FOR_ROOM(self->flush.call);
	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ASSERT_ENDS(-1, self->flush.call);
	ASSERT_EQ(EPIPE, self->flush.call.error);
	ASSERT_EQ(20 - FIT, bbuf_writer_count(self->flush.writer));
	ASSERT_TRUE(gets_records(self->queue, 0, FIT));
	ASSERT_EQ(0, bbuf_reopen(self->queue));
	ASSERT_FAILS(EAGAIN, bbuf_writer_flush(self->flush.writer, &at_once));
	ASSERT_TRUE(gets_records(self->queue, FIT, FIT));
}

TEST_F(flushing, keeps_the_rest_when_the_queue_is_destroyed)
{
	ASSERT_WAITS_FOR_ROOM(self->flush.call);
	ASSERT_EQ(0, bbuf_destroy(self->name));
	ASSERT_ENDS(-1, self->flush.call);
	ASSERT_EQ(ENODEV, self->flush.call.error);
	ASSERT_EQ(20 - FIT, bbuf_writer_count(self->flush.writer));
}

TEST_F(writer, records_that_the_queue_refuses_can_be_taken)
{
	const void *data;
	size_t len;

	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ASSERT_WRITES(self->writer, "one");
	ASSERT_WRITES(self->writer, "two");
	ASSERT_FAILS(EPIPE, bbuf_writer_flush(self->writer, NULL));
	ASSERT_TAKES(self->writer, "one");
	ASSERT_EQ(1, bbuf_writer_count(self->writer));
	ASSERT_TAKES(self->writer, "two");
	ASSERT_EQ(0, bbuf_writer_take(self->writer, &data, &len));
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, NULL));
}

TEST_F(writer, record_that_became_too_long_can_be_taken)
{
	const void *data;
	size_t len;

	ASSERT_TRUE(put_records(self->writer, 0, 1));
	ASSERT_WRITES(self->writer, "next");
	ASSERT_EQ(0, bbuf_resize(self->queue, RECORD / 2));
	ASSERT_FAILS(EMSGSIZE, bbuf_writer_flush(self->writer, NULL));
	ASSERT_EQ(2, bbuf_writer_count(self->writer));
	ASSERT_EQ(1, bbuf_writer_take(self->writer, &data, &len));
	ASSERT_EQ(RECORD, len);
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, NULL));
	ASSERT_GETS(self->queue, "next");
}

TEST_F(writer, needs_a_handle_open_for_writing)
{
	struct bbuf *reader = bbuf_open(self->name, O_RDONLY);
	struct bbuf_writer *writer;

	ASSERT_NE(NULL, reader);
	writer = bbuf_writer_new(reader, ROOM, NULL);
	ASSERT_NE(NULL, writer);
	ASSERT_WRITES(writer, "x");
	ASSERT_FAILS(EBADF, bbuf_writer_flush(writer, NULL));
	ASSERT_EQ(1, bbuf_writer_count(writer));
	bbuf_writer_free(writer);
	bbuf_close(reader);
}

TEST_F(writer, alternates_with_plain_calls)
{
	ASSERT_WRITES(self->writer, "held back");
	ASSERT_PUTS(self->queue, "plain");
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, NULL));
	ASSERT_PUTS(self->queue, "last");
	ASSERT_GETS(self->queue, "plain");
	ASSERT_GETS(self->queue, "held back");
	ASSERT_GETS(self->queue, "last");
}

/* A process that ends sends nothing; and the child of a fork has a copy, which it may free. */
TEST_F(writer, sends_nothing_when_it_is_freed)
{
	int status;
	pid_t pid;

	ASSERT_WRITES(self->writer, "once");
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		bbuf_writer_free(self->writer);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_NOTHING_QUEUED();
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, NULL));
	ASSERT_GETS(self->queue, "once");
	ASSERT_NOTHING_QUEUED();
	errno = EAGAIN;
	bbuf_writer_free(NULL);
	ASSERT_EQ(EAGAIN, errno);
}

TEST_F(writer, refuses_invalid_arguments)
{
	const struct timespec bad = { .tv_sec = -1 };

	ASSERT_NO_HANDLE(EINVAL, bbuf_writer_new(self->queue, 0, NULL));
	ASSERT_NO_HANDLE(EINVAL, bbuf_writer_new(self->queue, sizeof(struct bbuf_frame), NULL));
	ASSERT_NO_HANDLE(EINVAL, bbuf_writer_new(self->queue, ROOM, &bad));
	ASSERT_NO_HANDLE(ENOMEM, bbuf_writer_new(self->queue, SIZE_MAX / 2, NULL));
}

/* Delays */

FIXTURE(delayed) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf_writer *writer;
};

FIXTURE_VARIANT(delayed) {
	const struct timespec *delay;
};

FIXTURE_VARIANT_ADD(delayed, by_a_minute) { .delay = &a_minute };
FIXTURE_VARIANT_ADD(delayed, by_nothing) { .delay = &at_once };
FIXTURE_VARIANT_ADD(delayed, for_ever) { .delay = NULL };

FIXTURE_SETUP(delayed)
{
	ahead = 0;
	MAKE_QUEUE("delayed", queue_make(self->name, BBUF_RECORD));
	self->writer = bbuf_writer_new(self->queue, ROOM, variant->delay);
	ASSERT_NE(NULL, self->writer);
}

FIXTURE_TEARDOWN(delayed)
{
	bbuf_writer_free(self->writer);
	END_QUEUE();
}

TEST_F(delayed, put_sends_all_records_when_the_delay_is_over)
{
	ASSERT_WRITES(self->writer, "one");
	ASSERT_WRITES(self->writer, "two");
	ASSERT_EQ(variant->delay == &at_once ? 0 : 2, bbuf_writer_count(self->writer));
	ahead += OVER;
	ASSERT_WRITES(self->writer, "three");
	ASSERT_EQ(variant->delay ? 0 : 3, bbuf_writer_count(self->writer));
	if (!variant->delay)
		return;
	ASSERT_GETS(self->queue, "one");
	ASSERT_GETS(self->queue, "two");
	ASSERT_GETS(self->queue, "three");
}

TEST_F(delayed, timeout_is_the_time_that_is_left)
{
	ASSERT_EQ(-1, bbuf_writer_timeout(self->writer));
	ASSERT_WRITES(self->writer, "one");
	if (variant->delay != &a_minute) {
		ahead += OVER;
		ASSERT_EQ(-1, bbuf_writer_timeout(self->writer));
		return;
	}
	ASSERT_LT(0, bbuf_writer_timeout(self->writer));
	ASSERT_GE(60000, bbuf_writer_timeout(self->writer));
	ahead += OVER;
	ASSERT_EQ(0, bbuf_writer_timeout(self->writer));
	ASSERT_EQ(1, bbuf_writer_count(self->writer));
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, &at_once));
	ASSERT_EQ(-1, bbuf_writer_timeout(self->writer));
}

TEST_F(delayed, starts_with_the_first_record_after_a_flush)
{
	if (variant->delay != &a_minute)
		return;
	ASSERT_WRITES(self->writer, "one");
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, &at_once));
	ahead += OVER;
	ASSERT_WRITES(self->writer, "two");
	ASSERT_EQ(1, bbuf_writer_count(self->writer));
	ASSERT_LT(0, bbuf_writer_timeout(self->writer));
}

TEST_F(delayed, record_without_room_is_sent_later)
{
	ASSERT_TRUE(queue_fill(self->queue, CAPACITY));
	ASSERT_WRITES(self->writer, "one");
	ahead += OVER;
	ASSERT_WRITES(self->writer, "two");
	ASSERT_EQ(2, bbuf_writer_count(self->writer));
	if (variant->delay == &a_minute)
		ASSERT_LT(0, bbuf_writer_timeout(self->writer));
	ASSERT_EQ(0, bbuf_flush(self->queue));
	ahead += OVER;
	ASSERT_WRITES(self->writer, "three");
	ASSERT_EQ(variant->delay ? 0 : 3, bbuf_writer_count(self->writer));
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, &at_once));
	ASSERT_GETS(self->queue, "one");
	ASSERT_GETS(self->queue, "two");
	ASSERT_GETS(self->queue, "three");
	ASSERT_NOTHING_QUEUED();
}

TEST_F(delayed, put_fails_when_nothing_can_be_sent_any_more)
{
	ASSERT_WRITES(self->writer, "one");
	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ahead += OVER;
	if (!variant->delay) {
		ASSERT_WRITES(self->writer, "two");
		return;
	}
	ASSERT_FAILS(EPIPE, bbuf_writer_put(self->writer, "two", 3, NULL));
	ASSERT_EQ(variant->delay == &at_once ? 0 : 1, bbuf_writer_count(self->writer));
	ASSERT_EQ(0, bbuf_reopen(self->queue));
	ASSERT_WRITES(self->writer, "three");
	ASSERT_EQ(0, bbuf_writer_flush(self->writer, &at_once));
	ASSERT_GETS(self->queue, "one");
	ASSERT_GETS(self->queue, "three");
	ASSERT_NOTHING_QUEUED();
}

/* Readers */

FIXTURE(reader) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf_reader *reader;
	struct bbuf_reader *small;
	struct bbuf_lease lease;
};

FIXTURE_SETUP(reader)
{
	MAKE_QUEUE("reader", queue_make(self->name, BBUF_RECORD));
	self->reader = bbuf_reader_new(self->queue, ROOM);
	self->small = bbuf_reader_new(self->queue, SMALL);
	ASSERT_NE(NULL, self->reader);
	ASSERT_NE(NULL, self->small);
}

FIXTURE_TEARDOWN(reader)
{
	bbuf_reader_free(self->reader);
	bbuf_reader_free(self->small);
	END_QUEUE();
}

TEST_F(reader, fetches_what_is_queued_and_returns_one_record_after_the_other)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "12345678");
	ASSERT_PUTS(self->queue, "three");
	ASSERT_EQ(0, bbuf_reader_count(self->reader));
	ASSERT_READS(self->reader, "one");
	ASSERT_EQ(2, bbuf_reader_count(self->reader));
	ASSERT_NOTHING_QUEUED();
	ASSERT_PUTS(self->queue, "four");
	ASSERT_NEXT(self->reader, "12345678", NULL);
	ASSERT_READS(self->reader, "three");
	ASSERT_EQ(0, bbuf_reader_count(self->reader));
	ASSERT_NEXT(self->reader, "four", NULL);
	ASSERT_FAILS(EAGAIN, bbuf_reader_get(self->reader, self->name, 1, &at_once, NULL));
}

TEST_F(reader, fetches_only_what_fits)
{
	ASSERT_PUTS(self->queue, "12345678");
	ASSERT_PUTS(self->queue, "23456789");
	ASSERT_PUTS(self->queue, "34567890");
	ASSERT_PUTS(self->queue, "45678901");
	ASSERT_NEXT(self->small, "12345678", NULL);
	ASSERT_EQ(2, bbuf_reader_count(self->small));
	ASSERT_QUEUED(1);
	ASSERT_NEXT(self->small, "23456789", NULL);
	ASSERT_NEXT(self->small, "34567890", NULL);
	ASSERT_NEXT(self->small, "45678901", NULL);
}

TEST_F(reader, fills_in_the_length)
{
	ASSERT_PUTS(self->queue, "12345");
	memset(&self->lease, 'x', sizeof(self->lease));
	ASSERT_NEXT(self->reader, "12345", &self->lease);
	ASSERT_EQ(5, self->lease.len);
	ASSERT_EQ(0, self->lease.lease);
	ASSERT_EQ(0, self->lease.deliveries);
}

TEST_F(reader, next_returns_aligned_records)
{
	const void *data;
	int i;

	ASSERT_PUTS(self->queue, "1");
	ASSERT_PUTS(self->queue, "two");
	for (i = 0; i < 2; i++) {
		ASSERT_LT(0, bbuf_reader_next(self->reader, &data, &at_once, NULL));
		ASSERT_EQ(0, (uintptr_t)data % BBUF_FRAME_ALIGN);
	}
}

TEST_F(reader, record_longer_than_the_buffer_is_returned_by_the_next_call)
{
	char byte;

	ASSERT_PUTS(self->queue, "1");
	ASSERT_PUTS(self->queue, "longer");
	ASSERT_READS(self->reader, "1");
	ASSERT_FAILS(EMSGSIZE, bbuf_reader_get(self->reader, &byte, 1, &at_once, NULL));
	ASSERT_FAILS(EMSGSIZE, bbuf_reader_get(self->reader, &byte, 1, &at_once, &self->lease));
	ASSERT_EQ(6, self->lease.len);
	ASSERT_EQ(1, bbuf_reader_count(self->reader));
	ASSERT_READS(self->reader, "longer");
}

TEST_F(reader, record_longer_than_its_memory_is_read_by_itself)
{
	unsigned char record[RECORD] = { 7 };
	const void *data;

	ASSERT_PUTS(self->queue, "before");
	ASSERT_EQ(RECORD, bbuf_put(self->queue, record, RECORD, &at_once));
	ASSERT_PUTS(self->queue, "after");
	ASSERT_NEXT(self->small, "before", NULL);
	ASSERT_FAILS(EMSGSIZE, bbuf_reader_next(self->small, &data, &at_once, NULL));
	ASSERT_FAILS(EMSGSIZE, bbuf_reader_get(self->small, record, 1, &at_once, NULL));
	ASSERT_FAILS(EMSGSIZE, bbuf_reader_get(self->small, record, 1, &at_once, &self->lease));
	ASSERT_EQ(RECORD, self->lease.len);
	ASSERT_QUEUED(2);
	record[0] = 0;
	ASSERT_EQ(RECORD, bbuf_reader_get(self->small, record, RECORD, &long_enough,
					  &self->lease));
	ASSERT_EQ(7, record[0]);
	ASSERT_EQ(RECORD, self->lease.len);
	ASSERT_READS(self->small, "after");
}

TEST_F(reader, waits_only_if_it_has_no_record)
{
	const struct timespec bad = { .tv_nsec = -1 };
	const void *data;

	ASSERT_FAILS(EAGAIN, bbuf_reader_next(self->reader, &data, &at_once, NULL));
	ASSERT_FAILS(ETIMEDOUT, bbuf_reader_next(self->reader, &data, &shortly, NULL));
	ASSERT_FAILS(ETIMEDOUT, bbuf_reader_get(self->reader, self->name, 1, &shortly, NULL));
	ASSERT_FAILS(EINVAL, bbuf_reader_next(self->reader, &data, &bad, NULL));
	ASSERT_PUTS(self->queue, "1");
	ASSERT_PUTS(self->queue, "2");
	ASSERT_EQ(1, bbuf_reader_next(self->reader, &data, NULL, NULL));
	ASSERT_EQ(1, bbuf_reader_next(self->reader, &data, NULL, NULL));
}

TEST_F(reader, returns_its_records_before_the_end_of_file)
{
	const void *data;

	ASSERT_PUTS(self->queue, "1");
	ASSERT_PUTS(self->queue, "2");
	ASSERT_READS(self->reader, "1");
	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ASSERT_READS(self->reader, "2");
	ASSERT_EQ(0, bbuf_reader_next(self->reader, &data, NULL, NULL));
	ASSERT_EQ(0, bbuf_reader_get(self->reader, self->name, 1, NULL, NULL));
}

TEST_F(reader, returns_its_records_although_the_queue_was_destroyed)
{
	const void *data;

	ASSERT_PUTS(self->queue, "1");
	ASSERT_PUTS(self->queue, "2");
	ASSERT_READS(self->reader, "1");
	ASSERT_EQ(0, bbuf_destroy(self->name));
	ASSERT_READS(self->reader, "2");
	ASSERT_FAILS(ENODEV, bbuf_reader_next(self->reader, &data, NULL, NULL));
	ASSERT_FAILS(ENODEV, bbuf_reader_get(self->reader, self->name, 1, NULL, NULL));
}

struct next {
	struct call call;
	struct bbuf_reader *reader;
};

static ssize_t call_next(struct call *call)
{
	const void *data;

	return bbuf_reader_next(((struct next *)call)->reader, &data, call->timeout, NULL);
}

TEST_F(reader, waits_for_the_first_record)
{
	struct next next = { .call = { .fn = call_next }, .reader = self->reader };

	ASSERT_WAITS_FOR_DATA(next.call);
	ASSERT_PUTS(self->queue, "first");
	ASSERT_ENDS(5, next.call);
}

TEST_F(reader, never_waits_with_a_nonblocking_handle)
{
	struct bbuf *queue = bbuf_open(self->name, O_RDONLY | O_NONBLOCK);
	struct bbuf_reader *reader;
	const void *data;

	ASSERT_NE(NULL, queue);
	reader = bbuf_reader_new(queue, ROOM);
	ASSERT_NE(NULL, reader);
	ASSERT_FAILS(EAGAIN, bbuf_reader_next(reader, &data, NULL, NULL));
	ASSERT_FAILS(EAGAIN, bbuf_reader_get(reader, self->name, 1, &long_enough, NULL));
	bbuf_reader_free(reader);
	bbuf_close(queue);
}

TEST_F(reader, needs_a_handle_open_for_reading)
{
	struct bbuf *writer = bbuf_open(self->name, O_WRONLY);
	struct bbuf_reader *reader;
	const void *data;

	ASSERT_NE(NULL, writer);
	reader = bbuf_reader_new(writer, ROOM);
	ASSERT_NE(NULL, reader);
	ASSERT_FAILS(EBADF, bbuf_reader_next(reader, &data, NULL, NULL));
	bbuf_reader_free(reader);
	bbuf_close(writer);
}

TEST_F(reader, refuses_invalid_arguments)
{
	ASSERT_NO_HANDLE(EINVAL, bbuf_reader_new(self->queue, 0));
	ASSERT_NO_HANDLE(EINVAL, bbuf_reader_new(self->queue, sizeof(struct bbuf_frame)));
	ASSERT_NO_HANDLE(ENOMEM, bbuf_reader_new(self->queue, SIZE_MAX / 2));
	errno = EAGAIN;
	bbuf_reader_free(NULL);
	ASSERT_EQ(EAGAIN, errno);
}

TEST_F(reader, takes_what_a_writer_sends)
{
	struct bbuf_writer *writer = bbuf_writer_new(self->queue, ROOM, NULL);

	ASSERT_NE(NULL, writer);
	ASSERT_WRITES(writer, "one");
	ASSERT_WRITES(writer, "two");
	ASSERT_EQ(0, bbuf_writer_flush(writer, NULL));
	ASSERT_READS(self->reader, "one");
	ASSERT_WRITES(writer, "three");
	ASSERT_EQ(0, bbuf_writer_flush(writer, NULL));
	ASSERT_READS(self->reader, "two");
	ASSERT_READS(self->reader, "three");
	bbuf_writer_free(writer);
}

/* Readers of a queue with leases */

FIXTURE(leased) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf *other;
	struct bbuf_reader *reader;
	struct bbuf_lease lease;
};

FIXTURE_SETUP(leased)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;

	config.type = BBUF_RECORD;
	config.policy = BBUF_LEASE;
	config.capacity = CAPACITY;
	config.max_leases = 3;
	MAKE_QUEUE("leased", queue_make_as(self->name, &config));
	OPEN_HANDLE(self->other, O_RDWR);
	self->reader = bbuf_reader_new(self->other, ROOM);
	ASSERT_NE(NULL, self->reader);
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_PUTS(self->queue, "three");
}

FIXTURE_TEARDOWN(leased)
{
	bbuf_reader_free(self->reader);
	bbuf_close(self->other);
	END_QUEUE();
}

#define ASSERT_LEASED(count) do {					\
	struct bbuf_info __info;					\
									\
	ASSERT_EQ(0, bbuf_get_info(self->queue, &__info));		\
	ASSERT_EQ(count, __info.leased_records);			\
} while (0)

TEST_F(leased, reader_returns_the_lease_of_each_record)
{
	struct bbuf_lease second;

	ASSERT_NEXT(self->reader, "one", &self->lease);
	ASSERT_LEASED(3);
	ASSERT_NE(0, self->lease.lease);
	ASSERT_EQ(3, self->lease.len);
	ASSERT_EQ(1, self->lease.deliveries);
	ASSERT_NEXT(self->reader, "two", &second);
	ASSERT_NE(self->lease.lease, second.lease);
	ASSERT_EQ(1, bbuf_settle(self->other, second.lease, BBUF_ACK));
	ASSERT_EQ(1, bbuf_settle(self->other, self->lease.lease, BBUF_RETURN));
	ASSERT_NEXT(self->reader, "three", &second);
	ASSERT_EQ(5, second.len);
	ASSERT_EQ(1, second.deliveries);
	ASSERT_NEXT(self->reader, "one", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
}

TEST_F(leased, leases_are_settled_in_the_order_of_the_reader)
{
	ASSERT_READS(self->reader, "one");
	ASSERT_EQ(1, bbuf_settle(self->other, 0, BBUF_ACK));
	ASSERT_NEXT(self->reader, "two", &self->lease);
	ASSERT_EQ(1, bbuf_settle(self->other, 0, BBUF_ACK));
	ASSERT_FAILS(ESTALE, bbuf_settle(self->other, self->lease.lease, BBUF_ACK));
	ASSERT_LEASED(1);
}

TEST_F(leased, close_returns_what_was_fetched_and_not_acknowledged)
{
	struct bbuf_lease lease;

	ASSERT_NEXT(self->reader, "one", &lease);
	ASSERT_EQ(1, bbuf_settle(self->other, lease.lease, BBUF_ACK));
	bbuf_reader_free(self->reader);
	self->reader = NULL;
	ASSERT_LEASED(2);
	bbuf_close(self->other);
	self->other = NULL;
	ASSERT_LEASED(0);
	self->reader = bbuf_reader_new(self->queue, ROOM);
	ASSERT_NE(NULL, self->reader);
	ASSERT_NEXT(self->reader, "two", &lease);
	ASSERT_EQ(2, lease.deliveries);
	ASSERT_NEXT(self->reader, "three", &lease);
	ASSERT_EQ(2, lease.deliveries);
}

TEST_F(leased, reader_leases_no_more_than_the_file_may)
{
	const void *data;

	ASSERT_PUTS(self->queue, "four");
	ASSERT_READS(self->reader, "one");
	ASSERT_READS(self->reader, "two");
	ASSERT_READS(self->reader, "three");
	ASSERT_FAILS(EBUSY, bbuf_reader_next(self->reader, &data, &at_once, NULL));
	ASSERT_EQ(3, bbuf_settle_all(self->other, BBUF_ACK));
	ASSERT_READS(self->reader, "four");
}

TEST_F(leased, record_longer_than_its_memory_is_leased_by_itself)
{
	struct bbuf_reader *small = bbuf_reader_new(self->other, 40);
	unsigned char record[RECORD] = { 7 };
	const void *data;

	ASSERT_NE(NULL, small);
	ASSERT_EQ(0, bbuf_flush(self->queue));
	ASSERT_EQ(RECORD, bbuf_put(self->queue, record, RECORD, &at_once));
	ASSERT_FAILS(EMSGSIZE, bbuf_reader_next(small, &data, &at_once, NULL));
	ASSERT_FAILS(EMSGSIZE, bbuf_reader_get(small, record, 1, &at_once, &self->lease));
	ASSERT_EQ(RECORD, self->lease.len);
	ASSERT_LEASED(0);
	record[0] = 0;
	ASSERT_EQ(RECORD, bbuf_reader_get(small, record, RECORD, &at_once, &self->lease));
	ASSERT_EQ(7, record[0]);
	ASSERT_EQ(1, self->lease.deliveries);
	ASSERT_EQ(1, bbuf_settle(self->other, self->lease.lease, BBUF_ACK));
	bbuf_reader_free(small);
}

TEST_F(leased, reader_needs_room_for_more_than_a_frame)
{
	ASSERT_NO_HANDLE(EINVAL,
			 bbuf_reader_new(self->other, sizeof(struct bbuf_lease_frame)));
	ASSERT_NO_HANDLE(ENOMEM, bbuf_reader_new(self->other, SIZE_MAX / 2));
}

TEST_F(leased, reader_and_writer_share_a_handle_with_plain_calls)
{
	struct bbuf_writer *writer = bbuf_writer_new(self->other, ROOM, NULL);

	ASSERT_NE(NULL, writer);
	ASSERT_READS(self->reader, "one");
	ASSERT_WRITES(writer, "four");
	ASSERT_EQ(0, bbuf_writer_flush(writer, NULL));
	ASSERT_READS(self->reader, "two");
	ASSERT_READS(self->reader, "three");
	ASSERT_EQ(3, bbuf_settle_all(self->other, BBUF_ACK));
	ASSERT_GETS(self->other, "four");
	ASSERT_PUTS(self->other, "five");
	ASSERT_READS(self->reader, "five");
	bbuf_writer_free(writer);
}

/* A stream has stdio. */
QUEUE_FIXTURE(stream, BBUF_STREAM)

TEST_F(stream, has_no_writer_and_no_reader)
{
	ASSERT_NO_HANDLE(EINVAL, bbuf_writer_new(self->queue, ROOM, NULL));
	ASSERT_NO_HANDLE(EINVAL, bbuf_reader_new(self->queue, ROOM));
}

TEST_HARNESS_MAIN
