/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results, for people: tables and bar charts.
 *
 * A table is made of texts, its headings first, then a row at a time; in each text "|" is
 * between the cells: results_row(table, "%s|%d", name, number). A row may have fewer cells
 * than there are headings.
 */
#ifndef BBUF_EXAMPLES_SHOW_H
#define BBUF_EXAMPLES_SHOW_H

#include <stddef.h>

#include "common.h"
#include "table.h"

#define COLUMNS_MAX	16
#define BARS_MAX	16

struct libscols_table *results_new(const char *headings);
__attribute__((format(printf, 2, 3)))
void results_row(struct libscols_table *table, const char *fmt, ...);
void results_print(struct libscols_table *table);

/**
 * struct bar - one line of a chart
 * @label: what it is about
 * @value: how long the bar is to be
 * @text: what is written behind it
 */
struct bar {
	char label[TEXT_MAX];
	double value;
	char text[TEXT_MAX];
};

/**
 * struct chart - bars below each other
 * @title: above them
 * @count: how many there are
 * @bars: from above
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
