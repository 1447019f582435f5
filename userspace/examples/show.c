// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables and charts of results. See show.h.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/macros.h"
#include "common/screen.h"
#include "common/table.h"
#include "common/units.h"
#include "show.h"

/* Separator of cells in a text. */
#define CELL_END	"|"

struct libscols_table *results_new(const char *headings)
{
	struct table_column columns[COLUMNS_MAX] = { 0 };
	char *text = strdupa(headings);
	size_t count;

	for (count = 0; text && count < COLUMNS_MAX; count++)
		columns[count].heading = strsep(&text, CELL_END);
	return table_new(columns, count, NULL);
}

void results_row(struct libscols_table *table, const char *fmt, ...)
{
	struct libscols_line *row = table_row(table);
	size_t column = 0;
	char *text, *rest;
	va_list args;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	for (rest = text; rest; column++)
		table_cell(row, column, "%s", strsep(&rest, CELL_END));
	free(text);
}

void results_print(struct libscols_table *table)
{
	table_print(table, stdout);
}

void chart_bar(struct chart *chart, const char *label, double value, const char *fmt, ...)
{
	struct bar *bar = &chart->bars[chart->count++];
	va_list args;

	snprintf(bar->label, TEXT_MAX, "%s", label);
	bar->value = value;
	va_start(args, fmt);
	vsnprintf(bar->text, TEXT_MAX, fmt, args);
	va_end(args);
}

/* One bar per line; the longest one uses the width of the screen. */
void chart_print(const struct chart *chart)
{
	const struct bar *bar, *end = chart->bars + chart->count;
	int label_width = 0, text_width = 0;
	struct screen screen;
	double longest = 0;
	unsigned int cells;

	for (bar = chart->bars; bar < end; bar++) {
		label_width = MAX(label_width, (int)strlen(bar->label));
		text_width = MAX(text_width, (int)strlen(bar->text));
		longest = MAX(longest, bar->value);
	}
	screen_init(&screen, stdout);
	cells = screen_bar_cells(&screen, label_width + text_width + strlen("    "));
	putchar('\n');
	screen_heading(&screen, "%s", chart->title);
	for (bar = chart->bars; bar < end; bar++) {
		printf("%-*s  ", label_width, bar->label);
		screen_bar(&screen, longest > 0 ? bar->value / longest : 0, cells);
		printf("  %*s\n", text_width, bar->text);
	}
}
