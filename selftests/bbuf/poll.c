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

BBUF_FIXTURE(poller)
SIDES(poller);

#define EVENT		(variant->writes ? POLLOUT : POLLIN)	/* of its side; as EPOLLOUT, EPOLLIN */
#define ENOUGH		(variant->writes ? ATOMIC_MAX : 1)	/* bytes for that */

TEST_F(poller, sleeps_until_its_side_can_proceed)
{
	struct task poller = task_poller(self->fd, EVENT);

	CLOSE_SIDE(CAPACITY);
	ASSERT_BLOCKS(poller);
	SERVE_SIDE(0, ENOUGH);
	ASSERT_RETURNS(EVENT, poller);
}

TEST_F(poller, and_a_waiting_call_both_make_progress)
{
	struct task poller = task_poller(self->fd, EVENT);
	struct task caller = CALLER(0, 1);

	CLOSE_SIDE(CAPACITY);
	ASSERT_BLOCKS(poller);
	ASSERT_BLOCKS(caller);
	SERVE_SIDE(0, ENOUGH + 1);
	ASSERT_RETURNS(1, caller);
	ASSERT_RETURNS(EVENT, poller);
	ASSERT_TRUE(variant->writes || take(self->nb, 1, ENOUGH));
}

TEST_F(poll, sleeps_for_room_until_the_write_mark_is_met)
{
	struct task poller = task_poller(self->fd, POLLOUT);
	int i;

	ASSERT_TRUE(fill(self->fd, CAPACITY - ATOMIC_MAX + 20));
	ASSERT_BLOCKS(poller);
	for (i = 0; i < 19; i++)
		ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_UNDISTURBED(poller);
	ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_RETURNS(POLLOUT, poller);
}

TEST_F(poll, poller_for_room_is_not_woken_by_writes)
{
	struct task poller = task_poller(self->fd, POLLOUT);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 10));
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(5, put(self->nb, 0, 5));
	ASSERT_UNDISTURBED(poller);
	task_kill(&poller);
}

TEST_F(poll, poller_for_errors_only_is_not_woken)
{
	struct task poller = task_poller(self->fd, POLLPRI);

	ASSERT_BLOCKS(poller);
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_TRUE(discard(self->fd, CAPACITY));
	ASSERT_UNDISTURBED(poller);
	task_kill(&poller);
}

TEST_F(poll, times_out)
{
	struct pollfd pollfd = { .fd = self->fd, .events = POLLIN };

	ASSERT_EQ(0, poll(&pollfd, 1, 20));
}

TEST_F(poll, wakes_all_plain_pollers)
{
	struct task poller[] = {
		task_poller(self->fd, POLLIN), task_poller(self->nb, POLLIN),
		task_poller(self->nb, POLLIN),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(poller); i++)
		ASSERT_BLOCKS(poller[i]);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	for (i = 0; i < ARRAY_SIZE(poller); i++)
		ASSERT_RETURNS(POLLIN, poller[i]);
}

/* Two ways in which a side is closed to non-blocking calls, and opens again. */

TEST_F(poll, poller_for_room_is_woken_when_a_bypassed_writer_gives_up)
{
	struct task writer = task_writer(self->fd, 0, 6000);
	struct task poller = task_poller(self->fd, POLLOUT);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 5000));
	ASSERT_BLOCKS(writer);
	while (put(self->nb, 0, 1) == 1)
		continue;
	ASSERT_BLOCKS(poller);
	task_kill(&writer);
	ASSERT_RETURNS(POLLOUT, poller);
}

TEST_F(poll, poller_for_room_is_woken_when_a_large_write_ends)
{
	struct task writer = task_writer(self->fd, 0, CAPACITY + 1);
	struct task poller = task_poller(self->fd, POLLOUT);

	ASSERT_BLOCKS(writer);
	ASSERT_BLOCKS(poller);
	ASSERT_TRUE(take(self->fd, 0, CAPACITY));
	ASSERT_RETURNS(CAPACITY + 1, writer);
	ASSERT_RETURNS(POLLOUT, poller);
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

TEST_F(poller, gets_an_epoll_edge_for_each_event)
{
	int epoll = epoll_on(self->fd, EVENT | EPOLLET);
	int i;

	ASSERT_LE(0, epoll);
	CLOSE_SIDE(CAPACITY);
	epoll_now(epoll);
	for (i = 0; i < 3; i++) {
		SERVE_SIDE(0, i ? 1 : ENOUGH);
		ASSERT_EQ(EVENT, epoll_now(epoll));
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
	ASSERT_BLOCKS(sleeper);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_RETURNS(EPOLLIN, sleeper);
}

TEST_F(poll, epoll_for_data_is_not_woken_by_reads)
{
	int epoll = epoll_on(self->fd, EPOLLIN | EPOLLET);
	struct task sleeper = task_epoller(epoll);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_BLOCKS(sleeper);
	ASSERT_TRUE(discard(self->fd, 5));
	ASSERT_UNDISTURBED(sleeper);
	task_kill(&sleeper);
}

TEST_F(poll, epoll_for_room_is_not_woken_by_writes)
{
	int epoll = epoll_on(self->fd, EPOLLOUT | EPOLLET);
	struct task sleeper = task_epoller(epoll);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	ASSERT_BLOCKS(sleeper);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_UNDISTURBED(sleeper);
	ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_RETURNS(EPOLLOUT, sleeper);
}

#define SLEEPERS	4

static int count_done(const struct task *task, int n)
{
	int done = 0;

	while (n--)
		done += task_done(&task[n]);
	return done;
}

TEST_F(poller, is_one_of_many_that_an_event_wakes_with_EPOLLEXCLUSIVE)
{
	struct task sleeper[SLEEPERS];
	int i, undisturbed = 0;

	CLOSE_SIDE(CAPACITY);
	for (i = 0; i < SLEEPERS; i++) {
		sleeper[i] = task_epoller(epoll_on(self->fd, EVENT | EPOLLEXCLUSIVE));
		ASSERT_BLOCKS(sleeper[i]);
	}
	SERVE_SIDE(0, ENOUGH);
	ASSERT_TRUE(eventually(count_done(sleeper, SLEEPERS) > 0));
	for (i = 0; i < SLEEPERS; i++)
		undisturbed += task_undisturbed(&sleeper[i]);
	ASSERT_EQ(SLEEPERS - 1, undisturbed);
	ASSERT_EQ(1, count_done(sleeper, SLEEPERS));
}

TEST_F(poll, epoll_exclusive_for_room_does_not_consume_a_wakeup_for_data)
{
	struct task room = task_epoller(epoll_on(self->fd, EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE));
	struct task data = task_epoller(epoll_on(self->fd, EPOLLIN | EPOLLEXCLUSIVE));

	ASSERT_EQ(EPOLLOUT, epoll_now(room.fd));
	ASSERT_BLOCKS(room);
	ASSERT_BLOCKS(data);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_RETURNS(EPOLLIN, data);
	ASSERT_UNDISTURBED(room);
	task_kill(&room);
}

BBUF_HARNESS_MAIN
