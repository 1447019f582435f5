/* SPDX-License-Identifier: GPL-2.0-only */
/* The fixture of most tests: an empty queue of the default capacity, opened twice. */
#ifndef BBUF_SELFTEST_FIXTURE_H
#define BBUF_SELFTEST_FIXTURE_H

#include <kselftest_harness.h>

#include "common.h"

/* Seconds that a test may take, and some deadlines within. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#define ASSERT_FAILS(error, call) do {					\
	errno = 0;							\
	ASSERT_EQ(-1, call);						\
	ASSERT_EQ(error, errno);					\
} while (0)

/* A task of common.h starts; sleeps in its call; sleeps on; or its call returns that. */
#define ASSERT_STARTS(task)		ASSERT_EQ(0, task_start(&(task)))
#define ASSERT_BLOCKS(task)		ASSERT_TRUE(task_blocks(&(task)))
#define ASSERT_UNDISTURBED(task)	ASSERT_TRUE(task_undisturbed(&(task)))
#define ASSERT_RETURNS(value, task)	ASSERT_EQ(value, task_wait(&(task)))
/* What a task has read is the pattern's from position on. */
#define ASSERT_DATA(task, position, n) \
	ASSERT_TRUE(pattern_matches((task).result->data, position, n))

/*
 * Tests that are the same for both sides of a queue: after its fixture a file says SIDES(), so that
 * each of its tests runs for readers and for writers. CLOSE_SIDE() leaves them nothing to read, or
 * no room; SERVE_SIDE() puts n bytes, or makes as much room; a CALLER() reads or writes n bytes.
 */
#define SIDES(subject)							\
FIXTURE_VARIANT(subject) {						\
	bool writes;							\
};									\
									\
FIXTURE_VARIANT_ADD(subject, readers) { .writes = false };		\
FIXTURE_VARIANT_ADD(subject, writers) { .writes = true }

#define CALLER(position, n)						\
	(variant->writes ? task_writer(self->fd, position, n) : task_reader(self->fd, n))

#define CLOSE_SIDE(capacity)						\
	ASSERT_TRUE(!variant->writes || fill(self->nb, capacity))

#define SERVE_SIDE(position, n)						\
	ASSERT_TRUE(variant->writes ? discard(self->nb, n)		\
				    : put(self->nb, position, n) == (ssize_t)(n))

#define BBUF_FIXTURE(subject)						\
FIXTURE(subject) {							\
	int fd;		/* blocking */					\
	int nb;		/* O_NONBLOCK */				\
};									\
									\
FIXTURE_SETUP(subject)							\
{									\
	ASSERT_EQ(0, device_open(DEFAULT_CAPACITY, &self->fd, &self->nb));\
}									\
									\
FIXTURE_TEARDOWN(subject)						\
{									\
	close(self->fd);						\
	close(self->nb);						\
}

/* For a test that needs another capacity. */
#define SET_CAPACITY(capacity) \
	ASSERT_EQ(0, device_reopen(capacity, &self->fd, &self->nb))

#define BBUF_HARNESS_MAIN						\
static void __attribute__((constructor)) require_module(void)		\
{									\
	module_require();							\
}									\
TEST_HARNESS_MAIN

#endif /* BBUF_SELFTEST_FIXTURE_H */
