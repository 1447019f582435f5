// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many queues as there can be. Takes minutes, and memory: not run with the other tests,
 * but by hand.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "named.h"

#define QUEUES		65536	/* with "default" */
#define KB_PER_QUEUE	10	/* of memory, roughly */
#define LOOKUPS		1000
#define MANY		8192
#define SECONDS		1500	/* on a machine that has other things to do */

FIXTURE(minors) {
	int made;
};

static struct bbuf_create numbered(int number)
{
	struct bbuf_create create = { .capacity = 1, .mode = 0600 };

	snprintf(create.name, sizeof(create.name), QUEUE "-%d", number);
	return create;
}

static int make(int number)
{
	struct bbuf_create create = numbered(number);

	return queue_create(&create);
}

static bool enough_memory(void)
{
	char available[64];

	return proc_field("/proc/meminfo", "MemAvailable:", available, sizeof(available)) &&
	       atol(available) > (long)QUEUES * KB_PER_QUEUE;
}

FIXTURE_SETUP(minors)
{
	if (!enough_memory())
		SKIP(return, "needs %d MB of memory", QUEUES / 1024 * KB_PER_QUEUE);
	while (!make(self->made))
		self->made++;
}

FIXTURE_TEARDOWN(minors)
{
	while (self->made--) {
		struct bbuf_create create = numbered(self->made);

		EXPECT_EQ(0, queue_destroy(create.name));
	}
}

/* A destroyed queue keeps its minor number as long as any process has it open. */
TEST_F_TIMEOUT(minors, run_out_and_are_reused, SECONDS)
{
	struct bbuf_create last;
	int fd;

	if (!self->made)
		SKIP(return, "needs memory");
	ASSERT_EQ(QUEUES - 1, self->made);
	ASSERT_EQ(-ENOSPC, make(QUEUES));
	last = numbered(--self->made);
	fd = queue_open(last.name, O_RDWR);
	ASSERT_EQ(0, queue_destroy(last.name));
	ASSERT_EQ(-ENOSPC, make(self->made));
	close(fd);
	ASSERT_EQ(0, make(self->made));
	self->made++;
	ASSERT_EQ(-ENOSPC, make(QUEUES));
}

/* How long it takes to find that a name is taken, or not there, some times. */
static long time_lookups(void)
{
	const struct bbuf_create first = numbered(0);
	long start = now_ms();
	int i;

	for (i = 0; i < LOOKUPS; i++)
		if (queue_create(&first) != -EEXIST || queue_destroy("nobody") != -ENOENT)
			return -1;
	return now_ms() - start;
}

static int make_many(void)
{
	int made = 0;

	while (made < MANY && !make(made))
		made++;
	return made;
}

/* It took as long as there were queues when each of them was looked at. */
TEST(lookup_time_does_not_grow_with_the_number_of_queues)
{
	int made = make_many();
	long many = time_lookups(), few;

	while (made > 1)
		EXPECT_EQ(0, queue_destroy(numbered(--made).name));
	few = time_lookups();
	EXPECT_EQ(0, queue_destroy(numbered(0).name));
	TH_LOG("%d lookups among %d queues: %ld ms, among 2: %ld ms", 2 * LOOKUPS, MANY, many,
	       few);
	ASSERT_LT(0, few);
	ASSERT_GT(5 * few, many);
}

BBUF_HARNESS_MAIN
