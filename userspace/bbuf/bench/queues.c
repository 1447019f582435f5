// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf queues: streams, records, and batches of framed records.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bbuf.h>

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
