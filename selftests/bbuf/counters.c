// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters of a queue, compared with a ledger that the test keeps: all data that was written
 * was read, dropped, flushed or dead-lettered, or is queued or leased, and is counted exactly once.
 */
#include "fixture.h"
#include "late.h"
#include "leased.h"

#define CAPACITY	1000
#define SOON_MS		30	/* a lease timeout */
#define LENGTH		5000	/* of a call that stalls: its first page is there, the last is not */

struct amount {
	unsigned long long bytes;
	unsigned long long records;
};

struct ledger {
	struct amount in;
	struct amount read;
	struct amount dropped;
	struct amount flushed;
	struct amount dead;
	struct amount queued;
	struct amount leased;
	unsigned long long returned;
	unsigned long long expired;
};

/* Counters that the queue does not report are calculated from the others. */
static struct ledger ledger_of(const struct bbuf_info *info)
{
	struct ledger l = {
		.in = { info->in.bytes, info->in.records },
		.read = { info->out.bytes, info->out.records },
		.dropped = { info->dropped_bytes, info->dropped_records },
		.flushed.bytes = info->flushed_bytes,
		.dead.records = info->dead_lettered,
		.queued = { info->bytes, info->records },
		.leased = { info->leased_bytes, info->leased_records },
		.returned = info->returned,
		.expired = info->expired,
	};

	l.dead.bytes = l.in.bytes - l.read.bytes - l.dropped.bytes - l.flushed.bytes -
		       l.queued.bytes - l.leased.bytes;
	l.flushed.records = l.in.records - l.read.records - l.dropped.records -
			    l.dead.records - l.queued.records - l.leased.records;
	return l;
}

static void log_amount(const char *what, const struct amount *queue, const struct amount *test)
{
	if (memcmp(queue, test, sizeof(*queue)))
		fprintf(stderr, "# %s: %llu bytes, %llu records; should be %llu, %llu\n", what,
			queue->bytes, queue->records, test->bytes, test->records);
}

static bool is_ledger(int fd, const struct ledger *test)
{
	const struct bbuf_info info = queue_info(fd);
	const struct ledger queue = ledger_of(&info);

	if (!memcmp(&queue, test, sizeof(queue)))
		return true;
	log_amount("in", &queue.in, &test->in);
	log_amount("read", &queue.read, &test->read);
	log_amount("dropped", &queue.dropped, &test->dropped);
	log_amount("flushed", &queue.flushed, &test->flushed);
	log_amount("dead", &queue.dead, &test->dead);
	log_amount("queued", &queue.queued, &test->queued);
	log_amount("leased", &queue.leased, &test->leased);
	if (queue.returned != test->returned || queue.expired != test->expired)
		fprintf(stderr, "# %llu returned, %llu expired; should be %llu, %llu\n",
			queue.returned, queue.expired, test->returned, test->expired);
	return false;
}

/* sysfs has the numbers that the ioctl has. */
static bool sysfs_agrees(int fd, bool leases)
{
	const struct bbuf_info info = queue_info(fd);
	const struct {
		const char *name;
		unsigned long long value;
		bool leases;
	} files[] = {
		{ "bytes_in", info.in.bytes, false },
		{ "records_in", info.in.records, false },
		{ "bytes_out", info.out.bytes, false },
		{ "records_out", info.out.records, false },
		{ "bytes", info.bytes, false },
		{ "records", info.records, false },
		{ "dropped_bytes", info.dropped_bytes, false },
		{ "dropped_records", info.dropped_records, false },
		{ "flushed_bytes", info.flushed_bytes, false },
		{ "leased_bytes", info.leased_bytes, true },
		{ "leased_records", info.leased_records, true },
		{ "dead_lettered", info.dead_lettered, true },
		{ "returned", info.returned, true },
		{ "expired", info.expired, true },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if ((!files[i].leases || leases) && sysfs_number(files[i].name) != files[i].value) {
			fprintf(stderr, "# %s: %llu\n", files[i].name,
				sysfs_number(files[i].name));
			return false;
		}
	}
	return true;
}

#define ASSERT_LEDGER(fd, ...)						\
	ASSERT_TRUE(is_ledger(fd, &(struct ledger){ __VA_ARGS__ }))
#define RECORDS(n)	{ (n) * LEN, n }	/* of LEN bytes each */

FIXTURE(counters) {
	int fd;
	int nb;		/* O_NONBLOCK */
	int dead;	/* the dead letters, O_NONBLOCK */
};

FIXTURE_SETUP(counters)
{
	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	QUEUE_BEGIN(BBUF_RECORD, CAPACITY, 0);
	self->dead = queue_open(DEAD, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->dead);
}

FIXTURE_TEARDOWN(counters)
{
	close(self->fd);
	close(self->nb);
	close(self->dead);
	queue_destroy(QUEUE);
	queue_destroy(DEAD);
}

#define RECREATE_FOR_LEASES(...)					\
do {									\
	close(self->fd);						\
	close(self->nb);						\
	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = CAPACITY, __VA_ARGS__));\
	self->fd = queue_open(QUEUE, O_RDWR);				\
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);						\
	ASSERT_LE(0, self->nb);						\
} while (0)

TEST_F(counters, records_out_counts_what_was_read)
{
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->fd, 0, 3));
	ASSERT_LEDGER(self->fd, .in = RECORDS(5), .read = RECORDS(3), .queued = RECORDS(2));
}

/* A queue that has never been read. */
TEST_F(counters, records_out_excludes_dropped_records)
{
	RECREATE(BBUF_RECORD, 8 * LEN, BBUF_DROP_OLDEST);
	ASSERT_TRUE(put_records(self->fd, 0, 20));
	ASSERT_LEDGER(self->fd, .in = RECORDS(20), .dropped = RECORDS(12), .queued = RECORDS(8));
	ASSERT_EQ(0, sysfs_number("bytes_out"));
	ASSERT_EQ(0, sysfs_number("records_out"));
}

TEST_F(counters, bytes_out_excludes_dropped_bytes_of_a_stream)
{
	RECREATE(BBUF_STREAM, 80, BBUF_DROP_OLDEST);
	ASSERT_EQ(60, put(self->fd, 0, 60));
	ASSERT_EQ(60, put(self->fd, 0, 60));
	ASSERT_LEDGER(self->fd, .in = { 120 }, .dropped = { 40 }, .queued = { 80 });
	ASSERT_EQ(200, put(self->fd, 0, 200));
	ASSERT_LEDGER(self->fd, .in = { 320 }, .dropped = { 240 }, .queued = { 80 });
	ASSERT_EQ(0, sysfs_number("bytes_out"));
}

TEST_F(counters, records_out_excludes_what_was_flushed)
{
	ASSERT_TRUE(put_records(self->fd, 0, 7));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEDGER(self->fd, .in = RECORDS(9), .flushed = RECORDS(7), .queued = RECORDS(2));
	ASSERT_EQ(0, sysfs_number("bytes_out"));
	ASSERT_EQ(0, sysfs_number("records_out"));
}

/* The newest is dropped where a reader has the oldest in hand. It came in, as the others. */

#define REQUIRE_READER_THAT_STALLS(late, length)			\
do {									\
	ASSERT_EQ(0, late_map(late, length));				\
	REQUIRE_USERFAULTFD(late);					\
} while (0)

TEST_F(counters, dropped_includes_the_newest_record)
{
	struct late late;
	struct call reader = { .late = &late };
	struct bbuf_info info;

	REQUIRE_READER_THAT_STALLS(&late, LENGTH);
	RECREATE(BBUF_RECORD, 2 * LENGTH, BBUF_DROP_OLDEST);
	reader.fd = self->fd;
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_EQ(LENGTH, put(self->nb, LENGTH, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_EQ(20, put(self->nb, 0, 20));
	ASSERT_LE(0, FINISH(reader));
	info = queue_info(self->nb);
	ASSERT_LT(0, info.dropped_records);
	ASSERT_EQ(2 * LENGTH + 30, info.in.bytes);
	ASSERT_EQ(4, info.in.records);
	ASSERT_EQ(info.in.bytes, info.out.bytes + info.dropped_bytes + info.bytes);
	ASSERT_EQ(info.in.records, info.out.records + info.dropped_records + info.records);
	late_unmap(&late);
}

TEST_F(counters, dropped_includes_the_newest_bytes_of_a_stream)
{
	struct late late;
	struct call reader = { .late = &late };
	struct bbuf_info info;

	REQUIRE_READER_THAT_STALLS(&late, LENGTH);
	RECREATE(BBUF_STREAM, 2 * LENGTH, BBUF_DROP_OLDEST);
	reader.fd = self->fd;
	ASSERT_EQ(2 * LENGTH, put(self->nb, 0, 2 * LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_LE(0, FINISH(reader));
	info = queue_info(self->nb);
	ASSERT_EQ(10, info.dropped_bytes);
	ASSERT_EQ(2 * LENGTH + 10, info.in.bytes);
	ASSERT_EQ(info.in.bytes, info.out.bytes + info.dropped_bytes + info.bytes);
	late_unmap(&late);
}

/* Leases */

TEST_F(counters, records_out_counts_what_was_acknowledged)
{
	RECREATE_FOR_LEASES();
	ASSERT_TRUE(put_records(self->fd, 0, 9));
	ASSERT_TRUE(take_records(self->nb, 0, 6));
	ASSERT_LEDGER(self->fd, .in = RECORDS(9), .queued = RECORDS(3), .leased = RECORDS(6));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_LEDGER(self->fd, .in = RECORDS(9), .read = RECORDS(1), .queued = RECORDS(5),
		      .leased = RECORDS(3), .returned = 2);
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

TEST_F(counters, records_out_excludes_rejected_records)
{
	RECREATE_FOR_LEASES(.dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 4));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(3, settle_all(self->nb, BBUF_REJECT));
	ASSERT_LEDGER(self->fd, .in = RECORDS(5), .dead = RECORDS(4), .queued = RECORDS(1));
	ASSERT_LEDGER(self->dead, .in = RECORDS(4), .queued = RECORDS(4));
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

TEST_F(counters, records_out_excludes_rejected_records_without_dead_letters)
{
	RECREATE_FOR_LEASES();
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 4));
	ASSERT_EQ(4, settle_all(self->nb, BBUF_REJECT));
	ASSERT_LEDGER(self->fd, .in = RECORDS(5), .dead = RECORDS(4), .queued = RECORDS(1));
}

TEST_F(counters, returned_excludes_dead_lettered_records)
{
	struct task worker = task_leaser(3);

	RECREATE_FOR_LEASES(.max_deliveries = 1, .dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 6));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_LEDGER(self->fd, .in = RECORDS(6), .dead = RECORDS(2), .queued = RECORDS(4));
	ASSERT_BLOCKS(worker);
	task_kill(&worker);
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_lettered == 5));
	ASSERT_LEDGER(self->fd, .in = RECORDS(6), .dead = RECORDS(5), .queued = RECORDS(1));
}

/* All n that a file has leased have the same time left. */
static bool expire_soon(int fd, int n)
{
	return !queue_set_lease_timeout(fd, SOON_MS * NS_PER_MS) &&
	       settle_all(fd, BBUF_RENEW) == n;
}

TEST_F(counters, expired_counts_leases_that_were_returned)
{
	RECREATE_FOR_LEASES();
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(expire_soon(self->nb, 3));
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 3));
	ASSERT_LEDGER(self->fd, .in = RECORDS(4), .queued = RECORDS(4), .returned = 3,
		      .expired = 3);
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

TEST_F(counters, expired_excludes_dead_lettered_leases)
{
	RECREATE_FOR_LEASES(.max_deliveries = 1, .dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(expire_soon(self->nb, 3));
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_lettered == 3));
	ASSERT_LEDGER(self->fd, .in = RECORDS(4), .dead = RECORDS(3), .queued = RECORDS(1));
	ASSERT_LEDGER(self->dead, .in = RECORDS(3), .queued = RECORDS(3));
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

TEST_F(counters, expired_excludes_dropped_leases)
{
	RECREATE_FOR_LEASES(.max_deliveries = 1);
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(expire_soon(self->nb, 3));
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_lettered == 3));
	ASSERT_LEDGER(self->fd, .in = RECORDS(4), .dead = RECORDS(3), .queued = RECORDS(1));
}

/* It goes behind what is queued, as there is no place for the dead. */
TEST_F(counters, expired_counts_leases_that_found_the_dead_letters_full)
{
	RECREATE_FOR_LEASES(.max_deliveries = 1, .dead_letters = DEAD);
	ASSERT_EQ(CAPACITY, put(self->dead, 0, CAPACITY));
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(expire_soon(self->nb, 3));
	ASSERT_TRUE(eventually(queue_info(self->fd).leased_records == 0));
	ASSERT_LEDGER(self->fd, .in = RECORDS(4), .queued = RECORDS(4), .returned = 3,
		      .expired = 3);
}

TEST_F(counters, flushed_includes_returned_records)
{
	RECREATE_FOR_LEASES();
	ASSERT_TRUE(put_records(self->fd, 0, 9));
	ASSERT_TRUE(take_records(self->nb, 0, 4));
	ASSERT_TRUE(take_records(self->fd, 4, 2));
	ASSERT_EQ(4, settle_all(self->nb, BBUF_RETURN));
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_LEDGER(self->fd, .in = RECORDS(9), .flushed = RECORDS(7), .leased = RECORDS(2),
		      .returned = 4);
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_ACK));
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN));
	ASSERT_LEDGER(self->fd, .in = RECORDS(9), .read = RECORDS(1), .flushed = RECORDS(7),
		      .queued = RECORDS(1), .returned = 5);
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

/* Tokens cannot be acknowledged: a pool never counts anything as read. */
TEST_F(counters, pool_counts_new_and_flushed_tokens)
{
	char buf[LEN];

	RECREATE(BBUF_STREAM, CAPACITY, BBUF_LEASE);
	ASSERT_EQ(10, write(self->nb, "abcdefghij", 10));
	ASSERT_EQ(4, read(self->nb, buf, 4));
	ASSERT_EQ(2, write(self->nb, "bc", 2));
	ASSERT_LEDGER(self->fd, .in = { 10 }, .queued = { 8 }, .leased = { 2 });
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_LEDGER(self->fd, .in = { 10 }, .flushed = { 8 }, .leased = { 2 });
	ASSERT_EQ(1, write(self->nb, "a", 1));
	ASSERT_LEDGER(self->fd, .in = { 10 }, .flushed = { 8 }, .queued = { 1 },
		      .leased = { 1 });
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

BBUF_HARNESS_MAIN
