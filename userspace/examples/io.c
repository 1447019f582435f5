// SPDX-License-Identifier: GPL-2.0-only
/*
 * io: the two steps of an input: waiting until the kernel has data, and copying it to user
 * space.
 *
 * The copying comes first: the same bytes go into the kernel and out again in small and large
 * pieces. Each byte is copied twice; but smaller pieces need more system calls. Then a buffer in
 * user space collects what is put until the buffer is full, and keeps what one large read
 * returned. It costs memory and two more copies, and saves system calls, and so time.
 *
 * Then the waiting: a byte arrives every few milliseconds. The reader sleeps in read(), retries
 * immediately with O_NONBLOCK, or retries after poll().
 *
 * Look at: stream_put() and stream_get(), which are all there is to a buffer; take(), which has
 * the three ways to wait; and the CPU time in the second table, of a reader that has nothing to
 * do.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "example.h"

#define CAPACITY	65536	/* of the queue, and of the largest piece */
#define ITEMS		20	/* number of bytes that are waited for, one by one */

static uint64_t bytes, pause_ns;

static const struct setting settings[] = {
	{ .name = "bytes", .size = &bytes, .initial = "1M",
	  .doc = "number of bytes to move by each method" },
	{ .name = "pause", .time = &pause_ns, .initial = "10ms",
	  .doc = "pause between two bytes that are waited for" },
	{ 0 }
};

static const char *name;

/**
 * struct stream - one end of the queue with a buffer
 * @fd: file descriptor of the queue
 * @space: size of the buffer in bytes, a multiple of the pieces; 0 for a system call per piece
 * @begin: offset of the start of the data in @buffer
 * @end: offset of the end of the data in @buffer
 * @calls: number of system calls so far
 * @copied: number of bytes copied so far, by the kernel and by this process
 * @buffer: the buffer
 */
struct stream {
	int fd;
	size_t space;
	size_t begin;
	size_t end;
	uint64_t calls;
	uint64_t copied;
	char buffer[CAPACITY];
};

/* Check the result of a system call, and count it. */
static size_t call_made(struct stream *stream, ssize_t n)
{
	if (n <= 0)
		err(EXIT_FAILURE, "the queue %s: reading or writing", name);
	stream->calls++;
	stream->copied += n;
	return n;
}

static void stream_flush(struct stream *stream)
{
	if (stream->end)
		call_made(stream, write(stream->fd, stream->buffer, stream->end));
	stream->end = 0;
}

static void stream_put(struct stream *stream, const char *piece, size_t n)
{
	if (!stream->space)
		return (void)call_made(stream, write(stream->fd, piece, n));
	if (stream->end == stream->space)
		stream_flush(stream);
	memcpy(stream->buffer + stream->end, piece, n);
	stream->end += n;
	stream->copied += n;
}

static void stream_get(struct stream *stream, char *piece, size_t n)
{
	if (!stream->space)
		return (void)call_made(stream, read(stream->fd, piece, n));
	if (stream->begin == stream->end) {
		stream->end = call_made(stream, read(stream->fd, stream->buffer, stream->space));
		stream->begin = 0;
	}
	memcpy(piece, stream->buffer + stream->begin, n);
	stream->begin += n;
	stream->copied += n;
}

/* One thread fills the queue and empties it, so that it never blocks. Returns the time. */
static uint64_t move(struct stream *in, struct stream *out, size_t n, size_t piece)
{
	char source[CAPACITY], sink[CAPACITY] = { 0 };
	uint64_t ns;
	size_t i;

	for (i = 0; i < n; i++)
		source[i] = i % 251;
	ns = now_ns();
	for (i = 0; i < n; i += piece)
		stream_put(in, source + i, MIN(piece, n - i));
	stream_flush(in);
	for (i = 0; i < n; i += piece)
		stream_get(out, sink + i, MIN(piece, n - i));
	ns = now_ns() - ns;
	if (memcmp(source, sink, n))
		errx(EXIT_FAILURE, "other bytes came out than went in");
	return ns;
}

static void move_all(size_t piece, size_t space, struct libscols_table *table, struct chart *chart)
{
	struct ends ends = ends_open(name, name);
	struct stream in = { .fd = bbuf_fd(ends.to), .space = space };
	struct stream out = { .fd = bbuf_fd(ends.from), .space = space };
	char piece_text[TEXT_MAX], space_text[TEXT_MAX];
	uint64_t left, ns = 0;

	for (left = bytes; left; left -= MIN(left, CAPACITY))
		ns += move(&in, &out, MIN(left, CAPACITY), piece);
	format_size(space_text, space);
	results_row(table, "%s|%s|%ju|%.0f|%.2f", format_size(piece_text, piece),
		    space ? space_text : "none", in.calls + out.calls,
		    (double)(in.copied + out.copied) / bytes, (double)ns / NSEC_PER_MSEC);
	if (piece == 1)
		chart_bar(chart, space_text, ns, "%.1f ms", (double)ns / NSEC_PER_MSEC);
	ends_close(&ends);
}

static void show_copies(void)
{
	static const size_t ways[][2] = {
		{ 1, 0 }, { 1, 16 }, { 1, 256 }, { 1, 4096 }, { 1, CAPACITY }, { 64, 0 },
		{ 64, CAPACITY }, { 4096, 0 }, { 4096, CAPACITY }, { CAPACITY, 0 },
		{ CAPACITY, CAPACITY },
	};
	struct libscols_table *table = results_new("piece|buffer|system calls|copies of a byte|ms");
	struct chart chart = { .title = "Space for time: 1 byte at a time, with such a buffer" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		move_all(ways[i][0], ways[i][1], table, &chart);
	results_print(table);
	chart_print(&chart);
}

static void *put_seldom(void *unused)
{
	struct bbuf *queue = queue_open(name, O_WRONLY);
	char item;

	for (item = 0; item < ITEMS; item++) {
		sleep_for(pause_ns);
		queue_put(queue, &item, sizeof(item));
	}
	bbuf_close(queue);
	return unused;
}

/* Returns an item, and counts the reads that found nothing. */
static char take(int fd, bool poll_first, uint64_t *in_vain)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	char item;

	for (;; ++*in_vain) {
		if (poll_first && poll(&readable, 1, -1) < 0)
			err(EXIT_FAILURE, "the queue %s: polling", name);
		if (read(fd, &item, sizeof(item)) == sizeof(item))
			return item;
		if (errno != EAGAIN)
			err(EXIT_FAILURE, "the queue %s: reading", name);
	}
}

static void wait(struct libscols_table *table, const char *method, int flags, bool poll_first)
{
	struct bbuf *queue = queue_open(name, O_RDONLY | flags);
	pthread_t producer = thread_start(put_seldom, NULL);
	struct cost cost = cost_now(RUSAGE_THREAD);
	uint64_t in_vain = 0;
	char item;

	for (item = 0; item < ITEMS; item++)
		if (take(bbuf_fd(queue), poll_first, &in_vain) != item)
			errx(EXIT_FAILURE, "%s: got another item than was put", method);
	cost = cost_since(RUSAGE_THREAD, &cost);
	results_row(table, "%s|%ju|%ju|%ju|%.1f|%.1f", method, ITEMS + in_vain, in_vain, cost.slept,
		    (double)cost.ns / NSEC_PER_MSEC, (double)cost.cpu_ns / NSEC_PER_MSEC);
	thread_join(producer);
	bbuf_close(queue);
}

static void show_waits(void)
{
	struct libscols_table *table = results_new("waiting by|reads|in vain|slept|ms|ms of CPU");

	wait(table, "blocking read", 0, false);
	wait(table, "O_NONBLOCK, poll", O_NONBLOCK, true);
	wait(table, "O_NONBLOCK, spin", O_NONBLOCK, false);
	results_print(table);
}

int main(int argc, char **argv)
{
	example_settings(argc, argv, "Shows the cost of copying data from the kernel, and of "
			 "waiting for it.\v" HELP_UNITS "\n" HELP_EXIT ".", settings);
	name = queue_new(BBUF_STREAM, CAPACITY);
	show_copies();
	putchar('\n');
	show_waits();
	return output_end();
}
