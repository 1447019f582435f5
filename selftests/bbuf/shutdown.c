// SPDX-License-Identifier: GPL-2.0-only
/* The end: shutdown, and the last writer's close; what both sides see of it. */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000

FIXTURE(shutdown) {
	int fd;		/* blocking, as all of these */
	int nb;		/* O_NONBLOCK */
	int in;		/* read only */
	int out;	/* write only */
};

FIXTURE_SETUP(shutdown)
{
	QUEUE_BEGIN(BBUF_STREAM, CAPACITY, 0);
	self->in = queue_open(QUEUE, O_RDONLY);
	self->out = queue_open(QUEUE, O_WRONLY);
	ASSERT_LE(0, self->in);
	ASSERT_LE(0, self->out);
}

FIXTURE_TEARDOWN(shutdown)
{
	close(self->fd);
	close(self->nb);
	close(self->in);
	close(self->out);
	queue_destroy(QUEUE);
}

/* Writers */

/* SIGPIPE would kill the test. */
TEST_F(shutdown, gives_writers_EPIPE_without_a_signal)
{
	struct iovec iov = { "x", 1 };

	ASSERT_EQ(0, queue_shutdown(self->out));
	ASSERT_FAILS(EPIPE, put(self->fd, 0, 1));
	ASSERT_FAILS(EPIPE, put(self->nb, 0, 1));
	ASSERT_FAILS(EPIPE, put(self->out, 0, 3 * CAPACITY));
	ASSERT_FAILS(EPIPE, pwritev2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	ASSERT_EQ(0, put(self->fd, 0, 0));
	ASSERT_EQ(0, queued(self->fd));
}

TEST_F(shutdown, gives_record_writers_EPIPE)
{
	close(self->fd);
	close(self->nb);
	QUEUE_BEGIN(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_FAILS(EPIPE, put(self->nb, 0, 1));
	ASSERT_FAILS(EPIPE, put(self->fd, 0, CAPACITY + 1));
	ASSERT_TRUE(take_record(self->fd, 0, 10));
	ASSERT_EQ(0, read(self->fd, &(char){ 0 }, 1));
}

NAMED_FIXTURE(waiters, BBUF_STREAM, CAPACITY, 0)
SIDES(waiters);

TEST_F(waiters, are_released_by_shutdown)
{
	const long result = variant->writes ? -EPIPE : 0;
	struct task caller[3];
	size_t i;

	CLOSE_SIDE(CAPACITY);
	for (i = 0; i < ARRAY_SIZE(caller); i++) {
		caller[i] = CALLER(0, 10);
		ASSERT_BLOCKS(caller[i]);
	}
	ASSERT_EQ(0, queue_shutdown(self->nb));
	for (i = 0; i < ARRAY_SIZE(caller); i++)
		ASSERT_RETURNS(result, caller[i]);
	ASSERT_EQ(variant->writes ? CAPACITY : 0, queued(self->nb));
}

TEST_F(shutdown, ends_a_large_write_with_a_partial_count)
{
	struct task writer = task_writer(self->fd, 0, 2 * CAPACITY);

	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_RETURNS(CAPACITY, writer);
	ASSERT_TRUE(take(self->fd, 0, CAPACITY));
	ASSERT_EQ(0, read(self->fd, &(char){ 0 }, 1));
}

/* Readers */

TEST_F(shutdown, lets_readers_drain_the_queue_before_EOF)
{
	char byte;

	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_TRUE(take(self->in, 0, CAPACITY / 2));
	ASSERT_TRUE(take(self->nb, CAPACITY / 2, CAPACITY / 2));
	ASSERT_EQ(0, read(self->in, &byte, 1));
	ASSERT_EQ(0, read(self->in, &byte, 1));
	ASSERT_EQ(0, read(self->fd, &byte, 1));
	ASSERT_EQ(0, read(self->nb, &byte, 1));
}

TEST_F(shutdown, releases_readers_below_the_read_mark)
{
	struct task reader = task_reader(self->fd, 100);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, 100));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_RETURNS(10, reader);
	ASSERT_DATA(reader, 0, 10);
}

TEST_F(shutdown, leaves_fsync_waiting_until_all_is_read)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_BLOCKS(drainer);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_TRUE(take(self->nb, 0, 10));
	ASSERT_RETURNS(0, drainer);
}

/* A producer writes, and shuts down; no reader may miss a byte, or read past the end. */

#define ROUNDS		40
#define READERS		3
#define ROUND_BYTES	3001

static long count_bytes(struct task *t)
{
	long total = 0;
	ssize_t n;

	while ((n = read(t->fd, t->result->data, t->len)) > 0)
		total += n;
	return n ? -1 : total;
}

TEST_F(shutdown, right_after_the_last_byte_loses_nothing)
{
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		struct task reader[READERS];
		long total = 0;

		for (i = 0; i < READERS; i++) {
			reader[i] = (struct task){ .fn = count_bytes, .fd = self->in, .len = 70 };
			ASSERT_STARTS(reader[i]);
		}
		ASSERT_EQ(ROUND_BYTES, put(self->out, 0, ROUND_BYTES));
		ASSERT_EQ(0, queue_shutdown(self->out));
		for (i = 0; i < READERS; i++) {
			long n = task_wait(&reader[i]);

			ASSERT_LE(0, n);
			total += n;
		}
		ASSERT_EQ(ROUND_BYTES, total);
		ASSERT_EQ(0, queue_reopen(self->out));
	}
}

/* poll: the table of the contract */

#define ENDED		(READABLE | POLLRDHUP)

TEST_F(shutdown, is_reported_by_poll_in_each_state)
{
	ASSERT_EQ(0, queue_events(self->in));
	ASSERT_EQ(WRITABLE, queue_events(self->out));
	ASSERT_EQ(WRITABLE, queue_events(self->fd));

	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_EQ(READABLE, queue_events(self->in));
	ASSERT_EQ(0, queue_events(self->out));
	ASSERT_EQ(READABLE, queue_events(self->fd));

	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(ENDED, queue_events(self->in));
	ASSERT_EQ(POLLERR, queue_events(self->out));
	ASSERT_EQ(ENDED | POLLERR, queue_events(self->fd));

	ASSERT_TRUE(take(self->fd, 0, CAPACITY));
	ASSERT_EQ(ENDED | POLLHUP, queue_events(self->in));
	ASSERT_EQ(POLLERR, queue_events(self->out));
	ASSERT_EQ(ENDED | POLLHUP | POLLERR, queue_events(self->fd));

	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_EQ(0, queue_events(self->in));
	ASSERT_EQ(WRITABLE, queue_events(self->out));
}

TEST_F(shutdown, wakes_pollers)
{
	struct task in = task_poller(self->in, POLLIN), out = task_poller(self->out, POLLOUT);
	struct task rdhup = task_poller(self->in, POLLRDHUP);

	ASSERT_BLOCKS(in);
	ASSERT_BLOCKS(rdhup);
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_RETURNS(POLLIN, in);
	ASSERT_BLOCKS(out);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_RETURNS(POLLERR, out);
	ASSERT_RETURNS(POLLRDHUP, rdhup);
}

TEST_F(shutdown, wakes_a_poller_for_data_of_an_empty_queue)
{
	struct task in = task_poller(self->in, POLLIN);

	ASSERT_BLOCKS(in);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_RETURNS(POLLIN | POLLHUP, in);
}

TEST_F(shutdown, brings_POLLHUP_when_the_last_byte_is_read)
{
	struct task poller = task_poller(self->in, 0);

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_BLOCKS(poller);
	ASSERT_TRUE(take(self->nb, 0, 9));
	ASSERT_UNDISTURBED(poller);
	ASSERT_TRUE(take(self->nb, 9, 1));
	ASSERT_RETURNS(POLLHUP, poller);
}

TEST_F(shutdown, is_an_epoll_edge)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->in, &event));
	ASSERT_EQ(1, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(EPOLLIN, event.events);
	ASSERT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(1, epoll_wait(epoll, &event, 1, 0));
	ASSERT_EQ(EPOLLIN | EPOLLRDHUP, event.events);
	close(epoll);
}

TEST_F(shutdown, sends_SIGIO_to_both_sides)
{
	ASSERT_TRUE(sigio_on(self->in));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_TRUE(sigio_sent());
	ASSERT_EQ(0, fcntl(self->in, F_SETFL, 0));

	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_TRUE(fill(self->nb, CAPACITY));
	ASSERT_TRUE(sigio_on(self->out));
	ASSERT_FALSE(sigio_sent());
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_TRUE(sigio_sent());
}

/* A new round */

TEST_F(shutdown, is_undone_by_reopen)
{
	struct task reader = task_reader(self->fd, 10);

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(BBUF_SHUT, queue_info(self->fd).state);
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_EQ(0, queue_info(self->fd).state);
	ASSERT_EQ(10, put(self->fd, 10, 10));
	ASSERT_TRUE(take(self->fd, 0, 20));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, put(self->fd, 20, 1));
	ASSERT_RETURNS(1, reader);
}

TEST_F(shutdown, shutdown_and_reopen_are_idempotent)
{
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_FAILS(EPIPE, put(self->fd, 0, 1));
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_EQ(1, put(self->fd, 0, 1));
}

TEST_F(shutdown, persists_when_all_files_are_closed_and_reopened)
{
	close(self->fd);
	close(self->nb);
	close(self->in);
	close(self->out);
	self->fd = queue_open(QUEUE, O_RDWR);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	close(self->fd);
	self->fd = queue_open(QUEUE, O_RDWR);
	ASSERT_FAILS(EPIPE, put(self->fd, 0, 1));
	ASSERT_TRUE(take(self->fd, 0, 1));
	ASSERT_EQ(0, read(self->fd, &(char){ 0 }, 1));
}

TEST_F(shutdown, does_not_happen_on_close_without_the_policy)
{
	struct task reader = task_reader(self->in, 1);

	ASSERT_BLOCKS(reader);
	close(self->fd);
	close(self->out);
	task_kill(&reader);	/* it had them open, too */
	close(self->nb);
	ASSERT_EQ(0, queue_info(self->in).state);
	ASSERT_EQ(0, queue_events(self->in));
}

/* End of file when the last writer closes */

FIXTURE(last_close) {
	int in;		/* blocking */
	int nb;		/* O_NONBLOCK, read only, too */
	int out;
};

FIXTURE_SETUP(last_close)
{
	ASSERT_EQ(0, queue_make(BBUF_STREAM, CAPACITY, BBUF_EOF_ON_CLOSE));
	self->in = queue_open(QUEUE, O_RDONLY);
	ASSERT_OPENS(self->nb, O_RDONLY | O_NONBLOCK);
	self->out = queue_open(QUEUE, O_WRONLY);
	ASSERT_LE(0, self->in);
	ASSERT_LE(0, self->out);
}

FIXTURE_TEARDOWN(last_close)
{
	close(self->in);
	close(self->nb);
	close(self->out);
	queue_destroy(QUEUE);
}

#define ASSERT_OPEN() \
	ASSERT_FAILS(EAGAIN, read(self->nb, &(char){ 0 }, 1))
#define ASSERT_ENDED() \
	ASSERT_EQ(0, read(self->nb, &(char){ 0 }, 1))

TEST_F(last_close, brings_EOF_after_what_is_queued)
{
	ASSERT_OPEN();
	ASSERT_EQ(10, put(self->out, 0, 10));
	close(self->out);
	ASSERT_EQ(ENDED, queue_events(self->in));
	ASSERT_EQ(BBUF_LEFT, queue_info(self->in).state);
	ASSERT_TRUE(take(self->in, 0, 10));
	ASSERT_ENDED();
	ASSERT_EQ(0, read(self->in, &(char){ 0 }, 1));
	ASSERT_EQ(ENDED | POLLHUP, queue_events(self->in));
}

static long read_only(struct task *t)
{
	close(t->arg[0]);
	return read(t->fd, t->result->data, t->len);
}

TEST_F(last_close, releases_waiting_readers)
{
	struct task reader[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		reader[i] = task_reader(self->in, 1);
		reader[i].fn = read_only;
		reader[i].arg[0] = self->out;
		ASSERT_BLOCKS(reader[i]);
	}
	close(self->out);
	for (i = 0; i < ARRAY_SIZE(reader); i++)
		ASSERT_RETURNS(0, reader[i]);
}

TEST_F(last_close, is_not_the_close_of_one_of_two_duplicates)
{
	int copy = dup(self->out);

	close(self->out);
	ASSERT_OPEN();
	close(copy);
	ASSERT_ENDED();
}

TEST_F(last_close, happens_when_the_last_process_exits_or_is_killed)
{
	struct task holder = task_holder();

	ASSERT_BLOCKS(holder);
	close(self->out);
	ASSERT_OPEN();
	task_kill(&holder);
	ASSERT_TRUE(eventually(queue_info(self->in).in.files == 0));
	ASSERT_ENDED();
}

TEST_F(last_close, is_not_the_close_of_one_file_among_others)
{
	int both = queue_open(QUEUE, O_RDWR);

	close(self->out);
	ASSERT_OPEN();
	close(both);
	ASSERT_ENDED();
}

TEST_F(last_close, is_undone_when_a_writer_opens_again)
{
	close(self->out);
	ASSERT_ENDED();
	self->out = queue_open(QUEUE, O_WRONLY);
	ASSERT_OPEN();
	ASSERT_EQ(WRITABLE, queue_events(self->out));
	ASSERT_EQ(1, put(self->out, 0, 1));
	ASSERT_TRUE(take(self->in, 0, 1));
}

TEST_F(last_close, close_and_open_do_not_undo_a_shutdown)
{
	ASSERT_EQ(0, queue_shutdown(self->out));
	close(self->out);
	self->out = queue_open(QUEUE, O_WRONLY);
	ASSERT_ENDED();
	ASSERT_FAILS(EPIPE, put(self->out, 0, 1));
	ASSERT_EQ(0, queue_reopen(self->out));
	ASSERT_OPEN();
}

TEST_F(last_close, has_no_effect_after_the_policy_is_cleared)
{
	int both = queue_open(QUEUE, O_RDWR);

	ASSERT_EQ(0, queue_set_policy(both, 0));
	close(both);
	close(self->out);
	ASSERT_OPEN();
	both = queue_open(QUEUE, O_RDWR);
	ASSERT_EQ(0, queue_set_policy(both, BBUF_EOF_ON_CLOSE));
	ASSERT_OPEN();
	close(both);
	ASSERT_ENDED();
}

BBUF_HARNESS_MAIN
