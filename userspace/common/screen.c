// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drawing on a terminal or as text. See screen.h.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "macros.h"
#include "screen.h"

/* Default width, and the maximum width of text, in columns. */
#define WIDTH_DEFAULT	96
#define WIDTH_MAX	100

/* Minimum width of a bar. */
#define CELLS_MIN	4

/* Steps of a block character: eighths of a cell. */
#define EIGHTHS		8

static const char *const codes[] = {
	[COLOUR_NONE] = "0",
	[COLOUR_BOLD] = "1",
	[COLOUR_RED] = "31",
	[COLOUR_GREEN] = "32",
	[COLOUR_YELLOW] = "33",
};

void screen_init(struct screen *screen, FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool dumb = !term || !strcmp(term, "dumb");
	struct winsize size;

	setlocale(LC_CTYPE, "");
	*screen = (struct screen){ .out = out, .width = WIDTH_DEFAULT };
	screen->tty = isatty(fileno(out)) && !dumb;
	if (!screen->tty)
		return;
	screen->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	screen->colour = !no_color || !*no_color;
	if (!ioctl(fileno(out), TIOCGWINSZ, &size) && size.ws_col)
		screen->width = MIN(size.ws_col, WIDTH_MAX);
}

static void colour_begin(const struct screen *screen, enum colour colour)
{
	if (screen->colour && colour != COLOUR_NONE)
		fprintf(screen->out, "\033[%sm", codes[colour]);
}

static void colour_end(const struct screen *screen, enum colour colour)
{
	if (screen->colour && colour != COLOUR_NONE)
		fprintf(screen->out, "\033[%sm", codes[COLOUR_NONE]);
}

/* Print text, left-aligned in @width columns. */
void screen_text(const struct screen *screen, enum colour colour, int width, const char *text)
{
	colour_begin(screen, colour);
	fprintf(screen->out, "%*s", -width, text);
	colour_end(screen, colour);
}

void screen_heading(const struct screen *screen, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	colour_begin(screen, COLOUR_BOLD);
	vfprintf(screen->out, fmt, args);
	colour_end(screen, COLOUR_BOLD);
	putc('\n', screen->out);
	va_end(args);
}

/* Green below one half, yellow from one half, red when full. */
static enum colour bar_colour(double part)
{
	return part >= 1 ? COLOUR_RED : part >= 0.5 ? COLOUR_YELLOW : COLOUR_GREEN;
}

static void bar_utf8(const struct screen *screen, unsigned int eighths, unsigned int cells)
{
	static const char *const blocks[EIGHTHS + 1] = {
		"·", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"
	};
	unsigned int i;

	for (i = 0; i < cells; i++) {
		unsigned int here = MIN(eighths, EIGHTHS);

		fputs(blocks[here], screen->out);
		eighths -= here;
	}
}

/* Number of cells for a bar that uses the rest of the line. */
unsigned int screen_bar_cells(const struct screen *screen, unsigned int taken)
{
	taken += screen->utf8 ? 0 : strlen("[]");
	return screen->width > taken + CELLS_MIN ? screen->width - taken : CELLS_MIN;
}

/* Draw a horizontal bar of @cells cells. Any part above 0 is visible. */
void screen_bar(const struct screen *screen, double part, unsigned int cells)
{
	unsigned int steps = cells * (screen->utf8 ? EIGHTHS : 1);
	unsigned int set = MIN(steps, part * steps + 0.5);
	enum colour colour = bar_colour(part);
	unsigned int i;

	if (part > 0)
		set = MAX(set, 1U);
	if (screen->utf8) {
		colour_begin(screen, colour);
		bar_utf8(screen, set, cells);
		colour_end(screen, colour);
		return;
	}
	putc('[', screen->out);
	for (i = 0; i < cells; i++)
		putc(i < set ? '#' : '.', screen->out);
	putc(']', screen->out);
}

static void graph_utf8(const struct screen *screen, const double *parts, unsigned int count)
{
	static const char *const heights[EIGHTHS + 1] = {
		"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"
	};
	enum colour colour = COLOUR_NONE;
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (bar_colour(parts[i]) != colour) {
			colour_end(screen, colour);
			colour = bar_colour(parts[i]);
			colour_begin(screen, colour);
		}
		fputs(heights[(int)(MIN(parts[i], 1.0) * EIGHTHS + 0.5)], screen->out);
	}
	colour_end(screen, colour);
}

/* Draw a graph of parts of a whole, each in one cell. */
void screen_graph(const struct screen *screen, const double *parts, unsigned int count)
{
	static const char tenths[] = ".123456789#";
	unsigned int i;

	if (screen->utf8) {
		graph_utf8(screen, parts, count);
		return;
	}
	for (i = 0; i < count; i++)
		putc(tenths[(int)(MIN(parts[i], 1.0) * (strlen(tenths) - 1) + 0.5)], screen->out);
}
