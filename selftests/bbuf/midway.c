// SPDX-License-Identifier: GPL-2.0-only
/*
 * A call that is in the middle of its copy, as a page of its memory is missing: what others may do
 * meanwhile, on its side and on the other one, and what they find when the page comes, or there is
 * none, or the call is killed, or ended.
 */
#include <sys/syscall.h>

#include "fixture.h"
#include "late.h"
#include "leased.h"

#define LENGTH		5000	/* of a record or a piece: of two pages the last is missing */
#define CAPACITY	(4 * LENGTH)
#define TIMEOUT_MS	100

/* For functions that return whether the state is as expected. */
#define CHECK(condition)						\
do {									\
	if (!(condition)) {						\
		fprintf(stderr, "# line %d: %s\n", __LINE__, #condition);\
		return false;						\
	}								\
} while (0)
#define CHECK_FAILS(error, call)	CHECK((call) == -1 && errno == (error))

/* Check that a queue which no process uses, whatever data is left in it, works like a new one. */
static bool is_sound(int nb)
{
	struct bbuf_info info;

	CHECK(eventually(!queue_info(nb).in.waiters && !queue_info(nb).out.waiters));
	CHECK(queue_flush(nb) == 0);
	CHECK(queue_resize(nb, CAPACITY / 2) == 0);
	CHECK(queue_resize(nb, CAPACITY) == 0);
	CHECK(queue_events(nb) == WRITABLE);
	CHECK(put(nb, 1, CAPACITY) == CAPACITY);
	CHECK(queue_events(nb) == READABLE);
	CHECK(take(nb, 1, CAPACITY));
	CHECK(queue_info(nb).policy & BBUF_LEASE ? settle_all(nb, BBUF_ACK) == 1 : true);
	info = queue_info(nb);
	CHECK(info.bytes == 0 && info.records == 0 && info.leased_bytes == 0);
	CHECK(info.in.bytes == info.out.bytes + info.flushed_bytes);
	return true;
}

static long resize_once(struct task *t)
{
	return queue_resize(t->fd, t->arg[0]);
}

static struct task task_resizer(int fd, size_t capacity)
{
	return (struct task){
		.fn = resize_once, .nr = SYS_ioctl, .fd = fd, .arg = { capacity },
	};
}

/* Makes a call in a task of its own, whose page never comes. */
static long stall_for_ever(struct task *t)
{
	struct call call = *(const struct call *)t->arg[0];
	struct late late;

	if (late_map(&late, call.late->len) || late.uffd < 0)
		return -1;
	call.late = &late;
	return call_make(&call);
}

static struct task task_stalled(const struct call *call, long nr)
{
	return (struct task){
		.fn = stall_for_ever, .nr = nr, .fd = call->fd, .stalls = true,
		.arg = { (long)call },
	};
}

/*
 * Where nothing is leased the call keeps its side. Before the piece that it is stuck in, which is
 * LENGTH bytes, a call with frames has moved a short record.
 */

FIXTURE(midway) {
	int fd;			/* blocking, that of the call */
	int nb;			/* O_NONBLOCK */
	int other;		/* blocking */
	size_t done;		/* bytes of the call's memory before the piece, with its frame */
	struct late late;
	struct call call;
	struct task behind;	/* on the same side */
};

FIXTURE_VARIANT(midway) {
	enum bbuf_type type;
	bool writes;
	bool framed;
};

FIXTURE_VARIANT_ADD(midway, read_of_a_stream) {
	.type = BBUF_STREAM,
};

FIXTURE_VARIANT_ADD(midway, read_of_a_record) {
	.type = BBUF_RECORD,
};

FIXTURE_VARIANT_ADD(midway, read_of_records_with_frames) {
	.type = BBUF_RECORD, .framed = true,
};

FIXTURE_VARIANT_ADD(midway, write_to_a_stream) {
	.type = BBUF_STREAM, .writes = true,
};

FIXTURE_VARIANT_ADD(midway, write_of_a_record) {
	.type = BBUF_RECORD, .writes = true,
};

FIXTURE_VARIANT_ADD(midway, write_of_records_with_frames) {
	.type = BBUF_RECORD, .writes = true, .framed = true,
};

#define MIDWAY	FIXTURE_DATA(midway) *self, const FIXTURE_VARIANT(midway) *variant

/* Data queued before: for a reader its piece and another one, for a writer 100 bytes. */
static bool put_before(MIDWAY)
{
	if (variant->writes)
		return put(self->nb, 7, 100) == 100;
	if (variant->framed && put(self->nb, sizeof(struct bbuf_frame), LATE_SHORT) != LATE_SHORT)
		return false;
	return put(self->nb, self->done, LENGTH) == LENGTH &&
	       put(self->nb, self->done + LENGTH, LENGTH) == LENGTH;
}

FIXTURE_SETUP(midway)
{
	QUEUE_BEGIN(variant->type, CAPACITY, 0);
	ASSERT_OPENS(self->other, O_RDWR);
	if (variant->framed) {
		ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED));
		self->done = BBUF_FRAME_SPACE(LATE_SHORT) + sizeof(struct bbuf_frame);
	}
	ASSERT_TRUE(put_before(self, variant));
	ASSERT_EQ(0, late_map(&self->late, self->done + LENGTH));
	self->call = (struct call){
		.late = &self->late, .fd = self->fd, .writes = variant->writes,
		.make = variant->writes && variant->framed ? late_write_frames : NULL,
	};
	self->behind = variant->writes ? task_writer(self->other, 3, 50)
				       : task_reader(self->other, LENGTH);
}

FIXTURE_TEARDOWN(midway)
{
	late_unmap(&self->late);
	close(self->fd);
	close(self->nb);
	close(self->other);
	queue_destroy(QUEUE);
}

#define REQUIRE_LATE()		REQUIRE_USERFAULTFD(&self->late)
#define ALL_OF_IT		((ssize_t)self->late.len)

/* No other call on its side may proceed, and none may change the ring. */
static bool keeps_others_off(MIDWAY)
{
	char buf[LENGTH];

	CHECK_FAILS(EAGAIN, queue_resize(self->nb, 2 * CAPACITY));
	if (variant->writes) {
		CHECK_FAILS(EAGAIN, put(self->nb, 0, 1));
		CHECK(!(queue_events(self->nb) & POLLOUT));
		return true;
	}
	CHECK_FAILS(EAGAIN, read(self->nb, buf, LENGTH));
	CHECK_FAILS(EAGAIN, queue_peek(self->nb, buf, LENGTH));
	CHECK_FAILS(EAGAIN, queue_flush(self->nb));
	CHECK(!(queue_events(self->nb) & POLLIN));
	return true;
}

/* The other side goes on: readers have what was queued before, writers have room. */
static bool lets_the_other_side_on(MIDWAY)
{
	if (!variant->writes) {
		CHECK(queue_events(self->nb) & POLLOUT);
		CHECK(put(self->nb, 9, 10) == 10);
		return true;
	}
	CHECK(queue_events(self->nb) & POLLIN);
	CHECK(take(self->nb, 7, 100));
	CHECK(!variant->framed || take(self->nb, sizeof(struct bbuf_frame), LATE_SHORT));
	CHECK(queued(self->nb) == 0);
	CHECK(queue_flush(self->nb) == 0);
	return true;
}

static bool counts_who_waits(MIDWAY, unsigned int n)
{
	struct bbuf_info info = queue_info(self->nb);

	CHECK((variant->writes ? info.in.waiters : info.out.waiters) == n);
	CHECK((variant->writes ? info.out.waiters : info.in.waiters) == 0);
	return true;
}

/* The call is stuck, another one waits behind it, and others have tried what they may. */
#define STALL()								\
do {									\
	REQUIRE_LATE();							\
	ASSERT_STALLS(self->call);					\
	MEET_OTHERS();							\
} while (0)

#define MEET_OTHERS()							\
do {									\
	ASSERT_BLOCKS(self->behind);					\
	ASSERT_TRUE(keeps_others_off(self, variant));			\
	ASSERT_TRUE(lets_the_other_side_on(self, variant));		\
	ASSERT_TRUE(counts_who_waits(self, variant, 2));		\
	ASSERT_UNDISTURBED(self->behind);				\
} while (0)

/* The reader behind gets the next LENGTH bytes, which are the pattern's from position on. */
static bool behind_reads(MIDWAY, size_t position)
{
	CHECK(!variant->writes);
	CHECK(task_wait(&self->behind) == LENGTH);
	CHECK(pattern_matches(self->behind.result->data, position, LENGTH));
	return true;
}

/* The writer behind is done, too, and n bytes from position on were written before. */
static bool behind_writes(MIDWAY, size_t position, size_t n)
{
	CHECK(variant->writes);
	CHECK(task_wait(&self->behind) == 50);
	CHECK(!n || take(self->nb, position, n));
	CHECK(take(self->nb, 3, 50));
	CHECK(queued(self->nb) == 0);
	return true;
}

TEST_F(midway, proceeds_when_its_page_arrives)
{
	STALL();
	ASSERT_EQ(ALL_OF_IT, FINISH(self->call));
	if (variant->writes) {
		ASSERT_TRUE(behind_writes(self, variant, self->done, LENGTH));
	} else {
		ASSERT_TRUE(pattern_matches(self->late.buf + self->done, self->done, LENGTH));
		ASSERT_TRUE(behind_reads(self, variant, self->done + LENGTH));
		ASSERT_TRUE(take(self->nb, 9, 10));
	}
	ASSERT_TRUE(is_sound(self->nb));
}

/* Of a stream the bytes before the page count, of records whole ones. */
TEST_F(midway, leaves_the_data_queued_when_its_page_faults)
{
	size_t moved = 0;
	ssize_t value;

	STALL();
	value = call_spoil(&self->call);
	if (variant->framed) {
		ASSERT_EQ(BBUF_FRAME_SPACE(LATE_SHORT), value);
	} else if (variant->type == BBUF_STREAM && value > 0) {
		moved = value;
		ASSERT_GE(self->late.page, moved);
	} else {
		ASSERT_EQ(-EFAULT, value);
	}
	if (variant->writes) {
		ASSERT_TRUE(behind_writes(self, variant, 0, moved));
	} else {
		ASSERT_TRUE(behind_reads(self, variant, self->done + moved));
	}
	ASSERT_TRUE(is_sound(self->nb));
}

TEST_F(midway, undoes_the_copy_when_killed)
{
	struct task stalled = task_stalled(&self->call, variant->writes ? SYS_write : SYS_read);

	REQUIRE_LATE();
	ASSERT_BLOCKS(stalled);
	MEET_OTHERS();
	task_kill(&stalled);
	if (variant->writes) {
		ASSERT_TRUE(behind_writes(self, variant, 0, 0));
	} else {
		ASSERT_TRUE(behind_reads(self, variant, self->done));
	}
	ASSERT_TRUE(is_sound(self->nb));
}

/* Writers are woken at once. A reader gets what it has begun to read, and then the next data. */
TEST_F(midway, sees_shutdown)
{
	STALL();
	ASSERT_EQ(0, queue_shutdown(self->nb));
	if (variant->writes) {
		ASSERT_RETURNS(-EPIPE, self->behind);
		ASSERT_EQ(0, read(self->nb, (char[1]){ 0 }, 1));
		ASSERT_EQ(variant->framed ? (ssize_t)BBUF_FRAME_SPACE(LATE_SHORT) : -EPIPE,
			  FINISH(self->call));
	} else {
		ASSERT_UNDISTURBED(self->behind);
		ASSERT_TRUE(keeps_others_off(self, variant));
		ASSERT_EQ(ALL_OF_IT, FINISH(self->call));
		ASSERT_TRUE(behind_reads(self, variant, self->done + LENGTH));
		ASSERT_TRUE(take(self->nb, 9, 10));
		ASSERT_EQ(0, read(self->nb, (char[1]){ 0 }, 1));
	}
	ASSERT_EQ(0, queue_reopen(self->nb));
	ASSERT_TRUE(is_sound(self->nb));
}

TEST_F(midway, sees_destroy)
{
	STALL();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, self->behind);
	ASSERT_EQ(POLLHUP | POLLERR, queue_events(self->nb));
	ASSERT_EQ(variant->framed ? (ssize_t)BBUF_FRAME_SPACE(LATE_SHORT) : -ENODEV,
		  FINISH(self->call));
}

/* When its time is over, its page may come or not: others have the queue. */
TEST_F(midway, times_out)
{
	const unsigned long long timeout = TIMEOUT_MS * NS_PER_MS;

	REQUIRE_LATE();
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = variant->framed ? BBUF_FRAMED : 0,
				       .read_timeout = timeout, .write_timeout = timeout));
	ASSERT_STALLS(self->call);
	ASSERT_STARTS(self->behind);
	if (variant->writes) {
		ASSERT_RETURNS(50, self->behind);
	} else {
		ASSERT_TRUE(behind_reads(self, variant, self->done));
	}
	ASSERT_FALSE(load(self->call.done));
	ASSERT_TRUE(is_sound(self->nb));
	ASSERT_EQ(variant->framed ? (ssize_t)BBUF_FRAME_SPACE(LATE_SHORT) : -ETIMEDOUT,
		  FINISH(self->call));
	ASSERT_TRUE(is_sound(self->nb));
}

/* A change of the capacity comes next, before all waiters. */
TEST_F(midway, delays_a_resize)
{
	struct task resizer = task_resizer(self->other, 2 * CAPACITY);

	STALL();
	ASSERT_BLOCKS(resizer);
	ASSERT_EQ(CAPACITY, queue_info(self->nb).capacity);
	ASSERT_EQ(ALL_OF_IT, FINISH(self->call));
	ASSERT_RETURNS(0, resizer);
	if (variant->writes) {
		ASSERT_TRUE(behind_writes(self, variant, self->done, LENGTH));
	} else {
		ASSERT_TRUE(behind_reads(self, variant, self->done + LENGTH));
	}
	ASSERT_EQ(2 * CAPACITY, queue_info(self->nb).capacity);
	ASSERT_TRUE(is_sound(self->nb));
}

/* With a read mark, readers make do with less when a writer waits for room; this one has it. */
TEST_F(midway, does_not_count_as_a_waiting_writer)
{
	struct task reader = task_reader(self->other, CAPACITY);

	REQUIRE_LATE();
	if (variant->type == BBUF_RECORD || !variant->writes)
		return;
	ASSERT_EQ(0, queue_set_read_mark(self->nb, 101));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(0, queue_events(self->nb) & POLLIN);
	ASSERT_BLOCKS(reader);
	ASSERT_UNDISTURBED(reader);
	ASSERT_EQ(ALL_OF_IT, FINISH(self->call));
	ASSERT_RETURNS(100 + LENGTH, reader);
	ASSERT_EQ(0, queue_set_read_mark(self->nb, 1));
	ASSERT_TRUE(is_sound(self->nb));
}

/*
 * A call that leases or peeks does not delay others. It gets the first record when its page
 * arrives.
 */

FIXTURE(onlooker) {
	int fd;			/* blocking, that of the call */
	int nb;			/* O_NONBLOCK */
	size_t frame;
	long nr;		/* of the system call */
	struct late late;
	struct call call;
};

FIXTURE_VARIANT(onlooker) {
	enum bbuf_type type;
	unsigned int policy;
	unsigned int flags;	/* of its file */
	bool peeks;
	ssize_t (*make)(const struct call *call);
};

static ssize_t lease_late(const struct call *call)
{
	struct bbuf_lease lease;

	return lease_read(call->fd, call->late->buf, call->late->len, &lease);
}

FIXTURE_VARIANT_ADD(onlooker, peek_of_a_record) {
	.type = BBUF_RECORD, .peeks = true,
};

FIXTURE_VARIANT_ADD(onlooker, peek_of_a_stream) {
	.type = BBUF_STREAM, .peeks = true,
};

FIXTURE_VARIANT_ADD(onlooker, peek_with_leases) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE, .peeks = true,
};

FIXTURE_VARIANT_ADD(onlooker, lease_by_read) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE,
};

FIXTURE_VARIANT_ADD(onlooker, lease_by_ioctl) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE, .make = lease_late,
};

FIXTURE_VARIANT_ADD(onlooker, leases_with_frames) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE, .flags = BBUF_FRAMED,
};

FIXTURE_VARIANT_ADD(onlooker, leases_with_lease_frames) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE, .flags = BBUF_FRAMED | BBUF_LEASE_FRAMED,
};

FIXTURE_SETUP(onlooker)
{
	QUEUE_BEGIN(variant->type, CAPACITY, variant->policy);
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = variant->flags));
	if (variant->flags & BBUF_FRAMED)
		self->frame = sizeof(struct bbuf_frame);
	if (variant->flags & BBUF_LEASE_FRAMED)
		self->frame = sizeof(struct bbuf_lease_frame);
	self->nr = variant->peeks || variant->make ? SYS_ioctl : SYS_read;
	ASSERT_EQ(0, late_map(&self->late, self->frame + LENGTH));
	self->call = (struct call){
		.late = &self->late, .fd = self->fd, .make = variant->make,
		.peeks = variant->peeks,
	};
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
}

FIXTURE_TEARDOWN(onlooker)
{
	late_unmap(&self->late);
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
}

/* Read n bytes from position on, as a plain read that consumes them. */
static bool consume(int fd, size_t position, size_t n)
{
	bool leases = queue_info(fd).policy & BBUF_LEASE;

	return take(fd, position, n) && (!leases || settle_all(fd, BBUF_ACK) == 1);
}

/* The other calls work as if no call were stalled. At the end another record is queued. */
static bool others_go_on(int nb)
{
	char buf[LENGTH];

	CHECK(queue_info(nb).leased_records == 0 && queue_info(nb).out.waiters == 0);
	CHECK(queue_events(nb) == (READABLE | WRITABLE));
	CHECK(queue_peek(nb, buf, LENGTH) == LENGTH);
	CHECK(queue_resize(nb, 2 * CAPACITY) == 0);
	CHECK(consume(nb, 0, LENGTH));
	CHECK_FAILS(EAGAIN, read(nb, buf, LENGTH));
	CHECK(put(nb, 1, LENGTH) == LENGTH);
	CHECK(queue_flush(nb) == 0);
	CHECK(queue_events(nb) == WRITABLE);
	CHECK(put(nb, 2, LENGTH) == LENGTH);
	return true;
}

TEST_F(onlooker, gets_the_first_record_when_its_page_arrives)
{
	REQUIRE_LATE();
	ASSERT_STALLS(self->call);
	ASSERT_TRUE(others_go_on(self->nb));
	ASSERT_EQ(ALL_OF_IT, FINISH(self->call));
	ASSERT_TRUE(pattern_matches(self->late.buf + self->frame, 2, LENGTH));
	if (variant->peeks) {
		ASSERT_TRUE(consume(self->nb, 2, LENGTH));
	} else {
		ASSERT_EQ(1, queue_info(self->nb).leased_records);
		ASSERT_EQ(1, settle_all(self->fd, BBUF_RETURN));
		ASSERT_EQ(2, lease_deliveries(self->nb, 2, LENGTH));
		ASSERT_EQ(1, settle_all(self->nb, BBUF_ACK));
	}
	ASSERT_TRUE(is_sound(self->nb));
}

/* A peek at a stream returns as much as it has memory for. */
TEST_F(onlooker, takes_nothing_when_its_page_faults)
{
	ssize_t value;

	REQUIRE_LATE();
	ASSERT_STALLS(self->call);
	ASSERT_TRUE(others_go_on(self->nb));
	value = call_spoil(&self->call);
	if (variant->type == BBUF_STREAM && value > 0) {
		ASSERT_GE(self->late.page, (size_t)value);
		ASSERT_TRUE(pattern_matches(self->late.buf, 2, value));
	} else {
		ASSERT_EQ(-EFAULT, value);
	}
	ASSERT_EQ(0, queue_info(self->nb).leased_records);
	ASSERT_EQ(0, queue_info(self->nb).returned);
	ASSERT_TRUE(consume(self->nb, 2, LENGTH));
	ASSERT_TRUE(is_sound(self->nb));
}

TEST_F(onlooker, takes_nothing_when_killed)
{
	struct task stalled = task_stalled(&self->call, self->nr);

	REQUIRE_LATE();
	ASSERT_BLOCKS(stalled);
	ASSERT_TRUE(others_go_on(self->nb));
	task_kill(&stalled);
	ASSERT_EQ(0, queue_info(self->nb).leased_records);
	ASSERT_EQ(0, queue_info(self->nb).returned);
	ASSERT_TRUE(consume(self->nb, 2, LENGTH));
	ASSERT_TRUE(is_sound(self->nb));
}

/* The queued data is gone, and no more arrives. */
TEST_F(onlooker, sees_shutdown)
{
	REQUIRE_LATE();
	ASSERT_STALLS(self->call);
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_TRUE(consume(self->nb, 0, LENGTH));
	ASSERT_EQ(0, FINISH(self->call));
	ASSERT_EQ(0, queue_reopen(self->nb));
	ASSERT_TRUE(is_sound(self->nb));
}

/* Tokens: one is missing its memory, others have them, and give them back. */

FIXTURE(tokens) {
	int fd;
	int nb;
	struct late late;
	struct call call;
};

FIXTURE_VARIANT(tokens) {
	bool writes;	/* two that it holds */
	bool peeks;
};

FIXTURE_VARIANT_ADD(tokens, read) {
};

FIXTURE_VARIANT_ADD(tokens, write) {
	.writes = true,
};

FIXTURE_VARIANT_ADD(tokens, peek) {
	.peeks = true,
};

/* The bytes that come with the page are the pattern's. */
FIXTURE_SETUP(tokens)
{
	unsigned char bytes[3];

	QUEUE_BEGIN(BBUF_STREAM, CAPACITY, BBUF_LEASE);
	ASSERT_EQ(3, put(self->nb, 0, 3));
	if (variant->writes) {
		ASSERT_EQ(3, read(self->nb, bytes, 3));
	}
	ASSERT_EQ(0, late_map(&self->late, 2));
	self->call = (struct call){
		.late = &self->late, .fd = self->fd, .writes = variant->writes,
		.peeks = variant->peeks,
	};
}

FIXTURE_TEARDOWN(tokens)
{
	late_unmap(&self->late);
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
}

/* One token goes behind the others; the bytes that are read are those of the pattern. */
static bool tokens_go_round(int nb, bool held)
{
	unsigned char byte;

	CHECK(queue_info(nb).leased_bytes == (held ? 3 : 0));
	CHECK(held || read(nb, &byte, 1) == 1);
	CHECK(put(nb, held ? 2 : 0, 1) == 1);
	CHECK(queue_resize(nb, 2 * CAPACITY) == 0);
	CHECK(queue_info(nb).leased_bytes == (held ? 2 : 0));
	return true;
}

TEST_F(tokens, are_moved_when_the_page_arrives)
{
	REQUIRE_LATE();
	ASSERT_STALLS(self->call);
	ASSERT_TRUE(tokens_go_round(self->nb, variant->writes));
	ASSERT_EQ(2, FINISH(self->call));
	ASSERT_EQ(variant->writes || variant->peeks ? 0 : 2, queue_info(self->nb).leased_bytes);
	ASSERT_TRUE(pattern_matches(self->late.buf, variant->writes ? 0 : 1, 2));
	ASSERT_EQ(0, queue_info(self->nb).returned);
	ASSERT_EQ(3, queue_info(self->nb).in.bytes);
}

TEST_F(tokens, stay_queued_when_the_page_faults)
{
	REQUIRE_LATE();
	ASSERT_STALLS(self->call);
	ASSERT_TRUE(tokens_go_round(self->nb, variant->writes));
	ASSERT_EQ(-EFAULT, call_spoil(&self->call));
	ASSERT_EQ(variant->writes ? 2 : 0, queue_info(self->nb).leased_bytes);
	ASSERT_EQ(variant->writes ? 1 : 3, queued(self->nb));
	ASSERT_EQ(0, queue_info(self->nb).returned);
}

TEST_F(tokens, stay_queued_when_the_call_is_killed)
{
	const long nr = variant->writes ? SYS_write : variant->peeks ? SYS_ioctl : SYS_read;
	struct task stalled = task_stalled(&self->call, nr);

	REQUIRE_LATE();
	ASSERT_BLOCKS(stalled);
	ASSERT_TRUE(tokens_go_round(self->nb, variant->writes));
	task_kill(&stalled);
	ASSERT_EQ(variant->writes ? 2 : 0, queue_info(self->nb).leased_bytes);
	ASSERT_EQ(variant->writes ? 1 : 3, queued(self->nb));
	ASSERT_EQ(0, queue_info(self->nb).returned);
}

BBUF_HARNESS_MAIN
