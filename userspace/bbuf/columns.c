// SPDX-License-Identifier: GPL-2.0-only
/*
 * The columns of bbuf top. See columns.h.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/macros.h"
#include "common/units.h"
#include "columns.h"
#include "message.h"
#include "number.h"

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
