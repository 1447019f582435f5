// SPDX-License-Identifier: GPL-2.0-only
/*
 * io: the two steps of an input, to wait until the kernel has something, and to get it from
 * the kernel; and of an output, where what is waited for is room.
 *
 * First the getting. The same bytes go into the kernel and out again in pieces of 1 byte to
 * 64 KiB, one system call for a piece. Each byte is copied twice, whatever the size; but the
 * smaller the pieces, the more calls. Then a buffer in user space collects pieces that are put,
 * until it is full, and keeps what one large read brought, for many to be got. That is what
 * stdio does. It takes space, and two copies more, and what it saves is system calls: time.
 *
 * Then the waiting: a byte comes every few milliseconds, to somebody who sleeps in read(),
 * who tries again and again with O_NONBLOCK, or who tries when poll() says so.
 *
 * Look at: stream_put() and stream_get(), all that there is to a buffer; take(), the three ways
 * to wait; and in the second table at the CPU time of the one who has nothing to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "example.h"

/* Of the queue, and the largest piece. */
#define CAPACITY	65536

/* Bytes that are waited for, one by one. */
#define ITEMS		20

static uint64_t bytes, pause_ns;

static const struct setting settings[] = {
	{ "bytes", "256K", "what is moved in each way", &bytes, arg_size, 0 },
	{ "pause", "10ms", "between two bytes that are waited for", &pause_ns, arg_time, 0 },
	{ 0 }
};

/**
 * struct stream - one end of the queue
 * @queue: its file
 * @buffer: memory of this process, of @space bytes; with no space each piece is a call
 * @begin: of what is in @buffer
 * @end: of that
 * @calls: system calls so far
 * @copied: bytes so far, by the kernel and by this process
 */
struct stream {
	struct bbuf *queue;
	char *buffer;
	size_t space;
	size_t begin;
	size_t end;
	uint64_t calls;
	uint64_t copied;
};

/**
 * struct run - the same bytes, moved in one way
 * @piece: bytes that are put, and got, at a time
 * @space: of the buffers
 * @calls: system calls
 * @copied: bytes
 * @ns: how long it took
 */
struct run {
	size_t piece;
	size_t space;
	uint64_t calls;
	uint64_t copied;
	uint64_t ns;
};

/**
 * struct wait - a way to wait
 * @name: of it
 * @flags: of the file
 * @poll: before it reads
 * @reads: system calls
 * @empty: those of them that found nothing: EAGAIN
 * @polls: system calls
 * @cost: of it all
 */
struct wait {
	const char *name;
	int flags;
	bool poll;
	uint64_t reads;
	uint64_t empty;
	uint64_t polls;
	struct cost cost;
};

static const char *name;

static void stream_write(struct stream *stream, const char *data, size_t n)
{
	if (write(bbuf_fd(stream->queue), data, n) != (ssize_t)n)
		err(EXIT_FAILURE, "writing %zu bytes", n);
	stream->calls++;
	stream->copied += n;
}

static size_t stream_read(struct stream *stream, char *data, size_t n)
{
	ssize_t ret = read(bbuf_fd(stream->queue), data, n);

	if (ret <= 0)
		err(EXIT_FAILURE, "reading %zu bytes", n);
	stream->calls++;
	stream->copied += ret;
	return ret;
}

static void stream_flush(struct stream *stream)
{
	if (stream->end)
		stream_write(stream, stream->buffer, stream->end);
	stream->end = 0;
}

static void stream_put(struct stream *stream, const char *data, size_t n)
{
	size_t part;

	if (!stream->space)
		return stream_write(stream, data, n);
	for (; n; n -= part, data += part) {
		if (stream->end == stream->space)
			stream_flush(stream);
		part = MIN(n, stream->space - stream->end);
		memcpy(stream->buffer + stream->end, data, part);
		stream->end += part;
		stream->copied += part;
	}
}

static void stream_get(struct stream *stream, char *data, size_t n)
{
	size_t part;

	if (!stream->space)
		return (void)stream_read(stream, data, n);
	for (; n; n -= part, data += part) {
		if (stream->begin == stream->end) {
			stream->end = stream_read(stream, stream->buffer, stream->space);
			stream->begin = 0;
		}
		part = MIN(n, stream->end - stream->begin);
		memcpy(data, stream->buffer + stream->begin, part);
		stream->begin += part;
		stream->copied += part;
	}
}

static struct stream stream_open(int flags, size_t space)
{
	return (struct stream){
		.queue = queue_open(name, flags),
		.buffer = xcalloc(1, space),
		.space = space,
	};
}

static void stream_close(struct stream *stream)
{
	bbuf_close(stream->queue);
	free(stream->buffer);
}

static void put_pieces(struct stream *stream, const char *data, size_t n, size_t piece)
{
	size_t done;

	for (done = 0; done < n; done += piece)
		stream_put(stream, data + done, MIN(piece, n - done));
	stream_flush(stream);
}

static void get_pieces(struct stream *stream, char *data, size_t n, size_t piece)
{
	size_t done;

	for (done = 0; done < n; done += piece)
		stream_get(stream, data + done, MIN(piece, n - done));
}

/* One thread fills the queue and empties it, so that nobody waits. */
static void move(struct run *run, const char *source, char *sink)
{
	struct stream in = stream_open(O_WRONLY, run->space);
	struct stream out = stream_open(O_RDONLY, run->space);
	size_t done, n;

	run->ns = now_ns();
	for (done = 0; done < bytes; done += n) {
		n = MIN(CAPACITY, bytes - done);
		put_pieces(&in, source + done, n, run->piece);
		get_pieces(&out, sink + done, n, run->piece);
	}
	run->ns = now_ns() - run->ns;
	run->calls = in.calls + out.calls;
	run->copied = in.copied + out.copied;
	stream_close(&in);
	stream_close(&out);
}

static void measure_runs(struct run *runs, size_t count)
{
	char *source = xcalloc(1, bytes), *sink = xcalloc(1, bytes);
	size_t i;

	for (i = 0; i < bytes; i++)
		source[i] = i % 251;
	for (i = 0; i < count; i++) {
		memset(sink, 0, bytes);
		move(&runs[i], source, sink);
		if (memcmp(source, sink, bytes))
			errx(EXIT_FAILURE, "other bytes came out than went in");
	}
	free(source);
	free(sink);
}

static void print_runs(const struct run *runs, size_t count)
{
	static const struct table_column columns[] = {
		{ .heading = "piece" }, { .heading = "buffer" }, { .heading = "system calls" },
		{ .heading = "copies of a byte" }, { .heading = "ms" },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);
	const struct run *run;
	char text[TEXT_MAX];

	for (run = runs; run < runs + count; run++) {
		struct libscols_line *row = table_row(table);

		table_cell(row, 0, "%s", format_size(text, run->piece));
		table_cell(row, 1, "%s", run->space ? format_size(text, run->space) : "none");
		table_count(row, 2, run->calls);
		table_cell(row, 3, "%.0f", (double)run->copied / bytes);
		table_cell(row, 4, "%.2f", (double)run->ns / NSEC_PER_MSEC);
	}
	table_print(table, stdout);
}

/* Those with the smallest pieces come first. */
static void chart_runs(const struct run *runs, size_t count)
{
	char labels[count][TEXT_MAX];
	struct bar bars[count];
	size_t i;

	for (i = 0; i < count && runs[i].piece == runs[0].piece; i++) {
		bars[i].label = format_size(labels[i], runs[i].space);
		bars[i].value = runs[i].ns;
		format_time(bars[i].text, runs[i].ns);
	}
	chart_print("\nSpace for time: 1 byte at a time, with a buffer of so many bytes", bars, i);
}

static void show_copies(void)
{
	struct run runs[] = {
		{ .piece = 1 }, { .piece = 1, .space = 16 }, { .piece = 1, .space = 256 },
		{ .piece = 1, .space = 4096 }, { .piece = 1, .space = CAPACITY },
		{ .piece = 64 }, { .piece = 64, .space = CAPACITY },
		{ .piece = 4096 }, { .piece = 4096, .space = CAPACITY },
		{ .piece = CAPACITY }, { .piece = CAPACITY, .space = CAPACITY },
	};

	measure_runs(runs, ARRAY_SIZE(runs));
	print_runs(runs, ARRAY_SIZE(runs));
	chart_runs(runs, ARRAY_SIZE(runs));
}

static void *put_seldom(void *unused)
{
	struct bbuf *queue = queue_open(name, O_WRONLY);
	uint64_t when = now_ns();
	char item;

	for (item = 0; item < ITEMS; item++) {
		when += pause_ns;
		sleep_until(when);
		queue_put(queue, &item, sizeof(item));
	}
	bbuf_close(queue);
	return unused;
}

/* What the three ways have in common is that they return with an item. */
static char take(struct wait *wait, int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	char item;

	for (;;) {
		if (wait->poll) {
			wait->polls++;
			if (poll(&readable, 1, -1) < 0)
				err(EXIT_FAILURE, "polling");
		}
		wait->reads++;
		if (read(fd, &item, sizeof(item)) == sizeof(item))
			return item;
		if (errno != EAGAIN)
			err(EXIT_FAILURE, "reading");
		wait->empty++;
	}
}

static void measure_wait(struct wait *wait)
{
	struct bbuf *queue = queue_open(name, O_RDONLY | wait->flags);
	pthread_t producer = thread_start(put_seldom, NULL);
	char item;

	wait->cost = cost_now(RUSAGE_THREAD);
	for (item = 0; item < ITEMS; item++)
		if (take(wait, bbuf_fd(queue)) != item)
			errx(EXIT_FAILURE, "%s: got another item than was put", wait->name);
	wait->cost = cost_since(RUSAGE_THREAD, &wait->cost);
	thread_join(producer);
	bbuf_close(queue);
}

static void print_waits(const struct wait *waits, size_t count)
{
	static const struct table_column columns[] = {
		{ .heading = "waiting by" }, { .heading = "reads" }, { .heading = "in vain" },
		{ .heading = "polls" }, { .heading = "slept" }, { .heading = "ms" },
		{ .heading = "ms of CPU" },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);
	const struct wait *wait;

	for (wait = waits; wait < waits + count; wait++) {
		struct libscols_line *row = table_row(table);

		table_cell(row, 0, "%s", wait->name);
		table_count(row, 1, wait->reads);
		table_count(row, 2, wait->empty);
		table_count(row, 3, wait->polls);
		table_count(row, 4, wait->cost.slept);
		table_cell(row, 5, "%.1f", (double)wait->cost.ns / NSEC_PER_MSEC);
		table_cell(row, 6, "%.1f", (double)wait->cost.cpu_ns / NSEC_PER_MSEC);
	}
	table_print(table, stdout);
}

static void show_waits(void)
{
	struct wait waits[] = {
		{ .name = "blocking read" },
		{ .name = "O_NONBLOCK, poll", .flags = O_NONBLOCK, .poll = true },
		{ .name = "O_NONBLOCK, spin", .flags = O_NONBLOCK },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(waits); i++)
		measure_wait(&waits[i]);
	putchar('\n');
	print_waits(waits, ARRAY_SIZE(waits));
}

int main(int argc, char **argv)
{
	example_settings(argc, argv, "What it takes to get from the kernel what it has, by small "
			 "and large calls, with and without a buffer; and to wait for what it has "
			 "not.\v" HELP_SIZES "\n" HELP_EXIT ".", settings);
	name = queue_new(BBUF_STREAM, CAPACITY);
	show_copies();
	show_waits();
	return output_end();
}
