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

/* The fixture of most tests: a queue, and a handle for both directions. */
#define QUEUE_FIXTURE(subject, type)					\
FIXTURE(subject) {							\
	char name[BBUF_NAME_SIZE];					\
	struct bbuf *queue;						\
};									\
									\
FIXTURE_SETUP(subject)							\
{									\
	queue_name(self->name, #subject);				\
	self->queue = queue_make(self->name, type);			\
	ASSERT_NE(NULL, self->queue);					\
}									\
									\
FIXTURE_TEARDOWN(subject)						\
{									\
	bbuf_close(self->queue);					\
	bbuf_destroy(self->name);	/* a test may have done so */	\
	EXPECT_TRUE(nothing_leaked());					\
}

#endif /* LIBBBUF_SELFTEST_FIXTURE_H */
