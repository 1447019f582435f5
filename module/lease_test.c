// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the accounting of leases, for KUnit: operations on a few records, in every order,
 * compared with a list on which the same is done.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "holder.h"
#include "lease_read.h"
#include "manage.h"
#include "settle.h"

#define CAPACITY	16
#define STEPS		4	/* that are done in a row */
#define QUEUED		3	/* records that are queued at the start */
#define LONG		20000	/* steps of a random walk */

static const struct bbuf_io_opts nowait_opts = { .nowait = true };

/* Operations: write a record, lease one, settle the first or last lease, flush. */
enum step { PUT, LEASE, SETTLE, FLUSH = SETTLE + 6, CHOICES };

static const u32 ways[] = { BBUF_ACK, BBUF_RETURN, BBUF_RETURN_LAST };

/**
 * struct entry - a record
 * @tag: value of all its bytes
 * @born: position at which it was written
 * @lease: id of its lease; 0 if it is queued
 */
struct entry {
	u8 tag;
	unsigned long born;
	u64 lease;
};

/**
 * struct model - a queue, and its expected content
 * @q: the queue
 * @holder: holder of all leases
 * @entries: queued and leased records, in the order of reading if all were returned
 * @n: number of entries
 * @written: records that were ever written
 * @flushed: records that were flushed
 */
struct model {
	struct bbuf_queue *q;
	struct bbuf_holder *holder;
	struct entry entries[CAPACITY];
	size_t n;
	u64 written;
	u64 flushed;
};

static size_t entry_len(const struct entry *e)
{
	return 1 + e->tag % 3;
}

static void model_begin(struct kunit *test, struct model *m, unsigned long pos)
{
	const struct bbuf_create what = { .max_leases = CAPACITY };
	struct bbuf_queue *q = m->q;

	memset(q, 0, sizeof(*q));
	KUNIT_ASSERT_EQ(test, bbuf_queue_init(q, "test", BBUF_RECORD, CAPACITY, BBUF_LEASE), 0);
	KUNIT_ASSERT_EQ(test, bbuf_leases_init(q, &what, NULL), 0);
	bbuf_expiry_init(q);
	q->producer.pos = pos;
	q->consumer.pos = pos;
	q->leases->freed = pos;
	atomic64_set(&q->settled, pos);
	q->ring_pos = pos;
	m->holder = bbuf_holder_get(q);
	KUNIT_ASSERT_NOT_NULL(test, m->holder);
	m->n = 0;
	m->written = 0;
	m->flushed = 0;
}

static void model_end(struct model *m)
{
	bbuf_holder_put(m->q, m->holder);
	bbuf_expiry_uninit(m->q);
	bbuf_leases_uninit(m->q);
	bbuf_queue_uninit(m->q);
}

/* Bytes that are leased, or that are queued. */
static size_t model_bytes(const struct model *m, bool leased)
{
	size_t bytes = 0, i;

	for (i = 0; i < m->n; i++)
		if (!m->entries[i].lease == !leased)
			bytes += entry_len(&m->entries[i]);
	return bytes;
}

static void model_remove(struct model *m, size_t at)
{
	m->n--;
	memmove(&m->entries[at], &m->entries[at + 1], (m->n - at) * sizeof(m->entries[0]));
}

static void model_put(struct kunit *test, struct model *m)
{
	struct entry e = { .tag = m->written, .born = m->q->producer.pos };
	u8 bytes[4] = { e.tag, e.tag, e.tag, e.tag };
	struct kvec vec = { .iov_base = bytes, .iov_len = entry_len(&e) };
	struct iov_iter from;
	ssize_t fits = -EAGAIN;

	if (model_bytes(m, true) + model_bytes(m, false) + entry_len(&e) <= CAPACITY) {
		fits = entry_len(&e);
		m->entries[m->n++] = e;
		m->written++;
	}
	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, vec.iov_len);
	KUNIT_ASSERT_EQ(test, bbuf_write(m->q, &from, nowait_opts), fits);
}

static struct entry *model_first_queued(struct model *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (!m->entries[i].lease)
			return &m->entries[i];
	return NULL;
}

static void model_lease(struct kunit *test, struct model *m)
{
	struct entry *e = model_first_queued(m);
	u8 bytes[4] = { };
	struct kvec vec = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct bbuf_lease lease = { };
	struct iov_iter to;
	ssize_t ret;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, vec.iov_len);
	ret = bbuf_lease_read(m->q, m->holder, &to, nowait_opts, &lease);
	if (!e) {
		KUNIT_ASSERT_EQ(test, ret, -EAGAIN);
		return;
	}
	KUNIT_ASSERT_EQ(test, ret, entry_len(e));
	KUNIT_ASSERT_EQ(test, bytes[0], e->tag);
	KUNIT_ASSERT_EQ(test, bytes[ret - 1], e->tag);
	KUNIT_ASSERT_NE(test, lease.lease, 0ULL);
	e->lease = lease.lease;
}

/* Settle the first or the last lease in the list, if there is one. */
static void model_settle(struct kunit *test, struct model *m, bool last, u32 action)
{
	struct bbuf_settle settle = { .action = action };
	struct entry e;
	size_t at, i;

	for (i = 0, at = m->n; i < m->n; i++)
		if (m->entries[i].lease && (last || at == m->n))
			at = i;
	if (at == m->n)
		return;
	e = m->entries[at];
	settle.lease = e.lease;
	KUNIT_ASSERT_EQ(test, bbuf_lease_settle(m->q, m->holder, &settle), 1);

	e.lease = 0;
	if (action == BBUF_RETURN) {
		m->entries[at] = e;
		return;
	}
	model_remove(m, at);
	if (action == BBUF_RETURN_LAST)
		m->entries[m->n++] = e;
}

static void model_flush(struct kunit *test, struct model *m)
{
	size_t i;

	KUNIT_ASSERT_EQ(test, bbuf_queue_flush(m->q, true), 0);
	for (i = m->n; i--;) {
		if (m->entries[i].lease)
			continue;
		model_remove(m, i);
		m->flushed++;
	}
}

static void model_step(struct kunit *test, struct model *m, unsigned int step)
{
	if (step == PUT)
		model_put(test, m);
	else if (step == LEASE)
		model_lease(test, m);
	else if (step == FLUSH)
		model_flush(test, m);
	else
		model_settle(test, m, (step - SETTLE) % 2, ways[(step - SETTLE) / 2]);
}

/* Position before which everything was consumed. */
static unsigned long model_settled(const struct model *m)
{
	unsigned long settled = m->q->producer.pos;
	size_t i;

	for (i = 0; i < m->n; i++)
		if ((long)(m->entries[i].born - settled) < 0)
			settled = m->entries[i].born;
	return settled;
}

static void expect_model(struct kunit *test, const struct model *m)
{
	size_t queued = model_bytes(m, false), leased = model_bytes(m, true), records = 0, i;
	struct bbuf_info info = { };

	for (i = 0; i < m->n; i++)
		records += !m->entries[i].lease;
	bbuf_queue_info(m->q, &info);
	KUNIT_ASSERT_EQ(test, info.bytes, queued);
	KUNIT_ASSERT_EQ(test, info.records, records);
	KUNIT_ASSERT_EQ(test, info.leased_bytes, leased);
	KUNIT_ASSERT_EQ(test, info.leased_records, m->n - records);
	KUNIT_ASSERT_EQ(test, info.leasing_files, m->n > records);
	KUNIT_ASSERT_EQ(test, info.in.records, m->written);
	KUNIT_ASSERT_EQ(test, info.out.records, m->written - m->n - m->flushed);
	KUNIT_ASSERT_EQ(test, info.out.bytes,
			info.in.bytes - queued - leased - info.flushed_bytes);
	KUNIT_ASSERT_EQ(test, bbuf_side_avail(&m->q->consumer), queued);
	KUNIT_ASSERT_EQ(test, bbuf_side_avail(&m->q->producer), CAPACITY - queued - leased);
	KUNIT_ASSERT_EQ(test, (unsigned long)atomic64_read(&m->q->settled),
			model_settled(m));
}

/* EOF comes when the last record is consumed, and not before. */
static void expect_end(struct kunit *test, struct model *m)
{
	KUNIT_ASSERT_EQ(test, bbuf_queue_shutdown(m->q), 0);
	while (m->n) {
		KUNIT_ASSERT_FALSE(test, m->q->consumer.ended);
		if (model_first_queued(m))
			model_lease(test, m);
		else
			model_settle(test, m, false, BBUF_ACK);
		expect_model(test, m);
	}
	KUNIT_ASSERT_TRUE(test, m->q->consumer.ended);
	KUNIT_ASSERT_EQ(test, bbuf_queue_reopen(m->q), 0);
	KUNIT_ASSERT_FALSE(test, m->q->consumer.ended);
}

/* Do the steps that are the digits of a number. */
static void steps_from(struct kunit *test, struct model *m, unsigned int steps, unsigned long pos)
{
	size_t i;

	model_begin(test, m, pos);
	for (i = 0; i < QUEUED; i++)
		model_put(test, m);
	for (i = 0; i < STEPS; i++, steps /= CHOICES) {
		model_step(test, m, steps % CHOICES);
		expect_model(test, m);
	}
	expect_end(test, m);
	model_end(m);
}

static void leases_are_a_list_whatever_is_done(struct kunit *test)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	unsigned int all = 1, steps, i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->q = kunit_kzalloc(test, sizeof(*m->q), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->q);
	for (i = 0; i < STEPS; i++)
		all *= CHOICES;
	/* Positions exceed 32 bits in some of the runs. */
	for (steps = 0; steps < all; steps++)
		steps_from(test, m, steps, U32_MAX - steps % (2 * CAPACITY));
}

/* Long enough for records that were requeued at the same position, and returned in any order. */
static void leases_are_a_list_for_long(struct kunit *test)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct rnd_state random;
	size_t i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->q = kunit_kzalloc(test, sizeof(*m->q), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->q);
	prandom_seed_state(&random, 1);
	model_begin(test, m, U32_MAX - LONG / 8);
	for (i = 0; i < LONG; i++) {
		/* A flush is rare, or there would not be much to keep in order. */
		model_step(test, m, prandom_u32_state(&random) % (i % 64 ? FLUSH : CHOICES));
		expect_model(test, m);
	}
	expect_end(test, m);
	model_end(m);
}

static struct kunit_case lease_cases[] = {
	KUNIT_CASE(leases_are_a_list_whatever_is_done),
	KUNIT_CASE(leases_are_a_list_for_long),
	{ }
};

static struct kunit_suite lease_suite = {
	.name = "bbuf_lease",
	.test_cases = lease_cases,
};

kunit_test_suite(lease_suite);
