// SPDX-License-Identifier: GPL-2.0-only
/* Batches: as FIFOs in memory, and on their way into queues and out of them. */
#include <stdlib.h>

#include "fixture.h"

#define RECORD	1000	/* bytes, so that 8 records fill a queue of CAPACITY */
#define ROOM	(64 * BBUF_FRAME_SPACE(RECORD))

#define ASSERT_NEXT(batch, string) do {					\
	const void *__data;						\
	size_t __len;							\
									\
	ASSERT_EQ(1, bbuf_batch_next(batch, &__data, &__len));		\
	ASSERT_EQ(strlen(string), __len);				\
	ASSERT_EQ(0, memcmp(string, __data, __len));			\
} while (0)

#define ASSERT_EMPTY(batch) do {					\
	const void *__data;						\
	size_t __len;							\
									\
	ASSERT_EQ(0, bbuf_batch_count(batch));				\
	ASSERT_EQ(0, bbuf_batch_next(batch, &__data, &__len));		\
} while (0)

#define ASSERT_ADDS(batch, string)					\
	ASSERT_EQ(0, bbuf_batch_add(batch, string, strlen(string)))

/* Records whose first byte counts them. */
static bool add_records(struct bbuf_batch *batch, unsigned char from, unsigned char count)
{
	unsigned char record[RECORD] = "";
	int ret = 0;

	while (!ret && count--) {
		record[0] = from++;
		ret = bbuf_batch_add(batch, record, sizeof(record));
	}
	return !ret;
}

static bool next_are_records(struct bbuf_batch *batch, unsigned char from, unsigned char count)
{
	const void *data;
	size_t len;

	while (count--)
		if (bbuf_batch_next(batch, &data, &len) != 1 || len != RECORD ||
		    *(const unsigned char *)data != from++)
			return false;
	return true;
}

/* In memory */

FIXTURE(memory) {
	struct bbuf_batch *batch;
};

FIXTURE_SETUP(memory)
{
	self->batch = bbuf_batch_new(3 * BBUF_FRAME_SPACE(8));
	ASSERT_NE(NULL, self->batch);
}

FIXTURE_TEARDOWN(memory)
{
	bbuf_batch_free(self->batch);
	EXPECT_TRUE(nothing_leaked());
}

TEST(invalid_sizes_are_refused)
{
	ASSERT_NO_HANDLE(EINVAL, bbuf_batch_new(0));
	ASSERT_NO_HANDLE(EINVAL, bbuf_batch_new(sizeof(struct bbuf_frame)));
	ASSERT_NO_HANDLE(ENOMEM, bbuf_batch_new(SIZE_MAX));
	ASSERT_NO_HANDLE(ENOMEM, bbuf_batch_new(SIZE_MAX / 2));
}

TEST(smallest_batch_holds_one_byte)
{
	struct bbuf_batch *batch = bbuf_batch_new(sizeof(struct bbuf_frame) + 1);

	ASSERT_NE(NULL, batch);
	ASSERT_ADDS(batch, "x");
	ASSERT_NEXT(batch, "x");
	bbuf_batch_free(batch);
}

TEST_F(memory, is_a_fifo)
{
	ASSERT_EMPTY(self->batch);
	ASSERT_ADDS(self->batch, "one");
	ASSERT_ADDS(self->batch, "two");
	ASSERT_EQ(2, bbuf_batch_count(self->batch));
	ASSERT_NEXT(self->batch, "one");
	ASSERT_ADDS(self->batch, "three");
	ASSERT_NEXT(self->batch, "two");
	ASSERT_EQ(1, bbuf_batch_count(self->batch));
	ASSERT_NEXT(self->batch, "three");
	ASSERT_EMPTY(self->batch);
}

TEST_F(memory, holds_the_requested_size)
{
	ASSERT_ADDS(self->batch, "12345678");
	ASSERT_ADDS(self->batch, "1");
	ASSERT_ADDS(self->batch, "12345678");
	ASSERT_FAILS(ENOBUFS, bbuf_batch_add(self->batch, "x", 1));
	ASSERT_EQ(3, bbuf_batch_count(self->batch));
}

TEST_F(memory, room_is_reusable)
{
	static const char *const texts[] = { "a", "bb", "ccc", "dddd", "eeeee" };
	size_t i;

	ASSERT_ADDS(self->batch, texts[0]);
	ASSERT_ADDS(self->batch, texts[1]);
	for (i = 0; i < 20; i++) {
		ASSERT_ADDS(self->batch, texts[(i + 2) % ARRAY_SIZE(texts)]);
		ASSERT_NEXT(self->batch, texts[i % ARRAY_SIZE(texts)]);
	}
	ASSERT_EQ(2, bbuf_batch_count(self->batch));
}

TEST_F(memory, refuses_invalid_records)
{
	static const char bytes[1024];

	ASSERT_FAILS(EINVAL, bbuf_batch_add(self->batch, bytes, 0));
	ASSERT_FAILS(EMSGSIZE, bbuf_batch_add(self->batch, bytes, sizeof(bytes)));
	ASSERT_FAILS(EMSGSIZE, bbuf_batch_add(self->batch, bytes, SIZE_MAX));
	ASSERT_EMPTY(self->batch);
}

TEST_F(memory, one_record_may_fill_it)
{
	static const char bytes[3 * BBUF_FRAME_SPACE(8) - sizeof(struct bbuf_frame)];

	ASSERT_FAILS(EMSGSIZE, bbuf_batch_add(self->batch, bytes, sizeof(bytes) + 1));
	ASSERT_EQ(0, bbuf_batch_add(self->batch, bytes, sizeof(bytes)));
	ASSERT_FAILS(ENOBUFS, bbuf_batch_add(self->batch, bytes, 1));
}

TEST_F(memory, clear_empties_it)
{
	ASSERT_ADDS(self->batch, "one");
	bbuf_batch_clear(self->batch);
	ASSERT_EMPTY(self->batch);
	ASSERT_ADDS(self->batch, "two");
	ASSERT_NEXT(self->batch, "two");
}

TEST_F(memory, records_are_aligned_and_stay_valid_until_the_next_call)
{
	const void *first, *second;
	size_t len;

	ASSERT_ADDS(self->batch, "1");
	ASSERT_ADDS(self->batch, "2");
	ASSERT_EQ(1, bbuf_batch_next(self->batch, &first, &len));
	ASSERT_EQ(1, bbuf_batch_next(self->batch, &second, &len));
	ASSERT_EQ(0, bbuf_batch_next(self->batch, &second, &len));
	ASSERT_EQ('1', *(const char *)first);
	ASSERT_EQ('2', *(const char *)second);
	ASSERT_EQ(0, (uintptr_t)first % BBUF_FRAME_ALIGN);
	ASSERT_EQ(0, (uintptr_t)second % BBUF_FRAME_ALIGN);
}

/* With queues */

FIXTURE(queued) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf_batch *batch;
};

FIXTURE_SETUP(queued)
{
	MAKE_QUEUE("queued", queue_make(self->name, BBUF_RECORD));
	self->batch = bbuf_batch_new(ROOM);
	ASSERT_NE(NULL, self->batch);
}

FIXTURE_TEARDOWN(queued)
{
	bbuf_batch_free(self->batch);
	END_QUEUE();
}

TEST_F(queued, put_queues_each_as_a_record)
{
	ASSERT_ADDS(self->batch, "one");
	ASSERT_ADDS(self->batch, "12345678");
	ASSERT_ADDS(self->batch, "three");
	ASSERT_EQ(3, bbuf_batch_put(self->queue, self->batch, &at_once));
	ASSERT_EMPTY(self->batch);
	ASSERT_GETS(self->queue, "one");
	ASSERT_GETS(self->queue, "12345678");
	ASSERT_GETS(self->queue, "three");
}

TEST_F(queued, get_returns_all_available_records)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "12345678");
	ASSERT_PUTS(self->queue, "three");
	ASSERT_EQ(3, bbuf_batch_get(self->queue, self->batch, &at_once));
	ASSERT_EQ(3, bbuf_batch_count(self->batch));
	ASSERT_NEXT(self->batch, "one");
	ASSERT_NEXT(self->batch, "12345678");
	ASSERT_NEXT(self->batch, "three");
	ASSERT_EMPTY(self->batch);
}

TEST_F(queued, plain_and_batch_calls_alternate_on_one_handle)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_ADDS(self->batch, "batched");
		ASSERT_EQ(1, bbuf_batch_put(self->queue, self->batch, NULL));
		ASSERT_PUTS(self->queue, "plain");
		ASSERT_GETS(self->queue, "batched");
		ASSERT_EQ(1, bbuf_batch_get(self->queue, self->batch, NULL));
		ASSERT_NEXT(self->batch, "plain");
	}
}

TEST_F(queued, put_of_an_empty_batch_returns_0)
{
	ASSERT_EQ(0, bbuf_batch_put(self->queue, self->batch, NULL));
}

TEST_F(queued, records_without_room_stay_in_the_batch_in_order)
{
	const size_t fit = CAPACITY / RECORD;

	ASSERT_TRUE(add_records(self->batch, 0, 20));
	ASSERT_EQ(fit, bbuf_batch_put(self->queue, self->batch, &at_once));
	ASSERT_EQ(20 - fit, bbuf_batch_count(self->batch));
	ASSERT_FAILS(EAGAIN, bbuf_batch_put(self->queue, self->batch, &at_once));
	ASSERT_FAILS(ETIMEDOUT, bbuf_batch_put(self->queue, self->batch, &shortly));
	ASSERT_EQ(20 - fit, bbuf_batch_count(self->batch));

	ASSERT_EQ(0, bbuf_flush(self->queue));
	ASSERT_EQ(fit, bbuf_batch_put(self->queue, self->batch, &shortly));
	bbuf_batch_clear(self->batch);
	ASSERT_EQ(fit, bbuf_batch_get(self->queue, self->batch, NULL));
	ASSERT_TRUE(next_are_records(self->batch, fit, fit));
}

TEST_F(queued, put_continues_as_room_is_made)
{
	struct call put = { .fn = call_batch_put, .batch = self->batch };
	struct bbuf_batch *got = bbuf_batch_new(ROOM);
	size_t count = 0;

	ASSERT_NE(NULL, got);
	put.queue = bbuf_open(self->name, O_WRONLY);
	ASSERT_NE(NULL, put.queue);
	ASSERT_TRUE(add_records(self->batch, 0, 20));
	ASSERT_TRUE(call_start(&put));
	while (count < 20) {
		ssize_t n = bbuf_batch_get(self->queue, got, &long_enough);

		ASSERT_GT(n, 0);
		count += n;
	}
	ASSERT_ENDS(20, put);
	ASSERT_EMPTY(self->batch);
	ASSERT_TRUE(next_are_records(got, 0, 20));
	bbuf_close(put.queue);
	bbuf_batch_free(got);
}

TEST_F(queued, get_waits_for_the_first_record)
{
	struct call get = { .fn = call_batch_get, .batch = self->batch };

	get.queue = bbuf_open(self->name, O_RDONLY);
	ASSERT_NE(NULL, get.queue);
	ASSERT_WAITS_FOR_DATA(get);
	ASSERT_PUTS(self->queue, "first");
	ASSERT_ENDS(1, get);
	ASSERT_NEXT(self->batch, "first");
	bbuf_close(get.queue);
}

TEST_F(queued, get_from_an_empty_queue_fails)
{
	ASSERT_FAILS(EAGAIN, bbuf_batch_get(self->queue, self->batch, &at_once));
	ASSERT_FAILS(ETIMEDOUT, bbuf_batch_get(self->queue, self->batch, &shortly));
	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ASSERT_EQ(0, bbuf_batch_get(self->queue, self->batch, NULL));
	ASSERT_EMPTY(self->batch);
}

TEST_F(queued, get_appends_to_the_batch)
{
	ASSERT_ADDS(self->batch, "mine");
	ASSERT_PUTS(self->queue, "theirs");
	ASSERT_EQ(1, bbuf_batch_get(self->queue, self->batch, NULL));
	ASSERT_EQ(2, bbuf_batch_count(self->batch));
	ASSERT_NEXT(self->batch, "mine");
	ASSERT_NEXT(self->batch, "theirs");
}

TEST_F(queued, get_takes_only_records_that_fit)
{
	struct bbuf_batch *small = bbuf_batch_new(2 * BBUF_FRAME_SPACE(RECORD));

	ASSERT_NE(NULL, small);
	ASSERT_TRUE(add_records(self->batch, 0, 5));
	ASSERT_EQ(5, bbuf_batch_put(self->queue, self->batch, NULL));
	ASSERT_EQ(2, bbuf_batch_get(self->queue, small, NULL));
	ASSERT_FAILS(ENOBUFS, bbuf_batch_get(self->queue, small, NULL));
	ASSERT_TRUE(next_are_records(small, 0, 1));
	ASSERT_EQ(1, bbuf_batch_get(self->queue, small, NULL));
	ASSERT_TRUE(next_are_records(small, 1, 2));
	bbuf_batch_free(small);
}

TEST_F(queued, get_needs_room_for_more_than_a_frame)
{
	struct bbuf_batch *small = bbuf_batch_new(BBUF_FRAME_SPACE(RECORD) +
						  sizeof(struct bbuf_frame));

	ASSERT_NE(NULL, small);
	ASSERT_TRUE(add_records(self->batch, 0, 2));
	ASSERT_EQ(2, bbuf_batch_put(self->queue, self->batch, NULL));
	ASSERT_EQ(1, bbuf_batch_get(self->queue, small, NULL));
	ASSERT_FAILS(ENOBUFS, bbuf_batch_get(self->queue, small, NULL));
	ASSERT_TRUE(next_are_records(small, 0, 1));
	bbuf_batch_free(small);
}

TEST_F(queued, get_fails_for_a_record_that_can_never_fit)
{
	struct bbuf_batch *small = bbuf_batch_new(BBUF_FRAME_SPACE(RECORD - 8));

	ASSERT_NE(NULL, small);
	ASSERT_TRUE(add_records(self->batch, 7, 1));
	ASSERT_EQ(1, bbuf_batch_put(self->queue, self->batch, NULL));
	ASSERT_FAILS(EMSGSIZE, bbuf_batch_get(self->queue, small, NULL));
	ASSERT_EQ(1, bbuf_batch_get(self->queue, self->batch, NULL));
	ASSERT_TRUE(next_are_records(self->batch, 7, 1));
	bbuf_batch_free(small);
}

TEST_F(queued, batch_from_one_queue_can_be_put_into_another)
{
	char name[BBUF_NAME_SIZE];
	struct bbuf *other;

	queue_name(name, "other");
	other = queue_make(name, BBUF_RECORD);
	ASSERT_NE(NULL, other);
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_EQ(2, bbuf_batch_get(self->queue, self->batch, NULL));
	ASSERT_EQ(2, bbuf_batch_put(other, self->batch, NULL));
	ASSERT_GETS(other, "one");
	ASSERT_GETS(other, "two");
	bbuf_close(other);
	ASSERT_EQ(0, bbuf_destroy(name));
}

TEST_F(queued, put_fails_after_shutdown)
{
	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ASSERT_ADDS(self->batch, "late");
	ASSERT_FAILS(EPIPE, bbuf_batch_put(self->queue, self->batch, NULL));
	ASSERT_EQ(1, bbuf_batch_count(self->batch));
}

TEST_F(queued, put_of_a_record_above_the_capacity_fails)
{
	static const char record[CAPACITY + 1];

	ASSERT_ADDS(self->batch, "before");
	ASSERT_EQ(0, bbuf_batch_add(self->batch, record, sizeof(record)));
	ASSERT_ADDS(self->batch, "after");
	ASSERT_EQ(1, bbuf_batch_put(self->queue, self->batch, NULL));
	ASSERT_FAILS(EMSGSIZE, bbuf_batch_put(self->queue, self->batch, NULL));
	ASSERT_EQ(2, bbuf_batch_count(self->batch));
}

TEST_F(queued, calls_need_a_handle_with_their_access_mode)
{
	struct bbuf *reader = bbuf_open(self->name, O_RDONLY);
	struct bbuf *writer = bbuf_open(self->name, O_WRONLY);

	ASSERT_NE(NULL, reader);
	ASSERT_NE(NULL, writer);
	ASSERT_ADDS(self->batch, "x");
	ASSERT_FAILS(EBADF, bbuf_batch_put(reader, self->batch, NULL));
	ASSERT_FAILS(EBADF, bbuf_batch_get(writer, self->batch, NULL));
	bbuf_close(writer);
	bbuf_close(reader);
}

QUEUE_FIXTURE(stream, BBUF_STREAM)

TEST_F(stream, batch_calls_are_refused)
{
	struct bbuf_batch *batch = bbuf_batch_new(ROOM);

	ASSERT_NE(NULL, batch);
	ASSERT_FAILS(EINVAL, bbuf_batch_get(self->queue, batch, NULL));
	ASSERT_ADDS(batch, "x");
	ASSERT_FAILS(EINVAL, bbuf_batch_put(self->queue, batch, NULL));
	ASSERT_EQ(1, bbuf_batch_count(batch));
	ASSERT_PUTS(self->queue, "still works");
	ASSERT_GETS(self->queue, "still works");
	bbuf_batch_free(batch);
}

TEST_HARNESS_MAIN
