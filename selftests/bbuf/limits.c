// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that wait at one limit while the event that releases or ends them meets another limit. The
 * results of non-blocking calls are tested in ledger.c.
 */
#include <sys/syscall.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	100
#define SOON_NS		(20 * NS_PER_MS)
#define LATE_NS		(500 * NS_PER_MS)	/* before that some things happen */

/*
 * One leased record takes the whole capacity. The tests check what happens to it, and which waiters
 * are woken.
 */

#define WHOLE		CAPACITY

enum end {
	STAYS_OPEN,
	IS_SHUT,
	IS_LEFT,	/* by the last writer */
};

enum death {
	UNDYING,	/* it may be delivered again */
	TO_NOWHERE,	/* it may not, and there are no dead letters */
	TO_ROOM,	/* there are, with room for it */
	TO_NO_ROOM,
	TO_SHUT,	/* they take no more */
};

FIXTURE(lease_waiters) {
	int fd;			/* blocking */
	int nb;			/* O_NONBLOCK, open for reading: that of the lease */
	int writer;		/* blocking, open for writing */
	int dead;
	struct task reads;
	struct task writes;
	struct task drains;
};

FIXTURE_VARIANT(lease_waiters) {
	enum death death;
	enum end end;
};

FIXTURE_VARIANT_ADD(lease_waiters, record) {
};

FIXTURE_VARIANT_ADD(lease_waiters, record_after_shutdown) {
	.end = IS_SHUT,
};

FIXTURE_VARIANT_ADD(lease_waiters, record_after_last_close) {
	.end = IS_LEFT,
};

FIXTURE_VARIANT_ADD(lease_waiters, last_delivery) {
	.death = TO_NOWHERE,
};

FIXTURE_VARIANT_ADD(lease_waiters, last_delivery_after_shutdown) {
	.death = TO_NOWHERE, .end = IS_SHUT,
};

FIXTURE_VARIANT_ADD(lease_waiters, last_delivery_after_last_close) {
	.death = TO_NOWHERE, .end = IS_LEFT,
};

FIXTURE_VARIANT_ADD(lease_waiters, dead_letter) {
	.death = TO_ROOM,
};

FIXTURE_VARIANT_ADD(lease_waiters, dead_letter_after_shutdown) {
	.death = TO_ROOM, .end = IS_SHUT,
};

FIXTURE_VARIANT_ADD(lease_waiters, dead_letter_after_last_close) {
	.death = TO_ROOM, .end = IS_LEFT,
};

FIXTURE_VARIANT_ADD(lease_waiters, dead_letter_without_room) {
	.death = TO_NO_ROOM,
};

FIXTURE_VARIANT_ADD(lease_waiters, dead_letter_without_room_after_shutdown) {
	.death = TO_NO_ROOM, .end = IS_SHUT,
};

FIXTURE_VARIANT_ADD(lease_waiters, dead_letter_without_room_after_last_close) {
	.death = TO_NO_ROOM, .end = IS_LEFT,
};

FIXTURE_VARIANT_ADD(lease_waiters, refused_dead_letter) {
	.death = TO_SHUT,
};

FIXTURE_VARIANT_ADD(lease_waiters, refused_dead_letter_after_shutdown) {
	.death = TO_SHUT, .end = IS_SHUT,
};

static bool make_queues(enum death death)
{
	struct bbuf_create create = {
		.type = BBUF_RECORD, .policy = BBUF_LEASE | BBUF_EOF_ON_CLOSE,
		.capacity = CAPACITY, .max_deliveries = death != UNDYING,
	};

	if (death > TO_NOWHERE)
		strcpy(create.dead_letters, DEAD);
	return !dead_make(WHOLE, 0) && !queue_make_as(create);
}

static bool prepare_dead(int dead, enum death death)
{
	if (death == TO_NO_ROOM)
		return put(dead, 0, 1) == 1;
	return death != TO_SHUT || !queue_shutdown(dead);
}

/* The file with the lease, and the file of the waiters, are open for reading only. */
FIXTURE_SETUP(lease_waiters)
{
	ASSERT_TRUE(make_queues(variant->death));
	ASSERT_OPENS(self->fd, O_RDONLY);
	ASSERT_OPENS(self->nb, O_RDONLY | O_NONBLOCK);
	ASSERT_OPENS(self->writer, O_WRONLY);
	self->dead = queue_open(DEAD, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->dead);
	ASSERT_TRUE(prepare_dead(self->dead, variant->death));
	ASSERT_EQ(WHOLE, put(self->writer, 0, WHOLE));
}

FIXTURE_TEARDOWN(lease_waiters)
{
	close(self->fd);
	close(self->nb);
	close(self->writer);
	close(self->dead);
	queue_destroy(QUEUE);
	queue_destroy(DEAD);
}

/*
 * One waits for data, one for room if there may be some, one until all is consumed. They have the
 * test's files open, too, so the last close comes before them.
 */
#define ALL_WAIT()							\
do {									\
	self->reads = task_reader(self->fd, WHOLE);			\
	self->writes = task_writer(self->writer, 7, 1);			\
	self->drains = task_drainer(self->fd);				\
	if (variant->end == IS_LEFT)					\
		close(self->writer);					\
	ASSERT_BLOCKS(self->reads);					\
	ASSERT_BLOCKS(self->drains);					\
	if (variant->end == IS_SHUT) {					\
		ASSERT_EQ(0, queue_shutdown(self->writer));		\
	}								\
	if (variant->end == STAYS_OPEN) {				\
		ASSERT_BLOCKS(self->writes);				\
	}								\
	ASSERT_UNDISTURBED(self->reads);				\
	ASSERT_UNDISTURBED(self->drains);				\
} while (0)

#define LEASE_AND_WAIT()						\
do {									\
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, WHOLE));		\
	ALL_WAIT();							\
} while (0)

/* Nothing is left: there is room, and all was consumed; no more comes, or what was waited for. */
#define ASSERT_GONE()							\
do {									\
	ASSERT_RETURNS(0, self->drains);				\
	if (variant->end == STAYS_OPEN) {				\
		ASSERT_RETURNS(1, self->writes);			\
		ASSERT_RETURNS(1, self->reads);				\
		ASSERT_DATA(self->reads, 7, 1);				\
	} else {							\
		ASSERT_RETURNS(0, self->reads);				\
	}								\
} while (0)

/* The reader has it, and no other file has a lease. */
#define ASSERT_BACK()							\
do {									\
	ASSERT_RETURNS(WHOLE, self->reads);				\
	ASSERT_DATA(self->reads, 0, WHOLE);				\
	ASSERT_UNDISTURBED(self->drains);				\
	if (variant->end == STAYS_OPEN) {				\
		ASSERT_UNDISTURBED(self->writes);			\
		task_kill(&self->writes);				\
	}								\
	task_kill(&self->drains);					\
} while (0)

#define ASSERT_NONE_NOTIFIED()						\
do {									\
	ASSERT_UNDISTURBED(self->reads);				\
	ASSERT_UNDISTURBED(self->drains);				\
	if (variant->end == STAYS_OPEN) {				\
		ASSERT_UNDISTURBED(self->writes);			\
		task_kill(&self->writes);				\
	}								\
	task_kill(&self->reads);					\
	task_kill(&self->drains);					\
} while (0)

/* It would go back. */
#define ASSERT_BACK_OR_DEAD()						\
do {									\
	const bool dies = variant->death == TO_NOWHERE || variant->death == TO_ROOM;\
									\
	if (dies) {							\
		ASSERT_GONE();						\
	} else {							\
		ASSERT_BACK();						\
	}								\
	ASSERT_EQ(dies, queue_info(self->fd).dead_lettered);		\
	ASSERT_EQ(!dies, queue_info(self->fd).returned);		\
	if (variant->death == TO_ROOM) {				\
		ASSERT_TRUE(take(self->dead, 0, WHOLE));		\
	}								\
} while (0)

TEST_F(lease_waiters, are_served_after_acknowledgement)
{
	LEASE_AND_WAIT();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_GONE();
}

TEST_F(lease_waiters, are_served_after_return)
{
	LEASE_AND_WAIT();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_BACK_OR_DEAD();
}

TEST_F(lease_waiters, are_served_after_return_to_the_tail)
{
	LEASE_AND_WAIT();
	ASSERT_EQ(1, settle_all(self->nb, BBUF_RETURN_LAST));
	ASSERT_BACK_OR_DEAD();
}

TEST_F(lease_waiters, are_served_after_expiry)
{
	LEASE_AND_WAIT();
	ASSERT_EQ(0, queue_set_lease_timeout(self->fd, SOON_NS));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	/* The next one has it for as long as it likes. */
	ASSERT_EQ(0, queue_set_lease_timeout(self->fd, 0));
	ASSERT_BACK_OR_DEAD();
}

/* Has the record until it is killed. */
static long lease_and_hold(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);

	close(t->arg[0]);
	return lease_deliveries(fd, 0, WHOLE) == 1 ? pause() : -1;
}

TEST_F(lease_waiters, are_served_after_kill_of_its_holder)
{
	struct task holder = {
		.fn = lease_and_hold, .nr = SYS_pause, .fd = -1, .arg = { self->writer },
	};

	ASSERT_BLOCKS(holder);
	ALL_WAIT();
	task_kill(&holder);
	ASSERT_BACK_OR_DEAD();
}

TEST_F(lease_waiters, are_served_after_rejection)
{
	LEASE_AND_WAIT();
	if (variant->death >= TO_NO_ROOM) {
		ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
		ASSERT_EQ(1, queue_info(self->fd).leased_records);
		ASSERT_NONE_NOTIFIED();
	} else {
		ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
		ASSERT_GONE();
		ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
	}
}

/* A limit that goes while its record is out does not count, nor does one that comes too late. */
TEST_F(lease_waiters, get_the_record_after_return_with_raised_max_deliveries)
{
	LEASE_AND_WAIT();
	ASSERT_EQ(0, queue_set_max_deliveries(self->fd, 2));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_BACK();
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
}

/* The second lease is the younger one, and so would be the later to time out. */
TEST(renewal_without_timeout_cancels_the_lease_timeout)
{
	unsigned long long lease;
	int fd, nb;

	ASSERT_EQ(0, queue_begin(BBUF_RECORD, CAPACITY, BBUF_LEASE, &fd, &nb));
	ASSERT_TRUE(put_records(nb, 0, 2));
	ASSERT_EQ(0, queue_set_lease_timeout(fd, LATE_NS));
	lease = lease_take(nb, 0, LEN);
	ASSERT_NE(0, lease);
	ASSERT_NE(0, lease_take(nb, 1, LEN));
	ASSERT_EQ(0, queue_set_lease_timeout(fd, 0));
	ASSERT_EQ(1, settle(nb, lease, BBUF_RENEW));
	ASSERT_TRUE(eventually(queue_info(fd).expired == 1));
	ASSERT_EQ(1, queue_info(fd).leased_records);
	ASSERT_EQ(1, settle(nb, lease, BBUF_ACK));
	close(fd);
	close(nb);
	queue_destroy(QUEUE);
}

/* Dead letters that others use, too: a writer waits there for more room than there is. */

TEST(dead_letters_bypass_a_waiting_writer_only_once)
{
	int fd, dead;
	struct task writer;

	ASSERT_TRUE(make_queues(TO_ROOM));
	fd = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	dead = queue_open(DEAD, O_RDWR);
	ASSERT_EQ(WHOLE / 2, put(dead, 0, WHOLE / 2));
	writer = task_writer(dead, 7, WHOLE);
	ASSERT_BLOCKS(writer);
	ASSERT_TRUE(put_records(fd, 0, 3));
	ASSERT_TRUE(take_records(fd, 0, 3));
	ASSERT_EQ(1, settle(fd, 0, BBUF_REJECT));
	ASSERT_FAILS(EAGAIN, settle(fd, 0, BBUF_REJECT));
	/* A record that may not be delivered again goes back, too. */
	ASSERT_EQ(2, settle_all(fd, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(1, 2));
	ASSERT_TRUE(take(dead, 0, WHOLE / 2));
	ASSERT_UNDISTURBED(writer);
	ASSERT_TRUE(take_record(dead, 0, LEN));
	ASSERT_RETURNS(WHOLE, writer);
	close(fd);
	close(dead);
	queue_destroy(QUEUE);
	queue_destroy(DEAD);
}

/*
 * A read mark, and a reader that waits for it although there is something: of a stream, and of a
 * pool of tokens, of which some are held besides.
 */

#define POOL		50	/* the capacity */
#define MARK		10
#define FEW		4	/* are queued */
#define HELD		3	/* were read */

FIXTURE(mark) {
	int fd;
	int nb;
	struct task reader;
};

FIXTURE_VARIANT(mark) {
	unsigned int policy;
};

FIXTURE_VARIANT_ADD(mark, stream) {
};

FIXTURE_VARIANT_ADD(mark, token_pool) {
	.policy = BBUF_LEASE,
};

FIXTURE_SETUP(mark)
{
	char buf[HELD];

	QUEUE_BEGIN(BBUF_STREAM, POOL, variant->policy);
	ASSERT_EQ(HELD + FEW, put(self->nb, 0, HELD + FEW));
	ASSERT_EQ(HELD, read(self->nb, buf, HELD));
	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	self->reader = task_reader(self->fd, POOL);
	ASSERT_BLOCKS(self->reader);
}

QUEUE_TEARDOWN(mark)

/* The reader has all that there is. */
#define ASSERT_READ(n)							\
do {									\
	ASSERT_RETURNS(n, self->reader);				\
	ASSERT_DATA(self->reader, HELD, n);				\
} while (0)

#define ASSERT_WAITS()	ASSERT_UNDISTURBED(self->reader)

/* The part of the capacity that is left for new bytes. */
#define ROOM	(POOL - FEW - (variant->policy & BBUF_LEASE ? HELD : 0))

TEST_F(mark, is_waited_for)
{
	ASSERT_EQ(MARK - FEW - 1, put(self->nb, HELD + FEW, MARK - FEW - 1));
	ASSERT_WAITS();
	ASSERT_EQ(1, put(self->nb, HELD + MARK - 1, 1));
	ASSERT_READ(MARK);
}

TEST_F(mark, is_ignored_after_shutdown)
{
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_READ(FEW);
}

TEST_F(mark, is_ignored_when_a_writer_was_refused)
{
	ASSERT_FAILS(EAGAIN, put(self->nb, HELD + FEW, ROOM + 1));
	ASSERT_READ(FEW);
}

TEST_F(mark, is_ignored_while_a_writer_waits)
{
	struct task writer = task_writer(self->fd, HELD + FEW, ROOM + 1);

	ASSERT_STARTS(writer);
	ASSERT_READ(FEW);
	task_kill(&writer);
}

/* It counts again as soon as there was room. */
TEST_F(mark, applies_again_after_a_refused_write)
{
	ASSERT_FAILS(EAGAIN, put(self->nb, HELD + FEW, ROOM + 1));
	ASSERT_READ(FEW);
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_TRUE(eventually(queue_info(self->nb).bytes == 0));
	ASSERT_EQ(FEW, put(self->nb, 0, FEW));
	self->reader = task_reader(self->fd, POOL);
	ASSERT_BLOCKS(self->reader);
	ASSERT_EQ(0, queue_events(self->nb) & READABLE);
	task_kill(&self->reader);
}

TEST_F(mark, is_met_when_lowered_to_what_is_queued)
{
	ASSERT_EQ(0, queue_set_read_mark(self->fd, FEW + 1));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_set_read_mark(self->fd, FEW));
	ASSERT_READ(FEW);
}

/* The amount that is waited for is lower then, too. */
TEST_F(mark, is_met_by_less_after_it_was_lowered)
{
	ASSERT_EQ(0, queue_set_read_mark(self->fd, FEW + 2));
	ASSERT_EQ(1, put(self->nb, HELD + FEW, 1));
	ASSERT_EQ(FEW + 1, queued(self->nb));
	ASSERT_EQ(1, put(self->nb, HELD + FEW + 1, 1));
	ASSERT_READ(FEW + 2);
}

TEST_F(mark, is_lowered_with_the_capacity)
{
	const size_t least = POOL - ROOM;

	ASSERT_FAILS(EBUSY, queue_resize(self->fd, least - 1));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_resize(self->fd, least));
	if (least == FEW) {
		ASSERT_READ(FEW);
		return;
	}
	/*
	 * Held tokens count against the capacity, but not towards the mark: they must be returned
	 * first.
	 */
	ASSERT_EQ(HELD, put(self->nb, 0, HELD));
	ASSERT_RETURNS((long)least, self->reader);
}

TEST_F(mark, is_not_met_by_a_flush)
{
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_WAITS();
	ASSERT_EQ(MARK, put(self->nb, HELD, MARK));
	ASSERT_READ(MARK);
}

TEST_F(mark, is_ignored_after_destroy)
{
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, self->reader);
}

/* Room that is waited for changes with the capacity: a write that no longer fits goes in pieces. */

TEST(smaller_capacity_lowers_the_room_that_a_refused_write_needs)
{
	struct task writer;
	int fd, nb;

	ASSERT_EQ(0, queue_begin(BBUF_STREAM, CAPACITY, 0, &fd, &nb));
	ASSERT_EQ(40, put(nb, 0, 40));
	writer = task_writer(fd, 40, 90);
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, queue_resize(nb, 50));
	ASSERT_TRUE(eventually(queue_info(nb).in.waiters == 1));
	ASSERT_EQ(40, queued(nb));
	ASSERT_TRUE(take(nb, 0, 15));
	ASSERT_TRUE(eventually(queued(nb) == 50));
	ASSERT_TRUE(take(nb, 15, 50));
	ASSERT_TRUE(take(fd, 65, 65));
	ASSERT_RETURNS(90, writer);
	close(fd);
	close(nb);
	queue_destroy(QUEUE);
}

/* How a call that waits is counted, whatever becomes of it. */

FIXTURE(waiter) {
	int fd;
	int nb;
	struct task task;
};

FIXTURE_VARIANT(waiter) {
	enum bbuf_type type;
	unsigned int policy;
	bool writes;
};

FIXTURE_VARIANT_ADD(waiter, stream_reader) {
};

FIXTURE_VARIANT_ADD(waiter, record_reader) {
	.type = BBUF_RECORD,
};

FIXTURE_VARIANT_ADD(waiter, lease_reader) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE,
};

FIXTURE_VARIANT_ADD(waiter, stream_writer) {
	.writes = true,
};

FIXTURE_VARIANT_ADD(waiter, record_writer) {
	.type = BBUF_RECORD, .writes = true,
};

#define SLEEPER	FIXTURE_DATA(waiter) *self, const FIXTURE_VARIANT(waiter) *variant

FIXTURE_SETUP(waiter)
{
	QUEUE_BEGIN(variant->type, CAPACITY, variant->policy);
	self->task = task_reader(self->fd, LEN);
	if (variant->writes) {
		ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
		self->task = task_writer(self->fd, 0, LEN);
	}
}

QUEUE_TEARDOWN(waiter)

static bool is_counted(SLEEPER, unsigned int waiters, unsigned int blocked, unsigned int wakeups)
{
	struct bbuf_info info = queue_info(self->nb);
	const struct bbuf_side_info *side = variant->writes ? &info.in : &info.out;
	const struct bbuf_side_info *peer = variant->writes ? &info.out : &info.in;

	/* A waiter with a timeout may check more than once whether it is over. */
	return side->waiters == waiters && side->blocked >= blocked &&
	       side->wakeups == wakeups && !side->blocked_ns == (waiters == blocked) &&
	       !peer->waiters && !peer->blocked && !peer->blocked_ns && !peer->wakeups;
}

#define ASSERT_COUNTED(...)	ASSERT_TRUE(is_counted(self, variant, __VA_ARGS__))
#define ASSERT_SLEEPS()							\
do {									\
	ASSERT_BLOCKS(self->task);					\
	ASSERT_COUNTED(1, 1, 0);					\
} while (0)

static bool is_served(SLEEPER)
{
	return variant->writes ? take(self->nb, 0, CAPACITY) : put(self->nb, 0, LEN) == LEN;
}

TEST_F(waiter, is_counted_as_woken_when_served)
{
	ASSERT_SLEEPS();
	ASSERT_TRUE(is_served(self, variant));
	ASSERT_RETURNS(LEN, self->task);
	ASSERT_COUNTED(0, 1, 1);
}

TEST_F(waiter, is_not_counted_as_woken_by_its_timeout)
{
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = SOON_NS,
				       .write_timeout = SOON_NS));
	ASSERT_STARTS(self->task);
	ASSERT_RETURNS(-ETIMEDOUT, self->task);
	ASSERT_COUNTED(0, 1, 0);
}

TEST_F(waiter, is_not_counted_as_woken_by_a_signal)
{
	ASSERT_SLEEPS();
	ASSERT_TRUE(task_signal(&self->task));
	ASSERT_RETURNS(-EINTR, self->task);
	ASSERT_COUNTED(0, 1, 0);
}

TEST_F(waiter, is_not_counted_as_woken_when_killed)
{
	ASSERT_SLEEPS();
	task_kill(&self->task);
	ASSERT_COUNTED(0, 1, 0);
}

TEST_F(waiter, is_not_counted_as_woken_by_shutdown)
{
	ASSERT_SLEEPS();
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_RETURNS(variant->writes ? -EPIPE : 0, self->task);
	ASSERT_COUNTED(0, 1, 0);
}

TEST_F(waiter, is_not_counted_as_woken_by_destroy)
{
	ASSERT_SLEEPS();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, self->task);
	ASSERT_COUNTED(0, 1, 0);
}

BBUF_HARNESS_MAIN
