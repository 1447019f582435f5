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

enum kind {
	KIND_PATTERN, KIND_SIZE, KIND_LEVEL, KIND_PHASE, KIND_QUEUE, KIND_MEASURE, KIND_SPREAD,
	KIND_ATTEMPTS, KIND_RATIO, KIND_CONDITION
};

/**
 * struct column - a column of a table
 * @kind: what it shows
 * @measure: for KIND_MEASURE, which one
 * @peer: for KIND_RATIO, the kind of queue to compare with
 * @condition: for KIND_CONDITION, which one
 */
struct column {
	enum kind kind;
	enum measure measure;
	const struct peer *peer;
	enum condition condition;
};

/* Share of processor time that others may take before the machine counts as busy. */
#define BUSY		0.05

#define COLUMNS_MAX	40

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
	[MESSAGES]	= { "MESSAGES", "messages", 0 },
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

/* Keys of the conditions. */
static const char *const conditions[CONDITIONS] = {
	[LOAD]		= "load",
	[RUNNABLE]	= "runnable",
	[SPEEDUP]	= "speedup",
	[SIBLINGS]	= "siblings",
	[OTHERS]	= "others",
	[STEAL]		= "steal",
};

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

static void add_conditions(struct layout *layout)
{
	enum condition i;

	for (i = 0; i < CONDITIONS; i++)
		add(layout, (struct column){ .kind = KIND_CONDITION, .condition = i }, NULL,
		    conditions[i]);
}

/* Patterns that move messages warm up first, unless the start is measured. */
static const char *phase(const struct group *group)
{
	if (!(group->pattern->measures & HAS(NS)))
		return "";
	return group->first ? "first" : "steady";
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
	case KIND_PHASE:
		return table_cell(line, i, "%s", phase(group));
	case KIND_QUEUE:
		return table_cell(line, i, "%s", row->peer->name);
	case KIND_MEASURE:
		return show_number(line, i, row_median(group, row, column->measure),
				   measures[column->measure].digits + more_digits);
	case KIND_SPREAD:
		return show_number(line, i, row_spread(group, row), 2 + more_digits);
	case KIND_ATTEMPTS:
		return table_cell(line, i, "%zu", group->attempts);
	case KIND_RATIO:
		return show_number(line, i, row_ratio(group, row, column->peer), 2 + more_digits);
	case KIND_CONDITION:
		return show_number(line, i, group->conditions.value[column->condition],
				   2 + more_digits);
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
		case KIND_PHASE:
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

/* Print the state of the machine before any measurement. */
void report_conditions(const struct conditions *found)
{
	const double *value = found->value;

	if (!isnan(value[LOAD]))
		printf("Load average %.2f, other runnable tasks: %.0f\n", value[LOAD],
		       value[RUNNABLE]);
	if (isnan(value[SPEEDUP]))
		puts("One processor: processes take turns.");
	else
		printf("Two busy processes do %.2f times the work of one.\n", value[SPEEDUP]);
	if (value[SPEEDUP] < SPEEDUP_LEAST)
		puts("The two processors are not two: what takes wake-ups or spinning is distorted.");
	if (value[SIBLINGS] == 1)
		puts("They are threads of one core.");
	putchar('\n');
}

static double largest(const struct group *groups, size_t count, enum condition condition)
{
	double most = NAN, value;
	size_t i;

	for (i = 0; i < count; i++) {
		value = groups[i].conditions.value[condition];
		if (isnan(most) || value > most)
			most = value;
	}
	return most;
}

/* Print how busy others kept the processors while these results were measured. */
static void print_disturbance(const struct group *groups, size_t count)
{
	double others = largest(groups, count, OTHERS), steal = largest(groups, count, STEAL);

	if (isnan(others))
		return;
	printf("Share of processor time: other processes up to %.0f %%, host up to %.0f %%%s\n",
	       100 * others, 100 * steal,
	       others + steal > BUSY ? "; the machine was busy, do not rely on these figures" : "");
}

static void print_attempts(const struct group *group, double spread)
{
	char number[2 * TEXT_MAX] = "";
	double is = group_spread(group);

	if (group->attempts == 1 && is <= spread)
		return;
	if (group->level.second)
		snprintf(number, sizeof(number), ", %zu:%zu", group->level.first,
			 group->level.second);
	else if (group->level.first)
		snprintf(number, sizeof(number), ", %zu", group->level.first);
	printf("%zu bytes%s, %s: ", group->size, number, phase(group));
	if (group->attempts > 1)
		printf("measured %zu times; ", group->attempts);
	printf("rounds%s differ by %.0f %%\n",
	       group->attempts == 1 ? "" : is > spread ? " still" : " now", 100 * is);
}

/*
 * Print all results of one pattern as a table. Below it stand measurements whose rounds differ by
 * more than @spread, or did so at first.
 */
void report_text(const struct group *groups, size_t count, double spread)
{
	const struct pattern *pattern = groups[0].pattern;
	struct layout layout = { .count = 0 };
	struct libscols_table *table;
	size_t i;

	add(&layout, (struct column){ .kind = KIND_SIZE }, "SIZE", NULL);
	if (groups[0].level.first)
		add(&layout, (struct column){ .kind = KIND_LEVEL }, "NUMBER", NULL);
	if (pattern->phased)
		add(&layout, (struct column){ .kind = KIND_PHASE }, "PHASE", NULL);
	add(&layout, (struct column){ .kind = KIND_QUEUE }, "QUEUE", NULL);
	add_measures(&layout, pattern->measures);
	if (pattern->measures & HAS(NS)) {
		add(&layout, (struct column){ .kind = KIND_SPREAD }, "SPREAD", NULL);
		add_ratios(&layout, pattern->can);
	}
	table = table_new(layout.names, layout.count, NULL);
	set_kinds(table, &layout);
	for (i = 0; i < count; i++)
		show_group(table, &layout, &groups[i], 0);
	printf("%s: %s\n", pattern->name, pattern->summary);
	table_print(table, stdout);
	print_disturbance(groups, count);
	for (i = 0; i < count; i++)
		print_attempts(&groups[i], spread);
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
	add(&layout, (struct column){ .kind = KIND_PHASE }, "phase", "phase");
	add(&layout, (struct column){ .kind = KIND_QUEUE }, "queue", "queue");
	add_measures(&layout, ~0U);
	add(&layout, (struct column){ .kind = KIND_SPREAD }, "spread", "spread");
	add(&layout, (struct column){ .kind = KIND_ATTEMPTS }, "attempts", "attempts");
	add_ratios(&layout, 0);
	add_conditions(&layout);
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
