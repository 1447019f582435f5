/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drawing on a terminal or as text. Colours and block characters are used on a terminal only;
 * elsewhere the output is plain ASCII without escape sequences. NO_COLOR is honoured.
 */
#ifndef BBUF_COMMON_SCREEN_H
#define BBUF_COMMON_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

enum colour {
	COLOUR_NONE,
	COLOUR_BOLD,
	COLOUR_RED,
	COLOUR_GREEN,
	COLOUR_YELLOW,
};

/**
 * struct screen - where to draw
 * @out: output stream
 * @tty: the stream is a terminal
 * @utf8: block characters can be used
 * @colour: colours can be used
 * @width: number of columns to use
 */
struct screen {
	FILE *out;
	bool tty;
	bool utf8;
	bool colour;
	unsigned int width;
};

void screen_init(struct screen *screen, FILE *out);
unsigned int screen_bar_cells(const struct screen *screen, unsigned int taken);
void screen_bar(const struct screen *screen, double part, unsigned int cells);
void screen_graph(const struct screen *screen, const double *parts, unsigned int count);
__attribute__((format(printf, 2, 3)))
void screen_heading(const struct screen *screen, const char *fmt, ...);
void screen_text(const struct screen *screen, enum colour colour, int width, const char *text);

#endif /* BBUF_COMMON_SCREEN_H */
