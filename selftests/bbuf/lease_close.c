// SPDX-License-Identifier: GPL-2.0-only
/* Leases whose file is closed, in whatever way, and leases of a queue that is destroyed. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	1000

LEASE_FIXTURE(lease)

/* Close of the file */

TEST_F(lease, returns_when_the_file_is_closed)
{
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(take_records(self->other, 3, 1));
	REOPEN_NB();
	ASSERT_TRUE(RECORDS_ARE(0, 1, 2, 4));
	close(self->other);
	self->other = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);
	ASSERT_TRUE(RECORDS_ARE(0, 1, 2, 3, 4));
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
}

TEST_F(lease, returns_when_the_last_duplicate_is_closed)
{
	int copy = dup(self->nb);

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	close(self->nb);
	ASSERT_TRUE(RECORDS_ARE(1));
	ASSERT_EQ(1, settle(copy, 0, BBUF_RENEW));
	close(copy);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_TRUE(RECORDS_ARE(0, 1));
}

TEST_F(lease, returns_when_the_last_process_with_the_file_is_killed)
{
	struct task holder = task_holder();

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_BLOCKS(holder);
	REOPEN_NB();
	ASSERT_TRUE(RECORDS_ARE(1));
	task_kill(&holder);
	ASSERT_TRUE(eventually(queue_info(self->nb).leased_records == 0));
	ASSERT_TRUE(RECORDS_ARE(0, 1));
}

/* A message that contains a file descriptor. Only the socket refers to the file then. */
static bool file_send(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { "f", 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1;
}

static int file_receive(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

TEST_F(lease, moves_with_a_passed_file_descriptor)
{
	int sockets[2], received;
	unsigned long long lease;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_TRUE(file_send(sockets[0], self->nb));
	close(self->nb);
	ASSERT_TRUE(RECORDS_ARE(1));
	received = file_receive(sockets[1]);
	ASSERT_LE(0, received);
	ASSERT_EQ(1, settle(received, lease, BBUF_RENEW));

	/* The file descriptor is in transit again, and its receiver has exited. */
	ASSERT_TRUE(file_send(sockets[0], received));
	close(received);
	ASSERT_TRUE(RECORDS_ARE(1));
	close(sockets[0]);
	close(sockets[1]);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_TRUE(eventually(queue_info(self->nb).leased_records == 0));
	ASSERT_TRUE(RECORDS_ARE(0, 1));
}

TEST_F(lease, can_be_settled_by_any_process_with_the_file)
{
	unsigned long long lease;
	int status;
	pid_t child;

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	lease = lease_take(self->nb, 0, LEN);
	child = fork();
	if (!child)
		_exit(settle(self->nb, lease, BBUF_ACK) != 1);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
}

TEST_F(lease, survives_the_exit_of_other_processes)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	if (!fork())
		_exit(0);
	wait(NULL);
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
}

/* Without the duplicate that a child has of everything. */
static long close_and_read(struct task *t)
{
	close(t->arg[0]);
	return read(t->fd, t->result->data, t->len);
}

TEST_F(lease, close_wakes_readers)
{
	struct task reader = task_reader(self->fd, LEN);

	reader.fn = close_and_read;
	reader.arg[0] = self->nb;
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_BLOCKS(reader);
	REOPEN_NB();
	ASSERT_RETURNS(LEN, reader);
	ASSERT_DATA(reader, 0, LEN);
}

TEST_F(lease, close_restores_the_counters)
{
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	close(self->nb);
	self->nb = -1;
	ASSERT_TRUE(nothing_was_read(self->fd, 4));
}

TEST_F(lease, EOF_on_last_close_comes_after_the_last_acknowledgement)
{
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_EOF_ON_CLOSE));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_TRUE(take_records(self->other, 0, 2));
	close(self->fd);
	close(self->nb);
	self->fd = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);
	self->nb = -1;
	ASSERT_EQ(BBUF_LEFT, queue_info(self->other).state);
	ASSERT_NOTHING(self->fd);
	ASSERT_EQ(POLLRDHUP, queue_events(self->fd));
	ASSERT_EQ(2, settle_all(self->other, BBUF_ACK));
	ASSERT_EOF(self->fd);
	ASSERT_EQ(EOF_EVENTS, queue_events(self->fd));
}

/* The file is closed for writing and reading at once: its records return before EOF. */
TEST_F(lease, EOF_on_last_close_comes_after_leases_of_the_writer)
{
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_EOF_ON_CLOSE));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->fd, 0);
	close(self->nb);
	self->nb = -1;
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(READABLE | POLLRDHUP, queue_events(self->other));
	ASSERT_LEASES(self->other, 0);
	ASSERT_EQ(1, settle(self->other, 0, BBUF_ACK));
	ASSERT_EOF(self->other);
}

/* Kill */

TEST_F(lease, returns_when_its_holder_is_killed)
{
	struct task holder = task_leaser(2);

	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_BLOCKS(holder);
	ASSERT_TRUE(RECORDS_ARE(2));
	task_kill(&holder);
	ASSERT_TRUE(eventually(queue_info(self->fd).leased_records == 0));
	ASSERT_EQ(2, lease_deliveries(self->nb, 0, LEN));
	ASSERT_EQ(2, lease_deliveries(self->nb, 1, LEN));
	ASSERT_EQ(2, lease_deliveries(self->nb, 2, LEN));
	ASSERT_EQ(3, queue_info(self->fd).returned);
}

/* One reader gets the record of the killed one, the others wait for it; then all see EOF. */
TEST_F(lease, delays_EOF_when_its_holder_is_killed)
{
	struct task holder = task_leaser(1), first = task_reader(self->fd, LEN);
	struct task second = task_reader(self->fd, LEN);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_BLOCKS(holder);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_BLOCKS(first);
	ASSERT_BLOCKS(second);
	task_kill(&holder);
	ASSERT_RETURNS(LEN, first);
	ASSERT_DATA(first, 0, LEN);
	ASSERT_UNDISTURBED(second);
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_ACK));
	ASSERT_RETURNS(0, second);
}

/* Destroy */

TEST_F(lease, is_ended_by_destroy)
{
	struct task reader = task_reader(self->fd, LEN), drainer = task_drainer(self->fd);
	struct bbuf_lease again;
	unsigned long long lease;
	char buf[LEN];

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_LEASES(self->other, 1);
	ASSERT_BLOCKS(reader);
	ASSERT_BLOCKS(drainer);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, reader);
	ASSERT_RETURNS(-ENODEV, drainer);
	ASSERT_FAILS(ENODEV, settle(self->nb, lease, BBUF_ACK));
	ASSERT_FAILS(ENODEV, settle(self->nb, lease, BBUF_RETURN));
	ASSERT_FAILS(ENODEV, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_FAILS(ENODEV, settle_all(self->other, BBUF_RENEW));
	ASSERT_FAILS(ENODEV, settle_all(self->fd, BBUF_ACK));
	ASSERT_FAILS(ENODEV, lease_read(self->nb, buf, LEN, &again));
	ASSERT_EQ(POLLHUP | POLLERR, queue_events(self->nb));
}

TEST_F(lease, peek_fails_with_ENODEV_after_destroy)
{
	char buf[LEN];

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(LEN, queue_peek(self->nb, buf, LEN));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_FAILS(ENODEV, queue_peek(self->nb, buf, LEN));
}

TEST_F(lease, destroy_works_while_processes_hold_leases)
{
	struct task holder = task_leaser(2), other = task_leaser(1);

	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_BLOCKS(holder);
	ASSERT_BLOCKS(other);
	ASSERT_TRUE(take_records(self->nb, 3, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	task_kill(&holder);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	task_kill(&other);
	close(self->nb);
	close(self->other);
	self->nb = self->other = -1;
	ASSERT_EQ(BBUF_DESTROYED, queue_info(self->fd).state);
}

/* Nothing of it keeps the module, or is left in it. */
TEST_F(lease, destroy_frees_leased_records)
{
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_TRUE(take_records(self->other, 2, 2));
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	LEASES_CLOSE();
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	RECREATE(BBUF_RECORD, CAPACITY, BBUF_LEASE);
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	LEASES_CLOSE();
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	ASSERT_FAILS(ENOENT, access(QUEUE_NODE, F_OK));
}

BBUF_HARNESS_MAIN
