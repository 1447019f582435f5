// SPDX-License-Identifier: GPL-2.0-only
/* bbuf_lease() and bbuf_settle(): what is taken comes back unless it is acknowledged. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "fixture.h"

#define SHORT_NS	(SHORT_MS * 1000000ULL)

/* One record, this string, is first, and is leased: its information is stored in "lease". */
#define ASSERT_LEASES(queue, string, lease) do {			\
	char __got[STRING_SIZE];					\
									\
	ASSERT_EQ((ssize_t)strlen(string),				\
		  bbuf_lease(queue, __got, sizeof(__got), &at_once, lease)); \
	ASSERT_EQ(0, memcmp(string, __got, strlen(string)));		\
} while (0)

#define ASSERT_INFO(queue, value, member) do {				\
	struct bbuf_info __info;					\
									\
	ASSERT_EQ(0, bbuf_get_info(queue, &__info));			\
	ASSERT_EQ(value, __info.member);				\
} while (0)

static struct bbuf *leasing_make(const char *name, enum bbuf_type type)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;

	config.type = type;
	config.policy = BBUF_LEASE;
	config.capacity = CAPACITY;
	return queue_make_as(name, &config);
}

static bool set_timeout(struct bbuf *queue, uint64_t ns)
{
	const struct bbuf_set set = { .fields = BBUF_SET_LEASE_TIMEOUT, .lease_timeout = ns };

	return !bbuf_set(queue, &set);
}

static bool set_max_leases(struct bbuf *queue, uint32_t count)
{
	const struct bbuf_set set = { .fields = BBUF_SET_MAX_LEASES, .max_leases = count };

	return !bbuf_set(queue, &set);
}

static short revents(struct bbuf *queue)
{
	struct pollfd fd = { .fd = bbuf_fd(queue), .events = POLLIN };

	return poll(&fd, 1, 0) < 0 ? -1 : fd.revents;
}

/* Wait until that number of leases have timed out: true if they do. */
static bool expired(struct bbuf *queue, uint64_t count)
{
	long end = now_ms() + DEADLINE_MS;
	struct bbuf_info info = { };

	while (info.expired != count && now_ms() < end) {
		usleep(1000);
		if (bbuf_get_info(queue, &info))
			return false;
	}
	return info.expired == count;
}

FIXTURE(leased) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf *other;
	struct bbuf_lease lease;
};

FIXTURE_SETUP(leased)
{
	queue_name(self->name, "leased");
	self->queue = leasing_make(self->name, BBUF_RECORD);
	ASSERT_NE(NULL, self->queue);
	self->other = bbuf_open(self->name, O_RDWR);
	ASSERT_NE(NULL, self->other);
}

FIXTURE_TEARDOWN(leased)
{
	bbuf_close(self->other);
	bbuf_close(self->queue);
	bbuf_destroy(self->name);	/* a test may have done so */
	EXPECT_TRUE(nothing_leaked());
}

TEST_F(leased, lease_fills_in_its_information)
{
	struct bbuf_lease second;

	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "other");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_NE(0, self->lease.lease);
	ASSERT_EQ(3, self->lease.len);
	ASSERT_EQ(1, self->lease.deliveries);
	ASSERT_LEASES(self->queue, "other", &second);
	ASSERT_NE(0, second.lease);
	ASSERT_NE(self->lease.lease, second.lease);
	ASSERT_EQ(5, second.len);
}

TEST_F(leased, lease_information_is_optional)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", NULL);
	ASSERT_INFO(self->queue, 1, leased_records);
}

TEST_F(leased, record_counts_as_read_when_acknowledged)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_INFO(self->queue, 0, bytes);
	ASSERT_INFO(self->queue, 3, leased_bytes);
	ASSERT_INFO(self->queue, 1, leased_records);
	ASSERT_INFO(self->queue, 1, leasing_files);
	ASSERT_INFO(self->queue, 0, out.records);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_INFO(self->queue, 0, leased_bytes);
	ASSERT_INFO(self->queue, 0, leased_records);
	ASSERT_INFO(self->queue, 0, leasing_files);
	ASSERT_INFO(self->queue, 3, out.bytes);
	ASSERT_INFO(self->queue, 1, out.records);
	ASSERT_INFO(self->queue, 0, returned);
}

TEST_F(leased, record_returns_to_its_position)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
	ASSERT_INFO(self->queue, 1, returned);
	ASSERT_LEASES(self->other, "one", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
	ASSERT_LEASES(self->other, "two", &self->lease);
	ASSERT_EQ(1, self->lease.deliveries);
}

TEST_F(leased, record_returns_to_the_tail)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN_LAST));
	ASSERT_PUTS(self->queue, "three");
	ASSERT_LEASES(self->queue, "two", NULL);
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
	ASSERT_LEASES(self->queue, "three", NULL);
}

TEST_F(leased, record_returns_when_the_handle_is_closed)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_PUTS(self->queue, "three");
	ASSERT_LEASES(self->other, "one", NULL);
	ASSERT_LEASES(self->other, "two", NULL);
	bbuf_close(self->other);
	self->other = NULL;
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
	ASSERT_LEASES(self->queue, "two", NULL);
	ASSERT_LEASES(self->queue, "three", NULL);
}

/* For a child: takes this much, says so, and waits to be killed. */
static void take_and_wait(const char *name, size_t count, int said)
{
	struct bbuf *queue = bbuf_open(name, O_RDWR);
	char byte;
	size_t i;

	for (i = 0; queue && i < count; i++)
		if (bbuf_get(queue, &byte, 1, NULL) != 1)
			_exit(1);
	if (!queue || write(said, "x", 1) != 1)
		_exit(1);
	pause();
	_exit(1);
}

/* A child takes that number of bytes, or records of one byte, and is killed. */
static bool taken_by_the_killed(const char *name, size_t count)
{
	int status, fds[2];
	char byte;
	pid_t pid;
	bool told;

	if (pipe(fds))
		return false;
	pid = fork();
	if (!pid)
		take_and_wait(name, count, fds[1]);
	close(fds[1]);
	told = read(fds[0], &byte, 1) == 1;
	close(fds[0]);
	if (pid < 0 || kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid)
		return false;
	return told && WIFSIGNALED(status);
}

TEST_F(leased, record_returns_when_its_holder_is_killed)
{
	ASSERT_PUTS(self->queue, "1");
	ASSERT_PUTS(self->queue, "2");
	ASSERT_PUTS(self->queue, "3");
	ASSERT_TRUE(taken_by_the_killed(self->name, 2));
	ASSERT_INFO(self->queue, 2, returned);
	ASSERT_LEASES(self->queue, "1", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
	ASSERT_LEASES(self->queue, "2", NULL);
	ASSERT_LEASES(self->queue, "3", NULL);
}

TEST_F(leased, lease_is_settled_only_once)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_FAILS(ESTALE, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_FAILS(ESTALE, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
	ASSERT_FAILS(ENOENT, bbuf_settle(self->queue, 0, BBUF_ACK));
	ASSERT_EQ(0, bbuf_settle_all(self->queue, BBUF_ACK));
}

TEST_F(leased, lease_is_settled_only_by_its_holder)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_FAILS(ESTALE, bbuf_settle(self->other, self->lease.lease, BBUF_ACK));
	ASSERT_FAILS(ENOENT, bbuf_settle(self->other, 0, BBUF_ACK));
	ASSERT_EQ(0, bbuf_settle_all(self->other, BBUF_ACK));
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
}

TEST_F(leased, invalid_settle_actions_are_refused)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_FAILS(EINVAL, bbuf_settle(self->queue, self->lease.lease, BBUF_RENEW + 1));
	ASSERT_FAILS(EINVAL, bbuf_settle_all(self->queue, BBUF_RENEW + 1));
	ASSERT_INFO(self->queue, 1, leased_records);
}

TEST_F(leased, number_zero_settles_the_oldest_lease)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_GETS(self->queue, "one");
	ASSERT_GETS(self->queue, "two");
	ASSERT_EQ(1, bbuf_settle(self->queue, 0, BBUF_RETURN));
	ASSERT_EQ(1, bbuf_settle(self->queue, 0, BBUF_ACK));
	ASSERT_FAILS(ENOENT, bbuf_settle(self->queue, 0, BBUF_ACK));
	ASSERT_LEASES(self->queue, "one", NULL);
}

TEST_F(leased, all_leases_are_settled_at_once)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_PUTS(self->queue, "three");
	ASSERT_LEASES(self->queue, "one", NULL);
	ASSERT_LEASES(self->queue, "two", NULL);
	ASSERT_EQ(2, bbuf_settle_all(self->queue, BBUF_RETURN));
	ASSERT_LEASES(self->queue, "one", NULL);
	ASSERT_LEASES(self->queue, "two", NULL);
	ASSERT_LEASES(self->queue, "three", NULL);
	ASSERT_EQ(3, bbuf_settle_all(self->queue, BBUF_ACK));
	ASSERT_INFO(self->queue, 3, out.records);
}

TEST_F(leased, batch_leases_records)
{
	struct bbuf_batch *batch = bbuf_batch_new(1000);
	const void *data;
	size_t len;

	ASSERT_NE(NULL, batch);
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_PUTS(self->queue, "three");
	ASSERT_EQ(3, bbuf_batch_get(self->queue, batch, &at_once));
	ASSERT_INFO(self->queue, 3, leased_records);
	ASSERT_EQ(1, bbuf_batch_next(batch, &data, &len));
	ASSERT_EQ(3, len);
	ASSERT_EQ(0, memcmp("one", data, len));
	ASSERT_EQ(1, bbuf_settle(self->queue, 0, BBUF_ACK));
	ASSERT_EQ(2, bbuf_settle_all(self->queue, BBUF_RETURN));
	ASSERT_LEASES(self->queue, "two", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
	ASSERT_EQ(1, bbuf_batch_get(self->queue, batch, &at_once));
	bbuf_batch_free(batch);
}

TEST_F(leased, record_too_long_for_the_buffer_stays_queued)
{
	char byte;

	ASSERT_PUTS(self->queue, "long");
	ASSERT_FAILS(EMSGSIZE, bbuf_lease(self->queue, &byte, 1, &at_once, &self->lease));
	ASSERT_EQ(4, self->lease.len);
	ASSERT_INFO(self->queue, 0, leased_records);
	ASSERT_LEASES(self->queue, "long", &self->lease);
	ASSERT_EQ(1, self->lease.deliveries);
}

TEST_F(leased, record_occupies_its_room)
{
	static char bytes[CAPACITY];

	ASSERT_EQ(CAPACITY, bbuf_put(self->queue, bytes, CAPACITY, &at_once));
	ASSERT_EQ(CAPACITY,
		  bbuf_lease(self->queue, bytes, CAPACITY, &at_once, &self->lease));
	ASSERT_FAILS(EAGAIN, bbuf_put(self->other, bytes, 1, &at_once));
	ASSERT_FAILS(EBUSY, bbuf_resize(self->queue, CAPACITY - 1));
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_EQ(1, bbuf_put(self->other, bytes, 1, &at_once));
}

TEST_F(leased, leases_are_not_flushed)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_PUTS(self->queue, "two");
	ASSERT_EQ(0, bbuf_flush(self->other));
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
	ASSERT_LEASES(self->other, "one", NULL);
	ASSERT_FAILS(EAGAIN, bbuf_lease(self->other, self->name, 1, &at_once, NULL));
}

TEST_F(leased, lease_delays_EOF)
{
	char byte;

	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ASSERT_FAILS(EAGAIN, bbuf_lease(self->other, &byte, 1, &at_once, NULL));
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
	ASSERT_LEASES(self->other, "one", &self->lease);
	ASSERT_EQ(1, bbuf_settle(self->other, self->lease.lease, BBUF_ACK));
	ASSERT_EQ(0, bbuf_lease(self->queue, &byte, 1, NULL, NULL));
	ASSERT_EQ(0, bbuf_lease(self->other, &byte, 1, NULL, NULL));
}

TEST_F(leased, lease_delays_drain)
{
	struct call drain = { .fn = call_drain, .queue = self->other };

	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_TRUE(call_start(&drain));
	usleep(SHORT_MS * 1000);
	ASSERT_FALSE(__atomic_load_n(&drain.done, __ATOMIC_ACQUIRE));
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_TRUE(call_ends(&drain));
	ASSERT_EQ(0, drain.ret);
}

TEST_F(leased, max_leases_is_enforced)
{
	ASSERT_TRUE(set_max_leases(self->queue, 2));
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_PUTS(self->queue, "three");
	ASSERT_LEASES(self->queue, "one", NULL);
	ASSERT_EQ(POLLIN, revents(self->queue));
	ASSERT_LEASES(self->queue, "two", NULL);
	ASSERT_EQ(0, revents(self->queue));
	ASSERT_FAILS(EBUSY, bbuf_lease(self->queue, self->name, 8, &at_once, NULL));
	ASSERT_FAILS(EBUSY, bbuf_lease(self->queue, self->name, 8, NULL, NULL));
	ASSERT_FAILS(EBUSY, bbuf_get(self->queue, self->name, 8, NULL));
	ASSERT_EQ(POLLIN, revents(self->other));
	ASSERT_EQ(1, bbuf_settle(self->queue, 0, BBUF_ACK));
	ASSERT_EQ(POLLIN, revents(self->queue));
	ASSERT_LEASES(self->queue, "three", NULL);
}

TEST_F(leased, lease_taken_before_a_timeout_was_set_does_not_expire)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_TRUE(set_timeout(self->queue, SHORT_NS));
	usleep(2 * SHORT_MS * 1000);
	ASSERT_INFO(self->queue, 0, expired);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
}

TEST_F(leased, lease_timeout_returns_the_record)
{
	ASSERT_TRUE(set_timeout(self->queue, SHORT_NS));
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_TRUE(expired(self->queue, 1));
	ASSERT_FAILS(ESTALE, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_TRUE(set_timeout(self->queue, 0));
	ASSERT_LEASES(self->other, "one", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
	ASSERT_INFO(self->queue, 1, returned);
}

/* The time that the queue has then, which the lease did not have before. */
TEST_F(leased, renewal_restarts_the_lease_timeout)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_TRUE(set_timeout(self->queue, SHORT_NS));
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RENEW));
	ASSERT_TRUE(expired(self->queue, 1));
	ASSERT_FAILS(ESTALE, bbuf_settle(self->queue, self->lease.lease, BBUF_RENEW));
}

TEST_F(leased, renewal_without_timeout_cancels_it)
{
	ASSERT_TRUE(set_timeout(self->queue, 20 * SHORT_NS));
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_TRUE(set_timeout(self->queue, 0));
	ASSERT_EQ(1, bbuf_settle_all(self->queue, BBUF_RENEW));
	usleep(30 * SHORT_MS * 1000);
	ASSERT_INFO(self->queue, 0, expired);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
}

TEST_F(leased, reject_dead_letters_the_record)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_REJECT));
	ASSERT_INFO(self->queue, 1, dead_lettered);
	ASSERT_INFO(self->queue, 0, leased_bytes);
	ASSERT_FAILS(EAGAIN, bbuf_lease(self->queue, self->name, 8, &at_once, NULL));
}

TEST_F(leased, lease_needs_a_handle_open_for_reading)
{
	struct bbuf *writer = bbuf_open(self->name, O_WRONLY);
	char byte;

	ASSERT_NE(NULL, writer);
	ASSERT_FAILS(EBADF, bbuf_lease(writer, &byte, 1, NULL, NULL));
	ASSERT_FAILS(EBADF, bbuf_settle(writer, 0, BBUF_ACK));
	ASSERT_FAILS(EBADF, bbuf_settle_all(writer, BBUF_ACK));
	bbuf_close(writer);
}

TEST_F(leased, lease_fails_after_destroy)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(0, bbuf_destroy(self->name));
	ASSERT_FAILS(ENODEV, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_FAILS(ENODEV, bbuf_settle_all(self->queue, BBUF_RETURN));
	ASSERT_FAILS(ENODEV, bbuf_lease(self->queue, self->name, 8, NULL, NULL));
}

/* How long to wait */

TEST_F(leased, nonblocking_lease_fails_if_the_queue_is_empty)
{
	int flags = fcntl(bbuf_fd(self->queue), F_GETFL);

	ASSERT_FAILS(EAGAIN, bbuf_lease(self->queue, self->name, 8, &at_once, NULL));
	ASSERT_EQ(flags, fcntl(bbuf_fd(self->queue), F_GETFL));
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", NULL);
	ASSERT_EQ(flags, fcntl(bbuf_fd(self->queue), F_GETFL));
}

TEST_F(leased, timeout_ends_the_wait)
{
	long start = now_ms();

	ASSERT_FAILS(ETIMEDOUT, bbuf_lease(self->queue, self->name, 8, &shortly, NULL));
	ASSERT_GE(now_ms() - start, SHORT_MS / 2);
}

TEST_F(leased, invalid_timeouts_are_refused)
{
	const struct timespec bad = { .tv_nsec = -1 };

	ASSERT_PUTS(self->queue, "one");
	ASSERT_FAILS(EINVAL, bbuf_lease(self->queue, self->name, 8, &bad, NULL));
	ASSERT_LEASES(self->queue, "one", NULL);
}

TEST_F(leased, nonblocking_handle_does_not_wait)
{
	struct bbuf *queue = bbuf_open(self->name, O_RDONLY | O_NONBLOCK);

	ASSERT_NE(NULL, queue);
	ASSERT_FAILS(EAGAIN, bbuf_lease(queue, self->name, 8, NULL, NULL));
	ASSERT_FAILS(EAGAIN, bbuf_lease(queue, self->name, 8, &long_enough, NULL));
	ASSERT_FAILS(EAGAIN, bbuf_lease(queue, self->name, 8, &at_once, NULL));
	ASSERT_NE(0, fcntl(bbuf_fd(queue), F_GETFL) & O_NONBLOCK);
	bbuf_close(queue);
}

static ssize_t call_lease(struct call *call)
{
	return bbuf_lease(call->queue, call->data, call->len, call->timeout, NULL);
}

/* Both that what comes first is waited for, and that what comes back is. */
FIXTURE(waiting) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct call lease;
};

FIXTURE_VARIANT(waiting) {
	const struct timespec *timeout;
};

FIXTURE_VARIANT_ADD(waiting, without_timeout) { .timeout = NULL };
FIXTURE_VARIANT_ADD(waiting, with_timeout) { .timeout = &long_enough };

FIXTURE_SETUP(waiting)
{
	queue_name(self->name, "waiting");
	self->queue = leasing_make(self->name, BBUF_RECORD);
	ASSERT_NE(NULL, self->queue);
	self->lease = (struct call) { .fn = call_lease, .len = 8, .timeout = variant->timeout };
	self->lease.queue = bbuf_open(self->name, O_RDONLY);
	ASSERT_NE(NULL, self->lease.queue);
}

FIXTURE_TEARDOWN(waiting)
{
	bbuf_close(self->lease.queue);
	bbuf_close(self->queue);
	bbuf_destroy(self->name);
	EXPECT_TRUE(nothing_leaked());
}

TEST_F(waiting, ends_on_put)
{
	ASSERT_TRUE(call_start(&self->lease));
	ASSERT_TRUE(queue_readers_wait(self->queue, 1));
	ASSERT_PUTS(self->queue, "here");
	ASSERT_TRUE(call_ends(&self->lease));
	ASSERT_EQ(4, self->lease.ret);
	ASSERT_EQ(0, memcmp("here", self->lease.data, 4));
}

TEST_F(waiting, ends_on_return)
{
	ASSERT_PUTS(self->queue, "here");
	ASSERT_LEASES(self->queue, "here", NULL);
	ASSERT_TRUE(call_start(&self->lease));
	ASSERT_TRUE(queue_readers_wait(self->queue, 1));
	ASSERT_EQ(1, bbuf_settle(self->queue, 0, BBUF_RETURN));
	ASSERT_TRUE(call_ends(&self->lease));
	ASSERT_EQ(4, self->lease.ret);
	ASSERT_EQ(0, memcmp("here", self->lease.data, 4));
}

TEST_F(waiting, ends_on_EOF)
{
	ASSERT_PUTS(self->queue, "last");
	ASSERT_LEASES(self->queue, "last", NULL);
	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ASSERT_TRUE(call_start(&self->lease));
	ASSERT_TRUE(queue_readers_wait(self->queue, 1));
	ASSERT_EQ(1, bbuf_settle_all(self->queue, BBUF_ACK));
	ASSERT_TRUE(call_ends(&self->lease));
	ASSERT_EQ(0, self->lease.ret);
}

/* Dead letters */

FIXTURE(dead_letter) {
	char name[BBUF_NAME_SIZE];
	char letters_name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf *letters;
	struct bbuf_lease lease;
};

FIXTURE_SETUP(dead_letter)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;

	queue_name(self->letters_name, "letters");
	self->letters = queue_make(self->letters_name, BBUF_RECORD);
	ASSERT_NE(NULL, self->letters);

	queue_name(self->name, "dead");
	config.type = BBUF_RECORD;
	config.policy = BBUF_LEASE;
	config.max_deliveries = 2;
	config.dead_letters = self->letters_name;
	self->queue = queue_make_as(self->name, &config);
	ASSERT_NE(NULL, self->queue);
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
}

FIXTURE_TEARDOWN(dead_letter)
{
	bbuf_close(self->queue);
	bbuf_close(self->letters);
	bbuf_destroy(self->name);
	bbuf_destroy(self->letters_name);
	EXPECT_TRUE(nothing_leaked());
}

TEST_F(dead_letter, follows_the_last_delivery)
{
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
	ASSERT_FAILS(EAGAIN, bbuf_lease(self->queue, self->name, 8, &at_once, NULL));
	ASSERT_GETS(self->letters, "one");
	ASSERT_INFO(self->queue, 1, dead_lettered);
	ASSERT_INFO(self->queue, 1, returned);
}

TEST_F(dead_letter, follows_a_rejection)
{
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_REJECT));
	ASSERT_GETS(self->letters, "one");
	ASSERT_INFO(self->queue, 1, dead_lettered);
	ASSERT_INFO(self->queue, 0, leased_records);
}

TEST_F(dead_letter, needs_room_in_the_dead_letter_queue)
{
	ASSERT_TRUE(queue_fill(self->letters, 1024));
	ASSERT_FAILS(EAGAIN, bbuf_settle(self->queue, self->lease.lease, BBUF_REJECT));
	ASSERT_INFO(self->queue, 0, dead_lettered);
	ASSERT_EQ(0, bbuf_flush(self->letters));
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_REJECT));
	ASSERT_GETS(self->letters, "one");
}

TEST_F(dead_letter, goes_to_the_tail_without_room)
{
	ASSERT_TRUE(queue_fill(self->letters, 1024));
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_PUTS(self->queue, "two");
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
	ASSERT_LEASES(self->queue, "two", NULL);
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(3, self->lease.deliveries);
	ASSERT_INFO(self->queue, 0, dead_lettered);
}

TEST_F(dead_letter, does_not_happen_with_unlimited_deliveries)
{
	const struct bbuf_set set = { .fields = BBUF_SET_MAX_DELIVERIES };
	uint32_t i;

	ASSERT_EQ(0, bbuf_set(self->queue, &set));
	for (i = 2; i < 10; i++) {
		ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_RETURN));
		ASSERT_LEASES(self->queue, "one", &self->lease);
		ASSERT_EQ(i, self->lease.deliveries);
	}
	ASSERT_INFO(self->queue, 0, dead_lettered);
}

/* Tokens */

FIXTURE(tokens) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
};

FIXTURE_SETUP(tokens)
{
	queue_name(self->name, "tokens");
	self->queue = leasing_make(self->name, BBUF_STREAM);
	ASSERT_NE(NULL, self->queue);
	ASSERT_PUTS(self->queue, "++++");
}

FIXTURE_TEARDOWN(tokens)
{
	bbuf_close(self->queue);
	bbuf_destroy(self->name);
	EXPECT_TRUE(nothing_leaked());
}

TEST_F(tokens, are_written_back)
{
	char got[3];

	ASSERT_EQ(3, bbuf_get(self->queue, got, sizeof(got), &at_once));
	ASSERT_INFO(self->queue, 1, bytes);
	ASSERT_INFO(self->queue, 3, leased_bytes);
	ASSERT_EQ(2, bbuf_put(self->queue, got, 2, &at_once));
	ASSERT_INFO(self->queue, 3, bytes);
	ASSERT_INFO(self->queue, 1, leased_bytes);
	ASSERT_INFO(self->queue, 4, in.bytes);
}

TEST_F(tokens, return_when_their_holder_is_killed)
{
	ASSERT_TRUE(taken_by_the_killed(self->name, 3));
	ASSERT_INFO(self->queue, 4, bytes);
	ASSERT_INFO(self->queue, 0, leased_bytes);
	ASSERT_INFO(self->queue, 3, returned);
}

TEST_F(tokens, are_limited_per_process)
{
	char got[4];

	ASSERT_TRUE(set_max_leases(self->queue, 2));
	ASSERT_EQ(2, bbuf_get(self->queue, got, sizeof(got), &at_once));
	ASSERT_FAILS(EAGAIN, bbuf_get(self->queue, got, 1, &at_once));
	ASSERT_EQ(1, bbuf_put(self->queue, got, 1, NULL));
	ASSERT_EQ(1, bbuf_get(self->queue, got, 1, NULL));
}

TEST_F(tokens, have_no_lease_numbers)
{
	char byte;

	ASSERT_EQ(1, bbuf_get(self->queue, &byte, 1, &at_once));
	ASSERT_FAILS(EINVAL, bbuf_lease(self->queue, &byte, 1, NULL, NULL));
	ASSERT_FAILS(EINVAL, bbuf_settle(self->queue, 0, BBUF_ACK));
	ASSERT_FAILS(EINVAL, bbuf_settle_all(self->queue, BBUF_ACK));
	ASSERT_INFO(self->queue, 1, leased_bytes);
}

/* Queues without leases, and queues that cannot have the requested configuration */

QUEUE_FIXTURE(unleased, BBUF_RECORD)

TEST_F(unleased, lease_calls_are_refused)
{
	struct bbuf_info info;
	char byte;

	ASSERT_PUTS(self->queue, "x");
	ASSERT_FAILS(EINVAL, bbuf_lease(self->queue, &byte, 1, NULL, NULL));
	ASSERT_FAILS(EINVAL, bbuf_settle(self->queue, 0, BBUF_ACK));
	ASSERT_FAILS(EINVAL, bbuf_settle_all(self->queue, BBUF_ACK));
	ASSERT_FALSE(set_timeout(self->queue, SHORT_NS));
	ASSERT_FALSE(set_max_leases(self->queue, 1));
	ASSERT_EQ(0, bbuf_lookup(self->name, &info));
	ASSERT_EQ(0, info.policy);
	ASSERT_EQ(0, info.max_leases);
	ASSERT_GETS(self->queue, "x");
}

TEST_F(unleased, invalid_configurations_are_refused)
{
	static char long_name[] = "12345678901234567890123456789012345678901234567890"
				  "123456789012345";
	struct bbuf_config leases = BBUF_CONFIG_INIT, config;
	char name[BBUF_NAME_SIZE];

#define ASSERT_REFUSED(error, field, value) do {			\
	config.field = value;						\
	ASSERT_FAILS(error, bbuf_create(name, &config));		\
} while (0)

	queue_name(name, "none");
	config = leases;
	ASSERT_REFUSED(EINVAL, lease_timeout, 1);
	config = leases;
	ASSERT_REFUSED(EINVAL, max_leases, 1);
	config = leases;
	ASSERT_REFUSED(EINVAL, max_deliveries, 1);
	config = leases;
	ASSERT_REFUSED(EINVAL, dead_letters, self->name);

	leases.policy = BBUF_LEASE;
	config = leases;
	ASSERT_REFUSED(EINVAL, lease_timeout, 1);
	config = leases;
	ASSERT_REFUSED(EINVAL, dead_letters, self->name);

	leases.type = BBUF_RECORD;
	config = leases;
	ASSERT_REFUSED(EINVAL, policy, BBUF_LEASE | BBUF_DROP_OLDEST);
	config = leases;
	ASSERT_REFUSED(EINVAL, dead_letters, BBUF_QUEUE_DEFAULT);
	ASSERT_REFUSED(ENOENT, dead_letters, name);
	ASSERT_REFUSED(EINVAL, dead_letters, "");
	ASSERT_REFUSED(EINVAL, dead_letters, "a/b");
	ASSERT_REFUSED(EINVAL, dead_letters, long_name);
	ASSERT_FAILS(ENOENT, bbuf_destroy(name));
}

/* Give each number that is about leases a value of its own. */
static bool make_history(struct bbuf *queue)
{
	int taken = 0, i;
	char bytes[8];

	for (i = 1; i <= 7; i++)
		if (bbuf_put(queue, "1234567", i, &at_once) != i)
			return false;
	for (i = 1; i <= 5; i++)
		taken += bbuf_get(queue, bytes, sizeof(bytes), &at_once) == i;
	return taken == 5 && bbuf_settle(queue, 0, BBUF_REJECT) == 1 &&
	       bbuf_settle(queue, 0, BBUF_RETURN_LAST) == 1 &&
	       bbuf_settle(queue, 0, BBUF_RETURN_LAST) == 1;
}

TEST_F(unleased, info_is_the_same_by_name_and_by_handle)
{
	const struct bbuf_config config = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE, .capacity = CAPACITY, .mode = 0600,
		.lease_timeout = 60000000000, .max_leases = 11, .max_deliveries = 12,
		.dead_letters = self->name,
	};
	struct bbuf_info by_name, by_handle;
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;

	queue_name(name, "told");
	queue = queue_make_as(name, &config);
	ASSERT_NE(NULL, queue);
	ASSERT_TRUE(make_history(queue));
	ASSERT_EQ(0, bbuf_get_info(queue, &by_handle));
	ASSERT_EQ(0, bbuf_lookup(name, &by_name));
	ASSERT_EQ(0, memcmp(&by_name, &by_handle, sizeof(by_name)));

	ASSERT_EQ(BBUF_LEASE, by_name.policy);
	ASSERT_EQ(9, by_name.leased_bytes);
	ASSERT_EQ(2, by_name.leased_records);
	ASSERT_EQ(1, by_name.leasing_files);
	ASSERT_EQ(2, by_name.returned);
	ASSERT_EQ(0, by_name.expired);
	ASSERT_EQ(1, by_name.dead_lettered);
	ASSERT_EQ(60000000000, by_name.lease_timeout);
	ASSERT_EQ(11, by_name.max_leases);
	ASSERT_EQ(12, by_name.max_deliveries);
	ASSERT_STREQ(self->name, by_name.dead_letters);
	bbuf_close(queue);
	ASSERT_EQ(0, bbuf_destroy(name));
}

TEST_HARNESS_MAIN
