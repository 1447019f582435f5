// SPDX-License-Identifier: GPL-2.0-only
/*
 * Printing results as tables or as data.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/table.h"
#include "common/units.h"
#include "peers.h"
#include "report.h"

enum kind { KIND_PATTERN, KIND_SIZE, KIND_LEVEL, KIND_QUEUE, KIND_MEASURE, KIND_RATIO };

/**
 * struct column - a column of a table
 * @kind: what it shows
 * @measure: for KIND_MEASURE, which one
 * @peer: for KIND_RATIO, the kind of queue to compare with
 */
struct column {
	enum kind kind;
	enum measure measure;
	const struct peer *peer;
};

#define COLUMNS_MAX	32

/**
 * struct layout - columns of a table
 * @columns: what the columns show
 * @names: headings of the columns
 * @count: number of columns
 */
struct layout {
	struct column columns[COLUMNS_MAX];
	struct table_column names[COLUMNS_MAX];
	size_t count;
};

/* Headings, keys and decimal places of the measurements. */
static const struct {
	const char *heading;
	const char *key;
	int digits;
} measures[MEASURES] = {
	[NS]		= { "NS", "ns", 0 },
	[RATE]		= { "MB/s", "mb_per_s", 1 },
	[CALLS]		= { "CALLS", "calls", 2 },
	[SWITCHES]	= { "SWITCHES", "switches", 3 },
	[WAKEUPS]	= { "WAKEUPS", "wakeups", 3 },
	[MEDIAN]	= { "MEDIAN", "median_ns", 0 },
	[P99]		= { "99%", "p99_ns", 0 },
	[P999]		= { "99.9%", "p999_ns", 0 },
	[FAIRNESS]	= { "FAIR", "fairness", 2 },
	[BYTES]		= { "BYTES", "bytes", 0 },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Median of all rounds. NAN if a round has no value. */
static double median_of(const struct group *group, const struct row *row, enum measure measure)
{
	double values[group->rounds];
	size_t i;

	if (!(group->pattern->measures & HAS(measure)))
		return NAN;
	for (i = 0; i < group->rounds; i++) {
		values[i] = row->rounds[i].value[measure];
		if (isnan(values[i]))
			return NAN;
	}
	return median(values, group->rounds);
}

/* Median of the ratios of each round, so that a disturbance of one round has little effect. */
static double ratio_of(const struct group *group, const struct row *row, const struct peer *peer)
{
	double values[group->rounds];
	const struct row *other = group->rows;
	size_t i;

	while (other->peer != peer)
		other++;
	if (!other->rounds || !(group->pattern->measures & HAS(NS)))
		return NAN;
	for (i = 0; i < group->rounds; i++)
		values[i] = row->rounds[i].value[NS] / other->rounds[i].value[NS];
	return median(values, group->rounds);
}

static void add(struct layout *layout, struct column column, const char *heading,
		const char *key)
{
	layout->columns[layout->count] = column;
	layout->names[layout->count++] = (struct table_column){ heading, key };
}

static void add_measures(struct layout *layout, unsigned int shown)
{
	enum measure i;

	for (i = 0; i < MEASURES; i++)
		if (shown & HAS(i))
			add(layout, (struct column){ .kind = KIND_MEASURE, .measure = i },
			    measures[i].heading, measures[i].key);
}

/*
 * Add ratios to the other kinds of queues with these abilities. The names of the columns are
 * static, because libsmartcols keeps the pointers.
 */
static void add_ratios(struct layout *layout, unsigned int can)
{
	static char keys[COLUMNS_MAX][TEXT_MAX], headings[COLUMNS_MAX][TEXT_MAX];
	size_t i;

	for (i = 0; i < peer_count; i++) {
		if (peers[i]->can & PEER_BBUF || (peers[i]->can & can) != can)
			continue;
		snprintf(headings[i], TEXT_MAX, "/%s", peers[i]->name);
		snprintf(keys[i], TEXT_MAX, "of_%s", peers[i]->name);
		add(layout, (struct column){ .kind = KIND_RATIO, .peer = peers[i] },
		    headings[i], keys[i]);
	}
}

static void show_level(struct libscols_line *line, size_t column, const struct level *level)
{
	if (level->second)
		table_cell(line, column, "%zu:%zu", level->first, level->second);
	else if (level->first)
		table_cell(line, column, "%zu", level->first);
}

/* A missing value becomes an empty cell. */
static void show_number(struct libscols_line *line, size_t column, double value, int digits)
{
	if (!isnan(value))
		table_cell(line, column, "%.*f", digits, value);
}

static void show_cell(struct libscols_line *line, size_t i, const struct layout *layout,
		      const struct group *group, const struct row *row, int more_digits)
{
	const struct column *column = &layout->columns[i];

	switch (column->kind) {
	case KIND_PATTERN:
		return table_cell(line, i, "%s", group->pattern->name);
	case KIND_SIZE:
		return table_cell(line, i, "%zu", group->size);
	case KIND_LEVEL:
		return show_level(line, i, &group->level);
	case KIND_QUEUE:
		return table_cell(line, i, "%s", row->peer->name);
	case KIND_MEASURE:
		return show_number(line, i, median_of(group, row, column->measure),
				   measures[column->measure].digits + more_digits);
	case KIND_RATIO:
		return show_number(line, i, ratio_of(group, row, column->peer), 2 + more_digits);
	}
}

static void show_group(struct libscols_table *table, const struct layout *layout,
		       const struct group *group, int more_digits)
{
	struct libscols_line *line;
	size_t i, j;

	for (i = 0; i < peer_count; i++) {
		if (!group->rows[i].rounds)
			continue;
		line = table_row(table);
		for (j = 0; j < layout->count; j++)
			show_cell(line, j, layout, group, &group->rows[i], more_digits);
	}
}

/* Names are left-aligned, and strings in JSON. */
static void set_kinds(struct libscols_table *table, const struct layout *layout)
{
	struct libscols_column *column;
	size_t i;

	for (i = 0; i < layout->count; i++) {
		column = scols_table_get_column(table, i);
		switch (layout->columns[i].kind) {
		case KIND_QUEUE:
			scols_column_set_flags(column, 0);
			/* fall through */
		case KIND_PATTERN:
		case KIND_LEVEL:
			scols_column_set_json_type(column, SCOLS_JSON_STRING);
			break;
		default:
			scols_column_set_json_type(column, SCOLS_JSON_NUMBER);
		}
	}
}

/* Print all results of one pattern as a table. */
void report_text(const struct group *groups, size_t count)
{
	const struct pattern *pattern = groups[0].pattern;
	struct layout layout = { .count = 0 };
	struct libscols_table *table;
	size_t i;

	add(&layout, (struct column){ .kind = KIND_SIZE }, "SIZE", NULL);
	if (groups[0].level.first)
		add(&layout, (struct column){ .kind = KIND_LEVEL }, "NUMBER", NULL);
	add(&layout, (struct column){ .kind = KIND_QUEUE }, "QUEUE", NULL);
	add_measures(&layout, pattern->measures);
	if (pattern->measures & HAS(NS))
		add_ratios(&layout, pattern->can);
	table = table_new(layout.names, layout.count, NULL);
	set_kinds(table, &layout);
	for (i = 0; i < count; i++)
		show_group(table, &layout, &groups[i], 0);
	printf("%s: %s\n", pattern->name, pattern->summary);
	table_print(table, stdout);
	putchar('\n');
	fflush(stdout);
}

/* Print all results as one table in JSON or CSV. */
void report_data(const struct group *groups, size_t count, bool json, FILE *out)
{
	struct layout layout = { .count = 0 };
	struct libscols_table *table;
	size_t i;

	add(&layout, (struct column){ .kind = KIND_PATTERN }, "pattern", "pattern");
	add(&layout, (struct column){ .kind = KIND_SIZE }, "size", "size");
	add(&layout, (struct column){ .kind = KIND_LEVEL }, "number", "number");
	add(&layout, (struct column){ .kind = KIND_QUEUE }, "queue", "queue");
	add_measures(&layout, ~0U);
	add_ratios(&layout, 0);
	for (i = 0; i < layout.count; i++)
		layout.names[i].heading = layout.names[i].json;
	table = table_new(layout.names, layout.count, json ? "bench" : NULL);
	set_kinds(table, &layout);
	if (!json) {
		scols_table_enable_raw(table, 1);
		scols_table_set_column_separator(table, ",");
	}
	for (i = 0; i < count; i++)
		show_group(table, &layout, &groups[i], 3);
	table_print(table, out);
}
