// SPDX-License-Identifier: GPL-2.0-only
/* The promises of write(). */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY
#define LARGE		(3 * CAPACITY + 17)	/* a write that cannot fit in one piece */

BBUF_FIXTURE(write)

TEST_F(write, returns_0_and_queues_nothing_if_the_length_is_0)
{
	ASSERT_EQ(0, write(self->fd, "", 0));
	ASSERT_EQ(0, queued(self->fd));
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_EQ(0, write(self->fd, "", 0));
	ASSERT_EQ(0, write(self->nb, "", 0));
	ASSERT_EQ(CAPACITY, queued(self->fd));
}

TEST_F(write, does_not_block_before_the_last_byte_of_the_capacity)
{
	int room;

	for (room = CAPACITY; room > 1; room -= (room + 1) / 2)
		ASSERT_TRUE(fill(self->nb, (room + 1) / 2));
	ASSERT_EQ(CAPACITY - 1, queued(self->nb));
	ASSERT_TRUE(fill(self->nb, 1));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
}

TEST_F(write, sleeps_while_full_and_is_woken_by_a_read)
{
	struct task writer = task_writer(self->fd, 0, 1);

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_BLOCKS(writer);
	ASSERT_UNDISTURBED(writer);
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_RETURNS(1, writer);
	ASSERT_EQ(CAPACITY, queued(self->fd));
}

TEST_F(write, waits_until_all_of_it_fits_up_to_the_capacity)
{
	struct task writer = task_writer(self->fd, 0, 101);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 100));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(CAPACITY - 100, queued(self->fd));
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_RETURNS(101, writer);
	ASSERT_EQ(CAPACITY, queued(self->fd));
	ASSERT_TRUE(discard(self->nb, CAPACITY - 101));
	ASSERT_TRUE(take(self->nb, 0, 101));
}

TEST_F(write, waits_until_the_queue_is_empty_if_as_long_as_the_capacity)
{
	struct task writer = task_writer(self->fd, 0, CAPACITY);

	ASSERT_TRUE(fill(self->fd, 1));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(1, queued(self->fd));
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_RETURNS(CAPACITY, writer);
	ASSERT_TRUE(take(self->nb, 0, CAPACITY));
}

#define WRITERS		6
#define MESSAGES	40
#define MESSAGE		3000

static long write_messages(struct task *t)
{
	int i;

	memset(t->result->data, t->position, t->len);
	for (i = 0; i < MESSAGES; i++)
		if (write(t->fd, t->result->data, t->len) != (ssize_t)t->len)
			return -1;
	return MESSAGES;
}

TEST_F(write, is_atomic_up_to_the_capacity)
{
	struct task writer[WRITERS];
	char message[MESSAGE];
	int i, j;

	SET_CAPACITY(MESSAGE * 2 + 1);
	for (i = 0; i < WRITERS; i++) {
		writer[i] = task_writer(self->fd, 'a' + i, MESSAGE);
		writer[i].fn = write_messages;
		ASSERT_STARTS(writer[i]);
	}
	for (i = 0; i < WRITERS * MESSAGES; i++) {
		for (j = 0; j < MESSAGE; )
			j += read(self->fd, message + j, MESSAGE - j);
		for (j = 1; j < MESSAGE; j++)
			ASSERT_EQ(message[0], message[j]);
	}
	for (i = 0; i < WRITERS; i++)
		ASSERT_RETURNS(MESSAGES, writer[i]);
}

TEST_F(write, is_queued_in_pieces_in_order_above_the_capacity)
{
	struct task writer = task_writer(self->fd, 0, LARGE);

	ASSERT_BLOCKS(writer);
	ASSERT_EQ(CAPACITY, queued(self->fd));
	ASSERT_TRUE(take(self->fd, 0, LARGE));
	ASSERT_RETURNS(LARGE, writer);
	ASSERT_EQ(0, queued(self->fd));
}

TEST_F(write, excludes_other_writers_above_the_capacity)
{
	struct task large = task_writer(self->fd, 0, LARGE);
	struct task small = task_writer(self->fd, LARGE, 100);
	size_t taken, step = 1000;

	ASSERT_BLOCKS(large);
	ASSERT_BLOCKS(small);
	for (taken = 0; taken + step < LARGE - CAPACITY; taken += step) {
		ASSERT_TRUE(take(self->fd, taken, step));
		ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
		ASSERT_FALSE(task_done(&small));
	}
	ASSERT_TRUE(take(self->fd, taken, LARGE - taken));
	ASSERT_RETURNS(LARGE, large);
	ASSERT_RETURNS(100, small);
	ASSERT_TRUE(take(self->nb, LARGE, 100));
}

TEST_F(write, nonblocking_up_to_4096_is_all_or_nothing)
{
	ASSERT_TRUE(fill(self->nb, CAPACITY - ATOMIC_MAX + 1));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, ATOMIC_MAX));
	ASSERT_EQ(CAPACITY - ATOMIC_MAX + 1, queued(self->nb));
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_EQ(ATOMIC_MAX, put(self->nb, 0, ATOMIC_MAX));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
}

TEST_F(write, nonblocking_above_4096_is_partial)
{
	ASSERT_TRUE(fill(self->nb, CAPACITY - 100));
	ASSERT_EQ(100, put(self->nb, 0, ATOMIC_MAX + 1));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, ATOMIC_MAX + 1));
	ASSERT_TRUE(discard(self->nb, CAPACITY - 100));
	ASSERT_TRUE(take(self->nb, 0, 100));
	ASSERT_EQ(CAPACITY, put(self->nb, 0, LARGE));
	ASSERT_TRUE(take(self->nb, 0, CAPACITY));
}

TEST_F(write, nonblocking_above_4096_queues_one_byte_if_only_one_fits)
{
	ASSERT_TRUE(fill(self->nb, CAPACITY - 1));
	ASSERT_EQ(1, put(self->nb, 0, ATOMIC_MAX + 1));
	ASSERT_EQ(CAPACITY, queued(self->nb));
}

TEST_F(write, nonblocking_above_a_small_capacity_is_partial)
{
	SET_CAPACITY(100);
	ASSERT_EQ(100, put(self->nb, 0, 101));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 101));
	ASSERT_TRUE(take(self->nb, 0, 100));
}

/* The address of readable memory of the kernel, or NULL. */
static void *kernel_memory(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char name[256];
	void *address, *found = NULL;

	while (symbols && !found && fscanf(symbols, "%p %*c %255s%*[^\n]", &address, name) == 2)
		if (!strcmp(name, "linux_banner"))
			found = address;
	if (symbols)
		fclose(symbols);
	return found;
}

TEST_F(write, fails_with_EFAULT_and_queues_nothing_from_memory_of_the_kernel)
{
	char *kernel = kernel_memory();

	if (!kernel)
		SKIP(return, "needs the addresses in /proc/kallsyms");
	ASSERT_FAILS(EFAULT, write(self->fd, kernel, 10));
	ASSERT_FAILS(EFAULT, write(self->nb, kernel, 10));
	ASSERT_FAILS(EFAULT, writev(self->fd, &(struct iovec){ kernel, 10 }, 1));
	ASSERT_EQ(0, queued(self->fd));
}

TEST_F(write, fails_with_EFAULT_and_queues_nothing_from_a_bad_address)
{
	void *closed = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bad[] = { closed, NULL, (void *)-4096L };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_FAILS(EFAULT, write(self->fd, bad[i], 10));
		ASSERT_FAILS(EFAULT, write(self->nb, bad[i], 10));
		ASSERT_FAILS(EFAULT, write(self->fd, bad[i], LARGE));
	}
	ASSERT_EQ(0, queued(self->fd));
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_TRUE(take(self->nb, 0, 10));
}

/* Lengths around what a copy may be cut into. */
static const size_t cuts[] = { 1, 2, 100, 4095, 4096, 4097, 10000, 40000 };

TEST_F(write, fault_half_way_returns_exactly_what_was_queued)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		unsigned char *buf = cliff(cuts[i], 0);
		int fd = i % 2 ? self->fd : self->nb;
		ssize_t n;

		ASSERT_NE(NULL, buf);
		n = write(fd, buf, cuts[i] + 1);
		ASSERT_EQ(n < 0 ? 0 : n, queued(self->fd));
		ASSERT_LE(n, (ssize_t)cuts[i]);
		if (n < 0)
			continue;
		ASSERT_LT(0, n);
		ASSERT_TRUE(take(self->nb, 0, n));
	}
}

TEST_F(write, fault_half_way_keeps_data_intact_across_the_end_of_the_ring)
{
	size_t start;

	for (start = CAPACITY - 5000; start < CAPACITY + 5000; start += 999) {
		unsigned char *buf = cliff(5000, start);
		ssize_t n;

		SET_CAPACITY(CAPACITY);
		ASSERT_NE(NULL, buf);
		ASSERT_TRUE(fill(self->nb, start % CAPACITY));
		ASSERT_TRUE(discard(self->nb, start % CAPACITY));
		n = write(self->fd, buf, 10000);
		ASSERT_LT(0, n);
		ASSERT_GE(5000, n);
		ASSERT_EQ(n, queued(self->fd));
		ASSERT_TRUE(take(self->nb, start, n));
	}
}

static long write_over_a_cliff(struct task *t)
{
	size_t valid = LARGE - 5000;
	unsigned char *buf = cliff(valid, 0);

	return write(t->fd, buf, LARGE);
}

TEST_F(write, admits_the_next_writer_after_a_fault_above_the_capacity)
{
	struct task large = task_writer(self->fd, 0, LARGE);
	struct task next = task_writer(self->fd, 7, 100);
	long n;

	large.fn = write_over_a_cliff;
	ASSERT_BLOCKS(large);
	ASSERT_BLOCKS(next);
	ASSERT_TRUE(take(self->fd, 0, LARGE - CAPACITY));
	n = task_wait(&large);
	ASSERT_LE(LARGE - CAPACITY, n);
	ASSERT_GE(LARGE - 5000, n);
	ASSERT_RETURNS(100, next);
	ASSERT_TRUE(take(self->nb, LARGE - CAPACITY, n - (LARGE - CAPACITY)));
	ASSERT_TRUE(take(self->nb, 7, 100));
	ASSERT_EQ(0, queued(self->fd));
}

TEST_F(write, succeeds_from_untouched_memory)
{
	unsigned char zeros[CAPACITY] = { 0 }, seen[CAPACITY];
	void *fresh = mmap(NULL, 2 * CAPACITY, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, fresh);
	ASSERT_EQ(CAPACITY, write(self->nb, fresh, CAPACITY));
	ASSERT_EQ(CAPACITY, read(self->nb, seen, CAPACITY));
	ASSERT_EQ(0, memcmp(zeros, seen, CAPACITY));
	ASSERT_EQ(CAPACITY, write(self->fd, fresh + CAPACITY, CAPACITY));
	ASSERT_EQ(CAPACITY, read(self->fd, seen, CAPACITY));
	ASSERT_EQ(0, memcmp(zeros, seen, CAPACITY));
}

TEST_F(write, succeeds_from_a_file_page_that_is_not_in_memory)
{
	char path[] = "/tmp/bbuf.XXXXXX";
	int file = mkstemp(path);
	void *map;

	ASSERT_LE(0, file);
	unlink(path);
	ASSERT_EQ(CAPACITY, put(file, 3, CAPACITY));
	map = mmap(NULL, CAPACITY, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(CAPACITY, write(self->nb, map, CAPACITY));
	ASSERT_TRUE(take(self->nb, 3, CAPACITY));
	close(file);
}

TEST_F(write, interrupted_before_any_progress_fails_with_EINTR)
{
	struct task writer = task_writer(self->fd, 0, 2);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 1));
	ASSERT_BLOCKS(writer);
	ASSERT_TRUE(task_signal(&writer));
	ASSERT_RETURNS(-EINTR, writer);
	ASSERT_EQ(CAPACITY - 1, queued(self->fd));
	ASSERT_TRUE(fill(self->nb, 1));
}

TEST_F(write, interrupted_before_any_progress_restarts_under_SA_RESTART)
{
	struct task writer = task_writer(self->fd, 0, 2);

	writer.restart = true;
	ASSERT_TRUE(fill(self->fd, CAPACITY - 1));
	ASSERT_BLOCKS(writer);
	ASSERT_TRUE(task_signal(&writer));
	ASSERT_TRUE(task_sleeps(&writer));
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_RETURNS(2, writer);
}

TEST_F(write, interrupted_half_way_returns_a_partial_count)
{
	bool restart[] = { false, true };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(restart); i++) {
		struct task writer = task_writer(self->fd, 0, LARGE);

		writer.restart = restart[i];
		ASSERT_BLOCKS(writer);
		ASSERT_TRUE(take(self->nb, 0, CAPACITY));
		ASSERT_TRUE(eventually(queued(self->fd) == CAPACITY));
		ASSERT_TRUE(task_sleeps(&writer));
		ASSERT_TRUE(task_signal(&writer));
		ASSERT_RETURNS(2 * CAPACITY, writer);
		ASSERT_EQ(CAPACITY, queued(self->fd));
		ASSERT_TRUE(take(self->nb, CAPACITY, CAPACITY));
	}
}

BBUF_HARNESS_MAIN
