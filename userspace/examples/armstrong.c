// SPDX-License-Identifier: GPL-2.0-only
/*
 * armstrong: processes against threads, when all the work is the CPU's.
 *
 * An Armstrong number is the sum of its digits, each to the power of how many there are:
 * 153 = 1^3 + 5^3 + 3^3. Between 20 and 30 million there are two. One worker looks for
 * them, then several, as processes and as threads. What is to be searched is cut into
 * ranges, which lie in a queue. A worker takes one, searches it, puts what it found into
 * another queue, and takes the next, until there is none.
 *
 * Look at: "at once", the CPU time of all by the time that passed. So many were on a CPU at
 * the same moment, on average; those who take turns come to 1 at the most. The speed-up is
 * the same seen from outside, and less when the machine has other work, too.
 *
 * Processes and threads come out alike. They differ in what they share, not in how they
 * get a CPU. Threads gain nothing where they share a lock, which is what gil shows.
 */
#include <fcntl.h>
#include <stdio.h>

#include "example.h"

/* Several for each worker, so that all are at work to the end. */
#define RANGES		20

#define CAPACITY	4096

/**
 * struct range - numbers to be searched: a record in the queue of ranges
 * @first: number of them
 * @end: number after the last
 */
struct range {
	uint32_t first;
	uint32_t end;
};

/* A worker puts the numbers that it finds into the queue of results; after a range, this. */
#define RANGE_DONE	0

static uint64_t workers, whole;

static const struct setting settings[] = {
	{ "workers", "2", "how many to compare with one", &workers, arg_count, RANGES },
	{ "whole", NULL, "search from 20 to 30 million, not only from 24 to 25 million", &whole,
	  NULL, 0 },
	{ 0 }
};

/**
 * struct plan - what to search, and through which queues
 * @numbers: all of them
 * @ranges: queue of work
 * @results: queue of what was found
 */
struct plan {
	struct range numbers;
	const char *ranges;
	const char *results;
};

/**
 * struct result - what workers of one kind have done
 * @label: what they were
 * @cost: what it took
 * @found: the numbers, in order
 * @count: how many
 */
struct result {
	char label[TEXT_MAX];
	struct cost cost;
	uint32_t *found;
	size_t count;
};

static void search(const struct range *range, struct bbuf *results)
{
	uint32_t number;

	for (number = range->first; number < range->end; number++)
		if (is_armstrong(number))
			queue_put_number(results, number);
	queue_put_number(results, RANGE_DONE);
}

static void work(void *arg)
{
	const struct plan *plan = arg;
	struct ends ends = ends_open(plan->ranges, plan->results);
	struct range range;

	while (queue_get(ends.from, &range, sizeof(range)))
		search(&range, ends.to);
	ends_close(&ends);
}

static void put_ranges(const struct plan *plan, struct bbuf *ranges)
{
	uint32_t step = (plan->numbers.end - plan->numbers.first) / RANGES;
	struct range range = { .end = plan->numbers.first };

	while (range.end < plan->numbers.end) {
		range.first = range.end;
		range.end += step;
		queue_put(ranges, &range, sizeof(range));
	}
	queue_shutdown(ranges);
}

/* What comes first need not be the smaller one. */
static void add_found(struct result *result, uint32_t number)
{
	size_t i = result->count++;

	result->found = xrealloc(result->found, result->count, sizeof(number));
	for (; i && result->found[i - 1] > number; i--)
		result->found[i] = result->found[i - 1];
	result->found[i] = number;
}

static void get_results(struct result *result, struct bbuf *results)
{
	unsigned int left = RANGES;
	uint32_t number;

	while (left) {
		number = queue_get_number(results);
		if (number == RANGE_DONE)
			left--;
		else
			add_found(result, number);
	}
}

static void run(struct result *result, struct plan *plan, enum team_kind kind, size_t count)
{
	static const char *const nouns[][2] = {
		[TEAM_PROCESSES] = { "process", "processes" },
		[TEAM_THREADS] = { "thread", "threads" },
	};
	struct team *team;
	struct ends ends;

	snprintf(result->label, TEXT_MAX, "%zu %s", count, nouns[kind][count != 1]);
	plan->ranges = queue_new(BBUF_RECORD, CAPACITY);
	plan->results = queue_new_for_results(CAPACITY);
	ends = ends_open(plan->results, plan->ranges);
	team = team_start(kind, count, work, plan);
	put_ranges(plan, ends.to);
	get_results(result, ends.from);
	result->cost = team_join(team);
	ends_close(&ends);
}

/* Of each kind, one alone comes first, and the others are compared with it. */
static void print_table(const struct result *results, size_t count)
{
	struct libscols_table *table;
	size_t i;

	table = results_new("workers|seconds|CPU seconds|at once|speed-up");
	for (i = 0; i < count; i++) {
		const struct cost *cost = &results[i].cost, *alone = &results[i / 2 * 2].cost;

		results_row(table, "%s|%.2f|%.2f|%.2f|%.2f", results[i].label,
			    (double)cost->ns / NSEC_PER_SEC, (double)cost->cpu_ns / NSEC_PER_SEC,
			    (double)cost->cpu_ns / cost->ns, (double)alone->ns / cost->ns);
	}
	results_print(table);
}

static void print_found(const struct result *result)
{
	size_t i;

	printf("found by %s:", result->label);
	for (i = 0; i < result->count; i++)
		printf(" %u", result->found[i]);
	puts("");
}

int main(int argc, char **argv)
{
	struct plan plan = { .numbers = { 24000000, 25000000 } };
	struct result results[4] = { 0 };
	size_t i;

	example_settings(argc, argv, "Searches for Armstrong numbers with one worker and with "
			 "several, as processes and as threads, and shows what each took.\v"
			 HELP_EXIT ".", settings);
	if (whole)
		plan.numbers = (struct range){ 20000000, 30000000 };
	run(&results[0], &plan, TEAM_PROCESSES, 1);
	run(&results[1], &plan, TEAM_PROCESSES, workers);
	run(&results[2], &plan, TEAM_THREADS, 1);
	run(&results[3], &plan, TEAM_THREADS, workers);
	print_table(results, ARRAY_SIZE(results));
	for (i = 0; i < ARRAY_SIZE(results); i++) {
		print_found(&results[i]);
		free(results[i].found);
	}
	return output_end();
}
