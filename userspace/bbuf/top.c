// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf top: options and plain text. The live screen is in live.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"

enum option_key {
	KEY_INTERVAL = 'i',
	KEY_COUNT = 'n',
	KEY_SORT = 's',
	KEY_REVERSE = 'r',
	KEY_PLAIN = 'p',
};

static const struct argp_option option_list[] = {
	{ .name = "interval", .key = KEY_INTERVAL, .arg = "TIME",
	  .doc = "refresh interval (default: 1s)" },
	{ .name = "count", .key = KEY_COUNT, .arg = "N",
	  .doc = "exit after N refreshes (default: no limit)" },
	{ .name = "sort", .key = KEY_SORT, .arg = "KEY",
	  .doc = "sort by name, fill, in, out, waiting or slept (default: name)" },
	{ .name = "reverse", .key = KEY_REVERSE, .doc = "reverse the sort order" },
	{ .name = "plain", .key = KEY_PLAIN, .doc = "print text, even on a terminal" },
	{ 0 }
};

static enum rate_order arg_order(struct argp_state *state, const char *arg)
{
	static const char *const names[] = {
		[ORDER_NAME] = "name", [ORDER_FILL] = "fill", [ORDER_IN] = "in",
		[ORDER_OUT] = "out", [ORDER_WAITING] = "waiting", [ORDER_SLEPT] = "slept",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], arg))
			return i;
	argp_error(state, "--sort=%s: must be name, fill, in, out, waiting or slept", arg);
	return ORDER_NAME;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct top *top = state->input;

	switch (key) {
	case KEY_INTERVAL:
		top->interval_ns = arg_time(state, "interval", arg);
		return 0;
	case KEY_COUNT:
		top->count = arg_count(state, "count", arg);
		return 0;
	case KEY_SORT:
		top->order = arg_order(state, arg);
		return 0;
	case KEY_REVERSE:
		top->reverse = true;
		return 0;
	case KEY_PLAIN:
		top->plain = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse,
	.doc = "Monitors all queues: fill level, throughput in records (r) or bytes per second, "
	       "number of writers and readers that wait now, and the time that they have slept "
	       "since the queue was created. Statistics that you may not read are shown as -.\v"
	       "On a terminal: q quits; n, f, i, o, w, s sort by name, fill, in, out, waiting, "
	       "slept; r reverses; the arrow keys scroll. Elsewhere it prints text.\n\n"
	       "In the table K, M and G are powers of 1000.\n" HELP_SIZES "\n" HELP_EXIT ".",
};

/* Two lines; the second half of the columns has one for writers and one for readers. */
void top_headings(char groups[TOP_LINE_MAX], char columns[TOP_LINE_MAX], unsigned int bar)
{
	snprintf(groups, TOP_LINE_MAX, "%-*s %*s %5s %7s %7s %7s %7s %15s", TOP_NAME, "", bar, "",
		 "", "", "", "", "WAITING", "SLEPT");
	snprintf(columns, TOP_LINE_MAX, "%-*s %-*s %5s %7s %7s %7s %3s %3s %7s %7s", TOP_NAME,
		 "QUEUE", bar, "FILL", "FULL", "QUEUED", "IN/s", "OUT/s", "W", "R", "W", "R");
}

/* A long name is cut at its end. */
void top_name(char text[TOP_LINE_MAX], const struct rate *rate)
{
	bool cut = strlen(rate->info->name) > TOP_NAME;
	int len = TOP_NAME - cut;

	snprintf(text, TOP_LINE_MAX, "%-*.*s%s", len, len, rate->info->name, cut ? "+" : "");
}

/* Format a number of records or bytes in three digits; "-" if it is unknown. */
static const char *format_amount(char text[TEXT_MAX], double amount, bool records)
{
	static const char *const suffixes[] = { "", "K", "M", "G", "T" };
	const char *unit = records ? "r" : "";
	size_t i;

	if (amount < 0) {
		strcpy(text, "-");
		return text;
	}
	for (i = 0; i < ARRAY_SIZE(suffixes) - 1 && amount >= 999.5; i++)
		amount /= 1000;
	snprintf(text, TEXT_MAX, i && amount < 99.5 ? "%.1f%s%s" : "%.0f%s%s", amount,
		 suffixes[i], unit);
	return text;
}

const char *format_number(char text[TEXT_MAX], uint64_t number)
{
	if (is_known(number))
		snprintf(text, TEXT_MAX, "%llu", (unsigned long long)number);
	else
		strcpy(text, "-");
	return text;
}

/* Format a time briefly, up to days. */
const char *format_slept(char text[TEXT_MAX], uint64_t ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "d", 86400.0 * NSEC_PER_SEC }, { "h", 3600.0 * NSEC_PER_SEC },
		{ "min", 60.0 * NSEC_PER_SEC }, { "s", NSEC_PER_SEC },
		{ "ms", NSEC_PER_MSEC }, { "us", NSEC_PER_USEC },
	};
	double number;
	size_t i;

	if (!is_known(ns))
		return format_number(text, ns);
	for (i = 0; i < ARRAY_SIZE(units) - 1 && ns < units[i].ns; i++)
		;
	number = ns / units[i].ns;
	snprintf(text, TEXT_MAX, ns && number < 9.95 ? "%.1f%s" : "%.0f%s", number,
		 units[i].name);
	return text;
}

/* In the unit of format_amount(). */
static double queued_amount(const struct bbuf_info *info)
{
	uint64_t amount = info->type == BBUF_RECORD ? info->records : info->bytes;

	return is_known(amount) ? (double)amount : -1;
}

void top_figures(char text[TOP_LINE_MAX], const struct rate *rate)
{
	char queued[TEXT_MAX], in[TEXT_MAX], out[TEXT_MAX], slept_in[TEXT_MAX], slept_out[TEXT_MAX];
	char full[TEXT_MAX] = "-", waiting_in[TEXT_MAX], waiting_out[TEXT_MAX];
	const struct bbuf_info *info = rate->info;
	bool records = info->type == BBUF_RECORD;

	if (rate->fill >= 0)
		snprintf(full, sizeof(full), "%.0f%%", 100 * rate->fill);
	snprintf(text, TOP_LINE_MAX, "%5s %7s %7s %7s %3s %3s %7s %7s", full,
		 format_amount(queued, queued_amount(info), records),
		 format_amount(in, rate->in, records), format_amount(out, rate->out, records),
		 format_number(waiting_in, widen(info->in.waiters)),
		 format_number(waiting_out, widen(info->out.waiters)),
		 format_slept(slept_in, info->in.blocked_ns),
		 format_slept(slept_out, info->out.blocked_ns));
}

/*
 * Prints "3 queues, 1K bytes queued", with "in 2 of them" if the statistics of the others may
 * not be read.
 */
void top_summary(char text[TOP_LINE_MAX], const struct snapshot *snapshot)
{
	time_t now = time(NULL);
	char size[TEXT_MAX], part[2 * TEXT_MAX] = "";
	size_t known = 0, i;
	uint64_t bytes = 0;
	struct tm tm;

	localtime_r(&now, &tm);
	for (i = 0; i < snapshot->count; i++) {
		if (!is_known(snapshot->list[i].bytes))
			continue;
		bytes += snapshot->list[i].bytes;
		known++;
	}
	if (known < snapshot->count)
		snprintf(part, sizeof(part), " in %zu of them", known);
	snprintf(text, TOP_LINE_MAX, "%02d:%02d:%02d  %zu queue%s, %s bytes queued%s", tm.tm_hour,
		 tm.tm_min, tm.tm_sec, snapshot->count, plural(snapshot->count),
		 format_size(size, bytes), part);
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
	struct top top = {
		.subject.operation = "top",
		.interval_ns = NSEC_PER_SEC,
	};

	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &top);
	if (!top.plain && live_run(&top, &status))
		return status;
	return plain_run(&top);
}
