// SPDX-License-Identifier: GPL-2.0-only
/* Framed I/O: many records a call. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	DEFAULT_CAPACITY
#define HEAD		sizeof(struct bbuf_frame)
#define SPACE(len)	((size_t)BBUF_FRAME_SPACE(len))
#define PADDING(len)	(SPACE(len) - HEAD - (len))
#define ROOM		65536	/* for frames, more than most tests need */
#define SOME		40	/* frames of 20 bytes, enough of them for several pieces */

FIXTURE(frames) {
	int fd;			/* blocking, framed */
	int nb;			/* O_NONBLOCK, framed */
	int plain;		/* O_NONBLOCK, not framed */
	unsigned char buf[ROOM];
};

static int open_framed(size_t capacity, int *fd, int *nb, int *plain)
{
	int error = queue_begin(BBUF_RECORD, capacity, 0, fd, nb);

	if (error)
		return error;
	*plain = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	if (*plain < 0 || queue_set_options(*fd, .flags = BBUF_FRAMED) ||
	    queue_set_options(*nb, .flags = BBUF_FRAMED))
		return -errno;
	return 0;
}

static void close_framed(int fd, int nb, int plain)
{
	close(fd);
	close(nb);
	close(plain);
}

FIXTURE_SETUP(frames)
{
	ASSERT_EQ(0, open_framed(CAPACITY, &self->fd, &self->nb, &self->plain));
	memset(self->buf, 0xff, sizeof(self->buf));
}

FIXTURE_TEARDOWN(frames)
{
	close_framed(self->fd, self->nb, self->plain);
	queue_destroy(QUEUE);
}

#define SMALLER(capacity)						\
do {									\
	close_framed(self->fd, self->nb, self->plain);			\
	ASSERT_EQ(0, open_framed(capacity, &self->fd, &self->nb,	\
				 &self->plain));			\
} while (0)

/* Puts a record of the pattern with its frame somewhere: where the next one goes. */
static unsigned char *frame_put(unsigned char *at, size_t position, size_t len)
{
	struct bbuf_frame frame = { .len = len };

	memcpy(at, &frame, HEAD);
	pattern_fill(at + HEAD, position, len);
	return at + SPACE(len);
}

/* Is there such a record, and zeros behind it? */
static bool frame_is(const unsigned char *at, size_t position, size_t len)
{
	struct bbuf_frame frame;
	size_t i;

	memcpy(&frame, at, HEAD);
	if (frame.len != len || frame.reserved || !pattern_matches(at + HEAD, position, len))
		return false;
	for (i = HEAD + len; i < SPACE(len); i++)
		if (at[i])
			return false;
	return true;
}

/* Are there n of them, of len bytes each, numbered by the pattern's position? */
static bool frames_are(const unsigned char *at, size_t n, size_t len)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!frame_is(at + i * SPACE(len), i, len))
			return false;
	return true;
}

/* n frames of len bytes each, numbered by the pattern's position: bytes they take. */
static size_t frames_put(unsigned char *buf, size_t n, size_t len)
{
	unsigned char *at = buf;
	size_t i;

	for (i = 0; i < n; i++)
		at = frame_put(at, i, len);
	return at - buf;
}

/* Reading */

TEST_F(frames, one_read_returns_all_queued_records)
{
	static const size_t length[] = { 1, 7, 8, 9, 16, 1000, 3 };
	unsigned char *at = self->buf;
	size_t i, total = 0;

	for (i = 0; i < ARRAY_SIZE(length); i++) {
		ASSERT_EQ(length[i], put(self->plain, i, length[i]));
		total += SPACE(length[i]);
	}
	ASSERT_EQ(total, read(self->fd, self->buf, ROOM));
	for (i = 0; i < ARRAY_SIZE(length); i++) {
		ASSERT_TRUE(frame_is(at, i, length[i]));
		at += SPACE(length[i]);
	}
	ASSERT_EQ(0xff, *at);
	ASSERT_EQ(0, queued(self->fd));
}

TEST_F(frames, one_read_returns_as_many_records_as_fit)
{
	size_t i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(20, put(self->plain, i, 20));
	ASSERT_EQ(2 * SPACE(20), read(self->fd, self->buf, 2 * SPACE(20) + HEAD + 19));
	ASSERT_TRUE(frame_is(self->buf + SPACE(20), 1, 20));
	ASSERT_EQ(HEAD + 20, read(self->fd, self->buf, HEAD + 20));
	ASSERT_TRUE(pattern_matches(self->buf + HEAD, 2, 20));
}

TEST_F(frames, records_that_do_not_fit_stay_queued)
{
	ASSERT_EQ(20, put(self->plain, 0, 20));
	ASSERT_FAILS(EMSGSIZE, read(self->fd, self->buf, HEAD + 19));
	ASSERT_FAILS(EMSGSIZE, read(self->nb, self->buf, 1));
	ASSERT_EQ(20, queued(self->fd));
	ASSERT_TRUE(take_record(self->plain, 0, 20));
}

TEST_F(frames, read_waits_for_one_record_only)
{
	struct task reader = task_reader(self->fd, 1000);

	ASSERT_FAILS(EAGAIN, read(self->nb, self->buf, ROOM));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(20, put(self->plain, 0, 20));
	ASSERT_RETURNS(SPACE(20), reader);
	ASSERT_TRUE(frame_is(reader.result->data, 0, 20));
}

TEST_F(frames, read_returns_0_at_EOF)
{
	ASSERT_EQ(20, put(self->plain, 0, 20));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(SPACE(20), read(self->fd, self->buf, ROOM));
	ASSERT_EQ(0, read(self->fd, self->buf, ROOM));
	ASSERT_FAILS(EPIPE, write(self->fd, self->buf, SPACE(20)));
}

TEST_F(frames, records_stay_queued_when_a_read_faults)
{
	size_t good = 2 * SPACE(40) + HEAD + 39;
	unsigned char *buf = cliff(good, 0);
	size_t i;

	ASSERT_NE(NULL, buf);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(40, put(self->plain, i, 40));
	ASSERT_EQ(2 * SPACE(40), read(self->fd, buf, good + 100));
	ASSERT_TRUE(frame_is(buf, 0, 40));
	ASSERT_TRUE(frame_is(buf + SPACE(40), 1, 40));
	ASSERT_FAILS(EFAULT, read(self->fd, buf + 2 * SPACE(40), HEAD + 40));
	ASSERT_FAILS(EFAULT, read(self->nb, buf + good, HEAD + 40));
	ASSERT_TRUE(take_record(self->plain, 2, 40));
}

TEST_F(frames, records_stay_queued_when_a_read_faults_at_any_offset)
{
	unsigned char *edge = cliff(SOME * SPACE(20), 0);
	size_t good, whole, i;

	ASSERT_NE(NULL, edge);
	edge += SOME * SPACE(20);
	for (good = 1; good < SOME * SPACE(20); good++) {
		whole = good / SPACE(20);
		for (i = 0; i < SOME; i++)
			ASSERT_EQ(20, put(self->plain, i, 20));
		ASSERT_EQ(whole ? (ssize_t)(whole * SPACE(20)) : -1,
			  read(self->nb, edge - good, SOME * SPACE(20)));
		ASSERT_TRUE(frames_are(edge - good, whole, 20));
		for (i = whole; i < SOME; i++)
			ASSERT_TRUE(take_record(self->plain, i, 20));
		ASSERT_EQ(0, queued(self->fd));
	}
}

TEST_F(frames, padding_into_an_untouched_page_keeps_frames_aligned)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *buf = map + page - HEAD - 4;

	ASSERT_NE(MAP_FAILED, map);
	*buf = 0xff;
	ASSERT_EQ(4, put(self->plain, 0, 4));
	ASSERT_EQ(4, put(self->plain, 4, 4));
	ASSERT_EQ(2 * SPACE(4), read(self->fd, buf, 2 * SPACE(4)));
	ASSERT_TRUE(frame_is(buf, 0, 4));
	ASSERT_TRUE(frame_is(buf + SPACE(4), 4, 4));
}

/* Writing */

TEST_F(frames, one_write_queues_many_records)
{
	static const size_t length[] = { 9, 1, 8, 500, 3 };
	unsigned char *at = self->buf;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(length); i++)
		at = frame_put(at, i, length[i]);
	ASSERT_EQ(at - self->buf, write(self->fd, self->buf, at - self->buf));
	ASSERT_EQ(ARRAY_SIZE(length), queue_info(self->fd).records);
	for (i = 0; i < ARRAY_SIZE(length); i++)
		ASSERT_TRUE(take_record(self->plain, i, length[i]));
}

TEST_F(frames, last_frame_needs_no_padding)
{
	size_t n = frames_put(self->buf, 2, 5) - (SPACE(5) - HEAD - 5);

	ASSERT_EQ(n, write(self->fd, self->buf, n));
	ASSERT_TRUE(take_record(self->plain, 0, 5));
	ASSERT_TRUE(take_record(self->plain, 1, 5));
}

TEST_F(frames, hundreds_of_records_pass_in_one_call_each_way)
{
	size_t n = frames_put(self->buf, 500, 20);
	struct bbuf_info info;

	ASSERT_EQ(n, write(self->nb, self->buf, n));
	info = queue_info(self->fd);
	ASSERT_EQ(500, info.records);
	ASSERT_EQ(500, info.in.records);
	ASSERT_EQ(10000, info.bytes);
	memset(self->buf, 0xff, n);
	ASSERT_EQ(n, read(self->nb, self->buf, ROOM));
	ASSERT_TRUE(frames_are(self->buf, 500, 20));
	ASSERT_EQ(500, queue_info(self->fd).out.records);
}

/* As many records of one length: one call writes them, and one reads them. */
static bool batch_passes(int nb, size_t count, size_t len)
{
	ssize_t bytes = count * SPACE(len);
	unsigned char *buf = malloc(bytes);
	bool passed;

	if (!buf || write(nb, buf, frames_put(buf, count, len)) != bytes)
		return false;
	memset(buf, 0xff, bytes);
	passed = read(nb, buf, bytes) == bytes && frames_are(buf, count, len);
	free(buf);
	return passed;
}

TEST_F(frames, thousands_of_records_pass_in_one_call_each_way)
{
	ASSERT_TRUE(batch_passes(self->nb, 5000, 1));
	ASSERT_EQ(5000, queue_info(self->fd).out.records);
}

TEST_F(frames, hundreds_of_kilobytes_pass_in_one_call_each_way)
{
	ASSERT_EQ(0, queue_resize(self->fd, 100 * 5001));
	ASSERT_TRUE(batch_passes(self->nb, 100, 5001));
	ASSERT_EQ(100, queue_info(self->fd).out.records);
}

TEST_F(frames, nonblocking_write_queues_as_many_records_as_fit)
{
	size_t n = frames_put(self->buf, 3, 400);

	SMALLER(1000);
	ASSERT_EQ(2 * SPACE(400), write(self->nb, self->buf, n));
	ASSERT_FAILS(EAGAIN, write(self->nb, self->buf + 2 * SPACE(400), SPACE(400)));
	ASSERT_EQ(2, queue_info(self->fd).records);
	ASSERT_TRUE(take_record(self->plain, 0, 400));
	ASSERT_EQ(SPACE(400), write(self->nb, self->buf + 2 * SPACE(400), SPACE(400)));
	ASSERT_TRUE(take_record(self->plain, 1, 400));
	ASSERT_TRUE(take_record(self->plain, 2, 400));
}

static long write_three(struct task *t)
{
	return write(t->fd, t->result->data, frames_put(t->result->data, 3, 400));
}

static struct task task_writer_of_three(int fd)
{
	return (struct task){ .fn = write_three, .nr = SYS_write, .fd = fd, .len = ROOM };
}

TEST_F(frames, write_waits_for_room_in_the_middle_of_a_call)
{
	struct task writer;

	SMALLER(1000);
	writer = task_writer_of_three(self->fd);
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(2, queue_info(self->fd).records);
	ASSERT_TRUE(take_record(self->plain, 0, 400));
	ASSERT_RETURNS(3 * SPACE(400), writer);
	ASSERT_TRUE(take_record(self->plain, 1, 400));
	ASSERT_TRUE(take_record(self->plain, 2, 400));
}

TEST_F(frames, interrupted_write_returns_the_count_of_whole_records)
{
	bool restart[] = { false, true };
	size_t i;

	SMALLER(1000);
	for (i = 0; i < ARRAY_SIZE(restart); i++) {
		struct task writer = task_writer_of_three(self->fd);

		writer.restart = restart[i];
		ASSERT_BLOCKS(writer);
		ASSERT_TRUE(task_signal(&writer));
		ASSERT_RETURNS(2 * SPACE(400), writer);
		ASSERT_TRUE(take_record(self->plain, 0, 400));
		ASSERT_TRUE(take_record(self->plain, 1, 400));
		ASSERT_EQ(0, queue_info(self->fd).records);
	}
}

TEST_F(frames, write_interrupted_before_the_first_record_fails_with_EINTR)
{
	struct task writer;

	SMALLER(1000);
	ASSERT_EQ(1000, put(self->plain, 0, 1000));
	writer = task_writer_of_three(self->fd);
	ASSERT_BLOCKS(writer);
	ASSERT_TRUE(task_signal(&writer));
	ASSERT_RETURNS(-EINTR, writer);
	ASSERT_EQ(1, queue_info(self->fd).records);
}

TEST_F(frames, write_ended_by_shutdown_returns_a_partial_count)
{
	struct task writer;

	SMALLER(1000);
	writer = task_writer_of_three(self->fd);
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_RETURNS(2 * SPACE(400), writer);
}

TEST_F(frames, write_that_faults_returns_a_partial_count)
{
	static const size_t cuts[] = { 0, 1, HEAD - 1, HEAD, HEAD + 1, HEAD + 39 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		size_t good = SPACE(40) + cuts[i];
		unsigned char *buf = cliff(good, 0);

		ASSERT_NE(NULL, buf);
		frames_put(self->buf, 2, 40);
		memcpy(buf, self->buf, good);
		ASSERT_EQ(SPACE(40), write(self->fd, buf, 2 * SPACE(40)));
		ASSERT_FAILS(EFAULT, write(self->fd, buf + SPACE(40), SPACE(40)));
		ASSERT_EQ(1, queue_info(self->fd).records);
		ASSERT_TRUE(take_record(self->plain, 0, 40));
	}
}

TEST_F(frames, write_that_faults_at_any_offset_returns_a_partial_count)
{
	size_t n = frames_put(self->buf, SOME, 20), good, whole, i;
	unsigned char *edge = cliff(n, 0);

	ASSERT_NE(NULL, edge);
	edge += n;
	for (good = 1; good < n; good++) {
		memcpy(edge - good, self->buf, good);
		whole = (good + PADDING(20)) / SPACE(20);
		ASSERT_EQ(whole ? (ssize_t)(whole * SPACE(20)) : -1,
			  write(self->nb, edge - good, n));
		for (i = 0; i < whole; i++)
			ASSERT_TRUE(take_record(self->plain, i, 20));
		ASSERT_EQ(0, queued(self->fd));
	}
}

TEST_F(frames, write_with_an_invalid_frame_returns_a_partial_count)
{
	struct bbuf_frame bad = { .len = 20, .reserved = 1 };
	size_t n, good, i;

	for (good = 0; good < SOME; good++) {
		n = frames_put(self->buf, SOME, 20);
		memcpy(self->buf + good * SPACE(20), &bad, HEAD);
		if (good)
			ASSERT_EQ(good * SPACE(20), write(self->nb, self->buf, n));
		ASSERT_FAILS(EINVAL, write(self->nb, self->buf + good * SPACE(20), n));
		for (i = 0; i < good; i++)
			ASSERT_TRUE(take_record(self->plain, i, 20));
		ASSERT_EQ(0, queued(self->fd));
	}
}

/* A bad frame behind a good one: the good one counts, and the bad one fails by itself. */
#define ASSERT_BAD(error, bad, size)					\
do {									\
	unsigned char *__at = frame_put(self->buf, 0, 16);		\
	struct bbuf_frame __frame = bad;				\
									\
	memset(__at, 0xff, ROOM - SPACE(16));				\
	memcpy(__at, &__frame, HEAD);					\
	ASSERT_EQ(SPACE(16), write(self->fd, self->buf, SPACE(16) + (size)));\
	ASSERT_FAILS(error, write(self->fd, __at, size));		\
	ASSERT_EQ(1, queue_info(self->fd).records);			\
	ASSERT_TRUE(take_record(self->plain, 0, 16));			\
} while (0)
#define FRAME(...) ((struct bbuf_frame){ __VA_ARGS__ })

TEST_F(frames, invalid_frames_are_refused)
{
	ASSERT_BAD(EINVAL, FRAME(.len = 0), HEAD);
	ASSERT_BAD(EINVAL, FRAME(.len = 9), HEAD + 8);
	ASSERT_BAD(EINVAL, FRAME(.len = -1), HEAD + 8);
	ASSERT_BAD(EINVAL, FRAME(.len = 8, .reserved = 1), HEAD + 8);
	ASSERT_BAD(EINVAL, FRAME(.len = 8), HEAD - 1);
	ASSERT_BAD(EINVAL, FRAME(.len = 8), 1);
	SMALLER(100);
	ASSERT_BAD(EMSGSIZE, FRAME(.len = 101), HEAD + 101);
}

TEST_F(frames, padding_may_have_any_content)
{
	size_t n = frames_put(self->buf, 2, 5);

	memset(self->buf + HEAD + 5, 0xee, SPACE(5) - HEAD - 5);
	ASSERT_EQ(n, write(self->fd, self->buf, n));
	memset(self->buf, 0xff, n);
	ASSERT_EQ(n, read(self->fd, self->buf, n));
	ASSERT_TRUE(frame_is(self->buf, 0, 5));
	ASSERT_TRUE(frame_is(self->buf + SPACE(5), 1, 5));
}

TEST_F(frames, iovecs_may_split_a_frame_anywhere)
{
	size_t n = frames_put(self->buf, 3, 13), i;
	unsigned char out[3 * SPACE(13)];

	for (i = 1; i < n; i++) {
		struct iovec gather[] = { { self->buf, i }, { self->buf + i, n - i } };
		struct iovec scatter[] = { { out, n - i }, { out + n - i, i } };

		memset(out, 0xff, sizeof(out));
		ASSERT_EQ(n, writev(self->nb, gather, 2));
		ASSERT_EQ(n, readv(self->nb, scatter, 2));
		ASSERT_TRUE(frame_is(out, 0, 13));
		ASSERT_TRUE(frame_is(out + 2 * SPACE(13), 2, 13));
	}
}

/* The option */

TEST_F(frames, framed_mode_belongs_to_the_open_file_description)
{
	int copy = dup(self->plain);

	ASSERT_EQ(10, put(self->plain, 0, 10));
	ASSERT_EQ(10, put(self->plain, 10, 10));
	ASSERT_TRUE(take_record(self->plain, 0, 10));
	ASSERT_EQ(0, queue_set_options(copy, .flags = BBUF_FRAMED));
	ASSERT_EQ(SPACE(10), read(self->plain, self->buf, ROOM));
	ASSERT_TRUE(frame_is(self->buf, 10, 10));
	ASSERT_EQ(0, queue_set_options(self->plain, .flags = 0));
	ASSERT_EQ(10, put(copy, 0, 10));
	ASSERT_EQ(SPACE(10), read(self->nb, self->buf, ROOM));
	close(copy);
}

TEST_F(frames, framed_mode_is_refused_for_streams)
{
	int stream = open(BBUF_DEVICE, O_RDWR);

	ASSERT_FAILS(EINVAL, queue_set_options(stream, .flags = BBUF_FRAMED));
	close(stream);
}

/* Round the ring, and with many at once */

TEST_F(frames, records_wrap_around)
{
	unsigned char out[ROOM], *at;
	unsigned int seed = 3;
	size_t round, i, n;

	SMALLER(300);
	for (round = 0; round < 600; round++) {
		size_t length[10], left = 300;

		at = self->buf;
		for (n = 0; n < ARRAY_SIZE(length) && left; n++) {
			length[n] = 1 + rand_r(&seed) % left;
			left -= length[n];
			at = frame_put(at, round + n, length[n]);
		}
		ASSERT_EQ(at - self->buf, write(self->nb, self->buf, at - self->buf));
		ASSERT_EQ(at - self->buf, read(self->nb, out, sizeof(out)));
		for (i = 0, at = out; i < n; i++) {
			ASSERT_TRUE(frame_is(at, round + i, length[i]));
			at += SPACE(length[i]);
		}
	}
}

#define HOLDS		3000

/* Frames of HOLDS bytes in all, short ones and some that are long: bytes they take. */
static size_t frames_put_random(unsigned char *buf, unsigned int *seed)
{
	size_t left = HOLDS, len;
	unsigned char *at = buf;

	while (left) {
		len = 1 + rand_r(seed) % (rand_r(seed) % 4 ? 100 : 700);
		len = len < left ? len : left;
		memset(at, 0, SPACE(len));
		at = frame_put(at, left, len);
		left -= len;
	}
	return at - buf;
}

TEST_F(frames, short_and_long_records_mix)
{
	unsigned char out[ROOM];
	unsigned int seed = 5;
	size_t round, n, done;
	ssize_t got;

	SMALLER(HOLDS);
	for (round = 0; round < 300; round++) {
		n = frames_put_random(self->buf, &seed);
		ASSERT_EQ(n, write(self->nb, self->buf, n));
		memset(out, 0xff, n + 1);
		for (done = 0; done < n; done += got) {
			got = read(self->nb, out + done, 800 + rand_r(&seed) % 100 * 8);
			ASSERT_LT(0, got);
		}
		ASSERT_EQ(0, memcmp(out, self->buf, n));
		ASSERT_EQ(0xff, out[n]);
	}
}

#define EACH		2000	/* records of each writer */
#define BATCH		50
#define NUMBER_BYTES	sizeof(unsigned int)

/* The numbers from arg[0] up, arg[1] apart, one a record or BATCH of them a call. */
static long write_numbers(struct task *t)
{
	bool framed = t->position;
	unsigned int number = t->arg[0];
	unsigned char *at = t->result->data;
	int i;

	for (i = 0; i < EACH; i++, number += t->arg[1]) {
		struct bbuf_frame frame = { .len = NUMBER_BYTES };

		if (!framed) {
			if (write(t->fd, &number, NUMBER_BYTES) != NUMBER_BYTES)
				return -1;
			continue;
		}
		memcpy(at, &frame, HEAD);
		memcpy(at + HEAD, &number, NUMBER_BYTES);
		at += SPACE(NUMBER_BYTES);
		if (i % BATCH < BATCH - 1)
			continue;
		if (write(t->fd, t->result->data, at - t->result->data) != at - t->result->data)
			return -1;
		at = t->result->data;
	}
	return EACH;
}

static unsigned char *seen;

static bool number_seen(const unsigned char *at)
{
	unsigned int number;

	memcpy(&number, at, NUMBER_BYTES);
	return number < 2 * EACH && !__atomic_fetch_add(&seen[number], 1, __ATOMIC_RELAXED);
}

static long read_numbers(struct task *t)
{
	bool framed = t->position;
	unsigned char *at;
	ssize_t n;

	while ((n = read(t->fd, t->result->data, t->len)) > 0) {
		if (!framed && !number_seen(t->result->data))
			return 1;
		for (at = t->result->data; framed && at < t->result->data + n;
		     at += SPACE(NUMBER_BYTES))
			if (!number_seen(at + HEAD))
				return 1;
	}
	return n;
}

TEST_F(frames, framed_and_plain_calls_mix)
{
	struct task writer[2], reader[2];
	int i;

	seen = mmap(NULL, 2 * EACH, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, seen);
	SMALLER(200 * NUMBER_BYTES);
	for (i = 0; i < 2; i++) {
		int fd = i ? self->fd : queue_open(QUEUE, O_RDWR);

		reader[i] = (struct task){
			.fn = read_numbers, .fd = fd, .position = i, .len = ROOM,
		};
		writer[i] = (struct task){
			.fn = write_numbers, .fd = fd, .position = i, .len = ROOM, .arg = { i, 2 },
		};
		ASSERT_STARTS(reader[i]);
		ASSERT_STARTS(writer[i]);
	}
	for (i = 0; i < 2; i++)
		ASSERT_RETURNS(EACH, writer[i]);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	for (i = 0; i < 2; i++)
		ASSERT_RETURNS(0, reader[i]);
	for (i = 0; i < 2 * EACH; i++)
		ASSERT_EQ(1, seen[i]);
}

BBUF_HARNESS_MAIN
