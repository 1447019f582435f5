// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a crew tells about its work. See report.h.
 */
#include <err.h>
#include <fcntl.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>

#include "common.h"
#include "report.h"
#include "screen.h"

#define BYTES_PER_MB	1e6

enum column {
	COLUMN_WORKER,
	COLUMN_BYTES,
	COLUMN_ITEMS,
	COLUMN_CALLS,
	COLUMN_SLEPT,
	COLUMN_ASLEEP,
	COLUMN_EAGAIN,
	COLUMN_POLLS,
	COLUMN_SWITCHES,
	COLUMN_MB_RATE,
	COLUMN_ITEM_RATE,
	COLUMN_COUNT
};

static const struct {
	const char *heading;
	const char *json;
} columns[COLUMN_COUNT] = {
	[COLUMN_WORKER] = { "", "worker" },
	[COLUMN_BYTES] = { "bytes", "bytes" },
	[COLUMN_ITEMS] = { "items", "items" },
	[COLUMN_CALLS] = { "calls", "calls" },
	[COLUMN_SLEPT] = { "slept", "slept" },
	[COLUMN_ASLEEP] = { "asleep ms", "asleep_ms" },
	[COLUMN_EAGAIN] = { "EAGAIN", "eagain" },
	[COLUMN_POLLS] = { "polls", "polls" },
	[COLUMN_SWITCHES] = { "switches", "switches" },
	[COLUMN_MB_RATE] = { "MB/s", "mb_per_s" },
	[COLUMN_ITEM_RATE] = { "items/s", "items_per_s" },
};

static const char *crew_name(const struct crew *crew)
{
	return crew->flags == O_WRONLY ? "producer" : "consumer";
}

__attribute__((format(printf, 3, 4)))
static void cell(struct libscols_line *line, enum column column, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0 || scols_line_refer_data(line, column, text))
		errx(EXIT_FAILURE, "no memory for the report");
}

static void cell_count(struct libscols_line *line, enum column column, uint64_t count)
{
	cell(line, column, "%llu", (unsigned long long)count);
}

/* Cells that don't apply stay empty: rates of one call, items where there are none. */
static void report_line(struct libscols_table *table, const struct meter *meter,
			const char *name, unsigned int number)
{
	double seconds = (double)(meter->last_ns - meter->first_ns) / NSEC_PER_SEC;
	struct libscols_line *line = scols_table_new_line(table, NULL);

	if (!line)
		errx(EXIT_FAILURE, "no memory for the report");
	if (number)
		cell(line, COLUMN_WORKER, "%s %u", name, number);
	else
		cell(line, COLUMN_WORKER, "%s", name);
	cell_count(line, COLUMN_BYTES, meter->bytes);
	if (meter->items)
		cell_count(line, COLUMN_ITEMS, meter->items);
	cell_count(line, COLUMN_CALLS, meter->calls);
	cell_count(line, COLUMN_SLEPT, meter->sleeps);
	cell(line, COLUMN_ASLEEP, "%.1f", (double)meter->asleep_ns / NSEC_PER_MSEC);
	cell_count(line, COLUMN_EAGAIN, meter->eagains);
	cell_count(line, COLUMN_POLLS, meter->polls);
	cell_count(line, COLUMN_SWITCHES, meter->switches);
	if (seconds > 0)
		cell(line, COLUMN_MB_RATE, "%.2f", meter->bytes / BYTES_PER_MB / seconds);
	if (seconds > 0 && meter->items)
		cell(line, COLUMN_ITEM_RATE, "%.0f", meter->items / seconds);
}

static struct libscols_table *report_table(const struct crew *crew)
{
	bool json = crew->options.json;
	struct libscols_table *table = scols_new_table();
	struct libscols_column *column;
	unsigned int i;

	if (!table)
		errx(EXIT_FAILURE, "no memory for the report");
	scols_table_set_stream(table, stderr);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_json(table, json);
	scols_table_set_name(table, crew_name(crew));
	for (i = 0; i < COLUMN_COUNT; i++) {
		column = scols_table_new_column(table, json ? columns[i].json : columns[i].heading,
						0, i == COLUMN_WORKER ? 0 : SCOLS_FL_RIGHT);
		if (!column)
			errx(EXIT_FAILURE, "no memory for the report");
		if (i != COLUMN_WORKER)
			scols_column_set_json_type(column, SCOLS_JSON_NUMBER);
	}
	return table;
}

/* A line for each worker and, when there are several, one for all of them. */
void report_print(const struct crew *crew)
{
	struct libscols_table *table = report_table(crew);
	struct meter sum = { 0 };
	unsigned int i;

	for (i = 0; i < crew->options.jobs; i++) {
		report_line(table, &crew->workers[i].port.meter, crew_name(crew), i + 1);
		meter_add(&sum, &crew->workers[i].port.meter);
	}
	if (crew->options.jobs > 1)
		report_line(table, &sum, "all", 0);
	scols_print_table(table);
	scols_unref_table(table);
}

/* How full the queue is: a bar that moves on a terminal, a line each time elsewhere. */
void report_watch(const struct crew *crew)
{
	int fd = crew->workers[0].port.fd;
	uint64_t capacity = device_capacity(fd), fill = device_fill(fd);
	char queued[TEXT_MAX];
	struct screen screen;

	screen_init(&screen, stderr);
	if (screen.tty)
		putc('\r', stderr);
	if (capacity)
		screen_bar(&screen, (double)fill / capacity, screen.width / 2);
	fprintf(stderr, " %s queued, %.1f MB moved", format_size(queued, fill),
		atomic_load(&crew->moved) / BYTES_PER_MB);
	fputs(screen.tty ? "\033[K" : "\n", stderr);
}

/* Leaves the line of the bar. */
void report_watch_end(void)
{
	struct screen screen;

	screen_init(&screen, stderr);
	if (screen.tty)
		putc('\n', stderr);
}
