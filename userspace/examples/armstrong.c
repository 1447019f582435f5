// SPDX-License-Identifier: GPL-2.0-only
/*
 * armstrong: processes against threads for CPU-bound work.
 *
 * An Armstrong number is the sum of its digits, each raised to the power of the number of
 * digits: 153 = 1^3 + 5^3 + 3^3. There are two between 20 and 30 million. First one worker
 * searches for them, then several, as processes and as threads. The numbers are divided into
 * ranges, which are put into a queue. A worker takes a range, searches it, puts what it found
 * into another queue, and takes the next range, until there is none left.
 *
 * Look at: "at once", the CPU time of all workers divided by the elapsed time. It is the average
 * number of workers that ran at the same time; workers that take turns reach 1. The speed-up is
 * the time of one worker divided by the time of several in the same round. It means something only
 * if all rows took the same CPU time for the same search; so compare the CPU seconds first.
 *
 * Processes and threads perform alike. They differ in what they share, not in how they get a
 * CPU. Threads gain nothing if they share a lock, as gil shows.
 */
#include <fcntl.h>
#include <stdio.h>

#include "example.h"
#include "samples.h"

/* Several ranges per worker keep all of them busy until the end. */
#define RANGES		20

#define CAPACITY	4096

/**
 * struct range - range of numbers to search; a record in the queue of ranges
 * @first: first number
 * @end: number after the last one
 */
struct range {
	uint32_t first;
	uint32_t end;
};

/* A worker puts each number that it finds into the queue of results, and this after each range. */
#define RANGE_DONE	0

static uint64_t workers, rounds;
static bool whole;

static const struct setting settings[] = {
	{ .name = "workers", .count = &workers, .initial = "2", .max = RANGES,
	  .doc = "number of workers in the comparison with one" },
	ROUNDS_SETTING(&rounds),
	{ .name = "whole", .yes = &whole,
	  .doc = "search from 20 to 30 million instead of from 24 to 25 million" },
	{ 0 }
};

/**
 * struct plan - what to search, and the queues to use
 * @numbers: range of all numbers
 * @ranges: name of the queue of ranges
 * @results: name of the queue of results
 */
struct plan {
	struct range numbers;
	const char *ranges;
	const char *results;
};

/**
 * struct result - result of a number of workers of one kind
 * @label: description of the workers
 * @cost: cost of the last round
 * @found: numbers found in the last round, in order
 * @count: number of @found
 * @seconds: elapsed time of each round
 * @cpu_seconds: CPU time of each round
 * @at_once: CPU time divided by elapsed time
 * @speed_up: time of one worker in the same round divided by the time of these
 */
struct result {
	char label[TEXT_MAX];
	struct cost cost;
	uint32_t *found;
	size_t count;
	struct samples seconds;
	struct samples cpu_seconds;
	struct samples at_once;
	struct samples speed_up;
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

/* The results arrive in no particular order. */
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

	result->count = 0;
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

/* The first row of each kind has one worker; the others are compared with it. */
static void run_all(struct result *results, struct plan *plan)
{
	run(&results[0], plan, TEAM_PROCESSES, 1);
	run(&results[1], plan, TEAM_PROCESSES, workers);
	run(&results[2], plan, TEAM_THREADS, 1);
	run(&results[3], plan, TEAM_THREADS, workers);
}

static void keep(struct result *result, const struct result *alone)
{
	const struct cost *cost = &result->cost;

	samples_add(&result->seconds, (double)cost->ns / NSEC_PER_SEC);
	samples_add(&result->cpu_seconds, (double)cost->cpu_ns / NSEC_PER_SEC);
	samples_add(&result->at_once, (double)cost->cpu_ns / cost->ns);
	samples_add(&result->speed_up, (double)alone->cost.ns / cost->ns);
}

static void print_table(const struct result *results, size_t count)
{
	char seconds[TEXT_MAX], cpu_seconds[TEXT_MAX], speed_up[TEXT_MAX];
	struct libscols_table *table;
	const struct result *result;

	table = results_new("workers|seconds|spread|CPU seconds|spread|at once|speed-up|spread");
	for (result = results; result < results + count; result++)
		results_row(table, "%s|%.2f|%s|%.2f|%s|%.2f|%.2f|%s", result->label,
			    samples_median(&result->seconds),
			    samples_spread(seconds, &result->seconds),
			    samples_median(&result->cpu_seconds),
			    samples_spread(cpu_seconds, &result->cpu_seconds),
			    samples_median(&result->at_once), samples_median(&result->speed_up),
			    samples_spread(speed_up, &result->speed_up));
	results_print(table);
	samples_explain(rounds);
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
	size_t round, i;

	example_settings(argc, argv, "Searches for Armstrong numbers with one worker and with "
			 "several, as processes and as threads, and shows the time of each.\v"
			 HELP_EXIT ".", settings);
	if (whole)
		plan.numbers = (struct range){ 20000000, 30000000 };
	run_all(results, &plan);
	for (round = 0; round < rounds; round++) {
		run_all(results, &plan);
		for (i = 0; i < ARRAY_SIZE(results); i++)
			keep(&results[i], &results[i / 2 * 2]);
	}
	print_table(results, ARRAY_SIZE(results));
	for (i = 0; i < ARRAY_SIZE(results); i++) {
		print_found(&results[i]);
		free(results[i].found);
	}
	return output_end();
}
