// SPDX-License-Identifier: GPL-2.0-only
/* bbuf_put(), bbuf_get() and bbuf_peek(): what they move, and how long they wait. */
#include <sys/ioctl.h>

#include "fixture.h"

QUEUE_FIXTURE(stream, BBUF_STREAM)
QUEUE_FIXTURE(record, BBUF_RECORD)

TEST_F(stream, get_returns_what_is_available)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_GETS(self->queue, "onetwo");
}

TEST_F(stream, zero_length_does_nothing)
{
	char byte;

	ASSERT_EQ(0, bbuf_put(self->queue, "", 0, NULL));
	ASSERT_EQ(0, bbuf_get(self->queue, &byte, 0, NULL));
}

TEST_F(record, put_and_get_move_one_record_each)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_GETS(self->queue, "one");
	ASSERT_GETS(self->queue, "two");
}

TEST_F(record, too_long_for_the_buffer_stays_queued)
{
	char byte;
	int len;

	ASSERT_PUTS(self->queue, "long");
	ASSERT_FAILS(EMSGSIZE, bbuf_get(self->queue, &byte, 1, NULL));
	ASSERT_EQ(0, ioctl(bbuf_fd(self->queue), FIONREAD, &len));
	ASSERT_EQ(4, len);
	ASSERT_GETS(self->queue, "long");
}

TEST_F(record, too_long_for_the_queue_is_refused)
{
	static const char record[CAPACITY + 1];

	ASSERT_FAILS(EMSGSIZE, bbuf_put(self->queue, record, sizeof(record), NULL));
	ASSERT_EQ(CAPACITY, bbuf_put(self->queue, record, CAPACITY, &at_once));
}

TEST_F(stream, zero_timeout_does_not_wait)
{
	char byte = 'x';

	ASSERT_FAILS(EAGAIN, bbuf_get(self->queue, &byte, 1, &at_once));
	ASSERT_TRUE(queue_fill(self->queue, 1024));
	ASSERT_FAILS(EAGAIN, bbuf_put(self->queue, &byte, 1, &at_once));
}

TEST_F(stream, zero_timeout_puts_a_part_of_a_long_write)
{
	static const char bytes[CAPACITY];

	ASSERT_EQ(1000, bbuf_put(self->queue, bytes, 1000, NULL));
	ASSERT_EQ(CAPACITY - 1000, bbuf_put(self->queue, bytes, CAPACITY, &at_once));
}

/* The kernel counts ticks; under emulation they may lag behind the clock, and catch up. */
#define NOT_MUCH_BEFORE	(SHORT_MS / 2)

TEST_F(stream, timeouts_expire)
{
	long start = now_ms();
	char byte = 'x';

	ASSERT_FAILS(ETIMEDOUT, bbuf_get(self->queue, &byte, 1, &shortly));
	ASSERT_GE(now_ms() - start, NOT_MUCH_BEFORE);

	ASSERT_TRUE(queue_fill(self->queue, 1024));
	start = now_ms();
	ASSERT_FAILS(ETIMEDOUT, bbuf_put(self->queue, &byte, 1, &shortly));
	ASSERT_GE(now_ms() - start, NOT_MUCH_BEFORE);
}

TEST_F(stream, timeout_returns_a_partial_count)
{
	static const char bytes[2 * CAPACITY];

	ASSERT_EQ(CAPACITY, bbuf_put(self->queue, bytes, sizeof(bytes), &shortly));
	ASSERT_FAILS(ETIMEDOUT, bbuf_put(self->queue, bytes, 1, &shortly));
}

TEST_F(stream, invalid_timeouts_are_refused)
{
	const struct timespec bad[] = {
		{ .tv_sec = -1 },
		{ .tv_nsec = -1 },
		{ .tv_nsec = 1000000000 },
	};
	char byte;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_FAILS(EINVAL, bbuf_put(self->queue, "x", 1, &bad[i]));
		ASSERT_FAILS(EAGAIN, bbuf_get(self->queue, &byte, 1, &at_once));
		ASSERT_PUTS(self->queue, "x");
		ASSERT_FAILS(EINVAL, bbuf_get(self->queue, &byte, 1, &bad[i]));
		ASSERT_GETS(self->queue, "x");
	}
}

/* Every way to say "wait" waits for a writer that comes in time. */
FIXTURE(waiting) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf *other;
};

FIXTURE_VARIANT(waiting) {
	const struct timespec *timeout;
};

static const struct timespec nearly_for_ever = {
	.tv_sec = sizeof(time_t) == sizeof(int32_t) ? INT32_MAX : INT64_MAX,
	.tv_nsec = 999999999,
};

/* In 64 bits of nanoseconds this would be a tenth of a microsecond. */
static const struct timespec beyond_the_clock = {
	.tv_sec = sizeof(time_t) == sizeof(int32_t) ? INT32_MAX : 18446744073,
	.tv_nsec = 709551716,
};

FIXTURE_VARIANT_ADD(waiting, without_timeout) { .timeout = NULL };
FIXTURE_VARIANT_ADD(waiting, with_timeout) { .timeout = &long_enough };
FIXTURE_VARIANT_ADD(waiting, with_the_longest_timeout) { .timeout = &nearly_for_ever };
FIXTURE_VARIANT_ADD(waiting, with_timeout_beyond_the_clock) { .timeout = &beyond_the_clock };

FIXTURE_SETUP(waiting)
{
	MAKE_QUEUE("waiting", queue_make(self->name, BBUF_STREAM));
	OPEN_HANDLE(self->other, O_RDWR);
}

FIXTURE_TEARDOWN(waiting)
{
	bbuf_close(self->other);
	END_QUEUE();
}

TEST_F(waiting, ends_when_data_is_put)
{
	struct call get = {
		.fn = call_get, .queue = self->other, .len = 10, .timeout = variant->timeout,
	};

	ASSERT_WAITS_FOR_DATA(get);
	usleep(SHORT_MS * 1000);
	ASSERT_TRUE(queue_readers_wait(self->queue, 1));
	ASSERT_PUTS(self->queue, "data");
	ASSERT_ENDS(4, get);
	ASSERT_EQ(0, memcmp("data", get.data, 4));
}

TEST_F(waiting, ends_when_room_is_made)
{
	struct call put = {
		.fn = call_put, .queue = self->other, .data = "last", .len = 4,
		.timeout = variant->timeout,
	};
	char bytes[CAPACITY];

	ASSERT_TRUE(queue_fill(self->queue, 1024));
	ASSERT_WAITS_FOR_ROOM(put);
	ASSERT_EQ(CAPACITY, bbuf_get(self->queue, bytes, sizeof(bytes), NULL));
	ASSERT_ENDS(4, put);
	ASSERT_GETS(self->queue, "last");
}

TEST_F(stream, timeout_applies_to_one_call_only)
{
	struct bbuf_options options;
	char byte;

	ASSERT_FAILS(ETIMEDOUT, bbuf_get(self->queue, &byte, 1, &shortly));
	ASSERT_PUTS(self->queue, "x");
	ASSERT_EQ(1, bbuf_get(self->queue, &byte, 1, NULL));
	ASSERT_EQ(0, ioctl(bbuf_fd(self->queue), BBUF_IOC_GET_OPTIONS, &options));
	ASSERT_EQ(0, options.read_timeout);
	ASSERT_EQ(0, options.write_timeout);
}

TEST_F(waiting, ends_with_a_signal)
{
	struct call get = {
		.fn = call_get, .queue = self->other, .len = 1, .timeout = variant->timeout,
	};

	ASSERT_WAITS_FOR_DATA(get);
	ASSERT_TRUE(call_interrupt(&get));
	ASSERT_ENDS(-1, get);
	ASSERT_EQ(EINTR, get.error);
}

TEST_F(stream, peek_leaves_the_data_queued)
{
	char bytes[4] = "";

	ASSERT_FAILS(EAGAIN, bbuf_peek(self->queue, bytes, sizeof(bytes)));
	ASSERT_PUTS(self->queue, "peeked");
	ASSERT_EQ(4, bbuf_peek(self->queue, bytes, sizeof(bytes)));
	ASSERT_EQ(0, memcmp("peek", bytes, 4));
	ASSERT_GETS(self->queue, "peeked");
}

TEST_F(record, peek_shows_the_first_record)
{
	char bytes[4] = "";

	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "other");
	ASSERT_EQ(3, bbuf_peek(self->queue, bytes, sizeof(bytes)));
	ASSERT_EQ(0, memcmp("one", bytes, 3));
	ASSERT_GETS(self->queue, "one");
	ASSERT_FAILS(EMSGSIZE, bbuf_peek(self->queue, bytes, sizeof(bytes)));
	ASSERT_GETS(self->queue, "other");
}

TEST_F(stream, peek_needs_a_file_open_for_reading)
{
	struct bbuf *writer = bbuf_open(self->name, O_WRONLY);
	char byte;

	ASSERT_NE(NULL, writer);
	ASSERT_FAILS(EBADF, bbuf_peek(writer, &byte, 1));
	bbuf_close(writer);
}

TEST_HARNESS_MAIN
