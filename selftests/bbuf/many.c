// SPDX-License-Identifier: GPL-2.0-only
/* Many queues at once. */
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "named.h"

#define QUEUES		1100	/* 1024 and some */

FIXTURE(many) {
};

static void name_of(char *name, int number)
{
	snprintf(name, BBUF_NAME_SIZE, QUEUE "-%d", number);
}

static int create_numbered(int number, enum bbuf_type type, size_t capacity, unsigned int policy)
{
	struct bbuf_create create = {
		.type = type, .capacity = capacity, .policy = policy, .mode = 0600,
	};

	name_of(create.name, number);
	return queue_create(&create);
}

static int destroy_numbered(int number)
{
	char name[BBUF_NAME_SIZE];

	name_of(name, number);
	return queue_destroy(name);
}

static int open_numbered(int number, int flags)
{
	char name[BBUF_NAME_SIZE];

	name_of(name, number);
	return queue_open(name, flags);
}

FIXTURE_SETUP(many)
{
	int i;

	(void)self;
	for (i = 0; i < QUEUES && !destroy_numbered(i); i++)
		continue;
}

FIXTURE_TEARDOWN(many)
{
	(void)self;
}

/* One write of a queue's own bytes, by a file that is closed again. */
static bool numbered_put(int number, size_t n)
{
	int fd = open_numbered(number, O_WRONLY | O_NONBLOCK);
	bool good = put(fd, number, n) == (ssize_t)n;

	close(fd);
	return good;
}

static bool numbered_take(int number, size_t n)
{
	int fd = open_numbered(number, O_RDONLY | O_NONBLOCK);
	bool good = take(fd, number, n) && queued(fd) == 0;

	close(fd);
	return good;
}

TEST_F(many, queues_do_not_affect_one_another)
{
	int i;

	for (i = 0; i < QUEUES; i++)
		ASSERT_EQ(0, create_numbered(i, i % 2, 1 + i, 0));
	for (i = 0; i < QUEUES; i++)
		ASSERT_TRUE(numbered_put(i, 1 + i));
	for (i = QUEUES - 1; i >= 0; i--)
		ASSERT_TRUE(numbered_take(i, 1 + i));
	for (i = 0; i < QUEUES; i++)
		ASSERT_EQ(0, destroy_numbered(i));
	ASSERT_EQ(-ENOENT, destroy_numbered(0));
}

/*
 * A mixed load on several queues: records and streams, plain, framed and in large writes. All data
 * that is read must be the pattern, without gaps.
 */
#define MIXED		8
#define MIXED_CAPACITY	3000
#define MIXED_BYTES	60000
#define PIECE_MAX	700
#define RESIZES		200

static bool has_records(int number)
{
	return number % 2;
}

static bool is_framed(int number)
{
	return number % 4 == 3;
}

/* These end with their last writer; the others are resized all the time. */
static bool ends_by_itself(int number)
{
	return number >= MIXED / 2;
}

/* A stream's write may be more than the capacity; a record is small enough for any. */
static size_t piece(unsigned int *seed, int number)
{
	size_t n = 1 + rand_r(seed) % PIECE_MAX;

	return !has_records(number) && rand_r(seed) % 8 == 0 ? 10 * n : n;
}

static int open_mixed(int number, int flags)
{
	int fd = open_numbered(number, flags);

	if (fd >= 0 && is_framed(number) && queue_set_options(fd, .flags = BBUF_FRAMED))
		return -1;
	return fd;
}

/* As put(): with a frame where there are frames. */
static bool put_piece(int fd, int number, long position, size_t n)
{
	unsigned char buf[BBUF_FRAME_SPACE(PIECE_MAX)];
	struct bbuf_frame frame = { .len = n };

	if (!is_framed(number))
		return put(fd, position, n) == (ssize_t)n;
	memcpy(buf, &frame, sizeof(frame));
	pattern_fill(buf + sizeof(frame), position, n);
	return write(fd, buf, sizeof(frame) + n) == (ssize_t)(sizeof(frame) + n);
}

static long write_mixed(struct task *t)
{
	int number = t->position, fd = open_mixed(number, O_WRONLY);
	unsigned int seed = number;
	long done = 0;

	while (done < MIXED_BYTES) {
		size_t n = piece(&seed, number);

		if (!put_piece(fd, number, done, n))
			return -1;
		done += n;
	}
	return done;
}

/* The bytes in what was read, if they are the pattern's from there on, or -1. */
static long check_piece(const unsigned char *buf, ssize_t n, int number, long position)
{
	const unsigned char *at = buf;
	struct bbuf_frame frame;
	long done = 0;

	if (!is_framed(number))
		return pattern_matches(buf, position, n) ? n : -1;
	for (; at < buf + n; at += BBUF_FRAME_SPACE(frame.len)) {
		memcpy(&frame, at, sizeof(frame));
		if (frame.len > PIECE_MAX ||
		    !pattern_matches(at + sizeof(frame), position + done, frame.len))
			return -1;
		done += frame.len;
	}
	return done;
}

static long read_mixed(struct task *t)
{
	int number = t->position, fd = open_mixed(number, O_RDONLY);
	unsigned char buf[2 * MIXED_CAPACITY];
	long total = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		long done = check_piece(buf, n, number, total);

		if (done < 0)
			return -1;
		total += done;
	}
	return n ? -1 : total;
}

TEST_F(many, queues_of_all_kinds_carry_a_mixed_load)
{
	struct task writer[MIXED], reader[MIXED];
	unsigned int seed = 1;
	int fd[MIXED], i;

	for (i = 0; i < MIXED; i++) {
		ASSERT_EQ(0, create_numbered(i, has_records(i), MIXED_CAPACITY,
					     ends_by_itself(i) ? BBUF_EOF_ON_CLOSE : 0));
		if (!ends_by_itself(i))
			fd[i] = open_numbered(i, O_RDWR);
		writer[i] = (struct task){ .fn = write_mixed, .position = i };
		reader[i] = (struct task){ .fn = read_mixed, .position = i };
	}
	for (i = 0; i < MIXED; i++) {
		ASSERT_STARTS(reader[i]);
		ASSERT_STARTS(writer[i]);
	}
	for (i = 0; i < RESIZES; i++) {
		size_t capacity = PIECE_MAX + rand_r(&seed) % MIXED_CAPACITY;

		if (queue_resize(fd[rand_r(&seed) % (MIXED / 2)], capacity)) {
			ASSERT_EQ(EBUSY, errno);
		}
	}
	for (i = 0; i < MIXED; i++) {
		long written = task_wait(&writer[i]);

		ASSERT_LE(MIXED_BYTES, written);
		if (!ends_by_itself(i))
			ASSERT_EQ(0, queue_shutdown(fd[i]));
		ASSERT_RETURNS(written, reader[i]);
		ASSERT_EQ(0, destroy_numbered(i));
	}
}

BBUF_HARNESS_MAIN
