// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools of tokens: a stream whose bytes are held by the process that reads them until it writes
 * them back.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"
#include "late.h"
#include "leased.h"

#define CAPACITY	100
#define TOKENS		"abcdefgh"
#define N_TOKENS	((ssize_t)strlen(TOKENS))

/* All files of one process share its tokens: other holders must be other processes. */
FIXTURE(tokens) {
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK */
};

FIXTURE_SETUP(tokens)
{
	QUEUE_BEGIN(BBUF_STREAM, CAPACITY, BBUF_LEASE);
	ASSERT_EQ(N_TOKENS, write(self->nb, TOKENS, N_TOKENS));
}

QUEUE_TEARDOWN(tokens)

/* The tokens in the pool, in order, by peek: they are not taken. */
static bool pool_is(int fd, const char *bytes)
{
	char buf[CAPACITY];
	ssize_t len = strlen(bytes);

	if (!len)
		return queue_peek(fd, buf, sizeof(buf)) < 0 && errno == EAGAIN;
	return queue_peek(fd, buf, sizeof(buf)) == len && !memcmp(buf, bytes, len);
}

static unsigned long long held(int fd)
{
	return queue_info(fd).leased_bytes;
}

#define ASSERT_EMPTY(fd)	ASSERT_FAILS(EAGAIN, read(fd, (char[1]){ 0 }, 1))

/* A process with a file of its own, that reads n tokens one by one and waits to be killed. */
static long take_and_hold(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDWR);
	long i;

	for (i = 0; i < t->arg[0]; i++)
		if (read(fd, t->result->data + i, 1) != 1)
			return -1;
	return pause();
}

static struct task task_job(size_t n)
{
	return (struct task){
		.fn = take_and_hold, .nr = SYS_pause, .fd = -1, .len = n, .arg = { n },
	};
}

/* Take */

TEST_F(tokens, are_leased_one_or_several_at_a_time)
{
	ASSERT_TRUE(pool_read(self->fd, 1, "a"));
	ASSERT_TRUE(pool_read(self->fd, 3, "bcd"));
	ASSERT_TRUE(pool_read(self->nb, CAPACITY, "efgh"));
	ASSERT_EMPTY(self->nb);
	ASSERT_EQ(N_TOKENS, held(self->fd));
	ASSERT_EQ(0, queued(self->fd));
}

TEST_F(tokens, count_against_the_capacity_while_held)
{
	ASSERT_TRUE(pool_read(self->fd, 8, TOKENS));
	ASSERT_TRUE(fill(self->nb, CAPACITY - N_TOKENS));
	ASSERT_FAILS(EAGAIN, write(self->nb, "\xff", 1));
	ASSERT_EQ(N_TOKENS, held(self->fd));
}

TEST_F(tokens, are_hidden_from_peek_and_FIONREAD_while_held)
{
	ASSERT_TRUE(pool_read(self->fd, 3, "abc"));
	ASSERT_TRUE(pool_is(self->nb, "defgh"));
	ASSERT_EQ(5, queued(self->nb));
	ASSERT_TRUE(pool_read(self->fd, 5, "defgh"));
	ASSERT_TRUE(pool_is(self->nb, ""));
}

TEST_F(tokens, are_waited_for_in_an_empty_pool)
{
	struct task reader = task_reader(self->fd, 1);

	ASSERT_TRUE(pool_read(self->fd, 8, TOKENS));
	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(pool_write(self->nb, "c"));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ('c', reader.result->data[0]);
}

TEST_F(tokens, stay_queued_when_a_read_faults)
{
	unsigned char *half = cliff(3, 0);

	ASSERT_NE(NULL, half);
	ASSERT_FAILS(EFAULT, read(self->fd, half + 3, 1));
	ASSERT_EQ(0, held(self->fd));
	ASSERT_EQ(3, read(self->fd, half, 8));
	ASSERT_EQ(3, held(self->fd));
	ASSERT_TRUE(pool_is(self->nb, "defgh"));
	ASSERT_FAILS(EFAULT, write(self->fd, half + 3, 1));
	ASSERT_EQ(3, held(self->fd));
}

TEST_F(tokens, are_leased_up_to_a_limit)
{
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 3));
	ASSERT_TRUE(pool_read(self->fd, 8, "abc"));
	ASSERT_FAILS(EAGAIN, read(self->nb, (char[1]){ 0 }, 1));
	ASSERT_EQ(0, queue_events(self->fd) & READABLE);
	ASSERT_TRUE(pool_write(self->fd, "b"));
	ASSERT_EQ(READABLE, queue_events(self->fd) & READABLE);
	ASSERT_EQ(1, read(self->fd, (char[8]){ 0 }, 8));
	ASSERT_FAILS(EAGAIN, read(self->nb, (char[1]){ 0 }, 1));
}

TEST_F(tokens, are_spliced)
{
	char buf[8];
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(3, splice(self->fd, NULL, pipes[1], NULL, 3, 0));
	ASSERT_EQ(3, held(self->fd));
	ASSERT_EQ(2, splice(pipes[0], NULL, self->fd, NULL, 2, 0));
	ASSERT_EQ(1, held(self->fd));
	ASSERT_EQ(1, read(pipes[0], buf, sizeof(buf)));
	ASSERT_EQ('c', buf[0]);
	ASSERT_EQ(7, queued(self->fd));
	close(pipes[0]);
	close(pipes[1]);
}

/*
 * A process at its limit that reads once more waits as for any token: cargo has a thread that does
 * so all the time.
 */

#define HOLD_ALL_ONE_MAY()						\
do {									\
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 2));\
	ASSERT_TRUE(pool_read(self->fd, 2, "ab"));				\
} while (0)

static void *read_one(void *argument)
{
	static char byte;

	return read(*(int *)argument, &byte, 1) == 1 ? &byte : NULL;
}

/* A pool of two: the third read gets what another thread of the process writes back. */
TEST_F(tokens, are_waited_for_by_their_holder_if_it_holds_all)
{
	pthread_t helper;
	char *token;

	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "++"));
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 2));
	ASSERT_TRUE(pool_read(self->fd, 1, "+"));
	ASSERT_TRUE(pool_read(self->fd, 1, "+"));
	ASSERT_EQ(0, pthread_create(&helper, NULL, read_one, &self->fd));
	pause_ms(100);
	ASSERT_EQ(2, held(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "+"));
	ASSERT_EQ(0, pthread_join(helper, (void **)&token));
	ASSERT_NE(NULL, token);
	ASSERT_EQ('+', *token);
	ASSERT_EQ(2, held(self->fd));
}

TEST_F(tokens, are_waited_for_at_the_limit_until_one_is_written_back)
{
	struct task reader[] = { task_reader(self->fd, 1), task_reader(self->fd, 1) };
	size_t i;

	HOLD_ALL_ONE_MAY();
	for (i = 0; i < ARRAY_SIZE(reader); i++)
		ASSERT_BLOCKS(reader[i]);
	ASSERT_EQ(6, queued(self->fd));
	ASSERT_TRUE(pool_write(self->nb, "b"));
	ASSERT_TRUE(eventually(task_done(&reader[0]) || task_done(&reader[1])));
	ASSERT_EQ(1, task_done(&reader[0]) + task_done(&reader[1]));
	ASSERT_TRUE(pool_write(self->nb, "a"));
	for (i = 0; i < ARRAY_SIZE(reader); i++)
		ASSERT_RETURNS(1, reader[i]);
	ASSERT_EQ(2, held(self->fd));
}

TEST_F(tokens, give_EAGAIN_at_the_limit_to_nonblocking_reads)
{
	struct iovec iov = { (char[1]){ 0 }, 1 };

	HOLD_ALL_ONE_MAY();
	ASSERT_EMPTY(self->nb);
	ASSERT_FAILS(EAGAIN, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	ASSERT_EQ(0, queue_events(self->fd) & READABLE);
	ASSERT_EQ(0, queue_events(self->nb) & READABLE);
	ASSERT_EQ(6, queued(self->nb));
}

TEST_F(tokens, are_leased_when_the_limit_is_raised)
{
	struct task reader = task_reader(self->fd, 1), poller = task_poller(self->nb, POLLIN);

	HOLD_ALL_ONE_MAY();
	ASSERT_BLOCKS(reader);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 4));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ('c', reader.result->data[0]);
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_TRUE(pool_read(self->fd, 8, "d"));
	ASSERT_EMPTY(self->nb);
}

TEST_F(tokens, are_waited_for_after_the_limit_was_lowered)
{
	struct task reader = task_reader(self->fd, 1);

	ASSERT_TRUE(pool_read(self->fd, 3, "abc"));
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 2));
	ASSERT_EMPTY(self->nb);
	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(pool_write(self->nb, "a"));
	ASSERT_TRUE(task_sleeps(&reader));
	ASSERT_FALSE(task_done(&reader));
	ASSERT_TRUE(pool_write(self->nb, "b"));
	ASSERT_RETURNS(1, reader);
}

TEST_F(tokens, are_waited_for_at_the_limit_until_destroy)
{
	struct task reader = task_reader(self->fd, 1);

	HOLD_ALL_ONE_MAY();
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, reader);
}

TEST_F(tokens, are_waited_for_at_the_limit_until_the_timeout)
{
	HOLD_ALL_ONE_MAY();
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = 20 * NS_PER_MS));
	ASSERT_FAILS(ETIMEDOUT, read(self->fd, (char[1]){ 0 }, 1));
	ASSERT_EQ(2, held(self->fd));
	ASSERT_EQ(6, queued(self->fd));
}

TEST_F(tokens, are_waited_for_at_the_limit_until_a_signal)
{
	struct task reader = task_reader(self->fd, 1), killed = task_reader(self->fd, 1);

	HOLD_ALL_ONE_MAY();
	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(task_signal(&reader));
	ASSERT_RETURNS(-EINTR, reader);
	ASSERT_BLOCKS(killed);
	task_kill(&killed);

	reader.restart = true;
	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(task_signal(&reader));
	ASSERT_TRUE(task_sleeps(&reader));
	ASSERT_TRUE(pool_write(self->nb, "a"));
	ASSERT_RETURNS(1, reader);
	ASSERT_EQ(2, held(self->fd));
}

/* Another process, with a file of its own */
static long take_one(struct task *t)
{
	return read(queue_open(QUEUE, O_RDONLY), t->result->data, 1);
}

/* Tokens in the pool are for other processes, however long a process at its limit has waited. */
TEST_F(tokens, are_leased_to_others_when_one_process_is_at_the_limit)
{
	struct task reader = task_reader(self->fd, 1);
	struct task other = { .fn = take_one, .nr = SYS_read, .fd = -1, .len = 1 };

	HOLD_ALL_ONE_MAY();
	ASSERT_BLOCKS(reader);
	ASSERT_STARTS(other);
	ASSERT_RETURNS(1, other);
	ASSERT_EQ('c', other.result->data[0]);
	ASSERT_FALSE(task_done(&reader));

	/* The same is true of tokens that are written later. */
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_BLOCKS(other);
	ASSERT_TRUE(pool_write(self->nb, "x"));
	ASSERT_RETURNS(1, other);
	ASSERT_EQ('x', other.result->data[0]);
	ASSERT_FALSE(task_done(&reader));
	task_kill(&reader);
}

/* Write back */

TEST_F(tokens, are_written_back_in_any_order)
{
	ASSERT_TRUE(pool_read(self->fd, 5, "abcde"));
	ASSERT_TRUE(pool_write(self->fd, "d"));
	ASSERT_EQ(4, held(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "ab"));
	ASSERT_TRUE(pool_write(self->fd, "e"));
	ASSERT_TRUE(pool_write(self->fd, "c"));
	ASSERT_EQ(0, held(self->fd));
	ASSERT_EQ(N_TOKENS, queued(self->fd));
	ASSERT_EQ(N_TOKENS, queue_info(self->fd).bytes);
	ASSERT_TRUE(fill(self->nb, CAPACITY - N_TOKENS));
	ASSERT_FAILS(EAGAIN, write(self->nb, "x", 1));
}

/* GNU make's are all alike, and it doesn't matter which of them it was. */
TEST_F(tokens, are_counted_if_they_have_the_same_value)
{
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "+++-"));
	ASSERT_TRUE(pool_read(self->fd, 4, "+++-"));
	ASSERT_TRUE(pool_write(self->fd, "+"));
	ASSERT_EQ(3, held(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "-+"));
	ASSERT_EQ(1, held(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "+"));
	ASSERT_EQ(0, held(self->fd));
	ASSERT_EQ(4, queued(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "+"));
	ASSERT_EQ(5, queued(self->fd));
}

TEST_F(tokens, are_new_if_written_but_not_held)
{
	ASSERT_TRUE(pool_read(self->fd, 2, "ab"));
	ASSERT_TRUE(pool_write(self->fd, "x"));
	ASSERT_EQ(2, held(self->fd));
	ASSERT_EQ(7, queued(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "axb"));
	ASSERT_EQ(0, held(self->fd));
	ASSERT_EQ(N_TOKENS + 2, queued(self->fd));
	ASSERT_EQ(N_TOKENS + 2, queue_info(self->fd).in.bytes);
}

TEST_F(tokens, need_room_if_written_as_new)
{
	struct task writer = task_writer(self->fd, 0, 1);	/* the pattern's first byte is 0 */

	ASSERT_TRUE(fill(self->nb, CAPACITY - N_TOKENS));
	ASSERT_TRUE(pool_read(self->fd, 2, "ab"));
	ASSERT_FAILS(EAGAIN, write(self->nb, "\xfe", 1));
	ASSERT_BLOCKS(writer);
	ASSERT_TRUE(pool_write(self->nb, "a"));
	ASSERT_UNDISTURBED(writer);
	ASSERT_EQ(1, held(self->fd));
	task_kill(&writer);
}

TEST_F(tokens, are_written_back_without_waiting_to_a_full_pool)
{
	struct task writer[3];
	size_t i;

	ASSERT_TRUE(pool_read(self->fd, 4, "abcd"));
	ASSERT_TRUE(fill(self->nb, CAPACITY - N_TOKENS));
	for (i = 0; i < ARRAY_SIZE(writer); i++) {
		writer[i] = task_writer(self->fd, 0, 1);
		ASSERT_BLOCKS(writer[i]);
	}
	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = 1));
	ASSERT_TRUE(pool_write(self->nb, "c"));
	ASSERT_TRUE(pool_write(self->fd, "ab"));
	ASSERT_TRUE(pool_write(self->nb, "d"));
	ASSERT_EQ(0, held(self->fd));
	ASSERT_EQ(CAPACITY, queued(self->fd));
	for (i = 0; i < ARRAY_SIZE(writer); i++) {
		ASSERT_UNDISTURBED(writer[i]);
		task_kill(&writer[i]);
	}
}

TEST_F(tokens, are_written_back_after_a_shutdown)
{
	ASSERT_TRUE(pool_read(self->fd, 8, TOKENS));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EMPTY(self->nb);
	ASSERT_EQ(POLLRDHUP | POLLERR, queue_events(self->fd) & ~WRITABLE);
	ASSERT_TRUE(pool_write(self->nb, "a"));
	ASSERT_FAILS(EPIPE, write(self->nb, "x", 1));
	ASSERT_TRUE(pool_read(self->nb, 8, "a"));
	ASSERT_EQ(N_TOKENS, held(self->fd));
}

/* Close and kill */

TEST_F(tokens, return_when_their_holder_is_killed)
{
	struct task job = task_job(3);

	ASSERT_BLOCKS(job);
	ASSERT_EQ(3, held(self->fd));
	ASSERT_EQ(1, queue_info(self->fd).leasing_files);
	ASSERT_EQ(5, queued(self->fd));
	task_kill(&job);
	ASSERT_TRUE(eventually(held(self->fd) == 0));
	ASSERT_EQ(N_TOKENS, queued(self->fd));
	ASSERT_EQ(3, queue_info(self->fd).returned);
	ASSERT_EQ(0, queue_info(self->fd).leasing_files);
}

static long read_late(struct task *t)
{
	return late_read(queue_open(QUEUE, O_RDWR), t->arg[0]);
}

TEST_F(tokens, stay_queued_when_the_reader_is_killed_during_the_copy)
{
	struct task reader = {
		.fn = read_late, .nr = SYS_read, .fd = -1, .stalls = true, .arg = { 3 },
	};
	struct late late;

	ASSERT_EQ(0, late_map(&late, 3));
	late_unmap(&late);
	REQUIRE_USERFAULTFD(&late);
	ASSERT_BLOCKS(reader);
	task_kill(&reader);
	ASSERT_TRUE(eventually(queue_info(self->fd).out.files == 2));
	ASSERT_EQ(0, held(self->fd));
	ASSERT_TRUE(pool_is(self->nb, TOKENS));
	ASSERT_EQ(0, queue_info(self->fd).returned);
}

TEST_F(tokens, return_when_the_last_file_of_a_process_is_closed)
{
	int other = queue_open(QUEUE, O_RDWR), copy = dup(self->nb);

	ASSERT_TRUE(pool_read(self->fd, 2, "ab"));
	ASSERT_TRUE(pool_read(other, 1, "c"));
	close(other);
	ASSERT_EQ(3, held(self->nb));
	close(self->fd);
	ASSERT_EQ(3, held(self->nb));
	close(self->nb);
	ASSERT_EQ(3, held(copy));
	ASSERT_TRUE(pool_write(copy, "b"));
	close(copy);
	self->fd = queue_open(QUEUE, O_RDWR);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, held(self->fd));
	ASSERT_EQ(N_TOKENS, queued(self->fd));
}

TEST_F(tokens, wake_waiting_readers_when_returned)
{
	struct task job = task_job(8), reader = task_reader(self->fd, 1);
	struct task poller = task_poller(self->nb, POLLIN);
	int epoll = epoll_on(self->nb, EPOLLIN | EPOLLET);

	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_BLOCKS(job);
	ASSERT_BLOCKS(reader);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, epoll_now(epoll));
	task_kill(&job);
	ASSERT_RETURNS(1, reader);
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_EQ(7, queued(self->fd));
	close(epoll);
}

/* Ownership */

/* GNU make reads from one file and writes to another. */
TEST_F(tokens, are_shared_by_all_files_of_a_process)
{
	int in = queue_open(QUEUE, O_RDONLY), out = queue_open(QUEUE, O_WRONLY);

	ASSERT_TRUE(pool_read(in, 2, "ab"));
	ASSERT_EQ(1, queue_info(in).leasing_files);
	ASSERT_TRUE(fdinfo_is(in, "bbuf-leased:\t", "2"));
	ASSERT_TRUE(pool_write(out, "b"));
	ASSERT_TRUE(pool_write(self->nb, "a"));
	ASSERT_EQ(0, held(in));
	ASSERT_EQ(N_TOKENS, queued(in));
	close(in);
	close(out);
}

static long take_and_give(struct task *t)
{
	char byte;

	if (read(t->fd, &byte, 1) != 1 || held(t->fd) != (unsigned long)t->arg[0] + 1)
		return -1;
	return write(t->fd, &byte, 1);
}

/* A child that has inherited a file reads and writes back tokens for the process that opened it. */
TEST_F(tokens, belong_to_the_file_if_leased_by_a_child)
{
	struct task child = { .fn = take_and_give, .fd = self->fd, .arg = { 1 } };
	struct task keeper = task_reader(self->fd, 2);

	ASSERT_TRUE(pool_read(self->fd, 1, "a"));
	ASSERT_STARTS(child);
	ASSERT_RETURNS(1, child);
	ASSERT_EQ(1, held(self->fd));
	ASSERT_STARTS(keeper);
	ASSERT_RETURNS(2, keeper);
	ASSERT_EQ(3, held(self->fd));
	ASSERT_EQ(1, queue_info(self->fd).leasing_files);
	ASSERT_EQ(2, write(self->fd, keeper.result->data, 2));
	ASSERT_EQ(1, held(self->fd));
}

/* Open the queue in this process, and write back a byte that another process holds. */
static long give_other(struct task *t)
{
	int fd = queue_open(QUEUE, O_WRONLY | O_NONBLOCK);

	return write(fd, t->arg, 1);
}

TEST_F(tokens, cannot_be_written_back_by_another_process)
{
	struct task other = { .fn = give_other, .fd = -1, .arg = { 0 } };

	memcpy(other.arg, "a", 1);
	ASSERT_TRUE(pool_read(self->fd, 1, "a"));
	ASSERT_STARTS(other);
	ASSERT_RETURNS(1, other);
	ASSERT_EQ(1, held(self->fd));
	ASSERT_EQ(N_TOKENS, queued(self->fd));
	ASSERT_TRUE(pool_read(self->fd, 8, "bcdefgha"));

	/* Nor is there room for it. */
	ASSERT_TRUE(fill(self->nb, CAPACITY - N_TOKENS - 1));
	ASSERT_STARTS(other);
	ASSERT_RETURNS(-EAGAIN, other);
}

TEST_F(tokens, return_independently_if_two_processes_hold_some)
{
	struct task first = task_job(2), second = task_job(3);

	ASSERT_BLOCKS(first);
	ASSERT_BLOCKS(second);
	ASSERT_EQ(2, queue_info(self->fd).leasing_files);
	ASSERT_EQ(5, held(self->fd));
	task_kill(&first);
	ASSERT_TRUE(eventually(held(self->fd) == 3));
	ASSERT_EQ(1, queue_info(self->fd).leasing_files);
	task_kill(&second);
	ASSERT_TRUE(eventually(held(self->fd) == 0));
	ASSERT_EQ(N_TOKENS, queued(self->fd));
}

/* poll */

TEST_F(tokens, are_reported_by_poll_while_in_the_pool)
{
	int epoll = epoll_on(self->nb, EPOLLIN | EPOLLET);

	ASSERT_EQ(READABLE, queue_events(self->fd) & READABLE);
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_TRUE(pool_read(self->fd, 8, TOKENS));
	ASSERT_EQ(0, queue_events(self->fd) & READABLE);
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_TRUE(pool_write(self->fd, "a"));
	ASSERT_EQ(READABLE, queue_events(self->fd) & READABLE);
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_TRUE(pool_write(self->fd, "b"));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	close(epoll);
}

/* A process without write permission cannot write back, either. */
TEST_F(tokens, are_not_POLLOUT_if_held_by_a_read_only_file)
{
	int reader = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);

	ASSERT_TRUE(pool_read(reader, 1, "a"));
	ASSERT_EQ(READABLE, queue_events(reader));
	ASSERT_EQ(READABLE | WRITABLE, queue_events(self->nb));
	ASSERT_TRUE(pool_read(reader, 7, "bcdefgh"));
	ASSERT_EQ(0, queue_events(reader));
	close(reader);
}

/* The ends */

TEST_F(tokens, are_not_EOF_while_held)
{
	struct task reader = task_reader(self->fd, 1), drainer = task_drainer(self->fd);
	struct task job = task_job(8);

	ASSERT_BLOCKS(job);
	ASSERT_BLOCKS(drainer);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_BLOCKS(reader);
	task_kill(&job);
	ASSERT_RETURNS(1, reader);
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_EQ(1, held(self->fd));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, write(self->fd, reader.result->data, 1));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_RETURNS(0, drainer);
	ASSERT_EQ(0, read(self->fd, (char[1]){ 0 }, 1));
}

TEST_F(tokens, survive_a_resize_and_a_flush)
{
	ASSERT_TRUE(pool_read(self->fd, 3, "abc"));
	ASSERT_FAILS(EBUSY, queue_resize(self->fd, N_TOKENS - 1));
	ASSERT_EQ(0, queue_resize(self->fd, N_TOKENS));
	ASSERT_FAILS(EAGAIN, write(self->nb, "x", 1));
	ASSERT_TRUE(pool_write(self->nb, "b"));
	ASSERT_EQ(6, queued(self->fd));
	ASSERT_EQ(0, queue_resize(self->fd, 2 * CAPACITY));
	ASSERT_EQ(6, queued(self->fd));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_EQ(6, queue_info(self->fd).flushed_bytes);
	ASSERT_EQ(2, held(self->fd));
	ASSERT_TRUE(pool_write(self->fd, "ac"));
	ASSERT_EQ(0, held(self->fd));
	ASSERT_EQ(2, queued(self->fd));
}

TEST_F(tokens, are_gone_after_destroy)
{
	struct task job = task_job(2), reader = task_reader(self->fd, 1);

	ASSERT_BLOCKS(job);
	ASSERT_TRUE(pool_read(self->fd, 6, "cdefgh"));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, reader);
	ASSERT_FAILS(ENODEV, write(self->fd, "c", 1));
	task_kill(&job);
	close(self->fd);
	close(self->nb);
	self->fd = self->nb = -1;
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
}

TEST_F(tokens, are_counted_in_info)
{
	struct bbuf_info info;

	ASSERT_TRUE(pool_read(self->fd, 3, "abc"));
	ASSERT_TRUE(pool_write(self->fd, "a"));
	info = queue_info(self->fd);
	ASSERT_EQ(BBUF_STREAM, info.type);
	ASSERT_EQ(BBUF_LEASE, info.policy);
	ASSERT_EQ(6, info.bytes);
	ASSERT_EQ(2, info.leased_bytes);
	ASSERT_EQ(0, info.leased_records);
	ASSERT_EQ(1, info.leasing_files);
	ASSERT_EQ(N_TOKENS, info.in.bytes);
	ASSERT_EQ(0, info.out.bytes);
	ASSERT_EQ(BBUF_MAX_LEASES_DEFAULT, info.max_leases);
	ASSERT_EQ(2, sysfs_number("leased_bytes"));
	ASSERT_EQ(1, sysfs_number("leasing_files"));
	ASSERT_TRUE(fdinfo_is(self->nb, "bbuf-leased:\t", "2"));
}

TEST_F(tokens, are_not_counted_as_read_when_returned)
{
	struct task job = task_job(1);
	struct bbuf_info info;

	ASSERT_TRUE(pool_read(self->fd, 3, "abc"));
	ASSERT_TRUE(pool_write(self->fd, "ca"));
	ASSERT_TRUE(pool_write(self->fd, "b"));
	ASSERT_BLOCKS(job);
	task_kill(&job);
	ASSERT_TRUE(eventually(held(self->fd) == 0));
	info = queue_info(self->fd);
	ASSERT_EQ(N_TOKENS, info.bytes);
	ASSERT_EQ(N_TOKENS, info.in.bytes);
	ASSERT_EQ(0, info.out.bytes);
	ASSERT_EQ(0, info.records);
	ASSERT_EQ(0, info.out.records);
	ASSERT_EQ(N_TOKENS, sysfs_number("bytes"));
	ASSERT_EQ(0, sysfs_number("bytes_out"));
}

/* Jobs that take a token, work, and give it back, killed at any time: the pool stays whole. */

#define JOBS		6
#define KILLS		80

static long work_for_ever(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDWR);
	unsigned int seed = t->arg[0];
	char bytes[3];
	ssize_t n;

	for (;;) {
		n = read(fd, bytes, 1 + rand_r(&seed) % sizeof(bytes));
		if (n < 1 || (rand_r(&seed) % 4 == 0 && usleep(rand_r(&seed) % 1000)) ||
		    write(fd, bytes, n) != n)
			return -1;
	}
}

/* Each of them once. */
static bool all_tokens(int fd)
{
	char buf[CAPACITY];
	ssize_t i;

	if (queue_peek(fd, buf, sizeof(buf)) != N_TOKENS)
		return false;
	for (i = 0; i < N_TOKENS; i++)
		if (!memchr(buf, TOKENS[i], N_TOKENS))
			return false;
	return true;
}

TEST_F(tokens, are_all_returned_after_many_kills)
{
	struct task job[JOBS];
	unsigned int seed = 1;
	int i, kills;

	for (i = 0; i < JOBS; i++) {
		job[i] = (struct task){ .fn = work_for_ever, .arg = { i } };
		ASSERT_STARTS(job[i]);
	}
	for (kills = 0; kills < KILLS; kills++) {
		i = rand_r(&seed) % JOBS;
		usleep(rand_r(&seed) % 2000);
		ASSERT_FALSE(task_done(&job[i]));
		task_kill(&job[i]);
		job[i].arg[0] += JOBS;
		ASSERT_STARTS(job[i]);
	}
	for (i = 0; i < JOBS; i++)
		task_kill(&job[i]);
	ASSERT_TRUE(eventually(queued(self->fd) == N_TOKENS));
	ASSERT_TRUE(all_tokens(self->fd));
	ASSERT_EQ(0, held(self->fd));
}

BBUF_HARNESS_MAIN
