/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bbuf top: what plain text and the live screen have in common.
 */
#ifndef BBUF_COLUMNS_H
#define BBUF_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"
#include "rate.h"

/* Widths of a line: name, bar, figures. */
#define TOP_NAME	12
#define TOP_FIGURES	53
#define TOP_BLANKS	2

#define TOP_LINE_MAX	256

/**
 * struct top - options of bbuf top
 * @subject: for messages
 * @interval_ns: refresh interval in nanoseconds
 * @count: number of refreshes; 0 for no limit
 * @order: sort order
 * @reverse: reverse the order
 * @plain: print text, even on a terminal
 */
struct top {
	struct subject subject;
	uint64_t interval_ns;
	uint64_t count;
	enum rate_order order;
	bool reverse;
	bool plain;
};

void top_headings(char groups[TOP_LINE_MAX], char columns[TOP_LINE_MAX], unsigned int bar);
void top_name(char text[TOP_LINE_MAX], const struct rate *rate);
void top_figures(char text[TOP_LINE_MAX], const struct rate *rate);
void top_summary(char text[TOP_LINE_MAX], const struct snapshot *snapshot);

#endif /* BBUF_COLUMNS_H */
