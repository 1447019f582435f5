// SPDX-License-Identifier: GPL-2.0-only
/*
 * One process that puts and takes messages with io_uring: many pairs of linked write and read
 * requests with one system call.
 */
#include <err.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

#include "common/macros.h"
#include "measure.h"

#define PAIRS_MAX	16
#define PAGE		4096

/**
 * struct submitter - state of the process
 * @channel: the queue
 * @pairs: number of pairs of a write and a read for each call
 * @ring: ring of the process, created when it starts, because it is not inherited by fork()
 * @ready: @ring exists
 */
struct submitter {
	struct channel channel;
	size_t pairs;
	struct io_uring ring;
	bool ready;
};

static int make_ring(struct io_uring *ring)
{
	int ret = io_uring_queue_init(2 * PAIRS_MAX, ring, 0);

	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}

/*
 * Number of pairs for which the queue has room, a pipe counting in pages. Then no write blocks,
 * and none is partial: a partial write would cancel the read linked to it, and the others would
 * wait for data that this read should have removed.
 */
static size_t pairs_of(const struct channel *channel)
{
	size_t pages = (channel->batch * channel->size + PAGE - 1) / PAGE;

	return MAX(1U, MIN((size_t)PAIRS_MAX, channel->capacity / (pages * PAGE)));
}

/* Offset -1 means the file position, which queues do not have. */
static void prepare_pair(struct io_uring *ring, const struct channel *channel)
{
	struct io_uring_sqe *entry;

	entry = io_uring_get_sqe(ring);
	io_uring_prep_write(entry, channel->in, channel->data, channel->data_len, -1);
	entry->flags |= IOSQE_IO_LINK;
	entry = io_uring_get_sqe(ring);
	io_uring_prep_read(entry, channel->out, channel->space, channel->room, -1);
}

/* Both requests move the same number of bytes. */
static void reap(struct io_uring *ring, const struct channel *channel)
{
	struct io_uring_cqe *done;
	unsigned int head, count = 0;

	io_uring_for_each_cqe(ring, head, done) {
		if (done->res != (int)channel->data_len) {
			errno = done->res < 0 ? -done->res : EIO;
			channel_failed(channel, "io_uring");
		}
		count++;
	}
	io_uring_cq_advance(ring, count);
}

static void run(struct worker *worker, void *work, size_t messages)
{
	struct submitter *submitter = work;
	struct channel *channel = &submitter->channel;
	struct io_uring *ring = &submitter->ring;
	unsigned int both = 2 * submitter->pairs;
	size_t i;

	if (!submitter->ready && make_ring(ring))
		channel_failed(channel, "io_uring_queue_init");
	submitter->ready = true;
	while (worker->got < messages) {
		for (i = 0; i < submitter->pairs; i++)
			prepare_pair(ring, channel);
		if (io_uring_submit_and_wait(ring, both) != (int)both)
			channel_failed(channel, "io_uring_submit_and_wait");
		reap(ring, channel);
		worker->calls++;
		worker->got += submitter->pairs * channel->batch;
	}
}

/* io_uring may be disabled for users, or altogether. */
static int uring(const struct setup *setup, struct figure *figure)
{
	struct submitter submitter = { .ready = false };
	struct task task = {
		.workers = 1, .run = run, .work = &submitter, .messages = setup->messages,
	};

	if (make_ring(&submitter.ring))
		return -1;
	io_uring_queue_exit(&submitter.ring);
	if (setup_open(setup, &submitter.channel))
		return -1;
	submitter.pairs = pairs_of(&submitter.channel);
	measure(setup, &task, figure);
	channel_close(&submitter.channel);
	return 0;
}

const struct pattern pattern_uring = {
	.name = "uring", .summary = "one process with io_uring, up to 16 writes and reads a call",
	.can = PEER_FILE, .whole = true,
	.sizes = { 64, 4096, 16384 },
	.measures = HAS_COST,
	.run = uring,
};
