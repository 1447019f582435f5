// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many leases as there can be: they are settled by number, and expire, in any order, and a
 * queue has no more of them than it may.
 */
#include <stdlib.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "leased.h"

#define LARGE		(16 << 20)	/* a capacity for all of ALL */
#define ALL		100000
#define PART		20000
#define SOON_MS		100
#define LONG_MS		600000ULL
#define AT_ONCE		1024		/* maximum number of records per call, or more */
#define TEST_SECONDS	240

/* Records are numbers. */

struct leased {
	struct bbuf_lease_frame head;
	__u64 number;
};

/* Leases up to n: how many, or -1 and errno. */
static ssize_t lease_some(int fd, struct leased *leased, size_t n)
{
	ssize_t got = read(fd, leased, n * sizeof(*leased));

	return got < 0 ? -1 : got / (ssize_t)sizeof(*leased);
}

/* Leases n that are the numbers from first on. */
static bool lease_numbers(int fd, struct leased *leased, __u64 first, size_t n)
{
	size_t i, done = 0;
	ssize_t got;

	while (done < n) {
		got = lease_some(fd, leased + done, n - done < AT_ONCE ? n - done : AT_ONCE);
		if (got <= 0)
			return false;
		done += got;
	}
	for (i = 0; i < n; i++)
		if (leased[i].number != first + i)
			return false;
	return true;
}

static int open_framed(int flags)
{
	int fd = queue_open(QUEUE, flags);

	return fd >= 0 && queue_set_options(fd, .flags = BBUF_FRAMED | BBUF_LEASE_FRAMED) ?
	       -1 : fd;
}

/* ALL leases */

FIXTURE(lease_many) {
	int fd;
	int other;
	struct leased *leased;		/* of fd; what is not its any more has no lease */
	struct leased *rest;
	unsigned int *order;
};

FIXTURE_SETUP(lease_many)
{
	size_t i;

	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = LARGE, .max_leases = 2 * ALL));
	self->fd = open_framed(O_RDWR | O_NONBLOCK);
	self->other = open_framed(O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
	self->leased = calloc(ALL, sizeof(*self->leased));
	self->rest = calloc(ALL, sizeof(*self->rest));
	self->order = calloc(ALL, sizeof(*self->order));
	ASSERT_NE(NULL, self->leased);
	ASSERT_NE(NULL, self->rest);
	ASSERT_NE(NULL, self->order);
	for (i = 0; i < ALL; i++)
		self->order[i] = i;
	ASSERT_TRUE(put_numbers(self->fd, 0, ALL));
}

FIXTURE_TEARDOWN(lease_many)
{
	close(self->fd);
	close(self->other);
	queue_destroy(QUEUE);
	free(self->leased);
	free(self->rest);
	free(self->order);
}

static void shuffle(unsigned int *order, size_t n, unsigned int *seed)
{
	size_t i, j;
	unsigned int tmp;

	for (i = n - 1; i; i--) {
		j = rand_r(seed) % (i + 1);
		tmp = order[i];
		order[i] = order[j];
		order[j] = tmp;
	}
}

/* Each part with another timeout, shorter and longer than that before. */
static bool lease_all(int fd, struct leased *leased)
{
	static const unsigned long long timeouts[] = {
		LONG_MS, LONG_MS / 2, 2 * LONG_MS, LONG_MS / 4, 0,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++)
		if (queue_set_lease_timeout_ms(fd, timeouts[i]) ||
		    !lease_numbers(fd, leased + i * PART, i * PART, PART))
			return false;
	return true;
}

/*
 * Some, one by one in any order, are to expire soon. These return, and no others; to where they
 * were, and in the order in which they were.
 */
#define ASSERT_EXPIRE(first, n)						\
do {									\
	unsigned int *o = self->order + (first), i;			\
	unsigned long long before = queue_info(self->fd).expired;	\
									\
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, SOON_MS));		\
	for (i = 0; i < (n); i++)					\
		ASSERT_EQ(1, settle(self->fd, self->leased[o[i]].head.lease, BBUF_RENEW));\
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == before + (n)));\
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, 0));			\
	for (i = 0; i < (n); i++)					\
		ASSERT_FAILS(ESTALE, settle(self->fd, self->leased[o[i]].head.lease, BBUF_ACK));\
} while (0)

static int by_number(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The queue contains exactly these numbers, in this order; they are leased by another file. */
static bool queue_has(int fd, struct leased *rest, const unsigned int *order, size_t n)
{
	size_t done = 0;
	ssize_t got;

	while (done < n && (got = lease_some(fd, rest + done, AT_ONCE)) > 0)
		done += got;
	if (done < n || lease_some(fd, rest, 1) != -1 || errno != EAGAIN)
		return false;
	while (n--)
		if (rest[n].number != order[n])
			return false;
	return true;
}

TEST_F_TIMEOUT(lease_many, expire_in_any_order, TEST_SECONDS)
{
	unsigned int seed = 1;

	ASSERT_TRUE(lease_all(self->fd, self->leased));
	shuffle(self->order, ALL, &seed);
	ASSERT_EXPIRE(0, PART);
	ASSERT_EQ(ALL - PART, queue_info(self->fd).leased_records);
	ASSERT_EXPIRE(PART, PART);
	ASSERT_EQ(ALL - 2 * PART, queue_info(self->fd).leased_records);
	ASSERT_EQ(2 * PART, queue_info(self->fd).returned);
	qsort(self->order, 2 * PART, sizeof(*self->order), by_number);
	ASSERT_TRUE(queue_has(self->other, self->rest, self->order, 2 * PART));
	ASSERT_EQ(2, self->rest[0].head.deliveries);
	ASSERT_EQ(2, self->rest[2 * PART - 1].head.deliveries);
}

/* By turns acknowledged, returned to where they were, returned to the back, and rejected. */
TEST_F_TIMEOUT(lease_many, are_settled_by_number_in_any_order, TEST_SECONDS)
{
	static const enum bbuf_settle_action settle_actions[] = {
		BBUF_ACK, BBUF_RETURN, BBUF_RETURN_LAST, BBUF_REJECT,
	};
	const size_t n = ALL / ARRAY_SIZE(settle_actions);
	unsigned int seed = 2, *first, *last, i;
	struct bbuf_info info;

	ASSERT_TRUE(lease_all(self->fd, self->leased));
	shuffle(self->order, ALL, &seed);
	for (i = 0; i < ALL; i++) {
		__u64 lease = self->leased[self->order[i]].head.lease;

		ASSERT_EQ(1, settle(self->fd, lease, settle_actions[i / n]));
		ASSERT_FAILS(ESTALE, settle(self->fd, lease, settle_actions[i / n]));
	}
	info = queue_info(self->fd);
	ASSERT_EQ(0, info.leased_records);
	ASSERT_EQ(n, info.dead_lettered);
	ASSERT_EQ(2 * n, info.returned);
	ASSERT_EQ(2 * n, info.records);
	ASSERT_EQ(2 * n * sizeof(__u64), info.bytes);
	ASSERT_EQ(0, info.expired);
	first = self->order + n;
	last = self->order + 2 * n;
	ASSERT_EQ(last, first + n);
	qsort(first, n, sizeof(*first), by_number);
	ASSERT_TRUE(queue_has(self->other, self->rest, first, 2 * n));
}

/* Among the remaining leases, number 0 is always the oldest one. */
TEST_F_TIMEOUT(lease_many, are_settled_oldest_first, TEST_SECONDS)
{
	unsigned int seed = 3, i;
	size_t n = ALL / 2;

	ASSERT_TRUE(lease_all(self->fd, self->leased));
	shuffle(self->order, ALL, &seed);
	for (i = 0; i < n; i++)
		ASSERT_EQ(1, settle(self->fd, self->leased[self->order[i]].head.lease, BBUF_ACK));
	for (i = n; i < ALL; i++)
		ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN_LAST));
	ASSERT_FAILS(ENOENT, settle(self->fd, 0, BBUF_ACK));
	qsort(self->order + n, n, sizeof(*self->order), by_number);
	ASSERT_TRUE(queue_has(self->other, self->rest, self->order + n, n));
}

TEST_F_TIMEOUT(lease_many, are_settled_all_at_once, TEST_SECONDS)
{
	ASSERT_TRUE(lease_all(self->fd, self->leased));
	ASSERT_EQ(ALL, settle_all(self->fd, BBUF_RENEW));
	ASSERT_EQ(ALL, settle_all(self->fd, BBUF_RETURN));
	ASSERT_EQ(ALL, queue_info(self->fd).records);
	ASSERT_TRUE(lease_numbers(self->other, self->rest, 0, ALL));
	ASSERT_EQ(ALL, settle_all(self->other, BBUF_RETURN_LAST));
	ASSERT_TRUE(lease_numbers(self->fd, self->leased, 0, ALL));
	close(self->fd);
	self->fd = open_framed(O_RDWR | O_NONBLOCK);
	ASSERT_TRUE(lease_numbers(self->other, self->rest, 0, ALL));
	ASSERT_EQ(ALL, settle_all(self->other, BBUF_ACK));
	ASSERT_EQ(ALL, queue_info(self->fd).out.records);
	ASSERT_EQ(0, queue_info(self->fd).records);
}

/* The limit of a queue: leased, or returned */

FIXTURE(limit) {
	int fd;		/* blocking, with leases in frames, as the others */
	int a;		/* O_NONBLOCK, as the next */
	int b;
	size_t limit;
	struct leased *leased;
};

FIXTURE_VARIANT(limit) {
	size_t capacity;
};

FIXTURE_VARIANT_ADD(limit, small_queue) {
	.capacity = 65536,
};

FIXTURE_VARIANT_ADD(limit, large_queue) {
	.capacity = 1 << 20,
};

static size_t limit_of(size_t capacity)
{
	return capacity / 64 > 4096 ? capacity / 64 : 4096;
}

#define MORE	10	/* than the limit */

FIXTURE_SETUP(limit)
{
	self->limit = limit_of(variant->capacity);
	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = variant->capacity,
				.max_leases = 4 * self->limit));
	self->fd = open_framed(O_RDWR);
	self->a = open_framed(O_RDWR | O_NONBLOCK);
	self->b = open_framed(O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
	self->leased = calloc(self->limit + MORE, sizeof(*self->leased));
	ASSERT_NE(NULL, self->leased);
	ASSERT_TRUE(put_numbers(self->a, 0, self->limit + MORE));
}

FIXTURE_TEARDOWN(limit)
{
	close(self->fd);
	close(self->a);
	close(self->b);
	queue_destroy(QUEUE);
	free(self->leased);
}

/* Each of two files has half of it. */
#define REACH_LIMIT()							\
do {									\
	size_t half = self->limit / 2;					\
									\
	ASSERT_TRUE(lease_numbers(self->a, self->leased, 0, half));	\
	ASSERT_TRUE(lease_numbers(self->b, self->leased + half, half, self->limit - half));\
} while (0)

#define ASSERT_NO_MORE(fd)						\
do {									\
	struct leased none;						\
									\
	ASSERT_FAILS(EAGAIN, lease_some(fd, &none, 1));			\
	ASSERT_EQ(0, queue_events(fd) & READABLE);			\
} while (0)

#define ASSERT_LEASES_NUMBER(fd, n)					\
do {									\
	struct leased one;						\
									\
	ASSERT_EQ(1, lease_some(fd, &one, 1));				\
	ASSERT_EQ((__u64)(n), one.number);				\
} while (0)

static struct task task_lease_reader(int fd)
{
	return task_reader(fd, sizeof(struct leased));
}

#define ASSERT_READER_LEASES(task, n)					\
do {									\
	ASSERT_RETURNS(sizeof(struct leased), *task);			\
	ASSERT_EQ((__u64)(n), ((struct leased *)(task)->result->data)->number);\
} while (0)

TEST_F(limit, applies_to_leases_of_all_files_together)
{
	REACH_LIMIT();
	ASSERT_EQ(self->limit, queue_info(self->a).leased_records);
	ASSERT_NO_MORE(self->a);
	ASSERT_NO_MORE(self->b);
	ASSERT_EQ(MORE, queue_info(self->a).records);
}

TEST_F(limit, ends_a_framed_read_early)
{
	ASSERT_TRUE(lease_numbers(self->a, self->leased, 0, self->limit - 3));
	ASSERT_EQ(3, lease_some(self->b, self->leased, MORE));
	ASSERT_NO_MORE(self->b);
}

TEST_F(limit, blocks_a_reader_until_an_acknowledgement)
{
	struct task reader = task_lease_reader(self->fd), poller = task_poller(self->a, POLLIN);

	REACH_LIMIT();
	ASSERT_BLOCKS(reader);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(1, settle(self->b, 0, BBUF_ACK));
	ASSERT_READER_LEASES(&reader, self->limit);
	ASSERT_EQ(2, settle(self->b, 0, BBUF_ACK) + settle(self->b, 0, BBUF_REJECT));
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_LEASES_NUMBER(self->a, self->limit + 1);
	ASSERT_LEASES_NUMBER(self->a, self->limit + 2);
	ASSERT_NO_MORE(self->a);
}

/* Returned records can be leased again: the number of leases does not grow. */
TEST_F(limit, blocks_a_reader_until_a_return)
{
	struct task reader = task_lease_reader(self->fd), poller = task_poller(self->a, POLLIN);

	REACH_LIMIT();
	ASSERT_BLOCKS(reader);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(1, settle(self->a, self->leased[7].head.lease, BBUF_RETURN));
	ASSERT_READER_LEASES(&reader, 7);
	ASSERT_NO_MORE(self->a);
	ASSERT_EQ(1, settle(self->a, self->leased[8].head.lease, BBUF_RETURN));
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_LEASES_NUMBER(self->b, 8);
	ASSERT_NO_MORE(self->a);
}

TEST_F(limit, blocks_a_reader_until_an_expiry)
{
	struct task reader = task_lease_reader(self->fd);

	REACH_LIMIT();
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->a, SOON_MS));
	ASSERT_EQ(1, settle(self->a, self->leased[5].head.lease, BBUF_RENEW));
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->a, 0));
	ASSERT_READER_LEASES(&reader, 5);
}

static long close_and_lease(struct task *t)
{
	close(t->arg[0]);
	return read(t->fd, t->result->data, t->len);
}

TEST_F(limit, blocks_a_reader_until_a_close)
{
	struct task reader = task_lease_reader(self->fd);

	reader.fn = close_and_lease;
	reader.arg[0] = self->b;
	REACH_LIMIT();
	ASSERT_BLOCKS(reader);
	close(self->b);
	self->b = open_framed(O_RDWR | O_NONBLOCK);
	ASSERT_READER_LEASES(&reader, self->limit / 2);
}

TEST_F(limit, blocks_a_reader_until_its_timeout)
{
	REACH_LIMIT();
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED | BBUF_LEASE_FRAMED,
				       .read_timeout = NS_PER_MS));
	ASSERT_FAILS(ETIMEDOUT, lease_some(self->fd, self->leased, 1));
}

TEST_F(limit, blocks_a_reader_until_destroy)
{
	struct task reader = task_lease_reader(self->fd);

	REACH_LIMIT();
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, reader);
}

/* A file that has all of it would wait for itself. */
TEST_F(limit, gives_EBUSY_when_one_file_reaches_it)
{
	struct task reader = task_lease_reader(self->fd);

	ASSERT_TRUE(lease_numbers(self->a, self->leased, 0, self->limit));
	ASSERT_FAILS(EBUSY, lease_some(self->a, self->leased + self->limit, 1));
	ASSERT_EQ(0, fcntl(self->a, F_SETFL, 0));
	ASSERT_FAILS(EBUSY, lease_some(self->a, self->leased + self->limit, 1));
	ASSERT_NO_MORE(self->b);
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, settle(self->a, 0, BBUF_ACK));
	ASSERT_READER_LEASES(&reader, self->limit);
}

/* Otherwise what went to the back would be in the way of what is before it, and of itself. */
TEST_F(limit, does_not_apply_to_records_returned_to_the_tail)
{
	ASSERT_TRUE(lease_numbers(self->a, self->leased, 0, self->limit));
	ASSERT_EQ(self->limit, settle_all(self->a, BBUF_RETURN_LAST));
	ASSERT_EQ(READABLE, queue_events(self->b) & READABLE);
	ASSERT_LEASES_NUMBER(self->b, 0);
	ASSERT_LEASES_NUMBER(self->b, 1);
	ASSERT_EQ(1, settle(self->b, 0, BBUF_ACK));
	ASSERT_LEASES_NUMBER(self->b, self->limit);
	ASSERT_LEASES_NUMBER(self->b, 2);
	ASSERT_EQ(3, queue_info(self->b).leased_records);
}

/* All of it comes, sooner or later, when each is returned once. */
TEST_F(limit, does_not_lose_records)
{
	size_t n = self->limit + MORE, done = 0, i;
	unsigned char *seen = calloc(n, 1);
	ssize_t got;

	ASSERT_NE(NULL, seen);
	ASSERT_TRUE(lease_numbers(self->a, self->leased, 0, self->limit));
	ASSERT_EQ(self->limit, settle_all(self->a, BBUF_RETURN_LAST));
	while ((got = lease_some(self->b, self->leased, 100)) > 0) {
		for (i = 0; i < (size_t)got; i++) {
			ASSERT_GT(n, self->leased[i].number);
			ASSERT_EQ(0, seen[self->leased[i].number]++);
		}
		ASSERT_EQ(got, settle_all(self->b, BBUF_ACK));
		done += got;
	}
	ASSERT_EQ(n, done);
	ASSERT_EQ(0, queue_info(self->b).records);
	free(seen);
}

TEST_F(limit, grows_with_the_capacity)
{
	struct task reader = task_lease_reader(self->fd);

	REACH_LIMIT();
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_resize(self->fd, 8 << 20));
	ASSERT_READER_LEASES(&reader, self->limit);
	ASSERT_LEASES_NUMBER(self->a, self->limit + 1);
}

/* A limit that no file reaches alone. */
TEST_F(limit, blocks_readers_after_the_capacity_was_lowered)
{
	const size_t capacity = variant->capacity / 8 * 5;
	size_t i;

	if (limit_of(capacity) == self->limit)
		return;
	REACH_LIMIT();
	ASSERT_EQ(0, queue_resize(self->fd, capacity));
	ASSERT_NO_MORE(self->a);
	for (i = self->limit; i > limit_of(capacity); i--)
		ASSERT_EQ(1, settle(i % 2 ? self->a : self->b, 0, BBUF_ACK));
	ASSERT_NO_MORE(self->a);
	ASSERT_EQ(1, settle(self->a, 0, BBUF_ACK));
	ASSERT_LEASES_NUMBER(self->a, self->limit);
	ASSERT_NO_MORE(self->a);
}

TEST_F(limit, is_lifted_by_a_flush)
{
	ASSERT_TRUE(lease_numbers(self->a, self->leased, 0, self->limit));
	ASSERT_EQ(self->limit, settle_all(self->a, BBUF_RETURN_LAST));
	ASSERT_EQ(0, queue_flush(self->a));
	ASSERT_TRUE(put_numbers(self->a, 0, self->limit));
	ASSERT_TRUE(lease_numbers(self->b, self->leased, 0, self->limit));
	ASSERT_EQ(self->limit, queue_info(self->b).leased_records);
}

/* Tokens: a process that holds some waits, too */

FIXTURE(token_limit) {
	int fd;
	int nb;
};

FIXTURE_SETUP(token_limit)
{
	ASSERT_EQ(0, lease_make(.type = BBUF_STREAM, .capacity = 65536, .max_leases = 10000));
	self->fd = queue_open(QUEUE, O_RDWR);
	ASSERT_OPENS(self->nb, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(fill(self->nb, 5000));
}

QUEUE_TEARDOWN(token_limit)

static unsigned char tokens[5000];

#define TAKE_ALL()							\
do {									\
	ASSERT_TRUE(read_exactly(self->nb, tokens, 4096));		\
	ASSERT_EQ(4096, queue_info(self->nb).leased_bytes);		\
} while (0)

static long take_token(struct task *t)
{
	return read(queue_open(QUEUE, O_RDONLY | t->arg[0]), t->result->data, 1);
}

TEST_F(token_limit, blocks_readers_until_a_token_is_written_back)
{
	struct task reader = task_reader(self->fd, 1);
	struct task other = { .fn = take_token, .fd = -1, .len = 1, .arg = { O_NONBLOCK } };

	TAKE_ALL();
	ASSERT_FAILS(EAGAIN, read(self->nb, tokens, 1));
	ASSERT_EQ(0, queue_events(self->nb) & READABLE);
	ASSERT_STARTS(other);
	ASSERT_RETURNS(-EAGAIN, other);
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, write(self->nb, tokens, 1));
	ASSERT_RETURNS(1, reader);
	ASSERT_FAILS(EAGAIN, read(self->nb, tokens, 1));
}

TEST_F(token_limit, does_not_delay_tokens_that_were_written_back)
{
	TAKE_ALL();
	ASSERT_EQ(4096, write(self->nb, tokens, 4096));
	ASSERT_EQ(5000, queued(self->nb));
	ASSERT_EQ(0, queue_info(self->nb).leased_bytes);
	TAKE_ALL();
}

BBUF_HARNESS_MAIN
