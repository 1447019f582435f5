// SPDX-License-Identifier: GPL-2.0-only
/* Poll of queues with leases: which pollers are woken, and for which events; and peek. */
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	(2 * ATOMIC_MAX)
#define ROUNDS		2000

FIXTURE(lease_poll) {
	int fd;		/* two readers, which may lease one record each */
	int other;
	int out;
};

FIXTURE_SETUP(lease_poll)
{
	struct bbuf_create create = {
		.name = QUEUE, .capacity = CAPACITY, .type = BBUF_RECORD, .policy = BBUF_LEASE,
		.mode = 0600, .uid = BBUF_ID_CALLER, .gid = BBUF_ID_CALLER, .max_leases = 1,
	};

	queue_destroy(QUEUE);
	ASSERT_EQ(0, queue_create(&create));
	self->fd = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);
	self->other = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);
	self->out = queue_open(QUEUE, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
	ASSERT_LE(0, self->out);
}

FIXTURE_TEARDOWN(lease_poll)
{
	close(self->fd);
	close(self->other);
	close(self->out);
	queue_destroy(QUEUE);
}

static int settle_first(int fd, enum bbuf_settle_action action)
{
	return ioctl(fd, BBUF_IOC_SETTLE, &(struct bbuf_settle){ .action = action });
}

/* Sleep in an epoll instance of its own until data is reported. */
static long wait_exclusively(struct task *t)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int epoll = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, t->arg[0], &event);
	return epoll_wait(epoll, &event, 1, DEADLINE_MS);
}

static struct task task_exclusive(int fd)
{
	return (struct task){ .fn = wait_exclusively, .fd = -1, .nr = SYS_epoll_wait,
			      .arg = { fd } };
}

/* The order of arrival makes no difference. */
TEST_F(lease_poll, full_file_does_not_consume_a_wakeup)
{
	struct task full = task_exclusive(self->fd), able = task_exclusive(self->other);
	struct task *tasks[] = { &full, &able };
	char byte;
	int first;

	ASSERT_EQ(1, put(self->out, 0, 1));
	ASSERT_EQ(1, read(self->fd, &byte, 1));
	for (first = 0; first < 2; first++) {
		ASSERT_TRUE(task_blocks(tasks[first]));
		ASSERT_TRUE(task_blocks(tasks[!first]));
		ASSERT_EQ(1, put(self->out, 1, 1));
		ASSERT_EQ(1, task_wait(&able));
		ASSERT_FALSE(task_done(&full));
		task_kill(&full);
		ASSERT_EQ(1, read(self->other, &byte, 1));
		ASSERT_EQ(1, settle_first(self->other, BBUF_ACK));
	}
}

/* Leases the only record and returns it, again and again. */
static long lease_and_return(struct task *t)
{
	char byte;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (read(t->arg[0], &byte, 1) != 1 || settle_first(t->arg[0], BBUF_RETURN) != 1)
			return -1;
	}
	return ROUNDS;
}

TEST_F(lease_poll, EOF_is_not_reported_while_the_last_record_is_in_transit)
{
	struct task t = { .fn = lease_and_return, .fd = -1, .nr = SYS_read,
			  .arg = { self->fd } };
	int hangups = 0;

	ASSERT_EQ(1, put(self->out, 0, 1));
	ASSERT_EQ(0, queue_shutdown(self->out));
	ASSERT_EQ(0, task_start(&t));
	while (!task_done(&t))
		hangups += !!(queue_events(self->other) & POLLHUP);
	ASSERT_EQ(ROUNDS, task_wait(&t));
	ASSERT_EQ(0, hangups);
}

TEST_F(lease_poll, peek_of_a_record_is_all_or_nothing)
{
	unsigned char *memory = cliff(ATOMIC_MAX - 1, 0);

	ASSERT_EQ(ATOMIC_MAX, put(self->out, 0, ATOMIC_MAX));
	ASSERT_FAILS(EFAULT, queue_peek(self->fd, memory, CAPACITY));
	ASSERT_FAILS(EFAULT, queue_peek(self->fd, memory, ATOMIC_MAX));
}

BBUF_HARNESS_MAIN
