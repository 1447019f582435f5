// SPDX-License-Identifier: GPL-2.0-only
/*
 * timeline: show one producer and one consumer side by side while they fill and empty a queue:
 * blocking, with O_NONBLOCK, and with poll.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
#include "events.h"
#include "picture.h"

/* Number of items that fill the queue by default. */
#define SLOTS		4

/* By this factor the pauses are shorter in the run that warms up. */
#define WARM_UP_SPEED	10

/* Widths of the columns of the timeline; the bar uses the rest. */
#define TIME_WIDTH	8
#define ROLE_WIDTH	33
#define GAP		"  "

/* Size of the description of an event. */
#define NOTE_MAX	128

static const char *const titles[MODE_COUNT] = {
	[MODE_BLOCK] = "blocking: the call sleeps while there is no room, or no data",
	[MODE_NONBLOCK] = "O_NONBLOCK: the call returns EAGAIN at once, and is tried again",
	[MODE_POLL] = "poll: after EAGAIN, poll() sleeps until the queue is ready",
	[MODE_EPOLL] = "epoll: after EAGAIN, epoll_wait() sleeps until the queue is ready",
};

/**
 * struct plan - options of timeline
 * @schedule: what the producer and the consumer do
 * @all_modes: show several ways to wait
 * @mode: the only way to wait, otherwise
 * @capacity: capacity of the queue in bytes
 * @svg: file for a picture, or NULL
 */
struct plan {
	struct schedule schedule;
	bool all_modes;
	enum endpoint_mode mode;
	uint64_t capacity;
	const char *svg;
};

static void set_only_mode(struct argp_state *state, const struct setting *setting, char *arg)
{
	struct plan *plan = setting->into;
	const struct setting mode = { .name = setting->name, .into = &plan->mode };

	set_mode(state, &mode, arg);
	plan->all_modes = false;
}

static void parse(struct plan *plan, int argc, char **argv)
{
	struct schedule *schedule = &plan->schedule;
	const struct setting settings[] = {
		DEVICE_SETTING(&schedule->device),
		{ .name = "mode", .key = 'm', .arg = "MODE", .parse = set_only_mode, .into = plan,
		  .doc = "show only this way to wait: block, nonblock, poll or epoll (default: the "
			 "first three, one after another)" },
		{ .name = "size", .key = 's', .size = &schedule->size,
		  .doc = "size of an item in bytes (default: a quarter of the capacity)" },
		{ .name = "waits", .key = 'n', .count = &schedule->trickle, .initial = "4",
		  .doc = "number of items that find the queue full, and that find it empty" },
		{ .name = "pause", .key = 'p', .time = &schedule->pause_ns, .initial = "10ms",
		  .doc = "pause of the slower side before each item" },
		{ .name = "svg", .arg = "FILE", .text = &plan->svg,
		  .doc = "also write a picture of the runs to this file, as SVG" },
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.doc = "Shows a producer and a consumer of a queue side by side: first the consumer "
		       "is slow, so that the queue fills; then the producer, so that it becomes "
		       "empty. They run blocking, with O_NONBLOCK, and with poll(); a table "
		       "compares the costs.\v"
		       "Everything shown is measured by the two threads, on one clock. A call is "
		       "shown when it returned, a wait when it began; a thread that was woken may "
		       "return before the call that woke it. The fill level was read from the queue "
		       "just before or after the call. A thread slept if getrusage() counted a "
		       "voluntary context switch during its call. The queue must be empty, and no "
		       "other process may use it meanwhile.\n\n"
		       HELP_UNITS "\n" HELP_EXIT ".",
	};

	*plan = (struct plan){ .all_modes = true };
	command_line_parse(&line, argc, argv);
}

/* Set what depends on the queue, and check that the queue can be used. */
static void plan_fit(struct plan *plan)
{
	struct schedule *schedule = &plan->schedule;
	int fd = device_open(schedule->device, O_RDONLY | O_NONBLOCK);

	plan->capacity = device_require_empty(fd, schedule->device);
	close(fd);
	if (!schedule->size)
		schedule->size = MAX(plan->capacity / SLOTS, 1U);
	schedule->burst = plan->capacity / schedule->size + schedule->trickle;
}

static bool is_full(const struct event *event, const struct plan *plan)
{
	return event->fill + event->bytes > plan->capacity;
}

/* Formats "write 4K, no room: sleeps". */
static void describe_wait(char note[NOTE_MAX], const struct event *event,
			  const struct event_log *log, const struct plan *plan)
{
	static const char *const labels[MODE_COUNT] = {
		[MODE_BLOCK] = "sleeps",
		[MODE_NONBLOCK] = "EAGAIN",
		[MODE_POLL] = "poll sleeps",
		[MODE_EPOLL] = "epoll sleeps",
	};
	char size[TEXT_MAX];

	format_size(size, event->bytes);
	if (event->role == PRODUCER)
		snprintf(note, NOTE_MAX, "write %s%s: %s", size,
			 is_full(event, plan) ? ", no room" : "", labels[log->mode]);
	else
		snprintf(note, NOTE_MAX, "read %s%s: %s", size, event->fill ? "" : ", empty",
			 labels[log->mode]);
}

/* Formats "woke after 10 ms: wrote 4K". */
static void describe_move(char note[NOTE_MAX], const struct event *event,
			  const struct event_log *log)
{
	const char *done = event->role == PRODUCER ? "wrote" : "read";
	char size[TEXT_MAX], waited[TEXT_MAX];

	format_size(size, event->bytes);
	format_time(waited, event->waited_ns);
	if (!event->waited_ns)
		snprintf(note, NOTE_MAX, "%s %s", done, size);
	else if (log->mode == MODE_NONBLOCK)
		snprintf(note, NOTE_MAX, "%llu tries, %s: %s %s",
			 (unsigned long long)event->eagains, waited, done, size);
	else
		snprintf(note, NOTE_MAX, "woke after %s: %s %s", waited, done, size);
}

static void draw_event(const struct screen *screen, const struct event *event,
		       const struct event_log *log, const struct plan *plan)
{
	unsigned int cells = screen_bar_cells(screen, TIME_WIDTH + 2 * (strlen(GAP) + ROLE_WIDTH));
	enum colour colour = event->waits ? COLOUR_RED :
			     event->waited_ns ? COLOUR_GREEN : COLOUR_NONE;
	char note[NOTE_MAX];

	if (event->waits)
		describe_wait(note, event, log, plan);
	else
		describe_move(note, event, log);
	fprintf(screen->out, "%*.3f" GAP, TIME_WIDTH, (double)event->ns / NSEC_PER_MSEC);
	if (event->role == PRODUCER)
		screen_text(screen, colour, ROLE_WIDTH, note);
	else
		fprintf(screen->out, "%*s", ROLE_WIDTH, "");
	screen_bar(screen, (double)event->fill / plan->capacity, cells);
	if (event->role == CONSUMER) {
		fputs(GAP, screen->out);
		screen_text(screen, colour, 0, note);
	}
	putc('\n', screen->out);
}

/* Between two events the level is the one recorded by the first. */
static void draw_levels(const struct screen *screen, const struct event_log *log,
			const struct plan *plan)
{
	unsigned int count = screen->width - TIME_WIDTH - strlen(GAP), i;
	double *parts = xcalloc(count, sizeof(*parts));
	double level = 0;
	size_t next = 0;

	for (i = 0; i < count; i++) {
		uint64_t until = log->wall_ns * (i + 1) / count;

		for (; next < log->event_count && log->events[next].ns <= until; next++)
			level = (double)log->events[next].fill / plan->capacity;
		parts[i] = level;
	}
	fprintf(screen->out, "%*s" GAP, TIME_WIDTH, "level");
	screen_graph(screen, parts, count);
	putc('\n', screen->out);
	free(parts);
}

static void draw_log(const struct screen *screen, const struct event_log *log,
		     const struct plan *plan)
{
	unsigned int cells = screen_bar_cells(screen, TIME_WIDTH + 2 * (strlen(GAP) + ROLE_WIDTH));
	size_t i;

	putc('\n', screen->out);
	screen_heading(screen, "%s", titles[log->mode]);
	fprintf(screen->out, "%*s" GAP "%-*s%-*s" GAP "%s\n", TIME_WIDTH, "ms", ROLE_WIDTH,
		"producer", (int)cells, "fill level", "consumer");
	for (i = 0; i < log->event_count; i++)
		draw_event(screen, &log->events[i], log, plan);
	draw_levels(screen, log, plan);
}

static void draw_intent(const struct screen *screen, const struct plan *plan)
{
	const struct schedule *schedule = &plan->schedule;
	char capacity[TEXT_MAX], size[TEXT_MAX], pause[TEXT_MAX];

	format_size(capacity, plan->capacity);
	format_size(size, schedule->size);
	format_time(pause, schedule->pause_ns);
	fprintf(screen->out, "%s holds %s. A burst: %llu items of %s, as fast as they go, to a "
		"consumer that pauses %s\nbefore each. Then a trickle: %llu items, with %s between "
		"them, to a consumer that does not pause.\n", schedule->device, capacity,
		(unsigned long long)schedule->burst, size, pause,
		(unsigned long long)schedule->trickle, pause);
	fprintf(screen->out, "The lines are in order of time: a call is shown when it returned, a "
		"wait when it began. A thread\nthat was woken may return before the call that woke "
		"it. The row \"level\" shows the fill level from\nstart to end: %s.\n",
		screen->utf8 ? "· is empty, █ is full" :
		". is empty, 1 to 9 are tenths, # is full");
}

static double per_wait(const struct event_log *log, uint64_t count)
{
	return log->waits ? (double)count / log->waits : 0;
}

static void draw_comparison(const struct screen *screen, const struct event_log *logs, size_t count)
{
	static const struct table_column columns[] = {
		{ .heading = "" }, { .heading = "ms" }, { .heading = "calls" },
		{ .heading = "EAGAIN" }, { .heading = "polls" }, { .heading = "switches" },
		{ .heading = "CPU ms" }, { .heading = "waits" },
		{ .heading = "extra calls/wait" }, { .heading = "switches/wait" },
	};
	struct libscols_table *table;
	const struct event_log *log;

	putc('\n', screen->out);
	screen_heading(screen, "what a wait costs: calls that move nothing, or context switches");
	table = table_new(columns, ARRAY_SIZE(columns), NULL);
	for (log = logs; log < logs + count; log++) {
		const struct meter *meter = &log->meter;
		struct libscols_line *row = table_row(table);
		size_t column = 0;

		table_cell(row, column++, "%s", endpoint_mode_name(log->mode));
		table_cell(row, column++, "%.1f", (double)log->wall_ns / NSEC_PER_MSEC);
		table_count(row, column++, meter->calls);
		table_count(row, column++, meter->eagains);
		table_count(row, column++, meter->polls);
		table_count(row, column++, meter->switches);
		table_cell(row, column++, "%.1f", (double)log->cpu_ns / NSEC_PER_MSEC);
		table_count(row, column++, log->waits);
		table_cell(row, column++, "%.1f", per_wait(log, meter->eagains + meter->polls));
		table_cell(row, column++, "%.1f", per_wait(log, meter->switches));
	}
	table_print(table, screen->out);
}

/* The first run touches pages and warms up caches, so only the second one is shown. */
static void warm_up_and_record(struct event_log *log, const struct schedule *schedule,
			       enum endpoint_mode mode)
{
	struct schedule warm_up = *schedule;

	warm_up.pause_ns /= WARM_UP_SPEED;
	event_log_record(log, &warm_up, mode);
	event_log_free(log);
	event_log_record(log, schedule, mode);
}

/* Before the runs, which would be in vain if the file cannot be written. */
static FILE *svg_open(const struct plan *plan)
{
	FILE *out = fopen(plan->svg, "we");

	if (!out)
		err(EXIT_FAILURE, "%s", plan->svg);
	return out;
}

static void svg_write(const struct plan *plan, const struct event_log *logs, size_t count,
		      FILE *out)
{
	const struct picture picture = {
		.device = plan->schedule.device,
		.capacity = plan->capacity,
		.logs = logs,
		.count = count,
		.titles = titles,
	};

	picture_write(&picture, out);
	if (ferror(out) | fclose(out))
		err(EXIT_FAILURE, "%s", plan->svg);
}

int main(int argc, char **argv)
{
	static const enum endpoint_mode all_modes[] = { MODE_BLOCK, MODE_NONBLOCK, MODE_POLL };
	struct event_log logs[ARRAY_SIZE(all_modes)];
	enum endpoint_mode mode;
	struct screen screen;
	FILE *svg = NULL;
	struct plan plan;
	size_t count, i;

	parse(&plan, argc, argv);
	plan_fit(&plan);
	count = plan.all_modes ? ARRAY_SIZE(all_modes) : 1;

	if (plan.svg)
		svg = svg_open(&plan);
	screen_init(&screen, stdout);
	draw_intent(&screen, &plan);
	for (i = 0; i < count; i++) {
		mode = plan.all_modes ? all_modes[i] : plan.mode;
		warm_up_and_record(&logs[i], &plan.schedule, mode);
		draw_log(&screen, &logs[i], &plan);
	}
	draw_comparison(&screen, logs, count);
	if (svg)
		svg_write(&plan, logs, count, svg);
	for (i = 0; i < count; i++)
		event_log_free(&logs[i]);
	return output_end();
}
