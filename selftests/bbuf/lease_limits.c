// SPDX-License-Identifier: GPL-2.0-only
/* Limits of leases: how many, how often, how long; and what becomes of what is past them. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	1000
#define DEAD		QUEUE "-dead"
#define SOON_MS		30	/* a timeout that is awaited */
#define LATER_MS	2000	/* one before which something else is to happen */
#define LONG_MS		600000

FIXTURE(lease_limits) {
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK, as the next */
	int other;
	int dead;	/* the dead letters' queue, O_NONBLOCK */
};

static int dead_make(size_t capacity, unsigned int policy)
{
	queue_destroy(DEAD);
	return queue_create(&(struct bbuf_create){
		.name = DEAD, .type = BBUF_RECORD, .capacity = capacity, .policy = policy,
		.mode = 0600, .uid = BBUF_ID_CALLER, .gid = BBUF_ID_CALLER,
	});
}

/* A queue whose records die after two deliveries. */
static int two_make(void)
{
	return lease_make(.type = BBUF_RECORD, .capacity = CAPACITY, .max_deliveries = 2,
			  .dead_letters = DEAD);
}

static void open_all(FIXTURE_DATA(lease_limits) *self)
{
	self->fd = queue_open(QUEUE, O_RDWR);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	self->other = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	self->dead = queue_open(DEAD, O_RDWR | O_NONBLOCK);
}

static void close_all(FIXTURE_DATA(lease_limits) *self)
{
	close(self->fd);
	close(self->nb);
	close(self->other);
	close(self->dead);
}

FIXTURE_SETUP(lease_limits)
{
	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	ASSERT_EQ(0, two_make());
	open_all(self);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->nb);
	ASSERT_LE(0, self->other);
	ASSERT_LE(0, self->dead);
}

FIXTURE_TEARDOWN(lease_limits)
{
	close_all(self);
	queue_destroy(QUEUE);
	queue_destroy(DEAD);
}

#define RECREATE_QUEUE(...)						\
do {									\
	close_all(self);						\
	ASSERT_EQ(0, lease_make(__VA_ARGS__));				\
	open_all(self);							\
	ASSERT_LE(0, self->other);					\
} while (0)

#define RECORD_QUEUE	.type = BBUF_RECORD, .capacity = CAPACITY

#define set_max_leases(fd, n) \
	queue_set(fd, .fields = BBUF_SET_MAX_LEASES, .max_leases = (n))
#define set_max_deliveries(fd, n) \
	queue_set(fd, .fields = BBUF_SET_MAX_DELIVERIES, .max_deliveries = (n))
#define set_timeout_ms(fd, ms) \
	queue_set(fd, .fields = BBUF_SET_LEASE_TIMEOUT, .lease_timeout = (ms) * NS_PER_MS)

/* How many: max_leases */

TEST_F(lease_limits, max_leases_is_enforced_per_file)
{
	struct bbuf_lease lease;
	char buf[LEN];

	ASSERT_EQ(0, set_max_leases(self->fd, 3));
	ASSERT_TRUE(put_records(self->fd, 0, 10));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_FAILS(EBUSY, lease_read(self->nb, buf, LEN, &lease));
	ASSERT_EQ(0, lease.lease);
	ASSERT_TRUE(take_records(self->fd, 3, 3));
	ASSERT_FAILS(EBUSY, read(self->fd, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_LEASES(self->nb, 6);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_LEASES(self->nb, 1);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
}

TEST_F(lease_limits, max_leases_defaults_to_1024)
{
	char byte;

	RECREATE_QUEUE(.type = BBUF_RECORD, .capacity = 2 * BBUF_MAX_LEASES_DEFAULT);
	ASSERT_EQ(1024, queue_info(self->fd).max_leases);
	while (put(self->nb, 0, 1) == 1)
		continue;
	while (read(self->nb, &byte, 1) == 1)
		continue;
	ASSERT_EQ(EBUSY, errno);
	ASSERT_EQ(1024, queue_info(self->fd).leased_records);
	ASSERT_EQ(1024, settle_all(self->nb, BBUF_ACK));
}

TEST_F(lease_limits, max_leases_is_set_at_creation)
{
	char buf[LEN];

	RECREATE_QUEUE(RECORD_QUEUE, .max_leases = 1);
	ASSERT_EQ(1, queue_info(self->fd).max_leases);
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_LEASES(self->other, 1);
}

TEST_F(lease_limits, full_file_gets_ENODEV_after_destroy)
{
	struct bbuf_lease lease;
	char buf[LEN];

	ASSERT_EQ(0, set_max_leases(self->fd, 1));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_FAILS(ENODEV, read(self->nb, buf, LEN));
	ASSERT_FAILS(ENODEV, lease_read(self->nb, buf, LEN, &lease));
}

TEST_F(lease_limits, max_leases_can_change_at_any_time)
{
	char buf[LEN];

	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_EQ(0, set_max_leases(self->fd, 2));
	ASSERT_EQ(2, queue_info(self->fd).max_leases);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_LEASES(self->nb, 3);
	ASSERT_EQ(0, set_max_leases(self->fd, 3));
	ASSERT_LEASES(self->nb, 4);
	ASSERT_FAILS(EINVAL, set_max_leases(self->fd, 0));
}

TEST_F(lease_limits, max_leases_ends_a_framed_read)
{
	const size_t space = BBUF_LEASE_FRAME_SPACE(LEN);
	char buf[1000];

	ASSERT_EQ(0, set_max_leases(self->fd, 4));
	ASSERT_EQ(0, queue_set_options(self->nb, .flags = BBUF_FRAMED | BBUF_LEASE_FRAMED));
	ASSERT_TRUE(put_records(self->fd, 0, 7));
	ASSERT_EQ(4 * space, read(self->nb, buf, sizeof(buf)));
	ASSERT_FAILS(EBUSY, read(self->nb, buf, sizeof(buf)));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(space, read(self->nb, buf, sizeof(buf)));
	ASSERT_EQ(4, settle_all(self->nb, BBUF_RETURN));
	ASSERT_EQ(0, set_max_leases(self->fd, 100));
	ASSERT_TRUE(RECORDS_ARE(1, 2, 3, 4, 5, 6));
}

TEST_F(lease_limits, full_file_polls_no_data)
{
	struct task poller = task_poller(self->nb, POLLIN);

	ASSERT_EQ(0, set_max_leases(self->fd, 1));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_EQ(READABLE, queue_events(self->nb) & READABLE);
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_events(self->nb) & READABLE);
	ASSERT_EQ(READABLE, queue_events(self->other) & READABLE);
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(POLLIN, task_wait(&poller));

	ASSERT_LEASES(self->nb, 1);
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(POLLIN, task_wait(&poller));

	ASSERT_LEASES(self->nb, 1);
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(POLLIN, task_wait(&poller));

	ASSERT_LEASES(self->nb, 2);
	ASSERT_TRUE(put_records(self->fd, 3, 1));
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_EQ(0, set_max_leases(self->fd, 2));
	ASSERT_EQ(POLLIN, task_wait(&poller));
}

TEST_F(lease_limits, full_file_gets_an_epoll_edge_when_it_may_lease_again)
{
	int epoll = epoll_on(self->nb, EPOLLIN | EPOLLET);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, set_max_leases(self->fd, 1));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	close(epoll);
}

/* Two threads of one file wait; the first is given what both of them may have. */
TEST_F(lease_limits, max_leases_applies_to_waiting_readers)
{
	struct task first = task_reader(self->fd, LEN), second = task_reader(self->fd, LEN);

	ASSERT_EQ(0, set_max_leases(self->nb, 1));
	ASSERT_TRUE(task_blocks(&first));
	ASSERT_TRUE(task_blocks(&second));
	ASSERT_TRUE(put_records(self->nb, 0, 2));
	ASSERT_EQ(LEN, task_wait(&first));
	ASSERT_EQ(-EBUSY, task_wait(&second));
	ASSERT_LEASES(self->other, 1);
}

TEST_F(lease_limits, full_file_does_not_delay_others)
{
	struct task first = task_reader(self->fd, LEN), second = task_reader(self->fd, LEN);
	struct task other = task_reader(self->other, LEN);

	ASSERT_EQ(0, fcntl(self->other, F_SETFL, 0));
	ASSERT_EQ(0, set_max_leases(self->nb, 1));
	ASSERT_TRUE(task_blocks(&first));
	ASSERT_TRUE(task_blocks(&second));
	ASSERT_TRUE(task_blocks(&other));
	ASSERT_TRUE(put_records(self->nb, 0, 2));
	ASSERT_EQ(LEN, task_wait(&first));
	ASSERT_EQ(-EBUSY, task_wait(&second));
	ASSERT_EQ(LEN, task_wait(&other));
	ASSERT_TRUE(pattern_matches(other.result->data, 1, LEN));
}

/* How often: max_deliveries */

#define DELIVER_AND(fd, number, how)					\
do {									\
	ASSERT_LEASES(fd, number);					\
	ASSERT_EQ(1, settle(fd, 0, how));				\
} while (0)

TEST_F(lease_limits, max_deliveries_moves_to_the_dead_letters)
{
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
	ASSERT_FALSE(take_record(self->dead, 0, LEN));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_TRUE(RECORDS_ARE(1));
	ASSERT_EQ(CAPACITY - LEN, put(self->nb, 0, CAPACITY - LEN));
}

TEST_F(lease_limits, last_delivery_can_be_acknowledged)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	DELIVER_AND(self->nb, 0, BBUF_ACK);
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
	ASSERT_EQ(0, queued(self->dead));
}

TEST_F(lease_limits, max_deliveries_counts_returns_of_all_kinds)
{
	struct task holder = task_leaser(1);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_RETURN_LAST);
	DELIVER_AND(self->nb, 0, BBUF_RETURN_LAST);
	ASSERT_TRUE(take_record(self->dead, 0, LEN));

	ASSERT_TRUE(put_records(self->fd, 1, 1));
	ASSERT_LEASES(self->nb, 1);
	ASSERT_EQ(1, settle_all(self->nb, BBUF_RETURN));
	ASSERT_LEASES(self->nb, 1);
	close(self->nb);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_TRUE(take_record(self->dead, 1, LEN));

	ASSERT_TRUE(put_records(self->fd, 2, 1));
	DELIVER_AND(self->nb, 2, BBUF_RETURN);
	ASSERT_TRUE(task_blocks(&holder));
	task_kill(&holder);
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_lettered == 3));
	ASSERT_TRUE(take_record(self->dead, 2, LEN));
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(3, queue_info(self->fd).returned);
}

TEST_F(lease_limits, max_deliveries_without_dead_letters_drops_and_counts)
{
	RECREATE_QUEUE(RECORD_QUEUE, .max_deliveries = 1);
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	close(self->nb);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(2, queue_info(self->fd).dead_lettered);
	ASSERT_EQ(0, queue_info(self->fd).dropped_records);
	ASSERT_EQ(0, queued(self->dead));
	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
}

TEST_F(lease_limits, max_deliveries_can_change_at_any_time)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(0, set_max_deliveries(self->fd, 0));
	ASSERT_EQ(0, queue_info(self->fd).max_deliveries);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(0, set_max_deliveries(self->fd, 5));
	ASSERT_EQ(5, queue_info(self->fd).max_deliveries);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(0, queued(self->dead));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, set_max_deliveries(self->fd, 2));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
}

/* Dead letters */

TEST_F(lease_limits, reject_sends_the_record_to_the_dead_letter_queue)
{
	unsigned long long lease;

	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	lease = lease_take(self->nb, 2, LEN);
	ASSERT_EQ(1, settle(self->nb, lease, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 2, LEN));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_TRUE(take_record(self->dead, 1, LEN));
	ASSERT_EQ(3, queue_info(self->fd).dead_lettered);
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_REJECT));
	ASSERT_TRUE(RECORDS_ARE(3));
}

TEST_F(lease_limits, reject_without_dead_letters_drops_and_counts)
{
	RECREATE_QUEUE(RECORD_QUEUE);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_REJECT);
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
}

TEST_F(lease_limits, full_dead_letters_keep_a_rejected_record_leased)
{
	ASSERT_EQ(CAPACITY - 2 * LEN, put(self->dead, 0, CAPACITY - 2 * LEN));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_REJECT));
	ASSERT_FAILS(EAGAIN, settle_all(self->nb, BBUF_REJECT));
	ASSERT_EQ(1, queue_info(self->fd).leased_records);
	ASSERT_EQ(2, queue_info(self->fd).dead_lettered);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 0, CAPACITY - 2 * LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_TRUE(take_record(self->dead, 1, LEN));
	ASSERT_TRUE(take_record(self->dead, 2, LEN));
}

TEST_F(lease_limits, full_dead_letters_return_the_record_to_the_tail)
{
	ASSERT_EQ(CAPACITY, put(self->dead, 0, CAPACITY));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
	ASSERT_LEASES(self->other, 1);
	ASSERT_EQ(3, lease_deliveries(self->nb, 0, LEN));
	close(self->nb);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN));
	ASSERT_LEASES(self->other, 1);
	ASSERT_EQ(4, lease_deliveries(self->nb, 0, LEN));

	/* There is room again. */
	ASSERT_TRUE(take_record(self->dead, 0, CAPACITY));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
}

/* The same holds for a record that is longer than the capacity of the dead letters. */
TEST_F(lease_limits, record_too_long_for_the_dead_letters_is_not_lost)
{
	ASSERT_EQ(0, queue_resize(self->dead, LEN));
	ASSERT_EQ(LEN + 1, put(self->fd, 0, LEN + 1));
	ASSERT_NE(0, lease_take(self->nb, 0, LEN + 1));
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NE(0, lease_take(self->nb, 0, LEN + 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(3, lease_deliveries(self->nb, 0, LEN + 1));
}

TEST_F(lease_limits, shut_down_dead_letters_lose_nothing)
{
	ASSERT_EQ(0, queue_shutdown(self->dead));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(3, lease_deliveries(self->nb, 0, LEN));
	ASSERT_EQ(0, queue_reopen(self->dead));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
}

TEST_F(lease_limits, destroyed_dead_letters_lose_nothing)
{
	ASSERT_EQ(0, queue_destroy(DEAD));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_TRUE(RECORDS_ARE(1, 0));
	ASSERT_STREQ(DEAD, queue_info(self->fd).dead_letters);

	/* One of the same name is another one. */
	close(self->dead);
	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	self->dead = queue_open(DEAD, O_RDWR | O_NONBLOCK);
	ASSERT_LEASES(self->nb, 1);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(0, queued(self->dead));
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
}

TEST_F(lease_limits, dead_letter_wakes_readers)
{
	int blocking = queue_open(DEAD, O_RDONLY);
	struct task reader = task_reader(blocking, LEN);
	struct task poller = task_poller(self->dead, POLLIN);

	ASSERT_TRUE(task_blocks(&reader));
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	DELIVER_AND(self->nb, 0, BBUF_REJECT);
	ASSERT_EQ(LEN, task_wait(&reader));
	ASSERT_TRUE(pattern_matches(reader.result->data, 0, LEN));
	DELIVER_AND(self->nb, 1, BBUF_REJECT);
	ASSERT_EQ(POLLIN, task_wait(&poller));
	ASSERT_TRUE(take_record(self->dead, 1, LEN));
	close(blocking);
}

TEST_F(lease_limits, dead_letters_survive_the_last_close)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_REJECT);
	close_all(self);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(0, two_make());
	open_all(self);
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
}

TEST_F(lease_limits, dead_letters_may_have_leases_and_dead_letters)
{
	close(self->dead);
	ASSERT_EQ(0, dead_make(CAPACITY, BBUF_LEASE));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	RECREATE_QUEUE(RECORD_QUEUE, .dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_REJECT);
	ASSERT_EQ(1, lease_deliveries(self->dead, 0, LEN));
	ASSERT_EQ(1, settle(self->dead, 0, BBUF_ACK));
}

TEST_F(lease_limits, dead_letters_that_drop_accept_all_records)
{
	close(self->dead);
	ASSERT_EQ(0, dead_make(2 * LEN, BBUF_DROP_OLDEST));
	RECREATE_QUEUE(RECORD_QUEUE, .dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_EQ(3, settle_all(self->nb, BBUF_REJECT));
	ASSERT_EQ(1, queue_info(self->dead).dropped_records);
	ASSERT_TRUE(take_record(self->dead, 1, LEN));
	ASSERT_TRUE(take_record(self->dead, 2, LEN));
}

TEST_F(lease_limits, dead_letters_are_freed_after_their_source)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(0, queue_destroy(DEAD));
	ASSERT_FAILS(ENODEV, settle(self->nb, 0, BBUF_REJECT));
	close_all(self);
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	self->fd = self->nb = self->other = self->dead = -1;
}

TEST_F(lease_limits, dead_letters_pin_neither_the_module_nor_a_destroyed_queue)
{
	ASSERT_EQ(0, queue_destroy(DEAD));
	close_all(self);
	self->fd = self->nb = self->other = self->dead = -1;
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	ASSERT_FAILS(ENOENT, access(QUEUE_NODE, F_OK));
}

TEST_F(lease_limits, dead_letters_are_shown)
{
	ASSERT_STREQ(DEAD, queue_info(self->fd).dead_letters);
	ASSERT_TRUE(sysfs_is("dead_letters", DEAD));
	ASSERT_EQ(2, sysfs_number("max_deliveries"));
	ASSERT_EQ(2, queue_info(self->fd).max_deliveries);
}

/* How long: lease_timeout */

TEST_F(lease_limits, lease_timeout_returns_a_record_of_a_live_holder)
{
	unsigned long long lease;
	long start;

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_EQ(0, set_timeout_ms(self->fd, SOON_MS));
	start = now_ms();
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_LE(start + SOON_MS - 1, now_ms());
	ASSERT_EQ(1, queue_info(self->fd).returned);
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_RENEW));
	ASSERT_FAILS(ENOENT, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(0, set_timeout_ms(self->fd, 0));
	ASSERT_EQ(2, lease_deliveries(self->other, 0, LEN));
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
	ASSERT_LEASES(self->other, 1);
}

TEST_F(lease_limits, lease_timeout_wakes_readers)
{
	struct task reader = task_reader(self->fd, LEN);
	struct task poller = task_poller(self->other, POLLIN);
	int epoll = epoll_on(self->other, EPOLLIN | EPOLLET);

	ASSERT_TRUE(put_records(self->nb, 0, 2));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_EQ(0, set_timeout_ms(self->nb, LATER_MS));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_TRUE(task_blocks(&reader));
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_EQ(LEN, task_wait(&reader));
	ASSERT_TRUE(pattern_matches(reader.result->data, 0, LEN));
	ASSERT_EQ(POLLIN, task_wait(&poller));
	ASSERT_TRUE(eventually(epoll_now(epoll) == EPOLLIN));
	close(epoll);
}

TEST_F(lease_limits, renewal_restarts_the_lease_timeout)
{
	unsigned long long lease;
	long start;
	int i;

	ASSERT_EQ(0, set_timeout_ms(self->fd, 20 * SOON_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	start = now_ms();
	lease = lease_take(self->nb, 0, LEN);
	for (i = 0; now_ms() < start + 40 * SOON_MS; i++) {
		ASSERT_EQ(1, settle(self->nb, lease, BBUF_RENEW)) {
			TH_LOG("renewed %d times, after %ld ms", i, now_ms() - start);
		}
		pause_ms(SOON_MS);
	}
	ASSERT_EQ(0, queue_info(self->fd).expired);
	start = now_ms();
	ASSERT_EQ(1, settle_all(self->nb, BBUF_RENEW));
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_LE(start + 20 * SOON_MS - 1, now_ms());
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
}

TEST_F(lease_limits, each_lease_has_its_own_timeout)
{
	unsigned long long first, second, third;

	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_EQ(0, set_timeout_ms(self->fd, LONG_MS));
	first = lease_take(self->nb, 0, LEN);
	second = lease_take(self->nb, 1, LEN);
	ASSERT_EQ(0, set_timeout_ms(self->fd, 0));
	third = lease_take(self->nb, 2, LEN);
	ASSERT_EQ(0, set_timeout_ms(self->fd, SOON_MS));
	ASSERT_EQ(SOON_MS * NS_PER_MS, queue_info(self->fd).lease_timeout);
	ASSERT_EQ(1, settle(self->nb, second, BBUF_RENEW));
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_TRUE(RECORDS_ARE(1));
	ASSERT_FAILS(ESTALE, settle(self->nb, second, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, first, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, third, BBUF_ACK));
}

TEST_F(lease_limits, many_expired_leases_keep_their_order)
{
	ASSERT_TRUE(put_records(self->fd, 0, 50));
	ASSERT_TRUE(take_records(self->nb, 0, 20));
	ASSERT_TRUE(take_records(self->other, 20, 20));
	ASSERT_EQ(0, set_timeout_ms(self->fd, SOON_MS));
	ASSERT_EQ(20, settle_all(self->nb, BBUF_RENEW));
	ASSERT_EQ(20, settle_all(self->other, BBUF_RENEW));
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 40));
	ASSERT_EQ(0, set_timeout_ms(self->fd, 0));
	ASSERT_TRUE(take_records(self->other, 0, 50));
}

TEST_F(lease_limits, settled_lease_does_not_expire)
{
	ASSERT_EQ(0, set_timeout_ms(self->fd, LATER_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	pause_ms(LATER_MS + 3 * SOON_MS);
	ASSERT_EQ(0, queue_info(self->fd).expired);
	ASSERT_EQ(1, queue_info(self->fd).returned);
}

TEST_F(lease_limits, expiry_counts_as_a_delivery)
{
	ASSERT_EQ(0, set_timeout_ms(self->fd, SOON_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_lettered == 1));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_TRUE(nothing_queued());
}

TEST_F(lease_limits, expiry_of_the_last_delivery_brings_EOF_after_shutdown)
{
	struct task reader;

	RECREATE_QUEUE(RECORD_QUEUE, .max_deliveries = 1, .lease_timeout = SOON_MS * NS_PER_MS);
	reader = task_reader(self->fd, LEN);
	ASSERT_EQ(SOON_MS * NS_PER_MS, queue_info(self->fd).lease_timeout);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(0, set_timeout_ms(self->fd, LATER_MS));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_TRUE(task_blocks(&reader));
	ASSERT_EQ(0, task_wait(&reader));
	ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
}

/* Close, destroy and the module's end with time running. */
TEST_F(lease_limits, destroy_cancels_lease_timeouts)
{
	ASSERT_EQ(0, set_timeout_ms(self->fd, LATER_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_TRUE(take_records(self->other, 1, 1));
	close(self->other);
	self->other = -1;
	ASSERT_EQ(0, queue_destroy(QUEUE));
	pause_ms(LATER_MS + SOON_MS);
	ASSERT_EQ(0, two_make());
	close_all(self);
	open_all(self);
	ASSERT_EQ(0, set_timeout_ms(self->fd, SOON_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	close_all(self);
	self->fd = self->nb = self->other = self->dead = -1;
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	pause_ms(2 * SOON_MS);
}

TEST_F(lease_limits, lease_timeout_may_be_centuries)
{
	ASSERT_EQ(0, queue_set(self->fd, .fields = BBUF_SET_LEASE_TIMEOUT, .lease_timeout = -1ULL));
	ASSERT_EQ(-1ULL, queue_info(self->fd).lease_timeout);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	pause_ms(SOON_MS);
	ASSERT_EQ(0, queue_info(self->fd).expired);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
}

/* Valid and invalid requests */

#define ASSERT_REFUSES(error, ...) \
	ASSERT_EQ(-(error), lease_make(__VA_ARGS__))

TEST_F(lease_limits, create_refuses_invalid_limits)
{
	ASSERT_REFUSES(ENOENT, RECORD_QUEUE, .dead_letters = QUEUE "-none");
	ASSERT_REFUSES(ENOENT, RECORD_QUEUE, .dead_letters = QUEUE);
	ASSERT_REFUSES(EINVAL, RECORD_QUEUE, .dead_letters = "default");
	ASSERT_EQ(0, two_make());
	ASSERT_EQ(-EINVAL, queue_create(&(struct bbuf_create){
		.name = QUEUE "-2", RECORD_QUEUE, .policy = BBUF_LEASE, .dead_letters = QUEUE,
	}));
	ASSERT_REFUSES(EINVAL, RECORD_QUEUE, .dead_letters = ".");
	ASSERT_REFUSES(EINVAL, RECORD_QUEUE, .dead_letters = "a/b");
	ASSERT_REFUSES(EINVAL, .type = BBUF_STREAM, .capacity = CAPACITY, .lease_timeout = 1);
	ASSERT_REFUSES(EINVAL, .type = BBUF_STREAM, .capacity = CAPACITY, .max_deliveries = 1);
	ASSERT_REFUSES(EINVAL, .type = BBUF_STREAM, .capacity = CAPACITY, .dead_letters = DEAD);
	ASSERT_EQ(0, lease_make(.type = BBUF_STREAM, .capacity = CAPACITY, .max_leases = 1));
	ASSERT_EQ(0, lease_make(RECORD_QUEUE, .lease_timeout = -1ULL, .max_leases = -1U,
				.max_deliveries = -1U, .dead_letters = DEAD));
}

/* Neither a name without an end, nor bytes behind it. */
TEST_F(lease_limits, create_checks_the_name_of_the_dead_letters)
{
	struct bbuf_create create = {
		.name = QUEUE "-2", RECORD_QUEUE, .policy = BBUF_LEASE, .dead_letters = DEAD,
	};

	create.dead_letters[BBUF_NAME_SIZE - 1] = 'x';
	ASSERT_EQ(-EINVAL, queue_create(&create));
	memset(create.dead_letters, 'x', BBUF_NAME_SIZE);
	ASSERT_EQ(-EINVAL, queue_create(&create));
}

TEST_F(lease_limits, create_refuses_limits_without_leases)
{
	static const struct bbuf_create bad[] = {
		{ .name = QUEUE "-2", RECORD_QUEUE, .lease_timeout = 1 },
		{ .name = QUEUE "-2", RECORD_QUEUE, .max_leases = 1 },
		{ .name = QUEUE "-2", RECORD_QUEUE, .max_deliveries = 1 },
		{ .name = QUEUE "-2", RECORD_QUEUE, .dead_letters = DEAD },
		{ .name = QUEUE "-2", RECORD_QUEUE, .dead_letters = { [1] = 'x' } },
		{ .name = QUEUE "-2", RECORD_QUEUE, .policy = BBUF_LEASE | BBUF_DROP_OLDEST },
		{ .name = QUEUE "-2", RECORD_QUEUE, .policy = BBUF_LEASE << 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_EQ(-EINVAL, queue_create(&bad[i])) {
			TH_LOG("number %zu", i);
		}
	ASSERT_FAILS(ENOENT, access(QUEUE_NODE "-2", F_OK));
}

TEST_F(lease_limits, set_refuses_invalid_limits)
{
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .lease_timeout = 1));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .max_leases = 1));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .max_deliveries = 1));
	ASSERT_FAILS(EINVAL, queue_set_policy(self->fd, BBUF_DROP_OLDEST));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .policy_mask = BBUF_LEASE));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .policy_mask = BBUF_LEASE, .policy = BBUF_LEASE));
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_EOF_ON_CLOSE));
	ASSERT_EQ(BBUF_EOF_ON_CLOSE | BBUF_LEASE, queue_info(self->fd).policy);
	ASSERT_EQ(0, queue_set_policy(self->fd, 0));
	ASSERT_EQ(BBUF_LEASE, queue_info(self->fd).policy);
}

/* All of it or nothing. */
TEST_F(lease_limits, set_changes_several_limits_at_once)
{
	const unsigned int fields = BBUF_SET_CAPACITY | BBUF_SET_LEASE_TIMEOUT |
				    BBUF_SET_MAX_LEASES | BBUF_SET_MAX_DELIVERIES;
	struct bbuf_info info;

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EBUSY, queue_set(self->fd, .fields = fields, .capacity = LEN,
				      .lease_timeout = 1, .max_leases = 7, .max_deliveries = 8));
	info = queue_info(self->fd);
	ASSERT_EQ(0, info.lease_timeout);
	ASSERT_EQ(BBUF_MAX_LEASES_DEFAULT, info.max_leases);
	ASSERT_EQ(2, info.max_deliveries);
	ASSERT_EQ(0, queue_set(self->fd, .fields = fields, .capacity = 2 * LEN,
			       .lease_timeout = 3, .max_leases = 7, .max_deliveries = 8));
	info = queue_info(self->fd);
	ASSERT_EQ(2 * LEN, info.capacity);
	ASSERT_EQ(3, info.lease_timeout);
	ASSERT_EQ(7, info.max_leases);
	ASSERT_EQ(8, info.max_deliveries);
}

TEST_F(lease_limits, set_refuses_limits_without_leases)
{
	static const unsigned int types[] = { BBUF_RECORD, BBUF_STREAM };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		close_all(self);
		ASSERT_EQ(0, queue_begin(types[i], CAPACITY, 0, &self->fd, &self->nb));
		self->other = self->dead = -1;
		ASSERT_FAILS(EINVAL, set_timeout_ms(self->fd, 1));
		ASSERT_FAILS(EINVAL, set_max_leases(self->fd, 1));
		ASSERT_FAILS(EINVAL, set_max_deliveries(self->fd, 1));
		ASSERT_EQ(0, queue_info(self->fd).max_leases);
	}
	ASSERT_EQ(0, lease_make(.type = BBUF_STREAM, .capacity = CAPACITY));
	close_all(self);
	open_all(self);
	ASSERT_FAILS(EINVAL, set_timeout_ms(self->fd, 1));
	ASSERT_FAILS(EINVAL, set_max_deliveries(self->fd, 1));
	ASSERT_EQ(0, set_max_leases(self->fd, 5));
}

BBUF_HARNESS_MAIN
