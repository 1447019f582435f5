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
#include "samples.h"

#define CAPACITY	65536	/* of the queue, and of the largest piece */
#define ITEMS		20	/* number of bytes that are waited for, one by one */

static uint64_t bytes, pause_ns, rounds;

static const struct setting settings[] = {
	{ .name = "bytes", .size = &bytes, .initial = "256K",
	  .doc = "number of bytes to move by each method" },
	{ .name = "pause", .time = &pause_ns, .initial = "10ms",
	  .doc = "pause between two bytes that are waited for" },
	ROUNDS_SETTING(&rounds),
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

/**
 * struct method - a way to move the bytes
 * @piece: number of bytes to put, and to get, at a time
 * @space: size of the buffer; 0 for none
 * @calls: number of system calls in the last round
 * @copied: number of bytes copied in the last round
 * @ms: time of each round in milliseconds
 */
struct method {
	size_t piece;
	size_t space;
	uint64_t calls;
	uint64_t copied;
	struct samples ms;
};

/* Returns the time in nanoseconds. */
static uint64_t move_all(struct method *method)
{
	struct ends ends = ends_open(name, name);
	struct stream in = { .fd = bbuf_fd(ends.to), .space = method->space };
	struct stream out = { .fd = bbuf_fd(ends.from), .space = method->space };
	uint64_t left, ns = 0;

	for (left = bytes; left; left -= MIN(left, CAPACITY))
		ns += move(&in, &out, MIN(left, CAPACITY), method->piece);
	method->calls = in.calls + out.calls;
	method->copied = in.copied + out.copied;
	ends_close(&ends);
	return ns;
}

static void report_copies(const struct method *methods, size_t count)
{
	struct libscols_table *table =
		results_new("piece|buffer|system calls|copies per byte|ms|spread");
	char piece[TEXT_MAX], space[TEXT_MAX], spread[TEXT_MAX];
	struct chart chart = { .title = "Time if each piece is 1 byte, by size of the buffer" };
	const struct method *method;

	for (method = methods; method < methods + count; method++) {
		double ms = samples_median(&method->ms);

		format_size(piece, method->piece);
		if (method->space)
			format_size(space, method->space);
		else
			snprintf(space, sizeof(space), "none");
		results_row(table, "%s|%s|%ju|%.0f|%.2f|%s", piece, space, method->calls,
			    (double)method->copied / bytes, ms,
			    samples_spread(spread, &method->ms));
		if (method->piece == 1)
			chart_bar(&chart, space, ms, "%.1f ms", ms);
	}
	results_print(table);
	samples_explain(rounds);
	chart_print(&chart);
}

static void show_copies(void)
{
	static const size_t ways[][2] = {
		{ 1, 0 }, { 1, 16 }, { 1, 256 }, { 1, 4096 }, { 1, CAPACITY }, { 64, 0 },
		{ 64, CAPACITY }, { 4096, 0 }, { 4096, CAPACITY }, { CAPACITY, 0 },
		{ CAPACITY, CAPACITY },
	};
	static struct method methods[ARRAY_SIZE(ways)];
	char text[TEXT_MAX];
	size_t round, i;
	uint64_t ns;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		methods[i] = (struct method){ .piece = ways[i][0], .space = ways[i][1] };
	for (round = 0; round <= rounds; round++) {
		for (i = 0; i < ARRAY_SIZE(methods); i++) {
			ns = move_all(&methods[i]);
			if (round)
				samples_add(&methods[i].ms, (double)ns / NSEC_PER_MSEC);
		}
	}
	printf("Copying: one thread puts %s into a queue, piece by piece, and gets it back.\n",
	       format_size(text, bytes));
	report_copies(methods, ARRAY_SIZE(methods));
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

/**
 * struct wait - a way to wait for bytes that arrive one by one
 * @label: description of the way
 * @flags: flags to open the queue with
 * @poll_first: poll before each read
 * @in_vain: number of reads that found nothing, in each round
 * @slept: number of voluntary context switches
 * @ms: elapsed time in milliseconds
 * @cpu_ms: CPU time in milliseconds
 */
struct wait {
	const char *label;
	int flags;
	bool poll_first;
	struct samples in_vain;
	struct samples slept;
	struct samples ms;
	struct samples cpu_ms;
};

/* Returns the cost, and adds the number of reads that found nothing. */
static struct cost wait_for_all(const struct wait *wait, uint64_t *in_vain)
{
	struct bbuf *queue = queue_open(name, O_RDONLY | wait->flags);
	pthread_t producer = thread_start(put_seldom, NULL);
	struct cost cost = cost_now(RUSAGE_THREAD);
	char item;

	for (item = 0; item < ITEMS; item++)
		if (take(bbuf_fd(queue), wait->poll_first, in_vain) != item)
			errx(EXIT_FAILURE, "%s: got another item than was put", wait->label);
	cost = cost_since(RUSAGE_THREAD, &cost);
	thread_join(producer);
	bbuf_close(queue);
	return cost;
}

static void wait_once(struct wait *wait, bool keep)
{
	uint64_t in_vain = 0;
	struct cost cost = wait_for_all(wait, &in_vain);

	if (!keep)
		return;
	samples_add(&wait->in_vain, in_vain);
	samples_add(&wait->slept, cost.slept);
	samples_add(&wait->ms, (double)cost.ns / NSEC_PER_MSEC);
	samples_add(&wait->cpu_ms, (double)cost.cpu_ns / NSEC_PER_MSEC);
}

static void report_waits(const struct wait *waits, size_t count)
{
	struct libscols_table *table =
		results_new("way to wait|reads|EAGAIN|sleeps|ms|CPU ms|spread");
	const struct wait *wait;
	char spread[TEXT_MAX];

	for (wait = waits; wait < waits + count; wait++) {
		double in_vain = samples_median(&wait->in_vain);

		results_row(table, "%s|%.0f|%.0f|%.0f|%.1f|%.1f|%s", wait->label, ITEMS + in_vain,
			    in_vain, samples_median(&wait->slept), samples_median(&wait->ms),
			    samples_median(&wait->cpu_ms),
			    samples_spread(spread, &wait->cpu_ms));
	}
	results_print(table);
}

static void show_waits(void)
{
	static struct wait waits[] = {
		{ .label = "blocking read" },
		{ .label = "O_NONBLOCK, poll", .flags = O_NONBLOCK, .poll_first = true },
		{ .label = "O_NONBLOCK, spin", .flags = O_NONBLOCK },
	};
	char text[TEXT_MAX];
	size_t round, i;

	for (round = 0; round <= rounds; round++)
		for (i = 0; i < ARRAY_SIZE(waits); i++)
			wait_once(&waits[i], round > 0);
	printf("Waiting: a thread reads %d bytes, which come one by one, with %s between them.\n",
	       ITEMS, format_time(text, pause_ns));
	report_waits(waits, ARRAY_SIZE(waits));
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
