// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports of a group of workers. See report.h.
 */
#include <fcntl.h>

#include "common/clock.h"
#include "common/screen.h"
#include "common/table.h"
#include "common/units.h"
#include "device.h"
#include "report.h"

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

static const struct table_column columns[COLUMN_COUNT] = {
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

static const char *role_name(const struct worker_group *group)
{
	return group->flags == O_WRONLY ? "producer" : "consumer";
}

/* A single call has no rate: print 0. */
static void report_rate(struct libscols_line *row, enum column column, double count,
			const struct meter *meter)
{
	double seconds = (double)(meter->last_ns - meter->first_ns) / NSEC_PER_SEC;

	table_cell(row, column, "%.*f", column == COLUMN_MB_RATE ? 2 : 0,
		   seconds > 0 ? count / seconds : 0);
}

static void report_row(struct libscols_table *table, const struct meter *meter,
		       const char *name, unsigned int number)
{
	struct libscols_line *row = table_row(table);

	if (number)
		table_cell(row, COLUMN_WORKER, "%s %u", name, number);
	else
		table_cell(row, COLUMN_WORKER, "%s", name);
	table_count(row, COLUMN_BYTES, meter->bytes);
	table_count(row, COLUMN_ITEMS, meter->items);
	table_count(row, COLUMN_CALLS, meter->calls);
	table_count(row, COLUMN_SLEPT, meter->sleeps);
	table_cell(row, COLUMN_ASLEEP, "%.1f", (double)meter->asleep_ns / NSEC_PER_MSEC);
	table_count(row, COLUMN_EAGAIN, meter->eagains);
	table_count(row, COLUMN_POLLS, meter->polls);
	table_count(row, COLUMN_SWITCHES, meter->switches);
	report_rate(row, COLUMN_MB_RATE, meter->bytes / BYTES_PER_MB, meter);
	report_rate(row, COLUMN_ITEM_RATE, meter->items, meter);
}

/* Print a line for each worker and, if there are several, one for all of them. */
void report_print(const struct worker_group *group)
{
	struct libscols_table *table = table_new(columns, COLUMN_COUNT,
					       group->options.json ? role_name(group) : NULL);
	struct meter sum = { 0 };
	unsigned int i;

	for (i = 0; i < group->options.jobs; i++) {
		report_row(table, &group->workers[i].endpoint.meter, role_name(group), i + 1);
		meter_add(&sum, &group->workers[i].endpoint.meter);
	}
	if (group->options.jobs > 1)
		report_row(table, &sum, "all", 0);
	table_print(table, stderr);
}

/* Show the fill level: a bar that is redrawn on a terminal, otherwise a new line each time. */
void report_watch(const struct worker_group *group)
{
	int fd = group->workers[0].endpoint.fd;
	uint64_t capacity = device_capacity(fd), fill = device_fill(fd, group->options.device);
	char queued[TEXT_MAX];
	struct screen screen;

	screen_init(&screen, stderr);
	if (screen.tty)
		putc('\r', stderr);
	if (capacity)
		screen_bar(&screen, (double)fill / capacity, screen.width / 2);
	fprintf(stderr, " %s queued, %.1f MB moved", format_size(queued, fill),
		atomic_load(&group->moved) / BYTES_PER_MB);
	fputs(screen.tty ? "\033[K" : "\n", stderr);
}

/* Leave the line of the bar. */
void report_watch_end(void)
{
	struct screen screen;

	screen_init(&screen, stderr);
	if (screen.tty)
		putc('\n', stderr);
}
