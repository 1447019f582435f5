// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of short records with frames, for KUnit.
 */
#define NOTRACE	/* the tracepoints are the module's */

#include <kunit/test.h>

#include "framed.c"

#define COUNT	3
#define HEAD	sizeof(struct bbuf_frame)

struct bed {
	u8 ring[BBUF_FRAMES_SIZE];
	struct bbuf_frames in;
	struct bbuf_frames out;
};

static struct bed *bed_make(struct kunit *test)
{
	struct bed *bed = kunit_kzalloc(test, sizeof(*bed), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bed);
	memset(bed, 0xff, sizeof(*bed));
	return bed;
}

static struct bbuf_frame *frame_at(struct bbuf_frames *frames, size_t at)
{
	return (void *)&frames->bytes[at];
}

/* Make COUNT records, each with its frame and zero padding. Returns the bytes that they take. */
static size_t frames_make(struct bed *bed, size_t len)
{
	size_t at, i, size = COUNT * BBUF_FRAME_SPACE(len);

	memset(bed->in.bytes, 0, size);
	for (at = 0; at < size; at += BBUF_FRAME_SPACE(len)) {
		*frame_at(&bed->in, at) = (struct bbuf_frame) { .len = len };
		for (i = 0; i < len; i++)
			bed->in.bytes[at + HEAD + i] = (at + i) * 7 + 1;
	}
	return size;
}

static size_t put(struct bed *bed, size_t size, size_t room, struct bbuf_batch_count *batch)
{
	*batch = (struct bbuf_batch_count) { };
	return bbuf_frames_put(&bed->in, size, bed->ring, room, batch);
}

static size_t get(struct bed *bed, size_t size, size_t avail, struct bbuf_batch_count *batch)
{
	*batch = (struct bbuf_batch_count) { };
	return bbuf_frames_get(&bed->out, size, bed->ring, avail, batch);
}

/* The padding is zero, and nothing else is touched. */
static void records_go_there_and_back(struct kunit *test)
{
	struct bbuf_batch_count batch, back;
	struct bed *bed;
	size_t len, size;

	for (len = 1; len <= BBUF_SHORT; len++) {
		bed = bed_make(test);
		size = frames_make(bed, len);
		KUNIT_ASSERT_EQ(test, put(bed, size, SIZE_MAX, &batch), size);
		KUNIT_ASSERT_EQ(test, batch.records, COUNT);
		KUNIT_ASSERT_EQ(test, batch.bytes, COUNT * len);
		KUNIT_ASSERT_EQ(test, batch.stored, COUNT * (1 + len));
		KUNIT_ASSERT_EQ(test, bed->ring[batch.stored], 0xff);
		KUNIT_ASSERT_EQ(test, get(bed, BBUF_FRAMES_SIZE, batch.bytes, &back), size);
		KUNIT_ASSERT_EQ(test, memcmp(&batch, &back, sizeof(batch)), 0);
		KUNIT_ASSERT_EQ(test, memcmp(&bed->in, &bed->out, size), 0);
		KUNIT_ASSERT_EQ(test, bed->out.bytes[size], 0xff);
	}
}

/*
 * Cut the last record at every byte, by the user's size or the memory's. Its padding may be
 * missing.
 */
static void records_cut_short_are_left(struct kunit *test)
{
	const size_t len = 5, space = BBUF_FRAME_SPACE(len);
	struct bed *bed = bed_make(test);
	struct bbuf_batch_count batch;
	size_t size, whole;

	frames_make(bed, len);
	put(bed, COUNT * space, SIZE_MAX, &batch);
	for (size = 0; size < COUNT * space; size++) {
		whole = (size + space - HEAD - len) / space;
		KUNIT_ASSERT_EQ(test, put(bed, size, SIZE_MAX, &batch), whole * space);
		KUNIT_ASSERT_EQ(test, batch.records, whole);
		KUNIT_ASSERT_EQ(test, get(bed, size, COUNT * len, &batch), whole * space);
		KUNIT_ASSERT_EQ(test, batch.records, whole);
	}
}

static void bad_frames_are_left(struct kunit *test)
{
	static const struct bbuf_frame bad[] = {
		{ .len = 0 }, { .len = 6 }, { .len = U32_MAX }, { .len = 5, .reserved = 1 },
	};
	const size_t space = BBUF_FRAME_SPACE(5);
	struct bed *bed = bed_make(test);
	struct bbuf_batch_count batch;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		frames_make(bed, 5);
		*frame_at(&bed->in, space) = bad[i];
		KUNIT_ASSERT_EQ(test, put(bed, space + HEAD + 5, SIZE_MAX, &batch), space);
		KUNIT_ASSERT_EQ(test, batch.records, 1);
	}
}

static void records_without_room_are_left(struct kunit *test)
{
	const size_t len = 5, space = BBUF_FRAME_SPACE(len);
	struct bed *bed = bed_make(test);
	size_t room, size = frames_make(bed, len);
	struct bbuf_batch_count batch;

	for (room = 0; room <= COUNT * len; room++) {
		KUNIT_ASSERT_EQ(test, put(bed, size, room, &batch), room / len * space);
		KUNIT_ASSERT_EQ(test, batch.bytes, room / len * len);
	}
}

static void long_records_are_left(struct kunit *test)
{
	struct bed *bed = bed_make(test);
	struct bbuf_batch_count batch;

	frames_make(bed, BBUF_SHORT + 1);
	KUNIT_ASSERT_EQ(test, put(bed, BBUF_FRAMES_SIZE, SIZE_MAX, &batch), 0);
	bed->ring[0] = (BBUF_SHORT + 1) & 0xff;
	bed->ring[1] = 1;
	KUNIT_ASSERT_EQ(test, get(bed, BBUF_FRAMES_SIZE, SIZE_MAX, &batch), 0);
	KUNIT_ASSERT_EQ(test, batch.records, 0);
}

static struct kunit_case frames_cases[] = {
	KUNIT_CASE(records_go_there_and_back),
	KUNIT_CASE(records_cut_short_are_left),
	KUNIT_CASE(bad_frames_are_left),
	KUNIT_CASE(records_without_room_are_left),
	KUNIT_CASE(long_records_are_left),
	{ }
};

static struct kunit_suite frames_suite = {
	.name = "bbuf_frames",
	.test_cases = frames_cases,
};

kunit_test_suite(frames_suite);
