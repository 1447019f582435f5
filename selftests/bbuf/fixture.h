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
