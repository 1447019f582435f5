// SPDX-License-Identifier: GPL-2.0-only
/* A queue's ends and limits: shutdown, drain, flush, marks, policy, capacity. */
#include <poll.h>
#include <stdlib.h>

#include "fixture.h"

FIXTURE(state) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf *reader;
	struct bbuf *writer;
};

FIXTURE_SETUP(state)
{
	MAKE_QUEUE("state", queue_make(self->name, BBUF_STREAM));
	OPEN_HANDLE(self->reader, O_RDONLY);
	OPEN_HANDLE(self->writer, O_WRONLY);
}

FIXTURE_TEARDOWN(state)
{
	bbuf_close(self->writer);
	bbuf_close(self->reader);
	END_QUEUE();
}

static short events(struct bbuf *queue)
{
	struct pollfd pfd = { .fd = bbuf_fd(queue), .events = POLLIN | POLLOUT };

	return poll(&pfd, 1, 0) < 0 ? -1 : pfd.revents;
}

TEST_F(state, shutdown_lets_readers_drain_the_queue)
{
	char byte;

	ASSERT_PUTS(self->writer, "the rest");
	ASSERT_EQ(0, bbuf_shutdown(self->writer));
	ASSERT_EQ(0, bbuf_shutdown(self->writer));
	ASSERT_FAILS(EPIPE, bbuf_put(self->writer, "x", 1, NULL));
	ASSERT_GETS(self->reader, "the rest");
	ASSERT_EQ(0, bbuf_get(self->reader, &byte, 1, NULL));
	ASSERT_EQ(0, bbuf_get(self->reader, &byte, 1, &at_once));
	ASSERT_EQ(0, bbuf_peek(self->reader, &byte, 1));
}

TEST_F(state, shutdown_releases_waiters)
{
	struct call get = { .fn = call_get, .queue = self->reader, .len = 1 };

	ASSERT_WAITS_FOR_DATA(get);
	ASSERT_EQ(0, bbuf_shutdown(self->writer));
	ASSERT_ENDS(0, get);
}

TEST_F(state, reopen_admits_writes_again)
{
	ASSERT_EQ(0, bbuf_reopen(self->writer));
	ASSERT_EQ(0, bbuf_shutdown(self->writer));
	ASSERT_EQ(0, bbuf_reopen(self->writer));
	ASSERT_PUTS(self->writer, "again");
	ASSERT_GETS(self->reader, "again");
}

TEST_F(state, each_call_needs_its_access_mode)
{
	ASSERT_FAILS(EBADF, bbuf_shutdown(self->reader));
	ASSERT_FAILS(EBADF, bbuf_reopen(self->reader));
	ASSERT_FAILS(EBADF, bbuf_flush(self->writer));
}

TEST_F(state, drain_waits_for_readers)
{
	struct call drain = { .fn = call_drain, .queue = self->writer };

	ASSERT_EQ(0, bbuf_drain(self->writer));
	ASSERT_PUTS(self->writer, "drained");
	ASSERT_TRUE(call_start(&drain));
	usleep(SHORT_MS * 1000);
	ASSERT_FALSE(__atomic_load_n(&drain.done, __ATOMIC_ACQUIRE));
	ASSERT_GETS(self->reader, "drained");
	ASSERT_ENDS(0, drain);
}

TEST_F(state, flush_discards)
{
	char byte;

	ASSERT_PUTS(self->writer, "unwanted");
	ASSERT_EQ(0, bbuf_flush(self->reader));
	ASSERT_FAILS(EAGAIN, bbuf_get(self->reader, &byte, 1, &at_once));
	ASSERT_PUTS(self->writer, "wanted");
	ASSERT_GETS(self->reader, "wanted");
}

TEST_F(state, resize_keeps_what_is_queued)
{
	static const char bytes[CAPACITY];
	struct bbuf_info info;

	ASSERT_PUTS(self->writer, "kept");
	ASSERT_EQ(0, bbuf_resize(self->queue, 3 * CAPACITY));
	ASSERT_EQ(CAPACITY, bbuf_put(self->writer, bytes, CAPACITY, &at_once));
	ASSERT_FAILS(EBUSY, bbuf_resize(self->queue, CAPACITY));
	ASSERT_EQ(0, bbuf_get_info(self->queue, &info));
	ASSERT_EQ(3 * CAPACITY, info.capacity);
	ASSERT_EQ(CAPACITY + 4, info.bytes);
	ASSERT_EQ(0, bbuf_resize(self->queue, CAPACITY + 4));
	ASSERT_EQ(4, bbuf_get(self->reader, &info, 4, NULL));
	ASSERT_EQ(0, memcmp("kept", &info, 4));
}

TEST_F(state, resize_admits_waiting_writers)
{
	struct call put = { .fn = call_put, .queue = self->writer, .len = 1 };

	ASSERT_TRUE(queue_fill(self->queue, 1024));
	ASSERT_WAITS_FOR_ROOM(put);
	ASSERT_EQ(0, bbuf_resize(self->queue, CAPACITY + 1));
	ASSERT_ENDS(1, put);
}

TEST_F(state, invalid_capacities_are_refused)
{
	ASSERT_FAILS(EINVAL, bbuf_resize(self->queue, 0));
	ASSERT_FAILS(ERANGE, bbuf_resize(self->queue, UINT64_MAX));
}

TEST_F(state, marks_decide_when_poll_reports)
{
	const struct bbuf_set set = {
		.fields = BBUF_SET_READ_MARK | BBUF_SET_WRITE_MARK,
		.read_mark = 4, .write_mark = CAPACITY - 3,
	};

	ASSERT_EQ(0, bbuf_set(self->queue, &set));
	ASSERT_EQ(POLLOUT, events(self->queue));
	ASSERT_PUTS(self->writer, "abc");
	ASSERT_EQ(POLLOUT, events(self->queue));
	ASSERT_PUTS(self->writer, "d");
	ASSERT_EQ(POLLIN, events(self->queue));
}

TEST_F(state, set_applies_all_or_nothing)
{
	const struct bbuf_set set = {
		.fields = BBUF_SET_READ_MARK | BBUF_SET_WRITE_MARK,
		.read_mark = 4, .write_mark = CAPACITY + 1,
		.policy = BBUF_DROP_OLDEST, .policy_mask = BBUF_DROP_OLDEST,
	};
	struct bbuf_info before, after;

	ASSERT_EQ(0, bbuf_get_info(self->queue, &before));
	ASSERT_FAILS(EINVAL, bbuf_set(self->queue, &set));
	ASSERT_EQ(0, bbuf_get_info(self->queue, &after));
	ASSERT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_F(state, policy_drop_oldest_drops_the_oldest)
{
	const struct bbuf_set set = {
		.policy = BBUF_DROP_OLDEST, .policy_mask = BBUF_DROP_OLDEST,
	};
	static const char bytes[CAPACITY];
	char last[CAPACITY];

	ASSERT_EQ(0, bbuf_set(self->queue, &set));
	ASSERT_EQ(CAPACITY, bbuf_put(self->writer, bytes, CAPACITY, NULL));
	ASSERT_EQ(4, bbuf_put(self->writer, "last", 4, NULL));
	ASSERT_EQ(CAPACITY, bbuf_get(self->reader, last, CAPACITY, NULL));
	ASSERT_EQ(0, memcmp("last", last + CAPACITY - 4, 4));
}

TEST_F(state, policy_eof_on_close_brings_EOF)
{
	const struct bbuf_set set = {
		.policy = BBUF_EOF_ON_CLOSE, .policy_mask = BBUF_EOF_ON_CLOSE,
	};
	char byte;

	ASSERT_EQ(0, bbuf_set(self->queue, &set));
	bbuf_close(self->queue);
	self->queue = NULL;
	ASSERT_FAILS(EAGAIN, bbuf_get(self->reader, &byte, 1, &at_once));
	ASSERT_PUTS(self->writer, "bye");
	bbuf_close(self->writer);
	self->writer = NULL;
	ASSERT_GETS(self->reader, "bye");
	ASSERT_EQ(0, bbuf_get(self->reader, &byte, 1, &at_once));
}

TEST_HARNESS_MAIN
