// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events between two steps of a call that has dropped its lock: while a page of its memory is
 * missing, while it copies a long record, or while it allocates memory for the copy.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "late.h"
#include "leased.h"

#define CAPACITY	10000
#define LENGTH		5000	/* of a stalled call: the first page is there, the last is not */
#define TIMEOUT_MS	600

/* Two calls, one after the other: the first is over when the second begins its copy. */
FIXTURE(between) {
	int fd;			/* blocking, with a timeout */
	int other;		/* blocking, without */
	int nb;			/* O_NONBLOCK */
	struct late late[2];
};

FIXTURE_SETUP(between)
{
	int i;

	QUEUE_BEGIN(BBUF_STREAM, CAPACITY, 0);
	ASSERT_OPENS(self->other, O_RDWR);
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = TIMEOUT_MS * NS_PER_MS,
				       .write_timeout = TIMEOUT_MS * NS_PER_MS));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, late_map(&self->late[i], LENGTH));
}

FIXTURE_TEARDOWN(between)
{
	int i;

	for (i = 0; i < 2; i++)
		late_unmap(&self->late[i]);
	close(self->fd);
	close(self->other);
	close(self->nb);
	queue_destroy(QUEUE);
}

TEST_F(between, timed_out_writer_does_not_disturb_the_copy_of_the_next)
{
	struct call ended = { .late = &self->late[0], .fd = self->fd, .writes = true };
	struct call next = { .late = &self->late[1], .fd = self->other, .writes = true };

	REQUIRE_USERFAULTFD(&self->late[0]);
	ASSERT_STALLS(ended);
	ASSERT_STALLS(next);
	ASSERT_EQ(-ETIMEDOUT, FINISH(ended));
	ASSERT_FAILS(EAGAIN, queue_resize(self->nb, 2 * CAPACITY));
	ASSERT_EQ(LENGTH, FINISH(next));
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
	ASSERT_EQ(0, queue_resize(self->nb, 2 * CAPACITY));
}

TEST_F(between, timed_out_reader_does_not_disturb_the_copy_of_the_next)
{
	struct call ended = { .late = &self->late[0], .fd = self->fd };
	struct call next = { .late = &self->late[1], .fd = self->other };

	REQUIRE_USERFAULTFD(&self->late[0]);
	ASSERT_EQ(LENGTH, put(self->nb, 7, LENGTH));
	ASSERT_STALLS(ended);
	ASSERT_STALLS(next);
	ASSERT_EQ(-ETIMEDOUT, FINISH(ended));
	ASSERT_FAILS(EAGAIN, queue_flush(self->nb));
	ASSERT_FAILS(EAGAIN, queue_resize(self->nb, 2 * CAPACITY));
	ASSERT_EQ(LENGTH, FINISH(next));
	ASSERT_TRUE(pattern_matches(self->late[1].buf, 7, LENGTH));
	ASSERT_EQ(0, queued(self->nb));
}

/*
 * Long copies during changes of the capacity and flushes without a pause: each record must have the
 * contents that were written, and so must a stream that is not flushed.
 */
#define RECORD		200000	/* bytes, in several batches */
#define SMALL		(3 * RECORD)
#define LARGE		(4 * RECORD)
#define ROUNDS		100
#define MOST_FLUSHED	100000	/* records that were not read in between */
#define MANY_SECONDS	400

FIXTURE(changes) {
	int fd;
	unsigned char *buf;
	struct task writer;
	struct task changer;
};

FIXTURE_VARIANT(changes) {
	enum bbuf_type type;
	unsigned int policy;
	bool flushes;
	bool splices;
};

FIXTURE_VARIANT_ADD(changes, during_record_reads) {
	.type = BBUF_RECORD, .flushes = true,
};

FIXTURE_VARIANT_ADD(changes, during_leased_reads) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE, .flushes = true,
};

FIXTURE_VARIANT_ADD(changes, during_stream_reads) {
	.type = BBUF_STREAM,
};

FIXTURE_VARIANT_ADD(changes, during_splice) {
	.type = BBUF_STREAM, .splices = true,
};

static long write_for_ever(struct task *t)
{
	size_t position = 0;

	for (;;) {
		if (put(t->fd, position, RECORD) != RECORD)
			return -1;
		position += RECORD;
	}
}

/* How often it has changed the queue so far is in the result's data. */
static long change_for_ever(struct task *t)
{
	int *changes = (int *)t->result->data, i;

	for (i = 0;; i++) {
		if (queue_resize(t->fd, i % 2 ? SMALL : LARGE) && errno != EBUSY)
			return -1;
		if (t->arg[0] && i % 4 == 0 && queue_flush(t->fd))
			return -1;
		store(*changes, i);
	}
}

FIXTURE_SETUP(changes)
{
	ASSERT_EQ(0, queue_make(variant->type, SMALL, variant->policy));
	ASSERT_OPENS(self->fd, O_RDWR);
	self->buf = malloc(RECORD);
	ASSERT_TRUE(self->buf);
	self->writer = (struct task){ .fn = write_for_ever, .fd = self->fd };
	self->changer = (struct task){
		.fn = change_for_ever, .fd = self->fd, .len = sizeof(int),
		.arg = { variant->flushes },
	};
	ASSERT_STARTS(self->writer);
	ASSERT_STARTS(self->changer);
}

FIXTURE_TEARDOWN(changes)
{
	task_kill(&self->changer);
	task_kill(&self->writer);
	free(self->buf);
	close(self->fd);
	queue_destroy(QUEUE);
}

/* The same through a pipe, which takes its memory as the copy goes on. */
static ssize_t spliced(int fd, unsigned char *buf, size_t n)
{
	int ends[2];
	ssize_t moved, got = -1;

	if (pipe(ends))
		return -1;
	moved = splice(fd, NULL, ends[1], NULL, n, 0);
	if (moved >= 0)
		got = read_exactly(ends[0], buf, moved) ? moved : -1;
	close(ends[0]);
	close(ends[1]);
	return got;
}

/* Where the record begins that was written at @position, or later: those between were flushed. */
static size_t next_record(const unsigned char *buf, size_t position)
{
	size_t end = position + MOST_FLUSHED * (size_t)RECORD;

	while (position < end && !pattern_matches(buf, position, RECORD))
		position += RECORD;
	return position;
}

TEST_F_TIMEOUT(changes, do_not_corrupt_a_copy, MANY_SECONDS)
{
	const int *changes = (int *)self->changer.result->data;
	size_t position = 0;
	ssize_t n;
	int i;

	for (i = 0; i < ROUNDS || load(*changes) < ROUNDS; i++) {
		n = variant->splices ? spliced(self->fd, self->buf, RECORD) :
				       read(self->fd, self->buf, RECORD);
		ASSERT_LT(0, n);
		ASSERT_FALSE(task_done(&self->changer));
		if (variant->flushes)
			position = next_record(self->buf, position);
		ASSERT_TRUE(pattern_matches(self->buf, position, n));
		position += n;
		if (variant->policy & BBUF_LEASE)
			ASSERT_EQ(1, settle(self->fd, 0, BBUF_ACK));
	}
}

BBUF_HARNESS_MAIN
