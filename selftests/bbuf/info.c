// SPDX-License-Identifier: GPL-2.0-only
/* Information about a queue: by ioctl, in sysfs, in /proc/PID/fdinfo. */
#include <limits.h>
#include <stdio.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000
#define NAP_MS		20

NAMED_FIXTURE(info, BBUF_STREAM, CAPACITY, 0)

/* Counters */

TEST_F(info, is_zero_for_a_new_queue)
{
	struct bbuf_info info = queue_info(self->fd);
	struct bbuf_side_info none = { .files = 2 };

	ASSERT_STREQ(QUEUE, info.name);
	ASSERT_EQ(BBUF_STREAM, info.type);
	ASSERT_EQ(0, info.policy);
	ASSERT_EQ(0, info.state);
	ASSERT_EQ(CAPACITY, info.capacity);
	ASSERT_EQ(0, info.bytes);
	ASSERT_EQ(0, info.records);
	ASSERT_EQ(0, info.peak);
	ASSERT_EQ(0, memcmp(&none, &info.in, sizeof(none)));
	ASSERT_EQ(0, memcmp(&none, &info.out, sizeof(none)));
}

TEST_F(info, counts_bytes)
{
	struct bbuf_info info;

	ASSERT_EQ(700, put(self->fd, 0, 700));
	ASSERT_TRUE(take(self->fd, 0, 600));
	ASSERT_EQ(50, put(self->fd, 0, 50));
	info = queue_info(self->fd);
	ASSERT_EQ(750, info.in.bytes);
	ASSERT_EQ(600, info.out.bytes);
	ASSERT_EQ(150, info.bytes);
	ASSERT_EQ(700, info.peak);
	ASSERT_EQ(0, info.in.records + info.out.records + info.records);
}

TEST_F(info, counts_records)
{
	struct bbuf_info info;
	int i;

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(7, put(self->fd, 0, 7));
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(take_record(self->fd, 0, 7));
	info = queue_info(self->fd);
	ASSERT_EQ(10, info.in.records);
	ASSERT_EQ(4, info.out.records);
	ASSERT_EQ(6, info.records);
	ASSERT_EQ(42, info.bytes);
	ASSERT_EQ(70, info.peak);
}

TEST_F(info, does_not_count_failed_calls)
{
	struct bbuf_info info;
	char byte;

	ASSERT_FAILS(EAGAIN, read(self->nb, &byte, 1));
	ASSERT_TRUE(fill(self->nb, CAPACITY));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_FAILS(EFAULT, read(self->nb, cliff(0, 0), 1));
	info = queue_info(self->fd);
	ASSERT_EQ(CAPACITY, info.in.bytes);
	ASSERT_EQ(0, info.out.bytes);
	ASSERT_EQ(0, info.in.blocked + info.out.blocked);
}

TEST_F(info, counts_files_of_each_side)
{
	int in = queue_open(QUEUE, O_RDONLY), out = queue_open(QUEUE, O_WRONLY);
	int other = queue_open(QUEUE, O_RDONLY), copy = dup(in);
	struct bbuf_info info = queue_info(self->fd);

	ASSERT_EQ(4, info.out.files);
	ASSERT_EQ(3, info.in.files);
	close(in);
	ASSERT_EQ(4, queue_info(self->fd).out.files);
	close(copy);
	close(other);
	close(out);
	info = queue_info(self->fd);
	ASSERT_EQ(2, info.out.files);
	ASSERT_EQ(2, info.in.files);
}

TEST_F(info, counts_waiting_readers_and_how_long_they_waited)
{
	struct task reader[] = { task_reader(self->fd, 1), task_reader(self->fd, 1) };
	struct bbuf_info info;
	long start = now_ms();

	ASSERT_BLOCKS(reader[0]);
	ASSERT_BLOCKS(reader[1]);
	info = queue_info(self->fd);
	ASSERT_EQ(2, info.out.waiters);
	ASSERT_EQ(2, info.out.blocked);
	ASSERT_EQ(0, info.out.wakeups);
	ASSERT_EQ(0, info.in.waiters);
	pause_ms(NAP_MS);
	ASSERT_EQ(2, put(self->nb, 0, 2));
	ASSERT_RETURNS(1, reader[0]);
	ASSERT_RETURNS(1, reader[1]);
	info = queue_info(self->fd);
	ASSERT_EQ(0, info.out.waiters);
	ASSERT_EQ(2, info.out.wakeups);
	ASSERT_LE(2 * NAP_MS * NS_PER_MS, info.out.blocked_ns);
	ASSERT_GE(2 * (now_ms() - start + 1) * NS_PER_MS, info.out.blocked_ns);
	ASSERT_EQ(0, info.in.blocked_ns);
}

TEST_F(info, counts_waiting_writers_and_how_long_they_waited)
{
	struct task writer = task_writer(self->fd, 0, 10);
	struct bbuf_info info;
	long start = now_ms();
	int i;

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(1, queue_info(self->fd).in.waiters);
	pause_ms(NAP_MS);
	/* It is woken once, when there is room enough. */
	for (i = 0; i < 10; i++)
		ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_RETURNS(10, writer);
	info = queue_info(self->fd);
	ASSERT_EQ(0, info.in.waiters);
	ASSERT_EQ(1, info.in.blocked);
	ASSERT_EQ(1, info.in.wakeups);
	ASSERT_LE(NAP_MS * NS_PER_MS, info.in.blocked_ns);
	ASSERT_GE((now_ms() - start + 1) * NS_PER_MS, info.in.blocked_ns);
	ASSERT_EQ(0, info.out.blocked);
}

TEST_F(info, does_not_count_waiters_that_gave_up)
{
	struct task killed = task_reader(self->fd, 1), interrupted = task_reader(self->fd, 1);

	ASSERT_BLOCKS(killed);
	ASSERT_BLOCKS(interrupted);
	task_kill(&killed);
	ASSERT_TRUE(task_signal(&interrupted));
	ASSERT_RETURNS(-EINTR, interrupted);
	ASSERT_EQ(0, queue_info(self->fd).out.waiters);
}

/* sysfs */

static const char * const sysfs_names[] = {
	"capacity", "read_mark", "write_mark", "bytes", "records", "peak", "dropped_bytes",
	"dropped_records", "flushed_bytes", "writers", "readers", "waiting_writers",
	"waiting_readers", "bytes_in", "bytes_out", "records_in", "records_out",
	"blocked_full", "blocked_empty", "blocked_full_ns", "blocked_empty_ns",
	"wakeups_writers", "wakeups_readers",
};

TEST_F(info, agrees_with_sysfs)
{
	struct task writer, reader;
	struct bbuf_info info;
	size_t i;
	int in;

	/* Each number another one, as far as they can be. */
	RECREATE(BBUF_RECORD, CAPACITY, BBUF_DROP_OLDEST);
	in = queue_open(QUEUE, O_RDONLY);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, 77));
	ASSERT_EQ(600, put(self->fd, 0, 600));
	ASSERT_EQ(400, put(self->fd, 0, 400));
	ASSERT_EQ(5, put(self->fd, 0, 5));
	ASSERT_EQ(0, queue_flush(self->fd));
	reader = task_reader(self->fd, 10);
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(9, put(self->nb, 0, 9));
	ASSERT_RETURNS(9, reader);
	ASSERT_EQ(0, queue_set_policy(self->fd, 0));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(333, put(self->fd, 0, 333));
	writer = task_writer(self->fd, 0, 2);
	ASSERT_BLOCKS(writer);

	info = queue_info(self->fd);
	{
		unsigned long long values[] = {
			info.capacity, info.read_mark, info.write_mark, info.bytes,
			info.records, info.peak, info.dropped_bytes, info.dropped_records,
			info.flushed_bytes, info.in.files, info.out.files, info.in.waiters,
			info.out.waiters, info.in.bytes, info.out.bytes, info.in.records,
			info.out.records, info.in.blocked, info.out.blocked,
			info.in.blocked_ns, info.out.blocked_ns, info.in.wakeups,
			info.out.wakeups,
		};

		for (i = 0; i < ARRAY_SIZE(values); i++)
			ASSERT_EQ(values[i], sysfs_number(sysfs_names[i])) {
				TH_LOG("%s", sysfs_names[i]);
			}
	}
	ASSERT_EQ(600, info.dropped_bytes);
	ASSERT_EQ(405, info.flushed_bytes);
	ASSERT_EQ(999, info.bytes);
	ASSERT_EQ(1, info.in.waiters);
	task_kill(&writer);
	close(in);
}

TEST_F(info, shows_type_state_and_policies_as_words_in_sysfs)
{
	ASSERT_TRUE(sysfs_is("type", "stream"));
	ASSERT_TRUE(sysfs_is("state", "open"));
	ASSERT_TRUE(sysfs_is("eof_on_close", "0"));
	ASSERT_TRUE(sysfs_is("drop_oldest", "0"));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_TRUE(sysfs_is("state", "shut"));
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_DROP_OLDEST));
	ASSERT_TRUE(sysfs_is("drop_oldest", "1"));
	ASSERT_TRUE(sysfs_is("eof_on_close", "0"));
	RECREATE(BBUF_RECORD, CAPACITY, BBUF_EOF_ON_CLOSE);
	ASSERT_TRUE(sysfs_is("type", "record"));
	ASSERT_TRUE(sysfs_is("eof_on_close", "1"));
}

TEST_F(info, is_one_value_per_file_in_sysfs)
{
	char path[PATH_MAX], text[4096];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sysfs_names); i++) {
		ssize_t n;
		int file;

		snprintf(path, sizeof(path), QUEUE_SYSFS "%s", sysfs_names[i]);
		file = open(path, O_RDONLY);
		n = read(file, text, sizeof(text));
		close(file);
		ASSERT_LT(1, n);
		ASSERT_EQ(text + n - 1, memchr(text, '\n', n));
	}
}

/* fdinfo */

TEST_F(info, identifies_the_open_file_in_fdinfo)
{
	int device = open(BBUF_DEVICE, O_RDWR);

	ASSERT_TRUE(fdinfo_is(device, "bbuf-queue:\t", "default"));
	ASSERT_TRUE(fdinfo_is(self->fd, "bbuf-queue:\t", QUEUE));
	ASSERT_TRUE(fdinfo_is(self->fd, "bbuf-framed:\t", "0"));
	ASSERT_TRUE(fdinfo_is(self->fd, "bbuf-read-timeout:\t", "0"));
	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED, .read_timeout = 5,
				       .write_timeout = -1ULL));
	ASSERT_TRUE(fdinfo_is(self->fd, "bbuf-framed:\t", "1"));
	ASSERT_TRUE(fdinfo_is(self->fd, "bbuf-read-timeout:\t", "5"));
	ASSERT_TRUE(fdinfo_is(self->fd, "bbuf-write-timeout:\t", "18446744073709551615"));
	ASSERT_TRUE(fdinfo_is(self->nb, "bbuf-framed:\t", "0"));
	close(device);
}

BBUF_HARNESS_MAIN
