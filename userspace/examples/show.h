/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables and bar charts of results.
 *
 * A table is made of texts: first its headings, then one row at a time. In each text, "|"
 * separates the cells: results_row(table, "%s|%d", name, number). A row may have fewer cells
 * than there are headings.
 */
#ifndef BBUF_EXAMPLES_SHOW_H
#define BBUF_EXAMPLES_SHOW_H

#include <stddef.h>

#include "common/table.h"
#include "common/units.h"

#define COLUMNS_MAX	16
#define BARS_MAX	16

struct libscols_table *results_new(const char *headings);
__attribute__((format(printf, 2, 3)))
void results_row(struct libscols_table *table, const char *fmt, ...);
void results_print(struct libscols_table *table);

/**
 * struct bar - a bar of a chart
 * @label: label before the bar
 * @value: length of the bar
 * @text: text after the bar
 */
struct bar {
	char label[TEXT_MAX];
	double value;
	char text[TEXT_MAX];
};

/**
 * struct chart - bars below each other
 * @title: title of the chart
 * @count: number of @bars
 * @bars: bars, from top to bottom
 */
struct chart {
	const char *title;
	size_t count;
	struct bar bars[BARS_MAX];
};

__attribute__((format(printf, 4, 5)))
void chart_bar(struct chart *chart, const char *label, double value, const char *fmt, ...);
void chart_print(const struct chart *chart);

#endif /* BBUF_EXAMPLES_SHOW_H */
