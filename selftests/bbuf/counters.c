// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the counters of a queue count, beside a ledger that the test keeps: all that came in
 * was read, dropped, flushed or dead-lettered, or is queued or leased, and is counted as one of
 * these.
 */
#include <stdlib.h>
#include <time.h>

#include "fixture.h"
#include "late.h"
#include "leased.h"

#define CAPACITY	1000
#define DEAD		QUEUE "-dead"
#define SOON_MS		30	/* a lease timeout */
#define LONGEST		60	/* of a record, or a piece of a stream */
#define STEPS		15000
#define DELIVERIES	3
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

static void add(struct amount *to, size_t bytes, size_t records)
{
	to->bytes += bytes;
	to->records += records;
}

static void move(struct amount *from, struct amount *to, size_t bytes, size_t records)
{
	add(to, bytes, records);
	from->bytes -= bytes;
	from->records -= records;
}

/* What the queue does not say, follows from the rest. */
static struct ledger ledger_of(const struct bbuf_info *info)
{
	struct ledger l = {
		.in = { info->in.bytes, info->in.records },
		.read = { info->out.bytes, info->out.records },
		.dropped = { info->dropped_bytes, info->dropped_records },
		.flushed.bytes = info->flushed_bytes,
		.dead.records = info->dead_records,
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
		{ "dead_records", info.dead_records, true },
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
	queue_destroy(DEAD);
	ASSERT_EQ(0, queue_create(&(struct bbuf_create){
		.name = DEAD, .type = BBUF_RECORD, .capacity = CAPACITY, .mode = 0600,
	}));
	ASSERT_EQ(0, queue_begin(BBUF_RECORD, CAPACITY, 0, &self->fd, &self->nb));
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

#define LEASE_ANEW(...)							\
do {									\
	close(self->fd);						\
	close(self->nb);						\
	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = CAPACITY, __VA_ARGS__));\
	self->fd = queue_open(QUEUE, O_RDWR);				\
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);		\
	ASSERT_LE(0, self->fd);						\
	ASSERT_LE(0, self->nb);						\
} while (0)

TEST_F(counters, of_out_are_what_was_read)
{
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->fd, 0, 3));
	ASSERT_LEDGER(self->fd, .in = RECORDS(5), .read = RECORDS(3), .queued = RECORDS(2));
}

/* A queue that nobody has read. */
TEST_F(counters, of_out_are_not_what_was_dropped)
{
	BEGIN_ANEW(BBUF_RECORD, 8 * LEN, BBUF_DROP_OLDEST);
	ASSERT_TRUE(put_records(self->fd, 0, 20));
	ASSERT_LEDGER(self->fd, .in = RECORDS(20), .dropped = RECORDS(12), .queued = RECORDS(8));
	ASSERT_EQ(0, sysfs_number("bytes_out"));
	ASSERT_EQ(0, sysfs_number("records_out"));
}

TEST_F(counters, of_out_are_not_what_a_stream_dropped)
{
	BEGIN_ANEW(BBUF_STREAM, 80, BBUF_DROP_OLDEST);
	ASSERT_EQ(60, put(self->fd, 0, 60));
	ASSERT_EQ(60, put(self->fd, 0, 60));
	ASSERT_LEDGER(self->fd, .in = { 120 }, .dropped = { 40 }, .queued = { 80 });
	ASSERT_EQ(200, put(self->fd, 0, 200));
	ASSERT_LEDGER(self->fd, .in = { 320 }, .dropped = { 240 }, .queued = { 80 });
	ASSERT_EQ(0, sysfs_number("bytes_out"));
}

TEST_F(counters, of_out_are_not_what_was_flushed)
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

TEST_F(counters, of_dropped_are_the_newest_too)
{
	struct late late;
	struct call reader = { .late = &late };
	struct bbuf_info info;

	REQUIRE_READER_THAT_STALLS(&late, LENGTH);
	BEGIN_ANEW(BBUF_RECORD, 2 * LENGTH, BBUF_DROP_OLDEST);
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

TEST_F(counters, of_dropped_are_the_newest_of_a_stream_too)
{
	struct late late;
	struct call reader = { .late = &late };
	struct bbuf_info info;

	REQUIRE_READER_THAT_STALLS(&late, LENGTH);
	BEGIN_ANEW(BBUF_STREAM, 2 * LENGTH, BBUF_DROP_OLDEST);
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

TEST_F(counters, of_out_are_what_was_acknowledged)
{
	LEASE_ANEW();
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

TEST_F(counters, of_out_are_not_what_was_rejected)
{
	LEASE_ANEW(.dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 4));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(3, settle_all(self->nb, BBUF_REJECT));
	ASSERT_LEDGER(self->fd, .in = RECORDS(5), .dead = RECORDS(4), .queued = RECORDS(1));
	ASSERT_LEDGER(self->dead, .in = RECORDS(4), .queued = RECORDS(4));
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

TEST_F(counters, of_out_are_not_what_was_rejected_to_nowhere)
{
	LEASE_ANEW();
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 4));
	ASSERT_EQ(4, settle_all(self->nb, BBUF_REJECT));
	ASSERT_LEDGER(self->fd, .in = RECORDS(5), .dead = RECORDS(4), .queued = RECORDS(1));
}

TEST_F(counters, of_returned_are_not_what_died)
{
	struct task worker = task_leaser(3);

	LEASE_ANEW(.max_deliveries = 1, .dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 6));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_LEDGER(self->fd, .in = RECORDS(6), .dead = RECORDS(2), .queued = RECORDS(4));
	ASSERT_TRUE(task_blocks(&worker));
	task_kill(&worker);
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_records == 5));
	ASSERT_LEDGER(self->fd, .in = RECORDS(6), .dead = RECORDS(5), .queued = RECORDS(1));
}

/* All n that a file has leased have the same time left. */
static bool expire_soon(int fd, int n)
{
	return !queue_set(fd, .fields = BBUF_SET_LEASE_TIMEOUT,
			  .lease_timeout = SOON_MS * NS_PER_MS) &&
	       settle_all(fd, BBUF_RENEW) == n;
}

TEST_F(counters, of_expired_are_leases_that_came_back)
{
	LEASE_ANEW();
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(expire_soon(self->nb, 3));
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 3));
	ASSERT_LEDGER(self->fd, .in = RECORDS(4), .queued = RECORDS(4), .returned = 3,
		      .expired = 3);
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

TEST_F(counters, of_expired_are_not_leases_that_died)
{
	LEASE_ANEW(.max_deliveries = 1, .dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(expire_soon(self->nb, 3));
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_records == 3));
	ASSERT_LEDGER(self->fd, .in = RECORDS(4), .dead = RECORDS(3), .queued = RECORDS(1));
	ASSERT_LEDGER(self->dead, .in = RECORDS(3), .queued = RECORDS(3));
	ASSERT_TRUE(sysfs_agrees(self->fd, true));
}

TEST_F(counters, of_expired_are_not_leases_that_were_dropped)
{
	LEASE_ANEW(.max_deliveries = 1);
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(expire_soon(self->nb, 3));
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_records == 3));
	ASSERT_LEDGER(self->fd, .in = RECORDS(4), .dead = RECORDS(3), .queued = RECORDS(1));
}

/* It goes behind what is queued, as there is no place for the dead. */
TEST_F(counters, of_expired_are_leases_that_could_not_die)
{
	LEASE_ANEW(.max_deliveries = 1, .dead_letters = DEAD);
	ASSERT_EQ(CAPACITY, put(self->dead, 0, CAPACITY));
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(expire_soon(self->nb, 3));
	ASSERT_TRUE(eventually(queue_info(self->fd).leased_records == 0));
	ASSERT_LEDGER(self->fd, .in = RECORDS(4), .queued = RECORDS(4), .returned = 3,
		      .expired = 3);
}

TEST_F(counters, of_flushed_are_records_that_came_back_too)
{
	LEASE_ANEW();
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

/* Nobody acknowledges a token: of a pool nothing is ever read. */
TEST_F(counters, of_a_pool_are_what_came_and_what_is_flushed)
{
	char buf[LEN];

	BEGIN_ANEW(BBUF_STREAM, CAPACITY, BBUF_LEASE);
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

/* Whatever is done, in whatever order: the ledger is right after each step. */

struct piece {
	size_t len;
	unsigned long long lease;
	unsigned int deliveries;
};

struct book {
	struct ledger ledger;
	struct piece queued[CAPACITY];	/* the lengths, the oldest first; not where readers lease */
	size_t pieces;
	struct piece held[CAPACITY];
	size_t holds;
	int fd;
	int dead;
	unsigned int seed;
};

FIXTURE(ledger) {
	struct book book;
};

FIXTURE_VARIANT(ledger) {
	enum bbuf_type type;
	unsigned int policy;
	bool dies;		/* after DELIVERIES */
	bool buried;		/* then */
};

FIXTURE_VARIANT_ADD(ledger, stream) {
	.type = BBUF_STREAM,
};

FIXTURE_VARIANT_ADD(ledger, records) {
	.type = BBUF_RECORD,
};

FIXTURE_VARIANT_ADD(ledger, stream_that_drops) {
	.type = BBUF_STREAM, .policy = BBUF_DROP_OLDEST,
};

FIXTURE_VARIANT_ADD(ledger, records_that_are_dropped) {
	.type = BBUF_RECORD, .policy = BBUF_DROP_OLDEST,
};

FIXTURE_VARIANT_ADD(ledger, leases) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE,
};

FIXTURE_VARIANT_ADD(ledger, leases_that_end) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE, .dies = true,
};

FIXTURE_VARIANT_ADD(ledger, leases_that_are_dead_lettered) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE, .dies = true, .buried = true,
};

#define BOOK	struct book *b, const FIXTURE_VARIANT(ledger) *v

static int random_below(struct book *b, int n)
{
	return rand_r(&b->seed) % n;
}

/* The oldest bytes, or records, are gone. */
static void forget(BOOK, struct amount *to, size_t bytes)
{
	size_t gone = 0, n = 0;

	if (v->type == BBUF_STREAM) {
		move(&b->ledger.queued, to, bytes, 0);
		return;
	}
	while (gone < bytes)
		gone += b->queued[n++].len;
	move(&b->ledger.queued, to, gone, n);
	b->pieces -= n;
	memmove(b->queued, b->queued + n, b->pieces * sizeof(*b->queued));
}

static bool step_put(BOOK)
{
	size_t len = 1 + random_below(b, LONGEST), room;

	room = CAPACITY - b->ledger.queued.bytes - b->ledger.leased.bytes;
	if (len > room) {
		if (!(v->policy & BBUF_DROP_OLDEST))
			return put(b->fd, 0, len) < 0 && errno == EAGAIN;
		forget(b, v, &b->ledger.dropped, len - room);
	}
	add(&b->ledger.in, len, v->type == BBUF_RECORD);
	add(&b->ledger.queued, len, v->type == BBUF_RECORD);
	if (v->type == BBUF_RECORD && !(v->policy & BBUF_LEASE))
		b->queued[b->pieces++].len = len;
	return put(b->fd, 0, len) == (ssize_t)len;
}

static bool step_lease(BOOK)
{
	struct piece *p = &b->held[b->holds];
	struct bbuf_lease lease;
	char buf[LONGEST];
	ssize_t n = lease_read(b->fd, buf, sizeof(buf), &lease);

	(void)v;
	if (!b->ledger.queued.records)
		return n < 0 && errno == EAGAIN;
	if (n <= 0)
		return false;
	*p = (struct piece){ n, lease.lease, lease.deliveries };
	b->holds++;
	move(&b->ledger.queued, &b->ledger.leased, n, 1);
	return true;
}

static bool step_take(BOOK)
{
	char buf[LONGEST];
	ssize_t n;

	if (v->policy & BBUF_LEASE)
		return step_lease(b, v);
	n = read(b->fd, buf, sizeof(buf));
	if (!b->ledger.queued.bytes)
		return n < 0 && errno == EAGAIN;
	if (n <= 0 || (v->type == BBUF_RECORD && n != (ssize_t)b->queued[0].len))
		return false;
	forget(b, v, &b->ledger.read, n);
	return true;
}

static bool step_flush(BOOK)
{
	(void)v;
	move(&b->ledger.queued, &b->ledger.flushed, b->ledger.queued.bytes,
	     b->ledger.queued.records);
	b->pieces = 0;
	return !queue_flush(b->fd);
}

static void settled(BOOK, const struct piece *p, enum bbuf_settling how)
{
	struct ledger *l = &b->ledger;

	if (how == BBUF_ACK) {
		move(&l->leased, &l->read, p->len, 1);
	} else if (how == BBUF_REJECT || (v->dies && p->deliveries >= DELIVERIES)) {
		move(&l->leased, &l->dead, p->len, 1);
	} else {
		move(&l->leased, &l->queued, p->len, 1);
		l->returned++;
	}
}

static bool step_settle(BOOK)
{
	enum bbuf_settling how = random_below(b, BBUF_RENEW);
	size_t i;

	if (!b->holds)
		return true;
	i = random_below(b, b->holds);
	settled(b, v, &b->held[i], how);
	how = settle(b->fd, b->held[i].lease, how) == 1;
	b->held[i] = b->held[--b->holds];
	return how;
}

static bool step_settle_all(BOOK)
{
	enum bbuf_settling how = random_below(b, BBUF_RENEW);
	int n = b->holds;

	while (b->holds)
		settled(b, v, &b->held[--b->holds], how);
	return settle_all(b->fd, how) == n;
}

static bool step_close(BOOK)
{
	int fd = queue_open(QUEUE, O_RDWR | O_NONBLOCK);

	while (b->holds)
		settled(b, v, &b->held[--b->holds], BBUF_RETURN);
	close(b->fd);
	b->fd = fd;
	return fd >= 0;
}

static bool step_resize(BOOK)
{
	(void)v;
	return !queue_resize(b->fd, CAPACITY);
}

/* The dead make no room for themselves. */
static bool step_clear_dead(BOOK)
{
	(void)v;
	return !queue_flush(b->dead);
}

static bool step(BOOK)
{
	bool leases = v->policy & BBUF_LEASE;

	if (!step_clear_dead(b, v))
		return false;
	switch (random_below(b, 64)) {
	case 0 ... 29:
		return step_put(b, v);
	case 30 ... 47:
		return step_take(b, v);
	case 48:
		return random_below(b, 4) || step_flush(b, v);
	case 49:
		return step_resize(b, v);
	case 50:
		return !leases || step_settle_all(b, v);
	case 51:
		return !leases || step_close(b, v);
	default:
		return !leases || step_settle(b, v);
	}
}

FIXTURE_SETUP(ledger)
{
	struct bbuf_create create = {
		.name = QUEUE, .type = variant->type, .policy = variant->policy,
		.capacity = CAPACITY, .mode = 0600, .uid = BBUF_ID_CALLER, .gid = BBUF_ID_CALLER,
		.max_deliveries = variant->dies ? DELIVERIES : 0,
	};

	queue_destroy(QUEUE);
	queue_destroy(DEAD);
	ASSERT_EQ(0, queue_create(&(struct bbuf_create){
		.name = DEAD, .type = BBUF_RECORD, .capacity = CAPACITY, .mode = 0600,
	}));
	if (variant->buried)
		strcpy(create.dead_letters, DEAD);
	ASSERT_EQ(0, queue_create(&create));
	self->book.fd = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	self->book.dead = queue_open(DEAD, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->book.fd);
	ASSERT_LE(0, self->book.dead);
}

FIXTURE_TEARDOWN(ledger)
{
	close(self->book.fd);
	close(self->book.dead);
	queue_destroy(QUEUE);
	queue_destroy(DEAD);
}

TEST_F(ledger, is_right_after_each_step)
{
	unsigned int seed = time(NULL);
	int i;

	self->book.seed = seed;
	for (i = 0; i < STEPS; i++) {
		ASSERT_TRUE(step(&self->book, variant)) {
			TH_LOG("seed %u, step %d", seed, i);
		}
		ASSERT_TRUE(is_ledger(self->book.fd, &self->book.ledger)) {
			TH_LOG("seed %u, step %d", seed, i);
		}
	}
	ASSERT_TRUE(sysfs_agrees(self->book.fd, variant->policy & BBUF_LEASE));
}

BBUF_HARNESS_MAIN
