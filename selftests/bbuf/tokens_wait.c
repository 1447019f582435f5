// SPDX-License-Identifier: GPL-2.0-only
/* Pools of tokens: a process at its limit waits until it has written a token back. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"
#include "late.h"
#include "leased.h"

#define CAPACITY	100
#define MAX_LEASES	2
#define TOKENS		"abcdefgh"
#define N_TOKENS	((ssize_t)strlen(TOKENS))
#define READERS		4

/* All files of one process share its tokens. This process holds as many as it may. */
FIXTURE(tokens_wait) {
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK */
};

static unsigned long long held(int fd)
{
	return queue_info(fd).leased_bytes;
}

FIXTURE_SETUP(tokens_wait)
{
	ASSERT_EQ(0, lease_make(.type = BBUF_STREAM, .capacity = CAPACITY,
				.max_leases = MAX_LEASES));
	self->fd = queue_open(QUEUE, O_RDWR);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(N_TOKENS, write(self->nb, TOKENS, N_TOKENS));
	ASSERT_TRUE(pool_read(self->fd, 2, "ab"));
}

QUEUE_TEARDOWN(tokens_wait)

/* A thread of this process that reads one token. */
static bool reader_blocks(struct task *reader, int fd)
{
	*reader = task_reader(fd, 1);
	reader->is_thread = true;
	return task_blocks(reader);
}

static bool readers_block(struct task *readers, int fd)
{
	int i;

	for (i = 0; i < READERS; i++)
		if (!reader_blocks(&readers[i], fd))
			return false;
	return true;
}

static int readers_done(struct task *readers)
{
	int i, n = 0;

	for (i = 0; i < READERS; i++)
		n += task_done(&readers[i]);
	return n;
}

/* How many have not been woken since they went to sleep? */
static int readers_undisturbed(struct task *readers)
{
	int i, n = 0;

	for (i = 0; i < READERS; i++)
		n += !task_done(&readers[i]) && task_undisturbed(&readers[i]);
	return n;
}

/* No reader may still be waiting. */
#define END_READERS(readers)						\
do {									\
	int last;							\
									\
	ASSERT_EQ(0, queue_destroy(QUEUE));				\
	for (last = 0; last < READERS; last++)				\
		task_wait(&(readers)[last]);				\
} while (0)

/* One read more than there may be tokens, as cargo does. */
TEST_F(tokens_wait, ends_when_a_token_is_written_back)
{
	struct task reader;

	ASSERT_TRUE(reader_blocks(&reader, self->fd));
	ASSERT_UNDISTURBED(reader);
	ASSERT_EQ(2, held(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "a"));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ('c', reader.result->data[0]);
	ASSERT_EQ(2, held(self->fd));
	ASSERT_EQ(N_TOKENS - 2, queued(self->fd));
}

/* Through another file of the process. */
TEST_F(tokens_wait, ends_when_another_file_writes_a_token_back)
{
	int out = queue_open(QUEUE, O_WRONLY | O_NONBLOCK);
	struct task reader;

	ASSERT_TRUE(reader_blocks(&reader, self->fd));
	ASSERT_TRUE(pool_write(out, "b"));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ('c', reader.result->data[0]);
	close(out);
}

TEST_F(tokens_wait, does_not_happen_in_nonblocking_calls)
{
	struct iovec iov = { .iov_base = (char[1]){ 0 }, .iov_len = 1 };

	ASSERT_FAILS(EAGAIN, read(self->nb, iov.iov_base, 1));
	ASSERT_FAILS(EAGAIN, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	ASSERT_EQ(0, queue_events(self->fd) & READABLE);
	ASSERT_EQ(2, held(self->fd));
	ASSERT_TRUE(pool_write(self->nb, "a"));
	ASSERT_EQ(READABLE, queue_events(self->fd) & READABLE);
	ASSERT_TRUE(pool_read(self->nb, 1, "c"));
	ASSERT_FAILS(EAGAIN, read(self->nb, iov.iov_base, 1));
}

TEST_F(tokens_wait, works_in_poll)
{
	struct task poller = task_poller(self->fd, POLLIN);
	int epoll = epoll_on(self->nb, EPOLLIN | EPOLLET);

	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_BLOCKS(poller);
	ASSERT_TRUE(pool_write(self->fd, "b"));
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	close(epoll);
}

/* One for each token, and in the order in which they came. */
TEST_F(tokens_wait, serves_readers_one_by_one)
{
	struct task readers[READERS];
	int i;

	ASSERT_TRUE(readers_block(readers, self->fd));
	for (i = 0; i < READERS; i++) {
		ASSERT_EQ(READERS - i, readers_undisturbed(readers));
		ASSERT_TRUE(pool_write(self->fd, (char[]){ TOKENS[i], '\0' }));
		ASSERT_RETURNS(1, readers[i]);
		ASSERT_EQ(TOKENS[2 + i], readers[i].result->data[0]);
		ASSERT_EQ(i + 1, readers_done(readers));
	}
	ASSERT_EQ(2, held(self->fd));
}

TEST_F(tokens_wait, serves_as_many_readers_as_tokens_are_written_back)
{
	struct task readers[READERS];

	ASSERT_TRUE(readers_block(readers, self->fd));
	ASSERT_TRUE(pool_write(self->fd, "ab"));
	ASSERT_RETURNS(1, readers[0]);
	ASSERT_RETURNS(1, readers[1]);
	ASSERT_EQ(2, readers_done(readers));
	ASSERT_EQ(2, readers_undisturbed(readers));
	ASSERT_EQ(2, held(self->fd));
	END_READERS(readers);
}

TEST_F(tokens_wait, ends_when_the_limit_is_raised)
{
	struct task readers[READERS];

	ASSERT_TRUE(readers_block(readers, self->fd));
	ASSERT_EQ(0, queue_set_max_leases(self->nb, MAX_LEASES + READERS - 1));
	ASSERT_TRUE(eventually(readers_done(readers) == READERS - 1));
	ASSERT_EQ(MAX_LEASES + READERS - 1, held(self->fd));
	pause_ms(10);
	ASSERT_EQ(READERS - 1, readers_done(readers));
	ASSERT_EQ(0, queue_set_max_leases(self->nb, CAPACITY));
	ASSERT_TRUE(eventually(readers_done(readers) == READERS));
	ASSERT_EQ(MAX_LEASES + READERS, held(self->fd));
	END_READERS(readers);
}

/* A higher limit wakes the waiters of all processes. */
static long take_three(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDWR);

	if (read(fd, t->result->data, 2) != 2 || dup2(fd, t->fd) < 0)
		return -1;
	return read(t->fd, t->result->data, 1);
}

#define OTHER_FD	99

static struct task task_other(void)
{
	return (struct task){ .fn = take_three, .nr = SYS_read, .fd = OTHER_FD, .len = 2 };
}

TEST_F(tokens_wait, ends_in_all_processes_when_the_limit_is_raised)
{
	struct task other[2] = { task_other(), task_other() };
	struct task reader;

	ASSERT_TRUE(reader_blocks(&reader, self->fd));
	ASSERT_BLOCKS(other[0]);
	ASSERT_BLOCKS(other[1]);
	ASSERT_EQ(6, held(self->fd));
	ASSERT_EQ(0, queue_set_max_leases(self->nb, MAX_LEASES + 1));
	ASSERT_RETURNS(1, other[0]);
	ASSERT_RETURNS(1, other[1]);
	ASSERT_TRUE(eventually(queue_info(self->fd).leasing_files == 1));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ(3, held(self->fd));
}

TEST_F(tokens_wait, is_separate_for_each_process)
{
	struct task other = task_other();
	struct task reader;

	ASSERT_BLOCKS(other);
	ASSERT_TRUE(reader_blocks(&reader, self->fd));
	ASSERT_TRUE(pool_write(self->fd, "a"));
	ASSERT_RETURNS(1, reader);
	ASSERT_UNDISTURBED(other);
	task_kill(&other);
	ASSERT_TRUE(eventually(held(self->fd) == 2));
	ASSERT_EQ(N_TOKENS - 2, queued(self->fd));
}

/* A process that has none yet. */
static long take_one(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDWR);

	return read(fd, t->result->data, 1);
}

static long take_one_and_wait(struct task *t)
{
	return take_one(t) == 1 ? pause() : -1;
}

TEST_F(tokens_wait, does_not_delay_other_processes)
{
	struct task other = { .fn = take_one, .fd = -1, .len = 1 };
	struct task readers[READERS];

	ASSERT_TRUE(readers_block(readers, self->fd));
	ASSERT_EQ(0, queue_info(self->fd).out.waiters);
	ASSERT_STARTS(other);
	ASSERT_RETURNS(1, other);
	ASSERT_EQ('c', other.result->data[0]);
	ASSERT_EQ(READERS, readers_undisturbed(readers));
	END_READERS(readers);
}

/* Having written one back a reader may yet have to wait for one, as any other. */
TEST_F(tokens_wait, continues_for_a_token_in_the_pool)
{
	struct task other = { .fn = take_one, .nr = SYS_read, .fd = -1, .len = 1 };
	struct task readers[READERS];
	int i;

	/* The pool is empty: two are held here, and the others are gone. */
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_BLOCKS(other);
	ASSERT_TRUE(readers_block(readers, self->fd));
	ASSERT_TRUE(pool_write(self->fd, "a"));
	ASSERT_RETURNS(1, other);
	ASSERT_EQ('a', other.result->data[0]);

	/* It is there again when the other process has ended. */
	ASSERT_TRUE(eventually(readers_done(readers) == 1));
	ASSERT_EQ(2, held(self->fd));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(pool_write(self->fd, i % 2 ? "a" : "b"));
		ASSERT_TRUE(eventually(readers_done(readers) == 2 + i));
	}
	ASSERT_EQ(2, held(self->fd));
	END_READERS(readers);
}

TEST_F(tokens_wait, ends_on_destroy)
{
	struct task readers[READERS];
	int i;

	ASSERT_TRUE(readers_block(readers, self->fd));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	for (i = 0; i < READERS; i++)
		ASSERT_RETURNS(-ENODEV, readers[i]);
	ASSERT_FAILS(ENODEV, read(self->nb, (char[1]){ 0 }, 1));
}

/* Queued tokens can still be read, and held tokens may be returned. */
TEST_F(tokens_wait, continues_after_shutdown)
{
	struct task reader;

	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_TRUE(reader_blocks(&reader, self->fd));
	ASSERT_TRUE(pool_write(self->fd, "b"));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ('c', reader.result->data[0]);
}

TEST_F(tokens_wait, ends_with_the_timeout)
{
	struct task reader;

	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = 50 * NS_PER_MS));
	ASSERT_FAILS(ETIMEDOUT, read(self->fd, (char[1]){ 0 }, 1));
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = DEADLINE_MS * NS_PER_MS));
	ASSERT_TRUE(reader_blocks(&reader, self->fd));
	ASSERT_TRUE(pool_write(self->nb, "a"));
	ASSERT_RETURNS(1, reader);
}

/* Tasks that inherited the file: a signal is caught by one of them. */
TEST_F(tokens_wait, ends_on_a_signal)
{
	struct task reader = task_reader(self->fd, 1);

	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(task_signal(&reader));
	ASSERT_RETURNS(-EINTR, reader);
	ASSERT_EQ(2, held(self->fd));

	reader.restart = true;
	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(task_signal(&reader));
	ASSERT_TRUE(task_sleeps(&reader));
	ASSERT_TRUE(pool_write(self->fd, "a"));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ('c', reader.result->data[0]);
}

TEST_F(tokens_wait, ends_when_the_reader_is_killed)
{
	struct task first = task_reader(self->fd, 1), second = task_reader(self->fd, 1);

	ASSERT_BLOCKS(first);
	ASSERT_BLOCKS(second);
	task_kill(&first);
	ASSERT_UNDISTURBED(second);
	ASSERT_TRUE(pool_write(self->fd, "a"));
	ASSERT_RETURNS(1, second);
	ASSERT_EQ('c', second.result->data[0]);
}

/* A token for which the woken reader has no page goes to another reader. */
TEST_F(tokens_wait, does_not_delay_others_when_the_reader_faults)
{
	struct late late;
	struct call stuck = { .late = &late, .fd = self->fd };
	struct task reader;

	ASSERT_EQ(0, late_map(&late, 1));
	REQUIRE_USERFAULTFD(&late);
	ASSERT_TRUE(call_start(&stuck));
	pause_ms(20);
	ASSERT_TRUE(reader_blocks(&reader, self->fd));
	ASSERT_TRUE(pool_write(self->fd, "a"));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ('c', reader.result->data[0]);
	ASSERT_FALSE(load(stuck.done));
	ASSERT_EQ(2, held(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "b"));
	ASSERT_EQ(1, call_finish(&stuck));
	ASSERT_EQ('d', late.buf[0]);
	late_unmap(&late);
}

/* A wake-up that reaches one who leaves is passed on. */

/* It was woken, had to wait for a token then, and has left that line. */
TEST_F(tokens_wait, passes_the_wakeup_on_when_it_ends_early)
{
	struct task other = { .fn = take_one_and_wait, .nr = SYS_pause, .fd = -1, .len = 1 };
	struct task leaver = task_reader(self->fd, 1), stayer = task_reader(self->fd, 1);

	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_STARTS(other);
	ASSERT_TRUE(eventually(queue_info(self->fd).out.waiters == 1));
	ASSERT_BLOCKS(leaver);
	ASSERT_BLOCKS(stayer);
	ASSERT_TRUE(pool_write(self->fd, "a"));
	ASSERT_TRUE(task_sleeps(&other));
	ASSERT_TRUE(eventually(queue_info(self->fd).out.waiters == 1));
	ASSERT_UNDISTURBED(stayer);
	task_kill(&leaver);
	ASSERT_TRUE(eventually(task_wakeups(&stayer) > 0));
	task_kill(&other);
	ASSERT_RETURNS(1, stayer);
	ASSERT_EQ('a', stayer.result->data[0]);
}

#define RACES		100

/* They are woken and killed at the same time. */
TEST_F(tokens_wait, loses_no_wakeup_when_a_reader_is_killed)
{
	struct task leaver, stayer;
	int i;

	ASSERT_TRUE(pool_write(self->fd, "ab"));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "+++"));
	ASSERT_TRUE(pool_read(self->fd, 2, "++"));
	for (i = 0; i < RACES; i++) {
		leaver = task_reader(self->fd, 1);
		stayer = task_reader(self->fd, 1);
		ASSERT_BLOCKS(leaver);
		ASSERT_BLOCKS(stayer);
		if (i % 2)
			kill(leaver.pid, SIGKILL);
		ASSERT_TRUE(pool_write(self->fd, "+"));
		task_kill(&leaver);
		ASSERT_TRUE(eventually(held(self->fd) == 2));
		task_kill(&stayer);
	}
}

/* poll for writing */

/* A new token has no room, though one that is held could go back: to poll must not spin. */
TEST_F(tokens_wait, ends_in_poll_for_room_after_a_refused_new_token)
{
	int epoll = epoll_on(self->nb, EPOLLOUT), other;

	ASSERT_EQ(0, queue_set_write_mark(self->fd, 1));
	ASSERT_TRUE(fill(self->nb, CAPACITY - N_TOKENS));
	ASSERT_EQ(WRITABLE, queue_events(self->nb) & WRITABLE);
	ASSERT_FAILS(EAGAIN, write(self->nb, "x", 1));
	ASSERT_EQ(0, queue_events(self->nb) & WRITABLE);
	ASSERT_EQ(0, epoll_now(epoll));

	/* The refusal concerns this file; a held token can be written back as before. */
	other = queue_open(QUEUE, O_WRONLY | O_NONBLOCK);
	ASSERT_EQ(WRITABLE, queue_events(other) & WRITABLE);
	ASSERT_TRUE(pool_write(self->nb, "a"));
	ASSERT_EQ(WRITABLE, queue_events(self->nb) & WRITABLE);
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));

	/* With room, the new one may come. */
	ASSERT_FAILS(EAGAIN, write(self->nb, "x", 1));
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	ASSERT_TRUE(pool_write(self->nb, "x"));
	close(other);
	close(epoll);
}

/* Every event that makes a file of a full pool writable wakes its pollers. */
TEST_F(tokens_wait, ends_in_poll_for_POLLOUT_when_a_token_can_be_written_back)
{
	struct task poller = task_poller(self->nb, POLLOUT);
	int epoll = epoll_on(self->nb, EPOLLOUT | EPOLLET);

	ASSERT_TRUE(fill(self->nb, CAPACITY - N_TOKENS));
	ASSERT_TRUE(pool_write(self->fd, "ab"));
	epoll_now(epoll);
	ASSERT_EQ(0, queue_events(self->nb) & WRITABLE);
	ASSERT_BLOCKS(poller);
	ASSERT_TRUE(pool_read(self->fd, 1, "c"));
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));

	ASSERT_TRUE(pool_read(self->fd, 1, "d"));
	ASSERT_FAILS(EAGAIN, write(self->nb, "x", 1));
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_BLOCKS(poller);
	ASSERT_TRUE(pool_write(self->nb, "c"));
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	close(epoll);
}

BBUF_HARNESS_MAIN
