// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rates of all queues. See rate.h.
 */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/macros.h"
#include "number.h"
#include "rate.h"

/* Returns 0, or -1 and errno. */
int snapshot_take(struct snapshot *snapshot)
{
	snapshot->at = now_ns();
	return bbuf_list(&snapshot->list, &snapshot->count);
}

void snapshot_free(struct snapshot *snapshot)
{
	bbuf_list_free(snapshot->list);
	*snapshot = (struct snapshot){ 0 };
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct bbuf_info *)a)->name, ((const struct bbuf_info *)b)->name);
}

/* The lists are sorted by name. */
static const struct bbuf_info *snapshot_find(const struct snapshot *snapshot,
					     const struct bbuf_info *info)
{
	if (!snapshot->count)
		return NULL;
	return bsearch(info, snapshot->list, snapshot->count, sizeof(*info), compare_names);
}

static uint64_t moved(const struct bbuf_info *info, const struct bbuf_side_info *side)
{
	return info->type == BBUF_RECORD ? side->records : side->bytes;
}

/* Rate per second; negative if unknown. */
static double rate_of(uint64_t before, uint64_t now, double seconds)
{
	return is_known(before) && is_known(now) ? (now - before) / seconds : -1;
}

/* A queue whose counts have decreased was destroyed and created again with the same name. */
static void measure(struct rate *rate, const struct bbuf_info *before, double seconds)
{
	const struct bbuf_info *now = rate->info;

	rate->in = -1;
	rate->out = -1;
	if (!before || before->type != now->type || before->in.bytes > now->in.bytes ||
	    before->out.bytes > now->out.bytes)
		return;
	rate->in = rate_of(moved(before, &before->in), moved(now, &now->in), seconds);
	rate->out = rate_of(moved(before, &before->out), moved(now, &now->out), seconds);
}

/* Leased data counts against the capacity. */
static double fill(const struct bbuf_info *info)
{
	if (!is_known(info->bytes) || !is_known(info->leased_bytes))
		return -1;
	return (double)(info->bytes + info->leased_bytes) / info->capacity;
}

/* Unknown values sort after all others. */
static double sum(uint64_t a, uint64_t b)
{
	return is_known(a) && is_known(b) ? (double)a + b : -1;
}

/* Allocates one element for each queue in @now. @before may be empty. */
struct rate *rates_new(const struct snapshot *before, const struct snapshot *now)
{
	struct rate *rates = xcalloc(MAX(now->count, 1U), sizeof(*rates));
	double seconds = (double)(now->at - before->at) / NSEC_PER_SEC;
	size_t i;

	for (i = 0; i < now->count; i++) {
		rates[i].info = &now->list[i];
		rates[i].fill = fill(&now->list[i]);
		measure(&rates[i], snapshot_find(before, rates[i].info), seconds);
	}
	return rates;
}

static double order_key(const struct rate *rate, enum rate_order order)
{
	const struct bbuf_info *info = rate->info;

	switch (order) {
	case ORDER_FILL:
		return rate->fill;
	case ORDER_IN:
		return rate->in;
	case ORDER_OUT:
		return rate->out;
	case ORDER_WAITING:
		return sum(widen(info->in.waiters), widen(info->out.waiters));
	case ORDER_SLEPT:
		return sum(info->in.blocked_ns, info->out.blocked_ns);
	default:
		return 0;
	}
}

/**
 * struct criterion - sort criterion
 * @order: value to sort by, in descending order; the name if values are equal
 * @reverse: reverse the order
 */
struct criterion {
	enum rate_order order;
	bool reverse;
};

static int compare_rates(const void *a, const void *b, void *arg)
{
	const struct criterion *criterion = arg;
	double x = order_key(a, criterion->order), y = order_key(b, criterion->order);
	int ret = x != y ? (x < y) - (x > y) :
		  compare_names(((const struct rate *)a)->info, ((const struct rate *)b)->info);

	return criterion->reverse ? -ret : ret;
}

void rates_sort(struct rate *rates, size_t count, enum rate_order order, bool reverse)
{
	struct criterion criterion = { order, reverse };

	qsort_r(rates, count, sizeof(*rates), compare_rates, &criterion);
}
