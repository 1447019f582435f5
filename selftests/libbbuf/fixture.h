/* SPDX-License-Identifier: GPL-2.0-only */
/* How the tests of libbbuf say what they expect, and the fixture of most of them. */
#ifndef LIBBBUF_SELFTEST_FIXTURE_H
#define LIBBBUF_SELFTEST_FIXTURE_H

#include <kselftest_harness.h>

#include "queue.h"

/* Seconds that a test may take, and some deadlines within. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#define STRING_SIZE	64	/* more than any string that the tests queue */

#define ASSERT_FAILS(error, call) do {					\
	errno = 0;							\
	ASSERT_EQ(-1, call);						\
	ASSERT_EQ(error, errno);					\
} while (0)

#define ASSERT_NO_HANDLE(error, call) do {				\
	errno = 0;							\
	ASSERT_EQ(NULL, call);						\
	ASSERT_EQ(error, errno);					\
} while (0)

/* For tests that have something to put in order before they end. */
#define EXPECT_NO_HANDLE(error, call) do {				\
	errno = 0;							\
	EXPECT_EQ(NULL, call);						\
	EXPECT_EQ(error, errno);					\
} while (0)

#define ASSERT_GETS(queue, string) do {					\
	char __got[STRING_SIZE];					\
									\
	ASSERT_EQ((ssize_t)strlen(string),				\
		  bbuf_get(queue, __got, sizeof(__got), &at_once));	\
	ASSERT_EQ(0, memcmp(string, __got, strlen(string)));		\
} while (0)

#define ASSERT_PUTS(queue, string)					\
	ASSERT_EQ((ssize_t)strlen(string),				\
		  bbuf_put(queue, string, strlen(string), &at_once))

/* A call of queue.h starts, and waits for data, or for room; or it ends, and returns that. */
#define ASSERT_WAITS_FOR_DATA(call) do {				\
	ASSERT_TRUE(call_start(&(call)));				\
	ASSERT_TRUE(queue_readers_wait(self->queue, 1));		\
} while (0)

#define ASSERT_WAITS_FOR_ROOM(call) do {				\
	ASSERT_TRUE(call_start(&(call)));				\
	ASSERT_TRUE(queue_writers_wait(self->queue, 1));		\
} while (0)

#define ASSERT_ENDS(value, call) do {					\
	ASSERT_TRUE(call_ends(&(call)));				\
	ASSERT_EQ(value, (call).ret);					\
} while (0)

/* Steps of fixtures: a queue and a handle of it; one more handle; the end of both. */
#define MAKE_QUEUE(what, make) do {					\
	queue_name(self->name, what);					\
	self->queue = make;						\
	ASSERT_NE(NULL, self->queue);					\
} while (0)

#define OPEN_HANDLE(handle, flags) do {					\
	handle = bbuf_open(self->name, flags);				\
	ASSERT_NE(NULL, handle);					\
} while (0)

#define END_QUEUE() do {						\
	bbuf_close(self->queue);					\
	bbuf_destroy(self->name);	/* a test may have done so */	\
	EXPECT_TRUE(nothing_leaked());					\
} while (0)

/* The fixture of most tests: a queue, and a handle for both directions. */
#define QUEUE_FIXTURE(subject, type)					\
FIXTURE(subject) {							\
	char name[BBUF_NAME_SIZE];					\
	struct bbuf *queue;						\
};									\
									\
FIXTURE_SETUP(subject)							\
{									\
	MAKE_QUEUE(#subject, queue_make(self->name, type));		\
}									\
									\
FIXTURE_TEARDOWN(subject)						\
{									\
	END_QUEUE();							\
}

#endif /* LIBBBUF_SELFTEST_FIXTURE_H */
