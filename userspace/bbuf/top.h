/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bbuf top: what its two faces, plain text and a live screen, have in common.
 */
#ifndef BBUF_TOP_H
#define BBUF_TOP_H

#include "rate.h"
#include "screen.h"

/* A line: the name, a bar, and figures. */
#define TOP_NAME	12
#define TOP_FIGURES	53
#define TOP_BLANKS	2

#define TOP_LINE_MAX	256

/**
 * struct top - how to watch
 * @subject: for messages
 * @interval_ns: between two looks
 * @count: looks before it ends; 0 for without end
 * @order: how to sort
 * @reverse: the other way round
 * @plain: as text, also on a terminal
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

bool live_run(struct top *top, int *status);

#endif /* BBUF_TOP_H */
