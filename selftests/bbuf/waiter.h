/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiters for one side of a queue. Each waits in its own way, and all for the same event: a test is
 * written once, and run with each of them.
 */
#ifndef BBUF_SELFTEST_WAITER_H
#define BBUF_SELFTEST_WAITER_H

#include "late.h"
#include "leased.h"
#include "ring.h"

enum way {
	CALL,		/* a thread sleeps in read() or write() */
	POLL,		/* a thread sleeps in poll() */
	LEVEL,		/* epoll, level-triggered */
	EDGE,		/* the same, edge-triggered */
	EXCLUSIVE,	/* threads sleep, each in an epoll of its own, with EPOLLEXCLUSIVE */
	SIGNAL,		/* SIGIO, with F_SETSIG */
	URING_POLL,	/* io_uring polls */
	URING_CALL,	/* io_uring reads or writes */
};

#define WAITER_THREADS	2	/* that poll exclusively */

struct waiter {
	enum way way;
	int fd;			/* blocking, and open for one side only */
	bool writes;
	size_t len;		/* of its read, or its write */
	short events;		/* that it polls for */

	struct task thread[WAITER_THREADS];
	int epoll;
	struct ring ring;
	void *buf;
};

struct waiter waiter_init(enum way way, bool writes);
/* Does it read or write, and so need what others only look for? */
bool waiter_calls(const struct waiter *w);
/* Is it notified of each new event, even if it was ready before? */
bool waiter_wants_edges(const struct waiter *w);
/* Can it wait at all in this kernel? To be asked once. */
bool waiter_possible(struct waiter *w);
/* Begin to wait, or find the event already there; but a signal is sent for new events only. */
bool waiter_begin(struct waiter *w);
/* True if it has begun to wait, and does. */
bool waiter_start(struct waiter *w);
/* True if it still waits: it was not notified. */
bool waiter_waits_on(struct waiter *w);
/*
 * Wait for the notification and return its contents: of a call its value, otherwise the events of
 * poll. If these include EOF, all of its threads must be notified. -ETIME if it is not notified.
 */
long waiter_result(struct waiter *w, short events);
/* The expected result, if a call returns value, and poll reports events of its file. */
long waiter_expects(const struct waiter *w, long value, short events);

/* A new QUEUE: all that is not named is as most tests want it. */
int waiter_queue(struct bbuf_create create);

/*
 * Tests of waiters on one side of QUEUE. They begin with BEGIN(), with fields of struct bbuf_create
 * by name.
 */
#define CAPACITY	(10 * LEN)
#define MARK		(CAPACITY - LEN + 1)	/* the highest for reading beside LEN for writing */

#define WAITER_FIXTURE(subject, is_writer)				\
FIXTURE(subject) {							\
	int fd;		/* blocking */					\
	int nb;		/* O_NONBLOCK */				\
	int framed;	/* likewise, with frames if there are records */\
	struct waiter waiter;						\
	struct task other;	/* another task, if needed */		\
	struct late late;						\
	struct call call;						\
};									\
									\
FIXTURE_VARIANT(subject) {						\
	enum way way;							\
};									\
									\
FIXTURE_VARIANT_ADD(subject, blocking_call) { .way = CALL };		\
FIXTURE_VARIANT_ADD(subject, poll) { .way = POLL };			\
FIXTURE_VARIANT_ADD(subject, epoll) { .way = LEVEL };		\
FIXTURE_VARIANT_ADD(subject, epoll_edge) { .way = EDGE };	\
FIXTURE_VARIANT_ADD(subject, epoll_exclusive) { .way = EXCLUSIVE };\
FIXTURE_VARIANT_ADD(subject, sigio) { .way = SIGNAL };		\
FIXTURE_VARIANT_ADD(subject, io_uring_poll) { .way = URING_POLL };\
FIXTURE_VARIANT_ADD(subject, io_uring_call) { .way = URING_CALL };\
									\
FIXTURE_SETUP(subject)							\
{									\
	self->waiter = waiter_init(variant->way, is_writer);		\
}									\
									\
FIXTURE_TEARDOWN(subject)						\
{									\
	close(self->fd);						\
	close(self->nb);						\
	close(self->framed);						\
	close(self->waiter.fd);						\
	queue_destroy(QUEUE);						\
}

#define BEGIN(...)							\
do {									\
	if (!waiter_possible(&self->waiter))				\
		SKIP(return, "no io_uring");				\
	ASSERT_EQ(0, waiter_queue((struct bbuf_create){ __VA_ARGS__ }));\
	self->fd = queue_open(QUEUE, O_RDWR);				\
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);		\
	self->framed = queue_open(QUEUE, O_RDWR | O_NONBLOCK);		\
	self->waiter.fd = queue_open(QUEUE, self->waiter.writes ? O_WRONLY : O_RDONLY);\
	ASSERT_LE(0, self->waiter.fd);					\
	queue_set_options(self->framed, .flags = BBUF_FRAMED);		\
	ASSERT_EQ(0, queue_set_write_mark(self->fd, LEN));		\
} while (0)

/* No process has it open for writing any more. */
#define CLOSE_WRITERS()							\
do {									\
	close(self->fd);						\
	close(self->framed);						\
	close(self->nb);						\
	self->fd = self->framed = self->nb = -1;			\
} while (0)

/* Conditions that do not apply to all ways to wait. */
#define ONLY_CALLS()		do { if (!waiter_calls(&self->waiter)) return; } while (0)
#define ONLY_POLLERS()		do { if (waiter_calls(&self->waiter)) return; } while (0)
#define ONLY_EDGES()		do { if (!waiter_wants_edges(&self->waiter)) return; } while (0)
/* io_uring reports POLLRDHUP whether it was requested or not. */
#define NOT_IN_URING_POLL()	do { if (variant->way == URING_POLL) return; } while (0)
/* A read by io_uring is tried at once without waiting, and takes less than the mark. */
#define NOT_IN_URING_CALL()	do { if (variant->way == URING_CALL) return; } while (0)
/* A time may be over before it begins. */
#define ASSERT_BEGINS()							\
do {									\
	if (variant->way == SIGNAL)					\
		return;							\
	ASSERT_TRUE(waiter_begin(&self->waiter));			\
} while (0)

#define ASSERT_WAITS()		ASSERT_TRUE(waiter_start(&self->waiter))
#define ASSERT_WAITS_ON()	ASSERT_TRUE(waiter_waits_on(&self->waiter))

/* It is notified: value is what a call returns, events is what poll reports then. */
#define ASSERT_NOTIFIED(value, events)					\
do {									\
	ASSERT_EQ(waiter_expects(&self->waiter, value, events),		\
		  waiter_result(&self->waiter, events));		\
	if (!waiter_calls(&self->waiter)) {				\
		ASSERT_EQ(events, queue_events(self->waiter.fd));	\
	}								\
} while (0)

/* Memory for a call that is to stall: a page that is late. */
#define BEGIN_LATE()							\
do {									\
	ASSERT_EQ(0, late_map(&self->late, LEN));			\
	REQUIRE_USERFAULTFD(&self->late);				\
	self->call = (struct call){ .late = &self->late, .fd = self->fd };\
} while (0)

#endif /* BBUF_SELFTEST_WAITER_H */
