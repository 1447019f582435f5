// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf list, bbuf info: show all queues, or all properties and statistics of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bbuf.h>

#include "common/exit.h"
#include "common/macros.h"
#include "common/node.h"
#include "common/table.h"
#include "common/units.h"
#include "command.h"
#include "message.h"
#include "name.h"
#include "number.h"
#include "options.h"
#include "queue.h"

#define KEY_JSON	'J'

/* Heading of a column that is shown only if a queue has leases. */
#define HEADING_LEASED	"LEASED"

enum kind {
	KIND_TEXT,
	KIND_TYPE,
	KIND_STATE,
	KIND_EOF_ON_CLOSE,
	KIND_DROP_OLDEST,
	KIND_LEASE,
	KIND_SIZE,
	KIND_COUNT,
	KIND_COUNT_32,
};

/**
 * struct field - a property or statistic of a queue
 * @key: key in JSON; the name of the file in /sys/class/bbuf/QUEUE
 * @heading: heading of its column in `bbuf list'; NULL if it has none
 * @kind: how to format it
 * @offset: offset in struct bbuf_info of a number or text
 */
struct field {
	const char *key;
	const char *heading;
	enum kind kind;
	size_t offset;
};

#define SIZE(key, heading, member) \
	{ key, heading, KIND_SIZE, offsetof(struct bbuf_info, member) }
#define COUNT(key, heading, member) \
	{ key, heading, KIND_COUNT, offsetof(struct bbuf_info, member) }
#define COUNT_32(key, heading, member) \
	{ key, heading, KIND_COUNT_32, offsetof(struct bbuf_info, member) }

static const struct field fields[] = {
	{ "name", "QUEUE", KIND_TEXT, offsetof(struct bbuf_info, name) },
	{ "type", "TYPE", KIND_TYPE, 0 },
	{ "state", "STATE", KIND_STATE, 0 },
	{ "eof_on_close", NULL, KIND_EOF_ON_CLOSE, 0 },
	{ "drop_oldest", NULL, KIND_DROP_OLDEST, 0 },
	{ "lease", NULL, KIND_LEASE, 0 },
	SIZE("capacity", "CAPACITY", capacity),
	SIZE("read_mark", NULL, read_mark),
	SIZE("write_mark", NULL, write_mark),
	SIZE("bytes", "QUEUED", bytes),
	COUNT("records", "RECORDS", records),
	SIZE("leased_bytes", HEADING_LEASED, leased_bytes),
	COUNT("leased_records", NULL, leased_records),
	COUNT("leasing_files", NULL, leasing_files),
	SIZE("peak", NULL, peak),
	COUNT("dropped_bytes", NULL, dropped_bytes),
	COUNT("dropped_records", NULL, dropped_records),
	COUNT("flushed_bytes", NULL, flushed_bytes),
	COUNT("returned", NULL, returned),
	COUNT("expired", NULL, expired),
	COUNT("dead_lettered", NULL, dead_lettered),
	COUNT("lease_timeout_ns", NULL, lease_timeout),
	COUNT_32("max_leases", NULL, max_leases),
	COUNT_32("max_deliveries", NULL, max_deliveries),
	{ "dead_letters", NULL, KIND_TEXT, offsetof(struct bbuf_info, dead_letters) },
	COUNT_32("writers", "WRITERS", in.files),
	COUNT_32("readers", "READERS", out.files),
	COUNT_32("waiting_writers", "W-WAIT", in.waiters),
	COUNT_32("waiting_readers", "R-WAIT", out.waiters),
	COUNT("bytes_in", NULL, in.bytes),
	COUNT("bytes_out", NULL, out.bytes),
	COUNT("records_in", NULL, in.records),
	COUNT("records_out", NULL, out.records),
	COUNT("blocked_full", NULL, in.blocked),
	COUNT("blocked_empty", NULL, out.blocked),
	COUNT("blocked_full_ns", NULL, in.blocked_ns),
	COUNT("blocked_empty_ns", NULL, out.blocked_ns),
	COUNT("wakeups_writers", NULL, in.wakeups),
	COUNT("wakeups_readers", NULL, out.wakeups),
};

static const char *type_name(const struct bbuf_info *info)
{
	return info->type == BBUF_RECORD ? "record" : "stream";
}

static const char *state_name(const struct bbuf_info *info)
{
	if (info->state & BBUF_SHUT)
		return "shut";
	return info->state & BBUF_LEFT ? "left" : "open";
}

static uint64_t field_number(const struct field *field, const struct bbuf_info *info)
{
	const char *at = (const char *)info + field->offset;

	switch (field->kind) {
	case KIND_EOF_ON_CLOSE:
		return !!(info->policy & BBUF_EOF_ON_CLOSE);
	case KIND_DROP_OLDEST:
		return !!(info->policy & BBUF_DROP_OLDEST);
	case KIND_LEASE:
		return !!(info->policy & BBUF_LEASE);
	case KIND_COUNT_32:
		return widen(*(const uint32_t *)at);
	default:
		return *(const uint64_t *)at;
	}
}

/* A number that may not be read is null in JSON, which an empty cell becomes. */
static void show_number(struct libscols_line *row, size_t column, const struct field *field,
			const struct bbuf_info *info, bool json)
{
	uint64_t number = field_number(field, info);
	char text[TEXT_MAX];

	if (json && !is_known(number))
		return;
	if (field->kind == KIND_SIZE && !json && is_known(number))
		table_cell(row, column, "%s", format_size(text, number));
	else
		table_cell(row, column, "%s", format_number(text, number));
}

static void show_field(struct libscols_line *row, size_t column, const struct field *field,
		       const struct bbuf_info *info, bool json)
{
	switch (field->kind) {
	case KIND_TEXT:
		table_cell(row, column, "%s", (const char *)info + field->offset);
		break;
	case KIND_TYPE:
		table_cell(row, column, "%s", type_name(info));
		break;
	case KIND_STATE:
		table_cell(row, column, "%s", state_name(info));
		break;
	default:
		show_number(row, column, field, info, json);
	}
}

/* Set the type of a column where it differs from the default of table_new(). */
static void set_kind(struct libscols_table *table, size_t column, enum kind kind)
{
	struct libscols_column *col = scols_table_get_column(table, column);

	switch (kind) {
	case KIND_TEXT:
	case KIND_TYPE:
	case KIND_STATE:
		scols_column_set_flags(col, 0);
		scols_column_set_json_type(col, SCOLS_JSON_STRING);
		break;
	case KIND_EOF_ON_CLOSE:
	case KIND_DROP_OLDEST:
	case KIND_LEASE:
		scols_column_set_json_type(col, SCOLS_JSON_BOOLEAN);
		break;
	default:
		break;
	}
}

static bool any_leases(const struct bbuf_info *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].policy & BBUF_LEASE)
			return true;
	return false;
}

/* Whether a field has a column in the table for people. */
static bool has_column(const struct field *field, bool leases)
{
	return field->heading && (leases || strcmp(field->heading, HEADING_LEASED));
}

/* Print all fields as JSON, or those with a heading as a table. */
static int print(const struct bbuf_info *list, size_t count, bool json)
{
	struct table_column columns[ARRAY_SIZE(fields)];
	const struct field *shown[ARRAY_SIZE(fields)];
	struct libscols_table *table;
	struct libscols_line *row;
	bool leases = any_leases(list, count);
	size_t width = 0, i, j;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!json && !has_column(&fields[i], leases))
			continue;
		columns[width] = (struct table_column){ fields[i].heading, fields[i].key };
		shown[width++] = &fields[i];
	}
	table = table_new(columns, width, json ? "queues" : NULL);
	for (j = 0; j < width; j++)
		set_kind(table, j, shown[j]->kind);
	for (i = 0; i < count; i++) {
		row = table_row(table);
		for (j = 0; j < width; j++)
			show_field(row, j, shown[j], &list[i], json);
	}
	table_print(table, stdout);
	return output_end();
}

static const struct argp_option option_list[] = {
	{ .name = "json", .key = KEY_JSON,
	  .doc = "print JSON, with all values in /sys/class/bbuf/QUEUE; null for -" },
	{ 0 }
};

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	(void)arg;
	if (key != KEY_JSON)
		return ARGP_ERR_UNKNOWN;
	*json = true;
	return 0;
}

static const struct argp list_argp = {
	.options = option_list,
	.parser = parse_list,
	.doc = "Lists all queues. Statistics that you may not read are shown as -.\v"
	       HELP_EXIT ".",
};

int cmd_list(int argc, char **argv)
{
	const struct subject subject = { .operation = "list" };
	struct bbuf_info *list;
	bool json = false;
	size_t count;
	int ret;

	argp_parse(&list_argp, argc, argv, 0, NULL, &json);
	if (bbuf_list(&list, &count))
		return fail(&subject, errno);
	ret = print(list, count, json);
	bbuf_list_free(list);
	return ret;
}

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

	printf("leases        at most %s %s%s of %s",
	       format_number(text, widen(info->max_leases)), unit(info), plural(info->max_leases),
	       info->type == BBUF_RECORD ? "a file" : "a process");
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

static int print_info(const struct subject *subject, const struct bbuf_info *info)
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
	return output_end();
}

/**
 * struct info_plan - options of bbuf info
 * @json: print JSON
 * @queue: name of the queue
 */
struct info_plan {
	bool json;
	const char *queue;
};

static error_t parse_info(int key, char *arg, struct argp_state *state)
{
	struct info_plan *plan = state->input;

	if (key != KEY_JSON)
		return arg_queue(key, arg, state, &plan->queue);
	plan->json = true;
	return 0;
}

static const struct argp info_argp = {
	.options = option_list,
	.parser = parse_info,
	.args_doc = "QUEUE",
	.doc = "Shows the properties and statistics of a queue, without opening it unless QUEUE "
	       "is a path. Statistics that you may not read are shown as -.\v" HELP_EXIT ".",
};

int cmd_info(int argc, char **argv)
{
	struct subject subject = { .operation = "info" };
	struct info_plan plan = { 0 };
	struct bbuf_info info;

	argp_parse(&info_argp, argc, argv, 0, NULL, &plan);
	subject.queue = plan.queue;
	if (!queue_info(&subject, &info))
		return fail(&subject, errno);
	return plan.json ? print(&info, 1, true) : print_info(&subject, &info);
}
