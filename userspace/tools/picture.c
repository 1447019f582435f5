// SPDX-License-Identifier: GPL-2.0-only
/*
 * Picture of the timeline as SVG. See picture.h.
 */
#include <ctype.h>
#include <string.h>

#include "common/clock.h"
#include "common/macros.h"
#include "common/units.h"
#include "picture.h"

/* Layout in pixels. A panel is a title, two lanes with the graph between them, and an axis. */
#define WIDTH		760
#define MARGIN		12
#define GRAPH_LEFT	88
#define GRAPH_RIGHT	(WIDTH - MARGIN - 4)
#define HEAD_HEIGHT	62
#define PANEL_HEIGHT	200
#define TITLE_Y		14
#define PRODUCER_Y	24
#define LANE_HEIGHT	20
#define GRAPH_Y		50
#define GRAPH_HEIGHT	84
#define CONSUMER_Y	140
#define AXIS_Y		176

/* Average width of a character of a label; a duration is left out where it does not fit. */
#define LETTER_WIDTH	6.5

#define TICKS_MAX	10

static const char *const names[ROLE_COUNT] = {
	[PRODUCER] = "producer",
	[CONSUMER] = "consumer",
};

/* Fill and stroke of each class; dark ones for a viewer that prefers them. */
static const char style[] =
	"text { font: 12px sans-serif; fill: #1f2328 }\n"
	".title { font-weight: bold }\n"
	".mid { text-anchor: middle }\n"
	".end { text-anchor: end }\n"
	".paper { fill: #ffffff; stroke: #d0d7de }\n"
	".line { stroke: #afb8c1 }\n"
	".level { fill: #b6d4fb; stroke: #0969da; stroke-width: 1.5 }\n"
	".sleep { fill: #ffb8b0 }\n"
	".retry { fill: #f5d67b }\n"
	".move { stroke: #116329; stroke-width: 2 }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"text { fill: #e6edf3 }\n"
	".paper { fill: #0d1117; stroke: #3d444d }\n"
	".line { stroke: #59636e }\n"
	".level { fill: #17406d; stroke: #6cb6ff }\n"
	".sleep { fill: #8e2f28 }\n"
	".retry { fill: #6e5206 }\n"
	".move { stroke: #56d364 }\n"
	"}\n";

/* A path may contain characters that XML reserves, or does not allow. */
static void put_escaped(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text))
			fprintf(out, "&#%d;", *text);
		else
			putc(isascii(*text) && isprint(*text) ? *text : '?', out);
	}
}

static bool retries(const struct event_log *log)
{
	return log->mode == MODE_NONBLOCK;
}

/* Whether a wait of @role ends with the event. */
static bool ends_wait(const struct event *event, enum role role)
{
	return event->role == role && !event->waits && event->waited_ns;
}

/* The panels have one scale, so that their widths can be compared. */
static uint64_t duration(const struct picture *picture)
{
	uint64_t ns = 1;
	size_t i;

	for (i = 0; i < picture->count; i++)
		ns = MAX(ns, picture->logs[i].wall_ns);
	return ns;
}

static double at(const struct picture *picture, uint64_t ns)
{
	return GRAPH_LEFT + (double)(GRAPH_RIGHT - GRAPH_LEFT) * ns / duration(picture);
}

/* Prints "the producer slept 4 times, 40.4 ms in all". */
static void describe_role(const struct event_log *log, enum role role, FILE *out)
{
	const struct event *event, *end = log->events + log->event_count;
	unsigned int count = 0;
	char text[TEXT_MAX];
	uint64_t ns = 0;

	for (event = log->events; event < end; event++) {
		if (ends_wait(event, role)) {
			count++;
			ns += event->waited_ns;
		}
	}
	fprintf(out, "the %s %s %u times, %s in all", names[role],
		retries(log) ? "retried" : "slept", count, format_time(text, ns));
}

static void describe(const struct picture *picture, FILE *out)
{
	char text[TEXT_MAX];
	size_t i;

	fputs("<title id=\"title\">Fill level of ", out);
	put_escaped(picture->device, out);
	fprintf(out, " (%s) over time, with the waits of a producer and a consumer</title>\n",
		format_size(text, picture->capacity));
	fputs("<desc id=\"desc\">", out);
	for (i = 0; i < picture->count; i++) {
		const struct event_log *log = &picture->logs[i];

		fprintf(out, "%s%s, in %s: ", i ? " " : "", endpoint_mode_name(log->mode),
			format_time(text, log->wall_ns));
		describe_role(log, PRODUCER, out);
		fputs("; ", out);
		describe_role(log, CONSUMER, out);
		putc('.', out);
	}
	fputs("</desc>\n", out);
}

static void draw_line(const char *class, double x, double y, double to_x, double to_y, FILE *out)
{
	fprintf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
		class, x, y, to_x, to_y);
}

static void draw_rect(const char *class, double x, double y, double width, double height, FILE *out)
{
	fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
		class, x, y, width, height);
}

static void draw_text(const char *class, double x, double y, const char *text, FILE *out)
{
	fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
	put_escaped(text, out);
	fputs("</text>\n", out);
}

/* Returns where the next entry begins. */
static double draw_key(const char *class, double x, const char *text, FILE *out)
{
	const int top = 38, size = 12;

	if (!strcmp(class, "move"))
		draw_line(class, x + size / 2, top, x + size / 2, top + size, out);
	else
		draw_rect(class, x, top, size, size, out);
	draw_text("", x + size + 6, top + size - 2, text, out);
	return x + size + 6 + strlen(text) * LETTER_WIDTH + 16;
}

static void draw_head(const struct picture *picture, FILE *out)
{
	bool sleep = false, retry = false;
	double x = MARGIN;
	size_t i;

	for (i = 0; i < picture->count; i++) {
		sleep |= !retries(&picture->logs[i]);
		retry |= retries(&picture->logs[i]);
	}
	fprintf(out, "<text class=\"title\" x=\"%d\" y=\"22\">", MARGIN);
	put_escaped(picture->device, out);
	fputs(": one producer, one consumer</text>\n", out);
	fputs("<g class=\"legend\">\n", out);
	if (sleep)
		x = draw_key("sleep", x, "sleeps until it is woken", out);
	if (retry)
		x = draw_key("retry", x, "tries again and again", out);
	x = draw_key("move", x, "a write or read returns", out);
	draw_key("level", x, "fill level of the queue", out);
	fputs("</g>\n", out);
}

/* A wait is as wide as it was long, and a call that returned is a line. */
static void draw_lane(const struct picture *picture, const struct event_log *log, enum role role,
		      double y, FILE *out)
{
	const struct event *event, *end = log->events + log->event_count;
	char text[TEXT_MAX];

	fprintf(out, "<g class=\"%s\">\n", names[role]);
	draw_text("end", GRAPH_LEFT - 8, y + LANE_HEIGHT - 6, names[role], out);
	for (event = log->events; event < end; event++) {
		double to = at(picture, event->ns), from;

		if (!ends_wait(event, role))
			continue;
		from = at(picture, event->ns - event->waited_ns);
		draw_rect(retries(log) ? "retry" : "sleep", from, y, MAX(to - from, 0.5),
			  LANE_HEIGHT, out);
		format_time(text, event->waited_ns);
		if (strlen(text) * LETTER_WIDTH < to - from)
			draw_text("mid", (from + to) / 2, y + LANE_HEIGHT - 6, text, out);
	}
	for (event = log->events; event < end; event++)
		if (event->role == role && !event->waits)
			draw_line("move", at(picture, event->ns), y, at(picture, event->ns),
				  y + LANE_HEIGHT, out);
	fputs("</g>\n", out);
}

/* Between two events the level is the one recorded by the first. */
static void draw_level(const struct picture *picture, const struct event_log *log, double top,
		       FILE *out)
{
	const struct event *event, *end = log->events + log->event_count;
	const double bottom = top + GRAPH_HEIGHT;
	char text[TEXT_MAX], full[TEXT_MAX + sizeof(" full")];

	snprintf(full, sizeof(full), "%s full", format_size(text, picture->capacity));
	draw_text("end", GRAPH_LEFT - 8, top + 10, full, out);
	draw_text("end", GRAPH_LEFT - 8, bottom - GRAPH_HEIGHT / 2 + 4, "fill level", out);
	draw_text("end", GRAPH_LEFT - 8, bottom, "empty", out);
	draw_line("line", GRAPH_LEFT, top, GRAPH_RIGHT, top, out);
	draw_line("line", GRAPH_LEFT, bottom, GRAPH_RIGHT, bottom, out);
	fprintf(out, "<path class=\"level\" d=\"M%d %.1f", GRAPH_LEFT, bottom);
	for (event = log->events; event < end; event++)
		fprintf(out, "H%.1fV%.1f", at(picture, event->ns),
			bottom - (double)GRAPH_HEIGHT * event->fill / picture->capacity);
	fprintf(out, "H%.1fV%.1fZ\"/>\n", at(picture, log->wall_ns), bottom);
}

/* 1, 2 or 5 times a power of ten, in nanoseconds. */
static uint64_t tick_step(uint64_t ns)
{
	uint64_t power;

	for (power = 1; ; power *= 10) {
		if (ns / power <= TICKS_MAX)
			return power;
		if (ns / (2 * power) <= TICKS_MAX)
			return 2 * power;
		if (ns / (5 * power) <= TICKS_MAX)
			return 5 * power;
	}
}

static void draw_axis(const struct picture *picture, double y, FILE *out)
{
	uint64_t end = duration(picture), step = tick_step(end), ns;
	char text[TEXT_MAX];

	draw_text("end", GRAPH_LEFT - 8, y, "time, ms", out);
	for (ns = 0; ns <= end; ns += step) {
		snprintf(text, sizeof(text), "%g", (double)ns / NSEC_PER_MSEC);
		draw_text("mid", at(picture, ns), y, text, out);
		draw_line("line", at(picture, ns), y - 15, at(picture, ns), y - 11, out);
	}
}

static void draw_panel(const struct picture *picture, size_t number, FILE *out)
{
	const struct event_log *log = &picture->logs[number];
	double top = HEAD_HEIGHT + (double)number * PANEL_HEIGHT;

	draw_text("title", MARGIN, top + TITLE_Y, picture->titles[log->mode], out);
	draw_lane(picture, log, PRODUCER, top + PRODUCER_Y, out);
	draw_level(picture, log, top + GRAPH_Y, out);
	draw_lane(picture, log, CONSUMER, top + CONSUMER_Y, out);
	draw_axis(picture, top + AXIS_Y, out);
}

void picture_write(const struct picture *picture, FILE *out)
{
	size_t height = HEAD_HEIGHT + picture->count * PANEL_HEIGHT, i;

	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %zu\" width=\"%d\" "
		"height=\"%zu\" role=\"img\" aria-labelledby=\"title desc\">\n", WIDTH, height, WIDTH,
		height);
	describe(picture, out);
	fprintf(out, "<style>\n%s</style>\n", style);
	fprintf(out, "<rect class=\"paper\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%zu\" rx=\"6\"/>\n",
		WIDTH - 1, height - 1);
	draw_head(picture, out);
	for (i = 0; i < picture->count; i++)
		draw_panel(picture, i, out);
	fputs("</svg>\n", out);
}
