// SPDX-License-Identifier: GPL-2.0-only
/* bbuf_lease() and bbuf_settle(): what the library adds to the calls of bbuf(4). */
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

FIXTURE(leased) {
	char name[BBUF_NAME_SIZE];
	struct bbuf *queue;
	struct bbuf *other;
	struct bbuf_lease lease;
};

FIXTURE_SETUP(leased)
{
	MAKE_QUEUE("leased", leasing_make(self->name, BBUF_RECORD));
	OPEN_HANDLE(self->other, O_RDWR);
}

FIXTURE_TEARDOWN(leased)
{
	bbuf_close(self->other);
	END_QUEUE();
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

TEST_F(leased, settle_applies_the_action_to_one_lease)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_LEASES(self->queue, "one", NULL);
	ASSERT_LEASES(self->queue, "two", &self->lease);
	ASSERT_EQ(1, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_FAILS(ESTALE, bbuf_settle(self->queue, self->lease.lease, BBUF_ACK));
	ASSERT_EQ(1, bbuf_settle(self->queue, 0, BBUF_RETURN));
	ASSERT_FAILS(ENOENT, bbuf_settle(self->queue, 0, BBUF_ACK));
	ASSERT_INFO(self->queue, 1, out.records);
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_EQ(2, self->lease.deliveries);
}

TEST_F(leased, settle_all_applies_the_action_to_all_leases_of_the_handle)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_PUTS(self->queue, "two");
	ASSERT_LEASES(self->queue, "one", NULL);
	ASSERT_LEASES(self->queue, "two", NULL);
	ASSERT_EQ(0, bbuf_settle_all(self->other, BBUF_ACK));
	ASSERT_EQ(2, bbuf_settle_all(self->queue, BBUF_RETURN));
	ASSERT_LEASES(self->queue, "one", NULL);
	ASSERT_EQ(1, bbuf_settle_all(self->queue, BBUF_REJECT));
	ASSERT_INFO(self->queue, 1, dead_lettered);
	ASSERT_INFO(self->queue, 1, records);
}

TEST_F(leased, limits_can_be_set)
{
	ASSERT_TRUE(set_timeout(self->queue, SHORT_NS));
	ASSERT_TRUE(set_max_leases(self->queue, 7));
	ASSERT_INFO(self->queue, SHORT_NS, lease_timeout);
	ASSERT_INFO(self->queue, 7, max_leases);
}

TEST_F(leased, invalid_settle_actions_are_refused)
{
	ASSERT_PUTS(self->queue, "one");
	ASSERT_LEASES(self->queue, "one", &self->lease);
	ASSERT_FAILS(EINVAL, bbuf_settle(self->queue, self->lease.lease, BBUF_RENEW + 1));
	ASSERT_FAILS(EINVAL, bbuf_settle_all(self->queue, BBUF_RENEW + 1));
	ASSERT_INFO(self->queue, 1, leased_records);
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
	MAKE_QUEUE("waiting", leasing_make(self->name, BBUF_RECORD));
	self->lease = (struct call) { .fn = call_lease, .len = 8, .timeout = variant->timeout };
	OPEN_HANDLE(self->lease.queue, O_RDONLY);
}

FIXTURE_TEARDOWN(waiting)
{
	bbuf_close(self->lease.queue);
	END_QUEUE();
}

TEST_F(waiting, ends_on_put)
{
	ASSERT_WAITS_FOR_DATA(self->lease);
	ASSERT_PUTS(self->queue, "here");
	ASSERT_ENDS(4, self->lease);
	ASSERT_EQ(0, memcmp("here", self->lease.data, 4));
}

TEST_F(waiting, ends_on_EOF)
{
	ASSERT_PUTS(self->queue, "last");
	ASSERT_LEASES(self->queue, "last", NULL);
	ASSERT_EQ(0, bbuf_shutdown(self->queue));
	ASSERT_WAITS_FOR_DATA(self->lease);
	ASSERT_EQ(1, bbuf_settle_all(self->queue, BBUF_ACK));
	ASSERT_ENDS(0, self->lease);
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
