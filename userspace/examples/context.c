// SPDX-License-Identifier: GPL-2.0-only
/*
 * context: the cost of switching from one flow of control to another.
 *
 * A number goes to the other side, which adds 1, and comes back: this is a round. The other side
 * is a function, the kernel (by a system call), a coroutine, a thread or a process. Code that
 * continues later must find the CPU as it was: its registers, its stack, its memory. The cost
 * depends on how much of this is saved and loaded, and by what.
 *
 * Threads and processes pass the number through two queues. Therefore one row shows the cost of
 * the queues alone, used by one thread, and another one a coroutine that uses them.
 *
 * Look at: the round_ functions, and the column "switches", which counts context switches by the
 * kernel: two per round for threads and processes, none for coroutines, which the kernel does
 * not know. Everything runs on one CPU: one side runs when the other has stopped, either because
 * it slept ("voluntary"), or because the scheduler preferred the thread that it had just woken.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coroutine.h"
#include "example.h"

#define CAPACITY	4096

/* Number of measurements of each way, taken in turn. */
#define SAMPLES		9

static uint64_t rounds;

static const struct setting settings[] = {
	{ .name = "rounds", .count = &rounds, .initial = "500",
	  .doc = "number of rounds" },
	{ 0 }
};

/* Names of the two queues, and the handles of each side. */
static const char *there, *back;
static struct ends here, other;
static struct coroutine *adder, *queue_adder;
static uint64_t handed;

static uint64_t round_function(uint64_t number)
{
	return number + 1;
}

static uint64_t round_system_call(uint64_t number)
{
	syscall(SYS_getppid);
	return number + 1;
}

static void add_to_variable(void *number)
{
	for (;; coroutine_yield())
		++*(uint64_t *)number;
}

static uint64_t round_coroutine(uint64_t number)
{
	handed = number;
	coroutine_resume(adder);
	return handed;
}

/* Work of the other side if there are queues. */
static void add_one(const struct ends *ends)
{
	queue_put_number(ends->to, queue_get_number(ends->from) + 1);
}

static uint64_t round_queues_alone(uint64_t number)
{
	queue_put_number(here.to, number);
	add_one(&other);
	return queue_get_number(here.from);
}

static void add_by_queues(void *ends)
{
	for (;; coroutine_yield())
		add_one(ends);
}

static uint64_t round_coroutine_queues(uint64_t number)
{
	queue_put_number(here.to, number);
	coroutine_resume(queue_adder);
	return queue_get_number(here.from);
}

/* Another thread or process waits for the number. */
static uint64_t round_queues(uint64_t number)
{
	queue_put_number(here.to, number);
	return queue_get_number(here.from);
}

/* Body of the other thread or process. It first reports that it is ready. */
static void serve(void *count)
{
	struct ends ends = ends_open(there, back);
	uint64_t left = *(uint64_t *)count;

	queue_put_number(ends.to, 0);
	while (left--)
		add_one(&ends);
	ends_close(&ends);
}

/**
 * struct way - a way to call the other side
 * @name: name in tables
 * @round: passes a number to the other side and back
 * @why: explanation of the cost
 * @others: number of threads or processes to start
 * @kind: whether they are threads or processes
 * @cost: cost of the fastest measurement
 */
static struct way {
	const char *name;
	uint64_t (*round)(uint64_t number);
	const char *why;
	size_t others;
	enum team_kind kind;
	struct cost cost;
} ways[] = {
	{ .name = "function call", .round = round_function, .why =
	  "the caller saves the few registers that it needs later. Both functions use one stack" },
	{ .name = "system call", .round = round_system_call, .why =
	  "the kernel saves the registers and restores them. The same thread continues" },
	{ .name = "coroutine", .round = round_coroutine, .why =
	  "registers and stack are switched twice, each time with a system call for the signal mask" },
	{ .name = "two queues alone", .round = round_queues_alone, .why =
	  "one thread makes four system calls: two put, two get. Nothing is switched" },
	{ .name = "coroutine, two queues", .round = round_coroutine_queues, .why =
	  "the same four system calls, and two switches of coroutines" },
	{ .name = "thread", .round = round_queues, .others = 1, .kind = TEAM_THREADS, .why =
	  "the same four system calls. Twice the kernel wakes the other thread and switches to it" },
	{ .name = "process", .round = round_queues, .others = 1, .kind = TEAM_PROCESSES, .why =
	  "like threads, but each switch also loads another address space, which costs TLB misses" },
};

static struct cost make_rounds(const struct way *way)
{
	struct team *team = team_start(way->kind, way->others, serve, &rounds);
	struct cost cost, others;
	uint64_t number = 0, i;

	if (way->others)
		queue_get_number(here.from);
	cost = cost_now(RUSAGE_THREAD);
	for (i = 0; i < rounds; i++)
		number = way->round(number);
	cost = cost_since(RUSAGE_THREAD, &cost);
	others = team_join(team);
	if (number != rounds)
		errx(EXIT_FAILURE, "%s: got a wrong number back", way->name);
	cost_add(&cost, &others);
	return cost;
}

static int compare_ways(const void *one, const void *two)
{
	const struct way *a = one, *b = two;

	return (a->cost.ns > b->cost.ns) - (a->cost.ns < b->cost.ns);
}

/* The times range from nanoseconds to microseconds, so the chart is logarithmic. */
static void report(void)
{
	struct chart chart = { .title = "Nanoseconds per round, on a logarithmic scale" };
	struct libscols_table *table = results_new("other side|ns per round|switches|voluntary");
	const struct way *way;

	for (way = ways; way < ways + ARRAY_SIZE(ways); way++) {
		double ns = (double)way->cost.ns / rounds;
		double slept = (double)way->cost.slept / rounds;
		double preempted = (double)way->cost.preempted / rounds;

		results_row(table, "%s|%.1f|%.2f|%.2f", way->name, ns, slept + preempted, slept);
		chart_bar(&chart, way->name, log10(1 + ns), "%.1f ns", ns);
	}
	results_print(table);
	chart_print(&chart);
	printf("\nEach time is the fastest of %d measurements, of %ju rounds each. Why it is so:\n",
	       SAMPLES, rounds);
	for (way = ways; way < ways + ARRAY_SIZE(ways); way++)
		printf("%s: %s.\n", way->name, way->why);
}

int main(int argc, char **argv)
{
	size_t i, sample;

	example_settings(argc, argv, "Shows the cost of switching from one flow of control to "
			 "another.\v" HELP_EXIT ".", settings);
	stay_on_cpu();
	there = queue_new(BBUF_RECORD, CAPACITY);
	back = queue_new(BBUF_RECORD, CAPACITY);
	here = ends_open(back, there);
	other = ends_open(there, back);
	adder = coroutine_new(add_to_variable, &handed);
	queue_adder = coroutine_new(add_by_queues, &other);
	for (sample = 0; sample < SAMPLES; sample++)
		for (i = 0; i < ARRAY_SIZE(ways); i++)
			cost_keep_fastest(&ways[i].cost, make_rounds(&ways[i]));
	qsort(ways, ARRAY_SIZE(ways), sizeof(*ways), compare_ways);
	report();
	coroutine_free(adder);
	coroutine_free(queue_adder);
	ends_close(&here);
	ends_close(&other);
	return output_end();
}
