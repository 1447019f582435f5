// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf queues: streams, records, batches of framed records, and records that libbbuf frames.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bbuf.h>

#include "common/alloc.h"
#include "common/macros.h"
#include "files.h"
#include "queues.h"

/* Number of records framed together, if they fit into the queue. */
#define BATCH		64

size_t queue_capacity;

static void queue_close(struct channel *channel)
{
	file_close(channel);
	bbuf_destroy(channel->name);
}

/* Open both ends as a user would. The PID makes the names of concurrent benchmarks unique. */
static int queue_open(struct channel *channel, uint32_t type)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;
	static unsigned int made;
	char path[sizeof("/dev/bbuf-") + BBUF_NAME_SIZE];

	config.type = type;
	if (queue_capacity)
		config.capacity = queue_capacity;
	snprintf(channel->name, sizeof(channel->name), "bench-%d-%u", getpid(), made++);
	if (bbuf_create(channel->name, &config))
		return -1;
	snprintf(path, sizeof(path), "/dev/bbuf-%s", channel->name);
	channel->in = open(path, O_WRONLY | O_CLOEXEC);
	channel->out = open(path, O_RDONLY | O_CLOEXEC);
	if (channel->in < 0 || channel->out < 0) {
		queue_close(channel);
		return -1;
	}
	channel->max_message = type == BBUF_RECORD ? config.capacity : SIZE_MAX;
	channel->capacity = config.capacity;
	return 0;
}

static int stream_open(struct channel *channel)
{
	return queue_open(channel, BBUF_STREAM);
}

const struct peer peer_stream = {
	.name = "bbuf-stream",
	.can = PEER_BBUF | PEER_SINGLE | PEER_CROSS | PEER_POLL | PEER_FILE | PEER_SPLICE,
	.open = stream_open, .put = file_put, .get = file_get, .close = queue_close,
};

static int record_open(struct channel *channel)
{
	return queue_open(channel, BBUF_RECORD);
}

const struct peer peer_record = {
	.name = "bbuf-record",
	.can = PEER_BBUF | PEER_SINGLE | PEER_CROSS | PEER_SHARE | PEER_POLL | PEER_FILE |
	       PEER_SPLICE,
	.open = record_open, .put = file_put, .get = file_get, .close = queue_close,
};

static int framed_open(struct channel *channel)
{
	const struct bbuf_options framed = { .flags = BBUF_FRAMED };

	if (queue_open(channel, BBUF_RECORD))
		return -1;
	if (ioctl(channel->in, BBUF_IOC_SET_OPTIONS, &framed) ||
	    ioctl(channel->out, BBUF_IOC_SET_OPTIONS, &framed))
		channel_failed(channel, "BBUF_IOC_SET_OPTIONS");
	channel->offset = sizeof(struct bbuf_frame);
	channel->stride = BBUF_FRAME_SPACE(channel->size);
	channel->batch = MAX(1U, MIN(BATCH, channel->capacity / channel->size));
	return 0;
}

static void framed_head(const struct channel *channel, char *at)
{
	const struct bbuf_frame frame = { .len = channel->size };

	memcpy(at, &frame, sizeof(frame));
}

static size_t framed_get(struct channel *channel)
{
	return file_get(channel) / channel->stride * channel->size;
}

const struct peer peer_framed = {
	.name = "bbuf-framed",
	.can = PEER_BBUF | PEER_CROSS | PEER_SHARE | PEER_POLL | PEER_FILE,
	.open = framed_open, .head = framed_head, .put = file_put, .get = framed_get,
	.close = queue_close,
};

/* Both ends of a queue, as a program has them that puts and gets one record at a time. */
struct buffered {
	struct bbuf *in;
	struct bbuf *out;
	struct bbuf_writer *writer;
	struct bbuf_reader *reader;
};

static void buffered_make(struct channel *channel, struct buffered *buffered)
{
	const size_t bytes = channel->batch * BBUF_FRAME_SPACE(channel->size);

	buffered->in = bbuf_from_fd(channel->in);
	buffered->out = bbuf_from_fd(channel->out);
	if (!buffered->in || !buffered->out)
		channel_failed(channel, "bbuf_from_fd");
	buffered->writer = bbuf_writer_new(buffered->in, bytes, NULL);
	if (!buffered->writer)
		channel_failed(channel, "bbuf_writer_new");
	buffered->reader = bbuf_reader_new(buffered->out, bytes);
	if (!buffered->reader)
		channel_failed(channel, "bbuf_reader_new");
}

static int buffered_open(struct channel *channel)
{
	if (queue_open(channel, BBUF_RECORD))
		return -1;
	channel->batch = MAX(1U, MIN(BATCH, channel->capacity / channel->size));
	channel->private = xcalloc(1, sizeof(struct buffered));
	buffered_make(channel, channel->private);
	return 0;
}

static void buffered_put(struct channel *channel)
{
	struct buffered *buffered = channel->private;
	size_t at;

	for (at = 0; at < channel->data_len; at += channel->stride)
		if (bbuf_writer_put(buffered->writer, channel->data + at, channel->size, NULL) < 0)
			channel_failed(channel, "bbuf_writer_put");
	if (bbuf_writer_flush(buffered->writer, NULL))
		channel_failed(channel, "bbuf_writer_flush");
}

/* Only the first record is waited for: the others have been read with it. */
static size_t buffered_get(struct channel *channel)
{
	struct bbuf_reader *reader = ((struct buffered *)channel->private)->reader;
	size_t bytes = 0;

	do {
		ssize_t n = bbuf_reader_get(reader, channel->space + bytes, channel->size, NULL,
					    NULL);

		if (n <= 0)
			channel_failed(channel, "bbuf_reader_get");
		bytes += n;
	} while (bbuf_reader_count(reader));
	return bytes;
}

static void buffered_close(struct channel *channel)
{
	struct buffered *buffered = channel->private;

	bbuf_writer_free(buffered->writer);
	bbuf_reader_free(buffered->reader);
	bbuf_close(buffered->in);
	bbuf_close(buffered->out);
	free(buffered);
	bbuf_destroy(channel->name);
}

const struct peer peer_buffered = {
	.name = "bbuf-buffered",
	.can = PEER_BBUF | PEER_CROSS | PEER_SHARE,
	.open = buffered_open, .put = buffered_put, .get = buffered_get, .close = buffered_close,
};
