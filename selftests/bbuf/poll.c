// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events that poll, select and epoll report, which sleepers they wake and which they leave
 * asleep.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY
#define FOREVER		-1
#define READABLE	(POLLIN | POLLRDNORM)
#define WRITABLE	(POLLOUT | POLLWRNORM)
#define EVERYTHING	(READABLE | WRITABLE | POLLPRI | POLLRDHUP)

static int poll_now(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = EVERYTHING };

	return poll(&pollfd, 1, 0) < 0 ? -1 : pollfd.revents;
}

static long poll_once(struct task *t)
{
	struct pollfd pollfd = { .fd = t->arg[0], .events = t->arg[1] };
	int ready = poll(&pollfd, 1, FOREVER);

	return ready < 0 ? -1 : pollfd.revents;
}

/* Sleeps in poll() for some events; its value is what came. */
static struct task task_poller(int fd, short events)
{
	return (struct task){
		.fn = poll_once, .nr = SYS_poll, .fd = -1, .arg = { fd, events },
	};
}

BBUF_FIXTURE(poll)

/* States */

TEST_F(poll, reports_POLLOUT_for_an_empty_queue)
{
	ASSERT_EQ(WRITABLE, poll_now(self->fd));
}

TEST_F(poll, reports_both_for_a_partly_filled_queue)
{
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(READABLE | WRITABLE, poll_now(self->fd));
}

TEST_F(poll, reports_POLLIN_for_a_full_queue)
{
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_EQ(READABLE, poll_now(self->fd));
}

TEST_F(poll, reports_POLLOUT_with_room_for_4096_and_such_a_write_succeeds)
{
	ASSERT_TRUE(fill(self->fd, CAPACITY - ATOMIC_MAX + 1));
	ASSERT_EQ(READABLE, poll_now(self->fd));
	ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_EQ(READABLE | WRITABLE, poll_now(self->fd));
	ASSERT_EQ(ATOMIC_MAX, put(self->nb, 0, ATOMIC_MAX));
	ASSERT_EQ(READABLE, poll_now(self->fd));
}

TEST_F(poll, reports_POLLOUT_for_a_small_queue_only_when_empty)
{
	SET_CAPACITY(100);
	ASSERT_EQ(WRITABLE, poll_now(self->fd));
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_EQ(READABLE, poll_now(self->fd));
	ASSERT_TRUE(take(self->nb, 0, 1));
	ASSERT_EQ(WRITABLE, poll_now(self->fd));
	ASSERT_EQ(100, put(self->nb, 0, 100));
}

TEST_F(poll, reports_no_POLLOUT_to_a_read_only_file)
{
	int fd = open(BBUF_DEVICE, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, poll_now(fd));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(READABLE, poll_now(fd));
	close(fd);
}

TEST_F(poll, reports_no_POLLIN_to_a_write_only_file)
{
	int fd = open(BBUF_DEVICE, O_WRONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(WRITABLE, poll_now(fd));
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_EQ(0, poll_now(fd));
	close(fd);
}

/* Sleeping and waking */

TEST_F(poll, sleeps_while_empty_and_is_woken_by_a_write)
{
	struct task poller = task_poller(self->fd, POLLIN);

	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(POLLIN, task_wait(&poller));
}

TEST_F(poll, sleeps_while_full_and_is_woken_by_a_read)
{
	struct task poller = task_poller(self->fd, POLLOUT);

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_TRUE(discard(self->fd, ATOMIC_MAX));
	ASSERT_EQ(POLLOUT, task_wait(&poller));
}

TEST_F(poll, sleeps_for_room_until_the_write_mark_is_met)
{
	struct task poller = task_poller(self->fd, POLLOUT);
	int i;

	ASSERT_TRUE(fill(self->fd, CAPACITY - ATOMIC_MAX + 20));
	ASSERT_TRUE(task_blocks(&poller));
	for (i = 0; i < 19; i++)
		ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_TRUE(task_undisturbed(&poller));
	ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_EQ(POLLOUT, task_wait(&poller));
}

TEST_F(poll, poller_for_room_is_not_woken_by_writes)
{
	struct task poller = task_poller(self->fd, POLLOUT);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 10));
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_EQ(5, put(self->nb, 0, 5));
	ASSERT_TRUE(task_undisturbed(&poller));
	task_kill(&poller);
}

TEST_F(poll, poller_for_errors_only_is_not_woken)
{
	struct task poller = task_poller(self->fd, POLLPRI);

	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_TRUE(discard(self->fd, CAPACITY));
	ASSERT_TRUE(task_undisturbed(&poller));
	task_kill(&poller);
}

TEST_F(poll, times_out)
{
	struct pollfd pollfd = { .fd = self->fd, .events = POLLIN };

	ASSERT_EQ(0, poll(&pollfd, 1, 20));
}

TEST_F(poll, poller_and_waiting_reader_both_make_progress)
{
	struct task poller = task_poller(self->fd, POLLIN);
	struct task reader = task_reader(self->fd, 1);

	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_TRUE(task_blocks(&reader));
	ASSERT_EQ(2, put(self->fd, 0, 2));
	ASSERT_EQ(1, task_wait(&reader));
	ASSERT_EQ(POLLIN, task_wait(&poller));
	ASSERT_TRUE(take(self->nb, 1, 1));
}

TEST_F(poll, poller_and_waiting_writer_both_make_progress)
{
	struct task poller = task_poller(self->fd, POLLOUT);
	struct task writer = task_writer(self->fd, 0, 1);

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_TRUE(task_blocks(&writer));
	ASSERT_TRUE(discard(self->fd, ATOMIC_MAX + 1));
	ASSERT_EQ(1, task_wait(&writer));
	ASSERT_EQ(POLLOUT, task_wait(&poller));
}

TEST_F(poll, wakes_all_plain_pollers)
{
	struct task poller[] = {
		task_poller(self->fd, POLLIN), task_poller(self->nb, POLLIN),
		task_poller(self->nb, POLLIN),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(poller); i++)
		ASSERT_TRUE(task_blocks(&poller[i]));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	for (i = 0; i < ARRAY_SIZE(poller); i++)
		ASSERT_EQ(POLLIN, task_wait(&poller[i]));
}

/* Two ways in which a side is closed to non-blocking calls, and opens again. */

TEST_F(poll, poller_for_room_is_woken_when_a_bypassed_writer_gives_up)
{
	struct task writer = task_writer(self->fd, 0, 6000);
	struct task poller = task_poller(self->fd, POLLOUT);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 5000));
	ASSERT_TRUE(task_blocks(&writer));
	while (put(self->nb, 0, 1) == 1)
		continue;
	ASSERT_TRUE(task_blocks(&poller));
	task_kill(&writer);
	ASSERT_EQ(POLLOUT, task_wait(&poller));
}

TEST_F(poll, poller_for_room_is_woken_when_a_large_write_ends)
{
	struct task writer = task_writer(self->fd, 0, CAPACITY + 1);
	struct task poller = task_poller(self->fd, POLLOUT);

	ASSERT_TRUE(task_blocks(&writer));
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_TRUE(take(self->fd, 0, CAPACITY));
	ASSERT_EQ(CAPACITY + 1, task_wait(&writer));
	ASSERT_EQ(POLLOUT, task_wait(&poller));
}

/* select */

static int select_now(int fd, bool *readable, bool *writable)
{
	struct timeval none = { 0 };
	fd_set in, out;
	int ready;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(fd, &in);
	FD_SET(fd, &out);
	ready = select(fd + 1, &in, &out, NULL, &none);
	*readable = FD_ISSET(fd, &in);
	*writable = FD_ISSET(fd, &out);
	return ready;
}

TEST_F(poll, select_agrees_with_poll)
{
	bool readable, writable;

	ASSERT_EQ(1, select_now(self->fd, &readable, &writable));
	ASSERT_TRUE(writable);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(2, select_now(self->fd, &readable, &writable));
	ASSERT_TRUE(fill(self->fd, CAPACITY - 1));
	ASSERT_EQ(1, select_now(self->fd, &readable, &writable));
	ASSERT_TRUE(readable);
}

/* epoll */

TEST_F(poll, epoll_level_is_reported_repeatedly)
{
	int epoll = epoll_on(self->fd, EPOLLIN);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(2, put(self->fd, 0, 2));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_TRUE(discard(self->fd, 2));
	ASSERT_EQ(0, epoll_now(epoll));
}

TEST_F(poll, epoll_edge_is_reported_for_each_write)
{
	int epoll = epoll_on(self->fd, EPOLLIN | EPOLLET);
	int i;

	ASSERT_LE(0, epoll);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, put(self->fd, 0, 1));
		ASSERT_EQ(EPOLLIN, epoll_now(epoll));
		ASSERT_EQ(0, epoll_now(epoll));
	}
	ASSERT_EQ(3, queued(self->fd));
}

TEST_F(poll, epoll_edge_is_reported_for_each_read)
{
	int epoll = epoll_on(self->fd, EPOLLOUT | EPOLLET);
	int i;

	ASSERT_LE(0, epoll);
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	ASSERT_EQ(3, put(self->fd, 0, 3));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(discard(self->fd, 1));
		ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
		ASSERT_EQ(0, epoll_now(epoll));
	}
}

TEST_F(poll, epoll_edge_is_reported_while_older_data_is_queued)
{
	int epoll = epoll_on(self->fd, EPOLLIN | EPOLLET);
	struct task sleeper = task_epoller(epoll);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_TRUE(task_blocks(&sleeper));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(EPOLLIN, task_wait(&sleeper));
}

TEST_F(poll, epoll_for_data_is_not_woken_by_reads)
{
	int epoll = epoll_on(self->fd, EPOLLIN | EPOLLET);
	struct task sleeper = task_epoller(epoll);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_TRUE(task_blocks(&sleeper));
	ASSERT_TRUE(discard(self->fd, 5));
	ASSERT_TRUE(task_undisturbed(&sleeper));
	task_kill(&sleeper);
}

TEST_F(poll, epoll_for_room_is_not_woken_by_writes)
{
	int epoll = epoll_on(self->fd, EPOLLOUT | EPOLLET);
	struct task sleeper = task_epoller(epoll);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	ASSERT_TRUE(task_blocks(&sleeper));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_TRUE(task_undisturbed(&sleeper));
	ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_EQ(EPOLLOUT, task_wait(&sleeper));
}

#define SLEEPERS	4

static int count_done(const struct task *task, int n)
{
	int done = 0;

	while (n--)
		done += task_done(&task[n]);
	return done;
}

TEST_F(poll, epoll_exclusive_wakes_one_of_many_for_a_write)
{
	struct task sleeper[SLEEPERS];
	int i, undisturbed = 0;

	for (i = 0; i < SLEEPERS; i++) {
		sleeper[i] = task_epoller(epoll_on(self->fd, EPOLLIN | EPOLLEXCLUSIVE));
		ASSERT_TRUE(task_blocks(&sleeper[i]));
	}
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_TRUE(eventually(count_done(sleeper, SLEEPERS) > 0));
	for (i = 0; i < SLEEPERS; i++)
		undisturbed += task_undisturbed(&sleeper[i]);
	ASSERT_EQ(SLEEPERS - 1, undisturbed);
	ASSERT_EQ(1, count_done(sleeper, SLEEPERS));
}

TEST_F(poll, epoll_exclusive_wakes_one_of_many_for_a_read)
{
	struct task sleeper[SLEEPERS];
	int i, undisturbed = 0;

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	for (i = 0; i < SLEEPERS; i++) {
		sleeper[i] = task_epoller(epoll_on(self->fd, EPOLLOUT | EPOLLEXCLUSIVE));
		ASSERT_TRUE(task_blocks(&sleeper[i]));
	}
	ASSERT_TRUE(discard(self->fd, ATOMIC_MAX));
	ASSERT_TRUE(eventually(count_done(sleeper, SLEEPERS) > 0));
	for (i = 0; i < SLEEPERS; i++)
		undisturbed += task_undisturbed(&sleeper[i]);
	ASSERT_EQ(SLEEPERS - 1, undisturbed);
}

TEST_F(poll, epoll_exclusive_for_room_does_not_consume_a_wakeup_for_data)
{
	struct task room = task_epoller(epoll_on(self->fd, EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE));
	struct task data = task_epoller(epoll_on(self->fd, EPOLLIN | EPOLLEXCLUSIVE));

	ASSERT_EQ(EPOLLOUT, epoll_now(room.fd));
	ASSERT_TRUE(task_blocks(&room));
	ASSERT_TRUE(task_blocks(&data));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(EPOLLIN, task_wait(&data));
	ASSERT_TRUE(task_undisturbed(&room));
	task_kill(&room);
}

BBUF_HARNESS_MAIN
