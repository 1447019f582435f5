// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf top: options and plain text. The live screen is in live.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arguments.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/macros.h"
#include "common/screen.h"
#include "common/settings.h"
#include "command.h"
#include "live.h"
#include "message.h"

static void set_order(struct argp_state *state, const struct setting *setting, char *arg)
{
	static const char *const names[] = {
		[ORDER_NAME] = "name", [ORDER_FILL] = "fill", [ORDER_IN] = "in",
		[ORDER_OUT] = "out", [ORDER_WAITING] = "waiting", [ORDER_SLEPT] = "slept",
	};
	enum rate_order *order = setting->into;

	for (*order = 0; *order < ARRAY_SIZE(names); ++*order)
		if (!strcmp(names[*order], arg))
			return;
	argp_error(state, "--sort=%s: must be name, fill, in, out, waiting or slept", arg);
}

static void parse(struct top *top, int argc, char **argv)
{
	const struct setting settings[] = {
		{ .name = "interval", .key = 'i', .time = &top->interval_ns, .initial = "1s",
		  .doc = "refresh interval" },
		{ .name = "count", .key = 'n', .count = &top->count,
		  .doc = "exit after N refreshes (default: no limit)" },
		{ .name = "sort", .key = 's', .arg = "KEY", .parse = set_order,
		  .into = &top->order, .initial = "name",
		  .doc = "sort by name, fill, in, out, waiting or slept" },
		{ .name = "reverse", .key = 'r', .yes = &top->reverse,
		  .doc = "reverse the sort order" },
		{ .name = "plain", .key = 'p', .yes = &top->plain,
		  .doc = "print text, even on a terminal" },
		{ 0 }
	};
	const struct command_line line = {
		.settings = settings,
		.doc = "Monitors all queues: fill level, throughput in records (r) or bytes per "
		       "second, number of writers and readers that wait now, and the time that "
		       "they have slept since the queue was created. Statistics that you may not "
		       "read are shown as -.\v"
		       "On a terminal: q quits; n, f, i, o, w, s sort by name, fill, in, out, "
		       "waiting, slept; r reverses; the arrow keys scroll. Elsewhere it prints "
		       "text.\n\n"
		       "In the table K, M and G are powers of 1000.\n"
		       HELP_TIMES "\n" HELP_EXIT ".",
	};

	command_line_parse(&line, argc, argv);
}

static void print_rates(const struct screen *screen, const struct rate *rates, size_t count)
{
	unsigned int cells = screen_bar_cells(screen, TOP_NAME + TOP_FIGURES + TOP_BLANKS);
	char groups[TOP_LINE_MAX], text[TOP_LINE_MAX];
	size_t i;

	top_headings(groups, text, screen->utf8 ? cells : cells + strlen("[]"));
	fprintf(screen->out, "%s\n%s\n", groups, text);
	for (i = 0; i < count; i++) {
		top_name(text, &rates[i]);
		fprintf(screen->out, "%s ", text);
		screen_bar(screen, MAX(rates[i].fill, 0), cells);
		top_figures(text, &rates[i]);
		fprintf(screen->out, " %s\n", text);
	}
}

static void print_snapshot(const struct top *top, const struct screen *screen,
			   const struct snapshot *before, const struct snapshot *now)
{
	struct rate *rates = rates_new(before, now);
	char text[TOP_LINE_MAX];

	rates_sort(rates, now->count, top->order, top->reverse);
	top_summary(text, now);
	screen_heading(screen, "%s", text);
	print_rates(screen, rates, now->count);
	free(rates);
}

/* Refreshes happen at fixed times, however long each takes. */
static int plain_run(const struct top *top)
{
	struct snapshot before = { 0 }, now = { 0 };
	int ret = EXIT_SUCCESS;
	struct screen screen;
	uint64_t due, done;

	screen_init(&screen, stdout);
	if (snapshot_take(&before))
		return fail(&top->subject, errno);
	due = before.at;
	for (done = 0; ret == EXIT_SUCCESS && (!top->count || done < top->count); done++) {
		due += top->interval_ns;
		sleep_until(due);
		if (snapshot_take(&now)) {
			ret = fail(&top->subject, errno);
			break;
		}
		if (done)
			putchar('\n');
		print_snapshot(top, &screen, &before, &now);
		ret = output_end();
		snapshot_free(&before);
		before = now;
	}
	snapshot_free(&before);
	return ret;
}

int cmd_top(int argc, char **argv)
{
	struct top top = { .subject.operation = "top" };
	int status;

	parse(&top, argc, argv);
	if (!top.plain && live_run(&top, &status))
		return status;
	return plain_run(&top);
}
