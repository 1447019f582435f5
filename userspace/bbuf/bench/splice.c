// SPDX-License-Identifier: GPL-2.0-only
/*
 * One process that moves messages from a file through a queue to /dev/null, without copying them
 * to its own memory. splice() needs a pipe on one side: a queue that is not a pipe itself needs
 * one behind it.
 */
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "measure.h"

/**
 * struct route - path of the data
 * @channel: the queue
 * @file: a message, in a memory file
 * @pipe: behind the queue, unless that is a pipe itself
 * @null: destination
 */
struct route {
	struct channel channel;
	int file;
	int pipe[2];
	int null;
};

static void send_in(struct worker *worker, struct route *route)
{
	size_t size = route->channel.size;
	off_t at = 0;

	for (; (size_t)at < size; worker->calls++)
		if (sendfile(route->channel.in, route->file, &at, size - at) <= 0)
			channel_failed(&route->channel, "sendfile");
}

/* Move up to @bytes bytes from a queue or a pipe. */
static size_t move(struct worker *worker, struct route *route, int from, int to, size_t bytes)
{
	ssize_t n = splice(from, NULL, to, NULL, bytes, SPLICE_F_MOVE);

	if (n <= 0)
		channel_failed(&route->channel, "splice");
	worker->calls++;
	return n;
}

static void move_all(struct worker *worker, struct route *route, int from, size_t bytes)
{
	while (bytes)
		bytes -= move(worker, route, from, route->null, bytes);
}

static void take_out(struct worker *worker, struct route *route)
{
	size_t left = route->channel.size, n;
	int from = route->channel.out;

	if (fcntl(from, F_GETPIPE_SZ) > 0)
		return move_all(worker, route, from, left);
	for (; left; left -= n) {
		n = move(worker, route, from, route->pipe[1], left);
		move_all(worker, route, route->pipe[0], n);
	}
}

static void run(struct worker *worker, void *work, size_t messages)
{
	size_t i;

	for (i = 0; i < messages; i++) {
		send_in(worker, work);
		take_out(worker, work);
	}
	worker->got += messages;
}

static void open_ends(struct route *route, size_t size)
{
	route->file = memfd_create("bbuf-bench", MFD_CLOEXEC);
	route->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (route->file < 0 || route->null < 0 || pipe2(route->pipe, O_CLOEXEC) ||
	    posix_fallocate(route->file, 0, size))
		err(EXIT_FAILURE, "bench: opening a file, a pipe and /dev/null");
}

static void close_ends(const struct route *route)
{
	close(route->file);
	close(route->pipe[0]);
	close(route->pipe[1]);
	close(route->null);
}

static int splice_through(const struct setup *setup, struct figure *figure)
{
	struct route route;
	struct task task = {
		.workers = 1, .run = run, .work = &route, .messages = setup->messages,
	};

	if (setup_open(setup, &route.channel))
		return -1;
	open_ends(&route, setup->size);
	measure(setup, &task, figure);
	close_ends(&route);
	channel_close(&route.channel);
	return 0;
}

const struct pattern pattern_splice = {
	.name = "splice", .summary = "one process moves a file through a queue to /dev/null",
	.can = PEER_SPLICE, .whole = true,
	.sizes = { 4096, 65536 },
	.measures = HAS_COST,
	.run = splice_through,
};
