// SPDX-License-Identifier: GPL-2.0-only
/*
 * copies: show the cost of I/O, which copies each byte twice and takes a system call for each
 * buffer.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/macros.h"
#include "common/screen.h"
#include "common/settings.h"
#include "common/table.h"
#include "common/units.h"
#include "device.h"

#define BYTES_PER_MB	1e6

/* From user to kernel memory and back. */
#define COPIES_PER_BYTE	2

/* Widths of the columns on both sides of the bars. */
#define LABEL_WIDTH	10
#define TIME_WIDTH	10

/**
 * struct run - a run that moves all bytes with one buffer size
 * @size: number of bytes moved by one call
 * @calls: number of system calls
 * @ns: duration in nanoseconds
 */
struct run {
	size_t size;
	uint64_t calls;
	uint64_t ns;
};

/**
 * struct plan - options of copies
 * @device: path of the queue
 * @bytes: number of bytes moved in each run
 * @runs: one run for each size
 * @count: number of @runs
 */
struct plan {
	const char *device;
	uint64_t bytes;
	struct run *runs;
	size_t count;
};

static void plan_add(struct plan *plan, size_t size)
{
	plan->runs = xrealloc(plan->runs, plan->count + 1, sizeof(*plan->runs));
	plan->runs[plan->count++] = (struct run){ .size = size };
}

static error_t parse_sizes(int key, char *arg, struct argp_state *state, void *input)
{
	static const size_t defaults[] = { 1, 64, 4096, 65536 };
	struct plan *plan = input;
	size_t i;

	switch (key) {
	case ARGP_KEY_ARG:
		plan_add(plan, arg_size(state, "SIZE", arg));
		return 0;
	case ARGP_KEY_NO_ARGS:
		for (i = 0; i < ARRAY_SIZE(defaults); i++)
			plan_add(plan, defaults[i]);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void parse(struct plan *plan, int argc, char **argv)
{
	const struct setting settings[] = {
		DEVICE_SETTING(&plan->device),
		{ .name = "bytes", .key = 'n', .size = &plan->bytes, .initial = "1M",
		  .doc = "number of bytes to move with each size" },
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.args = "[SIZE...]",
		.doc = "Moves the same bytes through a queue in calls of each SIZE (default: 1, 64, "
		       "4096 and 65536 bytes), and shows the cost.\v"
		       "One thread writes a buffer and reads it back, so that no call blocks: the "
		       "cost is that of the system calls and of the two copies, from user to kernel "
		       "memory and back. A size above the capacity is skipped. The queue must be "
		       "empty, and no other process may use it meanwhile.\n\n"
		       HELP_SIZES "\n" HELP_EXIT ".",
		.parse = parse_sizes,
		.input = plan,
	};

	command_line_parse(&line, argc, argv);
}

/* Check that a call has moved n bytes, or exit. */
static void must_move(const struct plan *plan, ssize_t ret, size_t n, const char *what)
{
	if (ret < 0)
		err(EXIT_FAILURE, "%s: %s %zu bytes%s", plan->device, what, n, errno == EAGAIN ?
		    ": is another process using the queue?" : "");
	if ((size_t)ret != n)
		errx(EXIT_FAILURE, "%s: %s %zu bytes moved only %zd: is another process using the "
		     "queue?", plan->device, what, n, ret);
}

static void run_measure(struct run *run, const struct plan *plan, int fds[2], const char *source,
			char *sink)
{
	uint64_t start = now_ns();
	size_t done, n;

	for (done = 0; done < plan->bytes; done += n) {
		n = MIN(run->size, plan->bytes - done);
		must_move(plan, write(fds[1], source + done, n), n, "writing");
		must_move(plan, read(fds[0], sink + done, n), n, "reading");
		run->calls += 2;
	}
	run->ns = now_ns() - start;
	if (memcmp(source, sink, plan->bytes))
		errx(EXIT_FAILURE, "%s: the bytes read differ from the bytes written: is another "
		     "process using the queue?", plan->device);
	memset(sink, 0, plan->bytes);
}

/* Random bytes, so that misplaced data is noticed, and pages that are mapped. */
static char *random_bytes(size_t n)
{
	char *bytes = xcalloc(1, n);
	size_t done;
	ssize_t ret;

	for (done = 0; done < n; done += ret) {
		ret = getrandom(bytes + done, n - done, 0);
		if (ret < 0)
			err(EXIT_FAILURE, "getting random bytes");
	}
	return bytes;
}

static void plan_run(struct plan *plan)
{
	int fds[] = {
		device_open(plan->device, O_RDONLY | O_NONBLOCK),
		device_open(plan->device, O_WRONLY | O_NONBLOCK),
	};
	uint64_t capacity = device_require_empty(fds[0], plan->device);
	char *source = random_bytes(plan->bytes), *sink = random_bytes(plan->bytes);
	size_t i, kept = 0;

	for (i = 0; i < plan->count; i++) {
		if (plan->runs[i].size > capacity) {
			warnx("%s holds %llu bytes: skipping size %zu", plan->device,
			      (unsigned long long)capacity, plan->runs[i].size);
			continue;
		}
		run_measure(&plan->runs[i], plan, fds, source, sink);
		plan->runs[kept++] = plan->runs[i];
	}
	plan->count = kept;
	free(source);
	free(sink);
	close(fds[0]);
	close(fds[1]);
	if (!kept)
		errx(EXIT_FAILURE, "%s: all sizes exceed the capacity", plan->device);
}

static double run_speed(const struct run *run, size_t bytes)
{
	return bytes / BYTES_PER_MB * NSEC_PER_SEC / run->ns;
}

static void draw_table(const struct screen *screen, const struct plan *plan)
{
	static const struct table_column columns[] = {
		{ .heading = "bytes a call" }, { .heading = "system calls" },
		{ .heading = "bytes copied" }, { .heading = "ms" }, { .heading = "ns/call" },
		{ .heading = "MB/s" }, { .heading = "times faster" },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);
	const struct run *run;
	char copied[TEXT_MAX];

	for (run = plan->runs; run < plan->runs + plan->count; run++) {
		struct libscols_line *row = table_row(table);
		size_t column = 0;

		table_cell(row, column++, "%zu", run->size);
		table_count(row, column++, run->calls);
		table_cell(row, column++, "%s",
			   format_size(copied, plan->bytes * COPIES_PER_BYTE));
		table_cell(row, column++, "%.2f", (double)run->ns / NSEC_PER_MSEC);
		table_cell(row, column++, "%.0f", (double)run->ns / run->calls);
		table_cell(row, column++, "%.2f", run_speed(run, plan->bytes));
		table_cell(row, column++, "%.1f", (double)plan->runs->ns / run->ns);
	}
	table_print(table, screen->out);
}

static void draw_chart(const struct screen *screen, const struct plan *plan)
{
	unsigned int cells = screen_bar_cells(screen, LABEL_WIDTH + TIME_WIDTH);
	const struct run *run;
	uint64_t longest = 1;
	char text[TEXT_MAX];

	for (run = plan->runs; run < plan->runs + plan->count; run++)
		longest = MAX(longest, run->ns);
	putc('\n', screen->out);
	screen_heading(screen, "time for the same %s", format_size(text, plan->bytes));
	for (run = plan->runs; run < plan->runs + plan->count; run++) {
		fprintf(screen->out, "%*zu  ", LABEL_WIDTH - 2, run->size);
		screen_bar(screen, (double)run->ns / longest, cells);
		fprintf(screen->out, "%*s\n", TIME_WIDTH, format_time(text, run->ns));
	}
}

/*
 * A run takes calls * c + bytes * b, where c is the cost of a call and b the cost of a byte. Two
 * runs determine both.
 */
static void draw_costs(const struct screen *screen, const struct plan *plan)
{
	const struct run *many = &plan->runs[0], *few = &plan->runs[plan->count - 1];
	double per_call, per_byte;

	if (many->calls <= few->calls)
		return;
	per_call = ((double)many->ns - few->ns) / (many->calls - few->calls);
	per_byte = (few->ns - few->calls * per_call) / plan->bytes;
	if (per_call <= 0 || per_byte <= 0)
		return;
	fprintf(screen->out, "\nFrom the first and the last line: a call costs %.0f ns, whatever "
		"it carries; a byte, copied\ntwice, %.2f ns. Larger buffers save calls, never copies; "
		"from about %.0f bytes a call on,\nthe copies cost more than the calls.\n",
		per_call, per_byte, 2 * per_call / per_byte);
}

int main(int argc, char **argv)
{
	struct plan plan = { 0 };
	struct screen screen;
	char text[TEXT_MAX];

	parse(&plan, argc, argv);
	plan_run(&plan);

	screen_init(&screen, stdout);
	screen_heading(&screen, "%s through %s: user memory -> kernel -> user memory",
		       format_size(text, plan.bytes), plan.device);
	draw_table(&screen, &plan);
	draw_chart(&screen, &plan);
	draw_costs(&screen, &plan);
	free(plan.runs);
	return output_end();
}
