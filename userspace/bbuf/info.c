// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf info: show all properties and statistics of a queue.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/exit.h"
#include "common/macros.h"
#include "common/node.h"
#include "common/settings.h"
#include "common/table.h"
#include "common/units.h"
#include "command.h"
#include "field.h"
#include "listing.h"
#include "message.h"
#include "name.h"
#include "number.h"
#include "options.h"
#include "queue.h"

/* If another file has taken the place of the node, its permissions do not apply to the queue. */
static void print_node(const struct subject *subject)
{
	char *path = queue_path(subject->queue), *problem = node_problem(path);
	char *node = node_description(subject->queue);

	if (problem)
		printf("node          none: %s\n", problem);
	else
		printf("node          %s\n", node);
	free(path);
	free(problem);
	free(node);
}

/* Prints "12 bytes" or, for a record queue, "12 bytes in 3 records". */
static void print_amount(const struct bbuf_info *info, uint64_t bytes, uint64_t records)
{
	char text[TEXT_MAX];

	printf("%s byte%s", format_number(text, bytes), plural(bytes));
	if (info->type == BBUF_RECORD)
		printf(" in %s record%s", format_number(text, records), plural(records));
}

static void print_amounts(const struct bbuf_info *info)
{
	char text[TEXT_MAX];

	printf("queued        ");
	print_amount(info, info->bytes, info->records);
	printf(", at most %s byte%s so far\ndropped       ", format_number(text, info->peak),
	       plural(info->peak));
	print_amount(info, info->dropped_bytes, info->dropped_records);
	printf("\nflushed       %s byte%s\n", format_number(text, info->flushed_bytes),
	       plural(info->flushed_bytes));
}

static void print_limits(const struct bbuf_info *info)
{
	char capacity[TEXT_MAX], read_mark[TEXT_MAX], write_mark[TEXT_MAX];

	printf("capacity      %s\n", format_size(capacity, info->capacity));
	printf("marks         read %s, write %s\n",
	       format_size(read_mark, info->read_mark),
	       format_size(write_mark, info->write_mark));
	printf("when full     %s\n", info->policy & BBUF_DROP_OLDEST ?
	       "the oldest data is dropped" : "writers wait");
	printf("end of file   %s\n", info->policy & BBUF_EOF_ON_CLOSE ?
	       "when the last writer closes, or by shutdown" : "by shutdown");
}

static const char *unit(const struct bbuf_info *info)
{
	return info->type == BBUF_RECORD ? "record" : "byte";
}

static void print_lease_limits(const struct bbuf_info *info)
{
	char text[TEXT_MAX];

	printf("leases        at most %s %s%s per %s",
	       format_number(text, widen(info->max_leases)), unit(info), plural(info->max_leases),
	       info->type == BBUF_RECORD ? "open file" : "process");
	if (info->lease_timeout)
		printf(", for %s", format_limit(text, info->lease_timeout));
	putchar('\n');
	if (info->max_deliveries)
		printf("tries         %s\n", format_number(text, widen(info->max_deliveries)));
	if (info->type == BBUF_RECORD)
		printf("dead letters  %s%s, %s so far\n",
		       *info->dead_letters ? "go to " : "are dropped", info->dead_letters,
		       format_number(text, info->dead_lettered));
}

static void print_leases(const struct bbuf_info *info)
{
	char files[TEXT_MAX], returned[TEXT_MAX];

	if (!(info->policy & BBUF_LEASE))
		return;
	print_lease_limits(info);
	printf("leased        ");
	print_amount(info, info->leased_bytes, info->leased_records);
	printf(", held by %s\nreturned      %s %s%s", format_number(files, info->leasing_files),
	       format_number(returned, info->returned), unit(info), plural(info->returned));
	if (info->expired && is_known(info->expired))
		printf(", %llu of them by timeout", (unsigned long long)info->expired);
	putchar('\n');
}

static void add_counts(struct libscols_table *table, const char *what, uint64_t in, uint64_t out)
{
	struct libscols_line *row = table_row(table);
	char text[TEXT_MAX];

	table_cell(row, 0, "%s", what);
	table_cell(row, 1, "%s", format_number(text, in));
	table_cell(row, 2, "%s", format_number(text, out));
}

static void add_times(struct libscols_table *table, const char *what, uint64_t in, uint64_t out)
{
	struct libscols_line *row = table_row(table);
	char text[TEXT_MAX];

	table_cell(row, 0, "%s", what);
	table_cell(row, 1, "%s", format_slept(text, in));
	table_cell(row, 2, "%s", format_slept(text, out));
}

static void print_sides(const struct bbuf_info *info)
{
	static const struct table_column columns[] = {
		{ .heading = "" }, { .heading = "WRITERS" }, { .heading = "READERS" },
	};
	const struct bbuf_side_info *in = &info->in, *out = &info->out;
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);

	add_counts(table, "open files", widen(in->files), widen(out->files));
	add_counts(table, "waiting now", widen(in->waiters), widen(out->waiters));
	add_counts(table, "bytes moved", in->bytes, out->bytes);
	if (info->type == BBUF_RECORD)
		add_counts(table, "records moved", in->records, out->records);
	add_counts(table, "times slept", in->blocked, out->blocked);
	add_times(table, "time slept", in->blocked_ns, out->blocked_ns);
	add_counts(table, "wakeups", in->wakeups, out->wakeups);
	table_print(table, stdout);
}

static void print_info(const struct subject *subject, const struct bbuf_info *info)
{
	printf("queue         %s, %s, %s\n", info->name,
	       info->type == BBUF_RECORD ? "a record queue" : "a stream", state_name(info));
	print_node(subject);
	print_limits(info);
	print_amounts(info);
	print_leases(info);
	putchar('\n');
	print_sides(info);
	if (!is_known(info->bytes))
		puts("\nThe counts (-) are visible only to users who may read the node.");
}

int cmd_info(int argc, char **argv)
{
	struct subject subject = { .operation = "info" };
	bool json = false;
	const struct setting settings[] = { JSON_SETTING(&json), { 0 } };
	const struct command_line line = {
		.settings = settings,
		.args = "QUEUE",
		.doc = "Shows the properties and statistics of a queue, without opening it unless "
		       "QUEUE is a path. Statistics that you may not read are shown as -.\v"
		       HELP_EXIT ".",
		.parse = parse_queue,
		.input = &subject.queue,
	};
	struct bbuf_info info;

	command_line_parse(&line, argc, argv);
	if (!queue_info(&subject, &info))
		return fail(&subject, errno);
	if (json)
		listing_print(&info, 1, true);
	else
		print_info(&subject, &info);
	return output_end();
}
